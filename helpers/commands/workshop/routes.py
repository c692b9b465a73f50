"""Does a route through the course fit its minutes? docs/src/kit.toml states the routes; here they
are added up.

A block of a route shows sections of one notebook. Its minutes are stated; what is read and done in
it follows from the notebook (`sections.py`), what runs from docs/minutes.json (warm: the room is
warmed), and the rest is for talking, of which a block states the least that it needs.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

from helpers.commands import notebooks
from helpers.commands.workshop import warm
from helpers.commands.workshop.sections import Lesson, lesson_of
from helpers.core import settings

KIT = settings.ROOT / "docs" / "src" / "kit.toml"
TALK_AT_LEAST = 3


@dataclass(frozen=True)
class Block:
    """One block of a route, all in minutes. No notebook: a break, or talk alone."""

    title: str
    minutes: int
    notebook: str
    sections: tuple[int, ...]
    exercises: tuple[str, ...]
    read: int
    run: int
    practice: int
    ask: str
    talk_at_least: int

    @property
    def talk(self) -> int:
        return self.minutes - self.read - self.run - self.practice


@dataclass(frozen=True)
class Route:
    id: str
    title: str
    minutes: int
    blocks: tuple[Block, ...]

    def starts(self) -> Iterator[tuple[int, Block]]:
        """Each block with the minute at which it begins."""
        at = 0
        for block in self.blocks:
            yield at, block
            at += block.minutes


def kit() -> dict:
    """What docs/src/kit.toml says."""
    return tomllib.loads(KIT.read_text(encoding="utf-8"))


def lessons() -> dict[str, Lesson]:
    return {notebooks.number_of(source): lesson_of(source) for source in notebooks.sources()}


def routes() -> list[Route]:
    """The stated routes with their parts. Raises ValueError for a section that is not there."""
    known = lessons()
    return [
        Route(
            one["id"],
            one["title"],
            one["minutes"],
            tuple(_block(row, known) for row in one["block"]),
        )
        for one in kit()["route"]
    ]


def _block(row: dict, known: dict[str, Lesson]) -> Block:
    number, wanted = row.get("notebook", ""), row.get("sections", [])
    here = {s.heading: s for s in known[number].sections} if number else {}
    if unknown := [name for name in wanted if name not in here]:
        raise ValueError(
            f"docs/src/kit.toml, {row['title']!r}: notebook {number} has no section"
            f" {unknown[0]!r}; it has: {', '.join(here)}"
        )
    chosen = [here[name] for name in wanted]
    opening = known[number].opening if row.get("opening") else 0
    return Block(
        title=row["title"],
        minutes=row["minutes"],
        notebook=number,
        sections=tuple(s.place for s in chosen if not s.exercise),
        exercises=tuple(s.exercise for s in chosen if s.exercise),
        read=opening + sum(s.minutes for s in chosen if not s.exercise),
        run=_run_minutes(number, wanted, known) if number and not row.get("shown") else 0,
        practice=sum(s.minutes for s in chosen if s.exercise),
        ask=row.get("ask", ""),
        talk_at_least=row.get("talk_at_least", TALK_AT_LEAST if number else 0),
    )


def measured() -> dict[str, dict]:
    """What docs/minutes.json says of each notebook; empty where nobody has measured."""
    try:
        return json.loads(warm.MINUTES.read_text(encoding="utf-8"))["notebooks"]
    except (OSError, ValueError, KeyError):
        return {}


def warming() -> dict[str, int] | None:
    """How many minutes of one processor do all notebooks take in an empty cache ("cold"), and again
    ("warm")? By the clock it is less where several work, and more on a busy machine. None where not
    all of them were measured."""
    found = measured()
    rows = [found.get(source.stem, {}).get("processor") for source in notebooks.sources()]
    if not all(rows):
        return None
    return {name: math.ceil(sum(row[name] for row in rows) / 60) for name in ("cold", "warm")}


def _run_minutes(number: str, wanted: list[str], known: dict[str, Lesson]) -> int:
    """Whole minutes that these sections run, caches warm; what was not measured takes what the
    notebook states."""
    (source,) = notebooks.sources([number])
    if source.stem not in (found := measured()):
        return known[number].run
    seconds = found[source.stem]["warm"]
    return math.ceil(sum(seconds.get(name, 0.0) for name in ["", *wanted]) / 60)


def faults(route: Route) -> list[str]:
    """Why the minutes of this route do not add up; empty where they do."""
    found = [
        f"{route.id}, {block.title!r}: read {block.read} + run {block.run} + exercises"
        f" {block.practice} leave {block.talk} of {block.minutes} minutes to talk; at least"
        f" {block.talk_at_least} are needed"
        for block in route.blocks
        if block.talk < block.talk_at_least
    ]
    total = sum(block.minutes for block in route.blocks)
    if total != route.minutes:
        found.append(f"{route.id}: the blocks take {total} minutes, stated are {route.minutes}")
    return found


def clock(minutes: int) -> str:
    """Minutes as hours and minutes since the start: 0:35."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def table_of(route: Route) -> str:
    """The route as a Markdown table."""
    lines = [
        "| from | min | block | from the course | read · run · exercise · talk | stop and ask |",
        "| ---: | ---: | --- | --- | --- | --- |",
    ]
    for at, block in route.starts():
        parts = f"{block.read} · {block.run} · {block.practice} · {block.talk}"
        lines.append(
            f"| {clock(at)} | {block.minutes} | {block.title} | {_where(block)} |"
            f" {parts if block.notebook else ''} | {block.ask} |"
        )
    lines.append(f"| {clock(route.minutes)} | **{route.minutes}** | the end | | | |")
    return "\n".join(lines)


def _where(block: Block) -> str:
    if not block.notebook:
        return ""
    places = ", ".join(map(str, block.sections))
    found = (
        [f"{block.notebook}, section{'s' * (len(block.sections) > 1)} {places}"] if places else []
    )
    tasks = ", ".join(sorted(block.exercises))
    found += [f"exercise{'s' * (len(block.exercises) > 1)} {tasks}"] if tasks else []
    return "; ".join(found) or block.notebook


def sections_table(number: str) -> str:
    """The sections of a notebook as a Markdown table: minutes, and the routes that show them."""
    lesson, paths = lessons()[number], routes()
    lines = [
        f"| | section | min | {' | '.join(route.title for route in paths)} |",
        f"| ---: | --- | ---: |{' :---: |' * len(paths)}",
    ]
    for one in lesson.sections:
        marks = [
            "●"
            if any(
                block.notebook == number
                and (one.place in block.sections or one.exercise in block.exercises)
                for block in route.blocks
            )
            else ""
            for route in paths
        ]
        lines.append(
            f"| {one.place} | {one.heading} | {one.minutes or '< 1'} | {' | '.join(marks)} |"
        )
    return "\n".join(lines)


def left_out(route: Route) -> list[str]:
    """The notebooks that this route does not touch."""
    shown = {block.notebook for block in route.blocks}
    return [number for number in lessons() if number not in shown]


def exercise_called(number: str, title: str) -> str:
    """The number of a notebook's exercise: ("01", "Catch the scorer") -> "01.3". Raises ValueError
    for one that is not there."""
    known = {one.heading: one.exercise for one in lessons()[number].sections if one.exercise}
    for heading, exercise in known.items():
        if heading.partition(" · ")[2] == title:
            return exercise
    raise ValueError(f"notebook {number} has no exercise {title!r}; it has: {', '.join(known)}")
