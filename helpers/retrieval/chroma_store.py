"""Where does an index lie, and how does it get there whole? A folder in the cache, or a collection
on a Chroma server; built aside, then switched."""

from __future__ import annotations

import contextlib
import functools
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from helpers.core import settings
from helpers.core.files import build_aside

COLLECTION = "handbook"  # the one collection in each folder
# Above the threshold Chroma rewrites its HNSW files in place; a kill in that moment makes the
# folder unreadable. We never let it: the graph is rebuilt from SQLite in memory when the index is
# opened. ef_search: how many candidates the approximate search looks at; the default, 100, misses
# some neighbours in large indexes.
CONFIGURATION = {
    "hnsw": {
        "space": "cosine",
        "sync_threshold": 1_000_000,
        "ef_search": 200,
        "ef_construction": 200,
    }
}
# Up to so many chunks a question goes through Chroma's graph. In larger indexes the condition on
# access costs more than the search: Chroma fetches the id of every permitted row first. At 100,000
# chunks that took 1,148 ms an answer against 4 without, and recall@10 was .944 (ef_search 400: .926
# against .869, without condition); comparing all permitted vectors takes a fraction of that and
# misses nothing. So there the graph is never asked, and is kept as small as Chroma lets us.
GRAPH_UP_TO = 5_000
UNASKED = {"hnsw": CONFIGURATION["hnsw"] | {"max_neighbors": 2, "ef_construction": 4}}
UNFINISHED = ".building"  # as core/files names what is being built
STALE_SECONDS = 24 * 3600  # an unfinished collection this old has no builder any more

StoredRows = Callable[[], Iterable[dict[str, Any]]]


class DamagedError(RuntimeError):
    """A stored index cannot be used; the message says why. It is built again."""


def collection(
    name: str, manifest: dict[str, Any], rows: StoredRows, say=print, graph: bool = True
) -> Any:
    """The Chroma collection with this name: opened when it is there and whole, else built from
    `rows`. graph: whether Chroma's graph will be asked."""
    how = {
        "configuration": CONFIGURATION if graph else UNASKED,
        "embedding_function": None,
    }
    if url := settings.chroma_url():
        return _on_server(connect(url), name, manifest, rows, how, say)
    return _in_folder(settings.cache_folder("indexes"), name, manifest, rows, how, say)


# --- in a folder ----------------------------------------------------------------------------------


def _in_folder(
    home: Path,
    name: str,
    manifest: dict[str, Any],
    rows: StoredRows,
    how: dict[str, Any],
    say: Callable[[str], object],
) -> Any:
    from filelock import FileLock, Timeout

    lock = FileLock(home / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another process is building this index; waiting for it")
        lock.acquire()
    try:
        for folder in sorted(home.glob(f"{name}-*")):
            try:
                found, kept = open_folder(folder)
                if kept == manifest:
                    return found
                raise DamagedError(
                    f"{settings.shown(folder)} was built with {kept.get('embedder')}, wanted is"
                    f" {manifest['embedder']}"
                )
            except DamagedError as error:
                if not folder.name.endswith(UNFINISHED):
                    say(f"{error}; building it again")
                shutil.rmtree(folder, ignore_errors=True)
        # A new name each time: Chroma remembers a path for the life of a process, so a path must
        # never mean two things.
        folder = home / f"{name}-{secrets.token_hex(4)}"
        with build_aside(folder) as aside:
            client = _client(aside)
            _fill(client.create_collection(COLLECTION, **how), rows)
            client.close()
            (aside / "manifest.json").write_text(
                json.dumps(manifest, indent=2) + "\n", encoding="utf-8"
            )
    finally:
        lock.release()
    return open_folder(folder)[0]


def _fill(target: Any, rows: StoredRows) -> None:
    for part in rows():
        for start in range(0, len(part["ids"]), 1000):
            target.add(**{field: values[start : start + 1000] for field, values in part.items()})


def _blank_graph(folder: Path) -> None:
    """Overwrite the empty graph files that Chroma makes when a folder is first opened: their room
    is filled with whatever lay in this process's memory, such as passages of another index that is
    deleted later (chroma issue 7688). Below the threshold they are never read. Their length stays.
    """
    with contextlib.suppress(OSError):  # where we may not write, Chroma did not either
        for file in [*folder.glob("*/data_level0.bin"), *folder.glob("*/length.bin")]:
            if any(file.read_bytes()):
                with file.open("r+b") as there:
                    there.write(bytes(file.stat().st_size))


# a path is used for one index only, and Chroma itself keeps an opened folder for the life of the
# process
@functools.cache
def _client(folder: Path):
    settings.stay_offline()
    import chromadb

    return chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))


