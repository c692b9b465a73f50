"""Is it good enough to answer? Only here the person who would answer instead, the cost of a wrong
answer and the stated floor come in.

    right today      how often the chosen parts are right, with an interval, n and the model
    right needed     the stated floor, or the share below which a person is cheaper: the larger
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from helpers.decision.costs import (
    DAYS,
    cases,
    refused,
    right,
    right_overall,
    served,
    whole_without_errors,
)
from helpers.decision.findings import FEWEST, UNSEEN_N, Findings, Span, above, n_to_tell, variance
from helpers.decision.options import PEOPLE, QUERY, TONE, Option
from helpers.decision.requirements import FIELDS, YES_NO, Requirements
from helpers.decision.rules import Rule
from helpers.decision.walk import MOST_CASES, Direction, Out

YES = "yes, behind gates"
PILOT = "pilot with a person checking"
NO = "not with this model"
VOLUME = "no system pays at this volume"
CONTRADICT = "your requirements contradict each other"
NOT_YET = "not yet: nothing was measured"
STATES = (YES, PILOT, NO, VOLUME, CONTRADICT, NOT_YET)
# where no floor is stated and costs ask for less, nothing is shipped below one half
ASSUMED_FLOOR = 0.5
MOST = 0.5  # of the requests: where so many have no system, the requirements contradict each other


@dataclass(frozen=True)
class Gate:
    """Something that must be shown before a system answers alone; passed is None where nobody has
    measured it."""

    kind: str
    rule: Rule
    known: Span
    line: float

    @property
    def passed(self) -> bool | None:
        """Clearly above its line? What was measured and straddles it has not passed."""
        return None if self.known.value is None else above(self.known, self.line) is True

    @property
    def failed(self) -> bool:
        """Clearly below its line?"""
        return self.known.value is not None and above(self.known, self.line) is False


@dataclass(frozen=True)
class Readiness:
    """The state, and the two numbers that it rests on.

    right: today; n: cases of the part with fewest; models: whose answers were counted. by_cost: the
    share below which a person is cheaper; least_volume: the requests a day below which no system
    pays, however good. more: cases that would tell. asks: the floor must be stated first. give_up:
    the ways out where nothing is left, each the requirements that must go together.
    """

    state: str
    right: Span
    needed: float
    by_cost: float
    floor: float
    n: float
    models: tuple[str, ...]
    least_volume: float
    more: int | None
    gates: tuple[Gate, ...]
    asks: bool
    give_up: tuple[tuple[str, ...], ...]


def readiness(
    directions: Mapping[str, Direction],
    requirements: Requirements,
    evidence: Findings,
    gates: Mapping[str, Rule],
) -> Readiness:
    """Is what was chosen good enough? Never "yes" on fewer than 30 cases, below the needed share,
    past a gate that failed, or where nobody has said what is needed."""
    parts = {kind: one.option for kind, one in directions.items()}
    asked = {kind: one for kind, one in directions.items() if kind != TONE}
    known = right_overall(parts, requirements, evidence)
    n = min(
        (cases(one.option, kind, evidence) for kind, one in asked.items() if one.option != PEOPLE),
        default=0,
    )
    by_cost, least_volume = needed_by_cost(parts, requirements, evidence)
    floor = requirements.least_right
    asks = not floor and by_cost < ASSUMED_FLOOR
    needed = max(floor, by_cost, ASSUMED_FLOOR if asks else 0.0)
    found = tuple(_gates(directions, requirements, evidence, gates))
    ways = (way for one in asked.values() for way in to_give_up(one, requirements, evidence))
    give_up = tuple(dict.fromkeys(ways))
    state = _state(asked, known, needed, n, by_cost, asks, found)
    return Readiness(
        state,
        known,
        needed,
        by_cost,
        floor,
        n,
        _models(asked, evidence),
        least_volume,
        _more(state, known, needed, n),
        found,
        asks,
        give_up,
    )


def _state(
    asked: Mapping[str, Direction],
    known: Span,
    needed: float,
    n: float,
    by_cost: float,
    asks: bool,
    gates: tuple[Gate, ...],
) -> str:
    """The ladder, from what no measurement could change to what only a measurement can."""
    without = sum(one.weight for one in asked.values() if one.option is PEOPLE)
    if without >= MOST * sum(one.weight for one in asked.values()):
        return CONTRADICT
    if by_cost >= 1:
        return VOLUME
    enough = above(known, needed)
    if enough is False:  # even where a part was not measured: not even at best
        return NO
    if known.value is None:
        return NOT_YET
    failed = any(gate.passed is False for gate in gates)
    return YES if enough and n >= FEWEST and not asks and not failed else PILOT


def needed_by_cost(
    parts: Mapping[str, Option], requirements: Requirements, evidence: Findings
) -> tuple[float, float]:
    """(the share of right answers below which a person is cheaper; requests a day below which no
    system pays, however good). A share of 1 or more: not even a system that is always right.

    A system pays while  money + (1 - right) x cost of what is not right < cost of a person,
    where what is not right costs a wrong answer, or a person's answer where it was refused."""
    r, weights = requirements, served(parts, requirements)
    if not weights:
        return 0.0, 0.0
    each, year = whole_without_errors(parts, r, evidence)
    silent = sum(w * refused(parts[kind], kind, evidence) for kind, w in weights.items())
    not_right = sum(
        w * (1 - (right(parts[kind], kind, evidence).value or 0.0)) for kind, w in weights.items()
    )
    share = silent / not_right if not_right else 0.0
    error = share * r.cost_refusal + (1 - share) * r.cost_wrong
    # a year's costs are spread over the requests that these parts answer
    answered = sum(w for kind, w in r.weights().items() if kind in weights)
    saved = r.cost_refusal - each
    least = year / DAYS / answered / saved if saved > 0 else math.inf
    worth = saved - year / (DAYS * r.requests_per_day * answered)
    if worth <= 0:
        return 1.0, least
    return (max(0.0, 1 - worth / error) if error else 0.0), least


