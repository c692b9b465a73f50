"""The steps of a decision one by one: rules, walk, readiness, next step, costs, findings, flips."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from conftest import ROOT
from support.findings import USAGE, full, named, only, share, whole

from helpers.data.journal_file import Journal, RecordedFinding
from helpers.decision import rules
from helpers.decision.conclusion import decide
from helpers.decision.costs import bill, needed_gain, right, serving, yearly
from helpers.decision.findings import (
    HOME,
    NAMES,
    REFERENCE,
    UNSEEN_N,
    WITHOUT_MODEL,
    Findings,
    Span,
    Usage,
    above,
    counted,
    gain,
    load_findings,
    n_to_tell,
)
from helpers.decision.options import (
    CLASSIFIER,
    IMPROVED,
    JUDGEMENTS,
    LONG,
    LOOKUPS,
    PEOPLE,
    PROMPT,
    RAG,
    READER,
    SEARCH,
    TONE,
    TUNE,
)
from helpers.decision.readiness import NO, NOT_YET, PILOT, YES
from helpers.decision.requirements import FIELDS, NUMBERS, Requirements, shown, steps
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import agreement, flips
from helpers.decision.walk import BY_MEASUREMENT, BY_REQUIREMENTS, SIMPLEST, UNMEASURED
from helpers.evaluation.evaluator import wilson

EASY = Requirements(
    lookup_share=0.5,
    house_style=True,
    corpus_tokens=2_000,
    window_tokens=100_000,
    latency_seconds=100,
    place_enough=True,
)
LOOKING = Requirements(lookup_share=1.0, least_right=0.3)
JUDGING = Requirements(lookup_share=0.0, least_right=0.3, labelled_examples=400)


# --- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "changes", "kind", "gone"),
    [
        ("a_place_is_no_answer", {"place_enough": False}, LOOKUPS, {SEARCH}),
        ("a_program_reads_it", {"strict_format": True}, LOOKUPS, {SEARCH}),
        ("must_cite", {"citations": True}, LOOKUPS, {PROMPT}),
        ("must_cite", {"citations": True}, JUDGEMENTS, set()),
        ("who_asks_matters", {"access": True}, LOOKUPS, {LONG}),
        ("who_asks_matters", {"access": True}, JUDGEMENTS, {TUNE}),
        ("fresher_than_weights", {"label_changes_per_year": 13}, JUDGEMENTS, {TUNE}),
        ("fresher_than_weights", {"label_changes_per_year": 13}, TONE, {TUNE}),
        ("not_in_weights", {"data_in_weights": False}, JUDGEMENTS, {TUNE}),
        ("not_in_weights", {"data_in_weights": False}, LOOKUPS, set()),
        ("nobody_trains", {"can_train": False}, LOOKUPS, {READER}),
        ("nobody_keeps_an_index", {"can_search": False}, LOOKUPS, {SEARCH, RAG, IMPROVED, READER}),
        ("must_fit_the_window", {"corpus_tokens": 200_000}, LOOKUPS, {LONG}),
        ("free_text_is_no_label", {"fixed_labels": False}, JUDGEMENTS, {CLASSIFIER}),
        ("must_be_quick", {"latency_seconds": 0.5}, LOOKUPS, {LONG, RAG, IMPROVED, READER}),
    ],
)
def test_each_hard_rule_rules_out_what_it_says_and_nothing_else(rule, changes, kind, gone):
    direction = decide(EASY.but(**changes), whole()).direction[kind]
    assert {o.option for o in direction.out if rule in {r.name for r in o.rules}} == gone


def test_with_easy_requirements_no_rule_rules_anything_out():
    assert not [one.out for one in decide(EASY, whole()).direction.values() if one.out]


def test_what_was_never_measured_from_memory_is_not_built_on():
    out = decide(LOOKING, only(RAG=(160, 400))).direction[LOOKUPS].out
    assert PROMPT in {one.option for one in out}


def test_a_rule_must_give_its_reason():
    with pytest.raises(ValueError, match="has no reason"):
        rules.hard()(lambda option, kind, requirements, evidence: False)


@pytest.fixture
def no_fridays(monkeypatch):
    monkeypatch.setattr(rules, "HARD", dict(rules.HARD))

    @rules.hard("citations")
    def no_search_on_fridays(option, kind, requirements, evidence):
        """The index rests on Fridays."""
        return option.searches

    return decide(LOOKING, full(), hard=rules.HARD)


def test_a_rule_of_the_learner_counts(no_fridays):
    assert not no_fridays.direction[LOOKUPS].option.searches


def test_a_rule_of_the_learner_gives_its_reason(no_fridays):
    assert "The index rests on Fridays." in str(no_fridays)


def test_a_time_of_fewer_than_five_asks_rules_nothing_out():
    few, enough = (replace(full(), usage={**USAGE, "RAG": Usage(150, 18, 60.0, n)}) for n in (4, 5))
    r = LOOKING.but(latency_seconds=1)
    found = [RAG in {o.option for o in decide(r, e).direction[LOOKUPS].out} for e in (few, enough)]
    assert found == [False, True]


def test_a_limit_that_nobody_stated_rules_nothing_out():
    r = EASY.but(latency_seconds=math.inf, window_tokens=math.inf, corpus_tokens=1e9)
    assert not decide(r, whole()).direction[LOOKUPS].out


# --- the walk -------------------------------------------------------------------------------------


def test_a_clear_gain_is_taken():
    assert decide(LOOKING, full()).answer == "RAG + tuned reader"


def test_what_is_settled_by_measurement_says_so():
    found = only(closed_book=(20, 400), RAG=(300, 400), improved_RAG=(100, 400))
    assert decide(LOOKING.but(can_train=False), found).direction[LOOKUPS].firmness == BY_MEASUREMENT


def test_what_is_settled_by_requirements_says_so():
    r = LOOKING.but(access=True, citations=True, can_search=True, can_train=False)
    evidence = only(RAG=(300, 400), oracle=(300, 400), improved_RAG=(310, 400))
    one = decide(JUDGING.but(can_train=False, can_search=False, fixed_labels=False), full())
    assert one.direction[JUDGEMENTS].firmness == BY_REQUIREMENTS
    assert decide(r, evidence).direction[LOOKUPS].firmness.startswith(SIMPLEST)


def test_what_nobody_measured_says_so():
    assert decide(LOOKING, only()).direction[LOOKUPS].firmness == UNMEASURED


def test_what_was_measured_goes_before_a_simpler_guess():
    r = LOOKING.but(corpus_tokens=5_000)
    assert decide(r, only(RAG=(300, 400))).answer == "RAG"


def test_twenty_cases_are_too_few_for_a_further_step():
    assert decide(JUDGING, only(prompt=(1, 20), tuned=(19, 20))).answer == "prompt + schema"


def test_weights_are_not_trained_before_a_prompt_was_only():
    assert decide(JUDGING, only(tuned=(380, 400))).answer == "prompt + schema"


def test_a_folder_that_fits_into_a_prompt_is_told_so():
    assert decide(LOOKING.but(corpus_tokens=5_000), only()).answer == "long context"


def test_a_reader_cannot_win_back_what_the_search_lost():
    evidence = full(reader_and_RAG=None)
    assert right(READER, LOOKUPS, evidence).high == pytest.approx(1 - evidence.not_found.low)


def test_no_better_search_does_more_than_the_right_sentence():
    evidence = full().but(**named(oracle=(240, 400)))
    assert right(IMPROVED, LOOKUPS, evidence).high == evidence["oracle"].high


def test_what_could_not_pay_even_at_best_is_not_open():
    evidence = only(closed_book=(20, 400), RAG=(236, 400), oracle=(236, 400))
    r = LOOKING.but(can_train=False, requests_per_day=10, release_hours=200)
    assert IMPROVED not in {d.second for d in decide(r, evidence).open}


def test_pairs_asked_the_same_cases_are_counted_as_pairs():
    few = only(prompt=(24, 60), tuned=(30, 60))
    paired = replace(few.but(), pairs={("prompt", "tuned"): replace(
        share(30, 60), value=0.1, low=0.04, high=0.16, measure="difference")})  # fmt: skip
    assert [decide(JUDGING, e).parts[JUDGEMENTS] for e in (few, paired)] == [PROMPT, TUNE]


def test_the_hybrid_names_each_part_with_its_responsibility():
    r = Requirements(lookup_share=0.5, can_search=True)
    decision = decide(r, whole(reader_and_RAG=None, improved_RAG=None))
    assert decision.answer == "RAG for look-ups; fine-tune for judgements"


def test_a_style_kept_by_the_prompt_is_no_part_of_its_own():
    evidence = only(RAG=(300, 400))
    assert decide(LOOKING.but(house_style=True), evidence).answer == "RAG"


# --- readiness ------------------------------------------------------------------------------------

GOOD = only(RAG=(360, 400), rightly_refused=(360, 400), closed_book=(20, 400))


def test_a_good_system_may_answer_behind_its_gates():
    assert decide(LOOKING.but(least_right=0.8), GOOD).readiness.state == YES


def test_a_floor_within_the_interval_asks_for_a_pilot():
    assert decide(LOOKING.but(least_right=0.9), GOOD).readiness.state == PILOT


def test_a_system_below_the_floor_is_not_shipped():
    assert decide(LOOKING.but(least_right=0.95), GOOD).readiness.state == NO


def test_where_nothing_was_measured_it_is_not_yet():
    assert decide(LOOKING, only()).readiness.state == NOT_YET


def test_where_costs_say_nothing_the_floor_is_asked_for():
    r = LOOKING.but(least_right=0.0, cost_wrong=4, cost_refusal=4)
    assert decide(r, GOOD).readiness.asks


def test_where_costs_say_enough_no_floor_is_asked_for():
    assert not decide(LOOKING.but(least_right=0.0), GOOD).readiness.asks


def test_a_gate_that_failed_asks_for_a_pilot():
    evidence = GOOD.but(**named(rightly_refused=(40, 400)))
    assert decide(LOOKING.but(least_right=0.8), evidence).readiness.state == PILOT


def test_a_gate_that_nobody_measured_is_named():
    said = decide(LOOKING.but(least_right=0.8), GOOD).paragraphs[1]
    assert "To be shown first: The day after a document changes" in said


def test_right_today_names_interval_cases_and_model():
    evidence = GOOD.but(RAG=replace(share(360, 400), model="Big@1"))
    said = decide(LOOKING.but(least_right=0.8), evidence).paragraphs[1]
    assert "Today it is right 90 % (87 to 93 %, 400 cases with Big)" in said


def test_a_kind_without_a_system_is_left_to_a_person():
    r = Requirements(lookup_share=0.8, can_train=False, can_search=True, fixed_labels=False)
    late = replace(GOOD, usage={**USAGE, "few-shot": Usage(700, 27, 60.0, 8)})
    assert decide(r, late).parts[JUDGEMENTS] is PEOPLE


# --- next -----------------------------------------------------------------------------------------

BAD = {"closed_book": (10, 400), "RAG": (80, 400)}


@pytest.mark.parametrize(
    ("lost", "fix"),
    [
        ({"lost_to_the_search": (200, 400), "lost_to_reading": (40, 400)}, "the search"),
        ({"lost_to_the_search": (40, 400), "lost_to_reading": (200, 400)}, "the prompt"),
        (
            {
                "lost_to_the_search": (20, 400),
                "lost_to_reading": (40, 400),
                "lost_to_distraction": (160, 400),
            },
            "the context",
        ),
        (
            {
                "lost_to_the_search": (20, 400),
                "lost_to_reading": (80, 400),
                "lost_to_both": (120, 400),
            },
            "the search",
        ),
        ({"recall": (100, 400), "oracle": (360, 400)}, "the search"),
        ({"recall": (360, 400), "oracle": (100, 400)}, "the prompt"),
        ({}, "what loses most"),
    ],
)
def test_what_loses_most_is_fixed_first(lost, fix):
    step = decide(LOOKING.but(least_right=0.9), only(**BAD, **lost)).next
    assert step.fix.startswith(f"First fix {fix}")


def test_on_few_cases_more_are_asked_first():
    assert decide(LOOKING, only(RAG=(10, 12))).next.fix.startswith("Ask 30 cases or more first")


def test_where_the_floor_is_missing_it_is_the_next_step():
    r = LOOKING.but(least_right=0.0, cost_wrong=4, cost_refusal=4)
    assert decide(r, GOOD).next.fix.startswith("Say what share of right answers is enough")


def test_a_tuned_part_is_first_compared_with_no_model():
    evidence = only(prompt=(40, 400), tuned=(120, 400))
    assert "nearest neighbour" in decide(JUDGING.but(least_right=0.9), evidence).next.fix


def test_what_would_cost_more_than_it_wins_is_not_asked():
    evidence = only(closed_book=(20, 400), RAG=(300, 400), improved_RAG=(310, 400))
    r = LOOKING.but(can_train=False, requests_per_day=10, cost_per_label=100, index_hours=0.5)
    assert decide(r, evidence).next.measure is None


def test_a_tie_is_treated_as_equal():
    evidence = only(prompt=(200, 400), tuned=(201, 400))
    assert "Treat fine-tune and prompt + schema as equal" in decide(JUDGING, evidence).paragraphs[2]


def test_a_tie_on_a_few_cases_is_not_called_equal():
    said = decide(JUDGING, only(prompt=(2, 8), tuned=(2, 8))).paragraphs[2]
    assert "as equal" not in said
    assert "Too few cases were asked" in said
    assert re.search(r"fine-tune and prompt \+ schema on judgements \(8 cases, −\d+ to \+\d+", said)


def test_a_tie_is_as_often_right_as_the_other():
    said = [one.text for one in decide(JUDGING, only(prompt=(200, 400), tuned=(200, 400))).reasons]
    assert [text for text in said if "as often right as prompt + schema (" in text]
    assert [text for text in said if ") than" in text and "as often" in text] == []


def test_what_the_search_loses_is_told_apart_from_what_the_reader_loses_with_it():
    evidence = whole(lost_to_the_search=(60, 400), lost_to_both=(160, 400))
    fix = decide(LOOKING.but(least_right=0.9), evidence).next.fix
    assert (
        "55 % of the look-ups are lost to the search: 15 % to it alone, and 40 % to search" in fix
    )


def test_what_is_trained_says_what_it_asks_for():
    evidence = only(prompt=(40, 400), tuned=(320, 400))
    said = decide(JUDGING.but(labelled_examples=20), evidence).next.governance
    assert "300 more labelled examples to buy" in said


def test_what_is_not_trained_asks_for_nothing():
    assert decide(LOOKING, GOOD).next.governance == ""


# --- costs ----------------------------------------------------------------------------------------


def test_costs_add_up():
    table = bill(EASY, whole()).dropna(subset=["total"])
    items = ["serving", "labels", "releases", "index", "wrong answers", "refused"]
    assert (table[items].sum(axis=1) - table["total"]).abs().max() < 1e-9


def test_the_ends_hold_the_total():
    table = bill(EASY, whole()).dropna(subset=["total"])
    assert (table["low"] <= table["total"]).all()
    assert (table["total"] <= table["high"]).all()


def test_only_labels_that_are_not_there_are_bought():
    table = bill(EASY, whole())
    assert table["labels"][JUDGEMENTS, TUNE.name] == pytest.approx(1000 * 220 / (365_000 * 0.5))


def test_a_prompt_with_all_documents_is_as_long_as_they_are():
    assert serving(LONG, LOOKUPS, EASY, whole()).tokens_in > EASY.corpus_tokens


def test_tokens_are_paid_where_data_may_leave():
    paid = EASY.but(data_may_leave=True)
    used = serving(RAG, LOOKUPS, paid, whole())
    asked = used.tokens_in * paid.price_in + used.tokens_out * paid.price_out
    assert used.money == pytest.approx(asked / 1e6)


def test_changed_rules_are_releases_of_what_learnt_them_only():
    few, many = (EASY.but(label_changes_per_year=n) for n in (1, 10))
    grows = [
        yearly(option, kind, many, whole())["releases"]
        > yearly(option, kind, few, whole())["releases"]
        for option, kind in ((TUNE, JUDGEMENTS), (READER, LOOKUPS), (RAG, LOOKUPS))
    ]
    assert grows == [True, False, False]


def test_the_gain_that_pays():
    assert needed_gain(1.0, 1.5, 10) == pytest.approx(0.05)


def test_newcombe_by_his_own_example():
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339
    found = gain(Span(48 / 80, *wilson(48, 80)), Span(56 / 70, *wilson(56, 70)))
    assert [round(x, 4) for x in vars(found).values()] == [0.2, 0.0524, 0.3339]


@pytest.mark.parametrize(
    ("known", "line", "said"),
    [
        (Span(0.5, 0.4, 0.6), 0.3, True),
        (Span(0.5, 0.4, 0.6), 0.7, False),
        (Span(0.5, 0.4, 0.6), 0.4, None),
        (Span(0.0, 0.0, 0.0), 0.0, False),  # exactly as good is not better
    ],
)
def test_above(known, line, said):
    assert above(known, line) is said


def test_on_the_line_no_number_of_cases_tells():
    assert n_to_tell(0.25, 0.0) is None


# --- requirements and findings --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lookup_share": 80}, "did you mean 0.8"),
        ({"lookup_share": -0.1}, "share from 0 to 1"),
        ({"citations": "yes"}, "takes True or False"),
        ({"citations": 1}, "takes True or False"),
        ({"requests_per_day": 0}, "must be above 0"),
        ({"price_in": "cheap"}, "price_in is 'cheap'"),
        ({"cost_wrong": math.inf}, "cost_wrong is inf"),
    ],
)
def test_requirements_that_cannot_be_are_refused_with_their_question(changes, said):
    with pytest.raises(ValueError, match=said):
        Requirements(**changes)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_question_and_a_label(name):
    assert FIELDS[name]["question"].endswith(("?", ")"))
    assert "_" not in FIELDS[name]["label"]


@pytest.mark.parametrize("name", NUMBERS)
def test_every_default_is_plausible(name):
    about = FIELDS[name]
    assert about["low"] <= getattr(Requirements(), name) <= about["high"]
    assert (steps(name)[0], steps(name)[-1]) == (about["low"], about["high"])


def test_a_limit_that_nobody_stated_is_shown_as_none():
    assert shown("latency_seconds", math.inf) == "no limit"


def test_the_scenarios_are_argued():
    assert len(SCENARIOS) == 6
    assert all("Doubt first" in one.discuss for one in SCENARIOS.values())


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"contract extraction"}))
def test_in_a_scenario_an_error_costs_more_than_a_person(name):
    r = SCENARIOS[name].requirements
    assert r.cost_wrong > r.cost_refusal
    assert not r.implausible()


STRONG = whole(
    RAG=(352, 400),
    long_context=(344, 400),
    reader_and_RAG=(360, 400),
    improved_RAG=None,
    prompt=(340, 400),
    tuned=(372, 400),
    classifier=None,
    retrieved_examples=None,
    lost_to_the_search=None,
    lost_to_both=None,
    lost_to_reading=None,
    lost_to_distraction=None,
)


@pytest.mark.parametrize("evidence", [load_findings(), STRONG], ids=["the course's", "strong"])
def test_the_scenarios_get_at_least_four_directions(evidence):
    assert len({decide(one.requirements, evidence).answer for one in SCENARIOS.values()}) >= 4


def test_good_numbers_ship_some_scenarios_and_weak_ones_none():
    shipped = [
        sum(decide(one.requirements, e).readiness.state == YES for one in SCENARIOS.values())
        for e in (load_findings(), STRONG)
    ]
    assert shipped[0] == 0
    assert shipped[1] >= 2


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
                "provenance": {"date": "2026-03-02", "generator": "theirs"},
                "usage": used,
                "findings": {id: one.model_dump(mode="json") for id, one in theirs.items()},
            }
        )
    )
    return path


@pytest.fixture
def partly_mine(reference):
    journal = Journal(format=1, guesses={}, findings={"08.questions/RAG": finding(0.5, 40)})
    return load_findings(journal, reference)


def test_the_learners_findings_come_first(partly_mine):
    found = partly_mine["RAG"]
    assert (found.value, found.n, found.source) == (0.5, 40, "yours")


def test_the_reference_is_marked(partly_mine):
    assert partly_mine["closed book"].source == "reference"


def test_what_was_not_measured_is_in_the_table_too(partly_mine):
    whose = partly_mine.table()["whose"]
    assert list(whose[["RAG", "closed book", "tuned"]]) == ["yours", "reference", "not measured"]


def test_an_unknown_finding_is_named(partly_mine):
    with pytest.raises(KeyError, match="there is no finding named 'rag'"):
        partly_mine["rag"]


def test_an_empty_journal_is_no_error(reference):
    assert load_findings(reference=reference)["RAG"].source == "reference"


def test_findings_of_a_run_with_another_model_stand_alone(reference):
    mine = finding(0.5, 40, provenance={"model": "mine"})
    journal = Journal(format=1, guesses={}, findings={"08.questions/RAG": mine})
    assert load_findings(journal, reference).left_out == ["closed book"]


def test_findings_set_by_hand_go_before_the_reference():
    mine = counted(30, 40, model="mine", data="mine")
    assert load_findings().but(RAG=mine).comparable["closed book"] is None


def test_what_was_counted_of_a_pair_goes_with_its_shares():
    assert load_findings().but(tuned=share(10, 40))["tuned, gain"] is None


def keeping(**found):
    """The reference, and a journal with these shares of 200 cases each."""
    return load_findings(
        Journal(format=1, guesses={}, findings={id: finding(x, 200) for id, x in found.items()})
    )


LATER = {  # recorded by lessons that a journal may not have reached yet
    "08.tickets/classifier": ("classifier", "support macros", "a classifier without a language"),
    "08.tickets/retrieved examples": ("retrieved examples", "support macros", "retrieved examples"),
    "08.questions/RAG, best search": (
        "improved RAG",
        "policy assistant",
        "RAG with a better prompt",
    ),
    "09.tools/query": ("tool", "product prices", "a query or a tool"),
}


@pytest.mark.parametrize("id", LATER)
def test_a_finding_of_a_later_lesson_is_read_where_it_is_there(id):
    name, scenario, answer = LATER[id]
    r = SCENARIOS[scenario].requirements
    journal = Journal(format=1, guesses={}, findings={id: finding(0.9, 200)})
    there = load_findings(journal)
    assert there.left_out == []
    assert answer in decide(r, there).answer
    assert id in " ".join(one for reason in decide(r, there).reasons for one in reason.findings)
    said = str(decide(r, there.without(name)))
    assert "(not measured)" in said or "nobody has measured it" in said


def test_a_router_that_was_measured_counts_for_parts():
    r = SCENARIOS["product prices"].requirements
    tool = {"09.tools/query": 0.99}
    routed = keeping(**tool, **{"09.router/router": 0.8})
    one, other = decide(r, routed), decide(r, routed.without("router"))
    assert one.readiness.right.value == pytest.approx(0.8 * other.readiness.right.value)


def test_a_gain_that_is_clear_but_for_its_cases_asks_for_them():
    few = only(**{"closed book": (0, 12), "RAG": (12, 12)})
    assert decide(LOOKING.but(least_right=0.8), few).next.fix.startswith("Ask 30 cases or more")


def test_what_is_clearly_not_good_enough_is_fixed_though_it_rests_on_few_cases():
    few = only(**{"closed book": (0, 20), "RAG": (1, 20)})
    fix = decide(LOOKING.but(least_right=0.8), few).next.fix
    assert fix.startswith("First fix what the model cannot know")


def test_a_gate_that_nobody_can_tell_is_still_to_be_shown():
    r = SCENARIOS["internal code search"].requirements
    found = decide(r, load_findings())  # no leak in too few tries
    assert "To be shown first: No user was shown" in found.paragraphs[1]
    assert found.next.fix.startswith("Show what its gate asks: no user was shown")


def test_labels_that_a_majority_gives_hold_tuning_back():
    journal = Journal(
        format=1, guesses={}, findings={"08.tickets/majority label": finding(0.45, 200)}
    )
    gates = decide(SCENARIOS["support macros"].requirements, load_findings(journal)).readiness.gates
    assert [g.passed for g in gates if g.rule.name == "better_than_one_label_for_all"] == [False]


def test_shares_of_two_runs_are_not_added(tmp_path):
    """A journal from before `both` was told apart holds it under reading."""
    saved = json.loads(REFERENCE.read_text(encoding="utf-8"))
    old = RecordedFinding.model_validate_json(
        json.dumps(saved["findings"]["08.faults/RAG/reading"])
    )
    mine = Journal(format=1, guesses={}, findings={"08.faults/RAG/reading": old})
    assert load_findings(mine, REFERENCE)["lost to both"] is None


def test_what_was_not_found_is_lost_to_the_search_or_to_both():
    found = full(lost_to_the_search=(60, 400), lost_to_both=(20, 400)).not_found
    assert (found.value, found.low, found.high) == (0.2, *wilson(80, 400))


def test_k_of_n_must_be_possible():
    with pytest.raises(ValueError, match="12 of 10 cannot be"):
        counted(12, 10)


BURDEN = {"parts of a release": 9, "minutes of a release": 20, "signatures": 3, "way back": 0.4}


def with_burden(**other):
    counts = {**BURDEN, **{name.replace("_", " "): one for name, one in other.items()}}
    return full().but(
        **{
            name: replace(share(1, 1), value=one, low=one, high=one, measure="count")
            for name, one in counts.items()
        }
    )


def test_what_a_release_takes_is_said_of_what_is_trained():
    said = decide(JUDGING, with_burden()).next.governance
    assert "9 parts to version, 20 minutes of training, 3 people who sign, 0.4 seconds" in said
    assert decide(JUDGING.but(can_train=False), with_burden()).next.governance == ""


@pytest.mark.parametrize(("seconds", "state"), [(0.4, YES), (600, PILOT)])
def test_what_is_trained_answers_alone_only_with_a_way_back(seconds, state):
    r = JUDGING.but(cost_wrong=2, cost_refusal=6)
    found = decide(r, with_burden(way_back=seconds))
    assert (found.answer, found.readiness.state) == ("fine-tune", state)


def test_training_takes_the_minutes_that_were_counted():
    r = JUDGING.but(machine_per_hour=20)
    one, other = (
        yearly(TUNE, JUDGEMENTS, r, with_burden(minutes_of_a_release=m))["releases"]
        for m in (60, 120)
    )
    assert other - one == pytest.approx(20 * (12 / r.base_model_months + r.label_changes_per_year))


def test_a_count_may_be_more_than_one_and_no_share_may():
    assert with_burden()["signatures"].value == 3
    with pytest.raises(ValueError, match="a share lies between 0 and 1"):
        replace(share(1, 1), value=3, high=3)


def test_the_decision_loads_no_model():
    code = (
        "import sys; import helpers.decision.sensitivity, helpers.decision.scenarios,"
        " helpers.decision.findings; print([m for m in ('torch', 'transformers', 'chromadb',"
        " 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_reference_is_in_the_form_of_a_journal():
    saved = json.loads(REFERENCE.read_text(encoding="utf-8"))
    for id, one in saved["findings"].items():
        assert RecordedFinding.model_validate_json(json.dumps(one)).provenance, id


def test_the_reference_has_what_the_first_view_rests_on():
    found = load_findings().found
    assert {"RAG", "closed book", "recall", "oracle", "prompt", "tuned", "style, tuned"} <= set(
        found
    )


def test_every_finding_says_which_model_and_data_it_comes_from():
    for one in load_findings().found.values():
        assert bool(one.model) is not one.id.startswith(WITHOUT_MODEL), one.id
        assert one.data == HOME


# --- flips, and how fast --------------------------------------------------------------------------


def test_direction_and_readiness_flip_apart():
    found = decide(LOOKING.but(least_right=0.8), GOOD).flips
    assert "least_right" in {one.name for one in found.readiness}
    assert "least_right" not in {one.name for one in found.direction}


def test_a_flip_is_said_in_words():
    said = " ".join(map(str, decide(LOOKING.but(least_right=0.8), GOOD).flips))
    assert "Least share right from" in said
    assert "_" not in said


def test_agreement_is_drawn_with_a_seed():
    one, again = (agreement(LOOKING, full(), n=20) for _ in range(2))
    assert one == again
    assert sum(one.answers.values()) == 20


def test_a_slider_move_is_quick():
    """A board draws the decision, its flips and their answers anew: about a tenth of a second, held
    against a lapse only."""
    assert len(decide(Requirements(), load_findings()).flips)  # the first loads scipy
    evidence, started = load_findings(), time.process_time()
    for cost in (5, 6, 7, 8):
        decide(Requirements(cost_wrong=cost), evidence).flips  # noqa: B018
    assert (time.process_time() - started) / 4 < 0.4


def test_unmeasured_findings_are_asked_for_on_a_first_look():
    step = decide(LOOKING, only(closed_book=(20, 400), RAG=(300, 400))).next
    assert step.n_both == UNSEEN_N


@pytest.mark.parametrize(
    ("hits", "said"),
    [
        (80, "Two in ten labels contradict each other (20 %: the same input with several labels)"),
        (24, "One in ten labels contradict each other (6 %"),
    ],
)
def test_labels_that_contradict_each_other_are_settled_first(hits, said):
    evidence = whole().but(**{"contradicting labels": share(hits, 400)})
    assert decide(EASY, evidence).next.fix.startswith(said)


def test_a_few_contradictions_change_nothing():
    evidence = whole().but(**{"contradicting labels": share(8, 400)})
    assert decide(EASY, evidence).next.fix == decide(EASY, whole()).next.fix


def test_labels_do_not_matter_where_nothing_is_judged():
    evidence = whole().but(**{"contradicting labels": share(200, 400)})
    r = EASY.but(lookup_share=1.0, house_style=False)
    assert "contradict" not in decide(r, evidence).next.fix


def test_all_findings_of_the_board_have_a_kind():
    assert all(kind for _, kind, _ in NAMES.values())
    assert isinstance(full(), Findings)


def test_flips_of_a_limit_that_nobody_stated_are_finite():
    found = flips(EASY.but(latency_seconds=math.inf), whole())
    assert all(one.at < math.inf for one in found)
