"""JupyterLab in headless Chromium, for the tests in tests/browser: a server of its own, a notebook
opened and run, and proof that no page asks another host for anything."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from helpers.commands import notebooks
from helpers.core.settings import ROOT

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# JupyterLab says "idle" before a kernel is connected; running cells then does nothing, silently.
# Wait for the real thing.
READY = """async () => {
    const sleep = ms => new Promise(r => setTimeout(r, ms));
    let w; while (!(w = window.jupyterapp?.shell.currentWidget)?.sessionContext) await sleep(50);
    await w.context.ready; await w.sessionContext.ready;
    let k; while (!(k = w.sessionContext.session?.kernel)) await sleep(50);
    await k.info;
    while (k.connectionStatus !== 'connected' || k.status !== 'idle') await sleep(50);
    window.kernelErrors = [];
    w.sessionContext.iopubMessage.connect((_, m) => {
        if (m.header.msg_type === 'error')
            kernelErrors.push(m.content.ename + ': ' + m.content.evalue);
    });
}"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab of its own, on the learner's copy of notebook 03, with the front door's
    settings."""
    if CHROMIUM is None:
        if os.environ.get("WORKBOOK_REQUIRE_BROWSER"):
            pytest.fail(
                "Chromium is not installed, and this run requires it (Debian: apt-get install"
                " chromium)"
            )
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    env = dict(
        os.environ,
        HF_HUB_OFFLINE="1",
        PYTHONPATH=str(ROOT),
        WORKBOOK_CACHE=str(notebooks.settings.cache_folder()),
    )
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        env[f"JUPYTER_{name}"] = str(tmp_path / name)
    for name in ("SETTINGS_DIR", "WORKSPACES_DIR"):
        env[f"JUPYTERLAB_{name}"] = str(tmp_path / name)
    env["IPYTHONDIR"] = str(tmp_path / "ipython")
    env.pop("MPLBACKEND", None)
    settings = tmp_path / "SETTINGS_DIR" / "@jupyterlab"
    for plugin, value in (
        ("apputils-extension/notification", {"fetchNews": "false", "checkForUpdates": False}),
        ("notebook-extension/tracker", {"windowingMode": "none"}),
    ):
        file = settings / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    (tmp_path / "nb").mkdir()
    (source,) = notebooks.sources(["03"])
    nbformat.write(notebooks.learner_copy(source), tmp_path / "nb" / "03.ipynb")
    port, token = free_port(), secrets.token_hex(16)
    words = [
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={tmp_path / 'nb'}",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(
        [sys.executable, *words], env=env, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/api/status?token={token}", timeout=1
                )
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "lab.log").read_text()[-2000:]
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        server.wait(20)


def unnamed_sliders(page) -> list[str]:
    """The sliders of a page that a screen reader could not name, by their widget's classes."""
    return page.eval_on_selector_all(
        "[role=slider]:not([aria-label])",
        "found => found.map(one => one.closest('.widget-slider').className)",
    )


def write_cell(path: Path, code: str) -> None:
    """A notebook of one cell; it names its kernel, else JupyterLab would ask."""
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = nbformat.v4.new_code_cell(code.strip())
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=python), path)


@contextlib.contextmanager
def opened(lab, tmp_path, notebook, seconds):
    """The notebook in JupyterLab, all cells run; afterwards: no error in page or kernel, and
    nothing was asked of the outside."""
    from playwright.sync_api import sync_playwright

    base, token = lab
    with sync_playwright() as p:
        context = p.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=CHROMIUM,
            headless=True,
            args=FLAGS,
            viewport={"width": 1300, "height": 1000},
        )
        page = context.pages[0]
        asked, problems = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.on("pageerror", lambda error: problems.append(str(error)))

        def js(code, seconds):
            return page.evaluate(
                "([src, ms]) => Promise.race([eval('(' + src + ')')(), new Promise((_, no) =>"
                " setTimeout(() => no(new Error('time-out')), ms))])",
                [code, seconds * 1000],
            )

        page.goto(f"{base}/lab/tree/{notebook}?token={token}&reset")
        page.locator(".jp-NotebookPanel").wait_for(timeout=60_000)
        js(READY, 60)
        js("() => window.jupyterapp.commands.execute('notebook:run-all-cells')", seconds)
        cells = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON()")[
            "cells"
        ]
        code = [c for c in cells if c["cell_type"] == "code"]
        assert all(c["execution_count"] for c in code), "not every cell ran"
        assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
        yield page
        if folder := os.environ.get("WORKBOOK_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{notebook.removesuffix('.ipynb')}.png")
        away = [
            url
            for url in asked
            if not url.startswith((base, base.replace("http", "ws"), "data:", "blob:"))
        ]
        assert away == []
        assert problems == []
        assert page.evaluate("() => window.kernelErrors") == []
        context.close()
