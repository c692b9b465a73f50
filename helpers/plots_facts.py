"""Figures of notebook 07, in the style of `plots`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pandas as pd

from helpers.picture import COLOURS, INK, PALE, Picture, _canvas, _finish, ink_on, percent, styled

SAID_COLOURS = {
    "the new value": "#009E73",
    "the old value": "#D55E00",
    "something else": "#BBBBBB",
    "refuses": "#56B4E9",
}
MODEL_COLOURS = {"base": COLOURS["closed book"], "facts adapter": COLOURS["facts adapter"]}
SIDES = ("no retrieval", "retrieval")


@styled
def two_by_two(
    summary: pd.DataFrame,
    cells: Mapping[str, tuple[str, str]],
    title: str,
    guess: Mapping[str, float] | None = None,
) -> Picture:
    """What does tuning buy with and without search? `evaluate.summary` of four arms as two lines,
    base and tuned, from no retrieval to retrieval.

    cells: arm -> (model, "no retrieval" or "retrieval"). A steep line: search does it. Lines far
    apart: the adapter does.
    """
    table = pd.DataFrame(
        [
            {
                "arm": arm,
                "model": model,
                "side": side,
                **summary.loc[arm, ["share", "low", "high", "n"]],
            }
            for arm, (model, side) in cells.items()
        ]
    )
    figure, axes = _canvas(7.6, 4.1)
    for i, (model, rows) in enumerate(table.groupby("model", sort=False)):
        colour = MODEL_COLOURS.get(model, "#0072B2")
        rows = rows.set_index("side").loc[list(SIDES)]
        at = [x + 0.03 * (2 * i - 1) for x in range(2)]
        axes.plot(
            at,
            rows["share"],
            color=colour,
            linewidth=2.4,
            marker="os"[i % 2],
            markersize=8,
            zorder=3,
            clip_on=False,
        )
        for x, (_, row), side in zip(at, rows.iterrows(), ("right", "left"), strict=True):
            axes.plot([x, x], [row["low"], row["high"]], color=colour, linewidth=1.6, zorder=2)
            out = -0.035 if side == "right" else 0.035
            axes.text(
                x + out,
                row["share"],
                (
                    f"{model}  {percent(row['share'])}"
                    if side == "right"
                    else f"{percent(row['share'])}  {model}"
                ),
                ha=side,
                va="center",
                color=INK,
                fontsize=10,
            )
            if guess and guess.get(row["arm"]) is not None:
                axes.plot(
                    x,
                    guess[row["arm"]],
                    marker="D",
                    markersize=7,
                    markerfacecolor="none",
                    markeredgecolor=colour,
                    markeredgewidth=1.4,
                    zorder=4,
                )
    axes.set_xlim(-0.62, 1.62)
    axes.set_ylim(0, 1.04)
    axes.set_xticks([0, 1], list(SIDES))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel(
        "share right, with 95 % interval"
        + ("; ◇ your guess" if guess and any(v is not None for v in guess.values()) else "")
    )
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_title(textwrap.fill(title, 74))
    said = "; ".join(
        f"{r['model']}, {r['side']}: {percent(r['share'])} ({percent(r['low'])} to"
        f" {percent(r['high'])}, n = {r['n']:.0f})"
        for _, r in table.iterrows()
    )
    return _finish(figure, f"{title}. Share right: {said}.", table)


@styled
def old_or_new(tables: Mapping[str, pd.DataFrame]) -> Picture:
    """After a policy changed, who says the new value and who the old? One bar a system, counted in
    asks (`facts.old_or_new`)."""
    counts = (
        pd.DataFrame({name: table["said"].value_counts() for name, table in tables.items()})
        .reindex(list(SAID_COLOURS))
        .fillna(0)
        .astype(int)
        .T
    )
    n = int(counts.iloc[0].sum())
    title = "New value after the change: " + ", ".join(
        f"{name} {row['the new value']} of {row.sum()}" for name, row in counts.iterrows()
    )
    figure, axes = _canvas(7.6, 0.62 * len(counts) + 1.6)
    for y, (_, row) in enumerate(counts.iterrows()):
        left = 0
        for said, value in row.items():
            axes.barh(y, value, left=left, height=0.6, color=SAID_COLOURS[said], edgecolor="white")
            if value >= max(1, 0.05 * n):
                axes.text(
                    left + value / 2,
                    y,
                    str(value),
                    ha="center",
                    va="center",
                    color=ink_on(SAID_COLOURS[said]),
                )
            left += value
    axes.set_yticks(range(len(counts)), list(counts.index))
    axes.set_ylim(len(counts) - 0.45, -0.85)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, n)
    axes.set_xticks(range(0, n + 1, max(1, round(n / 5))))
    axes.set_xlabel(f"questions about changed facts (n = {n})")
    at, used = 0.015 * n, [said for said in SAID_COLOURS if counts[said].any()]
    for said in used:  # the heads stand above the first bar, in the colours that they name
        axes.plot(at, -0.62, "s", color=SAID_COLOURS[said], markersize=8, clip_on=False)
        axes.text(at + 0.018 * n, -0.62, said, va="center", fontsize=9.5)
        at += n * (0.06 + 0.0165 * len(said))
    figure.suptitle(textwrap.fill(title, 84), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    return _finish(
        figure,
        f"{title}. "
        + "; ".join(
            f"{name}: " + ", ".join(f"{said} {row[said]}" for said in used)
            for name, row in counts.iterrows()
        )
        + ".",
        counts,
    )
