"""`check-data` finds every planted fault, names its file and line, and says nothing else. One fault
a test, in a copy of the data."""

from __future__ import annotations

import functools
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from helpers.commands.check import check_data, handbook_and_questions, lenient, training_rows
from helpers.commands.check.check_data import check, freeze
from helpers.commands.check.handbook_and_questions import copied_run
from helpers.commands.check.lenient import unclosed
from helpers.commands.check.training_rows import words
from helpers.core import settings
from helpers.core.records import DataError
from helpers.data import reading, tickets
from helpers.evaluation import house_style
from helpers.evaluation import text as evaluation_text

LEAVE, PAGER = "handbook/people/annual-leave.md", "handbook/people/on-call-pay.md"
V1, V2 = "handbook/people/parental-leave-uk-v1.md", "handbook/people/parental-leave-uk-v2.md"
DEV, TEST, TRAIN = "questions/dev.jsonl", "questions/test.jsonl", "tickets/train.jsonl"
DRIFT = "drift/tickets.jsonl"


@pytest.fixture(scope="module", autouse=True)
def remembered():
    """Every test checks a whole copy of the data, of which it spoilt a line. What one text or one
    row says by itself is found out once for all of them."""

    def by_content(judge):
        kept = functools.cache(lambda text: tuple(judge(json.loads(text))))
        return lambda row: kept(json.dumps(row))

    with pytest.MonkeyPatch.context() as patch:
        for place, name in (
            (handbook_and_questions, "runs"),
            (handbook_and_questions, "plain"),
            (evaluation_text, "tokens"),
            (training_rows, "runs"),
            (training_rows, "plain"),
            (lenient.yaml, "safe_load"),
        ):
            patch.setattr(place, name, functools.cache(getattr(place, name)))
        patch.setattr(house_style, "why_wrong", by_content(house_style.why_wrong))
        yield


@pytest.fixture
def data(tmp_path):
    """A copy of labs_data that may be spoilt, with the CHANGELOG.md beside it."""
    shutil.copytree(
        settings.DATA,
        tmp_path / "labs_data",
        ignore=shutil.ignore_patterns("__pycache__", "reference"),
    )
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    return tmp_path / "labs_data"


# --- ways to spoil: each takes the data folder and gives back the line it spoilt (0: the whole file


def in_text(file, old, new):
    """Replace a text once; the fault is on its line."""

    def plant(data: Path) -> int:
        text = (data / file).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is no longer in {file}: adapt the test"
        (data / file).write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")
        return text[: text.index(old)].count("\n") + 1

    return plant


def in_bytes(file, change, line=0):
    def plant(data: Path) -> int:
        raw = (data / file).read_bytes()
        (data / file).write_bytes(change(raw))
        return raw.count(b"\n") + 1 if line == "end" else line

    return plant


def in_row(file, wanted, change):
    """Change the first row that fits (dict in, dict or raw line out; None removes it)."""

    def plant(data: Path) -> int:
        rows = load(data / file)
        i = next(i for i, row in enumerate(rows) if wanted(row))
        rows[i] = change(rows[i])
        save(data / file, [row for row in rows if row is not None])
        return i + 1

    return plant


def appended(file, make):
    """Append a row made from all the data; the fault is on the new line."""

    def plant(data: Path) -> int:
        rows = load(data / file)
        save(data / file, [*rows, make(data)])
        return len(rows) + 1

    return plant


def copied(source, target, *changes):
    """A document copied to another name with some texts replaced: (old, new)."""

    def plant(data: Path) -> int:
        text = (data / source).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (data / target).write_text(text, encoding="utf-8", newline="\n")
        return 0

    return plant


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def save(path, rows):
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def simple(row):
    return (
        row["kind"] == "single"
        and row["as_of"] == "2026-03-02"
        and row["evidence"][0]["doc"] == "annual-leave"
    )


def quoted(row, **changes):
    return row | {"evidence": [row["evidence"][0] | changes]}


def a_ticket(data, split="train", **changes):
    return load(data / f"tickets/{split}.jsonl")[0] | {"id": "t-planted"} | changes


def a_drifted_ticket(data, **changes):
    return load(data / DRIFT)[-1] | {"id": "t-planted", "input": "Planted."} | changes


def first_words(data, n, split="test"):
    row = next(
        row for row in load(data / f"tickets/{split}.jsonl") if len(words(row["input"])) > n + 4
    )
    return " ".join(words(row["input"])[2 : n + 2])


