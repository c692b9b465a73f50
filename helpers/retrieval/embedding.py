"""Which vector stands for this text? The embedder, and a cache of vectors, so that nothing is
embedded twice.

Cached vectors lie in one SQLite file per embedder under the SHA-256 of their text: no text is
stored, and two processes may write at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.core import settings
from helpers.core.fingerprint import code_of
from helpers.models import load

if TYPE_CHECKING:
    import numpy as np


def embed(texts: Sequence[str]) -> np.ndarray:
    """(n texts, dimensions) float32 vectors of length 1. MiniLM reads the first 256 tokens of a
    text and ignores the rest."""
    import numpy as np

    embedder = load.load_embedder()
    vectors = embedder.encode(list(texts), batch_size=32, show_progress_bar=len(texts) > 64)
    vectors = np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)
    # in float32, whatever the embedder computes in
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def embed_cached(texts: Sequence[str]) -> tuple[np.ndarray, int]:
    """(vectors as `embed` gives them, how many had to be computed now): every different text is
    embedded once in the life of the cache."""
    import numpy as np

    keys = [_key(text) for text in texts]
    with _kept() as table:
        known = _read(table, set(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, embed(list(missing.values())), strict=True))
            known |= made
            _write(table, made)
    return np.stack([known[key] for key in keys]), len(missing)


def forget(texts: Sequence[str]) -> int:
    """Remove the cached vectors of these texts, of every embedder, from the disk; how many were
    there."""
    gone = 0
    for file in settings.cache_folder("vectors").glob("*.sqlite"):
        with contextlib.closing(_open(file)) as table:
            try:
                # else the bytes stay in the file until something overwrites them
                table.execute("PRAGMA secure_delete = ON")
                with table:
                    gone += sum(
                        table.execute("DELETE FROM vectors WHERE key = ?", (_key(text),)).rowcount
                        for text in set(texts)
                    )
            except sqlite3.DatabaseError as error:
                # locked: it must not be passed over in silence
                if isinstance(error, sqlite3.OperationalError):
                    raise
                _discard(table)
    return gone


def fingerprint() -> str:
    """A name for the embedder and the code that embeds with it: vectors of two names are never
    compared, and a changed `embed` never answers from yesterday's vectors."""
    return f"{load.embedder_fingerprint()}-{code_of('retrieval/embedding', 'models/load')[:8]}"


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@contextlib.contextmanager
def _kept() -> Iterator[sqlite3.Connection | None]:
    """The table of this embedder; None where it cannot be used, which costs time and nothing
    else."""
    file = (
        settings.cache_folder("vectors")
        / f"{hashlib.sha256(fingerprint().encode()).hexdigest()[:16]}.sqlite"
    )
    try:
        table = _open(file)
    except sqlite3.Error as error:
        warnings.warn(
            f"{settings.shown(file)} cannot be used ({error}); texts are embedded anew",
            stacklevel=4,
        )
        yield None
        return
    with contextlib.closing(table):
        yield table


def _open(file: Path) -> sqlite3.Connection:
    for last in (False, True):
        table = sqlite3.connect(file, timeout=60)
        try:
            table.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
                " WITHOUT ROWID"
            )
            return table
        except sqlite3.OperationalError:  # locked, or no space: nothing is wrong with the file
            table.close()
            raise
        except sqlite3.DatabaseError:  # damaged; what it held is computed again
            table.close()
            if last:
                raise
            file.unlink()
    raise AssertionError("unreachable")


def _discard(table: sqlite3.Connection) -> None:
    """A file that is damaged inside is removed, so that it costs time once; the next call starts a
    new one."""
    with contextlib.suppress(OSError, sqlite3.Error):
        Path(table.execute("PRAGMA database_list").fetchone()[2]).unlink(missing_ok=True)


def _read(table: sqlite3.Connection | None, keys: set[bytes]) -> dict[bytes, np.ndarray]:
    import numpy as np

    if table is None:
        return {}
    try:
        rows = (
            table.execute("SELECT key, vector FROM vectors WHERE key = ?", (key,)).fetchone()
            for key in keys
        )
        return {row[0]: np.frombuffer(row[1], dtype="<f4") for row in rows if row}
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.OperationalError):
            _discard(table)
        return {}


def _write(table: sqlite3.Connection | None, made: dict[bytes, np.ndarray]) -> None:
    if table is None:
        return
    try:
        with table:
            table.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                [(key, vector.astype("<f4").tobytes()) for key, vector in made.items()],
            )
    except sqlite3.Error as error:
        if not isinstance(error, sqlite3.OperationalError):
            _discard(table)
        warnings.warn(
            f"vectors cannot be cached ({error}); the work continues, but they are computed again"
            " next time",
            stacklevel=4,
        )
