"""What do files of office programs, of documentation and of notebooks say? .docx and .rst as HTML,
.ipynb as Markdown, each by the library that is made for it.

What a reader would not see stays out: hidden text and tracked deletions of Word, comments of
reStructuredText, cells of a notebook that are tagged as removed. What a file says of itself
(properties of a .docx or .xlsx, metadata of a notebook) comes back as headers, see `front_matter`.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from helpers.core.records import DataError
from helpers.data.zipped import Package, opened

TEXTS = re.compile(r"word/(?:document|footnotes|endnotes)\.xml")
OFF = ("0", "false", "off")
LONGEST_OUTPUT_CHARS = 2_000
# of a notebook: what the tools write that edit it
NOTEBOOK_TOOLS = {
    "kernelspec", "language_info", "colab", "vscode", "widgets", "toc", "toc-autonumbering",
    "jupytext", "orig_nbformat", "celltoolbar", "anaconda-cloud", "accelerator", "gpuClass",
    "varInspector", "latex_envs", "papermill", "execution", "hide_input", "nbsphinx", "rise",
}  # fmt: skip
UNSEEN_CELLS = {"remove-cell", "remove_cell", "hide-cell", "hide_cell"}
DIRECTIVE = re.compile(r"^[ \t]*\.\.[ \t]+(?:\|[^|\n]+\|[ \t]+)?([\w:.+-]+)::", re.MULTILINE)
ROLE = re.compile(r":([A-Za-z][\w:.+-]*):(?=`)")
# of Sphinx: what shows nothing of its content where it stands, or not to everybody
UNSEEN_DIRECTIVES = {"toctree", "only", "index", "todo", "todolist", "ifconfig", "currentmodule"}


class Converted(NamedTuple):
    """markup: HTML, or Markdown of a notebook. hidden: the share of the text that a reader would
    not see."""

    markup: str
    headers: tuple[Any, ...] = ()
    hidden: float = 0.0


# --- Word -----------------------------------------------------------------------------------------


def docx(data: bytes) -> Converted:
    """A .docx as HTML, by mammoth: headings, lists, tables, footnotes. Raises DataError where it
    cannot be opened."""
    import mammoth

    package = opened(data, ".docx")
    if "word/document.xml" not in package.parts:
        raise DataError("is no .docx, whatever its name says; give it its own suffix")
    unseen = _hidden_styles(package)
    seen_chars = hidden_chars = 0
    for name in filter(TEXTS.fullmatch, list(package.parts)):
        root = ElementTree.fromstring(package.parts[name])
        hidden_chars += _drop_hidden(root, unseen)
        seen_chars += len("".join(_texts(root)))
        package.parts[name] = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    made = mammoth.convert_to_html(
        io.BytesIO(package.zipped()),
        style_map="p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh",
        convert_image=mammoth.images.img_element(lambda image: {}),
        external_file_access=False,
    )
    return Converted(
        made.value, properties(package), hidden_chars / max(1, hidden_chars + seen_chars)
    )


def properties(package: Package) -> tuple[dict[str, str], ...]:
    """What a .docx or .xlsx says of itself beside its text: sensitivity labels are among its custom
    properties, its state is among those of every document."""
    found: dict[str, str] = {}
    if part := package.parts.get("docProps/custom.xml"):
        for one in ElementTree.fromstring(part):
            found[one.get("name", "")] = "".join(one.itertext())
    if part := package.parts.get("docProps/core.xml"):
        for one in ElementTree.fromstring(part):
            if _local(one) == "contentStatus" and one.text:
                found["status"] = one.text
    return (found,) if found else ()


def core_title(package: Package) -> str:
    """The title among the properties."""
    part = package.parts.get("docProps/core.xml")
    root = ElementTree.fromstring(part) if part else ()
    return next((one.text for one in root if _local(one) == "title" and one.text), "")


def _local(one: ElementTree.Element) -> str:
    return str(one.tag).rpartition("}")[2]


def _texts(root: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in root.iter() if _local(one) == "t"]


def _says_hidden(properties: ElementTree.Element | None, unseen: set[str]) -> bool:
    """Do the properties of a run or a style hide its text?"""
    for one in properties if properties is not None else ():
        value = next((v for key, v in one.attrib.items() if key.endswith("}val")), "")
        if _local(one) == "vanish":
            return value.lower() not in OFF
        if _local(one) == "rStyle" and value in unseen:
            return True
    return False


def _child(one: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((inner for inner in one if _local(inner) == name), None)


def _hidden_styles(package: Package) -> set[str]:
    part = package.parts.get("word/styles.xml")
    return {
        value
        for style in (ElementTree.fromstring(part) if part else ())
        if _local(style) == "style" and _says_hidden(_child(style, "rPr"), set())
        for key, value in style.attrib.items()
        if key.endswith("}styleId")
    }


def _drop_hidden(root: ElementTree.Element, unseen: set[str]) -> int:
    """Take out the runs that are hidden, by themselves or by the style of their paragraph; how many
    characters that were."""
    gone = 0
    for parent in list(root.iter()):
        style = _child(parent, "pPr") if _local(parent) == "p" else None
        named = _child(style, "pStyle") if style is not None else None
        whole = named is not None and set(named.attrib.values()) & unseen
        for run in list(parent):
            if _local(run) == "r" and (whole or _says_hidden(_child(run, "rPr"), unseen)):
                gone += len("".join(_texts(run)))
                parent.remove(run)
    return gone


# --- reStructuredText -----------------------------------------------------------------------------


def rst(text: str) -> Converted:
    """reStructuredText as HTML, by docutils. Directives and roles of Sphinx, which docutils does
    not know, keep their text; nothing is included from other files."""
    from docutils.core import publish_parts

    _know(text)
    parts = publish_parts(
        text,
        writer="html5",
        settings_overrides={
            "file_insertion_enabled": False,
            "raw_enabled": False,
            "report_level": 5,
            "halt_level": 5,
            "_disable_config": True,
            "embed_stylesheet": False,
            "stylesheet_path": None,
            "syntax_highlight": "none",
            "math_output": "LaTeX",
            "warning_stream": "",
        },
    )
    return Converted(parts["html_body"])


def _know(text: str) -> None:
    """Tell docutils of the directives and roles that a text uses and that it does not know."""
    from docutils import nodes
    from docutils.parsers.rst import Directive, directives, languages, roles
    from docutils.utils import new_document

    class Kept(Directive):
        """Its argument as a paragraph, and what stands in it."""

        has_content = True
        optional_arguments = 1
        final_argument_whitespace = True
        option_spec = type("Any", (dict,), {"__getitem__": lambda _, key: str})()

        def run(self):
            if self.name in UNSEEN_DIRECTIVES:
                return []
            box = nodes.container()
            said = " ".join(self.arguments)
            if said:
                box += nodes.paragraph(said, said)
            self.state.nested_parse(self.content, self.content_offset, box)
            return [box]

    english, document = languages.get_language("en"), new_document("names")
    for name in {one.lower() for one in DIRECTIVE.findall(text)}:
        if directives.directive(name, english, document)[0] is None:
            directives.register_directive(name, Kept)
    for name in {one.lower() for one in ROLE.findall(text)}:
        if roles.role(name, english, 0, document.reporter)[0] is None:
            roles.register_local_role(name, _role)


def _role(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The words of a role: of `title <target>` the title, of `~a.b.c` the c."""
    from docutils import nodes, utils

    said = utils.unescape(text)
    said = re.sub(r"\s*<[^<>]*>$", "", said) or said
    said = said.rpartition(".")[2] if said.startswith("~") else said.lstrip("!")
    return [nodes.inline(rawtext, said)], []


