"""What does a folder for `assess` look like? A filled one, from the workbook's own handbook, dev
questions and training tickets."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.commands.assess.config import template
from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.records import DataError, to_json_line
from helpers.data.handbook import HANDBOOK, load_handbook
from helpers.data.questions import load_questions, pick
from helpers.data.tickets import Ticket, load_tickets

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


def write_example(folder: Path) -> Path:
    """Write the folder. Raises DataError where something is there already."""
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
    _write(
        folder / "questions.jsonl",
        "".join(to_json_line(_question(case, paths)) for case in questions),
    )
    _write(
        folder / "examples.jsonl",
        "".join(
            to_json_line({"id": t.id, "input": t.ask.input, "output": t.gold.output})
            for t in tickets
        ),
    )
    _write(
        folder / "schema.json",
        json.dumps(
            Ticket.model_json_schema()
            | {"title": "Ticket", "description": "Sort a customer's message."},
            indent=2,
        )
        + "\n",
    )
    _write(folder / "assess.toml", template())
    _write(folder / "README.md", READ_ME)
    return folder


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
