"""What did it do with this one? Every case with what was asked, shown, said and right, and whose
fault it is; step by step, or by its id."""

from __future__ import annotations

import html
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from helpers.core.cases import Case, Citation, Evidence, Passage, Prediction
from helpers.data.handbook import Document
from helpers.data.tickets import FIELDS, parse_strict
from helpers.evaluation import scores
from helpers.evaluation import text as evaluation_text
from helpers.evaluation.attribution import REASONS
from helpers.evaluation.retrieval_metrics import union
from helpers.plots.canvas import CAUSE_COLOURS

ALL = "all"
MARK = "background:#FCE58C;color:#000;padding:0 .1em;text-decoration:underline"
QUOTED = "white-space:pre-wrap;overflow-wrap:anywhere"
QUIET = "opacity:.75;font-size:92%"
Span = tuple[int, int]


def case_html(row: Mapping[str, Any], case: Case) -> str:
    """One case as HTML: what was asked, what came of it, said against right, what was shown, what
    was cited, what it cost.

    row: one of `attribution.attribute`. All that comes from data, a model or a handbook is escaped.
    Colours are doubled by words or signs.
    """
    body = _ticket(row, case) if case.gold.output is not None else _question(row, case)
    cost = f"{row['tokens_in']:,} tokens in, {row['tokens_out']:,} out, {row['seconds']:.1f} s"
    return (
        "<div class='t-case' style='line-height:1.5;max-width:60em;margin-top:.4em'>"
        f"{_asked(case)}{_verdict(row)}{body}"
        f"<p style='{QUIET};margin:.8em 0 0'>{cost}</p></div>"
    )


def case_text(row: Mapping[str, Any], case: Case) -> str:
    """The same, as plain text: for a terminal, and for those who read with their ears."""
    text = case_html(row, case)
    for tag, instead in (
        (r"<h4[^>]*>|<div class='t-cause'", r"\n\g<0>"),
        (r"</(?:p|div|h4|tr)>", r"\n"),
        (r"</t[dh]>", "  "),
        (r"<[^>]+>", ""),
    ):
        text = re.sub(tag, instead, text)  # every "<" is a tag of ours: all else is escaped
    return re.sub(r"\n\s*\n", "\n\n", html.unescape(text)).strip()


@dataclass(frozen=True)
class Shown:
    """One case on display: HTML in a notebook, text elsewhere."""

    html: str = field(repr=False)
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show_case(attributed: pd.DataFrame, cases: Sequence[Case], id: str) -> Shown:
    """What happened with this case? The plain-cell twin of `explorer`. Raises ValueError when the
    table has no such case."""
    by_id = _by_id(attributed, cases)
    rows = attributed[attributed["id"] == id]
    if rows.empty:
        raise ValueError(
            f"there is no case '{id}' in this table; it has"
            f" {', '.join(attributed['id'][:3])}{', …' if len(attributed) > 3 else ''}"
        )
    return Shown(case_html(rows.iloc[0], by_id[id]), case_text(rows.iloc[0], by_id[id]))


def show_citation(prediction: Prediction, documents: Sequence[Document]) -> Shown:
    """Can a reader open what an answer cites? The passage with the cited words marked, and where it
    is: file, page, headings. All text is escaped, for a document is untrusted."""
    said = f"<p><b>{html.escape(prediction.text)}</b>"
    if not prediction.cited:
        return Shown(f"{said} (cites nothing)</p>", f"{prediction.text} (cites nothing)")
    cited = prediction.cited[0]
    passage = prediction.context[cited.number - 1]
    source = next(d for d in documents if d.id == cited.doc)
    at = passage.start + max(0, passage.text.find(cited.quote))
    page = f"page {source.page(at)}" if source.page(at) else ""
    where = ", ".join(filter(None, [source.path.name, page, " › ".join(source.heading_path(at))]))
    quote, text = html.escape(cited.quote), html.escape(passage.text)
    marked = text.replace(quote, f"<mark style='{MARK}'>{quote}</mark>")
    return Shown(
        f"{said} [{cited.number}]</p><blockquote style='{QUOTED}'>{marked}</blockquote>"
        f"<p>{html.escape(where)}</p>",
        f"{prediction.text} [{cited.number}]\n  cites {cited.quote!r}\n  {where}",
    )


