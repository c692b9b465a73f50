"""Your own rows: every fault is named with file and line, all at once; nobody's schema fetches,
hangs or is half obeyed; the same scores as the ticket task."""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from support.toy_model import TOY

from helpers.core import settings
from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.core.records import parse_json
from helpers.data import labelled_rows
from helpers.data.json_schema import (
    SchemaError,
    checked,
    closed,
    derived,
    form_remarks,
    load_schema,
)
from helpers.data.label_audit import label_audit
from helpers.data.labelled_rows import LabelledError, plain, read_labelled, split
from helpers.data.tickets import Ticket, load_tickets
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.evaluation.labelled_task import same, task_of
from helpers.models import generate
from helpers.systems import baselines, labelled
from helpers.systems.labelled import instruction_of, pairs, written
from helpers.systems.prompts import TaskPrompt

TICKET = Ticket.model_json_schema()
LABELS = {"type": "string", "enum": ["refund", "repair", "C", "C++"]}


@pytest.fixture
def file(tmp_path):
    """Writes rows (dicts, raw lines or bytes) to a file and gives back its path."""

    def write(*rows, name="rows.jsonl"):
        lines = (
            (
                row
                if isinstance(row, bytes)
                else (row if isinstance(row, str) else json.dumps(row)).encode()
            )
            for row in rows
        )
        (tmp_path / name).write_bytes(b"".join(line + b"\n" for line in lines))
        return tmp_path / name

    return write


def ok(n=0, **more):
    return {"input": f"message {n}", "output": "refund"} | more


# --- rows -----------------------------------------------------------------------------------------


def test_good_rows_become_cases(file):
    one, two = read_labelled(file(ok(1, id="a", note="ignored"), ok(2)), LABELS, "dev")
    assert (one.ask, one.gold, one.split) == (
        Ask("a", "message 1"),
        Gold(answers=("refund",)),
        "dev",
    )
    assert two.id == "rows-0002"
    (row,) = read_labelled(file({"input": "x", "output": {"a": 1}}))
    assert row.gold == Gold(output={"a": 1})
    assert (
        read_labelled(
            file(
                b'\xef\xbb\xbf{"input": "a", "output": "b"}\r',
                '{"input": "c\u2028d", "output": "e"}',
            )
        )[1].ask.input
        == "c\u2028d"
    )


def test_our_own_files_go_through_the_same_call():
    ours = read_labelled(settings.DATA / "tickets/dev.jsonl", TICKET, "dev")
    assert [(c.ask, c.gold) for c in ours] == [(c.ask, c.gold) for c in load_tickets("dev")]
    assert len(read_labelled(settings.DATA / "style/train.jsonl")) >= 150


FAULTS = {  # what is wrong: (the row, the field that is named, words of the message)
    "no output": ({"input": "a"}, "output", "is missing"),
    "no input": ({"output": "refund"}, "input", "is missing"),
    "null": (ok(output=None), "output", "is missing"),
    "empty input": (ok(input=" \n"), "input", "is empty"),
    "empty output": (ok(output=""), "output", "is empty"),
    "input of 100k characters": (ok(input="x" * 100_000), "input", "has 100,000 characters"),
    "output of 100k characters": (ok(output="x" * 100_000), "output", "has 100,000 characters"),
    "input is a list": (ok(input=["a"]), "input", "must be a text, got list"),
    "output is a number": (ok(output=3), "output", "must be an object or a text, got int"),
    "output is an object": (ok(output={"a": 1}), "output", "the schema wants strings"),
    "output breaks the schema": (ok(output="Refund"), "output", "is not one of"),
    "id is a number": (ok(id=3), "id", "must be a text"),
    "id twice": (ok(id="first"), "id", "'first' was already used in line 1"),
    "id of a line": (ok(id="rows-0002"), "id", "'rows-0002' was already used in line 2"),
    "half a character": ('{"input": "\\ud83d", "output": "refund"}', "input", "half a character"),
    "not JSON": ("{'input': 'a'}", "", "is not JSON"),
    "key twice": ('{"input": "a", "input": "b", "output": "refund"}', "", "a key appears twice"),
    "NaN": ('{"input": "a", "output": NaN}', "", "NaN is not JSON"),
    "a list": ("[1]", "", "is not a row"),
    "an empty object": ("{}", "", "is not a row"),
    "an empty line": ("", "", "is empty; remove the line"),
    "nested without end": ("[" * 100_000, "", "is not JSON"),
    "Latin-1": (b'{"input": "caf\xe9", "output": "refund"}', "", "is not UTF-8"),
    "a row of test": (ok(input="A  TEST message!"), "input", "held-out rows (id 't1')"),
}
TEST_CASE = Case(Ask("t1", "a test message"), Gold(answers=("refund",)), "own rows", "f", "test")


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_row_is_refused_with_file_and_line(file, name):
    row, field, said = FAULTS[name]
    path = file(ok(1, id="first"), ok(2), row, ok(4))
    with pytest.raises(LabelledError) as error:
        read_labelled(path, LABELS, apart_from=[TEST_CASE])
    (fault,) = map(str, error.value.faults)
    assert re.match(rf"\S*rows\.jsonl line 3: {f'field {field!r}: ' if field else ''}", fault), (
        fault
    )
    assert said in fault, fault


