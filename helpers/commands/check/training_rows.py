"""Are the training rows sound, and held apart from those that judge? Tickets, reading, facts, style
and requests; each check gives its faults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from helpers.commands.check.lenient import USERS, Doc, Placed
from helpers.core.records import Fault
from helpers.data.facts import ASK, GENERAL, TRAIN, wrongs
from helpers.data.reading import answerable_refusals, why_wrong
from helpers.data.requests import wrong_kind
from helpers.evaluation import house_style

LEAKED_WORDS = 8  # a run this long, shared by two splits, makes them one


def words(text: str) -> list[str]:
    return re.findall(r"\d+(?:[.,:]\d+)*|[^\W_]+(?:['’][^\W_]+)*", text)


def runs(text: str, n: int) -> dict[tuple[str, ...], str]:
    """Every run of n words in lower case -> the same run as it is written."""
    found = words(text)
    return {
        tuple(w.lower() for w in found[i : i + n]): " ".join(found[i : i + n])
        for i in range(len(found) - n + 1)
    }


def plain(text: str) -> str:
    """A text without case, spaces and punctuation, for "is this the same?"."""
    return " ".join(words(text.lower()))


def check_ticket_splits(
    train: Sequence[Placed], dev: Sequence[Placed], test: Sequence[Placed]
) -> Iterator[Fault]:
    """Is a message, or a long run of its words, in two splits? The later of train, dev, test is
    blamed."""
    same: dict[str, Placed] = {}
    parts: dict[tuple[str, ...], Placed] = {}
    for split in (train, dev, test):
        own = [
            (placed, plain(placed.row["input"]), runs(placed.row["input"], LEAKED_WORDS))
            for placed in split
        ]
        for (file, line, row), text, its_runs in own:
            if other := same.get(text):
                how = (
                    "is the same"
                    if other.row["input"] == row["input"]
                    else "is the same but for case, spaces or punctuation"
                )
                yield Fault(
                    file,
                    line,
                    "input",
                    f"{how} as {other.file} line {other.line}; write another message",
                )
            elif run := next((run for run in its_runs if run in parts), None):
                other = parts[run]
                yield Fault(
                    file,
                    line,
                    "input",
                    f'shares "{" ".join(run)}" with {other.file} line {other.line}; write it in'
                    " other words",
                )
        same |= {text: placed for placed, text, _ in own}
        parts |= {run: placed for placed, _, its_runs in own for run in its_runs}


def check_drift(drifted: Sequence[Placed], tickets: Sequence[Placed]) -> Iterator[Fault]:
    """Are the drifted tickets in the order of their days, and is none a copy of a ticket that
    systems were trained or judged on, or of another drifted one?"""
    yield from check_ticket_splits(tickets, (), drifted)
    latest, same = None, {}
    for placed in drifted:
        file, line, row = placed
        if latest and row["day"] < latest.row["day"]:
            yield Fault(
                file,
                line,
                "day",
                f"{row['day']} comes after {latest.row['day']} in line {latest.line}; put the rows"
                " in the order of their days",
            )
        else:
            latest = placed
        other = same.setdefault(plain(row["input"]), placed)
        if other is not placed:
            yield Fault(
                file, line, "input", f"is the same as line {other.line}; write another message"
            )


def check_reading(rows: Sequence[Placed]) -> Iterator[Fault]:
    """Does every answer stand in the cited passage and in no other, and can no refusal be
    answered?"""
    for file, line, row in rows:
        yield from (Fault(file, line, field, message) for field, message in why_wrong(row))
    for i, message in answerable_refusals([placed.row for placed in rows]):
        yield Fault(rows[i].file, rows[i].line, "cite", message)


def check_facts(
    rows: dict[str, list[Placed]],
    dev: Sequence[Placed],
    test: Sequence[Placed],
    docs: dict[str, Doc],
    users: dict[str, set[str]] | None,
) -> Iterator[Fault]:
    """Are trained and asked wordings apart, is what is trained right by dev, and does the canary
    stand nowhere else?"""
    answers = {placed.row["fact"]: placed.row["answers"] for placed in dev if placed.row["answers"]}
    asked = [placed.row["question"] for placed in (*dev, *test)]
    for found in wrongs(
        *([placed.row for placed in rows[name]] for name in (TRAIN, ASK, GENERAL)),
        answers,
        asked,
        {doc.file: doc.text for doc in docs.values()},
    ):
        placed = rows[found.file][found.line - 1]
        yield Fault(placed.file, placed.line, found.field, found.message)
    for placed in rows[ASK]:
        if users and placed.row["asker"] not in users:
            yield Fault(
                placed.file, placed.line, "asker", f"there is no '{placed.row['asker']}' in {USERS}"
            )


def check_style(train: Sequence[Placed], dev: Sequence[Placed]) -> Iterator[Fault]:
    """Does every reply follow every rule of the house style, and is no question, long run of words
    or fact with a number in both splits?"""
    for file, line, row in (*train, *dev):
        yield from (
            Fault(file, line, field, message) for field, message in house_style.why_wrong(row)
        )
    yield from check_ticket_splits(train, dev, ())
    known: dict[str, Placed] = {}
    for placed in (*train, *dev):
        facts = re.findall(r"^- .*\d.*$", placed.row["input"], flags=re.MULTILINE)
        for other, fact in ((known.setdefault(fact, placed), fact) for fact in facts):
            if other.file != placed.file:
                yield Fault(
                    placed.file,
                    placed.line,
                    "input",
                    f'the fact "{fact[2:]}" is also in {other.file} line {other.line}; a fact stays'
                    " in one split",
                )


def check_requests(
    splits: Sequence[Sequence[Placed]], questions: Sequence[Placed]
) -> Iterator[Fault]:
    """Does every kind belong to its route, is no request written twice, in one split or in two, and
    is none a copied question of the handbook's dev or test?"""
    asked = {plain(placed.row["question"]): placed for placed in questions}
    seen: dict[str, Placed] = {}
    for placed in (placed for split in splits for placed in split):
        file, line, row = placed
        if wrong := wrong_kind(row):
            yield Fault(file, line, "kind", wrong)
        # what is nothing but signs stays as it is
        text = plain(row["input"]) or row["input"]
        if other := seen.get(text) or asked.get(text):
            yield Fault(
                file,
                line,
                "input",
                f"is the same (but for case, spaces or punctuation) as {other.file} line"
                f" {other.line}; write another request",
            )
        seen.setdefault(text, placed)
    yield from check_long_runs(splits)


def check_long_runs(splits: Sequence[Sequence[Placed]]) -> Iterator[Fault]:
    """Is a run of 8 words in two splits of the requests?"""
    parts: dict[tuple[str, ...], Placed] = {}
    for split in splits:
        own = [(placed, runs(placed.row["input"], LEAKED_WORDS)) for placed in split]
        for placed, its_runs in own:
            if run := next((run for run in its_runs if run in parts), None):
                other = parts[run]
                yield Fault(
                    placed.file,
                    placed.line,
                    "input",
                    f'shares "{" ".join(run)}" with {other.file} line {other.line}; write it in'
                    " other words",
                )
        parts |= {run: placed for placed, its_runs in own for run in its_runs}
