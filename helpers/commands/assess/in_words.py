"""What does an assessment say of "missing context, unclear boundaries or weak evaluation"? Counts
of one system's wrong answers, so that no question counts twice, and a verdict on each part."""

from __future__ import annotations

import pandas as pd

from helpers.commands.assess.report import Results
from helpers.evaluation.evaluator import share, wilson
from helpers.labs.words import Held, out_of

LOST = ("retrieval", "distraction", "reading", "both")


def lost_by(results: Results) -> tuple[str, pd.Series]:
    """The system whose wrong answers were judged on the most questions, and how many of them each
    cause has."""
    name = max(results.causes, key=lambda one: len(results.causes[one]), default="RAG")
    causes = results.causes[name]["cause"] if results.causes else pd.Series(dtype=object)
    return name, causes.value_counts().reindex(LOST, fill_value=0).astype(int)


def on_trial(results: Results) -> dict[str, tuple[Held, str]]:
    """The three parts, as `what_we_found` takes them.

    Missing context holds where more than half of the wrong answers lacked the evidence or lost it
    in the context; unclear boundaries where less than half of what should be refused is; weak
    evaluation where less than half of the compared pairs can be told apart.
    """
    name, lost = lost_by(results)
    wrong, lacking = int(lost.sum()), int(lost.sum() - lost["reading"])
    clear = sum(one.verdict != "cannot tell" for one in results.compared)
    many = len(results.compared)
    return {
        "missing context": (
            _most(lacking, wrong),
            f"{_counted(lacking, wrong)} wrong answers of {name} lacked the evidence or lost it",
        ),
        "unclear boundaries": _boundaries(results),
        "weak evaluation": (
            2 * clear < many if many else None,
            f"{clear} of {many} pairs of systems can be told apart on these cases",
        ),
    }


def _boundaries(results: Results) -> tuple[Held, str]:
    rag = results.tables.get("RAG")
    asked = pd.DataFrame() if rag is None else rag[~rag["answerable"]]
    refused = share(asked) if len(asked) else None
    if refused is None:
        return None, "no question that should be refused was asked"
    answered = len(asked) - int(asked["right"].sum())
    return _most(answered, len(asked)), f"RAG refused {out_of(refused)} that it should refuse"


def _most(count: int, n: int) -> Held:
    """More than half of them, surely? None where the interval holds one half."""
    low, high = wilson(count, n)
    return True if low > 0.5 else False if high < 0.5 else None


def _counted(count: int, n: int) -> str:
    low, high = wilson(count, n)
    return out_of({"share": count / n if n else 0.0, "low": low, "high": high, "n": n})
