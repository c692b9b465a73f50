"""A folder becomes documents: what is read, what is left out, who may read it, and that no file
stops the others."""

from __future__ import annotations

import base64
import dataclasses
import errno
import hashlib
import io
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT, write_document
from hypothesis import given
from hypothesis import strategies as st
from support.files import pdf, put

from helpers.commands.check import check_data
from helpers.core import settings
from helpers.core.records import DataError
from helpers.data import extract, handbook
from helpers.data.ingest import changes, read_folder

INBOX = settings.DATA / "inbox"


def read_one(folder: Path, name: str, content: str | bytes) -> handbook.Document:
    """The only document of a folder with this one file."""
    put(folder, name, content)
    reading = read_folder(folder, ["staff"])
    assert not reading.unreadable, str(reading)
    (document,) = reading.documents
    return document


def reason(folder: Path, name: str, content: str | bytes, **options) -> str:
    """Why a file cannot be read; beside it lies one that can, and must be."""
    put(folder, "zz-good.txt", "Water the beds.")
    put(folder, name, content)
    reading = read_folder(folder, ["staff"], **options)
    assert [d.id for d in reading.documents] == ["zz-good"]
    assert set(reading.files) == {"zz-good.txt"}
    (one,) = reading.unreadable
    assert one.file == name
    return one.reason


# --- documents ------------------------------------------------------------------------------------


def test_the_handbook_reads_the_same_as_by_its_loader():
    reading = read_folder(handbook.HANDBOOK)
    expected = handbook.load_handbook(updates=True)
    assert [dataclasses.replace(d, source=None) for d in reading.documents] == expected
    assert not reading.unreadable
    assert any(d.effective_until for d in expected)
    assert reading.by_path.keys() == reading.files.keys()


def test_a_file_without_front_matter_gets_one_made_from_its_path(tmp_path):
    document = read_one(tmp_path, "Garden Tools/Été 2025.MD", "Intro.\n\n# The  shed\n\nText.")
    meta = document.meta
    assert (meta.id, meta.policy, meta.title, meta.section) == (
        "garden-tools-ete-2025",
        "garden-tools-ete-2025",
        "The shed",
        "Garden Tools",
    )
    assert (meta.owner, meta.version, str(meta.effective_from), meta.region, meta.audience) == (
        "unknown",
        1,
        "1970-01-01",
        "all",
        ["staff"],
    )
    assert document.source == handbook.Source(
        "markdown", hashlib.sha256(b"Intro.\n\n# The  shed\n\nText.").hexdigest()
    )
    assert document.text == "Intro.\n\n# The  shed\n\nText."


@pytest.mark.parametrize(
    ("name", "content", "title", "section"),
    [
        ("a.txt", "plain", "a", "root"),
        ("a.html", "<title> The\n shed </title><p>x", "The shed", "root"),
        ("b/c/a.htm", "<h2>Beds</h2><p>x", "Beds", "b"),
        ("a.pdf", pdf("x", title="Of beds"), "Of beds", "root"),
        ("a.pdf", pdf("x"), "a", "root"),
        ("a.markdown", "no heading", "a", "root"),
        ("\u200b.txt", "x", "e3b0c442", "root"),
    ],
)
def test_titles_and_sections(tmp_path, name, content, title, section):
    document = read_one(tmp_path, name, content)
    assert document.meta.section == section
    assert document.title == title or (name[0] == "\u200b" and document.title == document.id)


def test_nobody_reads_what_names_no_reader(tmp_path):
    """Fail closed: without an audience only files with front matter are read, and theirs is never
    widened."""
    write_document(tmp_path, "board-only", "Secret.", audience="[board]")
    for name in ("a.md", "a1.txt", "a2.html", "a3.pdf"):
        put(tmp_path, name, pdf("x") if name.endswith("pdf") else "x")
    for nobody in (None, []):
        reading = read_folder(tmp_path, nobody)
        assert [d.id for d in reading.documents] == ["board-only"]
        assert {one.reason for one in reading.unreadable} == {
            "does not say who may read it; pass audience=[...] or add front matter"
        }
        assert len(reading.unreadable) == 4
    reading = read_folder(tmp_path, {"staff", "all"})
    assert {d.id: d.meta.audience for d in reading.documents}["board-only"] == ["board"]
    assert {tuple(d.meta.audience) for d in reading.documents if d.id != "board-only"} == {
        ("all", "staff")
    }


def test_an_audience_of_letters_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"audience=\['staff'\]"):
        read_folder(tmp_path, "staff")


