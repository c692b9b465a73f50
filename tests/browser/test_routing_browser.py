"""The threshold lab in real JupyterLab: moved by keyboard, prices change what is said and drawn."""

from __future__ import annotations

import pytest
from support.browser import opened, unnamed_sliders, write_cell

from helpers.data import load_requests
from helpers.labs.routing import prices, routing_case

pytestmark = pytest.mark.browser

# So unsure a router asks back about a quarter of the requests at the default price, and about
# next to none where asking back is dear: that price has to be seen in what is said.
UNSURE_ROUTER = """
from types import SimpleNamespace

import numpy as np

from helpers.data import ROUTES, load_requests
from helpers.labs import routing_lab

dev = load_requests("dev")
dice = np.random.default_rng(0)
gold = np.eye(4)[[ROUTES.index(case.gold.answers[0]) for case in dev]]
chances = 0.3 * gold + 0.7 * dice.dirichlet([0.6] * 4, len(dev))
"""
LAB = UNSURE_ROUTER + "routing_lab(SimpleNamespace(probabilities=lambda texts: chances), dev)"


@pytest.fixture(scope="module")
def sentence():
    """What the lab has to say at these prices: (price of asking back, share) -> sentence."""
    made: dict = {}
    exec(UNSURE_ROUTER, made)
    gold = [case.gold.answers[0] for case in load_requests("dev")]

    def said(asked_back: float, share: float | None = None) -> str:
        costs = prices(asked_back=asked_back)
        return f"{routing_case(made['chances'], gold, costs, share).sentence()}."

    return said


def test_a_learner_moves_prices_and_threshold(lab, tmp_path, sentence):
    from playwright.sync_api import expect

    assert "about 0 %" not in sentence(0.6)
    write_cell(tmp_path / "nb" / "routing.ipynb", LAB)
    with opened(lab, tmp_path, "routing.ipynb", 60) as page:
        picture, said = page.locator(".t-plot img"), page.locator(".t-said [role=status]")
        expect(said).to_have_text(sentence(0.6))
        before = picture.get_attribute("src")
        page.locator(".t-asked-back .noUi-handle").focus()
        page.keyboard.press("End")
        expect(page.locator(".t-asked-back .widget-readout")).to_have_text("2.00")
        expect(said).to_have_text(sentence(2.0))
        expect(picture).not_to_have_attribute("src", before)
        page.locator(".t-threshold .noUi-handle").focus()
        for share in ("0 %", "5 %"):
            page.keyboard.press("ArrowRight")
            expect(page.locator(".t-threshold .widget-readout")).to_have_text(share)
        expect(said).to_have_text(sentence(2.0, 0.05))
        assert unnamed_sliders(page) == []
        assert sentence(2.0, 0.05).rstrip(".") in picture.get_attribute("alt")
