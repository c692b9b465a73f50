"""How does the system that won the course's climb do on this folder? It is asked the questions that
RAG was asked there, and compared with RAG on them, case by case.

    yours = climbed(results, out)
    yours.sentence()      what came out, or why it was not asked
    yours.beside()        one line for each system that read passages, on the same questions

The climb is the running score of notebooks 00 to 12 (`experiments.climb`): its best step was chosen
on the course's dev questions, so on those it has an advantage, and the sentence says on how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers.commands.assess.assess import own_cache
from helpers.commands.assess.report import Results, arms_table
from helpers.core import settings
from helpers.core.cases import Arm, Case
from helpers.evaluation.comparison import Comparison, compare
from helpers.evaluation.evaluator import evaluate, questions_task
from helpers.experiments import climb

NAME = "the climb's best"
RIVALS = ("RAG", "reader + RAG")
# more documents than these are searched by words there, and would take minutes to embed anew
MOST_CHARS = 1_000_000


@dataclass(frozen=True)
class Climbed:
    """tables: the climb's best step and its rivals, on the same questions; against: compared with
    RAG. why: the reason, where nothing was asked. known: how many of the questions are the climb's
    own."""

    step: str
    in_course: str
    tables: dict[str, pd.DataFrame]
    against: Comparison | None = None
    known: int = 0
    why: str = ""

    def beside(self) -> pd.DataFrame:
        """The share right of each, with interval and n."""
        return arms_table(self.tables) if self.tables else pd.DataFrame()

    def sentence(self) -> str:
        """What came out, in words."""
        yours = f"Your best step of the climb is *{self.step}* ({self.in_course})."
        if self.against is None:
            return f"{yours} It was not asked here: {self.why}."
        table = self.tables[NAME]
        right, rag = int(table["right"].sum()), int(self.tables["RAG"]["right"].sum())
        return (
            f"{yours} Here it is right in {right} of {len(table)} questions, RAG as this folder's"
            f" report has it in {rag}: {self.against.verdict_in_points()}. {self.known} of these"
            " questions are among those on which the course chose it."
        )


def climbed(results: Results, out: Path) -> Climbed:
    """The best measured step of the climb, asked what RAG was asked in this assessment. What it
    makes of the folder's texts lies in `out`, as all else; asked again, it answers from there."""
    own = results.own
    # what was tuned here fits no other model
    others = bool(own.wishes.endpoint.url or settings.model_override())
    step = climb.best_step(untuned=others)
    measured = climb.load_climb().loc[step]
    in_course = f"{measured['right']:.0f} of {measured['n']} right in the course"
    rag = results.tables.get("RAG")
    if rag is None:
        return Climbed(step, in_course, {}, why="RAG was asked nothing in this folder")
    if own.characters > MOST_CHARS:
        return Climbed(step, in_course, {}, why="its index would take minutes to build")
    by_id = {case.id: case for case in own.questions}
    cases = [by_id[id] for id in rag["id"]]
    with own_cache(out):
        arm = _arm(results, step, cases)
        table = evaluate(arm, cases, questions_task(**own.wishes.answers.judging), live=True)
    ids = set(table["id"])
    rivals = {name: results.tables[name] for name in RIVALS if name in results.tables}
    same = {name: one[one["id"].isin(ids)] for name, one in rivals.items()}
    return Climbed(step, in_course, {NAME: table, **same}, compare(rag, table), climb.known(cases))


def _arm(results: Results, step: str, cases: Sequence[Case]) -> Arm:
    """The system of this step over the folder's documents, with the model of the assessment."""
    from helpers.commands.assess.assess import endpoint_of
    from helpers.models.load import load_generator
    from helpers.training.adapters import reference_adapter, with_adapter

    model = endpoint_of(results.own) or load_generator()
    reader = model
    if step in climb.TUNED:
        reader = with_adapter(model, reference_adapter("window_reader", model))
    return climb.arms(model, reader, results.own.documents, cases, {})[step]()
