"""The reader's rows, evidence taken away, adapters that are kept, and how long training would
take."""

from typing import NamedTuple

import pandas as pd
import pytest

from helpers.core.cases import Passage
from helpers.data.reading import REFUSAL, Reading, load_reading
from helpers.evaluation.attribution import (
    removal_order,
    remove_evidence,
    with_evidence_removed,
)
from helpers.evaluation.scores import answer_correct
from helpers.models import load
from helpers.systems import reader
from helpers.training import adapters, time_estimate
from helpers.training.trainer import LoraSettings


def table(rights):
    return pd.DataFrame({"id": list(rights), "right": list(rights.values())})


def test_a_completion_is_the_answer_and_its_number_or_the_refusal_alone():
    shown = (Passage("d", "T", 0, 1, "x"),)
    assert reader.completion(Reading("a", "q", shown, "17 days", 1, "w")) == "17 days [1]"
    assert reader.completion(Reading("a", "q", shown, REFUSAL, None, "w")) == REFUSAL


@pytest.mark.slow
def test_the_reader_learns_in_the_very_prompt_of_rag_and_from_short_rows_only():
    from helpers.systems.prompts import question_prompt

    generator, readings = load.load_generator(), load_reading("train")
    rows, short = (
        reader.training_rows(generator, readings),
        [one for one in readings if len(one.passages) <= reader.MOST_PASSAGES],
    )
    assert 0 < len(rows) == len(short) < len(readings)
    assert rows[0] == (
        question_prompt(generator, short[0].question, short[0].passages),
        reader.completion(short[0]),
    )


def test_a_larger_loss_takes_the_same_cases_and_more():
    ids = [f"c{i}" for i in range(20)]
    shown, hidden = table(dict.fromkeys(ids, True)), table(dict.fromkeys(ids, False))
    wrong = [
        set(m["id"][~m["right"]])
        for m in (remove_evidence(shown, hidden, lost) for lost in (0, 0.25, 0.5, 1))
    ]
    assert [len(w) for w in wrong] == [0, 5, 10, 20]
    assert wrong[0] < wrong[1] < wrong[2] < wrong[3]
    assert removal_order(ids) == removal_order(ids[::-1]) != removal_order(ids, seed=1)
    assert list(remove_evidence(shown, hidden, 0.5)["id"]) == sorted(ids)


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(ValueError, match="share from 0 to 1; got 50"):
        remove_evidence(table({"a": True}), table({"a": True}), 50)
    with pytest.raises(ValueError, match="the same cases"):
        remove_evidence(table({"a": True}), table({"b": True}), 0.5)


def test_the_share_right_falls_with_the_evidence():
    ids = [f"c{i}" for i in range(8)]
    found = with_evidence_removed(
        {
            "base": (table(dict.fromkeys(ids, True)), table(dict.fromkeys(ids, False))),
            "reader": (table(dict.fromkeys(ids, True)),) * 2,
        }
    )
    assert list(found.query("system == 'base'")["share"]) == [1, 0.75, 0.5, 0]
    assert set(found.query("system == 'reader'")["share"]) == {1}


def test_an_adapter_for_other_weights_is_trained_and_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(adapters, "REFERENCE", tmp_path)
    said = []
    assert (
        adapters.reference_or_train(
            "reader",
            load.Generator("m", "m@1-float32-cpu", None, None, "cpu"),
            lambda: "trained here",
            said.append,
        )
        == "trained here"
    )
    assert "train it again; that is done now" in said[0]


@pytest.mark.slow
def test_more_rows_and_epochs_take_longer_and_prompts_count_once(monkeypatch):
    generator = load.load_generator()
    monkeypatch.setattr(time_estimate, "read_per_second", lambda _: 100.0)
    from helpers.models.generate import chat

    rows = [(chat(generator, "word " * 50), "yes")] * 4
    one, two = (
        time_estimate.training_seconds(generator, rows, LoraSettings(epochs=n)) for n in (1, 2)
    )
    whole = time_estimate.training_seconds(
        generator, rows, LoraSettings(epochs=1, acts_on="everything")
    )
    assert one < two < 2 * one
    assert whole > 2 * one
    assert time_estimate.training_seconds(
        generator, rows * 2, LoraSettings(epochs=1)
    ) == pytest.approx(2 * one)
    assert "In a hurry? rows[:2] takes about" in time_estimate.estimate_in_words(
        generator, rows, LoraSettings(epochs=400)
    )


class OfFormat(NamedTuple):
    """What the estimate asks of a generator."""

    device: str
    dtype: str


def test_what_a_training_step_costs_in_float32_is_known(monkeypatch):
    monkeypatch.setattr(time_estimate, "_seconds_to_read_and_train", lambda _: 1 / 0)
    assert time_estimate.step_cost(OfFormat("cpu", "float32")) == time_estimate.STEP_COST


@pytest.mark.parametrize("at", [OfFormat("cpu", "bfloat16"), OfFormat("cuda", "float32")])
def test_in_another_format_or_on_a_card_it_is_measured(monkeypatch, at):
    time_estimate.step_cost.cache_clear()
    monkeypatch.setattr(time_estimate, "_seconds_to_read_and_train", lambda _: (0.5, 4.5))
    assert time_estimate.step_cost(at) == 9.0


@pytest.mark.slow
def test_the_measurement_trains_and_leaves_the_model_as_it_was(monkeypatch):
    monkeypatch.setenv("WORKBOOK_DTYPE", "bfloat16")
    generator = load.load_generator()
    before = {name: part.sum().item() for name, part in generator.model.named_parameters()}
    read, trained = time_estimate._seconds_to_read_and_train(generator, tokens=64)
    assert trained > read > 0
    assert {name: part.sum().item() for name, part in generator.model.named_parameters()} == before
    assert not [one for one in generator.model.parameters() if one.grad is not None]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_kept_reader_reads_and_cites_worlds_that_it_never_saw(dtype, monkeypatch):
    """Dev worlds: half of its answers are right with the right number; the base, which nobody asked
    for a number, gives none."""
    from helpers.models import generate

    monkeypatch.setenv("WORKBOOK_DTYPE", dtype)
    generator = load.load_generator()
    readings = [
        one
        for one in load_reading("dev")
        if len(one.passages) <= reader.MOST_PASSAGES and one.cite is not None
    ][:16]
    right = {}
    for name, model in (
        ("base", generator),
        (
            "reader",
            adapters.with_adapter(generator, adapters.reference_adapter("reader", generator)),
        ),
    ):
        said = {
            done.index: done.text
            for done in generate.complete(
                model, [row[0] for row in reader.training_rows(model, readings)], 24
            )
        }
        right[name] = sum(
            answer_correct(said[i], [one.answer]) and f"[{one.cite}]" in said[i]
            for i, one in enumerate(readings)
        )
    assert right["base"] == 0, right
    assert right["reader"] >= len(readings) / 2, right
