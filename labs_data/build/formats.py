"""Which forms of files does `assess` take, and what came out? `python labs_data/build/formats.py`
(seven of the ten forms took 70 minutes on a busy machine; each row is written when it is there, and
`--missing` goes on where it stopped).

    labs_data/reference/formats.json    one row a form, one row an arm of the second table, with
                                        provenance
    docs/formats.md                     both tables

A folder is made in each form, from the handbook and the training tickets, and assessed with the
small model. The second table asks whether an arm that is constrained by the form of the rows is as
strong as it can be: rows with nulls, lists, nested objects, and the 77 labels of Banking77 (where
that lies beside this folder).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import yaml

from helpers.commands.assess import assess, systems
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.schedule import ArmProgress, Clock
from helpers.core import fingerprint, kept_answers, settings
from helpers.core.cases import Case
from helpers.core.files import write_measured, write_whole
from helpers.data.handbook import load_handbook
from helpers.data.questions import load_questions
from helpers.data.tickets import load_tickets
from helpers.evaluation.evaluator import evaluate, share
from helpers.evaluation.labelled_task import task_of
from helpers.models import load
from helpers.systems import labelled

REFERENCE, PAGE = settings.DATA / "reference" / "formats.json", settings.ROOT / "docs/formats.md"
CODE = ("commands/assess", "data", "evaluation", "models", "systems")
ASKED = ("q-b-dev-011", "q-b-dev-012", "q-b-dev-013", "q-a-dev-004")
BANKING = settings.ROOT.parent / "shared/data/public/banking77/train.csv"
SHORT_CHARS, EXAMPLES = 110, 14  # of a message that becomes a row, and how many
ROWS, ROWS_A_LABEL, TESTED = 60, 8, 12
MINUTES = 60.0  # nothing is left out
Pairs = list[tuple[str, str]]

# --- the same few questions and examples in every form --------------------------------------------


def sections() -> dict[str, tuple[Case, str]]:
    """Question -> (the case, the section of the handbook that answers it, under its title)."""
    documents = load_handbook()
    texts = {document.id: document for document in documents}
    found = {}
    for case in load_questions("dev", documents):
        if case.id in ASKED:
            (quote,) = case.gold.evidence
            document = texts[quote.doc]
            part = next(p for p in re.split(r"\n(?=## )", document.text) if quote.quote in p)
            found[case.id] = (case, f"# {document.title}\n\n{part.strip()}\n")
    return found


def messages() -> Pairs:
    """(message, category) of a few short tickets, of each category as many as of any other."""
    short = [case for case in load_tickets("train") if len(case.ask.input) < SHORT_CHARS]
    by: dict[str, Pairs] = {}
    for case in short:
        by.setdefault(case.gold.output["category"], []).append(
            (case.ask.input, case.gold.output["category"])
        )
    turns = [pair for some in zip(*by.values(), strict=False) for pair in some]
    return turns[:EXAMPLES]


def sheet(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def book(rows: Sequence[Sequence[str]]) -> bytes:
    from openpyxl import Workbook

    made, data = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(row)
    made.save(data)
    return data.getvalue()


def lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def listed(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=1) + "\n"


Asked = list[tuple[str, list[str], str]]  # question, answers, the sentence that has the answer


def squad(asked: Asked) -> str:
    parts = [
        {
            "context": quote,
            "qas": [
                {
                    "id": str(at),
                    "question": question,
                    "answers": [{"text": a, "answer_start": quote.find(a)} for a in answers],
                }
            ],
        }
        for at, (question, answers, quote) in enumerate(asked)
    ]
    return json.dumps({"version": "1.1", "data": [{"title": "a", "paragraphs": parts}]}) + "\n"


def promptfoo(asked: Asked) -> str:
    tests = [
        {"vars": {"question": q}, "assert": [{"type": "contains-any", "value": answers}]}
        for q, answers, _ in asked
    ]
    return yaml.safe_dump({"tests": tests}, sort_keys=False)


QUESTIONS: dict[str, tuple[str, Callable[[Asked], str | bytes]]] = {
    "SQuAD": ("questions.json", squad),
    "ragas": (
        "questions.jsonl",
        lambda asked: lines(
            [
                {"user_input": q, "reference": answers[0], "reference_contexts": [quote]}
                for q, answers, quote in asked
            ]
        ),
    ),
    "deepeval": (
        "questions.json",
        lambda asked: listed(
            [
                {"input": q, "expected_output": answers[0], "context": [quote]}
                for q, answers, quote in asked
            ]
        ),
    ),
    "promptfoo": ("questions.yaml", promptfoo),
    "CSV": (
        "questions.csv",
        lambda asked: sheet(
            [["question", "answers", "quote"], *([q, " | ".join(a), e] for q, a, e in asked)]
        ),
    ),
    "XLSX": (
        "questions.xlsx",
        lambda asked: book([["question", "answer", "quote"], *([q, a[0], e] for q, a, e in asked)]),
    ),
}
SYSTEM = "Which kind of message is it?"
EXAMPLES_IN: dict[str, tuple[str, Callable[[Pairs], str | bytes]]] = {
    "chat JSONL": (
        "examples.jsonl",
        lambda pairs: lines(
            [
                {
                    "messages": [
                        {"role": "system", "content": SYSTEM},
                        {"role": "user", "content": text},
                        {"role": "assistant", "content": label},
                    ]
                }
                for text, label in pairs
            ]
        ),
    ),
    "Alpaca": (
        "examples.json",
        lambda pairs: listed(
            [{"instruction": SYSTEM, "input": text, "output": label} for text, label in pairs]
        ),
    ),
    "prompt/completion": (
        "examples.jsonl",
        lambda pairs: lines([{"prompt": text, "completion": f" {label}"} for text, label in pairs]),
    ),
    "CSV": ("examples.csv", lambda pairs: sheet([["text", "label"], *map(list, pairs)])),
}

# --- what came out --------------------------------------------------------------------------------


def folders(home: Path) -> Iterator[tuple[str, str, Path]]:
    """(form, its file, the folder) of every form."""
    there = sections()
    asked = [
        (case.ask.input, list(map(str, case.gold.answers)), case.gold.evidence[0].quote)
        for case, _ in there.values()
    ]
    for form, (name, written) in QUESTIONS.items():
        folder = home / f"questions-{form.lower()}"
        (folder / "documents").mkdir(parents=True)
        for case, text in there.values():
            write_whole(folder / "documents" / f"{case.gold.evidence[0].doc}.md", text)
        write_whole(folder / name, written(asked))
        yield form, name, folder
    for form, (name, written) in EXAMPLES_IN.items():
        folder = home / f"examples-{form.lower().replace(' ', '-').replace('/', '-')}"
        folder.mkdir(parents=True)
        write_whole(folder / name, written(messages()))
        yield form, name, folder


@contextlib.contextmanager
def each_prompt_once() -> Iterator[None]:
    """All forms hold the same questions, so what was answered for one is not asked again, nor at
    the next start."""
    file = settings.cache_folder("labs") / "formats-answers.jsonl"
    there = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    known = dict(map(json.loads, there))

    def record(key: str, _: str, said: dict[str, Any]) -> None:
        if key not in known:
            known[key] = said
            with file.open("a", encoding="utf-8") as more:
                more.write(json.dumps([key, said]) + "\n")

    with (
        mock.patch.object(kept_answers, "find", known.get),
        mock.patch.object(kept_answers, "record", record),
    ):
        yield


def _measured(form: str, name: str, folder: Path) -> dict[str, Any]:
    """`came_out`, cached under what the folder holds."""
    held = read_user_folder(folder).fingerprint
    cached = settings.cache_folder("labs") / f"{folder.name}-{held}.json"
    if not cached.exists():
        write_whole(cached, json.dumps(came_out(form, name, folder)))
    return json.loads(cached.read_text(encoding="utf-8"))


def came_out(form: str, name: str, folder: Path) -> dict[str, Any]:
    """The row of one form."""
    own, begun = read_user_folder(folder), pd.Timestamp.now()
    held = assess.assess(folder, folder.parent / f"out-{folder.name}", MINUTES, lambda text: None)
    (rows,) = held["arms"].values()
    return {
        "kind": name.partition(".")[0],
        "form": form,
        "file": name,
        "command": f"python3 workbook.py assess {folder.name}",
        "read": len(own.questions or own.examples),
        "with_evidence": sum(bool(case.gold.evidence) for case in own.questions),
        "labels": len({case.gold.answers for case in own.examples}),
        "faults": [str(one) for one in own.faults],
        "right": {row["arm"]: [round(row["share"] * row["n"]), row["n"]] for row in rows},
        "answer": held["decision"]["answer"],
        "seconds": round((pd.Timestamp.now() - begun).total_seconds()),
    }


# --- equal strength -------------------------------------------------------------------------------


def with_nulls(output: dict[str, Any]) -> dict[str, Any]:
    return output | {"product": None if output["product"] == "none" else output["product"]}


def with_lists(output: dict[str, Any]) -> dict[str, Any]:
    tags = [output["priority"], *(["person"] if output["needs_human"] else [])]
    return {"category": output["category"], "tags": tags}


def nested(output: dict[str, Any]) -> dict[str, Any]:
    handling = {name: output[name] for name in ("priority", "needs_human")}
    return {"about": {"category": output["category"], "product": output["product"]}} | {
        "handling": handling
    }


def shapes() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(what is hard about them, rows of examples)."""
    tickets = load_tickets("train")[:ROWS]
    for name, made in (("nulls", with_nulls), ("lists", with_lists), ("nested objects", nested)):
        yield name, [{"input": t.ask.input, "output": made(t.gold.output)} for t in tickets]
    if BANKING.is_file():
        found: dict[str, list[dict[str, Any]]] = {}
        with BANKING.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                some = found.setdefault(row["category"], [])
                if len(some) < ROWS_A_LABEL:
                    some.append({"input": row["text"].strip(), "output": row["category"]})
        yield f"{len(found)} labels", [row for some in found.values() for row in some]


