"""Which systems do we compare, and what exactly is each of them asked?"""

from helpers.systems.baselines import always_refuse, best_sentence, majority_label
from helpers.systems.citations import cite
from helpers.systems.labelled import (
    few_shot,
    instruction_of,
    pairs,
    task_prompt,
    training_rows,
    tuned,
    tuned_prompt,
    written,
    zero_shot,
)
from helpers.systems.prompts import (
    BASE,
    BETTER,
    SCHEMA,
    TICKET_PROMPT,
    PromptStyle,
    TaskPrompt,
    question_prompt,
)
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
    "TICKET_PROMPT",
    "PromptStyle",
    "TaskPrompt",
    "always_refuse",
    "answer_questions",
    "best_sentence",
    "cite",
    "closed_book",
    "evidence_contexts",
    "few_shot",
    "instruction_of",
    "long_context",
    "majority_label",
    "oracle",
    "pairs",
    "question_prompt",
    "retrieval_augmented",
    "task_prompt",
    "training_rows",
    "tuned",
    "tuned_prompt",
    "with_distractors",
    "written",
    "zero_shot",
]
