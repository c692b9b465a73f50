"""The same systems with a model behind an endpoint: the very words of `rag` and `labelled_arms`,
sent as chat messages. Such a model cannot be tuned here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from helpers.core.cases import Arm, Ask, Passage, Prediction
from helpers.data.handbook import Document
from helpers.models.endpoint import Endpoint
from helpers.systems import citations, prompts
from helpers.systems.labelled import Pairs
from helpers.systems.questions import NEAREST, Contexts, fingerprint


def _questions(
    name: str,
    endpoint: Endpoint,
    shown: Callable[[Sequence[Ask]], Sequence[Sequence[Passage]]],
    style: prompts.PromptStyle,
    *parts: object,
) -> Arm:
    def answer(asks: Sequence[Ask]):
        for ask, context in zip(asks, shown(asks), strict=True):
            words = (
                style.with_passages.format(
                    passages=prompts.number_passages(context), question=ask.input
                )
                if context
                else style.alone.format(question=ask.input)
            )
            said = endpoint.say([{"role": "user", "content": words}], style.max_new_tokens)
            yield Prediction(
                ask.id,
                said.text,
                tuple(context),
                citations.cite(said.text, context),
                said.tokens_in,
                said.tokens_out,
                said.seconds,
            )

    return Arm(name, answer, fingerprint(endpoint.fingerprint, style, *parts))


def closed_book(endpoint: Endpoint, style: prompts.PromptStyle = prompts.BASE) -> Arm:
    """The model alone."""
    return _questions("closed book", endpoint, lambda asks: [()] * len(asks), style)


def retrieval_augmented(
    endpoint: Endpoint,
    index: Any,
    top_k: int = 3,
    retriever: str = "dense",
    style: prompts.PromptStyle = prompts.BASE,
) -> Arm:
    """The model with the passages that the index finds for the question, the asker and the day."""
    return _questions(
        "RAG",
        endpoint,
        lambda asks: index.search_all(asks, top_k, retriever),
        style,
        index.name,
        top_k,
        retriever,
    )


def oracle(
    endpoint: Endpoint, contexts: Contexts, style: prompts.PromptStyle = prompts.BASE
) -> Arm:
    """The model with the right passages put into its hands."""
    return _questions(
        "oracle context",
        endpoint,
        lambda asks: [contexts.get(ask.id, ()) for ask in asks],
        style,
        sorted(contexts.items()),
    )


def long_context(
    endpoint: Endpoint,
    index: Any,
    documents: Sequence[Document],
    budget_chars: int,
    style: prompts.PromptStyle = prompts.BASE,
) -> Arm:
    """The model with whole documents, those with the best passages first, as many as the budget
    holds; of the first at least its beginning."""
    by_id = {document.id: document for document in documents}

    def shown(asks: Sequence[Ask]) -> list[list[Passage]]:
        contexts = []
        for found in index.search_all(asks, NEAREST):
            context, left = [], budget_chars
            for id in dict.fromkeys(passage.doc for passage in found):
                text = by_id[id].text if context else by_id[id].text[:left]
                if len(text) > left:
                    break
                context.append(Passage(id, by_id[id].title, 0, len(text), text))
                left -= len(text)
            contexts.append(context)
        return contexts

    return _questions("long context", endpoint, shown, style, index.name, budget_chars)


def labelled(
    name: str, endpoint: Endpoint, instruction: str, examples: Pairs = (), max_new_tokens: int = 64
) -> Arm:
    """An instruction, perhaps examples as earlier turns, the input."""
    turns = [
        message
        for said, answered in examples
        for message in (
            {"role": "user", "content": said},
            {"role": "assistant", "content": answered},
        )
    ]

    def answer(asks: Sequence[Ask]):
        for ask in asks:
            said = endpoint.say(
                [
                    {"role": "system", "content": instruction},
                    *turns,
                    {"role": "user", "content": ask.input},
                ],
                max_new_tokens,
            )
            yield Prediction(
                ask.id,
                said.text,
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
                seconds=said.seconds,
            )

    return Arm(
        name, answer, fingerprint(endpoint.fingerprint, instruction, list(examples), max_new_tokens)
    )
