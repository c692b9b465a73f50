"""Where are the passages that may answer this question, for this user, on this day? A Chroma
collection that is built once.

An index is content-addressed: it is named by a fingerprint of the chunks, who may read them, and
the embedder. Other chunks are another index, so yesterday's can never mix with today's. It is built
aside, switched into place in one step and never written again: readers in any number of processes
are safe, and a build killed half way is simply not there. (See `versions`.)

By default an index is a folder in the cache. With CHROMA_URL it is a collection on that server; the
same code asks both.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.cases import Ask, Passage
from helpers.core.fingerprint import code_of
from helpers.data.handbook import Document
from helpers.retrieval import chroma_store, embedding
from helpers.retrieval import rows as stored_rows
from helpers.retrieval.bm25 import Lexical
from helpers.retrieval.chunking import Chunk, chunk_all
from helpers.retrieval.context import read_with
from helpers.retrieval.rows import Rows, embedded_text, may_read, metadata_of, passage_of

if TYPE_CHECKING:
    import numpy as np

# what an index's name says after "+": how it is searched, where that is not the default
STEM, WEIGHT = "stem", "weight"
RETRIEVERS = ("dense", "bm25", "hybrid", "exact")
# the constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): a rank counts 1 / (60
# + rank)
FUSED = 60
DEPTH = 100  # how far down both lists the fusion of ranks looks


class IndexUnusableError(RuntimeError):
    """An index cannot be used as asked; the message says why and what to do."""


def layout() -> str:
    """A name for what an index keeps of a chunk: rows of another layout are another index."""
    return code_of("retrieval/rows")


def fingerprint(
    chunks: Sequence[Chunk],
    read_as: Callable[[Chunk], str] = embedded_text,
    vectors: np.ndarray | None = None,
) -> str:
    """A name for exactly this index: any change of text, span, audience, date, of what is read, of
    the embedder, or of vectors given changes it."""
    digest = hashlib.sha256(f"{layout()} {embedding.fingerprint()}".encode())
    for chunk in chunks:
        digest.update(
            json.dumps([metadata_of(chunk, read_as(chunk)), chunk.text], sort_keys=True).encode(
                "utf-8", "surrogatepass"
            )
        )
    if vectors is not None:
        digest.update(f"{vectors.dtype} {vectors.shape}".encode() + vectors.tobytes())
    return digest.hexdigest()[:16]


def full_name(stored: str, stem: bool, lexical_weight: float | None) -> str:
    """The name of a stored index that is searched in this way, as
    "1059058b4a88ac79+stem+weight0.3". Raises ValueError for a weight that is not between 0 and 1.
    """
    if lexical_weight is not None and not 0 <= lexical_weight <= 1:
        raise ValueError(f"lexical_weight must be between 0 and 1; got {lexical_weight}")
    ways = [STEM] if stem else []
    return "+".join(
        [stored, *ways, *([] if lexical_weight is None else [f"{WEIGHT}{float(lexical_weight)}"])]
    )


@dataclass(frozen=True, eq=False)
class Index:
    """A finished index, ready to be searched. new: how many of its vectors had to be computed when
    it was opened (0 when it was there).

    The name says what is stored and how it is searched (see `full_name`): `searched` gives the
    same stored index, searched in another way.
    """

    name: str
    size: int
    collection: Any
    embedder: str
    new: int = 0
    # up to so many chunks "dense" goes through Chroma's graph; above, every vector is compared
    graph_up_to: int = chroma_store.GRAPH_UP_TO
    # how questions become vectors, where that is not the embedder's work
    embed: Callable[[Sequence[str]], np.ndarray] | None = None

    @property
    def fingerprint(self) -> str:
        """Names exactly these chunks, their audiences, the embedder, and how they are searched."""
        return self.name

    @property
    def stem(self) -> bool:
        """Does BM25 compare stems? See `Lexical`."""
        return STEM in self.name.split("+")[1:]

    @property
    def lexical_weight(self) -> float | None:
        """The weight of BM25 in "hybrid", that of the vectors being 1 less it; None where ranks
        are fused."""
        ways = self.name.split("+")[1:]
        return next((float(w.removeprefix(WEIGHT)) for w in ways if w.startswith(WEIGHT)), None)

    def searched(self, stem: bool = False, lexical_weight: float | None = None) -> Index:
        """The same stored index, searched in this way; nothing is built. Raises ValueError (see
        `full_name`)."""
        stored = self.name.partition("+")[0]
        return replace(self, name=full_name(stored, stem, lexical_weight))

    def search(
        self,
        question: str,
        groups: Collection[str],
        as_of: dt.date,
        top_k: int = 3,
        retriever: str = "dense",
    ) -> list[Passage]:
        """The top_k best passages that one of the groups may read and that were in force on that
        day. See `search_all`."""
        return self.search_all([Ask("", question, tuple(groups), as_of)], top_k, retriever)[0]

    def search_all(
        self, asks: Sequence[Ask], top_k: int = 3, retriever: str = "dense"
    ) -> list[list[Passage]]:
        """For every ask the top_k passages by meaning ("dense"; "exact" without Chroma's
        approximation), words ("bm25"), or both ("hybrid": by ranks, see `fuse`, or where the index
        has a lexical_weight by scores, see `weighted`).

        In an index of more than `graph_up_to` chunks "dense" is exact, too.
        Access and date are conditions of the query itself. Filtering afterwards would hand out
        fewer than top_k passages, and asking the model to keep a secret in its prompt would keep
        none. No groups, no passages.
        """
        if retriever not in RETRIEVERS:
            raise ValueError(
                f"there is no retriever '{retriever}'; choose one of {', '.join(RETRIEVERS)}"
            )
        if top_k < 1:  # a slice up to -1 would hand out all passages but one
            raise ValueError(f"top_k must be at least 1; got {top_k}")
        if retriever != "bm25" and self.embedder != (mine := embedding.fingerprint()):
            raise IndexUnusableError(
                f"index {self.name} was built with {self.embedder}, questions are embedded with"
                f" {mine}: distances between the two mean nothing, so it is refused; build the"
                " index again"
            )
        found: dict[int, list[Passage]] = {i: [] for i in range(len(asks))}
        who: dict[tuple, list[int]] = {}
        for i, ask in enumerate(asks):
            if ask.groups and ask.as_of:
                who.setdefault((frozenset(ask.groups), ask.as_of), []).append(i)
        # those who may read the same are asked together
        for (groups, as_of), numbers in who.items():
            questions = [asks[i].input for i in numbers]
            for i, passages in zip(
                numbers, self._ranked(questions, groups, as_of, top_k, retriever), strict=True
            ):
                found[i] = passages
        return [found[i] for i in range(len(asks))]

    def _ranked(
        self,
        questions: Sequence[str],
        groups: Collection[str],
        as_of: dt.date,
        top_k: int,
        retriever: str,
    ) -> list[list[Passage]]:
        if retriever in ("dense", "exact"):
            return self._dense(questions, groups, as_of, top_k, exact=retriever == "exact")
        if retriever == "hybrid" and self.lexical_weight is not None:
            return self._weighted(questions, groups, as_of, top_k, self.lexical_weight)
        depth = top_k if retriever == "bm25" else DEPTH
        allowed = self.rows.allowed(groups, as_of)
        words = [self.rows.passages(self.lexical.best(q, allowed, depth)) for q in questions]
        if retriever == "bm25":
            return words
        return [
            fuse(both, top_k)
            for both in zip(self._dense(questions, groups, as_of, DEPTH), words, strict=True)
        ]

    def _weighted(
        self,
        questions: Sequence[str],
        groups: Collection[str],
        as_of: dt.date,
        top_k: int,
        weight: float,
    ) -> list[list[Passage]]:
        import numpy as np

        with self._answering():
            vectors = self.rows.vectors
        allowed = self.rows.allowed(groups, as_of)
        may = np.flatnonzero(allowed)
        found = []
        for question, asked in zip(questions, self._asked(questions), strict=True):
            points = weighted(
                (vectors @ asked)[may], self.lexical.scores(question, allowed)[may], weight
            )
            best = np.argsort(-points, kind="stable")[:top_k]  # of equals, the first ones
            found.append(self.rows.passages([(int(may[at]), float(points[at])) for at in best]))
        return found

    def _asked(self, questions: Sequence[str]) -> np.ndarray:
        """(questions, dimensions). Many questions at once are a measurement, which will be
        repeated: their vectors are cached. One question is a user's, and is not."""
        if self.embed is not None:
            return self.embed(questions)
        return (
            embedding.embed_cached(questions)[0]
            if len(questions) > 1
            else embedding.embed(questions)
        )

    def _dense(
        self,
        questions: Sequence[str],
        groups: Collection[str],
        as_of: dt.date,
        top_k: int,
        exact: bool = False,
    ) -> list[list[Passage]]:
        asked = self._asked(questions)
        if exact or self.size > self.graph_up_to:
            with self._answering():
                # read now, where it can be told that the index is gone
                self.rows.vectors  # noqa: B018
            allowed = self.rows.allowed(groups, as_of)
            return [self.rows.passages(self.rows.nearest(one, allowed, top_k)) for one in asked]
        with self._answering():
            found = self.collection.query(
                query_embeddings=asked, n_results=top_k, where=may_read(groups, as_of)
            )
        parts = zip(found["metadatas"], found["documents"], found["distances"], strict=True)
        return [
            [passage_of(m, text, 1 - d) for m, text, d in zip(*part, strict=True)] for part in parts
        ]

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # chromadb raises many types, some of them from Rust
            stopped = (
                f" Or did the Chroma server stop ({url})? Start it again on the same folder:"
                " nothing is lost; then run this cell again"
                if (url := settings.chroma_url())
                else ""
            )
            raise IndexUnusableError(
                f"index {self.name} does not answer ({type(error).__name__}: {error}); was it"
                f" removed? Build or open it again.{stopped}"
            ) from error

    @functools.cached_property
    def rows(self) -> Rows:
        """All chunks in memory: texts and metadata, in order."""
        with self._answering():
            return Rows.of(self.collection, self.size)

    @functools.cached_property
    def lexical(self) -> Lexical:
        return Lexical(
            [
                m["lead"] + text
                for m, text in zip(self.rows.metadatas, self.rows.texts, strict=True)
            ],
            self.stem,
        )


