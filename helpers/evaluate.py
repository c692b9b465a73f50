"""Which system is right how often? One function for every arm and every task, so that results can be compared.

`evaluate` shows an arm the asks, never the gold; judges every prediction with the task's own `correct`; and returns one row a case.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import scores, settings
from helpers.cases import Arm, Case, Citation, Gold, Passage, Prediction


@dataclass(frozen=True)
class Task:
    """What right means: `correct` is the one Boolean behind every headline; `scores` tells more about each answer."""

    name: str
    correct: Callable[[Prediction, Gold], bool]
    scores: Callable[[Prediction, Gold], dict[str, object]]


QUESTIONS = Task("questions", scores.question_correct, scores.question_scores)
TICKETS = Task("tickets", scores.ticket_correct, scores.ticket_scores)


def evaluate(arm: Arm, cases: Sequence[Case], task: Task, keep: bool = True) -> pd.DataFrame:
    """Run an arm on the cases and judge it: a table with one row a case, in the order of the cases.

    keep: a finished run without errors is kept in the cache under the arm's fingerprint and the asks, and read from there next
    time; an arm without a fingerprint is always run. Judging is always done anew. Raises ValueError when the arm answers an ask twice or one that nobody asked.
    """
    predictions = _predictions(arm, cases, keep)
    rows = []
    for case in cases:
        p = predictions.get(case.id) or Prediction(case.id, "", error="the arm gave no prediction")
        rows.append(
            {"arm": arm.name, "id": case.id, "kind": case.kind, "fact": case.fact, "right": task.correct(p, case.gold)}
            | task.scores(p, case.gold)
            | {"input": case.ask.input, "answer": p.text, "gold": _gold_text(case.gold), "cited": p.cited, "context": p.context}
            | {"tokens_in": p.tokens_in, "tokens_out": p.tokens_out, "seconds": p.seconds, "error": p.error}
        )
    return pd.DataFrame(rows)


def _predictions(arm: Arm, cases: Sequence[Case], keep: bool) -> dict[str, Prediction]:
    """One prediction an ask, fresh or from the finished run in the cache."""
    asks = [case.ask for case in cases]
    keep = keep and arm.fingerprint is not None
    digest = hashlib.sha256(repr((arm.name, arm.fingerprint, asks)).encode()).hexdigest()[:16]
    file = settings.cache_folder("results") / f"{digest}.jsonl"
    if keep and file.exists():
        # Not splitlines(): an answer may hold U+2028 and the like, which JSON leaves as they are and splitlines() breaks at.
        lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return {p.id: p for p in map(_from_json, lines)}
    found: dict[str, Prediction] = {}
    asked = {ask.id for ask in asks}
    for prediction in arm(asks):
        if prediction.id not in asked or prediction.id in found:
            raise ValueError(f"arm '{arm.name}' answered {prediction.id}, which was {'answered already' if prediction.id in found else 'not asked'}")
        found[prediction.id] = prediction
    if keep and len(found) == len(asks) and not any(p.error for p in found.values()):
        _write_whole(file, "".join(json.dumps(dataclasses.asdict(p), ensure_ascii=False) + "\n" for p in found.values()))
    return found


def _write_whole(file: Path, text: str) -> None:
    """Write beside the place and move it there, so that a killed run leaves no half file that looks finished."""
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
    Path(aside).replace(file)


def _from_json(line: str) -> Prediction:
    fields = json.loads(line)
    context = tuple(Passage(**p) for p in fields.pop("context"))
    cited = tuple(Citation(**c) for c in fields.pop("cited"))
    return Prediction(**fields, context=context, cited=cited)


def _gold_text(gold: Gold) -> str:
    if gold.output is not None:
        return json.dumps(gold.output)
    return " / ".join(gold.answers) or "(must be refused)"


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Between which proportions does the truth plausibly lie? 95 % Wilson score interval; (0, 1) for n = 0."""
    from scipy.stats import binomtest

    if n == 0:
        return (0.0, 1.0)
    found = binomtest(int(successes), int(n)).proportion_ci(0.95, method="wilson")
    return (float(found.low), float(found.high))


def share(table: pd.DataFrame, column: str = "right") -> dict[str, float]:
    """The share of True in a column: value, its 95 % interval low..high, and n (rows where the column says nothing are left out)."""
    known = table[column].dropna()
    low, high = wilson(known.sum(), len(known))
    return {"share": known.mean() if len(known) else float("nan"), "low": low, "high": high, "n": len(known)}


def summary(tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame], column: str = "right") -> pd.DataFrame:
    """One line an arm: share right with its interval and n, errors, and what an answer costs in tokens and seconds."""
    named = tables.items() if isinstance(tables, Mapping) else [(t["arm"].iloc[0], t) for t in tables]
    rows = {
        name: share(table, column)
        | {"errors": int(table["error"].notna().sum()), "tokens_in": table["tokens_in"].mean(), "tokens_out": table["tokens_out"].mean()}
        | {"seconds": table["seconds"].mean()}
        for name, table in named
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")
