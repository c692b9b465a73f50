"""Which options are out, and what must be shown before a system may answer alone? Each rule is one
small function with its reason; read them, change them, add yours.

    @hard("citations")                  # the option is out for this kind when the function says so
    def must_point_to_its_source(option, kind, requirements, evidence):
        "Weights cannot say where an answer comes from."
        return requirements.citations and kind == "look-ups" and not option.shows_text

    @gate("rightly refused")            # a system may answer alone where the span lies above the
                                        # line; where it does not, a person checks
    def knows_when_to_be_silent(option, kind, requirements, evidence):
        "Half of what should be refused is refused."
        return Threshold(span(evidence["rightly refused"]), 0.5) if option.searches else None

The docstring is the reason that a decision shows. The names given to the decorator are the
requirements and findings it rests on. A rule of the same name replaces the one before, so a cell
can be run again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from helpers.decision.costs import right, serving
from helpers.decision.findings import NAMES, Findings, Span, gain, span
from helpers.decision.options import (
    ACTIONS,
    CLASSIFIER,
    JUDGEMENTS,
    LONG,
    LOOKUPS,
    PROMPT,
    RAG,
    SEARCH,
    TONE,
    Option,
)
from helpers.decision.requirements import FIELDS, Requirements

RELEASES_A_YEAR = 12  # the most releases of weights that a careful team brings out: one a month
FEWEST_TIMED = 5  # asks: one of fewer that stalled would move their median
SECONDS_BACK = 60  # to the last release: what a person on call can wait for
KEPT_SECRET = 0.88  # of tries: 30 without a leak are enough to show it
WORSE_AFTER_A_CHANGE = -0.1  # a share of look-ups that an index brought up to date may lose


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
    test: Callable[[Option, str, Requirements, Findings], bool | Threshold | None]

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(name for name in self.rests_on if name in NAMES)

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(name for name in self.rests_on if name in FIELDS)


HARD: dict[str, Rule] = {}  # an option is out
GATES: dict[str, Rule] = {}  # a system that was chosen may not answer alone yet


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
    """Register a rule that rules an option out for a kind of request where its function says
    True."""
    return _keep(HARD, rests_on)


def gate(*rests_on: str):
    """Register a rule on a measured number: its function gives a Threshold that must be passed
    before the option answers alone, or None where the rule does not concern it."""
    return _keep(GATES, rests_on)


# --- out ------------------------------------------------------------------------------------------


@hard("closed book")
def knows_your_documents(option, kind, requirements, evidence):
    """A look-up asks for what is in a document, and nothing shows that the model knows it without
    one."""
    return option is PROMPT and kind == LOOKUPS and evidence.found.get("closed book") is None


@hard("place_enough")
def a_place_is_no_answer(option, kind, requirements, evidence):
    """A search without a reader shows the place, and an answer is asked for."""
    return option is SEARCH and not requirements.place_enough


@hard("strict_format")
def a_program_reads_it(option, kind, requirements, evidence):
    """A program cannot read a list of places."""
    return option is SEARCH and requirements.strict_format


@hard("citations")
def must_cite(option, kind, requirements, evidence):
    """What a model says from its weights cannot name its source; what is in the prompt can be
    pointed to."""
    return requirements.citations and kind == LOOKUPS and not option.shows_text


@hard("access")
def who_asks_matters(option, kind, requirements, evidence):
    """Weights, and a prompt that holds every document, answer everybody alike; who may see a text
    can only be a condition of the search."""
    return requirements.access and (option is LONG or option.own_rows)


@hard("access", "leak, rights in the search")
def a_search_that_leaks(option, kind, requirements, evidence):
    """The search showed a text to a user who may not see it; until that is fixed it may not
    answer."""
    leaked = evidence.found.get("leak, rights in the search")
    return (
        requirements.access
        and option.searches
        and kind == LOOKUPS
        and leaked is not None
        and leaked.value > 0
    )


@hard("label_changes_per_year")
def fresher_than_weights(option, kind, requirements, evidence):
    """The rules change more often than weights can be released with care."""
    return option.own_rows and requirements.label_changes_per_year > RELEASES_A_YEAR


@hard("data_in_weights")
def not_in_weights(option, kind, requirements, evidence):
    """Your texts may not be in weights, where no single row can be taken out again. (A reader
    learns reading from texts of another world.)"""
    return option.own_rows and not requirements.data_in_weights


@hard("can_train")
def nobody_trains(option, kind, requirements, evidence):
    """Weights that cannot be trained, versioned and rolled back must not answer."""
    return option.trained and not requirements.can_train


@hard("can_search")
def nobody_keeps_an_index(option, kind, requirements, evidence):
    """An index without an owner answers from last year, and to the wrong people."""
    return option.searches and not requirements.can_search


@hard("corpus_tokens", "window_tokens")
def must_fit_the_window(option, kind, requirements, evidence):
    """All the text that may hold an answer does not fit into one prompt."""
    return option is LONG and requirements.corpus_tokens > requirements.window_tokens


@hard("fixed_labels")
def free_text_is_no_label(option, kind, requirements, evidence):
    """A classifier gives a label of a fixed list; free text or a field to fill it cannot write."""
    return option is CLASSIFIER and not requirements.fixed_labels


@hard("tool")
def one_row_is_read_there(option, kind, requirements, evidence):
    """What one row of a system answers is read there; a text that repeats the row is a copy of
    yesterday. (Unless the query was measured.)"""
    return kind == ACTIONS and option is RAG and evidence.found.get("tool") is None


@hard("latency_seconds")
def must_be_quick(option, kind, requirements, evidence):
    """An answer takes longer than it may, as timed on the machine that measured."""
    if kind == TONE:
        return False
    used = serving(option, kind, requirements, evidence)
    return used.asks >= FEWEST_TIMED and used.seconds > requirements.latency_seconds


# --- what must be shown before it answers alone ---------------------------------------------------


@gate("rightly refused")
def knows_when_to_be_silent(option, kind, requirements, evidence):
    """Half of what should be refused is refused."""
    if kind != LOOKUPS or not option.searches or option is SEARCH:
        return None
    return Threshold(span(evidence.found.get("rightly refused")), 0.5)


@gate("changes_per_year", "RAG", "RAG, after a change")
def right_after_a_change(option, kind, requirements, evidence):
    """The day after a document changes it is as often right as before."""
    if kind != LOOKUPS or not option.searches or option is SEARCH:
        return None
    if requirements.changes_per_year < 1:
        return None
    before, after = (span(evidence.found.get(name)) for name in ("RAG", "RAG, after a change"))
    return Threshold(gain(before, after), WORSE_AFTER_A_CHANGE)


@gate("access", "leak, rights in the search")
def rights_were_tried(option, kind, requirements, evidence):
    """No user was shown what they may not see, in 30 tries or more."""
    if kind != LOOKUPS or not (option.searches and requirements.access):
        return None
    leaked = span(evidence.found.get("leak, rights in the search"))
    kept = None if leaked.value is None else 1 - leaked.value
    return Threshold(Span(kept, 1 - leaked.high, 1 - leaked.low), KEPT_SECRET)


@gate("way back")
def the_way_back_was_tried(option, kind, requirements, evidence):
    """Going back to the last release was tried, and took less than a minute."""
    if not option.trained:
        return None
    seconds = span(evidence.found.get("way back"))
    back = None if seconds.value is None else -seconds.value
    return Threshold(Span(back, -seconds.high, -seconds.low), -SECONDS_BACK)


@gate("majority")
def better_than_one_label_for_all(option, kind, requirements, evidence):
    """It is more often right than the most frequent label, given to every case."""
    if kind != JUDGEMENTS:
        return None
    always = span(evidence.found.get("majority"))
    return Threshold(gain(always, right(option, kind, evidence)), 0.0)
