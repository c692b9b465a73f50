"""Checks of notebook 11, the decision board."""

from __future__ import annotations

from helpers.decision.findings import Finding, Findings, Span, Usage
from helpers.decision.options import OPTIONS
from helpers.decision.requirements import FIELDS, Requirements
from helpers.decision.rules import Threshold
from helpers.decision.sensitivity import flips
from helpers.exercises import Exercise, NotAttemptedError, attempted

NOTHING = Findings({}, {"x": Usage(1, 1, 1, 1)}, 0.0, 0.0, 1)


def line(answer: object) -> str:
    """11.1: the gain that pays for itself."""
    assert callable(answer), (
        "Expected a function line(extra_a_year, extra_a_request, requests_a_day, cost_wrong); got"
        f" {type(answer).__name__}."
    )
    got = float(attempted(answer(7300, 0.0, 100, 2)))
    assert abs(got - 0.1) < 1e-9, (
        "7,300 EUR a year over 100 requests a day are 0.20 EUR a request; at 2 EUR a wrong answer"
        f" that is 0.1; got {got:g}."
    )
    got = float(answer(7300, 0.3, 100, 2))
    assert abs(got - 0.25) < 1e-9, (
        f"With 0.30 EUR more for each request it is (0.20 + 0.30) / 2 = 0.25; got {got:g}."
    )
    assert float(answer(-7300, 0.0, 100, 2)) < 0, (
        "What costs less may be right less often: with -7,300 EUR a year the line is below 0."
    )
    return (
        "Note what moves it: with ten times the requests, or ten times the cost of a wrong answer,"
        " the line is a tenth. That is why traffic and the cost of errors flip decisions."
    )


