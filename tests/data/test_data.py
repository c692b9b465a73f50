"""The data loads, is as it says it is, and every fault in it is reported with file, line and
field."""

from __future__ import annotations

import json

import pytest
from conftest import TODAY, write_document

from helpers.core import settings
from helpers.core.records import DataError
from helpers.data import handbook, tickets
from helpers.data import questions as data_questions


def test_first_slice_is_large_enough(documents):
    assert len(documents) >= 15
    assert (
        sum(len(data_questions.load_questions(split, documents)) for split in ("dev", "test")) >= 60
    )
    sizes = {split: len(tickets.load_tickets(split)) for split in ("train", "dev", "test")}
    assert sizes["train"] >= 200, sizes
    assert sizes["dev"] >= 50, sizes
    assert sizes["test"] >= 80, sizes


@pytest.mark.parametrize("split", ["dev", "test"])
def test_evidence_is_where_the_spans_say(documents, split):
    texts = {d.id: d.text for d in documents}
    for case in data_questions.load_questions(split, documents):
        for evidence in case.gold.evidence:
            assert texts[evidence.doc][evidence.start : evidence.end] == evidence.quote


def test_no_fact_and_no_ticket_is_in_two_splits(documents):
    facts = {
        split: {c.fact for c in data_questions.load_questions(split, documents)}
        for split in ("dev", "test")
    }
    assert not facts["dev"] & facts["test"]
    texts = {
        split: {" ".join(c.ask.input.lower().split()) for c in tickets.load_tickets(split)}
        for split in ("train", "dev", "test")
    }
    assert not texts["train"] & texts["dev"]
    assert not texts["train"] & texts["test"]
    assert not texts["dev"] & texts["test"]


def test_an_arm_cannot_see_gold():
    case = tickets.load_tickets("dev")[0]
    assert set(vars(case.ask)) == {"id", "input", "groups", "as_of"}


def test_versions_follow_each_other(tmp_path):
    write_document(tmp_path, "leave-v1", "Old.", policy="leave")
    write_document(
        tmp_path,
        "leave-v2",
        "New.",
        policy="leave",
        supersedes="leave-v1",
        effective_from="2026-01-01",
    )
    old, new = handbook.load_handbook(tmp_path)
    assert not old.in_force(TODAY)
    assert new.in_force(TODAY)
    assert old.in_force(new.meta.effective_from.replace(year=2025))
    assert old.effective_until == new.meta.effective_from
    assert handbook.may_see([old, new], ["staff"], TODAY) == [new]
    assert handbook.may_see([old, new], ["guests"], TODAY) == []
    assert handbook.may_see([old, new], [], TODAY) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"effective_from": "soon"}, "field 'effective_from'"),
        ({"owner": ...}, "field 'owner'"),
        ({"colour": "red"}, "field 'colour'"),
        ({"audience": "[]"}, "field 'audience'"),
        ({"audience": "[staff"}, "not YAML"),
        ({"version": "two"}, "field 'version'"),
        ({"region": "fr"}, "field 'region'"),
        ({"supersedes": "nothing-v0"}, "there is no 'nothing-v0'"),
    ],
)
def test_malformed_front_matter_names_file_and_field(tmp_path, changes, said):
    write_document(tmp_path, "broken", "Text.", **changes)
    with pytest.raises(DataError) as error:
        handbook.load_handbook(tmp_path)
    assert "broken.md" in str(error.value)
    assert said in str(error.value)


def test_documents_that_cannot_be_read(tmp_path):
    for name, content, said in (
        ("latin.md", "---\ntitle: Café".encode("latin-1"), "is not UTF-8"),
        ("bom.md", b"\xef\xbb\xbf---\n", "byte order mark"),
        ("crlf.md", b"---\r\nid: a\r\n---\r\n", "Windows line ends"),
        ("bare.md", b"# Just text\n", "must start with YAML front matter"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=said) as error:
            handbook.parse_document(path)
        assert name in str(error.value)


def _question(**changes):
    row = {
        "id": "q1",
        "question": "How many?",
        "asker": "support-uk",
        "as_of": "2026-03-02",
        "answers": ["7"],
        "evidence": [{"doc": "rule", "quote": "There are 7 days."}],
        "kind": "single",
        "fact": "rule.days",
    }
    return row | changes


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [
                _question(),
                _question(id="q2", evidence=[{"doc": "rule", "quote": "There are 8 days."}]),
            ],
            r"line 2: evidence quote not found in .*rule.md",
        ),
        ([_question(), _question()], "line 2: field 'id': q1 was already used in line 1"),
        ([_question(asker="nobody")], "line 1: field 'asker'"),
        ([_question(evidence=[])], "line 1: 'answers' and 'evidence' go together"),
        (
            [_question(evidence=[{"doc": "other", "quote": "x"}])],
            "line 1: field 'evidence': there is no document 'other'",
        ),
        ([_question(kind="odd")], "line 1: field 'kind'"),
        ([_question(asker="contractor-de")], "line 1: 'contractor-de' cannot read 'rule'"),
        ([_question(as_of="2020-01-01")], "line 1: 'support-uk' cannot read 'rule' on 2020-01-01"),
        (["{not json"], "line 1: is not JSON"),
        ([_question(), ""], "line 2: is empty"),
    ],
)
def test_faulty_questions_name_file_line_and_field(tmp_path, rows, said):
    write_document(tmp_path / "handbook", "rule", "# Rule\n\nThere are 7 days.")
    path = tmp_path / "dev.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows),
        encoding="utf-8",
        newline="\n",
    )
    with pytest.raises(DataError, match=said) as error:
        data_questions.load_questions("dev", handbook.load_handbook(tmp_path / "handbook"), path)
    assert "dev.jsonl" in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"), [("priority", "asap"), ("needs_human", "true"), ("needs_human", 1)]
)
def test_faulty_ticket_names_the_field(tmp_path, field, value):
    good = json.loads(
        (settings.DATA / "tickets" / "dev.jsonl").read_text(encoding="utf-8").splitlines()[0]
    )
    good["output"][field] = value
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(good) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"train.jsonl line 1: field 'output.{field}'"):
        tickets.load_tickets("train", path=path)


def test_generated_tickets_are_what_the_generator_writes(tmp_path):
    """The generator is the source of the ticket files: running it again gives the same bytes."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "build_tickets", settings.DATA / "build" / "tickets.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.OUT = tmp_path
    module.main()
    for split in ("train", "dev", "test"):
        assert (tmp_path / f"{split}.jsonl").read_bytes() == (
            settings.DATA / "tickets" / f"{split}.jsonl"
        ).read_bytes(), split


def test_pick_is_stable_and_ordered(documents):
    questions = data_questions.load_questions("dev", documents)
    chosen = data_questions.pick(questions, 20)
    assert chosen == data_questions.pick(questions, 20)
    assert len(chosen) == 20
    assert [c.id for c in chosen] == [c.id for c in questions if c in chosen]
    assert data_questions.pick(questions, 10**6) == questions
