"""Rows for the next reader: what each shows, asks and answers fits together, in the serving format,
and nothing of it is of the company."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from support.toy_model import TOY

from helpers.data.reading import REFUSAL, answerable_refusals, why_wrong
from helpers.systems import reader, reading_rows
from helpers.systems.prompts import WHO_ASKS, question_prompt
from helpers.systems.reading_rows import ALONE, SHARES, SIZES, draw_rows, load_worlds

WORLDS = ("Sundrake Post", "Fennmarch Telecom", "Hallendorp Tramways", "Velmora Film Archive")


@pytest.fixture(scope="module")
def pages():
    return [page for page in load_worlds() if page.world in WORLDS]


@pytest.fixture(scope="module")
def found(pages):
    """A search that returns windows of the same world as chance will have it."""
    windows: dict[str, list[list[int]]] = {}
    for number, page in enumerate(pages):
        windows.setdefault(page.world, []).extend([number, u] for u in range(len(page.units)))
    return {
        qa["question"]: random.Random(qa["question"]).sample(windows[page.world], 12)
        for page in pages
        for qa in page.questions
    }


@pytest.fixture(scope="module")
def rows(pages, found):
    return draw_rows(pages, found, "train")


@pytest.fixture(scope="module")
def lines(rows):
    return [row.as_json(str(i)) for i, row in enumerate(rows)]


def test_most_questions_become_a_row(pages, rows):
    asked = [qa for page in pages[:] if page.world in WORLDS[2:] for qa in page.questions]
    assert len(rows) > 0.7 * len(asked)


def test_what_each_row_promises_holds(lines):
    assert [fault for line in lines for fault in why_wrong(line)] == []


def test_no_refusal_can_be_answered(lines):
    assert answerable_refusals(lines) == []


def test_kinds_come_in_their_shares(rows):
    counted = Counter(row.kind for row in rows)
    for kind, share in SHARES.items():
        assert counted[kind] / len(rows) == pytest.approx(share / 100, abs=0.08), kind


def test_the_reader_practises_on_right_passages_alone(pages, found):
    drawn = draw_rows(pages, found, "train", shares=ALONE)
    assert {(row.kind, len(row.shown), row.cite) for row in drawn} == {("alone", 1, 1)}
    assert all(row.shown[0].has(row.answer) for row in drawn)


def test_a_row_shows_as_many_passages_as_its_kind_says(rows):
    for row in rows:
        low, high = SIZES[row.kind.split()[0]]
        assert low <= len(row.shown) <= high


def test_no_passage_is_shown_twice(rows):
    assert all(len({one.text for one in row.shown}) == len(row.shown) for row in rows)


def test_refusals_are_those_of_their_kind(rows):
    for row in rows:
        refused = row.kind.endswith("refused")
        assert (row.answer == REFUSAL) == (row.cite is None) == refused


def test_train_and_dev_have_worlds_of_their_own(pages, found, rows):
    dev = draw_rows(pages, found, "dev")
    assert {row.world for row in dev} <= reading_rows.DEV_WORLDS
    assert not {row.world for row in rows} & reading_rows.DEV_WORLDS


def test_the_same_epoch_gives_the_same_rows_and_the_next_other_numbers(pages, found, rows):
    again, later = (draw_rows(pages, found, "train", epoch) for epoch in (0, 1))
    assert [row.as_json("") for row in again] == [row.as_json("") for row in rows]
    answers = {(row.world, row.question): row.answer for row in later}
    same = [row for row in rows if answers.get((row.world, row.question)) == row.answer]
    kept = [row for row in same if row.answer != REFUSAL and any(map(str.isdigit, row.answer))]
    assert len(kept) < 0.1 * len(rows)


def test_a_region_or_a_date_decides_in_some(rows):
    """Two passages of one title: then the header says which holds for whoever asks."""
    twins = [
        row
        for row in rows
        if row.cite
        and any(
            one.title != row.shown[row.cite - 1].title
            and one.title.split(" · ")[0] == row.shown[row.cite - 1].title.split(" · ")[0]
            and one.page is row.shown[row.cite - 1].page
            for one in row.shown
        )
    ]
    assert 0.02 < len(twins) / len(rows) < 0.4


def test_nothing_of_the_company_is_in_them(lines):
    text = " ".join(f"{line['question']} {line['asked_by']}" for line in lines)
    for name in ("Brindlemark", "Thornaby", "Lindenrode", "Hessel", "Almanac", "Trellis"):
        assert name not in text


def test_the_prompt_is_the_serving_prompt(rows):
    readings = [row.as_reading(str(i)) for i, row in enumerate(rows)][:8]
    for one, (prompt, completion) in zip(readings, reader.serving_rows(TOY, readings), strict=True):
        assert prompt == question_prompt(TOY, one.question, one.passages, WHO_ASKS, one.asked_by)
        several = one.cite is not None and len(one.passages) > 1
        assert completion == (f"{one.answer} [{one.cite}]" if several else one.answer)
