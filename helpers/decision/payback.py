"""Tuning makes the prompt shorter: from how many requests on does that pay? Arithmetic only, and
every number says where it comes from.

    once   = (rows - examples) x cost per label + training seconds x price of the machine
    saved  = prompt tokens saved x price of a token                      (each request)
             - seconds that the adapter takes longer x price of the machine, if it is served here
    pays   = once / saved                                                (requests)

Both ways are taken to answer equally well. Where they do not, the value of a right answer decides,
and that is not counted here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, NamedTuple

import pandas as pd


class Given(NamedTuple):
    """A number, its unit, and whether it was measured or assumed."""

    value: float
    unit: str
    source: Literal["measured", "assumed"]


NO_DISCOUNT = Given(1.0, "share of the price", "assumed")


@dataclass(frozen=True)
class Plan:
    """All that the answer depends on. Give the price of prompt tokens, or the time that your own
    machine needs to read one.

    `repeated_price`: what a token costs that stood in the request before as well (examples do), as
    a share of the price; 1 = no discount. `extra_seconds`: what a request takes longer with the
    adapter than with its weights merged (see `release.serving`); paid for by the machine's hour.
    """

    few_shot_tokens: Given
    tuned_tokens: Given
    examples: Given
    rows: Given
    cost_per_label: Given
    training_seconds: Given
    machine_per_hour: Given
    price_per_1000_tokens: Given | None = None
    seconds_per_token: Given | None = None
    repeated_price: Given = NO_DISCOUNT
    extra_seconds: Given | None = None

    def __post_init__(self):
        if (self.price_per_1000_tokens is None) == (self.seconds_per_token is None):
            raise ValueError(
                "give price_per_1000_tokens (a service) or seconds_per_token (your own machine),"
                " one of them"
            )
        for name, given in self.inputs().items():
            # only the adapter may take less than nothing: where the prompt was read before
            least = -math.inf if name == "extra_seconds" else 0
            if not (math.isfinite(given.value) and given.value >= least):
                raise ValueError(f"{name} must be a number from 0 on; got {given.value}")
        if self.repeated_price.value > 1:
            raise ValueError(
                f"repeated_price is a share, from 0 to 1; got {self.repeated_price.value}"
            )

    def inputs(self) -> dict[str, Given]:
        """Name -> number, of those that were given."""
        return {
            field.name: given
            for field in fields(self)
            if (given := getattr(self, field.name)) is not None
        }


def tokens_saved(plan: Plan) -> float:
    """How many prompt tokens does a request save when the examples are in the weights? Negative:
    the tuned prompt is longer."""
    return plan.few_shot_tokens.value - plan.tuned_tokens.value


def token_price(plan: Plan) -> float:
    """What does one prompt token cost that is not cached?"""
    if plan.price_per_1000_tokens is not None:
        return plan.price_per_1000_tokens.value / 1000
    return plan.seconds_per_token.value * plan.machine_per_hour.value / 3600


def saved(plan: Plan) -> float:
    """What does a request save? The tokens saved are instruction and examples, the same in every
    request, hence the repeated price; what the adapter takes longer is paid from it."""
    tokens = tokens_saved(plan) * token_price(plan) * plan.repeated_price.value
    return tokens - longer(plan)


def longer(plan: Plan) -> float:
    """What does it cost a request that the adapter is slower than the merged weights?"""
    seconds = plan.extra_seconds.value if plan.extra_seconds else 0.0
    return seconds * plan.machine_per_hour.value / 3600


def spent(plan: Plan) -> float:
    """What does tuning cost once? The labels beyond those that few-shot shows anyway, and the
    training."""
    labels = max(0.0, plan.rows.value - plan.examples.value) * plan.cost_per_label.value
    return labels + plan.training_seconds.value * plan.machine_per_hour.value / 3600


def pays_from(plan: Plan) -> float:
    """From how many requests on is tuning cheaper? Whole requests; infinite when a request saves
    nothing; 0 when tuning costs nothing."""
    if spent(plan) == 0 and saved(plan) >= 0:
        return 0.0
    return float(math.ceil(spent(plan) / saved(plan))) if saved(plan) > 0 else math.inf


def costs(plan: Plan, requests: Sequence[float]) -> pd.DataFrame:
    """What has each way cost after so many requests? Columns few_shot and tuned, prompt tokens
    only; index: requests."""
    at = pd.Series(requests, dtype=float)
    price = token_price(plan)
    # the tuned prompt is mostly message, so nothing of it is repeated
    full_price = plan.tuned_tokens.value * price
    return pd.DataFrame(
        {
            "requests": at,
            "few_shot": at * (full_price + saved(plan) + longer(plan)),
            "tuned": spent(plan) + at * (full_price + longer(plan)),
        }
    ).set_index("requests")


def inputs_table(plan: Plan) -> pd.DataFrame:
    """Every input with unit and source, for the reader who doubts the answer."""
    return pd.DataFrame(
        [given._asdict() for given in plan.inputs().values()],
        index=pd.Index(plan.inputs(), name="input"),
    )


def payback_by_input(plan: Plan, factor: float = 2.0) -> pd.DataFrame:
    """Which assumption moves the answer most? Requests from which tuning pays when one assumed
    input is divided or multiplied by the factor."""
    rows = []
    for name, given in plan.inputs().items():
        if given.source == "assumed":
            top = 1.0 if name == "repeated_price" else math.inf
            low, high = (
                pays_from(replace(plan, **{name: given._replace(value=min(top, value))}))
                for value in (given.value / factor, given.value * factor)
            )
            rows.append(
                {"input": name, "divided": low, "as assumed": pays_from(plan), "multiplied": high}
            )
    return pd.DataFrame(rows, columns=["input", "divided", "as assumed", "multiplied"]).set_index(
        "input"
    )
