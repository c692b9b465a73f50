"""Which passage does an answer rest on? The number the model wrote, or the sentence most like
it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from helpers.core.cases import Citation, Passage
from helpers.evaluation.text import UNSPACED
from helpers.retrieval.bm25 import spaced
from helpers.retrieval.sentences import sentence_spans

MARK = re.compile(r"\s*\[(\d{1,2})\]")


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
    words = content_words(MARK.sub("", answer))
    numbers = [n for n in dict.fromkeys(map(int, MARK.findall(answer))) if 1 <= n <= len(passages)]
    if numbers:
        return tuple(
            Citation(n, passages[n - 1].doc, best_sentence(passages[n - 1].text, words), "model")
            for n in numbers
        )
    shared = [len(words & content_words(p.text)) for p in passages]
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
    return max(sentences(text), key=lambda s: len(words & content_words(s)), default=text)


def sentences(text: str) -> list[str]:
    """The sentences of a passage, its headings, and the lines of its lists and tables."""
    return [text[start:end] for start, end in sentence_spans(text)]


def content_words(text: str) -> set[str]:
    """Content words and numbers, lower case; short function words carry no evidence. Of scripts
    without spaces, pairs of characters."""
    words = re.findall(r"\w+", spaced(text).lower())
    return {w for w in words if len(w) > 3 or w.isdigit() or re.match(f"[{UNSPACED}]", w)}