def strength(
    name: str, rows: list[dict[str, Any]], home: Path, there: Collection[tuple[str, ...]]
) -> Iterator[dict[str, Any]]:
    """Few-shot as `assess` asks it, free and constrained by the form of the rows; what is there
    already (rows_with, arm) is not asked again."""
    folder = home / name.replace(" ", "-")
    folder.mkdir()
    write_whole(folder / "examples.jsonl", lines(rows))
    progress = ArmProgress(folder / "progress.json", {"fingerprint": name})
    shop = systems.Systems(read_user_folder(folder), Clock(MINUTES), progress, str)
    pairs = labelled.pairs(systems.shuffled_by_hash(shop.splits.train), shop.schema)
    cases = systems.shuffled_by_hash(shop.splits.test)[:TESTED]
    labels = [row["output"] for row in rows]
    for held in (False, True):
        arm = labelled.few_shot(shop.model, shop.task, systems.examples_to_show(pairs), held)
        if (name, arm.name) in there:
            continue
        table = evaluate(arm, cases, task_of(shop.schema), live=True)
        fields = table["fields_right"].mean() if "fields_right" in table else None
        # one label has no form to break: valid is what the list of labels holds
        valid = table["valid"] if "valid" in table else table["answer"].isin(labels)
        yield {
            "rows_with": name,
            "closed": shop.constrained,
            "arm": arm.name,
            "n": len(table),
            "valid": int(valid.sum()),
            "right": int(table["right"].sum()),
            "fields_right": None if fields is None else round(float(fields), 4),
            "seconds": round(float(table["seconds"].mean()), 2),
            "interval": [round(float(share(table)[end]), 3) for end in ("low", "high")],
        }


