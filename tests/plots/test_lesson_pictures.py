"""Pictures that end a lesson: what the title says is what was counted, and the description is
short."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers import plots
from helpers.experiments.failure_gallery import Count, Failure


def share(good, n):
    return {"share": good / n, "low": 0.1, "high": 0.9, "n": n}


@pytest.fixture
def failures():
    counts = ((0, 40, 40), (3, 4, 4), (10, 12, 20))
    return [
        Failure(f"no. {i}", "w", "s", "g", Count(before, n), Count(after, n), "f")
        for i, (before, after, n) in enumerate(counts)
    ]


def test_the_gallery_counts_what_is_gone_and_what_can_be_told(failures):
    said = plots.gallery(failures).alt
    assert said.startswith("2 of 3 failures are gone on all of their cases; 1 improve")
    assert "Most is left of: no. 2 12 of 20." in said


def test_the_gallery_keeps_before_and_after_with_their_intervals(failures):
    table = plots.gallery(failures, {"failures": 0.5}).table
    assert list(table["when"]) == ["before", "after"] * 3
    assert (table["low"] <= table["share"]).all()


def test_the_bill_names_the_first_arm_in_its_title():
    picture = plots.bill({"facts": (share(5, 10), share(2, 10))}, ("facts adapter", "RAG"))
    assert picture.alt == "Facts adapter: facts 50 %. RAG: facts 20 %."


def test_bars_of_one_arm_wear_its_colour():
    summary = pd.DataFrame({"near": share(5, 10), "far": share(2, 10)}).T
    assert plots.bars(summary, "t").png != plots.bars(summary, "t", arm="facts adapter").png
