"""The monitor cries at most as often as it says while nothing changes, and on the first days on
which something does."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from support.vectors import counted

from helpers.data.drifted_tickets import load_drifted
from helpers.data.tickets import load_tickets
from helpers.release.drift import (
    ALPHA,
    Monitor,
    Window,
    false_alarms,
    first_alarm,
    mix_test,
    rate_test,
    text_test,
)

WINDOWS, SIZE = 600, 42  # three days of the drifted tickets
DAYS = 3


@pytest.fixture(scope="module")
def known():
    """Written tickets of train and dev: their messages, categories, and how long they are (in
    place of what a system refuses or spoils: a flag that does not depend on the day)."""
    return [c for split in ("train", "dev") for c in load_tickets(split) if c.kind == "written"]


def window_of(cases, vectors):
    return Window(
        vectors,
        [c.gold.output["category"] for c in cases],
        [len(c.ask.input) > 300 for c in cases],
        [len(c.ask.input) < 40 for c in cases],
    )


def splits(known, vectors, draws, seed=0):
    """`draws` times: (reference, window) of tickets that come from the same days."""
    dice = np.random.default_rng(seed)
    for _ in range(draws):
        order = dice.permutation(len(known))
        yield tuple(
            window_of([known[i] for i in part], vectors[part])
            for part in (order[SIZE:], order[:SIZE])
        )


# --- no drift -------------------------------------------------------------------------------------


def test_false_alarms_stay_within_the_level(known):
    """600 windows, all four signals together. The test is exact whatever the vectors are, so they
    are made of words here, not by the embedder."""
    vectors = counted([c.ask.input for c in known])
    pairs = list(splits(known, vectors, WINDOWS))
    monitor = Monitor(pairs[0][0], draws=199)
    rate = false_alarms(monitor, [w for _, w in pairs], lambda i: pairs[i][0])
    # at most the level; 600 windows tell it to within two standard errors
    assert rate <= ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / WINDOWS)


def test_the_p_of_the_text_is_uniform_without_drift(known):
    """Else the level above would be kept only because the test never says anything."""
    vectors = counted([c.ask.input for c in known])
    p = [
        text_test(before.vectors, now.vectors, 99, seed)[0]
        for seed, (before, now) in enumerate(splits(known, vectors, 200, seed=1))
    ]
    assert np.mean(p) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)


# --- drift ----------------------------------------------------------------------------------------


def looks(monitor, vectors_of, drifted):
    days = sorted({one.day for one in drifted})
    rows = []
    for day in days:
        since = day - dt.timedelta(days=DAYS - 1)
        cases = [one.case for one in drifted if since <= one.day <= day]
        look = monitor.look(window_of(cases, vectors_of([c.ask.input for c in cases])))
        rows.append({"day": day, "alarm": bool(look.alarms), **look.p})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def seen(known, weights):
    """Each day of the drifted tickets with the two days before it, by the embedder's vectors. The
    flags that stand for refusals are left out: nothing about them drifts."""
    from helpers.retrieval.embedding import embed

    vectors = embed([c.ask.input for c in known])
    monitor = Monitor(window_of(known, vectors), signals=("text", "labels"))
    return looks(monitor, embed, load_drifted())


@pytest.mark.slow
def test_the_ordinary_days_give_no_alarm(seen):
    began = min(one.day for one in load_drifted() if one.change == "new product")
    assert not seen[seen["day"] < began]["alarm"].any()


@pytest.mark.slow
def test_the_new_product_is_noticed_within_a_day(seen):
    began = min(one.day for one in load_drifted() if one.change == "new product")
    assert first_alarm(seen, began) <= 1


@pytest.mark.slow
def test_the_new_mix_is_noticed_by_the_labels_within_two_days(seen):
    began = min(one.day for one in load_drifted() if one.change == "new mix")
    by_labels = seen.assign(alarm=seen["labels"] <= ALPHA / 2)
    assert not by_labels[by_labels["day"] < began]["alarm"].any()
    assert first_alarm(by_labels, began) <= 2


@pytest.mark.parametrize("moved", ["text", "labels", "refused", "invalid"])
def test_each_signal_is_named_when_it_alone_moves(known, moved):
    vectors = counted([c.ask.input for c in known])
    reference, quiet = next(splits(known, vectors, 1, seed=2))
    other = {
        "text": {"vectors": counted([f"strike depot burrow {i % 5}" for i in range(SIZE)])},
        "labels": {"labels": ["delivery"] * SIZE},
        "refused": {"refused": [True] * SIZE},
        "invalid": {"invalid": [True] * SIZE},
    }[moved]
    assert Monitor(reference).look(Window(**vars(quiet) | other)).alarms == [moved]


# --- the parts ------------------------------------------------------------------------------------


def test_scores_are_those_of_a_classifier_that_has_not_seen_the_ticket():
    """The closed form, against fitting the classifier once for each ticket that is left out."""
    dice = np.random.default_rng(0)
    before, now = dice.normal(size=(30, 5)), dice.normal(0.8, size=(12, 5))
    joined, y = np.vstack([before, now]), np.array([0.0] * 30 + [1.0] * 12)
    left_out = []
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        # the penalty holds for directions from the mean of all, as in text_test
        x = joined - joined.mean(0)
        a = np.column_stack([np.ones(rest.sum()), x[rest]])
        penalty = np.diag([0.0, *[1.0] * 5])
        weights = np.linalg.solve(a.T @ a + penalty, a.T @ y[rest])
        left_out.append(np.r_[1.0, x[i]] @ weights)
    pairs = np.array(left_out)[y == 1][:, None] > np.array(left_out)[y == 0][None]
    assert text_test(before, now, 9)[1] == pytest.approx(pairs.mean(), abs=1e-9)


def test_a_mix_that_is_the_same_is_never_odd():
    assert mix_test(["a", "b"] * 50, ["a", "b"] * 10) == 1.0


def test_a_value_that_was_never_there_counts():
    assert mix_test(["a"] * 60, ["a"] * 10 + ["new"] * 5) < 0.01


def test_the_mix_agrees_with_the_chi_square_test():
    from scipy.stats import chi2_contingency

    before, now = ["a"] * 90 + ["b"] * 60 + ["c"] * 50, ["a"] * 20 + ["b"] * 20 + ["c"] * 20
    right = chi2_contingency([[90, 60, 50], [20, 20, 20]], correction=False).pvalue
    assert mix_test(before, now, draws=9_999) == pytest.approx(right, abs=0.03)


def test_a_rate_is_fishers():
    from scipy.stats import fisher_exact

    assert rate_test(3, 100, 9, 40) == fisher_exact([[3, 97], [9, 31]]).pvalue


def test_the_same_window_gives_the_same_p(known):
    vectors = counted([c.ask.input for c in known])
    (reference, quiet) = next(splits(known, vectors, 1, seed=3))
    assert Monitor(reference).look(quiet) == Monitor(reference).look(quiet)


def test_nothing_in_common_is_refused():
    with pytest.raises(ValueError, match="no signal in common"):
        Monitor(Window(labels=["a"])).look(Window(refused=[True]))


def test_an_alarm_before_the_change_does_not_count():
    days = pd.DataFrame({"day": [1, 2, 3, 4], "alarm": [True, False, False, True]})
    assert first_alarm(days, 2) == 2


def test_no_alarm_is_none():
    assert first_alarm(pd.DataFrame({"day": [1, 2], "alarm": [True, False]}), 2) is None
