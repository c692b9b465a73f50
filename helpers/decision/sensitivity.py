"""What would change the answer? For each stated input the values at which it flips, and how much of
what is plausible agrees with it.

    flips(requirements, evidence)        where, and into what; deciding again there gives the other
                                         answer, just before it does not
    agreement(requirements, evidence)    numbers drawn at random from their plausible ranges: in
                                         which share is the answer the same?

For findings the flip needs no search: it is the `needed` gain of each duel (closed form, see
`costs.needed_gain`).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from helpers.decision.conclusion import decide
from helpers.decision.findings import Findings
from helpers.decision.requirements import FIELDS, NUMBERS, YES_NO, Requirements, shown, steps
from helpers.evaluation.evaluator import wilson

CLOSE = 0.001  # how near "just before" is: a thousandth of the value, or of the range of a share
Sweep = Mapping[str, list[tuple[float, str]]]


@dataclass(frozen=True)
class Flip:
    """Change one input from `stated` to `at`, and the answer becomes another; at `before`, just
    short of it, it does not."""

    name: str
    stated: float | bool
    before: float | bool
    at: float | bool
    answer: str
    becomes: str

    def __str__(self) -> str:
        way = "" if self.name in YES_NO else "from " if self.at > self.stated else "down to "
        rest = "" if self.name in YES_NO else " on" if self.at > self.stated else " and below"
        return (
            f"{self.name} {way}{shown(self.name, self.at)}{rest} (stated:"
            f" {shown(self.name, self.stated)}): {self.becomes}"
        )


@dataclass(frozen=True)
class Agreement:
    """In which share of n drawn cases is the answer the same (95 % interval), and what is it in the
    others?"""

    share: float
    low: float
    high: float
    n: int
    answers: Mapping[str, int]


def sweep(requirements: Requirements, evidence: Findings) -> Sweep:
    """Every input moved alone over its plausible range: (value, answer) at each step."""
    found = {
        name: [
            (value, _answer(requirements, evidence, name, value))
            for value in sorted({*steps(name), getattr(requirements, name)})
        ]
        for name in NUMBERS
    }
    return found | {
        name: [(value, _answer(requirements, evidence, name, value)) for value in (False, True)]
        for name in YES_NO
    }


def flips(requirements: Requirements, evidence: Findings, swept: Sweep | None = None) -> list[Flip]:
    """The nearest flips below and above every stated input, if there are any. swept: of `sweep`,
    where that was made already.

    The range is searched in steps (1, 2, 5, 10 …), then the edge between two steps is halved until
    it is known to a thousandth.
    """
    swept, found = swept or sweep(requirements, evidence), []
    for name, line in swept.items():
        stated = getattr(requirements, name)
        here = next(answer for value, answer in line if value == stated)
        for side in (
            [one for one in line if one[0] < stated][::-1],
            [one for one in line if one[0] > stated],
        ):
            before = stated
            for value, answer in side:
                if answer != here:
                    same = before
                    if name in NUMBERS:
                        same, value = _edge(
                            before,
                            value,
                            lambda x, name=name, here=here: (
                                _answer(requirements, evidence, name, x) == here
                            ),
                            FIELDS[name]["whole"],
                        )
                        answer = _answer(requirements, evidence, name, value)
                    found.append(Flip(name, stated, same, value, here, answer))
                    break
                before = value
    return found


def agreement(
    requirements: Requirements,
    evidence: Findings,
    factor: float | None = 3,
    n: int = 150,
    seed: int = 0,
) -> Agreement:
    """Stated numbers are guesses, too. Draw all of them again (yes and no stay): how often is the
    answer the same?

    factor: each number lies somewhere between a third and three times what is stated, a share
    within 20 points of it, and never outside its plausible range; None draws from the whole of that
    range.
    """
    dice, answers = random.Random(seed), Counter()
    here = decide(requirements, evidence).answer
    for _ in range(n):
        answers[
            decide(
                requirements.but(
                    **{
                        name: _drawn(name, getattr(requirements, name), factor, dice)
                        for name in NUMBERS
                    }
                ),
                evidence,
            ).answer
        ] += 1
    low, high = wilson(answers[here], n)
    return Agreement(answers[here] / n, low, high, n, dict(answers.most_common()))


def as_table(found: list[Flip]) -> pd.DataFrame:
    """One line a flip."""
    rows = [
        {
            "input": one.name,
            "stated": shown(one.name, one.stated),
            "flips at": shown(one.name, one.at),
            "becomes": one.becomes,
            "question": FIELDS[one.name]["question"],
        }
        for one in found
    ]
    return pd.DataFrame(rows, columns=["input", "stated", "flips at", "becomes", "question"])


def _answer(requirements: Requirements, evidence: Findings, name: str, value: float | bool) -> str:
    return decide(requirements.but(**{name: value}), evidence).answer


def _drawn(name: str, stated: float, factor: float | None, dice: random.Random) -> float:
    """A value near what is stated, or from the whole plausible range: of shares evenly, of
    everything else evenly on a log scale."""
    if stated == math.inf:  # no limit
        return stated
    about = FIELDS[name]
    low, high = about["low"], about["high"]
    if not about["log"]:
        return (
            dice.uniform(max(low, stated - 0.2), min(high, stated + 0.2))
            if factor
            else dice.uniform(low, high)
        )
    if factor:
        low, high = (min(max(low, value), high) for value in (stated / factor, stated * factor))
    value = math.exp(dice.uniform(math.log(low or 1), math.log(high or 1)))
    return float(round(value)) if about["whole"] else value


def _edge(
    same: float, other: float, still: Callable[[float], bool], whole: bool
) -> tuple[float, float]:
    """Two values close together with the flip between them: the answer at the first is `still` the
    same, at the second it is not."""
    while abs(other - same) > (
        1 if whole and abs(other) < 1000 else CLOSE * max(abs(other), abs(same), 1e-6)
    ):
        middle = (same + other) / 2
        middle = float(round(middle)) if whole else middle
        if middle in (same, other):
            break
        same, other = (middle, other) if still(middle) else (same, middle)
    return same, other
