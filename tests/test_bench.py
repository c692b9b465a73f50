"""The bench compares like with like: the same prompts, and the same answers but for numerical ties. Times are reported, never tested."""

from __future__ import annotations

import pytest

from helpers import bench, models, rag
from helpers.cases import load_questions


@pytest.mark.slow
def test_both_ways_answer_the_same_prompts_alike(cache):
    found = bench.bench_evaluate(rounds=1, n=6)
    answers = found["answers"]
    assert answers["prompts"] == answers["identical"] + answers["numerical_ties"] == 6 and answers["different"] == 0
    assert found["speedup"] == found["speedup_by_round"][0] > 0 and len(found["speedup_by_kind"]) == 3
    assert not list((cache / "results").glob("*/*.jsonl")), "a kept answer would be a present"


@pytest.mark.slow
def test_the_plain_loop_gets_the_very_prompts_of_the_arm(monkeypatch):
    """A bench that sends shorter prompts to one of the two would flatter the other."""
    generator, sent = models.load_generator(), []

    def listen(generator, prompts, *more, **how):
        sent.extend(prompts)
        return iter(())

    for module in (bench.arms, rag):
        monkeypatch.setattr(module, "complete", listen)
    for work in bench.evaluation_work(generator, 6):
        sent.clear()
        list(work.arm([case.ask for case in work.cases]))
        assert sent == list(work.prompts)


@pytest.mark.slow
def test_a_different_answer_is_not_called_a_tie():
    generator = models.load_generator()
    ask = next(case.ask for case in load_questions("dev"))
    prompt = rag.question_prompt(generator, ask.input)
    work = bench.Work("one", None, [], None, [prompt], 4)
    found = bench.agreement(generator, work, ["Paris in the spring"], ["Seven green bottles"])
    assert (found["identical"], found["numerical_ties"], found["different"]) == (0, 0, 1) and found["largest_gap"] > bench.TIE
