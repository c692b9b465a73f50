"""How are a learner's findings saved? `my_work/journal.json`: its form, read whole or
refused, written whole or not at all.

The file is one JSON object (notebooks/JOURNAL.md has an example): `format` is 1; `guesses` holds a
list of commitments, oldest first, under each guess id ("08.questions"); `findings` holds one
measured result under each finding id ("08.questions/RAG": guess id, slash, name). The models below
are that form: every key is there, unknown keys are mistakes.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from helpers.core import settings
from helpers.core.files import write_whole
from helpers.core.records import Row, why_invalid

FORMAT = 1  # raise when a field below changes its meaning
LOCK_SECONDS = 60


class JournalError(RuntimeError):
    """The journal cannot be read or written and is as it was; the message says which file, why, and
    what to do."""


def _only_json(provenance: Any) -> Any:
    """The values as JSON has them (a tuple becomes a list), or a complaint that names the key."""
    if not isinstance(provenance, Mapping):
        return provenance  # the schema complains
    found = {}
    for key, value in provenance.items():
        try:
            found[key] = json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"{key!r} is not JSON ({error}); give text, finite numbers, lists or mappings of"
                " these"
            ) from None
    return found


class Entry(Row):
    model_config = ConfigDict(allow_inf_nan=False)


Name = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Guess(Entry):
    """One commitment: a share 0..1 for each name. `after_result`: a matching finding was there
    already, so it does not count."""

    question: str
    values: Annotated[dict[Name, Share], Field(min_length=1)]
    made: AwareDatetime
    after_result: bool


class RecordedFinding(Entry):
    """One measured result with its interval: a share (0..1), a difference, or a count (0 or more),
    over n cases; and where it comes from."""

    finding: Name
    measure: Literal["share", "difference", "count"]
    value: float
    low: float
    high: float
    n: Annotated[int, Field(ge=1)]
    verdict: str | None
    provenance: Annotated[dict[str, JsonValue], BeforeValidator(_only_json)]
    machine: str
    cpu_count: int | None
    python: str
    workbook: str
    first_recorded: AwareDatetime
    recorded: AwareDatetime

    @model_validator(mode="after")
    def _is_possible(self) -> RecordedFinding:
        most = {"share": 1.0, "count": math.inf}.get(self.measure)
        if self.low > self.high or (
            most is not None and not all(0 <= x <= most for x in (self.value, self.low, self.high))
        ):
            raise ValueError(
                f"a {self.measure} of {self.value} with interval {self.low} to {self.high} is"
                " impossible"
            )
        return self


class Journal(Entry):
    """All of it. The decision board reads this."""

    format: Literal[1]
    guesses: dict[Name, Annotated[list[Guess], Field(min_length=1)]]
    findings: dict[Name, RecordedFinding]


def load() -> Journal:
    """The whole journal; an empty one where nothing was saved yet. Raises JournalError for a file
    that is not one."""
    file = settings.my_work() / "journal.json"
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return Journal(format=FORMAT, guesses={}, findings={})
    except OSError as error:
        raise JournalError(
            f"{settings.shown(file)}: cannot be read ({error}); fix that, or set WORKBOOK_MY_WORK"
            " to a folder you own"
        ) from error
    try:
        return Journal.model_validate_json(raw)
    except ValidationError as error:
        raise JournalError(
            f"{settings.shown(file)}: {_complaint(raw, error)}, or move it away: a new one will be"
            " made"
        ) from None


def _complaint(raw: bytes, error: ValidationError) -> str:
    """What is wrong with the file, and how to fix it."""
    # not JSON, no object, no number
    with contextlib.suppress(ValueError, AttributeError, TypeError, RecursionError):
        if (found := json.loads(raw).get("format")) > FORMAT:
            return (
                f"has format {found}, and this workbook reads format {FORMAT}; use the newer"
                " workbook"
            )
    return f"{why_invalid(error).replace('the whole row', 'the whole file')}; fix it"


@contextlib.contextmanager
def changing() -> Iterator[Journal]:
    """The journal, locked against other notebooks; what the block did to it is on disk, whole, when
    the block is left.

    Raises ValueError for what the models refuse, and JournalError; then nothing was changed.
    """
    from filelock import FileLock

    file = settings.my_work() / "journal.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=LOCK_SECONDS):
            journal = load()
            yield journal
            text = (
                json.dumps(
                    journal.model_dump(mode="json"),
                    ensure_ascii=False,
                    allow_nan=False,
                    sort_keys=True,
                    indent=2,
                )
                + "\n"
            )
            # an id that is no Unicode would come back as another
            if Journal.model_validate_json(text) != journal:
                raise ValueError(
                    "the journal cannot save this: it would be read back as something else"
                )
            write_whole(file, text, aside=file.with_name("journal.json.tmp"))
    except ValidationError as error:
        raise ValueError(f"the journal cannot save this: {why_invalid(error)}") from None
    except (OSError, NotImplementedError) as error:
        # NotImplementedError: a file system that knows no locks
        fix = "make room there, or set WORKBOOK_MY_WORK to a folder you own"
        raise JournalError(
            f"{settings.shown(file)}: cannot be written and is as it was ({error}); {fix}"
        ) from error
