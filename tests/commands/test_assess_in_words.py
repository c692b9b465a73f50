"""What 12 says of missing context, unclear boundaries and weak evaluation is counted, each question
once."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from helpers.commands.assess.in_words import lost_by, on_trial


def results(causes=(), refused=(), verdicts=(), others=()):
    """An assessment in which RAG lost answers to these causes, was right or wrong on what it should
    refuse, and pairs of systems had these verdicts."""
    judged = {"RAG": pd.DataFrame({"cause": list(causes)})} if causes else {}
    if others:
        judged["reader + RAG"] = pd.DataFrame({"cause": list(others)})
    rag = pd.DataFrame({"right": list(refused), "answerable": [False] * len(refused)})
    return SimpleNamespace(
        causes=judged,
        tables={"RAG": rag.astype(bool)},
        compared=[SimpleNamespace(verdict=one) for one in verdicts],
    )


def test_a_question_that_two_systems_got_wrong_counts_once():
    name, lost = lost_by(results(["reading"] * 8, others=["both"] * 7))
    assert (name, lost.sum(), lost["reading"]) == ("RAG", 8, 8)


def test_the_system_asked_most_is_the_one_that_is_counted():
    assert lost_by(results(["reading"], others=["both"] * 7))[0] == "reader + RAG"


def test_without_causes_nothing_is_lost():
    name, lost = lost_by(results())
    assert (name, int(lost.sum())) == ("RAG", 0)


@pytest.mark.parametrize(
    ("causes", "held"),
    [
        (["retrieval"] * 20 + ["reading"], True),
        (["reading"] * 20 + ["both"], False),
        (["reading", "both"], None),
        ((), None),
    ],
)
def test_missing_context_is_what_lacked_or_lost_the_evidence(causes, held):
    assert on_trial(results(causes))["missing context"][0] is held


@pytest.mark.parametrize(
    ("refused", "held"), [([0] * 20, True), ([1] * 20, False), ([1, 0], None), ([], None)]
)
def test_boundaries_are_unclear_where_it_answers_what_it_should_refuse(refused, held):
    assert on_trial(results(refused=refused))["unclear boundaries"][0] is held


@pytest.mark.parametrize(
    ("verdicts", "held", "said"),
    [
        (["cannot tell"] * 3 + ["better"], True, "1 of 4 pairs"),
        (["better", "worse", "cannot tell"], False, "2 of 3 pairs"),
        ([], None, "0 of 0 pairs"),
    ],
)
def test_an_evaluation_is_weak_where_few_pairs_can_be_told_apart(verdicts, held, said):
    found, why = on_trial(results(verdicts=verdicts))["weak evaluation"]
    assert found is held
    assert said in why
