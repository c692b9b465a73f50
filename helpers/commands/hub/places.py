"""Where does a learner of the hub work, and under which account? One folder holds it all:

state/    the hub's own: its database, keys, the instructor's password; for its account only
homes/    a folder for each learner, closed to the others; the list of them is closed, too

WORKBOOK_HUB            that folder (default: learners here)
WORKBOOK_HUB_ACCOUNTS   what the names of the accounts start with (default: wb)
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

from helpers.core import settings

PLAIN = re.compile(r"[a-z][a-z0-9-]{0,19}")
LONGEST_SOCKET_CHARS = 107  # of a Unix socket's path
SOCKET = "kernel-01234567-0123-0123-0123-012345678901-ipc-5"
RUN = Path("/run/workbook-hub")
LARGEST_FILE_BYTES = 20_000_000


class PlaceError(RuntimeError):
    """The hub cannot work with this folder or account; the message says what to do."""


def hub_folder() -> Path:
    return Path(os.environ.get("WORKBOOK_HUB") or settings.ROOT / "learners").expanduser().resolve()


def account_of(learner: str) -> str:
    """The account of a learner of the hub: "wb-anna". A prefix, so that a learner who calls himself
    root or backup gets no account of the system; a hash where the name is no account's, so that two
    learners never share one."""
    prefix = os.environ.get("WORKBOOK_HUB_ACCOUNTS") or "wb"
    plain = PLAIN.fullmatch(learner) is not None
    tail = learner if plain else "_" + hashlib.sha256(learner.encode()).hexdigest()[:16]
    return f"{prefix}-{tail}"


def home_of(learner: str) -> Path:
    return hub_folder() / "homes" / account_of(learner)


def run_of(home: Path) -> Path:
    """Where the sockets of a learner's kernels lie; as root at a short path."""
    return RUN / home.name if os.geteuid() == 0 else home / ".run"


def learner_environment(home: Path) -> dict[str, str]:
    """What a learner's processes see beyond the hub's own words: private places for all they
    write, and the weights that all share, which only the hub's account may change."""
    return {
        "USER": home.name,
        "HOME": str(home),
        "WORKBOOK_MY_WORK": str(home / "my_work"),
        "WORKBOOK_CACHE": str(home / "cache"),
        "WORKBOOK_WEIGHTS": str(settings.cache_folder("weights")),
        "JUPYTER_RUNTIME_DIR": str(run_of(home)),
        "MPLCONFIGDIR": str(home / "cache" / "matplotlib"),
    }


def prepare() -> None:
    """Make the hub's folders. Raises PlaceError where they cannot serve."""
    top = hub_folder()
    over = len(str(run_of(home_of("x" * 20)) / SOCKET)) - LONGEST_SOCKET_CHARS
    if over > 0:
        raise PlaceError(
            f"{top} is {over} characters too long a path for the kernels' sockets; set WORKBOOK_HUB"
            " to a shorter one"
        )
    folders = [(top, 0o711), (top / "state", 0o700), (top / "homes", 0o711)]
    for folder, mode in [*folders, *[(RUN, 0o711)] * (os.geteuid() == 0)]:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)


HELD: list = []  # a file that is collected would take its lock along


def only_one_hub() -> None:
    """Take the folder for as long as this process lives: two hubs on one database would stop each
    other's proxy. Raises PlaceError where another has it."""
    import fcntl

    file = (hub_folder() / "state" / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise PlaceError(
            f"a hub works in {hub_folder()} already; stop that one, or set WORKBOOK_HUB to another"
            " folder"
        ) from None
    HELD.append(file)


def check_reachable() -> None:
    """Can an account without rights run this Python, and read the workbook? Raises PlaceError."""
    probe = [sys.executable, "-c", f"open({str(settings.ROOT / 'workbook.py')!r})"]
    try:
        done = subprocess.run(
            probe, cwd="/", user="nobody", group="nogroup", extra_groups=[], capture_output=True
        )
        failed = done.returncode
    except PermissionError:
        failed = True
    except LookupError:  # a system without these names
        failed = False
    if failed:
        raise PlaceError(
            "the learners' accounts cannot run or read what the hub starts"
            f" ({Path(sys.executable).resolve()}, {settings.ROOT}): every folder above them must be"
            " open to all, as /opt is; /root is not. Put the workbook in /opt and start it with the"
            " system's Python"
        )


def share(top: Path) -> None:
    """Let every account read this folder, and no other write in it: safetensors, for one, writes
    files for their owner alone."""
    for path in (top, *top.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod((mode | (0o055 if path.is_dir() else 0o044)) & ~0o022)


def close_own() -> None:
    """Close what the instructor did here before: their work, and caches that may hold documents of
    their own. The weights stay open."""
    for folder in (settings.my_work(), *settings.cache_folder().iterdir()):
        if folder.is_dir() and folder.name != "weights":
            folder.chmod(0o700)


def make_account(learner: str) -> Path:
    """The learner's account and home, made where they are missing; needs root. Raises PlaceError
    where somebody else has them."""
    import pwd

    name, home = account_of(learner), home_of(learner)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        # --no-create-home: we make it, closed from its first moment
        words = ["useradd", "--no-create-home", "--home-dir", str(home), "--user-group"]
        subprocess.run([*words, "--shell", "/bin/bash", name], check=True, capture_output=True)
        entry = pwd.getpwnam(name)
    if Path(entry.pw_dir) != home or entry.pw_uid == 0:
        raise PlaceError(
            f"the account {name} of this machine is not the hub's (its home is {entry.pw_dir}); set"
            " WORKBOOK_HUB_ACCOUNTS to another prefix"
        )
    for folder in (home, run_of(home)):
        if not os.path.lexists(folder):
            folder.mkdir(mode=0o700)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        found = folder.lstat()
        if found.st_uid != entry.pw_uid or not stat.S_ISDIR(found.st_mode):
            raise PlaceError(f"{folder} is there and does not belong to {name}; move it away")
        folder.chmod(0o700)
    return home


def homes() -> list[Path]:
    """The homes of all who have entered."""
    found = (hub_folder() / "homes").glob("*")
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


def read_own(home: Path, file: str) -> bytes | None:
    """A learner's file, for a reader with more rights than they have: None where there is none, or
    where a link leads to what is not theirs."""
    try:
        owner = home.lstat().st_uid
        # O_NONBLOCK: a pipe in its place must not make the reader wait
        handle = os.open(home / file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        plain = stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST_FILE_BYTES
        if not plain or found.st_uid != owner:
            return None
        with open(handle, "rb", closefd=False) as opened:
            return opened.read()
    finally:
        os.close(handle)
