"""How do the parts hang together? The course's five diagrams: they show what happens, not what was
measured, in the colours of the figures.

    plots.rag_pipeline()      plots.see_or_behave()      plots.oracle_swap()
    plots.adapter_sketch()    plots.decision_path()

A diagram is boxes and arrows on a plane measured in inches, so that a text that fits today fits on
every screen; tests ask that each text lies inside its box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pandas as pd

from helpers.plots.canvas import (
    CAUSE_COLOURS,
    COLOURS,
    INK,
    PALE,
    WIDE,
    Picture,
    figure,
    finish,
    heading,
    ink_on,
    styled,
)

PLAIN = "#F2F2F2"  # a part that does what it always does
SEES, BEHAVES = COLOURS["RAG"], COLOURS["tuned"]
TITLE_HEIGHT = 0.45  # inches above the plane


class Plane:
    """Boxes, arrows and notes on a plane of WIDE × height inches, the origin at its lower left.
    Keeps what it was told, so that a diagram can also be read as a table."""

    def __init__(self, title: str, height: float):
        self.figure = figure(WIDE, height + TITLE_HEIGHT, layout="none")
        heading(self.figure, title, 84)
        self.axes = self.figure.add_axes((0, 0, 1, height / (height + TITLE_HEIGHT)))
        self.axes.set(xlim=(0, WIDE), ylim=(0, height))
        self.axes.axis("off")
        self.boxes: list[tuple[str, object, object]] = []  # what it says, its patch, its text

    def box(
        self, x: float, y: float, says: str, colour: str = PLAIN, width=1.15, height=0.62, **look
    ) -> tuple[float, float, float, float]:
        """A box with its lower left corner at x, y. Returns where it is: x, y, width, height."""
        from matplotlib.patches import FancyBboxPatch

        style = "round,pad=0,rounding_size=0.07"
        edge = "#999999" if colour in (PLAIN, "white") else colour
        patch = self.axes.add_patch(
            FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=colour, edgecolor=edge)
        )
        look = {"fontsize": 9, "color": ink_on(colour)} | look
        words = self.axes.text(
            x + width / 2, y + height / 2, says, ha="center", va="center", linespacing=1.15, **look
        )
        self.boxes.append((says, patch, words))
        return x, y, width, height

    def arrow(self, start, end, colour: str = INK, **more) -> None:
        """From the edge of one box to the edge of the next: along the row where they stand side by
        side, else straight up or down."""
        (x1, y1, w1, h1), (x2, y2, w2, h2) = start, end
        if x1 + w1 <= x2 or x2 + w2 <= x1:  # side by side
            right = x1 + w1 <= x2
            middle = min(y1 + h1, y2 + h2) / 2 + max(y1, y2) / 2
            tail, head = (x1 + w1 if right else x1, middle), (x2 if right else x2 + w2, middle)
        else:
            up = y1 + h1 <= y2
            middle = min(x1 + w1, x2 + w2) / 2 + max(x1, x2) / 2
            tail, head = (middle, y1 + h1 if up else y1), (middle, y2 if up else y2 + h2)
        look = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 1, "shrinkB": 1}
        self.axes.annotate("", head, tail, arrowprops=look | more)

    def chain(self, boxes: Sequence, colour: str = INK) -> None:
        for start, end in itertools.pairwise(boxes):
            self.arrow(start, end, colour)

    def note(self, x: float, y: float, says: str, **look) -> None:
        self.axes.text(x, y, says, **{"fontsize": 9, "va": "center", "color": INK} | look)

    def picture(self, alt: str) -> Picture:
        says = [text.replace("\n", " ") for text, _, _ in self.boxes]
        return finish(self.figure, alt, pd.DataFrame({"part": says}))


@styled
def rag_pipeline() -> Picture:
    """What happens to a document, and what to a question; where do rights and dates act?"""
    plane = Plane("RAG: documents are prepared once, questions are answered from them", 2.75)
    plane.note(0.1, 2.57, "when a document changes", style="italic")
    top, low = 1.8, 0.12
    prepared = [
        plane.box(0.1, top, "documents\nwith rights\nand dates", "white"),
        plane.box(1.75, top, "cut into\nchunks"),
        plane.box(3.4, top, "embed: a vector\nfor each chunk", width=1.3),
        plane.box(5.2, top, "index: vectors, words,\nrights, dates", "#CFE3F1", width=1.75),
    ]
    plane.chain(prepared)
    plane.note(0.1, 0.89, "when somebody asks", style="italic")
    asked = [
        plane.box(0.1, low, "question\nwho asks? when?", "white", width=1.25),
        plane.box(
            1.75,
            low - 0.05,
            "search only what\nthis user may read\nand is in force",
            SEES,
            1.45,
            0.72,
        ),
        plane.box(3.55, low, "prompt:\npassages [1] [2]\n+ question", "#CFE3F1", width=1.2),
        plane.box(5.1, low, "model"),
        plane.box(6.45, low, "answer\nwith its [n]", "white", width=1.05),
    ]
    plane.chain(asked)
    x, width = asked[1][0], asked[1][2]
    plane.axes.plot([5.75, 5.75, x + width / 2], [top, 1.18, 1.18], color=INK, lw=1.3)
    plane.arrow((x, 1.18, width, 0), asked[1])
    plane.note(
        2.6, 1.0, "rights and dates are part of the query, not a filter after it", fontsize=8.5
    )
    return plane.picture(
        "Documents are cut, embedded and indexed once. For each question the search returns only"
        " passages that this user may read and that are in force; they go into the prompt, and the"
        " model answers with their numbers."
    )


@styled
def see_or_behave() -> Picture:
    """What does each technique change?"""
    plane = Plane("RAG changes what the model sees; fine-tuning changes how it behaves", 2.0)
    for x, name, colour, prompt, model, price in (
        (
            0.1,
            "RAG",
            SEES,
            ("+ passages found\nfor this question", SEES),
            ("model\nas it was", PLAIN),
            "Takes effect when a document changes.\nYou run: ingestion, search, rights.",
        ),
        (
            4.0,
            "Fine-tuning",
            BEHAVES,
            ("the same prompt,\noften shorter", PLAIN),
            ("model\n+ adapter", BEHAVES),
            "Takes effect when it is trained again.\nYou run: labels, versions, gates.",
        ),
    ):
        plane.note(x, 1.85, name, weight="bold", fontsize=11, color=colour)
        parts = [
            plane.box(x, 0.8, *prompt, width=1.35, height=0.8),
            plane.box(x + 1.6, 0.8, *model, width=0.9, height=0.8),
            plane.box(x + 2.75, 0.8, "answer", "white", width=0.7, height=0.8),
        ]
        plane.chain(parts)
        plane.note(x, 0.38, price)
    return plane.picture(
        "With RAG the passages in the prompt change and the model stays as it was. With fine-tuning"
        " the prompt stays and an adapter changes the model."
    )


@styled
def oracle_swap() -> Picture:
    """A wrong answer: which part is to blame? One swap, two questions, four causes."""
    plane = Plane("Swap in the right passage, ask again: four outcomes, four repairs", 2.85)
    for x, says in (
        (2.2, "evidence was not in the context"),
        (4.95, "evidence was in the context"),
    ):
        plane.note(x + 1.25, 2.62, says, ha="center")
    rows = (
        (1.45, "right with the\nright passage", ("retrieval", "distraction")),
        (0.25, "still wrong with\nthe right passage", ("both", "reading")),
    )
    repairs = {
        "retrieval": "repair the search",
        "distraction": "show less, rank better",
        "both": "change search and reader",
        "reading": "prompt, larger or tuned model",
    }
    for y, says, causes in rows:
        plane.note(0.1, y + 0.48, says)
        for x, cause in zip((2.2, 4.95), causes, strict=True):
            colour = CAUSE_COLOURS[cause]
            plane.box(x, y, f"\n{repairs[cause]}", colour, 2.5, 0.95, fontsize=10)
            bold = {"weight": "bold", "ha": "center", "fontsize": 11.5, "color": ink_on(colour)}
            plane.note(x + 1.25, y + 0.62, cause, **bold)
    return plane.picture(
        "Evidence missing: retrieval if the right passage cures it, both if it does not. Evidence"
        " present: distraction if the right passage alone cures it, reading if it does not."
    )


@styled
def adapter_sketch(rank: int = 8, frozen: int | None = None, trained: int | None = None) -> Picture:
    """What is an adapter? frozen, trained: numbers of weights, said where they are known."""
    plane = Plane(f"An adapter: two thin matrices of rank {rank} beside a frozen one", 2.5)
    said = {
        "frozen": f"\n{frozen / 1e6:,.0f} million\nin all" if frozen else "",
        "trained": f"\n{trained / 1e6:.1f} million in all" if trained else "",
    }
    enters = plane.box(0.1, 1.27, "what the\nlayer reads", "white", width=0.95)
    weight = plane.box(2.3, 0.9, f"weights\nof the model:\nfrozen{said['frozen']}", PALE, 1.7, 1.35)
    down = plane.box(2.0, 0.1, "A", BEHAVES, 0.75, 0.3, weight="bold")
    up = plane.box(3.55, 0.1, "B", BEHAVES, 0.75, 0.3, weight="bold")
    plus = plane.box(5.0, 1.37, "+", "white", 0.4, 0.42, fontsize=14)
    leaves = plane.box(6.2, 1.27, "what the\nlayer passes on", "white", width=1.3)
    plane.note(3.15, 0.62, f"adapter: trained{said['trained']}".replace("\n", ", "), ha="center")
    plane.arrow(enters, weight)
    plane.arrow(weight, plus)
    plane.arrow(plus, leaves)
    plane.arrow(down, up)
    for path in (
        [(0.57, 1.27), (0.57, 0.25), (1.99, 0.25)],
        [(4.3, 0.25), (5.2, 0.25), (5.2, 1.36)],
    ):
        (a, b, c) = path
        plane.axes.plot([a[0], b[0]], [a[1], b[1]], color=INK, lw=1.3)
        plane.axes.annotate(
            "", c, b, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.3, "shrinkA": 0}
        )
    return plane.picture(
        "Beside a frozen weight matrix run two thin trained ones, A and B; their output is"
        " added. Take the adapter away and the old model is back."
    )


@styled
def decision_path() -> Picture:
    """In which order is decided, and which notebook measures each fork?"""
    plane = Plane("Before you fine-tune: which question first, and where it is measured", 4.1)
    forks = (
        ("Is the test wrong?", "01", "repair the test", "white"),
        ("Are facts missing that\ndocuments hold?", "01, 02", "RAG", SEES),
        (
            "With RAG: is evidence not\nin the context?",
            "03, 04, 08",
            "repair search and context,\nnot the model",
            SEES,
        ),
        ("Do a prompt, a schema\nor examples do?", "05", "prompt + schema", COLOURS["few-shot"]),
        (
            "Stable behaviour,\nenough labels?",
            "05, 06, 07",
            "fine-tune,\nbehind gates (10)",
            BEHAVES,
        ),
    )
    step, height, previous, cures = 0.8, 0.56, None, []
    for i, (question, where, cure, colour) in enumerate(forks):
        y = 4.1 - height - 0.08 - i * step
        fork = plane.box(0.9, y, question, "white", 1.95, height)
        plane.note(0.1, y + height / 2, where, weight="bold")
        cures.append(plane.box(3.6, y, cure, colour, 1.85, height))
        plane.arrow(fork, cures[-1])
        plane.note(3.2, y + height / 2 + 0.12, "yes", ha="center", fontsize=8.5)
        if previous:
            plane.arrow(previous, fork)
            plane.note(1.95, y + height + 0.12, "no, or still wrong", fontsize=8.5)
        previous = fork
    hybrid = plane.box(
        6.05, 1.2, "several yes:\na hybrid on\npurpose, a part\nfor each (09)", "#4B1D6B", 1.4, 1.0
    )
    plane.box(6.05, 0.2, "decide (11)", "white", 1.4, height)
    middles = [y + height / 2 for _, y, _, _ in (cures[1], cures[3], cures[4])]
    for y in middles:
        plane.axes.plot([5.46, 5.75], [y, y], color=INK, lw=1.3)
    plane.axes.plot([5.75, 5.75], [min(middles), max(middles)], color=INK, lw=1.3)
    plane.arrow((5.7, 1.2, 0.05, 1.0), hybrid)
    return plane.picture(
        "First the test, then missing facts: RAG, with search and context repaired first. Then"
        " prompt, schema, examples. Fine-tuning comes last, for stable behaviour with labels;"
        " several needs make a hybrid."
    )
