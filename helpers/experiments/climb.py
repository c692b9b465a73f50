"""How far have we come? One running score through the course: the same dev questions from 00 to 12,
and how many of them are right after each step.

    load_climb()       one row a step: right, of how many, its interval, and against the step before
    best_step()        the system with the most right answers
    same_arm()         one system, many numbers: which cases, how many, how many right

`labs_data/build/climb.py` measures the steps; a step that nobody has measured says why.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Arm, Case
from helpers.data.handbook import Document, load_handbook
from helpers.data.labelled_rows import plain
from helpers.data.questions import load_questions
from helpers.evaluation.bits import share_right
from helpers.evaluation.comparison import Comparison
from helpers.evaluation.evaluator import wilson
from helpers.experiments import chunking_grid
from helpers.experiments.chunking_grid import ChunkingSetting, index_of
from helpers.systems.asking import who_asks
from helpers.systems.prompts import WHO_ASKS
from helpers.systems.questions import closed_book, oracle, retrieval_augmented
from helpers.systems.tuned_search import right_windows, sentence_windows

if TYPE_CHECKING:
    from helpers.data.askers import Asker
    from helpers.models.load import Generator
    from helpers.retrieval.retriever import Retriever

REFERENCE = settings.DATA / "reference" / "climb.json"
FINDINGS = settings.DATA / "reference" / "findings.json"
# what shapes an answer; not this module, whose words change
CODE = ("evaluation", "models", "retrieval", "systems", "experiments/chunking_grid")
SENTENCES = ChunkingSetting(strategy="sentences")
# steps that are settings of the grid of 03, which has answered them
IN_THE_GRID = {"search: one passage": ChunkingSetting(), "cut at sentences": SENTENCES}


@dataclass(frozen=True)
class Step:
    """What was changed, in which notebook, and on top of which step; hollow: why there is no
    number, where there is none. A ceiling is what the last step could reach, not a system."""

    name: str
    notebook: str
    on: str = ""
    hollow: str = ""
    ceiling: bool = False


STEPS = (
    Step("closed book", "00"),
    Step("search: one passage", "02", "closed book"),
    Step("cut at sentences", "03", "search: one passage"),
    Step("headings and region in each chunk", "03", "cut at sentences"),
    Step(
        "rights and dates in the search",
        "04",
        "cut at sentences",
        hollow="in every search here from the first on; without them it was not measured",
    ),
    Step("tuned reader", "08", "cut at sentences"),
    Step("tuned search", "09", "tuned reader"),
    Step("the right passage, same reader", "08", "tuned search", ceiling=True),
)


# steps whose system needs weights of ours
TUNED = ("tuned reader", "tuned search")


def the_questions(cases: Sequence[Case], path: Path = chunking_grid.REFERENCE) -> list[Case]:
    """The dev questions that every setting of the grid of 03 was asked, in its order."""
    by_id = {case.id: case for case in cases}
    return [by_id[id] for id in json.loads(path.read_text(encoding="utf-8"))["answer_ids"]]


def arms(
    generator: Generator,
    reader: Generator,
    documents: Sequence[Document],
    cases: Sequence[Case],
    askers: Mapping[str, Asker],
) -> dict[str, Callable[[], Arm]]:
    """The system of every step that can be measured, made when it is called. reader: reads one
    passage (see `reader.window_reader`); askers: ask id -> who asks, as far as that is known."""
    as_trained = {"style": WHO_ASKS, "asked_by": who_asks([case.ask for case in cases], askers)}

    def searching(setting: ChunkingSetting) -> Arm:
        return retrieval_augmented(generator, index_of(documents, setting), 1)

    def read(search: Retriever) -> Arm:
        return retrieval_augmented(reader, search, 1, **as_trained)

    def right_passage() -> Arm:
        windows = right_windows(cases, documents)
        return oracle(reader, windows, **as_trained)

    return {
        "closed book": lambda: closed_book(generator),
        "search: one passage": lambda: searching(ChunkingSetting()),
        "cut at sentences": lambda: searching(SENTENCES),
        "headings and region in each chunk": lambda: searching(replace(SENTENCES, context="place")),
        "tuned reader": lambda: read(index_of(documents, SENTENCES)),
        "tuned search": lambda: read(sentence_windows(documents, askers)),
        "the right passage, same reader": right_passage,
    }


@functools.lru_cache(maxsize=2)
def load_climb(path: Path = REFERENCE) -> pd.DataFrame:
    """One row a step, in the order of the course, the ceiling last. right is missing where a step
    was not measured; verdict compares it with the step named in `on`, on the same questions."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    bits, facts = {row["name"]: row["right"] for row in saved["steps"]}, tuple(saved["facts"])
    rows = []
    for step in STEPS:
        row = {**vars(step), "n": len(facts)}
        if step.name in bits:
            ours = bits[step.name]
            low, high = wilson(ours.count("1"), len(ours))
            row |= {"right": ours.count("1"), "share": share_right(ours), "low": low, "high": high}
        elif not step.hollow:
            row["hollow"] = "not measured yet"
        if step.name in bits and step.on in bits:
            row["gain"] = gain_of(bits[step.name], bits[step.on], facts, (step.name, step.on))
        rows.append(row)
    table = pd.DataFrame(rows).set_index("name")
    table.attrs = {key: value for key, value in saved.items() if key != "steps"}
    return table


