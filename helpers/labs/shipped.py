"""What came of a release, in words? Sentences of notebook 10, computed from what refused it, gated
it and took it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.decision.sentences import listed
from helpers.labs.words import Held
from helpers.release.canary import CanaryWhatIf
from helpers.release.gate import GateVerdict


def stopped(canaries: Sequence[CanaryWhatIf]) -> str:
    """Which canaries were stopped, and at which ticket."""
    found = [
        f"{one.candidate} at ticket {one.report.stopped_at}"
        for one in canaries
        if not one.report.passed
    ]
    return ", ".join(found) or "none"


def names(verdicts: Mapping[str, GateVerdict], passed: bool) -> str:
    """Which offers passed the gate, or were stopped by it."""
    return listed([name for name, one in verdicts.items() if one.passed is passed]) or "none"


def like_a_release(
    refusals: Sequence[str],
    better: GateVerdict,
    never_refuses: GateVerdict,
    spoiled: Mapping[str, GateVerdict],
    back: object,
    same_bytes: bool,
) -> dict[str, tuple[Held, str]]:
    """The parts of "Treat it like a product release, with evaluation gates and rollback paths": did
    each hold, and why?

    refusals: what loading said of releases that were not as approved; better, never_refuses: what
    the gate said of a candidate that is better, and of one that answers what it should refuse;
    spoiled: what it said of offers that were made worse, or know the exam, on purpose.
    """
    through = [
        f"{name} ({100 * one.difference:+.0f} points)"
        for name, one in spoiled.items()
        if one.passed
    ]
    refused = sum(said.startswith("refused") for said in refusals)
    word = {True: "passes", False: "is stopped"}
    return {
        "a product release": (
            refused == len(refusals),
            f"{refused} of {len(refusals)} releases that were not as approved are refused by the"
            " name of their part",
        ),
        "evaluation gates, for what they count": (
            better.passed and not never_refuses.passed,
            f"the candidate with more labels {word[better.passed]}"
            f" ({100 * better.difference:+.0f} points), the one that forgot to refuse"
            f" {word[never_refuses.passed]}",
        ),
        "evaluation gates, for every bad offer": (not through, _let_through(through, spoiled)),
        "rollback paths": (
            same_bytes,
            f"{back}, and the answers are {'' if same_bytes else 'not '}the same bytes as before",
        ),
    }


def _let_through(through: Sequence[str], spoiled: Mapping[str, GateVerdict]) -> str:
    """How many of the spoiled offers passed, and what a gate cannot see."""
    said = f"{len(through)} of {len(spoiled)} offers that were spoiled on purpose pass"
    if not through:
        return said
    margin = max(one.plan.margin for one in spoiled.values())
    return (
        f"{said}: {listed(through)}. A loss below the margin of {100 * margin:.0f} points can get"
        " through, and no score shows who has seen the exam"
    )
