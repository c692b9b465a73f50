"""What do the simplest systems reach on this data? Measures it and writes reference/datasheet.json
and the tables of DATASHEET.md.

    python labs_data/build/measure.py             measure all (5 to 10 minutes on 2 cores), then
                                                  write the tables
    python labs_data/build/measure.py --tables    only write the tables, from
                                                  reference/datasheet.json

Baselines are what a trained or prompted system has to beat. The keywords for tickets were written
from LABELS.md and tuned on train only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from helpers.core import fingerprint, settings
from helpers.core.cases import Arm, Case, Passage
from helpers.data.handbook import Document, load_handbook, may_see
from helpers.data.questions import load_questions
from helpers.data.reading import load_reading
from helpers.data.tickets import FIELDS, load_tickets
from helpers.evaluation.evaluator import QUESTIONS, evaluate, wilson
from helpers.evaluation.retrieval_metrics import evidence_found
from helpers.evaluation.text import tokens
from helpers.models import load, weights
from helpers.retrieval.chunking import chunk_all
from helpers.systems import majority_label, nearest_neighbour

DATA = settings.DATA
RESULTS, SHEET = DATA / "reference" / "datasheet.json", DATA / "DATASHEET.md"
FILES = (
    "questions/dev.jsonl",
    "questions/test.jsonl",
    "tickets/train.jsonl",
    "tickets/dev.jsonl",
    "tickets/test.jsonl",
    "reading/train.jsonl",
    "reading/dev.jsonl",
    "users.json",
)
CHUNKINGS = ((128, 32), (64, 16))  # (chunk_size, overlap) in tokens of the embedder
TOP_K = (1, 3, 5)
Output = dict[str, object]


# --- where the figures come from ------------------------------------------------------------------


def hashes(root: Path = DATA) -> dict[str, str]:
    """SHA-256 of every data file; the handbook's documents (and updates) together under
    `handbook`."""
    found = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in FILES}
    whole = hashlib.sha256()
    for path in sorted(
        (root / "handbook").rglob("*.md"), key=lambda path: path.relative_to(root).as_posix()
    ):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found | {"handbook": whole.hexdigest()}


def proportion(successes: int, n: int) -> dict[str, float]:
    """A share with its 95 % Wilson interval, all to 4 places."""
    low, high = wilson(successes, n)
    return {
        "right": int(successes),
        "n": int(n),
        "share": round(successes / n, 4) if n else 0.0,
        "low": round(low, 4),
        "high": round(high, 4),
    }


# --- what is in it --------------------------------------------------------------------------------


def counts() -> dict[str, dict[str, dict[str, int]]]:
    """How many of what: documents by region and audience, questions by kind, tickets by label,
    source and slice, reading rows."""
    documents = load_handbook()
    questions = {split: load_questions(split, documents) for split in ("dev", "test")}
    tickets = {split: _rows(f"tickets/{split}.jsonl") for split in ("train", "dev", "test")}
    reading = {split: load_reading(split) for split in ("train", "dev")}
    return {
        "documents": {
            "all": {
                "documents": len(documents),
                "policies": len({d.meta.policy for d in documents}),
                "restricted": sum("staff" not in d.meta.audience for d in documents),
                "updates": len(load_handbook(updates=True)) - len(documents),
                "words": sum(len(d.text.split()) for d in documents),
            },
            "by region": _counted(d.meta.region for d in documents),
        },
        "questions": {
            split: (
                {"all": len(cases), "facts": len({c.fact for c in cases})}
                | _counted(c.kind for c in cases)
            )
            for split, cases in questions.items()
        },
        "tickets": {
            split: (
                {"all": len(rows)}
                | _counted(r["source"] for r in rows)
                | _counted(s for r in rows for s in r["slices"])
            )
            for split, rows in tickets.items()
        },
        "labels": {
            split: _counted(
                f"{field}: {str(r['output'][field]).lower()}" for r in rows for field in FIELDS
            )
            for split, rows in tickets.items()
        },
        "reading": {
            split: {
                "all": len(rows),
                "refusals": sum(r.cite is None for r in rows),
                "worlds": len({r.world for r in rows}),
            }
            for split, rows in reading.items()
        },
    }


def _rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _counted(values) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


# --- tickets --------------------------------------------------------------------------------------


def keywords(text: str) -> Output:
    """LABELS.md as a list of words; the first line of a field that fits wins."""
    rules = {
        "category": [
            (
                "account",
                (
                    r"password|log ?in|logged in|sign in|locked out|reset (mail|link)|e-?mail"
                    r" address|my (data|surname|name)\b|new owner"
                ),
            ),
            (
                "fault",
                (
                    r"won't|n't (work|switch|open|close|load|move|show)|dead|crash|leak|smoke|burn"
                    r"|shock|flood|vanish|silent|dry\b|reports?\b|shows?\b|double"
                ),
            ),
            (
                "delivery",
                (
                    r"parcel|courier|carrier|tracking|deliver|arriv|\bbox\b|missing|depot|in"
                    r" transit|ordered|dispatch"
                ),
            ),
            (
                "return",
                (
                    r"send (it|them|this|the \w+) back|return|refund|exchange|swap|cancel"
                    r" (my|the|our) order|money back"
                ),
            ),
            (
                "billing",
                r"invoice|charge|bill|vat\b|discount|customs|cancel|paid|yearly|monthly|\bplan\b|renew",
            ),
            (
                "how_to",
                (
                    r"\bhow (do|can|much|long|many)|can (i|you|the)|does (the|it|a)|is there|do"
                    r" you|would be (nice|lovely)"
                ),
            ),
            ("fault", r""),
        ],
        "product": [
            ("dewline", r"dewline|drip|hoses?\b"),
            ("gale", r"gale|weather|station|mast\b|anemometer|rain gauge"),
            ("sprig", r"sprig|controller|zones?\b|valves?\b"),
            ("almanac", r"almanac|\bapp\b|plus\b|subscription|password|log ?in"),
            ("none", r""),
        ],
        "priority": [
            (
                "urgent",
                (
                    r"smoke|burn(ing|t) smell|shock|flood|can't be stopped|won't stop|someone"
                    r" else's|stranger|hacked"
                ),
            ),
            (
                "high",
                (
                    r"dead|nothing at all|tomorrow|by (mon|tues|wednes|thurs|fri|satur|sun)day|on"
                    r" (fri|satur|sun)day|twice|locked out|too much|monday|friday|sunday|within"
                    r" \d|won't (start|switch on)|doesn't (start|switch on)|reset"
                ),
            ),
            (
                "low",
                (
                    r"no (hurry|rush)|take your time|whenever|how (do|can) i|does the|is there"
                    r" a|just (saying|a question)"
                ),
            ),
            ("normal", r""),
        ],
        "needs_human": [
            (
                True,
                (
                    r"call me|\bcall\b|phone|ring me|a person|a"
                    r" human|manager|boss|third|fourth|keep writing|times|damage|someone"
                    r" who|solicitor|lawyer|ombudsman|third"
                    r" (mail|time)|compensat|exception|hospital|died|ill\b|disabled"
                ),
            ),
            (False, r""),
        ],
    }
    said = text.lower().replace("’", "'")
    return {
        field: next(value for value, pattern in lines if re.search(pattern, said))
        for field, lines in rules.items()
    }


def said(arm: Arm, cases: Sequence[Case]) -> list[Output]:
    """The records that an arm answers, case by case."""
    return [json.loads(prediction.text) for prediction in arm([case.ask for case in cases])]


def judged(outputs: Sequence[Output], cases: Sequence[Case]) -> dict[str, dict[str, float]]:
    """Exact match and every field's accuracy."""
    right = {"exact": sum(o == c.gold.output for o, c in zip(outputs, cases, strict=True))}
    right |= {
        field: sum(o[field] == c.gold.output[field] for o, c in zip(outputs, cases, strict=True))
        for field in FIELDS
    }
    return {name: proportion(n, len(cases)) for name, n in right.items()}


