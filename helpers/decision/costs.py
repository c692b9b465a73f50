"""What does an answer cost, with everything that it brings along? Money and seconds for each option
on each kind of request.

Money is counted for each request: serving it (tokens × price, or seconds × machine), a share of
what a year costs whatever the volume (labels, releases of weights, upkeep), and what wrong and
refused answers cost. Everything is spread over one year; nothing is assumed to last longer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from helpers.decision.findings import ALWAYS, Findings, Span, both, gain, product, span
from helpers.decision.options import (
    ACTIONS,
    IMPROVED,
    JUDGEMENTS,
    LONG,
    PEOPLE,
    PROMPT,
    RAG,
    READER,
    TONE,
    WALKS,
    Option,
)
from helpers.decision.requirements import Requirements

DAYS = 365


# --- how often is it right? -----------------------------------------------------------------------


def right(option: Option, kind: str, evidence: Findings) -> Span:
    """How often is it right on this kind of request? A person is taken to be always right: the
    strictest comparison.

    Of what was not measured two things may be known: a reader cannot win back what was not found,
    and no better search does more than the right sentence shown."""
    if option is PEOPLE:
        return ALWAYS
    name = option.rests_on[kind]
    found = evidence.found.get(name)
    if found is None and option is READER and (lost := evidence.not_found):
        return Span(None, 0.0, 1.0 - lost.low)
    if found is None and option is IMPROVED and (best := evidence.found.get("oracle")):
        return Span(None, 0.0, best.high)
    return span(found)


def cases(option: Option, kind: str, evidence: Findings) -> float:
    """On how many cases does that rest? 0 where it was not measured."""
    found = evidence.found.get(option.rests_on.get(kind, ""))
    return found.n if found else 0


def more_right(first: Option, second: Option, kind: str, evidence: Findings) -> Span:
    """How much more often is the second right on this kind? Counted pair by pair where both were
    asked the same cases, else from the two intervals."""
    paired = evidence.difference(first.rests_on.get(kind, ""), second.rests_on.get(kind, ""))
    if paired:
        return span(paired)
    return gain(right(first, kind, evidence), right(second, kind, evidence))


def served(parts: Mapping[str, Option], requirements: Requirements) -> dict[str, float]:
    """Kind -> its share of the requests that a system answers: a house style is no request, and
    what is left to a person is not counted."""
    weights = requirements.weights()
    there = {kind: weights[kind] for kind in parts if kind != TONE and parts[kind] is not PEOPLE}
    whole = sum(there.values())
    return {kind: weight / whole for kind, weight in there.items()}


def needs_router(parts: Mapping[str, Option], requirements: Requirements) -> bool:
    """Must somebody send each request to the right part? A prompt that shows text judges by its
    examples as well: it is one system with a prompt alone."""
    there = {parts[kind] for kind in served(parts, requirements)}
    if there & {LONG, RAG, IMPROVED}:
        there.discard(PROMPT)
    return len(there) > 1


def right_overall(
    parts: Mapping[str, Option], requirements: Requirements, evidence: Findings
) -> Span:
    """How often is the whole right, each kind weighted by its share of requests? Where requests
    must be sent to the right part, a router that was measured counts."""
    whole = Span(0.0, 0.0, 0.0)
    for kind, weight in served(parts, requirements).items():
        whole = both(whole, right(parts[kind], kind, evidence).times(weight))
    router = evidence.found.get("router")
    if router is None or not needs_router(parts, requirements):
        return whole
    return product(whole, span(router))


def refused(option: Option, kind: str, evidence: Findings) -> float:
    """Which share of its answers is neither right nor wrong but refused? Only RAG's was counted;
    of any other, what is not right is taken for wrong: the strictest reading."""
    share = evidence.found.get("RAG")
    if option is not RAG or kind == ACTIONS or share is None:
        return 0.0
    if counted := evidence.found.get("refused"):
        return min(counted.value, 1 - share.value)
    wrong = evidence.found.get("wrong")
    return max(0.0, 1 - share.value - wrong.value) if wrong else 0.0


# --- what does it take? ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Serving:
    """What one request takes, on average: tokens read and written, seconds, EUR. asks: on how many
    timed ones the seconds rest; 0 where no language model is asked."""

    tokens_in: float = 0
    tokens_out: float = 0
    seconds: float = 0
    money: float = 0
    asks: int = 0


def serving(option: Option, kind: str, requirements: Requirements, evidence: Findings) -> Serving:
    """Measured tokens and seconds of an answer; of a house style, what its examples in the prompt
    add. A machine costs the hours that it is held, or more where it works longer."""
    r, used = requirements, evidence.usage
    if option is PEOPLE:
        return Serving(money=r.cost_refusal)
    if kind not in option.usage:
        return Serving()
    own = used.get(option.usage[kind])
    extra = 0.0
    if own is None and option is LONG:  # a prompt as long as all documents
        own, extra = used["closed book"], r.corpus_tokens
    if kind == TONE:
        if option is not PROMPT:
            return Serving(asks=used["tuned"].n)
        own, extra = used["zero-shot"], used["few-shot"].tokens_in - used["zero-shot"].tokens_in
        tokens_in, tokens_out, seconds = max(0.0, extra), 0.0, max(0.0, extra)
        seconds *= evidence.read_seconds
    else:
        own = own or used["RAG"]
        tokens_in, tokens_out = own.tokens_in + extra, own.tokens_out
        seconds = own.seconds + extra * evidence.read_seconds
    if r.data_may_leave:
        money = (tokens_in * r.price_in + tokens_out * r.price_out) / 1e6
    else:
        held = 0.0 if kind == TONE else r.machine_hours_held / r.requests_per_day
        money = max(seconds / 3600, held) * r.machine_per_hour
    return Serving(tokens_in, tokens_out, seconds, money, own.n)


def releases(option: Option, kind: str, requirements: Requirements) -> float:
    """How many releases of weights a year? One for every new base model; and, where the weights
    hold your rules, one for every change of them."""
    if not option.trained:
        return 0.0
    changes = requirements.label_changes_per_year if option.own_rows else 0.0
    return 12 / requirements.base_model_months + changes


def labels_to_buy(
    option: Option, kind: str, requirements: Requirements, evidence: Findings
) -> float:
    """How many more labelled examples does its evidence rest on than there are? A house style
    learns from past replies, a reader from texts of another world: those are there."""
    if not option.labels or kind != JUDGEMENTS:
        return 0.0
    found = evidence.found.get(option.rests_on[kind])
    rests_on = evidence.training_rows if found is None or found.rows is None else found.rows
    return max(0.0, rests_on - requirements.labelled_examples)


def yearly(
    option: Option, kind: str, requirements: Requirements, evidence: Findings
) -> dict[str, float]:
    """EUR a year whatever the volume: labels, releases of weights, upkeep of an index. A better
    prompt, reranker or retriever is taken to be the work of one release a year."""
    r, counted = requirements, evidence.found.get("minutes of a release")
    hours = counted.value / 60 if counted else evidence.training_seconds / 3600
    release = r.release_hours * r.person_per_hour + hours * r.machine_per_hour
    many = releases(option, kind, r) + (option is IMPROVED)
    return {
        "labels": labels_to_buy(option, kind, r, evidence) * r.cost_per_label,
        "releases": many * release if many else 0.0,
        "index": 12 * r.index_hours * r.person_per_hour if option.searches else 0.0,
    }


def without_errors(
    option: Option, kind: str, requirements: Requirements, evidence: Findings
) -> float:
    """EUR a request of this kind, wrong and refused answers not counted."""
    weight = requirements.weights()[kind]
    return serving(option, kind, requirements, evidence).money + sum(
        yearly(option, kind, requirements, evidence).values()
    ) / (DAYS * requirements.requests_per_day * weight)


def cost_of_error(kind: str, requirements: Requirements) -> float:
    return requirements.cost_off_style if kind == TONE else requirements.cost_wrong


def needed_gain(first_money: float, second_money: float, cost_wrong: float) -> float:
    """By how much (a share of requests) must the second be right more often, to be worth what it
    costs more? Below 0: it may be right less often.

    first_money, second_money: EUR a request, wrong answers not counted (`without_errors`)."""
    extra = second_money - first_money
    return extra / cost_wrong if cost_wrong else math.copysign(math.inf, extra) if extra else 0.0


def whole_without_errors(
    parts: Mapping[str, Option], requirements: Requirements, evidence: Findings
) -> tuple[float, float]:
    """(EUR to serve a request, EUR a year whatever the volume) of all parts together: one index
    serves them all."""
    weights = served(parts, requirements)
    each = year = index = 0.0
    for kind, option in parts.items():
        if option is not PEOPLE:
            fixed = yearly(option, kind, requirements, evidence)
            each += weights.get(kind, 1.0) * serving(option, kind, requirements, evidence).money
            year, index = year + fixed["labels"] + fixed["releases"], max(index, fixed["index"])
    return each, year + index


def bill(requirements: Requirements, evidence: Findings) -> pd.DataFrame:
    """EUR for 1,000 requests of each kind, item by item, and what a user waits; one line a kind and
    option, a person first. What is not measured is empty."""
    rows = []
    for kind, weight in requirements.weights().items():
        spread = 1000 / (DAYS * requirements.requests_per_day * weight)
        error = cost_of_error(kind, requirements)
        for option in (PEOPLE, *WALKS[kind]) if kind != TONE else WALKS[kind]:
            used = serving(option, kind, requirements, evidence)
            fixed = yearly(option, kind, requirements, evidence) if option is not PEOPLE else {}
            share = right(option, kind, evidence) if option is not PEOPLE else ALWAYS
            silent = 1000 * refused(option, kind, evidence) * requirements.cost_refusal
            wrong = [
                None if end is None else 1000 * max(0, 1 - end - refused(option, kind, evidence))
                for end in (share.value, share.high, share.low)
            ]
            items = [1000 * used.money, *(spread * money for money in fixed.values()), silent]
            totals = [None if one is None else sum(items) + one * error for one in wrong]
            rows.append(
                {
                    "kind": kind,
                    "option": option.name,
                    "right": share.value,
                    "serving": 1000 * used.money,
                    **{name: spread * money for name, money in fixed.items()},
                    "wrong answers": None if wrong[0] is None else wrong[0] * error,
                    "refused": silent,
                    "total": totals[0],
                    "low": totals[1],
                    "high": totals[2],
                    "tokens read": used.tokens_in,
                    "tokens written": used.tokens_out,
                    "seconds": used.seconds,
                }
            )
    table = pd.DataFrame(rows).set_index(["kind", "option"]).astype(float)
    items = ["labels", "releases", "index"]
    return table.assign(**{name: table[name].fillna(0.0) for name in items})
