"""What does one file say? Its title, its text as a reader would see it, and where its pages start:
from Markdown, text, HTML and PDF; Word, tables, reStructuredText and notebooks by `office` and
`tables`.

What a reader would not see in a browser (hidden nodes, comments, alternative texts) stays out: that
is where instructions to a model are smuggled in. Styles are read where they stand in a tag; text
hidden by a style sheet, white on white, or inside a PDF is not recognised.
"""

from __future__ import annotations

import codecs
import io
import itertools
import logging
import re
import string
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.core.records import DataError, decode
from helpers.data import front_matter, office, tables
from helpers.data.zipped import opened

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

PDF_END_BYTES = 1024  # a PDF has its %%EOF in these last bytes (PDF 1.7, appendix H, note 18)
CELL_CHARS = 300  # of a table cell that is repeated in the rows it spans
SPAN_COLUMNS = 50  # no cell spans more, whatever it says

# Characters that a model reads and a person does not see: controls, soft hyphens, zero-width and
# direction marks, Unicode tags.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff"
    "\U000e0000-\U000e007f]"
)
# as PDF fonts have them
LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
TORN = re.compile(r"(?<=[^\W\d_])[-\u2010\u00ad] *\n *(?=[^\W\d_])")
UNSEEN_TAGS = (
    "title",
    "script",
    "style",
    "nav",
    "template",
    "noscript",
    "iframe",
    "object",
    "svg",
    "canvas",
    "audio",
    "video",
    "img",
)
UNSEEN_STYLE = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|(?:font-size|opacity):0(?:\.0*)?"
    r"(?:[a-z]+|%)?)(?:!important)?(?:;|$)"
)
RAISED = re.compile("vertical-align:(super|sub)")
APART_TAGS = ["button", "summary", "option", "legend"]  # a browser keeps them apart from others
# What stands for a picture or another file: a data: address, or so long a run that no word is.
PAYLOAD = r"[A-Za-z0-9+/]{%s,}(?:\n[ \t]*[A-Za-z0-9+/]{20,})*(?:\n[ \t]*[A-Za-z0-9+/]+(?==))?={0,2}"
DATA_ADDRESS = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64," + PAYLOAD % 1, re.IGNORECASE)
DATA_RUN = re.compile(PAYLOAD % 60)
DATA_RUN_CHARS = 256
DATA_MARK = "[data left out]"
DEPTH_TAGS = 200  # markdownify calls itself a few times for each, and Python gives up at 1,000
# Browsers read these names as windows-1252 (https://encoding.spec.whatwg.org/#names-and-labels).
LATIN = ("iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii")


class Extract(NamedTuple):
    """What a file says. `title` is "" where the format has none; `pages`: the character at which
    each page of a PDF starts; `headers`: what it says of itself, see `front_matter`; `hidden`: the
    share of its text that a reader would not see, and that was left out."""

    title: str
    text: str
    pages: tuple[int, ...] = ()
    headers: tuple[Any, ...] = ()
    hidden: float = 0.0


def extract(form: str, data: bytes, path: Path) -> Extract:
    """What do these bytes say, read as one of the formats in FORMS? path: for messages alone.

    Raises DataError with a reason that a person can act on; of bytes made to harm, a parser may
    raise anything.
    """
    with _quiet():
        found = FORMS[form](data, path)
    if not found.text.strip():
        raise DataError(
            "holds no text: a scan? run OCR first"
            if form == "pdf"
            else "holds no text that a reader would see; show it on the page, or remove the file"
            if found.hidden
            else "holds no text; remove it, or write some"
        )
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """The parsers' remarks about odd files would fill the page; what matters becomes a reason."""
    log = logging.getLogger("pypdf")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


# --- text -----------------------------------------------------------------------------------------


def plain(data: bytes, path: Path) -> str:
    """UTF-8 bytes as text, whatever its line ends, with or without a byte order mark."""
    try:
        text = decode(data, path)
    except DataError as error:
        raise DataError(f"{str(error).partition(';')[0]}; {_how_to_convert(data)}") from error
    if "\0" in text:
        if _encoding(data):
            raise DataError(f"is not UTF-8; {_how_to_convert(data)}")
        raise DataError(
            f"byte {data.index(0)} is no text (NUL): a binary file? Remove it, or give it its own"
            " suffix"
        )
    return _without_data(_seen(text))


def _how_to_convert(data: bytes) -> str:
    fits = _encoding(data)
    return (
        f"it seems to be {fits}: save it as UTF-8 (many files: iconv -f {fits} -t UTF-8)"
        if fits
        else "save the file as UTF-8"
    )


