"""Would more labels fix it? The training-size lab: what was measured, and a what-if over it. No
model is needed for that.

    grid = load_grid()     # the reference: trained and measured once on dev, with provenance
    what_if(grid, TrainingSetting(rows=64, epochs=1))  # against the same labels, trained to the end
    joined(grid, training_cell.live(TrainingSetting(rows=48)))     # one not trained yet, beside it
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Case
from helpers.data.tickets import FIELDS
from helpers.evaluation.bits import Bits, share_right, to_bits, to_flags
from helpers.evaluation.comparison import Comparison, cases_to_settle, compare, interval
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.numbers import percent
from helpers.experiments.training_cell import MEASURES, TrainingSetting
from helpers.systems import linear_classifier, majority_label, nearest_neighbour

REFERENCE = settings.DATA / "reference" / "training.json"
RECIPES = settings.DATA / "reference" / "recipe.json"
# a measure of its own beside those that a row saves: the share of the four fields that is right
ALL_FIELDS = "fields"


@dataclass(frozen=True, eq=False)
class Grid:
    """What was measured: one row a setting and seed; `here` in a row: trained on this machine. (No
    DataFrame: its look-ups would take longer than a picture.)"""

    rows: tuple[dict[str, Any], ...]
    # the systems that need no training: arm, rows (labels used), seed, and the same bits
    baselines: tuple[dict[str, Any], ...]
    dev_ids: tuple[str, ...]
    provenance: dict[str, Any]

    @functools.cached_property
    def found(self) -> dict[tuple, list[dict[str, Any]]]:
        found: dict[tuple, list[dict[str, Any]]] = {}
        for row in sorted(self.rows, key=lambda row: row["seed"]):
            found.setdefault(
                (row["rows"], row["epochs"], row["rank"], row["label_noise"], row["here"]), []
            ).append(row)
        return found

    def cells(self, setting: TrainingSetting, here: bool | None = None) -> list[dict[str, Any]]:
        """The rows of a setting, all its seeds in order. here: trained on this machine, or in the
        reference; None: the reference where it has any."""
        s = setting.key
        wanted = [False, True] if here is None else [here]
        return next(
            (
                found
                for where in wanted
                if (found := self.found.get((s.rows, s.epochs, s.rank, s.label_noise, where)))
            ),
            [],
        )

    def sizes(self, like: TrainingSetting | None = None) -> list[TrainingSetting]:
        """All sizes at which a recipe (epochs, rank, noise; the plain one by default) was measured
        for the reference, the untrained model first."""
        return [
            size
            for rows in sorted({0} | {r["rows"] for r in self.rows})
            if self.cells(size := replace(like or TrainingSetting(), rows=rows), here=False)
        ]

    @property
    def most(self) -> int:
        """The largest size of the reference."""
        return self.sizes()[-1].rows


@functools.lru_cache(maxsize=1)
def load_grid(path: Path = REFERENCE) -> Grid:
    """The reference grid, as measured by `labs_data/build/training.py`."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    return Grid(
        tuple(row | {"here": False} for row in saved["rows"]),
        tuple(saved["baselines"]),
        tuple(saved["dev_ids"]),
        saved["provenance"],
    )


def joined(grid: Grid, row: dict[str, Any]) -> Grid:
    """The grid and what was trained here: beside the reference, never in place of it; the same cell
    again replaces itself."""
    named = [*vars(TrainingSetting()), "here"]
    return replace(
        grid, rows=(*(r for r in grid.rows if any(r[key] != row[key] for key in named)), row)
    )


# --- shares and differences -----------------------------------------------------------------------


def bits(row: dict[str, Any], column: str = "right") -> Bits:
    """What a row says of a measure, one bit a ticket; for ALL_FIELDS four, ticket by ticket."""
    if column != ALL_FIELDS:
        return row[column]
    return "".join(map("".join, zip(*(row[field] for field in FIELDS), strict=True)))


