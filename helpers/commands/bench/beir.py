"""How good is the search on sets that others made and judged? For `workbook.py bench retrieval`.

A set is a folder in BEIR's form (Thakur et al. 2021): `corpus.jsonl`, `queries.jsonl`,
`qrels/test.tsv`. Passages are read, hits dropped and rankings scored as BEIR and MTEB do, so that
the figures can be compared with published ones. The documents of a set are readable by everyone.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import fingerprint, settings
from helpers.core.cases import Ask
from helpers.core.records import DataError
from helpers.data.handbook import Document, FrontMatter
from helpers.evaluation.retrieval_metrics import ndcg_at_k, recall_at_k
from helpers.models import load
from helpers.retrieval import embedding, index
from helpers.retrieval.chunking import Chunk

if TYPE_CHECKING:
    import numpy as np

EVERYONE, TODAY = ("everyone",), dt.date(2026, 1, 1)
DEPTH = 100  # hits a query, for recall@100
LATENCY_QUERIES = 200
BATCH = 256  # queries searched at once
WEIGHT = 0.3  # of BM25 where scores are fused: the course's, chosen on its dev questions
RETRIEVERS = ("dense", "bm25", "hybrid")
FORM = (
    "a set is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv, as BEIR publishes them"
)


@dataclass(frozen=True)
class JudgedSet:
    """Passages and queries by id, and for each judged query the grade of each judged passage (0:
    irrelevant)."""

    name: str
    passages: dict[str, str]
    queries: dict[str, str]
    judged: dict[str, dict[str, int]]


# --- reading a set --------------------------------------------------------------------------------


def lines_of(path: Path, form: str = FORM) -> Iterator[tuple[str, str]]:
    """("file line 3", text) for every line that is not blank. Raises DataError when there is no
    such file, or a line is not UTF-8."""
    if not path.is_file():
        raise DataError(f"{settings.shown(path)}: not found; {form}")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{settings.shown(path)} line {number}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{where}: byte {error.start} is not UTF-8; save the file as UTF-8"
                ) from error
            if text.strip():
                yield where, text


def _rows(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(where, id, row) of a JSON Lines file whose rows have an `_id`, unique, and a `text`."""
    seen: dict[str, str] = {}
    for where, line in lines_of(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(
                f"{where}: is not JSON ({error}); every line holds one object with _id and text"
            ) from error
        if (
            not isinstance(row, dict)
            or not isinstance(row.get("_id"), str | int)
            or not isinstance(row.get("text"), str)
        ):
            raise DataError(
                f"{where}: must be an object with an _id and a text (a string, which may be empty)"
            )
        id = str(row["_id"])
        if id in seen:
            raise DataError(
                f"{where}: _id {id!r} was already used in {seen[id]}; ids must be unique"
            )
        seen[id] = where
        yield where, id, row


def read_passages(path: Path) -> dict[str, str]:
    """What embedder and BM25 read: title, a blank, text; the text alone when there is no title;
    white space at the ends cut off."""
    found = {}
    for where, id, row in _rows(path):
        title = row.get("title") or ""
        if not isinstance(title, str):
            raise DataError(f"{where}: title must be a string")
        found[id] = f"{title} {row['text']}".strip()
    if not found:
        raise DataError(f"{settings.shown(path)}: holds no passages; {FORM}")
    return found


def read_grades(path: Path, queries: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Query id -> passage id -> grade. A first line without a number is the header."""
    found: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(lines_of(path)):
        fields = line.split("\t")
        if number == 0 and not fields[-1].strip().lstrip("-").isdigit():
            continue
        try:
            query, passage, grade = fields[0].strip(), fields[1].strip(), int(fields[2])
            if len(fields) != 3:
                raise ValueError
        except (IndexError, ValueError):
            raise DataError(
                f"{where}: must be query-id, corpus-id and a whole number, with tabs between; found"
                f" {line[:60]!r}"
            ) from None
        if query not in queries:
            raise DataError(
                f"{where}: query {query!r} is not in queries.jsonl; take the two files from the"
                " same set"
            )
        found.setdefault(query, {})[passage] = grade
    if not found:
        raise DataError(f"{settings.shown(path)}: judges nothing; {FORM}")
    return found


def read_set(folder: Path, limit_queries: int | None = None) -> JudgedSet:
    """A BEIR folder; only queries that are judged are kept, the first `limit_queries` of them if
    given. Raises DataError."""
    if limit_queries is not None and limit_queries < 1:
        raise DataError(f"--limit-queries must be at least 1, not {limit_queries}")
    queries = {id: row["text"] for _, id, row in _rows(folder / "queries.jsonl")}
    judged = read_grades(folder / "qrels" / "test.tsv", queries)
    passages = read_passages(folder / "corpus.jsonl")
    kept = [id for id in queries if id in judged][:limit_queries]
    return JudgedSet(
        folder.resolve().name,
        passages,
        {id: queries[id] for id in kept},
        {id: judged[id] for id in kept},
    )


# --- ranking and scoring --------------------------------------------------------------------------


def open_document(number: int, text: str) -> Document:
    """A document that everyone may read, always in force, whose id (d0000001) says which passage it
    is."""
    name = f"d{number:07d}"
    meta = FrontMatter(
        id=name,
        policy=name,
        title=name,
        section="set",
        owner="set",
        version=1,
        effective_from=dt.date(1970, 1, 1),
        supersedes=None,
        audience=list(EVERYONE),
        region="all",
    )
    return Document(meta, text, Path(name))


def asks(queries: Mapping[str, str]) -> list[Ask]:
    return [Ask(id, text, EVERYONE, TODAY) for id, text in queries.items()]


def ranking_of(query: str, ids: Sequence[str]) -> list[str]:
    """The first 100, without the passage that is the query itself (ArguAna asks with its own
    passages): so BEIR and MTEB."""
    return [id for id in ids if id != query][:DEPTH]


def scored(
    rankings: Mapping[str, Sequence[str]], judged: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """Mean over the judged queries; a grade above 0 is relevant, and nDCG's gain is the grade
    itself (trec_eval)."""

    def mean(measure: Callable[[Sequence[str], Mapping[str, int]], float]) -> float:
        return round(
            statistics.fmean(measure(rankings[query], grades) for query, grades in judged.items()),
            5,
        )

    def recall(k: int) -> float:
        return mean(
            lambda ids, grades: recall_at_k(
                ids, {id for id, grade in grades.items() if grade > 0}, k
            )
        )

    return {
        "ndcg_at_10": mean(lambda ids, grades: ndcg_at_k(ids, grades, 10)),
        "recall_at_10": recall(10),
        "recall_at_100": recall(100),
    }


def exact_rankings(
    judged_set: JudgedSet, vectors: np.ndarray, questions: np.ndarray
) -> dict[str, list[str]]:
    """Every query against every passage by cosine, nothing approximated. vectors (n passages, 384),
    questions (n queries, 384), all of length 1."""
    import numpy as np

    names, ids, found = list(judged_set.passages), list(judged_set.queries), {}
    top = min(DEPTH + 1, len(names))
    for start in range(0, len(ids), BATCH):
        scores = questions[start : start + BATCH] @ vectors.T  # (BATCH queries, n passages)
        best = np.argpartition(-scores, top - 1, axis=1)[:, :top]
        for query, row, some in zip(ids[start : start + BATCH], scores, best, strict=True):
            found[query] = ranking_of(
                query, [names[i] for i in some[np.lexsort((some, -row[some]))]]
            )
    return found


def same_at_10(first: Mapping[str, Sequence[str]], second: Mapping[str, Sequence[str]]) -> float:
    """Which share of the first ten passages of one ranking are among the first ten of the other?
    Mean over queries."""
    return round(
        statistics.fmean(recall_at_k(first[query], second[query][:10], 10) for query in second), 5
    )


def latencies(search: Callable[[str], object], texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds of one question at a time, its embedding included; three questions first,
    unmeasured."""
    spent = []
    for text in [*texts[:3], *texts]:
        started = time.perf_counter()
        search(text)
        spent.append((time.perf_counter() - started) * 1000)
    spent = sorted(spent[len(texts[:3]) :])
    return {
        "query_p50_ms": round(statistics.median(spent), 2),
        "query_p95_ms": round(spent[min(len(spent) - 1, int(0.95 * len(spent)))], 2),
    }


def provenance(*packages: str) -> dict[str, object]:
    """On which machine, with which weights, number format and versions was this measured, and
    when?"""
    embedder = load.load_embedder()
    return {
        "embedder": load.embedder_fingerprint(),
        "dtype": str(next(embedder.parameters()).dtype).removeprefix("torch."),
        "device": str(embedder.device),
        "reads_at_most_tokens": embedder.max_seq_length,
        "threads": load.set_threads(),
        **fingerprint.provenance(packages=("torch", "sentence-transformers", *packages)),
    }


# --- the bench ------------------------------------------------------------------------------------


def bench_retrieval(folder: Path, limit_queries: int | None = None) -> dict[str, object]:
    """nDCG@10, recall and latency of dense, BM25 and hybrid search on a BEIR folder, and of exact
    cosine, which dense should equal.

    BM25 compares stems, as published figures do; `bm25_without_stems` says what that is worth,
    `hybrid_weighted` what a fusion of scores (BM25 weighs WEIGHT) makes of both. Their latencies
    are those of bm25 and hybrid, nearly.

    build_seconds is None where vectors or index were kept from an earlier run; an empty
    WORKBOOK_CACHE measures it. Raises DataError.
    """
    found = read_set(folder, limit_queries)
    documents = [open_document(number, text) for number, text in enumerate(found.passages.values())]
    names = {document.id: id for document, id in zip(documents, found.passages, strict=True)}
    asked, texts = asks(found.queries), list(found.queries.values())
    started = time.perf_counter()
    built = index.index_chunks(
        [Chunk(document, 0, len(document.text)) for document in documents],
        read_as=lambda chunk: chunk.text,
    ).searched(stem=True)
    seconds = {
        "dense": (
            time.perf_counter() - started
            if built.new == len(set(found.passages.values()))
            else None
        )
    }
    started = time.perf_counter()
    built.search("a first question builds it", EVERYONE, TODAY, 1, "bm25")
    seconds["bm25"] = time.perf_counter() - started
    seconds["hybrid"] = None if seconds["dense"] is None else seconds["dense"] + seconds["bm25"]

    def ranked(retriever: str, by: index.Index = built) -> dict[str, list[str]]:
        hits = [
            one
            for start in range(0, len(asked), BATCH)
            for one in by.search_all(asked[start : start + BATCH], DEPTH + 1, retriever)
        ]
        return {
            ask.id: ranking_of(ask.id, [names[passage.doc] for passage in some])
            for ask, some in zip(asked, hits, strict=True)
        }

    rankings = {retriever: ranked(retriever) for retriever in RETRIEVERS}
    rankings["exact"] = exact_rankings(
        found, embedding.embed_cached(list(found.passages.values()))[0], embedding.embed(texts)
    )
    also = {
        "bm25_without_stems": ranked("bm25", built.searched()),
        "hybrid_weighted": ranked("hybrid", built.searched(True, WEIGHT)),
    }
    results: dict[str, object] = {}
    for retriever in RETRIEVERS:

        def search(text: str, retriever: str = retriever) -> object:
            return built.search(text, EVERYONE, TODAY, 10, retriever)

        spent = seconds[retriever]
        results[retriever] = (
            scored(rankings[retriever], found.judged)
            | {"build_seconds": spent and round(spent, 2)}
            | latencies(search, texts[:LATENCY_QUERIES])
        )
    return {
        "bench": "retrieval",
        "set": found.name,
        "n_queries": len(found.queries),
        "n_passages": len(found.passages),
        **results,
        **{name: scored(some, found.judged) for name, some in also.items()},
        "exact": scored(rankings["exact"], found.judged),
        "dense_vs_exact_overlap_at_10": same_at_10(rankings["dense"], rankings["exact"]),
        "judged_passages_missing": len(
            {id for grades in found.judged.values() for id in grades} - set(found.passages)
        ),
        "latency": (
            "one question at a time, top 10, its embedding included, over"
            f" {min(LATENCY_QUERIES, len(texts))} queries"
        ),
        **provenance("chromadb", "bm25s", "PyStemmer"),
    }
