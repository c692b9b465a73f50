"""The orders and tickets that the assistant's tools look up: invented, drawn once with a seed.

    python labs_data/build/orders.py      write labs_data/tools/orders.jsonl and tickets.jsonl

Every number that a request of labs_data/router names is there, but for those that an attack made
up; the requests say nothing about what the answer is. The same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import random

from helpers.core import settings
from helpers.core.files import write_whole
from helpers.core.records import to_json_line
from helpers.data.orders import FOLDER, OWNER, OrderRow, TicketStatusRow

SEED = 20260302
TODAY = dt.date(2026, 3, 2)
ORDERS, TICKETS = range(4690, 4970), range(88200, 88360)
CARRIERS = {"uk": "Pellowdray", "de": "Rotkehl Paket", "ca": "Tamarrow"}
ITEMS = ("Sprig 4", "Sprig 8", "Gale", "Dewline kit 25 m", "Dewline kit 50 m", "drippers, 20")
SUBJECTS = (
    "controller offline",
    "drip hose leaks",
    "Plus plan charged twice",
    "wind sensor stuck",
    "parcel incomplete",
    "login code never arrives",
    "valve does not close",
    "wrong adapter in the box",
)
CUSTOMERS = ("ines-k", "tom-b", "marie-l", "gartenwelt", "school-17", "oskar-n", "dee-w", "ruth-a")
# days from the order to today, and whether it is still under way
STATES = {
    "paid": (0, 1),
    "in picking": (0, 2),
    "packed": (1, 3),
    "shipped": (1, 6),
    "delivered": (4, 60),
    "on hold": (2, 12),
    "lost": (12, 40),
    "returned": (15, 80),
}
UNDER_WAY = ("paid", "in picking", "packed", "shipped")


def orders() -> list[dict]:
    """Orders of all regions. Support and warehouse see everybody's but dealers'; those are for
    managers. The customer sees their own."""
    dice, made = random.Random(SEED), []
    for number in ORDERS:
        status, customer = dice.choice(list(STATES)), dice.choice(CUSTOMERS)
        ordered = TODAY - dt.timedelta(days=dice.randint(*STATES[status]))
        eta = TODAY + dt.timedelta(days=dice.randint(1, 5)) if status in UNDER_WAY else None
        staff = ["managers"] if customer == "gartenwelt" else ["support", "warehouse"]
        row = {
            "id": str(number),
            "status": status,
            "item": dice.choice(ITEMS),
            "ordered": ordered,
            "eta": eta,
            "carrier": CARRIERS[dice.choice(list(CARRIERS))],
            "audience": [*staff, OWNER + customer],
        }
        made.append(OrderRow(**row).model_dump(mode="json"))
    return made


def tickets() -> list[dict]:
    """Tickets of the support desk; every fourteenth is a complaint about a member of staff, for
    people operations alone and whoever wrote it."""
    dice, made = random.Random(SEED + 1), []
    for number in TICKETS:
        delicate = number % 14 == 0
        row = {
            "id": str(number),
            "status": dice.choice(("open", "pending", "on hold", "escalated", "solved", "closed")),
            "subject": "complaint about an agent" if delicate else dice.choice(SUBJECTS),
            "priority": dice.choice(("P1", "P2", "P3", "P4")),
            "updated": TODAY - dt.timedelta(days=dice.randint(0, 20)),
            "audience": [
                "people-ops" if delicate else "support",
                OWNER + dice.choice(CUSTOMERS),
            ],
        }
        made.append(TicketStatusRow(**row).model_dump(mode="json"))
    return made


def main() -> None:
    for name, rows in (("orders", orders()), ("tickets", tickets())):
        write_whole(FOLDER / f"{name}.jsonl", "".join(map(to_json_line, rows)))
        print(f"{settings.shown(FOLDER / name)}.jsonl: {len(rows)} rows")


if __name__ == "__main__":
    main()
