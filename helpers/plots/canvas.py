"""What is a picture here, and how does it look? Colours, style, a blank canvas, the stage of a lab,
and the finished figure with its words and numbers."""

from __future__ import annotations

import base64
import functools
import html
import io
import re
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

# Okabe and Ito's palette: distinct with any kind of colour vision. Defined here once, for every
# figure.
COLOURS = {
    "closed book": "#999999",
    "RAG": "#0072B2",
    "oracle context": "#009E73",
    "zero-shot": "#999999",
    "few-shot": "#E69F00",
    "tuned": "#D55E00",
    "retrieved examples": "#9A6700",
    "majority label": "#CC79A7",
    "nearest neighbour": "#0072B2",
    "classifier": "#56B4E9",
    "always refuse": "#CC79A7",
    "RAG, 3 passages": "#56B4E9",
    "RAG, best search": "#003E66",
    "long context": "#E69F00",
    "tuned + RAG": "#D55E00",
    "facts adapter": "#D55E00",
    # the same arm made easier or harder: its colour, mixed with 40 % white
    "constrained": "#C2C2C2",
    "few-shot + constrained": "#F0C566",
    "tuned + constrained": "#E69E66",
    "oracle + 2 distractors": "#66C5AB",
    "facts adapter + RAG": "#E69E66",
    # in the reader's 2×2: what reads keeps its colour, what it is handed lightens it
    "base + RAG": "#0072B2",
    "base + oracle": "#66AAD0",
    "reader + RAG": "#D55E00",
    "reader + oracle": "#E69E66",
    "base + best search": "#003E66",
    "reader + best search": "#8A3C00",
    # the router's baselines, and the hybrids behind it
    "keywords": "#999999",
    "router": "#56B4E9",
    "router + RAG": "#56B4E9",
    "+ reranker": "#9A6700",
    "+ tuned search": "#009E73",
    "+ reader": "#D55E00",
    "+ search and reader": "#E69E66",
    "+ all": "#4B1D6B",
    "best search and reader": "#8A3C00",
    # the release in use, and what is offered in its place
    "champion": "#0072B2",
    "more labels": "#009E73",
    "fewer labels": "#D55E00",
    "hurried labels": "#CC79A7",
}
OTHER = "#56B4E9"
# What became of an answer, in the order in which it is drawn. A cause wears the colour of the arm
# that it speaks about: right is what the oracle shows to be possible; the search is RAG's;
# distraction comes with more passages; reading is the model's, which tuning could change. "both"
# stands between the two that it joins, in a purple dark enough to be told from either with any
# common colour blindness.
CAUSE_COLOURS = {
    "right": "#009E73",
    "right without evidence": "#9ADBC5",
    "rightly refused": "#009E73",
    "distraction": "#56B4E9",
    "retrieval": "#0072B2",
    "both": "#4B1D6B",
    "reading": "#D55E00",
    "answered what should be refused": "#CC79A7",
    "valid but wrong": "#D55E00",
    "invalid": "#E69F00",
    "no evidence given": "#BBBBBB",
    "failed": "#555555",
}
INK, PALE = "#222222", "#D9D9D9"


def colour_of(arm: str) -> str:
    """The colour of an arm, also of one with a setting in its name: "tuned, 64 rows" is drawn as
    "tuned"."""
    return COLOURS.get(arm) or COLOURS.get(arm.split(",")[0], OTHER)


STYLE = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.labelcolor": INK,
    "svg.fonttype": "none",
}
WIDE = 7.6  # inches: the width of a figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its finding in words (`alt`) and the numbers behind it (`table`)."""

    png: bytes
    alt: str
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return embedded("png", self.png, brief(self.alt))

    def __repr__(self) -> str:
        return self.alt


def brief(alt: str, chars: int = 250) -> str:
    """As much of a description as a listener takes in: the finding, which comes first, and the
    numbers that still fit; the others are in the picture's table."""
    if len(alt) <= chars:
        return alt
    whole = re.split(r"(?<=[.;]) ", alt[: chars - 1])
    kept = " ".join(whole[:-1]) or alt[: chars - 2]
    return f"{kept} …"