# --- notebooks ------------------------------------------------------------------------------------


def ipynb(text: str, path: Path) -> Converted:
    """A Jupyter notebook as Markdown: its texts, its code in fences, and what the code printed."""
    import nbformat

    try:
        book = nbformat.reads(text, as_version=4)
        cells, about = book.cells, book.metadata
    except Exception as error:  # of what is no notebook, nbformat raises many things
        raise DataError(
            f"is no Jupyter notebook ({type(error).__name__}: {' '.join(str(error).split())[:80]});"
            " open it in Jupyter and save it again"
        ) from error
    parts = []
    for cell in cells:
        if UNSEEN_CELLS & set(cell.get("metadata", {}).get("tags", ())):
            continue
        source = str(cell.get("source", "")).strip("\n")
        if cell.cell_type != "code":
            parts.append(source)
            continue
        language = about.get("kernelspec", {}).get("language", "python")
        parts.append(_fenced(source, language))
        parts += [_fenced(said, "") for said in map(_said, cell.get("outputs", ())) if said.strip()]
    own = {key: value for key, value in about.items() if key not in NOTEBOOK_TOOLS}
    headers = (json.loads(json.dumps(own)),) if own else ()
    return Converted("\n\n".join(filter(None, parts)), headers)


def _fenced(text: str, language: str) -> str:
    if not text.strip():
        return ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _said(output: dict[str, Any]) -> str:
    """What an output shows as text."""
    said = output.get("text") or output.get("data", {}).get("text/plain") or ""
    said = "".join(said) if isinstance(said, list) else str(said)
    return said[:LONGEST_OUTPUT_CHARS].strip("\n")
