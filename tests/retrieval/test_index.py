"""Who may read what, from an index and a server that may break: nothing leaks, nothing half-made
stays, nothing is embedded twice.

Most tests use made vectors: counted words, hashed. Whether a passage may be read never depends on a
vector, and what breaks does not either; with these the chunk's own text, put as a question, has
that chunk as its nearest neighbour, which is the worst case for a leak. One slow test is real.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import shutil
import socket
import sqlite3
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, TODAY
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from support.vectors import TEXTS, counted, made, whole

from helpers.commands.bench import synthetic
from helpers.core import settings
from helpers.core.cases import Ask, Passage
from helpers.data import handbook as data_handbook
from helpers.data.questions import load_questions, load_users
from helpers.models import load
from helpers.models import weights as models_weights
from helpers.retrieval import chroma_store, embedding, index
from helpers.retrieval import rows as retrieval_rows
from helpers.retrieval.chunking import Chunk, chunk_all
from helpers.retrieval.index import (
    RETRIEVERS,
    IndexUnusableError,
    build_index,
    index_chunks,
    open_index,
)

DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def handbook(documents, weights, tmp_path_factory):
    """The index of the whole handbook, on made vectors, built once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(tmp_path_factory.mktemp("handbook")))
        patch.setattr(models_weights, "cache_home", lambda: weights)
        patch.setattr(embedding, "embed", counted)
        yield build_index(documents, 128, 32, say=lambda _: None)


def keys(passages) -> list[tuple[str, int, int]]:
    return [(p.doc, p.start, p.end) for p in passages]


def quiet(text: str) -> None:
    """Nothing to say."""


# --- leaks ----------------------------------------------------------------------------------------


def leaks(search_all, documents, asks, retrievers=RETRIEVERS, top_k: int = 3) -> list[str]:
    """Which passages were handed out that the asker may not read, or that were not in force on the
    day? Judged by `handbook`, not by the index."""
    found = []
    allowed = {(ask.groups, ask.as_of): None for ask in asks}
    allowed = {who: {d.id for d in data_handbook.may_see(documents, *who)} for who in allowed}
    for retriever in retrievers:
        for ask, passages in zip(asks, search_all(asks, top_k, retriever), strict=True):
            found += [
                f"{retriever}: {p.doc} for {ask.groups} on {ask.as_of}"
                for p in passages
                if p.doc not in allowed[ask.groups, ask.as_of]
            ]
    return found


def starved(
    search_all, documents, chunks, asks, retriever: str = "exact", top_k: int = 3
) -> list[str]:
    """Who got fewer than top_k passages although there are enough that they may read?"""
    found = []
    for ask, passages in zip(asks, search_all(asks, top_k, retriever), strict=True):
        ids = {d.id for d in data_handbook.may_see(documents, ask.groups, ask.as_of)}
        if len(passages) < min(top_k, sum(c.document.id in ids for c in chunks)):
            found.append(f"{len(passages)} for {ask.groups} on {ask.as_of}")
    return found


@pytest.fixture(scope="module")
def chunks(documents):
    return chunk_all(documents, 128, 32)


@pytest.fixture(scope="module")
def probing(documents, chunks):
    """Every user asks for every restricted chunk in its own words, and what dev asks about it, on
    three days; and for every old or new version around the change."""
    # the search sees no more of a user than the groups
    users = {tuple(user["groups"]) for user in load_users().values()}
    restricted = {d.id for d in documents if not {"staff", "contractors"} & set(d.meta.audience)}
    changed = [d for d in documents if d.effective_until or d.meta.supersedes]
    assert len(restricted) >= 6
    assert len(changed) >= 10
    assert {("staff", "support"), ("contractors",)} <= users
    texts = [c.text for c in chunks if c.document.id in restricted]
    texts += [
        c.ask.input
        for c in load_questions("dev", documents)
        if c.kind == "restricted" or restricted & {e.doc for e in c.gold.evidence}
    ]
    days = (dt.date(2024, 6, 30), dt.date(2025, 10, 15), TODAY)
    asks = [(text, groups, day) for text in texts for groups in users for day in days]
    for document in changed:
        mine = [c.text for c in chunks if c.document.id == document.id][:4]
        edges = [edge for edge in (document.meta.effective_from, document.effective_until) if edge]
        asks += [
            (text, groups, day)
            for text in mine
            for groups in (("staff", "support"), ("contractors",))
            for edge in edges
            for day in (edge - DAY, edge)
        ]
    return [Ask(str(i), *one) for i, one in enumerate(dict.fromkeys(asks))]


@pytest.mark.parametrize(
    "retriever", ["dense", "bm25", "exact", pytest.param("hybrid", marks=pytest.mark.slow)]
)
def test_no_user_gets_a_passage_they_may_not_read_or_that_is_not_in_force(
    fake, handbook, documents, probing, retriever
):
    assert len(probing) > 1500
    assert leaks(handbook.search_all, documents, probing, [retriever]) == []


