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
TIMED_ASKS = 3


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


@contextlib.contextmanager
def own_cache(out: Path, wanted_model: str | None):
    """What is derived from the folder's texts (vectors, indexes, answers, adapters) lies in --out;
    only the weights are shared with the workbook.

    wanted_model: of assess.toml; what the environment names counts more. A hub id needs a hub, so
    the switch that forbids one is opened for it.
    """
    from helpers.models import weights

    changes: dict[str, str | None] = {
        "WORKBOOK_WEIGHTS": str(weights.cache_home()),
        "WORKBOOK_CACHE": str(out.resolve() / "work"),
        "MPLCONFIGDIR": str(out.resolve() / "work" / "matplotlib"),
    }
    if wanted_model and not os.environ.get("WORKBOOK_MODEL"):
        changes["WORKBOOK_MODEL"] = wanted_model
        if not Path(wanted_model).expanduser().is_dir():
            changes |= {"HF_HUB_OFFLINE": None, "HF_DATASETS_OFFLINE": None}
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

    from helpers.commands.assess.folder import read_user_folder
    from helpers.commands.assess.schedule import Clock
    from helpers.core.records import DataError

    clock = Clock(minutes or MINUTES)
    folder = Path(folder)
    out = Path(out) if out is not None else default_out(folder)
    refuse_out(folder, out)
    own = read_user_folder(folder, _day(out))
    clock.minutes = minutes or own.wishes.minutes or MINUTES
    say(
        f"{folder}: {len(own.documents)} documents, {len(own.questions)} questions,"
        f" {len(own.examples)} examples, {len(own.faults)} faults"
    )
    for fault in own.faults[:10]:
        say(f"  {fault}")
    for remark in own.remarks[:10]:
        say(f"  {remark}")
    out.mkdir(parents=True, exist_ok=True)
    with own_cache(out, own.wishes.model.name):
        try:
            with FileLock(out / "work.lock", timeout=0):
                return _measured(own, out, clock, say)
        except Timeout:
            raise DataError(
                f"{out}: another assessment is at work there; wait for it, or name another --out"
            ) from None


def _day(out: Path) -> dt.date:
    """The day on which questions are asked: that of the first start, so that a second one after
    midnight resumes instead of beginning anew."""
    try:
        return dt.date.fromisoformat(json.loads((out / MARK).read_text(encoding="utf-8"))["day"])
    except (OSError, ValueError, KeyError, TypeError):
        return dt.date.today()


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
    progress = ArmProgress(out / MARK, _fresh(own, out))
    steps, pace = (
        Systems(own, Clock(own.wishes.minutes or MINUTES), progress, str, _endpoint(own)).steps(),
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
        for step in steps
    ]
    return pd.DataFrame(
        rows, columns=["arm", "tells", "cases", "takes", "seconds a case"]
    ).set_index("arm")


def _fresh(own, out: Path) -> dict[str, Any]:
    """Where nothing is done yet."""
    return {
        "fingerprint": own.fingerprint,
        "day": str(_day(out)),
        "done": {},
        "pace": {},
        "waits": {},
        "training": {},
    }


def _measured(
    own, out: Path, clock, say: Callable[[str], object]
) -> tuple[Results, dict[str, Any]]:
    from helpers.commands.assess import report
    from helpers.commands.assess.findings import (
        comparisons,
        evidence_of,
        judged,
        reference_about,
        requirements_of,
        settle,
    )
    from helpers.commands.assess.schedule import ArmProgress, measure
    from helpers.commands.assess.systems import Systems
    from helpers.decision.conclusion import decide

    progress = ArmProgress(out / MARK, _fresh(own, out))
    progress.set("day", progress["day"])
    remote = _endpoint(own)
    shop = Systems(own, clock, progress, say, remote)
    steps = shop.steps()
    tables, arms, skipped = measure(steps, clock, progress, say)
    waits = dict(progress["waits"] or {}) if remote is None else {}
    read_seconds, window = None, None
    if remote is None and "generator" in shop.__dict__:
        waits |= _timed(tables, arms, steps, waits, clock, progress)
        window = getattr(shop.generator.model.config, "max_position_embeddings", None)
        if clock.left > 5:
            from helpers.training.time_estimate import read_per_second

            read_seconds = 1 / read_per_second(shop.generator)
    search = shop.search_table() if "index" in shop.__dict__ else None
    causes, compared = judged(tables), comparisons(tables)
    requirements, sources = requirements_of(own, window)
    evidence = evidence_of(
        tables, causes, waits, progress["training"] or {}, read_seconds, reference_about()
    )
    model = (
        f"{remote.model} at {remote.url}"
        if remote
        else shop.generator.name
        if "generator" in shop.__dict__
        else "no model"
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
    )
    held = report.write(results, out)
    say(f"{clock.used / 60:5.1f} min  report: {out / 'report.html'}")
    return results, held


def _endpoint(own):
    from helpers.models.endpoint import endpoint_at

    return (
        endpoint_at(own.wishes.endpoint.url, own.wishes.endpoint.model)
        if own.wishes.endpoint.url
        else None
    )


def _timed(tables, arms, steps, known: dict[str, float], clock, progress) -> dict[str, float]:
    """Seconds that one user waits, for the arms whose time the decision counts, as far as the
    minutes reach."""
    from helpers.evaluation.evaluator import latency

    cases, found = {step.name: step.cases for step in steps}, {}
    for name in [
        n
        for n in arms
        if n in tables and (n in TIMED or n.startswith("tuned, ")) and n not in known
    ]:
        # alone, an answer takes longer than its share of a batch
        expected = 3 * (TIMED_ASKS + 1) * max(float(tables[name]["seconds"].mean()), 0.05)
        if expected < clock.left and len(cases[name]) > 1:
            with contextlib.suppress(Exception):  # no time, no harm
                found[name] = latency(arms[name], cases[name], TIMED_ASKS)["median_seconds"]
                progress.set("waits", {**(progress["waits"] or {}), **found})
    return found


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
    except KeyboardInterrupt:
        say("workbook: stopped; run the same command again to resume")
        return 130
    print(json.dumps(held, indent=1, ensure_ascii=False) if options.json else told(held))
    return 0
