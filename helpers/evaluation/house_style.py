"""Does a reply sound like the company? Written rules (labs_data/style/GUIDE.md), one small function
each: no judge, no opinion.

What a model is shown is a small fixed layout: who writes, the question, and the facts that the
reply must use. It needs no knowledge, only manners. A reply is right when it keeps all rules;
`STYLE` is the task for `evaluate`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from helpers.core import settings
from helpers.core.cases import Ask, Case, Gold, Prediction
from helpers.core.records import DataError, Row, read_rows
from helpers.evaluation.evaluator import Task
from helpers.evaluation.text import holds, tokens

GREETING, SIGN_OFF = "Hello", "Your neighbours at Brindlemark"
LONGEST_REPLY_WORDS = 60  # greeting and sign-off included
LONGEST_SENTENCE_WORDS = 20
# What customers say (left) and what we say. "Return" means a parcel to some and money to others:
# the device is a homecomer, the money a refund.
VOCABULARY = {
    "app": "Almanac",
    "controller": "Sprig",
    "weather station": "Gale",
    "drip hose": "Dewline",
    "return": "homecomer (the device), refund (the money)",
    "schedule": "watering programme",
    "power supply": "mains adapter",
    "charger": "mains adapter",
    "battery": "battery pack",
    "subscription": "plan",
    "guarantee": "warranty",
    "forum": "the Allotment",
    "manager": "desk captain",
    "supervisor": "desk captain",
    "support team": "the desk",
    "customer service": "the desk",
    "courier": "carrier",
    "package": "parcel",
    "reboot": "restart",
    "yard": "garden",
}
FORM_LETTER = (
    "unfortunately",
    "as per",
    "kindly",
    "valued",
    "dear",
    "inconvenience",
    "hesitate",
    "please be advised",
    "we regret",
)
SOMETIME = (
    "soon",
    "shortly",
    "asap",
    "as quickly as possible",
    "in due course",
    "in the near future",
    "immediately",
    "promptly",
)
UNITS = (
    "second|minute|hour|day|week|month|year|January|February|March|April|May|June|July|August"
    "|September|October|November|December|"
    "GBP|EUR|CAD|pence|cent|per|kg|g|gram|metre|centimetre|millimetre|mm|cm|m|km|W|watt|V|volt"
    "|A|amp|Nm|degree|C|"
    "device|zone|people|programme|station|photograph|bill|pack|time|blink|report|mark|letter"
)
UNIT = f"(?:{UNITS})s?"
NUMBER = r"-?\d+(?:[.,]\d+)*"
# a number that is part of a name needs no unit: "Sprig 8", "HC 40718"
NAMED = r"(?:Sprig|zone|order|number|step|type|HC|IP|GA|SR)"
MEASURED = re.compile(
    rf"\b{NAMED}[ -]?{NUMBER}|\d{{1,2}}:\d{{2}}|\b[A-Z]{{2,3}}-?\d+|(?<![\w.,-]){NUMBER}(?:"
    rf" (?:to|and|or) {NUMBER})?(?: (?:working|extra|helpful|watering))? ?°?{UNIT}\b"
)
CONTRACTED = re.compile(
    r"\b\w+n't\b|\b\w+'(?:ll|re|ve|m|d)\b|\b(?:it|that|there|here|what|who|where|how|he|she|let"
    r"|one|everything)'s\b",
    re.IGNORECASE,
)
APOLOGY = re.compile(r"\b(?:sorry|apolog\w+|forgive|regret\w*)\b", re.IGNORECASE)
EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")


# The guide as a prompt: every rule in a line, as one would tell a new colleague. TUNED is what a
# tuned model still needs to be told.
GUIDE = f"""You answer customers of Brindlemark. Write the reply and nothing else.
- First line: "{GREETING}", the customer's first name, a comma. Last line: "{SIGN_OFF}".
- Between them one paragraph of at most three short sentences, no list. The first one already \
answers. Use every fact, word for word.
- No number that is not in the facts; every number with its unit in words.
- Say "do not", never "don't". No exclamation mark. At most one apology.
- Say Almanac (not app), Sprig (not controller), Gale (not weather station), Dewline (not drip \
hose), refund or homecomer (not return).
- Never "unfortunately", "kindly" or "soon"."""
TUNED = "Reply in house style."


class Fact(NamedTuple):
    """One thing that the reply must use: what it is about, and the value, which must stand in the
    reply word for word."""

    label: str
    value: str


class Brief(NamedTuple):
    """What the writer of a reply is given."""

    name: str
    question: str
    facts: tuple[Fact, ...]

    def __str__(self) -> str:
        return "\n".join(
            [
                f"From: {self.name}",
                f"Question: {self.question}",
                "Facts:",
                *(f"- {label}: {value}" for label, value in self.facts),
            ]
        )

    def as_reply(self) -> str:
        """The baseline without skill: greeting, the facts one after the other, sign-off."""
        return "\n".join(
            [
                f"{GREETING} {self.name},",
                *(f"{label[0].upper()}{label[1:]}: {value}." for label, value in self.facts),
                SIGN_OFF,
            ]
        )


LAYOUT = re.compile(
    r"From: (\S[^\n]*)\nQuestion: (\S[^\n]*)\nFacts:\n((?:- [^\n:]+: [^\n]+(?:\n|\Z))+)"
)


def read_brief(text: str) -> Brief:
    """The input of a row, taken apart. Raises ValueError when it does not keep the layout."""
    found = LAYOUT.fullmatch(text)
    if not found:
        raise ValueError(
            "the input must be 'From: …', 'Question: …', 'Facts:' and lines '- what: value',"
            " nothing else"
        )
    facts = (line.removeprefix("- ").split(": ", 1) for line in found[3].rstrip("\n").split("\n"))
    return Brief(found[1], found[2], tuple(Fact(*fact) for fact in facts))


# --- the rules: text and brief in, kept or not out ------------------------------------------------


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n") if line.strip()]


def body(text: str) -> str:
    """What is between the greeting and the sign-off. A greeting that runs on ("Hello Maren,
    your …") belongs to it."""
    return " ".join(
        line
        for line in _lines(text)
        if not re.fullmatch(rf"{GREETING}\b[^.!?,]*,", line) and line != SIGN_OFF
    )


def sentences(text: str) -> list[str]:
    """The sentences of the body. A full stop inside a number (9.30) ends none."""
    return [s for s in re.split(r"(?<=[.?!])\s+", body(text)) if s]


def _says(text: str, phrases: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) for phrase in phrases)


