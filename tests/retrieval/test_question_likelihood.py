"""Another order by what the model finds probable: only of what was found, and only so far down."""

from __future__ import annotations

import pytest
from conftest import TODAY
from support.toy_model import TOY

from helpers.core.cases import Passage
from helpers.models.likelihood import Likelihood
from helpers.retrieval import reranked
from helpers.retrieval.reranked import Reranked, question_likelihood

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

    monkeypatch.setattr(reranked, "likelihoods", likelihoods)

    def of(top_k: int = 4, **how) -> str:
        search = Reranked(Finds(), question_likelihood(TOY), "toy", **how)
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
