"""What is in the folder to be assessed? Documents, questions, labelled examples, configuration; and
every fault with file, line and reason.

    own = read_user_folder(Path("my_company"))
    own.documents, own.questions, own.examples, own.faults

The good parts are read, whatever the others look like. Nothing is written, no link that leaves the
folder is followed.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.commands.assess.config import AssessConfig, read_config
from helpers.commands.assess.question_cases import EVERYBODY, question_cases
from helpers.commands.assess.quotes import names_of
from helpers.core.cases import Case
from helpers.core.records import DataError, Fault
from helpers.data import ingest, labelled_rows, row_formats
from helpers.data.handbook import Document
from helpers.data.json_schema import Checked, SchemaError, load_schema
from helpers.data.labelled_rows import LabelledError
from helpers.evaluation.text import AllOf, length

LARGEST_FILE_BYTES = 64_000_000
SENTENCE_WORDS = 7  # an answer from here on is a sentence, which no reply holds word for word
NAMES = ("questions", "examples")  # of files with rows, with one of the suffixes of `row_formats`
PARTS = ("documents", "questions.jsonl", "examples.jsonl", "schema.json", "assess.toml")
# what people call the parts; what is nearly one of these names is found by its letters
CALLED = {
    "documents": "docs doc document dokumente files pages wiki handbook corpus knowledge",
    "questions.jsonl": "question qa test tests testset eval evals golden goldens faq fragen",
    "examples.jsonl": "example train training trainset labels labelled labeled tickets dataset",
    "schema.json": "schemas",
    "assess.toml": "config settings",
}
TO_DO = {  # of the kinds that are passed over
    "save as .docx": ".doc .odt .rtf .pages .dot .wpd",
    "save as .xlsx or .csv": ".xls .ods .numbers .xlsm .xlsb",
    "export as .pdf": ".ppt .pptx .odp .key .vsdx .ps .djvu .xps",
    "save as .html or .txt": ".eml .msg .epub .mobi .chm .mhtml .mht .xhtml",
    "save as .md or .html (pandoc does)": ".adoc .asciidoc .org .tex .textile .mdx .rmd .qmd",
    "write their texts as .md or .txt": ".json .jsonl .xml .yaml .yml .toml .sql .parquet .db",
    "run OCR, and save as .pdf or .txt": ".png .jpg .jpeg .gif .tif .tiff .bmp .webp .heic .svg",
    "write down what is said": ".mp3 .mp4 .wav .m4a .mov .avi .webm .ogg .mkv",
    "unpack": ".zip .gz .tar .7z .rar .tgz",
}


@dataclass(frozen=True)
class UserFolder:
    """All that could be read. fingerprint: of everything in it; another folder, or a changed one,
    has another."""

    folder: Path
    documents: tuple[Document, ...]
    questions: tuple[Case, ...]
    examples: tuple[Case, ...]
    schema: Checked | None
    wishes: AssessConfig
    faults: tuple[Fault, ...]
    ignored: int = 0
    closed: int = 0  # documents left out, for they may say who may read them
    remarks: tuple[
        Fault, ...
    ] = ()  # on how files and documents were read, and what was passed over

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(
            repr(
                (
                    sorted(self.questions, key=lambda c: c.id),
                    sorted(self.examples, key=lambda c: c.id),
                    self.wishes,
                )
            ).encode("utf-8", "surrogatepass")
        )
        for document in self.documents:
            digest.update(
                f"{document.id} {document.meta.audience}"
                f" {hashlib.sha256(document.text.encode('utf-8', 'surrogatepass')).hexdigest()}"
                "\n".encode()
            )
        digest.update(
            json.dumps(self.schema.schema, sort_keys=True).encode() if self.schema else b""
        )
        return digest.hexdigest()[:16]

    @property
    def characters(self) -> int:
        return sum(len(document.text) for document in self.documents)


def read_user_folder(folder: Path, today: dt.date | None = None) -> UserFolder:
    """Everything in the folder that can be used, and what cannot. Raises DataError where there is
    no such folder, or nothing in it is of use.

    today: the day on which questions without `as_of` are asked.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such folder; `assess --example {folder}` writes one that shows"
            " what belongs in it"
        )
    faults: list[Fault] = []
    wishes = _config(folder, faults)
    reading = _documents(folder, wishes.access.open_keys, faults)
    documents = reading.documents if reading else []
    remarks = [_below(one) for one in reading.remarks] if reading else []
    remarks = [*_passed_over(folder, reading), *remarks]
    judging = wishes.answers.judging
    given, taken = wishes.columns.stated, []
    questions = _questions(
        folder, documents, today or dt.date.today(), judging, faults, given, taken
    )
    schema, examples = _examples(folder, faults, given, taken)
    faults += _misnamed(folder)
    clean = tuple(
        Fault(*(ingest.printable(x) if isinstance(x, str) else x for x in vars(one).values()))
        for one in sorted(faults)
    )
    if not questions and not examples:
        shown = "".join(f"\n  {one}" for one in clean[:20])
        raise DataError(
            f"{folder}: holds nothing that can be judged; it needs questions.jsonl (with"
            f" documents/) or examples.jsonl (or .csv, .xlsx, .json); `assess --example DIR`"
            f" writes both{shown}"
        )
    return UserFolder(
        folder,
        tuple(documents),
        tuple(questions),
        tuple(examples),
        schema,
        wishes,
        clean,
        len(reading.ignored) if reading else 0,
        len(reading.closed) if reading else 0,
        (*taken, *remarks),
    )


