"""Every fault that was found in the answers of the first release, with the input that showed it."""

from __future__ import annotations

import decimal
import math

import pytest

from helpers.decision.conclusion import decide
from helpers.decision.costs import bill, serving
from helpers.decision.findings import (
    NAMES,
    Finding,
    Findings,
    Usage,
    counted,
    load_findings,
)
from helpers.decision.options import (
    JUDGEMENTS,
    LOOKUPS,
    PEOPLE,
    PROMPT,
    RAG,
    READER,
    TUNE,
)
from helpers.decision.readiness import CONTRADICT, NO, PILOT, VOLUME, YES
from helpers.decision.requirements import Requirements
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import agreement, flips

# what an answer takes with a model behind an endpoint
API = {
    "closed book": Usage(60, 60, 1.2, 8),
    "RAG": Usage(2000, 80, 1.8, 8),
    "zero-shot": Usage(300, 80, 1.2, 8),
    "few-shot": Usage(1500, 80, 1.6, 8),
    "tuned": Usage(400, 80, 1.2, 8),
}
REF = load_findings()


def R(**stated) -> Requirements:  # noqa: N802 - as DECISION writes it
    """Requirements of somebody whose data may leave."""
    return Requirements(
        **{
            "data_may_leave": True,
            "price_in": 0.5,
            "price_out": 1.5,
            "machine_per_hour": 3,
            "window_tokens": 128_000,
            **stated,
        }
    )


def E(rows: int = 600, **shares: tuple[float, int]) -> Findings:  # noqa: N802
    """Findings as (share, n)."""
    found = {
        name: counted(round(share * n), n)
        for given, (share, n) in shares.items()
        for name in [given.replace("_and_", " + ").replace("_", " ")]
    }
    return Findings(found, API, 0.00005, 600, rows)


def option(requirements, evidence, kind=LOOKUPS):
    return decide(requirements, evidence).direction[kind].option


# --- A · wrong answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"lookup_share": 1.0, "cost_refusal": 5, "changes_per_year": 2},
        {"corpus_tokens": 30_000},
    ],
)
def test_a1_the_board_opens_on_retrieval_for_look_ups(stated):
    """With the reader, whose gain on the frozen test is clear."""
    assert option(Requirements(**stated), REF) is READER


def test_a1_facts_in_weights_are_shown():
    assert "Facts are never trained into weights" in str(decide(Requirements(), REF))


NOTHING_LEFT = R(
    lookup_share=1.0,
    access=True,
    citations=True,
    can_search=False,
    data_in_weights=False,
    changes_per_year=1000,
    requests_per_day=500,
    cost_wrong=30,
    cost_refusal=30,
)


def test_a2_access_rules_out_long_context():
    evidence = E(closed_book=(0.05, 300), RAG=(0.88, 300), long_context=(0.92, 300))
    assert option(NOTHING_LEFT, evidence) is PEOPLE


@pytest.mark.parametrize("n", [100, 1_000, 100_000])
def test_a3_a_tie_gives_the_simpler(n):
    r = R(
        lookup_share=0.0,
        strict_format=True,
        labelled_examples=8000,
        cost_wrong=3,
        cost_refusal=3,
    )
    assert option(r, E(8000, prompt=(0.9, n), tuned=(0.9, n)), JUDGEMENTS) is PROMPT


def test_a4_what_is_measured_stands_while_something_dearer_is_not():
    evidence = E(closed_book=(0.05, 300), long_context=(0.5, 300), RAG=(0.88, 300))
    assert option(R(lookup_share=1.0, citations=True), evidence) is RAG


def test_a4_and_the_unmeasured_one_is_open():
    evidence = E(closed_book=(0.05, 300), long_context=(0.5, 300), RAG=(0.88, 300))
    assert READER in {d.second for d in decide(R(lookup_share=1.0), evidence).open}


@pytest.mark.parametrize("lost", [0.38, 0.05])
def test_a4_a_better_search_does_not_lose_the_decision(lost):
    evidence = E(
        closed_book=(0.05, 300),
        RAG=(0.6, 300),
        lost_to_the_search=(lost, 300),
        lost_to_reading=(0.02, 300),
    )
    assert option(R(lookup_share=1.0, corpus_tokens=5_000_000), evidence) is RAG


