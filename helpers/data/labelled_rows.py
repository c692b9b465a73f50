"""Can your own labelled rows be used? JSON Lines of {"input": text, "output": object or text}
become cases, or every fault is named at once.

    cases = read_labelled(Path("my_rows.jsonl"), schema)      raises LabelledError: file, line,
                                                              field, what to do
    train, dev, test = split(cases)                           equal inputs never stand on two sides

`id` is optional, further keys are ignored. A row that is wrong stops everything: nothing is trained
on the half that was right.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Split
from helpers.core.records import DataError
from helpers.data.json_schema import Checked, SchemaError, checked
from helpers.data.tickets import _no_constants, _no_duplicates

LONGEST_INPUT_CHARS = 16_000  # about 4,000 tokens: half of the small model's window
LONGEST_OUTPUT_CHARS = 4_000
LARGEST_FILE_BYTES = 64_000_000
SHOWN_FAULTS = 20


class LabelledError(DataError):
    """Rows that cannot be used. `faults` holds all of them; the message shows the first twenty."""

    def __init__(self, faults: Sequence[str]):
        self.faults = list(faults)
        more = f"\n… and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        many = f"{len(faults)} faults, so nothing was read:\n" if len(faults) > 1 else ""
        super().__init__(many + "\n".join(self.faults[:SHOWN_FAULTS]) + more)


def plain(text: str) -> str:
    """A text without case, spaces and punctuation, for "is this the same?"; one that is nothing
    else stays as it is."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def parse_json(text: str) -> Any:
    """One JSON value and nothing around it. Raises ValueError for NaN and for a key that comes
    twice, which json alone lets pass."""
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_labelled(
    path: Path,
    schema: dict | Checked | None = None,
    split: Split = "train",
    apart_from: Sequence[Case] = (),
) -> list[Case]:
    """The rows of a file as cases; objects in `gold.output`, texts in `gold.answers`.

    schema: what every output must keep; without one, all are objects or all are texts. apart_from:
    cases whose input may not come again here, as those of test when train is read. Raises
    LabelledError with all faults, SchemaError when the schema is of no use.
    """
    cases, faults = sift(path, schema, split, apart_from)
    if faults:
        raise LabelledError(faults)
    return cases


def sift(
    path: Path,
    schema: dict | Checked | None = None,
    split: Split = "train",
    apart_from: Sequence[Case] = (),
) -> tuple[list[Case], list[str]]:
    """(the rows that can be used, every fault of the others), for whoever looks at rows and trains
    on nothing half-read. Raises as `read_labelled` does where no row can be read at all."""
    held = checked(schema) if schema is not None else None
    name, faults, cases, kind = settings.shown(path), [], [], held.kind if held else None
    taken, apart = {}, {plain(case.ask.input): case.id for case in apart_from}
    for number, line in enumerate(_lines(path), start=1):
        found: list[tuple[str, str]] = []
        row = _row(line, found)
        text, output = row.get("input"), row.get("output")
        id = row.get("id", f"{path.stem}-{number:04d}")
        try:
            found += (
                [
                    *_wrong_id(id, taken),
                    *_wrong_input(text, apart),
                    *_wrong_output(output, kind, held),
                ]
                if row
                else []
            )
        except SchemaError as error:
            # not this row's fault alone, and every row after it would cost as long
            raise SchemaError(f"{name} line {number}: {error}") from error
        faults += [
            f"{name} line {number}: " + (f"field '{field}': " if field else "") + message
            for field, message in found
        ]
        if not found:
            taken[id] = number
            kind = kind or ("string" if isinstance(output, str) else "object")
            gold = Gold(answers=(output,)) if isinstance(output, str) else Gold(output=output)
            cases.append(
                Case(
                    Ask(id, text),
                    gold,
                    "own rows",
                    hashlib.sha256(plain(text).encode()).hexdigest()[:12],
                    split,
                )
            )
    return cases, faults


