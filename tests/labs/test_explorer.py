"""What a reader sees of results: is every character of a hostile document escaped, is exactly the
evidence marked, do pictures say their numbers?"""

from __future__ import annotations

import html
import itertools
import json
import re
import struct

import numpy as np
import pandas as pd
import pytest
from conftest import TODAY
from hypothesis import assume, example, given
from hypothesis import strategies as st

from helpers import plots
from helpers.core.cases import Arm, Ask, Case, Citation, Evidence, Gold, Passage, Prediction
from helpers.evaluation import text as evaluation_text
from helpers.evaluation.attribution import CAUSES, REASONS, attribute, blame
from helpers.evaluation.comparison import compare, compare_all
from helpers.evaluation.evaluator import QUESTIONS, TICKETS, evaluate
from helpers.labs.case_explorer import (
    alias_span,
    case_html,
    case_text,
    evidence_spans,
    explorer,
    show_case,
)
from helpers.plots import blame as plots_blame
from helpers.plots import results
from helpers.plots.canvas import CAUSE_COLOURS, COLOURS, colour_of

EVIL = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"'&"
TEXT = "Leave rules. Staff get 17 days. Managers get 19 days."
QUOTE = "Staff get 17 days."
AT = TEXT.index(QUOTE)
WHOLE = Passage("leave", "Leave", 0, len(TEXT), TEXT, 0.71)
FIRST_HALF = Passage("leave", "Leave", 0, AT + 5, TEXT[: AT + 5], 0.6)
OTHER = Passage("visits", "Visits", 0, 9, "Badge 7b.", 0.3)


def question(id, kind="single", answers=("17 days", "17"), text="How many days?"):
    evidence = (Evidence("leave", QUOTE, AT, AT + len(QUOTE)),) if answers else ()
    return Case(
        Ask(id, text, ("staff", "uk"), TODAY), Gold(tuple(answers), evidence), kind, id, "dev"
    )


def judged(cases, predictions, task=QUESTIONS, name="toy"):
    return evaluate(Arm(name, lambda asks: predictions), cases, task, keep=False)


def attributed(cases, predictions, right_with_oracle=()):
    answerable = [case for case in cases if case.gold.answers]
    oracle = judged(
        answerable,
        [
            Prediction(c.id, "17 days" if c.id in right_with_oracle else "no idea")
            for c in answerable
        ],
    )
    return attribute(judged(cases, predictions), oracle)


@pytest.fixture
def shelf():
    """Six cases, one for each way to be shown."""
    cases = [
        question("right"),
        question("lost"),
        question("read", "table"),
        question("refuse", "unanswerable", ()),
        question("broken"),
        question("lucky"),
    ]
    cited = (Citation(1, "leave", QUOTE, "model"),)
    table = attributed(
        cases,
        [
            Prediction("right", "It is 17 days. [1]", (WHOLE, OTHER), cited, 1200, 6, 0.5),
            Prediction(
                "lost", "18 days", (OTHER,), (Citation(1, "visits", "not there", "overlap"),)
            ),
            Prediction("read", "19 days", (WHOLE,)),
            Prediction("refuse", "42", (OTHER,)),
            Prediction("broken", "", error="RuntimeError: out of memory"),
            Prediction("lucky", "17", ()),
        ],
        ["lost"],
    )
    return table, cases


def marks(text):
    return re.findall(r"<mark[^>]*>(.*?)</mark>", text, re.DOTALL)


def test_a_case_tells_all_that_happened(shelf):
    table, cases = shelf
    shown = show_case(table, cases, "right")
    text = repr(shown)
    for piece in (
        "How many days?",
        "staff, uk",
        "2 March 2026",
        "It is right ▸17 days◂. [1]",
        "17 days / 17",
        "evidence in [1]",
        "similarity 0.71",
        "[2] Visits",
        "Verdict: right.",
        REASONS["right"],
        "[1] leave: “Staff get 17 days.”",
        "the model wrote this number",
        "1,200 tokens in, 6 out",
    ):
        assert piece in text, piece
    assert marks(shown._repr_html_()) == ["17 days", QUOTE]
    lost = repr(show_case(table, cases, "lost"))
    assert "no evidence in it" in lost
    assert REASONS["retrieval"] in lost
    assert "✗ does not stand in that passage" in lost
    assert "the code chose" in lost
    assert "It was shown no passage" in repr(show_case(table, cases, "lucky"))
    assert REASONS["right without evidence"] in repr(show_case(table, cases, "lucky"))
    assert "RuntimeError: out of memory" in repr(show_case(table, cases, "broken"))
    assert "(nothing)" in repr(show_case(table, cases, "broken"))
    assert "a refusal" in repr(show_case(table, cases, "refuse"))
    assert marks(show_case(table, cases, "refuse").html) == []


