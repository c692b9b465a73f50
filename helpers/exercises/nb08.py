"""Checks of notebook 08, both through one scorer."""

from __future__ import annotations

import pandas as pd

from helpers.evaluation.scores import answer_correct
from helpers.exercises import Exercise, NotAttemptedError, attempted


def substring(answer: object) -> str:
    """08.1: replies that a substring scorer counts as right and ours does not."""
    assert isinstance(answer, list | tuple), (
        f"Expected a list of three replies; got {type(answer).__name__}."
    )
    replies = [r for r in answer if r is not ...]
    attempted(replies or None)
    gold = ["17 days", "17"]
    assert len(replies) == 3, f"Expected three different replies; got {len(replies)}."
    assert len(set(replies)) == 3, "Expected three different replies; two are the same."
    for reply in replies:
        assert any(alias in str(reply) for alias in gold), (
            f"A substring scorer would call {reply!r} wrong, too: it contains no alias at all."
        )
        assert not answer_correct(str(reply), gold), (
            f"{reply!r} fools our scorer, too: '17' alone is an accepted alias. Find one that ours"
            " catches."
        )
    return (
        "Each of these is a wrong reply that a careless scorer rewards. A comparison is only as"
        " good as its scorer."
    )


def culprit(answer: object) -> str:
    """08.2: the cause of a wrong answer."""
    assert callable(answer), (
        "Expected a function culprit(right, evidence_seen, right_with_oracle); got"
        f" {type(answer).__name__}."
    )
    wanted = {
        (True, True, True): "none",
        (True, False, False): "none",
        (False, False, True): "retrieval",
        (False, True, True): "distraction",
        (False, True, False): "reading",
        (False, False, False): "both",
    }
    for (right, seen, oracle), name in wanted.items():
        got = attempted(answer(right, seen, oracle))
        assert got == name, (
            f"right: {right}, evidence seen: {seen}, right with the oracle's passage: {oracle}."
            f' Expected "{name}"; got {got!r}.'
        )
    return (
        "Notice the last row: the search missed it AND the reader cannot read it. Fixing either"
        " alone would not help: first the search, then the reader."
    )


def too_good(answer: object) -> str:
    """08.3: an accuracy that counts every case, and a table that exposes one that does not."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (honest, exposing); got {answer!r}."
    )
    honest, table = answer
    if table is ... or table is None:
        raise NotAttemptedError
    assert isinstance(table, pd.DataFrame) and {"right", "abstained", "error"} <= set(table), (
        "exposing must be a DataFrame with the columns right, abstained and error."
    )
    mixed = pd.DataFrame(
        {
            "right": [True, True, False, False, False],
            "abstained": [False, False, False, True, False],
            "error": [None, None, None, None, "timed out"],
        }
    )
    got = attempted(honest(mixed))
    assert abs(float(got) - 0.4) < 1e-9, (
        "Of five cases two are right, one is wrong, one was refused and one timed out: an honest"
        f" accuracy is 0.4; got {got}."
    )
    answered = table[table["error"].isna() & ~table["abstained"].astype(bool)]
    assert len(answered) and answered["right"].mean() == 1, (
        "On your table the flattering report does not say 100 %: everything answered without error"
        " must be right."
    )
    assert table["right"].mean() < 0.5, (
        f"On your table an honest accuracy is {table['right'].mean():.2f}; make it less than one"
        " half."
    )
    return (
        "A case that failed or was refused is a question that a user asked. Report it beside the"
        " accuracy; never leave it out of the denominator."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "08.1",
            substring,
            (
                "Think of other numbers that contain the digits 17.",
                (
                    "A reply may also hedge, or list so much that the answer is in it by accident"
                    " (more than 30 words)."
                ),
            ),
        ),
        Exercise(
            "08.2",
            culprit,
            (
                (
                    "Ask first whether the answer is right; then whether the evidence was seen, and"
                    " whether the oracle's passage would have helped."
                ),
                "A wrong answer: two questions with yes or no, so four causes, each once.",
            ),
        ),
        Exercise(
            "08.3",
            too_good,
            (
                "Which rows does `answered` leave out? Who pays for those?",
                (
                    'honest: the mean of "right" over ALL rows. exposing: one right row, and'
                    " several that failed or were refused."
                ),
            ),
        ),
    )
}
