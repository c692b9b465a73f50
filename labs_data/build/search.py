"""Which way to cut, embed and search finds the evidence? `python labs_data/build/search.py` (ten
minutes on two cores; vectors and indexes are cached, so it resumes where it stopped).

    labs_data/reference/search.json    one row per way and k, with provenance; `found` holds one 0
                                       or 1 per case, in the order of `case_ids`; `sentences`:
                                       the same with a search by the best sentence, and for the
                                       region of whoever asks (`--only sentences` measures these
                                       alone and keeps the rest)

Measured on dev, retrieval alone: no model answers. Prints the table as Markdown, and the cases
whose evidence the best way does not find among five passages. The best of many ways on the same
cases looks better than it is: what is chosen here is to be confirmed on cases that chose nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.core import fingerprint, settings
from helpers.core.cases import Case
from helpers.core.files import write_measured
from helpers.data.askers import load_askers
from helpers.data.handbook import Document, load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.experiments.chunking_grid import answerable, judge
from helpers.models import load
from helpers.retrieval.context import CONTEXTS
from helpers.retrieval.index import build_index
from helpers.retrieval.sentence_search import sentence_search
from helpers.systems.tuned_search import WEIGHTS as CHOSEN
from helpers.systems.tuned_search import sentence_windows

REFERENCE = settings.DATA / "reference" / "search.json"
CODE = ("evaluation", "models", "retrieval", "experiments/chunking_grid")
CODE_SENTENCES = (*CODE, "data/askers", "systems/tuned_search")
CHUNKS = ("strategy", "chunk_size", "overlap", "stem", "context")  # of `build_index`
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


def sentence_ways() -> list[dict[str, Any]]:
    """What `sentence_search` is given: which chunks, the weights, what another region loses, and
    the tokens of the windows that are shown in place of chunks."""
    version = BEST | {"context": "version"}
    half = {"sentence_weight": 0.35, "lexical_weight": 0.3}
    return [
        *(
            {**chunks, "sentence_weight": sentences, "lexical_weight": words}
            for chunks in (BEST, version)
            for sentences, words in (
                (0.0, 0.3),
                (0.2, 0.3),
                (0.35, 0.3),
                (0.5, 0.3),
                (0.7, 0.3),
                (0.4, 0.2),
            )
        ),
        *(version | half | {"other_region": loss} for loss in (0.05, 0.1, 0.2, 0.4, 9.0)),
        *(version | half | {"other_region": 0.1, "window_tokens": tokens} for tokens in (64, 80)),
        # chunks and sentences by the tuned embedder of 09: chunks, and windows of several lengths
        *(
            version | CHOSEN | {"window_tokens": tokens, "embedder": "tuned"}
            for tokens in (None, 60, 80, 120, 160)
        ),
    ]


def by_sentence(cases: Sequence[Case], documents: Sequence[Document]) -> Iterator[dict[str, Any]]:
    """The rows of `sentence_ways`: k by k."""
    regions = {id: asker.region for id, asker in load_askers("dev").items()}
    base = sentence_search(documents, build_index(documents, say=lambda _: None, **BEST))
    tuned = sentence_windows(documents, load_askers("dev"))
    for way in sentence_ways():
        how = {"other_region": 0.0, "window_tokens": None} | {
            key: value for key, value in way.items() if key not in CHUNKS
        }
        chunks = {key: way[key] for key in CHUNKS if key in way}
        if how.pop("embedder", ""):
            search, how["embedder"] = replace(tuned, **how), "tuned"
        else:
            index = build_index(documents, say=lambda _: None, **chunks)
            search = replace(base, index=index, regions=regions, **how)
        found = search.search_all([case.ask for case in cases], max(TOP_KS))
        mine = [
            {**chunks, **how, "top_k": k, **judge(cases, [passages[:k] for passages in found])}
            for k in TOP_KS
        ]
        cells = [f"{r['recall']:.2f} ({r['low']:.2f} to {r['high']:.2f})" for r in mine]
        tokens = f"{mine[1]['tokens']:.0f}, {mine[2]['tokens']:.0f}"
        named = ", ".join(f"{key} {value}" for key, value in how.items() if value)
        print(
            f"| {chunks.get('context', 'title')}, {named} | {' | '.join(cells)} | {tokens} |",
            flush=True,
        )
        yield from mine


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
    parser.add_argument("--only", choices=("sentences",))
    options = parser.parse_args()
    out = options.out
    documents = load_handbook()
    cases = answerable(load_questions("dev", documents))
    asks, rows = [case.ask for case in cases], []
    print(
        f"| way | {' | '.join(f'k = {k}' for k in TOP_KS)} | tokens at 3, 5 |\n"
        f"| --- |{' --- |' * (len(TOP_KS) + 1)}",
        flush=True,
    )
    if options.only:
        saved = json.loads(out.read_text(encoding="utf-8"))
        head = {key: saved[key] for key in saved if key not in ("rows", "sentences")}
        if head["case_ids"] != [case.id for case in cases]:
            raise SystemExit(f"{out.name} was measured on other cases; run this without --only")
        about = fingerprint.provenance(
            "python labs_data/build/search.py --only sentences", CODE_SENTENCES
        )
        head["sentences_provenance"] = about
        write_measured(out, head, rows=saved["rows"], sentences=by_sentence(cases, documents))
        return
    for retriever, how in ways():
        index = build_index(documents, say=lambda _: None, **how)
        found = index.search_all(asks, max(TOP_KS), retriever)
        mine = [
            {
                "retriever": retriever,
                **how,
                "top_k": k,
                "chunks": index.size,
                **judge(cases, [passages[:k] for passages in found]),
            }
            for k in TOP_KS
        ]
        cells = [f"{r['recall']:.2f} ({r['low']:.2f} to {r['high']:.2f})" for r in mine]
        tokens = f"{mine[1]['tokens']:.0f}, {mine[2]['tokens']:.0f}"
        print(f"| {described(retriever, how)} | {' | '.join(cells)} | {tokens} |", flush=True)
        rows += mine
        if (retriever, how) == ("hybrid", BEST):
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
    head["sentences_provenance"] = fingerprint.provenance(
        "python labs_data/build/search.py", CODE_SENTENCES
    )
    write_measured(out, head, rows=rows, sentences=by_sentence(cases, documents))


if __name__ == "__main__":
    main()
