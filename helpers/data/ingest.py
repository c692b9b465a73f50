"""How does a folder of files become documents, and what changed since last time? Markdown, text,
HTML, PDF, files of office programs and notebooks in; documents, hashes and reasons out.

No access by default: a file that does not say who may read it needs an `audience`, or it
stays out. One file is read by `extract`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import re
import shutil
import stat
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from helpers.core import settings
from helpers.core.records import DataError, Fault
from helpers.data.extract import extract, one_line, plain
from helpers.data.front_matter import closing
from helpers.data.handbook import (
    HANDBOOK,
    Document,
    FrontMatter,
    Source,
    chain_versions,
    headings,
    parse_document,
)

FORMATS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".tsv": "csv",
    ".rst": "rst",
    ".ipynb": "ipynb",
}
SUFFIXES = ", ".join(FORMATS)
MAX_BYTES = 20_000_000
TITLE_CHARS = 200
SHOWN_KEYS, SHOWN_KEY_CHARS = 8, 60
# What only draws a remark, for it closes nothing: names of folders, and of files about access.
SPEAKS = re.compile(
    r"_(?!posts|docs|pages|index|static)|.*(?:intern(?:al|e|o)?(?![a-z])|restrict|confid|privat"
    r"|prive|secret|segret|geheim|vertraul|riservat|sensiti|only(?![a-z]))"
)
SIDECAR = re.compile(r".*(?:access|acl(?![a-z])|permission|htpasswd|rights|reader|owners|restrict)")
SAID_HIDDEN = 0.05  # of a page's text; less are signs and labels
HIDDEN = (
    "{:.0f} % of its text is hidden from a reader and was left out; show it on the page if it"
    " belongs to the text"
)
WHOLE = "a page that names its audience needs all of " + ", ".join(FrontMatter.model_fields)
UNNAMED = "does not say who may read it; pass audience=[...] or add front matter"


def copy_handbook() -> Path:
    """A copy of the handbook to change, in a folder of its own, without the updates."""
    folder = Path(tempfile.mkdtemp()) / "handbook"
    return Path(shutil.copytree(HANDBOOK, folder, ignore=shutil.ignore_patterns("updates")))


@dataclass(frozen=True)
class IngestResult:
    """What one look at a folder gave. `files` has one entry for each document: relative path ->
    SHA-256 of the bytes.

    A file that has become unreadable is not in `files`, so `changes` calls it deleted, and its old
    text is served no longer.
    """

    folder: Path
    documents: list[Document]
    unreadable: tuple[Fault, ...]  # files and folders that gave no document; paths as in `files`
    files: dict[str, str]
    ignored: tuple[str, ...]  # files of other types, and links to what is read under its own name
    # of the unreadable: the keys that may say who may read it, or when
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: tuple[Fault, ...] = ()  # on what was read

    @property
    def by_path(self) -> dict[str, Document]:
        """The documents by the keys of `files`."""
        return {d.path.relative_to(self.folder).as_posix(): d for d in self.documents}

    def __str__(self) -> str:
        return "\n".join([self._summary(), *(f"  {one}" for one in self.unreadable)])

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><code>{html.escape(one.file)}</code>: {html.escape(one.reason)}</li>"
            for one in self.unreadable
        )
        return f"<p>{html.escape(self._summary())}</p>" + (f"<ul>{items}</ul>" if items else "")

    def _summary(self) -> str:
        formats = Counter(d.source.format for d in self.documents if d.source)
        kinds = (
            f" ({', '.join(f'{n} {name}' for name, n in sorted(formats.items()))})"
            if formats
            else ""
        )
        return (
            f"{settings.shown(self.folder)}: {len(self.documents)} documents{kinds},"
            f" {len(self.unreadable)} unreadable, {len(self.ignored)} ignored"
        )


@dataclass(frozen=True)
class Changes:
    """Which files came, changed, went and stayed? Relative paths, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(f"{len(paths)} {name}" for name, paths in vars(self).items())


def changes(previous: Mapping[str, str], files: Mapping[str, str]) -> Changes:
    """What changed between two `IngestResult.files`? Bytes only: a document can change without its
    file.

    Who may read it may follow from the argument `audience`, and until when it is in force from
    another file that supersedes it.
    """
    both = sorted(previous.keys() & files.keys())
    return Changes(
        added=tuple(sorted(files.keys() - previous.keys())),
        changed=tuple(path for path in both if previous[path] != files[path]),
        deleted=tuple(sorted(previous.keys() - files.keys())),
        unchanged=tuple(path for path in both if previous[path] == files[path]),
    )


