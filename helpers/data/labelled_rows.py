"""Can your own labelled rows be used? Rows of {"input": text, "output": object or text} become
cases, or every fault is named at once. JSON Lines, or another form of `row_formats`.

    cases = read_labelled(Path("my_rows.jsonl"), schema)      raises LabelledError: file, line,
                                                              field, what to do
    train, dev, test = split(cases)                           equal inputs never end up on two sides

`id` is optional; `system`, `instruction` and `context` are put before the input, a paragraph each;
further keys are ignored. A row that is wrong stops everything: nothing is trained on the half that
was right.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Split
from helpers.core.records import DataError, Fault
from helpers.data.json_schema import Checked, SchemaError, checked
from helpers.data.row_formats import Columns, example_rows

BESIDE_INPUT = ("system", "instruction", "context")  # as in the rows of Alpaca and its like
LONGEST_INPUT_CHARS = 16_000  # about 4,000 tokens: half of the small model's window
LONGEST_OUTPUT_CHARS = 4_000
LARGEST_FILE_BYTES = 64_000_000
SHOWN_FAULTS = 20


class LabelledError(DataError):
    """Rows that cannot be used. `faults` holds all of them; the message shows the first twenty."""

    def __init__(self, faults: Sequence[Fault]):
        self.faults = list(faults)
        more = f"\n… and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        many = f"{len(faults)} faults, so nothing was read:\n" if len(faults) > 1 else ""
        super().__init__(many + "\n".join(map(str, self.faults[:SHOWN_FAULTS])) + more)


def plain(text: str) -> str:
    """A text without case, spaces and punctuation, for "is this the same?"; one that is nothing
    else stays as it is."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def read_labelled(
    path: Path,
    schema: dict | Checked | None = None,
    split: Split = "train",
    apart_from: Sequence[Case] = (),
) -> list[Case]:
    """The rows of a file as cases; objects in `gold.output`, texts in `gold.answers`.

    schema: what every output must match; without one, all are objects or all are texts. apart_from:
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
    columns: Columns | None = None,
    named: list[str] | None = None,
) -> tuple[list[Case], list[Fault]]:
    """(the rows that can be used, every fault of the others), for whoever looks at rows and trains
    on nothing half-read. columns: our names -> those in the file, where they are not known ones;
    named: see `taken` of `row_formats`. Raises as `read_labelled` does where no row can be read at
    all."""
    held = checked(schema) if schema is not None else None
    kind = held.kind if held else None
    name, faults, cases = settings.shown(path), [], []
    taken, apart = {}, {plain(case.ask.input): case.id for case in apart_from}
    for number, row in example_rows(name, read_bytes(path), faults, columns, named):
        text, output = _whole_input(row), row.get("output")
        id = row.get("id", f"{path.stem}-{number:04d}")
        try:
            found = [
                *(
                    (key, f"must be a text, got {type(row[key]).__name__}")
                    for key in BESIDE_INPUT
                    if not isinstance(row.get(key), str | None)
                ),
                *(("id", wrong) for wrong in (wrong_id(id, taken),) if wrong),
                *_wrong_input(text, apart),
                *_wrong_output(output, kind, held),
            ]
        except SchemaError as error:
            # not this row's fault alone, and every row after it would cost as long
            raise SchemaError(f"{name} line {number}: {error}") from error
        faults += [Fault(name, number, *one) for one in found]
        if not found:
            taken[id] = number
            kind = kind or ("string" if isinstance(output, str) else "object")
            gold = Gold(answers=(output,)) if isinstance(output, str) else Gold(output=output)
            cases.append(Case(Ask(id, text), gold, "own rows", family(text), split))
    return cases, sorted(faults, key=lambda one: one.line or 0)


def family(text: str) -> str:
    """A name for all wordings of a text that are the same but for case, spaces and punctuation."""
    return hashlib.sha256(plain(text).encode()).hexdigest()[:12]


def read_bytes(path: Path) -> bytes:
    """A file of JSON Lines, without its byte order mark. Raises LabelledError when there is nothing
    to read."""

    def refuse(message: str) -> LabelledError:
        return LabelledError([Fault(settings.shown(path), None, "", message)])

    try:
        if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
            raise refuse(
                f"has {size:,} bytes; at most {LARGEST_FILE_BYTES:,} are read: take a sample"
            )
        data = path.read_bytes()
    except OSError as error:
        raise refuse(
            f"cannot be read ({error.strerror}); give a file with one JSON object a line"
        ) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("is UTF-16; save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise refuse("holds no rows; write one JSON object a line")
    return data


def wrong_id(id: Any, taken: Mapping[str, int]) -> str | None:
    """What is wrong with the id of a row, if anything? taken: id -> line."""
    if not isinstance(id, str) or not id.strip() or len(id) > 200 or torn(id):
        return (
            "must be a text of 1 to 200 characters; or leave it out, and the line number is taken"
        )
    return f"'{id}' was already used in line {taken[id]}; give it another" if id in taken else None


def _whole_input(row: Mapping[str, Any]) -> Any:
    """All that the system will see: the input, after what stands beside it."""
    said = {
        key: row[key]
        for key in (*BESIDE_INPUT, "input")
        if isinstance(row.get(key), str) and row[key].strip()
    }
    text = row.get("input")
    # a context without a question is no input
    whole = isinstance(text, str | None) and said.keys() & {"instruction", "input"}
    return "\n\n".join(said.values()) if whole else text


def _wrong_input(text: Any, apart: dict[str, str]) -> Iterator[tuple[str, str]]:
    if text is None:
        yield "input", "is missing; it is the text that the system will see"
    elif not isinstance(text, str):
        yield "input", f"must be a text, got {type(text).__name__}"
    elif wrong := wrong_text(text, LONGEST_INPUT_CHARS):
        yield "input", wrong
    elif plain(text) in apart:
        yield (
            "input",
            (
                f"is also in the held-out rows (id '{apart[plain(text)]}'), so it would be"
                " tested on what it was trained on; remove one"
            ),
        )


def _wrong_output(
    output: Any, kind: Literal["object", "string"] | None, held: Checked | None
) -> Iterator[tuple[str, str]]:
    got = {str: "string", dict: "object"}.get(type(output))
    as_text = json.dumps(json.dumps(output), ensure_ascii=False)[:80]
    if output is None:
        yield "output", "is missing; it is what the system should answer"
    elif got is None:
        yield (
            "output",
            f"must be an object or a text, got {type(output).__name__}; write it as a text,"
            f" {as_text}, or as a field of an object",
        )
    elif kind and got != kind:
        yield (
            "output",
            (
                f"is {'a text' if got == 'string' else 'an object'}, but"
                f" {'the schema wants' if held else 'the rows before are'} {kind}s"
            ),
        )
    elif wrong := wrong_text(
        output if got == "string" else json.dumps(output, ensure_ascii=False), LONGEST_OUTPUT_CHARS
    ):
        yield "output", wrong
    elif output == {}:
        yield "output", "is empty; write what the system should answer"
    elif held:
        yield from (("output", message) for message in held.faults(output))


def wrong_text(text: str, longest_chars: int) -> str | None:
    """What is wrong with a text of a row, if anything?"""
    if not text.strip():
        return "is empty; write the text, or remove the row"
    if len(text) > longest_chars:
        return (
            f"has {len(text):,} characters; at most {longest_chars:,} fit: shorten it, or cut it"
            " into rows"
        )
    return (
        "holds half a character (a lone \\ud800 to \\udfff); write the whole one"
        if torn(text)
        else None
    )


def torn(text: str) -> bool:
    """Does it hold half a character, as "\\ud83d" alone?"""
    return any("\ud800" <= char <= "\udfff" for char in text)


def output_key(case: Case) -> str:
    """What a row gives as its output, as one text: equal for equal outputs."""
    gold = case.gold
    return gold.answers[0] if gold.output is None else json.dumps(gold.output, sort_keys=True)


class Splits(NamedTuple):
    """Three lists of cases that share no input."""

    train: list[Case]
    dev: list[Case]
    test: list[Case]


def split(
    cases: Sequence[Case], seed: int = 0, shares: tuple[float, float, float] = (0.7, 0.15, 0.15)
) -> Splits:
    """Train, dev and test, drawn by content: the order of the file does not matter, and inputs that
    are the same (but for case, spaces and punctuation) end up on one side. Raises ValueError when
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
    used = -1  # the last side that has a group
    for at, text in enumerate(order):
        left = len(order) - at  # one group at least for every side that has none yet
        want = 0 if done < limits[0] else 1 if done < limits[1] else 2
        side[text] = min(max(want, 3 - left), used + 1)
        used = max(used, side[text])
        done += len(groups[text])
    chosen = {
        name: [replace(case, split=name) for case in cases if side[plain(case.ask.input)] == i]
        for i, name in enumerate(Splits._fields)
    }
    return Splits(**chosen)
