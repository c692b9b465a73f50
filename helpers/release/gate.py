"""May this candidate replace the champion? A paired comparison with a margin that was set
beforehand, a look at every slice, and hard stops.

    plan = plan_gate(n=125, discordant=0.12, slices={"billing": 16, ...})   # before any candidate
    gate(plan, champion, candidate, slices, hard_stops)

The candidate has to show that it is not worse by the margin (non-inferiority): a gate that asks
"is it significantly worse?" passes everything on a small set. What it can stop depends on n, so
the plan states the smallest loss that this many cases stop 95 times in 100 while they pass an equal
candidate 95 times in 100. No model is needed: the gate reads which cases were right.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

# One-sided, as trials of non-inferiority are judged (ICH E9): the 95 % interval must lie above the
# margin.
LEVEL = 0.975
STOPS = PASSES = 0.95  # promised: of candidates worse by the margin, and of equal ones
FOR_SLICES = 0.025  # of equal candidates may be stopped by a slice, all slices together
STEP = 0.0025  # margins are searched in quarters of a point


@dataclass(frozen=True)
class GatePlan:
    """What was fixed before a candidate was seen. Shares are 0..1.

    discordant: the share of cases that two equally good systems get differently right (measured on
    two seeds of one recipe). margin: the loss that is too much. smallest: the smallest loss that n
    can stop at 95/95. slice_losses: the same for each slice, None where its cases are too few to
    stop anything surely. stops, passes: the chances with this margin, exactly.
    """

    n: int
    discordant: float
    margin: float
    smallest: float
    slices: dict[str, int]
    slice_losses: dict[str, float | None]
    stops: float
    passes: float

    @property
    def slice_level(self) -> float:
        return FOR_SLICES / max(1, len(self.slices))

    def __repr__(self) -> str:
        able = f"{self.n} cases can stop a loss of {100 * self.smallest:.1f} points or more"
        if self.margin >= self.smallest:
            return (
                f"margin {100 * self.margin:.1f} points; {able}, 95 times in 100, and pass an"
                " equally good candidate as often"
            )
        return (
            f"margin {100 * self.margin:.1f} points, but {able}: with this margin equal candidates"
            f" pass {100 * self.passes:.0f} times in 100; add cases"
        )


@dataclass(frozen=True)
class HardStop:
    """Something of which no average makes up for. events: how often it happened in n tries;
    allowed: the largest share that is bearable, 0 for never."""

    name: str
    events: int
    n: int
    allowed: float = 0.0

    @classmethod
    def counted(cls, name: str, flags: Sequence[bool], allowed: float = 0.0) -> HardStop:
        """From one flag a try, true where it happened."""
        return cls(name, sum(map(bool, flags)), len(flags), allowed)

    @property
    def stops(self) -> bool:
        return self.n == 0 or self.events > self.allowed * self.n

    def __str__(self) -> str:
        if self.n == 0:
            return f"{self.name}: not measured, and what was not measured does not pass"
        return f"{self.name}: {self.events} of {self.n}, allowed {100 * self.allowed:.0f} %"


@dataclass(frozen=True)
class GateVerdict:
    """May it pass, and if not, why? difference: candidate minus champion, with its one-sided lower
    bound; table: one line a slice; reasons: empty when it passes."""

    plan: GatePlan
    lost: int
    gained: int
    difference: float
    low: float
    table: pd.DataFrame
    hard_stops: tuple[HardStop, ...]
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def surely_better(self) -> bool:
        """Not only no worse: the whole interval lies above zero."""
        return self.low > 0

    def shown(self) -> pd.DataFrame:
        """The table of slices as a reader wants it: shares as percentages."""
        shares = ["champion", "candidate", "can stop a loss of"]
        percents = self.table[shares].map(lambda x: "–" if pd.isna(x) else f"{100 * x:.0f} %")
        return self.table.assign(**percents, p=self.table["p"].round(3)).set_index("slice")

    def __repr__(self) -> str:
        head = (
            f"{'PASS' if self.passed else 'STOP'}: {100 * self.difference:+.1f} points (surely"
            f" above {100 * self.low:+.1f}; margin {-100 * self.plan.margin:+.1f}),"
            f" {self.lost} cases lost and {self.gained} gained of {self.plan.n}"
            f"{'; surely better' if self.surely_better else ''}"
        )
        return "\n".join([head, *(f"  {reason}" for reason in self.reasons)])


def plan_gate(
    n: int,
    discordant: float,
    slices: Mapping[str, int] | None = None,
    margin: float | None = None,
) -> GatePlan:
    """What can a gate on n cases promise? margin: the loss that is too much; by default the
    smallest that n can stop. Raises ValueError for numbers that are no shares."""
    if not 0 < discordant <= 1 or n < 1:
        raise ValueError(f"discordant is a share above 0, n a count; got {discordant} and {n}")
    slices = dict(slices or {})
    smallest = smallest_loss(n, discordant)
    margin = smallest if margin is None else margin
    if not 0 < margin < 1:
        raise ValueError(f"the margin is a share between 0 and 1; got {margin}")
    level = FOR_SLICES / max(1, len(slices))
    return GatePlan(
        n,
        discordant,
        margin,
        smallest,
        slices,
        {name: smallest_slice_loss(size, discordant, level) for name, size in slices.items()},
        1 - max(chance_of_passing(n, margin, margin, d) for d in _mixed(discordant, margin)),
        chance_of_passing(n, margin, 0.0, discordant) - (FOR_SLICES if slices else 0.0),
    )


def gate(
    plan: GatePlan,
    champion: Mapping[str, bool],
    candidate: Mapping[str, bool],
    slices: Mapping[str, Collection[str]],
    hard_stops: Sequence[HardStop] = (),
) -> GateVerdict:
    """Judge a candidate by the plan. champion, candidate: case id -> was it right; slices: name ->
    ids. Raises ValueError when cases or slices are not those of the plan."""
    if set(champion) != set(candidate) or len(champion) != plan.n:
        raise ValueError(
            f"the plan is for {plan.n} cases, the champion has {len(champion)} and the candidate"
            f" {len(candidate)}; evaluate both on the planned list"
        )
    if {name: len(ids) for name, ids in slices.items()} != plan.slices:
        raise ValueError("the slices are not those of the plan; plan them beforehand")
    lost, gained = _discordant(champion, candidate, champion)
    low, reasons = lower_bound(lost, gained, plan.n), []
    if low <= -plan.margin:
        reasons.append(
            f"all cases: a loss of {100 * plan.margin:.1f} points cannot be excluded"
            f" (the difference is surely above {100 * low:+.1f} only)"
        )
    rows = []
    for name, ids in slices.items():
        worse, better = _discordant(champion, candidate, ids)
        p = float(sign_test(worse, better))
        rows.append(
            {
                "slice": name,
                "n": len(ids),
                "champion": sum(champion[i] for i in ids) / len(ids),
                "candidate": sum(candidate[i] for i in ids) / len(ids),
                "lost": worse,
                "gained": better,
                "p": p,
                "can stop a loss of": plan.slice_losses[name],
                "stops": p <= plan.slice_level,
            }
        )
        if p <= plan.slice_level:
            reasons.append(f"slice {name}: {worse} cases lost, {better} gained (p = {p:.4f})")
    reasons += [f"hard stop {stop}" for stop in hard_stops if stop.stops]
    return GateVerdict(
        plan,
        lost,
        gained,
        (gained - lost) / plan.n,
        low,
        pd.DataFrame(rows),
        tuple(hard_stops),
        tuple(reasons),
    )


def _discordant(
    champion: Mapping[str, bool], candidate: Mapping[str, bool], ids: Collection[str]
) -> tuple[int, int]:
    lost = sum(champion[i] and not candidate[i] for i in ids)
    return lost, sum(candidate[i] and not champion[i] for i in ids)


# --- the tests behind it --------------------------------------------------------------------------


def score(lost: np.ndarray, gained: np.ndarray, n: int, margin: float) -> np.ndarray:
    """How far above a loss of `margin` is what was seen, in standard errors? Tango's score for
    paired shares (Statistics in Medicine 17, 1998, 891-908); with margin 0 it is McNemar's.

    lost, gained: counts of cases that only the champion, or only the candidate, has right.
    """
    lost, gained = np.asarray(lost, float), np.asarray(gained, float)
    # the likeliest chance of a gain if the true loss were the margin: the root of
    # 2n q² − b q − gained · margin (1 − margin) = 0
    b = gained * (1 - margin) + lost * (1 + margin) - 2 * n * margin
    q = (b + np.sqrt(b**2 + 8 * n * gained * margin * (1 - margin))) / (4 * n)
    spread = np.sqrt(np.maximum(n * (2 * q + margin - margin**2), 1e-12))
    return (gained - lost + n * margin) / spread


def lower_bound(lost: int, gained: int, n: int, level: float = LEVEL) -> float:
    """Above which difference does the candidate surely lie (one-sided)? Where `score` meets the
    level; from -1 to 1."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    def distance(loss: float) -> float:
        # a negative loss is a gain: then the roles change
        if loss >= 0:
            return float(score(lost, gained, n, loss)) - z
        return -float(score(gained, lost, n, -loss)) - z

    z, edge = float(norm.ppf(level)), 1 - 1e-9
    return -brentq(distance, -edge, edge) if distance(-edge) < 0 < distance(edge) else -1.0