def test_all_faults_at_once_the_first_twenty_shown(file):
    with pytest.raises(LabelledError) as error:
        read_labelled(file(*({"input": "a"} for _ in range(25)), ok(1)))
    said = str(error.value)
    assert len(error.value.faults) == 25
    assert said.startswith("25 faults, so nothing was read:\n")
    assert said.endswith("… and 5 more")
    assert "line 20:" in said
    assert "line 21:" not in said
    every = [row for row, _, _ in FAULTS.values()]
    with pytest.raises(LabelledError) as error:
        read_labelled(file(ok(1, id="first"), ok(2), *every), LABELS, apart_from=[TEST_CASE])
    assert [fault.line for fault in error.value.faults] == list(range(3, 3 + len(every)))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "holds no rows"), (b"\n \n", "holds no rows"), ("{}".encode("utf-16"), "is UTF-16")],
)
def test_files_of_no_use(tmp_path, data, said):
    (tmp_path / "rows.jsonl").write_bytes(data)
    with pytest.raises(LabelledError, match=said):
        read_labelled(tmp_path / "rows.jsonl")


def test_files_that_are_not_there_or_too_large(tmp_path, monkeypatch):
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(LabelledError, match="cannot be read"):
            read_labelled(path)
    monkeypatch.setattr("helpers.data.labelled_rows.LARGEST_FILE_BYTES", 10)
    (tmp_path / "rows.jsonl").write_text('{"input": "a", "output": "b"}\n')
    with pytest.raises(LabelledError, match="30 bytes; at most 10"):
        read_labelled(tmp_path / "rows.jsonl")


def test_rows_without_a_schema_are_of_one_kind(file):
    with pytest.raises(
        LabelledError,
        match=r"line 2: field 'output': is an object, but the rows before are strings",
    ):
        read_labelled(file(ok(), ok(output={"a": 1})))


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_faults_or_rows_never_another_error(file, seed):
    dice = random.Random(seed)
    good = b"".join(json.dumps(ok(n)).encode() + b"\n" for n in range(8))
    raw = bytearray(good)
    for _ in range(6):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    try:
        assert len(read_labelled(file(bytes(raw)), LABELS)) <= 10
    except LabelledError as error:
        assert all("rows.jsonl" in fault.file for fault in error.faults)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"instruction": "Give the team.", "input": "Order 27."}, "Give the team.\n\nOrder 27."),
        ({"instruction": "Name a town.", "input": ""}, "Name a town."),
        ({"instruction": "Name a town."}, "Name a town."),
        ({"instruction": "", "input": "Order 27."}, "Order 27."),
        ({"instruction": None, "input": "Order 27."}, "Order 27."),
        ({"input": "Order 27.", "context": "It is late."}, "It is late.\n\nOrder 27."),
        ({"input": "c", "context": "b", "instruction": "a", "system": "s"}, "s\n\na\n\nb\n\nc"),
    ],
)
def test_what_stands_beside_an_input_is_part_of_it(file, row, text):
    (case,) = read_labelled(file(row | {"output": "x"}))
    assert case.ask.input == text


def test_a_context_alone_is_no_input(file):
    with pytest.raises(LabelledError, match="field 'input': is missing"):
        read_labelled(file({"context": "It is late.", "output": "x"}))


def test_what_stands_beside_an_input_must_be_a_text(file):
    with pytest.raises(LabelledError, match="field 'instruction': must be a text, got list"):
        read_labelled(file(ok(instruction=["a"])))


# --- what rows say about themselves ---------------------------------------------------------------


def labelled_cases(*rows):
    return [
        Case(
            Ask(str(n), text),
            Gold(answers=(output,)) if isinstance(output, str) else Gold(output=output),
            "own rows",
            "f",
            "train",
        )
        for n, (text, output) in enumerate(rows)
    ]


def remarks(cases):
    return label_audit(cases).remarks()


def test_contradictions_give_a_ceiling():
    rows = [(f"input {n}", label) for n in range(4) for label in ("a", "b", "c")]
    (said,) = remarks(labelled_cases(*rows))
    assert said == (
        "4 inputs come with more than one output (12 of 12 rows), so nothing can be right on more"
        " than 33.3 % of the rows: the first is 'input 0'; decide which output is right."
    )


