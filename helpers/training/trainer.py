"""What do examples change? LoRA: small matrices beside the frozen weights learn to turn these
prompts into these completions.

    adapter = finetune(generator, rows, LoraSettings(epochs=4))  # rows: (prompt, completion) pairs
    tuned = with_adapter(generator, adapter)

The result is an adapter folder in peft's standard format, a few megabytes, that any peft can load.
`lora` holds the step itself. Every ten minutes, and when it is stopped, a training is saved: the
same call goes on from there (`checkpoint`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from helpers.core import settings
from helpers.core.files import build_aside
from helpers.core.fingerprint import code_of, machine
from helpers.models import load
from helpers.models.load import Generator
from helpers.training import lora
from helpers.training.adapters import CARD, Adapter, opened
from helpers.training.adapters import with_adapter as with_adapter  # who trains wants to use it
from helpers.training.checkpoint import Checkpoint

TrainingRows = Sequence[tuple[str, str]]
# a row longer than this is a mistake more often than a wish, and would need gigabytes
LONGEST_TOKENS = 4_096
# the frozen matrices of a layer, in a model like Llama, Mistral or Qwen
IN_A_LAYER = r".*\.layers\.(\d+)\..*_proj"
# up to here plain attention is the faster one on a CPU: the way back through the fused one takes a
# sixth of a step on tickets
SHORT_TOKENS = 256


class TrainingError(RuntimeError):
    """Training cannot start or went wrong; nothing half-trained is left behind."""


@dataclass(frozen=True)
class LoraSettings:
    """How to train. rank = width of the LoRA matrices; learning_rate falls linearly to 0 after a
    short warm-up.

    acts_on: "everything" (reading and writing: classic LoRA) or "answer" (how to write; the frozen
    model reads the prompt). from_layer: layers below this one get no matrices; what they make of a
    row is the same in every epoch and computed once. A number of layers, or a share of them: 2/3
    trains the upper third, and all layers of a model whose layers we do not find. Either makes
    training about twice as fast or more (labs_data/reference/recipe.json has seconds and scores of
    both). patience: with dev rows, stop after so many epochs without a smaller loss on them.
    """

    epochs: int = 4
    rank: int = 8
    learning_rate: float = 1e-3
    batch_rows: int = 8
    seed: int = 0
    acts_on: Literal["answer", "everything"] = "answer"
    patience: int = 1
    from_layer: float = 0


def adapter_fingerprint(
    generator: Generator,
    rows: TrainingRows,
    how: LoraSettings,
    dev: TrainingRows = (),
    about: Mapping[str, Any] | None = None,
) -> str:
    """The name of the adapter that these rows, settings and weights would give (the code of
    training included)."""
    code = code_of("training/trainer", "training/lora", "training/matrices")
    text = json.dumps(
        [generator.fingerprint, code, list(rows), list(dev), asdict(how), about or {}]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finetune(
    generator: Generator,
    rows: TrainingRows,
    how: LoraSettings | None = None,
    dev: TrainingRows = (),
    progress: Callable[[float, float, str], None] | None = None,
    about: Mapping[str, Any] | None = None,
    say: Callable[[str], object] = print,
) -> Adapter:
    """Train a LoRA adapter on (prompt, completion) rows, or hand over the finished one when the
    same was trained before. One that was stopped or killed goes on where it was saved.

    dev: rows that are never trained on; the epoch with the smallest loss on them counts.
    progress(done, of, what) is called after every step, with the loss and the seconds left in
    words, and may raise to cancel. about: goes into the card (`about["ids"]`: ids of the rows).
    say: told what is cached or resumed, and what will take very long.
    Raises TrainingError when there is nothing to train on, the loss stops being a number, or the
    adapter cannot be stored.
    """
    from filelock import FileLock

    how = how or LoraSettings()
    _refuse(rows, dev)
    name = adapter_fingerprint(generator, rows, how, dev, about)
    home = settings.cache_folder("adapters")
    with FileLock(home / f"{name}.lock"):
        so_far = Checkpoint(home / f"{name}.part", name, say)
        if (home / name / CARD).exists():
            so_far.remove()  # there only if it was killed in between
            say(f"this adapter was trained before: using {settings.shown(home / name)}")
            return opened(home / name)
        if not so_far.file.exists():
            _say_when_long(generator, rows, how, say)
        try:
            with build_aside(home / name) as aside:
                card = _train(generator, rows, how, dev, progress, so_far, aside)
                card = {"fingerprint": name, **card, "about": dict(about or {})}
                # last: a folder with a card is finished
                (aside / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        except TrainingError:
            so_far.remove()  # resumed, it would go wrong in the same way
            raise
        except OSError as error:
            raise TrainingError(
                f"the adapter cannot be stored in {settings.shown(home)} ({error}); make room there"
                " and run this again"
            ) from error
        so_far.remove()
    return opened(home / name)


def _say_when_long(
    generator: Generator, rows: TrainingRows, how: LoraSettings, say: Callable[[str], object]
) -> None:
    from helpers.training.time_estimate import long_training  # it knows this module

    if said := long_training(generator, rows, how):
        say(said)


def _refuse(rows: TrainingRows, dev: TrainingRows) -> None:
    """Rows that nothing, or nothing honest, could be learnt from."""
    if not rows:
        raise TrainingError("there are no rows to train on")
    for i, (_, completion) in enumerate(rows, start=1):
        if not completion.strip():
            raise TrainingError(
                f"row {i} has an empty completion: there is nothing to learn in it; take it out"
            )
    if both := {tuple(row) for row in rows} & {tuple(row) for row in dev}:
        raise TrainingError(
            f"{len(both)} dev rows are training rows as well, so they would not notice learning by"
            f" heart; first: {next(iter(both))[0][-80:]!r}"
        )


def _examples(generator: Generator, rows: TrainingRows, how: LoraSettings) -> list[lora.Example]:
    begins = [] if how.acts_on == "everything" else lora.invocation(generator)
    examples = [
        lora.encode(generator.tokenizer, prompt, completion, begins, how.acts_on == "everything")
        for prompt, completion in rows
    ]
    window = min(
        LONGEST_TOKENS, getattr(generator.model.config, "max_position_embeddings", LONGEST_TOKENS)
    )
    for i, one in enumerate(examples, start=1):
        if len(one.ids) > window:
            raise TrainingError(
                f"row {i} has {len(one.ids)} tokens, and {window} are the limit; shorten it or take"
                " it out"
            )
        if how.acts_on == "answer" and (
            not begins or one.ids[one.acts_from : one.prompt_tokens] != begins
        ):
            raise TrainingError(
                f"the prompt of row {i} does not end where the assistant begins to speak; make it"
                ' with generate.chat, or train with acts_on="everything"'
            )
    return examples


def _train(
    generator: Generator,
    rows: TrainingRows,
    how: LoraSettings,
    dev: TrainingRows,
    progress: Callable | None,
    so_far: Checkpoint,
    folder: Path,
) -> dict[str, Any]:
    """The training loop; returns the card."""
    import torch
    from tqdm.auto import tqdm

    # 1. Rows become tokens.
    examples, judged = _examples(generator, rows, how), _examples(generator, dev, how)
    # 2. Small random matrices are put beside the frozen weights: the only ones that will change.
    torch.manual_seed(how.seed)
    wrapped = with_matrices(generator, how)
    model = wrapped.train().get_base_model()
    if (
        generator.device == "cpu"
        and max(len(one.ids) for one in [*examples, *judged]) <= SHORT_TOKENS
    ):
        model.set_attn_implementation("eager")
    weights = [p for p in model.parameters() if p.requires_grad]
    # 3. Which rows make up each step, all epochs one after the other; what stays frozen reads
    #    each row once, and is cached.
    plan = lora.plan_epochs(
        [len(one.ids) for one in examples], how.epochs, how.batch_rows, how.seed
    )
    steps_per_epoch = len(plan) // how.epochs
    memory = lora.read_once(generator, examples, first_layer(generator, how))
    dev_rows = _DevRows(model, generator, judged, how)
    # 4. AdamW; its learning rate rises over a twentieth of the steps, then falls linearly to 0.
    optimizer = torch.optim.AdamW(weights, lr=how.learning_rate, weight_decay=0.0, fused=True)
    warmup = max(1, len(plan) // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, 1 - step / len(plan))
    )
    # (A training that was stopped goes on from its checkpoint; `so_far` knows the losses.)
    so_far.resume(weights, optimizer, schedule, len(plan))
    done = len(so_far.losses)
    memory.read_again(plan[:done])
    dev_rows.take_up(so_far, done // steps_per_epoch)
    left = [] if so_far.no_better(how.patience) else plan[done:]
    bar = tqdm(
        left,
        "training",
        len(plan),
        leave=False,
        unit="step",
        disable=progress is not None,
        initial=done,
    )
    with bar, so_far.saved_when_stopped():
        for batch in bar:
            # 5. How surprised is the model by the right answers? One number: the mean over the
            #    answer tokens of the batch.
            loss = lora.completion_loss(
                model, [examples[i] for i in batch], generator, memory.of(batch)
            )
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    f"the loss became {loss.item()} at step {len(so_far.losses) + 1}; use a smaller"
                    f" learning_rate than {how.learning_rate}"
                )
            # 6. In which direction would each weight lower that number? Of length 1 at most.
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            # 7. A small step in that direction, and the directions are forgotten.
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            so_far.stepped(loss.item())
            bar.set_postfix(loss=f"{loss.item():.3f}")
            if progress:
                progress(
                    len(so_far.losses),
                    len(plan),
                    f"training: loss {loss.item():.2f}, about {so_far.seconds_left():.0f} s left",
                )
            # 8. After every epoch the dev rows judge: the best weights are remembered, and
            #    when it gets no better, training stops.
            if judged and len(so_far.losses) % steps_per_epoch == 0:
                so_far.judged(dev_rows.loss())
                if so_far.no_better(how.patience):
                    break
    # 9. The weights of the best epoch are put back, and saved with all that shaped them.
    if so_far.best:
        with torch.no_grad():
            for weight, kept in zip(weights, so_far.best, strict=True):
                weight.copy_(kept)
    config = wrapped.peft_config["default"]
    # so that any peft uses it as it was trained
    config.alora_invocation_tokens = lora.invocation(generator) if how.acts_on == "answer" else None
    config.base_model_name_or_path, config.inference_mode = generator.name, True
    _save(wrapped, folder)
    return {
        "base": generator.fingerprint,
        "rows": len(rows),
        "row_sha256": [_hash(row) for row in rows],
        "rows_sha256": _hash(list(rows)),
        "settings": asdict(how),
        "steps": len(so_far.losses),
        "losses": [round(x, 4) for x in so_far.losses],
        "dev_rows": len(dev),
        "dev_losses": [round(x, 4) for x in so_far.dev_losses],
        "tokens": sum(len(one.ids) for one in examples),
        "answer_tokens": sum(len(one.ids) - one.prompt_tokens for one in examples),
        "seconds": round(so_far.seconds(), 1),
        **({"resumed": so_far.resumed} if so_far.resumed else {}),
        "threads": torch.get_num_threads(),
        "trained": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine(),
        "torch": torch.__version__,
    }


def with_matrices(generator: Generator, how: LoraSettings):
    """The model with fresh small matrices beside its frozen weights, as peft wraps it."""
    from peft import LoraConfig, get_peft_model

    from helpers.training.matrices import lean  # it needs torch

    config = LoraConfig(
        r=how.rank,
        lora_alpha=2 * how.rank,
        target_modules=_targets(generator, how),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # peft asks transformers in a way that it will drop
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(load.same_weights(generator), config, autocast_adapter_dtype=True)
    return lean(wrapped)


def first_layer(generator: Generator, how: LoraSettings) -> int:
    """The lowest layer that gets matrices. Raises TrainingError where no layer is left."""
    if not how.from_layer:
        return 0
    if how.from_layer >= 1:
        layers = generator.model.config.num_hidden_layers
        if how.from_layer >= layers:
            raise TrainingError(
                f"from_layer {how.from_layer} leaves none of the {layers} layers to train; make it"
                " smaller"
            )
        return int(how.from_layer)
    found = sorted(_layers(generator))
    return found[int(how.from_layer * len(found) + 1e-9)] if found else 0


def _layers(generator: Generator) -> set[int]:
    """The numbers of the layers that have matrices which we know by name."""
    names = (re.fullmatch(IN_A_LAYER, name) for name, _ in generator.model.named_modules())
    return {int(match[1]) for match in names if match}


def _targets(generator: Generator, how: LoraSettings) -> str:
    """Which matrices of the model get a pair of small ones, in peft's words."""
    if not (first := first_layer(generator, how)):
        return "all-linear"
    numbers = "|".join(str(n) for n in sorted(_layers(generator)) if n >= first)
    return IN_A_LAYER.replace(r"\d+", numbers)


