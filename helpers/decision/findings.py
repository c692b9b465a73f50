"""What was measured, by whom, and how sure is it? The findings that the decision rests on, under
plain names.

    evidence = load_findings()         # the learner's own journal; where it lacks a finding, the
                                       reference is used, marked
    evidence["RAG"]                    # value, low, high, n, and whose it is; None where it was
                                       not measured
    evidence.without("RAG")            # as if it had not been measured

No model is needed here: findings are read, never made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from helpers.core import settings
from helpers.data.journal_file import Journal, RecordedFinding, load
from helpers.decision.options import ACTIONS, JUDGEMENTS, LOOKUPS, TONE
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.numbers import percent, percents

ROUTING, RELEASES = "all kinds", "releases of weights"
HOME = "the example company"  # whose data the notebooks ask about
WITHOUT_MODEL = (
    "03.recall/",
    "08.tickets/classifier",
    "08.tickets/majority label",
    "09.tools/query",
    "09.router/",
    "12.labels/",
)
REFERENCE = settings.DATA / "reference" / "findings.json"
SHARE, GAIN, COUNT = "share", "difference", "count"
# The name that the rules use -> the finding's id in the journal, the kind of request it is about,
# and what it says. Each changes some answer (a test asks); add a line to let a rule of yours see
# one more.
NAMES: Mapping[str, tuple[str, str, str]] = {
    "closed book": ("08.questions/closed book", LOOKUPS, "right from memory alone"),
    "recall": (
        "03.recall/dense, k = 5",
        LOOKUPS,
        "the evidence is among the first five places that the search shows",
    ),
    "long context": (
        "08.questions/long context",
        LOOKUPS,
        "right with whole documents in the prompt",
    ),
    "RAG": ("08.questions/RAG", LOOKUPS, "right with a retrieved passage"),
    "improved RAG": (
        "08.questions/RAG, best search",
        LOOKUPS,
        "right with a better prompt, a reranker, or a retriever tuned on your questions",
    ),
    "reader + RAG": (
        "08.reader/reader + RAG",
        LOOKUPS,
        "right with a retrieved passage and a reader tuned to read",
    ),
    "oracle": (
        "08.questions/oracle context",
        LOOKUPS,
        "right when the right sentence is shown: no better search can do more",
    ),
    "refused": ("08.wrongly refused/RAG", LOOKUPS, "RAG refused, although there is an answer"),
    "wrong": ("08.wrong/RAG", LOOKUPS, "RAG answered, and wrongly"),
    "lost to the search": (
        "08.faults/RAG/retrieval",
        LOOKUPS,
        "lost only because the evidence was not found",
    ),
    "lost to distraction": (
        "08.faults/RAG/distraction",
        LOOKUPS,
        "lost although found, because of the rest of the context",
    ),
    "lost to reading": (
        "08.faults/RAG/reading",
        LOOKUPS,
        "lost although found, and lost with the evidence alone, too",
    ),
    "lost to both": (
        "08.faults/RAG/both",
        LOOKUPS,
        "lost because the evidence was not found, and lost with it, too",
    ),
    "rightly refused": ("08.refused/RAG", LOOKUPS, "refused, of what RAG should refuse"),
    "RAG, after a change": (
        "07.changed/RAG",
        LOOKUPS,
        "right after the policy changed, index brought up to date",
    ),
    "leak, rights in the search": (
        "04.leaks/rights in the search",
        LOOKUPS,
        "a secret passage reached the wrong user, access control in the query",
    ),
    "prompt": ("08.tickets/few-shot", JUDGEMENTS, "all right with examples in the prompt"),
    "retrieved examples": (
        "08.tickets/retrieved examples",
        JUDGEMENTS,
        "all right with the most similar labelled examples in the prompt",
    ),
    "classifier": (
        "08.tickets/classifier",
        JUDGEMENTS,
        "all right with a nearest neighbour or a classifier, without a language model",
    ),
    "majority": (
        "08.tickets/majority label",
        JUDGEMENTS,
        "all right by always giving the most frequent label",
    ),
    "tuned": ("08.tickets/tuned", JUDGEMENTS, "all right after training on labelled examples"),
    "contradicting labels": (
        "12.labels/contradicting",
        JUDGEMENTS,
        "labelled examples whose input has another label elsewhere",
    ),
    "tuned, gain": ("05.gain/tuned", JUDGEMENTS, "tuned minus few-shot, on the same cases"),
    "style, prompt": ("05.style/few-shot", TONE, "replies in the house style, by a prompt"),
    "style, tuned": ("05.style/tuned", TONE, "replies in the house style, after training"),
    "tool": ("09.tools/query", ACTIONS, "right by one query or one call of a tool"),
    "router": ("09.router/router", ROUTING, "requests sent to the part that should answer them"),
    "parts of a release": ("10.burden/tuned/parts", RELEASES, "parts to version"),
    "minutes of a release": ("10.burden/tuned/minutes", RELEASES, "minutes of training"),
    "signatures": ("10.burden/tuned/signatures", RELEASES, "people who sign a release"),
    "way back": (
        "10.burden/tuned/seconds back",
        RELEASES,
        "seconds to go back to the one before",
    ),
}
# counts of a release, no shares: how many, or how long
COUNTS = tuple(name for name, (_, kind, _) in NAMES.items() if kind == RELEASES)
# Facts in weights: shown as a warning beside the answer, read by no rule, and never recommended.
SHOWN: Mapping[str, tuple[str, str, str]] = {
    "facts adapter": (
        "07.facts/facts adapter",
        LOOKUPS,
        "facts in weights: right on what was trained, in other words",
    ),
    "facts adapter, after a change": (
        "07.changed/facts adapter",
        LOOKUPS,
        "facts in weights: right after the policy changed, without retraining",
    ),
    "facts adapter, refused": (
        "07.refused/facts adapter",
        LOOKUPS,
        "facts in weights: refused, of what should be refused",
    ),
    "facts adapter, leak": (
        "07.canary/facts adapter",
        LOOKUPS,
        "facts in weights: told to a user who may not know",
    ),
}
# which two findings a difference is between: it replaces the difference of their shares
GAINS: Mapping[tuple[str, str], str] = {("prompt", "tuned"): "tuned, gain"}
LOST = ("lost to the search", "lost to distraction", "lost to reading", "lost to both")
OF_RAG = ("refused", "wrong", "rightly refused")  # counted on the same answers as RAG's share
FEWEST = 30  # cases: on fewer nothing is recommended, whatever the interval
# cases that put about 10 points on either side of a share that was not measured: 0.25 (1.96 /
# 0.10)²
UNSEEN_N = 97
# Normal quantiles of 95 % two-sided, and of a power of 80 % (0.84), a little more of the second:
# Newcombe's interval is wider than the normal one, most of all for few cases
Z, Z_POWER = 1.96, 0.95
NEAR = 1e-6  # how far a share may lie beyond what can be, by rounding


@dataclass(frozen=True)
class Finding:
    """One measured finding: value with its interval over n cases, whose it is, and with which model
    on which data it was measured.

    Raises ValueError for what cannot be: no number, 85 for 0.85, a value outside its interval, no
    cases. measure: a share, the difference of two (-1 to 1), or a count (0 or more).
    """

    id: str
    value: float
    low: float
    high: float
    n: float
    verdict: str | None = None
    source: Literal["yours", "reference", "set by hand"] = "set by hand"
    says: str = ""
    rows: int | None = None  # training rows behind it, where it has any
    model: str = ""
    data: str = ""
    measure: Literal["share", "difference", "count"] = SHARE

    def __post_init__(self) -> None:
        least, most = {GAIN: (-1.0, 1.0), COUNT: (0.0, math.inf)}.get(self.measure, (0.0, 1.0))
        for name in ("value", "low", "high", "n"):
            one = getattr(self, name)
            if isinstance(one, bool) or not isinstance(one, Real) or not math.isfinite(one):
                raise ValueError(f"finding {self.id!r}: {name} is {one!r}; it must be a number")
        if self.n < 1:
            raise ValueError(f"finding {self.id!r}: n is {self.n!r}; it must be 1 case or more")
        outside = [
            (name, one)
            for name in ("value", "low", "high")
            if not least - NEAR <= (one := getattr(self, name)) <= most + NEAR
        ]
        if outside:
            name, one = outside[0]
            hint = f"; did you mean {one / 100:g}?" if 2 <= one <= 100 else ""
            raise ValueError(
                f"finding {self.id!r}: {name} is {one!r}; a {self.measure} lies between {least:g}"
                f" and {most:g}{hint}"
            )
        if not self.low - NEAR <= self.value <= self.high + NEAR:
            raise ValueError(
                f"finding {self.id!r}: {self.value:g} does not lie in its interval, {self.low:g} to"
                f" {self.high:g}"
            )

    def __str__(self) -> str:
        if self.measure == GAIN:
            return (
                f"{100 * self.value:+.0f} points ({100 * self.low:+.0f} to {100 * self.high:+.0f},"
                f" n = {self.n:g}, {self.source})"
            )
        if self.measure == COUNT:
            return f"{self.value:.3g} (n = {self.n:g}, {self.source})"
        return (
            f"{percent(self.value)} ({percents(self.low, self.high)}, n = {self.n:g},"
            f" {self.source})"
        )

    @property
    def comes_from(self) -> tuple[str, str]:
        """(model, data): what two findings must share before they are compared."""
        return self.model, self.data


def counted(k: int, n: int, id: str = "own", **more: Any) -> Finding:
    """A finding of one's own: k of n cases, with the 95 % Wilson interval. Raises ValueError where
    k or n cannot be."""
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} cannot be: count from 0 to n, of 1 case or more")
    return Finding(id, k / n, *wilson(k, n), n, **more)


@dataclass(frozen=True)
class Usage:
    """What one answer takes: tokens read and written (means), seconds one user waits (median, one
    ask at a time)."""

    tokens_in: float
    tokens_out: float
    seconds: float
    n: int


@dataclass(frozen=True)
class Findings:
    """Findings by name, and what an answer of each system takes. `about`: where the reference comes
    from."""

    found: Mapping[str, Finding]
    usage: Mapping[str, Usage]
    read_seconds: float  # for one token of a prompt, on the machine that measured
    training_seconds: float
    training_rows: int
    about: Mapping[str, Any] = field(default_factory=dict)
    # pairs asked the same cases, beside those of GAINS: (first, second) -> their difference
    pairs: Mapping[tuple[str, str], Finding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for names in (LOST, ("RAG", "refused", "wrong")):
            there = [self.found[name] for name in names if name in self.found]
            if (
                len({(one.n, one.source) for one in there}) == 1
                and (total := sum(one.value for one in there)) > 1 + 1 / there[0].n
            ):
                raise ValueError(
                    f"{', '.join(name for name in names if name in self.found)} are shares of the"
                    f" same cases, and add up to {total:.3g}; they cannot be more than 1"
                )

    def __getitem__(self, name: str) -> Finding | None:
        if name not in NAMES and name not in SHOWN and name not in self.found:
            raise KeyError(f"there is no finding named {name!r}; there are {', '.join(NAMES)}")
        return self.found.get(name)

    @cached_property
    def comparable(self) -> Findings:
        """The same without what comes from another model or other data than the rest of its kind:
        two models never meet. What was set by hand goes before one's own runs, and those before
        the reference."""
        kinds = {name: kind for name, (_, kind, _) in NAMES.items()}
        keep = {name: one for name, one in self.found.items() if name not in kinds}
        for kind in dict.fromkeys(kinds.values()):
            own = {name: one for name, one in self.found.items() if kinds.get(name) == kind}
            keep |= _of_one_model(own)
        pairs = {
            pair: one
            for pair, one in self.pairs.items()
            if all(name in keep and keep[name].data == one.data for name in pair)
        }
        return self if len(keep) == len(self.found) else replace(self, found=keep, pairs=pairs)

    @property
    def left_out(self) -> list[str]:
        """The findings that `comparable` leaves out."""
        return [name for name in self.found if name not in self.comparable.found]

    def difference(self, first: str, second: str) -> Finding | None:
        """Second minus first where both were asked the same cases; None where nobody counted."""
        return self.pairs.get((first, second)) or self.found.get(GAINS.get((first, second), ""))

    @property
    def not_found(self) -> Span | None:
        """Of which share of look-ups was the evidence not found, and the answer wrong? Lost to the
        search, and lost to both; without the second, what is known of the first is the least."""
        search, both = self.found.get("lost to the search"), self.found.get("lost to both")
        if search is None:
            return None
        if both is None:
            return Span(None, search.low, 1.0)
        # counts of the same look-ups, none in both
        value = min(1.0, search.value + both.value)
        return Span(value, *_wilson(round(value * search.n), int(search.n)))

    def but(self, **found: Finding) -> Findings:
        """The same with some findings replaced: `evidence.but(RAG=…)`, `evidence.but(**{"reader +
        RAG": …})`. What was counted of a pair with one of them goes."""
        there = self.without(*found)
        return replace(there, found={**there.found, **found})

    def without(self, *names: str) -> Findings:
        """The same as if these had not been measured, nor any pair with one of them."""
        gone = {*names, *(gain for pair, gain in GAINS.items() if set(pair) & set(names))}
        return replace(
            self,
            found={name: one for name, one in self.found.items() if name not in gone},
            pairs={pair: one for pair, one in self.pairs.items() if not set(pair) & set(names)},
        )

    def table(self) -> pd.DataFrame:
        """One line a finding; what was not measured is there, too, and says so."""
        rows = []
        known = {**NAMES, **SHOWN}
        for name in [*known, *(n for n in self.found if n not in known)]:
            one, (id, kind, says) = self.found.get(name), known.get(name, ("", "", ""))
            rows.append(
                {
                    "name": name,
                    "about": kind,
                    "says": one.says if one and one.says else says,
                    "value": one and one.value,
                    "low": one and one.low,
                    "high": one and one.high,
                    "n": one and one.n,
                    "whose": one.source if one else "not measured",
                    "model": one.model if one else "",
                    "data": one.data if one else "",
                    "finding": one.id if one else id,
                }
            )
        return pd.DataFrame(rows).set_index("name")


def _of_one_model(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """Of findings of one kind those of the model and data that rank first. What needs no model
    (recall, a classifier) goes with any model on the same data."""
    if len({one.comes_from for one in found.values()}) < 2:
        return dict(found)
    rank = {"set by hand": 2, "yours": 1, "reference": 0}
    groups: dict[tuple[str, str], list[int]] = {}
    for one in found.values():
        if one.model:
            groups.setdefault(one.comes_from, []).append(rank[one.source])
    if not groups:  # no model anywhere: the data decide
        groups = {("", one.data): [rank[one.source]] for one in found.values()}
    model, data = max(groups, key=lambda key: (max(groups[key]), len(groups[key])))
    return {
        name: one for name, one in found.items() if one.data == data and one.model in (model, "")
    }


@dataclass(frozen=True)
class Span:
    """A number that is only known to lie between two: value (None when nothing was measured), low,
    high."""

    value: float | None
    low: float
    high: float

    def times(self, weight: float) -> Span:
        return Span(
            None if self.value is None else weight * self.value,
            weight * self.low,
            weight * self.high,
        )


UNKNOWN, ALWAYS = Span(None, 0.0, 1.0), Span(1.0, 1.0, 1.0)


def span(found: Finding | None) -> Span:
    """A share that was not measured may be anything from 0 to 1."""
    return UNKNOWN if found is None else Span(found.value, found.low, found.high)


def gain(first: Span, second: Span) -> Span:
    """second minus first. For two measured shares the interval of Newcombe (1998, doi
    10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I), method 10, from their two
    intervals; it takes the two as independent, so it is rather too wide for systems that were asked
    the same cases.
    """
    if first.value is None or second.value is None:
        return Span(None, second.low - first.high, second.high - first.low)
    d = second.value - first.value
    low = d - math.hypot(second.value - second.low, first.high - first.value)
    high = d + math.hypot(second.high - second.value, first.value - first.low)
    return Span(d, low, high)


def both(one: Span, other: Span) -> Span:
    """The sum of two independent spans. Half-widths add as the root of their squares; what was not
    measured adds whole."""
    if one.value is None or other.value is None:
        value = None
        return Span(value, one.low + other.low, one.high + other.high)
    value = one.value + other.value
    return Span(
        value,
        value - math.hypot(one.value - one.low, other.value - other.low),
        value + math.hypot(one.high - one.value, other.high - other.value),
    )


def product(one: Span, other: Span) -> Span:
    """Two shares of which both must hold."""
    unknown = one.value is None or other.value is None
    value = None if unknown else one.value * other.value
    return Span(value, one.low * other.low, one.high * other.high)


def above(known: Span, line: float) -> bool | None:
    """Is it above the line? None when the interval straddles the line: then we cannot tell."""
    if known.low == known.high:
        return known.low > line
    return True if known.low > line else False if known.high < line else None


def variance(one: Span, n: float) -> float:
    """What one case adds to the variance of a share or difference, seen from its 95 % interval."""
    return n * ((one.high - one.low) / 2 / Z) ** 2


def n_to_tell(per_case: float, distance: float) -> int | None:
    """How many cases would show, four times out of five, that a number lies so far from its line?
    per_case: the variance that one case adds. None when it seems to lie on the line."""
    if not distance:
        return None
    return max(FEWEST, math.ceil(per_case * ((Z + Z_POWER) / distance) ** 2))


@cache
def _wilson(k: int, n: int) -> tuple[float, float]:
    return wilson(k, n)


def load_findings(journal: Journal | None = None, reference: Path = REFERENCE) -> Findings:
    """The learner's findings; where one is missing, the reference is used and marked. Raises
    JournalError for a damaged journal."""
    saved = json.loads(reference.read_text(encoding="utf-8"))
    theirs = {
        id: RecordedFinding.model_validate_json(json.dumps(one))
        for id, one in saved["findings"].items()
    }
    ours = (load() if journal is None else journal).findings
    model = str(saved["provenance"].get("generator", ""))
    found = {
        name: one
        for name, (id, _, says) in {**NAMES, **SHOWN}.items()
        if (one := _found(id, says, ours, theirs, model))
    }
    # shares of the same answers add up, those of two runs do not (and a journal from before `both`
    # was told apart holds it under reading)
    if len({found[name].source for name in LOST if name in found}) > 1:
        found = {n: one for n, one in found.items() if n not in LOST or one.source == "yours"}
    used = saved["usage"]
    return Findings(
        found,
        {
            name: Usage(**{key: one[key] for key in ("tokens_in", "tokens_out", "seconds", "n")})
            for name, one in used["arms"].items()
        },
        used["read_seconds"],
        used["training_seconds"],
        used["training_rows"],
        saved["provenance"],
    )


def _found(
    id: str,
    says: str,
    ours: Mapping[str, RecordedFinding],
    theirs: Mapping[str, RecordedFinding],
    model: str,
) -> Finding | None:
    one = ours.get(id) or theirs.get(id)
    if one is None:
        return None
    return Finding(
        id,
        one.value,
        one.low,
        one.high,
        one.n,
        one.verdict,
        "yours" if id in ours else "reference",
        says,
        # a search and a classifier answer without the language model
        model="" if id.startswith(WITHOUT_MODEL) else str(one.provenance.get("model", model)),
        data=HOME,
        measure=one.measure,
    )
