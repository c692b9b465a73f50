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
import functools
import hashlib
import json
import re
import stat
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from helpers.commands.assess.config import AssessConfig, read_config
from helpers.core.cases import Ask, Case, Evidence, Gold
from helpers.core.records import DataError, Fault
from helpers.data import ingest, labelled_rows, row_formats
from helpers.data.handbook import Document
from helpers.data.json_schema import Checked, SchemaError, load_schema
from helpers.data.labelled_rows import (
    LONGEST_INPUT_CHARS,
    LabelledError,
    family,
    torn,
    wrong_id,
    wrong_text,
)
from helpers.evaluation.scores import never_right
from helpers.evaluation.text import AllOf, length

# the group that may read a file without front matter, and that every user is in
EVERYBODY = "everybody"
LARGEST_FILE_BYTES = 64_000_000
LONGEST_QUESTION_CHARS = 4_000
MOST_ANSWERS = 100
SENTENCE_WORDS = 7  # an answer from here on is a sentence, which no reply holds word for word
SHOWN_GROUPS = 10
SHOWN_QUOTE_CHARS = 160
# what differs between a text and its copy, though both say the same
TYPOGRAPHY = (
    dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u00b4"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"')
    | dict.fromkeys(range(0x2010, 0x2016), "-")
    | {0x2212: "-", ord("|"): " "}
    | dict.fromkeys(map(ord, "*_`\\"), "")
)
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
    names = _names(folder / "documents", documents)
    groups = tuple(
        sorted({EVERYBODY, *(group for document in documents for group in document.meta.audience)})
    )
    try:
        data = labelled_rows.read_bytes(path)
    except LabelledError as error:
        faults += [replace(one, file=path.name) for one in error.faults]
        return []
    cases: list[Case] = []
    taken: dict[str, int] = {}
    strange: dict[str, list[int]] = {}
    unplaced: list[int] = []
    named: list[str] = []
    mine = {key: columns[key] for key in ("question", "answers") if key in columns}
    rows = row_formats.question_rows(path.name, data, faults, mine, named)
    said += [Fault(path.name, None, "", one) for one in named]
    for number, row in rows:
        if found := list(_wrong_question(row, taken)):
            faults += [Fault(path.name, number, *one) for one in found]
            continue
        answers = _answers(row)
        possible, impossible = _possible(answers, judging)
        faults += [Fault(path.name, number, *one) for one in impossible]
        if answers and not possible:
            continue
        id = row.get("id", f"q-{number:04d}")
        taken[id] = number
        evidence, lost = _evidence(row.get("evidence") or [], names)
        if all(one.get("optional") for one in row.get("evidence") or []):
            unplaced += [number] * (bool(lost) and not evidence)
            lost = []
        faults += [
            Fault(
                path.name,
                number,
                "evidence",
                f"{reason}; the question counts, without this evidence",
            )
            for reason in lost
        ]
        for reason in _strange_groups(row.get("groups") or [], groups):
            strange.setdefault(reason, []).append(number)
        whose = (
            tuple(sorted({EVERYBODY, *row["groups"]})) if row.get("groups") is not None else groups
        )
        ask = Ask(
            id,
            row["question"].strip(),
            whose,
            dt.date.fromisoformat(row["as_of"]) if row.get("as_of") else today,
        )
        kind = str(row.get("kind") or ("answerable" if possible else "to refuse"))
        cases.append(
            Case(
                ask,
                Gold(possible, evidence if not lost else ()),
                kind,
                family(ask.input),
                "test",
            )
        )
    faults += [
        Fault(
            path.name,
            lines[0],
            "groups",
            reason
            + "; the question counts, and finds nothing by this group"
            + (f"; {len(lines) - 1} more lines say the same" if lines[1:] else ""),
        )
        for reason, lines in strange.items()
    ]
    if unplaced:
        faults.append(
            Fault(
                path.name,
                unplaced[0],
                "evidence",
                f"the context of {len(unplaced):,} {'questions' if unplaced[1:] else 'question'}"
                " stands in no document: put the texts into documents/; the questions count,"
                " without evidence",
            )
        )
    return cases


def _parts(row: dict[str, Any]) -> list[Any]:
    """The parts of `must_contain`; one part may be a text of its own."""
    parts = row.get("must_contain")
    return [parts] if isinstance(parts, str) else parts


def _refused(row: dict[str, Any]) -> bool:
    """Is the question marked as one without an answer? What stands in `answers` is then what the
    refusal might say."""
    return row.get("answerable") is False or row.get("is_impossible") is True


def _answers(row: dict[str, Any]) -> list[str]:
    """What counts as right: the parts together, and each of the answers; nothing where it should
    be refused."""
    if _refused(row):
        return []
    parts = [AllOf(*_parts(row))] if "must_contain" in row else []
    return [*parts, *row.get("answers", [])]


