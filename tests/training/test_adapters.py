"""The adapters that are kept with the workbook: small, made of the rows that are there, and what
training makes of them today."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import CancelledError

import pytest
from support.build_scripts import build_script

from helpers.data.facts import load_training
from helpers.data.reading import load_reading
from helpers.data.tickets import load_tickets
from helpers.experiments import facts_in_weights
from helpers.models import load
from helpers.systems import TICKET_PROMPT, labelled, reader
from helpers.training import adapters, lora, trainer

NAMES = ("format", "facts", "reader", "window_reader")
# enough for a wrong rate, rank, order or loss to show: the loss of tickets falls from 3.2 to 0.9 in
# them
STEPS = 10
MEND = (
    "another recipe, or other rows, need another adapter: python"
    " labs_data/build/{adapters,facts,reader}.py"
)


def recipe(name):
    """(settings, ids of the rows, rows as a function of the generator) with which the build scripts
    would train this adapter today."""
    if name == "format":
        cases = load_tickets("train")
        return (
            build_script("adapters").FORMAT,
            [case.id for case in cases],
            lambda generator: labelled.training_rows(generator, TICKET_PROMPT, cases),
        )
    if name == "facts":
        return (
            facts_in_weights.HOW,
            [row["id"] for row in load_training()],
            facts_in_weights.training_pairs,
        )
    if name == "window_reader":  # rows are drawn, so they have no ids
        return reader.READS, [], reader.window_rows
    readings = [one for one in load_reading("train") if len(one.passages) <= reader.MOST_PASSAGES]
    return (
        reader.HOW,
        [one.id for one in readings],
        lambda generator: reader.training_rows(generator, readings),
    )


def first_losses(generator, rows, how, monkeypatch):
    """The loss of the first steps of a training, which ends there."""
    found, plain = [], lora.completion_loss

    def watched(*given):
        loss = plain(*given)
        found.append(loss.item())
        return loss

    def enough(done, *_):
        if done == STEPS:
            raise CancelledError

    monkeypatch.setattr(lora, "completion_loss", watched)
    with pytest.raises(CancelledError):
        trainer.finetune(generator, rows, how, progress=enough, say=lambda _: None)
    return found


def close_to(kept):
    return pytest.approx(kept.card["losses"][:STEPS], abs=0.01)


@pytest.fixture
def generator(monkeypatch):
    """In float32 on the CPU, as the cards say."""
    monkeypatch.setenv("WORKBOOK_DEVICE", "cpu")
    monkeypatch.setenv("WORKBOOK_DTYPE", "float32")
    return load.load_generator()


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_adapter_is_small_and_says_what_it_was_made_of(name):
    adapter, (how, ids, _) = adapters.opened(adapters.REFERENCE / name), recipe(name)
    assert sum(path.stat().st_size for path in adapter.folder.iterdir()) < 6e6
    assert trainer.LoraSettings(**adapter.card["settings"]) == how, MEND
    assert adapter.card["about"].get("ids", []) == ids, MEND
    assert adapter.card["rows"] == (len(ids) or reader.WINDOWS), MEND


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_kept_adapter_was_made_of_the_rows_that_are_there(name, generator):
    adapter, rows = adapters.reference_adapter(name, generator), recipe(name)[2](generator)
    assert adapter.card["row_sha256"] == [
        hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16] for row in rows
    ], MEND


@pytest.mark.slow
@pytest.mark.usefixtures("cache")  # what an earlier run of the test has left would be resumed
@pytest.mark.parametrize("name", NAMES)
def test_training_a_kept_adapter_again_begins_as_its_card_says(name, generator, monkeypatch):
    """A sample of what a new training would give; the whole of it takes many minutes."""
    how, _, rows_of = recipe(name)
    assert first_losses(generator, rows_of(generator), how, monkeypatch) == close_to(
        adapters.reference_adapter(name, generator)
    ), MEND
