"""A learner's copy brought to a checkpoint: what stands before it is the course's, solved, and what
the learner wrote is still there."""

from __future__ import annotations

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.commands.workshop import catch_up, sections
from helpers.commands.workshop.__main__ import main

(SOURCE,) = notebooks.sources(["05"])
HEADINGS = sections.headings_of(SOURCE)
TRAIN = str(HEADINGS.index("With training") + 1)
SOLVED = notebooks.solved_copy(SOURCE)
COURSE = notebooks.learner_copy(SOURCE)
STUBS = [a.id for a, b in zip(COURSE.cells, SOLVED.cells, strict=True) if a.source != b.source]


@pytest.fixture
def copy(my_work):
    """Reads and changes the learner's copy of notebook 05."""
    notebooks.make_copies()
    path = notebooks.copy_path(SOURCE)

    class Copy:
        def read(self):
            return nbformat.read(path, 4)

        def change(self, id, **how):
            book = self.read()
            cell = next(cell for cell in book.cells if cell.id == id)
            cell.update(how)
            nbformat.write(book, path)

        def add_below(self, id, text):
            book = self.read()
            place = [cell.id for cell in book.cells].index(id)
            book.cells.insert(place + 1, nbformat.v4.new_code_cell(text, id="mine"))
            nbformat.write(book, path)

        def sources(self):
            return {cell.id: cell.source for cell in self.read().cells}

        def saved(self):
            return sorted(path.parent.glob("05_*.before-catch-up-*.ipynb"))

    return Copy()


def test_everything_before_the_checkpoint_is_shown_as_it_ran(copy):
    assert main(["catch-up", "05", TRAIN]) == 0
    book = copy.read()
    limit = [cell.id for cell in book.cells].index(id_of("With training"))
    shown = [cell for cell in book.cells[:limit] if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in shown)
    assert [c.outputs for c in shown] == [
        c.outputs for c in SOLVED.cells[:limit] if c.cell_type == "code"
    ]


def test_what_stands_after_the_checkpoint_is_untouched(copy):
    before = copy.read()
    main(["catch-up", "05", TRAIN])
    limit = [cell.id for cell in before.cells].index(id_of("With training"))
    assert copy.read().cells[limit:] == before.cells[limit:]


def test_at_the_end_every_exercise_is_solved(copy):
    main(["catch-up", "05", "end"])
    text = copy.sources()
    assert STUBS
    assert all(text[id] == next(c.source for c in SOLVED.cells if c.id == id) for id in STUBS)


def test_a_right_exercise_stays_the_learners_own(copy):
    copy.change(STUBS[0], source="mine = 'my own way'")
    place = [c.id for c in COURSE.cells].index(STUBS[0])
    check = next(c.id for c in COURSE.cells[place:] if ".check(" in c.source)
    output = nbformat.v4.new_output("display_data", {"text/plain": "Exercise 05.1: right. Good."})
    copy.change(check, outputs=[output])
    main(["catch-up", "05", "end"])
    assert copy.sources()[STUBS[0]] == "mine = 'my own way'"


def test_an_unfinished_exercise_stands_folded_below_the_solution(copy):
    copy.change(STUBS[0], source="half = '''```python'''")
    main(["catch-up", "05", "end"])
    text = copy.sources()
    assert "half" not in text[STUBS[0]]
    assert "````python\nhalf = '''```python'''\n````" in text[f"{STUBS[0]}-yours"]


def test_cells_of_ones_own_stay_where_they_were(copy):
    copy.add_below(STUBS[0], "print('a note of mine')")
    main(["catch-up", "05", "end"])
    ids = [cell.id for cell in copy.read().cells]
    assert ids[ids.index(STUBS[0]) + 1] == "mine"


def test_the_old_file_is_saved_whole_each_time(copy):
    copy.change(STUBS[0], source="half = 1")
    before = notebooks.copy_path(SOURCE).read_bytes()
    main(["catch-up", "05", TRAIN])
    main(["catch-up", "05", "end"])
    assert len(copy.saved()) == 2
    assert copy.saved()[0].read_bytes() == before


def test_who_is_there_already_gets_no_second_file(copy, capsys):
    main(["catch-up", "05", TRAIN])
    main(["catch-up", "05", TRAIN])
    assert len(copy.saved()) == 1
    assert "is there already" in capsys.readouterr().out


def test_a_copy_of_another_edition_is_saved_and_none_of_its_cells_moved(copy, capsys):
    book = copy.read()
    book.metadata["workbook"]["source_sha256"] = "of last year"
    book.cells[3].source = "from last year"
    nbformat.write(book, notebooks.copy_path(SOURCE))
    main(["catch-up", "05", "end"])
    assert "another edition" in capsys.readouterr().out
    assert "from last year" not in str(copy.read())
    assert "from last year" in copy.saved()[0].read_text(encoding="utf-8")


def test_who_has_no_copy_gets_one(my_work):
    assert main(["catch-up", "05", "2"]) == 0
    assert notebooks.copy_path(SOURCE).is_file()


@pytest.mark.parametrize("section", ["0", "99", "-1", "training"])
def test_a_section_that_is_not_there_changes_nothing(copy, section, capsys):
    before = notebooks.copy_path(SOURCE).read_bytes()
    assert catch_up_fails(section)
    assert f"has sections 1 to {len(HEADINGS)}" in capsys.readouterr().err
    assert notebooks.copy_path(SOURCE).read_bytes() == before


def test_a_copy_that_is_no_notebook_is_named(copy, capsys):
    notebooks.copy_path(SOURCE).write_text("{half")
    assert catch_up_fails("2")
    assert "cannot be read" in capsys.readouterr().err
    assert notebooks.copy_path(SOURCE).read_text() == "{half"


def test_checkpoints_are_listed_by_name(capsys):
    assert main(["catch-up", "05"]) == 0
    assert f"{TRAIN}  With training\n" in capsys.readouterr().out


@pytest.mark.parametrize("source", notebooks.sources(), ids=lambda source: source.stem)
def test_every_heading_of_every_notebook_is_a_checkpoint(source):
    positions = [
        catch_up._limit(source, str(n + 1))[0] for n in range(len(sections.headings_of(source)))
    ]
    assert positions == sorted(set(positions))


def id_of(heading):
    return next(cell.id for cell in COURSE.cells if cell.source.startswith(f"## {heading}"))


def catch_up_fails(section):
    return main(["catch-up", "05", "--", section]) == 2
