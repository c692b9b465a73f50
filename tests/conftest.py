"""What the tests share: real data, loaded once; a cache of their own where they must not touch the learner's."""

from __future__ import annotations

import datetime as dt
import textwrap
from pathlib import Path

import pytest

from helpers import corpus
from helpers.exercises import exercise

ROOT = Path(__file__).resolve().parent.parent
TODAY = dt.date(2026, 3, 2)


@pytest.fixture(scope="session")
def documents():
    return corpus.load_handbook()


@pytest.fixture(autouse=True)
def my_work(tmp_path, monkeypatch):
    """A my_work folder of its own for every test, not made yet, so that none can write in the learner's."""
    folder = tmp_path / "my_work"
    monkeypatch.setenv("WORKBOOK_MY_WORK", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A fresh cache folder for results and indexes; the prepared weights are shared by a link, they are never changed in it."""
    from helpers import models, settings

    weights = settings.cache_folder("weights")
    for one in (models.SMOLLM2, models.MINILM):
        models.prepare(one)
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("WORKBOOK_CACHE", str(folder))
    monkeypatch.setattr(models, "cache_home", lambda: weights)
    return folder


def write_document(folder: Path, id: str, text: str, **changes) -> Path:
    """A small handbook document on disk; keyword arguments change its front matter."""
    front = {
        "id": id, "policy": id, "title": id.title(), "section": "test", "owner": "Test", "version": 1,
        "effective_from": "2025-01-01", "supersedes": "null", "audience": "[staff]", "region": "all",
    } | changes  # fmt: skip
    path = folder / f"{id}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{key}: {value}" for key, value in front.items() if value is not ...)
    path.write_text(f"---\n{lines}\n---\n\n{textwrap.dedent(text).strip()}\n", encoding="utf-8", newline="\n")
    return path


@pytest.fixture
def small(tmp_path):
    """Two versions of one rule, one secret, one page for all."""
    write_document(tmp_path / "h", "leave-v1", "# Leave\n\nStaff get 11 days of leave.", policy="leave", title="Leave")
    write_document(tmp_path / "h", "leave-v2", "# Leave\n\nStaff get 13 days of leave.", policy="leave", title="Leave", supersedes="leave-v1", effective_from="2026-01-01")
    write_document(tmp_path / "h", "salaries", "# Salaries\n\nThe director gets 99 coins of leave pay.", audience="[board, people-ops]")
    write_document(tmp_path / "h", "visit", "# Visits\n\nGuests get a badge for 3 days.", audience="[staff, contractors]")
    return corpus.load_handbook(tmp_path / "h")


# --- exercises: what the tests of every notebook's checks ask -------------------------------------------------------------


def assert_right(id: str, answer: object) -> None:
    verdict = exercise(id).check(answer)
    assert verdict.state == "right", verdict


def assert_told(id: str, answer: object, told: str) -> None:
    """Is a wrong answer called so, and is the learner told these words about it?"""
    verdict = exercise(id).check(answer)
    assert verdict.state == "not yet" and told in verdict.message, verdict


def assert_takes_anything_and_speaks(id: str, capsys) -> None:
    """Does a check bear whatever it is given, and are there hints and a written solution?"""
    one = exercise(id)
    assert one.check(...).state == one.check(None).state == "not attempted"
    for odd in (0, "x", [], lambda *a: None, lambda *a: 1 / 0, object()):
        verdict = one.check(odd)
        assert verdict.state in ("not yet", "not attempted") and len(verdict.message) > 20, (odd, verdict)
        assert "<script" not in verdict._repr_html_() and f"Exercise {id}" in repr(verdict)
    for number in range(5):
        one.hint(number)
    one.solution()
    said = capsys.readouterr().out
    assert said.count("Hint ") == 5 and "has no written solution" not in said
