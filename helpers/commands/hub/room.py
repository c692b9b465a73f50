"""Who is at which exercise, and what did the room expect? The instructor's board, read from what
the learners' notebooks and journals have saved (JupyterLab saves every half minute).

No names unless asked for. What a learner wrote is data here: read without following links, shown
escaped, and only under the ids that the course itself has.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from pydantic import ValidationError

from helpers.commands import notebooks
from helpers.commands.hub import places
from helpers.commands.workshop.kit import findings
from helpers.data.journal_file import Journal
from helpers.exercises import LOOK

TEMPLATES = Path(__file__).parent / "templates"
VERDICT = re.compile(rf"Exercise (\d\d[a-z]?\.\d): ({'|'.join(LOOK)})\.")
DONE = ("right", "not yet")


@dataclass(frozen=True)
class Learner:
    """What one learner has saved: the notebook they were last in, the verdict on each exercise, the
    guesses that count as (guess id, name) -> share."""

    account: str
    notebook: str
    verdicts: dict[str, str]
    guesses: dict[tuple[str, str], float]

    @property
    def at(self) -> str:
        """The last exercise of that notebook that was tried, "" before the first."""
        here = [id for id in self.verdicts if id.partition(".")[0] == self.notebook]
        return max((id for id in here if self.verdicts[id] in DONE), default="")


@dataclass
class Guessed:
    """One thing that was guessed: by whom how, and what the course measured."""

    id: str
    name: str
    values: list[float] = field(default_factory=list)
    outcome: dict | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Room:
    """The learners of a hub; a notebook is read again only when it was saved again."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, dict[str, str]]] = {}
        self.outcomes = findings()

    def learners(self) -> list[Learner]:
        return [self.learner(home) for home in places.homes()]

    def learner(self, home: Path) -> Learner:
        verdicts, last = {}, (0, "")
        for source in notebooks.sources():
            file = f"my_work/notebooks/{source.stem}.ipynb"
            try:
                saved = (home / file).lstat().st_mtime_ns
            except OSError:
                continue
            verdicts |= self._verdicts(home, file, saved)
            last = max(last, (saved, notebooks.number_of(source)))
        return Learner(home.name, last[1], verdicts, self._guesses(home))

    def _verdicts(self, home: Path, file: str, saved: int) -> dict[str, str]:
        known = self._read.get(home / file)
        if known is None or known[0] != saved:
            known = saved, verdicts_in(places.read_own(home, file) or b"")
            self._read[home / file] = known
        return known[1]

    def _guesses(self, home: Path) -> dict[tuple[str, str], float]:
        try:
            journal = Journal.model_validate_json(
                places.read_own(home, "my_work/journal.json") or b""
            )
        except ValidationError:  # none yet, or not one
            return {}
        found = {}
        for id, history in journal.guesses.items():
            counts = next((one for one in reversed(history) if not one.after_result), None)
            for name, value in counts.values.items() if counts else ():
                found[id, name] = value
        return found

    def guessed(self, learners: Iterable[Learner]) -> list[Guessed]:
        """Every guess of the course that somebody made, in its order."""
        found: dict[str, Guessed] = {}
        for learner in learners:
            for (id, name), value in learner.guesses.items():
                if (key := f"{id}/{name}") in self.outcomes:
                    one = found.setdefault(key, Guessed(id, name, [], self.outcomes[key]))
                    one.values.append(value)
        return [found[key] for key in sorted(found)]


def verdicts_in(raw: bytes) -> dict[str, str]:
    """The last verdict on each exercise that this notebook's outputs show."""
    try:
        cells = json.loads(raw)["cells"]
        shown = [
            text
            for cell in cells
            for output in cell.get("outputs", [])
            for text in output.get("data", {}).get("text/plain", [])
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # half a notebook, or something else
    return dict(VERDICT.findall("".join(map(str, shown))))


def counts(learners: Iterable[Learner]) -> list[tuple[str, Counter]]:
    """For each exercise that somebody tried: how many have which verdict."""
    found: dict[str, Counter] = {}
    for learner in learners:
        for id, verdict in learner.verdicts.items():
            found.setdefault(id, Counter())[verdict] += 1
    return sorted((id, n) for id, n in found.items() if any(n[word] for word in DONE))


def page(room: Room, names: bool = False, outcome: bool = False) -> str:
    """The board as a page; outcome: whether the measured results are drawn over the guesses."""
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    learners = room.learners()
    at = Counter((one.notebook, one.at) for one in learners)
    return env.get_template("room.html").render(
        learners=learners,
        at=sorted(at.items()),
        counts=counts(learners),
        guessed=room.guessed(learners),
        names=names,
        outcome=outcome,
    )