def fuse(rankings: Sequence[Sequence[Passage]], top_k: int) -> list[Passage]:
    """Reciprocal rank fusion: which passages stand high in either list? Only ranks count, because
    the scores have different scales.

    Example, from [a, b] and [b, c]: a and c get 1/61 and 1/62, b gets 1/62 + 1/61 -> [b, a, c].
    """
    points: dict[tuple, float] = {}
    passages: dict[tuple, Passage] = {}
    for ranking in rankings:
        for rank, p in enumerate(ranking, start=1):
            # the same characters of the same document are the same passage in both lists
            key = (p.doc, p.start, p.end)
            # a high rank counts most, and being in both lists counts twice
            points[key] = points.get(key, 0.0) + 1 / (FUSED + rank)
            passages.setdefault(key, p)
    # most points first; of equals, in the order of the documents, so that every run is the same
    best = sorted(points, key=lambda key: (-points[key], key))[:top_k]
    # the score of a passage becomes its points: cosines and BM25 scores cannot be compared
    return [
        Passage(p.doc, p.title, p.start, p.end, p.text, points[key])
        for key in best
        for p in [passages[key]]
    ]


def weighted(dense: np.ndarray, lexical: np.ndarray, weight: float) -> np.ndarray:
    """(candidates,) (1 - weight) · dense + weight · lexical, both scaled so that the candidates
    reach from 0 to 1 (min-max): a convex combination, as Bruch, Gai and Ingber (2023) recommend.

    The candidates are all chunks that this user may read on this day, so nothing that is withheld
    shapes the scale. Scores that are all equal tell nothing and count 0.

    Example: dense [.5, .3, .1], lexical [0, 4, 2], weight .25 -> [.75, .625, .125].
    """
    return (1 - weight) * scaled(dense) + weight * scaled(lexical)


