"""What does a release lose that forgets how to refuse? RAG that says "I don't know." where even the
best passage is weak (notebook 01), and the same without its threshold, because users complained;
both asked all dev questions.

    kept = load_refusals()                          # from the answers that come with the workbook
    kept.right("refuses", kept.answerable)          # id -> right, of the questions with an answer
    kept.answered("never refuses", kept.to_refuse)  # one flag each: answered what it should refuse
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.cases import Case
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.evaluation.bits import to_bits, to_flags
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.systems import retrieval_augmented

if TYPE_CHECKING:
    from helpers.models.load import Generator
    from helpers.retrieval.retriever import Retriever

REFERENCE = settings.DATA / "reference" / "refusals.json"
# name -> the score below which the best passage is too weak; the threshold is notebook 01's
ARMS: dict[str, float | None] = {"refuses": 0.5, "never refuses": None}
CODE = ("core/cases", "data/questions", "evaluation", "models", "retrieval", "systems")


@dataclass(frozen=True, eq=False)
class Refusals:
    """What was measured. ids: the dev questions; answerable, to_refuse: those with an answer, and
    without; arms: name -> `right` and `abstained`, one bit a question."""

    ids: tuple[str, ...]
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
    """Both systems as measured by `labs_data/build/refusals.py`."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    rows = saved["questions"]
    return Refusals(
        tuple(row["id"] for row in rows),
        tuple(row["id"] for row in rows if not row["to_refuse"]),
        tuple(row["id"] for row in rows if row["to_refuse"]),
        {arm["name"]: arm for arm in saved["arms"]},
        saved["provenance"],
    )


def dev_questions() -> list[Case]:
    """All dev questions, those to be refused as well."""
    return load_questions("dev", load_handbook())


def measure(
    generator: Generator, index: Retriever, arm: str, cases: Sequence[Case]
) -> dict[str, Any]:
    """Ask one of ARMS the questions; what comes answered with the workbook is used."""
    rag = retrieval_augmented(generator, index, top_k=1, name=arm, min_score=ARMS[arm])
    table = evaluate(rag, cases, QUESTIONS)
    return {
        "name": arm,
        "right": to_bits(table["right"]),
        "abstained": to_bits(table["abstained"]),
    }
