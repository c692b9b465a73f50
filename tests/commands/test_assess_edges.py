"""Where `assess` meets the machine: the model, the disk, the clock, the names of folders. Each
ends in one line and a status, never in a traceback."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import sys
from pathlib import Path

import pytest
from support.towns import clever, own_folder, quiet, write

from helpers.commands.assess import assess
from helpers.core.records import DataError
from helpers.models import load

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")


def run(*words) -> int:
    return assess.main([*map(str, words), "--minutes", "2"])


def said(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


# --- the model ------------------------------------------------------------------------------------


@pytest.fixture
def named(tmp_path, monkeypatch, weights):
    """A folder whose assess.toml asks for a model; the names of the models that were loaded."""
    monkeypatch.delenv("WORKBOOK_MODEL", raising=False)
    monkeypatch.setenv("WORKBOOK_WEIGHTS", str(weights))
    loaded = []

    def loads():
        loaded.append(load.settings.model_override())
        raise load.WeightsError(f"{loaded[-1]} cannot be loaded")

    monkeypatch.setattr(load, "load_generator", loads)
    folder = own_folder(tmp_path / "own")
    write(folder / "assess.toml", '[model]\nname = "somebody/a-model"\n[search]\nretriever="bm25"')
    return folder, loaded


@pytest.mark.parametrize("name", ["somebody/a-model", "./my-client-model", "/etc", "//host/share"])
def test_a_model_that_the_folder_names_needs_the_users_word(named, tmp_path, capsys, name):
    folder, loaded = named
    write(folder / "assess.toml", f'[model]\nname = "{name}"\n')
    assert run(folder, "--out", tmp_path / "out") == 2
    assert loaded == []
    assert said(capsys)[-1] == (
        f"workbook: assess.toml asks for the model {name!r}: if you want that, set"
        f" WORKBOOK_MODEL={name} and start again; nothing was loaded or sent"
    )


def test_the_plan_asks_for_the_users_word_too(named, tmp_path):
    with pytest.raises(DataError, match="set WORKBOOK_MODEL="):
        assess.plan(named[0], tmp_path / "out")


def test_with_the_users_word_the_model_is_taken(named, tmp_path, monkeypatch):
    folder, loaded = named
    monkeypatch.setenv("WORKBOOK_MODEL", "somebody/a-model")
    run(folder, "--out", tmp_path / "out")
    assert loaded == ["somebody/a-model"]


def test_what_the_user_names_counts_more_than_the_folder(named, tmp_path, monkeypatch):
    folder, loaded = named
    monkeypatch.setenv("WORKBOOK_MODEL", "mine/other")
    run(folder, "--out", tmp_path / "out")
    assert loaded == ["mine/other"]


def test_where_an_endpoint_answers_no_model_is_asked_for(named, serve, tmp_path):
    folder = own_folder(tmp_path / "both", serve().url)
    with (folder / "assess.toml").open("a") as file:
        file.write('[model]\nname = "somebody/a-model"\n')
    assert run(folder, "--out", tmp_path / "out") == 0


def test_a_missing_model_stops_at_once_with_one_line_and_2(named, tmp_path, monkeypatch, capsys):
    folder, loaded = named
    monkeypatch.setenv("WORKBOOK_MODEL", "mine/missing")
    assert run(folder, "--out", tmp_path / "out") == 2
    assert len(loaded) == 1
    assert [line for line in said(capsys) if "cannot be loaded" in line] == [
        "workbook: mine/missing cannot be loaded"
    ]
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_missing_embedder_stops_at_once_with_one_line_and_2(named, tmp_path, monkeypatch, capsys):
    folder, _ = named
    write(folder / "assess.toml", '[search]\nretriever = "dense"\n')
    monkeypatch.setenv("WORKBOOK_EMBEDDER", str(tmp_path / "missing"))
    assert run(folder, "--out", tmp_path / "out") == 2
    assert [line for line in said(capsys) if "EMBEDDER" in line] == [
        f"workbook: WORKBOOK_EMBEDDER: there is no such folder: {tmp_path / 'missing'}; name one"
        " that holds a model, or a model of a hub as owner/name"
    ]


@pytest.mark.parametrize("variable", ["WORKBOOK_MODEL", "WORKBOOK_EMBEDDER"])
def test_a_folder_without_a_model_is_said_before_anything_is_measured(
    named, tmp_path, monkeypatch, variable
):
    write(named[0] / "assess.toml", "")
    monkeypatch.setenv(variable, str(tmp_path / "missing"))
    assert run(named[0], "--out", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


def test_an_endpoint_where_nobody_answers_stops_at_once(serve, tmp_path, monkeypatch, capsys):
    server = serve()
    folder = own_folder(tmp_path / "own", server.url)
    server.close()
    assert run(folder, "--out", tmp_path / "out") == 2
    lines = said(capsys)
    assert lines[-1].startswith(f"workbook: {server.url} does not answer")
    assert not [line for line in lines if "broke down" in line]


def test_an_endpoint_that_falls_silent_later_leaves_a_report(serve, tmp_path):
    def silent(body, n):
        if "Context:" not in body["messages"][-1]["content"]:
            raise ConnectionAbortedError
        return clever(body, n)

    folder = own_folder(tmp_path / "own", serve(silent).url, examples=False)
    assert run(folder, "--out", tmp_path / "out") == 0


@pytest.fixture
def refused(serve, tmp_path, capsys):
    """(status, lines) of an assessment whose every system breaks down."""
    server = serve(lambda body, n: (404, b"no such model", {}))
    status = run(own_folder(tmp_path / "own", server.url), "--out", tmp_path / "out")
    return status, said(capsys)


def test_where_every_system_broke_down_the_status_says_so(refused):
    assert refused[0] == 1


def test_where_every_system_broke_down_a_line_says_so(refused, tmp_path):
    assert refused[1][-1] == (
        "workbook: every system broke down, so nothing was measured; the reasons stand above and"
        f" in {tmp_path / 'out' / 'report.html'}"
    )


# --- the disk -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["progress.json", "questions.png", "report.md", "report.html", "report.json"]
)
def test_a_disk_that_is_full_is_one_line_and_2(serve, tmp_path, monkeypatch, capsys, name):
    folder, out, true = own_folder(tmp_path / "own", serve().url), tmp_path / "out", Path.open

    def full(path, mode="r", *words, **how):
        if "w" in mode and path.name.startswith(f".{name}."):
            raise OSError(28, "No space left on device", str(path))
        return true(path, mode, *words, **how)

    monkeypatch.setattr(Path, "open", full)
    assert run(folder, "--out", out) == 2
    assert said(capsys)[-1] == (
        f"workbook: {out / name} cannot be written (No space left on device); make room there or"
        " name another --out, and run the same command again: what was saved counts"
    )


def test_a_disk_that_is_full_while_an_arm_is_made_stops_at_once(
    serve, tmp_path, monkeypatch, capsys
):
    def full(*words, **more):
        raise OSError(28, "No space left on device", "vectors")

    monkeypatch.setattr("helpers.retrieval.bm25.lexical_index", full)
    assert run(own_folder(tmp_path / "own", serve().url), "--out", tmp_path / "out") == 2
    assert not [line for line in said(capsys) if "broke down" in line]


@pytest.mark.parametrize("place", ["--out", "my_work"])
def test_a_place_that_cannot_be_made_is_one_line_and_2(serve, tmp_path, monkeypatch, capsys, place):
    write(tmp_path / "file", "")
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(tmp_path / "file" / "my_work"))
    out = ["--out", tmp_path / "file" / "out"] if place == "--out" else []
    assert run(own_folder(tmp_path / "own", serve().url), *out) == 2
    assert f"workbook: {tmp_path / 'file'}" in said(capsys)[-1]


# --- names of folders -----------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="file names are Unicode there")
def test_a_name_that_is_no_utf_8_leaves_valid_files(serve, tmp_path):
    folder = own_folder(Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller_docs")), serve().url)
    write(folder / "documents" / os.fsdecode(b"\xfc.md"), "# Odd\n\nA page.\n")
    text = (folder / "assess.toml").read_text().replace('title = "Towns"\n', "")
    write(folder / "assess.toml", text)
    held = assess.assess(folder, tmp_path / "out", 2, quiet)
    assert held["title"] == "Assessment of M\ufffdller_docs"
    for name in ("report.json", "report.md", "report.html"):
        text = (tmp_path / "out" / name).read_bytes().decode("utf-8").replace("\\", "")
        assert "M\ufffdller" in text, name


@pytest.mark.parametrize("words", [[], ["--json"]])
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_the_result_can_be_printed_anywhere(tmp_path, monkeypatch, words, encoding):
    held = {
        "decision": {"in_words": "≥ M\ufffd –", "reasons": []},
        "arms": {"questions": [{"arm": "RAG", "share": 0.5, "errors": 0, "n": 2}]},
        "skipped": [],
    }
    out = io.BytesIO()
    monkeypatch.setattr(assess, "assess", lambda *words: held)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding=encoding))
    assert run(tmp_path, *words) == 0
    sys.stdout.flush()
    assert not words or json.loads(out.getvalue().decode(encoding)) == held


# --- another folder, another day ------------------------------------------------------------------


def test_another_folder_does_not_overwrite_a_report(serve, tmp_path, capsys):
    server, out = serve(), tmp_path / "out"
    first = own_folder(tmp_path / "first", server.url, examples=False)
    second = own_folder(tmp_path / "second", server.url, questions=False)
    assert run(first, "--out", out) == 0
    before = (out / "report.json").read_bytes()
    assert run(second, "--out", out) == 2
    assert said(capsys)[-1] == (
        f"workbook: --out {out} holds the assessment of {first}; name another folder, or delete"
        " that one"
    )
    assert (out / "report.json").read_bytes() == before


def test_a_folder_that_was_changed_is_assessed_again_in_its_place(serve, tmp_path):
    server, out = serve(), tmp_path / "out"
    folder = own_folder(tmp_path / "own", server.url, examples=False)
    assert run(folder, "--out", out) == 0
    own_folder(folder, server.url, questions=False)
    assert run(folder, "--out", out) == 0


def test_a_folder_that_was_moved_goes_on_where_it_was(serve, tmp_path):
    server, out = serve(), tmp_path / "out"
    folder = own_folder(tmp_path / "own", server.url, examples=False)
    assert run(folder, "--out", out) == 0
    folder.rename(tmp_path / "moved")
    asked = len(server.asked)
    assert run(tmp_path / "moved", "--out", out) == 0
    assert len(server.asked) == asked


@pytest.mark.parametrize("questions", [True, False])
@pytest.mark.parametrize("wrong", ["1970-01-01", "2999-01-01"])
def test_a_day_of_a_wrong_clock_does_not_stay(serve, tmp_path, questions, wrong):
    folder = own_folder(tmp_path / "own", serve().url, questions=questions)
    out = tmp_path / "out"
    assess.assess(folder, out, 2, quiet)
    held = json.loads((out / assess.MARK).read_text())
    write(out / assess.MARK, json.dumps(held | {"day": wrong}))
    assess.assess(folder, out, 2, quiet)
    assert json.loads((out / assess.MARK).read_text())["day"] == str(dt.date.today())


@pytest.mark.parametrize("ago", [0, 1, 20])
def test_the_day_of_the_first_start_stays_for_those_that_follow(tmp_path, ago):
    day = dt.date.today() - dt.timedelta(days=ago)
    write(tmp_path / "out" / assess.MARK, json.dumps({"day": str(day)}))
    assert assess._day(tmp_path / "out") == day
