"""A reranker reorders what the search may show, and shows nothing else."""

from __future__ import annotations

import pytest

from helpers.core.cases import Ask, Passage
from helpers.data.handbook import may_see
from helpers.data.requests import TODAY
from helpers.retrieval.bm25 import lexical_index
from helpers.retrieval.reranked import Reranked, asked_key, kept_score

HITS = [Passage("d", "T", at, at + 1, text, 1.0 - at / 10) for at, text in enumerate("abcd")]


class Fixed:
    name, size = "fixed", 4

    def search_all(self, asks, top_k=3, retriever="dense"):
        return [HITS[:top_k] for _ in asks]


def backwards(question, texts):
    return [float(at) for at in range(len(texts))]


def texts(search, top_k=2):
    return [p.text for p in search.search("q", ("staff",), TODAY, top_k)]


def test_the_new_scores_decide_the_order():
    assert texts(Reranked(Fixed(), backwards, "m", depth=4)) == ["d", "c"]


def test_only_the_first_hits_are_looked_at():
    assert texts(Reranked(Fixed(), backwards, "m", depth=3)) == ["c", "b"]


def test_what_is_not_reranked_follows_in_its_old_order():
    assert texts(Reranked(Fixed(), backwards, "m", depth=2), top_k=4) == ["b", "a", "c", "d"]


@pytest.mark.parametrize("weight, order", [(0.0, "abcd"), (1.0, "dcba"), (0.4, "abcd")])
def test_scores_of_both_can_be_mixed(weight, order):
    found = texts(Reranked(Fixed(), backwards, "m", 4, weight), top_k=4)
    assert "".join(found) == order


def test_equal_scores_leave_the_order():
    assert texts(Reranked(Fixed(), lambda q, t: [1.0] * len(t), "m", 4), 4) == list("abcd")


def test_it_reads_the_title_with_the_text():
    read = []
    Reranked(Fixed(), lambda q, t: read.extend(t) or [0.0] * len(t), "m", 2).search(
        "q", ("staff",), TODAY
    )
    assert read[0] == "T\na"


def test_another_model_or_depth_is_another_search():
    names = {Reranked(Fixed(), backwards, *how).name for how in (("m", 4), ("m", 5), ("n", 4))}
    assert len(names) == 3


def test_no_closed_document_comes_through(documents):
    open_ = {d.id for d in may_see(documents, ("contractors",), TODAY)}
    search = Reranked(lexical_index(documents), backwards, "m", 20)
    asks = [Ask(d.id, d.title, ("contractors",), TODAY) for d in documents]
    shown = {p.doc for found in search.search_all(asks, 20, "bm25") for p in found}
    assert shown
    assert shown <= open_


def test_a_kept_score_orders_as_the_reranker_did():
    asked = []

    def noted(question, hits):
        asked.append((question, hits))
        return backwards(question, hits)

    live = texts(Reranked(Fixed(), noted, "m", depth=4), top_k=4)
    kept = kept_score({asked_key(*asked[0]): [0.0, 1.0, 2.0, 3.0]})
    assert texts(Reranked(Fixed(), kept, "m", depth=4), top_k=4) == live


def test_hits_that_were_never_scored_are_an_error():
    kept = kept_score({asked_key("q", ["another hit"]): [1.0]})
    with pytest.raises(KeyError, match="the search or the documents have changed: run labs_data"):
        texts(Reranked(Fixed(), kept, "m", depth=4))
