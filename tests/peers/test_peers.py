"""Do our figures agree with other people's tools? The same random and odd inputs go to ours and to
theirs, and equality is demanded.

| ours | peer |
| --- | --- |
| exact match, token F1 | the published evaluation of SQuAD 2.0, written out below (transformers 5
no longer ships its copy) | | recall, precision, reciprocal rank, nDCG | ir_measures, whose engine
is NIST's trec_eval | | Wilson interval, exact McNemar test, cases to settle | statsmodels | | valid
tickets | jsonschema on the schema that pydantic writes |
"""

from __future__ import annotations

import collections
import json
import math
import random
import re
import string
import time

import numpy as np
import pandas as pd
import pytest

from helpers.core.cases import Gold, Prediction
from helpers.data.tickets import Ticket, parse_strict
from helpers.evaluation import comparison, refusals, scores
from helpers.evaluation import text as evaluation_text
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.retrieval_metrics import (
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)

ODD = [
    "",
    " ",
    "\n\t ",
    "the",
    "a an the",
    "The A An",
    "theatre",
    "an_a",
    "a-the",
    ".",
    "?!...",
    "''",
    '"',
    "!@#$%^&*()",
    "¿¡",
    "…",
    "–",
    "’",
    "“the”",
    "don't",
    "don’t",
    "17",
    "17.",
    "1,350",
    "1,350.50",
    "1.350,50",
    "£40.00",
    "40 %",
    "3:1",
    "²",
    "½",
    "١٧",
    "x²",
    "😀",
    "the 😀",
    "👩‍👩‍👧",
    "é",
    "e\u0301",
    "cafe\u0301 the",
    "İstanbul",
    "istanbul",
    "ISTANBUL",
    "ı",
    "ß",
    "SS",
    "ﬁ",
    "line\u2028break",
    "line\u2029break the",
    "next\x85line",
    "a\u00a0the\u00a0b",
    "zero\u200bwidth",
    "\ufeffbom",
    "nul\x00",
    "\ud800",
    "a \udfff the",
    "中文 的",
    "עברית",
    "a.b.c",
    "the.",
    ".the.",
    "the,a,an",
    "U.S.A.",
    "an apple a day",
    "A B A B",
    "[1]",
    "the [12]",
    "\\frac",
    "_the_",
    "the_",
    "x" * 5_000,
    " ".join(f"word{i % 977}" for i in range(10_000)),
    "the " * 10_000,
]
WORDS = [
    "the",
    "a",
    "an",
    "The",
    "17",
    "17 days",
    "1,350",
    "days",
    "Days,",
    "leave",
    "Leave.",
    "é",
    "e\u0301",
    "😀",
    "-",
    "…",
    "\u2028",
    "annual",
    "£40",
    "finance",
    "director",
    "[1]",
]


def random_text(dice):
    if dice.random() < 0.2:
        return "".join(
            chr(
                dice.choice(
                    (
                        dice.randrange(32, 127),
                        dice.randrange(0x2000, 0x2070),
                        dice.randrange(0x300, 0x370),
                    )
                )
            )
            for _ in range(dice.randrange(12))
        )
    return dice.choice((" ", "  ", "\n", "")).join(
        dice.choice(WORDS) for _ in range(dice.randrange(8))
    )


# --- SQuAD 2.0 ------------------------------------------------------------------------------------


