"""Between what do we choose? The options, in the order in which the framework walks them: what each
rests on, and what each asks of its owners."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Option:
    """One way to answer. `lookups`, `judgements`: the names in `findings.NAMES` that say how often
    it is right on each kind of request.

    Untrained options judge with examples in the prompt; trained ones have the examples in their
    weights. version, test, roll_back: the governance it brings; risks: what goes wrong first.
    """

    name: str
    lookups: str
    judgements: str
    shows_text: bool  # is a text of yours in the prompt, so that an answer can point to it?
    trained: bool
    facts_in_weights: bool
    searches: bool
    version: str
    test: str
    roll_back: str
    risks: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


PROMPT = Option(
    "prompt only",
    "closed book",
    "prompt",
    shows_text=False,
    trained=False,
    facts_in_weights=False,
    searches=False,
    version="the prompt and its examples; the model's name and revision",
    test="a fixed set of cases at every change of a word, an example or the model",
    roll_back="the prompt of yesterday, at once",
    risks=(
        "it answers from memory what it does not know",
        "a new model reads the same prompt differently",
        "examples are paid for in every request",
    ),
)
LONG = Option(
    "long context",
    "long context",
    "prompt",
    shows_text=True,
    trained=False,
    facts_in_weights=False,
    searches=False,
    version="the documents and their order; the prompt; the model",
    test=(
        "cases whose evidence stands at the beginning, in the middle and at the end; rights of"
        " every user"
    ),
    roll_back="the documents of yesterday, at once",
    risks=(
        "all that is in the prompt can be said aloud",
        "the right sentence is overlooked among many",
        "cost and waiting grow with every document",
    ),
)
RAG = Option(
    "RAG",
    "RAG",
    "prompt",
    shows_text=True,
    trained=False,
    facts_in_weights=False,
    searches=True,
    version="documents, index (embedder, chunker, dates, rights), prompt, model",
    test=(
        "evidence found; answers right with and without it; refusals; every user against every"
        " restricted document; a question after each sync"
    ),
    roll_back="switch the index to yesterday's version, in one step",
    risks=(
        "the search misses, and the model answers all the same",
        "a stale or poisoned page is believed",
        "rights that are checked after the search leak or starve",
    ),
)
TUNE = Option(
    "fine-tune",
    "facts adapter",
    "tuned",
    shows_text=False,
    trained=True,
    facts_in_weights=True,
    searches=False,
    version=(
        "rows, labels and their rules, schema, base weights, settings, seed: the adapter's data"
        " card"
    ),
    test=(
        "held-out cases that no training row resembles; what the base could do before; refusals;"
        " rows that must not be recalled"
    ),
    roll_back=(
        "the adapter of the last release; a fact that must go needs a new training without it"
    ),
    risks=(
        "it answers confidently from what was true at training",
        "it forgets to refuse",
        "rows can be drawn out of the weights",
        "a new base model makes the adapter worthless",
    ),
)
READER = Option(
    "RAG + tuned reader",
    "reader + RAG",
    "tuned",
    shows_text=True,
    trained=True,
    facts_in_weights=False,
    searches=True,
    version=(
        "all that RAG versions, and the adapter's data card; which adapter goes with which index"
        " and prompt"
    ),
    test=(
        "all that RAG tests, with documents the reader was not trained on; the same cases with"
        " evidence removed; label rules"
    ),
    roll_back="index and adapter each by themselves: test the pairs that can meet",
    risks=(
        "two releases that must fit each other",
        "what the search loses no reader wins back",
        "a new base model needs a new adapter",
    ),
)
ROUTER = Option(
    "router + RAG",
    "router",
    "router",
    shows_text=True,
    trained=True,
    facts_in_weights=False,
    searches=True,
    version="all that the hybrid versions, and the router",
    test="what is sent where, and what a wrong turn costs",
    roll_back="everything to one arm",
    risks=(
        (
            "its evidence comes in a later release of this workbook: it is shown, and never"
            " recommended"
        ),
    ),
)
PEOPLE = Option(
    "a person answers",
    "",
    "",
    shows_text=True,
    trained=False,
    facts_in_weights=False,
    searches=False,
    version="",
    test="",
    roll_back="",
    risks=(),
)
OPTIONS = (PROMPT, LONG, RAG, TUNE, READER, ROUTER)
WALK = (PEOPLE, *OPTIONS)  # from the simplest on; where two are as good, the simpler one is taken
ORDER = {option: i for i, option in enumerate(WALK)}
