"""How does a model answer from passages? Retrieve -> prompt -> answer -> citations that a reader can open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from helpers.cases import Ask, Citation, Passage, Prediction
from helpers.generate import chat, complete
from helpers.models import Generator

QUESTION_ALONE = """Answer in a few words.

Question: {question}"""

QUESTION_WITH_PASSAGES = """Using only the context, answer in a few words.

Context:
{passages}

Question: {question}"""

MARK = re.compile(r"\s*\[(\d{1,2})\]")


def numbered(passages: Sequence[Passage]) -> str:
    """The passages as the model reads them: [1] title: text."""
    return "\n\n".join(f"[{n}] {p.title}: {p.text}" for n, p in enumerate(passages, start=1))


def question_prompt(generator: Generator, question: str, passages: Sequence[Passage] = ()) -> str:
    """The whole prompt for a question, with or without passages."""
    if not passages:
        return chat(generator, QUESTION_ALONE.format(question=question))
    return chat(generator, QUESTION_WITH_PASSAGES.format(passages=numbered(passages), question=question))


def answer_questions(
    generator: Generator, asks: Sequence[Ask], contexts: Sequence[Sequence[Passage]], name: str, max_new_tokens: int = 32
) -> Iterator[Prediction]:
    """Answer every ask from its own passages (none = from memory alone); predictions come batch by batch."""
    prompts = [question_prompt(generator, ask.input, context) for ask, context in zip(asks, contexts, strict=True)]
    for done in complete(generator, prompts, max_new_tokens, progress=name):
        context = tuple(contexts[done.index])
        cited = cite(done.text, context)
        yield Prediction(asks[done.index].id, done.text, context, cited, done.tokens_in, done.tokens_out, done.seconds)


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """Which passages does the answer rest on, and which sentence in each?

    Numbers that the model wrote count when such a passage exists. A small model often writes none: then the passage
    that shares most words with the answer is cited and marked `by="overlap"`. No shared word, no citation.
    """
    words = _words(MARK.sub("", answer))
    numbers = [n for n in dict.fromkeys(map(int, MARK.findall(answer))) if 1 <= n <= len(passages)]
    if numbers:
        return tuple(Citation(n, passages[n - 1].doc, best_sentence(passages[n - 1].text, words), "model") for n in numbers)
    shared = [len(words & _words(p.text)) for p in passages]
    if not any(shared):
        return ()
    best = shared.index(max(shared))
    return (Citation(best + 1, passages[best].doc, best_sentence(passages[best].text, words), "overlap"),)


def best_sentence(text: str, words: set[str]) -> str:
    """The sentence (or table row) of a passage that shares most words with an answer; an exact substring of the passage."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", text) if s.strip()]
    return max(sentences, key=lambda s: len(words & _words(s)), default=text)


def _words(text: str) -> set[str]:
    """Content words and numbers, lower case; short function words carry no evidence."""
    return {w for w in re.findall(r"\w+", text.lower()) if len(w) > 3 or w.isdigit()}
