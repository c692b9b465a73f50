"""How is a model taught to read and to cite, without being taught a single fact? Rows from other
invented worlds, in the very prompt of RAG.

    adapter = finetune(generator, training_rows(generator, load_reading("train")), HOW)
    # kept as reference_adapter("reader", generator)

Two are kept. The *reader* reads up to three passages in RAG's own prompt, cites by number and
refuses. The *window reader* reads one window in the form of `asking` (WHO_ASKS) and always answers:
whether the window is the right one, others decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.core.cases import Arm, Case
from helpers.data.handbook import Document
from helpers.data.reading import Reading, load_reading
from helpers.models.load import Generator
from helpers.retrieval.chunking import chunk_all
from helpers.systems.asking import CHOSEN, oracle_span
from helpers.systems.prompts import BASE, BETTER, SCHEMA, WHO_ASKS, question_prompt
from helpers.systems.questions import evidence_contexts, oracle
from helpers.systems.reading_rows import ALONE, readings
from helpers.systems.tuned_search import right_windows
from helpers.training.adapters import Adapter, reference_or_train, with_adapter
from helpers.training.trainer import LoraSettings, finetune

HOW = LoraSettings(epochs=1, rank=8, learning_rate=1e-3, batch_rows=4)
MOST_PASSAGES = 3  # as many as RAG shows here; longer rows would take most of the time
# The window reader: classic LoRA, which changes how the model reads and not only what it writes.
# Numbers and names are drawn anew, so a further epoch is `draws`, not the same rows again.
READS = LoraSettings(
    epochs=1, rank=12, learning_rate=6e-4, batch_rows=4, acts_on="everything", from_layer=10
)


WINDOWS = 1400  # rows that the window reader is trained on: half an hour on two cores


def completion(reading: Reading) -> str:
    """What the reader learns to write: the short answer and the number of its passage, or the
    refusal alone."""
    return reading.answer if reading.cite is None else f"{reading.answer} [{reading.cite}]"


def training_rows(generator: Generator, readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """(prompt, completion) pairs for `finetune`, from rows of at most three passages; the prompt is
    the one that RAG sends, passages numbered from 1."""
    return [
        (question_prompt(generator, one.question, one.passages), completion(one))
        for one in readings
        if len(one.passages) <= MOST_PASSAGES
    ]


def serving_rows(generator: Generator, readings: Sequence[Reading]) -> list[tuple[str, str]]:
    """(prompt, completion) pairs in the form of `asking` (WHO_ASKS): header lines, who asks,
    the question first and last. A passage alone is not numbered in the answer."""
    return [
        (
            question_prompt(generator, one.question, one.passages, WHO_ASKS, one.asked_by),
            one.answer if len(one.passages) == 1 else completion(one),
        )
        for one in readings
    ]


def reader_adapter(generator: Generator) -> Adapter:
    """The adapter that has learned to read: the reference one, or, for weights that it does not
    fit, one that is trained now (minutes)."""
    return reference_or_train(
        "reader",
        generator,
        lambda: finetune(generator, training_rows(generator, load_reading("train")), HOW),
    )


def window_rows(generator: Generator, draws: int = 2, most: int | None = WINDOWS):
    """(prompt, completion) pairs of the window reader: one right passage each, numbers and names
    drawn anew in every draw."""
    drawn = [one for n in range(draws) for one in readings("train", n, ALONE)]
    return serving_rows(generator, drawn[:most])


def window_reader(generator: Generator) -> Generator:
    """The generator with the adapter that reads one window: the reference one, or, for weights that
    it does not fit, one that is trained now (half an hour and more)."""
    adapter = reference_or_train(
        "window_reader", generator, lambda: finetune(generator, window_rows(generator), READS)
    )
    return with_adapter(generator, adapter)


def ways_to_read(
    base: Generator,
    reader: Generator,
    cases: Sequence[Case],
    documents: Sequence[Document],
    asked_by: Mapping[str, str],
) -> dict[str, Arm]:
    """The same evidence in front of the model, put to it in five ways: three prompts for the base,
    and the window reader (see `reader.window_reader`), which writes, or quotes by spans."""
    chunks = evidence_contexts(cases, chunk_all(documents, 64, 16))
    windows = right_windows(cases, documents)
    ways = {style.name: oracle(base, chunks, style.name, style) for style in (BASE, BETTER, SCHEMA)}
    ways["tuned reader"] = oracle(reader, windows, "tuned reader", WHO_ASKS, asked_by)
    ways["by spans"] = oracle_span(reader, windows, CHOSEN, asked_by=asked_by)
    return ways
