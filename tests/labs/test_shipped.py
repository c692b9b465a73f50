"""The verdict of notebook 10 turns with what refused, gated and took back a release."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from helpers.labs import shipped

PLAN = SimpleNamespace(margin=0.18)
PASSED = SimpleNamespace(passed=True, difference=0.1, plan=PLAN)
STOPPED = SimpleNamespace(passed=False, difference=0.1, plan=PLAN)
REFUSED = ["refused, adapter: is not what was approved"] * 2


def judged(refusals=REFUSED, better=PASSED, never_refuses=STOPPED, vendor=STOPPED, same=True):
    spoiled = {"hurried": STOPPED, "vendor": vendor}
    found = shipped.like_a_release(refusals, better, never_refuses, spoiled, "rolled back", same)
    return [held for held, _ in found.values()], " ".join(why for _, why in found.values())


def test_all_parts_hold_where_everything_did_its_work():
    assert judged()[0] == [True, True, True, True]


@pytest.mark.parametrize(
    ("changed", "place", "word"),
    [
        ({"refusals": [*REFUSED, "accepted"]}, 0, "2 of 3 releases"),
        ({"better": STOPPED}, 1, "more labels is stopped"),
        ({"never_refuses": PASSED}, 1, "forgot to refuse passes"),
        ({"vendor": PASSED}, 2, "1 of 2 offers that were spoiled on purpose pass: vendor (+10"),
        ({"same": False}, 3, "not the same bytes"),
    ],
)
def test_a_part_that_failed_does_not_hold_and_says_so(changed, place, word):
    held, why = judged(**changed)
    assert held[place] is False
    assert word in why


def test_canaries_that_were_stopped_are_named_with_their_ticket():
    def canary(name, at):
        return SimpleNamespace(candidate=name, report=SimpleNamespace(passed=not at, stopped_at=at))

    assert shipped.stopped([canary("a", None), canary("b", 196)]) == "b at ticket 196"
    assert shipped.stopped([canary("a", None)]) == "none"