def test_the_ceiling_counts_the_output_that_comes_most_often():
    rows = [("x", {"a": 1}), ("X!", {"a": 1}), ("x", {"a": 2}), ("y", {"a": 3})]
    assert "more than 75.0 % of the rows: the first is 'x'" in remarks(labelled_cases(*rows))[0]


@pytest.mark.parametrize(
    "rows",
    [
        [(f"row {n}", label) for n, label in enumerate(("Refund", "refund", "REFUND ", "repair"))],
        [
            (f"row {n}", {"is": label})
            for n, label in enumerate(("Refund", "refund", "REFUND ", "repair"))
        ],
    ],
    ids=["labels", "fields"],
)
def test_spellings_of_one_label_are_named(rows):
    (said,) = remarks(labelled_cases(*rows * 3))
    assert "'REFUND ', 'Refund', 'refund'" in said
    assert "each counts as a label of its own" in said


def test_long_texts_are_no_labels():
    texts = ("a" * 99, "A" * 99)
    assert remarks(labelled_cases(*((f"row {n}", texts[n % 2]) for n in range(9)))) == []


def test_texts_that_differ_in_case_are_no_labels():
    assert remarks(labelled_cases(*((f"row {n}", f"Text {n}") for n in range(9)))) == []


def test_labels_that_differ_in_signs_are_two():
    assert remarks(labelled_cases(*((f"row {n}", ("C", "C++")[n % 2]) for n in range(9)))) == []


def test_a_single_label_leaves_nothing_to_decide():
    (said,) = remarks(labelled_cases(*((f"row {n}", "spam") for n in range(9))))
    assert said.startswith("All 9 rows have the same output, so there is nothing to decide")


# --- splits ---------------------------------------------------------------------------------------


def cases_of(*texts):
    return [
        Case(Ask(str(n), text), Gold(answers=("x",)), "own rows", "f", "train")
        for n, text in enumerate(texts)
    ]


def test_equal_inputs_stand_on_one_side():
    cases = cases_of(*(f"Row {n % 40}!" if n < 40 else f"row  {n % 40}" for n in range(80)))
    parts = split(cases, seed=1)
    sides = [{plain(c.ask.input) for c in part} for part in parts]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert sorted(c.id for part in parts for c in part) == sorted(c.id for c in cases)
    assert [{c.split for c in part} for part in parts] == [{"train"}, {"dev"}, {"test"}]
    assert 50 <= len(parts.train) <= 60
    assert 10 <= len(parts.dev) <= 14


def test_the_split_follows_from_content_and_seed():
    cases = cases_of(*(f"row {n}" for n in range(50)))
    assert (
        {c.id for c in split(cases).test}
        == {c.id for c in split(cases[::-1]).test}
        != {c.id for c in split(cases, seed=1).test}
    )


@pytest.mark.parametrize("n", [3, 4, 5])
def test_every_side_gets_something(n):
    assert all(split(cases_of(*(f"row {i}" for i in range(n)), *["row 0"] * 30)))
    with pytest.raises(ValueError, match="2 different inputs cannot be split"):
        split(cases_of("a", "A!", "b"))


@pytest.mark.parametrize(
    ("n", "kinds", "seed", "shares", "drawn"),
    [
        (3, 3, 0, (0.7, 0.15, 0.15), "029db899694b39e2"),
        (5, 5, 1, (0.7, 0.15, 0.15), "61a5a90704edc6de"),
        (40, 9, 2, (0.7, 0.15, 0.15), "cb2d7b112fe435ea"),
        (200, 77, 3, (0.6, 0.1, 0.3), "63378b478036e5ee"),
        (1000, 1000, 0, (0.6, 0.1, 0.3), "a3ba82766c1c8b01"),
        (300, 6, 0, (0.98, 0.01, 0.01), "7730bce103f12a5f"),
    ],
)
def test_the_split_is_the_one_of_earlier_releases(n, kinds, seed, shares, drawn):
    cases = cases_of(*(f"row {i * i % kinds if kinds < n else i}" for i in range(n)))
    ids = [[case.id for case in part] for part in split(cases, seed, shares)]
    assert hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16] == drawn


def counted(monkeypatch, module, *names):
    """How many items do these functions look at, when `module` calls them?"""
    import builtins

    seen = []

    def wrapped(real):
        def call(*args, **more):
            args = (list(args[0]),) if len(args) == 1 else args
            seen.append(len(args[0]) if len(args) == 1 else len(args))
            return real(*args, **more)

        return call

    for name in names:
        monkeypatch.setattr(module, name, wrapped(getattr(builtins, name)), raising=False)
    return seen


