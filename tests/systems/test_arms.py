"""The arms beyond the plain ones: a grammar that holds, distractors that distract, documents that
fit and stay secret."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import TODAY, write_document
from pydantic import BaseModel, Field
from support.toy_model import TOY, WINDOW

from helpers.core.cases import Ask, Case, Gold, Passage
from helpers.data import handbook as data_handbook
from helpers.data.questions import locate
from helpers.data.tickets import Ticket, load_tickets
from helpers.evaluation import evaluator, retrieval_metrics
from helpers.evaluation.evaluator import TICKETS
from helpers.models import constrain, generate, load
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.index import build_index
from helpers.systems import labelled, questions
from helpers.systems import prompts as systems_prompts
from helpers.systems.prompts import TICKET_PROMPT


@pytest.fixture
def says(monkeypatch):
    """What the toy model will say: set `text`; the prompts it was given, and how, are kept."""
    heard = SimpleNamespace(text="17", prompts=[], schema=None, room=0)

    def complete(model, prompts, max_new_tokens, schema):
        heard.prompts, heard.schema, heard.room = list(prompts), schema, max_new_tokens
        for i, prompt in enumerate(prompts):
            yield generate.Completion(
                i, heard.text, len(model.tokenizer(prompt)["input_ids"]), 1, 0.0
            )

    monkeypatch.setattr(generate, "complete", complete)
    return heard


# --- a grammar ------------------------------------------------------------------------------------


class Open(BaseModel, extra="allow"):
    note: str


class Holds(BaseModel, extra="forbid"):
    inner: Open | None


class Keyed(BaseModel, extra="forbid"):
    scores: dict[str, int]


@pytest.mark.parametrize(
    "schema",
    [
        Open.model_json_schema(),
        Holds.model_json_schema(),
        Keyed.model_json_schema(),
        {},
        {"type": ["object", "null"]},
        {"type": "array"},
        {"type": "array", "items": {}},
        {"anyOf": [{"type": "null"}, {"type": "object"}]},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
    ],
)
def test_an_open_schema_is_refused_with_the_mend(schema):
    with pytest.raises(constrain.ConstraintError, match='give it a "type" and "properties"'):
        constrain.only_valid(None, schema, 1, 99)


def test_a_closed_schema_is_not_called_open():
    class Closed(BaseModel, extra="forbid"):
        type: str  # fields named like the keywords of JSON Schema
        properties: list[int]
        items: Ticket | None = None

    assert (
        list(constrain.open_objects(Ticket.model_json_schema()))
        == list(constrain.open_objects(Closed.model_json_schema()))
        == []
    )


@pytest.mark.parametrize("by", [{"enum": [{"a": 1}, []]}, {"const": {"a": 1}}])
def test_a_list_of_values_leaves_nothing_open(by):
    assert list(constrain.open_objects({"type": ["object", "array"]} | by)) == []


@pytest.mark.slow
def test_what_a_grammar_cannot_follow_is_said():
    import torch

    generator = load.load_generator()
    for schema, reason in (
        ({"type": "strange"}, "Invalid type"),
        ({"type": "string", "not": {"const": "a"}}, "Unimplemented"),
        ({"$ref": "#/$defs/x"}, "does not exist"),
    ):
        with pytest.raises(constrain.ConstraintError, match=reason):
            constrain.only_valid(generator, schema, 1, 99)
    held, scores = (
        constrain.only_valid(generator, Ticket.model_json_schema(), 2, 99),
        torch.zeros(2, generator.model.config.vocab_size),
    )
    with pytest.raises(constrain.ConstraintError, match="for every batch"):
        held(torch.zeros(3, 5), scores)
    allowed = held(torch.zeros(2, 5), scores)[0].isfinite().nonzero().flatten().tolist()
    assert {generator.tokenizer.decode(token)[:1] for token in allowed} == {"{"}
    # a token that was ruled out was written all the same
    with pytest.raises(constrain.ConstraintError, match=r"row 0 .* grammar"):
        held(torch.tensor([[5, 6, generator.tokenizer("no")["input_ids"][0]]] * 2), scores)


class Noted(Ticket):
    """A ticket with free text of a bounded length, so that the rows of a batch end at different
    steps."""

    note: str = Field(max_length=16)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_constrained_answers_are_valid_and_the_same_alone():
    generator, schema = load.load_generator(), Noted.model_json_schema()
    prompts = [
        labelled.task_prompt(generator, TICKET_PROMPT, case.ask.input)
        for case in load_tickets("dev")[:8]
    ]
    together = {done.index: done for done in generate.complete(generator, prompts, 48, schema)}
    for done in together.values():
        said = Noted.model_validate_json(done.text)
        assert done.text == json.dumps(said.model_dump(), ensure_ascii=False), (
            "not written like the labels"
        )
    assert len({done.tokens_out for done in together.values()}) > 2, (
        "all rows ended at once: nothing was padded"
    )
    alone = {
        i: next(generate.complete(generator, [prompt], 48, schema)).text
        for i, prompt in enumerate(prompts)
    }
    assert alone == {i: done.text for i, done in together.items()}


@pytest.mark.slow
def test_the_constrained_arm_is_valid_where_zero_shot_is_not(cache):
    generator, cases = load.load_generator(), load_tickets("dev")[:8]
    free, held = (
        evaluator.evaluate(
            labelled.zero_shot(generator, TICKET_PROMPT, constrained), cases, TICKETS
        )
        for constrained in (False, True)
    )
    assert held["valid"].all()
    assert not free["valid"].all()
    assert [t["arm"][0] for t in (free, held)] == ["zero-shot", "constrained"]


def test_every_ticket_arm_has_its_own_name_and_fingerprint():
    examples = load_tickets("train")[:2]
    made = [
        make(TOY, TICKET_PROMPT, *more, constrained=held)
        for held in (False, True)
        for make, *more in (
            (labelled.zero_shot,),
            (labelled.few_shot, examples),
            (labelled.tuned,),
        )
    ]
    assert [arm.name for arm in made] == [
        "zero-shot",
        "few-shot",
        "tuned",
        "constrained",
        "few-shot + constrained",
        "tuned + constrained",
    ]
    pairs = {(arm.name, arm.fingerprint) for arm in made}
    assert len(pairs) == 6
    assert all(a.fingerprint != b.fingerprint for a, b in zip(made[:3], made[3:], strict=True))


# --- a beginning read once ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_kept_beginning_is_never_written_to():
    """The same beginning serves call after call; an answer that leaked into it would change all
    later ones."""
    generator = load.load_generator()
    beginning = "You are a poet and answer in one short line. " * 8
    prompts = [
        generate.chat(generator, f"{beginning}Write about {thing}")
        for thing in ("a bee", "an old red house", "rain", "two cats and a dog", "bread", "it")
    ]

    def answers(part):
        return {part[done.index]: done.text for done in generate.complete(generator, part, 12)}

    generate.read_once.cache_clear()
    first = answers(prompts[:3]) | answers(prompts[3:])
    assert generate.read_once.cache_info().hits == 1
    again = answers(prompts[3:]) | answers(prompts[:3])
    fresh = {}
    for part in (prompts[:3], prompts[3:]):
        generate.read_once.cache_clear()
        fresh |= answers(part)
    assert first == again == fresh
    assert len(set(fresh.values())) > 1


# --- ways to ask ----------------------------------------------------------------------------------


def test_every_style_is_another_system():
    index = SimpleNamespace(name="i")
    styles = [
        systems_prompts.BASE,
        systems_prompts.BETTER,
        systems_prompts.SCHEMA,
        replace(systems_prompts.SCHEMA, schema=None),
        replace(systems_prompts.BASE, max_new_tokens=8),
    ]
    for make in (
        questions.closed_book,
        lambda *a, **k: questions.retrieval_augmented(a[0], index, **k),
        lambda *a, **k: questions.oracle(a[0], {}, **k),
        lambda *a, **k: questions.long_context(a[0], index, [], **k),
    ):
        assert len({make(TOY, style=style).fingerprint for style in styles}) == len(styles)
    assert (
        questions.closed_book(TOY).fingerprint
        == questions.closed_book(TOY, style=systems_prompts.BASE).fingerprint
    )
    assert questions.closed_book(TOY, "a name").name == "a name"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('{"answer": "17 days"}', "17 days"),
        ('{"answer": "17 da', '{"answer": "17 da'),
        ("[]", "[]"),
        ("", ""),
    ],
)
def test_an_answer_in_json_is_unwrapped_where_it_is_whole(says, said, text):
    says.text = said
    passage = Passage("d", "T", 0, 8, "17 days.")
    (prediction,) = questions.oracle(TOY, {"a": (passage,)}, style=systems_prompts.SCHEMA)(
        [Ask("a", "How long?", ("staff",), TODAY)]
    )
    assert prediction.text == text
    assert says.schema == systems_prompts.SCHEMA.schema
    assert says.room == systems_prompts.SCHEMA.max_new_tokens
    (free,) = questions.oracle(TOY, {"a": (passage,)})([Ask("a", "How long?", ("staff",), TODAY)])
    assert free.text == said
    assert says.schema is None


def test_every_style_shows_question_and_passages():
    passages = [Passage("d1", "One", 0, 6, "zorvex"), Passage("d2", "Two", 0, 6, "{quimbl}")]
    for style in (systems_prompts.BASE, systems_prompts.BETTER, systems_prompts.SCHEMA):
        shown = systems_prompts.question_prompt(TOY, "How {many}?", passages, style)
        assert "[1] One: zorvex" in shown
        assert "[2] Two: {quimbl}" in shown
        assert "How {many}?" in shown
        assert "How many?" in systems_prompts.question_prompt(TOY, "How many?", (), style)
    assert not list(constrain.open_objects(systems_prompts.SCHEMA.schema))


# --- distractors and whole documents --------------------------------------------------------------

QUOTE = "Staff who have been here for two years get 13 days of leave and one more for every child."


@pytest.fixture
def handbook(tmp_path):
    """A rule in the midst of a longer text; near it an old version, a secret and some that may be
    read."""
    filler = " ".join(f"Line {n} of the rules speaks of days, leave and staff." for n in range(12))
    write_document(
        tmp_path,
        "leave-v1",
        f"# Leave\n\n{QUOTE.replace('13', '11')}",
        policy="leave",
        title="Leave",
    )
    write_document(
        tmp_path,
        "leave-v2",
        f"# Leave\n\n{filler}\n\n{QUOTE} {filler}",
        policy="leave",
        title="Leave",
        supersedes="leave-v1",
        effective_from="2026-01-01",
    )
    write_document(
        tmp_path,
        "salaries",
        f"# Leave of the board\n\n{QUOTE.replace('13', '99')}",
        audience="[board]",
    )
    write_document(
        tmp_path,
        "visit",
        "# Visits\n\nGuests get a badge for 3 days, and staff no leave for it.",
        audience="[staff, contractors]",
    )
    write_document(tmp_path, "parking", "# Parking\n\nStaff leave the car park by 9 on all days.")
    return data_handbook.load_handbook(tmp_path)


@pytest.fixture
def leave(handbook):
    document = next(d for d in handbook if d.id == "leave-v2")
    ask = Ask("q", "How many days of leave do staff get after two years?", ("staff",), TODAY)
    return Case(ask, Gold(("13",), (locate(QUOTE, document, "here"),)), "single", "q", "dev")


def test_distractors_hold_no_evidence_and_nothing_forbidden(cache, handbook, leave):
    index = build_index(handbook, 16, 4)
    contexts = questions.evidence_contexts([leave], chunk_all(handbook, 16, 4))
    cases = [leave, replace(leave, ask=replace(leave.ask, id="no evidence"), gold=Gold())]
    (quote,) = leave.gold.evidence
    for k in (0, 1, 4, 12):
        (shown,) = questions.with_distractors(cases, contexts, index, k).values()
        beside = [p for p in shown if p not in contexts["q"]]
        assert len(beside) == k
        assert len(shown) == k + len(contexts["q"])
        assert not any(
            p.doc == quote.doc and set(range(p.start, p.end)) & set(range(quote.start, quote.end))
            for p in beside
        )
        assert {p.doc for p in shown} <= {"leave-v2", "visit", "parking"}, (
            "an old version or a secret was shown"
        )
        assert retrieval_metrics.evidence_found(leave.gold.evidence, shown)
        nearest = [p for p in index.search(leave.ask.input, ("staff",), TODAY, 60) if p in beside]
        assert nearest == beside, "the best first"
    with pytest.raises(ValueError, match=r"case q: only \d+ passages"):
        questions.with_distractors([leave], contexts, index, 1000)


def test_distractors_are_shuffled_by_the_seed_alone(cache, handbook, leave):
    index = build_index(handbook, 16, 4)
    other = replace(leave, ask=replace(leave.ask, id="other"))
    contexts = questions.evidence_contexts([leave, other], chunk_all(handbook, 16, 4))
    once = questions.with_distractors([leave, other], contexts, index, 4)
    assert once == questions.with_distractors([leave, other], contexts, index, 4)
    assert once["q"] == questions.with_distractors([leave], contexts, index, 4)["q"], (
        "other cases must not matter"
    )
    places = {
        questions.with_distractors([leave], contexts, index, 4, seed)["q"].index(contexts["q"][0])
        for seed in range(30)
    }
    assert places == {0, 1, 2, 3, 4}
    assert questions.oracle(TOY, once).fingerprint != questions.oracle(TOY, contexts).fingerprint


def test_long_context_shows_whole_documents_that_the_asker_may_read(cache, handbook, says):
    index = build_index(handbook, 16, 4)
    by_id = {d.id: d for d in handbook}

    def shown(groups, day, budget=350):
        ask = Ask("q", "How many days of leave do staff get after two years?", groups, day)
        (prediction,) = questions.long_context(TOY, index, handbook, budget)([ask])
        assert prediction.tokens_in <= budget
        assert all(p.text in says.prompts[0] for p in prediction.context)
        return prediction.context

    new, old = shown(("staff",), TODAY), shown(("staff",), TODAY.replace(year=2025, month=6))
    assert {p.doc for p in new} == {"leave-v2", "visit", "parking"}
    assert {p.doc for p in old} == {
        "leave-v1",
        "visit",
        "parking",
    }
    assert {p.doc for p in shown(("board",), TODAY)} == {"salaries"}
    assert shown((), TODAY) == ()
    assert new[0].doc == "leave-v2"
    assert all(
        (p.start, p.end, p.text) == (0, len(by_id[p.doc].text), by_id[p.doc].text) for p in new
    )
    small = shown(("staff",), TODAY.replace(year=2025, month=6), budget=50)
    assert small == old[: len(small)], "whole documents while they fit, the best first"
    assert 0 < len(small) < len(old), "whole documents while they fit, the best first"


def test_long_context_keeps_to_budget_and_window_and_shows_where_it_cut(cache, handbook, says):
    long = replace(handbook[1], text=f"{handbook[1].text} {'more words ' * 600}")
    documents = [long if d.id == long.id else d for d in handbook]
    index = build_index(documents, 16, 4)
    ask = Ask("q", "How many days of leave do staff get after two years?", ("staff",), TODAY)
    for budget in (60, 200, 100_000):
        limit = min(budget, WINDOW - systems_prompts.BASE.max_new_tokens)
        (prediction,) = questions.long_context(TOY, index, documents, budget)([ask])
        (only,) = prediction.context
        assert prediction.tokens_in == limit, "a word is a token here, so the cut can be exact"
        assert only.doc == long.id
        assert only.start == 0
        assert only.end < len(long.text)
        assert only.text == long.text[: only.end]
    with pytest.raises(ValueError, match="raise the budget"):
        list(questions.long_context(TOY, index, documents, 10)([ask]))
    with pytest.raises(ValueError, match="'leave-v2', which is not among the documents"):
        list(
            questions.long_context(TOY, index, [d for d in documents if d.id != "leave-v2"], 200)(
                [ask]
            )
        )


def test_long_context_is_another_system_with_other_documents_or_budget(handbook):
    index = SimpleNamespace(name="i")
    edited = [replace(d, text=d.text + " More.") if d.id == "visit" else d for d in handbook]
    made = [
        (index, handbook, 500),
        (SimpleNamespace(name="j"), handbook, 500),
        (index, edited, 500),
        (index, handbook, 501),
    ]
    assert len({questions.long_context(TOY, *how).fingerprint for how in made}) == 4
