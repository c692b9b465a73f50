"""Given what is required and what was measured: what should be built, and what would change
that?"""

from helpers.decision.conclusion import decide
from helpers.decision.findings import Finding, Findings, above, gain, load_findings, span
from helpers.decision.options import OPTIONS
from helpers.decision.payback import Given, Plan, inputs_table, payback_by_input
from helpers.decision.requirements import Requirements
from helpers.decision.rules import Threshold, fresher_than_weights, must_cite
from helpers.decision.scenarios import SCENARIOS

__all__ = [
    "OPTIONS",
    "SCENARIOS",
    "Finding",
    "Findings",
    "Given",
    "Plan",
    "Requirements",
    "Threshold",
    "above",
    "decide",
    "fresher_than_weights",
    "gain",
    "inputs_table",
    "load_findings",
    "must_cite",
    "payback_by_input",
    "span",
]
