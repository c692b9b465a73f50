"""How fast do we train, against the trainer that everybody uses? TRL's SFTTrainer, same weights,
rows, epochs, batch, learning rate, number format and schedule.

    python -m helpers.commands.bench finetune [--rows 256] [--epochs 4] [--seeds 3] [--way WAY …]
                                              [--again] [--save] [--json]
    python -m helpers.commands.bench finetune --curve [--json]

The first prints seconds, and the tickets right of both; the second our seconds against rows up to
512. A finished training is kept, so that a stopped bench goes on where it was (--again: everything
anew). WAY: ours, everything, trl_best, trl_default.

TRL runs with its defaults, or tuned on a CPU (no gradient checkpointing, batches of similar length,
nothing saved on the way). What differs by design is which layers get matrices: TRL's all, ours the
upper third, see `lora`; *everything* is our trainer with TRL's design. Each has the best recipe
that was tried for its design (labs_data/build/recipe.py). Whether that costs accuracy
is measured, on all tickets that no training saw (dev and test: nothing is chosen by what they say
here). Compare where learning shows: of 64 rows both learn so little that any two
trainers look alike. How much seeds differ is pooled over the ways, see `training_grid.versus`.
Every training runs in a process of its own, one after the other, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from helpers.commands.bench import beir
from helpers.core import fingerprint, settings
from helpers.core.files import write_measured, write_whole
from helpers.data.tickets import load_tickets
from helpers.evaluation.bits import to_bits
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.experiments.training_cell import RECIPE
from helpers.experiments.training_grid import pooled, spread, versus
from helpers.models import load
from helpers.models.load import Generator
from helpers.systems import TICKET_PROMPT, labelled
from helpers.training.adapters import with_adapter
from helpers.training.lora import encode
from helpers.training.time_estimate import read_per_second
from helpers.training.trainer import LoraSettings, finetune

WAYS = {
    "ours": "ours",
    "everything": "ours in every layer",
    "trl_best": "TRL tuned",
    "trl_default": "TRL with defaults",
}
RACED = ("ours", "trl_best", "everything")  # without a word; TRL's defaults take longest
BESIDE = ("everything", "trl_default")  # these run with one seed only
REFERENCE = settings.DATA / "reference" / "finetune.json"
CURVE = (16, 32, 64, 128, 256, 512)
# what shapes a training and its score
CODE = ("data/tickets", "evaluation", "models", "training", "systems/labelled", "systems/prompts")
# TRL, tuned on a CPU
AT_ITS_BEST = {
    "gradient_checkpointing": False,
    "train_sampling_strategy": "group_by_length",
    "save_strategy": "no",
    "dataloader_pin_memory": False,
}
# matrices in all layers, at the best rate that was tried for them (recipe.json)
CLASSIC = replace(RECIPE, rank=8, from_layer=0)
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
                **(AT_ITS_BEST if at_its_best else {}),
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
    train = trained_by_us
    if way.startswith("trl"):
        train = lambda *given: trained_by_trl(*given, way == "trl_best")  # noqa: E731
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


def kept_at(way: str, how: LoraSettings, rows: int, scored: bool) -> Path:
    """Where a finished training is kept: of these weights, versions and threads, on this machine,
    with this code."""
    about = fingerprint.provenance("", CODE, packages())
    named = (way, how, rows, scored, load.load_generator().fingerprint, load.set_threads())
    named += (AT_ITS_BEST,) if way == "trl_best" else ()
    name = hashlib.sha256(repr((*named, about | {"date": ""})).encode()).hexdigest()[:16]
    return settings.cache_folder("bench") / f"finetune-{name}.json"


def packages() -> list[str]:
    """Those that train, as far as they are installed: TRL is only where it was raced."""
    return [name for name in ("torch", "transformers", "peft", "trl") if find_spec(name)]


def recipe_of(way: str, epochs: int, seed: int = 0) -> LoraSettings:
    """How a way is trained: each with the best recipe that was tried for what it trains."""
    return replace(RECIPE if way == "ours" else CLASSIC, epochs=epochs, seed=seed)


def apart(way: str, how: LoraSettings, rows: int, scored: bool = True, again: bool = False) -> dict:
    """`one`, in a process of its own; once finished it is kept, unless `again`."""
    kept = kept_at(way, how, rows, scored)
    if kept.exists() and not again:
        return json.loads(kept.read_text(encoding="utf-8"))
    print(
        f"{WAYS[way]}: {rows} rows, {how.epochs} epochs, seed {how.seed} …",
        file=sys.stderr,
        flush=True,
    )
    words = [way, str(how.seed), str(rows), str(how.epochs), str(int(scored))]
    done = subprocess.run(
        [sys.executable, "-m", "helpers.commands.bench.training", "one", *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"{WAYS[way]} stopped with code {done.returncode}; what it said stands above"
        )
    write_whole(kept, done.stdout.splitlines()[-1])
    return json.loads(kept.read_text(encoding="utf-8"))


def bench_finetune(
    rows: int = 256,
    epochs: int = 4,
    seeds: int = 3,
    ways: Sequence[str] = RACED,
    again: bool = False,
) -> dict:
    """One row a training (way, seed, seconds, tickets right), the ways in turn for each seed (those
    of BESIDE for the first), and on which machine."""
    runs = [
        apart(way, recipe_of(way, epochs, seed), rows, again=again)
        for seed in range(seeds)
        for way in ways
        if seed == 0 or way not in BESIDE
    ]
    return {
        "bench": "finetune",
        "rows": rows,
        "epochs": epochs,
        "recipes": {way: asdict(recipe_of(way, epochs)) for way in ways},
        "generator": load.load_generator().fingerprint,
        "threads": load.set_threads(),
        **fingerprint.provenance(
            "python3 workbook.py bench finetune --save",
            CODE,
            packages(),
        ),
        "runs": runs,
    }


def compared(found: dict) -> dict:
    """What the runs say: for each way its seconds, tokens a second, memory and exact matches; for
    each but ours, how many times as fast we are (median over its seeds) and the difference in exact
    matches, ours less theirs. `n` counts tickets; each has an answer of every seed."""
    runs: dict[str, list[dict]] = {}
    for run in found["runs"]:
        runs.setdefault(run["way"], []).append(run)
    bits = {way: tuple(run["right"] for run in those) for way, those in runs.items()}
    ids, noise = tuple(map(str, range(len(bits["ours"][0])))), pooled(bits.values())
    table = {}
    for way, those in runs.items():
        table[way] = {
            "seconds": statistics.median(run["seconds"] for run in those),
            "tokens_per_second": statistics.median(run["tokens_per_second"] for run in those),
            "peak_mb": max(run["peak_mb"] for run in those),
            "exact_match": spread(bits[way], noise),
        }
        if way != "ours":
            pairs = zip(those, runs["ours"], strict=False)  # seed by seed
            difference = versus(
                (WAYS[way], bits[way], True), (WAYS["ours"], bits["ours"], True), ids, noise
            )
            table[way] |= {
                "speedup": statistics.median(a["seconds"] / b["seconds"] for a, b in pairs),
                "difference": (difference.difference, difference.low, difference.high),
                "not_inferior": bool(difference.low > NON_INFERIOR),
            }
    return table


def race(path: Path = REFERENCE) -> dict:
    """The race that was saved, and what it says (see `compared`) as `ways`."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return found | {"ways": compared(found)}