def scaled(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Scores from 0 to 1 (min-max); all 0 where they are all equal."""
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    if not len(scores) or not (spread := scores.max() - scores.min()):
        return np.zeros(len(scores))
    return (scores - scores.min()) / spread


def build_index(
    documents: Sequence[Document],
    chunk_size: int = 128,
    overlap: int = 32,
    strategy: str = "tokens",
    say=print,
    *,
    context: str = "title",
    table_headers: bool = False,
    whole_rows: bool = False,
    stem: bool = False,
    lexical_weight: float | None = None,
) -> Index:
    """The index of these documents: opened when it exists, built when not, and built again when it
    is damaged.

    context: what stands before each chunk when it is embedded (see `context`). table_headers,
    whole_rows: see `chunking.chunk`. stem, lexical_weight: how it is searched (see `Index`). Raises
    ValueError for a value that cannot be.
    """
    chunks = chunk_all(documents, chunk_size, overlap, strategy, table_headers, whole_rows)
    full_name("", stem, lexical_weight)  # a wrong weight is told before anything is embedded
    return index_chunks(chunks, read_with(context), say).searched(stem, lexical_weight)


def index_chunks(
    chunks: Sequence[Chunk],
    read_as: Callable[[Chunk], str] = embedded_text,
    say=print,
    vectors: np.ndarray | None = None,
    graph_up_to: int | None = None,
) -> Index:
    """The index of these chunks. read_as: what embedder and BM25 read of a chunk; must end with the
    chunk's own text.

    vectors: one a chunk, in its order; by default those of the embedder, cached for the next time.
    graph_up_to: see `Index`.
    """
    if not chunks:
        raise IndexUnusableError("there is nothing to index: the documents hold no text")
    read = [read_as(chunk) for chunk in chunks]
    if odd := next(
        (c for c, text in zip(chunks, read, strict=True) if not text.endswith(c.text)), None
    ):
        raise ValueError(
            f"read_as must end with the chunk's own text; it does not for '{odd.document.id}' at"
            f" {odd.start}"
        )
    if vectors is not None and len(vectors) != len(chunks):
        raise ValueError(
            f"{len(vectors)} vectors were given for {len(chunks)} chunks; give one for each"
        )
    computed = 0

    def rows() -> Iterator[dict[str, Any]]:
        """What the collection is filled with, in parts; asked for only when it is not there yet."""
        nonlocal computed
        made, computed = embedding.embed_cached(read) if vectors is None else (vectors, 0)
        for start in range(0, len(chunks), stored_rows.PAGE):
            part = range(start, min(start + stored_rows.PAGE, len(chunks)))
            yield {
                "ids": [f"{i:08d}" for i in part],
                "embeddings": made[part.start : part.stop],
                "documents": [chunks[i].text for i in part],
                "metadatas": [metadata_of(chunks[i], read[i]) for i in part],
            }

    name = fingerprint(chunks, read_as, vectors)
    manifest = {"layout": layout(), "chunks": len(chunks), "embedder": embedding.fingerprint()}
    limit = chroma_store.GRAPH_UP_TO if graph_up_to is None else graph_up_to
    collection = chroma_store.collection(name, manifest, rows, say, len(chunks) <= limit)
    return Index(name, len(chunks), collection, embedding.fingerprint(), computed, limit)


def open_index(name: str) -> Index:
    """A finished index by its name, searched as the name says. Raises IndexUnusableError when it is
    not there, damaged, or made by another embedder."""
    try:
        collection, manifest = chroma_store.open_there(name.partition("+")[0])
    except chroma_store.DamagedError as error:
        raise IndexUnusableError(f"{error}; build it again") from error
    return Index(
        name,
        manifest["chunks"],
        collection,
        manifest["embedder"],
        graph_up_to=chroma_store.GRAPH_UP_TO,
    )
