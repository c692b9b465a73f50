"""Which way of asking the same small model reads best? `python labs_data/build/asking.py` (hours
on one core for all ways and cases, not timed as a whole; every answer is cached, so it resumes
where it stopped).

    labs_data/reference/asking.json    one row per way, with provenance: `right` and `refused` hold
                                       one 0 or 1 per case of `ids`; tokens and seconds an answer

Ways of asking are measured on dev, on the base model and the kept reader, greedy or by spans; `n`
says how many cases were answered. Seconds are those of one processor core, whatever else the
machine does, so they are about what an idle machine would take with one thread. What
the spans' weights are chosen on also judges them, so each such row has a second figure:
`right_across`, each half of the facts judged with the weights that the other half chose.

    --only TEXT     ways whose name holds this text
    --cases N       of each way the first N cases (in an order drawn once), then the table
    --minutes N     answer no further case after so many minutes
    --table         only judge what is there
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from helpers.core import fingerprint, settings
from helpers.core.cases import Case, Passage, Prediction
from helpers.core.files import write_measured
from helpers.data.askers import load_askers
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.bits import to_bits
from helpers.evaluation.evaluator import QUESTIONS, wilson
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.evaluation.scores import answer_correct
from helpers.models import load
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.reranked import asked_key, question_likelihood, reordered
from helpers.retrieval.sentence_search import SentenceSearch
from helpers.retrieval.sentences import header_line
from helpers.systems.asking import Choice, SpanRead, asked_by, read_spans, windows_of
from helpers.systems.prompts import ASKED_TWICE, BASE, QUOTED, REFUSAL, WHO_ASKS, PromptStyle
from helpers.systems.questions import (
    answer_questions,
    evidence_chunks,
    evidence_contexts,
    quotes_alone,
)
from helpers.systems.tuned_search import (
    CUT,
    WEIGHTS,
    WINDOW_TOKENS,
    right_windows,
    sentence_windows,
)
from helpers.training import adapters

REFERENCE = settings.DATA / "reference" / "asking.json"
CODE = ("evaluation", "models", "retrieval", "systems")
COURSE = {"strategy": "tokens", "chunk_size": 64, "overlap": 16}  # what notebook 02 builds
TOP_K = 8  # so many windows, each read alone
LONG_WINDOW = 160
# of the model's own opinion, how probable a window makes the question, when they are put in order
LIKELIHOOD_WEIGHT = 0.5
GROUP = 8  # cases that are answered together, so that little is lost when a run is stopped
Contexts = Mapping[str, tuple[Passage, ...]]


class Way(NamedTuple):
    """One row of the table. shows: the name of the passages (a method of `Shown`). model: "base",
    the kept "reader" of several passages, or the
    "window reader" of notebook 08, which is trained to read one passage at a time."""

    name: str
    model: str
    shows: str
    style: PromptStyle
    spans: bool = False


WAYS = [
    # as it was
    Way("base prompt", "base", "oracle_chunk", BASE),
    Way("base prompt", "reader", "oracle_chunk", BASE),
    # the same passage, asked otherwise
    Way("question first and last", "base", "oracle_chunk", ASKED_TWICE),
    Way(
        "question first and last, headers",
        "base",
        "oracle_headed",
        replace(ASKED_TWICE, between="\n"),
    ),
    Way("base prompt", "base", "oracle_window", BASE),
    Way("who asks", "base", "oracle_window", WHO_ASKS),
    Way("quotes", "base", "oracle_window", QUOTED),
    Way("base prompt", "reader", "oracle_window", BASE),
    Way("who asks", "window reader", "oracle_window", WHO_ASKS),
    # one window, the first that the search returns: what is read is little and near the evidence
    Way("who asks", "window reader", "first_window", WHO_ASKS),
    Way("spans", "window reader", "first_window", WHO_ASKS, spans=True),
    Way("who asks", "base", "first_window", WHO_ASKS),
    Way("base prompt", "base", "first_window", BASE),
    Way("spans", "base", "first_window", WHO_ASKS, spans=True),
    Way("who asks", "reader", "first_window", WHO_ASKS),
    Way("who asks", "window reader", "first_by_likelihood", WHO_ASKS),
    Way("who asks", "window reader", "first_long_window", WHO_ASKS),
    # three in one prompt
    Way("who asks", "base", "three_windows", WHO_ASKS),
    Way("who asks", "window reader", "three_windows", WHO_ASKS),
    # the same where the search found nothing but the whole chunks that hold the evidence
    Way("who asks", "window reader", "oracle_first", WHO_ASKS),
    Way("spans", "window reader", "oracle_first", WHO_ASKS, spans=True),
    Way("who asks", "base", "oracle_first", WHO_ASKS),
    # eight windows, each read alone; the answer is chosen
    Way("spans", "window reader", "search_windows", WHO_ASKS, spans=True),
    # the evidence alone
    Way("who asks", "window reader", "exact_sentence", WHO_ASKS),
    Way("who asks", "base", "exact_sentence", WHO_ASKS),
    # the whole chunks of the index in use that hold the evidence, in one prompt
    Way("base prompt", "base", "whole_chunks", BASE),
    Way("base prompt", "reader", "whole_chunks", BASE),
    Way("who asks", "base", "whole_chunks", WHO_ASKS),
    Way("who asks", "window reader", "whole_chunks", WHO_ASKS),
    Way("who asks", "window reader", "oracle_long", WHO_ASKS),
]


class Lazily(Mapping):
    """Contexts that are made when they are first asked for."""

    def __init__(self, cases: Mapping[str, Case], make: Callable[[Case], tuple[Passage, ...]]):
        self.cases, self.make = cases, functools.cache(make)

    def __getitem__(self, id: str) -> tuple[Passage, ...]:
        return self.make(self.cases[id])

    def __iter__(self):
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


class Firsts(Mapping):
    """The first few passages of every case."""

    def __init__(self, of: Contexts, n: int):
        self.of, self.n = of, n

    def __getitem__(self, id: str) -> tuple[Passage, ...]:
        return self.of[id][: self.n]

    def __iter__(self):
        return iter(self.of)

    def __len__(self) -> int:
        return len(self.of)


class Shown:
    """The passages that a way shows: case id -> passages."""

    def __init__(self, cases: Sequence[Case], base: load.Generator | None = None):
        self.documents = load_handbook()
        self.cases, self.base = cases, base
        self.askers = load_askers("dev")

    @functools.cached_property
    def oracle_chunk(self) -> Contexts:
        """The chunk of 64 tokens that holds most of the evidence, made whole: oracle as it was."""
        return dict(evidence_contexts(self.cases, chunk_all(self.documents, 64, 16, "tokens")))

    @functools.cached_property
    def oracle_headed(self) -> Contexts:
        by_id = {d.id: d for d in self.documents}
        return {
            id: tuple(replace(p, title=header_line(by_id[p.doc], p.start)) for p in passages)
            for id, passages in self.oracle_chunk.items()
        }

    @functools.cached_property
    def oracle_window(self) -> Contexts:
        """What the search would show if it were perfect: the windows around the evidence."""
        return dict(right_windows(self.cases, self.documents))

    @functools.cached_property
    def whole_chunks(self) -> Contexts:
        """The whole chunks of the long index that hold the evidence, in the order of the quotes."""
        return dict(evidence_chunks(self.cases, chunk_all(self.documents, **CUT)))

    @functools.cached_property
    def exact_sentence(self) -> Contexts:
        return dict(quotes_alone(self.cases, self.documents))

    @functools.cached_property
    def search(self) -> SentenceSearch:
        """Chunks and sentences by the tuned embedder, words by their stems."""
        return sentence_windows(self.documents, self.askers)

    @functools.cached_property
    def search_windows(self) -> Contexts:
        """The windows around the best sentences of the best chunks, in the order of the search."""
        return self.found(TOP_K)

    @functools.cached_property
    def first_window(self) -> Contexts:
        return self.found(1)

    @functools.cached_property
    def three_windows(self) -> Contexts:
        """In one prompt, as RAG usually shows them."""
        return self.found(3)

    @functools.cached_property
    def first_long_window(self) -> Contexts:
        return self.found(1, window_tokens=LONG_WINDOW)

    @functools.cached_property
    def first_by_likelihood(self) -> Contexts:
        """The first of eight after the base model has put them in order by how probable each makes
        the question."""
        return Firsts(self.in_order(self.search_windows), 1)

    @functools.cached_property
    def oracle_first(self) -> Contexts:
        return Firsts(self.oracle_windows, 1)

    @functools.cached_property
    def oracle_long(self) -> Contexts:
        """The first window of the chunks with the evidence, twice as long."""
        search = replace(self.search, window_tokens=LONG_WINDOW)
        return Firsts(windows_of(search, self.cases, self.whole_chunks), 1)

    def found(self, top_k: int, **how) -> Contexts:
        asks = [case.ask for case in self.cases]
        found = replace(self.search, **how).search_all(asks, top_k)
        return {ask.id: tuple(one) for ask, one in zip(asks, found, strict=True)}

    @functools.cached_property
    def oracle_windows(self) -> Contexts:
        """What the search would show if it found nothing but the chunks that hold the evidence."""
        return windows_of(self.search, self.cases, self.whole_chunks)

    def in_order(self, contexts: Mapping[str, Sequence[Passage]]) -> Contexts:
        """Each case's windows reordered by the base model's own opinion, which is cached."""
        file = settings.cache_folder("labs") / "question_likelihood.jsonl"
        lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
        said = dict(map(json.loads, lines))
        fresh = question_likelihood(self.base)

        def score(question: str, texts: Sequence[str]) -> Sequence[float]:
            if (key := asked_key(question, texts)) not in said:
                said[key] = [round(one, 4) for one in fresh(question, texts)]
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps([key, said[key]]) + "\n")
            return said[key]

        def ordered(case: Case) -> tuple[Passage, ...]:
            return tuple(reordered(case.ask.input, contexts[case.id], score, LIKELIHOOD_WEIGHT))

        return Lazily({case.id: case for case in self.cases if case.id in contexts}, ordered)

    def asked_by(self, case: Case) -> str:
        return asked_by(self.askers[case.id], case.ask)


class Cached:
    """What a model said or thought of each case, one line of JSON each; a killed run goes on."""

    def __init__(self, way: Way, model: load.Generator, passages: Contexts):
        self.way, self.model, self.passages = way, model, passages
        named = repr((way.style, way.spans, way.shows, model.fingerprint))
        name = hashlib.sha256(named.encode()).hexdigest()[:16]
        self.file = settings.cache_folder("labs") / f"asking-{name}.jsonl"
        self.rows: dict[str, dict[str, Any]] = {}
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").split("\n")[:-1]:
                row = json.loads(line)
                self.rows[row["id"]] = row

    def key(self, case: Case) -> str:
        shown = repr((case.id, case.ask.input, self.passages.get(case.id, ())))
        return hashlib.sha256(shown.encode()).hexdigest()[:24]

    def missing(self, cases: Sequence[Case]) -> list[Case]:
        """Cases that were never asked, or with other passages."""
        return [
            case
            for case in cases
            if case.id not in self.rows or self.rows[case.id]["key"] != self.key(case)
        ]

    def add(self, case: Case, row: dict[str, Any]) -> None:
        row = {"key": self.key(case), "id": case.id, **row}
        self.rows[case.id] = row
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def of(self, case: Case) -> dict[str, Any]:
        return self.rows[case.id]


def write_answers(cached: Cached, shown: Shown, cases: Sequence[Case]) -> None:
    """Greedy answers of a few cases."""
    by_id, started = {case.id: case for case in cases}, time.process_time()
    said = [
        *answer_questions(
            cached.model,
            [case.ask for case in cases],
            [cached.passages.get(case.id, ()) for case in cases],
            cached.way.style,
            {case.id: shown.asked_by(case) for case in cases},
        )
    ]
    seconds = (time.process_time() - started) / len(cases)
    for one in said:
        row = {"text": one.text, "tokens_in": one.tokens_in, "tokens_out": one.tokens_out}
        cached.add(by_id[one.id], row | {"seconds": seconds})


def weigh_spans(cached: Cached, shown: Shown, cases: Sequence[Case]) -> None:
    """The probabilities of all candidates of a few cases."""
    for case in cases:
        started = time.process_time()
        passages = cached.passages.get(case.id, ())
        spans, tokens, _ = read_spans(
            cached.model, case.ask, passages, cached.way.style, shown.asked_by(case)
        )
        seconds = time.process_time() - started
        row = {"spans": [[*asdict(one).values()] for one in spans]}
        cached.add(case, row | {"tokens_in": tokens, "tokens_out": 0, "seconds": seconds})


# --- judging --------------------------------------------------------------------------------------

GRID = [
    Choice(alone, refusal, search)
    for alone in (0.0, 0.25, 0.5, 0.75, 1.0)
    for refusal in (0.0, 0.25, 0.5, 1.0)
    for search in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
]


def spans_of(row: dict[str, Any]) -> list[SpanRead]:
    return [SpanRead(*one) for one in row["spans"]]


def right_by(how: Choice, cases: Sequence[Case], read: dict[str, list[SpanRead]]) -> list[bool]:
    """Is each case right? Without a threshold: the ones that must be refused are wrong."""
    said = [how.best(read[case.id]) for case in cases]
    return [
        one is not None and answer_correct(one.text, case.gold.answers) and bool(case.gold.answers)
        for one, case in zip(said, cases, strict=True)
    ]


def best_choice(cases: Sequence[Case], read: dict[str, list[SpanRead]]) -> Choice:
    """The weights that answer most of the answerable cases; of equals the first."""
    asked = [case for case in cases if case.gold.answers]
    return max(GRID, key=lambda how: sum(right_by(how, asked, read)))


def halves(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Two halves of the facts: paraphrases of one question stay together."""
    facts = sorted({case.fact for case in cases})
    random.Random(0).shuffle(facts)
    first = set(facts[: len(facts) // 2])
    return [c for c in cases if c.fact in first], [c for c in cases if c.fact not in first]


def refusal_curve(
    how: Choice, cases: Sequence[Case], read: dict[str, list[SpanRead]]
) -> list[dict[str, float]]:
    """Over the threshold: share rightly refused (of what must be) against share wrongly refused (of
    what could be answered), and right of all answerable."""
    best = {case.id: how.best(read[case.id]) for case in cases}
    value = {id: how.value(one) if one else float("-inf") for id, one in best.items()}
    answerable = [case for case in cases if case.gold.answers]
    others = [case for case in cases if not case.gold.answers]
    right = dict(zip((c.id for c in answerable), right_by(how, answerable, read), strict=True))
    finite = sorted(v for v in value.values() if v > float("-inf"))
    curve = []
    for cut in [float("-inf"), *finite[:: max(1, len(finite) // 24)]]:
        kept = [case for case in answerable if value[case.id] >= cut]
        refused = sum(value[case.id] < cut for case in others)
        curve.append(
            {
                "threshold": round(cut, 3) if cut > float("-inf") else None,
                "rightly_refused": round(refused / len(others), 3) if others else None,
                "wrongly_refused": round(1 - len(kept) / len(answerable), 3),
                "right": round(sum(right[case.id] for case in kept) / len(answerable), 3),
            }
        )
    return curve


def judged(way: Way, cached: Cached, cases: Sequence[Case]) -> dict[str, Any]:
    """The row of one way, from what is cached."""
    answerable = [case for case in cases if case.gold.answers]
    others = [case for case in cases if not case.gold.answers]
    rows = {case.id: cached.of(case) for case in cases}
    more: dict[str, Any] = {}
    if way.spans:
        read = {id: spans_of(row) for id, row in rows.items()}
        how = best_choice(cases, read)
        right = right_by(how, answerable, read)
        across = [
            flag
            for mine, other in (halves(answerable), halves(answerable)[::-1])
            for flag in right_by(best_choice(other, read), mine, read)
        ]
        reachable = [
            any(answer_correct(one.text, case.gold.answers) for one in read[case.id])
            for case in answerable
        ]
        chosen = {key: getattr(how, key) for key in ("alone", "refusal", "search")}
        more = {
            "chosen": chosen,
            "right_across": round(sum(across) / len(across), 3),
            "candidates_hold_it": round(sum(reachable) / len(reachable), 3),
            "candidates": round(sum(map(len, read.values())) / len(read), 1),
            "curve": refusal_curve(how, cases, read) if others else None,
        }
        refused = [False] * len(answerable)
        refused_others = [False] * len(others)
    else:

        def judge(case: Case, score: Callable) -> Any:
            return score(Prediction(case.id, rows[case.id]["text"]), case.gold)

        right = [judge(case, QUESTIONS.correct) for case in answerable]
        refused = [judge(case, QUESTIONS.scores)["abstained"] for case in answerable]
        refused_others = [judge(case, QUESTIONS.scores)["abstained"] for case in others]
    low, high = wilson(sum(right), len(right))
    seen = [evidence_found(c.gold.evidence, cached.passages.get(c.id, ())) for c in answerable]
    mean = {
        key: round(sum(row[key] for row in rows.values()) / len(rows), 2)
        for key in ("tokens_in", "tokens_out", "seconds")
    }
    return {
        "way": way.name,
        "model": way.model,
        "shows": way.shows,
        "n": len(answerable),
        "share": round(sum(right) / len(right), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "evidence_shown": round(sum(seen) / len(seen), 3),
        "wrongly_refused": round(sum(refused) / len(refused), 3),
        "must_refuse": len(others),
        "rightly_refused": round(sum(refused_others) / len(others), 3) if others else None,
        **mean,
        **more,
        "right": to_bits(right),
        "ids": [case.id for case in answerable],
    }


def line(row: dict[str, Any]) -> str:
    rightly = row["rightly_refused"]
    across = f" (across {row['right_across']:.2f})" if "right_across" in row else ""
    return (
        f"| {row['way']} | {row['model']} | {row['shows']} | {row['n']} |"
        f" {row['evidence_shown']:.2f} |"
        f" {row['share']:.2f} ({row['low']:.2f} to {row['high']:.2f}){across} |"
        f" {row['wrongly_refused']:.2f} | {'–' if rightly is None else f'{rightly:.2f}'} |"
        f" {row['tokens_in']:.0f} | {row['seconds']:.2f} |"
    )


HEAD = (
    "| way | model | shows | n | evidence shown | right (95 % CI) | wrongly refused |"
    f" rightly refused | tokens in | seconds |\n|{' --- |' * 10}"
)


def cases_of(way: Way, cases: Sequence[Case]) -> list[Case]:
    """All cases, with the oracle only those that have evidence; in an order drawn once, so that the
    first n are a sample."""
    searched = way.shows.startswith(("first", "three", "search"))
    mine = [c for c in cases if c.gold.answers or searched]
    return sorted(mine, key=lambda case: hashlib.sha256(case.id.encode()).hexdigest())


def answer_missing(way: Way, cached: Cached, shown: Shown, cases: Sequence[Case], until: float):
    """Answer what is not cached yet, a few cases at a time, until this moment (monotonic)."""
    make, left = weigh_spans if way.spans else write_answers, cached.missing(cases)
    for at in range(0, len(left), GROUP):
        if time.monotonic() > until:
            return
        make(cached, shown, left[at : at + GROUP])


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    cases = load_questions("dev", load_handbook())
    base = load.load_generator()
    shown = Shown(cases, base)
    models = {
        "base": base,
        "reader": adapters.with_adapter(base, adapters.reference_adapter("reader", base)),
        "window reader": adapters.with_adapter(
            base, adapters.reference_adapter("window_reader", base)
        ),
    }
    rows = []
    print(HEAD, flush=True)
    for way in WAYS:
        cached = Cached(way, models[way.model], getattr(shown, way.shows))
        mine = cases_of(way, cases)
        if not options.table and options.only in f"{way.name}, {way.model}, {way.shows}":
            answer_missing(way, cached, shown, mine[: options.cases], until)
        known, late = ({c.id for c in some} for some in (mine, cached.missing(mine)))
        if done := [case for case in cases if case.id in known - late]:
            rows.append(judged(way, cached, done))
            print(line(rows[-1]), flush=True)
    head = {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/asking.py", CODE),
            "generator": base.fingerprint,
            "threads": load.set_threads(),
            "questions_sha256": hashlib.sha256(
                (settings.DATA / "questions" / "dev.jsonl").read_bytes()
            ).hexdigest(),
        },
        "refusal": REFUSAL,
        "window_tokens": WINDOW_TOKENS,
        "search": {**CUT, **WEIGHTS, "likelihood_weight": LIKELIHOOD_WEIGHT},
        "top_k": TOP_K,
    }
    write_measured(REFERENCE, head, rows=rows)


if __name__ == "__main__":
    main()
