"""How does a small adapter learn from examples, and how is it stored, named and loaded?"""

from helpers.training.adapters import merged, reference_or_train, with_adapter
from helpers.training.lora import encode
from helpers.training.time_estimate import estimate_in_words
from helpers.training.trainer import LoraSettings, TrainingError, finetune

__all__ = [
    "LoraSettings",
    "TrainingError",
    "encode",
    "estimate_in_words",
    "finetune",
    "merged",
    "reference_or_train",
    "with_adapter",
]
