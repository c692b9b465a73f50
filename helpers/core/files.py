"""How does a file or a folder get into its place whole, or not at all? Made beside it, then moved
there in one step: a killed process, a full disk or a power cut leaves the old one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, data: str | bytes, aside: Path | None = None) -> None:
    """Write the file, or leave the one that is there; raises OSError.

    aside: where to write first. By default a new name, so that two may write at once; who holds a
    lock gives a fixed one, so that killed writers leave no heap.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside or path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with aside.open("wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
            out.flush()
            # else a power cut could leave an empty file under the good name
            os.fsync(out.fileno())
        aside.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)  # which was meant
        raise


def in_utf8(text: str) -> str:
    """The text, with U+FFFD for what UTF-8 cannot hold: half a surrogate pair, as in the name of a
    file that is none."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def write_measured(
    path: Path, head: Mapping[str, Any], **lists: Iterable[Mapping[str, Any]]
) -> None:
    """Write a results file: one JSON object of the head and the lists, each of their rows on a line
    of its own, so that a changed row is a changed line."""
    parts = [
        f',\n "{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]"
        for name, rows in lists.items()
    ]
    # the head is indented JSON without its closing line
    write_whole(path, json.dumps(head, indent=1)[:-2] + "".join(parts) + "\n}\n")


@contextlib.contextmanager
def build_aside(folder: Path) -> Iterator[Path]:
    """An empty folder to build in; when the block ends without an error, it takes the place of
    `folder`, else it goes. Hold a lock where two processes may build the same."""
    aside = folder.with_name(f"{folder.name}.building")
    shutil.rmtree(aside, ignore_errors=True)  # what a killed builder left
    aside.mkdir(parents=True)
    try:
        yield aside
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
