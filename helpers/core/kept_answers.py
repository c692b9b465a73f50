"""Which answers come with the workbook, so that a notebook shows them at once? Completions of the
course's own arms, each kept under the very prompt that it answers.

    labs_data/reference/answers/05.jsonl    where it was measured, then one completion a line

The key is made of the weights (an adapter included), the prompt, the room and the schema. The
prompt holds whatever the search found, so another index, another wording or other data find
nothing here and are answered on this machine. Kept are answers alone, no texts and no scores: they
are judged anew each time. Code that changes what the same weights say is found by a test, which has
some of them answered again.

`evaluate` uses them; WORKBOOK_LIVE=1, or `evaluate(…, live=True)`, has everything answered here.
`labs_data/build/answers.py` measures them: it names in WORKBOOK_RECORD where they are written.
What is kept already stays, and only what is missing is answered, unless WORKBOOK_LIVE=1.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from helpers.core import settings

FOLDER = settings.DATA / "reference" / "answers"
FORMAT_AND_DEVICE = re.compile(r"-(?:float32|bfloat16|float16)-\w+")
_wanted: ContextVar[bool] = ContextVar("kept answers are wanted", default=False)


def weights_of(fingerprint: str) -> str:
    """The weights and the adapter in a generator's fingerprint, in any number format, anywhere."""
    return FORMAT_AND_DEVICE.sub("", fingerprint)


def key_of(fingerprint: str, prompt: str, max_new_tokens: int, schema: dict | None) -> str:
    """A name for everything that decides a greedy answer."""
    parts = [weights_of(fingerprint), prompt, max_new_tokens, schema]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@functools.lru_cache(maxsize=2)
def _kept(folder: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """(a name for all that is kept, key -> text, tokens_in, tokens_out, seconds)."""
    digest, found = hashlib.sha256(), {}
    for file in sorted(folder.glob("*.jsonl")):
        text = file.read_text(encoding="utf-8", errors="surrogatepass")
        digest.update(text.encode("utf-8", "surrogatepass"))
        for line in text.split("\n")[1:-1]:
            row = json.loads(line)
            found[row.pop("key")] = row
    return digest.hexdigest()[:16], found


@functools.cache
def announce() -> None:
    """Say, once in a process, that answers are shown which were not computed in it."""
    with min(FOLDER.glob("*.jsonl")).open(encoding="utf-8") as file:
        about = json.loads(file.readline())
    print(
        "Answers of the course's own systems come with the workbook (measured in"
        f" {about['dtype']} on {about['machine']}, {about['date']}) and are shown at once;"
        " WORKBOOK_LIVE=1 has them answered here."
    )


def in_use(live: bool = False) -> str | None:
    """A name for the kept answers that count in this process; None where all is answered here."""
    if live or settings.live():
        return None
    digest, found = _kept(FOLDER)
    return digest if found else None


@contextlib.contextmanager
def wanted(yes: bool = True) -> Iterator[None]:
    """In this block a model may answer what is kept without computing."""
    before = _wanted.set(yes)
    try:
        yield
    finally:
        _wanted.reset(before)


def find(key: str) -> dict[str, Any] | None:
    """The kept completion with this key, if there is one and it is wanted."""
    found = _kept(FOLDER)[1].get(key) if _wanted.get() else None
    if found is not None:
        announce()
    return found


def recording() -> Path | None:
    """Where is what models say written down, if anywhere?"""
    there = os.environ.get("WORKBOOK_RECORD")
    return Path(there) if there else None


def record(key: str, fingerprint: str, completion: dict[str, Any]) -> None:
    """Write an answer down, where answers are being measured."""
    if file := recording():
        row = {"key": key, "weights": weights_of(fingerprint), **completion}
        with file.open("a", encoding="utf-8", errors="surrogatepass") as out:
            out.write(json.dumps(row) + "\n")