def test_who_may_read_a_restricted_document_does_get_it(fake, handbook, documents, chunks, probing):
    """Else an index that answers nothing would pass."""
    own = {c.text: c.document for c in chunks}
    asks = [
        a
        for a in probing
        if a.input in own and own[a.input].readable_by(a.groups) and own[a.input].in_force(a.as_of)
    ]
    assert {own[a.input].id for a in asks} >= {
        d.id for d in documents if "board" in d.meta.audience and d.in_force(TODAY)
    }
    for retriever in RETRIEVERS:
        found = handbook.search_all(asks, 3, retriever)
        assert len(asks) > 50, retriever
        assert all(
            own[a.input].id in {p.doc for p in passages}
            for a, passages in zip(asks, found, strict=True)
        ), retriever


class Unconditional:
    """A planted mistake to be caught: the top_k of all chunks, nothing asked of reader or day (as
    when the prompt is told to keep the secret)."""

    def __init__(self, true, documents, keep=lambda document, ask: True):
        self.true, self.by_id, self.keep = true, {d.id: d for d in documents}, keep

    def search_all(self, asks, top_k=3, retriever="exact"):
        everything = np.ones(self.true.size, dtype=bool)
        found = [
            self.true.rows.passages(
                self.true.rows.nearest(embedding.embed([ask.input])[0], everything, top_k)
            )
            for ask in asks
        ]
        return [
            [p for p in passages if self.keep(self.by_id[p.doc], ask)]
            for ask, passages in zip(asks, found, strict=True)
        ]


WRONG = {
    "only the prompt asks": lambda document, ask: True,
    "filtered by section, not by audience": lambda document, ask: (
        document.meta.section != "board" and document.in_force(ask.as_of)
    ),
    "filtered by audience, day forgotten": lambda document, ask: document.readable_by(ask.groups),
    "until is taken for the last day": lambda document, ask: (
        document.readable_by(ask.groups)
        and document.meta.effective_from <= ask.as_of
        and (document.effective_until is None or ask.as_of <= document.effective_until)
    ),
    "a manager may read everything": lambda document, ask: (
        document.in_force(ask.as_of)
        and (document.readable_by(ask.groups) or "managers" in ask.groups)
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_planted_leak_is_caught(fake, handbook, documents, probing, mistake):
    assert leaks(
        Unconditional(handbook, documents, WRONG[mistake]).search_all, documents, probing, ["exact"]
    )


def test_a_right_filter_after_the_search_starves_and_ours_does_not(
    fake, handbook, documents, chunks, probing
):
    after = Unconditional(
        handbook,
        documents,
        lambda document, ask: document.readable_by(ask.groups) and document.in_force(ask.as_of),
    )
    assert leaks(after.search_all, documents, probing, ["exact"]) == [], (
        "it leaks nothing, and still it is wrong:"
    )
    assert len(starved(after.search_all, documents, chunks, probing)) > len(probing) / 4
    # BM25 may find fewer: only texts with a common word are found
    for retriever in ("dense", "hybrid", "exact"):
        assert starved(handbook.search_all, documents, chunks, probing[::9], retriever) == []


GROUPS = ["a", "ab", "b", "staff", "Staff", "staff ", "$or", 'he"x', "it's", "ß", "", "%"]
ONE_CHUNK = st.tuples(
    st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True),
    st.integers(-3, 3),
    st.none() | st.integers(-3, 3),
)
AN_ASK = st.tuples(st.lists(st.sampled_from(GROUPS), max_size=3, unique=True), st.integers(-4, 4))


@pytest.mark.parametrize("graph_up_to", [0, 5_000], ids=["every vector compared", "by the graph"])
@how(max_examples=25, deadline=None)
@given(st.lists(ONE_CHUNK, min_size=1, max_size=8), st.lists(AN_ASK, min_size=1, max_size=6))
def test_in_any_world_what_is_found_is_what_may_be_seen(graph_up_to, worlds, who):
    """All that an asker may see, when more is asked for than there is; and never anything else.
    Against `handbook.may_see`."""
    settings.stay_offline()
    import chromadb

    documents = [
        made(
            f"page {i} of the book",
            f"d{i}",
            groups,
            TODAY + since * DAY,
            None if until is None else TODAY + until * DAY,
        )
        for i, (groups, since, until) in enumerate(worlds)
    ]
    asks = [Ask("", "page of the book", tuple(groups), TODAY + day * DAY) for groups, day in who]

    def in_memory(name, manifest, rows, say, graph):
        client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
        with contextlib.suppress(Exception):
            client.delete_collection(name)
        target = client.create_collection(
            name,
            configuration=chroma_store.CONFIGURATION if graph else chroma_store.UNASKED,
            embedding_function=None,
        )
        chroma_store._fill(target, rows)
        return target

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chroma_store, "collection", in_memory)
        patch.setattr(chroma_store, "GRAPH_UP_TO", graph_up_to)
        patch.setattr(embedding, "embed", counted)
        patch.setattr(embedding, "embed_cached", lambda texts: (counted(texts), 0))
        found = index_chunks([whole(d) for d in documents], say=quiet)
        for retriever in RETRIEVERS:
            for ask, passages in zip(asks, found.search_all(asks, 20, retriever), strict=True):
                entitled = sorted(
                    d.id for d in data_handbook.may_see(documents, ask.groups, ask.as_of)
                )
                assert sorted(p.doc for p in passages) == entitled, retriever
                short = found.search(ask.input, ask.groups, ask.as_of, 2, retriever)
                assert len(short) == min(2, len(entitled)), retriever
                assert {p.doc for p in short} <= set(entitled), retriever


