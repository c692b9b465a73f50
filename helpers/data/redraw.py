"""How does a page stay the same page with other facts? Every number, code and name is drawn anew,
alike in passage, question and answer, so that learning by heart stops paying and reading does not.

    dice = random.Random("epoch 2, Harbour rates")
    new = Redrawn.of([title, text, question], dice)
    new(text), new(question), new(answer)     # 26 days -> 41 days, in all three

What an exercise rests on is kept: a number keeps its form (decimals, thousands, "hh:mm"), and
numbers of one kind keep their order, so "from 4 to 18 November" stays a span of time and a
percentage stays below 100. 0 and 1 stay, and so do months and weekdays.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
TOKEN = re.compile(
    r"(?<![\w.,:])(?:"
    r"(?P<time>(?:[01]?\d|2[0-4]):[0-5]\d)"
    r"|(?P<code>[A-Z]{1,4}-?\d{1,5}|\d{1,4}[A-Z]{1,2}(?:-\d+)?)"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r")(?![\w]|[.,:]\d)"
)
PERCENT = re.compile(r"\s?(?:%|per cent|percent)")
BESIDE_MONTH = re.compile(rf"\s{MONTH}|(?:st|nd|rd|th)\s{MONTH}")
RANGE_TO_MONTH = re.compile(rf"\s(?:to|and|or)\s\d{{1,2}}\s{MONTH}")
FIRST_YEAR, LAST_YEAR = 1500, 2100


@dataclass(frozen=True)
class Redrawn:
    """Old token -> new token; called with a text, the text with every known token replaced."""

    tokens: Mapping[str, str]

    def __call__(self, text: str) -> str:
        return TOKEN.sub(lambda m: self.tokens.get(m[0], m[0]), text)

    @classmethod
    def of(
        cls, texts: Iterable[str], dice: random.Random, fixed: Mapping[str, str] | None = None
    ) -> Redrawn:
        """New tokens for those of these texts. fixed: those that are drawn already, such as the
        numbers in titles, by which the pages of one world are told apart."""
        known = dict(fixed or {})
        kinds: dict[str, set[str]] = {}
        for text in texts:
            for match in TOKEN.finditer(text):
                if match[0] not in known:
                    kinds.setdefault(_kind(match), set()).add(match[0])
        taken = set(known.values())
        # a token that is of two kinds gets the value of the first in this order
        for kind in ("day", "percent", "number", "year", "time", "code", "label"):
            mine = sorted(kinds.get(kind, set()) - set(known))
            known |= DRAW[kind](mine, dice, taken)
            taken |= set(known.values())
        return cls(known)


def _kind(match: re.Match) -> str:
    if match["time"] or match["code"]:
        return "time" if match["time"] else "code"
    after = match.string[match.end() : match.end() + 30]
    number, whole = match["number"], match["number"].isdigit()
    dated = BESIDE_MONTH.match(after) or RANGE_TO_MONTH.match(after)
    if dated and whole and 1 <= int(number) <= 31:
        return "day"
    if PERCENT.match(after) and _value(number) <= 100:
        return "percent"
    if whole and len(number) == 4:
        return "year" if FIRST_YEAR <= int(number) <= LAST_YEAR else "label"
    return "label" if whole and len(number) > 4 else "number"


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _written(value: float, like: str) -> str:
    """A value in the form of an old token: its decimals, its thousands."""
    decimals = len(like.partition(".")[2])
    return f"{value:,.{decimals}f}" if "," in like or value >= 10_000 else f"{value:.{decimals}f}"


def _numbers(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    """About half to twice as much, in the old order."""
    return _scaled(tokens, dice.uniform(0.55, 1.9), dice)


def _percents(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    highest = max(map(_value, tokens), default=1.0)
    return _scaled(tokens, min(dice.uniform(0.55, 1.9), 80 / highest), dice)


def _scaled(tokens: Sequence[str], factor: float, dice: random.Random) -> dict[str, str]:
    drawn, last = {}, 1.0
    for token in sorted(tokens, key=_value):
        value = _value(token)
        if value <= 1:
            drawn[token] = token
            continue
        step = 10.0 ** -len(token.partition(".")[2])
        wanted = value * factor * dice.uniform(0.85, 1.15)
        # round numbers stay round: 350 grams become 470, not 473
        grain = step * 10 if token.endswith("0") and value >= 100 * step else step
        last = max(round(wanted / grain) * grain, last + step, 2 * step)
        drawn[token] = _written(last, token)
    return drawn


def _days(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    ordered = sorted(tokens, key=int)
    days = sorted(dice.sample(range(1, 29), min(28, len(ordered))))
    return {token: str(day) for token, day in zip(ordered, days, strict=False)}


def _times(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    """All by the same number of minutes, so that opening stays before closing."""
    by = 5 * dice.choice([n for n in range(-19, 20) if n])

    def later(token: str) -> str:
        hours, minutes = map(int, token.split(":"))
        at = (60 * hours + minutes + by) % (24 * 60)
        return f"{at // 60:02d}:{at % 60:02d}"

    return {token: later(token) for token in tokens}


def _years(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    by = dice.choice([*range(-37, 0), *range(1, 4)])
    return {token: str(int(token) + by) for token in tokens}


def _codes(tokens: Sequence[str], dice: random.Random, taken: Collection[str]) -> dict[str, str]:
    """Letters for letters and digits for digits; each code another one."""
    drawn: dict[str, str] = {}
    for token in tokens:
        while (new := _like(token, dice)) in {*taken, *drawn.values()}:
            pass
        drawn[token] = new
    return drawn


def _like(token: str, dice: random.Random) -> str:
    letters, digits = "ABCDEFGHKLMNPRSTUVWX", "123456789"
    return "".join(
        dice.choice(digits) if c.isdigit() else dice.choice(letters) if c.isupper() else c
        for c in token
    )


DRAW = {
    "day": _days,
    "percent": _percents,
    "number": _numbers,
    "year": _years,
    "time": _times,
    "code": _codes,
    "label": _codes,
}

# --- names ----------------------------------------------------------------------------------------

NAME = re.compile(r"\b[A-Z][a-z]{3,}\b")
# begin with a capital wherever they stand, and are nobody's
COMMON = re.compile(rf"(?:{MONTH}|\w+days?|English|Lent|Easter|Christmas|Latin|Section|Form|Room)$")

HARD_TO_SAY = re.compile(r"[^aeiouy]{4}|[aeiou]{3}|(.)\1\1|^[^aeiouy]{3}|[^aeiouy]{3}$")


def words_of(texts: Sequence[str]) -> set[str]:
    """All words that are written small somewhere in these texts."""
    return set(re.findall(r"\b[a-z][a-z]+\b", "\n".join(texts)))


def names_of(texts: Sequence[str], words: Collection[str] = ()) -> list[str]:
    """The proper names of a world: words that begin with a capital within a sentence, and are
    written small neither in it nor among further words ("Mill" and "Long" are no names)."""
    small = words_of(texts) | set(words)
    inside = re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{3,}\b", "\n".join(texts))
    return sorted({n for n in inside if n.lower() not in small and not COMMON.match(n)})


def new_names(names: Sequence[str], pool: Sequence[str], dice: random.Random) -> dict[str, str]:
    """Each name -> one made of the beginning of one name of the pool and the end of another."""
    drawn: dict[str, str] = {}
    for name in names:
        for _ in range(50):
            first, second = dice.choice(pool), dice.choice(pool)
            new = first[: (len(first) + 1) // 2] + second[len(second) // 2 :]
            odd = HARD_TO_SAY.search(new.lower()) or new in pool or new in drawn.values()
            if 4 <= len(new) <= 11 and not odd:
                drawn[name] = new
                break
    return drawn


def renamed(text: str, names: Mapping[str, str], small: bool = False) -> str:
    """The text with each of these names replaced, wherever it is a whole word. small: also where it
    is written without its capital, as people type questions."""
    text = NAME.sub(lambda m: names.get(m[0], m[0]), text)
    if not small:
        return text
    typed = {name.lower(): new.lower() for name, new in names.items()}
    return re.sub(r"\b[a-z]{4,}\b", lambda m: typed.get(m[0], m[0]), text)
