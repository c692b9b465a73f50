"""What did the notebooks find, for the README? Its numbers are read from the notebooks as they were
built, so that the README says what their outputs say.

    shown("05", "few-shot")              "125 | 1 % | 0 to 4": n, share right and interval of a bar
    against("05", "tuned", "few-shot")   "better (+46, 34 to 57)": a comparison, in points
    read("07", r"([\\d.]+) s")            what stands in the brackets of a pattern

docs/src/short.md, found.md and speed.md are the templates; `python3 workbook.py kit` renews the
parts of the README that they make. Each function raises ValueError where the notebook no longer
shows such a number.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import nbformat

from helpers.commands import notebooks
from helpers.core import settings

README = settings.ROOT / "README.md"
PARTS = ("short", "found", "speed")  # of the README, each made from docs/src/NAME.md


@functools.lru_cache(maxsize=32)
def _text(path: Path, changed: float) -> str:
    """Everything that a built notebook shows, as text on one line."""
    said = []
    for cell in nbformat.read(path, 4).cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            said.append(output.get("text") or data.get("text/markdown") or data.get("text/plain"))
    return " ".join(" ".join(filter(None, said)).split())


def text_of(number: str) -> str:
    (source,) = notebooks.sources([number])
    path = notebooks.learner_path(source)
    return _text(path, path.stat().st_mtime)


def read(number: str, pattern: str) -> str:
    """What stands in the brackets of a pattern in the outputs of a notebook; several brackets are
    joined by " to ". Where the notebook says it several times, it has to say the same."""
    found = {match.groups() for match in re.finditer(pattern, text_of(number))}
    if len(found) != 1:
        many = "nothing" if not found else f"{len(found)} different things"
        raise ValueError(f"notebook {number} shows {many} like {pattern!r}")
    return " to ".join(found.pop())


def shown(number: str, name: str) -> str:
    """n, share and interval of one bar of a picture, as three cells of a table."""
    pattern = rf"[:;] {re.escape(name)} (\d+) % \((\d+)(?: %)? to (\d+) %, n = ([\d,]+)\)"
    share, low, high, n = read(number, pattern).split(" to ")
    return f"{n} | {share} % | {low} to {high}"


def against(number: str, second: str, first: str, measure: str = r"\w+") -> str:
    """The verdict of a comparison of two systems, its difference and interval in points."""
    ends = r"([+-][\d.]+) points"
    pattern = (
        rf"[:.] {re.escape(second)} against {re.escape(first)}: (?:is )?(better|worse|cannot tell)"
        rf"\. {measure} {ends} \({ends} to {ends} at"
    )
    verdict, *numbers = read(number, pattern).split(" to ")
    gain, low, high = (_points(float(one)) for one in numbers)
    plus = "+" if float(numbers[0]) >= 0 else ""
    return f"{verdict} ({plus}{gain}, {low} to {high})"


def verdict(number: str, before: str) -> str:
    """The verdict of a comparison that a sentence of the notebook gives after these words (a
    pattern), in the form of `against`."""
    pattern = before + r"(better|worse|cannot tell) \(([+-]\d+) points, ([+-]\d+) to ([+-]\d+)[;)]"
    said, gain, low, high = read(number, pattern).split(" to ")
    gain, low, high = (one.replace("-", "−") for one in (gain, low, high))
    return f"{said} ({gain}, {low.lstrip('+')} to {high.lstrip('+')})"


def _points(value: float) -> str:
    """Points without decimals, but for those that would become a zero."""
    digits = 1 if 0 < abs(value) < 1 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def readme(made: Mapping[str, str]) -> str:
    """The README with these texts between their marks, <!-- NAME: begin --> and <!-- NAME: end -->.
    Raises ValueError without them."""
    text = README.read_text(encoding="utf-8")
    for name, part in made.items():
        begin, end = (f"<!-- {name}: {edge} -->\n" for edge in ("begin", "end"))
        head, begun, rest = text.partition(begin)
        _, ended, tail = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"README.md has no {begin.strip()} … {end.strip()}")
        text = f"{head}{begin}{part.strip()}\n{end}{tail}"
    return text
