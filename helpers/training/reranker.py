"""How does a small model learn to judge a passage with the question before it? A cross-encoder,
trained from MiniLM on right passages and lookalikes.

    model = train_reranker(pairs, RerankerSettings())
    score = scorer(model)             question, texts -> one score each
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.core import settings
from helpers.models import load
from helpers.models.weights import WeightsError
from helpers.training.retriever import Pair, quiet

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(frozen=True)
class RerankerSettings:
    """How it is trained. lookalikes: wrong passages beside each right one; max_tokens: of question
    and passage together."""

    epochs: int = 2
    batch_rows: int = 32
    lookalikes: int = 3
    learning_rate: float = 2e-4
    max_tokens: int = 128
    seed: int = 0


def untrained(how: RerankerSettings = RerankerSettings()) -> CrossEncoder:
    """The embedder's body with a fresh head of one score, not trained yet."""
    import torch
    from sentence_transformers import CrossEncoder

    torch.manual_seed(how.seed)
    with tempfile.TemporaryDirectory() as folder, quiet():
        # through files, as the library makes a classifier of an encoder
        load.load_embedder()[0].model.save_pretrained(folder)
        load.load_embedder().tokenizer.save_pretrained(folder)
        return CrossEncoder(
            folder, num_labels=1, max_length=how.max_tokens, device=load.pick_device()
        )


def train_reranker(
    pairs: Sequence[Pair], how: RerankerSettings = RerankerSettings()
) -> CrossEncoder:
    """A cross-encoder that tells right passages from lookalikes: binary cross-entropy, right ones
    weighing as much as all their lookalikes together, by sentence-transformers' trainer.

    Raises ValueError for a pair with fewer lookalikes than wanted.
    """
    if short := next((one for one in pairs if len(one.lookalikes) < how.lookalikes), None):
        raise ValueError(f"{short.question!r} has fewer than {how.lookalikes} lookalikes")
    import torch
    from datasets import Dataset
    from sentence_transformers.cross_encoder import (
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
    )
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    rows = [
        {"question": one.question, "passage": text, "label": float(text == one.passage)}
        for one in pairs
        for text in (one.passage, *one.lookalikes[: how.lookalikes])
    ]
    model = untrained(how)
    steps = how.epochs * (len(rows) // how.batch_rows)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        CrossEncoderTrainer(
            model,
            CrossEncoderTrainingArguments(
                folder,
                num_train_epochs=how.epochs,
                per_device_train_batch_size=how.batch_rows,
                learning_rate=how.learning_rate,
                warmup_steps=max(1, steps // 10),
                seed=how.seed,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=load.pick_device() == "cpu",
            ),
            train_dataset=Dataset.from_list(rows),
            loss=BinaryCrossEntropyLoss(model, pos_weight=torch.tensor(float(how.lookalikes))),
        ).train()
    return model.eval()


def load_reranker() -> CrossEncoder | None:
    """The cross-encoder that WORKBOOK_RERANKER names (a folder, or owner/name of a hub); None where
    it names none."""
    name = settings.reranker_override()
    if name is None:
        return None
    settings.stay_offline()
    from sentence_transformers import CrossEncoder

    try:
        return CrossEncoder(name, device=load.pick_device(), model_kwargs={"use_safetensors": True})
    except Exception as error:  # whatever a library finds wrong with a model
        raise WeightsError(
            f"WORKBOOK_RERANKER: {name} cannot be loaded ({type(error).__name__}:"
            f" {' '.join(str(error).split())[:200]}); name another cross-encoder, or unset it"
        ) from error


def scorer(model: CrossEncoder) -> Callable[[str, Sequence[str]], list[float]]:
    """What `Reranked` asks: a question and texts -> one score each, higher is better."""

    def score(question: str, texts: Sequence[str]) -> list[float]:
        pairs = [(question, text) for text in texts]
        return [float(one) for one in model.predict(pairs, show_progress_bar=False)]

    return score
