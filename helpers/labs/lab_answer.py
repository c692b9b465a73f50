"""What does the framework say to the setting of a lab? The answer of the board beside the picture,
a few requirements to move, and under every slider where the answer turns round.

    training_answer(grid, TrainingSetting(256), "sorting tickets")     # for a plain cell
    chunking_answer(grid, ChunkingSetting(top_k=5), "find the page")
    Panel("training", …)                                               # the widgets of a lab
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from helpers.decision.conclusion import Decision, decide
from helpers.decision.findings import Findings, load_findings
from helpers.decision.readiness import CONTRADICT, NO, NOT_YET, PILOT
from helpers.decision.requirements import Requirements
from helpers.decision.scenarios import IN_LABS
from helpers.decision.sentences import headline, in_state
from helpers.evaluation.numbers import percent
from helpers.experiments import lab_findings
from helpers.experiments.chunking_grid import ChunkingSetting
from helpers.experiments.training_cell import TrainingSetting
from helpers.experiments.training_grid import Grid
from helpers.labs import controls
from helpers.plots import decision as plots_decision

# the axis under a slider shows its value
LOOK = {"continuous_update": False, "readout": False, "layout": {"width": "98%"}}
NOTHING = "Nobody has measured this setting, so nothing follows from it."


class Key(NamedTuple):
    """What two answers differ in: the direction, whether it is ready, and what to fix first."""

    direction: str
    state: str
    fix: str = ""

    def __str__(self) -> str:
        said = f"{self.direction}: {self.state}"
        return f"{said}; {self.fix[0].lower()}{self.fix[1:]}" if self.fix else said


@dataclass(frozen=True)
class LabAnswer:
    """The decision at a setting; None where nobody has measured it."""

    decision: Decision | None

    @property
    def key(self) -> Key | None:
        """None for what is not measured: that is no answer."""
        d = self.decision
        if d is None:
            return None
        state = d.readiness.state
        # of the sentence only what is to be fixed, without its counts
        fix = d.next.fix.partition(" (")[0].partition(":")[0].partition(";")[0].rstrip(".")
        return Key(d.answer, in_state(d.readiness), fix if state == NO else "")

    @property
    def settled(self) -> bool:
        """Is it more than "cannot tell": is readiness decided, or no pair open?"""
        d = self.decision
        return d is not None and (d.readiness.state not in (PILOT, NOT_YET) or not d.open)

    def __str__(self) -> str:
        return NOTHING if self.decision is None else "\n".join(self.decision.paragraphs)

    __repr__ = __str__

    def pictures(self) -> list[plots_decision.Drawing]:
        """The gain of each pair against the line that would pay, and right today against right
        needed; none where there is no system."""
        d = self.decision
        if d is None or d.readiness.state == CONTRADICT:
            return []
        return [plots_decision.gains(d), plots_decision.readiness(d)]

    def _repr_html_(self) -> str:
        """As on the board: the direction in bold, three paragraphs, and the pairs drawn."""
        d = self.decision
        if d is None:
            return f"<div class='t-lab-answer t-grey' role='status'><p>{NOTHING}</p></div>"
        head, (first, *rest) = headline(d), d.paragraphs
        said = "".join(f"<p>{html.escape(one)}</p>" for one in rest)
        return (
            f"<div class='t-lab-answer' role='status'><p><b>{html.escape(head)}</b>"
            f"{html.escape(first.removeprefix(head))}</p>{said}</div>"
            + "".join(one._repr_html_() for one in self.pictures())
        )


def answer(findings: Findings | None, requirements: Requirements) -> LabAnswer:
    """What follows from a setting. findings: of `lab_findings`; None: nobody has measured it.
    Where the option that is chosen was not measured there, nothing follows either."""
    if findings is None:
        return LabAnswer(None)
    decision = decide(requirements, findings)
    unseen = [one for one in decision.direction.values() if not one.measured]
    return LabAnswer(None if unseen else decision)


def training_answer(
    grid: Grid, setting: TrainingSetting, scenario: str, evidence: Findings | None = None
) -> LabAnswer:
    """What follows from a setting of the training-size lab in one of the scenarios of `IN_LABS`?"""
    return _answer_in("training", scenario, lab_findings.of_training, grid, setting, evidence)


def chunking_answer(
    grid: pd.DataFrame, setting: ChunkingSetting, scenario: str, evidence: Findings | None = None
) -> LabAnswer:
    """What follows from a setting of the chunking lab in one of the scenarios of `IN_LABS`?"""
    return _answer_in("chunking", scenario, lab_findings.of_chunking, grid, setting, evidence)


def _answer_in(lab: str, scenario: str, read: Callable, grid: Any, setting: Any, evidence: Any):
    if (asked := IN_LABS[lab].get(scenario)) is None:
        raise ValueError(f"there is no scenario {scenario!r}; there are {', '.join(IN_LABS[lab])}")
    return answer(known(read, grid, setting, evidence or load_findings()), asked.requirements)


def known(read: Callable, grid: Any, setting: Any, evidence: Findings) -> Findings | None:
    """What was measured at a setting; None where nothing was. read: of `lab_findings`."""
    try:
        return read(grid, setting, evidence)
    except KeyError:
        return None


STYLE = """<style>
.t-lab-answer{border-left:6px solid #0072B2;padding:.3em .9em;background:#f3f7fa;color:#222;
line-height:1.4;margin-bottom:.5em}
.t-lab-answer b{font-size:125%}.t-lab-answer p{margin:.35em 0}
.t-lab-answer.t-grey{border-color:#999;background:#eee;color:#444}
.t-axis img{display:block;width:100%}.t-axis{margin:-4px 0 4px 0;width:98%}
.t-lab-side .widget-hslider .slider-container{margin:0 4px}
.t-lab-side{padding-left:8px}
.t-lab-side .widget-box,.t-lab-side .widget-hslider{overflow:visible}
.t-legend ul{list-style:none;margin:.3em 0;padding:0;line-height:1.35;font-size:90%}
.t-legend li{padding-left:1.4em;text-indent:-1.4em}
.t-legend span{display:inline-block;width:.9em;height:.9em;margin-right:.5em;border:1px solid #777;
vertical-align:-.1em}
.t-lab-side .t-question{line-height:1.25;margin:.5em 0 0}
.t-lab-side .t-told p{line-height:1.4;margin:.4em 0}
.t-lab-side .widget-checkbox,.t-lab-side .widget-checkbox label{height:auto!important;
white-space:normal!important;line-height:1.3}
@media (max-width:900px){.t-lab-side{max-width:none!important}}
@media print{.t-lab,.t-lab .jupyter-widgets{display:block!important;height:auto!important;
width:100%!important;max-width:none;overflow:visible!important}.t-lab img{break-inside:avoid}}
</style>"""


class Panel:
    """Scenario, requirements, answer, and the axis of each slider.

    lab: a name in `IN_LABS`. names: the requirements that can be moved. sliders: name of a field of
    the setting -> its widget; setting(**changes): the setting with these sliders moved;
    findings_at(setting): what was measured there, None where nothing was. `forget` after a run.
    """

    def __init__(
        self,
        lab: str,
        names: Sequence[str],
        sliders: Mapping[str, Any],
        setting: Callable[..., Any],
        findings_at: Callable[[Any], Findings | None],
    ):
        import ipywidgets as widgets

        self.scenarios, self.sliders, self.setting = IN_LABS[lab], sliders, setting
        self.findings_at, self.known = findings_at, {}
        first = next(iter(self.scenarios.values()))
        self.scenario = widgets.Dropdown(
            options=list(self.scenarios), description="scenario", layout={"width": "98%"}
        )
        asked = first.requirements
        self.stated = {name: controls.control(name, getattr(asked, name)) for name in names}
        self.axes = {name: widgets.HTML() for name in sliders}
        self.said, self.told, self.legend = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.colours: dict[Key, str] = {}  # an answer keeps its colour while sliders move
        self.quiet = False
        self.scenario.observe(self._choose, "value")
        for one in self.stated.values():
            one.observe(self.draw, "value")
        for name, widget in (
            ("scenario", self.scenario),
            ("framework", self.said),
            ("told", self.told),
            ("legend", self.legend),
            *((f"axis-{n.replace('_', '-')}", one) for n, one in self.axes.items()),
            *((n.replace("_", "-"), one) for n, one in self.stated.items()),
        ):
            widget.add_class(f"t-{name}")
        for one in self.axes.values():
            one.add_class("t-axis")

    @property
    def requirements(self) -> Requirements:
        """Those of the scenario, with what was moved."""
        asked = self.scenarios[self.scenario.value].requirements
        return asked.but(**{name: one.value for name, one in self.stated.items()})

    def answer_at(self, **changes: Any) -> LabAnswer:
        """The answer with these sliders moved."""
        setting = self.setting(**changes)
        if setting not in self.known:  # what was measured does not hang on what is required
            self.known[setting] = self.findings_at(setting)
        return answer(self.known[setting], self.requirements)

    def forget(self) -> None:
        """Something was measured: look again."""
        self.known.clear()

    def draw(self, _=None) -> None:
        """The answer at the sliders as they stand, and at every place of each slider alone."""
        if self.quiet:
            return
        here = self.answer_at()
        self.said.value = here._repr_html_()
        scenario = self.scenarios[self.scenario.value]
        self.told.value = (
            f"<p><b>{html.escape(scenario.feature)}</b> {html.escape(scenario.discuss)}</p>"
        )
        seen: dict[Key | None, None] = {here.key: None}
        for name, slider in self.sliders.items():
            places = [
                (one if isinstance(one, tuple) else (str(one), one)) for one in slider.options
            ]
            keys = [self.answer_at(**{name: value}).key for _, value in places]
            seen |= dict.fromkeys(keys)
            at = next(i for i, (_, value) in enumerate(places) if value == slider.value)
            self.axes[name].value = plots_decision.axis(
                [label for label, _ in places], [self._colour(key) for key in keys], at,
                [str(key) if key else None for key in keys],
            ).in_full()  # fmt: skip
        self.legend.value = self._legend(seen)

    def _colour(self, key: Key | None) -> str:
        if key is None:
            return plots_decision.GREY
        free = plots_decision.ANSWERS[len(self.colours) % len(plots_decision.ANSWERS)]
        return self.colours.setdefault(key, free)

    def _legend(self, keys: Mapping[Key | None, None]) -> str:
        """The colours of the axes in words, the answer of now first."""
        items = "".join(
            f"<li><span style='background:{self._colour(key)}'></span>"
            f"{html.escape(str(key)) if key else 'nobody has measured it'}"
            f"{' (now)' if not i else ''}</li>"
            for i, key in enumerate(keys)
        )
        return f"<ul aria-label='colours under the sliders'>{items}</ul>"

    def _choose(self, change: Mapping[str, Any]) -> None:
        self.quiet = True
        for name, one in self.stated.items():
            asked = self.scenarios[change["new"]].requirements
            controls.move(name, one, getattr(asked, name))
        self.quiet = False
        self.draw()

    def laid_out(
        self,
        labels: Mapping[str, str],
        above: Sequence[Any],
        runs: Sequence[Any],
        below: Sequence[Any] = (),
    ):
        """Sliders with their axes and the requirements on the left; on the right the picture
        (above), the answer and what can be run; one column where it is narrow."""
        import ipywidgets as widgets

        rows: list[Any] = []
        for name, slider in self.sliders.items():
            slider.tooltip = labels[name]
            question = widgets.HTML(f"<div class='t-question'>{html.escape(labels[name])}</div>")
            rows.append(widgets.VBox([question, slider, self.axes[name]]))
        asked = [controls.row(name, one) for name, one in self.stated.items()]
        left = widgets.VBox(
            [*rows, self.legend, self.scenario, self.told, *asked],
            layout={"flex": "1 1 320px", "min_width": "290px", "max_width": "460px"},
        )
        right = widgets.VBox(
            [*above, self.said, *runs], layout={"flex": "2 1 520px", "min_width": "290px"}
        )
        left.add_class("t-lab-side")
        both = widgets.HBox([left, right], layout={"flex_flow": "row wrap"})
        whole = widgets.VBox([widgets.HTML(STYLE + controls.READ_ALOUD), both, *below])
        whole.add_class("t-lab")
        return whole


def table(answers: Mapping[str, LabAnswer]) -> pd.DataFrame:
    """Setting -> answer, one line each: direction, ready?, right today and right needed."""
    rows = {}
    for name, one in answers.items():
        if (d := one.decision) is None:
            rows[name] = {"direction": "not measured"}
            continue
        ready = d.readiness
        rows[name] = {
            "direction": d.answer,
            "ready?": in_state(ready),
            "right today": None if ready.right.value is None else percent(ready.right.value),
            "needed": percent(ready.needed),
        }
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")