def _possible(
    answers: Sequence[str], judging: dict[str, Any]
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """(the answers that count, a fault for each that no reply can match). One that is only too long
    stays, for token F1."""
    good, faults = [], []
    for answer in answers:
        wordings = (
            [one for part in answer.parts for one in part]
            if isinstance(answer, AllOf)
            else [answer]
        )
        wrong = [(one, why) for one in wordings if (why := never_right(one, **judging))]
        if not wrong or "too long" in wrong[0][1]:
            good.append(answer)
        field = "must_contain" if isinstance(answer, AllOf) else "answers"
        faults += [(field, f"{one[:80]!r} can never be right: it {why}") for one, why in wrong]
    left_out = " The question was left out." if answers and not good else ""
    todo = (
        '; write what must be said, or "answerable": false where the question should be refused.'
        f"{left_out}"
    )
    return tuple(good), [(f, why if "too long" in why else why + todo) for f, why in faults]


def _wrong_question(row: dict[str, Any], taken: dict[str, int]):
    question, answers = row.get("question"), row.get("answers")
    if "id" in row and (wrong := wrong_id(row["id"], taken)):
        yield "id", wrong
    if not isinstance(question, str):
        yield (
            "question",
            (
                "is missing; it is the text that the system will see"
                if question is None
                else "must be a text"
            ),
        )
    elif wrong := wrong_text(question, LONGEST_QUESTION_CHARS):
        yield "question", wrong
    marks = {name: row[name] for name in ("answerable", "is_impossible") if name in row}
    for name, value in marks.items():
        if not isinstance(value, bool):
            yield name, "must be true or false"
    if marks.get("answerable") is True and marks.get("is_impossible") is True:
        yield "is_impossible", "contradicts 'answerable'; keep one of them"
    if marks.get("answerable") is True and answers == [] and "must_contain" not in row:
        yield "answerable", "says that there is an answer, and 'answers' is empty; add one"
    if "must_contain" in row and not (
        isinstance(parts := _parts(row), list)
        and 0 < len(parts) <= MOST_ANSWERS
        and all(
            isinstance(p, str)
            and len(p) <= LONGEST_INPUT_CHARS
            and not torn(p)
            and any(w.strip() for w in p.split("|"))
            for p in parts
        )
    ):
        yield (
            "must_contain",
            'must be a list of texts, each a part that must be said, as ["2 days|two days"]',
        )
    # where parts or a refusal say what is right, there may be no answers
    if answers is None and ("must_contain" in row or _refused(row)):
        answers = []
    if (
        not isinstance(answers, list)
        or len(answers) > MOST_ANSWERS
        or not all(
            isinstance(a, str) and a.strip() and len(a) <= LONGEST_INPUT_CHARS and not torn(a)
            for a in answers
        )
    ):
        yield (
            "answers",
            (
                "must be a list of texts, each a wording that counts as right; [] where the"
                " question should be refused"
            ),
        )
    evidence = row.get("evidence") or []
    if not isinstance(evidence, list) or not all(
        isinstance(e, dict)
        and isinstance(e.get("doc", ""), str)
        and isinstance(e.get("quote"), str)
        and e["quote"].strip()
        for e in evidence
    ):
        yield "evidence", 'must be a list of {"doc": …, "quote": …}'
    groups = row.get("groups")
    if groups is not None and not (
        isinstance(groups, list) and all(isinstance(g, str) and g.strip() for g in groups)
    ):
        yield "groups", "must be a list of texts: the groups that the user is in"
    if row.get("as_of") is not None and not _is_day(row["as_of"]):
        yield "as_of", "must be a day, as 2026-03-02"


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(dt.date.fromisoformat(value))
    except ValueError:
        return False


def _names(home: Path, documents: Sequence[Document]) -> dict[str, Document]:
    """What a document may be called in `evidence`: its id, or its path below documents/."""
    names: dict[str, Document] = {}
    for document in documents:
        path = document.path.relative_to(home).as_posix()
        for name in (document.id, path, f"documents/{path}"):
            names.setdefault(name, document)
    return names


def _strange_groups(stated: Sequence[str], known: Sequence[str]) -> list[str]:
    """Which of a question's groups are spelt otherwise in the documents, or, where none of them is
    named there, which are named instead? A user may well be in groups that no document names."""
    others = {group.casefold(): group for group in known if group != EVERYBODY}
    found = []
    for group in dict.fromkeys(stated):
        if group in known:
            continue
        near = difflib.get_close_matches(group.strip().casefold(), others, 1, 0.8)
        if near:
            found.append(f"{group[:200]!r} is named by no document; there is {others[near[0]]!r}")
        elif others and not set(stated) & set(known):
            there = ", ".join(list(others.values())[:SHOWN_GROUPS])
            found.append(f"{group[:200]!r} is named by no document; there are {there}")
    return found


def _evidence(
    quotes: Sequence[dict[str, str]], names: dict[str, Document]
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


def _anywhere(quote: str, names: dict[str, Document]) -> Evidence | None:
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
