"""Answers that come with the workbook: never for another system, never where somebody wants to
measure, and what the same weights say today."""

from __future__ import annotations

import json

import pytest
from support.build_scripts import build_script

from helpers.core import kept_answers
from helpers.core.cases import Arm, Case, Gold, Prediction
from helpers.core.kept_answers import key_of, weights_of
from helpers.data.askers import load_askers
from helpers.data.questions import load_questions, pick
from helpers.data.tickets import load_tickets
from helpers.evaluation import runs
from helpers.evaluation.evaluator import QUESTIONS, TICKETS, evaluate
from helpers.models import generate, likelihood, load
from helpers.models.language_model import Completion
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.index import build_index
from helpers.systems import (
    TICKET_PROMPT,
    WHO_ASKS,
    few_shot,
    questions,
    right_windows,
    sentence_windows,
    tuned,
    who_asks,
    zero_shot,
)
from helpers.training.adapters import reference_adapter, with_adapter

WEIGHTS = "Some-135M@0123456789ab"
FOUND = {"text": "twelve", "tokens_in": 9, "tokens_out": 1, "seconds": 0.5}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of kept answers with one in it: to the prompt "kept?", from WEIGHTS."""
    monkeypatch.setattr(kept_answers, "FOLDER", tmp_path / "answers")
    monkeypatch.setenv("WORKBOOK_LIVE", "")
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    about = {"dtype": "float32", "machine": "2 cores", "date": "2026-01-01"}
    row = {"key": key_of(f"{WEIGHTS}-float32-cpu", "kept?", 48, None), **FOUND}
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "05.jsonl").write_text(f"{json.dumps(about)}\n{json.dumps(row)}\n")
    kept_answers._kept.cache_clear()
    kept_answers.announce.cache_clear()
    yield
    kept_answers._kept.cache_clear()


@pytest.fixture
def computed(monkeypatch):
    """The prompts that a model really answers."""
    prompts = []

    def complete(generator, asked, max_new_tokens=48, schema=None):
        prompts.extend(asked)
        for i, prompt in reversed(list(enumerate(asked))):
            yield Completion(i, f"computed {prompt}", 1, 1, 0.1)

    monkeypatch.setattr(generate, "complete", complete)
    return prompts


def model(fingerprint=f"{WEIGHTS}-bfloat16-cpu"):
    return load.Generator("some", fingerprint, None, None, "cpu")


def arm(**more):
    """An arm that completes its questions."""
    generator = model(**more)

    def answer(asks):
        for done in generator.complete([ask.input for ask in asks]):
            yield Prediction(asks[done.index].id, done.text)

    return Arm("some", answer, f"arm over {generator.fingerprint}")


def cases(*inputs):
    from helpers.core.cases import Ask

    return [
        Case(Ask(f"q{i}", text), Gold(("twelve",)), "single", f"f{i}", "dev")
        for i, text in enumerate(inputs)
    ]


def test_what_is_kept_is_not_computed_and_the_rest_is(shelf, computed):
    table = evaluate(arm(), cases("new?", "kept?", "newer?"), QUESTIONS)
    assert table["answer"].tolist() == ["computed new?", "twelve", "computed newer?"]
    assert sorted(computed) == ["new?", "newer?"]


def test_it_is_said_once_where_they_come_from(shelf, computed, capsys):
    for _ in range(2):
        evaluate(arm(), cases("kept?"), QUESTIONS, keep=True)
    said = capsys.readouterr().out
    assert said.count("measured in float32 on 2 cores, 2026-01-01") == 1


@pytest.mark.parametrize(
    ("how", "variable"),
    [({"live": True}, None), ({"keep": False}, None), ({}, "WORKBOOK_LIVE")],
)
def test_who_wants_to_measure_measures(how, variable, shelf, computed, monkeypatch):
    if variable:
        monkeypatch.setenv(variable, "1")
    evaluate(arm(), cases("kept?"), QUESTIONS, **how)
    assert computed == ["kept?"]


def test_a_model_that_is_asked_directly_answers_itself(shelf, computed):
    assert [done.text for done in model().complete(["kept?"])] == ["computed kept?"]


def test_a_cached_run_with_kept_answers_is_none_without(shelf, computed):
    evaluate(arm(), cases("kept?"), QUESTIONS)
    assert evaluate(arm(), cases("kept?"), QUESTIONS, live=True)["answer"][0] == "computed kept?"


def test_the_wish_ends_with_the_run_even_if_it_breaks(shelf):
    def broken(asks):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        runs.run(Arm("broken", broken, "1"), [case.ask for case in cases("kept?")])
    assert kept_answers.find(key_of(WEIGHTS, "kept?", 48, None)) is None


def test_number_format_and_device_do_not_matter():
    assert weights_of("A@1-float32-cpu+b-2") == weights_of("A@1-bfloat16-cuda+b-2") == "A@1+b-2"


@pytest.mark.parametrize(
    "other",
    [
        (f"{WEIGHTS}+format-1", "p", 48, None),
        ("Some-135M@ba9876543210", "p", 48, None),
        (WEIGHTS, "p ", 48, None),
        (WEIGHTS, "p", 47, None),
        (WEIGHTS, "p", 48, {"type": "string"}),
    ],
)
def test_whatever_else_decides_an_answer_has_another_key(other):
    assert key_of(*other) != key_of(WEIGHTS, "p", 48, None)


def test_what_is_said_is_written_down_for_the_next_release(shelf, computed, monkeypatch, tmp_path):
    said = tmp_path / "said.jsonl"
    monkeypatch.setenv("WORKBOOK_RECORD", str(said))
    evaluate(arm(), cases("new?"), QUESTIONS)
    (row,) = map(json.loads, said.read_text().splitlines())
    assert row["key"] == key_of(WEIGHTS, "new?", 48, None)
    assert row["text"] == "computed new?"


def test_what_is_kept_is_written_down_again_without_being_computed(
    shelf, computed, monkeypatch, tmp_path
):
    said = tmp_path / "said.jsonl"
    monkeypatch.setenv("WORKBOOK_RECORD", str(said))
    evaluate(arm(), cases("kept?"), QUESTIONS)
    assert computed == []
    (row,) = map(json.loads, said.read_text().splitlines())
    assert row["key"] == key_of(WEIGHTS, "kept?", 48, None)


def test_only_adapters_that_come_with_the_workbook_are_kept():
    script = build_script("answers")
    card = json.loads((script.REFERENCE / "format" / "card.json").read_text(encoding="utf-8"))
    assert script.comes_with_the_workbook(WEIGHTS)
    assert script.comes_with_the_workbook(f"{WEIGHTS}+{card['fingerprint']}")
    assert not script.comes_with_the_workbook(f"{WEIGHTS}+trained-here")


# --- the answers that are kept --------------------------------------------------------------------

SAMPLE = 8  # of each arm
# verdicts of all samples together that may be other ones: float32 on another machine tips a greedy
# answer now and then (README: "number formats")
TIPPED = 2


def headlines(generator):
    """(name, arm, cases, task) of the systems on which the course's figures rest, as 05 and 08 make
    them."""
    from helpers.data.handbook import load_handbook

    documents = load_handbook()
    asked = pick([case for case in load_questions("test", documents) if case.gold.answers], 60)
    askers = load_askers("test")
    best = sentence_windows(documents, askers)
    windows = right_windows(asked, documents)
    as_trained = {"style": WHO_ASKS, "asked_by": who_asks([c.ask for c in asked], askers)}
    tickets, train = pick(load_tickets("dev"), 60), load_tickets("train")
    index = build_index(documents, chunk_size=64, overlap=16, say=lambda _: None)
    perfect = questions.evidence_contexts(asked, chunk_all(documents, 64, 16))
    read, sort = (
        with_adapter(generator, reference_adapter(name, generator))
        for name in ("window_reader", "format")
    )
    return [
        *(
            (one, asked, QUESTIONS)
            for one in (
                questions.closed_book(generator),
                questions.retrieval_augmented(generator, index, top_k=1),
                questions.oracle(generator, perfect),
                questions.retrieval_augmented(read, best, 1, "reader + best search", **as_trained),
                questions.oracle(read, windows, "reader + oracle", **as_trained),
            )
        ),
        *(
            (one, tickets, TICKETS)
            for one in (
                zero_shot(generator, TICKET_PROMPT),
                few_shot(generator, TICKET_PROMPT, train[:8]),
                few_shot(generator, TICKET_PROMPT, train[:8], constrained=True),
                tuned(sort, TICKET_PROMPT),
            )
        ),
    ]


@pytest.fixture
def weighed(monkeypatch):
    """How often a model really says how probable answers are."""
    times = []

    def weigh(generator, prompt, answers, shared):
        times.append(prompt)
        return [likelihood.Likelihood(-2.0, 2)] * len(answers)

    monkeypatch.setattr(likelihood, "_likelihoods", weigh)
    return times


def test_probabilities_are_kept_for_these_answers_in_this_order(shelf, weighed, tmp_path):
    key = key_of(WEIGHTS, "kept?", 0, {"likelihoods": ["7", "8"]})
    row = {"key": key, "likelihoods": [[-1.5, 2], [-3.0, 2]], "seconds": 0.5}
    with (tmp_path / "answers" / "05.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    kept_answers._kept.cache_clear()
    with kept_answers.wanted():
        seven, eight = likelihood.likelihoods(model(), "kept?", ["7", "8"])
        assert (seven.total, eight.mean, eight.seconds) == (-1.5, -1.5, 0.25)
        likelihood.likelihoods(model(), "kept?", ["8", "7"])
    likelihood.likelihoods(model(), "kept?", ["7", "8"])
    assert weighed == ["kept?", "kept?"]


@pytest.mark.slow
def test_a_sample_of_the_kept_answers_is_what_the_weights_say(cache, float32, monkeypatch):
    """Changed prompts are not found, and changed code answers otherwise."""
    monkeypatch.setenv("WORKBOOK_DEVICE", "cpu")
    tipped = []
    for system, asked, task in headlines(load.load_generator()):
        sample = asked[:SAMPLE]
        with monkeypatch.context() as kept:
            kept.setenv("WORKBOOK_LIVE", "")
            kept.setattr(generate, "complete", _not_kept)
            before = evaluate(system, sample, task)
        assert before["error"].isna().all(), before["error"].iloc[0]
        after = evaluate(system, sample, task, keep=False)
        for kept_row, row in zip(before.itertuples(), after.itertuples(), strict=True):
            if kept_row.right != row.right:
                tipped.append((system.name, row.id, kept_row.answer, row.answer))
    assert len(tipped) <= TIPPED, tipped


def _not_kept(*_):
    raise AssertionError(
        "an answer of a headline system is not kept; run: python labs_data/build/answers.py"
    )
