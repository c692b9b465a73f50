"""Made vectors instead of an embedder's, and documents of one chunk: cheap, and the same in every
process."""

from __future__ import annotations

import datetime as dt
import re
import zlib

import numpy as np
import pytest

from helpers.core.settings import ROOT
from helpers.data import handbook
from helpers.retrieval import embedding
from helpers.retrieval.chunking import Chunk


def counted(texts) -> np.ndarray:
    """A cheap stand-in for `embedding.embed`: (n, 384) counts of hashed words, of length 1. The
    same text, the same vector."""
    found = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in zip(found, texts, strict=True):
        for word in [*re.findall(r"\w+", text.lower()), "·"]:
            at = zlib.crc32(word.encode("utf-8"))
            row[at % 384] += 1 if at & 512 else -1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


REAL = embedding.embed, embedding.fingerprint


@pytest.fixture
def made_vectors(monkeypatch):
    """Made vectors, in whatever cache there is, and apart from those of the embedder."""
    monkeypatch.setattr(embedding, "embed", counted)
    monkeypatch.setattr(embedding, "fingerprint", lambda: f"made of words, not by {REAL[1]()}")


@pytest.fixture
def real_vectors(made_vectors, monkeypatch):
    """The embedder's own vectors after all: for what is compared with another process."""
    monkeypatch.setattr(embedding, "embed", REAL[0])
    monkeypatch.setattr(embedding, "fingerprint", REAL[1])


@pytest.fixture
def fake(cache, monkeypatch):
    """Made vectors, in a cache of the test's own; a list of all texts that were embedded."""
    asked = []
    monkeypatch.setattr(embedding, "embed", lambda texts: (asked.extend(texts), counted(texts))[1])
    return asked


def made(
    text: str = "Some text.",
    id: str = "d",
    audience=("staff",),
    since=dt.date(2025, 1, 1),
    until=None,
) -> handbook.Document:
    meta = handbook.FrontMatter(
        id=id,
        policy=id,
        title="T",
        section="s",
        owner="o",
        version=1,
        effective_from=since,
        supersedes=None,
        audience=list(audience),
        region="all",
    )
    return handbook.Document(meta, text, ROOT / f"{id}.md", until)


def whole(document: handbook.Document) -> Chunk:
    return Chunk(document, 0, len(document.text))


TEXTS = [f"text number {i} of many" for i in range(300)]


def many() -> list[Chunk]:
    """Chunks that take more than a megabyte on the disk."""
    return [
        whole(made(f"Page {i} of many. " + "All of it is text. " * 40, f"page-{i}"))
        for i in range(600)
    ]
