"""workbook.py is stopped, in every way that people and machines stop things: what it started ends
with it, and an early Ctrl-C leaves one line."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, until
from filelock import FileLock, Timeout
from support.browser import free_port
from support.towns import clever, own_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")

# workbook.py as it is started, but for the environment, which is ours, and what `run` runs
FRONT_DOOR = """
import runpy, signal, sys
if not globals().get("NOHUP"):  # who runs these tests in the background ignores some signals
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
door = runpy.run_path("workbook.py")
shared = door["main"].__globals__
shared["set_up"] = lambda extra: door["Path"](sys.executable)
shared["NOTEBOOKS"] = "stand_in"
shared["GRACE_SECONDS"] = globals().get("GRACE", 10)
door["leave_on_signals"]()
sys.exit(door["main"](sys.argv[1:]))
"""
LISTENS = """
import socket
with socket.create_server(("127.0.0.1", {port})) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].close()
"""
IMPORTS_SLOWLY = """
import time
print("ready", flush=True)
time.sleep(600)  # as if pandas were being read
"""


@pytest.fixture
def start(tmp_path):
    """Starts workbook.py in a process group of its own, as a shell does; at the end nothing of it
    is left."""
    begun = []

    def start(*words, before="", **env):
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", before + FRONT_DOOR, *words],
                cwd=ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                    "WORKBOOK_CACHE": str(tmp_path / "cache"),
                    **env,
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def stand_in(folder: Path, code: str) -> None:
    (folder / "stand_in.py").write_text(code)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        pytest.param(
            signal.SIGKILL,
            -9,
            marks=pytest.mark.skipif(
                not sys.platform.startswith("linux"), reason="only Linux tells a child"
            ),
        ),
    ],
)
def test_no_server_outlives_the_front_door(start, tmp_path, number, status):
    port = free_port()
    stand_in(tmp_path, LISTENS.format(port=port))
    process = start("run")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.wait(30) == status
    until(lambda: not listens(port))


def test_a_child_that_does_not_heed_is_made_to_end(start, tmp_path):
    port = free_port()
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    stand_in(tmp_path, stubborn + LISTENS.format(port=port))
    process = start("run", before="GRACE = 0.5\n")
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.wait(30) == 143
    until(lambda: not listens(port))


def test_a_hub_has_the_time_to_end_its_servers(start, tmp_path):
    (tmp_path / "jupyterhub.py").write_text(
        """
import signal, sys, time
def end(number, frame):
    time.sleep(2)  # longer than other children have
    print("all servers ended", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""
    )
    process = start("hub", "--port=0", before="GRACE = 0.5\n")
    assert "ready\n" in iter(process.stdout.readline, "")
    process.terminate()
    assert process.wait(30) == 143
    assert "all servers ended" in process.stdout.read()


def test_what_nohup_ignores_stays_ignored(start, tmp_path):
    port = free_port()
    stand_in(tmp_path, LISTENS.format(port=port))
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); NOHUP = True\n"
    process = start("run", before=ignore)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    assert listens(port)


@pytest.mark.parametrize("everyone", [True, False], ids=["as the keyboard does", "as kill does"])
def test_an_early_ctrl_c_is_one_line_and_130(start, tmp_path, everyone):
    stand_in(tmp_path, IMPORTS_SLOWLY)
    process = start("run")
    assert process.stdout.readline() == "ready\n"
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert said == "\nworkbook: stopped; the same command resumes\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_a_step_of_the_set_up_ends_with_the_front_door(start, tmp_path):
    port = free_port()
    step = LISTENS.format(port=port)
    begin = f"""
import runpy, sys
door = runpy.run_path("workbook.py")
door["run_step"]([sys.executable, "-c", {step!r}], "")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", begin],
        cwd=ROOT,
        env={**os.environ, "WORKBOOK_CACHE": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    until(lambda: listens(port))
    process.kill()
    process.wait()
    until(lambda: not listens(port))


def test_assess_stops_computing_and_frees_its_folder(start, serve, tmp_path):
    def dawdling(body, n):
        time.sleep(0.2)
        return clever(body, n)

    server = serve(dawdling)
    folder, out = own_folder(tmp_path / "own", server.url), tmp_path / "out"
    process = start("assess", str(folder), "--out", str(out))
    until(lambda: len(server.asked) > 2, 120)
    process.terminate()
    assert process.wait(30) == 143
    try:
        with FileLock(out / "work.lock", timeout=5):
            pass
    except Timeout:
        pytest.fail("somebody still computes there")


def test_a_benchmark_takes_its_server_along(tmp_path):
    """`bench scale --server` starts a Chroma server; the benchmark is asked to end."""
    port = free_port()
    code = f"""
import runpy, subprocess, sys, time
from helpers.commands.bench import speed

def main():
    process = subprocess.Popen([sys.executable, "-c", {LISTENS.format(port=port)!r}])
    try:
        time.sleep(600)
    finally:
        process.kill()

speed.main = main
runpy.run_module("helpers.commands.bench", run_name="__main__")
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    until(lambda: listens(port), 60)
    process.terminate()
    assert process.wait(30) == 143
    until(lambda: not listens(port))


# --- lab: everything it writes lies in the workbook -----------------------------------------------


def files_below(*folders: Path) -> list[str]:
    return [str(path) for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("home", ["home", "none"], ids=["HOME", "a HOME that cannot be written"])
def test_lab_and_its_kernels_write_nothing_into_home(start, tmp_path, monkeypatch, home):
    home, port = tmp_path / home, free_port()
    home.mkdir() if home.name == "home" else home.write_text("no folder, whoever asks")
    stand_in(tmp_path, "")
    for name in [n for n in os.environ if n.startswith(("XDG_", "JUPYTER", "IPYTHON", "npm_"))]:
        monkeypatch.delenv(name)
    process = start("lab", "--no-browser", "--port", str(port), HOME=str(home), JUPYTER_TOKEN="t")
    address = f"http://127.0.0.1:{port}/api/kernels"

    until(lambda: listens(port), 60)
    headers = {"Authorization": "token t"}
    urllib.request.urlopen(urllib.request.Request(address, b"{}", headers), timeout=30).close()
    # what every kernel writes: all the code that is typed
    until(lambda: any(tmp_path.rglob("history.sqlite")), 60)
    process.terminate()
    assert process.wait(60) == 143
    assert files_below(home) == []
