"""Notebook 12 over `assess`: its cells on folders of every shape against a fake server, the plan,
and what its exercises say to wrong answers."""

from __future__ import annotations

import ast
import json
import re

import pytest
from support.towns import own_folder, quiet

from helpers.commands import notebooks
from helpers.commands.assess import assess
from helpers.commands.assess.report import Results
from helpers.core.records import DataError
from helpers.data.labelled_rows import plain
from helpers.decision.conclusion import decide
from helpers.evaluation.evaluator import wilson
from helpers.exercises import exercise

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")

(SOURCE,) = notebooks.sources(["12"])


def cells(folder) -> list[str]:
    """The code of the notebook with its solutions, its one line changed to this folder."""
    code = [
        cell.source
        for cell in notebooks.compose(SOURCE, solutions=True).cells
        if cell.cell_type == "code"
    ]
    assert sum("FOLDER = EXAMPLE" in text for text in code) == 1
    return [text.replace("FOLDER = EXAMPLE", f"FOLDER = Path({str(folder)!r})") for text in code]


def run(text: str, names: dict) -> object:
    """What a cell shows: the value of its last line, if that is an expression."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.parametrize("parts", ["questions", "examples", "both"])
def test_the_notebook_runs_on_a_folder_of_any_shape(serve, tmp_path, monkeypatch, capsys, parts):
    server = serve()
    folder = own_folder(
        tmp_path / "own", server.url, questions=parts != "examples", examples=parts != "questions"
    )
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    shown = [run(text, names) for text in cells(folder)]
    said = capsys.readouterr().out
    assert [one.state for one in shown if hasattr(one, "state")] == ["right"] * 5, [
        one for one in shown if hasattr(one, "state")
    ]
    assert set(names["report"]["arms"]) == (
        {"questions", "examples"} if parts == "both" else {parts}
    )
    assert (names["OUT"] / "report.html").is_file()
    assert str(names["settings"].my_work()) not in said, (
        "a path of this machine would stand in the stored notebook"
    )
    assert names["found"].faults
    assert {fault.line for fault in names["found"].faults} == {61, 62, 63, None}
    assert len(names["found"].questions) == len(names["whole"].questions) + 1
    for flip in list(names["board"].flips)[:1]:
        assert re.search(
            rf"{flip.name} = \S+: {re.escape(flip.answer)}\n{flip.name} = \S+:"
            rf" {re.escape(flip.becomes)}\n",
            said,
        )
    asked = len(server.asked)
    again = run(next(text for text in cells(folder) if "assessed(FOLDER" in text), names)
    assert again is None, "run again, it resumes: nothing is asked twice"
    assert len(server.asked) == asked, "run again, it resumes: nothing is asked twice"


def test_the_plan_names_every_arm_before_anything_is_asked(serve, tmp_path):
    server = serve()
    folder, out = own_folder(tmp_path / "own", server.url), tmp_path / "out"
    before = assess.plan(folder, out)
    assert server.asked == []
    assert not out.exists()
    assert before["seconds a case"].isna().all()
    assert list(before.index[:3]) == ["always refuse", "majority label", "best sentence"]
    assert set(before["takes"][:3]) == {"no model"}
    assert before.loc["RAG", "cases"] == 17
    results, _ = assess.assessed(folder, out, 2, quiet)
    assert set(before.index) == set(results.tables), "what was planned is what was measured"
    after = assess.plan(folder, out)
    assert after["seconds a case"].notna().all()
    assert list(after.index) == list(before.index)
    with pytest.raises(DataError, match="no such folder"):
        assess.plan(tmp_path / "none")


def test_whoever_goes_on_from_an_assessment_can_decide_anew_without_measuring(serve, tmp_path):
    server = serve()
    results, held = assess.assessed(
        own_folder(tmp_path / "own", server.url), tmp_path / "out", 2, quiet
    )
    assert isinstance(results, Results)
    assert held == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    decision, asked = results.decision, len(server.asked)
    assert (
        decide(decision.requirements, decision.evidence).answer
        == decision.answer
        == held["decision"]["answer"]
    )
    flip = held["decision"]["flips"][0]
    there = decide(decision.requirements.but(**{flip["name"]: flip["at"]}), decision.evidence)
    found = there.answer if flip["about"] == "direction" else there.readiness.state
    assert found == flip["becomes"] != flip["answer"]
    assert len(server.asked) == asked


# --- the exercises --------------------------------------------------------------------------------


def stands(quote, text):
    words = " ".join(quote.split())
    return bool(words) and words in " ".join(text.split())


def straddling(train, test):
    groups, texts = {row["group"] for row in test}, {plain(row["input"]) for row in test}
    return [row["id"] for row in train if row["group"] in groups or plain(row["input"]) in texts]


def cut(rows):
    return rows[:28], rows[28:]


def by_group(rows):
    groups = sorted({row["group"] for row in rows})[:14]
    return [row for row in rows if row["group"] in groups], [
        row for row in rows if row["group"] not in groups
    ]


PAIR = ("a b", "a\nb")
WRONG = [
    ("12.1", (lambda quote, text: quote in text, PAIR), "only a line break"),
    (
        "12.1",
        (
            lambda quote, text: quote.replace(" ", "") in text.replace(" ", "").replace("\n", ""),
            PAIR,
        ),
        "a tab and a line break",
    ),
    (
        "12.1",
        (lambda quote, text: "".join(quote.split()) in "".join(text.split()), PAIR),
        "11 is not 1 1",
    ),
    (
        "12.1",
        (
            lambda quote, text: (
                set(quote.split()) <= set(text.replace(".", " . ").split()) and bool(quote.strip())
            ),
            PAIR,
        ),
        "for 3.50",
    ),
    (
        "12.1",
        (lambda quote, text: " ".join(quote.split()) in " ".join(text.split()), PAIR),
        "an empty quote",
    ),
    ("12.1", (stands, ("a b", "a b c")), "The colleague finds"),
    ("12.1", (stands, ("a b", "b a")), "the colleague is right to refuse"),
    ("12.2", lambda right, n, line: n, "expected 15 questions"),
    ("12.2", lambda right, n, line: 15, "expected 85 questions"),
    (
        "12.2",
        lambda right, n, line: next(
            (
                k * n
                for k in range(1, 60)
                if not wilson(k * right, k * n)[0] <= line <= wilson(k * right, k * n)[1]
            ),
            0,
        ),
        "expected None",
    ),
    (
        "12.3",
        lambda question, quote: (
            sum(len(w) > 3 and w in quote for w in question.split())
            / max(1, sum(len(w) > 3 for w in question.split()))
        ),
        "capitals do not count",
    ),
    ("12.3", lambda question, quote: 0.5, "one word, and punctuation is not"),
    ("12.4", lambda folder, path: str(path).startswith(str(folder)), "goes up and out"),
    (
        "12.4",
        lambda folder, path: str(path.resolve()).startswith(str(folder.resolve())),
        "begins with the same letters",
    ),
    (
        "12.4",
        lambda folder, path: (
            not path.is_symlink() and ".." not in path.parts and path.is_relative_to(folder)
        ),
        "goes up and down again",
    ),
    (
        "12.5",
        (
            lambda train, test: [
                row["id"] for row in train if row["input"] in {t["input"] for t in test}
            ],
            cut,
        ),
        "its customer g1",
    ),
    (
        "12.5",
        (
            lambda train, test: [
                row["id"] for row in train if row["group"] in {t["group"] for t in test}
            ],
            cut,
        ),
        "capitals, spaces and punctuation",
    ),
    ("12.5", (lambda train, test: [row["id"] for row in train], cut), "Row d shares neither"),
    ("12.5", (straddling, cut), "share a customer or a message"),
    ("12.5", (straddling, by_group), "share a customer or a message"),
    ("12.5", (straddling, lambda rows: (rows, [])), "15 to 50 %"),
    ("12.5", (straddling, lambda rows: (rows[:20], rows[21:])), "exactly one side"),
]


@pytest.mark.parametrize(
    ("id", "answer", "told"), WRONG, ids=[f"{id}-{told}" for id, _, told in WRONG]
)
def test_wrong_answers_of_12_are_told_why(id, answer, told):
    verdict = exercise(id).check(answer)
    assert verdict.state == "not yet", verdict
    assert told in verdict.message, verdict


@pytest.mark.parametrize("id", [f"12.{i}" for i in range(1, 6)])
def test_every_exercise_of_12_takes_anything_and_speaks(id, capsys):
    one = exercise(id)
    assert one.check(...).state == one.check(None).state == "not attempted"
    assert len(one.hints) == 3
    for odd in (0, "x", [], (1, 2), lambda *a: None, lambda *a: 1 / 0, object()):
        verdict = one.check(odd)
        assert verdict.state in ("not yet", "not attempted"), (
            odd,
            verdict,
        )
        assert len(verdict.message) > 20, (
            odd,
            verdict,
        )
    one.solution()
    assert "has no written solution" not in capsys.readouterr().out
