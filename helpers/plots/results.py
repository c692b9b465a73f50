"""What did the systems score? Shares, differences, confusions, the two-by-two of tuning and search,
lost evidence, and rules kept."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.evaluation import evaluator
from helpers.evaluation.comparison import Comparison, as_table
from helpers.evaluation.numbers import percent, percents
from helpers.plots.canvas import (
    CAUSE_COLOURS,
    COLOURS,
    INK,
    PALE,
    WIDE,
    Picture,
    canvas,
    colour_of,
    finish,
    half_shares,
    heading,
    ink_on,
    styled,
)

# Not Okabe and Ito's: a verdict on two systems has colours of its own (ColorBrewer's BrBG, safe as
# well).
VERDICT_COLOURS = {"better": "#01665E", "worse": "#8C510A", "cannot tell": "#777777"}


SAID_COLOURS = {
    "the new value": "#009E73",
    "the old value": "#D55E00",
    "something else": "#BBBBBB",
    "refuses": "#56B4E9",
}
MODEL_COLOURS = {"base": COLOURS["closed book"], "facts adapter": COLOURS["facts adapter"]} | {
    "reader": COLOURS["reader + RAG"]
}
SIDES = ("no retrieval", "retrieval")
READER_COLOURS = {"base": COLOURS["RAG"], "reader": COLOURS["tuned"]}


@styled
def bars(
    summary: pd.DataFrame,
    title: str,
    axis: str = "share right",
    guess: Mapping[str, float] | None = None,
    arm: str | None = None,
) -> Picture:
    """One bar an arm with its 95 % interval, n written beside it; a learner's guesses as hollow
    marks. arm: where the bars are one arm under several conditions, which one (its colour)."""
    figure, axes = canvas(7.6, 0.62 * len(summary) + 1.3)
    for y, (name, row) in enumerate(summary[::-1].iterrows()):
        axes.barh(y, row["share"], color=colour_of(arm or name), height=0.62)
        axes.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.6)
        axes.text(
            row["high"] + 0.015, y, f"{percent(row['share'])}  (n = {row['n']:.0f})", va="center"
        )
        if guess and guess.get(name) is not None:
            axes.plot(
                guess[name],
                y - 0.44,
                marker="D",
                markersize=7,
                markerfacecolor="none",
                markeredgecolor=INK,
                markeredgewidth=1.4,
            )
    axes.set_yticks(range(len(summary)), list(summary.index[::-1]))
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.16)
    axes.set_ylim(-0.62, len(summary) - 0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel(
        f"{axis}, with 95 % interval"
        + ("; ◇ your guess" if guess and any(v is not None for v in guess.values()) else "")
    )
    heading(figure, title)
    said = "; ".join(
        f"{name} {percent(r['share'])} ({percents(r['low'], r['high'])}, n = {r['n']:.0f})"
        for name, r in summary.iterrows()
    )
    return finish(figure, f"{title}. {axis}: {said}.", summary)


@styled
def differences(comparisons: Sequence[Comparison], title: str) -> Picture:
    """Which differences are real? A point and its interval for each comparison; a verdict needs an
    interval that leaves zero out."""
    if not comparisons:
        raise ValueError("there is nothing to draw: no comparison was given")
    one_first = len({c.first for c in comparisons}) == 1
    names = [
        textwrap.wrap(c.second if one_first else f"{c.second} against {c.first}", 26)
        for c in comparisons
    ]
    figure, axes = canvas(WIDE, max(0.56, 0.22 * max(map(len, names))) * len(comparisons) + 1.55)
    figure.get_layout_engine().set(h_pad=0.1)
    axes.axvline(0, color="#888888", linewidth=1, zorder=0)
    for y, c in enumerate(comparisons):
        colour, sure, low, point, high = (
            VERDICT_COLOURS[c.verdict],
            c.verdict != "cannot tell",
            *(100 * v for v in (c.low, c.difference, c.high)),
        )
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(
            point,
            y,
            marker="o",
            markersize=8,
            color=colour,
            markerfacecolor=colour if sure else "white",
            markeredgewidth=1.8,
        )
        beside = {"transform": axes.get_yaxis_transform(), "color": colour}
        axes.text(1.03, y, c.verdict, va="bottom", fontweight="bold", **beside)
        axes.text(
            1.03,
            y + 0.05,
            f"{point:+.1f} ({low:+.1f} to {high:+.1f}), n = {c.n}".replace("-", "−"),
            va="top",
            fontsize=9,
            **beside,
        )
    for words, x, ha in (("← worse", -6, "right"), ("better →", 6, "left")):
        axes.annotate(
            words,
            (0, -0.75),
            (x, 0),
            textcoords="offset points",
            ha=ha,
            va="center",
            fontsize=9,
            color="#666666",
        )
    axes.set_ylim(len(comparisons) - 0.4, -1)
    axes.set_yticks(range(len(comparisons)), ["\n".join(name) for name in names], parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    levels = {f"{100 * c.level:.4g} %" for c in comparisons}
    axes.set_xlabel(
        f"difference in points{f' against {comparisons[0].first}' if one_first else ''},\nwith"
        f" {levels.pop() if len(levels) == 1 else 'its'} interval"
    )
    heading(figure, title)
    return finish(figure, f"{title}. {' '.join(map(str, comparisons))}", as_table(comparisons))


@styled
def confusion(table: pd.DataFrame, field: str) -> Picture:
    """What is taken for what? The counts of `evaluator.confusion`: one row a right value; the
    darker a cell, the larger its share of the row."""
    counts = evaluator.confusion(table, field)
    n, right = int(counts.to_numpy().sum()), sum(counts.loc[value, value] for value in counts.index)
    wrong = sorted(
        (
            (int(counts.loc[v, w]), v, w)
            for v in counts.index
            for w in counts.columns
            if v != w and counts.loc[v, w]
        ),
        reverse=True,
    )
    low, high = evaluator.wilson(right, n)
    title = f"{field}: {percent(right / n)} of {n} right ({percents(low, high)})"
    if wrong and (len(wrong) == 1 or wrong[0][0] > wrong[1][0]):
        title += (
            f"; most often {wrong[0][2]} where {wrong[0][1]} is right ({wrong[0][0]} of"
            f" {counts.loc[wrong[0][1]].sum()})"
        )
    figure, axes = canvas(WIDE, 1.5 + 0.42 * len(counts))
    heading(figure, title)
    figure.get_layout_engine().set(h_pad=0.1)
    for y, value in enumerate(counts.index):
        for x, said in enumerate(counts.columns):
            hit, count = value == said, counts.loc[value, said]
            shade = 0.75 * count / max(1, counts.loc[value].sum())
            axes.barh(
                y,
                0.95,
                left=x - 0.475,
                height=0.92,
                color=CAUSE_COLOURS["right" if hit else "valid but wrong"],
                alpha=shade,
            )
            axes.text(
                x,
                y,
                f"{count}",
                ha="center",
                va="center",
                color=INK if count else "#999999",
                fontweight="bold" if hit else "normal",
            )
    axes.set(
        xlim=(-0.5, len(counts.columns) - 0.5),
        ylim=(len(counts) - 0.5, -0.5),
        xlabel="said",
        ylabel="right value",
    )
    axes.set_xticks(range(len(counts.columns)), counts.columns)
    axes.set_yticks(range(len(counts)), counts.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return finish(
        figure,
        f"{title}. Wrong:"
        f" {'; '.join(f'{said} for {value} {k}' for k, value, said in wrong) or 'none'}.",
        counts,
    )


@styled
def two_by_two(
    summary: pd.DataFrame,
    cells: Mapping[str, tuple[str, str]],
    title: str,
    guess: Mapping[str, float] | None = None,
    sides: tuple[str, str] = SIDES,
) -> Picture:
    """What does tuning buy with this search and with that? `evaluation.summary` of four arms as two
    lines, base and tuned, from one side to the other: without and with retrieval, or two searches.

    cells: arm -> (model, one of the two sides). A steep line: search does it. Lines far apart: the
    adapter does.
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
    figure, axes = canvas(7.6, 4.1)
    for i, (model, rows) in enumerate(table.groupby("model", sort=False)):
        colour = MODEL_COLOURS.get(model, "#0072B2")
        rows = rows.set_index("side").loc[list(sides)]
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
    axes.set_xticks([0, 1], list(sides))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel(
        "share right, with 95 % interval"
        + ("; ◇ your guess" if guess and any(v is not None for v in guess.values()) else "")
    )
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_title(textwrap.fill(title, 74))
    said = "; ".join(
        f"{r['model']}, {r['side']}: {percent(r['share'])} ({percents(r['low'], r['high'])},"
        f" n = {r['n']:.0f})"
        for _, r in table.iterrows()
    )
    return finish(figure, f"{title}. Share right: {said}.", table)


