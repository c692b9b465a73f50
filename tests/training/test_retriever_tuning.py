"""A tuned embedder finds what it was taught, leaves the embedder as it was, and is the same adapter
after a round through a folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from helpers.models import load
from helpers.training.adapters import CARD, AdapterError
from helpers.training.contrastive import vectors_of
from helpers.training.retriever import (
    Pair,
    RetrieverSettings,
    load_embedder_adapter,
    save_embedder,
    tune_embedder,
    tune_questions,
)

HOW = RetrieverSettings(epochs=6, batch_rows=4, rank=4, learning_rate=3e-3, lookalikes=0)
QUESTIONS = ["blue door?", "red door?", "green gate?", "old wall?"]
PASSAGES = ["Oak opens first.", "Elm opens second.", "Ash opens third.", "Fir opens last."]


def right_first(asked, passages):
    return float(np.mean((asked @ passages.T).argmax(axis=1) == np.arange(4)))


@pytest.fixture(scope="module")
def base():
    body = load.load_embedder()
    return vectors_of(body, QUESTIONS), vectors_of(body, PASSAGES)


@pytest.fixture(scope="module")
def tuned(base):
    return tune_questions(QUESTIONS, [[0], [1], [2], [3]], base[1], HOW)


def test_questions_move_to_their_passages(tuned, base):
    asked = (base[0], vectors_of(tuned, QUESTIONS))
    assert right_first(asked[1], base[1]) > right_first(asked[0], base[1])


def test_the_embedder_itself_stays(tuned, base):
    assert np.array_equal(vectors_of(load.load_embedder(), QUESTIONS), base[0])


def test_pairs_move_to_each_other(base):
    pairs = [Pair(*one) for one in zip(QUESTIONS, PASSAGES, strict=True)]
    body = tune_embedder(pairs, HOW)
    gap = vectors_of(body, QUESTIONS) @ vectors_of(body, PASSAGES).T - base[0] @ base[1].T
    # what belongs together comes nearer, against what does not
    assert np.trace(gap) / 4 > gap[~np.eye(4, dtype=bool)].mean() + 0.05


@pytest.fixture(scope="module")
def folder(tuned, tmp_path_factory):
    return save_embedder(tuned, tmp_path_factory.mktemp("a") / "retriever", HOW, {"rows": 4})


def test_a_folder_gives_the_same_vectors(tuned, folder):
    """In bfloat16 up to a last bit or two of numbers below 1: the trained matrices are float32."""
    again = vectors_of(load_embedder_adapter(folder), QUESTIONS)
    close = 1e-5 if load.embedder_fingerprint().endswith("float32") else 2**-8
    assert again == pytest.approx(vectors_of(tuned, QUESTIONS), abs=close)


def test_no_share_of_the_adapter_is_the_embedder(folder, base):
    found = vectors_of(load_embedder_adapter(folder, 0.0), QUESTIONS)
    assert found == pytest.approx(base[0], abs=1e-5)


def test_half_of_it_is_another_embedder(tuned, folder, base):
    half = vectors_of(load_embedder_adapter(folder, 0.5), QUESTIONS)
    assert (
        min(np.abs(half - base[0]).max(), np.abs(half - vectors_of(tuned, QUESTIONS)).max()) > 0.01
    )


def test_it_is_small_and_holds_no_pickle(folder):
    assert sum(file.stat().st_size for file in folder.iterdir()) < 6e6
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".json", ".safetensors"]


def test_an_adapter_of_another_embedder_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    card = json.loads((other / CARD).read_text())
    (other / CARD).write_text(json.dumps(card | {"base": "other@0-float32"}))
    with pytest.raises(AdapterError, match="was tuned from other@0"):
        load_embedder_adapter(other)


def test_a_folder_without_one_says_so(tmp_path):
    with pytest.raises(AdapterError, match="holds no tuned embedder"):
        load_embedder_adapter(tmp_path)


@pytest.mark.parametrize("right", [[[0]], [[0], [], [2], [3]]])
def test_every_question_needs_a_passage(right, base):
    with pytest.raises(ValueError, match="for each the rows"):
        tune_questions(QUESTIONS, right, base[1], HOW)


def test_lookalikes_that_are_missing_are_told():
    with pytest.raises(ValueError, match="1 lookalikes are wanted"):
        tune_embedder([Pair("a", "b"), Pair("c", "d", ("e",))], RetrieverSettings(lookalikes=1))
