"""How do pictures and sentences become pages that open from the file system and print well? Slides,
the leaders' page and the hand-outs, each one HTML file that holds all it needs, dark and light.

A picture is named in a notebook by a tag of its cell, as `picture-blame`.
"""

from __future__ import annotations

import base64
import html
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import jinja2
import nbformat

from helpers.commands import notebooks
from helpers.core import settings

TEMPLATES = Path(__file__).parent / "templates"
TAG = re.compile(r"^picture-([\w-]+)$")
IMAGE = re.compile(r"<img[^>]*>", re.DOTALL)


def pictures() -> dict[str, dict[str, str]]:
    """Every named picture of the course: name -> its `<img>` and the number and title of the
    notebook it is from. Raises ValueError for a name that stands twice or names no picture."""
    found: dict[str, dict[str, str]] = {}
    for source in notebooks.sources():
        book = nbformat.read(notebooks.learner_path(source), 4)
        title = book.cells[0].source.splitlines()[0].lstrip("# ").strip()
        for cell in book.cells:
            for name in _names(cell):
                if name in found:
                    raise ValueError(f"two cells are tagged picture-{name}")
                image = _first_image(cell)
                if image is None:
                    raise ValueError(f"{source.stem}: the cell of picture-{name} shows no picture")
                found[name] = {"img": image, "from": notebooks.number_of(source), "title": title}
    return found


def _names(cell: nbformat.NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags", [])
    return [match[1] for tag in tags if (match := TAG.match(tag))]


def _first_image(cell: nbformat.NotebookNode) -> str | None:
    shown = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
    image = IMAGE.search(shown)
    return image[0].replace('style="max-width:100%"', "") if image else None


def _with_pictures(rows: Sequence[dict]) -> list[dict]:
    named = pictures()
    if unknown := [row["picture"] for row in rows if row.get("picture", "") not in {"", *named}]:
        raise ValueError(f"no cell is tagged picture-{unknown[0]}; there are {', '.join(named)}")
    return [row | named.get(row.get("picture", ""), {"img": "", "from": ""}) for row in rows]


def _page(name: str, **values: object) -> str:
    """The template with its values, and the style that all pages share."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["bold_numbers"] = bold_numbers
    return env.get_template(name).render(**values).rstrip() + "\n"


def bold_numbers(sentence: str) -> str:
    """The sentence as HTML, its shares and counts in bold; everything else is escaped."""
    from markupsafe import Markup

    text = html.escape(sentence)
    return Markup(
        re.sub(
            r"(?<![\w.])([+−-]?\d+(?:[,.]\d+)*(?: %| of \d+| points)?)",
            r'<b class="number">\1</b>',
            text,
        )
    )


def slides(rows: Sequence[dict]) -> str:
    """The slides, one a screen; arrow keys, or scrolling where scripts are off."""
    shown = [row | {"tall": _is_tall(row["img"])} for row in _with_pictures(rows)]
    return _page("slides.html", slides=shown)


def _is_tall(image: str) -> bool:
    """Is this `<img>` about as tall as it is wide? Said by the first bytes of a PNG."""
    start = re.search(r"data:image/png;base64,([\w+/]{32})", image)
    if not start:
        return False
    wide, high = struct.unpack(">II", base64.b64decode(start[1])[16:24])
    return wide < 1.3 * high


def leaders(head: dict, rows: Sequence[dict]) -> str:
    """Eight pictures, eight sentences, one page."""
    return _page("leaders.html", head=head, cards=_with_pictures(rows))


def handout(markdown: str) -> str:
    """A hand-out of docs/*.md as a printable page; what its links lead to is not on paper, so the
    words stay and the links go."""
    from markdown_it import MarkdownIt

    text = re.sub(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:|#)[^)]+\)", r"\1", markdown)
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    body = re.sub(r'<img src="([\w.-]+\.svg)"', lambda m: f'<img src="{_svg(m[1])}"', body)
    body = body.replace("☐ ", '<span class="box">☐</span>')
    body = re.sub(r"(?<=\d) %|n = (?=\d)", lambda m: m[0].replace(" ", "\N{NO-BREAK SPACE}"), body)
    title = re.search(r"^# (.+)$", markdown, re.MULTILINE)
    return _page("handout.html", title=title[1] if title else "", body=body)


def _svg(name: str) -> str:
    data = (settings.ROOT / "docs" / name).read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(data).decode()}"
