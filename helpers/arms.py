"""Which systems do we compare? Each is an `Arm`: shown the asks, it yields predictions. Write your own in a few lines.

    def shout(asks):
        for ask in asks:
            yield Prediction(ask.id, ask.input.upper())

    evaluate(Arm("shout", shout), cases, QUESTIONS)
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from helpers import format_task, rag
from helpers.cases import Arm, Ask, Case, Passage, Prediction
from helpers.chunking import Chunk
from helpers.generate import complete
from helpers.index import Index
from helpers.models import Generator

# Code that shapes answers: a change in one of these files is another system, so results kept from before do not count.
SHAPING = ("arms", "rag", "format_task", "generate", "index", "chunking", "models")


@functools.cache
def _code() -> str:
    files = (Path(__file__).with_name(f"{name}.py") for name in SHAPING)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def fingerprint(*parts: object) -> str:
    """A name for everything that shapes an arm's answers: the parts given, and the code of the systems."""
    return hashlib.sha256(repr((_code(), parts)).encode()).hexdigest()[:16]


def closed_book(generator: Generator) -> Arm:
    """The model alone: what does it know without being shown anything?"""

    def answer(asks: Sequence[Ask]):
        return rag.answer_questions(generator, asks, [()] * len(asks), "closed book")

    return Arm("closed book", answer, fingerprint(generator.fingerprint))


def retrieval_augmented(generator: Generator, index: Index, top_k: int = 3, name: str = "RAG") -> Arm:
    """The model with the top_k passages that the index finds for the question, the asker and the day."""

    def answer(asks: Sequence[Ask]):
        contexts = [index.search(ask.input, ask.groups, ask.as_of, top_k) for ask in asks]
        return rag.answer_questions(generator, asks, contexts, name)

    return Arm(name, answer, fingerprint(generator.fingerprint, index.name, top_k))


def oracle(generator: Generator, contexts: Mapping[str, Sequence[Passage]]) -> Arm:
    """The model with the right passages put into its hands (ask id -> passages): how well does it read?"""

    def answer(asks: Sequence[Ask]):
        return rag.answer_questions(generator, asks, [contexts.get(ask.id, ()) for ask in asks], "oracle context")

    return Arm("oracle context", answer, fingerprint(generator.fingerprint, sorted(contexts.items())))


def evidence_contexts(cases: Sequence[Case], chunks: Sequence[Chunk]) -> dict[str, tuple[Passage, ...]]:
    """For every case, the chunks that hold its evidence best (one per quote): the context a perfect retriever would give."""
    by_doc: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_doc.setdefault(chunk.document.id, []).append(chunk)

    def best(evidence) -> Passage:
        chunk = max(by_doc[evidence.doc], key=lambda c: min(c.end, evidence.end) - max(c.start, evidence.start))
        start, end = min(chunk.start, evidence.start), max(chunk.end, evidence.end)  # a quote cut in two is made whole
        return Passage(chunk.document.id, chunk.document.title, start, end, chunk.document.text[start:end])

    return {case.id: tuple(dict.fromkeys(best(e) for e in case.gold.evidence)) for case in cases if case.gold.evidence}


def _tickets(name: str, generator: Generator, prompt: Callable[[str], str], *parts: object) -> Arm:
    def answer(asks: Sequence[Ask]):
        for done in complete(generator, [prompt(ask.input) for ask in asks], progress=name):
            yield Prediction(asks[done.index].id, done.text, tokens_in=done.tokens_in, tokens_out=done.tokens_out, seconds=done.seconds)

    return Arm(name, answer, fingerprint(generator.fingerprint, *parts))


def zero_shot(generator: Generator) -> Arm:
    """Tickets: the schema in words, no example."""
    return _tickets("zero-shot", generator, lambda text: format_task.zero_shot_prompt(generator, text))


def few_shot(generator: Generator, examples: Sequence[Case]) -> Arm:
    """Tickets: the schema in words and labelled examples in the prompt."""
    shown = [(case.ask.input, case.gold.output) for case in examples]
    return _tickets("few-shot", generator, lambda text: format_task.few_shot_prompt(generator, text, examples), shown)


def tuned(generator: Generator) -> Arm:
    """Tickets: a model with the format adapter, and a prompt of three words."""
    return _tickets("tuned", generator, lambda text: format_task.tuned_prompt(generator, text))
