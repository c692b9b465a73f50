"""What counts as right in a user's own questions: golds that no reply can match, sentences, parts,
refusals; near misses in the report."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd
import pytest
from support.towns import own_folder

from helpers.commands.assess import assess, report
from helpers.commands.assess.config import read_config
from helpers.commands.assess.folder import read_user_folder, sentence_note
from helpers.core.records import DataError
from helpers.evaluation.evaluator import evaluate, questions_task
from helpers.evaluation.scores import answer_correct

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")

DAY = dt.date(2026, 3, 2)
LONG = "Members pay a fee of 18 euros for a lost key."


@pytest.fixture
def asked(tmp_path):
    """Reads a folder with these questions (without documents)."""

    def read(*rows, toml=""):
        (tmp_path / "questions.jsonl").write_text(
            "".join(json.dumps({"question": "q?"} | row) + "\n" for row in rows), encoding="utf-8"
        )
        (tmp_path / "assess.toml").write_text(toml, encoding="utf-8")
        return read_user_folder(tmp_path, DAY)

    return read


GOOD = {"answers": ["17 days"]}


@pytest.mark.parametrize("gold", ["The", "…", "Unknown", "N/A", "Not mentioned in the document."])
def test_an_answer_that_can_never_be_right_is_a_fault_with_its_line(asked, gold):
    (fault,) = asked(GOOD, {"answers": [gold]}).faults
    assert (fault.file, fault.line, fault.field) == ("questions.jsonl", 2, "answers")


def test_such_a_fault_says_what_to_do(asked):
    (fault,) = asked(GOOD, {"answers": ["Unknown"]}).faults
    assert '"answerable": false' in fault.message


def test_a_question_without_any_other_answer_is_left_out(asked):
    assert len(asked(GOOD, {"answers": ["The", "Unknown"]}).questions) == 1


def test_beside_a_good_answer_the_question_counts(asked):
    (case,) = asked({"answers": ["Unknown", "17 days"]}).questions
    assert case.gold.answers == ("17 days",)


def test_what_is_too_long_is_named_and_kept_for_token_f1(asked):
    own = asked({"answers": ["word " * 40]})
    assert "too long" in own.faults[0].message
    assert len(own.questions) == 1


def test_a_wording_that_assess_toml_calls_a_refusal_is_no_answer(asked):
    own = asked(GOOD, {"answers": ["Pass"]}, toml='[answers]\nrefusals = ["pass"]\n')
    assert [fault.line for fault in own.faults] == [2]


@pytest.mark.parametrize(
    "marked", [{"answerable": False}, {"is_impossible": True}, {"answerable": False, "answers": []}]
)
def test_what_is_marked_as_unanswerable_should_be_refused(asked, marked):
    (case,) = asked({"answers": ["Not mentioned in the document."]} | marked).questions
    assert case.gold.answers == ()


def test_a_mark_needs_no_answers_beside_it(asked):
    (case,) = asked({"is_impossible": True}).questions
    assert case.kind == "to refuse"


@pytest.mark.parametrize(
    ("marked", "field"),
    [
        ({"answerable": "no"}, "answerable"),
        ({"is_impossible": 1}, "is_impossible"),
        ({"answerable": True, "answers": []}, "answerable"),
        ({"answerable": True, "is_impossible": True}, "is_impossible"),
        ({"must_contain": [7]}, "must_contain"),
        ({"must_contain": ["|"]}, "must_contain"),
        ({"must_contain": []}, "must_contain"),
        ({"must_contain": ["17", "the"]}, "must_contain"),
    ],
)
def test_a_mark_that_says_nothing_or_contradicts_is_named(asked, marked, field):
    assert [fault.field for fault in asked(GOOD, GOOD | marked).faults] == [field]


def test_parts_that_must_be_said_stand_for_an_answer(asked):
    (case,) = asked({"must_contain": ["2 jours|deux jours", "manager"]}).questions
    assert answer_correct("Deux jours, par le manager.", case.gold.answers)


def test_a_single_part_may_be_a_text(asked):
    (case,) = asked({"must_contain": "18 euros"}).questions
    assert answer_correct("It costs 18 euros.", case.gold.answers)


def test_parts_leave_a_sentence_beside_them_for_token_f1(asked):
    (case,) = asked({"answers": [LONG], "must_contain": ["18 euros"]}).questions
    assert case.gold.answers == ("18 euros", LONG)


def test_sentences_as_answers_are_counted(asked):
    note = sentence_note(asked({"answers": [LONG]}, GOOD, {"answers": []}))
    assert note.startswith("1 of 2 answers")


@pytest.mark.parametrize(
    "row", [GOOD, {"answers": [LONG, "18 euros"]}, {"answers": [LONG], "must_contain": ["18"]}]
)
def test_a_short_answer_or_a_part_is_enough_to_say_nothing(asked, row):
    assert sentence_note(asked(row)) is None


def test_it_is_said_before_any_model_runs(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve().url, examples=False)
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    (folder / "questions.jsonl").write_text(
        "".join(
            json.dumps(
                row
                | {"answers": [f"{a} is what the town has there, they say" for a in row["answers"]]}
            )
            + "\n"
            for row in rows
        ),
        encoding="utf-8",
    )
    said = []
    held = assess.assess(folder, tmp_path / "out", 2, said.append)
    at = next(i for i, line in enumerate(said) if "sentences of 7 words and more" in line)
    assert not any(" min " in line for line in said[:at])
    assert held["folder"]["sentence_answers"] == 12
    assert "sentences of 7 words and more" in (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "token F1" in held["arms"]["questions"][0]


def table(replies, gold, also=(), decimal="."):
    from helpers.core.cases import Arm, Ask, Case, Gold, Prediction

    cases = [
        Case(Ask(f"q{i}", "q?"), Gold(tuple(gold)), "k", f"f{i}", "test")
        for i in range(len(replies))
    ]
    arm = Arm("RAG", lambda asks: [Prediction(a.id, r) for a, r in zip(asks, replies, strict=True)])
    return evaluate(arm, cases, questions_task(also, decimal), keep=False)


def test_near_misses_are_counted_beside_what_is_right():
    found = report.arms_table({"RAG": table(["17 days", "17-day", "3 weeks"], ["17 days"])})
    assert found.loc["RAG", "near misses"] == 1


def test_near_misses_are_listed_with_reply_and_gold():
    found = report.near_misses({"RAG": table(["17-day", "3 weeks"], ["17 days"])})
    assert list(found[["system", "answer", "gold"]].iloc[0]) == ["RAG", "17-day", "17 days"]


def test_token_f1_stands_beside_what_is_right():
    found = report.arms_table({"RAG": table(["17 days", "3 weeks"], ["17 days"])})
    assert found.loc["RAG", "token F1"] == 0.5


def test_a_stated_locale_reaches_the_judge():
    assert table(["1.200"], ["1200"], decimal=",")["right"].item()


def test_a_stated_refusal_reaches_the_judge():
    assert table(["Pass."], [], also=["pass"])["right"].item()


def test_the_folder_states_locale_and_refusals():
    wishes, faults = read_config('[answers]\ndecimal = ","\nrefusals = ["pass"]\n')
    assert (wishes.answers.decimal, wishes.answers.refusals, faults) == (",", ["pass"], [])


@pytest.mark.parametrize("wrong", ['decimal = ";"', 'refusals = "pass"', 'refusals = [""]'])
def test_what_cannot_be_stated_is_named_with_its_line(wrong):
    _, (fault,) = read_config(f"[answers]\n{wrong}\n")
    assert fault.line == 2


def test_a_folder_of_nothing_but_such_answers_is_refused_with_its_lines(asked):
    with pytest.raises(DataError, match="line 1"):
        asked({"answers": ["N/A"]})


def test_a_report_of_examples_alone_has_no_near_misses():
    assert not len(report.near_misses({"few-shot": pd.DataFrame({"right": [True]})}))
