"""The tuned search that comes with the workbook: chunks and questions embedded by the embedder that
was tuned on other questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from helpers.retrieval.chunking import Chunk
from helpers.retrieval.index import Index
from helpers.retrieval.tuned import TunedEmbedder, tuned_index
from helpers.training.adapters import REFERENCE, opened
from helpers.training.retriever import load_embedder_adapter

FOLDER = REFERENCE / "retriever"


def tuned_embedder(share: float | None = None, folder: Path = FOLDER) -> TunedEmbedder:
    """The embedder with the adapter of a folder; share: see `load_embedder_adapter`. Raises
    AdapterError where it does not fit the embedder that is loaded here."""
    adapter = opened(folder)
    share = adapter.card.get("share", 1.0) if share is None else share
    return TunedEmbedder(load_embedder_adapter(folder, share), f"{adapter.fingerprint}x{share:g}")


def tuned_search(
    chunks: Sequence[Chunk],
    share: float | None = None,
    folder: Path = FOLDER,
    say: Callable[[str], object] = print,
) -> Index:
    """The index of these chunks, passages and questions embedded by the tuned embedder."""
    return tuned_index(chunks, tuned_embedder(share, folder), say=say)