def embedded(kind: str, data: bytes, alt: str) -> str:
    """The HTML of a picture that holds its bytes itself; kind: png or svg+xml."""
    return (
        f'<img alt="{html.escape(alt)}" style="max-width:100%"'
        f' src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'
    )


def styled(draw: Callable[..., Picture]) -> Callable[..., Picture]:
    """Draw in the workbook's style without changing the learner's own matplotlib settings."""

    @functools.wraps(draw)
    def in_style(*args, **kwargs) -> Picture:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return in_style


def figure(width: float, height: float, layout: str = "constrained"):
    """A figure of its own, without pyplot: nothing leaks, and it can be drawn in any thread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(made)
    return made


def canvas(width: float, height: float):
    """`figure` with its one pair of axes."""
    made = figure(width, height)
    return made, made.add_subplot()


def heading(figure, title: str, width: int = 74) -> None:
    """The title over a whole figure. width: characters in a line."""
    figure.suptitle(
        textwrap.fill(title, width), x=0.01, ha="left", fontsize=11.5, fontweight="bold"
    )


def half_shares(axis, limits, low: float = 0.0, high: float = 1.05) -> None:
    """Mark 0, 50 and 100 % on an axis of shares. limits: its `set_xlim` or `set_ylim`."""
    limits(low, high)
    axis.set_ticks([0, 0.5, 1], ["0", "50 %", "100 %"])


def finish(figure, alt: str, table: pd.DataFrame) -> Picture:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return Picture(out.getvalue(), alt, table)


def greyed(png: bytes) -> bytes:
    """The same picture in pale grey: what stands behind a setting that nobody has measured."""
    from PIL import Image

    out, picture = io.BytesIO(), Image.open(io.BytesIO(png)).convert("L")
    Image.blend(picture, Image.new("L", picture.size, 255), 0.3).save(out, "png")
    return out.getvalue()


class Stage:
    """What all pictures of a lab have in common, drawn once: most of the time of a whole drawing.

    Two axes side by side. ground(left, right) draws what stays; `picture` draws on top of it.
    """

    def __init__(self, ground: Callable[..., None], left: float, wspace: float):
        # fixed margins: a layout would be computed again for every picture
        self.figure = figure(9.2, 3.7, layout="none")
        self.figure.set_dpi(110)
        margins = {"left": left, "right": 0.985, "top": 0.84, "bottom": 0.15, "wspace": wspace}
        self.axes = self.figure.subplots(1, 2, width_ratios=[1.55, 1], gridspec_kw=margins)
        ground(*self.axes)
        self.figure.canvas.draw()
        self._ground = self.figure.canvas.copy_from_bbox(self.figure.bbox)
        self._stays = set(self._artists())
        self._lock = threading.Lock()  # one figure for all settings, so one picture at a time

    def _artists(self) -> list:
        return [one for part in (*self.axes, self.figure) for one in (*part.lines, *part.texts)]

    def picture(self, title: str, draw: Callable[..., None]) -> bytes:
        """The PNG of the ground with draw(left, right) and a title on it; afterwards the stage is
        as it was."""
        import numpy as np
        from PIL import Image

        with self._lock:
            self.figure.canvas.restore_region(self._ground)
            try:
                draw(*self.axes)
                self.figure.text(
                    0.01,
                    0.98,
                    textwrap.fill(title, 92),
                    ha="left",
                    va="top",
                    fontweight="bold",
                    fontsize=11,
                )
                for part in (*self.axes, self.figure):
                    added = [a for a in (*part.lines, *part.texts) if a not in self._stays]
                    for artist in sorted(added, key=lambda one: one.get_zorder()):
                        part.draw_artist(artist)
                out, pixels = io.BytesIO(), np.asarray(self.figure.canvas.buffer_rgba())
                Image.fromarray(pixels[..., :3]).save(out, "png", compress_level=3)
                return out.getvalue()
            finally:
                for artist in set(self._artists()) - self._stays:
                    artist.remove()


def ink_on(colour: str) -> str:
    """Black or white, whichever is easier to read on this colour (WCAG 2 contrast)."""
    from matplotlib.colors import to_rgb

    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    light = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return "white" if 1.05 / (light + 0.05) > (light + 0.05) / 0.05 else "black"
