"""What needs no training of a language model: the nearest labelled row, a classifier, and examples
chosen for each ask. Vectors are made, so that it is known which rows are alike."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from support.toy_model import TOY

from helpers.core.cases import Ask, Case, Gold
from helpers.data.tickets import FIELDS, load_tickets
from helpers.models import generate
from helpers.retrieval import embedding
from helpers.systems import (
    TaskPrompt,
    linear_classifier,
    majority_label,
    nearest_neighbour,
    retrieved_examples,
)
from helpers.systems.neighbours import nearest_rows

TASK = TaskPrompt("Sort.", {"type": "string", "enum": ["left", "right"]}, max_new_tokens=5)


@pytest.fixture(autouse=True)
def directions(cache, monkeypatch):
    """The vector of a text is the direction that its number names, in degrees: "30 x" and "31 y"
    are alike."""

    def embed(texts):
        angles = np.radians([float(text.split()[0]) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    monkeypatch.setattr(embedding, "embed", embed)


@pytest.fixture
def heard(monkeypatch):
    """The prompts that the toy model is given, as [(examples), input]; what it says in `text`."""
    kept = SimpleNamespace(prompts=[], schema=None, text="left")

    def complete(model, prompts, max_new_tokens, schema):
        kept.prompts, kept.schema = [json.loads(prompt) for prompt in prompts], schema
        yield from (generate.Completion(i, kept.text, 1, 1, 0.0) for i in range(len(prompts)))

    monkeypatch.setattr(generate, "complete", complete)
    monkeypatch.setattr(
        generate, "chat", lambda model, user, system, turns: json.dumps([[*turns], user])
    )
    return kept


def said(arm, *texts):
    return [prediction.text for prediction in arm([Ask(text, text) for text in texts])]


def case(text, **output):
    return Case(Ask(text, text), Gold(output=output), "k", text, "train")


def rows(*columns, field="a"):
    """Ten rows a value: value 0 at 0 degrees and a little, value 1 ninety degrees on."""
    return [
        case(f"{90 * at + i} row", **{field: value}) for at, value in enumerate(columns)
        for i in range(10)
    ]  # fmt: skip


# --- the nearest row ------------------------------------------------------------------------------


def test_the_nearest_row_gives_its_output():
    arm = nearest_neighbour([("0 a", "left"), ("90 b", "right")])
    assert said(arm, "10 x", "80 x") == ["left", "right"]


def test_of_rows_with_the_same_text_the_first_gives_its_output():
    arm = nearest_neighbour([("50 far", "far"), ("0 a", "first"), ("0 a", "second")])
    assert said(arm, "1 x") == ["first"]


def test_of_different_rows_that_are_equally_near_the_lowest_comes_first():
    assert nearest_rows(["0 x"], ["50 far", "0 b", "0 a", "0 b"], 3) == [[1, 2, 3]]


def test_there_are_never_more_neighbours_than_rows():
    assert nearest_rows(["0 x"], ["90 a", "0 b"], 8) == [[1, 0]]


def test_the_nearest_output_of_an_object_keeps_the_schemas_order():
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    arm = nearest_neighbour([case("0 a", a="x", b=True)], schema)
    assert said(arm, "1 x") == ['{"b": true, "a": "x"}']


def test_an_ask_that_is_an_example_gets_its_output():
    assert said(nearest_neighbour([("0 a", "left"), ("1 b", "right")]), "1 b") == ["right"]


# --- the most common value ------------------------------------------------------------------------


def test_the_most_common_values_of_fields_may_stand_in_no_row():
    three = [case("0 a", a=1, b="x"), case("1 b", a=1, b="y"), case("2 c", a=2, b="y")]
    assert said(majority_label(three, by_field=True), "0 x") == ['{"a": 1, "b": "y"}']


def test_the_most_common_output_is_one_of_the_rows():
    three = [case("0 a", a=1, b="x"), case("1 b", a=1, b="y"), case("2 c", a=2, b="y")]
    assert said(majority_label(three), "0 x") == ['{"a": 1, "b": "x"}']


# --- the classifier -------------------------------------------------------------------------------


def test_the_classifier_tells_directions_apart():
    assert said(linear_classifier(rows("left", "right")), "5 x", "95 x") == [
        '{"a": "left"}',
        '{"a": "right"}',
    ]


def test_plain_texts_are_classified_as_they_are():
    pairs = [(c.ask.input, c.gold.output["a"]) for c in rows("left", "right")]
    assert said(linear_classifier(pairs), "95 x") == ["right"]


@pytest.mark.parametrize("values", [(True, False), (1, 2), (0.5, None), ("1", 1), (True, "true")])
def test_values_stay_the_json_values_that_they_are(values):
    found = [json.loads(text)["a"] for text in said(linear_classifier(rows(*values)), "5", "95")]
    assert [repr(value) for value in found] == [repr(value) for value in values]


def test_fields_come_in_the_schemas_order():
    schema = {"type": "object", "properties": {"c": {}, "b": {}, "a": {}}}
    some = [case(f"{i} a", a="x", b=True, c=1) for i in range(4)]
    assert said(linear_classifier(some, schema), "0 x") == ['{"c": 1, "b": true, "a": "x"}']


def test_without_a_schema_fields_come_as_in_the_rows():
    assert said(linear_classifier([case("0 a", z=1, a=2)]), "0 x") == ['{"z": 1, "a": 2}']


def test_what_never_changes_is_always_said():
    assert said(linear_classifier([("0 a", "only"), ("90 b", "only")]), "45 x") == ["only"]


def test_a_field_that_some_rows_lack_can_be_left_out():
    some = [case(f"{i} a", a="x", b="y") for i in range(10)]
    some += [case(f"{90 + i} a", a="x") for i in range(10)]
    assert said(linear_classifier(some), "95 x") == ['{"a": "x"}']


@pytest.mark.parametrize("value", [["x"], {"b": "x"}], ids=["list", "object"])
def test_lists_and_objects_in_a_field_are_refused_by_name(value):
    with pytest.raises(ValueError, match="field 'a' holds lists or objects"):
        linear_classifier([case("0 a", a=value), case("1 b", a=value)])


def test_free_text_is_refused():
    with pytest.raises(ValueError, match="the output has 3 different values in 4 rows"):
        linear_classifier([("0 a", "x"), ("1 b", "y"), ("2 c", "z"), ("3 d", "z")])


def test_a_text_that_begins_with_a_bracket_is_no_list():
    assert said(linear_classifier([("0 a", "[x]"), ("1 b", "[x]")]), "0 x") == ["[x]"]


def test_the_classifier_writes_tickets_as_the_software_reads_them():
    train = [
        Case(Ask(c.id, f"{i} {c.ask.input}"), c.gold, c.kind, c.fact, c.split)
        for i, c in enumerate(load_tickets("train")[:40])
    ]
    (text,) = said(linear_classifier(train), "3 x")
    assert tuple(json.loads(text)) == FIELDS


# --- examples chosen for each ask -----------------------------------------------------------------

SHOWN = [("0 a", "left"), ("90 b", "right"), ("20 c", "left")]


def test_the_most_similar_example_stands_next_to_the_input(heard):
    said(retrieved_examples(TOY, TASK, SHOWN, k=2), "5 x")
    assert heard.prompts == [[[["20 c", "left"], ["0 a", "left"]], "5 x"]]


def test_every_ask_has_its_own_examples(heard):
    said(retrieved_examples(TOY, TASK, SHOWN, k=1), "5 x", "85 y")
    assert [shown for shown, _ in heard.prompts] == [[["0 a", "left"]], [["90 b", "right"]]]


def test_answers_can_be_held_to_the_schema(heard):
    heard.text = '"left"'
    arm = retrieved_examples(TOY, TASK, SHOWN, constrained=True)
    assert (arm.name, said(arm, "5 x"), heard.schema) == (
        "retrieved examples + constrained",
        ["left"],
        TASK.schema,
    )


def test_no_example_is_no_k():
    with pytest.raises(ValueError, match="k is the number of examples"):
        retrieved_examples(TOY, TASK, SHOWN, k=0)


def test_another_k_is_another_system():
    one, other = (retrieved_examples(TOY, TASK, SHOWN, k=k) for k in (1, 2))
    assert one.fingerprint != other.fingerprint


# --- all of them ----------------------------------------------------------------------------------

ARMS = {
    "majority label": majority_label,
    "nearest neighbour": nearest_neighbour,
    "classifier": linear_classifier,
    "retrieved examples": lambda examples: retrieved_examples(TOY, TASK, examples),
}
COMPARING = [name for name in ARMS if name != "majority label"]


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_is_named(name):
    assert ARMS[name](SHOWN[:2] * 2).name == name


@pytest.mark.parametrize("name", ARMS)
def test_without_rows_there_is_no_arm(name):
    with pytest.raises(ValueError, match="give the training rows"):
        ARMS[name]([])


@pytest.mark.parametrize("name", COMPARING)
def test_other_examples_are_another_system(name):
    one, other = SHOWN[:2] * 2, [("1 a", "left"), SHOWN[1]] * 2
    assert ARMS[name](one).fingerprint != ARMS[name](other).fingerprint


@pytest.mark.parametrize("name", COMPARING)
def test_another_embedder_is_another_system(name, monkeypatch):
    before = ARMS[name](SHOWN[:2] * 2).fingerprint
    monkeypatch.setattr(embedding, "fingerprint", lambda: "another embedder")
    assert ARMS[name](SHOWN[:2] * 2).fingerprint != before


@pytest.mark.parametrize("name", ARMS)
def test_the_same_rows_are_the_same_system(name):
    assert ARMS[name](SHOWN[:2] * 2).fingerprint == ARMS[name](SHOWN[:2] * 2).fingerprint


@pytest.mark.parametrize("name", ["nearest neighbour", "classifier"])
def test_nothing_asked_is_nothing_answered(name):
    assert said(ARMS[name](SHOWN[:2] * 2)) == []
