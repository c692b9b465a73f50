"""Which labelled rows are most like a message? Those whose vectors (MiniLM) have the largest cosine
with its own."""

from __future__ import annotations

from collections.abc import Sequence


def nearest_rows(texts: Sequence[str], among: Sequence[str], k: int) -> list[list[int]]:
    """For each text the k rows of `among` that are most like it, the most similar first; fewer
    where there are fewer. Of rows that are equally like it, the lowest comes first."""
    import numpy as np

    from helpers.retrieval.embedding import embed_cached

    if not texts:
        return []
    # a text that stands in two rows is compared once: two products of the same numbers may differ
    # in the last digit, and then chance would choose between the rows
    column = {text: at for at, text in enumerate(dict.fromkeys(among))}
    known, asked = (embed_cached(list(part))[0] for part in (column, texts))
    alike = (asked @ known.T)[:, [column[text] for text in among]]  # (n texts, n rows)
    return np.argsort(-alike, axis=1, kind="stable")[:, :k].tolist()
