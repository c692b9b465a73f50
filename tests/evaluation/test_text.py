"""Two texts say the same, or they do not: letters, signs, units, one number in many spellings, and
scripts that put no space between words. The typed forms are those that people really bring."""

from __future__ import annotations

import pytest

from helpers.evaluation.scores import answer_correct, near_miss
from helpers.evaluation.text import AllOf, holds, tokens

SAME = [
    # letters that name something
    ("A", "A"),
    ("Answer: A", "A"),
    ("(A)", "A"),
    ("A is right.", "A"),
    ("It is Plan A.", "Plan A"),
    ("plan a", "Plan A"),
    ("Use form A for this.", "Form A"),
    ("A manager signs it.", "manager"),
    ("Once a year", "once a year"),
    ("ASK A MANAGER", "ask a manager"),
    ("The 14th", "the 14th"),
    ("It is written in C++.", "C++"),
    ("blood group A+", "A+"),
    ("Rh-", "Rh-"),
    # signs
    ("It is −5 °C outside.", "-5 °C"),
    ("minus 5 degrees", "-5 degrees"),
    ("+5 degrees", "5 degrees"),
    ("fewer than 9, that is <9", "<9"),
    ("between 12–14 days", "12-14 days"),
    ("12 to 14 days", "14 days"),  # each end is named
    ("9:00-17:00", "17:00"),
    ("2026-04-17", "2026-04-17"),
    ("29.0", "29"),
    ("+", "+"),
    ("👍", "👍"),
    ("The sign is 👍.", "👍"),
    # one number, many spellings
    ("0.5", ".5"),
    ("It costs $29.00.", "29"),
    ("It costs 29 dollars.", "$29"),
    ("$14.50", "14.5"),
    ("CA$54", "54"),
    ("1 200 people", "1200"),
    ("1\u2009200 people", "1200"),
    ("1\u202f350", "1350"),
    ("1\u00a0350", "1,350"),
    ("1'350", "1350"),
    ("1\u2019234\u2019567", "1234567"),
    ("€1.200,50", "1200.50"),
    ("10,5 %", "10.5 %"),
    ("10.5 percent", "10,5 %"),
    ("½", "0.5"),
    ("11½ hours", "11.5 hours"),
    ("11 ½ hours", "11.5 hours"),
    ("¾ l", "0.75 l"),
    ("１２ days", "12 days"),
    ("٢٩", "29"),
    # units
    ("10² metres", "10^2 metres"),
    ("25 m²", "25 m2"),
    ("CO₂", "CO2"),
    ("CO2", "CO₂"),
    ("21 ℃", "21 °C"),
    # letters set otherwise
    ("the ﬁnal oﬀice", "final office"),
    ("STRASSE", "Straße"),
    ("soft\u00adware", "software"),
    ("Trellis™", "Trellis"),
    ("हिन्दी में", "हिन्दी"),
    # scripts without spaces
    ("访客证有效期三天。", "三天"),
    ("有効期間は3日間です。", "3日間"),
    ("บัตรผู้เยี่ยมชมใช้ได้สามวัน", "สามวัน"),
    ("答えは東京です。", "東京"),
    ("정답은 서울입니다.", "서울"),
    ("年假是11天。", "11天"),
]
OTHER = [
    ("Plan B", "Plan A"),
    ("Hepatitis B", "Hepatitis A"),
    ("The form", "Form A"),
    ("Class B", "Class A"),
    ("Vitamin", "Vitamin A"),
    ("A plan", "Plan A"),
    ("C", "C++"),
    ("C++", "C"),
    ("C#", "C"),
    ("A+", "A"),
    ("Rh+", "Rh-"),
    ("5 degrees", "-5 degrees"),
    ("-5 degrees", "5 degrees"),
    ("minus 5 degrees", "5 degrees"),
    ("5 °C above zero", "−5 °C"),
    ("<5", "5"),
    ("> 5", "5"),
    ("≥5", "5"),
    ("±5", "5"),
    ("5", "<5"),
    ("12-14 days", "14 days"),
    ("12–14 days", "12 days"),
    ("12 – 14 days", "14 days"),
    ("10²", "10"),
    ("10²", "102"),
    ("10^2", "10"),
    ("10⁻³", "10"),
    ("1 200", "200"),
    ("1\u202f200", "200"),
    ("1.200,50", "50"),
    ("10,5 %", "5 %"),
    ("11½", "11"),
    ("€5", "$5"),
    ("5 EUR", "$5"),
    ("5 €", "5 %"),
    ("5 %", "$5"),
    ("version 2.10", "version 2.1"),
    ("5.40 am", "5.4 %"),
    ("IP43", "43"),
    ("B12", "12"),
    ("CO2", "2"),
    ("हिन्दू", "हिन्दी"),
    ("访客证有效期十三天。", "三天"),
    ("三十天", "三"),
    ("13天", "3天"),
    ("不可以", "可以"),
    ("没有", "有"),
    ("ไม่ได้", "ได้"),
    ("บัตรใช้ได้สองวัน", "สามวัน"),
]


