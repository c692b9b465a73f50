"""Measures the course's running score: `python labs_data/build/climb.py` (four systems with 60
answers each, a few minutes; answers are cached, so it resumes where it stopped). What the grid of
03 or the kept answers of a notebook hold is taken from there; with --kept nothing else is measured,
and a step that is in neither stays without a number.

    labs_data/reference/climb.json    `steps`: a step's name and `right`, one 0 or 1 per question of
                                      `ids`, the dev questions that the grid of 03 was asked
"""

from __future__ import annotations

import sys

import pandas as pd

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured
from helpers.data.askers import load_askers
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.bits import to_bits
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.experiments import chunking_grid, climb
from helpers.models import load
from helpers.training.adapters import reference_adapter, with_adapter

KEPT = ("closed book",)  # notebook 02 asks it; its answers come with the workbook


def in_the_grid(name: str) -> str | None:
    """The bits of a step that the grid of 03 has answered."""
    if name not in climb.IN_THE_GRID:
        return None
    bits = chunking_grid.row_of(chunking_grid.load_grid(), climb.IN_THE_GRID[name])["right"]
    return bits if isinstance(bits, str) and not pd.isna(bits) else None


def main(arguments: list[str]) -> None:
    settings.references_in_float32()
    generator, documents = load.load_generator(), load_handbook()
    reader = with_adapter(generator, reference_adapter("window_reader", generator))
    cases = climb.the_questions(load_questions("dev", documents))
    steps = []
    for name, arm in climb.arms(generator, reader, documents, cases, load_askers("dev")).items():
        right = in_the_grid(name)
        if right is None and "--kept" in arguments and name not in KEPT:
            continue
        right = right or to_bits(evaluate(arm(), cases, QUESTIONS)["right"])
        steps.append({"name": name, "right": right})
        print(f"{name}: {right.count('1')} of {len(cases)}", flush=True)
    command = " ".join(["python labs_data/build/climb.py", *arguments])
    about = fingerprint.provenance(command, climb.CODE, ("torch", "transformers"))
    about |= {"generator": generator.fingerprint, "reader": reader.fingerprint}
    head = {
        "provenance": about,
        "ids": [case.id for case in cases],
        "facts": [case.fact for case in cases],
    }
    write_measured(climb.REFERENCE, head, steps=steps)


if __name__ == "__main__":
    main(sys.argv[1:])
