"""The monitor looks once a day, at the tickets of three days, and at no label."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest

from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.release.drift import Monitor, Window, watch, window_of

FIRST = dt.date(2026, 5, 4)
TICKETS = [(FIRST + dt.timedelta(days=n), n) for n in (3, 0, 1, 0, 5)]


@pytest.fixture
def looked():
    """(the table of `watch`, the tickets of each look)."""
    seen = []

    def window(tickets):
        seen.append(sorted(tickets))
        return Window(labels=["a"] * len(tickets))

    return watch(Monitor(Window(labels=["a"] * 9)), TICKETS, window), seen


def test_every_day_with_tickets_is_looked_at_in_order(looked):
    assert looked[0]["day"].tolist() == sorted({day for day, _ in TICKETS})


def test_a_look_holds_three_days(looked):
    assert looked[1] == [[0, 0], [0, 0, 1], [1, 3], [3, 5]]


def test_a_look_has_its_signals_and_whether_it_alarms(looked):
    assert set(looked[0]) == {"day", "labels", "alarm"}


CASES = [
    Case(Ask(f"t{n}", f"message {n}"), Gold(output={"category": "gold"}), "written", f"t{n}", "dev")
    for n in range(3)
]


def answered(asks):
    return [Prediction(ask.id, json.dumps({"category": "said"})) for ask in asks]


def test_a_window_holds_what_the_system_says_not_the_label(made_vectors):
    assert window_of(CASES, Arm("toy", answered), "category").labels == ["said"] * 3


def test_a_window_holds_a_vector_for_each_text(made_vectors):
    window = window_of([*CASES, replace(CASES[0])], Arm("toy", answered), "category")
    assert window.vectors.shape[0] == 4
    assert np.array_equal(window.vectors[0], window.vectors[3])
