"""Which values does each field of the labelled outputs take? Outputs as columns, one a field, and
back to the text of an output."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.core.records import parse_json
from helpers.data.json_schema import Checked, checked

WHOLE = ""  # the name of the only column of outputs that are plain texts


@dataclass(frozen=True)
class Columns:
    """field -> its value in every row, as a JSON text; None where the row has no such field. Plain
    texts are one column, as they are."""

    values: Mapping[str, list[str | None]]
    objects: bool

    def written(self, chosen: Mapping[str, str | None]) -> str:
        """One value for each field as the text of an output, in the form of `labelled.written`."""
        if not self.objects:
            return str(chosen[WHOLE])
        there = {field: chosen[field] for field in self.values if chosen[field] is not None}
        return json.dumps(
            {field: json.loads(value) for field, value in there.items()}, ensure_ascii=False
        )


def columns_of(outputs: Sequence[str], schema: dict | Checked | None = None) -> Columns:
    """The outputs as columns: the schema's fields in its order, then others as they come. Where one
    output is no JSON object, all are plain texts."""
    rows = [_object(output) for output in outputs]
    if not all(row is not None for row in rows):
        return Columns({WHOLE: list(outputs)}, objects=False)
    named: Iterable[str] = () if schema is None else checked(schema).fields
    there = dict.fromkeys(field for row in rows for field in row)
    fields = [*(field for field in named if field in there), *there]
    return Columns(
        {
            field: [
                json.dumps(row[field], ensure_ascii=False) if field in row else None for row in rows
            ]
            for field in dict.fromkeys(fields)
        },
        objects=True,
    )


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
