"""New numbers, codes and names: of the same form, in the same order, alike wherever they stand."""

from __future__ import annotations

import random
import re

import pytest

from helpers.data.redraw import TOKEN, Redrawn, names_of, new_names, renamed, words_of

TEXT = (
    "Open from 4 to 18 November, 10:20 to 17:10. Groups of more than 14 pay 2,150.50 crowns, that"
    " is 35 per cent off; ring 5508 or write to LR-27. Built in 1794. The bell has 1 clapper."
)
SEEDS = range(20)


def redrawn(seed: int, text: str = TEXT, fixed=None) -> str:
    return Redrawn.of([text], random.Random(seed), fixed)(text)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_words_stay_and_so_does_the_form_of_every_token(seed):
    new = redrawn(seed)
    assert TOKEN.sub("#", new) == TOKEN.sub("#", TEXT)
    assert re.search(r"pay \d{1,3}(,\d{3})+\.\d\d crowns|pay \d{3}\.\d\d crowns", new)
    assert re.search(r"ring \d{4} or write to [A-Z]{2}-\d\d\.", new)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_sooner_stays_sooner(seed):
    first, last = map(int, re.search(r"from (\d+) to (\d+) November", redrawn(seed)).groups())
    assert 1 <= first < last <= 28


@pytest.mark.parametrize("seed", SEEDS)
def test_a_share_stays_below_a_hundred(seed):
    assert 1 < float(re.search(r"([\d.]+) per cent", redrawn(seed))[1]) < 100


def test_almost_everything_changes():
    old, new = TOKEN.findall(TEXT), TOKEN.findall(redrawn(1))
    assert sum(a == b for a, b in zip(old, new, strict=True)) <= 2  # 1 stays


def test_the_same_dice_give_the_same_numbers_and_others_others():
    assert redrawn(3) == redrawn(3) != redrawn(4)


def test_question_and_answer_follow_their_passage():
    new = Redrawn.of(["Kept for 26 days, code LR-27."], random.Random(0))
    assert new("26 days") in new("Kept for 26 days, code LR-27.")
    assert new("LR-27?") == f"{new('LR-27')}?" != "LR-27?"


def test_what_is_fixed_keeps_its_place():
    assert "more than 77 pay" in redrawn(0, fixed={"14": "77"})


@pytest.mark.parametrize("text", ["grade B12x", "1.2.3", "a0b", "12th"])
def test_what_is_no_number_of_its_own_stays(text):
    assert redrawn(0, text) == text


def test_different_numbers_stay_different():
    text = "2 3 4 5 6 7 8 9 12 12.5 13 130 131 1,310"
    new = redrawn(5, text).split()
    assert len(set(new)) == len(new)


# --- names ----------------------------------------------------------------------------------------

WORLD = ["The warden Josine Halvard keeps the Mill Wing in March.", "A mill has one wing, Halvard."]


def test_names_are_what_is_never_written_small():
    assert names_of(WORLD) == ["Halvard", "Josine"]


def test_a_name_changes_wherever_it_stands():
    drawn = new_names(["Halvard"], ["Quellmere", "Oudkerk", "Ferrowby"], random.Random(0))
    new = renamed(" ".join(WORLD), drawn)
    assert new.count(drawn["Halvard"]) == 2
    assert "Halvard" not in new


def test_new_names_are_nobodys():
    pool = ["Quellmere", "Oudkerk", "Ferrowby", "Josine", "Halvard"]
    drawn = new_names(pool, pool, random.Random(1))
    assert not set(drawn.values()) & set(pool)
    assert len(set(drawn.values())) == len(drawn)


def test_a_name_typed_small_changes_too_where_people_type():
    drawn = {"Halvard": "Fennmere"}
    assert renamed("where is the halvard bell", drawn, small=True) == "where is the fennmere bell"
    assert renamed("where is the halvard bell", drawn) == "where is the halvard bell"


def test_weekdays_are_nobodys_names():
    assert names_of(["It is shut on Sundays and every Monday, says Ida Holm."]) == ["Holm"]


def test_a_word_that_is_written_small_elsewhere_is_no_name():
    texts = ["She sails with Long Ida Holm."]
    assert names_of(texts) == ["Holm", "Long"]
    assert names_of(texts, words_of(["How long is it?"])) == ["Holm"]
