"""From one source to two executed notebooks: its very cells, clean outputs, rebuilt on a change."""

from __future__ import annotations

import os
import re

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.core import settings

SOURCES = notebooks.sources()
IDS = [source.stem for source in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_products_are_as_new_as_their_source(source):
    assert notebooks.stale(source) == [], "run: python3 workbook.py build"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_products_hold_exactly_the_cells_of_their_source(source):
    for solutions, path in (
        (False, notebooks.learner_path(source)),
        (True, notebooks.solution_path(source)),
    ):
        made, composed = nbformat.read(path, 4), notebooks.compose(source, solutions)
        assert [(c.id, c.cell_type, c.source) for c in made.cells] == [
            (c.id, c.cell_type, c.source) for c in composed.cells
        ]


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_saved_outputs_are_whole_and_clean(source):
    for path in (notebooks.learner_path(source), notebooks.solution_path(source)):
        book = nbformat.read(path, 4)
        assert "widgets" not in book.metadata
        code = [cell for cell in book.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code)
        outputs = [output for cell in code for output in cell.outputs]
        assert outputs
        assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
        assert not re.search(r"/(work|root|home|tmp|Users)/", str(outputs)), path


def test_a_changed_source_is_noticed(tmp_path, monkeypatch):
    for folder in ("src", "solutions"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(notebooks.settings, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(notebooks, "SOLUTIONS", tmp_path / "solutions")
    source = tmp_path / "src" / "77_toy.py"
    source.write_text(
        "# %% [markdown]\n# # Toy\n\n# %%\nx = ...\n### BEGIN SOLUTION 77.1\nx = 6 * 7\n### END"
        " SOLUTION\nprint(x)\n"
    )
    assert len(notebooks.stale(source)) == 2
    assert notebooks.build([]) == 0
    assert notebooks.stale(source) == []
    assert notebooks.build([], check=True) == 0
    learner, solved = (
        nbformat.read(p, 4)
        for p in (notebooks.learner_path(source), notebooks.solution_path(source))
    )
    assert learner.cells[1].outputs[0].text == "Ellipsis\n"
    assert solved.cells[1].outputs[0].text == "42\n"
    assert "6 * 7" not in str(learner)
    assert "your code here" in learner.cells[1].source
    assert "SOLUTION" not in str(solved.cells)
    before = notebooks.learner_path(source).read_bytes()
    assert notebooks.build(["77"]) == 0, "two builds differ"
    assert notebooks.learner_path(source).read_bytes() == before, "two builds differ"
    source.write_text(source.read_text() + "print('more')\n")
    assert len(notebooks.stale(source)) == 2
    assert notebooks.build([], check=True) == 1


def test_saved_outputs_do_not_say_where_the_cache_was(tmp_path, monkeypatch):
    """Built with a cache elsewhere, a notebook says what it says with the one in the workbook:
    .cache/…"""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "elsewhere"))
    path = settings.shown(settings.cache_folder("adapters") / "format-1")
    cell = nbformat.v4.new_code_cell(
        "x",
        outputs=[
            nbformat.v4.new_output(
                "stream", text=f"using {path}\nnot {path.replace('elsewhere', 'elsewhere2')}\n"
            ),
            nbformat.v4.new_output(
                "execute_result",
                data={"text/plain": repr({"at": path}), "text/html": f"<b>{path}</b>"},
            ),
        ],
    )
    stream, result = notebooks.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert (
        stream.text
        == f"using .cache/adapters/format-1\nnot {path.replace('elsewhere', 'elsewhere2')}\n"
    )
    assert result.data == {
        "text/plain": "{'at': '.cache/adapters/format-1'}",
        "text/html": "<b>.cache/adapters/format-1</b>",
    }


def test_unknown_notebook_numbers_are_refused():
    with pytest.raises(ValueError, match="there is no notebook 99"):
        notebooks.sources(["99"])


def test_run_reports_a_failing_notebook(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks.settings, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "sources", lambda numbers: [tmp_path / "77_bad.py"])
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(book, tmp_path / "77_bad.ipynb")
    assert notebooks.run([]) == 1
    said = capsys.readouterr()
    assert re.search(r"77_bad +1 +[\d.]+ +no", said.out)
    assert "ZeroDivisionError" in said.err


def test_references_are_made_in_float32_unless_another_format_is_asked_for(monkeypatch, tmp_path):
    import nbformat

    from helpers.commands import notebooks
    from helpers.core import settings

    source, asked = tmp_path / "77_toy.py", 'import os\nprint(os.environ["WORKBOOK_DTYPE"])\n'
    source.write_text(f"# %%\n{asked}")
    for name in ("SOURCES", "SOLUTIONS"):
        monkeypatch.setattr(notebooks, name, tmp_path / ("" if name == "SOURCES" else "solutions"))
    monkeypatch.setattr(settings, "NOTEBOOKS", tmp_path)
    for wish, found in ((None, "float32"), ("", "float32"), ("bfloat16", "bfloat16")):
        (
            monkeypatch.delenv("WORKBOOK_DTYPE", raising=False)
            if wish is None
            else monkeypatch.setenv("WORKBOOK_DTYPE", wish)
        )
        assert notebooks.build(["77"]) == 0
        assert nbformat.read(tmp_path / "77_toy.ipynb", 4).cells[0].outputs[0].text == f"{found}\n"
        settings.references_in_float32()
        assert os.environ["WORKBOOK_DTYPE"] == found