def greets_by_name(text: str, brief: Brief) -> bool:
    """The first line is "Hello Maren," and nothing else."""
    return _lines(text)[:1] == [f"{GREETING} {brief.name},"]


def signs_off(text: str, brief: Brief) -> bool:
    """The last line is "Your neighbours at Brindlemark", and it comes once."""
    return _lines(text)[-1:] == [SIGN_OFF] and text.count(SIGN_OFF) == 1


def answers_first(text: str, brief: Brief) -> bool:
    """The first sentence already uses a fact: no preamble."""
    return bool(sentences(text)) and any(
        holds(sentences(text)[0], [fact.value]) for fact in brief.facts
    )


def uses_every_fact(text: str, brief: Brief) -> bool:
    """Every fact's value is in the body as it was given."""
    return all(holds(body(text), [fact.value]) for fact in brief.facts)


def adds_no_number(text: str, brief: Brief) -> bool:
    """Every number was given: in a fact or in the question."""
    given = {token for token in tokens(str(brief)) if token[-1].isdigit()}
    return {token for token in tokens(text) if token[-1].isdigit()} <= given


def gives_units(text: str, brief: Brief) -> bool:
    """Every number has its unit in words or letters ("37 days", "9.30 GBP"), is a clock time or
    part of a name; no %, £, € or $."""
    return not re.search(r"\d", MEASURED.sub(" ", body(text))) and not re.search("[%£€$]", text)


def is_short(text: str, brief: Brief) -> bool:
    """At most 60 words, and there is a body."""
    return bool(body(text)) and len(text.split()) <= LONGEST_REPLY_WORDS


def is_prose(text: str, brief: Brief) -> bool:
    """The body is one paragraph of whole sentences: no list, no "what: value", and an end to the
    last one."""
    lines = [line for line in _lines(text)[1:-1] if line != SIGN_OFF]
    return (
        len(lines) == 1
        and lines[0].endswith((".", "?", "!"))
        and not re.search(r":(?!\d)|;|^[-*•\d]", lines[0])
    )


def has_short_sentences(text: str, brief: Brief) -> bool:
    """No sentence has more than 20 words."""
    return all(len(sentence.split()) <= LONGEST_SENTENCE_WORDS for sentence in sentences(text))


def has_no_contraction(text: str, brief: Brief) -> bool:
    """Words in full: "do not", "it is", "we will": never "don't", "it's", "we'll"."""
    return not CONTRACTED.search(text.replace("’", "'"))


def stays_calm(text: str, brief: Brief) -> bool:
    """No exclamation mark, no emoji, no word in capitals for stress."""
    return (
        "!" not in text
        and not EMOJI.search(text)
        and not re.search(r"\b(?:NOT|NEVER|ALWAYS|MUST|VERY|PLEASE)\b", text)
    )