def ticket_baselines(split: str = "test") -> dict[str, dict]:
    train, cases = load_tickets("train"), load_tickets(split)
    return {
        "majority label": judged(said(majority_label(train, by_field=True), cases), cases),
        "keywords": judged([keywords(c.ask.input) for c in cases], cases),
        "1 nearest neighbour (MiniLM)": judged(said(nearest_neighbour(train), cases), cases),
    }


# --- retrieval ------------------------------------------------------------------------------------

Search = Callable[[Case, int], list[Passage]]


def bm25_search(documents: Sequence[Document], chunk_size: int, overlap: int) -> Search:
    """BM25 over the same chunks as the index, under their titles; access and date are conditions of
    the query here, too."""
    import bm25s
    import numpy as np

    chunks = chunk_all(documents, chunk_size, overlap)
    retriever = bm25s.BM25()
    retriever.index(
        bm25s.tokenize(
            [f"{c.document.title}\n{c.text}" for c in chunks], stopwords="en", show_progress=False
        ),
        show_progress=False,
    )

    def search(case: Case, top_k: int) -> list[Passage]:
        allowed = {d.id for d in may_see(documents, case.ask.groups, case.ask.as_of)}
        mask = np.array([c.document.id in allowed for c in chunks], dtype=np.float32)
        query = bm25s.tokenize(
            [case.ask.input], stopwords="en", show_progress=False, return_ids=False
        )
        found, scores = retriever.retrieve(
            query, k=min(top_k, int(mask.sum())), weight_mask=mask, show_progress=False
        )
        hits = [chunks[i] for i, score in zip(found[0], scores[0], strict=True) if score > 0]
        return [Passage(c.document.id, c.document.title, c.start, c.end, c.text) for c in hits]

    return search


