"""The drifted tickets: written by hand, in the order of days, with labels that the record knows."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from support.build_scripts import build_script

from helpers.core.records import DataError
from helpers.data.drifted_tickets import CHANGES, load_drifted

build = build_script("drift")


@pytest.fixture(scope="module")
def drifted():
    return load_drifted()


def test_there_are_more_than_two_hundred(drifted):
    assert len(drifted) >= 200


def test_they_come_in_the_order_of_days(drifted):
    assert all(a.day <= b.day for a, b in itertools.pairwise(drifted))


def test_there_is_no_day_without_tickets(drifted):
    days = sorted({one.day for one in drifted})
    assert all(b - a == dt.timedelta(days=1) for a, b in itertools.pairwise(days))


def test_every_change_begins_after_the_one_before(drifted):
    begins = [min(one.day for one in drifted if one.change == change) for change in CHANGES]
    assert begins == sorted(set(begins))


def test_the_new_product_has_no_value_of_its_own(drifted):
    """LABELS.md, section of 4 May 2026: what concerns a Burrow is `none`."""
    about = [one for one in drifted if "burrow" in one.case.ask.input.lower()]
    named = [one.case.id for one in about if one.case.gold.output["product"] != "none"]
    assert len(about) > 30
    assert named == []


def test_how_to_is_low_unless_more_applies(drifted):
    how_to = [
        one.case.gold.output for one in drifted if one.case.gold.output["category"] == "how_to"
    ]
    assert {output["priority"] for output in how_to} <= {"low", "high", "urgent"}


def test_urgent_needs_a_human(drifted):
    urgent = [
        one.case.gold.output for one in drifted if one.case.gold.output["priority"] == "urgent"
    ]
    assert urgent
    assert all(output["needs_human"] for output in urgent)


def test_the_file_is_what_the_source_says():
    assert build.PRODUCT_FILE.read_text(encoding="utf-8") == build.written()


def test_a_wrong_line_is_named(tmp_path):
    lines = build.written().splitlines()
    file = tmp_path / "drift.jsonl"
    file.write_text("\n".join([lines[0], lines[1].replace('"day": "2026', '"day": "May 2026')]))
    with pytest.raises(DataError, match="line 2: field 'day'"):
        load_drifted(file)
