"""Checks of notebook 06, the training-size lab."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from helpers.core.cases import Ask, Case, Gold
from helpers.exercises import Exercise, attempted
from helpers.experiments.training_cell import ROWS, TrainingSetting, dev_tickets, labelled
from helpers.experiments.training_grid import load_grid, what_if


def _points(
    *trains: Sequence[int], dev: Sequence[Sequence[str]] = (("x", "y"),)
) -> list[dict[str, list[str]]]:
    devs = list(dev) * len(trains) if len(dev) == 1 else dev
    return [
        {"train": [str(i) for i in ids], "dev": list(d)}
        for ids, d in zip(trains, devs, strict=True)
    ]


def _of_this_notebook() -> list[dict[str, list[str]]]:
    dev = [case.id for case in dev_tickets()]
    return [
        {"train": [case.id for case in labelled(TrainingSetting(rows))], "dev": dev}
        for rows in ROWS[1:]
    ]


def fairness(answer: object) -> str:
    """06.1: what is wrong with a learning curve?"""
    assert callable(answer), (
        "Expected a function unfair(points) that returns a set of words; got"
        f" {type(answer).__name__}."
    )
    curves = (
        (
            "a correct curve (the order of the ids does not matter)",
            _points(
                [2, 1], [1, 3, 2, 4], [4, 1, 2, 3, 5], dev=(("x", "y"), ("y", "x"), ("x", "y"))
            ),
            set(),
        ),
        ("a single size", _points([1, 2]), set()),
        ("the curve of this notebook", _of_this_notebook(), set()),
        (
            "a curve that draws new tickets for its last size",
            _points([1, 2], [1, 2, 3], [4, 5, 6, 7]),
            {"not nested"},
        ),
        (
            "a curve that judges each size on tickets of its own",
            _points([1], [1, 2], dev=(("x", "y"), ("y", "z"))),
            {"dev changes"},
        ),
        (
            "a curve with a dev ticket among the rows of its largest size",
            _points([1], [1, "x"]),
            {"dev in train"},
        ),
        ("a single size that was judged on a training ticket", _points([1, "y"]), {"dev in train"}),
        (
            "a curve with everything wrong",
            _points([1, "x"], [2, 3], dev=(("x",), ("z",))),
            {"not nested", "dev changes", "dev in train"},
        ),
    )
    for name, points, right in curves:
        got = attempted(answer(points))
        assert isinstance(got, set | frozenset | list | tuple), (
            f"Expected a set of words (an empty one when all is well); got {type(got).__name__}."
        )
        assert set(got) == right, (
            f"For {name} expected {sorted(right) or 'nothing wrong'}; got"
            f" {sorted(map(str, got)) or 'nothing wrong'}."
        )
    return (
        "Run it before a curve is shown: each of these distorts a curve by more than labels do, and"
        " none of them is visible in the picture."
    )


def _by_chance(skill: float, seeds: int, tickets: int, dice: random.Random) -> dict[int, str]:
    return {
        seed: "".join("01"[dice.random() < skill] for _ in range(tickets)) for seed in range(seeds)
    }


def honest(answer: object) -> str:
    """06.2: a number that choosing among seeds does not inflate."""
    assert callable(answer), (
        f"Expected a function report(runs) that returns a share; got {type(answer).__name__}."
    )
    assert attempted(answer({0: "1111", 1: "1111"})) == 1 and answer({0: "0000", 1: "0000"}) == 0, (
        "Eight seeds that are all right, or all wrong, must be reported as 1, or as 0."
    )
    for skill in (0.5, 0.2):
        dice = random.Random(6)
        said = statistics.fmean(float(answer(_by_chance(skill, 8, 60, dice))) for _ in range(300))
        assert said < skill + 0.02, (
            f"Eight seeds, each truly {skill:.0%} right on any ticket, in 300 labs: your report"
            f" says {said:.0%} on average. The surplus is the seed variance of the winner, on"
            " the tickets used to choose it."
        )
        assert said > skill - 0.02, (
            f"Eight seeds, each truly {skill:.0%} right: your report says {said:.0%} on average."
            " Too modest is wrong as well."
        )
    return (
        "If you must ship one seed, choose it on some tickets and report it on others; if you"
        " report a method, report the mean and the spread."
    )


def _copy(case: Case) -> Case:
    return replace(case, ask=Ask(f"{case.id}-copy", f"  {case.ask.input.upper()} "))


Judge = Callable[[Sequence[Case], Sequence[Case]], float]


def _holds_out(cases: Sequence[Case], run: Judge) -> float:
    return run(cases[: len(cases) // 2], cases[len(cases) // 2 :])


def _folds(cases: Sequence[Case], run: Judge) -> float:
    return statistics.fmean(
        run([c for i, c in enumerate(cases) if i % 4 != fold], cases[fold::4]) for fold in range(4)
    )


def _trains_on_all(cases: Sequence[Case], run: Judge) -> float:
    return run(cases, cases[-3:])  # "the last three are our validation set"


def _one_too_many(cases: Sequence[Case], run: Judge) -> float:
    half = len(cases) // 2
    return run(cases[: half + 1], cases[half:])  # the row at the border is on both sides


def _copies_first(cases: Sequence[Case], run: Judge) -> float:
    # "augmented", and split only then
    more = [one for case in cases for one in (case, _copy(case))]
    return run(more[::2], more[1::2])


def _last_fold_leaks(cases: Sequence[Case], run: Judge) -> float:
    return statistics.fmean(
        run([c for i, c in enumerate(cases) if i % 4 != fold or fold == 3], cases[fold::4])
        for fold in range(4)
    )


def own_rows(answer: object) -> str:
    """06.3: a check that finds the harness that validates on training rows."""
    assert callable(answer), (
        "Expected a function judges_its_own_rows(harness, cases) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    things = ("parcel", "refund", "hose", "mast", "login", "bill", "valve", "app")
    cases = [
        Case(
            Ask(f"t{i}", f"My {thing} is late, please help."),
            Gold(output={}),
            "written",
            f"t{i}",
            "train",
        )
        for i, thing in enumerate(things)
    ]
    harnesses = (
        ("a harness that holds half of the tickets out", _holds_out, False),
        ("a harness with four correct folds", _folds, False),
        ("a harness that trains on all and judges the last three", _trains_on_all, True),
        ("a harness whose border row is on both sides", _one_too_many, True),
        ("a harness that copies tickets under other ids before it splits", _copies_first, True),
        ("a harness of four folds of which only the last leaks", _last_fold_leaks, True),
    )
    for name, harness, leaks in harnesses:
        got = attempted(answer(harness, cases))
        assert got in (True, False), f"Expected True or False; got {got!r}."
        assert bool(got) is leaks, f"For {name} expected {leaks}; got {got}."
    return (
        "Each of these reported a validation score that rose with every epoch, because it measured"
        " memory."
    )


def order(answer: object) -> str:
    """06.4: the smallest size with no measurable difference from the largest."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (rows, verdict); got {answer!r}."
    )
    rows, verdict = answer
    attempted(rows)
    grid = load_grid()
    sizes = [s.rows for s in grid.sizes()]
    most = sizes[-1]
    assert rows in sizes, (
        f"Choose one of the sizes of the reference: {', '.join(map(str, sizes))}; got {rows!r}."
    )
    found = {
        n: what_if(grid, TrainingSetting(most), TrainingSetting(n)).right.verdict
        for n in sizes[:-1]
    } | {most: "cannot tell"}
    tied = [n for n in found if found[n] == "cannot tell"]
    assert rows in tied, (
        f"{most} labels against {rows}: {found[rows]}. The sizes with the verdict 'cannot tell' are"
        f" {', '.join(map(str, tied))}."
    )
    assert rows == min(tied), (
        f"Between {rows} labels and {most} the verdict is 'cannot tell', but so it is for fewer:"
        " look further down."
    )
    assert verdict == found[rows], (
        f"The verdict of training_grid.what_if(grid, TrainingSetting({most}),"
        f" TrainingSetting({rows})).right is {found[rows]!r}; got {verdict!r}."
    )
    if rows == most:
        return (
            f"Every smaller size differs measurably from {most}: the curve still climbs, the"
            " rare case in which more labels are the answer."
        )
    return (
        f"{rows} labels show no measurable difference from {most} on this dev set. That does not"
        " prove that they are as good: it is what this many tickets and seeds can detect, and a"
        " reason why the next labels may belong in dev."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "06.1",
            fairness,
            (
                (
                    "Compare each point with the next: itertools.pairwise(points). Use sets of ids:"
                    " their order says nothing."
                ),
                (
                    "Nested: set(before['train']) <= set(after['train']). Look for dev in train in"
                    " every point, even if there is only one."
                ),
                "wrong = set(); add the words one by one; at the end return wrong.",
            ),
        ),
        Exercise(
            "06.2",
            honest,
            (
                (
                    "What would the mean over all seeds say? Nothing was chosen, so nothing is"
                    " surplus."
                ),
                (
                    "Or choose the best seed by the first half of the tickets, and report it on the"
                    " second."
                ),
                "sum(bits.count('1') / len(bits) for bits in runs.values()) / len(runs)",
            ),
        ),
        Exercise(
            "06.3",
            own_rows,
            (
                (
                    "Write a function spy(train, judged) that notes whether they share a message"
                    " and returns 0.0; call harness(cases, spy)."
                ),
                (
                    "Ids can be changed; compare the messages, and not letter by letter:"
                    " tuple(comparable_tokens(case.ask.input))."
                ),
                "A harness may call it several times: keep a list, and return any(list).",
            ),
        ),
        Exercise(
            "06.4",
            order,
            (
                (
                    "grid.sizes() are the sizes; training_grid.what_if(grid, TrainingSetting(most),"
                    " TrainingSetting(n)).right.verdict is the verdict for one."
                ),
                (
                    "Go down from the largest until the verdict is 'better'; but look at all sizes:"
                    " a smaller one may be undecided again."
                ),
                (
                    "verdicts = {s.rows: training_grid.what_if(grid, TrainingSetting(most),"
                    " s).right.verdict for s in grid.sizes() if s.rows < most}"
                ),
            ),
        ),
    )
}
