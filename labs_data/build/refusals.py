"""Measures RAG with its threshold, and without, on all dev questions, for notebook 10:
`python labs_data/build/refusals.py` (a minute: the answers are those of notebooks 01 and 02, which
come with the workbook; what is not there is answered now).

    labs_data/reference/refusals.json    `right` and `abstained` of each arm: one 0 or 1 per
                                         question, in the order of `questions`
"""

from __future__ import annotations

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured
from helpers.data.handbook import load_handbook
from helpers.experiments import refusals
from helpers.models import load
from helpers.retrieval.index import build_index


def main() -> None:
    settings.references_in_float32()
    generator, cases = load.load_generator(), refusals.dev_questions()
    index = build_index(load_handbook(), chunk_size=64, overlap=16)  # the course's own
    arms = []
    for name in refusals.ARMS:
        arms.append(found := refusals.measure(generator, index, name, cases))
        n = len(cases)
        print(f"{name}: right {found['right'].count('1')} of {n}, refused", end=" ")
        print(found["abstained"].count("1"), flush=True)
    rows = [
        {
            "id": case.id,
            "to_refuse": not case.gold.answers,
        }
        for case in cases
    ]
    about = fingerprint.provenance(
        "python labs_data/build/refusals.py", refusals.CODE, ("torch", "transformers")
    )
    about |= {"generator": generator.fingerprint, "index": index.name}
    write_measured(refusals.REFERENCE, {"provenance": about}, questions=rows, arms=arms)


if __name__ == "__main__":
    main()
