"""What does a reader practise on? Questions about invented worlds, in the very form in which a
question about the handbook is asked: windows under header lines, who asks and when, and beside the
right passage the ones that the search really returns.

    worlds = load_worlds()                        # pages with questions, written by hand
    rows = draw_rows(worlds, found, "train", 0)   # epoch 0; epoch 1 has other numbers and names

    ALONE   one passage, the right one: what the reader trains on, for it is asked that way, and
            whether the passage is the right one, the search and a threshold say
    SHARES  40 % one passage, 40 % two or three, 20 % four to six; a quarter of these refused: what
            the dev rows hold

Pages that hold in one region or since one date get a sibling for another region or an older one,
with numbers of its own: then the header decides, and who asks.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from helpers.core import settings
from helpers.core.cases import Passage
from helpers.data.handbook import Document, FrontMatter
from helpers.data.reading import REFUSAL, Reading, holds
from helpers.data.redraw import TOKEN, Redrawn, names_of, new_names, renamed, words_of
from helpers.retrieval.context import day, in_force
from helpers.retrieval.sentences import Unit, in_one_line, units_of, window

BUILD = settings.DATA / "build"
FILES = ("reading_worlds.jsonl", "reading_worlds_2.jsonl")
FOUND = BUILD / "reading_found.json"
# none of their passages is ever trained on: the two of the first reader, and three of the new ones
DEV_WORLDS = frozenset(
    {
        "Orrinfell Observatory",
        "Sundrake Post",
        "Drumsallow Seed Potato Growers",
        "Fennmarch Telecom",
        "Pennywort Lane Veterinary Clinic",
    }
)
Kind = Literal["alone", "alone refused", "few", "few refused", "many", "many refused"]
# of a hundred rows
SHARES: dict[Kind, int] = {
    "alone": 20,
    "alone refused": 20,
    "few": 30,
    "few refused": 10,
    "many": 15,
    "many refused": 5,
}
# what the reader that `asking` calls is trained on: it reads one passage at a time
ALONE: dict[Kind, int] = {"alone": 100}
SIZES = {"alone": (1, 1), "few": (2, 3), "many": (4, 6)}
WINDOW_TOKENS = (48, 80)
# of a thing or an event there is only one, wherever one asks: they get no sibling elsewhere
ONLY_ONE = {"encyclopaedia", "log", "minutes", "letter", "mail"}
SIBLING_SHARE, VERSION_SHARE = 0.3, 0.2  # of rows that can; of siblings those by date, not region
COUNTRIES = [
    *("Austria", "Canada", "Chile", "Denmark", "Finland", "France", "Germany", "Ireland", "Italy"),
    *("Japan", "New Zealand", "Norway", "Poland", "Portugal", "Spain", "Sweden", "United Kingdom"),
]
ROLES = [
    *("Clerk", "Driver", "Guide", "Shop assistant", "Volunteer", "Office manager", "Technician"),
    *("Team leader", "Trainee", "Night porter", "Bookkeeper", "Caretaker", "Storekeeper"),
    *("Duty officer", "Contractor", "Planner"),
]
NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|half|twice|twenty)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Page:
    """One hand-written passage of a world, as a document, with its questions."""

    document: Document
    world: str
    questions: tuple[dict[str, str], ...]  # question, answer, quote
    genre: str = ""

    @functools.cached_property
    def units(self) -> list[Unit]:
        return units_of(self.document)

    def unit_of(self, quote: str) -> int:
        """The sentence or row that holds most of a quote."""
        start = self.document.text.index(quote)
        end = start + len(quote)
        shared = [min(u.end, end) - max(u.start, start) for u in self.units]
        return shared.index(max(shared))


def load_worlds() -> list[Page]:
    """All pages of all worlds. The first day of each is drawn once, by its title."""
    pages = []
    for name in FILES:
        for line in (BUILD / name).read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            dice = random.Random(f"{row['world']} {row['title']}")
            meta = FrontMatter(
                id=f"page-{len(pages)}",
                policy=f"page-{len(pages)}",
                title=row["title"],
                section=row["world"],
                owner=row["world"],
                version=1,
                effective_from=dt.date(2023, 1, 1) + dt.timedelta(days=dice.randrange(1_000)),
                supersedes=None,
                audience=["staff"],
                region="all",
            )
            document = Document(meta, row["text"], BUILD / name)
            genre = row.get("genre", "")
            pages.append(Page(document, row["world"], tuple(row["qa"]), genre))
    return pages


# question -> [page, unit] of each window that the search returns for it, best first
Found = Mapping[str, Sequence[Sequence[int]]]


def load_found() -> Found:
    return json.loads(FOUND.read_text(encoding="utf-8"))


@dataclass
class Redraw:
    """All that is drawn anew in one epoch: names and title numbers of a world once, the numbers of
    a page once, and once more for each sibling of it."""

    pages: Sequence[Page]
    epoch: int
    worlds: dict[str, tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)
    drawn: dict[tuple[str, int], Rewrite] = field(default_factory=dict)

    @functools.cached_property
    def pool(self) -> list[str]:
        """Proper names of all worlds, from which new ones are made."""
        return sorted({name for texts in self._texts.values() for name in self._names(texts)})

    def _names(self, texts: Sequence[str]) -> list[str]:
        return names_of(texts, self._words)

    @functools.cached_property
    def _words(self) -> set[str]:
        """Words that are written small in some world or question: no names anywhere."""
        written = words_of([text for texts in self._texts.values() for text in texts])
        return written | {word for word, worlds in self._asking.items() if len(worlds) > 1}

    @functools.cached_property
    def _asking(self) -> dict[str, set[str]]:
        """Word of a question -> the worlds in whose questions it stands."""
        found: dict[str, set[str]] = {}
        for page in self.pages:
            for qa in page.questions:
                for word in words_of([qa["question"]]):
                    found.setdefault(word, set()).add(page.world)
        return found

    @functools.cached_property
    def _texts(self) -> dict[str, list[str]]:
        texts: dict[str, list[str]] = {}
        for page in self.pages:
            texts.setdefault(page.world, []).append(f"{page.document.title}\n{page.document.text}")
        return texts

    def world(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """(names, numbers in titles) of a world, old -> new."""
        if name not in self.worlds:
            dice = random.Random(f"{self.epoch} {name}")
            titles = [page.document.title for page in self.pages if page.world == name]
            names = new_names(self._names(self._texts[name]), self.pool, dice)
            self.worlds[name] = names, dict(Redrawn.of(titles, dice).tokens)
        return self.worlds[name]

    def of(self, page: Page, sibling: int = 0, as_written: bool = False) -> Rewrite:
        names, titles = self.world(page.world)
        if as_written:
            return Rewrite(names, Redrawn({}))
        if (key := (page.document.id, sibling)) not in self.drawn:
            dice = random.Random(f"{self.epoch} {page.world} {page.document.title} {sibling}")
            text = [page.document.title, page.document.text]
            self.drawn[key] = Rewrite(names, Redrawn.of(text, dice, titles))
        return self.drawn[key]


@dataclass(frozen=True)
class Rewrite:
    """A text of one page with its new numbers, codes and names."""

    names: Mapping[str, str]
    numbers: Redrawn

    def __call__(self, text: str, typed: bool = False) -> str:
        """typed: by a person who may leave out capitals, in a question."""
        return renamed(self.numbers(text), self.names, typed)


@dataclass(frozen=True)
class Shown:
    """A window as a row shows it, and which characters of which page it is."""

    page: Page
    at: Passage
    title: str
    text: str

    def has(self, answer: str) -> bool:
        return holds({"title": self.title, "text": self.text}, answer)


def show(
    page: Page,
    unit: int,
    rewrite: Rewrite,
    tokens: int,
    region: str | None = None,
    since: dt.date | None = None,
    under_world: bool = False,
) -> Shown:
    """The window around a unit, rewritten, under the header line of the serving format."""
    at = window(page.units, unit, tokens)
    first = next(u for u in page.units if u.start == at.start)
    title = " › ".join([*([page.world] if under_world else []), page.document.title])
    since = since or page.document.meta.effective_from
    header = in_one_line([title, *([region] if region else []), in_force(since)], first.columns)
    # a date in a header is no number of the page
    line, _, columns = header.partition("\n")
    rewritten = (
        rewrite(title) + line.removeprefix(title) + (f"\n{rewrite(columns)}" * bool(columns))
    )
    return Shown(page, at, rewritten, rewrite(at.text))


class Draw:
    """The rows of one epoch."""

    def __init__(self, pages: Sequence[Page], found: Found, epoch: int):
        self.pages, self.found, self.redraw = pages, found, Redraw(pages, epoch)

    def row(self, page: Page, qa: Mapping[str, str], kind: Kind, dice: random.Random) -> Row | None:
        """One row, or None where none of this kind can be made of this question."""
        size = dice.randint(*SIZES[kind.split()[0]])
        refused = kind.endswith("refused")
        known = {m[0] for m in TOKEN.finditer(f"{page.document.title}\n{page.document.text}")}
        asked = {m[0] for m in TOKEN.finditer(qa["question"])}
        # "Groups of more than 14", asked for 20 people: with other numbers it would be another case
        bound = bool(asked - known) or bool(NUMBER_WORD.search(qa["question"]))
        mine = self.redraw.of(page, as_written=bound)
        other = self.redraw.of(page, sibling=1)
        question, answer = mine(qa["question"], typed=True), mine(qa["answer"])
        home, abroad = dice.sample(COUNTRIES, 2)
        as_of = dt.date(2025, 6, 1) + dt.timedelta(days=dice.randrange(500))
        since = page.document.meta.effective_from
        tokens, unit = dice.randint(*WINDOW_TOKENS), page.unit_of(qa["quote"])
        under = dice.random() < 0.5
        asker_at = home
        region = home if dice.random() < 0.25 else None
        right = show(page, unit, mine, tokens, region, since, under)
        sibling: Shown | None = None
        can = not bound and page.genre not in ONLY_ONE and other(qa["answer"]) != answer
        if can and dice.random() < SIBLING_SHARE:
            if dice.random() < VERSION_SHARE and kind != "alone refused":
                older = since - dt.timedelta(days=dice.randrange(90, 900))
                sibling = show(page, unit, other, tokens, region, older, under)
            else:
                right = show(page, unit, mine, tokens, home, since, under)
                sibling = show(page, unit, other, tokens, abroad, since, under)
                if dice.random() < 0.25:  # the question says where; whoever asks sits elsewhere
                    asker_at = abroad
                    question = _about(question, home, dice)
        if right.text.count(answer) != 1 or (sibling and sibling.has(answer)):
            return None
        near = [sibling] if sibling else []
        # the search really returns these; and the windows beside the right one on its own page
        for at, number in self.found.get(qa["question"], ()):
            rival = self.pages[at]
            rewrite = mine if rival is page else self.redraw.of(rival)
            where = home if region and dice.random() < 0.3 else None
            near.append(show(rival, number, rewrite, tokens, where, None, under))
        chosen: list[Shown] = []
        for one in near:
            apart = all(one.text != other.text for other in (right, *chosen))
            if apart and not one.has(answer) and not self._holds_quote(one, page, qa, sibling):
                chosen.append(one)
        chosen = chosen[: size - (not refused)]
        if len(chosen) < size - (not refused):
            return None
        dice.shuffle(chosen)
        cite = None if refused else dice.randint(1, size)
        if cite:
            chosen.insert(cite - 1, right)
        site = renamed(dice.choice(self.redraw.pool), self.redraw.world(page.world)[0])
        who = f"Asked by: {dice.choice(ROLES)}, {site} ({asker_at}), on {day(as_of)}"
        return Row(chosen, question, who, REFUSAL if refused else answer, cite, kind, page.world)

    def _holds_quote(self, one: Shown, page: Page, qa: Mapping[str, str], sibling) -> bool:
        if one is sibling or one.page is not page:
            return False
        start = page.document.text.index(qa["quote"])
        return one.at.start < start + len(qa["quote"]) and start < one.at.end


def _about(question: str, country: str, dice: random.Random) -> str:
    """The question with the region that it is about."""
    form = dice.choice(("{q} ({c})", "In {c}: {q}", "{c} - {q}", "{q} It is about {c}."))
    return form.format(q=question, c=country)


@dataclass(frozen=True)
class Row:
    shown: Sequence[Shown]
    question: str
    asked_by: str
    answer: str
    cite: int | None
    kind: Kind
    world: str

    def as_json(self, id: str) -> dict[str, Any]:
        return {
            "id": id,
            "passages": [{"title": one.title, "text": one.text} for one in self.shown],
            "question": self.question,
            "answer": self.answer,
            "cite": self.cite,
            "world": self.world,
            "source": "generated from hand-written passages",
            "labelled_by": "written",
            "licence": "CC-BY-4.0",
            "asked_by": self.asked_by,
            "kind": self.kind,
        }

    def as_reading(self, id: str) -> Reading:
        passages = tuple(
            Passage(f"{self.world} / {id} / {n}", one.title, 0, len(one.text), one.text)
            for n, one in enumerate(self.shown, start=1)
        )
        return Reading(
            id, self.question, passages, self.answer, self.cite, self.world, self.asked_by
        )


def draw_rows(
    pages: Sequence[Page],
    found: Found,
    split: Literal["train", "dev"],
    epoch: int = 0,
    shares: Mapping[Kind, int] = SHARES,
) -> list[Row]:
    """The rows of one split and epoch, one a question where one can be made, in a drawn order. Dev
    has worlds of its own; the same epoch gives the same rows. shares: of a hundred rows."""
    draw = Draw(pages, found, epoch)
    asked = [
        (page, qa)
        for page in pages
        if (page.world in DEV_WORLDS) == (split == "dev")
        for qa in page.questions
    ]
    dice = random.Random(f"{split} {epoch}")
    dice.shuffle(asked)
    deck: list[Kind] = []
    rows = []
    for page, qa in asked:
        if not deck:
            deck = _deck(shares, dice)
        kind = deck.pop()
        if row := draw.row(page, qa, kind, random.Random(f"{epoch} {page.world} {qa['question']}")):
            rows.append(row)
        else:
            deck.insert(dice.randint(0, len(deck)), kind)  # for another question
    return rows


def readings(
    split: Literal["train", "dev"], epoch: int = 0, shares: Mapping[Kind, int] = SHARES
) -> list[Reading]:
    """The rows of one split and epoch as a reader is shown them, made of what lies in build/."""
    rows = draw_rows(load_worlds(), load_found(), split, epoch, shares)
    return [row.as_reading(f"next-{split}-{epoch}-{i:04d}") for i, row in enumerate(rows, 1)]


def _deck(shares: Mapping[Kind, int], dice: random.Random) -> list[Kind]:
    """A hundred kinds, in the shares that were decided."""
    deck = [kind for kind, count in shares.items() for _ in range(count)]
    dice.shuffle(deck)
    return deck
