"""When do two texts say the same? Whole tokens, numbers as whole numbers with their sign and unit,
and SQuAD's normalisation."""

from __future__ import annotations

import functools
import re
import string
import sys
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

CITATION = re.compile(r"\[\d{1,2}\]")
# Scripts that put no space between words (and Korean, whose words grow endings): Thai, Lao,
# Burmese, Khmer, kana, Chinese characters, Hangul. Each character is a token.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
# a letter may carry accents or vowel signs, which `\w` leaves out
MARKS = "".join(
    chr(c) for c in range(0x300, sys.maxunicode >> 4) if unicodedata.category(chr(c))[0] == "M"
)
LETTER = rf"[^\W\d_][{MARKS}]*"
CHARACTER = rf"(?=[{UNSPACED}]){LETTER}"
NUMBER = r"(?:\d+(?:[.,:]\d+)*|(?<![\w.])\.\d+)"
GROUPED = r"(?<![\d.,:])(?<!\d[ '])\d{1,3}(?:[ ']\d{3})+(?![ ']?\d)(?:[.,]\d+(?![.,:]?\d))?"
CURRENCY = "[$€£¥₹]"
# "12-14 days" is not 14 days; "12 to 14 days", as "9:00-17:00", names each end
ONE = rf"{CURRENCY}?{NUMBER}"
RANGE = re.compile(rf"(?<![\w.,:-])({ONE})%? ?- ?({ONE})(?![.,:-]?\d)")
TO = "‥"  # between the ends of a range; `spelled` leaves none in a text
TOKEN = re.compile(
    rf"(?P<sign>(?<![\w.,)\]%'\"-])-(?={CURRENCY}?\.?\d)|(?<![\w\"'/=-])[<>≤≥±]=? ?)?"
    rf"(?P<before>{CURRENCY} ?)?(?P<digits>{GROUPED}|{NUMBER})(?:{TO}(?P<high>{NUMBER}))?"
    rf"(?P<power>\^-?\d+)?(?P<after> ?(?:{CURRENCY}|[%‰]))?"
    rf"|{CHARACTER}"
    # a plus, a sharp or a minus may belong to the name: C++, C#, Rh-
    rf"|(?P<word>(?:(?![{UNSPACED}]){LETTER})+)"
    r"(?:[+#]+(?!\w)|(?:(?<=\b[A-Z])|(?<=\b[A-Z][a-zA-Z]))-(?![\w-]))?"
)
# what must not differ where both name it
UNITS = {
    word: sign
    for sign, words in {
        "$": "$ usd cad aud dollar dollars",
        "€": "€ eur euro euros",
        "£": "£ gbp pound pounds",
        "¥": "¥ jpy yen",
        "₹": "₹ inr rupees",
        "%": "% percent prozent",
        "‰": "‰",
    }.items()
    for word in words.split()
}
# Where no space says so: a numeral beside a numeral makes another number (十三), a negation before
# a word its opposite (不可以, ไม่ได้).
NUMERALS, NEGATIONS = set("〇零一二三四五六七八九十百千万億亿两"), {*"不没沒無无未非", "ม่"}
GLUED = re.compile(r"(?<![^\W_])[^\W\d_]{1,2}$")
SUPERSCRIPTS, SUBSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "₀₁₂₃₄₅₆₇₈₉"
SPELLED = str.maketrans(
    dict.fromkeys("‐‑‒–−﹣－", "-")
    | dict.fromkeys("‘’ʼ´`′＇‛", "'")
    | dict.fromkeys("™®©℠\u00ad\u200b\u200c\u200d\ufeff", None)
    | {"º": "°"}
    | dict(zip(SUBSCRIPTS, "0123456789", strict=True))
)
POWERS = str.maketrans(SUPERSCRIPTS, "0123456789-")
SWAPPED = str.maketrans(".,", ",.")


class Token(NamedTuple):
    """One token: its text, the units it stands beside ("$", "%"), and whether it is a number glued
    to a letter or two (B12, CO2), which is no 12."""

    text: str
    units: frozenset[str] = frozenset()
    glued: bool = False


