"""What is a model told? The words around a question and its passages, and around the input of a
task with labels."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from helpers.core.cases import Passage
from helpers.data.tickets import Ticket
from helpers.models.language_model import LanguageModel

# where tokens cannot be counted, passages are measured by their characters
CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class PromptStyle:
    """One way to put a question: the words without and with passages, the room for an answer, and
    the form it must have.

    schema: None for free text, or a JSON Schema with a field "answer", by which every answer is
    constrained while it is written. between: what stands between a passage's title and its text.
    `with_passages` may hold {question} twice and {asker}, who asks and when. quotes: an answer is a
    piece of the passages, word for word, or "I don't know" (weights on this machine only).
    """

    name: str
    alone: str
    with_passages: str
    max_new_tokens: int = 32
    schema: dict | None = None
    between: str = ": "
    quotes: bool = False


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

# A causal model reads the passages before a question that follows them; here it knows what to look
# for. The instruction comes first: what all prompts begin with is read once.
ASKED_TWICE = PromptStyle(
    "question first and last",
    BASE.alone,
    """Using only the context, answer in a few words.

Question: {question}

Context:
{passages}

Question: {question}""",
)

# … and with what else an answer may depend on: where a passage stands, where it holds, who asks
WHO_ASKS = PromptStyle(
    "who asks",
    """Answer in a few words, with the unit.

Question: {question}
Short answer:""",
    """Using only the context, answer in a few words, with the unit. If the context does not say, \
answer: I don't know

{asker}
Question: {question}

Context:
{passages}

Question: {question}
Short answer:""",
    between="\n",
)

# the same, but nothing can be written that does not stand in a passage
QUOTED = replace(WHO_ASKS, name="quotes", quotes=True)

# what a system says when the code, not the model, decides that the evidence is too weak
REFUSAL = "I don't know."


def number_passages(passages: Sequence[Passage], between: str = ": ") -> str:
    """The passages as the model reads them: [1] title: text."""
    return "\n\n".join(f"[{n}] {p.title}{between}{p.text}" for n, p in enumerate(passages, start=1))


def question_prompt(
    model: LanguageModel,
    question: str,
    passages: Sequence[Passage] = (),
    style: PromptStyle = BASE,
    asker: str = "",
) -> Any:
    """The whole prompt for a question, with or without passages. asker: a line that says who asks
    and when (see `asking.asked_by`), for a style that shows it."""
    if not passages:
        return model.chat(style.alone.format(question=question))
    shown = number_passages(passages, style.between)
    return model.chat(style.with_passages.format(passages=shown, question=question, asker=asker))


def fit_to_budget(
    model: LanguageModel,
    question: str,
    passages: Sequence[Passage],
    limit_tokens: int,
    style: PromptStyle = BASE,
) -> list[Passage]:
    """How many of these passages, from the first on, does a prompt of limit_tokens hold? Those; or
    the beginning of the first.

    The limit counts the whole prompt; where a model's tokens cannot be counted, the characters of
    the passages, four a token. A passage that was cut says so by its `end`. Raises ValueError when
    the limit leaves no room for any.
    """

    def tokens(taken: Sequence[Passage]) -> float:
        if model.tokenizer is None:
            return sum(len(passage.text) for passage in taken) / CHARS_PER_TOKEN
        prompt = question_prompt(model, question, taken, style)
        return len(model.tokenizer(prompt, add_special_tokens=False)["input_ids"])

    fit = (
        next(
            (n for n in range(1, len(passages) + 1) if tokens(passages[:n]) > limit_tokens),
            len(passages) + 1,
        )
        - 1
    )
    if fit or not passages:
        return list(passages[:fit])
    first = passages[0]
    ends = range(1, len(first.text) + 1)
    if model.tokenizer is not None:
        offsets = model.tokenizer(
            first.text, add_special_tokens=False, return_offsets_mapping=True
        )["offset_mapping"]
        ends = [end for _, end in offsets]

    def cut(end: int) -> Passage:
        return replace(first, end=first.start + end, text=first.text[:end])

    kept = bisect.bisect_right(ends, limit_tokens, key=lambda end: tokens([cut(end)]))
    if not kept:
        raise ValueError(
            f"a prompt of {limit_tokens} tokens holds the question and no passage; raise the budget"
            " to several hundred tokens"
        )
    return [cut(ends[kept - 1])]


# --- tasks with labels ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TaskPrompt:
    """A task as a model is told it: an instruction and a schema.

    instruction: for a model without training. tuned: what a trained model still needs to be told;
    its training rows said the rest. shown: the words around an input, without training. schema: a
    JSON Schema by which answers can be constrained.
    """

    instruction: str
    schema: dict | None = None
    max_new_tokens: int = 64
    tuned: str = "Do your task."
    shown: str = "{}"


TICKET_PROMPT = TaskPrompt(
    """Sort the customer's message into JSON with exactly these four fields:
"category": "fault", "delivery", "return", "billing", "account" or "how_to"
"product": "sprig", "gale", "dewline", "almanac" or "none"
"priority": "urgent", "high", "normal" or "low"
"needs_human": true or false
Answer with the JSON object only.""",
    schema=Ticket.model_json_schema(),
    max_new_tokens=48,
    tuned="Ticket to JSON.",
    shown="Message: {}",
)
