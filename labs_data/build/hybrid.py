"""What is each part of the hybrid of notebook 09 worth? Writes reference/hybrid.json.

    python labs_data/build/hybrid.py           all of dev (what comes answered with the workbook is
                                               not asked again)
    … --reranker                               with the systems that rerank, too: a second a search
    … --test                                   the same on the frozen test splits of questions and
                                               requests. They are opened there and then, once:
                                               everything (router, costs, adapters, share, weight)
                                               was fixed on dev before
    … --milliseconds                           what one request takes in each part (CPU time)

    labs_data/reference/hybrid.json   dev, test    a system: right and part, one sign a case, in
                                                   the order of `cases`; shares; each part's gain
                                                   over router + RAG with its 95 % interval
                                      reranked     what the reranker said of the hits of dev, by
                                                   `asked_key`: its weights do not come along
                                      leaks        passages shown that were closed to who asked

The reranker comes from the cache, where `retriever.py --reranker` leaves it. Each part updates its
own key.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Arm, Ask, Case
from helpers.core.files import write_whole
from helpers.core.fingerprint import provenance
from helpers.data.askers import load_askers
from helpers.data.handbook import Document, load_handbook
from helpers.data.questions import load_questions, load_users
from helpers.data.requests import load_requests
from helpers.evaluation.evaluator import QUESTIONS, evaluate
from helpers.experiments import hybrid
from helpers.experiments.hybrid import MIXED, PARTS
from helpers.models import load
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.index import build_index
from helpers.retrieval.reranked import Reranked, Score, asked_key
from helpers.systems.asking import who_asks
from helpers.systems.hybrid import routes_of
from helpers.systems.questions import evidence_contexts
from helpers.systems.router import router_arm, train_router
from helpers.systems.tools import use_tool
from helpers.systems.tuned_search import sentence_windows, tuned_search
from helpers.training.adapters import reference_adapter, with_adapter
from helpers.training.reranker import load_reranker, scorer

SIZE, OVERLAP, DEPTH = 64, 16, 10  # the course's index; hits that are reranked
CODE = ("retrieval", "systems", "experiments/hybrid", "evaluation/scores")
N_TIMED = 12
SIGNS = dict(zip(("", *PARTS), ".Rsbdrft", strict=True))  # of `part`, in the file


class House:
    """All parts, loaded once, and the reranker's scores as they are asked for."""

    def __init__(self) -> None:
        self.documents: Sequence[Document] = load_handbook()
        chunks = chunk_all(self.documents, SIZE, OVERLAP)
        plain = load.load_generator()
        self.chunks = chunks
        self.models = {
            "base": plain,
            "reader": with_adapter(plain, reference_adapter("window_reader", plain)),
        }
        router = train_router(load_requests("train"), load_requests("dev"))
        self.router = router_arm(hybrid.always_decides(router, load_requests("dev")))
        self.searches: dict[str, Any] = {
            "search": build_index(self.documents, SIZE, OVERLAP),
            "tuned": tuned_search(chunks),
        }

    def for_askers(self, split: str) -> dict[str, Any]:
        """… and the best one, which looks at who asks."""
        windows = sentence_windows(self.documents, load_askers(split))
        return self.searches | {"windows": windows}

    def reranked(self, score: Score, weight: float) -> dict[str, Any]:
        """Both searches with the reranker behind them."""
        how = (score, "minilm", DEPTH, weight)
        return {
            "reranked": Reranked(self.searches["search"], *how),
            "tuned, reranked": Reranked(self.searches["tuned"], *how),
        }


def reranker() -> tuple[Score, dict[str, list[float]]]:
    """The trained reranker, and what it has said so far."""
    os.environ.setdefault("WORKBOOK_RERANKER", str(settings.cache_folder("reranker")))
    score, said = scorer(load_reranker()), {}

    def noted(question: str, texts: Sequence[str]) -> list[float]:
        key = asked_key(question, texts)
        if key not in said:
            said[key] = [round(float(one), 3) for one in score(question, texts)]
        return said[key]

    return noted, said


def best_weight() -> float:
    """The reranker's weight that finds most in the first place on dev; of equals the larger."""
    file = settings.DATA / "reference" / "retriever.json"
    weights = json.loads(file.read_text(encoding="utf-8"))["reranker"]["weights"]
    return max((float(one) for one in weights), key=lambda w: (weights[f"{w:g}"][0]["recall"], w))


def measured(house: House, split: str, searches: Mapping[str, Any]) -> dict[str, Any]:
    """Every system that can be made of these searches, on all questions and requests of a
    split."""
    questions = load_questions(split, house.documents)
    cases = hybrid.mixed_traffic(questions, load_requests(split))
    answerable = [case for case in questions if case.gold.answers]
    perfect = evidence_contexts(answerable, house.chunks)
    who = who_asks([case.ask for case in questions], load_askers(split))
    reads = {
        name: evaluate(arm, answerable, QUESTIONS)
        for name, arm in hybrid.oracles(house.models, perfect, who).items()
    }
    routes = routes_of(house.router, [case.ask for case in cases])
    looked_up = [case.ask for case in cases if routes[case.id] == "retrieve"]
    for name in (
        searches.keys() - house.searches.keys() - {"windows"}
    ):  # asked here, so that no run answers for it
        searches[name].search_all(looked_up, 1)
    tables = {}
    for name, arm in hybrid.hybrid_arms(house.router, house.models, searches, who).items():
        started, tables[name] = time.perf_counter(), evaluate(arm, cases, MIXED)
        print(f"{split}, {name}: {tables[name]['right'].mean():.3f}", end=" ")
        print(f"({time.perf_counter() - started:.0f} s)", flush=True)
    return told(hybrid.judged(tables, routes, reads), cases)


