"""The rules of a lesson, and its solutions: right as saved, and right when run again."""

from __future__ import annotations

import importlib
import re

import nbformat
import pytest
from support.notebook_runs import code_cells, executed, shared_folder

from helpers.commands import notebooks

SOURCES = notebooks.sources()
IDS = [source.stem for source in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_compared_cells_are_few_and_have_stored_outputs(source):
    book = nbformat.read(notebooks.learner_path(source), 4)
    compared = [
        cell for cell in book.cells if "nbval-check-output" in cell.metadata.get("tags", [])
    ]
    assert 1 <= len(compared) <= 6
    for cell in compared:
        assert re.fullmatch(
            r'exercise\("\d\d[a-z]?\.\d"\)\.check\((\w+|\(\w+(, \w+)+\))\)', cell.source
        ), "compare only what no model and no clock touches"
        (output,) = cell.outputs
        assert "not attempted" in output.data["text/plain"]


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_house_rules_of_a_lesson(source):
    book = notebooks.compose(source, solutions=False)
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    first, last = book.cells[0].source, book.cells[-1].source
    assert 20 <= len(book.cells) <= 50
    assert max(len(text.splitlines()) for text in code) <= 45
    assert max(len(line) for text in code for line in text.splitlines()) <= 100
    assert first.startswith(f"# {notebooks.number_of(source)} · ")
    assert first.splitlines()[0].endswith("?")
    assert all(
        word in first for word in ("Why it matters", "Time:", "Before:", "By the end you can")
    )
    assert "You have seen" in last
    assert (
        re.findall(r"^# - ", "# " + first.replace("\n", "\n# "), re.M).__len__()
        == 3
        == len(re.findall(r"^- ", last, re.M))
    )
    ids = set(re.findall(r'exercise\("(\d\d[a-z]?\.\d)"\)\.check', "\n".join(code)))
    module = f"helpers.exercises.nb{notebooks.number_of(source)}"
    assert ids == set(importlib.import_module(module).EXERCISES)
    assert len(ids) >= 2


def assert_all_right(book):
    # the last output: before it may stand a moving bar
    said = [c.outputs[-1].data["text/plain"] for c in code_cells(book) if ".check(" in c.source]
    assert said
    assert [text for text in said if ": right." not in text] == []


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_saved_solutions_are_right(source):
    book = nbformat.read(notebooks.solution_path(source), 4)
    assert_all_right(book)


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [source for source in SOURCES if notebooks.number_of(source) != "12"],
    ids=lambda source: source.stem,
)
def test_solutions_are_right_when_run(source, request):
    """Not 12: it takes the minutes that it is given each time; its solutions run against a fake
    model in test_capstone."""
    book = executed(notebooks.compose(source, solutions=True), shared_folder(request.config))
    assert_all_right(book)


def test_exercise_ids_in_the_sources_have_solutions():
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        begun = re.findall(r"### BEGIN SOLUTION (\d\d[a-z]?\.\d[a-z]?)", text)
        assert begun == sorted(set(begun))
        assert text.count("### END SOLUTION") == len(begun)
