"""How does a finding look? One style, one colour per arm everywhere, intervals always drawn, and words for those who cannot see it."""

from __future__ import annotations

import base64
import functools
import html
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from helpers import evaluate
from helpers.compare import Comparison, as_table

# Okabe and Ito's palette: told apart with any kind of colour vision. Defined here once, for every figure.
COLOURS = {
    "closed book": "#999999", "RAG": "#0072B2", "oracle context": "#009E73",
    "zero-shot": "#999999", "few-shot": "#E69F00", "tuned": "#D55E00",
    "majority label": "#CC79A7", "always refuse": "#CC79A7", "RAG, 3 passages": "#56B4E9",
    "long context": "#E69F00", "tuned + RAG": "#D55E00", "facts adapter": "#D55E00",
    # the same arm made easier or harder: its colour, mixed with 40 % white
    "constrained": "#C2C2C2", "few-shot + constrained": "#F0C566", "tuned + constrained": "#E69E66", "oracle + 2 distractors": "#66C5AB",
    "facts adapter + RAG": "#E69E66",
}  # fmt: skip
# What became of an answer, in the order in which it is drawn. A cause wears the colour of the arm that it speaks about: right is what the
# oracle shows to be possible; the search is RAG's; distraction comes with more passages; reading is the model's, which tuning could change.
CAUSE_COLOURS = {
    "right": "#009E73", "right without evidence": "#9ADBC5", "rightly refused": "#009E73",
    "distraction": "#56B4E9", "retrieval": "#0072B2", "reading": "#D55E00",
    "answered what should be refused": "#CC79A7", "valid but wrong": "#D55E00", "invalid": "#E69F00",
    "no evidence given": "#BBBBBB", "failed": "#555555",
}  # fmt: skip
# Not Okabe and Ito's: a verdict on two systems has colours of its own (ColorBrewer's BrBG, safe as well).
VERDICT_COLOURS = {"better": "#01665E", "worse": "#8C510A", "cannot tell": "#777777"}
INK, PALE = "#222222", "#D9D9D9"
STYLE = {
    "font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": "#888888", "axes.titlesize": 11.5,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "text.color": INK, "axes.labelcolor": INK, "svg.fonttype": "none",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its finding in words (`alt`) and the numbers behind it (`table`)."""

    png: bytes
    alt: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        return f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return self.alt


def styled(draw: Callable[..., Picture]) -> Callable[..., Picture]:
    """Draw in the workbook's style without changing the learner's own matplotlib settings."""

    @functools.wraps(draw)
    def in_style(*args, **kwargs) -> Picture:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return in_style


def _figure(width: float, height: float, layout: str = "constrained"):
    """A figure that belongs to nobody else: no pyplot, so nothing leaks and it can be drawn in any thread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _canvas(width: float, height: float):
    """`_figure` with its one pair of axes."""
    figure = _figure(width, height)
    return figure, figure.add_subplot()


def _finish(figure, alt: str, table: pd.DataFrame) -> Picture:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return Picture(out.getvalue(), alt, table)


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


@styled
def bars(summary: pd.DataFrame, title: str, axis: str = "share right", guess: Mapping[str, float] | None = None) -> Picture:
    """One bar an arm with its 95 % interval, n written beside it; a learner's guesses as hollow marks."""
    figure, axes = _canvas(7.6, 0.62 * len(summary) + 1.3)
    for y, (name, row) in enumerate(summary[::-1].iterrows()):
        axes.barh(y, row["share"], color=COLOURS.get(name, "#56B4E9"), height=0.62)
        axes.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.6)
        axes.text(row["high"] + 0.015, y, f"{percent(row['share'])}  (n = {row['n']:.0f})", va="center")
        if guess and guess.get(name) is not None:
            axes.plot(guess[name], y - 0.44, marker="D", markersize=7, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4)
    axes.set_yticks(range(len(summary)), list(summary.index[::-1]))
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.16)
    axes.set_ylim(-0.62, len(summary) - 0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel(f"{axis}, with 95 % interval" + ("; ◇ your guess" if guess and any(v is not None for v in guess.values()) else ""))
    axes.set_title(textwrap.fill(title, 74))
    said = "; ".join(f"{name} {percent(r['share'])} ({percent(r['low'])} to {percent(r['high'])}, n = {r['n']:.0f})" for name, r in summary.iterrows())
    return _finish(figure, f"{title}. {axis}: {said}.", summary)


@styled
def loss_curve(losses: Sequence[float], steps_per_epoch: int) -> Picture:
    """Loss on the completions, step by step; epochs marked."""
    table = pd.DataFrame({"step": range(1, len(losses) + 1), "loss": losses})
    figure, axes = _canvas(7.6, 2.9)
    axes.plot(table["step"], table["loss"], color=COLOURS["tuned"], linewidth=2)
    for epoch in range(1, len(losses) // steps_per_epoch + 1):
        axes.axvline(epoch * steps_per_epoch, color=PALE, linewidth=1, zorder=0)
        axes.text(epoch * steps_per_epoch, max(losses), f"epoch {epoch} ", ha="right", va="top", color="#777777", fontsize=9)
    axes.set_ylim(0)
    axes.set_xlabel("step")
    axes.set_ylabel("loss per answer token")
    edge = max(1, min(10, len(losses) // 4))
    title = f"The loss goes from {table['loss'][:edge].mean():.2f} (first {edge} steps) to {table['loss'][-edge:].mean():.2f} (last {edge})"
    axes.set_title(textwrap.fill(title, 74))
    return _finish(figure, title + ".", table)


PARTS = {"answerable": "To be answered", "to refuse": "To be refused", "tickets": "Tickets"}
LOSERS = {"distraction": "distraction", "retrieval": "the search", "reading": "the reader", "no evidence given": "something unknown", "failed": "breakdowns"}
WIDE, ROW = 7.6, 0.47  # inches: the figure, and the height of a row of `attribution`


@styled
def attribution(blame: pd.DataFrame, title: str | None = None) -> Picture:
    """Whose fault is it? `attribute.blame` as a picture: a stacked bar a group, and beside it every share alone, from zero, with its 95 % interval.

    In a stacked bar only the first segment begins at zero, so an interval on any other can be neither read nor compared; in a column of
    its own it can, and the head of the column names the colour. Causes that a group does not have are drawn too: 0 of 14 is not "never".
    """
    table = _every_cell(blame)
    title = title or _blame_finding(table)
    lines = textwrap.wrap(title.replace(" %", "\u00a0%"), 72)  # a number stays with its sign
    blocks = [_Block(PARTS[part], rows) for part, rows in table.groupby("asked", sort=False)]
    columns = max(len(block.causes) for block in blocks)
    height = 0.24 * len(lines) + 0.6 + sum(block.height for block in blocks)
    figure, axes = _canvas(WIDE, height)
    figure.set_layout_engine("none")
    axes.set(position=[0, 0, 1, 1], xlim=(0, WIDE), ylim=(height, 0))  # one unit is an inch, and y runs downwards
    axes.set_axis_off()
    axes.text(0.1, 0.12, "\n".join(lines), fontsize=11.5, fontweight="bold", va="top", linespacing=1.25)
    y = 0.24 * len(lines) + 0.15
    for block in blocks:
        block.draw(axes, y, whole=1.9 if columns < 6 else 1.3, columns=columns)
        y += block.height
    axes.text(0.1, height - 0.15, "Left: the whole group. Right: each share on a scale of its own, 0 to 100 %, with its 95 % interval.", fontsize=8.5, color="#666666")
    return _finish(figure, f"{title}. {' '.join(block.in_words() for block in blocks)}", table)


def _every_cell(blame: pd.DataFrame) -> pd.DataFrame:
    """All causes of a part for all of its groups, in the order of the picture; those that never occurred with count 0 and their interval."""
    if blame.empty:
        raise ValueError("there is nothing to draw: no case was attributed")
    rows = []
    for part in PARTS:
        of_part = blame[blame["asked"] == part]
        counts = {(r["group"], r["cause"]): int(r["count"]) for _, r in of_part.iterrows()}
        for group, n in of_part.drop_duplicates("group").set_index("group")["n"].items():
            for cause in (c for c in CAUSE_COLOURS if c in set(of_part["cause"])):
                count = counts.get((group, cause), 0)
                low, high = evaluate.wilson(count, n)
                rows.append({"group": group, "asked": part, "cause": cause, "count": count, "n": int(n), "share": count / n, "low": low, "high": high})
    return pd.DataFrame(rows)


def _asked(rows: pd.DataFrame) -> int:
    return int(rows.drop_duplicates("group")["n"].sum())


def _blame_finding(table: pd.DataFrame) -> str:
    """The title: what share was right, and what took the rest."""
    found = []
    for part, rows in table.groupby("asked", sort=False):
        n, counts = _asked(rows), rows.groupby("cause")["count"].sum()
        right = told(sum(counts.get(c, 0) for c in ("right", "right without evidence", "rightly refused")), n)
        if part == "to refuse":
            found.append(f"of {n} to refuse, {right} refused")
        elif part == "tickets":
            rest = [f"{told(counts[c], n)} {c}" for c in ("valid but wrong", "invalid", "failed") if counts.get(c, 0)]
            found.append(", ".join([f"of {n} tickets: {right} right", *rest]))
        else:
            lost = [f"{who} {told(counts[c], n)}" for c, who in LOSERS.items() if counts.get(c, 0)]
            lost[:1] = [f"{one.rsplit(' ', 2)[0]} lost {' '.join(one.rsplit(' ', 2)[1:])}" for one in lost[:1]]
            found.append(f"of {n} questions: {right} right" + ("; " if lost else "") + ", ".join(lost))
    title = "; ".join(found)
    return title[0].upper() + title[1:]


def told(count: int, n: int) -> str:
    """A share in words that never rounds something to nothing, or almost all to all."""
    text = percent(count / n)
    return "<1 %" if count and text == "0 %" else ">99 %" if count < n and text == "100 %" else text


@dataclass(frozen=True, eq=False)
class _Block:
    """One part of `attribution`: a heading, the heads of its columns, and one row a group. Sizes in inches."""

    heading: str
    rows: pd.DataFrame

    @property
    def causes(self) -> list[str]:
        return list(self.rows["cause"].unique())

    @property
    def height(self) -> float:
        return 0.8 + ROW * self.rows["group"].nunique()

    def draw(self, axes, y: float, whole: float, columns: int) -> None:
        """whole: the width of the stacked bars; columns: for how many columns there must be room."""
        y += 0.6
        axes.text(0.1, y, f"{self.heading} (n = {_asked(self.rows)})", fontsize=10.5, fontweight="bold", va="bottom")
        width = min(1.05, (WIDE - 1.6 - whole - 0.3) / columns)
        at = {cause: 1.6 + whole + 0.25 + i * width for i, cause in enumerate(self.causes)}
        for cause, x in at.items():
            head = textwrap.wrap(cause, max(9, int(width / 0.075)), break_long_words=False)
            axes.text(x, y - 0.03, "\n".join(head), fontsize=8.5 if width > 0.8 else 7.5, va="bottom", linespacing=1.12)
            axes.plot([x, x + width - 0.12], [y, y], color=CAUSE_COLOURS[cause], linewidth=3.5, solid_capstyle="butt")
        for i, (group, rows) in enumerate(self.rows.groupby("group", sort=False)):
            self._row(axes, y + 0.06 + i * ROW, str(group), rows, whole, at, width - 0.12)

    def _row(self, axes, y: float, group: str, rows: pd.DataFrame, whole: float, at: Mapping[str, float], long: float) -> None:
        """Name and n, the whole as one stacked bar, and each share in its column: number, bar from zero, interval."""
        name = textwrap.wrap(group, 22)
        name = name if len(name) < 3 else [name[0], name[1][:21] + "…"]
        axes.text(0.1, y + 0.26, "\n".join([*name, f"n = {rows['n'].iloc[0]}"]), fontsize=8.5, va="center", linespacing=1.15, parse_math=False)
        left = 1.6
        for _, row in rows.iterrows():
            colour, x, segment, share = CAUSE_COLOURS[row["cause"]], at[row["cause"]], row["share"] * whole, told(row["count"], row["n"])
            ink = (INK, "#000000") if row["count"] else ("#8A8A8A", "#707070")
            axes.barh(y + 0.27, segment, left=left, height=0.3, color=colour, edgecolor="white", linewidth=0.8 if segment > 0.06 else 0)
            if segment > 0.4:
                axes.text(left + segment / 2, y + 0.275, share, fontsize=8.5, ha="center", va="center", color=ink_on(colour))
            left += segment
            axes.text(x, y + 0.21, share, fontsize=8.5, color=ink[1])
            axes.barh(y + 0.3, long, left=x, height=0.11, color="#EFEFEF")
            axes.barh(y + 0.3, row["share"] * long, left=x, height=0.11, color=colour)
            ends = [x + row["low"] * long, x + row["high"] * long]
            axes.plot(ends, [y + 0.4] * 2, color=ink[0], linewidth=1.5, marker="|", markersize=4, markeredgewidth=1.2)

    def in_words(self) -> str:
        found = []
        for group, rows in self.rows[self.rows["count"] > 0].groupby("group", sort=False):
            shares = [f"{r['cause']} {told(r['count'], r['n'])} ({percent(r['low'])} to {percent(r['high'])})" for _, r in rows.iterrows()]
            found.append(f"{group} (n = {rows['n'].iloc[0]}): {', '.join(shares)}")
        return f"{self.heading}: {'; '.join(found)}."


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on this colour (WCAG 2 contrast)."""
    from matplotlib.colors import to_rgb

    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    light = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "black"


@styled
def differences(comparisons: Sequence[Comparison], title: str) -> Picture:
    """Which differences are real? A point and its interval for each comparison; a verdict needs an interval that leaves zero out."""
    if not comparisons:
        raise ValueError("there is nothing to draw: no comparison was given")
    one_first = len({c.first for c in comparisons}) == 1
    names = [textwrap.wrap(c.second if one_first else f"{c.second} against {c.first}", 26) for c in comparisons]
    figure, axes = _canvas(WIDE, max(0.56, 0.22 * max(map(len, names))) * len(comparisons) + 1.55)
    figure.get_layout_engine().set(h_pad=0.1)
    axes.axvline(0, color="#888888", linewidth=1, zorder=0)
    for y, c in enumerate(comparisons):
        colour, sure, low, point, high = VERDICT_COLOURS[c.verdict], c.verdict != "cannot tell", *(100 * v for v in (c.low, c.difference, c.high))
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(point, y, marker="o", markersize=8, color=colour, markerfacecolor=colour if sure else "white", markeredgewidth=1.8)
        beside = {"transform": axes.get_yaxis_transform(), "color": colour}
        axes.text(1.03, y, c.verdict, va="bottom", fontweight="bold", **beside)
        axes.text(1.03, y + 0.05, f"{point:+.1f} ({low:+.1f} to {high:+.1f}), n = {c.n}".replace("-", "−"), va="top", fontsize=9, **beside)
    axes.annotate("← worse", (0, -0.75), (-6, 0), textcoords="offset points", ha="right", va="center", fontsize=9, color="#666666")
    axes.annotate("better →", (0, -0.75), (6, 0), textcoords="offset points", ha="left", va="center", fontsize=9, color="#666666")
    axes.set_ylim(len(comparisons) - 0.4, -1)
    axes.set_yticks(range(len(comparisons)), ["\n".join(name) for name in names], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    levels = {f"{100 * c.level:.4g} %" for c in comparisons}
    axes.set_xlabel(f"difference in points{f' against {comparisons[0].first}' if one_first else ''},\nwith {levels.pop() if len(levels) == 1 else 'its'} interval")
    figure.suptitle(textwrap.fill(title, 74), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    return _finish(figure, f"{title}. {' '.join(map(str, comparisons))}", as_table(comparisons))


@styled
def confusion(table: pd.DataFrame, field: str) -> Picture:
    """What is taken for what? The counts of `evaluate.confusion`: one row for each right value; the darker a cell, the larger its share of the row."""
    counts = evaluate.confusion(table, field)
    n, right = int(counts.to_numpy().sum()), sum(counts.loc[value, value] for value in counts.index)
    wrong = sorted(((int(counts.loc[v, w]), v, w) for v in counts.index for w in counts.columns if v != w and counts.loc[v, w]), reverse=True)
    low, high = evaluate.wilson(right, n)
    title = f"{field}: {percent(right / n)} of {n} right ({percent(low)} to {percent(high)})"
    if wrong and (len(wrong) == 1 or wrong[0][0] > wrong[1][0]):
        title += f"; most often {wrong[0][2]} where {wrong[0][1]} is right ({wrong[0][0]} of {counts.loc[wrong[0][1]].sum()})"
    figure, axes = _canvas(WIDE, 1.5 + 0.42 * len(counts))
    figure.suptitle(textwrap.fill(title, 74), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    figure.get_layout_engine().set(h_pad=0.1)
    for y, value in enumerate(counts.index):
        for x, said in enumerate(counts.columns):
            hit, count = value == said, counts.loc[value, said]
            shade = 0.75 * count / max(1, counts.loc[value].sum())
            axes.barh(y, 0.95, left=x - 0.475, height=0.92, color=CAUSE_COLOURS["right" if hit else "valid but wrong"], alpha=shade)
            axes.text(x, y, f"{count}", ha="center", va="center", color=INK if count else "#999999", fontweight="bold" if hit else "normal")
    axes.set(xlim=(-0.5, len(counts.columns) - 0.5), ylim=(len(counts) - 0.5, -0.5), xlabel="said", ylabel="right value")
    axes.set_xticks(range(len(counts.columns)), counts.columns)
    axes.set_yticks(range(len(counts)), counts.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return _finish(figure, f"{title}. Wrong: {'; '.join(f'{said} for {value} {k}' for k, value, said in wrong) or 'none'}.", counts)
