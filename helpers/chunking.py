"""How is a document cut into pieces that a search can find and a prompt can hold? Every piece knows where it came from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helpers import models
from helpers.corpus import Document

Span = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """Characters start:end of a document: `document.text[chunk.start:chunk.end] == chunk.text`, always."""

    document: Document
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]


@functools.cache
def _embedder_tokenizer():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(models.prepare(models.MINILM) / "tokenizer.json"))
    tokenizer.no_truncation()  # the file asks for 128 tokens, padded; we want to see all of them
    tokenizer.no_padding()
    return tokenizer


def token_spans(text: str) -> list[Span]:
    """Where is each token of the embedder? (start, end) in characters, in order."""
    return [span for span in _embedder_tokenizer().encode(text, add_special_tokens=False).offsets if span[0] < span[1]]


def chunk(document: Document, chunk_size: int = 128, overlap: int = 32, spans: Callable[[str], list[Span]] = token_spans) -> list[Chunk]:
    """Cut a document into windows of `chunk_size` tokens, each sharing `overlap` tokens with the one before.

    Raises ValueError unless 0 <= overlap < chunk_size. The embedder reads 256 tokens at most and ignores the rest.
    """
    if not 0 <= overlap < chunk_size:
        raise ValueError(f"overlap must be at least 0 and below chunk_size; got chunk_size={chunk_size}, overlap={overlap}")
    tokens = spans(document.text)
    step = chunk_size - overlap
    starts = range(0, max(len(tokens) - overlap, 1), step) if tokens else ()
    windows = [tokens[start : start + chunk_size] for start in starts]
    return [Chunk(document, window[0][0], window[-1][1]) for window in windows]


def chunk_all(documents: Sequence[Document], chunk_size: int = 128, overlap: int = 32) -> list[Chunk]:
    """`chunk` for every document, in order."""
    return [piece for document in documents for piece in chunk(document, chunk_size, overlap)]
