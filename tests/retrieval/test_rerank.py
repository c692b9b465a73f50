"""Another order by what the model finds probable: only of what was found, and only so far down."""

from __future__ import annotations

import dataclasses

import pytest
from conftest import TODAY
from support.toy_model import TOY

from helpers.core.cases import Ask, Passage
from helpers.models.likelihood import Likelihood
from helpers.retrieval import rerank
from helpers.retrieval.rerank import Reranked

PASSAGES = [
    Passage(doc, doc, 0, 1, doc, score) for doc, score in zip("abcd", (4, 3, 2, 0), strict=True)
]


class Finds:
    name, size = "finds", 4

    def search_all(self, asks, top_k=3, retriever=""):
        return [PASSAGES[:top_k] for _ in asks]


@pytest.fixture
def order(monkeypatch):
    """Which passages come out, where the model likes the later ones more."""

    def likelihoods(model, prompt, answers, shared=""):
        assert prompt.startswith(shared)
        return [Likelihood(float(ord(prompt[-1])), 1) for _ in answers]

    monkeypatch.setattr(rerank, "likelihoods", likelihoods)

    def of(top_k: int = 4, **how) -> str:
        search = Reranked(Finds(), TOY, **how)
        return "".join(p.doc for p in search.search("?", ("staff",), TODAY, top_k))

    return of


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ({"weight": 0.0}, "abcd"),
        ({"weight": 1.0}, "dcba"),
        ({"weight": 1.0, "depth": 2}, "bacd"),
        ({"weight": 0.4}, "abcd"),
    ],
)
def test_both_opinions_count_by_their_weight(order, how, wanted):
    assert order(**how) == wanted


def test_more_are_looked_at_than_handed_out(order):
    assert order(1, weight=1.0) == "d"


def test_how_is_in_the_name(order):
    search = Reranked(Finds(), TOY)
    ways = ({}, {"weight": 0.1}, {"depth": 3})
    assert len({dataclasses.replace(search, **way).name for way in ways}) == 3


def test_no_groups_no_passages(order, monkeypatch):
    monkeypatch.setattr(Finds, "search_all", lambda self, asks, k, r: [[] for _ in asks])
    assert Reranked(Finds(), TOY).search_all([Ask("q", "?")]) == [[]]
