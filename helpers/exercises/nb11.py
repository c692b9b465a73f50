"""Checks of notebook 11, the decision board."""

from __future__ import annotations

from helpers.decision.findings import FEWEST, Finding, Findings, Span, Usage, counted
from helpers.decision.options import LOOKUPS, OPTIONS
from helpers.decision.requirements import FIELDS, Requirements
from helpers.decision.rules import Threshold
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


def walk(answer: object) -> str:
    """11.2: the walk itself: a further step only where it clearly pays."""
    assert callable(answer), f"Expected a function walk(steps); got {type(answer).__name__}."
    prompt, rag, reader = ("prompt", None), ("RAG", (0.06, 0.26)), ("reader", (-0.04, 0.24))
    for steps, wanted, why in (
        ([prompt], "prompt", "with one option there is nothing to weigh"),
        ([prompt, rag], "RAG", "the whole interval lies above 0"),
        ([prompt, rag, reader], "RAG", "an interval that holds 0 is no reason for a further step"),
        ([prompt, ("RAG", (-0.3, -0.1))], "prompt", "it is clearly worse"),
        ([prompt, ("RAG", None)], "prompt", "what nobody has measured is no reason, either"),
        (
            [prompt, ("long context", None), rag],
            "RAG",
            "an open step does not end the walk: the next one may pay clearly",
        ),
    ):
        got = attempted(answer(steps))
        names = [name for name, _ in steps]
        assert got == wanted, f"{names}: expected {wanted!r}, for {why}; got {got!r}."
    return (
        "So “cannot tell” keeps the simpler one, and is written down as open. A tie never asks for"
        " a million cases: of two that are as good, take the one that asks for less."
    )


BUGGY_CASES = ((0.88, 300, 0.8), (0.88, 40, 0.8), (1.0, 3, 0.5), (0.62, 200, 0.6), (0.3, 500, 0.5))


def planted(answer: object) -> str:
    """11.3: a rule with a bug: the fixed rule, and a case that exposes the bug."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (fixed, exposing); got {answer!r}."
    )
    fixed, exposing = answer
    assert callable(fixed), f"Expected a function fixed(found, needed); got {type(fixed).__name__}."
    for share, n, needed in BUGGY_CASES:
        found = counted(round(share * n), n)
        got = attempted(fixed(found, needed))
        wanted = _ready(found, needed)
        assert got == wanted, (
            f"{found.value:.0%} of {n} cases ({found.low:.0%} to {found.high:.0%}), needed"
            f" {needed:.0%}: expected {wanted!r}; got {got!r}."
        )
    if exposing is ... or exposing is None:
        raise NotAttemptedError
    assert isinstance(exposing, tuple | list) and len(exposing) == 2, (
        f"exposing is a pair: a Finding, and the needed share; got {exposing!r}."
    )
    found, needed = exposing
    assert isinstance(found, Finding), f"exposing begins with a Finding; got {found!r}."
    assert colleague(found, needed) == "yes" != _ready(found, needed), (
        f"On your case the colleague says {colleague(found, needed)!r}, and so should one:"
        " choose few cases, or a share just above the line."
    )
    return (
        "Three of three right is a promise, not a measurement. A system may answer alone only where"
        " the whole interval lies above what is needed, on 30 cases or more."
    )


def colleague(found: Finding, needed: float) -> str:
    """The rule with the bug, as notebook 11 shows it."""
    return "yes" if found.value > needed else "no"


def _ready(found: Finding, needed: float) -> str:
    if found.high < needed:
        return "no"
    return "yes" if found.low > needed and found.n >= FEWEST else "pilot"


def own_rule(answer: object) -> str:
    """11.4: a gate of one's own."""
    assert callable(answer), (
        "Expected a function refuses_enough(option, kind, requirements, evidence); got"
        f" {type(answer).__name__}."
    )
    measured = NOTHING.but(**{"rightly refused": Finding("x", 0.3, 0.2, 0.42, 60)})
    searches = [option for option in OPTIONS if option.searches]
    others = [option for option in OPTIONS if not option.searches]
    got = attempted(answer(searches[0], LOOKUPS, Requirements(), measured))
    assert isinstance(got, Threshold), (
        f"For {searches[0]} expected a Threshold(known, line); got {got!r}."
    )
    assert got.line == 0.5, f"Half of it is a line of 0.5; got {got.line!r}."
    assert isinstance(got.known, Span) and (got.known.low, got.known.high) == (0.2, 0.42), (
        "What is known is the interval of the finding, 0.2 to 0.42: span(evidence[…]); got"
        f" {got.known!r}."
    )
    wrong = [
        option.name
        for option in others
        if answer(option, LOOKUPS, Requirements(), measured) is not None
    ]
    assert not wrong, (
        f"The rule applies to options that search; for {', '.join(wrong)} expected None."
    )
    unknown = answer(searches[0], LOOKUPS, Requirements(), NOTHING)
    assert isinstance(unknown, Threshold) and (unknown.known.low, unknown.known.high) == (
        0.0,
        1.0,
    ), f"What has not been measured may be anything from 0 to 1 (span(None)); got {unknown!r}."
    return (
        "A company policy is now five lines that can be tested. A system that fails this gate may"
        " run as a pilot, with a person who checks; it may not answer alone."
    )


def flip(answer: object) -> str:
    """11.5: where does an answer change?"""
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
            return "RAG" if x < edge else "prompt + schema"

        got = float(attempted(answer(decided, 0.0, high)))
        assert decided(got) == "prompt + schema", (
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
    """11.6: a feature of your own."""
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
    decision = decide(answer, load_findings())
    near = [one for one in decision.flips if not isinstance(one.stated, bool) and one.stated]
    nearest = min(near, key=lambda one: abs(one.at - one.stated) / one.stated, default=None)
    return " ".join(decision.paragraphs) + (
        f" Argue first about this. {nearest}" if nearest else " No stated number alone changes it."
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
            walk,
            (
                (
                    "Begin with the name of the first step. For each further one: is its gain"
                    " measured, and is the lower end above 0?"
                ),
                "if gain is not None and gain[0] > 0: here = name. All others leave it as it is.",
            ),
        ),
        Exercise(
            "11.3",
            planted,
            (
                (
                    "Which end of the interval must lie above what is needed, so that all of it"
                    " does? And how many cases are there at least?"
                ),
                (
                    'found.high < needed: "no". found.low > needed and found.n >= 30: "yes".'
                    ' Everything else: "pilot".'
                ),
            ),
        ),
        Exercise(
            "11.4",
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
            "11.5",
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
            "11.6",
            feature,
            (
                (
                    "Requirements().table() shows all fields with their questions; take the ones"
                    " that your feature's owner could answer today."
                ),
                (
                    "mine = Requirements(lookup_share=0.7, changes_per_year=26, citations=True,"
                    " requests_per_day=300, cost_wrong=20, least_right=0.8)"
                ),
            ),
        ),
    )
}
