"""The canary as a widget: thin, over `release.what_if` and `plots.canary_setting`, which a plain
cell can call as well."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from helpers.labs.controls import READ_ALOUD
from helpers.plots.release import TICKETS, canary_setting
from helpers.release.canary import what_if

SHARES = (0.05, 0.1, 0.2, 0.5)
LOSSES = (0.05, 0.1, 0.15, 0.2)
LENGTHS = (250, 500, 1_000, TICKETS)


def canary_lab(right: Mapping[str, Sequence[bool]], candidate: str | None = None):
    """Choose a candidate, the share of the traffic that it gets, the loss that the plan bets on and
    the length; see when it would have been stopped, and how surely.

    right: of "champion" and of each candidate, one flag a ticket, the tickets in the same order.
    Raises ValueError without a champion or a candidate.
    """
    import ipywidgets as widgets

    names = [name for name in right if name != "champion"]
    if "champion" not in right or not names:
        raise ValueError("right needs 'champion' and at least one candidate, each with its flags")
    look = {"description_width": "130px"}
    options = {
        "share": [(f"{100 * share:.0f} %", share) for share in SHARES],
        "loss": [(f"{100 * loss:.0f} points", loss) for loss in LOSSES],
        "tickets": [(f"{n:,}", n) for n in LENGTHS],
    }
    labels = {"share": "canary's share", "loss": "loss to be stopped", "tickets": "tickets at most"}
    start = {"share": 0.2, "loss": 0.15, "tickets": TICKETS}
    controls = {
        "candidate": widgets.Dropdown(
            options=names, value=candidate or names[0], description="candidate", style=look
        )
    } | {
        key: widgets.SelectionSlider(
            options=values,
            value=start[key],
            description=labels[key],
            style=look,
            layout={"width": "480px"},
            continuous_update=False,
        )
        for key, values in options.items()
    }
    picture, said = widgets.HTML(), widgets.HTML()

    def draw(_=None) -> None:
        case = what_if(right, **{key: control.value for key, control in controls.items()})
        picture.value = canary_setting(case)._repr_html_()
        said.value = f"<p role='status'>{html.escape(case.sentence())}</p>"

    for key, control in controls.items():
        control.observe(draw, "value")
        control.add_class(f"t-{key}")
    picture.add_class("t-plot")
    said.add_class("t-said")
    draw()
    names = widgets.HTML(READ_ALOUD, layout={"display": "none"})
    return widgets.VBox([names, *controls.values(), said, picture])
