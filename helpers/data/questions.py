"""What is asked of the handbook, by whom and on which day, and where is the answer?"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Evidence, Gold, Split
from helpers.core.records import DataError, Row, read_rows, read_text
from helpers.data.handbook import Document, load_handbook


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
    """n of the cases, drawn once with this seed, in their order; all of them when there are no
    more than n."""
    if len(cases) <= n:
        return list(cases)
    chosen = sorted(random.Random(seed).sample(range(len(cases)), n))
    return [cases[i] for i in chosen]
