"""Which arm is asked what next, so that the minutes settle the most? Baselines, then the arm that
can decide, then what it is compared with, each on as many cases as the interval needs.

Every arm sees the same first cases, so any two can be compared case by case whenever the time ends.
A pair whose difference is clear gets no more minutes while another is open. What would not end in
time is not begun; what was begun and does not end is stopped. Both are said, with the time that
they would take.
"""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core.cases import Arm, Case
from helpers.core.files import write_whole
from helpers.evaluation.comparison import Comparison, compare
from helpers.evaluation.evaluator import Task, evaluate
from helpers.models.endpoint import NobodyThereError
from helpers.models.weights import WeightsError

# the cases at which the first rounds end (two show the pace), and then: 32, 64, …
FIRST, NEXT = (2, 8), 32
# cases handed to an arm together: between such groups the clock is looked at, and a group is always
# the same, so answers are
AT_ONCE = 8
# of the minutes, for the report: this share, at least so many seconds, at most that share
KEEP_BACK, KEEP_BACK_SECONDS, KEEP_BACK_MOST = 0.06, 6, 0.25
# whose turn it is: the arm that can decide, what it is compared with, what explains, what would be
# nice to know
DECIDES, COMPARED, EXPLAINS, LAST = range(4)
# of the time left: getting ready that takes more would leave too little to measure it with. The
# training that can decide may take more, where nothing else waits for the minutes
LARGEST_PREPARATION, DECIDING_PREPARATION, ALONE_PREPARATION = 0.35, 0.45, 0.6
# a difference counts as settled when an interval so many times stricter than the report's is clear
# of zero: it is looked at after every round, and each look is a chance to be fooled
LOOKS = 10
CAREFUL = 1.25  # estimates of time are too low more often than too high
# an arm that was right on none of so many cases is not asked on: with 95 % it is right on 11 in a
# hundred at most, and the minutes settle more elsewhere
HOPELESS = 32
GRACE = 1.02  # of the minutes: an answer that is being written may end
UNKNOWN_SECONDS = 1.5  # a case, before anything of the kind was measured
NO_PLACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
BROKE_DOWN = "it broke down"


class OutOfTimeError(BaseException):
    """The minutes are over. Not an Exception: it must not pass for the failure of one answer."""


