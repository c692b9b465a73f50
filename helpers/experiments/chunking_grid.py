"""What if we cut, searched or handed over differently? The chunking lab: measured settings, a
widget over them, and the same measurement live.

    grid = load_grid()     # the reference: measured once on dev, with provenance
    what_if(grid, ChunkingSetting("headings", 256, 0.25, "hybrid", 3))
    measure(documents, cases, ChunkingSetting("tokens", 96))     # one not measured yet, here
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.core import settings
from helpers.core.cases import Case, Passage
from helpers.core.files import write_whole
from helpers.core.fingerprint import code_of
from helpers.data.askers import load_askers
from helpers.data.handbook import Document
from helpers.data.questions import pick
from helpers.evaluation.bits import Bits, share_right, to_bits, to_flags
from helpers.evaluation.comparison import Comparison, compare
from helpers.evaluation.evaluator import QUESTIONS, evaluate, wilson
from helpers.evaluation.numbers import percents
from helpers.evaluation.retrieval_metrics import evidence_found, overlap
from helpers.retrieval.chunking import token_spans
from helpers.retrieval.index import Index, build_index
from helpers.systems import questions
from helpers.systems.asking import who_asks
from helpers.systems.prompts import BASE, WHO_ASKS

if TYPE_CHECKING:
    from helpers.core.progress import Progress
    from helpers.models.load import Generator

# what shapes a row
CODE = ("evaluation", "models", "retrieval", "systems", "experiments/chunking_grid")
REFERENCE = settings.DATA / "reference" / "chunking.json"
SEARCH = settings.DATA / "reference" / "search.json"  # better ways to search, retrieval alone
CHUNK_SIZES, OVERLAPS, TOP_KS = (64, 128, 256, 512), (0.0, 0.25), (1, 3, 5, 10)
N_ANSWERS = 60  # questions that the model answers in a setting
SEARCHERS = ("dense", "bm25", "hybrid")
# column with the bits of who answers -> the column with its share: the model as it is, and the
# window reader
READERS = {"right": "accuracy", "reader_right": "reader_accuracy"}


@dataclass(frozen=True, order=True)
class ChunkingSetting:
    """One way to run retrieval. overlap: share of the chunk size that neighbours have in common.

    context: what stands before each chunk (see `retrieval.context`). stem: words count by their
    stem. lexical_weight: of BM25 in "hybrid", by scores; 0: ranks are fused, without weights.
    """

    strategy: str = "tokens"
    chunk_size: int = 64
    overlap: float = 0.25
    retriever: str = "dense"
    top_k: int = 1
    context: str = "title"
    stem: bool = False
    lexical_weight: float = 0.0

    def __str__(self) -> str:
        plain = self.needed()
        return (
            f"{self.strategy}, {self.chunk_size} tokens, overlap {self.overlap:.0%},"
            f"{'' if self.context == 'title' else f' context {self.context},'} {self.retriever}"
            f"{' on stems' if plain.stem else ''}"
            f"{f' (BM25 weighs {plain.lexical_weight:g})' if plain.lexical_weight else ''},"
            f" k = {self.top_k}"
        )

    def needed(self) -> ChunkingSetting:
        """The same, without what its retriever does not look at: a dense search knows no stems, and
        only a hybrid one weighs."""
        return replace(
            self,
            stem=self.stem and self.retriever != "dense",
            lexical_weight=self.lexical_weight if self.retriever == "hybrid" else 0.0,
        )


BASELINE = ChunkingSetting()  # what notebook 02 built


def index_of(documents: Sequence[Document], setting: ChunkingSetting) -> Index:
    """The index of a setting, built or opened."""
    return build_index(
        documents,
        setting.chunk_size,
        int(setting.chunk_size * setting.overlap),
        setting.strategy,
        say=lambda _: None,
        context=setting.context,
        stem=setting.stem,
        lexical_weight=setting.lexical_weight or None,
    )


def answerable(cases: Sequence[Case]) -> list[Case]:
    """The cases that retrieval can be judged on: those with evidence, in the order of their ids."""
    return sorted((case for case in cases if case.gold.evidence), key=lambda case: case.id)


def measure(
    documents: Sequence[Document],
    cases: Sequence[Case],
    setting: ChunkingSetting,
    retrievers: Sequence[str] = SEARCHERS,
    top_ks: Sequence[int] = TOP_KS,
) -> list[dict[str, Any]]:
    """Cut, index and search with one setting's strategy, size and overlap: one row for every
    retriever and k.

    found: bits, one a case (in the order of `answerable`): was all of its evidence retrieved?
    From it come `recall` and its interval, and every comparison. precision, iou: of characters,
    means over cases. tokens: of the passages, the embedder's, mean a question. search_ms: median of
    ten single searches, the embedding of the question included.
    """
    index, judged = index_of(documents, setting), answerable(cases)
    asks = [case.ask for case in judged]
    rows = []
    for retriever in retrievers:
        lists = index.search_all(asks, max(top_ks), retriever)
        seconds = []
        for ask in asks[:10]:
            begun = time.perf_counter()
            index.search(ask.input, ask.groups, ask.as_of, max(top_ks), retriever)
            seconds.append(time.perf_counter() - begun)
        for k in top_ks:
            rows.append(
                {
                    **vars(replace(setting, retriever=retriever, top_k=k).needed()),
                    "chunks": index.size,
                    "search_ms": round(1000 * statistics.median(seconds), 1),
                    **judge(judged, [found[:k] for found in lists]),
                }
            )
    return rows


def judge(cases: Sequence[Case], lists: Sequence[Sequence[Passage]]) -> dict[str, Any]:
    """The scores of one retrieval run: see `measure`."""
    found = [
        evidence_found(case.gold.evidence, passages)
        for case, passages in zip(cases, lists, strict=True)
    ]
    characters = pd.DataFrame(
        [overlap(case.gold.evidence, passages) for case, passages in zip(cases, lists, strict=True)]
    )
    tokens = statistics.fmean(sum(tokens_in(p.text) for p in passages) for passages in lists)
    low, high = wilson(sum(found), len(found))
    return {
        "n": len(found),
        "recall": sum(found) / len(found),
        "low": low,
        "high": high,
        "tokens": round(tokens, 1),
        "precision": round(characters["precision"].mean(), 4),
        "iou": round(characters["iou"].mean(), 4),
        "found": to_bits(found),
    }


@functools.lru_cache(maxsize=50_000)
def tokens_in(text: str) -> int:
    return len(token_spans(text))


def answered(
    generator: Generator,
    documents: Sequence[Document],
    cases: Sequence[Case],
    setting: ChunkingSetting,
    progress: Progress | None = None,
    column: str = "right",
) -> dict[str, Any]:
    """What a model makes of a setting: `right` (or another column) as bits; of the model as it is,
    the tokens of its prompts, too. Each is asked in the form that it reads best: the model as it is
    in the plain prompt, the window reader in the one that it was trained in. Cached, so the second
    time is instant."""
    asks, plainly = [case.ask for case in cases], column == "right"
    arm = questions.retrieval_augmented(
        generator,
        index_of(documents, setting),
        setting.top_k,
        str(setting),
        BASE if plainly else WHO_ASKS,
        setting.retriever,
        asked_by=None if plainly else who_asks(asks, load_askers("dev")),
    )
    if progress:
        done, plain = itertools.count(1), arm.answer

        def counted(asks):
            for prediction in plain(asks):
                progress(next(done), len(cases), "the model answers")
                yield prediction

        arm = replace(arm, answer=counted)
    table = (
        evaluate(arm, cases, QUESTIONS, live=True).set_index("id").loc[[case.id for case in cases]]
    )
    found = {"n_answers": len(table), column: to_bits(table["right"])}
    if plainly:
        found["prompt_tokens"] = round(float(table["tokens_in"].mean()), 1)
    return found


def reading(column: str) -> Generator:
    """Which model answers for a column: the one as it is, or the window reader, which is trained to
    read one passage?"""
    from helpers.models.load import load_generator
    from helpers.training.adapters import reference_adapter, with_adapter

    generator = load_generator()
    if column == "right":
        return generator
    return with_adapter(generator, reference_adapter("window_reader", generator))


def live(
    documents: Sequence[Document],
    cases: Sequence[Case],
    setting: ChunkingSetting,
    progress: Progress,
    answers: Sequence[str] = (),
) -> pd.DataFrame:
    """What `measure` (and `answered`) say on this machine, as rows of the grid; cached, so that
    the second time is instant. answers: "right" (the model as it is), "reader_right" (the window
    reader)."""
    progress(0.1, 1, f"cutting and embedding {len(documents)} documents")
    index = index_of(documents, setting)
    key = repr((index.name, setting.strategy, [c.ask for c in answerable(cases)], code_of(*CODE)))
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    cached = settings.cache_folder("labs") / f"{name}.json"
    progress(0.5, 1, "searching for all questions")
    if cached.exists():
        rows = json.loads(cached.read_text(encoding="utf-8"))
    else:
        rows = measure(documents, cases, setting)
        write_whole(cached, json.dumps(rows))
    wanted, asked = vars(setting.needed()).items(), pick(answerable(cases), N_ANSWERS)
    chosen = next(row for row in rows if all(row[key] == value for key, value in wanted))
    for column in answers:
        chosen |= answered(reading(column), documents, asked, setting, progress, column)
    return finished(pd.DataFrame(rows))


def finished(grid: pd.DataFrame) -> pd.DataFrame:
    """The rows with the share of right answers and its interval, where answers were measured: of
    the model as it is, and of the window reader (`reader_…`)."""
    for column, share in READERS.items():
        right = [
            bits if isinstance(bits, str) else None for bits in grid.get(column, [None] * len(grid))
        ]
        spread = [wilson(bits.count("1"), len(bits)) if bits else (None, None) for bits in right]
        grid = grid.assign(
            **{
                column: right,
                share: [share_right(bits) if bits else None for bits in right],
                f"{share}_low": [low for low, _ in spread],
                f"{share}_high": [high for _, high in spread],
            }
        )
    return grid


def joined(grid: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The grid with rows measured here in place of, or beside, those it has; an answer measured
    elsewhere stays where there is none from here."""
    keys = list(vars(ChunkingSetting()))
    both = pd.concat([rows, grid]).groupby(keys, sort=False).first().reset_index()
    both.attrs = grid.attrs
    return both


