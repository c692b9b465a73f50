"""Who gets to see what: a leak is counted where a search forgets rights, and nowhere else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from helpers.core.cases import Ask, Case, Gold, Passage
from helpers.data.questions import load_questions, load_users
from helpers.experiments import access

DAY = dt.date(2026, 3, 2)


class Search:
    """Gives the first passages of all documents, or of those the user may read."""

    def __init__(self, documents, rights):
        self.documents, self.rights = documents, rights

    def search(self, question, groups, as_of, top_k=3, retriever="dense"):
        titled = sorted(self.documents, key=lambda d: d.title != question)
        readable = [d for d in titled if d.readable_by(groups) or not self.rights]
        return [Passage(d.id, d.title, 0, 9, d.text[:9]) for d in readable[:top_k]]

    def search_all(self, asks, top_k=3, retriever="dense"):
        return [self.search(a.input, a.groups, a.as_of, top_k, retriever) for a in asks]


@pytest.mark.parametrize("rights", [True, False])
def test_the_matrix_counts_what_reaches_whom(documents, rights):
    counts, allowed = access.matrix(Search(documents, rights), load_users(), documents, DAY)
    assert counts.shape == allowed.shape
    assert (counts.where(allowed, 1) > 0).all(axis=None), "who may read it finds it by its title"
    leaked = counts.where(~allowed, 0).to_numpy().sum()
    assert (leaked == 0) == rights


def pair(documents):
    secret = next(d for d in documents if not d.readable_by(["contractors"]))
    ask = Ask("a", "How much?", tuple(secret.meta.audience), DAY)
    allowed = Case(ask, Gold(("7 GBP",)), "restricted", "f", "dev")
    refused = replace(allowed, ask=replace(ask, id="b", groups=("contractors",)), gold=Gold(()))
    return secret, access.pairs_of([allowed, refused])


def test_pairs_are_the_same_words_with_and_without_the_right_to_know(documents):
    (one,) = pair(documents)[1]
    assert (one.allowed.ask.id, one.refused.ask.id, one.question) == ("a", "b", "How much?")
    assert len(access.pairs_of(load_questions("dev", documents))) == 7


def test_a_leak_is_a_passage_whether_or_not_it_is_said(documents):
    secret, pairs = pair(documents)
    context = [[Passage(secret.id, secret.title, 0, 9, "…")]]
    designs = {
        "silent": access.Served(context, ["I don't know."]),
        "aloud": access.Served(context, ["It is 7 GBP."]),
        "clean": access.Served([[]]),
    }
    found = access.leaks(designs, pairs, documents)
    assert list(found["share"]) == [1, 1, 0]
    assert list(found["said aloud"]) == [0, 1, 0]
    assert list(found["n"]) == [1, 1, 1]


def test_a_filter_after_the_search_leaves_fewer_to_who_may_read_less(documents):
    cases, users = load_questions("dev", documents)[:4], load_users()
    closed_first = sorted(documents, key=lambda d: d.readable_by(["contractors"]))
    left = access.left_after_filter(Search(closed_first, True), cases, users, documents, DAY)
    assert list(left.columns) == [0, 1, 2, 3]
    assert set(left.sum(axis=1)) == {4}
    assert left.loc["contractor-de", 0] == 4
