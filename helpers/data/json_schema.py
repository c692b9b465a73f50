"""May a foreign JSON Schema be followed, and what does a value break? Draft 2020-12, judged
by the library jsonschema; other forms are rewritten first.

A schema comes with the data, so it is not trusted: it reaches no address and no file ($ref names
only its own parts), its patterns are matched by an engine that is linear in the text (Rust's, which
pydantic brings: no look-around), and references that breed are stopped by counting. `format` is a
remark, not a rule, as in the standard.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from helpers.core import settings
from helpers.core.cases import Case
from helpers.core.records import DataError, decode
from helpers.data.schema_forms import GROUPS, LISTS, SINGLE, modern

LONGEST_SCHEMA_CHARS = 100_000
# followed for one value; a record of a hundred fields needs about a hundred
MOST_REFERENCES = 5_000
OWN_REFERENCE = re.compile(r"#|#/(?:\$defs|definitions)/([^/%~]+)")
REFUSED = {
    "patternProperties": "name the keys in 'properties'",
    "unevaluatedProperties": "use 'additionalProperties'",
    "unevaluatedItems": "use 'items'",
    "$dynamicRef": "use '$ref' to '#/$defs/…'",
    "$recursiveRef": "use '$ref' to '#/$defs/…'",
}
# what a schema gone wrong makes the library raise
CANNOT = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


class SchemaError(DataError):
    """A schema cannot be used; the message says where in it, why, and what to write instead."""


class Checked:
    """A schema that may be used. `schema` is its form in draft 2020-12 (see `schema_forms`);
    `faults` says what a value breaks; `kind` and `properties` say what it describes."""

    def __init__(self, schema: dict):
        schema = _modern(schema)
        _refuse(schema)
        self.schema, self._left = schema, MOST_REFERENCES
        self._validator = _library(self._count)
        self.top = self.resolved(schema)
        tops = self._tops(self.top, set())
        self.kind = _kind(tops)
        # a name that has several parts, as in anyOf, may be each of them
        named: dict[str, list[Any]] = {}
        for top in tops if self.kind == "object" else ():
            for name, part in top.get("properties", {}).items():
                if part not in named.setdefault(name, []):
                    named[name].append(part)
        self.properties = {
            name: parts[0] if len(parts) == 1 else {"anyOf": parts} for name, parts in named.items()
        }
        self.fields = tuple(self.properties)
        # a reference that goes round in circles shows at once
        self.faults({} if self.kind == "object" else "")

    def resolved(self, part: dict) -> dict:
        """The part itself, or what its $ref names."""
        for _ in range(100):
            if "$ref" not in part or "type" in part:
                return part
            found = OWN_REFERENCE.fullmatch(part["$ref"])
            part = _named(self.schema, found[1]) if found[1] else self.schema
        raise SchemaError(
            "the schema refers to itself without end; let one of its $defs say what it is"
        )

    def _tops(self, part: dict, seen: set[int]) -> list[dict]:
        """What an output may be: the schema, or the parts that it is put together from. A part that
        says no kind only narrows the others."""
        if id(part) in seen:
            return []
        first, _ = not seen, seen.add(id(part))
        found = []
        for one in (one for key in TOGETHER for one in part.get(key, ())):
            with contextlib.suppress(SchemaError):  # a circle: the first value shows it
                found += self._tops(self.resolved(one), seen) if isinstance(one, dict) else []
        says = _says_kind(part) or part.get("type") not in (None, "null")
        return [part, *found] if says or (first and not found) else found

    def faults(self, value: Any) -> list[str]:
        """What the value breaks, as "field 'a.b': …"; nothing: []. Raises SchemaError when the
        schema itself cannot be followed."""
        self._left = MOST_REFERENCES
        try:
            errors = self._validator(self.schema).iter_errors(value)
            return [
                _said(error)
                for error in sorted(errors, key=lambda e: [str(part) for part in e.absolute_path])
            ]
        except SchemaError:
            raise
        except CANNOT as error:
            raise SchemaError(
                f"the schema cannot be followed ({type(error).__name__}: {str(error)[:120]}); look"
                " for references that go round in circles"
            ) from error

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise SchemaError(
                f"one value needs more than {MOST_REFERENCES:,} references; the $defs of the schema"
                " multiply each other, write it flatter"
            )


def load_schema(path: Path) -> Checked:
    """A schema from a file. Raises SchemaError with what is wrong."""
    try:
        text = decode(path.read_bytes(), path).removeprefix("\ufeff")
    except OSError as error:
        raise SchemaError(f"{settings.shown(path)}: cannot be read ({error.strerror})") from error
    if len(text) > LONGEST_SCHEMA_CHARS:
        raise SchemaError(
            f"{settings.shown(path)}: has {len(text):,} characters; a schema has at most"
            f" {LONGEST_SCHEMA_CHARS:,}"
        )
    try:
        return checked(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise SchemaError(f"{settings.shown(path)}: is not JSON ({error})") from error
    except SchemaError as error:
        raise SchemaError(f"{settings.shown(path)}: {error}") from error


def checked(schema: dict | Checked) -> Checked:
    """The schema, made safe to use. Raises SchemaError when it is none, asks for what is refused,
    or describes neither objects nor texts."""
    return schema if isinstance(schema, Checked) else Checked(schema)


TOGETHER = ("anyOf", "oneOf", "allOf")
# what a part may be put together from; a part with two of these is closed by none of them alone
PUT_TOGETHER = ("properties", "$ref", "anyOf", "oneOf", "if", "dependentSchemas")


def closed(schema: dict) -> dict:
    """Which schema keeps a model from inventing keys? The same, but objects that name their fields
    allow no others, and lists that name their places no further ones, where nothing is said of
    them. A schema whose parts are put together (allOf of two objects) comes back as it is."""
    schema = copy.deepcopy(schema)
    parts = [part for _, part in _parts(schema)]
    if any(len(part.get("allOf", ())) + sum(k in part for k in PUT_TOGETHER) > 1 for part in parts):
        return schema
    for part in parts:
        if "properties" in part:
            part.setdefault("type", "object")
            part.setdefault("additionalProperties", False)
        if "prefixItems" in part:
            part.setdefault("items", False)
    return schema


def _modern(schema: Any) -> Any:
    try:
        return modern(schema) if isinstance(schema, dict) else schema
    except RecursionError as error:
        raise SchemaError("the schema is nested too deeply") from error


# --- what is refused before any value is seen -----------------------------------------------------


def _refuse(schema: Any) -> None:
    """Is it a schema, and does every part of it stay within what is safe?"""
    jsonschema = _jsonschema()
    if not isinstance(schema, dict):
        raise SchemaError(f"a schema is a JSON object, got {type(schema).__name__}")
    try:
        if len(json.dumps(schema)) > LONGEST_SCHEMA_CHARS:
            raise SchemaError(f"the schema is longer than {LONGEST_SCHEMA_CHARS:,} characters")
        jsonschema.Draft202012Validator.check_schema(schema, format_checker=None)
        for place, part in _parts(schema):
            _refuse_part(schema, place, part)
    except jsonschema.SchemaError as error:
        where = ".".join(str(part) for part in error.absolute_path) or "the schema"
        raise SchemaError(
            f"{where}: {error.message[:160]}; write it as JSON Schema draft 2020-12 wants it"
        ) from error
    except RecursionError as error:
        raise SchemaError("the schema is nested too deeply") from error


def _parts(schema: dict, place: str = "the schema") -> Iterator[tuple[str, dict]]:
    """Every schema within a schema, with its place. What is only data (enum, const,
    default) is none."""
    yield place, schema
    inner = [
        (f"{place}.{key}.{name}", part)
        for key in GROUPS
        for name, part in schema.get(key, {}).items()
    ]
    inner += [(f"{place}.{key}", schema[key]) for key in SINGLE if key in schema]
    inner += [
        (f"{place}.{key}.{i}", part) for key in LISTS for i, part in enumerate(schema.get(key, ()))
    ]
    for where, part in inner:
        if isinstance(part, dict):
            yield from _parts(part, where)


def _refuse_part(whole: dict, place: str, part: dict) -> None:
    for keyword in REFUSED.keys() & part.keys():
        raise SchemaError(f"{place}: '{keyword}' is not used here; {REFUSED[keyword]}")
    if "$ref" in part:
        found = OWN_REFERENCE.fullmatch(part["$ref"])
        if not found:
            inside = str(part["$ref"]).startswith("#")
            raise SchemaError(
                f"{place}: $ref '{part['$ref'][:80]}'"
                f" {'names nothing in' if inside else 'leads out of'} the schema; nothing is"
                " fetched: copy what it names into '$defs'"
            )
        if found[1]:
            _named(whole, found[1])
    if "pattern" in part:
        _matcher(part["pattern"])


def _named(schema: dict, name: str) -> dict:
    for group in ("$defs", "definitions"):
        if isinstance(schema.get(group, {}).get(name), dict):
            return schema[group][name]
    raise SchemaError(f"$ref names '{name}', which is not among the $defs of the schema")


def _says_kind(part: dict) -> Literal["object", "string"] | None:
    """Does it say of itself that it is an object or a text?"""
    kinds = part.get("type")
    if isinstance(kinds, list) and len(one := [kind for kind in kinds if kind != "null"]) == 1:
        kinds = one[0]
    if kinds in ("object", "string"):
        return kinds
    values = part.get("enum", [part["const"]] if "const" in part else [])
    if values and all(isinstance(value, str) for value in values):
        return "string"
    return "object" if "properties" in part and "type" not in part else None


def _kind(tops: Sequence[dict]) -> Literal["object", "string"]:
    """Objects or texts? These two can be labelled, written and scored."""
    kinds = {_says_kind(top) for top in tops}
    if len(kinds) == 1 and None not in kinds:
        return kinds.pop()
    found = [top["type"] for top in tops if "type" in top and not _says_kind(top)]
    if len(kinds) > 1 and not found:
        raise SchemaError(
            "the schema allows objects and texts at its top; an output is one of these: keep the"
            " parts of one kind"
        )
    raise SchemaError(
        'the schema must say "type": "object" or "type": "string" at its top; an output is one of'
        " these"
        + (
            f", and it says {json.dumps(found[0])}: put it into a field of an object"
            if found
            else ""
        )
    )


# --- the library, bounded -------------------------------------------------------------------------


def _jsonschema():
    """The library, imported without the grammar of international addresses (rfc3987_syntax) that it
    would build first where that is installed: seconds for a `format`, which is no rule here."""
    if hidden := "rfc3987_syntax" not in sys.modules:
        sys.modules["rfc3987_syntax"] = None  # to Python: not installed
    try:
        import jsonschema
    finally:
        if hidden:
            del sys.modules["rfc3987_syntax"]
    return jsonschema


@functools.lru_cache(maxsize=256)
def _matcher(pattern: str):
    """A pattern, compiled by an engine that never backtracks."""
    from typing import Annotated

    from pydantic import StringConstraints, TypeAdapter
    from pydantic_core import SchemaError as PatternError

    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except PatternError as error:
        why = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise SchemaError(
            f"the pattern {pattern[:60]!r} cannot be used ({why}); write it without look-around and"
            " back-references"
        ) from error


def _pattern(validator, pattern, value, schema):
    from pydantic import ValidationError as NoMatch

    if validator.is_type(value, "string"):
        try:
            _matcher(pattern).validate_python(value)
        except NoMatch:
            yield _jsonschema().ValidationError(f"{value[:60]!r} does not match {pattern!r}")


def _multiple(validator, step, value, schema):
    """multipleOf in decimals: 19.99 is 1999 hundredths, which binary fractions deny."""
    if validator.is_type(value, "number") and Decimal(str(value)) % Decimal(str(step)):
        yield _jsonschema().ValidationError(f"{value!r} is not a multiple of {step}")


def _library(count: Callable[[], None]) -> Callable[[dict], Any]:
    """schema -> jsonschema's validator, with our patterns, counting references, and with nothing to
    fetch from."""
    jsonschema = _jsonschema()
    from referencing import Registry

    library = jsonschema.Draft202012Validator
    follow = library.VALIDATORS["$ref"]

    def counted(validator, ref, value, schema):
        count()
        yield from follow(validator, ref, value, schema)

    return functools.partial(
        jsonschema.validators.extend(
            library, {"pattern": _pattern, "$ref": counted, "multipleOf": _multiple}
        ),
        registry=Registry(),
    )


def _said(error) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    message = _other_form(error) or error.message[:160]
    return (f"field '{where}': " if where else "") + message


def _other_form(error) -> str | None:
    """That a value differs from an allowed one in its Unicode form alone, which no eye sees."""
    value, allowed = error.instance, error.validator_value
    allowed = {"enum": allowed, "const": [allowed]}.get(error.validator, ())
    if not isinstance(value, str):
        return None
    for one in allowed:
        if isinstance(one, str) and unicodedata.normalize("NFC", one) == unicodedata.normalize(
            "NFC", value
        ):
            return (
                f"{value!r} has the letters of {one!r} in another Unicode form (composed or"
                " decomposed); save rows and schema in one form, NFC"
            )
    return None


# --- the form that rows have ----------------------------------------------------------------------


MOST_LABELS = 300
MOST_FIELDS = 150
# a list is closed when its labels come back: at least so many rows for each, on average
ROWS_A_LABEL = 3
FEW_LABELS = 40
# of rows to come, how many may have a label that is not in a list longer than that: as many as the
# labels seen once say (Good & Turing: labels seen once / rows)
LARGEST_UNSEEN = 0.05
LONGEST_LABEL_CHARS = 60
SHOWN_FIELDS = 6
NAMES = {
    "string": "texts",
    "integer": "numbers",
    "number": "numbers",
    "boolean": "true or false",
    "array": "lists",
    "object": "objects",
}


def derived(cases: Sequence[Case]) -> Checked | None:
    """The schema that these rows keep; None for texts that are no closed list of labels."""
    if not cases:
        return None
    if cases[0].gold.output is None:
        labels = _labels([case.gold.answers[0] for case in cases])
        return checked({"type": "string", "enum": labels}) if labels else None
    try:
        return checked(_derived_object([case.gold.output for case in cases]))
    # names or values that no schema may hold, or nested too deeply: then any object keeps the form
    except (SchemaError, RecursionError):
        return checked({"type": "object"})


def _derived_object(rows: Sequence[dict]) -> dict[str, Any]:
    columns = _columns(rows)
    values = [value for column in columns.values() for value in column]
    # names that come back, as labels do or in most objects, are fields; others (people, parts in
    # stock) are data, and rows to come have new ones
    rare = len(columns) > MOST_FIELDS or len(values) < ROWS_A_LABEL * len(columns)
    if rare and 2 * len(values) < len(rows) * len(columns):
        return {"type": "object", "additionalProperties": _derived_field(values)}
    return {
        "type": "object",
        "properties": {name: _derived_field(column) for name, column in columns.items()},
        "required": [name for name, column in columns.items() if len(column) == len(rows)],
        "additionalProperties": False,
    }


def _columns(rows: Sequence[dict]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def _derived_field(values: Sequence[Any]) -> dict[str, Any]:
    by_kind = _by_kind(values)
    texts, empty = by_kind.get("string", []), by_kind.keys() & {"null"}
    # an empty field is no label, and dissolves no list of them
    if texts and by_kind.keys() <= {"string", "null"} and (labels := _labels(texts)):
        return (
            {"type": ["string", "null"], "enum": [*labels, None]}
            if empty
            else {"type": "string", "enum": labels}
        )
    parts = []
    if lists := by_kind.pop("array", None):
        items = [item for one in lists for item in one]
        # of lists that are always empty nothing is known: they stay empty
        parts.append(
            {"type": "array"} | ({"items": _derived_field(items)} if items else {"maxItems": 0})
        )
    if objects := by_kind.pop("object", None):
        parts.append(_derived_object(objects))
    kinds = sorted(by_kind.keys() - ({"integer"} if "number" in by_kind else set()))
    if kinds:
        parts.insert(0, {"type": kinds[0] if len(kinds) == 1 else kinds})
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _by_kind(values: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for value in values:
        found.setdefault(_label_kind(value), []).append(value)
    return found


def _label_kind(value: Any) -> str:
    for kind, types in (
        ("boolean", bool),
        ("integer", int),
        ("number", float),
        ("string", str),
        ("array", list),
        ("object", dict),
    ):
        if isinstance(value, types):
            return kind
    return "null"


def _labels(values: Sequence[str]) -> list[str]:
    counts = Counter(values)
    once = sum(count == 1 for count in counts.values())
    closed = (
        len(counts) <= MOST_LABELS
        and len(values) >= ROWS_A_LABEL * len(counts)
        and (len(counts) <= FEW_LABELS or once <= LARGEST_UNSEEN * len(values))
        and all(len(label) <= LONGEST_LABEL_CHARS for label in counts)
    )
    return sorted(counts) if closed and len(counts) > 1 else []


def form_remarks(cases: Sequence[Case]) -> list[str]:
    """What whoever takes a schema from rows should know of them: fields that hold values of several
    kinds ("12" and 12), fields that may be null, lists of which none has an item. One sentence
    each."""
    rows = [case.gold.output for case in cases if case.gold.output is not None]
    mixed, empty, bare = [], [], []
    try:
        for place, values in _fields(rows, ""):
            by_kind = _by_kind(values)
            if nulls := by_kind.pop("null", None):
                empty.append(f"{place} ({len(nulls)} of {len(values)})")
            named = {NAMES[kind]: found[0] for kind, found in by_kind.items()}
            if len(named) > 1:
                shown = " and ".join(
                    f"{name} ({json.dumps(one, ensure_ascii=False)[:40]})"
                    for name, one in named.items()
                )
                mixed.append(f"Field {place} holds {shown}: write it in one way.")
            if by_kind.get("array") and not any(by_kind["array"]):
                bare.append(place)
    except RecursionError:
        return []
    more = f" and {len(empty) - SHOWN_FIELDS} more" if len(empty) > SHOWN_FIELDS else ""
    return [
        *mixed[:SHOWN_FIELDS],
        *(
            [f"null is allowed where rows have it: {', '.join(empty[:SHOWN_FIELDS])}{more}."]
            if empty
            else []
        ),
        *(
            [
                f"Every list in {', '.join(bare[:SHOWN_FIELDS])} is empty in the training rows, so"
                " no answer may put anything there: give a schema.json, or rows that do."
            ]
            if bare
            else []
        ),
    ]


def _fields(rows: Sequence[dict], above: str) -> Iterator[tuple[str, list[Any]]]:
    """Every field of the rows, and of the objects and lists in them, with its values."""
    for name, column in _columns(rows).items():
        yield from _inside(f"{above[:-1]}.{name}'" if above else f"'{name}'", column)


def _inside(place: str, values: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    yield place, values
    if items := [item for one in values if isinstance(one, list) for item in one]:
        yield from _inside(f"{place[:-1]}[]'", items)
    yield from _fields([one for one in values if isinstance(one, dict)], place)
