"""Which of two is better? Comparisons computed by hand, the sign, the verdict, what is refused, and
seeds."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.evaluation import comparison
from helpers.evaluation.comparison import as_table, cases_to_settle, compare, compare_all, interval


def table(right, arm="one", facts=None, ids=None, **columns):
    n = len(right)
    return pd.DataFrame(
        {
            "arm": arm,
            "id": ids or [f"q{i}" for i in range(n)],
            "fact": facts or [f"f{i}" for i in range(n)],
            "right": right,
            **columns,
        }
    )


def won(n, plus, minus, **columns):
    """(first, second): the second alone is right in `plus` cases, the first alone in `minus`."""
    both = [True] * (n - plus - minus)
    return table([False] * plus + [True] * minus + both, "one", **columns), table(
        [True] * plus + [False] * minus + both, "two", **columns
    )


# --- by hand --------------------------------------------------------------------------------------


def test_a_comparison_by_hand():
    """20 cases, 10 won and 2 lost: p = 2 (1 + 12 + 66) / 2^12, the two-sided sign test on 12 pairs
    that differ."""
    found = compare(*won(20, 10, 2))
    assert (found.first, found.second, found.measure, found.n, found.facts) == (
        "one",
        "two",
        "right",
        20,
        20,
    )
    assert (found.share_first, found.share_second, found.difference) == pytest.approx(
        (0.5, 0.9, 0.4)
    )
    assert (found.only_first, found.only_second, found.p) == (2, 10, pytest.approx((158 / 4096,)))
    assert (found.level, found.verdict, found.n_to_settle) == (
        0.95,
        "better",
        None,
    )
    assert 0 < found.low < 0.4 < found.high < 1


def test_a_positive_difference_speaks_for_the_second():
    first, second = won(20, 10, 2)
    there, back = compare(first, second), compare(second, first)
    assert there.difference == -back.difference == pytest.approx(0.4)
    assert (
        there.verdict,
        back.verdict,
    ) == ("better", "worse")
    assert (there.only_first, there.only_second) == (back.only_second, back.only_first)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=0.06), (
        "but for the dice of the bootstrap"
    )


def test_tokens_and_seconds_are_costs():
    """More of them is worse, their differences are no points, and their intervals do not end at
    one."""
    dice = np.random.default_rng(0)
    for column, scale in (("tokens_in", 300), ("tokens_out", 20), ("seconds", 0.2)):
        first, second = (
            table([True] * 40, arm, **{column: scale * (more + dice.random(40))})
            for arm, more in (("one", 0), ("two", 1))
        )
        found = compare(first, second, column)
        assert found.verdict == "worse"
        assert compare(second, first, column).verdict == "better"
        assert found.low < scale < found.high
        assert found.low > 0.6 * scale
        assert found.p == ()
        assert math.isnan(found.only_first)
        assert "points" not in str(found)
        assert "no McNemar" in str(found)
    assert "points" in str(compare(first, second))


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ((0.001, 0.2), "better"),
        ((-0.2, -0.001), "worse"),
        ((-0.001, 0.3), "cannot tell"),
        ((0.0, 0.3), "cannot tell"),
        ((-0.3, 0.0), "cannot tell"),
        ((0.0, 0.0), "cannot tell"),
    ],
)
def test_the_verdict_comes_from_the_interval_alone(monkeypatch, limits, verdict):
    monkeypatch.setattr(comparison, "interval", lambda *a, **k: limits)
    for plus, minus in ((20, 0), (0, 20), (5, 5)):
        assert compare(*won(20, plus, minus)).verdict == verdict, "whatever p says"


def test_facts_not_cases_are_drawn_again():
    """Four wordings of one fact that rise and fall together are one observation, not four."""
    by_fact = [f"f{i // 4}" for i in range(80)]
    gain = np.repeat([1.0, 0.0, 0.0, -1.0, 1.0], 16)
    alone, together = (
        interval(pd.Series(gain), pd.Series(facts)) for facts in (range(80), by_fact)
    )
    assert together[1] - together[0] > 1.6 * (alone[1] - alone[0]), (
        "twice as wide where they are wholly alike"
    )
    first, second = won(80, 24, 8, facts=by_fact)
    assert (compare(first, second).n, compare(first, second).facts) == (80, 20)


def test_the_fact_of_a_case_goes_with_its_id():
    first, second = won(40, 12, 3, facts=[f"f{i // 2}" for i in range(40)])
    assert compare(first, second.sample(frac=1, random_state=1)) == compare(first, second)
    shuffled = compare(first.sample(frac=1, random_state=2), second)
    assert (shuffled.low, shuffled.high, shuffled.facts) == (
        compare(first, second).low,
        compare(first, second).high,
        20,
    )


def test_one_fact_tells_nothing_about_others():
    first, second = won(4, 4, 0, facts=["f"] * 4)
    found = compare(first, second)
    assert (found.low, found.high, found.verdict, found.n_to_settle) == (
        -1,
        1,
        "cannot tell",
        None,
    )
    assert "One fact" in str(found)
    cost = compare(*(t.assign(tokens_in=x) for t, x in ((first, 5), (second, 900))), "tokens_in")
    assert (cost.low, cost.high, cost.verdict) == (-math.inf, math.inf, "cannot tell")
    assert str(cost)
    two = compare(*won(2, 2, 0))
    assert two.verdict == "cannot tell"
    assert two.facts == 2


def test_no_difference_at_all():
    for right in ([True] * 30, [False] * 30):
        found = compare(table(right), table(right, "two"))
        assert (found.difference, found.verdict, found.p, found.n_to_settle) == (
            0,
            "cannot tell",
            (1.0,),
            None,
        )
        assert found.low < 0 < found.high, (
            "thirty cases alike do not prove that all are"
            and "No difference was seen" in str(found)
        )


def test_a_rounding_error_is_no_difference():
    """Three seeds: thirds that cancel leave 1e-17 behind, which no number of cases will ever
    settle."""
    # 12 right each
    ones, twos = ("0111001", "1101100", "1101010"), ("0110010", "0111010", "1111010")
    first, second = (
        [table([int(x) for x in run], arm) for run in runs]
        for runs, arm in ((ones, "one"), (twos, "two"))
    )
    assert (
        sum(t["right"] for t in second).div(3).sub(sum(t["right"] for t in first).div(3)).mean()
        != 0
    ), "arithmetic alone gets it wrong"
    found = compare(first, second)
    assert found.difference == 0
    assert found.n_to_settle is None
    assert "No difference" in str(found)
    gain = pd.Series([1 / 3, -1 / 3, 2 / 3, -2 / 3] * 10)
    assert all(x == 0 or abs(x) > 1e-9 for x in interval(gain, pd.Series(range(40))))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from([-1.0, 0.0, 1.0, 1 / 3, -0.5]), st.integers(0, 12)),
        min_size=2,
        max_size=60,
    ),
    st.integers(0, 5),
)
def test_an_interval_lies_within_what_is_possible(rows, seed):
    gain, fact = (pd.Series(x) for x in zip(*rows, strict=True))
    low, high = interval(gain, fact, seed=seed)
    assert -1 <= low <= high <= 1
    assert (low, high) == interval(gain, fact, seed=seed)
    assert (low, high) == interval(
        gain[::-1], fact[::-1].map(lambda f: f"renamed {f}"), seed=seed
    ), "neither order nor names matter"
    wide = interval(gain, fact, level=0.99, seed=seed)
    assert wide[0] <= low
    assert high <= wide[1]


def test_ten_thousand_cases_are_no_trouble():
    dice, started = np.random.default_rng(1), time.process_time()
    first, second = (
        table(list(dice.random(10_000) < p), arm) for arm, p in (("one", 0.5), ("two", 0.55))
    )
    assert compare(first, second).verdict == "better"
    assert time.process_time() - started < 20


# --- refused, with a reason -----------------------------------------------------------------------


def refused(match, *args, **kwargs):
    with pytest.raises(ValueError, match=match):
        compare(*args, **kwargs)


def test_what_cannot_be_compared_is_refused():
    ten, nine = table([True] * 10), table([True] * 9, "two")
    refused(
        r"'one' and 'two' were not asked the same cases \(1 differ, as q9\); evaluate both on one"
        r" list",
        ten,
        nine,
    )
    refused(
        "were not asked the same cases",
        ten,
        table([True] * 10, "two", ids=[f"other{i}" for i in range(10)]),
    )
    refused("holds case q1 twice", table([True] * 2, ids=["q1", "q1"]), nine)
    refused(
        r"no column 'colour' in the table of 'one'; it has arm, id, fact, right", ten, ten, "colour"
    )
    refused(
        r"'two' has no 'seen' for 2 of 3 cases; choose the cases that have one",
        table([True] * 3, seen=[True] * 3),
        table([True] * 3, "two", seen=[None, True, None]),
        "seen",
    )
    refused(
        r"has no 'share' for 1 of 2",
        table([True] * 2, share=[0.5, math.nan]),
        table([True] * 2, "two", share=[0.5, 0.5]),
        "share",
    )
    nobody = ten[~ten["right"].astype(bool)]
    refused("a table without rows; look at what it was filtered by", nobody, nine)
    refused("nothing to compare", [], nine)
    refused(r"the 2 seeds of 'one' were not asked the same cases", [ten, table([True] * 9)], ten)
    refused(
        r"3 seeds against 2: give both systems the same number of seeds, or one of them a"
        r" single run",
        [ten] * 3,
        [ten] * 2,
    )


# --- several seeds, several systems ---------------------------------------------------------------


def test_seeds_are_averaged_and_their_noise_counts():
    base = table([True, False] * 20)
    steady = [table([True, True, False, True] * 10, "two")] * 3
    lucky = [
        table(right, "two")
        for right in ([True] * 40, [True, True, False, True] * 10, [True, False] * 20)
    ]
    one, calm, torn = compare(base, steady[0]), compare(base, steady), compare(base, lucky)
    assert (one.low, one.high, one.p * 3) == (calm.low, calm.high, calm.p), (
        "three times the same run is no news"
    )
    assert torn.difference == pytest.approx(0.25) == calm.difference
    assert len(torn.p) == 3
    assert (torn.only_first, torn.only_second) == (pytest.approx(10 / 3), pytest.approx(40 / 3)), (
        "means over seeds: 0, 10 and 0 lost, 20, 20 and 0 won"
    )
    assert torn.high - torn.low > 1.5 * (calm.high - calm.low)
    assert torn.verdict == "cannot tell"
    both = compare([base, base, base], steady)
    assert both.p == calm.p, "a single run goes against every seed"
    assert both.low == calm.low, "a single run goes against every seed"


def test_seeds_that_differ_more_than_the_systems_ask_for_more_seeds():
    base = table([True, False] * 50)
    far_apart = [table([i < k for i in range(100)], "two") for k in (20, 90, 50)]
    found = compare(base, far_apart)
    assert found.verdict == "cannot tell"
    assert found.difference > 0
    assert found.n_to_settle is None
    assert "run more seeds" in str(found)


def test_several_comparisons_at_once_widen_every_interval():
    first, second = won(60, 14, 4)
    alone, *three = compare(first, second), *compare_all(first, [second] * 3)
    assert alone.level == 0.95
    assert {c.level for c in three} == {1 - 0.05 / 3}
    assert all(c.low < alone.low and alone.high < c.high for c in three)
    assert alone.verdict == "better", "what looks clear alone need not be clear among three"
    assert three[0].verdict == "cannot tell", "what looks clear alone need not be clear among three"


def test_names_of_a_mapping_are_shown():
    first, second = won(60, 14, 4)
    found = compare_all(first, {"64 rows": second, "256 rows": [second, second]})
    assert [c.second for c in found] == ["64 rows", "256 rows"]
    assert str(found[0]).startswith("64 rows against one: ")
    assert compare_all(first, second) == [compare(first, second)]
    assert compare_all(first, []) == []
    lines = as_table(found)
    assert lines["difference"].tolist() == pytest.approx([1 / 6] * 2)
    assert lines.loc[0, ["only first right", "only second right"]].tolist() == [4, 14]


def test_a_comparison_says_what_it_found():
    clear, unclear = str(compare(*won(20, 10, 2))), str(compare(*won(20, 4, 2)))
    assert clear.startswith("two against one: is better. right +40.0 points (")
    assert "right in two only 10, in one only 2 (exact McNemar p = 0.039)" in clear
    assert "cannot tell" in unclear
    assert "about " in unclear
    assert "cases would settle it" in unclear
    assert "settle" not in clear
    assert "p < .001" in str(compare(*won(40, 30, 0)))


# --- how many would settle it ---------------------------------------------------------------------


@given(st.integers(10, 1000), st.floats(0.01, 0.9), st.floats(0.01, 0.5), st.floats(1.01, 5))
def test_smaller_differences_and_wider_intervals_need_more_cases(n, difference, half_width, factor):
    needed = cases_to_settle(difference, half_width, n)
    assert needed == cases_to_settle(-difference, half_width, n) > n
    assert needed <= cases_to_settle(difference / factor, half_width, n)
    assert needed <= cases_to_settle(difference, half_width * factor, n)
    lasting = cases_to_settle(difference, half_width, n, lasting=difference / 4)
    assert lasting is None or lasting >= needed


def test_no_difference_needs_no_number():
    assert cases_to_settle(0.0, 0.1, 100) is None
    assert cases_to_settle(-0.0, 0.1, 100) is None
    assert cases_to_settle(0.1, 0.1, 100, lasting=0.05) is None, "the seeds alone hide it"
    assert cases_to_settle(0.1, 0.1, 100) == math.ceil(100 * (2.8015852 / 1.9599640) ** 2)
