"""The chunking lab as a widget: thin, over `chunk_lab.what_if`, `plots_rag.setting` and
`chunk_lab.coloured_chunks`, which a plain cell can call as well."""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from helpers import chunk_lab, plots_rag
from helpers.cases import Case
from helpers.chunk_lab import BASELINE, Setting
from helpers.chunking import STRATEGIES
from helpers.corpus import Document
from helpers.decide import one_line
from helpers.evidence import load_evidence
from helpers.jobs import Progress, job
from helpers.scenarios import SCENARIOS

UNSEEN = (32, 96, 192, 384)  # chunk sizes that the sliders offer and nobody has measured


def chunking_lab(
    grid: pd.DataFrame,
    documents: Sequence[Document],
    cases: Sequence[Case],
    example: Document,
    evidence: str,
    baseline: Setting = BASELINE,
):
    """Move a setting and see what it finds, what it costs, and whether one can tell it from the
    baseline; run what nobody has measured.

    grid: of `chunk_lab.load_grid`; what is measured live is drawn like the rest. example, evidence:
    a document to be cut before your eyes.
    """
    import ipywidgets as widgets

    state, findings = {"grid": grid}, load_evidence()
    look = {"description_width": "110px"}
    options = {
        "strategy": list(STRATEGIES),
        "chunk_size": sorted({*chunk_lab.CHUNK_SIZES, *UNSEEN}),
        "overlap": [("none", 0.0), ("a quarter", 0.25)],
        "retriever": list(chunk_lab.SEARCHERS),
        "top_k": list(chunk_lab.TOP_KS),
    }
    labels = {
        "strategy": "strategy",
        "chunk_size": "chunk size",
        "overlap": "overlap",
        "retriever": "retriever",
        "top_k": "passages (k)",
    }
    controls = {
        key: widgets.SelectionSlider(
            options=values,
            value=vars(baseline)[key],
            description=labels[key],
            style=look,
            continuous_update=False,
        )
        for key, values in options.items()
    }
    picture, said, framework, text = widgets.HTML(), widgets.HTML(), widgets.HTML(), widgets.HTML()

    def setting() -> Setting:
        return Setting(**{key: control.value for key, control in controls.items()})

    def draw(_=None) -> None:
        try:
            case = chunk_lab.what_if(state["grid"], setting(), baseline)
            picture.value, said.value = (
                plots_rag.setting(state["grid"], case)._repr_html_(),
                f"<p role='status'>{html.escape(case.sentence())}</p>",
            )
            asked = SCENARIOS["policy assistant"].requirements
            advice = one_line(asked, findings.at_retrieval(case.row))
            framework.value = f"<p>For a policy assistant. {html.escape(advice)}</p>"
        except KeyError:
            said.value = (
                f"<p role='status'>Nobody has measured {html.escape(str(setting()))}. <b>Run it for"
                " real</b> does it on this machine.</p>"
            )
        text.value = chunk_lab.coloured_chunks(example, setting(), evidence)

    def search(progress: Progress):
        return chunk_lab.live(documents, cases, setting(), progress)

    def answer(progress: Progress):
        return chunk_lab.live(documents, cases, setting(), progress, answers=True)

    def done(rows: pd.DataFrame) -> str:
        state["grid"] = chunk_lab.joined(state["grid"], rows)
        draw()
        return "Measured here, on this machine"

    for key, control in controls.items():
        control.observe(draw, "value")
        control.add_class(f"t-{key.replace('_', '-')}")
    for widget, name in (
        (picture, "t-plot"),
        (said, "t-said"),
        (framework, "t-framework"),
        (text, "t-chunks"),
    ):
        widget.add_class(name)
    draw()
    jobs = [
        job("Run it for real", search, done, "run"),
        job("… and let the model answer", answer, done, "answer"),
    ]
    return widgets.VBox([*controls.values(), said, picture, framework, *jobs, text])
