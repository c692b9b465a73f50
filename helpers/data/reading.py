"""How does a reader read? Numbered passages and a question in; a short answer and the number of its
passage out, or a refusal.

The rows come from other invented worlds than the handbook, so a model tuned on them can learn to
read and cite, but no fact of Brindlemark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Passage
from helpers.core.records import DataError, Row, read_rows

REFUSAL = "I don't know"


class ReadingRow(Row):
    """One line of labs_data/reading/*.jsonl. `cite` counts passages from 1; null means that none of
    them holds the answer."""

    class Text(Row):
        title: str = Field(min_length=1)
        text: str = Field(min_length=1)

    id: str
    passages: list[Text] = Field(min_length=1)
    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    cite: int | None
    world: str = Field(min_length=1)
    source: str
    labelled_by: str
    licence: str
    asked_by: str = ""  # the line of a prompt that says who asks and when
    kind: str = ""


@dataclass(frozen=True)
class Reading:
    """One exercise in reading: what a model is shown, what it should say, and which passage (from
    1) it should cite."""

    id: str
    question: str
    passages: tuple[Passage, ...]
    answer: str
    cite: int | None
    world: str
    asked_by: str = ""


def holds(passage: dict, answer: str) -> bool:
    """Are the letters of the answer in a passage or its title? Stricter than whole words, so a
    distractor never holds a part."""
    return answer.lower() in f"{passage['title']}\n{passage['text']}".lower()


def why_wrong(row: dict) -> list[tuple[str, str]]:
    """Which promises does a row break? (field, message) for each; the row already fits
    `ReadingRow`."""
    passages, cite, answer = row["passages"], row["cite"], row["answer"]
    if cite is None:
        return (
            []
            if answer == REFUSAL
            else [
                (
                    "answer",
                    (
                        f'cite is null, so the answer must be "{REFUSAL}"; or give the number of'
                        " the passage"
                    ),
                )
            ]
        )
    if not 1 <= cite <= len(passages):
        return [("cite", f"there is no passage {cite}; the row has passages 1 to {len(passages)}")]
    if answer == REFUSAL:
        return [("cite", "a refusal cites nothing: cite must be null")]
    others = [
        n for n, passage in enumerate(passages, start=1) if n != cite and holds(passage, answer)
    ]
    wrong = (
        []
        if holds(passages[cite - 1], answer)
        else [("answer", f"passage {cite}, which is cited, does not hold '{answer}'")]
    )
    return wrong + [
        ("answer", f"passage {n} holds '{answer}' as well; only the cited one may") for n in others
    ]


def answerable_refusals(rows: Sequence[dict]) -> list[tuple[int, str]]:
    """Which refusals could be answered after all? (index, message): a passage shown holds what
    another row gives as the answer."""
    answers: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row["cite"] is not None:
            answers.setdefault((row["world"], row["question"]), set()).add(row["answer"])
    return [
        (i, f"the refusal can be answered: passage {n} holds '{answer}'")
        for i, row in enumerate(rows)
        if row["cite"] is None
        for answer in sorted(answers.get((row["world"], row["question"]), ()))
        for n, passage in enumerate(row["passages"], start=1)
        if holds(passage, answer)
    ]


def load_reading(split: Literal["train", "dev"], path: Path | None = None) -> list[Reading]:
    """The reading rows of one split. Raises DataError with file, line and field: see `why_wrong`
    for what a row promises."""
    path = path or settings.DATA / "reading" / f"{split}.jsonl"
    rows = list(read_rows(path, ReadingRow))
    wrong = [(i, field, message) for i, row in enumerate(rows) for field, message in why_wrong(row)]
    wrong += [(i, "cite", message) for i, message in answerable_refusals(rows)]
    for i, field, message in sorted(wrong):
        raise DataError(f"{settings.shown(path)} line {i + 1}: field '{field}': {message}")
    return [
        Reading(
            r["id"], r["question"], _passages(r), r["answer"], r["cite"], r["world"], r["asked_by"]
        )
        for r in rows
    ]


def _passages(row: dict) -> tuple[Passage, ...]:
    """The passages in the shape that every prompt takes; a passage is its own whole document."""
    return tuple(
        Passage(f"{row['world']} / {p['title']}", p["title"], 0, len(p["text"]), p["text"])
        for p in row["passages"]
    )
