"""Is it good enough, what does each option cost, and what would change the answer? The figures of
the decision."""

from __future__ import annotations

import html
import itertools
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from helpers.decision.costs import bill, cases, right, served
from helpers.decision.options import RESPONSIBLE
from helpers.decision.readiness import CONTRADICT
from helpers.decision.requirements import FIELDS, NUMBERS, shown
from helpers.decision.sensitivity import About, Flip
from helpers.decision.sentences import in_state, in_words, listed
from helpers.evaluation.numbers import percent, percents
from helpers.plots.canvas import COLOURS, INK, brief, embedded, ink_on

if TYPE_CHECKING:
    from helpers.decision.conclusion import Decision
    from helpers.decision.walk import Duel

CHOSEN, OTHER, NEEDED = COLOURS["RAG"], "#B9CBD8", COLOURS["tuned"]
# the stated answer first, then what it flips into
ANSWERS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#4B1D6B", "#9A6700")
FURTHER = "#BBBBBB"
PALE_INK = "#5F5F5F"
GREY = "#D9D9D9"  # nobody has measured it
# pixels: where bars begin, how long a strip is, the width of a figure
LEFT, STRIP, WIDE = 300, 440, 960


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of bars and words, written as SVG: made in a few milliseconds, sharp in print.
    Finding in words and table as in `canvas.Picture`."""

    svg: str
    alt: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return embedded("svg+xml", self.svg.encode(), brief(self.alt))

    def in_full(self) -> str:
        """The same with the whole description: for a control, whose picture is all that says what
        each of its places does."""
        return embedded("svg+xml", self.svg.encode(), self.alt)

    def __repr__(self) -> str:
        return self.alt


# --- right today against right needed -------------------------------------------------------------


def readiness(decision: Decision, published: Sequence[Mapping[str, Any]] = ()) -> Drawing:
    """How often is each part right today, and how often must the whole be? The dashed line is the
    person: below it a person's answer is cheaper.

    published: what others measured (labs_data/published.json), each with finding, value, model and
    source; a share that stands beside a finding of a part becomes a hollow mark in its row."""
    ready = decision.readiness
    rows = _parts_right(decision)
    beside = {one: [m for m in published if m["finding"] == one] for one in rows["finding"]}
    marks = [mark for found in beside.values() for mark in found]
    title = _readiness_title(decision)
    out, top, width = [_text(8, 22, title, 17, bold=True)], 70, WIDE - LEFT - 195
    foot = top + 34 * len(rows)

    def x(share: float) -> float:
        return LEFT + width * share

    for tick in (0, 0.25, 0.5, 0.75, 1):
        out += [
            _line([(x(tick), top - 8), (x(tick), foot)], "#E4E4E4"),
            _text(x(tick), foot + 17, percent(tick), 12.5, PALE_INK, anchor="middle"),
        ]
    out += _needed_lines(decision, x, top, foot)
    for i, row in enumerate(rows.itertuples()):
        y = top + 34 * i + 12
        out.append(_name(LEFT - 12, y + 4, row.Index, 14, bold=not i))
        for one in beside[row.finding]:
            out.append(_circle(x(one["value"]), y, "none", "#777777"))
        if math.isnan(row.value):
            out.append(_line([(x(row.low), y), (x(row.high), y)], PALE_INK, 1.5, "3 3"))
            out.append(_text(x(1) + 10, y + 4, "not measured", 11.5, PALE_INK))
            continue
        out.append(_line([(x(row.low), y), (x(row.high), y)], CHOSEN, 3 if not i else 2))
        out.append(_circle(x(row.value), y, CHOSEN, "white"))
        said = f"{percent(row.value)} ({percents(row.low, row.high)}, n = {row.n:,.0f})"
        out.append(_text(x(1) + 10, y + 4, said, 12.5))
    if marks:
        out.append(_text(8, foot + 36, "○ what others measured with larger models", 11.5, PALE_INK))
    words = "; ".join(
        f"{row.Index} "
        + (
            "not measured"
            if math.isnan(row.value)
            else f"{percent(row.value)} ({percents(row.low, row.high)}, n = {row.n:,.0f})"
        )
        for row in rows.itertuples()
    )
    needed = "" if ready.state == CONTRADICT else f" Needed: {percent(ready.needed)}."
    return Drawing(_figure(out, foot + 48), f"{title}. Right: {words}.{needed}", rows)


def _parts_right(decision: Decision) -> pd.DataFrame:
    """The whole first, then each part that answers requests."""
    ready, parts = decision.readiness, decision.parts
    each = [
        {
            "name": f"{parts[kind]}: {RESPONSIBLE[kind]}",
            "kind": kind,
            "finding": parts[kind].rests_on.get(kind, ""),
            **vars(right(parts[kind], kind, decision.evidence)),
            "n": cases(parts[kind], kind, decision.evidence),
        }
        for kind in served(parts, decision.requirements)
    ]
    whole = {"name": "all together", "kind": "", "finding": "", **vars(ready.right), "n": ready.n}
    rows = [whole, *each]
    table = pd.DataFrame(each if len(each) == 1 else rows if each else []).reindex(
        columns=["name", "kind", "finding", "value", "low", "high", "n"]
    )
    return table.set_index("name").astype({"value": float})


def _readiness_title(decision: Decision) -> str:
    ready = decision.readiness
    state = in_state(ready)
    state = state[0].upper() + state[1:]
    if ready.state == CONTRADICT:
        return f"{state}: no system is left"
    today = "not measured" if ready.right.value is None else percent(ready.right.value)
    return f"{state}. Right today: {today}; right needed: {percent(ready.needed)}"


def _needed_lines(decision: Decision, x, top: float, foot: float) -> list[str]:
    """The person as a line, and the floor that was stated."""
    ready = decision.readiness
    if ready.state == CONTRADICT:
        return []
    lines = [(ready.by_cost, "a person is cheaper below", "6 4")]
    if ready.floor or ready.asks:
        word = "the stated floor" if ready.floor else "one half: state a floor"
        lines.append((ready.needed if ready.asks else ready.floor, word, ""))
    out = []
    for i, (share, word, dashes) in enumerate(sorted(lines)):
        said, y = f"{word} ({percent(share)})", top - 11
        # the lower share's words end at its line and the higher's begin at its own, so that no line
        # runs through words; where there is no room for that, the words stand one above the other
        to_the_left = len(lines) - i > 1 or (share > 0.5 and len(lines) == 1)
        if not to_the_left and x(share) + 5 + 0.6 * 12 * len(said) > WIDE:
            to_the_left, y = True, y - 14
        out += [
            _line([(x(share), y), (x(share), foot)], NEEDED, 2, dashes),
            _text(x(share) + (-5 if to_the_left else 5), y, said, 12, NEEDED,
                  anchor="end" if to_the_left else "start"),
        ]  # fmt: skip
    return out


# --- does a step pay? -----------------------------------------------------------------------------


def gains(decision: Decision) -> Drawing:
    """How much more often is each further step right than the simpler one, and how much more would
    pay? One row a pair that was weighed: the gain with its 95 % interval, and the line."""
    pairs = [duel for one in decision.direction.values() for duel in one.duels]
    several = len(decision.direction) > 1
    title = "Does the further step pay?"
    ends = [end for duel in pairs for end in (duel.gain.low, duel.gain.high, duel.needed)]
    least = max(-1.0, min([-0.1, *ends]) - 0.03)
    most = min(1.0, max([0.1, *ends]) + 0.03)
    top, width = 50.0, WIDE - LEFT - 250

    def x(share: float) -> float:
        return LEFT + width * (min(max(share, least), most) - least) / (most - least)

    foot = top + 40 * len(pairs)
    out = [_text(8, 22, title, 15, bold=True)]
    for tick in (-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1):
        if least <= tick <= most:
            out += [
                _line([(x(tick), top - 8), (x(tick), foot)], "#BBBBBB" if not tick else "#E4E4E4"),
                _text(x(tick), foot + 16, _signed(tick), 11, PALE_INK, anchor="middle"),
            ]
    for i, duel in enumerate(pairs):
        out += _gain_row(duel, top + 40 * i + 14, x, several)
    note = "points more often right; line: 95 % interval; dashed: the gain that would pay"
    out.append(_text(LEFT, foot + 34, note, 11.5, PALE_INK))
    words = " ".join(in_words(duel) for duel in pairs) or "No pair is left to weigh."
    rows = [(str(d.first), str(d.second), *vars(d.gain).values(), d.needed, d.pays) for d in pairs]
    table = pd.DataFrame(rows, columns=["first", "second", "gain", "low", "high", "needed", "pays"])
    if not pairs:
        out = [_text(8, 22, words, 13)]
    return Drawing(_figure(out, foot + 46 if pairs else 40), f"{title} {words}", table)


def _gain_row(duel: Duel, y: float, x: Callable[[float], float], several: bool) -> list[str]:
    """One pair: the names, the interval and its point, the line that would pay, the verdict."""
    first = f"against {duel.first}" + (f", {RESPONSIBLE[duel.kind]}" if several else "")
    verdict = {True: "pays", False: "does not pay", None: "cannot tell"}[duel.pays]
    seen, colour = duel.gain.value is not None, CHOSEN if duel.pays else PALE_INK
    end = x(1) + 12
    return [
        _name(LEFT - 12, y, str(duel.second), 12.5, bold=bool(duel.pays)),
        _name(LEFT - 12, y + 14, first, 11, PALE_INK),
        _line([(x(duel.needed), y - 12), (x(duel.needed), y + 18)], NEEDED, 2, "4 3"),
        _line([(x(duel.gain.low), y), (x(duel.gain.high), y)], colour, 3 if seen else 1.5,
              "" if seen else "3 3"),
        *([_circle(x(duel.gain.value), y, colour, "white")] if seen else []),
        _text(end, y + 4, verdict, 12, bold=duel.pays is True),
        _text(end, y + 18, "" if seen else "not measured", 11, PALE_INK),
    ]  # fmt: skip


def axis(
    labels: Sequence[str], colours: Sequence[str], at: int, says: Sequence[str | None]
) -> Drawing:
    """A slider's own axis: one place a value, coloured by the answer there, with a mark at the
    value of now and a bar wherever the answer turns round. says: the answers in words; None: not
    measured, which is no answer that could turn."""
    many, wide, edge = len(labels), 480.0, 11.0
    step = (wide - 2 * edge) / max(1, many - 1)
    places = [edge + step * i if many > 1 else wide / 2 for i in range(many)]
    edges = [0.0, *((a + b) / 2 for a, b in itertools.pairwise(places)), wide]
    out = []
    for i, (left, right_end) in enumerate(itertools.pairwise(edges)):
        out.append(_box(left, 8, right_end - left, 17, colours[i]))
        anchor = "start" if i == 0 < many - 1 else "end" if i == many - 1 > 0 else "middle"
        beside = {"start": 2.0, "end": wide - 2, "middle": places[i]}[anchor]
        out.append(_text(beside, 20.5, labels[i], 10.5, ink_on(colours[i]), i == at, anchor))
    known = [i for i, what in enumerate(says) if what]
    turns = [i for before, i in itertools.pairwise(known) if says[i] != says[before]]
    out += [_line([(edges[i], 4), (edges[i], 29)], INK, 3) for i in turns]
    out.append(f'<path d="M{places[at]:.1f} 7l-5 -7l10 0z" fill="{INK}"/>')
    words = [what or "not measured" for what in says]
    said = "; ".join(f"{label}: {what}" for label, what in zip(labels, words, strict=True))
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} 30"'
        ' font-family="DejaVu Sans, Arial, sans-serif">'
        '<rect width="100%" height="100%" fill="white"/>'
    )
    table = pd.DataFrame({"place": list(labels), "answer": words})
    alt = f"Now {labels[at]}. Turns round at {listed([labels[i] for i in turns]) or 'no place'}."
    return Drawing(f"{start}{''.join(out)}</svg>", f"{alt} {said}.", table)


# --- costs ----------------------------------------------------------------------------------------


def costs(decision: Decision) -> Drawing:
    """What do 1,000 requests of each kind cost with each option that is left, wrong and refused
    answers counted, and drawn pale?"""
    table = bill(decision.requirements, decision.evidence)
    out = {(kind, str(gone.option)) for kind, one in decision.direction.items() for gone in one.out}
    there = table.loc[[key for key in table.index if key not in out]]
    title = "What 1,000 requests cost"
    drawn, y = [_text(8, 22, title, 15, bold=True)], 34.0
    scale = (WIDE - LEFT - 190) / max(there[["total", "high"]].max().max(), 1e-9)
    for kind, rows in there.groupby(level="kind", sort=False):
        drawn.append(_text(8, y + 18, f"for {RESPONSIBLE[kind]}", 12.5, PALE_INK))
        y += 24
        chosen = str(decision.parts[kind])
        for (_, name), row in rows.iterrows():
            drawn += _bar(y, name, row, scale, name == chosen)
            y += 26
    note = "EUR; pale: wrong and refused answers; line: 95 % interval; bold: the direction"
    drawn.append(_text(LEFT, y + 16, note, 11.5, PALE_INK))
    words = "; ".join(
        f"{name} for {RESPONSIBLE[kind]} "
        + (
            "not measured"
            if math.isnan(row["total"])
            else f"{row['total']:,.0f} EUR ({row['low']:,.0f} to {row['high']:,.0f})"
        )
        for (kind, name), row in there.iterrows()
    )
    gone = ", ".join(f"{name} for {RESPONSIBLE[kind]}" for kind, name in sorted(out)) or "none"
    return Drawing(_figure(drawn, y + 28), f"{title}: {words}. Out: {gone}.", table)


def _bar(y: float, name: str, row: pd.Series, scale: float, chosen: bool) -> list[str]:
    """One option: what it costs without errors, what its errors cost, and the interval of both
    together."""
    label = _name(LEFT - 8, y + 13, name, 12, INK, chosen)
    low, high = (LEFT + scale * row[end] for end in ("low", "high"))
    if math.isnan(row["total"]):
        return [
            label,
            _line([(low, y + 9), (high, y + 9)], PALE_INK, 1.5, "3 3"),
            _text(high + 6, y + 13, "not measured", 11.5, PALE_INK),
        ]
    errors = row["wrong answers"] + row["refused"]
    at, colour = LEFT + scale * (row["total"] - errors), CHOSEN if chosen else OTHER
    said = f"{row['total']:,.0f}" + (f" · {row['seconds']:.2g} s" if row["seconds"] else "")
    return [
        label,
        _box(LEFT, y, at - LEFT, 18, colour),
        _box(at, y, scale * errors, 18, colour, 0.45),
        _line([(low, y + 9), (high, y + 9)], INK, 1.5),
        _text(high + 6, y + 13, said, 11.5),
    ]


# --- what would change it -------------------------------------------------------------------------


def flips(decision: Decision, about: About = "direction") -> Drawing:
    """What would change the direction (or the readiness)? Each input that can, moved alone over its
    plausible range, coloured by the answer; the mark is what is stated."""
    found = [one for one in decision.flips if one.about == about]
    swept, order = decision.flips.swept, list(dict.fromkeys(one.name for one in found))
    here = decision.answer if about == "direction" else decision.readiness.state
    # what lies behind the nearest flip is another answer, and no colour of its own
    answers = list(dict.fromkeys([here, *(one.becomes for one in found)]))
    colours = dict(zip(answers, itertools.chain(ANSWERS, itertools.repeat(FURTHER)), strict=False))
    many = {0: "no answer of yours alone", 1: "one answer of yours"}
    title = f"What would change the {about}: " + many.get(
        len(order), f"{len(order)} answers of yours, each alone"
    )
    out, y = [_text(8, 22, title, 15, bold=True)], 34.0
    for answer in answers if order else []:
        now = " (now)" if answer == here else ""
        out += [_box(8, y, 12, 12, colours[answer]), _text(26, y + 10.5, answer + now, 12)]
        y += 18
    if any(getattr(one, about) not in colours for name in order for _, one in swept[name]):
        out += [
            _box(8, y, 12, 12, FURTHER),
            _text(26, y + 10.5, "another answer, beyond these", 12),
        ]
        y += 18
    for name in order:
        own = [one for one in found if one.name == name]
        line = [(value, getattr(answer, about)) for value, answer in swept[name]]
        lines = textwrap.wrap(FIELDS[name]["question"], 120)
        for words in lines:
            y += 16
            out.append(_text(8, y, words, 12))
        out += _strip(y + 6, name, line, getattr(decision.requirements, name), own, colours)
        y += 30
    table = pd.DataFrame(
        [(one.name, one.stated, one.at, one.becomes) for one in found],
        columns=["input", "stated", "flips at", "becomes"],
    )
    return Drawing(_figure(out, y + 12), " ".join([f"{title}.", *map(str, found)]), table)


def _strip(
    y: float,
    name: str,
    line: Sequence[tuple[float, str]],
    stated: float,
    own: Sequence[Flip],
    colours: Mapping[str, str],
) -> list[str]:
    """One input: its range coloured by the answer, a mark at what is stated, and in words where it
    flips."""
    values = [value for value, _ in line]
    many = len(values)
    at = [i / (many - 1) for i in range(many)] if name in NUMBERS else [0.25, 0.75]
    edges = [0.0, *((a + b) / 2 for a, b in itertools.pairwise(at)), 1.0]
    out = []
    for answer, steps in itertools.groupby(
        zip(line, itertools.pairwise(edges), strict=True), key=lambda step: step[0][1]
    ):
        ends = [end for _, pair in steps for end in pair]
        left, right_end = (8 + STRIP * end for end in (min(ends), max(ends)))
        out.append(_box(left, y, right_end - left, 20, colours.get(answer, FURTHER)))
    for i, side, anchor in ((0, 14, "start"), (-1, STRIP + 2, "end")):
        value, answer = line[i]
        word = _short(name, value) if name in NUMBERS else ("yes" if value else "no")
        if value != stated or name not in NUMBERS:  # the mark would lie on its label
            out.append(
                _text(
                    side, y + 14.5, word, 10.5, ink_on(colours.get(answer, FURTHER)), anchor=anchor
                )
            )
    x = 8 + min(max(STRIP * at[values.index(stated)], 9), STRIP - 9)
    out.append(
        f'<path d="M{x:.1f} {y + 2}l8 8l-8 8l-8 -8z" fill="{INK}" stroke="white"'
        ' stroke-width="1.5"/>'
    )
    words = "; ".join(_flip_in_short(one) for one in own)
    return [*out, _text(STRIP + 20, y + 15, words, 11.5)]


def _flip_in_short(flip: Flip) -> str:
    """Where it flips; into what, the colour says."""
    if flip.name not in NUMBERS:
        now, other = ("no", "yes") if flip.at else ("yes", "no")
        return f"now {now}; changes if {other}"
    way = "from {} on" if flip.at > flip.stated else "at {} and below"
    return f"now {_short(flip.name, flip.stated)}; changes {way.format(_short(flip.name, flip.at))}"


def _circle(x: float, y: float, fill: str, line: str) -> str:
    at = f'cx="{x:.1f}" cy="{y:.1f}" r="6"'
    return f'<circle {at} fill="{fill}" stroke="{line}" stroke-width="1.5"/>'


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


def _name(
    x: float, y: float, words: str, size: float, colour: str = INK, bold: bool = False
) -> str:
    """What a row is about, ending at x, as small as it must be to begin within the figure."""
    fits = (x - 6) / (0.58 * len(words)) if words else size
    return _text(x, y, words, round(min(size, fits), 1), colour, bold, "end")


def _signed(share: float) -> str:
    """A difference in points, as "+25", "0" or "−25"."""
    return f"{100 * share:+.0f}".replace("-", "−") if share else "0"


def _short(name: str, value: float) -> str:
    """A value without its unit, which the question names."""
    if FIELDS[name]["unit"] == "share":
        return shown(name, value)
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
