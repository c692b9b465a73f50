"""What is each row of a user's questions: a case, or a fault with its line and reason?

    cases = question_cases("questions.csv", rows, documents, names, today, {}, faults)

What a row lacks is said once a row; what many rows share, once.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from helpers.commands.assess.quotes import placed
from helpers.core.cases import Ask, Case, Evidence, Gold
from helpers.core.records import Fault
from helpers.data.handbook import Document
from helpers.data.labelled_rows import LONGEST_INPUT_CHARS, family, torn, wrong_id, wrong_text
from helpers.data.row_formats import Numbered
from helpers.evaluation.scores import never_right
from helpers.evaluation.text import AllOf

# the group that may read a file without front matter, and that every user is in
EVERYBODY = "everybody"
LONGEST_QUESTION_CHARS = 4_000
MOST_ANSWERS = 100
SHOWN_GROUPS = 10


def question_cases(
    file: str,
    rows: Sequence[Numbered],
    documents: Sequence[Document],
    names: Mapping[str, Document],
    today: dt.date,
    judging: Mapping[str, Any],
    faults: list[Fault],
) -> list[Case]:
    """The rows that can be asked. names: what each document may be called (see `quotes.names_of`);
    judging: the options of `answer_correct`; faults: gets what cannot be used, and why."""
    reading = _Reading(file, documents, names, today, judging, faults)
    cases = [case for number, row in rows if (case := reading.case(number, row))]
    reading.say_what_is_shared()
    return cases


class _Reading:
    """The rows of one file, one after the other. Faults that many rows share are kept for the
    end."""

    def __init__(self, file, documents, names, today, judging, faults):
        self.file, self.names, self.today = file, names, today
        self.judging, self.faults = judging, faults
        every = {group for document in documents for group in document.meta.audience}
        self.groups = tuple(sorted({EVERYBODY, *every}))
        self.taken: dict[str, int] = {}  # id -> its row
        self.strange: dict[str, list[int]] = {}  # what is odd about groups -> rows
        self.unplaced: list[int] = []

    def case(self, number: int, row: dict[str, Any]) -> Case | None:
        """The row as a case; None where it cannot be asked, which is a fault then."""
        if found := list(_wrong_question(row, self.taken)):
            self._fault(number, *found)
            return None
        answers = _answers(row)
        possible, impossible = _possible(answers, self.judging)
        self._fault(number, *impossible)
        if answers and not possible:
            return None
        id = row.get("id", f"q-{number:04d}")
        self.taken[id] = number
        evidence = self._evidence(number, row)
        for reason in _strange_groups(row.get("groups") or [], self.groups):
            self.strange.setdefault(reason, []).append(number)
        kind = str(row.get("kind") or ("answerable" if possible else "to refuse"))
        ask = self._ask(id, row)
        return Case(ask, Gold(possible, evidence), kind, family(ask.input), "test")

    def _ask(self, id: str, row: dict[str, Any]) -> Ask:
        stated = row.get("groups")
        whose = self.groups if stated is None else tuple(sorted({EVERYBODY, *stated}))
        day = dt.date.fromisoformat(row["as_of"]) if row.get("as_of") else self.today
        return Ask(id, row["question"].strip(), whose, day)

    def _evidence(self, number: int, row: dict[str, Any]) -> tuple[Evidence, ...]:
        """The quotes with their places; nothing where one is lost. A context that came with the
        row, and that nobody called evidence, may be lost."""
        quotes = row.get("evidence") or []
        found, lost = placed(quotes, self.names)
        if all(one.get("optional") for one in quotes):
            self.unplaced += [number] * (bool(lost) and not found)
            return found
        so = "; the question counts, without this evidence"
        self._fault(number, *(("evidence", reason + so) for reason in lost))
        return () if lost else found

    def _fault(self, number: int, *found: tuple[str, str]) -> None:
        self.faults += [Fault(self.file, number, *one) for one in found]

    def say_what_is_shared(self) -> None:
        """Once what several rows have in common."""
        so = "; the question counts, and finds nothing by this group"
        for reason, rows in self.strange.items():
            more = f"; {len(rows) - 1} more lines say the same" if rows[1:] else ""
            self._fault(rows[0], ("groups", reason + so + more))
        if self.unplaced:
            many = "questions" if self.unplaced[1:] else "question"
            reason = (
                f"the context of {len(self.unplaced):,} {many} stands in no document: put the texts"
                " into documents/; the questions count, without evidence"
            )
            self._fault(self.unplaced[0], ("evidence", reason))


def _parts(row: dict[str, Any]) -> list[Any]:
    """The parts of `must_contain`; one part may be a text of its own."""
    parts = row.get("must_contain")
    return [parts] if isinstance(parts, str) else parts


def _refused(row: dict[str, Any]) -> bool:
    """Is the question marked as one without an answer? What stands in `answers` is then what the
    refusal might say."""
    return row.get("answerable") is False or row.get("is_impossible") is True


def _answers(row: dict[str, Any]) -> list[str]:
    """What counts as right: the parts together, and each of the answers; nothing where it should
    be refused."""
    if _refused(row):
        return []
    parts = [AllOf(*_parts(row))] if "must_contain" in row else []
    return [*parts, *row.get("answers", [])]


def _possible(
    answers: Sequence[str], judging: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """(the answers that count, a fault for each that no reply can match). One that is only too long
    stays, for token F1."""
    good, faults = [], []
    for answer in answers:
        wordings = (
            [one for part in answer.parts for one in part]
            if isinstance(answer, AllOf)
            else [answer]
        )
        wrong = [(one, why) for one in wordings if (why := never_right(one, **judging))]
        if not wrong or "too long" in wrong[0][1]:
            good.append(answer)
        field = "must_contain" if isinstance(answer, AllOf) else "answers"
        faults += [(field, f"{one[:80]!r} can never be right: it {why}") for one, why in wrong]
    left_out = " The question was left out." if answers and not good else ""
    todo = (
        '; write what must be said, or "answerable": false where the question should be refused.'
        f"{left_out}"
    )
    return tuple(good), [(f, why if "too long" in why else why + todo) for f, why in faults]


def _wrong_question(row: dict[str, Any], taken: dict[str, int]):
    question, answers = row.get("question"), row.get("answers")
    if "id" in row and (wrong := wrong_id(row["id"], taken)):
        yield "id", wrong
    if not isinstance(question, str):
        yield (
            "question",
            (
                "is missing; it is the text that the system will see"
                if question is None
                else "must be a text"
            ),
        )
    elif wrong := wrong_text(question, LONGEST_QUESTION_CHARS):
        yield "question", wrong
    marks = {name: row[name] for name in ("answerable", "is_impossible") if name in row}
    for name, value in marks.items():
        if not isinstance(value, bool):
            yield name, "must be true or false"
    if marks.get("answerable") is True and marks.get("is_impossible") is True:
        yield "is_impossible", "contradicts 'answerable'; keep one of them"
    if marks.get("answerable") is True and answers == [] and "must_contain" not in row:
        yield "answerable", "says that there is an answer, and 'answers' is empty; add one"
    if "must_contain" in row and not (
        isinstance(parts := _parts(row), list)
        and 0 < len(parts) <= MOST_ANSWERS
        and all(
            isinstance(p, str)
            and len(p) <= LONGEST_INPUT_CHARS
            and not torn(p)
            and any(w.strip() for w in p.split("|"))
            for p in parts
        )
    ):
        yield (
            "must_contain",
            'must be a list of texts, each a part that must be said, as ["2 days|two days"]',
        )
    # where parts or a refusal say what is right, there may be no answers
    if answers is None and ("must_contain" in row or _refused(row)):
        answers = []
    if (
        not isinstance(answers, list)
        or len(answers) > MOST_ANSWERS
        or not all(
            isinstance(a, str) and a.strip() and len(a) <= LONGEST_INPUT_CHARS and not torn(a)
            for a in answers
        )
    ):
        yield (
            "answers",
            (
                "must be a list of texts, each a wording that counts as right; [] where the"
                " question should be refused"
            ),
        )
    evidence = row.get("evidence") or []
    if not isinstance(evidence, list) or not all(
        isinstance(e, dict)
        and isinstance(e.get("doc", ""), str)
        and isinstance(e.get("quote"), str)
        and e["quote"].strip()
        for e in evidence
    ):
        yield "evidence", 'must be a list of {"doc": …, "quote": …}'
    groups = row.get("groups")
    if groups is not None and not (
        isinstance(groups, list) and all(isinstance(g, str) and g.strip() for g in groups)
    ):
        yield "groups", "must be a list of texts: the groups that the user is in"
    if row.get("as_of") is not None and not _is_day(row["as_of"]):
        yield "as_of", "must be a day, as 2026-03-02"


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(dt.date.fromisoformat(value))
    except ValueError:
        return False


def _strange_groups(stated: Sequence[str], known: Sequence[str]) -> list[str]:
    """Which of a question's groups are spelt otherwise in the documents, or, where none of them is
    named there, which are named instead? A user may well be in groups that no document names."""
    others = {group.casefold(): group for group in known if group != EVERYBODY}
    found = []
    for group in dict.fromkeys(stated):
        if group in known:
            continue
        near = difflib.get_close_matches(group.strip().casefold(), others, 1, 0.8)
        if near:
            found.append(f"{group[:200]!r} is named by no document; there is {others[near[0]]!r}")
        elif others and not set(stated) & set(known):
            there = ", ".join(list(others.values())[:SHOWN_GROUPS])
            found.append(f"{group[:200]!r} is named by no document; there are {there}")
    return found
