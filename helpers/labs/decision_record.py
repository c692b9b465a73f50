"""What was decided, from what, and when must we ask again? The record of a decision as Markdown and
as one HTML page with its charts inside.

    write(decision, "Policy assistant", note="For the steering group of March.")      # ->
    my_work/decisions/2026-03-02-policy-assistant/

The folder appears whole or not at all, and never replaces an older one. All text is escaped: names
and notes may hold anything. In Markdown that is done here, in HTML by jinja2.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import __version__
from helpers.core import settings
from helpers.core.fingerprint import code_of, machine
from helpers.data.journal_file import JournalError
from helpers.decision import sensitivity
from helpers.decision.conclusion import Decision
from helpers.decision.costs import bill
from helpers.decision.options import PEOPLE, Option
from helpers.evaluation.numbers import percent, percents
from helpers.plots import decision as plots_decision
from helpers.plots.canvas import embedded

STYLE = """body{font:15px/1.5 "DejaVu Sans",Arial,sans-serif;color:#222;
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}
th,td{border-bottom:1px solid #ddd;padding:.2rem .6rem;text-align:left;vertical-align:top}
img{max-width:100%}
.answer{border-left:6px solid #0072B2;padding:.4rem 1rem;font-size:1.15rem;background:#f3f7fa}
@media print{body{margin:0;max-width:none}table{display:table}
thead{display:table-header-group;break-after:avoid}
h2{break-after:avoid}tr,img,li{break-inside:avoid}}"""
PAGE = (
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title><style>"""
    + STYLE
    + """</style></head><body><h1>{{ title }}</h1>
{% for part in sections %}<section><h2>{{ part.heading }}</h2>
{% set answers = part.heading == "Answer" %}
{% for one in part.content %}
{% if kind(one) == "table" %}
{% set lines = lines_of(one) %}
<table tabindex="0">
<thead><tr>{% for cell in lines[0] %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
{% for line in lines[1:] %}<tr>{% for cell in line %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% elif kind(one) == "list" %}
<ol>{% for item in one %}<li>{{ item }}</li>{% endfor %}</ol>
{% elif kind(one) == "picture" %}{{ picture(one) }}
{% else %}<p{% if answers and loop.index <= 3 %} class="answer"{% endif %}>{{ one }}</p>
{% endif %}{% endfor %}</section>
{% endfor %}</body></html>
"""
)


@dataclass(frozen=True)
class Part:
    """One section of the record: a heading and its paragraphs, lists, tables and pictures, in
    order."""

    heading: str
    # a picture is (file name, finding in words, bytes)
    content: tuple[str | list[str] | pd.DataFrame | tuple[str, str, bytes], ...]


def sections_of(
    decision: Decision, note: str = "", guesses: pd.DataFrame | None = None
) -> list[Part]:
    """All that the record says, before it is Markdown or HTML. guesses: of
    `journal.calibration`."""
    r, evidence = decision.requirements, decision.evidence
    agreed = sensitivity.agreement(r, evidence)
    drawn = {
        "readiness.svg": plots_decision.readiness(decision),
        "costs.svg": plots_decision.costs(decision),
        "flips.svg": plots_decision.flips(decision),
        "flips-readiness.svg": plots_decision.flips(decision, "readiness"),
    }
    pictures = {name: (name, one.alt, one.svg.encode()) for name, one in drawn.items()}
    share = (
        f"{percent(agreed.share)} of {agreed.n} draws around the stated numbers (each from a"
        " third to three times, shares within 20 points) give the same direction"
        f" ({percents(agreed.low, agreed.high)})."
    )
    parts = [one for one in dict.fromkeys(decision.parts.values()) if one is not PEOPLE]
    return [
        Part("Answer", (*decision.paragraphs, *filter(None, [note]), pictures["readiness.svg"])),
        Part("Reasons", ([str(reason) for reason in decision.reasons],)),
        Part(
            "The pairs that were weighed",
            (
                decision.table().round(3),
                (
                    "Gain and needed gain are shares of the requests of that kind; low and high are"
                    " the 95 % interval."
                ),
            ),
        ),
        Part(
            "What it costs",
            (pictures["costs.svg"], bill(r, evidence).round(2).reset_index()),
        ),
        Part(
            "What would change the answer",
            (
                pictures["flips.svg"],
                pictures["flips-readiness.svg"],
                sensitivity.as_table(decision.flips),
                share,
            ),
        ),
        *(Part(f"What {one} asks of its owners", (governed(one),)) for one in parts),
        Part("What is required (stated, not measured)", (r.table().drop(columns=["from", "to"]),)),
        Part("What was measured", (evidence.table().drop(columns="says").astype(object),)),
        *(
            [Part("How good the guesses were", (guesses,))]
            if guesses is not None and len(guesses)
            else []
        ),
        Part("Provenance", ([f"{name}: {value}" for name, value in provenance(decision).items()],)),
    ]


def governed(option: Option) -> list[str]:
    """What an option asks of its owners, line by line."""
    return [
        f"version: {option.version}",
        f"test: {option.test}",
        f"roll back: {option.roll_back}",
        *(f"risk: {risk}" for risk in option.risks),
    ]


def provenance(decision: Decision) -> dict[str, str]:
    """Where the record comes from: date, machine, versions, the code that decided, rules that were
    added or left out, the reference."""
    about = decision.evidence.about
    whose = decision.evidence.table()["whose"].value_counts()
    return {
        "made": dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        "workbook": __version__,
        "code that decided (SHA-256)": code_of("decision"),
        "rules": ", ".join(decision.rules),
        "gates": ", ".join(decision.gates),
        "findings": ", ".join(f"{count} {name}" for name, count in whose.items()),
        **{f"reference, {name}": str(value) for name, value in about.items()},
    }


def markdown(title: str, sections: Sequence[Part]) -> str:
    """The record as Markdown; pictures are files beside it."""
    return (
        "\n\n".join(
            [
                f"# {_plain(title)}",
                *(
                    f"## {_plain(part.heading)}\n\n" + "\n\n".join(map(_md, part.content))
                    for part in sections
                ),
            ]
        )
        + "\n"
    )


def page(title: str, sections: Sequence[Part]) -> str:
    """The record as one HTML page that needs no other file and asks no other host for anything.

    Every text is escaped by the template; only the pictures come as HTML.
    """
    from jinja2 import Environment
    from markupsafe import Markup

    def kind(one: object) -> str:
        names = {pd.DataFrame: "table", list: "list", tuple: "picture"}
        return names.get(type(one), "text")

    def picture(one: tuple[str, str, bytes]) -> Markup:
        name, alt, data = one
        return Markup(embedded("png" if name.endswith(".png") else "svg+xml", data, alt))

    template = Environment(autoescape=True).from_string(PAGE)
    return template.render(
        title=title, sections=sections, kind=kind, picture=picture, lines_of=_lines
    )


def write(
    decision: Decision, title: str, note: str = "", guesses: pd.DataFrame | None = None
) -> Path:
    """Save the record in `my_work/decisions/`; the folder it is in. Raises JournalError where it
    cannot be written; then nothing is there."""
    sections, home = sections_of(decision, note, guesses), settings.my_work() / "decisions"
    files = {
        "decision.md": markdown(title, sections).encode(),
        "decision.html": page(title, sections).encode(),
    }
    files |= {one[0]: one[2] for part in sections for one in part.content if isinstance(one, tuple)}
    aside = None
    try:
        home.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".making-", dir=home))
        aside.chmod(0o755)
        for name, data in files.items():
            with (aside / name).open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        for name in _names(title):
            if not (home / name).exists():
                aside.rename(home / name)
                return home / name
    except OSError as error:
        raise JournalError(
            f"{settings.shown(home)}: the record was not written ({error}); make room there, or set"
            " WORKBOOK_MY_WORK to a folder you own"
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)  # gone already when it was moved into place
    raise AssertionError("unreachable: there is always a next name")


