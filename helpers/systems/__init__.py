"""Which systems do we compare, and what exactly is each of them asked?"""

from helpers.systems.asking import Choice, asked_by, best_span, read_spans, who_asks, windows_of
from helpers.systems.baselines import (
    always_refuse,
    best_sentence,
    majority_label,
    nearest_neighbour,
)
from helpers.systems.citations import cite
from helpers.systems.classifier import linear_classifier
from helpers.systems.hybrid import router_and_rag
from helpers.systems.labelled import (
    few_shot,
    instruction_of,
    pairs,
    retrieved_examples,
    task_prompt,
    training_rows,
    tuned,
    tuned_prompt,
    written,
    zero_shot,
)
from helpers.systems.prompts import (
    ASKED_TWICE,
    BASE,
    BETTER,
    QUOTED,
    SCHEMA,
    TICKET_PROMPT,
    WHO_ASKS,
    PromptStyle,
    TaskPrompt,
    question_prompt,
)
from helpers.systems.questions import (
    answer_questions,
    closed_book,
    evidence_chunks,
    evidence_contexts,
    long_context,
    oracle,
    quotes_alone,
    retrieval_augmented,
    with_distractors,
)
from helpers.systems.router import (
    ROUTE_PROMPT,
    Router,
    keyword_router,
    router_arm,
    train_router,
    with_costs,
)
from helpers.systems.router_file import load_router, save_router
from helpers.systems.spans import candidates
from helpers.systems.tools import use_tool
from helpers.systems.tuned_search import right_windows, sentence_windows, tuned_search

__all__ = [
    "ASKED_TWICE",
    "BASE",
    "BETTER",
    "QUOTED",
    "ROUTE_PROMPT",
    "SCHEMA",
    "TICKET_PROMPT",
    "WHO_ASKS",
    "Choice",
    "PromptStyle",
    "Router",
    "TaskPrompt",
    "always_refuse",
    "answer_questions",
    "asked_by",
    "best_sentence",
    "best_span",
    "candidates",
    "cite",
    "closed_book",
    "evidence_chunks",
    "evidence_contexts",
    "few_shot",
    "instruction_of",
    "keyword_router",
    "linear_classifier",
    "load_router",
    "long_context",
    "majority_label",
    "nearest_neighbour",
    "oracle",
    "pairs",
    "question_prompt",
    "quotes_alone",
    "read_spans",
    "retrieval_augmented",
    "retrieved_examples",
    "right_windows",
    "router_and_rag",
    "router_arm",
    "save_router",
    "sentence_windows",
    "task_prompt",
    "train_router",
    "training_rows",
    "tuned",
    "tuned_prompt",
    "tuned_search",
    "use_tool",
    "who_asks",
    "windows_of",
    "with_costs",
    "with_distractors",
    "written",
    "zero_shot",
]
