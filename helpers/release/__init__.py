"""How does a tuned model get into use, and out again? Pinned by hashes, gated against the champion,
tried on a share of the traffic, watched for drift, and rolled back in one call.
"""

from helpers.release.canary import CanaryPlan, evidence, in_canary, plan_canary, replay, what_if
from helpers.release.drift import (
    Monitor,
    Window,
    first_alarm,
    mix_test,
    rate_test,
    text_test,
    watch,
    window_of,
)
from helpers.release.gate import GatePlan, HardStop, gate, plan_gate, power
from helpers.release.leaks import leaked_ids
from helpers.release.manifest import Manifest, ReleaseError, pack, refusal, verify
from helpers.release.note import burden, counts_of, model_card, release_note, rounded
from helpers.release.registry import PromotionError, Registry, shelved
from helpers.release.serving import Serving, load_serving

__all__ = [
    "CanaryPlan",
    "GatePlan",
    "HardStop",
    "Manifest",
    "Monitor",
    "PromotionError",
    "Registry",
    "ReleaseError",
    "Serving",
    "Window",
    "burden",
    "counts_of",
    "evidence",
    "first_alarm",
    "gate",
    "in_canary",
    "leaked_ids",
    "load_serving",
    "mix_test",
    "model_card",
    "pack",
    "plan_canary",
    "plan_gate",
    "power",
    "rate_test",
    "refusal",
    "release_note",
    "replay",
    "rounded",
    "shelved",
    "text_test",
    "verify",
    "watch",
    "what_if",
    "window_of",
]
