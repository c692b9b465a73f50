"""One passage at a time, then choose: what is compared, what is quoted, what is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import TODAY
from support.tiny_model import tiny_generator
from support.toy_model import TOY

from helpers.core.cases import Ask, Passage
from helpers.data.askers import Asker, load_askers
from helpers.data.questions import load_questions
from helpers.evaluation.scores import citation_valid
from helpers.models import constrain
from helpers.models.generate import UNKNOWN
from helpers.models.likelihood import Likelihood
from helpers.systems import asking, prompts
from helpers.systems.asking import (
    CHOSEN,
    Choice,
    SpanRead,
    best_span,
    oracle_span,
    read_spans,
    who_asks,
)
from helpers.systems.prompts import ASKED_TWICE, WHO_ASKS, question_prompt

ASK = Ask("q", "How long are recordings kept?", ("staff",), TODAY)
RIGHT = Passage("cctv", "Cameras", 10, 42, "Recordings are kept for 26 days.", 0.7)
OTHER = Passage("post", "Post", 0, 33, "Parcels are kept for 13 weeks. Yes", 0.9)
SPAN = SpanRead("26 days", 1, given=-1.0, alone=-4.0, refusal=-2.0, search=0.5)


@pytest.fixture
def weighs(monkeypatch):
    """A model that finds some answers probable: set `likes`; the prompts it read are kept."""
    heard = SimpleNamespace(likes={"26 days": -0.5}, prompts=[])

    def likelihoods(model, prompt, answers, shared=""):
        heard.prompts.append(prompt)
        knows = "Recordings" in prompt
        return [Likelihood(heard.likes.get(a, -9.0) if knows else -9.0, 1) for a in answers]

    monkeypatch.setattr(asking, "likelihoods", likelihoods)
    return heard


class Finds:
    name, size = "finds", 2

    def search_all(self, asks, top_k=3, retriever=""):
        return [[OTHER, RIGHT][:top_k] for _ in asks]


def answer(how: Choice | None = None, **more):
    (said,) = best_span(TOY, Finds(), 2, how, **more)([ASK])
    return said


# --- how it is asked ------------------------------------------------------------------------------


def test_who_asks_is_said_with_region_and_day():
    line = asking.asked_by(Asker("Support agent, Lindenrode", "de"), ASK)
    assert line == "Asked by: Support agent, Lindenrode (Germany), on 2 March 2026"


def test_every_dev_question_has_an_asker():
    asked = {case.id for case in load_questions("dev")}
    assert asked == set(load_askers("dev"))


@pytest.mark.parametrize("style", [ASKED_TWICE, WHO_ASKS], ids=lambda style: style.name)
def test_the_question_stands_before_and_after_the_passages(style):
    prompt = question_prompt(TOY, ASK.input, [RIGHT], style, "Asked by: me")
    before, after = prompt.split(RIGHT.text)
    assert ASK.input in before
    assert ASK.input in after


def test_who_asks_and_the_header_reach_the_model():
    prompt = question_prompt(TOY, ASK.input, [RIGHT], WHO_ASKS, "Asked by: me")
    assert "Asked by: me\n" in prompt
    assert "[1] Cameras\nRecordings" in prompt


def test_each_passage_is_read_alone(weighs):
    answer()
    assert [RIGHT.text in prompt for prompt in weighs.prompts[:2]] == [False, True]
    assert not [
        prompt for prompt in weighs.prompts if RIGHT.text in prompt and OTHER.text in prompt
    ]


# --- what is chosen -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "value"),
    [
        (Choice(0, 0, 0), -1.0),
        (Choice(1, 0, 0), 3.0),
        (Choice(0, 1, 0), 1.0),
        (Choice(0, 0, 2), 0.0),
    ],
)
def test_the_value_of_a_candidate(how, value):
    assert how.value(SPAN) == value


def test_of_equals_the_first_and_of_none_nothing():
    assert Choice().best([SPAN, replace(SPAN, number=2)]).number == 1
    assert Choice().best([]) is None


def test_the_answer_is_the_most_probable_quote_with_its_passage(weighs):
    said = answer()
    assert said.text == "26 days"
    assert [(c.number, c.doc, c.quote) for c in said.cited] == [(2, "cctv", RIGHT.text)]
    assert all(citation_valid(c, said.context) for c in said.cited)


def test_what_is_below_the_threshold_is_refused(weighs):
    said = answer(Choice(threshold=100.0))
    assert said.text == prompts.REFUSAL
    assert said.cited == ()


def test_what_the_model_would_say_anyway_is_taken_away(weighs):
    spans, _, _ = read_spans(TOY, ASK, [RIGHT])
    assert {one.alone for one in spans} == {-9.0}
    assert {one.alone for one in read_spans(TOY, ASK, [RIGHT], alone=False)[0]} == {0.0}


def test_without_passages_it_refuses_and_asks_no_model(weighs, monkeypatch):
    monkeypatch.setattr(Finds, "search_all", lambda self, asks, top_k: [[] for _ in asks])
    assert answer().text == prompts.REFUSAL
    assert weighs.prompts == []


def test_whatever_shapes_an_answer_is_in_the_fingerprint():
    prints = {
        best_span(TOY, Finds(), **how).fingerprint
        for how in (
            {},
            {"top_k": 5},
            {"how": Choice(threshold=1.0)},
            {"style": ASKED_TWICE},
            {"asked_by": {"q": "Asked by: me"}},
        )
    }
    assert len(prints) == 5


def test_the_right_passages_are_read_in_place_of_a_search(weighs):
    (said,) = oracle_span(TOY, {"q": [RIGHT]})([ASK])
    assert (said.text, said.cited[0].number, said.context) == ("26 days", 1, (RIGHT,))


def test_with_the_right_passages_the_line_of_who_asks_is_shown(weighs):
    list(oracle_span(TOY, {"q": [RIGHT]}, asked_by={"q": "Asked by: me"})([ASK]))
    assert "Asked by: me" in weighs.prompts[0]


def test_an_ask_without_passages_is_refused(weighs):
    (said,) = oracle_span(TOY, {})([ASK])
    assert said.text == prompts.REFUSAL


def test_the_chosen_weights_ask_without_a_passage_not_at_all(weighs):
    list(oracle_span(TOY, {"q": [RIGHT]}, CHOSEN)([ASK]))
    assert len(weighs.prompts) == 1


def test_only_those_whose_asker_is_known_have_a_line():
    asker = Asker("Support agent, Lindenrode", "de")
    lines = who_asks([ASK, replace(ASK, id="other")], {"q": asker})
    assert lines == {"q": asking.asked_by(asker, ASK)}


# --- quotes alone ---------------------------------------------------------------------------------


def test_only_what_stands_in_its_own_passage_can_be_written():
    """Random weights would write anything; each row has a grammar of its own."""
    from helpers.systems.prompts import QUOTED
    from helpers.systems.questions import answer_questions

    passages = [RIGHT, OTHER, replace(RIGHT, text="Ring 5508, or write to LR-27 at once.")]
    asks = [replace(ASK, id=str(n)) for n in range(3)]
    style = replace(QUOTED, max_new_tokens=6)
    said = answer_questions(tiny_generator(), asks, [[p] for p in passages], style)
    for one in said:
        own = passages[int(one.id)].text
        assert one.text
        assert one.text in own or UNKNOWN.startswith(one.text)


def test_where_there_is_nothing_to_quote_that_is_said():
    with pytest.raises(constrain.ConstraintError, match="row 1 has nothing to quote"):
        constrain.only_quotes(tiny_generator(), ["26 days", " "], UNKNOWN)
