"""What would another embedder find? No second one comes with the workbook, so here the vectors of
the one that does are cut to their first numbers: a cheaper embedder, a fraction of the memory, and
another release of the index, to be gated like any other.

    asked = one_of_each_fact(load_questions("dev", documents))
    hits, seen = measured(documents, asked, numbers=64)
    # hits: id -> was all of its evidence among three passages? seen: one flag a question, true
    # where the user may not read what was shown
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.core.cases import Case
from helpers.data.handbook import Document, may_see
from helpers.evaluation.bits import to_flags
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.experiments import chunking_grid
from helpers.experiments.chunking_grid import ChunkingSetting
from helpers.models.load import set_threads
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.embedding import embed, embed_cached
from helpers.retrieval.index import Index, index_chunks
from helpers.retrieval.rows import embedded_text

CUT = (64, 16)  # chunk size and overlap in tokens: the index that notebook 02 builds
TOP_K = 3


def vectors_of(texts: Sequence[str], numbers: int | None = None) -> np.ndarray:
    """(texts, numbers) of length 1: the first numbers of each vector; all of them by default."""
    made = embed_cached(list(texts))[0][:, :numbers]
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)


def indexed(documents: Sequence[Document], numbers: int | None = None) -> Index:
    """The course's index, with vectors of so many numbers."""
    chunks = chunk_all(documents, *CUT)
    if numbers is None:
        return index_chunks(chunks)
    made = index_chunks(
        chunks, vectors=vectors_of([embedded_text(chunk) for chunk in chunks], numbers)
    )
    return replace(made, embed=lambda questions: vectors_of(questions, numbers))


def measured(
    documents: Sequence[Document], cases: Sequence[Case], numbers: int | None = None
) -> tuple[dict[str, bool], list[bool]]:
    """(id -> was all of its evidence among TOP_K passages; one flag a question: was a passage shown
    that this user may not read on this day?)"""
    asks = [case.ask for case in cases]
    lists = indexed(documents, numbers).search_all(asks, TOP_K, "dense")
    hits, seen = {}, []
    for case, passages in zip(cases, lists, strict=True):
        hits[case.id] = evidence_found(case.gold.evidence, passages)
        allowed = {d.id for d in may_see(documents, case.ask.groups, case.ask.as_of)}
        seen.append(any(passage.doc not in allowed for passage in passages))
    return hits, seen


def one_of_each_fact(cases: Sequence[Case]) -> list[Case]:
    """The first question of each fact with evidence: paraphrases rise and fall together."""
    first: dict[str, Case] = {}
    for case in chunking_grid.answerable(cases):
        first.setdefault(case.fact, case)
    return list(first.values())


def in_the_grid(cases: Sequence[Case], setting: ChunkingSetting) -> dict[str, bool]:
    """The first half of `measured` for a setting of notebook 03's grid. Raises KeyError for a
    setting that was not measured."""
    grid = chunking_grid.load_grid()
    row = chunking_grid.row_of(grid, setting)
    flags = dict(zip(grid.attrs["facts"][::-1], to_flags(row["found"])[::-1], strict=True))
    return {case.id: flags[case.fact] for case in cases}


def offers(
    documents: Sequence[Document], cases: Sequence[Case]
) -> dict[str, tuple[dict[str, bool], list[bool]]]:
    """What is offered in place of the course's index, as `measured` gives it: another chunker, of
    which notebook 03 did not count what it showed to whom, and two cheaper embedders."""
    chunker = in_the_grid(cases, ChunkingSetting("sentences", 128, top_k=3))
    cheaper = {f"{n} numbers": measured(documents, cases, n) for n in (128, 64)}
    return {"chunker": (chunker, []), **cheaper}


def usual_difference(cases: Sequence[Case]) -> float:
    """On which share of questions do two indexes differ that nobody would call different: chunks
    that overlap by a quarter, and chunks that do not?"""
    course = ChunkingSetting(chunk_size=CUT[0], top_k=TOP_K)
    one, two = (in_the_grid(cases, replace(course, overlap=o)) for o in (0.0, 0.25))
    return float(np.mean([one[id] != two[id] for id in one]))


def minutes(documents: Sequence[Document], sample: int = 64) -> float:
    """How long does it take to make the index's vectors? Timed on some chunks and counted up, so
    that vectors in the cache make it no faster; in seconds of the process by thread, so that other
    work on the machine makes it no slower."""
    texts = [embedded_text(chunk) for chunk in chunk_all(documents, *CUT)]
    embed(texts[:1])  # what is loaded first is no vector
    begun = time.process_time()
    embed(texts[:sample])
    return (time.process_time() - begun) / set_threads() / sample * len(texts) / 60


def saved(folder: Path, documents: Sequence[Document], numbers: int | None = None) -> Path:
    """A folder with the chunks and their vectors, to be pinned as the index of a release."""
    texts = [embedded_text(chunk) for chunk in chunk_all(documents, *CUT)]
    folder.mkdir(parents=True)
    np.save(folder / "vectors.npy", vectors_of(texts, numbers))
    (folder / "chunks.json").write_text(json.dumps(texts), encoding="utf-8")
    return folder
