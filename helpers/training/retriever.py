"""How does an embedder learn which passage answers a question? By telling the right passage from
others, in small matrices beside the frozen weights.

    body = tune_questions(questions, right, vectors, RetrieverSettings())
    save_embedder(body, folder, how, {"rows": len(questions)})   a peft adapter of 3 MB
    body = load_embedder_adapter(folder, share=0.5)              half way back to what was before

Two ways. `tune_questions` moves the questions alone: the passages keep their vectors, so no index
is built again, each question is told from *all* passages, and training costs the few tokens of a
question. `tune_embedder` moves both, and then everything must be embedded anew.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.files import build_aside
from helpers.models import load
from helpers.training.adapters import CARD, AdapterError
from helpers.training.contrastive import _forward

if TYPE_CHECKING:
    import numpy as np
    from sentence_transformers import SentenceTransformer

# the linear layers of a BERT: attention in and out, and the two of the feed-forward part
LAYERS = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Pair:
    """A question, the passage that answers it, and passages that look as if they did."""

    question: str
    passage: str
    lookalikes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetrieverSettings:
    """How the embedder is tuned. batch_rows: pairs in a batch, each of which must find its passage
    among all of them; lookalikes: hard negatives of each pair that join them; scale: what cosines
    are multiplied by before the softmax; max_tokens: how much of a passage is read."""

    epochs: int = 1
    batch_rows: int = 32
    lookalikes: int = 1
    learning_rate: float = 1e-3
    rank: int = 16
    scale: float = 20.0
    max_tokens: int = 96
    seed: int = 0


def tune_questions(
    questions: Sequence[str],
    right: Sequence[Sequence[int]],
    passages: np.ndarray,
    how: RetrieverSettings = RetrieverSettings(epochs=1),
) -> SentenceTransformer:
    """A copy of the embedder, for questions only, in which each lies nearer to its right passages
    than to any other.

    right: for each question the rows of `passages` that answer it; passages: (n, dimensions)
    vectors of length 1, which stay. The loss is the softmax over all of them (the multiple
    negatives ranking loss with the whole collection as negatives, so the hard ones are among them;
    query-side tuning as in DensePhrases, Lee et al. 2021). Raises ValueError without questions, or
    for one with no right passage.
    """
    import numpy as np
    import torch

    if not questions or not all(map(len, right)) or len(right) != len(questions):
        raise ValueError("give questions, and for each the rows of the passages that answer it")
    body = with_new_adapter(copy.deepcopy(load.load_embedder()).float(), how).train()
    learnt = [weights for weights in body.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=how.learning_rate, weight_decay=0.01)
    every, dice = torch.tensor(passages, device=body.device), np.random.default_rng(how.seed)
    batches = [
        batch
        for _ in range(how.epochs)
        for batch in _batches(dice.permutation(len(questions)), how.batch_rows)
    ]
    for step, rows in enumerate(batches):
        # up over a tenth of the steps, then down to nothing
        done = step / len(batches)
        optimizer.param_groups[0]["lr"] = how.learning_rate * min(
            1, 10 * (step + 1) / len(batches), 1 - done
        )
        asked = _forward(body, [questions[i] for i in rows])
        scores = how.scale * asked @ every.T  # (batch, passages)
        hit = [scores[at, right[i]].logsumexp(0) for at, i in enumerate(rows)]
        loss = (scores.logsumexp(1) - torch.stack(hit)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return body.eval()


def _batches(order: np.ndarray, rows: int) -> list[np.ndarray]:
    """The order in parts of so many rows; a last part that is shorter is left out."""
    return [order[at : at + rows] for at in range(0, max(1, len(order) - rows + 1), rows)]


def tune_embedder(
    pairs: Sequence[Pair], how: RetrieverSettings = RetrieverSettings()
) -> SentenceTransformer:
    """A copy of the embedder with an adapter in which a question lies nearer to its passage than to
    the others of its batch: the multiple negatives ranking loss (Henderson et al. 2017), by
    sentence-transformers' trainer.

    No batch holds one passage twice, or it would be right and wrong at once. Raises ValueError for
    fewer than two pairs, or for a pair with fewer lookalikes than wanted.
    """
    if len(pairs) < 2:
        raise ValueError("there is nothing to tell apart: give two pairs or more")
    if short := next((one for one in pairs if len(one.lookalikes) < how.lookalikes), None):
        raise ValueError(
            f"{how.lookalikes} lookalikes are wanted, and {short.question!r} has"
            f" {len(short.lookalikes)}; find more, or want fewer"
        )
    from datasets import Dataset
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    columns = {"anchor": [one.question for one in pairs], "positive": [p.passage for p in pairs]}
    for n in range(how.lookalikes):
        columns[f"negative_{n + 1}"] = [one.lookalikes[n] for one in pairs]
    body: SentenceTransformer = with_new_adapter(copy.deepcopy(load.load_embedder()).float(), how)
    whole, body.max_seq_length = body.max_seq_length, how.max_tokens
    train(body, Dataset.from_dict(columns), MultipleNegativesRankingLoss(body, how.scale), how)
    body.max_seq_length = whole
    return body.eval()


def train(body: SentenceTransformer, rows: Any, loss: Any, how: RetrieverSettings) -> None:
    """Run sentence-transformers' trainer: it reports to nobody and leaves no file."""
    from sentence_transformers import (
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.training_args import BatchSamplers

    steps = how.epochs * (len(rows) // how.batch_rows)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        SentenceTransformerTrainer(
            body,
            SentenceTransformerTrainingArguments(
                folder,
                num_train_epochs=how.epochs,
                per_device_train_batch_size=how.batch_rows,
                learning_rate=how.learning_rate,
                warmup_steps=max(1, steps // 10),
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                seed=how.seed,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=body.device.type == "cpu",
            ),
            train_dataset=rows,
            loss=loss,
        ).train()


def with_new_adapter(body: SentenceTransformer, how: RetrieverSettings) -> SentenceTransformer:
    """The embedder, its weights frozen, with a fresh LoRA adapter in every linear layer."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(how.seed)
    config = LoraConfig(
        r=how.rank, lora_alpha=how.rank, lora_dropout=0.0, target_modules=list(LAYERS)
    )
    body[0].model = get_peft_model(body[0].model, config)
    return body


# --- on disk --------------------------------------------------------------------------------------


def save_embedder(
    body: SentenceTransformer, folder: Path, how: RetrieverSettings, about: Mapping[str, Any]
) -> Path:
    """Write the adapter of a tuned embedder into a folder of its own, in peft's format, with a card
    that says what it was made from. Whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with build_aside(folder) as aside:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft looks for the base's card on a hub
            body[0].model.save_pretrained(str(aside), safe_serialization=True)
        (aside / "README.md").unlink(missing_ok=True)  # an empty form
        config = aside / "adapter_config.json"
        shown = json.loads(config.read_text(encoding="utf-8")) | {
            "base_model_name_or_path": load.embedder_fingerprint().partition("-float")[0]
        }
        config.write_text(json.dumps(shown, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (aside / WEIGHTS).chmod(0o644)  # the library writes it for its owner alone
        digest = hashlib.sha256((aside / WEIGHTS).read_bytes()).hexdigest()[:16]
        card = {
            "fingerprint": digest,
            "base": load.embedder_fingerprint(),
            "settings": asdict(how),
            **about,
        }
        (aside / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return folder


def load_embedder_adapter(folder: Path, share: float | None = None) -> SentenceTransformer:
    """The embedder with the adapter of a folder merged into its weights: as fast as without.

    share: of the way from the weights before (0) to the tuned ones (1); 0.5 is the mean of both, as
    Wortsman et al. (2022) average them. By default what the card says was best on dev. Raises
    AdapterError where there is no adapter, or one of another embedder.
    """
    from peft import PeftModel

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        base, share = card["base"], card.get("share", 1.0) if share is None else share
    except (OSError, ValueError, KeyError) as error:
        raise AdapterError(
            f"{settings.shown(folder)} holds no tuned embedder ({type(error).__name__}: {error});"
            " make it again"
        ) from None
    if base.rpartition("-")[0] != load.embedder_fingerprint().rpartition("-")[0]:
        raise AdapterError(
            f"{settings.shown(folder)} was tuned from {base}, and the embedder here is"
            f" {load.embedder_fingerprint()}; tune it again"
        )
    body = copy.deepcopy(load.load_embedder())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        tuned = PeftModel.from_pretrained(body[0].model, str(folder))
    return merged(body, tuned, share)


def merged(body: SentenceTransformer, tuned: Any, share: float = 1.0) -> SentenceTransformer:
    """The embedder with so much of the adapter added to its weights, and no adapter beside them."""
    from peft.tuners.lora import LoraLayer

    for module in tuned.modules():
        if isinstance(module, LoraLayer):
            module.scale_layer(share)
    body[0].model = tuned.merge_and_unload()
    return body.eval()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No word from the libraries about what they cannot look up on a hub."""
    loggers = [logging.getLogger(name) for name in ("sentence_transformers", "transformers")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
