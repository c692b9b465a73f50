"""Which arm is asked what next, so that the minutes buy the most? Rounds over all arms, the most
informative arm first in each.

Every arm sees the same first cases before any arm sees more, so that arms can be compared case by
case whenever the time ends. What would not end in time is not begun; what was begun and does not
end is stopped. Both are said, with the time that they would take.
"""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core.cases import Arm, Case
from helpers.core.files import write_whole
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
# rounds by which arms that must be trained come later: first all others are measured on 32 cases
LATER = 2
# of the time left: training that takes more would leave nothing to measure it with
LARGEST_PREPARATION = 0.35
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
    take, asked just before; why: what it tells.

    trained: it must be trained first, so it waits until the others have been measured on some
    cases.
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

    def part(self, number: int) -> tuple[int, int] | None:
        """From case to case in the round with this number."""
        return dict(enumerate(rounds(len(self.cases)), start=LATER if self.trained else 0)).get(
            number
        )


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


def measure(
    steps: Sequence[Step], clock: Clock, progress: ArmProgress, say: Callable[[str], object]
) -> tuple[dict[str, pd.DataFrame], dict[str, Arm], list[Skipped]]:
    """(a table for every arm that was measured, the arms, what is missing and why). Stops at the
    end of the minutes, whatever is under way."""
    tables: dict[str, list[pd.DataFrame]] = {}
    arms: dict[str, Arm] = {}
    stopped: dict[str, Skipped] = {}
    pace: dict[str, float] = dict(progress["pace"] or {})
    over = False
    for number in range(
        LATER + max((sum(1 for _ in rounds(len(step.cases))) for step in steps), default=0)
    ):
        for step in steps:
            part = step.part(number)
            if part is None or step.name in stopped:
                continue
            cases, unit = step.cases[slice(*part)], f"{step.name}/{part[0]}-{part[1]}"
            seconds = _estimate(step, len(cases), pace, clock)
            try:
                loading = 0.0 if step.free else step.loading_seconds()
                if over or (clock.left <= loading and not progress.done(unit)):
                    raise OutOfTimeError
                if step.name not in arms:
                    needed = _preparing(step, clock)
                    clock.training_ends = clock.used + LARGEST_PREPARATION * max(0.0, clock.left)
                    if needed > LARGEST_PREPARATION * max(0.0, clock.left):
                        stopped[step.name] = Skipped(
                            step.name,
                            f"making it ready takes about {needed / 60:.1f} minutes, more than"
                            f" {100 * LARGEST_PREPARATION:.0f} % of what was left",
                            len(step.cases),
                            needed / LARGEST_PREPARATION,
                        )
                        continue
                if seconds > clock.left and not step.free and not progress.done(unit):
                    raise OutOfTimeError
                arms[step.name] = arms.get(step.name) or replace(step.make(), name=step.name)
                begun = time.monotonic()
                watched = _watched(arms[step.name], clock, pace.get(step.name, 0.0))
                found = evaluate(watched, cases, step.task, live=True)
            except OutOfTimeError:
                over = over or clock.left <= 0
                stopped[step.name] = Skipped(
                    step.name,
                    (
                        "the minutes were over"
                        if over or step.name in arms
                        else "it would not end, or did not end, in its part of the minutes"
                    ),
                    len(step.cases) - part[0],
                    CAREFUL
                    * pace.get(step.name, seconds / max(1, len(cases)))
                    * (len(step.cases) - part[0]),
                )
                continue
            except Exception as error:  # one arm that breaks down must not take the others along
                asked = any(one.name in tables for one in steps if not one.free)
                if (
                    isinstance(error, WeightsError)
                    or (isinstance(error, NobodyThereError) and not asked)
                    or (isinstance(error, OSError) and error.errno in NO_PLACE)
                ):
                    raise  # no arm would fare better
                stopped[step.name] = Skipped(
                    step.name,
                    f"{BROKE_DOWN} ({type(error).__name__}: {' '.join(str(error).split())[:300]})",
                    len(step.cases) - part[0],
                    None,
                )
                say(f"{step.name}: {stopped[step.name].reason}")
                continue
            took = time.monotonic() - begun
            if not progress.done(unit):
                pace[step.name] = (
                    max(took / len(cases), 1e-3)
                    if step.name not in pace or part[0]
                    else max(pace[step.name], took / len(cases))
                )
                progress.set("pace", pace)
                progress.finish(unit, took)
            tables.setdefault(step.name, []).append(found)
            right = pd.concat(tables[step.name])["right"]
            say(f"{clock.used / 60:5.1f} min  {step.name}: {right.sum()} of {len(right)} right")
            left = len(step.cases) - len(right)
            if left and not step.free and len(right) >= HOPELESS and not right.any():
                stopped[step.name] = Skipped(
                    step.name,
                    f"it was right on none of {len(right)} cases, so it was not asked on",
                    left,
                    None,
                )
    return {name: _joined(parts) for name, parts in tables.items()}, arms, list(stopped.values())


def _preparing(step: Step, clock: Clock) -> float:
    """Seconds until the arm can be asked. What seems too long is asked twice: a machine that was
    busy for a moment must not decide what is trained."""
    first = CAREFUL * step.prepare_seconds()
    too_long = first > LARGEST_PREPARATION * max(0.0, clock.left)
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
