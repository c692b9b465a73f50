"""What do the tables of a user's own data say to the decision? Findings under the names of
`decision.findings`, and requirements with the source of each.

Every finding names the model that answered and the folder it was asked about. Nothing is borrowed
but what facts in weights did at the example company: shown as a warning, and read by no rule.
Tokens and seconds of what was not run are the workbook's.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from helpers.commands.assess.folder import UserFolder
from helpers.commands.assess.schedule import Skipped, together
from helpers.core.files import in_utf8
from helpers.data.journal_file import Journal
from helpers.data.label_audit import LabelAudit
from helpers.decision.findings import (
    NAMES,
    REFERENCE,
    SHOWN,
    Finding,
    Findings,
    Usage,
    load_findings,
)
from helpers.decision.requirements import FIELDS, Requirements
from helpers.evaluation.attribution import attribute
from helpers.evaluation.comparison import Comparison, compare
from helpers.evaluation.evaluator import share, wilson

# the finding's name -> the arm whose share it is
LOOKUPS = {
    "closed book": "closed book",
    "long context": "long context",
    "RAG": "RAG",
    "reader + RAG": "reader + RAG",
    "oracle": "oracle context",
}
JUDGEMENTS = {
    "prompt": "few-shot",
    "retrieved examples": "retrieved examples",
    "majority": "majority label",
}
# in the order of the walk: a pair is the simpler one, and the further step
WALKED = (
    ("closed book", "long context", "RAG", "reader + RAG"),
    ("prompt", "retrieved examples", "classifier", "tuned"),
)
# no language model answers here; of the two the one that a fit can improve
CLASSIFIERS = ("classifier", "nearest neighbour")
WITHOUT_MODEL = ("recall", "classifier", "majority", "contradicting labels")
PAIRS = (
    ("best sentence", "RAG"),
    ("closed book", "RAG"),
    ("RAG", "oracle context"),
    ("RAG", "reader + RAG"),
    ("RAG", "long context"),
    ("majority label", "few-shot"),
    ("zero-shot", "few-shot"),
    ("few-shot", "retrieved examples"),
    ("few-shot", "tuned"),
    ("retrieved examples", "tuned"),
    ("majority label", "tuned"),
    ("nearest neighbour", "tuned"),
    ("classifier", "tuned"),
)
CHARS_A_TOKEN = 4


def largest_tuned(tables: Mapping[str, pd.DataFrame]) -> str | None:
    """The arm trained on the most rows, of those that were measured."""
    return max((name for name in tables if name.startswith("tuned, ")), key=rows_of, default=None)


def rows_of(name: str) -> int:
    """The rows in a name such as "tuned, 64 rows"."""
    return int(name.split()[1])


def judged(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """RAG and the reader with a cause for each question that has evidence and was shown to the
    oracle, too, and for each that should be refused."""
    oracle, found = tables.get("oracle context"), {}
    if oracle is None:
        return found
    for name in ("RAG", "reader + RAG"):
        if name in tables:
            table = tables[name]
            part = table[~table["answerable"] | table["id"].isin(oracle["id"])].reset_index(
                drop=True
            )
            if part["answerable"].any():
                found[name] = attribute(part, oracle)
    return found


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Of the arms with these names, the pairs whose difference matters."""
    tuned = max((one for one in names if one.startswith("tuned, ")), key=rows_of, default=None)
    pairs = [tuple(tuned if one == "tuned" else one for one in pair) for pair in PAIRS]
    return [(a, b) for a, b in pairs if a in names and b in names]


def comparisons(tables: Mapping[str, pd.DataFrame]) -> list[Comparison]:
    """The pairs that matter, each on the cases that both were asked; all intervals hold at once
    with 95 %."""
    there = [together(tables[a], tables[b]) for a, b in pairs_of(list(tables))]
    there = [pair for pair in there if len(pair[0])]
    return [compare(first, second, comparisons=len(there)) for first, second in there]


