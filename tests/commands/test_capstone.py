"""Notebook 12 over `assess`: its cells on folders of every shape against a fake server, the plan,
and what its exercises say to wrong answers."""

from __future__ import annotations

import ast
import json

import pytest
from support.towns import own_folder, quiet

from helpers.commands import notebooks
from helpers.commands.assess import assess
from helpers.commands.assess.report import Results
from helpers.core.records import DataError
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
    assert [one.state for one in shown if hasattr(one, "state")] == ["right"] * 3, [
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
    ("12.3", lambda rows: len({text for text, _ in rows}) / len(rows), "equal labels are no"),
    ("12.3", lambda rows: 1.0, "one of the two labels"),
    (
        "12.3",
        lambda rows: (
            sum(
                max(labels.count(one) for one in labels)
                for text in {text for text, _ in rows}
                for labels in [[label for other, label in rows if other == text]]
            )
            / len(rows)
        ),
        "but for capitals and marks",
    ),
]


@pytest.mark.parametrize(
    ("id", "answer", "told"), WRONG, ids=[f"{id}-{told}" for id, _, told in WRONG]
)
def test_wrong_answers_of_12_are_told_why(id, answer, told):
    verdict = exercise(id).check(answer)
    assert verdict.state == "not yet", verdict
    assert told in verdict.message, verdict


@pytest.mark.parametrize("id", [f"12.{i}" for i in range(1, 4)])
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
