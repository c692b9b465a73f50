"""The tuned search that comes with the workbook: the course's index, asked by the embedder that was
tuned on questions."""

from __future__ import annotations

from pathlib import Path

from helpers.retrieval.index import Index
from helpers.retrieval.tuned import TunedEmbedder, asked_by
from helpers.training.adapters import REFERENCE, opened
from helpers.training.retriever import load_embedder_adapter

FOLDER = REFERENCE / "retriever"


def tuned_embedder(share: float | None = None, folder: Path = FOLDER) -> TunedEmbedder:
    """The embedder with the adapter of a folder; share: see `load_embedder_adapter`. Raises
    AdapterError where it does not fit the embedder that is loaded here."""
    adapter = opened(folder)
    share = adapter.card.get("share", 1.0) if share is None else share
    return TunedEmbedder(load_embedder_adapter(folder, share), f"{adapter.fingerprint}x{share:g}")


def tuned_search(index: Index, share: float | None = None, folder: Path = FOLDER) -> Index:
    """The same index, asked by the tuned embedder. Nothing is built again."""
    return asked_by(index, tuned_embedder(share, folder))
