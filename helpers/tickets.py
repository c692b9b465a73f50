"""What does the strict-format task look like? Support messages in, four labelled fields out (rules: labs_data/tickets/LABELS.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from helpers import settings
from helpers.cases import Ask, Case, Gold, Split
from helpers.records import Row, read_rows


class Ticket(Row):
    """The record that the support desk's software accepts, and nothing else."""

    category: Literal["fault", "delivery", "return", "billing", "account", "how_to"]
    product: Literal["sprig", "gale", "dewline", "almanac", "none"]
    priority: Literal["urgent", "high", "normal", "low"]
    needs_human: bool


FIELDS = tuple(Ticket.model_fields)


class TicketRow(Row):
    """One line of labs_data/tickets/*.jsonl; `source` and `labelled_by` are its provenance."""

    id: str
    input: str = Field(min_length=1)
    output: Ticket
    slices: list[
        Literal["typos", "several_problems", "sarcasm", "forwarded", "other_language", "missing_details", "short", "angry"]
    ]
    source: Literal["generated", "written"]
    labelled_by: Literal["rules", "written"]
    licence: str


def load_tickets(split: Split, path: Path | None = None) -> list[Case]:
    """The tickets of one split as cases; `kind` is where the message came from. Raises DataError with file and line."""
    rows = read_rows(path or settings.DATA / "tickets" / f"{split}.jsonl", TicketRow)
    return [Case(Ask(r["id"], r["input"]), Gold(output=r["output"]), r["source"], r["id"], split) for r in rows]
