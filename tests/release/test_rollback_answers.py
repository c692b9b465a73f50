"""After a rollback the answers are those of before, byte for byte: two adapters of a tiny model go
through the registry, and the model answers with whichever is champion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.releases import parts_in
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.models.generate import complete
from helpers.release.manifest import pack
from helpers.release.registry import Registry
from helpers.training.adapters import opened, with_adapter
from helpers.training.trainer import finetune


@pytest.fixture
def served(cache, tmp_path):
    """(registry, a function that answers with the champion): a release for each of two adapters."""
    generator = tiny_generator()
    prompts = [prompt for prompt, _ in tiny_rows(generator)]
    registry = Registry(tmp_path / "registry")
    for turn in range(2):
        rows = [(prompt, f"{turn} " * 4) for prompt in prompts]
        adapter = finetune(generator, rows, HOW, say=lambda text: None)
        folder = tmp_path / f"release {turn}"
        pack(folder, parts_in(tmp_path / f"parts {turn}") | {"adapter": adapter.folder})
        registry.promote(registry.propose(folder), registry.state.champion)

    def answers() -> bytes:
        folder, _ = registry.champion()
        tuned = with_adapter(generator, opened(folder / "adapter"))
        said = {c.index: c.text for c in complete(tuned, prompts, max_new_tokens=6)}
        return json.dumps([said[i] for i in sorted(said)]).encode()

    return registry, answers


def test_the_answers_are_those_of_before(served):
    registry, answers = served
    now = answers()
    back = registry.rollback("test")
    before = answers()
    assert before != now
    again = Path(registry.state.releases[back.left]["folder"])
    registry.promote(registry.propose(again), back.now)
    assert answers() == now
    registry.rollback("once more")
    assert answers() == before
