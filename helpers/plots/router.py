"""How good are a router's probabilities, when should it ask back, and which part of a hybrid loses
what? The reliability diagram, cost against the share asked back, and a bar of parts a system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.evaluation.numbers import percent
from helpers.plots.canvas import (
    INK,
    OTHER,
    PALE,
    WIDE,
    Picture,
    canvas,
    finish,
    heading,
    ink_on,
    styled,
)

# right and the parts that lose a request, in the order in which they are drawn
PART_COLOURS = {
    "right": "#009E73",
    "router": "#CC79A7",
    "search": "#0072B2",
    "both": "#4B1D6B",
    "distraction": "#56B4E9",
    "reading": "#D55E00",
    "refusing": "#E69F00",
    "tool": "#555555",
}
SHARES = ([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])


@styled
def calibration(bins: pd.DataFrame, error: Mapping[str, float], title: str) -> Picture:
    """Is the router right as often as it says? A point a bin with its 95 % interval; on the
    diagonal it says the truth, below it is too sure.

    bins: from `reliability`; error: from `calibration_error`.
    """
    figure, axes = canvas(5.2, 4.4)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1.4, zorder=0)
    for _, one in bins.iterrows():
        axes.plot([one["confidence"]] * 2, [one["low"], one["high"]], color=INK, linewidth=1.3)
        axes.plot(
            one["confidence"], one["right"], "o", color=OTHER, markersize=7, clip_on=False, zorder=3
        )
    axes.text(0.02, 0.9, "not sure enough", color="#666666", fontsize=9)
    axes.text(0.98, 0.05, "too sure", color="#666666", fontsize=9, ha="right")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(*SHARES)
    axes.set_yticks(*SHARES)
    axes.set_xlabel("says: probability of its route (mean of a bin)")
    axes.set_ylabel("is right, with 95 % interval")
    heading(figure, title, 52)
    told = (
        f"ECE {100 * error['value']:.1f} points ({100 * error['low']:.1f} to"
        f" {100 * error['high']:.1f}, n = {error['n']}; a perfectly calibrated router would show"
        f" {100 * error['if_calibrated']:.1f})"
    )
    return finish(figure, f"{title}. {told}.", bins)


@styled
def asking_back(
    least_expected: Sequence[float],
    cost_if_answered: Sequence[float],
    cost_if_asked: Sequence[float],
    reject_at: float,
    title: str,
) -> Picture:
    """What does a request cost on average, if the router asks back about the doubtful ones? One
    curve over the share asked back, the most doubtful first; a mark at the threshold that was
    chosen.

    One number a request in each: its least expected cost, what it then did cost, and what asking
    back costs. Raises ValueError without requests.
    """
    doubt, answered, asked = (
        np.asarray(one, dtype=float) for one in (least_expected, cost_if_answered, cost_if_asked)
    )
    if not len(doubt):
        raise ValueError("there is nothing to draw: no request was given")
    order, n = np.argsort(-doubt, kind="stable"), len(doubt)
    # (n + 1,): the k most doubtful are asked back, the others answered
    back = np.concatenate([[0], np.cumsum(asked[order])])
    rest = answered.sum() - np.concatenate([[0], np.cumsum(answered[order])])
    curve = pd.DataFrame({"asked back": np.arange(n + 1) / n, "cost": (back + rest) / n})
    chosen = curve.iloc[int((doubt > reject_at).sum())]
    figure, axes = canvas(6.4, 3.6)
    axes.plot(curve["asked back"], curve["cost"], color=OTHER, linewidth=2)
    axes.plot(chosen["asked back"], chosen["cost"], "o", color=INK, markersize=8)
    # the words stand below the curve, wherever it runs
    top, late = float(curve["cost"].max()), chosen["asked back"] > 0.6
    axes.plot([chosen["asked back"]] * 2, [0, chosen["cost"]], ":", color=INK, linewidth=1.2)
    axes.annotate(
        f"asks back about {percent(chosen['asked back'])}: {chosen['cost']:.2f} a request",
        (chosen["asked back"], 0.06 * top),
        (-8 if late else 8, 0),
        textcoords="offset points",
        ha="right" if late else "left",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.08 * top or 1)
    axes.set_xticks(*SHARES)
    axes.set_xlabel("share of requests asked back, the most doubtful first")
    axes.set_ylabel("mean cost of a request")
    heading(figure, title, 64)
    alt = (
        f"{title}. Asking back about nothing costs {curve['cost'].iloc[0]:.3f} a request, about"
        f" {percent(chosen['asked back'])} {chosen['cost']:.3f}, about all"
        f" {curve['cost'].iloc[-1]:.3f} (n = {n})."
    )
    return finish(figure, alt, curve)


@styled
def parts(lost: pd.DataFrame, title: str) -> Picture:
    """Which part loses how much? A bar a system: right, and lost to each part. Every piece wide
    enough says its share, and the picture's table has them all.

    lost: from `experiments.hybrid.by_part`. Raises ValueError without a system.
    """
    if lost.empty:
        raise ValueError("there is nothing to draw: no system was given")
    named = [name for name in PART_COLOURS if name in lost]
    figure, axes = canvas(WIDE, 0.5 * len(lost) + 1.5)
    for y, (_, row) in enumerate(lost.iterrows()):
        left = 0.0
        for name in named:
            axes.barh(y, row[name], left=left, color=PART_COLOURS[name], height=0.62)
            if row[name] >= 0.045:
                axes.text(
                    left + row[name] / 2,
                    y,
                    f"{100 * row[name]:.0f}",
                    ha="center",
                    va="center",
                    color=ink_on(PART_COLOURS[name]),
                    fontsize=9.5,
                )
            left += row[name]
    # the names stand over the first bar, each in its colour, as far apart as they are long
    rooms = [len(name) + 4 for name in named]
    for at, name in enumerate(named):
        axes.text(
            (sum(rooms[:at]) + rooms[at] / 2) / sum(rooms),
            -0.72,
            name,
            ha="center",
            color=PART_COLOURS[name],
            fontweight="bold",
            fontsize=9.5,
        )
    axes.set_ylim(len(lost) - 0.55, -1.0)
    axes.set_xlim(0, 1)
    axes.set_xticks(*SHARES)
    axes.set_yticks(range(len(lost)), list(lost.index))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"share of {lost['n'].iloc[0]:.0f} requests (in the bars: per cent)")
    heading(figure, title)
    right = ", ".join(f"{name} {percent(share)}" for name, share in lost["right"].items())
    return finish(figure, f"{title}. Right of {lost['n'].iloc[0]:.0f} requests: {right}.", lost)
