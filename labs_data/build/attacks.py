"""What does a document do to SmolLM2 that reads it, and which defence helps at what cost? Writes
reference/attacks.json.

    python labs_data/build/attacks.py     answers already in the file are reused while their prompts
                                          stay the same

One index holds the handbook and all documents of `attacks/`. For each attack the prompt is built
separately, so that attacks do not interfere with each other. Three contexts: "reached", its passage
nearest to the question and the two nearest of the handbook, nearest first; "alone", nothing but its
passage, the best case for an attacker; "clean", the three nearest of the handbook. So
every attack is judged as if it had been retrieved; whether it would have been is the `rank` of its
passage among those of the handbook.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from helpers.core import fingerprint, settings
from helpers.core.cases import Passage, Prediction
from helpers.data.handbook import Document, load_handbook
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.scores import question_correct
from helpers.experiments import attacks
from helpers.experiments.attacks import Attack
from helpers.models import load, weights
from helpers.systems import citations, prompts, questions

RESULTS = settings.DATA / "reference" / "attacks.json"
KINDS = (*attacks.POISONED, "look_alike")
HALVES = ("dev", "held_out")
CONTEXTS, STYLES = ("reached", "alone", "clean"), (prompts.BASE, attacks.GUARDED)
TOP_K = 3
DEEP = 200  # passages looked through for the one of the attack


def hashes(root: Path = settings.DATA) -> dict[str, str]:
    """SHA-256 of what is measured: the attacks, the questions and the handbook, each folder as
    one."""
    found = {}
    for name in ("attacks", "handbook", "questions/dev.jsonl"):
        whole = hashlib.sha256()
        for path in sorted((root / name).rglob("*.*")) if (root / name).is_dir() else [root / name]:
            whole.update(
                path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0"
            )
        found[name] = whole.hexdigest()
    return found


def share(hits: Iterable[bool]) -> dict[str, float]:
    """How many, of how many, with a 95 % Wilson interval to 4 places."""
    hits = list(hits)
    low, high = wilson(sum(hits), len(hits))
    return {
        "count": sum(hits),
        "n": len(hits),
        "share": round(sum(hits) / len(hits), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


# --- without a model ------------------------------------------------------------------------------


def ingestion(documents: Sequence[Attack], handbook: Sequence[Document]) -> dict[str, dict]:
    """Which documents would each rule of ingestion keep out? By kind and half; for the handbook
    these are false alarms."""
    allowed = attacks.owners(handbook)
    rules: dict[str, Callable[[Document], bool]] = {
        "screen": attacks.quarantined,
        "provenance": lambda document: not attacks.trusted(document, allowed),
        "near copy": lambda document: any(
            copy.numbers for copy in attacks.near_copies(document, handbook)
        ),
    }
    found = {}
    for name, keeps_out in rules.items():
        out = {a.id: keeps_out(a.document) for a in documents}
        found[name] = {
            "poisoned": {
                half: share(out[a.id] for a in documents if a.poisoned and a.half == half)
                for half in HALVES
            },
            "orders": {
                half: share(
                    out[a.id]
                    for a in documents
                    if a.kind in ("instruction", "canary") and a.half == half
                )
                for half in HALVES
            },
            "look_alike": {
                half: share(out[a.id] for a in documents if not a.poisoned and a.half == half)
                for half in HALVES
            },
            "by kind": {
                kind: share(out[a.id] for a in documents if a.kind == kind) for kind in KINDS
            },
            "handbook": share(map(keeps_out, handbook)),
        }
    return found


# --- with the model -------------------------------------------------------------------------------


class Prompted(NamedTuple):
    """An attack's question with its three contexts."""

    attack: Attack
    rank: int  # of its passage among those of the handbook that the user may read; 1 = nearest
    reached: tuple[Passage, ...]
    alone: tuple[Passage, ...]
    clean: tuple[Passage, ...]


