"""Tune the search, and measure what that gives and takes: reference/adapters/retriever and
reference/retriever.json.

    python labs_data/build/retriever.py                 tune on questions/train.jsonl and on reading
                                                        worlds (four minutes on one core), choose on
                                                        dev, save
    … --saved                                           measure the adapter that is saved again
    … --questions                                       tune the questions' side alone, to compare
    … --reranker                                        train a cross-encoder, too (about five
                                                        minutes), and keep it in the cache for
                                                        hybrid.py
    … --scifact DIR [--passages N]                      nDCG@10 on SciFact before and after; with N,
                                                        on its judged passages and N others

All is chosen on dev; the frozen test is not read. Each part updates its own key of the file.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from helpers.commands.bench import beir
from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.files import write_whole
from helpers.core.fingerprint import provenance
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.experiments.chunking_grid import answerable, judge
from helpers.models import load
from helpers.retrieval import embedding
from helpers.retrieval.chunking import Chunk, chunk_all, cut
from helpers.retrieval.index import Index, build_index
from helpers.retrieval.reranked import Reranked
from helpers.retrieval.retriever import Retriever
from helpers.retrieval.rows import embedded_text
from helpers.retrieval.tuned import TunedEmbedder, asked_by
from helpers.systems.tuned_search import FOLDER, tuned_embedder, tuned_search
from helpers.training.adapters import CARD
from helpers.training.reranker import RerankerSettings, scorer, train_reranker
from helpers.training.retriever import (
    Pair,
    RetrieverSettings,
    save_embedder,
    tune_embedder,
    tune_questions,
)

RESULTS = settings.DATA / "reference" / "retriever.json"
CODE = ("retrieval", "training/retriever", "training/reranker")
WORLDS = ("reading_worlds.jsonl", "reading_worlds_2.jsonl")
SIZE, OVERLAP = 64, 16  # the course's index
FROM_WORLDS = 135  # questions of other worlds beside those of the handbook
HOW = RetrieverSettings(epochs=1)
TOP_KS, DEPTH = (1, 3, 5, 10), 10
MEAN = "mean of base and tuned"
WORDS = {"stem": True, "lexical_weight": 0.3}  # what 03 found best of BM25 and vectors


# --- what is learnt from --------------------------------------------------------------------------


def world_rows() -> tuple[list[str], list[tuple[str, list[int], set[int]]]]:
    """Passages of the reading worlds, cut as the handbook is; and (question, rows that answer it,
    rows that hold a part of the answer) for each question."""
    texts, asked = [], []
    for name in WORLDS:
        for line in (settings.DATA / "build" / name).read_text(encoding="utf-8").splitlines():
            page, first = json.loads(line), len(texts)
            spans = list(cut(page["text"], SIZE, OVERLAP, "tokens"))
            texts += [f"{page['title']}\n{page['text'][start:end]}" for start, end in spans]
            for one in page["qa"]:
                begins = page["text"].index(one["quote"])
                shared = [_shared(span, begins, begins + len(one["quote"])) for span in spans]
                asked.append((one["question"], *_rows(shared, first)))
    return texts, asked


def handbook_rows(cases: Sequence[Case], chunks: Sequence[Chunk], first: int = 0):
    """The same of handbook questions: (question, rows that answer it, rows that hold a part)."""
    found = []
    for case in cases:
        one = case.gold.evidence[0]
        shared = [
            _shared((c.start, c.end), one.start, one.end) if c.document.id == one.doc else -1
            for c in chunks
        ]
        found.append((case.ask.input, *_rows(shared, first)))
    return found


def _shared(span: tuple[int, int], start: int, end: int) -> int:
    return min(span[1], end) - max(span[0], start)


def _rows(shared: Sequence[int], first: int) -> tuple[list[int], set[int]]:
    """The pieces that hold most of a quote (all of them, where several hold it whole), and those
    that hold any of it."""
    most = max(shared)
    best = [first + at for at, many in enumerate(shared) if many == most]
    return best, {first + at for at, many in enumerate(shared) if many > 0}


class Lessons:
    """Questions, the rows of the passages that answer them, and all passages with their vectors:
    the handbook as of today, then the other worlds."""

    def __init__(self, cases: Sequence[Case], chunks: Sequence[Chunk]):
        today = [c for c in chunks if c.document.in_force(cases[0].ask.as_of)]
        asked = handbook_rows(cases, today)
        texts, others = world_rows()
        self.texts = [embedded_text(chunk) for chunk in today] + texts
        picked = random.Random(0).sample(others, FROM_WORLDS)
        asked += [
            (question, [len(today) + at for at in rows], {len(today) + at for at in near})
            for question, rows, near in picked
        ]
        self.questions, self.right, self.near = (list(part) for part in zip(*asked, strict=True))
        self.vectors = embedding.embed_cached(self.texts)[0]

    def pairs(self, lookalikes: int) -> list[Pair]:
        """The same as pairs with hard negatives: the nearest passages that hold no part of the
        answer."""
        found = []
        nearest = np.argsort(-(embedding.embed_cached(self.questions)[0] @ self.vectors.T), axis=1)
        for question, right, near, order in zip(
            self.questions, self.right, self.near, nearest, strict=True
        ):
            wrong = [self.texts[at] for at in order[:50] if at not in near][:lookalikes]
            found.append(Pair(question, self.texts[right[0]], tuple(wrong)))
        return found


# --- what is measured -----------------------------------------------------------------------------


def on_dev(
    cases: Sequence[Case], search: Retriever, retriever: str = "dense"
) -> list[dict[str, Any]]:
    """Evidence found among the first k places, one row a k; `found` holds a bit a case."""
    lists = search.search_all([case.ask for case in cases], max(TOP_KS), retriever)
    return [{"k": k, **judge(cases, [found[:k] for found in lists])} for k in TOP_KS]


def told(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shares = " ".join(f"{row['k']}: {row['recall']:.3f}" for row in rows)
    print(f"{name}: {shares}", flush=True)
    return rows


def milliseconds(work: Callable[[], object], n: int) -> float:
    """CPU time of one of n, in milliseconds."""
    started = time.process_time()
    work()
    return round(1000 * (time.process_time() - started) / n, 1)


def tuned(lessons: Lessons) -> None:
    """Tune questions and passages, and save the adapter."""
    started = time.process_time()
    pairs = lessons.pairs(HOW.lookalikes)
    body = tune_embedder(pairs, HOW)
    about = {
        "task": "search: pairs of a question and the passage that answers it",
        "files": ["labs_data/questions/train.jsonl", *(f"labs_data/build/{w}" for w in WORLDS)],
        "rows": len(pairs),
        "cpu_seconds": round(time.process_time() - started, 1),
        **provenance("python labs_data/build/retriever.py", CODE),
    }
    save_embedder(body, FOLDER, HOW, about | {"share": 1.0})


def saved(cases: Sequence[Case], chunks: Sequence[Chunk], index: Index) -> dict[str, Any]:
    """The search before, with the adapter, and with the mean of both; each with words counting,
    too. The card then says which of the last two finds more at 5 on dev, and serves."""
    ways = {
        "base": told("base", on_dev(cases, index)),
        "base + words": told("base + words", on_dev(cases, index.searched(**WORDS), "hybrid")),
    }
    for name, share in (("tuned", 1.0), (MEAN, 0.5)):
        mine = tuned_search(chunks, share, say=lambda _: None)
        ways[name] = told(name, on_dev(cases, mine))
        mixed = on_dev(cases, mine.searched(**WORDS), "hybrid")
        ways[f"{name} + words"] = told(f"{name} + words", mixed)
    card = json.loads((FOLDER / CARD).read_text(encoding="utf-8"))
    at_5 = {share: ways[name][2]["recall"] for name, share in (("tuned", 1.0), (MEAN, 0.5))}
    card["share"] = max(at_5, key=lambda share: (at_5[share], share))
    write_whole(FOLDER / CARD, json.dumps(card, indent=1) + "\n")
    return {"ways": ways, **{name: card[name] for name in ("share", "rows", "cpu_seconds")}}


def questions_side(lessons: Lessons, cases: Sequence[Case], index: Index) -> dict[str, Any]:
    """The questions' side alone: the passages keep their vectors, and no index is built again."""
    started = time.process_time()
    body = tune_questions(lessons.questions, lessons.right, lessons.vectors, HOW)
    cpu_seconds = round(time.process_time() - started, 1)
    rows = told("questions alone", on_dev(cases, asked_by(index, TunedEmbedder(body, "questions"))))
    return {"rows": rows, "cpu_seconds": cpu_seconds, "questions": len(lessons.questions)}


