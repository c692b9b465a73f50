"""The board as people meet it: in JupyterLab, and as a page without code at desktop and tablet
width; no page asks another host for anything."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from support.axe import serious_faults
from support.browser import CHROMIUM, FLAGS, free_port, opened, unnamed_sliders, write_cell

from helpers.commands import notebooks
from helpers.decision.requirements import FIELDS

pytestmark = pytest.mark.browser
ON_A_CASE = """
import sys
sys.path.insert(0, {tests!r})
from support.findings import full
from helpers.labs.decision_board import board
from helpers.decision.requirements import Requirements

board(full(), Requirements(lookup_share=1.0, cost_refusal=5, can_train=False))
"""


def test_a_learner_moves_the_board_in_jupyterlab(lab, tmp_path):
    from playwright.sync_api import expect

    write_cell(tmp_path / "nb" / "board.ipynb", ON_A_CASE.format(tests=str(ROOT / "tests")))
    with opened(lab, tmp_path, "board.ipynb", 120) as page:
        answer, costs = page.locator(".t-answer"), page.locator(".t-costs img")
        expect(answer).to_contain_text("RAG")
        expect(costs).to_have_attribute("alt", re.compile("RAG for look-ups"))
        page.get_by_text("What is expected").click()
        page.locator(".t-cost-wrong .noUi-handle").focus()
        for value in ("20 EUR", "50 EUR"):
            page.keyboard.press("ArrowRight")
            expect(page.locator(".t-cost-wrong .widget-readout")).to_have_text(value)
        expect(answer).to_contain_text("it must be right 90 %")
        heard = page.locator(".t-cost-wrong .noUi-handle")
        expect(heard).to_have_attribute("aria-label", FIELDS["cost_wrong"]["question"])
        expect(heard).to_have_attribute("aria-valuetext", "50 EUR")
        assert unnamed_sliders(page) == []
        page.get_by_text("What was measured").click()
        page.locator(".t-scenario select").select_option("internal code search")
        expect(page.locator(".t-told")).to_contain_text("Engineers ask where and how")
        expect(answer).to_contain_text("search only (not measured)")
        page.locator(".t-own-recall input").fill("380 of 400")
        page.locator(".t-own-recall input").press("Enter")
        expect(answer).to_contain_text("with your own model")
        page.locator(".t-own-recall input").fill("380 von 400")
        page.locator(".t-own-recall input").press("Enter")
        expect(page.locator(".t-problem")).to_contain_text("write it as 170 of 200")
        page.locator(".t-own-recall input").fill("")
        page.locator(".t-own-recall input").press("Enter")
        page.locator("button.t-keep").click()
        expect(page.locator(".t-kept")).to_contain_text("Saved: ")


@pytest.fixture
def served(tmp_path):
    """The page that `workbook.py board` serves, of notebook 11 as its source stands, on a port of
    its own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    (source,) = notebooks.sources(["11"])
    notebook = tmp_path / "11.ipynb"
    nbformat.write(notebooks.compose(source, solutions=False), notebook)
    front_door = """
import runpy, sys
door = runpy.run_path("workbook.py")
shared = door["board"].__globals__
true_call = door["call"]
shared["set_up"] = lambda extra: door["Path"](sys.executable)
shared["call"] = lambda python, *words, **env: true_call(
    python, *(sys.argv[1] if str(w).endswith(".ipynb") else w for w in words), **env
)
sys.exit(door["main"](["board", "--no-browser", "--port", sys.argv[2]]))
"""
    port = free_port()
    env = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        WORKBOOK_CACHE=str(tmp_path / "cache"),
        WORKBOOK_MY_WORK=str(tmp_path / "my_work"),
        IPYTHONDIR=str(tmp_path / "ipython"),
    )
    with (tmp_path / "voila.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", front_door, str(notebook), str(port)],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/voila.js", timeout=1)
                break
            assert server.poll() is None, (tmp_path / "voila.log").read_text()[-2000:]
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait(20)


def test_leaders_use_the_board_without_code(served, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    shots = Path(os.environ.get("WORKBOOK_SCREENSHOTS") or tmp_path)
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        for name, width, height in (("desktop", 1300, 900), ("tablet", 800, 1100)):
            page, asked, problems = (
                browser.new_page(viewport={"width": width, "height": height}),
                [],
                [],
            )
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("websocket", lambda socket, asked=asked: asked.append(socket.url))
            page.on("pageerror", lambda error, problems=problems: problems.append(str(error)))
            page.goto(served)
            answer = page.locator(".t-answer")
            answer.wait_for(timeout=120_000)
            expect(page.locator(".t-costs img")).to_be_visible()
            assert (
                page.locator(".jp-InputArea-editor, .highlight pre, .jp-CodeMirrorEditor").count()
                == 0
            ), "code is shown"
            assert page.get_by_text("Exercise 11.1").count() == 0
            for leftover in ("What we found", "minutes to read", "By the end you can", "Next:"):
                assert page.get_by_text(leftover).count() == 0, leftover
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                f"{name}: the page is wider than the screen"
            )
            page.locator(".t-scenario select").select_option("product prices")
            expect(page.locator(".t-told")).to_contain_text("Sales staff")
            before, costs = answer.inner_text(), page.locator(".t-costs img").get_attribute("src")
            page.get_by_text("What is expected").click()
            page.locator(".t-cost-wrong .noUi-handle").focus()
            # a wrong answer costs next to nothing: whatever was the answer, it is another
            page.keyboard.press("Home")
            expect(page.locator(".t-cost-wrong .widget-readout")).to_have_text("0.01 EUR")
            expect(answer).not_to_have_text(before, timeout=20_000)
            expect(page.locator(".t-costs img")).not_to_have_attribute("src", costs)
            assert serious_faults(page) == []
            page.screenshot(path=shots / f"board-{name}.png", full_page=True)
            if name == "desktop":
                page.emulate_media(media="print")
                assert not page.locator(".t-controls").is_visible()
                assert page.locator(".t-stated").is_visible()
                assert page.locator(".t-board").bounding_box()["height"] > height, (
                    "all of it is printed, not one window of it"
                )
                page.pdf(path=shots / "board.pdf", format="A4")
            assert [
                url
                for url in asked
                if not url.startswith((served, served.replace("http", "ws"), "data:", "blob:"))
            ] == []
            assert problems == []
            page.close()
        browser.close()
