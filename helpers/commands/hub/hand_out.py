"""How does everybody in the room get a fixed notebook, or a place to start from? `python -m
helpers.commands.hub.hand_out NN [SECTION] [--to NAME]`, by the hub's account.

A new file is put beside each learner's own copy, which stays as it is: it may be open in their
browser. Without a section it is the course's notebook as it is now; with one, their own copy with
everything before that section solved, as `catch-up` makes it. It is written by a process of the
learner's own account, so a link in their folder leads nowhere that they could not write.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
from pathlib import Path

from helpers.commands import notebooks
from helpers.commands.hub import places
from helpers.commands.workshop import catch_up
from helpers.core import settings

IN_THEIR_ACCOUNT = (
    "import sys; from helpers.commands.hub import hand_out; hand_out.put(*sys.argv[1:])"
)


def put(number: str, section: str = "") -> None:
    """Write the notebook beside this learner's copy, under a name that is free; print the name."""
    (source,) = notebooks.sources([number])
    mine = notebooks.copy_path(source)
    book = catch_up.solved_up_to(source, section) if section else notebooks.learner_copy(source)
    stem = f"{source.stem}.from-instructor" + (f"-solved-to-{section}" if section else "")
    text = notebooks.as_text(book)
    for count in itertools.count(1):
        path = mine.with_name(f"{stem}-{count}.ipynb")
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            break  # they have it already
        if not os.path.lexists(path):
            notebooks.write_notebook(book, path)
            break
    print(path.name)


def hand_out(number: str, section: str, to: list[str]) -> int:
    """One line a learner; 1 if one of them did not get it, which stops no other."""
    notebooks.sources([number])  # an unknown number is told once
    homes = [places.home_of(name) for name in to] or places.homes()
    failed = 0
    for home in homes:
        done = _as_learner(home, number, section)
        said = done.stdout.strip() if done.returncode == 0 else _last_line(done.stderr)
        print(f"{home.name}: {said}")
        failed += done.returncode != 0
    if not homes:
        print("nobody has entered the hub yet")
    return 1 if failed else 0


def _as_learner(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    account = home.stat()
    drop = {"user": account.st_uid, "group": account.st_gid, "extra_groups": []}
    return subprocess.run(
        [sys.executable, "-c", IN_THEIR_ACCOUNT, *words],
        cwd=settings.ROOT,
        env={**os.environ, **places.learner_environment(home)},
        umask=0o077,
        capture_output=True,
        text=True,
        **(drop if os.geteuid() == 0 else {}),
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["failed"])[-1]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="helpers.commands.hub.hand_out")
    parser.add_argument("number")
    parser.add_argument("section", nargs="?", default="")
    parser.add_argument("--to", action="append", default=[], metavar="NAME")
    told = parser.parse_args(argv)
    try:
        return hand_out(told.number, told.section, told.to)
    except (ValueError, OSError) as error:
        print(f"workbook: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
