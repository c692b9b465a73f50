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


REST = {
    "recall": (300, 400),
    "improved RAG": (180, 400),
    "oracle": (240, 400),
    "rightly refused": (320, 400),
    "RAG, after a change": (165, 400),
    "leak, rights in the search": (0, 400),
    "retrieved examples": (90, 400),
    "classifier": (120, 400),
    "majority": (20, 400),
    "style, prompt": (200, 400),
    "style, tuned": (340, 400),
    "tool": (392, 400),
}


def named(**hits: tuple[int, int]) -> dict[str, Finding]:
    """Names as keywords: `reader_and_RAG` is "reader + RAG"; what has a comma is given with **."""
    return {
        name: share(*one, id=f"id/{name}")
        for given, one in hits.items()
        for name in [given.replace("_and_", " + ").replace("_", " ")]
    }


def whole(**other: tuple[int, int] | None) -> Findings:
    """Every finding that the board has, but for those that refuse each other."""
    return full(**{**REST, **other})


def only(**hits: tuple[int, int]) -> Findings:
    """These findings and no other."""
    return Findings(named(**hits), USAGE, 0.0006, 100, 320)


def full(**other: tuple[int, int] | None) -> Findings:
    counts = {
        name: one
        for name, one in {
            **FULL,
            **{name.replace("_and_", " + ").replace("_", " "): one for name, one in other.items()},
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
