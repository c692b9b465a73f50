"""The questions that a search is tuned on ask for nothing that dev or test asks for: not by fact,
not by quote, not in the same words."""

from __future__ import annotations

import pytest

from helpers.data.labelled_rows import plain
from helpers.data.questions import load_questions


@pytest.fixture(scope="module")
def train(documents):
    return load_questions("train", documents)


@pytest.fixture(scope="module")
def held_out(documents):
    return [case for split in ("dev", "test") for case in load_questions(split, documents)]


def test_there_are_enough(train):
    assert len(train) >= 200
    assert all(case.gold.answers for case in train)


def test_no_fact_is_asked_in_dev_or_test(train, held_out):
    assert not {case.fact for case in train} & {case.fact for case in held_out}


def test_no_question_is_asked_there(train, held_out):
    assert not {plain(c.ask.input) for c in train} & {plain(c.ask.input) for c in held_out}


def words(text):
    return " ".join(text.split())


def test_no_quote_is_evidence_there(train, held_out):
    """Nor a part of one, nor one of which it is a part: in any document, for the same rule stands
    in three countries and in old versions."""
    theirs = {words(one.quote) for case in held_out for one in case.gold.evidence}
    shared = [
        (case.id, quote)
        for case in train
        for one in case.gold.evidence
        for quote in theirs
        if words(one.quote) in quote or quote in words(one.quote)
    ]
    assert shared == []


def test_no_characters_are_evidence_there(train, held_out):
    spans = {(e.doc, at) for c in held_out for e in c.gold.evidence for at in range(e.start, e.end)}
    taken = [
        case.id
        for case in train
        for e in case.gold.evidence
        if any((e.doc, at) in spans for at in range(e.start, e.end))
    ]
    assert taken == []
