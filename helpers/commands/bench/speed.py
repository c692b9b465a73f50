"""How fast is it, against the plain way on the same machine in the same run? And how good on sets
that others judged? For `workbook.py bench`.

    python -m helpers.commands.bench WHAT [--json]

    evaluate  [--rounds N]                  questions per second against a plain loop
    embed     [--rounds N]                  texts per second against plain encode
    embed     PATH                          STS benchmark, Banking77: against what is published
    retrieval DIR [--limit-queries N]       a set in BEIR's form: nDCG, recall, latency
    chunking  DIR                           a set in the form of Chroma's chunking evaluation
    router    DIR                           Ray's routing set: accuracy, macro-F1 (routing.py)
    scale     [--chunks N ...] [--server] [--save]            the index at growing sizes (scale.py)
    finetune  [--rows N] [--epochs N] [--seeds N] [--curve]   against TRL's SFTTrainer (training.py)
    serve     [--rounds N] [--save]         an adapter merged, beside the weights, activated
                                            (serving.py)
    lab                                     milliseconds from a slider to its picture
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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.commands.bench import beir, chunking, judge, routing, scale, serving, training
from helpers.commands.bench import labs as bench_labs
from helpers.commands.bench.published import bench_published
from helpers.core.cases import Arm, Case, Passage
from helpers.core.records import DataError
from helpers.data.handbook import load_handbook, may_see
from helpers.data.questions import load_questions, pick
from helpers.data.tickets import load_tickets
from helpers.evaluation.evaluator import QUESTIONS, TICKETS, Task, evaluate
from helpers.evaluation.retrieval_metrics import evidence_recall
from helpers.models import generate, load, weights
from helpers.retrieval import embedding
from helpers.retrieval import rows as retrieval_rows
from helpers.retrieval.chunking import chunk_all
from helpers.systems import prompts as systems_prompts
from helpers.systems import questions as systems_questions
from helpers.systems.labelled import few_shot, task_prompt
from helpers.systems.prompts import TICKET_PROMPT

# two logits this close (fp32) may swap when the same sum is added up in another order; bfloat16
# rounds 256 times coarser
TIE = 1e-3
TIE_COARSE = 0.25
NEED_FOLDER = ("retrieval", "chunking", "judge", "router")


@dataclass(frozen=True)
class Work:
    """One kind of work: cases for `evaluate`, and the very prompts that its arm sends, for the
    plain loop."""

    name: str
    arm: Arm
    cases: Sequence[Case]
    task: Task
    prompts: Sequence[str]
    max_new_tokens: int


def evaluation_work(generator: load.Generator, n: int = 60) -> list[Work]:
    """What the notebooks evaluate, a third each: questions from memory, questions with a passage,
    tickets with eight examples."""
    documents, train = load_handbook(), load_tickets("train")
    questions = pick([c for c in load_questions("dev", documents) if c.gold.answers], 2 * n // 3)
    alone, shown, tickets = (
        questions[: n // 3],
        questions[n // 3 :],
        pick(load_tickets("dev"), n - 2 * (n // 3)),
    )
    perfect = systems_questions.evidence_contexts(shown, chunk_all(documents, 64, 16))
    room = systems_prompts.BASE.max_new_tokens
    return [
        Work(
            "questions, closed book",
            systems_questions.closed_book(generator),
            alone,
            QUESTIONS,
            [systems_prompts.question_prompt(generator, c.ask.input) for c in alone],
            room,
        ),
        Work(
            "questions, with a passage",
            systems_questions.oracle(generator, perfect),
            shown,
            QUESTIONS,
            [systems_prompts.question_prompt(generator, c.ask.input, perfect[c.id]) for c in shown],
            room,
        ),
        Work(
            "tickets, few-shot",
            few_shot(generator, TICKET_PROMPT, train[:8]),
            tickets,
            TICKETS,
            [task_prompt(generator, TICKET_PROMPT, c.ask.input, train[:8]) for c in tickets],
            TICKET_PROMPT.max_new_tokens,
        ),
    ]


def plain_loop(generator: load.Generator, work: Work) -> list[str]:
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


def timed(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    # a beginning read in an earlier round must not be a present to this one
    generate.read_once.cache_clear()
    started = time.perf_counter()
    answers = run()
    return time.perf_counter() - started, answers


def agreement(
    generator: load.Generator, work: Work, mine: Sequence[str], theirs: Sequence[str]
) -> dict[str, object]:
    """Are the answers the same? Where not: was it a tie, that is, were the two next tokens equally
    likely but for rounding?"""
    gaps = [
        first_gap(generator, p, a, b)
        for p, a, b in zip(work.prompts, mine, theirs, strict=True)
        if a != b
    ]
    limit = TIE if generator.dtype == "float32" else TIE_COARSE
    ties = [gap for gap in gaps if gap <= limit]
    return {
        "identical": len(mine) - len(gaps),
        "numerical_ties": len(ties),
        "different": len(gaps) - len(ties),
        "largest_gap": max(gaps, default=0.0),
    }


def first_gap(generator: load.Generator, prompt: str, mine: str, theirs: str) -> float:
    """The difference of the two logits at the first token in which two answers part, read from the
    prompt alone (batch of 1)."""
    import torch

    tokenizer = generator.tokenizer
    head, a, b = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, mine, theirs)
    )
    a, b = [*a, tokenizer.eos_token_id], [*b, tokenizer.eos_token_id]
    at = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)) - 1
    )
    with torch.inference_mode():
        logits = generator.model(
            input_ids=torch.tensor([head + a[:at]], device=generator.device), logits_to_keep=1
        ).logits[0, -1]
    return float((logits[a[at]] - logits[b[at]]).abs())


def bench_evaluate(rounds: int = 2, n: int = 60) -> dict[str, object]:
    """Questions per second of `evaluate` against a plain loop of pipeline calls: same weights,
    prompts, dtype and machine, greedy, in turn.

    `speedup` is the median over rounds of (seconds of the plain loop / seconds of ours), all n
    prompts together.
    """
    generator = load.load_generator()
    works = evaluation_work(generator, n)
    # every prompt read in full, to see what reading a shared beginning once is worth
    unshared = evaluation_work(replace(generator, shared_tokens=sys.maxsize), n)
    # once unmeasured, a few prompts: the first calls of a process are slow for both
    for work in works:
        list(generate.complete(generator, work.prompts[:2], 4))
    spent: dict[str, dict[str, list[float]]] = {
        way: {work.name: [] for work in works} for way in ("ours", "unshared", "plain")
    }
    same = {"identical": 0, "numerical_ties": 0, "different": 0, "largest_gap": 0.0}
    for round_ in range(rounds):
        for work, in_full in zip(works, unshared, strict=True):
            seconds, mine = timed(lambda work=work: ours(work))
            spent["ours"][work.name].append(seconds)
            spent["unshared"][work.name].append(timed(lambda work=in_full: ours(work))[0])
            seconds, theirs = timed(lambda work=work: plain_loop(generator, work))
            spent["plain"][work.name].append(seconds)
            if round_ == 0:
                found = agreement(generator, work, mine, theirs)
                same = {
                    key: (
                        max(same[key], found[key])
                        if key == "largest_gap"
                        else same[key] + found[key]
                    )
                    for key in same
                }
    total = {
        way: [sum(seconds[i] for seconds in by_kind.values()) for i in range(rounds)]
        for way, by_kind in spent.items()
    }

    def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
        return round(statistics.median(a / b for a, b in zip(slow, fast, strict=True)), 2)

    return {
        "bench": "evaluate",
        "speedup": ratio(total["plain"], total["ours"]),
        "speedup_by_round": [
            round(a / b, 2) for a, b in zip(total["plain"], total["ours"], strict=True)
        ],
        "speedup_by_kind": {
            work.name: ratio(spent["plain"][work.name], spent["ours"][work.name]) for work in works
        },
        "made_by": {
            "batches of similar length": ratio(total["plain"], total["unshared"]),
            "a shared beginning read once": ratio(total["unshared"], total["ours"]),
        },
        "questions_per_second": {
            "ours": round(n / statistics.median(total["ours"]), 2),
            "plain_loop": round(n / statistics.median(total["plain"]), 2),
        },
        "answers": {"prompts": n, **same},
        "rounds": rounds,
        "model": generator.name,
        "dtype": generator.dtype,
        "device": generator.device,
        "threads": load.set_threads(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "date": dt.date.today().isoformat(),
    }


def bench_embed(rounds: int = 2, every: int = 1) -> dict[str, object]:
    """Texts per second of our embedding against plain fp32 `SentenceTransformer.encode`, on the
    handbook's chunks; and does the search find as much?

    `speedup` is the median over rounds of (texts per second of ours / of plain encode(list)). The
    loop of one text a call, slower still, is timed on every tenth chunk. every: take only each such
    chunk at all, for a quick look.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    documents = load_handbook()
    chunks = chunk_all(documents)[::every]
    texts = [retrieval_rows.embedded_text(chunk) for chunk in chunks]
    load.load_embedder()
    plain = SentenceTransformer(
        str(weights.prepare(weights.MINILM)),
        device=load.pick_device(),
        model_kwargs={"use_safetensors": True, "dtype": torch.float32},
    )
    ways: dict[str, tuple[Callable[[Sequence[str]], np.ndarray], list[str]]] = {
        "ours": (embedding.embed, texts),
        "plain_list": (lambda some: plain.encode(list(some), normalize_embeddings=True), texts),
        "plain_one_by_one": (
            lambda some: np.stack([plain.encode(text, normalize_embeddings=True) for text in some]),
            texts[::10],
        ),
    }
    speed: dict[str, list[float]] = {way: [] for way in ways}
    vectors = {}
    for embed, _ in ways.values():
        embed(texts[:8])  # the first calls of a process are slow for all
    for _ in range(rounds):
        for way, (embed, some) in ways.items():
            started = time.perf_counter()
            vectors[way] = embed(some)
            speed[way].append(len(some) / (time.perf_counter() - started))
    cases = [case for case in load_questions("dev", documents) if case.gold.evidence]

    def recall(way: str) -> float:
        questions, found = ways[way][0]([case.ask.input for case in cases]), []
        for case, vector in zip(cases, questions, strict=True):
            allowed = {
                document.id for document in may_see(documents, case.ask.groups, case.ask.as_of)
            }
            rows = [
                i
                for i in np.argsort(-(vectors[way] @ vector), kind="stable")
                if chunks[i].document.id in allowed
            ][:3]
            seen = [
                Passage(chunks[i].document.id, "", chunks[i].start, chunks[i].end, chunks[i].text)
                for i in rows
            ]
            found.append(evidence_recall(case.gold.evidence, seen))
        return round(statistics.fmean(found), 4)

    def faster(than: str) -> float:
        return round(
            statistics.median(a / b for a, b in zip(speed["ours"], speed[than], strict=True)), 2
        )

    no_bfloat16 = load.pick_dtype(load.pick_device()) == torch.float32
    return {
        "bench": "embed",
        "speedup": faster("plain_list"),
        "speedup_over_one_by_one": faster("plain_one_by_one"),
        "speedup_by_round": [
            round(a / b, 2) for a, b in zip(speed["ours"], speed["plain_list"], strict=True)
        ],
        "texts_per_second": {
            way: round(statistics.median(found), 1) for way, found in speed.items()
        },
        "recall_at_3": {way: recall(way) for way in ("ours", "plain_list")},
        "n_texts": len(texts),
        "n_questions": len(cases),
        "rounds": rounds,
        "note": (
            "no bfloat16 on this device: both sides compute in float32, so this is not the speed-up"
            " promised for machines that have it"
            if no_bfloat16
            else ""
        ),
        **beir.provenance(),
    }


