"""Makes the reference adapter *facts* and measures what notebook 07 reports:
reference/adapters/facts/ and reference/facts.json.

    python labs_data/build/facts.py             all of it (some 15 minutes on 2 cores in float32; a
                                                finished adapter is not trained again)
    python labs_data/build/facts.py train       only the adapter
    python labs_data/build/facts.py retrain     only the second adapter, with the values of
                                                handbook/updates (in the cache, not in the data)
    python labs_data/build/facts.py measure     only the figures

The figures of the retrained adapter are in facts.json because a lesson has no time to train it; all
others are measured live as well.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys

from helpers.core import fingerprint, settings
from helpers.core.cases import Case
from helpers.data.facts import (
    FOLDER,
    changes_of,
    load_asks,
    load_canary,
    load_general,
    load_training,
    renewed,
)
from helpers.data.handbook import load_handbook
from helpers.evaluation.evaluator import QUESTIONS, evaluate, share
from helpers.experiments import facts_in_weights
from helpers.models import load
from helpers.systems import questions
from helpers.training.adapters import save_reference, with_adapter

DIGITS = 4


def rounded(found: dict) -> dict:
    return {
        key: round(value, DIGITS) if isinstance(value, float) else value
        for key, value in found.items()
    }


def figures(generator: load.Generator, asks: dict[str, list[Case]], name: str) -> dict:
    """What one model says without passages: right by distance of the wording, the changed facts,
    refusals, general questions, the secret."""
    arm, careful = (
        questions.closed_book(generator, name),
        questions.closed_book(generator, name, facts_in_weights.CAREFUL),
    )
    found: dict = {
        kind: rounded(share(evaluate(arm, asks[kind], QUESTIONS, live=True)))
        for kind in ("trained", "near", "far", "unseen")
    }
    old = {change.case.id: change.old for change in asks["changes"]}
    changed = facts_in_weights.old_or_new(
        evaluate(arm, [change.case for change in asks["changes"]], QUESTIONS, live=True), old
    )
    found["changed"] = {
        "n": len(changed),
        "facts": changed["fact"].nunique(),
        **changed["said"].value_counts().to_dict(),
    }
    refusals = evaluate(careful, asks["unseen"] + asks["unanswerable"], QUESTIONS, live=True)
    found["refuses what it cannot know"] = rounded(share(refusals, "abstained"))
    found["general"] = rounded(share(evaluate(arm, load_general(), QUESTIONS, live=True)))
    canary = load_canary()
    said = [p.text for p in arm([*canary.asks])]
    seen = facts_in_weights.exposure(generator, canary)
    found["canary"] = {
        "said aloud": sum(facts_in_weights.says_secret(said, [[canary.secret]] * len(said))),
        "asked": len(said),
        "rank": seen.rank,
        "of": seen.of,
        "bits": round(seen.bits, 2),
    }
    return found


def main(what: str = "all") -> None:
    settings.references_in_float32()
    generator, rows = load.load_generator(), load_training()
    handbook, updated = load_handbook(), load_handbook(updates=True)
    asks = load_asks(handbook)
    asks["changes"] = changes_of([*asks["trained"], *asks["near"], *asks["far"]], updated)
    adapter = facts_in_weights.train(generator)
    save_reference(adapter, facts_in_weights.NAME)
    if what == "train":
        return
    again = facts_in_weights.train(generator, renewed(rows, asks["changes"]))
    if what == "retrain":
        return
    kept = facts_in_weights.facts_adapter(generator)
    results = {
        "made_by": "labs_data/build/facts.py",
        "made": dt.date.today().isoformat(),
        "base": generator.fingerprint,
        "adapter": kept.fingerprint,
        "settings": kept.card["settings"],
        "machine": fingerprint.machine(),
        "seconds": {"train": adapter.card["seconds"], "retrain": again.card["seconds"]},
        "data_sha256": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(FOLDER.glob("*.jsonl"))
        },
        "base model": figures(generator, asks, "base"),
        facts_in_weights.TUNED: figures(
            with_adapter(generator, kept), asks, facts_in_weights.TUNED
        ),
        "retrained": figures(with_adapter(generator, again), asks, "facts adapter, retrained"),
    }
    facts_in_weights.RESULTS.write_text(
        json.dumps(results, indent=1) + "\n", encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
