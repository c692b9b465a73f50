"""Write labs_data/drift/tickets.jsonl from drift_written.txt: the messages were written and
labelled one by one, day by day. Same source, same bytes.

A line of the source is "change category product priority needs_human :: message".
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, PRODUCT_FILE = HERE / "drift_written.txt", HERE.parent / "drift" / "tickets.jsonl"
CHANGE = {"o": "ordinary", "n": "new product", "c": "new complaint", "m": "new mix"}
CATEGORY = {
    "f": "fault",
    "d": "delivery",
    "r": "return",
    "b": "billing",
    "a": "account",
    "h": "how_to",
}
PRODUCT = {"s": "sprig", "g": "gale", "w": "dewline", "p": "almanac", "-": "none"}
PRIORITY = {"u": "urgent", "h": "high", "n": "normal", "l": "low"}


def rows(text: str) -> list[dict]:
    found, day = [], ""
    for line in text.splitlines():
        if line.startswith("== "):
            day = line.removeprefix("== ")
            continue
        head, message = line.split(" :: ")
        change, category, product, priority, human = head.split()
        found.append(
            {
                "id": f"t-drift-{len(found) + 1:04d}",
                "day": day,
                "change": CHANGE[change],
                "input": message,
                "output": {
                    "category": CATEGORY[category],
                    "product": PRODUCT[product],
                    "priority": PRIORITY[priority],
                    "needs_human": human == "1",
                },
                "labelled_by": "written",
                "licence": "CC-BY-4.0",
            }
        )
    return found


def written() -> str:
    found = rows(SOURCE.read_text(encoding="utf-8"))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found)


if __name__ == "__main__":
    PRODUCT_FILE.parent.mkdir(exist_ok=True)
    PRODUCT_FILE.write_text(written(), encoding="utf-8", newline="\n")