class AllOf(str):
    """An answer of several parts, each of which must be said; a part may have several wordings, as
    "2 days|two days". As a text: the first wordings."""

    parts: tuple[tuple[str, ...], ...]

    def __new__(cls, *parts: str) -> AllOf:
        wordings = tuple(tuple(w.strip() for w in p.split("|") if w.strip()) for p in parts)
        made = super().__new__(cls, " … ".join(part[0] for part in wordings))
        made.parts = wordings
        return made


def unspaced(text: str) -> bool:
    """Is it mostly in a script that puts no space between words?"""
    return not text.isascii() and 2 * len(re.findall(CHARACTER, text)) > len(
        re.findall(r"[^\W\d_]", text)
    )


def spelled(text: str) -> str:
    """The same in plain characters: one kind of apostrophe and dash, ligatures and wide letters
    taken apart, 10² as 10^2, m² and CO₂ as m2 and CO2, ½ as 0.5."""
    if text.isascii():
        return text
    text = re.sub(
        r"(?:(\d+) ?)?([¼-¾⅐-⅞])",
        lambda m: f"{int(m[1] or 0) + unicodedata.numeric(m[2]):.6g}",
        text.translate(SPELLED),
    )
    text = re.sub(
        rf"(?<=(\d))?[{SUPERSCRIPTS}]+",
        lambda m: ("^" if m[1] else "") + m[0].translate(POWERS),
        text,
    )
    text = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^\W\D]", lambda m: str(unicodedata.decimal(m[0])), text)


def number(raw: str, decimal: str = ".") -> str:
    """One spelling for a number: "1,350", "1 350" and "1'350" are 1350, "10,5" is 10.5, "1.200,50"
    1200.50. decimal: "," where a comma is what parts the decimals, so that "1.200" is 1200."""
    if raw.isdigit():
        return raw
    if decimal == "," or re.fullmatch(r"\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})", raw):
        raw = raw.translate(SWAPPED)
    raw = re.sub(r"[ ']|,(?=\d{3}\b)", "", raw)
    return re.sub(r"^(\d+),(\d+)$", r"\1.\2", "0" * raw.startswith(".") + raw)


ARTICLES = ("a", "an", "the")
NAMED = re.compile(r" (?:is|was|are|and|or|has|does)\b")
FOLLOWED = re.compile(r"\s+[\"'(*_]*[^\W_]")


def _article(m: re.Match, plain: str, shouted: bool) -> bool:
    """Is this "a", "an" or "the" an article? In "a manager" it is; the A of "Plan A" or "0.46 A"
    names something."""
    if len(m[0]) > 1:
        return True
    before = plain[max(0, m.start() - 9) : m.start()].rstrip(" \t*_\"'“„(")
    opens = (not before or before[-1] in ".!?:;\n>|#-") and not NAMED.match(plain, m.end())
    return bool(FOLLOWED.match(plain, m.end())) and (shouted or m[0] == "a" or opens)


def _joined(m: re.Match) -> str:
    """A range as one number; what only looks like one (a date, clock times) as it stands."""
    low, high = (one.lstrip("$€£¥₹") for one in m.groups())
    plain = all(re.fullmatch(r"\d*(?:[.,]\d+)?", one) for one in (low, high))
    rising = plain and float(low.replace(",", ".")) < float(high.replace(",", "."))
    sign = next((c for c in m[0] if c in "$€£¥₹"), "")
    return f"{sign}{low}{TO}{high}" if rising else m[0]


