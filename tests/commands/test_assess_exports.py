"""What an assessment hands to other tools: the same answers and scores as in its report."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
from support.towns import own_folder, quiet

from helpers.commands.assess import assess
from helpers.commands.assess.exports import as_csv, predictions, write_exports
from helpers.commands.assess.report import arms_table
from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.evaluation.evaluator import QUESTIONS, evaluate

ASKED = [
    Case(Ask(f"q{n}", f"How many {n}?"), Gold(answers=(str(n),) * (n < 6)), "k", f"f{n}", "test")
    for n in range(8)
]


def arm(name, says):
    return Arm(name, lambda asks: (Prediction(a.id, says(a), tokens_in=3) for a in asks), name)


@pytest.fixture
def done(cache):
    """(arm -> table, one line an arm, the folder with the files)."""
    tables = {
        name: evaluate(arm(name, says), ASKED, QUESTIONS)
        for name, says in (("knows", lambda a: a.id[1:]), ("zero", lambda a: "0"))
    }
    out, lines = cache / "out", arms_table(tables)
    write_exports(tables, lines, "m", "Towns", out)
    return tables, lines, out


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def logs(out):
    return [json.loads(one.read_text(encoding="utf-8")) for one in (out / "logs").glob("*.json")]


def accuracy(log):
    return log["results"]["scores"][0]["metrics"]["accuracy"]["value"]


def test_every_answer_of_every_arm_is_in_predictions(done):
    tables, _, out = done
    rows = read_lines(out / "predictions.jsonl")
    assert [(row["arm"], row["id"], row["answer"], row["right"]) for row in rows] == [
        (name, row.id, row.answer, row.right)
        for name, table in tables.items()
        for row in table.itertuples()
    ]


def test_predictions_hold_input_gold_and_scores(done):
    row = read_lines(done[2] / "predictions.jsonl")[0]
    assert {"input", "gold", "token_f1", "error", "seconds"} <= row.keys()


@pytest.mark.parametrize("name", ["predictions", "scores"])
def test_the_csv_files_hold_the_same_rows(done, name):
    table = pd.read_csv(done[2] / f"{name}.csv", dtype=str, keep_default_na=False)
    assert table["arm"].tolist() == [row["arm"] for row in read_lines(done[2] / f"{name}.jsonl")]


def test_the_scores_are_those_of_the_report(done):
    _, lines, out = done
    found = {row["arm"]: row["share"] for row in read_lines(out / "scores.jsonl")}
    assert found == lines["share"].to_dict()


def test_each_arm_has_a_log_with_its_accuracy(done):
    found = {log["eval"]["task"].partition(": ")[2]: accuracy(log) for log in logs(done[2])}
    assert found == done[1]["share"].to_dict()


def test_the_samples_of_a_log_say_right_and_wrong(done):
    for log in logs(done[2]):
        marks = [one["scores"]["right"]["value"] for one in log["samples"]]
        assert marks.count("C") / len(marks) == accuracy(log)


def test_a_second_start_leaves_one_log_an_arm(done):
    tables, lines, out = done
    write_exports({"knows": tables["knows"]}, lines, "m", "Towns", out)
    assert [log["eval"]["task"] for log in logs(out)] == ["questions: knows"]


def test_a_log_is_read_by_inspect_ai(done):
    reader = pytest.importorskip("inspect_ai.log")
    for path in (done[2] / "logs").glob("*.json"):
        assert reader.read_eval_log(str(path)).status == "success"


def test_an_assessment_writes_them(serve, tmp_path):
    out = tmp_path / "out"
    home = own_folder(tmp_path / "own", serve().url, examples=False)
    held = assess.assess(home, out, 2, quiet)
    assert {row["arm"] for row in read_lines(out / "predictions.jsonl")} == {
        row["arm"] for row in held["arms"]["questions"]
    }


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "+1", "-1", "@x", "\t=1"])
def test_nothing_in_a_csv_file_is_a_formula(text):
    (row,) = csv.DictReader(io.StringIO(as_csv([{"a": text}])))
    assert row["a"] == f"'{text}"


def test_a_negative_number_stays_a_number():
    assert as_csv([{"a": -1.5}]) == "a\n-1.5\n"


def test_what_is_no_number_is_null():
    table = pd.DataFrame([{"id": "a", "right": True, "token_f1": float("nan")}])
    assert predictions(table) == [{"id": "a", "right": True, "token_f1": None}]
