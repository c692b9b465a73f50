"""What does an answer cost that needs no language model? The baselines every system must beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from helpers.core.cases import Arm, Ask, Prediction
from helpers.data.json_schema import Checked
from helpers.retrieval.retriever import Retriever
from helpers.systems import citations, prompts
from helpers.systems.columns import columns_of
from helpers.systems.labelled import Examples, pairs
from helpers.systems.neighbours import nearest_rows
from helpers.systems.questions import fingerprint


def majority_label(
    examples: Examples, schema: dict | Checked | None = None, by_field: bool = False
) -> Arm:
    """The output that occurs most often, whatever was asked: the baseline without skill.

    by_field: each field its most common value, which together may stand in no row. Raises
    ValueError without examples.
    """
    outputs = [output for _, output in pairs(examples, schema)]
    if not outputs:
        raise ValueError("there are no rows to count; give the training rows")
    if by_field:
        columns = columns_of(outputs, schema)
        output = columns.written({name: _most(column) for name, column in columns.values.items()})
    else:
        output = _most(outputs)
    return Arm(
        "majority label",
        lambda asks: (Prediction(ask.id, output) for ask in asks),
        fingerprint(output),
    )


def _most(values: Sequence[str | None]) -> str | None:
    """The most common one; of several the one that comes first."""
    return Counter(values).most_common(1)[0][0]


def nearest_neighbour(examples: Examples, schema: dict | Checked | None = None) -> Arm:
    """The output of the labelled row whose input is most similar (the cosine of their vectors); of
    rows that are equally similar, the first.

    An ask that is itself an example gets that example's output: nothing is left out, for train and
    dev are disjoint. Raises ValueError without examples.
    """
    from helpers.retrieval import embedding

    rows = pairs(examples, schema)
    if not rows:
        raise ValueError("there are no rows to compare with; give the training rows")
    known = [text for text, _ in rows]

    def answer(asks: Sequence[Ask]):
        found = nearest_rows([ask.input for ask in asks], known, 1)
        for ask, (row,) in zip(asks, found, strict=True):
            yield Prediction(ask.id, rows[row][1])

    return Arm(
        "nearest neighbour",
        answer,
        fingerprint("nearest neighbour", rows, embedding.fingerprint()),
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