@pytest.mark.parametrize(
    "start",
    [
        "---\naudience: [board]\n\nSecret",
        "\n---\naudience: [board]\n---\n\nSecret",
        "---  \naudience: [board]\n---\n\nSecret",
        "\ufeff---\npolicy: a\n---\n\nSecret",
    ],
)
def test_faulty_front_matter_is_never_taken_for_text(tmp_path, start):
    """The audience given for other files must not open a file that tried to name its own."""
    assert "front matter" in reason(tmp_path, "broken.md", start)


@pytest.mark.parametrize(
    "fields",
    [
        "title: The shed\ntags: [tools, wood]",
        "title: The shed\nlayout:\n  sidebar: {order: 3}\nversion: two",
        "title: The shed\ndate: 2025-01-01",
    ],
)
def test_front_matter_of_another_tool_is_no_text_and_closes_no_page(tmp_path, fields):
    document = read_one(tmp_path, "docs/shed.md", f"---\n{fields}\n---\n\nA rake and a hoe.\n")
    assert (document.title, document.text, document.id, document.meta.audience) == (
        "The shed",
        "A rake and a hoe.\n",
        "docs-shed",
        ["staff"],
    )
    put(tmp_path, "docs/shed.md", f"---\n{fields}\n---\n\nA rake and a hoe.\n")
    assert read_folder(tmp_path, None).documents == [], "nobody is named who may read it"


@pytest.mark.parametrize(
    "fields",
    [
        "title: a\nAudience: [board]",
        "title: a\naudiences: [board]",
        "title: a\nparams:\n  - {visibility: private}",
        "draft: true",
        "supersedes: a",
        "user_groups: [board]",
        "title: [a",
        "- a",
        "a: 1\n  b: 2",
    ],
)
def test_a_key_that_may_say_who_may_read_it_closes_the_page(tmp_path, fields):
    assert "front matter" in reason(tmp_path, "shed.md", f"---\n{fields}\n---\n\nSecret.\n")


def test_front_matter_that_refers_to_itself_over_and_over_ends(tmp_path):
    bomb = (
        "a0: &a0 [x, x]\n"
        + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
        + "me: &me [*me]\n"
    )
    said = reason(tmp_path, "shed.md", f"---\n{bomb}---\n\nA rake.\n")
    assert "'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7' and 53 more" in said


def test_windows_files_are_read(tmp_path):
    write_document(tmp_path, "rule", "One.\n\nTwo.")
    whole = b"\xef\xbb\xbf" + (tmp_path / "rule.md").read_bytes().replace(b"\n", b"\r\n")
    document = read_one(tmp_path, "rule.md", whole)
    assert document.text == "One.\n\nTwo.\n"
    assert document.source.sha256 == hashlib.sha256(whole).hexdigest()


def test_versions_are_chained_and_conflicts_listed(tmp_path):
    write_document(tmp_path, "leave-v1", "Old.", policy="leave")
    write_document(
        tmp_path,
        "leave-v2",
        "New.",
        policy="leave",
        supersedes="leave-v1",
        effective_from="2026-01-01",
    )
    write_document(
        tmp_path,
        "leave-v3",
        "Also.",
        policy="leave",
        supersedes="leave-v1",
        effective_from="2026-02-01",
    )
    write_document(tmp_path, "lost-v2", "Lost.", policy="lost", supersedes="lost-v1")
    write_document(tmp_path / "z", "leave-v1", "Twin.", policy="leave")
    put(tmp_path, "tools.md", "x")
    put(tmp_path, "tools.txt", "x")
    reading = read_folder(tmp_path, ["staff"])
    assert [(d.id, str(d.effective_until)) for d in reading.documents] == [
        ("leave-v1", "2026-01-01"),
        ("leave-v2", "None"),
        ("tools", "None"),
    ]
    told = {one.file: one.reason for one in reading.unreadable}
    assert "'leave-v1' is already superseded by 'leave-v2'" in told["leave-v3.md"]
    assert "there is no 'lost-v1'" in told["lost-v2.md"]
    assert "id 'leave-v1' is also used by" in told["z/leave-v1.md"]
    assert "leave-v1.md" in told["z/leave-v1.md"]
    assert "id 'tools' is also used by" in told["tools.txt"]
    assert "another file name" in told["tools.txt"]
    assert len(told) == 4
    assert set(reading.files) == {"leave-v1.md", "leave-v2.md", "tools.md"}