def matching(attributed: pd.DataFrame, cause: str = ALL, kind: str = ALL) -> list[int]:
    """Which rows (counted from 0) have this cause and this kind?"""
    chosen = attributed["cause"].isin(
        [cause] if cause != ALL else attributed["cause"]
    ) & attributed["kind"].isin([kind] if kind != ALL else attributed["kind"])
    return [at for at, yes in enumerate(chosen) if yes]


def explorer(attributed: pd.DataFrame, cases: Sequence[Case]):
    """Leaf through the cases of one system, by cause and kind; after the last comes the first.

    attributed: from `attribution.attribute`. The plain-cell twin is `show_case(attributed, cases,
    id)`. Raises ValueError when the table is not attributed, is empty, or holds a case that is not
    among `cases`.
    """
    import ipywidgets as widgets

    by_id = _by_id(attributed, cases)
    look = {"style": {"description_width": "60px"}, "layout": {"width": "auto"}}
    causes = widgets.Dropdown(
        options=_choices(attributed["cause"], CAUSE_COLOURS), description="verdict", **look
    )
    kinds = widgets.Dropdown(options=_choices(attributed["kind"]), description="kind", **look)
    previous, following = (
        widgets.Button(description=text, layout={"width": "110px"})
        for text in ("← Previous", "Next →")
    )
    position, panel = widgets.HTML(layout={"margin": "2px 0 2px 1em"}), widgets.HTML()
    found, at = matching(attributed), 0

    def draw() -> None:
        previous.disabled = following.disabled = len(found) < 2
        where = (
            f"{at + 1} of {len(found)}"
            if found
            else "no case has this verdict and this kind; choose another"
        )
        position.value = f"<span role='status' aria-live='polite' aria-atomic='true'>{where}</span>"
        row = attributed.iloc[found[at]] if found else None
        panel.value = (
            ""
            if row is None
            else (
                f"<section aria-label='case {at + 1} of"
                f" {len(found)}'>{case_html(row, by_id[row['id']])}</section>"
            )
        )

    def choose(_=None) -> None:
        nonlocal found, at
        found, at = matching(attributed, causes.value, kinds.value), 0
        draw()

    def step(by: int) -> None:
        nonlocal at
        at = (at + by) % len(found)
        draw()

    causes.observe(choose, "value")
    kinds.observe(choose, "value")
    previous.on_click(lambda _: step(-1))
    following.on_click(lambda _: step(1))
    draw()
    named = {
        "t-verdict": causes,
        "t-kind": kinds,
        "t-previous": previous,
        "t-next": following,
        "t-position": position,
        "t-panel": panel,
    }
    for name, widget in named.items():
        widget.add_class(name)
    filters = [causes, kinds] if attributed["kind"].nunique() > 1 else [causes]
    wrap = {"flex_flow": "row wrap", "align_items": "center"}
    return widgets.VBox(
        [
            widgets.HBox(filters, layout=wrap),
            widgets.HBox([previous, following, position], layout=wrap),
            panel,
        ]
    )


def _choices(
    values: pd.Series, order: Sequence[str] | Mapping[str, str] = ()
) -> list[tuple[str, str]]:
    """("retrieval (18)", "retrieval"), ...: everything first, then in this order, or as they
    come."""
    counts = values.value_counts(sort=False)
    names = [name for name in order if name in counts] or list(dict.fromkeys(values))
    return [
        (f"{ALL} ({len(values)})", ALL),
        *((f"{name} ({counts[name]})", name) for name in names),
    ]


def _by_id(attributed: pd.DataFrame, cases: Sequence[Case]) -> dict[str, Case]:
    if "cause" not in attributed:
        raise ValueError("this table has no verdicts yet; give attribute.attribute(table, oracle)")
    if attributed.empty:
        raise ValueError("there is no case in this table")
    by_id = {case.id: case for case in cases}
    if missing := [id for id in attributed["id"] if id not in by_id]:
        raise ValueError(
            f"{len(missing)} cases of the table are not among the cases given, as {missing[0]};"
            " give the cases that were evaluated"
        )
    return by_id


# --- the pieces of a case -------------------------------------------------------------------------


