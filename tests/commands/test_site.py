"""The course as a web site: solutions folded below their exercises, every link checked, nothing
executed."""

from __future__ import annotations

import re

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.commands.workshop import site

SOURCES = notebooks.sources()
(FIRST,) = notebooks.sources(["00"])


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_each_exercise_has_its_solution_folded_below(source):
    cells = site.with_folded_solutions(source).cells
    folded = [place for place, cell in enumerate(cells) if cell.id.endswith("-solution")]
    assert folded
    assert all("hide-cell" in cells[place].metadata.tags for place in folded)
    assert all("your code here" in cells[place - 1].source for place in folded)
    assert not any("your code here" in cells[place].source for place in folded)


def test_outputs_are_those_of_the_saved_notebook():
    saved = nbformat.read(notebooks.learner_path(FIRST), 4)
    made = site.with_folded_solutions(FIRST)
    kept = [cell.outputs for cell in made.cells if cell.get("outputs") and "-sol" not in cell.id]
    assert kept == [cell.outputs for cell in saved.cells if cell.get("outputs")]


def test_what_a_page_links_to_comes_along(tmp_path):
    site.write_sources(tmp_path / "source", SOURCES[:2])
    lost = [
        f"{page.name}: {link}"
        for page in (tmp_path / "source").rglob("*.md")
        for link in site._links(page)
        if not (tmp_path / "source" / link).exists() and not re.search(r"\d\d_\w+\.ipynb", link)
    ]
    assert lost == []


def test_the_first_page_names_every_notebook():
    text = site._index(SOURCES)
    assert [source.stem for source in SOURCES if f"notebooks/{source.stem}" not in text] == []


@pytest.fixture
def pages(tmp_path):
    """A small site in which every link leads somewhere; returns a function that adds one to it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.html").write_text('<h1 id="top">B</h1><a href="../index.html#x">up</a>')

    def with_link(link):
        (tmp_path / "index.html").write_text(f'<p id="x"></p><a href="{link}">there</a>')
        return list(site.broken_links(tmp_path))

    return with_link


@pytest.mark.parametrize("link", ["a/b.html", "a/b.html#top", "#x", "https://example.org/x", "a/"])
def test_a_link_that_leads_somewhere_is_left_alone(pages, tmp_path, link):
    (tmp_path / "a" / "index.html").write_text("")
    assert pages(link) == []


@pytest.mark.parametrize("link", ["gone.html", "a/b.html#gone", "#gone", "a/gone.png"])
def test_a_link_that_leads_nowhere_is_named_with_its_page(pages, link):
    assert pages(link) == [f"index.html: {link}"]


def test_without_its_tools_it_says_how_to_get_them(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(__import__("sys").modules, "sphinx.cmd.build", None)
    assert site.site(tmp_path) == 2
    assert "[site]" in capsys.readouterr().err
