"""The forms that people bring: each becomes our rows, or a line that says which name is missing."""

from __future__ import annotations

import json

import pytest
from support.office import xlsx

from helpers.data.labelled_rows import LabelledError, read_labelled
from helpers.data.row_formats import example_rows, question_rows


def encoded(content) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8")


def asked(name, content, **columns):
    """The questions of a file, without what is not ours; no fault may be named."""
    faults = []
    rows = question_rows(name, encoded(content), faults, columns)
    assert faults == []
    ours = ("question", "answers", "must_contain", "evidence", "is_impossible", "answerable")
    return [{key: row[key] for key in ours if key in row} for _, row in rows]


def shown(name, content, **columns):
    """The examples of a file; no fault may be named."""
    faults = []
    rows = example_rows(name, encoded(content), faults, columns)
    assert faults == []
    ours = ("input", "output", "system", "instruction")
    return [{key: row[key] for key in ours if key in row} for _, row in rows]


def lines(*rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# --- questions ------------------------------------------------------------------------------------

PLAIN = [
    {"question": "How long?", "answers": ["14 days", "two weeks"]},
    {"question": "Who?", "answers": []},
]
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Refunds",
            "paragraphs": [
                {
                    "context": "Refunds are easy.\nThey take 14 days.",
                    "qas": [
                        {
                            "id": "a",
                            "question": "How long?",
                            "answers": [{"text": "14 days", "answer_start": 28}] * 2,
                            "is_impossible": False,
                        },
                        {"id": "b", "question": "Who?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ],
}
LINE = {"quote": "They take 14 days.", "optional": True}
CONTEXTS = ["Refunds are easy.\nThey take 14 days."]
ONE = {"question": "How long?", "answers": ["14 days"]}
QUESTIONS = {
    "csv": ("q.csv", "question,answers\nHow long?,14 days|two weeks\nWho?,\n", PLAIN),
    "csv of Excel in Germany": ("q.csv", "\ufeffquestion;answer\r\nHow long?;14 days\r\n", [ONE]),
    "csv with a list": ("q.csv", 'question,answers\nHow long?,"[""14 days""]"\n', [ONE]),
    "tsv": ("q.tsv", "question\tanswer\nHow long?\t14 days\n", [ONE]),
    "xlsx": ("q.xlsx", xlsx({"a": [["question", "answer"], ["How long?", "14 days"]]}), [ONE]),
    "JSON array": ("q.json", json.dumps(PLAIN, indent=1), PLAIN),
    "JSON array in .jsonl": ("q.jsonl", json.dumps(PLAIN, indent=1), PLAIN),
    "JSON in an object": ("q.json", json.dumps({"questions": PLAIN}), PLAIN),
    "SQuAD": (
        "q.json",
        json.dumps(SQUAD),
        [
            ONE | {"evidence": [LINE], "is_impossible": False},
            {"question": "Who?", "answers": [], "is_impossible": True},
        ],
    ),
    "SQuAD in .jsonl": (
        "q.jsonl",
        json.dumps(SQUAD, indent=1),
        [
            ONE | {"evidence": [LINE], "is_impossible": False},
            {"question": "Who?", "answers": [], "is_impossible": True},
        ],
    ),
    "rows of SQuAD": (
        "q.jsonl",
        lines(
            {
                "question": "How long?",
                "context": CONTEXTS[0],
                "answers": {"text": ["14 days"], "answer_start": [28]},
            },
            {"question": "Who?", "context": "x", "answers": {"text": [], "answer_start": []}},
        ),
        [ONE | {"evidence": [LINE]}, {"question": "Who?", "answers": []}],
    ),
    "ragas": (
        "q.jsonl",
        lines({"user_input": "How long?", "reference": "14 days", "reference_contexts": CONTEXTS}),
        [ONE | {"evidence": [LINE]}],
    ),
    "ragas before 0.2": (
        "q.json",
        json.dumps([{"question": "How long?", "ground_truths": ["14 days"], "contexts": CONTEXTS}]),
        [ONE | {"evidence": [LINE]}],
    ),
    "deepeval": (
        "q.json",
        json.dumps(
            [
                {
                    "input": "How long?",
                    "actual_output": "13 days",
                    "expected_output": "14 days",
                    "context": CONTEXTS,
                    "retrieval_context": ["x"],
                }
            ]
        ),
        [ONE | {"evidence": [LINE]}],
    ),
    "deepeval, goldens": (
        "q.json",
        json.dumps({"goldens": [{"input": "How long?", "expectedOutput": "14 days"}]}),
        [ONE],
    ),
    "promptfoo": (
        "q.yaml",
        "tests:\n  - vars: {question: 'How long?'}\n    assert:\n"
        "      - {type: equals, value: 14 days}\n"
        "  - vars: {query: 'What?'}\n    assert:\n"
        "      - {type: icontains, value: fee}\n"
        "      - {type: contains-any, value: [2 days, two days]}\n"
        "      - {type: llm-rubric, value: is polite}\n",
        None,
    ),
    "promptfoo, csv": (
        "q.csv",
        "question,__expected\nHow long?,equals: 14 days\nHow long?,14 days\n",
        [ONE, ONE],
    ),
    "LangSmith": (
        "q.jsonl",
        lines({"inputs": {"question": "How long?"}, "outputs": {"answer": "14 days"}}),
        [ONE],
    ),
    "a sheet with quotes": (
        "q.csv",
        "question,answer,quote,document\nHow long?,14 days,They take 14 days.,a.md\n",
        [ONE | {"evidence": [{"quote": "They take 14 days.", "doc": "a.md"}]}],
    ),
}


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name != "promptfoo"])
def test_questions_of_each_form_become_ours(name):
    file, content, rows = QUESTIONS[name]
    assert asked(file, content) == rows


def test_what_promptfoo_asserts_becomes_answers_and_parts():
    file, content, _ = QUESTIONS["promptfoo"]
    assert asked(file, content) == [
        ONE,
        {"question": "What?", "must_contain": ["fee", "2 days|two days"]},
    ]


def test_what_only_a_model_could_judge_is_named():
    content = "- vars: {question: 'Why?'}\n  assert: [{type: llm-rubric, value: is polite}]\n"
    faults = []
    assert question_rows("q.yaml", encoded(content), faults) == []
    assert ["'llm-rubric', which no rule can judge" in one.message for one in faults] == [True]


@pytest.mark.parametrize("name", ["question", "answers"])
def test_names_in_assess_toml_are_taken(name):
    rows = asked("q.csv", "Frage,Antwort\nWie?,So\n", question="Frage", answers="Antwort")
    assert rows[0][name] == {"question": "Wie?", "answers": ["So"]}[name]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "Frage,answer\nWie?,So\n",
            "field 'question': is missing; found 'Frage', 'answer': rename the one that is meant"
            " to 'question', or set question = \"NAME\" under [columns] in assess.toml",
        ),
        (
            "question,answr\nWie?,So\n",
            "field 'answers': is missing; found 'question', 'answr': rename 'answr' to 'answers',"
            ' or set answers = "answr" under [columns] in assess.toml',
        ),
        ("question,answer\n", "holds no rows below the names of its columns"),
        ("question,question\na,b\n", "has two columns named 'question'; rename one"),
    ],
)
def test_a_wrong_name_is_said_once_with_what_it_should_be(content, said):
    faults = []
    assert question_rows("q.csv", encoded(content), faults) == []
    assert [one.reason for one in faults] == [said]


