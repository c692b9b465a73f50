"""When do two texts say the same? Whole tokens, numbers as whole numbers, and SQuAD's
normalisation."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence

CITATION = re.compile(r"\[\d{1,2}\]")
# a letter may carry accents
NUMBER_OR_WORD = re.compile(r"\d+(?:[.,:]\d+)*|(?:[^\W\d_][\u0300-\u036f]*)+")


def tokens(text: str) -> list[str]:
    """The text as comparable tokens: lower case, no articles, no punctuation, numbers whole
    ("1,350" is one token, 1350)."""
    plain = CITATION.sub(" ", unicodedata.normalize("NFC", text.lower()))
    found = (re.sub(r",(?=\d{3}\b)", "", token) for token in NUMBER_OR_WORD.findall(plain))
    return [token for token in found if token not in ("a", "an", "the")]


def holds(text: str, answers: Sequence[str]) -> bool:
    """Does the text hold one of these answers as whole tokens? "170 days" does not hold "17"."""
    said = tokens(text)
    return any(
        said[i : i + len(wanted)] == wanted
        for wanted in map(tokens, answers)
        if wanted
        for i in range(len(said) - len(wanted) + 1)
    )


# --- what the field reports besides ---------------------------------------------------------------

NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad_normalise(text: str) -> str:
    """SQuAD's normal form: lower case, no ASCII punctuation, no articles, single blanks (Rajpurkar
    et al. 2018, evaluation of SQuAD 2.0)."""
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())
