"""Which systems can do a task with labels? An instruction, perhaps examples, the input: zero-shot,
few-shot, few-shot with examples like the input, tuned, each also constrained by a schema.

A `TaskPrompt` says what the task is (`TICKET_PROMPT` for the tickets); the model is any
`LanguageModel`. Examples and training rows are cases, or pairs of texts (input, output) such as
`house_style.pairs` gives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.data.json_schema import Checked, checked
from helpers.models.language_model import LanguageModel
from helpers.models.load import Generator
from helpers.systems.neighbours import nearest_rows
from helpers.systems.prompts import TaskPrompt
from helpers.systems.questions import fingerprint

Pairs = Sequence[tuple[str, str]]
Examples = Sequence[Case] | Pairs
SPARE_TOKENS = 8
SPARE_TOKENS_UNCOUNTED = 16

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


def pairs(examples: Examples, schema: dict | Checked | None = None) -> list[tuple[str, str]]:
    """(input, output) of each case as texts; what is such a pair already stays as it is."""
    return [
        (one.ask.input, written(one.gold, schema)) if isinstance(one, Case) else one
        for one in examples
    ]


def instruction_of(schema: dict | Checked) -> str:
    """The schema in words, for the prompts of systems without training. Your own words are often
    better: an instruction is any text."""
    form = checked(schema)
    top, about = form.top, str(form.top.get("description", "")).strip()
    if form.kind == "string":
        ask = (
            f"Answer with exactly one of: {_choices(top)}."
            if _choices(top)
            else "Answer with the text only."
        )
    else:
        fields = [f'"{name}": {_described(form, part)}' for name, part in form.properties.items()]
        ask = "\n".join(
            [
                f"Turn the message into JSON{' with exactly these fields:' if fields else '.'}",
                *fields,
                "Answer with the JSON object only.",
            ]
        )
    return f"{about}\n{ask}".strip()


def _choices(part: dict) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in part.get("enum", ()))


def _described(form: Checked, part: dict | bool) -> str:
    if not isinstance(part, dict):
        return "any value"
    part = form.resolved(part)
    kinds = part.get("type", "value")
    says = _choices(part) or (
        "true or false"
        if kinds == "boolean"
        else " or ".join(kinds)
        if isinstance(kinds, list)
        else str(kinds)
    )
    return f"{says} ({part['description']})" if part.get("description") else says


# --- the arms -------------------------------------------------------------------------------------


def task_prompt(model: LanguageModel, task: TaskPrompt, text: str, examples: Examples = ()) -> Any:
    """The instruction, examples as earlier turns of the chat, then the input.

    The beginning is the same for every input, so a batch reads it once.
    """
    turns = [(task.shown.format(said), output) for said, output in pairs(examples, task.schema)]
    return model.chat(task.shown.format(text), system=task.instruction, turns=turns)


def tuned_prompt(model: LanguageModel, task: TaskPrompt, text: str) -> Any:
    """The short prompt of a tuned model, the same in training and in use."""
    return model.chat(text, system=task.tuned)


def training_rows(
    generator: Generator, task: TaskPrompt, examples: Examples
) -> list[tuple[str, str]]:
    """(prompt, completion) rows for `finetune`."""
    return [
        (tuned_prompt(generator, task, text), output)
        for text, output in pairs(examples, task.schema)
    ]


def room(model: LanguageModel, pairs: Pairs) -> int:
    """How many new tokens must an answer be allowed, so that the longest known one fits? For
    `max_new_tokens`."""
    outputs = [output for _, output in pairs]
    if model.tokenizer is None:  # two characters a token: more tokens than any language needs
        return max(map(len, outputs)) // 2 + SPARE_TOKENS_UNCOUNTED
    counted = (model.tokenizer(one, add_special_tokens=False)["input_ids"] for one in outputs)
    return max(map(len, counted)) + SPARE_TOKENS


def zero_shot(model: LanguageModel, task: TaskPrompt, constrained: bool = False) -> Arm:
    """The instruction and nothing else. constrained: only what the schema allows can be written
    (see `constrain`)."""
    name = "constrained" if constrained else "zero-shot"
    return _arm(name, model, task, constrained, _alike(task_prompt, model, task))


def few_shot(
    model: LanguageModel, task: TaskPrompt, examples: Examples, constrained: bool = False
) -> Arm:
    """The instruction, with labelled examples in every prompt."""
    name, shown = _named("few-shot", constrained), pairs(examples, task.schema)
    return _arm(name, model, task, constrained, _alike(task_prompt, model, task, shown), shown)


def retrieved_examples(
    model: LanguageModel,
    task: TaskPrompt,
    examples: Examples,
    k: int = 8,
    constrained: bool = False,
) -> Arm:
    """Few-shot with other examples for every ask: the k labelled rows most like it (see
    `nearest_rows`), the most similar last, next to the input.

    Prompts share no more than the instruction, so each is read almost whole. An ask that is itself
    an example is shown its own output: nothing is left out, for train and dev are disjoint. Raises
    ValueError without examples, and for a k below 1.
    """
    from helpers.retrieval import embedding

    rows = pairs(examples, task.schema)
    if not rows:
        raise ValueError("there are no examples to retrieve from; give the training rows")
    if k < 1:
        raise ValueError(f"k is the number of examples in a prompt, 1 or more; got {k}")
    known = [text for text, _ in rows]

    def prompts(asks: Sequence[Ask]) -> list[Any]:
        nearest = nearest_rows([ask.input for ask in asks], known, k)
        return [
            task_prompt(model, task, ask.input, [rows[row] for row in reversed(found)])
            for ask, found in zip(asks, nearest, strict=True)
        ]

    name = _named("retrieved examples", constrained)
    return _arm(name, model, task, constrained, prompts, rows, k, embedding.fingerprint())


def tuned(model: LanguageModel, task: TaskPrompt, constrained: bool = False) -> Arm:
    """A model with an adapter trained on `training_rows`, and its short prompt."""
    name = _named("tuned", constrained)
    return _arm(name, model, task, constrained, _alike(tuned_prompt, model, task))


def _named(name: str, constrained: bool) -> str:
    return f"{name} + constrained" if constrained else name


Prompts = Callable[[Sequence[Ask]], list[Any]]


def _alike(
    prompt: Callable[..., Any], model: LanguageModel, task: TaskPrompt, *examples: Pairs
) -> Prompts:
    """Prompts that differ in the input alone."""
    return lambda asks: [prompt(model, task, ask.input, *examples) for ask in asks]


def _arm(
    name: str,
    model: LanguageModel,
    task: TaskPrompt,
    constrained: bool,
    prompts: Prompts,
    *shaping: object,
) -> Arm:
    """shaping: what the prompts are made of, besides the task."""
    schema = task.schema if constrained else None
    said: Callable[[str], str] = _unquoted if schema else str

    def answer(asks: Sequence[Ask]):
        for done in model.complete(prompts(asks), task.max_new_tokens, schema):
            yield Prediction(
                asks[done.index].id,
                said(done.text),
                tokens_in=done.tokens_in,
                tokens_out=done.tokens_out,
                seconds=done.seconds,
            )

    return Arm(name, answer, fingerprint(name, model.fingerprint, task, shaping, schema))


def _unquoted(text: str) -> str:
    """A grammar writes a string as JSON does, in quotes; the answer is what stands between them.
    One that was cut off stays as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, str) else text
