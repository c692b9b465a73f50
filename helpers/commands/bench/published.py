"""Is our embedder as good as published? Two tasks of MTEB, on files that are already here.

    sts-test.csv of the STS benchmark      Spearman of cosine and human similarity; published .82032
    a folder of Banking77                  accuracy of logistic regression on vectors; .80042

Sources: MTEB (Muennighoff et al. 2023) for both protocols and figures of all-MiniLM-L6-v2.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

from helpers.commands.bench import beir
from helpers.core.cases import Ask, Case
from helpers.core.records import DataError
from helpers.data.labelled_rows import read_labelled
from helpers.retrieval import embedding
from helpers.systems import classifier

STS, BANKING77 = 0.82032, 0.80042
DRAWS, ROWS_A_LABEL, SEED = 10, 8, 42  # of MTEB's protocol for classification
MTEB_C = 1.0  # and scikit-learn's own strength of the penalty


def bench_published(path: Path) -> dict[str, Any]:
    """What our embedder reaches on the STS benchmark (a file) or Banking77 (a folder), beside what
    is published. Raises DataError where the files are not as they were published."""
    found = _banking77(path) if path.is_dir() else _sts(path)
    return {"bench": "embed", **found, **beir.provenance()}


def _sts(path: Path) -> dict[str, Any]:
    from scipy.stats import spearmanr

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if line.strip()]
        wanted = [float(row[4]) for row in rows]
        first, second = ([row[at] for row in rows] for at in (5, 6))
    except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: is not the STS benchmark's sts-test.csv ({error}); its lines have a score in"
            " column 5 and two sentences in 6 and 7, between tabs"
        ) from error
    cosine = (embedding.embed(first) * embedding.embed(second)).sum(axis=1)
    return {
        "set": "STS benchmark",
        "spearman": round(float(spearmanr(cosine, wanted)[0]), 5),
        "published": STS,
        "n": len(rows),
    }


def _banking77(folder: Path) -> dict[str, Any]:
    """Mean accuracy over ten draws of eight rows a label, as MTEB has it, and with our penalty; and
    once on all rows."""
    train, test = (read_labelled(folder / f"{part}.csv") for part in ("train", "test"))
    embedding.embed_cached([case.ask.input for case in (*train, *test)])
    draws = _draws(train)
    ours, mteb = ([_accuracy(draw, test, c) for draw in draws] for c in (classifier.C, MTEB_C))
    return {
        "set": "Banking77",
        "accuracy": round(statistics.fmean(mteb), 5),
        "accuracy_of_draws": [round(one, 4) for one in mteb],
        "published": BANKING77,
        "accuracy_our_penalty": round(statistics.fmean(ours), 5),
        "accuracy_all_rows": round(_accuracy(train, test, classifier.C), 5),
        "n": len(test),
    }


def _draws(train: list[Case]) -> list[list[Case]]:
    """Ten times eight rows a label; each draw shuffles on from the one before."""
    import numpy as np

    order, dice, draws = np.arange(len(train)), np.random.RandomState(SEED), []
    for _ in range(DRAWS):
        dice.shuffle(order)
        taken: dict[str, int] = defaultdict(int)
        draw = []
        for at in order:
            label = train[at].gold.answers[0]
            if taken[label] < ROWS_A_LABEL:
                taken[label] += 1
                draw.append(train[at])
        draws.append(draw)
    return draws


def _accuracy(rows: list[Case], test: list[Case], c: float) -> float:
    arm = classifier.linear_classifier(rows, penalty=c)
    said = arm([Ask(case.id, case.ask.input) for case in test])
    right = [one.text == case.gold.answers[0] for one, case in zip(said, test, strict=True)]
    return statistics.fmean(right)
