"""Does the candidate do harm on real traffic? A small share of it, and a test that may be looked at
after every ticket.

    plan = plan_canary(share=0.2, wrong=0.3, loss=0.15, tickets=1_000)   # beforehand: stop, power
    evidence(plan, canary, wrong)         # a number after each ticket; stop when it reaches 20

Who goes to the canary is decided by a hash, so it is a coin that knows nothing of the ticket. If
both systems are wrong equally often, a wrong answer says nothing about who gave it: the canary gave
it with chance `share`, whatever came in that day. The test bets against this (Shafer, "Testing by
betting", 2021, doi 10.1111/rssa.12647). Its stake can only grow as 1 in expectation when the canary
is not worse, so it ever reaches 1 / alpha with a chance of alpha at most, however often one looks
(Ville's inequality). The bets are spread over several sizes of loss, as in a mixture SPRT (Robbins
1970; Johari et al. 2022, doi 10.1287/opre.2021.2135). An ordinary p-value, looked at every day,
cries wolf several times as often as it says.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05
SIZES = (0.5, 1.0, 2.0)  # the losses that are bet on, in multiples of the planned one
RUNS = 1_000  # simulated canaries behind a plan: its power is exact to a point or so


@dataclass(frozen=True)
class CanaryPlan:
    """What was fixed before the first ticket. Shares are 0..1.

    share: of the traffic that goes to the canary. wrong: how often the champion is wrong. loss: how
    much more often the canary would be, if it is to be stopped. tickets: of all traffic, after
    which the canary ends. alpha: the chance of stopping a harmless one, at most. power: the chance
    of stopping one that is worse by `loss`; stops_after: tickets of all traffic until half of those
    are stopped (None: less than half are).
    """

    share: float
    wrong: float
    loss: float
    tickets: int
    alpha: float
    power: float
    stops_after: int | None

    def __repr__(self) -> str:
        return (
            f"{100 * self.share:.0f} % of {self.tickets} tickets; stop when the evidence reaches"
            f" {1 / self.alpha:.0f}: a canary that is wrong {100 * self.loss:.0f} points more often"
            f" is stopped {100 * self.power:.0f} times in 100"
            + (f", half of them by ticket {self.stops_after}" if self.stops_after else "")
            + f", a harmless one {100 * self.alpha:.0f} times at most"
        )


@dataclass(frozen=True, eq=False)
class CanaryReport:
    """What became of a canary: the evidence after each ticket, and at which it was stopped."""

    plan: CanaryPlan
    canary: np.ndarray
    wrong: np.ndarray
    evidence: np.ndarray
    stopped_at: int | None

    @property
    def passed(self) -> bool:
        return self.stopped_at is None

    def __repr__(self) -> str:
        rates = [
            f"{100 * self.wrong[who].mean():.0f} % of {int(who.sum())} wrong"
            if who.any()
            else "none"
            for who in (self.canary, ~self.canary)
        ]
        what = (
            f"no harm shown in {len(self.wrong)} tickets"
            if self.passed
            else f"stopped at ticket {self.stopped_at} of {self.plan.tickets}"
        )
        return (
            f"{what}: canary {rates[0]}, champion {rates[1]}; evidence at most"
            f" {self.evidence.max():.3g} of {1 / self.plan.alpha:.0f}"
        )


def in_canary(key: str, share: float, salt: str = "") -> bool:
    """Does this customer (or ticket) go to the canary? By a hash of the key: always the same
    answer, on every machine. salt: the id of the candidate, so that no customer is always first."""
    digest = hashlib.sha256(f"{salt}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


@functools.lru_cache(maxsize=1024)
def plan_canary(
    share: float,
    wrong: float,
    loss: float,
    tickets: int,
    alpha: float = ALPHA,
    seed: int = 0,
) -> CanaryPlan:
    """What would this canary stop, and when? The power is simulated; that a harmless one passes
    rests on the proof. Raises ValueError for numbers that are no shares."""
    if not (0 < share < 1 and 0 < wrong < 1 and 0 < loss <= 1 - wrong and 0 < alpha < 1):
        raise ValueError(
            "share, wrong, loss and alpha are shares between 0 and 1, and wrong + loss at most 1;"
            f" got {share}, {wrong}, {loss}, {alpha}"
        )
    plan = CanaryPlan(share, wrong, loss, tickets, alpha, 0.0, None)
    dice = np.random.default_rng(seed)
    canary = dice.random((RUNS, tickets), np.float32) < share
    chance = np.where(canary, np.float32(wrong + loss), np.float32(wrong))
    harm = dice.random((RUNS, tickets), np.float32) < chance
    crossed = np.sort(first_crossing(evidence(plan, canary, harm), alpha))
    stopped, middle = crossed < tickets, int(crossed[len(crossed) // 2])
    after = middle + 1 if middle < tickets else None
    return CanaryPlan(share, wrong, loss, tickets, alpha, float(stopped.mean()), after)


def evidence(plan: CanaryPlan, canary: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """How strong is the evidence that the canary is worse, after each ticket? canary, wrong: (...,
    tickets) of bool; the same shape comes back. 1 is none; at 1 / alpha one stops.

    Where the canary is wrong no more often than the champion, the expectation of every factor is at
    most 1, given all before it; `plan.wrong` and `plan.loss` only decide how fast harm is found.
    """
    # which of four things happened: 2 x it was the canary's, plus 1 if it was wrong
    what = 2 * np.asarray(canary, np.uint8) + np.asarray(wrong, bool)
    stakes = np.zeros(what.shape)
    for size in SIZES:
        worse = min(1 - 1e-6, plan.wrong + size * plan.loss)
        # who gave a wrong answer, and who a right one, if the canary is worse by this much
        bad = plan.share * worse
        bad /= bad + (1 - plan.share) * plan.wrong
        good = plan.share * (1 - worse)
        good /= good + (1 - plan.share) * (1 - plan.wrong)
        factors = np.array([1 - good, 1 - bad, good, bad])
        factors /= [1 - plan.share, 1 - plan.share, plan.share, plan.share]
        path = np.log(factors)[what]
        stakes += np.exp(np.cumsum(path, axis=-1, out=path), out=path) / len(SIZES)
    return stakes


def first_crossing(stakes: np.ndarray, alpha: float) -> np.ndarray:
    """The index of the first ticket at which the evidence reaches 1 / alpha; the number of tickets
    where it never does. stakes: (..., tickets)."""
    reached = np.asarray(stakes) >= 1 / alpha
    return np.where(reached.any(-1), reached.argmax(-1), reached.shape[-1])


def replay(
    plan: CanaryPlan,
    keys: Sequence[str],
    champion_right: Sequence[bool],
    candidate_right: Sequence[bool],
    salt: str = "",
) -> CanaryReport:
    """What would the canary have said on tickets whose answers by both are known? keys: one a
    ticket, in the order in which they came. Ends at `plan.tickets`, or where it is stopped."""
    keys = list(keys)[: plan.tickets]
    canary = np.array([in_canary(key, plan.share, salt) for key in keys], bool)
    right = np.where(canary, candidate_right[: len(keys)], champion_right[: len(keys)])
    wrong = ~right.astype(bool)
    stakes = evidence(plan, canary, wrong)
    at = int(first_crossing(stakes, plan.alpha))
    if at == len(keys):
        return CanaryReport(plan, canary, wrong, stakes, None)
    end = at + 1
    return CanaryReport(plan, canary[:end], wrong[:end], stakes[:end], end)


@dataclass(frozen=True, eq=False)
class CanaryWhatIf:
    """One canary that was tried on replayed tickets: who, the plan, and what became of it."""

    candidate: str
    report: CanaryReport

    @property
    def plan(self) -> CanaryPlan:
        return self.report.plan

    def sentence(self) -> str:
        """The plan in words, and what happened."""
        return f"Planned: {self.plan}. {self.candidate}: {self.report}."


def what_if(
    right: Mapping[str, Sequence[bool]],
    candidate: str,
    share: float = 0.2,
    loss: float = 0.15,
    tickets: int = 1_500,
    seed: int = 10,
) -> CanaryWhatIf:
    """What would have become of this canary? The tickets whose answers are known are drawn again
    and again as traffic, one customer each.

    right: of the champion, which must be there under that name, and of the candidates, one flag a
    ticket. loss: what the plan bets on; it is cut where the champion is wrong too often for it.
    """
    flags = {name: np.asarray(right[name], bool) for name in ("champion", candidate)}
    wrong = round(1 - float(flags["champion"].mean()), 3)
    plan = plan_canary(share, wrong, round(min(loss, 0.9 * (1 - wrong)), 3), tickets)
    drawn = np.random.default_rng(seed).integers(0, len(flags["champion"]), tickets)
    customers = [f"customer {i}" for i in range(tickets)]
    traffic = (flags["champion"][drawn], flags[candidate][drawn])
    return CanaryWhatIf(candidate, replay(plan, customers, *traffic, salt=candidate))
