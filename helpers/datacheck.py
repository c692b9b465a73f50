"""Is the data what it says it is? Every fault that can be found in labs_data, one line each: file, line, field, what to do.

The loaders stop at the first fault; here all are reported, and nothing in a file makes the check itself fail.

    python -m helpers.datacheck                     print the faults, exit 1 if there is any
    python -m helpers.datacheck --freeze "line"     lock the test files as they are; the line goes into CHANGELOG.md

No model is needed. (Texts that only mean the same are found by labs_data/build/leakage.py, which embeds them.)
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from helpers import settings, style
from helpers.cases import QuestionRow
from helpers.fact_rows import ASK, GENERAL, TRAIN, FactAskRow, FactRow, GeneralRow, wrongs
from helpers.reading import ReadingRow, answerable_refusals, why_wrong
from helpers.salvage import USERS, Doc, Fault, Placed, read_handbook, read_rows, read_users, shown
from helpers.scores import tokens
from helpers.tickets import TicketRow

QUESTIONS = ("questions/dev.jsonl", "questions/test.jsonl")
TICKETS = ("tickets/train.jsonl", "tickets/dev.jsonl", "tickets/test.jsonl")
READING = ("reading/train.jsonl", "reading/dev.jsonl")
FACTS = {f"facts/{TRAIN}": FactRow, f"facts/{ASK}": FactAskRow, f"facts/{GENERAL}": GeneralRow}
STYLE = ("style/train.jsonl", "style/dev.jsonl")
FROZEN = ("questions/test.jsonl", "tickets/test.jsonl")
# A test figure depends on the scorer as much as on the rows, so the code that judges is frozen with them.
HELPERS = Path(__file__).parent
SCORING = ("attribute.py", "compare.py", "evaluate.py", "ranking.py", "scores.py", "tickets.py")
LOCK, CHANGELOG = "frozen.lock", "CHANGELOG.md"
COPIED_WORDS = 6  # a run this long, shared by a question and its evidence, makes the question a quotation
LEAKED_WORDS = 8  # a run this long, shared by two splits, makes them one
REFUSED_KINDS = ("unanswerable", "ambiguous")


def check(root: Path = settings.DATA) -> list[Fault]:
    """Which faults does the data in this folder have? All that can be found, in order of file and line; none: []."""
    return _check(Path(root))[0]


def _check(root: Path) -> tuple[list[Fault], dict[str, int]]:
    faults: list[Fault] = []
    docs = read_handbook(root, faults)
    users = read_users(root, faults)
    rows = {name: read_rows(root, name, QuestionRow, faults) for name in QUESTIONS}
    rows |= {name: read_rows(root, name, TicketRow, faults) for name in TICKETS}
    rows |= {name: read_rows(root, name, ReadingRow, faults) for name in READING}
    rows |= {name: read_rows(root, name, schema, faults) for name, schema in FACTS.items()}
    rows |= {name: read_rows(root, name, style.StyleRow, faults) for name in STYLE}
    chains = list(check_versions(docs))
    broken = {doc.meta.policy for doc in docs.values() if doc.file in {fault.file for fault in chains}}
    questions, tickets = ([placed for name in names for placed in rows[name]] for names in (QUESTIONS, TICKETS))
    for found in (
        chains,
        check_audiences(docs, users),
        *(check_ids(placed) for placed in (questions, tickets, *([placed for name in names for placed in rows[name]] for names in (READING, STYLE, FACTS)))),
        *(check_question(placed, docs, users, broken) for placed in questions),
        check_families(questions),
        check_restricted(questions, docs, users),
        check_ticket_splits(*(rows[name] for name in TICKETS)),
        *(check_reading(rows[name]) for name in READING),
        check_facts({name.removeprefix("facts/"): rows[name] for name in FACTS}, rows[QUESTIONS[0]], rows[QUESTIONS[1]], docs, users),
        check_style(*(rows[name] for name in STYLE)),
        check_lock(root),
    ):
        faults += found
    return sorted(set(faults)), {"documents": len(docs)} | {name: len(placed) for name, placed in rows.items()}


# --- the handbook -------------------------------------------------------------------------------------------------------


def check_versions(docs: dict[str, Doc]) -> Iterator[Fault]:
    """Do the versions of every policy form one chain, each link newer and one higher than the link before?"""
    policies: dict[str, list[Doc]] = defaultdict(list)
    for doc in docs.values():
        policies[doc.meta.policy].append(doc)
    for policy, versions in policies.items():
        ids = {doc.meta.id: doc for doc in versions}
        superseded = {doc.meta.supersedes for doc in versions}
        newest = [doc for doc in versions if doc.meta.id not in superseded]
        missing = [doc for doc in versions if doc.meta.supersedes not in {None, *ids}]
        reached = set()
        for doc in newest:
            while doc and doc.meta.id not in reached:
                reached.add(doc.meta.id)
                doc = ids.get(doc.meta.supersedes)
        loop = sorted(set(ids) - reached)
        for doc in missing:
            told = f"there is no '{doc.meta.supersedes}' among the documents of policy '{policy}'; name the version before, or null"
            yield _at(doc, "supersedes", told)
        if loop:
            yield _at(ids[loop[0]], "supersedes", f"versions {', '.join(loop)} supersede each other in a loop; the oldest must say null")
        if len(newest) > 1 and not missing:
            both = " and ".join(sorted(doc.meta.id for doc in newest))
            yield _at(newest[-1], "supersedes", f"policy '{policy}' has two newest versions, {both}; each version is superseded once")
        for doc in versions:
            old = ids.get(doc.meta.supersedes)
            if doc.meta.id in loop:
                continue
            if old and doc.meta.version != old.meta.version + 1:
                yield _at(doc, "version", f"is {doc.meta.version}, but it supersedes version {old.meta.version}; numbers go up by 1")
            if old and doc.meta.effective_from <= old.meta.effective_from:
                yield _at(doc, "effective_from", f"{doc.meta.effective_from} is not later than that of '{old.meta.id}', which it supersedes")
            if doc.meta.supersedes is None and doc.meta.version != 1 and len(newest) == 1:
                yield _at(doc, "version", f"is {doc.meta.version}, but it supersedes nothing; the first version is 1")


def check_audiences(docs: dict[str, Doc], users: dict[str, set[str]] | None) -> Iterator[Fault]:
    """Is every group in an audience one that some role belongs to?"""
    known = set().union(*users.values()) if users else set()
    for doc in docs.values() if users else ():
        for group in doc.meta.audience:
            if group not in known:
                yield _at(doc, "audience", f"no role in {USERS} is in group '{group}'; there are {', '.join(sorted(known))}")


def _at(doc: Doc, field: str, message: str) -> Fault:
    return Fault(doc.file, doc.lines.get(field, 1), field, message)


# --- questions ----------------------------------------------------------------------------------------------------------


def check_ids(rows: Sequence[Placed]) -> Iterator[Fault]:
    """Is an id used twice, in one split or in two?"""
    seen: dict[str, Placed] = {}
    for file, line, row in rows:
        first = seen.setdefault(row["id"], Placed(file, line, row))
        if (first.file, first.line) != (file, line):
            yield Fault(file, line, "id", f"'{row['id']}' is already used in {first.file} line {first.line}; give it another")


def in_force(doc: Doc, docs: dict[str, Doc], day: dt.date) -> bool:
    """Was this the version to go by on that day? (Unpublished updates do not count.)"""
    same = (d.meta for d in docs.values() if d.published and d.meta.policy == doc.meta.policy)
    newer = [meta.effective_from for meta in same if meta.supersedes == doc.meta.id]
    return doc.published and doc.meta.effective_from <= day and all(day < start for start in newer)


def check_question(placed: Placed, docs: dict[str, Doc], users: dict[str, set[str]] | None, broken: Collection[str]) -> Iterator[Fault]:
    """What is wrong with one question, seen alone? Of policies whose chain of versions is `broken`, none can be called in force."""
    file, line, row = placed
    groups = users.get(row["asker"]) if users else None
    if users and groups is None:
        yield Fault(file, line, "asker", f"there is no '{row['asker']}' in {USERS}")
    if bool(row["answers"]) != bool(row["evidence"]):
        yield Fault(file, line, "answers" if row["evidence"] else "evidence", "answers and evidence go together: give both, or leave both empty")
    elif row["kind"] != "restricted" and bool(row["answers"]) == (row["kind"] in REFUSED_KINDS):
        yield Fault(file, line, "kind", f"'{row['kind']}' {'must be refused: leave answers and evidence empty' if row['answers'] else 'needs an answer'}")
    for i, evidence in enumerate(row["evidence"]):
        doc, field = docs.get(evidence["doc"]), f"evidence.{i}"
        if doc is None:
            yield Fault(file, line, f"{field}.doc", f"there is no document '{evidence['doc']}' in the handbook")
            continue
        if evidence["quote"] not in doc.text:
            holders = [d.meta.id for d in docs.values() if evidence["quote"] in d.text]
            hint = f"it stands in '{holders[0]}'" if holders else "quotes must match the text exactly"
            yield Fault(file, line, f"{field}.quote", f"not found in {doc.file}; {hint}")
            continue
        if groups is not None and not groups & set(doc.meta.audience):
            yield Fault(file, line, field, f"'{row['asker']}' may not read '{doc.meta.id}' (audience: {', '.join(doc.meta.audience)})")
        if doc.meta.policy not in broken and not in_force(doc, docs, row["as_of"]):
            yield Fault(file, line, field, f"'{doc.meta.id}' is not in force on {row['as_of']}; take the version that is, or another day")
        if copied := copied_run(row["question"], evidence["quote"]):
            yield Fault(file, line, "question", f"copies \"{copied}\" from its evidence; ask in other words")
    if row["answers"] and row["evidence"] and not any(stands_in(a, e["quote"]) for a in row["answers"] for e in row["evidence"]):
        yield Fault(file, line, "answers", f"none of {row['answers']} stands in the evidence as whole words; correct the answer or the quote")


def stands_in(answer: str, quote: str) -> bool:
    """Does the answer appear in the quote, by the same rule by which replies are scored?"""
    wanted, said = tokens(answer), tokens(quote)
    return bool(wanted) and any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1))


def words(text: str) -> list[str]:
    return re.findall(r"\d+(?:[.,:]\d+)*|[^\W_]+(?:['’][^\W_]+)*", text)


def runs(text: str, n: int) -> dict[tuple[str, ...], str]:
    """Every run of n words in lower case -> the same run as it is written."""
    found = words(text)
    return {tuple(w.lower() for w in found[i : i + n]): " ".join(found[i : i + n]) for i in range(len(found) - n + 1)}


def copied_run(question: str, quote: str) -> str | None:
    """A run of words that the question copies, if any. Names and numbers cannot be said otherwise, so a run of only these is no copy."""
    written = runs(quote, COPIED_WORDS)
    shared = (written[run] for run in runs(question, COPIED_WORDS) if run in written)
    return next((run for run in shared if not all(w[0].isupper() or w[0].isdigit() for w in run.split())), None)


def check_families(questions: Sequence[Placed]) -> Iterator[Fault]:
    """Does a family of paraphrases lie in two splits, so that dev would give test away? Is a question there twice?"""
    first: dict[str, Placed] = {}
    asked: dict[tuple, Placed] = {}
    for placed in questions:
        file, line, row = placed
        if first.setdefault(row["fact"], placed).file != file:
            yield Fault(file, line, "fact", f"'{row['fact']}' is also in {first[row['fact']].file} line {first[row['fact']].line}; keep a family in one split")
        same = asked.setdefault((plain(row["question"]), row["asker"], row["as_of"]), placed)
        if same is not placed:
            yield Fault(file, line, "question", f"{same.file} line {same.line} asks the same, by the same asker on the same day; remove one")


def check_restricted(questions: Sequence[Placed], docs: dict[str, Doc], users: dict[str, set[str]] | None) -> Iterator[Fault]:
    """Does every restricted question come twice: by one asker who may know, and by one who may not?"""
    pairs: dict[tuple, list[Placed]] = defaultdict(list)
    for placed in questions:
        if placed.row["kind"] == "restricted":
            pairs[placed.row["fact"], plain(placed.row["question"])].append(placed)
    for rows in pairs.values():
        told, refused = ([p for p in rows if bool(p.row["answers"]) is answered] for answered in (True, False))
        if not told or not refused:
            who = "may not read it (answers and evidence empty)" if told else "may read it (with answers and evidence)"
            yield Fault(rows[0].file, rows[0].line, "kind", f"restricted, but its counterpart is missing: the same question by an asker who {who}")
            continue
        needed = [docs[e["doc"]] for e in told[0].row["evidence"] if e["doc"] in docs]
        for file, line, row in refused:
            groups = (users or {}).get(row["asker"])
            if groups is not None and needed and all(groups & set(doc.meta.audience) for doc in needed):
                yield Fault(file, line, "asker", f"'{row['asker']}' may read '{needed[0].meta.id}', so the question cannot be refused")


# --- tickets, reading, lock ---------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text without case, spaces and punctuation, for "is this the same?"."""
    return " ".join(words(text.lower()))


