"""Candidates: what could be a short answer, each a piece of the text, likelier kinds first."""

from __future__ import annotations

import pytest

from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.scores import answer_correct
from helpers.retrieval.sentences import units_of, window
from helpers.systems.spans import MOST, candidates


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Recordings are kept for 26 days.", "26 days"),
        ("They have to be taken by 17 August.", "17 August"),
        ("For a ticket, Brindlemark pays 36% of the price.", "36%"),
        ("It calls at 1.8 °C inside the box.", "1.8 °C"),
        ("The price is capped at 6.35 million GBP.", "6.35 million GBP"),
        ("| Lindenrode, repair workshop | LR-27 | 07:05 to 15:35 | 7627 |", "LR-27"),
        ("| 46,001 to 175,000 GBP | Finance director | 3 |", "Finance director"),
        ("     B       1 inch, brass              7.8 bar     140 s", "7.8 bar"),
        ("Close it with the macro *Leaving the gate open*.", "Leaving the gate open"),
        ("Groups must use the weir entrance.", "the weir entrance"),
    ],
)
def test_an_answer_is_among_them(text, wanted):
    assert wanted in candidates(text)


def test_every_one_stands_in_the_text():
    text = "From 4 to 18 November, Dr Ida Holm (room 12) takes 3 patients an hour; ring 5508."
    found = candidates(text)
    assert found == [one for one in dict.fromkeys(found) if one in text]


def test_half_a_unit_is_none():
    assert "29 working" not in candidates("It is 29 working days a year.")


def test_numbers_come_before_words_and_not_more_than_asked():
    text = "Long words stand before the number here, and only then come 31 weeks."
    assert candidates(text, 2) == ["31 weeks", "31"]


def test_a_text_without_anything_has_none():
    assert candidates(" \n—") == []


def test_the_right_answer_is_among_those_of_the_right_window():
    """The ceiling of choosing: of 141 dev questions, with the window around their evidence, 138 or
    more."""
    documents = {d.id: d for d in load_handbook()}
    units = {id: units_of(document) for id, document in documents.items()}
    held = 0
    for case in load_questions("dev"):
        for evidence in case.gold.evidence[-1:]:
            mine = units[evidence.doc]
            shared = [min(u.end, evidence.end) - max(u.start, evidence.start) for u in mine]
            shown = window(mine, shared.index(max(shared)))
            pieces = candidates(shown.text)
            assert len(pieces) <= MOST
            held += any(answer_correct(piece, case.gold.answers) for piece in pieces)
    assert held >= 138
