"""Which texts of two splits mean (nearly) the same? Embeds both sides with MiniLM and lists the
pairs above the threshold.

    python labs_data/build/leakage.py               print the pairs above the threshold; exit 1 if
                                                    there is any
    python labs_data/build/leakage.py --measure     print the nearest pairs of every comparison, to
                                                    judge the threshold anew

`check-data` finds copies by their words; this finds copies in other words. Only texts of different
splits are compared: a family of paraphrases (one `fact`) lies within one split, which check-data
sees to, so families need no exemption here. Requests to the router are compared within a split,
too: they have no families.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from helpers.core import settings
from helpers.evaluation.house_style import body, read_brief
from helpers.retrieval.embedding import embed

# Cosine similarity, chosen from the measured distribution (--measure shows it anew): the nearest
# pair of two splits reaches 0.834, and the pairs above 0.8 were read: same situation, but separate
# messages. Of the test tickets with every 8th word left out, 95 % lie above 0.85, with every 5th 80
# %. So it finds light rewrites. It does NOT find free paraphrases (two questions of one `fact`:
# median 0.44, none above 0.8): those have to be declared as one fact by who writes them.
THRESHOLD = 0.85


class Text(NamedTuple):
    """A text, where it stands, and which rule or world it is about."""

    id: str
    text: str


class Near(NamedTuple):
    """Two texts of different splits and their cosine similarity."""

    similarity: float
    comparison: str
    left: Text
    right: Text

    def __str__(self) -> str:
        return (
            f"{self.similarity:.3f}  {self.comparison}: {self.left.id} and {self.right.id}\n       "
            f"  {self.left.text!r}\n         {self.right.text!r}"
        )


def rows(root: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (root / name).read_text(encoding="utf-8").splitlines()]


def texts(root: Path, name: str, field: str) -> list[Text]:
    """One text a row; a text that comes more than once (a restricted pair, a refusal) is there
    once."""
    return [
        Text(id, text)
        for text, id in {row[field]: row["id"] for row in reversed(rows(root, name))}.items()
    ]


def passages(root: Path, split: str) -> list[Text]:
    """The passages that the reading rows of a split show, each once."""
    shown = {
        p["text"]: f"{row['id']} '{p['title']}'"
        for row in rows(root, f"reading/{split}.jsonl")
        for p in row["passages"]
    }
    return [Text(id, text) for text, id in shown.items()]


def style_texts(root: Path, split: str) -> dict[str, list[Text]]:
    """The questions and the bodies of the replies of a split; names, greetings and the layout are
    alike on purpose."""
    found = rows(root, f"style/{split}.jsonl")
    return {
        "question": [Text(row["id"], read_brief(row["input"]).question) for row in found],
        "reply": [Text(row["id"], body(row["output"])) for row in found],
    }


def comparisons(root: Path = settings.DATA) -> dict[str, tuple[list[Text], list[Text]]]:
    """What must not mean the same: name -> the two sides."""
    tickets = {
        split: texts(root, f"tickets/{split}.jsonl", "input") for split in ("train", "dev", "test")
    }
    reading = {
        split: texts(root, f"reading/{split}.jsonl", "question") for split in ("train", "dev")
    }
    questions = {
        split: texts(root, f"questions/{split}.jsonl", "question")
        for split in ("train", "dev", "test")
    }
    style = {split: style_texts(root, split) for split in ("train", "dev")}
    router = {
        split: texts(root, f"router/{split}.jsonl", "input") for split in ("train", "dev", "test")
    }
    return {
        "tickets train x test": (tickets["train"], tickets["test"]),
        "tickets train x dev": (tickets["train"], tickets["dev"]),
        "tickets dev x test": (tickets["dev"], tickets["test"]),
        "tickets x drift": (
            tickets["train"] + tickets["dev"] + tickets["test"],
            texts(root, "drift/tickets.jsonl", "input"),
        ),
        "reading train x dev, questions": (reading["train"], reading["dev"]),
        "reading train x dev, passages": (passages(root, "train"), passages(root, "dev")),
        "reading x handbook questions": (
            reading["train"] + reading["dev"],
            questions["dev"] + questions["test"],
        ),
        "questions dev x test": (questions["dev"], questions["test"]),
        "questions train x dev and test": (
            questions["train"],
            questions["dev"] + questions["test"],
        ),
        "style train x dev, questions": (style["train"]["question"], style["dev"]["question"]),
        "style train x dev, replies": (style["train"]["reply"], style["dev"]["reply"]),
        "style x tickets": (style["train"]["question"] + style["dev"]["question"], tickets["test"]),
        "router train x dev": (router["train"], router["dev"]),
        "router train x test": (router["train"], router["test"]),
        "router dev x test": (router["dev"], router["test"]),
        "router x handbook questions": (
            router["train"] + router["dev"] + router["test"],
            questions["dev"] + questions["test"],
        ),
    }


def alone(root: Path = settings.DATA) -> dict[str, list[Text]]:
    """What must not mean the same within one split either: name -> texts. Requests are drawn into
    splits by chance, so two that are alike would show in one split or across two."""
    return {
        f"router within {split}": texts(root, f"router/{split}.jsonl", "input")
        for split in ("train", "dev", "test")
    }


def nearest(
    left: Sequence[Text], right: Sequence[Text], comparison: str, vectors: dict[str, object]
) -> list[Near]:
    """For every text on the right the most similar one on the left; most similar pairs first."""
    import numpy as np

    a, b = (np.stack([vectors[t.text] for t in side]) for side in (left, right))
    similarity = b @ a.T  # (right, left)
    if left is right:  # within one split a text is not compared with itself
        np.fill_diagonal(similarity, -1)
    best = similarity.argmax(axis=1)
    found = [
        Near(float(similarity[i, j]), comparison, left[j], right[i]) for i, j in enumerate(best)
    ]
    return sorted(found, reverse=True)


def measure(root: Path = settings.DATA) -> dict[str, list[Near]]:
    """The nearest pairs of every comparison; each distinct text is embedded once."""
    pairs = comparisons(root) | {name: (found, found) for name, found in alone(root).items()}
    distinct = sorted({t.text for sides in pairs.values() for side in sides for t in side})
    vectors = dict(zip(distinct, embed(distinct), strict=True))
    return {name: nearest(left, right, name, vectors) for name, (left, right) in pairs.items()}


def rewrites_found(
    root: Path = settings.DATA, every: int = 8, threshold: float = THRESHOLD
) -> float:
    """Would a light rewrite be found? The share of test tickets that stay above the threshold when
    every n-th word is left out."""
    whole = texts(root, "tickets/test.jsonl", "input")
    cut = [
        " ".join(word for i, word in enumerate(t.text.split(), start=1) if i % every) for t in whole
    ]
    return float(((embed([t.text for t in whole]) * embed(cut)).sum(axis=1) >= threshold).mean())


def leaks(measured: dict[str, list[Near]], threshold: float = THRESHOLD) -> list[Near]:
    """The pairs that are too similar."""
    return [near for found in measured.values() for near in found if near.similarity >= threshold]


def main() -> int:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="print the distribution and the nearest pairs instead of judging",
    )
    options = parser.parse_args()
    measured = measure()
    if options.measure:
        for name, found in measured.items():
            values = [near.similarity for near in found]
            print(
                f"\n{name}: n {len(values)}, median {values[len(values) // 2]:.3f}, 95 %"
                f" {values[len(values) // 20]:.3f}, max {values[0]:.3f}"
            )
            print("\n".join(str(near) for near in found[:6]))
        for every in (8, 5):
            print(
                f"\ntest tickets with every {every}th word left out that would be found:"
                f" {rewrites_found(every=every):.0%}"
            )
        return 0
    found = leaks(measured)
    print(
        "\n".join(map(str, found)) or f"no pair of texts in two splits is as similar as {THRESHOLD}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
