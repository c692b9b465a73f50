"""Mixed traffic: one definition of right for every part, a price for each mistake, one part to
blame for each loss, and leaks that are counted."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from helpers.core.cases import Arm, Ask, Case, Evidence, Gold, Passage, Prediction
from helpers.data.questions import load_users
from helpers.data.requests import TODAY, load_requests
from helpers.evaluation.evaluator import evaluate
from helpers.experiments import hybrid
from helpers.experiments.hybrid import (
    MIXED,
    PARTS,
    PRICES,
    SYSTEMS,
    ablation,
    blamed,
    by_part,
    found_at,
    hybrid_arms,
    kept_rerankers,
    kept_routing,
    leaks,
    measured_once,
    mixed_traffic,
    over_rag,
    priced,
    recall_table,
    responsibilities,
    savings,
    search_gains,
    tool_calls,
    worst_part,
)
from helpers.retrieval.bm25 import lexical_index
from helpers.retrieval.reranked import Reranked
from helpers.systems.hybrid import ASK_BACK, CHAT, REFUSED
from helpers.systems.tools import use_tool

PROOF = Evidence("leave", "17 days", 0, 7)
SEEN, BESIDE = Passage("leave", "Leave", 0, 7, "17 days"), Passage("other", "Other", 0, 4, "Oaks")


def request(id, text, route):
    return Case(Ask(id, text, ("staff",), TODAY), Gold((route,)), route, id, "dev")


def question(id, text, gold):
    return Case(Ask(id, text, ("staff",), TODAY), gold, "single", id, "dev")


QUESTIONS = [
    question("q1", "how long?", Gold(("17 days",), (PROOF,))),
    question("q2", "how wide?", Gold()),
]
REQUESTS = [
    request("t", "what is 17 % of 250", "tool"),
    request("r", "how much does ines earn", "refuse"),
    request("s", "thanks!", "small talk"),
    request("l", "may I work abroad", "retrieve"),
]
CASES = mixed_traffic(QUESTIONS, REQUESTS)
BEST = {
    "q1": ("17 days", (SEEN,)),
    "q2": ("I don't know.", (BESIDE,)),
    "t": (use_tool(REQUESTS[0].ask).text, ()),
    "r": (REFUSED, ()),
    "s": (CHAT, ()),
}
ROUTES = {"q1": "retrieve", "q2": "retrieve", "t": "tool", "r": "refuse", "s": "small talk"}


def table(**said):
    answers = BEST | said

    def answer(asks):
        for ask in asks:
            text, context = answers[ask.id]
            yield Prediction(ask.id, text, context)

    return evaluate(Arm("hybrid", answer), CASES, MIXED, keep=False)


def row(id, **said):
    return table(**said).set_index("id").loc[id]


def test_requests_that_are_looked_up_are_left_to_the_questions():
    assert [case.id for case in CASES] == ["q1", "q2", "t", "r", "s"]


def test_the_real_requests_have_three_kinds_of_gold():
    kinds = {case.gold.output["route"] for case in mixed_traffic([], load_requests("dev"))}
    assert kinds == {"tool", "refuse", "small talk"}


def test_every_part_can_be_right():
    assert table()["right"].all()


@pytest.mark.parametrize(
    "id, text, context",
    [
        ("q1", "18 days", (SEEN,)),
        ("q2", "2 metres", (BESIDE,)),
        ("t", "42.6", ()),
        ("t", REFUSED, ()),
        ("r", "41,000 GBP", (BESIDE,)),
        ("s", CHAT, (BESIDE,)),  # searched for, though nothing was asked
        ("s", REFUSED, ()),
        ("s", ASK_BACK + " I don't know.", (BESIDE,)),
    ],
)
def test_what_is_wrong(id, text, context):
    assert not row(id, **{id: (text, context)})["right"]


def cost(id, text, context=()):
    return priced(table(**{id: (text, context)})).set_index("id").loc[id, "cost"]


@pytest.mark.parametrize(
    "id, text, price",
    [
        ("q1", "17 days", 0.0),
        ("q1", "18 days", PRICES["wrong answer"]),
        ("q1", "I don't know.", PRICES["wrong refusal"]),
        ("t", REFUSED, PRICES["wrong refusal"]),
        ("q2", "2 metres", PRICES["missed refusal"]),
        ("r", "41,000 GBP", PRICES["missed refusal"]),
        ("r", ASK_BACK, PRICES["asked back"]),
        ("q1", ASK_BACK, PRICES["asked back"]),
    ],
)
def test_what_a_mistake_costs(id, text, price):
    assert cost(id, text, (SEEN,) if id == "q1" else ()) == price


def test_what_is_saved_and_what_is_paid_add_up():
    found = priced(table(q1=("18 days", (SEEN,)), r=("41,000 GBP", ())))
    assert (found["cost"] + found["saved"]).unique().tolist() == [max(PRICES.values())]


@pytest.mark.parametrize("prices", [{}, PRICES | {"asked back": -1}])
def test_prices_must_be_there(prices):
    with pytest.raises(ValueError, match="give a price from 0 on"):
        priced(table(), prices)


@pytest.mark.parametrize(
    "said, route, part",
    [
        ({}, "retrieve", ""),
        ({"q1": ("18 days", (SEEN,))}, "retrieve", "reading"),
        ({"q1": ("18 days", (BESIDE,))}, "retrieve", "search"),
        ({"q1": (REFUSED, ())}, "refuse", "router"),
        ({"q1": ("17 days", ())}, "refuse", ""),  # right, whoever answered
    ],
)
def test_who_is_to_blame(said, route, part):
    found = blamed(table(**said), ROUTES | {"q1": route}).set_index("id")
    assert found.loc["q1", "part"] == part


@pytest.mark.parametrize(
    "context, with_the_evidence, part",
    [
        (SEEN, True, "distraction"),
        (SEEN, False, "reading"),
        (BESIDE, True, "search"),
        (BESIDE, False, "both"),
    ],
)
def test_the_oracle_says_what_a_perfect_search_would_have_saved(context, with_the_evidence, part):
    oracle = pd.DataFrame({"id": ["q1"], "right": [with_the_evidence]})
    found = blamed(table(q1=("18 days", (context,))), ROUTES, oracle).set_index("id")
    assert found.loc["q1", "part"] == part


def test_without_a_router_everything_is_looked_up():
    found = blamed(table(t=("about 42", (BESIDE,))), None).set_index("id")
    assert found.loc["t", "part"] == "router"


def test_a_tool_that_fails_is_to_blame_itself():
    found = blamed(table(t=("no", ())), ROUTES).set_index("id")
    assert found.loc["t", "part"] == "tool"


def test_the_parts_of_a_system_add_up():
    worst = dict.fromkeys(BEST, ("nonsense", (BESIDE,)))
    lost = by_part({"bad": blamed(table(**worst), ROUTES)})
    assert lost.loc["bad", ["right", *PARTS]].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("part", "words"), [("both", "search and reader together"), ("reading",) * 2]
)
def test_the_part_that_loses_most_is_named(part, words):
    assert worst_part(dict.fromkeys(PARTS, 0.1) | {part: 0.3}) == words


def test_refusals_are_counted_where_they_belong():
    found = ablation({"a": priced(table(q1=("I don't know.", (SEEN,)), r=("41 GBP", ())))}).loc["a"]
    assert found[["wrong refusals", "missed refusals"]].tolist() == [1 / 3, 1 / 2]


def test_evidence_is_looked_for_among_the_first_places():
    lists = [[BESIDE, SEEN]]
    right = [found_at("s", QUESTIONS[:1], lists, k)["right"].item() for k in (1, 2)]
    assert right == [False, True]


FOUND = {"search": [[BESIDE, SEEN]] * 2, "tuned search": [[SEEN, BESIDE]] * 2}
TWICE = [QUESTIONS[0], question("q3", "how many days?", QUESTIONS[0].gold)]


def test_recall_grows_with_the_places():
    assert recall_table(TWICE, FOUND).loc[[1, 3]].to_numpy().tolist() == [[0, 1], [1, 1]]


def test_a_search_is_compared_place_by_place():
    assert [one.difference for one in search_gains(TWICE, FOUND)] == [1, 0, 0]


def test_a_search_that_was_never_reranked_has_no_reranker(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.experiments.hybrid.REFERENCE", tmp_path / "hybrid.json")
    assert kept_rerankers(None, None) == {}


def test_the_router_wins_what_it_wins_over_rag_alone():
    tables = {"RAG": table(t=("about 42", (BESIDE,))), "router + RAG": table()}
    assert over_rag(tables).difference == pytest.approx(1 / 5)


def test_savings_are_told_of_every_other_system():
    tables = {n: priced(table(t=("no", ()) if n == "RAG" else BEST["t"])) for n in
              ("RAG", "router + RAG")}  # fmt: skip
    assert savings(tables)[0].startswith("hybrid: saves -0.20 a request")


def test_tools_are_asked_for_what_they_are_for():
    calls = tool_calls([request("t", "what is 17 % of 250", "tool"), REQUESTS[1]])
    assert calls.empty or calls["id"].tolist() == ["t"]


def test_who_is_responsible_is_filled_from_what_was_measured():
    pattern = {"reader": ("how to read", "reading", "+ reader")}
    found = responsibilities(pattern, {"reading": 0.1}, {"+ reader": "better (+8 points)"})
    assert found.loc["reader"].tolist() == ["how to read", "10 %", "better (+8 points)"]


def test_the_frozen_figures_of_the_router_come_with_their_intervals():
    assert kept_routing().loc["router, asks back", "macro-F1"] == "0.80 (0.73 to 0.86)"


def test_nobody_is_shown_a_closed_document(documents):
    index = lexical_index(documents)
    found = leaks(lambda asks: index.search_all(asks, 5, "bm25"), documents, load_users())
    assert (found["leaked"].sum(), found["asked"].sum() > 300) == (0, True)


def test_a_search_that_forgets_who_asks_leaks(documents):
    index = lexical_index(documents)
    board = ("staff", "board", "managers", "finance", "people-ops")

    def careless(asks):
        return index.search_all([Ask(a.id, a.input, board, a.as_of) for a in asks], 5, "bm25")

    assert leaks(careless, documents, load_users())["leaked"].sum() > 100


class Shouts:
    """A model that answers at once, so that all that counts is what it was shown."""

    fingerprint, window_tokens = "shouts", None

    def chat(self, text, system=None):
        return text

    def complete(self, prompts, max_new_tokens, schema=None):
        for at in range(len(prompts)):
            yield SimpleNamespace(index=at, text="!", tokens_in=0, tokens_out=1, seconds=0.0)


@pytest.fixture(scope="module")
def arms(documents):
    """All systems over one search by words; the router sends everything to the search."""
    everything = Arm("router", lambda asks: (Prediction(a.id, "retrieve") for a in asks), "all")
    index = lexical_index(documents)
    reranked = Reranked(index, lambda _, texts: list(range(len(texts))), "backwards", 5)
    searches = {name: reranked if "reranked" in name else index for _, name in SYSTEMS.values()}
    return hybrid_arms(everything, dict.fromkeys(("base", "reader"), Shouts()), searches, {})


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_system_shows_a_closed_document(name, arms, documents):
    found = leaks(lambda asks: [one.context for one in arms[name](asks)], documents, load_users())
    assert (found["leaked"].sum(), found["passages shown"].sum() > 300) == (0, True)


def test_what_nobody_measured_says_so():
    assert measured_once({}) == [
        "Not measured yet: SciFact, the questions' side, a reranker (labs_data/build/retriever.py)"
    ]


def test_what_was_measured_is_said_in_numbers():
    scifact = {"passages": 800, "of": 5183, "queries": 300} | {
        when: {"ndcg_at_10": value} for when, value in (("before", 0.801), ("after", 0.79))
    }
    said = measured_once({"scifact": scifact})[0]
    assert "800 of 5,183 abstracts: nDCG@10 80.1 before, 79.0 after" in said


def test_the_table_of_parts_draws_and_tells():
    from helpers.plots.router import parts

    lost = by_part({"router + RAG": blamed(table(q1=("18 days", (SEEN,))), ROUTES)})
    drawn = parts(lost, "T")
    assert (drawn.alt, drawn.table.loc["router + RAG", "reading"]) == (
        "T. Right of 5 requests: router + RAG 80 %.",
        0.2,
    )


def test_nothing_to_draw_is_an_error():
    from helpers.plots.router import parts

    with pytest.raises(ValueError, match="nothing to draw"):
        parts(pd.DataFrame(), "T")


def test_what_came_out_on_the_frozen_test_is_said_with_its_gain(monkeypatch):
    share, gain = {"share": 0.4}, {"difference": 0.06, "low": 0.01, "high": 0.12}
    gains = {"+ reader": gain | {"verdict": "better"}}
    test = {"n": 50, "systems": {"router + RAG": share, "+ reader": share}}
    kept = {"test": test | {"gains over router + RAG": gains}}
    monkeypatch.setattr(hybrid, "_kept", lambda: kept)
    assert hybrid.kept_test() == [
        "test, router + RAG: 40 % of 50",
        "test, + reader: 40 % of 50; +6 points, +1 to +12: better",
    ]


def test_an_unopened_test_is_said_to_be_unopened(monkeypatch):
    monkeypatch.setattr(hybrid, "_kept", dict)
    assert hybrid.kept_test()[0].startswith("Not asked on the frozen test")
