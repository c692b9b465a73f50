"""Figures of the decision, in the style of `plots`: what each option costs, and what would change the answer."""

from __future__ import annotations

import base64
import html
import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.costs import DAYS, bill, serving, yearly
from helpers.flips import Flip, Sweep
from helpers.options import LONG, OPTIONS, PEOPLE, PROMPT, RAG, READER, ROUTER, TUNE, Option
from helpers.plots import COLOURS, INK, Picture, _figure, _finish, ink_on, styled
from helpers.requirements import FIELDS, NUMBERS, shown

if TYPE_CHECKING:
    from helpers.decide import Decision

OPTION_COLOURS = {
    PEOPLE.name: INK, PROMPT.name: COLOURS["zero-shot"], LONG.name: COLOURS["long context"], RAG.name: COLOURS["RAG"],
    TUNE.name: COLOURS["tuned"], READER.name: "#CC79A7", ROUTER.name: "#56B4E9", "not yet": "#E4E4E4",
}  # fmt: skip
VOLUMES = np.logspace(0, 6, 49)  # requests a day
PALE_INK = "#767676"


@styled
def costs(decision: Decision) -> Picture:
    """What do 1,000 requests cost, and from which volume on does one option overtake another? Wrong answers are counted, and drawn pale."""
    from matplotlib.colors import to_rgba

    table = bill(decision.requirements, decision.evidence)
    out = {gone.option.name for gone in decision.out}
    figure = _figure(9.6, 3.9, layout="none")  # fixed margins: a layout would take half of the time between a slider and its picture
    bars, curves = figure.subplots(1, 2, width_ratios=[1.25, 1], gridspec_kw={"left": 0.155, "right": 0.985, "top": 0.86, "bottom": 0.14, "wspace": 0.21})
    there = table.loc[[name for name in table.index if name not in out]]
    widest = there[["total", "high"]].max().max()
    blocks: list[tuple] = []
    for y, (name, row) in enumerate(table.iterrows()):
        colour = OPTION_COLOURS[name]
        if name in out:
            bars.text(widest * 0.01, y, "out", va="center", fontsize=9, color=PALE_INK)
            continue
        said = f"{row['total']:,.0f} · {row['seconds']:.2g} s" if name != PEOPLE.name else f"{row['total']:,.0f}"
        if np.isnan(row["total"]):
            bars.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.4, linestyle=(0, (2, 2)))
            said = "not measured"
        else:
            errors_from = row["total"] - row["wrong answers"]
            blocks += [(0, errors_from, y, 0.56, to_rgba(colour)), (errors_from, row["total"], y, 0.56, to_rgba(colour, 0.35))]
            bars.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.4)
        bars.text(row["high"] + widest * 0.02, y, said, va="center", fontsize=9)
    _blocks(bars, blocks)
    bars.set(xlim=(0, widest * 1.5), ylim=(len(table) - 0.4, -0.6), xlabel="EUR for 1,000 requests (pale: wrong answers), 95 % interval")
    bars.set_yticks(range(len(table)), list(table.index))
    for label, name in zip(bars.get_yticklabels(), table.index, strict=True):
        label.set(color=PALE_INK if name in out else INK, fontweight="bold" if name == decision.answer else "normal", fontsize=9.5)
    bars.tick_params(axis="y", length=0)
    bars.locator_params(axis="x", nbins=4)
    bars.xaxis.set_major_formatter("{x:,.0f}")
    _curves(curves, decision, [option for option in (PEOPLE, *OPTIONS) if option.name in there.index and not np.isnan(table["total"][option.name])])
    title = _cost_title(decision, there)
    figure.suptitle(textwrap.fill(title, 96), x=0.01, ha="left", fontweight="bold", fontsize=11)
    said = "; ".join(f"{name} " + ("not measured" if np.isnan(r["total"]) else f"{r['total']:,.0f} EUR ({r['low']:,.0f} to {r['high']:,.0f}), {r['seconds']:.2g} s") for name, r in there.iterrows())
    return _finish(figure, f"{title}. For 1,000 requests: {said}. Out: {', '.join(n for n in table.index if n in out) or 'none'}.", table)