def test_a_name_in_assess_toml_that_is_not_there_is_said():
    faults = []
    question_rows("q.csv", b"question,answer\na,b\n", faults, {"answers": "Antwort"})
    assert [one.message for one in faults] == [
        "has no 'Antwort', which [columns] answers in assess.toml names; found 'answer', 'question'"
    ]


def test_names_that_were_taken_for_ours_are_said():
    said = []
    question_rows("q.jsonl", encoded(lines({"user_input": "a", "reference": "b"})), [], None, said)
    assert said == ["'user_input' is taken as 'question'", "'reference' is taken as 'answers'"]


def test_our_own_rows_are_not_changed():
    row = {"question": "a", "answers": ["b"], "groups": ["c"], "evidence": [{"doc": "d"}]}
    assert question_rows("q.jsonl", encoded(lines(row)), []) == [(1, row)]


def test_rows_of_a_sheet_are_counted_as_the_sheet_shows_them():
    rows = question_rows("q.csv", b"question,answer\na,b\n,\nc,d\n", [])
    assert [number for number, _ in rows] == [2, 4]


@pytest.mark.parametrize("content", [b"3", b'"x"', b"[1]", b"{}", b"[]", b"\xff", b"[", b"{oh"])
@pytest.mark.parametrize("name", ["q.json", "q.yaml", "q.jsonl", "q.csv", "q.xlsx"])
def test_what_holds_no_rows_is_a_fault_and_never_another_error(name, content):
    faults = []
    assert question_rows(name, content, faults) == []
    assert faults or content in (b"[]",)


