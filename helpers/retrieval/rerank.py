"""Which passage makes the question most probable? A language model that has read a passage can say
how likely it would then be asked just this: no training, one reading a passage.

    search = Reranked(search, generator, weight=0.5)
    search.search_all(asks, 5)    # the best 20 of the search, in a new order, the first 5 of them

It costs a reading of every passage for every question, so it puts in order what a fast search has
found and never searches itself (query likelihood; Sachan et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from helpers.core.cases import Ask, Passage
from helpers.models.likelihood import likelihoods
from helpers.models.load import Generator
from helpers.retrieval.index import scaled
from helpers.retrieval.retriever import Retriever

PROMPT = """Write a question that this text answers.

{title}
{text}"""
DEPTH = 20  # passages that are put in a new order


def question_scores(
    generator: Generator, question: str, passages: Sequence[Passage]
) -> list[float]:
    """Mean log-probability of a token of the question, after each passage."""
    shared = PROMPT.partition("\n")[0]
    return [
        likelihoods(
            generator,
            prompt := generator.chat(PROMPT.format(title=one.title, text=one.text)),
            [question],
            shared=prompt.partition(shared)[0] + shared,
        )[0].mean
        for one in passages
    ]


@dataclass(frozen=True, eq=False)
class Reranked:
    """A retriever over another: its first `depth` passages, by both opinions, each scaled from 0 to
    1. weight: of the model's; 0 leaves the order as it is."""

    found_by: Retriever
    generator: Generator
    weight: float = 0.5
    depth: int = DEPTH

    @property
    def name(self) -> str:
        how = f"{self.generator.fingerprint}, {self.weight}, {self.depth}"
        return f"{self.found_by.name}+reranked({how})"

    @property
    def size(self) -> int:
        return self.found_by.size

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "hybrid"
    ) -> list[list[Passage]]:
        """For every ask the top_k of the passages found for it."""
        found = self.found_by.search_all(asks, max(top_k, self.depth), retriever)
        return [
            self._ordered(ask.input, passages)[:top_k]
            for ask, passages in zip(asks, found, strict=True)
        ]

    def search(
        self, question: str, groups, as_of, top_k: int = 3, retriever: str = "hybrid"
    ) -> list[Passage]:
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k, retriever)[0]

    def _ordered(self, question: str, passages: Sequence[Passage]) -> list[Passage]:
        import numpy as np

        head, rest = passages[: self.depth], passages[self.depth :]
        mine = scaled(question_scores(self.generator, question, head))
        theirs = scaled([one.score or 0.0 for one in head])
        points = (1 - self.weight) * theirs + self.weight * mine
        order = np.argsort(-points, kind="stable")  # of equals, the first ones
        return [replace(head[at], score=float(points[at])) for at in order] + list(rest)
