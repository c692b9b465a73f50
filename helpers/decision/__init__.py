"""Given what is required and what was measured: what should be built, is it ready, and what would
change that?"""

from helpers.decision.conclusion import Decision, decide
from helpers.decision.findings import (
    Finding,
    Findings,
    above,
    counted,
    gain,
    load_findings,
    span,
)
from helpers.decision.options import KINDS, OPTIONS
from helpers.decision.payback import Given, Plan, inputs_table, payback_by_input
from helpers.decision.requirements import Requirements
from helpers.decision.rules import Threshold, fresher_than_weights, must_cite
from helpers.decision.scenarios import SCENARIOS

__all__ = [
    "KINDS",
    "OPTIONS",
    "SCENARIOS",
    "Decision",
    "Finding",
    "Findings",
    "Given",
    "Plan",
    "Requirements",
    "Threshold",
    "above",
    "counted",
    "decide",
    "fresher_than_weights",
    "gain",
    "inputs_table",
    "load_findings",
    "must_cite",
    "payback_by_input",
    "span",
]
