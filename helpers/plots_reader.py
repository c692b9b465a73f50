"""The figures of the reader: what is right when the evidence goes missing."""

from __future__ import annotations

import pandas as pd

from helpers.picture import COLOURS, Picture, _canvas, _finish, percent, styled

READER_COLOURS = {"base": COLOURS["RAG"], "reader": COLOURS["tuned"]}


@styled
def evidence_removed(table: pd.DataFrame, title: str) -> Picture:
    """Share right against the share of cases whose evidence was taken away, one line a system
    (`removal.removal`)."""
    figure, axes = _canvas(7.2, 3.6)
    ends = []
    for name, rows in table.groupby("system", sort=False):
        colour = READER_COLOURS[name]
        axes.plot(rows["lost"], rows["share"], color=colour, marker="o")
        axes.vlines(rows["lost"], rows["low"], rows["high"], color=colour, alpha=0.45, linewidth=2)
        ends.append((float(rows["share"].iloc[0]), name, colour))
    for value, name, colour in ends:
        axes.annotate(
            name,
            (0, value),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontweight="bold",
        )
    axes.set_xlim(-0.16, 1.04)
    axes.set_ylim(0, max(0.2, float(table["high"].max()) * 1.05))
    axes.set_xticks(
        sorted(table["lost"].unique()), [percent(x) for x in sorted(table["lost"].unique())]
    )
    axes.yaxis.set_major_formatter(lambda value, _: percent(value))
    axes.set_xlabel("questions whose evidence the search lost")
    axes.set_ylabel("right")
    axes.set_title(title)
    lines = [
        f"{name}: "
        + ", ".join(
            f"{percent(r['share'])} at {percent(r['lost'])} lost" for _, r in rows.iterrows()
        )
        for name, rows in table.groupby("system", sort=False)
    ]
    return _finish(figure, f"{title}. {'; '.join(lines)}.", table)