def sign_test(lost: np.ndarray | int, gained: np.ndarray | int) -> np.ndarray:
    """If neither were better, how often would as many of the discordant cases be losses? Exact and
    one-sided; 1 without any."""
    from scipy.stats import binom

    lost, gained = np.asarray(lost), np.asarray(gained)
    return np.where(lost == 0, 1.0, binom.sf(lost - 1, lost + gained, 0.5))


def power(plan: GatePlan, points: int = 25) -> pd.DataFrame:
    """How often does a candidate pass that truly loses so much? Columns loss and passes, shares,
    from no loss to one and a half margins (30 points at most): what the test set is worth."""
    losses = np.linspace(0, min(0.3, 1.5 * plan.margin), points)
    # what is lost differs from the champion, too
    passes = [
        chance_of_passing(plan.n, plan.margin, loss, max(plan.discordant, loss)) for loss in losses
    ]
    return pd.DataFrame({"loss": losses, "passes": passes})


# --- what it can promise --------------------------------------------------------------------------


def chance_of_passing(n: int, margin: float, loss: float, discordant: float) -> float:
    """How often does a candidate that truly loses `loss` pass a gate on n cases? Exactly: over all
    outcomes, not by simulation. discordant: the share of cases that the two get differently right.
    """
    lost, gained, passes = _passing(n, round(margin, 9))
    chances = (discordant + loss) / 2, (discordant - loss) / 2, 1 - discordant
    return float(np.exp(_log_chance(n, lost, gained, chances))[passes].sum())


