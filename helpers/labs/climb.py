"""The running score at the end of each notebook, and why one system has many numbers."""

from __future__ import annotations

from helpers.experiments.climb import load_climb, same_arm
from helpers.plots.canvas import Picture
from helpers.plots.running_score import running_score

__all__ = ["same_arm", "the_climb"]


def the_climb(notebook: str) -> Picture:
    """How many of the same dev questions are right, after every step up to this notebook ("03")?"""
    return running_score(load_climb(), notebook)
