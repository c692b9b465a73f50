"""The journal: nothing a learner put in is lost, nothing broken is overwritten, and a guess counts
only when it came first."""

from __future__ import annotations

import json
import math
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.commands import notebooks
from helpers.core import settings
from helpers.data.journal_file import Journal, JournalError, RecordedFinding
from helpers.evaluation.evaluator import share, summary
from helpers.labs import journal
from helpers.labs.journal import calibration, guess_of, load, predict, record
from helpers.plots import results

ARMS = ["closed book", "RAG", "oracle context"]
QUESTION = "Which share will each get right?"
RAG = {"share": 0.14, "low": 0.085, "high": 0.221, "n": 100}
ODD = [
    "🦊 emoji",
    "line\u2028separator",
    "two\nlines",
    "\"quoted\" \\ 'both'",
    "<b>&amp;</b>",
    "08/a/b",
    " ",
    "__proto__",
]


@pytest.fixture
def file(my_work):
    return my_work / "journal.json"


def python(code: str, *words: object) -> subprocess.Popen:
    """Another process that has this test's my_work."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- findings -------------------------------------------------------------------------------------


def test_a_finding_comes_back_as_it_was_recorded(file):
    table = pd.DataFrame({"right": [True] * 14 + [False] * 86})
    table.attrs = {"arm": "RAG", "top_k": 1, "sizes": (64, 16), "kept": None}
    said = record("08.questions/RAG", "RAG answers this share right", share(table), table.attrs)
    assert repr(said) == "In your journal: RAG answers this share right: 14 % (9 to 22 %, n = 100)"
    found = load().findings["08.questions/RAG"]
    assert (found.measure, found.value, found.n, found.verdict) == ("share", 0.14, 100, None)
    assert (found.low, found.high) == (share(table)["low"], share(table)["high"])
    assert found.provenance == {"arm": "RAG", "top_k": 1, "sizes": [64, 16], "kept": None}
    assert found.python == sys.version.split()[0]
    assert found.cpu_count == os.cpu_count()
    assert found.recorded == found.first_recorded
    text = file.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True, indent=2) + "\n"
    assert sorted(path.name for path in file.parent.iterdir() if path.suffix != ".lock") == [
        "journal.json"
    ]


def test_a_comparison_and_a_row_of_a_summary_are_results_too():
    said = record(
        "08.diff",
        "RAG beats closed book by",
        SimpleNamespace(difference=0.14, low=0.07, high=0.21, n=100, verdict="differ", p=0.001),
    )
    assert (
        repr(said)
        == "In your journal: RAG beats closed book by: +0.14 (+0.07 to +0.21, n = 100): differ"
    )
    table = pd.DataFrame(
        {
            "arm": "RAG",
            "right": [True, False],
            "error": None,
            "tokens_in": 1,
            "tokens_out": 1,
            "seconds": 0.1,
        }
    )
    record("08.row", "a row", summary([table]).loc["RAG"])
    found = load().findings
    assert (found["08.diff"].measure, found["08.diff"].verdict, found["08.diff"].value) == (
        "difference",
        "differ",
        0.14,
    )
    assert found["08.row"].n == 2
    assert found["08.row"].value == 0.5


def test_a_count_is_kept_without_an_interval():
    said = record("10.burden/tuned/parts", "tuned: parts of a release", {"count": 9, "n": 1})
    kept = load().findings["10.burden/tuned/parts"]
    assert (kept.measure, kept.value, kept.low, kept.high) == ("count", 9, 9, 9)
    assert "tuned: parts of a release: 9 (n = 1)" in str(said)


def test_a_count_below_nothing_is_refused():
    with pytest.raises(ValueError, match="a count of -1"):
        record("10.burden/tuned/parts", "parts", {"count": -1, "n": 1})


def test_recording_again_replaces_all_but_the_first_time(monkeypatch):
    first = journal._now()
    monkeypatch.setattr(journal, "_now", lambda: first)
    record("a/b", "old", RAG, {"run": 1})
    later = first.replace(year=first.year + 1)
    monkeypatch.setattr(journal, "_now", lambda: later)
    record("a/b", "new", RAG | {"share": 0.2}, {"other": 2})
    (found,) = load().findings.values()
    assert (found.finding, found.value, found.provenance, found.first_recorded, found.recorded) == (
        "new",
        0.2,
        {"other": 2},
        first,
        later,
    )


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"share": math.nan}, "finite number"),
        ({"low": -math.inf}, "finite number"),
        ({"n": math.nan}, "valid integer"),
        ({"n": 99.5}, "valid integer"),
        ({"n": 0}, "greater than or equal to 1"),
        ({"share": 14}, "impossible"),
        ({"low": 0.9}, "impossible"),
        ({"high": 1.2}, "impossible"),
        ({"n": None}, "lacks n"),
        ({"share": "14 %"}, "lacks share"),
        ({"low": pd.Series([1])}, "lacks low"),
    ],
)
def test_an_impossible_result_is_refused(file, changed, said):
    with pytest.raises(ValueError, match=said):
        record("a/b", "x", RAG | changed)
    with pytest.raises(ValueError, match="lacks difference, low, high, n"):
        record("a/b", "x", 0.14)
    assert not file.exists()


# the same names in every process
@pytest.mark.parametrize(
    "value",
    [ROOT, {1, 2}, b"x", math.nan, [math.inf], np.int64(3), "\ud800", RAG.keys(), object()],
    ids=lambda value: type(value).__name__,
)
def test_provenance_that_is_not_json_is_refused_by_its_key(file, value):
    record("a/b", "kept", RAG)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"'wrong' is not JSON .*give text"):
        record("a/b", "x", RAG, {"fine": 1, "wrong": value})
    with pytest.raises(ValueError, match="valid string"):
        record("a/b", "x", RAG, {5: 1})
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "id, finding", [("", "x"), ("a/b", ""), ("\ud800", "x"), ("a/b", "\ud800")]
)
def test_what_would_not_be_readable_again_is_not_written(file, id, finding):
    record("kept", "kept", RAG)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="the journal cannot save this"):
        record(id, finding, RAG)
    assert file.read_bytes() == before
    assert list(load().findings) == ["kept"]


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_survive(text):
    predict(text, text, guess={text: 0.25})
    said = record(f"{text}/{text}", text, RAG, {text: [text]})
    found = load()
    assert guess_of(text) == {text: 0.25}
    assert found.guesses[text][0].question == text
    assert found.findings[f"{text}/{text}"].finding == text
    assert found.findings[f"{text}/{text}"].provenance == {text: [text]}
    assert calibration()["name"].tolist() == [text]
    assert "<b>" not in said._repr_html_()
    assert "<b>&amp;</b></b>" not in predict(text, text, [text]).box.children[0].value


# --- guesses --------------------------------------------------------------------------------------


def test_a_guess_counts_when_it_came_before_the_result():
    assert guess_of("08") is None
    predict("08", QUESTION, guess={"RAG": 0.5, "closed book": 0.1})
    predict("08", QUESTION, guess={"RAG": 0.3, "closed book": 0.05})
    record("08/oracle context", "nobody guessed this", RAG)
    record("080/RAG", "another id", RAG)
    predict("08", QUESTION, guess={"RAG": 0.25, "closed book": 0.05})
    assert guess_of("08") == {"RAG": 0.25, "closed book": 0.05}
    record("08/RAG", "now the result is known", RAG)
    said = predict("08", QUESTION, guess={"RAG": 0.14, "closed book": 0.0})
    assert "in your journal: RAG 25 %, closed book 5 %" in repr(said)
    assert "does not count: RAG 14 %" in repr(said)
    # leaving out what is known makes it no better
    predict("08", QUESTION, guess={"closed book": 0.01})
    record("08/RAG", "measured again", RAG)
    predict("08", QUESTION, guess={"RAG": 0.141})
    history = load().guesses["08"]
    assert [one.after_result for one in history] == [False] * 3 + [True] * 3
    assert history[-1].values == {"RAG": 0.141}
    assert guess_of("08") == {"RAG": 0.25, "closed book": 0.05}


def test_a_guess_after_the_result_alone_does_not_count():
    record("08/RAG", "known", RAG)
    late = predict("08", QUESTION, guess={"RAG": 0.14})
    assert "saved but does not count: RAG 14 %" in repr(late)
    assert guess_of("08") is None
    assert calibration().empty
    form = predict("08", QUESTION, ["RAG"])
    assert form.numbers["RAG"].value == ""
    assert "does not count" in form.status.value


def test_a_cell_that_is_run_again_adds_nothing():
    for _ in range(2):
        predict("08", QUESTION, guess={"RAG": 0.3})
        record("08/RAG", "RAG", RAG)
    assert [one.after_result for one in load().guesses["08"]] == [False]
    assert guess_of("08") == {"RAG": 0.3}


@pytest.mark.parametrize(
    "value, said",
    [
        (30, r"did you mean 0\.30"),
        (1.01, "from 0 to 1"),
        (-0.1, "from 0 to 1"),
        (math.nan, "from 0 to 1"),
        ("0.3", "from 0 to 1"),
        (True, "from 0 to 1"),
    ],
)
def test_a_guess_that_is_no_share_is_refused(file, value, said):
    with pytest.raises(ValueError, match=said):
        predict("08", QUESTION, guess={"closed book": 0.1, "RAG": value})
    assert not file.exists()


def test_nobody_guessing_is_fine(file):
    none = dict.fromkeys(ARMS)
    assert "No guess of yours is stored yet" in repr(
        predict("08", QUESTION, ARMS)._repr_mimebundle_()
    ) + repr(predict("08", QUESTION, ARMS).status.value)
    assert repr(predict("08", QUESTION, guess=none)) == "No guess of yours is stored yet."
    assert guess_of("08") is None
    assert calibration().empty
    assert not file.parent.exists()
    table = pd.DataFrame([RAG], index=["RAG"])
    assert "your guess" not in results.bars(table, "x", guess=guess_of("08")).alt
    predict("08", QUESTION, ARMS, guess=none | {"RAG": np.float32(0.5), "closed book": 1})
    assert guess_of("08") == {"RAG": 0.5, "closed book": 1.0}
    for wrong in ({}, {"arms": "RAG"}):
        with pytest.raises(ValueError, match="needs the names"):
            predict("08", QUESTION, **wrong)
    with pytest.raises(
        ValueError, match="nothing is guessed for 'RAGG'; the names are 'closed book'"
    ):
        predict("08", QUESTION, ARMS, guess={"RAGG": 0.5})


def test_the_form_starts_empty_and_stores_what_was_moved_or_typed(file):
    form = predict("08", QUESTION, ARMS)
    rows = [row.children for row in form.box.children[1:-2]]
    assert [(n.description, n.value, p.value, s.min, s.max) for n, p, s in rows] == [
        (name, "", "%", 0, 100) for name in ARMS
    ]
    assert "role='status'" in form.status.value
    assert "press the button" in form.status.value
    form.sliders["RAG"].value, rows[0][0].value = 30, "0"
    assert rows[1][0].value == "30", "slider and number are one"
    assert not file.exists(), "moving a slider is no guess"
    form.button.click()
    assert guess_of("08") == {"closed book": 0.0, "RAG": 0.3}
    assert "in your journal: closed book 0 %, RAG 30 %" in form.status.value
    again = predict("08", QUESTION, [*ARMS, "new"])
    assert [n.value for n in again.numbers.values()] == ["0", "30", "", ""]
    assert "in your journal" in again.status.value
    record("08/RAG", "RAG", RAG)
    again.sliders["RAG"].value = 14
    again.button.click()
    assert "does not count" in again.status.value
    assert guess_of("08")["RAG"] == 0.3
    assert predict("08", QUESTION, ARMS).sliders["RAG"].value == 30


def test_the_button_without_a_guess_stores_nothing(file):
    form = predict("08", QUESTION, ARMS)
    form.button.click()
    assert "Nothing is guessed yet" in form.status.value
    assert not file.exists()


@pytest.mark.parametrize("typed", ["half", "101", "-3"])
def test_what_is_no_percentage_is_not_stored(file, typed):
    form = predict("08", QUESTION, ARMS)
    form.numbers["RAG"].value = typed
    form.button.click()
    assert "RAG: type a whole number from 0 to 100" in form.status.value
    assert not file.exists()


CAUSES = ["retrieval", "reading", "both"]


def test_a_choice_starts_with_nothing_chosen_and_is_answered(capsys):
    form = journal.predict_which("08.blame", "What is lost most?", CAUSES)
    assert form.choice.value is None
    form.choice.value = "reading"
    form.button.click()
    assert guess_of("08.blame") == {"reading": 1.0}
    journal.settle("08.blame", "both", CAUSES, n=60)
    assert capsys.readouterr().out == "You said: reading. It is: both.\n"
    assert journal.choices().to_dict("records") == [
        {"id": "08.blame", "said": "reading", "it was": "both", "right": False}
    ]
    assert calibration().empty, "a choice is no share"


def test_a_choice_after_the_answer_does_not_count():
    journal.settle("08.blame", "both", CAUSES)
    late = journal.predict_which("08.blame", "What is lost most?", CAUSES, guess="both")
    assert "does not count" in repr(late)
    assert journal.choices().empty


def test_an_answer_that_was_no_option_is_refused(file):
    with pytest.raises(ValueError, match="'luck' is none of the options"):
        journal.settle("08.blame", "luck", CAUSES)
    assert not file.exists()


def test_a_guess_is_answered_in_one_line_and_nobody_guessing_in_none(capsys):
    record("08/RAG", "RAG", RAG)
    assert journal.answer_guess("08") is None
    assert capsys.readouterr().out == ""
    predict("09", QUESTION, guess={"RAG": 0.3, "tuned": 0.5})
    record("09/RAG", "RAG", RAG)
    assert journal.answer_guess("09") == {"RAG": 0.3, "tuned": 0.5}
    assert capsys.readouterr().out == ("RAG: you said 30 %, it is 14 % (8 to 22 %, n = 100)\n")


def test_the_form_says_when_it_could_not_store(file):
    form = predict("08", QUESTION, ARMS)
    file.parent.mkdir()
    file.write_text("{")
    form.sliders["RAG"].value = 5
    form.button.click()
    assert "Not stored." in form.status.value
    assert "fix it" in form.status.value
    assert file.read_text() == "{"


def test_where_there_are_no_widgets_the_form_says_how_to_do_without():
    form = predict("08", QUESTION, ["RAG", "it's"])
    bundle = form._repr_mimebundle_(include=None, exclude=None)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(form)
    said = re.search(r"guess=(\{.*\})", repr(form))[1]
    predict("08", QUESTION, guess=eval(said.replace("None", "0.5")))
    assert guess_of("08") == {"RAG": 0.5, "it's": 0.5}


def test_calibration_is_guess_against_measured_share():
    predict("08", QUESTION, guess={"RAG": 0.2, "closed book": 0.05, "tuned": 0.5, "better by": 0.1})
    record("08/RAG", "RAG", RAG)
    record("08/closed book", "closed book", {"share": 0.0, "low": 0.0, "high": 0.04, "n": 100})
    record(
        "08/better by",
        "a difference is not a share",
        SimpleNamespace(difference=0.1, low=0.0, high=0.2, n=9, verdict="cannot tell"),
    )
    predict("08", QUESTION, guess={"RAG": 0.14})
    frame = calibration().set_index("name")
    assert sorted(frame.index) == ["RAG", "closed book"]
    assert list(frame["id"]) == ["08", "08"]
    assert frame.loc["RAG", "error"] == pytest.approx(0.06)
    assert frame.loc["closed book", "error"] == pytest.approx(0.05)
    assert frame["inside"].to_dict() == {"RAG": True, "closed book": False}
    assert list(calibration().columns) == [
        "id",
        "name",
        "guess",
        "value",
        "low",
        "high",
        "error",
        "inside",
    ]


# --- the file -------------------------------------------------------------------------------------


def entry(**changes):
    made = {
        "question": "q",
        "values": {"RAG": 0.3},
        "made": "2026-03-02T09:14:07Z",
        "after_result": False,
    } | changes
    return json.dumps({"format": 1, "guesses": {"08": [made]}, "findings": {}})


@pytest.mark.parametrize(
    "text, said",
    {
        "empty": ("", "Invalid JSON"),
        "cut": (entry()[:-9], "Invalid JSON"),
        "nulls": ("\0" * 400, "Invalid JSON"),
        "not UTF-8": (b'{"\xff": 1}', "Invalid JSON"),
        "a list": ("[]", "the whole file"),
        "no format": ('{"guesses": {}, "findings": {}}', "'format': Field required"),
        "unknown key": (entry(mood="fine"), r"guesses.08.0.mood': Extra inputs"),
        "text for a number": (entry(values={"RAG": "0.3"}), "valid number"),
        "out of range": (entry(values={"RAG": 3}), "less than or equal to 1"),
        "NaN": (entry(values={"RAG": math.nan}), "finite number"),
        "no time zone": (entry(made="2026-03-02T09:14:07"), "timezone"),
        "provenance no mapping": (
            '{"format": 1, "guesses": {}, "findings": {"a": {"provenance": 5}}}',
            "findings.a",
        ),
        "newer": (
            '{"format": 2, "things": []}',
            "has format 2, and this workbook reads format 1; use the newer workbook",
        ),
    }.values(),
)
def test_a_damaged_journal_is_refused_and_left_alone(file, text, said):
    file.parent.mkdir()
    before = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(before)
    for touch in (
        load,
        calibration,
        lambda: guess_of("08"),
        lambda: predict("08", QUESTION, ARMS),
        lambda: predict("08", QUESTION, guess={"RAG": 0.1}),
        lambda: record("a/b", "x", RAG),
    ):
        with pytest.raises(JournalError, match=said) as error:
            touch()
        assert "journal.json: " in str(error.value)
        assert "or move it away: a new one will be made" in str(error.value)
    assert file.read_bytes() == before
    file.rename(file.with_suffix(".old"))
    record("a/b", "x", RAG)
    assert list(load().findings) == ["a/b"]


def test_entry_is_valid_where_it_is_not_broken(file):
    """What the test above breaks is whole before: else it would prove nothing."""
    file.parent.mkdir()
    file.write_text(entry())
    assert guess_of("08") == {"RAG": 0.3}


WRITE = """
import sys, time
from helpers.labs.journal import predict, record
for i in range(50):
    record(f"{sys.argv[1]}.{i}/RAG", "x", {"share": 0.5, "low": 0.4, "high": 0.6, "n": 100})
    predict(f"{sys.argv[1]}.{i}", "q", guess={"RAG": 0.5})
