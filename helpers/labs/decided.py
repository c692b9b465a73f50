"""What was decided, and how firmly, in words? Sentences of notebook 11, computed from decisions, so
that no text of the lesson can disagree with them.

    one_by_one(found, ("policy assistant",))   what to build, right today and needed
    in_all(found)                              how many are built with what, and how many are ready
    retrieval_first(found)                     parts of the sentence on trial, each with its verdict
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.decision.conclusion import Decision
from helpers.decision.findings import Findings
from helpers.decision.next_step import FIXES
from helpers.decision.options import LOOKUPS, RESPONSIBLE
from helpers.decision.readiness import PILOT, YES
from helpers.decision.requirements import FIELDS
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import Flip
from helpers.decision.sentences import listed
from helpers.evaluation.numbers import percent, percents
from helpers.labs.decision_board import BoardWhatIf
from helpers.labs.words import Held, out_of

Decisions = Mapping[str, Decision]


def one_by_one(found: Decisions, names: Sequence[str]) -> str:
    """What to build for each of these features, how often that is right today and how often it
    would have to be; then how many of them may answer alone."""
    said = []
    for name in names:
        one, ready = found[name], found[name].readiness
        today = "not measured"
        if (right := ready.right).value is not None:
            today = f"{percent(right.value)} ({percents(right.low, right.high)})"
        said.append(
            f"{name.capitalize()}: *{one.answer}*, right today {today},"
            f" needed {percent(ready.needed)}."
        )
    alone = sum(found[name].readiness.state == YES for name in names)
    return f"{' '.join(said)} Good enough to answer alone: {alone} of {len(names)}."


def in_all(found: Decisions) -> str:
    """How many features look something up by a search, how many get something tuned; how many are
    ready."""
    asked = [one.parts[LOOKUPS] for one in found.values() if LOOKUPS in one.parts]
    searches = sum(part.searches for part in asked)
    trained = sum(any(part.trained for part in one.parts.values()) for one in found.values())
    states = [one.readiness.state for one in found.values()]
    return (
        f"{len(asked)} of {len(found)} features look something up, {searches} of them by a search;"
        f" {trained} of {len(found)} gets a tuned model. Good enough to answer alone:"
        f" {states.count(YES)}; good enough for a pilot with a person checking:"
        f" {states.count(PILOT)}."
    )


def six(found: Decisions) -> pd.io.formats.style.Styler:
    """One line a scenario: what to build, is it ready, what first, and what its owners discuss."""
    rows = {
        name: {
            "what to build": one.answer,
            "ready?": one.readiness.state,
            "first": one.next.fix,
            "discuss": SCENARIOS[name].discuss,
        }
        for name, one in found.items()
    }
    with pd.option_context("display.max_colwidth", 500):
        left = {"text-align": "left", "vertical-align": "top"}
        heads = {"selector": "th", "props": "text-align: left; vertical-align: top"}
        table = pd.DataFrame.from_dict(rows, orient="index")
        return table.style.set_uuid("six").set_properties(**left).set_table_styles([heads])


def how_firm(case: BoardWhatIf) -> str:
    """In how many draws the direction is the same, and which inputs could change it."""
    agreed = case.agreement
    return (
        f"{round(agreed.share * agreed.n)} of {agreed.n} draws"
        f" ({percents(agreed.low, agreed.high)}) keep *{case.decision.answer}*."
        f" {would_change(case)}"
    )


def would_change(case: BoardWhatIf) -> str:
    """Which inputs, each moved alone, change the direction; and how many the readiness."""
    direction, readiness = _labels(case.flips.direction), _labels(case.flips.readiness)
    which = f", each alone: {listed(direction)}" if direction else ""
    return (
        f"Inputs that could change what to build: {len(direction)}{which}. Inputs that could change"
        f" whether it is ready: {len(readiness)}."
    )


def _labels(flips: Sequence[Flip]) -> list[str]:
    return list(dict.fromkeys(FIELDS[one.name]["label"] for one in flips))


def how_calibrated(guesses: pd.DataFrame, chosen: pd.DataFrame) -> str:
    """How far the learner's guesses were off, and how many choices were right; of
    `journal.calibration` and `journal.choices`."""
    if not len(guesses) and not len(chosen):
        return (
            "0 guesses of yours have met their result so far: they are made in the notebooks"
            " before, and under the first table of this one."
        )
    said = []
    if len(guesses):
        error = guesses["error"].mean()
        lean = "too optimistic" if error > 0 else "too pessimistic" if error < 0 else "neither way"
        said.append(
            f"{len(guesses)} guesses of a share: mean error {100 * error:+.0f} points ({lean}),"
            f" mean distance {100 * guesses['error'].abs().mean():.0f} points;"
            f" {guesses['inside'].sum()} inside the interval."
        )
    if len(chosen):
        said.append(
            f"Causes, levers and options: {chosen['right'].sum()} of {len(chosen)} named rightly."
        )
    return " ".join(said)


def right_of(evidence: Findings, *names: str) -> str:
    """How often these are right, as counts with their intervals."""
    said = []
    for name in names:
        one = evidence[name]
        right = out_of({**vars(one), "share": one.value}) if one else "not measured"
        said.append(f"{name} {right}")
    return ", ".join(said)


def retrieval_first(found: Decisions) -> dict[str, tuple[Held, str]]:
    """The parts of "Fix retrieval and context first, then consider fine-tuning where behaviour
    still needs improvement", as `what_we_found` takes them.

    The first holds where look-ups ask for the search or the context before the reader; the second
    where something is tuned, and never to bring facts: a reader behind a search is tuned to read.
    """
    asked = [one for one in found.values() if LOOKUPS in one.parts]
    first = sum(_fixes(one, "the search", "the context") for one in asked)
    reader = sum(_fixes(one, "reading") for one in asked)
    tuned = [
        (name, kind, part)
        for name, one in found.items()
        for kind, part in one.parts.items()
        if part.trained
    ]
    kinds = list(dict.fromkeys(RESPONSIBLE[kind] for _, kind, _ in tuned))
    features = len({name for name, _, _ in tuned})
    facts = any(kind == LOOKUPS and not part.searches for _, kind, part in tuned)
    return {
        "fix retrieval and context first": (
            None if first == reader else first > reader,
            f"of {len(asked)} features that look something up {first} are told to fix the search or"
            f" the context first, and {reader} the reader",
        ),
        "fine-tuning where behaviour still needs it": (
            not facts if tuned else None,
            f"something is tuned in {features} of {len(found)} features, for {listed(kinds)};"
            " elsewhere no measured gain clearly pays"
            if tuned
            else f"nothing is tuned (features: {len(found)}): no measured gain clearly pays",
        ),
    }


def _fixes(one: Decision, *parts: str) -> bool:
    return any(one.next.fix.startswith(f"First fix {FIXES[part]}") for part in parts)
