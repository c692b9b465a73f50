"""Prompt, documents, weights, or both? A decision that follows from stated requirements and
measured findings, and says what it rests on.

    decision = decide(requirements, evidence)
    decision.answer      "RAG", …, or "not yet"
    decision.reasons     in order, each with the findings it points at
    decision.duels       the pairs, with the gain that was measured and the gain that would pay

How it is made, in four steps that you can read below:
1. out: what a hard requirement, or a measured number, rules out (`rules`);
2. the leader: of what is left, the option whose requests cost least, wrong answers counted
   (`costs`); a person who answers is one of them;
3. duels: the leader against each other option. An option is taken only if every duel is clear: an
   interval that straddles the gain
   which would pay ends in "not yet: measure X", with the number of cases that would settle it. So
   does an option that was not measured; unless even at best it would not pay;
4. what to do first: fix what loses the most answers (search and context, prompt and schema,
   weights, both).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from helpers.decision.costs import (
    known,
    more_right,
    needed_gain,
    right,
    total,
    weighted_findings,
    without_errors,
)
from helpers.decision.findings import Findings, Span, above, n_to_tell
from helpers.decision.options import OPTIONS, ORDER, PEOPLE, ROUTER, Option
from helpers.decision.requirements import FIELDS, Requirements, shown
from helpers.decision.rules import HARD, MEASURED, Rule
from helpers.evaluation.numbers import percent, percents

NOT_YET = "not yet"


@dataclass(frozen=True)
class Reason:
    """One sentence, and the ids of the findings and names of the requirements that it points at."""

    text: str
    findings: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text + (f" [{', '.join(self.findings)}]" if self.findings else "")


@dataclass(frozen=True)
class Out:
    """An option that a rule rules out. `measured`: by a measured number, not by a requirement."""

    option: Option
    rule: Rule
    measured: bool = False


@dataclass(frozen=True)
class Duel:
    """Does the second option pay for what it asks more than the first? gain: how much more often it
    is right; needed: the gain that would pay.

    pays: True, False, or None where the interval of the gain straddles what is needed: cannot
    tell.
    """

    first: Option
    second: Option
    gain: Span
    needed: float
    names: tuple[str, ...]

    @property
    def pays(self) -> bool | None:
        return above(self.gain, self.needed)


@dataclass(frozen=True)
class Measure:
    """What would settle it: the finding to measure (a name in `findings.NAMES`), on how many cases,
    and why. n is None where no number would."""

    what: str
    n: int | None
    why: str

    def __str__(self) -> str:
        return self.what + (f", on {self.n:,} cases" if self.n else "")


@dataclass(frozen=True)
class Decision:
    """What to do, and all that it rests on. `leader`: the cheapest by the numbers as they stand,
    taken or not."""

    requirements: Requirements
    evidence: Findings
    option: Option | None
    leader: Option
    out: tuple[Out, ...]
    duels: tuple[Duel, ...]
    doubts: tuple[Duel | tuple[Option, Rule, Span, float], ...]

    @property
    def answer(self) -> str:
        return self.option.name if self.option else NOT_YET

    @property
    def compared(self) -> bool:
        """Were two systems measured, at least? Where they were not, nothing leads: a person would,
        whose share right nobody measures."""
        shares = (right(one, self.requirements, self.evidence).value for one in OPTIONS)
        return sum(share is not None for share in shares) > 1

    @property
    def measure(self) -> Measure | None:
        """What to measure next, where the answer is "not yet"."""
        return None if self.option else _measure(self)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(_reasons(self))

    def __str__(self) -> str:
        head = f"{self.answer}: measure {self.measure}" if self.measure else self.answer
        return "\n".join(
            [head, *(f"  {i}. {reason}" for i, reason in enumerate(self.reasons, start=1))]
        )

    __repr__ = __str__

    def table(self) -> pd.DataFrame:
        """One line a duel."""
        verdict = {True: "pays", False: "does not pay", None: "cannot tell"}
        rows = [
            {
                "first": d.first.name,
                "second": d.second.name,
                "gain": d.gain.value,
                "low": d.gain.low,
                "high": d.gain.high,
                "needed": d.needed,
                "the second": verdict[d.pays],
            }
            for d in self.duels
        ]
        return pd.DataFrame(
            rows, columns=["first", "second", "gain", "low", "high", "needed", "the second"]
        )


def decide(
    requirements: Requirements,
    evidence: Findings,
    hard: Mapping[str, Rule] = HARD,
    measured: Mapping[str, Rule] = MEASURED,
) -> Decision:
    """Which option, why, and is the evidence enough? See the top of this file for the four
    steps."""
    # 1. out: first by what is required, then by what was measured; a measured rule whose
    # interval straddles its line stays open
    out, left, open_rules = [], [], []
    for option in OPTIONS:
        gone = [
            Out(option, rule) for rule in hard.values() if rule.test(option, requirements, evidence)
        ]
        lines = (
            [
                (rule, line)
                for rule in measured.values()
                if (line := rule.test(option, requirements, evidence))
            ]
            if not gone
            else []
        )
        gone += [
            Out(option, rule, measured=True)
            for rule, line in lines
            if above(line.known, line.line) is False
        ]
        out += gone
        if not gone:
            left.append(option)
            open_rules += [
                (option, rule, line.known, line.line)
                for rule, line in lines
                if above(line.known, line.line) is None
            ]
    # 2. the leader: what a request costs without errors, and its wrong answers on top
    rivals = [PEOPLE, *left]
    money = {option: without_errors(option, requirements, evidence) for option in rivals}
    shares = {option: right(option, requirements, evidence).value for option in rivals}
    # of equals the first
    leader = min(
        (o for o in rivals if shares[o] is not None),
        key=lambda o: money[o] + (1 - shares[o]) * requirements.cost_wrong,
    )
    # 3. the leader against each rival; a duel that is not clear in its favour is a doubt
    duels = tuple(
        _duel(leader, rival, money, requirements, evidence)
        for rival in rivals
        if rival is not leader
    )
    doubts = (
        *(d for d in duels if d.pays is not (d.second is leader)),
        *(doubt for doubt in open_rules if doubt[0] is leader),
    )
    # 4. taken only without a doubt
    taken = None if doubts or leader is PEOPLE else leader
    return Decision(requirements, evidence, taken, leader, tuple(out), duels, doubts)


def _duel(
    one: Option,
    other: Option,
    money: Mapping[Option, float],
    requirements: Requirements,
    evidence: Findings,
) -> Duel:
    """The two, the simpler one first, with the findings that tell them apart."""
    first, second = (one, other) if ORDER[one] < ORDER[other] else (other, one)
    names = [name for _, name in weighted_findings(second, requirements)]
    if first is not PEOPLE:
        names = [
            name
            for (_, a), (_, b) in zip(
                weighted_findings(first, requirements),
                weighted_findings(second, requirements),
                strict=True,
            )
            if a != b
            for name in (a, b)
        ]
    needed = needed_gain(money[first], money[second], requirements.cost_wrong)
    return Duel(
        first, second, more_right(first, second, requirements, evidence), needed, tuple(names)
    )


def one_line(requirements: Requirements, evidence: Findings) -> str:
    """What does the framework decide here, and why? One sentence, for a line under a widget."""
    decision = decide(requirements, evidence)
    if decision.measure:
        return f"The framework says: not yet. Measure {decision.measure}: {decision.measure.why}"
    closest = min(
        decision.duels,
        key=lambda d: abs((d.gain.value if d.gain.value is not None else d.gain.high) - d.needed),
        default=None,
    )
    why = f" {_in_words(closest).text}" if closest else ""
    return f"The framework says: {decision.answer}.{why}"


def best_system(decision: Decision) -> Option | None:
    """The cheapest of the options that are left and measured, a person not counted: what to build
    on, should the model become strong enough."""
    r, evidence, out = (
        decision.requirements,
        decision.evidence,
        {gone.option for gone in decision.out},
    )
    prices = {option: total(option, r, evidence).value for option in OPTIONS if option not in out}
    measured = {option: price for option, price in prices.items() if price is not None}
    return min(measured, key=measured.__getitem__) if measured else None


# --- in words -------------------------------------------------------------------------------------


def _points(share: float) -> str:
    return f"{100 * abs(share):.3g}"


def _more(span: Span) -> str:
    """A gain in words, as "right 24 points more often (12 to 36)"."""
    if span.value is None:
        return "how often it is right was not measured"
    sign = -1 if span.value < 0 else 1
    ends = sorted((sign * span.low, sign * span.high))
    low, high = (("−" if end < 0 else "") + _points(end) for end in ends)
    return (
        f"right {_points(span.value)} points {'less' if sign < 0 else 'more'} often ({low} to"
        f" {high})"
    )


def _in_words(d: Duel) -> Reason:
    """A duel in one sentence."""
    if d.needed >= 1:
        needed = "no gain could be worth what it costs more"
    elif d.needed > 0:
        needed = (
            f"to be worth what it costs more, it must be {_points(d.needed)} points more often"
            " right"
        )
    else:
        needed = (
            f"it costs so much less that it may be {_points(d.needed)} points less often right"
            if d.needed > -1
            else "it costs so much less that it may even be always wrong"
        )
    if d.gain.value is None:
        verdict = {
            True: "even at worst it pays",
            False: "even at best it does not pay",
            None: "cannot tell yet",
        }[d.pays]
    else:
        verdict = {True: "it pays", False: "it does not pay", None: "cannot tell yet"}[d.pays]
    instead = "a person" if d.first is PEOPLE else d.first
    return Reason(
        f"{d.second} instead of {instead}: {_more(d.gain)}; {needed}: {verdict}.", d.names
    )


def _reasons(decision: Decision) -> Iterable[Reason]:
    """First what settles it or leaves it open, then what lost, then what was out, then what to fix
    first."""
    r, evidence = decision.requirements, decision.evidence
    ids = {name: one.id for name, one in evidence.found.items()}
    if decision.leader is PEOPLE and decision.compared:
        yield Reason(
            f"As the numbers stand, a person who answers ({shown('cost_refusal', r.cost_refusal)} a"
            " request) costs less than any option that is left.",
            (),
            ("cost_wrong", "cost_refusal"),
        )
        if ahead := best_system(decision):
            yield Reason(
                f"Among the systems {ahead} costs least.",
                tuple(ids[name] for _, name in weighted_findings(ahead, r)),
            )
    for one in sorted(decision.duels, key=lambda d: (d.pays is not None, ORDER[d.second])):
        yield Reason(_in_words(one).text, tuple(ids[name] for name in one.names if name in ids))
    for option, rule, span, line in (d for d in decision.doubts if not isinstance(d, Duel)):
        yield Reason(
            f"{option}: cannot tell yet. {rule.reason}"
            f" ({percents(span.low, span.high)}, the line is {percent(line)})",
            tuple(ids[n] for n in rule.findings if n in ids),
            _fields(rule),
        )
    for rule in dict.fromkeys(gone.rule for gone in decision.out):
        options = [
            gone.option.name
            for gone in decision.out
            if gone.rule is rule and (gone.option is not ROUTER or rule.name == "comes_later")
        ]
        if not options:
            continue
        stated = "; ".join(
            f"{FIELDS[name]['question'].split('?')[0]}? {shown(name, getattr(r, name))}"
            for name in _fields(rule)
        )
        text = (
            f"{' and '.join(options)} {'is' if len(options) == 1 else 'are'} out:"
            f" {rule.reason}{f' ({stated})' if stated else ''}"
        )
        yield Reason(text, tuple(ids[name] for name in rule.findings if name in ids), _fields(rule))
    yield from _first_fix(decision, ids)


def _fields(rule: Rule) -> tuple[str, ...]:
    return tuple(name for name in rule.rests_on if name in FIELDS)


def _first_fix(decision: Decision, ids: Mapping[str, str]) -> Iterable[Reason]:
    """Fix search and context first, then prompt and schema, then weights, then both: which loses
    the most now? What is lost to search and reader together begins with the search."""
    lost = {
        name: decision.evidence.found.get(name)
        for name in (
            "lost to the search",
            "lost to distraction",
            "lost to reading",
            "lost to both",
        )
    }
    if decision.requirements.lookup_share and all(lost.values()):
        fix = {
            "lost to the search": "chunks, k and retriever (notebook 03)",
            "lost to distraction": "fewer or better ordered passages (03)",
            "lost to reading": "prompt and schema first, then a tuned reader (08)",
            "lost to both": "the search (03), then the reader (08): neither alone would help",
        }
        without_evidence = ("lost to the search", "lost to both")
        missing = sum(lost[name].value for name in without_evidence)
        worst = max(
            lost,
            key=lambda name: (
                missing if name in without_evidence else lost[name].value,
                lost[name].value,
            ),
        )
        losses = ", ".join(
            f"{name.removeprefix('lost to ')}{' search and reading' * (name == 'lost to both')}"
            f" {100 * one.value:.0f} %"
            for name, one in lost.items()
        )
        yield Reason(
            f"Of the look-ups RAG loses to {losses}. Fix first: {fix[worst]}.",
            tuple(ids[name] for name in lost),
        )


def _measure(decision: Decision) -> Measure:
    """The first doubt, in the order of the walk, and the finding that adds most to it."""
    r, evidence = decision.requirements, decision.evidence
    if not decision.doubts:
        return Measure(
            "a stronger model (WORKBOOK_MODEL) or cheaper errors",
            None,
            "with these findings a person who answers costs less than every option that is left.",
        )
    doubt = min(
        decision.doubts, key=lambda d: ORDER[d.second] if isinstance(d, Duel) else len(ORDER)
    )
    if not isinstance(doubt, Duel):
        option, rule, span, line = doubt
        names = rule.findings or tuple(name for _, name in weighted_findings(option, r))
        unseen = [name for name in names if evidence.found.get(name) is None]
        name = (unseen or list(names))[0]
        return Measure(
            name,
            n_to_tell(evidence.found.get(name), (span.value or 0) - line),
            f"{option} leads, but not clearly yet: {rule.reason}",
        )
    weights = {
        name: weight
        for option in (doubt.first, doubt.second)
        if option is not PEOPLE
        for weight, name in weighted_findings(option, r)
    }
    unseen = [name for name in doubt.names if evidence.found.get(name) is None]
    name = (
        unseen[0]
        if unseen
        else max(
            doubt.names,
            key=lambda name: (
                weights[name] * (known(name, evidence).high - known(name, evidence).low)
            ),
        )
    )
    distance = (
        None if doubt.gain.value is None else (doubt.gain.value - doubt.needed) / weights[name]
    )
    n = n_to_tell(evidence.found.get(name), distance or 0)
    return Measure(name, n, _in_words(doubt).text)
