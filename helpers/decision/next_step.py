"""What to do next? First fix what loses most, then settle the one open pair that is worth it.

The order is that of the course: search, then context, then prompt and schema, then weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from helpers.decision.costs import (
    DAYS,
    cost_of_error,
    labels_to_buy,
    releases,
    right,
    served,
    serving,
)
from helpers.decision.findings import COUNTS, FEWEST, UNSEEN_N, Findings, above
from helpers.decision.options import (
    ACTIONS,
    CLASSIFIER,
    JUDGEMENTS,
    LONG,
    ORDER,
    PROMPT,
    RESPONSIBLE,
    RETRIEVED,
    SEARCH,
    TONE,
    TUNE,
)
from helpers.decision.readiness import CONTRADICT, NO, VOLUME, YES, Readiness
from helpers.decision.requirements import Requirements, shown
from helpers.decision.walk import Direction, Duel
from helpers.evaluation.numbers import percent

FIXES = {  # what loses -> what to fix, in the order in which ties are broken
    "the search": "the search: chunks, retriever, number of passages",
    "the context": "the context: fewer or better ordered passages",
    "reading": "the prompt and its schema; a tuned reader only after that",
}
# of the labelled examples: where more contradict each other, every arm is judged by a quarrel
QUARREL = 0.05
IN_TEN = ("one", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Step:
    """First `fix`, then `measure`: the one pair worth settling on `n_both` cases of both, for so
    many EUR of labels and minutes of answering, and what it can win a year (at best where it was
    not measured). equal: pairs that no reasonable number of cases tells apart; too_few: pairs of
    which too few cases were asked to say so. governance: one line for what is trained."""

    fix: str
    measure: Duel | None
    n_both: int | None
    label_eur: float
    minutes: float
    wins_a_year: float
    equal: tuple[Duel, ...]
    too_few: tuple[Duel, ...]
    governance: str


def next_step(
    directions: Mapping[str, Direction],
    ready: Readiness,
    requirements: Requirements,
    evidence: Findings,
) -> Step:
    """The fix, and the pair. No pair is asked for that costs more to settle than it can win."""
    duels = [duel for one in directions.values() for duel in one.open]
    equal = tuple(duel for duel in duels if duel.equal)
    worth = [
        (duel, *priced)
        for duel in duels
        if not duel.tied and (priced := price(duel, requirements, evidence))[1] < priced[3]
    ]
    # a pair that was counted before one that nobody has looked at; then in the order of the walk
    worth.sort(key=lambda one: (one[0].gain.value is None, ORDER[one[0].second]))
    first = worth[0] if worth and ready.state not in (CONTRADICT, VOLUME) else None
    duel, n, eur, minutes, wins = first or (None, None, 0.0, 0.0, 0.0)
    fix = what_to_fix(directions, ready, requirements, evidence)
    line = governance(directions, requirements, evidence)
    # the pair to settle is named with the cases that it takes
    too_few = tuple(one for one in duels if one.few and one is not duel)
    return Step(fix, duel, n, eur, minutes, wins, equal, too_few, line)


def price(
    duel: Duel, requirements: Requirements, evidence: Findings
) -> tuple[int, float, float, float]:
    """(cases of both, EUR of labels, minutes of answering, EUR a year that it can win)."""
    r, n = requirements, duel.n_both or UNSEEN_N
    seconds = sum(serving(one, duel.kind, r, evidence).seconds for one in (duel.first, duel.second))
    ahead = duel.gain.high if duel.gain.value is None else duel.gain.value
    a_year = DAYS * r.requests_per_day * r.weights()[duel.kind]
    wins = abs(ahead - duel.needed) * cost_of_error(duel.kind, r) * a_year
    return n, n * r.cost_per_label, n * seconds / 60, wins


def what_to_fix(
    directions: Mapping[str, Direction],
    ready: Readiness,
    requirements: Requirements,
    evidence: Findings,
) -> str:
    """One sentence: what to do before anything else is measured."""
    if ready.state == CONTRADICT:
        return "Give up requirements that leave nothing; until then a person answers."
    if ready.state == VOLUME:
        if ready.least_volume == math.inf:
            return "Build nothing; a person answers."
        least = shown("requests_per_day", max(1, math.ceil(ready.least_volume)))
        return f"Build nothing below {least}; a person answers."
    if JUDGEMENTS in directions and (quarrel := _labels_to_settle(evidence)):
        return quarrel
    unseen = [one for one in directions.values() if not one.measured and one.kind != TONE]
    if unseen:
        names = " and ".join(f"{one.option} on {RESPONSIBLE[one.kind]}" for one in unseen)
        return f"Try {names} on about {UNSEEN_N} cases; nobody has measured it."
    if ready.state == YES:
        return "Ship it behind its gates, and count right, wrong and refused answers every week."
    clear_but_few = any(
        above(duel.gain, duel.needed) and 0 < duel.n < FEWEST
        for one in directions.values()
        for duel in one.open
    )
    if ready.n < FEWEST and (ready.state != NO or clear_but_few):
        return f"Ask {FEWEST} cases or more first; on {ready.n:,.0f} nothing can be told."
    if ready.asks and above(ready.right, ready.needed):
        return "Say what share of right answers is enough; then it can be told whether it is ready."
    gates = sorted((g for g in ready.gates if g.passed is False), key=lambda g: not g.failed)
    if gates and above(ready.right, ready.needed):
        what = "Fix what failed its gate" if gates[0].failed else "Show what its gate asks"
        return f"{what}: {gates[0].rule.reason[0].lower()}{gates[0].rule.reason[1:]}"
    weights = served({kind: one.option for kind, one in directions.items()}, requirements)

    def lost(kind: str) -> float:
        known = right(directions[kind].option, kind, evidence)
        return weights[kind] * (1 - (known.high if known.value is None else known.value))

    losing = max(weights, key=lost)
    return f"First fix {_weakest(directions[losing], evidence)}."


def _labels_to_settle(evidence: Findings) -> str:
    """That labels contradict each other, where enough of them do; else nothing."""
    found = evidence.found.get("contradicting labels")
    if found is None or found.value < QUARREL:
        return ""
    many = IN_TEN[round(10 * found.value)].capitalize()
    return (
        f"{many} in ten labels contradict each other ({percent(found.value)}: the same input with"
        " several labels): settle them first, then measure again."
    )


def _weakest(one: Direction, evidence: Findings) -> str:
    """What loses most of this kind, as far as anybody counted."""
    if one.kind == JUDGEMENTS:
        return _weakest_of_judgements(one, evidence)
    if one.kind == ACTIONS:
        return "the query and how its parameters are read from the request"
    if one.option is SEARCH:
        return FIXES["the search"]
    if one.option is PROMPT:
        return "what the model cannot know: show it the text, by a search or a long prompt"
    lost = losses(evidence)
    if one.option is LONG or not one.option.searches:
        lost.pop("the search", None)
    if not lost:
        return (
            "what loses most, which nobody has counted: was the evidence found, and is the answer"
            " right when the right sentence is shown?"
        )
    worst = max(lost, key=lambda name: lost[name])  # of equals the first in the order
    return f"{FIXES[worst]} ({lost_in_words(lost, evidence)})"


def _weakest_of_judgements(one: Direction, evidence: Findings) -> str:
    if one.option in (RETRIEVED, CLASSIFIER):
        return "the labels: more of them, checked by a second person, under clear rules"
    if evidence.found.get("classifier") is None and one.option is TUNE:
        return (
            "the comparison: a nearest neighbour or a classifier, which needs no language model, on"
            " the same cases; then take a stronger base model"
        )
    if one.option is TUNE:
        return "the labels and the base model: a stronger one, with the same rows"
    return "the prompt, its examples and the schema; weights only after that"


def losses(evidence: Findings) -> dict[str, float]:
    """What loses how many look-ups? What search and reader lose together begins with the search.
    Where nobody counted case by case: what a search misses, and what is wrong with the right
    sentence shown."""
    found = evidence.found
    if "lost to the search" in found and "lost to reading" in found:
        value = {name: found[name].value for name in found if name.startswith("lost to ")}
        return {
            "the search": value["lost to the search"] + value.get("lost to both", 0.0),
            "the context": value.get("lost to distraction", 0.0),
            "reading": value["lost to reading"],
        }
    there = {"the search": found.get("recall"), "reading": found.get("oracle")}
    return {name: 1 - one.value for name, one in there.items() if one}


def lost_in_words(lost: Mapping[str, float], evidence: Findings) -> str:
    """What loses how many look-ups (see `losses`), and how much of the search's share the reader
    would lose as well: fixing the search alone does not win that back."""
    (first, value), *others = lost.items()
    said = f"{percent(value)} of the look-ups are lost to {first}"
    alone, both = (evidence.found.get(f"lost to {name}") for name in ("the search", "both"))
    if first == "the search" and alone and both and both.value:
        said += (
            f": {percent(alone.value)} to it alone, and {percent(both.value)} to search and reader"
            " together"
        )
    rest = [f"{percent(value)} to {name}" for name, value in others]
    return "; ".join([said, *([", ".join(rest)] if rest else [])])


def governance(
    directions: Mapping[str, Direction], requirements: Requirements, evidence: Findings
) -> str:
    """One line for the parts that are trained; empty where none is."""
    trained = [one for one in directions.values() if one.option.trained]
    if not trained:
        return ""
    r = requirements
    buy = sum(labels_to_buy(one.option, one.kind, r, evidence) for one in trained)
    many = sum(releases(one.option, one.kind, r) for one in trained)
    labels = (
        f"{buy:,.0f} more labelled examples to buy ({buy * r.cost_per_label:,.0f} EUR)"
        if buy
        else "the labelled examples are there"
    )
    return (
        f"What is trained asks for more: {labels}; about {many:.3g} releases a year, at each new"
        " base model and each change of the rules; a data card, a gate before each release, and"
        f" a way back.{burden(evidence)}"
    )


def burden(evidence: Findings) -> str:
    """What one release takes, as far as it was counted; empty where nobody counted."""
    there = {name: evidence.found[name].value for name in COUNTS if name in evidence.found}
    said = {
        "parts of a release": "{:.0f} parts to version",
        "minutes of a release": "{:.0f} minutes of training",
        "signatures": "{:.0f} people who sign",
        "way back": "{:.2g} seconds to go back",
    }
    counted = [said[name].format(value) for name, value in there.items()]
    counted = [one.replace("1 people who sign", "1 person who signs") for one in counted]
    return f" One release, as counted: {', '.join(counted)}." if counted else ""
