"""Our scores against people: the protocol on a set small enough to count by hand, and the figures
on the published one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import ROOT

from helpers.commands.bench import judge, speed
from helpers.core.records import DataError

SHARED = next(
    (
        one
        for folder in (ROOT, ROOT.parent)
        if (one := folder / "shared" / "data" / "public" / "ragchecker").is_dir()
    ),
    None,
)
TEXTS = ["red", "red green", "red green blue", "grey"]  # F1 with the reference: .5, .8, 1, 0


def pair(number, first, second, labels):
    return [
        {
            "instance_id": number,
            "gt_answer": "red green blue",
            "model1": {"response": TEXTS[first]},
            "model2": {"response": TEXTS[second]},
            **{f"{name}_label": label for name in judge.LABELS},
        }
        for label in labels
    ]


ROWS = [
    *pair(0, 3, 2, (2, 2)),  # F1 +1
    *pair(1, 2, 3, (-2, -2)),  # -1
    *pair(2, 0, 1, (1, 0)),  # +.3
    *pair(3, 1, 1, (0, -1)),  # 0
]


@pytest.fixture
def small(tmp_path):
    (tmp_path / judge.FILE).write_text(json.dumps(ROWS), encoding="utf-8")
    return tmp_path


def test_a_score_speaks_for_the_second_answer_by_its_gain(small):
    said = judge.preferences(judge.read_pairs(small), judge.SCORES["token_f1"])
    assert said == pytest.approx([1, -1, 0.3, 0])


def test_each_person_is_met_by_the_same_score(small):
    gains = [1, 1, -1, -1, 0.3, 0.3, 0, 0]
    people = [2, 2, -2, -2, 1, 0, 0, -1]
    found = judge.bench_judge(small)["scores"]["token_f1"]["overall"]["pearson"]["value"]
    assert found == pytest.approx(100 * np.corrcoef(gains, people)[0, 1], abs=0.005)


def test_spearman_is_pearson_of_the_ranks(small):
    gains, people = [7.5, 7.5, 1.5, 1.5, 5.5, 5.5, 3.5, 3.5], [7.5, 7.5, 1.5, 1.5, 6, 4.5, 4.5, 3]
    found = judge.bench_judge(small)["scores"]["token_f1"]["overall"]["spearman"]["value"]
    assert found == pytest.approx(100 * np.corrcoef(gains, people)[0, 1], abs=0.005)


def test_people_among_themselves_are_the_two_of_each_pair(small):
    found = judge.bench_judge(small)["people_among_themselves"]["overall"]["pearson"]["value"]
    expected = 100 * np.corrcoef([2, -2, 1, 0], [2, -2, 0, -1])[0, 1]
    assert found == pytest.approx(expected, abs=0.005)


def test_an_interval_holds_its_value(small):
    one = judge.bench_judge(small)["scores"]["token_f1"]["overall"]["pearson"]
    assert one["low"] <= one["value"] <= one["high"]


def test_where_nothing_varies_there_is_no_correlation():
    same = judge.correlations(np.zeros((4, 1)), np.array([[1], [2], [0], [1]]))
    assert same == {"pearson": None, "spearman": None}


def test_the_command_says_what_cannot_apply_to_long_answers(small, capsys):
    assert speed.main(["judge", str(small)]) == 0
    assert "not applicable, right" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '[{"instance_id": 0}]', json.dumps(ROWS[:7]), json.dumps(ROWS[:2])]
)
def test_another_file_is_refused_with_its_name(tmp_path, text):
    (tmp_path / judge.FILE).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=judge.FILE):
        judge.read_pairs(tmp_path)


def test_a_folder_without_the_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="not found"):
        judge.read_pairs(tmp_path)


@pytest.fixture(scope="module")
def published():
    if SHARED is None:
        pytest.skip(f"RAGChecker's {judge.FILE} is not there (shared/data/public/ragchecker)")
    return judge.bench_judge(SHARED)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("token_f1", "token F1"), ("length", "answer length alone")]
)
@pytest.mark.parametrize("of", ["pearson", "spearman"])
def test_published_figures_come_out_within_one(published, ours, theirs, of):
    expected = published["published_overall"][theirs][of]
    assert published["scores"][ours]["overall"][of]["value"] == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("of", ["pearson", "spearman"])
def test_people_agree_as_published(published, of):
    found = published["people_among_themselves"]["overall"][of]["value"]
    expected = published["published_overall"]["people among themselves"][of]
    assert found == pytest.approx(expected, abs=0.005)
