"""Which chunk holds the one sentence that answers? A chunk of 200 tokens speaks of many things, and
its vector is their mean; here a chunk counts by its best sentence as well.

    search = sentence_search(documents, index, sentence_weight=0.3)
    search.search_all(asks, 5)         # chunks, as the index gives them
    replace(search, window_tokens=80)  # the windows around the best sentences of the best chunks

A page that holds in another region than the asker's, or than the one that the question names, is
put lower. It is never left out: people ask about their colleagues abroad, too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.core.cases import Ask, Passage
from helpers.data.handbook import Document
from helpers.retrieval import embedding
from helpers.retrieval.index import Index, scaled
from helpers.retrieval.sentences import Unit, units_of, window

if TYPE_CHECKING:
    import numpy as np

# how a question names a region: the country, its people, its site
NAMED = {
    "uk": r"\b(?:UK|United Kingdom|Brit(?:ain|ish)|English|England|Thornaby)\b",
    "de": r"\b(?:Germany?s?|Lindenrode)\b",
    "ca": r"\b(?:Canad(?:a|ian)s?|Port Hessel)\b",
}


def regions_named(question: str) -> set[str]:
    """Which regions does a question name itself?"""
    return {region for region, words in NAMED.items() if re.search(words, question)}


@dataclass(frozen=True, eq=False)
class SentenceSearch:
    """A retriever over an index and the sentences of its documents.

    Every score is scaled so that what the user may read reaches from 0 to 1, as in `weighted`:
    vectors of chunks and of sentences and words share the weight 1. other_region: what a page of
    another region loses. regions: ask id -> the asker's region; none, and only the question counts.
    window_tokens: hand out windows of so many tokens in place of chunks, from the best
    window_chunks chunks; several may come from one.
    """

    index: Index
    units: Sequence[Unit]
    vectors: np.ndarray = field(repr=False)  # (units, dimensions)
    sentence_weight: float = 0.3
    lexical_weight: float = 0.3
    other_region: float = 0.0
    regions: Mapping[str, str] = field(default_factory=dict)
    window_tokens: int | None = None
    window_chunks: int = 5

    @property
    def name(self) -> str:
        how = (self.sentence_weight, self.lexical_weight, self.other_region, self.window_tokens)
        how += (self.window_chunks,) if self.window_tokens else ()
        return f"{self.index.name}+sentences{how}{sorted(self.regions.items())}"

    @property
    def size(self) -> int:
        return self.index.size

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(n texts, dimensions) by the embedder of the index."""
        return _embed(self.index)(texts)

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "sentences"
    ) -> list[list[Passage]]:
        """For every ask the top_k passages that its groups may read on its day; no groups, none.
        The retriever asked for makes no difference."""
        questions = [ask.input for ask in asks]
        asked = self.embed(questions) if questions else []
        return [
            self._best(ask, vector, top_k) if ask.groups and ask.as_of else []
            for ask, vector in zip(asks, asked, strict=True)
        ]

    def search(
        self, question: str, groups, as_of, top_k: int = 3, retriever: str = "sentences"
    ) -> list[Passage]:
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k)[0]

    def _best(self, ask: Ask, asked: np.ndarray, top_k: int) -> list[Passage]:
        if self.window_tokens is None:
            ranked = self.ranked(ask, asked, top_k)
            return self.index.rows.passages([(row, points) for row, _, points in ranked])
        ranked = self.ranked(ask, asked, self.window_chunks)
        return self.windows({row: points for row, _, points in ranked}, asked, top_k)

    def windows(self, chunks: Mapping[int, float], asked: np.ndarray, most: int) -> list[Passage]:
        """The windows around the best sentences of these chunks (row -> score), best first. A
        sentence counts by its chunk's score and its own likeness to the question; one that a window
        shows already gets none of its own."""
        import numpy as np

        points: dict[int, float] = {}
        for row, score in chunks.items():
            for unit in self._of[row].tolist():
                points[unit] = max(score, points.get(unit, score))
        units = list(points)
        if not units:  # headings alone
            return self.index.rows.passages([*chunks.items()][:most])
        value = np.array([*points.values()]) + scaled(self.vectors[units] @ asked)
        shown: list[Passage] = []
        for at in np.argsort(-value, kind="stable"):
            unit = self.units[units[at]]
            if any(p.doc == unit.document.id and p.start <= unit.start < p.end for p in shown):
                continue
            shown.append(window(self.units, units[at], self.window_tokens, float(value[at])))
            if len(shown) == most:
                break
        return shown

    def ranked(
        self, ask: Ask, asked: np.ndarray, top_k: int
    ) -> list[tuple[int, int | None, float]]:
        """(chunk, its best sentence, score) of the top_k chunks, best first; a chunk that is a
        heading alone has no sentence. asked: the question's vector."""
        import numpy as np

        rows, index = self.index.rows, self.index
        allowed = rows.allowed(ask.groups, ask.as_of)
        may = np.flatnonzero(allowed)
        by_sentence = self.vectors @ asked  # (units,)
        best = [by_sentence[self._of[row]].max(initial=-1.0) for row in may]
        weights = (self.sentence_weight, self.lexical_weight)
        points = (
            (1 - sum(weights)) * scaled((rows.vectors @ asked)[may])
            + weights[0] * scaled(best)
            + weights[1] * scaled(index.lexical.scores(ask.input, allowed)[may])
            - self.other_region * self._elsewhere(ask)[may]
        )
        order = np.argsort(-points, kind="stable")[:top_k]  # of equals, the first ones
        return [
            (row, self._best_unit(row, by_sentence), float(points[at]))
            for at, row in zip(order, may[order].tolist(), strict=True)
        ]

    def _best_unit(self, row: int, by_sentence: np.ndarray) -> int | None:
        inside = self._of[row]
        return int(inside[by_sentence[inside].argmax()]) if len(inside) else None

    def _elsewhere(self, ask: Ask) -> np.ndarray:
        """(chunks,) 1 where a page holds in a region that was not asked for, else 0."""
        import numpy as np

        wanted = regions_named(ask.input) or {self.regions.get(ask.id, "all")}
        if "all" in wanted:  # nobody said where
            return np.zeros(len(self._region))
        return np.array([region not in {"all", *wanted} for region in self._region], dtype=float)

    @functools.cached_property
    def _of(self) -> list[np.ndarray]:
        """Of each chunk the units whose most part lies within it."""
        import numpy as np

        by_doc: dict[str, list[int]] = {}
        for at, unit in enumerate(self.units):
            by_doc.setdefault(unit.document.id, []).append(at)

        def inside(meta: dict) -> list[int]:
            within = []
            for at in by_doc.get(meta["doc"], ()):
                unit = self.units[at]
                shared = min(meta["end"], unit.end) - max(meta["start"], unit.start)
                if 2 * shared > unit.end - unit.start:
                    within.append(at)
            return within

        return [np.array(inside(m), dtype=np.intp) for m in self.index.rows.metadatas]

    @functools.cached_property
    def _region(self) -> list[str]:
        """Where each chunk's page holds."""
        of = {unit.document.id: unit.document.meta.region for unit in self.units}
        return [of.get(m["doc"], "all") for m in self.index.rows.metadatas]


def _embed(index: Index) -> Callable[[Sequence[str]], np.ndarray]:
    """What embeds for this index: a tuned embedder, where it has one. Every text once."""
    return index.embed or (lambda texts: embedding.embed_cached(texts)[0])


def sentence_search(documents: Sequence[Document], index: Index, **how) -> SentenceSearch:
    """The sentences and rows of these documents, each embedded under its header line once and for
    all by the embedder of an index of the same documents, and that index. how: see
    `SentenceSearch`."""
    units = [unit for document in documents for unit in units_of(document)]
    vectors = _embed(index)([f"{unit.header}\n{unit.text}" for unit in units])
    return SentenceSearch(index, units, vectors, **how)
