"""Routing is scored as scikit-learn scores it, priced by hand, and calibrated as the papers say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from helpers.core.cases import Gold, Prediction
from helpers.data.requests import ROUTES
from helpers.evaluation import routing
from helpers.evaluation.routing import (
    COSTS,
    UNSURE,
    calibration_error,
    confusion_counts,
    cost_matrix,
    equal_costs,
    macro_f1,
    reliability,
    routing_difference,
    routing_summary,
    routing_task,
)


def table(pairs, arm="router"):
    """Rows as `evaluate` makes them, of (right, said)."""
    task = routing_task(COSTS)
    rows = []
    for number, (right, said) in enumerate(pairs):
        told = task.scores(Prediction(str(number), said), Gold((right,)))
        rows.append({"arm": arm, "id": str(number), "right": right == said} | told)
    return pd.DataFrame(rows)


def drawn(n, seed, hits=0.7):
    dice = np.random.default_rng(seed)
    right = dice.choice(ROUTES, n)
    said = np.where(dice.random(n) < hits, right, dice.choice([*ROUTES, UNSURE], n))
    return list(zip(right.tolist(), said.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_is_that_of_scikit_learn(seed):
    pairs = drawn(60, seed)
    right, said = zip(*pairs, strict=True)
    peer = f1_score(right, said, labels=list(ROUTES), average="macro", zero_division=0)
    assert macro_f1(confusion_counts(table(pairs))) == pytest.approx(peer)


def test_a_label_that_never_comes_counts_nothing():
    assert macro_f1(confusion_counts(table([("tool", "tool")]))) == pytest.approx(1 / len(ROUTES))


def test_what_is_no_route_is_invalid_and_as_dear_as_the_worst():
    found = table([("retrieve", "I would look it up.")])
    assert found["said"].tolist() == ["invalid"]
    assert found["cost"].tolist() == [
        max(c for (right, _), c in COSTS.items() if right == "retrieve")
    ]


def test_a_failed_item_is_invalid():
    failed = Prediction("1", "tool", error="TimeoutError")
    assert routing_task(COSTS).scores(failed, Gold(("tool",)))["said"] == "invalid"
    assert not routing_task(COSTS).correct(failed, Gold(("tool",)))


PAIRS = [
    ("retrieve", "refuse"),
    ("tool", "tool"),
    ("small talk", UNSURE),
    ("refuse", "retrieve"),
    ("refuse", UNSURE),
]


def test_the_cost_is_the_mean_of_the_confusions():
    priced = [COSTS[pair] for pair in PAIRS if pair[0] != pair[1]]
    assert routing_summary([table(PAIRS)])["cost"].tolist() == [
        pytest.approx(sum(priced) / len(PAIRS))
    ]


def test_wrong_refusals_are_among_those_not_to_refuse():
    assert routing_summary([table(PAIRS)])["wrong refusals"].tolist() == [pytest.approx(1 / 3)]


def test_asking_back_is_no_missed_refusal():
    assert routing_summary([table(PAIRS)])["missed refusals"].tolist() == [pytest.approx(1 / 2)]


@pytest.mark.parametrize("measure", ["macro-F1", "cost", "wrong refusals"])
def test_intervals_hold_the_value_and_shrink_with_more_requests(measure):
    few, many = (routing_summary([table(drawn(n, 1))]).iloc[0] for n in (50, 800))
    widths = [one[f"{measure} high"] - one[f"{measure} low"] for one in (few, many)]
    assert few[f"{measure} low"] <= few[measure] <= few[f"{measure} high"]
    assert widths[1] < widths[0] / 2


def test_the_better_router_gains_f1_and_saves_cost():
    worse, better = (
        table(drawn(300, 2, 0.5)),
        table([(right, right) for right, _ in drawn(300, 2, 0.5)]),
    )
    assert routing_difference(worse, better)[1] > 0
    assert routing_difference(worse, better, "cost")[2] < 0


def test_a_router_against_itself_differs_by_nothing():
    one = table(drawn(100, 3))
    assert routing_difference(one, one) == (0, 0, 0)


def test_the_difference_is_that_of_the_two_summaries():
    one, other = table(drawn(100, 4), "a"), table(drawn(100, 5), "b")
    other = other.assign(route=one["route"])
    shares = routing_summary([one, other])["macro-F1"]
    assert routing_difference(one, other)[0] == pytest.approx(shares["b"] - shares["a"])


def test_other_requests_are_not_compared():
    with pytest.raises(ValueError, match="same requests"):
        routing_difference(table(drawn(10, 1)), table(drawn(11, 1)))


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf"), None])
def test_a_cost_must_be_a_number_from_0(cost):
    with pytest.raises(ValueError, match="'tool' where 'retrieve'"):
        cost_matrix({**COSTS, ("retrieve", "tool"): cost})


def test_equal_costs_make_the_share_that_is_wrong():
    found = table(drawn(80, 6))
    cost = routing_summary([found], equal_costs(ROUTES)).iloc[0]["cost"]
    assert cost == pytest.approx(1 - found["right"].mean())


# --- calibration ----------------------------------------------------------------------------------


def test_ece_by_hand():
    # two bins of two: says 0.5, right in 1 of 2; says 0.9, right in 1 of 2
    found = calibration_error([0.5, 0.5, 0.9, 0.9], [True, False, True, False], bins=2)
    assert found["value"] == pytest.approx((0 * 2 + 0.4 * 2) / 4)


def test_bins_hold_as_many_requests_and_rise():
    found = reliability(np.linspace(0, 1, 40), np.arange(40) % 2 == 0, bins=8)
    assert found["n"].tolist() == [5] * 8
    assert found["confidence"].is_monotonic_increasing


def test_a_calibrated_router_shows_what_chance_leaves():
    dice = np.random.default_rng(0)
    sure = dice.uniform(0.3, 1, 2000)
    found = calibration_error(sure, dice.random(2000) < sure)
    assert found["value"] == pytest.approx(found["if_calibrated"], abs=0.02)


def test_one_that_is_too_sure_shows_more():
    dice = np.random.default_rng(0)
    found = calibration_error(np.full(400, 0.95), dice.random(400) < 0.6)
    assert found["low"] > 2 * found["if_calibrated"]


@pytest.mark.parametrize("sure, right", [([], []), ([1.2], [True]), ([0.5], []),
                                         ([float("nan")], [True])])  # fmt: skip
def test_confidences_must_be_probabilities(sure, right):
    with pytest.raises(ValueError, match="from 0 to 1"):
        reliability(sure, right)


def test_invalid_and_unsure_are_no_routes():
    assert {UNSURE, routing.INVALID}.isdisjoint(ROUTES)
