"""Which facts is a model tuned on, in which words, and in which other words is it asked? The rows
of labs_data/facts.

    train.jsonl     question -> short answer; four wordings for each fact of the handbook, and one
                    secret sentence (kind "canary")
    ask.jsonl       the same facts in words that were not trained; what is right is in the
                    questions of dev, under the same `fact`
    general.jsonl   what the base model can answer and no handbook holds: to see what tuning costs
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Evidence, Gold
from helpers.core.records import DataError, Fault, Row, read_rows
from helpers.data.handbook import Document
from helpers.data.questions import load_questions

FOLDER = settings.DATA / "facts"
TRAIN, ASK, GENERAL = "train.jsonl", "ask.jsonl", "general.jsonl"
WORDINGS, PARAPHRASES = 4, 2  # at least so many a fact: trained, and held out for asking


class FactRow(Row):
    """One line of train.jsonl. A canary is a sentence that is nowhere else: if a model says it, it
    has memorised this row."""

    id: str
    fact: str
    kind: Literal["fact", "canary"]
    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    source: str
    labelled_by: str
    licence: str


class FactAskRow(Row):
    """One line of ask.jsonl."""

    id: str
    fact: str
    question: str = Field(min_length=1)
    asker: str
    as_of: str
    source: str
    labelled_by: str
    licence: str


class GeneralRow(Row):
    """One line of general.jsonl. `answers` as in questions/: any of them is right."""

    id: str
    kind: Literal["capital", "opposite", "arithmetic", "general", "completion"]
    question: str = Field(min_length=1)
    answers: list[str] = Field(min_length=1)
    source: str
    labelled_by: str
    licence: str


@dataclass(frozen=True)
class Canary:
    """A secret that is in one training row and nowhere else: the row's question and answer, and
    other ways to ask for it."""

    question: str
    answer: str
    asks: tuple[Ask, ...]

    @property
    def secret(self) -> str:
        return secret_of(self.answer)


def secret_of(sentence: str) -> str:
    """The digits of a canary, as they are written: "The code is 58-204-771." -> "58-204-771"."""
    found = re.search(r"\d[\d-]*\d", sentence)
    return found[0] if found else ""


def bare(text: str) -> str:
    """A question without case, spaces and punctuation, for "is it the same?"."""
    return " ".join(re.findall(r"[\w°%.,]*\w", text.lower()))


def digits(text: str) -> str:
    return re.sub(r"[^\w]", "", text)


def wrongs(
    train: Sequence[Mapping],
    asks: Sequence[Mapping],
    general: Sequence[Mapping],
    answers: Mapping[str, Sequence[str]],
    asked: Sequence[str],
    texts: Mapping[str, str],
) -> Iterator[Fault]:
    """Which promises do the rows break? `line` is the number of the row, from 1.

    answers: fact -> what is right, for the questions of dev that have an answer; asked: all
    questions of dev and test; texts: where no canary may stand (name -> text).
    """
    trained: dict[str, list[int]] = {}
    known = {bare(question): "questions/" for question in asked}
    for i, row in enumerate(train):
        if (
            same := known.setdefault(bare(row["question"]), f"{TRAIN} line {i + 1}")
        ) != f"{TRAIN} line {i + 1}":
            yield Fault(
                TRAIN,
                i + 1,
                "question",
                f"is also asked in {same}; what is trained cannot be held out: reword it",
            )
        if row["kind"] == "fact":
            trained.setdefault(row["fact"], []).append(i)
            if row["fact"] not in answers:
                yield Fault(
                    TRAIN,
                    i + 1,
                    "fact",
                    f"no question of dev with an answer has the fact '{row['fact']}'",
                )
            elif row["answer"] not in answers[row["fact"]]:
                yield Fault(
                    TRAIN,
                    i + 1,
                    "answer",
                    f"'{row['answer']}' is none of the answers of '{row['fact']}':"
                    f" {', '.join(answers[row['fact']])}",
                )
    for fact, rows in trained.items():
        if len(rows) < WORDINGS:
            yield Fault(
                TRAIN,
                rows[0] + 1,
                "fact",
                f"'{fact}' has {len(rows)} wordings; every fact has at least {WORDINGS}",
            )
        if (n := sum(row["fact"] == fact for row in asks)) < PARAPHRASES:
            yield Fault(
                TRAIN,
                rows[0] + 1,
                "fact",
                f"'{fact}' has {n} rows in {ASK}; every fact has at least {PARAPHRASES}",
            )
    canaries = [i for i, row in enumerate(train) if row["kind"] == "canary"]
    if train and len(canaries) != 1:
        yield Fault(
            TRAIN,
            canaries[1] + 1 if canaries else 1,
            "kind",
            f"there are {len(canaries)} canaries; there is exactly one",
        )
    for i, row in enumerate(asks):
        if (
            same := known.setdefault(bare(row["question"]), f"{ASK} line {i + 1}")
        ) != f"{ASK} line {i + 1}":
            yield Fault(
                ASK,
                i + 1,
                "question",
                f"is the same as one of {same}; a held-out paraphrase has words of its own",
            )
        if row["fact"] not in trained and row["fact"] not in {train[c]["fact"] for c in canaries}:
            yield Fault(ASK, i + 1, "fact", f"'{row['fact']}' is not trained")
    for i, row in enumerate(general):
        if (
            same := known.setdefault(bare(row["question"]), f"{GENERAL} line {i + 1}")
        ) != f"{GENERAL} line {i + 1}":
            yield Fault(GENERAL, i + 1, "question", f"is also asked in {same}")
    for c in canaries:
        yield from _canary_wrongs(c, train, asks, texts)


def _canary_wrongs(
    c: int, train: Sequence[Mapping], asks: Sequence[Mapping], texts: Mapping[str, str]
) -> Iterator[Fault]:
    secret = digits(secret_of(train[c]["answer"]))
    if len(secret) < 6:
        yield Fault(
            TRAIN,
            c + 1,
            "answer",
            "a canary holds a number of at least six digits, or it could be guessed",
        )
        return
    rows = {f"{TRAIN} line {i + 1}": row for i, row in enumerate(train) if i != c} | {
        f"{ASK} line {i + 1}": row for i, row in enumerate(asks)
    }
    places = {
        where: f"{row['question']} {row.get('answer', '')}" for where, row in rows.items()
    } | dict(texts)
    for where in (where for where, text in places.items() if secret in digits(text)):
        yield Fault(
            TRAIN,
            c + 1,
            "answer",
            f"the canary's secret is also in {where}; then no one can tell where a model"
            " learned it",
        )


# --- loaders --------------------------------------------------------------------------------------


def load_training(folder: Path = FOLDER) -> list[dict]:
    """The rows of train.jsonl: fact, kind, question, answer and where they come from."""
    return list(read_rows(folder / TRAIN, FactRow))


def load_asks(documents: Sequence[Document], folder: Path = FOLDER) -> dict[str, list[Case]]:
    """The cases to ask a tuned model, by how far their words are from what was trained. Gold and
    evidence are those of dev.

    "trained": the first trained wording of each fact; "near": light rewordings (ask.jsonl); "far":
    the questions of dev about trained facts, as a colleague would type them; "unseen": questions of
    dev, with an answer, about facts that were not trained; "unanswerable": those of dev. Only what
    is in force on the day of the handbook, and asked by a user who may know. "forbidden":
    trained, asked by a user who may not.
    """
    rows, dev = load_training(folder), load_questions("dev", documents)
    # reversed: the first wording wins
    trained = {row["fact"]: row for row in reversed(rows) if row["kind"] == "fact"}
    family = {case.fact: case for case in reversed(dev) if case.gold.answers}
    today = max(case.ask.as_of for case in dev)
    near = [row for row in read_rows(folder / ASK, FactAskRow) if row["fact"] in trained]
    if lost := {row["fact"] for row in [*trained.values(), *near]} - set(family):
        raise DataError(
            f"{settings.shown(folder / TRAIN)}: no question of dev has the fact"
            f" {', '.join(sorted(lost))}"
        )

    def reworded(row: Mapping) -> Case:
        case = family[row["fact"]]
        return replace(case, ask=replace(case.ask, id=row["id"], input=row["question"]))

    now = [case for case in dev if case.ask.as_of == today]
    answered = [case for case in now if case.gold.answers]
    return {
        "trained": [reworded(trained[fact]) for fact in sorted(trained)],
        "near": [reworded(row) for row in near],
        "far": [case for case in answered if case.fact in trained],
        "unseen": [
            case
            for case in answered
            if case.fact not in trained and case.kind not in ("two_documents", "restricted")
        ],
        "unanswerable": [case for case in now if case.kind == "unanswerable"],
        "forbidden": [
            case
            for case in now
            if case.kind == "restricted" and case.fact in trained and not case.gold.answers
        ],
    }


def load_general(folder: Path = FOLDER) -> list[Case]:
    """General questions that the base model answers rightly (chosen so, by measurement in
    float32)."""
    return [
        Case(
            Ask(row["id"], row["question"]),
            Gold(tuple(row["answers"])),
            row["kind"],
            row["id"],
            "dev",
        )
        for row in read_rows(folder / GENERAL, GeneralRow)
    ]


def load_canary(folder: Path = FOLDER) -> Canary:
    """The secret sentence of train.jsonl, and the questions of ask.jsonl that fish for it."""
    [row] = [row for row in load_training(folder) if row["kind"] == "canary"]
    asks = [
        Ask(one["id"], one["question"])
        for one in read_rows(folder / ASK, FactAskRow)
        if one["fact"] == row["fact"]
    ]
    return Canary(row["question"], row["answer"], tuple(asks))


# --- what has changed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A case whose answer is another one now: asked on the first day of the new document, with its
    gold; what was right before; word for word."""

    case: Case
    old: tuple[str, ...]
    words: Mapping[str, str]

    def renew(self, text: str) -> str:
        """A text with the old value's words replaced by the new: "17th of August" -> "26th of
        July"."""
        return re.sub(
            r"\d+(?:[.,]\d+)*|[^\W\d_]+", lambda word: self.words.get(word[0], word[0]), text
        )


