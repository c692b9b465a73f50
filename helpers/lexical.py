"""Which texts share the question's rarer words? BM25 (Robertson and Zaragoza, 2009), by the library
bm25s: the baseline that no embedder may lose to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WORD = r"(?u)\b\w+\b"  # numbers and single letters count: "grade 7", "form B"


class Lexical:
    """A BM25 index over texts (method "lucene", k1 = 1.5, b = 0.75, English stop words left out),
    held in memory."""

    def __init__(self, texts: Sequence[str]):
        import bm25s

        self.size = len(texts)
        tokens = bm25s.tokenize(
            list(texts), token_pattern=WORD, stopwords="en", show_progress=False
        )
        self._bm25 = bm25s.BM25()
        self._empty = not any(len(ids) for ids in tokens.ids)
        if not self._empty:
            self._bm25.index(tokens, show_progress=False)

    def best(self, question: str, allowed: np.ndarray, k: int) -> list[tuple[int, float]]:
        """(row, score) of the k best texts among the allowed ones (bool per text), best first;
        texts without a common word are none."""
        import bm25s
        import numpy as np

        words = bm25s.tokenize(
            [question], token_pattern=WORD, stopwords="en", return_ids=False, show_progress=False
        )
        if self._empty or not words or not words[0]:
            return []
        scores = self._bm25.get_scores(words[0], weight_mask=allowed.astype(np.float32))
        rows = np.argsort(-scores, kind="stable")[:k]
        return [(int(row), float(scores[row])) for row in rows if scores[row] > 0 and allowed[row]]
