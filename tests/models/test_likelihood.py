"""Probabilities of given answers: those of the model itself, whatever is read beside them."""

from __future__ import annotations

import pytest
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.models.generate import chat
from helpers.models.likelihood import Likelihood, likelihoods
from helpers.training import trainer
from helpers.training.adapters import with_adapter

ANSWERS = ("29 days", "13 weeks", "I don't know", "7")


@pytest.fixture(scope="module")
def tiny():
    return tiny_generator()


@pytest.fixture
def prompt(tiny):
    return chat(tiny, "You may work 29 days abroad and 13 weeks at home. How long abroad?")


def alone(generator, prompt: str, answer: str) -> float:
    """One answer in plain passes, as a textbook would do it; where an adapter acts on answers, the
    frozen model reads what comes before the tokens that call it."""
    import torch
    from transformers import DynamicCache

    ids = generator.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said = generator.tokenizer(answer, add_special_tokens=False)["input_ids"]
    said = [*said, generator.tokenizer.eos_token_id]
    read, cache = len(ids) - generator.unread_tokens, DynamicCache(config=generator.model.config)
    with torch.inference_mode():
        if generator.reader is not None:
            generator.reader.base_model(torch.tensor([ids[:read]]), past_key_values=cache)
        else:
            read = 0
        rest = torch.tensor([[*ids[read:], *said]])
        logits = generator.model(rest, past_key_values=cache).logits[0].float()
    logs = torch.log_softmax(logits, dim=-1)
    return float(logs[range(len(ids) - read - 1, rest.shape[1] - 1), said].sum())


def test_each_answer_gets_what_it_would_get_alone(tiny, prompt):
    found = likelihoods(tiny, prompt, ANSWERS)
    assert [one.total for one in found] == pytest.approx(
        [alone(tiny, prompt, answer) for answer in ANSWERS], abs=1e-3
    )


def test_the_end_of_the_turn_is_a_token_of_the_answer(tiny, prompt):
    assert likelihoods(tiny, prompt, ["7"])[0].tokens == 2


@pytest.mark.parametrize("shared", ["", "<|im_start|>system", "another beginning"])
def test_what_is_read_once_changes_nothing(tiny, prompt, shared):
    shared = prompt[:80] if shared == "<|im_start|>system" else shared
    found = likelihoods(tiny, prompt, ANSWERS, shared)
    plain = likelihoods(tiny, prompt, ANSWERS)
    assert [one.total for one in found] == pytest.approx([one.total for one in plain], abs=1e-3)


def test_an_adapter_that_acts_on_answers_leaves_the_prompt_to_the_frozen_model(
    tiny, prompt, cache, float32
):
    adapter = trainer.finetune(tiny, tiny_rows(tiny), HOW, say=lambda _: None)
    tuned = with_adapter(tiny, adapter)
    assert tuned.reader is not None
    assert [one.total for one in likelihoods(tuned, prompt, ANSWERS)] == pytest.approx(
        [alone(tuned, prompt, answer) for answer in ANSWERS], abs=1e-3
    )


def test_the_mean_does_not_punish_length():
    assert Likelihood(-6.0, 3).mean == Likelihood(-2.0, 1).mean


def test_an_empty_answer_is_refused(tiny, prompt):
    with pytest.raises(ValueError, match="empty answer"):
        likelihoods(tiny, prompt, ["7", ""])
