"""Checks of notebook 07, facts in the weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from helpers.exercises import Exercise, attempted


def _function(answer: object, signature: str) -> Callable:
    assert callable(answer), f"Expected a function {signature}; got {type(answer).__name__}."
    return answer


def _numbers(got: object, n: int, about: str) -> list[float]:
    try:
        found = [float(x) for x in got]
    except TypeError:
        raise AssertionError(f"{about}: expected {n} numbers; got {got!r}.") from None
    assert len(found) == n, f"{about}: expected {n} numbers; got {len(found)}."
    return found


def splits_score(answer: object) -> str:
    """07.1: the share right on wordings that were trained, and on those that were not."""
    split = _function(answer, "split_score(table, trained) that returns two shares")
    trained = ["How long is the trial?", "What does a P2 need?"]
    asked = [
        "How long is the trial?",
        "how long is  the TRIAL",
        "What does a P2 need?",
        "When does the trial end?",
        "P2, how fast?",
        "Trial length?",
        "Fast reply for P2?",
    ]
    table = pd.DataFrame({"input": asked, "right": [True, True, True, True, False, False, False]})
    seen, unseen = _numbers(
        attempted(split(table, trained)), 2, "For seven questions, three of them in trained words"
    )
    assert not math.isclose(seen, 4 / 7, abs_tol=0.01), (
        "For the trained words, got the share right of all questions. That is the bug: one number"
        " over both kinds says nothing about either."
    )
    assert not math.isclose(unseen, 2 / 5, abs_tol=0.01), (
        "'how long is  the TRIAL' counts as held out, yet it differs from a trained question only"
        " in capitals, a space and a question mark. Compare evaluation.tokens of both."
    )
    assert math.isclose(seen, 1, abs_tol=0.01) and math.isclose(unseen, 1 / 4, abs_tol=0.01), (
        f"Expected 1.00 on trained wordings and 0.25 on the others; got {seen:.2f} and"
        f" {unseen:.2f}."
    )
    return (
        "The colleague's single number, 4 of 7, rested on sentences that the model had been trained"
        " on, answers included."
    )


def asks_what_changed(answer: object) -> str:
    """07.2: which facts does a freshness test have to ask?"""
    worth = _function(answer, "worth_asking(old, new) that returns a sorted list of facts")
    for old, new, right, why in (
        (
            {"trial": "24 days", "hold": "35 per cent", "freeze": "24 April"},
            {"trial": "24 days", "hold": "38 per cent", "freeze": "24 April"},
            ["hold"],
            "only this question tells old from new",
        ),
        (
            {"trial": "24 days"},
            {"trial": "24 days"},
            [],
            "nothing changed, so no question tests freshness: report that, do not pass",
        ),
        (
            {"trial": "24 days"},
            {"trial": "24 days", "lease": "9 weeks"},
            ["lease"],
            "a new fact is a change as well",
        ),
        (
            {"trial": "24 days", "fax": "7301"},
            {"trial": "24 days"},
            ["fax"],
            "a fact that was dropped must no longer be given",
        ),
        ({"b": "1", "a": "1"}, {"b": "2", "a": "2"}, ["a", "b"], "sorted, please"),
    ):
        got = attempted(worth(dict(old), dict(new)))
        assert list(got) == right, f"Old {old}, new {new}: expected {right} ({why}); got {got}."
    return (
        "A freshness test on unchanged facts passes for every system, most of all for one that"
        " stopped learning last year."
    )


def measures_exposure(answer: object) -> str:
    """07.3: the rank of a secret among made-up ones, and its exposure in bits."""
    exposure = _function(answer, "exposure_of(true, others) that returns (rank, bits)")
    for true, others, rank, why in (
        (
            -1.0,
            [-5.0, -6.0, -7.0],
            1,
            "log likelihoods: closer to 0 is more likely, so nothing beats the true one",
        ),
        (-9.0, [-5.0, -6.0, -7.0], 4, "all three others are more likely"),
        (
            -5.0,
            [-5.0, -5.0, -5.0],
            4,
            "ties: a model that finds all equally likely has seen none, so the true one is last",
        ),
        (-6.5, [-5.0, -6.0, -7.0], 3, "two are more likely"),
    ):
        got, bits = _numbers(
            attempted(exposure(true, list(others))), 2, f"For {true} among {others}"
        )
        assert got == rank, f"For {true} among {others}, expected rank {rank} ({why}); got {got:g}."
        wanted = math.log2((len(others) + 1) / rank)
        assert math.isclose(bits, wanted, abs_tol=1e-6), (
            f"For rank {rank} of {len(others) + 1}, expected log2({len(others) + 1} / {rank}) ="
            f" {wanted:.2f} bits; got {bits:.2f}."
        )
    return (
        "With 500 made-up secrets the scale ends at 9 bits: all you can say is 'at least 9'; more"
        " alternatives would say more."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "07.1",
            splits_score,
            (
                "Make a Boolean column: was this question trained, word for word?",
                (
                    "Word for word means ignoring capitals, punctuation and spaces: compare"
                    " tuple(evaluation.tokens(text)) of both."
                ),
                (
                    "known = {tuple(evaluation.tokens(q)) for q in trained}; seen ="
                    " table['input'].map(lambda q: tuple(evaluation.tokens(q)) in known)"
                ),
            ),
        ),
        Exercise(
            "07.2",
            asks_what_changed,
            (
                (
                    "A fact is worth asking if the two days give different answers; no answer is an"
                    " answer."
                ),
                (
                    ".get(fact) is None where a fact is missing, so one comparison covers changed,"
                    " new and dropped."
                ),
                (
                    "sorted(fact for fact in old.keys() | new.keys() if old.get(fact) !="
                    " new.get(fact))"
                ),
            ),
        ),
        Exercise(
            "07.3",
            measures_exposure,
            (
                "The rank is 1 plus the number of others that are at least as likely.",
                "Log likelihoods are negative; the more likely one is the larger number.",
                (
                    "rank = 1 + sum(other >= true for other in others); bits ="
                    " math.log2((len(others) + 1) / rank)"
                ),
            ),
        ),
    )
}