@styled
def old_or_new(tables: Mapping[str, pd.DataFrame]) -> Picture:
    """After a policy changed, who says the new value and who the old? One bar a system, counted in
    asks (`facts_in_weights.old_or_new`)."""
    counts = (
        pd.DataFrame({name: table["said"].value_counts() for name, table in tables.items()})
        .reindex(list(SAID_COLOURS))
        .fillna(0)
        .astype(int)
        .T
    )
    n = int(counts.iloc[0].sum())
    title = "New value after the change: " + "; ".join(
        f"{name}: {row['the new value']} of {row.sum()}" for name, row in counts.iterrows()
    )
    figure, axes = canvas(7.6, 0.62 * len(counts) + 1.6)
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
    for said in used:  # the legend is above the first bar, in the colours that they name
        axes.plot(at, -0.62, "s", color=SAID_COLOURS[said], markersize=8, clip_on=False)
        axes.text(at + 0.018 * n, -0.62, said, va="center", fontsize=9.5)
        at += n * (0.06 + 0.0165 * len(said))
    heading(figure, title)
    return finish(
        figure,
        f"Of {n} questions after the change. "
        + "; ".join(
            f"{name}: " + ", ".join(f"{said} {row[said]}" for said in used)
            for name, row in counts.iterrows()
        )
        + ".",
        counts,
    )


