"""The pictures of a release say in words what they show."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from helpers.commands.bench.serving import rows_of
from helpers.plots.release import (
    canary_evidence,
    canary_setting,
    drift_days,
    gate_power,
    serving_costs,
)
from helpers.release.canary import what_if
from helpers.release.gate import plan_gate, power
from helpers.release.serving import Serving

DAYS = [dt.date(2026, 5, d) for d in (4, 5, 6)]
RIGHT = {"champion": [True, True, False] * 20, "bad": [False] * 60, "good": [True] * 60}


def test_a_gate_says_how_often_equals_and_losers_pass():
    plan = plan_gate(60, 0.2)
    table = power(plan)
    alt = gate_power(plan).alt
    assert f"{100 * table['passes'].iloc[0]:.0f} % of equal candidates passing" in alt


def test_the_power_falls_with_what_is_lost():
    assert power(plan_gate(60, 0.2))["passes"].is_monotonic_decreasing


def test_a_canary_says_where_it_ended():
    bad, good = (what_if(RIGHT, name, tickets=300) for name in ("bad", "good"))
    assert canary_evidence([good, bad]).alt == (
        f"good: no harm shown; bad: stopped at ticket {bad.report.stopped_at}. good ends unstopped"
        f" at ticket 300; bad is stopped at ticket {bad.report.stopped_at}."
    )


def test_a_setting_of_the_lab_says_what_became_of_it():
    alt = canary_setting(what_if(RIGHT, "good", share=0.5, tickets=250)).alt
    assert alt.startswith("Good on 50 % of the traffic: no harm shown in 250 tickets. champion")


def test_a_setting_of_the_lab_keeps_its_numbers():
    case = what_if(RIGHT, "bad", share=0.5, tickets=250)
    table = canary_setting(case).table
    assert table.loc["canary", "wrong"] == table.loc["canary", "n"] == case.report.canary.sum()


def test_a_canary_to_which_nobody_went_is_drawn():
    case = what_if(RIGHT, "good", share=0.001, tickets=5)
    assert canary_setting(case).table.loc["canary", "n"] == 0


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ([0.5, 0.01, 0.001], "The new is noticed on its first day; alarms before it: 0"),
        ([0.01, 0.5, 0.001], "The new is noticed after 1 days; alarms before it: 1"),
        ([0.5, 0.5, 0.5], "The new is noticed never; alarms before it: 0"),
    ],
)
def test_a_monitor_says_when_it_noticed(text, title):
    looks = pd.DataFrame({"day": DAYS, "text": text, "labels": [0.9, 0.4, 0.3]})
    looks["alarm"] = looks["text"] <= 0.025
    assert drift_days(looks, 0.05, {"new": DAYS[1]}).alt.startswith(title)


def test_a_picture_keeps_its_numbers():
    looks = pd.DataFrame({"day": DAYS, "text": [0.5, 0.01, 0.001], "alarm": [False, True, True]})
    assert drift_days(looks, 0.05, {"new": DAYS[1]}).table.equals(looks)


def test_serving_says_how_many_times_as_long_each_way_takes():
    seconds = {f"{what}, bare": 1.0 for what in ("read", "write")}
    seconds |= {f"{what}, beside": 1.5 for what in ("read", "write")}
    picture = serving_costs(Serving({"rows": rows_of(1, [seconds])}))
    assert picture.table.loc[1, "times"].max() == 1.5
    assert "takes 1.5 times as long (1 at once)" in picture.alt
