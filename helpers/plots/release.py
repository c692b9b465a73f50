"""What does a gate stop? When did a canary stop? On which day would the monitor have cried? What
does an adapter cost to serve?"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from helpers.evaluation.evaluator import wilson
from helpers.evaluation.numbers import percent
from helpers.plots.canvas import (
    COLOURS,
    INK,
    PALE,
    WIDE,
    Picture,
    Stage,
    canvas,
    finish,
    half_shares,
    heading,
    styled,
)
from helpers.release.canary import CanaryWhatIf
from helpers.release.drift import first_alarm
from helpers.release.gate import GatePlan, power
from helpers.release.serving import WAYS, Serving

# Two or three lines in one picture: Okabe and Ito's, with marks of their own
LINES = (COLOURS["RAG"], COLOURS["tuned"], COLOURS["oracle context"], COLOURS["majority label"])
MARKS = ("o", "s", "^", "D")


@styled
def gate_power(plan: GatePlan) -> Picture:
    """How often does a candidate pass that truly loses so much? The margin is marked, and what was
    promised there."""
    table, margin = power(plan), plan.margin
    half = float(np.interp(margin / 2, table["loss"], table["passes"]))
    title = (
        f"A loss of {100 * margin:.0f} points seldom passes {plan.n} tickets; half of it does in"
        f" {percent(half)}"
    )
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
def canary_evidence(tried: Sequence[CanaryWhatIf]) -> Picture:
    """The evidence against each canary, ticket by ticket, on a logarithmic scale; where it reaches
    the stop the canary ends."""
    figure, axes = canvas(WIDE, 3.2)
    paths = {case.candidate: case.report.evidence for case in tried}
    stop, said = 1 / tried[0].plan.alpha, []
    title = "; ".join(
        f"{case.candidate}: "
        + ("no harm shown" if case.report.passed else f"stopped at ticket {case.report.stopped_at}")
        for case in tried
    )
    for (name, path), line, mark in zip(paths.items(), LINES, MARKS, strict=False):
        path, colour = np.asarray(path, float), COLOURS.get(name, line)
        axes.plot(np.arange(1, len(path) + 1), path, color=colour, linewidth=1.6, label=name)
        axes.plot(len(path), path[-1], marker=mark, color=colour, markersize=8)
        what = "is stopped" if path[-1] >= stop else "ends unstopped"
        said.append(f"{name} {what} at ticket {len(path)}")
    axes.axhline(stop, color=INK, linewidth=1, linestyle="--")
    axes.text(max(map(len, paths.values())), stop * 1.5, f"stop at {stop:.0f}", ha="right")
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
def drift_days(looks: pd.DataFrame, alpha: float, begins: Mapping[str, dt.date]) -> Picture:
    """The p-value of each signal on each day, small ones on top. looks: of `release.watch`; alpha:
    of the monitor, shared among the signals; begins: what changed on which day, in order."""
    figure, axes = canvas(WIDE, 3.4)
    signals = [name for name in looks if name not in ("day", "alarm")]
    level = alpha / len(signals)
    what, since = next(iter(begins.items()))
    delay = first_alarm(looks, since)
    noticed = {None: "never", 0: "on its first day"}.get(delay, f"after {delay} days")
    early = int(looks[looks["day"] < since]["alarm"].sum())
    title = f"The {what} is noticed {noticed}; alarms before it: {early}"
    days = list(looks["day"])
    for name, colour, mark in zip(signals, LINES, MARKS, strict=False):
        axes.plot(range(len(days)), looks[name], marker=mark, color=colour, label=name)
    axes.axhline(level, color=INK, linewidth=1, linestyle="--")
    axes.text(-0.4, level * 0.8, f"alarm at {level:.3g}", ha="left", va="bottom")
    for what, day in begins.items():
        at = days.index(day) - 0.5
        axes.axvline(at, color=PALE, linewidth=1.2, zorder=0)
        axes.text(at + 0.08, 2.0, what, fontsize=9, ha="left", va="bottom")
    axes.set_yscale("log")
    axes.set_ylim(2.2, float(looks[signals].min().min()) / 1.6)  # upside down
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


# --- the canary's lab -----------------------------------------------------------------------------

TICKETS = 1_500  # the longest canary of the lab
FLOOR, CEILING = 1e-3, 1e3  # of the evidence that is drawn


@functools.lru_cache(maxsize=4)
def _canary_stage(stop: float) -> Stage:
    """What all canaries of the lab have in common: the scale of the evidence with its stop, and the
    scale of wrong answers."""

    def ground(evidence, wrong) -> None:
        evidence.axhline(stop, color=INK, linewidth=1, linestyle="--")
        evidence.text(TICKETS, stop * 1.4, f"stop at {stop:.0f}", ha="right")
        evidence.axhline(1, color=PALE, linewidth=1, zorder=0)
        evidence.set_yscale("log")
        evidence.set_ylim(FLOOR, CEILING)
        evidence.set_xlim(0, TICKETS)
        evidence.yaxis.set_major_formatter("{x:g}")
        evidence.set_xlabel("tickets of all traffic")
        evidence.set_ylabel("evidence of harm")
        wrong.set_yticks([0, 1], ["champion", "canary"])
        wrong.set_ylim(1.6, -0.6)
        wrong.tick_params(axis="y", length=0)
        half_shares(wrong.xaxis, wrong.set_xlim)
        wrong.set_xlabel("wrong so far")

    return Stage(ground, left=0.1, wspace=0.36)


@styled
def canary_setting(case: CanaryWhatIf) -> Picture:
    """One canary of the lab: left its evidence of harm, ticket by ticket; right how often canary
    and champion were wrong, with 95 % intervals."""
    plan, report = case.plan, case.report
    stop = 1 / plan.alpha
    sides = {"champion": ~report.canary, "canary": report.canary}
    table = pd.DataFrame(
        [
            (int(report.wrong[who].sum()), int(who.sum()), *_interval(report.wrong[who]))
            for who in sides.values()
        ],
        index=list(sides),
        columns=["wrong", "n", "low", "high"],
    )
    ended = (
        f"no harm shown in {len(report.wrong):,} tickets"
        if report.passed
        else f"stopped at ticket {report.stopped_at:,} of {plan.tickets:,}"
    )
    title = f"{case.candidate.capitalize()} on {100 * plan.share:.0f} % of the traffic: {ended}"

    def draw(evidence, wrong) -> None:
        path = np.clip(report.evidence, FLOOR, CEILING)
        evidence.plot(np.arange(1, len(path) + 1), path, color=LINES[0], linewidth=1.6, zorder=3)
        mark = MARKS[0] if report.passed else "X"
        evidence.plot(len(path), path[-1], mark, color=LINES[0], markersize=9, zorder=4)
        for at, (row, colour) in enumerate(zip(table.itertuples(), (INK, LINES[0]), strict=True)):
            if row.n:
                wrong.plot([row.low, row.high], [at, at], color=colour, linewidth=1.6, zorder=3)
                wrong.plot(row.wrong / row.n, at, "o", color=colour, markersize=8, zorder=4)
            wrong.text(1.0, at - 0.18, f"{row.wrong} of {row.n}", ha="right", fontsize=9)

    numbers = "; ".join(f"{row.Index} wrong {row.wrong} of {row.n}" for row in table.itertuples())
    return Picture(_canary_stage(stop).picture(title, draw), f"{title}. {numbers}.", table)


def _interval(wrong: np.ndarray) -> tuple[float, float]:
    return wilson(int(wrong.sum()), len(wrong)) if len(wrong) else (0.0, 1.0)


# --- serving --------------------------------------------------------------------------------------


@styled
def serving_costs(costs: Serving) -> Picture:
    """How many times the time of merged weights does each way of serving take? One row a way, one
    colour a batch size; the whiskers are the lowest and the highest of the repeats."""
    figure, axes = canvas(WIDE, 3.2)
    tables = {batch: costs.table(batch) for batch in costs.batches}
    title = "Beside the weights an adapter takes " + " and ".join(
        f"{costs.row('unmerged', batch)['times']:.1f} times as long ({batch} at once)"
        for batch in costs.batches
    )
    for turn, (batch, table) in enumerate(tables.items()):
        at = np.arange(len(table)) + 0.17 * (2 * turn - len(tables) + 1)
        colour, mark = LINES[turn], MARKS[turn]
        axes.hlines(at, table["low"], table["high"], color=colour, linewidth=1.4)
        axes.plot(table["times"], at, mark, color=colour, markersize=7, label=f"{batch} at once")
        for y, times, speed in zip(at, table["high"], table["tokens_per_second"], strict=True):
            axes.text(times, y, f"  {speed:.3g} tokens/s", va="center", fontsize=9)
    axes.axvline(1, color=PALE, linewidth=1, zorder=0)
    axes.set_yticks(range(len(WAYS)), list(WAYS.values()))
    axes.set_ylim(len(WAYS) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.3 * max(table["high"].max() for table in tables.values()))
    axes.set_xlabel("times as long as merged")
    axes.legend(frameon=False, loc="lower left")
    heading(figure, title)
    whole = pd.concat(tables, names=["batch", "way"])
    return finish(figure, f"{title}, with merged weights as 1.", whole)
