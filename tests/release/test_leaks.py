"""A candidate that was trained on cases of its evaluation is refused by its card, before any
score."""

from __future__ import annotations

import json

import pytest
from support.releases import parts_in

from helpers.core import settings
from helpers.release.leaks import CARD, evaluated_on, leaked_ids, trained_on
from helpers.release.manifest import ReleaseError, pack
from helpers.training.adapters import REFERENCE

DEV = settings.DATA / "tickets" / "dev.jsonl"


@pytest.fixture
def parts(tmp_path):
    """Parts whose evaluation has the cases d-1 to d-4."""
    made = parts_in(tmp_path / "parts")
    lines = [json.dumps({"id": f"d-{n}"}) for n in range(1, 5)]
    made["evaluation"].write_text("\n".join(lines) + "\n\n")
    return made


def card(ids):
    return json.dumps({"about": {"ids": ids}})


def test_an_adapter_that_has_seen_its_exam_is_refused(parts, tmp_path):
    (parts["adapter"] / CARD).write_text(card(["t-1", "d-2", "d-4"]))
    with pytest.raises(ReleaseError, match=r"^adapter: 2 of its 3 training rows .*\(d-2, d-4\)"):
        pack(tmp_path / "release", parts)


def test_nothing_is_left_of_a_refused_release(parts, tmp_path):
    (parts["adapter"] / CARD).write_text(card(["d-2"]))
    with pytest.raises(ReleaseError):
        pack(tmp_path / "release", parts)
    assert not (tmp_path / "release").exists()


def test_a_recipe_in_a_file_is_read_like_a_card(parts, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(card(["d-1"]))
    with pytest.raises(ReleaseError, match="1 of its 1 training rows"):
        pack(tmp_path / "release", parts | {"adapter": recipe})


def test_an_honest_adapter_is_packed(parts, tmp_path):
    (parts["adapter"] / CARD).write_text(card(["t-1", "t-2"]))
    assert pack(tmp_path / "release", parts).parts["adapter"].kind == "folder"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"about": {}}', '{"about": {"ids": null}}'])
def test_a_card_that_names_no_rows_names_none(tmp_path, text):
    (tmp_path / CARD).write_text(text)
    assert trained_on(tmp_path) == []


def test_cases_are_found_in_all_files_of_a_folder(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": name}))
    (tmp_path / "notes.txt").write_text("no cases")
    assert evaluated_on(tmp_path) == ["a", "b"]


def test_an_adapter_without_a_card_asks_nothing_of_the_evaluation(tmp_path):
    (tmp_path / "odd.jsonl").write_text("not JSON")
    assert leaked_ids(tmp_path, tmp_path / "odd.jsonl") == []


def test_the_adapter_that_comes_with_the_workbook_has_seen_no_dev_ticket():
    assert leaked_ids(REFERENCE / "format", DEV) == []


def test_its_card_names_its_rows():
    """Else the test before this one would say nothing."""
    assert len(trained_on(REFERENCE / "format")) > 500
