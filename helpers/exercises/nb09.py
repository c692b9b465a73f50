"""Checks of notebook 09, hybrid on purpose."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from helpers.core.cases import Ask
from helpers.exercises import Exercise, attempted


def cheapest(answer: object) -> str:
    """09.1: the route that is expected to cost least."""
    assert callable(answer), (
        f"Expected a function cheapest(chances, costs) that returns a route; got {answer!r}."
    )
    costs = {("answer", "refuse"): 2.0, ("refuse", "answer"): 3.0}
    for chances, right, why in (
        (
            {"answer": 0.7, "refuse": 0.3},
            "answer",
            "answering costs 0.3 × 3 = 0.9, refusing 0.7 × 2",
        ),
        (
            {"answer": 0.55, "refuse": 0.45},
            "refuse",
            "answering is likelier, but costs 0.45 × 3 = 1.35, and refusing 0.55 × 2 = 1.1",
        ),
    ):
        got = attempted(answer(chances, costs))
        assert got == right, f"For {chances} expected {right!r}: {why}; got {got!r}."
    free = {("answer", "refuse"): 2.0, ("refuse", "answer"): 0.0}
    got = attempted(answer({"answer": 0.1, "refuse": 0.9}, free))
    assert got == "answer", (
        "Where a missed refusal costs nothing, answering is always cheapest; are the costs read"
        f" from `costs`? Expected 'answer'; got {got!r}."
    )
    return (
        "The likeliest route and the cheapest one differ where mistakes have different prices."
        " That is all that `router.decide` does, with asking back as one more thing to say."
    )


def seen(answer: object) -> str:
    """09.2: how many test requests did the router see in training?"""
    assert callable(answer), (
        f"Expected a function seen(train, test) that returns a number; got {answer!r}."
    )
    clean = attempted(answer(["where is order 4711", "thanks!"], ["who may sign", "bye"]))
    assert clean == 0, f"No test request is in that train: expected 0; got {clean!r}."
    exact = answer(["where is order 4711", "thanks!"], ["thanks!", "bye"])
    assert exact == 1, f"One of two test requests is in train, letter by letter; got {exact!r}."
    hidden = answer(
        ["Where is order 4711?", "thanks", "hello"], ["where is  ORDER 4711", "Thanks!!", "bye"]
    )
    assert hidden == 2, (
        "'where is  ORDER 4711' is 'Where is order 4711?' in other letters, and 'Thanks!!' is"
        f" 'thanks': compare without case, punctuation and runs of blanks. Expected 2; got {hidden}"
    )
    return (
        "Two lines that belong before every training run. A router that has seen its test has"
        " learnt the test: its score says nothing about tomorrow's requests."
    )


def ceilings(answer: object) -> str:
    """09.3: how far can a better reader alone, and a better search alone, take it?"""
    assert callable(answer), (
        f"Expected a function ceilings(table) that returns two shares; got {answer!r}."
    )
    table = pd.DataFrame(
        {
            "evidence_seen": [True] * 4 + [False] * 6,
            "right": [True, True, True, False] + [True] + [False] * 5,
        }
    )
    got = attempted(answer(table))
    assert isinstance(got, tuple | list) and len(got) == 2, (
        f"Expected two shares (best with a perfect reader, best with a perfect search); got {got!r}"
    )
    reader, search = map(float, got)
    assert abs(reader - 0.4) < 1e-9, (
        "A perfect reader is right wherever the evidence is there, and nowhere else by reading:"
        f" 4 of 10, so 0.4; got {reader}."
    )
    assert abs(search - 0.75) < 1e-9, (
        "A perfect search always shows the evidence, and this reader reads 3 of 4 of what it is"
        f" shown: 0.75; got {search}."
    )
    return (
        "The first number is recall: no reader, tuned or not, gets past it except by luck or"
        " memory. Low recall cannot be tuned away, unless what you tune is the search."
    )


def who_asks(answer: object) -> str:
    """09.4: a rewritten question is still asked by the same person."""
    assert callable(answer), (
        f"Expected a function rewritten(ask, text) that returns an Ask; got {answer!r}."
    )
    for groups in (("staff", "support"), ("contractors",), ()):
        ask = Ask("q1", "and in canada??", groups, dt.date(2026, 3, 2))
        got = attempted(answer(ask, "How long is parental leave in Canada?"))
        assert isinstance(got, Ask), f"Expected an Ask; got {type(got).__name__}."
        assert got.input == "How long is parental leave in Canada?", (
            f"The new ask should hold the new text; it holds {got.input!r}."
        )
        assert tuple(got.groups) == groups, (
            f"{groups} asked, and the search is asked by {tuple(got.groups)}: whoever asks would"
            " see what those groups may read. Keep the groups of the ask."
        )
        assert (got.id, got.as_of) == (ask.id, ask.as_of), (
            "The id and the day belong to the ask, too: keep both."
        )
    return (
        "`dataclasses.replace` changes one field and keeps the rest. Every part of a hybrid must"
        " ask as the user, never as itself."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "09.1",
            cheapest,
            (
                "For each route that could be said, add up chance × cost over the routes that may"
                " be right. Saying the right route costs nothing and is not in `costs`.",
                "min(chances, key=lambda said: sum(p * costs.get((right, said), 0)"
                " for right, p in chances.items()))",
            ),
        ),
        Exercise(
            "09.2",
            seen,
            (
                "First bring each text into one form: lower case, words only.",
                're.findall(r"\\w+", text.lower()) is a list of words; " ".join(…) makes it one'
                " text again. Then a set of those of train.",
            ),
        ),
        Exercise(
            "09.3",
            ceilings,
            (
                "What share of the rows has the evidence? And among those alone, what share is"
                " right?",
                'table["evidence_seen"].mean(), table[table["evidence_seen"]]["right"].mean()',
            ),
        ),
        Exercise(
            "09.4",
            who_asks,
            (
                "Which fields does an Ask have, and which of them may change here?",
                "dataclasses.replace(ask, input=text)",
            ),
        ),
    )
}
