"""Is the traffic still what the system was tested on? Four questions about a window of tickets,
against a reference window: what they say, what the system makes of them, what it refuses, and what
it spoils.

    monitor = Monitor(reference)           # tickets from the time of the gate
    monitor.look(window)                   # a p-value for each signal; an alarm, and which signal

The first is a classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545): if a
classifier can tell the window from the reference better than chance, they differ. It needs no
labels and no answers. Every p-value comes from exchanging tickets between the two sides, so it is
exact for any size; the level is shared among the signals (Bonferroni).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pandas as pd

from helpers.core.cases import Arm, Case
from helpers.retrieval.embedding import embed_cached

T = TypeVar("T")  # a ticket
DAYS = 3  # that a window holds
ALPHA = 0.05  # a window without drift gives an alarm this often, at most, all signals together
DRAWS = 399  # exchanges behind a p-value: 1 / 400 is the smallest
RIDGE = 1.0  # penalty of the classifier; vectors have length 1, so this shrinks weak directions


@dataclass(frozen=True, eq=False)
class Window:
    """Tickets of some days, as the monitor sees them. vectors: (n, dimensions) of length 1; labels:
    what the system answered, one of a few values; refused, invalid: one flag each. What a system
    has not got stays empty and is not tested."""

    vectors: np.ndarray | None = None
    labels: Sequence[str] = ()
    refused: Sequence[bool] = ()
    invalid: Sequence[bool] = ()


def window_of(cases: Sequence[Case], arm: Arm, field: str) -> Window:
    """The window of some tickets: the vectors of their texts, and what the arm answers in a field.
    No label is looked at."""
    asks = [case.ask for case in cases]
    said = [str(json.loads(prediction.text)[field]) for prediction in arm(asks)]
    return Window(embed_cached([ask.input for ask in asks])[0], said)


@dataclass(frozen=True)
class Look:
    """One look at a window: the p-value of each signal, and those below the level."""

    p: dict[str, float]
    alpha: float
    auc: float | None = None

    @property
    def alarms(self) -> list[str]:
        return [name for name, p in self.p.items() if p <= self.alpha / len(self.p)]

    def __repr__(self) -> str:
        found = ", ".join(f"{name} p = {p:.4f}" for name, p in self.p.items())
        return f"{'ALARM by ' + ', '.join(self.alarms) if self.alarms else 'no alarm'} ({found})"


@dataclass(frozen=True, eq=False)
class Monitor:
    """Watches windows against one reference. alpha: how often a window without drift may give an
    alarm, all signals together."""

    reference: Window
    alpha: float = ALPHA
    draws: int = DRAWS
    seed: int = 0
    signals: tuple[str, ...] = field(default=("text", "labels", "refused", "invalid"))

    def look(self, window: Window) -> Look:
        """What do the signals say about this window? Raises ValueError when nothing can be
        compared."""
        here, p, auc = self.reference, {}, None
        if "text" in self.signals and here.vectors is not None and window.vectors is not None:
            p["text"], auc = text_test(here.vectors, window.vectors, self.draws, self.seed)
        if "labels" in self.signals and len(here.labels) and len(window.labels):
            p["labels"] = mix_test(here.labels, window.labels, self.draws, self.seed)
        for name in ("refused", "invalid"):
            before, now = getattr(here, name), getattr(window, name)
            if name in self.signals and len(before) and len(now):
                p[name] = rate_test(sum(before), len(before), sum(now), len(now))
        if not p:
            raise ValueError("the window and the reference have no signal in common")
        return Look(p, self.alpha, auc)


def text_test(
    reference: np.ndarray, window: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """(p, AUC): can a classifier tell the messages of the window from those of the reference?
    Vectors (n, dimensions) in, of length 1.

    A linear classifier (least squares with a penalty), judged on tickets that it has not seen: each
    one's score is that of the classifier without it, in closed form. AUC: how often a ticket of the
    window scores above one of the reference; under 0.5 by a little if there is nothing to find.
    """
    joined = np.vstack([reference, window]).astype(float)
    n, m = len(joined), len(window)
    # scores of all tickets under any labels y: H y, with an intercept that is not penalised
    centred = joined - joined.mean(0)
    gram = centred @ centred.T  # (n, n)
    hat = np.linalg.solve(gram + RIDGE * np.eye(n), gram) + 1 / n
    truth = np.zeros((n, draws + 1))
    truth[n - m :, 0] = 1.0
    dice = np.random.default_rng(seed)
    truth[:, 1:] = dice.permuted(np.tile(truth[:, :1], draws), axis=0)
    # without itself: (H y - h y) / (1 - h), h the diagonal of H
    own = hat.diagonal()[:, None]
    scores = (hat @ truth - own * truth) / (1 - own)  # (n, draws + 1)
    # AUC from the sum of ranks of the window's tickets (Mann and Whitney)
    ordered = np.take_along_axis(truth, scores.argsort(0), axis=0)
    auc = (np.arange(1, n + 1) @ ordered - m * (m + 1) / 2) / (m * (n - m))
    return float((auc >= auc[0] - 1e-12).mean()), float(auc[0])


def mix_test(
    reference: Sequence[str], window: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> float:
    """Are the values mixed as before? p of Pearson's chi-square statistic, by exchanging tickets
    between the two sides."""
    values = sorted({*reference, *window})
    before, now = (np.array([list(side).count(v) for v in values]) for side in (reference, window))
    total, m = before + now, int(now.sum())
    dice = np.random.default_rng(seed)
    drawn = np.vstack([now, dice.multivariate_hypergeometric(total, m, size=draws)])
    expected = total * m / total.sum()
    # the other side's part is proportional, so one side decides the order
    statistic = ((drawn - expected) ** 2 / expected).sum(1)
    return float((statistic >= statistic[0] - 1e-9).mean())


def rate_test(before: int, n_before: int, now: int, n_now: int) -> float:
    """Is this share another than before? Fisher's exact p, two-sided."""
    from scipy.stats import fisher_exact

    return float(fisher_exact([[before, n_before - before], [now, n_now - now]]).pvalue)


def false_alarms(
    monitor: Monitor, windows: Iterable[Window], reference: Callable[[int], Window] | None = None
) -> float:
    """On which share of windows without drift does the monitor cry? reference: another reference
    for window i, so that one odd reference does not decide."""
    cried = [
        bool((Monitor(reference(i), *_how(monitor)) if reference else monitor).look(w).alarms)
        for i, w in enumerate(windows)
    ]
    return float(np.mean(cried))


def _how(monitor: Monitor) -> tuple:
    return monitor.alpha, monitor.draws, monitor.seed, monitor.signals


def watch(
    monitor: Monitor, tickets: Sequence[tuple[dt.date, T]], window: Callable[[list[T]], Window]
) -> pd.DataFrame:
    """One look a day, at the tickets of this day and the two before it. tickets: (day, ticket);
    window: makes a Window of some. Columns: day, the p-value of each signal, alarm."""
    rows = []
    for day in sorted({day for day, _ in tickets}):
        since = day - dt.timedelta(days=DAYS - 1)
        look = monitor.look(window([ticket for at, ticket in tickets if since <= at <= day]))
        rows.append({"day": day, **look.p, "alarm": bool(look.alarms)})
    return pd.DataFrame(rows)


def first_alarm(looks: pd.DataFrame, since: object) -> int | None:
    """How many days after `since` was the first alarm? looks: a line a day, in order, with columns
    day and alarm; 0 is the day itself, None: never."""
    later = looks[looks["day"] >= since]
    fired = later["alarm"].to_numpy(bool)
    return int(fired.argmax()) if fired.any() else None
