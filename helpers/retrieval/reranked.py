"""What if a second, slower model looks at the first hits again? It reads question and passage
together and puts the hits into a new order.

    Reranked(index, score, "minilm-cross", depth=10).search_all(asks, top_k=3)

The score may come from a cross-encoder that was trained for it (`training.reranker`), or, without
training, from the language model itself: `question_likelihood`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from helpers.core.cases import Ask, Passage
from helpers.models.likelihood import likelihoods
from helpers.models.load import Generator
from helpers.retrieval.index import scaled
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
        """For every ask its hits: the first `depth` by the new scores (of equals, the one that
        stood higher), the others behind them as they were."""
        found = self.inner.search_all(asks, max(self.depth, top_k), retriever)

        def ordered(ask: Ask, hits: Sequence[Passage]) -> list[Passage]:
            head = reordered(ask.input, hits[: self.depth], self.score, self.weight)
            return [*head, *hits[self.depth :]][:top_k]

        return [ordered(ask, hits) for ask, hits in zip(asks, found, strict=True)]


def reordered(
    question: str, hits: Sequence[Passage], score: Score, weight: float = 1.0
) -> list[Passage]:
    """The hits in their new order, with their new scores from 0 to 1; see `Reranked`."""
    if len(hits) < 2:
        return list(hits)
    new = scaled(score(question, [f"{hit.title}\n{hit.text}" for hit in hits]))
    points = weight * new + (1 - weight) * scaled([hit.score for hit in hits])
    order = sorted(range(len(hits)), key=lambda at: (-points[at], at))
    return [replace(hits[at], score=float(points[at])) for at in order]


def asked_key(question: str, texts: Sequence[str]) -> str:
    """A name for a question and the hits that it was scored with."""
    return hashlib.sha256("\0".join([question, *texts]).encode()).hexdigest()[:16]


def kept_score(scores: Mapping[str, Sequence[float]]) -> Score:
    """What a reranker said earlier, so that a search can be reranked where its weights are not:
    `asked_key` -> one score a hit.

    Raises KeyError for a question, or for hits, that it was not asked about.
    """

    def score(question: str, texts: Sequence[str]) -> Sequence[float]:
        if (key := asked_key(question, texts)) not in scores:
            raise KeyError(
                f"no kept score for {question!r} with these {len(texts)} hits; the search or the"
                " documents have changed: run labs_data/build/retriever.py --reranker, then"
                " labs_data/build/hybrid.py"
            )
        return scores[key]

    return score


QUESTION_AFTER = """Write a question that this text answers.

"""


def question_likelihood(generator: Generator) -> Score:
    """How probable is the question to a model that has just read the passage? Mean log-probability
    of a token of it; no training, one reading a passage (query likelihood; Sachan et al. 2022)."""

    def score(question: str, texts: Sequence[str]) -> list[float]:
        prompts = [generator.chat(QUESTION_AFTER + text) for text in texts]
        told = QUESTION_AFTER.strip()
        return [
            likelihoods(generator, prompt, [question], shared=prompt.partition(told)[0] + told)[
                0
            ].mean
            for prompt in prompts
        ]

    return score