def best_step(path: Path = REFERENCE, untuned: bool = False) -> str:
    """The system with the most right answers so far, of equals the first; a ceiling is none.
    untuned: of those that ask the model as it comes."""
    table = load_climb(path)
    table = table[table["right"].notna() & ~table["ceiling"].astype(bool)]
    if untuned:
        table = table[~table.index.isin(TUNED)]
    return table["right"].astype(float).idxmax()


def known(cases: Sequence[Case], path: Path = REFERENCE) -> int:
    """How many of these cases ask a question of the climb, in the same words?"""
    ours = set(load_climb(path).attrs["ids"])
    asked = {plain(c.ask.input) for c in load_questions("dev", load_handbook()) if c.id in ours}
    return sum(plain(case.ask.input) in asked for case in cases)


def gain_of(ours: str, before: str, facts: tuple[str, ...], names: tuple[str, str]) -> Comparison:
    """What a step wins or loses against the one it stands on, question by question."""
    return chunking_grid.versus(ours, before, facts, names, "right")


# One system in several notebooks: finding -> (what it is called here, which cases it was asked).
SAMPLES = {
    "02.rag/closed book": ("closed book", "dev, every question with an answer"),
    "08.questions/closed book": ("closed book", "test, every question with an answer"),
    "02.rag/RAG": ("RAG, one passage", "dev, every question with an answer"),
    "07.facts/RAG": ("RAG, one passage", "the facts of 07, as a colleague asks"),
    "08.questions/RAG": ("RAG, one passage", "test, every question with an answer"),
    "01.swaps/assistant + the sentence": ("the right passage", "dev, without eight solved facts"),
    "08.questions/oracle context": ("the right passage", "test, every question with an answer"),
    "07.facts/reader + best search": (
        "tuned reader, best search",
        "the facts of 07, as a colleague asks",
    ),
    "08.reader/reader + best search": (
        "tuned reader, best search",
        "test, every question with an answer",
    ),
}


def same_arm(path: Path = FINDINGS) -> pd.DataFrame:
    """Why has one system another number in every notebook? Its cases differ: one row for each set
    of cases, with n and interval. Intervals that share values do not contradict each other."""
    found = json.loads(path.read_text(encoding="utf-8"))["findings"]
    rows = [
        (arm, cases, id.partition(".")[0], found[id])
        for id, (arm, cases) in SAMPLES.items()
        if id in found
    ]
    climbed = load_climb()
    on = {"closed book": "closed book", "search: one passage": "RAG, one passage"}
    rows += [
        (arm, "dev, the questions of the climb", climbed.loc[step, "notebook"], row)
        for step, arm in on.items()
        for row in [{**climbed.loc[step], "value": climbed.loc[step, "share"]}]
    ]
    table = pd.DataFrame(
        [
            {
                "system": arm,
                "cases": cases,
                "notebook": notebook,
                "right": round(row["value"] * row["n"]),
                "n": int(row["n"]),
                "interval": f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %",
            }
            for arm, cases, notebook, row in rows
        ]
    )
    order = list(dict.fromkeys(arm for arm, _ in SAMPLES.values()))
    table["order"] = table["system"].map(order.index)
    return table.sort_values(["order", "notebook"]).drop(columns="order").set_index("system")
