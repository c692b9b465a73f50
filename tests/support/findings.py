"""Findings as a notebook would have recorded them, for the decision and its board."""

from __future__ import annotations

import functools

from helpers.decision.findings import Finding, Findings, Usage
from helpers.evaluation.evaluator import wilson

USAGE = {
    "closed book": Usage(60, 20, 0.4, 8),
    "RAG": Usage(150, 18, 0.6, 8),
    "zero-shot": Usage(150, 40, 1.5, 8),
    "few-shot": Usage(700, 27, 1.8, 8),
    "tuned": Usage(60, 27, 0.6, 8),
}


@functools.cache
def share(hits: int, n: int, id: str = "x") -> Finding:
    return Finding(id, hits / n, *wilson(hits, n), n)


def made(**hits: tuple[int, int]) -> Findings:
    """Evidence of so many hits of n each."""
    return Findings(
        {name.replace("_", " "): share(*one, id=f"id/{name}") for name, one in hits.items()},
        USAGE,
        0.0006,
        100,
        320,
    )


FULL = {
    "closed book": (10, 400),
    "RAG": (160, 400),
    "long context": (100, 400),
    "facts adapter": (40, 400),
    "reader + RAG": (300, 400),
    "prompt": (80, 400),
    "tuned": (240, 400),
    "lost to the search": (60, 400),
    "lost to reading": (150, 400),
    "lost to both": (20, 400),
    "lost to distraction": (10, 400),
}


def full(**other: tuple[int, int] | None) -> Findings:
    counts = {
        name: one
        for name, one in {
            **FULL,
            **{name.replace("_", " "): one for name, one in other.items()},
        }.items()
        if one
    }
    return Findings(
        {name: share(*one, id=f"id/{name}") for name, one in counts.items()},
        USAGE,
        0.0006,
        100,
        320,
    )
