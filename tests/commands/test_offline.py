"""The proof that nothing asks the network, and that the proof itself can fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces are Linux")
def test_the_whole_line_runs_in_a_namespace_without_a_route():
    """The kernel counts packets that found no way out, whoever sent them: Python, Rust, C++ or a
    subprocess."""
    counter = (
        'awk \'/^Ip: [0-9]/ {split(h, a); for (i in a) if (a[i] == "OutNoRoutes") print $i} /^Ip:'
        " [A-Z]/ {h = $0}' /proc/net/snmp"
    )
    six = "awk '/Ip6OutNoRoutes/ {print $2}' /proc/net/snmp6"
    script = (
        f"ip link set lo up 2>/dev/null; {sys.executable} -m helpers.commands.notebooks offline &&"
        f" {counter} && {six}"
    )
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    if "unshare" in done.stderr and done.returncode:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-2000:]
    *_, said, four, sixth = done.stdout.split("\n")[:-1]
    assert said == "embedded, indexed, retrieved and answered; connections tried: 0", done.stdout
    assert (four, sixth) == ("0", "0"), done.stdout


@pytest.mark.slow
def test_the_offline_check_notices_a_connection(tmp_path):
    """The proof above must be able to fail: a library that calls home is counted."""
    (tmp_path / "sitecustomize.py").write_text(
        "import helpers.data.handbook as c\ntrue = c.load_handbook\ndef calls_home(*a):\n    import"
        " socket\n    try: socket.create_connection(('192.0.2.1', 80), 1)\n    except OSError:"
        " pass\n    return true(*a)\nc.load_handbook = calls_home\n"
    )
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "helpers.commands.notebooks", "offline"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=env,
    )
    assert done.returncode == 1, (done.stdout, done.stderr[-500:])
    assert "connections tried: 1" in done.stdout, (done.stdout, done.stderr[-500:])
