"""From what was measured to 3,000 learners and ten million chunks: writes SCALING.md.

    python deploy/scaling.py [--check]

Every number there is measured (deploy/load/measured.json, labs_data/reference/scale.json), computed
from those here, or one of the ASSUMPTIONS, which the page lists.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import jinja2

from helpers.commands.hub import capacity
from helpers.core import settings
from helpers.core.files import write_whole

HERE = Path(__file__).parent
PAGE = HERE / "SCALING.md"
SCALE = settings.DATA / "reference" / "scale.json"
SIZES = (30, 300, 3_000)
CHUNKS = 10_000_000
ASSUMPTIONS = {
    "EUR per core and hour": 0.04,
    "EUR per GiB of memory and hour": 0.005,
    "hours of a workshop": 4,
    "learners that arrive in the same minute, of all": 0.5,
    "minutes that they may wait for their first cells": 5,
    "cores of the largest machine": 64,
    "GiB of the largest machine": 256,
    "passages embedded per second and core": 19,
    "numbers in a vector": 384,
    "bytes of a number": 4,
    "neighbours of a chunk in a graph": 16,
}


@dataclass(frozen=True)
class Size:
    """What so many learners need at once."""

    learners: int
    memory_gib: float
    cores: float
    cores_at_start: float
    disk_gb: float
    eur: float
    machines: int
    breaks: str


def size_of(learners: int, row: dict) -> Size:
    room, a = capacity.needs(learners, row), ASSUMPTIONS
    memory, start = room.memory_mib / 1024, cores_at_start(learners, row)
    cores = max(room.cores, start)
    # how many of the largest machines each would fill
    fills = {
        "memory": memory / a["GiB of the largest machine"],
        "cores, when all start": start / a["cores of the largest machine"],
        "cores, in the lesson": room.cores / a["cores of the largest machine"],
    }
    eur = a["hours of a workshop"] * (
        cores * a["EUR per core and hour"] + memory * a["EUR per GiB of memory and hour"]
    )
    return Size(
        learners,
        memory,
        room.cores,
        start,
        room.disk_gb,
        eur,
        math.ceil(max(fills.values())),
        max(fills, key=fills.get),
    )


def cores_at_start(learners: int, row: dict) -> float:
    """For those who come together to wait no longer than assumed. All CPU seconds of a learner are
    taken for those of the start, which is too much: import, models and index are most of them."""
    a = ASSUMPTIONS
    at_once = learners * a["learners that arrive in the same minute, of all"]
    wait_seconds = 60 * a["minutes that they may wait for their first cells"]
    return at_once * row["cpu_seconds_per_learner"] / wait_seconds


def measured() -> dict:
    return json.loads(capacity.MEASURED.read_text(encoding="utf-8"))


def chunks() -> dict:
    """Ten million chunks, from the largest index that was measured, each figure in proportion."""
    known = json.loads(SCALE.read_text(encoding="utf-8"))
    largest = max(known["sizes"], key=lambda one: one["chunks"])
    times, a = CHUNKS / largest["chunks"], ASSUMPTIONS
    vectors = CHUNKS * a["numbers in a vector"] * a["bytes of a number"] / 1e9
    # a chunk's neighbours: twice as many on the lowest floor, four bytes each
    graph = CHUNKS * a["neighbours of a chunk in a graph"] * 2 * 4 / 1e9
    return {
        "from": largest["chunks"],
        "disk_gb": largest["disk_mb"] * times / 1e3,
        "build_hours": largest["build_seconds"] * times / 3600,
        "memory_gb": largest["dense_memory_mb"] * times / 1e3,
        "vectors_gb": vectors,
        "graph_gb": graph,
        "search_seconds": largest["dense_ms"]["p50"] * times / 1e3,
        "open_minutes": largest["open_seconds"] * times / 60,
        "embed_core_days": CHUNKS / a["passages embedded per second and core"] / 86_400,
    }


def page() -> str:
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = env.from_string((HERE / "scaling.md.j2").read_text(encoding="utf-8"))
    found = measured()
    row = capacity.best_row(found["runs"])
    return template.render(
        found=found,
        row=row,
        sizes=[size_of(learners, row) for learners in SIZES],
        chunks=chunks(),
        assumptions=ASSUMPTIONS,
        busy=capacity.BUSY_SHARE,
        lesson_minutes=capacity.lesson_seconds() / 60,
    )


def main(argv: list[str]) -> int:
    text = page()
    if "--check" in argv:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        print("as measured" if same else "out of date; run: python deploy/scaling.py")
        return 0 if same else 1
    write_whole(PAGE, text)
    print(f"{settings.shown(PAGE)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
