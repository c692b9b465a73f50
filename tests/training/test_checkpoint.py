"""A training that is stopped, killed or finds a damaged checkpoint ends in the adapter of one that
was not."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.core.progress import Stopped
from helpers.models import load
from helpers.training import checkpoint, lora, time_estimate, trainer

LONGER = dataclasses.replace(HOW, epochs=4, patience=9)
# trains in a process of its own: saves after step 3, and dies at step 5 as its last argument says
DIES = """
import os, signal, sys
sys.path.insert(0, "tests")
from support.tiny_model import HOW, tiny_generator, tiny_rows
from helpers.models import load
from helpers.training import checkpoint, trainer

model, when = sys.argv[1:]
generator = tiny_generator() if model == "tiny" else load.load_generator()

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def progress(done, *_):
    checkpoint.SAVE_EVERY_SECONDS = 0 if done == 2 else 600
    if done == 4 and when == "while it saves":
        checkpoint.SAVE_EVERY_SECONDS, os.fsync = 0, die
    if done == 5:
        die()

trainer.finetune(generator, tiny_rows(generator), HOW, progress=progress)
"""


@pytest.fixture
def generator():
    return tiny_generator()


@pytest.fixture
def home(cache):
    return cache / "adapters"


def train(generator, how=HOW, stop_at=None, **more):
    """(adapter or None where it was stopped, what was said, the losses' steps)."""
    said, steps = [], []

    def progress(done, *_):
        steps.append(done)
        if done == stop_at:
            raise Stopped

    adapter = None
    try:
        adapter = trainer.finetune(
            generator, tiny_rows(generator), how, progress=progress, say=said.append, **more
        )
    except Stopped:
        assert stop_at
    return adapter, said, steps


def never_said(generator):
    """Dev rows that every epoch makes less likely."""
    said = "Nothing whatever was ever said of any such thing here"
    return [(prompt, said) for prompt, _ in tiny_rows(generator)]


def learnt(adapter) -> bytes:
    return (adapter.folder / "adapter_model.safetensors").read_bytes()


@pytest.fixture
def exact(monkeypatch):
    """The losses of every step to the last bit, in the order in which they came."""
    found = []
    plain = checkpoint.Checkpoint.stepped
    monkeypatch.setattr(
        checkpoint.Checkpoint, "stepped", lambda self, x: (found.append(x), plain(self, x))
    )
    return found


def uninterrupted(generator, tmp_path, monkeypatch, how=HOW, **more):
    with monkeypatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(tmp_path / "other"))
        return train(generator, how, **more)[0]


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(
    ("model", "when"),
    [
        ("tiny", "between two saves"),
        ("tiny", "while it saves"),
        pytest.param("real", "between two saves", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_is_the_same_to_the_last_bit(
    home, tmp_path, monkeypatch, exact, model, when
):
    generator = tiny_generator() if model == "tiny" else load.load_generator()
    whole, losses = uninterrupted(generator, tmp_path, monkeypatch), [*exact]
    dead = subprocess.run([sys.executable, "-c", DIES, model, when], cwd=ROOT, timeout=300)
    assert dead.returncode == -9
    left = {path.name.partition(".")[2] for path in home.iterdir()}
    assert left >= {"part", "building"}
    assert ("part.new" in left) == (when == "while it saves")
    exact.clear()
    adapter, said, steps = train(generator)
    assert steps == [4, 5, 6, 7, 8]
    assert exact == losses[3:]
    assert adapter.card["losses"] == whole.card["losses"]
    assert learnt(adapter) == learnt(whole)
    assert re.fullmatch(r"going on at step 3 of 8 \(saved \d\d:\d\d\)", said[0])
    assert adapter.card["resumed"] == 1
    assert "resumed" not in whole.card
    # nothing but the adapter and its lock is left
    assert sorted(path.suffix for path in home.iterdir()) == ["", ".lock"]


def test_stopped_above_a_layer_goes_on(home, tmp_path, monkeypatch, exact, generator):
    """What the frozen layers had made of the rows is made again, in the same company."""
    how = dataclasses.replace(HOW, acts_on="everything", from_layer=1)
    whole, losses = uninterrupted(generator, tmp_path, monkeypatch, how), [*exact]
    exact.clear()
    assert train(generator, how, stop_at=6)[0] is None
    adapter, _, steps = train(generator, how)
    assert steps == [7, 8]
    assert exact == losses
    assert learnt(adapter) == learnt(whole)


@pytest.mark.parametrize("stops", [(3,), (2, 5), (4,), (8,)], ids=str)
def test_stopped_and_called_again_goes_on(home, tmp_path, monkeypatch, generator, stops):
    """Anywhere: within an epoch, twice, where an epoch ends, after the last step."""
    whole = uninterrupted(generator, tmp_path, monkeypatch)
    for at in stops:
        assert train(generator, stop_at=at)[2][-1] == at
    adapter, _, steps = train(generator)
    assert steps == list(range(stops[-1] + 1, 9))
    assert learnt(adapter) == learnt(whole)
    assert adapter.card["resumed"] == len(stops)


def test_prompts_that_find_no_room_are_read_in_their_old_company(
    home, tmp_path, monkeypatch, generator
):
    """The cache of read prompts is full after a few rows; the rest is read anew in every epoch."""
    monkeypatch.setattr(lora.Prompts.__init__, "__defaults__", (100,))
    dev = [(prompt, "No.") for prompt, _ in tiny_rows(generator)]
    whole = uninterrupted(generator, tmp_path, monkeypatch, LONGER, dev=dev)
    train(generator, LONGER, stop_at=10, dev=dev)
    adapter, _, _ = train(generator, LONGER, dev=dev)
    assert learnt(adapter) == learnt(whole)
    assert adapter.card["dev_losses"] == whole.card["dev_losses"]


@pytest.mark.parametrize("done", [3, 4, 9])
def test_what_is_read_again_is_read_in_the_same_batches(monkeypatch, generator, done):
    """In other company the last bits of a large model are other ones."""
    begins = lora.invocation(generator)
    examples = [
        lora.encode(generator.tokenizer, prompt, completion, begins, everywhere=False)
        for prompt, completion in tiny_rows(generator)
    ]
    plan = lora.plan_epochs([len(one.ids) for one in examples], 4, 2, seed=0)[:done]
    company, plain = {}, lora.Prompts._read

    def noted(self, rows):
        before = set(self.kept)
        read = plain(self, rows)
        company.update({(id(self), i): [*rows] for i in set(self.kept) - before})
        return read

    monkeypatch.setattr(lora.Prompts, "_read", noted)
    first, again = (lora.Prompts(generator, examples, kept_tokens=100) for _ in range(2))
    for batch in plan:
        first.of(batch)
    again.read_again(plan)
    assert 0 < len(first.kept) < len(examples)
    assert {i: company[id(again), i] for i in again.kept} == {
        i: company[id(first), i] for i in first.kept
    }
    assert again.room == first.room


def test_a_model_with_dropout_throws_the_same_dice(home, tmp_path, monkeypatch):
    generator = tiny_generator(dropout=0.3)
    whole = uninterrupted(generator, tmp_path, monkeypatch)
    assert learnt(whole) != learnt(uninterrupted(tiny_generator(), tmp_path, monkeypatch))
    train(generator, stop_at=3)
    assert learnt(train(generator)[0]) == learnt(whole)


@pytest.mark.parametrize("at", [4, 7, 8, 13], ids=lambda at: f"step {at}")
def test_the_best_epoch_may_lie_before_the_stop(home, tmp_path, monkeypatch, generator, at):
    """Steps 4 and 8 end an epoch: there the dev rows have not judged yet when it is stopped."""
    wrong = never_said(generator)
    how = dataclasses.replace(LONGER, learning_rate=0.01)
    whole = uninterrupted(generator, tmp_path, monkeypatch, how, dev=wrong)
    found = whole.card["dev_losses"]
    assert found.index(min(found)) == 0, found
    train(generator, how, stop_at=at, dev=wrong)
    adapter, _, _ = train(generator, how, dev=wrong)
    assert adapter.card["dev_losses"] == found
    assert learnt(adapter) == learnt(whole)


def test_early_stopping_stops_at_the_same_epoch(home, tmp_path, monkeypatch, generator):
    wrong = never_said(generator)
    how = dataclasses.replace(LONGER, learning_rate=0.01, patience=1)
    whole = uninterrupted(generator, tmp_path, monkeypatch, how, dev=wrong)
    assert whole.card["steps"] == 8
    train(generator, how, stop_at=8, dev=wrong)  # the dev rows would stop it here
    adapter, _, steps = train(generator, how, dev=wrong)
    assert steps == []
    assert learnt(adapter) == learnt(whole)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_bit(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def another_format(data: bytes) -> bytes:
    return data.replace(b'\\"format\\": 1', b'\\"format\\": 7')


@pytest.mark.parametrize(
    "damage", [cut, one_bit, another_format, lambda _: b"", lambda _: b"\xff" * 99]
)
def test_a_damaged_checkpoint_is_put_aside(home, tmp_path, monkeypatch, generator, damage):
    whole = uninterrupted(generator, tmp_path, monkeypatch)
    train(generator, stop_at=3)
    (part,) = home.glob("*.part")
    assert damage(part.read_bytes()) != part.read_bytes()
    part.write_bytes(damage(part.read_bytes()))
    adapter, said, steps = train(generator)
    assert steps[0] == 1
    assert len(said) == 1
    assert f"is put aside as {part.name}.unusable, and training begins anew" in said[0]
    assert "\n" not in said[0]
    assert "resumed" not in adapter.card
    assert learnt(adapter) == learnt(whole)


def renamed(home: Path, generator, how) -> None:
    """A checkpoint under the name of another training."""
    (part,) = home.glob("*.part")
    part.rename(home / f"{trainer.adapter_fingerprint(generator, tiny_rows(generator), how)}.part")


def test_the_checkpoint_of_another_training_is_put_aside(home, tmp_path, monkeypatch, generator):
    seven = dataclasses.replace(HOW, seed=7)
    whole = uninterrupted(generator, tmp_path, monkeypatch, seven)
    train(generator, stop_at=3)
    renamed(home, generator, seven)
    adapter, said, _ = train(generator, seven)
    assert "(it belongs to another training)" in said[0]
    assert learnt(adapter) == learnt(whole)


def test_weights_of_another_shape_are_put_aside(home, tmp_path, monkeypatch, generator):
    """Even where a checkpoint says that it is this training's."""
    wide = dataclasses.replace(HOW, rank=4)
    name = trainer.adapter_fingerprint(generator, tiny_rows(generator), wide)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "adapter_fingerprint", lambda *_: name)
        train(generator, stop_at=3)
    whole = uninterrupted(generator, tmp_path, monkeypatch, wide)
    adapter, said, _ = train(generator, wide)
    assert "has another shape" in said[0]
    assert learnt(adapter) == learnt(whole)


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_once_and_training_goes_on(home, monkeypatch, generator):
    monkeypatch.setattr(checkpoint, "SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(checkpoint, "write_whole", full)
    adapter, said, _ = train(generator)
    assert adapter.card["steps"] == 8
    assert len(said) == 1
    assert "cannot be saved on its way" in said[0]
    assert "No space left" in said[0]


def test_a_stop_with_a_full_disk_is_still_a_stop(home, monkeypatch, generator):
    train(generator, stop_at=2)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_whole", full)
        assert train(generator, stop_at=5)[0] is None
    assert train(generator)[2][0] == 3, "what was saved before stays"


@pytest.mark.parametrize("moved", [False, True], ids=["counted", "counted and made"])
def test_ctrl_c_within_a_step_leaves_the_checkpoint_before_it(
    home, tmp_path, monkeypatch, generator, moved
):
    """A step is counted, and made or not, but not yet noted: that must not be saved."""
    import torch

    whole = uninterrupted(generator, tmp_path, monkeypatch)
    train(generator, stop_at=3)
    plain = torch._fused_adamw_

    def interrupted(*given, **more):
        if moved:
            plain(*given, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "_fused_adamw_", interrupted)
        train(generator)
    adapter, _, steps = train(generator)
    assert steps == [4, 5, 6, 7, 8]
    assert learnt(adapter) == learnt(whole)


def test_ctrl_c_while_a_step_is_worked_out_loses_no_step(home, monkeypatch, generator):
    plain, calls = lora.completion_loss, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return plain(*given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(lora, "completion_loss", interrupted)
        train(generator)
    assert train(generator)[2] == [6, 7, 8]


def test_it_is_saved_every_ten_minutes(home, monkeypatch, generator):
    now, saved = [0.0], []
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    plain = checkpoint.Checkpoint.save
    monkeypatch.setattr(
        checkpoint.Checkpoint, "save", lambda self: (saved.append(len(self.losses)), plain(self))
    )

    def four_minutes(*_):
        now[0] += 240

    trainer.finetune(
        generator, tiny_rows(generator), HOW, progress=four_minutes, say=lambda _: None
    )
    assert saved == [4, 7]


def test_seconds_add_up(home, monkeypatch, generator):
    train(generator, stop_at=3)
    clock = checkpoint.Checkpoint.seconds
    monkeypatch.setattr(checkpoint.Checkpoint, "seconds", lambda self: clock(self) + 1000)
    train(generator, stop_at=5)
    monkeypatch.setattr(checkpoint.Checkpoint, "seconds", clock)
    assert 1000 < train(generator)[0].card["seconds"] < 1100


def test_the_file_can_be_read_without_running_anything(home, monkeypatch, generator):
    """Safetensors and JSON, no pickle."""
    from safetensors import safe_open

    train(generator, stop_at=3)
    kinds = {path.suffix for path in home.rglob("*") if path.is_file()}
    assert kinds == {".lock", ".part"}
    (part,) = home.glob("*.part")
    with safe_open(part, "pt") as file:
        assert len(json.loads(file.metadata()["about"])["losses"]) == 3
        assert {name.partition(".")[0] for name in file.keys()} == {  # noqa: SIM118
            "weight",
            "step",
            "exp_avg",
            "exp_avg_sq",
            "dice",
        }


def test_a_loss_that_is_no_number_leaves_no_checkpoint(home, monkeypatch, generator):
    import torch

    train(generator, stop_at=3)
    monkeypatch.setattr(lora, "completion_loss", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(trainer.TrainingError, match="nan at step 4"):
        train(generator)
    assert [path.suffix for path in home.iterdir()] == [".lock"]


def test_a_training_over_100_minutes_is_announced_and_not_refused(home, monkeypatch, generator):
    monkeypatch.setattr(time_estimate, "read_per_second", lambda _: 0.05)
    assert train(generator, stop_at=1)[1] == [], "few rows are not worth a measurement"
    monkeypatch.setattr(time_estimate, "MANY_TOKENS", 10)
    longer = dataclasses.replace(HOW, seed=1)
    adapter, said, _ = train(generator, longer)
    assert adapter.card["steps"] == 8
    assert len(said) == 1
    assert re.match(r"this training takes about \d+\.\d minutes .* saved every 10 minutes", said[0])


def test_a_training_under_100_minutes_begins_without_a_word(home, monkeypatch, generator):
    monkeypatch.setattr(time_estimate, "MANY_TOKENS", 10)
    assert train(generator)[1] == []