def curve(epochs: int = 4) -> dict:
    """Our seconds against rows."""
    runs = [apart("ours", recipe_of("ours", epochs), rows, scored=False) for rows in CURVE]
    return {
        "bench": "finetune curve",
        "epochs": epochs,
        "seconds": {run["rows"]: run["seconds"] for run in runs},
        "tokens_per_second": {run["rows"]: run["tokens_per_second"] for run in runs},
        **beir.provenance(),
    }


def shown(found: dict) -> str:
    """The result for people."""
    if "runs" not in found:
        return "\n".join(
            f"{rows:>4} rows: {seconds} s" for rows, seconds in found["seconds"].items()
        )
    table = compared(found)
    lines = []
    for way, one in table.items():
        m, (share, low, high) = (
            one["exact_match"],
            (100 * one["exact_match"][key] for key in ("share", "low", "high")),
        )
        lines.append(
            f"{WAYS[way]}: {one['seconds']:.0f} s, {one['tokens_per_second']} tokens a second, peak"
            f" memory {one['peak_mb'] / 1000:.1f} GB; all four fields right:"
            f" {share:.0f} % ({low:.0f} to {high:.0f}; n = {m['n']}, {m['seeds']} seeds)"
        )
    for way, one in table.items():
        if way != "ours":
            value, low, high = (100 * x for x in one["difference"])
            verdict = "not inferior" if one["not_inferior"] else "may be inferior"
            lines.append(
                f"ours against {WAYS[way]}: {one['speedup']:.1f} times as"
                f" fast; {value:+.1f} points right ({low:+.1f} to {high:+.1f}: {verdict} at"
                f" {100 * NON_INFERIOR:.0f})"
            )
    fastest = statistics.median(run["ceiling"] for run in found["runs"])
    return "\n".join([*lines, f"the bare model reads {fastest:.0f} tokens a second"])


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["one"]:
        seed, rows, epochs, scored = map(int, argv[2:])
        with contextlib.redirect_stdout(sys.stderr):
            found = one(argv[1], recipe_of(argv[1], epochs, seed), rows, bool(scored))
        print(json.dumps(found))
        return 0
    parser = argparse.ArgumentParser(
        prog="helpers.commands.bench finetune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--way", nargs="+", choices=[*WAYS], default=[*RACED])
    parser.add_argument("--again", action="store_true", help="train anew what was kept")
    parser.add_argument(
        "--save", action="store_true", help="write labs_data/reference/finetune.json"
    )
    parser.add_argument(
        "--curve", action="store_true", help="our seconds against rows, without TRL"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    options = parser.parse_args(argv)
    if options.curve:
        found = curve(options.epochs)
    else:
        ways = [way for way in WAYS if way == "ours" or way in options.way]
        found = bench_finetune(options.rows, options.epochs, options.seeds, ways, options.again)
        if options.save and set(RACED) - set(ways):
            parser.error(f"--save wants the ways {', '.join(RACED)}")
        if options.save:
            head = {key: value for key, value in found.items() if key != "runs"}
            write_measured(REFERENCE, head, runs=found["runs"])
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
