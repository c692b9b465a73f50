"""Checks of notebook 10: who goes to the canary, a slice that the average hides, a release that was
tampered with, and how often an alarm may be looked at."""

from __future__ import annotations

import hashlib
import random
import statistics

from helpers.exercises import Exercise, attempted

KEYS = [f"customer {i}" for i in range(4_000)]


def who(answer: object) -> str:
    """Of 10.3: who goes to the canary?"""
    assert callable(answer), (
        "Expected a function goes_to_canary(key, share, salt) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    sides = [attempted(answer(key, 0.2, "r1")) for key in KEYS]
    assert set(sides) <= {True, False}, f"Expected True or False; got {set(sides)}."
    share = statistics.fmean(map(bool, sides))
    assert abs(share - 0.2) < 0.03, (
        f"Of {len(KEYS)} customers {100 * share:.1f} % went to the canary; expected about 20 %."
    )
    again = [answer(key, 0.2, "r1") for key in KEYS]
    assert again == sides, (
        "The same customer went to one system first and to the other later: the answer may depend"
        " on the key, the share and the salt, and on nothing else (no dice, no clock)."
    )
    more = [answer(key, 0.5, "r1") for key in KEYS]
    assert all(m for s, m in zip(sides, more, strict=True) if s), (
        "When the share grows from 20 to 50 %, some customers left the canary: compare one number"
        " of the key with the share."
    )
    both = statistics.fmean(
        bool(s and answer(k, 0.2, "r2")) for k, s in zip(KEYS, sides, strict=True)
    )
    assert 0.02 < both < 0.07, (
        f"{100 * both:.0f} % of the customers are in the canary of release r1 and of r2; expected"
        " about 4 %. Let the salt change who comes first, or the same people try every release."
    )
    assert not any(answer(key, 0.0, "r1") for key in KEYS[:200]), "A share of 0 is nobody."
    assert all(answer(key, 1.0, "r1") for key in KEYS[:200]), "A share of 1 is everybody."
    return (
        "A hash is a coin that lands the same way every time, and knows nothing of the ticket:"
        " that is what the canary's test rests on."
    )


def _results(lost: int, gained: int, both: int, n: int) -> list[tuple[bool, bool]]:
    rest = n - lost - gained - both
    return (
        [(True, False)] * lost
        + [(False, True)] * gained
        + [(True, True)] * both
        + [(False, False)] * rest
    )


def slices(answer: object) -> str:
    """10.2: the planted bug, a gate that averages a slice away."""
    assert callable(answer), (
        "Expected a function stops(results) that returns the names of slices; got"
        f" {type(answer).__name__}."
    )
    cases = (
        ("two slices that are as good as before", {"a": (2, 2, 10, 30), "b": (1, 1, 9, 30)}, set()),
        (
            "billing loses 12 of 30 cases, and the others gain 12",
            {"billing": (12, 0, 10, 30), "other": (0, 12, 30, 90)},
            {"billing"},
        ),
        ("a slice that gains", {"billing": (0, 12, 10, 30), "other": (3, 3, 30, 90)}, set()),
        (
            "a small slice that is lost whole beside a large one that gains",
            {"returns": (11, 0, 0, 11), "other": (2, 30, 100, 300)},
            {"returns"},
        ),
        ("a slice that loses 3 and gains 1, which chance does", {"a": (3, 1, 10, 30)}, set()),
        (
            "a slice that loses 20 and gains 16: many cases moved, few of them on balance",
            {"a": (20, 16, 10, 90)},
            set(),
        ),
        ("a slice in which nothing changed", {"a": (0, 0, 10, 30), "b": (0, 0, 0, 4)}, set()),
        (
            "twenty slices that each lose 6 and gain none: one alone would be odd, one of twenty is"
            " not",
            {f"s{i}": (6, 0, 5, 20) for i in range(20)},
            set(),
        ),
        (
            "two slices, both lost",
            {"a": (10, 0, 5, 20), "b": (12, 1, 5, 20), "c": (1, 1, 5, 20)},
            {"a", "b"},
        ),
    )
    for name, counts, right in cases:
        got = attempted(answer({slice_: _results(*count) for slice_, count in counts.items()}))
        assert isinstance(got, set | frozenset | list | tuple), (
            f"Expected a set of names (an empty one where nothing stops); got {type(got).__name__}."
        )
        assert set(got) == right, (
            f"For {name} expected {sorted(right) or 'no slice'}; got"
            f" {sorted(map(str, got)) or 'no slice'}."
        )
    return (
        "The average is what you ship; a slice is whom you ship it to. Both have to pass, and the"
        " level is shared among the slices, or twenty of them stop every release."
    )


def tampered(answer: object) -> str:
    """10.1: which part of a release is not what was approved?"""
    assert callable(answer), (
        "Expected a function differs(manifest, files) that returns a sorted list of names; got"
        f" {type(answer).__name__}."
    )
    files = {"adapter": b"\x00" * 64, "prompt": b"Answer.", "index": b"rows"}
    manifest = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    cases = (
        ("a release as it was approved", files, []),
        ("an adapter that was cut by one byte", files | {"adapter": b"\x00" * 63}, ["adapter"]),
        (
            "an index and a prompt that changed places",
            files | {"index": files["prompt"], "prompt": files["index"]},
            ["index", "prompt"],
        ),
        (
            "a release without its index",
            {k: v for k, v in files.items() if k != "index"},
            ["index"],
        ),
        ("a file that nobody approved", files | {"extra": b"?"}, ["extra"]),
        ("an adapter of the same length", files | {"adapter": b"\x00" * 63 + b"\x01"}, ["adapter"]),
        ("a prompt with a space more", files | {"prompt": b"Answer. "}, ["prompt"]),
    )
    for name, given, right in cases:
        got = attempted(answer(dict(manifest), given))
        assert isinstance(got, list | tuple | set), (
            f"Expected a list of names (empty where all is well); got {type(got).__name__}."
        )
        assert sorted(map(str, got)) == right, (
            f"For {name} expected {right or 'nothing'}; got {sorted(map(str, got)) or 'nothing'}."
        )
    return (
        "A refusal that names its part is repaired in minutes; 'checksum mismatch' is a search."
        " Mind the third kind: a file that nobody approved is a difference, too."
    )


def _evidence(seed: int, tickets: int = 400) -> list[float]:
    """The evidence against a harmless canary: the stake of a fair bet, ticket by ticket."""
    dice, stake, path = random.Random(seed), 1.0, []
    for _ in range(tickets):
        stake *= 1.2 if dice.random() < 0.5 else 0.8
        path.append(stake)
    return path


def peeking(answer: object) -> str:
    """Of 10.3: when is a canary stopped that is looked at after every ticket?"""
    assert callable(answer), (
        "Expected a function stopped_at(evidence, alpha) that returns a ticket's number or None;"
        f" got {type(answer).__name__}."
    )
    attempted(answer([2.0, 25.0], 0.05))
    cases = (
        ("evidence that reaches 20 at the third ticket", [2.0, 8.0, 20.0, 40.0], 0.05, 3),
        (
            "evidence that reaches 25 and falls again (stopped is stopped)",
            [5.0, 25.0, 3.0, 1.0],
            0.05,
            2,
        ),
        ("the same at a level of 1 %", [5.0, 25.0, 3.0, 1.0], 0.01, None),
        ("evidence that stays small", [1.0, 0.5, 1.8], 0.05, None),
        ("no ticket yet", [], 0.05, None),
        ("evidence above 1 / alpha at once", [120.0], 0.01, 1),
    )
    for name, path, alpha, right in cases:
        got = answer(path, alpha)
        assert got == right and (got is None) == (right is None), (
            f"For {name} expected {right}; got {got}. Tickets count from 1."
        )
    stopped = sum(answer(_evidence(seed), 0.05) is not None for seed in range(600))
    assert stopped <= 0.05 * 600 + 16, (
        f"Of 600 harmless canaries {stopped} were stopped; at a level of 5 % about 30 may be."
    )
    return (
        f"Of 600 harmless canaries, each looked at after every one of 400 tickets, {stopped} were"
        f" stopped ({stopped / 6:.1f} %): a fair bet seldom multiplies your stake by 20, however"
        " often you look."
    )


def canary(answer: object) -> str:
    """10.3: who goes to the canary, and when is it stopped?"""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected the two functions (goes_to_canary, stopped_at); got {type(answer).__name__}."
    )
    return f"{who(answer[0])} {peeking(answer[1])}"


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "10.3",
            canary,
            (
                (
                    "goes_to_canary: turn key and salt into one big number that is always the same:"
                    " hashlib.sha256(f'{salt}/{key}'.encode()).hexdigest(). Its first 8 hex digits"
                    " as a number from 0 to 1 are int(digest[:8], 16) / 16**8; Python's own hash()"
                    " of a text differs from run to run."
                ),
                (
                    "stopped_at: the stop is at 1 / alpha, and it counts from then on, whatever"
                    " comes later. enumerate(evidence, start=1) numbers the tickets."
                ),
                (
                    "return int(digest[:8], 16) / 16**8 < share; and"
                    " next((i for i, e in enumerate(evidence, start=1) if e >= 1 / alpha), None)"
                ),
            ),
        ),
        Exercise(
            "10.2",
            slices,
            (
                (
                    "Judge each slice alone: how many cases were lost (True, False), how many"
                    " gained (False, True)?"
                ),
                (
                    "If nothing had changed, each of these would be a loss with chance 1/2:"
                    " scipy.stats.binomtest(lost, lost + gained, alternative='greater').pvalue, if"
                    " there are any."
                ),
                "Stop a slice when p <= 0.025 / len(results): the level is shared.",
            ),
        ),
        Exercise(
            "10.1",
            tampered,
            (
                "hashlib.sha256(data).hexdigest() is what the manifest holds.",
                "Look at the names of both: set(manifest) | set(files).",
                (
                    "A missing file has no hash: compare manifest.get(name) with None for it, and"
                    " the other way round."
                ),
            ),
        ),
    )
}