def test_a_large_index_is_searched_whole_and_its_graph_is_never_asked(fake, small, monkeypatch):
    """Above the limit "dense" is "exact", alone and in the fusion, in an index that was opened as
    in one that was built."""
    from chromadb.api.models.Collection import Collection

    by_graph = build_index(small, 32, 8, say=quiet)
    asks = [
        Ask("", d.text, groups, TODAY)
        for d in small
        for groups in (("staff",), ("board",), ("contractors", "board"))
    ]
    before = {retriever: by_graph.search_all(asks, 2, retriever) for retriever in RETRIEVERS}
    chroma_store.remove(by_graph.name)
    monkeypatch.setattr(chroma_store, "GRAPH_UP_TO", 3)
    monkeypatch.setattr(Collection, "query", lambda *_, **__: pytest.fail("the graph was asked"))
    for large in (build_index(small, 32, 8, say=quiet), open_index(by_graph.name)):
        assert large.collection.configuration["hnsw"]["max_neighbors"] == 2
        for retriever in RETRIEVERS:
            after = large.search_all(asks, 2, retriever)
            assert [keys(x) for x in after] == [keys(x) for x in before[retriever]], retriever
            assert [x.score for x in after[0]] == pytest.approx(
                [x.score for x in before[retriever][0]], abs=1e-5
            )


@how(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=9),
    st.integers(1, 12),
)
def test_the_nearest_are_the_first_of_all_in_order(cells, k):
    """Against sorting everything; of equals, those that stand first."""
    vectors, allowed = (
        np.array([[x, 0.0] for x, _ in cells], dtype=np.float32),
        np.array([may for _, may in cells]),
    )
    rows = retrieval_rows.Rows([], [], None)
    rows.__dict__["vectors"] = vectors
    wanted = sorted(
        ((at, float(x)) for at, (x, may) in enumerate(cells) if may),
        key=lambda one: (-one[1], one[0]),
    )[:k]
    assert rows.nearest(np.array([1.0, 0.0], dtype=np.float32), allowed, k) == wanted


def test_other_vectors_are_another_index(fake, small):
    chunks = chunk_all(small, 32, 8)
    plain = index_chunks(chunks, say=quiet)
    mine = counted([retrieval_rows.embedded_text(c) for c in chunks])
    built = {
        index_chunks(chunks, say=quiet, vectors=made).name
        for made in (mine, -mine, mine[::-1], mine[:, :200], mine.astype(np.float64))
    }
    assert len(built | {plain.name}) == 6
    assert index.fingerprint(chunks, vectors=mine.copy()) in built
    assert np.allclose(
        index_chunks(chunks, say=quiet, vectors=-mine).rows.vectors, -mine, atol=1e-6
    ), "and holds them"
    with pytest.raises(ValueError, match="3 vectors were given for 4 chunks; give one for each"):
        index_chunks(chunks, vectors=mine[:3])


# --- odd questions, odd chunks --------------------------------------------------------------------


def test_odd_questions_and_top_k_beyond_what_there_is(fake, small):
    found = build_index(small, 32, 8, say=quiet)
    for retriever in RETRIEVERS:
        assert len(found.search("days of leave", ["staff"], TODAY, 500, retriever)) == 2, (
            "all that may be read, and no more"
        )
        assert (
            found.search("days", [], TODAY, 3, retriever)
            == []
            == found.search("days", ["nobody"], TODAY, 3, retriever)
        )
        assert found.search_all([], 3, retriever) == []
        for wrong in (0, -1):
            with pytest.raises(ValueError, match=f"top_k must be at least 1; got {wrong}"):
                found.search("days", ["staff"], TODAY, wrong, retriever)
    for question in ("", "   ", "what is the and of", "?!", "\u2028", "naïve 🏔", "days " * 5000):
        assert {p.doc for p in found.search(question, ["staff"], TODAY, 9, "bm25")} <= {
            "leave-v2",
            "visit",
        }
        for retriever in ("dense", "hybrid", "exact"):
            assert {p.doc for p in found.search(question, ["staff"], TODAY, 9, retriever)} == {
                "leave-v2",
                "visit",
            }
    assert (
        found.search("what is the and of", ["staff"], TODAY, 9, "bm25")
        == []
        == found.search("", ["staff"], TODAY, 9, "bm25")
    )
    with pytest.raises(
        ValueError, match="there is no retriever 'sparse'; choose one of dense, bm25, hybrid, exact"
    ):
        found.search("days", ["staff"], TODAY, 3, "sparse")


