"""What is each part of a hybrid worth? Mixed traffic, one definition of right for all parts, a
price for each kind of mistake, and the part to blame for each wrong answer.

    cases = mixed_traffic(load_questions("dev"), load_requests("dev"))
    table = evaluate(router_and_rag(router, search), cases, MIXED)
    blamed(table, routes_of(router, asks))["part"]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Arm, Ask, Case, Gold, Passage, Prediction
from helpers.data.handbook import Document, may_see
from helpers.data.requests import TODAY
from helpers.evaluation import scores
from helpers.evaluation.attribution import cause
from helpers.evaluation.comparison import Comparison, compare, compare_all
from helpers.evaluation.evaluator import Task, share
from helpers.evaluation.numbers import percent
from helpers.evaluation.refusals import abstains
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.evaluation.routing import equal_costs
from helpers.models.language_model import LanguageModel
from helpers.retrieval.index import Index
from helpers.retrieval.reranked import Reranked, kept_score
from helpers.retrieval.retriever import Retriever
from helpers.systems.hybrid import ASK_BACK, router_and_rag
from helpers.systems.prompts import WHO_ASKS
from helpers.systems.questions import oracle, retrieval_augmented
from helpers.systems.router import Router, with_costs
from helpers.systems.tools import choose_tool, use_tool

# A default to argue with, as in `routing.COSTS`: what one such mistake costs, where a wrong answer
# costs 1.
PRICES: Mapping[str, float] = {
    "wrong answer": 1.0,
    "wrong refusal": 2.0,
    "missed refusal": 3.0,
    "asked back": 0.6,
}
PARTS = ("router", "search", "both", "distraction", "reading", "refusing", "tool")
IN_WORDS = {"router": "the router", "both": "search and reader together", "tool": "a tool"}
REFERENCE = settings.DATA / "reference" / "hybrid.json"  # by labs_data/build/hybrid.py
SEARCHES = settings.DATA / "reference" / "retriever.json"  # by labs_data/build/retriever.py
ROUTED = settings.DATA / "reference" / "router.json"  # by labs_data/build/router.py


# system -> (model, search): each differs from router + RAG in one part, the last two in several.
SYSTEMS = {
    "RAG": ("base", "search"),
    "router + RAG": ("base", "search"),
    "+ reranker": ("base", "reranked"),
    "+ tuned search": ("base", "tuned"),
    "+ reader": ("reader", "search"),
    "+ search and reader": ("reader", "tuned"),
    "+ all": ("reader", "tuned, reranked"),
    "best search and reader": ("reader", "windows"),
}


def hybrid_arms(
    router: Arm,
    models: Mapping[str, LanguageModel],
    searches: Mapping[str, Retriever],
    asked_by: Mapping[str, str],
) -> dict[str, Arm]:
    """The systems of SYSTEMS by name, of those whose search is there; the model is shown one
    passage. RAG alone has no router. asked_by: see `as_asked`."""
    made = {}
    for name, (model, search) in SYSTEMS.items():
        if search in searches:
            how = as_asked(model, asked_by)
            rag = retrieval_augmented(models[model], searches[search], top_k=1, **how)
            made[name] = rag if name == "RAG" else router_and_rag(router, rag, name=name)
    return made


def oracles(
    models: Mapping[str, LanguageModel],
    perfect: Mapping[str, Sequence[Passage]],
    asked_by: Mapping[str, str],
) -> dict[str, Arm]:
    """The same models with the evidence alone (ask id -> passages)."""
    return {
        name: oracle(model, perfect, name, **as_asked(name, asked_by))
        for name, model in models.items()
    }


def as_asked(model: str, asked_by: Mapping[str, str]) -> dict[str, Any]:
    """How a model of SYSTEMS is asked: the reader in the words that it was trained on, who asks
    included (ask id -> line, see `systems.who_asks`)."""
    return {"style": WHO_ASKS, "asked_by": asked_by} if model == "reader" else {}


def _kept() -> dict[str, Any]:
    """What labs_data/build/hybrid.py has measured so far."""
    return json.loads(REFERENCE.read_text(encoding="utf-8")) if REFERENCE.exists() else {}


def kept_rerankers(index: Index, tuned: Index) -> dict[str, Retriever]:
    """Both searches reranked by what the course's reranker said of their hits on dev (see
    `kept_score`); none where hybrid.py was run without it."""
    if (kept := _kept().get("reranked")) is None:
        return {}
    how = (kept_score(kept["scores"]), "minilm", kept["depth"], kept["weight"])
    return {"reranked": Reranked(index, *how), "tuned, reranked": Reranked(tuned, *how)}


def mixed_traffic(questions: Sequence[Case], requests: Sequence[Case]) -> list[Case]:
    """Handbook questions as they are, and with them the requests that need something else: a tool,
    a refusal, a word of thanks. (Requests that are to be looked up have no gold answer; the
    questions take their place.)

    The right answer of a tool is what the tool says when it is asked directly, so that here the
    way to it is judged; the tools themselves have tests.
    """
    return [*questions, *(_judged(case) for case in requests if case.gold.answers != ("retrieve",))]


def _judged(case: Case) -> Case:
    route = case.gold.answers[0]
    says = use_tool(case.ask).text if route == "tool" else ""
    return replace(case, kind=route, gold=Gold(output={"route": route, "says": says}))


def mixed_correct(p: Prediction, gold: Gold) -> bool:
    """Questions: as everywhere. Else: the tool's own words; a refusal; and small talk is right when
    it is met without a search and without a refusal."""
    route = (gold.output or {}).get("route", "retrieve")
    if route == "retrieve":
        return scores.question_correct(p, gold)
    if p.error is not None:
        return False
    if route == "tool":
        return p.text == gold.output["says"]
    return abstains(p.text) if route == "refuse" else not (p.context or abstains(p.text))


def _scores(p: Prediction, gold: Gold) -> dict[str, object]:
    route = (gold.output or {}).get("route", "retrieve")
    told = scores.question_scores(p, gold)
    must_refuse = route == "refuse" or (route == "retrieve" and not gold.answers)
    right, refused = mixed_correct(p, gold), bool(told["abstained"])
    return told | {
        "part_asked": route,
        "must_refuse": must_refuse,
        "wrong refusal": refused and not must_refuse,
        "missed refusal": must_refuse and not right and p.text != ASK_BACK,
        "asked back": p.text == ASK_BACK,
    }


MIXED = Task("mixed traffic", mixed_correct, _scores)


def always_decides(router: Router, dev: Sequence[Case]) -> Router:
    """The same trained router, taking the likeliest route each time and never asking back."""
    likeliest = with_costs(router, dev, equal_costs(router.labels))
    name = f"{likeliest.fingerprint}-always"
    return replace(likeliest, reject_at=float("inf"), fingerprint=name)


def priced(table: pd.DataFrame, prices: Mapping[str, float] = PRICES) -> pd.DataFrame:
    """The same table with `cost`, what each mistake costs, and `saved`: how much less than the
    dearest mistake. Raises ValueError for a price that is missing or negative."""
    if wrong := [name for name in PRICES if not prices.get(name, -1) >= 0]:
        raise ValueError(f"give a price from 0 on for each of {', '.join(PRICES)}; see {wrong[0]}")
    cost = pd.Series(prices["wrong answer"], table.index)
    for name in ("asked back", "wrong refusal", "missed refusal"):
        cost = cost.mask(table[name].astype(bool), prices[name])
    cost = cost.mask(table["right"].astype(bool), 0.0).astype(float)
    return table.assign(cost=cost, saved=max(prices.values()) - cost)


def blamed(
    table: pd.DataFrame,
    routes: Mapping[str, str] | None = None,
    oracle: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The same table with `part`: what to blame for a wrong answer ("" for a right one).

    routes: ask id -> where the router sent it (see `routes_of`); None for a system that sends all
    to the search. oracle: the same model with the evidence alone, on (at least) the questions that
    have an answer. *router*: another part should have answered. *search*: the evidence was not
    found, and with it the model is right. *both*: not found, and with it the model is wrong, too.
    *distraction*: found, and with the evidence alone the model is right. *reading*: found, and
    wrong. *refusing*: there is no answer, and one was given. *tool*: it was asked rightly and
    failed. Without an oracle, *search* and *reading* hold *both* and *distraction*.
    """
    read = {} if oracle is None else dict(zip(oracle["id"], oracle["right"], strict=True))

    def part(row: Mapping[str, Any]) -> str:
        if row["right"]:
            return ""
        if (routes or {}).get(row["id"], "retrieve") != row["part_asked"]:
            return "router"
        if row["part_asked"] == "tool":
            return "tool"
        if row["must_refuse"]:
            return "refusing"
        seen = bool(row["evidence_seen"])
        if oracle is None:
            return "reading" if seen else "search"
        found = cause(True, False, seen, read[row["id"]])
        return "search" if found == "retrieval" else found

    return table.assign(part=[part(row) for row in table.to_dict("records")])


