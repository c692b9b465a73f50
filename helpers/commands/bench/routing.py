"""Does the router's training work on a set that others made? For `workbook.py bench router`.

The set comes from Ray's guide to LLM applications (ray-project/llm-applications): questions, each
labelled with which of two language models should answer it, 0 or 1. Training, temperature and
threshold use the training file alone, a fifth of it as dev; the test file is opened once. What the
folder's README publishes about it is shown beside.
"""

from __future__ import annotations

import collections
import re
from pathlib import Path
from typing import Any

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Split
from helpers.core.records import DataError, Row, checked_rows
from helpers.data.labelled_rows import family, plain, split
from helpers.evaluation.evaluator import evaluate
from helpers.evaluation.routing import (
    calibration_error,
    equal_costs,
    routing_difference,
    routing_summary,
    routing_task,
)
from helpers.systems.baselines import majority_label, nearest_neighbour
from helpers.systems.router import router_arm, train_router

TRAIN, TEST = "routing-dataset-train.jsonl", "routing-dataset-test.jsonl"
FORM = f"a set is a folder with {TRAIN} and {TEST}, as Ray's routing data lie"
LABELS = ("0", "1")
MEASURES = ("accuracy", "macro-F1")


class RayRow(Row):
    """One line; the score is only in the test file."""

    question: str = Field(min_length=1)
    target: int = Field(ge=0, le=1)
    score: float | None = None


def read_set(path: Path, name: Split) -> list[Case]:
    """The questions of one file with their labels. Raises DataError."""
    where, faults = settings.shown(path), []
    if not path.is_file():
        raise DataError(f"{where}: not found; {FORM}")
    cases = [
        Case(
            Ask(f"{name}-{number:05d}", row.question),
            Gold((str(row.target),)),
            LABELS[row.target],
            family(row.question),
            name,
        )
        for number, row in checked_rows(where, path.read_bytes(), RayRow, faults)
    ]
    for fault in faults[:1]:
        raise DataError(f"{fault}; {FORM}")
    return cases


def apart(train: list[Case], test: list[Case]) -> tuple[list[Case], int]:
    """The training rows whose question is not in test (but for case and punctuation), one of each,
    and how many were left out."""
    seen, kept = {plain(case.ask.input) for case in test}, []
    for case in train:
        if (text := plain(case.ask.input)) not in seen:
            kept.append(case)
            seen.add(text)
    return kept, len(train) - len(kept)


def published(folder: Path) -> list[str]:
    """What the folder's README, if it has one, says with a figure about these data."""
    found = [path for path in folder.iterdir() if path.stem.lower() == "readme"]
    lines = found[0].read_text(encoding="utf-8", errors="replace").splitlines() if found else []
    return [line.strip() for line in lines if re.search(r"accura|F1|precision", line, re.I)]


def bench_router(folder: Path) -> dict[str, Any]:
    """Accuracy and macro-F1 of the router and of three baselines on the test file. Raises
    DataError."""
    test = read_set(folder / TEST, "test")
    every, left_out = apart(read_set(folder / TRAIN, "train"), test)
    fit, dev, rest = split(every, shares=(0.8, 0.2, 0.0))
    costs = equal_costs(LABELS)
    router = train_router(fit, [*dev, *rest], costs, labels=LABELS)
    task = routing_task(costs, LABELS)
    arms = [majority_label(fit), nearest_neighbour(fit), router_arm(router)]
    tables = {arm.name: evaluate(arm, test, task, keep=False) for arm in arms}
    summary = routing_summary(tables, costs, LABELS)
    sure = router.probabilities([case.ask.input for case in test])
    gain = routing_difference(tables["majority label"], tables["router"], "cost", costs, LABELS)
    said = [router.labels[at] for at in sure.argmax(axis=1)]
    hits = [one == case.gold.answers[0] for one, case in zip(said, test, strict=True)]
    return {
        "bench": "router",
        "set": folder.resolve().name,
        "n_train": len(fit),
        "n_dev": len(dev) + len(rest),
        "n_test": len(test),
        "left_out_of_train": left_out,
        "test_labels": dict(collections.Counter(case.gold.answers[0] for case in test)),
        "protocol": (
            "every confusion costs 1; body, temperature and threshold chosen on a fifth of train;"
            " 95 % intervals: bootstrap over questions"
        ),
        "tried": router.tried,
        "arms": {name: _figures(one) for name, one in summary.iterrows()},
        "router_minus_majority": [round(-value, 4) for value in (gain[0], gain[2], gain[1])],
        "calibration": calibration_error(sure.max(axis=1), hits),
        "published": published(folder),
    }


def _figures(one: Any) -> dict[str, dict[str, float]]:
    """Accuracy is 1 - cost where every confusion costs 1 and so does asking back."""
    return {
        "accuracy": {
            "value": round(1 - one["cost"], 4),
            "low": round(1 - one["cost high"], 4),
            "high": round(1 - one["cost low"], 4),
        },
        "macro-F1": {
            name: round(one[f"macro-F1{end}"], 4)
            for name, end in (("value", ""), ("low", " low"), ("high", " high"))
        },
    }


def shown(found: dict[str, Any]) -> str:
    """The result for people, in lines."""
    arms = (
        f"{name}: "
        + ", ".join(
            f"{measure} {one[measure]['value']:.3f} ({one[measure]['low']:.3f} to"
            f" {one[measure]['high']:.3f})"
            for measure in MEASURES
        )
        for name, one in found["arms"].items()
    )
    tried = ", ".join(
        f"{body} macro-F1 {told['macro_f1']:.3f} in {told['seconds']:.0f} s"
        f" ({told['cpu_seconds']:.0f} s of CPU)"
        for body, told in found["tried"].items()
    )
    gain, low, high = found["router_minus_majority"]
    return "\n".join(
        [
            f"{found['set']}: {found['n_train']} questions to train, {found['n_dev']} to choose on,"
            f" {found['n_test']} to test ({found['left_out_of_train']} left out of train: they come"
            " twice, or stand in test)",
            f"on dev: {tried}",
            *arms,
            f"accuracy, router minus majority: {gain:+.3f} ({low:+.3f} to {high:+.3f})",
            *(
                [f"published, in the folder: {line}" for line in found["published"]]
                or ["published: the folder names no figure"]
            ),
        ]
    )