def reranker(lessons: Lessons, cases: Sequence[Case], index: Index) -> dict[str, Any]:
    """A cross-encoder over the first ten hits, alone and mixed with the search's own scores."""
    how = RerankerSettings()
    pairs = lessons.pairs(how.lookalikes)[: len(load_questions("train"))]
    started = time.process_time()
    model = train_reranker(pairs, how)
    cpu_seconds, known = round(time.process_time() - started, 1), {}
    model.save_pretrained(str(settings.cache_folder("reranker")))
    score = scorer(model)

    def once(question: str, texts: Sequence[str]) -> Sequence[float]:
        if question not in known:
            known[question] = score(question, texts)
        return known[question]

    asks = [case.ask for case in cases]
    first = Reranked(index, once, "minilm", DEPTH)
    each = milliseconds(lambda: first.search_all(asks, DEPTH), len(asks))
    searching = milliseconds(lambda: index.search_all(asks, DEPTH), len(asks))
    weights = {
        f"{weight:g}": told(
            f"reranked {weight:g}", on_dev(cases, Reranked(index, once, "minilm", DEPTH, weight))
        )
        for weight in (1.0, 0.5, 0.3, 0.2, 0.1)
    }
    return {
        "weights": weights,
        "cpu_seconds": cpu_seconds,
        "milliseconds": each,
        "search milliseconds": searching,
    }


