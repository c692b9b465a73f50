"""workbook.py: unknown words, an old Python, a set-up cut short, a machine without anything."""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from conftest import ROOT


@pytest.fixture
def door(tmp_path, monkeypatch):
    """workbook.py as a namespace of functions whose .venv and cache are elsewhere."""
    monkeypatch.setenv("WORKBOOK_VENV", str(tmp_path / ".venv"))
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / ".cache"))
    return SimpleNamespace(**runpy.run_path(str(ROOT / "workbook.py")))


def call(*words, **env):
    return subprocess.run(
        [sys.executable, "workbook.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize(
    "words", [[], ["bogus"], ["lab", "--colour"], ["run", "--port", "1"], ["doctor", "--", "x"]]
)
def test_unknown_words_get_usage_and_exit_2(words):
    done = call(*words)
    assert done.returncode == 2
    assert "usage: workbook.py" in done.stderr
    assert done.stdout == ""


def test_the_front_door_needs_the_standard_library_only():
    tree = ast.parse((ROOT / "workbook.py").read_text(encoding="utf-8"))
    names = {n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)} | {
        n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_an_unsupported_python_gets_a_message(door, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(door.SetupError, match=r"needs 3.11, 3.12 or 3.13"):
        door.set_up(None)


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_an_interrupted_set_up_never_looks_whole(door, monkeypatch, tmp_path):
    """Killed while pip was at work: the next command makes the environment again from the start,
    and says so."""
    venv = tmp_path / ".venv"
    door_globals = door.make_environment.__globals__
    true_step, steps = door.run_step, []

    def step(cmd, fix):
        """Makes the environment, without pip: to install that takes seconds."""
        return true_step([*cmd, "--without-pip"], fix) if "venv" in cmd else steps.append(cmd)

    monkeypatch.setitem(door_globals, "run_step", step)
    monkeypatch.setitem(
        door_globals, "install_torch", lambda *a: (_ for _ in ()).throw(SystemExit("killed"))
    )
    with pytest.raises(SystemExit):
        door.make_environment(None)
    assert (venv / "workbook-setup-under-way").exists()
    assert door.ready_mark(None) not in door.marks_of(venv)
    (venv / "half-installed").touch()
    said = []
    monkeypatch.setitem(door_globals, "say", said.append)
    monkeypatch.setitem(door_globals, "install_torch", lambda *a: None)
    monkeypatch.setitem(door_globals, "install_weights", lambda *a: None)
    door.make_environment(None)
    assert "was left half-made: making it again" in said[0]
    assert not (venv / "half-installed").exists()
    assert door.ready_mark(None) in door.marks_of(venv)
    assert not (venv / "workbook-setup-under-way").exists()
    assert len(steps) == 2, "packages and kernel"


def test_a_failed_step_says_what_to_do_and_can_be_run_again(door, monkeypatch):
    said = []
    monkeypatch.setitem(door.run_step.__globals__, "say", said.append)
    with pytest.raises(door.SetupError, match=r"check the connection .*setup.log"):
        door.run_step(
            [sys.executable, "-c", "print('Collecting nothing'); raise SystemExit(3)"],
            "check the connection",
        )
    assert "Collecting nothing" in said[-1]


def test_the_ready_mark_follows_what_was_installed(door):
    assert door.ready_mark(None) != door.ready_mark("test")
    (door.VENV).mkdir()
    (door.VENV / "workbook-ready.json").write_text("{half")
    assert door.marks_of(door.VENV) == []


def test_lacking_names_what_is_missing(door, monkeypatch):
    python = door.Path(sys.executable)
    assert door.lacking(python, "test") == []
    text = (
        (ROOT / "pyproject.toml")
        .read_text(encoding="utf-8")
        .replace('"matplotlib>=3.9,<4"', '"matplotlib>=99"')
    )
    monkeypatch.setattr(tomllib, "loads", lambda _, true=tomllib.loads: true(text))
    assert [line.split(" ")[0] for line in door.lacking(python, None)] == ["matplotlib>=99"]


def test_doctor_finds_a_machine_without_environment(tmp_path):
    bare = shutil.which("python3", path=os.defpath) or sys.executable
    done = subprocess.run(
        [bare, "-I", str(ROOT / "workbook.py"), "doctor"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PATH": os.defpath,
            "WORKBOOK_VENV": str(tmp_path / "none"),
            "WORKBOOK_CACHE": str(tmp_path),
        },
    )
    assert done.returncode == 1, done.stderr
    line = next(line for line in done.stdout.splitlines() if "environment" in line)
    assert line.startswith("FIX")
    assert "workbook.py lab" in line
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [["reset"], ["reset", "02", "--all"]])
def test_reset_wants_numbers_or_all(door, words, capsys):
    assert door.main(words) == 2
    assert "needs the numbers of the notebooks" in capsys.readouterr().err


@pytest.fixture
def called(door, monkeypatch):
    """What the front door would run in the environment, as (words, variables)."""
    said = []
    shared = door.main.__globals__
    monkeypatch.setitem(shared, "set_up", lambda extra: sys.executable)

    def call(python, *words, **env):
        said.append((words, env))
        if words[-1] == "copies":
            folder = Path(env["WORKBOOK_MY_WORK"]) / "notebooks"
            folder.mkdir(parents=True)
            (folder / "99_copied.ipynb").touch()
        return 0

    monkeypatch.setitem(shared, "call", call)
    return said


def test_lab_makes_the_copies_and_opens_the_first(door, called, my_work):
    assert door.main(["lab", "--no-browser"]) == 0
    (copies, env), (words, _) = called
    assert copies[-1] == "copies"
    assert env["WORKBOOK_MY_WORK"] == str(my_work)
    (root,) = [w.partition("=")[2] for w in words if w.startswith("--ServerApp.root_dir=")]
    (url,) = [w.partition("/lab/tree/")[2] for w in words if "default_url" in w]
    assert Path(root, unquote(url)) == my_work / "notebooks" / "00_start_here.ipynb"
    assert ROOT.is_relative_to(root), "else no link to the course's files could be followed"


def test_a_relative_my_work_is_one_folder_wherever_a_kernel_starts(door, called, monkeypatch):
    monkeypatch.setenv("WORKBOOK_MY_WORK", "elsewhere")
    assert door.main(["reset", "02"]) == 0
    assert called[0][1]["WORKBOOK_MY_WORK"] == str(ROOT / "elsewhere")


def test_the_tests_run_both_the_tracked_notebooks_and_the_copies(door, called):
    assert door.main(["test", "--", "-x"]) == 0
    _, (words, _) = called
    assert "--nbval-lax" in words
    assert ROOT / "notebooks" / "03_chunking_lab.ipynb" in words
    assert "99_copied.ipynb" in [word.name for word in words if isinstance(word, Path)]
    assert words[-1] == "-x"
