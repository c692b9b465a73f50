"""Prompt, documents, weights, or both, for *your* documents and labels? Reads a folder, measures
what its data allow within the minutes, decides, reports.

    python3 workbook.py assess DIR [--minutes N] [--out DIR] [--json]       DIR: documents/,
    questions.jsonl, examples.jsonl, schema.json, assess.toml python3 workbook.py assess --example
    DIR                                writes a filled folder to start from

Everything is written below --out (default: my_work/assess/…): the report, and under work/ what is
saved, so that the next start resumes where this one stopped. DIR itself is only read. Delete --out,
and nothing of your texts is left.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import os
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from helpers.commands.assess.report import Results

MINUTES = 20.0
MARK = "progress.json"
TIMED = ("closed book", "RAG", "few-shot", "zero-shot", "tuned")
RESUMED_DAYS = 31
# one stalled ask must not decide: a median of so many, taken anew at each of the first starts
TIMED_ASKS, TIMED_STARTS = 5, 3


def default_out(folder: Path) -> Path:
    """my_work/assess/NAME-HASH: one place for one folder, whatever it is called elsewhere."""
    from helpers.core import settings

    whole = folder.resolve()
    slug = re.sub(r"[^a-z0-9]+", "-", whole.name.lower()).strip("-")[:40] or "folder"
    return (
        settings.my_work()
        / "assess"
        / f"{slug}-{hashlib.sha256(str(whole).encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
    )


def refuse_out(folder: Path, out: Path) -> None:
    """Raises DataError where the report would lie among what it is made from, or among files
    that are not its own."""
    from helpers.core.records import DataError

    here, there = folder.resolve(), out.resolve()
    if there == here or there.is_relative_to(here / "documents"):
        raise DataError(f"--out {out} is the folder that is assessed; name another one")
    if there.exists() and (
        not there.is_dir() or (any(there.iterdir()) and not (there / MARK).is_file())
    ):
        raise DataError(
            f"--out {out} holds something else already; name a new folder, or one of an earlier"
            " assessment"
        )


def refuse_model(own) -> None:
    """Raises DataError where assess.toml asks for a model and the environment names none: the file
    came with the folder, it may not choose what this machine loads, or which host it asks.
    Raises WeightsError where a folder that the environment names holds no model."""
    from helpers.core.records import DataError
    from helpers.models.load import look_for_models

    if own.wishes.endpoint.url:
        return
    look_for_models()
    name = own.wishes.model.name
    if name and not os.environ.get("WORKBOOK_MODEL"):
        raise DataError(
            f"assess.toml asks for the model {name!r}: if you want that, set WORKBOOK_MODEL={name}"
            " and start again; nothing was loaded or sent"
        )


def refuse_mix(own, out: Path) -> None:
    """Raises DataError where --out holds the assessment of another folder. The same texts in
    another place are the same folder, moved."""
    from helpers.core.records import DataError

    held = _held(out)
    there = held.get("folder", str(own.folder.resolve()))
    if there != str(own.folder.resolve()) and held.get("fingerprint") != own.fingerprint:
        raise DataError(
            f"--out {out} holds the assessment of {there}; name another folder, or delete that one"
        )


@contextlib.contextmanager
def own_cache(out: Path):
    """What is derived from the folder's texts (vectors, indexes, answers, adapters) lies in --out;
    only the weights are shared with the workbook."""
    from helpers.models import weights

    changes = {
        "WORKBOOK_WEIGHTS": str(weights.cache_home()),
        "WORKBOOK_CACHE": str(out.resolve() / "work"),
        "MPLCONFIGDIR": str(out.resolve() / "work" / "matplotlib"),
    }
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def assess(
    folder: Path,
    out: Path | None = None,
    minutes: float | None = None,
    say: Callable[[str], object] = print,
) -> dict[str, Any]:
    """The whole of it: what stands in report.json. Raises DataError where nothing can be judged or
    --out may not be used, EndpointError where the endpoint may not be asked."""
    return assessed(folder, out, minutes, say)[1]


def assessed(
    folder: Path,
    out: Path | None = None,
    minutes: float | None = None,
    say: Callable[[str], object] = print,
) -> tuple[Results, dict[str, Any]]:
    """`assess` for whoever works on with it: (every table, comparison and the decision with its
    evidence; what stands in report.json). Raises as `assess` does."""
    from filelock import FileLock, Timeout

    from helpers.commands.assess.folder import read_user_folder, sentence_note
    from helpers.commands.assess.language import warning
    from helpers.commands.assess.schedule import Clock
    from helpers.core.records import DataError
    from helpers.data.label_audit import label_audit

    clock = Clock(minutes or MINUTES)
    folder = Path(folder)
    out = Path(out) if out is not None else default_out(folder)
    refuse_out(folder, out)
    own = read_user_folder(folder, _day(out))
    refuse_model(own)
    refuse_mix(own, out)
    clock.minutes = minutes or own.wishes.minutes or MINUTES
    say(
        f"{folder}: {len(own.documents)} documents, {len(own.questions)} questions,"
        f" {len(own.examples)} examples, {len(own.faults)} faults"
    )
    for fault in own.faults[:10]:
        say(f"  {fault}")
    for note in filter(None, (warning(own), sentence_note(own))):
        say(f"  {note}")
    for remark in (*own.remarks[:10], *label_audit(own.examples).remarks()):
        say(f"  {remark}")
    out.mkdir(parents=True, exist_ok=True)
    with own_cache(out):
        try:
            with FileLock(out / "work.lock", timeout=0):
                return _measured(own, out, clock, say)
        except Timeout:
            raise DataError(
                f"{out}: another assessment is at work there; wait for it, or name another --out"
            ) from None


def _held(out: Path) -> dict[str, Any]:
    """What progress.json says; nothing where it cannot be read."""
    try:
        held = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _day(out: Path) -> dt.date:
    """The day on which questions are asked: that of the first start, so that a second one after
    midnight resumes instead of beginning anew. A day that lies ahead, or long ago, is that of a
    wrong clock, or of work that nobody resumes: then it is today."""
    today = dt.date.today()
    try:
        day = dt.date.fromisoformat(_held(out)["day"])
    except (ValueError, KeyError, TypeError):
        return today
    # one day ahead: it may have been tomorrow already where the first start was
    return day if -1 <= (today - day).days <= RESUMED_DAYS else today


def plan(folder: Path, out: Path | None = None) -> pd.DataFrame:
    """What would be measured, and in which order? One line an arm: what it tells, on how many
    cases, what must be there first, and its pace where an earlier start has seen one.

    No model is loaded and nothing is written. Raises DataError and EndpointError as `assess` does.
    """
    import pandas as pd

    from helpers.commands.assess.folder import read_user_folder
    from helpers.commands.assess.schedule import ArmProgress, Clock
    from helpers.commands.assess.systems import Systems

    out = Path(out) if out is not None else default_out(Path(folder))
    own = read_user_folder(Path(folder), _day(out))
    refuse_model(own)
    progress = ArmProgress(out / MARK, _fresh(own, out))
    steps, pace = (
        Systems(own, Clock(own.wishes.minutes or MINUTES), progress, str, endpoint_of(own)).steps(),
        progress["pace"] or {},
    )
    rows = [
        {
            "arm": step.name,
            "tells": step.why,
            "cases": len(step.cases),
            "takes": "no model" if step.free else "training first" if step.trained else "the model",
            "seconds a case": pace.get(step.name, float("nan")),
        }
        for step in sorted(steps, key=lambda step: (not step.free, step.turn))
    ]
    return pd.DataFrame(
        rows, columns=["arm", "tells", "cases", "takes", "seconds a case"]
    ).set_index("arm")


def _fresh(own, out: Path) -> dict[str, Any]:
    """Where nothing is done yet."""
    return {
        "fingerprint": own.fingerprint,
        "day": str(_day(out)),
        "folder": str(own.folder.resolve()),
        "done": {},
        "pace": {},
        "waits": {},
        "training": {},
        "rounds": {},
    }


def _measured(
    own, out: Path, clock, say: Callable[[str], object]
) -> tuple[Results, dict[str, Any]]:
    from helpers.commands.assess import report
    from helpers.commands.assess.findings import (
        comparisons,
        evidence_of,
        judged,
        pairs_of,
        reference_about,
        requirements_of,
        settle,
    )
    from helpers.commands.assess.schedule import ArmProgress, measure
    from helpers.commands.assess.systems import Systems
    from helpers.decision.conclusion import decide

    fresh = _fresh(own, out)
    progress = ArmProgress(out / MARK, fresh)
    progress.held["folder"] = fresh["folder"]
    progress.set("day", fresh["day"])
    remote = endpoint_of(own)
    shop = Systems(own, clock, progress, say, remote)
    steps = shop.steps()
    tables, arms, skipped = measure(steps, clock, progress, say, pairs_of)
    waits: dict[str, float] = {}
    read_seconds, window = None, None
    if remote is None and "generator" in shop.__dict__:
        waits = _timed(tables, arms, steps, clock, progress)
        window = getattr(shop.generator.model.config, "max_position_embeddings", None)
        if clock.left > 5:
            from helpers.training.time_estimate import read_per_second

            read_seconds = 1 / read_per_second(shop.generator)
    search = shop.search_table() if "index" in shop.__dict__ else None
    causes, compared = judged(tables), comparisons(tables)
    requirements, sources = requirements_of(own, window)
    model = (
        f"{remote.model} at {remote.url}"
        if remote
        else shop.generator.name
        if "generator" in shop.__dict__
        else "no model"
    )
    labels = shop.label_audit()
    evidence = evidence_of(
        tables,
        causes,
        waits,
        progress["training"] or {},
        read_seconds,
        reference_about(),
        model,
        own.folder.resolve().name,
        search,
        labels,
    )
    results = report.Results(
        own,
        tables,
        causes,
        compared,
        search,
        skipped,
        settle(compared, skipped, {step.name: len(step.cases) for step in steps}),
        decide(requirements, evidence),
        sources,
        model,
        clock.minutes,
        clock.used / 60,
        shop.notes,
        {step.name: step.why for step in steps},
        {name: len(part) for name, part in shop.splits._asdict().items()} if shop.splits else {},
        labels,
    )
    held = report.write(results, out)
    say(f"{clock.used / 60:5.1f} min  report: {out / 'report.html'}")
    return results, held


def endpoint_of(own):
    """The model behind the endpoint that the folder names, or None where it names none."""
    from helpers.models.endpoint import endpoint_at

    return (
        endpoint_at(own.wishes.endpoint.url, own.wishes.endpoint.model)
        if own.wishes.endpoint.url
        else None
    )


def _timed(tables, arms, steps, clock, progress) -> dict[str, float]:
    """Seconds that one user waits, for the arms whose time the decision counts, as far as the
    minutes reach: the median over the starts, for a machine may have been busy at one."""
    from helpers.evaluation.evaluator import latency

    cases = {step.name: step.cases for step in steps}
    taken: dict[str, list[float]] = dict(progress["waits"] or {})
    for name in (n for n in arms if n in tables and (n in TIMED or n.startswith("tuned, "))):
        # alone, an answer takes longer than its share of a batch
        expected = 3 * (TIMED_ASKS + 1) * max(float(tables[name]["seconds"].mean()), 0.05)
        enough = len(cases[name]) > TIMED_ASKS and len(taken.get(name, ())) < TIMED_STARTS
        if enough and expected < clock.left:
            with contextlib.suppress(Exception):  # no time, no harm
                seconds = latency(arms[name], cases[name], TIMED_ASKS)["median_seconds"]
                taken = {**taken, name: [*taken.get(name, ()), seconds]}
                progress.set("waits", taken)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def nothing_ran(held: dict[str, Any]) -> bool:
    """Did arms break down, and did none that asks a model answer anything?"""
    from helpers.commands.assess.report import BASELINES
    from helpers.commands.assess.schedule import BROKE_DOWN

    rows = [row for rows in held["arms"].values() for row in rows if row["arm"] not in BASELINES]
    return any(one["reason"].startswith(BROKE_DOWN) for one in held["skipped"]) and all(
        row["errors"] == row["n"] for row in rows
    )


def told(held: dict[str, Any]) -> str:
    """The result for people, in a few lines."""
    lines = [
        held["decision"]["in_words"],
        *(
            f"  {i}. {reason['text']}"
            for i, reason in enumerate(held["decision"]["reasons"][:5], start=1)
        ),
    ]
    for kind, rows in held["arms"].items():
        lines.append(
            f"{kind}: " + ", ".join(f"{row['arm']} {100 * row['share']:.0f} %" for row in rows)
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="assess", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--example",
        action="store_true",
        help="write a filled example folder at DIR, and do nothing else",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help=f"how long it may take (default: what assess.toml says, else {MINUTES:g})",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the report goes (default: my_work/assess/…)"
    )
    parser.add_argument("--json", action="store_true", help="print report.json and nothing else")
    options = parser.parse_args(argv)
    if options.minutes is not None and not 0 < options.minutes <= 24 * 60:
        parser.error("--minutes takes minutes, above 0 and at most 1440")
    from helpers.commands.assess.example import write_example
    from helpers.core.records import DataError
    from helpers.models.endpoint import EndpointError
    from helpers.models.weights import WeightsError

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        # whatever is said on the way: stdout belongs to the result
        with contextlib.redirect_stdout(sys.stderr):
            if options.example:
                say(
                    f"written: {write_example(options.folder)}; next: python3 workbook.py assess"
                    f" {options.folder}"
                )
                return 0
            held = assess(options.folder, options.out, options.minutes, say)
    except (DataError, EndpointError, WeightsError) as error:
        say(f"workbook: {error}")
        return 2
    except OSError as error:
        where = (
            f"{error.filename} cannot be written ({error.strerror})" if error.filename else error
        )
        say(
            f"workbook: {where}; make room there or name another --out, and run the same command"
            " again: what was saved counts"
        )
        return 2
    except KeyboardInterrupt:
        say("workbook: stopped; run the same command again to resume")
        return 130
    # a pipe on Windows, or LANG=C: letters that it lacks become escapes
    escaped = (sys.stdout.encoding or "utf-8").lower() != "utf-8"
    if escaped:
        sys.stdout.reconfigure(errors="backslashreplace")
    print(json.dumps(held, indent=1, ensure_ascii=escaped) if options.json else told(held))
    if nothing_ran(held):
        out = options.out or default_out(options.folder)
        say(
            "workbook: every system broke down, so nothing was measured; the reasons stand above"
            f" and in {out / 'report.html'}"
        )
        return 1
    return 0
