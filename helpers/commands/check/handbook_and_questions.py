"""Are the questions sound? Versions and audiences of the handbook, and the questions about it; each
check gives its faults."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from helpers.commands.check.lenient import USERS, Doc, Placed
from helpers.commands.check.training_rows import plain, runs
from helpers.core.records import Fault
from helpers.evaluation.text import holds

# a run this long, shared by a question and its evidence, makes the question a quotation
COPIED_WORDS = 6
REFUSED_KINDS = ("unanswerable", "ambiguous")


# --- the handbook ---------------------------------------------------------------------------------


def check_versions(docs: dict[str, Doc]) -> Iterator[Fault]:
    """Do the versions of every policy form one chain, each link newer and one higher than the link
    before?"""
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
            message = (
                f"there is no '{doc.meta.supersedes}' among the documents of policy '{policy}';"
                " name the version before, or null"
            )
            yield _at(doc, "supersedes", message)
        if loop:
            yield _at(
                ids[loop[0]],
                "supersedes",
                f"versions {', '.join(loop)} supersede each other in a loop; the oldest must say"
                " null",
            )
        if len(newest) > 1 and not missing:
            both = " and ".join(sorted(doc.meta.id for doc in newest))
            yield _at(
                newest[-1],
                "supersedes",
                f"policy '{policy}' has two newest versions, {both}; each version is superseded"
                " once",
            )
        for doc in versions:
            old = ids.get(doc.meta.supersedes)
            if doc.meta.id in loop:
                continue
            if old and doc.meta.version != old.meta.version + 1:
                yield _at(
                    doc,
                    "version",
                    f"is {doc.meta.version}, but it supersedes version {old.meta.version}; numbers"
                    " go up by 1",
                )
            if old and doc.meta.effective_from <= old.meta.effective_from:
                yield _at(
                    doc,
                    "effective_from",
                    f"{doc.meta.effective_from} is not later than that of '{old.meta.id}', which it"
                    " supersedes",
                )
            if doc.meta.supersedes is None and doc.meta.version != 1 and len(newest) == 1:
                yield _at(
                    doc,
                    "version",
                    f"is {doc.meta.version}, but it supersedes nothing; the first version is 1",
                )


def check_audiences(docs: dict[str, Doc], users: dict[str, set[str]] | None) -> Iterator[Fault]:
    """Is every group in an audience one that some role belongs to?"""
    known = set().union(*users.values()) if users else set()
    for doc in docs.values() if users else ():
        for group in doc.meta.audience:
            if group not in known:
                yield _at(
                    doc,
                    "audience",
                    f"no role in {USERS} is in group '{group}'; there are"
                    f" {', '.join(sorted(known))}",
                )


def _at(doc: Doc, field: str, message: str) -> Fault:
    return Fault(doc.file, doc.lines.get(field, 1), field, message)


# --- questions ------------------------------------------------------------------------------------


def check_ids(rows: Sequence[Placed]) -> Iterator[Fault]:
    """Is an id used twice, in one split or in two?"""
    seen: dict[str, Placed] = {}
    for file, line, row in rows:
        first = seen.setdefault(row["id"], Placed(file, line, row))
        if (first.file, first.line) != (file, line):
            yield Fault(
                file,
                line,
                "id",
                f"'{row['id']}' is already used in {first.file} line {first.line}; give it another",
            )


def in_force(doc: Doc, docs: dict[str, Doc], day: dt.date) -> bool:
    """Was this the version to go by on that day? (Unpublished updates do not count.)"""
    same = (d.meta for d in docs.values() if d.published and d.meta.policy == doc.meta.policy)
    newer = [meta.effective_from for meta in same if meta.supersedes == doc.meta.id]
    return doc.published and doc.meta.effective_from <= day and all(day < start for start in newer)


def check_question(
    placed: Placed, docs: dict[str, Doc], users: dict[str, set[str]] | None, broken: Collection[str]
) -> Iterator[Fault]:
    """What is wrong with one question, seen alone? Of policies whose chain of versions is `broken`,
    none can be called in force."""
    file, line, row = placed
    groups = users.get(row["asker"]) if users else None
    if users and groups is None:
        yield Fault(file, line, "asker", f"there is no '{row['asker']}' in {USERS}")
    if bool(row["answers"]) != bool(row["evidence"]):
        yield Fault(
            file,
            line,
            "answers" if row["evidence"] else "evidence",
            "answers and evidence go together: give both, or leave both empty",
        )
    elif row["kind"] != "restricted" and bool(row["answers"]) == (row["kind"] in REFUSED_KINDS):
        wanted = (
            "must be refused: leave answers and evidence empty"
            if row["answers"]
            else "needs an answer"
        )
        yield Fault(file, line, "kind", f"'{row['kind']}' {wanted}")
    for i, evidence in enumerate(row["evidence"]):
        doc, field = docs.get(evidence["doc"]), f"evidence.{i}"
        if doc is None:
            yield Fault(
                file,
                line,
                f"{field}.doc",
                f"there is no document '{evidence['doc']}' in the handbook",
            )
            continue
        if evidence["quote"] not in doc.text:
            holders = [d.meta.id for d in docs.values() if evidence["quote"] in d.text]
            hint = f"it is in '{holders[0]}'" if holders else "quotes must match the text exactly"
            yield Fault(file, line, f"{field}.quote", f"not found in {doc.file}; {hint}")
            continue
        if groups is not None and not groups & set(doc.meta.audience):
            yield Fault(
                file,
                line,
                field,
                f"'{row['asker']}' may not read '{doc.meta.id}' (audience:"
                f" {', '.join(doc.meta.audience)})",
            )
        if doc.meta.policy not in broken and not in_force(doc, docs, row["as_of"]):
            yield Fault(
                file,
                line,
                field,
                f"'{doc.meta.id}' is not in force on {row['as_of']}; take the version that is, or"
                " another day",
            )
        if copied := copied_run(row["question"], evidence["quote"]):
            yield Fault(
                file, line, "question", f'copies "{copied}" from its evidence; ask in other words'
            )
    if (
        row["answers"]
        and row["evidence"]
        and not any(holds(e["quote"], row["answers"]) for e in row["evidence"])
    ):
        yield Fault(
            file,
            line,
            "answers",
            f"none of {row['answers']} is in the evidence as whole words; correct the answer or"
            " the quote",
        )


def copied_run(question: str, quote: str) -> str | None:
    """A run of words that the question copies, if any. Names and numbers cannot be said otherwise,
    so a run of only these is no copy."""
    written = runs(quote, COPIED_WORDS)
    shared = (written[run] for run in runs(question, COPIED_WORDS) if run in written)
    return next(
        (run for run in shared if not all(w[0].isupper() or w[0].isdigit() for w in run.split())),
        None,
    )


def check_families(questions: Sequence[Placed]) -> Iterator[Fault]:
    """Does a family of paraphrases lie in two splits, so that dev would give test away? Is a
    question there twice?"""
    first: dict[str, Placed] = {}
    asked: dict[tuple, Placed] = {}
    for placed in questions:
        file, line, row = placed
        if first.setdefault(row["fact"], placed).file != file:
            yield Fault(
                file,
                line,
                "fact",
                f"'{row['fact']}' is also in {first[row['fact']].file} line"
                f" {first[row['fact']].line}; keep a family in one split",
            )
        same = asked.setdefault((plain(row["question"]), row["asker"], row["as_of"]), placed)
        if same is not placed:
            yield Fault(
                file,
                line,
                "question",
                f"{same.file} line {same.line} asks the same, by the same user on the same day;"
                " remove one",
            )


def check_restricted(
    questions: Sequence[Placed], docs: dict[str, Doc], users: dict[str, set[str]] | None
) -> Iterator[Fault]:
    """Does every restricted question come twice: by a user who may know, and by one who may
    not?"""
    pairs: dict[tuple, list[Placed]] = defaultdict(list)
    for placed in questions:
        if placed.row["kind"] == "restricted":
            pairs[placed.row["fact"], plain(placed.row["question"])].append(placed)
    for rows in pairs.values():
        answered, refused = (
            [p for p in rows if bool(p.row["answers"]) is wanted] for wanted in (True, False)
        )
        if not answered or not refused:
            who = (
                "may not read it (answers and evidence empty)"
                if answered
                else "may read it (with answers and evidence)"
            )
            yield Fault(
                rows[0].file,
                rows[0].line,
                "kind",
                "restricted, but its counterpart is missing: the same question by a user who"
                f" {who}",
            )
            continue
        needed = [docs[e["doc"]] for e in answered[0].row["evidence"] if e["doc"] in docs]
        for file, line, row in refused:
            groups = (users or {}).get(row["asker"])
            if (
                groups is not None
                and needed
                and all(groups & set(doc.meta.audience) for doc in needed)
            ):
                yield Fault(
                    file,
                    line,
                    "asker",
                    f"'{row['asker']}' may read '{needed[0].meta.id}', so the question cannot be"
                    " refused",
                )
