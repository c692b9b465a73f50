"""The best search of the course, and what a perfect one would show: on the handbook, with the kept
embedder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.core.cases import Ask
from helpers.data.askers import load_askers
from helpers.data.handbook import may_see
from helpers.data.questions import load_questions
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.systems import right_windows, sentence_windows


@pytest.fixture(scope="module")
def cases(documents):
    return [case for case in load_questions("dev", documents) if case.gold.answers]


@pytest.fixture(scope="module")
def search(documents):
    return sentence_windows(documents, load_askers("dev"))


def test_every_window_around_the_evidence_shares_text_with_it(cases, documents):
    windows = right_windows(cases, documents)
    for case in cases:
        for one in case.gold.evidence:
            held = [w for w in windows[case.id] if w.doc == one.doc]
            assert any(w.start < one.end and one.start < w.end for w in held), case.id


def test_nine_in_ten_hold_all_of_it(cases, documents):
    windows = right_windows(cases, documents)
    held = [evidence_found(case.gold.evidence, windows[case.id]) for case in cases]
    assert sum(held) >= 0.9 * len(held)


def test_a_case_without_evidence_has_no_right_window(cases, documents):
    bare = replace(cases[0], gold=replace(cases[0].gold, evidence=()))
    assert right_windows([bare], documents) == {}


@pytest.mark.slow
def test_the_first_window_holds_the_evidence_more_often_than_not(search, cases):
    found = search.search_all([case.ask for case in cases], 1)
    held = [evidence_found(c.gold.evidence, f) for c, f in zip(cases, found, strict=True)]
    assert sum(held) > len(held) / 2


@pytest.mark.slow
def test_windows_come_from_pages_that_the_user_may_read(search, cases, documents):
    asks = [replace(case.ask, groups=("contractors",)) for case in cases]
    shown = search.search_all(asks, 5)
    assert sum(map(len, shown)) > len(asks)
    for ask, found in zip(asks, shown, strict=True):
        open_ = {d.id for d in may_see(documents, ask.groups, ask.as_of)}
        assert {p.doc for p in found} <= open_


@pytest.mark.slow
def test_who_belongs_to_no_group_is_shown_nothing(search, cases):
    assert search.search_all([Ask("q", cases[0].ask.input, (), cases[0].ask.as_of)]) == [[]]
