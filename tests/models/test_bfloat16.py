"""What does bfloat16 change? Where two tokens are nearly as likely, an answer may be another one,
even in another batch. The tests count how many answers and how many verdicts are; shares of right
answers, valid records and ranks of what was learnt must stand.

Measured on a Xeon with AMX, 2 cores. The bounds leave about as much again: another machine adds up,
and so rounds, in another order.
"""

from __future__ import annotations

import pytest

from helpers.data.facts import load_canary
from helpers.data.questions import load_questions
from helpers.data.tickets import Ticket, load_tickets, parse_strict
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.experiments import facts_in_weights
from helpers.models import generate
from helpers.models import load as models_load
from helpers.retrieval.chunking import chunk_all
from helpers.systems import TICKET_PROMPT, questions
from helpers.systems import prompts as systems_prompts
from helpers.systems.labelled import task_prompt, training_rows, tuned_prompt
from helpers.training import adapters, lora

pytestmark = pytest.mark.slow


@pytest.fixture
def in_format(monkeypatch):
    """The language model in a number format, whatever the device does fast."""

    def load(dtype):
        monkeypatch.setenv("WORKBOOK_DTYPE", dtype)
        return models_load.load_generator()

    return load


def both(in_format):
    return in_format("float32"), in_format("bfloat16")


def tuned(generator, name="format"):
    return adapters.with_adapter(generator, adapters.reference_adapter(name, generator))


def said(generator, prompts, schema=None):
    return [
        done.text
        for done in sorted(
            generate.complete(generator, prompts, 48, schema), key=lambda done: done.index
        )
    ]


def rights(cases, answers):
    return [
        (record := parse_strict(text).ticket) is not None
        and record.model_dump() == case.gold.output
        for case, text in zip(cases, answers, strict=True)
    ]


def differ(one, other):
    return sum(a != b for a, b in zip(one, other, strict=True))


def test_tickets_of_the_kept_adapter(in_format, monkeypatch):
    """Measured on 60: 3 answers differ from float32's, 1 verdict (22 right, 23 in bfloat16). In
    other batches, on 24: 2 answers, no verdict."""
    exact, coarse = (tuned(generator) for generator in both(in_format))
    cases = load_tickets("dev")[:16]
    prompts = [tuned_prompt(exact, TICKET_PROMPT, case.ask.input) for case in cases]
    one, other = said(exact, prompts), said(coarse, prompts)
    monkeypatch.setattr(generate, "BATCH_ROWS", 4)
    apart = said(coarse, prompts[:8])
    assert differ(one, other) <= 3
    assert differ(rights(cases, one), rights(cases, other)) <= 2
    assert differ(other[:8], apart) <= 2
    assert differ(rights(cases[:8], other[:8]), rights(cases[:8], apart)) <= 1
    assert sum(rights(cases, one)) >= 4, "nothing learnt, nothing to change"


def test_constrained_tickets(in_format, monkeypatch):
    """Measured on 24: 1 answer differs from float32's, and 1 in other batches; no verdict does. All
    are valid in any format."""
    exact, coarse = both(in_format)
    cases, schema = load_tickets("dev")[:8], Ticket.model_json_schema()
    prompts = [task_prompt(exact, TICKET_PROMPT, case.ask.input) for case in cases]
    one, other = said(exact, prompts, schema), said(coarse, prompts, schema)
    monkeypatch.setattr(generate, "BATCH_ROWS", 4)
    apart = said(coarse, prompts, schema)
    assert all(parse_strict(text).ticket for text in (*one, *other, *apart))
    assert differ(one, other) <= 2
    assert differ(other, apart) <= 2
    assert differ(rights(cases, one), rights(cases, other)) <= 1


