"""Which systems do we compare? Each is an `Arm`: shown the asks, it yields predictions. Write your
own in a few lines.

    def shout(asks):
        for ask in asks:
            yield Prediction(ask.id, ask.input.upper())

    evaluate(Arm("shout", shout), cases, QUESTIONS)
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence

from helpers.core.cases import Arm, Ask, Case, Evidence, Passage, Prediction
from helpers.core.fingerprint import code_of
from helpers.data.handbook import Document
from helpers.models.language_model import LanguageModel
from helpers.retrieval.chunking import Chunk
from helpers.retrieval.retriever import Retriever
from helpers.retrieval.sentences import header_line
from helpers.systems import prompts
from helpers.systems.citations import cite, unwrapped
from helpers.systems.prompts import BASE, PromptStyle, question_prompt


def answer_questions(
    model: LanguageModel,
    asks: Sequence[Ask],
    contexts: Sequence[Sequence[Passage]],
    style: PromptStyle = BASE,
    asked_by: Mapping[str, str] | None = None,
) -> Iterator[Prediction]:
    """Answer every ask from its own passages (none = from memory alone); predictions come batch by
    batch. asked_by: ask id -> the line that says who asks, for a style that shows it."""
    who = asked_by or {}
    prompts = [
        question_prompt(model, ask.input, context, style, who.get(ask.id, ""))
        for ask, context in zip(asks, contexts, strict=True)
    ]
    # one grammar a row: only what stands in its own passages can be written
    texts = ["\n".join(p.text for p in context) for context in contexts]
    only = {"quotes": texts} if style.quotes else {}
    for done in model.complete(prompts, style.max_new_tokens, style.schema, **only):
        context, text = (
            tuple(contexts[done.index]),
            done.text if style.schema is None else unwrapped(done.text),
        )
        yield Prediction(
            asks[done.index].id,
            text,
            context,
            cite(text, context),
            done.tokens_in,
            done.tokens_out,
            done.seconds,
        )


# A change in one of these folders is another system: its cached answers do not count any more.
SHAPING = ("models", "retrieval", "training/adapters", "systems")
# passages looked through for whole documents or distractors: far more than a prompt will hold
NEAREST = 64
Contexts = Mapping[str, Sequence[Passage]]  # ask id -> the passages that its prompt will show


def fingerprint(*parts: object) -> str:
    """A name for everything that shapes an arm's answers: the parts given, and the code of the
    systems."""
    return hashlib.sha256(repr((code_of(*SHAPING), parts)).encode()).hexdigest()[:16]


def closed_book(
    model: LanguageModel, name: str = "closed book", style: prompts.PromptStyle = prompts.BASE
) -> Arm:
    """The model alone: what does it know without being shown anything?"""

    def answer(asks: Sequence[Ask]):
        return answer_questions(model, asks, [()] * len(asks), style)

    return Arm(name, answer, fingerprint(model.fingerprint, style))


def retrieval_augmented(
    model: LanguageModel,
    index: Retriever,
    top_k: int = 3,
    name: str = "RAG",
    style: prompts.PromptStyle = prompts.BASE,
    retriever: str = "dense",
    min_score: float | None = None,
    budget_tokens: int | None = None,
    asked_by: Mapping[str, str] | None = None,
) -> Arm:
    """The model with the top_k passages that the index finds for the question, the user and the
    day.

    With a tuned generator this is the hybrid: `retrieval_augmented(tuned_generator, index,
    name="tuned + RAG")`. min_score: refuse, without asking the model, when the best passage scores
    less (choose it on dev; scores depend on the retriever). budget_tokens: show only the passages,
    from the best on, that a prompt of so many tokens holds. asked_by: see `answer_questions`.
    """

    def answer(asks: Sequence[Ask]):
        contexts = dict(
            zip((ask.id for ask in asks), index.search_all(asks, top_k, retriever), strict=True)
        )
        weak = [
            id
            for id, found in contexts.items()
            if min_score is not None and (not found or found[0].score < min_score)
        ]
        yield from (Prediction(id, prompts.REFUSAL, tuple(contexts[id])) for id in weak)
        strong = [ask for ask in asks if ask.id not in weak]
        if budget_tokens:
            contexts |= {
                ask.id: prompts.fit_to_budget(
                    model, ask.input, contexts[ask.id], budget_tokens, style
                )
                for ask in strong
            }
        shown = [contexts[ask.id] for ask in strong]
        yield from answer_questions(model, strong, shown, style, asked_by)

    how = (top_k, style, retriever, min_score, budget_tokens, sorted((asked_by or {}).items()))
    return Arm(name, answer, fingerprint(model.fingerprint, index.name, *how))


def oracle(
    model: LanguageModel,
    contexts: Contexts,
    name: str = "oracle context",
    style: prompts.PromptStyle = prompts.BASE,
    asked_by: Mapping[str, str] | None = None,
) -> Arm:
    """The model with the right passages put into its hands (ask id -> passages): how well does it
    read? asked_by: see `answer_questions`."""

    def answer(asks: Sequence[Ask]):
        shown = [contexts.get(ask.id, ()) for ask in asks]
        return answer_questions(model, asks, shown, style, asked_by)

    how = (sorted(contexts.items()), style, sorted((asked_by or {}).items()))
    return Arm(name, answer, fingerprint(model.fingerprint, *how))


def long_context(
    model: LanguageModel,
    index: Retriever,
    documents: Sequence[Document],
    budget_tokens: int = 2000,
    name: str = "long context",
    style: prompts.PromptStyle = prompts.BASE,
) -> Arm:
    """The model with whole documents, those with the best passages first, as many as a prompt of
    budget_tokens holds.

    Never more than the model's window less the answer. If not even the first fits, its beginning is
    shown. The search chooses, so no user is shown what they may not read. Raises ValueError when
    the index knows a document that is not among `documents`.
    """
    by_id = {document.id: document for document in documents}
    window_tokens = model.window_tokens or budget_tokens + style.max_new_tokens
    limit_tokens = min(budget_tokens, window_tokens - style.max_new_tokens)

    def whole(found: Passage) -> Passage:
        if found.doc not in by_id:
            raise ValueError(
                f"the index holds '{found.doc}', which is not among the documents; build the index"
                " from these documents"
            )
        text, title = by_id[found.doc].text, by_id[found.doc].title
        return Passage(found.doc, title, 0, len(text), text, found.score)

    def answer(asks: Sequence[Ask]):
        contexts = []
        nearest = dict(zip((ask.id for ask in asks), index.search_all(asks, NEAREST), strict=True))
        for ask in asks:
            best: dict[str, Passage] = {}
            for found in nearest[ask.id]:
                best.setdefault(found.doc, found)
            contexts.append(
                prompts.fit_to_budget(
                    model,
                    ask.input,
                    [whole(found) for found in best.values()],
                    limit_tokens,
                    style,
                )
            )
        return answer_questions(model, asks, contexts, style)

    texts = sorted((document.id, document.text) for document in documents)
    return Arm(
        name, answer, fingerprint(model.fingerprint, index.name, texts, budget_tokens, style)
    )


def evidence_contexts(cases: Sequence[Case], chunks: Sequence[Chunk]) -> Contexts:
    """For every case, the chunks that hold its evidence best (one per quote): the context a perfect
    retriever would give."""
    by_doc: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_doc.setdefault(chunk.document.id, []).append(chunk)

    def best(evidence) -> Passage:
        chunk = max(
            by_doc[evidence.doc],
            key=lambda c: min(c.end, evidence.end) - max(c.start, evidence.start),
        )
        # a quote cut in two is made whole
        start, end = min(chunk.start, evidence.start), max(chunk.end, evidence.end)
        return Passage(
            chunk.document.id,
            chunk.titled(chunk.document.title),
            start,
            end,
            chunk.document.text[start:end],
        )

    return {
        case.id: tuple(dict.fromkeys(best(e) for e in case.gold.evidence))
        for case in cases
        if case.gold.evidence
    }


def evidence_chunks(cases: Sequence[Case], chunks: Sequence[Chunk]) -> Contexts:
    """For every case, the whole chunks of an index that hold its evidence, as the search would hand
    them out: for each quote the first chunk that holds all of it, else every chunk that holds a
    part which no earlier one holds. Unlike `evidence_contexts`, nothing is joined or made longer.
    """
    by_doc: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_doc.setdefault(chunk.document.id, []).append(chunk)

    def holding(evidence: Evidence) -> list[Chunk]:
        parts, held = [], evidence.start
        for chunk in by_doc[evidence.doc]:
            if chunk.start <= evidence.start and evidence.end <= chunk.end:
                return [chunk]
            if chunk.start < evidence.end and chunk.end > held:
                parts.append(chunk)
                held = chunk.end
        return parts

    return {
        case.id: tuple(
            dict.fromkeys(
                Passage(c.document.id, c.titled(c.document.title), c.start, c.end, c.text)
                for one in case.gold.evidence
                for c in holding(one)
            )
        )
        for case in cases
        if case.gold.evidence
    }


def quotes_alone(cases: Sequence[Case], documents: Sequence[Document]) -> Contexts:
    """For every case, the sentences of its evidence and nothing beside them, each under its header
    line: what is left to read when the search has done everything."""
    by_id = {document.id: document for document in documents}
    return {
        case.id: tuple(
            Passage(e.doc, header_line(by_id[e.doc], e.start), e.start, e.end, e.quote)
            for e in case.gold.evidence
        )
        for case in cases
        if case.gold.evidence
    }


def with_distractors(
    cases: Sequence[Case], contexts: Contexts, index: Retriever, k: int, seed: int = 0
) -> Contexts:
    """The same contexts with k passages more that are near the question and beside the point, in an
    order that the seed shuffles.

    Distractors are the best passages found for the ask (same access, same day) that hold no
    character of the case's evidence. Give the result to `oracle`, with a name such as "oracle + 2
    distractors". Raises ValueError when a case has fewer than k.
    """
    mixed = {}
    for case in (case for case in cases if case.id in contexts):
        found = index.search(case.ask.input, case.ask.groups, case.ask.as_of, k + NEAREST)
        beside = [
            p
            for p in found
            if not any(
                p.doc == e.doc and p.start < e.end and e.start < p.end for e in case.gold.evidence
            )
        ]
        if len(beside) < k:
            raise ValueError(
                f"case {case.id}: only {len(beside)} passages without its evidence are there for"
                f" this user; k is {k}"
            )
        shown = beside[:k]
        # of its own, so that a case is shuffled alike in every selection of cases
        dice = random.Random(f"{seed} {case.id}")
        for passage in contexts[case.id]:
            shown.insert(dice.randint(0, len(shown)), passage)
        mixed[case.id] = tuple(shown)
    return mixed
