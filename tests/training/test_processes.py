"""Two processes train what one trains, and what is exported answers as it did."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.models.generate import complete
from helpers.training.adapters import AdapterError, with_adapter
from helpers.training.trainer import finetune

TRAINING = ROOT / "deploy" / "training"
EXPORT = runpy.run_path(str(TRAINING / "export.py"))["export"]

# Both processes train, as `train.py` does it; each has a cache of its own.
BOTH = """
import json, os, sys
sys.path[:0] = [{training!r}, {tests!r}]

def part(acts_on):
    import accelerate
    state = accelerate.PartialState(cpu=True)
    os.environ["WORKBOOK_CACHE"] = f"{{os.environ['CACHES']}}/{{state.process_index}}-{{acts_on}}"
    from dataclasses import replace
    from processes import one_training
    from support.tiny_model import HOW, tiny_generator, tiny_rows
    from helpers.training.trainer import finetune
    generator = tiny_generator()
    # 7 rows in batches of 3: shares of two and one, and a last batch for one process only
    rows, dev = tiny_rows(generator, 9)[:7], tiny_rows(generator, 9)[7:]
    from_layer = int(acts_on.endswith("above"))
    how = replace(HOW, batch_rows=3, acts_on=acts_on.split()[0], from_layer=from_layer)
    with one_training(state):
        adapter = finetune(generator, rows, how, dev, progress=lambda *_: None, say=lambda _: None)
    if state.is_main_process:
        print("CARD", json.dumps([adapter.card["losses"], adapter.card["dev_losses"]]), flush=True)
    state.wait_for_everyone()
    state.destroy_process_group()

if __name__ == "__main__":
    import accelerate
    accelerate.debug_launcher(part, (sys.argv[1],), num_processes=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("acts_on", ["answer", "everything", "everything above"])
def test_two_processes_have_the_losses_of_one(cache, tmp_path, acts_on):
    code = BOTH.format(training=str(TRAINING), tests=str(ROOT / "tests"))
    (tmp_path / "both.py").write_text(code)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "CACHES": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "both.py", acts_on],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("CARD")]
    assert len(said) == 1, done.stderr[-3000:]
    losses, dev_losses = json.loads(said[0].removeprefix("CARD"))
    generator = tiny_generator()
    rows, dev = tiny_rows(generator, 9)[:7], tiny_rows(generator, 9)[7:]
    from_layer = int(acts_on.endswith("above"))
    how = replace(HOW, batch_rows=3, acts_on=acts_on.split()[0], from_layer=from_layer)
    one = finetune(generator, rows, how, dev, progress=lambda *_: None, say=lambda _: None)
    assert losses == pytest.approx(one.card["losses"], abs=2e-3)
    assert dev_losses == pytest.approx(one.card["dev_losses"], abs=2e-3)


@pytest.fixture
def everywhere(cache):
    generator = tiny_generator()
    how = replace(HOW, acts_on="everything")
    return generator, finetune(generator, tiny_rows(generator), how, say=lambda _: None)


def test_an_exported_model_answers_as_the_adapter_did(everywhere, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    generator, adapter = everywhere
    EXPORT(generator, adapter, tmp_path / "model")
    plain = replace(
        generator,
        fingerprint="exported@1",
        model=AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval(),
        tokenizer=AutoTokenizer.from_pretrained(tmp_path / "model"),
    )
    prompts = [prompt for prompt, _ in tiny_rows(generator)]

    def answers(model):
        return {one.index: one.text for one in complete(model, prompts, max_new_tokens=6)}

    assert answers(plain) == answers(with_adapter(generator, adapter)) != answers(generator)


def test_an_export_is_safetensors_alone(everywhere, tmp_path):
    EXPORT(*everywhere, tmp_path / "model")
    kinds = {Path(file.name).suffix for file in (tmp_path / "model").iterdir()}
    assert ".safetensors" in kinds and not kinds & {".bin", ".pt", ".pkl"}


def test_an_adapter_that_acts_on_answers_only_is_not_exported(cache, tmp_path):
    generator = tiny_generator()
    adapter = finetune(generator, tiny_rows(generator), HOW, say=lambda _: None)
    with pytest.raises(AdapterError):
        EXPORT(generator, adapter, tmp_path / "model")
    assert not (tmp_path / "model").exists()