def test_ten_times_the_rows_are_ten_times_the_work_to_split(monkeypatch):
    work = {}
    for n in (1_000, 10_000):
        cases = cases_of(*(f"row {i}" for i in range(n)))
        with monkeypatch.context() as patch:
            seen = counted(patch, labelled_rows, "max", "min", "sorted")
            split(cases)
        work[n] = sum(seen)
    assert work[10_000] == 10 * work[1_000]


class Row(dict):
    """An output that counts how often somebody looks for a key in it."""

    looks = 0

    def __contains__(self, key):
        Row.looks += 1
        return super().__contains__(key)

    def __getitem__(self, key):
        Row.looks += 1
        return super().__getitem__(key)


def test_ten_times_the_rows_are_ten_times_the_work_to_derive_a_form(monkeypatch):
    looks = {}
    for n in (100, 1_000):
        monkeypatch.setattr(Row, "looks", 0)
        derived(labelled_cases(*((f"row {i}", Row({f"key {i}": 1})) for i in range(n))))
        looks[n] = Row.looks
    assert looks[1_000] <= 10 * looks[100]


# --- schemas --------------------------------------------------------------------------------------


def laughs(depth=40):
    """Each part names the next one twice: 2 to the power of depth steps."""
    return {
        **{f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(depth)},
        f"a{depth}": {},
    }


HOSTILE = {
    "address": (
        {"type": "object", "properties": {"a": {"$ref": "https://example.com/s.json"}}},
        "nothing is fetched",
    ),
    "file": (
        {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
        "nothing is fetched",
    ),
    "beside": ({"type": "object", "items": {"$ref": "other.json#/a"}}, "nothing is fetched"),
    "deep in itself": (
        {"type": "object", "properties": {"a": {"$ref": "#/properties/b/default"}}},
        "nothing is fetched",
    ),
    "another base": (
        {"type": "object", "$id": "https://a.example/s", "properties": {"a": {"$ref": "t#/a"}}},
        "nothing is fetched",
    ),
    "dynamic": ({"type": "object", "properties": {"a": {"$dynamicRef": "#a"}}}, "is not used here"),
    "unknown name": (
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}},
        "not among the",
    ),
    "circle at the top": ({"$ref": "#"}, "without end"),
    "circle": (
        {"type": "object", "allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/a"}}},
        "round in circles",
    ),
    "doubling": (
        {"type": "object", "$ref": "#/$defs/a0", "$defs": laughs()},
        "multiply each other",
    ),
    "look-around": ({"type": "string", "pattern": "(?=a)"}, "cannot be used"),
    "look-around below a field": (
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?<=a)b"}}},
        "cannot be used",
    ),
    "back-reference": ({"type": "string", "pattern": r"(a)\1"}, "cannot be used"),
    "huge pattern": ({"type": "string", "pattern": "((a{1000}){1000}){1000}"}, "cannot be used"),
    "pattern keys": ({"type": "object", "patternProperties": {"(a+)+$": {}}}, "is not used here"),
    "nested": (
        json.loads('{"not":' * 500 + "{}" + "}" * 500) | {"type": "object"},
        "nested too deeply",
    ),
    "long": ({"type": "object", "description": "x" * 200_000}, "longer than"),
    "no schema": ({"type": "objekt"}, "draft 2020-12"),
    "a list": ([], "a schema is a JSON object"),
    "an array": ({"type": "array"}, "must say"),
    "anything": ({}, "must say"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_is_refused_at_once(name, monkeypatch):
    def nobody(*_, **__):
        raise AssertionError("the schema reached out")

    monkeypatch.setattr(socket.socket, "connect", nobody)
    monkeypatch.setattr("urllib.request.urlopen", nobody)
    schema, said = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(SchemaError, match=said):
        checked(schema)
    assert time.process_time() - started < 5


def test_a_bomb_below_a_field_stops_at_the_first_row(file):
    bomb = {"type": "object", "properties": {"x": {"$ref": "#/$defs/a0"}}, "$defs": laughs()}
    started = time.process_time()
    with pytest.raises(SchemaError, match=r"rows.jsonl line 1: .* multiply each other"):
        read_labelled(file(*({"input": f"a {n}", "output": {"x": 1}} for n in range(50))), bomb)
    assert time.process_time() - started < 5
    gold = Gold(output={"x": 1})
    assert task_of(bomb).scores(Prediction("a", '{"x": 1}'), gold)["valid"] is False, (
        "an answer stops no table"
    )


def test_a_pattern_that_hangs_others_is_judged_in_time(file):
    started = time.process_time()
    with pytest.raises(LabelledError, match="does not match"):
        read_labelled(file(ok(output="a" * 3_900 + "b")), {"type": "string", "pattern": "^(a+)+$"})
    assert time.process_time() - started < 5


def test_names_like_keywords_and_data_like_references_are_no_fault():
    schema = {
        "type": "object",
        "properties": {
            "$ref": {"type": "string"},
            "pattern": {"enum": [{"$ref": "https://example.com"}]},
            "patternProperties": {"const": {"$id": "x"}},
        },
    }
    assert checked(schema).faults({"$ref": "a"}) == []


def test_a_tree_may_name_itself():
    tree = {
        "type": "object",
        "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}},
        "additionalProperties": False,
    }
    assert checked(tree).faults({"kids": [{"kids": []}, {}]}) == []
    assert checked(tree).faults({"kids": [{"kid": []}]}) != []


def test_a_schema_from_a_file(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(LABELS))
    assert load_schema(tmp_path / "s.json").kind == "string"
    for content, said in (
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON|cannot"),
        ('{"type": "array"}', "s.json: the schema must say"),
        (" " * 200_000, "characters"),
    ):
        (tmp_path / "s.json").write_text(content)
        with pytest.raises(SchemaError, match=said):
            load_schema(tmp_path / "s.json")
    with pytest.raises(SchemaError, match="cannot be read"):
        load_schema(tmp_path / "none.json")


def test_reading_a_schema_builds_no_grammar_of_addresses():
    code = (
        "import sys\n"
        "from helpers.data.json_schema import checked\n"
        "checked({'type': 'string', 'format': 'iri'})\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('lark', 'rfc3987_syntax')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "object", "properties": {"a": TEXT}},
        {"properties": {"a": TEXT}},
        {"type": "object", "properties": {}},
    ],
)
def test_an_object_that_names_its_fields_is_closed_for_writing(part):
    found = closed({"type": "object", "properties": {"x": part}})
    assert found["properties"]["x"] == {"type": "object"} | part | {"additionalProperties": False}
    assert found["additionalProperties"] is False


