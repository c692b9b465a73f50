"""What do examples change? LoRA: small matrices beside the frozen weights learn to turn these prompts into these completions.

The result is an adapter folder in peft's standard format, a few megabytes, that any peft can load.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import models, settings
from helpers.models import Generator

if TYPE_CHECKING:
    import torch

CARD = "card.json"


class TrainingError(RuntimeError):
    """Training cannot start or went wrong; nothing half-trained is left behind."""


@dataclass(frozen=True)
class Settings:
    """How to train. rank = width of the LoRA matrices; learning_rate falls linearly to 0 after a short warm-up."""

    epochs: int = 4
    rank: int = 8
    learning_rate: float = 1e-3
    batch_rows: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Adapter:
    """A finished adapter: its folder, and the card that says what it was made from."""

    folder: Path
    fingerprint: str
    card: dict


def adapter_fingerprint(generator: Generator, rows: Sequence[tuple[str, str]], how: Settings) -> str:
    """The name of the adapter that these rows, settings and weights would give (this file's code included)."""
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    text = json.dumps([generator.fingerprint, code, list(rows), asdict(how)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def finetune(generator: Generator, rows: Sequence[tuple[str, str]], how: Settings | None = None, say=print) -> Adapter:
    """Train a LoRA adapter on (prompt, completion) rows, or hand over the finished one when the same was trained before.

    Shows loss and time left. Raises TrainingError when there is nothing to train on or the loss stops being a number.
    """
    from filelock import FileLock

    how = how or Settings()
    if not rows:
        raise TrainingError("there are no rows to train on")
    name = adapter_fingerprint(generator, rows, how)
    home = settings.cache_folder("adapters")
    with FileLock(home / f"{name}.lock"):
        if not (home / name / CARD).exists():
            for leftover in home.glob(f"{name}.training-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            aside = Path(tempfile.mkdtemp(prefix=f"{name}.training-", dir=home))
            try:
                _train(generator, rows, how, aside)
                aside.rename(home / name)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        else:
            say(f"this adapter was trained before: using {settings.shown(home / name)}")
    return Adapter(home / name, name, json.loads((home / name / CARD).read_text(encoding="utf-8")))


def _train(generator: Generator, rows: Sequence[tuple[str, str]], how: Settings, folder: Path) -> None:
    """The training loop. Loss is counted on completions only: the prompt is given, not to be learnt."""
    import torch
    from peft import LoraConfig, get_peft_model
    from tqdm.auto import tqdm

    started = time.perf_counter()
    torch.manual_seed(how.seed)
    base = models.fresh_copy(generator)
    lora = LoraConfig(r=how.rank, lora_alpha=2 * how.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers in a way that it will drop
        model = get_peft_model(base, lora, autocast_adapter_dtype=True)
    model.train()
    examples = [encode(generator.tokenizer, prompt, completion) for prompt, completion in rows]
    plan = plan_epochs([len(ids) for ids, _ in examples], how)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=how.learning_rate, weight_decay=0.0)
    warmup = max(1, len(plan) // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / warmup, 1 - step / len(plan)))
    losses = []
    with tqdm(plan, desc="training", unit="step", leave=False) as bar:
        for batch in bar:
            loss = completion_loss(model, [examples[i] for i in batch], generator)
            if not math.isfinite(loss.item()):
                raise TrainingError(f"the loss became {loss.item()} at step {len(losses) + 1}; use a smaller learning_rate than {how.learning_rate}")
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
            bar.set_postfix(loss=f"{loss.item():.3f}")
    model.save_pretrained(folder)
    card = {
        "base": generator.fingerprint, "rows": len(rows), "rows_sha256": hashlib.sha256(json.dumps(list(rows)).encode()).hexdigest(),
        "settings": asdict(how), "steps": len(plan), "losses": [round(x, 4) for x in losses],
        "seconds": round(time.perf_counter() - started, 1), "threads": torch.get_num_threads(),
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def encode(tokenizer, prompt: str, completion: str) -> tuple[list[int], int]:
    """(token ids of prompt + completion + end of turn, number of prompt tokens)."""
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(completion, add_special_tokens=False)["input_ids"]
    return head + tail + [tokenizer.eos_token_id], len(head)


def plan_epochs(lengths: Sequence[int], how: Settings) -> list[list[int]]:
    """Which rows make up each step? Every epoch sees every row once; rows of similar length share a batch, batches in random order."""
    dice = random.Random(how.seed)
    plan = []
    for _ in range(how.epochs):
        order = sorted(range(len(lengths)), key=lambda i: (lengths[i] + dice.uniform(0, 16), i))
        batches = [order[i : i + how.batch_rows] for i in range(0, len(order), how.batch_rows)]
        dice.shuffle(batches)
        plan += batches
    return plan


def completion_loss(model, batch: Sequence[tuple[list[int], int]], generator: Generator) -> torch.Tensor:
    """Mean cross-entropy over the completion tokens of a batch.

    The vocabulary head is a fifth of the work of this model, so it is applied only at the positions that predict completion tokens.
    """
    import torch

    width = max(len(ids) for ids, _ in batch)
    tokens = torch.full((len(batch), width), generator.tokenizer.pad_token_id)
    wanted = torch.zeros((len(batch), width), dtype=torch.bool)
    for row, (ids, prompt_length) in enumerate(batch):
        tokens[row, : len(ids)] = torch.tensor(ids)
        wanted[row, prompt_length : len(ids)] = True
    tokens, wanted = tokens.to(generator.device), wanted.to(generator.device)
    inner = model.get_base_model()
    # Padding stands on the right, where causal attention never looks, so no mask is needed (and attention runs faster without).
    hidden = inner.model(input_ids=tokens, use_cache=False).last_hidden_state  # (rows, width, 576)
    predicts = wanted[:, 1:]  # position t predicts token t + 1
    logits = inner.lm_head(hidden[:, :-1][predicts])  # (completion tokens, 49152)
    return torch.nn.functional.cross_entropy(logits.float(), tokens[:, 1:][predicts])


def with_adapter(generator: Generator, adapter: Adapter) -> Generator:
    """The model with the adapter merged into its weights: as fast as the base. The given generator stays as it is."""
    from peft import PeftModel

    tuned = PeftModel.from_pretrained(models.fresh_copy(generator), str(adapter.folder)).merge_and_unload().eval()
    return Generator(f"{generator.name} + {adapter.fingerprint}", f"{generator.fingerprint}+{adapter.fingerprint}", tuned, generator.tokenizer, generator.device)