def per_ticket(column: str) -> int:
    """How many bits of `bits` belong to one ticket?"""
    return len(FIELDS) if column == ALL_FIELDS else 1


# (standard deviation of a share between seeds, degrees of freedom behind it)
SeedNoise = tuple[float, int]
NO_NOISE: SeedNoise = (0.0, 0)


@functools.lru_cache(maxsize=64)
def seed_noise(grid: Grid, column: str = "right") -> SeedNoise:
    """How much do seeds differ? From all settings of the reference with two seeds or more, because
    three seeds say little about their own spread (a share near 0 or 1 varies less than this)."""
    return pooled(
        [bits(r, column) for r in found] for (*_, here), found in grid.found.items() if not here
    )


def pooled(groups: Iterable[Sequence[Bits]]) -> SeedNoise:
    """The seed noise of groups that hold the bits of each seed; NO_NOISE when no group has two
    seeds.
    """
    cells = [[share_right(bits) for bits in strings] for strings in groups]
    freedom = sum(len(shares) - 1 for shares in cells)
    return (
        (
            math.sqrt(
                sum((x - statistics.fmean(shares)) ** 2 for shares in cells for x in shares)
                / freedom
            ),
            freedom,
        )
        if freedom
        else NO_NOISE
    )


def spread(strings: Sequence[Bits], noise: SeedNoise = NO_NOISE, per: int = 1) -> dict[str, float]:
    """The share right and its 95 % interval, of the bits of each seed over the same tickets: share,
    low, high, n tickets, seeds. per: bits of one ticket, which rise and fall together.

    Wilson's interval over tickets covers other tickets (a share of several bits a ticket varies
    less than one bit does, so for ALL_FIELDS it is on the wide side); Student's t times the seed
    noise covers other seeds. The two are independent, so the half-widths are added in squares.
    """
    return dict(_spread(tuple(strings), noise, per))


@functools.lru_cache(maxsize=2048)
def _spread(strings: tuple[Bits, ...], noise: SeedNoise, per: int) -> dict[str, float]:
    from scipy.stats import t

    n, (deviation, freedom) = len(strings[0]) // per, noise
    share = statistics.fmean(map(share_right, strings))
    low, high = (
        wilson(math.floor(share * n + 1e-9), n)[0],
        wilson(math.ceil(share * n - 1e-9), n)[1],
    )
    seeds = float(t.ppf(0.975, freedom)) * deviation / math.sqrt(len(strings)) if freedom else 0.0
    return {
        "share": share,
        "low": max(0.0, share - math.hypot(share - low, seeds)),
        "high": min(1.0, share + math.hypot(high - share, seeds)),
        "n": n,
        "seeds": len(strings),
    }


def score_of(grid: Grid, setting: TrainingSetting, column: str = "right") -> dict[str, float]:
    """The score of a setting: `spread` of its seeds. Raises KeyError for what was not trained."""
    if not (found := grid.cells(setting)):
        raise KeyError(f"not trained: {setting}; training_cell.live(setting) does it now")
    noise = seed_noise(grid, column) if setting.rows else NO_NOISE
    return spread([bits(r, column) for r in found], noise, per_ticket(column))


def summary(grid: Grid, points: Sequence[TrainingSetting], column: str = "right") -> pd.DataFrame:
    """One line a setting: share, interval, n, seeds, mean training seconds. Settings that were
    not measured are left out."""
    known = [s for s in points if grid.cells(s)]
    rows = [
        {
            "rows": s.rows,
            **score_of(grid, s, column),
            "seconds": statistics.fmean(r["seconds"] for r in grid.cells(s)),
        }
        for s in known
    ]
    return pd.DataFrame(
        rows,
        index=[str(s) for s in known],
        columns=["rows", "share", "low", "high", "n", "seeds", "seconds"],
    )


# name, the bits of each seed, and whether seeds could have made it different
Side = tuple[str, tuple[Bits, ...], bool]


