"""`bench router`: a set is read whole or not at all, test rows never train, and the figures are
counted right."""

from __future__ import annotations

import json

import pytest

from helpers.commands.bench import routing, speed
from helpers.core.records import DataError
from helpers.systems.router import train_router

WORDS = {0: "red", 1: "blue"}


def rows(count, start=0, score=False):
    return [
        {"question": f"{WORDS[n % 2]} thing number {n}", "target": n % 2}
        | ({"score": 4.5} if score else {})
        for n in range(start, start + count)
    ]


def write(folder, train, test):
    for name, found in ((routing.TRAIN, train), (routing.TEST, test)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in found))
    return folder


@pytest.fixture
def frozen(monkeypatch):
    """One body, so that no embedder is needed."""
    monkeypatch.setattr(
        routing, "train_router", lambda *a, **how: train_router(*a, bodies=["frozen"], **how)
    )


@pytest.fixture
def found(tmp_path, cache, made_vectors, frozen):
    # two rows of train stand in test, too, one in other letters
    train = [*rows(60), {"question": "RED thing number 100!", "target": 0},
             rows(1, 101)[0]]  # fmt: skip
    return routing.bench_router(write(tmp_path, train, rows(20, 100, True)))


def test_rows_of_test_are_left_out_of_train(found):
    assert found["left_out_of_train"] == 2
    assert found["n_train"] + found["n_dev"] == 60


def test_the_router_learns_what_the_majority_cannot(found):
    accuracy = {name: one["accuracy"]["value"] for name, one in found["arms"].items()}
    assert accuracy == {"majority label": 0.5, "nearest neighbour": accuracy["nearest neighbour"],
                        "router": 1.0}  # fmt: skip


def test_the_gain_is_that_of_the_accuracies(found):
    gain, low, high = found["router_minus_majority"]
    assert gain == 0.5
    assert 0 < low <= gain <= high


def test_it_is_told_in_lines(found):
    assert "router: accuracy 1.000" in speed.shown(found)
    assert "the folder names no figure" in speed.shown(found)


def test_a_figure_of_the_readme_is_shown(tmp_path):
    (tmp_path / "README.md").write_text("# Set\n\nPublished accuracy: .8\nNothing here.\n")
    assert routing.published(tmp_path) == ["Published accuracy: .8"]


@pytest.mark.parametrize("row, told", [
    ({"question": "x", "target": 2}, "target"),
    ({"question": "", "target": 1}, "question"),
    ({"text": "x", "target": 1}, "question"),
])  # fmt: skip
def test_a_wrong_row_is_named(tmp_path, row, told):
    with pytest.raises(DataError, match=f"line 3: field '{told}'"):
        routing.bench_router(write(tmp_path, [*rows(2), row], rows(2)))


def test_a_folder_without_the_set_says_what_a_set_is(tmp_path, capsys):
    assert speed.main(["router", str(tmp_path)]) == 2
    assert routing.TRAIN in capsys.readouterr().err


def test_a_folder_is_needed(capsys):
    with pytest.raises(SystemExit):
        speed.main(["router"])
    assert "router need a folder" in capsys.readouterr().err
