"""The one function that judges every system: is gold hidden, does a run survive, is none mixed with
another?"""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import TODAY

from helpers.core.cases import Arm, Ask, Case, Citation, Gold, Passage, Prediction
from helpers.evaluation import evaluator
from helpers.evaluation.evaluator import QUESTIONS, share, summary


def case(id, answers=("17",), text="How many?"):
    return Case(Ask(id, text, ("staff",), TODAY), Gold(answers=tuple(answers)), "single", id, "dev")


def arm(answers, fingerprint="1", seen=None):
    def answer(asks):
        for ask in asks:
            if seen is not None:
                seen.append(ask)
            if ask.id in answers:
                yield Prediction(ask.id, answers[ask.id])

    return Arm("toy", answer, fingerprint)


def test_evaluate_shows_asks_only_and_keeps_every_case(cache):
    seen = []
    table = evaluator.evaluate(
        arm({"a": "17", "b": "18"}, seen=seen), [case("a"), case("b"), case("c")], QUESTIONS
    )
    assert all(type(ask) is Ask for ask in seen)
    assert table["right"].tolist() == [True, False, False]
    assert table["id"].tolist() == ["a", "b", "c"]
    assert table["error"].tolist()[2] == "the arm gave no prediction"
    assert summary([table]).loc["toy", ["n", "errors"]].tolist() == [3, 1]


def test_a_finished_run_is_read_back_and_never_mixed_with_another(cache):
    cases = [case("a"), case("b")]
    first = evaluator.evaluate(arm({"a": "17", "b": "18"}), cases, QUESTIONS)
    seen = []
    again = evaluator.evaluate(arm({"a": "changed", "b": "changed"}, seen=seen), cases, QUESTIONS)
    assert seen == []
    assert again.equals(first)
    other = evaluator.evaluate(arm({"a": "18", "b": "18"}, fingerprint="2"), cases, QUESTIONS)
    assert other["right"].sum() == 0, "another fingerprint is another system"
    asked_anew = evaluator.evaluate(
        arm({"a": "18", "b": "18"}), [case("a", text="How few?"), case("b")], QUESTIONS
    )
    assert asked_anew["right"].sum() == 0, "another question is another run"


def test_an_arm_without_fingerprint_or_with_gaps_is_never_cached(cache):
    """A learner corrects the function and measures again: yesterday's answers must not come
    back."""
    evaluator.evaluate(arm({"a": "18"}, fingerprint=None), [case("a")], QUESTIONS)
    assert evaluator.evaluate(arm({"a": "17"}, fingerprint=None), [case("a")], QUESTIONS)[
        "right"
    ].all()
    evaluator.evaluate(arm({"a": "17"}), [case("a"), case("b")], QUESTIONS)
    assert evaluator.evaluate(arm({"a": "17", "b": "17"}), [case("a"), case("b")], QUESTIONS)[
        "right"
    ].all()
    assert (
        evaluator.evaluate(Arm("stub", lambda asks: None), [case("a")], QUESTIONS)["error"]
        .notna()
        .all()
    )


def test_an_interrupted_run_leaves_nothing_that_looks_finished(cache):
    def stops(asks):
        yield Prediction("a", "17")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluator.evaluate(Arm("toy", stops, "1"), [case("a"), case("b")], QUESTIONS)
    assert not list((cache / "results").glob("*.jsonl"))


def test_predictions_come_back_whole(cache):
    full = Prediction(
        "a",
        "17 “days”\u2028\x85 [1]",
        (Passage("d", "T", 0, 3, "tüx", 0.5),),
        (Citation(1, "d", "17 tüxx", "overlap"),),
        5,
        2,
        0.1,
    )
    one = Arm("toy", lambda asks: iter([full]), "1")
    fresh, cached = (evaluator.evaluate(one, [case("a")], QUESTIONS) for _ in range(2))
    assert cached["context"][0] == fresh["context"][0] == full.context
    assert cached["cited"][0] == full.cited != ()


@pytest.mark.parametrize("answers", [["a", "a"], ["zzz"]])
def test_an_arm_that_answers_twice_or_unasked_is_refused(cache, answers):
    with pytest.raises(ValueError, match=r"answered already|not asked"):
        evaluator.evaluate(
            Arm("bad", lambda asks: (Prediction(i, "x") for i in answers), "1"),
            [case("a")],
            QUESTIONS,
        )


def test_shares_leave_out_what_is_unknown():
    found = share(pd.DataFrame({"evidence_seen": [True, False, None, True]}), "evidence_seen")
    assert found["n"] == 3
    assert found["share"] == pytest.approx(2 / 3)