def test_chunks_of_one_character_and_chunks_that_are_the_same(fake):
    letters = made("abcd", "letters")
    twins = [made("The same words.", f"twin-{i}") for i in range(3)]
    found = index_chunks(
        [*(Chunk(letters, i, i + 1) for i in range(4)), *map(whole, twins)], say=quiet
    )
    assert len(fake) == 5, "the same text is embedded once"
    for retriever in RETRIEVERS:
        assert {p.doc for p in found.search("The same words.", ["staff"], TODAY, 3, retriever)} == {
            d.id for d in twins
        }
    assert [p.text for p in found.search("c", ["staff"], TODAY, 1, "bm25")] == ["c"]
    with pytest.raises(IndexUnusableError, match="nothing to index"):
        index_chunks([])
    with pytest.raises(
        ValueError,
        match="read_as must end with the chunk's own text; it does not for 'letters' at 0",
    ):
        index_chunks([Chunk(letters, 0, 1)], lambda chunk: chunk.text + "!")


def test_an_index_of_stop_words_only_can_be_asked(fake):
    found = index_chunks(
        [whole(made("the and of", "d"))], read_as=lambda chunk: chunk.text, say=quiet
    )
    assert found.search("the law", ["staff"], TODAY, 3, "bm25") == []
    assert len(found.search("the law", ["staff"], TODAY, 3, "hybrid")) == 1


# --- rankings -------------------------------------------------------------------------------------


def p(doc: str, score: float | None = None) -> Passage:
    return Passage(doc, "T", 0, 1, doc, score)


def test_fusion_by_hand():
    both = index.fuse([[p("a", 0.9), p("b", 0.8), p("c", 0.7)], [p("c", 12.0), p("d", 3.0)]], 9)
    assert [(x.doc, x.score) for x in both] == [
        ("c", 1 / 63 + 1 / 61),
        ("a", 1 / 61),
        ("b", 1 / 62),
        ("d", 1 / 62),
    ]
    assert [x.doc for x in index.fuse([[p("a"), p("b")], [p("b"), p("a")]], 1)] == ["a"], (
        "a tie goes by name, always the same way"
    )
    assert (
        [x.doc for x in index.fuse([[p("b")], [p("a")]], 2)]
        == ["a", "b"]
        == [x.doc for x in index.fuse([[p("a")], [p("b")]], 2)]
    )
    assert index.fuse([], 3) == [] == index.fuse([[], []], 3)
    two = [Passage("d", "T", 0, 4, "four"), Passage("d", "T", 4, 8, "more")]
    assert len(index.fuse([two, two[::-1]], 3)) == 2, "two pieces of a document are two passages"


def test_hybrid_is_what_its_definition_says(fake, handbook, documents):
    asks = [case.ask for case in load_questions("dev", documents)][::4]
    dense, words, hybrid = (
        handbook.search_all(asks, k, r) for k, r in ((100, "dense"), (100, "bm25"), (10, "hybrid"))
    )
    for one, two, mine in zip(dense, words, hybrid, strict=True):
        points = Counter()
        for ranking in (keys(one), keys(two)):
            points.update({key: 1 / (60 + rank) for rank, key in enumerate(ranking, 1)})
        assert keys(mine) == sorted(points, key=lambda key: (-points[key], key))[:10]
        assert [x.score for x in mine] == pytest.approx([points[key] for key in keys(mine)])
    assert keys(hybrid[0]) == keys(handbook.search_all(asks, 10, "hybrid")[0])


@pytest.fixture
def real_vectors(request):
    """The vectors that the learner's own cache keeps already, lent to the test's cache; they are
    named by text and embedder."""
    there = settings.cache_folder("vectors")
    # only now: before this, the folder was the learner's
    mine = request.getfixturevalue("cache") / "vectors"
    shutil.copytree(there, mine)
    return mine


@pytest.mark.slow
def test_on_real_vectors_the_approximate_search_finds_what_the_exact_one_finds(
    real_vectors, documents
):
    asks = [case.ask for case in load_questions("dev", documents)][::4][:40]
    assert len(asks) == 40
    found = build_index(documents, 128, 32, say=quiet)
    dense, exact = (found.search_all(asks, 10, retriever) for retriever in ("dense", "exact"))
    shared = [len(set(keys(d)) & set(keys(e))) / len(e) for d, e in zip(dense, exact, strict=True)]
    assert np.mean(shared) >= 0.99
    for d, e in zip(dense, exact, strict=True):
        assert d[0].score == pytest.approx(e[0].score, abs=2e-3)
        assert [x.score for x in d] == sorted((x.score for x in d), reverse=True)


# --- a folder that breaks -------------------------------------------------------------------------


def folders(cache: Path) -> list[Path]:
    return sorted(path for path in (cache / "indexes").iterdir() if path.is_dir())


