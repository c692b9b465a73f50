"""The board and the record: the same answer as a plain cell, pictures with words, a record whole or
not at all, and nothing in it that runs."""

from __future__ import annotations

import html
import re
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest
from conftest import ROOT, assert_takes_anything_and_speaks, assert_told
from support.findings import full, share
from support.widgets import part

from helpers.data.journal_file import JournalError
from helpers.decision.conclusion import decide
from helpers.decision.findings import NAMES, counted, span
from helpers.decision.requirements import FIELDS, Requirements
from helpers.decision.rules import Threshold
from helpers.decision.scenarios import SCENARIOS
from helpers.labs import decision_record
from helpers.labs.decision_board import (
    TABS,
    _class,
    board,
    elsewhere,
    own_number,
    published,
    what_if,
)
from helpers.plots import decision as decision_plots
from helpers.plots.decision import NEEDED

RAG_CASE = Requirements(lookup_share=1.0, cost_refusal=5, can_train=False)
EVIL = (
    '<script>window.hacked = 1</script> | [x](javascript:alert(1)) `a` ![y](http://x.example/z) "'
    " onerror='1'"
)


def test_what_if_says_the_direction_and_how_firm_it_is():
    case = what_if(RAG_CASE, full())
    assert re.fullmatch(
        r"RAG\. With your numbers drawn again around what you stated, \d+ % of 40 draws give the"
        r" same direction \(\d+ to \d+ %\)\.",
        case.sentence(),
    )


def test_what_if_and_a_plain_decision_flip_alike():
    assert list(what_if(RAG_CASE, full()).flips) == list(decide(RAG_CASE, full()).flips)


def test_the_picture_of_readiness_says_today_and_needed():
    drawn = what_if(RAG_CASE, full()).readiness()
    assert drawn.svg.startswith("<svg ")
    assert "Right today: 40 %; right needed: 58 %" in drawn.alt


def test_the_person_is_a_line_in_the_picture():
    assert "a person is cheaper below" in what_if(RAG_CASE, full()).readiness().svg


@pytest.mark.parametrize("person", [0.1, 0.3, 0.76, 0.97])
@pytest.mark.parametrize("floor", [0.05, 0.2, 0.8, 0.99])
def test_no_line_of_the_picture_runs_through_words(person, floor):
    decision = what_if(RAG_CASE, full()).decision
    ready = replace(decision.readiness, by_cost=person, floor=floor, asks=False)
    svg = decision_plots.readiness(replace(decision, readiness=ready)).svg
    number = r"([\d.]+)"
    line = rf'points="{number},{number} {number},{number}" fill="none" stroke="{NEEDED}"'
    lines = [tuple(map(float, found)) for found in re.findall(line, svg)]
    assert len(lines) == 2
    words = re.findall(
        rf'<text x="{number}" y="{number}" font-size="{number}" fill="{NEEDED}"'
        r' text-anchor="(\w+)">([^<]+)<',
        svg,
    )
    assert len(words) == 2
    for x, y, size, anchor, said in words:
        x, y, width = float(x), float(y), 0.55 * float(size) * len(said)
        left, right = (x - width, x) if anchor == "end" else (x, x + width)
        assert left > 0 and right < decision_plots.WIDE
        through = [at for at, top, _, foot in lines if left < at < right and top < y - 1 < foot]
        assert through == [], said


def test_what_others_measured_is_drawn_hollow_beside_the_same_finding():
    others = [
        {"finding": "RAG", "value": 0.5, "model": "a larger one", "source": "somewhere"},
        {"finding": "long context", "value": 0.9, "model": "a larger one", "source": "somewhere"},
    ]
    case = what_if(RAG_CASE, full())
    assert "larger models" in case.readiness(others[:1]).svg
    assert case.readiness(others).svg == case.readiness(others[:1]).svg, "no part is long context"
    assert "larger models" not in case.readiness(others[1:]).svg


def test_what_others_measured_says_where_it_stands():
    for one in published():
        assert one["finding"] in {*NAMES, "facts in weights"}, one["id"]
        assert 0 <= one["value"] <= 1, one["id"]
        assert all(one[key] for key in ("id", "task", "model", "measure", "source", "quoted"))
    assert len({one["id"] for one in published()}) == len(published())


def test_the_board_shows_what_others_measured_beside_a_finding():
    line = elsewhere("RAG")
    assert line.count("<span") == 3
    assert "56 % Llama-3.1-8B-Instruct (8B)" in line
    assert elsewhere("style, tuned") == ""


def test_the_picture_of_costs_says_what_it_shows():
    assert "RAG for look-ups" in what_if(RAG_CASE, full()).costs().alt


def test_the_picture_of_costs_names_what_is_out():
    assert (
        "RAG + tuned reader for look-ups" in what_if(RAG_CASE, full()).costs().alt.split("Out:")[1]
    )


def test_a_person_stands_among_the_costs():
    assert ("look-ups", "a person") in what_if(RAG_CASE, full()).costs().table.index


def test_a_person_who_costs_nothing_can_be_drawn():
    assert what_if(RAG_CASE.but(cost_refusal=0), full()).costs().svg.startswith("<svg ")


def test_the_flips_are_drawn_under_the_questions():
    drawn = what_if(RAG_CASE, full()).flip_chart()
    assert FIELDS["can_search"]["question"].split(":")[0] in drawn.svg


