"""Files made by hand: any content at any name, and PDFs that only pypdf has to read."""

from __future__ import annotations

import io
from pathlib import Path


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pdf(
    *pages: str,
    title: str | None = None,
    password: str | None = None,
    about: dict[str, str] | None = None,
) -> bytes:
    """A PDF with one line of text for each line of each page, made by hand so that nothing but
    pypdf reads it."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    for text in pages:
        page = writer.add_blank_page(400, 400)
        named = DictionaryObject(
            {NameObject(key): NameObject(value) for key, value in font.items()}
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): named})}
        )
        stream = DecodedStreamObject()
        stream.set_data(
            b"BT /F1 12 Tf 20 380 Td "
            + b" ".join(b"(%s) Tj 0 -14 Td" % line.encode("latin-1") for line in text.split("\n"))
            + b" ET"
        )
        page[NameObject("/Contents")] = writer._add_object(stream)
    if title or about:
        writer.add_metadata((about or {}) | ({"/Title": title} if title else {}))
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    whole = io.BytesIO()
    writer.write(whole)
    return whole.getvalue()
