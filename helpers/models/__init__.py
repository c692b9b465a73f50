"""Which models answer here, are they the real ones, and how do they turn prompts into answers?"""

from helpers.models.constrain import ConstraintError, only_valid
from helpers.models.endpoint import Endpoint, endpoint_at
from helpers.models.generate import chat, complete
from helpers.models.language_model import Completion, LanguageModel
from helpers.models.load import Generator, load_embedder, load_generator, set_threads

__all__ = [
    "Completion",
    "ConstraintError",
    "Endpoint",
    "Generator",
    "LanguageModel",
    "chat",
    "complete",
    "endpoint_at",
    "load_embedder",
    "load_generator",
    "only_valid",
    "set_threads",
]
