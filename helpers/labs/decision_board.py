"""What would we decide, if …? The decision board: sliders for what is required, switches for what
was measured; answer, reasons, costs and flips follow.

    what_if(Requirements(citations=True), evidence)      # the function under the widget, for a
                                                         plain cell
    board(evidence)                                      # the widget
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helpers.core import settings
from helpers.data.journal_file import JournalError
from helpers.decision import sensitivity
from helpers.decision.conclusion import Decision, best_system, decide
from helpers.decision.findings import NAMES, Findings
from helpers.decision.requirements import FIELDS, NUMBERS, Requirements, shown, steps
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import Agreement, Flip, Sweep
from helpers.evaluation.numbers import percent, percents
from helpers.labs import decision_record
from helpers.plots import decision as plots_decision

TABS: Mapping[str, tuple[str, ...]] = {
    "What is asked": (
        "lookup_share",
        "changes_per_year",
        "corpus_tokens",
        "citations",
        "access",
        "strict_format",
        "house_style",
    ),
    "What is expected": (
        "requests_per_day",
        "latency_seconds",
        "least_right",
        "cost_wrong",
        "cost_refusal",
    ),
    "What there is": ("labelled_examples", "cost_per_label", "window_tokens", "base_model_months"),
    "What is allowed": ("data_may_leave", "data_in_weights", "can_train", "can_search"),
    "Prices": (
        "machine_per_hour",
        "price_in",
        "price_out",
        "person_per_hour",
        "release_hours",
        "index_hours",
    ),
}
STYLE = """<style>.t-board{overflow:visible!important}
.t-board .t-answer-box{position:sticky;top:0;z-index:5}
.t-board .t-answer{border-left:6px solid #0072B2;padding:.3em .9em;background:#f3f7fa;color:#222}
.t-board .t-answer b{font-size:130%}.t-board .t-stated{display:none}
.t-board .t-question{line-height:1.25;margin:.5em 0 0}.t-board li{margin:.15em 0}
.t-board .widget-checkbox,.t-board .widget-checkbox label{
height:auto!important;white-space:normal!important;line-height:1.3}
.t-board .t-finding{color:#666;font-size:85%}
@media print{.t-board .t-answer-box{position:static}.t-board .t-stated{display:block!important}
.t-board,.t-board *{overflow:visible!important}
.t-board,.t-board .jupyter-widgets{
display:block!important;height:auto!important;width:100%!important;max-width:none}
.t-board .widget-html-content,.t-board li,.t-board td{font-size:11px;line-height:1.35}
.t-board .t-controls.t-controls{display:none!important}
.t-board img,.t-board li,.t-board tr{break-inside:avoid}}</style>"""


@dataclass(frozen=True)
class BoardWhatIf:
    """A decision with all that the board shows beside it."""

    decision: Decision
    swept: Sweep
    flips: list[Flip]
    agreement: Agreement

    def sentence(self) -> str:
        """The answer in one line, and how firm it is."""
        d, a = self.decision, self.agreement
        head = (
            f"Not yet: measure {d.measure}."
            if d.measure
            else f"{d.answer[0].upper()}{d.answer[1:]}."
        )
        return (
            f"{head} {percent(a.share)} of {a.n} draws around what is stated give the same"
            f" answer ({percents(a.low, a.high)})."
        )

    def costs(self) -> plots_decision.Drawing:
        return plots_decision.costs(self.decision)

    def flip_chart(self) -> plots_decision.Drawing:
        return plots_decision.flips(self.decision, self.swept, self.flips)


def what_if(requirements: Requirements, evidence: Findings) -> BoardWhatIf:
    """What do we decide, how firm is it, and what would change it?"""
    swept = sensitivity.sweep(requirements, evidence)
    return BoardWhatIf(
        decide(requirements, evidence),
        swept,
        sensitivity.flips(requirements, evidence, swept),
        sensitivity.agreement(requirements, evidence),
    )


def board(evidence: Findings, requirements: Requirements | None = None, guesses: Any = None):
    """Move what is required, switch what was measured on and off, and see what follows. guesses: of
    `journal.calibration`, for the record.

    Ready scenarios set all sliders at once. The button saves the decision record in
    `my_work/decisions/`.
    """
    import ipywidgets as widgets

    state: dict[str, Any] = {"case": None, "quiet": False, "scenario": "your own"}
    stated = requirements or Requirements()
    controls = {name: _control(name, getattr(stated, name)) for name in FIELDS}
    seen = {
        name: widgets.Checkbox(
            name in evidence.found,
            disabled=name not in evidence.found,
            description=_finding(name, evidence),
            indent=False,
            layout={"width": "98%"},
        )
        for name in NAMES
    }
    scenario = widgets.Dropdown(
        options=["your own", *SCENARIOS], description="scenario", layout={"width": "98%"}
    )
    answer, reasons, costs, flips, scenario_text = (widgets.HTML() for _ in range(5))
    keep, kept = (
        widgets.Button(
            description="Keep the decision record", button_style="primary", layout={"width": "auto"}
        ),
        widgets.HTML(),
    )

    def draw(_=None) -> None:
        if state["quiet"]:
            return
        now = Requirements(**{name: control.value for name, control in controls.items()})
        state["case"] = case = what_if(
            now, evidence.without(*(name for name, box in seen.items() if not box.value))
        )
        answer.value, reasons.value = _answer(case), _reasons(case)
        costs.value, flips.value, kept.value = (
            case.costs()._repr_html_(),
            case.flip_chart()._repr_html_(),
            "",
        )

    def choose(change: Mapping[str, Any]) -> None:
        state["quiet"], state["scenario"] = True, change["new"]
        chosen = SCENARIOS.get(change["new"])
        scenario_text.value = (
            f"<p><b>{html.escape(chosen.feature)}</b> {html.escape(chosen.discuss)}</p>"
            if chosen
            else ""
        )
        for name, control in controls.items():
            _set(name, control, getattr(chosen.requirements if chosen else stated, name))
        state["quiet"] = False
        draw()

    def write(_) -> None:
        try:
            folder = decision_record.write(
                state["case"].decision, f"Decision: {state['scenario']}", guesses=guesses
            )
            kept.value = f"<span role='status'>Saved: {html.escape(settings.shown(folder))}</span>"
        except JournalError as error:  # raised here it would only reach a log
            kept.value = f"<span role='status'>Not saved. {html.escape(str(error))}</span>"

    for control in (*controls.values(), *seen.values()):
        control.observe(draw, "value")
    scenario.observe(choose, "value")
    keep.on_click(write)
    rows = {tab: [_row(name, controls[name]) for name in names] for tab, names in TABS.items()} | {
        "What was measured": list(seen.values())
    }
    tabs = widgets.Accordion(
        [widgets.VBox(found) for found in rows.values()], titles=tuple(rows), selected_index=0
    )
    for widget, name in (
        (answer, "answer-box"),
        (reasons, "reasons"),
        (costs, "costs"),
        (flips, "flips"),
        (keep, "keep"),
        (kept, "kept"),
        (scenario, "scenario"),
        (scenario_text, "told"),
        *((c, n.replace("_", "-")) for n, c in controls.items()),
        *(
            (c, "seen-" + n.replace(" ", "-").replace(",", "").replace("+", "and"))
            for n, c in seen.items()
        ),
    ):
        widget.add_class(f"t-{name}")
    left = widgets.VBox(
        [scenario, scenario_text, tabs, keep, kept],
        layout={"flex": "1 1 330px", "min_width": "300px"},
    )
    right = widgets.VBox(
        [costs, flips, reasons], layout={"flex": "2 1 520px", "min_width": "300px"}
    )
    left.add_class("t-controls")
    whole = widgets.VBox(
        [
            widgets.HTML(STYLE),
            answer,
            widgets.HBox(
                [left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"}
            ),
        ]
    )
    whole.add_class("t-board")
    draw()
    return whole


def _control(name: str, value: float | bool):
    import ipywidgets as widgets

    if name not in NUMBERS:
        return widgets.Checkbox(
            value, description=FIELDS[name]["question"], indent=False, layout={"width": "98%"}
        )
    return widgets.SelectionSlider(
        options=_options(name, value),
        value=value,
        continuous_update=False,
        description_tooltip=FIELDS[name]["question"],
        layout={"width": "98%"},
    )


def _options(name: str, value: float) -> list[tuple[str, float]]:
    return [(shown(name, step), step) for step in sorted({*steps(name), value})]


def _set(name: str, control: Any, value: float | bool) -> None:
    """Move a control to a value that its slider may not have offered so far."""
    if name in NUMBERS and control.value != value:
        control.options = _options(name, value)
    control.value = value


def _row(name: str, control: Any):
    """A slider under its question; the question of a checkbox is its own label."""
    import ipywidgets as widgets

    if name not in NUMBERS:
        return control
    question = widgets.HTML(
        f"<div class='t-question'>{html.escape(FIELDS[name]['question'])}</div>"
    )
    return widgets.VBox([question, control])


def _finding(name: str, evidence: Findings) -> str:
    found = evidence.found.get(name)
    return f"{name}: {found}" if found else f"{name}: not measured"


def _answer(case: BoardWhatIf) -> str:
    d = case.decision
    why = f"<br>{html.escape(d.measure.why)}" if d.measure else ""
    head, rest = (
        case.sentence().split(". ", 1)
        if not d.measure
        else (f"Not yet: measure {d.measure}", case.sentence().split(". ", 1)[1])
    )
    return (
        "<div class='t-answer'"
        f" role='status'><b>{html.escape(head)}</b>{why}<br>{html.escape(rest)}</div>"
    )


def _reasons(case: BoardWhatIf) -> str:
    d = case.decision
    items = "".join(
        f"<li>{html.escape(reason.text)} <span"
        f" class='t-finding'>{html.escape(', '.join(reason.findings))}</span></li>"
        for reason in d.reasons
    )
    option = d.option or best_system(d) or d.leader
    owners = "".join(
        f"<li><b>{what}:</b> {html.escape(text)}</li>"
        for what, text in (
            ("version", option.version),
            ("test", option.test),
            ("roll back", option.roll_back),
        )
        if text
    )
    risks = "".join(f"<li>{html.escape(risk)}</li>" for risk in option.risks)
    asks = (
        f"<h3>What {html.escape(option.name)} asks of its owners</h3><ul>{owners}</ul><h3>What goes"
        f" wrong first</h3><ul>{risks}</ul>"
        if owners
        else ""
    )
    stated = "".join(
        f"<tr><td>{html.escape(FIELDS[name]['question'])}</td>"
        f"<td>{html.escape(shown(name, getattr(d.requirements, name)))}</td></tr>"
        for name in FIELDS
    )
    return (
        f"<h3>Why</h3><ol>{items}</ol>{asks}<div class='t-stated'><h3>What is"
        f" required</h3><table>{stated}</table></div>"
    )
