"""Which way of cutting lets the search find the very characters that answer? For `workbook.py bench
chunking`.

Follows the published evaluation of Smith and Troynikov ("Evaluating Chunking Strategies for
Retrieval", Chroma 2024; repository brandonstarxel/chunking_evaluation): all corpora in one
collection, five chunks a question by the embedding of the chunk's text alone, scores on characters,
mean over all questions. One difference: there a chunk is found again by its text (at its first
occurrence, without a full stop at its end), here the cutter says where it stands.
"""

from __future__ import annotations

import csv
import functools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.commands.bench import beir
from helpers.core import settings
from helpers.core.records import DataError
from helpers.evaluation.retrieval_metrics import union
from helpers.retrieval import chunking, index
from helpers.retrieval.chunking import Chunk, Span

TOP_K = 5
# name -> strategy, chunk_size and overlap in tokens of cl100k
CHUNKERS: dict[str, tuple[str, int, int]] = {
    f"{strategy}_{size}_{overlap}": (strategy, size, overlap)
    for strategy in ("tokens", "recursive")
    for size, overlap in ((250, 125), (250, 0), (200, 0), (400, 200), (400, 0))
} | {"sentences_250_0": ("sentences", 250, 0), "headings_250_0": ("headings", 250, 0)}
FORM = (
    "a set is a folder with corpora/*.md and questions_df.csv (columns question, references,"
    " corpus_id), as in chunking_evaluation"
)


@dataclass(frozen=True)
class Question:
    """A question and where its answer stands: character spans (end exclusive) in the corpus of that
    name."""

    text: str
    corpus: str
    references: tuple[Span, ...]


# --- tokens ---------------------------------------------------------------------------------------


@functools.cache
def _cl100k():
    try:
        from rs_bpe.bpe import openai
    except ImportError as error:
        raise DataError(
            "sizes are counted in cl100k tokens by the package rs-bpe, which is not installed; run:"
            " pip install -e .[test]"
        ) from error
    return openai.cl100k_base()


@functools.cache
def _bytes_of(token: int) -> bytes:
    return _cl100k().bpe().decode_tokens([token])


def cl100k_spans(text: str) -> list[Span]:
    """Where is each token of OpenAI's cl100k encoding? (start, end) in characters, in order.

    Tokens are made of bytes: where several share one character (an emoji), each one's span holds
    the whole character.
    """
    tokens = _cl100k().encode(text)
    if len(text) == sum(len(_bytes_of(token)) for token in tokens):  # one byte a character
        at_byte = range(len(text) + 1)
    else:
        at_byte = [
            at
            for at, letter in enumerate(text)
            for _ in range(len(letter.encode("utf-8", "surrogatepass")))
        ]
    spans, start = [], 0
    for token in tokens:
        end = start + len(_bytes_of(token))
        spans.append((at_byte[start], at_byte[end - 1] + 1))
        start = end
    return spans


# --- reading a set --------------------------------------------------------------------------------


def read_questions(path: Path) -> list[Question]:
    """The rows of questions_df.csv. Raises DataError naming the line."""
    if not path.is_file():
        raise DataError(f"{settings.shown(path)}: not found; {FORM}")
    csv.field_size_limit(10_000_000)
    found = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := {"question", "references", "corpus_id"} - set(rows.fieldnames or ()):
                raise DataError(
                    f"{settings.shown(path)} line 1: lacks the columns"
                    f" {', '.join(sorted(missing))}; {FORM}"
                )
            for row in rows:
                where = f"{settings.shown(path)} line {rows.line_num}"
                try:
                    spans = tuple(
                        (int(one["start_index"]), int(one["end_index"]))
                        for one in json.loads(row["references"])
                    )
                except (ValueError, TypeError, KeyError) as error:
                    raise DataError(
                        f"{where}: references must be a JSON list of objects with start_index and"
                        f" end_index ({error!r})"
                    ) from error
                if (
                    not row["question"]
                    or not row["corpus_id"]
                    or not spans
                    or any(not 0 <= start < end for start, end in spans)
                ):
                    raise DataError(
                        f"{where}: needs a question, a corpus_id, and references with 0 <="
                        " start_index < end_index"
                    )
                found.append(Question(row["question"], row["corpus_id"], spans))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{settings.shown(path)}: is not a CSV file in UTF-8 ({error})") from error
    if not found:
        raise DataError(f"{settings.shown(path)}: holds no questions; {FORM}")
    return found


def read_corpora(folder: Path, questions: Sequence[Question]) -> dict[str, str]:
    """The text of every corpus that a question is about, in their order; line ends as Python reads
    them. Raises DataError."""
    found: dict[str, str] = {}
    for question in questions:
        path = folder / "corpora" / f"{question.corpus}.md"
        if question.corpus not in found:
            if not path.is_file():
                raise DataError(
                    f"{settings.shown(path)}: not found, and a question is about it; {FORM}"
                )
            try:
                found[question.corpus] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{settings.shown(path)}: byte {error.start} is not UTF-8; save the file as"
                    " UTF-8"
                ) from error
        if (end := max(end for _, end in question.references)) > len(found[question.corpus]):
            raise DataError(
                f"{settings.shown(path)}: ends before character {end}, where {question.text[:60]!r}"
                " has its answer; take both from the same set"
            )
    return found