def test_a_list_that_names_its_places_is_closed_for_writing():
    pair = {"type": "array", "prefixItems": [TEXT, TEXT], "minItems": 2, "maxItems": 2}
    assert closed(pair) == pair | {"items": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": TEXT},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True},
        {"type": "object"},
        {"allOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]},
        {"properties": {"a": TEXT}, "anyOf": [{"properties": {"b": TEXT}}, {"required": ["a"]}]},
        {"$ref": "#/$defs/a", "properties": {"b": TEXT}, "$defs": {"a": {"properties": {}}}},
    ],
)
def test_what_says_it_is_open_or_is_put_together_stays_open(schema):
    assert closed(schema) == schema


def test_closing_leaves_the_schema_of_the_user_alone():
    schema = {"type": "object", "properties": {"a": TEXT}}
    closed(schema)
    assert "additionalProperties" not in schema


# --- the form that rows have ----------------------------------------------------------------------


def form_of(*outputs):
    return derived(labelled_cases(*((f"row {n}", out) for n, out in enumerate(outputs)))).schema


def test_the_form_of_objects_and_lists_is_taken_from_rows():
    schema = form_of(
        {"items": [{"name": "pen", "qty": 2}, {"name": "ink", "qty": 1}], "to": {"city": "Ulm"}},
        {"items": [{"name": "nib", "qty": 2, "gift": True}], "to": {"city": "Bonn"}},
    )
    assert schema["properties"]["items"]["items"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "qty": {"type": "integer"},
            "gift": {"type": "boolean"},
        },
        "required": ["name", "qty"],
        "additionalProperties": False,
    }
    assert schema["properties"]["to"]["required"] == ["city"]


def test_objects_whose_keys_are_data_are_left_open():
    schema = form_of(*({"stock": {f"part {n}": n, f"part {n + 9}": n}} for n in range(9)))
    assert schema["properties"]["stock"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }


def test_outputs_whose_keys_are_data_are_left_open():
    assert form_of(*({f"part {n}": "x"} for n in range(9))) == {
        "type": "object",
        "additionalProperties": {"type": "string"},
    }


def test_a_field_of_several_kinds_may_have_each():
    schema = form_of({"a": None}, {"a": {"b": 1}}, {"a": ["x"]}, {"a": 1}, {"a": 2.5})
    assert schema["properties"]["a"] == {
        "anyOf": [
            {"type": ["null", "number"]},
            {"type": "array", "items": {"type": "string"}},
            {
                "type": "object",
                "properties": {"b": {"type": "integer"}},
                "required": ["b"],
                "additionalProperties": False,
            },
        ]
    }


def test_lists_that_are_always_empty_stay_empty():
    assert form_of({"a": []}, {"a": []})["properties"]["a"] == {"type": "array", "maxItems": 0}


def test_one_null_does_not_dissolve_a_closed_list():
    moods = [{"mood": mood} for mood in ["calm", "angry"] * 6] + [{"mood": None}]
    assert form_of(*moods)["properties"]["mood"] == {
        "type": ["string", "null"],
        "enum": ["angry", "calm", None],
    }


