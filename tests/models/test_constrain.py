"""A constrained answer is whole in the tokens that it may have, whatever the model wants to
write."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Literal

import jsonschema
import numpy as np
import pytest
from pydantic import BaseModel

from helpers.data.tickets import Ticket, load_tickets
from helpers.models import constrain, generate, load, weights
from helpers.systems import TICKET_PROMPT
from helpers.systems.labelled import task_prompt

ROWS = 4


def record(**fields):
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
SCHEMAS = {
    "tickets": Ticket.model_json_schema(),
    "bounded strings": record(
        a={"type": "string", "maxLength": 40}, b={"type": "string", "minLength": 5, "maxLength": 30}
    ),
    "a long string": record(
        n={"type": "integer", "minimum": -5, "maximum": 123456},
        s={"type": "string", "minLength": 60},
    ),
    "arrays": record(xs={"type": "array", "items": TEXT, "minItems": 2}, n={"type": "integer"}),
    "nested": record(
        p=record(
            q=record(r=TEXT, s={"type": "number"}),
            t={"type": "array", "items": {"enum": ["a long value", "x"]}},
        ),
        u=TEXT,
    ),
    "one branch is long": record(
        v={
            "anyOf": [
                {"type": "null"},
                record(a_very_long_name=TEXT, another_long_name=TEXT, k={"enum": ["abcdefghijkl"]}),
                TEXT,
            ]
        },
        w={"type": "boolean"},
    ),
    "optional fields": {
        "type": "object",
        "properties": {"a": record(x=TEXT, y=TEXT, z=record(q=TEXT)), "b": TEXT},
        "additionalProperties": False,
    },
    "unicode": record(
        **{"größe — 大": {"enum": ["ä", "日本語のとても長い値", "🙂🙂"]}, "free": TEXT}
    ),
    "patterns": record(
        p={"type": "string", "pattern": "^a+b{3}$"}, d={"type": "string", "format": "date"}
    ),
    "a tree": {
        "$defs": {"node": record(v=TEXT, of={"type": "array", "items": {"$ref": "#/$defs/node"}})},
        "$ref": "#/$defs/node",
    },
    "a text": TEXT,
    "a label": {"type": "string", "enum": ["repair", "a much longer label than that"]},
    "a number": {"type": "integer", "minimum": 1000},
    "records": {"type": "array", "items": record(a=TEXT)},
}


@pytest.fixture(scope="module")
def words():
    """The tokenizer of the model, and a vocabulary; no weights."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(weights.prepare(weights.SMOLLM2))
    return SimpleNamespace(
        tokenizer=tokenizer,
        model=SimpleNamespace(config=SimpleNamespace(vocab_size=len(tokenizer))),
    )


@pytest.fixture(scope="module")
def wishes(words):
    """Scores of four models: one wants the longest token, one the longest that ends nothing, one
    anything at all, and one letters beyond ASCII."""
    texts = [words.tokenizer.decode([token]) for token in range(len(words.tokenizer))]
    sizes, draw = (
        np.array([len(text) for text in texts], dtype=np.float32),
        np.random.default_rng(0),
    )
    stubborn = sizes - 1000 * np.array([any(end in text for end in '"}],') for text in texts])
    noise = draw.random((32, len(texts)), dtype=np.float32)
    foreign = np.array([not text.isascii() for text in texts])
    return lambda step: np.stack([sizes, stubborn, noise[step % 32], foreign + noise[step % 31]])


def answers(words, schema, wishes, room):
    """What greedy decoding makes of these wishes, as model.generate does it."""
    import torch

    held, end = constrain.only_valid(words, schema, ROWS, room), words.tokenizer.eos_token_id
    ids, over = torch.zeros(ROWS, 3, dtype=torch.long), torch.zeros(ROWS, dtype=torch.bool)
    for step in range(room):
        best = held(ids, torch.from_numpy(wishes(step))).argmax(dim=-1).masked_fill(over, end)
        over |= best == end
        ids = torch.cat([ids, best[:, None]], dim=1)
        if over.all():
            break
    return [
        words.tokenizer.decode(generate._until_end(row, words.tokenizer))
        for row in ids[:, 3:].tolist()
    ]


