"""What does a folder for `assess` look like? A filled one, from the workbook's own handbook, dev
questions and training tickets; in our form, or as other programs export it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from helpers.commands.assess.config import template
from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.records import DataError, to_json_line
from helpers.data.handbook import HANDBOOK, load_handbook
from helpers.data.questions import load_questions, pick
from helpers.data.tickets import FIELDS, Ticket, load_tickets

QUESTIONS, EXAMPLES = 60, 160
READ_ME = """# A folder for `assess`

    python3 workbook.py assess THIS_FOLDER --minutes 10

Replace what is here by what is yours; each part may be missing.

- `documents/`: .md, .txt, .html, .pdf, .docx, .xlsx, .csv, .rst, .ipynb, in folders \
as you like. A Markdown file \
may say in front matter who may read it (`audience`). A key that is not known to be \
harmless closes its page, and the report names it.
- `questions.jsonl`: one object a line: `question`, `answers` (every wording that is right; \
`[]`: should be refused; write the \
part that must be said, not a sentence). Optional: `id`,
  `must_contain` (parts that must all be said, as `["2 days|two days", "manager"]`), \
`answerable: false` or `is_impossible: true` (should be refused),
  `evidence` (`[{"doc": path below documents/, "quote": letter for letter}]`: \
then the report says whose fault a wrong answer is),
  `groups` (who asks; without it the user may read everything), `as_of` (on which day).
- `examples.jsonl`: one object a line: `input`, `output` (an object or a text). Optional: `id`;
  `system`, `instruction`, `context` (put before the input).
- Questions and examples may also be .csv, .xlsx or .json, in the forms of SQuAD, ragas, deepeval \
and promptfoo, of OpenAI's chats, Alpaca, and prompt and completion.
- `schema.json`: the JSON Schema of an output; without it one is taken from the examples.
- `assess.toml`: what the work asks for. Every key is optional.

Sixty questions and a hundred and sixty examples are here; a hundred questions or more tell \
options apart that differ by ten points.
"""


EXPORTED_TOML = """title = "Example: a test set of ragas and an export of the help desk"

[columns]
input = "message"
output = ["category", "product", "priority", "needs_human"]
"""


def write_example(folder: Path, exported: bool = False) -> Path:
    """Write the folder. exported: questions in the form of ragas, examples as a CSV file whose
    columns assess.toml names. Raises DataError where something is there already."""
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there already and not empty; name a new folder")
    documents = load_handbook()
    questions, tickets = (
        pick(load_questions("dev", documents), QUESTIONS),
        pick(load_tickets("train"), EXAMPLES),
    )
    paths = {document.id: document.path.relative_to(HANDBOOK).as_posix() for document in documents}
    for document in documents:
        _write(folder / "documents" / paths[document.id], document.path.read_text(encoding="utf-8"))
    if exported:
        _write_exported(folder, questions, tickets)
    else:
        _write_ours(folder, questions, tickets, paths)
    return folder


def write_broken(folder: Path, copy: Path, rows: str = "") -> Path:
    """A copy of a folder; with these rows after its questions.jsonl, and then half a PDF among its
    documents, too."""
    shutil.copytree(folder, copy)
    if rows:
        with (copy / "questions.jsonl").open("a", encoding="utf-8") as file:
            file.write(rows)
        (copy / "documents" / "plan.pdf").write_bytes(b"%PDF-1.4 half a file")
    return copy


def _write_ours(
    folder: Path, questions: Sequence[Case], tickets: Sequence[Case], paths: dict[str, str]
) -> None:
    rows = ({"id": t.id, "input": t.ask.input, "output": t.gold.output} for t in tickets)
    about = {"title": "Ticket", "description": "Sort a customer's message."}
    schema = json.dumps(Ticket.model_json_schema() | about, indent=2) + "\n"
    asked = (_question(case, paths) for case in questions)
    _write(folder / "questions.jsonl", "".join(map(to_json_line, asked)))
    _write(folder / "examples.jsonl", "".join(map(to_json_line, rows)))
    _write(folder / "schema.json", schema)
    _write(folder / "assess.toml", template())
    _write(folder / "README.md", READ_ME)


def _write_exported(folder: Path, questions: Sequence[Case], tickets: Sequence[Case]) -> None:
    asked = (
        {
            "user_input": case.ask.input,
            "reference": next(iter(case.gold.answers), ""),
            "reference_contexts": [one.quote for one in case.gold.evidence],
        }
        for case in questions
    )
    sheet = io.StringIO()
    rows = csv.writer(sheet, lineterminator="\n")
    rows.writerow(["message", *FIELDS])
    for ticket in tickets:
        output = ticket.gold.output
        rows.writerow([ticket.ask.input, *(_cell(output[field]) for field in FIELDS)])
    _write(folder / "questions.jsonl", "".join(map(to_json_line, asked)))
    _write(folder / "examples.csv", sheet.getvalue())
    _write(folder / "assess.toml", EXPORTED_TOML)


def _cell(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _question(case: Case, paths: dict[str, str]) -> dict[str, object]:
    evidence = [{"doc": paths[one.doc], "quote": one.quote} for one in case.gold.evidence]
    return {
        "id": case.id,
        "question": case.ask.input,
        "answers": list(case.gold.answers),
        "evidence": evidence,
        "groups": list(case.ask.groups),
        "as_of": str(case.ask.as_of),
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(
            f"{settings.shown(path)}: cannot be written ({error.strerror}); name a folder that"
            " you own"
        ) from error
