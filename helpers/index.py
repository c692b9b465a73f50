"""Where are the passages that may answer this question, for this asker, on this day? A Chroma collection that is built once.

An index is content-addressed: its folder is named by a fingerprint of the chunks, who may read them, and the embedder's weights.
Other chunks are another folder, so yesterday's can never mix with today's. A folder is built aside, moved into place in one step
and never written again: readers in any number of processes are safe, and a build killed half way is simply not there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import models, settings
from helpers.cases import Passage
from helpers.chunking import Chunk, chunk_all
from helpers.corpus import Document

if TYPE_CHECKING:
    import numpy as np

LAYOUT = 1  # raise when the metadata below changes its meaning
COLLECTION = "handbook"
# Above the threshold Chroma rewrites its HNSW files in place; a kill in that moment makes the folder unreadable.
# We never let it: the graph is rebuilt from SQLite in memory when the index is opened (about 1 s for 10,000 chunks).
CONFIGURATION = {"hnsw": {"space": "cosine", "sync_threshold": 1_000_000}}
FOREVER = 9999_12_31
UNFINISHED = ".building"


class IndexUnusableError(RuntimeError):
    """An index cannot be used as asked; the message says why and what to do."""


def _day(date: dt.date | None) -> int:
    """A date as the integer 20260302, which Chroma can compare."""
    return FOREVER if date is None else date.year * 10_000 + date.month * 100 + date.day


def _metadata(chunk: Chunk) -> dict[str, Any]:
    meta = chunk.document.meta
    return {
        "doc": meta.id, "title": meta.title, "start": chunk.start, "end": chunk.end, "groups": list(meta.audience),
        "from_day": _day(meta.effective_from), "until_day": _day(chunk.document.effective_until),
    }  # fmt: skip


def embed(texts: Sequence[str]) -> np.ndarray:
    """(n texts, 384) float32 vectors of length 1. Only the first 256 tokens of a text are read."""
    embedder = models.load_embedder()
    return embedder.encode(list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=len(texts) > 64)


def embedded_text(chunk: Chunk) -> str:
    """What the embedder reads: the chunk under its document's title, so that "Parental leave (Germany)" stays findable."""
    return f"{chunk.document.title}\n{chunk.text}"


def fingerprint(chunks: Sequence[Chunk]) -> str:
    """A name for exactly this index: any change of text, span, audience, date or embedder changes it."""
    digest = hashlib.sha256(f"{LAYOUT} {models.MINILM.sha256}".encode())
    for chunk in chunks:
        digest.update(json.dumps([_metadata(chunk), chunk.text], sort_keys=True).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Index:
    """A finished index, ready to be searched."""

    name: str
    size: int
    collection: Any

    @property
    def fingerprint(self) -> str:
        """Names exactly these chunks, their audiences and the embedder."""
        return self.name

    def search(self, question: str, groups: Collection[str], as_of: dt.date, top_k: int = 3) -> list[Passage]:
        """The top_k passages nearest in meaning that one of the groups may read and that were in force on that day.

        Access and date are conditions of the query itself. Filtering afterwards would hand out fewer than top_k
        passages, and asking the model to keep a secret in its prompt would keep none. No groups, no passages.
        """
        if not groups:
            return []
        may_read = [{"groups": {"$contains": group}} for group in sorted(groups)]
        where = {"$and": [
            may_read[0] if len(may_read) == 1 else {"$or": may_read},
            {"from_day": {"$lte": _day(as_of)}}, {"until_day": {"$gt": _day(as_of)}},
        ]}  # fmt: skip
        found = self.collection.query(query_embeddings=embed([question]), n_results=top_k, where=where)
        rows = zip(found["metadatas"][0], found["documents"][0], found["distances"][0], strict=True)
        return [Passage(m["doc"], m["title"], m["start"], m["end"], text, 1 - distance) for m, text, distance in rows]


def build_index(documents: Sequence[Document], chunk_size: int = 128, overlap: int = 32, say=print) -> Index:
    """The index of these documents: opened when it exists, built when not, and built again when it is damaged."""
    from filelock import FileLock, Timeout

    chunks = chunk_all(documents, chunk_size, overlap)
    if not chunks:
        raise IndexUnusableError("there is nothing to index: the documents hold no text")
    name = fingerprint(chunks)
    home = settings.cache_folder("indexes")
    lock = FileLock(home / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another process is building this index; waiting for it")
        lock.acquire()
    try:
        for folder in sorted(home.glob(f"{name}-*")):
            try:
                return open_index(folder)
            except IndexUnusableError as error:
                if not folder.name.endswith(UNFINISHED):
                    say(f"{error}; building it again")
                shutil.rmtree(folder, ignore_errors=True)
        # A new name each time: Chroma remembers a path for the life of a process, so a path must never mean two things.
        folder = home / f"{name}-{secrets.token_hex(4)}"
        _build(folder, chunks)
    finally:
        lock.release()
    return open_index(folder)


def _build(folder: Path, chunks: Sequence[Chunk]) -> None:
    """Embed and store the chunks beside `folder`, then move the finished whole there."""
    vectors = embed([embedded_text(chunk) for chunk in chunks])
    aside = folder.with_name(folder.name + UNFINISHED)
    client = _open_chroma(aside)
    collection = client.create_collection(COLLECTION, configuration=CONFIGURATION, embedding_function=None)
    for start in range(0, len(chunks), 1000):
        part = chunks[start : start + 1000]
        collection.add(
            ids=[f"{start + i:06d}" for i in range(len(part))], embeddings=vectors[start : start + 1000],
            documents=[chunk.text for chunk in part], metadatas=[_metadata(chunk) for chunk in part],
        )  # fmt: skip
    client.close()
    manifest = {"layout": LAYOUT, "chunks": len(chunks), "embedder": models.MINILM.name, "embedder_sha256": models.MINILM.sha256}
    (aside / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    aside.rename(folder)


def _open_chroma(folder: Path):
    settings.stay_offline()
    import chromadb

    return chromadb.PersistentClient(str(folder), chromadb.Settings(anonymized_telemetry=False))


def open_index(folder: Path) -> Index:
    """Open a finished index folder. Raises IndexUnusableError when it is damaged or holds another embedder's vectors."""
    where = settings.shown(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexUnusableError(f"{where} is not a finished index") from error
    if manifest.get("embedder_sha256") != models.MINILM.sha256:
        raise IndexUnusableError(
            f"{where} was built with {manifest.get('embedder')}, questions are embedded with {models.MINILM.name}: "
            "distances between the two mean nothing, so it is refused; build the index again"
        )
    try:
        collection = _open_chroma(folder).get_collection(COLLECTION, embedding_function=None)
        size = collection.count()
    except Exception as error:  # chromadb raises many types for a damaged folder, some of them from Rust
        raise IndexUnusableError(f"{where} cannot be opened ({type(error).__name__}: {error})") from error
    if size != manifest["chunks"]:
        raise IndexUnusableError(f"{where} holds {size} of {manifest['chunks']} chunks")
    return Index(folder.name.split("-")[0], size, collection)
