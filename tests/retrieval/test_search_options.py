"""How an index can be made and searched: what stands before a chunk, whole rows, stems, weights.
What is not asked for changes nothing, and nothing hands out what a user may not read."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest
from conftest import TODAY
from support.vectors import made

from helpers.core.cases import Ask
from helpers.data.handbook import Document
from helpers.retrieval import chroma_store, chunking
from helpers.retrieval.bm25 import Lexical, lexical_index, words
from helpers.retrieval.context import CONTEXTS, read_with
from helpers.retrieval.index import (
    build_index,
    fingerprint,
    index_chunks,
    open_index,
    weighted,
)
from helpers.retrieval.rows import embedded_text
from helpers.retrieval.versions import VersionedIndex

pytestmark = pytest.mark.usefixtures("fake")

LEAVE = (
    "# Leave\n\nFor all of us.\n\n## Parents\n\nThirteen weeks are paid in full here.\n\n### Twins"
    "\n\nSix weeks more are added then.\n\n## Records\n\nThey are kept for nine years there."
)


def quiet(text: str) -> None:
    """Nothing to say."""


def leave(**changes) -> Document:
    document = made(LEAVE, "leave", since=dt.date(2025, 6, 16))
    front = {"title": "Leave", "section": "people", "region": "de", "version": 2} | changes
    return dataclasses.replace(document, meta=document.meta.model_copy(update=front))


def chunk_with(text: str, strategy: str, document: Document):
    """The last chunk that begins within a section of the text."""
    pieces = chunking.chunk(document, 10, 0, strategy, words)
    at = document.text.index(text)
    return [c for c in pieces if c.start <= at][-1]


# --- what stands before a chunk -------------------------------------------------------------------


@pytest.mark.parametrize("strategy", sorted(chunking.STRATEGIES))
def test_a_chunk_knows_its_headings_however_it_was_cut(strategy):
    assert chunk_with("more are added", strategy, leave()).heading_path[:2] == ("Leave", "Parents")


def reads(context: str, document: Document | None = None) -> str:
    chunk = chunk_with("Six weeks", "sentences", document or leave())
    return read_with(context)(chunk).removesuffix(chunk.text)


def test_nothing_may_stand_before_a_chunk():
    assert reads("none") == ""


def test_by_default_the_title_stands_before_a_chunk():
    assert reads("title") == "Leave\n"


def test_the_heading_path_follows_the_title_which_is_not_said_twice():
    assert reads("headings").startswith("Leave › Parents")


def test_region_and_section_follow_the_headings():
    assert reads("place").endswith(" · people · Germany\n")


def test_a_region_that_is_everywhere_is_not_said():
    assert reads("place", leave(region="all")).endswith(" · people\n")


def test_version_and_day_come_last():
    assert reads("version").endswith(" · Germany · version 2, in force since 16 June 2025\n")


def test_a_document_without_a_day_names_none():
    undated = leave(effective_from=dt.date(1970, 1, 1))
    assert reads("version", undated) == reads("place", undated)


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_names_of_columns_stand_before_a_row_in_every_context(context):
    text = "# P\n\n| Item | Price |\n| --- | --- |\n| thing | 3 |\n| other thing | 4 |"
    chunk = chunking.chunk(made(text), 6, 0, "sentences", words, table_headers=True)[-1]
    assert "Item | Price" in read_with(context)(chunk).removesuffix(chunk.text)


def test_a_context_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="choose one of none, title, headings, place, version"):
        build_index([leave()], context="front page")


def test_what_stands_before_a_chunk_is_another_index():
    names = {build_index([leave()], 16, 4, say=quiet, context=c).name for c in CONTEXTS}
    assert len(names) == len(CONTEXTS)


@pytest.mark.parametrize("strategy", sorted(chunking.STRATEGIES))
def test_the_default_index_is_the_one_that_it_was(strategy):
    chunks = chunking.chunk_all([leave()], 16, 4, strategy)
    named = build_index([leave()], 16, 4, strategy, say=quiet).name
    assert named == fingerprint(chunks, embedded_text)


def test_the_layout_of_stored_rows_is_the_one_that_it_was():
    """Another layout throws away every index that learners have; then this line is changed."""
    from helpers.retrieval import index

    assert index.layout() == "68781e4a1ac0ab50"


# --- rows of tables -------------------------------------------------------------------------------

TABLE = "Before it.\n\n| Item | Price |\n| --- | --- |\n" + "".join(
    f"| a thing of kind {i} | {i} euros and no more |\n" for i in range(9)
)
ROWS = [line for line in TABLE.splitlines() if line.startswith("| a")]


def cut_rows(size: int, **options) -> list[str]:
    """The rows of which some chunk begins or ends inside."""
    pieces = chunking.chunk(made(TABLE), size, 3, "tokens", words, **options)
    inside = [
        line
        for line in ROWS
        for at in [TABLE.index(line)]
        if any(at < edge < at + len(line) for p in pieces for edge in (p.start, p.end))
    ]
    return inside


def test_a_row_is_cut_where_the_count_says():
    assert cut_rows(20)


def test_no_row_is_cut_that_a_chunk_holds():
    assert cut_rows(20, whole_rows=True) == []


def test_whole_rows_exceed_no_chunk():
    pieces = chunking.chunk(made(TABLE), 20, 3, "tokens", words, whole_rows=True)
    assert max(len(words(p.text)) for p in pieces) <= 20


def test_whole_rows_lose_no_character():
    pieces = chunking.chunk(made(TABLE), 20, 3, "tokens", words, whole_rows=True)
    seen = {at for p in pieces for at in range(p.start, p.end)}
    assert all(at in seen for at, letter in enumerate(TABLE) if not letter.isspace())


def test_a_row_that_no_chunk_holds_is_cut():
    assert cut_rows(8, whole_rows=True) == ROWS


def test_text_without_a_table_is_cut_as_before():
    plain, asked = (
        chunking.chunk(leave(), 10, 3, "tokens", words, whole_rows=wanted)
        for wanted in (False, True)
    )
    assert plain == asked


# --- stems ----------------------------------------------------------------------------------------

TEXTS = ["The dealer returns goods.", "Plants need water."]


def found_by_words(question: str, stem: bool) -> list[int]:
    every = np.ones(len(TEXTS), dtype=bool)
    return [row for row, _ in Lexical(TEXTS, stem).best(question, every, 2)]


def test_without_stems_another_form_of_a_word_finds_nothing():
    assert found_by_words("returning", stem=False) == []


def test_stems_find_another_form_of_a_word():
    assert found_by_words("returning", stem=True) == [0]


def test_a_lexical_index_can_compare_stems():
    index = lexical_index([made(text, f"d{i}") for i, text in enumerate(TEXTS)], stem=True)
    assert [p.doc for p in index.search("returning", ("staff",), TODAY)] == ["d0"]


def test_a_lexical_index_on_stems_has_another_name():
    documents = [made(text) for text in TEXTS]
    assert lexical_index(documents).name != lexical_index(documents, stem=True).name


def test_an_index_of_words_can_be_cut_at_sentences():
    text = "The gate opens at six. The desk is staffed until nine. Dogs wait outside."
    index = lexical_index([made(text, "d")], 14, 0, strategy="sentences")
    assert all(one.endswith(".") for one in index.rows.texts)
    assert index.size > 1
    assert index.name != lexical_index([made(text, "d")], 14, 0).name


# --- weights --------------------------------------------------------------------------------------


def test_scores_are_scaled_and_added_by_their_weight():
    added = weighted(np.array([0.5, 0.3, 0.1]), np.array([0, 4, 2]), 0.25)
    assert added == pytest.approx([0.75, 0.625, 0.125])


def test_scores_that_are_all_equal_tell_nothing():
    assert list(weighted(np.array([0.5, 0.5]), np.array([0, 1]), 0.5)) == [0, 0.5]


ASK = "How long are records of a page kept?"


@pytest.fixture
def pages():
    texts = [f"Page {i} says {'records' if i % 3 else 'nothing'} of {i * i}." for i in range(30)]
    texts[7] = "Records of a page are kept long."
    return build_index(
        [made(text, f"page-{i:02d}") for i, text in enumerate(texts)], say=quiet, stem=True
    )


def ids(index, retriever: str, top_k: int = 30) -> list[str]:
    return [p.doc for p in index.search(ASK, ("staff",), TODAY, top_k, retriever)]


def test_weight_0_is_the_ranking_by_meaning(pages):
    assert ids(pages.searched(True, 0), "hybrid") == ids(pages, "exact")


def test_weight_1_is_the_ranking_by_words(pages):
    by_words = ids(pages, "bm25")
    assert ids(pages.searched(True, 1), "hybrid")[: len(by_words)] == by_words


def test_a_passage_without_a_common_word_may_still_be_found(pages):
    assert len(ids(pages.searched(True, 0.5), "hybrid")) == 30


def test_without_a_weight_ranks_are_fused(pages):
    scores = [p.score for p in pages.search(ASK, ("staff",), TODAY, 3, "hybrid")]
    assert max(scores) <= 2 / 61


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_a_weight_that_cannot_be_is_refused(pages, weight):
    with pytest.raises(ValueError, match="lexical_weight must be between 0 and 1"):
        pages.searched(lexical_weight=weight)


def test_the_name_says_how_an_index_is_searched(pages):
    assert pages.searched(True, 0.3).name == pages.name.partition("+")[0] + "+stem+weight0.3"


def test_an_index_searched_by_default_has_the_name_of_what_is_stored(pages):
    assert pages.searched().name == pages.name.partition("+")[0]


def test_an_index_is_opened_as_its_name_says(pages):
    mine = pages.searched(True, 0.4)
    assert ids(open_index(mine.name), "hybrid") == ids(mine, "hybrid")


def test_an_index_is_removed_however_it_is_searched(pages):
    assert chroma_store.remove(pages.searched(True, 0.4).name) == 1


# --- access ---------------------------------------------------------------------------------------

WAYS = [
    (retriever, stem, weight)
    for retriever in ("dense", "exact", "bm25", "hybrid")
    for stem in (False, True)
    for weight in (None, 0, 0.3, 1)
]


@pytest.fixture(scope="module")
def guarded_documents():
    secret = "The salary bands of directors are secret."
    return [
        made(secret, "secret", audience=("board",)),
        made(secret, "old", until=TODAY - dt.timedelta(days=1)),
        made(secret, "coming", since=TODAY + dt.timedelta(days=1)),
        *(made(f"Page {i} is open.", f"open-{i}") for i in range(4)),
    ]


@pytest.mark.parametrize(("retriever", "stem", "weight"), WAYS)
def test_no_way_of_searching_hands_out_what_a_user_may_not_read(
    guarded_documents, retriever, stem, weight
):
    index = build_index(
        guarded_documents, say=quiet, context="version", stem=stem, lexical_weight=weight
    )
    asked = "The salary bands of directors are secret."
    found = index.search(asked, ("staff",), TODAY, 9, retriever)
    assert {p.doc for p in found} <= {f"open-{i}" for i in range(4)}


@pytest.mark.parametrize(("retriever", "stem", "weight"), WAYS)
def test_without_groups_there_are_no_passages(guarded_documents, retriever, stem, weight):
    index = build_index(guarded_documents, say=quiet, stem=stem, lexical_weight=weight)
    assert index.search_all([Ask("q", "open", (), TODAY)], 3, retriever) == [[]]


def test_what_is_withheld_shapes_no_score(guarded_documents):
    """The scale of a weighted search is that of the passages this user may read."""
    import helpers.retrieval.index as of_index

    seen = []
    plain = of_index.weighted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            of_index, "weighted", lambda d, b, w: (seen.append(len(d)), plain(d, b, w))[1]
        )
        index = build_index(guarded_documents, say=quiet, lexical_weight=0.3)
        index.search("salary", ("staff",), TODAY, 3, "hybrid")
    assert seen == [4]


def test_a_user_who_may_read_nothing_finds_nothing(guarded_documents):
    index = build_index(guarded_documents, say=quiet, lexical_weight=0.3)
    assert index.search("salary", ("guests",), TODAY, 3, "hybrid") == []


def test_a_shelf_keeps_how_it_is_searched(tmp_path):
    (tmp_path / "page.md").write_text("# Page\n\nThe dealer returns goods.", encoding="utf-8")
    shelf = VersionedIndex("shelf", context="headings", stem=True)
    shelf.sync(tmp_path, audience=["staff"], say=quiet)
    assert [p.doc for p in shelf.index().search("returning", ("staff",), TODAY, 1, "bm25")]


def test_what_another_shelf_answers_from_is_not_forgotten_however_it_is_searched(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nThe dealer returns goods.", encoding="utf-8")
    (tmp_path / "other.md").write_text("# Other\n\nPlants need water.", encoding="utf-8")
    mine, theirs = VersionedIndex("mine", stem=True), VersionedIndex("theirs")
    for shelf in (mine, theirs):
        shelf.sync(tmp_path, audience=["staff"], say=quiet)
    page.unlink()
    mine.sync(tmp_path, audience=["staff"], say=quiet)
    assert mine.forget("page")["indexes"] == 0


def test_vectors_given_are_searched_by_weight_too():
    documents = [made(text, f"d{i}") for i, text in enumerate(TEXTS)]
    chunks = chunking.chunk_all(documents)
    vectors = np.eye(2, 384, dtype=np.float32)
    index = index_chunks(chunks, say=quiet, vectors=vectors).searched(lexical_weight=1)
    assert [p.doc for p in index.search("water", ("staff",), TODAY, 1, "hybrid")] == ["d1"]
