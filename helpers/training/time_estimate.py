"""How long would training take on this machine? Asked before it starts: the model reads a few
hundred tokens, and the rest is counted. While it runs: how much is left."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence

from helpers.core.progress import Progress
from helpers.models.load import Generator
from helpers.training.checkpoint import SAVE_EVERY_SECONDS
from helpers.training.lora import Example, completion_loss, encode, invocation
from helpers.training.trainer import LoraSettings, first_layer, with_matrices

# a token that is trained on costs so many times a token that is only read: measured on two cores in
# float32 (forward, backward, vocabulary head). In bfloat16 that proved too low, so in every other
# format, and on a card, it is measured where it is needed (`step_cost`)
STEP_COST = 3.0
LONGEST_SECONDS = 100 * 60  # no training of the course takes longer
# fewer than this are not worth measuring how fast this machine reads: some ten minutes of work
MANY_TOKENS, CHARS_PER_TOKEN = 300_000, 4
PATIENCE_SECONDS = 60  # what takes longer is not started before it has been said how long


@functools.lru_cache(maxsize=4)
def read_per_second(generator: Generator, tokens: int = 512) -> float:
    """Tokens that the bare model reads in a second, eight rows at once; the better of two tries."""
    import torch

    ids = torch.randint(
        1000, 2000, (8, tokens // 8), generator=torch.Generator().manual_seed(0)
    ).to(generator.device)
    seconds = []
    with torch.inference_mode():
        for _ in range(3):
            started = time.perf_counter()
            generator.model.base_model(input_ids=ids, use_cache=False)
            _finished(generator)
            seconds.append(time.perf_counter() - started)
    return tokens / min(seconds[1:])


@functools.lru_cache(maxsize=4)
def step_cost(generator: Generator) -> float:
    """How many times a token that is only read does one cost that is trained on? Known for float32
    on a CPU, else measured here."""
    if (generator.device, generator.dtype) == ("cpu", "float32"):
        return STEP_COST
    read, trained = _seconds_to_read_and_train(generator)
    return trained / read


def _seconds_to_read_and_train(generator: Generator, tokens: int = 256) -> tuple[float, float]:
    """Seconds to read so many tokens, eight rows at once, and to train on them once; each the
    better of two tries, in turn, so that a moment in which the machine is busy spoils neither."""
    import torch

    with torch.random.fork_rng(devices=[]):
        wrapped = with_matrices(generator, LoraSettings())
    model = wrapped.train().get_base_model()
    row = Example(list(range(1000, 1000 + tokens // 8)), 1, 0)
    ids = torch.tensor([row.ids] * 8).to(generator.device)
    read, trained = [], []
    for _ in range(3):
        started = time.perf_counter()
        with torch.inference_mode():
            generator.model.base_model(input_ids=ids, use_cache=False)
        _finished(generator)
        read.append(time.perf_counter() - started)
        started = time.perf_counter()
        completion_loss(model, [row] * 8, generator).backward()
        _finished(generator)
        trained.append(time.perf_counter() - started)
        model.zero_grad(set_to_none=True)
    return min(read[1:]), min(trained[1:])


def _finished(generator: Generator) -> None:
    """Wait for a card: it is asked, and answers later."""
    import torch

    if generator.device.startswith("cuda"):
        torch.cuda.synchronize()
    elif generator.device.startswith("mps"):
        torch.mps.synchronize()


def training_seconds(
    generator: Generator, rows: Sequence[tuple[str, str]], how: LoraSettings
) -> float:
    """An estimate, good to about a third: what is frozen reads once, what the adapter acts on is
    worked through in every epoch, in the layers from `from_layer` on."""
    everywhere = how.acts_on == "everything"
    begins = [] if everywhere else invocation(generator)
    examples = [encode(generator.tokenizer, *row, begins, everywhere) for row in rows]
    read, worked = (
        sum(one.acts_from for one in examples),
        sum(len(one.ids) - one.acts_from for one in examples),
    )
    first = first_layer(generator, how)
    above = 1 - first / generator.model.config.num_hidden_layers if first else 1.0
    if everywhere:
        read += (1 - above) * worked
    return (read + step_cost(generator) * how.epochs * above * worked) / read_per_second(generator)


def estimate_in_words(
    generator: Generator, rows: Sequence[tuple[str, str]], how: LoraSettings
) -> str:
    """The sentence for a notebook, with the smaller setting where this one would try the learner's
    patience."""
    seconds = training_seconds(generator, rows, how)
    said = (
        f"{len(rows)} rows, {how.epochs} epochs: about {duration(seconds)} on this machine"
        f" ({generator.dtype}, {generator.device})"
    )
    if seconds <= PATIENCE_SECONDS:
        return said
    half = len(rows) // 2
    less = training_seconds(generator, rows[:half], how)
    return (
        f"{said}. In a hurry? rows[:{half}] takes about {duration(less)} and shows the same, less"
        " clearly"
    )


def long_training(
    generator: Generator, rows: Sequence[tuple[str, str]], how: LoraSettings
) -> str | None:
    """What to say before a training that takes over 100 minutes; measures only where it may."""
    chars = sum(len(prompt) + len(completion) for prompt, completion in rows)
    if how.epochs * chars / CHARS_PER_TOKEN <= MANY_TOKENS:
        return None
    seconds = training_seconds(generator, rows, how)
    if seconds <= LONGEST_SECONDS:
        return None
    return (
        f"this training takes about {duration(seconds)} on this machine; it is saved every"
        f" {SAVE_EVERY_SECONDS // 60} minutes, so you can stop it: the same call goes on from there"
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} minutes"


def with_time_left(progress: Progress, before: str = "") -> Callable[[float, float, str], None]:
    """The same progress, saying also how much time is left of what is being done."""
    begun: dict[str, float] = {}

    def tell(done: float, of: float, what: str) -> None:
        # "training, loss 0.31": the loss changes, the kind of work does not
        kind = what.split(",")[0]
        since = time.perf_counter() - begun.setdefault(kind, time.perf_counter())
        left = (
            f", {since / done * (of - done):.0f} s left" if done >= 2 and "left" not in what else ""
        )
        progress(done, of, f"{before}{what}{left}")

    return tell
