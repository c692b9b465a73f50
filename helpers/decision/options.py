"""Between what do we choose? The kinds of request, and for each the options in the order in which
they are walked: what each rests on, and what each asks of its owners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOOKUPS, JUDGEMENTS, TONE, ACTIONS = "look-ups", "judgements", "house style", "actions"
KINDS: Mapping[str, str] = {
    LOOKUPS: "needs something that is in a document",
    JUDGEMENTS: "needs a judgement that examples teach: a label, a field, a form",
    TONE: "must keep a tone or house style, whatever it says",
    ACTIONS: "is answered by one row of a system, or by a tool",
}
RESPONSIBLE: Mapping[str, str] = {  # the kinds within a sentence
    LOOKUPS: "look-ups",
    JUDGEMENTS: "judgements",
    TONE: "the house style",
    ACTIONS: "what one row answers",
}


@dataclass(frozen=True, eq=False)
class Option:
    """One way to answer. `rests_on`: kind of request -> the name in `findings.NAMES` that says how
    often it is right there; a kind that is not named it cannot serve.

    usage: kind -> whose tokens and seconds an answer takes; a kind that is not named asks no
    language model. trained: weights of ours; own_rows: they learn from your texts or labels.
    version, test, roll_back: the governance it brings; risks: what goes wrong first.
    """

    name: str
    rests_on: Mapping[str, str]
    usage: Mapping[str, str]
    version: str
    test: str
    roll_back: str
    risks: tuple[str, ...]
    shows_text: bool = False  # is a text of yours shown, so that an answer can point to it?
    searches: bool = False
    trained: bool = False
    own_rows: bool = False
    labels: bool = False  # does it need labelled examples, as many as its evidence rests on?

    def __str__(self) -> str:
        return self.name


PEOPLE = Option(
    "a person",
    {},
    {},
    version="",
    test="",
    roll_back="",
    risks=(),
    shows_text=True,
)
QUERY = Option(
    "a query or a tool",
    {ACTIONS: "tool"},
    {},
    shows_text=True,
    version="the query and its parameters; the schema of the system it asks",
    test="a fixed set of rows at every change of the schema; what it says when the system is down",
    roll_back="the query of yesterday, at once",
    risks=(
        "a question that no single row answers is sent to it all the same",
        "a write that nobody confirmed",
    ),
)
SEARCH = Option(
    "search only",
    {LOOKUPS: "recall"},
    {},
    shows_text=True,
    searches=True,
    version="documents, index (embedder, chunker, dates, rights)",
    test="evidence among the first places; every user against every restricted document",
    roll_back="switch the index to yesterday's version, in one step",
    risks=("the place is shown, and nobody opens it", "rights that are checked after the search"),
)
PROMPT = Option(
    "prompt + schema",
    {LOOKUPS: "closed book", JUDGEMENTS: "prompt", TONE: "style, prompt"},
    {LOOKUPS: "closed book", JUDGEMENTS: "few-shot", TONE: "few-shot"},
    version="the prompt and its examples; the model's name and revision",
    test="a fixed set of cases at every change of a word, an example or the model",
    roll_back="the prompt of yesterday, at once",
    risks=(
        "it answers from memory what it does not know",
        "a new model reads the same prompt differently",
        "examples are paid for in every request",
    ),
)
RETRIEVED = Option(
    "retrieved examples",
    {JUDGEMENTS: "retrieved examples"},
    {JUDGEMENTS: "few-shot"},
    searches=True,
    labels=True,
    version="the labelled examples and their index; the prompt; the model",
    test="held-out cases that no example resembles; label rules; who may see which example",
    roll_back="the examples of yesterday, at once",
    risks=("a wrong label is copied to every case like it", "near neighbours with another answer"),
)
CLASSIFIER = Option(
    "a classifier without a language model",
    {JUDGEMENTS: "classifier"},
    {},
    labels=True,
    version="rows, labels and their rules; the embedder; the classifier's settings",
    test="held-out cases that no training row resembles; each label by itself",
    roll_back="the classifier of the last release, at once",
    risks=("a label that is new or rare is never given", "it cannot say why"),
)
LONG = Option(
    "long context",
    {LOOKUPS: "long context"},
    {LOOKUPS: "long context"},
    shows_text=True,
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
    {LOOKUPS: "RAG", ACTIONS: "RAG"},
    {LOOKUPS: "RAG", ACTIONS: "RAG"},
    shows_text=True,
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
IMPROVED = Option(
    "RAG with a better prompt, reranker or retriever",
    {LOOKUPS: "improved RAG"},
    {LOOKUPS: "improved RAG"},
    shows_text=True,
    searches=True,
    version="all that RAG versions, and the reranker's or retriever's weights",
    test="all that RAG tests, on questions that nothing was chosen on",
    roll_back="the parts of yesterday, one by one",
    risks=("chosen on few questions, it is better on those only", "a slower first word"),
)
READER = Option(
    "RAG + tuned reader",
    {LOOKUPS: "reader + RAG"},
    {LOOKUPS: "reader + RAG"},
    shows_text=True,
    searches=True,
    trained=True,
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
TUNE = Option(
    "fine-tune",
    {JUDGEMENTS: "tuned", TONE: "style, tuned"},
    {JUDGEMENTS: "tuned", TONE: "tuned"},
    trained=True,
    own_rows=True,
    labels=True,
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
# Facts in weights are shown (`findings.SHOWN`), and never recommended: they answer without a
# source, to everybody alike, and are wrong after the next change.
OPTIONS = (
    QUERY,
    SEARCH,
    PROMPT,
    RETRIEVED,
    CLASSIFIER,
    LONG,
    RAG,
    IMPROVED,
    READER,
    TUNE,
)
WALKS: Mapping[str, tuple[Option, ...]] = {
    kind: tuple(option for option in OPTIONS if kind in option.rests_on) for kind in KINDS
}
ORDER = {option: i for i, option in enumerate((PEOPLE, *OPTIONS))}