def read_folder(
    folder: Path | str,
    audience: Collection[str] | None = None,
    max_bytes: int = MAX_BYTES,
    open_keys: Collection[str] = (),
) -> IngestResult:
    """Which documents does a folder hold? Every file below it with a suffix of FORMATS; one
    that cannot be read is listed and stops no other.

    audience: the groups that may read whatever does not name its own. Such a file gets an id from
    its path, version 1, in force since 1970-01-01 and everywhere. A key of its front matter that
    may say who may read it closes it (see `front_matter`), unless it is one of `open_keys`.
    max_bytes: larger files are listed unread. Hidden files are skipped, and no link is followed.
    Raises DataError when `folder` is none, ValueError when `audience` is a single string.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{settings.shown(folder)}: there is no such folder; name one that holds"
            f" documents ({SUFFIXES})"
        )
    if isinstance(audience, str):
        raise ValueError(f"audience must be a list of groups; write audience=[{audience!r}]")
    documents: list[Document] = []
    unreadable: list[Fault] = []
    ignored: list[str] = []
    closed: dict[str, tuple[str, ...]] = {}
    remarks: list[Fault] = []
    for path, why_not in _walk(folder):
        name = printable(path.relative_to(folder).as_posix())
        if why_not:
            unreadable.append(Fault(name, None, "", printable(why_not)))
        elif why_not == "" or path.suffix.lower() not in FORMATS:
            ignored.append(name)
        else:
            try:
                document, hidden = _read(path, folder, audience, max_bytes, open_keys)
                documents.append(document)
                if hidden >= SAID_HIDDEN:
                    remarks.append(Fault(name, None, "", HIDDEN.format(100 * hidden)))
            except _ClosedError as error:
                closed[name] = error.keys
                unreadable.append(Fault(name, None, "", str(error)))
            except Exception as error:
                # a parser may fail in any way on hostile bytes, and one file must not stop the
                # others
                unreadable.append(Fault(name, None, "", _why(error, path)))
    documents, conflicts = chain_versions(documents)
    for document, reason in conflicts:
        hint = (
            ""
            if document.meta.supersedes
            else "; give one of the two another id (without front matter: another file name)"
        )
        unreadable.append(
            Fault(
                printable(document.path.relative_to(folder).as_posix()),
                None,
                "",
                printable(reason + hint),
            )
        )
    files = {d.path.relative_to(folder).as_posix(): d.source.sha256 for d in documents if d.source}
    opened = [
        d.path.relative_to(folder)
        for d in documents
        if audience and d.meta.audience == sorted(set(audience))
    ]
    sheets = [str(path) for path in opened if FORMATS[path.suffix.lower()] in ("csv", "xlsx")]
    remarks += _spoken_of(opened, [*ignored, *sheets])
    return IngestResult(
        folder,
        documents,
        tuple(sorted(unreadable)),
        dict(sorted(files.items())),
        tuple(ignored),
        closed,
        tuple(sorted(remarks)),
    )


def _spoken_of(opened: Collection[Path], ignored: Collection[str]) -> list[Fault]:
    """Which names of folders, or files about access, speak of readers, though the documents there
    are open to the audience given?"""
    below = Counter(folder for path in opened for folder in path.parents)
    named = {folder: folder for folder in below if SPEAKS.match(folder.name.casefold())} | {
        path: path.parent
        for path in map(Path, ignored)
        if SIDECAR.match(path.name.casefold()) and below[path.parent]
    }
    return [
        Fault(
            printable(name.as_posix()),
            None,
            "",
            f"seems to be about who may read the {below[folder]} documents there; only front matter"
            " closes a document, and theirs does not: move them out if not everybody may read them",
        )
        for name, folder in named.items()
    ]


# --- from a folder to files -----------------------------------------------------------------------


def _walk(folder: Path) -> list[tuple[Path, str | None]]:
    """All that is below a folder and not hidden, and what a hidden name says of access, sorted by
    path; and why it must not be opened, None if it may, "" where that needs no word."""
    found: list[tuple[Path, str | None]] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(here.iterdir())
        except OSError as error:
            found.append(
                (here, f"this folder cannot be opened ({error.strerror}); check its permissions")
            )
            continue
        for path in entries:
            if path.name.startswith("."):
                if SIDECAR.match(path.name.casefold()):
                    found.append((path, ""))
                continue
            try:
                if path.is_dir() and not path.is_symlink():
                    waiting.append(path)
                else:
                    found.append((path, _why_not_opened(path, folder)))
            except (OSError, RuntimeError) as error:
                # RuntimeError: a link to itself, up to Python 3.12
                found.append(
                    (path, f"cannot be looked at ({error}); check the permissions of its folder")
                )
    return sorted(found, key=lambda one: one[0].relative_to(folder).as_posix())


def _why_not_opened(path: Path, folder: Path) -> str | None:
    """Why must this not be opened? Links could lead anywhere, and reading from a pipe could wait
    for ever."""
    if path.is_symlink():
        inside = path.exists() and path.resolve().is_relative_to(folder.resolve())
        return (
            ""
            if inside
            else "is a link that leaves the folder or leads nowhere; copy the file itself here"
        )
    if (
        not path.name.isascii()
        and printable(path.name) != path.name
        and re.search("[\ud800-\udfff]", path.name)
    ):
        return "its name is not valid Unicode; rename it"
    return (
        None
        if stat.S_ISREG(path.stat().st_mode)
        else "is not an ordinary file (a pipe, a device?); move it elsewhere"
    )


def _why(error: Exception, path: Path) -> str:
    """What stopped us from reading this file, as one line."""
    if isinstance(error, DataError):
        return printable(str(error).removeprefix(f"{settings.shown(path)}: "))
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or error}); check its permissions"
    if isinstance(error, RecursionError):
        return "is nested too deeply to be read; open it and save it again in a simpler form"
    told = " ".join(printable(str(error)).split())[:120]
    return (
        f"is damaged, or no {path.suffix.lower()} file ({type(error).__name__}: {told}); open it"
        " and save it again"
    )


def printable(text: str) -> str:
    """A text on one line, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# --- from a file to a document --------------------------------------------------------------------


