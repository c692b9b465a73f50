"""What do learners touch: guesses, sliders, boards, the cases one by one?"""

from helpers.labs.case_explorer import explorer, show_case
from helpers.labs.chunking import chunking_lab, coloured_chunks
from helpers.labs.decision_board import board, what_if
from helpers.labs.job import job
from helpers.labs.journal import calibration, guess_of, predict, record
from helpers.labs.routing import routing_lab, routing_what_if
from helpers.labs.training import in_words, training_lab

__all__ = [
    "board",
    "calibration",
    "chunking_lab",
    "coloured_chunks",
    "explorer",
    "guess_of",
    "in_words",
    "job",
    "predict",
    "record",
    "routing_lab",
    "routing_what_if",
    "show_case",
    "training_lab",
    "what_if",
]
