"""Has this candidate seen its exam? The ids of its training rows, as its card names them, against
the ids of the evaluation file: a comparison of two lists, before any score.

    leaked_ids(adapter, evaluation)     # [] is what a release needs; `pack` refuses anything else

No score can show it: a candidate that has learnt its exam by heart passes every gate, and well. An
id that was changed on the way hides a row; near copies are found by `workbook.py check-data`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from helpers.core.records import parse_json

CARD = "card.json"  # beside an adapter; a recipe in one JSON file may hold the same


def trained_on(adapter: Path) -> list[str]:
    """The ids of the rows that an adapter (or a recipe in a JSON file) was trained on, from its
    card; none where it has no card, or one that names no rows."""
    card = adapter / CARD if adapter.is_dir() else adapter
    if card.suffix != ".json" or not card.is_file():
        return []
    try:
        ids = parse_json(card.read_text(encoding="utf-8"))["about"]["ids"]
        return [str(one) for one in ids]
    except (ValueError, KeyError, TypeError):
        return []


def evaluated_on(evaluation: Path) -> list[str]:
    """The ids of the cases in a JSON Lines file, or in all such files of a folder."""
    files = sorted(evaluation.rglob("*.jsonl")) if evaluation.is_dir() else [evaluation]
    return [id for file in files if file.suffix == ".jsonl" for id in _ids(file)]


def leaked_ids(adapter: Path, evaluation: Path) -> list[str]:
    """The cases of the evaluation that are among the training rows, sorted. Raises ValueError for a
    file of cases that is not JSON Lines, where the adapter names its rows."""
    seen = set(trained_on(adapter))
    return sorted(seen & set(evaluated_on(evaluation))) if seen else []


def _ids(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row = parse_json(line) if line.strip() else None
        if isinstance(row, dict) and "id" in row:
            yield str(row["id"])
