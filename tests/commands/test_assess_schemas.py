"""Whatever schema comes with the examples: every arm that answers as they do can be made and asked,
held to the schema where that is possible, and the report says so where it is not."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from helpers.commands.assess import practice, systems
from helpers.commands.assess.config import AssessConfig
from helpers.commands.assess.folder import UserFolder
from helpers.commands.assess.schedule import ArmProgress, Clock
from helpers.core.cases import Ask, Case, Gold
from helpers.data.json_schema import checked
from helpers.models import constrain, generate, load, weights
from helpers.retrieval import embedding

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")

TEXT = {"type": "string"}
NAME = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}


@pytest.fixture(scope="module")
def words():
    """A model that has a tokenizer and no weights."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights.prepare(weights.SMOLLM2))
    config = SimpleNamespace(vocab_size=len(tokenizer), max_position_embeddings=8192)
    return load.Generator("toy", "toy@1", SimpleNamespace(config=config), tokenizer, "cpu")


@pytest.fixture
def shop(tmp_path, monkeypatch, words):
    """Makes the systems of a folder with these outputs and this schema; `asked` keeps the schemas
    that answers were held to."""
    asked = []

    def complete(model, prompts, max_new_tokens, schema):
        asked.append(schema)
        if schema is not None:
            constrain.only_valid(model, schema, len(prompts), max_new_tokens)
        yield from (generate.Completion(i, "x", 1, 1, 0.0) for i in range(len(prompts)))

    monkeypatch.setattr(generate, "complete", complete)
    monkeypatch.setattr(
        practice, "finetune", lambda *_, **__: SimpleNamespace(card={"seconds": 1.0})
    )
    monkeypatch.setattr(systems.adapters, "with_adapter", lambda generator, adapter: generator)

    def made(outputs, schema=None):
        examples = tuple(
            Case(
                Ask(f"r{n}", f"message {n}"),
                Gold(answers=(out,)) if isinstance(out, str) else Gold(output=out),
                "own rows",
                f"f{n}",
                "train",
            )
            for n, out in enumerate(outputs)
        )
        held = checked(schema) if schema else None
        folder = UserFolder(tmp_path, (), (), examples, held, AssessConfig(), ())
        progress = ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}})
        found = systems.Systems(folder, Clock(9), progress, lambda _: None)
        found.generator = words
        found.asked = asked
        return found

    return made


def ask_all(shop):
    """Every arm of the examples answers a case; how often a model was asked."""
    for step in shop.example_steps():
        assert [said.error for said in step.make()([step.cases[0].ask])] == [None]
    return len(shop.asked)


FREE = "not held to the form"
OPEN = {  # schemas that are read, and that no answer can be held to
    "if": NAME | {"if": {"properties": {"name": {"const": "x"}}}, "then": {}},
    "unique": NAME
    | {"properties": {"name": {"type": "array", "items": TEXT, "uniqueItems": True}}},
    "contains": NAME | {"properties": {"name": {"type": "array", "contains": TEXT}}},
    "not": NAME | {"not": {"required": ["x"]}},
    "dependent": NAME | {"dependentRequired": {"name": ["name"]}},
    "names": NAME | {"propertyNames": {"maxLength": 4}},
    "no type": NAME | {"properties": {"name": {"description": "a name"}}},
    "a list of anything": NAME | {"properties": {"name": {"type": "array"}}},
    "a dictionary": NAME | {"properties": {"name": {"type": "object"}}},
    "anything": {"type": "object"},
    "further keys": NAME | {"additionalProperties": TEXT},
    "parts": {"type": "object", "allOf": [NAME, {"properties": {"b": TEXT}}]},
    "one of two that overlap": NAME | {"properties": {"name": {"oneOf": [TEXT, {"const": "x"}]}}},
    "needs more room": NAME | {"properties": {"name": TEXT | {"minLength": 3000}}},
}


