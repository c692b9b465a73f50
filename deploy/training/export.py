"""One model for a server: the adapter added to the weights and saved as safetensors, which vLLM,
Text Generation Inference and transformers read. No part of the workbook is needed to use it.

    python deploy/training/export.py ADAPTER FOLDER

ADAPTER: a folder that `finetune` made with acts_on="everything"; one that acts on answers only
cannot be added to the weights, and is refused.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from helpers.core.files import build_aside
from helpers.models.load import Generator, load_generator
from helpers.training.adapters import Adapter, AdapterError, merged, opened


def export(generator: Generator, adapter: Adapter, folder: Path) -> None:
    """Write model and tokenizer to a new folder, whole or not at all. Raises AdapterError where
    they cannot be merged, FileExistsError where something is there."""
    if folder.exists():
        raise FileExistsError(f"{folder} is there; name a new folder")
    one = merged(generator, adapter)
    with build_aside(folder) as aside:
        one.model.save_pretrained(aside)
        one.tokenizer.save_pretrained(aside)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("adapter", type=Path)
    parser.add_argument("folder", type=Path)
    told = parser.parse_args(argv)
    try:
        export(load_generator(), opened(told.adapter), told.folder)
    except (AdapterError, OSError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    print(f"{told.folder}: use it as WORKBOOK_MODEL={told.folder}, or serve it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