@functools.lru_cache(1024)  # a reply is looked at several times, an answer meets many replies
def read(text: str, decimal: str = ".") -> tuple[Token, ...]:
    """The text as comparable tokens with their units. decimal: see `number`."""
    plain = CITATION.sub(" ", spelled(text))
    plain = re.sub(rf"\bminus (?={CURRENCY}?\d)", "-", plain, flags=re.IGNORECASE)
    plain, found = RANGE.sub(_joined, plain), []
    shouted = plain.isupper()
    for m in TOKEN.finditer(plain):
        if m["digits"]:
            ends = [number(one, decimal) for one in (m["digits"], m["high"]) if one]
            said = (m["sign"] or "").strip() + "-".join(ends) + (m["power"] or "")
            units = frozenset(UNITS[one.strip()] for one in (m["before"], m["after"]) if one)
            start = m.start("digits")
            glued = GLUED.search(plain[max(0, start - 3) : start])
            found.append(Token(said, units, bool(glued)))
        elif (word := m[0].casefold()) not in ARTICLES or not _article(m, plain, shouted):
            found.append(Token(word))
    for i, token in enumerate(found):
        if token.text[-1].isdigit():
            beside = {UNITS.get(one.text) for one in found[max(0, i - 1) : i + 2]} - {None}
            found[i] = token._replace(units=token.units | beside) if beside else token
    return tuple(found)


def tokens(text: str, decimal: str = ".") -> list[str]:
    """The text as comparable tokens: no articles, no punctuation, one case, numbers whole with
    their sign ("1,350" is one token, 1350; "12-14" and "-5" are one, too)."""
    return [token.text for token in read(text, decimal)]


def length(text: str) -> float:
    """How long a text is, in words; of scripts without spaces two characters count as one."""
    return sum(0.5 if re.match(f"[{UNSPACED}]", token) else 1 for token in tokens(text))


def symbols(text: str) -> str:
    """What a text holds besides words, numbers and punctuation: "+", "👍"."""
    return "".join(c for c in text if unicodedata.category(c)[0] == "S")


def holds(text: str, answers: Sequence[str], decimal: str = ".") -> bool:
    """Does the text hold one of these answers as whole tokens? "170 days" does not hold "17", nor
    does "-17" or "12-17"; "$29.00" holds "29". Of an `AllOf`, every part."""
    said = read(text, decimal)
    return any(_holds_one(said, text, answer, decimal) for answer in answers)


def _holds_one(said: tuple[Token, ...], text: str, answer: str, decimal: str) -> bool:
    if isinstance(answer, AllOf):
        return all(
            any(_holds_one(said, text, wording, decimal) for wording in part)
            for part in answer.parts
        )
    wanted = read(answer, decimal)
    if not wanted:
        return bool(symbols(answer)) and symbols(answer) in symbols(text)
    return any(
        all(map(_same, said[i : i + len(wanted)], wanted)) and _stands_alone(said, i, wanted)
        for i in range(len(said) - len(wanted) + 1)
    )


def _same(said: Token, wanted: Token) -> bool:
    if said.units and wanted.units and not said.units & wanted.units:
        return False  # 5 € is not 5 $
    if said.text == wanted.text:
        return True
    # $29.00 and 29.0 are 29, 14.50 € is 14.5; but version 2.10 is not 2.1
    long, short = (said, wanted) if len(said.text) > len(wanted.text) else (wanted, said)
    value = long.text.rstrip("0").rstrip(".") if "." in long.text else long.text
    return value == short.text and bool(long.units or "." not in value)


def _stands_alone(said: tuple[Token, ...], i: int, wanted: tuple[Token, ...]) -> bool:
    """Is it this answer, and no part of another: 12 in B12, 三天 in 十三天, 可以 in 不可以?"""
    before, after = said[i - 1].text if i else "", said[i + len(wanted) : i + len(wanted) + 1]
    if said[i].glued and not wanted[0].glued:
        return False
    if before in NUMERALS:
        return wanted[0].text not in NUMERALS
    if after and after[0].text in NUMERALS and wanted[-1].text in NUMERALS:
        return False
    return before not in NEGATIONS


# --- what the field reports besides ---------------------------------------------------------------

NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad_normalise(text: str) -> str:
    """SQuAD's normal form: lower case, no ASCII punctuation, no articles, single blanks (Rajpurkar
    et al. 2018, evaluation of SQuAD 2.0)."""
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())
