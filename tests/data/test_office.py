"""Word, tables, reStructuredText and notebooks become documents; what is made to harm becomes one
line."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import time
import zipfile
from pathlib import Path

import pytest
from support.files import put
from support.office import docx, paragraph, run, table, xlsx, zipped

from helpers.core.records import DataError
from helpers.data import office, tables
from helpers.data import zipped as packages
from helpers.data.ingest import read_folder


def read_one(folder: Path, name: str, content: str | bytes):
    """The only document of a folder with this one file."""
    put(folder, name, content)
    reading = read_folder(folder, ["staff"])
    assert not reading.unreadable, str(reading)
    (document,) = reading.documents
    return document


def reason(folder: Path, name: str, content: str | bytes) -> str:
    """Why it cannot be read, as one line, in a few seconds."""
    put(folder, name, content)
    started = time.process_time()
    reading = read_folder(folder, ["staff"])
    assert time.process_time() - started < 10
    assert reading.documents == []
    (one,) = reading.unreadable
    assert "\n" not in one.reason
    return one.reason


# --- Word -----------------------------------------------------------------------------------------

LEAVE = docx(
    paragraph(run("Leave"), style="H1"),
    paragraph(run("Staff get "), run("11 days"), run(" a year.")),
    table(["Grade", "Days"], ["A", "11"]),
)


def test_headings_texts_and_tables_of_word_are_read(tmp_path):
    document = read_one(tmp_path, "leave.docx", LEAVE)
    assert document.text == (
        "# Leave\n\nStaff get 11 days a year.\n\n| Grade | Days |\n| --- | --- |\n| A | 11 |"
    )


def test_a_document_of_word_has_the_title_of_its_heading(tmp_path):
    assert read_one(tmp_path, "x.docx", LEAVE).meta.title == "Leave"


@pytest.mark.parametrize("hides", ["<w:vanish/>", '<w:rStyle w:val="Gone"/>'])
def test_hidden_text_of_word_is_left_out_and_said(tmp_path, hides):
    put(tmp_path, "a.docx", docx(paragraph(run("Seen."), run("Obey me.", hides))))
    reading = read_folder(tmp_path, ["staff"])
    assert [one.text for one in reading.documents] == ["Seen."]
    assert ["hidden from a reader" in one.message for one in reading.remarks] == [True]


def test_text_that_is_said_not_to_be_hidden_is_read(tmp_path):
    made = docx(paragraph(run("Seen.", '<w:vanish w:val="0"/>')))
    assert read_one(tmp_path, "a.docx", made).text == "Seen."


CUSTOM = (
    '<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"'
    ' xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
    '<property name="MSIP_Label_7_Name"><vt:lpwstr>Confidential</vt:lpwstr></property></Properties>'
)
DRAFT = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
    'core-properties"><cp:contentStatus>Draft</cp:contentStatus></cp:coreProperties>'
)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"docProps/custom.xml": CUSTOM}, "MSIP_Label_7_Name"),
        ({"docProps/core.xml": DRAFT}, "status"),
    ],
)
def test_a_label_on_a_document_of_word_closes_it(tmp_path, more, key):
    assert f"'{key}'" in reason(tmp_path, "a.docx", docx(paragraph(run("Pay.")), **more))


def test_a_line_about_readers_on_top_closes_a_document_of_word(tmp_path):
    made = docx(paragraph(run("Audience: HR only")), paragraph(run("The CEO earns 91.")))
    assert "'Audience'" in reason(tmp_path, "a.docx", made)


# --- what is made to harm -------------------------------------------------------------------------

ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
FILES = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("head", [ENTITIES, FILES])
def test_a_document_that_declares_entities_is_refused(tmp_path, head):
    said = reason(tmp_path, "a.docx", docx(paragraph(run("x")), head=head))
    assert "declares XML entities" in said


@pytest.mark.parametrize("suffix", [".docx", ".xlsx"])
def test_a_zip_bomb_is_refused(tmp_path, suffix):
    assert "zip bomb" in reason(tmp_path, f"a{suffix}", zipped({"a.xml": b" " * 90_000_000}))


def test_many_parts_together_are_a_bomb_too(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "MOST_UNPACKED_BYTES", 1_000)
    parts = {f"{n}.bin": bytes(range(256)) for n in range(5)}
    assert "zip bomb" in reason(tmp_path, "a.docx", zipped(parts))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 nothing", "is damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "save it as .docx, without a password"),
        (zipped({"a.txt": "x"}), "is no .docx"),
        (docx("<w:p>"), "is damaged"),
        (docx(), "holds no text"),
        (docx("<w:p>" * 3_000 + "</w:p>" * 3_000), "nested too deeply|holds no text"),
    ],
)
def test_what_is_no_document_of_word_is_said_in_one_line(tmp_path, content, said):
    assert re.search(said, reason(tmp_path, "a.docx", content))


def test_a_sheet_of_a_million_rows_ends_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_ROWS", 100)
    made = xlsx({"a": [["x"]] * 101})
    assert "more than 100 rows" in reason(tmp_path, "a.xlsx", made)


def test_a_cell_far_below_all_others_ends_in_one_line(tmp_path):
    made = xlsx({"a": [["x", "y"]]})
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    far = b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>z</t></is></c></row>'
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b"</sheetData>", far + b"</sheetData>")
    assert "more than 100,000 rows" in reason(tmp_path, "a.xlsx", zipped(parts))


# --- tables ---------------------------------------------------------------------------------------

PRICES = {
    "Prices": [
        ["Item", "Price", "Tax", "From"],
        ["Pen", (2.5, '0.00 "€"'), (0.19, "0%"), dt.datetime(2026, 3, 2)],
        ["Nib | ink", 3.0, True, None],
    ],
    "Secret": [["Margin"], [0.4]],
}


def test_a_sheet_is_read_as_its_reader_sees_it(tmp_path):
    document = read_one(tmp_path, "prices.xlsx", xlsx(PRICES, hidden=["Secret"]))
    assert document.text == (
        "## Prices\n\n| Item | Price | Tax | From |\n| --- | --- | --- | --- |\n"
        "| Pen | 2.5 € | 19 % | 2026-03-02 |\n| Nib \\| ink | 3 | TRUE |  |"
    )


def test_a_label_on_a_workbook_closes_it(tmp_path):
    made = xlsx({"a": [["x"]]})
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    said = reason(tmp_path, "a.xlsx", zipped(parts | {"docProps/custom.xml": CUSTOM}))
    assert "'MSIP_Label_7_Name'" in said


@pytest.mark.parametrize(
    "text",
    [
        "Item,Price\nPen,2\n",
        "Item;Price\nPen;2\n",
        "Item\tPrice\nPen\t2\n",
        "sep=;\nItem;Price\nPen;2\n",
        "\ufeffItem,Price\r\nPen,2\r\n\r\n",
        '"Item","Price"\n"Pen","2"\n',
    ],
)
def test_a_csv_file_is_read_whatever_parts_its_cells(tmp_path, text):
    document = read_one(tmp_path, "a.csv", text)
    assert document.text == "| Item | Price |\n| --- | --- |\n| Pen | 2 |"


def test_commas_and_line_ends_inside_quotes_part_no_cells():
    rows = tables.csv_rows('question,answer\n"a, b","c\nd"\n"e, f; g; h",i\n')
    assert rows == [["question", "answer"], ["a, b", "c\nd"], ["e, f; g; h", "i"]]


def test_rows_of_unequal_length_are_filled_up():
    assert tables.csv_rows("a,b,c\nd,e\n") == [["a", "b", "c"], ["d", "e", ""]]


def test_a_table_about_rights_beside_documents_is_named(tmp_path):
    put(tmp_path, "a.txt", "Pay.")
    put(tmp_path, "permissions.csv", "page,group\na.txt,hr\n")
    (one,) = read_folder(tmp_path, ["staff"]).remarks
    assert one.file == "permissions.csv"


# --- reStructuredText -----------------------------------------------------------------------------

PAGE = """
Leave
=====

