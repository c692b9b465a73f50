"""Will this machine hold N learners? Behind `workbook.py doctor --room N`: what a learner took in
the load test, times N, against what this machine has."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass

from helpers.commands.hub import places
from helpers.commands.workshop.routes import lessons
from helpers.core import settings

MEASURED = settings.ROOT / "deploy" / "load" / "measured.json"
LESSON = "02"  # the notebook that the load test runs
# Learners do not spread their cells evenly; above this share of the cores they wait for each other.
BUSY_SHARE = 0.6
SYSTEM_MIB = 1024  # for the system itself


@dataclass(frozen=True)
class Room:
    """What N learners need, from one row of the load test."""

    learners: int
    memory_mib: float
    cores: float
    disk_gb: float
    row: dict

    @property
    def source(self) -> str:
        return (
            f"measured {self.row['date']} with {self.row['learners']} learners,"
            f" {self.row['name']} caches"
        )


def rows() -> list[dict]:
    return json.loads(MEASURED.read_text(encoding="utf-8"))["runs"]


def best_row(measured: list[dict]) -> dict:
    """The run that tells most: all finished, most learners, the dearest in memory among those."""
    whole = [row for row in measured if row["finished"] == row["learners"]]
    if not whole:
        raise ValueError(f"{settings.shown(MEASURED)} has no load test that went to its end")
    return max(whole, key=lambda row: (row["learners"], row["pss_mib_per_learner_max"]))


def lesson_seconds() -> float:
    """How long learners take over the notebook: to read it, to run it, and to do the exercises."""
    lesson = lessons()[LESSON]
    return 60.0 * (lesson.read + lesson.run + lesson.exercises)


def needs(learners: int, row: dict) -> Room:
    """Memory: the largest learner of the test each, the hub, and the system. Cores: the seconds of
    CPU that one learner took, spread over the lesson, at BUSY_SHARE."""
    memory = learners * row["pss_mib_per_learner_max"] + row["hub_pss_mib"] + SYSTEM_MIB
    cores = learners * row["cpu_seconds_per_learner"] / lesson_seconds() / BUSY_SHARE
    return Room(learners, memory, cores, learners * row["disk_mb_per_learner"] / 1e3, row)


def lines(learners: int) -> list[tuple[str, bool, str, str]]:
    """The doctor's lines: name, is it enough, what was found, how to fix it."""
    import psutil

    room = needs(learners, best_row(rows()))
    memory = psutil.virtual_memory().total / 2**20
    cores = os.cpu_count() or 1
    disk = shutil.disk_usage(_there(places.hub_folder())).free / 1e9
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        (
            "room: memory",
            memory >= room.memory_mib,
            f"{learners} learners need {room.memory_mib / 1024:.1f} GiB, here are"
            f" {memory / 1024:.1f} ({room.source})",
            f"{_most(memory, room)} learners fit; or a machine with more memory",
        ),
        (
            "room: cores",
            cores >= room.cores,
            f"they need {room.cores:.1f}, here are {cores}; without training in 05 to 07",
            "warm the caches (python3 workbook.py warm), or a machine with more cores",
        ),
        (
            "room: disk",
            disk >= room.disk_gb,
            f"they need {room.disk_gb:.1f} GB, {disk:.0f} are free",
            "make room, or set WORKBOOK_HUB to another disk",
        ),
        (
            "room: accounts",
            root,
            "an account a learner" if root else "one account for all: nobody is kept apart",
            "start the hub as root",
        ),
    ]


def _most(memory_mib: float, room: Room) -> int:
    each = room.row["pss_mib_per_learner_max"]
    return max(0, int((memory_mib - room.row["hub_pss_mib"] - SYSTEM_MIB) // each))


def _there(folder):
    while not folder.exists():
        folder = folder.parent
    return folder


if __name__ == "__main__":
    print(json.dumps(lines(int(sys.argv[1]))))
