"""The kept figures of the router are about these requests, and DATASHEET.md says what they say."""

from __future__ import annotations

import json

import pytest
from support.build_scripts import build_script

from helpers.data.requests import load_requests

build = build_script("router")


@pytest.fixture(scope="module")
def found():
    return json.loads(build.RESULTS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("split", ["dev", "test"])
def test_they_are_about_all_requests(found, split):
    assert found[split]["n"] == len(load_requests(split))


def test_the_table_is_that_of_the_results(found):
    sheet = build.SHEET.read_text(encoding="utf-8")
    assert build.with_table(sheet, found) == sheet, "run: python labs_data/build/router.py --table"


def test_a_changed_figure_is_noticed(found):
    sheet = build.SHEET.read_text(encoding="utf-8")
    altered = json.loads(json.dumps(found))
    altered["test"]["arms"]["keywords"]["macro-F1"]["value"] += 0.1
    assert build.with_table(sheet, altered) != sheet


def test_a_lost_marker_is_noticed(found):
    sheet = build.SHEET.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="markers"):
        build.with_table(sheet.replace("<!-- router -->", ""), found)


def test_the_body_that_was_kept_won_on_dev(found):
    assert found["tried"][found["kept"]]["macro_f1"] == max(
        one["macro_f1"] for one in found["tried"].values()
    )


@pytest.mark.slow
def test_the_router_measures_the_same_again(found, cache, float32):
    """Other machines round differently, so a few requests may turn."""
    train, dev = load_requests("train"), load_requests("dev")
    router = build.train_router(train, dev)
    systems = build.arms(train, dev, router)
    again = build.measured(dev, {build.LIKELIEST: systems[build.LIKELIEST],
                                 "nearest neighbour": systems["nearest neighbour"],
                                 build.ASKS_BACK: systems[build.ASKS_BACK]}, router)  # fmt: skip
    for name in again["arms"]:
        now, kept = (one["arms"][name]["macro-F1"]["value"] for one in (again, found["dev"]))
        assert now == pytest.approx(kept, abs=0.04)