@pytest.mark.parametrize(
    "failure",
    [
        OSError(28, "No space left on device"),
        RuntimeError("database or disk is full"),
        KeyboardInterrupt(),
    ],
)
def test_a_full_disk_leaves_nothing_half_made(fake, cache, small, monkeypatch, failure):
    from chromadb.api.models.Collection import Collection

    true, calls = Collection.add, itertools.count()

    def add(self, **rows):
        if next(calls) == 1:
            raise failure
        return true(self, **rows)

    with monkeypatch.context() as patch:
        patch.setattr(Collection, "add", add)
        patch.setattr(retrieval_rows, "PAGE", 2)
        with pytest.raises(type(failure)):
            build_index(small, 32, 8, say=quiet)
    assert folders(cache) == []
    assert (
        build_index(small, 32, 8, say=quiet).search("days of leave", ["staff"], TODAY, 1)[0].doc
        == "leave-v2"
    )
    assert len(folders(cache)) == 1


DAMAGES = {
    "no database": lambda file: file.unlink(),
    "an empty database": lambda file: file.write_bytes(b""),
    "half a database": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "another file": lambda file: file.write_bytes(b"not a database " * 5000),
    "one row gone": lambda file: _sql(file, "DELETE FROM embeddings WHERE id = 1"),
}


