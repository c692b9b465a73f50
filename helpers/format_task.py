"""How is free text turned into a record that software accepts? The prompts for the ticket task, and a parser that forgives nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import ValidationError

from helpers.cases import Case
from helpers.generate import chat
from helpers.models import Generator
from helpers.records import why_invalid
from helpers.tickets import Ticket

SCHEMA_IN_WORDS = """Sort the customer's message into JSON with exactly these four fields:
"category": "fault", "delivery", "return", "billing", "account" or "how_to"
"product": "sprig", "gale", "dewline", "almanac" or "none"
"priority": "urgent", "high", "normal" or "low"
"needs_human": true or false
Answer with the JSON object only."""

TUNED = "Ticket to JSON."  # what a tuned model still needs to be told: its training rows said the rest


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


def to_json(output: dict) -> str:
    """The one way in which labels are written, in examples and in training rows."""
    return json.dumps(output)


def zero_shot_prompt(generator: Generator, message: str) -> str:
    """The schema in words, then the message."""
    return chat(generator, f"Message: {message}", system=SCHEMA_IN_WORDS)


def few_shot_prompt(generator: Generator, message: str, examples: Sequence[Case]) -> str:
    """The schema in words, labelled examples as earlier turns of the chat, then the message.

    The beginning is the same for every message, so a batch reads it once.
    """
    turns = [(f"Message: {case.ask.input}", to_json(case.gold.output)) for case in examples]
    return chat(generator, f"Message: {message}", system=SCHEMA_IN_WORDS, turns=turns)


def tuned_prompt(generator: Generator, message: str) -> str:
    """The short prompt of the tuned model, the same in training and in use."""
    return chat(generator, message, system=TUNED)


def training_rows(generator: Generator, cases: Sequence[Case]) -> list[tuple[str, str]]:
    """(prompt, completion) pairs for `finetune`."""
    return [(tuned_prompt(generator, case.ask.input), to_json(case.gold.output)) for case in cases]