def open_folder(folder: Path) -> tuple[Any, dict[str, Any]]:
    """(collection, manifest) of a finished index folder. Raises DamagedError when it is unfinished
    or damaged."""
    where = settings.shown(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        wanted = int(manifest["chunks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{where} is not a finished index") from error
    try:
        found = _client(folder).get_collection(COLLECTION, embedding_function=None)
        size = found.count()
        if size < CONFIGURATION["hnsw"]["sync_threshold"]:
            _blank_graph(folder)
    except Exception as error:
        # chromadb raises many types for a damaged folder, some of them from Rust
        raise DamagedError(f"{where} cannot be opened ({type(error).__name__}: {error})") from error
    if size != wanted:
        raise DamagedError(f"{where} holds {size} of {wanted} chunks")
    return found, manifest


def open_there(name: str) -> tuple[Any, dict[str, Any]]:
    """(collection, manifest) of a finished index by its name, wherever indexes lie. Raises
    DamagedError."""
    if url := settings.chroma_url():
        client = connect(url)
        if name not in set(names(client)):
            raise DamagedError(f"there is no index {name} on the server {url}")
        found = client.get_collection(name, embedding_function=None)
        return found, dict(found.metadata or {})
    folders = [
        f
        for f in sorted(settings.cache_folder("indexes").glob(f"{name}-*"))
        if not f.name.endswith(UNFINISHED)
    ]
    if not folders:
        raise DamagedError(
            f"there is no index {name} in {settings.shown(settings.cache_folder('indexes'))}"
        )
    return open_folder(folders[0])


def holding(document: str) -> set[str]:
    """The names of all finished indexes that may hold a document with this id (on the disk by a
    byte search: rather one too many than one too few)."""
    if url := settings.chroma_url():
        client = connect(url)
        found = {
            name: client.get_collection(name, embedding_function=None)
            for name in list(names(client))
        }
        return {
            name
            for name, one in found.items()
            if one.get(where={"doc": document}, limit=1, include=[])["ids"]
        }
    files = settings.cache_folder("indexes").glob("*/chroma.sqlite3")
    return {
        file.parent.name.split("-")[0] for file in files if document.encode() in file.read_bytes()
    }


def remove(name: str) -> int:
    """Delete an index from the disk or the server, for good; how many were there. An index that is
    in use elsewhere stops answering, however it is searched."""
    name = name.partition("+")[0]
    if url := settings.chroma_url():
        client = connect(url)
        there = [one for one in names(client) if one.startswith(name)]
        for one in there:
            client.delete_collection(one)
        return len(there)
    folders = list(settings.cache_folder("indexes").glob(f"{name}-*"))
    for folder in folders:
        with contextlib.suppress(Exception):  # what cannot be opened need not be closed
            # Chroma keeps an opened folder in memory: it would continue to answer
            _client(folder).close()
        shutil.rmtree(folder)
    (settings.cache_folder("indexes") / f"{name}.lock").unlink(missing_ok=True)
    return len(folders)


# --- on a server ----------------------------------------------------------------------------------


def connect(url: str):
    """A client of the Chroma server at this URL; its path, as in http://127.0.0.1:8000/may, is the
    database of a cohort (default: the server's own). Raises ConnectionError that says what to do.
    """
    settings.stay_offline()
    import chromadb

    parts = urlsplit(url if "://" in url else f"http://{url}")
    cohort, token = parts.path.strip("/"), settings.chroma_token()
    try:
        return chromadb.HttpClient(
            parts.hostname or "127.0.0.1",
            parts.port or 8000,
            ssl=parts.scheme == "https",
            headers={"Authorization": f"Bearer {token}"} if token else None,
            settings=chromadb.Settings(anonymized_telemetry=False),
            database=cohort or chromadb.DEFAULT_DATABASE,
        )
    except Exception as error:
        raise ConnectionError(_advice(url, cohort, error)) from error


def _advice(url: str, cohort: str, error: Exception) -> str:
    if cohort and "not found" in str(error).lower():
        return (
            f"CHROMA_URL: the server at {url} has no database for the cohort {cohort!r}; make it"
            f" with `python deploy/chroma/cohorts.py add {cohort}`"
        )
    return (
        f"CHROMA_URL: no Chroma server answers at {url} ({type(error).__name__}); start one"
        " with `chroma run --path FOLDER --host 127.0.0.1 --port 8000`, or unset CHROMA_URL to"
        " keep indexes in the cache"
    )


def names(client) -> Iterator[str]:
    start = 0
    while page := client.list_collections(limit=500, offset=start):
        yield from (one.name for one in page)
        start += len(page)


def _on_server(
    client: Any,
    name: str,
    manifest: dict[str, Any],
    rows: StoredRows,
    how: dict[str, Any],
    say: Callable[[str], object],
) -> Any:
    """A collection is filled under another name and renamed when it is whole; who comes second with
    the same one takes the first."""
    if name in set(names(client)):
        found = client.get_collection(name, embedding_function=None)
        if (
            all((found.metadata or {}).get(key) == value for key, value in manifest.items())
            and found.count() == manifest["chunks"]
        ):
            return found
        say(f"collection {name} on the server is not whole; building it again")
        client.delete_collection(name)
    for old in [
        one
        for one in names(client)
        if one.startswith("building-") and time.time() - int(one.split("-")[1]) > STALE_SECONDS
    ]:
        client.delete_collection(old)
    aside = f"building-{int(time.time())}-{name}-{secrets.token_hex(4)}"
    target = client.create_collection(aside, metadata=manifest, **how)
    try:
        _fill(target, rows)
        target.modify(name=name)
    except BaseException as error:
        client.delete_collection(aside)
        # an interrupt stays one
        if not isinstance(error, Exception) or name not in set(names(client)):
            raise
        say(
            f"another process built collection {name} first ({type(error).__name__}); taking"
            " that one"
        )
    return client.get_collection(name, embedding_function=None)