@functools.lru_cache(maxsize=512)
def versus(
    first: Side,
    second: Side,
    ids: tuple[str, ...],
    noise: SeedNoise = NO_NOISE,
    column: str = "right",
    comparisons: int = 1,
) -> Comparison:
    """Is the second better than the first, ticket by ticket? `compare`, but the seeds' part of the
    interval comes from the seed noise of the whole grid.

    `compare` knows only its own two or three seeds, and Student's t then makes the interval three
    times as wide as needed.
    """
    tables = [
        [
            pd.DataFrame({"id": ids, "fact": ids, column: _by_ticket(one, len(ids)), "arm": name})
            for one in strings
        ]
        for name, strings, _ in (first, second)
    ]
    plain, (deviation, freedom) = compare(*tables, column=column, comparisons=comparisons), noise
    if not freedom:
        return plain
    a, b = (sum(table[column].astype(float) for table in side) / len(side) for side in tables)
    parts = [
        deviation / math.sqrt(len(strings)) for _, strings, random in (first, second) if random
    ]
    low, high = interval(
        b - a,
        pd.Series(ids),
        plain.level,
        [(part * math.sqrt(freedom + 1), freedom + 1) for part in parts],
    )
    verdict = "better" if low > 0 else "worse" if high < 0 else "cannot tell"
    settle = None
    if verdict == "cannot tell":
        alone = interval(b - a, pd.Series(ids), plain.level)
        settle = cases_to_settle(
            plain.difference, (alone[1] - alone[0]) / 2, len(ids), plain.level, math.hypot(*parts)
        )
    return replace(plain, low=low, high=high, verdict=verdict, n_to_settle=settle)


def _by_ticket(one: Bits, tickets: int) -> list[bool] | list[float]:
    """One value a ticket: right or wrong, or the share of its bits."""
    per = len(one) // tickets
    if per == 1:
        return to_flags(one)
    return [one[at : at + per].count("1") / per for at in range(0, len(one), per)]


def paired(
    grid: Grid,
    first: TrainingSetting,
    second: TrainingSetting,
    column: str = "right",
    comparisons: int = 1,
) -> Comparison:
    """Second minus first, over the seeds that both were trained with. Raises KeyError that says
    what was not measured."""
    sides = [{r["seed"]: bits(r, column) for r in grid.cells(s)} for s in (first, second)]
    common = set.intersection(
        *(set(side) for s, side in zip((first, second), sides, strict=True) if s.rows)
    )
    for s, side in zip((first, second), sides, strict=True):
        if not side or not common:
            raise KeyError(
                f"not trained{' with the same seed' if side else ''}: {s};"
                " training_cell.live(setting) does it now"
            )
    both = [
        (str(s), tuple(side[seed] for seed in sorted(common if s.rows else side)), bool(s.rows))
        for s, side in zip((first, second), sides, strict=True)
    ]
    return versus(*both, grid.dev_ids, seed_noise(grid, column), column, comparisons)


def versus_untrained(
    grid: Grid,
    arm: str,
    setting: TrainingSetting,
    column: str = "right",
    comparisons: int = 1,
) -> Comparison:
    """A setting minus a system that needs no training: with the same labels where that learns from
    labels, too, else as it is."""
    rows = [b for b in grid.baselines if b["arm"] == arm]
    same = {b["seed"]: bits(b, column) for b in rows if b["rows"] == setting.rows}
    found = {r["seed"]: bits(r, column) for r in grid.cells(setting)}
    seeds = sorted(set(found) & set(same)) if len(rows) > 1 else sorted(found)
    base = tuple(same[seed] for seed in seeds) if len(rows) > 1 else (bits(rows[0], column),)
    return versus(
        (arm, base, len(rows) > 1),
        (str(setting), tuple(found[seed] for seed in seeds), True),
        grid.dev_ids,
        seed_noise(grid, column),
        column,
        comparisons,
    )


