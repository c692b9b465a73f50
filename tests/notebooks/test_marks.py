"""What leaders read, and what may be left out, is marked in the first cell by names that exist."""

from __future__ import annotations

import re

import pytest

from helpers.commands import notebooks
from helpers.commands.workshop.sections import headings_of
from helpers.exercises import exercise

SOURCES = {notebooks.number_of(source): source for source in notebooks.sources()}


@pytest.mark.parametrize("number", SOURCES)
def test_bonus_sections_and_exercises_exist(number):
    first = notebooks.compose(SOURCES[number], solutions=False).cells[0].source
    found = re.search(
        r"\*\*Leaders:\*\* .+ \*\*Bonus\*\* \(all else is core\): (.+)\.$", first, re.M
    )
    bonus = found[1]
    assert set(re.findall(r"\*([^*]+)\*", bonus)) <= set(headings_of(SOURCES[number]))
    for id in re.findall(r"\d\d[a-z]?\.\d", bonus):
        assert exercise(id).id == id
