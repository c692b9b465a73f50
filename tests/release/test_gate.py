"""The gate stops what it says that it can stop, and passes what is as good; in exact numbers, and
over a thousand releases drawn from what real cases answered."""

from __future__ import annotations

import math

import numpy as np
import pytest

from helpers.data.tickets import load_tickets
from helpers.evaluation.bits import to_flags
from helpers.experiments import TrainingSetting
from helpers.experiments.training_grid import load_grid
from helpers.release.gate import (
    LEVEL,
    HardStop,
    chance_of_passing,
    gate,
    lower_bound,
    plan_gate,
    score,
    sign_test,
    smallest_slice_loss,
)

RELEASES = 1_000
PROMISED = 0.95


# --- the tests behind it --------------------------------------------------------------------------


def test_without_a_margin_the_score_is_mcnemars():
    assert score(5, 9, 60, 0.0) == pytest.approx((9 - 5) / math.sqrt(9 + 5))


@pytest.mark.parametrize(
    ("lost", "gained", "n", "margin"), [(5, 9, 60, 0.1), (12, 3, 125, 0.05), (1, 7, 40, 0.2)]
)
def test_the_score_is_tangos(lost, gained, n, margin):
    """Its closed form, against a numerical search for the likeliest chance of a gain."""
    from scipy.optimize import minimize_scalar

    def unlikely(q):
        rest = n - lost - gained
        return -(gained * np.log(q) + lost * np.log(q + margin) + rest * np.log(1 - 2 * q - margin))

    bounds = (1e-9, (1 - margin) / 2 - 1e-9)
    q = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-11}).x
    spread = math.sqrt(n * (2 * q + margin - margin**2))
    assert score(lost, gained, n, margin) == pytest.approx((gained - lost + n * margin) / spread)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (5, 9), (9, 5), (0, 30), (20, 0)])
def test_the_lower_bound_is_where_the_score_meets_the_level(lost, gained):
    from scipy.stats import norm

    low = lower_bound(lost, gained, 60)
    there = score(lost, gained, 60, -low) if low < 0 else -score(gained, lost, 60, low)
    assert there == pytest.approx(norm.ppf(LEVEL), abs=1e-6)


def test_a_candidate_that_loses_everything_has_no_lower_bound():
    assert lower_bound(60, 0, 60) == -1.0


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (0, 4), (3, 1), (8, 8), (12, 0)])
def test_the_sign_test_is_the_exact_binomial_one(lost, gained):
    from scipy.stats import binomtest

    n = lost + gained
    right = binomtest(lost, n, alternative="greater").pvalue if n else 1.0
    assert float(sign_test(lost, gained)) == pytest.approx(right)


# --- what it promises, exactly --------------------------------------------------------------------


