"""The workbook's ticket adapter, trained by one process or by several.

    python deploy/training/train.py --processes 2                      two processes of this CPU
    accelerate launch --config_file deploy/training/one_gpu.yaml deploy/training/train.py
    accelerate launch --config_file deploy/training/gpus.yaml deploy/training/train.py

All make the adapter that `finetune` makes, in the workbook's cache; the first process keeps it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace

from processes import one_training


def train(rows: int, epochs: int, batch_rows: int) -> None:
    """This process's part of the training."""
    import accelerate

    state = accelerate.PartialState(cpu=not _gpus_wanted())
    if state.device.type == "cuda":
        os.environ["WORKBOOK_DEVICE"] = str(state.device)
    with cache_of(state):
        from helpers.data.tickets import load_tickets
        from helpers.experiments.training_cell import RECIPE
        from helpers.models.load import load_generator
        from helpers.systems import TICKET_PROMPT, labelled
        from helpers.training import finetune

        generator = load_generator()
        pairs = labelled.training_rows(generator, TICKET_PROMPT, load_tickets("train")[:rows])
        how = replace(RECIPE, epochs=epochs, batch_rows=batch_rows)
        with one_training(state):
            adapter = finetune(generator, pairs, how)
        if state.is_main_process:
            losses = adapter.card["losses"]
            print(f"{adapter.folder}: loss {losses[0]:.4f} to {losses[-1]:.4f}")
    state.wait_for_everyone()
    state.destroy_process_group()


def _gpus_wanted() -> bool:
    """Started by `accelerate launch` with a configuration for graphics cards?"""
    return os.environ.get("ACCELERATE_USE_CPU", "").lower() not in ("1", "true", "yes") and (
        "LOCAL_RANK" in os.environ or "ACCELERATE_MIXED_PRECISION" in os.environ
    )


@contextlib.contextmanager
def cache_of(state) -> Iterator[None]:
    """Only the first process keeps its adapter: two may not hold the same lock."""
    if state.is_main_process:
        yield
        return
    from helpers.core import settings

    os.environ.setdefault("WORKBOOK_WEIGHTS", str(settings.cache_folder("weights")))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WORKBOOK_CACHE"] = folder
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=1, help="of this CPU (default: 1)")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch-rows", type=int, default=8)
    told = parser.parse_args()
    words = (told.rows, told.epochs, told.batch_rows)
    if told.processes == 1:
        train(*words)
        return 0
    import accelerate

    # Not `accelerate launch --cpu`, which starts one process without a word, nor torchrun, which
    # listens on every interface: these meet in a file, on this machine only.
    accelerate.debug_launcher(train, words, num_processes=told.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
