"""How is a finding drawn, so that its title says it and its interval shows?"""

from helpers.evaluation.numbers import percent
from helpers.plots.blame import attribution
from helpers.plots.canvas import Picture
from helpers.plots.decision import costs, flips, readiness
from helpers.plots.release import canary_evidence, drift_days, gate_power
from helpers.plots.results import (
    bars,
    bill,
    confusion,
    differences,
    evidence_removed,
    old_or_new,
    rules_kept,
    two_by_two,
)
from helpers.plots.retrieval import (
    access,
    chunking_setting,
    doors,
    evidence_and_answers,
    frontier,
    gallery,
    scale,
)
from helpers.plots.router import asking_back, calibration
from helpers.plots.training import climb, extrapolation, loss_curve, payback, training_setting

__all__ = [
    "Picture",
    "access",
    "asking_back",
    "attribution",
    "bars",
    "bill",
    "calibration",
    "canary_evidence",
    "chunking_setting",
    "climb",
    "confusion",
    "costs",
    "differences",
    "doors",
    "drift_days",
    "evidence_and_answers",
    "evidence_removed",
    "extrapolation",
    "flips",
    "frontier",
    "gallery",
    "gate_power",
    "loss_curve",
    "old_or_new",
    "payback",
    "percent",
    "readiness",
    "rules_kept",
    "scale",
    "training_setting",
    "two_by_two",
]
