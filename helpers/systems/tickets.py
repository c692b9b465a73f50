"""How is free text turned into a record that software accepts? The prompts for the ticket task.

The record itself and the parser that forgives nothing are in `tickets`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from helpers.core.cases import Arm, Ask, Case, Prediction
from helpers.data.tickets import Ticket
from helpers.models.generate import chat, complete
from helpers.models.load import Generator
from helpers.systems.questions import fingerprint


def _tickets(
    name: str, generator: Generator, prompt: Callable[[str], str], constrained: bool, *parts: object
) -> Arm:
    schema = Ticket.model_json_schema() if constrained else None

    def answer(asks: Sequence[Ask]):
        for done in complete(generator, [prompt(ask.input) for ask in asks], schema=schema):
            yield Prediction(
                asks[done.index].id,
                done.text,
                tokens_in=done.tokens_in,
                tokens_out=done.tokens_out,
                seconds=done.seconds,
            )

    return Arm(name, answer, fingerprint(generator.fingerprint, schema, *parts))


def zero_shot(generator: Generator, constrained: bool = False) -> Arm:
    """Tickets: the schema in words, no example. constrained: only what the schema allows can be
    written (see `constrain`)."""
    name = "constrained" if constrained else "zero-shot"
    return _tickets(name, generator, lambda text: zero_shot_prompt(generator, text), constrained)


def few_shot(generator: Generator, examples: Sequence[Case], constrained: bool = False) -> Arm:
    """Tickets: the schema in words and labelled examples in the prompt."""
    name = "few-shot + constrained" if constrained else "few-shot"
    shown = [(case.ask.input, case.gold.output) for case in examples]
    return _tickets(
        name,
        generator,
        lambda text: few_shot_prompt(generator, text, examples),
        constrained,
        shown,
    )


def tuned(generator: Generator, constrained: bool = False) -> Arm:
    """Tickets: a model with the format adapter, and a prompt of three words."""
    name = "tuned + constrained" if constrained else "tuned"
    return _tickets(name, generator, lambda text: tuned_prompt(generator, text), constrained)


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
