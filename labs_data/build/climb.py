"""Measures the course's running score: `python labs_data/build/climb.py` (a few minutes; answers
are cached, so it resumes where it stopped).

    labs_data/reference/climb.json    `steps`: a step's name and `right`, one 0 or 1 per question of
                                      `ids`, the dev questions that the grid of 03 was asked
"""

from __future__ import annotations

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.bits import to_bits
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.experiments import climb
from helpers.models import load
from helpers.training.adapters import reference_adapter, with_adapter


def main() -> None:
    settings.references_in_float32()
    generator, documents = load.load_generator(), load_handbook()
    reader = with_adapter(generator, reference_adapter("reader", generator))
    cases = climb.the_questions(load_questions("dev", documents))
    steps = []
    for name, arm in climb.arms(generator, reader, documents, cases).items():
        right = to_bits(evaluate(arm(), cases, QUESTIONS)["right"])
        steps.append({"name": name, "right": right})
        print(f"{name}: {right.count('1')} of {len(cases)}", flush=True)
    about = fingerprint.provenance(
        "python labs_data/build/climb.py", climb.CODE, ("torch", "transformers")
    )
    about |= {"generator": generator.fingerprint, "reader": reader.fingerprint}
    head = {
        "provenance": about,
        "ids": [case.id for case in cases],
        "facts": [case.fact for case in cases],
    }
    write_measured(climb.REFERENCE, head, steps=steps)


if __name__ == "__main__":
    main()
