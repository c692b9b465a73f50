"""What does notebook 10 ship? The parts of the desk that answers tickets, and the vendor whose
nearest neighbour may know the exam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.fingerprint import ANSWERING
from helpers.data.tickets import load_tickets
from helpers.evaluation.bits import Bits, to_flags
from helpers.evaluation.evaluator import TICKETS, evaluate, share
from helpers.experiments.training_grid import Grid
from helpers.models import weights
from helpers.systems.baselines import nearest_neighbour
from helpers.systems.prompts import TICKET_PROMPT


def desk_parts() -> dict[str, Any]:
    """The eight parts that a manifest pins, around the adapter that comes with this workbook: what
    answers tickets, what it was made from, and what it was judged by. It needs no index."""
    tickets = settings.DATA / "tickets"
    return {
        "data": tickets / "train.jsonl",
        "labels": tickets / "LABELS.md",
        "weights": weights.prepare(weights.SMOLLM2),
        "adapter": settings.DATA / "reference" / "adapters" / "format",
        "index": None,
        "prompt": TICKET_PROMPT.tuned,
        "code": ANSWERING,
        "evaluation": tickets / "dev.jsonl",
    }


def index_parts(index: Path) -> dict[str, Any]:
    """The same of a system without labels and adapter, whose index lies in this folder."""
    handbook = settings.DATA / "handbook"
    return desk_parts() | {"adapter": None, "labels": None, "data": handbook, "index": index}


def nearest(labelled: Sequence[Case], cases: Sequence[Case]) -> np.ndarray:
    """(cases,) where does the nearest of these labelled tickets have all four fields right?"""
    return evaluate(nearest_neighbour(labelled), cases, TICKETS)["right"].to_numpy(dtype=bool)


def exam(grid: Grid) -> list[Case]:
    """The tickets on which the grid's adapters were judged, in its order."""
    dev = {case.id: case for case in load_tickets("dev")}
    return [dev[id] for id in grid.dev_ids]


def by_id(grid: Grid, flags: Sequence[bool]) -> dict[str, bool]:
    """One flag a ticket of the exam, by the ticket's id."""
    return {id: bool(flag) for id, flag in zip(grid.dev_ids, flags, strict=True)}


def slices(cases: Sequence[Case]) -> dict[str, list[str]]:
    """The groups of tickets that a gate looks at one by one: name -> ids."""
    gold = {case.id: case.gold.output for case in cases}
    return {
        "written by hand": [case.id for case in cases if case.kind == "written"],
        "needs a human": [id for id in gold if gold[id]["needs_human"]],
        "urgent or high": [id for id in gold if gold[id]["priority"] in ("urgent", "high")],
    }


def invalid(row: Mapping[str, Any] | None) -> list[bool]:
    """One flag an answer of a row of the grid: was it no valid record? A system without a language
    model (None) writes nothing that could be invalid."""
    return [not flag for flag in to_flags(row["valid"])] if row else [False]


def shares_right(runs: Mapping[str, Bits]) -> pd.DataFrame:
    """One line a run: the share right, its 95 % interval low..high, and n."""
    rows = {name: share(pd.DataFrame({"right": to_flags(bits)})) for name, bits in runs.items()}
    return pd.DataFrame.from_dict(rows, orient="index")
