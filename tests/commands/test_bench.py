"""The bench compares like with like: the same prompts, and the same answers but for numerical ties.
Times are reported, never tested."""

from __future__ import annotations

import statistics

import pytest

from helpers.commands.bench import speed, training
from helpers.data.questions import load_questions
from helpers.models import generate, load
from helpers.systems import prompts as systems_prompts


@pytest.mark.slow
def test_both_ways_answer_the_same_prompts_alike(cache):
    found = speed.bench_evaluate(rounds=1, n=6)
    answers = found["answers"]
    assert answers["prompts"] == answers["identical"] + answers["numerical_ties"] == 6
    assert answers["different"] == 0
    assert found["speedup"] == found["speedup_by_round"][0] > 0
    assert len(found["speedup_by_kind"]) == 3
    assert not list((cache / "results").glob("*/*.jsonl")), "a kept answer would be a present"


@pytest.mark.slow
def test_the_plain_loop_gets_the_very_prompts_of_the_arm(monkeypatch):
    """A bench that sends shorter prompts to one of the two would flatter the other."""
    generator, sent = load.load_generator(), []

    def listen(generator, prompts, *more, **how):
        sent.extend(prompts)
        return iter(())

    monkeypatch.setattr(generate, "complete", listen)
    for work in speed.evaluation_work(generator, 6):
        sent.clear()
        list(work.arm([case.ask for case in work.cases]))
        assert sent == list(work.prompts)


@pytest.mark.slow
def test_a_different_answer_is_not_called_a_tie():
    generator = load.load_generator()
    ask = next(case.ask for case in load_questions("dev"))
    prompt = systems_prompts.question_prompt(generator, ask.input)
    work = speed.Work("one", None, [], None, [prompt], 4)
    found = speed.agreement(generator, work, ["Paris in the spring"], ["Seven green bottles"])
    assert (found["identical"], found["numerical_ties"], found["different"]) == (0, 0, 1)
    assert found["largest_gap"] > speed.TIE


def trained(way, how, rows, scored=True, right=0.1):
    """A training that never was: ours in 60 s, TRL in 150 and 240; every tenth ticket right,
    another tenth in every seed."""
    seconds = {"ours": 60.0, "trl_best": 150.0, "trl_default": 240.0}[way] + how.seed
    bits = "".join("01"[i % 100 < 100 * right] for i in range(400 + how.seed))[-380:]
    return {
        "way": way,
        "seed": how.seed,
        "rows": rows,
        "seconds": seconds,
        "tokens_per_second": 1,
        "ceiling": 2,
        "peak_mb": 3,
        "right": bits,
        "valid": bits,
    }


def test_the_training_bench_says_how_much_faster_and_whether_it_costs_tickets(monkeypatch):
    monkeypatch.setattr(training, "apart", trained)
    found = training.bench_finetune(rows=8, epochs=1, seeds=3)
    assert found["speedup"] == round(
        statistics.median((150 + seed) / (60 + seed) for seed in range(3)), 2
    )
    assert found["speedup_default"] > found["speedup"]
    assert found["exact_match"]["ours"]["n"] == 380, (
        "tickets, not answers: three answers to one ticket are one ticket"
    )
    assert found["exact_match"]["ours"]["seeds"] == 3
    assert found["exact_match_difference"]["not_inferior"]
    assert found["exact_match_difference"]["value"] == 0
    assert "times as fast as TRL tuned" in training.shown(found)


def test_the_training_bench_says_that_speed_cost_tickets(monkeypatch):
    monkeypatch.setattr(
        training,
        "apart",
        lambda way, *given: trained(way, *given, right=0.1 if way == "ours" else 0.18),
    )
    difference = training.bench_finetune(rows=8, epochs=1, seeds=3)["exact_match_difference"]
    assert difference["high"] < 0
    assert not difference["not_inferior"]
