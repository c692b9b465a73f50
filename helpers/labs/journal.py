"""What did I expect, and what came out? A learner's guess before each result, the finding after it,
and how good the guesses were.

`predict` (shares) and `predict_which` (one of several causes, levers or options) are called before
a result; `record` and `settle` after it; `answer_guess` says in one line how a guess met its
result. All is saved in `my_work/journal.json`, whose form `journal_file` defines.
"""

from __future__ import annotations

import datetime as dt
import html
import numbers
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from helpers import __version__
from helpers.core import settings
from helpers.data.journal_file import Guess, Journal, JournalError, RecordedFinding, changing, load
from helpers.evaluation.evaluator import share
from helpers.evaluation.numbers import percent, percents
from helpers.labs.controls import READ_ALOUD


@dataclass(frozen=True)
class GuessLine:
    """One sentence for the learner, in a terminal and in a notebook."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f"<div role='status'>{html.escape(self.text)}</div>"


def predict(
    id: str,
    question: str,
    arms: Sequence[str] = (),
    guess: Mapping[str, float | None] | None = None,
) -> GuessForm | GuessLine:
    """What do you expect? A form with a slider for each arm; or, without widgets, `guess={"RAG":
    0.30}`, stored at once.

    A guess is a share from 0 to 1; None means no guess. The form stores nothing until its button is
    pressed. What counts is the last guess before the first matching finding was recorded. Raises
    ValueError for a guess that is no share, and JournalError.
    """
    if guess is not None:
        return GuessLine(_commit(id, question, guess, arms))
    if not arms or isinstance(arms, str):
        raise ValueError(
            f'predict("{id}", …) needs the names to guess for, as ["closed book", "RAG"]; got'
            f" {arms!r}"
        )
    return GuessForm(id, question, list(arms))


def guess_of(id: str) -> dict[str, float] | None:
    """The guess that counts, as {name: share}, to be drawn over the result; None where there is
    none."""
    counts = _that_counts(load().guesses.get(id, []))
    return dict(counts.values) if counts else None


def answer_guess(id: str) -> dict[str, float] | None:
    """Say in one line how the guess met what was recorded ("you said 30 %, it is 12 %"), and return
    the guess, to be drawn over the result. Without a guess nothing is said."""
    counts, findings = guess_of(id), load().findings
    met = {name: findings.get(f"{id}/{name}") for name in counts or {}}
    said = [
        f"{name}: you said {percent(counts[name])}, it is {_measured(found)}"
        for name, found in met.items()
        if found and found.measure == "share"
    ]
    if said:
        print("; ".join(said))
    return counts


def predict_which(
    id: str, question: str, options: Sequence[str], guess: str | None = None
) -> ChoiceForm | GuessLine:
    """Which of these will it be? A guess of a cause, a lever or an option: one button each, nothing
    chosen beforehand; or, without widgets, `guess="reading"`, stored at once.

    Raises ValueError for an option that is not there, and JournalError.
    """
    if guess is None:
        return ChoiceForm(id, question, list(options))
    return GuessLine(_commit(id, question, {guess: 1.0}, options))


def settle(id: str, right: str, options: Sequence[str], n: int = 1) -> None:
    """Record which of the options of `predict_which` it was, from n cases, and say how the guess
    met it. Raises ValueError for an answer that was no option."""
    if right not in options:
        raise ValueError(f"{id}: {right!r} is none of the options {', '.join(map(repr, options))}")
    for option in options:
        record(f"{id}/{option}", f"{id}: it is {option}", {"count": int(option == right), "n": n})
    if counts := guess_of(id):
        (said,) = counts
        print(
            f"You said: {said}. So it is."
            if said == right
            else f"You said: {said}. It is: {right}."
        )


def _that_counts(history: Sequence[Guess]) -> Guess | None:
    return next((guess for guess in reversed(history) if not guess.after_result), None)


def _commit(
    id: str, question: str, guess: Mapping[str, float | None], arms: Sequence[str] = ()
) -> str:
    """Store a guess; what the journal holds then, in words."""
    values = {name: _share(name, value) for name, value in guess.items() if value is not None}
    if unknown := [name for name in values if arms and name not in arms]:
        raise ValueError(
            f"nothing is guessed for {', '.join(map(repr, unknown))}; the names are"
            f" {', '.join(map(repr, arms))}"
        )
    if not values:
        return _standing(load(), id)
    with changing() as journal:
        history = journal.guesses.setdefault(id, [])
        names = {name for one in history for name in one.values} | set(values)
        after = any(f"{id}/{name}" in journal.findings for name in names)
        # A cell that is run again says the same again: that is no new guess, and not one after the
        # result either.
        if not (
            history and history[-1].values == values and (after or not history[-1].after_result)
        ):
            history.append(Guess(question=question, values=values, made=_now(), after_result=after))
    return _standing(journal, id)


def _share(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= value <= 1:
        hint = (
            f"; did you mean {value / 100:.2f}?"
            if isinstance(value, numbers.Real) and 1 < value <= 100
            else ""
        )
        raise ValueError(
            f"a guess is a share from 0 to 1 (0.30 for 30 %); for {name!r} it is {value!r}{hint}"
        )
    return float(value)


def _standing(journal: Journal, id: str) -> str:
    """Is a guess committed, which one, and does it count?"""
    history = journal.guesses.get(id)
    if not history:
        return "No guess of yours is stored yet."
    counts, last = _that_counts(history), history[-1]
    said = [f"Your guess is in your journal: {_listed(counts)}."] if counts else []
    if last.after_result:
        said.append(f"A guess after the result is saved but does not count: {_listed(last)}.")
    return " ".join(said)


def _listed(guess: Guess) -> str:
    return ", ".join(f"{name} {percent(value)}" for name, value in guess.values.items())


class Form:
    """What the forms of a guess have in common: a question, what is chosen, a button, and what the
    journal holds then. `_values` reads what was chosen."""

    invites = ""

    def __init__(self, id: str, question: str):
        import ipywidgets as widgets

        self.id, self.question = id, question
        self.journal = load()
        self.button = widgets.Button(
            description="This is my guess",
            button_style="primary",
            tooltip="store this guess in your journal",
        )
        self.status = widgets.HTML()
        self.button.on_click(self._pressed)
        self.button.add_class("t-commit")
        self.status.add_class("t-standing")
        self._say(
            _standing(self.journal, id)
            + ("" if id in self.journal.guesses else f" {self.invites}, then press the button.")
        )

    def _boxed(self, rows: Sequence[Any]) -> Any:
        import ipywidgets as widgets

        asked = widgets.HTML(f"{READ_ALOUD}<b>{html.escape(self.question)}</b>")
        return widgets.VBox([asked, *rows, self.button, self.status])

    def _before(self) -> dict[str, float]:
        counts = _that_counts(self.journal.guesses.get(self.id, []))
        return dict(counts.values) if counts else {}

    def _values(self) -> dict[str, float]:
        raise NotImplementedError

    def _pressed(self, _) -> None:
        try:
            values = self._values()
            self._say(
                _commit(self.id, self.question, values)
                if values
                else f"Nothing is guessed yet. {self.invites}."
            )
        except (JournalError, ValueError) as error:  # raised here it would only reach a log
            self._say(f"Not stored. {error}")

    def _say(self, text: str) -> None:
        self.status.value = GuessLine(text)._repr_html_()

    def _repr_mimebundle_(self, **_) -> dict[str, Any]:
        return {**self.box._repr_mimebundle_(), "text/plain": repr(self)}


class GuessForm(Form):
    """The widget of `predict`, empty until something is typed or moved: a slider in the middle is a
    hint. Where there are no widgets, a line that says how to do without."""

    invites = "Move the sliders or type numbers from 0 to 100"

    def __init__(self, id: str, question: str, arms: Sequence[str]):
        super().__init__(id, question)
        before, width = self._before(), max(map(len, arms)) + 2
        self.numbers, self.sliders, rows = {}, {}, []
        for name in arms:
            rows.append(self._row(name, before.get(name), width))
        self.box = self._boxed(rows)

    def _row(self, name: str, before: float | None, width: int) -> Any:
        """A slider and its number. The number carries the label, because a screen reader is told
        the label of a number, but not of a slider."""
        import ipywidgets as widgets

        start = 0 if before is None else round(100 * before)
        slider = widgets.IntSlider(start, min=0, max=100, readout=False, tooltip=name)
        number = widgets.Text(
            "" if before is None else str(start),
            placeholder="?",
            description=name,
            style={"description_width": f"{width}ch"},
        )
        number.layout.width = f"calc({width}ch + 4.5em)"
        slider.add_class("t-guess")
        self.numbers[name], self.sliders[name] = number, slider

        def moved(change) -> None:
            number.value = str(change["new"])

        def typed(change) -> None:
            if change["new"].strip().isdecimal() and int(change["new"]) <= 100:
                slider.value = int(change["new"])

        slider.observe(moved, "value")
        number.observe(typed, "value")
        return widgets.HBox([number, widgets.Label("%"), slider])

    def _values(self) -> dict[str, float]:
        typed = {name: number.value.strip() for name, number in self.numbers.items()}
        if wrong := [name for name, text in typed.items() if text and not _is_percent(text)]:
            raise ValueError(f"{', '.join(wrong)}: type a whole number from 0 to 100.")
        return {name: int(text) / 100 for name, text in typed.items() if text}

    def __repr__(self) -> str:
        guess = ", ".join(f"{name!r}: None" for name in self.sliders)
        return (
            f"{self.question} (No sliders here? Give predict your own shares from 0 to 1 in place"
            f" of None: guess={{{guess}}})"
        )


def _is_percent(text: str) -> bool:
    return text.isdecimal() and int(text) <= 100


class ChoiceForm(Form):
    """The widget of `predict_which`, with nothing chosen; where there are no widgets, a line that
    says how to do without."""

    invites = "Choose one"

    def __init__(self, id: str, question: str, options: Sequence[str]):
        import ipywidgets as widgets

        super().__init__(id, question)
        before = next(iter(self._before()), None)
        self.options = list(options)
        self.choice = widgets.RadioButtons(
            options=self.options,
            value=before if before in self.options else None,
            layout={"width": "auto"},
        )
        self.choice.add_class("t-choice")
        self.box = self._boxed([self.choice])

    def _values(self) -> dict[str, float]:
        return {} if self.choice.value is None else {self.choice.value: 1.0}

    def __repr__(self) -> str:
        return (
            f"{self.question} {' · '.join(self.options)} (No buttons here? Give predict_which your"
            ' guess: guess="…")'
        )


def record(
    id: str, finding: str, result: Any, provenance: Mapping[str, Any] | None = None
) -> GuessLine:
    """Keep one measured finding: `record("08.questions/RAG", "RAG answers this share of the test
    questions right", share(table), table.attrs)`.

    result: what `evaluator.share` returns (share, low, high, n), a comparison (difference, low,
    high, n, verdict), or a number of anything, without an interval ({"count": …, "n": …}). The same
    id again replaces the finding. Raises ValueError for numbers that are not finite or possible,
    and JournalError.
    """
    fields = (
        dict(result)
        if hasattr(result, "keys")
        else {
            key: getattr(result, key, None) for key in ("difference", "low", "high", "n", "verdict")
        }
    )
    measure = next((one for one in ("share", "count") if one in fields), "difference")
    if measure == "count":
        fields = {"low": fields["count"], "high": fields["count"]} | fields
    if lacking := [
        key
        for key in (measure, "low", "high", "n")
        if not isinstance(fields.get(key), numbers.Real)
    ]:
        raise ValueError(
            f"{id}: a result has share (or difference), low, high and n, each a number; this one"
            f" lacks {', '.join(lacking)}"
        )
    n, verdict, model = fields["n"], fields.get("verdict"), settings.model_override()
    with changing() as journal:
        before, now = journal.findings.get(id), _now()
        saved = journal.findings[id] = RecordedFinding(
            finding=finding,
            measure=measure,
            value=float(fields[measure]),
            low=float(fields["low"]),
            high=float(fields["high"]),
            # a row of a summary has 100.0; the schema refuses 99.5 and NaN
            n=int(n) if n == n // 1 else n,
            verdict=None if verdict is None else str(verdict),
            # findings of two models are never compared
            provenance={**(provenance or {}), **({"model": model} if model else {})},
            machine=platform.machine(),
            cpu_count=os.cpu_count(),
            python=platform.python_version(),
            workbook=__version__,
            first_recorded=before.first_recorded if before else now,
            recorded=now,
        )
    return GuessLine(f"In your journal: {finding}: {_measured(saved)}")


def record_all(
    prefix: str, tables: Mapping[str, pd.DataFrame], says: str, column: str = "right"
) -> None:
    """Keep the share of True in a column of each table: `record_all("08.questions", tables, "{}:
    right")` records "08.questions/RAG" and so on; {} in `says` is the name of the table."""
    for name, table in tables.items():
        record(f"{prefix}/{name}", says.format(name), share(table, column), table.attrs)


def _measured(found: RecordedFinding) -> str:
    if found.measure == "share":
        return f"{percent(found.value)} ({percents(found.low, found.high)}, n = {found.n})"
    if found.measure == "count":
        return f"{found.value:.3g} (n = {found.n})"
    said = f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f}, n = {found.n})"
    return f"{said}: {found.verdict}" if found.verdict else said


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def choices() -> pd.DataFrame:
    """Which guesses of a cause, a lever or an option met their answer? One row each: what was said,
    what it was, and whether that is the same."""
    journal, rows = load(), []
    for id, history in journal.guesses.items():
        counts = _that_counts(history)
        said = next(iter(counts.values), None) if counts else None
        if (found := journal.findings.get(f"{id}/{said}")) and found.measure == "count":
            right = next(
                (
                    other.removeprefix(f"{id}/")
                    for other, one in journal.findings.items()
                    if other.startswith(f"{id}/") and one.measure == "count" and one.value == 1
                ),
                None,
            )
            rows.append((id, said, right, said == right))
    return pd.DataFrame(rows, columns=["id", "said", "it was", "right"])


def calibration() -> pd.DataFrame:
    """How good were the guesses? One row a guessed name with a measured share; error is guess minus
    value, so above 0 is too hopeful."""
    journal, rows = load(), []
    for id, history in journal.guesses.items():
        counts = _that_counts(history)
        for name, guess in counts.values.items() if counts else ():
            found = journal.findings.get(f"{id}/{name}")
            if found and found.measure == "share":
                inside = found.low <= guess <= found.high
                rows.append(
                    (
                        id,
                        name,
                        guess,
                        found.value,
                        found.low,
                        found.high,
                        guess - found.value,
                        inside,
                    )
                )
    return pd.DataFrame(
        rows, columns=["id", "name", "guess", "value", "low", "high", "error", "inside"]
    )