def test_an_answer_that_was_refused_is_told():
    table = attributed([question("a")], [Prediction("a", "I don't know.", (WHOLE,))])
    assert "It refused, although there was an answer." in repr(
        show_case(table, [question("a")], "a")
    )


def test_nothing_from_outside_becomes_html():
    case = Case(
        Ask(EVIL, EVIL, (EVIL,), TODAY),
        Gold((EVIL,), (Evidence(EVIL, EVIL, 3, 3 + len(EVIL)),)),
        EVIL,
        "f",
        "dev",
    )
    passage = Passage(EVIL, EVIL, 0, 200, "abc" + EVIL + EVIL, 0.5)
    for prediction in (
        Prediction(EVIL, EVIL, (passage,), (Citation(1, EVIL, EVIL, "model"),)),
        Prediction(EVIL, EVIL, error=EVIL),
    ):
        table = attributed([case], [prediction])
        as_ticket = [Case(case.ask, Gold(output=GOLD | {"product": EVIL}), EVIL, "f", "dev")]
        schema = Prediction(EVIL, json.dumps(GOLD | {EVIL: EVIL}))
        tickets = [attribute(judged(as_ticket, [said], TICKETS)) for said in (prediction, schema)]
        for shown in (
            show_case(table, [case], EVIL).html,
            *(show_case(ticket, as_ticket, EVIL).html for ticket in tickets),
        ):
            assert EVIL not in shown
            assert html.escape(EVIL) in shown
            assert set(re.findall(r"<\s*/?\s*(\w+)", shown)) <= {
                "div",
                "p",
                "b",
                "h4",
                "span",
                "small",
                "mark",
                "table",
                "tr",
                "th",
                "td",
            }
    assert marks(
        case_html(attributed([case], [Prediction(EVIL, "no", (passage,))]).iloc[0], case)
    ) == [html.escape(EVIL)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=4),
    st.integers(0, 50),
    st.integers(1, 40),
    st.text("ab<&' \n", min_size=80, max_size=80),
)
@example([(2, 20), (4, 3)], 0, 40, "x" * 80)
def test_exactly_the_evidence_is_marked(quotes, start, length, source):
    """Against the definition: letter by letter, is it inside a quote of the same document?"""
    evidence = [Evidence("d", source[a : a + n], a, a + n) for a, n in quotes]
    passage = Passage("d", "t", start, min(80, start + length), source[start : start + length])
    spans = evidence_spans(passage, [*evidence, Evidence("other", source, 0, 80)])
    inside = {i for a, b in spans for i in range(a, b)}
    assert inside == {
        i for i in range(len(passage.text)) if any(a <= i + start < a + n for a, n in quotes)
    }
    assert all(b < c for (_, b), (c, _) in itertools.pairwise(spans))


def test_a_quote_that_was_cut_is_called_a_part():
    table = attributed([question("a")], [Prediction("a", "17 days", (FIRST_HALF,))])
    shown = show_case(table, [question("a")], "a")
    assert marks(shown.html) == ["17 days", "Staff"]
    assert "part of the evidence ▸Staff◂" in shown.text
    assert "part of the evidence in [1]" in shown.text


@given(
    st.text(max_size=60),
    st.sampled_from(["17 days", "1,350 GBP", "the Finance Director", "11.5"]),
    st.text(max_size=60),
)
def test_the_marked_alias_is_what_the_scorer_accepts(before, answer, after):
    reply = f"{before} {answer} {after}"
    assume(evaluation_text.holds(reply, [answer]))  # "< 17 days" is not 17 days
    found = alias_span(reply, ["", answer])
    assert found, "an alias that stands there was not found"
    assert evaluation_text.tokens(reply[slice(*found)]) == evaluation_text.tokens(answer)


def test_the_longest_alias_is_marked_and_citations_are_no_answers():
    assert alias_span("Up to 17 days", ["17", "17 days"]) == (6, 13)
    assert alias_span("25 days [17]", ["17"]) is None
    assert alias_span("", ["17"]) is None
    assert alias_span("17", []) is None


def find(box, name):
    return next(
        w
        for w in [
            box,
            *(x for child in box.children for x in [child, *getattr(child, "children", ())]),
        ]
        if name in w._dom_classes
    )


