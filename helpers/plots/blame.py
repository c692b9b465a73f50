"""Whose fault is it? The figure of `evaluation.blame`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from helpers.evaluation import evaluator
from helpers.evaluation.numbers import percents, share_of
from helpers.plots.canvas import (
    CAUSE_COLOURS,
    INK,
    WIDE,
    Picture,
    canvas,
    finish,
    ink_on,
    styled,
)

PARTS = {"answerable": "To be answered", "to refuse": "To be refused", "tickets": "Tickets"}
LOSERS = {
    "distraction": "distraction",
    "retrieval": "the search",
    "reading": "the reader",
    "both": "search and reader together",
    "no evidence given": "something unknown",
    "failed": "breakdowns",
}
ROW = 0.47  # inches: the height of a row


@styled
def attribution(blame: pd.DataFrame, title: str | None = None) -> Picture:
    """Whose fault is it? `evaluation.blame` as a picture: a stacked bar a group, and beside it
    every share alone, from zero, with its 95 % interval.

    In a stacked bar only the first segment begins at zero, so an interval on any other can be
    neither read nor compared; in a column of its own it can, and the head of the column names the
    colour. Causes that a group does not have are drawn too: 0 of 14 is not "never".
    """
    table = _every_cell(blame)
    title = title or _blame_finding(table)
    lines = textwrap.wrap(title.replace(" %", "\u00a0%"), 72)  # a number stays with its sign
    blocks = [_Block(PARTS[part], rows) for part, rows in table.groupby("asked", sort=False)]
    columns = max(len(block.causes) for block in blocks)
    height = 0.24 * len(lines) + 0.6 + sum(block.height for block in blocks)
    figure, axes = canvas(WIDE, height)
    figure.set_layout_engine("none")
    # one unit is an inch, and y runs downwards
    axes.set(position=[0, 0, 1, 1], xlim=(0, WIDE), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(
        0.1, 0.12, "\n".join(lines), fontsize=11.5, fontweight="bold", va="top", linespacing=1.25
    )
    y = 0.24 * len(lines) + 0.15
    for block in blocks:
        block.draw(axes, y, whole=1.9 if columns < 6 else 1.3, columns=columns)
        y += block.height
    axes.text(
        0.1,
        height - 0.15,
        "Left: the whole group. Right: each share on a scale of its own, 0 to 100 %, with its 95 %"
        " interval.",
        fontsize=8.5,
        color="#666666",
    )
    return finish(figure, f"{title}. {' '.join(block.in_words() for block in blocks)}", table)


def _every_cell(blame: pd.DataFrame) -> pd.DataFrame:
    """All causes of a part for all of its groups, in the order of the picture; those that never
    occurred with count 0 and their interval."""
    if blame.empty:
        raise ValueError("there is nothing to draw: no case was attributed")
    rows = []
    for part in PARTS:
        of_part = blame[blame["asked"] == part]
        counts = {(r["group"], r["cause"]): int(r["count"]) for _, r in of_part.iterrows()}
        for group, n in of_part.drop_duplicates("group").set_index("group")["n"].items():
            for cause in (c for c in CAUSE_COLOURS if c in set(of_part["cause"])):
                count = counts.get((group, cause), 0)
                low, high = evaluator.wilson(count, n)
                rows.append(
                    {
                        "group": group,
                        "asked": part,
                        "cause": cause,
                        "count": count,
                        "n": int(n),
                        "share": count / n,
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows)


def _asked(rows: pd.DataFrame) -> int:
    return int(rows.drop_duplicates("group")["n"].sum())


def _cases(rows: pd.DataFrame) -> str:
    """How many cases a part of the picture speaks about, in words: systems that were asked the same
    cases do not add up."""
    each = rows.drop_duplicates("group")["n"]
    alike = len(each) > 1 and each.nunique() == 1
    return f"n = {each.iloc[0]} each" if alike else f"n = {_asked(rows)}"


def _blame_finding(table: pd.DataFrame) -> str:
    """The title: what share was right, and what took the rest."""
    found = []
    for part, rows in table.groupby("asked", sort=False):
        n, counts = _asked(rows), rows.groupby("cause")["count"].sum()
        right = share_of(
            sum(counts.get(c, 0) for c in ("right", "right without evidence", "rightly refused")), n
        )
        if part == "to refuse":
            found.append(f"of {n} to refuse, {right} refused")
        elif part == "tickets":
            rest = [
                f"{share_of(counts[c], n)} {c}"
                for c in ("valid but wrong", "invalid", "failed")
                if counts.get(c, 0)
            ]
            found.append(", ".join([f"of {n} tickets: {right} right", *rest]))
        else:
            lost = [
                f"{who} {share_of(counts[c], n)}" for c, who in LOSERS.items() if counts.get(c, 0)
            ]
            lost[:1] = [
                f"{one.rsplit(' ', 2)[0]} lost {' '.join(one.rsplit(' ', 2)[1:])}"
                for one in lost[:1]
            ]
            found.append(
                f"of {n} questions: {right} right" + ("; " if lost else "") + ", ".join(lost)
            )
    title = "; ".join(found)
    return title[0].upper() + title[1:]


@dataclass(frozen=True, eq=False)
class _Block:
    """One part of `attribution`: a heading, the heads of its columns, and one row a group. Sizes in
    inches."""

    heading: str
    rows: pd.DataFrame

    @property
    def causes(self) -> list[str]:
        return list(self.rows["cause"].unique())

    @property
    def height(self) -> float:
        return 0.8 + ROW * self.rows["group"].nunique()

    def draw(self, axes, y: float, whole: float, columns: int) -> None:
        """whole: the width of the stacked bars; columns: for how many columns there must be
        room."""
        y += 0.6
        axes.text(
            0.1,
            y,
            f"{self.heading} ({_cases(self.rows)})",
            fontsize=10.5,
            fontweight="bold",
            va="bottom",
        )
        width = min(1.05, (WIDE - 1.6 - whole - 0.3) / columns)
        at = {cause: 1.6 + whole + 0.25 + i * width for i, cause in enumerate(self.causes)}
        for cause, x in at.items():
            head = textwrap.wrap(cause, max(9, int(width / 0.075)), break_long_words=False)
            axes.text(
                x,
                y - 0.03,
                "\n".join(head),
                fontsize=8.5 if width > 0.8 else 7.5 if width > 0.61 else 6.5,
                va="bottom",
                linespacing=1.12,
            )
            axes.plot(
                [x, x + width - 0.12],
                [y, y],
                color=CAUSE_COLOURS[cause],
                linewidth=3.5,
                solid_capstyle="butt",
            )
        for i, (group, rows) in enumerate(self.rows.groupby("group", sort=False)):
            self._row(axes, y + 0.06 + i * ROW, str(group), rows, whole, at, width - 0.12)

    def _row(
        self,
        axes,
        y: float,
        group: str,
        rows: pd.DataFrame,
        whole: float,
        at: Mapping[str, float],
        long: float,
    ) -> None:
        """Name and n, the whole as one stacked bar, and each share in its column: number, bar from
        zero, interval."""
        name = textwrap.wrap(group, 22)
        name = name if len(name) < 3 else [name[0], name[1][:21] + "…"]
        axes.text(
            0.1,
            y + 0.26,
            "\n".join([*name, f"n = {rows['n'].iloc[0]}"]),
            fontsize=8.5,
            va="center",
            linespacing=1.15,
            parse_math=False,
        )
        left = 1.6
        for _, row in rows.iterrows():
            colour, x, segment, share = (
                CAUSE_COLOURS[row["cause"]],
                at[row["cause"]],
                row["share"] * whole,
                share_of(row["count"], row["n"]),
            )
            ink = (INK, "#000000") if row["count"] else ("#8A8A8A", "#707070")
            axes.barh(
                y + 0.27,
                segment,
                left=left,
                height=0.3,
                color=colour,
                edgecolor="white",
                linewidth=0.8 if segment > 0.06 else 0,
            )
            if segment > 0.4:
                axes.text(
                    left + segment / 2,
                    y + 0.275,
                    share,
                    fontsize=8.5,
                    ha="center",
                    va="center",
                    color=ink_on(colour),
                )
            left += segment
            axes.text(x, y + 0.21, share, fontsize=8.5, color=ink[1])
            axes.barh(y + 0.3, long, left=x, height=0.11, color="#EFEFEF")
            axes.barh(y + 0.3, row["share"] * long, left=x, height=0.11, color=colour)
            ends = [x + row["low"] * long, x + row["high"] * long]
            axes.plot(
                ends,
                [y + 0.4] * 2,
                color=ink[0],
                linewidth=1.5,
                marker="|",
                markersize=4,
                markeredgewidth=1.2,
            )

    def in_words(self) -> str:
        found = []
        for group, rows in self.rows[self.rows["count"] > 0].groupby("group", sort=False):
            shares = [
                f"{r['cause']} {share_of(r['count'], r['n'])} ({percents(r['low'], r['high'])})"
                for _, r in rows.iterrows()
            ]
            found.append(f"{group} (n = {rows['n'].iloc[0]}): {', '.join(shares)}")
        return f"{self.heading}: {'; '.join(found)}."
