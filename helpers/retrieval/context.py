"""What stands before a chunk when it is embedded and when BM25 reads it? A chunk is a piece of a
document; these lines say which document, which part of it, and where and since when it holds.

    none        nothing
    title       the document's title; under the strategy "headings" the heading path
    headings    title › the headings that the chunk begins under
    place       … · section · region
    version     … · version, in force since

Only the search reads it: the passage that a prompt shows is the chunk, under its title.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from helpers.retrieval.chunking import Chunk
from helpers.retrieval.rows import embedded_text

REGIONS = {"uk": "United Kingdom", "de": "Germany", "ca": "Canada"}  # "all" tells nothing apart
UNDATED = dt.date(1970, 1, 1)  # what a document without front matter gets


def _nothing(chunk: Chunk) -> str:
    return f"{chunk.columns}\n{chunk.text}" if chunk.columns else chunk.text


def heading_line(chunk: Chunk) -> str:
    """title › the headings that the chunk begins under; a heading that repeats the title once."""
    title, path = chunk.document.title, chunk.heading_path
    return " › ".join([title, *(path[1:] if path[:1] == (title,) else path)])


def region_and_date(chunk: Chunk) -> list[str]:
    """Where and since when the chunk's document holds, as far as it says so: ["Germany", "in force
    since 1 May 2025"]."""
    meta = chunk.document.meta
    dated = meta.effective_from != UNDATED
    return [
        *([REGIONS[meta.region]] if meta.region in REGIONS else []),
        *([in_force(meta.effective_from)] if dated else []),
    ]


def in_force(since: dt.date) -> str:
    """As a header line says it: in force since 1 May 2025."""
    return f"in force since {day(since)}"


def day(date: dt.date) -> str:
    """A date as a person writes it: 1 May 2025."""
    return f"{date.day} {date:%B %Y}"


def _headings(chunk: Chunk) -> list[str]:
    return [heading_line(chunk)]


def _place(chunk: Chunk) -> list[str]:
    meta = chunk.document.meta
    return [
        *_headings(chunk),
        meta.section,
        *([REGIONS[meta.region]] if meta.region in REGIONS else []),
    ]


def _version(chunk: Chunk) -> list[str]:
    meta = chunk.document.meta
    return [
        *_place(chunk),
        *(
            []
            if meta.effective_from == UNDATED
            else [f"version {meta.version}, {in_force(meta.effective_from)}"]
        ),
    ]


def _before(parts: Callable[[Chunk], list[str]]) -> Callable[[Chunk], str]:
    """The parts in one line, the names of a table's columns in another, then the chunk."""
    return lambda chunk: f"{' · '.join(parts(chunk))}\n{_nothing(chunk)}"


# from the shortest to the longest; each but the first two repeats the one before
CONTEXTS: dict[str, Callable[[Chunk], str]] = {
    "none": _nothing,
    "title": embedded_text,
    "headings": _before(_headings),
    "place": _before(_place),
    "version": _before(_version),
}


def read_with(context: str) -> Callable[[Chunk], str]:
    """What embedder and BM25 read of a chunk, by the name of what stands before it. Raises
    ValueError for a name that is not in CONTEXTS."""
    if context not in CONTEXTS:
        raise ValueError(f"there is no context '{context}'; choose one of {', '.join(CONTEXTS)}")
    return CONTEXTS[context]
