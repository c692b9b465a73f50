"""Files and folders are written whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from helpers.core.files import build_aside, write_measured, write_whole


def full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, owner, name
):
    write_whole(tmp_path / "a.txt", "old")
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a.txt", "new")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "old"}


@pytest.mark.parametrize("data", ["a\r\nb\u2028é\ud800", b"\x00\xff"])
def test_what_is_written_is_what_was_given(tmp_path, data):
    write_whole(tmp_path / "new" / "folder" / "a.bin", data)
    wanted = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    assert (tmp_path / "new" / "folder" / "a.bin").read_bytes() == wanted


def test_a_fixed_place_aside_is_taken_again_after_a_kill(tmp_path):
    (tmp_path / "a.tmp").write_text("half of what a killed writer")
    write_whole(tmp_path / "a.txt", "new", aside=tmp_path / "a.tmp")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "new"}


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": "é"}, {"b": [1]}]])
def test_a_results_file_is_json_with_a_row_on_a_line_of_its_own(tmp_path, rows):
    head = {"provenance": {"day": "2026-03-02"}, "ids": ["x"]}
    write_measured(tmp_path / "r.json", head, rows=rows, more=[{"c": 2}])
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert json.loads(text) == head | {"rows": rows, "more": [{"c": 2}]}
    assert all(json.dumps(row) in [line.rstrip(",") for line in text.split("\n")] for row in rows)


def test_a_folder_takes_its_place_when_it_is_finished(tmp_path):
    for text in ("old", "new"):
        with build_aside(tmp_path / "home" / "x") as aside:
            (aside / text).write_text(text)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == [
        "home/x/new"
    ]


def test_a_folder_that_is_not_finished_leaves_the_old_one(tmp_path):
    with build_aside(tmp_path / "x") as aside:
        (aside / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), build_aside(tmp_path / "x") as aside:
        (aside / "a").write_text("new")
        raise KeyboardInterrupt
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")} == {"x", "x/a"}


def test_what_a_killed_builder_left_is_not_taken_along(tmp_path):
    (tmp_path / "x.building").mkdir()
    (tmp_path / "x.building" / "half").write_text("half")
    with build_aside(tmp_path / "x"):
        pass
    assert list((tmp_path / "x").iterdir()) == []


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_write_that_fails_names_the_file_that_was_meant(tmp_path, monkeypatch, owner, name):
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(tmp_path / "a.txt", "new")
    assert caught.value.filename == str(tmp_path / "a.txt")