def test_the_loader_of_the_handbook_still_stops_at_a_conflict(tmp_path):
    write_document(tmp_path / "a", "leave", "One.")
    write_document(tmp_path / "b", "leave", "Two.")
    with pytest.raises(DataError, match=r"b/leave.md: id 'leave' is also used by .*a/leave.md$"):
        handbook.load_handbook(tmp_path)


# --- HTML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>SECRET</script>",
        "<style>SECRET</style>",
        "<nav>SECRET</nav>",
        "<header>SECRET</header>",
        "<footer>SECRET</footer>",
        "<template>SECRET</template>",
        "<noscript>SECRET</noscript>",
        "<!-- SECRET -->",
        "<![CDATA[SECRET]]>",
        "<img src=x alt=SECRET>",
        "<a href='SECRET' title='SECRET'>link</a>",
        "<div hidden>SECRET</div>",
        "<div hidden=until-found><p>SECRET</p></div>",
        "<p aria-hidden=true>SECRET</p>",
        "<p style='display:none'>SECRET</p>",
        "<p style='color: red; DISPLAY : None !important'>SECRET</p>",
        "<p style='visibility:hidden'>SECRET</p>",
        "<p style='font-size:0'>SECRET</p>",
        "<p style='font-size: 0.0px;'>SECRET</p>",
        "<p style='display:/* x */none'>SECRET</p>",
        "<p style='opacity:0'>SECRET</p>",
        "<b>SEC\u00adRET</b>".replace("SEC", "\U000e0053").replace("RET", ""),
        "<p hidden><span>SECRET</span>",
        "<ul><li hidden>SECRET<li>shown</ul>",
    ],
)
def test_what_a_reader_does_not_see_is_not_there(tmp_path, hidden):
    text = read_one(
        tmp_path, "a.html", f"<html><body><p>before</p>{hidden}<p>after</p></body></html>"
    ).text
    assert "SECRET" not in text
    assert "\U000e0053" not in text
    assert text.startswith("before")
    assert text.endswith("after")


@pytest.mark.parametrize(
    "shown",
    [
        "font-size:0.8em",
        "font-size:10px",
        "opacity:0.9",
        "display:block",
        "visibility:visible",
        "x-display:none-ish",
    ],
)
def test_what_a_reader_sees_stays(tmp_path, shown):
    assert read_one(tmp_path, "a.html", f"<p style='{shown}'>seen</p>").text == "seen"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("15<sup>2</sup> euros", "15^2 euros"),
        ("10<sup>6</sup>", "10^6"),
        ("15 <sup>2</sup> euros", "15 ^2 euros"),
        ("15<sup><a href='#n2'>2</a></sup> euros", "15 [2] euros"),
        ("15<a href='#n2'><sup>2</sup></a> euros", "15 [2] euros"),
        ("15<sup>[2]</sup> euros", "15[2] euros"),
        ("15<sup> 2 </sup>euros", "15^2 euros"),
        ("15<sup>2,3</sup>", "15^2,3"),
        ("15<sup>-2</sup>", "15^-2"),
        ("15<b><sup>2</sup></b>", "15**^2**"),
        ("<b>15</b><sup>2</sup>", "**15**^2"),
        ('15<span style="vertical-align: super">2</span>', "15^2"),
        ("<sup>2</sup>15 euros", "^2 15 euros"),
        ("1<sup>1</sup>/<sub>2</sub> cups", "1 1/2 cups"),
        ("10<sub>2</sub>", "10_2"),
        ("log<sub>2</sub>8", "log2 8"),
        ("fee<sup>2</sup>", "fee^2"),
        ("the 1<sup>st</sup> of May", "the 1st of May"),
        ("CO<sub>2</sub>", "CO2"),
        ("15<sup>*</sup> euros", "15* euros"),
        ("15<sup></sup> euros", "15 euros"),
    ],
)
def test_no_raised_or_lowered_sign_is_glued_to_a_number(tmp_path, markup, text):
    assert read_one(tmp_path, "a.html", f"<p>{markup}</p>").text == text


@pytest.mark.parametrize(
    "panel",
    ["<div hidden>{}</div>", "<p aria-hidden=true>{}</p>", "<p style='display:none'>{}</p>"],
)
def test_the_share_of_a_page_that_is_hidden_is_told(tmp_path, panel):
    put(tmp_path, "a.html", f"<p>{'Seen text. ' * 10}</p>{panel.format('Hidden text. ' * 25)}")
    (remark,) = read_folder(tmp_path, ["staff"]).remarks
    assert str(remark) == (
        "a.html: 75 % of its text is hidden from a reader and was left out; show it on the page if"
        " it belongs to the text"
    )


