"""What would more labels likely buy? A learning curve through measured sizes, and what it says,
with its uncertainty, about sizes that were not measured.

The curve is the inverse power law share(n) = top - fall * n ** -power (Hestness et al. 2017, arXiv
1712.00409), kept within 0..1, with fall >= 0 and 0.02 <= power <= 2. `top` may lie above 1: a curve
that still climbs like a logarithm looks like that, and top is then no promise. The curve climbs or
stands still, never falls. Between sizes that were measured nothing is assumed: there the shares are
joined by straight lines over log n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.evaluation.bits import Bits, to_flags
from helpers.evaluation.comparison import cases_to_settle

POWERS = np.geomspace(0.02, 2, 40)
HIGHEST = 3.0  # of top
DRAWS = 2_000
LEAST_SIZES = 4  # a curve of three numbers goes through any three points
SHOWS = 0.005  # a gain whose interval begins below half a point cannot be told from none


@dataclass(frozen=True)
class Gain:
    """What `more` labels buy on top of `at`, in shares, with a 95 % interval.

    detectable: the interval begins above SHOWS. n_to_see: dev tickets on which the gain would
    show, four times of five."""

    at: int
    more: int
    gain: float
    low: float
    high: float
    detectable: bool
    why: str
    n_to_see: int | None

    def __str__(self) -> str:
        what = f"{self.more} more labels after {self.at}"
        if math.isnan(self.gain):
            return f"{what}: cannot tell. {self.why}"
        said = (
            f"{what}: {100 * self.gain:+.1f} points ({100 * self.low:+.1f} to"
            f" {100 * self.high:+.1f}), {self.why}"
        )
        see = (
            f" To see a gain of that size, about {self.n_to_see:,} dev tickets would have to"
            " judge it."
            if self.n_to_see
            else ""
        )
        return said + ("." if self.detectable else "; cannot tell it from zero.") + see

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Curve:
    """A learning curve. fit: (top, fall, power); draws: (draws, 3) of the same; measured: (draws,
    sizes) shares; all None when `why` says why not."""

    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    n: int
    seeds: int
    fit: np.ndarray | None = None
    draws: np.ndarray | None = None
    measured: np.ndarray | None = None
    why: str = ""

    def at(self, rows: float) -> tuple[float, float, float]:
        """(share, low, high) of the curve at this size, 95 %; (nan, 0, 1) when there is none."""
        if self.fit is None:
            return math.nan, 0.0, 1.0
        low, high = np.quantile(value(self.draws, rows), [0.025, 0.975])
        return float(value(self.fit, rows)), float(low), float(high)

    def gain(self, at: int, more: int = 50) -> Gain:
        """What would `more` labels buy on top of `at`? Every draw of the bootstrap answers, so
        tickets and seeds that moved both sizes cancel out.

        In 1,200 simulated labs (six sizes, three seeds, 60 tickets; the tests simulate some again)
        the interval after the last size held the truth at least 99 times in 100 where that was a
        power law or flat, 94 where it was a logarithm, 90 where it was S-shaped.
        """
        if self.fit is None:
            return Gain(at, more, math.nan, -1.0, 1.0, False, self.why, None)
        between = self.sizes[0] <= at and at + more <= self.sizes[-1]
        if between:
            gains, gain = (
                self._joined(s, at + more) - self._joined(s, at)
                for s in (self.measured, np.array([self.shares]))
            )
        else:
            gains, gain = (value(p, at + more) - value(p, at) for p in (self.draws, self.fit[None]))
        (low, high), gain = (float(x) for x in np.quantile(gains, [0.025, 0.975])), float(gain[0])
        share = min(max(self.at(at)[0], 0.0), 1.0)
        # of a difference, were the two sizes right on tickets of their own
        half = 1.96 * math.sqrt(2 * share * (1 - share) / self.n)
        see = cases_to_settle(gain, half, self.n) if gain >= 0.0005 and half else None
        why = "between sizes that were measured" if between else "if the curve continues as before"
        # two digits, for it is a rough number
        return Gain(
            at, more, gain, low, high, low >= SHOWS, why, see and round(see, 2 - len(str(see)))
        )

    def _joined(self, shares: np.ndarray, rows: int) -> np.ndarray:
        """The shares (…, sizes) between measured sizes: straight lines over log n."""
        logs = np.log(self.sizes)
        right = min(max(1, int(np.searchsorted(self.sizes, rows))), len(self.sizes) - 1)
        part = (math.log(rows) - logs[right - 1]) / (logs[right] - logs[right - 1])
        return (1 - part) * shares[:, right - 1] + part * shares[:, right]


def value(parameters: np.ndarray, rows: float) -> np.ndarray:
    """The curve at this size, kept within 0..1. parameters: (…, 3)."""
    return np.clip(
        parameters[..., 0] - parameters[..., 1] * float(rows) ** -parameters[..., 2], 0, 1
    )


def power_law(sizes: Sequence[int], shares: np.ndarray) -> np.ndarray:
    """The least-squares (top, fall, power) for each line of `shares` (draws, sizes), within the
    limits of the curve: (draws, 3).

    For one power the rest is a straight line through (n ** -power, share), which has a closed form;
    all POWERS are tried. So nothing can fail to converge, and a thousand curves take some
    milliseconds.
    """
    x = np.array(sizes, dtype=float)[None, :] ** -POWERS[:, None]  # (powers, sizes)
    centred = x - x.mean(axis=1)[:, None]
    fall = np.maximum(0.0, -(shares @ centred.T) / (centred**2).sum(axis=1))  # (draws, powers)
    top = shares.mean(axis=1)[:, None] + fall * x.mean(axis=1)
    # the best fall where top is held at its highest
    held = np.maximum(0.0, ((HIGHEST - shares) @ x.T) / (x**2).sum(axis=1))
    fall, top = np.where(top > HIGHEST, held, fall), np.clip(top, 0, HIGHEST)
    # (draws, powers, sizes)
    missed = shares[:, None, :] - (top[:, :, None] - fall[:, :, None] * x[None])
    each, best = np.arange(len(shares)), (missed**2).sum(axis=2).argmin(axis=1)
    return np.stack([top[each, best], fall[each, best], POWERS[best]], axis=1)


def learning_curve(
    points: Mapping[int, Sequence[Bits]], seed: int = 0, draws: int = DRAWS
) -> Curve:
    """The curve through measured sizes. points: size -> the bits of each seed, over the same
    tickets.

    The interval comes from a bootstrap: tickets are resampled, the same for all sizes, and each
    size moves by its seed noise (one standard deviation for all sizes, because three seeds say
    little about their own), by what the curve misses, or by half a ticket, whichever is most. Sizes
    below the first at which anything was right are left out: there learning had not begun, and a
    power law does not know that. Size 0 never counts. Raises ValueError when the strings differ in
    length.
    """
    points = {int(rows): list(bits) for rows, bits in sorted(points.items()) if rows > 0}
    if len({len(bits) for strings in points.values() for bits in strings}) > 1:
        raise ValueError(
            "the sizes were judged on different numbers of tickets; a learning curve needs the same"
            " tickets at every size"
        )
    while points and not any("1" in bits for bits in next(iter(points.values()))):
        points.pop(next(iter(points)))
    # each (seeds, tickets)
    tables = [
        np.array([to_flags(bits) for bits in strings], dtype=float) for strings in points.values()
    ]
    sizes, shares = tuple(points), tuple(float(table.mean()) for table in tables)
    n, seeds = (tables[0].shape[1], min(map(len, tables))) if tables else (0, 0)
    if why := _why_not(shares):
        return Curve(sizes, shares, n, seeds, why=why)
    dice, fit = np.random.default_rng(seed), power_law(sizes, np.array([shares]))[0]
    weights = dice.multinomial(n, np.full(n, 1 / n), size=draws) / n  # (draws, tickets)
    drawn = np.stack([weights @ table.mean(axis=0) for table in tables], axis=1)  # (draws, sizes)
    means = [table.mean(axis=1) for table in tables]
    freedom = max(1, sum(len(m) - 1 for m in means))
    deviation = math.sqrt(sum(((m - m.mean()) ** 2).sum() for m in means) / freedom)
    missed = math.sqrt(
        sum(
            (float(value(fit, size)) - share) ** 2
            for size, share in zip(sizes, shares, strict=True)
        )
        / (len(sizes) - 3)
    )
    drawn = drawn + dice.standard_t(freedom, drawn.shape) * np.maximum(
        max(missed, 0.5 / n), deviation / np.sqrt([len(table) for table in tables])
    )
    return Curve(sizes, shares, n, seeds, fit, power_law(sizes, drawn), drawn)


def _why_not(shares: Sequence[float]) -> str:
    if not shares:
        return "Nothing was right at any size, so nothing says where learning would begin."
    if len(shares) < LEAST_SIZES:
        return (
            f"Something was right at {len(shares)} size{'s' * (len(shares) > 1)} only; a curve"
            f" needs {LEAST_SIZES}, for a curve of three numbers goes through any three points."
        )
    return (
        "Everything was right at every size: these tickets are too easy to show a difference."
        if min(shares) == 1
        else ""
    )
