"""Which system is right how often? One function for every arm and every task, so that results can
be compared.

`evaluate` shows an arm the asks, never the gold; judges every prediction with the task's own
`correct`; and returns one row a case.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from helpers.core.cases import Arm, Case, Gold, Prediction
from helpers.data.tickets import FIELDS, label_values
from helpers.evaluation import runs, scores
from helpers.evaluation import text as evaluation_text


@dataclass(frozen=True)
class Task:
    """What right means: `correct` is the one Boolean behind every headline; `scores` tells more
    about each answer."""

    name: str
    correct: Callable[[Prediction, Gold], bool]
    scores: Callable[[Prediction, Gold], dict[str, object]]


def questions_task(also: Sequence[str] = (), decimal: str = ".") -> Task:
    """Questions judged with further wordings that refuse, and with what parts decimals (see
    `answer_correct`); tells near misses besides."""

    def told(p: Prediction, gold: Gold) -> dict[str, object]:
        near = p.error is None and scores.near_miss(p.text, gold.answers, also, decimal)
        return scores.question_scores(p, gold, also) | {"near_miss": near}

    return Task("questions", lambda p, gold: scores.question_correct(p, gold, also, decimal), told)


QUESTIONS = Task("questions", scores.question_correct, scores.question_scores)
TICKETS = Task("tickets", scores.ticket_correct, scores.ticket_scores)


def evaluate(
    arm: Arm, cases: Sequence[Case], task: Task, keep: bool = True, live: bool = False
) -> pd.DataFrame:
    """Run an arm on the cases and judge it: a table with one row a case, in the order of the cases.

    keep: predictions are cached batch by batch and read from there next time, see `runs`; judging
    is always done again. live: answer here what comes answered with the workbook, too (as without
    `keep`). `table.attrs` says where the numbers come from. Raises ValueError without cases, when
    two share an id, and when the arm answers an ask twice or one that was not asked.
    """
    if not cases:
        raise ValueError(
            f"there are no cases to ask '{arm.name}'; look at the list of cases, and at what it was"
            " filtered by"
        )
    # the arm sees the asks alone: the gold stays here
    asks = [case.ask for case in cases]
    predictions = runs.run(arm, asks, keep, live)
    # each prediction meets its gold: one Boolean for the headline, the task's scores, the costs
    rows = []
    for case in cases:
        p = predictions[case.id]
        rows.append(
            {
                "arm": arm.name,
                "id": case.id,
                "kind": case.kind,
                "fact": case.fact,
                "right": task.correct(p, case.gold),
            }
            | task.scores(p, case.gold)
            | {
                "input": case.ask.input,
                "answer": p.text,
                "gold": _gold_text(case.gold),
                "cited": p.cited,
                "context": p.context,
            }
            | {
                "tokens_in": p.tokens_in,
                "tokens_out": p.tokens_out,
                "seconds": p.seconds,
                "error": p.error,
            }
        )
    # where the numbers come from travels with the table
    table = pd.DataFrame(rows)
    splits = sorted({case.split for case in cases})
    table.attrs = {
        "arm": arm.name,
        "task": task.name,
        "fingerprint": runs.fingerprint_of(arm),
        "asks": runs.data_hash(asks),
        "split": "+".join(splits),
        "n": len(cases),
    }
    return table


def _gold_text(gold: Gold) -> str:
    if gold.output is not None:
        return json.dumps(gold.output)
    return " / ".join(gold.answers) or "(must be refused)"


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Between which proportions does the truth plausibly lie? 95 % Wilson score interval; (0, 1)
    for n = 0."""
    from scipy.stats import binomtest

    # nothing seen: anything is possible
    if n == 0:
        return (0.0, 1.0)
    # all shares that this count would not reject; unlike share ± 1.96 s it stays within 0..1 and
    # does not vanish at 0 of n (Wilson 1927)
    found = binomtest(int(successes), int(n)).proportion_ci(0.95, method="wilson")
    return (float(found.low), float(found.high))


def share(table: pd.DataFrame, column: str = "right") -> dict[str, float]:
    """The share of True in a column: value, its 95 % interval low..high, and n (rows where the
    column says nothing are left out)."""
    known = table[column].dropna()
    low, high = wilson(known.sum(), len(known))
    return {
        "share": known.mean() if len(known) else float("nan"),
        "low": low,
        "high": high,
        "n": len(known),
    }


def _named(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
) -> list[tuple[str, pd.DataFrame]]:
    return (
        list(tables.items())
        if isinstance(tables, Mapping)
        else [(t["arm"].iloc[0] if len(t) else "(no rows)", t) for t in tables]
    )


