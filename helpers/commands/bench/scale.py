"""Does the same code carry a hundred thousand chunks? Time, memory, disk and recall of the index at
growing sizes; for `workbook.py bench scale`.

    python -m helpers.commands.bench.scale [--chunks N ...] [--server] [--json] [--save]

The handbook has fewer than 600 chunks; the rest is made (`synthetic` says how). Every size is
built in a process of its own and searched in another, so that memory is its own. Beside the search
that learners get stands the one by Chroma's graph, up to COMPARED_UP_TO chunks: why large indexes
do without it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.commands.bench.synthetic import NOISE, SEED, asked, nearest, real, server, world
from helpers.core import fingerprint, settings
from helpers.core.cases import Ask
from helpers.models import load as models_load
from helpers.retrieval import chroma_store, embedding, index

SIZES = (1_000, 10_000, 100_000)
TOP_K = 10
SERVER_CHUNKS = 10_000  # at which size the server is compared
# to which size the graph is built and asked for comparison: beyond, its minutes tell nothing new
COMPARED_UP_TO = 10_000
EMBEDDED_QUERIES = 30  # how many questions are timed with their embedding
REFERENCE = settings.DATA / "reference" / "scale.json"
CODE = ("retrieval", "commands/bench/synthetic", "commands/bench/scale")
Found = dict[str, object]


# --- one size, measured ---------------------------------------------------------------------------


class Memory:
    """How many megabytes has this process grown by, at its highest? None where the system does not
    say (it does on Linux)."""

    def __init__(self):
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # forget the highest point so far
        self.before = self._read("VmRSS")

    @staticmethod
    def _read(field: str) -> float | None:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path("/proc/self/status").read_text().splitlines()
            return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
        return None

    def grown(self) -> int | None:
        peak = self._read("VmHWM")
        return None if peak is None or self.before is None else round(peak - self.before)


def known(questions: Sequence[str]) -> Callable[[Sequence[str]], np.ndarray]:
    """For `Index.embed`: a question's vector is looked up, not computed. The embedder is measured
    elsewhere, and takes as long at any size."""
    table = dict(zip(questions, embedding.embed_cached(questions)[0], strict=True))
    return lambda texts: np.stack([table[text] for text in texts])


def milliseconds(run: Callable[[Ask], object], asks: Sequence[Ask]) -> Found:
    """Median and 95th percentile of one call an ask, one after the other."""
    spent = []
    for ask in asks:
        started = time.perf_counter()
        run(ask)
        spent.append(1000 * (time.perf_counter() - started))
    return {
        "p50": round(statistics.median(spent), 2),
        "p95": round(float(np.percentile(spent, 95)), 2),
        "n": len(spent),
    }


def _timed(run: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    found = run()
    return round(time.perf_counter() - started, 3), found


def build(n: int) -> Found:
    """Build an index of n chunks from their vectors: seconds, megabytes of memory and on the disk.
    The index stays for `ask`."""
    chunks, vectors, kept = world(n)
    among = np.random.default_rng(SEED).choice(
        np.arange(kept, n), min(500, n - kept), replace=False
    )
    close = {
        "real": nearest(true := real()[1], true, range(len(true))),
        "made": nearest(vectors[among], vectors, among),
    }
    # left by a bench that was killed
    chroma_store.remove(index.fingerprint(chunks, vectors=vectors))
    settings.stay_offline()
    import chromadb  # noqa: F401  its import is no part of the build

    memory = Memory()
    seconds, found = _timed(lambda: index.index_chunks(chunks, vectors=vectors, say=lambda _: None))
    found.collection.count()
    files = [
        f
        for folder in settings.cache_folder("indexes").glob(f"{found.name}-*")
        for f in folder.rglob("*")
        if f.is_file()
    ]
    return {
        "name": found.name,
        "chunks": n,
        "real_chunks": kept,
        "nearest_cosine": close,
        "build_seconds": seconds,
        "build_memory_mb": memory.grown(),
        "disk_mb": round(sum(f.stat().st_size for f in files) / 1e6, 1),
    }


def ask(n: int, name: str) -> Found:
    """Open that index and search it: seconds to the first answer, milliseconds an answer, recall of
    the approximate search against the exact one."""
    asks = asked()
    questions = [one.input for one in asks]
    look_up = known(questions)
    settings.stay_offline()
    import chromadb  # noqa: F401

    memory = Memory()
    opening, opened = _timed(lambda: index.open_index(name))
    found = replace(opened, embed=look_up)

    def searching(retriever: str, there: index.Index = found) -> Callable[[Ask], object]:
        return lambda one: there.search(one.input, one.groups, one.as_of, TOP_K, retriever)

    first, _ = _timed(lambda: searching("dense")(asks[0]))
    result: Found = {"open_seconds": opening, "first_answer_seconds": first}
    result["dense_ms"] = milliseconds(searching("dense"), asks)
    result["dense_memory_mb"] = memory.grown()
    rows_seconds, rows = _timed(lambda: found.rows)
    result["bm25_setup_seconds"] = round(rows_seconds + _timed(lambda: found.lexical)[0], 2)
    result["bm25_ms"] = milliseconds(searching("bm25"), asks)
    result["bm25_memory_mb"] = memory.grown()
    result["exact_setup_seconds"] = _timed(lambda: rows.vectors)[0]
    result["exact_ms"] = milliseconds(searching("exact"), asks)
    result["exact_memory_mb"] = memory.grown()
    dense, exact = (
        [_keys(one) for one in found.search_all(asks, TOP_K, retriever)]
        for retriever in ("dense", "exact")
    )
    allowed = [rows.allowed(one.groups, one.as_of) for one in asks]
    result |= {f"recall_at_{k}": shared(dense, exact, k) for k in (5, 10)}
    result["too_few"] = sum(
        len(d) < min(TOP_K, int(a.sum())) for d, a in zip(dense, allowed, strict=True)
    )
    result["allowed_share"] = round(float(np.mean([a.mean() for a in allowed])), 4)
    searching("dense", opened)(asks[0])  # once unmeasured: loads the embedder and the rows
    result["dense_ms_with_embedding"] = milliseconds(
        searching("dense", opened), asks[:EMBEDDED_QUERIES]
    )
    return result


def graph(n: int) -> Found:
    """What if Chroma's graph answered at this size, too? Seconds to build it, milliseconds an
    answer with and without the condition, recall against the exact search."""
    chunks, vectors, _ = world(n)
    asks = asked()
    questions = [one.input for one in asks]
    look_up = known(questions)

    def build_graph() -> index.Index:
        one = index.index_chunks(chunks, vectors=vectors, say=lambda _: None, graph_up_to=n)
        one.collection.count()
        return one

    try:
        seconds, built = _timed(build_graph)
        found = replace(built, embed=look_up)
        found.search(questions[0], asks[0].groups, asks[0].as_of, TOP_K)
        spent = milliseconds(
            lambda one: found.search(one.input, one.groups, one.as_of, TOP_K), asks
        )
        bare = milliseconds(
            lambda one: found.collection.query(
                query_embeddings=look_up([one.input]), n_results=TOP_K
            ),
            asks,
        )
        dense, exact = (
            [_keys(one) for one in found.search_all(asks, TOP_K, retriever)]
            for retriever in ("dense", "exact")
        )
    finally:
        chroma_store.remove(index.fingerprint(chunks, vectors=vectors))
    return {
        "graph_build_seconds": seconds,
        "graph_ms": spent,
        "graph_ms_without_condition": bare,
        "graph_recall_at_10": shared(dense, exact, TOP_K),
    }


def shared(found: Sequence[Sequence[object]], exact: Sequence[Sequence[object]], k: int) -> float:
    """Which share of the k truly nearest was found? Mean over all who may read anything."""
    return round(
        statistics.fmean(
            len(set(d[:k]) & set(e[:k])) / len(e[:k])
            for d, e in zip(found, exact, strict=True)
            if e
        ),
        4,
    )


def _keys(passages: Sequence[index.Passage]) -> list[tuple[str, int, int]]:
    return [(p.doc, p.start, p.end) for p in passages]


def serve(n: int, name: str) -> Found:
    """Does a server give the passages that the folder gives? How many of the dev questions get the
    same list, for each retriever."""
    chunks, vectors, _ = world(n)
    asks = asked()
    questions = [one.input for one in asks]
    look_up = known(questions)
    opened = replace(index.open_index(name), embed=look_up)
    here = {r: opened.search_all(asks, TOP_K, r) for r in index.RETRIEVERS}
    with server() as url:
        os.environ["CHROMA_URL"] = url
        try:
            seconds, built = _timed(
                lambda: index.index_chunks(chunks, vectors=vectors, say=lambda _: None)
            )
            there = replace(built, embed=look_up)
            spent = milliseconds(
                lambda one: there.search(one.input, one.groups, one.as_of, TOP_K), asks
            )
            same = {
                r: sum(
                    _keys(a) == _keys(b)
                    for a, b in zip(here[r], there.search_all(asks, TOP_K, r), strict=True)
                )
                for r in index.RETRIEVERS
            }
        finally:
            del os.environ["CHROMA_URL"]
    return {
        "chunks": n,
        "build_seconds": seconds,
        "dense_ms": spent,
        "same_answers": same,
        "n": len(asks),
    }


PARTS: dict[str, Callable[..., Found]] = {
    "build": build,
    "ask": ask,
    "graph": graph,
    "serve": serve,
}


# --- all sizes ------------------------------------------------------------------------------------


def in_own_process(part: str, n: int, *more: str) -> Found:
    """Run one part in a fresh Python, so that neither memory nor anything Chroma remembers comes
    from another."""
    done = subprocess.run(
        [sys.executable, "-m", "helpers.commands.bench.scale", "--part", part, str(n), *more],
        cwd=settings.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"bench scale: '{part}' at {n} chunks ended with code {done.returncode}; its last words"
            " stand above"
        )
    return json.loads(done.stdout.splitlines()[-1])


def bench_scale(
    sizes: Sequence[int] = SIZES,
    with_server: bool = False,
    run: Callable[..., Found] = in_own_process,
) -> Found:
    """Measure every size, smallest first; the indexes are removed again."""
    if wrong := [n for n in sizes if n < 20]:
        raise ValueError(f"--chunks {wrong[0]}: at least 20 chunks are needed to rank {TOP_K}")
    real()
    # now, so that no measured process has to load the embedder first
    embedding.embed_cached([one.input for one in asked()])
    rows, served = [], None
    for n in sorted(set(sizes)):
        print(f"{n} chunks", file=sys.stderr, flush=True)
        load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
        built = run("build", n)
        name = built.pop("name")
        try:
            rows.append({**built, **run("ask", n, name), "load_before": load})
            if with_server and n == min(sizes, key=lambda size: abs(size - SERVER_CHUNKS)):
                served = run("serve", n, name)
        finally:
            chroma_store.remove(name)
        if n <= COMPARED_UP_TO:
            rows[-1] |= run("graph", n)
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {
        "bench": "scale",
        "top_k": TOP_K,
        "seed": SEED,
        "noise": NOISE,
        "sizes": rows,
        "server": served,
        **provenance(),
    }


def provenance() -> Found:
    """Where, when and with which code and versions was this measured?"""
    cpu = ""
    with contextlib.suppress(OSError, StopIteration):
        cpu = next(
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    return {
        "embedder": models_load.embedder_fingerprint(),
        "configuration": chroma_store.CONFIGURATION,
        "unasked": chroma_store.UNASKED,
        "graph_up_to": chroma_store.GRAPH_UP_TO,
        "cpu": cpu,
        **fingerprint.provenance(
            code=CODE, packages=("chromadb", "bm25s", "numpy", "torch", "sentence-transformers")
        ),
    }


def flat(found: Found) -> dict[str, list[object]]:
    """The sizes as columns: what `plots.retrieval.scale` draws and a reader sees; dense_ms becomes
    dense_ms_p50 and dense_ms_p95."""
    rows = []
    for row in found["sizes"]:
        parts = [
            (
                {f"{key}_{part}": v for part, v in value.items()}
                if isinstance(value, dict)
                else {key: value}
            )
            for key, value in row.items()
        ]
        rows.append({key: value for part in parts for key, value in part.items()})
    return {key: [row.get(key) for row in rows] for key in rows[0]}


def shown(found: Found) -> str:
    """The result for people: one line a quantity, one column a size."""
    lines = [
        f"{key:34s}" + "".join(f"{value!s:>12s}" for value in values)
        for key, values in flat(found).items()
    ]
    served = found["server"]
    return "\n".join(
        [
            *lines,
            *(
                [
                    f"server at {served['chunks']}: same answers {served['same_answers']} of"
                    f" {served['n']}"
                ]
                if served
                else []
            ),
        ]
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="bench scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--chunks",
        type=int,
        nargs="+",
        default=list(SIZES),
        metavar="N",
        help="sizes (default: 1000 10000 100000)",
    )
    parser.add_argument(
        "--server",
        action="store_true",
        help=f"also compare with a Chroma server, at the size nearest to {SERVER_CHUNKS}",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    parser.add_argument("--save", action="store_true", help=f"write {settings.shown(REFERENCE)}")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.part:
        part, n, *more = options.part
        with contextlib.redirect_stdout(sys.stderr):
            found = PARTS[part](int(n), *more)
        print(json.dumps(found))
        return 0
    if settings.chroma_url():
        parser.error(
            "CHROMA_URL is set; unset it: this bench measures folders, and starts a server of its"
            " own for --server"
        )
    try:
        # whatever is said on the way: stdout belongs to the result
        with contextlib.redirect_stdout(sys.stderr):
            found = bench_scale(options.chunks, options.server)
    except (ValueError, RuntimeError) as error:
        print(f"workbook: {error}", file=sys.stderr)
        return 2
    if options.save:
        REFERENCE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8", newline="\n")
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
