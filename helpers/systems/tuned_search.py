"""The tuned search that comes with the workbook: chunks and questions embedded by the embedder that
was tuned on other questions.

    tuned_search(chunks)                    chunks, as the index of 02 gives them
    sentence_windows(documents, askers)     the windows around the best sentences, for whoever asks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.core.cases import Case, Evidence, Passage
from helpers.data.askers import Asker
from helpers.data.handbook import Document
from helpers.retrieval.chunking import Chunk, chunk_all
from helpers.retrieval.context import read_with
from helpers.retrieval.index import Index
from helpers.retrieval.sentence_search import SentenceSearch, sentence_search
from helpers.retrieval.sentences import units_of, window
from helpers.retrieval.tuned import TunedEmbedder, tuned_index
from helpers.systems.questions import Contexts
from helpers.training.adapters import REFERENCE, opened
from helpers.training.retriever import load_embedder_adapter

FOLDER = REFERENCE / "retriever"
# Chosen on dev by the evidence found (labs_data/build/search.py): whole sentences up to 200 tokens,
# under where they stand and since when they hold; words by their stems.
CUT: dict[str, Any] = {"strategy": "sentences", "chunk_size": 200, "overlap": 50}
CONTEXT = "version"
WEIGHTS: dict[str, Any] = {"sentence_weight": 0.5, "lexical_weight": 0.3, "other_region": 0.1}
WINDOW_TOKENS = 80


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


def sentence_windows(
    documents: Sequence[Document],
    askers: Mapping[str, Asker] | None = None,
    window_tokens: int | None = WINDOW_TOKENS,
    embedder: TunedEmbedder | None = None,
) -> SentenceSearch:
    """The best search of the course: long chunks and single sentences, both embedded by the tuned
    embedder, fused with words by their stems; handed out are the windows around the best sentences.

    askers: ask id -> who asks; pages of another region than theirs are put lower. A page that a
    user may not read is never found (see `SentenceSearch`). Raises AdapterError where the adapter
    does not fit the embedder that is loaded here.
    """
    chunks, embedder = chunk_all(documents, **CUT), embedder or tuned_embedder()
    index = tuned_index(chunks, embedder, read_with(CONTEXT), lambda _: None)
    regions = {id: asker.region for id, asker in (askers or {}).items()}
    how = WEIGHTS | {"window_tokens": window_tokens, "regions": regions}
    return sentence_search(documents, index.searched(stem=True), **how)


def right_windows(
    cases: Sequence[Case], documents: Sequence[Document], tokens: int = WINDOW_TOKENS
) -> Contexts:
    """For every case, what `sentence_windows` would hand out if it were perfect: the window around
    each sentence, or row, of its evidence."""
    units = {document.id: units_of(document) for document in documents}

    def around(one: Evidence) -> Passage:
        mine = units[one.doc]
        shared = [min(u.end, one.end) - max(u.start, one.start) for u in mine]
        return window(mine, shared.index(max(shared)), tokens)

    return {
        case.id: tuple(dict.fromkeys(around(one) for one in case.gold.evidence))
        for case in cases
        if case.gold.evidence
    }
