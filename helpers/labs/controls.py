"""How is a requirement moved? A slider or a check box under its question, for the board and the
labs."""

from __future__ import annotations

import html
from typing import Any

from helpers.decision.requirements import FIELDS, NUMBERS, shown, steps

# ipywidgets gives the handle of a slider no name, and reads out the place of an option instead of
# the option. There is no setting for either, and JupyterLab runs no <script> of a widget; but a
# <style> says when it is loaded, there and in Voilà. To be put into one HTML widget beside the
# sliders: each is then named by its tooltip, else by its description.
READ_ALOUD = """<style onload="(style => {
const root = style.closest('.jp-OutputArea-output') || document.body;
const name = () => root.querySelectorAll('.widget-slider').forEach(slider => {
const label = slider.querySelector('.widget-label'), said = slider.querySelector('.widget-readout');
const about = label ? label.title || label.textContent : '';
slider.querySelectorAll('[role=slider]').forEach(handle => {
if (about) handle.setAttribute('aria-label', about);
if (said && said.textContent) handle.setAttribute('aria-valuetext', said.textContent);
});});
name();
new MutationObserver(name).observe(root, {childList: true, subtree: true, characterData: true});
})(this)">.t-said p{line-height:1.4;margin:.3em 0}</style>"""


def control(name: str, value: float | bool):
    """A check box for a yes or no, else a slider over the steps of its range and what is stated."""
    import ipywidgets as widgets

    if name not in NUMBERS:
        return widgets.Checkbox(
            value, description=FIELDS[name]["question"], indent=False, layout={"width": "98%"}
        )
    return widgets.SelectionSlider(
        options=_options(name, value),
        value=value,
        continuous_update=False,
        tooltip=FIELDS[name]["question"],
        layout={"width": "98%"},
    )


def _options(name: str, value: float) -> list[tuple[str, float]]:
    return [(shown(name, step), step) for step in sorted({*steps(name), value})]


def move(name: str, one: Any, value: float | bool) -> None:
    """Move a control to a value that its slider may not have offered so far."""
    if name in NUMBERS and one.value != value:
        one.options = _options(name, value)
    one.value = value


def row(name: str, one: Any):
    """A slider under its question; the question of a check box is its own label."""
    import ipywidgets as widgets

    if name not in NUMBERS:
        return one
    question = widgets.HTML(
        f"<div class='t-question'>{html.escape(FIELDS[name]['question'])}</div>"
    )
    return widgets.VBox([question, one])