def test_no_flip_at_all_is_drawn_too():
    r = Requirements(
        lookup_share=1.0,
        latency_seconds=0.1,
        corpus_tokens=1e9,
        can_search=False,
        citations=True,
        access=True,
        strict_format=True,
    )
    assert "no answer of yours alone" in what_if(r, full()).flip_chart().alt


@pytest.fixture
def made(my_work):
    return board(full(), RAG_CASE)


def test_the_answer_stands_in_bold_on_top(made):
    assert "<b>RAG.</b>" in part(made, "answer-box").value


def test_the_answer_has_three_paragraphs(made):
    assert part(made, "answer-box").value.count("<p>") == 3


@pytest.mark.parametrize("paragraph", [0, 1, 2])
def test_the_widget_says_what_a_plain_cell_says(made, paragraph):
    said = decide(RAG_CASE, full()).paragraphs[paragraph]
    assert html.escape(said[-60:]) in part(made, "answer-box").value


@pytest.mark.parametrize("picture", ["ready", "costs"])
def test_a_slider_moves_the_pictures(made, picture):
    before = part(made, picture).value
    part(made, "cost-wrong").value = 1000
    assert part(made, picture).value != before


def test_a_finding_switched_off_changes_the_answer(made):
    before = part(made, "answer-box").value
    part(made, "seen-RAG").value = False
    assert part(made, "answer-box").value != before


def test_a_number_of_ones_own_changes_the_answer(made):
    part(made, "own-RAG").value = "380 of 400"
    assert (
        "right 95 % (92 to 97 %, 400 cases with your own model)" in part(made, "answer-box").value
    )


def test_a_number_that_is_not_understood_is_said(made):
    part(made, "own-RAG").value = "380 von 400"
    assert "write it as 170 of 200" in part(made, "problem").value


def test_and_leaves_the_answer_as_it_was(made):
    before = part(made, "answer-box").value
    part(made, "own-RAG").value = "500 of 400"
    assert part(made, "answer-box").value == before


@pytest.mark.parametrize(
    "text", ["170 of 200", "170/200", "85 % of 200", "0.85 of 200", " 85% of 200 ", "0,85 of 200"]
)
def test_a_number_may_be_typed_as_count_or_share(text):
    assert (own_number("RAG", text).value, own_number("RAG", text).n) == (0.85, 200)


@pytest.mark.parametrize(
    "text", ["85", "85 of 0", "201 of 200", "a of b", "120 % of 200", "5 of 1.5"]
)
def test_a_number_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match="write it as 170 of 200"):
        own_number("RAG", text)


def test_a_scenario_sets_all_sliders(made):
    part(made, "scenario").value = "product prices"
    stated = SCENARIOS["product prices"].requirements
    assert part(made, "changes-per-year").value == stated.changes_per_year
    assert part(made, "action-share").value == stated.action_share


def test_a_scenario_tells_what_to_discuss(made):
    part(made, "scenario").value = "product prices"
    assert SCENARIOS["product prices"].discuss[:40] in part(made, "told").value


def test_the_button_keeps_a_record(made, my_work):
    part(made, "scenario").value = "product prices"
    part(made, "keep").click()
    (folder,) = (my_work / "decisions").iterdir()
    assert "product-prices" in folder.name
    assert folder.name in part(made, "kept").value


def test_no_name_of_a_variable_is_shown(made):
    said = part(made, "answer-box").value + "".join(
        one.description for name in NAMES for one in [part(made, f"seen-{_class(name)}")]
    )
    assert not re.search(r"[a-z]_[a-z]", re.sub(r"<[^>]*>", "", said))


def test_every_finding_of_the_board_has_a_switch(made):
    assert all(part(made, f"seen-{_class(name)}") is not None for name in NAMES)


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
        "flips-readiness.svg",
        "flips.svg",
        "readiness.svg",
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
    assert page.count("data:image/svg+xml;base64,") == 4
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


def ready(found, needed):
    if found.high < needed:
        return "no"
    return "yes" if found.low > needed and found.n >= 30 else "pilot"


@pytest.mark.parametrize(
    "id, answer, said",
    [
        ("11.1", lambda year, each, n, wrong: (year / n + each) / wrong, "0.20 EUR a request"),
        ("11.1", lambda year, each, n, wrong: year / (365 * n) / wrong, "(0.20 + 0.30) / 2"),
        ("11.2", lambda steps: steps[-1][0], "no reason for a further step"),
        ("11.2", lambda steps: steps[0][0], "the whole interval lies above 0"),
        ("11.3", (lambda f, needed: "yes" if f.low > needed else "no", ...), "expected 'pilot'"),
        ("11.3", (ready, (counted(30, 100), 0.5)), "the colleague says 'no'"),
        (
            "11.4",
            lambda option, kind, r, e: Threshold(span(e["rightly refused"]), 0.5),
            "expected None",
        ),
        ("11.5", lambda answer, low, high: high, "more than a thousandth"),
        ("11.5", lambda answer, low, high: low, "still that of the low end"),
        ("11.6", Requirements(citations=True), "at least six"),
    ],
)
def test_wrong_answers_of_the_board_are_told_why(id, answer, said):
    assert_told(id, answer, said)


@pytest.mark.parametrize("id", [f"11.{i}" for i in range(1, 7)])
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
