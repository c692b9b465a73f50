"""What does the strict-format task look like? Support messages in, four labelled fields out (rules:
labs_data/tickets/LABELS.md).

Here are the record, the parser that forgives nothing, and the labelled rows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pydantic import Field, ValidationError

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Split
from helpers.core.records import Row, parse_json, read_rows, why_invalid


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
    """Would the support desk's software accept this answer unchanged? One JSON object of the
    schema, nothing around it."""
    try:
        fields = parse_json(text)
    except ValueError as error:
        return Parsed("invalid JSON", None, str(error))
    try:
        return Parsed("valid", Ticket.model_validate(fields))
    except ValidationError as error:
        return Parsed("invalid schema", None, why_invalid(error))


class TicketRow(Row):
    """One line of labs_data/tickets/*.jsonl; `source` and `labelled_by` are its provenance."""

    id: str
    input: str = Field(min_length=1)
    output: Ticket
    slices: list[
        Literal[
            "typos",
            "several_problems",
            "sarcasm",
            "forwarded",
            "other_language",
            "missing_details",
            "short",
            "angry",
        ]
    ]
    source: Literal["generated", "written"]
    labelled_by: Literal["rules", "written"]
    licence: str


def load_tickets(
    split: Split, label_noise: float = 0.0, seed: int = 0, path: Path | None = None
) -> list[Case]:
    """The tickets of one split as cases; `kind` is where the message came from. Raises DataError
    with file and line.

    label_noise: the share of rows (0 to 1) in which one field is made wrong on purpose, see
    `corrupt_labels`; for train only.
    """
    if label_noise and split != "train":
        raise ValueError(
            f"label_noise is for split 'train' only: wrong labels in '{split}' would make every"
            " score a lie"
        )
    rows = read_rows(path or settings.DATA / "tickets" / f"{split}.jsonl", TicketRow)
    cases = [
        Case(Ask(r["id"], r["input"]), Gold(output=r["output"]), r["source"], r["id"], split)
        for r in rows
    ]
    return corrupt_labels(cases, label_noise, seed)


def label_values(field: str) -> tuple[object, ...]:
    """Which values may this field of a ticket have?"""
    return get_args(Ticket.model_fields[field].annotation) or (True, False)


def corrupt_labels(cases: Sequence[Case], share: float, seed: int = 0) -> list[Case]:
    """What would careless labelling look like? Exactly round(share * n) rows get ONE field replaced
    by another valid value.

    The seed chooses rows, fields and values. With the same seed a larger share corrupts the same
    rows and more of them.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"label_noise is a share of the rows, from 0 to 1; got {share}")
    rng, noisy = random.Random(seed), list(cases)
    order = rng.sample(range(len(noisy)), len(noisy))
    for i in order[: round(share * len(noisy))]:
        output = noisy[i].gold.output
        field = rng.choice(FIELDS)
        wrong = rng.choice([value for value in label_values(field) if value != output[field]])
        noisy[i] = replace(noisy[i], gold=Gold(output=output | {field: wrong}))
    return noisy