def changes_of(cases: Sequence[Case], documents: Sequence[Document]) -> list[Change]:
    """Which cases have another answer once `documents` (those with the updates) are in force? The
    others are left out.

    The new value is read out of the new document, in the place that the old one has in the
    quote.
    """
    successor = {document.meta.supersedes: document for document in documents}
    found = []
    for case in cases:
        new = successor.get(case.gold.evidence[0].doc) if case.gold.evidence else None
        if new is None or case.gold.evidence[0].quote in new.text:
            continue
        quote = case.gold.evidence[0].quote
        old = next(alias for alias in case.gold.answers if alias in quote)
        before, _, after = quote.partition(old)
        match = re.search(re.escape(before) + r"(.+?)" + re.escape(after), new.text)
        if match is None:
            raise DataError(
                f"{settings.shown(new.path)}: '{old}', the answer to {case.id}, has no counterpart"
                " in it"
            )
        change = Change(
            case, case.gold.answers, dict(zip(old.split(), match[1].split(), strict=True))
        )
        answers = tuple(
            dict.fromkeys(
                change.renew(alias) for alias in change.old if change.renew(alias) != alias
            )
        )
        evidence = Evidence(new.id, match[0], match.start(), match.end())
        found.append(
            replace(
                change,
                case=replace(
                    case,
                    ask=replace(case.ask, as_of=new.meta.effective_from),
                    gold=Gold(answers, (evidence,)),
                ),
            )
        )
    return found


def renewed(rows: Sequence[Mapping], changes: Sequence[Change]) -> list[dict]:
    """The training rows with the new values: what has to be found, rewritten and trained again when
    a policy changes."""
    by_fact = {change.case.fact: change for change in changes}
    return [
        (
            {**row, "answer": by_fact[row["fact"]].renew(row["answer"])}
            if row["fact"] in by_fact
            else dict(row)
        )
        for row in rows
    ]