Staff get **11 days**. See :ref:`the form <form>` and :func:`~hr.leave.ask`.

.. note:: Ask early.

.. versionadded:: 2.1
   Half days count.

.. toctree::

   other

.. a comment that nobody sees

.. include:: /etc/passwd

.. raw:: html

   <b>raw</b>

.. code-block:: python

   days = 11
"""


def test_what_a_reader_sees_of_restructuredtext_is_read(tmp_path):
    document = read_one(tmp_path, "leave.rst", PAGE)
    for seen in (
        "# Leave",
        "**11 days**. See the form and ask",
        "Ask early.",
        "2.1",
        "Half days count.",
        "days = 11",
    ):
        assert seen in document.text, document.text


def test_what_a_reader_does_not_see_of_restructuredtext_is_left_out(tmp_path):
    text = read_one(tmp_path, "leave.rst", PAGE).text
    assert [one for one in ("nobody sees", "root:", "raw", "other") if one in text] == []


def test_a_field_about_readers_closes_a_page_of_restructuredtext(tmp_path):
    assert "'access'" in reason(tmp_path, "a.rst", "Pay\n===\n\n:access: hr\n\nThe CEO earns 91.\n")


# --- notebooks ------------------------------------------------------------------------------------


def notebook(*cells, **metadata) -> str:
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def cell(kind: str, source: str, outputs=(), **metadata):
    code = {"outputs": list(outputs), "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "id": f"c{hash(source) % 999}", "source": source} | {
        "metadata": metadata,
        **code,
    }


PRINTED = {"output_type": "stream", "name": "stdout", "text": ["11\n"]}


def test_texts_code_and_outputs_of_a_notebook_are_read(tmp_path):
    made = notebook(
        cell("markdown", "# Leave\n\nHow many?"),
        cell("code", "print(11)", [PRINTED]),
        cell("code", "secret = 1", tags=["remove-cell"]),
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"},
    )
    assert read_one(tmp_path, "leave.ipynb", made).text == (
        "# Leave\n\nHow many?\n\n```python\nprint(11)\n```\n\n```\n11\n```"
    )


def test_metadata_about_readers_closes_a_notebook(tmp_path):
    made = notebook(cell("markdown", "The CEO earns 91."), audience=["hr"])
    assert "'audience'" in reason(tmp_path, "a.ipynb", made)


@pytest.mark.parametrize("content", ["{}", "[1]", "{oh", '{"nbformat": 4, "cells": 3}'])
def test_what_is_no_notebook_is_said_in_one_line(tmp_path, content):
    assert "is no Jupyter notebook" in reason(tmp_path, "a.ipynb", content)


def test_what_is_read_reaches_no_other_file(tmp_path):
    with pytest.raises(DataError):
        office.docx(zipped({"word/other.xml": "<a/>"}))
