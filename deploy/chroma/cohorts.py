"""One database a cohort on a Chroma server, its backup, and its way back.

    python deploy/chroma/cohorts.py add may [--server http://127.0.0.1:8000]
    python deploy/chroma/cohorts.py backup FOLDER FILE      while the server runs
    python deploy/chroma/cohorts.py restore FILE FOLDER     into an empty folder, server stopped

A learner of the cohort works with CHROMA_URL=http://127.0.0.1:8000/may.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import chromadb

DATABASE = "chroma.sqlite3"


def add(cohort: str, server: str) -> None:
    """Make the cohort's database. Raises what chromadb raises where it is there already."""
    parts = urlsplit(server)
    where = chromadb.Settings(
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host=parts.hostname,
        chroma_server_http_port=parts.port,
        anonymized_telemetry=False,
    )
    chromadb.AdminClient(where).create_database(cohort)


def backup(folder: Path, file: Path) -> None:
    """A consistent copy of everything, all cohorts. The workbook's collections keep no graph on
    the disk (chroma_store.CONFIGURATION), so the SQLite file is all there is; its own backup may
    run beside the server."""
    if file.exists():
        raise FileExistsError(f"{file} is there; name a new file")
    source = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(file)) as target:
        source.backup(target)


def restore(file: Path, folder: Path) -> None:
    """The backup as the folder of a server to be started."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; restore into a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as source:
        fault = source.execute("PRAGMA integrity_check").fetchone()[0]
        if fault != "ok":
            raise ValueError(f"{file} is damaged ({fault}); nothing was restored")
        with closing(sqlite3.connect(folder / DATABASE)) as target:
            source.backup(target)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("add")
    one.add_argument("cohort")
    one.add_argument("--server", default="http://127.0.0.1:8000")
    one.set_defaults(does=lambda told: add(told.cohort, told.server))
    one = commands.add_parser("backup")
    one.add_argument("folder", type=Path)
    one.add_argument("file", type=Path)
    one.set_defaults(does=lambda told: backup(told.folder, told.file))
    one = commands.add_parser("restore")
    one.add_argument("file", type=Path)
    one.add_argument("folder", type=Path)
    one.set_defaults(does=lambda told: restore(told.file, told.folder))
    told = parser.parse_args(argv)
    try:
        told.does(told)
    except Exception as error:  # chromadb has many types
        print(f"cohorts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