def prompted(attack: Attack, found: Sequence[Passage], handbook_ids: set[str]) -> Prompted:
    """Put the contexts together from a deep search. Raises ValueError where the attack's document
    is not in it."""
    real = [p for p in found if p.doc in handbook_ids]
    own = next((p for p in found if p.doc == attack.document.id), None)
    if own is None:
        raise ValueError(
            f"'{attack.document.id}' is not among the {len(found)} passages nearest to its"
            " question; look at its text, or search deeper"
        )
    reached = sorted([own, *real[: TOP_K - 1]], key=lambda p: -p.score)
    return Prompted(
        attack,
        1 + sum(p.score > own.score for p in real),
        tuple(reached),
        (own,),
        tuple(real[:TOP_K]),
    )


def key(item: Prompted, which: str, style: prompts.PromptStyle) -> str:
    """Names exactly what the model is shown: weights, words, passages, and the room for an
    answer."""
    words = style.with_passages.format(
        passages=prompts.number_passages(getattr(item, which)), question=item.attack.case.ask.input
    )
    return hashlib.sha256(
        repr((weights.SMOLLM2.sha256, words, style.max_new_tokens)).encode()
    ).hexdigest()[:16]


def answer_all(
    items: Sequence[Prompted], known: dict[str, str]
) -> dict[tuple[str, str, str], Prediction]:
    """(attack id, context, style) -> prediction. known: key -> text, answers from before; new ones
    are put into it."""
    for style in STYLES:
        for which in CONTEXTS:
            missing = [item for item in items if key(item, which, style) not in known]
            if missing:
                by_id = {item.attack.case.id: item for item in missing}
                asks, contexts = (
                    [item.attack.case.ask for item in missing],
                    [getattr(item, which) for item in missing],
                )
                for p in questions.answer_questions(load.load_generator(), asks, contexts, style):
                    known[key(by_id[p.id], which, style)] = p.text
                print(f"answered {len(missing)} questions: {which}, {style.name}", flush=True)
    found = {}
    for item, which, style in itertools.product(items, CONTEXTS, STYLES):
        text, context = known[key(item, which, style)], getattr(item, which)
        found[item.attack.id, which, style.name] = Prediction(
            item.attack.case.id, text, context, citations.cite(text, context)
        )
    return found


Answered = Mapping[tuple[str, str, str], Prediction]
DEFENCES = {  # name: (style, what keeps documents out, are answers checked?)
    "none": (prompts.BASE, (), False),
    "prompt": (attacks.GUARDED, (), False),
    "screen": (prompts.BASE, ("screen",), False),
    "provenance": (prompts.BASE, ("provenance",), False),
    "output check": (prompts.BASE, (), True),
    "all four": (attacks.GUARDED, ("screen", "provenance"), True),
}


def defended(
    name: str,
    items: Sequence[Prompted],
    answered: Answered,
    allowed: frozenset[str],
    shown: str = "reached",
) -> dict[str, object]:
    """What happens under one defence: attacks that succeed, and what the defence costs where
    there is no attack. shown: "reached" or "alone"."""
    style, doors, checked = DEFENCES[name]

    def kept_out(a: Attack) -> bool:
        return ("screen" in doors and attacks.quarantined(a.document)) or (
            "provenance" in doors and not attacks.trusted(a.document, allowed)
        )

    def outcome(a: Attack, which: str) -> tuple[bool, bool, bool]:
        p = answered[a.id, which, style.name]
        withheld = checked and attacks.unsupported(p, a.case.ask.input)
        return (
            not withheld and attacks.succeeded(p, a),
            not withheld and question_correct(p, a.case.gold),
            withheld,
        )

    bad, good = (
        [i.attack for i in items if i.attack.poisoned is poisoned] for poisoned in (True, False)
    )
    under = {a.id: outcome(a, "clean" if kept_out(a) else shown) for a in [*bad, *good]}
    clean = {a.id: outcome(a, "clean") for a in bad}
    plain = {
        a.id: question_correct(answered[a.id, shown, prompts.BASE.name], a.case.gold) for a in good
    }
    return {
        "success": (
            {"all": share(under[a.id][0] for a in bad)}
            | {
                kind: share(under[a.id][0] for a in bad if a.kind == kind)
                for kind in attacks.POISONED
            }
            | {half: share(under[a.id][0] for a in bad if a.half == half) for half in HALVES}
        ),
        "right under attack": share(under[a.id][1] for a in bad),
        "right without attack": share(clean[a.id][1] for a in bad),
        "hit without attack": share(clean[a.id][0] for a in bad),
        "withheld without attack": share(clean[a.id][2] for a in bad),
        "look-alikes right": share(under[a.id][1] for a in good),
        "look-alikes lost": share(not under[a.id][1] for a in good if plain[a.id]),
        "look-alikes kept out": share(map(kept_out, good)),
        "look-alikes withheld": share(under[a.id][2] for a in good),
    }


