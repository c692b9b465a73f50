"""Is the data what it says it is? Every fault that can be found in labs_data, one line each: file,
line, field, what to do.

The loaders stop at the first fault; here all are reported, and nothing in a file makes the check
itself fail.

    python -m helpers.commands.check                   print the faults, exit 1 if there is any
    python -m helpers.commands.check --freeze "line"   lock the test files as they are; the line
                                                       goes into CHANGELOG.md

No model is needed. (Texts that only mean the same are found by labs_data/build/leakage.py, which
embeds them.)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from helpers.commands.check.handbook_and_questions import (
    check_audiences,
    check_families,
    check_ids,
    check_question,
    check_restricted,
    check_versions,
)
from helpers.commands.check.lenient import read_handbook, read_rows, read_users, shown
from helpers.commands.check.training_rows import (
    check_drift,
    check_facts,
    check_reading,
    check_requests,
    check_style,
    check_ticket_splits,
)
from helpers.core import settings
from helpers.core.records import Fault
from helpers.data.drifted_tickets import DRIFT, DriftRow
from helpers.data.facts import ASK, GENERAL, TRAIN, FactAskRow, FactRow, GeneralRow
from helpers.data.label_audit import label_audit
from helpers.data.labelled_rows import read_labelled
from helpers.data.orders import OrderRow, TicketStatusRow
from helpers.data.questions import QuestionRow
from helpers.data.reading import ReadingRow
from helpers.data.requests import RequestRow
from helpers.data.tickets import TicketRow
from helpers.evaluation.house_style import StyleRow

QUESTIONS = ("questions/dev.jsonl", "questions/test.jsonl", "questions/train.jsonl")
TICKETS = ("tickets/train.jsonl", "tickets/dev.jsonl", "tickets/test.jsonl")
READING = ("reading/train.jsonl", "reading/dev.jsonl")
FACTS = {f"facts/{TRAIN}": FactRow, f"facts/{ASK}": FactAskRow, f"facts/{GENERAL}": GeneralRow}
STYLE = ("style/train.jsonl", "style/dev.jsonl")
REQUESTS = ("router/train.jsonl", "router/dev.jsonl", "router/test.jsonl")
TOOLS = {"tools/orders.jsonl": OrderRow, "tools/tickets.jsonl": TicketStatusRow}
FROZEN = ("questions/test.jsonl", "tickets/test.jsonl", "router/test.jsonl")
# A test figure depends on the scorer as much as on the rows, so the code that judges is frozen with
# them.
HELPERS = settings.ROOT / "helpers"
SCORING = (
    "core/cases.py",
    "core/records.py",
    "data/handbook.py",
    "data/questions.py",
    "data/requests.py",
    "data/tickets.py",
)  # what builds the gold
JUDGING = "evaluation"  # and the folder that judges
LOCK, CHANGELOG = "frozen.lock", "CHANGELOG.md"


def check(root: Path = settings.DATA) -> list[Fault]:
    """Which faults does the data in this folder have? All that can be found, in order of file and
    line; none: []."""
    return _check(Path(root))[0]


def _check(root: Path) -> tuple[list[Fault], dict[str, int]]:
    faults: list[Fault] = []
    docs = read_handbook(root, faults)
    users = read_users(root, faults)
    rows = {name: read_rows(root, name, QuestionRow, faults) for name in QUESTIONS}
    rows |= {name: read_rows(root, name, TicketRow, faults) for name in TICKETS}
    rows |= {name: read_rows(root, name, ReadingRow, faults) for name in READING}
    rows |= {name: read_rows(root, name, schema, faults) for name, schema in FACTS.items()}
    rows |= {name: read_rows(root, name, StyleRow, faults) for name in STYLE}
    rows[DRIFT] = read_rows(root, DRIFT, DriftRow, faults)
    rows |= {name: read_rows(root, name, RequestRow, faults) for name in REQUESTS}
    rows |= {name: read_rows(root, name, schema, faults) for name, schema in TOOLS.items()}
    chains = list(check_versions(docs))
    broken = {
        doc.meta.policy for doc in docs.values() if doc.file in {fault.file for fault in chains}
    }
    questions, tickets = (
        [placed for name in names for placed in rows[name]] for names in (QUESTIONS, TICKETS)
    )
    for found in (
        chains,
        check_audiences(docs, users),
        *(
            check_ids(placed)
            for placed in (
                questions,
                [*tickets, *rows[DRIFT]],
                *(
                    [placed for name in names for placed in rows[name]]
                    for names in (READING, STYLE, FACTS, REQUESTS)
                ),
            )
        ),
        *(check_question(placed, docs, users, broken) for placed in questions),
        check_families(questions),
        check_restricted(questions, docs, users),
        check_ticket_splits(*(rows[name] for name in TICKETS)),
        *(check_reading(rows[name]) for name in READING),
        check_facts(
            {name.removeprefix("facts/"): rows[name] for name in FACTS},
            rows[QUESTIONS[0]],
            rows[QUESTIONS[1]],
            docs,
            users,
        ),
        check_style(*(rows[name] for name in STYLE)),
        check_drift(rows[DRIFT], tickets),
        check_requests([rows[name] for name in REQUESTS], questions),
        *(check_ids(rows[name]) for name in TOOLS),
        check_lock(root),
    ):
        faults += found
    return sorted(set(faults)), {"documents": len(docs)} | {
        name: len(placed) for name, placed in rows.items()
    }


# --- the lock -------------------------------------------------------------------------------------


def sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def scoring() -> list[str]:
    """The files of helpers/ that decide what is right."""
    judging = sorted(file.name for file in (HELPERS / JUDGING).glob("*.py"))
    return [*SCORING, *(f"{JUDGING}/{name}" for name in judging)]


def check_lock(root: Path) -> Iterator[Fault]:
    """Are the frozen files and the code that scores them what the lock says, and was the freeze
    announced?"""
    name, again = (
        shown(root, root / LOCK),
        'python -m helpers.commands.check --freeze "what changed, and why"',
    )
    try:
        lock = json.loads((root / LOCK).read_text(encoding="utf-8"))
        line = lock["changelog"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Fault(
            name,
            None,
            "",
            f"cannot be used ({type(error).__name__}: {error}); freeze the test files: {again}",
        )
        return
    for file in FROZEN:
        if (root / file).exists() and lock.get(file) != sha256(root / file):
            yield Fault(
                shown(root, root / file),
                None,
                "",
                f"differs from {LOCK}: put it back, or, if the change is meant, run {again}",
            )
    for file in scoring():
        if lock.get(f"helpers/{file}") != sha256(HELPERS / file):
            yield Fault(
                f"helpers/{file}",
                None,
                "",
                f"scores the test split and differs from {LOCK}: put it back, or, if the change is"
                f" meant, run {again}",
            )
    try:
        announced = (root.parent / CHANGELOG).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        announced = []
    if not str(line).strip() or line not in announced:
        yield Fault(
            name,
            None,
            "changelog",
            f"the line {line!r} is not in {CHANGELOG}; put it back, or freeze again",
        )


def freeze(line: str, root: Path = settings.DATA) -> None:
    """Lock the test files and the scoring code as they are now and announce it: the line becomes
    the last of CHANGELOG.md's newest section.

    Raises ValueError for an empty line, and for one that announced an earlier freeze of other
    content. Freezing again what is frozen already changes nothing.
    """
    entry = "- " + " ".join(line.split()).removeprefix("- ")
    changelog, hashes = (
        root.parent / CHANGELOG,
        {file: sha256(root / file) for file in FROZEN}
        | {f"helpers/{file}": sha256(HELPERS / file) for file in scoring()},
    )
    if entry == "- " or None in hashes.values():
        raise ValueError(
            "say in one line what changed and why"
            if entry == "- "
            else f"a frozen file is missing: {hashes}"
        )
    text = changelog.read_text(encoding="utf-8")
    if entry in text.splitlines():
        if not list(check_lock(root)):
            return
        raise ValueError(
            f"{CHANGELOG} already has this line, for an earlier freeze; say what changed since then"
        )
    parts = re.fullmatch(r"(.*?)(^## .*?)(^## .*|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    if not parts:
        raise ValueError(f"{CHANGELOG} has no section '## ...' to announce the freeze in; add one")
    head, newest, rest = parts.groups()
    changelog.write_text(
        f"{head}{newest.rstrip()}\n{entry}\n" + (f"\n{rest}" if rest else ""),
        encoding="utf-8",
        newline="\n",
    )
    (root / LOCK).write_text(
        json.dumps(hashes | {"changelog": entry}, indent=2) + "\n", encoding="utf-8", newline="\n"
    )


def audited(root: Path) -> str:
    """What the labels of the tickets say of themselves: train against dev and test."""
    train, *held_out = (read_labelled(root / name) for name in TICKETS)
    found = label_audit(train, [case for part in held_out for case in part])
    lines = [f"{row['count']} {name}" for name, row in found.table().iterrows()]
    return f"the labels of {found.rows} tickets: {', '.join(lines)}"


def report(root: Path = settings.DATA) -> int:
    """Print all faults, or one line that says what was checked; 1 if there was a fault."""
    faults, counts = _check(root)
    for fault in faults:
        print(fault)
    if not faults:
        print(
            "labs_data is as it should be: "
            + ", ".join(f"{n} {name.removesuffix('.jsonl')}" for name, n in counts.items())
        )
        print(audited(root))
    else:
        print(f"{len(faults)} fault{'s' * (len(faults) > 1)}", file=sys.stderr)
    return 1 if faults else 0


def main(argv: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="helpers.commands.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--freeze", metavar="LINE", help="lock the test files; LINE is added to CHANGELOG.md"
    )
    options = parser.parse_args(argv)
    if options.freeze is not None:
        try:
            freeze(options.freeze)
        except ValueError as error:
            parser.error(str(error))
    return report()