def a_test_question(data, **changes):
    row = next(row for row in load(data / TEST) if row["kind"] == "single")
    return row | {"id": "q-planted", "question": "Planted, in words of its own?"} | changes


def answered(row):
    return row["cite"] is not None


def other_passage_too(row):
    passages = [dict(passage) for passage in row["passages"]]
    passages[row["cite"] % len(passages)]["text"] += f" Here, too: {row['answer']}."
    return row | {"passages": passages}


def with_answer_of_another(data):
    """A refusal whose passages hold what another row of the same question gives as the answer."""
    row = next(row for row in load(data / "reading/dev.jsonl") if answered(row))
    return row | {"id": "planted", "answer": reading.REFUSAL, "cite": None}


def with_a_fact_of_train(data):
    fact = next(
        found[0]
        for row in load(data / "style/train.jsonl")
        if (found := re.search(r"(?m)^- \w+: \d+ \w+$", row["input"]))
    )
    value = fact.split(": ", 1)[1]
    return load(data / "style/dev.jsonl")[0] | {
        "id": "planted",
        "input": f"From: Ann\nQuestion: And now?\nFacts:\n{fact}",
        "output": f"Hello Ann,\nIt is {value}.\nYour neighbours at Brindlemark",
    }


FAULTS = {
    # what is planted: (file that must be named, field, words of the message, how it is planted)
    "wrong quote": (
        DEV,
        "evidence.0.quote",
        "quotes must match",
        in_row(DEV, simple, lambda r: quoted(r, quote=r["evidence"][0]["quote"] + " Or not.")),
    ),
    "quote in the wrong document": (
        DEV,
        "evidence.0.quote",
        "it is in 'annual-leave'",
        in_row(DEV, simple, lambda r: quoted(r, doc="remote-work")),
    ),
    "unknown document": (
        DEV,
        "evidence.0.doc",
        "there is no document 'annual-leaf'",
        in_row(DEV, simple, lambda r: quoted(r, doc="annual-leaf")),
    ),
    "unknown asker": (
        DEV,
        "asker",
        "there is no 'nobody'",
        in_row(DEV, simple, lambda r: r | {"asker": "nobody"}),
    ),
    "unknown group": (
        LEAVE,
        "audience",
        "group 'stuff'",
        in_text(LEAVE, "audience: [staff]", "audience: [staff, stuff]"),
    ),
    "duplicate question id": (
        DEV,
        "id",
        "already used",
        appended(
            DEV,
            lambda d: a_test_question(
                d,
                id=load(d / DEV)[0]["id"],
                fact="none.x",
                kind="unanswerable",
                answers=[],
                evidence=[],
            ),
        ),
    ),
    "question id in both splits": (
        TEST,
        "id",
        "already used",
        appended(TEST, lambda d: a_test_question(d, id=load(d / DEV)[0]["id"])),
    ),
    "duplicate document id": (
        LEAVE,
        "id",
        "is also the id",
        copied(LEAVE, "handbook/finance/annual-leave.md", ("section: people", "section: finance")),
    ),
    "id differs from file name": (
        PAGER,
        "id",
        "differs from the file's name",
        lambda d: (d / PAGER).rename(d / "handbook/people/pager.md") and 0,
    ),
    "section differs from folder": (
        LEAVE,
        "section",
        "differs from the folder",
        in_text(LEAVE, "section: people", "section: peoples"),
    ),
    "version loop": (
        V1,
        "supersedes",
        "in a loop",
        in_text(V1, "supersedes: null", "supersedes: parental-leave-uk-v2"),
    ),
    "two newest versions": (
        "handbook/people/parental-leave-uk-v3.md",
        "supersedes",
        "two newest versions",
        copied(
            V2,
            "handbook/people/parental-leave-uk-v3.md",
            ("id: parental-leave-uk-v2", "id: parental-leave-uk-v3"),
        ),
    ),
    "version number": (
        V2,
        "version",
        "numbers go up by 1",
        in_text(V2, "version: 2", "version: 3"),
    ),
    "first version is not 1": (
        LEAVE.replace("annual-leave", "training-budget"),
        "version",
        "the first version is 1",
        in_text("handbook/people/training-budget.md", "version: 1", "version: 2"),
    ),
    "version not later": (
        V2,
        "effective_from",
        "is not later",
        in_text(V2, "effective_from: 20", "effective_from: 19"),
    ),
    "supersedes missing": (
        V2,
        "supersedes",
        "there is no 'parental-leave-uk-v0'",
        in_text(V2, "supersedes: parental-leave-uk-v1", "supersedes: parental-leave-uk-v0"),
    ),
    "supersedes another policy": (
        LEAVE,
        "supersedes",
        "among the documents of policy 'annual-leave'",
        in_text(LEAVE, "supersedes: null", "supersedes: remote-work"),
    ),
    "evidence the asker may not read": (
        DEV,
        "evidence.0",
        "'contractor-de' may not read",
        in_row(DEV, simple, lambda r: r | {"asker": "contractor-de"}),
    ),
    "evidence not in force": (
        DEV,
        "evidence.0",
        "not in force on 2020-01-01",
        in_row(DEV, simple, lambda r: r | {"as_of": "2020-01-01"}),
    ),
    "evidence superseded by then": (
        DEV,
        "evidence.0",
        "not in force on 2026-03-02",
        in_row(
            DEV,
            lambda r: r["kind"] == "versioned" and r["as_of"] < "2025-07",
            lambda r: r | {"as_of": "2026-03-02"},
        ),
    ),
    "evidence of an unpublished update": (
        DEV,
        "evidence.0",
        "not in force",
        in_row(
            DEV,
            lambda r: r["fact"] == "remote-work.abroad-days",
            lambda r: (
                quoted(r, doc="remote-work-v2", quote="You may work from a country")
                | {"answers": ["country"]}
            ),
        ),
    ),
    "answers without evidence": (
        DEV,
        "evidence",
        "go together",
        in_row(DEV, simple, lambda r: r | {"evidence": []}),
    ),
    "evidence without answers": (
        DEV,
        "answers",
        "go together",
        in_row(DEV, simple, lambda r: r | {"answers": []}),
    ),
    "unanswerable but answered": (
        DEV,
        "kind",
        "must be refused",
        in_row(DEV, simple, lambda r: r | {"kind": "unanswerable"}),
    ),
    "single but refused": (
        DEV,
        "kind",
        "needs an answer",
        in_row(DEV, simple, lambda r: r | {"answers": [], "evidence": []}),
    ),
    "answer not in the evidence": (
        DEV,
        "answers",
        "is in the evidence",
        in_row(DEV, simple, lambda r: r | {"answers": ["1799", "Augustus"]}),
    ),
    "part of a number is not the number": (
        DEV,
        "answers",
        "is in the evidence",
        in_row(
            DEV, lambda r: r["fact"] == "remote-work.abroad-days", lambda r: r | {"answers": ["2"]}
        ),
    ),
    "question copies six words": (
        DEV,
        "question",
        "in other words",
        in_row(
            DEV,
            simple,
            lambda r: (
                r
                | {
                    "question": (
                        f"Is it so that {' '.join(words(r['evidence'][0]['quote'])[:6]).lower()}?"
                    )
                }
            ),
        ),
    ),
    "fact in dev and test": (
        TEST,
        "fact",
        "keep a family in one split",
        appended(
            TEST,
            lambda d: (
                next(r for r in load(d / DEV) if simple(r))
                | {"id": "q-planted", "question": "Planted, in words of its own?"}
            ),
        ),
    ),
    "question asked twice": (
        DEV,
        "question",
        "asks the same",
        appended(
            DEV,
            lambda d: (
                load(d / DEV)[0]
                | {"id": "q-planted", "question": load(d / DEV)[0]["question"].upper() + " "}
            ),
        ),
    ),
    "restricted without refusal": (
        DEV,
        "kind",
        "counterpart is missing",
        in_row(DEV, lambda r: r["kind"] == "restricted" and not r["answers"], lambda r: None),
    ),
    "restricted without answer": (
        DEV,
        "kind",
        "counterpart is missing",
        in_row(DEV, lambda r: r["kind"] == "restricted" and r["answers"], lambda r: None),
    ),
    "restricted, in other words": (
        DEV,
        "kind",
        "counterpart is missing",
        in_row(DEV, lambda r: r["kind"] == "restricted" and not r["answers"], lambda r: None),
    ),
    "refused though entitled": (
        DEV,
        "asker",
        "cannot be refused",
        in_row(DEV, lambda r: r["id"] == "q-a-dev-034", lambda r: r | {"asker": "director-uk"}),
    ),
    "kind unknown": (
        DEV,
        "kind",
        "Input should be",
        in_row(DEV, simple, lambda r: r | {"kind": "odd"}),
    ),
    "key unknown": (
        DEV,
        "colour",
        "not permitted",
        in_row(DEV, simple, lambda r: r | {"colour": "red"}),
    ),
    "ticket with unknown label": (
        TRAIN,
        "output.priority",
        "Input should be",
        in_row(TRAIN, lambda r: True, lambda r: r | {"output": r["output"] | {"priority": "asap"}}),
    ),
    "ticket with a label too many": (
        TRAIN,
        "output.mood",
        "not permitted",
        in_row(TRAIN, lambda r: True, lambda r: r | {"output": r["output"] | {"mood": "bad"}}),
    ),
    "ticket lacks a label": (
        TRAIN,
        "output.category",
        "required",
        in_row(
            TRAIN,
            lambda r: True,
            lambda r: r | {"output": {k: v for k, v in r["output"].items() if k != "category"}},
        ),
    ),
    "ticket label of another type": (
        TRAIN,
        "output.needs_human",
        "boolean",
        in_row(
            TRAIN, lambda r: True, lambda r: r | {"output": r["output"] | {"needs_human": "true"}}
        ),
    ),
    "ticket is no object": (TRAIN, "", "object", in_row(TRAIN, lambda r: True, lambda r: "[1, 2]")),
    "ticket id twice": (
        TRAIN,
        "id",
        "already used",
        appended(TRAIN, lambda d: a_ticket(d, id="t-train-0001")),
    ),
    "test ticket in train": (
        "tickets/test.jsonl",
        "input",
        "is the same as",
        appended("tickets/test.jsonl", lambda d: a_ticket(d)),
    ),
    "test ticket in train, shouted": (
        "tickets/test.jsonl",
        "input",
        "but for case",
        appended(
            "tickets/test.jsonl",
            lambda d: a_ticket(
                d,
                input=(
                    "  "
                    f"{load(d / TRAIN)[0]['input'].upper().replace(' ', '  ').replace(',', ' -')}"
                    "!!"
                ),
            ),
        ),
    ),
    "dev ticket in train": (
        "tickets/dev.jsonl",
        "input",
        "is the same as",
        appended("tickets/dev.jsonl", lambda d: a_ticket(d)),
    ),
    "eight words of train in test": (
        "tickets/test.jsonl",
        "input",
        'shares "',
        appended(
            "tickets/test.jsonl",
            lambda d: a_ticket(d, "test", input=f"Xyzzy {first_words(d, 8, 'train')} plugh."),
        ),
    ),
    "drifted ticket that was trained on": (
        DRIFT,
        "input",
        "is the same as",
        appended(DRIFT, lambda d: a_drifted_ticket(d, input=load(d / TRAIN)[0]["input"])),
    ),
    "drifted ticket with eight words of a test ticket": (
        DRIFT,
        "input",
        'shares "',
        appended(DRIFT, lambda d: a_drifted_ticket(d, input=f"Xyzzy {first_words(d, 8)} plugh.")),
    ),
    "the same drifted ticket twice": (
        DRIFT,
        "input",
        "is the same as line",
        appended(DRIFT, lambda d: a_drifted_ticket(d, input=load(d / DRIFT)[0]["input"].upper())),
    ),
    "drifted ticket of an earlier day": (
        DRIFT,
        "day",
        "in the order of their days",
        appended(DRIFT, lambda d: a_drifted_ticket(d, day="2026-05-04")),
    ),
    "byte order mark": (
        LEAVE,
        "",
        "byte order mark",
        in_bytes(LEAVE, lambda raw: b"\xef\xbb\xbf" + raw, 1),
    ),
    "Windows line ends": (
        DEV,
        "",
        "Windows line ends",
        in_bytes(DEV, lambda raw: raw.replace(b"\n", b"\r\n"), 1),
    ),
    "one Windows line end": (
        "users.json",
        "",
        "Windows line ends",
        in_bytes("users.json", lambda raw: raw.replace(b"},\n", b"},\r\n", 1), 2),
    ),
    "not UTF-8": (
        LEAVE,
        "",
        "is not UTF-8",
        in_bytes(LEAVE, lambda raw: raw + "Café\n".encode("latin-1"), "end"),
    ),
    "missing final newline": (
        TRAIN,
        "",
        "does not end with a line end",
        lambda d: in_bytes(TRAIN, lambda raw: raw[:-1], "end")(d) - 1,
    ),
    "empty file": (
        LEAVE.replace("annual-leave", "training-budget"),
        "",
        "is empty",
        in_bytes("handbook/people/training-budget.md", lambda raw: b""),
    ),
    "invalid JSON": (
        TRAIN,
        "",
        "is not JSON",
        in_row(TRAIN, lambda r: r["id"].endswith("7"), lambda r: "{not json"),
    ),
    "empty line": (
        TRAIN,
        "",
        "is empty",
        in_row(TRAIN, lambda r: r["id"].endswith("7"), lambda r: ""),
    ),
    "table row too long": (
        LEAVE,
        "",
        "table row has 3 cells",
        in_text(LEAVE, "| 7 to 11 years | 31 |\n", "| 7 to 11 years | 31 | x |\n"),
    ),
    "table row not closed": (
        LEAVE,
        "",
        "is not closed",
        in_text(LEAVE, "| 3 to 6 years | 28 |\n", "| 3 to 6 years | 28\n"),
    ),
    "table without dashes": (
        LEAVE,
        "",
        "line of dashes",
        lambda d: in_text(LEAVE, "| --- | --- |\n", "")(d) - 1,
    ),
    "code fence never closed": (
        LEAVE,
        "",
        "never closed",
        in_text(LEAVE, "## Asking for it", "```\n## Asking for it"),
    ),
    "front matter not YAML": (
        LEAVE.replace("annual-leave", "training-budget"),
        "",
        "is not YAML",
        lambda d: (
            in_text("handbook/people/training-budget.md", "audience: [staff]", "audience: [staff")(
                d
            )
            + 1
        ),
    ),
    "front matter lacks a key": (
        LEAVE.replace("annual-leave", "training-budget"),
        "owner",
        "required",
        lambda d: (
            in_text("handbook/people/training-budget.md", "owner: People Operations\n", "")(d) and 1
        ),
    ),
    "front matter with a wrong value": (
        LEAVE.replace("annual-leave", "training-budget"),
        "region",
        "Input should be",
        in_text("handbook/people/training-budget.md", "region: all", "region: fr"),
    ),
    "no front matter": (
        LEAVE.replace("annual-leave", "training-budget"),
        "",
        "must start with YAML",
        in_bytes("handbook/people/training-budget.md", lambda raw: raw[4:], 1),
    ),
    "users not JSON": (
        "users.json",
        "",
        "is not JSON",
        in_bytes("users.json", lambda raw: raw.replace(b":", b";", 1), 2),
    ),
    "role without groups": (
        "users.json",
        "groups",
        "list of groups",
        in_text("users.json", '"groups"', '"group"'),
    ),
    "file missing": (
        "reading/dev.jsonl",
        "",
        "cannot be read",
        lambda d: (d / "reading/dev.jsonl").unlink() or 0,
    ),
    "citation out of range": (
        "reading/dev.jsonl",
        "cite",
        "there is no passage 9",
        in_row("reading/dev.jsonl", answered, lambda r: r | {"cite": 9}),
    ),
    "answer not in the cited passage": (
        "reading/dev.jsonl",
        "answer",
        "does not hold",
        in_row("reading/dev.jsonl", answered, lambda r: r | {"answer": "a zebra crossing"}),
    ),
    "answer in two passages": (
        "reading/train.jsonl",
        "answer",
        "as well",
        in_row("reading/train.jsonl", answered, other_passage_too),
    ),
    "refusal with a citation": (
        "reading/dev.jsonl",
        "cite",
        "cite must be null",
        in_row("reading/dev.jsonl", answered, lambda r: r | {"answer": reading.REFUSAL}),
    ),
    "answer without a citation": (
        "reading/dev.jsonl",
        "answer",
        "the answer must be",
        in_row("reading/dev.jsonl", lambda r: not answered(r), lambda r: r | {"answer": "ten"}),
    ),
    "refusal that can be answered": (
        "reading/dev.jsonl",
        "cite",
        "can be answered",
        appended("reading/dev.jsonl", with_answer_of_another),
    ),
    "reply that breaks a rule": (
        "style/train.jsonl",
        "output",
        "breaks the rule 'calm'",
        in_row(
            "style/train.jsonl",
            lambda r: True,
            lambda r: r | {"output": r["output"].replace(".\n", "!\n")},
        ),
    ),
    "brief out of its layout": (
        "style/dev.jsonl",
        "input",
        "the input must be",
        in_row("style/dev.jsonl", lambda r: True, lambda r: r | {"input": "Question: none"}),
    ),
    "style id twice": (
        "style/dev.jsonl",
        "id",
        "already used",
        in_row("style/dev.jsonl", lambda r: True, lambda r: r | {"id": "style-train-001"}),
    ),
    "style row in both splits": (
        "style/dev.jsonl",
        "input",
        "is the same as",
        appended(
            "style/dev.jsonl",
            lambda d: (
                next(
                    r for r in load(d / "style/train.jsonl") if not re.search(r"- .*\d", r["input"])
                )
                | {"id": "planted"}
            ),
        ),
    ),
    "fact in both splits": (
        "style/dev.jsonl",
        "input",
        "a fact stays in one split",
        appended("style/dev.jsonl", with_a_fact_of_train),
    ),
    "frozen questions changed": (
        TEST,
        "",
        "differs from frozen.lock",
        in_row(
            TEST,
            lambda r: r["kind"] == "single",
            lambda r: r | {"answers": [*r["answers"], "another alias"]},
        ),
    ),
    "frozen tickets changed": (
        "tickets/test.jsonl",
        "",
        "differs from frozen.lock",
        in_bytes("tickets/test.jsonl", lambda raw: raw.replace(b": {", b":  {", 1)),
    ),
    "freeze not announced": (
        "frozen.lock",
        "changelog",
        "is not in CHANGELOG.md",
        in_text(
            "../CHANGELOG.md",
            json.loads((settings.DATA / "frozen.lock").read_text("utf-8"))["changelog"],
            "",
        ),
    ),
    "lock lost": ("frozen.lock", "", "cannot be used", lambda d: (d / "frozen.lock").unlink() or 0),
    "lock without a file": (
        TEST,
        "",
        "differs from frozen.lock",
        in_text("frozen.lock", '"questions/test.jsonl"', '"questions/tests.jsonl"'),
    ),
}

