"""How is a decision said aloud? Every sentence that the board, the labs, the report and the record
show, in words that need no course."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.decision.findings import SHOWN, Span, above
from helpers.decision.next_step import Step, losses, lost_in_words
from helpers.decision.options import (
    LOOKUPS,
    ORDER,
    PEOPLE,
    PROMPT,
    RESPONSIBLE,
    RETRIEVED,
    TONE,
    Option,
)
from helpers.decision.readiness import (
    CONTRADICT,
    NO,
    NOT_YET,
    PILOT,
    VOLUME,
    YES,
    Readiness,
)
from helpers.decision.requirements import as_stated, shown
from helpers.decision.rules import Rule
from helpers.decision.walk import Direction, Duel
from helpers.evaluation.numbers import percent, percents

if TYPE_CHECKING:
    from helpers.decision.conclusion import Decision


@dataclass(frozen=True)
class Reason:
    """One sentence, and the ids of the findings and names of the requirements that it points at."""

    text: str
    findings: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text + (f" [{', '.join(self.findings)}]" if self.findings else "")


# --- the direction --------------------------------------------------------------------------------


def responsible(directions: Mapping[str, Direction]) -> dict[Option, list[str]]:
    """Part -> the kinds it answers. A prompt that keeps the style belongs to whatever answers."""
    parts: dict[Option, list[str]] = {}
    for kind, one in directions.items():
        if kind == TONE and one.option in (PROMPT, PEOPLE) and len(directions) > 1:
            continue
        parts.setdefault(one.option, []).append(kind)
    return parts


def direction_in_short(directions: Mapping[str, Direction]) -> str:
    """One option, or each part of the hybrid with its responsibility."""
    parts = responsible(directions)
    if len(parts) == 1:
        return next(iter(parts)).name
    return "; ".join(
        f"{option} for {listed([RESPONSIBLE[kind] for kind in kinds])}"
        for option, kinds in parts.items()
    )


def paragraphs(d: Decision) -> tuple[str, str, str]:
    """Direction, readiness, next step."""
    return _direction(d), _ready(d), _next(d)


def headline(d: Decision) -> str:
    """The direction, for a head in bold."""
    return f"{upper_first(d.answer)}."


def _direction(d: Decision) -> str:
    whys = [_why(one, d) for one in d.direction.values()]
    hybrid = " These are separate parts, each with its own tests." if d.is_hybrid else ""
    return f"{headline(d)}{hybrid} {' '.join(whys)}"


def _why(one: Direction, d: Decision) -> str:
    """How firm one kind is, in one sentence."""
    kind = RESPONSIBLE[one.kind]
    name = f"For {kind}: "
    if one.option is PEOPLE:
        return f"{name}your requirements leave no system, so a person answers."
    if one.firmness.startswith("by requirement"):
        return f"{name}{one.option}, by your requirements only; nobody has measured it yet."
    if one.routed_away:
        return (
            f"{name}{one.option}; {one.routed_away} would win less than a router that must tell the"
            " parts apart would lose."
        )
    beaten = [duel for duel in one.duels if duel.second is one.option and duel.pays]
    be = verb(one.option)
    best = max(beaten, key=lambda duel: duel.gain.value or 0, default=None)
    barred = [
        stated_as(out.rules[0].requirements[0], d)
        for out in one.out
        if ORDER[out.option] < ORDER[one.option] and out.rules[0].requirements
    ]
    if best:
        won = f"{one.option} {be} {more(best.gain, best.first)}"
    elif barred:
        won = f"{one.option} {be} the simplest that your requirements leave ({listed(barred)})"
    else:
        won = f"{one.option} {be} the simplest that holds"
    still = [_other(duel, one.option) for duel in one.open]
    end = f"; still open: {', '.join(still)}" if still else ", and nothing is open"
    return f"{name}{won}{end}."


def _other(duel: Duel, option: Option) -> str:
    other = duel.second if duel.first is option else duel.first
    return f"{other}{'' if duel.gain.value is not None else ' (not measured)'}"


# --- readiness ------------------------------------------------------------------------------------


def _ready(d: Decision) -> str:
    ready = d.readiness
    said = {
        YES: "It may answer alone, behind its gates.",
        PILOT: "Only as a pilot, with a person who checks each answer.",
        NO: f"{in_state(ready).capitalize()}.",
        VOLUME: "No system pays at this volume, however good it is.",
        CONTRADICT: "Your requirements leave no system.",
        NOT_YET: "Not yet: nothing was measured that says how often it is right.",
    }[ready.state]
    return " ".join(filter(None, [said, right_against_needed(ready, d), *_notes(ready, d)]))


def to_give_up(d: Decision) -> str:
    """The ways out of requirements that leave no system; where it takes two, both are named."""
    ways = d.readiness.give_up
    if not ways:
        return "change what was measured: no requirement alone leaves one"
    said = [listed([stated_as(name, d) for name in names]) for names in ways]
    if all(len(names) == 1 for names in ways):
        return f"give up {'one of: ' if len(said) > 1 else ''}{listed(said, 'or')}"
    return f"give up more than one, together: {'; or '.join(said)}"


def in_state(ready: Readiness) -> str:
    """The state in words; where no language model answers, none is to blame."""
    return ready.state if ready.state != NO or ready.models else "not good enough yet"


def right_against_needed(ready: Readiness, d: Decision) -> str:
    """Right today, with interval, n and model, against right needed, and why so much."""
    if ready.state == CONTRADICT:
        return f"{upper_first(to_give_up(d))}."
    if ready.state == VOLUME:
        if ready.least_volume == math.inf:
            return "To serve one answer alone costs more than a person who gives it."
        least = shown("requests_per_day", max(1, math.ceil(ready.least_volume)))
        return f"A person who answers costs less below about {least}."
    needed = f"it must be right {share(ready.needed)}"
    if ready.floor and ready.floor >= ready.by_cost:
        why = "the floor that you state"
    elif ready.asks:
        why = "one half, since nobody has said what is enough"
    else:
        why = "below that a person is cheaper"
    if ready.right.value is None and ready.state == NO:
        unseen = listed([f"{one.option}" for one in d.direction.values() if not one.measured])
        return (
            f"Even if {unseen}, which nobody has measured, were always right, all together would be"
            f" right at most {share(ready.right.high)}; {needed} ({why})."
        )
    if ready.right.value is None:
        return f"When it is measured, {needed} ({why})."
    model = f" with {listed([short(model) for model in ready.models])}" if ready.models else ""
    interval = percents(ready.right.low, ready.right.high)
    return (
        f"Today it is right {share(ready.right.value)} ({interval}, {ready.n:,.0f} cases{model});"
        f" {needed} ({why})."
    )


def _notes(ready: Readiness, d: Decision) -> Iterable[str]:
    if ready.state == NO:
        yield "Until then: suggestions that a person confirms, or no automation."
    if ready.state == PILOT and ready.more:
        yield f"About {ready.more:,} cases would tell."
    elif ready.state == PILOT and above(ready.right, ready.needed) is None:
        yield "It lies so near the line that no reasonable number of cases would tell."
    if ready.asks and ready.state in (YES, PILOT, NO):
        yield "Say below which share of right answers nobody would use it."
    failed = [gate.rule.reason for gate in ready.gates if gate.failed]
    unseen = [gate.rule.reason for gate in ready.gates if not gate.passed and not gate.failed]
    if failed and ready.state in (YES, PILOT):
        yield f"Not passed: {' '.join(failed)}"
    if unseen and ready.state in (YES, PILOT):
        yield f"To be shown first: {' '.join(unseen)}"
    partly = [one.kind for one in d.direction.values() if one.option is PEOPLE]
    if partly and ready.state != CONTRADICT:
        kinds = listed([RESPONSIBLE[kind] for kind in partly])
        yield f"A person answers {kinds}. To have a system, {to_give_up(d)}."


# --- next -----------------------------------------------------------------------------------------


def _next(d: Decision) -> str:
    step = d.next
    parts = [step.fix]
    if step.measure:
        # what a better system saves counts only where the system answers
        alone = "" if d.readiness.state in (YES, PILOT) else ", once it is good enough to answer"
        parts.append(
            f"Then settle {step.measure.second} against {step.measure.first} on"
            f" {RESPONSIBLE[step.measure.kind]}: about {step.n_both:,} cases, the same for both,"
            f" {step.label_eur:,.0f} EUR of labels and about {minutes_of(step)} of answering; it"
            f" can win {'up to' if step.measure.gain.value is None else 'about'}"
            f" {money(step.wins_a_year)} EUR a year{alone}."
        )
    for duel in step.equal:
        parts.append(
            f"Treat {duel.second} and {duel.first} as equal on {RESPONSIBLE[duel.kind]}"
            f" ({ends(duel.gain)} points on {duel.n:,.0f} cases), and take the simpler."
        )
    if step.too_few:
        pairs = "; ".join(
            f"{duel.second} and {duel.first} on {RESPONSIBLE[duel.kind]}"
            f" ({_cases(duel.n)}, {ends(duel.gain)} points)"
            for duel in step.too_few
        )
        parts.append(
            "Too few cases were asked to tell the following apart, so nobody knows yet which is"
            f" better, and the simpler stays for now: {pairs}."
        )
    if step.governance:
        parts.append(step.governance)
    return " ".join(parts)


def minutes_of(step: Step) -> str:
    """The minutes of answering, at least one."""
    many = max(1, round(step.minutes))
    return f"{many:,} minute{'s' * (many != 1)}"


def _cases(n: float) -> str:
    return f"{n:,.0f} case{'s' * (round(n) != 1)}"


# --- the reasons ----------------------------------------------------------------------------------


def reasons(d: Decision) -> Iterable[Reason]:
    """First what decides, then what is out, then what loses, then what one must know."""
    ids = {name: one.id for name, one in d.evidence.found.items()}
    for one in d.direction.values():
        for duel in sorted(one.duels, key=lambda each: each.pays is None):
            names = tuple(ids[name] for name in duel.names if name in ids)
            yield Reason(f"{RESPONSIBLE[one.kind].capitalize()}: {in_words(duel)}", names)
    yield from _outs(d, ids)
    if lost := {**losses(d.evidence)} if LOOKUPS in d.direction else {}:
        names = [
            name for name in ids if name.startswith("lost to ") or name in ("recall", "oracle")
        ]
        said = lost_in_words(lost, d.evidence)
        yield Reason(f"{said}.", tuple(ids[name] for name in names))
    for gate in d.readiness.gates:
        state = {True: "passed", False: "cannot tell", None: "not measured"}[gate.passed]
        state = "not passed" if gate.failed else state
        yield Reason(
            f"Gate for {RESPONSIBLE[gate.kind]}: {gate.rule.reason} ({state})",
            tuple(ids[name] for name in gate.rule.findings if name in ids),
            gate.rule.requirements,
        )
    if "router" in ids and len(responsible(d.direction)) > 1:
        router = d.evidence.found["router"]
        yield Reason(f"A router sends {share(router.value)} to the right part.", (router.id,))
    if warning := facts_in_weights(d):
        yield warning
    if d.left_out:
        yield Reason(
            f"Left out, since they come from another model or other data: {', '.join(d.left_out)}."
        )
    yield from (Reason(upper_first(text)) for text in d.requirements.implausible())


def facts_in_weights(d: Decision) -> Reason | None:
    """What training the facts themselves would do; shown where look-ups are asked, and never
    recommended."""
    found = {name: d.evidence.found[name] for name in SHOWN if name in d.evidence.found}
    if LOOKUPS not in d.direction or not found:
        return None
    said = "; ".join(
        f"{SHOWN[name][2].removeprefix('facts in weights: ')}: {share(one.value)}"
        for name, one in found.items()
    )
    where = {one.data for one in found.values() if one.data}
    seen = f" (seen at {listed(sorted(where))})" if where else ""
    return Reason(
        f"Facts are never trained into weights{seen}: {said}.",
        tuple(one.id for one in found.values()),
    )


def _outs(d: Decision, ids: Mapping[str, str]) -> Iterable[Reason]:
    """What is out: one sentence a rule, with what was stated."""
    by: dict[str, tuple[Rule, list[str]]] = {}
    for one in d.direction.values():
        for out in one.out:
            for rule in out.rules:
                names = by.setdefault(rule.name, (rule, []))[1]
                said = f"{out.option}" + (
                    f" for {RESPONSIBLE[one.kind]}" if len(d.direction) > 1 else ""
                )
                names.append(said)
    for rule, names in by.values():
        stated = "; ".join(stated_as(name, d) for name in rule.requirements)
        yield Reason(
            f"{upper_first(listed(names))} {'is' if len(names) == 1 else 'are'} out: {rule.reason}"
            f"{f' ({stated})' if stated else ''}",
            tuple(ids[name] for name in rule.findings if name in ids),
            rule.requirements,
        )


# --- small words ----------------------------------------------------------------------------------


def in_words(duel: Duel) -> str:
    """A pair in one sentence: the gain, what would pay, the verdict."""
    if duel.gain.value is None:
        known = "has not been measured"
        verdict = {
            True: "even at worst it pays",
            False: "even at best it would not pay",
            None: "so the simpler one stays",
        }[duel.pays]
        return f"{duel.second} against {duel.first} {known}; {verdict}."
    verdict = {True: "it pays", False: "it does not pay", None: "nobody can tell yet"}[duel.pays]
    gained = f"{duel.second} {verb(duel.second)} {more(duel.gain, duel.first)}"
    return f"{gained}; {pays_from(duel)}: {verdict}."


def pays_from(duel: Duel) -> str:
    """From which gain on does the second pay?"""
    if duel.needed >= 1:
        return "no gain could pay for what it costs more"
    if duel.needed > 0:
        return f"{points(duel.needed)} more would pay for what it costs more"
    return f"it costs less, which is worth {points(min(1.0, -duel.needed))}"


def more(gain: Span, other: Option) -> str:
    """A gain over another option in words, as "right 24 points more often (+12 to +36) than RAG";
    signs are those of the difference."""
    if abs(gain.value) < 0.0005:
        return f"as often right as {other} ({ends(gain)} points)"
    way = "less" if gain.value < 0 else "more"
    return f"right {points(abs(gain.value))} {way} often ({ends(gain)}) than {other}"


def ends(gain: Span) -> str:
    """The interval of a gain in points, with signs."""
    return f"{100 * gain.low:+.0f} to {100 * gain.high:+.0f}".replace("-", "−")


def points(share: float) -> str:
    many = 100 * share
    if many < 0.1:
        return "less than 0.1 points"
    return f"{many:.0f} points" if many >= 10 or many == round(many) else f"{many:.2g} points"


def verb(option: Option) -> str:
    return "are" if option is RETRIEVED else "is"


def upper_first(text: str) -> str:
    """The first letter as at the beginning of a sentence; "RAG" stays as it is."""
    return text[:1].upper() + text[1:]


def share(value: float) -> str:
    """A share in words: "15 %", and one decimal where a point matters."""
    return (
        percent(value)
        if 0.1 <= value <= 0.9 or value in (0, 1)
        else f"{100 * value:.1f}".removesuffix(".0") + " %"
    )


def stated_as(name: str, d: Decision) -> str:
    """A requirement as it was stated."""
    return as_stated(name, getattr(d.requirements, name))


def money(eur: float) -> str:
    """EUR with two digits that count: what follows from guesses is no exact sum."""
    return f"{float(f'{eur:.2g}'):,.0f}"


def short(model: str) -> str:
    """A model's name without revision, precision and device."""
    return model.split("@")[0]


def listed(words: Sequence[str], last: str = "and") -> str:
    """a, b and c."""
    words = list(dict.fromkeys(words))
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
