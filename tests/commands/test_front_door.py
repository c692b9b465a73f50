"""workbook.py: unknown words, an old Python, a set-up cut short, a machine without anything."""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import socket
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


def test_a_relative_my_work_is_one_folder_wherever_a_kernel_starts(
    door, called, monkeypatch, tmp_path
):
    monkeypatch.setenv("WORKBOOK_MY_WORK", "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert door.main(["reset", "02"]) == 0
    assert called[0][1]["WORKBOOK_MY_WORK"] == str(tmp_path / "elsewhere")


def test_the_tests_run_both_the_tracked_notebooks_and_the_copies(door, called):
    assert door.main(["test", "--", "-x"]) == 0
    _, (words, _) = called
    assert "--nbval-lax" in words
    assert ROOT / "notebooks" / "03_chunking_lab.ipynb" in words
    assert "99_copied.ipynb" in [word.name for word in words if isinstance(word, Path)]
    assert words[-1] == "-x"


def test_catching_up_works_on_the_learners_copy(door, called, my_work):
    assert door.main(["catch-up", "05", "6"]) == 0
    ((words, env),) = called
    assert words[-3:] == ("catch-up", "05", "6")
    assert env["WORKBOOK_MY_WORK"] == str(my_work)


def test_the_sections_are_listed_without_one(door, called):
    door.main(["catch-up", "05"])
    assert called[0][0][-2:] == ("catch-up", "05")


def test_a_folder_to_measure_in_is_meant_where_it_was_typed(door, called, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    door.main(["warm", "02", "--measure", "caches"])
    assert called[0][0][-4:] == ("warm", "02", "--measure", str(tmp_path / "caches"))


def test_a_build_is_followed_by_the_kit(door, called):
    assert door.main(["build", "02", "--check"]) == 0
    assert [words[2:] for words, _ in called] == [("build", "02", "--check"), ("kit", "--check")]


def test_a_site_lies_where_it_was_typed(door, called, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    door.main(["site", "pages"])
    assert called[0][0][-2:] == ("site", str(tmp_path / "pages"))


# --- places: as they were typed -------------------------------------------------------------------


@pytest.fixture
def typed_in(tmp_path, monkeypatch):
    """A folder of the user's to type commands in; two models lie there."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("WORKBOOK_MODEL", "WORKBOOK_EMBEDDER", "WORKBOOK_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("models/mine", "flat"):
        (tmp_path / "typed" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "typed")
    return tmp_path / "typed"


@pytest.mark.parametrize("variable", ["WORKBOOK_MODEL", "WORKBOOK_EMBEDDER"])
@pytest.mark.parametrize(
    "name", ["models/mine", "./models/mine", "flat", "models/missing", "missing", "a/b/c", "./a/b"]
)
def test_a_folder_with_a_model_is_meant_where_it_was_typed(
    door, typed_in, monkeypatch, variable, name
):
    monkeypatch.setenv(variable, name)
    assert door.environment(Path(sys.executable))[variable] == str(typed_in / name)


@pytest.mark.parametrize("variable", ["WORKBOOK_MODEL", "WORKBOOK_EMBEDDER"])
@pytest.mark.parametrize(
    ("name", "offline"),
    [("models/mine", "1"), ("models/missing", "1"), ("missing", "1"), ("owner/name", None)],
)
def test_the_hub_is_open_for_its_own_kind_of_name_alone(
    door, typed_in, monkeypatch, variable, name, offline
):
    monkeypatch.setenv(variable, name)
    assert door.environment(Path(sys.executable)).get("HF_HUB_OFFLINE") == offline


def test_the_name_of_a_hubs_model_is_handed_over_as_it_is(door, typed_in, monkeypatch):
    monkeypatch.setenv("WORKBOOK_MODEL", "owner/name")
    assert door.environment(Path(sys.executable))["WORKBOOK_MODEL"] == "owner/name"


@pytest.mark.parametrize("variable", ["WORKBOOK_CACHE", "WORKBOOK_WEIGHTS", "WORKBOOK_MY_WORK"])
def test_every_folder_of_the_environment_is_meant_where_it_was_typed(
    door, typed_in, monkeypatch, variable
):
    monkeypatch.setenv(variable, "here")
    assert door.environment(Path(sys.executable))[variable] == str(typed_in / "here")


def test_jupyter_and_its_kernels_write_below_the_cache(door, monkeypatch):
    names = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
    for name in (*names, "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    env = door.environment(Path(sys.executable))
    assert [
        n for n in (*names, "MPLCONFIGDIR") if not Path(env[n]).is_relative_to(door.CACHE)
    ] == []


def test_a_place_that_cannot_be_written_is_one_line_and_2(door, called, monkeypatch, capsys):
    (door.CACHE).write_text("a file where the folder should be")
    assert door.main(["lab", "--no-browser"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(door.CACHE) in line
    assert "WORKBOOK_CACHE" in line


# --- the board's address --------------------------------------------------------------------------


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_board_says_the_port_that_it_opens(door, called, taken, capsys):
    assert door.main(["board", "--no-browser", "--port", str(taken)]) == 0
    (words, _) = called[0]
    (port,) = [int(word.partition("=")[2]) for word in words if word.startswith("--port=")]
    assert port != taken
    assert f"opening the board at http://127.0.0.1:{port}/" in capsys.readouterr().err
    assert "--Voila.port_retries=0" in words


def test_a_port_that_is_taken_is_said(door, called, taken, capsys):
    door.main(["board", "--no-browser", "--port", str(taken)])
    assert f"port {taken} is taken" in capsys.readouterr().err


def test_a_port_that_the_system_chooses_is_the_one_that_is_said(door, called, capsys):
    door.main(["board", "--no-browser", "--port", "0"])
    port = next(w.partition("=")[2] for w in called[0][0] if w.startswith("--port="))
    assert int(port) > 0
    assert f":{port}/" in capsys.readouterr().err


def test_an_address_of_numbers_and_colons_stands_in_brackets(door, called, monkeypatch, capsys):
    monkeypatch.setitem(door.main.__globals__, "free_port", lambda ip, first: first)
    door.main(["board", "--no-browser", "--ip", "::1"])
    assert "http://[::1]:8866/" in capsys.readouterr().err


def test_an_address_that_is_not_this_machines_is_one_line_and_2(door, called, capsys):
    assert door.main(["board", "--no-browser", "--ip", "192.0.2.1"]) == 2
    assert "192.0.2.1" in capsys.readouterr().err.strip().splitlines()[-1]
    assert called == []
