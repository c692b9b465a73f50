"""How do rows on disk become records we can trust? JSON Lines in, checked by a pydantic schema, a
`datasets.Dataset` out.

Every complaint names the file, the line and the field, because the reader of it is holding that
file open.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from helpers.core import settings

if TYPE_CHECKING:
    from datasets import Dataset


class DataError(ValueError):
    """Something in a data file is not as it must be; the message says where and what to do."""


class Row(BaseModel):
    """Base of all row schemas: unknown keys are mistakes, and nothing is silently converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def why_invalid(error: ValidationError) -> str:
    """The first complaint of pydantic, as `field 'evidence.0.doc': Field required`."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole row"
    return f"field '{field}': {first['msg']}"


def decode(data: bytes, path: Path) -> str:
    """The bytes of a text file as UTF-8, or a sentence that says which byte is wrong."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{settings.shown(path)}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from error


def read_text(path: Path) -> str:
    """A text file as UTF-8 with its line ends as they are, or a sentence that says which byte is
    wrong."""
    text = decode(path.read_bytes(), path)
    if text.startswith("\ufeff"):
        raise DataError(
            f"{settings.shown(path)}: starts with a byte order mark; save it as UTF-8 without BOM"
        )
    if "\r" in text:
        raise DataError(
            f"{settings.shown(path)}: has Windows line ends; save it with LF (git:"
            " core.autocrlf=input)"
        )
    return text


def read_rows(path: Path, schema: type[Row]) -> Dataset:
    """Read a JSON Lines file into a `datasets.Dataset`, one checked row a line; ids must be unique.

    Raises DataError naming file, line and field. The rows are handed over with `from_list`, not
    `load_dataset`: the latter caches by modification time and would serve yesterday's rows after a
    `git checkout`.
    """
    from datasets import Dataset

    rows, lines_of = [], {}
    # Not splitlines(): a text may hold U+2028 and the like, which JSON leaves as they are and
    # splitlines() breaks at.
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), start=1):
        where = f"{settings.shown(path)} line {number}"
        if not line.strip():
            raise DataError(f"{where}: is empty; every line holds one JSON object")
        try:
            row = schema.model_validate_json(line).model_dump(mode="json")
        except ValidationError as error:
            raise DataError(f"{where}: {why_invalid(error)}") from error
        if row["id"] in lines_of:
            raise DataError(
                f"{where}: field 'id': {row['id']} was already used in line {lines_of[row['id']]}"
            )
        lines_of[row["id"]] = number
        rows.append(row)
    if not rows:
        raise DataError(f"{settings.shown(path)}: holds no rows")
    return Dataset.from_list(rows)


def to_json_line(row: dict) -> str:
    """One row as it is written to disk: UTF-8 kept readable, no line end inside."""
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n"
