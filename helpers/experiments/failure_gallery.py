"""What goes wrong in RAG, how would we notice, and does the remedy help? Failures that are made on
purpose, on the workbook's own parts.

Each function makes one failure, lets a measure of the workbook find it, fixes it and measures
again. Nothing is asserted: what counts as good is counted before and after, on the same cases.
Where the fix helps little or not at all, the counts say so.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.core import settings
from helpers.core.cases import Ask, Case, Passage
from helpers.data.handbook import Document
from helpers.data.ingest import read_folder
from helpers.data.questions import load_users
from helpers.evaluation.attribution import attribute
from helpers.evaluation.evaluator import QUESTIONS, evaluate, wilson
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.evaluation.scores import citation_valid
from helpers.evaluation.text import holds
from helpers.experiments import attacks
from helpers.models.load import Generator
from helpers.retrieval.chunking import chunk_all, cut
from helpers.retrieval.index import Index, IndexUnusableError, build_index, index_chunks
from helpers.retrieval.rows import embedded_text
from helpers.systems import citations, prompts, questions

SIZE, OVERLAP = 64, 16  # as in notebook 02, so that its vectors serve here too
INBOX = settings.DATA / "inbox"
_quiet = str  # for `say`: indexes are built here by the dozen, without a line about each


class Count(NamedTuple):
    """How many of n went well?"""

    good: int
    n: int

    def __str__(self) -> str:
        return f"{self.good} of {self.n}"


@dataclass(frozen=True)
class GalleryInputs:
    """What the failures are made of. index: of the documents, in chunks of 64 tokens that share 16;
    cases: the dev questions."""

    documents: Sequence[Document]
    cases: Sequence[Case]
    index: Index
    generator: Generator

    def kind(self, kind: str) -> list[Case]:
        """The cases of a kind that have an answer."""
        return [c for c in self.cases if c.kind == kind and c.gold.answers]


@dataclass(frozen=True)
class Failure:
    """What was done wrong, how it shows, what was counted (`good`), before and after the fix."""

    name: str
    wrong: str
    shows: str
    good: str
    before: Count
    after: Count
    fix: str

    @property
    def improved(self) -> bool:
        """Do the 95 % intervals of before and after leave each other alone? If not, nobody can tell
        at this n."""
        return wilson(*self.after)[0] > wilson(*self.before)[1]


def gallery(parts: GalleryInputs) -> list[Failure]:
    """All failures, each made, found and fixed now; under a minute on two cores, less when vectors
    are cached."""
    from tqdm.auto import tqdm

    return [make(parts) for make in tqdm(FAILURES, leave=False, unit="failure")]


def as_table(failures: Sequence[Failure]) -> pd.DataFrame:
    """One row a failure."""
    return pd.DataFrame(
        [f.__dict__ | {"before": str(f.before), "after": str(f.after)} for f in failures]
    ).set_index("name")


def as_markdown(failures: Sequence[Failure]) -> str:
    """One line a failure: what was done wrong, how it shows, what fixes it."""
    return "\n".join(
        f"- **{f.name}**: {f.wrong}. *Shows as:* {f.shows.rstrip(' …')}. *Fix:* {f.fix}."
        for f in failures
    )


def _found(cases: Sequence[Case], contexts: Sequence[Sequence[Passage]]) -> Count:
    """For how many cases is the whole evidence in the context?"""
    return Count(
        sum(
            evidence_found(c.gold.evidence, context)
            for c, context in zip(cases, contexts, strict=True)
        ),
        len(cases),
    )


def _first(index: Index, cases: Sequence[Case], good: Callable[[Passage, Case], bool]) -> Count:
    """For how many cases is the first passage found a good one?"""
    found = index.search_all([c.ask for c in cases], 1)
    return Count(
        sum(
            bool(passages) and good(passages[0], c)
            for passages, c in zip(found, cases, strict=True)
        ),
        len(cases),
    )


def _of_evidence(passage: Passage, case: Case) -> bool:
    return passage.doc in {e.doc for e in case.gold.evidence}


def lost_in_ingestion(parts: GalleryInputs) -> Failure:
    """A scan has no text: it is read without an error and can never be found."""
    ask = Ask(
        "lease",
        "How much notice is needed to end the lease of shed 4?",
        ("staff",),
        parts.cases[0].ask.as_of,
    )

    def answered() -> Count:
        index = build_index(read_folder(folder, ["staff"]).documents, SIZE, OVERLAP, say=_quiet)
        return Count(
            int(
                any(
                    holds(p.text, ["75 days"])
                    for p in index.search(ask.input, ask.groups, ask.as_of, 3)
                )
            ),
            1,
        )

    with tempfile.TemporaryDirectory() as home:
        folder = Path(shutil.copytree(INBOX, Path(home) / "inbox"))
        before, unreadable = answered(), read_folder(folder, ["staff"]).unreadable
        (folder / "lease-typed.txt").write_text(
            "Lease of storage room, shed 4\n\nEither side may end this lease with 75 days' notice,"
            " in writing.\n",
            encoding="utf-8",
        )
        after = answered()
    shows = "; ".join(map(str, unreadable))
    return Failure(
        "lost in ingestion",
        "a scanned lease goes into the folder as it is",
        shows,
        "question whose answer is among 3 passages",
        before,
        after,
        "read the report of unreadable files; type or OCR the page",
    )


def flattened_table(parts: GalleryInputs) -> Failure:
    """A table whose first cell spans two rows: the second row no longer knows its site."""
    from bs4 import BeautifulSoup

    rows = (
        ("Thornaby", "19:45"),
        ("Thornaby", "Friday, 18:35"),
        ("Lindenrode", "18:55"),
        ("Port Hessel", "20:10"),
    )
    plain = BeautifulSoup(
        (INBOX / "visitor-wifi.html").read_text(encoding="utf-8"), "html.parser"
    ).get_text()
    clean = read_folder(INBOX, ["staff"]).by_path["visitor-wifi.html"].text

    def together(text: str) -> Count:
        return Count(
            sum(
                any(site in line and hour in line for line in text.splitlines())
                for site, hour in rows
            ),
            len(rows),
        )

    orphans = ", ".join(
        hour
        for site, hour in rows
        if not any(site in line and hour in line for line in plain.splitlines())
    )
    shows = f"without its site: {orphans}" + (
        "; and a hidden order to assistants came along"
        if "marrow-4417" in plain and "marrow-4417" not in clean
        else ""
    )
    return Failure(
        "flattened table",
        "the text of a web page is taken as get_text() gives it",
        shows,
        "table rows with site and hour on one line",
        together(plain),
        together(clean),
        "write tables as rows, and fill cells that span several",
    )


def split_evidence(parts: GalleryInputs) -> Failure:
    """The sentence that proves the answer is cut in two, so no passage holds it."""
    cases, texts = (
        [c for c in parts.cases if c.gold.answers],
        {d.id: d.text for d in parts.documents},
    )

    def whole(strategy: str) -> Count:
        spans = {
            doc: cut(texts[doc], SIZE, 0, strategy)
            for doc in {e.doc for c in cases for e in c.gold.evidence}
        }
        return Count(
            sum(
                all(
                    any(a <= e.start and e.end <= b for a, b in spans[e.doc])
                    for e in c.gold.evidence
                )
                for c in cases
            ),
            len(cases),
        )

    return Failure(
        "split evidence",
        f"cut every {SIZE} tokens, wherever that is",
        "no chunk holds the whole quote",
        "questions with each quote whole in a chunk",
        whole("tokens"),
        whole("sentences"),
        "cut between sentences, same size",
    )


def stale_version(parts: GalleryInputs) -> Failure:
    """Old and new version lie in one index, and nothing says which is in force."""
    cases, by_id = parts.kind("versioned"), {d.id: d for d in parts.documents}
    since = {"effective_from": dt.date(1990, 1, 1)}
    wrong = build_index(
        [
            replace(d, meta=d.meta.model_copy(update=since), effective_until=None)
            for d in parts.documents
        ],
        SIZE,
        OVERLAP,
        say=_quiet,
    )

    before, after = (
        _first(index, cases, lambda p, c: by_id[p.doc].in_force(c.ask.as_of))
        for index in (wrong, parts.index)
    )
    return Failure(
        "stale version",
        "versions are indexed without their dates",
        "the first passage is of a version that is not in force that day",
        "questions whose first passage is in force",
        before,
        after,
        "make the day a condition of the search",
    )


def wrong_region(parts: GalleryInputs) -> Failure:
    """Three regional documents say nearly the same; only the title tells them apart, and it was not
    embedded."""
    cases = parts.kind("regional")
    chunks = chunk_all([d for d in parts.documents if d.meta.region != "all"], SIZE, OVERLAP)
    bare, titled = (
        index_chunks(chunks, lambda chunk: chunk.text, say=_quiet),
        index_chunks(chunks, say=_quiet),
    )
    return Failure(
        "wrong region",
        "chunks are embedded without their title",
        "the first passage is of another country",
        "questions whose first passage is of the right document",
        _first(bare, cases, _of_evidence),
        _first(titled, cases, _of_evidence),
        "embed the title with each chunk",
    )


def ranked_too_low(parts: GalleryInputs) -> Failure:
    """The evidence is found, below the line that is handed over."""
    cases = [c for c in parts.cases if c.gold.answers]
    deep = parts.index.search_all([c.ask for c in cases], 10)
    before = _found(cases, [found[:1] for found in deep])
    return Failure(
        "ranked too low",
        "only the first passage is handed over",
        "evidence not in the context, but further down the list",
        "questions whose evidence is in the context",
        before,
        _found(cases, deep),
        "hand over more (10 here), or order them again; more to read has its price, see 03",
    )


def starved(parts: GalleryInputs) -> Failure:
    """Access is checked after the search: what remains of k passages may be nothing."""
    me = tuple(load_users()["contractor-de"]["groups"])
    everybody = tuple({group for d in parts.documents for group in d.meta.audience})
    asks = [replace(c.ask, groups=everybody) for c in parts.cases]
    audience = {d.id: d for d in parts.documents}
    left = [
        [p for p in found if audience[p.doc].readable_by(me)]
        for found in parts.index.search_all(asks, 3)
    ]
    inside = parts.index.search_all([replace(ask, groups=me) for ask in asks], 3)
    none = sum(not passages for passages in left)
    return Failure(
        "starved",
        "search first, remove what a contractor may not read afterwards",
        f"{none} of {len(asks)} questions are left without any passage",
        "questions with 3 passages of 3",
        Count(sum(len(p) == 3 for p in left), len(asks)),
        Count(sum(len(p) == 3 for p in inside), len(asks)),
        "make access a condition of the search",
    )


def mixed_embedders(parts: GalleryInputs) -> Failure:
    """The index was built with one embedder, the question is embedded with another of the same
    width."""
    cases = parts.kind("table")
    chunks = chunk_all(
        [d for d in parts.documents if d.id in {e.doc for c in cases for e in c.gold.evidence}],
        SIZE,
        OVERLAP,
    )
    right = index_chunks(chunks, say=_quiet)
    width = right.rows.vectors.shape[1]

    def by_words(texts: Sequence[str]) -> np.ndarray:
        made = np.zeros((len(texts), width), dtype=np.float32)
        for row, text in zip(made, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % width] += 1
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)

    wrong = index_chunks(
        chunks, say=_quiet, vectors=by_words([embedded_text(chunk) for chunk in chunks])
    )
    try:
        replace(wrong, embedder="counted words").search_all([c.ask for c in cases], 3)
        refused = "not noticed"
    except IndexUnusableError as error:
        refused = f"refused: {str(error).split(':')[1].strip()}"
    before, after = (
        _found(cases, index.search_all([c.ask for c in cases], 3)) for index in (wrong, right)
    )
    return Failure(
        "mixed embedders",
        "vectors of another embedder stay in the index",
        refused,
        "questions whose evidence is among 3 passages (the check switched off)",
        before,
        after,
        "name the index after its embedder, and refuse any other",
    )


def context_ignored(parts: GalleryInputs) -> Failure:
    """The prompt builder drops the passages; everything else looks as it should."""
    cases = parts.kind("single")[:6]
    contexts = questions.evidence_contexts(cases, chunk_all(parts.documents, SIZE, OVERLAP))
    forgetful = replace(
        prompts.BASE,
        name="no passages",
        with_passages=prompts.BASE.with_passages.replace("{passages}", "").replace(
            "\nContext:\n\n", ""
        ),
    )
    dropped, whole = (
        evaluate(questions.oracle(parts.generator, contexts, style.name, style), cases, QUESTIONS)
        for style in (forgetful, prompts.BASE)
    )
    blamed = attribute(dropped, whole)["cause"].value_counts().to_dict()
    shows = (
        f"{int(dropped['evidence_seen'].sum())} of {len(cases)} contexts hold the evidence, yet: "
        + ", ".join(f"{n} {cause}" for cause, n in blamed.items())
    )
    return Failure(
        "context ignored",
        "a prompt template lost its {passages}",
        shows,
        "right answers, evidence in hand",
        *(Count(int(t["right"].sum()), len(t)) for t in (dropped, whole)),
        "test that every passage is in the prompt (exercise 02.2)",
    )


def wrong_citation(parts: GalleryInputs) -> Failure:
    """Citations are counted from 0 by one half of the code and from 1 by the other."""
    cases = [c for c in parts.cases if c.gold.answers]
    contexts = parts.index.search_all([c.ask for c in cases], 3)
    cited = [
        (one, context)
        for c, context in zip(cases, contexts, strict=True)
        for one in citations.cite(c.gold.answers[0], context)
    ]
    sources = {d.id: d.text for d in parts.documents}
    before, after = (
        Count(
            sum(
                citation_valid(replace(one, number=one.number - by), context, sources)
                for one, context in cited
            ),
            len(cited),
        )
        for by in (1, 0)
    )
    return Failure(
        "wrong citation",
        "passage numbers are counted from 0",
        "the passage [number] does not hold the quote",
        "citations that a reader can open",
        before,
        after,
        "check every citation before it is shown",
    )


def answer_of_another(parts: GalleryInputs) -> Failure:
    """Answers are cached under the question alone: the second user gets what the first was allowed
    to see."""
    by_id = {d.id: d for d in parts.documents}
    pairs = [
        (a.ask, b.ask)
        for a in parts.kind("restricted")
        for b in parts.cases
        if b.ask.input == a.ask.input and not b.gold.answers
    ]

    def clean(key: Callable[[Ask], object]) -> Count:
        cached: dict[object, list[Passage]] = {}
        for ask in [ask for pair in pairs for ask in pair]:
            cached.setdefault(key(ask), parts.index.search(ask.input, ask.groups, ask.as_of, 3))
        return Count(
            sum(
                all(by_id[p.doc].readable_by(second.groups) for p in cached[key(second)])
                for _, second in pairs
            ),
            len(pairs),
        )

    return Failure(
        "another's answer",
        "answers are cached under the question",
        "passages in a context that its user may not read",
        "second users shown only what they may read",
        clean(lambda ask: ask.input),
        clean(lambda ask: (ask.input, frozenset(ask.groups), ask.as_of)),
        "put rights and day into the key",
    )


def contradiction(parts: GalleryInputs) -> Failure:
    """A copy of a rule with another number lies beside the rule, and both are found."""
    copies = [a for a in attacks.load_attacks() if a.kind == "near_copy"]
    flagged = {
        a.id: near[0]
        for a in copies
        if (near := attacks.near_copies(a.document, parts.documents)) and near[0].numbers
    }
    said = ", ".join(
        f"{theirs} became {ours}" for near in flagged.values() for theirs, ours in near.numbers[:1]
    )

    def one_number(kept_out: Collection[str]) -> Count:
        contexts = _with_pages(parts, copies, kept_out)
        return Count(
            sum(
                not any(holds(p.text, a.hit) for p in context)
                for a, context in zip(copies, contexts, strict=True)
            ),
            len(copies),
        )

    return Failure(
        "contradiction",
        "a team keeps its own copy of a rule in the wiki",
        f"{len(flagged)} of {len(copies)} copies flagged: {said}",
        "questions without another number among 3 passages",
        one_number(()),
        one_number(flagged),
        "compare new pages with those in force; ask the owner which number holds",
    )


def poisoned(parts: GalleryInputs) -> Failure:
    """A page gives orders to whoever reads it, and is found. (Whether a model obeys is another
    matter: see reference/attacks.json.)"""
    orders = [a for a in attacks.load_attacks() if a.kind in ("instruction", "canary")]
    caught = {
        a.id: attacks.screen(a.document.text) for a in orders if attacks.quarantined(a.document)
    }
    rules = Counter(finding.rule for findings in caught.values() for finding in findings[:1])

    def without_orders(kept_out: Collection[str]) -> Count:
        contexts = _with_pages(parts, orders, kept_out)
        return Count(
            sum(
                all(p.doc != a.document.id for p in context)
                for a, context in zip(orders, contexts, strict=True)
            ),
            len(orders),
        )

    shows = (
        f"the screen stops {len(caught)} of {len(orders)}:"
        f" {', '.join(f'{rule} {n}' for rule, n in rules.most_common(3))} …"
    )
    return Failure(
        "poisoned document",
        "anybody may put a page into the index",
        shows,
        "prompts (3 passages) without the page that gives orders",
        without_orders(()),
        without_orders(caught),
        "screen pages before indexing; let only known owners publish",
    )


def _with_pages(
    parts: GalleryInputs, pages: Sequence[attacks.Attack], kept_out: Collection[str]
) -> list[list[Passage]]:
    """What the question of each attack finds, when all these pages are indexed but those kept
    out."""
    index = build_index(
        [*parts.documents, *(a.document for a in pages if a.id not in kept_out)],
        SIZE,
        OVERLAP,
        say=_quiet,
    )
    return index.search_all([a.case.ask for a in pages], 3)


FAILURES: tuple[Callable[[GalleryInputs], Failure], ...] = (
    lost_in_ingestion,
    flattened_table,
    split_evidence,
    stale_version,
    wrong_region,
    ranked_too_low,
    mixed_embedders,
    starved,
    context_ignored,
    wrong_citation,
    answer_of_another,
    contradiction,
    poisoned,
)
