"""Notebooks as a learner meets them: real JupyterLab, headless Chromium, everything run, the
widgets moved by keyboard."""

from __future__ import annotations

import re

import pytest
from support.browser import opened, unnamed_sliders, write_cell

from helpers.commands import notebooks

pytestmark = pytest.mark.browser


def test_a_learner_runs_the_chunking_lab(lab, tmp_path):
    from playwright.sync_api import expect

    with opened(lab, tmp_path, "03.ipynb", 500) as page:
        picture, said = page.locator(".t-plot img"), page.locator(".t-said")
        picture.scroll_into_view_if_needed()
        assert unnamed_sliders(page) == []
        before, cut = picture.get_attribute("src"), page.locator(".t-chunks").inner_text()
        assert "Tokens, 64 tokens" in picture.get_attribute("alt")
        expect(said).to_contain_text("This is the baseline")
        page.locator(".t-chunk-size .noUi-handle").focus()
        for size in ("96", "128"):
            page.keyboard.press("ArrowRight")
            expect(page.locator(".t-axis-chunk-size img")).to_have_attribute(
                "alt", re.compile(f"^Now {size}")
            )
            if size == "96":
                expect(said).to_contain_text("Not measured yet")
        expect(picture).not_to_have_attribute("src", before)
        expect(said).to_contain_text("times the tokens")
        assert "Tokens, 128 tokens" in picture.get_attribute("alt")
        assert page.locator(".t-chunks").inner_text() != cut
        page.locator(".t-strategy .noUi-handle").focus()
        # each is waited for: two quick moves of one slider may reach the kernel after a later click
        for strategy in ("Recursive", "Sentences"):
            page.keyboard.press("ArrowRight")
            expect(picture).to_have_attribute("alt", re.compile(f"{strategy}, 128 tokens"))
        page.locator(".t-chunk-size .noUi-handle").focus()
        # sentences, 96, a quarter: the notebook itself has measured it, so it is there at once
        page.keyboard.press("ArrowLeft")
        expect(said).to_contain_text("Not measured yet: sentences, 96 tokens")
        page.locator("button.t-run-start").click()
        expect(page.locator(".t-run-status")).to_contain_text("Measured here", timeout=120_000)
        expect(picture).to_have_attribute("alt", re.compile("Sentences, 96 tokens"))
        page.locator("button.t-answer-start").click()
        expect(page.locator(".t-answer-status")).to_contain_text(
            "the model answers", timeout=120_000
        )
        page.locator("button.t-answer-stop").click()
        expect(page.locator(".t-answer-status")).to_contain_text("Stopped", timeout=60_000)
        expect(page.locator("button.t-answer-start")).to_be_enabled()


EXPLORED = """
import pandas as pd
from helpers.evaluation.attribution import attribute
from helpers.core.cases import Arm, Ask, Case, Evidence, Gold, Passage, Prediction
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.labs.case_explorer import explorer

quote = "Staff get 17 days."
evidence = (Evidence("leave", quote, 7, 7 + len(quote)),)
question = "Question {}: how many days? <script>window.hacked = 1</script>"
gold = Gold(("17 days",), evidence)
cases = [Case(Ask(f"q{i}", question.format(i), ("staff",)), gold, kind, f"f{i}", "dev")
         for i, kind in enumerate(["single", "table", "single", "single"])]
title, text = "Leave <img src=x onerror='window.hacked = 1'>", f"Leave. {quote} Not more, my dear"
passage = Passage("leave", title, 0, 40, text, 0.71)
said = ["17 days", "18 days", "<img src=x onerror='window.hacked = 1'>", "17 days"]
seen = [(passage,), (passage,), (), (passage,)]
system = Arm("toy", lambda asks: [
    Prediction(a.id, said[int(a.id[1:])], seen[int(a.id[1:])]) for a in asks])
oracle = Arm("oracle", lambda asks: [
    Prediction(a.id, "17 days" if a.id == "q2" else "18 days") for a in asks])
tables = [evaluate(arm, cases, QUESTIONS, keep=False) for arm in (system, oracle)]
explorer(attribute(*tables), cases)
"""


def test_a_learner_leafs_through_the_cases(lab, tmp_path):
    from playwright.sync_api import expect

    write_cell(tmp_path / "nb" / "explorer.ipynb", EXPLORED)
    with opened(lab, tmp_path, "explorer.ipynb", 60) as page:
        asked, position, verdict = (
            page.locator(".t-panel .t-asked"),
            page.locator(".t-position [role=status]"),
            page.get_by_label("verdict"),
        )
        expect(asked).to_contain_text("Question 0")
        expect(asked).to_contain_text("<script>")
        expect(page.locator(".t-panel mark")).to_have_text(["17 days", "Staff get 17 days."])
        page.locator("button.t-next").focus()
        page.keyboard.press("Enter")
        expect(asked).to_contain_text("Question 1")
        expect(position).to_have_text("2 of 4")
        verdict.select_option(label="retrieval (1)")
        expect(asked).to_contain_text("Question 2")
        expect(position).to_have_text("1 of 1")
        expect(page.locator(".t-panel .t-cause")).to_contain_text("retrieval is to blame")
        expect(page.locator("button.t-next")).to_be_disabled()
        page.get_by_label("kind").select_option(label="table (1)")
        expect(position).to_contain_text("no case has this verdict and this kind")
        expect(asked).to_have_count(0)
        verdict.select_option(label="all (4)")
        expect(asked).to_contain_text("Question 1")
        assert page.evaluate("() => window.hacked") is None