def _lines(path: Path) -> list[bytes]:
    """The lines of a file, undecoded, so that a wrong byte spoils one line. Raises LabelledError
    when there is nothing to read."""
    name = settings.shown(path)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise LabelledError(
                [
                    f"{name}: has {path.stat().st_size:,} bytes; at most {LARGEST_FILE_BYTES:,} are"
                    " read: take a sample"
                ]
            )
        data = path.read_bytes()
    except OSError as error:
        raise LabelledError(
            [f"{name}: cannot be read ({error.strerror}); give a file with one JSON object a line"]
        ) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise LabelledError([f"{name}: is UTF-16; save it as UTF-8"])
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise LabelledError([f"{name}: holds no rows; write one JSON object a line"])
    return [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")]


def _row(line: bytes, found: list[tuple[str, str]]) -> dict:
    """The object of a line; {} when there is none, and why in `found`."""
    try:
        row = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        found.append(
            ("", f"byte {error.start + 1} of the line is not UTF-8; save the file as UTF-8")
        )
    except ValueError as error:
        found.append(
            (
                "",
                (
                    "is empty; remove the line"
                    if not line.strip()
                    else f"is not JSON ({error}); every line holds one object"
                ),
            )
        )
    else:
        if isinstance(row, dict) and row:
            return row
        found.append(("", 'is not a row; every line holds one object {"input": …, "output": …}'))
    return {}


def _wrong_id(id: Any, taken: dict[str, int]) -> Iterator[tuple[str, str]]:
    if not isinstance(id, str) or not id.strip() or len(id) > 200 or _torn(id):
        yield (
            "id",
            "must be a text of 1 to 200 characters; or leave it out, and the line number is taken",
        )
    elif id in taken:
        yield "id", f"'{id}' was already used in line {taken[id]}; give it another"


def _wrong_input(text: Any, apart: dict[str, str]) -> Iterator[tuple[str, str]]:
    if text is None:
        yield "input", "is missing; it is the text that the system will see"
    elif not isinstance(text, str):
        yield "input", f"must be a text, got {type(text).__name__}"
    elif wrong := _wrong_text(text, LONGEST_INPUT_CHARS):
        yield "input", wrong
    elif plain(text) in apart:
        yield (
            "input",
            (
                f"also stands in the rows kept apart (id '{apart[plain(text)]}'), so it would be"
                " tested on what it was trained on; remove one"
            ),
        )


def _wrong_output(
    output: Any, kind: Literal["object", "string"] | None, held: Checked | None
) -> Iterator[tuple[str, str]]:
    got = {str: "string", dict: "object"}.get(type(output))
    if output is None:
        yield "output", "is missing; it is what the system should answer"
    elif got is None:
        yield "output", f"must be an object or a text, got {type(output).__name__}"
    elif kind and got != kind:
        yield (
            "output",
            (
                f"is {'a text' if got == 'string' else 'an object'}, but"
                f" {'the schema wants' if held else 'the rows before are'} {kind}s"
            ),
        )
    elif wrong := _wrong_text(
        output if got == "string" else json.dumps(output, ensure_ascii=False), LONGEST_OUTPUT_CHARS
    ):
        yield "output", wrong
    elif output == {}:
        yield "output", "is empty; write what the system should answer"
    elif held:
        yield from (("output", message) for message in held.faults(output))


def _wrong_text(text: str, longest_chars: int) -> str | None:
    if not text.strip():
        return "is empty; write the text, or remove the row"
    if len(text) > longest_chars:
        return (
            f"has {len(text):,} characters; at most {longest_chars:,} fit: shorten it, or cut it"
            " into rows"
        )
    return (
        "holds half a character (a lone \\ud800 to \\udfff); write the whole one"
        if _torn(text)
        else None
    )


def _torn(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


class Splits(NamedTuple):
    """Three lists of cases that share no input."""

    train: list[Case]
    dev: list[Case]
    test: list[Case]


def split(
    cases: Sequence[Case], seed: int = 0, shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
) -> Splits:
    """Train, dev and test, drawn by content: the order of the file does not matter, and inputs that
    are the same (but for case, spaces and punctuation) stand on one side. Raises ValueError when
    fewer than three different inputs are there.
    """
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(plain(case.ask.input), []).append(case)
    if len(groups) < len(Splits._fields):
        raise ValueError(
            f"{len(groups)} different inputs cannot be split into train, dev and test; label more"
            " rows"
        )
    order = sorted(groups, key=lambda text: hashlib.sha256(f"{seed} {text}".encode()).digest())
    side, done, limits = {}, 0, (shares[0] * len(cases), (shares[0] + shares[1]) * len(cases))
    for at, text in enumerate(order):
        left = len(order) - at  # one group at least for every side that has none yet
        want = 0 if done < limits[0] else 1 if done < limits[1] else 2
        used = max(side.values(), default=-1)
        side[text] = min(max(want, 3 - left), used + 1)
        done += len(groups[text])
    chosen = {
        name: [replace(case, split=name) for case in cases if side[plain(case.ask.input)] == i]
        for i, name in enumerate(Splits._fields)
    }
    return Splits(**chosen)
