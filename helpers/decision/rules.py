"""Which options are out, and why? Each rule is one small function with its reason; read them,
change them, add yours.

    @hard("citations")                                # this option is out when the function says
                                                      True
    def must_point_to_its_source(option, requirements, evidence):
        "Weights cannot say where an answer comes from."
        return requirements.citations and not option.shows_text

    # the option is out when the span lies below the line; where it straddles the line, it is open
    @measured("rightly refused")
    def knows_when_to_be_silent(option, requirements, evidence):
        "Half of what should be refused is refused."
        return Line(span(evidence["rightly refused"]), 0.5) if option.searches else None

The docstring is the reason that a decision shows. The names given to the decorator are the
requirements and findings it rests on. A rule of the same name replaces the one before, so a cell
can be run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from helpers.decision.costs import known, right, serving
from helpers.decision.findings import NAMES, UNKNOWN, Findings, Span, gain
from helpers.decision.options import LONG, PROMPT, ROUTER, Option
from helpers.decision.requirements import Requirements

RELEASES_A_YEAR = 12  # the most releases of weights that a careful team brings out: one a month
JUST_ABOVE = 1e-9
FEWEST_TIMED = 5  # asks: one of fewer that stalled would move their median


@dataclass(frozen=True)
class Threshold:
    """What is known of a number, and the line that it must lie above."""

    known: Span
    line: float


@dataclass(frozen=True)
class Rule:
    """A rule with its reason and the names (of requirements and findings) that it rests on."""

    name: str
    reason: str
    rests_on: tuple[str, ...]
    test: Callable[[Option, Requirements, Findings], bool | Threshold | None]

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(name for name in self.rests_on if name in NAMES)


HARD: dict[str, Rule] = {}  # the answer follows from what is required
MEASURED: dict[str, Rule] = {}  # the answer follows from what was measured, or is still open


def _keep(rules: dict[str, Rule], rests_on: tuple[str, ...]):
    def keep(test):
        if not (test.__doc__ or "").strip():
            raise ValueError(
                f"the rule {test.__name__} has no reason; write it as the function's docstring"
            )
        rules[test.__name__] = Rule(test.__name__, " ".join(test.__doc__.split()), rests_on, test)
        return test

    return keep


def hard(*rests_on: str):
    """Register a rule that rules an option out where its function says True."""
    return _keep(HARD, rests_on)


def measured(*rests_on: str):
    """Register a rule on a measured number: its function gives a Line, or None where the rule does
    not concern the option."""
    return _keep(MEASURED, rests_on)


# --- out by a hard requirement --------------------------------------------------------------------


@hard()
def comes_later(option, requirements, evidence):
    """Its evidence comes in a later release of this workbook; nothing is recommended on evidence
    that is not there."""
    return option is ROUTER


@hard("lookup_share")
def nothing_to_look_up(option, requirements, evidence):
    """No request needs a document, so there is nothing to search or to show."""
    return requirements.lookup_share == 0 and (option.searches or option is LONG)


@hard("changes_per_year", "facts adapter, after a change", "RAG, after a change")
def fresher_than_weights(option, requirements, evidence):
    """What is true changes more often than weights can be released with care; an index follows in
    seconds."""
    return (
        option.facts_in_weights
        and requirements.lookup_share > 0
        and requirements.changes_per_year > RELEASES_A_YEAR
    )


@hard("lookup_share")
def facts_were_not_measured(option, requirements, evidence):
    """What your facts would be worth in weights was not measured; what other people's were worth
    says nothing about yours."""
    found = evidence.found.get(option.lookups)
    return option.facts_in_weights and requirements.lookup_share > 0 and found is None


@hard("citations", "lookup_share")
def must_cite(option, requirements, evidence):
    """What is looked up in weights cannot say where it comes from; what is in the prompt can be
    pointed to (a request can always be)."""
    return requirements.citations and requirements.lookup_share > 0 and not option.shows_text


@hard("access", "leak, rule in the prompt", "leak, rights in the search")
def who_asks_matters(option, requirements, evidence):
    """Weights answer everybody alike, so a secret in a training row is everybody's; rights can only
    be a condition of the search."""
    return requirements.access and option.facts_in_weights


@hard("data_in_weights")
def not_in_weights(option, requirements, evidence):
    """Your texts may not be in weights, where no single row can be taken out again. (A reader
    learns reading from texts of another world.)"""
    if requirements.data_in_weights:
        return False
    return option.facts_in_weights or (option.trained and requirements.lookup_share < 1)


@hard("can_train")
def nobody_trains(option, requirements, evidence):
    """Weights that cannot be trained, versioned and rolled back must not answer."""
    return not requirements.can_train and option.trained


@hard("can_search")
def nobody_keeps_an_index(option, requirements, evidence):
    """An index without an owner answers from last year, and to the wrong people."""
    return not requirements.can_search and option.searches


@hard("corpus_tokens", "window_tokens")
def must_fit_the_window(option, requirements, evidence):
    """All the text that may hold an answer does not fit into one prompt."""
    return option is LONG and requirements.corpus_tokens > requirements.window_tokens


@hard("latency_seconds")
def must_be_quick(option, requirements, evidence):
    """An answer takes longer than it may, as timed on the machine that measured (see the bill:
    seconds)."""
    used = serving(option, requirements, evidence)
    return used.asks >= FEWEST_TIMED and used.seconds > requirements.latency_seconds


# --- out by a measured number, or still open ------------------------------------------------------


@measured("least_right")
def right_enough(option, requirements, evidence):
    """Below this share of right answers it is of no use."""
    return (
        Threshold(right(option, requirements, evidence), requirements.least_right)
        if requirements.least_right
        else None
    )


@measured("lookup_share", "RAG", "reader + RAG", "closed book")
def documents_help(option, requirements, evidence):
    """A search that does not make answers better than memory alone is broken: fix it before
    building on it."""
    if not option.searches or not requirements.lookup_share or option is ROUTER:
        return None
    return Threshold(
        gain(known(PROMPT.lookups, evidence), known(option.lookups, evidence)), JUST_ABOVE
    )


@measured(
    "lookup_share", "lost to the search", "lost to both", "lost to reading", "lost to distraction"
)
def mend_the_search_first(option, requirements, evidence):
    """While more answers are lost without the evidence than with it, fix the search first: no
    reader wins back what was not found."""
    if not (option.trained and option.searches and requirements.lookup_share) or option is ROUTER:
        return None
    search, both, reading, distraction = (
        evidence["lost to the search"],
        evidence["lost to both"],
        evidence["lost to reading"],
        evidence["lost to distraction"],
    )
    if search is None or reading is None:
        return Threshold(Span(None, UNKNOWN.low - 1, UNKNOWN.high), 0.0)
    by_reader = reading.value + (distraction.value if distraction else 0.0)
    # A fix of the search alone wins what was lost to it alone. Where the reader fails, too, both
    # must be fixed, and the search before the reader: a tuned reader would still be shown nothing
    by_search = search.value + (both.value if both else 0.0)
    # Two shares of the same n questions, which exclude each other: the variance of their difference
    # (Agresti, Categorical Data Analysis, 11.1)
    spread = 1.96 * math.sqrt(
        max(0.0, by_reader + by_search - (by_reader - by_search) ** 2) / search.n
    )
    difference = by_reader - by_search
    if both is None:
        # nobody told both from reading: the search may lose more than is known, never less
        return Threshold(Span(None, UNKNOWN.low - 1, difference + spread), 0.0)
    return Threshold(Span(difference, difference - spread, difference + spread), 0.0)
