"""Checks of notebook 05, tune for a strict format."""

from __future__ import annotations

from collections import Counter

from helpers.cases import Arm, Ask, Case, Gold
from helpers.exercises import Exercise, NotAttemptedError, attempted
from helpers.tickets import FIELDS, load_tickets, parse_strict


def majority(answer: object) -> str:
    """05.1: the baseline that always gives the commonest labels of the training rows."""
    assert isinstance(answer, Arm), f"Expected an Arm; got {type(answer).__name__}."
    found = list(answer([Ask("x", "Hello?")]))
    if not found:
        raise NotAttemptedError
    train = load_tickets("train")
    common = {field: Counter(case.gold.output[field] for case in train).most_common(1)[0][0] for field in FIELDS}
    parsed = parse_strict(found[0].text)
    assert parsed.ticket is not None, f"Expected text that the strict parser accepts; it says: {parsed.state}, {parsed.reason}."
    said = parsed.ticket.model_dump()
    wrong = [field for field in FIELDS if said[field] != common[field]]
    assert not wrong, f"Expected the commonest value of each field in the training rows; {wrong[0]} should be {common[wrong[0]]!r}, got {said[wrong[0]]!r}."
    return "100 % valid, and nearly useless. Whoever reports validity alone is reporting this."


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
        Exercise("05.1", majority, (
            "collections.Counter(case.gold.output[field] for case in train).most_common(1) gives the commonest value of a field.",
            "Build one dict with the commonest value of every field in FIELDS, write it with format_task.to_json, and yield it for every ask.",
        )),
        Exercise("05.2", leak, (
            "Compare case.ask.input of both sides, but not letter by letter: capitals, spaces and punctuation can differ.",
            "A helper does the normalising: scores.tokens(text) gives comparable tokens.",
            "seen = {tuple(tokens(c.ask.input)) for c in test}; then keep the train ids whose tokens are in seen.",
        )),
    )
}  # fmt: skip
