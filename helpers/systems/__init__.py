"""Which systems do we compare, and what exactly is each of them asked?"""

from helpers.systems.citations import cite
from helpers.systems.prompts import BASE, BETTER, SCHEMA, PromptStyle, question_prompt
from helpers.systems.questions import (
    answer_questions,
    closed_book,
    evidence_contexts,
    long_context,
    oracle,
    retrieval_augmented,
    with_distractors,
)

__all__ = [
    "BASE",
    "BETTER",
    "SCHEMA",
    "PromptStyle",
    "answer_questions",
    "cite",
    "closed_book",
    "evidence_contexts",
    "long_context",
    "oracle",
    "question_prompt",
    "retrieval_augmented",
    "with_distractors",
]