def uses_house_words(text: str, brief: Brief) -> bool:
    """None of the customers' words for our things (left column of the vocabulary), singular or
    plural."""
    plain = re.sub(r"\bbattery packs?\b", " ", body(text), flags=re.IGNORECASE)
    words = [
        form
        for word in VOCABULARY
        for form in (
            word,
            f"{word}s",
            f"{word}ed",
            f"{word}ing",
            word.removesuffix("y") + "ies",
            word.removesuffix("e") + "es",
        )
    ]
    return not _says(plain, tuple(words))


def is_no_form_letter(text: str, brief: Brief) -> bool:
    """None of the phrases of a form letter: "unfortunately", "as per", "kindly", "valued", "do not
    hesitate"."""
    return not _says(text, FORM_LETTER)


def says_when(text: str, brief: Brief) -> bool:
    """A day or a time, never "soon" or "as quickly as possible"."""
    return not _says(text, SOMETIME)


def apologises_once(text: str, brief: Brief) -> bool:
    """At most one apology."""
    return len(APOLOGY.findall(text)) <= 1


RULES: dict[str, Callable[[str, Brief], bool]] = {
    "greeting": greets_by_name,
    "sign-off": signs_off,
    "answer first": answers_first,
    "every fact": uses_every_fact,
    "no other number": adds_no_number,
    "units": gives_units,
    "whole sentences": is_prose,
    "short": is_short,
    "short sentences": has_short_sentences,
    "no contraction": has_no_contraction,
    "calm": stays_calm,
    "house words": uses_house_words,
    "no form letter": is_no_form_letter,
    "says when": says_when,
    "one apology": apologises_once,
}


def rules_kept(text: str, brief: Brief) -> dict[str, bool]:
    """Which rules does a reply keep? An empty reply keeps none: saying nothing is no style."""
    return {name: bool(text.strip()) and rule(text, brief) for name, rule in RULES.items()}


# --- the task -------------------------------------------------------------------------------------


def style_scores(prediction: Prediction, gold: Gold) -> dict[str, object]:
    """Every rule, kept or not; the share of rules kept; the share of facts used; words. A breakdown
    keeps no rule."""
    text, brief = "" if prediction.error else prediction.text, read_brief(gold.output["brief"])
    rules = rules_kept(text, brief)
    facts = sum(holds(body(text), [fact.value]) for fact in brief.facts) / len(brief.facts)
    return rules | {
        "rules_kept": sum(rules.values()) / len(rules),
        "facts_used": facts,
        "words": len(text.split()),
    }


def style_correct(prediction: Prediction, gold: Gold) -> bool:
    """All rules kept, which includes that every fact is used."""
    return prediction.error is None and all(
        rules_kept(prediction.text, read_brief(gold.output["brief"])).values()
    )


STYLE = Task("house style", style_correct, style_scores)


# --- the rows -------------------------------------------------------------------------------------


class StyleRow(Row):
    """One line of labs_data/style/*.jsonl: a brief in its layout, and a reply that keeps every
    rule."""

    id: str
    input: str = Field(min_length=1)
    output: str = Field(min_length=1)
    source: Literal["written"]
    labelled_by: Literal["written"]
    licence: str


def why_wrong(row: dict) -> Iterator[tuple[str, str]]:
    """What does a row promise and not keep? (field, message) for each; the row already fits
    `StyleRow`."""
    try:
        brief = read_brief(row["input"])
    except ValueError as error:
        yield "input", str(error)
        return
    for name, rule in RULES.items():
        if not rule(row["output"], brief):
            yield "output", f"breaks the rule '{name}': {' '.join((rule.__doc__ or '').split())}"


def load_style(split: Literal["train", "dev"], path: Path | None = None) -> list[Case]:
    """The house-style rows of one split as cases; `gold.output` holds the reply and the brief.
    Raises DataError with file, line and field."""
    path = path or settings.DATA / "style" / f"{split}.jsonl"
    cases = []
    for number, row in enumerate(read_rows(path, StyleRow), start=1):
        for field, message in why_wrong(row):
            raise DataError(f"{settings.shown(path)} line {number}: field '{field}': {message}")
        cases.append(
            Case(
                Ask(row["id"], row["input"]),
                Gold(output={"reply": row["output"], "brief": row["input"]}),
                row["source"],
                row["id"],
                split,
            )
        )
    return cases


def pairs(cases: Sequence[Case]) -> list[tuple[str, str]]:
    """(input, reply) of each case: examples and training rows."""
    return [(case.ask.input, case.gold.output["reply"]) for case in cases]