def minilm_search(documents: Sequence[Document], chunk_size: int, overlap: int) -> Search:
    """The index of the lessons."""
    from helpers.retrieval.index import build_index

    index = build_index(documents, chunk_size, overlap)
    return lambda case, top_k: index.search(case.ask.input, case.ask.groups, case.ask.as_of, top_k)


def recall(search: Search, cases: Sequence[Case]) -> dict[str, dict[str, dict[str, float]]]:
    """For how many questions is ALL of the evidence in the first k passages? kind (and "all") -> k
    -> share with interval."""
    found = {case.id: search(case, max(TOP_K)) for case in cases}
    groups = {"all": cases} | {
        kind: [c for c in cases if c.kind == kind] for kind in sorted({c.kind for c in cases})
    }
    return {
        kind: {
            str(k): proportion(
                sum(evidence_found(c.gold.evidence, found[c.id][:k]) for c in group), len(group)
            )
            for k in TOP_K
        }
        for kind, group in groups.items()
    }


def retrieval(documents: Sequence[Document]) -> dict[str, dict]:
    """Evidence recall of both retrievers, by chunking and split; only questions that have
    evidence."""
    cases = {
        split: [c for c in load_questions(split, documents) if c.gold.evidence]
        for split in ("dev", "test")
    }
    found = {}
    for name, make in (("BM25", bm25_search), ("MiniLM", minilm_search)):
        for chunk_size, overlap in CHUNKINGS:
            search = make(documents, chunk_size, overlap)
            found[f"{name} {chunk_size}/{overlap}"] = {
                split: recall(search, mine) for split, mine in cases.items()
            }
    return found


def lexical_overlap(cases: Sequence[Case]) -> dict[str, float]:
    """How much of a question's wording stands in its evidence? Share of its content words (stop
    words left out) in the quotes."""
    import numpy as np
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    shares = []
    for case in (c for c in cases if c.gold.evidence):
        asked = set(tokens(case.ask.input)) - set(STOPWORDS_EN_PLUS)
        said = {token for e in case.gold.evidence for token in tokens(e.quote)}
        shares.append(len(asked & said) / len(asked) if asked else 0.0)
    return {
        "n": len(shares),
        "mean": round(float(np.mean(shares)), 4),
        "p90": round(float(np.quantile(shares, 0.9)), 4),
    }


def closed_book(documents: Sequence[Document]) -> dict[str, dict]:
    """What does SmolLM2 answer without the handbook? Accuracy on dev: all, those with an answer,
    those to be refused."""
    from helpers.systems.questions import closed_book as arm

    table = evaluate(
        arm(load.load_generator()), load_questions("dev", documents), QUESTIONS, keep=False
    )
    refused = table["gold"] == "(must be refused)"
    parts = {"all": table, "with an answer": table[~refused], "to be refused": table[refused]}
    return {name: proportion(int(part["right"].sum()), len(part)) for name, part in parts.items()}


# --- all of it, and the tables --------------------------------------------------------------------


def measure_all() -> dict:
    documents = load_handbook()
    return {
        "provenance": {
            **fingerprint.provenance("python labs_data/build/measure.py"),
            "cores": os.cpu_count(),
            "weights": {w.name: w.sha256 for w in (weights.MINILM, weights.SMOLLM2)},
            "device": load.pick_device(),
            "dtype": str(load.pick_dtype(load.pick_device())),
            "data": hashes(),
        },
        "counts": counts(),
        "tickets": {"test": ticket_baselines()},
        "retrieval": retrieval(documents),
        "overlap": {
            split: lexical_overlap(load_questions(split, documents)) for split in ("dev", "test")
        },
        "closed book": {"dev": closed_book(documents)},
    }


