"""The release that forgot to refuse is better on what has an answer, and stopped for the rest."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.experiments.refusals import ARMS, dev_questions, load_refusals
from helpers.release.gate import HardStop, gate, plan_gate


@pytest.fixture(scope="module")
def kept():
    return load_refusals()


def test_it_was_measured_on_the_dev_questions_of_today(kept):
    assert kept.ids == tuple(case.id for case in dev_questions())


def test_what_should_be_refused_is_what_has_no_answer(kept):
    assert kept.to_refuse == tuple(c.id for c in dev_questions() if not c.gold.answers)


def test_one_of_them_never_refuses(kept):
    assert all(kept.answered("never refuses", kept.ids))


def test_the_other_one_does(kept):
    assert not all(kept.answered("refuses", kept.to_refuse))


def test_scores_alone_let_it_pass_and_the_hard_stop_does_not(kept):
    old, new = (kept.right(arm, kept.answerable) for arm in ARMS)
    before, now = (kept.answered(arm, kept.to_refuse) for arm in ARMS)
    stop = HardStop.counted("answered", now, allowed=np.mean(before) + 0.1)
    plan = plan_gate(len(old), 0.1)
    assert gate(plan, old, new, {}).passed
    assert not gate(plan, old, new, {}, [stop]).passed
