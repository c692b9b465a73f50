"""The board and the record: the same answer as a plain cell, pictures with words, a record whole or
not at all, and nothing in it that runs."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import time

import pandas as pd
import pytest
from conftest import ROOT, assert_takes_anything_and_speaks, assert_told
from support.findings import full, share

from helpers.data.journal_file import JournalError
from helpers.decision.conclusion import NOT_YET, decide
from helpers.decision.findings import span
from helpers.decision.requirements import FIELDS, Requirements
from helpers.decision.rules import Threshold
from helpers.decision.scenarios import SCENARIOS
from helpers.decision.sensitivity import flips, sweep
from helpers.labs import decision_board, decision_record
from helpers.labs.decision_board import TABS, board, what_if
from helpers.plots import decision

RAG_CASE = Requirements(lookup_share=1.0, cost_refusal=5, can_train=False)
EVIL = (
    '<script>window.hacked = 1</script> | [x](javascript:alert(1)) `a` ![y](http://x.example/z) "'
    " onerror='1'"
)


def part(widget, name):
    """The widget in the board with this class."""
    found = [widget] if f"t-{name}" in widget._dom_classes else []
    for child in getattr(widget, "children", ()):
        found += [one] if (one := part(child, name)) is not None else []
    return found[0] if found else None


def test_what_if_says_the_answer_and_how_firm_it_is():
    case = what_if(RAG_CASE, full())
    assert case.decision.answer == "RAG"
    assert re.fullmatch(
        r"RAG\. \d+ % of 150 draws around what is stated give the same answer \(\d+ to \d+ %\)\.",
        case.sentence(),
    )
    assert case.flips == flips(RAG_CASE, full())
    assert case.agreement.n == 150
    open_case = what_if(RAG_CASE, full().without("RAG"))
    assert open_case.sentence().startswith("Not yet: measure RAG, on 97 cases.")


def test_the_pictures_say_what_they_show():
    case = what_if(RAG_CASE, full())
    costs, strips = case.costs(), case.flip_chart()
    assert costs.svg.startswith("<svg ")
    assert costs.alt.startswith("RAG costs least: ")
    assert "Out: long context, fine-tune, RAG + tuned reader, router + RAG" in costs.alt
    assert next(iter(costs.table.index)) == "a person answers"
    assert costs.table["total"]["RAG"] == pytest.approx(
        1000 * (0.6 * 3.5) + costs.table[["serving", "index"]].sum(axis=1)["RAG"]
    )
    assert (
        f"{len(set(strips.table['input']))} of {len(FIELDS)} inputs could change it" in strips.alt
    )
    assert strips.svg.startswith("<svg ")
    assert "cost wrong" in strips.svg
    assert "not measured" in what_if(RAG_CASE, full().without("RAG")).costs().alt
    assert set(decision.OPTION_COLOURS) == {
        *(o.name for o in (decision.PEOPLE, *decision.OPTIONS)),
        NOT_YET,
    }


def test_no_flip_at_all_is_drawn_too():
    r = Requirements(cost_refusal=0.01, cost_wrong=1000, least_right=1.0)
    swept = {
        name: [(value, NOT_YET) for value, _ in line] for name, line in sweep(r, full()).items()
    }
    assert "no input alone changes it" in decision.flips(decide(r, full()), swept, []).alt


def test_the_widget_is_the_plain_cell(my_work):
    made = board(full(), RAG_CASE)
    answer, costs, strips = (part(made, name) for name in ("answer-box", "costs", "flips"))
    assert "<b>RAG</b>" in answer.value
    assert what_if(RAG_CASE, full()).sentence().split(". ", 1)[1] in answer.value
    before = costs.value, strips.value
    part(made, "cost-wrong").value = 1000
    assert "Not yet: measure a stronger model" in answer.value
    assert (costs.value, strips.value) != before
    part(made, "cost-wrong").value = RAG_CASE.cost_wrong
    part(made, "seen-RAG").value = False
    assert "Not yet: measure RAG, on 97 cases" in answer.value
    part(made, "seen-RAG").value = True
    part(made, "scenario").value = "product prices"
    stated = SCENARIOS["product prices"]
    assert part(made, "changes-per-year").value == stated.requirements.changes_per_year
    assert stated.discuss[:40] in part(made, "told").value
    assert decide(stated.requirements, full()).answer in answer.value or "Not yet" in answer.value
    part(made, "keep").click()
    (folder,) = (my_work / "decisions").iterdir()
    assert "Saved: " in part(made, "kept").value
    assert folder.name in part(made, "kept").value
    assert "product-prices" in folder.name


def test_every_field_is_on_the_board_once():
    assert sorted(name for names in TABS.values() for name in names) == sorted(FIELDS)


def test_a_record_that_cannot_be_kept_is_said(monkeypatch):
    made = board(full(), RAG_CASE)
    monkeypatch.setattr(
        decision_record, "write", lambda *a, **k: (_ for _ in ()).throw(JournalError("no room <b>"))
    )
    part(made, "keep").click()
    assert "Not saved. no room &lt;b&gt;" in part(made, "kept").value


def test_a_move_of_a_slider_is_quick():
    """Reported, and held only against a lapse: a busy machine is no error."""
    made, took = board(full(), RAG_CASE), []
    for value in (2, 5, 10, 20, 50):
        started = time.process_time()
        part(made, "cost-wrong").value = value
        took.append(time.process_time() - started)
    print(f"slider to picture: median {1000 * statistics.median(took):.0f} ms of processor time")
    assert statistics.median(took) < 1.5


# --- the record -----------------------------------------------------------------------------------


def test_the_record_is_whole_and_says_where_it_comes_from(my_work):
    guesses = pd.DataFrame(
        {
            "id": ["08.questions"],
            "name": ["RAG"],
            "guess": [0.5],
            "value": [0.4],
            "error": [0.1],
            "inside": [True],
        }
    )
    folder = decision_record.write(
        decide(RAG_CASE, full()), "Policy assistant", "For the steering group.", guesses
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "costs.svg",
        "decision.html",
        "decision.md",
        "flips.svg",
    ]
    text, page = (
        (folder / f"decision.{kind}").read_text(encoding="utf-8") for kind in ("md", "html")
    )
    for said in (
        "Policy assistant",
        "For the steering group.",
        "Provenance",
        "id/RAG",
        "code that decided",
        "How good the guesses were",
        "What RAG asks of its owners",
    ):
        assert said in page, said
        assert said in text or said.replace("_", r"\_") in text, said
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "://" not in re.sub(r"data:[^\"]+", "", page)
    assert "![" in text
    assert "](costs.svg)" in text
    assert "](flips.svg)" in text
    again = decision_record.write(decide(RAG_CASE, full()), "Policy assistant")
    assert again != folder
    assert again.name == f"{folder.name}-2"
    assert not list((my_work / "decisions").glob(".*"))


def test_nothing_in_a_record_runs(my_work):
    evidence = full().but(RAG=share(160, 400, id=EVIL))
    folder = decision_record.write(decide(RAG_CASE, evidence), EVIL, EVIL)
    page, text = (
        (folder / "decision.html").read_text(encoding="utf-8"),
        (folder / "decision.md").read_text(encoding="utf-8"),
    )
    assert "<script" not in page
    assert "<img src" not in page
    assert page.count("&lt;script&gt;") >= 3
    assert "default-src 'none'" in page
    for bare in re.findall(r"(?<!\\)[<\[`]", re.sub(r"^!\[.*$", "", text, flags=re.M)):
        pytest.fail(f"{bare!r} stands bare in the Markdown")
    assert folder.parent == my_work / "decisions"
    assert re.fullmatch(r"[0-9a-z-]+", folder.name)


@pytest.mark.parametrize("title", ["../../etc/passwd", "/", "", "...", "a" * 500, "\u202e\x00"])
def test_no_title_leaves_the_folder(my_work, title):
    assert decision_record.write(decide(RAG_CASE, full()), title).parent == my_work / "decisions"


def test_a_record_cut_short_is_not_there(my_work, monkeypatch):
    monkeypatch.setattr(
        decision_record.os,
        "fsync",
        lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    with pytest.raises(JournalError, match="was not written"):
        decision_record.write(decide(RAG_CASE, full()), "x")
    assert list((my_work / "decisions").iterdir()) == []


# --- exercises and the front door -----------------------------------------------------------------


@pytest.mark.parametrize(
    "id, answer, said",
    [
        ("11.1", lambda year, each, n, wrong: (year / n + each) / wrong, "0.20 EUR a request"),
        ("11.1", lambda year, each, n, wrong: year / (365 * n) / wrong, "(0.20 + 0.30) / 2"),
        (
            "11.2",
            (lambda found, line: "pays" if found.value > line else "does not pay", ...),
            'expected "not yet"',
        ),
        (
            "11.2",
            (
                lambda f, line: (
                    "pays" if f.low > line else "does not pay" if f.high < line else "not yet"
                ),
                (share(30, 100), 0.5),
            ),
            "colleague does not say that it pays",
        ),
        (
            "11.3",
            lambda option, r, e: (
                decision_board.decide and Threshold(span(e["rightly refused"]), 0.5)
            ),
            "expected None",
        ),
        ("11.4", lambda answer, low, high: high, "more than a thousandth"),
        ("11.4", lambda answer, low, high: low, "still that of the low end"),
        ("11.5", Requirements(citations=True), "at least six"),
    ],
)
def test_wrong_answers_of_the_board_are_told_why(id, answer, said):
    assert_told(id, answer, said)


@pytest.mark.parametrize("id", [f"11.{i}" for i in range(1, 6)])
def test_every_exercise_of_11_takes_anything_and_speaks(id, capsys):
    assert_takes_anything_and_speaks(id, capsys)


def test_the_board_listens_on_this_machine_only_unless_told_otherwise(monkeypatch):
    import runpy

    door = runpy.run_path(str(ROOT / "workbook.py"))
    called, said = [], []
    shared = door["board"].__globals__
    for name, value in {
        "set_up": lambda extra: sys.executable,
        "call": lambda python, *words, **env: called.append((words, env)) or 0,
        "say": said.append,
        "free_port": lambda ip, first: first,
    }.items():
        monkeypatch.setitem(shared, name, value)
    assert door["main"](["board", "--no-browser"]) == 0
    assert door["main"](["board", "--ip", "192.0.2.7", "--port", "9000"]) == 0
    (words, env), (other, _) = called
    assert "--Voila.ip=127.0.0.1" in words
    assert "--port=8866" in words
    assert "--no-browser" in words
    assert "board_template" in env["JUPYTER_PATH"]
    assert "--Voila.ip=192.0.2.7" in other
    assert "--port=9000" in other
    assert "--no-browser" not in other
    assert any("there is no password" in line for line in said)
    assert not any("no password" in line for line in said[:1])


def test_the_board_loads_no_model():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import sys, helpers.labs.decision_board; print([m for m in ('torch', 'chromadb')"
                " if m in sys.modules])"
            ),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
