"""What the tests share: real data, loaded once; a cache of their own where they must not touch the
learner's."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import tempfile
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from support.notebook_runs import NotebookRuns
from support.towns import clever

from helpers.data import handbook
from helpers.exercises import exercise

pytest_plugins = ["support.browser", "support.vectors"]
ROOT = Path(__file__).resolve().parent.parent
TODAY = dt.date(2026, 3, 2)


def pytest_configure(config):
    # tests measure; only notebooks show what comes answered with the workbook
    os.environ["WORKBOOK_LIVE"] = "1"
    config.pluginmanager.register(NotebookRuns())


@pytest.fixture(scope="session")
def documents():
    return handbook.load_handbook()


@pytest.fixture(autouse=True)
def my_work(tmp_path, monkeypatch):
    """A my_work folder of its own for every test, not made yet, so that none can write in the
    learner's."""
    folder = tmp_path / "my_work"
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(folder))
    return folder


@pytest.fixture(scope="session")
def weights():
    """The folder of the weights, prepared and checked once: their sums take a third of a second,
    and a hundred tests want a cache."""
    from helpers.models import weights as models_weights

    for one in (models_weights.SMOLLM2, models_weights.MINILM):
        models_weights.prepare(one)
    return models_weights.cache_home()


@pytest.fixture
def float32(monkeypatch):
    """Everything computes in float32, whatever the device does fast: there alone are two ways to
    the same number equal but for the last digits.

    References were made so, too. (What bfloat16 changes is counted in test_bfloat16.)
    """
    monkeypatch.setenv("WORKBOOK_DTYPE", "float32")


@pytest.fixture
def cache(weights, tmp_path, monkeypatch):
    """A fresh cache folder for results and indexes; the prepared weights are shared, they are never
    changed in it."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("WORKBOOK_CACHE", str(folder))
    monkeypatch.setenv("WORKBOOK_WEIGHTS", str(weights))
    return folder


class Chroma(NamedTuple):
    url: str
    folder: Path


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A Chroma server on this machine only, killed in the end: one for all, for it takes seconds to
    start."""
    from helpers.commands.bench import synthetic

    home = tmp_path_factory.mktemp("server")
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(home))
            url = stack.enter_context(synthetic.server())
        (folder,) = home.iterdir()
        yield Chroma(url, folder)


@pytest.fixture
def on_server(cache, server, monkeypatch):
    """Indexes go to the server; it is empty before and after."""
    from helpers.retrieval import chroma_store

    def empty() -> None:
        for name in list(chroma_store.names(client)):
            client.delete_collection(name)

    monkeypatch.setenv("CHROMA_URL", server.url)
    client = chroma_store.connect(server.url)
    empty()
    yield client
    empty()


def write_document(folder: Path, id: str, text: str, **changes) -> Path:
    """A small handbook document on disk; keyword arguments change its front matter."""
    front = {
        "id": id,
        "policy": id,
        "title": id.title(),
        "section": "test",
        "owner": "Test",
        "version": 1,
        "effective_from": "2025-01-01",
        "supersedes": "null",
        "audience": "[staff]",
        "region": "all",
    } | changes
    path = folder / f"{id}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{key}: {value}" for key, value in front.items() if value is not ...)
    path.write_text(
        f"---\n{lines}\n---\n\n{textwrap.dedent(text).strip()}\n", encoding="utf-8", newline="\n"
    )
    return path


@pytest.fixture
def small(tmp_path):
    """Two versions of one rule, one secret, one page for all."""
    write_document(
        tmp_path / "h",
        "leave-v1",
        "# Leave\n\nStaff get 11 days of leave.",
        policy="leave",
        title="Leave",
    )
    write_document(
        tmp_path / "h",
        "leave-v2",
        "# Leave\n\nStaff get 13 days of leave.",
        policy="leave",
        title="Leave",
        supersedes="leave-v1",
        effective_from="2026-01-01",
    )
    write_document(
        tmp_path / "h",
        "salaries",
        "# Salaries\n\nThe director gets 99 coins of leave pay.",
        audience="[board, people-ops]",
    )
    write_document(
        tmp_path / "h",
        "visit",
        "# Visits\n\nGuests get a badge for 3 days.",
        audience="[staff, contractors]",
    )
    return handbook.load_handbook(tmp_path / "h")


# --- a model behind an endpoint -------------------------------------------------------------------


class Server:
    """An OpenAI-compatible server that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer):
        self.asked, self.headers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                outer.headers.append(dict(self.headers))
                code, said, more = answer(body, len(outer.asked))
                data = (
                    said
                    if isinstance(said, bytes)
                    else json.dumps(
                        {
                            "choices": [{"message": {"content": said}}],
                            "usage": {"prompt_tokens": 50, "completion_tokens": 3},
                        }
                    ).encode()
                )
                self.send_response(code)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def serve():
    """Starts servers, and ends them with the test."""
    there = []

    def start(answer=clever):
        there.append(Server(answer))
        return there[-1]

    yield start
    for one in there:
        one.close()


def until(condition, seconds: float = 10) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


# --- exercises: what the tests of every notebook's checks ask -------------------------------------


def assert_right(id: str, answer: object) -> None:
    verdict = exercise(id).check(answer)
    assert verdict.state == "right", verdict


def assert_told(id: str, answer: object, told: str) -> None:
    """Is a wrong answer called so, and is the learner told these words about it?"""
    verdict = exercise(id).check(answer)
    assert verdict.state == "not yet", verdict
    assert told in verdict.message, verdict


def assert_takes_anything_and_speaks(id: str, capsys) -> None:
    """Does a check bear whatever it is given, and are there hints and a written solution?"""
    one = exercise(id)
    assert one.check(...).state == one.check(None).state == "not attempted"
    for odd in (0, "x", [], lambda *a: None, lambda *a: 1 / 0, object()):
        verdict = one.check(odd)
        assert verdict.state in ("not yet", "not attempted"), (
            odd,
            verdict,
        )
        assert len(verdict.message) > 20, (
            odd,
            verdict,
        )
        assert "<script" not in verdict._repr_html_()
        assert f"Exercise {id}" in repr(verdict)
    for number in range(5):
        one.hint(number)
    one.solution()
    said = capsys.readouterr().out
    assert said.count("Hint ") == 5
    assert "has no written solution" not in said
