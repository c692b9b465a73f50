"""Figures of the fine-tuning track, in the style of `plots`."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.evaluate import share
from helpers.payoff import Plan, costs, pays_from, saved, spent, tokens_saved
from helpers.picture import COLOURS, INK, Picture, _canvas, _finish, percent, styled


@styled
def payoff(plan: Plan, currency: str = "EUR", label_factor: float = 2.0) -> Picture:
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
    figure, axes = _canvas(7.8, 3.9)
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
    figure.suptitle(textwrap.fill(title, 70), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    alt = (
        f"{title}. Once: {spent(plan):,.2f} {currency}; each request saves"
        f" {tokens_saved(plan):,.0f} prompt tokens, {saved(plan):.3g} {currency}. Answers are taken"
        " to be equally good."
    )
    return _finish(figure, alt, table)


def _about(requests: float) -> str:
    """A number of requests to two figures: an estimate made of assumptions has no more."""
    return f"{float(f'{requests:.2g}'):,.0f}"


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
            {"rule": rule, "arm": name, **share(t, column)}
            for rule, column in columns.items()
            for name, t in named.items()
        ]
    )
    figure, axes = _canvas(7.8, (0.08 + 0.1 * len(named)) * len(columns) + 1.5)
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
    axes.set_xlim(-0.03, 1.03)
    axes.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
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
    figure.suptitle(textwrap.fill(title, 80), x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    return _finish(
        figure,
        f"{title}. "
        + "; ".join(
            f"{rule}: " + ", ".join(f"{r['arm']} {percent(r['share'])}" for _, r in rows.iterrows())
            for rule, rows in table.groupby("rule", sort=False)
        ),
        table,
    )
