"""Which option for one kind of request? A walk from the simplest on; a further step is taken only
where it clearly pays.

1. out: what a hard rule rules out (`rules`);
2. the walk: begin with the simplest that is left. The next one is taken if its measured gain lies
   clearly above the gain that would pay for what it costs more. "Cannot tell" and "nobody has
   measured it" keep the simpler one;
3. open: the pairs with the option that was taken which nothing settles yet.

A person is no rival here: whether a system is good enough is asked in `readiness`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from helpers.decision.costs import (
    cases,
    cost_of_error,
    more_right,
    needed_gain,
    without_errors,
)
from helpers.decision.findings import FEWEST, Findings, Span, above, n_to_tell, variance
from helpers.decision.options import ORDER, PEOPLE, WALKS, Option
from helpers.decision.requirements import Requirements
from helpers.decision.rules import Rule

BY_REQUIREMENTS = "settled by requirements"
BY_MEASUREMENT = "settled by measurement"
SIMPLEST = "the simplest that holds"
UNMEASURED = "by requirement only, nothing measured"
MOST_CASES = 5_000  # where it would take more, the two are as good as equal


@dataclass(frozen=True)
class Out:
    """An option that rules rule out for a kind of request."""

    option: Option
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Duel:
    """Does the second option, a further step, pay for what it asks more than the first? gain: how
    much more often it is right; needed: the gain that would pay; n: cases of the arm with fewer, 0
    where one was not measured."""

    kind: str
    first: Option
    second: Option
    gain: Span
    needed: float
    n: float
    per_case: float  # the variance that one case of both adds

    @property
    def names(self) -> tuple[str, str]:
        return self.first.rests_on[self.kind], self.second.rests_on[self.kind]

    @property
    def pays(self) -> bool | None:
        """True, False, or None where nobody can tell: the interval straddles the line, fewer than
        30 cases, or not measured (unless even at best it would not pay)."""
        found = above(self.gain, self.needed)
        return None if found and self.n < FEWEST else found

    @property
    def n_both(self) -> int | None:
        """How many cases, asked of both, would settle it four times out of five? None where it was
        not measured, or lies on the line."""
        if self.gain.value is None:
            return None
        return n_to_tell(self.per_case, self.gain.value - self.needed)

    @property
    def few(self) -> bool:
        """Was it measured, on too few cases to say anything about the two?"""
        return self.gain.value is not None and self.n < FEWEST

    @property
    def tied(self) -> bool:
        """Would it take more cases than it is worth, by the difference that was seen?"""
        many = self.n_both
        return self.gain.value is not None and (many is None or many > MOST_CASES)

    @property
    def equal(self) -> bool:
        """As good as equal: tied, and not only on a few cases."""
        return self.tied and not self.few


@dataclass(frozen=True)
class Direction:
    """What to build for one kind of request: the option, how firm that is, and what it rests on.
    duels: the option against every other that is left, the simpler one first. routed_away: a part
    of its own that would win less than a router loses (`one_system_if_better`)."""

    kind: str
    weight: float
    option: Option
    measured: bool
    out: tuple[Out, ...]
    duels: tuple[Duel, ...]
    routed_away: Option | None = None

    @property
    def open(self) -> tuple[Duel, ...]:
        """The pairs that nothing settles yet."""
        return tuple(duel for duel in self.duels if duel.pays is None)

    @property
    def firmness(self) -> str:
        """How firm is it? In the words that a decision shows."""
        if not self.measured and not any(duel.gain.value is not None for duel in self.duels):
            return UNMEASURED
        if not self.duels:
            return BY_REQUIREMENTS
        if not self.open:
            return BY_MEASUREMENT
        others = [str(d.second if d.first is self.option else d.first) for d in self.open]
        return f"{SIMPLEST}; {', '.join(others)} open"


def walk(
    kind: str, requirements: Requirements, evidence: Findings, rules: Mapping[str, Rule]
) -> Direction:
    """What to build for this kind of request. evidence: of one model (`Findings.comparable`)."""
    out, left = ruled_out(kind, requirements, evidence, rules)
    weight = requirements.weights()[kind]
    if not left:
        return Direction(kind, weight, PEOPLE, True, out, ())
    money = {option: without_errors(option, kind, requirements, evidence) for option in left}

    @cache  # the pairs of the walk are asked for again where the last option is weighed
    def against(one: Option, other: Option) -> Duel:
        first, second = (one, other) if ORDER[one] < ORDER[other] else (other, one)
        error = cost_of_error(kind, requirements)
        needed = needed_gain(money[first], money[second], error)
        return duel(kind, first, second, needed, evidence)

    here = left[0]
    for further in left[1:]:
        # what was measured goes before a simpler guess; but weights are trained only after the
        # simpler way was measured
        unseen = not cases(here, kind, evidence) and cases(further, kind, evidence) >= FEWEST
        if against(here, further).pays or (unseen and not further.trained):
            here = further
    duels = tuple(against(here, other) for other in left if other is not here)
    return Direction(kind, weight, here, cases(here, kind, evidence) > 0, out, duels)


def ruled_out(
    kind: str, requirements: Requirements, evidence: Findings, rules: Mapping[str, Rule]
) -> tuple[tuple[Out, ...], Sequence[Option]]:
    """(what is out for this kind, and by which rules; what is left, from the simplest on)."""
    out, left, all_rules = [], [], list(rules.values())
    for option in WALKS[kind]:
        by = tuple([rule for rule in all_rules if rule.test(option, kind, requirements, evidence)])
        if by:
            out.append(Out(option, by))
        else:
            left.append(option)
    return tuple(out), left


def duel(kind: str, first: Option, second: Option, needed: float, evidence: Findings) -> Duel:
    """The two on one kind of request, with the gain that was counted."""
    gained = more_right(first, second, kind, evidence)
    paired = evidence.difference(first.rests_on[kind], second.rests_on[kind])
    n = paired.n if paired else min(cases(one, kind, evidence) for one in (first, second))
    if paired:
        per_case = variance(gained, n)
    else:  # two independent shares: p (1 - p) of each
        shares = [evidence.found.get(one.rests_on[kind]) for one in (first, second)]
        per_case = sum(one.value * (1 - one.value) for one in shares if one)
    return Duel(kind, first, second, gained, needed, n, per_case)