def judged(
    tables: Mapping[str, pd.DataFrame],
    routes: Mapping[str, str],
    reads: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """The tables of SYSTEMS with `part` (see `blamed`) and `cost` (see `priced`). reads: what
    "base" and "reader" say with the evidence alone."""
    return {
        name: priced(blamed(table, None if name == "RAG" else routes, reads[SYSTEMS[name][0]]))
        for name, table in tables.items()
    }


def by_part(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One line a system: the share of all requests that is right, and lost to each part (from
    `blamed`); they sum to 1."""
    rows = {
        name: {"right": table["right"].mean()}
        | {part: (table["part"] == part).mean() for part in PARTS}
        | {"n": len(table)}
        for name, table in tables.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("system")


def worst_part(lost: Mapping[str, float]) -> str:
    """The part that loses most, in words; lost: a line of `by_part`."""
    worst = max(PARTS, key=lambda part: lost[part])
    return IN_WORDS.get(worst, worst)


def ablation(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One line a system, from `priced` tables: share right with its interval, cost of a request,
    wrong refusals among what has an answer, missed refusals among what has none."""
    rows = {}
    for name, table in tables.items():
        must = table["must_refuse"].astype(bool)
        rows[name] = share(table) | {
            "cost": table["cost"].mean(),
            "wrong refusals": table["wrong refusal"][~must].mean(),
            "missed refusals": table["missed refusal"][must].mean(),
            "asked back": table["asked back"].mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("system")


def against_router(tables: Mapping[str, pd.DataFrame], column: str = "right") -> list[Comparison]:
    """Every system against router + RAG, on the same requests; all intervals hold together."""
    others = [table for name, table in tables.items() if name != "router + RAG"]
    return compare_all(tables["router + RAG"], others, column=column)


def over_rag(tables: Mapping[str, pd.DataFrame]) -> Comparison:
    """What the router alone wins: router + RAG against RAG."""
    return compare(tables["RAG"], tables["router + RAG"])


def savings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What every system saves of the cost of a request, against router + RAG, in words."""
    return [
        f"{one.second}: saves {one.difference:+.2f} a request ({one.low:+.2f} to {one.high:+.2f}:"
        f" {one.verdict})"
        for one in against_router(tables, "saved")
    ]


def responsibilities(
    pattern: Mapping[str, tuple[str, str, str]], lost: Mapping[str, float], won: Mapping[str, str]
) -> pd.DataFrame:
    """Pattern -> responsibility: what each is for, the share that its part loses today, and what
    changing it won. pattern: name -> (what it is for, a part of `lost`, a key of `won`)."""
    rows = [
        (name, says, percent(lost[part]), won[key]) for name, (says, part, key) in pattern.items()
    ]
    columns = ["pattern", "is responsible for", "lost there today", "what changing it won here"]
    return pd.DataFrame(rows, columns=columns).set_index("pattern")


# --- the router and the tools ---------------------------------------------------------------------


def kept_routing() -> pd.DataFrame:
    """The router and its baselines on the frozen test of the requests, as labs_data/build/router.py
    measured them: each figure with its 95 % interval."""
    arms = json.loads(ROUTED.read_text(encoding="utf-8"))["test"]["arms"]
    said = {
        arm: {
            name: f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
            for name, one in told.items()
        }
        for arm, told in arms.items()
    }
    return pd.DataFrame(said).T.rename_axis("on test")


def tool_calls(requests: Sequence[Case]) -> pd.DataFrame:
    """One row for each request that wants a tool; right: the tool was chosen, and answered without
    an error."""
    rows = [
        {
            "id": case.id,
            "right": choose_tool(case.ask.input) == case.kind.split(",")[0]
            and use_tool(case.ask).error is None,
        }
        for case in requests
        if case.gold.answers == ("tool",)
    ]
    return pd.DataFrame(rows)


def kept_test() -> list[str]:
    """What labs_data/build/hybrid.py found on the frozen test splits, a sentence a system: its
    share right, and its gain over router + RAG; all intervals hold together."""
    if (kept := _kept().get("test")) is None:
        return ["Not asked on the frozen test: labs_data/build/hybrid.py --test"]
    gains = kept["gains over router + RAG"]

    def gain(name: str) -> str:
        if (one := gains.get(name)) is None:
            return ""
        low, high = (f"{100 * one[edge]:+.0f}" for edge in ("low", "high"))
        return f"; {100 * one['difference']:+.0f} points, {low} to {high}: {one['verdict']}"

    return [
        f"test, {name}: {percent(row['share'])} of {kept['n']}{gain(name)}"
        for name, row in kept["systems"].items()
    ]


def kept_milliseconds() -> list[str]:
    """What one request takes in each part, as labs_data/build/hybrid.py timed it, in words."""
    if (kept := _kept().get("milliseconds")) is None:
        return ["Not timed yet: labs_data/build/hybrid.py --milliseconds"]
    told = {name: one for name, one in kept.items() if name not in ("n", "threads", "load")}
    said = ", ".join(f"{name} {one:,.0f}" for name, one in told.items())
    return [f"CPU milliseconds of one request (mean of {kept['n']}): {said}"]


# --- the search alone -----------------------------------------------------------------------------


def found_at(
    name: str, cases: Sequence[Case], lists: Sequence[Sequence[Passage]], k: int
) -> pd.DataFrame:
    """Was the evidence of each case among its first k passages? A table as `evaluate` gives it, for
    `compare`: right is found."""
    rows = [
        {
            "arm": name,
            "id": case.id,
            "fact": case.fact,
            "right": evidence_found(case.gold.evidence, passages[:k]),
        }
        for case, passages in zip(cases, lists, strict=True)
    ]
    return pd.DataFrame(rows)


def recall_table(
    cases: Sequence[Case], found: Mapping[str, Sequence[Sequence[Passage]]]
) -> pd.DataFrame:
    """Evidence found among the first k passages: a line a k, a column a search."""
    return pd.DataFrame(
        {
            name: {k: found_at(name, cases, lists, k)["right"].mean() for k in (1, 3, 5, 10)}
            for name, lists in found.items()
        }
    ).rename_axis("passages")


def search_gains(
    cases: Sequence[Case], found: Mapping[str, Sequence[Sequence[Passage]]]
) -> list[Comparison]:
    """The second of two searches against the first: evidence found among the first 1, 3 and 5."""
    return [
        compare(
            *(found_at(f"{name}, first {k}", cases, lists, k) for name, lists in found.items()),
            comparisons=3,
        )
        for k in (1, 3, 5)
    ]


def load_searches() -> dict[str, Any]:
    """What labs_data/build/retriever.py measured of searches."""
    return json.loads(SEARCHES.read_text(encoding="utf-8"))


def ways_found(results: Mapping[str, Any]) -> pd.DataFrame:
    """A line for each way to search, a column for each k: the share of evidence found on dev."""
    ways = results["tuned"]["ways"]
    return pd.DataFrame(
        {name: {row["k"]: round(row["recall"], 3) for row in rows} for name, rows in ways.items()}
    ).T


def measured_once(results: Mapping[str, Any]) -> list[str]:
    """What reference/retriever.json says beside the search that was kept: the set of other people,
    the questions' side alone, a reranker. A sentence each; what nobody has measured says so."""
    said = []
    if one := results.get("scifact"):
        before, after = (100 * one[when]["ndcg_at_10"] for when in ("before", "after"))
        said.append(
            f"SciFact, {one['queries']} claims over {one['passages']:,} of {one['of']:,} abstracts:"
            f" nDCG@10 {before:.1f} before, {after:.1f} after"
        )
    if one := results.get("questions alone"):
        shares = ", ".join(f"{100 * row['recall']:.0f} % at {row['k']}" for row in one["rows"])
        said.append(f"Only the questions' side tuned, no index built again: found {shares}")
    if one := results.get("reranker"):
        shares = "; ".join(
            f"weight {weight}: {100 * rows[0]['recall']:.0f} % at 1,"
            f" {100 * rows[2]['recall']:.0f} % at 5"
            for weight, rows in one["weights"].items()
        )
        times = one["milliseconds"] / max(one["search milliseconds"], 0.1)
        said.append(
            f"Reranker over the first ten: {shares}; a search takes {times:.0f} times as long"
        )
    names = {
        "scifact": "SciFact",
        "questions alone": "the questions' side",
        "reranker": "a reranker",
    }
    late = [words for name, words in names.items() if name not in results]
    if late:
        said.append(f"Not measured yet: {', '.join(late)} (labs_data/build/retriever.py)")
    return said


# --- leaks ----------------------------------------------------------------------------------------


def leaks(
    search: Callable[[Sequence[Ask]], Sequence[Sequence[Any]]],
    documents: Sequence[Document],
    users: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Every user asks for every document that they may not read, by its title and by each of its
    headings: one line a user, with `asked` (how often) and `leaked` (passages shown of a document
    that is closed to them).

    search: asks -> passages, as `lambda asks: index.search_all(asks, 5)`.
    """
    rows = []
    for name, user in users.items():
        groups = tuple(user["groups"])
        open_ = {d.id for d in may_see(documents, groups, TODAY)}
        closed = [d for d in documents if d.id not in open_ and d.in_force(TODAY)]
        asks = [
            Ask(f"{d.id} {at}", text, groups, TODAY)
            for d in closed
            for at, text in enumerate([d.title, *_headings(d.text)])
        ]
        shown = [passage for found in search(asks) for passage in found] if asks else []
        rows.append(
            {
                "user": name,
                "closed documents": len(closed),
                "asked": len(asks),
                "passages shown": len(shown),
                "leaked": sum(passage.doc not in open_ for passage in shown),
            }
        )
    return pd.DataFrame(rows).set_index("user")


def _headings(text: str) -> list[str]:
    return [line.lstrip("# ") for line in text.split("\n") if line.startswith("##")]
