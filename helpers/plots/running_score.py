"""How far have we come? The course's running score: the same questions, one line a step, growing
from notebook to notebook."""

from __future__ import annotations

import pandas as pd

from helpers.evaluation.numbers import percents
from helpers.plots.canvas import COLOURS, INK, PALE, WIDE, Picture, canvas, finish, heading, styled

SEARCHES, TUNED, RIGHT = COLOURS["RAG"], COLOURS["tuned"], COLOURS["oracle context"]
GREY = "#777777"


def _colour(row: pd.Series) -> str:
    """Of the part that the step changed: the model, the search, the reader, the ceiling."""
    if row["ceiling"]:
        return RIGHT
    if not row["on"]:
        return COLOURS["closed book"]
    return TUNED if "tuned" in row.name else SEARCHES


def so_far(climb: pd.DataFrame, notebook: str) -> pd.DataFrame:
    """The steps that a learner has met by the end of this notebook."""
    return climb[climb["notebook"] <= notebook]


@styled
def running_score(climb: pd.DataFrame, notebook: str) -> Picture:
    """Right answers after each step up to this notebook, with their intervals; later steps are
    named only, and what was not measured is hollow and says why.

    climb: as `experiments.climb.load_climb` has it.
    """
    met = so_far(climb, notebook)
    measured = met[met["right"].notna()]
    systems = measured[~measured["ceiling"].astype(bool)]
    n, names = int(climb["n"].iloc[0]), list(climb.index)
    figure, axes = canvas(WIDE, 0.5 * len(climb) + 1.25)
    for y, (name, row) in enumerate(climb[::-1].iterrows()):
        if name not in met.index:
            axes.text(0.4, y, f"notebook {row['notebook']}", va="center", fontsize=9, color=GREY)
        elif name not in measured.index:
            axes.barh(y, n * 0.02, height=0.55, facecolor="none", edgecolor=GREY, linestyle="--")
            axes.text(0.02 * n + 0.8, y, row["hollow"], va="center", fontsize=8, color=GREY)
        else:
            colour = _colour(row)
            fill = {"facecolor": "none"} if row["ceiling"] else {"facecolor": colour}
            axes.barh(y, row["right"], height=0.55, edgecolor=colour, linewidth=1.4, **fill)
            axes.plot([n * row["low"], n * row["high"]], [y, y], color=INK, linewidth=1.6)
            says = f"{row['right']:.0f}" + _against(row)
            axes.text(n * row["high"] + 0.6, y, says, va="center", fontsize=9)
    ticks = [f"{name} ({climb.loc[name, 'notebook']})" for name in names[::-1]]
    axes.set_yticks(range(len(names)), ticks, fontsize=9)
    axes.tick_params(axis="y", length=0)
    for label, name in zip(axes.get_yticklabels(), names[::-1], strict=True):
        label.set_color(INK if name in met.index else GREY)
    axes.set_xlim(0, n * 1.02)
    axes.set_ylim(-0.7, len(names) - 0.4)  # also where nothing is drawn
    axes.set_xlabel(f"right of the same {n} dev questions, with 95 % interval")
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    first, best = systems.iloc[0], systems.loc[systems["right"].idxmax()]
    title = f"The climb: {first['right']:.0f} of {n} from memory"
    if best.name != first.name:
        title += f", {best.right:.0f} after: {best.name}"
    heading(figure, title, 88)
    return finish(figure, f"{title} ({percents(best['low'], best['high'])}).", met)


def _against(row: pd.Series) -> str:
    """The verdict on the step before, in a few words; "" where there is none."""
    gain = row.get("gain")
    if gain is None or gain != gain:
        return ""
    points = f"{100 * gain.difference:+.0f} points".replace("-", "−")
    return f"  {points}: {gain.verdict}"
