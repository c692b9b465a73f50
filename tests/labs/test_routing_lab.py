"""The threshold lab: prices and a share asked back decide what the router does; widget and plain
cell say the same."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from helpers.core.cases import Ask, Case, Gold
from helpers.data.requests import ROUTES, TODAY
from helpers.evaluation.routing import UNSURE
from helpers.labs.routing import prices, routing_case, routing_lab, routing_what_if

# four sure and right, then one that should be refused and looks like a question, and one torn
CHANCES = np.array(
    [
        [0.97, 0.01, 0.01, 0.01],
        [0.01, 0.97, 0.01, 0.01],
        [0.01, 0.01, 0.97, 0.01],
        [0.01, 0.01, 0.01, 0.97],
        [0.50, 0.00, 0.45, 0.05],
        [0.45, 0.05, 0.45, 0.05],
    ]
)
GOLD = [*ROUTES, "refuse", "retrieve"]


def test_prices_set_what_they_name():
    costs = prices(missed_refusal=7, wrong_refusal=4, asked_back=0.2)
    assert (costs["refuse", "retrieve"], costs["tool", "refuse"], costs["refuse", UNSURE]) == (
        7,
        4,
        0.2,
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_so_many_are_asked_back_as_wanted(share):
    assert routing_case(CHANCES, GOLD, prices(), share).asked_back == share


def test_asking_nobody_back_costs_the_mistakes():
    case = routing_case(CHANCES, GOLD, prices(3, 2, 0.6), 0.0)
    assert case.cost == pytest.approx((case.answered.sum()) / 6)


def test_the_default_threshold_costs_least():
    costs = [routing_case(CHANCES, GOLD, prices(), n / 6).cost for n in range(7)]
    assert routing_case(CHANCES, GOLD, prices()).cost == pytest.approx(min(costs))


def test_dear_missed_refusals_make_it_refuse_more():
    missed = [
        routing_case(CHANCES, GOLD, prices(missed_refusal=price), 0.0).missed_refusals[0]
        for price in (0.5, 10)
    ]
    assert missed == [1, 0]


def test_the_sentence_counts_refusals():
    said = routing_case(CHANCES, GOLD, prices(missed_refusal=10), 0.0).sentence()
    assert "1 of 4 are refused wrongly, 0 of 2 refusals missed" in said


@pytest.fixture
def router():
    return SimpleNamespace(probabilities=lambda texts: CHANCES)


@pytest.fixture
def cases():
    return [
        Case(Ask(str(at), "x", ("staff",), TODAY), Gold((route,)), "k", str(at), "dev")
        for at, route in enumerate(GOLD)
    ]


def test_widget_and_plain_cell_say_the_same(router, cases):
    lab = routing_lab(router, cases)
    _, *sliders, threshold, _, picture = lab.children
    sliders[0].value = 8.0
    threshold.value = 0.5
    assert routing_what_if(router, cases, missed_refusal=8.0, share_asked=0.5).alt in (
        picture.value.replace("&#x27;", "'")
    )


def test_the_widget_speaks(router, cases):
    said = routing_lab(router, cases).children[-2]
    assert "role='status'" in said.value