@pytest.mark.parametrize("name", OPEN)
def test_answers_are_free_where_a_schema_cannot_be_followed_and_the_report_says_so(shop, name):
    made = shop([{"name": f"n{i}"} for i in range(20)], OPEN[name])
    assert ask_all(made) >= 3, "few-shot, tuned, zero-shot"
    assert set(map(json.dumps, made.asked)) == {"null"}
    assert [note for note in made.notes if FREE in note]


CLOSED = {
    "ordinary": NAME,
    "no top type": {"properties": {"name": TEXT}},
    "forbidding": NAME | {"additionalProperties": False},
    "a reference": {"$ref": "#/$defs/n", "$defs": {"n": NAME}},
}


@pytest.mark.parametrize("name", CLOSED)
def test_answers_are_held_to_an_ordinary_schema_and_nothing_is_said(shop, name):
    made = shop([{"name": f"n{i}"} for i in range(20)], CLOSED[name])
    ask_all(made)
    assert set(map(json.dumps, made.asked)) == {json.dumps(CLOSED[name])}
    assert [note for note in made.notes if FREE in note] == []


def test_rows_with_keys_that_the_schema_does_not_name_keep_it_open(shop):
    made = shop([{"name": f"n{i}", "more": i} for i in range(20)], NAME)
    ask_all(made)
    assert set(map(json.dumps, made.asked)) == {"null"}
    assert [note for note in made.notes if FREE in note and "'more' was unexpected" in note]


def test_rows_with_lists_and_objects_are_held_to_the_form_taken_from_them(shop):
    made = shop([{"items": [{"name": "pen", "qty": i}], "city": f"Ulm {i}"} for i in range(20)])
    ask_all(made)
    assert set(map(json.dumps, made.asked)) == {json.dumps(made.schema.schema)}


ROWS = {  # outputs without a schema
    "a null among labels": [{"mood": mood} for mood in ["calm", "angry"] * 20] + [{"mood": None}],
    "lists and objects": [
        {"tags": ["red", "blue"][: n % 3], "to": {"town": f"town {n}"}} for n in range(20)
    ],
    "an empty list": [{"town": f"town {n}", "tags": []} for n in range(20)],
    "77 labels": [f"intent {n % 77}" for n in range(77 * 12)],
    "numbers in two forms": [{"n": 12}, {"n": "12"}] * 10,
}


@pytest.mark.parametrize("name", ROWS)
def test_answers_are_held_to_the_form_of_rows_with(shop, name):
    made = shop(ROWS[name])
    ask_all(made)
    assert {json.dumps(one) for one in made.asked} == {json.dumps(made.schema.schema)}
    assert [note for note in made.notes if FREE in note] == []


FOREIGN = {  # schemas in the forms of other programs, for rows {"name": text}
    "one of two formats": NAME
    | {
        "properties": {
            "name": {"oneOf": [TEXT | {"format": "date"}, TEXT | {"format": "date-time"}]}
        }
    },
    "nullable": NAME | {"properties": {"name": TEXT | {"nullable": True}}},
    "an address": NAME | {"$id": "https://example.com/s"},
    "any of at the top": {"anyOf": [NAME, {"type": "object", "properties": {"b": TEXT}}]},
    "a wrapper": {"name": "n", "strict": True, "schema": NAME},
    "a reference to a field": NAME
    | {"properties": {"name": TEXT, "b": {"$ref": "#/properties/name"}}},
    "draft-04": NAME
    | {
        "properties": {
            "name": TEXT,
            "n": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        }
    },
}


@pytest.mark.parametrize("name", FOREIGN)
def test_answers_are_held_to_a_schema_in_the_form_of_another_program(shop, name):
    made = shop([{"name": f"n{i}"} for i in range(20)], FOREIGN[name])
    ask_all(made)
    assert {json.dumps(one) for one in made.asked} == {json.dumps(made.schema.schema)}
    assert [note for note in made.notes if FREE in note] == []


def test_what_the_form_taken_from_rows_allows_is_in_the_report(shop):
    made = shop(ROWS["a null among labels"])
    assert any("null is allowed" in note for note in made.notes)


