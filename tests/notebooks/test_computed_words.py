"""Lessons whose findings are computed: the sentence on trial is quoted first, and judged last, with
counts and intervals from the saved results."""

from __future__ import annotations

import re

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.labs.words import PARTS, verdict

COUNTED = re.compile(r"\d+ of \d+ \(\d+ to \d+ %\)")
JUDGED = {
    notebooks.number_of(source): source
    for source in notebooks.sources()
    if "what_we_found(" in source.read_text(encoding="utf-8")
}
every_judged = pytest.mark.parametrize("number", JUDGED)


def computed(number: str) -> list[str]:
    book = nbformat.read(notebooks.learner_path(JUDGED[number]), 4)
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    return [o.data["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {})]


@every_judged
def test_the_first_cell_quotes_the_sentence_on_trial(number):
    first = notebooks.compose(JUDGED[number], solutions=False).cells[0].source
    assert re.search(r'\*\*On trial here:\*\* \*"[^"]{20,}"\*', first)


@every_judged
def test_the_verdict_comes_last_and_names_the_parts_it_rests_on(number):
    said = computed(number)[-1]
    overall, parts = re.search(r"\*\*On trial: ([\w ]+)\.\*\* (.+)", said, re.DOTALL).groups()
    held = [one for one, words in PARTS.items() if f"{words}: *" in parts]
    assert verdict(held) == overall


@every_judged
def test_the_answer_begins_with_the_title_and_counts(number):
    title = notebooks.compose(JUDGED[number], solutions=False).cells[0].source.splitlines()[0]
    answer = computed(number)[-1].split("**On trial")[0]
    asked = title.partition(" · ")[2]
    if number == "01":  # a title of two sentences; the second one asks
        asked = asked.partition(". ")[2]
    assert answer.startswith(f"**{asked}**")
    assert COUNTED.search(answer)


@every_judged
def test_what_happened_has_numbers(number):
    said = [text for text in computed(number) if text.startswith("**What happened.**")]
    assert len(said) >= 3
    assert [text for text in said if not re.search(r"\d", text)] == []