def _sql(file: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as table, table:
        table.execute(statement)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_by_name_and_built_again(fake, cache, small, damage):
    name = build_index(small, 32, 8, say=quiet).name
    (folder,) = folders(cache)
    chroma_store._client(folder).close()
    # Chroma remembers an opened path: this stands for a new process
    moved = folder.rename(folder.with_name(f"{name}-feedbeef"))
    DAMAGES[damage](moved / "chroma.sqlite3")
    with pytest.raises(IndexUnusableError, match="build it again"):
        open_index(name)
    said = []
    again = build_index(small, 32, 8, say=said.append)
    assert again.name == name
    assert len(said) == 1
    assert said[0].endswith("building it again")
    assert again.new == 0
    assert [x.doc for x in again.search("days of leave", ["staff"], TODAY, 1)] == ["leave-v2"]
    assert moved not in folders(cache)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_can_be_removed(fake, cache, small, damage):
    name = build_index(small, 32, 8, say=quiet).name
    (folder,) = folders(cache)
    chroma_store._client(folder).close()
    DAMAGES[damage](folder.rename(folder.with_name(f"{name}-feedbeef")) / "chroma.sqlite3")
    assert chroma_store.remove(name) == 1
    assert folders(cache) == []


def test_removed_is_gone_and_holding_names_who_holds_it(fake, cache, small):
    one, two = build_index(small, 32, 8, say=quiet), build_index(small[:2], 32, 8, say=quiet)
    assert chroma_store.holding("salaries") == {one.name}
    assert chroma_store.holding("leave-v1") == {
        one.name,
        two.name,
    }
    assert chroma_store.holding("nothing-like-it") == set()
    assert chroma_store.remove(one.name) == 1
    assert chroma_store.remove(one.name) == 0
    assert [
        file for file in cache.rglob("*") if file.is_file() and b"99 coins" in file.read_bytes()
    ] == []
    for retriever in RETRIEVERS:
        with pytest.raises(
            IndexUnusableError, match=f"index {one.name} does not answer .* Build or open it again"
        ):
            one.search("99 coins", ["board"], TODAY, 3, retriever)
    with pytest.raises(
        IndexUnusableError, match=f"there is no index {one.name} in .*indexes; build it again"
    ):
        open_index(one.name)
    assert open_index(two.name).search("days", ["staff"], TODAY, 1)[0].doc == "leave-v2"
    assert (
        build_index(small, 32, 8, say=quiet).search("99 coins", ["board"], TODAY, 1)[0].doc
        == "salaries"
    )


def test_no_index_folder_holds_what_lay_in_memory(fake, cache, small):
    """Chroma writes its graph file with room that it never clears, so passages of one index turned
    up in the folder of another."""
    build_index(small, 32, 8, say=quiet)
    for i in range(6):
        other = index_chunks([whole(made(f"Nothing to hide {i}."))], say=quiet)
        (folder,) = (cache / "indexes").glob(f"{other.name}-*")
        assert other.search("hide", ["staff"], TODAY, 1)[0].text == f"Nothing to hide {i}."
        files = [
            file
            for file in folder.glob("*/*.bin")
            if file.name in ("data_level0.bin", "length.bin")
        ]
        assert len(files) == 2
        assert not any(any(file.read_bytes()) for file in files)
        chroma_store._client(folder).close()
        # as a new process sees it
        moved = folder.rename(folder.with_name(f"{other.name}-feedbeef"))
        assert (
            index_chunks([whole(made(f"Nothing to hide {i}."))], say=quiet)
            .search("hide", ["staff"], TODAY, 1)[0]
            .text
            == f"Nothing to hide {i}."
        )
        assert not any(
            any(file.read_bytes())
            for file in moved.glob("*/*.bin")
            if file.name in ("data_level0.bin", "length.bin")
        ), "opened and asked, it is still blank"


def test_vectors_of_another_embedder_are_refused_and_words_are_not(fake, small, monkeypatch):
    found = build_index(small, 32, 8, say=quiet)
    monkeypatch.setattr(load, "embedder_fingerprint", lambda: "another@1234-float32")
    for retriever in ("dense", "hybrid", "exact"):
        with pytest.raises(
            IndexUnusableError,
            match=(
                r"questions are embedded with another@1234-float32.*: .* refused; build the index"
                r" again"
            ),
        ):
            found.search("days of leave", ["staff"], TODAY, 3, retriever)
    assert found.search("days of leave", ["staff"], TODAY, 1, "bm25")[0].doc == "leave-v2"
    assert build_index(small, 32, 8, say=quiet).name != found.name


# --- kept vectors ---------------------------------------------------------------------------------


def the_file(cache: Path) -> Path:
    (file,) = (cache / "vectors").glob("*.sqlite")
    return file


def test_every_text_is_embedded_once(fake):
    first, new = embedding.embed_cached(["one", "two", "one", "é", "é".encode().decode()])
    assert new == 3
    assert fake == ["one", "two", "é"]
    assert (first == counted(["one", "two", "one", "é", "é"])).all()
    again, new = embedding.embed_cached(["three", "one"])
    assert new == 1
    assert fake[3:] == ["three"]
    assert (again == counted(["three", "one"])).all()
    assert embedding.embed_cached(["one ", "One"])[1] == 2, "another text is another text"


EMBEDDER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from helpers.models import weights
from helpers.retrieval import embedding
from support.vectors import TEXTS, counted
weights.cache_home = lambda: Path(sys.argv[1])
embedding.embed = counted
print("ready", flush=True)
sys.stdin.readline()
for start in range(int(sys.argv[2]), int(sys.argv[2]) + 200, 20):
    vectors, new = embedding.embed_cached(TEXTS[start : start + 20])
    assert (vectors == counted(TEXTS[start : start + 20])).all()
"""


@pytest.mark.slow
def test_two_processes_keep_vectors_at_once(fake, cache):
    """Both write the same file; what either made is there for a third."""
    code = EMBEDDER.format(root=str(ROOT), tests=str(ROOT / "tests"))
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(models_weights.cache_home()), str(at)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for at in (0, 100)
    ]
    try:
        assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in both:
            one.communicate(timeout=120)
        assert [one.returncode for one in both] == [0, 0]
    finally:
        for one in both:
            one.kill()
    vectors, new = embedding.embed_cached(TEXTS)
    assert new == 0
    assert fake == []
    assert (vectors == counted(TEXTS)).all()


HARM = {
    "not a database": lambda whole: b"this is no database " * 400,
    "its head is lost": lambda whole: bytes(100) + whole[100:],
    "its middle is lost": lambda whole: (
        whole[:4096] + b"\xff" * (len(whole) - 8192) + whole[-4096:]
    ),
    "its end is lost": lambda whole: whole[: len(whole) // 2],
    "it is empty": lambda whole: b"",
}


@pytest.mark.filterwarnings("ignore:.*computed again next time")
@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_file_of_vectors_is_replaced(fake, cache, harm):
    embedding.embed_cached(TEXTS)
    file = the_file(cache)
    file.write_bytes(HARM[harm](file.read_bytes()))
    assert (embedding.embed_cached(TEXTS)[0] == counted(TEXTS)).all()
    embedding.embed_cached(TEXTS)
    vectors, new = embedding.embed_cached(TEXTS)
    assert new == 0, "what is damaged once must not cost time for ever"
    assert (vectors == counted(TEXTS)).all(), "what is damaged once must not cost time for ever"


def test_a_locked_or_read_only_file_of_vectors_costs_time_and_nothing_else(
    fake, cache, monkeypatch
):
    embedding.embed_cached(TEXTS[:5])
    file, connect = the_file(cache), sqlite3.connect
    with contextlib.closing(connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", lambda file, timeout=0: connect(file, timeout=0.05))
        with pytest.warns(UserWarning, match=r"locked"):
            assert (embedding.embed_cached(TEXTS[:9])[0] == counted(TEXTS[:9])).all()
        other.execute("ROLLBACK")
    monkeypatch.setattr(embedding, "_open", lambda file: connect(f"file:{file}?mode=ro", uri=True))
    with pytest.warns(
        UserWarning, match=r"cannot be cached \(attempt to write a readonly database\)"
    ):
        vectors, new = embedding.embed_cached(TEXTS[:9])
    assert new == 4, "what is kept is still read"
    assert (vectors == counted(TEXTS[:9])).all(), "what is kept is still read"
    assert file.exists()


def test_a_full_disk_costs_the_keeping_of_vectors_and_nothing_else(fake, cache, small, monkeypatch):
    true = embedding._open

    def full(file):
        table = true(file)
        table.execute("PRAGMA max_page_count = 4")
        return table

    monkeypatch.setattr(embedding, "_open", full)
    with pytest.warns(UserWarning, match=r"cannot be cached \(database or disk is full\)"):
        assert (embedding.embed_cached(TEXTS)[0] == counted(TEXTS)).all()
    monkeypatch.setattr(embedding, "_open", true)
    assert embedding.embed_cached(TEXTS)[1] == 300
    assert embedding.embed_cached(TEXTS)[1] == 0


def test_forgotten_vectors_leave_no_byte(cache, monkeypatch):
    def drawn(texts):
        return np.stack(
            [
                np.random.default_rng(zlib.crc32(text.encode())).standard_normal(384)
                for text in texts
            ]
        ).astype(np.float32)

    def parts(text):
        return [
            whole[at : at + 16]
            for whole in (embedding._key(text), drawn([text]).astype("<f4").tobytes())
            for at in range(0, len(whole), 16)
        ]

    def on_disk():
        return b"".join(file.read_bytes() for file in (cache / "vectors").iterdir())

    monkeypatch.setattr(embedding, "embed", drawn)
    embedding.embed_cached(TEXTS)
    assert sum(part in on_disk() for part in parts(TEXTS[150])) > 90, (
        "they were there (a few lie across two pages of the file)"
    )
    assert embedding.forget([TEXTS[150], TEXTS[150], "never seen"]) == 1
    assert not [part for part in parts(TEXTS[150]) if part in on_disk()]
    assert embedding._key(TEXTS[151]) in on_disk()
    assert embedding.embed_cached([TEXTS[151]])[1] == 0
    assert embedding.embed_cached([TEXTS[150]])[1] == 1
    assert embedding.forget([TEXTS[150]]) == 1


def test_forgetting_passes_over_a_file_that_cannot_be_read(fake, cache):
    """Not in silence over its bytes: what cannot be searched is removed whole."""
    embedding.embed_cached(TEXTS)
    file = the_file(cache)
    damaged = file.with_name("eeeeeeeeeeeeeeee.sqlite")
    damaged.write_bytes(HARM["its middle is lost"](file.read_bytes()))
    (cache / "vectors" / "0000000000000000.sqlite").write_bytes(b"")
    (cache / "vectors" / "ffffffffffffffff.sqlite").write_bytes(b"no database " * 100)
    assert embedding.forget(TEXTS[:2]) == 2
    assert not damaged.exists()
    assert embedding.embed_cached(TEXTS)[1] == 2


# --- a server -------------------------------------------------------------------------------------


@pytest.fixture
def on_server(fake, on_server):
    """Made vectors, kept on the server."""
    return on_server


def names(client) -> list[str]:
    return sorted(chroma_store.names(client))


def test_a_server_gives_the_passages_that_the_folder_gives(fake, server, documents, monkeypatch):
    # no twins: a tie may come in either order
    some = [d for d in documents if d.meta.region == "all" and not d.effective_until][:20]
    asks = [case.ask for case in load_questions("dev", documents)][::3]
    here = build_index(some, 128, 32, say=quiet)
    monkeypatch.setenv("CHROMA_URL", server.url)
    there = build_index(some, 128, 32, say=quiet)
    assert there.name == here.name
    assert type(there.collection._client) is not type(here.collection._client)
    for retriever in RETRIEVERS:
        one, two = (found.search_all(asks, 5, retriever) for found in (here, there))
        assert [keys(x) for x in one] == [keys(x) for x in two], retriever
        assert any(one), retriever
        assert [x.score for x in one[0]] == pytest.approx([x.score for x in two[0]], abs=1e-5)
    assert chroma_store.holding(some[0].id) == {there.name}
    assert chroma_store.holding("nobody") == set()
    assert chroma_store.remove(there.name) == 1
    with pytest.raises(IndexUnusableError, match="does not answer"):
        there.search("x", ["staff"], TODAY)
    with pytest.raises(
        IndexUnusableError,
        match=f"there is no index {there.name} on the server {server.url}; build it again",
    ):
        open_index(there.name)


def test_no_leak_through_a_server_either(on_server, small):
    found = build_index(small, 32, 8, say=quiet)
    users = [["staff"], ["contractors"], ["board"], ["people-ops", "staff"], ["people"], []]
    asks = [
        Ask("", d.text, tuple(groups), day)
        for d in small
        for groups in users
        for day in (TODAY, dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2024, 1, 1))
    ]
    assert leaks(found.search_all, small, asks) == []


CLIENT = (
    "import sys; from helpers.retrieval import index; import datetime as dt; print([p.doc for p in"
    " index.open_index(sys.argv[1]).search('days leave', ['staff'], dt.date(2026, 3, 2), 1,"
    " 'bm25')])"
)


@pytest.mark.slow
def test_another_process_sees_what_is_on_the_server(on_server, small):
    name = build_index(small, 32, 8, say=quiet).name
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, name], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["['leave-v2']"], done.stderr


def test_an_interrupted_build_on_a_server_is_not_there_and_the_next_is_whole(
    on_server, small, monkeypatch
):
    name, manifest = (
        index.fingerprint(chunk_all(small, 32, 8)),
        {"layout": index.layout(), "chunks": 4, "embedder": embedding.fingerprint()},
    )

    def rows():
        yield {
            "ids": ["00000000"],
            "embeddings": counted(["x"]),
            "documents": ["x"],
            "metadatas": [{"doc": "d"}],
        }
        assert name not in names(on_server)
        assert len(names(on_server)) == 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chroma_store.collection(name, manifest, rows, quiet)
    assert names(on_server) == []
    found = build_index(small, 32, 8, say=quiet)
    assert names(on_server) == [name]
    assert found.collection.count() == 4
    assert found.search("leave", ["staff"], TODAY, 1)[0].doc == "leave-v2"


def test_what_a_killed_builder_left_on_a_server_is_cleared_later(on_server, small, monkeypatch):
    killed, fresh = (
        f"building-{1_600_000_000}-{'0' * 16}-dead",
        f"building-{4_000_000_000}-{'0' * 16}-live",
    )
    for name in (killed, fresh):
        on_server.create_collection(name, embedding_function=None)
    built = build_index(small, 32, 8, say=quiet)
    assert names(on_server) == sorted([fresh, built.name]), (
        "a builder that may be at work is left alone"
    )


def test_a_collection_that_lost_rows_is_built_again(on_server, small):
    one = build_index(small, 32, 8, say=quiet)
    one.collection.delete(ids=["00000001"])
    said = []
    two = build_index(small, 32, 8, say=said.append)
    assert two.collection.count() == 4
    assert names(on_server) == [one.name]
    assert "is not whole; building it again" in said[0]


def test_who_comes_second_takes_the_first_ones_collection_but_an_interrupt_interrupts(
    on_server, small
):
    """While we fill ours, another process finishes the same one."""
    name, manifest = (
        index.fingerprint(chunk_all(small, 32, 8)),
        {"layout": index.layout(), "chunks": 4, "embedder": embedding.fingerprint()},
    )

    def rows_and_then(failure):
        def rows():
            build_index(small, 32, 8, say=quiet)
            yield {
                "ids": ["00000000"],
                "embeddings": counted(["x"]),
                "documents": ["x"],
                "metadatas": [{"doc": "d"}],
            }
            if failure:
                raise failure

        return rows

    said = []
    assert chroma_store.collection(name, manifest, rows_and_then(None), said.append).count() == 4
    assert names(on_server) == [name]
    assert "another process built" in said[-1]
    on_server.delete_collection(name)
    with pytest.raises(KeyboardInterrupt):
        chroma_store.collection(name, manifest, rows_and_then(KeyboardInterrupt()), quiet)
    assert names(on_server) == [name]


BUILDER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from helpers.data import handbook
from helpers.models import weights
from helpers.retrieval import embedding, index
from support.vectors import counted
weights.cache_home = lambda: Path(sys.argv[1])
def embed(texts):
    print("filling", flush=True)
    sys.stdin.readline()
    return counted(texts)
embedding.embed = embed
embedding.embed_cached = lambda texts: (embed(texts), len(texts))
documents = handbook.load_handbook(Path(sys.argv[2]))
print(index.build_index(documents, 32, 8, say=lambda text: None).collection.count())
"""


@pytest.mark.slow
def test_two_processes_that_build_at_once_end_in_one_whole_collection(on_server, small):
    code = BUILDER.format(root=str(ROOT), tests=str(ROOT / "tests"))
    words = [
        sys.executable,
        "-c",
        code,
        str(models_weights.cache_home()),
        str(small[0].path.parent),
    ]
    both = [
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        assert [one.stdout.readline() for one in both] == ["filling\n"] * 2
        assert len(names(on_server)) == 2, "both are at work aside"
        for one in both:
            one.stdin.write("go\n")
            one.stdin.flush()
        assert [one.communicate(timeout=120)[0].splitlines()[-1] for one in both] == ["4", "4"]
    finally:
        for one in both:
            one.kill()
    found = build_index(small, 32, 8, say=quiet)
    assert names(on_server) == [found.name]
    assert found.collection.count() == 4


def test_a_server_that_is_not_there_is_told_with_advice(fake, small, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("CHROMA_URL", url)
    for call in (
        lambda: build_index(small, 32, 8, say=quiet),
        lambda: open_index("0" * 16),
        lambda: chroma_store.holding("d"),
        lambda: chroma_store.remove("0" * 16),
    ):
        with pytest.raises(
            ConnectionError,
            match=(
                f"no Chroma server answers at {url} .*start one with `chroma run .* or unset"
                " CHROMA_URL"
            ),
        ):
            call()


@pytest.mark.slow
def test_a_server_that_dies_under_an_index_is_told(fake, small, monkeypatch):
    with synthetic.server() as url:
        monkeypatch.setenv("CHROMA_URL", url)
        found = build_index(small, 32, 8, say=quiet)
        assert found.search("leave", ["staff"], TODAY, 1)
    for retriever in RETRIEVERS:
        with pytest.raises(IndexUnusableError, match=f"index {found.name} does not answer"):
            found.search("leave", ["staff"], TODAY, 1, retriever)