# Faults whose line is not the planted one: in a document copied or moved, the line of the field; in
# a pair, that of the row left.
ELSEWHERE = {
    "duplicate document id",
    "id differs from file name",
    "two newest versions",
    "restricted without refusal",
    "restricted without answer",
    "restricted, in other words",
    "role without groups",
    "frozen questions changed",
    "frozen tickets changed",
    "freeze not announced",
    "lock without a file",
}
LOCKED = ("frozen", "lock", "freeze")


def named(faults):
    return "\n".join(map(str, faults))


def test_the_data_has_no_fault():
    assert check() == [], named(check())


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_named(data, name):
    file, field, said, plant = FAULTS[name]
    if name == "duplicate document id":
        # finance/ is read first, so the other one is called the second
        file = "handbook/people/annual-leave.md"
    if name == "id differs from file name":
        file = "handbook/people/pager.md"
    line = plant(data)
    # a change of a test file is meant here: only the planted fault is to be seen
    if not name.startswith(LOCKED):
        freeze(f"Planted: {name}", data)
    faults = [f for f in check(data) if not follows(name, f)]
    assert [(f.file, f.field) for f in faults] == [(f"labs_data/{file}", field)], named(faults)
    assert said in faults[0].message, named(faults)
    if name not in ELSEWHERE:
        assert (faults[0].line or 0) == line, named(faults)


