"""What is a search to the rest of the course? Something that finds passages for an ask: `Index` (by
meaning and words) and `LexicalIndex` (by words alone) both are one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from helpers.core.cases import Ask, Passage


class Retriever(Protocol):
    """name: says exactly what is searched, and how."""

    name: str
    size: int

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = ...
    ) -> list[list[Passage]]:
        """For every ask the top_k passages among those that its groups may read on its day."""
        ...

    def search(
        self,
        question: str,
        groups: Collection[str],
        as_of: dt.date,
        top_k: int = 3,
        retriever: str = ...,
    ) -> list[Passage]: ...
