"""The lean way to train computes what peft and the whole model compute: the same losses, and the
same directions for every small matrix."""

import dataclasses

import pytest
import torch
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.training import lora, matrices, trainer

EVERYTHING = dataclasses.replace(HOW, acts_on="everything")


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


def examples(generator):
    return [lora.encode(generator.tokenizer, *row) for row in tiny_rows(generator)][:4]


def learnt(model, batch, generator, memory=None):
    """The loss of a batch, and which way each small matrix should go."""
    loss = lora.completion_loss(model, batch, generator, memory)
    loss.backward()
    ways = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    return loss.item(), ways


def wrapped(generator, how, monkeypatch=None):
    """A model with small matrices that are no longer zeros, lean, or with monkeypatch peft's."""
    if monkeypatch:
        monkeypatch.setattr(matrices, "lean", lambda wrapped: wrapped)
    torch.manual_seed(7)
    model = trainer.with_matrices(generator, how).train().get_base_model()
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.normal_(std=0.1)
    return model


def same(one, other):
    assert one[0] == pytest.approx(other[0], rel=1e-5)
    assert one[1].keys() == other[1].keys()
    for name, way in one[1].items():
        torch.testing.assert_close(way, other[1][name], rtol=1e-4, atol=1e-6)


def test_lean_matrices_learn_what_pefts_learn(generator, monkeypatch):
    batch = examples(generator)
    lean = learnt(wrapped(generator, EVERYTHING), batch, generator)
    same(lean, learnt(wrapped(generator, EVERYTHING, monkeypatch), batch, generator))


@pytest.mark.parametrize("kept_tokens", [None, 0], ids=["kept", "read every time"])
def test_layers_read_once_change_nothing_that_is_learnt(generator, kept_tokens):
    batch, how = examples(generator), dataclasses.replace(EVERYTHING, from_layer=1)
    below = lora.LowerLayers(generator, batch, 1, kept_tokens)
    model, rows = wrapped(generator, how), range(len(batch))
    whole = learnt(model, batch, generator)
    model.zero_grad(set_to_none=True)
    for again in ([2], rows):  # in other company first, and then from what was kept
        below.of(again)
    same(whole, learnt(model, batch, generator, below.of(rows)))
    assert len(below.kept) == (len(batch) if kept_tokens is None else 0)


def test_only_classic_training_above_a_layer_reads_whole_rows_once(generator):
    rows = examples(generator)
    assert isinstance(lora.read_once(generator, rows, 1), lora.LowerLayers)
    assert isinstance(lora.read_once(generator, rows, 0), lora.Prompts)
    answers = [row._replace(acts_from=2) for row in rows]
    assert isinstance(lora.read_once(generator, answers, 1), lora.Prompts)


def test_a_model_that_cannot_be_parted_is_worked_through_whole(generator, monkeypatch):
    """As Gemma, which scales its word vectors: fed from within, it would scale again."""
    body = generator.model.base_model
    plain = type(body).forward

    def scaled(self, input_ids=None, inputs_embeds=None, **more):
        given = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        return plain(self, inputs_embeds=3 * given, **more)

    monkeypatch.setattr(type(body), "forward", scaled)
    assert not lora.LowerLayers.fits(generator, 1)
    assert isinstance(lora.read_once(generator, examples(generator), 1), lora.Prompts)


def test_training_above_a_layer_is_the_same_with_and_without_what_was_read(
    tmp_path, monkeypatch, generator
):
    how = dataclasses.replace(EVERYTHING, from_layer=1)
    losses = []
    for fits in (True, False):
        monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / str(fits)))
        monkeypatch.setattr(lora.LowerLayers, "fits", classmethod(lambda *_, fits=fits: fits))
        rows = tiny_rows(generator)
        adapter = trainer.finetune(generator, rows, how, say=lambda _: None)
        losses.append(adapter.card["losses"])
    assert losses[0] == pytest.approx(losses[1], abs=2e-4)


def test_layers_of_several_kinds_are_worked_through_whole(generator, monkeypatch):
    """Which tokens a layer sees may depend on its number, and in a part of a model that changes."""
    kinds = ["sliding_attention", "full_attention"]
    monkeypatch.setattr(generator.model.config, "layer_types", kinds, raising=False)
    assert not lora.LowerLayers.fits(generator, 1)


@pytest.mark.parametrize(
    ("from_layer", "first"), [(0, 0), (1, 1), (1 / 2, 1), (2 / 3, 1), (0.4, 0), (1.0, 1)]
)
def test_a_share_of_the_layers_is_a_number_of_them(generator, from_layer, first):
    how = dataclasses.replace(EVERYTHING, from_layer=from_layer)
    assert trainer.first_layer(generator, how) == first


def test_two_thirds_of_thirty_layers_are_twenty(generator, monkeypatch):
    monkeypatch.setattr(trainer, "_layers", lambda _: set(range(30)))
    how = dataclasses.replace(EVERYTHING, from_layer=2 / 3)
    assert trainer.first_layer(generator, how) == 20


def test_a_model_whose_layers_are_not_found_is_trained_in_all_of_them(generator, monkeypatch):
    monkeypatch.setattr(trainer, "_layers", lambda _: set())
    how = dataclasses.replace(EVERYTHING, from_layer=2 / 3)
    assert trainer.with_matrices(generator, how).peft_config["default"].target_modules


def test_the_sums_are_part_of_an_adapters_name(generator, monkeypatch):
    asked = []
    monkeypatch.setattr(trainer, "code_of", lambda *places: asked.extend(places) or "")
    trainer.adapter_fingerprint(generator, [("a", "b")], HOW)
    assert "training/matrices" in asked
