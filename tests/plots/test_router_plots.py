"""The pictures of the router say in words and numbers what they draw."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.evaluation.routing import calibration_error, reliability
from helpers.plots.router import asking_back, calibration

SURE = np.linspace(0.4, 0.95, 32)
RIGHT = np.arange(32) % 3 > 0


@pytest.fixture(scope="module")
def diagram():
    error = calibration_error(SURE, RIGHT)
    return calibration(reliability(SURE, RIGHT), error, "It is nearly calibrated"), error


def test_the_diagram_says_its_error_in_words(diagram):
    picture, error = diagram
    assert f"ECE {100 * error['value']:.1f} points" in picture.alt


def test_the_diagram_says_what_a_perfect_router_would_show(diagram):
    picture, error = diagram
    assert f"would show {100 * error['if_calibrated']:.1f}" in picture.alt


def test_the_diagram_holds_its_bins(diagram):
    assert diagram[0].table["n"].sum() == len(SURE)


def curve(reject_at=0.5):
    return asking_back([0.1, 0.9, 0.2, 0.6], [0, 3, 0, 1], [0.5] * 4, reject_at, "T")


def test_the_curve_begins_with_no_and_ends_with_every_question_asked_back():
    cost = curve().table["cost"]
    assert (cost.iloc[0], cost.iloc[-1]) == (1.0, 0.5)


def test_the_most_doubtful_are_asked_back_first():
    assert curve().table["cost"].tolist() == pytest.approx([1.0, 0.375, 0.25, 0.375, 0.5])


def test_the_mark_is_at_the_threshold():
    assert "about 50 % 0.250" in curve().alt


def test_without_a_threshold_nothing_is_asked_back():
    assert "about 0 % 1.000" in curve(np.inf).alt


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="no request"):
        asking_back([], [], [], 1, "T")
