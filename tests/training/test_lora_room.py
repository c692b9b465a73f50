"""How much of what was read of prompts is kept between epochs?"""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest
import torch

from helpers.training.lora import KEPT_SHARE, room_for

LAYERS, HEADS, SIZE = 30, 3, 64  # of the small model: keys and values of a token are 11,520 numbers


def model(dtype=torch.float32, **shape):
    config = SimpleNamespace(
        num_hidden_layers=LAYERS, num_attention_heads=9, hidden_size=9 * SIZE, **shape
    )
    return SimpleNamespace(device="cpu", model=SimpleNamespace(config=config, dtype=dtype))


@pytest.fixture
def free(monkeypatch):
    def set_to(gigabytes):
        memory = SimpleNamespace(available=int(gigabytes * 1e9))
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)

    return set_to


@pytest.mark.parametrize("gigabytes", [0.5, 8, 64])
def test_a_quarter_of_the_free_memory_is_used_and_no_more(free, gigabytes):
    free(gigabytes)
    tokens = room_for(model(num_key_value_heads=HEADS))
    token = 2 * LAYERS * HEADS * SIZE * 4
    assert tokens * token <= KEPT_SHARE * gigabytes * 1e9 < (tokens + 1) * token


def test_half_the_bytes_hold_twice_the_tokens(free):
    free(8)
    whole, half = (
        room_for(model(dtype, num_key_value_heads=HEADS))
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert half - 2 * whole in (0, 1)


def test_a_model_without_shared_heads_keeps_them_all(free):
    free(8)
    assert room_for(model()) == room_for(model(num_key_value_heads=9))
    assert room_for(model()) < room_for(model(num_key_value_heads=HEADS))


def test_no_free_memory_keeps_nothing(free):
    free(0)
    assert room_for(model(num_key_value_heads=HEADS)) == 0