# --- the page -------------------------------------------------------------------------------------


def page(saved: dict[str, Any]) -> str:
    """docs/formats.md, from the results."""
    head = saved["provenance"]
    first = ["| form | command | read | right | faults | the answer |", f"|{' --- |' * 6}"]
    for row in saved["forms"]:
        read = f"{row['read']} {row['kind']}"
        read += f", {row['with_evidence']} with evidence" if row["kind"] == "questions" else ""
        read += f", {row['labels']} labels" if row["kind"] == "examples" else ""
        right = ", ".join(f"{arm} {hit}/{n}" for arm, (hit, n) in row["right"].items())
        told = "; ".join(row["faults"]) or "none"
        first.append(
            f"| {row['form']} (`{row['file']}`) | `{row['command']}` | {read} | {right} | {told} |"
            f" {row['answer']} |"
        )
    second = ["| rows with | arm | valid | right (95 % CI) | fields right |", f"|{' --- |' * 5}"]
    for row in saved["strength"]:
        low, high = (f"{100 * end:.0f}" for end in row["interval"])
        fields = "" if row["fields_right"] is None else f"{100 * row['fields_right']:.0f} %"
        second.append(
            f"| {row['rows_with']} | {row['arm']} | {row['valid']}/{row['n']} |"
            f" {row['right']}/{row['n']} ({low} to {high} %) | {fields} |"
        )
    return "\n".join(
        [
            "# Forms of files that `assess` takes",
            "",
            f"Measured by `{head['command']}` with {head['generator']}; not typed.",
            "",
            "A folder was made in each form and assessed. Questions come with pages of the handbook"
            " in `documents/`; a context that came with a question and was found in them is"
            " evidence. The folders are tiny, so their shares say that the form was read and"
            " judged, not how good a system is; and since no further step is taken on so few"
            " cases, the answer is the simplest that is left.",
            "",
            *first,
            "",
            "## Is a constrained arm as strong as it can be?",
            "",
            "The schema is taken from the rows, without a schema.json. Few-shot with the same"
            " examples in the prompt, free and constrained by that schema: every constrained"
            " answer should be valid, and as often right.",
            "",
            *second,
            "",
        ]
    )


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write docs/formats.md anew")
    parser.add_argument("--only", choices=["forms", "strength"])
    parser.add_argument(
        "--missing", action="store_true", help="leave the rows that the file has as they are"
    )
    options = parser.parse_args()
    saved = json.loads(REFERENCE.read_text(encoding="utf-8")) if REFERENCE.exists() else {}
    with tempfile.TemporaryDirectory() as temporary, each_prompt_once():
        home = Path(temporary)
        if not options.page and options.only != "strength":
            there = _named(saved, "forms") if options.missing else ()
            for form, name, folder in folders(home):
                if (name.partition(".")[0], form) not in there:
                    _keep(saved, "forms", _measured(form, name, folder))
        if not options.page and options.only != "forms":
            there = _named(saved, "strength") if options.missing else ()
            for name, rows in shapes():
                for row in strength(name, rows, home, there):
                    _keep(saved, "strength", row)
    write_whole(PAGE, page(saved))


NAMED_BY = {"forms": ("kind", "form"), "strength": ("rows_with", "arm")}


def _named(saved: dict[str, Any], table: str) -> list[tuple[str, ...]]:
    return [tuple(row[key] for key in NAMED_BY[table]) for row in saved.get(table, [])]


def _keep(saved: dict[str, Any], table: str, row: dict[str, Any]) -> None:
    """Put a row in the place of the one before, or at the end, and write the file: a start that is
    stopped loses one row at most. A row says its own date and code, for others may be older."""
    head = fingerprint.provenance("python labs_data/build/formats.py", CODE)
    row = row | {"date": head["date"], "code": head["code"]["sha256"]}
    print(row, flush=True)
    at = {name: i for i, name in enumerate(_named(saved, table))}
    rows = saved.setdefault(table, [])
    i = at.get(tuple(row[key] for key in NAMED_BY[table]), len(rows))
    rows[i : i + 1] = [row]
    saved["provenance"] = head | {"generator": load.load_generator().fingerprint}
    tables = {name: saved.get(name, []) for name in NAMED_BY}
    write_measured(REFERENCE, {"provenance": saved["provenance"]}, **tables)


if __name__ == "__main__":
    main()
