"""How shares, intervals, verdicts and bits are written."""

import pandas as pd
import pytest

from helpers.evaluation.bits import share_right, to_bits, to_flags
from helpers.evaluation.comparison import compare
from helpers.evaluation.numbers import percents, share_of
from helpers.evaluation.text import holds


@pytest.mark.parametrize(
    ("count", "n", "text"),
    [
        (0, 9, "0 %"),
        (1, 200, "<1 %"),
        (1, 1000, "<1 %"),
        (2, 200, "1 %"),
        (199, 200, ">99 %"),
        (9, 9, "100 %"),
    ],
)
def test_shares_are_never_rounded_to_nothing(count, n, text):
    assert share_of(count, n) == text


def test_an_interval_has_one_percent_sign():
    assert percents(0.117, 0.3) == "12 to 30 %"


def test_bits_are_read_as_they_were_written():
    flags = [True, False, True, True]
    assert to_bits(flags) == "1011"
    assert to_flags(to_bits(flags)) == flags
    assert share_right("1011") == 0.75


def test_a_verdict_in_points_takes_a_note():
    first, second = (
        pd.DataFrame({"arm": arm, "id": range(40), "fact": range(40), "right": right})
        for arm, right in (("a", [False] * 40), ("b", [False, True, True, True] * 10))
    )
    found = compare(first, second)
    low, high = round(100 * found.low), round(100 * found.high)
    assert found.verdict_in_points() == f"better (+75 points, +{low} to +{high})"
    assert found.verdict_in_points("2 seeds").endswith(f"+{high}; 2 seeds)")


@pytest.mark.parametrize(
    "text,wanted,held",
    [
        ("It is 170 days.", ["17"], False),
        ("It is 17 days.", ["17"], True),
        ("It costs £1,350.", ["nothing", "1350"], True),
        ("anything", [""], False),
        ("", ["17"], False),
    ],
)
def test_a_text_holds_whole_tokens_only(text, wanted, held):
    assert holds(text, wanted) is held