@pytest.mark.parametrize(("reply", "gold"), SAME)
def test_the_same_is_said(reply, gold):
    assert answer_correct(reply, [gold])


@pytest.mark.parametrize(("reply", "gold"), OTHER)
def test_something_else_is_said(reply, gold):
    assert not answer_correct(reply, [gold])


@pytest.mark.parametrize(
    ("reply", "gold", "held"),
    [
        ("1.200", "1200", True),
        ("€1.200,50", "1200.50", True),
        ("€1.200,50", "1200,50", True),
        ("1,350", "1350", False),
        ("1,350", "1,35", False),
        ("2,50 €", "2,5", True),
    ],
)
def test_a_stated_locale_says_what_comma_and_point_mean(reply, gold, held):
    assert holds(reply, [gold], decimal=",") is held


def test_without_a_stated_locale_a_point_is_no_thousands_separator():
    assert not holds("1.200", ["1200"])


def test_a_letter_is_an_article_only_where_it_stands_like_one():
    assert tokens("A manager reads a form, then form A") == [
        "manager",
        "reads",
        "form",
        "then",
        "form",
        "a",
    ]


BOTH = AllOf("2 days|two days", "manager")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Ask your manager 2 days before.", True),
        ("Two days before, by the manager.", True),
        ("Ask your manager.", False),
        ("2 days", False),
    ],
)
def test_every_part_must_be_said_in_one_of_its_wordings(reply, right):
    assert answer_correct(reply, [BOTH]) is right


def test_an_answer_of_parts_reads_as_its_first_wordings():
    assert BOTH == "2 days … manager"


def test_forty_characters_of_chinese_are_no_long_answer():
    assert answer_correct(
        "根据员工手册的规定，每一位全职员工每年都可以享受的带薪年假一共是十一天。", ["十一天"]
    )


def test_a_reply_in_chinese_that_says_everything_is_too_long():
    assert not answer_correct("每年十一天或者十二天或者十三天" * 5, ["十一天"])


@pytest.mark.parametrize(
    ("reply", "gold", "near"),
    [
        ("1.200", "1200", True),  # a point that may part thousands
        ("14-day", "14 days", True),
        ("12-14 days", "14 days", True),
        ("€5", "$5", True),
        ("I think it is 14 days.", "14 days", True),
        ("cafe noir", "café noir", True),
        ("17 days", "14 days", False),
        ("Plan B", "Plan A", False),
        ("14 days", "14 days", False),  # right is no near miss
        ("", "14 days", False),
        ("I don't know.", "14 days", False),
    ],
)
def test_a_near_miss_is_wrong_by_rule_and_close_in_characters(reply, gold, near):
    assert near_miss(reply, [gold]) is near


def test_where_a_refusal_was_right_nothing_is_near():
    assert not near_miss("14 days", [])