def _hash(part: object) -> str:
    return hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16]


class _DevRows:
    """How surprised is the model by rows that it never trains on?"""

    def __init__(
        self, model, generator: Generator, judged: Sequence[lora.Example], how: LoraSettings
    ):
        self.model, self.generator, self.judged = model, generator, judged
        self.memory = lora.read_once(generator, judged, first_layer(generator, how))
        self.batches = lora.plan_epochs([len(one.ids) for one in judged], 1, how.batch_rows, 0)

    def loss(self) -> float:
        """Mean loss of the rows, batch by batch."""
        import torch

        with torch.no_grad():
            return sum(
                lora.completion_loss(
                    self.model,
                    [self.judged[i] for i in batch],
                    self.generator,
                    self.memory.of(batch),
                ).item()
                * len(batch)
                for batch in self.batches
            ) / len(self.judged)

    def take_up(self, so_far: Checkpoint, epochs: int) -> None:
        """After a resumption: what they had read is read again, and an epoch that they had not yet
        judged is judged."""
        if so_far.dev_losses:
            self.memory.read_again(self.batches)
        if self.judged and len(so_far.dev_losses) < epochs:
            so_far.judged(self.loss())


def _save(wrapped, folder: Path) -> None:
    """peft's own files, the matrices in bfloat16: half the size, and nothing that a score would
    notice."""
    import torch
    from safetensors.torch import load_file, save_file

    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty form; the card says more
    file = folder / "adapter_model.safetensors"
    save_file(
        {
            name: matrix.to(torch.bfloat16).contiguous()
            for name, matrix in sorted(load_file(file).items())
        },
        file,
        metadata={"format": "pt"},
    )
