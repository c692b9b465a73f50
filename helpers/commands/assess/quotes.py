"""Where in the documents does the evidence of a question stand? As whole words first, then in other
typography; where it does not stand, the nearest line is shown.

    found, lost = placed([{"doc": "leave.md", "quote": "17 days"}], names_of(home, documents))
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.core.cases import Evidence
from helpers.data.handbook import Document

SHOWN_QUOTE_CHARS = 160
# what differs between a text and its copy, though both say the same
TYPOGRAPHY = (
    dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u00b4"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"')
    | dict.fromkeys(range(0x2010, 0x2016), "-")
    | {0x2212: "-", ord("|"): " "}
    | dict.fromkeys(map(ord, "*_`\\"), "")
)


def names_of(home: Path, documents: Sequence[Document]) -> dict[str, Document]:
    """What a document may be called in `evidence`: its id, or its path below documents/."""
    names: dict[str, Document] = {}
    for document in documents:
        path = document.path.relative_to(home).as_posix()
        for name in (document.id, path, f"documents/{path}"):
            names.setdefault(name, document)
    return names


def placed(
    quotes: Sequence[dict[str, str]], names: Mapping[str, Document]
) -> tuple[tuple[Evidence, ...], list[str]]:
    """The quotes with their places, spaces and line breaks as the document has them; and why one
    was not found."""
    found, lost = [], []
    for one in quotes:
        if "doc" not in one:
            if place := _anywhere(one["quote"], names):
                found.append(place)
            else:
                lost.append("its text stands in no document of documents/")
            continue
        document = names.get(one["doc"]) or names.get(one["doc"].removeprefix("./"))
        if document is None:
            lost.append(
                f"there is no document '{one['doc'][:200]}'; name it by its path below documents/"
            )
            continue
        place = _place(document.text, one["quote"]) or _place_in_other_typography(
            document.text, one["quote"]
        )
        if place is None:
            near = _nearest(document.text, one["quote"])
            lost.append(
                f"the quote does not stand in '{one['doc'][:200]}';"
                + (f" nearest to it is “{near}”;" if near else "")
                + " copy it from the text letter for letter"
            )
        else:
            found.append(Evidence(document.id, document.text[slice(*place)], *place))
    return tuple(found), lost


def _anywhere(quote: str, names: Mapping[str, Document]) -> Evidence | None:
    """The first document that has this text, where no document is named."""
    for document in {one.id: one for one in names.values()}.values():
        if place := _place(document.text, quote) or _place_in_other_typography(
            document.text, quote
        ):
            return Evidence(document.id, document.text[slice(*place)], *place)
    return None


def _place(text: str, quote: str) -> tuple[int, int] | None:
    words = re.sub(r"(?:\\\s|\s)+", r"\\s+", re.escape(quote.strip()))
    # Whole words first ("5 days" is not in "15 days"); then anywhere, for scripts that put no
    # space between words.
    place = re.search(rf"(?<!\w){words}(?!\w)", text) or re.search(words, text)
    return place.span() if place and words else None


def _place_in_other_typography(text: str, quote: str) -> tuple[int, int] | None:
    """Where a quote stands that was copied from a page as a browser or an editor shows it."""
    folded, origins = _folded(text)
    place = _place(folded, _folded(quote)[0])
    return (origins[place[0]], origins[place[1] - 1] + 1) if place else None


@functools.lru_cache(maxsize=64)
def _folded(text: str) -> tuple[str, list[int]]:
    """(a text without Markdown's marks, in plain quotation marks, dashes and letters, where each of
    its characters comes from)."""
    folded, origins = [], []
    for at, sign in enumerate(text):
        for one in unicodedata.normalize("NFKD", sign.translate(TYPOGRAPHY)):
            if not one.isspace() or (folded and not folded[-1].isspace()):
                folded.append(one)
                origins.append(at)
    return "".join(folded), origins


def _nearest(text: str, quote: str) -> str:
    """The line or sentence that shares most words with a quote; empty where it is less than
    half of them."""
    wanted = set(re.findall(r"\w+", quote.casefold()))
    best = max(_lines_of(text), key=lambda line: len(wanted & line[0]), default=(set(), ""))
    return best[1][:SHOWN_QUOTE_CHARS] if 2 * len(wanted & best[0]) >= max(1, len(wanted)) else ""


@functools.lru_cache(maxsize=64)
def _lines_of(text: str) -> list[tuple[set[str], str]]:
    lines = (line.strip() for line in re.split(r"\n+|(?<=[.!?])\s", text))
    return [(set(re.findall(r"\w+", line.casefold())), line) for line in lines if line]