def smallest_loss(n: int, discordant: float) -> float:
    """The smallest margin with which n cases stop a candidate that loses it 95 times in 100, and
    pass an equal one 95 times in 100 (with what the slices may cost)."""

    def able(margin: float) -> bool:
        stops = all(
            chance_of_passing(n, margin, margin, d) <= 1 - STOPS for d in _mixed(discordant, margin)
        )
        return stops and chance_of_passing(n, margin, 0.0, discordant) >= PASSES + FOR_SLICES

    from scipy.stats import norm

    # the normal approximation says where to start looking
    about = 2 * float(norm.ppf(LEVEL)) * math.sqrt(discordant / n)
    steps = range(max(1, int(0.6 * about / STEP)), int(1 / STEP))
    return next((k * STEP for k in steps if able(k * STEP)), 1.0)


def smallest_slice_loss(n: int, discordant: float, level: float) -> float | None:
    """The smallest loss in a slice of n cases that the sign test stops 95 times in 100; None where
    even the loss of every case might pass."""
    lost, gained = _outcomes(n)
    p = sign_test(lost, gained)
    for k in range(1, 101):
        loss = k / 100
        chances = loss + _gains(discordant, loss), _gains(discordant, loss), 0.0
        chances = (*chances[:2], max(0.0, 1 - sum(chances[:2])))
        if np.exp(_log_chance(n, lost, gained, chances))[p <= level].sum() >= STOPS:
            return loss
    return None


def _gains(discordant: float, loss: float) -> float:
    return min(max(0.0, (discordant - loss) / 2), (1 - loss) / 2)


def _mixed(discordant: float, loss: float) -> list[float]:
    """A worse candidate may also differ more: the shares of discordant cases to reckon with."""
    least = max(discordant, loss)
    return [min(1.0, least + extra) for extra in (0.0, loss, 2 * loss)]


def _outcomes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """All (lost, gained) with lost + gained <= n, as two arrays."""
    lost, gained = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = lost + gained <= n
    return lost[possible], gained[possible]


@functools.lru_cache(maxsize=256)
def _passing(n: int, margin: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.stats import norm

    lost, gained = _outcomes(n)
    return lost, gained, score(lost, gained, n, margin) > norm.ppf(LEVEL)


def _log_chance(
    n: int, lost: np.ndarray, gained: np.ndarray, chances: tuple[float, float, float]
) -> np.ndarray:
    """Logarithm of the multinomial chance of each outcome."""
    from scipy.special import gammaln, xlogy

    counts = (lost, gained, n - lost - gained)
    return gammaln(n + 1) + sum(
        xlogy(k, p) - gammaln(k + 1) for k, p in zip(counts, chances, strict=True)
    )
