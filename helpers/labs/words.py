"""What came out here, in words? Sentences computed from the results, so that no text of a lesson
can disagree with its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from helpers.evaluation.learning_curve import SHOWS, Gain
from helpers.evaluation.numbers import percents

# What a part of the sentence on trial came to: it held, it did not, or the interval leaves it open.
Held = bool | None
PARTS = {True: "Held", False: "Contradicted here", None: "Could not be told"}


@dataclass(frozen=True)
class Words:
    """Markdown, in a notebook drawn as such and in a terminal read as it is."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


def what_happened(text: str) -> Words:
    """The paragraph under a result."""
    return Words(f"**What happened.** {' '.join(text.split())}")


def what_we_found(answer: str, on_trial: Mapping[str, tuple[Held, str]]) -> Words:
    """The answer to a notebook's title, and the verdict on the sentence it puts on trial.

    on_trial: part of the sentence -> (did it hold?, because). None is for a part that the results
    leave open. Raises ValueError without parts.
    """
    if not on_trial:
        raise ValueError("a verdict needs at least one part of the sentence on trial")
    # a comparison of numpy's gives its own True, which is not Python's
    on_trial = {
        part: (None if held is None else bool(held), why) for part, (held, why) in on_trial.items()
    }
    said = [
        f"{words}: "
        + "; ".join(
            f"*{part}*, because {why}" for part, (held, why) in on_trial.items() if held is x
        )
        for x, words in PARTS.items()
        if any(held is x for held, _ in on_trial.values())
    ]
    overall = verdict([held for held, _ in on_trial.values()])
    return Words(f"{' '.join(answer.split())}\n\n**On trial: {overall}.** {'. '.join(said)}.")


def verdict(parts: list[Held]) -> str:
    """One word for the whole sentence, from what its parts came to."""
    if all(part is True for part in parts):
        return "held"
    if any(part is True for part in parts):
        return "held in part"
    return "contradicted here" if any(part is False for part in parts) else "could not be told"


def held(verdict: str) -> Held:
    """Did a part of the sentence hold, by the verdict of a comparison?"""
    return {"better": True, "worse": False}.get(verdict)


def yes_or_no(verdict: str) -> str:
    """The answer to a question whether something helps, by the verdict of a comparison."""
    return {"better": "Yes", "worse": "No"}.get(verdict, "That could not be told")


def gain_in_words(gain: Gain) -> str:
    """What more labels would likely gain, with its interval; whether that may be none at all; and
    how many cases it would take to see it."""
    what = f"{gain.more} more labels after {gain.at}"
    if math.isnan(gain.gain):
        return f"What {what} would gain cannot be told: {gain.why}."
    low, high = (f"{100 * one:+.1f}" for one in (gain.low, gain.high))
    said = f"{what} would gain {100 * gain.gain:+.1f} points ({low} to {high}), {gain.why}."
    if not gain.detectable:
        said += f" The interval begins below {100 * SHOWS:.1f} points, so there may be no gain."
    if gain.n_to_see:
        said += (
            f" To see a gain of that size, about {gain.n_to_see:,} dev tickets would have to judge"
            " it."
        )
    return said


def out_of(result: Mapping[str, float]) -> str:
    """A share as counts with its interval, as "6 of 7 (49 to 97 %)"; result: share, low, high and
    n, as `evaluation.share` gives them."""
    n = int(result["n"])
    return f"{round(result['share'] * n)} of {n} ({percents(result['low'], result['high'])})"
