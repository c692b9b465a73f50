"""What are the sections of a notebook, how long does each take to read, and which are exercises?

A section is what stands under a heading of the second level. The minutes to read and those of the
exercises stand in the first cell of each notebook; a section's part of them follows from its words,
in whole minutes, so that the parts add up to what the notebook says.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.commands import notebooks

HEADING = re.compile(r"^## (.+?)\s*$", re.MULTILINE)
EXERCISE = re.compile(r"^Exercise (\d\d[a-z]?\.\d)\b")
STATED = re.compile(
    r"\*\*Time:\*\* (\d+) minutes to read · (\d+) minutes? to run · (\d+) minutes of exercises"
)


@dataclass(frozen=True)
class Section:
    """One section; minutes: to read it, or for an exercise to do it."""

    place: int
    heading: str
    exercise: str
    minutes: int


@dataclass(frozen=True)
class Lesson:
    """A notebook in sections; opening: the minutes of what stands before the first heading."""

    number: str
    title: str
    read: int
    run: int
    exercises: int
    opening: int
    sections: tuple[Section, ...]


def section_of(book: nbformat.NotebookNode) -> list[str]:
    """For each cell, the heading of the section that it belongs to; "" before the first. A second
    heading in one cell opens no section of its own."""
    here, found = "", []
    for cell in book.cells:
        if cell.cell_type == "markdown" and (heading := HEADING.search(cell.source)):
            here = heading[1]
        found.append(here)
    return found


def headings_of(source: Path) -> list[str]:
    """The headings of the sections, in order."""
    found = section_of(notebooks.compose(source, solutions=False))
    return [name for name in dict.fromkeys(found) if name]


def lesson_of(source: Path) -> Lesson:
    """Raises ValueError where the first cell does not state its minutes."""
    return _lesson_of(source, notebooks.source_hash(source))


@functools.lru_cache(maxsize=64)
def _lesson_of(source: Path, version: str) -> Lesson:
    """The same, once for each version of a source: to read one takes a tenth of a second."""
    book = notebooks.compose(source, solutions=False)
    first = book.cells[0].source
    stated = STATED.search(first)
    if not stated:
        raise ValueError(f"{source.name}: the first cell must say **Time:** N minutes to read · …")
    read, run, exercises = map(int, stated.groups())
    weights = _words(book)
    lessons = {name: words for name, words in weights.items() if not EXERCISE.match(name)}
    tasks = {name: words for name, words in weights.items() if EXERCISE.match(name)}
    minutes = shares_of(read, lessons) | shares_of(exercises, tasks)
    sections = tuple(
        Section(place, name, number_of(name), minutes[name])
        for place, name in enumerate((name for name in weights if name), start=1)
    )
    title = first.splitlines()[0].partition("· ")[2]
    return Lesson(notebooks.number_of(source), title, read, run, exercises, minutes[""], sections)


def number_of(heading: str) -> str:
    """The number of the exercise that this heading announces, or nothing."""
    found = EXERCISE.match(heading)
    return found[1] if found else ""


def _words(book: nbformat.NotebookNode) -> dict[str, int]:
    """Words by section, code included: code is read, too."""
    found: dict[str, int] = {"": 0}
    for name, cell in zip(section_of(book), book.cells, strict=True):
        found[name] = found.get(name, 0) + len(cell.source.split())
    return found


def shares_of(total: int, weights: dict[str, int]) -> dict[str, int]:
    """Whole numbers in proportion to the weights that add up to the total: the largest remainders
    are rounded up (Hamilton's method)."""
    whole = sum(weights.values()) or 1
    exact = {name: total * weight / whole for name, weight in weights.items()}
    found = {name: int(value) for name, value in exact.items()}
    order = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in order[: total - sum(found.values())]:
        found[name] += 1
    return found