def told(tables: Mapping[str, pd.DataFrame], cases: Sequence[Case]) -> dict[str, Any]:
    """What the file keeps of these tables."""
    found: dict[str, Any] = {"n": len(cases), "cases": " ".join(case.id for case in cases)}
    found["systems"] = {
        name: {
            "right": "".join(str(int(one)) for one in tables[name]["right"]),
            "part": "".join(SIGNS[one] for one in tables[name]["part"]),
            **_rounded(dict(row)),
        }
        for name, row in hybrid.ablation(tables).iterrows()
    }
    for column, name in (("right", "gains"), ("saved", "saved")):
        found[f"{name} over router + RAG"] = {
            one.second: {
                **_rounded({"difference": one.difference, "low": one.low, "high": one.high}),
                "level": one.level,
                "verdict": one.verdict,
            }
            for one in hybrid.against_router(tables, column)
        }
    return found


def _rounded(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in row.items()}


def leaks(house: House) -> dict[str, dict[str, int]]:
    """Every user asks for every closed document, through the search of every system. The reranker
    only puts into another order what it is given, so any score will do."""
    probed = {}
    backwards = house.reranked(lambda _, texts: list(range(len(texts))), 1.0)
    for name, one in {**house.for_askers("dev"), **backwards}.items():
        table = hybrid.leaks(
            lambda asks, one=one: one.search_all(asks, 5), house.documents, load_users()
        )
        probed[name] = {c: int(table[c].sum()) for c in ("asked", "passages shown", "leaked")}
    return probed


def milliseconds(house: House, score: Score | None) -> dict[str, Any]:
    """CPU milliseconds of one request in each part, one at a time: the mean of all but the first.
    score: the reranker, where it is there."""
    cases = [c for c in load_questions("dev", house.documents) if c.gold.answers][: N_TIMED + 1]
    found = [house.searches["search"].search_all([case.ask], DEPTH)[0] for case in cases]
    hits = [[f"{hit.title}\n{hit.text}" for hit in one] for one in found]
    perfect = evidence_contexts(cases, house.chunks)
    numbers = [c.ask for c in load_requests("dev") if c.gold.answers == ("tool",)][: N_TIMED + 1]
    best = house.for_askers("dev")["windows"]

    def each(work: Callable[[int], object]) -> float:
        work(0)
        started = time.process_time()
        for at in range(1, len(cases)):
            work(at)
        return round(1000 * (time.process_time() - started) / (len(cases) - 1), 1)

    def fresh(at: int) -> Ask:
        """In words that no cache of vectors has seen."""
        return replace(cases[at].ask, input=f"{cases[at].ask.input} (asked at {time.time_ns()})")

    def once(arm: Arm) -> Callable[[int], object]:
        return lambda at: list(arm([cases[at].ask]))

    parts = {
        "router": each(once(house.router)),
        "tool": each(lambda at: use_tool(numbers[at])),
        "search": each(lambda at: house.searches["search"].search_all([fresh(at)], 1)),
        "tuned search": each(lambda at: house.searches["tuned"].search_all([fresh(at)], 1)),
        "best search": each(lambda at: best.search_all([fresh(at)], 1)),
    }
    if score is not None:
        parts["reranker"] = each(lambda at: score(cases[at].ask.input, hits[at]))
    who = who_asks([case.ask for case in cases], load_askers("dev"))
    for name, arm in hybrid.oracles(house.models, perfect, who).items():
        parts[f"an answer, {name}"] = each(once(arm))
    return {"n": N_TIMED, "threads": _threads(), "load": round(os.getloadavg()[0], 1)} | parts


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for part in ("--reranker", "--test", "--milliseconds"):
        parser.add_argument(part, action="store_true")
    wish = parser.parse_args()
    file, house = hybrid.REFERENCE, House()
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    split = "test" if wish.test else "dev"
    searches, weight = house.for_askers(split), best_weight()
    score, said = None, {}
    if wish.reranker or (wish.milliseconds and any(settings.cache_folder("reranker").iterdir())):
        score, said = reranker()
        searches |= house.reranked(score, weight)
    elif split == "dev":  # what the reranker said stays true of the same hits
        searches |= hybrid.kept_rerankers(house.searches["search"], house.searches["tuned"])
    if wish.milliseconds:
        known["milliseconds"] = milliseconds(house, score)
    else:
        known[split] = measured(house, split, searches)
        known["leaks"] = leaks(house)
    if wish.reranker and not wish.test:
        known["reranked"] = {"weight": weight, "depth": DEPTH, "scores": said}
    about = provenance("python labs_data/build/hybrid.py", CODE, ("torch", "transformers"))
    part = "milliseconds" if wish.milliseconds else split
    known.setdefault("provenance", {})[part] = about | {
        "models": {name: model.fingerprint for name, model in house.models.items()},
        "router": house.router.fingerprint,
        "searches": [search.name for search in searches.values()],
    }
    write_whole(file, json.dumps(known) + "\n")


if __name__ == "__main__":
    main()
