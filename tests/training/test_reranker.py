"""A cross-encoder is trained from the embedder's body, scores question and passage together, and
comes back from a folder."""

from __future__ import annotations

import pytest

from helpers.models.weights import WeightsError
from helpers.training.reranker import RerankerSettings, load_reranker, scorer, train_reranker
from helpers.training.retriever import Pair

HOW = RerankerSettings(epochs=6, batch_rows=8, lookalikes=1, learning_rate=2e-4, max_tokens=32)
PAIRS = [
    Pair("who signs?", "The director signs.", ("The gate is green.",)),
    Pair("how warm?", "It is 20 degrees.", ("The gate is green.",)),
    Pair("how many days?", "There are 17 days.", ("The gate is green.",)),
    Pair("which code?", "The code is 4416.", ("The gate is green.",)),
]


@pytest.fixture(scope="module")
def model():
    return train_reranker(PAIRS, HOW)


def test_right_passages_score_higher_than_lookalikes(model):
    score = scorer(model)
    found = [score(one.question, [one.passage, *one.lookalikes]) for one in PAIRS]
    assert sum(right > wrong for right, wrong in found) >= 3


def test_it_comes_back_from_a_folder(model, tmp_path, monkeypatch):
    model.save_pretrained(str(tmp_path / "cross"))
    monkeypatch.setenv("WORKBOOK_RERANKER", str(tmp_path / "cross"))
    again = scorer(load_reranker())("who signs?", ["The director signs."])
    assert again == pytest.approx(scorer(model)("who signs?", ["The director signs."]), abs=1e-4)


def test_without_a_name_there_is_none(monkeypatch):
    monkeypatch.delenv("WORKBOOK_RERANKER", raising=False)
    assert load_reranker() is None


def test_a_folder_without_one_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_RERANKER", str(tmp_path))
    with pytest.raises(WeightsError, match=r"WORKBOOK_RERANKER: .* cannot be loaded"):
        load_reranker()


def test_lookalikes_that_are_missing_are_told():
    with pytest.raises(ValueError, match="fewer than 1 lookalikes"):
        train_reranker([Pair("a", "b")], HOW)