# --- scoring --------------------------------------------------------------------------------------


def length(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def common(first: Sequence[Span], second: Sequence[Span]) -> int:
    """How many characters do two unions share?"""
    return sum(max(0, min(end, e) - max(start, s)) for start, end in first for s, e in second)


def retrieval_scores(question: Question, retrieved: Sequence[tuple[str, Span]]) -> dict[str, float]:
    """How much of the references was retrieved, and how much else? retrieved: (corpus, span) of
    each chunk.

    What is needed and retrieved counts once, however many chunks hold it. `recall` divides it by
    the length of the references; `precision` by that of all retrieved chunks, each in full, so a
    repeated character costs twice, as do chunks of another corpus; `iou` by that plus what was
    needed and not retrieved.
    """
    seen = union([span for corpus, span in retrieved if corpus == question.corpus])
    both = common(union(question.references), seen)
    needed, paid = length(question.references), length([span for _, span in retrieved])
    missed = sum(end - start - common([(start, end)], seen) for start, end in question.references)
    return {
        "recall": both / needed,
        "precision": both / paid if paid else 0.0,
        "iou": both / (paid + missed) if paid + missed else 0.0,
    }


def precision_omega(question: Question, chunks: Sequence[Span]) -> float:
    """Which precision would a perfect search reach? That of all chunks of the question's corpus
    that overlap a reference, or just touch one.

    Here the chunks count as a union; so do the parts of references that lie in no chunk.
    """
    useful = union(
        [
            (s, e)
            for s, e in chunks
            if any(s <= end and start <= e for start, end in question.references)
        ]
    )
    return common(union(question.references), useful) / length(
        union([*useful, *question.references])
    )


def scores(
    questions: Sequence[Question],
    chunks: Mapping[str, Sequence[Span]],
    retrieved: Sequence[Sequence[tuple[str, Span]]],
) -> dict[str, float]:
    """Means over all questions: recall, precision, precision_omega, iou. chunks: all of each
    corpus."""
    rows = [
        retrieval_scores(q, found) | {"precision_omega": precision_omega(q, chunks[q.corpus])}
        for q, found in zip(questions, retrieved, strict=True)
    ]
    return {
        name: round(statistics.fmean(row[name] for row in rows), 5)
        for name in ("recall", "precision", "precision_omega", "iou")
    }


# --- the bench ------------------------------------------------------------------------------------


def bench_chunking(
    folder: Path, spans: Callable[[str], list[Span]] = cl100k_spans
) -> dict[str, object]:
    """Recall, precision, precision omega and IoU of every way of cutting, on a set in the form of
    chunking_evaluation. Raises DataError."""
    questions = read_questions(folder / "questions_df.csv")
    corpora = read_corpora(folder, questions)
    documents = {
        name: beir.open_document(number, text)
        for number, (name, text) in enumerate(corpora.items())
    }
    names = {document.id: name for name, document in documents.items()}
    asks = beir.asks({str(number): question.text for number, question in enumerate(questions)})
    found: dict[str, object] = {}
    for chunker, (strategy, chunk_size, overlap) in CHUNKERS.items():
        started = time.perf_counter()
        pieces = {
            name: [
                Chunk(document, *span)
                for span in chunking.cut(document.text, chunk_size, overlap, strategy, spans)
            ]
            for name, document in documents.items()
        }
        seconds = time.perf_counter() - started
        built = index.index_chunks(
            [chunk for some in pieces.values() for chunk in some], read_as=lambda chunk: chunk.text
        )
        retrieved = [
            [(names[p.doc], (p.start, p.end)) for p in passages]
            for passages in built.search_all(asks, TOP_K, "dense")
        ]
        n = sum(map(len, pieces.values()))
        tokens = sum(len(spans(chunk.text)) for some in pieces.values() for chunk in some)
        found[chunker] = scores(
            questions,
            {name: [(c.start, c.end) for c in some] for name, some in pieces.items()},
            retrieved,
        ) | {
            "n": len(questions),
            "chunks": n,
            "mean_tokens": round(tokens / n, 1),
            "cut_seconds": round(seconds, 2),
        }
    return {
        "bench": "chunking",
        "set": folder.resolve().name,
        "n_questions": len(questions),
        "corpora": {name: len(text) for name, text in corpora.items()},
        "top_k": TOP_K,
        "retriever": "dense",
        "sizes_in": "cl100k tokens",
        "chunkers": found,
        **beir.provenance("chromadb", "rs-bpe"),
    }
