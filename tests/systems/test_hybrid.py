"""Router + RAG: every request is answered once, by the part it was routed to; whatever the router
says, nobody is told what they may not read."""

from __future__ import annotations

import dataclasses

import pytest

from helpers.core.cases import Arm, Ask, Prediction
from helpers.data.handbook import may_see
from helpers.data.orders import OWNER, load_orders
from helpers.data.questions import load_users
from helpers.data.requests import ROUTES, TODAY
from helpers.evaluation.refusals import abstains
from helpers.evaluation.routing import UNSURE
from helpers.models.language_model import Completion
from helpers.retrieval.bm25 import lexical_index
from helpers.systems.baselines import best_sentence
from helpers.systems.hybrid import ASK_BACK, CHAT, REFUSED, SAID, router_and_rag, routes_of
from helpers.systems.questions import long_context, retrieval_augmented
from helpers.systems.tools import write_table

MOST = 60  # characters: a line this long of a document is told from any other


class Echo:
    """The most talkative of models: it says all that it was shown."""

    fingerprint, tokenizer, window_tokens = "echo@1", None, 4000

    def chat(self, user, system=None, turns=()):
        return user

    def complete(self, prompts, max_new_tokens=48, schema=None):
        for at, prompt in enumerate(prompts):
            yield Completion(at, prompt, 1, 1, 0.0)


def says(route, name="router") -> Arm:
    return Arm(name, lambda asks: (Prediction(ask.id, route) for ask in asks), f"says {route}")


def silent(asks):
    return ()


def broken(asks):
    return (Prediction(ask.id, "tool", error="OSError") for ask in asks)


def alternating(asks):
    return (Prediction(ask.id, ROUTES[at % 4]) for at, ask in enumerate(asks))


ROUTERS = {
    **{route: says(route) for route in (*ROUTES, UNSURE, "nonsense")},
    "silent": Arm("silent", silent, "silent"),
    "broken": Arm("broken", broken, "broken"),
    "alternating": Arm("alternating", alternating, "alternating"),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("tools") / "tools.sqlite")


@pytest.fixture(scope="module")
def searches(documents):
    index = lexical_index(documents)
    return {
        "RAG": retrieval_augmented(Echo(), index, 5, retriever="bm25"),
        "long context": long_context(Echo(), index, documents, 1500),
        "best sentence": best_sentence(index),
    }


# --- each part ------------------------------------------------------------------------------------


def ask(text, groups=("staff", "support"), id="a"):
    return Ask(id, text, groups, TODAY)


@pytest.mark.parametrize("route, said", SAID.items())
def test_a_set_phrase_where_no_part_is_asked(searches, table, route, said):
    (one,) = router_and_rag(says(route), searches["RAG"], table)([ask("anything")])
    assert (one.text, one.context) == (said, ())


def test_the_search_answers_what_is_routed_to_it(searches, table):
    asks = [ask("may I work from abroad")]
    (one,) = router_and_rag(says("retrieve"), searches["RAG"], table)(asks)
    assert one == next(iter(searches["RAG"](asks)))
    assert one.context


def test_a_tool_answers_what_is_routed_to_it(searches, table):
    (one,) = router_and_rag(says("tool"), searches["RAG"], table)([ask("17 % of 250")])
    assert one.text == "17 % of 250 = 42.5"


def test_a_tool_that_fails_is_a_prediction_with_an_error(searches, tmp_path):
    hybrid = router_and_rag(says("tool"), searches["RAG"], tmp_path / "missing.sqlite")
    (one,) = hybrid([ask("order 4711?")])
    assert one.error.startswith("OperationalError")
    assert one.text


@pytest.mark.parametrize("router", ["nonsense", "silent", "broken"])
def test_what_gets_no_route_is_looked_up(router):
    assert routes_of(ROUTERS[router], [ask("x")]) == {"a": "retrieve"}


@pytest.mark.parametrize("router", ROUTERS)
def test_every_ask_is_answered_once(searches, table, router):
    asks = [ask(f"question {n}", id=str(n)) for n in range(8)]
    said = [one.id for one in router_and_rag(ROUTERS[router], searches["RAG"], table)(asks)]
    assert sorted(said) == [str(n) for n in range(8)]


def test_the_refusal_reads_as_one():
    assert abstains(REFUSED)


@pytest.mark.parametrize("text", [CHAT, ASK_BACK])
def test_the_other_phrases_do_not(text):
    assert not abstains(text)


