"""The checks of the exercises: right answers are right, wrong ones get a reason, and no answer at
all makes a check raise."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from conftest import assert_right, assert_takes_anything_and_speaks, assert_told
from scipy.stats import binomtest

from helpers.data.tickets import load_tickets
from helpers.exercises import exercise, nb05


@pytest.mark.parametrize(
    "id",
    [
        "00.1",
        "00.2",
        "02.1",
        "02.2",
        "02.3",
        "02.4",
        "03.1",
        "03.2",
        "03.3",
        "04.1",
        "04.2",
        "04.3",
        "04b.1",
        "04b.2",
        "04b.3",
        "05.1",
        "05.2",
        "05.3",
        "06.1",
        "06.2",
        "06.3",
        "06.4",
        "08.1",
        "08.2",
    ],
)
def test_every_exercise_takes_anything_and_speaks(id, capsys):
    assert_takes_anything_and_speaks(id, capsys)


def test_wrong_answers_are_told_what_was_expected():
    assert "every version of every document" in exercise("00.1").check(65).message
    assert (
        "expected 0.75; got"
        in exercise("02.1")
        .check(lambda ranks, k: sum(bool(r) and r < k for r in ranks) / 4 if ranks else 0)
        .message.lower()
        or "expected" in exercise("02.1").check(lambda r, k: 0.5).message
    )
    assert "forgets to fill in" in exercise("02.2").check(lambda build: True).message
    assert "fools our scorer" in exercise("08.1").check(["17 days", "170", "1700"]).message
    with pytest.raises(KeyError, match="this notebook has"):
        exercise("02.9")


def test_wrong_answers_of_the_retrieval_track_are_told_apart():
    assert (
        "counts from 0"
        in exercise("02.3")
        .check(lambda c, context, documents: c.quote in documents[c.doc].text)
        .message
    )
    assert (
        "a paraphrase"
        in exercise("02.3")
        .check(
            lambda c, context, documents: (
                1 <= c.number <= len(context) and context[c.number - 1].doc == c.doc
            )
        )
        .message
    )
    assert "never makes the last" in exercise("03.1").check(lambda cutter, text: "").message
    assert "nothing lost" in exercise("03.1").check(lambda cutter, text: text).message
    assert (
        "expected 0.333"
        in exercise("03.2")
        .check(lambda counts, limit: sum(n > limit for n in counts) / max(len(counts), 1))
        .message
    )


def paired(before, after, level=0.05):
    fixed = sum(a and not b for b, a in zip(before, after, strict=True))
    broken = sum(b and not a for b, a in zip(before, after, strict=True))
    p = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1
    return "cannot tell" if p >= level else "better" if fixed > broken else "worse"


RIGHT_04 = {
    "04.1": lambda d, groups, day: (
        d.effective_from <= day
        and (d.effective_until is None or day < d.effective_until)
        and bool(set(d.audience) & set(groups))
    ),
    "04.2": lambda search, ask, k: len(search(ask, k)) < min(k, len(search(ask, 1000))),
    "04.3": lambda ask: (ask.input, tuple(sorted(set(ask.groups))), ask.as_of),
    "04b.1": lambda ours, theirs: sorted(
        p for p in {*ours, *theirs} if ours.get(p) != theirs.get(p)
    ),
    "04b.2": paired,
    "04b.3": r"\(\w* ?copy\)|was dropped",
}


WRONG_04 = [
    (
        "04.1",
        lambda d, groups, day: (
            d.effective_from <= day
            and (d.effective_until is None or day <= d.effective_until)
            and bool(set(d.audience) & set(groups))
        ),
        "first day on which it no longer holds",
    ),
    (
        "04.1",
        lambda d, groups, day: d.effective_from <= day and bool(set(d.audience) & set(groups)),
        "no longer holds",
    ),
    (
        "04.1",
        lambda d, groups, day: (
            d.effective_from <= day and (d.effective_until is None or day < d.effective_until)
        ),
        "none of its groups",
    ),
    (
        "04.1",
        lambda d, groups, day: (
            d.effective_from <= day
            and (d.effective_until is None or day < d.effective_until)
            and set(groups) <= set(d.audience)
        ),
        "one of the groups is enough",
    ),
    ("04.2", lambda search, ask, k: len(search(ask, k)) < k, "may read a single passage"),
    ("04.2", lambda search, ask, k: not search(ask, k), "takes 3 times k"),
    ("04.2", lambda search, ask, k: False, "expected True"),
    ("04.3", lambda ask: ask.input, "fewer rights"),
    ("04.3", lambda ask: (ask.input, ask.groups, ask.as_of), "the same groups in another order"),
    ("04.3", lambda ask: (ask.input, frozenset(ask.groups)), "another day"),
    ("04.3", lambda ask: (ask.id, ask.input, frozenset(ask.groups), ask.as_of), "one key"),
    (
        "04.3",
        lambda ask: (ask.input, "".join(sorted(ask.groups, reverse=True)), ask.as_of),
        "run together",
    ),
    ("04.3", lambda ask: [ask.input, ask.groups], "hashable"),
    ("04b.1", lambda ours, theirs: sorted({*ours} ^ {*theirs}), "has other bytes"),
    (
        "04b.1",
        lambda ours, theirs: sorted(p for p in ours if ours[p] != theirs.get(p)),
        "old.md is gone",
    ),
    ("04b.1", lambda ours, theirs: [], "expected ['new.md'"),
    ("04b.2", lambda b, a: "better" if sum(a) > sum(b) else "worse", "5 tosses of a coin"),
    ("04b.2", lambda b, a: "cannot tell", "none only before"),
    ("04b.2", lambda b, a: paired(b, a, 0.01), "6 tosses on one side"),
    ("04b.2", lambda b, a: paired(b, a, 0.1), "5 tosses of a coin"),
    ("04b.3", "the", "harmless pages"),
    ("04b.3", "(", "is none"),
    ("04b.3", "x*", "empty text"),
    ("04b.3", "zzzz", "catches none of them"),
]


@pytest.mark.parametrize("id", RIGHT_04)
def test_right_answers_of_04_are_right(id):
    assert_right(id, RIGHT_04[id])


@pytest.mark.parametrize(
    "id,answer,told", WRONG_04, ids=[f"{id}-{told}" for id, _, told in WRONG_04]
)
def test_wrong_answers_of_04_are_told_why(id, answer, told):
    assert_told(id, answer, told)


def test_the_screen_of_04_reports_the_half_that_was_not_seen():
    """A rule written from the dev attacks does well there and worse on the others, and the message
    says both."""
    message = (
        exercise("04b.3")
        .check(r"\((?:\w+ )?copy\)|no longer holds|was dropped|replaces the (?:shorter|older)")
        .message
    )
    assert "dev half: 5 of 5" in message, message
    assert re.search(r"did not see: [0-3] of 7", message), message


def test_a_dev_ticket_in_the_prompt_gives_its_answer_away():
    dev = load_tickets("dev")
    said = exercise("05.2").check(lambda message: dev[:3])
    assert (said.state, "is no ticket of train" in said.message) == ("not yet", True)


def test_a_prompt_of_too_many_examples_is_refused():
    train = load_tickets("train")
    assert "at most 16 examples" in exercise("05.2").check(lambda message: train[:17]).message


@pytest.mark.parametrize(("fields", "state"), [(0.5, "right"), (0.25, "not yet")])
def test_a_prompt_is_measured_beside_those_of_the_notebook(fields, state, monkeypatch):
    def judged(name, share):
        rows = {"id": [*"abcd"], "fact": [*"abcd"], "fields_right": share, "tokens_in": 100}
        return pd.DataFrame(rows | {"arm": name, "right": False})

    tables = [judged("your prompt", fields), judged("few-shot", 0.25), judged("looked up", 0.75)]
    monkeypatch.setattr(nb05, "_with_prompts", lambda cases, shown: tables)
    said = exercise("05.2").check(lambda message: load_tickets("train")[:2])
    assert said.state == state
    assert f"your prompt {100 * fields:.0f} % (100 tokens a prompt)" in said.message


RIGHT_05 = {
    "05.1": lambda labels_of, rows: [
        i
        for i, (ids, n) in enumerate(rows)
        if any(label != -100 for label in labels_of(ids, n)[:n])
    ],
    "05.3": lambda once, tokens_saved, price: (
        once / (tokens_saved / 1000 * price) if tokens_saved > 0 else float("inf")
    ),
}


WRONG_05 = [
    (
        "05.1",
        lambda labels_of, rows: [i for i, (ids, n) in enumerate(rows) if labels_of(ids, n) == ids],
        "one token short",
    ),
    (
        "05.1",
        lambda labels_of, rows: [
            i for i, (ids, n) in enumerate(rows) if labels_of(ids, n)[0] != -100
        ],
        "one token short",
    ),
    (
        "05.1",
        lambda labels_of, rows: (
            [0, 1, 2] if any(label != -100 for label in labels_of(*rows[0])[: rows[0][1]]) else []
        ),
        "only row 1 has a longer prompt",
    ),
    ("05.1", lambda labels_of, rows: [0, 1, 2], "counts the completions only"),
    (
        "05.3",
        lambda once, tokens_saved, price: once / (tokens_saved / 1000 * price),
        "divides by zero",
    ),
    (
        "05.3",
        lambda once, tokens_saved, price: (
            once / (tokens_saved / 1000 * price) if tokens_saved else float("inf")
        ),
        "it never pays",
    ),
    (
        "05.3",
        lambda once, tokens_saved, price: once / (tokens_saved * price),
        "expected 400 requests; got 0.4",
    ),
]


@pytest.mark.parametrize("id", RIGHT_05)
def test_right_answers_of_05_are_right(id):
    assert_right(id, RIGHT_05[id])


@pytest.mark.parametrize(("id", "answer", "told"), WRONG_05)
def test_wrong_answers_of_05_are_told_why(id, answer, told):
    assert_told(id, answer, told)
