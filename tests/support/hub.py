"""A hub of its own for the tests: started as a room's is, in a folder of its own, with accounts of
its own that are gone afterwards."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from support.browser import free_port

from helpers.commands.hub.places import RUN
from helpers.commands.hub.visitor import Visitor
from helpers.core import settings
from helpers.core.settings import ROOT

START_SECONDS = 180  # on a machine that does other things, too
PARTS = ("jupyterhub", "jupyterhub_idle_culler", "firstuseauthenticator", "configurable_http_proxy")
# A Python below /root can be run by no other account. In a mount namespace of the hub's own, and
# nowhere else, /root holds the interpreter alone and is open.
OPENED = """
set -e
mount --bind "$1" "$2"; mount -t tmpfs -o mode=755 none /root; mkdir -p "$1"; mount --move "$2" "$1"
shift 2; exec "$@"
"""


def skip_unless_installed() -> None:
    if missing := [name for name in PARTS if importlib.util.find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed: python3 workbook.py test installs them")


accounts = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("useradd"),
    reason="an account a learner needs root and useradd",
)


class Hub:
    """A running hub; `learner(name)` has entered, and their server answers."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder, self.port = folder, free_port()
        # short: without root, sockets lie in the homes
        self.place = folder / "h"
        self.address = f"http://127.0.0.1:{self.port}"
        self.prefix = f"t{secrets.token_hex(2)}"
        self.env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WORKBOOK_HUB": str(self.place),
            "WORKBOOK_HUB_ACCOUNTS": self.prefix,
            "WORKBOOK_HUB_URL": self.address,
            "WORKBOOK_CACHE": str(folder / "cache"),
            "WORKBOOK_WEIGHTS": str(settings.cache_folder("weights")),
            **more,
        }
        self.start()

    def start(self) -> None:
        config = ROOT / "deploy" / "jupyterhub" / "jupyterhub_config.py"
        command = [sys.executable, "-m", "jupyterhub", "-f", str(config)]
        with (self.folder / "hub.log").open("a") as log:
            self.process = subprocess.Popen(
                self.reachable(command), env=self.env, cwd=ROOT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/hub/health", timeout=2).status_code == 200:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.stop()
        raise AssertionError(f"the hub did not start: {self.log()[-3000:]}")

    def reachable(self, command: list[str]) -> list[str]:
        """The command, run where other accounts may run this Python, too."""
        base = Path(sys.executable).resolve()
        if os.geteuid() != 0 or not base.is_relative_to("/root"):
            return command
        aside = self.folder / "python"
        aside.mkdir(exist_ok=True)
        inside = str(Path(sys.base_prefix).resolve())
        return ["unshare", "--mount", "sh", "-c", OPENED, "sh", inside, str(aside), *command]

    def log(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")

    def learner(self, name: str) -> Visitor:
        visitor = Visitor(self.address, name, f"password of {name}")
        visitor.log_in()
        visitor.spawn()
        return visitor

    def instructor_password(self) -> str:
        return (self.place / "state" / "instructor_password").read_text().strip()

    def home(self, name: str) -> Path:
        return self.place / "homes" / f"{self.prefix}-{name}"

    def kill(self) -> None:
        """As a crash would: nothing is cleaned up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
            self.process.kill()
        self._remove_accounts()

    def _remove_accounts(self) -> None:
        import pwd  # not on Windows, where the other tests are collected

        for entry in pwd.getpwall():
            if entry.pw_name.startswith(f"{self.prefix}-"):
                subprocess.run(["pkill", "-KILL", "-U", str(entry.pw_uid)], check=False)
                subprocess.run(["userdel", entry.pw_name], check=False, capture_output=True)
                shutil.rmtree(RUN / entry.pw_name, ignore_errors=True)


@contextlib.contextmanager
def running_hub(**more: str):
    """Outside pytest's folders, which are closed to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="h-"))
    folder.chmod(0o711)
    hub = Hub(folder, **more)
    try:
        yield hub
    finally:
        hub.stop()
        shutil.rmtree(folder, ignore_errors=True)
