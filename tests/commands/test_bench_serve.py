"""The bench of serving compares ways that give the same answers where they must, and counts what is
in memory; on a tiny model, with no timing tested."""

from __future__ import annotations

import pytest
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.commands.bench import serving
from helpers.release.serving import WAYS, Serving, load_serving
from helpers.training.trainer import finetune

NEW = 5


@pytest.fixture(scope="module")
def made(weights, tmp_path_factory):
    """(ways by name, a batch of requests, what the frozen model keeps of it)."""
    home, generator = tmp_path_factory.mktemp("serving"), tiny_generator()
    rows = tiny_rows(generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(home))
        patch.setenv("WORKBOOK_WEIGHTS", str(weights))
        adapter = finetune(generator, rows, HOW, say=lambda _: None)
    (home / "plain").mkdir()
    ways = {way.name: way for way in serving.ways(generator, adapter, home / "plain")}
    asked = serving.requests(generator, [prompt for prompt, _ in rows])
    return ways, asked, serving.read(ways["shared"].generator, asked)


def said(made, name):
    ways, asked, memory = made
    return serving.answer(ways[name], asked, memory, NEW)[0]


@pytest.mark.parametrize(("one", "other"), [("merged", "unmerged"), ("activated", "shared")])
def test_these_ways_give_the_same_answers(made, one, other):
    assert said(made, one).equal(said(made, other))


@pytest.mark.parametrize("name", WAYS)
def test_every_answer_has_the_same_length(made, name):
    assert said(made, name).shape == (len(made[1].tokens), NEW)


def test_where_the_adapter_acts_makes_a_difference(made):
    """Else merging an adapter that acts on answers would do no harm."""
    assert not said(made, "activated").equal(said(made, "unmerged"))


def test_what_was_read_before_is_not_written_to(made):
    before = serving.kept_mb(made[2])
    said(made, "shared")
    assert serving.kept_mb(made[2]) == before


def test_activated_answers_as_the_course_does(made):
    """The bench has its own steps, so that it can time them: they are those of `complete`."""
    generator = made[0]["activated"].generator
    prompts = [prompt for prompt, _ in tiny_rows(generator)]
    found = {c.index: c.text for c in generator.complete(prompts, max_new_tokens=NEW)}
    texts = generator.tokenizer.batch_decode(said(made, "activated"), skip_special_tokens=True)
    assert [text.strip() for text in texts] == [found[i] for i in range(len(prompts))]


def test_weights_that_are_shared_count_once(made):
    ways = made[0]
    base, beside = (ways[name].generator.model for name in ("base", "unmerged"))
    assert serving.weights_mb(base, beside) == pytest.approx(serving.weights_mb(beside))


def test_a_merged_model_has_weights_of_its_own(made):
    base, other = (made[0][name].generator.model for name in ("base", "merged"))
    assert serving.weights_mb(base, other) == pytest.approx(2 * serving.weights_mb(base))


def test_a_batch_has_a_row_for_every_way(made):
    ways, asked, _ = made
    rows = serving.at_batch(list(ways.values()), asked, rounds=1, new=2)
    assert [row["way"] for row in rows] == list(WAYS)


# --- what came out of it --------------------------------------------------------------------------


def test_what_is_kept_has_every_way_at_both_batches():
    rows = load_serving().found["rows"]
    assert {(row["way"], row["batch"]) for row in rows} == {
        (way, batch) for way in WAYS for batch in serving.BATCHES
    }


def test_merged_and_unmerged_gave_the_same_answers_when_measured():
    same = load_serving().found["same_answers"]
    assert same["merged and unmerged"] == same["of"]


def test_longer_is_counted_from_the_ratio():
    rows = [
        {"way": "merged", "batch": 2, "seconds": 3.0, "times": 1.0},
        {"way": "unmerged", "batch": 2, "seconds": 9.0, "times": 1.4},
    ]
    assert Serving({"rows": rows}).longer("unmerged", 2) == pytest.approx(0.4 * 1.5)


def test_an_adapter_beside_the_weights_is_counted_once_each():
    costs = Serving({"base_mb": 500.0, "adapter_mb": 5.0})
    assert [costs.weights_mb(way, 8) for way in ("merged", "unmerged")] == [4000.0, 540.0]


def test_what_was_not_measured_is_said_so():
    with pytest.raises(KeyError, match="not measured: merged at batch 3"):
        Serving({"rows": []}).row("merged", 3)
