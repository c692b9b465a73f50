"""How is a small model asked so that it reads as well as it can? One passage at a time; and it does
not write its answer, it chooses one of the pieces that stand there.

    arm = best_span(model, search, top_k=3, how=Choice(), asked_by=asked)
    evaluate(arm, cases, QUESTIONS)

A model that reads three passages at once mixes them up. Read alone, each is the right passage or
none, and the answers can be compared: how much more probable does this passage make this answer
than it was without any passage, and than "I don't know"? Every answer is a quote with its passage,
and how sure the system must be is a number (`Choice.threshold`), not a habit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from helpers.core.cases import Arm, Ask, Case, Citation, Passage, Prediction
from helpers.data.askers import Asker
from helpers.models.generate import UNKNOWN
from helpers.models.likelihood import Likelihood, likelihoods
from helpers.models.load import Generator
from helpers.retrieval.context import REGIONS, day
from helpers.retrieval.retriever import Retriever
from helpers.retrieval.sentence_search import SentenceSearch
from helpers.systems import prompts
from helpers.systems.citations import sentences
from helpers.systems.prompts import WHO_ASKS, PromptStyle, question_prompt
from helpers.systems.questions import Contexts, fingerprint
from helpers.systems.spans import candidates

ALL = 1_000  # more windows than any chunk has


def asked_by(asker: Asker, ask: Ask) -> str:
    """The line that tells a model who asks and when. Example: "Asked by: Support agent, Lindenrode
    (Germany), on 2 March 2026"."""
    where = f" ({REGIONS[asker.region]})" if asker.region in REGIONS else ""
    when = f", on {day(ask.as_of)}" if ask.as_of else ""
    return f"Asked by: {asker.title}{where}{when}"


def who_asks(asks: Iterable[Ask], askers: Mapping[str, Asker]) -> dict[str, str]:
    """Ask id -> its line (see `asked_by`), for the asks whose asker is known."""
    return {ask.id: asked_by(askers[ask.id], ask) for ask in asks if ask.id in askers}


@dataclass(frozen=True)
class SpanRead:
    """A candidate in its passage: the mean log-probability of a token of it after the passage
    (`given`) and without one (`alone`), and that of the refusal after the same passage."""

    text: str
    number: int  # of the passage, from 1
    given: float
    alone: float
    refusal: float
    search: float  # the passage's score


@dataclass(frozen=True)
class Choice:
    """What makes a candidate the answer: its probability, less what the model would say anyway,
    less the refusal's, plus the search's opinion of the passage. Weights are chosen on dev."""

    alone: float = 0.5
    refusal: float = 0.5
    search: float = 1.0
    threshold: float = float("-inf")

    def value(self, span: SpanRead) -> float:
        return (
            span.given
            - self.alone * span.alone
            - self.refusal * span.refusal
            + self.search * span.search
        )

    def best(self, spans: Sequence[SpanRead]) -> SpanRead | None:
        """The most valuable candidate, of equals the first; None where none reaches the
        threshold."""
        best = max(spans, key=self.value, default=None)
        return best if best and self.value(best) >= self.threshold else None


# Chosen on dev (labs_data/build/asking.py): what the window reader thinks of a candidate needs no
# correction; of what can be answered, 15 % may be refused.
CHOSEN = Choice(alone=0.0, refusal=0.0, search=0.0, threshold=-0.45)


def read_spans(
    model: Generator,
    ask: Ask,
    passages: Sequence[Passage],
    style: PromptStyle = WHO_ASKS,
    asker: str = "",
    alone: bool = True,
) -> tuple[list[SpanRead], int, float]:
    """Every candidate of every passage, each passage read alone; how many tokens were read; and the
    seconds it took.

    alone: also ask without a passage (else `SpanRead.alone` is 0).
    """
    found, tokens, seconds = [], 0, 0.0
    asked = [question_prompt(model, ask.input, [one], style, asker) for one in passages]
    # what the prompts of one question begin with, the question itself included, is read once
    shared = asked[0].partition("[1] ")[0] if asked else ""
    for number, (prompt, passage) in enumerate(zip(asked, passages, strict=True), start=1):
        spans = candidates(passage.text)
        *given, refusal = likelihoods(model, prompt, [*spans, UNKNOWN], shared)
        tokens += _read(model, prompt, [*given, refusal])
        seconds += sum(one.seconds for one in [*given, refusal])
        found += [
            SpanRead(span, number, one.mean, 0.0, refusal.mean, passage.score or 0.0)
            for span, one in zip(spans, given, strict=True)
        ]
    if not alone or not found:
        return found, tokens, seconds
    texts = list(dict.fromkeys(one.text for one in found))
    prompt = question_prompt(model, ask.input, (), style)
    before = likelihoods(model, prompt, texts, shared=prompt.split("\n\n")[0])
    means = dict(zip(texts, (one.mean for one in before), strict=True))
    known = [SpanRead(**asdict(one) | {"alone": means[one.text]}) for one in found]
    seconds += sum(one.seconds for one in before)
    return known, tokens + _read(model, prompt, before), seconds


