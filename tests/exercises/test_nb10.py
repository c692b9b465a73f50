"""The exercises of notebook 10: right answers are right, the usual wrong ones are told why."""

from __future__ import annotations

import hashlib
import random

import pytest
from conftest import assert_right, assert_takes_anything_and_speaks, assert_told
from scipy.stats import binomtest


@pytest.mark.parametrize("id", [f"10.{i}" for i in range(1, 4)])
def test_every_exercise_takes_anything_and_speaks(id, capsys):
    assert_takes_anything_and_speaks(id, capsys)


def number(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


def p_of(pairs):
    lost, gained = (sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))
    total = lost + gained
    return binomtest(lost, total, alternative="greater").pvalue if total else 1.0


def by_level(level):
    """A gate that stops slices at this level of p, as a function of how many there are."""
    return lambda results: {n for n, pairs in results.items() if p_of(pairs) <= level(len(results))}


def hashed(files):
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def differs(manifest, files):
    found = hashed(files)
    return sorted(n for n in {*manifest, *found} if manifest.get(n) != found.get(n))


def goes(key, share, salt):
    return number(f"{salt}/{key}") < share


def first(evidence, alpha):
    return next((i for i, e in enumerate(evidence, start=1) if e >= 1 / alpha), None)


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        ("10.3", (goes, first)),
        ("10.2", by_level(lambda slices: 0.025 / slices)),
        ("10.1", differs),
    ],
)
def test_right_answers_are_right(id, answer):
    assert_right(id, answer)


def the_average_decides(results):
    """The planted bug: what the notebook says is in use."""
    total = sum(new - old for pairs in results.values() for old, new in pairs)
    return [] if total >= 0 else list(results)


@pytest.mark.parametrize(
    ("id", "answer", "told"),
    [
        (
            "10.3",
            (lambda key, share, salt: random.random() < share, first),
            "first and to the other later",
        ),
        ("10.3", (lambda key, share, salt: number(key) < share, first), "r1 and of r2"),
        ("10.3", (lambda key, share, salt: number(f"{salt}/{key}") < 0.2, first), "0 is nobody"),
        (
            "10.3",
            (lambda key, share, salt: number(f"{salt}{share}{key}") < share, first),
            "left the canary",
        ),
        ("10.3", (lambda key, share, salt: True, first), "expected about 20 %"),
        ("10.2", the_average_decides, "billing loses 12"),
        ("10.2", by_level(lambda slices: 0.025), "twenty slices"),
        (
            "10.2",
            lambda results: {n for n, p in results.items() if sum(a - b for a, b in p) > 2},
            "many cases moved",
        ),
        (
            "10.1",
            lambda m, f: sorted(n for n in f if hashed(f)[n] != m.get(n)),
            "without its index",
        ),
        (
            "10.1",
            lambda m, f: sorted(n for n in m if hashed(f).get(n) != m[n]),
            "nobody approved",
        ),
        ("10.3", (goes, lambda e, a: first(e, a) and first(e, a) - 1), "count from 1"),
        (
            "10.3",
            (goes, lambda e, alpha: len(e) if e and e[-1] >= 1 / alpha else None),
            "at the third ticket",
        ),
        ("10.3", (goes, lambda e, alpha: first(e, 0.05)), "level of 1 %"),
        ("10.3", (goes,), "Expected the two functions"),
    ],
)
def test_wrong_answers_are_told_why(id, answer, told):
    assert_told(id, answer, told)
