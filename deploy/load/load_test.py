"""How does a room of learners feel on this machine? Simulated learners enter a running hub, open
notebook 02 and run it cell by cell, with a person's pauses. As root, which may measure memory:

    python deploy/load/load_test.py --address http://127.0.0.1:8000 --learners 8 --name warm

Memory is the proportional set size (PSS): pages that several processes share are counted once in
all, so what stands here may be multiplied. Appends to deploy/load/measured.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import platform
import pwd
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from helpers.commands.hub import places
from helpers.commands.hub.visitor import VisitError, Visitor
from helpers.core import settings
from helpers.core.files import write_measured

MEASURED = Path(__file__).parent / "measured.json"
NOTEBOOK = "02_build_rag.ipynb"
SAMPLE_SECONDS = 5
MIB = 1024 * 1024


@dataclass
class Visit:
    """What one learner met with; seconds."""

    name: str
    log_in: float = 0.0
    server_up: float = 0.0
    first_cell: float = 0.0  # from opening the page to the result of the first cell
    cells: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    finished: bool = False


async def lesson(visit: Visit, told: argparse.Namespace, rng: random.Random) -> None:
    """Enter, open the notebook, run its cells; a pause after each, of this mean, as people have:
    many short, few long."""
    visitor = Visitor(told.address, visit.name, f"password of {visit.name}")
    begun = time.monotonic()
    await asyncio.to_thread(visitor.log_in)
    visit.log_in = time.monotonic() - begun
    await asyncio.to_thread(visitor.spawn)
    visit.server_up = time.monotonic() - begun
    path = notebook_path(visit.name)
    book = (await asyncio.to_thread(visitor.api, "GET", f"contents/{path}")).json()["content"]
    kernel = await visitor.connect(await asyncio.to_thread(visitor.open_kernel, path))
    sources = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    for place, source in enumerate(source for source in sources if source.strip()):
        done = await kernel.run(source)
        visit.cells.append(done.seconds)
        if place == 0:
            visit.first_cell = time.monotonic() - begun
        if done.status != "ok":
            visit.failures.append(f"cell {place}: {done.text[-200:]}")
        await asyncio.sleep(rng.expovariate(1 / told.pause))
    visit.finished = True
    await told.all_done.wait()  # the kernels stay until the last has finished, as in a room
    kernel.close()


def notebook_path(name: str) -> str:
    """As the learner's server calls it."""
    home = places.home_of(name)
    top = os.path.commonpath([settings.ROOT, home])
    return (home / "my_work" / "notebooks" / NOTEBOOK).relative_to(top).as_posix()


async def guarded(visit: Visit, told: argparse.Namespace, rng: random.Random) -> None:
    try:
        # nobody presses the button in the same second as all the others
        await asyncio.sleep(rng.uniform(0, told.arrive))
        await lesson(visit, told, rng)
    except (VisitError, OSError, KeyError, ValueError) as error:
        visit.failures.append(f"{type(error).__name__}: {error}")
    except Exception as error:  # httpx and tornado have many types
        visit.failures.append(f"{type(error).__name__}: {error}")


# --- what it costs --------------------------------------------------------------------------------


