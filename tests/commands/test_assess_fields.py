"""Extraction by field: precision, recall and F1 of the filled ones, by hand."""

from __future__ import annotations

import json
import math

import pytest

from helpers.commands.assess.fields import field_scores, fields_of_arms, has_fields
from helpers.commands.assess.schedule import HOPELESS, ArmProgress, Clock, Step, measure
from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.evaluation.labelled_task import task_of

SCHEMA = {
    "type": "object",
    "properties": {name: {"type": ["string", "null"]} for name in ("town", "day", "note")},
    "additionalProperties": False,
}
# (gold, answer)
RECORDS = [
    ({"town": "Ulm", "day": "Monday"}, {"town": "Ulm", "day": "Friday", "note": "x"}),
    ({"town": "Bonn", "day": None}, {"town": "Bonn", "day": None}),
    ({"town": "Kiel"}, {"day": ""}),
    ({"town": "Jena"}, "no JSON"),
]


@pytest.fixture
def table(cache):
    cases = [
        Case(Ask(f"r{n}", f"m {n}"), Gold(output=gold), "own rows", f"f{n}", "test")
        for n, (gold, _) in enumerate(RECORDS)
    ]
    said = {f"r{n}": json.dumps(answer) for n, (_, answer) in enumerate(RECORDS)}
    arm = Arm("a", lambda asks: (Prediction(ask.id, said[ask.id]) for ask in asks), "a")
    return evaluate(arm, cases, task_of(SCHEMA))


def test_precision_is_of_what_was_filled(table):
    assert field_scores(table).loc["town", "precision"] == 1.0


def test_recall_is_of_what_should_be_filled(table):
    assert field_scores(table).loc["town", "recall"] == 2 / 4


def test_a_wrong_value_is_neither_precise_nor_recalled(table):
    assert field_scores(table).loc["day", ["precision", "recall", "F1"]].tolist() == [0, 0, 0]


def test_a_field_that_gold_never_fills_has_no_recall(table):
    assert math.isnan(field_scores(table).loc["note", "recall"])


def test_all_fields_are_counted_together(table):
    # gold fills 5, the answers 4, and 2 of them are right
    assert field_scores(table).loc["all fields"].tolist() == [5, 4, 2, 2 / 4, 2 / 5, 4 / 9]


def test_each_arm_has_a_line(table):
    assert fields_of_arms({"a": table})["F1"].to_dict() == {"a": 4 / 9}


def test_texts_have_no_fields(cache):
    case = Case(Ask("a", "x"), Gold(answers=("y",)), "own rows", "f", "test")
    arm = Arm("a", lambda asks: (Prediction(ask.id, "y") for ask in asks), "b")
    assert not has_fields(evaluate(arm, [case], task_of()))


# --- an arm that is never right -------------------------------------------------------------------


def asked_of(tmp_path, says, free=False):
    """How many of 100 cases an arm is asked that says this; and what is said of the others."""
    cases = [
        Case(Ask(f"q{n}", f"{n}?"), Gold(answers=(str(n),)), "k", f"f{n}", "test")
        for n in range(100)
    ]
    arm = Arm("a", lambda asks: (Prediction(ask.id, says(ask)) for ask in asks), "hopeless")
    step = Step("a", "", cases, QUESTIONS, lambda: arm, free=free)
    progress = ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}})
    tables, _, skipped = measure([step], Clock(2), progress, str)
    return len(tables["a"]), [one.reason for one in skipped]


def test_an_arm_that_is_never_right_is_not_asked_on(cache, tmp_path):
    assert asked_of(tmp_path, lambda ask: "no idea") == (
        HOPELESS,
        [f"it was right on none of {HOPELESS} cases, so it was not asked on"],
    )


def test_an_arm_that_is_right_once_is_asked_on(cache, tmp_path):
    assert asked_of(tmp_path, lambda ask: "3") == (100, [])


def test_a_baseline_costs_nothing_and_is_asked_on(cache, tmp_path):
    assert asked_of(tmp_path, lambda ask: "no idea", free=True) == (100, [])