def test_leafing_through(shelf):
    table, cases = shelf
    box = explorer(table, cases)
    verdict, kind, following, previous, position, panel = (
        find(box, f"t-{n}") for n in ("verdict", "kind", "next", "previous", "position", "panel")
    )
    assert [label for label, _ in verdict.options] == [
        "all (6)",
        "right (1)",
        "right without evidence (1)",
        "retrieval (1)",
        "reading (1)",
        "answered what should be refused (1)",
        "failed (1)",
    ]
    assert "1 of 6" in position.value
    assert "role='status'" in position.value
    assert "aria-live" in position.value
    assert "Verdict: right." in panel.value
    following.click()
    assert "2 of 6" in position.value
    assert "Verdict: retrieval." in panel.value
    previous.click()
    previous.click()
    assert "6 of 6" in position.value, "before the first comes the last"
    assert "right without evidence" in panel.value, "before the first comes the last"
    following.click()
    assert "1 of 6" in position.value
    verdict.value = "reading"
    assert "1 of 1" in position.value
    assert "19 days" in panel.value
    assert following.disabled
    assert previous.disabled
    kind.value = "unanswerable"
    assert "no case has this verdict and this kind" in position.value
    assert panel.value == ""
    verdict.value = "all"
    assert "1 of 1" in position.value
    assert "Verdict: answered what should be refused." in panel.value
    kind.value = "all"
    assert "1 of 6" in position.value
    assert not following.disabled


@pytest.fixture
def twice_wrong():
    """A case that lacked the evidence and one that had it, both wrong with it alone, too."""
    cases = [question("lost and unread"), question("unread")]
    said = [
        Prediction("lost and unread", "18 days", (OTHER,)),
        Prediction("unread", "19 days", (WHOLE,)),
    ]
    return attributed(cases, said), cases


def test_the_filter_tells_both_from_reading(twice_wrong):
    verdict = find(explorer(*twice_wrong), "t-verdict")
    assert [label for label, _ in verdict.options] == ["all (2)", "both (1)", "reading (1)"]


def test_the_filter_both_shows_the_case_and_why(twice_wrong):
    box = explorer(*twice_wrong)
    find(box, "t-verdict").value = "both"
    shown = html.unescape(find(box, "t-panel").value)
    assert f"<b>Verdict: both.</b> {REASONS['both']}" in shown


def test_what_cannot_be_explored_is_said(shelf):
    table, cases = shelf
    for call, what in (
        (lambda: explorer(table.drop(columns="cause"), cases), "no verdicts yet"),
        (
            lambda: explorer(table, cases[1:]),
            "1 cases of the table are not among the cases given, as right",
        ),
        (lambda: explorer(table.iloc[:0], cases), "no case in this table"),
        (
            lambda: show_case(table, cases, "nobody"),
            "no case 'nobody' in this table; it has right, lost, read, …",
        ),
    ):
        with pytest.raises(ValueError, match=what):
            call()


GOLD = {"category": "fault", "product": "gale", "priority": "high", "needs_human": False}


@pytest.fixture
def tickets():
    cases = [Case(Ask(id, "It drips!"), Gold(output=GOLD), "written", id, "dev") for id in "abc"]
    said = [
        json.dumps(GOLD),
        json.dumps(GOLD | {"priority": "low", "needs_human": True}),
        f"Sure! {EVIL}",
    ]
    return (
        attribute(
            judged(
                cases,
                [Prediction(c.id, text) for c, text in zip(cases, said, strict=True)],
                TICKETS,
            )
        ),
        cases,
    )


def test_tickets_side_by_side(tickets):
    table, cases = tickets
    assert repr(show_case(table, cases, "a")).count("✓ right") == 4
    text = re.sub(" +", " ", repr(show_case(table, cases, "b")))
    assert "priority low high ✗ wrong" in text
    assert "needs_human true false ✗ wrong" in text
    assert "product gale gale ✓ right" in text
    invalid = show_case(table, cases, "c")
    assert "invalid JSON: Expecting value" in invalid.text
    assert invalid.text.count("✗ wrong") == 4
    assert EVIL in invalid.text
    assert "<script" not in invalid.html
    box = explorer(table, cases)
    assert len(box.children[0].children) == 1, "one kind needs no filter"


# --- pictures -------------------------------------------------------------------------------------


def is_picture(picture, width=836):
    assert picture.png.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture.png[16:20])[0] == width
    assert html.escape(picture.alt[:100]) in picture._repr_html_()


