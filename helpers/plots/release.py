"""What does a gate stop, when did a canary stop, and on which day would the monitor have cried?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.plots.canvas import (
    COLOURS,
    INK,
    PALE,
    WIDE,
    Picture,
    canvas,
    finish,
    half_shares,
    heading,
    styled,
)

# Two or three lines in one picture: Okabe and Ito's, with marks of their own
LINES = (COLOURS["RAG"], COLOURS["tuned"], COLOURS["oracle context"], COLOURS["majority label"])
MARKS = ("o", "s", "^", "D")


@styled
def gate_power(table: pd.DataFrame, margin: float, title: str) -> Picture:
    """How often does a candidate pass that truly loses so much? table: columns loss and passes,
    shares; the margin is marked, and what was promised there."""
    figure, axes = canvas(WIDE, 3.2)
    axes.plot(100 * table["loss"], table["passes"], color=LINES[0], linewidth=2)
    axes.axvline(100 * margin, color=INK, linewidth=1, linestyle="--")
    axes.text(100 * margin, 0.55, f" margin {100 * margin:.1f} points", ha="left")
    for share in (0.05, 0.95):
        axes.axhline(share, color=PALE, linewidth=1, zorder=0)
    half_shares(axes.yaxis, axes.set_ylim, low=-0.02)
    axes.set_xlabel("what the candidate truly loses, points")
    axes.set_ylabel("passes the gate")
    heading(figure, title)
    equal = float(table.iloc[0]["passes"])
    worse = float(np.interp(margin, table["loss"], table["passes"]))
    alt = (
        f"{title}. A curve that falls from {100 * equal:.0f} % of equal candidates passing to"
        f" {100 * worse:.0f} % of those that lose the margin of {100 * margin:.1f} points."
    )
    return finish(figure, alt, table)


@styled
def canary_evidence(paths: Mapping[str, Sequence[float]], stop: float, title: str) -> Picture:
    """The evidence against each canary, ticket by ticket, on a logarithmic scale; where it reaches
    `stop` the canary ends."""
    figure, axes = canvas(WIDE, 3.2)
    said = []
    for (name, path), colour, mark in zip(paths.items(), LINES, MARKS, strict=False):
        path = np.asarray(path, float)
        axes.plot(np.arange(1, len(path) + 1), path, color=colour, linewidth=1.6, label=name)
        axes.plot(len(path), path[-1], marker=mark, color=colour, markersize=8)
        what = "is stopped" if path[-1] >= stop else "ends unstopped"
        said.append(f"{name} {what} at ticket {len(path)}")
    axes.axhline(stop, color=INK, linewidth=1, linestyle="--")
    axes.text(0, stop * 1.5, f"stop at {stop:.0f}", ha="left")
    axes.axhline(1, color=PALE, linewidth=1, zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(top=stop * 8)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("tickets of all traffic")
    axes.set_ylabel("evidence of harm")
    axes.legend(frameon=False, loc="lower left")
    heading(figure, title)
    rows = [
        {"canary": n, "tickets": len(p), "evidence": float(p[-1]), "stopped": p[-1] >= stop}
        for n, p in paths.items()
    ]
    return finish(figure, f"{title}. {'; '.join(said)}.", pd.DataFrame(rows))


@styled
def drift_days(
    looks: pd.DataFrame, level: float, begins: Mapping[str, dt.date], title: str
) -> Picture:
    """The p-value of each signal on each day, small ones on top. looks: a line a day, with `day`
    and a column for each signal; level: that of one signal; begins: what changed on which day."""
    figure, axes = canvas(WIDE, 3.4)
    signals = [name for name in looks if name not in ("day", "alarm")]
    days = list(looks["day"])
    for name, colour, mark in zip(signals, LINES, MARKS, strict=False):
        axes.plot(range(len(days)), looks[name], marker=mark, color=colour, label=name)
    axes.axhline(level, color=INK, linewidth=1, linestyle="--")
    axes.text(-0.4, level * 0.8, f"alarm at {level:.3g}", ha="left", va="bottom")
    for what, day in begins.items():
        at = days.index(day) - 0.5
        axes.axvline(at, color=PALE, linewidth=1.2, zorder=0)
        axes.text(at + 0.05, 1.25, what, fontsize=9, ha="left", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(1.15, float(looks[signals].min().min()) / 1.6)  # upside down
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(range(0, len(days), 2), [f"{d.day} {d:%b}" for d in days[::2]])
    axes.set_ylabel("p-value")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    heading(figure, title)
    fired = [
        f"{name} from {days[int(np.argmax(looks[name] <= level))]}"
        if (looks[name] <= level).any()
        else f"{name} never"
        for name in signals
    ]
    return finish(figure, f"{title}. Alarms: {'; '.join(fired)}.", looks)
