"""The climb's best system, asked what RAG was asked in a folder: the same questions, a comparison
that pairs them, and a reason where it was not asked."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from support.towns import own_folder, quiet

from helpers.commands.assess import assess
from helpers.commands.assess.climbed import NAME, climbed
from helpers.core import settings
from helpers.experiments import climb

pytestmark = pytest.mark.usefixtures("made_vectors")


@pytest.fixture
def assessed(serve, tmp_path):
    server = serve()
    out = tmp_path / "out"
    results, _ = assess.assessed(own_folder(tmp_path / "own", server.url), out, 2, quiet)
    return results, out, server


def test_it_is_asked_what_rag_was_asked(assessed):
    results, out, _ = assessed
    yours = climbed(results, out)
    assert list(yours.tables[NAME]["id"]) == list(results.tables["RAG"]["id"])
    assert yours.against.n == len(results.tables["RAG"])
    assert list(yours.beside().index) == [NAME, "RAG"]


def test_a_model_elsewhere_is_asked_by_a_step_without_weights_of_ours(assessed):
    results, out, server = assessed
    asked = len(server.asked)
    assert climbed(results, out).step == climb.best_step(untuned=True)
    assert len(server.asked) > asked


def test_the_sentence_counts_both_and_names_the_advantage(assessed):
    results, out, _ = assessed
    yours = climbed(results, out)
    right, n = int(yours.tables[NAME]["right"].sum()), len(yours.tables[NAME])
    assert f"right in {right} of {n} questions" in yours.sentence()
    assert "0 of these questions are among those" in yours.sentence()


def test_nothing_of_the_folder_leaves_its_out(assessed, tmp_path):
    results, out, _ = assessed
    before = {p for p in settings.cache_folder("indexes").rglob("*") if p.is_file()}
    climbed(results, out)
    assert {p for p in settings.cache_folder("indexes").rglob("*") if p.is_file()} == before
    assert list((out / "work").rglob("*.sqlite")), "vectors are kept where the report is"


@pytest.mark.parametrize(
    ("tables", "characters", "why"),
    [
        ({}, 10, "RAG was asked nothing"),
        ({"RAG": pd.DataFrame({"id": []})}, 10**9, "minutes to build"),
    ],
)
def test_where_it_is_not_asked_it_says_why(tmp_path, tables, characters, why):
    endpoint = SimpleNamespace(url="", model="")
    own = SimpleNamespace(
        wishes=SimpleNamespace(endpoint=endpoint), characters=characters, questions=()
    )
    yours = climbed(SimpleNamespace(own=own, tables=tables), tmp_path)
    assert why in yours.sentence()
    assert len(yours.beside()) == 0
