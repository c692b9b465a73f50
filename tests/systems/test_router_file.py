"""A router comes back from its folder as it went in, and nothing else does."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from helpers.core.cases import Ask, Case, Gold
from helpers.core.records import DataError
from helpers.evaluation.routing import equal_costs
from helpers.models import load
from helpers.systems.router import train_router
from helpers.systems.router_file import CARD, TENSORS, load_router, save_router
from helpers.training.contrastive import TuningSettings

HOW = TuningSettings(steps=2, batch_rows=4, learning_rate=1e-3, first_layer=5)
TEXTS = ["status of order 12", "hello you"]


def case(text, label, split="train"):
    return Case(Ask(text, text), Gold((label,)), "k", text, split)


TRAIN = [case(f"{words} {n}", label) for n in range(6)
         for words, label in (("order number", "a"), ("good day", "b"))]  # fmt: skip
DEV = [case("order it", "a", "dev"), case("good night", "b", "dev")]


@pytest.fixture
def routers(cache, float32):
    return {body: train_router(TRAIN, DEV, equal_costs("ab"), [body], HOW, "ab") for body in
            ("frozen", "tuned")}  # fmt: skip


@pytest.mark.parametrize("body", ["frozen", "tuned"])
def test_it_comes_back_as_it_went(routers, tmp_path, body):
    again = load_router(save_router(routers[body], tmp_path / "r"))
    assert np.array_equal(again.probabilities(TEXTS), routers[body].probabilities(TEXTS))
    for name in ("labels", "temperature", "costs", "reject_at", "tried", "fingerprint"):
        assert getattr(again, name) == getattr(routers[body], name), name


def test_a_threshold_that_never_asks_back_comes_back(routers, tmp_path):
    never = dataclasses.replace(routers["frozen"], reject_at=np.inf)
    assert load_router(save_router(never, tmp_path / "r")).reject_at == np.inf


def test_only_tuned_layers_are_kept(routers, tmp_path):
    sizes = {body: (save_router(one, tmp_path / body) / TENSORS).stat().st_size
             for body, one in routers.items()}  # fmt: skip
    # one of six layers of some 1.8 million float32
    assert sizes["tuned"] - sizes["frozen"] < 9e6


def test_another_embedder_is_refused(routers, tmp_path, monkeypatch):
    folder = save_router(routers["tuned"], tmp_path / "r")
    monkeypatch.setattr(load, "embedder_fingerprint", lambda: "other@1")
    with pytest.raises(DataError, match=r"the embedder here is other@1; train the router again"):
        load_router(folder)


def spoilt(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize("name, change", [
    (TENSORS, lambda data: data[:200]),
    (TENSORS, lambda data: b""),
    (CARD, lambda data: b"{"),
    (CARD, lambda data: json.dumps({"embedder": "x"}).encode()),
])  # fmt: skip
def test_a_damaged_folder_is_named(routers, tmp_path, name, change):
    folder = save_router(routers["frozen"], tmp_path / "r")
    spoilt(folder, name, change)
    with pytest.raises(DataError, match="train"):
        load_router(folder)


def test_no_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no router"):
        load_router(tmp_path / "none")
