"""Two repairs in two orders: what is compared with what, and what is said of it."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.core.cases import Ask, Case, Gold
from helpers.experiments import repairs

RIGHT = {"neither": 10, "search": 14, "reader": 30, "both": 60}


def table(right: int, n: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": "RAG",
            "id": [f"q{i}" for i in range(n)],
            "fact": [f"f{i}" for i in range(n)],
            "right": [i < right for i in range(n)],
        }
    )


@pytest.fixture(scope="module")
def orders():
    return repairs.in_both_orders({name: table(right) for name, right in RIGHT.items()})


def test_each_repair_is_compared_as_a_first_and_as_a_second_step(orders):
    assert [(one.first, one.second) for one in orders] == [
        ("neither", "search"),
        ("search", "both"),
        ("neither", "reader"),
        ("reader", "both"),
    ]


def test_both_paths_end_in_the_same_corner(orders):
    search, then_reader, reader, then_search = (one.difference for one in orders)
    assert search + then_reader == pytest.approx(reader + then_search)


def test_all_four_hold_together(orders):
    assert {one.level for one in orders} == {1 - 0.05 / 4}


def test_the_title_says_the_points_of_the_first_steps(orders):
    assert repairs.first_steps(orders) == (
        "As a first step the search wins +4 points, the reader +20"
    )


def test_both_orders_are_told_with_their_verdicts(orders):
    said = repairs.told(orders)
    assert said.startswith("Search first: cannot tell (+4 points")
    assert "Reader first: better (+20 points" in said


def test_what_was_there_is_counted_as_read_or_not():
    shown = [i < 20 for i in range(100)]
    corners = {name: table(right).assign(evidence_seen=shown) for name, right in RIGHT.items()}
    assert repairs.read_rightly(corners) == (
        "Where it was there, the base read rightly 10 of 20, then 14 of 20; the reader 20 of 20,"
        " then 20 of 20."
    )


def test_three_tables_are_too_few():
    with pytest.raises(ValueError, match="four tables"):
        repairs.in_both_orders({name: table(1) for name in ("neither", "search", "both")})


def test_every_cause_has_a_next_step():
    assert set(repairs.NEXT) == {"retrieval", "distraction", "reading", "both"}


def test_only_facts_with_an_answer_and_several_wordings_are_asked_often():
    def case(id: str, fact: str, *answers: str) -> Case:
        return Case(Ask(id, "?"), Gold(answers=answers), kind="single", fact=fact, split="dev")

    cases = [
        case("a", "x", "1"),
        case("b", "x", "1"),
        case("c", "y", "2"),
        case("d", "z"),
        case("e", "z"),
    ]
    assert [one.id for one in repairs.asked_often(cases)] == ["a", "b"]