def _curves(axes, decision: Decision, options: Sequence[Option]) -> None:
    """EUR for 1,000 requests over the volume; where two lines cross, one option overtakes the other."""
    r, ends = decision.requirements, []
    table = bill(r, decision.evidence, options)
    for option in options:
        fixed = sum(yearly(option, r, decision.evidence).values()) / DAYS
        each = serving(option, r, decision.evidence).money + (table["wrong answers"][option.name] / 1000)
        line = 1000 * (each + fixed / VOLUMES)
        chosen = option.name == decision.answer
        axes.plot(VOLUMES, line, color=OPTION_COLOURS[option.name], linewidth=2.6 if chosen else 1.5, linestyle="--" if option is PEOPLE else "-")
        ends.append((line[-1], option.name))
    axes.axvline(r.requests_per_day, color="#AAAAAA", linewidth=1, zorder=0)
    top = 3 * max(end for end, _ in ends)
    bottom = min(end for end, _ in ends) / 3
    axes.set(xscale="log", yscale="log", xlim=(1, 1e10), ylim=(bottom, top), xlabel="requests a day")
    axes.set_xticks([1, 100, 10_000, 1_000_000], ["1", "100", "10,000", "1 m"])
    axes.minorticks_off()
    ticks = [digit * 10**power for power in range(-1, 8) for digit in (1, 2, 5) if bottom < digit * 10**power < top]
    ticks = ticks if len(ticks) < 6 else [tick for tick in ticks if str(tick)[0] == "1" or tick < 1]
    axes.set_yticks(ticks, [f"{tick:,g}" for tick in ticks])
    axes.tick_params(axis="y", labelsize=9)
    free = 0.0
    for end, name in sorted(ends):  # from below; a label that would lie on another moves up
        free = max(end, free)
        axes.text(1.6e6, free, name, va="center", fontsize=8.5, color=OPTION_COLOURS[name], fontweight="bold" if name == decision.answer else "normal")
        free *= (top / bottom) ** 0.075
    axes.text(r.requests_per_day, top, " stated", fontsize=8.5, color=PALE_INK, va="top")


