"""What is saved while a training runs, so that a stopped or killed one goes on where it was?

All that the next step rests on: the weights that learn, AdamW's running means and step counts, the
position in the schedule, the losses, the best weights so far, the state of the dice. Tensors go
into one safetensors file, the rest as JSON into its header: one file, so one move puts a whole
checkpoint in the place of the last. Which batch is next follows from the number of steps done.

On one machine a training in float32 that was killed and resumed has the losses of one that was
not, to the last bit.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.files import write_whole

if TYPE_CHECKING:
    import torch

FORMAT = 1
SAVE_EVERY_SECONDS = 600


class Checkpoint:
    """A training so far: `losses` of its steps, `dev_losses` of its epochs, the `best` weights, how
    often it was `resumed`; and the file in which all this is saved.

    Whoever holds one holds the lock of the adapter: no second process writes the file.
    """

    def __init__(self, file: Path, fingerprint: str, say: Callable[[str], object] = print):
        self.file, self.fingerprint, self.say = file, fingerprint, say
        self.losses: list[float] = []
        self.dev_losses: list[float] = []
        self.best: list[torch.Tensor] | None = None
        self.resumed = 0
        # of the parts before this one, and the steps done in them
        self._seconds_before, self._steps_before = 0.0, 0
        self._started, self._saved_at = time.perf_counter(), time.monotonic()
        self._told = False

    def resume(
        self,
        weights: Sequence[torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        steps: int,
    ) -> None:
        """Bring weights, optimizer and schedule to where the file says, if there is one. A file
        that is damaged or of another training is put aside, and training begins anew."""
        from safetensors import SafetensorError

        self.weights, self.optimizer, self.schedule, self.steps = (
            weights,
            optimizer,
            schedule,
            steps,
        )
        self._dice = _dice_of(weights)
        try:
            self._take_over(*_opened(self.file.read_bytes()))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                self.file.replace(self._unusable)
            self.say(
                f"{settings.shown(self.file)} cannot be resumed ({error}); it is put aside as"
                f" {self._unusable.name}, and training begins anew"
            )

    def stepped(self, loss: float) -> None:
        """A step is done, with this loss; saves when the last time is ten minutes ago."""
        self._dice = _dice_of(self.weights)
        self.losses.append(loss)
        if time.monotonic() - self._saved_at >= SAVE_EVERY_SECONDS:
            self.save()

    def judged(self, loss: float) -> None:
        """An epoch has this loss on the dev rows; the weights with the smallest are remembered."""
        if loss <= min(self.dev_losses, default=math.inf):
            self.best = [weight.detach().clone() for weight in self.weights]
        self._dice = _dice_of(self.weights)
        # last: if the training is stopped before this line, the dev rows judge again
        self.dev_losses.append(loss)

    def no_better(self, patience: int) -> bool:
        """Have so many epochs passed without a smaller loss on the dev rows?"""
        found = self.dev_losses
        if not found or found[-1] == min(found):
            return False
        return len(found) - found.index(min(found)) > patience

    def seconds(self) -> float:
        """How long has this training taken, all its parts together?"""
        return self._seconds_before + time.perf_counter() - self._started

    def seconds_left(self) -> float:
        """How long will the rest take, if it goes on as it did since it was started or resumed?"""
        here = time.perf_counter() - self._started
        return here / (len(self.losses) - self._steps_before) * (self.steps - len(self.losses))

    @contextlib.contextmanager
    def saved_when_stopped(self) -> Iterator[None]:
        """Whatever ends the block early (Stop, Ctrl-C, an error): what was learnt is saved."""
        try:
            yield
        except BaseException:
            self.save()
            raise

    def save(self) -> None:
        """Write the checkpoint; where that is impossible, say so once: training goes on."""
        if not self._between_steps():
            return
        try:
            write_whole(self.file, self._bytes(), aside=self._aside)
        except OSError as error:
            if not self._told:
                self.say(f"this training cannot be saved on its way ({error}); it goes on unsaved")
            self._told = True
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """The training is over: its files go."""
        for file in (self.file, self._aside, self._unusable):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    @property
    def _aside(self) -> Path:
        return self.file.with_name(f"{self.file.name}.new")

    @property
    def _unusable(self) -> Path:
        return self.file.with_name(f"{self.file.name}.unusable")

    def _between_steps(self) -> bool:
        """Ctrl-C may come while a step is made. AdamW counts a step before it makes it, so its
        counts tell; the checkpoint before this one stays then."""
        counted = [int(state["step"]) for state in self.optimizer.state.values() if state]
        done = len(self.losses)
        return done > 0 and max(counted, default=0) == done == self.schedule.last_epoch

    def _bytes(self) -> bytes:
        from safetensors.torch import save

        tensors = {f"weight.{i}": weight for i, weight in enumerate(self.weights)}
        for i, weight in enumerate(self.weights):
            for name, value in self.optimizer.state.get(weight, {}).items():
                tensors[f"{name}.{i}"] = value
        tensors |= {f"best.{i}": weight for i, weight in enumerate(self.best or [])}
        tensors |= {f"dice.{i}": dice for i, dice in enumerate(self._dice)}
        tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        about = json.dumps(
            {
                "format": FORMAT,
                "fingerprint": self.fingerprint,
                "steps": self.steps,
                "losses": self.losses,
                "dev_losses": self.dev_losses,
                "schedule": self.schedule.state_dict(),
                "seconds": self.seconds(),
                "resumed": self.resumed,
                "saved": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            }
        )
        return save(tensors, {"about": about, "sha256": _digest(about, tensors)})

    def _take_over(self, about: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """All is checked before anything is changed. Raises ValueError."""
        wanted = (FORMAT, self.fingerprint, self.steps)
        if (about["format"], about["fingerprint"], about["steps"]) != wanted:
            raise ValueError("it belongs to another training")
        _check_shapes(tensors, self.weights)
        import torch

        device = self.weights[0].device
        moments: dict[int, dict[str, torch.Tensor]] = {}
        best: dict[int, torch.Tensor] = {}
        with torch.no_grad():
            for name, value in tensors.items():
                kind, i = name.split(".")[0], int(name.split(".")[1])
                if kind == "weight":
                    self.weights[i].copy_(value)
                elif kind == "best":
                    best[i] = value.to(device, copy=True)
                elif kind != "dice":
                    moments.setdefault(i, {})[kind] = value.clone()
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.schedule.load_state_dict(dict(about["schedule"]))
        for group, rate in zip(
            self.optimizer.param_groups, self.schedule.get_last_lr(), strict=True
        ):
            group["lr"] = rate
        self.best = [best[i] for i in range(len(best))] or None
        self.losses, self.dev_losses = list(about["losses"]), list(about["dev_losses"])
        self.resumed, self._seconds_before = about["resumed"] + 1, about["seconds"]
        self._steps_before = len(self.losses)
        self._dice = [tensors[f"dice.{i}"] for i in range(len(self._dice))]
        _set_dice(self._dice, self.weights)
        saved = dt.datetime.fromisoformat(about["saved"]).astimezone()
        day = "" if saved.date() == dt.date.today() else f"{saved:%Y-%m-%d} "
        self.say(f"going on at step {len(self.losses)} of {self.steps} (saved {day}{saved:%H:%M})")


def _opened(data: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(JSON part, tensors) of a checkpoint. Raises ValueError, KeyError or SafetensorError where it
    is not what was written."""
    from safetensors.torch import load

    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    if _digest(header["about"], tensors) != header["sha256"]:
        raise ValueError("its content is not what was saved")
    return json.loads(header["about"]), tensors