@pytest.mark.parametrize(
    "unseen",
    [
        "<script>let x = 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8;</script>",
        "<nav>Home About Contact Home About Contact</nav>",
        "<!-- a remark that is quite long, longer than the text -->",
        "<i aria-hidden=true>x</i>",
    ],
)
def test_what_is_never_text_is_not_told_as_hidden(tmp_path, unseen):
    put(tmp_path, "a.html", f"<p>{'Seen text. ' * 10}</p>{unseen}")
    assert read_folder(tmp_path, ["staff"]).remarks == ()


def test_what_is_hidden_within_something_hidden_counts_once(tmp_path):
    inside = "<p hidden>" + "Hidden text. " * 25 + "</p>"
    put(tmp_path, "a.html", f"<p>{'Seen text. ' * 10}</p><div hidden>{inside}</div>")
    (remark,) = read_folder(tmp_path, ["staff"]).remarks
    assert remark.message.startswith("75 %")


def test_buttons_and_summaries_stand_apart(tmp_path):
    page = "<button>How long?</button><button>How many?</button><details><summary>Why?</summary>So."
    assert read_one(tmp_path, "a.html", page).text.split() == [
        "How",
        "long?",
        "How",
        "many?",
        "Why?",
        "So.",
    ]


BASE64 = base64.b64encode(bytes(range(256)) * 40).decode()
WRAPPED = "\n".join(textwrap.wrap(BASE64, 76))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"![plan](data:image/png;base64,{BASE64})", "![plan]([data left out])"),
        (f"[p]: <data:image/png;base64,{BASE64}>", "[p]: <[data left out]>"),
        (f"data:image/svg+xml;charset=utf-8;BASE64,{BASE64}", "[data left out]"),
        (f"data:image/png;base64,{WRAPPED}", "[data left out]"),
        (f'<img src="data:image/png;base64,{BASE64}">', '<img src="[data left out]">'),
        (WRAPPED, "[data left out]"),
        (BASE64, "[data left out]"),
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.txt"])
def test_pictures_in_base64_are_a_mark(tmp_path, text, left, name):
    assert read_one(tmp_path, name, f"Above.\n\n{text}\n\nBelow.").text == (
        f"Above.\n\n{left}\n\nBelow."
    )


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "Word" * 100,
        "ACGT" * 1000,
        "0123456789abcdef" * 4,
        "https://example.org/" + "a/b1C" * 30,
        "https://example.org/" + "Path/To/Page1/" * 100,
        "data:image/png;base64, as it is called",
    ],
)
def test_what_is_no_base64_stays(tmp_path, text):
    assert read_one(tmp_path, "a.txt", f"x {text} y").text == f"x {text} y"


def test_a_comment_or_tag_that_never_ends_hides_the_rest(tmp_path):
    assert read_one(tmp_path, "a.html", "<p>seen<!-- SECRET <b>more</b>").text == "seen"
    assert read_one(tmp_path, "a.html", "<script>x = '<!--';</script><p>seen</p>").text == "seen"
    assert read_one(tmp_path, "a.html", "<p>seen<a title='SECRET").text == "seen"
    assert read_one(tmp_path, "a.html", "<p>seen: 3 < 5").text == "seen: 3 < 5"


def test_the_header_of_an_article_is_part_of_it(tmp_path):
    text = read_one(
        tmp_path,
        "a.html",
        "<header>Site</header><article><header><h1>Rule</h1><time>2"
        " May</time></header><p>x</p></article>",
    ).text
    assert text == "# Rule\n\n2 May\n\nx"


def test_tables_become_whole_markdown_tables(tmp_path):
    page = (
        "<h2>Fees</h2><table><tr><th>Site<th>Kind<th>Fee<tr><td rowspan=2>Lindenrode<td>day|night"
        "<td>4&nbsp;EUR<tr><td>week<td>9 EUR</table><p>End"
    )
    table = (
        "| Site | Kind | Fee |\n| --- | --- | --- |\n| Lindenrode | day\\|night | 4 EUR |\n|"
        " Lindenrode | week | 9 EUR |"
    )
    assert read_one(tmp_path, "a.html", page).text == f"## Fees\n\n{table}\n\nEnd"


def test_columns_of_cells_that_span_stay_under_their_heading(tmp_path):
    page = (
        "<table><tr><th>A</th><th>B</th><th>C</th></tr><tr><td>1</td><td rowspan=3"
        " colspan=2>x</td></tr><tr><td>2</td></tr><tr><td>3</td></tr><tr><td>4</td></tr></table>"
    )
    rows = read_one(tmp_path, "a.html", page).text.split("\n")
    assert rows[2:] == ["| 1 | x | |", "| 2 | x | |", "| 3 | x | |", "| 4 |"]