ALL_OUT = [
    Requirements(latency_seconds=0.05),
    Requirements(lookup_share=1.0, citations=True, can_search=False, corpus_tokens=400_000),
]


@pytest.mark.parametrize("r", ALL_OUT)
def test_a5_all_out_is_a_contradiction(r):
    assert decide(r, REF).readiness.state == CONTRADICT


@pytest.mark.parametrize("r", ALL_OUT)
def test_a5_and_says_what_to_give_up(r):
    assert "Give up " in decide(r, REF).paragraphs[1]


@pytest.mark.parametrize("r", ALL_OUT)
def test_a5_and_never_asks_for_a_stronger_model(r):
    assert "stronger" not in " ".join(decide(r, REF).paragraphs)


SELDOM = R(
    lookup_share=1.0,
    citations=True,
    corpus_tokens=200_000,
    changes_per_year=20,
    cost_wrong=40,
    cost_refusal=3,
    can_train=False,
)
GOOD = E(closed_book=(0.05, 300), RAG=(0.88, 300))


def test_a6_no_system_pays_at_one_request_a_day():
    assert decide(SELDOM.but(requests_per_day=1), GOOD).readiness.state == VOLUME


def test_a6_and_says_below_which_volume():
    said = decide(SELDOM.but(requests_per_day=1), GOOD).paragraphs[2]
    assert "Build nothing below 3 requests a day" in said


@pytest.mark.parametrize(("requests", "needed"), [(3, 0.991), (10, 0.945)])
def test_a6_what_is_needed_falls_with_volume(requests, needed):
    found = decide(SELDOM.but(requests_per_day=requests), GOOD).readiness.needed
    assert found == pytest.approx(needed, abs=0.0006)


def test_a7_reasons_do_not_contradict_the_head():
    r = R(
        lookup_share=0.3,
        house_style=True,
        corpus_tokens=2000,
        cost_wrong=2,
        cost_refusal=2,
        labelled_examples=600,
        changes_per_year=1,
    )
    said = str(decide(r, E(prompt=(0.45, 100), tuned=(0.92, 100))))
    assert "even at worst" not in said


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a8_a_share_of_0_or_1_is_not_drawn(share):
    evidence = E(closed_book=(0.05, 300), RAG=(0.88, 300), prompt=(0.8, 300))
    drawn = agreement(R(lookup_share=share, corpus_tokens=5_000_000, can_train=False), evidence)
    assert all(" for " not in answer for answer in drawn.answers)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a8_nor_flipped(share):
    evidence = E(closed_book=(0.05, 300), RAG=(0.88, 300), prompt=(0.8, 300))
    found = flips(R(lookup_share=share, corpus_tokens=5_000_000), evidence)
    assert not {"lookup_share", "action_share"} & {one.name for one in found}


def test_a8_one_per_cent_of_look_ups_leaves_the_judgements_alone():
    r = R(lookup_share=0.0, labelled_examples=600)
    evidence = E(prompt=(0.45, 300), tuned=(0.92, 300))
    assert option(r, evidence, JUDGEMENTS) is option(r.but(lookup_share=0.01), evidence, JUDGEMENTS)


def test_a9_rules_for_labels_that_change_often_rule_tuning_out():
    r = R(lookup_share=0.0, labelled_examples=600)
    evidence = E(prompt=(0.45, 300), tuned=(0.92, 300))
    often = r.but(label_changes_per_year=50)
    found = [option(one, evidence, JUDGEMENTS) for one in (r, often)]
    assert found == [TUNE, PROMPT]


def test_a9_every_change_is_a_release_that_costs():
    evidence = E(prompt=(0.45, 300), tuned=(0.92, 300))
    few, many = (bill(R(lookup_share=0.0, label_changes_per_year=n), evidence) for n in (1, 10))
    assert many["releases"][JUDGEMENTS, TUNE.name] > few["releases"][JUDGEMENTS, TUNE.name]


REFUSES = R(lookup_share=1.0, corpus_tokens=5_000_000, cost_wrong=20, cost_refusal=3)


