"""The folder for a stick: what lies in it, what is said where it does not fit, and that it installs
without a network."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT

PYPROJECT = """\
[build-system]
requires = ["toybuild"]
build-backend = "toybuild"

[project]
name = "fine-tuning-or-rag"
version = "0.1.0"
dependencies = ["toydep"]

[project.optional-dependencies]
test = []
"""
# builds wheels of its own: an editable install needs a builder, and no test may fetch one
TOYBUILD = """
import zipfile
from pathlib import Path


def build_editable(folder, config_settings=None, metadata_directory=None):
    return write(folder, "fine_tuning_or_rag", {"editable.pth": str(Path.cwd())}, ["toydep"])


def write(folder, name, files, needs=()):
    info = f"{name}-0.1.0.dist-info"
    words = "".join(f"Requires-Dist: {one}\\n" for one in needs)
    text = f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 0.1.0\\n{words}"
    tags = "Wheel-Version: 1.0\\nGenerator: toy\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files = {**files, f"{info}/METADATA": text, f"{info}/WHEEL": tags, f"{info}/RECORD": ""}
    wheel = Path(folder) / f"{name}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        for place, content in files.items():
            out.writestr(place, content)
    return wheel.name
"""


@pytest.fixture
def stick(tmp_path):
    """A workbook of one toy package, as `bundle` leaves it: the front door, and wheels beside."""
    home = tmp_path / "stick"
    (home / "wheels").mkdir(parents=True)
    shutil.copy(ROOT / "workbook.py", home)
    (home / "pyproject.toml").write_text(PYPROJECT)
    (home / "constraints.txt").write_text("torch==1.0\n")
    (home / "weights.txt").write_text("")
    builder: dict = {}
    exec(TOYBUILD, builder)
    builder["write"](home / "wheels", "toydep", {"toydep.py": "WHERE = 'from the stick'\n"})
    builder["write"](home / "wheels", "toybuild", {"toybuild.py": TOYBUILD})
    return home


@pytest.fixture
def door(stick, monkeypatch):
    """The front door of that folder, as a namespace of functions."""
    for name in ("WORKBOOK_VENV", "WORKBOOK_CACHE"):
        monkeypatch.delenv(name, raising=False)
    door = SimpleNamespace(**runpy.run_path(str(stick / "workbook.py")))
    door.write_sums(stick / "wheels")
    (stick / "wheels" / door.MADE_FOR).write_text(json.dumps(door.this_machine()))
    return door


def test_pip_is_pointed_at_the_wheels_and_at_nothing_else(door, stick):
    assert door.from_the_stick() == ["--no-index", "--find-links", stick / "wheels"]


def test_without_wheels_the_network_is_asked(door, stick):
    shutil.rmtree(stick / "wheels")
    assert door.from_the_stick() == []


def test_another_python_asks_the_network_and_says_so(door, stick, capsys):
    made = {**door.this_machine(), "python": "3.99"}
    (stick / "wheels" / door.MADE_FOR).write_text(json.dumps(made))
    assert door.from_the_stick() == []
    assert "are for 3.99" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"half")])
def test_a_damaged_stick_is_named_before_anything_is_installed(door, stick, damage):
    damage(stick / "wheels" / "toydep-0.1.0-py3-none-any.whl")
    with pytest.raises(door.SetupError, match=r"toydep-0\.1\.0.*copy the folder"):
        door.from_the_stick()


def test_the_learners_work_and_the_caches_stay_at_home(door, stick, tmp_path, monkeypatch, capsys):
    for name in (".venv/x", ".cache/x", "my_work/x", ".git/x", "notebooks/a.ipynb", "helpers/b.py"):
        (stick / name).parent.mkdir(parents=True, exist_ok=True)
        (stick / name).write_text("x")
    (stick / "helpers" / "__pycache__").mkdir()
    bundle(door, monkeypatch, tmp_path / "out")
    left = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")}
    assert {"notebooks/a.ipynb", "helpers/b.py", "START_HERE.txt", "wheels/SHA256SUMS"} <= left
    assert not [name for name in left if name.startswith((".venv", ".cache", "my_work", ".git/"))]
    assert "helpers/__pycache__" not in left
    assert "together" in capsys.readouterr().out


def test_warm_takes_the_computed_caches_and_no_journal(door, stick, tmp_path, monkeypatch):
    for name in ("indexes/a", "results/b", "weights/c", "jupyter/d", "setup.log"):
        path = stick / ".cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    bundle(door, monkeypatch, tmp_path / "out", warm=True)
    found = {path.name for path in (tmp_path / "out" / ".cache").iterdir()}
    assert found == {"indexes", "results", "weights"}


def test_a_folder_that_is_no_bundle_is_left_alone(door, tmp_path, monkeypatch):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo").write_text("x")
    with pytest.raises(door.SetupError, match="is not a bundle"):
        bundle(door, monkeypatch, tmp_path / "holiday")
    assert (tmp_path / "holiday" / "photo").read_text() == "x"


def test_a_stick_inside_the_workbook_is_refused(door, stick, monkeypatch):
    with pytest.raises(door.SetupError, match="outside"):
        bundle(door, monkeypatch, stick / "helpers" / "out")


def bundle(door, monkeypatch, out, warm=False):
    """`workbook.py bundle`, its wheels collected by hand."""
    own = door.bundle.__globals__
    monkeypatch.setitem(own, "set_up", lambda extra: sys.executable)
    monkeypatch.setitem(own, "collect_wheels", lambda python, to: shutil.copytree(door.WHEELS, to))
    return door.bundle(SimpleNamespace(folder=str(out), warm=warm))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces are Linux")
def test_it_installs_in_a_namespace_without_a_route(door, stick):
    """The real set-up on a stand-in of two wheels; PyTorch, weights and kernel are left out."""
    script = (
        "import runpy; d = runpy.run_path('workbook.py'); own = d['make_environment'].__globals__;"
        "own['install_torch'] = own['install_weights'] = lambda *a: None; true = own['run_step'];"
        "own['run_step'] = lambda c, fix: None if 'ipykernel' in c else true(c, fix);"
        "d['make_environment'](None)"
    )
    alone = ["unshare", "-rn", sys.executable, "-c", script]
    env = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = subprocess.run(alone, cwd=stick, capture_output=True, text=True, env=env)
    if "unshare" in done.stderr and done.returncode:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-2000:]
    asked = [door.environment_python(door.VENV), "-c", "import toydep; print(toydep.WHERE)"]
    said = subprocess.run(asked, capture_output=True, text=True)
    assert said.stdout == "from the stick\n", said.stderr


def test_a_wheel_of_the_stand_in_is_a_wheel(stick):
    (wheel,) = stick.glob("wheels/toydep*.whl")
    assert "toydep.py" in zipfile.ZipFile(wheel).namelist()
