"""Where is the passage that answers this question, for this user, on this day?"""

from helpers.retrieval.chroma_store import remove
from helpers.retrieval.chunking import STRATEGIES, chunk_all, cut, token_spans
from helpers.retrieval.context import CONTEXTS
from helpers.retrieval.embedding import embed_cached
from helpers.retrieval.index import RETRIEVERS, build_index, open_index
from helpers.retrieval.versions import VersionedIndex, traces

__all__ = [
    "CONTEXTS",
    "RETRIEVERS",
    "STRATEGIES",
    "VersionedIndex",
    "build_index",
    "chunk_all",
    "cut",
    "embed_cached",
    "open_index",
    "remove",
    "token_spans",
    "traces",
]
