"""Can these labels be learnt from, before anything is trained on them? Inputs with two labels and
the ceiling they set, rows that are nearly the same on both sides of the split, spellings of one
label, labels with few rows, shares, and rows whose label a classifier doubts.

    found = label_audit(train, held_out)        no model is asked
    found.table()                               one line a finding: how many, an example, what to do

Doubts come from `classifier.out_of_fold` and are handed in: this folder knows no model.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.core.cases import Case
from helpers.data.json_schema import LONGEST_LABEL_CHARS, ROWS_A_LABEL
from helpers.data.labelled_rows import output_key, plain

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 3  # of a label with fewer, training and test cannot both have some
NEARLY = 0.7  # of all pairs of neighbouring words that two texts have, so many they share
SHORTEST_WORDS = 5  # of a text that is compared: "it broke" is like too much
COMMON_ROWS = 100  # a pair of words that more rows have tells nothing apart
SHOWN, SHOWN_CHARS = 5, 60


class Doubt(NamedTuple):
    """A row whose label a classifier that has not seen it denies: it is sure of `said`.

    given, sure: the probabilities of the row's own label and of `said`, 0..1. field: "" where
    outputs are texts.
    """

    id: str
    field: str
    label: str
    said: str
    given: float
    sure: float


class Near(NamedTuple):
    """Two rows on two sides of the split that say nearly the same; alike: 0..1. same_label: do they
    have one output?"""

    train: Case
    held_out: Case
    alike: float

    @property
    def same_label(self) -> bool:
        return output_key(self.train) == output_key(self.held_out)


@dataclass(frozen=True)
class LabelAudit:
    """What was found. labels: field ("" where outputs are texts) -> how often each label comes;
    only fields whose values come back."""

    rows: int
    contradictions: Mapping[str, Counter[str]]  # input -> its outputs, where it has several
    ceiling: float  # the share of rows that a system can be right on at best
    labels: Mapping[str, Counter[str]]
    spellings: Mapping[str, list[list[str]]]  # field -> labels that differ in case and spaces
    rare: Sequence[tuple[str, str, int]]  # (field, label, rows)
    near: Sequence[Near]
    doubts: Sequence[Doubt] | None  # None: no classifier was asked
    outputs: int  # different ones

    @property
    def contradicting(self) -> int:
        """How many rows have an input that comes with another output, too?"""
        return sum(map(Counter.total, self.contradictions.values()))

    def table(self) -> pd.DataFrame:
        """One line a finding: how many, of how many, an example, and what to do."""
        import pandas as pd

        columns = ["finding", "count", "of", "example", "what to do"]
        return pd.DataFrame(self._lines(), columns=columns).set_index("finding")

    def shares(self) -> pd.DataFrame:
        """How often does each label come? field, label, rows and share; the most common first."""
        import pandas as pd

        rows = [
            {"field": field, "label": label, "rows": n, "share": n / counts.total()}
            for field, counts in self.labels.items()
            for label, n in counts.most_common()
        ]
        return pd.DataFrame(rows, columns=["field", "label", "rows", "share"])

    @property
    def _percent(self) -> str:
        """The ceiling, rounded down: one that is not 100 % must not read so."""
        return f"{math.floor(1000 * self.ceiling) / 10:.1f}"

    def _lines(self) -> Iterator[tuple[str, int, int, str, str]]:
        text, outputs = next(iter(self.contradictions.items()), ("", {}))
        yield (
            "inputs with several labels",
            self.contradicting,
            self.rows,
            f"{text[:SHOWN_CHARS]}: {', '.join(map(str, outputs))}"[:200] if text else "",
            f"decide which is right; until then nothing exceeds {self._percent} %" if text else "",
        )
        spelt = [one for groups in self.spellings.values() for one in groups]
        yield (
            "labels in several spellings",
            len(spelt),
            sum(map(len, self.labels.values())),
            ", ".join(map(repr, spelt[0]))[:200] if spelt else "",
            "write one way" if spelt else "",
        )
        field, label, n = self.rare[0] if self.rare else ("", "", 0)
        yield (
            f"labels with fewer than {FEW_ROWS} rows",
            len(self.rare),
            sum(map(len, self.labels.values())),
            f"{_named(field)}{label!r} ({n})" if self.rare else "",
            "label more rows, or join it with another" if self.rare else "",
        )
        first = self.near[0] if self.near else None
        yield (
            "held-out rows nearly as in training",
            len(self.near),
            self.rows,
            f"{first.train.ask.input[:SHOWN_CHARS]} / {first.held_out.ask.input[:SHOWN_CHARS]}"
            if first
            else "",
            "leave one of each out, else the test asks what was learnt by heart" if first else "",
        )
        if self.doubts is not None:
            one = self.doubts[0] if self.doubts else None
            yield (
                "labels that a classifier doubts",
                len(self.doubts),
                self.rows * max(1, len(self.labels)),
                f"{one.id}: {_named(one.field)}{one.label!r}, or {one.said!r}?" if one else "",
                "look at them: each is a wrong label, or a hard row" if one else "",
            )

    def remarks(self) -> list[str]:
        """What whoever compares systems on these rows must know, a sentence each; [] where all is
        well."""
        return [one for one in (self._divided(), *self._spelt(), self._single()) if one]

    def _divided(self) -> str | None:
        if not self.contradictions:
            return None
        n = len(self.contradictions)
        return (
            f"{n} {'inputs come' if n > 1 else 'input comes'} with more than one output"
            f" ({self.contradicting} of {self.rows} rows), so nothing can be right on more than"
            f" {self._percent} % of the rows: the first is"
            f" {next(iter(self.contradictions))[:60]!r}; decide which output is right."
        )

    def _spelt(self) -> Iterator[str]:
        for name, groups in self.spellings.items():
            shown = "; ".join(", ".join(map(repr, one)) for one in groups[:SHOWN])
            yield (
                f"Labels{f' of field {name!r}' if name else ''} are spelled in several ways"
                f" ({shown}), and each counts as a label of its own: write one way."
            )

    def _single(self) -> str | None:
        if self.rows < 2 or self.outputs > 1:
            return None
        return (
            f"All {self.rows} rows have the same output, so there is nothing to decide: the"
            " majority label is right on every one. Add rows with other outputs."
        )


def _named(field: str) -> str:
    return f"{field} " if field else ""


def label_audit(
    cases: Sequence[Case], held_out: Sequence[Case] = (), doubts: Sequence[Doubt] | None = None
) -> LabelAudit:
    """What do labelled rows say of themselves? held_out: the rows that judge; each is compared with
    all of `cases`, and counts with them otherwise. doubts: see `classifier.out_of_fold`."""
    every = [*cases, *held_out]
    outputs, first = _outputs(every)
    labels = _labels(every)
    return LabelAudit(
        rows=len(every),
        contradictions={first[text]: found for text, found in outputs.items() if len(found) > 1},
        ceiling=sum(max(found.values()) for found in outputs.values()) / max(1, len(every)),
        labels=labels,
        spellings={name: found for name, counts in labels.items() if (found := _spelt(counts))},
        rare=sorted(
            (
                (name, label, n)
                for name, counts in labels.items()
                for label, n in counts.items()
                if n < FEW_ROWS
            ),
            key=lambda one: one[2],
        ),
        near=_near(cases, held_out),
        doubts=doubts,
        outputs=len({output_key(case) for case in every}),
    )


def _outputs(cases: Sequence[Case]) -> tuple[dict[str, Counter[str]], dict[str, str]]:
    """(input, but for case and punctuation -> its outputs; the same -> as the first row has it)."""
    outputs: dict[str, Counter[str]] = {}
    first: dict[str, str] = {}
    for case in cases:
        text = plain(case.ask.input)
        first.setdefault(text, case.ask.input)
        outputs.setdefault(text, Counter())[output_key(case)] += 1
    return outputs, first


def _labels(cases: Sequence[Case]) -> dict[str, Counter[str]]:
    """The fields whose values come back, as labels do, with how often each comes."""
    columns: dict[str, list[str]] = {}
    for case in cases:
        output = {"": case.gold.answers[0]} if case.gold.output is None else case.gold.output
        for name, value in output.items():
            if (label := _label(value)) is not None:
                columns.setdefault(name, []).append(label)
    found = {name: Counter(values) for name, values in columns.items()}
    return {
        name: counts
        for name, counts in found.items()
        if counts.total() >= ROWS_A_LABEL * len({_flat(label) for label in counts})
    }


def _label(value: Any) -> str | None:
    if isinstance(value, bool):
        return json.dumps(value)
    return value if isinstance(value, str) and len(value) <= LONGEST_LABEL_CHARS else None


def _flat(label: str) -> str:
    return " ".join(label.casefold().split())


def _spelt(counts: Counter[str]) -> list[list[str]]:
    """Labels that are one but for case and spaces."""
    spelled: dict[str, set[str]] = {}
    for label in counts:
        spelled.setdefault(_flat(label), set()).add(label)
    return sorted(sorted(one) for one in spelled.values() if len(one) > 1)


def _near(cases: Sequence[Case], held_out: Sequence[Case]) -> list[Near]:
    """For each held-out row the row of `cases` that says nearly the same, where there is one: the
    share of pairs of neighbouring words that they have in common (Jaccard)."""
    having: dict[tuple[str, str], list[int]] = {}
    pairs = [_pairs(case.ask.input) for case in cases]
    for at, some in enumerate(pairs):
        for pair in some:
            having.setdefault(pair, []).append(at)
    found = []
    for case in held_out:
        own = _pairs(case.ask.input)
        shared = Counter(
            at for pair in own if len(having.get(pair, ())) <= COMMON_ROWS
            for at in having.get(pair, ())
        )  # fmt: skip
        best = max(
            ((len(own & pairs[at]) / len(own | pairs[at]), -at) for at in shared),
            default=(0.0, 0),
        )
        if best[0] >= NEARLY:
            found.append(Near(cases[-best[1]], case, best[0]))
    return sorted(found, key=lambda one: -one.alike)


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    words = re.findall(r"\w+", text.casefold())
    return frozenset(itertools.pairwise(words) if len(words) >= SHORTEST_WORDS else ())
