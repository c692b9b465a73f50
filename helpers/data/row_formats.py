"""In which form did somebody write questions or examples, and what are they as our rows? JSON
Lines, JSON, CSV, XLSX and YAML; the keys of SQuAD, ragas, deepeval, promptfoo and LangSmith, of
OpenAI's chats and of Alpaca.

    for number, row in question_rows("questions.csv", data, faults): row["question"], row["answers"]
    for number, row in example_rows("examples.jsonl", data, faults): row["input"], row["output"]

`number` is the line of JSON Lines, the row of a sheet (its first row has the names), else the place
in the list. What has our keys already comes back as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.core.records import DataError, Fault, json_lines, parse_json

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".yaml", ".yml")
Row = dict[str, Any]
Numbered = tuple[int, Row]
Columns = Mapping[str, str | Sequence[str]]  # our name -> theirs; several are put together

# our names, and those of others: the first that is there counts
QUESTION = ("question", "user_input", "input", "query", "prompt", "Question")
ANSWERS = (
    "answers", "answer", "reference", "expected_output", "expectedOutput", "expected_answer",
    "ground_truth", "ground_truths", "reference_answer", "__expected", "expected", "ideal",
    "target", "output", "Answer",
)  # fmt: skip
WITHOUT_ANSWERS = (
    "answerable",
    "is_impossible",
    "must_contain",
    "assert",
)  # say what is right, too
QUOTES = ("reference_contexts", "context", "contexts")
INPUT = (
    "input", "text", "message", "subject", "title", "body", "description", "utterance", "sentence",
    "question", "query", "prompt",
)  # fmt: skip
OUTPUT = (
    "output", "label", "category", "intent", "class", "target", "completion", "answer", "response",
    "labels",
)  # fmt: skip
# of a JSON object: where its rows are
INSIDE = ("data", "questions", "examples", "tests", "goldens", "test_cases", "samples", "rows")
ROLES = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant"}
SHOWN_KEYS = 8


# --- from bytes to rows ---------------------------------------------------------------------------


def _raw(name: str, data: bytes, faults: list[Fault]) -> list[Numbered]:
    """The rows of a file with the keys that they have there."""
    suffix = Path(name).suffix.lower()
    try:
        if suffix == ".xlsx":
            return _of_sheets(name, data)
        if suffix in (".csv", ".tsv"):
            return _of_sheet(_csv(data, name))
        if suffix in (".yaml", ".yml"):
            return _of_value(_yaml(data, name))
        whole = _whole_json(data) if suffix == ".json" or data.lstrip()[:1] == b"[" else None
        if whole is None:
            lines = list(json_lines(name, data, found := []))
            whole = _whole_json(data) if not lines else None
            if whole is None:
                faults += found
                return lines
        return _of_value(whole)
    except DataError as error:
        faults.append(Fault(name, None, "", str(error).removeprefix(f"{name}: ")))
        return []


def _csv(data: bytes, name: str) -> list[list[str]]:
    from helpers.data.extract import plain
    from helpers.data.tables import csv_rows

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = plain(data, Path(name))  # it says in which encoding the file is
    return csv_rows(text, empty=True)


def _of_sheets(name: str, data: bytes) -> list[Numbered]:
    """The rows of the first sheet; more than one would be a guess."""
    from helpers.data.tables import xlsx_sheets

    sheets = xlsx_sheets(data, empty=True)
    if not sheets:
        raise DataError("holds no sheet with rows; write the names of the columns into the first")
    return _of_sheet(sheets[0].rows)


def _of_sheet(rows: Sequence[Sequence[str]]) -> list[Numbered]:
    """Rows below a row of names; its empty cells are left out."""
    names = [cell.strip() for cell in rows[0]] if rows else []
    if len(rows) < 2:
        raise DataError("holds no rows below the names of its columns")
    if twice := [one for at, one in enumerate(names) if one and one in names[:at]]:
        raise DataError(f"has two columns named '{twice[0][:60]}'; rename one")
    return [
        (number, {key: cell for key, cell in zip(names, row, strict=True) if key})
        for number, row in enumerate(rows[1:], start=2)
        if any(row)
    ]


def _yaml(data: bytes, name: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(data.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"cannot be read as YAML ({' '.join(str(error).split())[:120]})") from error


def _whole_json(data: bytes) -> Any:
    """The JSON of a whole file; None where it is none."""
    try:
        return parse_json(data.decode("utf-8"))
    except (ValueError, UnicodeDecodeError):
        return None


def _of_value(value: Any) -> list[Numbered]:
    """The rows in a JSON or YAML value: a list, or what an object holds under a known name."""
    if isinstance(value, dict):
        inside = next((value[key] for key in INSIDE if isinstance(value.get(key), list)), None)
        value = [value] if inside is None else inside
    if not isinstance(value, list):
        raise DataError("holds no list of rows; write a list of objects, or one object a line")
    rows = []
    for number, one in enumerate(value, start=1):
        one = one["row"] if isinstance(one, dict) and isinstance(one.get("row"), dict) else one
        if not isinstance(one, dict) or not one:
            raise DataError(f"item {number} of the list is no object with keys")
        rows += _squad(number, one) if isinstance(one.get("paragraphs"), list) else [(number, one)]
    return rows


def _squad(number: int, article: Row) -> Iterator[Numbered]:
    """The questions of one article of SQuAD; all have its number."""
    for part in article["paragraphs"]:
        if isinstance(part, dict):
            for one in part.get("qas", ()):
                if isinstance(one, dict):
                    yield number, {**one, "context": part.get("context")}


# --- questions ------------------------------------------------------------------------------------


def question_rows(
    name: str,
    data: bytes,
    faults: list[Fault],
    columns: Columns | None = None,
    taken: list[str] | None = None,
) -> list[Numbered]:
    """The rows as {question, answers, …}; a file whose names are not known becomes one fault that
    says which it has. taken: gets a sentence about names that are not ours."""
    rows = [(number, _flat(row)) for number, row in _raw(name, data, faults)]
    rows = _renamed(name, rows, columns or {}, faults)
    table = Path(name).suffix.lower() in (".csv", ".tsv", ".xlsx")
    if _nameless(name, rows, "question", QUESTION, faults):
        return []
    if _nameless(name, rows, "answers", (*ANSWERS, *WITHOUT_ANSWERS), faults):
        return []
    made, used = [], {"question": {}, "answers": {}}
    for number, row in rows:
        said = _cells(row) if table else dict(row)
        for ours, theirs in (("question", QUESTION), ("answers", ANSWERS)):
            key = next((one for one in theirs if one in said), None)
            if key is not None and key != ours:
                said[ours] = said.pop(key)
                used[ours][key] = None
        wrong = _asserted(said)
        _answers_of(said, table)
        _quotes_of(said)
        if wrong and not said.get("answers") and "must_contain" not in said:
            faults.append(Fault(name, number, "assert", wrong))
        else:
            made.append((number, said))
    _say(used, taken)
    return made


def _flat(row: Row) -> Row:
    """`vars` of promptfoo, `inputs` and `outputs` of LangSmith, as keys of the row."""
    flat = dict(row)
    for box in ("vars", "inputs", "outputs"):
        if isinstance(flat.get(box), dict):
            flat = {**flat.pop(box), **flat}
    return flat


def _cells(row: Row) -> Row:
    """The cells of a sheet as values: an empty one is none, but for an answer."""
    made: Row = {key: cell for key, cell in row.items() if cell or key in ANSWERS}
    for key in ("groups", "must_contain"):
        if isinstance(made.get(key), str):
            made[key] = _listed(made[key], "," if key == "groups" else "\n")
    for key in ("answerable", "is_impossible"):
        if key in made:
            made[key] = {"true": True, "yes": True, "1": True, "false": False, "no": False,
                         "0": False}.get(made[key].casefold(), made[key])  # fmt: skip
    quote = made.pop("quote", None)
    document = next((made.pop(key) for key in ("document", "doc", "file") if key in made), None)
    if isinstance(quote, str) and "evidence" not in made:
        made["evidence"] = [{"quote": quote} | ({"doc": document} if document else {})]
    elif isinstance(made.get("evidence"), str):
        made["evidence"] = [{"quote": made["evidence"]} | ({"doc": document} if document else {})]
    return made


def _listed(cell: str, parted: str) -> list[str]:
    """A cell with several values: a list in JSON, or parted by a sign."""
    try:
        found = json.loads(cell)
    except ValueError:
        found = None
    if isinstance(found, list):
        return found
    return [one.strip() for one in cell.split(parted) if one.strip()]


def _answers_of(row: Row, table: bool) -> None:
    """`answers` as a list of texts, whatever form they have."""
    answers = row.get("answers")
    if isinstance(answers, dict):  # a row of SQuAD: {"text": [...], "answer_start": [...]}
        answers = answers.get("text", answers.get("value", answers))
    if isinstance(answers, list) and answers and all(isinstance(one, dict) for one in answers):
        answers = [one.get("text", one) for one in answers]
    if isinstance(answers, str) and table:
        answers = _listed(answers, "|")
    elif isinstance(answers, str):
        answers = [answers] if answers.strip() else []
    elif isinstance(answers, int | float) and not isinstance(answers, bool):
        answers = [str(answers)]
    if isinstance(answers, list):
        answers = (
            list(dict.fromkeys(answers)) if all(isinstance(a, str) for a in answers) else answers
        )
    if "answers" in row:
        row["answers"] = answers


def _quotes_of(row: Row) -> None:
    """Texts that hold the answer, as evidence; which document has them is looked for."""
    given = next((row[key] for key in QUOTES if row.get(key)), None)
    quotes = [given] if isinstance(given, str) else given
    if row.get("evidence") or not isinstance(quotes, list):
        return
    quotes = [one for one in quotes if isinstance(one, str) and one.strip()]
    answers = [one for one in row.get("answers") or () if isinstance(one, str)]
    if quotes and answers:
        row["evidence"] = [{"quote": _around(one, answers), "optional": True} for one in quotes]


def _around(context: str, answers: Sequence[str]) -> str:
    """The line of a context that holds an answer; the whole where none does."""
    lines = [line for line in context.split("\n") if any(one in line for one in answers)]
    return lines[0].strip() if lines else context.strip()


def _asserted(row: Row) -> str | None:
    """What promptfoo asserts, as answers and parts that must be said; why not, where a model would
    have to judge."""
    asserts = row.pop("assert", None)
    expected = row.get("answers")
    if isinstance(expected, str) and ":" in expected and asserts is None:
        kind, _, value = expected.partition(":")
        if kind.strip() in ASSERTS:
            row.pop("answers")
            asserts = [{"type": kind.strip(), "value": value.strip()}]
    unknown = []
    for one in asserts if isinstance(asserts, list) else ():
        kind, value = (one.get("type"), one.get("value")) if isinstance(one, dict) else (None, None)
        if (read := ASSERTS.get(kind)) is None or value in (None, ""):
            unknown.append(str(kind))
            continue
        field, said = read(value)
        row[field] = [*row.get(field, []), *said]
    if unknown:
        return (
            f"asserts '{unknown[0]}', which no rule can judge; assert 'equals', 'contains',"
            " 'contains-any' or 'contains-all'"
        )
    return None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) and "," in value:
        return [one.strip() for one in value.split(",")]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _parts(value: Any) -> tuple[str, list[str]]:
    return "must_contain", [str(value)]


ASSERTS: dict[Any, Callable[[Any], tuple[str, list[str]]]] = {
    "equals": lambda value: ("answers", [str(value)]),
    "similar": lambda value: ("answers", [str(value)]),
    "factuality": lambda value: ("answers", [str(value)]),
    "contains": _parts,
    "icontains": _parts,
    "contains-all": lambda value: ("must_contain", _texts(value)),
    "icontains-all": lambda value: ("must_contain", _texts(value)),
    "contains-any": lambda value: ("must_contain", ["|".join(_texts(value))]),
    "icontains-any": lambda value: ("must_contain", ["|".join(_texts(value))]),
}


# --- examples -------------------------------------------------------------------------------------


def example_rows(
    name: str,
    data: bytes,
    faults: list[Fault],
    columns: Columns | None = None,
    taken: list[str] | None = None,
) -> list[Numbered]:
    """The rows as {input, output, …}; a file whose names are not known becomes one fault that says
    which it has. taken: gets a sentence about names that are not ours."""
    rows = [(number, _chat(row)) for number, row in _raw(name, data, faults)]
    rows = _renamed(name, rows, columns or {}, faults)
    if _nameless(name, rows, "input", (*INPUT, "instruction"), faults) or _nameless(
        name, rows, "output", OUTPUT, faults
    ):
        return []
    made, used = [], {"input": {}, "output": {}}
    for number, row in rows:
        said = dict(row)
        if (key := next((one for one in OUTPUT if one in said), None)) and key != "output":
            said["output"] = _as_text(said.pop(key))
            used["output"][key] = None
        if "input" not in said and "instruction" not in said:
            texts = [said.pop(key) for key in row if key in INPUT and isinstance(row[key], str)]
            if whole := "\n\n".join(filter(str.strip, texts)):
                said["input"] = whole
                used["input"] |= dict.fromkeys(key for key in row if key in INPUT)
        made.append((number, said))
    _say(used, taken)
    return _objects(made)


def _as_text(value: Any) -> Any:
    """A label as a text: 1 is "1"; texts of a completion begin with a space."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value.strip() if isinstance(value, str) else value


