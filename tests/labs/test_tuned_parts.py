"""The verdict on a part of a hybrid weighs right answers, and what a request costs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from helpers.labs import tuned_parts


def pair(right, saved):
    """Two comparisons with these verdicts."""
    by_right = SimpleNamespace(verdict=right, verdict_in_points=lambda: f"{right} (+7 points)")
    return by_right, SimpleNamespace(verdict=saved, difference=-0.05, low=-0.2, high=0.13)


@pytest.mark.parametrize(
    ("right", "saved", "held"),
    [
        ("better", "better", True),
        ("better", "cannot tell", True),
        ("better", "worse", False),
        ("cannot tell", "better", None),
        ("worse", "better", False),
    ],
)
def test_a_part_holds_where_more_is_right_and_a_request_costs_no_more(right, saved, held):
    assert tuned_parts._judged(*pair(right, saved))[0] is held


def test_the_reason_names_the_cost():
    why = tuned_parts._judged(*pair("better", "cannot tell"))[1]
    assert why.startswith("the verdict on right answers is *better (+7 points)*")
    assert why.endswith("on what a request costs *cannot tell* (saves -0.05, -0.20 to +0.13)")