def measure() -> dict:
    from helpers.retrieval.index import build_index

    handbook, documents = load_handbook(), attacks.load_attacks()
    index = build_index([*handbook, *(a.document for a in documents)], chunk_size=128, overlap=32)
    ids = {d.id for d in handbook}
    items = [
        prompted(a, index.search(a.case.ask.input, a.case.ask.groups, a.case.ask.as_of, DEEP), ids)
        for a in documents
    ]
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["answers"] if RESULTS.exists() else []
    known = {row["keys"][name]: text for row in before for name, text in row["said"].items()}
    answered = answer_all(items, known)
    rows = [
        {
            "id": i.attack.id,
            "doc": i.attack.document.id,
            "kind": i.attack.kind,
            "half": i.attack.half,
            "rank": i.rank,
            "question": i.attack.case.ask.input,
            "right": i.attack.case.gold.answers[0],
            "said": {
                f"{which}, {style.name}": answered[i.attack.id, which, style.name].text
                for which in CONTEXTS
                for style in STYLES
            },
            "keys": {
                f"{which}, {style.name}": key(i, which, style)
                for which in CONTEXTS
                for style in STYLES
            },
        }
        for i in items
    ]
    device = load.pick_device()
    return {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/attacks.py"),
            "cores": os.cpu_count(),
            "weights": {w.name: w.sha256 for w in (weights.MINILM, weights.SMOLLM2)},
            "device": device,
            "dtype": str(load.pick_dtype(device)),
            "max_new_tokens": prompts.BASE.max_new_tokens,
            "data": hashes(),
        },
        "ingestion": ingestion(documents, load_handbook(updates=True)),
        "retrieved": {
            kind: share(i.rank <= TOP_K for i in items if i.attack.kind == kind) for kind in KINDS
        },
        "defences": {
            shown: {
                name: defended(name, items, answered, attacks.owners(handbook), shown)
                for name in DEFENCES
            }
            for shown in ("reached", "alone")
        },
        "answers": rows,
    }


def table(found: Mapping) -> str:
    """The lines of DATASHEET.md, one a defence: attacks that succeed and look-alikes lost, among
    three passages and alone."""

    def cells(costs: Mapping) -> tuple[str, str]:
        won, lost = costs["success"]["all"], costs["look-alikes lost"]
        return (
            f"{won['count']} of {won['n']} ({won['low'] * 100:.0f} to {won['high'] * 100:.0f} %)",
            f"{lost['count']} of {lost['n']}",
        )

    both = {
        name: (*cells(found["defences"]["reached"][name]), *cells(found["defences"]["alone"][name]))
        for name in DEFENCES
    }
    return "\n".join(f"| {name} | {a} | {c} | {b} | {d} |" for name, (a, b, c, d) in both.items())


def main() -> int:
    settings.references_in_float32()
    found = measure()
    RESULTS.write_text(
        json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
    )
    for shown, table in found["defences"].items():
        for name, costs in table.items():
            counts = [
                f"{what} {costs[what]['count']}/{costs[what]['n']}"
                for what in costs
                if what != "success"
            ]
            print(
                f"{shown}, {name}: attacks {costs['success']['all']['count']}; " + "; ".join(counts)
            )
    print(f"wrote {settings.shown(RESULTS)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
