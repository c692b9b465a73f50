"""A canary may be looked at after every ticket: a harmless one is stopped 5 times in 100 at most,
whatever the traffic does, and a harmful one as often as the plan says."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.evaluation.bits import to_flags
from helpers.experiments import TrainingSetting
from helpers.experiments.training_grid import load_grid
from helpers.release.canary import (
    ALPHA,
    evidence,
    first_crossing,
    in_canary,
    plan_canary,
    replay,
    what_if,
)

RUNS = 10_000
PLAN = plan_canary(share=0.2, wrong=0.3, loss=0.15, tickets=1_000)


def stopped(plan, canary, wrong):
    return (first_crossing(evidence(plan, canary, wrong), plan.alpha) < wrong.shape[-1]).mean()


def draw(plan, wrong, loss=0.0, seed=0, runs=RUNS):
    """(runs, tickets) of who went to the canary, and who was wrong. wrong: a share, or one for each
    ticket."""
    dice = np.random.default_rng(seed)
    canary = dice.random((runs, plan.tickets)) < plan.share
    return canary, dice.random(canary.shape) < wrong + loss * canary


# --- under continuous peeking ---------------------------------------------------------------------


def test_a_harmless_canary_is_seldom_stopped_however_often_one_looks():
    assert stopped(PLAN, *draw(PLAN, 0.3)) <= ALPHA


@pytest.mark.parametrize("wrong", [0.05, 0.7])
def test_not_even_where_the_champion_is_not_what_was_planned(wrong):
    assert stopped(PLAN, *draw(PLAN, wrong, seed=1)) <= ALPHA


def test_not_even_where_the_traffic_gets_harder_from_day_to_day():
    assert stopped(PLAN, *draw(PLAN, np.linspace(0.1, 0.8, PLAN.tickets), seed=2)) <= ALPHA


def test_a_better_canary_is_stopped_even_less():
    assert stopped(PLAN, *draw(PLAN, 0.3, loss=-0.1, seed=3)) <= ALPHA / 5


def test_nor_on_the_answers_of_a_real_system():
    """Tickets drawn from dev; of two adapters of one recipe a coin says which one is the canary."""
    one, two, *_ = [to_flags(row["category"]) for row in load_grid().cells(TrainingSetting(256))]
    right, dice = np.array([one, two]), np.random.default_rng(4)
    shape = (4_000, PLAN.tickets)
    cases, coin = dice.integers(0, len(one), shape), dice.integers(0, 2, shape)
    canary = dice.random(shape) < PLAN.share
    assert stopped(PLAN, canary, ~right[coin, cases]) <= ALPHA


def test_an_ordinary_test_would_cry_wolf():
    """The contrast: a z-test looked at after every ticket stops harmless canaries far too often."""
    canary, wrong = draw(PLAN, 0.3, runs=1_000)
    n = np.arange(1, PLAN.tickets + 1)
    m = canary.cumsum(1)
    in_one, in_other = (canary & wrong).cumsum(1), (~canary & wrong).cumsum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (in_one + in_other) / n
        z = (in_one / m - in_other / (n - m)) / np.sqrt(
            pooled * (1 - pooled) * (1 / m + 1 / (n - m))
        )
    assert (np.nan_to_num(z[:, 50:], posinf=0) > 1.645).any(1).mean() > 3 * ALPHA


# --- power and the stop ---------------------------------------------------------------------------


def test_a_harmful_canary_is_stopped_as_often_as_planned():
    seen = stopped(PLAN, *draw(PLAN, PLAN.wrong, PLAN.loss, seed=5))
    assert seen == pytest.approx(PLAN.power, abs=0.03)


def test_half_of_them_by_the_ticket_that_the_plan_says():
    crossed = first_crossing(evidence(PLAN, *draw(PLAN, PLAN.wrong, PLAN.loss, seed=6)), PLAN.alpha)
    assert (crossed < PLAN.stops_after).mean() == pytest.approx(0.5, abs=0.05)


def test_more_tickets_stop_more():
    powers = [plan_canary(0.2, 0.3, 0.1, tickets).power for tickets in (200, 800, 3_200)]
    assert powers == sorted(powers)
    assert powers[0] < powers[-1]


def test_the_expectation_of_the_evidence_is_one():
    """What the proof rests on: betting on a fair coin wins nothing on average."""
    dice = np.random.default_rng(7)
    canary, wrong = dice.random((200_000, 5)) < PLAN.share, dice.random((200_000, 5)) < 0.3
    stakes = evidence(PLAN, canary, wrong)[:, -1]
    assert stakes.mean() == pytest.approx(1.0, abs=0.02)


def test_evidence_grows_with_a_wrong_canary_and_falls_with_a_wrong_champion():
    after = [float(evidence(PLAN, [who], [True])[-1]) for who in (True, False)]
    assert after[0] > 1 > after[1]


@pytest.mark.parametrize("odd", [{"share": 0}, {"wrong": 1}, {"loss": 0.9}, {"alpha": 0}])
def test_odd_plans_are_refused(odd):
    with pytest.raises(ValueError, match="shares between 0 and 1"):
        plan_canary(**{"share": 0.2, "wrong": 0.3, "loss": 0.1, "tickets": 100} | odd)


# --- who goes to it -------------------------------------------------------------------------------


KEYS = [f"customer {i}" for i in range(20_000)]


def test_the_share_is_kept():
    assert np.mean([in_canary(key, 0.2) for key in KEYS]) == pytest.approx(0.2, abs=0.01)


def test_a_customer_stays_on_a_side():
    assert [in_canary(key, 0.2) for key in KEYS] == [in_canary(key, 0.2) for key in KEYS]


def test_a_larger_share_keeps_those_who_were_in():
    assert all(in_canary(key, 0.5) for key in KEYS if in_canary(key, 0.2))


def test_another_candidate_goes_to_other_customers():
    both = np.mean([in_canary(key, 0.2, "a") and in_canary(key, 0.2, "b") for key in KEYS])
    assert both == pytest.approx(0.04, abs=0.01)


# --- replayed -------------------------------------------------------------------------------------


def test_a_replay_ends_where_it_is_stopped():
    keys = [f"t{i}" for i in range(1_000)]
    report = replay(PLAN, keys, [True] * 1_000, [False] * 1_000)
    assert report.stopped_at == len(report.evidence) < 200
    assert not report.passed
    assert report.evidence[-1] >= 1 / ALPHA


def test_a_replay_of_equals_goes_through():
    report = replay(PLAN, KEYS[:1_000], [True, False] * 500, [True, False] * 500)
    assert report.passed
    assert len(report.evidence) == PLAN.tickets
    assert "no harm shown in 1000 tickets" in repr(report)


def test_a_replay_stops_at_the_planned_end():
    assert len(replay(PLAN, KEYS, [True] * 20_000, [True] * 20_000).evidence) == PLAN.tickets


# --- the what-if of the lab -----------------------------------------------------------------------

RIGHT = {"champion": [True, True, False] * 20, "worse": [True, False, False] * 20}


def test_a_worse_candidate_is_stopped():
    assert not what_if(RIGHT, "worse", share=0.5, loss=0.2).report.passed


def test_the_champion_itself_is_not():
    assert what_if(RIGHT, "champion").report.passed


def test_a_what_if_is_the_same_every_time():
    one, two = (what_if(RIGHT, "worse").report.evidence for _ in range(2))
    assert one.tolist() == two.tolist()


def test_the_bet_is_cut_where_the_champion_is_mostly_wrong():
    mostly = {"champion": [True] + [False] * 19, "other": [True] + [False] * 19}
    assert what_if(mostly, "other", loss=0.2).plan.loss == pytest.approx(0.045)


def test_a_what_if_says_its_plan_and_its_end():
    said = what_if(RIGHT, "worse", share=0.1, tickets=500).sentence()
    assert said.startswith("Planned: 10 % of 500 tickets;")
    assert "worse: " in said


def test_another_candidate_is_tried_on_other_customers():
    """Else the same people would try every release."""
    right = RIGHT | {"its twin": RIGHT["worse"]}
    one, two = (what_if(right, name).report.canary for name in ("worse", "its twin"))
    both = min(len(one), len(two))
    assert one[:both].tolist() != two[:both].tolist()
