"""What labels say of themselves: every finding on rows made to have it, and none on rows that are
well."""

from __future__ import annotations

import pytest

from helpers.core.cases import Ask, Case, Gold
from helpers.data.label_audit import Doubt, label_audit
from helpers.systems.classifier import out_of_fold

COUNTED = (
    "inputs with several labels",
    "labels in several spellings",
    "labels with fewer than 3 rows",
    "held-out rows nearly as in training",
)


def rows(*pairs, start="r"):
    return [
        Case(
            Ask(f"{start}{n}", text),
            Gold(answers=(out,)) if isinstance(out, str) else Gold(output=out),
            "own rows",
            f"f{n}",
            "train",
        )
        for n, (text, out) in enumerate(pairs)
    ]


WELL = rows(*((f"message number {n}", "ab"[n % 2]) for n in range(12)))


@pytest.mark.parametrize("finding", COUNTED)
def test_rows_that_are_well_have_no_finding(finding):
    assert label_audit(WELL).table().loc[finding, "count"] == 0


def test_an_input_with_two_labels_lowers_the_ceiling():
    found = label_audit(rows(("x", "a"), ("X!", "b"), ("x", "a"), ("y", "a")))
    assert found.ceiling == 3 / 4


def test_an_input_with_two_labels_is_counted_by_its_rows():
    found = label_audit(rows(("x", "a"), ("X!", "b"), ("x", "a"), ("y", "a")))
    assert found.table().loc["inputs with several labels", "count"] == 3


def test_a_ceiling_just_below_all_does_not_read_as_all():
    pairs = [("x", "a"), ("x", "b"), *((f"m {n}", "a") for n in range(3_000))]
    (said,) = label_audit(rows(*pairs)).remarks()
    assert "more than 99.9 % of the rows" in said


def test_contradictions_between_train_and_held_out_are_seen():
    found = label_audit(rows(("x", "a")), rows(("x", "b"), start="t"))
    assert found.contradictions == {"x": {"a": 1, "b": 1}}


def test_labels_in_several_spellings_are_put_together():
    labels = ["Refund", "refund ", "REFUND", "other"] * 3
    found = label_audit(rows(*((f"m {n}", label) for n, label in enumerate(labels))))
    assert found.spellings == {"": [["REFUND", "Refund", "refund "]]}


def test_a_label_with_few_rows_is_named_with_its_field():
    outputs = [{"team": "a", "urgent": True}] * 8 + [{"team": "b", "urgent": True}] * 2
    found = label_audit(rows(*((f"m {n}", out) for n, out in enumerate(outputs))))
    assert found.rare == [("team", "b", 2)]


def test_shares_add_up_for_each_field():
    shares = label_audit(WELL).shares()
    assert shares.groupby("field")["share"].sum().tolist() == [1.0]


def test_texts_that_do_not_come_back_are_no_labels():
    assert label_audit(rows(*((f"m {n}", f"reply {n}") for n in range(9)))).labels == {}


NEAR = "the blue pump of the machine in hall {} leaks oil since this morning"


def test_a_held_out_row_that_is_nearly_one_of_training_is_found():
    found = label_audit(rows((NEAR.format(3), "a")), rows((NEAR.format(7), "b"), start="t"))
    assert [(one.train.id, one.held_out.id, one.same_label) for one in found.near] == [
        ("r0", "t0", False)
    ]


@pytest.mark.parametrize(
    "text", ["the pump leaks", "another thing altogether happened to us today"]
)
def test_short_or_other_texts_are_not_nearly_the_same(text):
    assert label_audit(rows((NEAR.format(3), "a")), rows((text, "a"), start="t")).near == []


def test_doubts_stand_in_the_table_where_there_are_any():
    doubt = Doubt("r3", "", "a", "b", 0.1, 0.9)
    table = label_audit(WELL, doubts=[doubt]).table()
    assert table.loc["labels that a classifier doubts", "example"] == "r3: 'a', or 'b'?"


def test_where_no_classifier_was_asked_the_table_says_nothing_of_doubts():
    assert "labels that a classifier doubts" not in label_audit(WELL).table().index


# --- what a classifier doubts ---------------------------------------------------------------------

TOPICS = {"pump": "the pump leaks oil again", "bill": "the invoice shows a wrong sum"}
CLEAN = [
    (f"{text} number {n}", topic) for topic, text in TOPICS.items() for n in range(20)
]  # words apart, so that made vectors are


def doubted(pairs):
    return {one.id for one in out_of_fold(rows(*pairs))}


@pytest.mark.usefixtures("cache", "made_vectors")
def test_a_wrong_label_is_doubted():
    wrong = [(text, "bill" if n == 5 else label) for n, (text, label) in enumerate(CLEAN)]
    assert doubted(wrong) == {"r5"}


@pytest.mark.usefixtures("cache", "made_vectors")
def test_right_labels_are_not_doubted():
    assert doubted(CLEAN) == set()


@pytest.mark.usefixtures("cache", "made_vectors")
def test_a_doubt_says_what_would_fit():
    wrong = [(text, "bill" if n == 5 else label) for n, (text, label) in enumerate(CLEAN)]
    (one,) = out_of_fold(rows(*wrong))
    assert (one.label, one.said, one.given < one.sure) == ("bill", "pump", True)


@pytest.mark.usefixtures("cache", "made_vectors")
def test_each_field_of_an_object_is_looked_at():
    pairs = [
        (text, {"topic": label, "open": (n == 7) != (label == "pump")})
        for n, (text, label) in enumerate(CLEAN)
    ]
    assert {(one.id, one.field) for one in out_of_fold(rows(*pairs))} == {("r7", "open")}


@pytest.mark.usefixtures("cache", "made_vectors")
def test_a_row_is_never_judged_by_its_own_twin():
    twins = [("the pump leaks oil again number 3", "bill")] * 6
    assert {f"r{40 + n}" for n in range(6)} <= doubted([*CLEAN, *twins])