def _lines(rows: list[dict], named: list[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """One line a table; two of one name (the seeds of an arm) stay two lines."""
    return pd.DataFrame(rows, index=pd.Index([name for name, _ in named], name="arm"))


def summary(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame], column: str = "right"
) -> pd.DataFrame:
    """One line an arm: share right with its interval and n, errors and abstentions, and what an
    answer costs in tokens and seconds."""
    named = _named(tables)
    rows = [
        share(table, column)
        | {"errors": int(table["error"].notna().sum())}
        | ({"abstained": int(table["abstained"].sum())} if "abstained" in table else {})
        | {
            "tokens_in": table["tokens_in"].mean(),
            "tokens_out": table["tokens_out"].mean(),
            "seconds": table["seconds"].mean(),
        }
        for _, table in named
    ]
    return _lines(rows, named)


def ticket_summary(tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One line an arm: form, then judgement. The form columns are a manipulation check: they show
    that a method did what it was meant to do (constrained decoding is valid by construction), not
    that it is any good. Judged are the fields, and all four at once.
    """
    named, rows = _named(tables), []
    for _, table in named:
        form = {
            ("form (manipulation check)", "valid JSON"): table["valid_json"].mean(),
            ("form (manipulation check)", "valid schema"): table["valid"].mean(),
        }
        fields = {("judgement", field): table[f"{field}_right"].mean() for field in FIELDS}
        rows.append(
            form
            | fields
            | {
                ("judgement", "mean field"): table["fields_right"].mean(),
                ("judgement", "all four"): table["right"].mean(),
                ("", "n"): len(table),
            }
        )
    found = _lines(rows, named)
    return found.set_axis(pd.MultiIndex.from_tuples(found.columns), axis=1)


def confusion(table: pd.DataFrame, field: str) -> pd.DataFrame:
    """What was said where something else was right? Rows: the right value of this ticket field;
    columns: what was said, or "invalid"."""
    if field not in FIELDS:
        raise ValueError(f"a ticket has no field '{field}'; it has {', '.join(FIELDS)}")
    values = [str(v) for v in label_values(field)]
    right = table["gold_fields"].map(lambda gold: str(gold[field]))
    said = table["said"].map(
        lambda fields: str(fields[field]) if isinstance(fields, dict) else "invalid"
    )
    return (
        pd.crosstab(right, said)
        .reindex(index=values, columns=[*values, "invalid"], fill_value=0)
        .rename_axis(index="right", columns="said")
    )


def consistency(table: pd.DataFrame) -> dict[str, float]:
    """Asked for the same fact in other words, does the system answer the same? Agreement over the
    paraphrases of each fact.

    Two answers agree when both are right, or when they are the same text after normalising.
    `agreement`: the share of pairs of paraphrases that agree, averaged over facts, with a 95 %
    interval resampled by fact; `facts`, `n`; `torn`: facts on which some paraphrases are right and
    others wrong; `always_right`: facts on which all are right. Raises ValueError when no fact has
    two.
    """
    from scipy.stats import bootstrap

    rates, torn, always = [], 0, 0
    for _, rows in table.groupby("fact"):
        answers = [
            (right, " ".join(evaluation_text.tokens(text)))
            for right, text in zip(rows["right"], rows["answer"], strict=True)
        ]
        if len(answers) > 1:
            pairs = list(itertools.combinations(answers, 2))
            rates.append(sum((a[0] and b[0]) or a[1] == b[1] for a, b in pairs) / len(pairs))
            torn += 0 < sum(right for right, _ in answers) < len(answers)
            always += all(right for right, _ in answers)
    if not rates:
        raise ValueError(
            "no fact in this table was asked in two paraphrases; take cases that share a fact"
        )
    value = statistics.fmean(rates)
    spread = len(set(rates)) > 1
    found = (
        bootstrap(
            (rates,), statistics.fmean, vectorized=False, rng=0, method="percentile"
        ).confidence_interval
        if spread
        else (value, value)
    )
    n = int(table.groupby("fact")["id"].transform("size").gt(1).sum())
    return {
        "agreement": value,
        "low": float(found[0]),
        "high": float(found[1]),
        "facts": len(rates),
        "n": n,
        "torn": torn,
        "always_right": always,
    }


def latency(arm: Arm, cases: Sequence[Case], n: int = 8) -> dict[str, float]:
    """How long does one user wait? Seconds per answer, one ask at a time (batch of 1), on the first
    n cases after one to warm up."""
    asks = [case.ask for case in cases[: n + 1]]
    if len(asks) < 2:
        raise ValueError("latency needs at least two cases: one to warm up, one to time")
    seconds = []
    for ask in asks:
        started = time.perf_counter()
        list(arm([ask]))
        seconds.append(time.perf_counter() - started)
    return {
        "median_seconds": statistics.median(seconds[1:]),
        "slowest_seconds": max(seconds[1:]),
        "n": len(seconds) - 1,
    }
