"""Is the second system better than the first, or can we not tell? Paired differences with an
interval, and a verdict from it alone.

Sign convention everywhere: difference = second minus first, so a positive difference speaks for the
second system; of what it costs (tokens, seconds) it speaks against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

Verdict = Literal["better", "worse", "cannot tell"]
Tables = pd.DataFrame | Sequence[pd.DataFrame]  # one table, or one for each seed
DRAWS = 10_000
# drawn block by block, so that thousands of different gains fit into memory (40 MB)
BLOCK_CELLS = 5_000_000
COSTS = ("tokens_in", "tokens_out", "seconds")  # not shares, even where they are below 1
POWER = 0.80  # "would settle it" means: in four of five repetitions of the experiment


@dataclass(frozen=True)
class Comparison:
    """What a comparison says. Shares are 0..1; `low`..`high` is the interval of the difference at
    `level`.

    only_first, only_second: cases that only one of the two has right (mean over seeds). p: exact
    McNemar test, one for each seed; it takes cases as independent, which paraphrases of one fact
    are not, so the verdict never rests on it. n_to_settle: see `cases_to_settle`; None with a
    difference means that the seeds hide it (or that there is one fact only), and more such cases
    would not help.
    """

    first: str
    second: str
    measure: str
    n: int
    facts: int
    share_first: float
    share_second: float
    difference: float
    low: float
    high: float
    level: float
    only_first: float
    only_second: float
    p: tuple[float, ...]
    verdict: Verdict
    n_to_settle: int | None

    def __str__(self) -> str:
        more = {"better": "is better", "worse": "is worse", "cannot tell": "cannot tell"}[
            self.verdict
        ]
        shares = self.measure not in COSTS and max(self.share_first, self.share_second) <= 1
        difference, low, high = (
            f"{100 * x:+.1f} points" if shares else f"{x:+.3g}"
            for x in (self.difference, self.low, self.high)
        )
        return (
            f"{self.second} against {self.first}: {more}. {self.measure} {difference} ({low} to"
            f" {high} at {100 * self.level:.4g} %), n = {self.n} cases of {self.facts} facts;"
            f" {self._discordant()}{self._settle()}"
        )

    __repr__ = __str__

    def verdict_in_points(self, note: str = "") -> str:
        """The verdict on two shares, short: "better (+12 points, +3 to +20)"; note: what else
        belongs into the brackets."""
        points = f"{100 * self.difference:+.0f} points, {100 * self.low:+.0f} to"
        return f"{self.verdict} ({points} {100 * self.high:+.0f}{note and '; '}{note})"

    def _discordant(self) -> str:
        if not self.p:
            return "not a yes-or-no measure, so no McNemar test."
        tested = ", ".join("< .001" if p < 0.001 else f"= {p:.3f}" for p in self.p)
        return (
            f"right in {self.second} only {self.only_second:g}, in {self.first} only"
            f" {self.only_first:g} (exact McNemar p {tested})."
        )

    def _settle(self) -> str:
        if self.verdict != "cannot tell":
            return ""
        if self.facts < 2:
            return " One fact says nothing about others; ask about more."
        if self.n_to_settle is None and self.difference:
            return (
                " The seeds differ by more than that, so no number of cases would settle it; run"
                " more seeds."
            )
        if self.n_to_settle is None:
            return " No difference was seen, so no number of cases would settle it."
        return (
            f" If the true difference is what was seen, about {self.n_to_settle} cases would"
            " settle it."
        )


def compare(
    first: Tables, second: Tables, column: str = "right", comparisons: int = 1, seed: int = 0
) -> Comparison:
    """Is `second` better than `first` on the same cases? Tables come from `evaluate`; several
    tables of one system are its seeds.

    comparisons: how many are made at once; the level becomes 1 - 0.05 / comparisons (Bonferroni),
    so that all intervals hold together with 95 %. Raises ValueError when the two do not hold the
    same cases, or when `column` has no value for some of them.
    """
    names = [_name(tables) for tables in (first, second)]
    a, b = _seeds(first, column), _seeds(second, column)
    if a.columns.symmetric_difference(b.columns).size:
        odd = sorted(map(str, a.columns.symmetric_difference(b.columns)))
        raise ValueError(
            f"'{names[0]}' and '{names[1]}' were not asked the same cases ({len(odd)} differ, as"
            f" {odd[0]}); evaluate both on one list of cases"
        )
    b, unit = b[a.columns], _unit(column, a.to_numpy(), b.to_numpy())
    fact = _as_list(first)[0].set_index("id")["fact"].reindex(a.columns)
    gain = b.mean() - a.mean()  # one number a case, averaged over seeds
    level = 1 - 0.05 / comparisons
    noise = (_seed_noise(a), _seed_noise(b))
    low, high = interval(gain, fact, level, noise, seed, unit)
    more, less = ("worse", "better") if column in COSTS else ("better", "worse")
    verdict: Verdict = more if low > 0 else less if high < 0 else "cannot tell"
    only_first, only_second, p = mcnemar(a.to_numpy(), b.to_numpy())
    difference, settle = round(float(gain.mean()), 12), None
    if verdict == "cannot tell" and fact.nunique() > 1:
        # more cases shrink this part, more seeds the other
        alone = interval(gain, fact, level, (), seed, unit)
        settle = cases_to_settle(
            difference,
            (alone[1] - alone[0]) / 2,
            len(gain),
            level,
            math.hypot(*(spread / math.sqrt(seeds) for spread, seeds in noise)),
        )
    return Comparison(
        *names,
        column,
        len(gain),
        fact.nunique(),
        float(a.to_numpy().mean()),
        float(b.to_numpy().mean()),
        difference,
        low,
        high,
        level,
        only_first,
        only_second,
        p,
        verdict,
        settle,
    )


def compare_all(
    first: Tables, others: Mapping[str, Tables] | Sequence[Tables], column: str = "right"
) -> list[Comparison]:
    """Each of several systems against the same first one; the intervals are widened so that all of
    them hold at once.

    others: a list, or a mapping whose keys are the names to show."""
    rest = dict(others) if isinstance(others, Mapping) else dict(enumerate(_as_list(others)))
    found = {
        name: compare(first, other, column, comparisons=len(rest)) for name, other in rest.items()
    }
    return [
        replace(one, second=str(name)) if isinstance(others, Mapping) else one
        for name, one in found.items()
    ]


def as_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One line a comparison, as a table to print."""
    rows = [
        {
            "first": c.first,
            "second": c.second,
            "n": c.n,
            "difference": c.difference,
            "low": c.low,
            "high": c.high,
            "level": c.level,
        }
        | {
            "only first right": c.only_first,
            "only second right": c.only_second,
            "verdict": c.verdict,
            "n to settle": c.n_to_settle,
        }
        for c in comparisons
    ]
    return pd.DataFrame(rows)