def overtakes(grid: Grid, column: str = "right") -> pd.DataFrame:
    """From how many labels on is tuning measurably better than each system without training, with
    the same labels? One line an arm: labels (missing where it never is), and the verdict at the
    largest size. The sizes of one arm are looked at together."""
    sizes = grid.sizes()[1:]
    arms = list(dict.fromkeys(b["arm"] for b in grid.baselines))
    rows = {}
    for arm in arms:
        found = [versus_untrained(grid, arm, size, column, len(sizes)) for size in sizes]
        # from the first size on after which no verdict is anything else
        ahead = list(itertools.takewhile(lambda c: c.verdict == "better", reversed(found)))
        rows[arm] = {
            "labels": sizes[-len(ahead)].rows if ahead else math.nan,
            "at the most labels": found[-1].verdict_in_points(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


# --- what if? -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingWhatIf:
    """A setting and its neighbour: the scores of the setting (share, interval, seeds; of every
    measure), its seconds, and the paired comparison."""

    setting: TrainingSetting
    baseline: TrainingSetting | None
    scores: pd.DataFrame
    seconds: float
    right: Comparison | None

    def sentence(self) -> str:
        """What would change, in one line."""
        if self.right is None:
            return "This is the untrained model: no labels, no training. Move a slider."
        c, seeds = self.right, int(self.scores.loc["right", "seeds"])
        by = f"{seeds} seed{'s' * (seeds > 1)}"
        verdict = c.verdict_in_points(by)
        took = f"Training took {self.seconds:.0f} s where it was measured."
        return f"Against {self.baseline}: {verdict}. {took}"


def neighbour(grid: Grid, setting: TrainingSetting) -> TrainingSetting | None:
    """What is a setting compared with? The plain recipe on the same labels; of a plain one the next
    smaller size that was measured."""
    plain = replace(TrainingSetting(), rows=setting.rows)
    if not setting.rows:
        return None
    if replace(setting, seed=0) != plain and grid.cells(plain):
        return plain
    return max(
        (s for s in grid.sizes() if s.rows < setting.rows), key=lambda s: s.rows, default=None
    )


def what_if(
    grid: Grid,
    setting: TrainingSetting,
    baseline: TrainingSetting | None = None,
    comparisons: int = 1,
) -> TrainingWhatIf:
    """What would this setting change against another (its `neighbour` when none is given)? The
    function under the widget; call it from a plain cell as well.

    All seeds that were trained are used together; setting.seed only names the one that *Run it for
    real* trains. comparisons: how many are looked at together; the intervals are widened so that
    all of them hold at once. Raises KeyError for what was not trained.
    """
    measures = (*MEASURES, ALL_FIELDS)
    table = pd.DataFrame({measure: score_of(grid, setting, measure) for measure in measures}).T
    baseline = baseline or neighbour(grid, setting)
    right = (
        paired(grid, baseline, setting, comparisons=comparisons)
        if baseline and baseline.key != setting.key
        else None
    )
    return TrainingWhatIf(
        setting, baseline, table, statistics.fmean(r["seconds"] for r in grid.cells(setting)), right
    )


def steps_up(grid: Grid, column: str = "right", stride: int = 1) -> list[Comparison]:
    """Each size against the next smaller one, all of them at once: where do more labels show? With
    stride 2 every second size, after none at all, and the largest."""
    none, *sizes = grid.sizes()
    steps = [none, *sizes[::stride]]
    steps += [sizes[-1]] * (steps[-1] != sizes[-1])
    return [
        paired(grid, a, b, column, comparisons=len(steps) - 1) for a, b in itertools.pairwise(steps)
    ]


# --- what still fails, and what needs no model ----------------------------------------------------


def if_field_fixed(grid: Grid, setting: TrainingSetting) -> pd.DataFrame:
    """Which field still fails? For each: share right with its interval, and how many tickets would
    be all right if this field alone were fixed."""
    found, rows = grid.cells(setting), {}
    for field in FIELDS:
        others = [other for other in FIELDS if other != field]
        # an invalid record has no field right
        would = [
            to_bits(all(r[o][i] == "1" for o in others) for i in range(len(r["right"])))
            for r in found
        ]
        rows[field] = {
            **score_of(grid, setting, field),
            "all four if fixed": spread(would)["share"],
        }
    now = spread([r["right"] for r in found])["share"]
    return pd.DataFrame.from_dict(rows, orient="index").assign(
        gain=lambda t: t["all four if fixed"] - now
    )


def without_training(train: Sequence[Case], dev: Sequence[Case]) -> dict[str, dict[str, Bits]]:
    """What do the same labels buy without training a language model? The most common label of each
    field, the labels of the most similar message, and a linear classifier (both on MiniLM)."""
    arms = (
        majority_label(train, by_field=True),
        nearest_neighbour(train),
        linear_classifier(train),
    )
    asks = [case.ask for case in dev]
    return {arm.name: judged([json.loads(said.text) for said in arm(asks)], dev) for arm in arms}


def judged(outputs: Sequence[dict], dev: Sequence[Case]) -> dict[str, Bits]:
    """Records as the bits that a grid saves."""
    pairs = [(output, case.gold.output) for output, case in zip(outputs, dev, strict=True)]
    return {"right": to_bits(o == gold for o, gold in pairs), "valid": "1" * len(pairs)} | {
        f: to_bits(o[f] == gold[f] for o, gold in pairs) for f in FIELDS
    }


@functools.lru_cache(maxsize=64)
def baselines(grid: Grid, column: str = "right") -> pd.DataFrame:
    """The systems that need no training, one line an arm and size (rows: labels used): share and
    interval, over the seeds of the subsets."""
    groups: dict[tuple[str, int], list[Bits]] = {}
    for one in grid.baselines:
        groups.setdefault((one["arm"], one["rows"]), []).append(bits(one, column))
    return pd.DataFrame(
        [
            {"arm": arm, "rows": rows, **spread(strings, per=per_ticket(column))}
            for (arm, rows), strings in groups.items()
        ]
    )


# --- the recipe -----------------------------------------------------------------------------------


def recipes(path: Path = RECIPES) -> pd.DataFrame:
    """What was tried before the grid was trained, on training tickets that no trial trained on: one
    line a trial, with its share of tickets right."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return pd.DataFrame(
        {
            "labels": row["rows"],
            "epochs": row["epochs"],
            "learning rate": row["learning_rate"],
            "rank": row["rank"],
            "matrices": _where(row),
            **spread([row["right"]]),
            "seconds": row["seconds"],
        }
        for row in rows
    )


def _where(row: dict[str, Any]) -> str:
    if row["acts_on"] == "answer":
        return "in all layers, for the answer alone"
    return f"from layer {row['from_layer']} on" if row["from_layer"] else "in all layers"


def recipes_in_words(path: Path = RECIPES) -> str:
    """How much did the way to train matter? Each way at its best learning rate."""
    tried = recipes(path)
    tried = tried[tried["labels"] == tried["labels"].max()].sort_values("share", ascending=False)
    best = tried.drop_duplicates("matrices")
    ways = "; ".join(
        f"{row['matrices']} {percent(row['share'])} ({row['seconds']:.0f} s)"
        for _, row in best.iterrows()
    )
    halved = best.merge(
        tried.assign(**{"learning rate": 2 * tried["learning rate"]}),
        on=["matrices", "learning rate", "rank"],
    )
    lost = (100 * (halved["share_x"] - halved["share_y"])).round().astype(int)
    rates = (
        f" Half the learning rate cost {lost.min()} to {lost.max()} points." if len(lost) else ""
    )
    return (
        f"The way to train matters, too. On {tried['n'].iloc[0]} training tickets put aside,"
        f" {tried['labels'].iloc[0]} labels got right, by where the matrices stood: {ways}.{rates}"
    )