@functools.lru_cache(maxsize=1)
def load_grid(path: Path = REFERENCE) -> pd.DataFrame:
    """The reference grid: one row a setting (`labs_data/build/chunking.py` measures it, and
    `search.py` more ways to search); provenance in `.attrs`."""
    saved = json.loads(path.read_text(encoding="utf-8"))
    # a grid that was measured before a setting could be chosen was measured at its default
    rows = [{**vars(ChunkingSetting()), **row} for row in saved["rows"]] + _searched(saved["facts"])
    grid = finished(pd.DataFrame(rows)).drop_duplicates([*vars(ChunkingSetting())])
    grid.attrs = {key: value for key, value in saved.items() if key != "rows"}
    return grid


def _searched(facts: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of `labs_data/build/search.py` that a setting can name, in the form of the grid's.
    Raises ValueError when it was measured on other cases."""
    saved = json.loads(SEARCH.read_text(encoding="utf-8"))
    if saved["facts"] != facts:
        raise ValueError(
            f"{SEARCH.name} and {REFERENCE.name} were measured on different cases; run"
            " labs_data/build/search.py and labs_data/build/chunking.py again"
        )
    cut_otherwise = ("table_headers", "whole_rows")
    return [
        {**vars(ChunkingSetting()), **row, "overlap": row["overlap"] / row["chunk_size"]}
        for row in saved["rows"]
        if not any(row.get(name) for name in cut_otherwise)
    ]


def setting_of(row: pd.Series) -> ChunkingSetting:
    """The setting of a row of the grid."""
    plain = ChunkingSetting()
    return replace(plain, **{key: type(value)(row[key]) for key, value in vars(plain).items()})


def frontier(grid: pd.DataFrame) -> pd.DataFrame:
    """Which settings waste nothing? Those than which no other finds as much evidence with fewer
    tokens to read; from few tokens to many."""
    ordered = grid.sort_values(["tokens", "recall"], ascending=[True, False])
    before = ordered["recall"].cummax().shift(fill_value=0.0)
    return ordered[ordered["recall"] > before]


def row_of(grid: pd.DataFrame, setting: ChunkingSetting) -> pd.Series:
    """The row of a setting. Raises KeyError that says what was measured."""
    keys, plain = vars(setting.needed()), pd.DataFrame(grid)  # pandas copies attrs at every step
    there = np.flatnonzero(
        np.logical_and.reduce([plain[key].to_numpy() == value for key, value in keys.items()])
    )
    if not len(there):
        raise KeyError(f"not measured: {setting}; measure(documents, cases, setting) does it now")
    return plain.iloc[there[0]]


@functools.lru_cache(maxsize=512)
def versus(
    ours: Bits,
    base: Bits,
    facts: tuple[str, ...],
    names: tuple[str, str],
    what: str,
    comparisons: int = 1,
) -> Comparison:
    """Is one setting better than another, case by case? From the bits that the grid saves."""
    first, second = (
        pd.DataFrame(
            {"id": range(len(bits)), "fact": facts, "right": to_flags(bits), "arm": name}
        ).assign(measure=what)
        for bits, name in ((base, names[1]), (ours, names[0]))
    )
    return compare(first, second, comparisons=comparisons)


@dataclass(frozen=True)
class ChunkingWhatIf:
    """A setting and a baseline: their rows, the paired comparison of what was found, and of the
    answers where both were measured: of the model as it is (`right`) and of the window reader."""

    setting: ChunkingSetting
    baseline: ChunkingSetting
    row: pd.Series
    base: pd.Series
    found: Comparison | None
    right: Comparison | None
    reader_right: Comparison | None = None

    def sentence(self) -> str:
        """What would change, in one line."""
        if self.found is None:
            return "This is the baseline. Move a slider."
        more = self.row["tokens"] / self.base["tokens"]
        return (
            f"Evidence: {self.found.verdict_in_points()}."
            f" The reader reads {more:.1f} times the tokens; answers: {self.answers()}."
        )

    def answers(self) -> str:
        """The verdicts on the answers of each model: "base better (+12 points, +3 to +20)"."""
        told = {"base": self.right, "tuned reader": self.reader_right}
        measured = [f"{who} {one.verdict_in_points()}" for who, one in told.items() if one]
        return ", ".join(measured) or "not measured here (Run it for real)"


def what_if(
    grid: pd.DataFrame,
    setting: ChunkingSetting,
    baseline: ChunkingSetting = BASELINE,
    comparisons: int = 1,
) -> ChunkingWhatIf:
    """What would this setting change against the baseline? The function under the widget; call it
    from a plain cell as well.

    comparisons: how many are looked at together; the intervals are widened so that all of them hold
    at once.
    """
    # look both settings up; nothing is searched here
    row, base = row_of(grid, setting), row_of(grid, baseline)
    if setting == baseline:
        return ChunkingWhatIf(setting, baseline, row, base, None, None)
    names = (str(setting), str(baseline))
    # the same questions, case by case: whose evidence does only one of the two find?
    found = versus(
        row["found"], base["found"], tuple(grid.attrs["facts"]), names, "evidence", comparisons
    )
    # answers were measured for some settings only, and of each model against itself
    answered = {
        column: versus(
            row[column],
            base[column],
            tuple(grid.attrs["answer_facts"]),
            names,
            "answers",
            comparisons,
        )
        if isinstance(row.get(column), str) and isinstance(base.get(column), str)
        else None
        for column in READERS
    }
    return ChunkingWhatIf(setting, baseline, row, base, found, **answered)


def reader_gain(grid: pd.DataFrame, setting: ChunkingSetting) -> Comparison | None:
    """Does the window reader answer more rightly than the model as it is, from the same search?
    None where one of them did not answer."""
    row = row_of(grid, setting)
    if not all(isinstance(row.get(column), str) for column in READERS):
        return None
    facts = tuple(grid.attrs["answer_facts"])
    return versus(row["reader_right"], row["right"], facts, ("tuned reader", "base"), "answers")


def read_rightly(grid: pd.DataFrame, settings: Mapping[str, ChunkingSetting]) -> pd.DataFrame:
    """How many answers are right where all the evidence was found? One line a setting, one column
    for each model, with the interval of the share; empty where it did not answer."""
    at = [list(grid.attrs["ids"]).index(id) for id in grid.attrs["answer_ids"]]

    def told(row: pd.Series, column: str) -> str:
        if not isinstance(row[column], str):
            return ""
        right = [r == "1" for r, i in zip(row[column], at, strict=True) if row["found"][i] == "1"]
        return f"{sum(right)} of {len(right)} ({percents(*wilson(sum(right), len(right)))})"

    rows = {name: row_of(grid, setting) for name, setting in settings.items()}
    return pd.DataFrame(
        {
            "base": {name: told(row, "right") for name, row in rows.items()},
            "tuned reader": {name: told(row, "reader_right") for name, row in rows.items()},
        }
    ).rename_axis("right where the evidence was found", axis=1)


def answer_verdicts(grid: pd.DataFrame, changes: Mapping[str, ChunkingWhatIf]) -> pd.DataFrame:
    """What does each change bring in evidence and in right answers, against its baseline? One line
    a change; each model is compared with itself, and at last the two with each other."""

    def told(one: Comparison | None) -> str:
        if one is None:
            return "not measured"
        points, low, high = (f"{100 * x:+.0f}" for x in (one.difference, one.low, one.high))
        return f"{one.verdict} ({points}; {low} to {high})"

    return pd.DataFrame.from_dict(
        {
            name: {
                "evidence": told(m.found),
                "right, base": told(m.right),
                "right, tuned reader": told(m.reader_right),
                "tuned reader against base": told(reader_gain(grid, m.setting)),
            }
            for name, m in changes.items()
        },
        orient="index",
    )


def verdicts(changes: Mapping[str, ChunkingWhatIf]) -> pd.DataFrame:
    """What does each change find, against its baseline, and for how many tokens? One line a
    change."""
    return pd.DataFrame.from_dict(
        {
            name: {
                "evidence found": f"{m.row['recall']:.0%} instead of {m.base['recall']:.0%}",
                "points": f"{100 * m.found.difference:+.0f}",
                "interval": f"{100 * m.found.low:+.0f} to {100 * m.found.high:+.0f}",
                "verdict": m.found.verdict,
                "tokens": f"{m.row['tokens']:.0f} instead of {m.base['tokens']:.0f}",
            }
            for name, m in changes.items()
        },
        orient="index",
    )
