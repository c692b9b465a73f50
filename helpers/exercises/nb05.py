"""Checks of notebook 05, tune for a strict format."""

from __future__ import annotations

import pandas as pd

from helpers.cases import Ask, Case, Gold
from helpers.exercises import Exercise, attempted


def verdicts(answer: object) -> str:
    """05.1: every ticket is invalid, valid but wrong, or right."""
    assert callable(answer), f"Expected a function verdicts(table) that returns three shares; got {type(answer).__name__}."
    table = pd.DataFrame({"valid": [True, True, True, False, False], "right": [True, False, False, False, False]})
    got = attempted(answer(table))
    assert isinstance(got, dict), f"Expected a dict with the keys 'invalid', 'valid but wrong' and 'right'; got {type(got).__name__}."
    for key, right in (("invalid", 0.4), ("valid but wrong", 0.4), ("right", 0.2)):
        assert key in got, f"Expected a key {key!r}; got {sorted(map(str, got))}."
        assert abs(float(got[key]) - right) < 1e-9, f"2 of 5 invalid, 2 of 5 valid but wrong, 1 of 5 right: expected {right} for {key!r}; got {got[key]}."
    return "Three different repairs: the first needs form, the second judgement, the third nothing."


def leak(answer: object) -> str:
    """05.2: find test rows that slipped into the training set."""
    assert callable(answer), f"Expected a function leaked(train, test) that returns ids; got {type(answer).__name__}."

    def case(id: str, text: str) -> Case:
        return Case(Ask(id, text), Gold(output={}), "written", id, "train")

    train = [case("a", "My Sprig leaks!"), case("b", "Where is my parcel?"), case("c", "  where IS my   INVOICE "), case("d", "Hello, thanks")]
    test = [case("t1", "My Sprig leaks!"), case("t2", "Where is my invoice"), case("t3", "Where is my refund?")]
    got = attempted(answer(train, test))
    got = sorted(getattr(x, "id", x) for x in got)
    assert "a" in got, f"Expected to find 'a', which is word for word the same as t1; got {got}."
    assert "c" in got, f"Expected to find 'c' as well: it is t2 with other capitals, spaces and punctuation; got {got}."
    assert got == ["a", "c"], f"Expected ['a', 'c']; got {got}. Rows that only sound alike are no leak."
    return "Run a check like this before every training run: a leak makes the score better and the system worse."


EXERCISES = {
    e.id: e
    for e in (
        Exercise("05.1", verdicts, (
            "table[\"valid\"] and table[\"right\"] are columns of True and False, so .mean() is a share.",
            "What is valid and not right? (table[\"valid\"] & ~table[\"right\"]).mean()",
        )),
        Exercise("05.2", leak, (
            "Compare case.ask.input of both sides, but not letter by letter: capitals, spaces and punctuation can differ.",
            "A helper does the normalising: comparable_tokens(text), imported above.",
            "seen = {tuple(comparable_tokens(c.ask.input)) for c in test}; then keep the train ids whose tokens are in seen.",
        )),
    )
}  # fmt: skip
