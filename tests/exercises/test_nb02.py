"""The open exercise of notebook 02 compares with what the notebook's own index finds."""

from __future__ import annotations

import json
from types import SimpleNamespace

from conftest import assert_right, assert_told

from helpers.core.cases import Passage
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.exercises import nb02
from helpers.experiments import chunking_grid


def test_the_baseline_of_the_open_exercise_is_the_grid_s():
    [row] = [
        row
        for row in json.loads(chunking_grid.REFERENCE.read_text("utf-8"))["rows"]
        if (row["strategy"], row["chunk_size"], row["overlap"], row["retriever"], row["top_k"])
        == ("tokens", 64, 0.25, "dense", 1)
        and row.get("context", "title") == "title"
    ]
    assert row["found"].count("1") == nb02.BASELINE_FOUND


def searching(of_evidence: int):
    """An index whose first passage holds the evidence of so many dev questions."""
    documents = {d.id: d for d in load_handbook()}
    cases = [c for c in load_questions("dev", list(documents.values())) if c.gold.answers]
    ids = {case.ask.id: i for i, case in enumerate(cases)}

    def search_all(asks, top_k=1):
        return [
            [
                Passage(one.doc, "", 0, len(documents[one.doc].text), documents[one.doc].text)
                for one in cases[ids[ask.id]].gold.evidence
            ]
            if ids[ask.id] < of_evidence
            else []
            for ask in asks
        ]

    return lambda documents: SimpleNamespace(search_all=search_all)


def test_more_than_the_baseline_is_right_and_as_much_is_not():
    assert_right("02.4", searching(nb02.BASELINE_FOUND + 1))
    assert_told("02.4", searching(nb02.BASELINE_FOUND), "38 of 141")
