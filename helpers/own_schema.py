"""What form do these outputs have, where nobody wrote it down? A JSON Schema from training rows:
fields, types, and closed lists of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpers.cases import Case
from helpers.json_schema import Checked, SchemaError, checked

MOST_LABELS = 40
# a list is closed when its labels come back: at least so many rows for each, on average
ROWS_A_LABEL = 3
LONGEST_LABEL_CHARS = 60


def derived(cases: Sequence[Case]) -> Checked | None:
    """The schema that these rows keep; None for texts that are no closed list of labels."""
    if not cases:
        return None
    if cases[0].gold.output is None:
        labels = _labels([case.gold.answers[0] for case in cases])
        return checked({"type": "string", "enum": labels}) if labels else None
    rows = [case.gold.output for case in cases]
    names = list(dict.fromkeys(name for row in rows for name in row))
    fields = {name: _field([row[name] for row in rows if name in row]) for name in names}
    try:
        return checked(
            {
                "type": "object",
                "properties": fields,
                "required": [name for name in names if all(name in row for row in rows)],
                "additionalProperties": False,
            }
        )
    except SchemaError:  # names or values that no schema may hold: then any object keeps the form
        return checked({"type": "object"})


def _field(values: Sequence[Any]) -> dict[str, Any]:
    kinds = {_kind(value) for value in values}
    if kinds == {"string"} and (labels := _labels(values)):
        return {"type": "string", "enum": labels}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if kinds & {"object", "array"}:
        return {}
    return {"type": kinds.pop()} if len(kinds) == 1 else {"type": sorted(kinds)}


def _kind(value: Any) -> str:
    for kind, types in (
        ("boolean", bool),
        ("integer", int),
        ("number", float),
        ("string", str),
        ("array", list),
        ("object", dict),
    ):
        if isinstance(value, types):
            return kind
    return "null"


def _labels(values: Sequence[str]) -> list[str]:
    labels = sorted(set(values))
    closed = (
        len(labels) <= MOST_LABELS
        and len(values) >= ROWS_A_LABEL * len(labels)
        and all(len(label) <= LONGEST_LABEL_CHARS for label in labels)
    )
    return labels if closed and len(labels) > 1 else []
