"""May a file of an office program be opened? .docx and .xlsx are zips of XML, and can be made to
fill the memory: sizes are counted while a part is unpacked, and no entity is followed."""

from __future__ import annotations

import io
import zipfile
from typing import NamedTuple
from xml.parsers import expat

from helpers.core.records import DataError

MOST_UNPACKED_BYTES = 100_000_000
MOST_ENTRIES = 5_000
LARGEST_RATIO = 400  # of unpacked to packed bytes; sheets full of equal cells reach 50
RATIO_FROM_BYTES = 5_000_000
OLE = b"\xd0\xcf\x11\xe0"  # what an old or an encrypted file of Office begins with
READ_AT_ONCE = 1 << 16


class Package(NamedTuple):
    """The XML parts by their names in the zip, and what else is in it by name and bytes."""

    parts: dict[str, bytes]
    others: dict[str, bytes]

    def zipped(self) -> bytes:
        """The same as a zip again."""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            for name, data in (self.parts | self.others).items():
                archive.writestr(name, data)
        return made.getvalue()


def opened(data: bytes, suffix: str) -> Package:
    """The parts of a .docx or .xlsx. Raises DataError with what to do where it is none, is
    encrypted, would unpack to more than a person writes, or declares entities."""
    if data.startswith(OLE):
        raise DataError(
            f"is encrypted, or in the form of Office 97 to 2003; save it as {suffix}, without a"
            " password"
        )
    package, left = Package({}, {}), MOST_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise DataError(
                    f"holds {len(entries):,} parts, at most {MOST_ENTRIES:,} are opened; export it"
                    " again, in pieces"
                )
            for entry in entries:
                if entry.flag_bits & 1:
                    raise DataError("is encrypted; save a copy without a password")
                part = _unpacked(archive, entry, left)
                left -= len(part)
                is_xml = entry.filename.lower().endswith((".xml", ".rels"))
                (package.parts if is_xml else package.others)[entry.filename] = part
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        raise DataError(
            f"is damaged, or no {suffix} file ({error}); open it and save it again"
        ) from error
    for name, part in package.parts.items():
        _refuse_entities(name, part)
    return package


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    """One part, piece by piece, so that a bomb is seen before it has filled the memory."""
    found, packed = bytearray(), max(1, entry.compress_size)
    with archive.open(entry) as part:
        while some := part.read(READ_AT_ONCE):
            found += some
            if len(found) > left or (
                len(found) > RATIO_FROM_BYTES and len(found) > LARGEST_RATIO * packed
            ):
                raise DataError(
                    f"unpacks to more than {min(left, len(found)) // 1_000_000} MB ('"
                    f"{entry.filename[:60]}'), as a zip bomb does; export it again, in pieces"
                )
    return bytes(found)


def _refuse_entities(name: str, part: bytes) -> None:
    """Raises DataError where a part declares a document type: that is where entities multiply, or
    name other files. No office program writes one."""

    def refuse(*_: object) -> None:
        raise DataError(
            f"declares XML entities ('{name[:60]}'), which no office program writes; open it and"
            " save it again"
        )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(part, True)
    except expat.ExpatError as error:
        raise DataError(
            f"is damaged ('{name[:60]}': {error}); open it and save it again"
        ) from error
