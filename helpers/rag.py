"""How does a model answer from passages? Retrieve -> prompt -> answer -> citations that a reader
can open."""

from __future__ import annotations

import bisect
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from helpers.cases import Ask, Citation, Passage, Prediction
from helpers.generate import chat, complete
from helpers.models import Generator


@dataclass(frozen=True)
class Style:
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


BASE = Style(
    "base prompt",
    """Answer in a few words.

Question: {question}""",
    """Using only the context, answer in a few words.

Context:
{passages}

Question: {question}""",
)

BETTER = Style(
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
SCHEMA = Style(
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

MARK = re.compile(r"\s*\[(\d{1,2})\]")
FULL_LINE = 40  # characters: a shorter line ended because it was at its end
# of a list, a table, a heading; columns stand apart
OWN_LINE = re.compile(r"\s*(?:[|#>•]|[-*+]\s|\d+[.)]\s)|.*\S(?:\t|\s{2,})\S")


def numbered(passages: Sequence[Passage]) -> str:
    """The passages as the model reads them: [1] title: text."""
    return "\n\n".join(f"[{n}] {p.title}: {p.text}" for n, p in enumerate(passages, start=1))


def question_prompt(
    generator: Generator, question: str, passages: Sequence[Passage] = (), style: Style = BASE
) -> str:
    """The whole prompt for a question, with or without passages."""
    if not passages:
        return chat(generator, style.alone.format(question=question))
    return chat(
        generator, style.with_passages.format(passages=numbered(passages), question=question)
    )


def fitting(
    generator: Generator,
    question: str,
    passages: Sequence[Passage],
    limit_tokens: int,
    style: Style = BASE,
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


def answer_questions(
    generator: Generator,
    asks: Sequence[Ask],
    contexts: Sequence[Sequence[Passage]],
    style: Style = BASE,
) -> Iterator[Prediction]:
    """Answer every ask from its own passages (none = from memory alone); predictions come batch by
    batch."""
    prompts = [
        question_prompt(generator, ask.input, context, style)
        for ask, context in zip(asks, contexts, strict=True)
    ]
    for done in complete(generator, prompts, style.max_new_tokens, style.schema):
        context, text = (
            tuple(contexts[done.index]),
            done.text if style.schema is None else unwrapped(done.text),
        )
        yield Prediction(
            asks[done.index].id,
            text,
            context,
            cite(text, context),
            done.tokens_in,
            done.tokens_out,
            done.seconds,
        )


def unwrapped(text: str) -> str:
    """The value of "answer" in an answer in JSON; the text as it is where it was cut off and is no
    JSON."""
    try:
        return str(json.loads(text)["answer"])
    except (ValueError, KeyError, TypeError):
        return text


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """Which passages does the answer rest on, and which sentence in each?

    Numbers that the model wrote count when such a passage exists. A small model often writes none:
    then the passage that shares most words with the answer is cited and marked `by="overlap"`. No
    shared word, no citation.
    """
    words = _words(MARK.sub("", answer))
    numbers = [n for n in dict.fromkeys(map(int, MARK.findall(answer))) if 1 <= n <= len(passages)]
    if numbers:
        return tuple(
            Citation(n, passages[n - 1].doc, best_sentence(passages[n - 1].text, words), "model")
            for n in numbers
        )
    shared = [len(words & _words(p.text)) for p in passages]
    if not any(shared):
        return ()
    best = shared.index(max(shared))
    return (
        Citation(
            best + 1, passages[best].doc, best_sentence(passages[best].text, words), "overlap"
        ),
    )


def best_sentence(text: str, words: set[str]) -> str:
    """The sentence (or table row) of a passage that shares most words with an answer; an exact
    substring of the passage."""
    return max(sentences(text), key=lambda s: len(words & _words(s)), default=text)


def sentences(text: str) -> list[str]:
    """The sentences of a passage, its headings, and the lines of its lists and tables. A sentence
    goes on where a full line of prose merely wraps, as in a PDF."""
    cuts = [0]
    for gap in re.finditer(r"(?<=[.!?])\s+|\n+", text):
        above, below = text[: gap.start()].rpartition("\n")[2], text[gap.end() :].partition("\n")[0]
        if (
            gap[0] != "\n"
            or len(above) < FULL_LINE
            or above.endswith((":", ";"))
            or OWN_LINE.match(above)
            or OWN_LINE.match(below)
        ):
            cuts.append(gap.end())
    return [
        s.strip()
        for s in (text[start:end] for start, end in itertools.pairwise([*cuts, len(text)]))
        if s.strip()
    ]


def _words(text: str) -> set[str]:
    """Content words and numbers, lower case; short function words carry no evidence."""
    return {w for w in re.findall(r"\w+", text.lower()) if len(w) > 3 or w.isdigit()}