def shown(found: dict[str, object]) -> str:
    """The result for people: what counts first, in lines."""
    if found["bench"] == "evaluate":
        first = (
            f"{found['speedup']} times the questions per second of a plain loop"
            f" ({found['questions_per_second']})"
        )
        return (
            f"{first}\nby kind: {found['speedup_by_kind']}\nmade by: {found['made_by']}\nanswers:"
            f" {found['answers']}"
        )
    if found["bench"] == "router":
        return routing.shown(found)
    if "published" in found:
        score = next(name for name in ("spearman", "accuracy") if name in found)
        more = {key: found[key] for key in found if key.startswith("accuracy_")}
        return (
            f"{found['set']}: {score} {found[score]} on {found['n']}, published"
            f" {found['published']}\n{more or ''}".rstrip()
        )
    if found["bench"] == "embed":
        first = (
            f"{found['speedup']} times the texts per second of plain encode(list)"
            f" ({found['texts_per_second']})"
        )
        return f"{first}\nrecall@3: {found['recall_at_3']}\n{found['note']}".rstrip()
    if found["bench"] == "lab":
        labs = {
            "chunking": found,
            "training size": found["training"],
            "canary": found["canary"],
        }
        return "\n".join(
            f"{name} lab, a slider to its picture: median {f['median_ms']} ms, 95 % within"
            f" {f['p95_ms']} ms ({f['moves']} moves)"
            for name, f in labs.items()
        )
    if found["bench"] == "judge":
        return judge.shown(found)
    if found["bench"] == "retrieval":
        rows, first = (
            {name: found[name] for name in ("dense", "bm25", "hybrid", "exact")},
            f"{found['n_queries']} queries, {found['n_passages']} passages",
        )
    else:
        rows, first = (
            found["chunkers"],
            (
                f"{found['n_questions']} questions, {found['retriever']}, top {found['top_k']},"
                f" sizes in {found['sizes_in']}"
            ),
        )
    return f"{found['set']}: {first}\n{pd.DataFrame(rows).T.to_string(na_rep='-')}"


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["scale"]:  # it has options of its own
        return scale.main(argv[1:])
    if argv[:1] == ["finetune"]:
        return training.main(argv[1:])
    if argv[:1] == ["serve"]:
        return serving.main(argv[1:])
    parser = argparse.ArgumentParser(
        prog="helpers.commands.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", choices=["evaluate", "embed", "retrieval", "chunking", "judge", "router", "lab"]
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="retrieval, chunking, judge and router: the folder with the set; embed: sts-test.csv,"
        " or the folder of Banking77",
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--limit-queries", type=int, metavar="N", help="retrieval: only the first N judged queries"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    options = parser.parse_args(argv)
    needed = options.what in NEED_FOLDER
    if (options.folder is not None) != needed and not (options.folder and options.what == "embed"):
        parser.error(f"{', '.join(NEED_FOLDER)} need a folder; evaluate and lab take none")
    try:
        # whatever is said on the way: stdout belongs to the result
        with contextlib.redirect_stdout(sys.stderr):
            found = {
                "evaluate": lambda: bench_evaluate(options.rounds),
                "embed": lambda: (
                    bench_published(options.folder)
                    if options.folder
                    else bench_embed(options.rounds)
                ),
                "retrieval": lambda: beir.bench_retrieval(options.folder, options.limit_queries),
                "chunking": lambda: chunking.bench_chunking(options.folder),
                "judge": lambda: judge.bench_judge(options.folder),
                "router": lambda: routing.bench_router(options.folder),
                "lab": bench_labs.bench_lab,
            }[options.what]()
    except DataError as error:
        print(f"workbook: {error}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0
