"""What the README says that the notebooks found is read from their outputs alone."""

from __future__ import annotations

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.commands.workshop import found

SAID = """Twelve lead. share right: RAG 15 % (8 to 26 %, n = 60); RAG, 3 passages 13 % (7 to 24 %,
n = 60). oracle against RAG: is better. right +13.3 points (+1.8 points to +24.9 points at 98.33 %),
n = 60. tuned against plain: cannot tell. right -0.4 points (-13.1 points to +11.9 points at 95 %).
With the search: cannot tell (+12 points, -0 to +23). Again: 3 of 7. Again: 4 of 7. In 124 s."""


@pytest.fixture(autouse=True)
def toy(tmp_path, monkeypatch):
    """A built notebook 77 that says this."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "77_toy.py").touch()
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(notebooks.settings, "NOTEBOOKS", tmp_path)
    output = nbformat.v4.new_output("display_data", data={"text/plain": SAID})
    cell = nbformat.v4.new_code_cell("show()", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "77_toy.ipynb")


@pytest.mark.parametrize(
    ("name", "cells"), [("RAG", "60 | 15 % | 8 to 26"), ("RAG, 3 passages", "60 | 13 % | 7 to 24")]
)
def test_a_bar_gives_n_share_and_interval(name, cells):
    assert found.shown("77", name) == cells


def test_a_comparison_gives_its_verdict_and_points():
    assert found.against("77", "oracle", "RAG") == "better (+13, 2 to 25)"


def test_less_than_a_point_keeps_a_digit():
    assert found.against("77", "tuned", "plain") == "cannot tell (−0.4, −13 to 12)"


def test_a_verdict_in_a_sentence_is_written_in_the_same_form():
    assert found.verdict("77", "With the search: ") == "cannot tell (+12, −0 to 23)"


@pytest.mark.parametrize(
    ("pattern", "said"), [(r"In (\d+) h", "nothing"), (r"Again: (\d) of", "2 different things")]
)
def test_what_the_notebook_does_not_say_once_is_refused(pattern, said):
    with pytest.raises(ValueError, match=f"notebook 77 shows {said} like"):
        found.read("77", pattern)


def test_only_the_parts_between_the_marks_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "README", tmp_path / "README.md")
    part = "<!-- {0}: begin -->\n{1}\n<!-- {0}: end -->\n".format
    found.README.write_text(f"# A\n{part('a', 'old')}## B\n{part('b', 'old')}## C\n")
    made = found.readme({"a": "new\n", "b": "newer\n"})
    assert made == f"# A\n{part('a', 'new')}## B\n{part('b', 'newer')}## C\n"


def test_a_readme_without_marks_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "README", tmp_path / "README.md")
    found.README.write_text("# A\n")
    with pytest.raises(ValueError, match="found: begin"):
        found.readme({"found": "new"})
