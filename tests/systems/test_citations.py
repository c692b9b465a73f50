"""Citations resolve to a document and a sentence of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.core.cases import Passage
from helpers.systems import citations


def test_citations_resolve_to_a_document_and_a_quote():
    passages = [
        Passage("d1", "One", 0, 0, "Nothing here."),
        Passage("d2", "Two", 0, 0, "Bring 41 badges. Ask the guard.\n| row | 99 |"),
    ]
    (written,) = citations.cite("41 badges [2]", passages)
    assert (written.doc, written.quote, written.by) == ("d2", "Bring 41 badges.", "model")
    (found,) = citations.cite("41 badges", passages)
    assert (found.number, found.doc, found.by) == (2, "d2", "overlap")
    assert citations.cite("41 badges [7]", passages)[0].by == "overlap", (
        "a number that names no passage is not a citation"
    )
    assert citations.cite("no idea", passages) == ()
    assert citations.cite("x", []) == ()
    assert all(
        c.quote in passages[c.number - 1].text for c in citations.cite("[1] [2] 99", passages)
    )


WRAPPED = """Ladders and steps
Steps with a green plate carry 150 kilograms and are
for heights of up to 1.4 metres. Ladders with a white
plate are for picking aisles only:
- the long ladder in bay 3 is for Facilities and for
- nobody else; its chain is not an invitation to all

Valve                      Pressure    Hold     Drop allowed
A     3/4 inch, brass      6.3 bar     95 s     0.15 bar and more
| grade | days of holiday in a year of service | notes |
| seven | 29 working days in the calendar year | none |"""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "150 kilograms heights metres",
            (
                "Steps with a green plate carry 150 kilograms and are\nfor heights of up to 1.4"
                " metres."
            ),
        ),
        ("white aisles", "Ladders with a white\nplate are for picking aisles only:"),
        ("ladders steps", "Ladders and steps"),
        ("chain invitation", "- nobody else; its chain is not an invitation to all"),
        ("pressure hold", "Valve                      Pressure    Hold     Drop allowed"),
        ("brass", "A     3/4 inch, brass      6.3 bar     95 s     0.15 bar and more"),
        ("seven", "| seven | 29 working days in the calendar year | none |"),
    ],
)
def test_a_sentence_continues_where_a_line_merely_wraps(words, sentence):
    assert citations.best_sentence(WRAPPED, set(words.split())) == sentence
    assert sentence in WRAPPED


@given(st.text(alphabet="ab .\n|-:\t!", max_size=200))
def test_no_word_of_a_passage_is_lost_between_its_sentences(text):
    assert "".join("".join(citations.sentences(text)).split()) == "".join(text.split())
    assert all(s in text for s in citations.sentences(text))


def test_a_sentence_of_chinese_is_cited_not_the_passage():
    passage = Passage("d", "T", 0, 0, "访客证有效期为三天。员工每年有十一天带薪年假！请联系经理。")
    (found,) = citations.cite("年假十一天", [passage])
    assert found.quote == "员工每年有十一天带薪年假！"
