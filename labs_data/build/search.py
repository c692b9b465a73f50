"""Which way to cut, embed and search finds the evidence? `python labs_data/build/search.py` (ten
minutes on two cores; vectors and indexes are cached, so it resumes where it stopped).

    labs_data/reference/search.json    one row per way and k, with provenance; `found` holds one 0
                                       or 1 per case, in the order of `case_ids`

Measured on dev, retrieval alone: no model answers. Prints the table as Markdown, and the cases
whose evidence the best way does not find among five passages. The best of many ways on the same
cases looks better than it is: what is chosen here is to be confirmed on cases that chose nothing.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from helpers.core import fingerprint, settings
from helpers.core.files import write_measured
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.experiments.chunking_grid import answerable, judge
from helpers.models import load
from helpers.retrieval.context import CONTEXTS
from helpers.retrieval.index import build_index

REFERENCE = settings.DATA / "reference" / "search.json"
CODE = ("evaluation", "models", "retrieval", "experiments/chunking_grid")
TOP_KS = (1, 3, 5, 10, 20, 50)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
COURSE = {"strategy": "tokens", "chunk_size": 64, "overlap": 16}  # what notebook 02 builds
LONG = {"strategy": "sentences", "chunk_size": 200, "overlap": 50}
BEST = LONG | {"stem": True, "lexical_weight": 0.3}
SHORT = {"strategy": "sentences", "chunk_size": 64, "overlap": 16}


def ways() -> list[tuple[str, dict[str, Any]]]:
    """(retriever, options of `build_index`) of all that is measured."""
    return [
        # the course's index, and what each way of searching makes of it
        ("dense", COURSE),
        ("bm25", COURSE),
        ("bm25", COURSE | {"stem": True}),
        ("hybrid", COURSE),
        ("hybrid", COURSE | {"stem": True}),
        ("hybrid", COURSE | {"stem": True, "lexical_weight": 0.3}),
        # longer pieces, in whole sentences
        ("dense", LONG),
        ("bm25", LONG),
        ("bm25", LONG | {"stem": True}),
        ("hybrid", LONG),
        ("hybrid", LONG | {"stem": True}),
        ("hybrid", LONG | {"lexical_weight": 0.3}),
        *(("hybrid", LONG | {"stem": True, "lexical_weight": weight}) for weight in WEIGHTS),
        # what stands before a chunk
        *(("dense", LONG | {"context": context}) for context in CONTEXTS if context != "title"),
        *(("hybrid", BEST | {"context": context}) for context in CONTEXTS if context != "title"),
        # the same with short pieces, of which more can be passed for the same tokens
        *(("dense", SHORT | {"context": context}) for context in CONTEXTS),
        *(
            ("hybrid", SHORT | {"stem": True, "lexical_weight": 0.3, "context": context})
            for context in CONTEXTS
        ),
        # how it is cut
        ("hybrid", BEST | {"overlap": 0}),
        ("hybrid", BEST | {"chunk_size": 128, "overlap": 32}),
        ("hybrid", BEST | {"strategy": "tokens"}),
        ("hybrid", BEST | {"strategy": "tokens", "table_headers": True, "whole_rows": True}),
        ("hybrid", BEST | {"strategy": "recursive"}),
        ("hybrid", BEST | {"strategy": "headings"}),
        ("hybrid", BEST | {"table_headers": True}),
        ("hybrid", BEST | {"table_headers": True, "context": "place"}),
    ]


def described(retriever: str, options: dict[str, Any]) -> str:
    """A way in words, as a row of the table names it."""
    weight = options.get("lexical_weight")
    how = {"bm25": "BM25", "hybrid": "hybrid by ranks"}.get(retriever, retriever)
    if retriever == "hybrid" and weight is not None:
        how = f"hybrid, BM25 weighs {weight:g}"
    return ", ".join(
        [
            f"{options['strategy']} {options['chunk_size']}/{options['overlap']}",
            options.get("context", "title"),
            *(
                name.replace("_", " ")
                for name in ("table_headers", "whole_rows")
                if options.get(name)
            ),
            how + (" on stems" if options.get("stem") and retriever != "dense" else ""),
        ]
    )


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=REFERENCE)
    out = parser.parse_args().out
    documents = load_handbook()
    cases = answerable(load_questions("dev", documents))
    asks, rows = [case.ask for case in cases], []
    print(
        f"| way | {' | '.join(f'k = {k}' for k in TOP_KS)} | tokens at 3, 5 |\n"
        f"| --- |{' --- |' * (len(TOP_KS) + 1)}",
        flush=True,
    )
    for retriever, options in ways():
        index = build_index(documents, say=lambda _: None, **options)
        found = index.search_all(asks, max(TOP_KS), retriever)
        mine = [
            {
                "retriever": retriever,
                **options,
                "top_k": k,
                "chunks": index.size,
                **judge(cases, [passages[:k] for passages in found]),
            }
            for k in TOP_KS
        ]
        cells = [f"{r['recall']:.2f} ({r['low']:.2f} to {r['high']:.2f})" for r in mine]
        tokens = f"{mine[1]['tokens']:.0f}, {mine[2]['tokens']:.0f}"
        print(f"| {described(retriever, options)} | {' | '.join(cells)} | {tokens} |", flush=True)
        rows += mine
        if (retriever, options) == ("hybrid", BEST):
            missed = [
                (case, passages)
                for case, passages in zip(cases, found, strict=True)
                if not evidence_found(case.gold.evidence, passages[:5])
            ]
    print(f"\nMissed among five passages by {described('hybrid', BEST)}:")
    for case, passages in missed:
        ranks = [
            next(
                (k for k, _ in enumerate(passages, 1) if evidence_found([one], passages[:k])), None
            )
            for one in case.gold.evidence
        ]
        print(
            f"\n{case.id} ({case.kind}), ranks {ranks}: {case.ask.input}\n"
            + "".join(f"  wanted {one.doc}: {one.quote}\n" for one in case.gold.evidence)
            + "".join(f"  found {p.doc}: {' '.join(p.text.split())[:90]}\n" for p in passages[:5])
        )
    head = {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/search.py", CODE),
            "embedder": load.embedder_fingerprint(),
            "questions_sha256": hashlib.sha256(
                (settings.DATA / "questions" / "dev.jsonl").read_bytes()
            ).hexdigest(),
        },
        "case_ids": [case.id for case in cases],
        "facts": [case.fact for case in cases],
    }
    write_measured(out, head, rows=rows)


if __name__ == "__main__":
    main()
