"""Which JSON Schema draft 2020-12 says what somebody's schema means? Older drafts, OpenAPI and the
wrappers of other people's programs, rewritten; what says it already comes back as it is.

    modern({"name": "ticket", "strict": True, "schema": {"type": "object", ...}})

Read are draft-04 (`exclusiveMinimum: true`), draft-06 and 07 (`items` as a list, `dependencies`),
OpenAPI 3.0 (`nullable`), an address (`$id`), references to any place of the schema, and a schema
inside the request of OpenAI or Anthropic.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

GROUPS, SINGLE, LISTS = (
    ("properties", "$defs", "definitions", "dependentSchemas"),
    ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"),
    ("allOf", "anyOf", "oneOf", "prefixItems"),
)
# where other programs keep the schema: at the end of such a path
WRAPPERS = (
    ("schema",),  # OpenAI: {"name", "strict", "schema"}
    ("json_schema", "schema"),  # OpenAI: response_format
    ("format", "schema"),
    ("function", "parameters"),  # a tool of OpenAI
    ("parameters",),
    ("input_schema",),  # a tool of Anthropic
)
# what says that it is a schema itself, and no wrapper around one
SCHEMA_WORDS = {"properties", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "items"}
SAYS_NOTHING = {"format", "title", "description", "examples", "default", "$comment"}
PLAIN_REFERENCE = re.compile(r"#|#/(?:\$defs|definitions)/[^/%~]+")


def modern(schema: dict) -> dict:
    """The same rules in the words of draft 2020-12; the schema itself is left alone. What cannot be
    rewritten stays, for whoever reads it to refuse. Raises RecursionError where it is nested too
    deeply."""
    whole = copy.deepcopy(_unwrapped(schema))
    address = whole.get("$id") or whole.get("id")
    _everywhere(whole, _rewritten)
    _everywhere(whole, _Places(whole, address if isinstance(address, str) else "").named)
    return whole


def _unwrapped(schema: dict) -> dict:
    """The schema inside a wrapper."""
    if SCHEMA_WORDS & schema.keys():
        return schema
    for path in WRAPPERS:
        found: Any = schema
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict) and found.keys() & (SCHEMA_WORDS | {"type"}):
            return found
    return schema


def _everywhere(part: Any, change: Callable[[dict], None]) -> None:
    """Change every schema within a schema, in place; what is only data (enum, const, default) is
    none."""
    if not isinstance(part, dict):
        return
    change(part)
    for key in GROUPS:
        for inner in _values(part.get(key)):
            _everywhere(inner, change)
    for key in SINGLE:
        _everywhere(part.get(key), change)
    for key in LISTS:
        for inner in _items(part.get(key)):
            _everywhere(inner, change)


def _values(group: Any) -> list[Any]:
    return list(group.values()) if isinstance(group, dict) else []


def _items(group: Any) -> list[Any]:
    return group if isinstance(group, list) else []


def _rewritten(part: dict) -> None:
    """One schema, without what is inside it."""
    for name in ("$id", "id", "$schema"):
        if isinstance(part.get(name), str):
            del part[name]
    for bound, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(part.get(bound), bool) and part.pop(bound) and limit in part:
            part[bound] = part.pop(limit)
    if isinstance(part.get("items"), list):  # places, as drafts 04 to 07 name them
        part["prefixItems"] = part.pop("items")
        if "additionalItems" in part:
            part["items"] = part["additionalItems"]
    if "prefixItems" in part or "items" not in part:
        part.pop("additionalItems", None)
    if isinstance(needs := part.get("dependencies"), dict):
        del part["dependencies"]
        for word, kind in (("dependentRequired", list), ("dependentSchemas", dict | bool)):
            if found := {name: one for name, one in needs.items() if isinstance(one, kind)}:
                part[word] = part.get(word, {}) | found
    if part.get("nullable") is True:
        _or_null(part)
    if isinstance(part.get("nullable"), bool):
        del part["nullable"]
    for word in ("oneOf", "anyOf"):  # labels, each with a word about it
        options = part.get(word)
        if (
            isinstance(options, list)
            and options
            and "enum" not in part
            and all(
                isinstance(one, dict)
                and "const" in one
                and one.keys() <= {"const", "type"} | SAYS_NOTHING
                for one in options
            )
        ):
            part["enum"] = [one["const"] for one in part.pop(word)]
    # two that differ by what is no rule are both right at once, which oneOf forbids
    options = part.get("oneOf")
    if isinstance(options, list) and _overlap(options) and "anyOf" not in part:
        part["anyOf"] = part.pop("oneOf")


def _or_null(part: dict) -> None:
    kinds = part.get("type")
    if isinstance(kinds, str | list):
        part["type"] = list(
            dict.fromkeys([*([kinds] if isinstance(kinds, str) else kinds), "null"])
        )
        if isinstance(part.get("enum"), list) and None not in part["enum"]:
            part["enum"] = [*part["enum"], None]
        return
    rules = {key: part.pop(key) for key in list(part) if key not in SAYS_NOTHING | {"nullable"}}
    part["anyOf"] = [rules, {"type": "null"}]


def _overlap(options: list[Any]) -> bool:
    """Are two of them the same, but for what is no rule?"""
    bare = [
        {key: value for key, value in one.items() if key not in SAYS_NOTHING}
        if isinstance(one, dict)
        else one
        for one in options
    ]
    return any(one in bare[:at] for at, one in enumerate(bare))


class _Places:
    """References to any place of the schema, as references to its $defs."""

    def __init__(self, whole: dict, address: str):
        self.whole, self.address = whole, address.rstrip("#")
        self.names: dict[str, str] = {}

    def named(self, part: dict) -> None:
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return
        if self.address and reference.startswith(self.address):
            reference = part["$ref"] = reference.removeprefix(self.address) or "#"
        if PLAIN_REFERENCE.fullmatch(reference) or not reference.startswith("#/"):
            return
        if reference not in self.names:
            place = self._at(reference)
            if not isinstance(place, dict | bool):
                return  # it names nothing: the reader says so
            self.names[reference] = name = self._free(reference)
            # shared, not copied: what is changed inside it is changed in both places
            self.whole.setdefault("$defs", {})[name] = place
        part["$ref"] = f"#/$defs/{self.names[reference]}"

    def _at(self, reference: str) -> Any:
        found: Any = self.whole
        for step in reference.removeprefix("#/").split("/"):
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            elif isinstance(found, dict) and step in found:
                found = found[step]
            else:
                return None
        return found

    def _free(self, reference: str) -> str:
        name = re.sub(r"[^A-Za-z0-9_]+", "_", unquote(reference)).strip("_") or "part"
        taken = {*self.whole.get("$defs", {}), *self.whole.get("definitions", {})}
        while name in taken:
            name += "_"
        return name