def to_give_up(
    direction: Direction, requirements: Requirements, evidence: Findings
) -> list[tuple[str, ...]]:
    """Where a kind has no option left: the ways out, each the requirements that must be given up
    together, those with the fewest. No way out: an option that a rule without a requirement bars,
    or that is too slow even for the longest wait that can be stated."""
    if direction.option is not PEOPLE:
        return []
    ways = []
    for out in direction.out:
        first = {rule.requirements[0] for rule in out.rules if rule.requirements}
        names = tuple(name for name in FIELDS if name in first)
        if all(rule.requirements for rule in out.rules) and _frees(
            names, out, direction.kind, requirements, evidence
        ):
            ways.append(names)
    fewest = min(map(len, ways), default=0)
    return list(dict.fromkeys(names for names in ways if len(names) == fewest))


def _frees(
    names: Sequence[str], out: Out, kind: str, requirements: Requirements, evidence: Findings
) -> bool:
    """Is the option left where these requirements stand at an end of their ranges?"""
    ends = [
        (True, False) if name in YES_NO else (FIELDS[name]["low"], FIELDS[name]["high"])
        for name in names
    ]
    freed = (requirements.but(**dict(zip(names, at, strict=True))) for at in product(*ends))
    return any(
        not any(rule.test(out.option, kind, one, evidence) for rule in out.rules) for one in freed
    )


def _gates(
    directions: Mapping[str, Direction],
    requirements: Requirements,
    evidence: Findings,
    rules: Mapping[str, Rule],
):
    for kind, one in directions.items():
        if one.option in (PEOPLE, QUERY):
            continue
        for rule in rules.values():
            if line := rule.test(one.option, kind, requirements, evidence):
                yield Gate(kind, rule, line.known, line.line)


def _models(asked: Mapping[str, Direction], evidence: Findings) -> tuple[str, ...]:
    found = [evidence.found.get(one.option.rests_on.get(kind, "")) for kind, one in asked.items()]
    return tuple(dict.fromkeys(one.model for one in found if one and one.model))


def _more(state: str, known: Span, needed: float, n: float) -> int | None:
    """How many cases would tell whether it is right often enough? None where no reasonable
    number would."""
    if state == NOT_YET:
        return UNSEEN_N
    if state != PILOT or above(known, needed):
        return FEWEST if state == PILOT and n < FEWEST else None
    many = n_to_tell(variance(known, n), known.value - needed)
    return many if many and many <= MOST_CASES else None
