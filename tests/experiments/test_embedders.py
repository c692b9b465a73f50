"""An index with shorter vectors is searched with shorter questions, under the same rules of access;
its cases are one a fact."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.core.cases import Passage
from helpers.data.handbook import may_see
from helpers.data.questions import load_questions
from helpers.experiments import embedders
from helpers.experiments.chunking_grid import ChunkingSetting


@pytest.fixture(scope="module")
def asked(documents):
    return embedders.one_of_each_fact(load_questions("dev", documents))


def test_every_fact_is_asked_once(asked):
    assert len({case.fact for case in asked}) == len(asked)


def test_shorter_vectors_have_length_one(made_vectors):
    texts = [" ".join(f"{word}{n}" for n in range(90)) for word in ("one", "two")]
    vectors = embedders.vectors_of(texts, 8)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])
    assert vectors.shape == (2, 8)


def test_the_grid_says_which_case_was_found(asked):
    found = embedders.in_the_grid(asked, ChunkingSetting(chunk_size=64, top_k=3))
    assert set(found) == {case.id for case in asked}
    assert 0 < np.mean(list(found.values())) < 1


def test_a_setting_that_was_not_measured_is_refused(asked):
    with pytest.raises(KeyError, match="not measured"):
        embedders.in_the_grid(asked, ChunkingSetting(chunk_size=77))


def test_indexes_that_nobody_would_call_different_differ_a_little(asked):
    assert 0 < embedders.usual_difference(asked) < 0.4


class Shows:
    """An index that shows the same passage to everyone."""

    def __init__(self, passage):
        self.passage = passage

    def search_all(self, asks, top_k, retriever):
        return [[self.passage]] * len(asks)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_passage_for_other_eyes_is_flagged(documents, asked, monkeypatch, allowed):
    ask = asked[0].ask
    seen = {document.id for document in may_see(documents, ask.groups, ask.as_of)}
    shown = next(d for d in documents if (d.id in seen) == allowed)
    passage = Passage(shown.id, shown.title, 0, 5, shown.text[:5])
    monkeypatch.setattr(embedders, "indexed", lambda *_: Shows(passage))
    assert embedders.measured(documents, asked[:1])[1] == [not allowed]
