"""What do the order and ticket systems hold? Invented orders and tickets, each with the groups that
may see it, as typed rows for the tools."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import Field

from helpers.core import settings
from helpers.core.records import Row, read_rows

FOLDER = settings.DATA / "tools"
OWNER = "customer:"  # the group of one customer alone: "customer:ines-k"


class OrderRow(Row):
    """One line of labs_data/tools/orders.jsonl. audience: the groups that may see it, its customer
    among them. eta: the day of delivery, where one is known."""

    id: str = Field(pattern=r"^[0-9]{4}$")
    status: Literal[
        "paid", "in picking", "packed", "shipped", "delivered", "on hold", "lost", "returned"
    ]
    item: str = Field(min_length=1)
    ordered: dt.date
    eta: dt.date | None
    carrier: str
    audience: list[str] = Field(min_length=1)


class TicketStatusRow(Row):
    """One line of labs_data/tools/tickets.jsonl."""

    id: str = Field(pattern=r"^[0-9]{5}$")
    status: Literal["open", "pending", "on hold", "escalated", "solved", "closed"]
    subject: str = Field(min_length=1)
    priority: Literal["P1", "P2", "P3", "P4"]
    updated: dt.date
    audience: list[str] = Field(min_length=1)


def load_orders(path: Path | None = None) -> list[dict]:
    """All orders, as rows. Raises DataError with file and line."""
    return list(read_rows(path or FOLDER / "orders.jsonl", OrderRow))


def load_ticket_states(path: Path | None = None) -> list[dict]:
    """All tickets of the support desk, as rows. Raises DataError with file and line."""
    return list(read_rows(path or FOLDER / "tickets.jsonl", TicketStatusRow))