def follows(name, fault):
    """Some faults cannot come alone: a document that cannot be read is no evidence for the
    questions that quote it, and a question that is no longer one carries no fact for the rows to be
    learnt by heart.
    """
    unreadable = name in (
        "empty file",
        "front matter not YAML",
        "front matter lacks a key",
        "front matter with a wrong value",
        "no front matter",
    )
    in_dev = name in (
        "evidence without answers",
        "single but refused",
        "answer not in the evidence",
        "restricted without answer",
        "kind unknown",
        "key unknown",
    )
    return (unreadable and "there is no document 'training-budget'" in fault.message) or (
        in_dev
        and fault.file == "labs_data/facts/train.jsonl"
        and re.search(
            "no question of dev with an answer has the fact|is none of the answers of",
            fault.message,
        )
        is not None
    )


def test_what_is_no_fault(data):
    """Other files, references in italics that lead nowhere, a code fence with a pipe in it, names
    in a row."""
    (data / "questions" / "notes.txt").write_bytes(b"\xff\xfe no newline")
    (data / "handbook" / "people" / "picture.png").write_bytes(b"\x89PNG")
    text = (data / LEAVE).read_text(encoding="utf-8")
    (data / LEAVE).write_text(
        text
        + "\nSee *No such page*.\n\n```\n| a | b\n```\n\n| a | b \\| c |\n|---|:-:|\n| d | e |\n",
        encoding="utf-8",
        newline="\n",
    )
    assert check(data) == [], named(check(data))