def percent(share: Mapping[str, float]) -> str:
    """ "61 % (54 to 67)", with the interval in brackets."""
    return f"{share['share']:.0%} ({share['low'] * 100:.0f} to {share['high'] * 100:.0f})".replace(
        "%", " %", 1
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def count_table(parts: Mapping[str, Mapping[str, int]]) -> str:
    """One line a name, one column a split; 0 where a split has none."""
    names = list(dict.fromkeys(name for part in parts.values() for name in part))
    return markdown(
        ["", *parts],
        [
            [name.replace("_", " "), *(part.get(name, 0) for part in parts.values())]
            for name in names
        ],
    )


def tables(found: Mapping) -> dict[str, str]:
    """The generated parts of DATASHEET.md: name of the marker -> Markdown."""
    done, books = found["provenance"], found["closed book"]["dev"]
    by_kind = [
        [
            retriever,
            split,
            kind.replace("_", " "),
            shares["1"]["n"],
            *(percent(shares[str(k)]) for k in TOP_K),
        ]
        for retriever, splits in found["retrieval"].items()
        for split, kinds in splits.items()
        for kind, shares in kinds.items()
    ]
    return {
        "provenance": (
            f"Measured on {done['date']} with {done['cores']} cores, {done['device']},"
            f" {done['dtype'].removeprefix('torch.')}; "
            + "weights "
            + " and ".join(f"{name} (SHA-256 {sha[:12]}…)" for name, sha in done["weights"].items())
            + "."
        ),
        "documents": count_table(
            {
                "handbook": (
                    found["counts"]["documents"]["all"]
                    | {
                        f"region {k}": v
                        for k, v in found["counts"]["documents"]["by region"].items()
                    }
                )
            }
        ),
        "questions": count_table(found["counts"]["questions"]),
        "tickets": count_table(found["counts"]["tickets"]),
        "labels": count_table(found["counts"]["labels"]),
        "reading": count_table(found["counts"]["reading"]),
        "ticket-baselines": markdown(
            [
                "test, n = " + str(found["tickets"]["test"]["keywords"]["exact"]["n"]),
                "exact match",
                *(f.replace("_", " ") for f in FIELDS),
            ],
            [
                [name, *(percent(share) for share in shares.values())]
                for name, shares in found["tickets"]["test"].items()
            ],
        ),
        "recall": markdown(
            ["retriever, chunk size/overlap", "split", "n", *(f"recall@{k}" for k in TOP_K)],
            [[r[0], r[1], *r[3:]] for r in by_kind if r[2] == "all"],
        ),
        "recall-by-kind": markdown(
            ["retriever", "split", "kind", "n", *(f"recall@{k}" for k in TOP_K)],
            [r for r in by_kind if r[2] != "all"],
        ),
        "overlap": markdown(
            ["split", "n", "mean", "90th percentile"],
            [
                [s, o["n"], f"{o['mean']:.2f}", f"{o['p90']:.2f}"]
                for s, o in found["overlap"].items()
            ],
        ),
        "closed-book": markdown(
            ["dev", "n", "right"],
            [[name, share["n"], percent(share)] for name, share in books.items()],
        ),
    }


def with_tables(text: str, found: Mapping) -> str:
    """The text with everything between `<!-- table NAME -->` and `<!-- end -->` written anew.
    Raises ValueError for a marker too many or too few."""
    made = tables(found)
    marked = re.findall(r"<!-- table ([\w-]+) -->", text)
    if sorted(marked) != sorted(made):
        raise ValueError(
            f"{settings.shown(SHEET)} has the markers {marked}; there are the tables {list(made)}"
        )
    return re.sub(
        r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)",
        lambda m: f"{m[1]}{made[m[2]]}\n{m[3]}",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tables", action="store_true", help="only write the tables, from reference/datasheet.json"
    )
    options = parser.parse_args()
    if not options.tables:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(
            json.dumps(measure_all(), indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
            newline="\n",
        )
        print(f"wrote {settings.shown(RESULTS)}")
    if SHEET.exists():
        found = json.loads(RESULTS.read_text(encoding="utf-8"))
        SHEET.write_text(
            with_tables(SHEET.read_text(encoding="utf-8"), found), encoding="utf-8", newline="\n"
        )
        print(f"wrote the tables of {settings.shown(SHEET)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
