"""How does somebody who fell behind join the room again? Behind `workbook.py catch-up NN SECTION`.

The learner's copy is brought to the start of a section: what stands before it is as the course has
it, solved and with its outputs. Nothing that the learner wrote is lost. An exercise that was right
stays theirs; any other cell that they changed stands folded below the course's; cells of their own
stay where they were; what stands from that section on is untouched; and the whole old file is saved
beside the new one.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from pathlib import Path

import nbformat

from helpers.commands import notebooks
from helpers.commands.workshop.sections import headings_of, section_of
from helpers.core import settings

END = "end"


def list_checkpoints(number: str) -> int:
    """Print the sections that a copy of this notebook can be brought to."""
    (source,) = notebooks.sources([number])
    for place, heading in enumerate(headings_of(source), start=1):
        print(f"{place:>3}  {heading}")
    print(f"{END}  everything, solved")
    return 0


def catch_up(number: str, section: str) -> int:
    """Bring the learner's copy to the start of this section ("6"), or to the "end"; what was there
    is saved. Raises ValueError for a section that the notebook does not have."""
    (source,) = notebooks.sources([number])
    path, limit, where = notebooks.copy_path(source), *_limit(source, section)
    mine = _read(path)
    fits = _of_this_edition(mine, source)
    book, folded = brought_to(source, limit, mine if fits else None)
    saved = notebooks.set_aside(path, "before-catch-up", notebooks.as_text(book))
    if saved is None:
        print(f"{settings.shown(path)}: is there already ({where})")
        return 0
    notebooks.write_notebook(book, path)
    print(f"{settings.shown(path)}: brought to {where}" + (f"; yours is now {saved}" * bool(saved)))
    if folded:
        print(f"{folded} cell{'s' * (folded > 1)} that you changed: folded below the course's")
    if mine is not None and not fits:
        print("your copy was of another edition of this notebook, so none of its cells were moved")
    print("in JupyterLab: File, Reload Notebook from Disk; click the heading of the section; Run,")
    print("Run All Above Selected Cell")
    return 0


def solved_up_to(source: Path, section: str) -> nbformat.NotebookNode:
    """The learner's notebook as `catch_up` would make it, with nothing written. Raises ValueError
    for a section that the notebook does not have."""
    mine = _read(notebooks.copy_path(source))
    fits = _of_this_edition(mine, source)
    return brought_to(source, _limit(source, section)[0], mine if fits else None)[0]


def _of_this_edition(mine: nbformat.NotebookNode | None, source: Path) -> bool:
    return mine is not None and mine.metadata.get("workbook", {}).get(
        "source_sha256"
    ) == notebooks.source_hash(source)


def _limit(source: Path, section: str) -> tuple[int, str]:
    """The position of the section's first cell, and what to call the place."""
    book = nbformat.read(notebooks.learner_path(source), 4)
    if section == END:
        return len(book.cells), "its end"
    headings = headings_of(source)
    if not section.isdigit() or not 1 <= int(section) <= len(headings):
        raise ValueError(
            f"notebook {notebooks.number_of(source)} has sections 1 to {len(headings)}, not"
            f" {section!r}; for their names: python3 workbook.py catch-up"
            f" {notebooks.number_of(source)}"
        )
    heading = headings[int(section) - 1]
    return section_of(book).index(heading), f"section {section}, {heading}"


def _read(path: Path) -> nbformat.NotebookNode | None:
    try:
        return nbformat.read(path, 4)
    except FileNotFoundError:
        return None
    except Exception as error:  # nbformat has several for a file that is no notebook
        raise ValueError(
            f"{settings.shown(path)} cannot be read ({type(error).__name__}); to start anew, with"
            " yours saved beside it: python3 workbook.py reset " + path.name[:2]
        ) from None


def brought_to(
    source: Path, limit: int, mine: nbformat.NotebookNode | None
) -> tuple[nbformat.NotebookNode, int]:
    """The learner's notebook (None: they have none) with all cells before this position as the
    course has them, and how many changed cells were folded below the course's."""
    book, solved = notebooks.learner_copy(source), notebooks.solved_copy(source)
    here = {cell.id: cell for cell in (mine or book).cells}
    own = _own_cells(mine, {cell.id for cell in book.cells}) if mine else {}
    cells, folded = list(own.get("", [])), 0
    for position, (stub, full) in enumerate(zip(book.cells, solved.cells, strict=True)):
        theirs = here.get(stub.id)
        if position >= limit:  # a cell that they deleted stays deleted
            cells += [theirs] if theirs is not None else []
        elif theirs is None or theirs.source in (stub.source, full.source):
            cells.append(full)
        elif theirs.cell_type == "code" and _was_right(mine, stub.id):
            cells.append(theirs)
        else:
            cells += [full, _fold(theirs)]
            folded += 1
        cells += own.get(stub.id, [])
    made = copy.deepcopy(book)
    made.cells = cells
    return made, folded


def _own_cells(
    mine: nbformat.NotebookNode, known: set[str]
) -> dict[str, list[nbformat.NotebookNode]]:
    """The cells that the learner added, by the course's cell that they stand below."""
    found, anchor = defaultdict(list), ""
    for cell in mine.cells:
        if cell.id in known:
            anchor = cell.id
        else:
            found[anchor].append(cell)
    return found


def _was_right(mine: nbformat.NotebookNode, id: str) -> bool:
    """Did the next check after this cell say that it is right?"""
    place = next(i for i, cell in enumerate(mine.cells) if cell.id == id)
    check = next((cell for cell in mine.cells[place + 1 :] if ".check(" in cell.source), None)
    return check is not None and ": right." in str(check.get("outputs", ""))


def _fold(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The learner's cell as a folded note; a fence longer than any in it, so that it ends where it
    should."""
    longest = max((len(run) for run in re.findall(r"`{3,}", cell.source)), default=2)
    fence, kind = "`" * (longest + 1), "python" if cell.cell_type == "code" else "markdown"
    text = f"{fence}{kind}\n{cell.source}\n{fence}"
    return nbformat.v4.new_markdown_cell(
        f"<details><summary>What you had here</summary>\n\n{text}\n\n</details>",
        id=f"{cell.id}-yours",
    )
