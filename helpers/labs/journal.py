"""What did I expect, and what came out? A learner's guess before each result, the finding after it,
and how good the guesses were.

`predict` and `record` are called in the notebooks; all is saved in `my_work/journal.json`, whose
form `journal_file` defines.
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


class GuessForm:
    """The widget of `predict`; where there are no widgets, a line that says how to do without."""

    def __init__(self, id: str, question: str, arms: Sequence[str]):
        import ipywidgets as widgets

        self.id, self.question = id, question
        journal = load()
        counts = _that_counts(journal.guesses.get(id, []))
        before = counts.values if counts else {}
        self.sliders = {
            name: widgets.IntSlider(
                round(100 * before.get(name, 0.5)), min=0, max=100, readout=False, tooltip=name
            )
            for name in arms
        }
        self.button = widgets.Button(
            description="This is my guess",
            button_style="primary",
            tooltip="store this guess in your journal",
        )
        self.status = widgets.HTML()
        self.button.on_click(self._pressed)
        self._say(
            _standing(journal, id)
            + ("" if id in journal.guesses else " Set the sliders, then press the button.")
        )
        for widget, name in (
            (self.button, "t-commit"),
            (self.status, "t-standing"),
            *((slider, "t-guess") for slider in self.sliders.values()),
        ):
            widget.add_class(name)
        rows = [
            self._row(name, slider, width=max(map(len, arms)) + 2)
            for name, slider in self.sliders.items()
        ]
        asked = widgets.HTML(f"{READ_ALOUD}<b>{html.escape(question)}</b>")
        self.box = widgets.VBox([asked, *rows, self.button, self.status])

    def _row(self, name: str, slider: Any, width: int) -> Any:
        """A slider and its number, which carries the label that is seen."""
        import ipywidgets as widgets

        number = widgets.BoundedIntText(
            slider.value,
            min=0,
            max=100,
            description=name,
            style={"description_width": f"{width}ch"},
        )
        number.layout.width = f"calc({width}ch + 4.5em)"
        widgets.link((slider, "value"), (number, "value"))
        return widgets.HBox([number, widgets.Label("%"), slider])

    def _pressed(self, _) -> None:
        try:
            self._say(
                _commit(
                    self.id,
                    self.question,
                    {name: slider.value / 100 for name, slider in self.sliders.items()},
                )
            )
        except JournalError as error:  # raised here it would only reach a log
            self._say(f"Not stored. {error}")

    def _say(self, text: str) -> None:
        self.status.value = GuessLine(text)._repr_html_()

    def _repr_mimebundle_(self, **_) -> dict[str, Any]:
        return {**self.box._repr_mimebundle_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        guess = ", ".join(f"{name!r}: 0.50" for name in self.sliders)
        return f"{self.question} (No sliders here? Give predict your own shares: guess={{{guess}}})"


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