@dataclass
class Clock:
    """The minutes: how much is left, and a stop for whoever works past the end."""

    minutes: float
    started: float = field(default_factory=time.monotonic)
    training_ends: float = math.inf  # seconds since the start

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds for measuring: what the report needs is taken off."""
        whole = 60 * self.minutes
        return (
            whole
            - min(max(KEEP_BACK * whole, KEEP_BACK_SECONDS), KEEP_BACK_MOST * whole)
            - self.used
        )

    def check(self, *told: object, needs: float = 0.0) -> None:
        """Raises OutOfTimeError when the minutes are over, or would be after so many seconds. Can
        be handed over wherever progress is reported."""
        if self.used + needs > 60 * self.minutes * GRACE:
            raise OutOfTimeError

    def check_training(self, *told: object) -> None:
        """The same for training, which may not take much more than it said. To be handed over as
        its `progress`."""
        self.check()
        if self.used > self.training_ends:
            raise OutOfTimeError


@dataclass(frozen=True)
class Step:
    """One arm to be measured. make: builds it (may train); prepare_seconds: how long that will
    take, asked just before, and most: the share of the time left that it may take; why: what it
    tells.

    turn: DECIDES, COMPARED, EXPLAINS or LAST. trained: it must be trained first, so two cases do
    not show its pace for nothing. instead_of: the arm whose turn this one takes where that one
    cannot be had.
    """

    name: str
    why: str
    cases: Sequence[Case]
    task: Task
    make: Callable[[], Arm]
    prepare_seconds: Callable[[], float] = lambda: 0.0
    loading_seconds: Callable[[], float] = lambda: 0.0  # until its model is there
    free: bool = False  # no language model is asked
    trained: bool = False
    turn: int = COMPARED
    most: float = LARGEST_PREPARATION
    instead_of: str = ""


@dataclass(frozen=True)
class Skipped:
    """What was not measured, or not on all cases: why, and how many seconds more it would take
    (None: no time would help)."""

    name: str
    reason: str
    cases_left: int
    seconds: float | None


class ArmProgress:
    """What is finished, in progress.json: so that the next start knows the pace and takes what is
    cached without asking the clock."""

    def __init__(self, path: Path, fresh: dict[str, Any]):
        self.path, self.held = path, fresh
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
            if there.get("fingerprint") == fresh["fingerprint"]:
                self.held = fresh | there
        except (OSError, ValueError, AttributeError):
            pass

    def __getitem__(self, key: str) -> Any:
        return self.held.get(key)

    def set(self, key: str, value: Any) -> None:
        self.held[key] = value
        write_whole(self.path, json.dumps(self.held, indent=1) + "\n")

    def done(self, unit: str) -> bool:
        return unit in self.held.setdefault("done", {})

    def begin_again(self, names: Sequence[str]) -> None:
        """Take back that these arms were asked anything."""
        kept = self.held.get("done", {}).items()
        self.set("done", {unit: s for unit, s in kept if unit.rpartition("/")[0] not in names})

    def finish(self, unit: str, seconds: float) -> None:
        self.held.setdefault("done", {})[unit] = round(seconds, 2)
        self.set("done", self.held["done"])


def rounds(n: int) -> Iterator[tuple[int, int]]:
    """From case to case of each round: 0 to 2, to 8, to 32, to 64, …"""
    start = 0
    while start < n:
        end = min(n, next((end for end in FIRST if end > start), (start // NEXT + 1) * NEXT))
        yield start, end
        start = end


Pairs = Callable[[Sequence[str]], Sequence[tuple[str, str]]]


def measure(
    steps: Sequence[Step],
    clock: Clock,
    progress: ArmProgress,
    say: Callable[[str], object],
    pairs: Pairs = lambda names: (),
) -> tuple[dict[str, pd.DataFrame], dict[str, Arm], list[Skipped]]:
    """(a table for every arm that was measured, the arms, what is missing and why). Stops at the
    end of the minutes, whatever is under way.

    pairs: of the arms with these names, those whose difference decides something.
    """
    work = _Measuring(steps, clock, progress, say, pairs)
    while step := work.next():
        work.ask(step)
    tables = {step.name: work.tables[step.name] for step in steps if step.name in work.tables}
    return tables, work.arms, list(work.stopped.values())


class _Measuring:
    """What was measured so far, and what comes next."""

    def __init__(self, steps, clock, progress, say, pairs):
        self.steps, self.clock, self.progress, self.say = steps, clock, progress, say
        self.pairs: Pairs = pairs
        self.tables: dict[str, pd.DataFrame] = {}
        self.arms: dict[str, Arm] = {}
        self.stopped: dict[str, Skipped] = {}
        self.pace: dict[str, float] = dict(progress["pace"] or {})
        self.over = False
        self.compared: dict[tuple, Comparison] = {}

    # --- what comes next --------------------------------------------------------------------------

    def next(self) -> Step | None:
        """The arm that is asked now; None where all are done or stopped."""
        waiting = [
            step
            for step in self.steps
            if step.name not in self.stopped and self.seen(step.name) < len(step.cases)
        ]
        first = min(waiting, key=self._place, default=None)
        if first is None or self._place(first) < (3,):
            return first
        open_ones = self._open()  # only now does it matter, and it takes a moment
        return min(waiting, key=lambda step: self._place(step, open_ones))

    def seen(self, name: str) -> int:
        """How many cases was it asked?"""
        return len(self.tables.get(name, ()))

    def _place(self, step: Step, open_ones: Collection[str] = ()) -> tuple[int, ...]:
        """Where it stands in the queue: the smallest is next, of equals the first of the steps."""
        turn, (start, end) = self._turn(step), self._part(step)
        if step.free:
            return (0,)
        if start < FIRST[0] and not step.trained:
            return (1, turn)  # a few cases show the pace, by which all else is planned
        if start < NEXT and turn != LAST:
            return (2, max(turn, COMPARED), end, turn)
        if step.name in open_ones:
            return (3, end, turn)  # minutes can settle something here
        return (4, end, turn) if start < NEXT else (5, end, turn)

    def _turn(self, step: Step) -> int:
        lost = step.instead_of in self.stopped and not self.seen(step.instead_of)
        return DECIDES if lost else step.turn

    def _part(self, step: Step) -> tuple[int, int]:
        """From case to case of its next round."""
        seen = self.seen(step.name)
        return next(part for part in rounds(len(step.cases)) if part[0] == seen)

    def _open(self) -> set[str]:
        """The arms of pairs that are not settled yet, and would be on the cases that there are."""
        there = {
            step.name: self.seen(step.name) if step.name in self.stopped else len(step.cases)
            for step in self.steps
        }
        pairs = [p for p in self.pairs(list(self.tables)) if all(one in there for one in p)]
        found: set[str] = set()
        for pair in pairs:
            one = self._comparison(pair, LOOKS * len(pairs))
            if one is None or one.verdict != "cannot tell" or one.n_to_settle is None:
                continue
            if one.n_to_settle <= min(there[name] for name in pair):
                found |= set(pair)
        return found

    def _comparison(self, pair: tuple[str, str], strict: int) -> Comparison | None:
        first, second = together(*(self.tables[name] for name in pair))
        if not len(first):
            return None
        key = (*pair, len(first), strict)
        if key not in self.compared:
            self.compared[key] = compare(first, second, comparisons=strict)
        return self.compared[key]

    # --- one round of one arm ---------------------------------------------------------------------

    def ask(self, step: Step) -> None:
        """Ask an arm its next cases, or stop it and say why."""
        start, end = self._part(step)
        cases, unit = step.cases[start:end], f"{step.name}/{start}-{end}"
        seconds = _estimate(step, len(cases), self.pace, self.clock)
        try:
            if not self._ready(step, unit, seconds):
                return
            begun = self.clock.used
            watched = _watched(self.arms[step.name], self.clock, self.pace.get(step.name, 0.0))
            found = evaluate(watched, cases, step.task, live=True)
        except OutOfTimeError:
            self.over = self.over or self.clock.left <= 0
            self._out_of_time(step, seconds / max(1, len(cases)))
        except Exception as error:  # one arm that breaks down must not take the others along
            self._broken(step, error)
        else:
            self._note(step, found, unit, self.clock.used - begun)

    def _ready(self, step: Step, unit: str, seconds: float) -> bool:
        """Can it be asked now? Makes it where it is not there; False where that would take too
        long. Raises OutOfTimeError where the round would not end in time."""
        done, left = self.progress.done(unit), self.clock.left
        loading = 0.0 if step.free else step.loading_seconds()
        if self.over or (left <= loading and not done):
            raise OutOfTimeError
        if step.name not in self.arms:
            needed, room = _preparing(step, self.clock), step.most * max(0.0, self.clock.left)
            self.clock.training_ends = self.clock.used + room
            if needed > room:
                reason = (
                    f"making it ready takes about {needed / 60:.1f} minutes, more than"
                    f" {100 * step.most:.0f} % of what was left"
                )
                self._stop(step, reason, needed / step.most)
                return False
        if seconds > self.clock.left and not step.free and not done:
            raise OutOfTimeError
        if step.name not in self.arms:
            self.arms[step.name] = replace(step.make(), name=step.name)
        return True

    def _note(self, step: Step, found: pd.DataFrame, unit: str, took: float) -> None:
        """Keep what a round found, and how long it took."""
        first = step.name not in self.tables
        if not self.progress.done(unit):
            each = max(took / len(found), 1e-3)
            known = self.pace.get(step.name, 0.0)
            self.pace[step.name] = max(known, each) if first else each
            self.progress.set("pace", self.pace)
            self.progress.finish(unit, took)
        self.tables[step.name] = found if first else _joined([self.tables[step.name], found])
        right = self.tables[step.name]["right"]
        left = len(step.cases) - len(right)
        if not step.free or not left:
            told = f"{step.name}: {right.sum()} of {len(right)} right"
            self.say(f"{self.clock.used / 60:5.1f} min  {told}")
        if left and not step.free and len(right) >= HOPELESS and not right.any():
            reason = f"it was right on none of {len(right)} cases, so it was not asked on"
            self._stop(step, reason, None)

    def _stop(self, step: Step, reason: str, seconds: float | None) -> None:
        left = len(step.cases) - self.seen(step.name)
        self.stopped[step.name] = Skipped(step.name, reason, left, seconds)

    def _out_of_time(self, step: Step, guess: float) -> None:
        reason = (
            "the minutes were over"
            if self.over or step.name in self.arms
            else "it would not end, or did not end, in its part of the minutes"
        )
        left = len(step.cases) - self.seen(step.name)
        self._stop(step, reason, CAREFUL * self.pace.get(step.name, guess) * left)

    def _broken(self, step: Step, error: Exception) -> None:
        """Raises the error where no arm would fare better."""
        asked = any(one.name in self.tables for one in self.steps if not one.free)
        if (
            isinstance(error, WeightsError)
            or (isinstance(error, NobodyThereError) and not asked)
            or (isinstance(error, OSError) and error.errno in NO_PLACE)
        ):
            raise error
        said = " ".join(str(error).split())[:300]
        self._stop(step, f"{BROKE_DOWN} ({type(error).__name__}: {said})", None)
        self.say(f"{step.name}: {self.stopped[step.name].reason}")


def _preparing(step: Step, clock: Clock) -> float:
    """Seconds until the arm can be asked. What seems too long is asked twice: a machine that was
    busy for a moment must not decide what is trained."""
    first = CAREFUL * step.prepare_seconds()
    too_long = first > step.most * max(0.0, clock.left)
    return min(first, CAREFUL * step.prepare_seconds()) if too_long else first


def _estimate(step: Step, cases: int, pace: dict[str, float], clock: Clock) -> float:
    """Seconds for so many cases: at the arm's own pace, else at that of the slowest arm so far.
    Where nothing is known it is tried: the clock is watched."""
    if step.free:
        return 0.0
    if step.name in pace:
        return CAREFUL * cases * pace[step.name]
    guess = (
        CAREFUL * cases * max([UNKNOWN_SECONDS / 3, *pace.values()] if pace else [UNKNOWN_SECONDS])
    )
    return min(guess, 0.9 * max(0.0, clock.left)) if clock.left > 1 else guess


def _watched(arm: Arm, clock: Clock, pace: float) -> Arm:
    """The same arm, asked in small groups: none is begun that would end after the minutes, at the
    pace known so far."""

    def answer(asks):
        for start in range(0, len(asks), AT_ONCE):
            group = asks[start : start + AT_ONCE]
            clock.check(needs=pace * len(group))
            for prediction in arm(group):
                yield prediction
                clock.check()

    return replace(arm, answer=answer)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    about = dict(parts[0].attrs)
    for part in parts:
        part.attrs = {}  # pandas compares them
    whole = pd.concat(parts, ignore_index=True)
    whole.attrs = about | {"n": len(whole)}
    return whole


def together(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cases that both were asked: rounds make them the first ones of each."""
    ids = set(first["id"]) & set(second["id"])
    return first[first["id"].isin(ids)].reset_index(drop=True), second[
        second["id"].isin(ids)
    ].reset_index(drop=True)


def more_minutes(skipped: Sequence[Skipped]) -> float | None:
    """How many minutes would measure all that the time left out?"""
    seconds = [one.seconds for one in skipped if one.seconds]
    return math.ceil(sum(seconds) / 60 / (1 - KEEP_BACK)) if seconds else None
