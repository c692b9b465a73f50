"""Measures the reference grid of the chunking lab on dev: `python labs_data/build/chunking.py`
(an hour or more on two cores in float32, not timed; vectors and answers are cached, so it resumes
where it stopped). `--no-answers --out FILE`: retrieval alone, in minutes, into a file of your own.
`--answers`: answers alone, into the rows that are there.

    labs_data/reference/chunking.json    one row per setting, with provenance; `found`, `right` and
                                         `reader_right` hold one 0 or 1 per case

Retrieval is measured for every strategy, size, overlap, retriever and k, with and without stems,
fused by ranks and by scores; what stands before a chunk is varied for whole sentences. Answers only
for ANSWERED, with 60 questions, because a model has to read them: the model as it is in the plain
prompt (`right`), and, mostly of one passage, the window reader in its own (`reader_right`).
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from helpers.core import fingerprint, settings
from helpers.core.cases import Case
from helpers.core.files import write_measured
from helpers.data.handbook import Document, load_handbook
from helpers.data.questions import load_questions, pick
from helpers.experiments import chunking_grid
from helpers.experiments.chunking_grid import (
    CHUNK_SIZES,
    N_ANSWERS,
    OVERLAPS,
    REFERENCE,
    SEARCHERS,
    ChunkingSetting,
)
from helpers.models import load
from helpers.retrieval.chunking import STRATEGIES
from helpers.retrieval.context import CONTEXTS

WEIGHT = 0.3  # of BM25 where scores are fused, chosen on dev: `search.py`
BEST = ChunkingSetting("sentences", 200, 0.25, "hybrid", 1, "version", True, WEIGHT)
ONE_PASSAGE = [
    *(
        ChunkingSetting(strategy, size)
        for strategy, size in itertools.product(("tokens", "sentences"), (64, 128, 256))
    ),
    *(ChunkingSetting(strategy) for strategy in ("headings", "recursive")),
    ChunkingSetting(overlap=0.0),
    *(
        ChunkingSetting(strategy, retriever=retriever)
        for strategy, retriever in itertools.product(("tokens", "sentences"), ("hybrid", "bm25"))
    ),
    *(ChunkingSetting("sentences", 200, context=context) for context in ("title", "version")),
    ChunkingSetting("sentences", context="place"),
    replace(BEST, chunk_size=64, context="place"),
    BEST,
]
# read by both: a reader that was trained on one passage is shown three
THREE_PASSAGES = [ChunkingSetting(top_k=3), ChunkingSetting("sentences", top_k=3)]
ANSWERED = [
    *ONE_PASSAGE,
    *THREE_PASSAGES,
    # long prompts: by the model as it is alone
    *(
        ChunkingSetting(strategy, size, top_k=3)
        for strategy, size in itertools.product(("tokens", "sentences"), (128, 256))
    ),
]

SIZES = (*CHUNK_SIZES[:2], 200, *CHUNK_SIZES[2:])
# how an index is searched: retrievers, stem, lexical_weight
WAYS = (
    (SEARCHERS, False, 0.0),
    (("bm25", "hybrid"), True, 0.0),
    (("hybrid",), True, WEIGHT),
)
CUTS = [
    *itertools.product(STRATEGIES, SIZES, OVERLAPS, ("title",)),
    *itertools.product(
        ("sentences",), SIZES, OVERLAPS, [context for context in CONTEXTS if context != "title"]
    ),
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
    parser.add_argument("--answers", action="store_true", help="answers only")
    parser.add_argument("--out", type=Path, default=REFERENCE)
    args = parser.parse_args()
    skip_answers, out = args.no_answers, args.out
    if skip_answers and out == REFERENCE:
        parser.error("--no-answers would drop the answers of the reference; name another --out")
    plain = vars(ChunkingSetting())
    documents = load_handbook()
    judged = chunking_grid.answerable(load_questions("dev", documents))
    asked = pick(judged, N_ANSWERS)
    if args.answers:
        head = json.loads(REFERENCE.read_text(encoding="utf-8"))
        rows, head["answered"] = head.pop("rows"), provenance()
        if head["facts"] != [c.fact for c in judged] or head["answer_ids"] != [c.id for c in asked]:
            parser.error("the rows are of other questions; measure them again, without --answers")
    else:
        rows, head = measured(documents, judged), {"provenance": provenance()}
    head |= {
        "ids": [c.id for c in judged],
        "facts": [c.fact for c in judged],
        "answer_facts": [c.fact for c in asked],
        "answer_ids": [c.id for c in asked],
    }
    by_setting = {ChunkingSetting(**{k: r[k] for k in plain if k in r}): r for r in rows}
    for setting in () if skip_answers else ANSWERED:
        if setting not in by_setting:  # of a grid that was measured before there was this setting
            how = ([setting.retriever], [setting.top_k])
            rows += chunking_grid.measure(documents, judged, setting, *how)
            by_setting[setting] = rows[-1]
        row = by_setting[setting]
        row |= answers(documents, asked, setting)
        said = {name: row[name].count("1") for name in columns(setting)}
        print(f"{setting}: {said} of {N_ANSWERS}", flush=True)
        write_measured(out, head, rows=rows)
    write_measured(out, head, rows=rows)


def measured(documents: Sequence[Document], judged: Sequence[Case]) -> list[dict]:
    """The rows of all cuts, without answers."""
    rows = []
    for strategy, size, overlap, context in CUTS:
        for retrievers, stem, weight in WAYS:
            setting = ChunkingSetting(
                strategy, size, overlap, context=context, stem=stem, lexical_weight=weight
            )
            rows += chunking_grid.measure(documents, judged, setting, retrievers)
        recall = next(row["recall"] for row in reversed(rows) if row["top_k"] == 3)
        print(f"{strategy} {size} {overlap} {context}: hybrid recall@3 {recall:.3f}", flush=True)
    return rows


def columns(setting: ChunkingSetting) -> tuple[str, ...]:
    """Who answers in a setting: the model as it is, and, where it is asked, the window reader."""
    return ("right", "reader_right")[: 1 + (setting in [*ONE_PASSAGE, *THREE_PASSAGES])]


def answers(documents: Sequence[Document], asked: Sequence[Case], setting: ChunkingSetting) -> dict:
    """What the model makes of a setting, and what the window reader makes of it."""
    found: dict = {}
    for column in columns(setting):
        model = chunking_grid.reading(column)
        found |= chunking_grid.answered(model, documents, asked, setting, column=column)
    return found


if __name__ == "__main__":
    main()