def _cost_title(decision: Decision, there: pd.DataFrame) -> str:
    known = there["total"].dropna().sort_values()
    ahead = f"{known.index[0]} costs least: {known.iloc[0]:,.0f} EUR for 1,000 requests"
    ahead += f", {known.index[1]} {known.iloc[1]:,.0f}" if len(known) > 1 else ""
    return ahead if decision.option else f"Not yet. As the numbers stand {ahead[0].lower() if known.index[0] != RAG.name and known.index[0] != READER.name else ahead[0]}{ahead[1:]}"


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of bars and words, written as SVG: made in a millisecond, sharp in print. Finding in words and table as in `plots.Picture`."""

    svg: str
    alt: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode()
        return f'<img alt="{html.escape(self.alt)}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'

    def __repr__(self) -> str:
        return self.alt


LEFT, STRIP, ROW, RIGHT = 160, 470, 27, 960  # pixels: where the strips begin, how long they are, the height of a row, the width of the figure


def flips(decision: Decision, swept: Sweep, found: Sequence[Flip]) -> Drawing:
    """What would change the answer? Each input moved alone over its plausible range, coloured by the answer; the mark is what is stated."""
    order = list(dict.fromkeys(flip.name for flip in found))
    answers = list(dict.fromkeys(answer for name in order for _, answer in swept[name]))
    title = f"{decision.answer[0].upper()}{decision.answer[1:]}: " + (f"{len(order)} of {len(FIELDS)} inputs could change it, each alone" if order else "no input alone changes it")
    out, x = [_text(8, 22, title, 15, bold=True)], LEFT
    for answer in answers:
        out += [_box(x, 40, 12, 12, OPTION_COLOURS[answer]), _text(x + 17, 51, answer, 12.5)]
        x += 36 + 7 * len(answer)
    for i, name in enumerate(order):
        out += _strip(64 + i * ROW, name, swept[name], getattr(decision.requirements, name), [flip for flip in found if flip.name == name])
    y = 64 + len(order) * ROW + 16
    still = ", ".join(name.replace("_", " ") for name in FIELDS if name not in order)
    for line in textwrap.wrap(f"◆ what is stated. No plausible value of these alone changes the answer: {still}.", 150):
        out.append(_text(8, y, line, 11.5, PALE_INK))
        y += 16
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT} {y}" width="{RIGHT}" height="{y}" font-family="DejaVu Sans, Arial, sans-serif"><rect width="100%" height="100%" fill="white"/>{"".join(out)}</svg>'
    table = pd.DataFrame([{"input": flip.name, "stated": flip.stated, "flips at": flip.at, "becomes": flip.becomes} for flip in found], columns=["input", "stated", "flips at", "becomes"])
    return Drawing(svg, f"{title}. {'; '.join(map(str, found))}.", table)


def _strip(y: float, name: str, line: Sequence[tuple[float, str]], stated: float, own: Sequence[Flip]) -> list[str]:
    """One input: its name, its range coloured by the answer, a mark at what is stated, and in words where it flips."""
    values = [value for value, _ in line]
    at = [i / (len(values) - 1) for i in range(len(values))] if name in NUMBERS else [0.25, 0.75]
    edges = [0.0, *((a + b) / 2 for a, b in itertools.pairwise(at)), 1.0]
    out = [_text(LEFT - 8, y + 15, name.replace("_", " "), 12.5, anchor="end")]
    for answer, steps in itertools.groupby(zip(line, itertools.pairwise(edges), strict=True), key=lambda step: step[0][1]):
        ends = [end for _, pair in steps for end in pair]
        out.append(_box(LEFT + STRIP * min(ends), y, STRIP * (max(ends) - min(ends)), ROW - 7, OPTION_COLOURS[answer]))
    words = (f"{values[0]:,.5g}", f"{values[-1]:,.0f}") if name in NUMBERS else ("no", "yes")
    for x, word, (_, answer), anchor in zip((LEFT + 12, LEFT + STRIP - 12), words, (line[0], line[-1]), ("start", "end"), strict=True):
        out.append(_text(x, y + 14.5, word, 10.5, ink_on(OPTION_COLOURS[answer]), anchor=anchor))
    x = LEFT + STRIP * at[values.index(stated)]
    out.append(f'<path d="M{x:.1f} {y + 2}l8 8l-8 8l-8 -8z" fill="{INK}" stroke="white" stroke-width="1.5"/>')
    told = "; ".join(f"{'' if name not in NUMBERS else '≥ ' if flip.at > flip.stated else '≤ '}{_short(name, flip.at)}: {flip.becomes}" for flip in own)
    return [*out, _text(LEFT + STRIP + 10, y + 15, told, 11.5)]


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, words: str, size: float, colour: str = INK, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{html.escape(words)}</text>'


def _short(name: str, value: float) -> str:
    """A value without its unit; what it counts stands in the label of its row."""
    return shown(name, value).split(" ")[0] + (" %" if FIELDS[name]["unit"] == "share" else "")


def _blocks(axes, blocks: Sequence[tuple[float, float, float, float, str]]) -> None:
    """Bars as (from, to, y, height, colour), drawn as one: a hundred calls of barh would take longer than all the rest."""
    from matplotlib.collections import PolyCollection

    corners = [((a, y - h / 2), (b, y - h / 2), (b, y + h / 2), (a, y + h / 2)) for a, b, y, h, _ in blocks]
    axes.add_collection(PolyCollection(corners, facecolors=[colour for *_, colour in blocks], zorder=1), autolim=False)