def _objects(rows: list[Numbered]) -> list[Numbered]:
    """Outputs that are all written as JSON objects, as objects: cells and chats hold only texts."""
    found = []
    for _, row in rows:
        output = row.get("output")
        try:
            value = parse_json(output) if isinstance(output, str) else None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return rows
        found.append(value)
    return [
        (number, row | {"output": value}) for (number, row), value in zip(rows, found, strict=True)
    ]


def _chat(row: Row) -> Row:
    """A conversation as input and output: the last answer, and all before it."""
    turns = row.get("messages", row.get("conversations"))
    if isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
        turns = [*row["prompt"], *row["completion"]]
    if not isinstance(turns, list) or not all(isinstance(one, dict) for one in turns):
        return row
    said = [(str(one.get("role", one.get("from"))), _content(one)) for one in turns]
    last = max(
        (at for at, (role, _) in enumerate(said) if ROLES.get(role) == "assistant"), default=0
    )
    if not last or said[last][1] is None:
        return row
    system = [text for role, text in said[:last] if role in ("system", "developer") and text]
    before = [(ROLES[role], text) for role, text in said[:last] if role in ROLES and text]
    rest = {
        key: value
        for key, value in row.items()
        if key not in ("messages", "conversations", "prompt", "completion")
    }
    if len(before) == 1:
        text = before[0][1]
    else:
        text = "\n\n".join(f"{role.capitalize()}: {text}" for role, text in before)
    made = rest | {"input": text, "output": said[last][1]}
    return made | ({"system": "\n\n".join(system)} if system else {})


