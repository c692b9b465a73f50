"""How does a tuned model get into use, and out again? Pinned by hashes, gated against the champion,
tried on a share of the traffic, watched for drift, and rolled back in one call.
"""

from helpers.release.canary import CanaryPlan, evidence, in_canary, plan_canary, replay
from helpers.release.drift import Monitor, first_alarm, mix_test, rate_test, text_test
from helpers.release.gate import GatePlan, HardStop, gate, plan_gate
from helpers.release.manifest import Manifest, ReleaseError, pack, verify
from helpers.release.note import burden, model_card, release_note
from helpers.release.registry import PromotionError, Registry

__all__ = [
    "CanaryPlan",
    "GatePlan",
    "HardStop",
    "Manifest",
    "Monitor",
    "PromotionError",
    "Registry",
    "ReleaseError",
    "burden",
    "evidence",
    "first_alarm",
    "gate",
    "in_canary",
    "mix_test",
    "model_card",
    "pack",
    "plan_canary",
    "plan_gate",
    "rate_test",
    "release_note",
    "replay",
    "text_test",
    "verify",
]