def test_seventy_seven_labels_are_a_closed_list():
    labels = [f"intent {n:02}" for n in range(77)]
    assert form_of(*(labels * 3))["enum"] == labels


def test_many_names_of_which_some_come_once_are_no_closed_list():
    common, rare = [f"town {n:02}" for n in range(50)], [f"hamlet {n:02}" for n in range(40)]
    assert derived(labelled_cases(*((f"r{n}", t) for n, t in enumerate(common * 5 + rare)))) is None


def test_labels_in_a_list_are_closed():
    rows = [{"tags": ["red", "blue"]}, {"tags": ["red"]}, {"tags": ["blue", "red", "blue"]}]
    assert form_of(*rows)["properties"]["tags"]["items"] == {
        "type": "string",
        "enum": ["blue", "red"],
    }


def test_many_optional_fields_that_come_back_are_fields():
    rows = [{f"f{n}": 1} for n in range(60)] * 4
    assert len(form_of(*rows)["properties"]) == 60


def remarks_on(*outputs):
    return form_remarks(labelled_cases(*((f"row {n}", out) for n, out in enumerate(outputs))))


def test_a_field_with_texts_and_numbers_is_named():
    assert remarks_on({"a": {"n": "12"}}, {"a": {"n": 12}}) == [
        "Field 'a.n' holds texts (\"12\") and numbers (12): write it in one way."
    ]


def test_whole_numbers_among_others_are_no_mix():
    assert remarks_on({"a": 12}, {"a": 12.5}) == []


def test_where_null_is_allowed_is_said():
    (said,) = remarks_on({"a": [{"b": None}, {"b": "x"}]}, {"a": []})
    assert said == "null is allowed where rows have it: 'a[].b' (1 of 2)."


def test_lists_that_must_stay_empty_are_named():
    (said,) = remarks_on({"a": []}, {"a": []})
    assert said.startswith("Every list in 'a' is empty in the training rows")


def test_rows_nested_without_end_keep_the_form_of_any_object():
    deep = json.loads("[" * 900 + "]" * 900)
    for _ in range(900):
        deep = [deep]
    assert form_of({"a": deep}, {"a": deep}) == {"type": "object"}


def test_rows_keep_the_form_that_was_taken_from_them():
    rows = [{"a": [[1, "x"], {"b": None}], "c": {"d": []}}, {"a": 3}, {"c": {}}, {"c": {"d": [1]}}]
    held = derived(labelled_cases(*((f"row {n}", out) for n, out in enumerate(rows))))
    assert [held.faults(row) for row in rows] == [[]] * 4


# --- scores ---------------------------------------------------------------------------------------


ODD = [
    '{"category": "fault", "product": "gale", "priority": "high", "needs_human": false}',
    '{"category": "fault", "product": "gale", "priority": "high", "needs_human": 0}',
    '{"category": "fault", "product": "gale", "priority": "high"}',
    '{"category": "fault", "product": "gale", "priority": "high", "needs_human": false, "x": 1}',
    'Sure! {"category": "fault"}',
    "",
    "null",
    "[]",
    "3",
    "NaN",
    '{"category": "fault", "category": "fault"}',
    '{"needs_human": false, "priority": "low", "product": "gale", "category": "fault"}',
    "[" * 5000,
]


@pytest.mark.parametrize("text", ODD)
def test_the_ticket_schema_scores_as_the_ticket_task(text):
    gold = Gold(
        output={"category": "fault", "product": "gale", "priority": "high", "needs_human": False}
    )
    ours, theirs = task_of(TICKET), TICKETS
    for prediction in (Prediction("a", text), Prediction("a", text, error="broke")):
        assert ours.correct(prediction, gold) == theirs.correct(prediction, gold)
        assert ours.scores(prediction, gold) == theirs.scores(prediction, gold)


def test_on_real_tickets_both_tasks_agree(cache):
    cases = read_labelled(settings.DATA / "tickets/dev.jsonl", TICKET, "dev")
    gold = {case.id: case.gold.output for case in cases}
    dice = random.Random(0)

    def careless(asks):
        for ask in asks:
            said = dict(gold[ask.id])
            said[dice.choice([*said])] = dice.choice(["fault", "gale", "low", True])
            yield Prediction(ask.id, json.dumps(said))

    table = evaluate(Arm("careless", careless, "careless"), cases, task_of(TICKET, "tickets"))
    again = evaluate(Arm("careless", careless, "careless"), cases, TICKETS)
    columns = ["right", "valid", "state", "category_right", "needs_human_right", "fields_right"]
    assert table[columns].equals(again[columns])
    assert 0 < table["right"].mean() < 1


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        (None, None, True),
        ("a", "A", False),
        ({"a": [True]}, {"a": [1]}, False),
        ("1", 1, False),
        ({}, [], False),
        (None, False, False),
    ],
)
def test_equal_as_json_means_it(a, b, equal):
    assert same(a, b) is same(b, a) is equal


