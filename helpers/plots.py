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

# Okabe and Ito's palette: told apart with any kind of colour vision. Defined here once, for every figure.
COLOURS = {
    "closed book": "#999999", "RAG": "#0072B2", "oracle context": "#009E73",
    "zero-shot": "#999999", "few-shot": "#E69F00", "tuned": "#D55E00",
    "majority label": "#CC79A7", "always refuse": "#CC79A7", "RAG, 3 passages": "#56B4E9",
    "long context": "#E69F00", "tuned + RAG": "#D55E00",
    # the same arm made easier or harder: its colour, mixed with 40 % white
    "constrained": "#C2C2C2", "few-shot + constrained": "#F0C566", "tuned + constrained": "#E69E66", "oracle + 2 distractors": "#66C5AB",
}  # fmt: skip
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


def _canvas(width: float, height: float):
    """A figure that belongs to nobody else: no pyplot, so nothing leaks and it can be drawn in any thread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
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


@styled
def chunk_sizes(grid: pd.DataFrame, chunk_size: int, top_k: int) -> Picture:
    """Evidence recall for every chunk size at this top_k, and what a prompt costs; the chosen size stands out."""
    table = grid[grid["top_k"] == top_k].reset_index(drop=True)
    chosen = table[table["chunk_size"] == chunk_size].iloc[0]
    figure, axes = _canvas(7.6, 3.4)
    for x, row in table.iterrows():
        on = row["chunk_size"] == chunk_size
        axes.bar(x, row["share"], color=COLOURS["RAG"] if on else PALE, width=0.62)
        axes.plot([x, x], [row["low"], row["high"]], color=INK, linewidth=1.6 if on else 1)
        axes.text(x, row["high"] + 0.02, percent(row["share"]), ha="center", fontweight="bold" if on else "normal")
        axes.text(x, 0.02, f"{row['passage_tokens']:.0f}\ntokens", ha="center", fontsize=9, color="white" if on else "#555555")
    axes.set_xticks(range(len(table)), [f"{size}" for size in table["chunk_size"]])
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.set_xlabel("chunk size in tokens")
    axes.set_ylabel(f"evidence in the top {top_k}")
    title = f"Chunks of {chunk_size}, top {top_k}: evidence seen {percent(chosen['share'])}, {chosen['passage_tokens']:.0f} tokens of passages per question"
    axes.set_title(textwrap.fill(title, 74))
    said = "; ".join(f"{r['chunk_size']:.0f} tokens: {percent(r['share'])} ({percent(r['low'])} to {percent(r['high'])})" for _, r in table.iterrows())
    return _finish(figure, f"{title}. By chunk size: {said}; n = {chosen['n']:.0f}.", table)
