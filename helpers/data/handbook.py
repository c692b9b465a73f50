"""What does the company know? The handbook: Markdown documents with a front matter that says who
may read what, and since when."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from pydantic import Field, ValidationError

from helpers.core import settings
from helpers.core.records import DataError, Row, read_text, why_invalid

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

HANDBOOK = settings.DATA / "handbook"
# new versions that a lesson applies half way; not part of the handbook until then
UPDATES = "updates"


class FrontMatter(Row):
    """The keys between the `---` lines; `policy` stays the same over the versions of one rule."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    policy: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str = Field(min_length=1)
    section: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    version: int = Field(ge=1)
    effective_from: dt.date
    supersedes: str | None
    audience: list[str] = Field(min_length=1)
    region: Literal["all", "uk", "de", "ca"]


@dataclass(frozen=True)
class Source:
    """The file that a text was taken from: its format, the SHA-256 of its bytes, and where each
    page of a PDF starts in the text."""

    format: Literal["markdown", "text", "html", "pdf"]
    sha256: str
    pages: tuple[int, ...] = ()  # characters from the start of the text; page 1 first


@dataclass(frozen=True)
class Document:
    """One version of one handbook document. `text` is the Markdown body; all character spans count
    from its start."""

    meta: FrontMatter
    text: str
    path: Path
    # first day on which a newer version of the same policy is in force
    effective_until: dt.date | None = None
    source: Source | None = None  # None: a document of the handbook, whose file is its text

    @property
    def id(self) -> str:
        return self.meta.id

    @property
    def title(self) -> str:
        return self.meta.title

    def in_force(self, as_of: dt.date) -> bool:
        """Was this the version to go by on that day?"""
        return self.meta.effective_from <= as_of and (
            self.effective_until is None or as_of < self.effective_until
        )

    def readable_by(self, groups: Collection[str]) -> bool:
        """May a user in these groups read it?"""
        return bool(set(self.meta.audience) & set(groups))

    def page(self, at: int) -> int | None:
        """On which page, counted from 1, is this character? None where the source has no pages."""
        return (bisect_right(self.source.pages, at) or None) if self.source else None

    def heading_path(self, at: int) -> tuple[str, ...]:
        """Which headings is this character under, outermost first? A character of a heading is
        under it."""
        path: list[tuple[int, str]] = []
        for start, level, title in self._headings:
            if start > at:
                break
            path = [*(above for above in path if above[0] < level), (level, title)]
        return tuple(title for _, title in path)

    @functools.cached_property
    def _headings(self) -> list[tuple[int, int, str]]:
        return headings(self.text)


# the YAML between two lines '---', and the text below it
FRONT_MATTER = re.compile(r"---\n(.*?)\n---\n\n?(.*)", flags=re.DOTALL)


@functools.cache
def _commonmark() -> MarkdownIt:
    """A reader of blocks alone: what is inside a line does not matter here."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark")
    reader.core.ruler.enableOnly(["block"])
    return reader


def headings(text: str) -> list[tuple[int, int, str]]:
    """Which headings does a Markdown text have? (character where its line starts, level 1 to 6,
    title) of each that has a title, in order; those of quotes and lists are none of the text's.
    """
    tokens = _commonmark().parse(text)
    starts = [0, *itertools.accumulate(len(line) + 1 for line in text.split("\n"))]
    return [
        (starts[opening.map[0]], int(opening.tag[1]), " ".join(inside.content.split("\n")))
        for opening, inside in itertools.pairwise(tokens)
        if opening.type == "heading_open" and opening.level == 0 and inside.content
    ]


def parse_document(path: Path, text: str | None = None) -> Document:
    """Read one Markdown file with YAML front matter; DataError names file and field.

    text: what is in the file, where it has been read already.
    """
    where = settings.shown(path)
    found = FRONT_MATTER.match(read_text(path) if text is None else text)
    if not found:
        raise DataError(f"{where}: must start with YAML front matter between two lines '---'")
    try:
        fields = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise DataError(
            f"{where}: front matter is not YAML: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(fields, dict):
        raise DataError(f"{where}: front matter must be 'key: value' lines")
    try:
        meta = FrontMatter(**fields)
    except (ValidationError, TypeError) as error:
        reason = why_invalid(error) if isinstance(error, ValidationError) else str(error)
        raise DataError(f"{where}: front matter {reason}") from error
    if not found[2].strip():
        raise DataError(f"{where}: has no text below its front matter")
    return Document(meta, found[2], path)


def load_handbook(folder: Path = HANDBOOK, updates: bool = False) -> list[Document]:
    """All documents, all versions, sorted by id, each knowing until when it is in force. Raises
    DataError.

    updates: also those in the folder `updates/`, as if they had just been published.
    """
    paths = [
        path for path in sorted(folder.rglob("*.md")) if updates or path.parent != folder / UPDATES
    ]
    documents = [parse_document(path) for path in paths]
    if not documents:
        raise DataError(f"{settings.shown(folder)}: holds no .md documents")
    chained, conflicts = chain_versions(documents)
    for document, reason in conflicts:
        raise DataError(f"{settings.shown(document.path)}: {reason}")
    return chained


def chain_versions(
    documents: Sequence[Document],
) -> tuple[list[Document], list[tuple[Document, str]]]:
    """Until when is each version in force? (those that fit together, sorted by id; each other one,
    with what is wrong with it).

    An id used twice and a `supersedes` that cannot be are the fault of the later document in the
    order given.
    """
    by_id: dict[str, Document] = {}
    successors: dict[str, Document] = {}
    conflicts: list[tuple[Document, str]] = []
    for document in documents:
        first = by_id.setdefault(document.id, document)
        if first is not document:
            conflicts.append(
                (document, f"id '{document.id}' is also used by {settings.shown(first.path)}")
            )
    for document in by_id.values():
        if reason := _why_not_after(document, by_id, successors):
            conflicts.append((document, f"field 'supersedes': {reason}"))
        elif document.meta.supersedes is not None:
            successors[document.meta.supersedes] = document
    wrong = {id(document) for document, _ in conflicts}
    good = sorted((d for d in by_id.values() if id(d) not in wrong), key=lambda d: d.id)
    return [
        replace(
            d, effective_until=successors[d.id].meta.effective_from if d.id in successors else None
        )
        for d in good
    ], conflicts


def _why_not_after(
    document: Document, by_id: dict[str, Document], successors: dict[str, Document]
) -> str | None:
    """Why can this document not follow the one that it says it supersedes? None where it can, or
    supersedes nothing."""
    old, policy = document.meta.supersedes, document.meta.policy
    if old is None:
        return None
    if old not in by_id or by_id[old].meta.policy != policy:
        return f"there is no '{old}' among the documents of policy '{policy}'"
    if by_id[old].meta.effective_from >= document.meta.effective_from:
        return f"'{old}' is not older than this version; compare the two effective_from"
    if old in successors:
        return f"'{old}' is already superseded by '{successors[old].id}'"
    return None


def may_see(
    documents: Sequence[Document], groups: Collection[str], as_of: dt.date
) -> list[Document]:
    """The documents a user is entitled to on a day: readable by one of their groups, and in
    force."""
    return [d for d in documents if d.readable_by(groups) and d.in_force(as_of)]
