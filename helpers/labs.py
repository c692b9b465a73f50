"""What if? The widgets of the labs: thin, each over one function that a plain cell can call as well."""

from __future__ import annotations

import html
import itertools
from collections.abc import Sequence

import pandas as pd

from helpers import plots
from helpers.cases import Case
from helpers.chunking import chunk, token_spans
from helpers.corpus import Document
from helpers.evaluate import share
from helpers.index import build_index
from helpers.ranking import evidence_found

TINTS = ("#DCEBF7", "#FBE8C9", "#DDF1E7", "#F5DDE9")  # pale enough to read black text on


def measure_chunk_sizes(
    documents: Sequence[Document], cases: Sequence[Case], chunk_sizes: Sequence[int] = (64, 128, 256, 512), top_ks: Sequence[int] = (1, 3, 5)
) -> pd.DataFrame:
    """For every chunk size and top_k: the share of cases whose evidence is retrieved whole, and the tokens of the passages (the embedder's).

    Overlap is a quarter of the chunk size. An index is built per chunk size, once; only answerable cases count.
    """
    answerable = [case for case in cases if case.gold.evidence]
    rows = []
    for size in chunk_sizes:
        index = build_index(documents, size, size // 4)
        found = [index.search(c.ask.input, c.ask.groups, c.ask.as_of, max(top_ks)) for c in answerable]
        tokens = [[len(token_spans(p.text)) for p in passages] for passages in found]
        for k in top_ks:
            hits = pd.DataFrame({"right": [evidence_found(c.gold.evidence, p[:k]) for c, p in zip(answerable, found, strict=True)]})
            read = sum(sum(t[:k]) for t in tokens) / len(answerable)
            rows.append({"chunk_size": size, "top_k": k} | share(hits) | {"passage_tokens": read, "chunks": index.size})
    return pd.DataFrame(rows)


def coloured_chunks(document: Document, chunk_size: int, evidence: str, window: int = 900) -> str:
    """HTML of the text around the evidence: one tint a chunk (striped tints would hide overlap, so overlap is drawn as an underline),
    the evidence framed, and a sentence that says into how many chunks the evidence was cut."""
    at = document.text.index(evidence)
    low, high = max(0, at - window // 2), min(len(document.text), at + len(evidence) + window // 2)
    pieces = chunk(document, chunk_size, chunk_size // 4)
    whole = [i for i, p in enumerate(pieces) if p.start <= at and at + len(evidence) <= p.end]
    touching = [i for i, p in enumerate(pieces) if p.start < at + len(evidence) and p.end > at]
    edges = sorted({low, high, at, at + len(evidence)} | {e for p in pieces for e in (p.start, p.end) if low < e < high})
    out = []
    for start, end in itertools.pairwise(edges):
        inside = [i for i, p in enumerate(pieces) if p.start <= start and end <= p.end]
        style = f"background:{TINTS[inside[0] % len(TINTS)]};" if inside else ""
        style += "border-bottom:2px solid #777;" if len(inside) > 1 else ""
        style += "outline:2px solid #D55E00;" if at <= start and end <= at + len(evidence) else ""
        out.append(f"<span style='{style}'>{html.escape(document.text[start:end])}</span>")
    verdict = (
        f"At {chunk_size} tokens the evidence (framed) stands whole in chunk {whole[0] + 1} of {len(pieces)}."
        if whole
        else f"At {chunk_size} tokens the evidence (framed) is cut over {len(touching)} chunks of {len(pieces)}: no single passage holds it."
    )
    text = "".join(out).replace("\n", "<br>")
    return (
        f"<p><b>{html.escape(document.title)}.</b> {verdict} Underlined text belongs to two chunks (overlap).</p>"
        f"<div style='font-size:90%;line-height:1.55;color:#222;background:#fff;padding:.6em;border:1px solid #ccc'>… {text} …</div>"
    )


def chunk_size_lab(grid: pd.DataFrame, document: Document, evidence: str):
    """Slide chunk size and top_k: recall with its interval, tokens to read, and one document cut before your eyes.

    The plain-cell twins are `plots.chunk_sizes(grid, chunk_size, top_k)` and `coloured_chunks(document, chunk_size, evidence)`.
    """
    import ipywidgets as widgets

    wide = {"description_width": "110px"}
    size = widgets.SelectionSlider(options=sorted(grid["chunk_size"].unique().tolist()), value=128, description="chunk size", style=wide)
    top_k = widgets.SelectionSlider(options=sorted(grid["top_k"].unique().tolist()), value=3, description="passages (k)", style=wide)
    picture, text = widgets.HTML(), widgets.HTML()

    def draw(_=None) -> None:
        picture.value = plots.chunk_sizes(grid, size.value, top_k.value)._repr_html_()
        text.value = coloured_chunks(document, size.value, evidence)

    size.observe(draw, "value")
    top_k.observe(draw, "value")
    draw()
    for widget, name in ((size, "t-size"), (top_k, "t-topk"), (picture, "t-plot"), (text, "t-chunks")):
        widget.add_class(name)
    return widgets.VBox([size, top_k, picture, text])
