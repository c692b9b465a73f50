"""Which part of a hybrid was worth it, in words? The verdict of notebook 09, computed from its
systems: right answers first, and beside them what a request costs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from helpers.evaluation.comparison import Comparison, compare
from helpers.experiments import hybrid
from helpers.labs.words import Held, held

BEHIND = {"a tuned reader": "+ reader", "a tuned search": "+ tuned search"}


def on_purpose(results: Mapping[str, pd.DataFrame]) -> dict[str, tuple[Held, str]]:
    """The router in front, each tuned part behind it, and the best search behind the reader, as
    `what_we_found` takes them. A part holds where more answers are right, unless a request then
    costs more."""
    alone, front = results["RAG"], results["router + RAG"]
    right, saved = (
        {one.second: one for one in hybrid.against_router(results, column)}
        for column in ("right", "saved")
    )
    pairs = {"a router in front": (hybrid.over_rag(results), compare(alone, front, column="saved"))}
    pairs |= {name: (right[key], saved[key]) for name, key in BEHIND.items()}
    before, after = results["+ reader"], results["best search and reader"]
    both = compare(before, after), compare(before, after, column="saved")
    pairs["the best search behind that reader"] = both
    return {name: _judged(*pair) for name, pair in pairs.items()}


def _judged(right: Comparison, saved: Comparison) -> tuple[Held, str]:
    part = False if saved.verdict == "worse" else held(right.verdict)
    return part, (
        f"the verdict on right answers is *{right.verdict_in_points()}*, and on what a request"
        f" costs *{saved.verdict}* (saves {saved.difference:+.2f}, {saved.low:+.2f} to"
        f" {saved.high:+.2f})"
    )