# --- examples -------------------------------------------------------------------------------------

ROW = {"input": "it broke", "output": "fault"}
TURNS = [{"role": "user", "content": "it broke"}, {"role": "assistant", "content": "fault"}]
EXAMPLES = {
    "ours": ("e.jsonl", lines(ROW), [ROW]),
    "chat": ("e.jsonl", lines({"messages": TURNS}), [ROW]),
    "chat with a system prompt": (
        "e.jsonl",
        lines({"messages": [{"role": "system", "content": "Sort."}, *TURNS]}),
        [ROW | {"system": "Sort."}],
    ),
    "chat of several turns": (
        "e.jsonl",
        lines({"messages": [*TURNS, {"role": "user", "content": "and?"}, TURNS[1]]}),
        [{"input": "User: it broke\n\nAssistant: fault\n\nUser: and?", "output": "fault"}],
    ),
    "chat in parts": (
        "e.jsonl",
        lines(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "it broke"}]},
                    TURNS[1],
                ]
            }
        ),
        [ROW],
    ),
    "chat with objects as answers": (
        "e.jsonl",
        lines({"messages": [TURNS[0], {"role": "assistant", "content": '{"a": 1}'}]}),
        [{"input": "it broke", "output": {"a": 1}}],
    ),
    "ShareGPT": (
        "e.json",
        json.dumps(
            [
                {
                    "conversations": [
                        {"from": "human", "value": "it broke"},
                        {"from": "gpt", "value": "fault"},
                    ]
                }
            ]
        ),
        [ROW],
    ),
    "Alpaca": (
        "e.json",
        json.dumps([{"instruction": "Sort.", "input": "it broke", "output": "fault"}]),
        [ROW | {"instruction": "Sort."}],
    ),
    "prompt and completion": (
        "e.jsonl",
        lines({"prompt": "it broke", "completion": " fault"}),
        [ROW],
    ),
    "prompt and completion as chats": (
        "e.jsonl",
        lines({"prompt": TURNS[:1], "completion": TURNS[1:]}),
        [ROW],
    ),
    "text and label": ("e.jsonl", lines({"text": "it broke", "label": 3}), [ROW | {"output": "3"}]),
    "csv": ("e.csv", "text,label\nit broke,fault\n", [ROW]),
    "csv of tickets": (
        "e.csv",
        "subject,description,category\nHelp,it broke,fault\n",
        [{"input": "Help\n\nit broke", "output": "fault"}],
    ),
    "xlsx": ("e.xlsx", xlsx({"a": [["text", "label"], ["it broke", "fault"]]}), [ROW]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_each_form_become_ours(name):
    file, content, rows = EXAMPLES[name]
    assert shown(file, content) == rows


def test_several_named_columns_are_put_together():
    rows = shown("e.csv", "a,b,c,d\n1,2,x,y\n", input=["b", "a"], output=["c", "d"])
    assert rows == [{"input": "2\n\n1", "output": {"c": "x", "d": "y"}}]


def test_an_answer_that_calls_a_tool_is_no_text():
    turns = [TURNS[0], {"role": "assistant", "content": None, "tool_calls": [{}]}]
    faults = []
    assert example_rows("e.jsonl", encoded(lines({"messages": turns})), faults) == []
    assert ["found 'messages'" in one.message for one in faults] == [True]


def test_a_wrong_name_in_examples_is_said_once():
    faults = []
    assert example_rows("e.jsonl", encoded(lines(*[{"a": 1, "b": 2}] * 20)), faults) == []
    assert [one.field for one in faults] == ["input"]


def test_rows_of_another_form_become_cases(tmp_path):
    (tmp_path / "e.csv").write_text("text,label\nit broke,fault\n", encoding="utf-8")
    (case,) = read_labelled(tmp_path / "e.csv")
    assert (case.ask.input, case.gold.answers) == ("it broke", ("fault",))


def test_a_cell_without_a_label_has_its_row(tmp_path):
    (tmp_path / "e.csv").write_text("text,label\na,x\nb,\n", encoding="utf-8")
    with pytest.raises(LabelledError, match="line 3: field 'output': is empty"):
        read_labelled(tmp_path / "e.csv")
