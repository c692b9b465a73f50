"""What is handed out in a workshop? The instructor's guide, three hand-outs, the slides and the
page for leaders: made from docs/src, the notebooks' pictures and the findings, so that no number in
them is typed; and the parts of the README that say what was measured.

docs/src/*.md are jinja2 templates: {{ share("08.questions/RAG") }} is what notebook 08 found,
{{ route("half-day") }} and {{ sections("05") }} are tables. docs/src/kit.toml holds routes, slides
and leaders' sentences. `python3 workbook.py kit` writes docs/*.md and docs/kit/*.html.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jinja2

from helpers.commands.bench import training
from helpers.commands.workshop import found as in_notebooks
from helpers.commands.workshop import pages, routes
from helpers.commands.workshop.verdicts import verdicts_table
from helpers.core import settings
from helpers.core.files import write_whole
from helpers.data.tickets import FIELDS
from helpers.decision.sentences import listed
from helpers.evaluation import house_style, scores
from helpers.evaluation.numbers import percent

DOCS = settings.ROOT / "docs"
SOURCES = DOCS / "src"
FINDINGS = settings.DATA / "reference" / "findings.json"
HANDOUTS = ("thirty_questions", "decision_path", "four_scorers")


def findings() -> dict[str, dict]:
    return json.loads(FINDINGS.read_text(encoding="utf-8"))["findings"]


def _finding(found: dict[str, dict], id: str) -> dict:
    if id not in found:
        near = [name for name in found if name.split("/")[0] == id.split("/")[0]]
        raise ValueError(f"findings.json has no {id!r}; near it: {', '.join(near) or 'nothing'}")
    return found[id]


def _in_points(difference: tuple[float, float, float]) -> str:
    """A difference of shares and the ends of its interval: "+3 points (−1 to 7)"."""
    gain, low, high = (f"{100 * one:.0f}".replace("-", "−") for one in difference)
    return f"{'' if gain.startswith('−') else '+'}{gain} points ({low} to {high})"


def words() -> dict[str, object]:
    """What a template may call."""
    found = findings()
    get = partial(_finding, found)

    def interval(id: str) -> str:
        low, high = (round(100 * get(id)[end]) for end in ("low", "high"))
        return f"{low} to {high} %"

    return {
        "share": lambda id: percent(get(id)["value"]),
        "interval": interval,
        "n": lambda id: f"{get(id)['n']:,}",
        "count": lambda id: f"{round(get(id)['value'] * get(id)['n'])} of {get(id)['n']}",
        "points": lambda id: f"{round(100 * get(id)['value']):+d} points",
        "shown": in_notebooks.shown,
        "against": in_notebooks.against,
        "verdict": in_notebooks.verdict,
        "read": in_notebooks.read,
        "route": lambda id: routes.table_of(_route(id)),
        "left_out": lambda id: listed(routes.left_out(_route(id))),
        "exercise": routes.exercise_called,
        "sections": routes.sections_table,
        "verdicts": verdicts_table,
        "fields": FIELDS,
        "rules": len(house_style.RULES),
        "race": training.race(),
        "percent": percent,
        "in_points": _in_points,
        "longest_answer": scores.LONGEST_ANSWER_TOKENS,
        "numbers": list(routes.lessons()),
        "warming": routes.warming(),
        "measured": sorted(name.partition("_")[0] for name in routes.measured()),
        "lesson": lambda number: routes.lessons()[number],
    }


def _route(id: str) -> routes.Route:
    return next(route for route in routes.routes() if route.id == id)


def render(text: str, **more: object) -> str:
    """A template with its numbers. Raises ValueError for a finding that does not exist."""
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    env.globals |= words()
    try:
        return env.from_string(text).render(**more)
    except jinja2.TemplateError as error:
        raise ValueError(f"a template of docs/src: {error}") from None


def products() -> dict[Path, str]:
    """Every file of the kit, as it should be. Raises ValueError where a route's minutes do not add
    up."""
    if wrong := [fault for route in routes.routes() for fault in routes.faults(route)]:
        raise ValueError("docs/src/kit.toml: " + "; ".join(wrong))
    made = {DOCS / "INSTRUCTOR.md": render(_source("instructor.md"))}
    for name in HANDOUTS:
        text = render(_source(f"{name}.md"))
        made[DOCS / f"{name}.md"] = text
        made[DOCS / "kit" / f"{name}.html"] = pages.handout(text)
    stated = routes.kit()
    made[DOCS / "kit" / "slides.html"] = pages.slides(
        [row | {"say": render(row["say"])} for row in stated["slide"]]
    )
    made[DOCS / "kit" / "leaders.html"] = pages.leaders(
        stated["leaders"], [row | {"say": render(row["say"])} for row in stated["leader"]]
    )
    made[in_notebooks.README] = in_notebooks.readme(
        {name: render(_source(f"{name}.md")) for name in in_notebooks.PARTS}
    )
    return made


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def kit(check: bool = False) -> int:
    """Write what is missing or out of date; check: only say so, 1 if anything is."""
    made = products()
    late = [path for path, text in made.items() if not _holds(path, text)]
    for path in late:
        if check:
            print(f"{settings.shown(path)} is out of date; run: python3 workbook.py kit")
        else:
            write_whole(path, made[path])
            print(f"{settings.shown(path)}: made, {path.stat().st_size / 1000:,.0f} kB")
    if not late:
        print("the kit is as new as the notebooks")
    return 1 if late and check else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
