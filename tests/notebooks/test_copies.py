"""The learner's own copies: same code, no answer to a guess, links that lead somewhere, and nothing
the learner wrote is ever lost."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import unquote

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.core import settings

SOURCES = notebooks.sources()
IDS = [source.stem for source in SOURCES]
every_notebook = pytest.mark.parametrize("source", SOURCES, ids=IDS)


@every_notebook
def test_a_copy_has_the_very_code_of_the_notebook(source):
    tracked = nbformat.read(notebooks.learner_path(source), 4)
    copy = notebooks.learner_copy(source)
    assert [(c.id, c.cell_type, c.metadata) for c in copy.cells] == [
        (c.id, c.cell_type, c.metadata) for c in tracked.cells
    ]
    assert [c.source for c in copy.cells if c.cell_type == "code"] == [
        c.source for c in tracked.cells if c.cell_type == "code"
    ]


@every_notebook
def test_no_output_answers_a_guess(source):
    """Whatever draws, tabulates or prints what was guessed comes after `predict`."""
    cells = notebooks.learner_copy(source).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    first = next(i for i, cell in enumerate(code) if "\npredict(" in f"\n{cell.source}")
    left = [output for cell in code[first:] for output in cell.outputs]
    assert [o for o in left if "not attempted" not in o.get("data", {}).get("text/plain", "")] == []


def test_what_was_shown_before_the_first_guess_stays():
    (source,) = notebooks.sources(["03"])
    assert any(cell.get("outputs") for cell in notebooks.learner_copy(source).cells[:5])


@every_notebook
def test_links_lead_to_files_from_where_the_copy_lies(source, my_work):
    notebooks.make_copies()
    path = notebooks.copy_path(source)
    text = "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:|#)([^)\s#]+)", text)
    assert [one for one in links if not (path.parent / unquote(one)).is_file()] == []
    assert all((path.parent / one).parent == path.parent for one in links if ".ipynb" in one), (
        "from copy to copy, not back to the tracked notebooks"
    )


def test_the_glossary_is_linked_from_my_work_in_the_workbook(monkeypatch):
    monkeypatch.delenv("WORKBOOK_MY_WORK")
    (source,) = notebooks.sources(["00"])
    assert "](../../notebooks/GLOSSARY.md)" in str(notebooks.learner_copy(source))


def test_missing_copies_are_made_and_those_there_are_left_alone(my_work):
    notebooks.make_copies()
    mine, other = (notebooks.copy_path(source) for source in SOURCES[:2])
    mine.write_text("what I wrote")
    other.unlink()
    notebooks.make_copies()
    assert mine.read_text() == "what I wrote"
    assert other.is_file()


def test_a_newer_notebook_of_the_course_is_named_and_not_forced(my_work, capsys):
    notebooks.make_copies()
    assert capsys.readouterr().err == ""
    path = notebooks.copy_path(SOURCES[2])
    book = json.loads(path.read_text(encoding="utf-8"))
    book["metadata"]["workbook"]["source_sha256"] = "of last year"
    path.write_text(json.dumps(book), encoding="utf-8")
    before = path.read_bytes()
    notebooks.make_copies()
    assert "newer notebook than your copy of 02;" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_reset_makes_a_copy_anew_and_saves_the_old_one_each_time(my_work):
    path = notebooks.copy_path(SOURCES[0])
    notebooks.reset(["00"])
    fresh = path.read_bytes()
    for number, written in enumerate(("first try", "second try"), start=1):
        path.write_text(written)
        notebooks.reset(["00"])
        assert path.read_bytes() == fresh
        saved = path.with_name(f"00_start_here.before-reset-{number}.ipynb")
        assert saved.read_text() == written


def test_reset_saves_nothing_where_nothing_was_written(my_work, capsys):
    notebooks.reset([])
    notebooks.reset([])
    assert len(list((my_work / "notebooks").iterdir())) == len(SOURCES)
    assert "is new already" in capsys.readouterr().out


def test_reset_of_an_unknown_notebook_touches_none(my_work):
    notebooks.reset(["00"])
    notebooks.copy_path(SOURCES[0]).write_text("mine")
    assert notebooks.main(["reset", "00", "99"]) == 2
    assert notebooks.copy_path(SOURCES[0]).read_text() == "mine"


@pytest.mark.skipif(
    os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write anywhere"
)
def test_a_my_work_that_cannot_be_written_is_named(my_work, capsys):
    my_work.mkdir()
    my_work.chmod(0o500)
    assert notebooks.main(["copies"]) == 2
    assert settings.shown(my_work) in capsys.readouterr().err
