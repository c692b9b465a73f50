"""What does an answer cost, with everything that it brings along? Money and seconds for each
option, and the volume at which one overtakes another.

Money is counted for each request: serving it (tokens × price, or seconds × machine), a share of
what a year costs whatever the volume (labels, releases of weights, upkeep), and what wrong answers
cost. Everything is spread over one year; nothing is assumed to last longer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from helpers.decision.findings import ALWAYS, Findings, Span, both, gain, span
from helpers.decision.options import LONG, OPTIONS, PEOPLE, Option
from helpers.decision.requirements import Requirements

DAYS = 365


# --- how often is it right? -----------------------------------------------------------------------


def known(name: str, evidence: Findings) -> Span:
    """What is known of a share. Of a reader that was not measured one thing is known: what was not
    found it cannot win back."""
    found = evidence.found.get(name)
    if found is None and name == "reader + RAG" and (lost := evidence.not_found):
        return Span(None, 0.0, 1.0 - lost.low)
    return span(found)


def weighted_findings(option: Option, requirements: Requirements) -> list[tuple[float, str]]:
    """Which findings say how often it is right, each with the share of requests that it speaks
    for."""
    both_kinds = [
        (requirements.lookup_share, option.lookups),
        (1 - requirements.lookup_share, option.judgements),
    ]
    return [(weight, name) for weight, name in both_kinds if weight > 0]


def right(option: Option, requirements: Requirements, evidence: Findings) -> Span:
    """The share of all requests that it answers rightly. A person is taken to be always right: the
    strictest comparison."""
    if option is PEOPLE:
        return ALWAYS
    return _sum(
        [
            known(name, evidence).times(weight)
            for weight, name in weighted_findings(option, requirements)
        ]
    )


def more_right(
    first: Option, second: Option, requirements: Requirements, evidence: Findings
) -> Span:
    """How much more often is the second right? What both do in the same way cancels out and adds no
    doubt."""
    if first is PEOPLE or second is PEOPLE:
        return gain(right(first, requirements, evidence), right(second, requirements, evidence))
    pairs = zip(
        weighted_findings(first, requirements), weighted_findings(second, requirements), strict=True
    )
    return _sum(
        [
            gain(known(a, evidence), known(b, evidence)).times(weight)
            for (weight, a), (_, b) in pairs
            if a != b
        ]
    )


def _sum(spans: Sequence[Span]) -> Span:
    whole = spans[0] if spans else Span(0.0, 0.0, 0.0)
    for one in spans[1:]:
        whole = both(whole, one)
    return whole


# --- what does it take? ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Serving:
    """What one request takes, on average: tokens read and written, seconds, EUR. asks: on how many
    timed ones the seconds rest, at least."""

    tokens_in: float
    tokens_out: float
    seconds: float
    money: float
    asks: int = 0


def serving(option: Option, requirements: Requirements, evidence: Findings) -> Serving:
    """Measured tokens and seconds of an answer. Untrained options carry examples in the prompt
    where a form or a style must be kept."""
    r, used = requirements, evidence.usage
    if option is PEOPLE:
        return Serving(0, 0, 0, r.cost_refusal)
    lookup = used["RAG" if option.searches else "closed book"]
    extra = r.corpus_tokens if option is LONG else 0.0
    if (r.strict_format or r.house_style) and not option.trained:
        extra += max(0.0, used["few-shot"].tokens_in - used["zero-shot"].tokens_in)
    judgement, k = used["tuned" if option.trained else "few-shot"], r.lookup_share
    tokens_in = k * (lookup.tokens_in + extra) + (1 - k) * judgement.tokens_in
    tokens_out = k * lookup.tokens_out + (1 - k) * judgement.tokens_out
    seconds = k * (lookup.seconds + extra * evidence.read_seconds) + (1 - k) * judgement.seconds
    money = (
        (tokens_in * r.price_in + tokens_out * r.price_out) / 1e6
        if r.data_may_leave
        else seconds * r.machine_per_hour / 3600
    )
    asks = min([lookup.n] * (k > 0) + [judgement.n] * (k < 1))
    return Serving(tokens_in, tokens_out, seconds, money, asks)


def releases(option: Option, requirements: Requirements) -> float:
    """How many releases of weights a year? One for every new base model; and, where facts are in
    the weights, one for every change."""
    if not option.trained:
        return 0.0
    changes = (
        requirements.changes_per_year
        if option.facts_in_weights and requirements.lookup_share > 0
        else 0.0
    )
    return 12 / requirements.base_model_months + changes


def labels_to_buy(option: Option, requirements: Requirements, evidence: Findings) -> float:
    """How many more labelled examples does its evidence rest on than there are? A reader is trained
    on texts of another world: those are there."""
    needs = option.trained and (option.facts_in_weights or requirements.lookup_share < 1)
    return max(0.0, evidence.training_rows - requirements.labelled_examples) if needs else 0.0


def yearly(option: Option, requirements: Requirements, evidence: Findings) -> dict[str, float]:
    """EUR a year whatever the volume: labels, releases of weights, upkeep of an index."""
    r = requirements
    release = (
        r.release_hours * r.person_per_hour + evidence.training_seconds / 3600 * r.machine_per_hour
    )
    return {
        "labels": labels_to_buy(option, r, evidence) * r.cost_per_label,
        "releases": releases(option, r) * release,
        "index": 12 * r.index_hours * r.person_per_hour if option.searches else 0.0,
    }


def without_errors(option: Option, requirements: Requirements, evidence: Findings) -> float:
    """EUR a request, wrong answers not counted."""
    return serving(option, requirements, evidence).money + sum(
        yearly(option, requirements, evidence).values()
    ) / (DAYS * requirements.requests_per_day)


def total(option: Option, requirements: Requirements, evidence: Findings) -> Span:
    """EUR a request, wrong answers counted; low and high follow from the interval of the share
    right."""
    share, fixed, wrong = (
        right(option, requirements, evidence),
        without_errors(option, requirements, evidence),
        requirements.cost_wrong,
    )
    return Span(
        None if share.value is None else fixed + (1 - share.value) * wrong,
        fixed + (1 - share.high) * wrong,
        fixed + (1 - share.low) * wrong,
    )


def needed_gain(first_money: float, second_money: float, cost_wrong: float) -> float:
    """By how much (a share of requests) must the second be right more often, to be worth what it
    costs more? Below 0: it may be right less often.

    first_money, second_money: EUR a request, wrong answers not counted (`without_errors`)."""
    extra = second_money - first_money
    return extra / cost_wrong if cost_wrong else math.copysign(math.inf, extra) if extra else 0.0


def break_even(
    first: Option, second: Option, requirements: Requirements, evidence: Findings
) -> float | None:
    """From how many requests a day on is the second cheaper than the first? None where it never is,
    or where one is not measured; 0 where it always is."""
    shares = [right(option, requirements, evidence).value for option in (first, second)]
    if None in shares:
        return None
    fixed = [
        sum(yearly(option, requirements, evidence).values()) / DAYS for option in (first, second)
    ]
    each = [
        serving(option, requirements, evidence).money + (1 - share) * requirements.cost_wrong
        for option, share in zip((first, second), shares, strict=True)
    ]
    more, saved = fixed[1] - fixed[0], each[0] - each[1]
    if saved <= 0:
        return None
    return max(0.0, more / saved)


def bill(
    requirements: Requirements, evidence: Findings, options: Sequence[Option] = (PEOPLE, *OPTIONS)
) -> pd.DataFrame:
    """EUR for 1,000 requests, item by item, and what a user waits; one line an option. What is not
    measured is empty."""
    rows = []
    for option in options:
        used, fixed, all_in = (
            serving(option, requirements, evidence),
            yearly(option, requirements, evidence),
            total(option, requirements, evidence),
        )
        spread = 1000 / (DAYS * requirements.requests_per_day)
        share = right(option, requirements, evidence)
        rows.append(
            {
                "option": option.name,
                "right": share.value,
                "serving": 1000 * used.money,
                **{name: spread * money for name, money in fixed.items()},
                "wrong answers": (
                    None
                    if share.value is None
                    else 1000 * (1 - share.value) * requirements.cost_wrong
                ),
                "total": None if all_in.value is None else 1000 * all_in.value,
                "low": 1000 * all_in.low,
                "high": 1000 * all_in.high,
                "tokens read": used.tokens_in,
                "tokens written": used.tokens_out,
                "seconds": used.seconds,
            }
        )
    return pd.DataFrame(rows).set_index("option").astype(float)