def _read(model: Generator, prompt: str, answers: Sequence[Likelihood]) -> int:
    prompt_tokens = len(model.tokenizer(prompt, add_special_tokens=False)["input_ids"])
    return prompt_tokens + sum(one.tokens - 1 for one in answers)


def best_span(
    model: Generator,
    retriever: Retriever,
    top_k: int = 3,
    how: Choice | None = None,
    name: str = "RAG by spans",
    style: PromptStyle = WHO_ASKS,
    asked_by: Mapping[str, str] | None = None,
) -> Arm:
    """Search, read each passage alone, and quote the best candidate of all, or refuse.

    The citation is the passage that the answer stands in. asked_by: ask id -> the line that says
    who asks. Needs weights on this machine: a server tells no probabilities of given answers.
    """
    how, who = how or Choice(), asked_by or {}

    def answer(asks: Sequence[Ask]):
        shown = retriever.search_all(asks, top_k)
        return quote_spans(model, asks, shown, how, style, who)

    parts = (model.fingerprint, retriever.name, top_k, how, style, sorted(who.items()))
    return Arm(name, answer, fingerprint(*parts))


def oracle_span(
    model: Generator,
    contexts: Contexts,
    how: Choice | None = None,
    name: str = "by spans",
    style: PromptStyle = WHO_ASKS,
    asked_by: Mapping[str, str] | None = None,
) -> Arm:
    """The same with the right passages put into its hands (ask id -> passages), as
    `questions.oracle`."""
    how, who = how or Choice(), asked_by or {}

    def answer(asks: Sequence[Ask]):
        shown = [contexts.get(ask.id, ()) for ask in asks]
        return quote_spans(model, asks, shown, how, style, who)

    parts = (model.fingerprint, sorted(contexts.items()), how, style, sorted(who.items()))
    return Arm(name, answer, fingerprint(*parts))


def quote_spans(
    model: Generator,
    asks: Sequence[Ask],
    contexts: Sequence[Sequence[Passage]],
    how: Choice,
    style: PromptStyle,
    asked_by: Mapping[str, str],
) -> Iterator[Prediction]:
    """For every ask the best candidate of its passages with its place, or the refusal."""
    for ask, passages in zip(asks, contexts, strict=True):
        spans, tokens, seconds = read_spans(
            model, ask, passages, style, asked_by.get(ask.id, ""), how.alone != 0
        )
        said = how.best(spans)
        text = said.text if said else prompts.REFUSAL
        yield Prediction(ask.id, text, tuple(passages), cited(said, passages), tokens, 0, seconds)


def windows_of(
    search: SentenceSearch, cases: Sequence[Case], chunks: Mapping[str, Sequence[Passage]]
) -> dict[str, tuple[Passage, ...]]:
    """For every case the windows of these chunks of its own (case id -> chunks of the search's
    index), as the search shows the windows of chunks that it found."""
    row_of = {
        (meta["doc"], meta["start"]): row for row, meta in enumerate(search.index.rows.metadatas)
    }
    mine = [case for case in cases if case.id in chunks]
    vectors = search.embed([case.ask.input for case in mine]) if mine else []
    return {
        case.id: tuple(
            search.windows({row_of[p.doc, p.start]: 1.0 for p in chunks[case.id]}, vector, ALL)
        )
        for case, vector in zip(mine, vectors, strict=True)
    }


def cited(said: SpanRead | None, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passage that a chosen span stands in, and its sentence there. The code knows both; no
    model has to say them."""
    if said is None:
        return ()
    passage = passages[said.number - 1]
    quote = next((s for s in sentences(passage.text) if said.text in s), said.text)
    return (Citation(said.number, passage.doc, quote, "model"),)
