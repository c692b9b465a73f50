"""Citations against the spans that prove an answer."""

from __future__ import annotations

import math

import pytest

from helpers.core.cases import Arm, Ask, Case, Citation, Evidence, Gold, Passage, Prediction
from helpers.evaluation.citations import citation_summary, cited_evidence
from helpers.evaluation.evaluator import QUESTIONS, evaluate

TEXT = "Staff get 17 days. Desk captains get 20 days. Nobody gets 30."
CUTS = ((0, 18), (19, 45), (46, 61))
PASSAGES = tuple(Passage("leave", "Leave", a, b, TEXT[a:b], 0.5) for a, b in CUTS)


def evidence(cut):
    start, end = CUTS[cut]
    return Evidence("leave", TEXT[start:end], start, end)


def found(*said, wanted):
    """The citations of one answer to each question: (numbers, by) and the cuts that prove it."""
    cases = [
        Case(
            Ask(f"q{i}", "How many?"),
            Gold(("17",), tuple(map(evidence, cuts))),
            "single" if i % 2 else "table",
            f"f{i}",
            "dev",
        )
        for i, cuts in enumerate(wanted)
    ]

    def answer(asks):
        for ask, (numbers, by) in zip(asks, said, strict=True):
            cited = tuple(Citation(n, "leave", PASSAGES[n - 1].text, by) for n in numbers)
            yield Prediction(ask.id, "17", PASSAGES[:2], cited)

    table = evaluate(Arm("some", answer), cases, QUESTIONS)
    return cited_evidence(table, cases)


@pytest.mark.parametrize(
    ("numbers", "cuts", "precision", "recall", "possible"),
    [
        ((1,), [0], 1, 1, 1),
        ((2,), [0], 0, 0, 1),
        ((1, 2), [0], 0.5, 1, 1),
        ((1,), [0, 1], 1, 0.5, 1),
        ((1, 2), [0, 1], 1, 1, 1),
        ((1,), [2], 0, 0, 0),
        ((1,), [0, 2], 1, 0.5, 0.5),
        ((1, 3), [0], 0.5, 1, 1),
    ],
)
def test_precision_counts_passages_and_recall_counts_quotes(
    numbers, cuts, precision, recall, possible
):
    row = found((numbers, "model"), wanted=[cuts]).iloc[0]
    assert row["precision"] == precision
    assert row["recall"] == recall
    assert row["possible"] == possible
    assert row["cited"] == len(numbers)


def test_who_cites_nothing_has_no_precision_and_no_recall():
    row = found(((), "model"), wanted=[[0]]).iloc[0]
    assert row["by"] == "none"
    assert math.isnan(row["precision"])
    assert row["recall"] == 0


def test_questions_without_evidence_are_left_out():
    assert len(found(((1,), "model"), ((1,), "overlap"), wanted=[[], [0]])) == 1


def test_the_summary_keeps_the_two_ways_of_citing_apart():
    rows = found(
        ((1,), "model"), ((2,), "overlap"), ((), "model"), ((1,), "overlap"), wanted=[[0]] * 4
    )
    table = citation_summary(rows)
    assert table["n"].to_dict() == {"all": 4, "model": 1, "none": 1, "overlap": 2}
    assert table["precision"].drop("none").to_dict() == {
        "all": pytest.approx(2 / 3),
        "model": 1,
        "overlap": 0.5,
    }
    assert table.loc["all", "recall"] == 0.5
    assert table.loc["all", "low"] < 2 / 3 < table.loc["all", "high"]
    assert set(citation_summary(rows, "kind").index) == {"all", "single", "table"}


def test_an_answer_without_its_case_is_an_error():
    with pytest.raises(KeyError, match="q0"):
        rows = evaluate(
            Arm("some", lambda asks: [Prediction(ask.id, "17", PASSAGES) for ask in asks]),
            [Case(Ask("q0", "?"), Gold(("17",), (evidence(0),)), "single", "f", "dev")],
            QUESTIONS,
        )
        cited_evidence(rows, [])
