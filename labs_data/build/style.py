"""Write labs_data/style/{train,dev}.jsonl from style_written.txt: questions, facts and replies, all
written by hand.

A block is: "Name: question", one line "- what: value" for each fact, and the body of the reply. "
@xx" at the end of a fact names the handbook document that it comes from; a fact without one belongs
to the case (a day, an order). The greeting and the sign-off are added here, the rows of a split are
shuffled, and every fact is checked against its document. Same text, same seed: same bytes.

    python labs_data/build/style.py             write the files
    python labs_data/build/style.py --check     only name what is wrong: rules broken, facts that
                                                are not in their document
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from helpers.core import settings
from helpers.core.records import to_json_line
from helpers.data.handbook import load_handbook
from helpers.evaluation.house_style import GREETING, SIGN_OFF, UNITS, Brief, Fact, why_wrong
from helpers.evaluation.text import tokens

HERE = Path(__file__).resolve().parent
WRITTEN, OUT = HERE / "style_written.txt", settings.DATA / "style"
SEED = 20260302
DOCUMENTS = {
    "al": "almanac-plans",
    "ba": "battery-safety",
    "fo": "community-forum",
    "ga": "gale-specification",
    "go": "goodwill-compensation",
    "rc": "returns-ca",
    "rd": "returns-de",
    "re": "recycling-take-back",
    "ru": "returns-uk-v2",
    "rw": "repair-turnaround-uk",
    "sh": "shipping-cutoffs",
    "sp": "sprig-specification",
    "wa": "warranty-terms",
}
# Words that a fact may have of its own, because the handbook puts them into a heading, a sign or
# another form.
OWN_WORDS = {
    "working",
    *UNITS.lower().split("|"),
    *(f"{unit}s" for unit in UNITS.lower().split("|")),
}


class Written(NamedTuple):
    """One block as it was written: line counts from 1; sources are the documents of the facts, or
    None."""

    line: int
    split: str
    brief: Brief
    sources: tuple[str | None, ...]
    body: str


def read_blocks(text: str) -> Iterator[Written]:
    """The blocks of style_written.txt. Raises ValueError with the line of one that cannot be
    read."""
    split, line = "", 1
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        start, line = line + len(block) - len(block.lstrip("\n")), line + block.count("\n") + 2
        if lines[0].startswith("# "):
            split = lines[0].removeprefix("# ")
            continue
        head = re.fullmatch(r"([^:]+): (.+)", lines[0])
        facts = [
            re.fullmatch(r"- ([^:]+): (.+?)(?: @(\w\w))?", one)
            for one in lines[1:]
            if one.startswith("- ")
        ]
        rest = [one for one in lines[1:] if not one.startswith("- ")]
        if (
            not split
            or not head
            or not facts
            or None in facts
            or len(rest) != 1
            or any(f[3] not in {None, *DOCUMENTS} for f in facts)
        ):
            raise ValueError(
                f"{WRITTEN.name} line {start}: a block is 'Name: question', lines '- what: value"
                " @document' and one line of reply"
            )
        brief = Brief(head[1], head[2], tuple(Fact(f[1], f[2]) for f in facts))
        yield Written(start, split, brief, tuple(DOCUMENTS.get(f[3]) for f in facts), rest[0])


def row(written: Written, id: str) -> dict:
    """The row as it goes to disk."""
    reply = f"{GREETING} {written.brief.name},\n{written.body}\n{SIGN_OFF}"
    return {
        "id": id,
        "input": str(written.brief),
        "output": reply,
        "source": "written",
        "labelled_by": "written",
        "licence": "CC-BY-4.0",
    }


def unsupported(written: Written, texts: dict[str, set[str]]) -> Iterator[str]:
    """Which facts say what their document does not? Every number and every word of the value must
    stand in it: a necessary sign, not a proof."""
    for fact, document in zip(written.brief.facts, written.sources, strict=True):
        missing = (
            [token for token in tokens(fact.value) if token not in texts[document] | OWN_WORDS]
            if document
            else []
        )
        if missing:
            yield f"line {written.line}: fact '{fact.value}': {missing} do not stand in {document}"


def problems(blocks: list[Written]) -> list[str]:
    """All that is wrong: facts against the handbook, rules against the replies, a handbook fact in
    two splits, a text twice."""
    # a fact that an update changes would go stale with it, so it must stand in all versions from
    # today's on
    newest = load_handbook(updates=True)
    superseded = {d.meta.supersedes for d in load_handbook()}
    texts: dict[str, set[str]] = {}
    for document in newest:
        if document.id not in superseded:
            words = set(tokens(document.text))
            texts[document.meta.policy] = texts.get(document.meta.policy, words) & words
    texts = {
        name: texts[name if name in texts else next(d.meta.policy for d in newest if d.id == name)]
        for name in DOCUMENTS.values()
    }
    found = [problem for written in blocks for problem in unsupported(written, texts)]
    found += [
        f"line {w.line}: {field}: {message}"
        for w in blocks
        for field, message in why_wrong(row(w, "x"))
    ]
    seen: dict[object, Written] = {}
    for w in blocks:
        facts = [
            (fact.value, source)
            for fact, source in zip(w.brief.facts, w.sources, strict=True)
            if source
        ]
        for key in (*facts, w.brief.question.lower(), w.body.lower()):
            first = seen.setdefault(key, w)
            if isinstance(key, str) and first is not w:
                found.append(f"line {w.line}: the same text as in line {first.line}: {key[:60]}")
            if (
                isinstance(key, tuple)
                and first.split != w.split
                and any(char.isdigit() for char in key[0])
            ):
                found.append(
                    f"line {w.line}: '{key[0]}' of {key[1]} is also in {first.split} (line"
                    f" {first.line}); a fact stays in one split"
                )
    return found


def products(blocks: list[Written]) -> dict[str, str]:
    """Split -> the text of its file, rows shuffled with the seed."""
    made = {}
    for split in ("train", "dev"):
        chosen = [w for w in blocks if w.split == split]
        random.Random(f"{SEED} {split}").shuffle(chosen)
        made[split] = "".join(
            to_json_line(row(w, f"style-{split}-{n:03d}")) for n, w in enumerate(chosen, 1)
        )
    return made


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    blocks = list(read_blocks(WRITTEN.read_text(encoding="utf-8")))
    if found := problems(blocks):
        print("\n".join(found))
        return 1
    for split, text in products(blocks).items() if not options.check else ():
        OUT.mkdir(exist_ok=True)
        (OUT / f"{split}.jsonl").write_text(text, encoding="utf-8", newline="\n")
    print({split: sum(w.split == split for w in blocks) for split in ("train", "dev")})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
