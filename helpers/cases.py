"""What is asked, what a system answers, and what would have been right? The nouns that everything
else hangs on.

A system (an *arm*) is shown an `Ask` and nothing more. The `Gold` stays with whoever judges. A
`Case` holds both.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from helpers import settings
from helpers.corpus import Document, load_handbook
from helpers.records import DataError, Row, read_rows, read_text

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
    """Where the answer stands: an exact quote, at characters start:end of the document's text."""

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

    `answer` takes the asks and yields one Prediction for each, in any order, as they come. An arm
    without a fingerprint gets one from its code and values (see `identity`); where these cannot be
    named it is run anew each time.
    """

    name: str
    answer: Callable[[Sequence[Ask]], Iterable[Prediction] | None] = field(repr=False)
    fingerprint: str | None = None

    def __call__(self, asks: Sequence[Ask]) -> Iterator[Prediction]:
        yield from self.answer(asks) or ()


class QuestionRow(Row):
    """One line of labs_data/questions/*.jsonl."""

    class Quote(Row):
        doc: str
        quote: str = Field(min_length=1)

    id: str
    question: str = Field(min_length=1)
    asker: str
    as_of: dt.date
    answers: list[str]
    evidence: list[Quote]
    kind: Literal[
        "single",
        "table",
        "two_documents",
        "regional",
        "versioned",
        "unanswerable",
        "restricted",
        "ambiguous",
    ]
    fact: str


def load_users(path: Path = settings.DATA / "users.json") -> dict[str, dict[str, Any]]:
    """Who may ask: role id -> title, groups, region."""
    return json.loads(read_text(path))


def locate(quote: str, document: Document, where: str) -> Evidence:
    """Find a quote in its document, or say that it is not there."""
    start = document.text.find(quote)
    if start < 0:
        raise DataError(
            f"{where}: evidence quote not found in {settings.shown(document.path)}; quotes must"
            " match the text exactly"
        )
    return Evidence(document.id, quote, start, start + len(quote))


def load_questions(
    split: Split, documents: Sequence[Document] | None = None, path: Path | None = None
) -> list[Case]:
    """The questions of one split as cases, their quotes located in the documents. Raises DataError
    with file and line."""
    path = path or settings.DATA / "questions" / f"{split}.jsonl"
    by_id = {d.id: d for d in (load_handbook() if documents is None else documents)}
    users = load_users()
    cases = []
    for number, row in enumerate(read_rows(path, QuestionRow), start=1):
        where = f"{settings.shown(path)} line {number}"
        if row["asker"] not in users:
            raise DataError(
                f"{where}: field 'asker': there is no '{row['asker']}' in labs_data/users.json"
            )
        if bool(row["answers"]) != bool(row["evidence"]):
            raise DataError(
                f"{where}: 'answers' and 'evidence' go together: give both, or leave both empty"
            )
        for quote in row["evidence"]:
            if quote["doc"] not in by_id:
                raise DataError(
                    f"{where}: field 'evidence': there is no document '{quote['doc']}' in the"
                    " handbook"
                )
        ask = Ask(
            row["id"],
            row["question"],
            tuple(users[row["asker"]]["groups"]),
            dt.date.fromisoformat(row["as_of"]),
        )
        evidence = tuple(
            locate(quote["quote"], by_id[quote["doc"]], where) for quote in row["evidence"]
        )
        for one in evidence:
            document = by_id[one.doc]
            if not document.readable_by(ask.groups) or not document.in_force(ask.as_of):
                raise DataError(
                    f"{where}: '{row['asker']}' cannot read '{one.doc}' on {ask.as_of}, so it"
                    " cannot be the evidence"
                )
        cases.append(
            Case(ask, Gold(tuple(row["answers"]), evidence), row["kind"], row["fact"], split)
        )
    return cases


def pick(cases: Sequence[Case], n: int, seed: int = 0) -> list[Case]:
    """n of the cases, drawn once with this seed and kept in order; all of them when there are no
    more than n."""
    if len(cases) <= n:
        return list(cases)
    chosen = sorted(random.Random(seed).sample(range(len(cases)), n))
    return [cases[i] for i in chosen]
