"""What do people type to Brindlemark's assistant, and which part of it should answer? Requests with
one of four routes (rules: labs_data/router/LABELS.md)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Split
from helpers.core.records import DataError, Row, read_rows

Route = Literal["retrieve", "tool", "refuse", "small talk"]
ROUTES: tuple[Route, ...] = get_args(Route)
# What a request is about, within its route.
KINDS: dict[Route, tuple[str, ...]] = {
    "retrieve": ("rule", "product", "restricted"),
    "tool": ("order", "ticket", "calculator", "date"),
    "refuse": ("private", "advice", "attack"),
    "small talk": ("greeting", "thanks", "goodbye", "about_you", "chat"),
}
NEAR_MISS = ", near miss"  # what the kind of such a case ends in
# Whose words a request is in says which groups ask it; a router sees the words alone.
GROUPS = {"staff": ("staff",), "customer": ("customers",)}
TODAY = dt.date(2026, 3, 2)  # the day on which the course asks


class RequestRow(Row):
    """One line of labs_data/router/*.jsonl. near_miss: written to look like another route."""

    id: str
    input: str = Field(min_length=1)
    route: Route
    kind: str
    near_miss: bool
    writer: Literal["staff", "customer"]
    licence: str


def wrong_kind(row: RequestRow | dict) -> str | None:
    """Why the kind of a row cannot be, if it cannot."""
    row = row if isinstance(row, dict) else row.model_dump()
    kinds = KINDS[row["route"]]
    if row["kind"] in kinds:
        return None
    return f"'{row['kind']}' is no kind of '{row['route']}'; take one of {', '.join(kinds)}"


def load_requests(split: Split, path: Path | None = None) -> list[Case]:
    """The requests of one split as cases: the gold is the route, the kind says what it is about
    (and whether it is a near miss). Raises DataError with file and line."""
    path = path or settings.DATA / "router" / f"{split}.jsonl"
    cases = []
    for number, row in enumerate(read_rows(path, RequestRow), start=1):
        if wrong := wrong_kind(row):
            raise DataError(f"{settings.shown(path)} line {number}: field 'kind': {wrong}")
        kind = row["kind"] + (NEAR_MISS if row["near_miss"] else "")
        ask = Ask(row["id"], row["input"], GROUPS[row["writer"]], TODAY)
        cases.append(Case(ask, Gold(answers=(row["route"],)), kind, row["id"], split))
    return cases
