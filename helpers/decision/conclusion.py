"""What should be built, is it good enough, and what comes next? A decision that follows from stated
requirements and measured findings, and says what it rests on.

    decision = decide(requirements, evidence)
    decision.direction    kind of request -> option, how firm, what is open
    decision.readiness    state, right today, right needed
    decision.next         what to fix, and the one pair worth settling
    decision.flips        what would change the direction, and what the readiness

Three questions, each answered by itself: the architecture follows from requirements and clear
measurements (`walk`); whether this model is good enough follows from what errors cost
(`readiness`); what is still open costs so much to settle, and can win so much (`next_step`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from helpers.decision import sentences
from helpers.decision.costs import needs_router, right, served
from helpers.decision.findings import Findings, Span, above, both, gain, product, span
from helpers.decision.next_step import Step, next_step
from helpers.decision.options import JUDGEMENTS, PROMPT, Option
from helpers.decision.readiness import Readiness, readiness
from helpers.decision.requirements import Requirements
from helpers.decision.rules import GATES, HARD, Rule
from helpers.decision.sentences import Reason
from helpers.decision.walk import Direction, Duel, walk

if TYPE_CHECKING:
    from helpers.decision.sensitivity import Flips


@dataclass(frozen=True)
class Decision:
    """Direction, readiness and next step, and all that they rest on. evidence: of one model; what
    came from others is named in `left_out`."""

    requirements: Requirements
    evidence: Findings
    direction: Mapping[str, Direction]
    readiness: Readiness
    left_out: tuple[str, ...]
    rules: Mapping[str, Rule]
    gates: Mapping[str, Rule]

    @property
    def parts(self) -> dict[str, Option]:
        """Kind of request -> what answers it."""
        return {kind: one.option for kind, one in self.direction.items()}

    @cached_property
    def answer(self) -> str:
        """The direction in a few words: one option, or each part with what it is for."""
        return sentences.direction_in_short(self.direction)

    @property
    def is_hybrid(self) -> bool:
        """Do the kinds get different parts?"""
        return len(sentences.responsible(self.direction)) > 1

    @property
    def open(self) -> tuple[Duel, ...]:
        """The pairs that nothing settles yet."""
        return tuple(duel for one in self.direction.values() for duel in one.open)

    @cached_property
    def next(self) -> Step:
        """What to do next."""
        return next_step(self.direction, self.readiness, self.requirements, self.evidence)

    @cached_property
    def flips(self) -> Flips:
        """What would change the direction, and what the readiness?"""
        from helpers.decision.sensitivity import flips  # it decides again and again

        return flips(self.requirements, self.evidence, self.rules, self.gates)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, sentence by sentence, each with the findings and requirements it points at."""
        return tuple(sentences.reasons(self))

    @property
    def paragraphs(self) -> tuple[str, str, str]:
        """Direction, readiness and next step, each to be read aloud."""
        return sentences.paragraphs(self)

    def __str__(self) -> str:
        lines = [f"  {i}. {reason}" for i, reason in enumerate(self.reasons, start=1)]
        return "\n".join([*self.paragraphs, *lines])

    __repr__ = __str__

    def table(self) -> pd.DataFrame:
        """One line a pair that was weighed."""
        verdict = {True: "pays", False: "does not pay", None: "cannot tell"}
        columns = ["kind", "first", "second", "gain", "low", "high", "needed", "n", "the second"]
        rows = [
            [d.kind, d.first, d.second, *vars(d.gain).values(), d.needed, d.n, verdict[d.pays]]
            for one in self.direction.values()
            for d in one.duels
        ]
        return pd.DataFrame(rows, columns=columns).astype({"first": str, "second": str})


def decide(
    requirements: Requirements,
    evidence: Findings,
    hard: Mapping[str, Rule] = HARD,
    gates: Mapping[str, Rule] = GATES,
) -> Decision:
    """What to build for each kind of request, is it good enough, and what comes next?"""
    known = evidence.comparable
    directions = {kind: walk(kind, requirements, known, hard) for kind in requirements.weights()}
    directions = one_system_if_better(directions, requirements, known)
    ready = readiness(directions, requirements, known, gates)
    left_out = tuple(evidence.left_out)
    return Decision(requirements, known, directions, ready, left_out, hard, gates)


def one_system_if_better(
    directions: dict[str, Direction], requirements: Requirements, evidence: Findings
) -> dict[str, Direction]:
    """Parts of a hybrid need a router, or doors of their own. Where a router was measured and
    clearly loses more than a part of its own wins, the judgements stay with the prompt."""
    router, here = evidence.found.get("router"), directions.get(JUDGEMENTS)
    parts = {kind: one.option for kind, one in directions.items()}
    simpler = {**parts, JUDGEMENTS: PROMPT}
    if router is None or here is None or here.option is PROMPT:
        return directions
    prompt = next((d for d in here.duels if d.first is PROMPT), None)
    if prompt is None or needs_router(simpler, requirements):
        return directions
    weights = served(parts, requirements)
    misrouted = Span(1 - router.value, 1 - router.high, 1 - router.low)
    routed = product(right(here.option, JUDGEMENTS, evidence), span(router))
    wins = gain(right(PROMPT, JUDGEMENTS, evidence), routed).times(weights[JUDGEMENTS])
    for kind, weight in weights.items():
        if kind != JUDGEMENTS:
            lost = product(right(parts[kind], kind, evidence), misrouted)
            wins = both(wins, Span(lost.value and -lost.value, -lost.high, -lost.low).times(weight))
    if above(wins, prompt.needed * weights[JUDGEMENTS]) is not False:
        return directions
    left = replace(here, option=PROMPT, duels=(prompt,), routed_away=here.option)
    return {**directions, JUDGEMENTS: left}