def test_all_faults_are_reported_not_the_first(data):
    names = (
        "unknown asker",
        "ticket with unknown label",
        "version number",
        "citation out of range",
        "table row too long",
        "lock lost",
    )
    planted = [FAULTS[name][3](data) for name in names]
    faults = check(data)
    assert len(planted) == len(faults) == len(names), named(faults)
    assert faults == sorted(faults)
    assert all(str(f).startswith("labs_data/") for f in faults)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_makes_the_check_itself_fail(data, seed):
    """Random damage to every file at once: faults come out, never an exception."""
    rng = random.Random(seed)
    for path in sorted(p for p in data.rglob("*") if p.is_file() and "build" not in p.parts):
        raw = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 12)):
            start = rng.randrange(max(len(raw), 1))
            raw[start : start + rng.randint(0, 30)] = rng.choice(
                [
                    b"",
                    b"\xff",
                    b"\r",
                    b"\x00",
                    b"{",
                    b"[" * 99_999,
                    b'"\\ud800"',
                    b"---\n",
                    b"|",
                    b"1e999",
                    b"NaN",
                ]
            )
        path.write_bytes(bytes(raw))
    assert len(check(data)) > 50


@pytest.mark.parametrize(
    "front",
    [
        "- a\n- b",
        "{id: x, policy: x}",
        "? [1]\n: 2",
        "1: 2",
        "null",
        "id: &a [*a]",
        "effective_from: 2026-02-30",
        "\x07: 1",
        "[" * 5000,
    ],
)
def test_odd_front_matter_is_a_fault(data, front):
    (data / "handbook/people/odd.md").write_text(
        f"---\n{front}\n---\n\n# Odd\n", encoding="utf-8", newline="\n"
    )
    faults = check(data)
    assert faults, named(faults)
    assert {f.file for f in faults} == {"labs_data/handbook/people/odd.md"}, named(faults)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"a": 1}',
        '{"a": {"groups": 1}}',
        '{"a": {"groups": [[]]}}',
        "",
        "null",
        "[" * 100_000,
    ],
)
def test_odd_users_are_one_fault(data, content):
    (data / "users.json").write_text(f"{content}\n", encoding="utf-8", newline="\n")
    assert [f.file for f in check(data)] == ["labs_data/users.json"], named(check(data))


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", "null", '"x"', '{"changelog": null}', '{"changelog": [1]}', '{"changelog": ""}'],
)
def test_odd_locks_are_faults(data, content):
    (data / "frozen.lock").write_text(content, encoding="utf-8")
    assert any(f.file == "labs_data/frozen.lock" for f in check(data))