def honest(answer: object) -> str:
    """11.2: a rule that can say that it does not know, and a case that exposes one that cannot."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (honest, exposing); got {answer!r}."
    )
    rule, exposing = answer
    assert callable(rule), f"Expected a function honest(found, line); got {type(rule).__name__}."
    cases = {
        (0.6, 0.55, 0.65): "pays",
        (0.4, 0.35, 0.45): "does not pay",
        (0.58, 0.32, 0.81): "not yet",
        (0.45, 0.2, 0.7): "not yet",
    }
    for (value, low, high), wanted in cases.items():
        got = attempted(rule(Finding("x", value, low, high, 12), 0.5))
        assert got == wanted, (
            f'{value:g} ({low:g} to {high:g}), the line at 0.5: expected "{wanted}"; got {got!r}.'
        )
    if exposing is ... or exposing is None:
        raise NotAttemptedError
    assert (
        isinstance(exposing, tuple | list)
        and len(exposing) == 2
        and isinstance(exposing[0], Finding)
    ), f"exposing is a pair: a Finding, and a line; got {exposing!r}."
    found, at = exposing
    assert found.low <= found.value <= found.high, (
        f"Your finding is impossible: {found.value:g} does not lie in {found.low:g} to"
        f" {found.high:g}."
    )
    assert found.value > at, (
        f"The colleague does not say that it pays: {found.value:g} is not above {at:g}."
    )
    assert rule(found, at) == "not yet", (
        f"On your case an honest rule says {rule(found, at)!r}, too: the line must lie inside its"
        " interval."
    )
    return (
        "The value alone always gives an answer; that is what is wrong with it. The interval says"
        " when it is not decided, and n how far you are from deciding."
    )


def own_rule(answer: object) -> str:
    """11.3: a measured rule."""
    assert callable(answer), (
        "Expected a function refuses_enough(option, requirements, evidence); got"
        f" {type(answer).__name__}."
    )
    measured = NOTHING.but(**{"rightly refused": Finding("x", 0.3, 0.2, 0.42, 60)})
    searches = [option for option in OPTIONS if option.searches]
    others = [option for option in OPTIONS if not option.searches]
    got = attempted(answer(searches[0], Requirements(), measured))
    assert isinstance(got, Threshold), (
        f"For {searches[0]} expected a Threshold(known, line); got {got!r}."
    )
    assert got.line == 0.5, f"Half of it is a line of 0.5; got {got.line!r}."
    assert isinstance(got.known, Span) and (got.known.low, got.known.high) == (0.2, 0.42), (
        "What is known is the interval of the finding, 0.2 to 0.42: span(evidence[…]); got"
        f" {got.known!r}."
    )
    wrong = [
        option.name for option in others if answer(option, Requirements(), measured) is not None
    ]
    assert not wrong, (
        f"The rule applies to options that search; for {', '.join(wrong)} expected None."
    )
    unknown = answer(searches[0], Requirements(), NOTHING)
    assert isinstance(unknown, Threshold) and (unknown.known.low, unknown.known.high) == (
        0.0,
        1.0,
    ), f"What has not been measured may be anything from 0 to 1 (span(None)); got {unknown!r}."
    return (
        "A company policy is now five lines that can be tested. With 0.2 to 0.42 it would rule"
        " RAG out; with 0.45 to 0.6 it would end in *not yet*."
    )


def flip(answer: object) -> str:
    """11.4: where does an answer change?"""
    assert callable(answer), (
        f"Expected a function flip(answer, low, high); got {type(answer).__name__}."
    )
    for edge, high in ((3.7, 10.0), (0.02, 1.0), (870.0, 1000.0)):
        asked = []

        def decided(x: float, edge=edge, asked=asked) -> str:
            asked.append(x)
            assert len(asked) < 500, (
                "It asks more than 500 times; halve the range each time instead of walking"
                " through it."
            )
            return "RAG" if x < edge else "not yet"

        got = float(attempted(answer(decided, 0.0, high)))
        assert decided(got) == "not yet", (
            f"The answer changes at {edge:g}; at {got:g} it is still that of the low end."
        )
        assert got - edge <= high / 1000, (
            f"The answer changes at {edge:g}; {got:g} is more than a thousandth of {high:g}"
            " beyond it."
        )
    return (
        "So a flip is found for any rule, even one that has no formula. Beware: between two ends"
        " there may be more than one flip; the board walks in steps first."
    )


def feature(answer: object) -> str:
    """11.5: a feature of your own."""
    from helpers.decision.conclusion import decide
    from helpers.decision.findings import load_findings

    assert isinstance(answer, Requirements), (
        f"Expected Requirements(…); got {type(answer).__name__}."
    )
    changed = [name for name in FIELDS if getattr(answer, name) != getattr(Requirements(), name)]
    assert len(changed) >= 6, (
        f"You have stated {len(changed)} fields of your own ({', '.join(changed) or 'none'}); state"
        " at least six: which of the others really has its default value?"
    )
    evidence = load_findings()
    decision, found = decide(answer, evidence), flips(answer, evidence)
    near = [one for one in found if not isinstance(one.stated, bool) and one.stated]
    nearest = min(near, key=lambda one: abs(one.at - one.stated) / one.stated, default=None)
    head = f"Not yet: measure {decision.measure}." if decision.measure else f"{decision.answer}."
    return f"{head} " + (
        f"Argue first about {nearest}." if nearest else "No stated number alone changes it."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "11.1",
            line,
            (
                (
                    "First put everything into EUR for one request: yearly costs are spread"
                    " over 365 * requests_a_day."
                ),
                "EUR for one request, divided by EUR for one wrong answer, is a share of requests.",
            ),
        ),
        Exercise(
            "11.2",
            honest,
            (
                "Which end of the interval must be above the line, so that all of it is?",
                (
                    "found.low > line: pays. found.high < line: does not pay. Otherwise the line"
                    " is inside. Few cases make wide intervals."
                ),
            ),
        ),
        Exercise(
            "11.3",
            own_rule,
            (
                (
                    'option.searches says whether the rule applies; evidence["rightly refused"]'
                    " is the finding, or None."
                ),
                'Threshold(span(evidence["rightly refused"]), 0.5) if option.searches else None',
            ),
        ),
        Exercise(
            "11.4",
            flip,
            (
                (
                    "Keep two numbers: one where the answer is still that of low, one where it is"
                    " not. Look in the middle."
                ),
                (
                    "Stop when they are closer than high / 1000, and return the one where the"
                    " answer is different."
                ),
            ),
        ),
        Exercise(
            "11.5",
            feature,
            (
                (
                    "Requirements().table() shows all fields with their questions; take the ones"
                    " that your feature's owner could answer today."
                ),
                (
                    "mine = Requirements(lookup_share=0.7, changes_per_year=26, citations=True,"
                    " requests_per_day=300, cost_wrong=3, cost_refusal=6)"
                ),
            ),
        ),
    )
}
