"""The decision: monotone where it must be, silent where it cannot tell, never against a hard
requirement, and its flips are flips."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.findings import USAGE, full, share

from helpers.data.journal_file import Journal, RecordedFinding
from helpers.decision import rules
from helpers.decision.conclusion import NOT_YET, Duel, decide, one_line
from helpers.decision.costs import (
    bill,
    break_even,
    known,
    more_right,
    needed_gain,
    right,
    serving,
    total,
    weighted_findings,
    without_errors,
    yearly,
)
from helpers.decision.findings import (
    NAMES,
    REFERENCE,
    UNSEEN_N,
    Findings,
    Span,
    Usage,
    above,
    gain,
    load_findings,
    n_to_tell,
)
from helpers.decision.options import LONG, OPTIONS, PEOPLE, PROMPT, RAG, READER, ROUTER, TUNE
from helpers.decision.requirements import FIELDS, NUMBERS, YES_NO, Requirements, shown, steps
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import agreement, flips, sweep
from helpers.evaluation.evaluator import wilson

SHARES = tuple(name for name in NAMES if name != "tuned, gain")


@st.composite
def evidences(draw) -> Findings:
    """Any evidence: some findings missing, some of few cases, some of many. Half of the time all is
    there, of many cases, so that something is decided."""
    whole = draw(st.booleans())
    n = 5000 if whole else draw(st.sampled_from([12, 60, 400, 5000]))
    found = {
        name: share(draw(st.sampled_from(range(0, 101, 5))) * n // 100, n, f"id/{name}")
        for name in SHARES
        if whole or draw(st.integers(0, 4))
    }
    return Findings(found, USAGE, 0.0006, 100, 320)


@st.composite
def stated(draw) -> Requirements:
    """Any requirements; half of the time such that a person is dear and time is no matter, so that
    something is decided."""
    chosen = {name: draw(st.sampled_from(steps(name))) for name in NUMBERS} | {
        name: draw(st.booleans()) for name in YES_NO
    }
    calm = {
        "cost_refusal": 100.0,
        "cost_wrong": draw(st.sampled_from([1.0, 10.0, 50.0])),
        "latency_seconds": 100.0,
        "least_right": 0.0,
        "changes_per_year": draw(st.sampled_from([0.1, 1.0, 10.0, 100.0])),
    }
    easy = {
        "citations": False,
        "access": False,
        "data_in_weights": True,
        "can_train": True,
        "can_search": True,
    }
    calm |= {
        name: value if draw(st.integers(0, 7)) else not value for name, value in easy.items()
    } | {
        "lookup_share": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "requests_per_day": draw(st.sampled_from([100.0, 1e4, 1e6])),
    }
    return Requirements(**(chosen | (calm if draw(st.booleans()) else {})))


requirements = stated()
PROPERTY = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


# --- properties -----------------------------------------------------------------------------------


@PROPERTY
@given(requirements, evidences(), st.sampled_from([2.0, 10.0, 1000.0]))
def test_faster_changing_data_never_favours_facts_in_weights(r, evidence, faster):
    before, after = (
        decide(one, evidence).answer
        for one in (r, r.but(changes_per_year=r.changes_per_year * faster))
    )
    assert not (after == TUNE.name and before != TUNE.name), (
        f"{before} became {after} although data change {faster:g} times as fast"
    )


@PROPERTY
@given(requirements, evidences(), st.sampled_from([2, 10, 1000]))
def test_more_traffic_never_favours_longer_prompts(r, evidence, more):
    """A longer prompt may only be taken with more traffic where it is more often right: then it is
    the answers that are paid for, not the tokens."""
    first, second = (
        decide(r, evidence),
        decide(r.but(requests_per_day=r.requests_per_day * more), evidence),
    )
    if not (first.option and second.option) or first.option is second.option:
        return
    longer = (
        serving(second.option, r, evidence).tokens_in > serving(first.option, r, evidence).tokens_in
    )
    assert (
        not longer
        or right(second.option, r, evidence).value > right(first.option, r, evidence).value
    )


@PROPERTY
@given(requirements, evidences())
def test_equal_shares_and_more_traffic_never_favour_the_prompt_with_examples(r, evidence):
    """The pure case: both judge equally well, so only tokens against training count; from some
    volume on the short prompt wins, and never loses again."""
    same = evidence.but(tuned=share(60, 100), prompt=share(60, 100))
    r = r.but(lookup_share=0.0, latency_seconds=100.0)
    extra = [
        without_errors(TUNE, one, same) - without_errors(PROMPT, one, same)
        for one in (r, r.but(requests_per_day=r.requests_per_day * 10))
    ]
    assert extra[1] <= extra[0]


FORBIDS = (  # written again, in one place, and not with the rules under test
    ({"citations": True, "lookup_share": 0.5}, {PROMPT, TUNE}),
    ({"access": True}, {TUNE}),
    ({"can_train": False}, {TUNE, READER}),
    ({"can_search": False}, {RAG, READER}),
    ({"data_in_weights": False}, {TUNE}),
    ({"data_in_weights": False, "lookup_share": 0.5}, {TUNE, READER}),
    ({"corpus_tokens": 2e6, "window_tokens": 1e6}, {LONG}),
    ({"lookup_share": 0.0}, {LONG, RAG, READER}),
    ({"changes_per_year": 13.0, "lookup_share": 0.5}, {TUNE}),
    ({"latency_seconds": 0.3}, {PROMPT, LONG, RAG, TUNE, READER}),
)


@PROPERTY
@given(requirements, evidences())
def test_what_a_hard_requirement_rules_out_is_never_recommended(r, evidence):
    """Whatever would be recommended: the requirement that forbids it is stated on top, and it no
    longer is."""
    for forbidding, options in FORBIDS:
        calm = r.but(
            **{name: value for name, value in forbidding.items() if name == "lookup_share"},
            latency_seconds=100.0,
        )
        if decide(calm, evidence).option in options:
            assert decide(calm.but(**forbidding), evidence).option not in options, forbidding
    assert decide(r, evidence).option is not ROUTER


@PROPERTY
@given(requirements, evidences())
def test_nothing_is_decided_on_an_interval_that_straddles_its_line(r, evidence):
    """Whatever is recommended is cheaper than every option left, a person included, at both ends of
    the interval of the gain; else: not yet, and what to measure."""
    decision = decide(r, evidence)
    if decision.option is None:
        assert decision.answer == NOT_YET
        assert decision.measure
        assert str(decision.measure)
        assert decision.doubts or decision.leader is PEOPLE
        return
    assert {duel.first for duel in decision.duels} | {duel.second for duel in decision.duels} >= {
        decision.option,
        PEOPLE,
    }
    for duel in decision.duels:
        sign = 1 if duel.second is decision.option else -1
        for end in (duel.gain.low, duel.gain.high):
            assert sign * (end - duel.needed) >= 0, f"{duel} straddles"
    if r.least_right:
        assert right(decision.option, r, evidence).low > r.least_right
    assert all(evidence.found.get(name) for _, name in weighted_findings(decision.option, r)), (
        "decided on a finding that was not measured"
    )


@settings(max_examples=25, deadline=None)
@given(requirements, evidences())
def test_flips_are_flips(r, evidence):
    here = decide(r, evidence).answer
    for flip in flips(r, evidence):
        assert flip.answer == here, flip
        assert decide(r.but(**{flip.name: flip.at}), evidence).answer == flip.becomes != here, flip
        assert decide(r.but(**{flip.name: flip.before}), evidence).answer == here, flip
        if flip.name in NUMBERS:
            near = (
                1
                if FIELDS[flip.name]["whole"] and flip.at < 1000
                else 0.0011 * max(flip.at, flip.before)
            )
            assert abs(flip.at - flip.before) <= max(near, 1e-6), flip
            assert (
                flip.before == r.__dict__[flip.name]
                or (flip.before - flip.stated) * (flip.at - flip.before) >= 0
            )


@PROPERTY
@given(requirements, evidences())
def test_the_measured_leader_is_the_cheapest_that_is_left(r, evidence):
    decision = decide(r, evidence)
    out = {gone.option for gone in decision.out}
    for option in OPTIONS:
        price = total(option, r, evidence).value
        if option not in out and price is not None:
            assert total(decision.leader, r, evidence).value <= price + 1e-9


def test_the_properties_are_not_empty():
    """The draws above decide often enough, for every option that has evidence, that a broken rule
    would be met."""
    answers = Counter()

    @settings(max_examples=500, deadline=None, derandomize=True, database=None)
    @given(requirements, evidences())
    def count(r, evidence):
        answers[decide(r, evidence).answer] += 1

    count()
    assert all(answers[option.name] >= 3 for option in (PROMPT, LONG, RAG, TUNE, READER)), answers
    assert answers[NOT_YET] >= 40, answers


# --- the steps, one by one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule, changes, gone",
    [
        ("comes_later", {}, {ROUTER}),
        ("nothing_to_look_up", {"lookup_share": 0.0}, {LONG, RAG, READER, ROUTER}),
        ("fresher_than_weights", {"changes_per_year": 13}, {TUNE}),
        ("must_cite", {"citations": True}, {PROMPT, TUNE}),
        ("must_cite", {"citations": True, "lookup_share": 0.0}, set()),
        ("who_asks_matters", {"access": True}, {TUNE}),
        ("not_in_weights", {"data_in_weights": False}, {TUNE, READER, ROUTER}),
        ("not_in_weights", {"data_in_weights": False, "lookup_share": 1.0}, {TUNE}),
        ("nobody_trains", {"can_train": False}, {TUNE, READER, ROUTER}),
        ("nobody_keeps_an_index", {"can_search": False}, {RAG, READER, ROUTER}),
        ("must_fit_the_window", {"corpus_tokens": 9_000, "window_tokens": 8_000}, {LONG}),
        ("must_be_quick", {"latency_seconds": 0.1}, {PROMPT, LONG, RAG, TUNE, READER, ROUTER}),
    ],
)
def test_each_hard_rule_rules_out_what_it_says_and_nothing_else(rule, changes, gone):
    easy = Requirements(
        corpus_tokens=2_000, window_tokens=100_000, latency_seconds=100, changes_per_year=1
    )
    assert {
        out.option for out in decide(easy.but(**changes), full()).out if out.rule.name == rule
    } == gone
    assert rule == "comes_later" or not any(
        out.rule.name == rule for out in decide(easy, full()).out
    )


def test_a_clear_case_is_decided_with_reasons_that_point_at_findings():
    decision = decide(
        Requirements(lookup_share=1.0, cost_wrong=2, cost_refusal=5, can_train=False), full()
    )
    assert decision.answer == "RAG"
    assert decision.measure is None
    text = str(decision)
    assert "RAG instead of prompt only: right 37.5 points more often" in text
    assert "id/RAG" in text
    assert "fine-tune and RAG + tuned reader are out" in text
    assert "Fix first: prompt and schema first, then a tuned reader" in text
    assert all(
        reason.findings or reason.requirements or "later release" in reason.text
        for reason in decision.reasons
    )


def test_the_tuned_reader_waits_for_the_search():
    r = Requirements(lookup_share=1.0, cost_refusal=5)
    assert decide(r, full()).answer == "RAG + tuned reader"
    broken = full(lost_to_the_search=(200, 400), lost_to_reading=(30, 400))
    assert decide(r, broken).answer == "RAG"
    assert any(
        gone.rule.name == "mend_the_search_first" and gone.measured
        for gone in decide(r, broken).out
    )
    even = decide(r, full(lost_to_the_search=(90, 400), lost_to_reading=(90, 400)))
    assert even.answer == NOT_YET
    assert even.measure.what == "lost to the search"
    assert "cannot tell yet" in str(even)


def test_more_cases_settle_what_few_could_not():
    r = Requirements(lookup_share=0.0, labelled_examples=400)
    few = decide(r, full(prompt=(8, 20), tuned=(12, 20)))
    assert few.answer == NOT_YET
    assert few.measure.what in ("prompt", "tuned")
    assert few.measure.n > 20
    assert decide(r, full(prompt=(8 * 40, 20 * 40), tuned=(12 * 40, 20 * 40))).answer == "fine-tune"


def test_what_nobody_has_measured_is_asked_for_unless_it_could_not_pay_even_at_best():
    r = Requirements(lookup_share=1.0, cost_refusal=5)
    open_case = decide(r, full(reader_and_RAG=None).without("reader + RAG"))
    assert open_case.answer == NOT_YET
    assert open_case.measure.what == "reader + RAG"
    assert open_case.measure.n == UNSEEN_N
    dear = decide(
        r.but(
            release_hours=200,
            base_model_months=1,
            requests_per_day=1,
            index_hours=0.5,
            cost_wrong=20,
            cost_refusal=100,
        ),
        full().without("reader + RAG", "facts adapter"),
    )
    assert dear.answer != NOT_YET or "even at best" in str(dear)


def test_a_person_is_the_baseline():
    r = Requirements(lookup_share=1.0, cost_wrong=100, cost_refusal=1)
    decision = decide(r, full())
    assert decision.answer == NOT_YET
    assert decision.leader is PEOPLE
    assert "stronger model" in str(decision.measure)
    assert "a person who answers (1 EUR a request) costs less" in str(decision)


def test_what_nobody_has_measured_is_a_doubt_even_where_it_would_pay_at_worst():
    r = Requirements(
        lookup_share=1.0, citations=True, cost_wrong=4, cost_refusal=5, can_train=False
    )
    decision = decide(r, full().without("RAG"))
    assert decision.leader is PEOPLE
    assert decision.answer == NOT_YET
    assert decision.measure.what == "RAG"


def test_the_reader_cannot_win_back_what_the_search_lost():
    evidence = full().without("reader + RAG")
    assert known("reader + RAG", evidence).high == pytest.approx(1 - evidence.not_found.low)
    assert known("facts adapter", evidence.without("facts adapter")) == Span(None, 0.0, 1.0)


def test_what_was_not_found_is_lost_to_the_search_or_to_both():
    found = full(lost_to_the_search=(60, 400), lost_to_both=(20, 400)).not_found
    assert (found.value, found.low, found.high) == (0.2, *wilson(80, 400))


def test_without_both_what_was_lost_to_the_search_is_the_least_that_was_not_found():
    evidence = full(lost_to_both=None)
    assert evidence.not_found == Span(None, evidence["lost to the search"].low, 1.0)


def test_what_was_not_found_is_unknown_where_the_search_was_not_blamed():
    assert full(lost_to_the_search=None).not_found is None


LOOKUPS = Requirements(lookup_share=1.0, cost_refusal=5)


def mended_first(evidence):
    """Must the search be fixed before a reader is tuned?"""
    return any(gone.rule.name == "mend_the_search_first" for gone in decide(LOOKUPS, evidence).out)


def test_what_is_lost_to_both_waits_for_the_search():
    lost = {"lost_to_the_search": (20, 400), "lost_to_reading": (80, 400)}
    assert mended_first(full(**lost, lost_to_both=(120, 400)))


def test_what_is_lost_to_reading_does_not_wait_for_the_search():
    assert not mended_first(full(lost_to_both=(20, 400), lost_to_reading=(150, 400)))


def test_where_nobody_told_both_from_reading_it_is_asked_for():
    decision = decide(LOOKUPS, full(lost_to_both=None))
    assert (decision.answer, decision.measure.what) == (NOT_YET, "lost to both")


def test_a_search_that_loses_more_alone_is_fixed_first_whatever_both_is():
    assert mended_first(
        full(lost_to_both=None, lost_to_the_search=(200, 400), lost_to_reading=(30, 400))
    )


def test_what_loses_most_to_both_is_fixed_search_first():
    text = str(decide(LOOKUPS, full(lost_to_both=(72, 400), lost_to_reading=(100, 400))))
    assert "both search and reading 18 %. Fix first: the search (03), then the reader" in text


def test_shares_of_two_runs_are_not_added(tmp_path):
    """A journal from before `both` was told apart holds it under reading."""
    kept = json.loads(REFERENCE.read_text(encoding="utf-8"))
    reading = kept["findings"]["08.faults/RAG/reading"]
    kept["findings"]["08.faults/RAG/both"] = reading
    (tmp_path / "findings.json").write_text(json.dumps(kept), encoding="utf-8")
    mine = Journal(format=1, guesses={}, findings={})
    assert load_findings(mine, tmp_path / "findings.json")["lost to both"] is not None
    old = RecordedFinding.model_validate_json(json.dumps(reading))
    mine = Journal(format=1, guesses={}, findings={"08.faults/RAG/reading": old})
    assert load_findings(mine, tmp_path / "findings.json")["lost to both"] is None


def test_costs_add_up():
    r, evidence = Requirements(), full()
    table = bill(r, evidence)
    assert list(table.index) == ["a person answers", *(o.name for o in OPTIONS)]
    known_rows = table.dropna(subset=["total"])
    assert (
        known_rows[["serving", "labels", "releases", "index", "wrong answers"]].sum(axis=1)
        - known_rows["total"]
    ).abs().max() < 1e-9
    assert (known_rows["low"] <= known_rows["total"]).all()
    assert (known_rows["total"] <= known_rows["high"]).all()
    assert table["labels"]["fine-tune"] == pytest.approx(1000 * 220 / 365_000)
    assert table["labels"]["RAG"] == 0
    assert serving(LONG, r, evidence).tokens_in > r.corpus_tokens * r.lookup_share
    paid = r.but(data_may_leave=True)
    used = serving(RAG, paid, evidence)
    assert used.money == pytest.approx(
        (used.tokens_in * paid.price_in + used.tokens_out * paid.price_out) / 1e6
    )


def test_break_even_is_where_the_costs_are_the_same():
    r, evidence = Requirements(lookup_share=1.0), full()
    volume = break_even(PROMPT, RAG, r, evidence)
    at = r.but(requests_per_day=volume)
    assert total(PROMPT, at, evidence).value == pytest.approx(total(RAG, at, evidence).value)
    assert break_even(RAG, PROMPT, r, evidence) is None
    assert break_even(PROMPT, TUNE, r, evidence.without("facts adapter")) is None
    needed = needed_gain(
        without_errors(PROMPT, at, evidence), without_errors(RAG, at, evidence), r.cost_wrong
    )
    assert needed == pytest.approx(more_right(PROMPT, RAG, at, evidence).value), (
        "the gain that pays, at the volume that pays"
    )


def test_facts_in_weights_pay_for_every_change_and_an_index_does_not():
    slow, fast = (Requirements(changes_per_year=n) for n in (1, 10))
    assert yearly(TUNE, fast, full())["releases"] > yearly(TUNE, slow, full())["releases"]
    assert yearly(READER, fast, full()) == yearly(READER, slow, full())
    assert yearly(RAG, fast, full()) == yearly(RAG, slow, full())


def test_newcombe_and_the_lines():
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339
    found = gain(Span(48 / 80, *wilson(48, 80)), Span(56 / 70, *wilson(56, 70)))
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (
        0.2,
        0.0524,
        0.3339,
    )
    assert above(Span(0.5, 0.4, 0.6), 0.3) is True
    assert above(Span(0.5, 0.4, 0.6), 0.7) is False
    assert above(Span(0.5, 0.4, 0.6), 0.4) is None
    assert above(Span(0.0, 0.0, 0.0), 0.0) is False, (
        "exactly as good is not better: the simpler one is taken"
    )
    assert n_to_tell(None, 0.1) == UNSEEN_N
    assert n_to_tell(share(50, 100), 0.0) is None
    assert n_to_tell(share(50, 100), 0.05) > 100


def test_a_rule_of_the_learner_counts_and_must_give_its_reason(monkeypatch):
    monkeypatch.setattr(rules, "HARD", dict(rules.HARD))
    with pytest.raises(ValueError, match="has no reason"):
        rules.hard()(lambda option, requirements, evidence: False)

    @rules.hard("citations")
    def no_search_on_fridays(option, requirements, evidence):
        """The index rests on Fridays."""
        return option.searches

    decision = decide(Requirements(lookup_share=1.0, cost_refusal=5), full(), hard=rules.HARD)
    assert decision.answer != "RAG"
    assert "The index rests on Fridays." in str(decision)


def test_one_line_is_one_line_and_quick():
    evidence, _ = full(), n_to_tell(share(1, 10), 0.1)  # the first call loads scipy
    started = time.process_time()
    lines = [one_line(Requirements(requests_per_day=n), evidence) for n in range(1, 101)]
    assert (time.process_time() - started) / 100 < 0.005
    assert all("\n" not in line and line.startswith("The framework says: ") for line in lines)
    assert "Measure reader + RAG, on 97 cases" in one_line(
        Requirements(lookup_share=1.0, cost_refusal=5), full().without("reader + RAG")
    )


def test_agreement_is_drawn_with_a_seed():
    r = Requirements(lookup_share=1.0, cost_refusal=5)
    one, again, other = agreement(r, full()), agreement(r, full()), agreement(r, full(), seed=1)
    assert one == again
    assert sum(one.answers.values()) == one.n
    assert one.low <= one.share <= one.high
    assert other.n == one.n
    assert agreement(r, full(), factor=None).share <= 1
    assert agreement(r, full(), n=20).n == 20
    assert set(sweep(r, full())) == set(FIELDS)


# --- limits


def test_a_time_of_fewer_than_five_asks_rules_nothing_out():
    r = Requirements(lookup_share=1.0, latency_seconds=1)
    few, enough = (replace(full(), usage={**USAGE, "RAG": Usage(150, 18, 60.0, n)}) for n in (4, 5))
    assert RAG not in {gone.option for gone in decide(r, few).out}
    assert RAG in {gone.option for gone in decide(r, enough).out}


def test_a_limit_that_nobody_stated_is_none():
    r = Requirements(latency_seconds=math.inf, window_tokens=math.inf)
    assert not {"must_be_quick", "must_fit_the_window"} & {
        gone.rule.name for gone in decide(r.but(corpus_tokens=1e9), full()).out
    }
    assert shown("latency_seconds", math.inf) == "no limit"
    assert agreement(r, full(), n=5).n == 5
    assert all(flip.at < math.inf for flip in flips(r, full()))
    with pytest.raises(ValueError, match="cost_wrong is inf"):
        Requirements(cost_wrong=math.inf)


# --- requirements and evidence --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"lookup_share": 80}, "did you mean 0.8"),
        ({"lookup_share": -0.1}, "share from 0 to 1"),
        ({"cost_wrong": float("nan")}, "cost_wrong is nan"),
        ({"citations": "yes"}, "takes True or False"),
        ({"citations": 1}, "takes True or False"),
        ({"requests_per_day": 0}, "must be above 0"),
        ({"price_in": "cheap"}, "price_in is 'cheap'"),
    ],
)
def test_requirements_that_cannot_be_are_refused_with_their_question(changes, said):
    with pytest.raises(ValueError, match=said):
        Requirements(**changes)


def test_every_field_has_a_question_a_unit_and_a_range_that_holds_its_default():
    for name, about in FIELDS.items():
        assert about["question"].endswith(("?", ")"))
        assert about["unit"]
        assert shown(name, getattr(Requirements(), name))
        if name in NUMBERS:
            assert about["low"] <= getattr(Requirements(), name) <= about["high"]
            assert steps(name)[0] == about["low"]
            assert steps(name)[-1] == about["high"]
    assert list(Requirements().table().index) == list(FIELDS)


def test_scenarios_are_six_and_are_argued():
    assert list(SCENARIOS) == [
        "support macros",
        "policy assistant",
        "contract extraction",
        "product prices",
        "clinical coding",
        "internal code search",
    ]
    for one in SCENARIOS.values():
        assert "Doubt first" in one.discuss
        assert decide(one.requirements, full()).answer in {NOT_YET, *(o.name for o in OPTIONS)}


def finding(value: float, n: int, **more) -> RecordedFinding:
    low, high = wilson(round(value * n), n)
    whole = {
        "finding": "x",
        "measure": "share",
        "value": value,
        "low": low,
        "high": high,
        "n": n,
        "verdict": None,
        "provenance": {},
        "machine": "m",
        "cpu_count": 2,
        "python": "3",
        "workbook": "0",
        "first_recorded": "2026-03-02T09:00:00Z",
        "recorded": "2026-03-02T09:00:00Z",
        **more,
    }
    return RecordedFinding.model_validate_json(json.dumps(whole))


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "findings.json"
    theirs = {
        "08.questions/RAG": finding(0.3, 100),
        "08.questions/closed book": finding(0.02, 100),
        "06.rows/64": finding(0.2, 60),
    }
    used = {
        "arms": {name: vars(one) for name, one in USAGE.items()},
        "read_seconds": 0.0006,
        "training_seconds": 100.0,
        "training_rows": 320,
    }
    path.write_text(
        json.dumps(
            {
                "provenance": {"date": "2026-03-02"},
                "usage": used,
                "findings": {id: one.model_dump(mode="json") for id, one in theirs.items()},
            }
        )
    )
    return path


def test_the_learners_findings_come_first_and_the_reference_is_marked(reference):
    journal = Journal(format=1, guesses={}, findings={"08.questions/RAG": finding(0.5, 40)})
    evidence = load_findings(journal, reference)
    assert (evidence["RAG"].value, evidence["RAG"].n, evidence["RAG"].source) == (0.5, 40, "yours")
    assert (evidence["closed book"].value, evidence["closed book"].source) == (0.02, "reference")
    assert evidence["tuned"] is None
    table = evidence.table()
    assert list(table["whose"][["RAG", "closed book", "tuned"]]) == [
        "yours",
        "reference",
        "not measured",
    ]
    assert list(table.index) == list(NAMES)
    with pytest.raises(KeyError, match="there is no finding named 'rag'"):
        evidence["rag"]
    assert load_findings(reference=reference)["RAG"].source == "reference", (
        "an empty journal is no error"
    )


def test_a_setting_of_a_lab_becomes_evidence(reference):
    evidence = load_findings(reference=reference)
    assert evidence.at_rows(64)["tuned"].value == 0.2
    assert evidence.at_rows(64).training_rows == 64
    assert evidence.at_rows(100)["tuned"] is None
    row = {
        "accuracy": 0.4,
        "accuracy_low": 0.3,
        "accuracy_high": 0.5,
        "n_answers": 60,
        "prompt_tokens": 650.0,
    }
    longer = evidence.at_retrieval(row)
    assert longer["RAG"].value == 0.4
    assert longer.usage["RAG"].tokens_in == 650
    assert longer.usage["RAG"].seconds == pytest.approx(0.6 + 500 * 0.0006)
    assert evidence.at_retrieval({**row, "accuracy": float("nan")})["RAG"] is None


def test_the_decision_loads_no_model():
    code = (
        "import sys; import helpers.decision.sensitivity, helpers.decision.scenarios,"
        " helpers.decision.findings; print([m for m in ('torch', 'transformers', 'chromadb',"
        " 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_duel_without_doubt_is_told():
    assert Duel(PROMPT, RAG, Span(0.1, 0.05, 0.15), 0.2, ()).pays is False
    assert Duel(PROMPT, RAG, Span(0.1, 0.05, 0.15), 0.01, ()).pays is True


def test_the_reference_is_in_the_form_of_a_journal_and_says_where_it_comes_from():
    kept = json.loads(
        (ROOT / "labs_data" / "reference" / "findings.json").read_text(encoding="utf-8")
    )
    for id, one in kept["findings"].items():
        assert RecordedFinding.model_validate_json(json.dumps(one)).provenance, id
    assert {"command", "date", "machine", "generator", "findings", "usage"} <= set(
        kept["provenance"]
    )
    assert "PROVISIONAL" not in str(kept)
    assert set(kept["usage"]["arms"]) == set(USAGE)
    assert kept["usage"]["read_seconds"] > 0
    assert kept["usage"]["training_rows"] > 0
    evidence = load_findings()
    assert {
        "RAG",
        "closed book",
        "prompt",
        "tuned",
        "lost to the search",
        "lost to reading",
    } <= set(evidence.found)
    assert all(NAMES[name][0] in kept["findings"] for name in evidence.found)
