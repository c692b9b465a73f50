"""Which systems can do anybody's task? An instruction, perhaps examples, the input: zero-shot,
few-shot, tuned, each also held to a schema.

Examples and training rows are pairs of texts (input, output): `labelled.pairs` makes them from your
own rows, `style.pairs` from replies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.data.json_schema import Checked, checked
from helpers.models.generate import chat, complete
from helpers.models.load import Generator
from helpers.systems.questions import fingerprint

# --- texts for prompts and training ---------------------------------------------------------------


def written(gold: Gold, schema: dict | Checked | None = None) -> str:
    """The right output as a model should write it: a text as it is, an object as one line of JSON
    with its fields in the schema's order."""
    if gold.output is None:
        return gold.answers[0]
    order = (
        {field: at for at, field in enumerate(checked(schema).fields)} if schema is not None else {}
    )
    return json.dumps(
        dict(sorted(gold.output.items(), key=lambda item: order.get(item[0], len(order)))),
        ensure_ascii=False,
    )


def pairs(cases: Sequence[Case], schema: dict | Checked | None = None) -> list[tuple[str, str]]:
    """(input, output) of each case as texts: examples and training rows for `labelled_arms`."""
    return [(case.ask.input, written(case.gold, schema)) for case in cases]


def instruction_of(schema: dict | Checked) -> str:
    """The schema in words, for the prompts of systems without training. Your own words are often
    better: an instruction is any text."""
    held = checked(schema)
    top, about = held.top, str(held.top.get("description", "")).strip()
    if held.kind == "string":
        ask = (
            f"Answer with exactly one of: {_choices(top)}."
            if _choices(top)
            else "Answer with the text only."
        )
    else:
        fields = (
            f'"{name}": {_described(held, part)}'
            for name, part in top.get("properties", {}).items()
        )
        ask = "\n".join(
            [
                "Turn the message into JSON with exactly these fields:",
                *fields,
                "Answer with the JSON object only.",
            ]
        )
    return f"{about}\n{ask}".strip()


def _choices(part: dict) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in part.get("enum", ()))


def _described(held: Checked, part: dict | bool) -> str:
    if not isinstance(part, dict):
        return "any value"
    part = held.resolved(part)
    kinds = part.get("type", "value")
    says = _choices(part) or (
        "true or false"
        if kinds == "boolean"
        else " or ".join(kinds)
        if isinstance(kinds, list)
        else str(kinds)
    )
    return f"{says} ({part['description']})" if part.get("description") else says


Pairs = Sequence[tuple[str, str]]
# what a tuned model still needs to be told: its training rows said the rest
TUNED = "Do your task."
SPARE_TOKENS = 8


def prompt(generator: Generator, instruction: str, text: str, examples: Pairs = ()) -> str:
    """The instruction, examples as earlier turns of the chat, then the input. The same in training
    and in use."""
    return chat(generator, text, system=instruction, turns=examples)


def training_rows(
    generator: Generator, pairs: Pairs, instruction: str = TUNED
) -> list[tuple[str, str]]:
    """(prompt, completion) rows for `finetune`; give the same instruction to `tuned`."""
    return [(prompt(generator, instruction, text), output) for text, output in pairs]


def room(generator: Generator, pairs: Pairs) -> int:
    """How many new tokens must an answer be allowed, so that the longest known one fits? For
    `max_new_tokens`."""
    return (
        max(
            len(generator.tokenizer(output, add_special_tokens=False)["input_ids"])
            for _, output in pairs
        )
        + SPARE_TOKENS
    )


def zero_shot(
    generator: Generator, instruction: str, schema: dict | None = None, max_new_tokens: int = 64
) -> Arm:
    """The instruction and nothing else. schema: only what it allows can be written (see
    `constrain`)."""
    return _arm(
        "constrained" if schema else "zero-shot", generator, instruction, (), schema, max_new_tokens
    )


def few_shot(
    generator: Generator,
    instruction: str,
    examples: Pairs,
    schema: dict | None = None,
    max_new_tokens: int = 64,
) -> Arm:
    """The instruction, with labelled examples in every prompt."""
    return _arm(
        "few-shot + constrained" if schema else "few-shot",
        generator,
        instruction,
        tuple(examples),
        schema,
        max_new_tokens,
    )


def tuned(
    generator: Generator,
    instruction: str = TUNED,
    schema: dict | None = None,
    max_new_tokens: int = 64,
) -> Arm:
    """A model with an adapter trained on `training_rows`, and its short instruction."""
    return _arm(
        "tuned + constrained" if schema else "tuned",
        generator,
        instruction,
        (),
        schema,
        max_new_tokens,
    )


def _arm(
    name: str,
    generator: Generator,
    instruction: str,
    examples: Pairs,
    schema: dict | None,
    max_new_tokens: int,
) -> Arm:
    said: Callable[[str], str] = _unquoted if schema and schema.get("type") == "string" else str

    def answer(asks: Sequence[Ask]):
        prompts = [prompt(generator, instruction, ask.input, examples) for ask in asks]
        for done in complete(generator, prompts, max_new_tokens, schema):
            yield Prediction(
                asks[done.index].id,
                said(done.text),
                tokens_in=done.tokens_in,
                tokens_out=done.tokens_out,
                seconds=done.seconds,
            )

    return Arm(
        name,
        answer,
        fingerprint(generator.fingerprint, instruction, list(examples), schema, max_new_tokens),
    )


def _unquoted(text: str) -> str:
    """A grammar writes a string as JSON does, in quotes; the answer is what stands between them.
    One that was cut off stays as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, str) else text