def evidence_of(
    tables: Mapping[str, pd.DataFrame],
    causes: Mapping[str, pd.DataFrame],
    waits: Mapping[str, float],
    training: Mapping[str, float],
    read_seconds: float | None,
    about: Mapping[str, Any],
    model: str = "",
    data: str = "",
    search: pd.DataFrame | None = None,
    labels: LabelAudit | None = None,
) -> Findings:
    """All findings. waits: seconds one user waits, arm by arm, where that was timed; training:
    rows -> seconds; search: how often each way to search finds the evidence; labels: what the
    labelled examples say of themselves."""
    data = in_utf8(data)  # the name of a folder need not be UTF-8
    base = load_findings(Journal(format=1, guesses={}, findings={}))
    found = {name: one for name, one in base.found.items() if name in SHOWN}
    tuned = largest_tuned(tables)
    rows = rows_of(tuned) if tuned else None
    arms = _arms(tables, tuned)

    def finding(name: str, table: pd.DataFrame, column: str = "right") -> Finding:
        one = share(table, column)
        return Finding(
            f"own/{name}",
            *(float(one[key]) for key in ("share", "low", "high")),
            int(one["n"]),
            source="yours",
            says=NAMES[name][2] if name in NAMES else "all right",
            rows=rows if name == "tuned" else rows_of(name) if name.startswith("tuned, ") else None,
            model="" if name in WITHOUT_MODEL else model,
            data=data,
        )

    for name, (table, column) in {**_shares(tables, causes), **arms}.items():
        if len(table):
            found[name] = finding(name, table, column)
    if search is not None and len(search):
        found["recall"] = _recall(search, data)
    if labels is not None and labels.rows:
        found["contradicting labels"] = _contradicting(labels, data)
    usage = {
        name: _usage(
            tables.get(tuned if name == "tuned" and tuned else name),
            waits.get(tuned if name == "tuned" and tuned else name),
            base.usage.get(name),
        )
        for name in (*base.usage, "long context", "reader + RAG")
    }
    many = rows or base.training_rows
    seconds = training.get(str(many), base.training_seconds * many / base.training_rows)
    return Findings(
        found,
        {name: one for name, one in usage.items() if one},
        read_seconds or base.read_seconds,
        seconds,
        many,
        about,
        _pairs(arms, model, data),
    )


def _arms(
    tables: Mapping[str, pd.DataFrame], tuned: str | None
) -> dict[str, tuple[pd.DataFrame, str]]:
    """Finding -> the cases it is the share of: of questions those that have an answer."""
    answerable = {
        name: tables[arm][tables[arm]["answerable"]]
        for name, arm in LOOKUPS.items()
        if arm in tables
    }
    judged = {name: tables[arm] for name, arm in JUDGEMENTS.items() if arm in tables}
    if there := [arm for arm in CLASSIFIERS if arm in tables]:
        judged["classifier"] = tables[there[0]]
    if tuned:
        judged["tuned"] = tables[tuned]
    return {name: (table, "right") for name, table in {**answerable, **judged}.items()}


def _shares(
    tables: Mapping[str, pd.DataFrame], causes: Mapping[str, pd.DataFrame]
) -> dict[str, tuple[pd.DataFrame, str]]:
    """What RAG refuses, rightly and wrongly, and what loses an answer."""
    found = {}
    if "RAG" in tables:
        rag = tables["RAG"]
        there = rag[rag["answerable"]]
        silent = there["abstained"].astype(bool) & ~there["right"].astype(bool)
        found["rightly refused"] = rag[~rag["answerable"]], "right"
        found["refused"] = there.assign(hit=silent), "hit"
        found["wrong"] = there.assign(hit=~silent & ~there["right"].astype(bool)), "hit"
    if "RAG" in causes:
        there = causes["RAG"][causes["RAG"]["answerable"]]
        for name, cause in (
            ("lost to the search", "retrieval"),
            ("lost to distraction", "distraction"),
            ("lost to reading", "reading"),
            ("lost to both", "both"),
        ):
            found[name] = there.assign(hit=there["cause"] == cause), "hit"
    return found


def _recall(search: pd.DataFrame, data: str) -> Finding:
    """How often is the evidence among the most passages that were looked at? By the way of
    searching that the systems used, the first line's."""
    way = search[search["search"] == search["search"].iloc[0]]
    row = way.loc[way["passages"].idxmax()]
    numbers = (float(row[key]) for key in ("evidence found", "low", "high"))
    return Finding(
        "own/recall", *numbers, int(row["n"]), source="yours", says=NAMES["recall"][2], data=data
    )


