"""Do the minutes go where they settle something? The clock is a stand-in: it moves only when an arm
answers or is trained, at the paces that are given."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.towns import own_folder, quiet
from test_assess import cases_of

from helpers.commands.assess import findings, practice, systems
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.schedule import (
    COMPARED,
    DECIDES,
    EXPLAINS,
    HOPELESS,
    LAST,
    ArmProgress,
    Clock,
    OutOfTimeError,
    Step,
    measure,
)
from helpers.core.cases import Arm, Prediction
from helpers.evaluation.evaluator import QUESTIONS
from helpers.experiments.training_cell import RECIPE, TrainingSetting, recipe
from helpers.training import time_estimate

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")


class Ticking(Clock):
    passed = 0.0

    @property
    def used(self):
        return self.passed


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    return ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}, "pace": {}})


@pytest.fixture
def run(progress):
    """Measures arms in so many minutes: what each was asked, in order, and the tables."""

    def measured(minutes, arms, cases=189):
        clock, asked = Ticking(minutes), []
        steps = [_step(clock, asked, cases_of(cases), **arm) for arm in arms]
        tables, _, skipped = measure(steps, clock, progress, quiet, findings.pairs_of)
        return asked, tables, {one.name: one.reason for one in skipped}, clock

    return measured


def _step(clock, asked, cases, name, pace, share, training=0.0, **more):
    """An arm that takes so many seconds a case, and is right on this share of them."""
    number = {case.id: at for at, case in enumerate(cases)}

    def answer(asks):
        for ask in asks:
            asked.append(name)
            clock.passed += pace
            right = (number[ask.id] * 37) % 100 < 100 * share
            yield Prediction(ask.id, "x" if right else "no")

    def make():
        asked.append(f"{name} is made")
        clock.passed += training
        return Arm(name, answer, f"{name}{clock.minutes}{share}")

    more |= {"trained": bool(training), "prepare_seconds": lambda: training}
    return Step(name, "", cases, QUESTIONS, make, **more)


def extraction(tuned=0.5, few=0.0):
    """The arms on 630 rows of extraction: 378 of them train in 2.6 minutes."""
    sizes = {378: 156.0, 256: 110.0, 64: 55.0, 16: 28.0}
    names = [f"tuned, {rows} rows" for rows in sizes]
    trained = [
        {"name": name, "pace": 0.6, "share": tuned, "training": seconds, "most": 0.6}
        | {"turn": LAST if larger else DECIDES, "instead_of": larger}
        for name, seconds, larger in zip(names, sizes.values(), ["", *names], strict=False)
    ]
    return [
        {"name": "majority label", "pace": 0.001, "share": 0.0, "free": True},
        {"name": "few-shot", "pace": 1.0, "share": few},
        trained[0],
        {"name": "retrieved examples", "pace": 1.2, "share": few},
        {"name": "zero-shot", "pace": 0.9, "share": 0.0, "turn": EXPLAINS},
        *trained[1:],
    ]


def firsts(asked):
    """Every name once, in the order in which it first came."""
    return list(dict.fromkeys(asked))


def test_seven_minutes_of_extraction_train_on_all_rows(run):
    _, tables, _, clock = run(7, extraction())
    assert len(tables["tuned, 378 rows"]) >= 64
    assert clock.used <= 7 * 60 * 1.1


def test_and_settle_what_training_is_worth(run):
    _, tables, _, _ = run(7, extraction())
    (found,) = [
        one
        for one in findings.comparisons(tables)
        if (one.first, one.second) == ("few-shot", "tuned, 378 rows")
    ]
    assert found.verdict == "better"


def test_an_arm_at_zero_costs_no_more_than_it_takes_to_know(run):
    _, tables, _, _ = run(7, extraction())
    assert {len(tables[name]) for name in ("few-shot", "zero-shot")} == {HOPELESS}


def test_baselines_come_first_then_the_arm_that_can_decide(run):
    asked, *_ = run(7, extraction())
    made = [name for name in firsts(asked) if name.endswith("is made")]
    assert made[0] == "majority label is made"
    assert made.index("tuned, 378 rows is made") < made.index("tuned, 64 rows is made")
    before = asked[: asked.index("tuned, 378 rows is made")]
    assert before.count("majority label") == 189
    assert before.count("few-shot") == 2, "it shows its pace, by which all else is planned"


def test_what_it_is_compared_with_comes_before_what_would_be_nice_to_know(run):
    asked, *_ = run(30, extraction(few=0.3))
    before = asked[: asked.index("tuned, 256 rows is made")]
    assert before.count("few-shot") >= 32
    assert before.count("tuned, 378 rows") >= 32


def test_fewer_rows_take_the_turn_of_all_where_all_take_too_long(run):
    asked, _, reasons, _ = run(4.5, extraction())
    assert "60 % of what was left" in reasons["tuned, 378 rows"]
    before = asked[: asked.index("tuned, 256 rows is made")]
    assert before.count("few-shot") == 2


def test_a_clear_pair_waits_while_another_is_open(run):
    """zero-shot and few-shot are told apart at once, few-shot and tuned only after many cases."""
    arms = [
        {"name": "zero-shot", "pace": 1.0, "share": 0.02, "turn": EXPLAINS},
        {"name": "few-shot", "pace": 1.0, "share": 0.88},
        {"name": "tuned, 300 rows", "pace": 1.0, "share": 0.95, "turn": DECIDES},
    ]
    asked, *_ = run(60, arms, cases=800)
    waiting = asked[: [n for n, name in enumerate(asked) if name == "zero-shot"][32]]
    assert waiting.count("zero-shot") == 32
    assert waiting.count("few-shot") == waiting.count("tuned, 300 rows") >= 96


def test_minutes_that_are_left_are_used_to_the_last_case(run):
    _, tables, reasons, _ = run(60, extraction(few=0.3))
    assert {len(table) for name, table in tables.items() if name != "zero-shot"} == {189}
    assert set(reasons) == {"zero-shot"}


def test_a_settled_pair_is_held_to_a_stricter_interval(run, monkeypatch):
    """An interval that is looked at again and again must not be fooled by one lucky look."""
    levels = []
    known = measure.__globals__["compare"]

    def watched(first, second, comparisons):
        levels.append(comparisons)
        return known(first, second, comparisons=comparisons)

    monkeypatch.setitem(measure.__globals__, "compare", watched)
    run(7, extraction())
    assert min(levels) >= 10


# --- whose turn it is in a folder -----------------------------------------------------------------


@pytest.fixture
def shop(tmp_path, progress, monkeypatch):
    own = read_user_folder(own_folder(tmp_path / "own"))
    made = systems.Systems(own, Ticking(10), progress, quiet)
    made.__dict__["generator"] = None
    monkeypatch.setattr(systems.labelled, "training_rows", lambda *_: [])
    made.__dict__["task"] = None
    return made


def test_training_on_all_rows_decides_and_prompts_are_what_it_is_compared_with(shop):
    turns = {step.name: step.turn for step in shop.example_steps() if not step.free}
    rows = len(shop.splits.train)
    assert turns == {
        "few-shot": COMPARED,
        f"tuned, {rows} rows": DECIDES,
        "retrieved examples": COMPARED,
        "zero-shot": EXPLAINS,
        "tuned, 16 rows": LAST,
    }


def test_documents_in_the_prompt_decide_about_questions(shop):
    turns = {step.name: step.turn for step in shop.question_steps()}
    assert [name for name, turn in turns.items() if turn == DECIDES] == ["RAG"]


def test_every_row_that_does_not_test_trains(shop):
    assert len(shop.splits.train) + len(shop.splits.test) == len(shop.own.examples)


# --- how it is trained ----------------------------------------------------------------------------


@pytest.fixture
def trained(shop, monkeypatch):
    """How all rows are trained on, where a round takes so many seconds."""

    def chosen(seconds, there=()):
        monkeypatch.setattr(
            time_estimate, "training_seconds", lambda _, rows, how: how.epochs * seconds
        )
        monkeypatch.setattr(practice, "adapter_there", lambda _, rows, how: how.epochs in there)
        pairs = [("a", "b")] * len(shop.splits.train)
        took = shop._training_seconds(pairs)
        return shop.practice.tuning[len(pairs)], took, pairs

    return chosen


def test_rows_are_trained_on_by_the_recipe_of_the_course(trained, shop):
    how, _, pairs = trained(0.1)
    assert how == recipe(TrainingSetting(len(pairs)))
    assert (how.learning_rate, how.batch_rows) == (RECIPE.learning_rate, RECIPE.batch_rows)


def test_where_that_takes_too_long_all_rows_are_seen_in_fewer_rounds(trained):
    how, seconds, pairs = trained(60.0)
    assert 1 <= how.epochs < recipe(TrainingSetting(len(pairs))).epochs
    assert how == replace(recipe(TrainingSetting(len(pairs))), epochs=how.epochs)
    assert seconds == 60.0 * how.epochs


@pytest.fixture
def at_a_pace(shop, monkeypatch):
    """Trains all rows, ten steps a round, where a step takes so many seconds, whatever was
    estimated: how it was trained, and the seconds of its steps."""

    def trained(a_step, ends):
        pairs, taken = [("a", "b")] * len(shop.splits.train), []

        def steps(generator, rows, how, progress, say):
            for done in range(1, 10 * how.epochs + 1):
                shop.clock.passed += a_step
                taken.append(a_step)
                progress(done, 10 * how.epochs, "training")
            return SimpleNamespace(card={"seconds": 10 * how.epochs * a_step})

        monkeypatch.setattr(practice, "finetune", steps)
        monkeypatch.setattr(systems.adapters, "with_adapter", lambda *_: None)
        monkeypatch.setattr(systems.labelled, "tuned", lambda *_: None)
        monkeypatch.setattr(systems.Systems, "constrained", False)
        shop.clock.training_ends = ends
        return pairs, taken

    return trained


def test_a_training_that_proves_too_slow_is_begun_again_with_rounds_that_fit(shop, at_a_pace):
    pairs, taken = at_a_pace(2.0, ends=100.0)
    shop._tuned(pairs)
    # 8 steps show the pace; of the 84 seconds left, four rounds of 20 take 80
    assert len(taken) == 8 + 4 * 10
    assert shop.progress["rounds"] == {str(len(pairs)): 4}
    (note,) = [one for one in shop.notes if "rounds" in one]
    assert f"in 4 of the {recipe(TrainingSetting(len(pairs))).epochs} rounds" in note


def test_what_an_earlier_start_chose_too_high_is_not_the_end(shop, at_a_pace):
    pairs, _ = at_a_pace(2.0, ends=100.0)
    whole = recipe(TrainingSetting(len(pairs)))
    shop.progress.set("rounds", {str(len(pairs)): 6})  # and was stopped at its first steps
    shop.practice.tuning[len(pairs)] = replace(whole, epochs=6)
    shop._tuned(pairs)
    assert shop.progress["rounds"] == {str(len(pairs)): 4}


def test_a_training_in_time_is_left_alone(shop, at_a_pace):
    pairs, taken = at_a_pace(0.1, ends=100.0)
    shop._tuned(pairs)
    assert len(taken) == 10 * recipe(TrainingSetting(len(pairs))).epochs
    assert not [one for one in shop.notes if "rounds" in one]


def test_where_one_round_is_too_many_little_time_is_lost(shop, at_a_pace):
    pairs, taken = at_a_pace(12.0, ends=100.0)
    with pytest.raises(OutOfTimeError):
        shop._tuned(pairs)
    assert len(taken) == 8


def test_what_an_earlier_start_chose_is_not_chosen_anew(trained, shop):
    how, _, pairs = trained(60.0)
    shop.practice.say_rounds(len(pairs), how)
    shop.clock.passed = 240.0  # now even fewer would fit
    assert trained(60.0)[0] == how


def test_more_minutes_train_it_to_its_end_and_ask_it_anew(trained, shop, progress):
    how, _, pairs = trained(60.0)
    shop.practice.say_rounds(len(pairs), how)
    name = f"tuned, {len(pairs)} rows"
    progress.finish(f"{name}/0-2", 1.0)
    whole, _, _ = trained(0.1)
    shop.practice.say_rounds(len(pairs), whole)
    assert whole == recipe(TrainingSetting(len(pairs)))
    assert not progress.done(f"{name}/0-2")
