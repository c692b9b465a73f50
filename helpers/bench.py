"""How fast is it, against the plain way on the same machine in the same run? Ratios, never bare seconds; for `workbook.py bench`.

    python -m helpers.bench evaluate [--rounds N] [--json]
    python -m helpers.bench scale    [--chunks N ...] [--server] [--json] [--save]    (see bench_scale)
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from helpers import arms, bench_scale, format_task, generate, models, rag
from helpers.cases import Arm, Case, load_questions, pick
from helpers.chunking import chunk_all
from helpers.corpus import load_handbook
from helpers.evaluate import QUESTIONS, TICKETS, Task, evaluate
from helpers.tickets import load_tickets

TIE = 1e-3  # two logits this close (fp32) may swap when the same sum is added up in another order; bfloat16 rounds 256 times coarser
TIE_COARSE = 0.25


@dataclass(frozen=True)
class Work:
    """One kind of work: cases for `evaluate`, and the very prompts that its arm sends, for the plain loop."""

    name: str
    arm: Arm
    cases: Sequence[Case]
    task: Task
    prompts: Sequence[str]
    max_new_tokens: int


def evaluation_work(generator: models.Generator, n: int = 60) -> list[Work]:
    """What the notebooks evaluate, a third each: questions from memory, questions with a passage, tickets with eight examples."""
    documents, train = load_handbook(), load_tickets("train")
    questions = pick([c for c in load_questions("dev", documents) if c.gold.answers], 2 * n // 3)
    alone, shown, tickets = questions[: n // 3], questions[n // 3 :], pick(load_tickets("dev"), n - 2 * (n // 3))
    perfect = arms.evidence_contexts(shown, chunk_all(documents, 64, 16))
    room = rag.BASE.max_new_tokens
    return [
        Work("questions, closed book", arms.closed_book(generator), alone, QUESTIONS, [rag.question_prompt(generator, c.ask.input) for c in alone], room),
        Work("questions, with a passage", arms.oracle(generator, perfect), shown, QUESTIONS, [rag.question_prompt(generator, c.ask.input, perfect[c.id]) for c in shown], room),
        Work("tickets, few-shot", arms.few_shot(generator, train[:8]), tickets, TICKETS, [format_task.few_shot_prompt(generator, c.ask.input, train[:8]) for c in tickets], 48),
    ]  # fmt: skip


def plain_loop(generator: models.Generator, work: Work) -> list[str]:
    """The way of most tutorials: one call of pipeline("text-generation") for each prompt."""
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    ask = pipeline("text-generation", model=generator.model, tokenizer=generator.tokenizer)
    how = {"max_new_tokens": work.max_new_tokens, "do_sample": False, "return_full_text": False}
    return [ask(prompt, **how)[0]["generated_text"].strip() for prompt in work.prompts]


def ours(work: Work) -> list[str]:
    """`evaluate`, judging included, nothing read from the cache."""
    return evaluate(work.arm, work.cases, work.task, keep=False)["answer"].tolist()


def without_shared_beginning(work: Work) -> list[str]:
    """`evaluate` with every prompt read in full, to see what reading a shared beginning once is worth."""
    kept, generate.SHARED_TOKENS = generate.SHARED_TOKENS, sys.maxsize
    try:
        return ours(work)
    finally:
        generate.SHARED_TOKENS = kept


def timed(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    generate._read.cache_clear()  # a beginning read in an earlier round must not be a present to this one
    started = time.perf_counter()
    answers = run()
    return time.perf_counter() - started, answers


def agreement(generator: models.Generator, work: Work, mine: Sequence[str], theirs: Sequence[str]) -> dict[str, object]:
    """Are the answers the same? Where not: was it a tie, that is, were the two next tokens equally likely but for rounding?"""
    gaps = [first_gap(generator, p, a, b) for p, a, b in zip(work.prompts, mine, theirs, strict=True) if a != b]
    limit = TIE if generator.dtype == "float32" else TIE_COARSE
    ties = [gap for gap in gaps if gap <= limit]
    return {"identical": len(mine) - len(gaps), "numerical_ties": len(ties), "different": len(gaps) - len(ties), "largest_gap": max(gaps, default=0.0)}


def first_gap(generator: models.Generator, prompt: str, mine: str, theirs: str) -> float:
    """The difference of the two logits at the first token in which two answers part, read from the prompt alone (batch of 1)."""
    import torch

    tokenizer = generator.tokenizer
    head, a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, mine, theirs))
    a, b = [*a, tokenizer.eos_token_id], [*b, tokenizer.eos_token_id]
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)) - 1)
    with torch.inference_mode():
        logits = generator.model(input_ids=torch.tensor([head + a[:at]], device=generator.device), logits_to_keep=1).logits[0, -1]
    return float((logits[a[at]] - logits[b[at]]).abs())


def bench_evaluate(rounds: int = 2, n: int = 60) -> dict[str, object]:
    """Questions per second of `evaluate` against a plain loop of pipeline calls: same weights, prompts, dtype and machine, greedy, in turn.

    `speedup` is the median over rounds of (seconds of the plain loop / seconds of ours), all n prompts together.
    """
    generator = models.load_generator()
    works = evaluation_work(generator, n)
    for work in works:  # once unmeasured, a few prompts: the first calls of a process are slow for both
        list(generate.complete(generator, work.prompts[:2], 4))
    spent: dict[str, dict[str, list[float]]] = {way: {work.name: [] for work in works} for way in ("ours", "unshared", "plain")}
    same = {"identical": 0, "numerical_ties": 0, "different": 0, "largest_gap": 0.0}
    for round_ in range(rounds):
        for work in works:
            seconds, mine = timed(lambda work=work: ours(work))
            spent["ours"][work.name].append(seconds)
            spent["unshared"][work.name].append(timed(lambda work=work: without_shared_beginning(work))[0])
            seconds, theirs = timed(lambda work=work: plain_loop(generator, work))
            spent["plain"][work.name].append(seconds)
            if round_ == 0:
                found = agreement(generator, work, mine, theirs)
                same = {key: max(same[key], found[key]) if key == "largest_gap" else same[key] + found[key] for key in same}
    total = {way: [sum(seconds[i] for seconds in by_kind.values()) for i in range(rounds)] for way, by_kind in spent.items()}

    def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
        return round(statistics.median(a / b for a, b in zip(slow, fast, strict=True)), 2)

    return {
        "bench": "evaluate",
        "speedup": ratio(total["plain"], total["ours"]),
        "speedup_by_round": [round(a / b, 2) for a, b in zip(total["plain"], total["ours"], strict=True)],
        "speedup_by_kind": {work.name: ratio(spent["plain"][work.name], spent["ours"][work.name]) for work in works},
        "made_by": {
            "batches of similar length": ratio(total["plain"], total["unshared"]),
            "a shared beginning read once": ratio(total["unshared"], total["ours"]),
        },
        "questions_per_second": {"ours": round(n / statistics.median(total["ours"]), 2), "plain_loop": round(n / statistics.median(total["plain"]), 2)},
        "answers": {"prompts": n, **same},
        "rounds": rounds, "model": generator.name, "dtype": generator.dtype, "device": generator.device, "threads": models.set_threads(),
        "machine": platform.machine(), "cpu_count": os.cpu_count(), "date": dt.date.today().isoformat(),
    }  # fmt: skip


BENCHES: dict[str, Callable[[int], dict[str, object]]] = {"evaluate": bench_evaluate}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["scale"]:  # it has options of its own
        return bench_scale.main(argv[1:])
    parser = argparse.ArgumentParser(prog="helpers.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(BENCHES))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args(argv)
    with contextlib.redirect_stdout(sys.stderr):  # whatever is said on the way: stdout belongs to the result
        found = BENCHES[options.what](options.rounds)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['speedup']} times the questions per second of a plain loop ({found['questions_per_second']})")
        print(f"by kind: {found['speedup_by_kind']}\nmade by: {found['made_by']}\nanswers: {found['answers']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