@pytest.mark.parametrize(
    ("said", "gold", "schema", "right"),
    [
        ("The 17 days.", "17 days", None, True),
        ("17 days or so", "17 days", None, False),
        ("", "the", None, False),
        ("the", "the", None, True),
        ("!!!", "?!", None, False),
        ("refund", "refund", LABELS, True),
        ("Refund", "refund", LABELS, False),
        (" refund\n", "refund", LABELS, True),
        ("C", "C++", LABELS, False),
        ("C++", "C++", LABELS, True),
        ("A-12", "A-12", {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}, True),
        ("a-12", "A-12", {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}, False),
    ],
)
def test_texts_are_right_when(said, gold, schema, right):
    task = task_of(schema)
    assert task.correct(Prediction("a", said), Gold(answers=(gold,))) is right
    assert not task.correct(Prediction("a", said, error="broke"), Gold(answers=(gold,)))


def test_text_scores_share_words():
    scores = task_of().scores(Prediction("a", "17 working days"), Gold(answers=("17 days",)))
    assert scores == {"exact_match": 0.0, "token_f1": pytest.approx(0.8)}
    assert (
        task_of(LABELS).scores(Prediction("a", "nothing"), Gold(answers=("refund",)))["valid"]
        is False
    )


def test_optional_fields_and_a_name_that_is_taken():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "additionalProperties": False,
    }
    scores = task_of(schema).scores(Prediction("x", '{"a": 1}'), Gold(output={"a": 1, "b": 2}))
    assert (scores["a_right"], scores["b_right"], scores["fields_right"]) == (True, False, 0.5)
    assert task_of(schema).correct(Prediction("x", '{"a": 1.0}'), Gold(output={"a": 1}))
    loose = {"type": "object", "properties": {"a": {"type": ["integer", "boolean"]}}}
    assert not task_of(loose).correct(Prediction("x", '{"a": true}'), Gold(output={"a": 1})), (
        "true is no number"
    )
    with pytest.raises(ValueError, match="cannot be called 'fields'"):
        task_of({"type": "object", "properties": {"fields": {"type": "string"}}})


# --- prompts and arms -----------------------------------------------------------------------------


def test_outputs_are_written_in_the_schema_s_order():
    gold = Gold(
        output={"needs_human": False, "priority": "low", "product": "gale", "category": "fault"}
    )
    assert (
        written(gold, TICKET)
        == '{"category": "fault", "product": "gale", "priority": "low", "needs_human": false}'
    )
    assert written(Gold(answers=("café",))) == "café"
    assert written(Gold(output={"b": "é", "a": 1})) == '{"b": "é", "a": 1}'
    assert pairs(cases_of("a")) == [("a", "x")]


def test_the_instruction_names_every_field_and_value():
    said = instruction_of(TICKET)
    assert all(f'"{word}"' in said for word in (*TICKET["properties"], "how_to", "urgent"))
    assert "true or false" in said
    assert instruction_of(LABELS) == 'Answer with exactly one of: "refund", "repair", "C", "C++".'
    assert (
        instruction_of({"type": "string", "description": "Name the town."})
        == "Name the town.\nAnswer with the text only."
    )
    assert (
        instruction_of(
            {
                "$ref": "#/$defs/t",
                "$defs": {
                    "t": {"type": "object", "properties": {"when": {"$ref": "#/$defs/d"}}},
                    "d": {"type": "string", "description": "a day"},
                },
            }
        ).splitlines()[1]
        == '"when": string (a day)'
    )


def test_an_object_without_named_fields_is_asked_for_as_it_is():
    assert (
        instruction_of({"type": "object"})
        == "Turn the message into JSON.\nAnswer with the JSON object only."
    )


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": ["refund", "repair"]},
        {"const": "refund"},
        {"$ref": "#/$defs/label", "$defs": {"label": LABELS}},
    ],
    ids=["enum", "const", "reference"],
)
def test_a_label_is_taken_out_of_its_quotes_however_its_schema_says_text(monkeypatch, schema):
    monkeypatch.setattr(
        generate,
        "complete",
        lambda *_: iter([generate.Completion(0, '"refund"', 3, 1, 0.0)]),
    )
    monkeypatch.setattr(generate, "chat", lambda *_, **__: "")
    arm = labelled.zero_shot(TOY, TaskPrompt("Sort.", schema), constrained=True)
    assert [said.text for said in arm([Ask("a", "hello")])] == ["refund"]


