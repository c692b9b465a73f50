"""What does an index keep of a chunk, who may read it, and from which day to which?"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from helpers.core.cases import Passage
from helpers.retrieval.chunking import Chunk

if TYPE_CHECKING:
    import numpy as np

PAGE = 5000  # rows a request; more than about 30,000 is refused by SQLite
FOREVER = 9999_12_31


def _day(date: dt.date | None) -> int:
    """A date as the integer 20260302, which Chroma can compare."""
    return FOREVER if date is None else date.year * 10_000 + date.month * 100 + date.day


def embedded_text(chunk: Chunk) -> str:
    """What embedder and BM25 read: the chunk under its title (or headings), so that "Parental leave
    (Germany)" stays findable."""
    return f"{chunk.titled(' › '.join(chunk.under) or chunk.document.title)}\n{chunk.text}"


def metadata_of(chunk: Chunk, read: str) -> dict[str, Any]:
    meta = chunk.document.meta
    return {
        "doc": meta.id,
        "title": chunk.titled(meta.title),
        "start": chunk.start,
        "end": chunk.end,
        "groups": list(meta.audience),
        "from_day": _day(meta.effective_from),
        "until_day": _day(chunk.document.effective_until),
        "lead": read.removesuffix(chunk.text),
    }


def may_read(groups: Collection[str], as_of: dt.date) -> dict[str, Any]:
    """The condition on every query: readable by one of these groups, and in force on that day."""
    readable = [{"groups": {"$contains": group}} for group in sorted(groups)]
    return {
        "$and": [
            readable[0] if len(readable) == 1 else {"$or": readable},
            {"from_day": {"$lte": _day(as_of)}},
            {"until_day": {"$gt": _day(as_of)}},
        ]
    }


def passage_of(meta: dict[str, Any], text: str, score: float) -> Passage:
    return Passage(meta["doc"], meta["title"], meta["start"], meta["end"], text, score)


@dataclass(frozen=True, eq=False)
class Rows:
    """All chunks of an index in memory, in their order: what BM25 and exact search look through."""

    metadatas: list[dict[str, Any]]
    texts: list[str]
    collection: Any
    # who may read what, worked out once for each groups and day
    _allowed: dict[tuple, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, collection: Any, size: int) -> Rows:
        ids, metadatas, texts = [], [], []
        for start in range(0, size, PAGE):
            page = collection.get(limit=PAGE, offset=start, include=["metadatas", "documents"])
            ids += page["ids"]
            metadatas += page["metadatas"]
            texts += page["documents"]
        order = sorted(range(len(ids)), key=lambda i: ids[i])
        return cls([metadatas[i] for i in order], [texts[i] for i in order], collection)

    def allowed(self, groups: Collection[str], as_of: dt.date) -> np.ndarray:
        """(chunks,) bool: the same condition as `may_read`, for searches that do not go through
        Chroma."""
        import numpy as np

        key = (frozenset(groups), _day(as_of))
        if key not in self._allowed:
            kinds, kind = self._kinds
            self._allowed[key] = np.array(
                [
                    not key[0].isdisjoint(readers) and since <= key[1] < until
                    for readers, since, until in kinds
                ],
                dtype=bool,
            )[kind]
        return self._allowed[key]

    @functools.cached_property
    def _kinds(self) -> tuple[list[tuple], np.ndarray]:
        """(all that differs in readers and days, which of these each chunk is): a hundred thousand
        chunks differ in a few dozen."""
        import numpy as np

        kinds: dict[tuple, int] = {}
        kind = [
            kinds.setdefault((tuple(m["groups"]), m["from_day"], m["until_day"]), len(kinds))
            for m in self.metadatas
        ]
        return list(kinds), np.array(kind, dtype=np.intp)

    @functools.cached_property
    def vectors(self) -> np.ndarray:
        """(chunks, dimensions) as they are stored."""
        import numpy as np

        ids, parts = [], []
        for start in range(0, len(self.texts), PAGE):
            page = self.collection.get(limit=PAGE, offset=start, include=["embeddings"])
            ids += page["ids"]
            # Chroma's are twice as long
            parts.append(np.asarray(page["embeddings"], dtype=np.float32))
        return np.concatenate(parts)[np.argsort(ids)]

    def nearest(self, asked: np.ndarray, allowed: np.ndarray, k: int) -> list[tuple[int, float]]:
        """(row, cosine) of the k allowed chunks that are nearest to a question's vector, every one
        compared; of equals the first ones."""
        import numpy as np

        rows = np.flatnonzero(allowed)
        scores = (self.vectors @ asked)[rows]
        if k < len(rows):  # only what can be among the k is put in order
            near = scores >= np.partition(scores, len(rows) - k)[len(rows) - k]
            rows, scores = rows[near], scores[near]
        order = np.argsort(-scores, kind="stable")[:k]
        return [(int(rows[at]), float(scores[at])) for at in order]

    def passages(self, found: Sequence[tuple[int, float]]) -> list[Passage]:
        return [passage_of(self.metadatas[row], self.texts[row], score) for row, score in found]
