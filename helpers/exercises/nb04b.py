"""Checks of notebook 04b, the failure gallery."""

from __future__ import annotations

import re

from helpers.data.handbook import load_handbook
from helpers.exercises import Exercise, attempted
from helpers.experiments import attacks


def _only_names(folder: dict[str, str], version: dict[str, str]) -> list[str]:
    return sorted(folder.keys() ^ version.keys())


def finds_stale(answer: object) -> str:
    """04b.1: where does the index differ from the folder?"""
    assert callable(answer), (
        "Expected a function stale(folder_files, version_files) that returns a sorted list of"
        f" paths; got {type(answer).__name__}."
    )
    folder = {"leave.md": "aa", "visits.md": "b2", "new.md": "cc"}
    version = {"leave.md": "aa", "visits.md": "b1", "old.md": "dd"}
    for ours, theirs, right, why in (
        (
            folder,
            version,
            ["new.md", "old.md", "visits.md"],
            "new.md is not indexed, old.md is gone from the folder, visits.md has other bytes",
        ),
        (folder, dict(folder), [], "nothing differs"),
        (
            {"leave.md": "a2"},
            {"leave.md": "a1"},
            ["leave.md"],
            "the name is the same and the bytes are not: the bug that shipped",
        ),
        ({}, {"leave.md": "aa"}, ["leave.md"], "a deleted file is still answered from"),
        (
            {"b.md": "1", "a.md": "1"},
            {},
            ["a.md", "b.md"],
            "nothing is indexed yet; sorted, please",
        ),
    ):
        got = attempted(answer(dict(ours), dict(theirs)))
        assert list(got) == right, (
            f"Folder {ours}, index {theirs}: expected {right} ({why}); got {got}."
        )
    return (
        f"Comparing names, as the check that shipped did, finds {_only_names(folder, version)} and"
        " misses visits.md. Run yours after every sync and on a schedule, and alert on it."
    )


def judges_a_fix(answer: object) -> str:
    """04b.2: before and after on the same cases: better, worse, or cannot tell?"""
    assert callable(answer), (
        "Expected a function judge(before, after) that returns 'better', 'worse' or 'cannot tell';"
        f" got {type(answer).__name__}."
    )
    for fixed, broken, both, neither, right, why in (
        (8, 0, 3, 3, "better", "8 cases are right only after the fix and none only before"),
        (0, 8, 3, 3, "worse", "8 cases are right only before the fix and none only after"),
        (5, 0, 0, 0, "cannot tell", "5 tosses of a coin fall on one side in 1 try of 16"),
        (6, 0, 0, 90, "better", "6 tosses on one side happen in 1 try of 32"),
        (20, 10, 50, 20, "cannot tell", "10 more were fixed than broken, and a coin does that"),
        (0, 0, 7, 2, "cannot tell", "no case changed, so nothing was tested"),
        (12, 4, 100, 500, "cannot tell", "only the 16 cases that changed say anything"),
        (30, 12, 0, 0, "better", "what the fix broke is fewer than a coin would break"),
    ):
        before = [False] * fixed + [True] * broken + [True] * both + [False] * neither
        after = [True] * fixed + [False] * broken + [True] * both + [False] * neither
        got = attempted(answer(list(before), list(after)))
        assert got == right, (
            f"For {fixed} cases right only after, {broken} only before, {both} both times and"
            f" {neither} never, expected {right!r}: {why}; got {got!r}."
        )
    return (
        "With the pairing, 6 cases can be enough; without it, 14 of 19 against 11 of 19 says"
        " nothing. Keep the answers case by case, not just the totals."
    )


def better_screen(answer: object) -> str:
    """04b.3: one more rule for the screen: more attacks of the dev half, no false alarm there; the
    other half is only reported."""
    assert isinstance(answer, str) and answer.strip(), (
        f"Expected a regular expression as a string; got {answer!r}."
    )
    try:
        rule = re.compile(answer, re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise AssertionError(
            f"Expected a regular expression; {answer!r} is none: {error}."
        ) from None
    assert not rule.search(""), (
        f"{answer!r} matches the empty text, so it would keep every page out; expected a rule that"
        " needs some words."
    )

    def caught(document) -> bool:
        return bool(rule.search(document.title) or rule.search(document.text))

    false_alarms = [d.id for d in load_handbook(updates=True) if caught(d)]
    every = attacks.load_attacks()
    false_alarms += [
        a.document.id for a in every if not a.poisoned and a.half == "dev" and caught(a.document)
    ]
    assert not false_alarms, (
        f"Expected no false alarm; your rule keeps out {len(false_alarms)} harmless pages, as"
        f" {false_alarms[0]}."
    )
    missed = {
        half: [
            a
            for a in every
            if a.poisoned and a.half == half and not attacks.quarantined(a.document)
        ]
        for half in ("dev", "held_out")
    }
    new = {half: sum(caught(a.document) for a in found) for half, found in missed.items()}
    assert new["dev"], (
        f"Expected at least one more of the {len(missed['dev'])} dev attacks that the screen"
        " misses; your rule catches none of them (it looks at titles and texts)."
    )
    wrong = sum(caught(a.document) for a in every if not a.poisoned and a.half == "held_out")
    return (
        f"On the dev half: {new['dev']} of {len(missed['dev'])} missed attacks caught, no false"
        f" alarm. On the half that you did not see: {new['held_out']} of {len(missed['held_out'])},"
        f" and {wrong} false alarm{'s' * (wrong != 1)}. The second number is the one to believe:"
        " the rule was written by looking at the first half."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "04b.1",
            finds_stale,
            (
                "A path counts when it is on one side only, or when the two hashes differ.",
                (
                    "folder_files.get(path) is None where the path is missing, so one comparison"
                    " covers all three."
                ),
                (
                    "sorted(path for path in folder_files.keys() | version_files.keys() if"
                    " folder_files.get(path) != version_files.get(path))"
                ),
            ),
        ),
        Exercise(
            "04b.2",
            judges_a_fix,
            (
                "Cases that are right both times, or wrong both times, say nothing about the fix.",
                (
                    "Of the n cases that changed, few went the rarer way. How often do n tosses of"
                    " a coin give so few heads or tails?"
                ),
                "p = 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n",
            ),
        ),
        Exercise(
            "04b.3",
            better_screen,
            (
                (
                    "Print the dev attacks that the screen misses. What do their titles have in"
                    " common that no page of the handbook has?"
                ),
                (
                    "Copies call themselves copies, and planted rules say that they replace an"
                    " older one."
                ),
                (
                    r"Try it on the handbook first: [d.id for d in load_handbook(updates=True) if"
                    r" re.search(my_rule, d.text, re.I | re.M)]"
                ),
            ),
        ),
    )
}
