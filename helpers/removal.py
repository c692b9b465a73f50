"""What if the search lost the evidence of more and more questions? The same answers put together
anew: no law of averages, the very cases.

A system's answer to one question does not depend on the others, so each was asked twice, with its
evidence in the context and without, and a mixture of the two is exactly what would come out if
retrieval failed for that share of the cases.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.evaluate import share

SHARES = (0.0, 0.25, 0.5, 1.0)


def lost_first(ids: Sequence[str], seed: int = 0) -> list[str]:
    """The order in which cases lose their evidence; a larger share takes the same cases and more of
    them."""
    order = sorted(ids)
    random.Random(seed).shuffle(order)
    return order


def mixed(shown: pd.DataFrame, hidden: pd.DataFrame, lost: float, seed: int = 0) -> pd.DataFrame:
    """The table of a system whose search loses the evidence of this share of the cases: their rows
    from `hidden`, the others from `shown`.

    Both are tables of `evaluate` for the same cases. Raises ValueError when they are not, or when
    lost is no share.
    """
    if not 0 <= lost <= 1:
        raise ValueError(f"lost is a share from 0 to 1; got {lost}")
    if sorted(shown["id"]) != sorted(hidden["id"]):
        raise ValueError(
            "the two tables must answer the same cases, once with and once without the evidence"
        )
    order = lost_first(shown["id"], seed)
    gone = set(order[: round(lost * len(order))])
    return pd.concat([shown[~shown["id"].isin(gone)], hidden[hidden["id"].isin(gone)]]).sort_values(
        "id", ignore_index=True
    )


def removal(
    systems: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a system and share of lost evidence: share right with its interval. systems: name ->
    (with evidence, without)."""
    rows = [
        {"system": name, "lost": lost, **share(mixed(shown, hidden, lost, seed))}
        for name, (shown, hidden) in systems.items()
        for lost in shares
    ]
    return pd.DataFrame(rows)