@pytest.mark.parametrize(
    ("question", "copied"),
    [
        ("may you work from a country other than yours?", "work from a country other than"),
        ("May you work from a country, or not?", None),
        ("Who is Anna Berta Clara Dora Emil 7.5 here?", None),
        (
            "Who is Anna Berta Clara Dora Emil friedrich here?",
            "Anna Berta Clara Dora Emil friedrich",
        ),
    ],
)
def test_names_and_numbers_may_be_repeated(question, copied):
    quote = (
        "You may work from a country other than your own. Anna Berta Clara Dora Emil 7.5 and Anna"
        " Berta Clara Dora Emil friedrich agree."
    )
    assert copied_run(question, quote) == copied


def test_fences_and_tables_by_the_line():
    assert list(unclosed("~~~\n```\n| a\n~~~\n")) == []
    assert [i for i, _ in unclosed("x\n````\n```\n")] == [1]
    assert list(unclosed("| a |\n| - |\n\n| a | b |\n| - | - |\n")) == []
    assert [i for i, _ in unclosed("| a | b |\n| - | - |\n| c |\n| d | e |\n")] == [2]


# --- freezing and the command ---------------------------------------------------------------------


def test_freezing_locks_and_announces(data):
    row = load(data / TEST)[0]
    save(data / TEST, [row | {"answers": [*row["answers"], "an alias"]}, *load(data / TEST)[1:]])
    assert [f.file for f in check(data)] == ["labs_data/questions/test.jsonl"]
    changelog = data.parent / "CHANGELOG.md"
    changelog.write_text(
        changelog.read_text(encoding="utf-8") + "\n## 0.0.1\n- Older.\n", encoding="utf-8"
    )
    freeze("One alias more in the first test question.", data)
    assert check(data) == []
    newest, older = changelog.read_text(encoding="utf-8").split("## ")[1:]
    assert newest.endswith("- One alias more in the first test question.\n\n")
    assert older == "0.0.1\n- Older.\n"
    before = changelog.read_bytes()
    freeze("One alias more in the first test question.", data)
    assert changelog.read_bytes() == before, "freezing what is frozen changes nothing"
    save(data / TEST, load(data / TEST)[1:])
    with pytest.raises(ValueError, match="already has this line"):
        freeze("One alias more in the first test question.", data)
    with pytest.raises(ValueError, match="what changed"):
        freeze("  ", data)
    changelog.write_text("# Changelog\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no section"):
        freeze("Another.", data)
    assert [f.file for f in check(data)] == [
        "labs_data/frozen.lock",
        "labs_data/questions/test.jsonl",
    ], "a refused freeze locks nothing"


