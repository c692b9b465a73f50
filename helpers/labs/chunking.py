"""The chunking lab as a widget: thin, over `chunking_grid.what_if`, `plots.chunking_setting` and
`coloured_chunks`, which a plain cell can call as well."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from helpers.core.cases import Case
from helpers.core.progress import Progress
from helpers.data.handbook import Document
from helpers.decision.findings import load_findings
from helpers.experiments import chunking_grid, lab_findings
from helpers.experiments.chunking_grid import BASELINE, ChunkingSetting
from helpers.labs.job import job
from helpers.labs.lab_answer import LOOK, Panel, known
from helpers.plots import retrieval
from helpers.retrieval.chunking import STRATEGIES, chunk
from helpers.retrieval.context import CONTEXTS

if TYPE_CHECKING:
    from helpers.core.progress import Progress

TINTS = ("#DCEBF7", "#FBE8C9", "#DDF1E7", "#F5DDE9")  # pale enough to read black text on


def coloured_chunks(
    document: Document, setting: ChunkingSetting, evidence: str, window: int = 900
) -> str:
    """HTML of the text around the evidence: one tint a chunk (overlap is drawn as an underline, for
    striped tints would hide it), the evidence framed, and a sentence that says into how many chunks
    the evidence was cut.
    """
    at = document.text.index(evidence)
    low, high = max(0, at - window // 2), min(len(document.text), at + len(evidence) + window // 2)
    pieces = chunk(
        document, setting.chunk_size, int(setting.chunk_size * setting.overlap), setting.strategy
    )
    whole = [i for i, p in enumerate(pieces) if p.start <= at and at + len(evidence) <= p.end]
    touching = [i for i, p in enumerate(pieces) if p.start < at + len(evidence) and p.end > at]
    edges = sorted(
        {low, high, at, at + len(evidence)}
        | {e for p in pieces for e in (p.start, p.end) if low < e < high}
    )
    out = []
    for start, end in itertools.pairwise(edges):
        inside = [i for i, p in enumerate(pieces) if p.start <= start and end <= p.end]
        style = f"background:{TINTS[inside[0] % len(TINTS)]};" if inside else ""
        style += "border-bottom:2px solid #777;" if len(inside) > 1 else ""
        style += "outline:2px solid #D55E00;" if at <= start and end <= at + len(evidence) else ""
        out.append(f"<span style='{style}'>{html.escape(document.text[start:end])}</span>")
    verdict = (
        f"The evidence (framed) is whole in chunk {whole[0] + 1} of {len(pieces)}."
        if whole
        else (
            f"The evidence (framed) is cut over {len(touching)} chunks of {len(pieces)}: no single"
            " passage holds it."
        )
    )
    text = "".join(out).replace("\n", "<br>")
    return (
        f"<p><b>{html.escape(document.title)}.</b> {verdict} Underlined text belongs to two chunks"
        " (overlap).</p><div"
        " style='font-size:90%;line-height:1.55;color:#222;background:#fff;padding:.6em;border:1px"
        f" solid #ccc'>… {text} …</div>"
    )


UNSEEN = (32, 96, 192, 384)  # chunk sizes that the sliders offer and the grid lacks


def chunking_lab(
    grid: pd.DataFrame,
    documents: Sequence[Document],
    cases: Sequence[Case],
    example: Document,
    evidence_quote: str,
    baseline: ChunkingSetting = BASELINE,
):
    """Move a setting and see what it finds, what it costs, whether one can tell it from the
    baseline, and what follows for the decision; run what was not measured yet.

    grid: of `chunking_grid.load_grid`; what is measured live is drawn like the rest. example,
    evidence_quote: a document to show cut into chunks.
    """
    import ipywidgets as widgets

    state, evidence = {"grid": grid}, load_findings()
    options = {
        "strategy": list(STRATEGIES),
        "chunk_size": sorted({*chunking_grid.CHUNK_SIZES, *UNSEEN}),
        "overlap": [("none", 0.0), ("a quarter", 0.25)],
        "retriever": list(chunking_grid.SEARCHERS),
        "top_k": list(chunking_grid.TOP_KS),
    }
    # what stands before a chunk is offered where the grid holds more than the title; stems and
    # weights were measured in too few settings for a slider
    if grid["context"].nunique() > 1:
        options["context"] = [context for context in CONTEXTS if context in set(grid["context"])]
    sliders = {
        key: widgets.SelectionSlider(options=values, value=vars(baseline)[key], **LOOK)
        for key, values in options.items()
    }
    picture, said, text = widgets.HTML(), widgets.HTML(), widgets.HTML()

    def setting(**changes) -> ChunkingSetting:
        now = {key: one.value for key, one in sliders.items()}
        return ChunkingSetting(**(now | changes))

    panel = Panel(
        "chunking",
        ("least_right", "latency_seconds", "place_enough"),
        sliders,
        setting,
        lambda one: known(lab_findings.of_chunking, state["grid"], one, evidence),
    )

    def draw(_=None) -> None:
        try:
            case = chunking_grid.what_if(state["grid"], setting(), baseline)
            picture.value, said.value = (
                retrieval.chunking_setting(state["grid"], case)._repr_html_(),
                f"<p role='status'>{html.escape(case.sentence())}</p>",
            )
        except KeyError:
            picture.value = retrieval.unmeasured_setting(state["grid"], setting())._repr_html_()
            said.value = (
                f"<p role='status'>Not measured yet: {html.escape(str(setting()))}. <b>Run it for"
                " real</b> does it on this machine.</p>"
            )
        text.value = coloured_chunks(example, setting(), evidence_quote)
        panel.draw()

    def search(progress: Progress):
        return chunking_grid.live(documents, cases, setting(), progress)

    def answers(progress: Progress):
        return chunking_grid.live(documents, cases, setting(), progress, ("right",))

    def read(progress: Progress):
        return chunking_grid.live(documents, cases, setting(), progress, ("right", "reader_right"))

    def done(rows: pd.DataFrame) -> str:
        state["grid"] = chunking_grid.joined(state["grid"], rows)
        panel.forget()
        draw()
        return "Measured here, on this machine"

    for key, slider in sliders.items():
        slider.observe(draw, "value")
        slider.add_class(f"t-{key.replace('_', '-')}")
    for widget, name in ((picture, "t-plot"), (said, "t-said"), (text, "t-chunks")):
        widget.add_class(name)
    draw()
    jobs = [
        job("Run it for real", search, done, "run"),
        job("… and let the model answer", answers, done, "answer"),
        job("… and the tuned reader", read, done, "reader"),
    ]
    return panel.laid_out(LABELS, [said, picture], jobs, [text])


LABELS = {
    "strategy": "How are documents cut?",
    "chunk_size": "Chunk size (tokens)",
    "overlap": "Overlap of neighbours",
    "retriever": "Retriever",
    "top_k": "Passages handed over (k)",
    "context": "What stands before a chunk",
}
