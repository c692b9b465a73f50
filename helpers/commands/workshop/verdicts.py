"""Which sentence of the decision framework does each notebook test, and what did it come to? Read
from the notebooks as they were built, so the map says what their last cells say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.commands import notebooks

SENTENCE = re.compile(r"\*\*On trial here:\*\* \*\"(.+?)\"\*", re.DOTALL)
VERDICT = re.compile(r"\*\*On trial: ([\w ]+)\.\*\* (.+)", re.DOTALL)


@dataclass(frozen=True)
class Trial:
    """A sentence, its verdict, and the parts of it with their reasons. verdict is "" where the
    notebook has not been built with one."""

    number: str
    sentence: str
    verdict: str
    parts: str


def trials() -> list[Trial]:
    """One for each notebook that puts a sentence on trial, in the order of the course."""
    found = [trial_of(source, notebooks.learner_path(source)) for source in notebooks.sources()]
    return [trial for trial in found if trial]


def trial_of(source: Path, built: Path) -> Trial | None:
    """The trial of one notebook; None where it has none."""
    first = notebooks.compose(source, solutions=False).cells[0].source
    sentence = SENTENCE.search(first)
    if not sentence:
        return None
    said = [
        output.data["text/markdown"]
        for cell in nbformat.read(built, 4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/markdown" in output.get("data", {})
    ]
    judged = next((match for text in reversed(said) if (match := VERDICT.search(text))), None)
    words = " ".join(sentence[1].split())
    verdict, parts = judged.groups() if judged else ("", "")
    return Trial(notebooks.number_of(source), words, verdict, " ".join(parts.split()))


def verdicts_table() -> str:
    """The map as a Markdown table."""
    rows = [
        f"| {one.number} | {one.sentence} | {one.verdict or 'not built yet'} | {one.parts} |"
        for one in trials()
    ]
    return "\n".join(["| | on trial | verdict | because |", "| --- | --- | --- | --- |", *rows])
