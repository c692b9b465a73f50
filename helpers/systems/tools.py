"""What can be looked up or computed instead of read? Order and ticket status, a calculator, today's
date. A tool that fails answers with an error; none ever stops a run.

What a tool finds is shown to the user as it stands and read by no model, so a ticket whose subject
gives orders gives them to nobody.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import re
import secrets
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from helpers.core import settings
from helpers.core.cases import Ask
from helpers.data.orders import load_orders, load_ticket_states
from helpers.data.requests import TODAY
from helpers.systems.calculator import CalculationError, calculate, expression_in, written

Tool = Literal["order", "ticket", "calculator", "date"]
WAIT_SECONDS = 1.0  # for a table that another process has locked
MOST_DAYS = 36_525  # a hundred years: further away no date is given
COLUMNS = {
    "order": ("status", "item", "ordered", "eta", "carrier"),
    "ticket": ("status", "subject", "priority", "updated"),
}
DIGITS = {"order": 4, "ticket": 5}


class ToolError(Exception):
    """A tool cannot answer; the message says why, and what to write instead."""


@dataclass(frozen=True)
class ToolAnswer:
    """What a tool said. With an `error` the text says, politely, that nothing was found out."""

    tool: Tool
    text: str
    error: str | None = None


def use_tool(ask: Ask, table: Path | None = None) -> ToolAnswer:
    """Answer an ask with the tool that it names, within the rights of its groups. Never raises.

    table: the SQLite file of `write_table`; by default one made of labs_data/tools.
    """
    tool = choose_tool(ask.input)
    try:
        return ToolAnswer(tool, _answer(tool, ask, table))
    except ToolError as error:
        return ToolAnswer(tool, f"I could not do that: {error}.", str(error))
    except Exception as error:  # whatever it is, the next request must be served
        why = f"{type(error).__name__}: {error}"
        return ToolAnswer(tool, f"The {tool} tool does not work at the moment.", why)


def _answer(tool: Tool, ask: Ask, table: Path | None) -> str:
    if tool == "calculator":
        return calculation(ask.input)
    if tool == "date":
        return date_asked(ask.input, ask.as_of or TODAY)
    return status_of(tool, number_in(ask.input, tool), ask.groups, table or default_table())


# --- which tool -----------------------------------------------------------------------------------

TICKET = re.compile(r"\b(?:ticket|case|reference)\b|(?<![0-9.,])88[0-9]{3}(?![0-9]|[.,][0-9])")
ORDER = re.compile(r"\b(?:order|parcel|bestellung|shipment|delivery|pallet)\b")
ORDER_NUMBER = re.compile(r"(?<![0-9.,])4[6-9][0-9]{2}(?![0-9]|[.,][0-9])")
MATHS = re.compile(
    r"[0-9)]\s*(?:[-+*/^×]|\*\*)\s*[(0-9.-]|%|\b(?:per ?cent|times|mal|divided?|plus|minus|sum|add|"
    r"total|half|quarters?|split|subtract|calculate|power|halve|maths?|square|each)\b"
)
DATE = re.compile(
    r"\b(?:today|tomorrow|yesterday|date|weekday|calendar week|week are we|what day|which day|"
    r"welcher tag|days? (?:until|till|left|ago|from)|days is it|weeks? (?:from|ago)|year is it|"
    r"which (?:month|weekday)|mon|tues|wednes|thurs|fri|satur|sun|january|february|march)"
)


def choose_tool(text: str) -> Tool:
    """Which tool does a request name? By words and numbers; what names none is a calculation.

    A ticket has five digits and begins with 88, an order four: see labs_data/tools.
    """
    said = text.lower()
    if TICKET.search(said) and re.search(r"[0-9]{5}", said):
        return "ticket"
    signs = re.search(r"[0-9]\s*[-+*/^%]\s*[0-9]", said)
    if ORDER.search(said) and re.search("[0-9]{4}", said):
        return "order"
    if ORDER_NUMBER.search(said) and not MATHS.search(said):
        return "order"
    if DATE.search(said) and not signs:
        return "date"
    return "calculator" if MATHS.search(said) or not ORDER.search(said) else "order"


def number_in(text: str, tool: Literal["order", "ticket"]) -> str:
    """The one number of an order or a ticket in a request; digits 0 to 9 alone count. Raises
    ToolError when there is none, or more than one."""
    digits = DIGITS[tool]
    found = sorted(set(re.findall(rf"(?<![0-9]){'[0-9]' * digits}(?![0-9])", text)))
    if len(found) != 1:
        many = f"{len(found)} {tool}s are named" if found else f"no {tool} number is in it"
        raise ToolError(f"{many}; give one number of {digits} digits")
    return found[0]


# --- orders and tickets ---------------------------------------------------------------------------


def write_table(
    path: Path, orders: Sequence[dict] | None = None, tickets: Sequence[dict] | None = None
) -> Path:
    """Write orders and tickets into an SQLite file, whole or not at all; by default those of
    labs_data/tools."""
    rows = {
        "order": load_orders() if orders is None else orders,
        "ticket": load_ticket_states() if tickets is None else tickets,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # a name of its own, so that two processes may write at once
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _fill(aside, rows)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def _fill(path: Path, rows: dict[str, Sequence[dict]]) -> None:
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE audience (kind TEXT, id TEXT, grp TEXT)")
        made.execute("CREATE INDEX who ON audience (kind, id, grp)")
        for kind, columns in COLUMNS.items():
            made.execute(f'CREATE TABLE "{kind}" (id TEXT PRIMARY KEY, {", ".join(columns)})')
            marks = ", ".join("?" * (len(columns) + 1))
            made.executemany(
                f'INSERT INTO "{kind}" VALUES ({marks})',
                [(row["id"], *(row[column] for column in columns)) for row in rows[kind]],
            )
            made.executemany(
                "INSERT INTO audience VALUES (?, ?, ?)",
                [(kind, row["id"], group) for row in rows[kind] for group in row["audience"]],
            )


@functools.cache
def _digest() -> str:
    parts = (settings.DATA / "tools" / f"{name}.jsonl" for name in ("orders", "tickets"))
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def default_table() -> Path:
    """The table made of labs_data/tools, in the cache; written where it is not there."""
    path = settings.cache_folder("tools") / f"{_digest()}.sqlite"
    return path if path.is_file() else write_table(path)


def table_digest(table: Path) -> str:
    """A name for what a table holds; "missing" for one that is not there."""
    try:
        return hashlib.sha256(table.read_bytes()).hexdigest()[:16]
    except OSError:
        return "missing"


def status_of(
    tool: Literal["order", "ticket"], number: str, groups: Collection[str], table: Path
) -> str:
    """The status of an order or ticket, if one of these groups may see it. That there is none and
    that it is somebody else's get the same answer, so nobody learns which numbers exist.

    The connection can only read; number and groups are parameters of the query, which holds the
    rights itself. Raises sqlite3.Error when the table is missing, damaged or locked.
    """
    columns = COLUMNS[tool]
    marks = ", ".join("?" * len(groups))
    query = (
        f'SELECT {", ".join(columns)} FROM "{tool}" WHERE id = ? AND EXISTS (SELECT 1 FROM audience'
        f" WHERE kind = ? AND audience.id = ? AND grp IN ({marks}))"
    )
    where = f"file:{quote(str(table.resolve()))}?mode=ro"
    with closing(sqlite3.connect(where, uri=True, timeout=WAIT_SECONDS)) as connection:
        row = connection.execute(query, (number, tool, number, *groups)).fetchone()
    if row is None:
        return f"There is no {tool} {number} that you may see."
    told = dict(zip(columns, row, strict=True))
    if tool == "ticket":
        return (
            f"Ticket {number}: {told['status']}, {told['priority']}, last changed on"
            f" {told['updated']}. Subject: {told['subject']}."
        )
    due = f", expected on {told['eta']}" if told["eta"] else ""
    return (
        f"Order {number}: {told['status']}. {told['item']}, ordered on {told['ordered']}, carrier"
        f" {told['carrier']}{due}."
    )


# --- numbers and dates ----------------------------------------------------------------------------


def calculation(text: str) -> str:
    """ "17 % of 250 = 42.5", for a sentence that asks for it. Raises ToolError."""
    try:
        expression = expression_in(text)
        return f"{expression} = {written(calculate(expression))}"
    except CalculationError as error:
        raise ToolError(str(error)) from error


MONTHS = tuple(dt.date(2026, month, 1).strftime("%B").lower() for month in range(1, 13))
UNITS = {"day": 1, "week": 7}
COUNTED = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "a": 1}
AMOUNT = rf"(?P<n>[0-9]{{1,9}}|{'|'.join(COUNTED)})\s+(?P<unit>day|week)s?"
DAY = rf"(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?(?P<month>{'|'.join(MONTHS)})"


def date_asked(text: str, today: dt.date) -> str:
    """Today's date; or the one so many days or weeks before or after it; or how many days are left
    until a day of the year. Raises ToolError where that leaves the calendar."""
    said = text.lower()
    if re.search(r"until|till|left", said) and (found := re.search(DAY, said)):
        return _days_until(int(found["day"]), MONTHS.index(found["month"]) + 1, today)
    if re.search(r"until|till|left", said) and (
        found := re.search(rf"end of (?P<month>{'|'.join(MONTHS)})", said)
    ):
        month = MONTHS.index(found["month"]) + 1
        return _days_until(0, month, today)
    if re.search(r"\bmonths?\b|\byears\b", said) and re.search(r"[0-9]", said):
        raise ToolError("months and years differ in length; give a number of days or weeks")
    days = 0
    if found := re.search(AMOUNT, said):
        many = COUNTED.get(found["n"]) or int(found["n"])
        days = many * UNITS[found["unit"]] * (-1 if "ago" in said or "before" in said else 1)
    elif "tomorrow" in said or "yesterday" in said:
        days = 1 if "tomorrow" in said else -1
    if abs(days) > MOST_DAYS:
        raise ToolError(f"that is more than {MOST_DAYS:,} days away")
    day = today + dt.timedelta(days=days)
    many = f"{abs(days)} day{'s' * (abs(days) > 1)}"
    when = "Today is" if not days else f"{many} {'from' if days > 0 else 'before'} today:"
    return f"{when} {day:%A}, {day.isoformat()}, calendar week {day.isocalendar().week}."


def _days_until(day: int, month: int, today: dt.date) -> str:
    """day 0: the last of the month. The next such day, this year or the following."""
    for year in (today.year, today.year + 1):
        try:
            if day:
                wanted = dt.date(year, month, day)
            else:
                wanted = dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)
        except ValueError as error:
            raise ToolError(f"there is no {day} in month {month} of {year}") from error
        if wanted >= today:
            break
    return f"{(wanted - today).days} days until {wanted:%A}, {wanted.isoformat()}."
