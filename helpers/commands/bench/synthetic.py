"""What is an index of a hundred thousand chunks made of, when the handbook has fewer than 600? Made
chunks, always the same from one seed; for `bench scale`.

    vectors   that of a real chunk (of the shipped embedder) plus Gaussian noise with the covariance
              of all real chunks, then length 1 again;
              NOISE is such that a made chunk is as close to its nearest neighbour as a real one
              (both are measured and reported)
    texts     real sentences in a new order, as long as a real chunk
    access    groups and dates of a real document, drawn as often as it has chunks

A made chunk's text is not what its vector says. Each search is measured alone, so that does no
harm; the hybrid ranking would mean nothing. Real chunks are at most half of an index. And where it
lies beside a folder: a Chroma server of our own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from helpers.core.cases import Ask
from helpers.data import handbook
from helpers.data.questions import load_questions
from helpers.retrieval import chroma_store, embedding, rows
from helpers.retrieval.chunking import SENTENCE_END, Chunk, chunk_all

SEED, NOISE = 0, 0.67


def real() -> tuple[list[Chunk], np.ndarray]:
    """(all chunks of the handbook, their cached vectors)."""
    chunks = chunk_all(handbook.load_handbook())
    return chunks, embedding.embed_cached([rows.embedded_text(chunk) for chunk in chunks])[0]


def asked() -> list[Ask]:
    """The dev questions, each with its own user and day."""
    return [case.ask for case in load_questions("dev")]


def world(n: int, seed: int = SEED) -> tuple[list[Chunk], np.ndarray, int]:
    """(n chunks, their vectors, how many of them are real): real ones first, then made ones."""
    chunks, vectors = real()
    draw = np.random.default_rng(seed)
    kept = np.sort(draw.permutation(len(chunks))[: n // 2])
    made = _made_chunks(chunks, n - len(kept), random.Random(seed))
    return (
        [chunks[i] for i in kept] + made,
        np.vstack([vectors[kept], _made_vectors(vectors, len(made), draw)]),
        len(kept),
    )


def _made_vectors(vectors: np.ndarray, n: int, draw: np.random.Generator) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0)
    # so that a random mixture of all rows has an expected length of 1
    centred /= np.sqrt((centred**2).sum(axis=1).mean() * len(vectors))
    found = np.empty((n, vectors.shape[1]), dtype=np.float32)
    # in parts: the mixtures of all at once would take more memory than the index
    for start in range(0, n, 5000):
        part = found[start : start + 5000]
        part[:] = vectors[draw.integers(0, len(vectors), len(part))] + NOISE * (
            draw.standard_normal((len(part), len(vectors)), dtype=np.float32) @ centred
        )
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def _made_chunks(
    chunks: Sequence[Chunk], n: int, draw: random.Random, per_document: int = 8
) -> list[Chunk]:
    documents = {chunk.document.id: chunk.document for chunk in chunks}.values()
    sentences = [s for s in (s.strip() for d in documents for s in SENTENCE_END.split(d.text)) if s]
    lengths, found = [len(chunk.text) for chunk in chunks], []
    while len(found) < n:
        pieces, spans, at = [], [], 0
        for _ in range(min(per_document, n - len(found))):
            wanted, text = draw.choice(lengths), draw.choice(sentences)
            while len(text) < wanted:
                text += " " + draw.choice(sentences)
            spans.append((at, at + len(text)))
            pieces.append(text)
            at += len(text) + 2
        like, name = draw.choice(chunks).document, f"made-{len(found):06d}"
        document = dataclasses.replace(
            like,
            meta=like.meta.model_copy(update={"id": name, "policy": name}),
            text="\n\n".join(pieces),
        )
        found += [Chunk(document, start, end) for start, end in spans]
    return found


def nearest(vectors: np.ndarray, among: np.ndarray, at: Sequence[int]) -> float:
    """Mean cosine of rows of `vectors` to their nearest neighbour in `among`, in which they stand
    at `at` themselves."""
    cosines = vectors @ among.T
    cosines[np.arange(len(vectors)), at] = -1
    return round(float(cosines.max(axis=1).mean()), 4)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a Chroma server of our own on this machine, with a folder that goes with
    it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("chroma")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [program, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
            while True:
                try:
                    chroma_store.connect(url).heartbeat()
                    break
                except ConnectionError:
                    if time.monotonic() > until or process.poll() is not None:
                        raise
                    time.sleep(0.2)
            yield url
        finally:
            process.kill()
            process.wait()
