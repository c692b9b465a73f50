"""Checks of notebook 02, build a RAG pipeline."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from helpers.core.cases import Citation, Passage
from helpers.exercises import Exercise, attempted

BASELINE_FOUND = 38  # of the dev questions, by the notebook's index (a test counts again)


def recall(answer: object) -> str:
    """02.1: the share of questions whose evidence is among the first k passages."""
    assert callable(answer), (
        f"Expected a function recall_at_k(ranks, k); got {type(answer).__name__}."
    )
    ranks = [1, 3, None, 2]  # rank of the right passage; None: not found at all
    for k, right in ((1, 0.25), (2, 0.5), (3, 0.75), (5, 0.75)):
        got = attempted(answer(ranks, k))
        hint = " A rank of None means: not found." if k == 5 else ""
        assert abs(float(got) - right) < 1e-9, (
            f"For ranks {ranks} and k = {k} expected {right}; got {got}.{hint}"
        )
    assert answer([], 3) == 0, "With no questions at all, expected 0, not an error."
    return (
        "Recall can only grow with k. The cost is tokens and distraction: see"
        " 'More passages?' below."
    )


def _good(question: str, passages: list[Passage]) -> str:
    return "Context:\n" + "\n".join(p.text for p in passages) + f"\n\nQuestion: {question}"


def _forgets(question: str, passages: list[Passage]) -> str:
    context = "\n".join(p.text for p in passages)  # built with care, and never used
    return f"Context:\n{{context}}\n\nQuestion: {question}" if context else question


def _first_only(question: str, passages: list[Passage]) -> str:
    return f"Context:\n{passages[0].text}\n\nQuestion: {question}"


def _titles_only(question: str, passages: list[Passage]) -> str:
    return "Context:\n" + "\n".join(p.title for p in passages) + f"\n\nQuestion: {question}"


def context_check(answer: object) -> str:
    """02.2: a check that tells whether a prompt builder passes on every passage."""
    assert callable(answer), (
        "Expected a function sees_context(build_prompt) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    builders: tuple[tuple[str, Callable, bool], ...] = (
        ("a correct builder", _good, True),
        ("a builder that forgets to fill in {context}", _forgets, False),
        ("a builder that passes on only the first passage", _first_only, False),
        ("a builder that passes on titles instead of texts", _titles_only, False),
    )
    for name, builder, right in builders:
        got = attempted(answer(builder))
        assert bool(got) is right, f"For {name} expected {right}; got {got}."
    return (
        "Your check catches three bugs that all shipped in real systems; in each of them the demo"
        " still gave fluent answers."
    )


def citation_check(answer: object) -> str:
    """02.3: a check that tells whether a reader can open a citation."""
    assert callable(answer), (
        "Expected a function opens(citation, context, documents) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    texts = {
        "leave": "Leave. Staff get 17 days. Ask Trellis.",
        "visits": "Guests get a badge for 3 days.",
    }
    documents = {id: SimpleNamespace(id=id, text=text) for id, text in texts.items()}
    context = [
        Passage("visits", "Visits", 0, 30, texts["visits"]),
        Passage("leave", "Leave", 7, 25, "Staff get 17 days."),
    ]
    tried = (
        (
            "[2] leave, a sentence that is there",
            Citation(2, "leave", "Staff get 17 days.", "model"),
            True,
        ),
        (
            "[1] visits, part of a sentence",
            Citation(1, "visits", "a badge for 3 days", "model"),
            True,
        ),
        (
            "[0]: a number that counts from 0",
            Citation(0, "leave", "Staff get 17 days.", "model"),
            False,
        ),
        ("[3], of two passages", Citation(3, "leave", "Staff get 17 days.", "model"), False),
        (
            "[1] leave: the number and the document disagree",
            Citation(1, "leave", "Staff get 17 days.", "model"),
            False,
        ),
        (
            "a paraphrase instead of a quote",
            Citation(2, "leave", "Staff receive seventeen days.", "model"),
            False,
        ),
    )
    for name, citation, right in tried:
        got = attempted(answer(citation, context, documents))
        assert bool(got) is right, f"For {name} expected {right}; got {got}."
    return (
        "Now a footnote is a promise a reader can check. Whether the sentence also supports the"
        " answer is a second question (scores.citation_support)."
    )


def better_index(answer: object) -> str:
    """02.4: an index that finds more of the dev evidence with one passage than the notebook's."""
    from helpers.data.handbook import load_handbook
    from helpers.data.questions import load_questions
    from helpers.evaluation.retrieval_metrics import evidence_found

    assert callable(answer), (
        f"Expected a function better(documents) that returns an index; got {type(answer).__name__}."
    )
    documents = load_handbook()
    cases = [case for case in load_questions("dev", documents) if case.gold.answers]
    index = attempted(answer(documents))
    found = [
        evidence_found(case.gold.evidence, passages)
        for case, passages in zip(
            cases, index.search_all([case.ask for case in cases], top_k=1), strict=True
        )
    ]
    said = f"{sum(found)} of {len(cases)} questions get their evidence with one passage"
    assert sum(found) > BASELINE_FOUND, (
        f"{said}; the index of this notebook: {BASELINE_FOUND}. Change one knob at a time: where"
        " the text is cut matters more than how much of it is repeated."
    )
    words = sum(len(passage.text.split()) for passage in index.search_all([cases[0].ask], 1)[0])
    return (
        f"{said} (the index of this notebook: {BASELINE_FOUND}). A longer passage finds more and"
        f" costs more to read: your first one has {words} words. Notebook 03 weighs the two."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "02.1",
            recall,
            (
                "Count the ranks that are not None and at most k.",
                "Divide by the number of questions, but not when there are none.",
                (
                    "sum(rank is not None and rank <= k for rank in ranks) / len(ranks) if ranks"
                    " else 0.0"
                ),
            ),
        ),
        Exercise(
            "02.2",
            context_check,
            (
                (
                    "Put a word into each passage that no one could guess, build the prompt, and"
                    " look for the words in it."
                ),
                "Use at least two passages: a builder may drop all but the first.",
                (
                    'passages = [Passage("d1", "t", 0, 6, "zorvex"), Passage("d2", "t", 0, 6,'
                    ' "quimbl")]'
                ),
            ),
        ),
        Exercise(
            "02.3",
            citation_check,
            (
                (
                    "Three conditions: the number is there, the documents agree, the quote is in"
                    " the text."
                ),
                (
                    "context[citation.number - 1]: with number 0 Python hands you the last passage,"
                    " without an error."
                ),
                (
                    "1 <= citation.number <= len(context) and context[citation.number - 1].doc =="
                    " citation.doc and citation.quote in documents[citation.doc].text"
                ),
            ),
        ),
        Exercise(
            "02.4",
            better_index,
            (
                "Return build_index(documents, ...) with arguments of your own.",
                "Look at what the cutter does to a sentence in 'Chunking by hand'.",
                'build_index(documents, chunk_size=64, overlap=16, strategy="sentences")',
            ),
        ),
    )
}
