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

from helpers.decision.options import ACTIONS, JUDGEMENTS, LOOKUPS, TONE


def number(
    default: float,
    low: float,
    high: float,
    unit: str,
    label: str,
    question: str,
    whole: bool = False,
    log: bool = True,
    limit: bool = False,
) -> Any:
    """A stated number: its range is what is plausible; sliders and the search for flips stay within
    it. label: the question in a few words, for sentences and figures. limit: math.inf is allowed
    and means that there is none."""
    return dataclasses.field(
        default=default,
        metadata={
            "low": low,
            "high": high,
            "unit": unit,
            "label": label,
            "question": question,
            "whole": whole,
            "log": log,
            "limit": limit,
        },
    )


def share(default: float, label: str, question: str) -> Any:
    return number(default, 0.0, 1.0, "share", label, question, log=False)


def yes_no(default: bool, label: str, label_if_no: str, question: str) -> Any:
    return dataclasses.field(
        default=default,
        metadata={
            "unit": "yes or no",
            "label": label,
            "label_if_no": label_if_no,
            "question": question,
        },
    )


@dataclass(frozen=True)
class Requirements:
    """What the work asks for. A request is answered by one row of a system, or it needs a document
    (a look-up), or a judgement that examples teach (a label, a field, a form).

    Money is in one currency of yours; the names say EUR. Raises ValueError for a value that cannot
    be, naming the field and its question.
    """

    # what is asked
    action_share: float = share(
        0.0,
        "requests that one row answers",
        "Which share of the requests does one row of a system, or a tool, answer? (A price, a"
        " stock, an order's state.)",
    )
    lookup_share: float = share(
        0.8,
        "look-ups among the others",
        "Of the others, which share needs something that is in a document? (The rest needs a"
        " judgement, as a label.)",
    )
    changes_per_year: float = number(
        12,
        0.1,
        10_000,
        "changes a year",
        "changes of the documents",
        "How often do the documents change in a way that changes a right answer?",
    )
    label_changes_per_year: float = number(
        2,
        0.1,
        1_000,
        "changes a year",
        "changes of the rules for labels",
        "How often do the rules change by which a case is judged, or the house style?",
    )
    corpus_tokens: float = number(
        60_000,
        1_000,
        1e9,
        "tokens",
        "text to answer from",
        "How much text may an answer stand in?",
        whole=True,
    )
    citations: bool = yes_no(
        False,
        "sources named",
        "no sources named",
        "Must an answer name its source, for readers or auditors?",
    )
    place_enough: bool = yes_no(
        False,
        "the place is enough",
        "an answer rather than the place",
        "Is it enough to show the place where the answer stands?",
    )
    access: bool = yes_no(
        False,
        "texts not for everybody",
        "texts for everybody",
        "Are there texts that some users may see and others may not?",
    )
    strict_format: bool = yes_no(
        False,
        "a program reads the answer",
        "people read the answer",
        "Does a program read the answer, so that its form must be exact?",
    )
    fixed_labels: bool = yes_no(
        True,
        "judgements are labels of a fixed list",
        "free text or fields to fill",
        "Is every judgement a label of a fixed list, rather than free text or a field to fill?",
    )
    house_style: bool = yes_no(
        False, "a house style", "no house style", "Must the answer keep a tone or house style?"
    )
    # what is expected
    requests_per_day: float = number(
        1_000,
        1,
        1_000_000,
        "requests a day",
        "requests",
        "How many requests come on a day?",
        whole=True,
    )
    latency_seconds: float = number(
        10,
        0.1,
        100,
        "seconds",
        "longest wait for an answer",
        "How long may one answer take?",
        limit=True,
    )
    least_right: float = share(
        0.0,
        "least share right",
        "Below which share of right answers would no one use it? (0: nobody has said)",
    )
    cost_wrong: float = number(
        12,
        0.01,
        1_000,
        "EUR",
        "cost of a wrong answer",
        "What does one wrong answer cost, putting it right included?",
    )
    cost_refusal: float = number(
        4,
        0.01,
        100,
        "EUR",
        "cost of a person's answer",
        "What does it cost when the system gives no answer and a person does?",
    )
    cost_off_style: float = number(
        0.5,
        0.01,
        100,
        "EUR",
        "cost of a wrong tone",
        "What does it cost to rewrite a reply whose tone is wrong?",
    )
    # what there is
    labelled_examples: float = number(
        100,
        0,
        10_000,
        "examples",
        "labelled examples",
        "How many labelled examples are there?",
        whole=True,
    )
    cost_per_label: float = number(
        1,
        0.05,
        100,
        "EUR",
        "cost of a labelled example",
        "What does one more labelled example, or question with its answer, cost?",
    )
    window_tokens: float = number(
        8_000,
        2_000,
        2_000_000,
        "tokens",
        "what the model reads at once",
        "How many tokens can the model read at once?",
        whole=True,
        limit=True,
    )
    base_model_months: float = number(
        12,
        1,
        36,
        "months",
        "life of a base model",
        "After how many months is the base model replaced by a newer one?",
    )
    # what is allowed, and who is there
    data_may_leave: bool = yes_no(
        False,
        "data may leave",
        "data may not leave",
        "May requests and documents go to a provider's machines? (Then tokens are paid, else"
        " machine hours.)",
    )
    data_in_weights: bool = yes_no(
        True,
        "your texts in weights",
        "your texts not in weights",
        "May your texts be in a model's weights, where no single row can be taken out again?",
    )
    can_train: bool = yes_no(
        True,
        "somebody who trains",
        "nobody who trains",
        "Is there a person who can train, version and roll back a model?",
    )
    can_search: bool = yes_no(
        True,
        "somebody who keeps an index",
        "nobody who keeps an index",
        "Is there a person who keeps an index in order: what is in it, who may see it, which"
        " version?",
    )
    # prices
    price_in: float = number(
        0.2,
        0.01,
        50,
        "EUR a million tokens",
        "price of tokens read",
        "What does a provider take for tokens read?",
    )
    price_out: float = number(
        0.8,
        0.01,
        100,
        "EUR a million tokens",
        "price of tokens written",
        "What does a provider take for tokens written?",
    )
    machine_per_hour: float = number(
        0.1,
        0.01,
        20,
        "EUR an hour",
        "price of a machine",
        "What does a machine cost that is like the one that measured?",
    )
    machine_hours_held: float = number(
        24,
        0,
        24,
        "hours a day",
        "hours a machine is held",
        "How many hours a day is a machine held for this, whether requests come or not?",
        log=False,
    )
    person_per_hour: float = number(
        60,
        10,
        300,
        "EUR an hour",
        "cost of the people who run it",
        "What does an hour of the people who run this cost?",
    )
    release_hours: float = number(
        16,
        1,
        200,
        "hours",
        "work of a release",
        "How many hours of work is one release of new weights (rows, training, checks, roll-out)?",
    )
    index_hours: float = number(
        4,
        0.5,
        100,
        "hours a month",
        "upkeep of an index",
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
            elif not _possible(value, about):
                raise ValueError(_impossible(name, value, about))
        if not self.requests_per_day or not self.base_model_months:
            raise ValueError(
                "requests_per_day and base_model_months must be above 0: costs are spread over them"
            )

    def but(self, **changes: Any) -> Requirements:
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)

    def weights(self) -> dict[str, float]:
        """Kind of request -> its share of all requests; a house style is asked of every answer.
        Kinds that nobody asks for are left out."""
        others = 1 - self.action_share
        found = {
            LOOKUPS: others * self.lookup_share,
            JUDGEMENTS: others * (1 - self.lookup_share),
            TONE: float(self.house_style),
            ACTIONS: self.action_share,
        }
        return {kind: weight for kind, weight in found.items() if weight > 0}

    def implausible(self) -> list[str]:
        """One sentence for each number that lies outside what is plausible; it may be a slip."""
        return [
            f"{about['label']}: {shown(name, value)} is outside {shown(name, about['low'])} to"
            f" {shown(name, about['high'])}; is it a slip?"
            for name, about in FIELDS.items()
            if "low" in about
            and (value := getattr(self, name)) != math.inf
            and not about["low"] <= value <= about["high"]
            and not (value == 0 and name == "labelled_examples")
        ]

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


def _possible(value: Any, about: Mapping[str, Any]) -> bool:
    """Can a number that is stated be? Limits may be infinite, shares end at 1."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return (
        value >= 0  # also not where it is no number
        and (value != math.inf or about["limit"])
        and (about["unit"] != "share" or value <= 1)
    )


def _impossible(name: str, value: Any, about: Mapping[str, Any]) -> str:
    share = about["unit"] == "share"
    meant = share and isinstance(value, Real) and 2 <= value <= 100  # 1.5 is no percentage
    hint = f"; did you mean {value / 100:g}?" if meant else ""
    takes = "a share from 0 to 1" if share else f"a number of {about['unit']}, 0 or more"
    return f"{name} is {value!r}; it takes {takes}{hint}: {about['question']}"


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


def as_stated(name: str, value: Any) -> str:
    """A requirement in a few words, as it was stated: "sources named", or "12 changes a year"."""
    about = FIELDS[name]
    if name in YES_NO:
        return about["label"] if value else about["label_if_no"]
    return f"{about['label']}: {shown(name, value)}"
