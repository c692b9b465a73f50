"""How well are records extracted, field by field? That all of 39 fields are right is nearly never
the case, and says nothing; precision and recall of the filled ones do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from helpers.evaluation.labelled_task import same

COLUMNS = ["filled in gold", "filled in answers", "right", "precision", "recall", "F1"]
EMPTY = (None, "", [], {})


def has_fields(table: pd.DataFrame) -> bool:
    """Is it a table of objects, in which some fields may be empty?"""
    return "gold_fields" in table and any(
        len(filled(gold)) < len(names_of(table)) for gold in table["gold_fields"]
    )


def filled(record: Any) -> dict[str, Any]:
    """The fields that say something; none of an answer that was invalid."""
    fields = record.items() if isinstance(record, Mapping) else ()
    return {name: value for name, value in fields if not any(same(value, one) for one in EMPTY)}


def names_of(table: pd.DataFrame) -> list[str]:
    """The fields, in the order of the columns `<field>_right`."""
    return [
        name.removesuffix("_right")
        for name in table
        if str(name).endswith("_right") and name != "fields_right"
    ]


def field_scores(table: pd.DataFrame) -> pd.DataFrame:
    """One line a field, and "all fields" as the last: how often it is filled, and of what is filled
    precision (in answers), recall (in gold) and F1, 0..1; NaN where nothing is filled.

    A value counts as right where it equals the gold's. An invalid answer fills nothing.
    """
    counts = {name: [0, 0, 0] for name in names_of(table)}
    for name, wanted, said in _cells(table):
        count = counts.setdefault(name, [0, 0, 0])
        count[0] += wanted is not None
        count[1] += said is not None
        count[2] += wanted is not None and said is not None and same(wanted[0], said[0])
    every = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0, 0]
    rows = {name: _scores(*count) for name, count in (counts | {"all fields": every}).items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).rename_axis("field")


def _cells(table: pd.DataFrame) -> Iterator[tuple[str, tuple | None, tuple | None]]:
    """(field, its gold, what was said) of every field that either fills; None where empty."""
    for gold, said in zip(table["gold_fields"], table["said"], strict=True):
        wanted, told = filled(gold), filled(said)
        for name in dict.fromkeys([*wanted, *told]):
            yield (
                name,
                (wanted[name],) if name in wanted else None,
                (told[name],) if name in told else None,
            )


def _scores(gold: int, said: int, right: int) -> list[float]:
    precision = right / said if said else float("nan")
    recall = right / gold if gold else float("nan")
    f1 = 2 * right / (gold + said) if gold + said else float("nan")
    return [gold, said, right, precision, recall, f1]


def fields_of_arms(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One line an arm: precision, recall and F1 over all filled fields."""
    rows = {name: field_scores(table).loc["all fields"] for name, table in tables.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
