"""What does the company know? The handbook: Markdown documents with a front matter that says who may read what, and since when."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from helpers import settings
from helpers.records import DataError, Row, read_text, why_invalid

HANDBOOK = settings.DATA / "handbook"
UPDATES = "updates"  # new versions that a lesson applies half way; not part of the handbook until then


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
class Document:
    """One version of one handbook document. `text` is the Markdown body; all character spans count from its start."""

    meta: FrontMatter
    text: str
    path: Path
    effective_until: dt.date | None = None  # first day on which a newer version of the same policy is in force

    @property
    def id(self) -> str:
        return self.meta.id

    @property
    def title(self) -> str:
        return self.meta.title

    def in_force(self, as_of: dt.date) -> bool:
        """Was this the version to go by on that day?"""
        return self.meta.effective_from <= as_of and (self.effective_until is None or as_of < self.effective_until)

    def heading_path(self, at: int) -> tuple[str, ...]:
        """Under which headings does a character stand? Titles, outermost first."""
        path: dict[int, str] = {}
        for start, level, title in headings(self.text):
            if start > at:
                break
            path = {above: t for above, t in path.items() if above < level} | {level: title}
        return tuple(path.values())

    def readable_by(self, groups: Collection[str]) -> bool:
        """May somebody in these groups read it?"""
        return bool(set(self.meta.audience) & set(groups))


FENCE = re.compile(r"[ ]{0,3}(```|~~~)")
HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")


def headings(text: str) -> list[tuple[int, int, str]]:
    """Which headings does a Markdown text have? (offset in characters, level 1 to 6, title), in order; those inside code fences do not count."""
    found, at, fence = [], 0, ""
    for line in text.split("\n"):
        if mark := FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence and (heading := HEADING.match(line)):
            found.append((at, len(heading[1]), heading[2]))
        at += len(line) + 1
    return found


def parse_document(path: Path) -> Document:
    """Read one Markdown file with YAML front matter; DataError names file and field."""
    where = settings.shown(path)
    found = re.match(r"---\n(.*?)\n---\n\n?(.*)", read_text(path), flags=re.DOTALL)
    if not found:
        raise DataError(f"{where}: must start with YAML front matter between two lines '---'")
    try:
        fields = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise DataError(f"{where}: front matter is not YAML: {' '.join(str(error).split())}") from error
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
    """All documents, all versions, sorted by id, each knowing until when it is in force. Raises DataError.

    updates: also those in the folder `updates/`, as if they had just been published.
    """
    paths = [path for path in sorted(folder.rglob("*.md")) if updates or path.parent != folder / UPDATES]
    documents = [parse_document(path) for path in paths]
    if not documents:
        raise DataError(f"{settings.shown(folder)}: holds no .md documents")
    by_id: dict[str, Document] = {}
    for document in documents:
        if document.id in by_id:
            raise DataError(f"{settings.shown(document.path)}: id '{document.id}' is also used by {settings.shown(by_id[document.id].path)}")
        by_id[document.id] = document
    successors: dict[str, Document] = {}
    for document in documents:
        old = document.meta.supersedes
        if old is None:
            continue
        where = f"{settings.shown(document.path)}: field 'supersedes':"
        if old not in by_id or by_id[old].meta.policy != document.meta.policy:
            raise DataError(f"{where} there is no '{old}' among the documents of policy '{document.meta.policy}'")
        if by_id[old].meta.effective_from >= document.meta.effective_from:
            raise DataError(f"{where} '{old}' is not older than this version; compare the two effective_from")
        if old in successors:
            raise DataError(f"{where} '{old}' is already superseded by '{successors[old].id}'")
        successors[old] = document
    return [
        Document(d.meta, d.text, d.path, successors[d.id].meta.effective_from if d.id in successors else None)
        for d in sorted(documents, key=lambda d: d.id)
    ]


def may_see(documents: Sequence[Document], groups: Collection[str], as_of: dt.date) -> list[Document]:
    """The documents an asker is entitled to on a day: readable by one of their groups, and in force."""
    return [d for d in documents if d.readable_by(groups) and d.in_force(as_of)]