def published_normal_form(s):
    """Rajpurkar, Jia and Liang (2018), evaluation script of SQuAD 2.0: normalize_answer."""

    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def white_space_fix(text):
        return " ".join(text.split())

    def remove_punc(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def published_tokens(s):
    return published_normal_form(s).split() if s else []


def published_exact(a_gold, a_pred):
    return int(published_normal_form(a_gold) == published_normal_form(a_pred))


def published_f1(a_gold, a_pred):
    gold_toks, pred_toks = published_tokens(a_gold), published_tokens(a_pred)
    common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision, recall = 1.0 * num_same / len(pred_toks), 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def published_score(score, golds, prediction):
    """get_raw_scores: golds that normalise to nothing are dropped, none left means the empty
    answer, and the best gold counts."""
    return max(
        score(gold, prediction) for gold in [g for g in golds if published_normal_form(g)] or [""]
    )


def squad_inputs():
    dice = random.Random(1)
    # long against long would cost a minute and tell nothing new
    yield from ((text, [gold]) for text in ODD for gold in ODD[:-3])
    yield from ((text, [text]) for text in ODD)
    yield from (
        (text, golds) for text in ODD for golds in ([], [""], ["the", "."], ["17 days", "", "the"])
    )
    yield from (
        (random_text(dice), [random_text(dice) for _ in range(dice.randrange(4))])
        for _ in range(3_000)
    )


@pytest.mark.slow
def test_exact_match_and_f1_are_those_of_squad():
    met = collections.Counter()
    for text, golds in squad_inputs():
        assert evaluation_text.squad_normalise(text) == published_normal_form(text), repr(text)
        exact, f1 = (
            published_score(published_exact, golds, text),
            published_score(published_f1, golds, text),
        )
        assert scores.exact_match(text, golds) == exact, (text[:80], golds)
        assert scores.token_f1(text, golds) == pytest.approx(f1, abs=1e-12), (text[:80], golds)
        met[exact, 0 < f1 < 1] += 1
    assert met.total() > 5_000, met
    assert min(met[1, False], met[0, True], met[0, False]) > 100, met


def test_transformers_ships_no_copy_to_compare_with():
    """Its squad_metrics went with version 5. Should one come back, it becomes a second peer."""
    import importlib.util

    assert importlib.util.find_spec("transformers.data.metrics") is None, (
        "compare with transformers.data.metrics.squad_metrics, too"
    )


@pytest.mark.parametrize("text", ODD, ids=[f"{i}" for i in range(len(ODD))])
def test_every_scorer_takes_odd_text_and_is_quick(text):
    started = time.process_time()
    for gold in (Gold(("17 days", text)), Gold()):
        found = scores.question_scores(Prediction("a", text), gold)
        assert found["abstained"] in (True, False)
        assert 0 <= found["token_f1"] <= 1
        assert scores.question_correct(Prediction("a", text), gold) in (True, False)
    assert parse_strict(text).ticket is None, (
        "10,000 words take well under a second on an idle machine"
    )
    assert time.process_time() - started < 3, (
        "10,000 words take well under a second on an idle machine"
    )


@pytest.mark.parametrize(
    "text",
    [
        "I don't know x1x. " * 3_000,
        " ".join(f"I don't know w{i}x." for i in range(3_000)),
        "." * 60_000,
        "a" + "." * 60_000 + "x",
        "no answer" + "!" * 60_000 + "x",
        "i do not " + "l" * 30_000 + "ly",
        "really " * 10_000,
        "1," * 30_000,
        "1.2," * 15_000,
        "e" + "\u0301" * 60_000,
        "n't " * 15_000,
        ", it is" * 10_000,
        "none of the " * 5_000,
        " - " * 20_000,
        "*" * 60_000,
        "[" * 60_000,
        "no " * 20_000,
        "\n" * 60_000,
        "the passages " * 5_000,
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_no_pattern_runs_away(text):
    """A regular expression that backtracks would take minutes, not a second, on one of these."""
    started = time.process_time()
    scores.question_scores(Prediction("a", text), Gold(("17",)))
    scores.answer_correct(text, ["17"]), refusals.hedges(text)
    assert time.process_time() - started < 5


# --- ranked lists ---------------------------------------------------------------------------------


def random_rankings(dice, n):
    """(ranked, relevant, judged and found irrelevant): short and long lists, empty ones, nothing
    relevant, everything relevant."""
    for _ in range(n):
        docs = [f"d{i}" for i in range(dice.choice((1, 2, 5, 30)))]
        ranked = dice.sample(docs, dice.randrange(len(docs) + 1))
        relevant = set(dice.sample(docs, dice.choice((0, 1, min(2, len(docs)), len(docs)))))
        yield ranked, relevant, set(docs) - relevant


def test_ranking_measures_are_those_of_trec_eval():
    import ir_measures
    from ir_measures import RR, P, Qrel, R, ScoredDoc, nDCG

    dice, ks = random.Random(2), (1, 2, 3, 5, 10, 100)
    queries = {f"q{i}": one for i, one in enumerate(random_rankings(dice, 800))}
    # A judged irrelevant document keeps queries without a relevant one in the judgements; see the
    # next test for those without any.
    qrels = [
        Qrel(q, doc, int(doc in relevant))
        for q, (_, relevant, rest) in queries.items()
        for doc in relevant | rest | {"never found"}
    ]
    # no two scores alike
    run = [
        ScoredDoc(q, doc, 1000.0 - place)
        for q, (ranked, _, _) in queries.items()
        for place, doc in enumerate(ranked)
    ]
    ours = {R: recall_at_k, P: precision_at_k, nDCG: ndcg_at_k}
    theirs = {
        (m.query_id, m.measure): m.value
        for m in ir_measures.iter_calc(
            [RR, *(measure @ k for measure in ours for k in ks)], qrels, run
        )
    }
    assert len(theirs) == 800 * (1 + 3 * len(ks)), (
        "ir_measures counts a query with an empty ranking as 0, and leaves none out"
    )
    for q, (ranked, relevant, _) in queries.items():
        assert reciprocal_rank(ranked, relevant) == pytest.approx(theirs[q, RR], abs=1e-9)
        for measure, own in ours.items():
            for k in ks:
                assert own(ranked, relevant, k) == pytest.approx(
                    theirs[q, measure @ k], abs=1e-6
                ), (measure, k, ranked, relevant)
    empty = [q for q, (ranked, _, _) in queries.items() if not ranked]
    hopeless = [q for q, (_, relevant, _) in queries.items() if not relevant]
    assert len(empty) > 50
    assert len(hopeless) > 50


def test_a_query_that_nobody_judged_is_zero_here_and_left_out_there():
    """The one difference: ir_measures never hears of a query without judgements, so its mean leaves
    it out. Our caller decides, not the measure."""
    import ir_measures
    from ir_measures import R

    assert list(ir_measures.iter_calc([R @ 3], [], [ir_measures.ScoredDoc("q", "d", 1.0)])) == []
    assert recall_at_k(["d"], set(), 3) == 0.0


def test_a_document_listed_twice_counts_once():
    """trec_eval takes no such list. Nobody should gain by repeating what is right."""
    assert (
        ndcg_at_k(["a", "a", "a"], ["a", "b"], 3) == ndcg_at_k(["a", "x", "y"], ["a", "b"], 3) < 1
    )
    assert (
        recall_at_k(["a", "a"], ["a", "a", "b"], 2) == 0.5 == precision_at_k(["a", "a"], ["a"], 2)
    )


# --- proportions and pairs ------------------------------------------------------------------------


@pytest.mark.slow
def test_wilson_is_that_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    dice = random.Random(3)
    small = [(k, n) for n in range(1, 61) for k in range(n + 1)]
    large = [(dice.randrange(n + 1), n) for n in (dice.randrange(61, 10**6) for _ in range(500))]
    for k, n in small + large + [(0, 10**9), (10**9, 10**9)]:
        low, high = wilson(k, n)
        assert (low, high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-9)
        assert 0 <= low <= k / n + 1e-15
        assert k / n - 1e-15 <= high <= 1


def test_mcnemar_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar

    dice = np.random.default_rng(4)
    odd = [
        np.zeros((2, 5)),
        np.ones((2, 5)),
        np.array([[1, 1, 0, 0], [0, 0, 1, 1]]),
        np.array([[1.0], [0.0]]),
    ]
    drawn = [
        (dice.random((2, n)) < dice.random((2, 1))).astype(float)
        for n in dice.integers(1, 400, 600)
    ]
    for first, second in odd + drawn:
        table = [[((first == x) & (second == y)).sum() for y in (1, 0)] for x in (1, 0)]
        only_first, only_second, (p,) = comparison.mcnemar(first[None], second[None])
        assert (only_first, only_second) == (table[0][1], table[1][0])
        # theirs is nan where no pair differs
        theirs = mcnemar(np.array(table), exact=True).pvalue if only_first + only_second else 1.0
        assert p == pytest.approx(theirs, abs=1e-12)


def test_cases_to_settle_is_the_sample_size_of_statsmodels():
    """The two-sided z test, up to the tail on the wrong side, which is less than 1e-5 where power
    is 80 %."""
    from statsmodels.stats.power import normal_sample_size_one_tail

    dice = random.Random(5)
    for _ in range(600):
        n, difference, deviation, level = (
            dice.randrange(10, 500),
            dice.uniform(0.005, 0.5),
            dice.uniform(0.2, 1),
            dice.choice((0.95, 0.975, 0.99)),
        )
        half_width = deviation / math.sqrt(n) * _z(level)
        needed = normal_sample_size_one_tail(
            difference, comparison.POWER, (1 - level) / 2, deviation
        )
        for sign in (1, -1):
            assert comparison.cases_to_settle(
                sign * difference, half_width, n, level
            ) == pytest.approx(max(n + 1, needed), abs=1.01)


def _z(level):
    from scipy.stats import norm

    return norm.ppf((1 + level) / 2)


@pytest.mark.slow
def test_so_many_cases_do_settle_it_four_times_out_of_five():
    """By simulation through `interval` itself: 300 experiments of the promised size, 80 % +/- 6
    points (2.6 standard errors). Half as many cases would settle 53 %, twice as many 98 %.
    """
    only_second, only_first, pilot = 0.25, 0.10, 120
    low, high = _interval(pilot, round(pilot * only_second), round(pilot * only_first))
    n = comparison.cases_to_settle(only_second - only_first, (high - low) / 2, pilot)
    dice, met = np.random.default_rng(6), {}
    for plus, minus, _ in dice.multinomial(
        n, [only_second, only_first, 1 - only_second - only_first], size=300
    ):
        met.setdefault((plus, minus), _interval(n, plus, minus)[0] > 0)
        met["better"] = met.get("better", 0) + met[plus, minus]
    assert met["better"] / 300 == pytest.approx(comparison.POWER, abs=0.06)


def _interval(n, plus, minus):
    gain = pd.Series(np.repeat([1.0, -1.0, 0.0], [plus, minus, n - plus - minus]))
    return comparison.interval(gain, pd.Series(np.arange(n)))


# --- tickets --------------------------------------------------------------------------------------

SCHEMA = Ticket.model_json_schema()
TICKET = {"category": "fault", "product": "gale", "priority": "high", "needs_human": False}
VALUES = [
    "fault",
    "delivery",
    "gale",
    "none",
    "urgent",
    "low",
    True,
    False,
    None,
    0,
    1,
    1.0,
    0.0,
    -1,
    "",
    "true",
    "True",
    "FAULT",
    "fault ",
    " fault",
    "fau\u200blt",
    "ﬁault",
    "how_to",
    "how to",
    [],
    ["fault"],
    {},
    {"category": "fault"},
    1e308,
    "\ud800",
    "😀",
]


def mutated_tickets(dice, n):
    """JSON texts that are tickets, nearly tickets, or nothing of the kind."""
    for _ in range(n):
        ticket = {
            key: dice.choice(SCHEMA["properties"][key].get("enum", [True, False]))
            for key in dice.sample(list(TICKET), 4)
        }
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            change, key = dice.randrange(5), dice.choice(list(TICKET))
            if change == 0:
                ticket.pop(key, None)
            elif change == 1:
                ticket[key] = dice.choice(VALUES)
            elif change == 2:
                ticket[dice.choice(("note", "Category", "category ", "", "\ud800", "😀"))] = (
                    dice.choice(VALUES)
                )
            elif change == 3 and key in ticket:
                ticket = {
                    key.upper() if one == key else one: value for one, value in ticket.items()
                }
            else:
                ticket = dict(reversed(ticket.items()))
        text = json.dumps(
            dice.choice(
                (
                    ticket,
                    ticket,
                    ticket,
                    ticket,
                    ticket,
                    [ticket],
                    ticket.get("category"),
                    {"ticket": ticket},
                )
            ),
            ensure_ascii=dice.random() < 0.7,
            indent=dice.choice((None, 2)),
        )
        change = dice.randrange(14)
        if change == 0:
            text = (
                dice.choice(
                    ("Sure! ", "```json\n", "\ufeff", "// a ticket\n", " \n", "\x0b", "\u2028")
                )
                + text
            )
        elif change == 1:
            text += dice.choice((text, ".", "\n", "```", "}", ",", "\x00", "  \t"))
        elif change == 2:
            text = text.replace(
                dice.choice(('"', "}", ":", ",", "{")), dice.choice(("'", "", "“", ",,")), 1
            )
        elif change == 3:
            text = re.sub(
                r"\b(true|false)\b",
                dice.choice(
                    ("True", "NaN", "Infinity", "-Infinity", "yes", "TRUE", "null", "1e999")
                ),
                text,
            )
        elif change == 4:
            text = text.replace("{", '{"category": "fault", ', 1)  # often a key twice
        elif change == 5:
            text = text.replace("fault", "\\u0066ault")  # another spelling of the same
        elif change == 6:
            text = text[: dice.randrange(len(text) + 1)]
        yield text


def peer_says(text, validator):
    """jsonschema judges what Python's json reads; json alone would let NaN and a key twice pass,
    which RFC 8259 forbids or calls unpredictable."""

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def not_json(_):
        raise AssertionError

    try:
        found = json.loads(text, object_pairs_hook=once, parse_constant=not_json)
    except (ValueError, AssertionError):
        return "invalid JSON"
    return "valid" if validator.is_valid(found) else "invalid schema"


def test_valid_tickets_are_those_of_jsonschema():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["additionalProperties"] is False, "else both would agree on forgiving too much"
    assert set(SCHEMA["required"]) == set(TICKET), "else both would agree on forgiving too much"
    validator, met = Draft202012Validator(SCHEMA), collections.Counter()
    for text in [*mutated_tickets(random.Random(7), 2_500), *ODD]:
        state = parse_strict(text).state
        assert state == peer_says(text, validator), repr(text)
        met[state] += 1
    assert min(met["valid"], met["invalid schema"], met["invalid JSON"]) >= 400, met


def test_where_a_lenient_peer_would_differ_is_written_down():
    """Two principled differences to jsonschema on plain `json.loads`, and three that people expect
    and that do not exist."""
    from jsonschema import Draft202012Validator

    validator, good = Draft202012Validator(SCHEMA), json.dumps(TICKET)
    twice = good.replace("{", '{"category": "billing", ', 1)
    assert validator.is_valid(json.loads(twice)), "a key twice: which one would the software take?"
    assert parse_strict(twice).state == "invalid JSON", (
        "a key twice: which one would the software take?"
    )
    nan = good.replace("false", "NaN")
    assert json.loads(nan), "NaN is not JSON; both refuse the ticket, we call it by its name"
    assert parse_strict(nan).state == "invalid JSON", (
        "NaN is not JSON; both refuse the ticket, we call it by its name"
    )
    for number in (0, 1, 0.0, 1.0):  # Python's True == 1 misleads neither
        assert not validator.is_valid(TICKET | {"needs_human": number})
        assert parse_strict(json.dumps(TICKET | {"needs_human": number})).state == "invalid schema"
    huge = good.replace("false", "1" * 5_000)
    with pytest.raises(ValueError, match="digits"):
        # Python reads no integer of more than 4,300 digits: valid JSON, but no ticket either way
        json.loads(huge)
    assert parse_strict(huge).state == "invalid JSON"
