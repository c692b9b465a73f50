"""How is the small model trained until it stops learning, and which way to train learns most?
`python labs_data/build/recipe.py` (about twenty minutes on two cores; finished trials are cached,
so it resumes where it stopped).

    labs_data/reference/recipe.json    one row per trial, with provenance: settings, seconds, and
                                       `right`, `valid` and each field as one 0 or 1 per ticket

Judged on the labelled training tickets that no trial trains on: dev, which judges the training-size
lab, and test choose nothing. What came out is written into `training_cell` by hand, as RECIPE and
EPOCHS_FOR; the trials that lost stay in the table. In the number format of this machine: the trials
are compared with each other. Two cores try two at once, by their places in the list:

    WORKBOOK_THREADS=1 python labs_data/build/recipe.py 0 2 4 6 8 &
    WORKBOOK_THREADS=1 python labs_data/build/recipe.py 1 3 5 7 9
    WORKBOOK_THREADS=1 python labs_data/build/recipe.py    # all of them; the file

Seconds are those of one of two such processes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict, replace

from helpers.core import fingerprint, settings
from helpers.core.cases import Case
from helpers.core.files import write_measured, write_whole
from helpers.experiments import training_cell, training_grid
from helpers.experiments.training_cell import TrainingSetting
from helpers.models import load
from helpers.training.trainer import LoraSettings

REFERENCE = settings.DATA / "reference" / "recipe.json"
MANY, FEW = 256, 64  # labels of a trial
CLASSIC = LoraSettings(epochs=4, rank=8, batch_rows=4, acts_on="everything")
UPPER = replace(CLASSIC, rank=16, from_layer=20)  # a third of the layers, twice as wide
TRIALS: list[tuple[int, LoraSettings]] = [
    *(
        (MANY, replace(CLASSIC, **changed))
        for changed in (
            {"learning_rate": 2e-3, "acts_on": "answer"},
            {"learning_rate": 4e-3, "acts_on": "answer"},
            {"learning_rate": 2e-3},
            {"learning_rate": 4e-3},
            {"learning_rate": 4e-3, "from_layer": 15},
        )
    ),
    *((MANY, replace(UPPER, learning_rate=rate)) for rate in (2e-3, 4e-3, 8e-3)),
    *((FEW, replace(UPPER, learning_rate=4e-3, epochs=epochs)) for epochs in (4, 8, 16)),
]


def judges() -> list[Case]:
    """The labelled training tickets on which no trial is trained."""
    pool = training_cell.labelled(TrainingSetting(max(training_cell.ROWS)))
    return pool[MANY:] + training_cell.held_back()


def trial(generator: load.Generator, rows: int, how: LoraSettings) -> dict:
    """One way to train, judged; cached."""
    cases = judges()
    named = repr((generator.fingerprint, rows, how, [case.id for case in cases]))
    name = hashlib.sha256(named.encode()).hexdigest()[:16]
    cached = settings.cache_folder("labs") / f"recipe-{name}.json"
    if not cached.exists():
        row = training_cell.measure(generator, TrainingSetting(rows), dev=cases, how=how)
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
        f" {row['rank']} | {row['acts_on']} | {row['from_layer']} | {whole['share']:.2f}"
        f" ({whole['low']:.2f} to {whole['high']:.2f}) | {fields['share']:.2f} |"
        f" {row['seconds']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trials", nargs="*", type=int, help="only these; no file is written")
    only = parser.parse_args().trials
    generator, rows = load.load_generator(), []
    print(
        "| labels × epochs | rate | batch | rank | acts on | from layer | all four | fields |"
        f" seconds |\n|{' --- |' * 9}",
        flush=True,
    )
    for labels, how in [TRIALS[i] for i in only] if only else TRIALS:
        rows.append(trial(generator, labels, how))
        print(described(rows[-1]), flush=True)
    if only:
        return
    head = {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/recipe.py", training_cell.CODE),
            "generator": generator.fingerprint,
            "threads": load.set_threads(),
        },
        "ticket_ids": [case.id for case in judges()],
    }
    write_measured(REFERENCE, head, rows=rows)


if __name__ == "__main__":
    main()