def scifact(folder: Path, others: int | None) -> dict[str, Any]:
    """nDCG@10 before and after. others: so many passages beside the
    judged ones, drawn with a seed; None takes the whole set, as published figures do."""
    judged = beir.read_set(folder)
    wanted = {passage for grades in judged.judged.values() for passage in grades}
    rest = sorted(set(judged.passages) - wanted)
    kept = [*sorted(wanted), *(rest if others is None else random.Random(0).sample(rest, others))]
    asked = list(judged.queries)
    found = {"passages": len(kept), "of": len(judged.passages), "queries": len(asked)}
    for name, embed in (
        ("before", lambda texts: embedding.embed_cached(texts)[0]),
        ("after", tuned_embedder().embed_cached),
    ):
        passages = embed([judged.passages[id] for id in kept])
        near = np.argsort(-(embed([judged.queries[id] for id in asked]) @ passages.T), axis=1)
        ranked = {
            id: [kept[at] for at in row[: beir.DEPTH]] for id, row in zip(asked, near, strict=True)
        }
        found[name] = beir.scored(ranked, judged.judged)
    return found


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for part in ("--saved", "--questions", "--reranker"):
        parser.add_argument(part, action="store_true")
    parser.add_argument("--scifact", type=Path)
    parser.add_argument("--passages", type=int)
    wish = parser.parse_args()
    documents = load_handbook()
    cases = answerable(load_questions("dev", documents))
    chunks = chunk_all(documents, SIZE, OVERLAP)
    index = build_index(documents, SIZE, OVERLAP, say=lambda _: None)
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    alone = not (wish.saved or wish.questions or wish.reranker or wish.scifact)
    if alone or wish.questions or wish.reranker:
        lessons = Lessons(load_questions("train", documents), chunks)
    if alone:
        tuned(lessons)
    if alone or wish.saved:
        known["tuned"] = saved(cases, chunks, index)
    if wish.questions:
        known["questions alone"] = questions_side(lessons, cases, index)
    if wish.reranker:
        known["reranker"] = reranker(lessons, cases, index)
    if wish.scifact:
        known["scifact"] = scifact(wish.scifact, wish.passages)
    known["provenance"] = {
        **provenance("python labs_data/build/retriever.py", CODE),
        "embedder": load.embedder_fingerprint(),
    }
    known["case_ids"], known["facts"] = [c.id for c in cases], [c.fact for c in cases]
    write_whole(RESULTS, json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