def _contradicting(labels: LabelAudit, data: str) -> Finding:
    """How many examples have an input that comes with another label, too?"""
    name, k = "contradicting labels", labels.contradicting
    interval = wilson(k, labels.rows)
    return Finding(
        f"own/{name}",
        k / labels.rows,
        *interval,
        labels.rows,
        source="yours",
        says=NAMES[name][2],
        data=data,
    )


def _pairs(
    arms: Mapping[str, tuple[pd.DataFrame, str]], model: str, data: str
) -> dict[tuple[str, str], Finding]:
    """The differences of all pairs that were asked the same cases: counted case by case, they tell
    more than two shares."""
    found = {}
    for first, second in itertools.chain.from_iterable(
        itertools.combinations([name for name in walk if name in arms], 2) for walk in WALKED
    ):
        a, b = together(arms[first][0], arms[second][0])
        if len(a):
            one = compare(a, b)
            numbers = (one.difference, one.low, one.high, one.n)
            found[first, second] = Finding(
                f"own/{second} - {first}",
                *numbers,
                source="yours",
                model=model,
                data=data,
                measure="difference",
            )
    return found


def _usage(table: pd.DataFrame | None, wait: float | None, base: Usage | None) -> Usage | None:
    """What an answer takes here; what was not measured here is taken from the reference."""
    answered = table[table["error"].isna()] if table is not None else None
    if answered is None or not len(answered) or not answered["tokens_in"].sum():
        return base
    seconds = wait if wait is not None else float(statistics.median(answered["seconds"]))
    return Usage(
        float(answered["tokens_in"].mean()),
        float(answered["tokens_out"].mean()),
        seconds,
        len(answered),
    )


def requirements_of(
    own: UserFolder, window_tokens: int | None = None
) -> tuple[Requirements, dict[str, str]]:
    """(the requirements, the source of each: stated in assess.toml, seen in the folder, or
    assumed)."""
    seen: dict[str, Any] = {}
    if own.documents:
        seen["corpus_tokens"] = float(max(1, own.characters // CHARS_A_TOKEN))
        audiences = {tuple(sorted(document.meta.audience)) for document in own.documents}
        seen["access"] = len(audiences) > 1 or own.closed > 0
    if own.questions and not own.examples:
        seen["lookup_share"] = 1.0
    if own.examples and not own.questions:
        seen["lookup_share"] = 0.0
    if own.examples:
        seen["labelled_examples"] = float(len(own.examples))
        seen["strict_format"] = own.examples[0].gold.output is not None
    if window_tokens:
        seen["window_tokens"] = float(window_tokens)
    stated = own.wishes.stated
    limits = {name for name in ("latency_seconds", "window_tokens") if name not in seen | stated}
    seen |= dict.fromkeys(limits, math.inf)  # a limit that nobody stated excludes nothing
    sources = {
        name: "stated"
        if name in stated
        else "seen in the folder"
        if name in seen and name not in limits
        else "assumed"
        for name in FIELDS
    }
    return Requirements(**{**seen, **stated}), sources


def settle(
    found: Sequence[Comparison], skipped: Sequence[Skipped], available: Mapping[str, int]
) -> list[str]:
    """What would more minutes tell, and what needs more cases? One sentence for each pair that
    cannot be told apart. available: arm -> cases there are."""
    waiting = {one.name: one for one in skipped}
    told = []
    for one in (c for c in found if c.verdict == "cannot tell"):
        pair, there = (
            f"{one.second} against {one.first}",
            min(available.get(one.first, one.n), available.get(one.second, one.n)),
        )
        seconds = sum(
            waiting[name].seconds or 0 for name in (one.first, one.second) if name in waiting
        )
        if one.n_to_settle is None:
            told.append(
                f"{pair}: no difference was seen on {one.n} cases; no number of cases would settle"
                " it if there is none."
            )
        elif one.n_to_settle <= there:
            told.append(
                f"{pair}: about {one.n_to_settle:,} cases would settle it, and you have {there:,}:"
                f" run this again with about {max(1, round(seconds / 60)):,} more minutes."
            )
        else:
            told.append(
                f"{pair}: about {one.n_to_settle:,} cases would settle it, and you have {there:,}:"
                " more minutes alone would not; write or label more."
            )
    return told


def reference_about() -> dict[str, Any]:
    """Where the borrowed findings come from."""
    return dict(json.loads(REFERENCE.read_text(encoding="utf-8"))["provenance"])
