"""What does an adapter cost to serve? Merged into the weights, beside them, or acting on answers
only, with a prompt that is read once for all who answer.

    costs = load_serving()      # measured by `workbook.py bench serve --save`
    costs.table(batch=1)        # tokens a second, memory, and how many times merged's time
    costs.longer("unmerged", 1) # seconds that a request takes longer than merged

Merged is as fast as the bare model but needs a set of weights of its own for each adapter. Beside
the weights an adapter takes a few megabytes and two small products more in every layer.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core import settings

REFERENCE = settings.DATA / "reference" / "serving.json"
# name in the file -> how it is said
WAYS = {
    "base": "no adapter",
    "merged": "merged",
    "unmerged": "unmerged",
    "activated": "activated",
    "shared": "activated, prompt read before",
}


@dataclass(frozen=True, eq=False)
class Serving:
    """What was measured: `rows`, one for each way and batch, and about the requests and weights."""

    found: dict[str, Any]

    def row(self, way: str, batch: int) -> dict[str, Any]:
        """Raises KeyError that says what was measured."""
        for row in self.found["rows"]:
            if (row["way"], row["batch"]) == (way, batch):
                return row
        known = sorted({(row["way"], row["batch"]) for row in self.found["rows"]})
        raise KeyError(f"not measured: {way} at batch {batch}; measured are {known}")

    def table(self, batch: int) -> pd.DataFrame:
        """One line a way: tokens a second, how many times the time of merged (median, lowest and
        highest repeat), and megabytes of weights and of what is kept of the batch."""
        rows = [self.row(way, batch) for way in WAYS]
        columns = ("tokens_per_second", "times", "low", "high", "weights_mb", "cache_mb")
        return pd.DataFrame(
            [{name: row[name] for name in columns} for row in rows], index=list(WAYS.values())
        )

    def longer(self, way: str, batch: int) -> float:
        """Seconds a request takes longer than merged (negative: less), at this many at once: the
        median ratio times merged's own median, so that a busy moment counts for neither."""
        merged = self.row("merged", batch)["seconds"] / batch
        return (self.row(way, batch)["times"] - 1) * merged

    def weights_mb(self, way: str, adapters: int) -> float:
        """Megabytes of weights to serve so many adapters of one model."""
        base, beside = self.found["base_mb"], self.found["adapter_mb"]
        return base * adapters if way == "merged" else base + beside * adapters


@functools.lru_cache(maxsize=1)
def load_serving(path: Path = REFERENCE) -> Serving:
    """The costs as measured once, with provenance."""
    return Serving(json.loads(path.read_text(encoding="utf-8")))