def test_tables_for_layout_are_taken_apart(tmp_path):
    page = (
        "<table><tr><td><h1>Rule</h1>"
        "<table><tr><th>a</th></tr><tr><td>b</td></tr></table></td></tr></table>"
    )
    assert read_one(tmp_path, "a.html", page).text == "# Rule\n\n| a |\n| --- |\n| b |"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<meta charset=windows-1252><p>Gru\u00df \u20ac".encode("cp1252"), "Gru\u00df \u20ac"),
        ("<meta charset=iso-8859-1><p>\u201cso\u201d".encode("cp1252"), "\u201cso\u201d"),
        ("<p>Gru\u00df".encode("utf-16"), "Gru\u00df"),
        ("\ufeff<meta charset=windows-1252><p>Gru\u00df".encode(), "Gru\u00df"),
        ("<meta charset=utf-16><p>Gru\u00df".encode(), "Gru\u00df"),
        (
            (
                '<meta http-equiv="Content-Type" content="text/html; charset=shift_jis"><p>\u5ead'
            ).encode("shift_jis"),
            "\u5ead",
        ),
    ],
)
def test_encodings_of_pages(tmp_path, content, text):
    assert read_one(tmp_path, "a.html", content).text == text


def test_old_pages_without_end_tags_are_no_deep_nest(tmp_path):
    assert (
        read_one(
            tmp_path, "a.html", "<ul>" + "<li>bed" * 1500 + "</ul>" + "<p>row" * 1500
        ).text.count("- bed")
        == 1500
    )


