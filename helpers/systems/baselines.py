"""What does an answer cost that needs no language model? The baselines every system must beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from helpers.core.cases import Arm, Ask, Prediction
from helpers.retrieval.retriever import Retriever
from helpers.systems import citations, prompts
from helpers.systems.labelled import Pairs
from helpers.systems.questions import fingerprint


def majority_label(pairs: Pairs) -> Arm:
    """The output that occurs most often, whatever was asked: the baseline without skill."""
    if not pairs:
        raise ValueError("there are no rows to count; give the training rows")
    (output, _), *_ = Counter(output for _, output in pairs).most_common(1)
    return Arm(
        "majority label",
        lambda asks: (Prediction(ask.id, output) for ask in asks),
        fingerprint(output),
    )


def always_refuse() -> Arm:
    """The baseline that is right on whatever should be refused, and on nothing else."""
    return Arm(
        "always refuse",
        lambda asks: (Prediction(ask.id, prompts.REFUSAL) for ask in asks),
        fingerprint("always refuse"),
    )


def best_sentence(index: Retriever) -> Arm:
    """The sentence of the first passage that shares most words with the question: no model at
    all."""

    def answer(asks: Sequence[Ask]):
        for ask, passages in zip(asks, index.search_all(asks, 1, "bm25"), strict=True):
            said = (
                citations.best_sentence(passages[0].text, citations.content_words(ask.input))
                if passages
                else prompts.REFUSAL
            )
            yield Prediction(ask.id, said, tuple(passages))

    return Arm("best sentence", answer, fingerprint("best sentence", index.name))
