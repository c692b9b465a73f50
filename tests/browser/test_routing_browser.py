"""The threshold lab in real JupyterLab: moved by keyboard, prices change what is said and drawn."""

from __future__ import annotations

import pytest
from support.browser import opened, unnamed_sliders, write_cell

pytestmark = pytest.mark.browser

ROUTED = """
from types import SimpleNamespace

import numpy as np

from helpers.data import ROUTES, load_requests
from helpers.labs import routing_lab

dev = load_requests("dev")
dice = np.random.default_rng(0)
gold = np.eye(4)[[ROUTES.index(case.gold.answers[0]) for case in dev]]
chances = 0.6 * gold + 0.4 * dice.dirichlet([0.6] * 4, len(dev))
routing_lab(SimpleNamespace(probabilities=lambda texts: chances), dev)
"""


def test_a_learner_moves_prices_and_threshold(lab, tmp_path):
    from playwright.sync_api import expect

    write_cell(tmp_path / "nb" / "routing.ipynb", ROUTED)
    with opened(lab, tmp_path, "routing.ipynb", 60) as page:
        picture, said = page.locator(".t-plot img"), page.locator(".t-said [role=status]")
        expect(said).to_contain_text("It asks back about")
        before, words = picture.get_attribute("src"), said.inner_text()
        page.locator(".t-asked-back .noUi-handle").focus()
        page.keyboard.press("Home")  # nothing is cheaper than asking back
        expect(page.locator(".t-asked-back .widget-readout")).to_have_text("0.00")
        expect(said).not_to_have_text(words)
        expect(picture).not_to_have_attribute("src", before)
        page.locator(".t-threshold .noUi-handle").focus()
        for share in ("0 %", "5 %"):
            page.keyboard.press("ArrowRight")
            expect(page.locator(".t-threshold .widget-readout")).to_have_text(share)
        expect(said).to_contain_text("It asks back about 5 %")
        assert unnamed_sliders(page) == []
        assert "It asks back about 5 %" in picture.get_attribute("alt")