def test_a10_refused_and_wrong_are_billed_apart():
    evidence = E(closed_book=(0.05, 300), RAG=(0.82, 300), refused=(0.15, 300))
    total = bill(REFUSES, evidence)["total"][LOOKUPS, RAG.name]
    assert total == pytest.approx(1055, abs=15)


def test_a10_and_it_is_clearly_cheaper_than_a_person():
    evidence = E(
        closed_book=(0.05, 300), RAG=(0.82, 300), refused=(0.15, 300), rightly_refused=(0.9, 100)
    )
    assert decide(REFUSES.but(least_right=0.7), evidence).readiness.state == YES


def test_a11_labels_and_reader_are_decided_apart():
    r = SCENARIOS["policy assistant"].requirements.but(lookup_share=0.7, access=False)
    assert (option(r, REF), option(r, REF, JUDGEMENTS)) == (READER, TUNE)


TWO_PER_CENT = R(
    lookup_share=1.0,
    citations=True,
    corpus_tokens=5_000_000,
    can_train=False,
    cost_wrong=2,
    cost_refusal=3,
)


def test_a12_two_per_cent_right_is_not_shipped():
    evidence = E(closed_book=(0.0, 300), RAG=(0.02, 300))
    assert decide(TWO_PER_CENT, evidence).readiness.state == NO


def test_a12_the_floor_is_asked_for():
    evidence = E(closed_book=(0.0, 300), RAG=(0.02, 300))
    assert "Say below which share" in decide(TWO_PER_CENT, evidence).paragraphs[1]


def test_a13_a_search_to_fix_does_not_silence_a_measured_reader():
    evidence = E(
        closed_book=(0.05, 400),
        RAG=(0.3, 400),
        reader_and_RAG=(0.5, 400),
        lost_to_the_search=(0.4, 400),
        lost_to_reading=(0.05, 400),
    )
    assert option(R(lookup_share=1.0, corpus_tokens=5_000_000), evidence) is READER


def test_a13_and_still_comes_first():
    evidence = E(
        closed_book=(0.05, 400),
        RAG=(0.3, 400),
        reader_and_RAG=(0.5, 400),
        lost_to_the_search=(0.4, 400),
        lost_to_reading=(0.05, 400),
    )
    r = R(lookup_share=1.0, corpus_tokens=5_000_000)
    assert decide(r, evidence).next.fix.startswith("First fix the search")


FEW = R(lookup_share=1.0, corpus_tokens=5_000_000, cost_wrong=5, cost_refusal=5, least_right=0.4)


def test_a14_three_of_three_may_not_answer_alone():
    decision = decide(FEW.but(citations=True), E(closed_book=(0.0, 3), RAG=(1.0, 3)))
    assert (decision.answer, decision.readiness.state) == ("RAG", PILOT)


def test_a14_and_settle_no_pair():
    decision = decide(FEW, E(closed_book=(0.0, 3), RAG=(1.0, 3)))
    assert RAG in {one.second for one in decision.open}


# --- B · wrong numbers ----------------------------------------------------------------------------


def test_b15_what_is_asked_is_asked_of_both():
    as_here = {"model": REF["tuned"].model, "data": REF["tuned"].data}
    near = {"tuned": counted(98, 255, **as_here), "classifier": counted(89, 255, **as_here)}
    step = decide(Requirements(), REF.but(**near)).next
    assert (step.measure.second, step.n_both) == (TUNE, pytest.approx(3880, abs=10))


def test_b16_nothing_is_asked_of_an_option_that_is_out():
    r = R(lookup_share=1.0, corpus_tokens=5_000_000, cost_wrong=5, cost_refusal=5, can_train=False)
    evidence = E(closed_book=(10 / 60, 60), RAG=(16 / 60, 60))
    assert READER not in {one.second for one in decide(r, evidence).open}


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((85, 80, 90, 100), "did you mean 0.85"),
        ((0.5, 0.6, 0.7, 100), "does not lie in its interval"),
        ((0.5, 0.6, 0.4, 100), "does not lie in its interval"),
        ((math.nan, 0.4, 0.6, 100), "value is nan"),
        ((0.5, math.nan, 0.6, 100), "low is nan"),
        ((0.5, 0.4, math.inf, 100), "high is inf"),
        ((0.5, 0.4, 0.6, 0), "1 case or more"),
        ((0.5, 0.4, 0.6, -3), "1 case or more"),
        (("0.5", 0.4, 0.6, 10), "must be a number"),
    ],
)
def test_b17_a_finding_refuses_what_cannot_be(numbers, said):
    with pytest.raises(ValueError, match=said):
        Finding("RAG", *numbers)


