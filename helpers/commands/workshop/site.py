"""How is the course read without Jupyter? `workbook.py site` makes a static web site of it: the
notebooks as they were built (nothing is executed), each solution folded below its exercise, the
guide, hand-outs and glossary, with search, dark and light, from the file system.

The pages lie as in the workbook (notebooks/, docs/, labs_data/), so that every link of a lesson
leads where it led. Sphinx with myst-nb and furo (the optional dependencies `site`) renders them; a
link that leads nowhere fails the build.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat

from helpers.commands import notebooks
from helpers.core import settings

TEMPLATES = Path(__file__).parent / "templates"
PAGES = {
    "Teach it": (
        "docs/INSTRUCTOR.md",
        "docs/thirty_questions.md",
        "docs/decision_path.md",
        "docs/four_scorers.md",
    ),
    "Look it up": ("notebooks/GLOSSARY.md", "notebooks/JOURNAL.md", "labs_data/DATASHEET.md"),
}
# pages that lessons link to, in no menu
ASIDE = ("labs_data/tickets/LABELS.md", "labs_data/style/GUIDE.md")
LINK = re.compile(r"\]\(([^)\s#]+)[^)\s]*\)")


def site(folder: Path, numbers: Iterable[str] = ()) -> int:
    """Build the site in this folder; numbers: only these notebooks. 1 where Sphinx warns or a link
    is broken."""
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        print("the site needs its tools: pip install -e .[site]", file=sys.stderr)
        return 2
    home = settings.cache_folder("site")
    source = home / "source"
    shutil.rmtree(source, ignore_errors=True)
    write_sources(source, notebooks.sources(numbers))
    words = ["-b", "html", "-q", "-W", "--keep-going", "-d", str(home / "doctrees")]
    if sphinx([*words, str(source), str(folder)]):
        return 1
    broken = list(broken_links(folder))
    for one in broken:
        print(one, file=sys.stderr)
    pages = list(folder.rglob("*.html"))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{settings.shown(folder)}/index.html: {len(pages)} pages, {size / 1e6:.0f} MB;", end=" ")
    print(f"{len(broken)} broken links" if broken else "every link leads somewhere")
    return 1 if broken else 0


# --- what Sphinx reads ----------------------------------------------------------------------------


def write_sources(to: Path, sources: list[Path]) -> None:
    """The pages, where they lie in the workbook, with every file they link to."""
    pages = [name for names in PAGES.values() for name in names] + list(ASIDE)
    for source in sources:
        path = notebooks.learner_path(source).relative_to(settings.ROOT)
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(with_folded_solutions(source), to / path)
        pages.append(path.as_posix())
    for name in pages:
        _copy(to, name)
        for link in _links(to / name):
            _copy(to, link)
    for name in ("conf.py", "site.css"):
        shutil.copy(TEMPLATES / name, to / name)
    (to / "index.md").write_text(_index(sources), encoding="utf-8")


def _copy(to: Path, name: str) -> None:
    if (settings.ROOT / name).is_file() and not (to / name).exists():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(settings.ROOT / name, to / name)


def _links(page: Path) -> Iterator[str]:
    """The files that a page links to, from the root."""
    if page.suffix == ".ipynb":
        cells = nbformat.read(page, 4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = page.read_text(encoding="utf-8")
    root = next(one for one in page.parents if one.name == "source")
    for link in LINK.findall(text):
        if not urlsplit(link).scheme:
            there = (page.parent / unquote(link)).resolve()
            if there.is_relative_to(root.resolve()):
                yield there.relative_to(root.resolve()).as_posix()


def with_folded_solutions(source: Path) -> nbformat.NotebookNode:
    """The notebook as built, and below each exercise its solution and what the check says then,
    folded."""
    book, solved = (
        nbformat.read(path, 4)
        for path in (notebooks.learner_path(source), notebooks.solution_path(source))
    )
    cells = []
    for stub, full in zip(book.cells, solved.cells, strict=True):
        cells.append(stub)
        if stub.source != full.source:
            cells.append(_folded(full, f"{stub.id}-solution"))
    book.cells = cells
    return book


def _folded(cell: nbformat.NotebookNode, id: str) -> nbformat.NotebookNode:
    prompts = {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}
    folded = nbformat.v4.new_code_cell(cell.source, id=id, outputs=cell.outputs)
    folded.metadata = nbformat.from_dict({"tags": ["hide-cell"], "mystnb": prompts})
    return folded


def _index(sources: list[Path]) -> str:
    """The first page: what the README opens with, and the course."""
    readme = (settings.ROOT / "README.md").read_text(encoding="utf-8")
    opening = readme.partition("\n![")[0].strip()
    course = "\n".join(f"notebooks/{source.stem}" for source in sources)
    menus = [_menu("The course", course)]
    menus += [
        _menu(caption, "\n".join(name.removesuffix(".md") for name in names))
        for caption, names in PAGES.items()
    ]
    menus.append(
        "To show or to print: [the slides](docs/kit/slides.html), [eight pictures for"
        " leaders](docs/kit/leaders.html)."
    )
    aside = "\n".join(name.removesuffix(".md") for name in ASIDE)
    hidden = f"```{{toctree}}\n:hidden:\n\n{aside}\n```"
    return "\n\n".join([opening, *menus, hidden]) + "\n"


def _menu(caption: str, entries: str) -> str:
    return f"## {caption}\n\n```{{toctree}}\n:caption: {caption}\n:maxdepth: 1\n\n{entries}\n```"


# --- what came out --------------------------------------------------------------------------------


class _Page(HTMLParser):
    """The anchors of a page and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def broken_links(folder: Path) -> Iterator[str]:
    """Every link or source of a page that leads to no file or anchor of the site, or asks another
    host for a part of the page, as "page: link"."""
    read = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in read.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            missing = not there.is_file()
            lost = parts.fragment and there in read and not _leads(parts.fragment, read[there])
            if missing or lost:
                yield f"{path.relative_to(folder).as_posix()}: {link}"


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _leads(fragment: str, page: _Page) -> bool:
    return unquote(fragment) in page.anchors
