"""What does everything else stand on: the nouns, settings, records on disk, names of what shaped a
result?
"""

from helpers.core.cases import Arm, Ask, Case, Citation, Evidence, Gold, Passage, Prediction
from helpers.core.fingerprint import code_of
from helpers.core.progress import Progress, Stopped
from helpers.core.records import DataError

__all__ = [
    "Arm",
    "Ask",
    "Case",
    "Citation",
    "DataError",
    "Evidence",
    "Gold",
    "Passage",
    "Prediction",
    "Progress",
    "Stopped",
    "code_of",
]