def test_b17_losses_that_add_to_more_than_1_are_refused():
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        E(lost_to_the_search=(0.7, 100), lost_to_reading=(0.5, 100))


def test_b17_right_refused_and_wrong_are_shares_of_the_same_answers():
    with pytest.raises(ValueError, match=r"add up to 1\.1"):
        E(RAG=(0.7, 100), refused=(0.2, 100), wrong=(0.2, 100))


def test_b18_the_slowest_kind_counts():
    r = Requirements(lookup_share=0.9, latency_seconds=4, access=True)
    out = {one.option for one in decide(r, REF).direction[JUDGEMENTS].out}
    assert PROMPT in out


def test_b19_a_machine_costs_while_it_is_held():
    r = Requirements(requests_per_day=200, machine_per_hour=3, machine_hours_held=24)
    assert 1000 * serving(RAG, LOOKUPS, r, REF).money == pytest.approx(360)


def test_b19_and_longer_where_it_works_longer():
    r = Requirements(requests_per_day=100_000, machine_per_hour=3, machine_hours_held=24)
    used = REF.usage["RAG"].seconds
    assert serving(RAG, LOOKUPS, r, REF).money == pytest.approx(used / 3600 * 3)


def test_b20_two_models_never_meet():
    mine = counted(80, 100, model="mine", data="mine")
    decision = decide(Requirements(corpus_tokens=5_000_000), REF.but(RAG=mine))
    assert {decision.evidence.found[n].model for n in ("RAG",)} == {"mine"}


def test_b20_what_is_left_out_is_said():
    mine = counted(80, 100, model="mine", data="mine")
    assert "closed book" in decide(Requirements(), REF.but(RAG=mine)).left_out


def test_b20_the_other_kinds_keep_theirs():
    mine = counted(80, 100, model="mine", data="mine")
    evidence = REF.without("router").but(RAG=mine)
    assert option(Requirements(), evidence, JUDGEMENTS) is TUNE


def test_b20_a_router_would_lose_more_of_a_good_search_than_a_part_of_its_own_wins():
    as_here = {"model": REF["prompt"].model, "data": REF["prompt"].data}
    few = {"retrieved examples": counted(44, 255, **as_here)}
    good = counted(80, 100, model="mine", data="mine")
    said = decide(Requirements(), REF.without("classifier", "tuned").but(RAG=good, **few))
    assert "retrieved examples would win less than a router" in said.paragraphs[0]


@pytest.mark.parametrize("value", [None, [1], decimal.Decimal(3), "3", True, math.nan, -1])
def test_b21_a_requirement_that_cannot_be_names_its_field(value):
    with pytest.raises(ValueError, match="cost_wrong is"):
        Requirements(cost_wrong=value)


def test_b21_a_share_a_little_too_large_is_no_percentage():
    with pytest.raises(ValueError, match=r"lookup_share is 1.5; it takes a share from 0 to 1: "):
        Requirements(lookup_share=1.5)


def test_b21_a_percentage_is_recognised():
    with pytest.raises(ValueError, match=r"did you mean 0.85\?"):
        Requirements(lookup_share=85)


def test_b21_far_from_plausible_is_said():
    assert "is it a slip?" in str(decide(Requirements(cost_wrong=50_000), REF))


def test_b21_a_person_who_costs_nothing_is_no_crash():
    assert decide(Requirements(cost_refusal=0), REF).readiness.state == VOLUME


# --- C · inputs without effect --------------------------------------------------------------------


def test_c_facts_in_weights_are_not_on_the_board():
    assert not [name for name in NAMES if name.startswith("facts")]
