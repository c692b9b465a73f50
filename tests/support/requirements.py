"""Any requirements and any findings, for properties of the decision."""

from __future__ import annotations

from hypothesis import strategies as st
from support.findings import USAGE, share

from helpers.decision.findings import COUNTS, LOST, NAMES, Findings
from helpers.decision.requirements import NUMBERS, YES_NO, Requirements, steps

SHARES = tuple(name for name in NAMES if name not in ("tuned, gain", *LOST, *COUNTS))


@st.composite
def evidences(draw) -> Findings:
    """Any findings; half of the time all of them, of many cases, so that something is settled."""
    all_there = draw(st.booleans())
    n = 2000 if all_there else draw(st.sampled_from([12, 60, 400, 2000]))
    found = {
        name: share(draw(st.sampled_from(range(0, 101, 5))) * n // 100, n, f"id/{name}")
        for name in SHARES
        if name not in ("refused", "wrong", "router") and (all_there or draw(st.integers(0, 4)))
    }
    left = 100
    for name in LOST:
        part = draw(st.sampled_from(range(0, left + 1, 5)))
        left -= part
        if all_there or draw(st.integers(0, 4)):
            found[name] = share(part * n // 100, n, f"id/{name}")
    return Findings(found, USAGE, 0.0006, 100, 320)


@st.composite
def stated(draw) -> Requirements:
    """Any requirements; half of the time such that little is out, so that something is settled."""
    chosen = {name: draw(st.sampled_from(steps(name))) for name in NUMBERS} | {
        name: draw(st.booleans()) for name in YES_NO
    }
    calm = {
        "latency_seconds": 100.0,
        "cost_wrong": draw(st.sampled_from([2.0, 10.0, 50.0])),
        "cost_refusal": draw(st.sampled_from([1.0, 5.0])),
        "label_changes_per_year": draw(st.sampled_from([0.1, 1.0, 10.0, 100.0])),
        "lookup_share": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "action_share": draw(st.sampled_from([0.0, 0.0, 0.3])),
        "requests_per_day": draw(st.sampled_from([100.0, 1e4, 1e6])),
    }
    easy = {
        "citations": False,
        "access": False,
        "data_in_weights": True,
        "can_train": True,
        "can_search": True,
        "fixed_labels": True,
    }
    calm |= {name: value if draw(st.integers(0, 7)) else not value for name, value in easy.items()}
    return Requirements(**(chosen | (calm if draw(st.booleans()) else {})))