@pytest.mark.parametrize(
    "markup",
    [
        b"<div>" * 5000,
        b"<a " * 50_000,
        b"<!-- " * 50_000,
        b"<p>x" + b" " * 500_000 + b"y",
        b"<table><tr><td>" * 3000,
        b"<td colspan=99999>" * 200,
    ],
    ids=["deep", "tags", "comments", "spaces", "tables", "columns"],
)
def test_pages_made_to_hang_do_not(tmp_path, markup):
    """In a process of its own, so that a hang is a failure and not the end of the tests."""
    put(tmp_path, "a.html", markup)
    program = (
        f"from helpers.data.ingest import read_folder; r = read_folder({str(tmp_path)!r},"
        " ['staff']); print(len(r.documents) + len(r.unreadable))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "1\n", done.stderr


# --- PDF ------------------------------------------------------------------------------------------


def test_pages_of_a_pdf_are_found_again(tmp_path):
    document = read_one(
        tmp_path,
        "a.pdf",
        pdf("First page", "", "Third page\nhas water-\ning, UK-\nGrid", title="Beds"),
    )
    assert document.text == "First page\n\n\n\nThird page\nhas watering, UK-\nGrid"
    assert document.source.pages == (0, 12, 14)
    assert [document.page(document.text.index(word)) for word in ("First", "Third", "Grid")] == [
        1,
        3,
        3,
    ]
    assert document.page(13) == 2
    assert document.page(-1) is None


def test_only_a_pdf_has_pages(tmp_path, documents):
    assert read_one(tmp_path, "a.txt", "x").page(0) is None
    assert documents[0].page(0) is None


def test_pdfs_that_cannot_be_read(tmp_path):
    whole = pdf("Some text " * 30, "More")
    for content, said in (
        (pdf("secret", password="bed"), "is encrypted; save a copy without a password"),
        (whole[: len(whole) // 2], "is cut off"),
        (pdf("", ""), "holds no text: a scan? run OCR first"),
        (b"<p>a page", "is no PDF"),
        (b"", "is no PDF"),
        (b"%PDF-1.4\n" + b"<<" * 50_000 + b"\n%%EOF", "is damaged"),
        (b"%PDF-1.4\nstartxref\n0\n%%EOF", "is damaged"),
    ):
        assert reason(tmp_path, "a.pdf", content).startswith(said), content[:40]


def test_a_pdf_whose_pages_hold_each_other(tmp_path):
    from pypdf import PdfWriter
    from pypdf.generic import NameObject

    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer._root_object["/Pages"][NameObject("/Kids")].append(writer._root_object.raw_get("/Pages"))
    whole = io.BytesIO()
    writer.write(whole)
    assert reason(tmp_path, "a.pdf", whole.getvalue())


@pytest.mark.parametrize(
    "error",
    [
        RecursionError(),
        KeyError("/Kids"),
        TypeError("x"),
        AttributeError("x\n\x1b[31m"),
        MemoryError(),
    ],
)
def test_whatever_a_parser_raises_becomes_a_reason(tmp_path, monkeypatch, error):
    def fail(data, path):
        raise error

    put(tmp_path, "a.pdf", "x")
    write_document(tmp_path, "good", "Text.")
    monkeypatch.setattr("helpers.data.extract._pdf", fail)
    reading = read_folder(tmp_path, ["staff"])
    assert [d.id for d in reading.documents] == ["good"]
    assert [one.file for one in reading.unreadable] == ["a.pdf"]
    assert reading.unreadable[0].reason.isprintable()


# --- hostile and broken folders -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "a.txt",
            "Caf\u00e9".encode("latin-1"),
            "byte 3 is not UTF-8; it seems to be windows-1252: save it as UTF-8 (many files: iconv"
            " -f windows-1252 -t UTF-8)",
        ),
        ("a.txt", "Caf\u00e9 \u201ea\u201c".encode("cp1252"), "it seems to be windows-1252: "),
        ("a.md", "Caf\u00e9 noir".encode("utf-16"), "it seems to be UTF-16: "),
        ("a.md", "Caf\u00e9 noir".encode("utf-16-le"), "it seems to be UTF-16LE: "),
        ("a.md", "Caf\u00e9 noir".encode("utf-16-be"), "it seems to be UTF-16BE: "),
        ("a.md", "Coffee and cake".encode("utf-16-le"), "it seems to be UTF-16LE: "),
        ("a.md", "Caf\u00e9 noir".encode("utf-32"), "it seems to be UTF-32: "),
        (
            "a.md",
            "\u8bbf\u5ba2\u8bc1\u6709\u6548\u671f\u4e09\u5929\uff0c\u8bf7\u5e26\u597d\u8bc1\u4ef6\u3002".encode(
                "gb18030"
            ),
            "it seems to be gb18030: ",
        ),
        ("a.md", b"\x89PNG\r\n\x1a\n\0\0", "byte 0 is not UTF-8"),
        ("a.md", b"text\0text", "byte 4 is no text"),
        ("a.html", b"<p>Caf\xe9", "byte 6 is not UTF-8"),
        ("a.html", b"<meta charset=martian><p>x", "'martian', which is not known"),
        ("a.txt", "", "holds no text"),
        ("a.md", " \n\ufeff\n", "holds no text"),
        ("a.html", "<html hidden><p>x", "holds no text that a reader would see"),
        ("a.md", "---\n" + "[" * 2000 + "\n---\n\nx", "nested too deeply"),
        ("a.md", "---\neffective_from: 2025-13-45\n---\n\nx", "month must be in 1..12"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, said):
    assert said in reason(tmp_path, name, content)


def test_a_large_file_is_not_opened(tmp_path, monkeypatch):
    put(tmp_path, "big.txt", "x" * 2345)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("it was read"))
    (one,) = read_folder(tmp_path, ["staff"], max_bytes=1000).unreadable
    assert one.reason == "is 2,345 bytes, more than max_bytes=1,000; split it, or raise max_bytes"


def test_files_and_folders_that_may_not_be_opened(tmp_path, monkeypatch):
    """Root may open everything, so the refusal is played."""
    put(tmp_path, "locked.txt", "x")
    put(tmp_path, "shut/a.txt", "x")
    put(tmp_path, "zz.txt", "x")
    read, listed = Path.read_bytes, Path.iterdir

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(
        Path, "read_bytes", lambda path: refuse(path) if path.name == "locked.txt" else read(path)
    )
    monkeypatch.setattr(
        Path, "iterdir", lambda path: refuse(path) if path.name == "shut" else listed(path)
    )
    reading = read_folder(tmp_path, ["staff"])
    assert list(reading.files) == ["zz.txt"]
    assert [(one.file, "Permission denied" in one.reason) for one in reading.unreadable] == [
        ("locked.txt", True),
        ("shut", True),
    ]


def test_links_are_not_followed(tmp_path):
    outside = put(tmp_path, "outside/secret.txt", "SECRET").parent
    folder = tmp_path / "inbox"
    put(folder, "own.txt", "x")
    links = {
        "away.txt": outside / "secret.txt",
        "away": outside,
        "dead.txt": folder / "none.txt",
        "self.txt": folder / "self.txt",
        "loop": folder,
        "twin.txt": folder / "own.txt",
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    reading = read_folder(folder, ["staff"])
    assert list(reading.files) == ["own.txt"]
    assert reading.ignored == ("loop", "twin.txt")
    assert [one.file for one in reading.unreadable] == ["away", "away.txt", "dead.txt", "self.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    (one,) = read_folder(tmp_path, ["staff"]).unreadable
    assert "not an ordinary file" in one.reason


def test_odd_names_are_harmless(tmp_path):
    names = [
        "..a..txt",
        "a..b.md",
        "\u5ead.txt",
        "\u5e8a.txt",
        "\u202egpj.txt",
        "new\nline.txt",
        "%2e%2e%2fa.txt",
        "STRASSE \u00df.txt",
        "-.txt",
    ]
    for name in names:
        put(tmp_path, name, "x")
    reading = read_folder(tmp_path, ["staff"])
    # the first is hidden
    assert len(reading.documents) == len(names) - 1
    assert not reading.unreadable
    assert all(document.title.isprintable() for document in reading.documents)
    assert {d.id for d in reading.documents} >= {
        "a-b",
        "gpj",
        "new-line",
        "2e-2e-2fa",
        "strasse-ss",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_not_unicode_is_listed(tmp_path):
    put(tmp_path, os.fsdecode(b"caf\xe9.txt"), "x")
    reading = read_folder(tmp_path, ["staff"])
    assert str(reading).encode()
    assert reading.unreadable[0].file == "caf\\udce9.txt"
    assert not reading.files


def test_other_types_and_hidden_files(tmp_path):
    for name in (
        ".git/a.md",
        ".ipynb_checkpoints/a.md",
        ".hidden.txt",
        "sub/.x/a.txt",
        "b.doc",
        "sub/a.png",
        "Makefile",
        "a.txt",
    ):
        put(tmp_path, name, "x")
    reading = read_folder(tmp_path, ["staff"])
    assert list(reading.files) == ["a.txt"]
    assert not reading.unreadable
    assert reading.ignored == ("Makefile", "b.doc", "sub/a.png")


def test_a_folder_that_is_none(tmp_path):
    for path in (tmp_path / "none", put(tmp_path, "a.txt", "x")):
        with pytest.raises(DataError, match="there is no such folder"):
            read_folder(path)
    assert read_folder(put(tmp_path, "empty/.x", "").parent).documents == []


def test_the_order_is_always_the_same(tmp_path):
    for name in ("b.txt", "a/z.txt", "a-b.txt", "B.md", "a/c.html"):
        put(tmp_path, name, "x")
    reading = read_folder(tmp_path, ["staff", "all"])
    assert reading == read_folder(str(tmp_path), ("all", "staff"))
    assert [d.id for d in reading.documents] == sorted(d.id for d in reading.documents)
    assert list(reading.files) == sorted(reading.files)


def test_a_reading_is_short_and_escaped(tmp_path):
    put(tmp_path, "a.txt", "x")
    put(tmp_path, "<b>.txt", b"\xff")
    reading = read_folder(tmp_path, ["staff"])
    assert "1 documents (1 text), 1 unreadable, 0 ignored" in str(reading)
    assert "<b>.txt: byte 0" in str(reading)
    assert "&lt;b&gt;.txt" in reading._repr_html_()
    assert "<b>" not in reading._repr_html_()


# --- what changed ---------------------------------------------------------------------------------

hashes = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123"))


@given(hashes, hashes)
def test_changes_divide_all_paths(previous, files):
    found = changes(previous, files)
    parts = [found.added, found.changed, found.deleted, found.unchanged]
    assert sorted(path for part in parts for path in part) == sorted(previous | files)
    assert all(list(part) == sorted(part) for part in parts)
    assert set(found.added) == set(files) - set(previous)
    assert set(found.deleted) == set(previous) - set(files)
    assert all(previous[path] == files[path] for path in found.unchanged)
    assert all(previous[path] != files[path] for path in found.changed)


def test_a_file_that_breaks_is_deleted(tmp_path):
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        put(tmp_path, name, "x")
    before = read_folder(tmp_path, ["staff"]).files
    put(tmp_path, "a.txt", "y")
    put(tmp_path, "b.txt", b"\xff")
    (tmp_path / "c.txt").unlink()
    put(tmp_path, "e.txt", "x")
    found = changes(before, read_folder(tmp_path, ["staff"]).files)
    assert (found.added, found.changed, found.deleted, found.unchanged) == (
        ("e.txt",),
        ("a.txt",),
        ("b.txt", "c.txt"),
        ("d.txt",),
    )
    assert str(found) == "1 added, 1 changed, 2 deleted, 1 unchanged"


# --- headings -------------------------------------------------------------------------------------


def test_headings_are_those_of_commonmark():
    text = (
        "# A\n#B\n   ## C ##\n    # code\n#\t D#\n####### seven\n#\n## ##\n```\n# in\n~~~\n```` "
        " \n~~~ md\n# in\n```\n~~~\n``a`` `\n```x`y\n### E \\\\\n# F\r#\u2028G"
    )
    found = handbook.headings(text)
    assert [(level, title) for _, level, title in found] == [
        (1, "A"),
        (2, "C"),
        (1, "D#"),
        (3, "E \\\\"),
        (1, "F\r#\u2028G"),
    ]
    assert all(
        text[at:].lstrip(" ").startswith("#") and (at == 0 or text[at - 1] == "\n")
        for at, _, _ in found
    )
    assert handbook.headings("```\n# never closed") == []


def test_underlined_headings_count_too():
    assert handbook.headings("x\n\nLeave\nand pay\n=====\nText\n\nHow much\n---\n\n---\n") == [
        (3, 1, "Leave and pay"),
        (29, 2, "How much"),
    ]


def test_headings_of_quotes_and_lists_are_none_of_the_texts():
    assert handbook.headings("> # quoted\n\n- # listed\n\n<!--\n# hidden\n-->\n") == []


def test_the_headings_of_the_handbook_start_where_its_hashes_stand():
    """All that it has are of one kind, so that a pattern of one line finds the same."""
    for document in handbook.load_handbook(updates=True):
        plain = [
            (m.start(), len(m[1]), m[2])
            for m in re.finditer(r"^(#{1,6}) (.+)$", document.text, flags=re.MULTILINE)
        ]
        assert handbook.headings(document.text) == plain, document.id


lines = st.one_of(
    st.tuples(st.integers(1, 6), st.sampled_from(["a", "b c", "d"])),
    st.sampled_from(["text", "", "- # no", "`#`"]),
)


@given(st.lists(lines, max_size=12))
def test_heading_path_is_the_way_down_to_a_character(parts):
    text = "\n".join(
        f"{'#' * part[0]} {part[1]}" if isinstance(part, tuple) else part for part in parts
    )
    found = handbook.headings(text)
    assert [(level, title) for _, level, title in found] == [
        part for part in parts if isinstance(part, tuple)
    ]
    meta = handbook.FrontMatter.model_construct(id="a")
    document = handbook.Document(meta, text, Path("a.md"))
    for at in range(len(text) + 1):
        above = [heading for heading in found if heading[0] <= at]
        expected = [
            title
            for i, (_, level, title) in enumerate(above)
            if all(level < later for _, later, _ in above[i + 1 :])
        ]
        assert document.heading_path(at) == tuple(expected)


# --- the sample files -----------------------------------------------------------------------------


def test_the_inbox_of_brindlemark():
    reading = read_folder(INBOX, ["staff"])
    wifi, ladders = (reading.by_path[name] for name in ("visitor-wifi.html", "ladder-safety.pdf"))
    assert list(reading.files) == [
        "ladder-safety.pdf",
        "trade-fair-checklist.txt",
        "visitor-wifi.html",
    ]
    assert [(one.file, one.reason) for one in reading.unreadable] == [
        ("scanned-lease.pdf", "holds no text: a scan? run OCR first")
    ]
    assert "marrow" in (INBOX / "visitor-wifi.html").read_text(encoding="utf-8")
    assert "marrow" not in wifi.text
    assert "Imprint" not in wifi.text
    assert "| Thornaby Wharf, head office | Week code | Friday, 18:35 | 25 Mbit/s |" in wifi.text
    assert wifi.heading_path(wifi.text.index("Week code")) == ("Wi-Fi for visitors", "By site")
    assert ladders.title == "Ladders and steps"
    assert len(ladders.source.pages) == 2
    assert ladders.page(ladders.text.index("three points")) == 2
    assert "last inspection" in ladders.text
    assert "leaves the floor" in ladders.text
    assert (INBOX / "scanned-lease.pdf").stat().st_size < 60_000


def test_the_checks_of_the_data_do_not_mind_the_inbox():
    assert check_data.check() == []


def test_nothing_heavy_is_imported_before_it_is_needed():
    program = (
        "import sys, helpers.data.ingest; print([name for name in ('bs4', 'markdownify', 'pypdf',"
        " 'torch') if name in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
        ).stdout
        == "[]\n"
    )


def test_formats_have_a_reader():
    with pytest.raises(KeyError):
        extract.extract("doc", b"x", Path("a"))