def pss_of(process: psutil.Process) -> int:
    """Bytes; 0 for one that has just ended."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line[:4] == "Pss:")


@dataclass
class Costs:
    """The largest PSS of each learner, of the hub, and of all at one moment; CPU seconds so far."""

    learners: dict[str, int] = field(default_factory=dict)
    together: int = 0
    cpu: dict[str, float] = field(default_factory=dict)

    def sample(self, names: list[str]) -> None:
        accounts = {pwd.getpwnam(places.account_of(n)).pw_uid: n for n in names if known(n)}
        now: dict[str, int] = {}
        cpu: dict[str, float] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if name := accounts.get(process.uids().real):
                    now[name] = now.get(name, 0) + pss_of(process)
                    spent = process.cpu_times()
                    cpu[name] = cpu.get(name, 0) + spent.user + spent.system
        for name, value in now.items():
            self.learners[name] = max(self.learners.get(name, 0), value)
        for name, value in cpu.items():
            self.cpu[name] = max(self.cpu.get(name, 0.0), value)
        self.together = max(self.together, sum(now.values()))


def known(name: str) -> bool:
    try:
        pwd.getpwnam(places.account_of(name))
    except KeyError:
        return False
    return True


def hub_pss() -> int:
    """The hub, its proxy and its services."""
    words = ("jupyterhub", "configurable-http-proxy", "room_service", "jupyterhub_idle_culler")
    found = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            # those before it are the learners'
            if process.uids().real == 0 and any(word in line for word in words):
                found += pss_of(process)
    return found


def disk_of(name: str) -> int:
    return sum(p.stat().st_size for p in places.home_of(name).rglob("*") if p.is_file())


# --- the run --------------------------------------------------------------------------------------


async def run(told: argparse.Namespace) -> tuple[list[Visit], Costs, bool]:
    """All learners at once, until the last has finished or the time is up."""
    visits = [Visit(f"{told.prefix}{place:02d}") for place in range(told.learners)]
    told.all_done = asyncio.Event()
    tasks = [
        asyncio.create_task(guarded(visit, told, random.Random(place)))
        for place, visit in enumerate(visits)
    ]
    costs, begun = Costs(), time.monotonic()
    while not all(visit.finished or visit.failures for visit in visits):
        if time.monotonic() - begun > told.minutes * 60:
            break
        await asyncio.sleep(SAMPLE_SECONDS)
        await asyncio.to_thread(costs.sample, [visit.name for visit in visits])
    whole = all(visit.finished for visit in visits)
    told.all_done.set()
    if not whole:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return visits, costs, whole


def percentile(values: list[float], share: float) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None


def row_of(told: argparse.Namespace, visits: list[Visit], costs: Costs, load: float) -> dict:
    cells = [seconds for visit in visits for seconds in visit.cells]
    firsts = [visit.first_cell for visit in visits if visit.first_cell]
    pss = [value / MIB for value in costs.learners.values()]
    return {
        "name": told.name,
        "date": dt.date.today().isoformat(),
        "learners": told.learners,
        "finished": sum(visit.finished for visit in visits),
        "failures": sum(len(visit.failures) for visit in visits),
        "mean_pause_seconds": told.pause,
        "arrive_within_seconds": told.arrive,
        "load_before": round(load, 1),
        "log_in_seconds_p50": percentile([v.log_in for v in visits if v.log_in], 0.5),
        "first_cell_seconds_p50": percentile(firsts, 0.5),
        "first_cell_seconds_max": percentile(firsts, 1.0),
        "cells": len(cells),
        "cell_seconds_p50": percentile(cells, 0.5),
        "cell_seconds_p95": percentile(cells, 0.95),
        "pss_mib_per_learner_p50": round(statistics.median(pss), 1) if pss else None,
        "pss_mib_per_learner_max": round(max(pss), 1) if pss else None,
        "pss_mib_together": round(costs.together / MIB, 1),
        "hub_pss_mib": round(hub_pss() / MIB, 1),
        "cpu_seconds_per_learner": round(statistics.mean(costs.cpu.values()), 1)
        if costs.cpu
        else None,
        "disk_mb_per_learner": round(max(disk_of(v.name) for v in visits) / 1e6, 1),
        "limit_minutes": told.minutes,
    }


def machine() -> dict:
    return {
        "what": "simulated learners on one hub, notebook 02 through the kernel protocol",
        "made_by": "deploy/load/load_test.py",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--learners", type=int, default=2)
    parser.add_argument("--name", default="cold", help="what to call the run: cold or warm caches")
    parser.add_argument("--pause", type=float, default=20.0, help="mean seconds between cells")
    parser.add_argument("--arrive", type=float, default=30.0, help="all arrive within so many")
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after so many")
    parser.add_argument("--prefix", default="load", help="what the learners' names start with")
    told = parser.parse_args()
    load = os.getloadavg()[0]
    visits, costs, whole = asyncio.run(run(told))
    for visit in visits:
        for failure in visit.failures:
            print(f"{visit.name}: {failure}", file=sys.stderr)
    if not any(visit.log_in for visit in visits):
        print(f"nobody could enter the hub at {told.address}: nothing is recorded", file=sys.stderr)
        return 2
    row = row_of(told, visits, costs, load)
    rows = json.loads(MEASURED.read_text())["runs"] if MEASURED.exists() else []
    write_measured(MEASURED, machine(), runs=[*rows, row])
    print(json.dumps(row, indent=1))
    return 0 if whole and not row["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
