"""Cutting documents: no text is lost, sizes hold, headings are known, spans are exact."""

from __future__ import annotations

import itertools

import pytest
from conftest import ROOT, TODAY
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.core.cases import Ask, Case, Evidence, Gold
from helpers.data import handbook
from helpers.evaluation.text import unspaced
from helpers.retrieval import bm25, chunking
from helpers.retrieval.rows import embedded_text
from helpers.systems import prompts, questions


def words(text):
    """Spans of whitespace-separated words: a tokenizer that needs no model."""
    spans, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    return spans


def document(text, **changes):
    front = {
        "id": "d",
        "policy": "d",
        "title": "T",
        "section": "s",
        "owner": "o",
        "version": 1,
        "effective_from": TODAY,
        "supersedes": None,
        "audience": ["staff"],
        "region": "all",
    }
    return handbook.Document(handbook.FrontMatter(**front | changes), text, ROOT / "d.md")


@given(st.text(max_size=400), st.integers(1, 30), st.integers(0, 29))
def test_chunks_cover_every_token_and_know_their_spans(text, size, overlap):
    if overlap >= size:
        with pytest.raises(ValueError, match="overlap"):
            chunking.chunk(document(text), size, overlap, spans=words)
        return
    assume(not unspaced(text))  # cut at its sentences: see test_unspaced
    chunks = chunking.chunk(document(text), size, overlap, spans=words)
    tokens = words(text)
    assert all(text[c.start : c.end] == c.text for c in chunks)
    assert all(any(c.start <= a and b <= c.end for c in chunks) for a, b in tokens)
    assert all(len(words(c.text)) <= size for c in chunks)
    assert [c.start for c in chunks] == sorted({c.start for c in chunks}), "a chunk starts twice"
    for one, two in itertools.pairwise(chunks):
        assert sum(two.start <= a and b <= one.end for a, b in tokens) == overlap


SOME_MARKDOWN = st.lists(
    st.sampled_from(
        [
            "word",
            "Two words.",
            "# Title",
            "## Part",
            "### Deep",
            "| a | b |",
            "- point",
            "```",
            "Is it? Yes!",
            "",
            "é😀",
            " ",
        ]
    ),
    max_size=40,
)


@given(
    SOME_MARKDOWN,
    st.sampled_from(["\n", "\n\n", " "]),
    st.integers(1, 12),
    st.integers(0, 11),
    st.sampled_from(sorted(chunking.STRATEGIES)),
)
def test_every_strategy_keeps_all_text_its_order_and_its_limit(
    lines, joint, size, overlap, strategy
):
    text, overlap = joint.join(lines), min(overlap, size - 1)
    pieces = chunking.cut(text, size, overlap, strategy, words)
    assert all(
        any(a <= at < b for a, b in pieces) for at, c in enumerate(text) if not c.isspace()
    ), "text was lost"
    assert all(text[a:b].strip() and 1 <= len(words(text[a:b])) <= size for a, b in pieces)
    assert pieces == sorted(pieces)
    assert len(set(pieces)) == len(pieces)
    if strategy != "tokens":
        shared = [
            sum(two[0] <= a and b <= one[1] for a, b in words(text))
            for one, two in itertools.pairwise(pieces)
        ]
        assert max(shared, default=0) <= overlap


def test_headings_open_sections_and_long_ones_are_cut_under_their_path():
    text = (
        "Before.\n\n# House\n\n## Rooms\n\none two three four five six seven eight\n\n```\n# no"
        " heading\n```\n\n## Garden\n\nA tree."
    )
    chunks = chunking.chunk(document(text), 6, 0, "headings", words)
    assert [(c.under, c.text.split()[0]) for c in chunks[:2]] == [
        ((), "Before."),
        (("House",), "#"),
    ]
    assert {c.under for c in chunks if "heading" in c.text} == {("House", "Rooms")}, (
        "what stands in a code fence is no heading"
    )
    assert chunks[-1].text == "## Garden\n\nA tree."
    assert chunks[-1].under == ("House", "Garden")
    with pytest.raises(ValueError, match="choose one of tokens, recursive"):
        chunking.cut(text, 6, 0, "semantic", words)


