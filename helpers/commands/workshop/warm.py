"""Is everything computed that a room would otherwise wait for? Behind `workbook.py warm`.

Each notebook is executed once, with a journal of its own that is thrown away, so that its indexes,
adapters and finished runs lie in the cache. What is warm already is passed over, so a run that was
cut short resumes. `--measure` writes how long each section takes, cold and warm, to
docs/minutes.json, by the clock and in seconds of a processor; the routes of docs/INSTRUCTOR.md are
added up from that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from helpers.commands import notebooks
from helpers.commands.workshop.sections import section_of
from helpers.core import settings
from helpers.core.files import write_whole
from helpers.core.fingerprint import ANSWERING, code_of, machine

MINUTES = settings.ROOT / "docs" / "minutes.json"
SIGN_OF_LIFE_SECONDS = 10


def state_of(source: Path) -> str:
    """A name for everything that decides whether the caches of this notebook are still the ones it
    asks for: its code, the library behind it, number format, models, and where the cache is."""
    from helpers.models import load
    from helpers.models.weights import sha256_of

    device = load.pick_device()
    parts = [
        notebooks.source_hash(source),
        code_of(*ANSWERING, "experiments"),
        *(f"{path} {sha256_of(path)}" for path in sorted(settings.DATA.rglob("*.jsonl"))),
        f"{device} {load.pick_dtype(device)}",
        str(settings.model_override()),
        str(settings.embedder_override()),
        str(settings.chroma_url()),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def warm(numbers: list[str], again: bool = False) -> int:
    """Execute the notebooks whose caches are not warm, with progress. 1 if one of them failed: the
    others are warm all the same."""
    wanted, failed, begun = notebooks.sources(numbers), [], time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as journal:
        for place, source in enumerate(wanted, start=1):
            mark, state = _mark(source), state_of(source)
            if not again and _read(mark).get("state") == state:
                print(f"[{place}/{len(wanted)}] {source.stem}: warm already", flush=True)
                continue
            print(f"[{place}/{len(wanted)}] {source.stem}", flush=True)
            seconds, _, problem = timed(source, journal)
            if problem:
                failed.append(notebooks.number_of(source))
                print(problem, file=sys.stderr)
                continue
            write_whole(mark, json.dumps({"state": state, "seconds": seconds}))
            print(f"      done in {sum(seconds.values()):.0f} s", flush=True)
    print(
        f"{len(wanted) - len(failed)} of {len(wanted)} warm, {_told(time.perf_counter() - begun)}"
    )
    if failed:
        print(f"failed: {', '.join(failed)}; run the same command again", file=sys.stderr)
    return 1 if failed else 0


def _mark(source: Path) -> Path:
    return settings.cache_folder("warm") / f"{source.stem}.json"


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _told(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


def timed(source: Path, journal: str, **more: str) -> tuple[dict[str, float], float, str]:
    """Execute a notebook: seconds by section, seconds of a processor that all of it took, and the
    error that stopped it ("": none)."""
    from nbclient.exceptions import CellExecutionError

    book = nbformat.read(notebooks.learner_path(source), 4)
    sections = section_of(book)
    seconds: dict[str, float] = dict.fromkeys(sections, 0.0)
    begun, problem, before = [0.0], "", _of_processors()
    with sign_of_life() as at:

        def starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
            begun[0] = time.perf_counter()
            at(f"cell {cell_index + 1} of {len(book.cells)} · {sections[cell_index]}")

        def ends(cell: nbformat.NotebookNode, cell_index: int, **_: object) -> None:
            if cell.cell_type == "code":
                seconds[sections[cell_index]] += time.perf_counter() - begun[0]

        hooks = {"on_cell_start": starts, "on_cell_executed": ends}
        try:
            notebooks.execute(book, hooks=hooks, WORKBOOK_MY_WORK=journal, **more)
        except CellExecutionError as error:
            problem = str(error)
    return seconds, _of_processors() - before, problem


def _of_processors() -> float:
    """Seconds of a processor that ended children, and theirs, have used: a kernel is one. A busy
    machine makes the clock run on, not these."""
    used = os.times()
    return used.children_user + used.children_system


@contextmanager
def sign_of_life() -> Iterator[Callable[[str], None]]:
    """Says every ten seconds where the run is, so that nobody takes a training for a hang."""
    said, done, begun = [""], threading.Event(), time.monotonic()

    def speak() -> None:
        while not done.wait(SIGN_OF_LIFE_SECONDS):
            print(f"      {time.monotonic() - begun:4.0f} s  {said[0]}", flush=True)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield lambda text: said.__setitem__(0, text)
    finally:
        done.set()
        speaker.join()


# --- how long it takes ----------------------------------------------------------------------------


def measure(numbers: list[str], folder: Path) -> int:
    """Every notebook twice with its cache in this folder: seconds by section, cold and warm.

    Cold means: after the notebooks before it, where the folder was empty at the start. Written
    after each notebook, and notebooks that were not asked for keep their lines, so the measurement
    can be made in pieces.
    """
    known = _read(MINUTES).get("notebooks", {})
    place = {
        "WORKBOOK_CACHE": str(folder),
        "WORKBOOK_WEIGHTS": str(settings.cache_folder("weights")),
    }
    for source in notebooks.sources(numbers):
        row: dict = {"processor": {}}
        for temperature in ("cold", "warm"):
            seconds, processor, problem = timed(source, str(folder / "my_work"), **place)
            if problem:
                print(problem, file=sys.stderr)
                return 1
            row[temperature] = {name: round(value, 1) for name, value in seconds.items()}
            row["processor"][temperature] = round(processor, 1)
        known[source.stem] = row
        _write(known)
        totals = (
            f"{sum(row[name].values()):.0f} s {name}, {row['processor'][name]:.0f} s of a processor"
            for name in ("cold", "warm")
        )
        print(f"{source.stem}: {'; '.join(totals)}", flush=True)
    return 0


def _write(known: dict) -> None:
    head = {
        "what": "seconds that the cells of each section take, in an empty cache and again;"
        " processor: seconds of a processor that the whole notebook takes, its start included",
        "made_by": "python3 workbook.py warm --measure",
        "date": dt.date.today().isoformat(),
        "machine": machine(),
        "threads": os.environ.get("WORKBOOK_THREADS") or "all",
        "dtype": os.environ.get("WORKBOOK_DTYPE") or "the live one",
    }
    books = dict(sorted(known.items()))
    write_whole(
        MINUTES, json.dumps(head | {"notebooks": books}, indent=1, ensure_ascii=False) + "\n"
    )
