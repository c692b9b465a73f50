"""What does the work ask for? Every input of the decision that is stated, not measured: its
question in plain words, its unit, its plausible range.

    mine = Requirements(lookup_share=0.9, changes_per_year=52, citations=True)
    mine.but(requests_per_day=5_000)

Nothing here is measured: these are the words of the people who own the work. `findings` holds what
was measured.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import pandas as pd


def number(
    default: float,
    low: float,
    high: float,
    unit: str,
    question: str,
    whole: bool = False,
    log: bool = True,
    limit: bool = False,
) -> Any:
    """A stated number: its range is what is plausible; sliders and the search for flips stay within
    it. limit: math.inf is allowed and means that there is none."""
    return dataclasses.field(
        default=default,
        metadata={
            "low": low,
            "high": high,
            "unit": unit,
            "question": question,
            "whole": whole,
            "log": log,
            "limit": limit,
        },
    )


def share(default: float, question: str) -> Any:
    return number(default, 0.0, 1.0, "share", question, log=False)


def yes_no(default: bool, question: str) -> Any:
    return dataclasses.field(default=default, metadata={"unit": "yes or no", "question": question})


@dataclass(frozen=True)
class Requirements:
    """What the work asks for. A request needs either a document (a look-up) or a judgement that
    examples teach (a label, a field, a form).

    Money is in one currency of yours; the names say EUR. Raises ValueError for a value that cannot
    be, naming the field and its question.
    """

    # what is asked
    lookup_share: float = share(
        0.8,
        "Which share of the requests needs something that is in a document? (The others need a"
        " judgement, as a label.)",
    )
    changes_per_year: float = number(
        12,
        0.1,
        10_000,
        "changes a year",
        "How often does something change that a right answer depends on?",
    )
    corpus_tokens: float = number(
        60_000, 1_000, 1e9, "tokens", "How much text may an answer stand in?", whole=True
    )
    citations: bool = yes_no(False, "Must an answer name its source, for readers or auditors?")
    access: bool = yes_no(False, "Are there texts that some users may see and others may not?")
    strict_format: bool = yes_no(
        False, "Does a program read the answer, so that its form must be exact?"
    )
    house_style: bool = yes_no(False, "Must the answer keep a tone or house style?")
    # what is expected
    requests_per_day: float = number(
        1_000, 1, 1_000_000, "requests a day", "How many requests come on a day?", whole=True
    )
    latency_seconds: float = number(
        10, 0.1, 100, "seconds", "How long may one answer take?", limit=True
    )
    least_right: float = share(
        0.0, "Below which share of right answers would no one use it? (0: no such line)"
    )
    cost_wrong: float = number(
        3.5, 0.01, 1_000, "EUR", "What does one wrong answer cost, putting it right included?"
    )
    cost_refusal: float = number(
        3, 0.01, 100, "EUR", "What does it cost when the system gives no answer and a person does?"
    )
    # what there is
    labelled_examples: float = number(
        100, 0, 10_000, "examples", "How many labelled examples are there?", whole=True
    )
    cost_per_label: float = number(1, 0.05, 100, "EUR", "What does one more labelled example cost?")
    window_tokens: float = number(
        8_000,
        2_000,
        2_000_000,
        "tokens",
        "How many tokens can the model read at once?",
        whole=True,
        limit=True,
    )
    base_model_months: float = number(
        12, 1, 36, "months", "After how many months is the base model replaced by a newer one?"
    )
    # what is allowed, and who is there
    data_may_leave: bool = yes_no(
        False,
        "May requests and documents go to a provider's machines? (Then tokens are paid, else"
        " machine hours.)",
    )
    data_in_weights: bool = yes_no(
        True,
        "May your texts be in a model's weights, where no single row can be taken out again?",
    )
    can_train: bool = yes_no(
        True, "Is there a person who can train, version and roll back a model?"
    )
    can_search: bool = yes_no(
        True,
        "Is there a person who keeps an index in order: what is in it, who may see it, which"
        " version?",
    )
    # prices
    price_in: float = number(
        0.2, 0.01, 50, "EUR a million tokens", "What does a provider take for tokens read?"
    )
    price_out: float = number(
        0.8, 0.01, 100, "EUR a million tokens", "What does a provider take for tokens written?"
    )
    machine_per_hour: float = number(
        0.1, 0.01, 20, "EUR an hour", "What does a machine cost that is like the one that measured?"
    )
    person_per_hour: float = number(
        60, 10, 300, "EUR an hour", "What does an hour of the people who run this cost?"
    )
    release_hours: float = number(
        16,
        1,
        200,
        "hours",
        "How many hours of work is one release of new weights (rows, training, checks, roll-out)?",
    )
    index_hours: float = number(
        4,
        0.5,
        100,
        "hours a month",
        "How many hours of work a month is the upkeep of a search index?",
    )

    def __post_init__(self) -> None:
        for name, about in FIELDS.items():
            value = getattr(self, name)
            if "low" not in about:
                if value is not True and value is not False:
                    raise ValueError(
                        f"{name} is {value!r}; it takes True or False: {about['question']}"
                    )
            elif (
                isinstance(value, bool)
                or not isinstance(value, Real)
                or not value >= 0  # also where it is no number
                or (value == math.inf and not about["limit"])
                or (about["unit"] == "share" and value > 1)
            ):
                hint = (
                    f"; did you mean {value / 100:g}?"
                    if about["unit"] == "share" and isinstance(value, Real) and 1 < value <= 100
                    else ""
                )
                takes = (
                    "a share from 0 to 1"
                    if about["unit"] == "share"
                    else f"a number of {about['unit']}, 0 or more"
                )
                raise ValueError(
                    f"{name} is {value!r}; it takes {takes}{hint}: {about['question']}"
                )
        if not self.requests_per_day or not self.base_model_months:
            raise ValueError(
                "requests_per_day and base_model_months must be above 0: costs are spread over them"
            )

    def but(self, **changes: Any) -> Requirements:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)

    def table(self) -> pd.DataFrame:
        """One line a field: what is stated, its unit and range, and the question behind it."""
        rows = [
            {
                "field": name,
                "stated": "no limit" if getattr(self, name) == math.inf else getattr(self, name),
                "unit": about["unit"],
                "from": about.get("low", ""),
                "to": about.get("high", ""),
                "question": about["question"],
            }
            for name, about in FIELDS.items()
        ]
        return pd.DataFrame(rows).set_index("field").astype({"stated": object})


FIELDS: Mapping[str, Mapping[str, Any]] = {
    field.name: field.metadata for field in dataclasses.fields(Requirements)
}
NUMBERS = tuple(name for name, about in FIELDS.items() if "low" in about)
YES_NO = tuple(name for name, about in FIELDS.items() if "low" not in about)


@functools.cache
def steps(name: str) -> tuple[float, ...]:
    """The values that a slider offers for a number: 1, 2, 5, 10, … within its range, or every 5
    points of a share."""
    about = FIELDS[name]
    low, high = about["low"], about["high"]
    if not about["log"]:
        return tuple(round(low + i * (high - low) / 20, 10) for i in range(21))
    bottom = math.floor(math.log10(low or 1))
    found = [
        float(f"{digit}e{power}")
        for power in range(bottom, math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    return tuple(sorted({low, high} | {x for x in found if low < x < high}))


def shown(name: str, value: Any) -> str:
    """A value as a reader should see it, with its unit."""
    unit = FIELDS[name]["unit"]
    if unit == "yes or no":
        return "yes" if value else "no"
    if unit == "share":
        return f"{100 * value:.3g} %"
    if value == math.inf:
        return "no limit"
    return f"{value:,.0f} {unit}" if value >= 1_000 else f"{value:.3g} {unit}"