def _asked(case: Case) -> str:
    ask, ticket = case.ask, case.gold.output is not None
    who = f" by a user in {', '.join(ask.groups)}" if ask.groups else ""
    day = f" on {ask.as_of.day} {ask.as_of:%B %Y}" if ask.as_of else ""
    about = " · ".join(
        [*([f"asked{who}{day}"] if who or day else []), f"kind: {case.kind}", case.id]
    )
    size = "font-size:105%" if ticket else "font-size:115%;font-weight:600"
    return (
        f"<div class='t-asked' style='{size};{QUOTED}'>{html.escape(ask.input)}</div><div"
        f" style='{QUIET}'>{html.escape(about)}</div>"
    )


def _verdict(row: Mapping[str, Any]) -> str:
    cause = row["cause"]
    why = REASONS[cause] + (
        " It refused, although there was an answer." if row.get("wrongly_refused") else ""
    )
    error = (
        ""
        if pd.isna(row["error"])
        else f"<div style='{QUOTED};font-family:monospace'>{html.escape(str(row['error']))}</div>"
    )
    style = f"border-left:.5em solid {CAUSE_COLOURS[cause]};padding:.1em .7em;margin:.6em 0"
    return (
        f"<div class='t-cause' style='{style}'><b>Verdict: {html.escape(cause)}.</b>"
        f" {html.escape(why)}{error}</div>"
    )


def _question(row: Mapping[str, Any], case: Case) -> str:
    context, gold = row["context"], case.gold
    spans = [span] if row["right"] and (span := alias_span(row["answer"], gold.answers)) else []
    said = _marked(row["answer"], spans, "right") if row["answer"].strip() else "(nothing)"
    wanted = (
        " / ".join(map(html.escape, gold.answers))
        or "(a refusal: there is no answer for this user)"
    )
    quotes = "".join(
        f"<p style='margin:.3em 0'>“<span style='{QUOTED}'>{html.escape(e.quote)}</span>” <span"
        f" style='{QUIET}'>{html.escape(e.doc)}</span></p>"
        for e in gold.evidence
    )
    return (
        "<div style='display:flex;flex-wrap:wrap;gap:0 2em'>"
        f"{_box('It said', said, 't-said')}{_box('Right would be', wanted, 't-gold', quotes)}</div>"
        f"{_heading(_seen(context, gold.evidence))}"
        f"{''.join(_passage(n, p, gold.evidence) for n, p in enumerate(context, start=1))}"
        f"{_heading('What it cites')}"
        f"{''.join(_citation(c, context) for c in row['cited']) or '<p>Nothing.</p>'}"
    )


def _heading(text: str) -> str:
    return f"<h4 style='margin:.9em 0 .2em;font-size:100%'>{text}</h4>"


def _box(heading: str, text: str, name: str, more: str = "") -> str:
    return (
        f"<div style='flex:1 1 18em'>{_heading(heading)}<div class='{name}'"
        f" style='font-size:108%;{QUOTED}'>{text}</div>{more}</div>"
    )


def _seen(context: Sequence[Passage], evidence: Sequence[Evidence]) -> str:
    """The heading over the passages: how many, and where the evidence is in them."""
    if not context:
        return "It was shown no passage"
    holding = [
        f"{word} in [{n}]"
        for n, passage in enumerate(context, start=1)
        if (word := _holds(passage, evidence))
    ]
    where = ", ".join(holding) or (
        "no evidence among them" if len(context) > 1 else "no evidence in it"
    )
    return f"It was shown {len(context)} passage{'s' * (len(context) > 1)}" + (
        f": {where}" if evidence else ""
    )


def _holds(passage: Passage, evidence: Sequence[Evidence]) -> str:
    """Does this passage hold evidence, or a quote that was cut?"""
    touched = [e for e in evidence if evidence_spans(passage, [e])]
    whole = all(
        passage.start <= e.start and e.end <= passage.start + len(passage.text) for e in touched
    )
    return "" if not touched else "evidence" if whole else "part of the evidence"


def _passage(number: int, passage: Passage, evidence: Sequence[Evidence]) -> str:
    found = (
        f"similarity {passage.score:.2f}"
        if passage.score is not None
        else "given, not searched for"
    )
    head = (
        f"<b>[{number}] {html.escape(passage.title)}</b> <span"
        f" style='{QUIET}'>{html.escape(passage.doc)}, {found}</span>"
    )
    text = _marked(passage.text, evidence_spans(passage, evidence), _holds(passage, evidence))
    return (
        "<div class='t-passage' style='border:1px solid #8888;padding:.3em .7em;margin:.3em"
        f" 0'><div>{head}</div><div style='{QUOTED}'>{text}</div></div>"
    )