def check_ticket_splits(train: Sequence[Placed], dev: Sequence[Placed], test: Sequence[Placed]) -> Iterator[Fault]:
    """Is a message, or a long run of its words, in two splits? The later of train, dev, test is blamed."""
    same: dict[str, Placed] = {}
    parts: dict[tuple[str, ...], Placed] = {}
    for split in (train, dev, test):
        own = [(placed, plain(placed.row["input"]), runs(placed.row["input"], LEAKED_WORDS)) for placed in split]
        for (file, line, row), text, its_runs in own:
            if other := same.get(text):
                how = "is the same" if other.row["input"] == row["input"] else "is the same but for case, spaces or punctuation"
                yield Fault(file, line, "input", f"{how} as {other.file} line {other.line}; write another message")
            elif run := next((run for run in its_runs if run in parts), None):
                other = parts[run]
                yield Fault(file, line, "input", f"shares \"{' '.join(run)}\" with {other.file} line {other.line}; write it in other words")
        same |= {text: placed for placed, text, _ in own}
        parts |= {run: placed for placed, _, its_runs in own for run in its_runs}


def check_reading(rows: Sequence[Placed]) -> Iterator[Fault]:
    """Does every answer stand in the cited passage and in no other, and can no refusal be answered?"""
    for file, line, row in rows:
        yield from (Fault(file, line, field, message) for field, message in why_wrong(row))
    for i, message in answerable_refusals([placed.row for placed in rows]):
        yield Fault(rows[i].file, rows[i].line, "cite", message)


