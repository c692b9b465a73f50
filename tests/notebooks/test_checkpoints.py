"""Three multiple-choice checkpoints a notebook: one right option, and an explanation for each. They
are Markdown (folded with `details`), so keyboards open them, and a page without a kernel shows
them."""

from __future__ import annotations

import re

import pytest

from helpers.commands import notebooks

SOURCES = {notebooks.number_of(source): source for source in notebooks.sources()}
CHECKPOINT = re.compile(
    r"^\*\*Checkpoint (?P<id>\d\d[a-z]?\.[a-z])\*\* · (?P<question>.+\?)\n\n"
    r"(?P<options>(?:<details>.*</details>\n?)+)(?:\n|$)",
    re.MULTILINE,
)
OPTION = re.compile(r"<details><summary>([A-Z]) · (.+?)</summary>(.+?)</details>")
every_notebook = pytest.mark.parametrize("number", list(SOURCES))


def text_of(number: str) -> str:
    cells = notebooks.compose(SOURCES[number], solutions=False).cells
    return "\n\n".join(c.source for c in cells if c.cell_type == "markdown")


def checkpoints(number: str) -> list[re.Match]:
    return list(CHECKPOINT.finditer(text_of(number)))


@every_notebook
def test_there_are_three_and_their_ids_count(number):
    assert [one["id"] for one in checkpoints(number)] == [f"{number}.{x}" for x in "abc"]


@every_notebook
def test_each_has_three_options_of_which_one_is_right(number):
    for one in checkpoints(number):
        options = OPTION.findall(one["options"])
        assert [letter for letter, _, _ in options] == list("ABC")
        assert sum(why.startswith("Yes.") for _, _, why in options) == 1


@every_notebook
def test_every_option_is_explained(number):
    short = [
        why
        for one in checkpoints(number)
        for _, _, why in OPTION.findall(one["options"])
        if len(why.split()) < 5
    ]
    assert short == []


def test_the_right_option_is_not_always_the_same():
    where = {
        letter
        for number in SOURCES
        for one in checkpoints(number)
        for letter, _, why in OPTION.findall(one["options"])
        if why.startswith("Yes.")
    }
    assert where == set("ABC")
