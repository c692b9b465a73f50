"""Whatever form somebody's schema has: it is usable, or refused in one true line."""

from __future__ import annotations

import copy

import pytest

from helpers.data.json_schema import SchemaError, checked
from helpers.data.schema_forms import modern

TEXT = {"type": "string"}
DAY, MOMENT = TEXT | {"format": "date"}, TEXT | {"format": "date-time"}
NAME = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}


def field(part, **more):
    return {"type": "object", "properties": {"a": part}, **more}


# form -> (schema, values that keep it, values that break it)
FORMS = {
    "one of two formats": (
        field({"oneOf": [DAY, MOMENT]}),
        [{"a": "2026-03-02"}],
        [{"a": 3}],
    ),
    "one of several, two alike": (
        field({"oneOf": [DAY, MOMENT, {"type": "null"}]}),
        [{"a": None}, {"a": "2026-03-02"}],
        [{"a": 3}],
    ),
    "cents": (
        field({"type": "number", "multipleOf": 0.01}),
        [{"a": 19.99}, {"a": 0.07}, {"a": 3}],
        [{"a": 19.995}],
    ),
    "nullable": (field(TEXT | {"nullable": True}), [{"a": None}, {"a": "x"}], [{"a": 1}]),
    "nullable labels": (
        field({"type": "string", "enum": ["x"], "nullable": True}),
        [{"a": None}, {"a": "x"}],
        [{"a": "y"}],
    ),
    "nullable reference": (
        field({"$ref": "#/definitions/n", "nullable": True}, definitions={"n": NAME}),
        [{"a": None}, {"a": {"name": "x"}}],
        [{"a": {}}],
    ),
    "not nullable": (field(TEXT | {"nullable": False}), [{"a": "x"}], [{"a": None}]),
    "an address": (
        field(TEXT) | {"$id": "https://example.com/s.json", "$schema": "http://json-schema.org/x"},
        [{"a": "x"}],
        [{"a": 1}],
    ),
    "a reference by its own address": (
        field({"$ref": "https://example.com/s#/$defs/n"})
        | {"$id": "https://example.com/s", "$defs": {"n": NAME}},
        [{"a": {"name": "x"}}],
        [{"a": {}}],
    ),
    "draft-04 bounds": (
        field({"type": "number", "minimum": 0, "exclusiveMinimum": True})
        | {"id": "http://example.com/s", "$schema": "http://json-schema.org/draft-04/schema#"},
        [{"a": 0.5}],
        [{"a": 0}],
    ),
    "draft-04 bounds that are none": (
        field({"type": "number", "maximum": 9, "exclusiveMaximum": False}),
        [{"a": 9}],
        [{"a": 10}],
    ),
    "draft-07 places": (
        field({"type": "array", "items": [TEXT, {"type": "integer"}], "additionalItems": False}),
        [{"a": ["x", 1]}],
        [{"a": [1, "x"]}, {"a": ["x", 1, 2]}],
    ),
    "draft-07 dependencies": (
        field(TEXT, dependencies={"a": ["b"], "b": {"required": ["c"]}}),
        [{"a": "x", "b": 1, "c": 1}, {}],
        [{"a": "x"}, {"b": 1}],
    ),
    "a reference to a field": (
        {"type": "object", "properties": {"a": TEXT, "b": {"$ref": "#/properties/a"}}},
        [{"a": "x", "b": "y"}],
        [{"b": 1}],
    ),
    "a reference to a component": (
        field({"$ref": "#/components/schemas/N"}, components={"schemas": {"N": NAME}}),
        [{"a": {"name": "x"}}],
        [{"a": {}}],
    ),
    "a reference with escapes": (
        field({"$ref": "#/definitions/a~1b"}, definitions={"a/b": NAME}),
        [{"a": {"name": "x"}}],
        [{"a": {}}],
    ),
    "a field that holds itself": (
        field({"type": "array", "items": {"$ref": "#/properties/a"}}),
        [{"a": [[], [[]]]}],
        [{"a": [[1]]}],
    ),
    "any of at the top": (
        {"anyOf": [NAME, field(TEXT, required=["a"])]},
        [{"name": "x"}, {"a": "x"}],
        [{"name": 1}],
    ),
    "all of at the top": (
        {"allOf": [{"$ref": "#/$defs/n"}, {"required": ["b"]}], "$defs": {"n": NAME}},
        [{"name": "x", "b": 1}],
        [{"name": "x"}],
    ),
    "labels with a word about each": (
        {"oneOf": [{"const": "x", "title": "X"}, {"const": "y", "description": "Y"}]},
        ["x", "y"],
        ["z"],
    ),
    "OpenAI's wrapper": (
        {"name": "n", "strict": True, "schema": NAME},
        [{"name": "x"}],
        [{}],
    ),
    "OpenAI's response format": (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": NAME}},
        [{"name": "x"}],
        [{}],
    ),
    "OpenAI's tool": (
        {"type": "function", "function": {"name": "n", "parameters": NAME}},
        [{"name": "x"}],
        [{}],
    ),
    "Anthropic's tool": ({"name": "n", "input_schema": NAME}, [{"name": "x"}], [{}]),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_keeps_a_schema_in_another_form_is_accepted(name):
    schema, good, _ = FORMS[name]
    held = checked(schema)
    assert [held.faults(value) for value in good] == [[]] * len(good)


@pytest.mark.parametrize("name", FORMS)
def test_what_breaks_a_schema_in_another_form_is_named(name):
    schema, _, bad = FORMS[name]
    held = checked(schema)
    assert [value for value in bad if not held.faults(value)] == []


@pytest.mark.parametrize("name", FORMS)
def test_the_schema_of_the_user_is_left_alone(name):
    schema = FORMS[name][0]
    before = copy.deepcopy(schema)
    modern(schema)
    assert schema == before


def test_a_schema_in_today_s_form_stays_as_it_is():
    schema = field({"oneOf": [TEXT, {"const": 1}], "default": {"$id": "x", "nullable": True}})
    assert modern(schema) == schema


def test_fields_called_like_keywords_stay_fields():
    names = ("id", "$id", "nullable", "schema", "parameters", "dependencies")
    schema = {"type": "object", "properties": dict.fromkeys(names, TEXT)}
    assert modern(schema) == schema


def test_the_fields_of_any_of_are_those_of_its_parts():
    held = checked({"anyOf": [NAME, field({"type": "integer"}), field(TEXT)]})
    assert held.properties == {"name": TEXT, "a": {"anyOf": [{"type": "integer"}, TEXT]}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"anyOf": [NAME, TEXT]}, "objects and texts at its top"),
        ({"anyOf": [NAME, {"type": "array"}]}, 'it says "array": put it into a field'),
        ({"type": "array", "items": NAME}, 'it says "array": put it into a field'),
        (field({"$ref": "#/properties/b"}), r"'#/properties/b' names nothing in the schema"),
        (field({"$ref": "#/required"}, required=["a"]), "names nothing in the schema"),
        (field({"$ref": "s.json"}), "leads out of the schema"),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "must say|round in circles"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_true_line(schema, said):
    with pytest.raises(SchemaError, match=said) as told:
        checked(schema)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("rule", [{"enum": ["caf\u00e9"]}, {"const": "caf\u00e9"}])
def test_a_value_in_another_unicode_form_is_said_to_be_one(rule):
    (said,) = checked(field(rule)).faults({"a": "cafe\u0301"})
    assert "in another Unicode form" in said


def test_a_value_with_other_letters_is_not_said_to_be_in_another_form():
    (said,) = checked(field({"enum": ["caf\u00e9"]})).faults({"a": "cafe"})
    assert "is not one of" in said
