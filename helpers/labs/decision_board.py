"""What would we decide, if …? The decision board: sliders for what is required, switches and fields
for what was measured; direction, readiness, next step, costs and flips follow.

    what_if(Requirements(citations=True), evidence)      # the function under the widget, for a
                                                         plain cell
    board(evidence)                                      # the widget
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.core import settings
from helpers.data.journal_file import JournalError
from helpers.decision import sensitivity
from helpers.decision.conclusion import Decision, decide
from helpers.decision.findings import COUNTS, GAINS, NAMES, Finding, Findings, counted
from helpers.decision.options import PEOPLE, RESPONSIBLE
from helpers.decision.requirements import FIELDS, Requirements, shown
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import Agreement, Flips
from helpers.decision.sentences import headline
from helpers.evaluation.numbers import percent, percents
from helpers.labs import controls, decision_record
from helpers.plots import decision as plots_decision

TABS: Mapping[str, tuple[str, ...]] = {
    "What is asked": (
        "action_share",
        "lookup_share",
        "changes_per_year",
        "label_changes_per_year",
        "corpus_tokens",
        "citations",
        "place_enough",
        "access",
        "strict_format",
        "fixed_labels",
        "house_style",
    ),
    "What is expected": (
        "requests_per_day",
        "latency_seconds",
        "least_right",
        "cost_wrong",
        "cost_refusal",
        "cost_off_style",
    ),
    "What there is": ("labelled_examples", "cost_per_label", "window_tokens", "base_model_months"),
    "What is allowed": ("data_may_leave", "data_in_weights", "can_train", "can_search"),
    "Prices": (
        "machine_per_hour",
        "machine_hours_held",
        "price_in",
        "price_out",
        "person_per_hour",
        "release_hours",
        "index_hours",
    ),
}
STYLE = """<style>.t-board{overflow:visible!important}
.t-board .t-answer-box{position:sticky;top:0;z-index:5;max-height:45vh;overflow:auto}
.t-board .t-answer{border-left:6px solid #0072B2;padding:.3em .9em;background:#f3f7fa;color:#222}
.t-board .t-answer b{font-size:130%}.t-board .t-answer p{margin:.35em 0}
.t-board .t-stated{display:none}
.t-board .t-question{line-height:1.25;margin:.5em 0 0}.t-board li{margin:.15em 0}
.t-board .widget-checkbox,.t-board .widget-checkbox label{
height:auto!important;white-space:normal!important;line-height:1.3}
.t-board .t-finding{opacity:.65;font-size:85%}
.t-board .widget-html-content p,.t-board li{line-height:1.45}
.t-board .t-wrong{color:var(--jp-error-color1,#C4501B)}
.t-board .t-controls .widget-box,.t-board .widget-hslider{overflow:visible}
.t-board .jupyter-widget-Collapse-header{color:var(--jp-ui-font-color1)}
@media print{.t-board .t-answer-box{position:static;max-height:none}
.t-board .t-stated{display:block!important}
.t-board,.t-board *{overflow:visible!important}
.t-board,.t-board .jupyter-widgets{
display:block!important;height:auto!important;width:100%!important;max-width:none}
.t-board .widget-html-content,.t-board li,.t-board td{font-size:11px;line-height:1.35}
.t-board .t-controls.t-controls{display:none!important}
.t-board img,.t-board li,.t-board tr{break-inside:avoid}}</style>"""


PUBLISHED = settings.DATA / "published.json"
YOUR_MODEL = "your own model"


@dataclass(frozen=True)
class BoardWhatIf:
    """A decision with all that the board shows beside it."""

    decision: Decision
    agreement: Agreement

    @property
    def flips(self) -> Flips:
        return self.decision.flips

    def sentence(self) -> str:
        """The direction in one line, and how firm it is."""
        a = self.agreement
        return (
            f"{headline(self.decision)} With your numbers drawn again around what you stated,"
            f" {percent(a.share)} of {a.n} draws give the same direction"
            f" ({percents(a.low, a.high)})."
        )

    def readiness(self, published: Sequence[Mapping[str, Any]] = ()) -> plots_decision.Drawing:
        return plots_decision.readiness(self.decision, published)

    def costs(self) -> plots_decision.Drawing:
        return plots_decision.costs(self.decision)

    def flip_chart(self, about: sensitivity.About = "direction") -> plots_decision.Drawing:
        return plots_decision.flips(self.decision, about)


def what_if(requirements: Requirements, evidence: Findings) -> BoardWhatIf:
    """What do we decide, how firm is it, and what would change it?"""
    return BoardWhatIf(
        decide(requirements, evidence), sensitivity.agreement(requirements, evidence)
    )


def own_number(name: str, text: str, model: str = YOUR_MODEL) -> Finding:
    """A number that was typed: "170 of 200", "170/200", "85 % of 200" or "0.85 of 200". Raises
    ValueError that says what is wrong and how to write it."""
    found = re.fullmatch(r"\s*([\d.,]+)\s*(%?)\s*(?:of|/)\s*([\d.,]+)\s*", text)
    how = f"{NAMES[name][2]}: write it as 170 of 200, or 85 % of 200"
    if not found:
        raise ValueError(f"{text!r} is not understood; {how}")
    value, n = float(found[1].replace(",", ".")), found[3].replace(",", "")
    if not n.isdigit():
        raise ValueError(f"{found[3]} is no number of cases; {how}")
    share = found[2] or "." in found[1].replace(",", ".")
    k = round(value / (100 if found[2] else 1) * int(n)) if share else int(value)
    try:
        return counted(k, int(n), f"typed/{name}", says=NAMES[name][2], model=model, data=model)
    except ValueError as error:
        raise ValueError(f"{error}; {how}") from None


def published() -> list[dict[str, Any]]:
    """What others measured with larger models, as shares: task, system, finding (a name in
    `findings.NAMES`), measure, value, low, high, n, model, source, quoted, comparable,
    not_comparable. None of it enters a decision: other data, other ways of counting."""
    figures = json.loads(PUBLISHED.read_text(encoding="utf-8"))["figures"]
    return [one for one in figures if one["value"] is not None]


def board(evidence: Findings, requirements: Requirements | None = None, guesses: Any = None):
    """Move what is required, switch what was measured on and off or type numbers of your own, and
    see what follows. guesses: of `journal.calibration`, for the record.

    Ready scenarios set all sliders at once. The button saves the decision record in
    `my_work/decisions/`.
    """
    import ipywidgets as widgets

    state: dict[str, Any] = {"case": None, "quiet": False, "scenario": "your own"}
    stated, others = requirements or Requirements(), published()
    moved = {name: controls.control(name, getattr(stated, name)) for name in FIELDS}
    seen, typed = _switches(evidence), _fields()
    scenario = widgets.Dropdown(
        options=["your own", *SCENARIOS], description="scenario", layout={"width": "98%"}
    )
    names = ("answer-box", "problem", "ready", "costs", "flips", "reasons", "told", "kept")
    shown_as = {name: widgets.HTML() for name in names}
    keep = widgets.Button(
        description="Keep the decision record", button_style="primary", layout={"width": "auto"}
    )

    def known() -> Findings:
        """What is switched on, with the numbers that were typed in its place."""
        own = {name: own_number(name, one.value) for name, one in typed.items() if one.value}
        off = [name for name, box in seen.items() if not box.value and name not in own]
        return evidence.without(*off).but(**own)

    def draw(_=None) -> None:
        if state["quiet"]:
            return
        shown_as["problem"].value = shown_as["kept"].value = ""
        try:
            now = Requirements(**{name: control.value for name, control in moved.items()})
            state["case"] = case = what_if(now, known())
        except ValueError as error:
            said = html.escape(str(error))
            shown_as["problem"].value = f"<p role='alert' class='t-wrong'>{said}</p>"
            return
        shown_as["answer-box"].value = _answer(case)
        shown_as["reasons"].value = _reasons(case)
        shown_as["ready"].value = case.readiness(others).in_full()
        shown_as["costs"].value = case.costs().in_full()
        shown_as["flips"].value = (
            case.flip_chart().in_full() + case.flip_chart("readiness").in_full()
        )

    def choose(change: Mapping[str, Any]) -> None:
        state["quiet"], state["scenario"] = True, change["new"]
        chosen = SCENARIOS.get(change["new"])
        shown_as["told"].value = (
            f"<p><b>{html.escape(chosen.feature)}</b> {html.escape(chosen.discuss)}</p>"
            if chosen
            else ""
        )
        for name, control in moved.items():
            controls.move(name, control, getattr(chosen.requirements if chosen else stated, name))
        state["quiet"] = False
        draw()

    def write(_) -> None:
        try:
            folder = decision_record.write(
                state["case"].decision, f"Decision: {state['scenario']}", guesses=guesses
            )
            said = f"Saved: {html.escape(settings.shown(folder))}"
        except JournalError as error:  # raised here it would only reach a log
            said = f"Not saved. {html.escape(str(error))}"
        shown_as["kept"].value = f"<span role='status'>{said}</span>"

    for control in (*moved.values(), *seen.values(), *typed.values()):
        control.observe(draw, "value")
    scenario.observe(choose, "value")
    keep.on_click(write)
    for name, widget in (
        *shown_as.items(),
        ("keep", keep),
        ("scenario", scenario),
        *((n.replace("_", "-"), c) for n, c in moved.items()),
        *((f"seen-{_class(n)}", c) for n, c in seen.items()),
        *((f"own-{_class(n)}", c) for n, c in typed.items()),
    ):
        widget.add_class(f"t-{name}")
    draw()
    return _laid_out(shown_as, moved, seen, typed, scenario, keep)


def _laid_out(shown_as, moved, seen, typed, scenario, keep):
    """The answer on top, controls on the left, pictures on the right; one column if narrow."""
    import ipywidgets as widgets

    rows = {tab: [controls.row(name, moved[name]) for name in names] for tab, names in TABS.items()}
    rows["What was measured"] = _measured_rows(seen, typed)
    tabs = widgets.Accordion(
        [widgets.VBox(found) for found in rows.values()], titles=tuple(rows), selected_index=0
    )
    left = widgets.VBox(
        [scenario, shown_as["told"], tabs, shown_as["problem"], keep, shown_as["kept"]],
        layout={"flex": "1 1 330px", "min_width": "300px"},
    )
    right = widgets.VBox(
        [shown_as[name] for name in ("ready", "costs", "flips", "reasons")],
        layout={"flex": "2 1 520px", "min_width": "300px"},
    )
    left.add_class("t-controls")
    both = widgets.HBox(
        [left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"}
    )
    styled = widgets.HTML(STYLE + controls.READ_ALOUD)
    whole = widgets.VBox([styled, shown_as["answer-box"], both])
    whole.add_class("t-board")
    return whole


def _switches(evidence: Findings) -> dict[str, Any]:
    """A check box for each finding that some answer rests on."""
    import ipywidgets as widgets

    return {
        name: widgets.Checkbox(
            name in evidence.found,
            disabled=name not in evidence.found,
            description=_finding(name, evidence),
            indent=False,
            layout={"width": "98%"},
        )
        for name in NAMES
    }


def _fields() -> dict[str, Any]:
    """A field for a number of one's own; a difference follows from its two shares, and a release is
    counted in its lesson."""
    import ipywidgets as widgets

    return {
        name: widgets.Text(
            placeholder="your own: 170 of 200",
            continuous_update=False,
            layout={"width": "200px"},
            tooltip=NAMES[name][2],
        )
        for name in NAMES
        if name not in {*GAINS.values(), *COUNTS}
    }


def _measured_rows(seen: Mapping[str, Any], typed: Mapping[str, Any]) -> list[Any]:
    """The findings under the kind of request that they are about, each with its field."""
    import ipywidgets as widgets

    told = (
        "Switch a number off to see what depends on it, or type your own beside it: right cases of"
        " all cases. Your own numbers stand for another model, so they take the place of all"
        " others of their kind."
    )
    rows: list[Any] = [widgets.HTML(f"<p>{told}</p>")]
    last = ""
    for name, box in seen.items():
        kind = NAMES[name][1]
        if kind != last:
            rows.append(widgets.HTML(f"<b>{html.escape(RESPONSIBLE.get(kind, kind))}</b>"))
            last = kind
        beside = [widgets.HTML(text)] if (text := elsewhere(name)) else []
        rows.append(widgets.VBox([box, *([typed[name]] if name in typed else []), *beside]))
    return rows


def elsewhere(name: str, most: int = 3) -> str:
    """What others measured beside this finding, as a line of HTML; empty where nobody is known."""
    found = [one for one in published() if one["finding"] == name][:most]
    said = [
        f"<span title='{html.escape(one['source'], quote=True)}'>{percent(one['value'])}"
        f" {html.escape(one['model'])}, {html.escape(one['task'])}</span>"
        for one in found
    ]
    return f"<small>○ elsewhere: {'; '.join(said)}</small>" if said else ""


def _class(name: str) -> str:
    return name.replace(" ", "-").replace(",", "").replace("+", "and")


def _finding(name: str, evidence: Findings) -> str:
    """A finding as its question, and what was found."""
    found, says = evidence.found.get(name), NAMES[name][2]
    said = str(found) if found else "not measured"
    return f"{says[0].upper()}{says[1:]}: {said}"


def _answer(case: BoardWhatIf) -> str:
    """Three paragraphs to be read aloud; the direction in bold."""
    d = case.decision
    head, (first, *rest) = headline(d), d.paragraphs
    first = first.removeprefix(head)
    said = "".join(f"<p>{html.escape(one)}</p>" for one in rest)
    return (
        f"<div class='t-answer' role='status'><p><b>{html.escape(head)}</b>{html.escape(first)}</p>"
        f"{said}</div>"
    )


def _reasons(case: BoardWhatIf) -> str:
    d = case.decision
    items = "".join(
        f"<li>{html.escape(reason.text)} <span"
        f" class='t-finding'>{html.escape(', '.join(reason.findings))}</span></li>"
        for reason in d.reasons
    )
    asks = "".join(_asks(option) for option in dict.fromkeys(d.parts.values()) if option != PEOPLE)
    stated = "".join(
        f"<tr><td>{html.escape(FIELDS[name]['question'])}</td>"
        f"<td>{html.escape(shown(name, getattr(d.requirements, name)))}</td></tr>"
        for name in FIELDS
    )
    firm = html.escape(case.sentence().removeprefix(headline(d)).strip())
    return (
        f"<h3>Why</h3><ol>{items}</ol><p>{firm}</p>{asks}<div class='t-stated'><h3>What is"
        f" required</h3><table>{stated}</table></div>"
    )


def _asks(option: Any) -> str:
    """What a part asks of its owners, and what goes wrong first."""
    owners = "".join(
        f"<li><b>{what}:</b> {html.escape(text)}</li>"
        for what, text in (
            ("version", option.version),
            ("test", option.test),
            ("roll back", option.roll_back),
        )
    )
    risks = "".join(f"<li>{html.escape(risk)}</li>" for risk in option.risks)
    name = html.escape(option.name)
    return (
        f"<h3>What {name} asks of its owners</h3><ul>{owners}</ul><h3>What goes wrong first with"
        f" {name}</h3><ul>{risks}</ul>"
    )
