"""Who asks a question, and where do they work? A rule may differ by country, and people rarely say
which one is theirs.

An `Ask` holds what decides about access (groups and day); this holds what an answer may depend on
besides, and nothing that is secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from helpers.core import settings
from helpers.core.cases import Split
from helpers.core.records import read_rows
from helpers.data.questions import QuestionRow, load_users


@dataclass(frozen=True)
class Asker:
    """A user as a prompt may show them: title and region ("uk", "de", "ca")."""

    title: str
    region: str


def load_askers(split: Split, path: Path | None = None) -> dict[str, Asker]:
    """Question id -> who asks it, for the questions of one split."""
    users = {id: Asker(user["title"], user["region"]) for id, user in load_users().items()}
    path = path or settings.DATA / "questions" / f"{split}.jsonl"
    return {row["id"]: users[row["asker"]] for row in read_rows(path, QuestionRow)}
