"""Checks of notebook 08, both through one scorer."""

from __future__ import annotations

import pandas as pd

from helpers.exercises import Exercise, attempted
from helpers.scores import answer_correct


def reading(answer: object) -> str:
    """08.1: accuracy where the evidence was seen, and where it was not."""
    assert callable(answer), f"Expected a function by_evidence(table) that returns two shares; got {type(answer).__name__}."
    table = pd.DataFrame({"evidence_seen": [True, True, True, True, False, False], "right": [True, True, True, False, False, True]})
    got = attempted(answer(table))
    assert isinstance(got, tuple | list) and len(got) == 2, f"Expected two shares (seen, not seen); got {got!r}."
    seen, unseen = map(float, got)
    assert abs(seen - 0.75) < 1e-9, f"Where the evidence was seen, 3 of 4 are right: expected 0.75; got {seen}."
    assert abs(unseen - 0.5) < 1e-9, f"Where it was not seen, 1 of 2 is right: expected 0.5; got {unseen}."
    return "The gap, times the share not found, is roughly what better retrieval could buy (if those questions are no harder); what is missing to 100 % in the first is mostly reading."


def substring(answer: object) -> str:
    """08.2: replies that a substring scorer counts as right and ours does not."""
    assert isinstance(answer, list | tuple), f"Expected a list of three replies; got {type(answer).__name__}."
    replies = [r for r in answer if r is not ...]
    attempted(replies or None)
    gold = ["17 days", "17"]
    assert len(replies) == 3, f"Expected three different replies; got {len(replies)}."
    assert len(set(replies)) == 3, "Expected three different replies; two are the same."
    for reply in replies:
        assert any(alias in str(reply) for alias in gold), f"A substring scorer would call {reply!r} wrong, too: it holds no alias at all."
        assert not answer_correct(str(reply), gold), f"{reply!r} fools our scorer, too: '17' alone is an accepted alias. Find one that ours catches."
    return "Each of these is a wrong reply that a careless scorer rewards. A comparison is only as good as its scorer."


EXERCISES = {
    e.id: e
    for e in (
        Exercise("08.1", reading, (
            "table[\"evidence_seen\"] is a column of True and False: use it to choose rows.",
            "table[table[\"evidence_seen\"] == True][\"right\"].mean()",
        )),
        Exercise("08.2", substring, (
            "Think of other numbers that contain the digits 17.",
            "A reply may also hedge, or list so much that the answer is in it by accident (more than 30 words).",
        )),
    )
}  # fmt: skip
