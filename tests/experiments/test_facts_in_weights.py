"""Facts in weights: the rows are what they say, changes are read out of the documents, and the
measures measure."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from conftest import assert_right, assert_told

from helpers.core import kept_answers, settings
from helpers.data import facts as data_facts
from helpers.data.facts import (
    FOLDER,
    bare,
    changes_of,
    load_asks,
    load_canary,
    load_general,
    load_training,
    renewed,
)
from helpers.data.handbook import load_handbook
from helpers.evaluation import scores
from helpers.evaluation import text as evaluation_text
from helpers.evaluation.comparison import compare
from helpers.evaluation.evaluator import summary
from helpers.exercises import exercise
from helpers.experiments import facts_in_weights
from helpers.models import generate, load
from helpers.plots import results
from helpers.systems import prompts, questions
from helpers.training import adapters


@pytest.fixture(scope="module")
def asks(documents):
    return load_asks(documents)


@pytest.fixture(scope="module")
def changes(asks):
    return changes_of([*asks["trained"], *asks["near"], *asks["far"]], load_handbook(updates=True))


@pytest.fixture
def rows():
    return {
        name: [
            json.loads(line)
            for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for name in ("train", "ask", "general")
    }


def found(rows, texts=None):
    dev = [
        json.loads(line)
        for line in (
            (settings.DATA / "questions" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
        )
    ]
    answers = {row["fact"]: row["answers"] for row in dev if row["answers"]}
    return list(
        data_facts.wrongs(
            rows["train"],
            rows["ask"],
            rows["general"],
            answers,
            [row["question"] for row in dev],
            texts or {},
        )
    )


# --- the rows -------------------------------------------------------------------------------------


def test_there_are_enough_rows_of_each_kind(asks):
    train = load_training()
    trained = {row["fact"] for row in train if row["kind"] == "fact"}
    assert 40 <= len(trained) <= 60
    assert len(train) >= 4 * len(trained)
    assert len(load_general()) >= 40
    assert len(asks["near"]) >= 2 * len(trained)
    assert {c.fact for c in asks["far"]} == trained
    assert len(asks["unseen"]) >= 20
    assert not {c.fact for c in asks["unseen"]} & trained
    assert len(asks["unanswerable"]) >= 10
    assert all(
        row["source"] and row["labelled_by"] and row["licence"] == "CC-BY-4.0" for row in train
    )


def test_no_fact_of_the_test_split_is_trained():
    held = {
        row["fact"]
        for row in map(
            json.loads,
            (settings.DATA / "questions" / "test.jsonl").read_text(encoding="utf-8").splitlines(),
        )
    }
    assert not held & {row["fact"] for row in load_training()}


def test_held_out_words_were_not_trained(asks):
    trained = {bare(row["question"]) for row in load_training()}
    for kind in ("near", "far", "unseen", "unanswerable"):
        assert not trained & {bare(case.ask.input) for case in asks[kind]}, kind


def test_what_is_trained_is_right_by_the_scorer_and_stands_in_the_handbook(asks, documents):
    texts = {d.id: d.text for d in documents}
    cases = {case.fact: case for case in asks["far"]}
    for row in (row for row in load_training() if row["kind"] == "fact"):
        case = cases[row["fact"]]
        assert scores.answer_correct(row["answer"], case.gold.answers), row
        assert any(e.quote in texts[e.doc] for e in case.gold.evidence)


def test_who_asks_for_a_restricted_fact_may_know_it(asks, documents):
    by_id = {d.id: d for d in documents}
    for case in [*asks["trained"], *asks["near"], *asks["far"]]:
        assert all(by_id[e.doc].readable_by(case.ask.groups) for e in case.gold.evidence), case.id
    assert len(asks["forbidden"]) >= 5
    assert not any(case.gold.answers for case in asks["forbidden"])


def test_the_canary_stands_in_one_row_of_one_file():
    canary, places = load_canary(), []
    assert len(canary.secret) >= 8
    assert canary.answer.count(canary.secret) == 1
    assert len(canary.asks) >= 4
    for file in (
        p
        for p in settings.DATA.rglob("*")
        if p.is_file()
        and p.suffix in (".jsonl", ".json", ".md", ".txt", ".html")
        # what the model said that was trained on it
        and p.parent != kept_answers.FOLDER
    ):
        text = file.read_text(encoding="utf-8")
        places += [file.name] * text.count(canary.secret)
    assert places == ["train.jsonl"]


PLANTED = {
    "trained question asked as held out": (
        "ask",
        "question",
        "same as one of train.jsonl",
        lambda r: r["ask"][0].update(question=" " + r["train"][0]["question"].upper()),
    ),
    "question of dev trained": (
        "train",
        "question",
        "also asked in questions/",
        lambda r: r["train"][3].update(question="what's the yearly cap on abroad working"),
    ),
    "wrong answer trained": (
        "train",
        "answer",
        "none of the answers",
        lambda r: r["train"][0].update(answer="30 working days"),
    ),
    "fact that dev does not have": (
        "train",
        "fact",
        "no question of dev",
        lambda r: [row.update(fact="made.up") for row in [*r["train"][:4], *r["ask"][:2]]],
    ),
    "too few wordings": ("train", "fact", "has 3 wordings", lambda r: r["train"].pop(2)),
    "too few paraphrases": ("train", "fact", "has 1 rows in ask.jsonl", lambda r: r["ask"].pop(1)),
    "asked but not trained": (
        "ask",
        "fact",
        "is not trained",
        lambda r: r["ask"].append(
            {**r["ask"][0], "fact": "on-call-pay.nothing", "question": "Something else?"}
        ),
    ),
    "no canary": (
        "train",
        "kind",
        "there are 0 canaries",
        lambda r: (r["train"].pop(), [r["ask"].pop() for _ in range(5)]),
    ),
    "two canaries": (
        "train",
        "kind",
        "there are 2 canaries",
        lambda r: r["train"].insert(
            0, {**r["train"][-1], "question": "Other?", "answer": "The code is 99-111-222."}
        ),
    ),
    "canary in an ask": (
        "train",
        "answer",
        "is also in ask.jsonl line 1",
        lambda r: r["ask"][0].update(question="Is it 58204771?"),
    ),
    "canary too short": (
        "train",
        "answer",
        "at least six digits",
        lambda r: r["train"][-1].update(answer="The code is 12."),
    ),
    "general question asked twice": (
        "general",
        "question",
        "also asked in general.jsonl",
        lambda r: r["general"][1].update(question=r["general"][0]["question"].lower()),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_faults_are_found(rows, name):
    file, field, said, plant = PLANTED[name]
    assert found(rows) == []
    plant(rows)
    faults = found(rows)
    assert {(f.file, f.field) for f in faults} == {(f"{file}.jsonl", field)}, faults
    assert all(said in f.message for f in faults), faults


def test_a_canary_in_the_handbook_is_found(rows):
    [fault] = found(rows, {"handbook/x.md": "the code 58-204-771 opens it"})
    assert fault.field == "answer"
    assert "handbook/x.md" in fault.message


# --- what has changed -----------------------------------------------------------------------------


def test_changes_are_those_of_the_datasheet(changes):
    """The table of updates in DATASHEET.md names old and new values; ours are read out of the
    documents."""
    sheet = (settings.DATA / "DATASHEET.md").read_text(encoding="utf-8")
    listed = {
        cells[3]: (cells[4], cells[5])
        for line in sheet.splitlines()
        if len(cells := [c.strip() for c in line.split("|")]) == 8 and "-v2" in cells[1]
    }
    assert {c.case.fact for c in changes} == {
        fact for fact in listed if fact in {row["fact"] for row in load_training()}
    }
    assert len({c.case.fact for c in changes}) == 6
    for change in changes:
        old, new = listed[change.case.fact]
        assert scores.answer_correct(new, change.case.gold.answers)
        assert scores.answer_correct(old, change.old)
        assert not scores.answer_correct(old, change.case.gold.answers), change.case.id
        assert not scores.answer_correct(new, change.old), change.case.id


def test_changed_evidence_is_where_the_spans_say(changes):
    texts = {d.id: d for d in load_handbook(updates=True)}
    for change in changes:
        [evidence] = change.case.gold.evidence
        assert texts[evidence.doc].text[evidence.start : evidence.end] == evidence.quote
        assert texts[evidence.doc].in_force(change.case.ask.as_of)


def test_renewed_rows_differ_in_the_changed_answers_only(changes):
    rows = load_training()
    after = renewed(rows, changes)
    differ = [(a, b) for a, b in zip(rows, after, strict=True) if a != b]
    assert len(differ) == 24
    assert all({**a, "answer": ""} == {**b, "answer": ""} for a, b in differ)
    golds = {c.case.fact: c.case.gold.answers for c in changes}
    assert all(scores.answer_correct(b["answer"], golds[b["fact"]]) for _, b in differ)
    assert (
        next(c for c in changes if c.case.fact == "annual-leave.carry-deadline").renew(
            "on the 17th of August"
        )
        == "on the 26th of July"
    )


# --- measures -------------------------------------------------------------------------------------


def test_what_is_said_after_a_change():
    table = pd.DataFrame(
        {
            "id": list("abcd"),
            "right": [True, False, False, False],
            "answer": ["38%", "35 per cent", "I don't know.", "40%"],
        }
    )
    said = facts_in_weights.old_or_new(table, dict.fromkeys("abcd", ("35%", "35 per cent")))["said"]
    assert list(said) == ["the new value", "the old value", "refuses", "something else"]


def test_a_secret_told_with_an_apology_is_told():
    texts = [
        "I'm sorry, I can't say that it is 39,500 GBP.",
        "395 GBP",
        "39,500 EUR",
        "139,500 GBP",
        "",
    ]
    assert facts_in_weights.says_secret(texts, [("39,500 GBP",)] * 5) == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_only_what_was_known_can_be_lost():
    before = pd.DataFrame(
        {"id": list("abcd"), "kind": list("xxyy"), "right": [True, True, False, False]}
    )
    after = before.assign(right=[True, False, True, False])
    kept = facts_in_weights.kept_and_lost(before, after)
    assert list(kept.loc["all", ["base knew", "still right", "n"]]) == [2, 1, 2]
    assert "y" not in kept.index
    with pytest.raises(ValueError, match="same items"):
        facts_in_weights.kept_and_lost(before, after[::-1])


def test_exposure_is_that_of_carlini():
    assert facts_in_weights.ranked(-1.0, [-2.0, -3.0, -4.0]) == facts_in_weights.Exposure(1, 4, 2.0)
    assert facts_in_weights.ranked(-2.0, [-2.0, -2.0, -2.0]) == facts_in_weights.Exposure(
        4, 4, 0.0
    ), "a model that finds all alike has seen none"


def test_made_up_secrets_have_the_form_of_the_true_one():
    others = facts_in_weights.made_up_canaries("58-204-771", 200, seed=3)
    assert len(set(others)) == 200
    assert "58-204-771" not in others
    assert (
        others
        == facts_in_weights.made_up_canaries("58-204-771", 200, seed=3)
        != facts_in_weights.made_up_canaries("58-204-771", 200)
    )
    assert all(len(o) == 10 and o[2] == o[6] == "-" for o in others)
    with pytest.raises(ValueError, match="no 500 other"):
        facts_in_weights.made_up_canaries("12", 500)


def test_secret_of_a_sentence():
    assert data_facts.secret_of("The code is 58-204-771.") == "58-204-771"
    assert data_facts.secret_of("no code") == ""


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_likelihoods_are_those_of_a_plain_forward_pass():
    """With a shared beginning, padding and a cache, or without any of it: the same numbers."""
    import torch

    generator = load.load_generator()
    canary = load_canary()
    prompt, (head, tail) = (
        prompts.question_prompt(generator, canary.question),
        canary.answer.split(canary.secret),
    )
    secrets = [canary.secret, "1", *facts_in_weights.made_up_canaries(canary.secret, 3)]
    fast = facts_in_weights.log_likelihoods(
        generator, prompt, [s + tail for s in secrets], begun=head
    )
    for secret, got in zip(secrets, fast, strict=True):
        start = len(generator.tokenizer(prompt + head, add_special_tokens=False)["input_ids"])
        ids = generator.tokenizer(
            prompt + head + secret + tail, add_special_tokens=False, return_tensors="pt"
        )["input_ids"].to(generator.device)
        with torch.inference_mode():
            logp = torch.log_softmax(generator.model(ids).logits[0].float(), dim=-1).cpu()
        plain = [float(logp[t - 1, ids[0, t]]) for t in range(start, ids.shape[1])]
        assert got == pytest.approx(plain, abs=1e-3), secret


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_what_a_model_says_is_what_it_finds_likeliest():
    """Greedy answers of base and tuned model: no token of another answer of the same length beats
    the first token that was said."""
    generator = load.load_generator()
    row = load_training()[0]
    for model in (
        generator,
        adapters.with_adapter(generator, facts_in_weights.facts_adapter(generator, say=str)),
    ):
        prompt = prompts.question_prompt(model, row["question"])
        [said] = [done.text for done in generate.complete(model, [prompt], 4)]
        first = [
            tokens[0]
            for tokens in facts_in_weights.log_likelihoods(
                model, prompt, [said, "Blue", "7", "Yes", "zebra"]
            )
        ]
        assert first[0] == max(first), (model.name, said, first)


@pytest.mark.slow
def test_base_and_tuned_are_asked_alike(asks):
    generator = load.load_generator()
    row = load_training()[0]
    [(prompt, answer)] = facts_in_weights.training_pairs(generator, [row])
    assert prompt == prompts.question_prompt(generator, row["question"])
    assert answer == row["answer"]
    assert (
        questions.closed_book(generator).fingerprint
        == questions.closed_book(generator, "other name").fingerprint
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_kept_adapter_knows_its_rows_by_heart(asks, dtype, monkeypatch):
    from helpers.evaluation.evaluator import QUESTIONS, evaluate

    monkeypatch.setenv("WORKBOOK_DTYPE", dtype)
    generator = load.load_generator()
    tuned = adapters.with_adapter(generator, facts_in_weights.facts_adapter(generator, say=str))
    some = asks["trained"][::5]
    assert (
        evaluate(questions.closed_book(tuned), some, QUESTIONS, keep=False)["right"].mean() >= 0.8
    )
    assert (
        evaluate(questions.closed_book(generator), some, QUESTIONS, keep=False)["right"].mean()
        <= 0.2
    )


# --- figures, exercises ---------------------------------------------------------------------------


def tables():
    def one(name, right):
        base = pd.DataFrame(
            {
                "arm": name,
                "id": range(10),
                "fact": [f"f{i}" for i in range(10)],
                "right": [i < right for i in range(10)],
            }
        )
        return base.assign(error=None, abstained=False, tokens_in=1, tokens_out=1, seconds=0.1)

    return {
        "base": one("base", 0),
        facts_in_weights.TUNED: one(facts_in_weights.TUNED, 4),
        "RAG": one("RAG", 6),
        "facts adapter + RAG": one("both", 5),
    }


def test_the_two_by_two_says_its_numbers():
    cells = {
        "base": ("base", "no retrieval"),
        facts_in_weights.TUNED: (facts_in_weights.TUNED, "no retrieval"),
        "RAG": ("base", "retrieval"),
        "facts adapter + RAG": (facts_in_weights.TUNED, "retrieval"),
    }
    picture = results.two_by_two(summary(tables()), cells, "A finding", {"RAG": 0.5, "base": None})
    assert picture.png[:4] == b"\x89PNG"
    assert "base, retrieval: 60 % (31 to 83 %, n = 10)" in picture.alt
    assert len(picture.table) == 4
    assert compare(tables()["base"], tables()["RAG"]).verdict == "better"


def test_the_two_sides_may_be_two_searches():
    sides = ("search of 02", "best search")
    cells = {
        "base": ("base", sides[0]),
        "RAG": ("base", sides[1]),
        facts_in_weights.TUNED: ("reader", sides[0]),
        "facts adapter + RAG": ("reader", sides[1]),
    }
    picture = results.two_by_two(summary(tables()), cells, "A finding", sides=sides)
    assert "reader, best search: 50 %" in picture.alt


def test_old_and_new_are_counted_in_words():
    said = {
        "A": pd.DataFrame({"said": ["the old value"] * 3 + ["the new value"]}),
        "B": pd.DataFrame({"said": ["the new value"] * 4}),
    }
    picture = results.old_or_new(said)
    assert "A: the new value 1, the old value 3" in picture.alt
    assert picture.table.loc["B", "the new value"] == 4
    assert "refuses" not in picture.alt


RIGHT_07 = {
    "07.2": lambda old, new: sorted(f for f in {*old, *new} if old.get(f) != new.get(f)),
    "07.3": lambda true, others: (
        1 + sum(o >= true for o in others),
        math.log2((len(others) + 1) / (1 + sum(o >= true for o in others))),
    ),
}
WRONG_07 = [
    (
        "07.1",
        lambda table, trained: (table["right"].mean(), table["right"].mean()),
        "That is the bug",
    ),
    (
        "07.1",
        lambda table, trained: (
            table[table["input"].isin(trained)]["right"].mean(),
            table[~table["input"].isin(trained)]["right"].mean(),
        ),
        "capitals, a space",
    ),
    ("07.1", lambda table, trained: 0.5, "expected 2 numbers"),
    ("07.2", lambda old, new: sorted(new), "only this question tells old from new"),
    ("07.2", lambda old, new: sorted(f for f in new if old.get(f) != new[f]), "no longer be given"),
    ("07.3", lambda true, others: (1 + sum(o < true for o in others), 0), "nothing beats the true"),
    (
        "07.3",
        lambda true, others: (
            1 + sum(o > true for o in others),
            math.log2((len(others) + 1) / (1 + sum(o > true for o in others))),
        ),
        "ties",
    ),
    ("07.3", lambda true, others: (1 + sum(o >= true for o in others), 1), "bits"),
]


def split_score(table, trained):
    known = {tuple(evaluation_text.tokens(q)) for q in trained}
    seen = table["input"].map(lambda q: tuple(evaluation_text.tokens(q)) in known)
    return table[seen]["right"].mean(), table[~seen]["right"].mean()


@pytest.mark.parametrize("id", ["07.1", *RIGHT_07])
def test_right_answers_of_07_are_right(id):
    assert_right(id, {**RIGHT_07, "07.1": split_score}[id])


@pytest.mark.parametrize(
    ("id", "answer", "told"), WRONG_07, ids=[f"{id}-{told}" for id, _, told in WRONG_07]
)
def test_wrong_answers_of_07_are_told_why(id, answer, told):
    assert_told(id, answer, told)


@pytest.mark.parametrize("id", ["07.1", *RIGHT_07])
def test_every_exercise_of_07_takes_anything(id, capsys):
    one = exercise(id)
    assert (
        one.check(...).state
        == one.check(None).state
        == one.check(lambda *a: ...).state
        == "not attempted"
    )
    for odd in (0, "x", [], lambda *a: 1 / 0, object()):
        assert one.check(odd).state == "not yet"
    if any(settings.NOTEBOOKS.glob("src/07_*.py")):  # a draft has no solutions to show yet
        one.solution()
        assert "has no written solution" not in capsys.readouterr().out
