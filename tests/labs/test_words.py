"""Computed words: one verdict for the parts of a sentence, counts with their interval, and Markdown
wherever it is shown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from helpers.evaluation.evaluator import wilson
from helpers.evaluation.learning_curve import Gain
from helpers.labs import (
    gain_in_words,
    held,
    out_of,
    what_happened,
    what_we_found,
    yes_or_no,
)
from helpers.labs.words import verdict


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([True, True], "held"),
        ([True, False], "held in part"),
        ([True, None], "held in part"),
        ([None, None], "could not be told"),
        ([False, None], "contradicted here"),
        ([False], "contradicted here"),
    ],
)
def test_a_sentence_is_judged_by_its_parts(parts, word):
    assert verdict(parts) == word


def test_each_part_is_named_with_its_reason_under_its_own_verdict():
    said = what_we_found("Yes, 3 of 4.", {"a": (True, "x"), "b": (None, "y"), "c": (True, "z")})
    assert said.markdown == (
        "Yes, 3 of 4.\n\n**On trial: held in part.** Held: *a*, because x; *c*, because z."
        " Could not be told: *b*, because y."
    )


def test_a_part_judged_by_numpy_is_named_like_any_other():
    said = what_we_found("Yes.", {"a": (np.float64(1) > 0, "x"), "b": (np.float64(1) < 0, "y")})
    assert "Held: *a*, because x. Contradicted here: *b*, because y." in said.markdown


def test_a_verdict_on_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one part"):
        what_we_found("Yes.", {})


def test_counts_are_written_with_their_interval():
    low, high = wilson(6, 7)
    assert out_of({"share": 6 / 7, "low": low, "high": high, "n": 7.0}) == "6 of 7 (49 to 97 %)"


def test_a_terminal_and_a_notebook_get_the_same_text_on_one_line():
    said = what_happened("six\n   of   7")
    assert repr(said) == said._repr_markdown_() == "**What happened.** six of 7"


@pytest.mark.parametrize(
    ("verdict", "part", "word"),
    [
        ("better", True, "Yes"),
        ("worse", False, "No"),
        ("cannot tell", None, "That could not be told"),
    ],
)
def test_a_comparison_decides_a_part_and_a_question(verdict, part, word):
    assert (held(verdict), yes_or_no(verdict)) == (part, word)


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (
            Gain(550, 50, 0.008, 0.004, 0.010, False, "if it goes on", 60_000),
            "50 more labels after 550 would gain +0.8 points (+0.4 to +1.0), if it goes on. The"
            " interval begins below 0.5 points, so there may be no gain. To see a gain of that"
            " size, about 60,000 dev tickets would have to judge it.",
        ),
        (
            Gain(16, 16, 0.05, 0.02, 0.08, True, "between sizes that were measured", None),
            "16 more labels after 16 would gain +5.0 points (+2.0 to +8.0), between sizes that were"
            " measured.",
        ),
        (
            Gain(8, 8, math.nan, -1, 1, False, "too few sizes", None),
            "What 8 more labels after 8 would gain cannot be told: too few sizes.",
        ),
    ],
)
def test_a_gain_in_words_says_when_there_may_be_none(gain, said):
    assert gain_in_words(gain) == said