def sentence_answers(own: UserFolder) -> int:
    """How many questions have nothing but whole sentences as answers?"""
    return sum(
        bool(case.gold.answers)
        and all(
            length(one) >= SENTENCE_WORDS and not isinstance(one, AllOf)
            for one in case.gold.answers
        )
        for case in own.questions
    )


def sentence_note(own: UserFolder) -> str | None:
    """What whoever wrote whole sentences as answers should know before a model runs."""
    if not (count := sentence_answers(own)):
        return None
    return (
        f"{count:,} of {sum(bool(case.gold.answers) for case in own.questions):,} answers are"
        f" sentences of {SENTENCE_WORDS} words and more; a reply is right only if it holds one word"
        ' for word: write the part that must be said as an answer, or the parts as "must_contain".'
        " Token F1 (shared words, 0 to 1) stands beside."
    )


def _there(
    folder: Path, name: str, faults: list[Fault], of_kind: Callable[[int], bool] = stat.S_ISREG
) -> Path | None:
    """The path of a part, where it may be opened: inside the folder, of the right kind, not too
    large."""
    path = folder / name
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            wrong = (
                "is a link that leaves the folder, so it was not followed; copy what it points to"
                " into its place"
            )
        elif not of_kind((about := path.stat()).st_mode):
            wrong = f"is not {'an ordinary file' if of_kind is stat.S_ISREG else 'a folder'}"
        elif of_kind is stat.S_ISREG and about.st_size > LARGEST_FILE_BYTES:
            wrong = (
                f"has {about.st_size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read: take a"
                " sample"
            )
        else:
            return path
    except FileNotFoundError:
        return None
    except OSError as error:
        wrong = f"cannot be looked at ({error.strerror}); check permissions"
    faults.append(Fault(name, None, "", wrong))
    return None


def _file_of_rows(folder: Path, name: str, faults: list[Fault]) -> Path | None:
    """The file with the questions or the examples, in whichever form it is there."""
    there = [f"{name}{s}" for s in row_formats.SUFFIXES if (folder / f"{name}{s}").exists()]
    faults += [
        Fault(other, None, "", f"is not read, for {there[0]} is there; remove one of the two")
        for other in there[1:]
    ]
    return _there(folder, there[0], faults) if there else _there(folder, f"{name}.jsonl", faults)


def _misnamed(folder: Path) -> list[Fault]:
    """What lies at the top of the folder and has nearly the name of a part."""
    known = {*PARTS, *(f"{name}{suffix}" for name in NAMES for suffix in row_formats.SUFFIXES)}
    called = {word: part for part, words in CALLED.items() for word in words.split()}
    called |= {part.partition(".")[0]: part for part in CALLED}
    found = []
    for path in sorted(folder.iterdir()):
        stem, suffix = path.stem.casefold(), path.suffix.lower()
        if path.name in known or path.name.startswith(".") or stem.startswith("readme"):
            continue
        word = stem.replace("_", "").replace("-", "").replace(" ", "")
        near = difflib.get_close_matches(word, called, 1, 0.8)
        part = called[near[0]] if near else None
        if part is None or path.is_dir() != (part == "documents"):
            continue
        if part.endswith(".jsonl") and suffix in row_formats.SUFFIXES:
            part = part.removesuffix(".jsonl") + suffix
        elif part.endswith(".jsonl"):
            part = f"{part.removesuffix('.jsonl')}{'.csv' if suffix in ('', '.txt') else '.jsonl'}"
        elif part == "assess.toml" and suffix not in (".toml", ".yaml", ".yml", ".json"):
            continue
        shown = f"{part}/" if part == "documents" else part
        found.append(Fault(path.name, None, "", f"is not read; if it is meant, name it {shown}"))
    return found


