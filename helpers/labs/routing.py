"""When should a router ask back? Prices and a threshold to move, over what it said of the dev
requests: `routing_lab` as a widget, `routing_what_if` as a plain cell."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.core.cases import Case
from helpers.data.requests import ROUTES
from helpers.evaluation.numbers import percent
from helpers.evaluation.routing import COSTS, UNSURE, Costs, cost_matrix
from helpers.labs.controls import READ_ALOUD
from helpers.plots.canvas import Picture
from helpers.plots.router import asking_back

if TYPE_CHECKING:
    import numpy as np

    from helpers.systems.router import Router


LEAST = -1.0  # on the slider: no share is forced


def prices(
    missed_refusal: float = 3.0, wrong_refusal: float = 2.0, asked_back: float = 0.6
) -> Costs:
    """The default costs with three of them set: a request that should be refused and is answered
    (by search or tool), one that is refused and should not be, one that is asked back."""
    found = dict(COSTS)
    for right in ROUTES:
        found[right, UNSURE] = asked_back
        if right in ("retrieve", "tool"):
            found[right, "refuse"] = wrong_refusal
            found["refuse", right] = missed_refusal
    return found


@dataclass(frozen=True, eq=False)
class RoutingCase:
    """What a router does to n requests at these costs and this threshold. least, answered, asked:
    (n,) its least expected cost, what its route then costs, and what asking back costs."""

    least: np.ndarray
    answered: np.ndarray
    asked: np.ndarray
    threshold: float
    wrong_refusals: tuple[int, int]  # k of n
    missed_refusals: tuple[int, int]

    @property
    def asked_back(self) -> float:
        return float((self.least > self.threshold).mean())

    @property
    def cost(self) -> float:
        """Mean cost of a request."""
        back = self.least > self.threshold
        return float(((~back) * self.answered + back * self.asked).mean())

    def sentence(self) -> str:
        (wrong, of), (missed, of_refused) = self.wrong_refusals, self.missed_refusals
        return (
            f"It asks back about {percent(self.asked_back)} and costs {self.cost:.2f} a request;"
            f" {wrong} of {of} are refused wrongly, {missed} of {of_refused} refusals missed"
        )

    def picture(self) -> Picture:
        return asking_back(self.least, self.answered, self.asked, self.threshold, self.sentence())


def routing_case(
    probabilities: np.ndarray, gold: Sequence[str], costs: Costs, share_asked: float | None = None
) -> RoutingCase:
    """The router's decisions at these costs. probabilities: (n, routes) in the order of ROUTES.
    share_asked: ask back about this share, the most doubtful first; None for the share that costs
    least on these requests."""
    import numpy as np

    matrix, k = cost_matrix(costs), len(ROUTES)
    expected, right = probabilities @ matrix[:, :k], np.array([ROUTES.index(one) for one in gold])
    said, least = expected.argmin(axis=1), expected.min(axis=1)
    answered, asked = matrix[right, said], matrix[right, k]
    order = np.argsort(-least, kind="stable")
    if share_asked is None:
        # asking back about the first 0, 1, … n, and answering the rest
        total = np.concatenate([[0], asked[order].cumsum()]) + (
            answered.sum() - np.concatenate([[0], answered[order].cumsum()])
        )
        n_asked = int(np.argmin(np.round(total, 9)))
    else:
        n_asked = round(share_asked * len(least))
    bounds = [np.inf, *least[order], -1.0]
    threshold = float((bounds[n_asked] + bounds[n_asked + 1]) / 2) if n_asked else np.inf
    refuse, kept = ROUTES.index("refuse"), least <= threshold
    return RoutingCase(
        least,
        answered,
        asked,
        threshold,
        (int((kept & (said == refuse) & (right != refuse)).sum()), int((right != refuse).sum())),
        (int((kept & (said != refuse) & (right == refuse)).sum()), int((right == refuse).sum())),
    )


def routing_what_if(
    router: Router,
    cases: Sequence[Case],
    missed_refusal: float = 3.0,
    wrong_refusal: float = 2.0,
    asked_back: float = 0.6,
    share_asked: float | None = None,
) -> Picture:
    """The lab as a plain cell: one picture, whose title says what these prices do."""
    chances, gold = router.probabilities([c.ask.input for c in cases]), _gold(cases)
    costs = prices(missed_refusal, wrong_refusal, asked_back)
    return routing_case(chances, gold, costs, share_asked).picture()


def _gold(cases: Sequence[Case]) -> list[str]:
    return [case.gold.answers[0] for case in cases]


def routing_lab(router: Router, cases: Sequence[Case]):
    """Move what a mistake costs, and how many doubtful requests are asked back; the curve, the
    mean cost and the refusals follow at once."""
    import ipywidgets as widgets

    chances, gold = router.probabilities([c.ask.input for c in cases]), _gold(cases)
    look = {"style": {"description_width": "190px"}, "layout": {"width": "480px"}}
    controls = {
        "missed-refusal": ("a missed refusal costs", 3.0, 0.5, 10.0, 0.5),
        "wrong-refusal": ("a wrong refusal costs", 2.0, 0.5, 10.0, 0.5),
        "asked-back": ("asking back costs", 0.6, 0.0, 2.0, 0.1),
    }
    sliders = {
        name: widgets.FloatSlider(
            value=value, min=low, max=high, step=step, description=says, **look
        )
        for name, (says, value, low, high, step) in controls.items()
    }
    threshold = widgets.SelectionSlider(
        options=[("what costs least", LEAST), *((f"{n} %", n / 100) for n in range(0, 101, 5))],
        value=LEAST,
        description="ask back about",
        **look,
    )
    picture, said = widgets.HTML(), widgets.HTML()

    def draw(_=None) -> None:
        costs = prices(*(slider.value for slider in sliders.values()))
        forced = None if threshold.value == LEAST else threshold.value
        case = routing_case(chances, gold, costs, forced)
        picture.value = case.picture()._repr_html_()
        said.value = f"<p role='status'>{html.escape(case.sentence())}.</p>"

    for name, control in {**sliders, "threshold": threshold}.items():
        control.observe(draw, "value")
        control.add_class(f"t-{name}")
    picture.add_class("t-plot")
    said.add_class("t-said")
    draw()
    names = widgets.HTML(READ_ALOUD, layout={"display": "none"})
    return widgets.VBox([names, *sliders.values(), threshold, said, picture])
