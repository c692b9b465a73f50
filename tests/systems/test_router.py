"""The router learns on train, chooses on dev, decides by cost, and asks back where that is cheaper.
Made vectors, but for one test of the real embedder."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from helpers.core.cases import Ask, Case, Gold, Prediction
from helpers.data.requests import ROUTES, load_requests
from helpers.evaluation.evaluator import evaluate
from helpers.evaluation.routing import COSTS, UNSURE, equal_costs, routing_summary, routing_task
from helpers.models.language_model import Completion
from helpers.systems import router as systems_router
from helpers.systems.baselines import majority_label, nearest_neighbour
from helpers.systems.labelled import zero_shot
from helpers.systems.router import (
    KEYWORDS,
    ROUTE_PROMPT,
    keyword_router,
    router_arm,
    train_router,
    with_costs,
)

TASK = routing_task(COSTS)


def case(number, text, route, split="train"):
    return Case(Ask(f"{split}-{number}", text), Gold((route,)), "k", f"{split}-{number}", split)


@pytest.fixture(scope="module")
def rows():
    return load_requests("train"), load_requests("dev")


@pytest.fixture
def router(cache, made_vectors, rows):
    return train_router(*rows, bodies=["frozen"])


def test_it_beats_the_majority(router, rows):
    train, dev = rows
    arms = (majority_label(train), router_arm(with_costs(router, dev, equal_costs(ROUTES))))
    found = routing_summary([evaluate(arm, dev, TASK, keep=False) for arm in arms])
    assert found["macro-F1"].iloc[1] > found["macro-F1"].iloc[0] + 0.2


def test_probabilities_are_probabilities(router, rows):
    found = router.probabilities([one.ask.input for one in rows[1]])
    assert found.shape == (len(rows[1]), len(ROUTES))
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found >= 0).all()


def test_the_temperature_fits_dev_better_than_none(router, rows):
    texts = [one.ask.input for one in rows[1]]
    gold = [ROUTES.index(one.gold.answers[0]) for one in rows[1]]

    def surprise(one):
        return -np.log(one.probabilities(texts)[np.arange(len(gold)), gold]).mean()

    untempered = dataclasses.replace(router, temperature=1.0)
    assert surprise(router) <= surprise(untempered) + 1e-9


def test_with_equal_costs_it_says_the_likeliest(router, rows):
    equal = dataclasses.replace(router, costs=equal_costs(ROUTES), reject_at=np.inf)
    chances = equal.probabilities([one.ask.input for one in rows[1]])
    assert equal.decide(chances) == [ROUTES[at] for at in chances.argmax(axis=1)]


def test_a_dear_confusion_is_avoided(router):
    chances = np.array([[0.6, 0.0, 0.4, 0.0]])  # retrieve, tool, refuse, small talk
    cheap = dataclasses.replace(router, costs=equal_costs(ROUTES), reject_at=np.inf)
    dear = dataclasses.replace(cheap, costs=equal_costs(ROUTES) | {("refuse", "retrieve"): 9.0})
    assert (cheap.decide(chances), dear.decide(chances)) == (["retrieve"], ["refuse"])


def test_what_is_expected_to_cost_more_than_the_threshold_is_asked_back(router):
    one = dataclasses.replace(router, costs=equal_costs(ROUTES), reject_at=0.3)
    assert one.decide(np.array([[0.8, 0.2, 0, 0], [0.6, 0.4, 0, 0]])) == ["retrieve", UNSURE]


def test_asking_back_never_costs_more_on_dev_than_not_to(router, rows):
    never = dataclasses.replace(router, reject_at=np.inf)
    found = routing_summary(
        {
            name: evaluate(router_arm(one), rows[1], TASK, keep=False)
            for name, one in (("chosen", router), ("never", never))
        }
    )
    assert found.loc["chosen", "cost"] <= found.loc["never", "cost"]


def test_the_dearer_asking_back_is_the_less_it_is_done(router, rows):
    shares = []
    for cost in (0.0, 0.5, 5.0):
        one = with_costs(router, rows[1], COSTS | {(route, UNSURE): cost for route in ROUTES})
        shares.append(
            evaluate(router_arm(one), rows[1], TASK, keep=False)["said"].eq(UNSURE).mean()
        )
    assert shares[0] > shares[1] > shares[2] == 0


def test_other_costs_are_another_system(router, rows):
    other = with_costs(router, rows[1], equal_costs(ROUTES))
    assert router_arm(router).fingerprint != router_arm(other).fingerprint


def test_the_same_training_is_the_same_system(router, rows):
    again = train_router(*rows, bodies=["frozen"])
    assert router_arm(router).fingerprint == router_arm(again).fingerprint
    assert np.array_equal(router.weights, again.weights)


def test_dev_in_train_is_refused(rows):
    train, dev = rows
    with pytest.raises(ValueError, match="1 rows of dev are in train"):
        train_router([*train, dev[0]], dev, bodies=["frozen"])


def test_a_label_that_is_none_is_named(rows):
    with pytest.raises(ValueError, match="case train-1: its label is none of"):
        train_router([case(1, "x", "rag")], rows[1])


@pytest.mark.parametrize("which", [0, 1])
def test_rows_are_needed(rows, which):
    given = [rows[0], rows[1]]
    given[which] = []
    with pytest.raises(ValueError, match="no rows"):
        train_router(*given)


def test_two_labels_are_one_row_of_weights_and_work(cache, made_vectors):
    train = [case(n, f"{word} number {n}", label) for n in range(20)
             for word, label in (("red", "0"), ("blue", "1"))]  # fmt: skip
    dev = [case(n, f"{word} thing", label, "dev") for n, (word, label) in
           enumerate((("red", "0"), ("blue", "1")))]  # fmt: skip
    two = train_router(train, dev, equal_costs("01"), ["frozen"], labels="01")
    said = [one.text for one in router_arm(two)([one.ask for one in dev])]
    assert said == ["0", "1"]


def test_a_label_without_a_row_is_never_said(cache, made_vectors, rows):
    train = [one for one in rows[0] if one.gold.answers[0] != "tool"]
    one = train_router(train, rows[1], equal_costs(ROUTES), ["frozen"])
    assert "tool" not in {p.text for p in router_arm(one)([c.ask for c in rows[1]])}


def test_the_body_with_the_higher_f1_on_dev_is_kept(cache, made_vectors, rows, monkeypatch):
    """A tuned body that maps everything onto one point cannot win."""
    monkeypatch.setattr(systems_router, "tune_body", lambda *a: "flat")
    monkeypatch.setattr(systems_router, "vectors_of", lambda body, texts: np.ones((len(texts), 3)))
    found = train_router(*rows)
    assert found.body is None
    assert found.tried["frozen"]["macro_f1"] > found.tried["tuned"]["macro_f1"]


def test_nothing_asked_is_nothing_said(router):
    assert list(router_arm(router)([])) == []


# --- baselines ------------------------------------------------------------------------------------


def test_keywords_say_routes_alone(rows):
    said = evaluate(keyword_router(), rows[1], TASK, keep=False)["said"]
    assert set(said) <= set(ROUTES)


def test_each_list_of_keywords_finds_more_of_its_route_than_of_others(rows):
    for route, words in KEYWORDS:
        found = [bool(re.search(words, one.ask.input.lower(), re.ASCII)) for one in rows[0]]
        own = [hit for hit, one in zip(found, rows[0], strict=True) if
               one.gold.answers[0] == route]  # fmt: skip
        assert sum(own) > sum(found) / 2, route


def test_every_baseline_is_an_arm_of_the_one_evaluation(cache, made_vectors, rows):
    train, dev = rows
    for arm in (majority_label(train), keyword_router(), nearest_neighbour(train)):
        assert len(evaluate(arm, dev, TASK, keep=False)) == len(dev)


class Parrot:
    """A language model that says "tool", as a grammar makes it: in quotes."""

    name, fingerprint, tokenizer, window_tokens = "parrot", "parrot@1", None, 2000

    def __init__(self):
        self.asked = []

    def chat(self, text, system=None, turns=()):
        return f"{system}|{text}"

    def complete(self, prompts, max_new_tokens, schema=None):
        self.asked += [(prompt, schema) for prompt in prompts]
        for at, _ in enumerate(prompts):
            yield Completion(at, '"tool"', 5, 1, 0.0)


def test_a_language_model_can_be_asked(rows):
    arm = zero_shot(Parrot(), ROUTE_PROMPT, constrained=True)
    said = evaluate(arm, rows[1][:4], TASK, keep=False)["said"]
    assert set(said) == {"tool"}


def test_it_is_told_every_route_and_may_say_nothing_else():
    model = Parrot()
    list(zero_shot(model, ROUTE_PROMPT, constrained=True)([Ask("1", "hi")]))
    ((prompt, schema),) = model.asked
    assert all(f'"{route}"' in prompt for route in ROUTES)
    assert schema["enum"] == list(ROUTES)


def test_a_failed_router_is_scored_as_invalid():
    assert TASK.scores(Prediction("1", "", error="x"), Gold(("tool",)))["said"] == "invalid"


@pytest.mark.slow
def test_tuning_the_body_wins_on_dev(cache, rows, float32):
    """What trying both bodies rests on."""
    found = train_router(*rows).tried
    assert found["tuned"]["macro_f1"] > found["frozen"]["macro_f1"]
