"""Do the citations lead to the evidence? Measured against the spans that prove an answer, for the
passages that the model numbered itself and for those that the code picked apart."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from helpers.core.cases import Case
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.retrieval_metrics import evidence_recall


def cited_evidence(table: pd.DataFrame, cases: Sequence[Case]) -> pd.DataFrame:
    """One row an answer to a question that has evidence: id, kind, `by` (model: it wrote [n];
    overlap: the code took the passage with most shared words; none), how many passages are cited,
    and, both 0..1:

    precision: the share of the cited passages that hold a whole quote of the evidence; missing
    where nothing is cited. recall: the share of the quotes that the cited passages hold together.
    `possible` is the recall of citing everything that was shown: what the search lost, no citation
    can bring back.

    table: of `evaluate`, with these cases. Raises KeyError for an answer without its case.
    """
    evidence = {case.id: case.gold.evidence for case in cases}
    rows = []
    for _, answer in table.iterrows():
        if not (wanted := evidence[answer["id"]]):
            continue
        shown = dict(enumerate(answer["context"], start=1))
        # a number that no passage has leads nowhere
        cited = [[shown[one.number]] if one.number in shown else [] for one in answer["cited"]]
        holds = [any(evidence_recall([quote], passage) for quote in wanted) for passage in cited]
        rows.append(
            {
                "id": answer["id"],
                "fact": answer["fact"],
                "kind": answer["kind"],
                "by": answer["cited"][0].by if cited else "none",
                "cited": len(cited),
                "precision": sum(holds) / len(holds) if holds else float("nan"),
                "recall": evidence_recall(wanted, [one for passage in cited for one in passage]),
                "possible": evidence_recall(wanted, answer["context"]),
            }
        )
    return pd.DataFrame(rows)


def citation_summary(found: pd.DataFrame, by: str = "by") -> pd.DataFrame:
    """The rows of `cited_evidence` together: all, then by who cited (or by another column, such as
    kind). n answers; precision with its 95 % interval (Wilson's, over answers that cite), recall,
    possible."""
    groups = {"all": found} | dict(iter(found.groupby(by)))
    rows = {}
    for name, group in groups.items():
        precision = group["precision"].dropna()
        low, high = wilson(round(precision.sum()), len(precision)) if len(precision) else (0.0, 1.0)
        rows[name] = {
            "n": len(group),
            "cite something": len(precision),
            "precision": precision.mean(),
            "low": low,
            "high": high,
            "recall": group["recall"].mean(),
            "possible": group["possible"].mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
