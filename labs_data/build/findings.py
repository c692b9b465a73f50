"""What is used where a learner has not measured yet? Writes reference/findings.json: findings in
the journal's format, and what an answer costs in tokens and seconds.

    python labs_data/build/findings.py                 run every notebook into a journal of its own,
                                                       then time the arms (an hour when nothing is
                                                       cached)
    python labs_data/build/findings.py 06 07 08        run these only; findings of other notebooks
                                                       stay as they are in the file
    python labs_data/build/findings.py --journal DIR   take the findings from a my_work folder into
                                                       which the notebooks were run before
    python labs_data/build/findings.py --saved         take them from what the notebooks show as
                                                       they are saved, without a run: shares only
    … --usage                                          time the arms again (else what the file has
                                                       stays)

Every number comes from a run of the notebook that its id names. `usage` is measured here: tokens
and seconds of an answer, one at a time, on dev questions and dev tickets; seconds to read one
more token of a prompt; seconds of training from the card of the reference adapter.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from helpers import __version__
from helpers.commands import notebooks
from helpers.core import fingerprint, settings
from helpers.core.cases import Arm, Case
from helpers.core.files import write_whole
from helpers.data.handbook import load_handbook
from helpers.data.journal_file import Journal, RecordedFinding
from helpers.data.questions import load_questions, pick
from helpers.data.tickets import load_tickets
from helpers.evaluation.evaluator import wilson
from helpers.models import load
from helpers.models.generate import complete
from helpers.retrieval.index import build_index
from helpers.systems import TICKET_PROMPT, few_shot, tuned, zero_shot
from helpers.systems import questions as systems_questions
from helpers.training.adapters import reference_adapter, with_adapter

RESULTS = settings.DATA / "reference" / "findings.json"
# the notebook that reads this file; it and those after it record nothing that the decision rests on
READER_OF_THIS = "11"
TIMED, LONG_TOKENS = 6, 1200


def ran(numbers: list[str]) -> dict:
    """The findings that these notebooks record, as the journal keeps them; they run in a my_work
    folder of their own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for source in notebooks.sources(numbers):
            started = time.perf_counter()
            notebooks.execute(notebooks.compose(source, solutions=False), WORKBOOK_MY_WORK=folder)
            print(f"{source.stem}: run in {time.perf_counter() - started:.0f} s", flush=True)
        return of_journal(Path(folder))


def of_journal(folder: Path) -> dict:
    found = Journal.model_validate_json((folder / "journal.json").read_bytes()).model_dump(
        mode="json"
    )["findings"]
    # a comparison names its systems only
    return {
        id: one
        | {"provenance": one["provenance"] or {"from": f"a run of notebook {id.partition('.')[0]}"}}
        for id, one in found.items()
    }


SHOWN = re.compile(
    r"(?P<name>[\w][^;:().]*?) (?P<value>\d+) % \((?P<low>\d+)(?: %)? to (?P<high>\d+) %, n ="
    r" (?P<n>\d+)\)"
)
FAULTS = ("retrieval", "distraction", "reading", "both")
BLAMED = re.compile(r"(?P<name>RAG(?:, 3 passages)?) \(n = (?P<n>\d+)\): (?P<shares>[^.;]+)")
# drawn beside the findings, and recorded nowhere
BASELINES = (
    "majority label",
    "keywords",
    "1 nearest neighbour",
    "nearest neighbour",
    "classifier",
    "always refuse",
)


def saved(source: Path) -> dict:
    """The shares that a built notebook records, from the words of its saved pictures. The count
    behind a rounded share is found again, or the share is left out.

    Only cells that both record findings and draw them are read; a name that is drawn but not
    recorded (a baseline) is none of ours.
    """
    book, found = nbformat.read(notebooks.learner_path(source), 4), {}

    def keep(id: str, value: str, low: str, high: str, n: int) -> None:
        counts = [
            k
            for k in range(n + 1)
            if [round(100 * x) for x in (k / n, *wilson(k, n))] == [int(value), int(low), int(high)]
        ]
        if len(counts) == 1:
            there = {
                "from": f"saved output of {notebooks.learner_path(source).name}, cell {cell.id}"
            }
            found[id] = made(
                f"{id.split('/', 1)[1]}, as notebook {notebooks.number_of(source)} shows it",
                counts[0] / n,
                *wilson(counts[0], n),
                n,
                there,
            )

    for cell in (c for c in book.cells if c.cell_type == "code"):
        prefix = re.search(r'record(?:_all)?\(f?"([^"{/]*)', cell.source)
        words = " ".join(o.data.get("text/plain", "") for o in cell.outputs if "data" in o)
        for one in SHOWN.finditer(words if prefix else ""):
            if one["name"] not in BASELINES or prefix[1] == "00.lazy":
                keep(
                    f"{prefix[1]}/{one['name'].split(':')[-1].strip()}",
                    one["value"],
                    one["low"],
                    one["high"],
                    int(one["n"]),
                )
        for group in BLAMED.finditer(words if "blame(faults" in cell.source else ""):
            shares = {
                one[0]: one[1:]
                for one in re.findall(
                    rf"({'|'.join(FAULTS)}) (\d+) % \((\d+)(?: %)? to (\d+) %\)",
                    group["shares"],
                )
            }
            # a cause that the cell does not know is not one that never occurred
            for fault in (one for one in FAULTS if f'"{one}"' in cell.source):
                n = int(group["n"])
                keep(
                    f"08.faults/{group['name']}/{fault}",
                    *shares.get(fault, ("0", "0", str(round(100 * wilson(0, n)[1])))),
                    n,
                )
    return found


