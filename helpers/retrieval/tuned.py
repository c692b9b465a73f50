"""What if the search itself is tuned? An index that is asked by a tuned copy of the embedder; all
else, rights and dates included, stays as it is.

    index = asked_by(index, embedder)           the stored passages stay, questions move
    index = tuned_index(chunks, embedder)       passages and questions are embedded anew
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.retrieval import embedding
from helpers.retrieval.chunking import Chunk
from helpers.retrieval.index import Index, index_chunks
from helpers.retrieval.rows import embedded_text

if TYPE_CHECKING:
    import numpy as np

ASKED = "asked."  # before the embedder's name, where an index is not asked by its own


@dataclass(frozen=True, eq=False)
class TunedEmbedder:
    """A tuned body (a SentenceTransformer) and a name for exactly its weights."""

    body: Any = field(repr=False)
    fingerprint: str

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(n texts, dimensions) float32 vectors of length 1."""
        import numpy as np

        found = self.body.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(found, dtype=np.float32).reshape(len(texts), -1)

    def embed_cached(self, texts: Sequence[str]) -> np.ndarray:
        """The same; every different text is embedded once in the life of the cache. The vectors lie
        beside those of the embedder, so that `embedding.forget` finds them."""
        import numpy as np

        name = hashlib.sha256(f"{embedding.fingerprint()} {self.fingerprint}".encode()).hexdigest()
        file = settings.cache_folder("vectors") / f"{name[:16]}.sqlite"
        keys = [embedding._key(text) for text in texts]
        with contextlib.closing(embedding._open(file)) as table:
            known = embedding._read(table, set(keys))
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if missing:
                made = dict(zip(missing, self.embed(list(missing.values())), strict=True))
                known |= made
                embedding._write(table, made)
        return np.stack([known[key] for key in keys])


def asked_by(index: Index, embedder: TunedEmbedder) -> Index:
    """The same stored index, its questions embedded by the tuned embedder: nothing is built again.
    Its name says by whom it is asked."""
    return replace(
        index,
        name=f"{index.name}+{ASKED}{embedder.fingerprint}",
        embed=lambda texts: (embedder.embed_cached if len(texts) > 1 else embedder.embed)(texts),
    )


def tuned_index(
    chunks: Sequence[Chunk],
    embedder: TunedEmbedder,
    read_as: Callable[[Chunk], str] = embedded_text,
    say: Callable[[str], object] = print,
) -> Index:
    """The index of these chunks, passages and questions embedded by the tuned embedder. It is
    another index than the untuned one: its name holds its vectors."""
    vectors = embedder.embed_cached([read_as(chunk) for chunk in chunks])
    return replace(index_chunks(chunks, read_as, say, vectors), embed=embedder.embed_cached)