TRAINED = """
import os

os.environ["WORKBOOK_CACHE"] = {cache!r}
from helpers.experiments.training_cell import TrainingSetting
from helpers.experiments.training_grid import load_grid
from helpers.labs import training_lab
from helpers.models import load_generator

training_lab(load_grid(), load_generator(), TrainingSetting(16, epochs=1))
"""


def test_a_learner_trains_stops_and_finds_it_again(lab, tmp_path):
    """In a cache of its own, so that there is something to train; the second opening is the page
    reloaded, over the same kernel."""
    from playwright.sync_api import expect

    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "weights").symlink_to(notebooks.settings.cache_folder("weights"))
    write_cell(tmp_path / "nb" / "training.ipynb", TRAINED.format(cache=str(cache)))
    with opened(lab, tmp_path, "training.ipynb", 120) as page:
        picture, said, status, start = (
            page.locator(".t-plot img"),
            page.locator(".t-said"),
            page.locator(".t-train-status"),
            page.locator("button.t-train-start"),
        )
        expect(picture).to_have_attribute("alt", re.compile("^16 labels"))
        expect(page.locator(".t-price")).to_contain_text("nothing was trained on this machine yet")
        page.locator(".t-rows .noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        expect(said).to_contain_text("Not trained yet: 8 labels")
        page.keyboard.press("ArrowLeft")
        expect(picture).to_have_attribute("alt", re.compile("^Untrained"))
        page.keyboard.press("ArrowRight")
        expect(said).to_contain_text("Not trained yet: 8 labels")
        start.click()
        expect(status).to_contain_text(re.compile("loss [0-9.]+"), timeout=120_000)
        page.locator("button.t-train-stop").click()
        expect(status).to_contain_text("Stopped", timeout=60_000)
        expect(start).to_be_enabled()
        assert not list(cache.glob("adapters/*/adapter_model.safetensors")), (
            "a stopped run left something"
        )
        assert not list(cache.glob("labs/*.json")), "a stopped run left something"
        start.click()
        asked_again = re.compile("Trained here|Press again to start all the same")
        expect(status).to_contain_text(asked_again, timeout=600_000)
        if "Press again" in status.inner_text():  # a slow machine is told how long it takes
            start.click()
        expect(status).to_contain_text("Trained here", timeout=600_000)
        expect(picture).to_have_attribute("alt", re.compile("^8 labels.*Trained here: 1 point"))
        expect(page.locator(".t-price")).to_contain_text("there at once")
    with opened(lab, tmp_path, "training.ipynb", 120) as page:
        page.locator(".t-rows .noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".t-price")).to_contain_text("there at once")
        page.locator("button.t-train-start").click()
        expect(page.locator(".t-train-status")).to_contain_text("Trained here", timeout=10_000)
        expect(page.locator(".t-plot img")).to_have_attribute(
            "alt", re.compile("^8 labels.*Trained here: 1 point")
        )


CANARY = """
from helpers.experiments import TrainingSetting, training_grid
from helpers.evaluation.bits import to_flags
from helpers.labs import canary_lab

grid = training_grid.load_grid()
rows = {"champion": 256, "fewer labels": 128, "more labels": grid.most}
canary_lab({n: to_flags(grid.cells(TrainingSetting(r))[0]["right"]) for n, r in rows.items()})
"""


def test_a_learner_tries_canaries_by_keyboard(lab, tmp_path):
    from playwright.sync_api import expect

    write_cell(tmp_path / "nb" / "canary.ipynb", CANARY)
    with opened(lab, tmp_path, "canary.ipynb", 120) as page:
        picture, said = page.locator(".t-plot img"), page.locator(".t-said [role=status]")
        expect(picture).to_have_attribute(
            "alt", re.compile(r"^Fewer labels on 20 % of the traffic: stopped at ticket [\d,]+ of")
        )
        page.locator(".t-share .noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        expect(picture).to_have_attribute("alt", re.compile("^Fewer labels on 10 %"))
        assert unnamed_sliders(page) == []
        page.keyboard.press("ArrowLeft")
        expect(picture).to_have_attribute("alt", re.compile("^Fewer labels on 5 %"))
        page.locator(".t-tickets .noUi-handle").focus()
        page.keyboard.press("ArrowLeft")
        expect(said).to_contain_text("5 % of 1000 tickets")
        page.locator(".t-loss .noUi-handle").focus()
        page.keyboard.press("ArrowRight")
        expect(said).to_contain_text("wrong 20 points more often")
        page.get_by_label("candidate").select_option(label="more labels")
        expect(picture).to_have_attribute("alt", re.compile("^More labels on 5 %.*no harm shown"))