def check_facts(rows: dict[str, list[Placed]], dev: Sequence[Placed], test: Sequence[Placed], docs: dict[str, Doc], users: dict[str, set[str]] | None) -> Iterator[Fault]:
    """Are trained and asked wordings apart, is what is trained right by dev, and does the canary stand nowhere else?"""
    answers = {placed.row["fact"]: placed.row["answers"] for placed in dev if placed.row["answers"]}
    asked = [placed.row["question"] for placed in (*dev, *test)]
    for found in wrongs(*([placed.row for placed in rows[name]] for name in (TRAIN, ASK, GENERAL)), answers, asked, {doc.file: doc.text for doc in docs.values()}):
        placed = rows[found.file][found.row]
        yield Fault(placed.file, placed.line, found.field, found.message)
    for placed in rows[ASK]:
        if users and placed.row["asker"] not in users:
            yield Fault(placed.file, placed.line, "asker", f"there is no '{placed.row['asker']}' in {USERS}")


def check_style(train: Sequence[Placed], dev: Sequence[Placed]) -> Iterator[Fault]:
    """Does every reply keep every rule of the house, and is no question, long run of words or fact with a number in both splits?"""
    for file, line, row in (*train, *dev):
        yield from (Fault(file, line, field, message) for field, message in style.why_wrong(row))
    yield from check_ticket_splits(train, dev, ())
    known: dict[str, Placed] = {}
    for placed in (*train, *dev):
        facts = re.findall(r"^- .*\d.*$", placed.row["input"], flags=re.MULTILINE)
        for other, fact in ((known.setdefault(fact, placed), fact) for fact in facts):
            if other.file != placed.file:
                yield Fault(placed.file, placed.line, "input", f"the fact \"{fact[2:]}\" is also in {other.file} line {other.line}; a fact stays in one split")


def sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def check_lock(root: Path) -> Iterator[Fault]:
    """Are the frozen files and the code that scores them what the lock says, and was the freeze announced?"""
    name, again = shown(root, root / LOCK), 'python -m helpers.datacheck --freeze "what changed, and why"'
    try:
        lock = json.loads((root / LOCK).read_text(encoding="utf-8"))
        line = lock["changelog"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield Fault(name, 0, "", f"cannot be used ({type(error).__name__}: {error}); freeze the test files: {again}")
        return
    for file in FROZEN:
        if (root / file).exists() and lock.get(file) != sha256(root / file):
            yield Fault(shown(root, root / file), 0, "", f"differs from {LOCK}: put it back, or, if the change is meant, run {again}")
    for file in SCORING:
        if lock.get(f"helpers/{file}") != sha256(HELPERS / file):
            yield Fault(f"helpers/{file}", 0, "", f"scores the test split and differs from {LOCK}: put it back, or, if the change is meant, run {again}")
    try:
        announced = (root.parent / CHANGELOG).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        announced = []
    if not str(line).strip() or line not in announced:
        yield Fault(name, 0, "changelog", f"the line {line!r} is not in {CHANGELOG}; put it back, or freeze again")


def freeze(line: str, root: Path = settings.DATA) -> None:
    """Lock the test files and the scoring code as they are now and announce it: the line becomes the last of CHANGELOG.md's newest section.

    Raises ValueError for an empty line, and for one that announced an earlier freeze of other content. Freezing again
    what is frozen already changes nothing.
    """
    entry = "- " + " ".join(line.split()).removeprefix("- ")
    changelog, hashes = root.parent / CHANGELOG, {file: sha256(root / file) for file in FROZEN} | {f"helpers/{file}": sha256(HELPERS / file) for file in SCORING}
    if entry == "- " or None in hashes.values():
        raise ValueError("say in one line what changed and why" if entry == "- " else f"a frozen file is missing: {hashes}")
    text = changelog.read_text(encoding="utf-8")
    if entry in text.splitlines():
        if not list(check_lock(root)):
            return
        raise ValueError(f"{CHANGELOG} already has this line, for an earlier freeze; say what changed since then")
    parts = re.fullmatch(r"(.*?)(^## .*?)(^## .*|\Z)", text, flags=re.DOTALL | re.MULTILINE)
    if not parts:
        raise ValueError(f"{CHANGELOG} has no section '## ...' to announce the freeze in; add one")
    head, newest, rest = parts.groups()
    changelog.write_text(f"{head}{newest.rstrip()}\n{entry}\n" + (f"\n{rest}" if rest else ""), encoding="utf-8", newline="\n")
    (root / LOCK).write_text(json.dumps(hashes | {"changelog": entry}, indent=2) + "\n", encoding="utf-8", newline="\n")


def report(root: Path = settings.DATA) -> int:
    """Print all faults, or one line that says what was checked; 1 if there was a fault."""
    faults, counts = _check(root)
    for fault in faults:
        print(fault)
    if not faults:
        print("labs_data is as it should be: " + ", ".join(f"{n} {name.removesuffix('.jsonl')}" for name, n in counts.items()))
    else:
        print(f"{len(faults)} fault{'s' * (len(faults) > 1)}", file=sys.stderr)
    return 1 if faults else 0


def main(argv: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="helpers.datacheck", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freeze", metavar="LINE", help="lock the test files; LINE is added to CHANGELOG.md")
    options = parser.parse_args(argv)
    if options.freeze is not None:
        try:
            freeze(options.freeze)
        except ValueError as error:
            parser.error(str(error))
    return report()


if __name__ == "__main__":
    sys.exit(main())
