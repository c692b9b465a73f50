"""Measures the reference grid of the training-size lab on dev: `python labs_data/build/training.py
[--only PART …]` (about two hours on one core, half of that on two: see below).

    labs_data/reference/training.json    one row per setting and seed, with provenance; `right`,
                                         `valid` and each field hold one 0 or 1 per dev ticket

Every finished cell is cached at once, so it resumes where it stopped; cells of the file that were
made from the same weights, recipe and tickets are kept, on any machine. PART: rows, epochs, rank,
noise; or one size, such as 32. The file holds all cells that are finished by now; the others are
listed under `missing`. Two cores train two cells at once faster than one after the other:

    WORKBOOK_THREADS=1 python labs_data/build/training.py --seeds 0 --cells &
    WORKBOOK_THREADS=1 python labs_data/build/training.py --seeds 1 2 --cells
    WORKBOOK_THREADS=1 python labs_data/build/training.py        # what needs no training; the file
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import time
from dataclasses import asdict

from measure import keywords  # the script beside this one

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured, write_whole
from helpers.data.tickets import load_tickets
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.experiments import training_cell, training_grid
from helpers.experiments.training_cell import (
    NOISES,
    RANKS,
    RECIPE,
    ROWS,
    SEEDS,
    TrainingSetting,
)
from helpers.models import load
from helpers.systems import TICKET_PROMPT, few_shot, retrieved_examples

PARTS = {  # in order of importance
    "rows": [
        TrainingSetting(rows, seed=seed)
        for seed, rows in itertools.product(SEEDS, ROWS)
        if rows or not seed
    ],
    "epochs": [
        TrainingSetting(rows, epochs, seed=seed)
        for seed, (rows, epochs) in itertools.product(SEEDS, ((64, 1), (64, 4), (256, 1)))
    ],
    "noise": [
        TrainingSetting(256, label_noise=noise, seed=seed)
        for seed, noise in itertools.product(SEEDS, NOISES[1:])
    ],
    "rank": [
        TrainingSetting(64, rank=rank, seed=seed)
        for seed, rank in itertools.product(SEEDS, (r for r in RANKS if r != RECIPE.rank))
    ],
}
CELLS = [setting for part in PARTS.values() for setting in part]
FEW = 8  # examples in the prompt of the two few-shot arms, as in notebook 05


def wanted(only: list[str]) -> list[TrainingSetting]:
    """The cells of these parts or sizes; all without a word. Raises SystemExit for a word that is
    neither."""
    if unknown := [word for word in only if word not in PARTS and not word.isdecimal()]:
        raise SystemExit(
            f"--only {' '.join(unknown)}: give {', '.join(PARTS)}, or a number of rows"
        )
    sizes = {int(word) for word in only if word.isdecimal()}
    return [
        s
        for part, cells in PARTS.items()
        for s in cells
        if not only or part in only or (s.rows in sizes and part == "rows")
    ]


def provenance(generator: load.Generator) -> dict:
    """Everything that shapes the rows: command, day, machine, weights, number format, recipe, data,
    code."""
    digest = {
        f"{split}_sha256": (
            hashlib.sha256((settings.DATA / "tickets" / f"{split}.jsonl").read_bytes()).hexdigest()
        )
        for split in ("train", "dev")
    }
    return {
        **fingerprint.provenance("python labs_data/build/training.py", training_cell.CODE),
        "threads": load.set_threads(),
        "generator": generator.fingerprint,
        "embedder": load.embedder_fingerprint(),
        "recipe": asdict(RECIPE) | {"epochs": training_cell.EPOCHS_FOR},
        **digest,
    }


SAME = ("generator", "recipe", "train_sha256", "dev_sha256")  # what makes a row what it is


def keep_known(generator: load.Generator) -> list[dict] | None:
    """Put the rows of the file into the cache, where they are still those of these weights, this
    recipe and these tickets; its baselines, which no recipe shapes, where weights and tickets are
    the same, else None."""
    now = json.loads(json.dumps(provenance(generator)))  # the keys of JSON are strings
    saved = json.loads(training_grid.REFERENCE.read_text(encoding="utf-8"))
    other = [key for key in SAME if saved["provenance"].get(key) != now[key]]
    if other:
        sizes = [one["recipe"]["epochs"].keys() for one in (saved["provenance"], now)]
        return saved["baselines"] if other == ["recipe"] and sizes[0] == sizes[1] else None
    names = vars(TrainingSetting())
    for row in saved["rows"]:
        cached = training_cell.cached_row(
            generator, TrainingSetting(**{name: row[name] for name in names})
        )
        if not cached.exists():
            write_whole(cached, json.dumps(row))
    return saved["baselines"]


def baselines(generator: load.Generator) -> list[dict]:
    """The systems that train no language model, on the same dev tickets: for every size and seed
    the most common label, the nearest neighbour and the classifier; keywords; few-shot with the
    same examples for all, and with the most similar ones of the largest size."""
    dev, train = training_cell.dev_tickets(), load_tickets("train")
    rows = [
        {"arm": arm, "rows": s.rows, "seed": s.seed, **bits}
        for s in PARTS["rows"]
        if s.rows
        for arm, bits in training_grid.without_training(training_cell.labelled(s), dev).items()
    ]
    rows.append(
        {
            "arm": "keywords",
            "rows": 0,
            "seed": 0,
            **training_grid.judged([keywords(c.ask.input) for c in dev], dev),
        }
    )
    pool = training_cell.labelled(TrainingSetting(max(ROWS)))
    for arm, labels in (
        (few_shot(generator, TICKET_PROMPT, train[:FEW]), FEW),
        (retrieved_examples(generator, TICKET_PROMPT, pool, FEW), len(pool)),
    ):
        table = evaluate(arm, dev, TICKETS, live=True)
        rows.append({"arm": arm.name, "rows": labels, "seed": 0, **training_cell.bits_of(table)})
    return rows


def write(generator: load.Generator, compared: list[dict]) -> list[TrainingSetting]:
    """The file of all cells that are finished; those that are not."""
    kept = {s: training_cell.cached_row(generator, s) for s in CELLS}
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in kept.values() if path.exists()]
    missing = [s for s, path in kept.items() if not path.exists()]
    head = {
        "provenance": provenance(generator),
        "missing": [vars(s) for s in missing],
        "dev_ids": [c.id for c in training_cell.dev_tickets()],
    }
    write_measured(training_grid.REFERENCE, head, baselines=compared, rows=rows)
    return missing


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        help="rows, epochs, rank, noise, or sizes such as 16 32; default: all",
    )
    parser.add_argument(
        "--seeds", nargs="*", type=int, default=list(SEEDS), help="of these seeds only"
    )
    parser.add_argument(
        "--cells", action="store_true", help="train and cache, leave the file as it is"
    )
    parser.add_argument(
        "--baselines", action="store_true", help="ask the systems without training again, too"
    )
    asked = parser.parse_args()
    cells = [s for s in wanted(asked.only) if s.seed in asked.seeds]
    generator, begun = load.load_generator(), time.perf_counter()
    compared = keep_known(generator)
    for number, setting in enumerate(cells, start=1):
        row = training_cell.live(setting, generator=generator)
        print(
            f"{number} of {len(cells)}, {time.perf_counter() - begun:.0f} s: {setting}, seed"
            f" {setting.seed}: {row['right'].count('1')} of {row['n']} right, trained in"
            f" {row['seconds']:.0f} s, loss {row['loss']}",
            flush=True,
        )
    if not asked.cells:
        if compared is None or asked.baselines:
            compared = baselines(generator)
        missing = write(generator, compared)
        print(f"{training_grid.REFERENCE.name}: {len(CELLS) - len(missing)} of {len(CELLS)} cells")


if __name__ == "__main__":
    main()