"""


def test_two_notebooks_at_once_lose_nothing():
    writers = [python(WRITE, name) for name in ("a", "b")]
    for writer in writers:
        assert writer.wait(120) == 0, writer.stderr.read()
    found = load()
    assert len(found.findings) == len(found.guesses) == 100


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_writer_leaves_a_whole_journal(file):
    """A large journal, so that a write takes a while; read at every moment, and the writer killed
    while its half text lies there."""
    record("large", "x" * 3_000_000, RAG)
    aside, caught, deadline = file.with_name("journal.json.tmp"), 0, time.monotonic() + 120
    while caught < 2 and time.monotonic() < deadline:
        before = len(load().findings)
        writer = python(
            "import os\nfrom helpers.labs.journal import record\nfor i in range(10**6):"
            " record(f'{os.getpid()}.{i}', 'x', {'share': 0.5, 'low': 0.4, 'high': 0.6, 'n': 9})"
        )
        while len(load().findings) < before + 5:  # whole, or this raises
            assert writer.poll() is None, writer.stderr.read()
            assert time.monotonic() < deadline, writer.stderr.read()
        while not aside.exists() and time.monotonic() < deadline:
            pass
        writer.send_signal(signal.SIGKILL)
        assert writer.wait(10) == -signal.SIGKILL
        caught += aside.exists()
        assert len(load().findings) >= before + 5
    assert caught == 2, "no writer was killed in the middle: this proved nothing"
    record("after", "the lock ended with its holder", RAG)
    assert "after" in load().findings
    assert not aside.exists()


def test_a_write_cut_short_leaves_the_old_journal(file, monkeypatch):
    """Stopped at the worst moments: with half of the text written, and before the move."""
    record("a/b", "old", RAG)
    before = file.read_bytes()
    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(
                os if name == "fsync" else type(file),
                name,
                lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
            )
            with pytest.raises(KeyboardInterrupt):
                record("a/b", "new", RAG)
        assert file.read_bytes() == before
    record("a/b", "new", RAG)
    assert load().findings["a/b"].finding == "new"


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_a_full_disk_is_said_and_the_old_journal_stays(file):
    record("a/b", "old", RAG)
    before = file.read_bytes()
    code = """
