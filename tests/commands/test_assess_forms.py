"""A folder in the form that somebody has: it is read, or it is said what to rename or to save."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.office import docx, paragraph, run, xlsx
from support.towns import lines, own_folder, quiet, write

from helpers.commands.assess import assess
from helpers.commands.assess.folder import read_user_folder
from helpers.core.records import DataError

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")

ASK = {"question": "How long?", "answers": ["14 days"]}


def folder(home: Path, **files: str | bytes) -> Path:
    """A folder with these files: `__` for a slash, `_0_` for a dot."""
    for name, content in files.items():
        path = home / name.replace("__", "/").replace("_0_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return home


def test_each_kind_that_is_passed_over_is_counted_with_what_to_do(tmp_path):
    old = {f"documents__{n}_0_doc": b"x" for n in range(9)}
    own = read_user_folder(
        folder(tmp_path, questions_0_jsonl=lines(ASK), documents__a_0_xyz=b"x", **old)
    )
    assert [str(one) for one in own.remarks] == [
        "documents: 9 .doc were passed over (as 0.doc): save as .docx",
        "documents: 1 .xyz was passed over (as a.xyz): save as .md, .txt or .html",
    ]


def test_what_is_passed_over_is_said_before_any_model_runs(serve, tmp_path):
    server = serve()
    home = own_folder(tmp_path / "own", server.url, examples=False)
    (home / "documents" / "scan.png").write_bytes(b"x")
    said = []
    assess.assess(home, tmp_path / "out", 1, said.append)
    assert any("1 .png was passed over" in line for line in said)


@pytest.mark.parametrize(
    ("name", "should"),
    [
        ("docs/a.md", "documents/"),
        ("Documents/a.md", "documents/"),
        ("Dokumente/a.md", "documents/"),
        ("question.csv", "questions.csv"),
        ("Questions.jsonl", "questions.jsonl"),
        ("test_set.json", "questions.json"),
        ("example.csv", "examples.csv"),
        ("train.jsonl", "examples.jsonl"),
        ("Schema.json", "schema.json"),
        ("assess.yaml", "assess.toml"),
    ],
)
def test_a_name_that_is_nearly_right_is_named_with_what_it_should_be(tmp_path, name, should):
    write(tmp_path / "questions.xlsx", "")
    (tmp_path / "questions.xlsx").write_bytes(xlsx({"a": [["question", "answer"], ["a", "b"]]}))
    write(tmp_path / name, "x")
    said = [one for one in read_user_folder(tmp_path).faults if one.file == name.split("/")[0]]
    assert [one.message for one in said] == [f"is not read; if it is meant, name it {should}"]


def test_names_that_are_nothing_like_a_part_are_left_alone(tmp_path):
    write(tmp_path / "questions.jsonl", lines(ASK))
    for name in ("README.md", "notes.txt", ".hidden", "LICENSE", "budget.xlsx"):
        write(tmp_path / name, "x")
    assert read_user_folder(tmp_path).faults == ()


def test_a_folder_with_nothing_but_wrong_names_is_refused_with_the_right_ones(tmp_path):
    write(tmp_path / "question.csv", "question,answer\na,b\n")
    with pytest.raises(DataError, match=r"question.csv: is not read.*questions.csv"):
        read_user_folder(tmp_path)


def test_of_two_forms_of_one_file_one_counts_and_the_other_is_named(tmp_path):
    home = folder(tmp_path, questions_0_jsonl=lines(ASK), questions_0_csv="question,answer\na,b\n")
    own = read_user_folder(home)
    assert [str(one) for one in own.faults] == [
        "questions.csv: is not read, for questions.jsonl is there; remove one of the two"
    ]


def test_a_context_is_found_in_the_document_that_holds_it(tmp_path):
    row = {
        "user_input": "How long?",
        "reference": "14 days",
        "reference_contexts": ["Takes 14 days."],
    }
    home = folder(
        tmp_path,
        questions_0_jsonl=lines(row),
        documents__a_0_txt="No.",
        documents__b_0_txt="It\nTakes  14 days. Yes.",
    )
    own = read_user_folder(home)
    assert [(one.doc, one.quote) for one in own.questions[0].gold.evidence] == [
        ("b", "Takes  14 days.")
    ]


def test_contexts_that_stand_nowhere_are_said_once(tmp_path):
    rows = [
        {"user_input": f"{n}?", "reference": "x", "reference_contexts": [f"text {n}"]}
        for n in range(5)
    ]
    own = read_user_folder(folder(tmp_path, questions_0_jsonl=lines(*rows)))
    assert [one.message.partition(":")[0] for one in own.faults] == [
        "the context of 5 questions stands in no document"
    ]


def test_the_names_that_were_taken_stand_among_the_remarks(tmp_path):
    own = read_user_folder(folder(tmp_path, examples_0_csv="text,label\n" + "a,b\n" * 5))
    assert [str(one) for one in own.remarks] == [
        "examples.csv: 'text' is taken as 'input'",
        "examples.csv: 'label' is taken as 'output'",
    ]


def test_columns_named_in_assess_toml_are_read(tmp_path):
    home = folder(
        tmp_path,
        examples_0_csv="betreff,sparte\n" + "a,b\n" * 3,
        assess_0_toml='[columns]\ninput = "betreff"\noutput = "sparte"\n',
    )
    own = read_user_folder(home)
    assert [case.gold.answers for case in own.examples] == [("b",)] * 3


TOWN = "The library of Arnby lends 20 books."
FORMS = {
    "csv": {"questions_0_csv": "question,answer\nHow many books?,20\n"},
    "xlsx": {"questions_0_xlsx": xlsx({"a": [["question", "answer"], ["How many books?", 20]]})},
    "ragas": {
        "questions_0_jsonl": lines(
            {"user_input": "How many books?", "reference": "20", "reference_contexts": [TOWN]}
        )
    },
    "deepeval": {
        "questions_0_json": json.dumps([{"input": "How many books?", "expected_output": "20"}])
    },
    "promptfoo": {
        "questions_0_yaml": "tests:\n- vars: {question: 'How many books?'}\n"
        "  assert: [{type: contains, value: '20'}]\n"
    },
    "SQuAD": {
        "questions_0_json": json.dumps(
            {
                "data": [
                    {
                        "paragraphs": [
                            {
                                "context": TOWN,
                                "qas": [
                                    {
                                        "question": "How many books?",
                                        "id": "a",
                                        "answers": [{"text": "20", "answer_start": 27}],
                                    }
                                ],
                            }
                        ]
                    }
                ]
            }
        )
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_with_questions_of_each_form_is_assessed(serve, tmp_path, form):
    server = serve()
    home = folder(
        tmp_path / "own",
        documents__towns_0_docx=docx(paragraph(run("Arnby"), style="H1"), paragraph(run(TOWN))),
        assess_0_toml=f'[endpoint]\nurl = "{server.url}"\nmodel = "m"\n'
        '[search]\nretriever = "bm25"\n',
        **FORMS[form],
    )
    held = assess.assess(home, tmp_path / "out", 1, quiet)
    (row,) = [row for row in held["arms"]["questions"] if row["arm"] == "best sentence"]
    assert (row["n"], row["share"], held["faults"]) == (1, 1.0, [])