def _passed_over(folder: Path, reading: ingest.IngestResult | None) -> list[Fault]:
    """What documents/ holds and is not read, by kind, with what to do."""
    kinds: dict[str, list[str]] = {}
    for name in reading.ignored if reading else ():
        if not (path := folder / "documents" / name).is_symlink():  # a link is read under its name
            kinds.setdefault(path.suffix.lower(), []).append(name)
    todo = {suffix: what for what, suffixes in TO_DO.items() for suffix in suffixes.split()}
    return [
        Fault(
            "documents",
            None,
            "",
            f"{len(names):,} {suffix[:20] or 'without a suffix'}"
            f" {'was' if len(names) == 1 else 'were'} passed over (as {names[0][:80]}):"
            f" {todo.get(suffix, 'save as .md, .txt or .html')}",
        )
        for suffix, names in sorted(kinds.items(), key=lambda one: (-len(one[1]), one[0]))
    ]


def _config(folder: Path, faults: list[Fault]) -> AssessConfig:
    path = _there(folder, "assess.toml", faults)
    if path is None:
        return AssessConfig()
    try:
        wishes, wrong = read_config(
            path.read_bytes().decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
        )
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault("assess.toml", None, "", f"cannot be read ({error}); save it as UTF-8"))
        return AssessConfig()
    faults += wrong
    return wishes


# --- documents ------------------------------------------------------------------------------------


def _below(one: Fault) -> Fault:
    return replace(one, file=f"documents/{one.file}")


def _documents(
    folder: Path, open_keys: Collection[str], faults: list[Fault]
) -> ingest.IngestResult | None:
    home = _there(folder, "documents", faults, stat.S_ISDIR)
    if home is None:
        return None
    reading = ingest.read_folder(home, audience=[EVERYBODY], open_keys=open_keys)
    where = " (under [access] in assess.toml)"
    faults += [
        _below(replace(one, message=one.message + where * (one.file in reading.closed)))
        for one in reading.unreadable
    ]
    if not reading.documents:
        faults.append(
            Fault(
                "documents",
                None,
                "",
                f"holds no document that could be read; put files there ({ingest.SUFFIXES})",
            )
        )
    return reading


# --- questions ------------------------------------------------------------------------------------


def _questions(
    folder: Path,
    documents: Sequence[Document],
    today: dt.date,
    judging: dict[str, Any],
    faults: list[Fault],
    columns: row_formats.Columns,
    said: list[Fault],
) -> list[Case]:
    path = _file_of_rows(folder, "questions", faults)
    if path is None:
        return []
    try:
        data = labelled_rows.read_bytes(path)
    except LabelledError as error:
        faults += [replace(one, file=path.name) for one in error.faults]
        return []
    named: list[str] = []
    mine = {key: columns[key] for key in ("question", "answers") if key in columns}
    rows = row_formats.question_rows(path.name, data, faults, mine, named)
    said += [Fault(path.name, None, "", one) for one in named]
    names = names_of(folder / "documents", documents)
    return question_cases(path.name, rows, documents, names, today, judging, faults)


# --- examples -------------------------------------------------------------------------------------


def _examples(
    folder: Path, faults: list[Fault], columns: row_formats.Columns, taken: list[Fault]
) -> tuple[Checked | None, list[Case]]:
    path = _file_of_rows(folder, "examples", faults)
    form = _there(folder, "schema.json", faults)
    schema = None
    if form is not None:
        try:
            schema = load_schema(form)
        except SchemaError as error:
            message = str(error).split("schema.json: ", 1)[-1]
            faults.append(Fault("schema.json", None, "", message))
    if path is None:
        return schema, []
    cases: list[Case] = []
    named: list[str] = []
    try:
        mine = {key: columns[key] for key in ("input", "output") if key in columns}
        cases, wrong = labelled_rows.sift(path, schema, columns=mine, named=named)
        taken += [Fault(path.name, None, "", one) for one in named]
    except LabelledError as error:
        wrong = error.faults
    except SchemaError as error:
        wrong = [Fault(path.name, None, "", str(error).split(f"{path.name} ", 1)[-1])]
    faults += [replace(one, file=path.name) for one in wrong]
    return schema, cases