def _content(turn: Row) -> str | None:
    """What was said in a turn; None where it is no text, as a call of a tool."""
    said = turn.get("content", turn.get("value"))
    if isinstance(said, list):
        said = "\n".join(
            one["text"]
            for one in said
            if isinstance(one, dict) and isinstance(one.get("text"), str)
        )
    return said if isinstance(said, str) and said.strip() else None


# --- names ----------------------------------------------------------------------------------------


def _renamed(
    name: str, rows: list[Numbered], columns: Columns, faults: list[Fault]
) -> list[Numbered]:
    """The rows with our names, where assess.toml says which are theirs. Several inputs are put
    together; several outputs are an object."""
    there = {key for _, row in rows for key in row}
    wanted = {
        ours: [theirs] if isinstance(theirs, str) else list(theirs)
        for ours, theirs in columns.items()
    }
    for ours, theirs in wanted.items():
        for missing in [one for one in theirs if rows and one not in there]:
            faults.append(
                Fault(name, None, "", f"has no '{missing}', which [columns] {ours} in assess.toml"
                      f" names; found {_shown(there)}")
            )  # fmt: skip
    made = []
    for number, row in rows:
        said = dict(row)
        for ours, theirs in wanted.items():
            values = {one: said.pop(one) for one in theirs if one in row and one in said}
            if len(theirs) == 1 and values:
                said[ours] = next(iter(values.values()))
            elif values and ours == "output":
                said[ours] = values
            elif values:
                said[ours] = "\n\n".join(str(one) for one in values.values() if str(one).strip())
        made.append((number, said))
    return made