@pytest.mark.parametrize(("n", "discordant"), [(60, 0.1), (125, 0.12), (125, 0.3), (255, 0.2)])
def test_the_plan_keeps_95_and_95(n, discordant):
    plan = plan_gate(n, discordant, {"a": n // 3, "b": n - n // 3})
    assert plan.stops >= PROMISED
    assert plan.passes >= PROMISED


def test_the_smallest_loss_is_the_smallest():
    plan = plan_gate(125, 0.12)
    less = plan_gate(125, 0.12, {"all": 125}, margin=plan.smallest - 0.005)
    assert less.passes < PROMISED
    assert "add cases" in repr(less)


def test_chances_are_those_of_a_simulation():
    dice, n = np.random.default_rng(1), 60
    drawn = dice.multinomial(n, [0.15, 0.05, 0.8], size=20_000)
    from scipy.stats import norm

    passed = (score(drawn[:, 0], drawn[:, 1], n, 0.15) > norm.ppf(LEVEL)).mean()
    assert chance_of_passing(n, 0.15, 0.10, 0.2) == pytest.approx(passed, abs=0.01)


def test_more_cases_stop_smaller_losses():
    losses = [plan_gate(n, 0.15).smallest for n in (60, 125, 255)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


def test_a_slice_of_a_few_cases_promises_nothing():
    assert smallest_slice_loss(4, 0.1, 0.01) is None


@pytest.mark.parametrize(
    ("n", "how", "message"),
    [
        (60, {"discordant": 0.0}, "discordant"),
        (60, {"discordant": 1.5}, "discordant"),
        (0, {"discordant": 0.1}, "n a count"),
        (60, {"discordant": 0.1, "margin": 0.0}, "margin"),
        (60, {"discordant": 0.1, "margin": 1.0}, "margin"),
    ],
)
def test_odd_plans_are_refused(n, how, message):
    with pytest.raises(ValueError, match=message):
        plan_gate(n, **how)


# --- what it does, over releases drawn from real answers ------------------------------------------


@pytest.fixture(scope="module")
def answered():
    """(n, 2) of bool: whether two adapters of one recipe (256 labels, two seeds) have the category
    of each dev ticket right; and the category of each ticket, for the slices."""
    grid = load_grid()
    one, two, *_ = [to_flags(row["category"]) for row in grid.cells(TrainingSetting(256))]
    gold = {case.id: case.gold.output["category"] for case in load_tickets("dev")}
    return np.array([one, two]).T, np.array([gold[i] for i in grid.dev_ids])


@pytest.fixture(scope="module")
def plan(answered):
    right, category = answered
    names, sizes = np.unique(category, return_counts=True)
    discordant = float((right[:, 0] != right[:, 1]).mean())
    return plan_gate(len(right), discordant, dict(zip(names.tolist(), sizes.tolist(), strict=True)))


def simulated(answered, plan, loss, seed):
    """The verdicts on RELEASES releases: cases drawn anew within each slice; which of the two
    adapters is the champion is a coin for each case, so that both are equally good by construction;
    then the candidate forgets what it had right until it has lost `loss`."""
    right, category = answered
    dice = np.random.default_rng(seed)
    forgets = loss / right.mean()
    found = []
    for _ in range(RELEASES):
        drawn = np.concatenate(
            [
                dice.choice(np.flatnonzero(category == name), size)
                for name, size in plan.slices.items()
            ]
        )
        coin = dice.integers(0, 2, len(drawn))
        champion, candidate = right[drawn, coin], right[drawn, 1 - coin]
        candidate = candidate & (dice.random(len(drawn)) >= forgets)
        ids = [str(i) for i in range(len(drawn))]
        slices = {
            name: [i for i, at in zip(ids, drawn, strict=True) if category[at] == name]
            for name in plan.slices
        }
        tables = (dict(zip(ids, map(bool, one), strict=True)) for one in (champion, candidate))
        found.append(gate(plan, *tables, slices).passed)
    return np.mean(found)


def test_it_stops_candidates_that_are_worse_by_the_margin(answered, plan):
    assert 1 - simulated(answered, plan, plan.margin, 1) >= PROMISED


def test_it_passes_candidates_that_are_as_good(answered, plan):
    assert simulated(answered, plan, 0.0, 2) >= PROMISED


# --- slices and hard stops ------------------------------------------------------------------------


def made(lost=(), gained=(), n=120):
    """Champion and candidate by id: even ids are right, but for those that one of them lost."""
    champion = {str(i): i % 2 == 0 for i in range(n)}
    changed = {str(i) for i in (*lost, *gained)}
    return champion, {i: right != (i in changed) for i, right in champion.items()}


SLICES = {"billing": [str(i) for i in range(30)], "other": [str(i) for i in range(30, 120)]}
PLAN = plan_gate(120, 0.15, {name: len(ids) for name, ids in SLICES.items()})


def test_a_slice_that_the_average_hides_is_found():
    """Billing loses ten, the others gain ten: not a point is lost in all."""
    verdict = gate(PLAN, *made(lost=range(0, 20, 2), gained=range(31, 51, 2)), SLICES)
    assert verdict.difference == 0
    assert verdict.low > -PLAN.margin
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["slice billing"]


def test_a_better_candidate_passes():
    assert gate(PLAN, *made(gained=range(1, 41, 2)), SLICES).passed


def test_a_worse_candidate_is_stopped_by_all_cases():
    verdict = gate(PLAN, *made(lost=range(30, 90, 2)), SLICES)
    assert verdict.reasons[0].startswith("all cases")


@pytest.mark.parametrize(
    ("stop", "stops"),
    [
        (HardStop("leaks", 0, 50), False),
        (HardStop("leaks", 1, 50), True),
        (HardStop("invalid", 1, 50, allowed=0.02), False),
        (HardStop("invalid", 2, 50, allowed=0.02), True),
        (HardStop("injections", 0, 0), True),
    ],
)
def test_hard_stops(stop, stops):
    verdict = gate(PLAN, *made(gained=range(1, 41, 2)), SLICES, [stop])
    assert verdict.passed is not stops


def test_a_hard_stop_is_counted_from_flags():
    assert HardStop.counted("invalid", [True, False, True], 0.1) == HardStop("invalid", 2, 3, 0.1)


def test_better_beyond_doubt_is_told_from_no_worse():
    assert gate(PLAN, *made(gained=range(1, 41, 2)), SLICES).surely_better
    assert not gate(PLAN, *made(), SLICES).surely_better


def test_more_labels_are_surely_better():
    """The better candidate of notebook 10 is better by construction; is it, on these tickets?"""
    grid = load_grid()
    few, many = (
        to_flags(grid.cells(TrainingSetting(rows))[0]["right"]) for rows in (256, grid.most)
    )
    ids = grid.dev_ids
    champion, candidate = (dict(zip(ids, flags, strict=True)) for flags in (few, many))
    assert gate(plan_gate(len(ids), 0.15), champion, candidate, {}).surely_better


def test_what_was_not_measured_is_said_so():
    verdict = gate(PLAN, *made(), SLICES, [HardStop("injections", 0, 0)])
    assert verdict.reasons == (
        "hard stop injections: not measured, and what was not measured does not pass",
    )


def test_other_cases_than_planned_are_refused():
    champion, candidate = made()
    with pytest.raises(ValueError, match="planned list"):
        gate(PLAN, champion, candidate | {"more": True}, SLICES)


def test_other_slices_than_planned_are_refused():
    with pytest.raises(ValueError, match="beforehand"):
        gate(PLAN, *made(), {"billing": SLICES["billing"]})
