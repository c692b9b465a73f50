"""Whose fault is it? Every wrong answer gets one cause, found by swapping one part at a time: the
context for the right one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.evaluation.evaluator import share, wilson

REASONS = {
    "right": "Right, and the evidence was in the context.",
    "right without evidence": (
        "Right although the evidence was not in the context: a lucky guess, or something it knew."
    ),
    "retrieval": (
        "Wrong, the evidence was not in the context, and with it the model is right: retrieval is"
        " to blame."
    ),
    "distraction": (
        "Wrong although the evidence was in the context, and right with the evidence alone: the"
        " other passages misled it."
    ),
    "reading": (
        "Wrong although the evidence was in the context, and wrong with the evidence alone: better"
        " retrieval cannot fix this."
    ),
    "both": (
        "Wrong, the evidence was not in the context, and with it alone the model is wrong, too:"
        " fixing only the search or only the reader would not help."
    ),
    "rightly refused": "There was nothing to answer, and it refused.",
    "answered what should be refused": (
        "There was nothing to answer (or nothing for this user), and it answered."
    ),
    "valid but wrong": "Software would accept it; at least one field is wrong.",
    "invalid": "Software would not accept it.",
    "no evidence given": "Wrong; without an evidence quote the cause is unknown.",
    "failed": "The system broke down on this one, or the oracle did; see the error.",
}
# of wrong answers to what can be answered
CAUSES = ("retrieval", "distraction", "reading", "both", "no evidence given", "failed")


def cause(
    answerable: bool,
    right: bool,
    evidence_seen: bool | None,
    right_with_oracle: bool | None,
    failed: bool = False,
) -> str:
    """What became of one question, and if it went wrong: which part is to blame?"""
    # no answer to judge
    if failed:
        return "failed"
    # to be refused: there is no evidence that a part could lose
    if not answerable:
        return "rightly refused" if right else "answered what should be refused"
    # right: but was it read, or known?
    if right:
        return "right without evidence" if evidence_seen is False else "right"
    # wrong. Nothing says where the evidence is, so no part can be swapped
    if evidence_seen is None:
        return "no evidence given"
    # the evidence was there: with it alone the model is right, or cannot read it either
    if evidence_seen:
        return "distraction" if right_with_oracle else "reading"
    # it was missing: a perfect search alone would have cured this, or not even that
    return "retrieval" if right_with_oracle else "both"


def attribute(system: pd.DataFrame, oracle: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table of a system with two more columns: `cause` (a key of REASONS) and
    `wrongly_refused`.

    oracle: the same model with the evidence alone in the context, on (at least) the answerable
    questions of the table. Tickets need none: all they need is in the message. Where the oracle
    broke down on a wrong one, the cause is unknown: that is "failed", too. Raises
    ValueError when the oracle lacks a question.
    """
    table = system.copy()
    failed = table["error"].notna()
    # tickets: no retrieval, so only form and judgement can fail
    if "state" in table:
        causes = table["state"].eq("valid").map({True: "valid but wrong", False: "invalid"})
        table["cause"] = causes.mask(table["right"], "right").mask(failed, "failed")
        return table.assign(wrongly_refused=False)
    answerable = table["answerable"].astype(bool)
    # what the same model says of each question with the evidence alone
    with_oracle = (
        dict(zip(oracle["id"], oracle["right"], strict=True)) if oracle is not None else {}
    )
    # an oracle that broke down explains no wrong answer
    broken = set(oracle["id"][oracle["error"].notna()]) if oracle is not None else set()
    failed |= table["id"].isin(broken) & answerable & ~table["right"].astype(bool)
    # every answerable question needs its counterpart
    if missing := [
        id for id, can in zip(table["id"], answerable, strict=True) if can and id not in with_oracle
    ]:
        raise ValueError(
            f"the oracle was not asked {len(missing)} of these questions, as {missing[0]}; evaluate"
            " it on the same cases"
        )
    # one question at a time down the ladder of `cause`
    parts = zip(
        answerable,
        table["right"],
        table["evidence_seen"],
        map(with_oracle.get, table["id"]),
        failed,
        strict=True,
    )
    table["cause"] = [
        cause(can, right, None if pd.isna(seen) else bool(seen), oracle_right, bad)
        for can, right, seen, oracle_right, bad in parts
    ]
    # refusing what has an answer is wrong whatever the cause
    table["wrongly_refused"] = (
        answerable & table["abstained"].astype(bool) & ~table["right"].astype(bool)
    )
    return table


def blame(attributed: pd.DataFrame, by: str | None = None) -> pd.DataFrame:
    """How often is what to blame? One row for each group and cause: count, n of the group, share
    with its 95 % Wilson interval.

    by: a column to group by, as "kind"; None takes all rows as one group, "all". What can be
    answered and what must be refused are never in one group: their shares have different n. In each
    group the shares sum to 1.
    """
    table = attributed if by else attributed.assign(everything="all")
    asked = (
        table["answerable"].map({True: "answerable", False: "to refuse"})
        if "answerable" in table
        else pd.Series("tickets", table.index)
    )
    rows = []
    for (group, part), rows_of in table.groupby(
        [by or "everything", asked], sort=False, dropna=False
    ):
        counts = rows_of["cause"].value_counts()
        for name in REASONS:
            if count := int(counts.get(name, 0)):
                low, high = wilson(count, len(rows_of))
                rows.append(
                    {
                        "group": group,
                        "asked": part,
                        "cause": name,
                        "count": count,
                        "n": len(rows_of),
                        "share": count / len(rows_of),
                        "low": low,
                        "high": high,
                    }
                )
    return pd.DataFrame(rows)


SHARES = (0.0, 0.25, 0.5, 1.0)


def removal_order(ids: Sequence[str], seed: int = 0) -> list[str]:
    """The order in which cases lose their evidence; a larger share takes the same cases and more of
    them."""
    order = sorted(ids)
    random.Random(seed).shuffle(order)
    return order


def remove_evidence(
    intact: pd.DataFrame, without: pd.DataFrame, lost: float, seed: int = 0
) -> pd.DataFrame:
    """The table of a system whose search loses the evidence of this share of the cases: their rows
    from `without`, the others from `intact`.

    Both are tables of `evaluate` for the same cases. Raises ValueError when they are not, or when
    `lost` is not a share.
    """
    if not 0 <= lost <= 1:
        raise ValueError(f"lost is a share from 0 to 1; got {lost}")
    if sorted(intact["id"]) != sorted(without["id"]):
        raise ValueError(
            "the two tables must answer the same cases, once with and once without the evidence"
        )
    order = removal_order(intact["id"], seed)
    gone = set(order[: round(lost * len(order))])
    return pd.concat(
        [intact[~intact["id"].isin(gone)], without[without["id"].isin(gone)]]
    ).sort_values("id", ignore_index=True)


def with_evidence_removed(
    systems: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a system and share of lost evidence: share right with its interval. systems: name ->
    (with evidence, without)."""
    rows = [
        {"system": name, "lost": lost, **share(remove_evidence(intact, without, lost, seed))}
        for name, (intact, without) in systems.items()
        for lost in shares
    ]
    return pd.DataFrame(rows)
