"""Do our intervals have their nominal coverage? Measures how often they contain the truth, and
writes reference/calibration.json.

    python labs_data/build/calibrate.py        about half an hour on one core

An interval "at 95 %" should contain the true value in 95 of 100 repetitions of the whole
experiment, and where there is no difference, "better" or "worse" should come at most 5 times. Four
set-ups, in each of which the truth is known:

    wilson        one share: exact, by summing the binomial
    independent   two systems, each fact asked once, alike (rho 0.6) or not: exact, by summing the
                  trinomial of who wins how many cases
    families      facts asked in several wordings that rise and fall together, in the sizes of our
                  dev questions: simulated
    seeds         three training runs with seed variance (standard deviation 5 points) and no true
                  difference: simulated

The last two are measured a second time with an interval that ignores this structure (each case a
fact of its own; seeds averaged away).
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import inspect
import json
import math
import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import scipy
from scipy.stats import binom, norm

from helpers.core import fingerprint, settings
from helpers.data.questions import load_questions
from helpers.evaluation import comparison
from helpers.evaluation.evaluator import wilson

RESULTS = settings.DATA / "reference" / "calibration.json"
NS, SHARES, RHOS = (30, 100, 300), (0.05, 0.5, 0.9), (0.0, 0.6)
# families of 100 cases and no difference: three times as many, for there the truth is near 5 %
REPETITIONS, SEED = 2_000, 20260302
# outcomes less likely than this are left out of the exact sums; together they are less than 0.0004
RAREST = 1e-6
# a fact's share is drawn from Beta(SPREAD p, SPREAD (1 - p)): the wordings of a fact correlate with
# 1 / (1 + SPREAD) = 0.4
SPREAD = 1.5
# standard deviation between seeds; runs; how alike one case comes out in two runs
SEED_SD, SEEDS, ALIKE = 0.05, 3, 0.7
Row = dict[str, float]


@functools.cache
def held(n: int, plus: int, minus: int) -> tuple[float, float]:
    """The interval when the second system wins `plus` cases and the first `minus`, each case a fact
    of its own: only the counts matter."""
    gain = pd.Series(np.repeat([1.0, -1.0, 0.0], [plus, minus, n - plus - minus]))
    return comparison.interval(gain, pd.Series(np.arange(n)))


def wins(first: float, second: float, rho: float) -> tuple[float, float]:
    """How likely does only the second, and only the first, have a case right? rho is the
    correlation, or the highest that is possible."""
    together = first * second + rho * math.sqrt(first * (1 - first) * second * (1 - second))
    both = min(together, first, second)
    return second - both, first - both


def outcomes(n: int, up: float, down: float) -> Iterator[tuple[int, int, float]]:
    """Every (plus, minus) that is not too rare, with its probability."""
    for plus in range(n + 1):
        likely = binom.pmf(plus, n, up)
        rest = likely * binom.pmf(np.arange(n - plus + 1), n - plus, max(0.0, down / (1 - up)))
        yield from (
            (plus, int(minus), float(rest[minus])) for minus in np.nonzero(rest >= RAREST)[0]
        )


def one_share(n: int, p: float) -> Row:
    holds = [low <= p <= high for low, high in (wilson(k, n) for k in range(n + 1))]
    return {"n": n, "p": p, "coverage": round(float(binom.pmf(np.arange(n + 1), n, p) @ holds), 4)}


def independent(n: int, first: float, second: float, rho: float) -> Row:
    """coverage: how often the interval holds the true difference; told: how often it says better or
    worse."""
    truth, total, holds, told = second - first, 0.0, 0.0, 0.0
    for plus, minus, likely in outcomes(n, *wins(first, second, rho)):
        low, high = held(n, plus, minus)
        total += likely
        holds += likely * (low <= truth + 1e-12 and truth - 1e-12 <= high)
        told += likely * (low > 0 or high < 0)
    return {
        "n": n,
        "first": first,
        "second": second,
        "rho": rho,
        "coverage": round(holds / total, 4),
        "told": round(told / total, 4),
    }


def family_sizes() -> list[int]:
    """How many wordings has each answerable fact of the dev questions?"""
    return sorted(
        Counter(case.fact for case in load_questions("dev") if case.gold.answers).values()
    )


def families(
    n: int,
    first: float,
    second: float,
    sizes: Sequence[int],
    repetitions: int = REPETITIONS,
    seed: int = SEED,
) -> Row:
    """The same for facts in several wordings; `..._ignoring_facts`: what an interval says that
    takes each case for a fact of its own."""
    dice, truth, seen = (
        np.random.default_rng([seed, n, int(100 * first), int(100 * second)]),
        second - first,
        Counter(),
    )
    for _ in range(repetitions):
        fact = np.repeat(np.arange(n), dice.choice(sizes, n))[:n]  # the last family may be cut
        shares = [dice.beta(SPREAD * p, SPREAD * (1 - p), n)[fact] for p in (first, second)]
        right = [dice.random(n) < share for share in shares]
        gain = right[1].astype(float) - right[0]
        plain = held(n, int((gain > 0).sum()), int((gain < 0).sum()))
        _count(
            seen,
            truth,
            {"": comparison.interval(pd.Series(gain), pd.Series(fact)), "_ignoring_facts": plain},
        )
    return {"n": n, "first": first, "second": second, "repetitions": repetitions} | _shares(
        seen, repetitions
    )


def lucky_seeds(
    n: int, p: float, baseline_seeds: int, repetitions: int = REPETITIONS, seed: int = SEED
) -> Row:
    """No true difference, but training runs differ by their seeds. baseline_seeds: 1 for a system
    that is not trained (no seed variance), else SEEDS."""
    dice, seen = np.random.default_rng([seed, n, baseline_seeds]), Counter()
    fact = pd.Series(np.arange(n))
    for _ in range(repetitions):
        common = dice.normal(size=n)
        tables = []
        for seeds in (baseline_seeds, SEEDS):
            ease = math.sqrt(0.6) * common + math.sqrt(0.4) * dice.normal(size=n)
            shift = dice.normal(0, SEED_SD if seeds > 1 else 0.0, size=(seeds, 1))
            case = math.sqrt(ALIKE) * ease + math.sqrt(1 - ALIKE) * dice.normal(size=(seeds, n))
            tables.append(
                pd.DataFrame((case < norm.ppf(np.clip(p + shift, 0.001, 0.999))).astype(float))
            )
        gain, noise = (
            tables[1].mean() - tables[0].mean(),
            [comparison._seed_noise(table) for table in tables],
        )
        _count(
            seen,
            0.0,
            {
                "": comparison.interval(gain, fact, noise=noise),
                "_ignoring_seeds": comparison.interval(gain, fact),
            },
        )
    return {
        "n": n,
        "p": p,
        "baseline_seeds": baseline_seeds,
        "seeds": SEEDS,
        "repetitions": repetitions,
    } | _shares(seen, repetitions)


def _count(seen: Counter, truth: float, intervals: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in intervals.items():
        seen[f"coverage{name}"] += low <= truth + 1e-12 and truth - 1e-12 <= high
        seen[f"told{name}"] += low > 0 or high < 0


def _shares(seen: Counter, repetitions: int) -> Row:
    return {name: round(count / repetitions, 4) for name, count in seen.items()}


def pairs(shares: Sequence[float] = SHARES) -> list[tuple[float, float]]:
    """(first, second): no difference, and 10 points up and down where there is room."""
    return [
        (p, round(p + d, 2)) for p in shares for d in (0.0, 0.1, -0.1) if 0 <= round(p + d, 2) <= 1
    ]


def code_hash() -> str:
    """The hash of the code that makes the interval: another interval asks for another
    measurement."""
    source = fingerprint.syntax_of(inspect.getsource(comparison.interval))
    return hashlib.sha256(source.encode()).hexdigest()


def measure() -> dict[str, object]:
    started, sizes = time.time(), family_sizes()
    found: dict[str, object] = {
        "wilson": [one_share(n, p) for n in NS for p in SHARES],
        "independent": [independent(n, a, b, rho) for n in NS for a, b in pairs() for rho in RHOS],
        "families": [
            families(n, a, b, sizes, 3 * REPETITIONS if n == 100 and a == b else REPETITIONS)
            for n in NS
            for a, b in pairs()
            if 0 < b < 1
        ],
        "seeds": [lucky_seeds(n, 0.5, baseline) for n in NS for baseline in (1, SEEDS)],
    }
    file = settings.ROOT / "helpers" / "evaluation" / "comparison.py"
    found["provenance"] = {
        "command": "python labs_data/build/calibrate.py",
        "date": dt.date.today().isoformat(),
        "minutes": round((time.time() - started) / 60, 1),
        "seed": SEED,
        "repetitions": REPETITIONS,
        "draws": comparison.DRAWS,
        "level": 0.95,
        "family_sizes": Counter(map(str, sizes)),
        "sha256": {
            "helpers/evaluation/comparison.py": hashlib.sha256(file.read_bytes()).hexdigest(),
            "compare.interval": code_hash(),
        },
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "pandas": pd.__version__,
        },
    }
    return found


if __name__ == "__main__":
    measured = measure()
    lines = [
        f"  {json.dumps(part)}: [\n    " + ",\n    ".join(json.dumps(row) for row in rows) + "\n  ]"
        for part, rows in measured.items()
        if part != "provenance"
    ]
    RESULTS.write_text(
        "{\n"
        + ",\n".join([*lines, f'  "provenance": {json.dumps(measured["provenance"])}'])
        + "\n}\n",
        encoding="utf-8",
        newline="\n",
    )
    for part, rows in measured.items():
        print(
            f"\n{part}\n{pd.DataFrame(rows).to_string(index=False)}"
            if isinstance(rows, list)
            else ""
        )
