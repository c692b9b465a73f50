"""What is signed fits on a page and says what was not done; the burden is counted from releases."""

from __future__ import annotations

import pytest
from support.releases import make_release

from helpers.release.canary import plan_canary, replay
from helpers.release.gate import HardStop, gate, plan_gate
from helpers.release.manifest import PARTS
from helpers.release.note import SIGNS, burden, model_card, release_note, rounded
from helpers.release.registry import RolledBack

LINES_A_PAGE = 60
SLICES = {"billing": [str(i) for i in range(30)], "other": [str(i) for i in range(30, 90)]}
PLAN = plan_gate(90, 0.1, {name: len(ids) for name, ids in SLICES.items()})
RIGHT = {str(i): i % 2 == 0 for i in range(90)}


@pytest.fixture
def releases(tmp_path):
    return [make_release(tmp_path / name, prompt=f"Prompt {name}.") for name in "ab"]


NO_LEAKS = (HardStop("leaks", 0, 40),)


def verdict(candidate=RIGHT, stops=NO_LEAKS):
    return gate(PLAN, RIGHT, candidate, SLICES, stops)


def test_a_note_is_one_page(releases):
    canary = replay(plan_canary(0.2, 0.5, 0.2, 90), list(RIGHT), [True] * 90, [False] * 90)
    note = release_note(releases[1], verdict(), canary, None, RolledBack("b", "a", 0.1))
    assert len(note.splitlines()) <= LINES_A_PAGE


def test_a_note_says_what_changed_and_who_signs(releases):
    note = release_note(releases[1], verdict(), before=releases[0])
    assert "**Changed:** prompt." in note
    assert "**To sign:** product owner." in note


def test_a_note_says_what_was_not_done(releases):
    note = release_note(releases[1], verdict(stops=()))
    assert note.count("not done") == 3  # hard stops, canary, drift
    assert "not tried yet" in note


def test_a_note_of_a_stopped_release_says_why(releases):
    note = release_note(releases[1], verdict(dict.fromkeys(RIGHT, False)))
    assert note.splitlines()[0].endswith("stopped")
    assert "- all cases: a loss of" in note


def test_a_note_states_what_the_gate_cannot_stop(releases):
    assert f"stop a loss of {100 * PLAN.smallest:.1f} points 95 times" in release_note(
        releases[0], verdict()
    )


def test_a_card_is_one_page_and_names_every_part(releases):
    card = model_card(releases[0], {"right": "52 %, 40 to 64 %, n = 60"}, ["English only"])
    assert len(card.splitlines()) <= LINES_A_PAGE
    assert all(f"| {name} |" in card for name in PARTS)


def test_somebody_signs_for_every_part():
    assert set(SIGNS) == set(PARTS)


def test_the_burden_is_counted_from_the_releases(releases, tmp_path):
    without = make_release(tmp_path / "c", index=None)
    table = burden(
        {"tuned": [without, without], "RAG": releases},
        {"tuned": 12.0},
        {"RAG": RolledBack("b", "a", 0.25)},
    )
    assert table["parts to version"].to_dict() == {"tuned": 7, "RAG": 8}
    assert table["changed by a release"].to_dict() == {"tuned": "–", "RAG": "prompt"}
    assert table.loc["RAG", "who signs"] == "product owner"
    assert table.loc["RAG", "seconds to roll back"] == 0.25


def test_the_burden_is_read_without_raw_numbers(releases):
    table = burden({"RAG": releases}, {}, {"RAG": RolledBack("b", "a", 1.519263)})
    assert rounded(table)["RAG"].to_list() == [8, "prompt", "–", "1.5", "product owner"]
