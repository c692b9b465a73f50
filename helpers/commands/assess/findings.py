"""What do the tables of a user's own data say to the decision? Findings under the names of
`decision.findings`, and requirements with the source of each.

Of what was not measured on these data no share is borrowed that could be compared with one that
was. What such data cannot show (what stays of memorised facts after a change, what leaks through a
prompt) stands beside a rule as its example, marked; tokens and seconds of what was not run are the
workbook's.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from helpers.commands.assess.folder import UserFolder
from helpers.commands.assess.schedule import Skipped, together
from helpers.data.journal_file import Journal
from helpers.decision.findings import NAMES, REFERENCE, Finding, Findings, Usage, load_findings
from helpers.decision.requirements import FIELDS, Requirements
from helpers.evaluation.attribution import attribute
from helpers.evaluation.comparison import Comparison, compare
from helpers.evaluation.evaluator import share

BORROWED = (
    "facts adapter, after a change",
    "RAG, after a change",
    "leak, rule in the prompt",
    "leak, rights in the search",
)
LOOKUPS = {
    "closed book": "closed book",
    "RAG": "RAG",
    "long context": "long context",
    "reader + RAG": "reader + RAG",
}
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


def comparisons(tables: Mapping[str, pd.DataFrame]) -> list[Comparison]:
    """The pairs that matter, each on the cases that both were asked; all intervals hold at once
    with 95 %."""
    tuned = largest_tuned(tables)
    names = [tuple(tuned if one == "tuned" else one for one in pair) for pair in PAIRS]
    there = [together(tables[a], tables[b]) for a, b in names if a in tables and b in tables]
    there = [pair for pair in there if len(pair[0])]
    return [compare(first, second, comparisons=len(there)) for first, second in there]


def evidence_of(
    tables: Mapping[str, pd.DataFrame],
    causes: Mapping[str, pd.DataFrame],
    waits: Mapping[str, float],
    training: Mapping[str, float],
    read_seconds: float | None,
    about: Mapping[str, Any],
) -> Findings:
    """All findings. waits: seconds one user waits, arm by arm, where that was timed; training:
    rows -> seconds."""
    base = load_findings(Journal(format=1, guesses={}, findings={}))
    found = {name: one for name, one in base.found.items() if name in BORROWED}

    def add(name: str, table: pd.DataFrame, column: str = "right", rows: int | None = None) -> None:
        if len(table):
            one = share(table, column)
            found[name] = Finding(
                f"own/{name}",
                float(one["share"]),
                float(one["low"]),
                float(one["high"]),
                int(one["n"]),
                None,
                "yours",
                NAMES[name][1],
                rows,
            )

    for name, arm in LOOKUPS.items():
        if arm in tables:
            add(name, tables[arm][tables[arm]["answerable"]])
    if "RAG" in tables:
        add("rightly refused", tables["RAG"][~tables["RAG"]["answerable"]])
    if "RAG" in causes:
        answerable = causes["RAG"][causes["RAG"]["answerable"]]
        for name, fault in (
            ("lost to the search", "retrieval"),
            ("lost to distraction", "distraction"),
            ("lost to reading", "reading"),
            ("lost to both", "both"),
        ):
            add(name, answerable.assign(hit=answerable["cause"] == fault), "hit")
    if "few-shot" in tables:
        add("prompt", tables["few-shot"])
    curve = {}
    if tuned := largest_tuned(tables):
        add("tuned", tables[tuned], rows=rows_of(tuned))
        for name in sorted((name for name in tables if name.startswith("tuned, ")), key=rows_of):
            one = share(tables[name])
            curve[rows_of(name)] = Finding(
                f"own/{name}",
                float(one["share"]),
                float(one["low"]),
                float(one["high"]),
                int(one["n"]),
                None,
                "yours",
                "all right",
                rows_of(name),
            )
    usage = {
        name: _usage(
            tables.get(tuned if name == "tuned" else name) if name != "tuned" or tuned else None,
            waits.get(tuned if name == "tuned" and tuned else name),
            one,
        )
        for name, one in base.usage.items()
    }
    rows = rows_of(tuned) if tuned else base.training_rows
    seconds = training.get(str(rows), base.training_seconds * rows / base.training_rows)
    return Findings(found, usage, read_seconds or base.read_seconds, seconds, rows, about, curve)


def _usage(table: pd.DataFrame | None, wait: float | None, base: Usage) -> Usage:
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
