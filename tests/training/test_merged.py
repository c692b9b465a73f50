"""An adapter in the weights answers as the same adapter beside them; one that acts on answers only
cannot get there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.data.tickets import load_tickets
from helpers.models.generate import complete
from helpers.models.load import load_generator
from helpers.systems import TICKET_PROMPT
from helpers.systems.labelled import tuned_prompt
from helpers.training.adapters import REFERENCE, AdapterError, merged, opened, with_adapter
from helpers.training.trainer import finetune


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.fixture(scope="module")
def home(weights, tmp_path_factory):
    """A cache of its own for the adapters of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(tmp_path_factory.mktemp("merged")))
        patch.setenv("WORKBOOK_WEIGHTS", str(weights))
        yield


@pytest.fixture(scope="module")
def everywhere(home, generator):
    """An adapter that acts on prompts as well."""
    how = replace(HOW, acts_on="everything")
    return finetune(generator, tiny_rows(generator), how, say=lambda _: None)


def logits(generator):
    import torch

    ids = generator.tokenizer("How many days?", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return generator.model(input_ids=ids).logits


def answers(generator):
    prompts = [prompt for prompt, _ in tiny_rows(generator)]
    return {c.index: c.text for c in complete(generator, prompts, max_new_tokens=6)}


def test_merged_answers_like_unmerged(generator, everywhere):
    assert answers(merged(generator, everywhere)) == answers(with_adapter(generator, everywhere))


def test_merged_scores_every_token_like_unmerged(generator, everywhere):
    one, two = (logits(put(generator, everywhere)) for put in (merged, with_adapter))
    assert one.sub(two).abs().max() < 1e-4


def test_the_adapter_of_these_tests_does_something(generator, everywhere):
    assert logits(merged(generator, everywhere)).sub(logits(generator)).abs().max() > 0.1


def test_merging_leaves_the_base_as_it_was(generator, everywhere):
    before = logits(generator)
    merged(generator, everywhere)
    assert logits(generator).equal(before)


def test_merged_is_named_apart(generator, everywhere):
    assert (
        merged(generator, everywhere).fingerprint != with_adapter(generator, everywhere).fingerprint
    )


def test_an_adapter_that_acts_on_answers_is_not_merged(home, generator):
    adapter = finetune(generator, tiny_rows(generator), HOW, say=lambda _: None)
    with pytest.raises(AdapterError, match="acts on answers only and cannot be merged"):
        merged(generator, adapter)


@pytest.mark.slow
def test_the_courses_weights_answer_a_ticket_alike_merged_and_unmerged(cache, float32):
    plain, adapter = load_generator(), opened(REFERENCE / "format")
    prompt = tuned_prompt(plain, TICKET_PROMPT, load_tickets("dev")[0].ask.input)
    one, two = (
        next(complete(put(plain, adapter), [prompt], 12)).text for put in (merged, with_adapter)
    )
    assert (one, one[:1]) == (two, "{")
