"""What do people read before they sign? A release note and a model card, one page each, made from
what was measured; and what governing a tuned model takes, beside what an index takes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pandas as pd

from helpers.release.canary import CanaryReport
from helpers.release.drift import Look
from helpers.release.gate import GateVerdict
from helpers.release.manifest import PARTS, Manifest
from helpers.release.registry import RolledBack

# Who has to sign for which part. A convention of this workbook; yours is in your own process.
SIGNS = {
    "data": "data owner",
    "labels": "label owner",
    "weights": "model owner",
    "adapter": "model owner",
    "index": "search owner",
    "prompt": "product owner",
    "code": "engineering",
    "evaluation": "quality",
}


def release_note(
    manifest: Manifest,
    gate: GateVerdict,
    canary: CanaryReport | None = None,
    drift: Look | None = None,
    rollback: RolledBack | None = None,
    before: Manifest | None = None,
) -> str:
    """One page in Markdown: what changed, what the gate, the canary and the monitor said, and how
    to get back. What was not done says so."""
    changed = before.changed(manifest) if before else list(PARTS)
    not_done = "not done"
    back = f"Tried: {rollback}" if rollback else "registry.rollback(); not tried yet"
    plan = gate.plan
    slices = [
        f"| {row.slice} | {row.n} | {_points(row.champion)} | {_points(row.candidate)} |"
        f" {'**stops**' if row.stops else 'passes'} |"
        for row in gate.table.itertuples()
    ]
    return "\n".join(
        [
            f"# Release {manifest.id}: {'passed the gate' if gate.passed else 'stopped'}",
            "",
            f"**Replaces** {before.id if before else 'nothing'}. **Changed:**"
            f" {', '.join(changed) or 'nothing'}.",
            "",
            f"**Gate.** {100 * gate.difference:+.1f} points on {plan.n} paired cases, surely above"
            f" {100 * gate.low:+.1f}; margin {-100 * plan.margin:+.1f}, set beforehand. This many"
            f" cases stop a loss of {100 * plan.smallest:.1f} points 95 times in 100, and smaller"
            " ones less often.",
            *(f"- {reason}" for reason in gate.reasons),
            "",
            "| slice | n | champion | candidate | |",
            "| --- | --- | --- | --- | --- |",
            *slices,
            "",
            "**Hard stops.** " + ("; ".join(map(str, gate.hard_stops)) or not_done) + ".",
            "",
            f"**Canary.** {canary if canary else not_done}.",
            "",
            f"**Drift since the gate.** {drift if drift else not_done}.",
            "",
            f"**Way back.** {back}.",
            "",
            f"**To sign:** {', '.join(_signers(changed))}.",
        ]
    )


def model_card(manifest: Manifest, scores: Mapping[str, str], limits: Sequence[str]) -> str:
    """One page in Markdown, after Mitchell et al. 2019 (arXiv 1810.03993): what it is, what it was
    made from, how it was measured, and what it is not for. scores: measure -> value with its
    interval; limits: what users have to know."""
    about = [f"- {key}: {value}" for key, value in manifest.about.items()]
    parts = [
        f"| {name} | {part.where or 'none'} | {part.sha256[:12] if part.kind != 'none' else '–'} |"
        for name, part in manifest.parts.items()
    ]
    return "\n".join(
        [
            f"# Model card of release {manifest.id}",
            "",
            *about,
            "",
            "| part | where | SHA-256 |",
            "| --- | --- | --- |",
            *parts,
            "",
            "**Measured.**",
            *(f"- {measure}: {value}" for measure, value in scores.items()),
            "",
            "**Limits.**",
            *(f"- {limit}" for limit in limits),
        ]
    )


def burden(
    systems: Mapping[str, Sequence[Manifest]],
    minutes: Mapping[str, float],
    rollbacks: Mapping[str, RolledBack],
) -> pd.DataFrame:
    """What does it take to govern each system? Counted from its releases in order: parts to
    version, parts that changed between two releases, minutes to make one, seconds to go back, and
    who signs."""
    rows = {}
    for name, releases in systems.items():
        last = releases[-1]
        has = [part for part in PARTS if last.parts[part].kind != "none"]
        changed = sorted(
            {part for a, b in itertools.pairwise(releases) for part in a.changed(b)},
            key=PARTS.index,
        )
        rows[name] = {
            "parts to version": len(has),
            "changed by a release": ", ".join(changed) or "–",
            "minutes to make": minutes.get(name, float("nan")),
            "seconds to roll back": rollbacks[name].seconds if name in rollbacks else float("nan"),
            "who signs": ", ".join(_signers(changed)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def rounded(burden: pd.DataFrame) -> pd.DataFrame:
    """The same as a reader wants it: one column a system, minutes and seconds rounded."""
    rounded = {
        name: burden[name].map(lambda x: "–" if pd.isna(x) else f"{x:.1f}")
        for name in ("minutes to make", "seconds to roll back")
    }
    return burden.assign(**rounded).T


def counts_of(burden: pd.DataFrame) -> dict[tuple[str, str], float]:
    """What a decision weighs of `burden`: (system, what) -> parts, minutes, signatures and seconds
    back."""
    found = {}
    for name, row in burden.iterrows():
        found[name, "parts"] = row["parts to version"]
        found[name, "minutes"] = row["minutes to make"]
        found[name, "signatures"] = len(row["who signs"].split(", "))
        found[name, "seconds back"] = row["seconds to roll back"]
    return found


def _signers(parts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(SIGNS[part] for part in parts))


def _points(share: float) -> str:
    return f"{100 * share:.0f} %"
