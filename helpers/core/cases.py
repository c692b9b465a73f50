"""What is asked, what a system answers, and what would have been right? The nouns that everything
else hangs on.

A system (an *arm*) is shown an `Ask` and nothing more. The `Gold` stays with whoever judges. A
`Case` holds both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class Ask:
    """All that a system may see: the text, who asks (their groups), and the day on which the answer
    must hold."""

    id: str
    input: str
    groups: tuple[str, ...] = ()
    as_of: dt.date | None = None


@dataclass(frozen=True)
class Evidence:
    """Where the answer is: an exact quote, at characters start:end of the document's text."""

    doc: str
    quote: str
    start: int
    end: int


@dataclass(frozen=True)
class Gold:
    """What is right. Questions have `answers` (none = must be refused) and evidence; tickets have
    an `output`."""

    answers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    output: dict[str, Any] | None = None


@dataclass(frozen=True)
class Case:
    """One thing to be judged: an ask, its gold, and how to group it (kind; fact = family of
    paraphrases; split)."""

    ask: Ask
    gold: Gold
    kind: str
    fact: str
    split: Split

    @property
    def id(self) -> str:
        return self.ask.id


@dataclass(frozen=True)
class Passage:
    """A piece of a document as a system saw it: characters start:end of document `doc`."""

    doc: str
    title: str
    start: int
    end: int
    text: str
    score: float | None = None  # cosine similarity to the question, where it was retrieved


@dataclass(frozen=True)
class Citation:
    """What a reader can open to check an answer: passage [number], the document, and the sentence
    in it.

    `by` says who chose it: the "model" wrote [n], or the code picked the best "overlap" because the
    model cited nothing.
    """

    number: int
    doc: str
    quote: str
    by: Literal["model", "overlap"]


@dataclass(frozen=True)
class Prediction:
    """What a system answered. A failed item is a prediction with an `error`, never a missing
    row."""

    id: str
    text: str
    context: tuple[Passage, ...] = ()
    cited: tuple[Citation, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class Arm:
    """One system under test: a name, a way to run it, and a fingerprint of everything that shapes
    its answers.

    `answer` takes the asks and yields one Prediction for each, in any order, one by one. An arm
    without a fingerprint gets one from its code and values (see `fingerprint`); where these cannot
    be named it runs again each time.
    """

    name: str
    answer: Callable[[Sequence[Ask]], Iterable[Prediction] | None] = field(repr=False)
    fingerprint: str | None = None

    def __call__(self, asks: Sequence[Ask]) -> Iterator[Prediction]:
        yield from self.answer(asks) or ()
