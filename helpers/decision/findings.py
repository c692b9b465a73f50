"""What was measured, by whom, and how sure is it? The findings that the decision rests on, under
plain names.

    evidence = load_findings()         # the learner's own journal; where it lacks a finding, the
                                       reference is used, marked
    evidence["RAG"]                    # value, low, high, n, and whose it is; None where it was
                                       measured it
    evidence.without("RAG")            # as if it had not been measured

No model is needed here: findings are read, never made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from helpers.core import settings
from helpers.data.journal_file import Journal, RecordedFinding, load
from helpers.evaluation.comparison import cases_to_settle
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.numbers import percent, percents

REFERENCE = settings.DATA / "reference" / "findings.json"
# The name that the rules use -> the finding's id in the journal, and what it says. Add a line to
# let a rule of yours see one more finding.
NAMES: Mapping[str, tuple[str, str]] = {
    "closed book": ("08.questions/closed book", "right on look-ups from memory alone"),
    "RAG": ("08.questions/RAG", "right on look-ups with a retrieved passage"),
    "long context": (
        "08.questions/long context",
        "right on look-ups with whole documents in the prompt",
    ),
    "facts adapter": (
        "07.facts/facts adapter",
        "right on look-ups after training on these facts, asked in other words",
    ),
    "reader + RAG": (
        "08.reader/reader + RAG",
        "right on look-ups with a retrieved passage and a reader tuned to read",
    ),
    "lost to the search": (
        "08.faults/RAG/retrieval",
        "look-ups lost only because the evidence was not found",
    ),
    "lost to distraction": (
        "08.faults/RAG/distraction",
        "look-ups lost although found, because of the rest of the context",
    ),
    "lost to reading": (
        "08.faults/RAG/reading",
        "look-ups lost although found, and lost with the evidence alone, too",
    ),
    "lost to both": (
        "08.faults/RAG/both",
        "look-ups lost because the evidence was not found, and lost with it, too",
    ),
    "rightly refused": ("08.refused/RAG", "refused, of what RAG should refuse"),
    "facts adapter, after a change": (
        "07.changed/facts adapter",
        "right after the policy changed, without retraining",
    ),
    "RAG, after a change": (
        "07.changed/RAG",
        "right after the policy changed, index brought up to date",
    ),
    "prompt": ("08.tickets/few-shot", "all fields right with examples in the prompt"),
    "tuned": ("08.tickets/tuned", "all fields right after training on labelled examples"),
    "tuned, gain": ("06.gain/tuned", "tuned minus few-shot, on the same tickets"),
    "leak, rule in the prompt": (
        "04.leaks/prompt keeps the secret",
        "a secret passage reached the wrong user, forbidden by the prompt only",
    ),
    "leak, rights in the search": (
        "04.leaks/rights in the search",
        "a secret passage reached the wrong user, access control in the query",
    ),
}
# cases that put about 10 points on either side of a share that was not measured: 0.25 (1.96 /
# 0.10)²
UNSEEN_N = 97


@dataclass(frozen=True)
class Finding:
    """One measured finding: value with its interval over n cases, and whose it is."""

    id: str
    value: float
    low: float
    high: float
    n: float
    verdict: str | None = None
    source: Literal["yours", "reference", "set by hand"] = "set by hand"
    says: str = ""
    rows: int | None = None  # training rows behind it, where it has any

    def __str__(self) -> str:
        return (
            f"{percent(self.value)} ({percents(self.low, self.high)}, n = {self.n:g},"
            f" {self.source})"
        )


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
    # training rows -> all fields right on dev tickets
    curve: Mapping[int, Finding] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Finding | None:
        if name not in NAMES and name not in self.found:
            raise KeyError(f"there is no finding named {name!r}; there are {', '.join(NAMES)}")
        return self.found.get(name)

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
        return Span(value, *wilson(round(value * search.n), int(search.n)))

    def but(self, **found: Finding) -> Findings:
        """The same with some findings replaced: `evidence.but(RAG=…)`, `evidence.but(**{"reader +
        RAG": …})`."""
        return replace(self, found={**self.found, **found})

    def without(self, *names: str) -> Findings:
        """The same as if these had not been measured."""
        return replace(
            self, found={name: one for name, one in self.found.items() if name not in names}
        )

    def at_rows(self, rows: int) -> Findings:
        """The same with the tuned model trained on so many rows, as the training-size lab measured
        it. For a size that was not measured, not measured."""
        found = self.curve.get(rows)
        there = (
            self.without("tuned") if found is None else self.but(tuned=replace(found, rows=rows))
        )
        return replace(
            there,
            training_seconds=self.training_seconds * rows / self.training_rows,
            training_rows=max(1, rows),
        )

    def at_retrieval(self, row: Mapping[str, Any], id: str = "reference/chunking.json") -> Findings:
        """The same with RAG as a row of the chunking grid measured it (accuracy, its interval,
        tokens of its prompt)."""
        if row["accuracy"] is None or math.isnan(row["accuracy"]):
            return self.without("RAG")
        made = Finding(
            id,
            row["accuracy"],
            row["accuracy_low"],
            row["accuracy_high"],
            row["n_answers"],
            None,
            "reference",
            "right on look-ups at this setting",
        )
        rag = self.usage["RAG"]
        longer = row["prompt_tokens"] - rag.tokens_in
        usage = replace(
            rag,
            tokens_in=row["prompt_tokens"],
            seconds=max(0.0, rag.seconds + longer * self.read_seconds),
        )
        return replace(self.but(RAG=made), usage={**self.usage, "RAG": usage})

    def table(self) -> pd.DataFrame:
        """One line a finding; what was not measured is there, too, and says so."""
        rows = []
        for name in [*NAMES, *(n for n in self.found if n not in NAMES)]:
            one, (id, says) = self.found.get(name), NAMES.get(name, ("", ""))
            rows.append(
                {
                    "name": name,
                    "says": one.says if one and one.says else says,
                    "value": one and one.value,
                    "low": one and one.low,
                    "high": one and one.high,
                    "n": one and one.n,
                    "whose": one.source if one else "not measured",
                    "finding": one.id if one else id,
                }
            )
        return pd.DataFrame(rows).set_index("name")


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


def above(known: Span, line: float) -> bool | None:
    """Is it above the line? None when the interval straddles the line: then we cannot tell."""
    if known.low == known.high:
        return known.low > line
    return True if known.low > line else False if known.high < line else None


def n_to_tell(found: Finding | None, distance: float) -> int | None:
    """How many cases would show that a finding lies so far from a line, four times out of five? For
    one that was not measured, a first look's n.

    None when it seems to lie on the line: then no number of cases would."""
    if found is None:
        return UNSEEN_N
    return cases_to_settle(distance, (found.high - found.low) / 2, int(found.n))


def load_findings(journal: Journal | None = None, reference: Path = REFERENCE) -> Findings:
    """The learner's findings; where one is missing, the reference is used and marked. Raises
    JournalError for a damaged journal."""
    saved = json.loads(reference.read_text(encoding="utf-8"))
    theirs = {
        id: RecordedFinding.model_validate_json(json.dumps(one))
        for id, one in saved["findings"].items()
    }
    ours = (load() if journal is None else journal).findings
    found = {
        name: one for name, (id, says) in NAMES.items() if (one := _found(id, says, ours, theirs))
    }
    # shares of the same answers add up, those of two runs do not; and a journal from before this
    # cause was told apart holds it under reading
    reading, missing_too = found.get("lost to reading"), found.get("lost to both")
    if reading and missing_too and reading.source != missing_too.source:
        del found["lost to both"]
    curve = {
        int(id.rsplit("/", 1)[1]): _found(id, "all fields right on dev tickets", ours, theirs)
        for id in {**theirs, **ours}
        if id.startswith("06.rows/") and id.rsplit("/", 1)[1].isdigit()
    }
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
        dict(sorted(curve.items())),
    )


def _found(
    id: str, says: str, ours: Mapping[str, RecordedFinding], theirs: Mapping[str, RecordedFinding]
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
    )
