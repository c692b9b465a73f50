"""Measures the reference grid of the chunking lab on dev: `python labs_data/build/chunking.py
[--sample]` (about 40 minutes on two cores in float32; vectors and answers are cached, so it
resumes where it stopped).

    labs_data/reference/chunking.json    one row per setting, with provenance; `found` and `right`
                                         hold one 0 or 1 per case

Retrieval is measured for every strategy, size, overlap, retriever and k; answers only for ANSWERED,
with 60 questions, because a model has to read them.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json

from helpers.core import fingerprint, settings
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions, pick
from helpers.experiments import chunking_grid
from helpers.experiments.chunking_grid import (
    CHUNK_SIZES,
    N_ANSWERS,
    OVERLAPS,
    REFERENCE,
    ChunkingSetting,
)
from helpers.models import load
from helpers.retrieval.chunking import STRATEGIES

ANSWERED = [
    *(
        ChunkingSetting(strategy, size, 0.25, "dense", k)
        for size, k, strategy in itertools.product((64, 128, 256), (1, 3), ("tokens", "sentences"))
    ),
    *(ChunkingSetting("tokens", 64, 0.25, retriever, 1) for retriever in ("hybrid", "bm25")),
]


def provenance() -> dict:
    """Everything that shapes the rows: command, day, machine, weights, number format, data,
    code."""
    data = hashlib.sha256(
        b"".join(
            p.read_bytes() for p in sorted(chunking_grid.settings.DATA.glob("handbook/**/*.md"))
        )
    )
    return {
        **fingerprint.provenance("python labs_data/build/chunking.py", chunking_grid.CODE),
        "generator": load.load_generator().fingerprint,
        "embedder": load.embedder_fingerprint(),
        "handbook_sha256": data.hexdigest(),
        "questions_sha256": (
            hashlib.sha256(
                (chunking_grid.settings.DATA / "questions" / "dev.jsonl").read_bytes()
            ).hexdigest()
        ),
    }


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-answers", action="store_true", help="retrieval only (minutes)")
    skip_answers = parser.parse_args().no_answers
    documents = load_handbook()
    judged = chunking_grid.answerable(load_questions("dev", documents))
    asked = pick(judged, N_ANSWERS)
    rows = []
    for strategy, size, overlap in itertools.product(STRATEGIES, CHUNK_SIZES, OVERLAPS):
        rows += chunking_grid.measure(documents, judged, ChunkingSetting(strategy, size, overlap))
        print(f"{strategy} {size} {overlap}: recall@3 {rows[-11]['recall']:.3f}", flush=True)
    by_setting = {tuple(row[key] for key in vars(ChunkingSetting())): row for row in rows}
    for setting in () if skip_answers else ANSWERED:
        by_setting[tuple(vars(setting).values())] |= chunking_grid.answered(
            load.load_generator(), documents, asked, setting
        )
        print(
            f"{setting}: {by_setting[tuple(vars(setting).values())]['right'].count('1')} of"
            f" {N_ANSWERS} right",
            flush=True,
        )
    head = {
        "provenance": provenance(),
        "facts": [c.fact for c in judged],
        "answer_facts": [c.fact for c in asked],
        "answer_ids": [c.id for c in asked],
    }
    lines = ",\n".join(json.dumps(row) for row in rows)
    REFERENCE.write_text(
        json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{lines}\n]\n}}\n', encoding="utf-8"
    )


if __name__ == "__main__":
    main()