def made(says: str, value: float, low: float, high: float, n: int, provenance: dict) -> dict:
    """A finding as a journal keeps it, checked."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return RecordedFinding(
        finding=says,
        measure="share",
        value=value,
        low=low,
        high=high,
        n=n,
        verdict=None,
        provenance=provenance,
        machine=platform.machine(),
        cpu_count=os.cpu_count(),
        python=platform.python_version(),
        workbook=__version__,
        first_recorded=now,
        recorded=now,
    ).model_dump(mode="json")


def usage() -> dict:
    """What an answer of each arm takes, and how long reading and training take, on this machine."""
    generator, documents = load.load_generator(), load_handbook()
    questions = pick(
        [case for case in load_questions("dev", documents) if case.gold.answers], TIMED + 1
    )
    index = build_index(documents, chunk_size=64, overlap=16)
    train, tickets = load_tickets("train"), pick(load_tickets("dev"), TIMED + 1)
    # the one that the findings of 05 and 08 are about
    adapter = reference_adapter("format", generator)
    timed = {
        "closed book": (systems_questions.closed_book(generator), questions),
        "RAG": (systems_questions.retrieval_augmented(generator, index, 1), questions),
        "zero-shot": (zero_shot(generator, TICKET_PROMPT), tickets),
        "few-shot": (few_shot(generator, TICKET_PROMPT, train[:8]), tickets),
        "tuned": (tuned(with_adapter(generator, adapter), TICKET_PROMPT), tickets),
    }
    found = {name: one_by_one(arm, cases) for name, (arm, cases) in timed.items()}
    return {
        "arms": found,
        "read_seconds": reading(generator),
        "training_seconds": adapter.card["seconds"],
        "training_rows": adapter.card["rows"],
    }


def one_by_one(arm: Arm, cases: Sequence[Case]) -> dict[str, float]:
    """Tokens (mean) and seconds (median) of an answer, batch of 1, on all cases but the first,
    which warms up."""
    said, seconds = [], []
    for case in cases:
        started = time.perf_counter()
        said += arm([case.ask])
        seconds.append(time.perf_counter() - started)
    print(f"{arm.name}: {statistics.median(seconds[1:]):.2f} s", flush=True)
    tokens_in, tokens_out = (
        round(statistics.fmean(getattr(p, key) for p in said[1:]), 1)
        for key in ("tokens_in", "tokens_out")
    )
    return {
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "seconds": round(statistics.median(seconds[1:]), 4),
        "n": len(said) - 1,
    }


def reading(generator: load.Generator) -> float:
    """Seconds for one more token of a prompt: a long prompt less a short one, one token written,
    the median of three."""
    words = " shed" * LONG_TOKENS

    def one(prompt: str) -> tuple[int, float]:
        started = time.perf_counter()
        (done,) = complete(generator, [prompt], max_new_tokens=1)
        return done.tokens_in, time.perf_counter() - started

    one(words)
    found = []
    for _ in range(3):
        (many, slow), (few, fast) = one(words), one(words[:300])
        found.append((slow - fast) / (many - few))
    return round(statistics.median(found), 7)


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--saved", action="store_true")
    parser.add_argument("--usage", action="store_true")
    options = parser.parse_args()
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if options.saved:
        built = [
            source
            for source in notebooks.sources(options.numbers)
            if notebooks.learner_path(source).exists()
            and notebooks.number_of(source) < READER_OF_THIS
        ]
        measured = {id: one for source in built for id, one in saved(source).items()}
    else:
        measured = (
            of_journal(options.journal)
            if options.journal
            else ran(
                options.numbers
                or [
                    notebooks.number_of(source)
                    for source in notebooks.sources()
                    if notebooks.number_of(source) < READER_OF_THIS
                ]
            )
        )
    kept = before.get("findings", {}) if options.numbers or options.journal or options.saved else {}
    if options.numbers and not options.saved:  # what such a notebook no longer records is gone
        kept = {id: one for id, one in kept.items() if id.partition(".")[0] not in options.numbers}
    again = options.usage or not before
    used = usage() if again else before["usage"]
    how = (
        f"dev questions and tickets, one ask at a time, median of {TIMED}"
        if again
        else before["provenance"]["usage"]
    )
    provenance = {
        **fingerprint.provenance("python labs_data/build/findings.py"),
        # above the number of cores, the seconds are too long
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "generator": load.load_generator().fingerprint,
        "findings": (
            "shares in the saved outputs of the notebooks"
            if options.saved
            else "recorded by runs of the notebooks that their ids name"
        ),
        "usage": how,
    }
    whole = {
        "provenance": provenance,
        "findings": dict(sorted({**kept, **measured}.items())),
        "usage": used,
    }
    write_whole(RESULTS, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    print(
        f"{settings.shown(RESULTS)}: {len(measured)} findings measured, {len(whole['findings'])} in"
        " the file"
    )


if __name__ == "__main__":
    main()
