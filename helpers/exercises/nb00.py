"""Checks of notebook 00, start here."""

from __future__ import annotations

import datetime as dt
import numbers

from helpers.core.cases import Arm, Ask
from helpers.data.handbook import load_handbook, may_see
from helpers.data.questions import load_users
from helpers.exercises import Exercise, NotAttemptedError


def readable(answer: object) -> str:
    """00.1: how many documents may the contractor read on 2 March 2026?"""
    groups = load_users()["contractor-de"]["groups"]
    documents = load_handbook()
    right = len(may_see(documents, groups, dt.date(2026, 3, 2)))
    traps = {
        len(
            documents
        ): "That is every version of every document. Which may this user read, on that day?",
        sum(d.readable_by(groups) for d in documents): (
            "Those are all versions of the documents for contractors; some were not in force on"
            " that day."
        ),
        sum(
            d.in_force(dt.date(2026, 3, 2)) for d in documents
        ): "Those were in force on that day, but not all of them are for contractors.",
    }
    assert isinstance(answer, numbers.Integral), (
        f"Expected a whole number; got {type(answer).__name__}."
    )
    assert answer == right, traps.get(
        answer,
        f"Expected a different number, not {answer}: count documents that the groups may read AND"
        " that were in force.",
    )
    return (
        f"{right} of {len(documents)} document versions. A retrieval system must apply this filter"
        " inside its query."
    )


def parrot(answer: object) -> str:
    """00.2: an arm that repeats the question."""
    arm = answer if isinstance(answer, Arm) else None
    assert arm is not None, f"Expected an Arm(name, function); got {type(answer).__name__}."
    asks = [Ask("a", "How many days?"), Ask("b", "Which code?")]
    found = list(arm(asks))
    if not found:
        raise NotAttemptedError
    ids = [getattr(p, "id", p) for p in found]
    assert ids == ["a", "b"], (
        f"Expected one prediction for each ask, with the ask's id: a, b; got {ids}."
    )
    texts = [p.text for p in found]
    assert texts == [ask.input for ask in asks], (
        f"Expected the question back, {asks[0].input!r}; got {texts[0]!r}."
    )
    return (
        "That is all a system has to do to be measured here: take asks, yield predictions. Measure"
        " it, and compare it with always refusing."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "00.1",
            readable,
            (
                (
                    'load_users()["contractor-de"]["groups"] are the groups; a Document can say'
                    " .readable_by(groups) and .in_force(date)."
                ),
                "sum(d.readable_by(groups) and d.in_force(day) for d in documents)",
            ),
        ),
        Exercise(
            "00.2",
            parrot,
            (
                "The function takes a list of asks; use `yield` once per ask.",
                "yield Prediction(ask.id, ask.input)",
            ),
        ),
    )
}
