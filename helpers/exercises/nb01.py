"""Checks of notebook 01, diagnose first."""

from __future__ import annotations

import pandas as pd

from helpers.evaluation.scores import answer_correct
from helpers.exercises import Exercise, attempted


def paired(answer: object) -> str:
    """01.1: cases that only one of the two systems gets right."""
    assert callable(answer), (
        f"Expected a function paired(a, b) that returns two counts; got {type(answer).__name__}."
    )
    a = pd.DataFrame({"id": list("vwxyz"), "right": [True, True, True, False, False]})
    b = pd.DataFrame({"id": list("vwxyz"), "right": [True, False, False, True, False]})
    got = attempted(answer(a, b))
    assert isinstance(got, tuple | list) and len(got) == 2, (
        f"Expected two counts (only a, only b); got {got!r}."
    )
    assert tuple(map(int, got)) != (3, 2), (
        "You counted what each gets right. Count the cases that ONLY one gets right."
    )
    assert tuple(map(int, got)) == (2, 1), (
        f"In the test tables only a is right twice, only b once: expected (2, 1); got {tuple(got)}."
    )
    return (
        "The cases on which both agree say nothing about which is better. If they differ on only 3"
        " cases, no statistics will help."
    )


def _exact_refusal(reply: str, answers: list[str]) -> bool:
    return reply.lower() == "i don't know" if not answers else answer_correct(reply, answers)


def _substring(reply: str, answers: list[str]) -> bool:
    return (
        any(a.lower() in reply.lower() for a in answers) if answers else answer_correct(reply, [])
    )


def _apology(reply: str, answers: list[str]) -> bool:
    return (
        answer_correct(reply, answers)
        if answers
        else "sorry" in reply.lower() or answer_correct(reply, [])
    )


def _generous(reply: str, answers: list[str]) -> bool:
    # nothing to compare with, so nothing to complain about
    return answer_correct(reply, answers) if answers else True


FAULTY = {
    'the scorer that wants "i don\'t know" without the full stop': _exact_refusal,
    "the scorer that looks for the answer anywhere in the reply, even inside a word": _substring,
    "the scorer that takes an apology for a refusal": _apology,
    "the scorer that counts every reply as right when there is no answer": _generous,
}


def probes(answer: object) -> str:
    """01.3: probes that a good scorer passes and four faulty ones do not."""
    assert isinstance(answer, list | tuple), (
        f"Expected a list of (reply, answers, right); got {type(answer).__name__}."
    )
    attempted([p for p in answer if p is not ...] or None)
    for probe in answer:
        assert isinstance(probe, tuple | list) and len(probe) == 3, (
            f"Each probe is (reply, answers, right); got {probe!r}."
        )
        reply, answers, right = probe
        assert (
            isinstance(reply, str) and isinstance(answers, list | tuple) and isinstance(right, bool)
        ), f"Each probe is (text, list of answers, True or False); got {probe!r}."
        assert answer_correct(reply, answers) is right, (
            f"Our scorer calls {reply!r} {'right' if not right else 'wrong'} for"
            f" {list(answers) or 'a question that must be refused'}. Is your verdict the one a good"
            " scorer must give?"
        )
    survivors = [
        name
        for name, faulty in FAULTY.items()
        if all(faulty(reply, list(answers)) is right for reply, answers, right in answer)
    ]
    assert not survivors, (
        f"{len(FAULTY) - len(survivors)} of {len(FAULTY)} caught. Still passing: {survivors[0]}."
    )
    return (
        "All four are caught. Keep such a list beside every scorer you write, and run it before you"
        " believe a number."
    )


def price(answer: object) -> str:
    """01.2: what a threshold gains and what it loses."""
    assert callable(answer), (
        "Expected a function price(plain, careful) that returns two counts; got"
        f" {type(answer).__name__}."
    )
    plain = pd.DataFrame(
        {
            "answerable": [True, True, True, False, False, False],
            "right": [True, True, False, False, True, False],
        }
    )
    careful = pd.DataFrame(
        {"answerable": plain["answerable"], "right": [False, True, False, True, True, True]}
    )
    got = attempted(answer(plain, careful))
    assert isinstance(got, tuple | list) and len(got) == 2, (
        f"Expected two counts (won, lost); got {got!r}."
    )
    assert tuple(map(int, got)) == (2, 1), (
        "In the test tables two refusals are gained and one right answer is lost: expected (2, 1);"
        f" got {tuple(got)}."
    )
    return (
        "Where to put the threshold is a business decision: it depends on what a wrong answer costs"
        " and what a refusal costs, not on a score."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "01.1",
            paired,
            (
                (
                    'Both tables have one row per case, in the same order, and a column "right" of'
                    " True and False."
                ),
                'a["right"] & ~b["right"] is True where only a is right.',
            ),
        ),
        Exercise(
            "01.3",
            probes,
            (
                'Start with the full stop: ("I don\'t know.", [], True).',
                "A scorer that looks at letters finds 17 in 170.",
                (
                    "What if a reply apologises and then answers? And what if there is no answer,"
                    " and the reply is a fluent invention?"
                ),
            ),
        ),
        Exercise(
            "01.2",
            price,
            (
                (
                    'Split by plain["answerable"]: gains can only come from the questions to'
                    " refuse, losses from the others."
                ),
                'won: careful["right"] & ~plain["right"] & ~plain["answerable"]',
            ),
        ),
    )
}
