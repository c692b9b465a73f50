"""What do learners touch: guesses, sliders, boards, the cases one by one?"""

from helpers.labs.canary import canary_lab
from helpers.labs.case_explorer import explorer, show_case, show_citation
from helpers.labs.chunking import chunking_lab, coloured_chunks
from helpers.labs.climb import same_arm, the_climb
from helpers.labs.decision_board import board, what_if
from helpers.labs.job import job
from helpers.labs.journal import (
    answer_guess,
    calibration,
    choices,
    guess_of,
    predict,
    predict_which,
    record,
    record_all,
    settle,
)
from helpers.labs.lab_answer import chunking_answer, table, training_answer
from helpers.labs.routing import routing_lab, routing_what_if
from helpers.labs.training import in_words, training_lab
from helpers.labs.words import (
    Words,
    gain_in_words,
    held,
    out_of,
    what_happened,
    what_we_found,
    yes_or_no,
)

__all__ = [
    "Words",
    "answer_guess",
    "board",
    "calibration",
    "canary_lab",
    "choices",
    "chunking_answer",
    "chunking_lab",
    "coloured_chunks",
    "explorer",
    "gain_in_words",
    "guess_of",
    "held",
    "in_words",
    "job",
    "out_of",
    "predict",
    "predict_which",
    "record",
    "record_all",
    "routing_lab",
    "routing_what_if",
    "same_arm",
    "settle",
    "show_case",
    "show_citation",
    "table",
    "the_climb",
    "training_answer",
    "training_lab",
    "what_happened",
    "what_if",
    "what_we_found",
    "yes_or_no",
]
