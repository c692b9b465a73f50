"""How long may training on a folder's rows take, and in how many rounds are they practised?

Before it starts, the time is estimated, and where the recipe's rounds take too long, all rows are
practised in fewer. After the first steps the training's own pace is known, and one that would not
end in its part of the minutes is begun again in rounds that do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from helpers.commands.assess.schedule import CAREFUL, ArmProgress, Clock, OutOfTimeError
from helpers.core import settings
from helpers.experiments.training_cell import TrainingSetting, recipe
from helpers.models.load import Generator
from helpers.training.adapters import CARD, Adapter
from helpers.training.trainer import LoraSettings, adapter_fingerprint, finetune

PACE_STEPS = 8  # of a training: then its own pace is known, and the estimate before it forgotten
Rows = Sequence[tuple[str, str]]


class Practice:
    """Training within the minutes. rows_in_all: as many as the largest training has; only that one
    may take fewer rounds than the recipe."""

    def __init__(
        self,
        rows_in_all: int,
        clock: Clock,
        progress: ArmProgress,
        say: Callable[[str], object],
    ):
        self.rows_in_all, self.clock, self.progress, self.say = rows_in_all, clock, progress, say
        self.estimated: set[int] = set()  # rows of which it was asked how long training takes
        self.tuning: dict[int, LoraSettings] = {}  # rows -> how they are trained on

    def seconds(self, generator: Generator, n: int, rows: Rows, most: float) -> float:
        """How long does training on these n rows take, where it may take this share of the minutes
        left? Chooses the rounds (`tuning`)."""
        from helpers.training.time_estimate import read_per_second, training_seconds

        if n in self.estimated:  # asked again, so this machine's pace is measured again
            read_per_second.cache_clear()
        self.estimated.add(n)
        room = most * max(0.0, self.clock.left) / CAREFUL
        for how in self._ways(n):
            there = adapter_there(generator, rows, how)
            seconds = 0.0 if there else training_seconds(generator, rows, how)
            if seconds <= room:
                break
        self.tuning[n] = how
        return seconds

    def _ways(self, n: int) -> list[LoraSettings]:
        """How these rows may be trained on, the best first: by the recipe; where that takes too
        long, all rows in fewer rounds. What an earlier start chose is not chosen anew."""
        whole = recipe(TrainingSetting(n))
        if n < self.rows_in_all:
            return [whole]
        chosen = (self.progress["rounds"] or {}).get(str(n))
        fewer = [chosen] if chosen else range(whole.epochs - 1, 0, -1)
        return [whole, *(replace(whole, epochs=one) for one in fewer if one < whole.epochs)]

    def trained(self, generator: Generator, n: int, rows: Rows) -> tuple[LoraSettings, Adapter]:
        """How these rows were trained on, and the adapter: in fewer rounds where the first steps
        show that the estimate was too low. Raises OutOfTimeError where one round is too many."""
        first, a_round = self.tuning.get(n) or recipe(TrainingSetting(n)), 0.0
        # not `_ways`: they end at what an earlier start chose, which may be what was too slow
        fewer = range(first.epochs - 1, 0, -1) if n == self.rows_in_all else ()
        for how in (first, *(replace(first, epochs=one) for one in fewer)):
            if self.clock.used + a_round * how.epochs > self.clock.training_ends:
                continue
            self.say_rounds(n, how)
            try:
                done = finetune(generator, rows, how, progress=self._in_time(), say=self.say)
            except _TooSlowError as slow:
                a_round = slow.seconds / how.epochs
            else:
                self._keep("training", n, done.card["seconds"])
                return how, done
        raise OutOfTimeError

    def _in_time(self) -> Callable[[float, float, str], None]:
        """What training reports to: it ends what would not end in its part of the minutes, after a
        few steps and not when they are over. Raises _TooSlowError, OutOfTimeError."""
        begun: list[tuple[float, float]] = []

        def told(done: float, of: float, what: str) -> None:
            self.clock.check_training()
            begun.append((done, self.clock.used))
            if len(begun) != PACE_STEPS:
                return
            (start, at), now = begun[0], self.clock.used
            a_step = (now - at) / (done - start)
            if now + a_step * (of - done) > self.clock.training_ends:
                raise _TooSlowError(a_step * of)

        return told

    def say_rounds(self, n: int, how: LoraSettings) -> None:
        """Say and keep how often the rows are practised. Other rounds than at an earlier start are
        another arm, so nothing of it is done."""
        before = (self.progress["rounds"] or {}).get(str(n))
        if before and before != how.epochs:
            self.progress.begin_again([name_of(n)])
        self._keep("rounds", n, how.epochs)
        self.say(f"training on {n} rows, {how.epochs} rounds")

    def _keep(self, what: str, n: int, value: float) -> None:
        self.progress.set(what, {**(self.progress[what] or {}), str(n): value})


class _TooSlowError(Exception):
    """Training would take so many seconds, which is more than its part of the minutes."""

    def __init__(self, seconds: float):
        super().__init__(f"training would take {seconds:.0f} seconds")
        self.seconds = seconds


def name_of(n: int) -> str:
    """What the system that was trained on so many rows is called."""
    return f"tuned, {n} rows"


def rounds_note(n: int, how: LoraSettings) -> str | None:
    """What a reader must know where the rows were practised in fewer rounds than the recipe's."""
    whole = recipe(TrainingSetting(n)).epochs
    if how.epochs >= whole:
        return None
    return (
        f"“{name_of(n)}” practised its rows in {how.epochs} of the {whole} rounds that the recipe"
        " takes, for the minutes allowed no more: to its end it may be better. Give more minutes"
        " before you decide against training."
    )


def adapter_there(generator: Generator, rows: Rows, how: LoraSettings) -> bool:
    """Was the same trained before?"""
    name = adapter_fingerprint(generator, rows, how)
    return (settings.cache_folder("adapters") / name / CARD).exists()
