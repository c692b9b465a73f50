"""What does each option cost, and what would change the answer? The figures of the decision."""

from __future__ import annotations

import html
import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from helpers.decision.costs import DAYS, bill, serving, yearly
from helpers.decision.costs import right as right_share
from helpers.decision.options import (
    LONG,
    OPTIONS,
    PEOPLE,
    PROMPT,
    RAG,
    READER,
    ROUTER,
    TUNE,
    Option,
)
from helpers.decision.requirements import FIELDS, NUMBERS, shown
from helpers.decision.sensitivity import Flip, Sweep
from helpers.plots.canvas import COLOURS, INK, embedded, ink_on

if TYPE_CHECKING:
    from helpers.decision.conclusion import Decision

OPTION_COLOURS = {
    PEOPLE.name: INK,
    PROMPT.name: COLOURS["zero-shot"],
    LONG.name: COLOURS["long context"],
    RAG.name: COLOURS["RAG"],
    TUNE.name: COLOURS["tuned"],
    READER.name: "#CC79A7",
    ROUTER.name: "#56B4E9",
    "not yet": "#E4E4E4",
}
PALE_INK = "#767676"
VOLUMES = tuple(10 ** (i / 8) for i in range(49))  # requests a day, 1 to a million
# pixels: where bars begin, how long a strip is, the height of its row, the width of a figure
LEFT, STRIP, ROW, WIDE = 160, 470, 27, 960


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of bars and words, written as SVG: made in a few milliseconds, sharp in print.
    Finding in words and table as in `canvas.Picture`."""

    svg: str
    alt: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return embedded("svg+xml", self.svg.encode(), self.alt)

    def __repr__(self) -> str:
        return self.alt


def costs(decision: Decision) -> Drawing:
    """What do 1,000 requests cost, and from which volume on does one option overtake another? Wrong
    answers are counted, and drawn pale."""
    table = bill(decision.requirements, decision.evidence)
    out = {gone.option.name for gone in decision.out}
    there = table.loc[[name for name in table.index if name not in out]]
    title = _cost_title(decision, there)
    words = textwrap.wrap(title, 108)
    drawn = [_text(8, 22 + 19 * i, line, 15, bold=True) for i, line in enumerate(words)]
    top, scale = 34 + 19 * len(words), 250 / max(there[["total", "high"]].max().max(), 1e-9)
    for i, (name, row) in enumerate(table.iterrows()):
        drawn += _bar(top + 34 * i, str(name), row, scale, name in out, name == decision.answer)
    foot = top + 34 * len(table)
    drawn += [
        _line([(LEFT, top - 6), (LEFT, foot)], "#888888"),
        _text(
            LEFT,
            foot + 20,
            "EUR for 1,000 requests; pale: wrong answers; line: 95 % interval",
            11.5,
            PALE_INK,
        ),
    ]
    measured = [
        option
        for option in (PEOPLE, *OPTIONS)
        if option.name in there.index and not math.isnan(there["total"][option.name])
    ]
    drawn += _curves(decision, measured, top, foot)
    said = "; ".join(
        f"{name} "
        + (
            "not measured"
            if math.isnan(r["total"])
            else (
                f"{r['total']:,.0f} EUR ({r['low']:,.0f} to {r['high']:,.0f}), {r['seconds']:.2g} s"
            )
        )
        for name, r in there.iterrows()
    )
    return Drawing(
        _figure(drawn, foot + 34),
        f"{title}. For 1,000 requests: {said}. Out:"
        f" {', '.join(n for n in table.index if n in out) or 'none'}.",
        table,
    )


def _bar(y: float, name: str, row: pd.Series, scale: float, out: bool, chosen: bool) -> list[str]:
    """One option: what it costs without errors, what its wrong answers cost, and the interval of
    both together."""
    label = _text(LEFT - 8, y + 15, name, 12.5, PALE_INK if out else INK, chosen, "end")
    if out:
        return [label, _text(LEFT + 5, y + 15, "out", 11.5, PALE_INK)]
    low, high = (LEFT + scale * row[end] for end in ("low", "high"))
    if math.isnan(row["total"]):
        return [
            label,
            _line([(low, y + 11), (high, y + 11)], OPTION_COLOURS[name], 1.5, "3 3"),
            _text(high + 6, y + 15, "not measured", 11.5),
        ]
    at = LEFT + scale * (row["total"] - row["wrong answers"])
    said = f"{row['total']:,.0f}" + (f" · {row['seconds']:.2g} s" if row["seconds"] else "")
    return [
        label,
        _box(LEFT, y, at - LEFT, 22, OPTION_COLOURS[name]),
        _box(at, y, scale * row["wrong answers"], 22, OPTION_COLOURS[name], 0.35),
        _line([(low, y + 11), (high, y + 11)], INK, 1.5),
        _text(high + 6, y + 15, said, 11.5),
    ]


def _curves(decision: Decision, options: Sequence[Option], top: float, foot: float) -> list[str]:
    """EUR for 1,000 requests over the volume, both on log scales; where two lines cross, one option
    overtakes the other."""
    r, left, right = decision.requirements, 575, 830
    lines = {}
    for option in options:
        share = right_share(option, r, decision.evidence).value
        each = serving(option, r, decision.evidence).money + (1 - share) * r.cost_wrong
        fixed = sum(yearly(option, r, decision.evidence).values()) / DAYS
        lines[option.name] = [1000 * (each + fixed / volume) for volume in VOLUMES]
    lowest, highest = (
        min(line[-1] for line in lines.values()) / 2,
        max(line[-1] for line in lines.values()) * 3,
    )

    def x(volume: float) -> float:
        return left + (right - left) * math.log10(min(max(volume, 1), 1e6)) / 6

    def y(money: float) -> float:
        return foot - (foot - top) * math.log(max(money, lowest) / lowest) / math.log(
            highest / lowest
        )

    drawn = [
        _line([(x(r.requests_per_day), top), (x(r.requests_per_day), foot)], "#AAAAAA"),
        _text(x(r.requests_per_day) + 4, top + 9, "stated", 10.5, PALE_INK),
    ]
    drawn += [
        _text(x(tick), foot + 16, word, 10.5, anchor="middle")
        for tick, word in ((1, "1"), (100, "100"), (10_000, "10,000"), (1_000_000, "1 million"))
    ]
    drawn += [
        _text(right + 45, foot + 30, "requests a day", 11.5, PALE_INK, anchor="end"),
        _line([(left, top - 6), (left, foot), (right, foot)], "#888888"),
    ]
    ticks = [
        digit * 10.0**power
        for power in range(-3, 8)
        for digit in (1, 2, 5)
        if lowest < digit * 10.0**power < highest
    ]
    drawn += [
        _text(left - 6, y(tick) + 4, f"{tick:,g}", 10.5, anchor="end")
        for tick in (ticks if len(ticks) < 7 else ticks[::3])
    ]
    free = foot + 20.0
    # from below; a label that would lie on another moves up
    for name, line in sorted(lines.items(), key=lambda one: one[1][-1]):
        inside = [
            (x(volume), y(money))
            for volume, money in zip(VOLUMES, line, strict=True)
            if money <= highest
        ]
        drawn.append(
            _line(
                inside,
                OPTION_COLOURS[name],
                3 if name == decision.answer else 1.7,
                "5 4" if name == PEOPLE.name else "",
            )
        )
        free = min(y(line[-1]), free - 14)
        drawn.append(
            _text(right + 5, free + 4, name, 11, OPTION_COLOURS[name], name == decision.answer)
        )
    return drawn


def _cost_title(decision: Decision, there: pd.DataFrame) -> str:
    known = there["total"].dropna().sort_values()
    ahead = f"{known.index[0]} costs least: {known.iloc[0]:,.0f} EUR for 1,000 requests"
    ahead += f", {known.index[1]} {known.iloc[1]:,.0f}" if len(known) > 1 else ""
    if decision.option:
        return ahead
    first = ahead[0] if known.index[0] in (RAG.name, READER.name) else ahead[0].lower()
    return f"Not yet. As the numbers stand {first}{ahead[1:]}"


def flips(decision: Decision, swept: Sweep, found: Sequence[Flip]) -> Drawing:
    """What would change the answer? Each input moved alone over its plausible range, coloured by
    the answer; the mark is what is stated."""
    order = list(dict.fromkeys(flip.name for flip in found))
    answers = list(dict.fromkeys(answer for name in order for _, answer in swept[name]))
    title = f"{decision.answer[0].upper()}{decision.answer[1:]}: " + (
        f"{len(order)} of {len(FIELDS)} inputs could change it, each alone"
        if order
        else "no input alone changes it"
    )
    out, x = [_text(8, 22, title, 15, bold=True)], LEFT
    for answer in answers:
        out += [_box(x, 40, 12, 12, OPTION_COLOURS[answer]), _text(x + 17, 51, answer, 12.5)]
        x += 36 + 7 * len(answer)
    for i, name in enumerate(order):
        out += _strip(
            64 + i * ROW,
            name,
            swept[name],
            getattr(decision.requirements, name),
            [flip for flip in found if flip.name == name],
        )
    y = 64 + len(order) * ROW + 16
    still = ", ".join(name.replace("_", " ") for name in FIELDS if name not in order)
    for line in textwrap.wrap(
        f"◆ what is stated. No plausible value of these alone changes the answer: {still}.", 150
    ):
        out.append(_text(8, y, line, 11.5, PALE_INK))
        y += 16
    table = pd.DataFrame(
        [
            {
                "input": flip.name,
                "stated": flip.stated,
                "flips at": flip.at,
                "becomes": flip.becomes,
            }
            for flip in found
        ],
        columns=["input", "stated", "flips at", "becomes"],
    )
    return Drawing(
        _figure(out, y),
        ". ".join([title, *(["; ".join(map(str, found))] if found else [])]) + ".",
        table,
    )


def _strip(
    y: float, name: str, line: Sequence[tuple[float, str]], stated: float, own: Sequence[Flip]
) -> list[str]:
    """One input: its name, its range coloured by the answer, a mark at what is stated, and in words
    where it flips."""
    values = [value for value, _ in line]
    at = [i / (len(values) - 1) for i in range(len(values))] if name in NUMBERS else [0.25, 0.75]
    edges = [0.0, *((a + b) / 2 for a, b in itertools.pairwise(at)), 1.0]
    out = [_text(LEFT - 8, y + 15, name.replace("_", " "), 12.5, anchor="end")]
    for answer, steps in itertools.groupby(
        zip(line, itertools.pairwise(edges), strict=True), key=lambda step: step[0][1]
    ):
        ends = [end for _, pair in steps for end in pair]
        out.append(
            _box(
                LEFT + STRIP * min(ends),
                y,
                STRIP * (max(ends) - min(ends)),
                ROW - 7,
                OPTION_COLOURS[answer],
            )
        )
    words = (f"{values[0]:,.5g}", f"{values[-1]:,.0f}") if name in NUMBERS else ("no", "yes")
    for x, word, (_, answer), anchor in zip(
        (LEFT + 12, LEFT + STRIP - 12), words, (line[0], line[-1]), ("start", "end"), strict=True
    ):
        out.append(_text(x, y + 14.5, word, 10.5, ink_on(OPTION_COLOURS[answer]), anchor=anchor))
    x = LEFT + STRIP * at[values.index(stated)]
    out.append(
        f'<path d="M{x:.1f} {y + 2}l8 8l-8 8l-8 -8z" fill="{INK}" stroke="white"'
        ' stroke-width="1.5"/>'
    )
    words = "; ".join(
        f"{'' if name not in NUMBERS else '≥ ' if flip.at > flip.stated else '≤ '}"
        f"{_short(name, flip.at)}: {flip.becomes}"
        for flip in own
    )
    return [*out, _text(LEFT + STRIP + 10, y + 15, words, 11.5)]


def _figure(drawn: Sequence[str], height: float) -> str:
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {height:.0f}" width="{WIDE}"'
        f' height="{height:.0f}" font-family="DejaVu Sans, Arial, sans-serif">'
    )
    return f'{start}<rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>'


def _box(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"'
        f' fill="{colour}" fill-opacity="{opacity:g}"/>'
    )


def _line(
    points: Sequence[tuple[float, float]], colour: str, width: float = 1.0, dashes: str = ""
) -> str:
    return (
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="none"'
        f' stroke="{colour}" stroke-width="{width:g}" stroke-dasharray="{dashes}"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    size: float,
    colour: str = INK,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}"{weight}>{html.escape(words)}</text>'
    )


def _short(name: str, value: float) -> str:
    """A value without its unit; what it counts is in the label of its row."""
    return shown(name, value).split(" ")[0] + (" %" if FIELDS[name]["unit"] == "share" else "")
