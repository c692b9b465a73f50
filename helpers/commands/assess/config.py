"""What does the owner of a folder want of `assess`? assess.toml: requirements in words, a model or
an endpoint, how to search, how long.

Every key is optional. A key that is wrong is named with its line and left out; the rest counts.
Nothing in this file can make a text leave the machine: an endpoint elsewhere must also be named in
the environment (see `endpoint`), because the file came with the folder.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from helpers.decision.requirements import FIELDS, Requirements

RETRIEVERS = ("auto", "dense", "bm25", "hybrid")
LONGEST_MINUTES = 24 * 60
TABLES = {
    "model": {"name": str},
    "endpoint": {"url": str, "model": str},
    "search": {"retriever": str, "top_k": int, "chunk_tokens": int},
    "task": {"instruction": str},
    "requirements": None,
}
TOP = {"title": str, "minutes": float}


@dataclass(frozen=True)
class AssessConfig:
    """What assess.toml asks for. stated: the requirements that were given; all others stay what
    `assess` finds in the folder, or assumes."""

    title: str = ""
    minutes: float | None = None
    model: str | None = None
    endpoint_url: str | None = None
    endpoint_model: str = ""
    retriever: str = "auto"
    top_k: int = 3
    chunk_tokens: int = 128
    instruction: str = ""
    stated: dict[str, Any] = field(default_factory=dict)


def read_config(text: str) -> tuple[AssessConfig, list[tuple[int | None, str]]]:
    """(what the text of an assess.toml asks for, each fault with its line)."""
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        return AssessConfig(), [
            (
                int(line[1]) if line else None,
                f"is not TOML ({error}); mend it, all of it was left out",
            )
        ]
    faults: list[tuple[int | None, str]] = []
    found: dict[str, Any] = {}

    def take(table: str, key: str, value: Any, kind: type, target: str) -> None:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            faults.append(
                (
                    _line(text, key, table),
                    f"'{key}' is {value!r}; it takes a {'text' if kind is str else 'number'}",
                )
            )
        elif wrong := _wrong(target, value):
            faults.append((_line(text, key, table), f"'{key}' is {value!r}; {wrong}"))
        else:
            found[target] = value

    targets = {
        ("model", "name"): "model",
        ("endpoint", "url"): "endpoint_url",
        ("endpoint", "model"): "endpoint_model",
    }
    for key, value in held.items():
        if key in TOP:
            take("", key, value, TOP[key], key)
        elif key not in TABLES or not isinstance(value, dict):
            faults.append(
                (
                    _line(text, key),
                    (
                        f"'{key}' is not known; there are"
                        f" {', '.join([*TOP, *(f'[{name}]' for name in TABLES)])}"
                    ),
                )
            )
        elif key != "requirements":
            for name, one in value.items():
                if name in TABLES[key]:
                    take(key, name, one, TABLES[key][name], targets.get((key, name), name))
                else:
                    faults.append(
                        (
                            _line(text, name, key),
                            f"'{name}' is not known in [{key}]; there are {', '.join(TABLES[key])}",
                        )
                    )
    given = held.get("requirements")
    stated = _requirements(given, text, faults) if isinstance(given, dict) else {}
    return AssessConfig(**found, stated=stated), faults


def _requirements(
    given: dict[str, Any], text: str, faults: list[tuple[int | None, str]]
) -> dict[str, Any]:
    """The fields that can be, each tried alone, so that one fault takes no other field along."""
    stated = {}
    for name, value in given.items():
        if name not in FIELDS:
            faults.append(
                (
                    _line(text, name, "requirements"),
                    f"'{name}' is no requirement; there are {', '.join(FIELDS)}",
                )
            )
            continue
        try:
            Requirements(**{name: value})
            stated[name] = value
        except (ValueError, TypeError) as error:
            faults.append((_line(text, name, "requirements"), str(error)))
    return stated


def _wrong(target: str, value: Any) -> str | None:
    """What is wrong with a value of the right type?"""
    if target == "retriever" and value not in RETRIEVERS:
        return f"choose one of {', '.join(RETRIEVERS)}"
    if target == "minutes" and not 0 < value <= LONGEST_MINUTES:
        return f"it takes minutes, above 0 and at most {LONGEST_MINUTES}"
    if target == "top_k" and not 1 <= value <= 20:
        return "it takes 1 to 20 passages"
    if target == "chunk_tokens" and not 48 <= value <= 1_000:
        return "it takes 48 to 1,000 tokens"
    return None


def _line(text: str, key: str, table: str = "") -> int | None:
    """The line on which a key stands, in its table."""
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
    until somebody states them."""
    lines = [
        'title = "Example: policies and messages of Brindlemark"',
        "minutes = 10                     # --minutes counts more",
        "",
        "[search]",
        (
            'retriever = "auto"               # dense, bm25, hybrid; auto: dense where embedding'
            " fits the time"
        ),
        "top_k = 3",
        "chunk_tokens = 128",
        "",
        "# [model]",
        (
            '# name = "HuggingFaceTB/SmolLM2-360M-Instruct"   # any causal model of a hub, or a'
            " folder with one"
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
        "# [task]",
        '# instruction = "What should be done with an input of examples.jsonl, in your words."',
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