def test_rows_that_no_form_can_be_taken_from_are_answered_freely(shop):
    made = shop([{f"key {i}": [i]} for i in range(20)])
    assert ask_all(made) >= 3
    assert set(map(json.dumps, made.asked)) == {"null"}
    assert [note for note in made.notes if FREE in note]


def test_what_rows_say_about_themselves_is_in_the_report(shop):
    assert any("nothing to decide" in note for note in shop(["spam"] * 20).notes)


def test_texts_are_answered_freely_where_their_pattern_cannot_be_followed(shop):
    made = shop([f"A{i}" for i in range(20)], {"type": "string", "pattern": r"^\bA"})
    assert ask_all(made) >= 3
    assert set(map(json.dumps, made.asked)) == {"null"}
    assert [note for note in made.notes if FREE in note]


class Text(str):
    """A text that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Text.compared += 1
        return str.__eq__(self, other)


def test_ten_times_the_rows_are_ten_times_the_work_to_choose_examples(monkeypatch):
    compared = {}
    for n in (100, 1_000):
        pairs = [(Text(f"in {i}"), Text(f"out {i}")) for i in range(n)]
        monkeypatch.setattr(Text, "compared", 0)
        systems.examples_to_show(pairs)
        compared[n] = Text.compared
    assert compared[1_000] <= 11 * max(1, compared[100])


# --- what needs no language model -----------------------------------------------------------------


def names(shop):
    return [step.name for step in shop.example_steps()]


def test_labels_are_given_to_a_classifier(shop):
    assert "classifier" in names(shop(["left", "right"] * 10))


def test_outputs_that_are_no_labels_are_not_given_to_a_classifier(shop):
    assert "classifier" not in names(shop([f"reply {i}" for i in range(20)]))


def test_why_there_is_no_classifier_is_said_once(shop):
    made = shop([{"name": ["x"]} for _ in range(20)])
    assert names(made) == names(made)
    assert [note for note in made.notes if "classifier" in note] == [
        "No classifier was measured: field 'name' holds lists or objects, and a classifier chooses"
        " one of a few values; leave the field out, or take the nearest neighbour instead."
    ]


def test_rows_too_long_for_a_prompt_are_not_retrieved(shop):
    assert "retrieved examples" not in names(shop(["left" * 200, "right" * 200] * 10))


def test_without_an_embedder_only_the_arms_that_compare_break_down(shop, monkeypatch):
    def missing(texts):
        raise weights.WeightsError("no weights")

    made = shop(["left", "right"] * 10)
    monkeypatch.setattr(embedding, "embed_cached", missing)
    steps = {step.name: step for step in made.example_steps()}
    with pytest.raises(RuntimeError, match="there is no embedder: no weights") as told:
        steps["nearest neighbour"].make()
    assert not isinstance(told.value, weights.WeightsError), "it would end the whole assessment"


def test_many_rows_are_embedded_only_where_that_fits_the_time(shop, monkeypatch):
    made = shop(["left", "right"] * (systems.FEW_CHUNKS + 10))
    monkeypatch.setattr(made, "_embedding_pace", lambda texts: (2.0, 1.0))
    steps = {step.name: step for step in made.example_steps()}
    train = len(made.splits.train)
    assert steps["nearest neighbour"].prepare_seconds() == 2.0 * train + 1.0


def test_rows_that_are_embedded_take_no_more_time(shop, monkeypatch):
    made = shop(["left", "right"] * (systems.FEW_CHUNKS + 10))
    steps = {step.name: step for step in made.example_steps()}
    steps["nearest neighbour"].make()
    assert steps["classifier"].prepare_seconds() == 0.0


# --- what the labels say of themselves ------------------------------------------------------------


def test_labels_are_audited_without_a_classifier_where_no_row_is_embedded(shop):
    assert shop(["left", "right"] * 10).label_audit().doubts is None


def test_labels_are_doubted_where_the_rows_are_embedded(shop, cache):
    made = shop(["left", "right"] * 10)
    steps = {step.name: step for step in made.example_steps()}
    steps["nearest neighbour"].make()
    assert made.label_audit().doubts is not None
