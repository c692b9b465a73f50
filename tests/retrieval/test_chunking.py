"""Cutting documents: no text is lost, sizes hold, headings are known, spans are exact."""

from __future__ import annotations

import itertools

import pytest
from conftest import ROOT, TODAY
from hypothesis import assume, given
from hypothesis import strategies as st

from helpers.data import handbook
from helpers.evaluation.text import unspaced
from helpers.retrieval import chunking


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


def test_the_embedder_tokenizer_reads_past_its_own_limit():
    text = "one two three four five six seven eight nine ten " * 60
    assert len(chunking.token_spans(text)) == 600
    assert chunking.token_spans("") == []
    assert chunking.chunk(document(""), 10, 0) == []
