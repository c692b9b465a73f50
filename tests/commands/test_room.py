"""The instructor's board and what is handed out, without a hub: homes are folders here."""

from __future__ import annotations

import os
import re
import runpy

import nbformat
import pytest
from conftest import ROOT

from helpers.commands import notebooks
from helpers.commands.hub import hand_out, places, room
from helpers.core import settings
from helpers.labs import journal

(SOURCE,) = notebooks.sources(["02"])


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """Two learners who have entered: anna was right once, carl once not yet."""
    monkeypatch.setenv("WORKBOOK_HUB", str(tmp_path / "hub"))
    made = {}
    for name, verdicts in (("anna", ["02.1: right"]), ("carl", ["02.1: right", "02.2: not yet"])):
        home = places.home_of(name)
        monkeypatch.setenv("WORKBOOK_MY_WORK", str(home / "my_work"))
        book = notebooks.learner_copy(SOURCE)
        for verdict in verdicts:
            said = nbformat.v4.new_output(
                "execute_result", {"text/plain": f"Exercise {verdict}. Yes."}
            )
            book.cells.append(nbformat.v4.new_code_cell("check", outputs=[said]))
        notebooks.write_notebook(book, notebooks.copy_path(SOURCE))
        made[name] = home
    monkeypatch.delenv("WORKBOOK_MY_WORK")
    return made


def guess(home, monkeypatch, **values):
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(home / "my_work"))
    journal.predict("02.rag", "What share?", guess=values)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_board_counts_who_is_where(homes):
    shown = text_of(room.page(room.Room()))
    assert "02 02.1 1" in shown and "02 02.2 1" in shown


def test_the_board_counts_verdicts(homes):
    counted = dict(room.counts(room.Room().learners()))
    assert (counted["02.1"]["right"], counted["02.2"]["not yet"]) == (2, 1)


def test_no_name_unless_asked_for(homes):
    assert "anna" not in room.page(room.Room())
    assert "anna" in room.page(room.Room(), names=True)


def test_the_rooms_guesses_stand_against_what_was_measured(homes, monkeypatch):
    guess(homes["anna"], monkeypatch, RAG=0.2)
    guess(homes["carl"], monkeypatch, RAG=0.6)
    board = room.Room()
    assert "2 guesses, from 20 to 60 %, the middle one 40 %" in text_of(room.page(board))
    measured = f"Measured: {100 * board.outcomes['02.rag/RAG']['value']:.0f} %"
    assert measured in text_of(room.page(board, outcome=True))
    assert "Measured" not in room.page(board)


def test_a_guess_for_what_the_course_does_not_have_is_not_shown(homes, monkeypatch):
    guess(homes["anna"], monkeypatch, **{"<script>alert(1)</script>": 0.2})
    assert "alert" not in room.page(room.Room(), names=True)


@pytest.mark.parametrize("plant", ["link", "pipe", "folder", "half", "list"])
def test_the_board_survives_what_a_learner_puts_in_place_of_a_file(homes, tmp_path, plant):
    secret = tmp_path / "secret"
    secret.write_text('{"format": 1}')
    for name in ("journal.json", f"notebooks/{SOURCE.stem}.ipynb"):
        path = homes["anna"] / "my_work" / name
        path.unlink(missing_ok=True)
        {
            "link": lambda path=path: path.symlink_to(secret),
            "pipe": lambda path=path: os.mkfifo(path),
            "folder": path.mkdir,
            "half": lambda path=path: path.write_text('{"cells": [{"outputs": 3'),
            "list": lambda path=path: path.write_text('{"cells": [[1], {"outputs": [{}]}]}'),
        }[plant]()
    assert len(room.Room().learners()) == 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="to give a file away needs root")
def test_a_file_of_somebody_else_is_not_read(homes):
    file = homes["anna"] / "my_work" / "journal.json"
    file.write_text("{}")
    assert places.read_own(homes["anna"], "my_work/journal.json") == b"{}"
    os.chown(file, 12345, 12345)
    assert places.read_own(homes["anna"], "my_work/journal.json") is None


def test_a_handed_out_notebook_stands_beside_the_learners_own(homes, capsys):
    own = homes["anna"] / "my_work" / "notebooks" / f"{SOURCE.stem}.ipynb"
    before = own.read_bytes()
    assert hand_out.main(["02", "2", "--to", "anna"]) == 0
    assert own.read_bytes() == before
    (given,) = own.parent.glob("*.from-instructor-solved-to-2-1.ipynb")
    assert given.name in capsys.readouterr().out


def test_what_was_handed_out_twice_is_there_once_and_never_overwritten(homes, monkeypatch):
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(homes["anna"] / "my_work"))
    hand_out.put("02")
    folder = homes["anna"] / "my_work" / "notebooks"
    hand_out.put("02")
    assert len(list(folder.glob("*.from-instructor-1.ipynb"))) == 1
    worked_in = folder / f"{SOURCE.stem}.from-instructor-1.ipynb"
    worked_in.write_text("mine")
    hand_out.put("02")
    assert worked_in.read_text() == "mine"
    assert len(list(folder.glob("*.from-instructor-2.ipynb"))) == 1


def test_an_unknown_section_is_told(homes, capsys):
    assert hand_out.main(["02", "99"]) == 1
    assert "has sections 1 to" in capsys.readouterr().out


def test_two_learners_never_share_an_account():
    names = ["anna", "Anna", "anna@example.org", "anna-example-org", "an na", "_anna", "root"]
    assert len({places.account_of(name) for name in names}) == len(names)
    assert all(re.fullmatch(r"wb-[a-z0-9_-]{1,20}", places.account_of(name)) for name in names)


def test_a_path_too_long_for_the_kernels_sockets_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("WORKBOOK_HUB", str(tmp_path / ("x" * 90)))
    with pytest.raises(places.PlaceError, match="too long a path"):
        places.prepare()


def test_the_weights_are_opened_and_the_instructors_own_is_closed(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("WORKBOOK_WEIGHTS", raising=False)
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(tmp_path / "my_work"))
    own = tmp_path / "my_work", tmp_path / "cache" / "indexes"
    for folder in (*own, tmp_path / "cache" / "weights" / "model"):
        folder.mkdir(parents=True)
    file = tmp_path / "cache" / "weights" / "model" / "x.safetensors"
    file.touch(mode=0o600)
    places.share(settings.cache_folder("weights"))
    places.close_own()
    assert file.stat().st_mode & 0o777 == 0o644
    assert [folder.stat().st_mode & 0o777 for folder in own] == [0o700, 0o700]


def test_the_hub_folder_is_neither_tracked_nor_put_on_a_stick():
    assert "/learners/" in (ROOT / ".gitignore").read_text().split()
    assert places.hub_folder() == settings.ROOT / "learners"
    door = runpy.run_path(str(ROOT / "workbook.py"))
    assert "learners" in door["NOT_ON_THE_STICK"]