def interval(
    gain: pd.Series,
    fact: pd.Series,
    level: float = 0.95,
    noise: Sequence[tuple[float, int]] = (),
    seed: int = 0,
    unit: float = 1.0,
) -> tuple[float, float]:
    """Between which values does the mean gain plausibly lie? Bootstrap over facts, because
    paraphrases of one fact rise and fall together.

    Two corrections, without which such intervals are too short when there are few facts or few
    differences (tests/test_calibration.py): half a case won by each side joins the facts (after
    Bonett and Price 2012, doi 10.3102/1076998611411915), and the percentiles are widened by
    Student's t (Hesterberg 2015, doi 10.1080/00031305.2015.1089789). noise: (standard deviation,
    seeds) of each system's mean over its seeds; it is added as a t-distributed error, so two or
    three seeds are not mistaken for certainty. unit: what one case can win, 1 for shares and
    yes-or-no; the mean of such gains lies within -1..1.
    """
    from scipy.stats import norm, t

    # 1. one unit a fact: the sum of its gains, and how many cases it has
    by_fact = gain.groupby(fact.to_numpy()).agg(["sum", "size"]).to_numpy(float)  # (facts, 2)
    facts, size, limit = (
        len(by_fact),
        len(gain) / max(1, len(by_fact)),
        1.0 if unit == 1 else math.inf,
    )
    if facts < 2:
        return (-limit, limit)  # one fact tells nothing about others
    # 2. two pretended facts, half a case won by each side: (facts + 2, 2)
    rows = np.vstack([by_fact, [unit * size / 2, size], [-unit * size / 2, size]])
    # 3. facts with the same sum and size are one kind, drawn as often as there are such facts:
    # kinds (kinds, 2), times (kinds,)
    kinds, times = np.unique(rows.round(12), axis=0, return_counts=True)
    # 4. draw as many facts as there are, with replacement, DRAWS times; the mean gain of each draw
    dice, means, block = (
        np.random.default_rng(seed),
        np.empty(DRAWS),
        max(1, BLOCK_CELLS // len(kinds)),
    )
    for part in np.split(means, range(block, DRAWS, block)):
        # (part, kinds): how often each was drawn
        drawn = dice.multinomial(len(rows), times / len(rows), size=len(part)).astype(float)
        part[:] = (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    # 5. every draw meets other seeds, too
    for spread, seeds in noise:
        if seeds > 1:
            means = means + dice.standard_t(seeds - 1, DRAWS) * spread / math.sqrt(seeds)
    # 6. with few facts percentiles are too narrow: move them out as Student's t asks
    tail = norm.cdf(t.ppf((1 - level) / 2, facts - 1) * math.sqrt(facts / (facts - 1)))
    # a zero stays a zero: 1e-17 is no difference
    low, high = np.quantile(means, [tail, 1 - tail]).round(12)
    return max(-limit, float(low)), min(limit, float(high))


def mcnemar(a: np.ndarray, b: np.ndarray) -> tuple[float, float, tuple[float, ...]]:
    """(only a right, only b right, exact two-sided p for each seed) of (seeds, cases) tables of 0
    and 1; no p for other numbers."""
    from scipy.stats import binomtest

    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        return math.nan, math.nan, ()
    seeds = max(len(a), len(b))
    if min(len(a), len(b)) not in (1, seeds):
        raise ValueError(
            f"{len(a)} seeds against {len(b)}: give both systems the same number of seeds, or one"
            " of them a single run"
        )
    a, b = (np.broadcast_to(x, (seeds, x.shape[1])) for x in (a, b))
    only_a, only_b = ((x > y).sum(axis=1) for x, y in ((a, b), (b, a)))
    p = tuple(
        float(binomtest(int(y), int(x + y)).pvalue) if x + y else 1.0
        for x, y in zip(only_a, only_b, strict=True)
    )
    return float(only_a.mean()), float(only_b.mean()), p


def cases_to_settle(
    difference: float, half_width: float, n: int, level: float = 0.95, lasting: float = 0.0
) -> int | None:
    """How many cases would show a true difference of this size four times out of five? None when no
    number would.

    The standard error (half_width / z of the level) shrinks with the root of n, but for its
    `lasting` part, that of the seeds. Needed is a difference of (z of the level + z of the power)
    standard errors.
    """
    from scipy.stats import norm

    z = norm.ppf((1 + level) / 2)
    # the variance at which the difference shows
    allowed = (difference / (z + norm.ppf(POWER))) ** 2 - lasting**2
    return (
        max(n + 1, math.ceil(n * (half_width / z) ** 2 / allowed))
        if difference and allowed > 0
        else None
    )


def _as_list(tables: Tables) -> list[pd.DataFrame]:
    return [tables] if isinstance(tables, pd.DataFrame) else list(tables)


def _name(tables: Tables) -> str:
    several = _as_list(tables)
    if not several or any(table.empty for table in several):
        raise ValueError(
            "there is nothing to compare: a table without rows; look at what it was filtered by"
        )
    return str(several[0]["arm"].iloc[0])


def _seeds(tables: Tables, column: str) -> pd.DataFrame:
    """(seeds, cases) of numbers."""
    rows = []
    for table in _as_list(tables):
        if column not in table:
            raise ValueError(
                f"there is no column '{column}' in the table of '{_name(table)}'; it has"
                f" {', '.join(map(str, table.columns))}"
            )
        if table["id"].duplicated().any():
            raise ValueError(
                f"the table of '{_name(table)}' holds case"
                f" {table['id'][table['id'].duplicated()].iloc[0]} twice"
            )
        if table[column].isna().any():
            raise ValueError(
                f"'{_name(table)}' has no '{column}' for {int(table[column].isna().sum())} of"
                f" {len(table)} cases; choose the cases that have one"
            )
        rows.append(table.set_index("id")[column].astype(float))
    found = pd.DataFrame(rows)
    if found.isna().to_numpy().any():
        raise ValueError(
            f"the {len(rows)} seeds of '{_name(tables)}' were not asked the same cases"
        )
    return found


def _seed_noise(table: pd.DataFrame) -> tuple[float, int]:
    means = table.mean(axis=1)
    return (float(means.std(ddof=1)) if len(means) > 1 else 0.0, len(means))


def _unit(column: str, *values: np.ndarray) -> float:
    """What can one case win? 1 where values are shares or yes-or-no; else the range that was
    seen."""
    low, high = min(x.min() for x in values), max(x.max() for x in values)
    return 1.0 if column not in COSTS and low >= 0 and high <= 1 else float(high - low)
