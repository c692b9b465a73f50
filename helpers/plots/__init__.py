"""How is a finding drawn, so that its title says it and its interval shows?"""

from helpers.evaluation.numbers import percent
from helpers.plots.blame import attribution
from helpers.plots.canvas import Picture
from helpers.plots.decision import costs, flips, gains, readiness
from helpers.plots.diagrams import (
    adapter_sketch,
    decision_path,
    oracle_swap,
    rag_pipeline,
    see_or_behave,
)
from helpers.plots.release import (
    canary_evidence,
    canary_setting,
    drift_days,
    gate_power,
    serving_costs,
)
from helpers.plots.results import (
    bars,
    bill,
    confusion,
    differences,
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
from helpers.plots.router import asking_back, calibration, parts
from helpers.plots.training import climb, extrapolation, loss_curve, payback, training_setting

__all__ = [
    "Picture",
    "access",
    "adapter_sketch",
    "asking_back",
    "attribution",
    "bars",
    "bill",
    "calibration",
    "canary_evidence",
    "canary_setting",
    "chunking_setting",
    "climb",
    "confusion",
    "costs",
    "decision_path",
    "differences",
    "doors",
    "drift_days",
    "evidence_and_answers",
    "extrapolation",
    "flips",
    "frontier",
    "gains",
    "gallery",
    "gate_power",
    "loss_curve",
    "old_or_new",
    "oracle_swap",
    "parts",
    "payback",
    "percent",
    "rag_pipeline",
    "readiness",
    "rules_kept",
    "scale",
    "see_or_behave",
    "serving_costs",
    "training_setting",
    "two_by_two",
]
