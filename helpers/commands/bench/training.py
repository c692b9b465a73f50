"""How fast do we train, against the trainer that everybody uses? TRL's SFTTrainer, same weights,
rows, epochs, batch, number format, rank and schedule.

    python -m helpers.commands.bench finetune [--rows 64] [--epochs 4] [--seeds 3] [--json]
    python -m helpers.commands.bench finetune --curve [--json]

The first prints seconds, and the tickets right of both; the second our seconds against rows up to
512.

TRL runs twice: with its defaults, and tuned on a CPU (no gradient checkpointing, batches of similar
length, nothing saved on the way). What differs by design is what an adapter acts on: TRL's on
prompt and answer, ours on the answer, see `lora`. Whether that costs accuracy is measured, on all
tickets that no training saw (dev and test: nothing is chosen by what they say here). How much
seeds differ is pooled over the three ways, see `training_grid.versus`. Every training runs in a
process of its own, one after the other, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from helpers.commands.bench import beir
from helpers.data.tickets import load_tickets
from helpers.evaluation.bits import to_bits
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.experiments.training_grid import pooled, spread, versus
from helpers.models import load
from helpers.models.load import Generator
from helpers.systems import TICKET_PROMPT, labelled
from helpers.training.adapters import with_adapter
from helpers.training.lora import encode
from helpers.training.time_estimate import read_per_second
from helpers.training.trainer import LoraSettings, finetune

WAYS = {"ours": "ours", "trl_best": "TRL tuned", "trl_default": "TRL with defaults"}
CURVE = (16, 32, 64, 128, 256, 512)
NON_INFERIOR = -0.05  # the least that the interval of the difference in exact matches may reach


def trained_by_us(
    generator: Generator, rows: Sequence[tuple[str, str]], how: LoraSettings
) -> tuple[Generator, float]:
    """(tuned model, seconds from the model in memory to the finished adapter on disk)."""
    started = time.perf_counter()
    # never a cached adapter
    adapter = finetune(
        generator,
        rows,
        how,
        progress=lambda *_: None,
        say=lambda _: None,
        about={"bench": time.time()},
    )
    return with_adapter(generator, adapter), time.perf_counter() - started


def trained_by_trl(
    generator: Generator, rows: Sequence[tuple[str, str]], how: LoraSettings, at_its_best: bool
) -> tuple[Generator, float]:
    """The same with TRL's SFTTrainer; the seconds are those of `train()` alone."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    faster = {
        "gradient_checkpointing": False,
        "train_sampling_strategy": "group_by_length",
        "save_strategy": "no",
        "dataloader_pin_memory": False,
    }
    steps = how.epochs * -(-len(rows) // how.batch_rows)
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=load.fresh_copy(generator),
            processing_class=generator.tokenizer,
            train_dataset=Dataset.from_list(
                [{"prompt": prompt, "completion": completion} for prompt, completion in rows]
            ),
            peft_config=LoraConfig(
                r=how.rank,
                lora_alpha=2 * how.rank,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
            args=SFTConfig(
                output_dir=folder,
                num_train_epochs=how.epochs,
                per_device_train_batch_size=how.batch_rows,
                learning_rate=how.learning_rate,
                warmup_steps=max(1, steps // 20),
                lr_scheduler_type="linear",
                weight_decay=0.0,
                max_grad_norm=1.0,
                seed=how.seed,
                report_to="none",
                bf16=generator.dtype == "bfloat16",
                fp16=False,
                use_cpu=generator.device == "cpu",
                disable_tqdm=True,
                **(faster if at_its_best else {}),
            ),
        )
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        tuned = trainer.model.merge_and_unload().eval()
    return (
        replace(
            generator,
            name=f"{generator.name} + TRL",
            fingerprint=f"{generator.fingerprint}+trl-{time.time()}",
            model=tuned,
        ),
        seconds,
    )


def ceiling(generator: Generator, rows: Sequence[tuple[str, str]]) -> float:
    """Tokens that the bare model reads in a second, 8 rows of the usual length at once: no training
    step can be faster than that."""
    return read_per_second(
        generator,
        8 * int(statistics.median(len(encode(generator.tokenizer, *row).ids) for row in rows)),
    )


def one(way: str, how: LoraSettings, rows: int, scored: bool) -> dict:
    """One training, in this process: seconds, tokens a second, the ceiling, peak memory, and which
    held-out tickets it has right."""
    import resource

    generator = load.load_generator()
    examples = labelled.training_rows(generator, TICKET_PROMPT, load_tickets("train")[:rows])
    fastest = ceiling(generator, examples)
    train = (
        trained_by_us if way == "ours" else lambda *given: trained_by_trl(*given, way == "trl_best")
    )
    tuned, seconds = train(generator, examples, how)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tokens = how.epochs * sum(len(encode(generator.tokenizer, *row).ids) for row in examples)
    table = (
        evaluate(
            labelled.tuned(tuned, TICKET_PROMPT),
            [*load_tickets("dev"), *load_tickets("test")],
            TICKETS,
            keep=False,
        )
        if scored
        else pd.DataFrame({"right": [], "valid": []})
    )
    return {
        "way": way,
        "seed": how.seed,
        "rows": rows,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds),
        "ceiling": round(fastest),
        "peak_mb": round(peak_mb),
        "right": to_bits(table["right"]),
        "valid": to_bits(table["valid"]),
    }


def apart(way: str, how: LoraSettings, rows: int, scored: bool = True) -> dict:
    """`one`, in a process of its own."""
    words = [way, str(how.seed), str(rows), str(how.epochs), str(int(scored))]
    print(
        f"{WAYS[way]}: {rows} rows, {how.epochs} epochs, seed {how.seed} …",
        file=sys.stderr,
        flush=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "helpers.commands.bench.training", "one", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"{WAYS[way]} stopped with code {done.returncode}; what it said stands above"
        )
    return json.loads(done.stdout.splitlines()[-1])


def bench_finetune(rows: int = 64, epochs: int = 4, seeds: int = 3) -> dict:
    """Seconds and exact matches of the three ways, the ways in turn for every seed. `n` counts
    tickets; each has an answer of every seed."""
    runs = {way: [] for way in WAYS}
    for seed in range(seeds):
        for way in WAYS:
            runs[way].append(apart(way, LoraSettings(epochs=epochs, seed=seed), rows))

    def faster(than: str) -> float:
        return round(
            statistics.median(
                a["seconds"] / b["seconds"] for a, b in zip(runs[than], runs["ours"], strict=True)
            ),
            2,
        )

    bits = {way: tuple(run["right"] for run in found) for way, found in runs.items()}
    ids, noise = tuple(map(str, range(len(bits["ours"][0])))), pooled(bits.values())
    difference = versus(
        (WAYS["trl_best"], bits["trl_best"], True), (WAYS["ours"], bits["ours"], True), ids, noise
    )
    return {
        "bench": "finetune",
        "speedup": faster("trl_best"),
        "speedup_default": faster("trl_default"),
        "rows": rows,
        "epochs": epochs,
        "seeds": seeds,
        "seconds": {way: [run["seconds"] for run in found] for way, found in runs.items()},
        "exact_match": {way: spread(strings, noise) for way, strings in bits.items()},
        "exact_match_difference": {
            "value": difference.difference,
            "low": difference.low,
            "high": difference.high,
            "not_inferior": bool(difference.low > NON_INFERIOR),
        },
        "tokens_per_second": {
            way: statistics.median(run["tokens_per_second"] for run in found)
            for way, found in runs.items()
        },
        "forward_pass_ceiling": statistics.median(
            run["ceiling"] for found in runs.values() for run in found
        ),
        "peak_mb": {way: max(run["peak_mb"] for run in found) for way, found in runs.items()},
        **beir.provenance(),
    }


def curve(epochs: int = 4) -> dict:
    """Our seconds against rows."""
    runs = [apart("ours", LoraSettings(epochs=epochs), rows, scored=False) for rows in CURVE]
    return {
        "bench": "finetune curve",
        "epochs": epochs,
        "seconds": {run["rows"]: run["seconds"] for run in runs},
        "tokens_per_second": {run["rows"]: run["tokens_per_second"] for run in runs},
        **beir.provenance(),
    }


def shown(found: dict) -> str:
    """The result for people."""
    if "speedup" not in found:
        return "\n".join(
            f"{rows:>4} rows: {seconds} s" for rows, seconds in found["seconds"].items()
        )
    d = found["exact_match_difference"]
    return (
        f"{found['speedup']} times as fast as TRL tuned, {found['speedup_default']} times as"
        f" fast as TRL with defaults (seconds: {found['seconds']})\ntickets all right:"
        f" {found['exact_match']}; ours less tuned TRL's {100 * d['value']:+.1f} points"
        f" ({100 * d['low']:+.1f} to {100 * d['high']:+.1f})\ntokens a second:"
        f" {found['tokens_per_second']}, the bare model reads {found['forward_pass_ceiling']}; peak"
        f" memory in MB: {found['peak_mb']}"
    )


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["one"]:
        seed, rows, epochs, scored = map(int, argv[2:])
        with contextlib.redirect_stdout(sys.stderr):
            found = one(argv[1], LoraSettings(epochs=epochs, seed=seed), rows, bool(scored))
        print(json.dumps(found))
        return 0
    parser = argparse.ArgumentParser(
        prog="helpers.commands.bench finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--curve", action="store_true", help="our seconds against rows, without TRL"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    options = parser.parse_args(argv)
    found = (
        curve(options.epochs)
        if options.curve
        else bench_finetune(options.rows, options.epochs, options.seeds)
    )
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
