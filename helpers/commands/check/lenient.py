"""What can still be read from files that have faults? Everything that is good, and one `Fault` for
everything that is not.

The loaders of `helpers.data` stop at the first fault, as a lesson must. These readers continue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from helpers.core.records import Fault, Row, checked_rows, complaints
from helpers.data.handbook import FRONT_MATTER, UPDATES, FrontMatter

USERS = "users.json"


class Doc(NamedTuple):
    """A handbook document as the check sees it: where it lies, its front matter, its body and the
    body's first line."""

    file: str
    meta: FrontMatter
    text: str
    lines: dict[str, int]  # front matter key -> line
    published: bool  # False: in the folder updates/, not part of the handbook yet


class Placed(NamedTuple):
    """A row of a JSON Lines file, and where it is."""

    file: str
    line: int
    row: dict[str, Any]


# --- files to text, text to rows ------------------------------------------------------------------


def shown(root: Path, path: Path) -> str:
    return path.relative_to(root.parent).as_posix()


def read_text(root: Path, path: Path, faults: list[Fault]) -> str:
    """The text of a file with its faults of form reported and then fixed, so that the check can
    continue."""
    name = shown(root, path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        faults.append(
            Fault(name, None, "", f"cannot be read ({error.strerror}); put the file back")
        )
        return ""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.append(
            Fault(
                name,
                raw[: error.start].count(b"\n") + 1,
                "",
                f"byte {error.start} is not UTF-8; save the file as UTF-8",
            )
        )
        text = raw.decode("utf-8", errors="replace")
    if text.startswith("\ufeff"):
        faults.append(
            Fault(name, 1, "", "starts with a byte order mark; save it as UTF-8 without BOM")
        )
        text = text.removeprefix("\ufeff")
    if "\r" in text:
        faults.append(
            Fault(
                name,
                text[: text.index("\r")].count("\n") + 1,
                "",
                "has Windows line ends; save it with LF (git: core.autocrlf=input)",
            )
        )
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        faults.append(Fault(name, None, "", "is empty; put its content back"))
    elif not text.endswith("\n"):
        faults.append(
            Fault(name, text.count("\n") + 1, "", "does not end with a line end; add one")
        )
    return text


def read_rows(root: Path, name: str, schema: type[Row], faults: list[Fault]) -> list[Placed]:
    """The good rows of a JSON Lines file; the others become faults."""
    file, text = shown(root, root / name), read_text(root, root / name, faults)
    rows = checked_rows(file, text.encode(), schema, faults) if text.strip() else ()
    return [Placed(file, number, row.model_dump()) for number, row in rows]


def read_users(root: Path, faults: list[Fault]) -> dict[str, set[str]] | None:
    """Role -> groups; None when the file is of no use, so that no user is called unknown because
    of it."""
    path = root / USERS
    name, text = shown(root, path), read_text(root, path, faults)
    try:
        return {role: set(about["groups"]) for role, about in json.loads(text).items()}
    except json.JSONDecodeError as error:
        if text.strip():
            faults.append(Fault(name, error.lineno, "", f"is not JSON ({error.msg})"))
    except (AttributeError, KeyError, TypeError, RecursionError):
        faults.append(
            Fault(
                name,
                None,
                "groups",
                'every role needs a list of groups, as "support-uk": {"groups": ["staff"]}',
            )
        )
    return None


# --- the handbook ---------------------------------------------------------------------------------


def read_handbook(root: Path, faults: list[Fault]) -> dict[str, Doc]:
    """Document id -> document, for all that can be read; what concerns one file alone is checked
    on the way."""
    docs: dict[str, Doc] = {}
    for path in sorted((root / "handbook").rglob("*.md")):
        doc = read_document(root, path, faults)
        if doc is None:
            continue
        if doc.meta.id in docs:
            faults.append(
                Fault(
                    doc.file,
                    doc.lines.get("id", 1),
                    "id",
                    f"'{doc.meta.id}' is also the id of {docs[doc.meta.id].file}; ids are unique",
                )
            )
        docs.setdefault(doc.meta.id, doc)
        if doc.meta.id != path.stem:
            faults.append(
                Fault(
                    doc.file,
                    doc.lines.get("id", 1),
                    "id",
                    f"'{doc.meta.id}' differs from the file's name '{path.stem}'; make them equal",
                )
            )
        if doc.published and doc.meta.section != path.parent.name:
            found = (
                f"'{doc.meta.section}' differs from the folder '{path.parent.name}'; move the file"
                " or change the field"
            )
            faults.append(Fault(doc.file, doc.lines.get("section", 1), "section", found))
    if not docs:
        faults.append(
            Fault(
                shown(root, root / "handbook"),
                None,
                "",
                "holds no documents that can be read; put them back",
            )
        )
    return docs


def read_document(root: Path, path: Path, faults: list[Fault]) -> Doc | None:
    """One document, or None when its front matter is of no use."""
    name, text = shown(root, path), read_text(root, path, faults)
    if not text.strip():
        return None
    found = FRONT_MATTER.match(text)
    if not found:
        faults.append(
            Fault(name, 1, "", "must start with YAML front matter between two lines '---'")
        )
        return None
    body_line = text[: found.start(2)].count("\n") + 1
    faults += [Fault(name, body_line + i, "", message) for i, message in sorted(unclosed(found[2]))]
    if not found[2].strip():
        faults.append(Fault(name, body_line, "", "has no text below its front matter"))
    lines = {
        line.split(":")[0]: number for number, line in enumerate(found[1].split("\n"), start=2)
    }
    try:
        fields = yaml.safe_load(found[1])
        meta = FrontMatter(**fields)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # also ValidationError, and dates such as 2026-02-30
        if isinstance(error, ValidationError):
            faults += [
                Fault(name, lines.get(field.split(".")[0], 1), field, message)
                for field, message in complaints(error)
            ]
        else:
            mark = getattr(error, "problem_mark", None)
            faults.append(
                Fault(
                    name,
                    mark.line + 2 if mark else 1,
                    "",
                    f"front matter is not YAML: {getattr(error, 'problem', error)}",
                )
            )
        return None
    except TypeError:
        faults.append(Fault(name, 1, "", "front matter must be 'key: value' lines"))
        return None
    return Doc(name, meta, found[2], lines, path.parent.name != UPDATES)


def unclosed(text: str) -> Iterator[tuple[int, str]]:
    """Tables and code fences that a Markdown reader would tear: (line from 0, message)."""
    fence, cells, table_line = None, 0, 0
    for i, line in enumerate(text.split("\n")):
        mark = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if fence:
            if mark and mark[1].startswith(fence[1]) and not mark[2].strip():
                fence = None
        elif mark:
            fence = (i, mark[1])
        elif line.lstrip().startswith("|"):
            row = re.split(r"(?<!\\)\|", line.strip())
            if not cells:
                cells, table_line = len(row), i
            if i == table_line + 1 and not re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line.strip()):
                yield table_line, "a table needs a line of dashes (|---|---|) below its header"
            if row[-1].strip():
                yield i, "table row is not closed; end it with |"
            elif len(row) != cells:
                yield (
                    i,
                    f"table row has {len(row) - 2} cells, its header {cells - 2}; add or remove |",
                )
            continue
        cells = 0
    if fence:
        yield fence[0], f"code fence {fence[1]} is never closed; close it with the same characters"
