"""Warming the course: what is warm is passed over, what failed is said, and nothing reaches the
learner's journal."""

from __future__ import annotations

import json
import time

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.commands.workshop import warm


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Two toy notebooks, 77 and 78, whose only code is what is written into them."""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(notebooks.settings, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path)
    monkeypatch.setattr(warm, "MINUTES", tmp_path / "minutes.json")
    monkeypatch.setattr(warm, "state_of", lambda source: source.read_text())

    def write(number, code):
        (tmp_path / f"{number}_toy.py").write_text(code)
        cells = [
            nbformat.v4.new_markdown_cell("# Title"),
            nbformat.v4.new_code_cell("import os, time"),
            nbformat.v4.new_markdown_cell("## Train\n\nwords"),
            nbformat.v4.new_code_cell(code),
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{number}_toy.ipynb")

    write("77", "1 + 1")
    write("78", "2 + 2")
    return write


@pytest.fixture
def ran(course, monkeypatch):
    """The notebooks that are executed, by their code; "1 / 0" fails."""
    said = []

    def execute(book, hooks, **more):
        said.append(book.cells[-1].source)
        for place, cell in enumerate(book.cells):
            hooks["on_cell_start"](cell=cell, cell_index=place)
            time.sleep(0.002)
            hooks["on_cell_executed"](cell=cell, cell_index=place, execute_reply={})
        if said[-1] == "1 / 0":
            from nbclient.exceptions import CellExecutionError

            raise CellExecutionError("in the cell", "ZeroDivisionError", "division by zero")

    monkeypatch.setattr(notebooks, "execute", execute)
    return said


def test_what_is_warm_already_is_passed_over(ran, capsys):
    warm.warm([])
    warm.warm([])
    assert ran == ["1 + 1", "2 + 2"]
    assert "[2/2] 78_toy: warm already" in capsys.readouterr().out


def test_a_changed_notebook_is_warmed_again(course, ran):
    warm.warm([])
    course("78", "3 + 3")
    warm.warm([])
    assert ran[2:] == ["3 + 3"]


def test_again_means_all_of_them(ran):
    warm.warm([])
    warm.warm([], again=True)
    assert len(ran) == 4


def test_a_failing_notebook_stops_no_other_and_is_tried_next_time(course, ran, capsys):
    course("77", "1 / 0")
    assert warm.warm([]) == 1
    assert "failed: 77" in capsys.readouterr().err
    assert warm.warm([]) == 1
    assert ran == ["1 / 0", "2 + 2", "1 / 0"]


def test_measuring_tells_cold_from_warm_by_section(course, ran, tmp_path):
    assert warm.measure(["78"], tmp_path / "caches") == 0
    assert ran == ["2 + 2", "2 + 2"]
    row = json.loads(warm.MINUTES.read_text())["notebooks"]["78_toy"]
    assert list(row["cold"]) == list(row["warm"]) == ["", "Train"]
    assert list(row["processor"]) == ["cold", "warm"]


def test_measuring_one_notebook_keeps_the_lines_of_the_others(course, ran, tmp_path):
    warm.measure(["77"], tmp_path / "caches")
    warm.measure(["78"], tmp_path / "caches")
    assert list(json.loads(warm.MINUTES.read_text())["notebooks"]) == ["77_toy", "78_toy"]


def test_seconds_go_to_the_section_that_spent_them(course):
    course("77", "time.sleep(0.3)")
    seconds, _, problem = warm.timed(notebooks.sources(["77"])[0], "")
    assert problem == ""
    assert seconds["Train"] >= 0.3


@pytest.mark.parametrize(
    ("code", "busy"), [("while time.process_time() < 3: pass", True), ("time.sleep(3)", False)]
)
def test_seconds_of_a_processor_are_those_it_worked(course, code, busy):
    course("77", code)
    _, processor, _ = warm.timed(notebooks.sources(["77"])[0], "")
    assert (processor >= 2.9) == busy


def test_the_journal_of_a_warm_run_is_not_the_learners(course, tmp_path, my_work):
    out = tmp_path / "seen"
    course("77", f"open({str(out)!r}, 'w').write(os.environ['WORKBOOK_MY_WORK'])")
    warm.warm(["77"])
    assert out.read_text() not in ("", str(my_work))


def test_a_long_silence_is_broken(monkeypatch, capsys):
    monkeypatch.setattr(warm, "SIGN_OF_LIFE_SECONDS", 0.01)
    with warm.sign_of_life() as at:
        at("cell 3 of 9 · Train")
        time.sleep(0.1)
    assert "cell 3 of 9 · Train" in capsys.readouterr().out


def test_the_state_follows_the_notebook_and_the_number_format(monkeypatch):
    sources = notebooks.sources()[:2]
    monkeypatch.setenv("WORKBOOK_DTYPE", "float32")
    first = [warm.state_of(source) for source in sources]
    monkeypatch.setenv("WORKBOOK_DTYPE", "bfloat16")
    assert len({*first, warm.state_of(sources[0])}) == 3