def _names(title: str) -> Iterable[str]:
    """Folder names for today: letters, digits and dashes only, so that no title can leave the
    folder."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "decision"
    first = f"{dt.date.today().isoformat()}-{slug}"
    return itertools.chain([first], (f"{first}-{i}" for i in itertools.count(2)))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no mark of its own works in it."""
    return re.sub(r"([\\`*_{}\[\]<>#|!&~])", r"\\\1", " ".join(str(text).split()))


def _lines(table: pd.DataFrame) -> list[list[str]]:
    """The head of a table and its rows, as texts; a named index is the first column."""
    rows = table.reset_index() if table.index.name else table
    return [
        list(map(str, rows.columns)),
        *([_cell(v) for v in row] for row in rows.itertuples(index=False)),
    ]


def _md(one: object) -> str:
    if isinstance(one, pd.DataFrame):
        head, *rows = ["| " + " | ".join(map(_plain, line)) + " |" for line in _lines(one)]
        return "\n".join([head, "|" + " --- |" * len(_lines(one)[0]), *rows])
    if isinstance(one, list):
        return "\n".join(f"{i}. {_plain(item)}" for i, item in enumerate(one, start=1))
    return f"![{_plain(one[1])}]({one[0]})" if isinstance(one, tuple) else _plain(one)
