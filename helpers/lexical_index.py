"""What if there are too many documents to embed in the time? The same questions to an index of
words alone: BM25, in memory, rights and days included.

    index = lexical_index(documents)
    index.search_all(asks, top_k=3)          # as `index.Index` answers with retriever="bm25"

Chunks are windows of words, not of the embedder's tokens: no model is needed, and a hundred
thousand pages are cut in a minute.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from helpers.cases import Ask, Passage
from helpers.chunking import Chunk, cut
from helpers.corpus import Document
from helpers.index import Rows, _metadata, embedded_text
from helpers.lexical import Lexical

WORD = re.compile(r"\w+|[^\w\s]")
# an English word is about 1.3 tokens: so that chunks come out about as long as the embedder's
WORDS_A_TOKEN = 0.75


@dataclass(frozen=True, eq=False)
class LexicalIndex:
    """Chunks in memory and a BM25 index over them; the retriever that is asked for makes no
    difference."""

    name: str
    size: int
    rows: Rows
    _lexical: Lexical

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "bm25"
    ) -> list[list[Passage]]:
        """For every ask the top_k passages by words, among those that the asker may read on the
        day. No groups, no passages."""
        return [self._best(ask, top_k) if ask.groups and ask.as_of else [] for ask in asks]

    def search(
        self, question: str, groups, as_of, top_k: int = 3, retriever: str = "bm25"
    ) -> list[Passage]:
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k)[0]

    def _best(self, ask: Ask, top_k: int) -> list[Passage]:
        return self.rows.passages(
            self._lexical.best(ask.input, self.rows.allowed(ask.groups, ask.as_of), top_k)
        )


def words(text: str) -> list[tuple[int, int]]:
    """Where is each word or mark? What `chunking.cut` counts here."""
    return [m.span() for m in WORD.finditer(text)]


def chunks(
    documents: Sequence[Document], chunk_tokens: int = 128, overlap_tokens: int = 32
) -> Iterator[Chunk]:
    """Windows of words, about chunk_tokens of the embedder's tokens long."""
    size, overlap = (
        max(8, round(chunk_tokens * WORDS_A_TOKEN)),
        round(overlap_tokens * WORDS_A_TOKEN),
    )
    for document in documents:
        for start, end in cut(document.text, size, overlap, "tokens", words):
            yield Chunk(document, start, end)


def lexical_index(
    documents: Sequence[Document], chunk_tokens: int = 128, overlap_tokens: int = 32
) -> LexicalIndex:
    """The index of these documents, made now. Raises ValueError where they hold no text."""
    digest, metadatas, texts, leads = (
        hashlib.sha256(f"{chunk_tokens} {overlap_tokens}".encode()),
        [],
        [],
        [],
    )
    shared: dict[str, str] = {}
    for document, own in itertools.groupby(
        chunks(documents, chunk_tokens, overlap_tokens), key=lambda chunk: chunk.document
    ):
        groups = list(document.meta.audience)
        digest.update(
            f"{document.id} {groups} {document.meta.effective_from}"
            f" {document.effective_until}".encode()
            + document.text.encode("utf-8", "surrogatepass")
        )
        for chunk in own:
            meta = _metadata(chunk, embedded_text(chunk)) | {"groups": groups}
            meta["lead"] = shared.setdefault(meta["lead"], meta["lead"])
            metadatas.append(meta)
            texts.append(chunk.text)
            leads.append(meta["lead"])
    if not texts:
        raise ValueError("there is nothing to search: the documents hold no text")
    lexical = Lexical([lead + text for lead, text in zip(leads, texts, strict=True)])
    return LexicalIndex(
        f"bm25-{digest.hexdigest()[:16]}", len(texts), Rows(metadatas, texts, None), lexical
    )
