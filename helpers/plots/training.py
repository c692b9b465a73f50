"""What does training buy? The loss, the training lab over its learning curve, the curve beyond what
was measured, and from how many requests on tuning pays."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.data.tickets import FIELDS
from helpers.decision.payback import Plan, costs, pays_from, saved, spent, tokens_saved
from helpers.evaluation.bits import share_right
from helpers.evaluation.numbers import percent, percents
from helpers.experiments import training_grid
from helpers.experiments.training_cell import ROWS, TrainingSetting
from helpers.experiments.training_grid import ALL_FIELDS
from helpers.plots.canvas import (
    COLOURS,
    INK,
    PALE,
    Picture,
    Stage,
    canvas,
    figure,
    finish,
    greyed,
    half_shares,
    heading,
    styled,
)

if TYPE_CHECKING:
    from helpers.evaluation.learning_curve import Curve
    from helpers.experiments.training_grid import Grid, TrainingWhatIf

TUNED, BASE = COLOURS["tuned"], "#777777"
UNTRAINED = {
    **{
        arm: COLOURS[arm]
        for arm in (
            "nearest neighbour",
            "classifier",
            "few-shot",
            "retrieved examples",
            "majority label",
        )
    },
    "keywords": "#009E73",
}
PLACES = range(1 + len(FIELDS))
SIZES, EDGE = ROWS, 6.2  # the sizes that are marked, and where the axis of labels ends


@styled
def loss_curve(losses: Sequence[float], steps_per_epoch: int) -> Picture:
    """Loss on the completions, step by step; epochs marked."""
    table = pd.DataFrame({"step": range(1, len(losses) + 1), "loss": losses})
    figure, axes = canvas(7.6, 2.9)
    axes.plot(table["step"], table["loss"], color=COLOURS["tuned"], linewidth=2)
    for epoch in range(1, len(losses) // steps_per_epoch + 1):
        axes.axvline(epoch * steps_per_epoch, color=PALE, linewidth=1, zorder=0)
        axes.text(
            epoch * steps_per_epoch,
            max(losses),
            f"epoch {epoch} ",
            ha="right",
            va="top",
            color="#777777",
            fontsize=9,
        )
    axes.set_ylim(0)
    axes.set_xlabel("step")
    axes.set_ylabel("loss per answer token")
    edge = max(1, min(10, len(losses) // 4))
    title = (
        f"The loss goes from {table['loss'][:edge].mean():.2f} (first {edge} steps) to"
        f" {table['loss'][-edge:].mean():.2f} (last {edge})"
    )
    axes.set_title(textwrap.fill(title, 74))
    return finish(figure, title + ".", table)


def place(rows: float) -> float:
    """Where on the axis? Doublings are steps of one from 16 on; below, straight down to 0, which a
    log scale does not have."""
    return rows / 16 if rows < 16 else math.log2(rows / 8)


def _row_axis(axes) -> None:
    axes.set_xticks([place(n) for n in SIZES], [str(n) for n in SIZES])
    axes.set_xlim(-0.3, EDGE)
    axes.set_xlabel("labelled training tickets")


def _share_axis(axis, limits, most: float = 1.0) -> None:
    limits(0, most * 1.05)
    ticks = [
        step * i
        for step in [0.1 if most <= 0.5 else 0.25]
        for i in range(11)
        if step * i <= min(1, most * 1.05)
    ]
    axis.set_ticks(ticks, ["0", *(percent(t) for t in ticks[1:])])


def _labels(axes, x: float, ends: list[tuple[float, str, str]], apart: float) -> None:
    """Names at the right end of lines; those that would lie on one another spread around their
    middle."""
    blocks: list[list[float]] = []  # [where its lowest name stands, names in it]
    ends = sorted(ends)
    for y, *_ in ends:
        blocks.append([y, 1])
        while len(blocks) > 1 and blocks[-2][0] + apart * blocks[-2][1] > blocks[-1][0]:
            (low, n), (high, m) = blocks[-2:]
            # the place of the whole block that moves its names least
            blocks[-2:] = [[(n * low + m * (high - apart * n)) / (n + m), n + m]]
    places = [low + apart * i for low, n in blocks for i in range(int(n))]
    for at, (_, name, colour) in zip(places, ends, strict=True):
        axes.text(x, at, name, va="center", fontsize=9, color=colour)


def _learning_curve(axes, grid: Grid, column: str = "right") -> None:
    """Tuned, with its interval and a dot a seed, over what needs no training: dashed where that
    learns from the same labels, dotted where it does not. Names at the right end."""
    plain, ends = training_grid.summary(grid, grid.sizes(), column), []
    for arm, lines in training_grid.baselines(grid, column).groupby("arm", sort=False):
        shares, where, style = lines["share"].tolist(), [place(n) for n in lines["rows"]], "--"
        if len(shares) == 1:
            shares, where, style = shares * 2, [-0.3, EDGE], ":"
        axes.plot(where, shares, color=UNTRAINED[arm], linewidth=1.2, linestyle=style)
        ends.append((shares[-1], arm, UNTRAINED[arm]))
    at = [place(n) for n in plain["rows"]]
    axes.fill_between(at, plain["low"], plain["high"], color=TUNED, alpha=0.16, linewidth=0)
    axes.plot(at, plain["share"], color=TUNED, linewidth=2.2)
    dots = [
        (place(size.rows), share_right(training_grid.bits(row, column)))
        for size in grid.sizes()
        for row in grid.cells(size)
    ]
    axes.plot(*zip(*dots, strict=True), ".", color=TUNED, markersize=4)
    ends.append((plain["share"].iloc[-1], "tuned", TUNED))
    settings = (TrainingSetting(*key[:-1]) for key in grid.found)
    most = max(0.4, *(training_grid.score_of(grid, s, column)["high"] for s in settings))
    _share_axis(axes.yaxis, axes.set_ylim, most)
    _labels(axes, EDGE + 0.1, ends, most * 0.065)
    _row_axis(axes)


@styled
def climb(grid: Grid, guess: Mapping[str, float] | None = None) -> Picture:
    """What do more labels buy? Left the share of fields that is right, right all four at once; a
    triangle where tuning begins to be measurably better than a system without training. guess:
    {labels: share} for all four, as hollow diamonds."""
    drawn = figure(10.4, 4.3)
    panels = drawn.subplots(1, 2)
    most, said, tables = TrainingSetting(grid.most), [], []
    for axes, column, name in zip(
        panels, (ALL_FIELDS, "right"), ("fields right", "all four right"), strict=True
    ):
        _learning_curve(axes, grid, column)
        table, ahead = (
            training_grid.summary(grid, grid.sizes(), column),
            training_grid.overtakes(grid, column)["labels"].dropna(),
        )
        for labels, arms in ahead.groupby(ahead):
            share = training_grid.score_of(grid, TrainingSetting(int(labels)), column)["share"]
            axes.plot(place(labels), share, "^", color=TUNED, markeredgecolor=INK, markersize=8)
            said.append(f"{name}: ahead of {', '.join(arms.index)} from {labels:.0f} labels on")
        axes.set_ylabel(name)
        tables.append(table.assign(measure=name))
    if guess:
        points = [(place(float(n)), share) for n, share in guess.items() if share is not None]
        panels[1].plot(
            *zip(*points, strict=True),
            "D",
            color="white",
            markeredgecolor=INK,
            markersize=8,
            clip_on=False,
        )
    first = TrainingSetting(grid.sizes()[1].rows)
    fields, whole = (
        [training_grid.score_of(grid, s, column)["share"] for s in (first, most)]
        for column in (ALL_FIELDS, "right")
    )
    title = (
        f"From {first.rows} labels to {most.rows}: fields right {percent(fields[0])} to"
        f" {percent(fields[1])}, all four {percent(whole[0])} to {percent(whole[1])}"
    )
    heading(drawn, title, 100)
    signs = ("▲ from here on measurably ahead of one more", "◇ your guess" if guess else "")
    for axes, sign in zip(panels, signs, strict=True):
        axes.set_title(sign, fontsize=9, fontweight="normal", color=INK)
    table = pd.concat(tables)
    numbers = "; ".join(
        f"{r['measure']} at {r['rows']:.0f} labels {percent(r['share'])}"
        f" ({percents(r['low'], r['high'])})"
        for _, r in table.iterrows()
    )
    return finish(
        drawn,
        f"{title}. n = {len(grid.dev_ids)} tickets. {numbers}. {'; '.join(said)}.",
        table,
    )


@functools.lru_cache(maxsize=2)
def _stage(grid: Grid) -> Stage:
    """What all settings of one grid have in common: the learning curve, what needs no training, and
    the fields of the most common labels."""

    def ground(curve, fields) -> None:
        _learning_curve(curve, grid)
        curve.set_ylabel("all four fields right")
        if majority := [b for b in grid.baselines if b["arm"] == "majority label"]:
            share = [share_right(majority[-1][field]) for field in FIELDS]
            fields.vlines(
                share,
                [y - 0.3 for y in PLACES[1:]],
                [y + 0.3 for y in PLACES[1:]],
                color=UNTRAINED["majority label"],
                linewidth=2,
            )
        fields.set_yticks(PLACES, ["valid", *FIELDS], fontsize=9.5)
        fields.set_ylim(len(PLACES) - 0.5, -0.5)
        half_shares(fields.xaxis, fields.set_xlim, -0.03, 1.2)
        fields.tick_params(axis="y", length=0)
        fields.set_title(
            "● this  ◇ neighbour  | most common",
            fontsize=8.5,
            fontweight="normal",
            color=INK,
        )

    return Stage(ground, left=0.085, wspace=0.72)


@styled
def training_setting(grid: Grid, case: TrainingWhatIf) -> Picture:
    """What do so many labels buy? Left the learning curve with what needs no training; right the
    fields of this setting (●) and of its neighbour (◇)."""
    s, right = case.setting, case.scores.loc["right"].to_dict()
    seconds = f", trained in {case.seconds:.0f} s" if s.rows else ""
    title = (
        f"{str(s)[0].upper()}{str(s)[1:]}: all four fields right {percent(right['share'])}"
        f" ({percents(right['low'], right['high'])}){seconds}"
    )
    said = "; ".join(
        f"{m} {percent(r['share'])} ({percents(r['low'], r['high'])})"
        for m, r in case.scores.drop("right").iterrows()
    )
    mine = [(place(r["rows"]), share_right(r["right"])) for r in grid.rows if r["here"]]
    own = (
        f" Trained here: {len(mine)} point{'s' * (len(mine) > 1)}, the last {percent(mine[-1][1])}."
        if mine
        else ""
    )
    alt = (
        f"{title}, n = {right['n']:.0f} tickets, {right['seeds']:.0f}"
        f" seed{'s' * int(right['seeds'] > 1)}.{own} {said}. {case.sentence()}"
    )

    def draw(curve, fields) -> None:
        if mine:
            curve.plot(
                *zip(*mine, strict=True),
                "*",
                color=INK,
                markersize=11,
                markeredgecolor="white",
                zorder=6,
            )
            curve.annotate(
                "yours",
                mine[-1],
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                zorder=6,
            )
        at, ends = place(s.rows), [right["low"], right["high"]]
        curve.plot([at] * 2, ends, color=INK, linewidth=1.6, zorder=4)
        curve.plot(
            at, right["share"], "o", color=TUNED, markeredgecolor=INK, markersize=9, zorder=5
        )
        _fields(fields, grid, case)

    return Picture(_stage(grid).picture(title, draw), alt, case.scores)


@styled
def untrained_setting(grid: Grid, setting: TrainingSetting) -> Picture:
    """What is known where nobody has trained? The learning curve in grey, and a question mark."""
    title = f"{str(setting)[0].upper()}{str(setting)[1:]}: nobody has trained this yet"

    def draw(curve, fields) -> None:
        at, middle = place(setting.rows), sum(curve.get_ylim()) / 2
        curve.axvline(at, color=INK, linestyle=":", linewidth=1.4)
        curve.text(at, middle, " ?", fontsize=22, va="center")
        fields.text(0.5, 2, "not measured", fontsize=12, ha="center", va="center")

    return Picture(greyed(_stage(grid).picture(title, draw)), f"{title}.", pd.DataFrame())


def _fields(axes, grid: Grid, case: TrainingWhatIf) -> None:
    """Validity and the four fields, each with its interval; ◇ the neighbour."""
    names = ["valid", *FIELDS]
    if case.baseline:
        axes.plot(
            [training_grid.score_of(grid, case.baseline, name)["share"] for name in names],
            PLACES,
            "D",
            color="white",
            markeredgecolor=BASE,
            markersize=6,
        )
    for y, name in zip(PLACES, names, strict=True):
        row = case.scores.loc[name]
        axes.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.6)
        axes.text(1.06, y, percent(row["share"]), va="center", fontsize=9)
    axes.plot(
        case.scores.loc[names, "share"], PLACES, "o", color=TUNED, markeredgecolor=INK, markersize=8
    )


@styled
def extrapolation(curve: Curve, grid: Grid, last: int = 1024, column: str = "right") -> Picture:
    """Where does the learning curve go? What was measured, the fitted curve with its 95 % band, and
    dashed the sizes that were not measured."""
    figure, axes = canvas(7.6, 3.5)
    table = training_grid.summary(grid, grid.sizes()[1:], column)
    sizes = [*table["rows"], last]
    axes.vlines(
        [place(n) for n in table["rows"]], table["low"], table["high"], color=INK, linewidth=1.4
    )
    axes.plot(
        [place(n) for n in table["rows"]],
        table["share"],
        "o",
        color=TUNED,
        markeredgecolor=INK,
        markersize=7,
        zorder=3,
    )
    if curve.fit is None:
        title = f"No curve: {curve.why.rstrip('.')}"
    else:
        along = [curve.sizes[0] * (last / curve.sizes[0]) ** (i / 60) for i in range(61)]
        band, known = [curve.at(n) for n in along], [n <= curve.sizes[-1] for n in along]
        axes.fill_between(
            [place(n) for n in along],
            [b[1] for b in band],
            [b[2] for b in band],
            color=TUNED,
            alpha=0.16,
            linewidth=0,
        )
        for inside, style in ((True, "-"), (False, "--")):
            axes.plot(
                [place(n) for n, k in zip(along, known, strict=True) if k is inside],
                [b[0] for b, k in zip(band, known, strict=True) if k is inside],
                style,
                color=TUNED,
                linewidth=2,
            )
        share, low, high = curve.at(last)
        axes.text(
            place(last) + 0.08,
            share,
            f"{last:,}: {percent(share)}\n({percents(low, high)})",
            va="center",
            fontsize=9,
            color=TUNED,
        )
        title = f"If it goes on like this, {last:,} labels would get {percents(low, high)} right"
    _share_axis(
        axes.yaxis,
        axes.set_ylim,
        max([0.4, *table["high"], curve.at(last)[2] if curve.fit is not None else 0]),
    )
    axes.set_xlim(place(sizes[0]) - 0.4, place(last) + 1.1)
    axes.set_xticks([place(n) for n in sizes], [f"{n:,.0f}" for n in sizes])
    axes.set_xlabel("labelled training tickets")
    axes.set_ylabel("all four right" if column == "right" else f"{column} right")
    axes.set_title(textwrap.fill(title, 74))
    said = "; ".join(
        f"{r['rows']:.0f} labels {percent(r['share'])} ({percents(r['low'], r['high'])})"
        for _, r in table.iterrows()
    )
    return finish(figure, f"{title}. Measured: {said}; n = {len(grid.dev_ids)} tickets.", table)


@styled
def payback(plan: Plan, currency: str = "EUR", label_factor: float = 2.0) -> Picture:
    """What has each way cost after n requests, and where do the lines cross? The band: a label
    costs half or double (label_factor)."""
    at = pays_from(plan)
    middle = at if 0 < at < math.inf else 10_000
    n = np.geomspace(max(1, middle / 100), middle * 100, 120)
    table = costs(plan, n)
    cheap, dear = (
        replace(
            plan, cost_per_label=plan.cost_per_label._replace(value=plan.cost_per_label.value * by)
        )
        for by in (1 / label_factor, label_factor)
    )
    band = pd.DataFrame({"low": costs(cheap, n)["tuned"], "high": costs(dear, n)["tuned"]})
    figure, axes = canvas(7.8, 3.9)
    axes.fill_between(n, band["low"], band["high"], color=COLOURS["tuned"], alpha=0.15, linewidth=0)
    for column, name in (("few_shot", "few-shot"), ("tuned", "tuned")):
        axes.plot(n, table[column], color=COLOURS[name], linewidth=2.2)
        left = column == "tuned"
        axes.annotate(
            name,
            (n[0 if left else -1], table[column].iloc[0 if left else -1]),
            xytext=(4 if left else -6, 5 if left else 4),
            textcoords="offset points",
            color=COLOURS[name],
            fontweight="bold",
            ha="left" if left else "right",
            va="bottom",
        )
    axes.set(xscale="log", yscale="log", xlabel="requests", ylabel=f"cost so far, {currency}")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.minorticks_off()
    title = "Tuning never pays by shorter prompts: a request saves nothing"
    if at < math.inf:
        low, high = pays_from(cheap), pays_from(dear)
        title = (
            f"Tuning pays from about {_about(at)} requests on ({_about(low)} to {_about(high)}, as"
            f" a label costs 1/{label_factor:g} to {label_factor:g} times as much)"
        )
        if at > 0:
            cross = costs(plan, [at])["tuned"].iloc[0]
            axes.axvline(at, color=INK, linewidth=0.8, linestyle=":")
            axes.plot(at, cross, "o", color=INK, markersize=6, zorder=5)
            axes.annotate(
                _about(at),
                (at, cross),
                xytext=(7, -13),
                textcoords="offset points",
                color=INK,
                fontsize=9,
            )
    heading(figure, title, 70)
    alt = (
        f"{title}. Once: {spent(plan):,.2f} {currency}; each request saves"
        f" {tokens_saved(plan):,.0f} prompt tokens, {saved(plan):.3g} {currency}. Answers are taken"
        " to be equally good."
    )
    return finish(figure, alt, table)


def _about(requests: float) -> str:
    """A number of requests to two figures: an estimate made of assumptions has no more."""
    return f"{float(f'{requests:.2g}'):,.0f}"
