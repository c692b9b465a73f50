"""Who gets to see what? Every user against every restricted document, and designs that keep access
out of the search: a rule in the prompt, an answer cache, a filter after the search."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from helpers.core import kept_answers
from helpers.core.cases import Ask, Case, Passage
from helpers.data.handbook import Document
from helpers.evaluation import runs
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.text import holds
from helpers.models.load import Generator
from helpers.retrieval.index import RETRIEVERS, Index
from helpers.systems import prompts, questions

PASSAGES = 2  # in each context of the three designs
KEEP_SECRETS = replace(
    prompts.BASE,
    name="keep secrets",
    with_passages=(
        "Each passage says who may read it. If the person who asks is in none of these groups, say"
        " only: I don't know.\n\nContext:\n{passages}\n\nQuestion: {question}"
    ),
)


@dataclass(frozen=True)
class Pair:
    """The same words, asked once by a user who may know and once by one who may not."""

    allowed: Case
    refused: Case

    @property
    def question(self) -> str:
        return self.refused.ask.input

    @property
    def secret(self) -> Sequence[str]:
        return self.allowed.gold.answers


@dataclass(frozen=True)
class Served:
    """What one design gave the users who may not know, one context and one answer a pair. A design
    that serves passages only has no answers."""

    contexts: Sequence[Sequence[Passage]]
    answers: Sequence[str] | None = None


def pairs_of(cases: Sequence[Case]) -> list[Pair]:
    """All pairs among these cases."""
    return [
        Pair(a, b)
        for a in cases
        for b in cases
        if a.ask.input == b.ask.input and a.gold.answers and not b.gold.answers
    ]


def groups_of(documents: Sequence[Document]) -> tuple[str, ...]:
    """Every group that may read anything."""
    return tuple(sorted({group for d in documents for group in d.meta.audience}))


def matrix(
    index: Index,
    users: Mapping[str, Mapping],
    documents: Sequence[Document],
    as_of: dt.date,
    top_k: int = 5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every user asks every retriever for every restricted document by its title. (Passages of it
    that came back, may this user read it), users in rows, documents in columns."""
    restricted = [d for d in documents if not d.readable_by(["staff", "contractors"])]
    columns = [d.id for d in restricted]
    asks = [
        Ask(f"{who} {d.id}", d.title, tuple(user["groups"]), as_of)
        for who, user in users.items()
        for d in restricted
    ]
    counts = pd.DataFrame(0, index=list(users), columns=columns)
    for retriever in RETRIEVERS:
        for ask, context in zip(asks, index.search_all(asks, top_k, retriever), strict=True):
            for passage in context:
                if passage.doc in counts:
                    counts.loc[ask.id.split()[0], passage.doc] += 1
    may = {d.id: {who: d.readable_by(u["groups"]) for who, u in users.items()} for d in restricted}
    return counts, pd.DataFrame(may)


def rights_in_the_search(index: Index, pairs: Sequence[Pair], as_of: dt.date) -> Served:
    """The user's groups are a condition of the search."""
    return Served([index.search(p.question, p.refused.ask.groups, as_of, PASSAGES) for p in pairs])


def prompt_keeps_the_secret(
    generator: Generator,
    index: Index,
    pairs: Sequence[Pair],
    documents: Sequence[Document],
    as_of: dt.date,
) -> Served:
    """Everything is searched; the prompt names the user's groups and who may read each passage, and
    tells the model to refuse."""
    readers, everybody = {d.id: d.meta.audience for d in documents}, groups_of(documents)
    contexts = [index.search(p.question, everybody, as_of, PASSAGES) for p in pairs]
    asks = [
        replace(
            p.refused.ask,
            input=f"{p.question} (The person who asks is in: {', '.join(p.refused.ask.groups)})",
        )
        for p in pairs
    ]
    labelled = [
        [
            replace(p, title=f"{p.title} (may be read by: {', '.join(readers[p.doc])})")
            for p in context
        ]
        for context in contexts
    ]
    with kept_answers.wanted(kept_answers.in_use() is not None):
        said = list(questions.answer_questions(generator, asks, labelled, KEEP_SECRETS))
    texts = {prediction.id: prediction.text for prediction in said}
    return Served(contexts, [texts[ask.id] for ask in asks])


def cache_by_question(generator: Generator, index: Index, pairs: Sequence[Pair]) -> Served:
    """The search is right, and its answer is cached under the question alone. Who may know asks
    first."""
    arm = questions.retrieval_augmented(generator, index, top_k=PASSAGES)
    first = runs.run(arm, [pair.allowed.ask for pair in pairs])
    cache = {pair.question: first[pair.allowed.ask.id] for pair in pairs}
    served = [cache[pair.question] for pair in pairs]
    return Served([p.context for p in served], [p.text for p in served])


def leaks(
    designs: Mapping[str, Served], pairs: Sequence[Pair], documents: Sequence[Document]
) -> pd.DataFrame:
    """One row a design: the share of pairs in which a secret passage reached the user who may not
    read it, with its interval and n; and in how many the answer said the secret."""
    by_id, rows = {d.id: d for d in documents}, {}
    for name, served in designs.items():
        reached = sum(
            any(not by_id[p.doc].readable_by(pair.refused.ask.groups) for p in context)
            for pair, context in zip(pairs, served.contexts, strict=True)
        )
        said = sum(
            holds(text, pair.secret)
            for pair, text in zip(pairs, served.answers or [""] * len(pairs), strict=True)
        )
        low, high = wilson(reached, len(pairs))
        rows[name] = {
            "share": reached / len(pairs),
            "low": low,
            "high": high,
            "n": len(pairs),
            "said aloud": said,
        }
    return pd.DataFrame(rows).T


def left_after_filter(
    index: Index,
    cases: Sequence[Case],
    users: Mapping[str, Mapping],
    documents: Sequence[Document],
    as_of: dt.date,
    top_k: int = 3,
) -> pd.DataFrame:
    """The best k of everything are taken, then what a user may not read is dropped. One row a
    user: for how many questions are 0, 1, … k passages left?"""
    by_id, everybody = {d.id: d for d in documents}, groups_of(documents)
    best = index.search_all([replace(c.ask, groups=everybody, as_of=as_of) for c in cases], top_k)
    counts = {
        who: pd.Series(
            [sum(by_id[p.doc].readable_by(user["groups"]) for p in found) for found in best]
        ).value_counts()
        for who, user in users.items()
    }
    table = pd.DataFrame(counts).T.reindex(columns=range(top_k + 1)).fillna(0).astype(int)
    return table.rename_axis(f"passages left of {top_k}:", axis=1)
