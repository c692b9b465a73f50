"""Which route is right how often, and what do the wrong ones cost? Macro-F1, cost-weighted error,
wrong refusals and calibration, each with a bootstrap interval.

    evaluate(arm, cases, routing_task(COSTS))      one row a request, with `said`, `gold`, `cost`
    routing_summary(tables)                        one line an arm
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.core.cases import Gold, Prediction
from helpers.data.requests import ROUTES
from helpers.evaluation.evaluator import Task, wilson

UNSURE = "unsure"  # what a router says that gives the request back: "What do you mean?"
INVALID = "invalid"  # what is no route at all, as a language model may say
DRAWS = 10_000
Costs = Mapping[tuple[str, str], float]  # (right route, said route) -> cost of one such request

# A default to argue with: what a confusion costs, where asking back costs 0.6. Refusing what should
# be answered loses the user; not refusing is caught by the access rights further on, mostly.
COSTS: Costs = {
    ("retrieve", "tool"): 1.0,
    ("retrieve", "refuse"): 2.0,
    ("retrieve", "small talk"): 1.5,
    ("tool", "retrieve"): 1.0,
    ("tool", "refuse"): 2.0,
    ("tool", "small talk"): 1.5,
    ("refuse", "retrieve"): 3.0,
    ("refuse", "tool"): 3.0,
    ("refuse", "small talk"): 1.0,
    ("small talk", "retrieve"): 0.5,
    ("small talk", "tool"): 0.5,
    ("small talk", "refuse"): 1.0,
    **{(route, UNSURE): 0.6 for route in ROUTES},
}


def cost_matrix(costs: Costs, labels: Sequence[str] = ROUTES) -> np.ndarray:
    """(right, said) costs as an array of (k, k + 2): the labels, then `UNSURE`, then `INVALID`,
    which costs as much as the dearest confusion of its row. Right routes cost nothing. Raises
    ValueError for a cost that is missing or negative."""
    found = np.zeros((len(labels), len(labels) + 2))
    for row, right in enumerate(labels):
        for column, said in enumerate((*labels, UNSURE)):
            if right == said:
                continue
            cost = costs.get((right, said))
            if cost is None or not 0 <= cost < np.inf:
                raise ValueError(
                    f"the cost of saying '{said}' where '{right}' is right must be a number from 0"
                    f" on; got {cost}"
                )
            found[row, column] = cost
        found[row, -1] = found[row].max()
    return found


def equal_costs(labels: Sequence[str], unsure: float = 1.0) -> Costs:
    """Every confusion costs 1, so that cost-weighted error is the share that is wrong."""
    pairs = {(right, said): 1.0 for right in labels for said in labels if right != said}
    return pairs | {(right, UNSURE): unsure for right in labels}


def routing_task(costs: Costs = COSTS, labels: Sequence[str] = ROUTES) -> Task:
    """Routing, for `evaluate`: right is the gold route, letter for letter. Further columns: `said`
    (a route, "unsure" or "invalid"), `route` (the right one) and `cost`."""
    matrix = cost_matrix(costs, labels)

    def told(p: Prediction, gold: Gold) -> dict[str, object]:
        said = "invalid" if p.error or p.text not in (*labels, UNSURE) else p.text
        right, at = labels.index(gold.answers[0]), [*labels, UNSURE, INVALID].index(said)
        return {"said": said, "route": gold.answers[0], "cost": float(matrix[right, at])}

    return Task("routing", lambda p, gold: p.error is None and p.text == gold.answers[0], told)


# --- measures with intervals ----------------------------------------------------------------------


def confusion_counts(table: pd.DataFrame, labels: Sequence[str] = ROUTES) -> np.ndarray:
    """(right, said) counts, (k, k + 2): the labels, then "unsure", then "invalid"."""
    columns = [*labels, UNSURE, INVALID]
    counts = pd.crosstab(table["route"], table["said"])
    return counts.reindex(index=list(labels), columns=columns, fill_value=0).to_numpy()


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """The mean F1 of all labels, of (..., k, k + 2) counts. A label that nobody said and that was
    never right counts 0, as in scikit-learn."""
    k = counts.shape[-2]
    hits = np.einsum("...ii->...i", counts[..., :k])
    both = counts.sum(axis=-1) + counts[..., :k].sum(axis=-2)
    return (2 * hits / np.maximum(both, 1)).mean(axis=-1)


def wrong_refusals(counts: np.ndarray, labels: Sequence[str] = ROUTES) -> np.ndarray:
    """The share of requests that are refused although they should not be."""
    at = list(labels).index("refuse")
    others = [row for row in range(len(labels)) if row != at]
    return counts[..., others, at].sum(axis=-1) / np.maximum(
        counts[..., others, :].sum((-1, -2)), 1
    )


def missed_refusals(counts: np.ndarray, labels: Sequence[str] = ROUTES) -> np.ndarray:
    """The share of requests that should be refused and are routed elsewhere (asked back is not)."""
    at, k = list(labels).index("refuse"), len(labels)
    row = counts[..., at, :]
    return (row.sum(-1) - row[..., at] - row[..., k]) / np.maximum(row.sum(axis=-1), 1)


def routing_summary(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
    costs: Costs = COSTS,
    labels: Sequence[str] = ROUTES,
    seed: int = 0,
) -> pd.DataFrame:
    """One line an arm: macro-F1, cost-weighted error (mean cost of a request), wrong and missed
    refusals (where "refuse" is a label), the share asked back, and n. Each `measure` has `measure
    low` and `measure high`: a 95 % percentile bootstrap over requests (Efron 1979)."""
    named = (
        tables.items() if isinstance(tables, Mapping) else [(t["arm"].iloc[0], t) for t in tables]
    )
    measures = _measures(costs, labels)
    rows = {}
    for name, table in named:
        counts = confusion_counts(table, labels)
        drawn = _resampled(counts, np.random.default_rng(seed))
        rows[name] = {"n": len(table)}
        for measure, of in measures.items():
            low, high = np.quantile(of(drawn), [0.025, 0.975])
            rows[name] |= {
                measure: float(of(counts)),
                f"{measure} low": low,
                f"{measure} high": high,
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")


def _measures(costs: Costs, labels: Sequence[str]) -> dict:
    matrix = cost_matrix(costs, labels)
    found = {
        "macro-F1": macro_f1,
        "cost": lambda counts: (counts * matrix).sum((-1, -2)) / counts.sum((-1, -2)),
        "unsure": lambda counts: counts[..., len(labels)].sum(-1) / counts.sum((-1, -2)),
    }
    if "refuse" in labels:
        found["wrong refusals"] = lambda counts: wrong_refusals(counts, labels)
        found["missed refusals"] = lambda counts: missed_refusals(counts, labels)
    return found


def _resampled(counts: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """(DRAWS, k, k + 2) counts of requests drawn with replacement: equal requests are one cell."""
    n = int(counts.sum())
    return dice.multinomial(n, counts.ravel() / n, size=DRAWS).reshape(DRAWS, *counts.shape)


def routing_difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    measure: str = "macro-F1",
    costs: Costs = COSTS,
    labels: Sequence[str] = ROUTES,
    seed: int = 0,
) -> tuple[float, float, float]:
    """(difference, low, high) of a measure of `routing_summary`, second minus first, on the same
    requests: 95 % paired bootstrap. Raises ValueError when they are not the same."""
    if sorted(first["id"]) != sorted(second["id"]):
        raise ValueError("the two tables do not hold the same requests; evaluate both on one list")
    second = second.set_index("id").loc[first["id"]]
    k, columns = len(labels), [*labels, UNSURE, INVALID]
    right = first["route"].map(labels.index).to_numpy()
    said = [one["said"].map(columns.index).to_numpy() for one in (first, second)]
    # one request is one of k x (k + 2) x (k + 2) cells; what it does to both arms is drawn together
    shape = (k, k + 2, k + 2)
    cells = np.bincount(np.ravel_multi_index((right, *said), shape), minlength=int(np.prod(shape)))
    n, of = int(cells.sum()), _measures(costs, labels)[measure]
    gains = []
    for block in np.array_split(np.arange(DRAWS), 20):  # some megabytes at once
        dice = np.random.default_rng([seed, int(block[0])])
        drawn = dice.multinomial(n, cells / n, size=len(block)).reshape(-1, *shape)
        gains.append(of(drawn.sum(axis=2)) - of(drawn.sum(axis=3)))
    whole = cells.reshape(shape)
    low, high = np.quantile(np.concatenate(gains), [0.025, 0.975])
    return float(of(whole.sum(axis=1)) - of(whole.sum(axis=2))), float(low), float(high)


# --- calibration ----------------------------------------------------------------------------------


def reliability(confidence: Sequence[float], right: Sequence[bool], bins: int = 8) -> pd.DataFrame:
    """When the router is 80 % sure, is it right in 80 of 100? One line a bin of (nearly) equally
    many requests, the least sure first: n, mean confidence, share right with its Wilson interval.

    Equal counts (Nguyen and O'Connor 2015): bins of equal width are all but empty at the sure end's
    other side. Raises ValueError for confidences outside 0..1, or without any.
    """
    sure, hit = _pairs(confidence, right)
    lines = []
    for part in np.array_split(np.argsort(sure, kind="stable"), min(bins, len(sure))):
        low, high = wilson(int(hit[part].sum()), len(part))
        line = {"n": len(part), "confidence": sure[part].mean(), "right": hit[part].mean()}
        lines.append(line | {"low": low, "high": high})
    return pd.DataFrame(lines)


def calibration_error(
    confidence: Sequence[float], right: Sequence[bool], bins: int = 8, seed: int = 0
) -> dict[str, float]:
    """ECE: by how much do confidence and share right differ, on average over the bins of
    `reliability` (Guo et al. 2017)? `value` with a 95 % bootstrap interval low..high.

    ECE is never 0 on few requests, even of a router that is calibrated perfectly, and resampling
    adds to it: `if_calibrated` is the ECE that such a one would show on as many requests, with as
    much confidence (Bröcker and Smith 2007); a value near it is no fault.
    """
    sure, hit = _pairs(confidence, right)
    dice = np.random.default_rng(seed)
    drawn = dice.integers(len(sure), size=(1_000, len(sure)))
    low, high = np.quantile([_ece(sure[rows], hit[rows], bins) for rows in drawn], [0.025, 0.975])
    perfect = [_ece(sure, dice.random(len(sure)) < sure, bins) for _ in range(1_000)]
    return {
        "value": _ece(sure, hit, bins),
        "low": float(low),
        "high": float(high),
        "if_calibrated": float(np.mean(perfect)),
        "n": len(sure),
    }


def _pairs(confidence: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    sure, hit = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if not len(sure) or len(sure) != len(hit) or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("give one confidence from 0 to 1, and whether it was right, a request")
    return sure, hit


def _ece(sure: np.ndarray, hit: np.ndarray, bins: int) -> float:
    parts = np.array_split(np.argsort(sure, kind="stable"), min(bins, len(sure)))
    gaps = (abs(sure[part].mean() - hit[part].mean()) * len(part) for part in parts)
    return float(sum(gaps) / len(sure))
