"""Whose fault is it? Every wrong answer has one cause; and what counts as a refusal, a citation, an
agreement, a confusion."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.core.cases import Ask, Case, Citation, Evidence, Gold, Passage, Prediction
from helpers.data.questions import load_questions
from helpers.evaluation.attribution import CAUSES, REASONS, attribute, blame, cause
from helpers.evaluation.evaluator import (
    QUESTIONS,
    TICKETS,
    confusion,
    consistency,
    share,
    summary,
    ticket_summary,
)
from helpers.evaluation.refusals import abstains, hedges
from helpers.evaluation.scores import (
    answer_correct,
    citation_support,
    citation_valid,
    question_scores,
)

# --- the ladder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answerable", "right", "seen", "oracle", "failed", "name"),
    [
        (True, True, True, True, False, "right"),
        (True, True, True, False, False, "right"),
        (True, True, None, None, False, "right"),
        (True, True, False, True, False, "right without evidence"),
        (True, True, False, False, False, "right without evidence"),
        (True, False, False, True, False, "retrieval"),
        (True, False, True, True, False, "distraction"),
        (True, False, True, False, False, "reading"),
        (True, False, False, False, False, "both"),
        (True, False, None, True, False, "no evidence given"),
        (True, False, None, False, False, "no evidence given"),
        (False, True, None, None, False, "rightly refused"),
        (False, False, None, None, False, "answered what should be refused"),
        (True, False, False, True, True, "failed"),
        (False, False, None, None, True, "failed"),
    ],
)
def test_every_rung_of_the_ladder(answerable, right, seen, oracle, failed, name):
    assert cause(answerable, right, seen, oracle, failed) == name
    assert name in REASONS


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("oracle", [False, True])
@pytest.mark.parametrize("seen", [False, True, None])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("answerable", [False, True])
def test_a_part_is_to_blame_only_for_a_wrong_answer_with_known_evidence(
    answerable, right, seen, oracle, failed
):
    """All combinations, against what each cause says: was the evidence missing, would it alone have
    done?"""
    named = cause(answerable, right, seen, oracle, failed)
    blamed = answerable and not right and seen is not None and not failed
    assert (named in ("retrieval", "both")) == (blamed and not seen)
    assert (named in ("reading", "both")) == (blamed and not oracle)
    assert (named in ("retrieval", "distraction")) == (blamed and oracle)
    assert (named in ("distraction", "reading")) == (blamed and bool(seen))


def tables(rows):
    """rows of (answerable, right, seen, oracle right, failed) as the tables of a system and its
    oracle."""
    system = [
        {
            "id": f"q{i}",
            "kind": "xyz"[i % 3],
            "answerable": can,
            "right": right and not failed,
            "evidence_seen": seen if can else None,
            "abstained": not can and right,
            "error": "E" if failed else None,
        }
        for i, (can, right, seen, _, failed) in enumerate(rows)
    ]
    oracle = [
        {"id": f"q{i}", "right": right, "error": None}
        for i, (can, _, _, right, _) in enumerate(rows)
        if can
    ]
    columns = ["id", "kind", "answerable", "right", "evidence_seen", "abstained", "error"]
    return pd.DataFrame(system, columns=columns), pd.DataFrame(
        oracle, columns=["id", "right", "error"]
    )


ROW = st.tuples(
    st.booleans(),
    st.booleans(),
    st.sampled_from([True, False, None]),
    st.booleans(),
    st.sampled_from([False, False, False, True]),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROW, min_size=1, max_size=40))
def test_the_shares_of_the_causes_sum_to_what_is_wrong(rows):
    system, oracle = tables(rows)
    found = attribute(system, oracle)
    assert found["cause"].isin(list(REASONS)).all(), "one cause a row"
    assert len(found) == len(system), "one cause a row"
    answerable = found[found["answerable"]]
    if len(answerable):
        assert answerable["cause"].isin(CAUSES).mean() == pytest.approx(
            1 - answerable["right"].mean()
        )
        assert (
            not answerable["cause"]
            .isin(["rightly refused", "answered what should be refused"])
            .any()
        )
    refuse = found[~found["answerable"]]
    assert (
        refuse["cause"].isin(["rightly refused", "answered what should be refused", "failed"]).all()
    )
    assert (found["cause"].eq("failed") == found["error"].notna()).all()
    for by in (None, "kind"):
        shares = blame(found, by)
        assert shares.groupby(["group", "asked"])["share"].sum().to_numpy() == pytest.approx(1.0)
        assert shares["count"].sum() == len(found)
        assert ((shares["low"] <= shares["share"]) & (shares["share"] <= shares["high"])).all()
        assert (shares["n"] == shares.groupby(["group", "asked"])["count"].transform("sum")).all()
    assert "cause" not in system, "the table that came in is as it was"


@settings(deadline=None, max_examples=150)
@given(st.lists(ROW, min_size=1, max_size=40).filter(lambda rows: any(row[0] for row in rows)))
def test_of_answerable_questions_right_ones_and_causes_sum_to_one(rows):
    shares = blame(attribute(*tables(rows)))
    of = shares[shares["asked"] == "answerable"].set_index("cause")["share"]
    named = ["right", "right without evidence", *CAUSES]
    assert of.reindex(named).fillna(0).sum() == pytest.approx(1.0)


@settings(deadline=None, max_examples=150)
@given(st.lists(ROW, min_size=1, max_size=40))
def test_retrieval_and_both_are_the_wrong_answers_without_evidence(rows):
    system, oracle = tables(rows)
    wrong = system[system["answerable"] & ~system["right"] & system["error"].isna()]
    assert attribute(system, oracle)["cause"].isin(["retrieval", "both"]).sum() == (
        wrong["evidence_seen"].map(lambda seen: seen is False).sum()
    )


def test_wrongly_refused_is_wrong_answerable_and_refused():
    system, oracle = tables(
        [
            (True, False, True, True, False),
            (True, False, True, True, False),
            (False, True, None, True, False),
            (True, False, None, False, True),
        ]
    )
    system["abstained"] = [True, False, True, False]
    assert attribute(system, oracle)["wrongly_refused"].tolist() == [True, False, False, False]


def test_an_oracle_that_was_not_asked_is_refused():
    system, oracle = tables(
        [(True, False, False, True, False)] * 3 + [(False, False, None, False, False)]
    )
    with pytest.raises(
        ValueError,
        match=(
            r"the oracle was not asked 2 of these questions, as q1; evaluate it on the same cases"
        ),
    ):
        attribute(system, oracle.iloc[:1])
    with pytest.raises(ValueError, match="was not asked 3"):
        attribute(system)
    unanswerable = attribute(system.iloc[3:])
    assert unanswerable["cause"].tolist() == ["answered what should be refused"], (
        "what must be refused needs no oracle"
    )


def test_an_oracle_that_broke_down_blames_no_part():
    system, oracle = tables(
        [
            (True, False, False, False, False),
            (True, True, True, False, False),
            (True, False, True, False, False),
        ]
    )
    oracle["error"] = ["MemoryError", "MemoryError", None]
    assert attribute(system, oracle)["cause"].tolist() == ["failed", "right", "reading"]


def question(id, answers=("17",), fact=None, quote=True):
    evidence = (Evidence("d", "17 days", 0, 7),) if answers and quote else ()
    return Case(Ask(id, "How many?"), Gold(tuple(answers), evidence), "single", fact or id, "dev")


def judged(predictions, cases, task=QUESTIONS):
    """What `evaluate` makes of these predictions, without running anything."""
    from helpers.core.cases import Arm
    from helpers.evaluation.evaluator import evaluate

    return evaluate(
        Arm("toy", lambda asks: [predictions[ask.id] for ask in asks]), cases, task, keep=False
    )


def test_from_predictions_to_causes():
    """The whole way: what the table says is what the ladder sees."""
    seen, other = (
        (Passage("d", "T", 0, 40, "17 days for everybody."),),
        (Passage("e", "T", 0, 9, "Nothing."),),
    )
    said = {
        "right": ("17", seen),
        "luck": ("17", other),
        "retrieval": ("18", other),
        "distraction": ("18", seen),
        "reading": ("19", seen),
        "both": ("19", other),
        "wrongly": ("I don't know.", other),
        "refused": ("I don't know.", other),
        "answered": ("17 days", seen),
        "bare": ("18", other),
    }
    cases = [
        question(id, () if id in ("refused", "answered") else ("17",), quote=id != "bare")
        for id in said
    ] + [question("broken")]
    predictions = {id: Prediction(id, text, context) for id, (text, context) in said.items()} | {
        "broken": Prediction("broken", "", error="MemoryError: 7 GB")
    }
    system = judged(predictions, cases)
    oracle = judged(
        {
            c.id: Prediction(c.id, "19" if c.id in ("reading", "both") else "17", seen)
            for c in cases
        },
        cases,
    )
    found = attribute(system, oracle).set_index("id")
    wanted = [
        "right",
        "right without evidence",
        "retrieval",
        "distraction",
        "reading",
        "both",
        "retrieval",
        "rightly refused",
        "answered what should be refused",
        "no evidence given",
        "failed",
    ]
    assert found["cause"].tolist() == wanted
    assert found.index[found["wrongly_refused"]].tolist() == ["wrongly"], (
        "a breakdown is no refusal"
    )
    assert not found.loc["broken", ["abstained", "right"]].any()
    assert found.loc["broken", ["exact_match", "token_f1"]].sum() == 0
    assert summary([system]).loc["toy", ["n", "errors", "abstained"]].tolist() == [11, 1, 2]


def test_a_breakdown_on_what_must_be_refused_is_no_refusal():
    table = judged({"a": Prediction("a", "", error="stopped")}, [question("a", ())])
    assert table.loc[0, ["right", "abstained"]].tolist() == [False, False]
    assert table.loc[0, "exact_match"] == 0
    assert attribute(table)["cause"].tolist() == ["failed"]


# --- tickets --------------------------------------------------------------------------------------

GOOD = {"category": "fault", "product": "gale", "priority": "high", "needs_human": False}


@pytest.fixture
def tickets():
    said = {
        "right": json.dumps(GOOD),
        "wrong": json.dumps(GOOD | {"product": "none", "needs_human": True}),
        "schema": json.dumps(GOOD | {"product": "kettle"}),
        "prose": "A fault.",
        "stopped": json.dumps(GOOD),
    }
    cases = [Case(Ask(id, "Help!"), Gold(output=GOOD), "written", id, "dev") for id in said]
    return judged(
        {
            id: Prediction(id, text, error="stopped" if id == "stopped" else None)
            for id, text in said.items()
        },
        cases,
        TICKETS,
    )


def test_tickets_are_right_wrong_invalid_or_failed(tickets):
    found = attribute(tickets)
    assert found["cause"].tolist() == ["right", "valid but wrong", "invalid", "invalid", "failed"]
    assert not found["wrongly_refused"].any()
    shares = blame(found)
    assert shares["asked"].unique().tolist() == ["tickets"]
    assert shares["share"].sum() == pytest.approx(1)
    assert shares["n"].tolist() == [5] * 4


def test_ticket_summary_keeps_form_and_judgement_apart(tickets):
    line = ticket_summary([tickets]).loc["toy"]
    assert line["form (manipulation check)"].to_dict() == {"valid JSON": 0.6, "valid schema": 0.4}
    assert line["judgement"].to_dict() == pytest.approx(
        {
            "category": 0.4,
            "product": 0.2,
            "priority": 0.4,
            "needs_human": 0.2,
            "mean field": 0.3,
            "all four": 0.2,
        }
    )
    assert line["", "n"] == 5
    assert list(ticket_summary({"a": tickets, "b": tickets}).index) == [
        "a",
        "b",
    ]


def test_two_seeds_of_an_arm_are_two_lines(tickets):
    assert (
        list(ticket_summary([tickets, tickets]).index)
        == ["toy", "toy"]
        == list(summary([tickets, tickets]).index)
    )
    assert summary([tickets, tickets])["n"].tolist() == [5, 5]


def test_confusion_shows_what_was_said_instead(tickets):
    table = confusion(tickets, "product")
    assert table.loc["gale", ["gale", "none", "invalid"]].tolist() == [1, 1, 3]
    assert table.to_numpy().sum() == 5
    assert list(table.columns) == [
        "sprig",
        "gale",
        "dewline",
        "almanac",
        "none",
        "invalid",
    ]
    assert list(table.index) == list(table.columns[:-1])
    assert confusion(tickets, "needs_human").loc["False", ["True", "False"]].tolist() == [1, 1]
    with pytest.raises(
        ValueError, match=r"no field 'colour'; it has category, product, priority, needs_human"
    ):
        confusion(tickets, "colour")


def test_tables_without_rows_are_taken(tickets):
    none = tickets.iloc[:0]
    assert share(none)["n"] == 0
    assert (share(none)["low"], share(none)["high"]) == (0, 1)
    assert confusion(none, "product").to_numpy().sum() == 0
    assert summary([none])["n"].tolist() == [0]
    assert attribute(none).empty
    assert blame(attribute(none)).empty


# --- agreement ------------------------------------------------------------------------------------


def asked(*answers):
    """Rows of (fact, right, answer)."""
    return pd.DataFrame(
        [
            {"id": f"q{i}", "fact": fact, "right": right, "answer": answer}
            for i, (fact, right, answer) in enumerate(answers)
        ]
    )


def test_agreement_over_wordings_by_hand():
    """Fact a: three wordings, two right in other words and one wrong: 1 of 3 pairs agrees. b: the
    same wrong words: agrees. c: alone. d: two wrong."""
    found = consistency(
        asked(
            ("a", True, "17 days"),
            ("a", True, "It is 17 days."),
            ("a", False, "18"),
            ("b", False, "The  BLUE one."),
            ("b", False, "blue one"),
            ("c", True, "17"),
            ("d", False, "red"),
            ("d", False, "green"),
        )
    )
    assert found["agreement"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert (
        found["facts"],
        found["n"],
        found["torn"],
    ) == (3, 7, 1)
    assert found["always_right"] == 0
    assert 0 <= found["low"] < found["agreement"] < found["high"] <= 1


def test_perfect_agreement_has_no_width_and_a_lone_wording_none():
    found = consistency(asked(("a", True, "17"), ("a", True, "seventeen")))
    assert (found["agreement"], found["low"], found["high"], found["torn"]) == (1, 1, 1, 0)
    assert found["always_right"] == 1
    with pytest.raises(ValueError, match="no fact in this table was asked in two paraphrases"):
        consistency(asked(("a", True, "17"), ("b", True, "17")))


# --- citations ------------------------------------------------------------------------------------

CONTEXT = (
    Passage("leave", "Leave", 10, 31, "Staff have 17 days of"),
    Passage("fees", "Fees", 0, 15, "The fee is £40."),
)


@pytest.mark.parametrize(
    ("citation", "valid"),
    [
        (Citation(1, "leave", "17 days", "model"), True),
        (Citation(2, "fees", "The fee is £40.", "overlap"), True),
        (Citation(2, "leave", "17 days", "model"), False),
        (Citation(1, "fees", "17 days", "model"), False),
        (Citation(1, "leave", "18 days", "model"), False),
        (Citation(1, "leave", "", "model"), False),
        (Citation(0, "leave", "17 days", "model"), False),
        (Citation(3, "leave", "17 days", "model"), False),
        (Citation(-1, "fees", "The fee", "model"), False),
    ],
)
def test_a_citation_can_be_opened(citation, valid):
    assert citation_valid(citation, CONTEXT) is valid


def test_a_cited_passage_stands_in_its_source():
    source = {"leave": "# Leave\n\n.Staff have 17 days of leave.", "fees": "The fee is £40."}
    one = Citation(1, "leave", "17 days", "model")
    assert citation_valid(one, CONTEXT, source)
    assert not citation_valid(
        one, CONTEXT, source | {"leave": source["leave"].replace("17", "18")}
    ), "the document has changed since"
    assert not citation_valid(one, CONTEXT, {"fees": "The fee is £40."})
    assert not citation_valid(one, (), source)


def test_support_is_the_share_of_content_words_that_stand_there():
    one, two = (Citation(n, CONTEXT[n - 1].doc, "x", "model") for n in (1, 2))
    assert citation_support("Staff have 17 days.", [one], CONTEXT) == 1
    assert citation_support("Staff have 40 hours", [one], CONTEXT) == pytest.approx(2 / 4), (
        "staff, have; not 40, not hours"
    )
    assert citation_support("Staff pay £40", [one, two], CONTEXT) == 1, "of all that is cited"
    assert citation_support("17 days", [], CONTEXT) is None
    assert citation_support("it is so", [one], CONTEXT) is None
    assert citation_support("", [one], CONTEXT) is None
    assert citation_support("Staff", [Citation(9, "leave", "x", "model")], CONTEXT) == 0, (
        "a number that names no passage supports nothing"
    )


def test_what_a_row_says_of_citations():
    gold = Gold(("17",), (Evidence("leave", "17 days", 21, 28),))
    scores = question_scores(
        Prediction("a", "17 days [1]", CONTEXT, (Citation(1, "leave", "17 days", "model"),)), gold
    )
    assert (
        scores["citations_valid"],
        scores["citation_support"],
        scores["cites_evidence"],
        scores["evidence_seen"],
    ) == (True, 1.0, True, True)
    silent = question_scores(Prediction("a", "17 days", CONTEXT), gold)
    assert (silent["citations_valid"], silent["citation_support"], silent["cites_evidence"]) == (
        None,
        None,
        False,
    )
    assert question_scores(Prediction("a", "17"), Gold(("17",)))["cites_evidence"] is None


# --- refusals -------------------------------------------------------------------------------------

REFUSALS = """
I don't know.|I DON’T KNOW|i do not know|I'm not sure.|Unknown|n/a|N/A.|No information.
The passages do not contain the answer.|The context doesn't mention this.
This is not mentioned in the handbook|Not specified.|I'm sorry, I cannot share that.
Sorry, I can't help with that. Please contact HR.|I am unable to answer this question.
We are not able to tell you that.|There is no information about that in the context.
The handbook does not say. Ask your manager.|I cannot answer.
It cannot be determined from the passages.|Not enough information|Insufficient context.
I have no idea.|I don't have access to that document.
Unfortunately, that is not stated in the documents.|I'm afraid I don't know that.
That isn't covered by the handbook.|I couldn't find that.|The answer is not given.
It is not in the passages.|I don't know! [1]|The context does not provide information about parking.
None of the passages mention this.|The passages say nothing about parking.
Nothing in the passages answers this.|I won't answer that.|That information is confidential.
I'm not allowed to share that.|You don't have permission to see this.
You are not authorised to view this.|Access denied.|Not given.|Not found.|It doesn't say.
That's not something I know.|I really don't know.|The answer is: not mentioned.
Information not available.|No relevant information was found.|I did not find that in the handbook.
I have not found that.|I could not locate that information.|It's unclear.
It is not clear from the context.|The passages do not make this clear.|They don't say.
I don't know. Is there anything else?|I don't know, sorry.|I don't know, as this is not mentioned.
As an AI, I don't know.|According to the passages, it is not specified.
Answer: I don't know.|"I don't know."|**I don't know.**|I don’t know…|i dont know|I dunno|idk
Hmm, I'm not sure.|The policy doesn't mention dogs.|There is no mention of dogs.
I don't have enough information to answer.|This question cannot be answered from the passages.
I'm sorry, but I can't share that information.|You cannot see this.|…|?
"""
ANSWERS = """
Sorry, the fee is £40.|I don't know, but it is 17 days.|I don't know, perhaps 17 days?
I'm sorry, it is 30 days.|17 days|No, we do not refund after 30 days.|You can do that in Trellis.
No.|Yes
The policy does not allow dogs.|I do not know. It is 17 days.|We do not know exactly; 25 days.
Not before 1 March.|The product is not available in Canada.
Frost damage is not covered by the warranty.|The kit does not include batteries.
We do not provide lunch.|VAT is not included.|You cannot share your password.
Visitors can not access the roof.|It is not listed above.|Sorry for the delay
I don't know, it is Trellis.|I don't know, 17 days.|I don't know - 17 days|I don't know — Trellis
I don't know. Trellis.|I don't know: 17 days.|I don't know. Please pay £40.
The policy does not cover contractors.
The policy does not include weekends.|The policy does not give extra days.
No documents are required.|No further information is needed.|You cannot see salaries of others.
You are not allowed to bring dogs.|I'm not allowed to carry over more than 5 days.
The gate is unknown to visitors.|Unless the fee is not stated on the invoice, it is £40.
25 days, which is not mentioned elsewhere.|The code must never be given to visitors.
The password must not be disclosed.|Devices that have not answered for 9 months are left out.
We do not tell a dealer what to charge.|Details are in Trellis.|Please contact HR.|Not covered.
None|Nothing.|Zero|It takes 3 days. I do not know why.
"""


def wordings(text):
    return [one for line in text.strip().split("\n") for one in line.split("|")]


@pytest.mark.parametrize("reply", wordings(REFUSALS))
def test_this_refuses(reply):
    assert abstains(reply)
    assert answer_correct(reply, [])
    assert hedges(reply) == (reply not in "…?")
    assert not answer_correct(reply, ["know", "mentioned"])


@pytest.mark.parametrize("reply", wordings(ANSWERS))
def test_this_claims_something(reply):
    assert not abstains(reply)
    assert not answer_correct(reply, [])


def test_no_right_answer_of_ours_reads_like_a_refusal():
    """Else it could never be answered right."""
    for split in ("dev", "test"):
        for case in load_questions(split):
            for answer in case.gold.answers:
                assert answer_correct(answer, case.gold.answers), (
                    case.id,
                    answer,
                )
                assert not abstains(answer), (
                    case.id,
                    answer,
                )


def test_accents_do_not_depend_on_how_they_are_typed():
    assert answer_correct("Cafe\u0301 Noir", ["café noir"])
    assert answer_correct("café noir", ["CAFE\u0301 noir"])
    assert not answer_correct("cafe noir", ["café noir"])
    assert answer_correct("İstanbul", ["İstanbul"]), "a letter with an accent is one letter"
    assert not answer_correct("İstanbul", ["stanbul"]), "a letter with an accent is one letter"