@styled
def bill(measures: Mapping[str, Sequence[Mapping[str, float]]], arms: Sequence[str]) -> Picture:
    """What do you buy, and what do you pay? A group of bars for each thing that was measured, one
    bar an arm with its 95 % interval. measures: what -> a share for each arm."""
    table = pd.DataFrame(
        [
            {"what": what, "arm": arm, **{k: found[k] for k in ("share", "low", "high", "n")}}
            for what, shares in measures.items()
            for arm, found in zip(arms, shares, strict=True)
        ]
    )
    figure, axes = canvas(WIDE, (0.34 * len(arms) + 0.22) * len(measures) + 1.3)
    step = 0.8 / len(arms)
    for i, row in table.iterrows():
        group, which = divmod(i, len(arms))
        y = group + step * (which - (len(arms) - 1) / 2)
        axes.barh(y, row["share"], height=0.86 * step, color=colour_of(row["arm"]))
        axes.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.4)
        count = f"{round(row['share'] * row['n'])} of {row['n']:.0f}"
        axes.text(row["high"] + 0.015, y, f"{row['arm']}: {count}", va="center", fontsize=9.5)
    axes.set_yticks(range(len(measures)), list(measures))
    axes.set_ylim(len(measures) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    half_shares(axes.xaxis, axes.set_xlim, 0, 1.32)
    axes.set_xlabel("share, with 95 % interval")
    title = f"{arms[0].capitalize()}: " + ", ".join(
        f"{what} {percent(shares[0]['share'])}" for what, shares in measures.items()
    )
    heading(figure, title)
    rest = ", ".join(f"{what} {percent(s[1]['share'])}" for what, s in measures.items())
    return finish(figure, f"{title}. {arms[1]}: {rest}.", table)


@styled
def rules_kept(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame], rules: Sequence[str]
) -> Picture:
    """Which rules of the house style does each system keep? One line a rule, one mark a system with
    its 95 % interval; right is: all rules kept."""
    named = (
        dict(tables.items())
        if isinstance(tables, Mapping)
        else {t["arm"].iloc[0]: t for t in tables}
    )
    columns = {rule: rule for rule in rules} | {"all rules": "right"}
    table = pd.DataFrame(
        [
            {"rule": rule, "arm": name, **evaluator.share(t, column)}
            for rule, column in columns.items()
            for name, t in named.items()
        ]
    )
    figure, axes = canvas(7.8, (0.08 + 0.1 * len(named)) * len(columns) + 1.5)
    step, marks = 0.62 / len(named), "osD^vP"
    for i, row in table.iterrows():
        at, which = divmod(i, len(named))
        y, colour = at + step * (which - (len(named) - 1) / 2), COLOURS.get(row["arm"], INK)
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.2)
        axes.plot(
            row["share"], y, marks[which % 6], color=colour, markeredgecolor="white", markersize=7.5
        )
    for at in range(len(columns) - 1):
        axes.axhline(
            at + 0.5, color="#EEEEEE" if at < len(rules) - 1 else "#999999", linewidth=0.8, zorder=0
        )
    axes.set_yticks(range(len(columns)), list(columns))
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_ylim(len(columns) - 0.45, -0.55)
    half_shares(axes.xaxis, axes.set_xlim, -0.03, 1.03)
    axes.set_xlabel("replies that keep the rule, with 95 % interval")
    axes.tick_params(axis="y", length=0)
    handles = [
        axes.plot([], [], mark, color=COLOURS.get(name, INK), markersize=8, label=name)[0]
        for name, mark in zip(named, marks, strict=False)
    ]
    axes.legend(
        handles=handles,
        frameon=False,
        ncols=len(handles),
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.99),
        fontsize=9,
        handletextpad=0.2,
    )
    whole = table[table["rule"] == "all rules"]
    title = (
        "All rules kept: "
        + ", ".join(f"{r['arm']} {percent(r['share'])}" for _, r in whole.iterrows())
        + f" (n = {whole['n'].iloc[0]})"
    )
    heading(figure, title, 80)
    return finish(
        figure,
        f"{title}. "
        + "; ".join(
            f"{rule}: " + ", ".join(f"{r['arm']} {percent(r['share'])}" for _, r in rows.iterrows())
            for rule, rows in table.groupby("rule", sort=False)
        ),
        table,
    )
