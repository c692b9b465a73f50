"""What would come in when the world changes? 215 support messages of fifteen days in a row: three
ordinary days, then a new product, a new complaint, and another mix.

Labelled by labs_data/tickets/LABELS.md with its section of 4 May 2026. They judge a monitor of
traffic, and are never trained on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold
from helpers.core.records import Row, read_rows
from helpers.data.tickets import Ticket

DRIFT = "drift/tickets.jsonl"
Change = Literal["ordinary", "new product", "new complaint", "new mix"]
CHANGES: tuple[Change, ...] = get_args(Change)


class DriftRow(Row):
    """One line of labs_data/drift/tickets.jsonl. change: what this message is an example of."""

    id: str
    day: dt.date
    change: Change
    input: str = Field(min_length=1)
    output: Ticket
    labelled_by: Literal["written"]
    licence: str


@dataclass(frozen=True)
class DriftedTicket:
    """A message, the day on which it came in, and the change that it belongs to."""

    day: dt.date
    change: Change
    case: Case


def load_drifted(path: Path | None = None) -> list[DriftedTicket]:
    """The messages in the order in which they came in. Raises DataError with file and line."""
    return [
        DriftedTicket(
            dt.date.fromisoformat(row["day"]),
            row["change"],
            Case(
                Ask(row["id"], row["input"]),
                Gold(output=row["output"]),
                row["change"],
                row["id"],
                "dev",
            ),
        )
        for row in read_rows(path or settings.DATA / DRIFT, DriftRow)
    ]


def changes_begin(path: Path | None = None) -> dict[Change, dt.date]:
    """On which day does each change come in for the first time?"""
    drifted = load_drifted(path)
    return {what: min(one.day for one in drifted if one.change == what) for what in CHANGES[1:]}
