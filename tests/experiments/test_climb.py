"""The running score counts the same questions after every step, and agrees with what else was
measured on them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from helpers.data.questions import load_questions
from helpers.experiments import chunking_grid, climb


@pytest.fixture(scope="module")
def table():
    return climb.load_climb()


def test_it_was_measured_on_the_questions_of_the_grid(documents, table):
    asked = climb.the_questions(load_questions("dev", documents))
    assert [case.id for case in asked] == table.attrs["ids"]
    assert all(case.gold.answers for case in asked), "each has an answer, so silence scores nothing"


@pytest.mark.parametrize(("step", "setting"), climb.IN_THE_GRID.items())
def test_a_step_of_the_search_is_as_right_as_its_setting_in_the_grid(table, step, setting):
    row = chunking_grid.row_of(chunking_grid.load_grid(), setting)
    assert table.loc[step, "right"] == row["right"].count("1")


def test_steps_come_in_the_order_of_the_course_and_stand_on_earlier_ones():
    names = [step.name for step in climb.STEPS]
    systems = [step for step in climb.STEPS if not step.ceiling]
    assert [s.notebook for s in systems] == sorted(s.notebook for s in systems)
    assert all(step.on in names[:i] for i, step in enumerate(climb.STEPS) if i)


def test_what_was_not_measured_says_why_and_has_no_number(table):
    assert "first" in table.loc["rights and dates in the search", "hollow"]
    assert (table["right"].isna() == (table["hollow"] != "")).all()


def test_a_gain_is_counted_on_the_same_questions(table):
    gain = table.loc["cut at sentences", "gain"]
    assert gain.n == table["n"].iloc[0]
    rights = table["right"]
    fewer = rights["cut at sentences"] - rights["search: one passage"]
    assert round(gain.difference * gain.n) == fewer


def test_one_system_has_a_row_for_every_sample_with_its_n():
    rows = climb.same_arm()
    assert set(rows.loc["RAG, one passage", "notebook"]) == {"02", "07", "08"}
    assert (rows["right"] <= rows["n"]).all()


def test_samples_are_taken_from_the_findings(tmp_path):
    finding = {"value": 0.5, "low": 0.2, "high": 0.8, "n": 8}
    (tmp_path / "f.json").write_text(json.dumps({"findings": {"02.rag/RAG": finding}}))
    rows = climb.same_arm(tmp_path / "f.json").loc["RAG, one passage"]
    assert list(rows.iloc[0]) == ["dev, every question with an answer", "02", 4, 8, "20 to 80 %"]


def saved(tmp_path, **right):
    """A climb in which each step is right on so many of three questions."""
    steps = [{"name": n, "right": "1" * k + "0" * (3 - k)} for n, k in right.items()]
    path = tmp_path / "climb.json"
    path.write_text(json.dumps({"ids": [], "facts": ["a", "b", "c"], "steps": steps}))
    return path


@pytest.mark.parametrize(
    ("right", "untuned", "best"),
    [
        ({"closed book": 0, "cut at sentences": 2, "tuned reader": 1}, False, "cut at sentences"),
        ({"closed book": 0, "cut at sentences": 1, "tuned reader": 2}, False, "tuned reader"),
        ({"closed book": 0, "cut at sentences": 1, "tuned reader": 2}, True, "cut at sentences"),
        ({"cut at sentences": 1, "the right passage, same reader": 3}, False, "cut at sentences"),
        ({"closed book": 2, "cut at sentences": 2}, False, "closed book"),
    ],
)
def test_the_best_step_is_a_system_with_the_most_right_answers(tmp_path, right, untuned, best):
    assert climb.best_step(saved(tmp_path, **right), untuned) == best


def test_questions_of_the_climb_are_known_in_their_words(documents):
    (first, *_) = climb.the_questions(load_questions("dev", documents))
    other = replace(first, ask=replace(first.ask, input="May I bring a goat?"))
    shouted = replace(first, ask=replace(first.ask, input=first.ask.input.upper()))
    assert climb.known([first, shouted, other]) == 2