def _digest(about: str, tensors: Mapping[str, torch.Tensor]) -> str:
    import torch

    digest = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _check_shapes(
    tensors: Mapping[str, torch.Tensor], weights: Sequence[torch.nn.Parameter]
) -> None:
    for name, value in tensors.items():
        kind, _, i = name.partition(".")
        if kind not in ("step", "dice") and value.shape != weights[int(i)].shape:
            raise ValueError(f"its {name} has another shape: {tuple(value.shape)}")
    if missing := [i for i in range(len(weights)) if f"weight.{i}" not in tensors]:
        raise ValueError(f"it has no weight.{missing[0]}")


def _dice_of(weights: Sequence[torch.nn.Parameter]) -> list[torch.Tensor]:
    """The state of torch's random numbers, here and on the weights' device. The adapter has no
    dropout, but a base model may."""
    import torch

    where = weights[0].device.type
    more = [] if where == "cpu" else [torch.get_device_module(where).get_rng_state()]
    return [torch.get_rng_state(), *more]


def _set_dice(dice: Sequence[torch.Tensor], weights: Sequence[torch.nn.Parameter]) -> None:
    import torch

    torch.set_rng_state(dice[0])
    for state in dice[1:]:
        torch.get_device_module(weights[0].device.type).set_rng_state(state)
