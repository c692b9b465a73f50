"""A setting of a lab as findings: its own numbers, pair by pair, and none of another setting."""

from __future__ import annotations

import functools
from dataclasses import replace

import pandas as pd
import pytest

from helpers.decision.findings import load_findings
from helpers.evaluation.bits import share_right
from helpers.experiments import chunking_grid, lab_findings, training_grid
from helpers.experiments.chunking_grid import BASELINE, ChunkingSetting
from helpers.experiments.training_cell import TrainingSetting
from helpers.experiments.training_grid import Grid

evidence = functools.cache(load_findings)


@functools.cache
def trained(setting):
    return lab_findings.of_training(training_grid.load_grid(), setting, evidence())


@functools.cache
def searched(setting):
    return lab_findings.of_chunking(chunking_grid.load_grid(), setting, evidence())


@pytest.mark.parametrize(
    "setting",
    [TrainingSetting(256), TrainingSetting(256, epochs=1), TrainingSetting(256, label_noise=0.3)],
    ids=str,
)
def test_tuned_is_what_this_very_setting_measured(setting):
    score = training_grid.score_of(training_grid.load_grid(), setting)
    found = trained(setting)["tuned"]
    assert (found.value, found.low, found.n) == (score["share"], score["low"], score["n"])


def test_a_pair_is_counted_on_the_same_tickets():
    told = training_grid.versus_untrained(
        training_grid.load_grid(), "few-shot", TrainingSetting(256)
    )
    pair = trained(TrainingSetting(256)).difference("prompt", "tuned")
    assert (pair.value, pair.low, pair.high) == (told.difference, told.low, told.high)


def test_the_one_without_a_language_model_is_the_best_of_them():
    grid, best = training_grid.load_grid(), trained(TrainingSetting(64))["classifier"].value
    for arm in lab_findings.WITHOUT:
        rows = [b for b in grid.baselines if b["arm"] == arm and b["rows"] in (0, 64)]
        assert sum(share_right(b["right"]) for b in rows) / len(rows) <= best + 1e-9, arm


def test_no_system_uses_more_labels_than_the_setting_has():
    found = trained(TrainingSetting(64))
    assert {found[name].rows for name in ("classifier", "majority", "tuned")} <= {0, 64}
    with_all = trained(TrainingSetting(training_grid.load_grid().most))
    assert with_all["retrieved examples"].rows > 64


def test_labels_written_by_hand_rules_are_not_bought():
    """A page of rules rests on no label; 0 is a number of its own."""
    from helpers.decision.costs import labels_to_buy
    from helpers.decision.options import CLASSIFIER, JUDGEMENTS, TUNE
    from helpers.decision.requirements import Requirements

    r, found = Requirements(lookup_share=0.0, labelled_examples=10), trained(TrainingSetting(64))
    rules = found.but(classifier=replace(found["classifier"], rows=0))
    assert labels_to_buy(CLASSIFIER, JUDGEMENTS, r, rules) == 0
    assert labels_to_buy(TUNE, JUDGEMENTS, r, found) == 54


def test_two_models_do_not_meet_in_a_lab():
    assert trained(TrainingSetting(64)).left_out == []
    assert searched(BASELINE).left_out == []


def test_what_was_not_trained_says_so():
    with pytest.raises(KeyError, match="not trained: 96 labels"):
        trained(TrainingSetting(96))


def test_a_grid_without_seeds_in_common_has_its_pairs_all_the_same():
    """The only run of a system stands against every seed of the other."""
    grid = training_grid.load_grid()
    alone: Grid = replace(grid, baselines=tuple(b for b in grid.baselines if b["rows"] in (0, 8)))
    found = lab_findings.of_training(alone, TrainingSetting(128), evidence())
    assert found.difference("classifier", "tuned").value == pytest.approx(
        found["tuned"].value - found["classifier"].value
    )


def test_search_and_rag_are_those_of_this_setting():
    row = chunking_grid.row_of(chunking_grid.load_grid(), BASELINE)
    found = searched(BASELINE)
    assert (found["recall"].value, found["RAG"].value) == (row["recall"], row["accuracy"])


def test_the_reader_of_this_setting_is_compared_question_by_question():
    found = searched(BASELINE)
    pair = found.difference("RAG", "reader + RAG")
    assert pair.value == pytest.approx(found["reader + RAG"].value - found["RAG"].value)


def test_what_was_counted_at_another_setting_is_not_known_here():
    found = searched(ChunkingSetting(strategy="headings", chunk_size=512))
    gone = ("RAG", "reader + RAG", "lost to reading", "refused", "improved RAG")
    assert [name for name in gone if found[name] is not None] == []
    assert found["recall"] is not None


def test_a_longer_prompt_takes_longer():
    short, long = (
        searched(replace(BASELINE, strategy="sentences", chunk_size=256, top_k=k)) for k in (1, 3)
    )
    more = long.usage["RAG"].tokens_in - short.usage["RAG"].tokens_in
    assert more > 0
    assert long.usage["RAG"].seconds - short.usage["RAG"].seconds == pytest.approx(
        more * long.read_seconds
    )


def test_a_grid_without_answers_has_a_search():
    grid = chunking_grid.load_grid()
    bare = pd.DataFrame(grid).drop(columns=["prompt_tokens", "right", "reader_right"])
    found = lab_findings.of_chunking(bare, BASELINE, evidence())
    assert found["RAG"] is None
    assert found["recall"].value == 38 / 141
