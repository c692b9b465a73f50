"""The bench of serving compares like with like: what it times gives the answers of the course, and
what is in memory is counted. On a tiny model; no timing is tested."""

from __future__ import annotations

import pytest
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.commands.bench import serving
from helpers.decision.payback import pays_from
from helpers.release.serving import WAYS, Serving, load_serving
from helpers.training.adapters import merged, with_adapter
from helpers.training.trainer import finetune

NEW = 5


@pytest.fixture(scope="module")
def made(weights, tmp_path_factory):
    """(generators by name, prompts): bare; with an adapter that acts everywhere, beside and merged;
    and the adapter as it was trained, activated."""
    home, generator = tmp_path_factory.mktemp("serving"), tiny_generator()
    rows = tiny_rows(generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(home))
        patch.setenv("WORKBOOK_WEIGHTS", str(weights))
        adapter = finetune(generator, rows, HOW, say=lambda _: None)
    (home / "plain").mkdir()
    plain = serving.acting_everywhere(adapter, home / "plain")
    found = {
        "bare": generator,
        "beside": with_adapter(generator, plain),
        "merged": merged(generator, plain),
        "activated": with_adapter(generator, adapter),
    }
    return found, [prompt for prompt, _ in rows]


def said(made, name):
    generator, asked = made[0][name], serving.requests(made[0][name], made[1])
    return serving.write(generator, asked, serving.read(generator, asked), NEW)


def test_merged_and_unmerged_give_the_same_answers(made):
    assert said(made, "merged").equal(said(made, "beside"))


def test_the_adapter_makes_a_difference(made):
    """Else the test before this one would say nothing."""
    assert not said(made, "bare").equal(said(made, "beside"))


@pytest.mark.parametrize("name", ["bare", "beside"])
def test_what_is_timed_answers_as_the_course_does(made, name):
    """The bench has its own steps, so that it can time them: they are those of `complete`."""
    generator, prompts = made[0][name], made[1]
    found = {c.index: c.text for c in generator.complete(prompts, max_new_tokens=NEW)}
    texts = generator.tokenizer.batch_decode(said(made, name), skip_special_tokens=True)
    assert [text.strip() for text in texts] == [found[i] for i in range(len(prompts))]


def test_an_adapter_that_acts_on_answers_leaves_the_reading_to_the_bare_model(made):
    """Why "activated" is made of the bare model's reading and the adapter's writing."""
    assert made[0]["activated"].reader is made[0]["bare"].model


def test_weights_that_are_shared_count_once(made):
    one, two = (made[0][name].model for name in ("bare", "beside"))
    alone = serving.weights_mb(one)
    assert alone < serving.weights_mb(one, two) < 1.5 * alone


def test_a_merged_model_has_weights_of_its_own(made):
    one, two = (made[0][name].model for name in ("bare", "merged"))
    assert serving.weights_mb(one, two) == pytest.approx(2 * serving.weights_mb(one))


def test_a_round_times_reading_and_writing_with_and_without(made):
    found, prompts = made
    asked = serving.requests(found["bare"], prompts)
    seconds = serving.one_round(found["bare"], found["beside"], asked, 1)
    parts = (f"{what}, {who}" for what in ("read", "write") for who in ("bare", "beside"))
    assert set(seconds) == set(parts)


def test_of_a_long_batch_the_ends_of_the_prompts_are_read(made):
    asked = serving.requests(made[0]["bare"], made[1])
    part = serving.shortened(asked, 8 * 4)
    assert part.tokens.equal(asked.tokens[:, -4:])


def test_what_is_kept_of_a_batch_is_counted_up(made):
    """Of prompts and answers, though only two tokens of each are read for it."""
    generator = made[0]["bare"]
    asked = serving.requests(generator, made[1])
    layers = serving.read(generator, asked).layers
    one = sum(x.nbytes for layer in layers for x in (layer.keys, layer.values))
    one /= asked.tokens.shape[1] - 1
    whole = one * (asked.tokens.shape[1] + serving.NEW_TOKENS) / 1e6
    assert serving.kept_mb(generator, asked) == pytest.approx(whole)


# --- how the ways are made of what is timed -------------------------------------------------------

# one batch of two; an answer is NEW_TOKENS long
ROUND = {
    "read, bare": 1.0,
    "write, bare": 1 / serving.NEW_TOKENS,
    "read, beside": 1.5,
    "write, beside": 2 / serving.NEW_TOKENS,
}
ROWS = {row["way"]: row for row in serving.rows_of(2, [ROUND] * 3)}


@pytest.mark.parametrize(
    ("way", "seconds"), [("merged", 2.0), ("unmerged", 3.5), ("activated", 3.0), ("shared", 2.0)]
)
def test_a_way_takes_what_its_reader_and_its_writer_take(way, seconds):
    assert ROWS[way]["seconds"] == pytest.approx(seconds)


def test_ratios_are_those_within_a_round():
    """A round on a busy machine is slow for all: it changes no ratio."""
    busy = {name: 10 * value for name, value in ROUND.items()}
    [row] = [r for r in serving.rows_of(2, [ROUND, busy]) if r["way"] == "unmerged"]
    assert [row["low"], row["times"], row["high"]] == pytest.approx([1.75] * 3)


def test_tokens_a_second_are_those_of_all_answers():
    assert ROWS["merged"]["tokens_per_second"] == pytest.approx(2 * serving.NEW_TOKENS / 2, abs=0.1)


COSTS = Serving(
    {
        "rows": list(ROWS.values()),
        "base_mb": 500.0,
        "adapter_mb": 5.0,
        "tokens": {"few_shot": 800, "tuned": 70},
        "seconds_per_prompt_token": 0.002,
    }
)


def test_longer_is_by_request():
    assert COSTS.longer("unmerged", 2) == pytest.approx((3.5 - 2.0) / 2)


def test_every_adapter_beside_the_weights_is_counted():
    assert [COSTS.weights_mb(way, 8) for way in ("merged", "unmerged")] == [4000.0, 540.0]


def test_the_break_even_of_merged_is_the_plans():
    plan = COSTS.plan(108, 0.0)
    assert COSTS.break_even(plan, 2)[WAYS["merged"]] == pays_from(plan)


def test_an_adapter_beside_the_weights_pays_later():
    """730 tokens save 1.46 s, of which 0.75 s go to the adapter: it pays about twice as late."""
    found = COSTS.break_even(COSTS.plan(108, 0.0), 2)
    assert found[WAYS["unmerged"]] / found[WAYS["merged"]] == pytest.approx(1.46 / 0.71, rel=1e-3)


def test_what_was_not_measured_is_said_so():
    with pytest.raises(KeyError, match="not measured: merged at batch 3"):
        COSTS.row("merged", 3)


# --- what came out of it --------------------------------------------------------------------------


def test_what_is_kept_has_every_way_at_both_batches():
    rows = load_serving().found["rows"]
    assert {(row["way"], row["batch"]) for row in rows} == {
        (way, batch) for way in WAYS for batch in serving.BATCHES
    }


def test_what_is_kept_rests_on_five_rounds_or_more():
    assert min(row["rounds"] for row in load_serving().found["rows"]) >= 5
