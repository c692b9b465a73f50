"""What the suite itself does with notebooks: executed once, and still red when one is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from support.notebook_runs import code_cells, executed, group_of

CONFTEST = """
from support.notebook_runs import NotebookRuns

def pytest_configure(config):
    config.pluginmanager.register(NotebookRuns())
"""
CHECKED = {"tags": ["nbval-check-output"]}


def notebook(*cells, outputs=()):
    """Cells of code; those with an expected output are compared with it."""
    made = []
    for number, code in enumerate(cells):
        cell = nbformat.v4.new_code_cell(code, execution_count=1)
        if number < len(outputs) and outputs[number] is not None:
            cell.metadata = nbformat.from_dict(CHECKED)
            cell.outputs = [nbformat.v4.new_output("stream", text=outputs[number])]
        made.append(cell)
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=made, metadata=python)


def test_a_notebook_is_executed_once_in_an_empty_place(tmp_path):
    """Told by a file that each execution adds a line to."""
    count = tmp_path / "count"
    code = f"""
import os
print(os.listdir(), os.environ["WORKBOOK_MY_WORK"])
with open({str(count)!r}, "a") as file:
    file.write("x")
"""
    first, second = (executed(notebook(code), tmp_path) for _ in range(2))
    assert count.read_text() == "x"
    assert first == second
    assert code_cells(first)[0].outputs[0].text.startswith("[] ")


def test_a_notebook_that_writes_beside_itself_is_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"wrote beside itself: \['left.txt'\]"):
        executed(notebook("open('left.txt', 'w').close()"), tmp_path)


def validated(tmp_path, *books):
    """nbval's verdicts on these notebooks, through the shared execution."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for number, book in enumerate(books):
        nbformat.write(book, tmp_path / f"{number}.ipynb")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "--nbval-lax", "-q", "--color=no", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
    ).stdout


def test_nbval_sees_what_was_executed_and_can_be_red(tmp_path):
    """One of each: a wrong output, an error, and the cell after it, which nbval runs all the
    same."""
    cells = "x = 6 * 7", "print(x)", "print(x)", "1 / 0", "print(x)"
    said = validated(tmp_path, notebook(*cells, outputs=(None, "42\n", "41\n", None, "42\n")))
    assert "2 failed, 3 passed" in said
    assert "ZeroDivisionError" in said
    assert "Cell outputs differ" in said


def test_two_files_with_the_same_code_are_one_execution(tmp_path):
    count = tmp_path / "count"
    book = notebook(f"with open({str(count)!r}, 'a') as file: _ = file.write('x')")
    assert "2 passed" in validated(tmp_path, book, book)
    assert count.read_text() == "x"


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("notebooks/03_chunking_lab.ipynb::Cell 4", "03_chunking_lab"),
        ("../tmp/w/notebooks/03_chunking_lab.ipynb::Cell 4", "03_chunking_lab"),
        (
            "tests/a/test_b.py::test_solutions_are_right_when_run[03_chunking_lab]",
            "03_chunking_lab",
        ),
        ("tests/a/test_b.py::test_house_rules[03_chunking_lab]", "tests/a/test_b.py"),
    ],
)
def test_what_reads_a_notebooks_results_runs_where_they_were_made(nodeid, group):
    assert group_of(nodeid) == group
