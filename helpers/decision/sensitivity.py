"""What would change the answer? For each stated input the values at which the direction flips, and
those at which the readiness does; and how much of what is plausible agrees.

    flips(requirements, evidence)        where, and into what; deciding again there gives the other
                                         answer, just before it does not
    agreement(requirements, evidence)    numbers drawn at random from their plausible ranges: in
                                         which share is the direction the same?

For findings the flip needs no search: it is the `needed` gain of each duel (closed form, see
`costs.needed_gain`).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd

from helpers.decision.conclusion import decide
from helpers.decision.findings import Findings
from helpers.decision.requirements import FIELDS, NUMBERS, YES_NO, Requirements, shown, steps
from helpers.decision.rules import GATES, HARD, Rule
from helpers.evaluation.evaluator import wilson

CLOSE = 0.001  # how near "just before" is: a thousandth of the value, or of the range of a share


class Answer(NamedTuple):
    """The two that can flip."""

    direction: str
    readiness: str


About = Literal["direction", "readiness"]
Sweep = Mapping[str, list[tuple[float, Answer]]]
Ask = Callable[[Requirements], Answer]


@dataclass(frozen=True)
class Flip:
    """Change one input from `stated` to `at`, and the direction (or the readiness) becomes another;
    at `before`, just short of it, it does not."""

    name: str
    stated: float | bool
    before: float | bool
    at: float | bool
    answer: str
    becomes: str
    about: About = "direction"

    def __str__(self) -> str:
        label = FIELDS[self.name]["label"]
        label = label[0].upper() + label[1:]
        if self.name in YES_NO:
            return f"{label}, {shown(self.name, self.at)}: {self.becomes}."
        way = "from" if self.at > self.stated else "down to"
        return (
            f"{label} {way} {shown(self.name, self.at)} (now {shown(self.name, self.stated)}):"
            f" {self.becomes}."
        )


@dataclass(frozen=True)
class Flips:
    """What would change the direction, and what the readiness; each apart, the nearest below and
    above every input."""

    direction: list[Flip]
    readiness: list[Flip]
    swept: Sweep

    def __iter__(self):
        return iter([*self.direction, *self.readiness])

    def __len__(self) -> int:
        return len(self.direction) + len(self.readiness)


@dataclass(frozen=True)
class Agreement:
    """In which share of n drawn cases is the direction the same (95 % interval), and what is it in
    the others?"""

    share: float
    low: float
    high: float
    n: int
    answers: Mapping[str, int]


def asking(
    evidence: Findings, hard: Mapping[str, Rule] = HARD, gates: Mapping[str, Rule] = GATES
) -> Ask:
    """The answer to any requirements, by this evidence and these rules."""

    def ask(requirements: Requirements) -> Answer:
        decision = decide(requirements, evidence, hard, gates)
        return Answer(decision.answer, decision.readiness.state)

    return ask


def movable(name: str, requirements: Requirements) -> bool:
    """Can this input move? A share of 0 or 1 says which kinds of work there are: it is no guess."""
    return (
        FIELDS[name]["unit"] != "share"
        or 0 < getattr(requirements, name) < 1
        or (name == "least_right")
    )


def sweep(requirements: Requirements, ask: Ask) -> Sweep:
    """Every input moved alone over its plausible range: (value, answer) at each step. A share that
    is not 0 or 1 stays between them: the end of its range would be another kind of work."""
    found = {}
    for name in FIELDS:
        if not movable(name, requirements):
            continue
        values = {False, True} if name in YES_NO else {*steps(name)}
        if name in ("lookup_share", "action_share"):
            values -= {0.0, 1.0}
        values.add(getattr(requirements, name))
        found[name] = [(x, ask(requirements.but(**{name: x}))) for x in sorted(values)]
    return found


def flips(
    requirements: Requirements,
    evidence: Findings,
    hard: Mapping[str, Rule] = HARD,
    gates: Mapping[str, Rule] = GATES,
) -> Flips:
    """The nearest flips below and above every stated input, if there are any.

    The range is searched in steps (1, 2, 5, 10 …), then the edge between two steps is halved until
    it is known to a thousandth.
    """
    ask = asking(evidence, hard, gates)
    swept = sweep(requirements, ask)
    found: dict[About, list[Flip]] = {"direction": [], "readiness": []}
    for name, line in swept.items():
        for about, into in found.items():
            into += _nearest(name, line, requirements, about, ask)
    return Flips(found["direction"], found["readiness"], swept)


def _nearest(
    name: str, line: list[tuple[float, Answer]], requirements: Requirements, about: About, ask: Ask
) -> list[Flip]:
    """The flips of one input, at most one on each side of what is stated."""
    stated, found = getattr(requirements, name), []
    here = next(getattr(answer, about) for value, answer in line if value == stated)

    def at(value: float) -> str:
        return getattr(ask(requirements.but(**{name: value})), about)

    for side in (
        [one for one in line if one[0] < stated][::-1],
        [one for one in line if one[0] > stated],
    ):
        before = stated
        for value, answer in side:
            becomes = getattr(answer, about)
            if becomes != here:
                if name in NUMBERS:
                    before, value = _edge(
                        before, value, lambda x: at(x) == here, FIELDS[name]["whole"]
                    )
                    becomes = at(value)
                found.append(Flip(name, stated, before, value, here, becomes, about))
                break
            before = value
    return found


def agreement(
    requirements: Requirements,
    evidence: Findings,
    factor: float | None = 3,
    n: int = 40,
    seed: int = 0,
) -> Agreement:
    """Stated numbers are guesses, too. Draw all of them again (yes and no stay, and so does a share
    of 0 or 1): how often is the direction the same?

    factor: each number lies somewhere between a third and three times what is stated, a share
    within 20 points of it, and never outside its plausible range; None draws from the whole of that
    range.
    """
    dice, answers = random.Random(seed), Counter()
    here = decide(requirements, evidence).answer
    for _ in range(n):
        drawn = {
            name: _drawn(name, getattr(requirements, name), factor, dice)
            for name in NUMBERS
            if movable(name, requirements) and name != "least_right"
        }
        answers[decide(requirements.but(**drawn), evidence).answer] += 1
    low, high = wilson(answers[here], n)
    return Agreement(answers[here] / n, low, high, n, dict(answers.most_common()))


def as_table(found: Flips) -> pd.DataFrame:
    """One line a flip."""
    columns = ["changes", "question", "stated", "flips at", "becomes"]
    rows = [
        (
            one.about,
            FIELDS[one.name]["question"],
            shown(one.name, one.stated),
            shown(one.name, one.at),
            one.becomes,
        )
        for one in found
    ]
    return pd.DataFrame(rows, columns=columns)


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
