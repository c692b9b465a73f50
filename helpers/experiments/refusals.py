"""What does a release lose that forgets how to refuse? The reader, and the same reader with its
refusal switched off because users complained about it; both asked all dev questions.

    kept = load_refusals()                       # measured once: labs_data/build/refusals.py
    kept.right("reader", kept.answerable)        # id -> right, of the questions with an answer
    kept.answered("no refusals", kept.to_refuse) # one flag each: answered what it should refuse
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.cases import Case
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.bits import to_bits, to_flags
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.models import load
from helpers.systems import retrieval_augmented
from helpers.systems.prompts import REFUSAL
from helpers.training.adapters import reference_adapter, with_adapter

if TYPE_CHECKING:
    from helpers.models.load import Generator
    from helpers.retrieval.retriever import Retriever

REFERENCE = settings.DATA / "reference" / "refusals.json"
ARMS = ("reader", "no refusals")
PASSAGES = 3  # shown with each question
CODE = ("core/cases", "data/questions", "evaluation", "models", "retrieval", "systems", "training")


@dataclass(frozen=True, eq=False)
class Refusals:
    """What was measured. ids: all dev questions; facts, kinds: of each; answerable, to_refuse: the
    ids with an answer, and without; arms: name -> `right` and `abstained`, one bit a question."""

    ids: tuple[str, ...]
    facts: dict[str, str]
    kinds: dict[str, str]
    answerable: tuple[str, ...]
    to_refuse: tuple[str, ...]
    arms: dict[str, dict[str, Any]]
    provenance: dict[str, Any]

    def right(self, arm: str, ids: Sequence[str]) -> dict[str, bool]:
        """Id -> was it right, of these questions."""
        return self._column(arm, "right", ids)

    def answered(self, arm: str, ids: Sequence[str]) -> list[bool]:
        """One flag a question: was it answered, not refused?"""
        return [not refused for refused in self._column(arm, "abstained", ids).values()]

    def _column(self, arm: str, column: str, ids: Sequence[str]) -> dict[str, bool]:
        found = dict(zip(self.ids, to_flags(self.arms[arm][column]), strict=True))
        return {id: found[id] for id in ids}


@functools.lru_cache(maxsize=1)
def load_refusals(path: Path = REFERENCE) -> Refusals:
    """Both readers as measured by `labs_data/build/refusals.py`."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    rows = saved["questions"]
    return Refusals(
        tuple(row["id"] for row in rows),
        {row["id"]: row["fact"] for row in rows},
        {row["id"]: row["kind"] for row in rows},
        tuple(row["id"] for row in rows if not row["to_refuse"]),
        tuple(row["id"] for row in rows if row["to_refuse"]),
        {arm["name"]: arm for arm in saved["arms"]},
        saved["provenance"],
    )


def dev_questions() -> list[Case]:
    """All dev questions, those to be refused as well."""
    return load_questions("dev", load_handbook())


def without_refusals(generator: Generator) -> Generator:
    """The same model, which may not write the words of a refusal: what somebody switches on who has
    heard too often that the system does not know."""
    model = load.same_weights(generator)
    # "I don", at the beginning of an answer and behind a blank
    banned = [
        generator.tokenizer(begins, add_special_tokens=False)["input_ids"]
        for word in (REFUSAL.split("'")[0], REFUSAL.split("'")[0].replace("I", "i"))
        for begins in (word, f" {word}")
    ]
    model.generation_config.bad_words_ids = banned
    return replace(
        generator,
        name=f"{generator.name}, no refusals",
        fingerprint=f"{generator.fingerprint}-no-refusals",
        model=model,
    )


def measure(
    generator: Generator, index: Retriever, arm: str, cases: Sequence[Case] | None = None
) -> dict[str, Any]:
    """Ask one of ARMS the dev questions."""
    reader = with_adapter(generator, reference_adapter("reader", generator))
    if arm != "reader":
        reader = without_refusals(reader)
    table = evaluate(
        retrieval_augmented(reader, index, top_k=PASSAGES, name=arm),
        dev_questions() if cases is None else cases,
        QUESTIONS,
        live=True,
    )
    return {
        "name": arm,
        "right": to_bits(table["right"]),
        "abstained": to_bits(table["abstained"]),
        "answers": table["answer"].tolist(),
    }
