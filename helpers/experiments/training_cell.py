"""What do this many labels buy? One cell of the training-size lab: its tickets, the training, the
dev tickets answered, and how long all that takes here.

    row = live(TrainingSetting(rows=48), progress)     # trained and judged here, and cached
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.files import write_whole
from helpers.data.questions import pick
from helpers.data.tickets import FIELDS, load_tickets
from helpers.evaluation.bits import Bits, to_bits
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.systems import TICKET_PROMPT, training_rows, tuned
from helpers.training.adapters import with_adapter
from helpers.training.trainer import LoraSettings, finetune

if TYPE_CHECKING:
    from helpers.core.progress import Progress
    from helpers.models.load import Generator

# How often each size is practised: until it stops learning, as tried out on training tickets. Few
# labels need many rounds, many need few. labs_data/build/recipe.py tries recipes: on HELD_BACK and
# on those other training tickets that none of its trials was trained on.
EPOCHS_FOR = {16: 16, 32: 12, 64: 8, 128: 6, 256: 4, 550: 3}
TO_THE_END = 0  # this many epochs means: as many as the recipe says for the size
ROWS = (0, *EPOCHS_FOR)
EPOCHS, RANKS, NOISES, SEEDS = (TO_THE_END, 1, 4), (2, 16, 64), (0.0, 0.3), (0, 1, 2)
# the recipe of every cell: the upper third of the layers, because that is trained more than twice
# as fast as all of them, and no loss was measurable (recipe.json); small batches, because few
# labels make few steps
RECIPE = LoraSettings(
    rank=16, learning_rate=4e-3, batch_rows=4, acts_on="everything", from_layer=2 / 3
)
HELD_BACK = 60  # training tickets that only try recipes; they train no cell
MEASURES = ("right", "valid", *FIELDS)  # what a row of the grid saves the bits of
# what shapes a row
CODE = ("core/cases", "data/tickets", "evaluation", "models", "training", "systems")


@dataclass(frozen=True, order=True)
class TrainingSetting:
    """One way to train. rows: labelled tickets (0: untrained); epochs: rounds over them, or
    TO_THE_END; label_noise: share of them with one wrong field."""

    rows: int = 64
    epochs: int = TO_THE_END
    rank: int = RECIPE.rank
    label_noise: float = 0.0
    seed: int = 0

    def __str__(self) -> str:
        if not self.rows:
            return "untrained"
        key = self.key
        parts = [f"{key.rows} labels"]
        if key.epochs != TO_THE_END:
            parts.append(f"{key.epochs} epoch{'s' * (key.epochs > 1)}")
        if key.rank != RECIPE.rank:
            parts.append(f"rank {key.rank}")
        if key.label_noise:
            parts.append(f"{100 * key.label_noise:.0f} % of them wrong")
        return ", ".join(parts)

    @property
    def rounds(self) -> int:
        """How often every label is seen: as asked, or as the recipe says for the measured size
        below."""
        if self.epochs != TO_THE_END or not self.rows:
            return self.epochs
        return EPOCHS_FOR[max(n for n in EPOCHS_FOR if n <= max(self.rows, min(EPOCHS_FOR)))]

    @property
    def key(self) -> TrainingSetting:
        """The setting as the grid names it: without labels, nothing else matters; the recipe's own
        number of epochs is TO_THE_END."""
        if not self.rows:
            return TrainingSetting(0)
        whole = replace(self, epochs=TO_THE_END)
        return whole if whole.rounds == self.rounds else self


PROBE = TrainingSetting(16, epochs=4)


# --- one cell -------------------------------------------------------------------------------------


def dev_tickets() -> list[Case]:
    """The tickets that judge every cell; none of them trains, stops or chooses one."""
    return load_tickets("dev")


def held_back() -> list[Case]:
    """The training tickets that do nothing but try recipes: no cell is trained on them."""
    # a seed of its own: seeds 0 to 2 draw which labels are spoilt, from the same list
    return pick(load_tickets("train"), HELD_BACK, seed=60)


def labelled(setting: TrainingSetting) -> list[Case]:
    """The training tickets of a setting. With one seed a smaller set is the beginning of every
    larger one, noise or not.

    Raises ValueError when more are wanted than there are.
    """
    cases, kept = load_tickets("train", setting.label_noise, setting.seed), held_back()
    apart = {case.id for case in kept}
    cases = [case for case in cases if case.id not in apart]
    if not 0 <= setting.rows <= len(cases):
        raise ValueError(
            f"there are {len(cases)} labelled training tickets beside the {len(kept)} held back;"
            f" rows must be 0 to {len(cases)}, not {setting.rows}"
        )
    # a stream of its own: the order must know nothing of which labels are spoilt
    random.Random(f"order {setting.seed}").shuffle(cases)
    return cases[: setting.rows]


def recipe(setting: TrainingSetting) -> LoraSettings:
    """The recipe, for this setting."""
    return replace(RECIPE, epochs=setting.rounds, rank=setting.rank, seed=setting.seed)


def bits_of(table: pd.DataFrame) -> dict[str, Bits]:
    """A table of `evaluate` as the bits that a grid saves: all four right, valid, each field."""
    columns = {"right": "right", "valid": "valid"} | {field: f"{field}_right" for field in FIELDS}
    return {name: to_bits(table[column]) for name, column in columns.items()}


def measure(
    generator: Generator,
    setting: TrainingSetting,
    progress: Progress | None = None,
    dev: Sequence[Case] | None = None,
    how: LoraSettings | None = None,
) -> dict[str, Any]:
    """Train a setting, ask the dev tickets, and give back its row of the grid. Adapter and answers
    are cached, so a second time is quick. how: another way to train than the recipe.

    seconds: training alone; answer_seconds: all dev tickets; loss: per answer token, mean of the
    last steps.
    """
    setting, dev, model, card = setting.key, dev_tickets() if dev is None else dev, generator, None
    if setting.rows:
        cases = labelled(setting)
        about = {
            "task": "tickets",
            "ids": [case.id for case in cases],
            "label_noise": setting.label_noise,
        }
        adapter = finetune(
            generator,
            training_rows(generator, TICKET_PROMPT, cases),
            how or recipe(setting),
            progress=progress,
            about=about,
            say=lambda _: None,
        )
        model, card = with_adapter(generator, adapter), adapter.card
    arm = tuned(model, TICKET_PROMPT)
    table = evaluate(
        _counted(arm, len(dev), progress) if progress else arm, dev, TICKETS, live=True
    )
    losses = card["losses"] if card else []
    return {
        **vars(setting),
        "epochs_trained": setting.rounds if setting.rows else 0,
        "n": len(dev),
        **bits_of(table),
        "seconds": card["seconds"] if card else 0.0,
        "answer_seconds": round(float(table["seconds"].sum()), 1),
        "steps": len(losses),
        "loss": round(statistics.fmean(losses[-10:]), 4) if losses else None,
    }


def _counted(arm, n: int, progress: Progress):
    """The same arm, saying how far it is."""

    def answer(asks):
        for done, prediction in enumerate(arm.answer(asks), start=1):
            progress(done, n, f"trained; {n} dev tickets are answered")
            yield prediction

    return replace(arm, answer=answer)


def cached_row(generator: Generator, setting: TrainingSetting) -> Path:
    """Where this cell is cached: a name made of what it is (weights, labels, recipe, dev tickets).
    Not of the code: a comment in the trainer must not throw away hours of training, and a test
    trains one cell again."""
    return (
        settings.cache_folder("labs")
        / f"{_prefix(generator)}{_name(generator.fingerprint, setting.key)}.json"
    )


def _prefix(generator: Generator) -> str:
    return f"train-{hashlib.sha256(generator.fingerprint.encode()).hexdigest()[:8]}-"


@functools.lru_cache(maxsize=512)
def _name(fingerprint: str, setting: TrainingSetting) -> str:
    cases = [(case.ask, case.gold) for case in (*labelled(setting), *dev_tickets())]
    return hashlib.sha256(
        repr((fingerprint, setting, recipe(setting), cases)).encode()
    ).hexdigest()[:16]


def live(
    setting: TrainingSetting, progress: Progress | None = None, generator: Generator | None = None
) -> dict[str, Any]:
    """What `measure` says on this machine, as a row of the grid marked `here`; cached, so that the
    second time is instant."""
    if generator is None:
        from helpers.models.load import load_generator

        generator = load_generator()
    cached = cached_row(generator, setting)
    if cached.exists():
        row = json.loads(cached.read_text(encoding="utf-8"))
    else:
        row = measure(generator, setting, progress)
        write_whole(cached, json.dumps(row))
    return row | {"here": True}


# --- how long would it take? ----------------------------------------------------------------------


def pace(generator: Generator) -> tuple[float, float] | None:
    """(rows trained a second, seconds to answer the dev tickets) of this model on this machine,
    from the cells cached here; None when there are none."""
    files = settings.cache_folder("labs").glob(f"{_prefix(generator)}*.json")
    rows = [
        row
        for row in (json.loads(file.read_text(encoding="utf-8")) for file in files)
        if row["seconds"]
    ]
    if not rows:
        return None
    return sum(row["rows"] * row["epochs_trained"] for row in rows) / sum(
        row["seconds"] for row in rows
    ), statistics.median(row["answer_seconds"] for row in rows)


def probe(generator: Generator, progress: Progress | None = None) -> tuple[float, float]:
    """The pace of this machine; where no cell is cached yet, a small one is trained to find out."""
    if (known := pace(generator)) is None:
        live(PROBE, progress, generator)
        known = pace(generator)
    return known


def seconds_for(setting: TrainingSetting, at: tuple[float, float]) -> float:
    """How long would this setting take at that pace, training and answering?"""
    return setting.rows * setting.rounds / at[0] + at[1]
