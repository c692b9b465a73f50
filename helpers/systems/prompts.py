"""How does a model answer from passages? Retrieve -> prompt -> answer -> citations that a reader
can open."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace

from helpers.core.cases import Passage
from helpers.models.generate import chat
from helpers.models.load import Generator


@dataclass(frozen=True)
class PromptStyle:
    """One way to put a question: the words without and with passages, the room for an answer, and
    the form it must have.

    schema: None for free text, or a JSON Schema with a field "answer", which every answer is held
    to while it is written.
    """

    name: str
    alone: str
    with_passages: str
    max_new_tokens: int = 32
    schema: dict | None = None


BASE = PromptStyle(
    "base prompt",
    """Answer in a few words.

Question: {question}""",
    """Using only the context, answer in a few words.

Context:
{passages}

Question: {question}""",
)

BETTER = PromptStyle(
    "better prompt",
    """You answer questions of employees about their handbook.
Rules:
- Answer with the exact number, date or name, with its unit.
- No explanation.

Question: {question}

Short answer:""",
    """You answer questions of employees from their handbook.
Rules:
- Use only the context.
- Answer with the exact number, date or name from the context, with its unit.
- No explanation.

Context:
{passages}

Question: {question}

Short answer:""",
)

# the words of BASE, so that only the form differs; more room, because {"answer": ""} takes some
SCHEMA = PromptStyle(
    "schema",
    BASE.alone,
    BASE.with_passages,
    max_new_tokens=48,
    schema={
        "type": "object",
        "properties": {"answer": {"type": "string", "maxLength": 80}},
        "required": ["answer"],
        "additionalProperties": False,
    },
)

# what a system says when the code, not the model, decides that the evidence is too weak
REFUSAL = "I don't know."


def number_passages(passages: Sequence[Passage]) -> str:
    """The passages as the model reads them: [1] title: text."""
    return "\n\n".join(f"[{n}] {p.title}: {p.text}" for n, p in enumerate(passages, start=1))


def question_prompt(
    generator: Generator, question: str, passages: Sequence[Passage] = (), style: PromptStyle = BASE
) -> str:
    """The whole prompt for a question, with or without passages."""
    if not passages:
        return chat(generator, style.alone.format(question=question))
    return chat(
        generator, style.with_passages.format(passages=number_passages(passages), question=question)
    )


def fit_to_budget(
    generator: Generator,
    question: str,
    passages: Sequence[Passage],
    limit_tokens: int,
    style: PromptStyle = BASE,
) -> list[Passage]:
    """How many of these passages, from the first on, does a prompt of limit_tokens hold? Those; or
    the beginning of the first.

    The limit counts the whole prompt. A passage that was cut says so by its `end`. Raises
    ValueError when the limit leaves no room for any.
    """

    def prompt_tokens(taken: Sequence[Passage]) -> int:
        return len(
            generator.tokenizer(
                question_prompt(generator, question, taken, style), add_special_tokens=False
            )["input_ids"]
        )

    fit = (
        next(
            (n for n in range(1, len(passages) + 1) if prompt_tokens(passages[:n]) > limit_tokens),
            len(passages) + 1,
        )
        - 1
    )
    if fit or not passages:
        return list(passages[:fit])
    first = passages[0]
    cuts = [
        replace(first, end=first.start + end, text=first.text[:end])
        for _, end in generator.tokenizer(
            first.text, add_special_tokens=False, return_offsets_mapping=True
        )["offset_mapping"]
    ]
    kept = bisect.bisect_right(cuts, limit_tokens, key=lambda cut: prompt_tokens([cut]))
    if not kept:
        raise ValueError(
            f"a prompt of {limit_tokens} tokens holds the question and no passage; raise the budget"
            " to several hundred tokens"
        )
    return [cuts[kept - 1]]
