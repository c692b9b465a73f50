"""Checks of notebook 04, what RAG controls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace

from helpers.core.cases import Ask
from helpers.exercises import Exercise, attempted

TODAY = dt.date(2026, 3, 2)


def in_force(answer: object) -> str:
    """04.1: may this document be used for this user, on this day?"""
    assert callable(answer), (
        "Expected a function may_answer(document, groups, as_of) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    begins, ends = dt.date(2025, 9, 1), dt.date(2026, 3, 2)
    old = SimpleNamespace(
        audience=["staff", "contractors"], effective_from=begins, effective_until=ends
    )
    open_end = SimpleNamespace(audience=["board"], effective_from=begins, effective_until=None)
    day = dt.timedelta(days=1)
    for document, groups, as_of, right, why in (
        (old, ["staff"], begins, True, "it is in force from its first day"),
        (old, ["staff"], begins - day, False, "it is not in force yet"),
        (old, ["staff"], ends - day, True, "it is its last day"),
        (
            old,
            ["staff"],
            ends,
            False,
            "effective_until is the first day on which it no longer holds",
        ),
        (old, ["support", "contractors"], begins, True, "one of the groups is enough"),
        (old, ["board"], begins, False, "the user is in none of its groups"),
        (open_end, ["board"], dt.date(2040, 1, 1), True, "None means that nothing has replaced it"),
        (open_end, ["staff", "managers"], TODAY, False, "the user is in none of its groups"),
        (open_end, [], TODAY, False, "a user in no group may read nothing"),
    ):
        got = attempted(answer(document, groups, as_of))
        about = (
            f"audience {document.audience}, in force {document.effective_from} until"
            f" {document.effective_until}"
        )
        assert bool(got) is right, (
            f"For a document ({about}), asked for by {groups} on {as_of}, expected {right}, because"
            f" {why}; got {got}."
        )
    return (
        "These two conditions, put into the query itself, are all of access control and freshness"
        " here. The work is in never bypassing them."
    )


# --- 04.2: searches over 40 passages, best first; a user may read every nth


def _readable(ask: Ask) -> list[int]:
    every = int(ask.groups[0])
    return [n for n in range(40) if n % every == every - 1]


def _inside(ask: Ask, k: int) -> list[int]:
    return _readable(ask)[:k]


def _after(ask: Ask, k: int) -> list[int]:
    return [n for n in range(40)[:k] if n in _readable(ask)]


def _after_more(ask: Ask, k: int) -> list[int]:
    # "just fetch three times as many": helps until it does not
    return [n for n in range(40)[: 3 * k] if n in _readable(ask)][:k]


def finds_starved(answer: object) -> str:
    """04.2: a check that finds a search which filters after taking the best."""
    assert callable(answer), (
        "Expected a function starved(search, ask, k) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    searches: tuple[tuple[str, Callable, dict[str, bool]], ...] = (
        ("a search with access as a condition", _inside, {"1": False, "5": False, "30": False}),
        (
            "a search that filters after taking the best k",
            _after,
            {"1": False, "5": True, "30": True},
        ),
        (
            "a search that takes 3 times k, then filters",
            _after_more,
            {"1": False, "5": True, "30": True},
        ),
    )
    who = {
        "1": "may read everything",
        "5": "may read one passage in five",
        "30": "may read a single passage",
    }
    for name, search, expected in searches:
        for group, right in expected.items():
            ask = Ask("x", "question", (group,), TODAY)
            got = attempted(answer(search, ask, 3))
            have = len(search(ask, 3))
            assert bool(got) is right, (
                f"For {name} and a user who {who[group]}, expected {right} (it gave {have} of 3;"
                f" there are {len(_readable(ask))} to give); got {got}."
            )
    return (
        "Fetching more before filtering only moves the threshold: some user always has fewer rights"
        " than the one it was chosen for."
    )


def safe_key(answer: object) -> str:
    """04.3: a key under which an answer may be cached."""
    assert callable(answer), (
        "Expected a function cache_key(ask) that returns something a dictionary takes as key; got"
        f" {type(answer).__name__}."
    )
    first = Ask("a", "What is the top of the pay range?", ("staff", "people-ops"), TODAY)
    for other, share, why in (
        (
            Ask("b", first.input, ("staff", "people-ops"), TODAY),
            True,
            "the same question with the same rights on the same day",
        ),
        (
            Ask("c", first.input, ("people-ops", "staff"), TODAY),
            True,
            "the same groups in another order",
        ),
        (Ask("d", first.input, ("staff",), TODAY), False, "fewer rights"),
        (
            Ask("e", first.input, ("staff", "people-ops", "board"), TODAY),
            False,
            "more rights, so another answer may be right",
        ),
        (
            Ask("f", first.input, ("staff", "people-ops"), dt.date(2025, 3, 2)),
            False,
            "another day, when another version was in force",
        ),
        (
            Ask("g", "Who may work from abroad?", ("staff", "people-ops"), TODAY),
            False,
            "another question",
        ),
        (
            Ask("h", first.input, ("staffpeople-ops",), TODAY),
            False,
            "a group whose name is two others run together",
        ),
    ):
        keys = [attempted(answer(one)) for one in (first, other)]
        try:
            same = len({keys[0], keys[1]}) == 1
        except TypeError:
            raise AssertionError(
                f"A dictionary does not take {type(keys[0]).__name__} as key; expected something"
                " hashable, such as a tuple."
            ) from None
        assert same is share, (
            f"Two asks, the second with {why}: expected {'one key' if share else 'two keys'}; got"
            f" {keys[0]!r} and {keys[1]!r}."
        )
    return (
        "One thing is still missing in a real system: the version of the index. A cache that"
        " outlives a sync answers with yesterday's rules."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "04.1",
            in_force,
            (
                "Three conditions, all of which must hold: begun, not ended, and readable.",
                (
                    "effective_from is the first day that counts; effective_until the first that"
                    " does not, or None."
                ),
                "begun and not ended and bool(set(document.audience) & set(groups))",
            ),
        ),
        Exercise(
            "04.2",
            finds_starved,
            (
                (
                    "A search that filters afterwards gives more when it is asked for more,"
                    " although it gave fewer than k before."
                ),
                "Ask it for k, then for very many; compare the numbers of passages.",
                "len(search(ask, k)) < min(k, len(search(ask, 1000)))",
            ),
        ),
        Exercise(
            "04.3",
            safe_key,
            (
                (
                    "Everything that can change the answer belongs in the key; everything that"
                    " cannot (who exactly is asking) must stay out."
                ),
                (
                    "Groups are a set: make the key the same for any order, and never concatenate"
                    " names."
                ),
                "(ask.input, frozenset(ask.groups), ask.as_of)",
            ),
        ),
    )
}