class _ClosedError(DataError):
    """A page says something of itself that may be about who may read it, or when."""

    def __init__(self, keys: list[str]):
        self.keys = tuple(printable(key[:SHOWN_KEY_CHARS]) for key in keys)
        shown, more = self.keys[:SHOWN_KEYS], len(keys) - SHOWN_KEYS
        super().__init__(
            f"front matter may say who may read it, or when: {', '.join(map(repr, shown))}"
            f"{f' and {more} more' if more > 0 else ''}; if everybody may,"
            f" open_keys = {json.dumps(shown, ensure_ascii=False)} opens it"
        )


def _read(
    path: Path,
    folder: Path,
    audience: Collection[str] | None,
    max_bytes: int,
    open_keys: Collection[str],
) -> tuple[Document, float]:
    """The document in a file, and the share of its text that was hidden."""
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(
            f"is {size:,} bytes, more than max_bytes={max_bytes:,}; split it, or raise max_bytes"
        )
    data = path.read_bytes()
    name, form = path.relative_to(folder), FORMATS[path.suffix.lower()]
    digest = hashlib.sha256(data).hexdigest()
    found = extract(form, data, path)
    if form == "markdown" and any(one and "audience" in one for one in found.headers):
        try:
            return replace(
                parse_document(path, plain(data, path)), source=Source(form, digest)
            ), 0.0
        except DataError as error:
            if "audience" not in open_keys:
                raise DataError(f"{error}; {WHOLE}") from error
    if not audience:
        raise DataError(UNNAMED)
    if keys := closing(found.headers, open_keys):
        raise _ClosedError(keys)
    title, text = found.title, found.text
    id = _slug(name.with_suffix("").as_posix())
    titles = (
        one_line(one)[:TITLE_CHARS]
        for one in (title, *(found for _, _, found in headings(text)[:1]), path.stem, id)
    )
    meta = FrontMatter(
        id=id,
        policy=id,
        title=next(filter(None, titles)),
        section=printable(name.parts[0]) if len(name.parts) > 1 else "root",
        owner="unknown",
        version=1,
        effective_from=dt.date(1970, 1, 1),
        supersedes=None,
        audience=sorted(set(audience)),
        region="all",
    )
    return Document(meta, text, path, source=Source(form, digest, found.pages)), found.hidden


def _slug(name: str) -> str:
    """A path as an id. Where letters are lost (other scripts), a mark made of the path keeps two
    such ids apart."""
    flat = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c for c in flat if not unicodedata.combining(c))
    slug = re.sub("[^a-z0-9]+", "-", letters).strip("-")
    lost = any(c.isalnum() and not c.isascii() for c in letters)
    return "-".join(
        [slug] * bool(slug) + [hashlib.sha256(flat.encode()).hexdigest()[:8]] * (lost or not slug)
    )
