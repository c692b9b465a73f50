"""What shapes the answers of a function somebody just wrote? A key that changes with it, so that yesterday's answers never pass for today's.

The key covers the function's code, the values it closes over, and every global it uses, followed through functions and records. Where
something cannot be named for certain (a live connection, a data frame, a class of the notebook), there is no key and nothing is kept.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import dis
import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

HELPERS = Path(__file__).parent


class _UnnamedError(Exception):
    """Something was met of which nobody can say whether it is the same as yesterday."""


def key_of(function: Callable) -> str | None:
    """A name for everything that shapes what this function answers, as far as code and values can show; None where they cannot.

    It cannot see the world outside: a function that asks a server, a clock or dice must not be kept (`evaluate(..., keep=False)`).
    """
    try:
        return hashlib.sha256("\n".join(_parts(function, [])).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    except (_UnnamedError, RecursionError):
        return None


@functools.cache
def _helpers_code() -> str:
    """One hash for all code of the workbook: a learner's arm may call any of it."""
    files = sorted(HELPERS.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _parts(value: Any, open_: list[int]) -> Iterator[str]:
    """The value as a stream of strings: equal streams, equal behaviour. open_: ids of what is being described already (a function may call itself)."""
    if id(value) in open_:
        yield f"again {open_.index(id(value))}"
        return
    open_ = [*open_, id(value)]
    fingerprint = getattr(value, "fingerprint", None)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | dt.date | dt.timedelta | Path | types.EllipsisType):
        yield repr(value)
    elif isinstance(fingerprint, str):  # a generator, an index, an adapter, another arm
        yield f"{type(value).__qualname__} {fingerprint}"
    elif isinstance(value, types.FunctionType) and not _installed(value):
        yield from _code_parts(value, open_)
    elif isinstance(value, types.ModuleType | types.BuiltinFunctionType | types.FunctionType) or (isinstance(value, type) and value.__module__ != "__main__"):
        name = value.__name__ if isinstance(value, types.ModuleType) else f"{value.__module__}.{value.__qualname__}"
        yield name + (_helpers_code() if name.startswith("helpers") else "")
    elif isinstance(value, types.MethodType):
        yield from _parts(value.__func__, open_)
        yield from _parts(value.__self__, open_)
    elif isinstance(value, functools.partial):
        for part in (value.func, value.args, value.keywords):
            yield from _parts(part, open_)
    elif dataclasses.is_dataclass(value):
        yield type(value).__qualname__
        for field in dataclasses.fields(value):
            yield field.name
            yield from _parts(getattr(value, field.name), open_)
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}"
        for one in value.items():
            yield from _parts(one, open_)
    elif isinstance(value, list | tuple | range):
        yield f"{type(value).__name__} {len(value)}"
        for one in value:
            yield from _parts(one, open_)
    elif isinstance(value, set | frozenset):
        yield f"set {len(value)}"
        yield from sorted("\n".join(_parts(one, open_)) for one in value)
    else:
        raise _UnnamedError(type(value).__qualname__)


def _installed(function: types.FunctionType) -> bool:
    """Does it come from this workbook, the standard library or a package, at the top of a module? Then its name says what it is."""
    if "<locals>" in function.__qualname__:
        return False  # made by another function: what it closes over matters
    root = (function.__module__ or "").partition(".")[0]
    return root == "helpers" or root in sys.stdlib_module_names - {"__main__"} or "site-packages" in Path(function.__code__.co_filename).parts


def _code_parts(function: types.FunctionType, open_: list[int]) -> Iterator[str]:
    yield "function"
    uses: list[str] = []
    for code in _all_code(function.__code__):
        yield code.co_code.hex()
        yield repr([c for c in code.co_consts if not isinstance(c, types.CodeType)])
        yield repr((code.co_names, code.co_varnames, code.co_argcount))
        uses += [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    for part in (function.__defaults__, function.__kwdefaults__):
        yield from _parts(part, open_)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name
        yield from _parts(_content(cell), open_)
    for name in sorted(set(uses)):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], open_)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        raise _UnnamedError("an empty cell") from None


def _all_code(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _all_code(const)