PRICES = "\n".join(
    [
        "# Prices",
        "",
        "What things cost.",
        "",
        "| Item | Price in euros |",
        "| --- | ---: |",
        *(f"| thing {i} | {100 + i} |" for i in range(12)),
        "",
        "All with tax.",
    ]
)


@pytest.mark.parametrize("strategy", sorted(chunking.STRATEGIES))
def test_a_piece_of_a_table_knows_the_names_of_its_columns(strategy):
    chunks = chunking.chunk(document(PRICES), 20, 0, strategy, words, table_headers=True)
    body = PRICES.index("| thing 0"), PRICES.index("\n\nAll with tax")
    inside = [c for c in chunks if body[0] <= c.start < body[1]]
    assert len(inside) >= 3
    assert {c.columns for c in inside} == {"Item | Price in euros"}


@pytest.mark.parametrize("strategy", sorted(chunking.STRATEGIES))
def test_the_names_of_columns_move_no_cut(strategy):
    with_them, without = (
        chunking.chunk(document(PRICES), 20, 0, strategy, words, table_headers=wanted)
        for wanted in (True, False)
    )
    assert [(c.start, c.end) for c in with_them] == [(c.start, c.end) for c in without]
    assert {c.columns for c in without} == {""}


@pytest.mark.parametrize(
    "text",
    [
        "A text | with a bar.\n\nMore text of it.",
        "```\n| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n```",
        "a | b\nc | d\ne | f\ng | h",
        "|  |  |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |",
    ],
)
def test_where_there_is_no_table_with_a_header_there_are_no_columns(text):
    chunks = chunking.chunk(document(text), 3, 0, spans=words, table_headers=True)
    assert {c.columns for c in chunks} == {""}


def test_what_holds_the_header_itself_or_stands_outside_needs_none():
    chunks = chunking.chunk(document(PRICES), 20, 0, "tokens", words, table_headers=True)
    assert (chunks[0].columns, "| Item" in chunks[0].text) == ("", True)
    (last,) = chunking.chunk(
        document("x\n\n" + PRICES[-30:]), 99, 0, spans=words, table_headers=True
    )
    assert last.columns == ""


def test_the_embedder_reads_the_columns_above_the_piece():
    piece = chunking.chunk(document(PRICES), 20, 0, spans=words, table_headers=True)[2]
    assert embedded_text(piece) == f"T (Item | Price in euros)\n{piece.text}"
    piece = chunking.chunk(document(PRICES), 20, 0, "headings", words, table_headers=True)[2]
    assert embedded_text(piece) == f"Prices (Item | Price in euros)\n{piece.text}"


def test_the_model_is_shown_the_columns_and_the_passage_stays_letter_for_letter():
    index = bm25.lexical_index([document(PRICES)], 48, 0, table_headers=True)
    (found,) = index.search("thing 11", ["staff"], TODAY, 1, "bm25")
    assert prompts.number_passages([found]).startswith("[1] T (Item | Price in euros): ")
    assert found.text == PRICES[found.start : found.end]


def test_evidence_is_shown_under_its_columns_too():
    at = PRICES.index("thing 11 | 111")
    case = Case(
        Ask("q", "q"),
        Gold(("111",), (Evidence("d", "thing 11 | 111", at, at + 14),)),
        "k",
        "f",
        "test",
    )
    chunks = chunking.chunk(document(PRICES), 20, 0, spans=words, table_headers=True)
    ((passage,),) = questions.evidence_contexts([case], chunks).values()
    assert passage.title == "T (Item | Price in euros)"


def test_the_embedder_tokenizer_reads_past_its_own_limit():
    text = "one two three four five six seven eight nine ten " * 60
    assert len(chunking.token_spans(text)) == 600
    assert chunking.token_spans("") == []
    assert chunking.chunk(document(""), 10, 0) == []
