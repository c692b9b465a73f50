"""What does a setting of a lab say to the decision? Its row of the grid as findings: of one model,
on the same cases, with the differences counted pair by pair.

    of_training(grid, TrainingSetting(256, epochs=1), evidence)      # tuned, and what needs no
                                                                     # training, on the same labels
    of_chunking(grid, ChunkingSetting("sentences", 64), evidence)    # search, RAG and tuned reader

Both raise KeyError for what nobody has measured.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from helpers.decision.findings import (
    GAIN,
    HOME,
    LOST,
    NAMES,
    OF_RAG,
    Finding,
    Findings,
)
from helpers.decision.options import JUDGEMENTS
from helpers.evaluation.bits import Bits, share_right
from helpers.evaluation.comparison import Comparison
from helpers.evaluation.evaluator import wilson
from helpers.experiments import chunking_grid, training_grid
from helpers.experiments.chunking_grid import ChunkingSetting
from helpers.experiments.training_cell import TrainingSetting
from helpers.experiments.training_grid import NO_NOISE, Grid, Side

# arms that answer without a language model; the decision knows them as one option
WITHOUT = ("nearest neighbour", "classifier", "keywords")


# --- the training-size lab ------------------------------------------------------------------------


def of_training(grid: Grid, setting: TrainingSetting, evidence: Findings) -> Findings:
    """The evidence with all that concerns judgements as the lab measured it: the tuned model of
    this very setting (all its seeds, one's own run before the reference's of that seed), and the
    systems that the same labels buy without training.

    Of those without a language model the one that is most often right stands for all: that is
    strict with the tuned model, for it was chosen on these tickets.
    """
    source = "yours" if grid.cells(setting, here=True) else "reference"
    grid = _with_own_seeds(grid, setting)
    score = training_grid.score_of(grid, setting)
    model, there = str(grid.provenance.get("generator", "")), _arms(grid, setting)
    found = {
        "tuned": Finding(
            f"06.lab/{setting.key}",
            *(float(score[name]) for name in ("share", "low", "high")),
            score["n"],
            source=source,
            says=NAMES["tuned"][2],
            rows=setting.rows,
            model=model,
            data=HOME,
        )
    }
    for name, (arm, rows, seeds) in there.items():
        found[name] = _of_arm(name, arm, rows, seeds, "" if name == "classifier" else model)
    kept = evidence.without(*(name for name, about in NAMES.items() if about[1] == JUDGEMENTS))
    own = {r["seed"]: r["right"] for r in grid.cells(setting)}
    sides = {**there, "tuned": (str(setting), setting.rows, own)}
    # the simpler first, as they are walked; nobody walks to the most frequent label
    order = [name for name in NAMES if name in sides and name != "majority"]
    pairs = {
        (first, second): _difference(grid, first, second, sides)
        for at, first in enumerate(order)
        for second in order[at + 1 :]
    }
    return replace(
        kept,
        found={**kept.found, **found},
        pairs={**kept.pairs, **pairs},
        training_seconds=statistics.fmean(r["seconds"] for r in grid.cells(setting)),
        training_rows=max(1, setting.rows),
    )


Arm = tuple[str, int, Mapping[int, Bits]]  # name, labels it uses, and the bits of each seed


def _arms(grid: Grid, setting: TrainingSetting) -> dict[str, Arm]:
    """Finding -> the system without training that it rests on here: the largest size that needs no
    more labels than the setting has."""
    sizes: dict[str, dict[int, dict[int, Bits]]] = {}
    for one in grid.baselines:
        sizes.setdefault(one["arm"], {}).setdefault(one["rows"], {})[one["seed"]] = one["right"]
    found: dict[str, Arm] = {}
    for arm, by_rows in sizes.items():
        # a prompt with a few examples is there before anybody labels for training
        fits = [rows for rows in by_rows if rows <= setting.rows or arm == "few-shot"]
        if fits:
            found[arm] = (arm, max(fits), by_rows[max(fits)])
    names = {
        "few-shot": "prompt",
        "retrieved examples": "retrieved examples",
        "majority label": "majority",
    }
    arms = {name: found[arm] for arm, name in names.items() if arm in found}
    if without := [found[arm] for arm in WITHOUT if arm in found]:
        arms["classifier"] = max(without, key=lambda one: _mean(one[2]))
    return arms


def _mean(seeds: Mapping[int, Bits]) -> float:
    return statistics.fmean(map(share_right, seeds.values()))


def _of_arm(name: str, arm: str, rows: int, seeds: Mapping[int, Bits], model: str) -> Finding:
    spread = training_grid.spread(list(seeds.values()))
    numbers = (float(spread[key]) for key in ("share", "low", "high"))
    return Finding(
        f"06.lab/{arm}",
        *numbers,
        spread["n"],
        source="reference",
        says=NAMES[name][2],
        rows=rows,
        model=model,
        data=HOME,
    )


def _difference(grid: Grid, first: str, second: str, sides: Mapping[str, Arm]) -> Finding:
    """Second minus first on the same tickets, over the seeds that both have; where one has a single
    run, it stands against all runs of the other."""
    ends = [sides[first], sides[second]]
    several = [set(seeds) for _, _, seeds in ends if len(seeds) > 1]
    common = set.intersection(*several) if several else set()
    both: list[Side] = [
        (
            arm,
            tuple(
                bits
                for seed, bits in sorted(seeds.items())
                if len(seeds) == 1 or not common or seed in common
            ),
            name == "tuned" and rows > 0,
        )
        for name, (arm, rows, seeds) in zip((first, second), ends, strict=True)
    ]
    noise = training_grid.seed_noise(grid) if any(side[2] for side in both) else NO_NOISE
    told = training_grid.versus(*both, grid.dev_ids, noise)
    return _of_comparison(f"06.lab/{ends[0][0]} → {ends[1][0]}", told)


def _with_own_seeds(grid: Grid, setting: TrainingSetting) -> Grid:
    """The grid with what was trained here among the seeds of this setting."""
    sides = [{r["seed"]: r for r in grid.cells(setting, here)} for here in (False, True)]
    if not all(sides):
        return grid
    seeds = {**sides[0], **sides[1]}.values()
    cell = {id(row) for side in sides for row in side.values()}
    others = (row for row in grid.rows if id(row) not in cell)
    return replace(grid, rows=(*others, *({**row, "here": False} for row in seeds)))


# --- the chunking lab -----------------------------------------------------------------------------


def of_chunking(grid: pd.DataFrame, setting: ChunkingSetting, evidence: Findings) -> Findings:
    """The evidence with search, RAG and tuned reader as they were measured at this setting. What
    was counted at another one is not known here: losses, refusals, a better retriever."""
    row = chunking_grid.row_of(grid, setting)
    there = evidence.without("RAG", "recall", "reader + RAG", "improved RAG", *LOST, *OF_RAG)
    model = str(grid.attrs.get("provenance", {}).get("generator", ""))
    if rag := evidence.found.get("RAG"):
        model = model or rag.model
    name = f"03.lab/{setting}"
    numbers = (float(row[key]) for key in ("recall", "low", "high", "n"))
    there = there.but(recall=Finding(name, *numbers, source="reference", data=HOME))
    bits = {
        finding: row.get(column)
        for finding, column in (("RAG", "right"), ("reader + RAG", "reader_right"))
        if isinstance(row.get(column), str)
    }
    found = {
        finding: Finding(
            f"{name}, {finding}",
            share_right(right),
            *wilson(right.count("1"), len(right)),
            len(right),
            source="reference",
            model=model,
            data=HOME,
        )
        for finding, right in bits.items()
    }
    there = there.but(**found)
    if len(bits) == 2:
        facts = tuple(grid.attrs["answer_facts"])
        told = chunking_grid.versus(
            bits["reader + RAG"], bits["RAG"], facts, ("RAG + tuned reader", "RAG"), "answers"
        )
        pair = {("RAG", "reader + RAG"): _of_comparison(f"{name}, RAG → reader + RAG", told)}
        there = replace(there, pairs={**there.pairs, **pair})
    if row.get("prompt_tokens") is None or math.isnan(row["prompt_tokens"]):
        return there
    used = evidence.usage["RAG"]
    longer = float(row["prompt_tokens"]) - used.tokens_in
    here = replace(
        used,
        tokens_in=float(row["prompt_tokens"]),
        seconds=max(0.0, used.seconds + longer * evidence.read_seconds),
    )
    return replace(there, usage={**evidence.usage, "RAG": here})


def _of_comparison(name: str, told: Comparison) -> Finding:
    """A difference counted case by case, as a finding."""
    return Finding(
        name,
        told.difference,
        min(told.low, told.difference),
        max(told.high, told.difference),
        told.n,
        told.verdict,
        source="reference",
        data=HOME,
        measure=GAIN,
    )
