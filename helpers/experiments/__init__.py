"""What happens when systems are run and judged on purpose: grids, failures, attacks, facts in
weights? Each experiment is a module of its own.
"""

from helpers.experiments.chunking_grid import ChunkingSetting
from helpers.experiments.training_cell import TrainingSetting

__all__ = ["ChunkingSetting", "TrainingSetting"]