def evidence_spans(passage: Passage, evidence: Sequence[Evidence]) -> list[Span]:
    """Where in this passage's text does evidence stand? Spans that neither overlap nor touch, in
    order."""
    inside = [
        (max(0, e.start - passage.start), min(len(passage.text), e.end - passage.start))
        for e in evidence
        if e.doc == passage.doc
    ]
    return union((a, b) for a, b in inside if a < b)


def alias_span(text: str, answers: Sequence[str]) -> Span | None:
    """Where in the reply does an accepted answer stand, read as the scorer reads it? The longest
    that does; None when none does."""
    bare = evaluation_text.CITATION.sub(lambda mark: " " * len(mark[0]), text)
    words = [m.span() for m in re.finditer(r"[-−<>≤≥±$€£¥]*\w+(?:[.,:]?\w|[²³%+#])*", bare)]
    for answer in sorted(answers, key=lambda one: len(evaluation_text.tokens(one)), reverse=True):
        if not evaluation_text.holds(text, [answer]):
            continue
        # the shortest stretch of words that holds it, the first of them
        for n in range(1, len(evaluation_text.tokens(answer)) + 3):
            for (start, _), (_, end) in zip(words, words[n - 1 :], strict=False):
                if evaluation_text.holds(text[start:end], [answer]):
                    return start, end
    return None


def _marked(text: str, spans: Sequence[Span], word: str) -> str:
    """The text escaped, its spans marked with colour and underline, and with a word before and a
    sign after for those who see neither."""
    edges = [0, *itertools.chain.from_iterable(spans), len(text)]
    out = []
    for i, (start, end) in enumerate(itertools.pairwise(edges)):
        piece = html.escape(text[start:end])
        out.append(
            f"<small style='opacity:.75'>{word} ▸</small><mark style='{MARK}'>{piece}</mark><small"
            " style='opacity:.75'>◂</small>"
            if i % 2
            else piece
        )
    return "".join(out)


def _citation(citation: Citation, context: Sequence[Passage]) -> str:
    who = (
        "the model wrote this number"
        if citation.by == "model"
        else (
            "the model cited nothing; the code chose the sentence that shares most words with the"
            " answer"
        )
    )
    opens = "" if scores.citation_valid(citation, context) else " ✗ does not stand in that passage"
    return (
        f"<p class='t-cited' style='margin:.3em 0'>[{citation.number}] {html.escape(citation.doc)}:"
        f" “<span style='{QUOTED}'>{html.escape(citation.quote)}</span>” <span"
        f" style='{QUIET}'>{who}{opens}</span></p>"
    )


def _ticket(row: Mapping[str, Any], case: Case) -> str:
    said = row["said"] if isinstance(row["said"], dict) else {}
    why = (
        ""
        if said
        else (
            f"<p>{html.escape(row['state'])}: {html.escape(parse_strict(row['answer']).reason)}</p>"
        )
    )
    cell = "style='text-align:left;padding:.15em 1.5em .15em 0'"
    rows = "".join(
        f"<tr><th scope='row' {cell}>{name}</th><td {cell}>{_value(said, name)}</td><td"
        f" {cell}>{_value(case.gold.output, name)}</td>"
        f"<td {cell}>"
        f"{'✓ right' if name in said and said[name] == case.gold.output[name] else '✗ wrong'}"
        "</td></tr>"
        for name in FIELDS
    )
    heads = "".join(
        f"<th scope='col' {cell}>{head}</th>" for head in ("field", "it said", "right is", "")
    )
    raw = html.escape(row["answer"]) if row["answer"].strip() else "(nothing)"
    return (
        f"{why}<table class='t-fields' style='border-collapse:collapse'>"
        f"<tr>{heads}</tr>{rows}</table>{_heading('As it stands')}"
        f"<div style='{QUOTED};font-family:monospace'>{raw}</div>"
    )


def _value(fields: Mapping[str, Any], name: str) -> str:
    return (
        html.escape(
            json.dumps(fields[name]) if isinstance(fields[name], bool) else str(fields[name])
        )
        if name in fields
        else "–"
    )