def _encoding(data: bytes) -> str | None:
    """In which encoding may these bytes be a text, where they are not one in UTF-8?"""
    halves = [half.count(0) / max(1, len(half)) for half in (data[::2], data[1::2])]
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        fits = "UTF-32"
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        fits = "UTF-16"
    elif max(halves) > 0.4 > min(halves):  # every other byte of Latin letters
        fits = "UTF-16BE" if halves[0] > halves[1] else "UTF-16LE"
    elif 0 in data:
        return None
    elif sum(byte > 127 for byte in data) < 0.4 * len(data):
        fits = "windows-1252"  # letters with an accent among plain ones
    else:
        from bs4.dammit import UnicodeDammit

        fits = UnicodeDammit(data, is_html=False).original_encoding or "windows-1252"
        if fits.lower().startswith("utf"):
            return None  # without a mark or a NUL it is a guess
    try:
        data.decode(fits)
    except UnicodeError:
        return None
    return fits


def _without_data(text: str) -> str:
    """A text without files written out in base64: no reader reads them, and they would fill the
    index."""
    return DATA_RUN.sub(
        lambda run: DATA_MARK if _is_data(run[0]) else run[0], DATA_ADDRESS.sub(DATA_MARK, text)
    )


def _is_data(run: str) -> bool:
    """Is a long run base64? Such a text mixes capitals, small letters and digits evenly; words and
    paths do not."""
    shares = [
        sum(map(run.count, signs)) / len(run)
        for signs in (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    ]
    return len(run) >= DATA_RUN_CHARS and min(shares) > 0.05 and run.count("/") < 0.1 * len(run)


def one_line(text: str) -> str:
    """A title without line ends and without invisible characters."""
    return " ".join(INVISIBLE.sub("", text).split())


def _text(data: bytes, path: Path, strict: bool = False) -> Extract:
    """The text below its headers, and the title that they give."""
    headers, text = front_matter.split(plain(data, path), strict)
    title = next((one["title"] for one in headers if one and one.get("title")), "")
    return Extract(str(title), text, headers=tuple(headers))


def _markdown(data: bytes, path: Path) -> Extract:
    return _text(data, path, strict=True)


def _seen(text: str) -> str:
    """A text with one kind of line end and without invisible characters."""
    return INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _tidy(text: str) -> str:
    """A text that was laid out for the eye: no space at line ends, no more than one blank line,
    ordinary spaces."""
    lines = re.sub("[\u00a0\u2000-\u200a\u202f\u3000]", " ", _seen(text)).split("\n")
    return re.sub("\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


# --- HTML -----------------------------------------------------------------------------------------


def _html(data: bytes, path: Path) -> Extract:
    """Title and visible text of a page, as Markdown; links become their words."""
    # html5lib builds the tree that browsers build (the standard's algorithm), so what an unclosed
    # tag or comment hides from a reader is hidden here too. lxml is faster and repairs by rules of
    # its own, which can bring hidden text to light. The white space would cost the square of it.
    markup = re.sub(r"\s{200,}", lambda run: "\n" if "\n" in run[0] else " ", _decode_html(data))
    markup = _without_data(markup)
    headers, markup = front_matter.split(markup)
    return _page(markup, headers)


def _page(markup: str, headers: list[Any]) -> Extract:
    """Title and visible text of HTML, as Markdown."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    class Page(BeautifulSoup):
        def new_tag(self, *about, **more):
            if len(self.builder.underlying_builder.openElements) > DEPTH_TAGS:
                raise RecursionError
            return super().new_tag(*about, **more)

    soup = Page(markup, "html5lib")
    headers += [
        {str(tag[name]): tag.get("content", "")}
        for tag in soup.find_all("meta")
        for name in ("name", "property", "itemprop", "http-equiv")
        if tag.has_attr(name)
    ]
    title = soup.title.get_text() if soup.title else ""
    hidden = _drop_unseen(soup)
    _set_apart(soup)
    _straighten_tables(soup)
    options = {
        "heading_style": "ATX",
        "bullets": "-",
        "strip": ["a"],
        "escape_asterisks": False,
        "escape_underscores": False,
    }
    text = _tidy(MarkdownConverter(**options, table_infer_header=True).convert_soup(soup))
    headers += front_matter.split(text).headers
    return Extract(title, text, headers=tuple(headers), hidden=hidden)


def _decode_html(data: bytes) -> str:
    """Bytes as a browser would decode them: by byte order mark, else as declared, else UTF-8."""
    from bs4.dammit import EncodingDetector

    rest, marked = EncodingDetector.strip_byte_order_mark(data)
    codec = (
        marked or EncodingDetector.find_declared_encoding(rest, is_html=True) or "utf-8"
    ).lower()
    if not marked and codec.startswith(("utf-16", "utf-32")):
        codec = "utf-8"  # the declaration itself was read as ASCII
    codec = "windows-1252" if codec in LATIN else codec
    try:
        return rest.decode(codec)
    except LookupError as error:
        raise DataError(
            f"declares the encoding '{codec}', which is not known; save the file as UTF-8"
        ) from error
    except UnicodeError as error:
        at = len(data) - len(rest) + getattr(error, "start", 0)
        raise DataError(
            f"byte {at} is not {'UTF-8' if codec == 'utf-8' else codec}; save the file as UTF-8"
        ) from error


def _drop_unseen(soup: BeautifulSoup) -> float:
    """Take out what a reader would not see, and what stands on every page; the share of the text
    that was hidden."""
    from bs4.element import PreformattedString

    for tag in soup.find_all(_no_text):
        if not tag.decomposed:
            tag.decompose()
    # comments, CDATA, doctype
    for remark in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        remark.extract()
    hidden = 0
    for tag in soup.find_all(_hidden):
        if not tag.decomposed:
            hidden += len(tag.get_text(" ", strip=True))
            tag.decompose()
    return hidden / max(1, hidden + len(soup.get_text(" ", strip=True)))


def _no_text(tag: Tag) -> bool:
    # the header of an article holds its title and date, and stays
    return tag.name in UNSEEN_TAGS or (
        tag.name in ("header", "footer") and not tag.find_parent(["main", "article"])
    )


def _hidden(tag: Tag) -> bool:
    if tag.has_attr("hidden") or str(tag.get("aria-hidden")).strip().lower() == "true":
        return True
    first, *remarks = str(tag.get("style") or "").lower().split("/*")
    style = first + "".join(remark.partition("*/")[2] for remark in remarks)
    return bool(UNSEEN_STYLE.search("".join(style.split())))


def _set_apart(soup: BeautifulSoup) -> None:
    """Keep apart what a browser shows apart: buttons from each other, and raised or lowered signs
    from the number they stand at, for "15" with a footnote 2 is not 152."""
    for tag in soup.find_all(APART_TAGS):
        tag.name = "div"
    for tag in soup.find_all(_raised):
        sign = tag.get_text().strip()
        if not re.match(r"[-+\u2212]?\d", sign):
            continue
        last = str(tag.find_previous(string=True) or "")[-1:]
        inside = [*tag.strings][-1]
        first = str(inside.find_next(string=True) or "")[:1]
        lowered = _raised(tag) == "sub"
        if tag.find("a") or tag.find_parent("a"):
            sign = f"{'' if last.isspace() else ' '}[{sign}]"
        elif first in ("/", "\u2044"):  # the upper half of a fraction
            sign = f"{' ' * last.isdigit()}{sign}"
        elif not lowered:
            sign = f"^{sign}{' ' * first.isalnum()}"
        else:
            sign = f"{'_' * last.isdigit()}{sign}{' ' * first.isdigit()}"
        tag.replace_with(sign)


def _raised(tag: Tag) -> str:
    """ "sup", "sub", or "" for what stands on the line."""
    if tag.name in ("sup", "sub"):
        return tag.name
    style = RAISED.search("".join(str(tag.get("style") or "").lower().split()))
    return {"super": "sup", "sub": "sub"}[style[1]] if style else ""


def _straighten_tables(soup: BeautifulSoup) -> None:
    """Make every table a grid that Markdown can hold: no table within a table, no cell over several
    rows, no bare `|` in a cell."""
    for table in soup.find_all("table"):
        if table.find("table"):  # made for layout: its cells are no data
            for part in table.find_all(["tr", "td", "th", "tbody", "thead", "tfoot"]):
                if part.find_parent("table") is table:
                    part.name = "div"
            table.name = "div"
        else:
            _fill_rows(soup, table)
    for cell in soup.find_all(["td", "th"]):
        for text in cell.find_all(string=re.compile(r"\|")):
            text.replace_with(text.replace("|", "\\|"))


def _fill_rows(soup: BeautifulSoup, table: Tag) -> None:
    """Repeat a cell that spans several rows in each of them, so that every value stays below its
    heading."""
    hanging: dict[int, tuple[int, str, Tag]] = {}  # column -> (rows still to fill, words, cell)
    for row in table.find_all("tr"):
        column, following = 0, {}
        for cell in [*row.find_all(["td", "th"], recursive=False), None]:
            while column in hanging:
                left, words, above = hanging[column]
                again = soup.new_tag(
                    above.name, attrs={"colspan": str(_span(above, "colspan"))}, string=words
                )
                row.append(again) if cell is None else cell.insert_before(again)
                if left > 1:
                    following[column] = (left - 1, words, above)
                column += _span(above, "colspan")
            if cell is not None:
                cell["colspan"] = str(_span(cell, "colspan"))
                if (rows := _span(cell, "rowspan")) > 1:
                    following[column] = (
                        rows - 1,
                        cell.get_text(" ", strip=True)[:CELL_CHARS],
                        cell,
                    )
                column += _span(cell, "colspan")
        hanging = following


def _span(cell: Tag, name: str) -> int:
    """How many columns or rows does a cell take?"""
    number = str(cell.get(name, "")).strip()
    return (
        max(1, min(int(number), SPAN_COLUMNS if name == "colspan" else 1000))
        if re.fullmatch("[0-9]{1,6}", number)
        else 1
    )


# --- office programs, documentation, notebooks ----------------------------------------------------


def _docx(data: bytes, path: Path) -> Extract:
    made = office.docx(data)
    found = _page(made.markup, list(made.headers))
    title = office.core_title(opened(data, path.suffix))
    return found._replace(title=title, hidden=made.hidden)


def _xlsx(data: bytes, path: Path) -> Extract:
    package = opened(data, path.suffix)
    text = _tidy(tables.as_markdown(tables.xlsx_sheets(data)))
    return Extract(office.core_title(package), text, headers=office.properties(package))


def _csv(data: bytes, path: Path) -> Extract:
    headers, text = front_matter.split(plain(data, path))
    rows = tables.csv_rows(text)
    return Extract(
        "", tables.as_markdown([tables.Sheet("", rows)] * bool(rows)), (), tuple(headers)
    )


def _rst(data: bytes, path: Path) -> Extract:
    text = plain(data, path)
    return _page(office.rst(text).markup, front_matter.split(text).headers)


def _ipynb(data: bytes, path: Path) -> Extract:
    made = office.ipynb(plain(data, path), path)
    headers, text = front_matter.split(_tidy(made.markup))
    title = next((one["title"] for one in headers if one and one.get("title")), "")
    return Extract(str(title), text, headers=(*made.headers, *headers))


# --- PDF ------------------------------------------------------------------------------------------


def _pdf(data: bytes, path: Path) -> Extract:
    """Title, text and page starts of a PDF with a text layer. Pages are joined with a blank line;
    one without text is empty."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, WrongPasswordError

    if b"%PDF-" not in data[:PDF_END_BYTES]:
        raise DataError("is no PDF, whatever its name says; give it its own suffix")
    if b"%%EOF" not in data[-PDF_END_BYTES:]:
        raise DataError("is cut off (a PDF ends with %%EOF); copy or download it again")
    try:
        reader = PdfReader(io.BytesIO(data))
        pages = [_join_torn(page.extract_text()) for page in reader.pages]
        about = reader.metadata or {}
        title = str((about and about.title) or "")
        headers = ({str(key).lstrip("/"): str(value) for key, value in about.items()},)
    except (DependencyError, FileNotDecryptedError, WrongPasswordError) as error:
        raise DataError("is encrypted; save a copy without a password") from error
    starts = itertools.accumulate((len(page) + 2 for page in pages[:-1]), initial=0)
    text = "\n\n".join(pages)
    headers = (*headers, *front_matter.split(text).headers)
    return Extract(title, text, tuple(starts), headers)


def _join_torn(page: str) -> str:
    """The text of a page with words joined that were torn at a line end: "water-" + "ing". So is
    "well-" + "known": nothing tells them apart."""
    # a broken font may give halves of characters
    page = page.encode("utf-16", "surrogatepass").decode("utf-16", "replace").translate(LIGATURES)
    return _tidy(TORN.sub(lambda torn: "" if page[torn.end()].islower() else torn[0], page))


FORMS = {
    "markdown": _markdown,
    "text": _text,
    "html": _html,
    "pdf": _pdf,
    "docx": _docx,
    "xlsx": _xlsx,
    "csv": _csv,
    "rst": _rst,
    "ipynb": _ipynb,
}