import resource
from helpers.labs.journal import JournalError, record
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try: record("c/d", "x" * 5000, {"share": 0.5, "low": 0.4, "high": 0.6, "n": 100})
except JournalError as error: print(error)
"""
    said, problems = python(code).communicate(timeout=60)
    assert re.search(
        r"journal.json: cannot be written and is as it was \(.*(too large).*\); make room", said
    ), said + problems
    assert file.read_bytes() == before
    assert not (file.parent / "journal.json.tmp").exists()


def test_a_folder_that_cannot_be_is_said(my_work):
    my_work.write_text("a file where the folder should be")
    for touch in (load, lambda: record("a/b", "x", RAG)):
        with pytest.raises(JournalError, match="set WORKBOOK_MY_WORK to a folder you own"):
            touch()
    assert my_work.read_text() == "a file where the folder should be"


def test_the_example_on_the_page_is_a_journal():
    page = (ROOT / "notebooks" / "JOURNAL.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    found = Journal.model_validate_json(example)
    assert json.loads(example) == found.model_dump(mode="json")
    assert found.guesses
    assert found.findings
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", page, re.MULTILINE))))
    assert told == set(RecordedFinding.model_fields) | set(
        type(found.guesses["08.questions"][0]).model_fields
    )


# --- whose journal? -------------------------------------------------------------------------------


def test_my_work_is_in_the_workbook_unless_said_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("WORKBOOK_MY_WORK")
    assert settings.my_work() == ROOT / "my_work"
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(tmp_path / "x"))
    assert settings.my_work() == tmp_path / "x"
    assert not (tmp_path / "x").exists()
    assert "my_work/" in (ROOT / ".gitignore").read_text().split()


def test_the_front_door_tests_with_another_journal(monkeypatch, my_work):
    door = runpy.run_path(str(ROOT / "workbook.py"))
    seen = []

    def call(python, *words, **more):
        seen.append(more["WORKBOOK_MY_WORK"])
        return 0 if os.path.isdir(seen[0]) else 1  # noqa: PTH112

    for name, stand_in in (("set_up", lambda extra: sys.executable), ("call", call)):
        monkeypatch.setitem(door["test"].__globals__, name, stand_in)
    assert door["test"](SimpleNamespace(quick=True, pytest=[])) == 0
    assert seen[0] != str(my_work)
    assert not os.path.exists(seen[0])  # noqa: PTH110


def test_a_build_leaves_the_journal_alone_and_a_run_writes_in_it(tmp_path, monkeypatch, file):
    monkeypatch.setattr(notebooks.settings, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(notebooks, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(notebooks, "SOLUTIONS", tmp_path / "solutions")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "src").mkdir()
    source = tmp_path / "src" / "77_toy.py"
    source.write_text(
        "# %%\nfrom helpers.labs.journal import load, predict, record\nfound ="
        " len(load().findings)\npredict('77', 'How much?', ['RAG'])\n\n# %%\nrecord('77/RAG',"
        " 'RAG', {'share': 0.5, 'low': 0.4, 'high': 0.6, 'n': 100})\n\n# %%\nfound\n"
    )
    assert notebooks.build([]) == 0
    assert not file.exists()
    for path in (notebooks.learner_path(source), notebooks.solution_path(source)):
        form, recorded, found = nbformat.read(path, 4).cells
        assert form.outputs == [], "a live widget is dead in a saved notebook"
        assert (
            recorded.outputs[0].data["text/plain"]
            == "In your journal: RAG: 50 % (40 to 60 %, n = 100)"
        )
        assert found.outputs[0].data["text/plain"] == "0", "a build depends on no journal"
    assert notebooks.run([]) == 0
    assert list(load().findings) == ["77/RAG"]
    assert load().guesses == {}
