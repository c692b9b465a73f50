"""Which index answers today, what has changed in the folder since, and how do we get back to
yesterday's?

A shelf keeps the versions of one collection of documents. `sync` reads a folder, embeds what is
new, builds the next version aside and only then switches a pointer: readers see the old version or
the new one, never half of either. Versions are whole indexes, so going back is moving the pointer.
`forget` is the opposite: a document leaves every version, and with it all that was derived from it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import mmap
import re
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from helpers.core import settings
from helpers.core.files import write_whole
from helpers.core.records import Fault
from helpers.data.ingest import Changes, changes, read_folder
from helpers.evaluation import runs
from helpers.retrieval import chroma_store, embedding
from helpers.retrieval.index import Index, IndexUnusableError, build_index, open_index

LAYOUT = 1


@dataclass(frozen=True)
class Report:
    """What did one sync do? Files by what happened to them, and the work it took."""

    version: int
    changes: Changes
    unreadable: tuple[Fault, ...]
    chunks: int
    embedded: int
    seconds: float

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(getattr(self.changes, kind))} {kind}"
            for kind in ("added", "changed", "deleted", "unchanged")
        )
        lines = [
            f"version {self.version}: {counts}; {self.embedded} of {self.chunks} chunks embedded,"
            f" {self.seconds:.1f} s"
        ]
        return "\n".join(lines + [f"  not read: {one}" for one in self.unreadable])


@dataclass(frozen=True)
class Version:
    """One state of the shelf: which index, made of which files (path -> SHA-256), when. Versions
    are numbered from 1."""

    number: int
    index: str
    made_at: str
    files: dict[str, str]


class VersionedIndex:
    """The versions of one collection of documents, under a name. Any number of processes may read;
    one at a time writes."""

    def __init__(
        self,
        name: str,
        chunk_size: int = 128,
        overlap: int = 32,
        strategy: str = "tokens",
        **options: Any,
    ):
        """options: those of `build_index` that have to be named, as context or stem."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
            raise ValueError(f"a shelf's name is made of a-z, 0-9 and '-'; got {name!r}")
        self.name, self._how, self._options = name, (chunk_size, overlap, strategy), options
        self._file = settings.cache_folder("shelves") / f"{name}.json"

    @property
    def versions(self) -> list[Version]:
        """All versions there are, oldest first."""
        return self._read()[0]

    @property
    def current(self) -> Version:
        """The version that answers now; read from the disk each time, so a switch by another
        process counts at once."""
        versions, number = self._read()
        if not versions:
            raise IndexUnusableError(
                f"shelf '{self.name}' is empty; put a folder on it with .sync(folder)"
            )
        return next(v for v in versions if v.number == number)

    def index(self) -> Index:
        """The index that answers now. It stays as it is, whatever happens to the shelf: ask again
        to get a newer one."""
        return open_index(self.current.index)

    def sync(
        self,
        folder: Path,
        audience: Collection[str] | None = None,
        say=print,
        open_keys: Collection[str] = (),
    ) -> Report:
        """Make the shelf say what the folder says: only new and changed chunks are embedded; the
        switch comes last.

        audience: who may read files that do not say so themselves, whatever `open_keys` their
        front matter has (see `ingest.read_folder`). Unreadable files are in the report.
        """
        begun = time.perf_counter()
        with self._writing():
            reading = read_folder(folder, audience, open_keys=open_keys)
            versions, number = self._read()
            before = next((v for v in versions if v.number == number), None)
            index = build_index(reading.documents, *self._how, say, **self._options)
            if before is None or (before.index, before.files) != (index.name, reading.files):
                number = max((v.number for v in versions), default=0) + 1
                versions.append(
                    Version(
                        number,
                        index.name,
                        dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                        dict(reading.files),
                    )
                )
                self._write(versions, number)
            difference = changes(before.files if before else {}, reading.files)
            return Report(
                number,
                difference,
                reading.unreadable,
                index.size,
                index.new,
                time.perf_counter() - begun,
            )

    def rollback(self, number: int | None = None) -> Version:
        """Let an earlier version answer again: the one before the current, or the one with this
        number. Nothing is built."""
        with self._writing():
            versions, current = self._read()
            earlier = [
                v
                for v in versions
                if (v.number < current if number is None else v.number == number)
            ]
            if not earlier:
                raise IndexUnusableError(
                    f"shelf '{self.name}' has no version"
                    f" {'before ' + str(current) if number is None else number}; it has"
                    f" {[v.number for v in versions]}"
                )
            open_index(earlier[-1].index)  # it must be there and whole before users are sent to it
            self._write(versions, earlier[-1].number)
            return earlier[-1]

    def forget(self, document: str) -> dict[str, int]:
        """Remove a document that the current version no longer holds from all that was derived from
        it: earlier versions and other indexes (whole; they are built again when asked for),
        vectors, cached predictions. Only what another shelf answers from today stays. A Chroma
        server overwrites nothing: until you run `chroma vacuum --path FOLDER --force` there, its
        database holds the bytes; the unused room in its graph files may hold pieces of anything it
        had in memory (chroma issue 7688), until it clears them.

        Returns how many of each are gone. Raises ValueError while the current version still holds
        it: delete its file and sync first.
        """
        with self._writing():
            versions, number = self._read()
            held = {v.number: self._texts(v, document) for v in versions}
            if held.get(number):
                raise ValueError(
                    f"'{document}' is in the current version of shelf '{self.name}'; delete its"
                    " file and .sync() first"
                )
            doomed = [v for v in versions if held[v.number]]
            self._write([v for v in versions if v not in doomed], number)
            vectors = embedding.forget([text for texts in held.values() for text in texts])
            stored = {v.index.partition("+")[0] for v in doomed} | chroma_store.holding(document)
            indexes = sum(chroma_store.remove(name) for name in stored - self._answering())
            return {
                "versions": len(doomed),
                "indexes": indexes,
                "vectors": vectors,
                "runs": runs.forget(document),
            }

    def drop_history(self) -> int:
        """Keep the current version only, as number 1: earlier ones go, and the vectors of what only
        they held, so that a text that comes back is embedded again. How many vectors are gone."""
        with self._writing():
            versions, number = self._read()
            gone = [v for v in versions if v.number != number]
            [current] = [v for v in versions if v.number == number]
            stays = set(self._texts(current))
            vectors = embedding.forget(
                [text for v in gone for text in self._texts(v) if text not in stays]
            )
            self._write([replace(current, number=1)], 1)
            stored = {v.index.partition("+")[0] for v in gone}
            for name in stored - self._answering():
                chroma_store.remove(name)
            return vectors

    def _answering(self) -> set[str]:
        """The stored indexes that some shelf answers from today."""
        return {
            VersionedIndex(file.stem).current.index.partition("+")[0]
            for file in self._file.parent.glob("*.json")
        }

    def _texts(self, version: Version, document: str | None = None) -> list[str]:
        """What was embedded of a document in a version; of all, where none is named. A version
        whose index is gone has nothing left to name."""
        try:
            rows = open_index(version.index).rows
        except IndexUnusableError:
            if document is None:
                return []
            raise
        return [
            m["lead"] + text
            for m, text in zip(rows.metadatas, rows.texts, strict=True)
            if document in (None, m["doc"])
        ]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        from filelock import FileLock

        with FileLock(self._file.with_suffix(".lock")):
            yield

    def _read(self) -> tuple[list[Version], int]:
        """(versions, number of the current one)."""
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return [], 0
        except ValueError as error:
            raise IndexUnusableError(
                f"{settings.shown(self._file)} cannot be read ({error}); delete it and sync again"
            ) from error
        return [Version(**v) for v in kept["versions"]], kept["current"]

    def _write(self, versions: Sequence[Version], current: int) -> None:
        text = json.dumps(
            {"layout": LAYOUT, "current": current, "versions": [asdict(v) for v in versions]},
            indent=1,
        )
        write_whole(self._file, text)


def traces(text: str, folder: Path | None = None) -> list[Path]:
    """In which files does a text still stand, byte by byte? By default in the whole cache. Looked
    for as UTF-8 and as JSON writes it."""
    needles = {text.encode(), json.dumps(text)[1:-1].encode()}
    found = []
    for file in sorted(
        p
        for p in (folder or settings.cache_folder()).rglob("*")
        if p.is_file() and p.stat().st_size
    ):
        with (
            file.open("rb") as handle,
            mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            if any(content.find(needle) >= 0 for needle in needles):
                found.append(file)
    return found
