"""Do our scores prefer the answers that people prefer? For `workbook.py bench judge`.

The set is RAGChecker's meta-evaluation (Ru et al. 2024): 280 pairs of answers to one question, each
pair labelled by two people from -2 (the first is much better) to 2 (the second is). Protocol, as
published: a score's say on a pair is the score of the second answer minus that of the first, both
against the reference answer; it is correlated with all labels, so that it meets each of the two
people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import settings
from helpers.core.records import DataError
from helpers.evaluation import scores
from helpers.evaluation.text import length

if TYPE_CHECKING:
    import numpy as np

FILE = "human_labeled_data.json"
FORM = f"a set is a folder with {FILE}, as RAGChecker publishes it"
LABELS = ("correctness", "completeness", "overall")
# Pearson and Spearman x 100 with the overall label
PUBLISHED = {
    "people among themselves": (70.09, 68.89),
    "RAGChecker": (61.93, 60.90),
    "token F1": (51.91, 53.89),
    "answer length alone": (19.59, 23.99),
}
SCORES: dict[str, Callable[[str, Sequence[str]], float]] = {
    "token_f1": scores.token_f1,
    "length": lambda text, _: len(text),  # in characters: the baseline without any judgement
}
RESAMPLES = 1_000


@dataclass(frozen=True)
class Pair:
    """Two answers to one question, the reference, and what each person said: label -> -2..2."""

    first: str
    second: str
    reference: str
    labels: tuple[dict[str, int], ...]


def read_pairs(folder: Path) -> list[Pair]:
    """The pairs of the file, two rows (two people) each. Raises DataError."""
    path = folder / FILE
    where = settings.shown(path)
    if not path.is_file():
        raise DataError(f"{where}: not found; {FORM}")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found: dict[Any, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row["instance_id"], []).append(row)
        pairs = [
            Pair(
                str(own[0]["model1"]["response"]),
                str(own[0]["model2"]["response"]),
                str(own[0]["gt_answer"]),
                tuple({name: int(row[f"{name}_label"]) for name in LABELS} for row in own),
            )
            for own in found.values()
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{where}: is not of that form ({error!r}); {FORM}") from error
    if len(pairs) < 3 or {len(pair.labels) for pair in pairs} != {2}:
        raise DataError(
            f"{where}: must hold three pairs or more, each judged by two people; {FORM}"
        )
    return pairs


def preferences(pairs: Sequence[Pair], score: Callable[[str, Sequence[str]], float]) -> np.ndarray:
    """By how much does the score prefer the second answer? One number a pair."""
    import numpy as np

    return np.array([score(p.second, [p.reference]) - score(p.first, [p.reference]) for p in pairs])


def correlations(said: np.ndarray, people: np.ndarray) -> dict[str, dict[str, float] | None]:
    """Pearson and Spearman x 100 of said (pairs, k) with people (pairs, k), with 95 % intervals:
    bootstrap over pairs, whose labels are drawn together. None where one of the two never varies.
    """
    import numpy as np
    from scipy import stats

    if len(np.unique(said)) < 2 or len(np.unique(people)) < 2:
        return {"pearson": None, "spearman": None}
    found = {}
    for name, seen in (("pearson", np.asarray), ("spearman", stats.rankdata)):

        def value(rows: np.ndarray, seen=seen) -> float:
            both = (seen(one[rows].ravel()) for one in (said, people))
            with np.errstate(
                invalid="ignore", divide="ignore"
            ):  # a draw in which one of the two never varies
                return 100 * float(np.corrcoef(*both)[0, 1])

        everyone = np.arange(len(said))
        drawn = np.random.default_rng(0).choice(everyone, (RESAMPLES, len(said)))
        low, high = np.nanquantile([value(rows) for rows in drawn], [0.025, 0.975])
        found[name] = {
            "value": round(value(everyone), 2),
            "low": round(float(low), 2),
            "high": round(float(high), 2),
        }
    return found


def bench_judge(folder: Path) -> dict[str, object]:
    """How far do our scores agree with people about long answers? Beside what is published. Raises
    DataError."""
    import numpy as np

    pairs = read_pairs(folder)
    labels = {
        name: np.array([[one[name] for one in pair.labels] for pair in pairs]) for name in LABELS
    }
    replies = [text for pair in pairs for text in (pair.first, pair.second)]
    capped = sum(length(text) > scores.LONGEST_ANSWER_TOKENS for text in replies)
    against = [[pair.reference] for pair in pairs for _ in range(2)]
    right = sum(map(scores.answer_correct, replies, against))
    exact = int(sum(map(scores.exact_match, replies, against)))
    return {
        "bench": "judge",
        "set": folder.resolve().name,
        "n_pairs": len(pairs),
        "n_labels": 2 * len(pairs),
        "protocol": (
            "score of the second answer minus score of the first, against the labels of both"
            " people; Pearson and Spearman x 100; 95 % intervals: bootstrap over pairs"
        ),
        "scores": {
            name: {
                label: correlations(np.repeat(preferences(pairs, score)[:, None], 2, axis=1), said)
                for label, said in labels.items()
            }
            for name, score in SCORES.items()
        },
        "people_among_themselves": {
            label: correlations(said[:, :1], said[:, 1:]) for label, said in labels.items()
        },
        "published_overall": {
            name: {"pearson": one, "spearman": two} for name, (one, two) in PUBLISHED.items()
        },
        "not_applicable": {
            "right": (
                f"{capped} of {len(replies)} answers are longer than"
                f" {scores.LONGEST_ANSWER_TOKENS} words, where it stops; {right} are right"
            ),
            "exact_match": f"{exact} of {len(replies)} answers equal their reference",
            "citations": "the answers cite no passages",
        },
    }


def shown(found: dict[str, Any]) -> str:
    """The result for people: the overall label, in lines."""

    def line(name: str, one: dict[str, Any]) -> str:
        told = (
            f"{of} {v['value']:.2f} ({v['low']:.2f} to {v['high']:.2f})" if v else f"{of} -"
            for of, v in one.items()
        )
        return f"{name}: {', '.join(told)}"

    return "\n".join(
        [
            f"{found['set']}: {found['n_pairs']} pairs, {found['n_labels']} labels, overall",
            *(line(name, one["overall"]) for name, one in found["scores"].items()),
            line("people among themselves", found["people_among_themselves"]["overall"]),
            *(
                f"published, {name}: pearson {one['pearson']:.2f}, spearman {one['spearman']:.2f}"
                for name, one in found["published_overall"].items()
            ),
            *(f"not applicable, {name}: {why}" for name, why in found["not_applicable"].items()),
        ]
    )
