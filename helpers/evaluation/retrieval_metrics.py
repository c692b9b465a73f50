"""Did the search find it, and how high? Measures of a ranked list, and measures on characters that
do not care how the text was cut.

Ranked lists are judged by ids (of chunks), as in every toolkit of information retrieval; equality
with one is tested. The character measures (after Smith and Troynikov, "Evaluating Chunking
Strategies for Retrieval", Chroma 2024) compare indexes with different chunks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

from helpers.core.cases import Evidence, Passage


def recall_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Which share of what is relevant is among the first k? 0 when nothing is relevant."""
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant)) if relevant else 0.0


def precision_at_k(ranked: Sequence[Hashable], relevant: Collection[Hashable], k: int) -> float:
    """Which share of the first k places holds something relevant? Places that stay empty count as
    irrelevant."""
    return len(set(ranked[:k]) & set(relevant)) / k


def reciprocal_rank(ranked: Sequence[Hashable], relevant: Collection[Hashable]) -> float:
    """1 / the place of the first relevant one, 0 when there is none; its mean over questions is the
    MRR."""
    return next((1 / place for place, one in enumerate(ranked, start=1) if one in relevant), 0.0)


def ndcg_at_k(
    ranked: Sequence[Hashable], relevant: Collection[Hashable] | Mapping[Hashable, float], k: int
) -> float:
    """How good is the order of the first k, against the best order possible? Discount log2(place +
    1) (Järvelin and Kekäläinen 2002).

    relevant: what is relevant, each with gain 1; or a mapping to gains, which count linearly, and
    not at all below 0 (as in trec_eval). What is in the list twice is gained once, at its first
    place.
    """
    gains = (
        {one: max(0.0, gain) for one, gain in relevant.items()}
        if isinstance(relevant, Mapping)
        else dict.fromkeys(relevant, 1.0)
    )
    first = {one: place for place, one in reversed([*enumerate(ranked[:k], start=1)])}
    gain = sum(gains.get(one, 0.0) / math.log2(place + 1) for one, place in first.items())
    best = sum(
        one / math.log2(place + 1)
        for place, one in enumerate(sorted(gains.values(), reverse=True)[:k], start=1)
    )
    return gain / best if best else 0.0


def evidence_found(evidence: Sequence[Evidence], context: Sequence[Passage]) -> bool:
    """Did the system see all of the evidence? Every character of every quote lies in some passage
    of its document."""
    return all(_whole(one, context) for one in evidence)


def evidence_recall(evidence: Sequence[Evidence], context: Sequence[Passage]) -> float:
    """Which share of the quotes was seen whole? 1 when there are none to see."""
    return sum(_whole(one, context) for one in evidence) / len(evidence) if evidence else 1.0


def _whole(evidence: Evidence, context: Sequence[Passage]) -> bool:
    """White space does not count: a cutter may drop the blank between two neighbouring passages."""
    spans = [(p.start, p.end) for p in context if p.doc == evidence.doc]
    return all(
        letter.isspace() or any(start <= at < end for start, end in spans)
        for at, letter in enumerate(evidence.quote, evidence.start)
    )


def overlap(evidence: Sequence[Evidence], context: Sequence[Passage]) -> dict[str, float]:
    """How well do the characters seen fit the characters needed? `recall` (of the needed),
    `precision` (of the seen), `iou` (both / either).

    A character in two overlapping passages is seen once; its second time still costs
    tokens, which are counted elsewhere.
    """
    needed = _spans(evidence)
    seen = _spans(context)
    both = sum(
        max(0, min(e, end) - max(s, start))
        for doc in needed
        for s, e in needed[doc]
        for start, end in seen.get(doc, ())
    )
    n_needed, n_seen = (
        sum(end - start for spans in found.values() for start, end in spans)
        for found in (needed, seen)
    )
    either = n_needed + n_seen - both
    return {
        "recall": both / n_needed if n_needed else 1.0,
        "precision": both / n_seen if n_seen else 0.0,
        "iou": both / either if either else 1.0,
    }


def first_hit(evidence: Sequence[Evidence], context: Sequence[Passage]) -> float:
    """Reciprocal rank of the first passage that holds a whole quote; 0 when none does."""
    holds = [
        place
        for place, passage in enumerate(context)
        if any(_whole(one, [passage]) for one in evidence)
    ]
    return reciprocal_rank(range(len(context)), holds)


Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """The same characters as spans that neither overlap nor touch, in order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _spans(pieces: Sequence[Passage | Evidence]) -> dict[str, list[Span]]:
    """The characters of each document that the pieces cover."""
    found: dict[str, list[Span]] = {}
    for piece in pieces:
        found.setdefault(piece.doc, []).append((piece.start, piece.end))
    return {doc: union(spans) for doc, spans in found.items()}
