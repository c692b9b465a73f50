"""Which rows does a table hold? CSV (comma, semicolon, tab) and XLSX, each cell as the text that a
reader of the sheet sees.

Hidden sheets are left out. Hidden rows and columns are not recognised, and a formula counts by the
value that was saved with it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from helpers.core.records import DataError
from helpers.data.zipped import opened

MOST_ROWS, MOST_CELLS = 100_000, 2_000_000
MOST_COLUMNS = 500
DELIMITERS = ",;\t|"
LOOKED_AT = 50  # rows, to see what parts their cells
CURRENCY = re.compile("[€£¥$]")
LOCALE = re.compile(r"\[\$-[^\]]*\]")  # of a number format: no currency

Rows = list[list[str]]


class Sheet(NamedTuple):
    """A name ("" in a CSV file) and rows of equal length."""

    name: str
    rows: Rows


def csv_rows(text: str, empty: bool = False) -> Rows:
    """The rows of a CSV file, whatever parts its cells; empty: empty ones too, so that they can be
    counted. Raises DataError where it is none."""
    first, _, rest = text.partition("\n")
    if re.fullmatch(r"sep=[,;\t|]\r?", first):  # Excel's word to itself
        return _limited(_parsed(rest, first[4]), empty)
    best = max(DELIMITERS, key=lambda delimiter: _evenness(text, delimiter))
    return _limited(_parsed(text, best), empty)


def _parsed(text: str, delimiter: str) -> Iterable[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise DataError(f"is no CSV ({error}); save it again as CSV, UTF-8") from error


def _evenness(text: str, delimiter: str) -> tuple[float, int]:
    """How well does a delimiter explain the first rows: do all have as many cells, and more than
    one?"""
    try:
        some = list(itertools.islice(_parsed(text, delimiter), LOOKED_AT))
    except DataError:
        return (0.0, 0)
    widths = Counter(len(row) for row in some if row)
    if not widths:
        return (0.0, 0)
    width, rows = widths.most_common(1)[0]
    return (rows / sum(widths.values()) if width > 1 else 0.0, width)


def _limited(rows: Iterable[Sequence[str]], empty: bool = False) -> Rows:
    """The rows that hold anything, filled up to one width. Raises DataError where there are more
    than can be used."""
    found: Rows = []
    cells = 0
    for at, row in enumerate(rows):
        if at >= MOST_ROWS or cells > MOST_CELLS:
            raise DataError(
                f"has more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells; take a sample"
            )
        texts = [cell.strip() for cell in row[:MOST_COLUMNS]]
        cells += len(texts)
        if any(texts) or (empty and found):
            found.append(texts)
    width = max((at + 1 for row in found for at, cell in enumerate(row) if cell), default=0)
    return [[*row[:width], *[""] * (width - len(row))] for row in found]


def xlsx_sheets(data: bytes, empty: bool = False) -> list[Sheet]:
    """The sheets of a workbook that are shown and hold anything; empty: with empty rows. Raises
    DataError where it cannot be opened."""
    import warnings

    from openpyxl import load_workbook

    opened(data, ".xlsx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on styles and extensions that are of no use here
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        found = []
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                continue
            sheet.reset_dimensions()  # what the file states may be a million empty columns
            rows = _limited(([_shown(cell) for cell in row] for row in sheet.iter_rows()), empty)
            if rows:
                found.append(Sheet(sheet.title, rows))
        book.close()
    return found


def _shown(cell: Any) -> str:
    """A cell as its reader sees it: 0.19 in the format 0 % is 19 %, a day has no midnight."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.datetime):
        return str(value.date() if value.time() == dt.time() else value)
    if not isinstance(value, int | float):
        return str(value)
    style = str(getattr(cell, "number_format", "") or "")
    if "%" in style:
        return f"{round(100 * value, 10):g} %"
    number = str(int(value)) if float(value).is_integer() else repr(value)
    sign = CURRENCY.search(LOCALE.sub("", style))
    return f"{number} {sign[0]}" if sign else number


def as_markdown(sheets: Iterable[Sheet]) -> str:
    """Sheets as tables in Markdown, each below its name; a single column as lines."""
    parts = []
    for sheet in sheets:
        if sheet.name:
            parts.append(f"## {_cell(sheet.name)}")
        if len(sheet.rows[0]) == 1:
            parts.append("\n".join(_cell(row[0]) for row in sheet.rows))
            continue
        head, *rows = [f"| {' | '.join(map(_cell, row))} |" for row in sheet.rows]
        rule = f"|{' --- |' * len(sheet.rows[0])}"
        parts.append("\n".join([head, rule, *rows]))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
