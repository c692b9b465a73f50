"""What came of a release, in words? Sentences of notebook 10, computed from what refused it, gated
it and took it back."""

from __future__ import annotations

from collections.abc import Sequence

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


def like_a_release(
    refusals: Sequence[str],
    better: GateVerdict,
    never_refuses: GateVerdict,
    back: object,
    same_bytes: bool,
) -> dict[str, tuple[Held, str]]:
    """The parts of "Treat it like a product release, with evaluation gates and rollback paths": did
    each hold, and why?

    refusals: what loading said of releases that were not as approved; better, never_refuses: what
    the gate said of a candidate that is better, and of one that answers what it should refuse.
    """
    refused = sum(said.startswith("refused") for said in refusals)
    word = {True: "passes", False: "is stopped"}
    return {
        "a product release": (
            refused == len(refusals),
            f"{refused} of {len(refusals)} releases that were not as approved are refused by the"
            " name of their part",
        ),
        "evaluation gates": (
            better.passed and not never_refuses.passed,
            f"the candidate with more labels {word[better.passed]}"
            f" ({100 * better.difference:+.0f} points), the one that forgot to refuse"
            f" {word[never_refuses.passed]}",
        ),
        "rollback paths": (
            same_bytes,
            f"{back}, and the answers are {'' if same_bytes else 'not '}the same bytes as before",
        ),
    }
