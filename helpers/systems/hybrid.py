"""What if each request goes to the part that can answer it? Route first, then search, tool, refusal
or small talk: `router + RAG`.

    arm = router_and_rag(router_arm(router), retrieval_augmented(model, index))
    evaluate(arm, cases, QUESTIONS)

Whoever asks stays who they are: every part is given the ask with its groups and its day, so a wrong
route can cost an answer and never opens a document, an order or a ticket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from helpers.core.cases import Arm, Ask, Prediction
from helpers.core.fingerprint import code_of
from helpers.evaluation.routing import UNSURE
from helpers.systems.questions import fingerprint
from helpers.systems.tools import default_table, table_digest, use_tool

# What the code says where no model is asked. The refusal reads as one to `abstains`.
REFUSED = "I can't help with that. Ask about a rule, a product, an order or a date instead."
CHAT = "Hello! Ask me about our handbook, an order, a ticket, a calculation or a date."
ASK_BACK = (
    "I am not sure what you mean. Is it a rule or product to look up, the status of one order or"
    " ticket, a calculation, or a date?"
)
SAID = {"refuse": REFUSED, "small talk": CHAT, UNSURE: ASK_BACK}


def router_and_rag(
    router: Arm, search: Arm, table: Path | None = None, name: str = "router + RAG"
) -> Arm:
    """Route each ask, then answer it: by `search` (any arm that answers from documents), by a tool
    on `table` (see `use_tool`), or with a set phrase.

    What gets no route, because the router failed or said something else, goes to the search: there
    access is a condition of the query. Yields one prediction an ask, with an error where a tool or
    the search has one.
    """
    table = table or default_table()

    def answer(asks: Sequence[Ask]) -> Iterator[Prediction]:
        routes = routes_of(router, asks)
        for ask in asks:
            if routes[ask.id] == "tool":
                found = use_tool(ask, table)
                yield Prediction(ask.id, found.text, error=found.error)
            elif routes[ask.id] in SAID:
                yield Prediction(ask.id, SAID[routes[ask.id]])
        looked_up = [ask for ask in asks if routes[ask.id] == "retrieve"]
        if looked_up:
            yield from search(looked_up)

    parts = (router.fingerprint, search.fingerprint, table_digest(table), code_of("data/orders"))
    known = None not in parts  # a part that cannot be named runs again each time
    return Arm(name, answer, fingerprint(name, *parts) if known else None)


def routes_of(router: Arm, asks: Sequence[Ask]) -> dict[str, str]:
    """ask id -> route; "retrieve" for what the router left out, failed on or called otherwise."""
    said = {one.id: one.text for one in router(asks) if one.error is None}
    routes = {ask.id: said.get(ask.id) for ask in asks}
    return {id: route if route in ("tool", *SAID) else "retrieve" for id, route in routes.items()}