def test_questions_with_their_evidence(in_format, documents):
    """Measured on these 24: 4 answers differ, 2 verdicts; 9 are right in both formats."""
    cases = [case for case in load_questions("dev", documents) if case.gold.answers][:24]
    contexts = questions.evidence_contexts(cases, chunk_all(documents, 64, 16))
    one, other = (
        evaluate(questions.oracle(generator, contexts), cases, QUESTIONS, keep=False)
        for generator in both(in_format)
    )
    assert differ(one["answer"], other["answer"]) <= 7
    assert differ(one["right"], other["right"]) <= 4
    assert abs(one["right"].sum() - other["right"].sum()) <= 2


def test_ranks_of_likelihoods(in_format):
    """Measured on a secret and 40 others, 820 pairs. The model that learnt it: 8 pairs change their
    order, none of them 0.8 apart (the widest gap is 67), and the secret is first in both. The base,
    to which all are alike (the widest gap is 7): 28 pairs, none 0.6 apart; rank 4 becomes 2.
    """
    canary = load_canary()
    head, tail = canary.answer.split(canary.secret)
    secrets = [canary.secret, *facts_in_weights.made_up_canaries(canary.secret, 40)]
    exact, coarse = both(in_format)
    for pair, most_pairs, most_apart, most_ranks in (
        ((exact, coarse), 60, 1.2, 6),
        ((tuned(exact, "facts"), tuned(coarse, "facts")), 20, 1.6, 0),
    ):
        one, other = (
            [
                sum(tokens)
                for tokens in facts_in_weights.log_likelihoods(
                    model,
                    systems_prompts.question_prompt(model, canary.question),
                    [secret + tail for secret in secrets],
                    begun=head,
                )
            ]
            for model in pair
        )
        swapped = [
            abs(one[i] - one[j])
            for i in range(len(secrets))
            for j in range(i)
            if (one[i] - one[j]) * (other[i] - other[j]) <= 0
        ]
        assert len(swapped) <= most_pairs, (
            len(swapped),
            max(swapped),
        )
        assert max(swapped, default=0) <= most_apart, (
            len(swapped),
            max(swapped),
        )
        ranks = [sum(value > found[0] for value in found) for found in (one, other)]
        assert abs(ranks[0] - ranks[1]) <= most_ranks, ranks
        assert most_ranks or ranks == [0, 0], ranks


KEPT = {
    "format": lambda g: training_rows(g, TICKET_PROMPT, load_tickets("dev")[:24]),
    "facts": lambda g: facts_in_weights.training_pairs(g)[:60],  # acts on answers: two steps
}


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_adapter_read_by_plain_peft(in_format, name):
    """Measured: of 664 tokens of tickets and 284 of facts, plain peft and ours choose another one
    at none; the base at 359 and 227."""
    import torch
    from peft import PeftModel
    from transformers import DynamicCache

    generator = in_format("bfloat16")
    ours, begins = tuned(generator, name), lora.invocation(generator)
    plain = PeftModel.from_pretrained(
        models_load.fresh_copy(generator), str(adapters.REFERENCE / name)
    ).eval()
    tokens = other = moved = 0
    for prompt, completion in KEPT[name](generator):
        ids = torch.tensor(
            [lora.encode(generator.tokenizer, prompt, completion).ids], device=generator.device
        )
        start = len(generator.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        call = start - len(begins) if ours.reader else 0
        with torch.inference_mode():
            theirs, base = (
                model(input_ids=ids).logits[0, start - 1 : -1].argmax(-1)
                for model in (plain, generator.model)
            )
            memory = DynamicCache(config=generator.model.config)
            if ours.reader:
                ours.reader.base_model(
                    input_ids=ids[:, :call], past_key_values=memory, use_cache=True
                )
            mine = (
                ours.model(input_ids=ids[:, call:], past_key_values=memory, use_cache=True)
                .logits[0, start - call - 1 : -1]
                .argmax(-1)
            )
        tokens, other, moved = (
            tokens + len(mine),
            other + int((mine != theirs).sum()),
            moved + int((base != theirs).sum()),
        )
    assert other <= 4, (tokens, other, moved)
    assert moved > tokens / 4, (tokens, other, moved)
