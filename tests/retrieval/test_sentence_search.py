"""Sentences and rows with their header lines, windows around them, and a search that counts the
best one. Access stays a condition; the region is only an opinion."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import pytest
from conftest import TODAY
from support.vectors import made

from helpers.core.cases import Ask
from helpers.data.handbook import Document, load_handbook
from helpers.retrieval.index import build_index
from helpers.retrieval.sentence_search import regions_named, sentence_search
from helpers.retrieval.sentences import header_line, sentence_spans, units_of, window

PAGE = (
    "# Gates\n\nGates are locked. Guards have keys.\n\n## Sites\n\n| Site | Guard |\n| --- | --- |"
    "\n| North | 7627 |\n| South | 7809 |\n\nRing twice before you knock at any door."
)


def page(text: str = PAGE, id: str = "gates", region: str = "all", **more) -> Document:
    document = made(text, id, since=dt.date(2025, 1, 13), **more)
    meta = document.meta.model_copy(update={"region": region, "title": "Gates"})
    return dataclasses.replace(document, meta=meta)


# --- sentences ------------------------------------------------------------------------------------


def test_headings_and_the_head_of_a_table_are_no_units():
    assert [unit.text for unit in units_of(page())] == [
        "Gates are locked.",
        "Guards have keys.",
        "| North | 7627 |",
        "| South | 7809 |",
        "Ring twice before you knock at any door.",
    ]


def test_a_row_stands_under_title_headings_region_date_and_the_names_of_its_columns():
    row = units_of(page(region="de"))[2]
    assert row.header == (
        "Gates › Sites · Germany · in force since 13 January 2025\n| Site | Guard |"
    )


def test_a_header_says_nothing_where_there_is_nothing_to_say():
    bare = made("Some text.", since=dt.date(1970, 1, 1))
    assert header_line(bare, 0) == "T"


def test_every_unit_of_the_handbook_is_an_exact_piece_and_almost_nothing_is_left_out():
    documents = load_handbook()
    for document in documents:
        spans = sentence_spans(document.text)
        assert all(a < b for a, b in spans)
        assert all(b <= c for (_, b), (c, _) in itertools.pairwise(spans))
    units = [unit for document in documents for unit in units_of(document)]
    assert all(unit.text.strip() == unit.text != "" for unit in units)


def test_a_window_grows_to_both_sides_and_stays_under_its_headings():
    units = units_of(page())
    assert window(units, 2, 200).text == "| North | 7627 |\n| South | 7809 |\n\n" + units[4].text
    assert window(units, 0, 200).text == "Gates are locked. Guards have keys."


def test_a_window_holds_no_more_than_it_may_and_at_least_its_unit():
    units = units_of(page())
    assert window(units, 4, 1).text == units[4].text
    small = window(units, 3, units[2].tokens + units[3].tokens)
    assert small.text == "| North | 7627 |\n| South | 7809 |"


def test_a_window_is_an_exact_piece_of_its_document():
    found = window(units_of(page()), 3, 40, score=0.5)
    assert found.text == PAGE[found.start : found.end]
    assert found.score == 0.5


# --- the search -----------------------------------------------------------------------------------


@pytest.fixture
def searched(fake):
    """Two regional pages that differ in one number, one for all, one for the board."""
    pages = [
        page("Parking permits cost 16 coins a month.", "park-uk", "uk"),
        page("Parking permits cost 19 coins a month.", "park-de", "de"),
        page("Bicycles are free.\n\nA shelter is behind the gate of the hall.", "bikes"),
        page("Parking permits of the board cost nothing.", "board", audience=("board",)),
    ]
    index = build_index(pages, 64, 0, "sentences", lambda _: None)
    return sentence_search(pages, index, other_region=0.2)


def ask(question: str = "parking permits cost", id: str = "q", groups=("staff",)) -> Ask:
    return Ask(id, question, groups, TODAY)


def first(search, one: Ask) -> str:
    return search.search_all([one], 1)[0][0].doc


@pytest.mark.parametrize(("region", "doc"), [("uk", "park-uk"), ("de", "park-de")])
def test_the_page_of_the_askers_region_comes_first(searched, region, doc):
    mine = dataclasses.replace(searched, regions={"q": region})
    assert first(mine, ask()) == doc


def test_a_region_that_the_question_names_wins(searched):
    mine = dataclasses.replace(searched, regions={"q": "uk"})
    assert first(mine, ask("What do parking permits cost in Germany?")) == "park-de"


def test_no_region_is_left_out(searched):
    mine = dataclasses.replace(searched, regions={"q": "uk"}, other_region=9.0)
    assert {p.doc for p in mine.search_all([ask()], 9)[0]} == {"park-uk", "park-de", "bikes"}


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("in Lindenrode", {"de"}),
        ("Canadian dealers and British ones", {"ca", "uk"}),
        ("how do we ship", set()),
        ("What did Germanys do", {"de"}),
    ],
)
def test_which_regions_a_question_names(question, named):
    assert regions_named(question) == named


def test_nobody_is_shown_what_they_may_not_read(searched):
    assert "board" not in {p.doc for p in searched.search_all([ask()], 9)[0]}
    assert "board" in {p.doc for p in searched.search_all([ask(groups=("board",))], 9)[0]}
    assert searched.search_all([ask(groups=())], 9) == [[]]


def test_a_chunk_counts_by_its_best_sentence(fake):
    long = "All of this is about something else. " * 8 + "Keys hang at reception."
    pages = [page(long, "long"), page("Keys are cut by a smith. Doors are many.", "short")]
    index = build_index(pages, 200, 0, "sentences", lambda _: None)
    by_chunk = sentence_search(pages, index, sentence_weight=0.0, lexical_weight=0.0)
    by_sentence = dataclasses.replace(by_chunk, sentence_weight=1.0)
    asked = ask("keys hang at reception")
    assert first(by_chunk, asked) == "short"
    assert first(by_sentence, asked) == "long"
    (shown,) = dataclasses.replace(by_sentence, window_tokens=8).search_all([asked], 1)[0]
    assert shown.text == "Keys hang at reception."


def test_windows_come_from_the_best_chunks_and_none_shows_a_sentence_twice(searched):
    by_window = dataclasses.replace(searched, window_tokens=6, window_chunks=1)
    asked = ask("bicycles are free")
    (chunk,) = searched.search_all([asked], 1)[0]
    shown = by_window.search_all([asked], 9)[0]
    assert [p.text for p in shown] == [
        "Bicycles are free.",
        "A shelter is behind the gate of the hall.",
    ]
    assert {p.doc for p in shown} == {chunk.doc}
    spans = sorted((p.start, p.end) for p in shown)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(spans))
    assert [p.score for p in shown] == sorted((p.score for p in shown), reverse=True)


def test_how_it_is_searched_is_in_the_name(searched):
    ways = (
        {},
        {"sentence_weight": 0.5},
        {"lexical_weight": 0.1},
        {"other_region": 0.3},
        {"window_tokens": 64},
        {"window_tokens": 64, "window_chunks": 2},
        {"regions": {"q": "uk"}},
    )
    assert len({dataclasses.replace(searched, **way).name for way in ways}) == len(ways)
