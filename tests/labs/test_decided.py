"""The sentences of notebook 11 say what the decisions say: counts that can be checked, and a
verdict that turns with them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from helpers.data.journal_file import Journal
from helpers.decision import SCENARIOS, decide, load_findings
from helpers.decision.next_step import FIXES
from helpers.decision.options import LOOKUPS
from helpers.decision.readiness import YES
from helpers.labs import decided, what_if

POLICY = "policy assistant"


@pytest.fixture(scope="module")
def evidence():
    return load_findings(Journal(format=1, guesses={}, findings={}))


@pytest.fixture(scope="module")
def found(evidence):
    return {name: decide(one.requirements, evidence) for name, one in SCENARIOS.items()}


def fixing(found, what, **changes):
    """The same decisions, all of them with another first thing to fix."""
    return {
        name: SimpleNamespace(parts=one.parts, next=replace(one.next, fix=what), **changes)
        for name, one in found.items()
    }


def test_every_feature_that_is_named_is_counted(found, evidence):
    said = decided.one_by_one(found, [POLICY])
    right = f"{100 * evidence['reader + RAG'].value:.0f} %"
    assert said.startswith(f"Policy assistant: *RAG + tuned reader*, right today {right}")
    assert said.endswith("Good enough to answer alone: 0 of 1.")


def test_what_was_never_measured_is_said(evidence):
    one = decide(
        SCENARIOS[POLICY].requirements, evidence.without("RAG", "reader + RAG", "improved RAG")
    )
    assert "right today not measured" in decided.one_by_one({POLICY: one}, [POLICY])
    assert decided.right_of(evidence.without("RAG"), "RAG") == "RAG not measured"


def test_a_system_that_is_good_enough_is_counted(found):
    ready = replace(found[POLICY].readiness, state=YES)
    one = {POLICY: replace(found[POLICY], readiness=ready)}
    assert "alone: 1 of 1" in decided.one_by_one(one, [POLICY])


def test_look_ups_and_what_is_tuned_are_counted_over_all(found):
    look_ups = sum("look-ups" in one.parts for one in found.values())
    tuned = sum(any(part.trained for part in one.parts.values()) for one in found.values())
    said = decided.in_all(found)
    assert said.startswith(f"{look_ups} of {len(found)} features look something up")
    assert f"{tuned} of {len(found)} gets a tuned model" in said


@pytest.mark.parametrize(
    ("part", "held"), [("the search", True), ("the context", True), ("reading", False)]
)
def test_retrieval_first_turns_with_what_is_to_be_fixed_first(found, part, held):
    judged = decided.retrieval_first(fixing(found, f"First fix {FIXES[part]}."))
    assert judged["fix retrieval and context first"][0] is held


def test_nothing_to_fix_leaves_retrieval_first_open(found):
    judged = decided.retrieval_first(fixing(found, "Ship it."))
    assert judged["fix retrieval and context first"][0] is None


def test_where_nothing_is_tuned_the_second_part_is_open(found):
    judged = decided.retrieval_first({"code": found["internal code search"]})
    held, why = judged["fine-tuning where behaviour still needs it"]
    assert held is None
    assert why == "nothing is tuned (features: 1): no measured gain clearly pays"


def test_a_reader_behind_a_search_is_tuned_for_behaviour(found):
    judged = decided.retrieval_first({POLICY: found[POLICY]})
    assert judged["fine-tuning where behaviour still needs it"][0] is True


def test_facts_in_weights_are_not(found):
    own = SimpleNamespace(trained=True, searches=False)
    one = {POLICY: SimpleNamespace(parts={LOOKUPS: own}, next=found[POLICY].next)}
    assert decided.retrieval_first(one)["fine-tuning where behaviour still needs it"][0] is False


def test_a_flip_is_named_by_its_question(found, evidence):
    case = what_if(SCENARIOS[POLICY].requirements, evidence)
    said = decided.would_change(case)
    assert f"what to build: {len({one.name for one in case.flips.direction})}, each" in said
    assert "somebody who keeps an index" in said


def test_without_guesses_it_says_where_they_are_made():
    said = decided.how_calibrated(pd.DataFrame(), pd.DataFrame())
    assert said.startswith("0 guesses of yours")


@pytest.mark.parametrize(
    ("errors", "lean"), [([0.2, 0.1], "too optimistic"), ([-0.2, -0.1], "too pessimistic")]
)
def test_a_habit_is_named_by_its_sign(errors, lean):
    guesses = pd.DataFrame({"error": errors, "inside": [True, False]})
    said = decided.how_calibrated(guesses, pd.DataFrame({"right": [True, False, True]}))
    assert lean in said
    assert "1 inside the interval" in said
    assert said.endswith("2 of 3 named rightly.")


def test_the_six_features_have_a_line_each(found):
    table = decided.six(found).data
    assert list(table.index) == list(SCENARIOS)
    assert table["what to build"].tolist() == [one.answer for one in found.values()]