def test_another_part_is_another_system(searches, table):
    names = {
        router_and_rag(says(route), search, table).fingerprint
        for route in ("tool", "retrieve")
        for search in searches.values()
    }
    assert len(names) == 6


def test_a_part_without_a_name_leaves_the_whole_without(searches, table):
    nameless = dataclasses.replace(searches["RAG"], fingerprint=None)
    assert router_and_rag(says("tool"), nameless, table).fingerprint is None


def test_other_orders_are_another_system(searches, table, tmp_path):
    other = write_table(tmp_path / "other.sqlite", load_orders()[:5])
    made = (router_and_rag(says("tool"), searches["RAG"], one) for one in (table, other))
    assert len({one.fingerprint for one in made}) == 2


# --- leaks: users x restricted x arms -------------------------------------------------------------

CUSTOMER = ("customers", f"{OWNER}ines-k")
USERS = {name: tuple(user["groups"]) for name, user in load_users().items()} | {
    "customer": CUSTOMER,
    "nobody": (),
}


@pytest.fixture(scope="module")
def restricted(documents):
    return [d for d in documents if not {"staff", "contractors"} & set(d.meta.audience)]


def probing(groups, restricted):
    """What a user asks about every restricted document, by its title and by its first headings; and
    about every order of somebody else's."""
    titles = [f"{d.meta.title}: what does it say?" for d in restricted]
    heads = [line.strip("# ") for d in restricted for line in d.text.split("\n")
             if line.startswith("##")][:8]  # fmt: skip
    orders = [f"what is the status of order {row['id']}" for row in load_orders()[::12]
              if not set(groups) & set(row["audience"])]  # fmt: skip
    texts = [*titles, *heads, *orders]
    return [Ask(str(at), text, groups, TODAY) for at, text in enumerate(texts)]


def leaked(arm, documents, groups):
    """Which documents and orders does the arm tell a user who may not know them?"""
    readable = {d.id for d in may_see(documents, groups, TODAY)}
    closed = [d for d in documents if d.id not in readable and d.effective_until is None]
    lines = {line: d.id for d in closed for line in d.text.split("\n") if len(line) >= MOST}
    open_lines = {line for d in documents if d.id in readable for line in d.text.split("\n")}
    lines = {line: id for line, id in lines.items() if line not in open_lines}
    found = set()
    for one in arm(probing(groups, [d for d in closed if d.id not in readable])):
        found |= {passage.doc for passage in one.context if passage.doc not in readable}
        found |= {id for line, id in lines.items() if line[:MOST] in one.text}
        if one.text.startswith("Order "):
            found.add(one.text[:10])
    return found


@pytest.mark.parametrize("search", ["RAG", "long context", "best sentence"])
@pytest.mark.parametrize("router", ["retrieve", "tool", "broken", "alternating"])
def test_no_user_is_told_what_they_may_not_know(documents, searches, table, router, search):
    hybrid = router_and_rag(ROUTERS[router], searches[search], table)
    told = {user: found for user, groups in USERS.items() if
            (found := leaked(hybrid, documents, groups))}  # fmt: skip
    assert told == {}


def test_the_probing_covers_documents_and_orders(documents, restricted):
    """For whom there is nothing to leak, nothing is tested."""
    assert len(restricted) >= 6
    assert sum("order" in one.input for one in probing(("staff",), restricted)) >= 15


@pytest.mark.parametrize("router", ["retrieve", "tool"])
def test_a_planted_leak_is_caught(documents, searches, table, router):
    """An arm that answers everybody as if they were in every group."""
    everything = sorted({g for d in documents for g in d.meta.audience} | {"support", "managers"})
    honest = router_and_rag(ROUTERS[router], searches["RAG"], table)
    careless = Arm(
        "careless",
        lambda asks: honest([dataclasses.replace(one, groups=tuple(everything)) for one in asks]),
    )
    assert leaked(careless, documents, ("contractors",))


def test_who_may_know_is_told(documents, searches, table, restricted):
    """Else an arm that says nothing would pass."""
    hybrid = router_and_rag(says("retrieve"), searches["RAG"], table)
    board = ("staff", "board", "managers", "finance", "people-ops")
    docs = {p.doc for one in hybrid(probing(board, restricted)) for p in one.context}
    assert {d.id for d in restricted} & docs
