"""How do rows on disk become records we can trust? JSON Lines in, checked by a pydantic schema, a
`datasets.Dataset` out.

Every complaint names the file, the line and the field, because the reader of it is holding that
file open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from helpers.core import settings

if TYPE_CHECKING:
    from datasets import Dataset


class DataError(ValueError):
    """Something in a data file is not as it must be; the message says where and what to do."""


@dataclass(frozen=True)
class Fault:
    """One thing to fix. No `line` (they count from 1) means the whole file, no `field` the whole
    line."""

    file: str
    line: int | None
    field: str
    message: str

    @property
    def reason(self) -> str:
        return f"field '{self.field}': {self.message}" if self.field else self.message

    def __str__(self) -> str:
        return f"{self.file}{f' line {self.line}' if self.line else ''}: {self.reason}"

    def __lt__(self, other: Fault) -> bool:
        here, there = ((one.file, one.line or 0, one.field, one.message) for one in (self, other))
        return here < there


class Row(BaseModel):
    """Base of all row schemas: unknown keys are mistakes, and nothing is silently converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def why_invalid(error: ValidationError) -> str:
    """The first complaint of pydantic, as `field 'evidence.0.doc': Field required`."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole row"
    return f"field '{field}': {first['msg']}"


def complaints(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Every complaint of pydantic as (field, message)."""
    for one in error.errors():
        field = ".".join(str(part) for part in one["loc"])
        yield field, f"{one['msg']} (found {str(one['input'])[:40]!r})"


def parse_json(text: str) -> Any:
    """One JSON value and nothing around it. Raises ValueError for NaN and for a key that comes
    twice, which json alone lets pass."""
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key appears twice")
    return dict(pairs)


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


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


def json_lines(file: str, data: bytes, faults: list[Fault]) -> Iterator[tuple[int, dict]]:
    """(line number, object) of every line of JSON Lines that holds one; the others become faults.
    Decoded line by line, so that a wrong byte spoils one line."""
    # Not splitlines(): a text may hold U+2028 and the like, which JSON leaves as they are and
    # splitlines() breaks at.
    for number, line in enumerate(data.removesuffix(b"\n").split(b"\n"), start=1):
        line = line.removesuffix(b"\r")
        try:
            row = parse_json(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            message = f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8"
        except ValueError as error:
            message = f"is not JSON ({error}); every line holds one object"
        else:
            if isinstance(row, dict) and row:
                yield number, row
                continue
            message = "is not a row; every line holds one JSON object"
        faults.append(
            Fault(file, number, "", message if line.strip() else "is empty; remove the line")
        )


def checked_rows(
    file: str, data: bytes, schema: type[Row], faults: list[Fault]
) -> Iterator[tuple[int, Row]]:
    """(line number, row) of every line that keeps the schema; the others become faults."""
    for number, found in json_lines(file, data, faults):
        try:
            row = schema.model_validate_json(json.dumps(found))
        except ValidationError as error:
            faults += [Fault(file, number, *one) for one in complaints(error)]
        else:
            yield number, row


def read_rows(path: Path, schema: type[Row]) -> Dataset:
    """Read a JSON Lines file into a `datasets.Dataset`, one checked row a line; ids must be unique.

    Raises DataError naming file, line and field. The rows are handed over with `from_list`, not
    `load_dataset`: the latter caches by modification time and would serve yesterday's rows after a
    `git checkout`.
    """
    from datasets import Dataset

    name, text = settings.shown(path), read_text(path)
    faults: list[Fault] = []
    rows: dict[str, dict] = {}
    lines_of: dict[str, int] = {}
    for number, row in checked_rows(name, text.encode(), schema, faults) if text else ():
        if row.id in rows:
            message = f"{row.id} was already used in line {lines_of[row.id]}"
            faults.append(Fault(name, number, "id", message))
        rows[row.id], lines_of[row.id] = row.model_dump(mode="json"), number
    for fault in faults:
        raise DataError(str(fault))
    if not rows:
        raise DataError(f"{name}: holds no rows")
    return Dataset.from_list(list(rows.values()))


def to_json_line(row: dict) -> str:
    """One row as it is written to disk: UTF-8 kept readable, no line end inside."""
    return json.dumps(row, ensure_ascii=False, separators=(", ", ": ")) + "\n"
