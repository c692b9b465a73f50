"""What if a second, slower model looks at the first hits again? A cross-encoder reads question and
passage together and puts the hits into a new order.

    Reranked(index, score, "minilm-cross", depth=10).search_all(asks, top_k=3)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from helpers.core.cases import Ask, Passage
from helpers.retrieval.retriever import Retriever

# a question and the texts of its hits -> one score each, higher is better
Score = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass(frozen=True, eq=False)
class Reranked:
    """A search whose first `depth` hits are put into the order of `score`.

    What `inner` withholds from a user never reaches the reranker: it can only reorder. weight: of
    the reranker's score against that of the search, both scaled to 0..1 over the hits; 1 asks the
    reranker alone. fingerprint: names the model behind `score`.
    """

    inner: Retriever
    score: Score = field(repr=False)
    fingerprint: str
    depth: int = 10
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.inner.name}>{self.fingerprint}@{self.depth}x{self.weight:g}"

    @property
    def size(self) -> int:
        return self.inner.size

    def search(
        self,
        question: str,
        groups: Collection[str],
        as_of: dt.date,
        top_k: int = 3,
        retriever: str = "dense",
    ) -> list[Passage]:
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k, retriever)[0]

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "dense"
    ) -> list[list[Passage]]:
        """For every ask the top_k of its first hits, by the new scores (of equals, the one that
        stood higher)."""
        found = self.inner.search_all(asks, max(self.depth, top_k), retriever)
        return [
            self._ordered(ask.input, hits)[:top_k] for ask, hits in zip(asks, found, strict=True)
        ]

    def _ordered(self, question: str, hits: Sequence[Passage]) -> list[Passage]:
        if len(hits) < 2:
            return list(hits)
        read = [f"{hit.title}\n{hit.text}" for hit in hits]
        new, old = _scaled(self.score(question, read)), _scaled([hit.score for hit in hits])
        points = [
            self.weight * one + (1 - self.weight) * before
            for one, before in zip(new, old, strict=True)
        ]
        order = sorted(range(len(hits)), key=lambda at: (-points[at], at))
        return [replace(hits[at], score=points[at]) for at in order]


def _scaled(scores: Sequence[float]) -> list[float]:
    """Moved and stretched to 0..1 over the hits of a question; all 0 where they are equal."""
    low, high = min(scores), max(scores)
    return [(float(one) - low) / (high - low) if high > low else 0.0 for one in scores]
