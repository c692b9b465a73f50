"""What does an adapter cost to serve? Merged into the weights, beside them, or acting on answers
only, with a prompt that is read once for all who answer.

    costs = load_serving()      # measured by `workbook.py bench serve --save`
    costs.table(batch=1)        # tokens a second, memory, and how many times merged's time
    costs.longer("unmerged", 1) # seconds that a request takes longer than merged

Merged is as fast as the bare model but needs a set of weights of its own for each adapter. Beside
the weights an adapter takes a few megabytes and two small products more in every layer that has
matrices.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core import settings
from helpers.decision.payback import Given, Plan, pays_from

REFERENCE = settings.DATA / "reference" / "serving.json"
# name in the file -> how it is said
WAYS = {
    "merged": "merged (as the bare model)",
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
        highest round), and megabytes of keys and values kept of the batch."""
        rows = [self.row(way, batch) for way in WAYS]
        columns = ("tokens_per_second", "times", "low", "high", "cache_mb")
        return pd.DataFrame(
            [{name: row[name] for name in columns} for row in rows], index=list(WAYS.values())
        )

    def longer(self, way: str, batch: int) -> float:
        """Seconds a request takes longer than merged (negative: less), at this many at once: the
        median ratio times merged's own median, so that a busy moment counts for neither."""
        merged = self.row("merged", batch)["seconds"] / batch
        return (self.row(way, batch)["times"] - 1) * merged

    @property
    def batches(self) -> list[int]:
        return sorted({row["batch"] for row in self.found["rows"]})

    def plan(self, rows: int, training_seconds: float) -> Plan:
        """When does a tuned model pay that is served here, merged? Tokens and seconds as measured,
        notebook 05's prices. rows: labels of the adapter; training_seconds: of its card."""
        tokens = self.found["tokens"]
        return Plan(
            few_shot_tokens=Given(tokens["few_shot"], "tokens a request", "measured"),
            tuned_tokens=Given(tokens["tuned"], "tokens a request", "measured"),
            examples=Given(8, "rows", "measured"),
            rows=Given(rows, "rows", "measured"),
            cost_per_label=Given(0.40, "EUR a label", "assumed"),
            training_seconds=Given(training_seconds, "seconds", "measured"),
            machine_per_hour=Given(0.10, "EUR an hour", "assumed"),
            seconds_per_token=Given(self.found["seconds_per_prompt_token"], "seconds", "measured"),
        )

    def break_even(self, plan: Plan, batch: int = 1) -> pd.Series:
        """From how many requests on does the plan pay, served in each way?"""
        extra = {
            way: Given(self.longer(way, batch), "seconds a request", "measured") for way in WAYS
        }
        return pd.Series(
            {
                said: pays_from(replace(plan, extra_seconds=extra[way]))
                for way, said in WAYS.items()
            },
            name="requests",
        )

    def weights_mb(self, way: str, adapters: int) -> float:
        """Megabytes of weights to serve so many adapters of one model."""
        base, beside = self.found["base_mb"], self.found["adapter_mb"]
        return base * adapters if way == "merged" else base + beside * adapters


@functools.lru_cache(maxsize=1)
def load_serving(path: Path = REFERENCE) -> Serving:
    """The costs as measured once, with provenance."""
    return Serving(json.loads(path.read_text(encoding="utf-8")))
