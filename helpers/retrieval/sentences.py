"""Which sentence, or which row of a table, is it? The smallest pieces that can hold an answer, the
line that says where each comes from, and the window of a few tokens around it.

    units = units_of(document)                 # sentences and rows, each with its exact span
    window(units, best=3, most_tokens=64)      # as a passage that a prompt shows
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.core.cases import Passage
from helpers.data.handbook import Document
from helpers.retrieval.chunking import DELIMITER_ROW, Chunk, tables, token_spans
from helpers.retrieval.context import heading_line, region_and_date

Span = tuple[int, int]
FULL_LINE = 40  # characters: a shorter line ended because it was at its end
# of a list, a table, a heading; columns stand apart
OWN_LINE = re.compile(r"\s*(?:[|#>•]|[-*+]\s|\d+[.)]\s)|.*\S(?:\t|\s{2,})\S")
GAP = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[。！？])(?![。！？\s])")
HEADING = re.compile(r"#{1,6}\s")
BETWEEN = " · "


def sentence_spans(text: str) -> list[Span]:
    """Where is each sentence of a text, each heading, each line of its lists and tables? A sentence
    continues where a full line of prose merely wraps, as in a PDF."""
    cuts = [0]
    for gap in GAP.finditer(text):
        above, below = text[: gap.start()].rpartition("\n")[2], text[gap.end() :].partition("\n")[0]
        if (
            gap[0] != "\n"
            or len(above) < FULL_LINE
            or above.endswith((":", ";"))
            or OWN_LINE.match(above)
            or OWN_LINE.match(below)
        ):
            cuts.append(gap.end())
    spans = itertools.pairwise([*cuts, len(text)])
    trimmed = [
        (a + len(text[a:b]) - len(text[a:b].lstrip()), a + len(text[a:b].rstrip()))
        for a, b in spans
    ]
    return [(a, b) for a, b in trimmed if a < b]


@dataclass(frozen=True)
class Unit:
    """A sentence or a row of a table: characters start:end of a document, with the headings and,
    for a row, the names of the columns that it stands under."""

    document: Document
    start: int
    end: int
    tokens: int
    columns: str = ""

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def header(self) -> str:
        return header_line(self.document, self.start, self.columns)


def header_line(document: Document, start: int, columns: str = "") -> str:
    """What must be known of a piece of a document to understand it alone: title › headings ·
    region · in force since; below it the names of the columns, where it begins within a table.

    Example: "Visitors and site access › Sites · Germany · in force since 1 May 2025".
    """
    chunk = Chunk(document, start, start)
    return in_one_line([heading_line(chunk), *region_and_date(chunk)], columns)


def in_one_line(parts: Sequence[str], columns: str = "") -> str:
    """The parts of a header line put together, with the names of a table's columns below."""
    return BETWEEN.join(parts) + (f"\n| {columns} |" if columns else "")


def units_of(document: Document) -> list[Unit]:
    """The sentences and rows of a document, in order. Headings and the two first lines of a table
    are none: they stand in the header of what is below them."""
    text, known = document.text, tables(document.text)
    starts = [start for start, _ in token_spans(text)]
    units = []
    for start, end in sentence_spans(text):
        columns = next((names for a, b, names in known if a < start < b), "")
        names_columns = any(a <= start < b and not columns for a, b, _ in known)
        if names_columns or HEADING.match(text, start) or DELIMITER_ROW.match(text, start):
            continue
        tokens = bisect_right(starts, end - 1) - bisect_right(starts, start - 1)
        units.append(Unit(document, start, end, tokens, columns))
    return units


def window(
    units: Sequence[Unit], best: int, most_tokens: int = 64, score: float | None = None
) -> Passage:
    """The best unit with as many of its neighbours as most_tokens hold, those behind and before it
    in turn, all under the same headings: as a passage under its header line."""
    one = units[best]
    first = last = best
    room, path = most_tokens - one.tokens, one.document.heading_path(one.start)

    def fits(at: int) -> bool:
        return (
            0 <= at < len(units)
            and units[at].document is one.document
            and units[at].document.heading_path(units[at].start) == path
            and units[at].tokens <= room
        )

    grew = True
    while grew:
        grew = False
        for at in (last + 1, first - 1):
            if fits(at):
                first, last = min(first, at), max(last, at)
                room, grew = room - units[at].tokens, True
    start, end = units[first].start, units[last].end
    header = header_line(one.document, start, units[first].columns)
    return Passage(one.document.id, header, start, end, one.document.text[start:end], score)
