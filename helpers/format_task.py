"""How is free text turned into a record that software accepts? The prompts for the ticket task.

The record itself and the parser that forgives nothing are in `tickets`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from helpers.cases import Case
from helpers.generate import chat
from helpers.models import Generator

SCHEMA_IN_WORDS = """Sort the customer's message into JSON with exactly these four fields:
"category": "fault", "delivery", "return", "billing", "account" or "how_to"
"product": "sprig", "gale", "dewline", "almanac" or "none"
"priority": "urgent", "high", "normal" or "low"
"needs_human": true or false
Answer with the JSON object only."""

# what a tuned model still needs to be told: its training rows said the rest
TUNED = "Ticket to JSON."


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