def test_every_cause_has_a_colour_and_stands_after_the_right_ones():
    assert set(CAUSE_COLOURS) == set(REASONS)
    order = list(CAUSE_COLOURS)
    assert order[:2] == ["right", "right without evidence"]
    assert set(order[3:]) >= set(CAUSES)


# Linear RGB as it is seen with no colour blindness and with each complete one (Machado, Oliveira &
# Fernandes 2009, doi 10.1109/TVCG.2009.113)
SEEN_WITH = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def lab(colour, seen):
    """CIELAB of a colour, as it is seen: distances of 20 are told apart at a glance."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(seen) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("other", sorted({*CAUSES, "right"} - {"both"}))
@pytest.mark.parametrize("blindness", SEEN_WITH)
def test_both_is_told_from_every_other_cause_by_all_eyes(blindness, other):
    mine, theirs = (lab(CAUSE_COLOURS[name], SEEN_WITH[blindness]) for name in ("both", other))
    assert np.linalg.norm(mine - theirs) > 20


def test_both_is_drawn_between_the_two_that_it_joins():
    order = list(CAUSE_COLOURS)
    at = order.index("both")
    assert order[at - 1 : at + 2] == ["retrieval", "both", "reading"]


def test_attribution_names_both_in_its_title(twice_wrong):
    picture = plots.attribution(blame(twice_wrong[0]))
    assert picture.alt.startswith(
        "Of 2 questions: 0 % right; the reader lost 50 %, search and reader together 50 %."
    )


def test_attribution_names_both_in_its_alt_text(twice_wrong):
    assert "both 50 % (9 to 91 %)" in plots.attribution(blame(twice_wrong[0])).alt


def test_attribution_says_what_it_shows(shelf):
    table, _ = shelf
    picture = plots.attribution(blame(table))
    is_picture(picture)
    assert picture.alt.startswith(
        "Of 5 questions: 40 % right; the search lost 20 %, the reader 20 %, breakdowns 20 %; of 1"
        " to refuse, 0 % refused."
    )
    assert "retrieval 20 % (4 to 62 %)" in picture.alt
    assert (
        "To be refused: all (n = 1): answered what should be refused 100 % (21 to 100 %)"
        in picture.alt
    )
    assert picture.table[picture.table["asked"] == "answerable"]["cause"].tolist() == [
        "right",
        "right without evidence",
        "retrieval",
        "reading",
        "failed",
    ]


@pytest.mark.parametrize(
    "groups,said",
    [
        ({"RAG": 60}, "n = 60"),
        ({"RAG": 60, "reader": 60}, "n = 60 each"),
        ({"table": 4, "list": 2}, "n = 6"),
    ],
)
def test_systems_that_were_asked_the_same_cases_do_not_add_up(groups, said):
    rows = pd.DataFrame({"group": list(groups), "n": list(groups.values())})
    assert plots_blame._cases(rows) == said


def test_attribution_draws_what_never_happened_and_sums_to_one(shelf):
    table, _ = shelf
    picture = plots.attribution(blame(table, by="kind"), "Mine")
    assert picture.alt.startswith("Mine. To be answered: single (n = 4):")
    cells = picture.table
    np.testing.assert_allclose(cells.groupby(["asked", "group"])["share"].sum(), 1)
    never = cells[(cells["group"] == "table") & (cells["cause"] == "retrieval")].iloc[0]
    assert never["count"] == 0
    assert never["low"] == 0
    assert never["high"] == pytest.approx(0.793, abs=1e-3)
    assert "table (n = 1): reading 100 %" in picture.alt
    order = list(CAUSE_COLOURS)
    assert all(
        sorted(c, key=order.index) == c
        for _, c in cells.groupby(["asked", "group"])["cause"].agg(list).items()
    )


def test_attribution_draws_the_segments_where_they_belong(shelf, monkeypatch):
    """From zero to the whole, without gap or overlap, in the order of the colours; and every
    interval."""
    figures = []
    true = plots_blame.finish
    monkeypatch.setattr(
        plots_blame, "finish", lambda figure, *rest: figures.append(figure) or true(figure, *rest)
    )
    cells = plots.attribution(blame(shelf[0])).table
    (axes,) = figures[0].axes
    from matplotlib.colors import to_hex

    stacked = [p for p in axes.patches if p.get_height() == pytest.approx(0.3)]
    assert [to_hex(p.get_facecolor()).upper() for p in stacked] == [
        CAUSE_COLOURS[c] for c in cells["cause"]
    ]
    for asked in ("answerable", "to refuse"):
        bars = [p for p, part in zip(stacked, cells["asked"], strict=True) if part == asked]
        ends = [p.get_x() + p.get_width() for p in bars]
        assert bars[0].get_x() == 1.6
        assert ends[-1] == pytest.approx(1.6 + 1.9)
        assert [p.get_x() for p in bars[1:]] == pytest.approx(ends[:-1])
    long = max(p.get_width() for p in axes.patches if p.get_height() == pytest.approx(0.11))
    whiskers = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
    assert [(b - a) / long for a, b in whiskers] == pytest.approx(
        (cells["high"] - cells["low"]).tolist()
    )


def test_attribution_of_tickets_and_of_nothing(tickets):
    picture = plots.attribution(blame(tickets[0]))
    assert picture.alt.startswith(
        "Of 3 tickets: 33 % right, 33 % valid but wrong, 33 % invalid. Tickets: all (n = 3): right"
        " 33 % (6 to 79 %)"
    )
    with pytest.raises(ValueError, match="nothing to draw"):
        plots.attribution(blame(tickets[0].iloc[:0]))


def test_attribution_bears_many_groups_long_names_and_thin_segments():
    counts = {
        "right": 1,
        "right without evidence": 2,
        "distraction": 1,
        "retrieval": 90,
        "both": 30,
        "reading": 60,
        "no evidence given": 15,
        "failed": 1,
    }
    names = [
        f"$x_{i}$ a group whose name does not end where the room for it ends {EVIL}"
        for i in range(12)
    ]
    rows = [
        {
            "group": g,
            "asked": "answerable",
            "cause": c,
            "count": k,
            "n": 200,
            "share": k / 200,
            "low": 0,
            "high": 1,
        }
        for g in names
        for c, k in counts.items()
    ]
    is_picture(plots.attribution(pd.DataFrame(rows)))


def arm_table(name, right):
    return pd.DataFrame(
        {"arm": name, "id": range(len(right)), "fact": range(len(right)), "right": right}
    )


def test_differences_say_verdict_numbers_and_n():
    base = arm_table("closed book", [False] * 30 + [True] * 10)
    others = [
        arm_table("RAG", [True] * 40),
        arm_table("same", [False] * 29 + [True] * 11),
        arm_table("tuned", [False] * 40),
    ]
    found = compare_all(base, others)
    picture = results.differences(found, "RAG alone is better")
    is_picture(picture)
    assert [c.verdict for c in found] == ["better", "cannot tell", "worse"]
    assert picture.alt.startswith(
        "RAG alone is better. RAG against closed book: is better. right +75.0 points ("
    )
    assert "n = 40 cases" in picture.alt
    assert "same against closed book: cannot tell" in picture.alt
    assert "tuned against closed book: is worse" in picture.alt
    assert picture.table["verdict"].tolist() == ["better", "cannot tell", "worse"]
    is_picture(results.differences([*found, compare(others[0], others[2])], "Two bases"))
    with pytest.raises(ValueError, match="no comparison was given"):
        results.differences([], "x")


def test_confusion_counts_and_names_the_most_common(tickets):
    picture = results.confusion(tickets[0], "priority")
    is_picture(picture)
    assert picture.alt.startswith("priority: 33 % of 3 right (6 to 79 %). Wrong:")
    assert "low for high 1" in picture.alt
    assert "invalid for high 1" in picture.alt
    assert picture.table.loc["high"].tolist() == [0, 1, 0, 1, 1]
    assert (
        "; most often low where high is right (1 of 2)."
        in results.confusion(tickets[0].iloc[:2], "priority").alt
    ), "no tie, so it is named"


def test_text_twin_holds_all_words_of_the_html(shelf):
    table, cases = shelf
    for _, row in table.iterrows():
        case = next(c for c in cases if c.id == row["id"])
        shown = html.unescape(re.sub(r"<[^>]+>", " ", case_html(row, case)))
        assert evaluation_text.tokens(shown) == evaluation_text.tokens(case_text(row, case))


def test_an_arm_with_a_setting_in_its_name_wears_the_colour_of_the_arm():
    assert colour_of("tuned, 64 rows") == colour_of("tuned") == COLOURS["tuned"]
    assert colour_of("RAG, 3 passages") == COLOURS["RAG, 3 passages"] != COLOURS["RAG"]
    assert (
        colour_of("somebody's own")
        == colour_of("another")
        not in (COLOURS["tuned"], COLOURS["RAG"])
    )
