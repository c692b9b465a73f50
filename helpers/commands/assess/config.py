"""What does the owner of a folder want of `assess`? assess.toml: requirements in words, a model or
an endpoint, how to search, how long.

Every key is optional. A key that is wrong is named with its line and left out; the rest counts.
Nothing in this file can make a text leave the machine or a model come in: an endpoint elsewhere
(see `endpoint`) and any model must also be named in the environment, because the file came with the
folder.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, create_model

from helpers.core.records import Fault, Row
from helpers.decision.requirements import FIELDS, Requirements

FILE = "assess.toml"
LONGEST_MINUTES = 24 * 60


class Model(Row):
    name: str | None = None


class Endpoint(Row):
    url: str | None = None
    model: str = ""


class Search(Row):
    retriever: Literal["auto", "dense", "bm25", "hybrid"] = "auto"
    top_k: int = Field(3, ge=1, le=20)
    chunk_tokens: int = Field(128, ge=48, le=1_000)


class Access(Row):
    # of front matter: what everybody may read, though these keys stand there
    open_keys: list[str] = Field(default_factory=list)


class Columns(Row):
    """Our name -> the name in the files of questions and examples; several are put together."""

    question: str | None = None
    answers: str | None = None
    input: str | list[str] | None = None
    output: str | list[str] | None = None

    @property
    def stated(self) -> dict[str, str | list[str]]:
        return self.model_dump(exclude_none=True)


class Task(Row):
    instruction: str = ""


class Answers(Row):
    refusals: list[Annotated[str, Field(pattern=r"\w")]] = Field(default_factory=list)
    decimal: Literal[".", ","] = "."

    @property
    def judging(self) -> dict[str, Any]:
        """How replies are judged: the options of `answer_correct`."""
        return {"also": self.refusals, "decimal": self.decimal}


def _possible(name: str) -> Callable[[Any], Any]:
    """Each requirement is tried alone, so that one fault takes no other along."""
    return lambda value: getattr(Requirements(**{name: value}), name)


Stated = create_model(
    "Stated",
    __base__=Row,
    **{name: (Annotated[Any, AfterValidator(_possible(name))], None) for name in FIELDS},
)


class AssessConfig(Row):
    """What assess.toml asks for. What is not stated in `requirements` stays what `assess` finds in
    the folder, or assumes."""

    title: str = ""
    minutes: float | None = Field(None, gt=0, le=LONGEST_MINUTES)
    language: str = Field("", pattern="^([a-z]{2,3})?$")  # of the texts, as a code: de, fr, ja
    search: Search = Search()
    model: Model = Model()
    endpoint: Endpoint = Endpoint()
    access: Access = Access()
    columns: Columns = Columns()
    task: Task = Task()
    answers: Answers = Answers()
    requirements: Stated = Stated()

    @property
    def stated(self) -> dict[str, Any]:
        """The requirements that were given."""
        return self.requirements.model_dump(exclude_unset=True)


def read_config(text: str) -> tuple[AssessConfig, list[Fault]]:
    """(what the text of an assess.toml asks for, every fault)."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        message = f"is not TOML ({error}); fix it, all of it was left out"
        return AssessConfig(), [Fault(FILE, int(line[1]) if line else None, "", message)]
    faults: list[Fault] = []
    while True:
        try:
            return AssessConfig.model_validate(given), faults
        except ValidationError as error:
            for one in error.errors():
                *tables, key = _keys_of(one)
                line = _line(text, key, *tables)
                faults.append(Fault(FILE, line, ".".join((*tables, key)), _message(one)))
                inside = given
                for table in tables:
                    inside = inside[table]
                inside.pop(key, None)


def _keys_of(error: dict[str, Any]) -> list[str]:
    """Where it is wrong, without the places in a list."""
    return [part for part in error["loc"] if isinstance(part, str)]


def _message(error: dict[str, Any]) -> str:
    """What pydantic found, and what may stand there instead."""
    *tables, key = _keys_of(error)
    if error["type"] == "extra_forbidden":
        known = AssessConfig.model_fields
        for table in tables:
            known = known[table].annotation.model_fields
        return f"is not known; there are {', '.join(known)}"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"]).removeprefix(f"{key} ")
    wanted = f"a table [{key}]" if error["type"] == "model_type" else error["msg"]
    return f"is {error['input']!r}; it should be {wanted.removeprefix('Input should be ')}"


def _line(text: str, key: str, table: str = "") -> int | None:
    """The line of a key in its table."""
    inside = not table
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith("["):
            inside = line.strip().strip("[]").strip() == table
            if not table and line.strip().strip("[]").strip() == key:
                return number
        elif inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return None


def template() -> str:
    """An assess.toml with every key, its question and what is assumed; the requirements as comments
    until they are stated."""
    lines = [
        'title = "Example: policies and messages of Brindlemark"',
        "minutes = 10                     # --minutes counts more",
        '# language = "de"                # of the texts, as a code; else it is looked for',
        "",
        "[search]",
        (
            'retriever = "auto"               # dense, bm25, hybrid; auto: hybrid where embedding'
            " fits the time"
        ),
        "top_k = 3",
        "chunk_tokens = 128",
        "",
        "# [model]",
        (
            '# name = "HuggingFaceTB/SmolLM2-360M-Instruct"   # the model that this folder is meant'
            " for; it is loaded only where WORKBOOK_MODEL names one, and that one counts"
        ),
        "",
        (
            "# [endpoint]                     # or: a server that speaks the OpenAI protocol. Its"
            " key: WORKBOOK_ENDPOINT_KEY in the environment, never here."
        ),
        (
            '# url = "http://127.0.0.1:8080/v1"   # any other host must also be named in'
            " WORKBOOK_ENDPOINT_HOST"
        ),
        '# model = "name"',
        "",
        "# [access]",
        (
            '# open_keys = ["team"]            # keys of front matter that close no page; others'
            " that may say who may read it do"
        ),
        "",
        (
            "# [columns]                      # names in your files of questions and examples,"
            " where they are not found"
        ),
        '# question = "Frage"',
        '# answers = "Antwort"',
        '# input = ["subject", "body"]     # several are put together',
        '# output = "category"            # several become an object',
        "",
        "# [task]",
        '# instruction = "What should be done with an input of examples.jsonl, in your words."',
        "",
        "# [answers]",
        (
            '# refusals = ["not in our files"]   # further wordings that refuse (known: en, de, fr,'
            " es, it, nl, pt, zh, ja)"
        ),
        '# decimal = ","                  # what parts decimals: with "," 1.200 is 1200, else 1.2',
        "",
        (
            "[requirements]                   # what you know of the work; take the # away from"
            " what you can answer"
        ),
    ]
    for one in dataclasses.fields(Requirements):
        default = (
            str(one.default).lower()
            if isinstance(one.default, bool)
            else f"{one.default:g}"
            if one.default < 1e6
            else f"{one.default:.0f}"
        )
        lines.append(
            f"# {one.name} = {default}{' ' * max(1, 32 - len(one.name) - len(default))}#"
            f" {one.metadata['question']}"
        )
    return "\n".join(lines) + "\n"
