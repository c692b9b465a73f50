"""What is right, how sure are we, and whose fault is what is wrong?"""

from helpers.evaluation.attribution import attribute, blame, cause, with_evidence_removed
from helpers.evaluation.citations import citation_summary, cited_evidence
from helpers.evaluation.comparison import as_table, compare, compare_all
from helpers.evaluation.evaluator import (
    QUESTIONS,
    TICKETS,
    Task,
    consistency,
    evaluate,
    latency,
    share,
    summary,
    ticket_summary,
    wilson,
)
from helpers.evaluation.house_style import STYLE, load_style
from helpers.evaluation.learning_curve import learning_curve
from helpers.evaluation.refusals import abstains
from helpers.evaluation.routing import (
    COSTS,
    calibration_error,
    reliability,
    routing_difference,
    routing_summary,
    routing_task,
)
from helpers.evaluation.scores import answer_correct
from helpers.evaluation.text import tokens

__all__ = [
    "COSTS",
    "QUESTIONS",
    "STYLE",
    "TICKETS",
    "Task",
    "abstains",
    "answer_correct",
    "as_table",
    "attribute",
    "blame",
    "calibration_error",
    "cause",
    "citation_summary",
    "cited_evidence",
    "compare",
    "compare_all",
    "consistency",
    "evaluate",
    "latency",
    "learning_curve",
    "load_style",
    "reliability",
    "routing_difference",
    "routing_summary",
    "routing_task",
    "share",
    "summary",
    "ticket_summary",
    "tokens",
    "wilson",
    "with_evidence_removed",
]
