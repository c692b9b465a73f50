"""Did I get it right? `exercise("02.1").check(answer)`, `.hint()`, `.solution()`.

A check says what was expected and what it got. Nothing attempted is not an error, and no check
stops a notebook. The checks of notebook 02 are in `helpers/exercises/nb02.py`; the solutions are in
the notebook's own source, marked.
"""

from __future__ import annotations

import html
import importlib
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from helpers.core import settings

State = Literal["right", "not yet", "not attempted"]
LOOK: dict[State, tuple[str, str]] = {
    "right": ("✔", "#1a7f37"),
    "not yet": ("✘", "#b42318"),
    "not attempted": ("○", "#5c5c5c"),
}


class NotAttemptedError(Exception):
    """Raised by a check when the stub is still a stub."""


@dataclass(frozen=True)
class Verdict:
    """What a check has to say. Plain text in a terminal, a small panel in a notebook."""

    id: str
    state: State
    message: str

    def __repr__(self) -> str:
        return f"Exercise {self.id}: {self.state}. {self.message}"

    def _repr_html_(self) -> str:
        sign, colour = LOOK[self.state]
        return (
            # the words in the theme's own colour: no other can be read on a light and a dark page
            f"<div role='status' style='border-left:4px solid {colour};padding:.3em .8em'>"
            f"<strong>{sign} Exercise {self.id}: {self.state}.</strong>"
            f" {html.escape(self.message)}</div>"
        )


@dataclass(frozen=True)
class Exercise:
    """One exercise: a check (raises AssertionError with a sentence for the learner, or
    NotAttemptedError) and hints in order."""

    id: str
    judge: Callable[[object], str]
    hints: Sequence[str]

    def check(self, answer: object) -> Verdict:
        """Judge an answer: right, not yet (and why), or not attempted. Never raises."""
        if answer is None or answer is ...:
            return self._untouched()
        try:
            return Verdict(self.id, "right", self.judge(answer))
        except (NotAttemptedError, NotImplementedError):
            return self._untouched()
        except AssertionError as error:
            return Verdict(self.id, "not yet", str(error))
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            return Verdict(
                self.id,
                "not yet",
                f"Your code raised {type(error).__name__}: {error} (line {line} of the code that"
                " ran last).",
            )

    def _untouched(self) -> Verdict:
        return Verdict(
            self.id,
            "not attempted",
            f'Replace the ... above, then run this cell again. Stuck? exercise("{self.id}").hint()',
        )

    def hint(self, number: int = 1) -> None:
        """Print hint 1, 2, …; each says a little more."""
        number = min(max(number, 1), len(self.hints))
        more = (
            f"  (more: .hint({number + 1}))"
            if number < len(self.hints)
            else "  (last hint; next: .solution())"
        )
        print(f"Hint {number} of {len(self.hints)}: {self.hints[number - 1]}{more}")

    def solution(self) -> None:
        """Print one way to do it, from the same source that the notebook was made of."""
        lesson = f"{self.id.partition('.')[0]}_*.py"
        source = next((settings.NOTEBOOKS / "src").glob(lesson)).read_text(encoding="utf-8")
        found = re.search(
            rf"### BEGIN SOLUTION {re.escape(self.id)}[^\n]*\n(.*?)^[ \t]*### END SOLUTION",
            source,
            re.DOTALL | re.MULTILINE,
        )
        print(found[1].rstrip() if found else f"Exercise {self.id} has no written solution.")


def exercise(id: str) -> Exercise:
    """The exercise with this id, as "02.1". Raises KeyError when there is none."""
    found = importlib.import_module(f"helpers.exercises.nb{id.partition('.')[0]}").EXERCISES
    if id not in found:
        raise KeyError(f"there is no exercise {id}; this notebook has {', '.join(found)}")
    return found[id]


def attempted(value: object) -> object:
    """The value, unless a stub returned it."""
    if value is None or value is ...:
        raise NotAttemptedError
    return value
