"""Two repairs, a better search and a better reader, and two orders to make them in: what does each
step win? And what does a repair win where the evidence was never found?

    orders = in_both_orders(corners)      # four tables, four comparisons that hold together
    told(orders), read_rightly(corners)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.core.cases import Case
from helpers.evaluation.comparison import Comparison, compare

# what a cause of wrong answers asks for, in a few words
NEXT = {
    "retrieval": "work on the search",
    "distraction": "show less, or rank better",
    "reading": "work on the prompt and the reader",
    "both": "search and reader both have to change",
}


def in_both_orders(corners: Mapping[str, pd.DataFrame]) -> list[Comparison]:
    """What do two repairs win, each as a first and as a second step? corners: the tables without a
    repair, with the search repaired, with the reader repaired, and with both, in this order; the
    comparisons: search first, then the reader; reader first, then the search. All four intervals
    hold together.

    Raises ValueError when there are not four tables, or when they are not of the same cases.
    """
    if len(corners) != 4:
        raise ValueError(f"give four tables (neither, search, reader, both); got {len(corners)}")
    named = [table.assign(arm=name) for name, table in corners.items()]
    neither, search, reader, both = named
    steps = ((neither, search), (search, both), (neither, reader), (reader, both))
    return [compare(before, after, comparisons=len(steps)) for before, after in steps]


def told(orders: Sequence[Comparison]) -> str:
    """The four steps in two sentences."""
    search, then_reader, reader, then_search = (one.verdict_in_points() for one in orders)
    return (
        f"Search first: {search}, then the reader: {then_reader}. Reader first: {reader}, then the"
        f" search: {then_search}."
    )


def read_rightly(corners: Mapping[str, pd.DataFrame]) -> str:
    """How often was the evidence read rightly where it was there? corners: as in `in_both_orders`;
    one sentence."""
    shown = [table[table["evidence_seen"].astype(bool)] for table in corners.values()]
    neither, search, reader, both = (f"{table['right'].sum()} of {len(table)}" for table in shown)
    return (
        f"Where it was there, the base read rightly {neither}, then {search}; the reader {reader},"
        f" then {both}."
    )


def first_steps(orders: Sequence[Comparison]) -> str:
    """What each repair wins as a first step, as a title."""
    search, _, reader, _ = (f"{100 * one.difference:+.0f}" for one in orders)
    return f"As a first step the search wins {search} points, the reader {reader}"


def asked_often(cases: Sequence[Case]) -> list[Case]:
    """The questions with an answer whose fact is asked in more than one wording."""
    answerable = [case for case in cases if case.gold.answers]
    facts = [case.fact for case in answerable]
    return [case for case in answerable if facts.count(case.fact) > 1]
