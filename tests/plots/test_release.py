"""The pictures of a release say in words what they show."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from helpers.plots.release import canary_evidence, drift_days, gate_power

DAYS = [dt.date(2026, 5, d) for d in (4, 5, 6)]


def test_a_gate_says_how_often_equals_and_losers_pass():
    table = pd.DataFrame({"loss": [0.0, 0.1, 0.2], "passes": [0.97, 0.5, 0.03]})
    alt = gate_power(table, 0.2, "T").alt
    assert "97 % of equal candidates passing to 3 % of those that lose the margin" in alt


def test_a_canary_says_where_it_ended():
    alt = canary_evidence({"good": [1.0, 0.5], "bad": [4.0, 9.0, 25.0]}, 20, "T").alt
    assert alt == "T. good ends unstopped at ticket 2; bad is stopped at ticket 3."


def test_a_monitor_says_which_signal_cried_when():
    looks = pd.DataFrame({"day": DAYS, "text": [0.5, 0.01, 0.001], "labels": [0.9, 0.4, 0.3]})
    alt = drift_days(looks, 0.025, {"new": DAYS[1]}, "T").alt
    assert alt == "T. Alarms: text from 2026-05-05; labels never."


def test_a_picture_keeps_its_numbers():
    looks = pd.DataFrame({"day": DAYS, "text": [0.5, 0.01, 0.001]})
    assert drift_days(looks, 0.025, {}, "T").table.equals(looks)
