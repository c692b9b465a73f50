"""A user's own folder for `assess`: documents, questions and labelled examples about a dozen towns,
and what a good model would answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

TOWNS = [
    "Arnby",
    "Brill",
    "Corse",
    "Dunwick",
    "Elsham",
    "Fenny",
    "Garrow",
    "Holt",
    "Inver",
    "Jarrow",
    "Kelso",
    "Lorn",
]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def lines(*rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def own_folder(home: Path, url: str = "", questions: bool = True, examples: bool = True) -> Path:
    if questions:
        for i, town in enumerate(TOWNS):
            write(
                home / "documents" / "towns" / f"{town}.md",
                f"# {town}\n\nThe library of {town} lends {i + 20} books at a time.\n\nThe pool of"
                f" {town} opens at {i % 5 + 6} o'clock.\n",
            )
        asked = [
            {
                "id": f"q{i}",
                "question": f"How many books does the library of {town} lend?",
                "answers": [str(i + 20)],
                "evidence": [{"doc": f"towns/{town}.md", "quote": f"lends {i + 20} books"}],
            }
            for i, town in enumerate(TOWNS)
        ]
        asked += [
            {"id": f"n{i}", "question": f"Who is the mayor of {town}?", "answers": []}
            for i, town in enumerate(TOWNS[:5])
        ]
        write(home / "questions.jsonl", lines(*asked))
    if examples:
        write(
            home / "examples.jsonl",
            lines(
                *(
                    {
                        "id": f"e{i}",
                        "input": f"Message {i}: the {'pump leaks' if i % 3 else 'bill is wrong'}",
                        "output": "fault" if i % 3 else "billing",
                    }
                    for i in range(45)
                )
            ),
        )
    if url:
        write(
            home / "assess.toml",
            f'title = "Towns"\n[endpoint]\nurl = "{url}"\nmodel = "m"\n[search]\nretriever ='
            ' "bm25"\n',
        )
    return home


def clever(body, n):
    """Reads the context as a model would: the number of the town that is asked about."""
    *before, last = [m["content"] for m in body["messages"]]
    if town := re.search(r"library of (\w+) lend\?", last):
        found = re.search(rf"library of {town[1]} lends (\d+)", last)
        return 200, f"{found[1]} books [1]" if found else "5 books", {}
    if "mayor" in last:
        return 200, "I don't know.", {}
    return 200, ("fault" if "leaks" in last else "billing") if len(before) > 1 else "no idea", {}


def quiet(text):
    pass