def test_the_arms_differ_in_name_prompt_and_fingerprint(monkeypatch):
    heard = []

    def complete(model, prompts, max_new_tokens, schema):
        heard.append((list(prompts), max_new_tokens, schema))
        yield from (
            generate.Completion(i, '"refund"' if schema else "refund", 3, 1, 0.0)
            for i, _ in enumerate(prompts)
        )

    monkeypatch.setattr(generate, "complete", complete)
    monkeypatch.setattr(
        generate,
        "chat",
        lambda model, user, system, turns: json.dumps([system, [*turns], user]),
    )
    task = TaskPrompt("Sort.", LABELS, max_new_tokens=9, tuned="Go.")
    shown = [("in", "out")]
    arms = [
        make(TOY, task, *more, constrained=constrained)
        for constrained in (False, True)
        for make, *more in (
            (labelled.zero_shot,),
            (labelled.few_shot, shown),
            (labelled.tuned,),
        )
    ]
    assert [arm.name for arm in arms] == [
        "zero-shot",
        "few-shot",
        "tuned",
        "constrained",
        "few-shot + constrained",
        "tuned + constrained",
    ]
    assert len({(arm.name, arm.fingerprint) for arm in arms}) == 6
    assert (
        labelled.few_shot(TOY, task, [("in", "other")]).fingerprint
        != labelled.few_shot(TOY, task, shown).fingerprint
    )
    for arm in arms:
        (said,) = arm([Ask("a", "hello")])
        assert said.text == "refund"
        assert said.id == "a"
    assert json.loads(heard[1][0][0]) == ["Sort.", [["in", "out"]], "hello"]
    assert heard[3][1:] == (
        9,
        LABELS,
    )
    prompt, completion = labelled.training_rows(TOY, task, shown)[0]
    assert json.loads(prompt) == ["Go.", [], "in"], "what is trained is what is asked later"
    assert completion == "out", "what is trained is what is asked later"


def test_the_baseline_says_the_same_to_all():
    arm = baselines.majority_label([("a", "x"), ("b", "y"), ("c", "y")])
    assert [p.text for p in arm([Ask("1", "a"), Ask("2", "b")])] == [
        "y",
        "y",
    ]
    assert arm.name == "majority label"
    with pytest.raises(ValueError, match="no rows to count"):
        baselines.majority_label([])


def test_room_is_the_longest_output_and_a_little():
    toy = SimpleNamespace(tokenizer=lambda text, add_special_tokens: {"input_ids": text.split()})
    assert labelled.room(toy, [("a", "one two three"), ("b", "one")]) == 3 + labelled.SPARE_TOKENS


def test_a_cut_off_string_stays_as_it_is():
    assert labelled._unquoted('"ref') == '"ref'
    assert labelled._unquoted('"a\\"b"') == 'a"b'
    assert labelled._unquoted("3") == "3"


def test_json_with_something_around_it_is_none():
    for text in ('{"a": 1} ok', "NaN", '{"a": 1, "a": 2}', "[" * 100_000):
        with pytest.raises(ValueError):
            parse_json(text)


# --- the whole way, with the real model -----------------------------------------------------------


TOWNS = {
    "type": "object",
    "properties": {"town": {"type": "string", "maxLength": 12}, "far": {"type": "boolean"}},
    "required": ["town", "far"],
    "additionalProperties": False,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "output"),
    [(TOWNS, {"far": False, "town": "Ulm"}), (LABELS, "repair")],
    ids=["objects", "labels"],
)
def test_any_task_trains_and_is_scored_through_the_same_calls(cache, file, schema, output):
    from helpers.models.load import load_generator
    from helpers.training.trainer import LoraSettings, finetune, with_adapter

    generator = load_generator()
    parts = split(
        read_labelled(
            file(*({"input": f"parcel {n} to Ulm", "output": output} for n in range(16))), schema
        )
    )
    shown = pairs(parts.train, schema)
    room = labelled.room(generator, shown)
    task = TaskPrompt(instruction_of(schema), schema, max_new_tokens=room)
    made = finetune(
        generator,
        labelled.training_rows(generator, task, shown),
        LoraSettings(epochs=3, rank=4, learning_rate=3e-3, batch_rows=4),
        say=lambda _: None,
    )
    model = with_adapter(generator, made)
    held = [
        labelled.zero_shot(generator, task, constrained=True),
        labelled.few_shot(generator, task, shown[:2], constrained=True),
        labelled.tuned(model, task, constrained=True),
    ]
    tables = [evaluate(arm, parts.test, task_of(schema)) for arm in held]
    assert all(table["valid"].all() for table in tables), "what is held to a schema keeps it"
    free = evaluate(labelled.tuned(model, task), parts.test, task_of(schema))
    assert free["right"].all(), (
        f"one answer for every input, and it was not learnt: {free['answer'].tolist()}"
    )
