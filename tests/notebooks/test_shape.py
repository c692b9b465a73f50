"""A lesson keeps its shape: short cells, few of them, short descriptions of pictures, and no
verdict that says more than its interval.

NOT_YET names what does not keep a rule yet. It can only shrink: a notebook that keeps the rule must
leave the list, and none may be added.
"""

from __future__ import annotations

import html
import re

import nbformat
import pytest

from helpers.commands import notebooks

CELLS, LINES, CHARS, COLUMNS, ALT_CHARS = 40, 12, 600, 88, 250
# "cannot tell" says that nobody knows, so nothing may be concluded from it
CONCLUDED = re.compile(
    r"cannot tell\b[^.;:|\n]{0,80}?\b(?:little|nothing|no difference|does(?: not|n't))\b",
    re.IGNORECASE,
)
NOT_YET: dict[str, set[str]] = {
    "too_many_cells": set(),
    "long_cells": set(),
    "wide_lines": set(),
    "long_alts": set(),
}

SOURCES = {notebooks.number_of(source): source for source in notebooks.sources()}


def code_of(number: str) -> list[str]:
    cells = notebooks.compose(SOURCES[number], solutions=True).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def prose_of(number: str) -> list[str]:
    """What a reader is told: Markdown cells, and Markdown that was computed."""
    book = nbformat.read(notebooks.learner_path(SOURCES[number]), 4)
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    computed = [o.data["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]
    return [c.source for c in book.cells if c.cell_type == "markdown"] + computed


def alts_of(number: str) -> list[str]:
    book = nbformat.read(notebooks.learner_path(SOURCES[number]), 4)
    drawn = [
        o.data.get("text/html", "")
        for c in book.cells
        if c.cell_type == "code"
        for o in c.outputs
        if "data" in o
    ]
    return [html.unescape(alt) for text in drawn for alt in re.findall(r'<img alt="([^"]*)"', text)]


def too_many_cells(number: str) -> list[str]:
    n = len(notebooks.compose(SOURCES[number], solutions=True).cells)
    return [f"{n} cells"] if n > CELLS else []


def long_cells(number: str) -> list[str]:
    return [
        f"{len(code.splitlines())} lines, {len(code)} characters: {code.splitlines()[0]}"
        for code in code_of(number)
        if len(code.splitlines()) > LINES or len(code) > CHARS
    ]


def wide_lines(number: str) -> list[str]:
    return [line for code in code_of(number) for line in code.splitlines() if len(line) > COLUMNS]


def long_alts(number: str) -> list[str]:
    return [f"{len(alt)}: {alt}" for alt in alts_of(number) if len(alt) > ALT_CHARS]


def conclusions_from_doubt(number: str) -> list[str]:
    return [found[0] for text in prose_of(number) for found in CONCLUDED.finditer(text)]


RULES = {
    rule.__name__: rule
    for rule in (too_many_cells, long_cells, wide_lines, long_alts, conclusions_from_doubt)
}


@pytest.mark.parametrize("number", SOURCES)
@pytest.mark.parametrize("rule", RULES)
def test_a_lesson_keeps_its_shape(rule, number):
    broken = RULES[rule](number)
    if number in NOT_YET.get(rule, ()):
        assert broken, f"{number} keeps this rule now: take it off NOT_YET[{rule!r}]"
    else:
        assert broken == []


@pytest.mark.parametrize(
    ("text", "concluded"),
    [
        ("it says cannot tell, so more labels do little", True),
        ("Where the verdict is cannot tell, the prompt does not help", True),
        ("cannot tell: 27 cases are too few", False),
        ("Cannot tell at this n. Overlap does nothing by itself", False),
        ("the prompt does not help", False),
    ],
)
def test_a_conclusion_from_doubt_is_found(text, concluded):
    assert bool(CONCLUDED.search(text)) == concluded


def test_every_notebook_that_is_excused_exists():
    assert set().union(*NOT_YET.values(), set()) <= set(SOURCES)
