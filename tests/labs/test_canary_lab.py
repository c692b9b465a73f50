"""The canary's lab shows what the plain call says, for every setting that it offers."""

from __future__ import annotations

import html

import pytest

from helpers.labs.canary import LENGTHS, LOSSES, SHARES, canary_lab
from helpers.release.canary import what_if

RIGHT = {
    "champion": [True, False, False] * 20,
    "worse": [False] * 60,
    "as good": [False, True, False] * 20,
}


@pytest.fixture
def lab():
    return canary_lab(RIGHT)


def part(lab, name):
    return next(w for w in lab.children if f"t-{name}" in w._dom_classes)


def said(lab):
    return html.unescape(part(lab, "said").value)


def test_it_says_what_the_plain_call_says(lab):
    assert what_if(RIGHT, "worse").sentence() in said(lab)


@pytest.mark.parametrize(
    ("control", "value"),
    [("candidate", "as good"), ("share", SHARES[0]), ("loss", LOSSES[0]), ("tickets", LENGTHS[0])],
)
def test_every_control_is_heard(lab, control, value):
    part(lab, control).value = value
    assert what_if(RIGHT, **{"candidate": "worse", control: value}).sentence() in said(lab)


def test_the_picture_follows(lab):
    before = part(lab, "plot").value
    part(lab, "share").value = SHARES[-1]
    assert part(lab, "plot").value != before


def test_the_picture_has_words(lab):
    assert 'alt="Worse on 20 % of the traffic' in part(lab, "plot").value


def test_the_sentence_is_announced(lab):
    assert "role='status'" in part(lab, "said").value


@pytest.mark.parametrize("right", [{}, {"champion": [True]}, {"worse": [True]}])
def test_without_champion_and_candidate_it_says_what_is_needed(right):
    with pytest.raises(ValueError, match="needs 'champion' and at least one candidate"):
        canary_lab(right)
