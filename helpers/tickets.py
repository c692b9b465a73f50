"""What does the strict-format task look like? Support messages in, four labelled fields out (rules: labs_data/tickets/LABELS.md).

Here are the record, the parser that forgives nothing, and the labelled rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from helpers import settings
from helpers.cases import Ask, Case, Gold, Split
from helpers.records import Row, read_rows, why_invalid


class Ticket(Row):
    """The record that the support desk's software accepts, and nothing else."""

    category: Literal["fault", "delivery", "return", "billing", "account", "how_to"]
    product: Literal["sprig", "gale", "dewline", "almanac", "none"]
    priority: Literal["urgent", "high", "normal", "low"]
    needs_human: bool


FIELDS = tuple(Ticket.model_fields)


class Parsed(NamedTuple):
    """`ticket` is None unless state is "valid"; `reason` says what was wrong."""

    state: Literal["valid", "invalid schema", "invalid JSON"]
    ticket: Ticket | None
    reason: str = ""


def parse_strict(text: str) -> Parsed:
    """Would the support desk's software accept this answer as it stands? One JSON object of the schema, nothing around it."""
    try:
        fields = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        return Parsed("invalid JSON", None, str(error))
    try:
        return Parsed("valid", Ticket.model_validate(fields))
    except ValidationError as error:
        return Parsed("invalid schema", None, why_invalid(error))


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key appears twice")
    return dict(pairs)


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


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
