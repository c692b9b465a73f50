"""A tuned body brings texts of one label together, leaves the embedder as it was, and is the same
for a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.models import load
from helpers.training import contrastive
from helpers.training.contrastive import TuningSettings, tune_body, vectors_of

HOW = TuningSettings(steps=4, batch_rows=8, learning_rate=3e-4, first_layer=4)
TEXTS = ["status of order 12", "is order 40 there", "where is order 9", "hello you", "good day",
         "hi there"]  # fmt: skip
LABELS = ["tool"] * 3 + ["chat"] * 3


@pytest.fixture
def body(cache, float32):
    return tune_body(TEXTS, LABELS, HOW)


def gap(vectors):
    """How much nearer are texts of one label than texts of two?"""
    alike = vectors @ vectors.T
    same = np.equal.outer(LABELS, LABELS)
    return alike[same & ~np.eye(6, dtype=bool)].mean() - alike[~same].mean()


def test_labels_move_apart(body):
    assert gap(vectors_of(body, TEXTS)) > gap(vectors_of(load.load_embedder(), TEXTS))


def test_vectors_have_length_1(body):
    assert np.linalg.norm(vectors_of(body, TEXTS), axis=1) == pytest.approx(1, abs=1e-5)


def test_the_embedder_itself_stays(cache, float32):
    before = vectors_of(load.load_embedder(), TEXTS)
    tune_body(TEXTS, LABELS, HOW)
    assert np.array_equal(before, vectors_of(load.load_embedder(), TEXTS))


def test_a_seed_gives_one_body(body):
    again = tune_body(TEXTS, LABELS, HOW)
    assert all(
        torch.equal(one, other)
        for one, other in zip(body.parameters(), again.parameters(), strict=True)
    )


def test_word_vectors_and_lower_layers_stay(body):
    changed = {
        name
        for (name, one), other in zip(
            body.named_parameters(), load.load_embedder().parameters(), strict=True
        )
        if not torch.equal(one, other)
    }
    assert changed
    assert all(".layer.4." in name or ".layer.5." in name for name in changed)


def test_afterwards_it_reads_as_much_as_before(body):
    assert body.max_seq_length == load.load_embedder().max_seq_length


def test_one_label_is_nothing_to_learn():
    with pytest.raises(ValueError, match="two labels"):
        tune_body(["a", "b"], ["x", "x"])


def test_the_loss_by_hand():
    cosines = torch.tensor([[1.0, 0.5, 0.2], [0.5, 1.0, 0.4], [0.2, 0.4, 1.0]])
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    assert contrastive._pair_loss(cosines, same).item() == pytest.approx(
        (1 - 0.5) ** 2 / 2 + (0.2**2 + 0.4**2) / 2 / 2
    )
