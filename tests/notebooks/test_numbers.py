"""A notebook may sit between two numbers and may change its name: links, copies and exercises
follow."""

from __future__ import annotations

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.exercises import exercise

OLD, NEW = "07_facts_dont_stick", "07_facts_stick_then_go_stale"


@pytest.mark.parametrize("number", ["04b", "4b"])
def test_a_letter_belongs_to_the_number(number):
    (source,) = notebooks.sources([number])
    assert notebooks.number_of(source) == "04b"


def test_04b_comes_between_04_and_05():
    numbers = [notebooks.number_of(source) for source in notebooks.sources()]
    assert numbers[numbers.index("04b") - 1 : numbers.index("04b") + 2] == ["04", "04b", "05"]


def test_04_alone_is_not_04b():
    assert [s.stem for s in notebooks.sources(["04"])] == ["04_what_rag_controls"]


def test_an_exercise_of_04b_finds_its_solution(capsys):
    exercise("04b.2").solution()
    assert "math.comb" in capsys.readouterr().out


def test_a_link_to_an_old_name_leads_to_the_copy_under_the_new():
    link = notebooks.LINK.search(f"[07]({OLD}.ipynb)")
    assert notebooks._link_from_copy(link) == f"{NEW}.ipynb"


def test_a_link_to_04b_stays_among_the_copies():
    link = notebooks.LINK.search("[04b](04b_failure_gallery.ipynb)")
    assert notebooks._link_from_copy(link) == "04b_failure_gallery.ipynb"


def test_the_old_name_leads_on_in_the_repository():
    book = nbformat.read(notebooks.settings.NOTEBOOKS / f"{OLD}.ipynb", 4)
    assert f"({NEW}.ipynb)" in book.cells[0].source
    assert f"{NEW}.ipynb" in {notebooks.learner_path(s).name for s in notebooks.sources()}


def test_a_copy_under_the_old_name_moves_with_what_was_written(my_work):
    folder = my_work / "notebooks"
    folder.mkdir(parents=True)
    (folder / f"{OLD}.ipynb").write_text("what I wrote")
    notebooks.make_copies()
    assert (folder / f"{NEW}.ipynb").read_text() == "what I wrote"
    assert not (folder / f"{OLD}.ipynb").exists()
