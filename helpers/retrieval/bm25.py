"""Which texts share the question's rarer words? BM25 (Robertson and Zaragoza, 2009), by the library
bm25s: the baseline that no embedder may lose to.

`Lexical` ranks texts; `Index` uses it beside its vectors. `LexicalIndex` is a whole retriever
without any model, made in seconds: for folders that would take too long to embed.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.core.cases import Ask, Passage
from helpers.data.handbook import Document
from helpers.evaluation.text import CHARACTER
from helpers.retrieval.chunking import Chunk, chunk
from helpers.retrieval.rows import Rows, embedded_text, metadata_of

if TYPE_CHECKING:
    import numpy as np

WORD = r"(?u)\b\w+\b"  # numbers and single letters count: "grade 7", "form B"


RUN = re.compile(rf"(?:{CHARACTER})+")


def spaced(text: str) -> str:
    """The text with spaces where BM25 should part it: of scripts that put none, every pair of
    neighbouring characters becomes a word (as Lucene does); all other text stays as it is."""
    return RUN.sub(_pairs, text) if not text.isascii() and RUN.search(text) else text


def _pairs(run: re.Match) -> str:
    one = re.findall(CHARACTER, run[0])
    pairs = map("".join, itertools.pairwise(one)) if len(one) > 1 else one
    # a vowel sign is no letter to WORD, so such a pair is written in figures
    return f" {' '.join(p if p.isalnum() else 'u' + p.encode('utf-16-be').hex() for p in pairs)} "


class Lexical:
    """A BM25 index over texts (method "lucene", k1 = 1.5, b = 0.75, English stop words left out),
    held in memory.

    stem: words count by their stem (Snowball's English stemmer), so that "returning" finds
    "returns". Words that are not ASCII letters stay mostly as they are.
    """

    def __init__(self, texts: Sequence[str], stem: bool = False):
        import bm25s

        self.size, self.stem = len(texts), stem
        tokens = bm25s.tokenize(
            [spaced(text) for text in texts],
            token_pattern=WORD,
            stopwords="en",
            stemmer=self._stemmer,
            show_progress=False,
        )
        self._bm25 = bm25s.BM25()
        self._empty = not any(len(ids) for ids in tokens.ids)
        if not self._empty:
            self._bm25.index(tokens, show_progress=False)

    @property
    def _stemmer(self):
        """Made anew each time: one must not be used by two threads at once."""
        if not self.stem:
            return None
        import Stemmer

        return Stemmer.Stemmer("english")

    def scores(self, question: str, allowed: np.ndarray) -> np.ndarray:
        """(texts,) the BM25 score of every allowed text (bool per text), at least 0; 0 of all
        others."""
        import bm25s
        import numpy as np

        words = bm25s.tokenize(
            [spaced(question)],
            token_pattern=WORD,
            stopwords="en",
            stemmer=self._stemmer,
            return_ids=False,
            show_progress=False,
        )
        if self._empty or not words or not words[0]:
            return np.zeros(self.size, dtype=np.float32)
        return self._bm25.get_scores(words[0], weight_mask=allowed.astype(np.float32))

    def best(self, question: str, allowed: np.ndarray, k: int) -> list[tuple[int, float]]:
        """(row, score) of the k best texts among the allowed ones (bool per text), best first;
        texts without a common word are none."""
        import numpy as np

        scores = self.scores(question, allowed)
        rows = np.argsort(-scores, kind="stable")[:k]
        return [(int(row), float(scores[row])) for row in rows if scores[row] > 0 and allowed[row]]


QUERY_WORD = re.compile(rf"{CHARACTER}|(?:(?!{CHARACTER})\w)+|[^\w\s]")
# an English word is about 1.3 tokens: so that chunks come out about as long as the embedder's
WORDS_A_TOKEN = 0.75


@dataclass(frozen=True, eq=False)
class LexicalIndex:
    """Chunks in memory and a BM25 index over them; the retriever that is asked for makes no
    difference."""

    name: str
    size: int
    rows: Rows
    lexical: Lexical

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "bm25"
    ) -> list[list[Passage]]:
        """For every ask the top_k passages by words, among those that the user may read on the
        day. No groups, no passages."""
        return [self._best(ask, top_k) if ask.groups and ask.as_of else [] for ask in asks]

    def search(
        self, question: str, groups, as_of, top_k: int = 3, retriever: str = "bm25"
    ) -> list[Passage]:
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k)[0]

    def _best(self, ask: Ask, top_k: int) -> list[Passage]:
        return self.rows.passages(
            self.lexical.best(ask.input, self.rows.allowed(ask.groups, ask.as_of), top_k)
        )


def words(text: str) -> list[tuple[int, int]]:
    """Where is each word or mark, or character of a script without spaces? What `chunking.cut`
    counts here."""
    return [m.span() for m in QUERY_WORD.finditer(text)]


def chunks(
    documents: Sequence[Document],
    chunk_tokens: int = 128,
    overlap_tokens: int = 32,
    table_headers: bool = False,
    strategy: str = "tokens",
) -> Iterator[Chunk]:
    """Pieces of about chunk_tokens of the embedder's tokens. table_headers, strategy: see
    `chunking.chunk`."""
    size, overlap = (
        max(8, round(chunk_tokens * WORDS_A_TOKEN)),
        round(overlap_tokens * WORDS_A_TOKEN),
    )
    for document in documents:
        yield from chunk(document, size, overlap, strategy, words, table_headers)


def lexical_index(
    documents: Sequence[Document],
    chunk_tokens: int = 128,
    overlap_tokens: int = 32,
    table_headers: bool = False,
    stem: bool = False,
    strategy: str = "tokens",
) -> LexicalIndex:
    """The index of these documents, made now. stem: see `Lexical`. Raises ValueError where they
    hold no text."""
    digest, metadatas, texts, leads = (
        hashlib.sha256(f"{chunk_tokens} {overlap_tokens} {table_headers} {strategy}".encode()),
        [],
        [],
        [],
    )
    shared: dict[str, str] = {}
    for document, own in itertools.groupby(
        chunks(documents, chunk_tokens, overlap_tokens, table_headers, strategy),
        key=lambda piece: piece.document,
    ):
        groups = list(document.meta.audience)
        digest.update(
            f"{document.id} {groups} {document.meta.effective_from}"
            f" {document.effective_until}".encode()
            + document.text.encode("utf-8", "surrogatepass")
        )
        for piece in own:
            meta = metadata_of(piece, embedded_text(piece)) | {"groups": groups}
            meta["lead"] = shared.setdefault(meta["lead"], meta["lead"])
            metadatas.append(meta)
            texts.append(piece.text)
            leads.append(meta["lead"])
    if not texts:
        raise ValueError("there is nothing to search: the documents hold no text")
    lexical = Lexical([lead + text for lead, text in zip(leads, texts, strict=True)], stem)
    return LexicalIndex(
        f"bm25-{'stem-' if stem else ''}{digest.hexdigest()[:16]}",
        len(texts),
        Rows(metadatas, texts, None),
        lexical,
    )