def test_the_command_counts_or_complains(data, capsys):
    assert check_data.report(data) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 2
    assert "255 tickets/test" in said
    assert "the labels of 990 tickets: 0 inputs with several labels" in said
    assert "71 documents" in said
    FAULTS["unknown asker"][3](data)
    assert check_data.report(data) == 1
    assert "labs_data/questions/dev.jsonl line" in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "helpers.commands.check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout == said


def test_the_check_loads_no_model():
    code = (
        "import sys; from helpers.commands.check import check_data; check_data.check();"
        " sys.exit(any(m in sys.modules for m in ('torch', 'datasets', 'chromadb')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# --- tickets with wrong labels, reading rows ------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.333, 1.0])
def test_label_noise_spoils_exactly_one_field_of_exactly_that_share(share):
    true, spoilt = (
        tickets.load_tickets("train"),
        tickets.load_tickets("train", label_noise=share, seed=5),
    )
    changed = [
        {f for f in tickets.FIELDS if a.gold.output[f] != b.gold.output[f]}
        for a, b in zip(true, spoilt, strict=True)
    ]
    assert [len(fields) for fields in changed].count(1) == round(share * len(true))
    assert max(map(len, changed)) <= 1
    assert all(tickets.Ticket.model_validate(case.gold.output) for case in spoilt)
    assert [(a.ask, a.kind, a.fact) for a in true] == [(b.ask, b.kind, b.fact) for b in spoilt]
    if share == 1:
        assert set().union(*changed) == set(tickets.FIELDS)


def test_label_noise_follows_the_seed_and_grows_with_the_share():
    few, again, other, many = (
        tickets.load_tickets("train", share, seed)
        for share, seed in ((0.1, 1), (0.1, 1), (0.1, 2), (0.3, 1))
    )
    true = tickets.load_tickets("train")
    assert few == again != other
    assert all(b == a for a, b, t in zip(few, many, true, strict=True) if a != t), (
        "a larger share keeps the rows that the smaller spoilt"
    )


def test_label_noise_is_for_training_rows():
    assert tickets.load_tickets("dev", label_noise=0.0)
    for split in ("dev", "test"):
        with pytest.raises(ValueError, match="for split 'train' only"):
            tickets.load_tickets(split, label_noise=0.1)
    for share in (-0.1, 1.1):
        with pytest.raises(ValueError, match="from 0 to 1"):
            tickets.load_tickets("train", label_noise=share)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_reading_rows_say_where_the_answer_stands(split):
    rows = reading.load_reading(split)
    assert len(rows) > 100
    assert 0.15 < sum(row.cite is None for row in rows) / len(rows) < 0.3
    for row in rows:
        assert (
            (row.answer == reading.REFUSAL)
            if row.cite is None
            else (
                row.answer.lower()
                in f"{row.passages[row.cite - 1].title}\n{row.passages[row.cite - 1].text}".lower()
            )
        )
    assert {row.world for row in reading.load_reading("train")} & {
        row.world for row in reading.load_reading("dev")
    } == set()


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, fault in FAULTS.items()
        if fault[0] == "reading/dev.jsonl" and name != "file missing"
    ],
)
def test_faulty_reading_rows_name_file_line_and_field(data, name):
    _, field, said, plant = FAULTS[name]
    line = plant(data)
    with pytest.raises(DataError, match=rf"dev.jsonl line {line}: field '{field}'.*{said}"):
        reading.load_reading("dev", data / "reading/dev.jsonl")


def test_the_scoring_code_is_frozen_with_the_test_files(data, tmp_path, monkeypatch):
    """A scorer that forgives a little more changes every figure of the test split, without one row
    being touched."""
    code = tmp_path / "helpers"
    shutil.copytree(check_data.HELPERS, code, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(check_data, "HELPERS", code)
    assert check(data) == []
    (code / "evaluation" / "scores.py").write_text(
        (code / "evaluation" / "scores.py")
        .read_text()
        .replace("LONGEST_ANSWER_TOKENS = 30", "LONGEST_ANSWER_TOKENS = 60")
    )
    (fault,) = check(data)
    assert fault.file == "helpers/evaluation/scores.py"
    assert "scores the test split" in fault.message
    freeze("Longer answers count.", data)
    assert check(data) == []
