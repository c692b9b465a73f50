"""Which pieces of a passage could be an answer? Short answers are mostly numbers with their unit,
dates, codes, cells of a table or names, and those can be listed without a model.

    candidates("Recordings are kept for 26 days.")    # ["26 days", "26", "Recordings"]

A reader that only chooses among them cannot invent anything: every answer is a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
)
# what ends a name or a group of words; they carry no answer themselves
STOP = (
    "a|an|the|this|that|these|those|of|in|on|at|by|to|for|from|with|without|and|or|but|nor|if|as"
    "|than|then|when|where|which|who|whose|whom|what|how|why|is|are|was|were|be|been|being|has"
    "|have|had|do|does|did|can|could|may|might|must|shall|should|will|would|not|no|it|its|they"
    "|them|their|there|he|she|his|her|we|us|our|you|your|i|my|after|before|between|within|until"
    "|under|over|into|out|up|down|so|only|also|each|every|any|all|both|more|less|most|least"
)
AMOUNT = r"\d+(?:[.,:]\d+)*"
# the words that belong to a number: 29 working days, 6.35 million GBP, 85 square metres
UNIT = rf"(?:[ -](?!(?:{STOP})\b)[A-Za-z°%€£$²³/]+)"
NUMBER = re.compile(rf"(?<![\w.,:])[£€$]?{AMOUNT}(?:\s?%|\s?°C)?(?![\d])(?:{UNIT}{{1,2}})?")
DATE = re.compile(rf"(?:\d{{1,2}} )?\b(?:{MONTHS})\b(?: \d{{1,4}}\b)?(?:, \d\d:\d\d)?")
CODE = re.compile(r"\b(?=[\w/-]*\d)(?=[\w/-]*[A-Za-z])[\w]+(?:[/-]\w+)*\b")
NAME = re.compile(
    rf"\b(?!(?:{STOP.title()}|I)\b)[A-Z][\w'’-]*(?: (?:of |the )*(?!(?:{STOP})\b)[\w'’-]+){{0,3}}"
)
HALF_UNIT = ("working", "business", "calendar", "square", "cubic", "full", "per", "million")
MARKED = re.compile(r"[*\"“‘]+([^*\"”’\n]{2,60})[*\"”’]+")
WORD = rf"(?!(?:{STOP})\b)\w[\w'’-]*"
GROUP = re.compile(rf"(?i)\b(?:(?:a|an|the) )?{WORD}(?: {WORD}){{0,5}}")
CELL = re.compile(r"\s*\|\s*|\s{3,}|\t+")
MOST = 24  # of one passage; numbers first, then dates, codes, cells, names, groups of words


def candidates(text: str, most: int = MOST) -> list[str]:
    """The pieces of a text that could be a short answer, each once, likelier kinds first; every one
    stands in it letter for letter."""
    found = dict.fromkeys(
        piece.strip(" .,;:") for kind in (_numbers, _plain, _cells) for piece in kind(text)
    )
    return [piece for piece in found if piece and piece in text][:most]


def _numbers(text: str) -> Iterator[str]:
    for match in NUMBER.finditer(text):
        whole = match[0]
        yield whole
        # "26 days after", "26 days", "26": how much of it is unit cannot be told from here
        words = re.split(r"(?=[ -])", whole)
        shorter = ("".join(words[:n]) for n in range(len(words) - 1, 0, -1))
        yield from (piece for piece in shorter if not piece.endswith(HALF_UNIT))


def _plain(text: str) -> Iterator[str]:
    for pattern in (DATE, CODE):
        yield from (match[0] for match in pattern.finditer(text))


def _cells(text: str) -> Iterator[str]:
    rows = [line for line in text.split("\n") if "|" in line or re.search(r"\S\s{3,}\S", line)]
    yield from (
        cell for row in rows for cell in CELL.split(row) if cell and not set(cell) <= {"-", ":"}
    )
    for pattern in (MARKED, NAME, GROUP):
        yield from (match[match.re.groups] for match in pattern.finditer(text))
