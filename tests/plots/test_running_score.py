"""The climb shows what a learner has met, and nothing of what comes later."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.plots import running_score


def step(name, notebook, on="", right=None, **more):
    n = 60
    known = {} if right is None else {"right": right, "share": right / n, "low": 0.1, "high": 0.4}
    empty = {"hollow": "", "ceiling": False, "right": None, "low": None, "high": None}
    return {"name": name, "notebook": notebook, "on": on, "n": n, **empty, **known, **more}


@pytest.fixture
def climb():
    rows = [
        step("closed book", "00", right=1),
        step("search", "02", "closed book", 6),
        step("rights", "04", "search", hollow="never left out"),
        step("tuned reader", "08", "search", 15),
        step("the right passage", "08", "tuned reader", 31, ceiling=True),
    ]
    return pd.DataFrame(rows).set_index("name")


def test_the_title_counts_up_to_this_notebook_only(climb):
    assert running_score.running_score(climb, "02").alt == (
        "The climb: 1 of 60 from memory, 6 after: search (10 to 40 %)."
    )


def test_the_ceiling_is_no_system(climb):
    assert "15 after: tuned reader" in running_score.running_score(climb, "12").alt


def test_the_numbers_of_later_steps_are_not_in_the_picture(climb):
    assert list(running_score.running_score(climb, "04").table.index) == [
        "closed book",
        "search",
        "rights",
    ]


def test_04b_comes_after_04_and_before_05(climb):
    assert len(running_score.so_far(climb, "04b")) == 3
    assert len(running_score.so_far(climb, "03")) == 2


def test_what_was_not_measured_is_drawn_with_its_reason(climb, monkeypatch):
    said = []
    from matplotlib.axes import Axes

    text = Axes.text
    monkeypatch.setattr(Axes, "text", lambda *args, **kw: said.append(args[3]) or text(*args, **kw))
    running_score.running_score(climb, "04")
    assert "never left out" in said
    assert "notebook 08" in said