def _nameless(
    name: str, rows: list[Numbered], ours: str, known: Sequence[str], faults: list[Fault]
) -> bool:
    """Has no row a known name for this? Then it is said once, with the names that there are."""
    keys = list(dict.fromkeys(key for _, row in rows for key in row))
    if not rows or set(known) & set(keys):
        return False
    near = _nearest(ours, keys)
    faults.append(
        Fault(name, None, ours, f"is missing; found {_shown(keys)}: rename"
              f" {f'{near!r}' if near else 'the one that is meant'} to '{ours}', or set"
              f" {ours} = {json.dumps(near or 'NAME', ensure_ascii=False)} under [columns] in"
              " assess.toml")
    )  # fmt: skip
    return True


def _say(used: Mapping[str, Mapping[str, None]], taken: list[str] | None) -> None:
    """Which names were taken for ours?"""
    if taken is not None:
        taken += [
            f"{_shown(theirs)} {'is' if len(theirs) == 1 else 'are'} taken as '{ours}'"
            for ours, theirs in used.items()
            if theirs
        ]


def _nearest(ours: str, keys: Sequence[str]) -> str | None:
    import difflib

    lower = {key.casefold(): key for key in keys}
    near = difflib.get_close_matches(ours, lower, 1, 0.6)
    return lower[near[0]] if near else None


def _shown(keys: Collection[str]) -> str:
    some = sorted(keys) if isinstance(keys, set) else list(keys)
    more = f" and {len(some) - SHOWN_KEYS} more" if len(some) > SHOWN_KEYS else ""
    return ", ".join(repr(key[:60]) for key in some[:SHOWN_KEYS]) + more
