"""Which device, dtype and model are used, and that importing the library costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from helpers.models import generate, load, weights


def test_dtype_follows_the_machine_unless_one_is_set(monkeypatch):
    import torch

    monkeypatch.delenv("WORKBOOK_DTYPE", raising=False)
    for can, dtype in (
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda can=can: can)
        assert load.pick_dtype("cpu") is dtype
    monkeypatch.setenv("WORKBOOK_DTYPE", "float16")
    assert load.pick_dtype("cpu") is torch.float16
    monkeypatch.setenv("WORKBOOK_DTYPE", "int3")
    with pytest.raises(ValueError, match="use float32, bfloat16 or float16"):
        load.pick_dtype("cpu")
    monkeypatch.setenv("WORKBOOK_DEVICE", "mps")
    assert load.pick_device() == "mps"


@pytest.mark.slow
def test_another_model_is_a_setting_away(monkeypatch):
    """A folder with any causal model in safetensors; its weights, not its path, are its
    fingerprint."""
    ours = load.load_generator()
    monkeypatch.setenv("WORKBOOK_MODEL", str(weights.prepare(weights.SMOLLM2)))
    monkeypatch.setenv("WORKBOOK_DTYPE", "float32")
    other = load.load_generator()
    assert other is not ours
    assert other.fingerprint != ours.fingerprint
    assert other.dtype == "float32"
    assert next(generate.complete(other, [generate.chat(other, "Say hello.")], 8)).text


def test_import_is_quick_and_loads_no_torch():
    code = (
        "import time; t = time.perf_counter(); import helpers, sys; print('torch' in sys.modules,"
        " 'chromadb' in sys.modules)"
    )
    assert subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    ).stdout.split() == ["False", "False"]


def test_batches_hold_every_prompt_once_and_stay_small():
    lengths = [5, 900, 40, 41, 42, 3000, 7, 7, 7] * 9
    batches = generate.plan_batches(lengths, batch_tokens=3000, batch_rows=16)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(
        len(b) <= 16 and (len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 3000)
        for b in batches
    )


@pytest.fixture
def nothing_is_loaded(monkeypatch):
    """Whoever hands a name to a library, which may send it to a hub, fails."""
    import sentence_transformers
    import transformers

    def loads(*words, **how):
        pytest.fail(f"a library was asked for {words}")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", loads)
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", loads)


@pytest.mark.parametrize("name", ["./missing", "missing", "models/missing", "/no/such/folder"])
@pytest.mark.parametrize(
    ("variable", "loaded"),
    [("WORKBOOK_MODEL", load.load_generator), ("WORKBOOK_EMBEDDER", load.load_embedder)],
)
def test_a_folder_that_is_not_there_is_no_name_for_a_hub(
    nothing_is_loaded, tmp_path, monkeypatch, variable, loaded, name
):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, name)
    with pytest.raises(weights.WeightsError) as caught:
        loaded()
    assert str(caught.value).startswith(
        f"{variable}: there is no such folder: {(tmp_path / name).resolve()};"
    )


def test_an_embedder_without_a_folder_has_no_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_EMBEDDER", str(tmp_path / "missing"))
    with pytest.raises(weights.WeightsError, match="there is no such folder"):
        load.embedder_fingerprint()


@pytest.mark.parametrize("config", ["{}", '{"model_type": "llama"}', "no json"])
@pytest.mark.parametrize(
    ("variable", "loaded"),
    [("WORKBOOK_MODEL", load.load_generator), ("WORKBOOK_EMBEDDER", load.load_embedder)],
)
def test_a_model_that_cannot_be_loaded_is_one_line_that_says_which(
    tmp_path, monkeypatch, variable, loaded, config
):
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    (tmp_path / "config.json").write_text(config)
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(weights.WeightsError) as caught:
        loaded()
    assert str(caught.value).startswith(f"{variable}: {tmp_path} cannot be loaded (")
    assert "\n" not in str(caught.value)
