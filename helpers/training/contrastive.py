"""How does an embedder learn that requests of one route belong together? Contrastive pairs, as in
SetFit (Tunstall et al. 2022), on the CPU in seconds.

    body = tune_body(texts, labels, TuningSettings())
    vectors = vectors_of(body, texts)                       (n, 384), of length 1
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.models import load

if TYPE_CHECKING:
    import numpy as np
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class TuningSettings:
    """How the body is tuned. batch_rows: texts in a batch, of which every two are a pair;
    first_layer: layers below it, and the word vectors, stay as they are; max_tokens: how much of a
    text is read while tuning, which bounds time and memory (vectors are made of all of it)."""

    steps: int = 40
    batch_rows: int = 32
    learning_rate: float = 1e-4
    first_layer: int = 2
    max_tokens: int = 64
    seed: int = 0


def tune_body(
    texts: Sequence[str], labels: Sequence[str], how: TuningSettings = TuningSettings()
) -> SentenceTransformer:
    """A copy of the embedder in whose space texts of one label lie close and others do not.

    Every batch holds as many texts of each label; of each pair the cosine should be 1 (one label)
    or 0, by squared error (sentence-transformers' CosineSimilarityLoss, as SetFit trains), equal
    and unequal pairs weighing the same. Raises ValueError with fewer than two labels.
    """
    import numpy as np
    import torch

    named = sorted(set(labels))
    if len(named) < 2:
        raise ValueError("there is nothing to tell apart: give texts of two labels or more")
    rows_of = [np.flatnonzero([one == label for one in labels]) for label in named]
    torch.manual_seed(how.seed)
    dice = np.random.default_rng(how.seed)
    body = copy.deepcopy(load.load_embedder()).float().train()
    whole, body.max_seq_length = body.max_seq_length, how.max_tokens
    for name, weights in body.named_parameters():
        weights.requires_grad_(_learns(name, how))
    learnt = [weights for weights in body.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=how.learning_rate, weight_decay=0.01)
    for step in range(how.steps):
        each = max(2, how.batch_rows // len(named))
        picked = np.concatenate([dice.choice(rows, each, len(rows) < each) for rows in rows_of])
        same = torch.tensor([[labels[i] == labels[j] for j in picked] for i in picked])
        vectors = _forward(body, [texts[i] for i in picked])
        loss = _pair_loss(vectors @ vectors.T, same)
        # up over a tenth of the steps, then down to nothing
        done = step / how.steps
        optimizer.param_groups[0]["lr"] = how.learning_rate * min(10 * (done + 0.01), 1 - done)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    body.max_seq_length = whole
    return body.eval()


def vectors_of(body: SentenceTransformer, texts: Sequence[str]) -> np.ndarray:
    """(n texts, dimensions) float32 vectors of length 1, by this body."""
    import numpy as np

    found = body.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(found, dtype=np.float32).reshape(len(texts), -1)


def _learns(name: str, how: TuningSettings) -> bool:
    """Is this weight tuned? Not the word vectors (most of the weights), nor the lowest layers."""
    layer = name.partition(".layer.")[2].partition(".")[0]
    return layer.isdigit() and int(layer) >= how.first_layer


def _forward(body: SentenceTransformer, texts: list[str]):
    """(n, dimensions) vectors of length 1 that know their gradients."""
    import torch

    read = {
        key: value.to(body.device)
        for key, value in body.preprocess(texts).items()
        if hasattr(value, "to")
    }
    return torch.nn.functional.normalize(body(read)["sentence_embedding"], dim=1)


def _pair_loss(cosines, same):
    """The mean squared error of all pairs of a batch, half of it from pairs of one label."""
    import torch

    apart = ~torch.eye(len(same), dtype=torch.bool)
    equal, unequal = same & apart, ~same
    return ((1 - cosines[equal]) ** 2).mean() / 2 + (cosines[unequal] ** 2).mean() / 2
