"""House style: every rule can be broken alone and is then the only one; the guide says what the
code does; the rows keep all of it."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from support.build_scripts import build_script

from helpers.core import settings
from helpers.core.cases import Arm, Gold, Prediction
from helpers.core.records import DataError
from helpers.evaluation import house_style
from helpers.evaluation.evaluator import evaluate
from helpers.evaluation.house_style import (
    RULES,
    STYLE,
    Brief,
    Fact,
    load_style,
    read_brief,
    rules_kept,
)

BRIEF = Brief(
    "Hamish",
    "I lost the power supply, does it matter?",
    (
        Fact("missing mains adapter", "8.60 GBP"),
        Fact("screws", "never charged for"),
        Fact("by", "Tuesday"),
    ),
)
GOOD = (
    "Hello Hamish,\nA missing mains adapter takes 8.60 GBP off the refund. Screws are never charged"
    " for, and the rest comes on Tuesday.\nYour neighbours at Brindlemark"
)
BREAKS = {  # rule -> replies that break it and nothing else
    "greeting": [
        GOOD.replace("Hello Hamish,", "Hi Hamish,"),
        GOOD.replace("Hamish", "Hamisch"),
        GOOD.replace("Hello Hamish,", "Hello,"),
    ],
    "sign-off": [
        GOOD.replace("Your neighbours at Brindlemark", "Yours, Ann"),
        GOOD.replace("Tuesday.", "Tuesday, as your neighbours say.").replace(
            "\nYour neighbours at Brindlemark", "\nYour neighbours at Brindlemark."
        ),
        GOOD + "\nYour neighbours at Brindlemark",
    ],
    "answer first": [GOOD.replace("A missing", "Thank you for writing. A missing")],
    "every fact": [
        GOOD.replace(", and the rest comes on Tuesday", ""),
        GOOD.replace("never charged for", "free"),
        GOOD.replace("8.60 GBP", "some GBP")
        .replace("Screws are", "Then screws are")
        .replace("takes some GBP off the refund. Then screws", "is short on Tuesday. Screws"),
    ],
    "no other number": [
        GOOD.replace("on Tuesday", "on Tuesday 3 March"),
        GOOD.replace("Screws are", "After 14 days screws are"),
    ],
    "units": [
        GOOD.replace("Hamish,\n", "Hamish,\nIt is 8.60 GBP, or 8.60 of ours. ", 1),
        GOOD.replace("the rest", "100 % of the rest").replace("100 ", ""),
    ],
    "whole sentences": [
        GOOD.replace(" Screws", "\nScrews"),
        GOOD.replace("the rest comes", "by the way: the rest comes"),
        GOOD.replace("Tuesday.", "Tuesday"),
        GOOD.replace("\nA missing", "\n- A missing"),
    ],
    "short": [GOOD.replace("Tuesday.", "Tuesday. " + "We look after the rest of it for you. " * 6)],
    "short sentences": [
        GOOD.replace("on Tuesday", "on Tuesday " + "with all that belongs to it " * 3)
    ],
    "no contraction": [
        GOOD.replace("the rest comes", "the rest doesn't come before or after but"),
        GOOD.replace("Screws are", "It’s so that screws are"),
        GOOD.replace("the rest comes", "we'll send the rest"),
    ],
    "calm": [
        GOOD.replace("Tuesday.", "Tuesday!"),
        GOOD.replace("Tuesday.", "Tuesday 🌱."),
        GOOD.replace("never charged", "NEVER charged"),
        GOOD.replace("Screws", "PLEASE note that screws"),
    ],
    "house words": [
        GOOD.replace("the refund", "the refund of your controller"),
        GOOD.replace("the rest", "the Batteries"),
        GOOD.replace("the refund", "what you returned"),
        GOOD.replace("Screws", "In the app, screws"),
    ],
    "no form letter": [
        GOOD.replace("Screws", "Unfortunately screws"),
        GOOD.replace("Screws", "As per our rules screws"),
    ],
    "says when": [
        GOOD.replace("on Tuesday", "soon, on Tuesday"),
        GOOD.replace("on Tuesday", "as quickly as possible, on Tuesday"),
    ],
    "one apology": [GOOD.replace("Tuesday.", "Tuesday. Sorry. We apologise for that.")],
}


def test_a_reply_that_keeps_all_rules():
    assert rules_kept(GOOD, BRIEF) == dict.fromkeys(RULES, True)
    assert rules_kept(
        GOOD.replace("\n", "\n\n").replace("the refund.", "the refund. I am sorry."), BRIEF
    ) == dict.fromkeys(RULES, True)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_be_broken_alone(rule):
    for text in BREAKS[rule]:
        assert text != GOOD
        assert [name for name, ok in rules_kept(text, BRIEF).items() if not ok] == [rule], text


def test_facts_as_they_are_break_one_rule_only():
    """The baseline without skill: most of what can be checked, a template keeps."""
    for case in load_style("dev"):
        brief = read_brief(case.ask.input)
        assert [name for name, ok in rules_kept(brief.as_reply(), brief).items() if not ok] == [
            "whole sentences"
        ], case.id


def test_silence_keeps_no_rule():
    for text in ("", "  \n"):
        assert not any(rules_kept(text, BRIEF).values())


@pytest.mark.parametrize(
    "said",
    [
        "between 02:40 and 04:10",
        "from -7 to 48 °C",
        "for 2 to 3 working days",
        "the Sprig 8 and zone 4",
        "under HC 40718",
        "for order HB-209",
        "part GA-231",
        "on 9 January",
        "35 per cent",
        "at 43 m/s",
        "with 0.45 Nm",
        "4 extra months",
        "IP56",
    ],
)
def test_numbers_with_a_unit_or_a_name(said):
    assert house_style.gives_units(f"Hello A,\nIt is so {said}.\n{house_style.SIGN_OFF}", BRIEF)


@pytest.mark.parametrize(
    "said", ["it takes 14", "the 3 of us", "8.60", "€ 9.70", "9.70 €", "35 %", "2 to 3"]
)
def test_numbers_without(said):
    assert not house_style.gives_units(
        f"Hello A,\nIt is so: {said}.\n{house_style.SIGN_OFF}", BRIEF
    )


@pytest.mark.parametrize(
    "said",
    [
        "the customer's garden",
        "Ewan's parcel",
        "the neighbours' hedge",
        "Let us see",
        "It is",
        "rain, wind or sun",
    ],
)
def test_what_is_no_contraction(said):
    assert house_style.has_no_contraction(said, BRIEF)


def test_a_battery_pack_is_no_battery_and_an_application_no_app():
    assert house_style.uses_house_words(
        "Hello A,\nThe battery packs apply where the appliance yardstick is packaged.\n", BRIEF
    )


def test_the_guide_lists_the_rules_and_the_words():
    text = (settings.DATA / "style/GUIDE.md").read_text(encoding="utf-8")
    rules, words = (
        re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", part, re.MULTILINE)[2:]
        for part in text.split("## The rules")[1].split("## House words")
    )
    assert [name for name, _ in rules] == list(RULES)
    assert len(RULES) >= 8
    assert dict(words[: len(house_style.VOCABULARY)]) == house_style.VOCABULARY
    for phrase in (
        house_style.GREETING,
        house_style.SIGN_OFF,
        *house_style.FORM_LETTER,
        str(house_style.LONGEST_REPLY_WORDS),
        str(house_style.LONGEST_SENTENCE_WORDS),
    ):
        assert phrase in text, phrase
    example = re.findall(r"```\n(.*?)\n```", text, re.DOTALL)
    assert all(rules_kept(example[1], read_brief(example[0])).values()), (
        "the example of the guide breaks its rules"
    )
    assert house_style.GREETING in house_style.GUIDE
    assert house_style.SIGN_OFF in house_style.GUIDE


def test_a_brief_is_read_as_it_is_written():
    assert read_brief(str(BRIEF)) == BRIEF
    for wrong in (
        "",
        "From: A\nQuestion: b",
        "From: A\nQuestion: b\nFacts:\n",
        "From: A\nQuestion: b\nFacts:\n- no value",
        str(BRIEF) + "\nP.S. more",
        "From: \nQuestion: b\nFacts:\n- a: b",
    ):
        with pytest.raises(ValueError, match="the input must be"):
            read_brief(wrong)


# --- the rows -------------------------------------------------------------------------------------


def test_there_are_enough_rows_and_each_keeps_the_rules():
    train, dev = load_style("train"), load_style("dev")
    assert len(train) >= 150
    assert len(dev) >= 40
    for case in (*train, *dev):
        assert all(rules_kept(case.gold.output["reply"], read_brief(case.ask.input)).values()), (
            case.id
        )
    assert len({case.id for case in (*train, *dev)}) == len(train) + len(dev)


def test_the_rows_come_from_the_script_byte_for_byte():
    build = build_script("style")
    made = build.products(list(build.read_blocks(build.WRITTEN.read_text(encoding="utf-8"))))
    for split, text in made.items():
        assert (settings.DATA / f"style/{split}.jsonl").read_bytes() == text.encode(), (
            "run: python labs_data/build/style.py"
        )


def test_the_script_holds_facts_against_the_handbook():
    build = build_script("style")
    text = build.WRITTEN.read_text(encoding="utf-8")
    assert build.problems(list(build.read_blocks(text))) == []

    def found(old, new):
        assert text.count(old) == 1
        return " / ".join(build.problems(list(build.read_blocks(text.replace(old, new)))))

    assert "['38'] do not stand in returns-uk-v2" in found(
        "- time to send it back: 37 days from delivery @ru",
        "- time to send it back: 38 days from delivery @ru",
    )
    for value in ("35", "38"):  # what an update changes may be said in neither version
        assert f"['{value}'] do not stand in warranty-terms" in found(
            "- ship-first: between April and September @wa", f"- ship-first: {value} per cent @wa"
        )
    assert "is also in train" in found("- history: 26 months @al", "- history: 12 days @al")
    assert "the same text as in line" in found(
        "Calum: I love my sprig, just wanted to say",
        "Trude: My husband died and the plan is in his name. What do I do?",
    )
    with pytest.raises(ValueError, match="line 3: a block is"):
        list(build.read_blocks("# train\n\nMaren: hello\n- fact without value\nText."))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"output": "Hi."}, "breaks the rule 'greeting'"),
        ({"input": "What?"}, "field 'input': the input must be"),
        ({"source": "found"}, "field 'source'"),
        ({"mood": "good"}, "field 'mood'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, change, said):
    lines = (settings.DATA / "style/dev.jsonl").read_text(encoding="utf-8").splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | change)
    (tmp_path / "dev.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"dev.jsonl line 3: ") as error:
        load_style("dev", tmp_path / "dev.jsonl")
    assert said in str(error.value)


# --- the task -------------------------------------------------------------------------------------


def test_the_task_scores_gold_as_right_and_an_echo_as_wrong(cache):
    cases = load_style("dev")
    replies = {case.id: case.gold.output["reply"] for case in cases}
    gold = evaluate(
        Arm("gold", lambda asks: (Prediction(a.id, replies[a.id]) for a in asks), "gold"),
        cases,
        STYLE,
    )
    echo = evaluate(
        Arm("echo", lambda asks: (Prediction(a.id, a.input) for a in asks), "echo"), cases, STYLE
    )
    assert gold["right"].all()
    assert (gold["rules_kept"] == 1).all()
    assert (gold["facts_used"] == 1).all()
    assert not echo["right"].any()
    assert not echo["greeting"].any()
    assert (echo["facts_used"] == 1).all()
    assert set(RULES) <= set(gold.columns)


def test_right_asks_for_every_fact_and_no_breakdown():
    gold = Gold(output={"reply": GOOD, "brief": str(BRIEF)})
    assert STYLE.correct(Prediction("a", GOOD), gold)
    one_short = BREAKS["every fact"][0]
    assert not STYLE.correct(Prediction("a", one_short), gold)
    assert STYLE.scores(Prediction("a", one_short), gold)["facts_used"] == pytest.approx(2 / 3)
    assert not STYLE.correct(Prediction("a", GOOD, error="out of memory"), gold)
    broken = STYLE.scores(Prediction("a", GOOD, error="out of memory"), gold)
    assert broken["rules_kept"] == broken["facts_used"] == 0


def test_the_picture_says_who_keeps_all_rules():
    from helpers.plots import rules_kept

    rows = {rule: [True, True, False, False] for rule in RULES} | {
        "right": [True, False, False, False],
        "arm": "tuned",
    }
    picture = rules_kept(
        [pd.DataFrame(rows), pd.DataFrame(rows | {"arm": "few-shot", "right": [False] * 4})],
        list(RULES),
    )
    assert picture.alt.startswith("All rules kept: tuned 25 %, few-shot 0 % (n = 4).")
    assert "greeting: tuned 50 %" in picture.alt
    assert picture.png.startswith(b"\x89PNG")
    assert set(picture.table["rule"]) == {
        *RULES,
        "all rules",
    }
