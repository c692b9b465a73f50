"""What counts as right is decided here, so every trap that a careless scorer falls into has a
line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.core.cases import Evidence, Gold, Passage, Prediction
from helpers.data.tickets import parse_strict
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.refusals import abstains
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.evaluation.scores import answer_correct, ticket_correct, ticket_scores
from helpers.evaluation.text import tokens


@pytest.mark.parametrize(
    ("reply", "answers", "right"),
    [
        ("17 days", ["17 days", "17"], True),
        ("The answer is: 17.", ["17"], True),
        ("It is 170 days.", ["17"], False),
        ("It is 17.5 days.", ["17"], False),
        ("1,350 GBP", ["1350"], True),
        ("£1,350", ["1350 GBP", "1350"], True),
        ("11.5 hours [1]", ["11.5"], True),
        ("25 days [17]", ["17"], False),
        ("17 August", ["August 17", "17 August"], True),
        ("THE FINANCE DIRECTOR", ["Finance director"], True),
        ("finance and director", ["Finance director"], False),
        ("I don't know, perhaps 17 days?", ["17"], False),
        ("17 " + "and so on " * 10, ["17"], False),
        ("", ["17"], False),
        ("I don't know.", [], True),
        ("I DON’T KNOW", [], True),
        ("The passages do not contain the answer.", [], True),
        ("This is not mentioned in the handbook", [], True),
        ("17 days", [], False),
        ("No, we do not refund after 30 days.", [], False),
        ("I'm sorry, I cannot share that.", [], True),
        ("You can do that in Trellis.", [], False),
    ],
)
def test_answer_correct(reply, answers, right):
    assert answer_correct(reply, answers) is right


def test_punctuation_and_case_do_not_change_a_refusal():
    assert (
        abstains("I don't know")
        == abstains("i dont know.".replace("dont", "don't"))
        == abstains("I DON'T KNOW!")
        is True
    )


@given(st.text(max_size=200))
def test_scorers_take_any_text(text):
    assert isinstance(answer_correct(text, ["17"]), bool)
    assert isinstance(tokens(text), list)
    assert parse_strict(text).state in ("valid", "invalid schema", "invalid JSON")


GOOD = {"category": "fault", "product": "gale", "priority": "high", "needs_human": False}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (json.dumps(GOOD), "valid"),
        (f"  {json.dumps(GOOD)}\n", "valid"),
        (f"Sure! {json.dumps(GOOD)}", "invalid JSON"),
        (json.dumps(GOOD) + json.dumps(GOOD), "invalid JSON"),
        (json.dumps(GOOD | {"priority": "asap"}), "invalid schema"),
        (json.dumps(GOOD | {"needs_human": "no"}), "invalid schema"),
        (json.dumps(GOOD | {"needs_human": 0}), "invalid schema"),
        (json.dumps(GOOD | {"note": "hello"}), "invalid schema"),
        (json.dumps({"category": "fault"}), "invalid schema"),
        ('{"category": "fault", ' + json.dumps(GOOD)[1:], "invalid JSON"),
        (json.dumps(GOOD).replace("false", "NaN"), "invalid JSON"),
        ("[]", "invalid schema"),
        ("[" * 100_000, "invalid JSON"),
        ("", "invalid JSON"),
    ],
)
def test_parse_strict_forgives_nothing(text, state):
    assert parse_strict(text).state == state


def test_ticket_scores_separate_form_from_judgement():
    gold = Gold(output=GOOD)
    wrong = Prediction("a", json.dumps(GOOD | {"product": "sprig"}))
    assert ticket_scores(wrong, gold)["valid"]
    assert ticket_scores(wrong, gold)["fields_right"] == 0.75
    assert not ticket_correct(wrong, gold)
    assert ticket_correct(Prediction("a", json.dumps(GOOD)), gold)
    assert not ticket_correct(Prediction("a", json.dumps(GOOD), error="stopped"), gold)
    assert ticket_scores(Prediction("a", "nonsense"), gold)["fields_right"] == 0


def _passage(start, end, doc="d"):
    return Passage(doc, "t", start, end, "")


@pytest.mark.parametrize(
    ("context", "found"),
    [
        ([_passage(0, 100)], True),
        ([_passage(10, 20)], True),
        ([_passage(11, 100)], False),
        ([_passage(0, 19)], False),
        ([_passage(15, 40), _passage(0, 15)], True),
        ([_passage(16, 40), _passage(0, 15)], False),
        ([_passage(0, 100, "other")], False),
        ([], False),
    ],
)
def test_evidence_found_needs_every_character(context, found):
    assert evidence_found([Evidence("d", "0123456789", 10, 20)], context) is found


def test_wilson_is_the_published_interval():
    """Wilson (1927), as in Newcombe (1998), table I: 81/263 -> 0.2553 to 0.3662; 0/20 -> 0 to
    0.1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)
