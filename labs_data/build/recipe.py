"""How is the small model trained until it stops learning? `python labs_data/build/recipe.py` (about
an hour on one core; finished trials are cached, so it resumes where it stopped).

    labs_data/reference/recipe.json    one row per trial, with provenance: settings, seconds, and
                                       `right`, `valid` and each field as one 0 or 1 per ticket

Judged on the labelled tickets that `training_cell.held_back` keeps from training: dev, which judges
the training-size lab, chooses nothing. What came out is written into `training_cell` by hand, as
RECIPE and EPOCHS_FOR; the failed trials stay in the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict, replace

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured, write_whole
from helpers.experiments import training_cell, training_grid
from helpers.experiments.training_cell import RECIPE, TrainingSetting
from helpers.models import load
from helpers.training.trainer import LoraSettings

REFERENCE = settings.DATA / "reference" / "recipe.json"
MANY, FEW = 256, 64  # labels of a trial
TRIALS: list[tuple[int, LoraSettings]] = [
    *(
        (MANY, replace(RECIPE, epochs=4, **changed))
        for changed in (
            {"learning_rate": 1e-3},
            {"learning_rate": 2e-3},
            {"learning_rate": 4e-3, "batch_rows": 8},
            {"learning_rate": 1e-3, "acts_on": "everything"},
        )
    ),
    *((FEW, replace(RECIPE, epochs=epochs)) for epochs in (4, 8, 16)),
]


def trial(generator: load.Generator, rows: int, how: LoraSettings) -> dict:
    """One way to train, judged on the tickets that were held back; cached."""
    judges = training_cell.held_back()
    named = repr((generator.fingerprint, rows, how, [case.id for case in judges]))
    name = hashlib.sha256(named.encode()).hexdigest()[:16]
    cached = settings.cache_folder("labs") / f"recipe-{name}.json"
    if not cached.exists():
        row = training_cell.measure(generator, TrainingSetting(rows), dev=judges, how=how)
        unsaid = (*vars(TrainingSetting()), "epochs_trained")  # said by the settings themselves
        row = {key: value for key, value in row.items() if key not in unsaid}
        write_whole(cached, json.dumps({"rows": rows, **asdict(how)} | row))
    return json.loads(cached.read_text(encoding="utf-8"))


def described(row: dict) -> str:
    """A trial as a line of the table: what, all four right, share of fields, seconds."""
    whole, fields = (
        training_grid.spread(
            [training_grid.bits(row, column)], per=training_grid.per_ticket(column)
        )
        for column in ("right", training_grid.ALL_FIELDS)
    )
    return (
        f"| {row['rows']} × {row['epochs']} | {row['learning_rate']:g} | {row['batch_rows']} |"
        f" {row['acts_on']} | {whole['share']:.2f} ({whole['low']:.2f} to {whole['high']:.2f}) |"
        f" {fields['share']:.2f} | {row['seconds']:.0f} |"
    )


def main() -> None:
    settings.references_in_float32()
    argparse.ArgumentParser(description=__doc__).parse_args()
    generator, rows = load.load_generator(), []
    print(
        "| labels × epochs | learning rate | batch | acts on | all four | fields | seconds |\n"
        f"|{' --- |' * 7}",
        flush=True,
    )
    for labels, how in TRIALS:
        rows.append(trial(generator, labels, how))
        print(described(rows[-1]), flush=True)
    head = {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/recipe.py", training_cell.CODE),
            "generator": generator.fingerprint,
            "threads": load.set_threads(),
        },
        "ticket_ids": [case.id for case in training_cell.held_back()],
    }
    write_measured(REFERENCE, head, rows=rows)


if __name__ == "__main__":
    main()
