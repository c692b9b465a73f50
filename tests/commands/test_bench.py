"""The bench compares like with like: the same prompts, and the same answers but for numerical ties.
Times are reported, never tested."""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
from types import SimpleNamespace

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


def trained(way, how, rows, scored=True, again=False, right=0.3):
    """A training that never was: ours in 60 s, the others in 150 and 240; three of ten tickets
    right, other ones in every seed."""
    seconds = {"ours": 60.0, "trl_best": 150.0, "trl_default": 240.0, "everything": 90.0}
    bits = "".join("01"[i % 100 < 100 * right] for i in range(400 + how.seed))[-380:]
    return {
        "way": way,
        "seed": how.seed,
        "rows": rows,
        "seconds": seconds[way] + how.seed,
        "tokens_per_second": 1,
        "ceiling": 2,
        "peak_mb": 3,
        "right": bits,
        "valid": bits,
    }


def race(ways=("ours", "trl_best", "trl_default")):
    return training.compared(training.bench_finetune(rows=8, epochs=1, seeds=3, ways=ways))


def test_the_training_bench_says_how_much_faster_and_whether_it_costs_tickets(monkeypatch):
    monkeypatch.setattr(training, "apart", trained)
    found = race()
    assert found["trl_best"]["speedup"] == statistics.median(
        (150 + seed) / (60 + seed) for seed in range(3)
    )
    assert found["trl_default"]["speedup"] == 240 / 60
    assert found["trl_default"]["exact_match"]["seeds"] == 1
    assert found["ours"]["exact_match"]["n"] == 380, (
        "tickets, not answers: three answers to one ticket are one ticket"
    )
    assert found["ours"]["exact_match"]["seeds"] == 3
    assert found["trl_best"]["not_inferior"]
    assert found["trl_best"]["difference"][0] == 0


def test_the_training_bench_in_words(monkeypatch):
    monkeypatch.setattr(training, "apart", trained)
    said = training.shown(training.bench_finetune(rows=8, epochs=1, seeds=3))
    assert "ours against TRL tuned: 2.5 times as fast; +0.0 points right" in said
    assert "not inferior at -5" in said


def test_the_training_bench_says_that_speed_cost_tickets(monkeypatch):
    def dear(way, *given, **more):
        return trained(way, *given, **more, right=0.1 if way == "ours" else 0.18)

    monkeypatch.setattr(training, "apart", dear)
    found = race(("ours", "trl_best"))["trl_best"]
    assert found["difference"][2] < 0
    assert not found["not_inferior"]


def test_a_finished_training_is_kept_and_a_failed_one_is_not(monkeypatch, tmp_path):
    """So a bench of an hour that was stopped goes on where it was."""
    calls = []

    def run(words, **_):
        calls.append(words)
        out = json.dumps({"way": "ours", "call": len(calls)})
        return subprocess.CompletedProcess(words, int(len(calls) == 1), f"noise\n{out}\n")

    monkeypatch.setattr(training.subprocess, "run", run)
    monkeypatch.setattr(training, "kept_at", lambda *_: tmp_path / "kept.json")
    how = training.RECIPE
    with pytest.raises(RuntimeError, match="ours stopped with code 1"):
        training.apart("ours", how, 8)
    assert [training.apart("ours", how, 8)["call"] for _ in range(2)] == [2, 2]
    assert training.apart("ours", how, 8, again=True)["call"] == 3


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"rank": 3}, {"learning_rate": 1e-3}, {"from_layer": 0.5}], ids=str
)
def test_another_training_is_kept_elsewhere(monkeypatch, change, tmp_path):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path))
    monkeypatch.setattr(training.load, "load_generator", lambda: SimpleNamespace(fingerprint="m"))
    how = training.RECIPE
    here = training.kept_at("ours", how, 8, True)
    assert here == training.kept_at("ours", how, 8, True)
    assert here != training.kept_at("ours", dataclasses.replace(how, **change), 8, True)
