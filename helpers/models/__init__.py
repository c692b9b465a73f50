"""Which models answer here, are they the real ones, and how do they turn prompts into answers?"""

from helpers.models.constrain import ConstraintError, only_valid
from helpers.models.endpoint import Endpoint, endpoint
from helpers.models.generate import Completion, chat, complete
from helpers.models.load import Generator, load_embedder, load_generator, set_threads

__all__ = [
    "Completion",
    "ConstraintError",
    "Endpoint",
    "Generator",
    "chat",
    "complete",
    "endpoint",
    "load_embedder",
    "load_generator",
    "only_valid",
    "set_threads",
]