def shortest(words, schema):
    return len(
        constrain._endings(
            constrain._tokenizer(words.tokenizer, len(words.tokenizer)), json.dumps(schema)
        ).shortest
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_is_valid_in_any_room_that_can_hold_one(words, wishes, name):
    least = shortest(words, SCHEMAS[name])
    for room in (*range(least, least + 10), least + 17, least + 50, least + 100):
        for text in answers(words, SCHEMAS[name], wishes, room):
            jsonschema.validate(json.loads(text), SCHEMAS[name])


def test_room_for_no_answer_at_all_is_refused_with_the_fix(words):
    least = shortest(words, SCHEMAS["tickets"])
    assert least == 25, "the shortest ticket in tokens"
    with pytest.raises(
        constrain.ConstraintError,
        match=(
            r"the shortest answer of this schema has 25 tokens, and max_new_tokens is 24: give a"
            r" larger max_new_tokens"
        ),
    ):
        constrain.only_valid(words, SCHEMAS["tickets"], 1, 24)


class Line(BaseModel):
    name: str
    place: tuple[int, Literal["left", "right"]]


class Order(BaseModel):
    lines: list[Line]
    note: Line | None = None


def test_an_ordinary_pydantic_model_can_be_written_and_gets_no_further_keys(words):
    schema = Order.model_json_schema()
    endings = constrain.only_valid(words, schema, 1, 99).endings
    for text, may in (
        ('{"lines": [{"name": "a", "place": [1, "left"]}], "note": null}', True),
        ('{"lines": [], "more": 1}', False),
        ('{"lines": [{"name": "a", "place": [1, "left"], "more": 1}]}', False),
        ('{"lines": [{"name": "a", "place": [1, "left", 2]}]}', False),
    ):
        tokens = words.tokenizer(text)["input_ids"]
        assert (endings.matcher().validate_tokens(tokens) == len(tokens)) is may, text


REFUSED = {  # what a schema may hold, and no grammar follows
    "if": record(a=TEXT) | {"if": {"properties": {"a": {"const": "x"}}}, "then": {}},
    "unique": record(a={"type": "array", "items": TEXT, "uniqueItems": True}),
    "contains": record(a={"type": "array", "items": TEXT, "contains": {"const": "x"}}),
    "not": record(a=TEXT | {"not": {"const": "x"}}),
    "dependent": record(a=TEXT) | {"dependentRequired": {"a": ["b"]}},
    "dependent schemas": record(a=TEXT) | {"dependentSchemas": {"a": {"required": ["a"]}}},
    "names": record(a=TEXT) | {"propertyNames": {"maxLength": 3}},
    "no type": record(a={"description": "a value"}),
    "only a bound": record(a={"maxLength": 3}),
    "a list of anything": record(a={"type": "array"}),
    "a dictionary": record(a={"type": "object", "additionalProperties": TEXT}),
    "two branches that may both hold": record(a={"oneOf": [TEXT, {"const": "x"}]}),
    "an unknown format": record(a=TEXT | {"format": "json-pointer"}),
    "a word boundary": record(a=TEXT | {"pattern": r"\bA"}),
    "no value at all": record(a=TEXT) | {"required": ["b"]},
    "parts": {"type": "object", "allOf": [record(a=TEXT), {"properties": {"b": TEXT}}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused_before_anything_is_written(words, name):
    with pytest.raises(constrain.ConstraintError):
        constrain.only_valid(words, REFUSED[name], 1, 99)


@pytest.mark.slow
def test_where_there_is_room_nothing_more_is_ruled_out(words, wishes):
    """The scores are the grammar's alone until room gets short, and near the end as long as what
    the model wants can still be closed."""
    import torch

    schema, prompt = SCHEMAS["nested"], torch.zeros(ROWS, 3, dtype=torch.long)
    wide, tight = (constrain.only_valid(words, schema, ROWS, room) for room in (10_000, 40))
    wide.endings = SimpleNamespace(longest=-1)  # never looks ahead
    said = torch.tensor(
        words.tokenizer('{"p": {"q": {"r": "a b c", "s": 1}, "t": []}, "u": ""}')["input_ids"]
    )
    for done in range(len(said)):
        ids = torch.cat([prompt, said[:done].expand(ROWS, -1)], dim=1)
        wanted = torch.zeros(ROWS, len(words.tokenizer))
        wanted[:, said[done]] = 1.0
        assert (wide(ids, wanted) == tight(ids, wanted)).all(), done


@pytest.mark.slow
def test_the_model_itself_ends_its_records_in_time():
    """The strings run out of room here: without an eye on it, all but a few of these answers end in
    the midst of one."""
    generator, schema = (
        load.load_generator(),
        record(summary=TEXT, tags={"type": "array", "items": TEXT, "minItems": 1}),
    )
    prompts = [
        generate.chat(generator, f"Describe this message at length, as JSON: {case.ask.input}")
        for case in load_tickets("dev")[:6]
    ]
    for room in (shortest(generator, schema), 16, 24):
        for done in generate.complete(generator, prompts, room, schema):
            jsonschema.validate(json.loads(done.text), schema)
            assert done.tokens_out <= room
    with pytest.raises(constrain.ConstraintError, match="give a larger max_new_tokens"):
        list(
            generate.complete(
                generator,
                [task_prompt(generator, TICKET_PROMPT, "Hello")],
                5,
                Ticket.model_json_schema(),
            )
        )
