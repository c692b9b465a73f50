"""`bench embed PATH`: the protocols of MTEB, on small files in the published form."""

from __future__ import annotations

import json

import pytest

from helpers.commands.bench import beir, published, speed
from helpers.core.records import DataError

pytestmark = pytest.mark.usefixtures("cache", "made_vectors")


@pytest.fixture(autouse=True)
def no_embedder(monkeypatch):
    monkeypatch.setattr(beir, "provenance", dict)


@pytest.fixture
def sts(tmp_path):
    """Three pairs whose words agree as much as people say."""
    pairs = [(5, "a b c d", "a b c d"), (3, "a b c d", "a b e f"), (0, "a b c d", "g h i j")]
    lines = [f"x\tx\tx\t1\t{score}\t{one}\t{two}" for score, one, two in pairs]
    path = tmp_path / "sts-test.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def banking(tmp_path):
    words = {"card": "my card is lost again", "loan": "a loan for some house"}
    rows = [f"{text} {n},{label}" for label, text in words.items() for n in range(12)]
    for part in ("train", "test"):
        text = "text,category\n" + "".join(f"{row}\n" for row in rows)
        (tmp_path / f"{part}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def test_pairs_that_people_order_alike_correlate_wholly(sts):
    assert published.bench_published(sts)["spearman"] == 1.0


def test_pairs_in_another_order_do_not(sts):
    text = sts.read_text(encoding="utf-8").replace("\t5\t", "\t1\t").replace("\t0\t", "\t4\t")
    sts.write_text(text, encoding="utf-8")
    assert published.bench_published(sts)["spearman"] < 0


def test_topics_with_words_of_their_own_are_told_apart(banking):
    assert published.bench_published(banking)["accuracy"] == 1.0


def test_each_draw_has_eight_rows_a_label(banking):
    train = published.read_labelled(banking / "train.csv")
    sizes = [
        sorted(sum(case.gold.answers[0] == label for case in draw) for label in ("card", "loan"))
        for draw in published._draws(train)
    ]
    assert sizes == [[8, 8]] * 10


def test_the_draws_differ(banking):
    draws = published._draws(published.read_labelled(banking / "train.csv"))
    assert len({tuple(sorted(case.id for case in draw)) for draw in draws}) > 1


def test_a_file_in_another_form_is_refused_with_what_it_should_be(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(DataError, match="lines have a score in column 5"):
        published.bench_published(tmp_path / "a.csv")


def test_the_command_prints_the_figure_beside_the_published_one(sts, capsys):
    assert speed.main(["embed", str(sts), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["spearman"], found["published"]) == (1.0, published.STS)


def test_the_command_in_words(sts, capsys):
    speed.main(["embed", str(sts)])
    assert capsys.readouterr().out.startswith("STS benchmark: spearman 1.0 on 3, published")
