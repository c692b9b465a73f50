"""The training-size lab as a widget: thin, over `training_grid.what_if`, `plots.training_setting`
and `training_cell.live`, which a plain cell can call as well."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

from helpers.core.progress import Progress
from helpers.decision.findings import load_findings
from helpers.experiments import lab_findings, training_cell, training_grid
from helpers.experiments.training_cell import (
    EPOCHS,
    NOISES,
    RANKS,
    ROWS,
    SEEDS,
    TO_THE_END,
    TrainingSetting,
)
from helpers.experiments.training_grid import Grid
from helpers.labs.job import job
from helpers.labs.lab_answer import LOOK, Panel, known
from helpers.models.load import Generator
from helpers.plots import training
from helpers.training.time_estimate import duration, with_time_left

PATIENCE_SECONDS = 180  # what takes longer is asked for twice, and a smaller setting is offered
UNSEEN = (8, 24, 48, 96, 192, 384)  # sizes that the slider offers and the grid lacks


def training_lab(grid: Grid, generator: Generator, first: TrainingSetting | None = None):
    """Move a setting and see what its labels buy, how long it trains, whether one can tell it from
    its neighbour, and what follows for the decision; train what was not trained yet.

    grid: of `training_grid.load_grid`. What is trained live is drawn over the reference, as a star.
    """
    import ipywidgets as widgets

    state, evidence = {"grid": grid, "agreed": None}, load_findings()
    options = {
        "rows": sorted({*ROWS, *UNSEEN}),
        "epochs": [("to the end" if n == TO_THE_END else str(n), n) for n in EPOCHS],
        "rank": list(RANKS),
        "label_noise": [("none", 0.0), *((f"{100 * n:.0f} %", n) for n in NOISES if n)],
        "seed": list(SEEDS),
    }
    start = vars(first or TrainingSetting())
    sliders = {
        key: widgets.SelectionSlider(options=values, value=start[key], **LOOK)
        for key, values in options.items()
    }
    picture, said, price = widgets.HTML(), widgets.HTML(), widgets.HTML()
    smaller = widgets.Button(
        description="Take the smaller setting",
        layout={"width": "auto", "display": "none"},
        tooltip="Take the smaller setting",
    )

    def setting(**changes) -> TrainingSetting:
        now = {key: one.value for key, one in sliders.items()}
        return TrainingSetting(**(now | changes))

    panel = Panel(
        "training",
        ("requests_per_day", "cost_wrong", "fixed_labels"),
        sliders,
        setting,
        lambda one: known(lab_findings.of_training, state["grid"], one, evidence),
    )

    def draw(_=None) -> None:
        s = setting()
        try:
            case = training_grid.what_if(state["grid"], s)
            picture.value, said.value = (
                training.training_setting(state["grid"], case)._repr_html_(),
                f"<p role='status'>{html.escape(case.sentence())}</p>",
            )
        except KeyError:
            picture.value = training.untrained_setting(state["grid"], s)._repr_html_()
            said.value = (
                f"<p role='status'>Not trained yet: {html.escape(str(s))}. <b>Run it for real</b>"
                " does it on this machine.</p>"
            )
        price.value, less = f"<p>{html.escape(in_words(s, generator))}</p>", fitting(s, generator)
        smaller.layout.display = "none" if less == s else "inline-flex"
        if less != s:
            smaller.description = smaller.tooltip = f"Take {less} instead"
        panel.draw()

    def run(progress: Progress):
        s = setting()
        if not training_cell.cached_row(generator, s).exists():
            at = training_cell.probe(
                generator, with_time_left(progress, "finding out how fast this machine trains: ")
            )
            if training_cell.seconds_for(s, at) > PATIENCE_SECONDS and state["agreed"] != s:
                state["agreed"] = s  # the next press starts it
                return None
        return training_cell.live(s, with_time_left(progress), generator)

    def done(row: dict[str, Any] | None) -> str:
        if row is not None:
            state["grid"] = training_grid.joined(state["grid"], row)
            panel.forget()
        draw()
        if row is None:
            return f"{in_words(setting(), generator)} Press again to start all the same."
        return (
            f"Trained here: {row['right'].count('1')} of {row['n']} dev tickets all right, seed"
            f" {row['seed']}"
        )

    def take(_) -> None:
        less = fitting(setting(), generator)
        sliders["epochs"].value, sliders["rows"].value = less.epochs, less.rows

    for key, slider in sliders.items():
        slider.observe(draw, "value")
        slider.add_class(f"t-{key.replace('_', '-')}")
    for widget, name in (
        (picture, "t-plot"),
        (said, "t-said"),
        (price, "t-price"),
        (smaller, "t-smaller"),
    ):
        widget.add_class(name)
    smaller.on_click(take)
    draw()
    train = job("Run it for real", run, done, "train")
    return panel.laid_out(LABELS, [said, picture], [price, smaller, train])


LABELS = {
    "rows": "Labels",
    "epochs": "Epochs: how often each label is seen",
    "rank": "Rank of the adapter",
    "label_noise": "Wrong labels among them",
    "seed": "Seed",
}


def in_words(setting: TrainingSetting, generator: Generator) -> str:
    """How long would *Run it for real* take here? Said before it starts."""
    if training_cell.cached_row(generator, setting).exists():
        return "Run it for real: trained here before, so it is there at once."
    if (at := training_cell.pace(generator)) is None:
        return (
            "Run it for real: nothing was trained on this machine yet, so"
            f" {training_cell.PROBE.rows} labels are timed first."
        )
    took = duration(training_cell.seconds_for(setting, at))
    return (
        f"Run it for real: about {took} here ({at[0]:.1f} rows a second, and {at[1]:.0f} s to"
        f" answer {len(training_cell.dev_tickets())} dev tickets)."
    )


def fitting(setting: TrainingSetting, generator: Generator) -> TrainingSetting:
    """The setting itself where it takes no longer than PATIENCE_SECONDS here (or no time is known),
    else the largest smaller one that does: fewer labels in as many epochs, or where none of
    those does, in one."""
    at = training_cell.pace(generator)
    if (
        at is None
        or training_cell.seconds_for(setting, at) <= PATIENCE_SECONDS
        or training_cell.cached_row(generator, setting).exists()
    ):
        return setting
    tries = [
        replace(setting, rows=rows, epochs=epochs)
        for epochs in (setting.epochs, 1)
        for rows in sorted({*ROWS, *UNSEEN}, reverse=True)
        if 0 < rows <= setting.rows
    ]
    return next(
        (s for s in tries if training_cell.seconds_for(s, at) <= PATIENCE_SECONDS), tries[-1]
    )
