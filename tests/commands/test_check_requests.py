"""`check-data` finds what is wrong with the router's requests, and blames the right line."""

from __future__ import annotations

import pytest

from helpers.commands.check import check_data
from helpers.commands.check.lenient import Placed
from helpers.commands.check.training_rows import check_requests
from helpers.core.records import Fault

QUESTION = Placed("questions/dev.jsonl", 7, {"question": "How long is a badge valid?"})
LONG = "please tell me at once which of the two parcels"


def placed(split, *texts, kind="chat", route="small talk"):
    return [
        Placed(f"router/{split}.jsonl", line, {"input": text, "route": route, "kind": kind})
        for line, text in enumerate(texts, start=1)
    ]


def faults(train=(), dev=(), test=()):
    return list(check_requests([train, dev, test], [QUESTION]))


def test_good_requests_have_no_fault():
    assert (
        faults(placed("train", "hi", ":-)"), placed("dev", "yo", ":-("), placed("test", "hm")) == []
    )


@pytest.mark.parametrize("text", ["Hi!", " hi "])
def test_a_copy_is_found_within_a_split(text):
    (found,) = faults(placed("train", "hi", text))
    assert (found.line, found.field) == (2, "input")


def test_a_copy_is_found_in_a_later_split():
    (found,) = faults(placed("train", "hi"), test=placed("test", "x", "HI"))
    assert (found.file, found.line) == ("router/test.jsonl", 2)
    assert "router/train.jsonl line 1" in found.message


def test_a_question_of_the_handbook_is_found():
    (found,) = faults(dev=placed("dev", "how long is a badge valid"))
    assert "questions/dev.jsonl line 7" in found.message


def test_a_long_run_in_two_splits_is_found():
    (found,) = faults(placed("train", f"{LONG} came"), placed("dev", f"Hello, {LONG} left"))
    assert "shares" in found.message


def test_a_long_run_in_one_split_is_none():
    assert faults(placed("train", f"{LONG} came", f"Hello, {LONG} left")) == []


def test_a_kind_of_another_route_is_found():
    (found,) = faults(placed("train", "hi", kind="order"))
    assert isinstance(found, Fault)
    assert found.field == "kind"


def test_the_test_split_is_frozen():
    assert "router/test.jsonl" in check_data.FROZEN


def test_what_makes_the_gold_is_frozen_with_it():
    assert {"data/requests.py", "evaluation/routing.py"} <= set(check_data.scoring())
