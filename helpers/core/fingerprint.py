"""What shaped a result? A key that changes with the function that computes it, so that yesterday's
answers never pass for today's; the code behind it; when and where it was measured.

The key covers the function's code, the values it closes over, and every global it uses, followed
through functions and records. Where something cannot be named for certain (a live connection, a
data frame, a class of the notebook, a module of one's own), there is no key and nothing is cached.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import dis
import functools
import hashlib
import importlib.util
import os
import platform
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

HELPERS, PYTHON = Path(__file__).resolve().parent.parent, Path(sysconfig.get_path("stdlib"))
# Exactly these types: a subclass may behave in its own way.
PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    dt.date,
    dt.datetime,
    dt.time,
    dt.timedelta,
    dt.timezone,
    types.EllipsisType,
)


class _UnnamedError(Exception):
    """A value that may be another one tomorrow, with nothing that would show it."""


def key_of(function: Callable) -> str | None:
    """A name for everything that shapes what this function answers, as far as code and values can
    show; None where they cannot.

    It cannot see the world outside: a function that asks a server, a clock or dice must not be
    cached (`evaluate(..., keep=False)`).
    """
    try:
        return hashlib.sha256(
            "\n".join(_parts(function, [])).encode("utf-8", "surrogatepass")
        ).hexdigest()[:16]
    except (_UnnamedError, RecursionError, ImportError, ValueError):
        # the last two: a module made by hand, of which Python knows no file
        return None


@functools.cache
def code_of(*places: str) -> str:
    """A name for the code in these folders or modules of helpers/, as "retrieval" or
    "models/weights": what they compute, whatever their comments and docstrings say.

    A result that is cached under it is computed anew when that code changes, and only then. Raises
    ValueError for a place that is not there.
    """
    digest = hashlib.sha256()
    for place in places:
        folder, module = HELPERS / place, (HELPERS / place).with_suffix(".py")
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [module]
        if not files or not files[0].is_file():
            raise ValueError(f"helpers/ has no folder or module '{place}'")
        for file in files:
            digest.update(file.relative_to(HELPERS).as_posix().encode())
            digest.update(_syntax(file).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


@functools.cache
def _syntax(file: Path) -> str:
    return syntax_of(file.read_bytes())


def syntax_of(source: str | bytes) -> str:
    """Code without layout, comments and docstrings: its syntax tree, written the same by every
    version of Python."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        )
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.Pass()
    return "".join(_written(tree))


def _written(node: Any) -> Iterator[str]:
    # not ast.dump: versions differ in the fields that it names and in whether it names empty ones
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield f"{name}="
                yield from _written(value)
        yield ")"
    elif isinstance(node, list):
        for one in node:
            yield from _written(one)
            yield ","
    else:
        yield repr(node)


def machine() -> str:
    """On what is this computed, as "2 cores, x86_64, Linux"?"""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


def provenance(
    command: str = "", code: Sequence[str] = (), packages: Sequence[str] = ()
) -> dict[str, Any]:
    """When, where and by which command, code (see `code_of`) and versions was something measured?
    The keys are the same in every file of results."""
    return {
        **({"command": command} if command else {}),
        "date": dt.date.today().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
        **({"code": {"of": list(code), "sha256": code_of(*code)}} if code else {}),
        **({"versions": {name: version(name) for name in packages}} if packages else {}),
    }


# What shapes an answer: the folders that read, search, train, ask and score. Plots, labs, commands
# and exercises show answers and do not make them.
ANSWERING = ("core", "data", "evaluation", "models", "retrieval", "training", "systems")


def _parts(value: Any, open_: list[int]) -> Iterator[str]:
    """The value as a stream of strings: equal streams, equal behaviour. open_: ids of what is being
    described already (a function may call itself)."""
    if id(value) in open_:
        yield f"again {open_.index(id(value))}"
        return
    open_ = [*open_, id(value)]
    fingerprint = getattr(value, "fingerprint", None)
    if type(value) in PLAIN or isinstance(value, Path):
        yield repr(value)
    elif isinstance(fingerprint, str):  # a generator, an index, an adapter, another arm
        yield f"{type(value).__qualname__} {fingerprint}"
    elif isinstance(value, types.FunctionType) and not _installed_code(value.__code__):
        yield from _code_parts(value, open_)
    elif isinstance(value, types.FunctionType | type):
        yield f"{_installed(value.__module__)} {value.__qualname__}"
        if "<locals>" in value.__qualname__:
            # made by a function: another call makes another
            raise _UnnamedError(value.__qualname__)
    elif isinstance(value, types.ModuleType):
        yield _installed(value.__name__)
    elif isinstance(value, types.BuiltinFunctionType):
        # `len`, and `answers.get` with the dictionary it belongs to
        yield value.__qualname__
        yield from _parts(value.__self__, open_)
    elif isinstance(value, types.MethodType):
        yield from _parts(value.__func__, open_)
        yield from _parts(value.__self__, open_)
    elif isinstance(value, functools.partial):
        for part in (value.func, value.args, value.keywords):
            yield from _parts(part, open_)
    else:  # records and collections: what they are, then what they hold
        yield from _parts(type(value), open_)
        yield from _content_parts(value, open_)


def _content_parts(value: Any, open_: list[int]) -> Iterator[str]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield field.name
            yield from _parts(getattr(value, field.name), open_)
    elif isinstance(value, Mapping):
        yield str(len(value))
        for one in value.items():
            yield from _parts(one, open_)
    elif isinstance(value, list | tuple | range):
        yield str(len(value))
        for one in value:
            yield from _parts(one, open_)
    elif isinstance(value, set | frozenset):
        yield str(len(value))
        yield from sorted("\n".join(_parts(one, open_)) for one in value)
    else:
        raise _UnnamedError(type(value).__qualname__)


def _installed(module: str | None) -> str:
    """The name of a module, if that says what is in it: one of the workbook (with all its code), of
    Python, or of an installed package."""
    root = (module or "").partition(".")[0]
    if root == "helpers":
        return f"{module} {_code_behind(str(module))}"
    if root in sys.stdlib_module_names - {"__main__"}:
        return str(module)
    # a relative import; this very notebook, which passes for an installed program under `python -m`
    own = root in ("", "__main__")
    found = None if own else importlib.util.find_spec(root)
    if found and "site-packages" in Path(found.origin or "").parts:
        return str(module)
    raise _UnnamedError(module)  # a file of the learner's own, which may change at any time


def _code_behind(module: str) -> str:
    """The code that a module of the workbook rests on: of the answering folders, and its own."""
    folder = module.split(".")[1] if "." in module else ""
    own = (folder,) if folder and (HELPERS / folder).is_dir() and folder not in ANSWERING else ()
    return code_of(*ANSWERING, *own)


def _installed_code(code: types.CodeType) -> bool:
    """Does it stand at the top of a file of this workbook, of Python or of a package? The file
    decides: names can be borrowed (functools.wraps)."""
    if "<locals>" in code.co_qualname:
        return False  # made by another function: what it closes over matters
    file = Path(code.co_filename)
    return (
        "site-packages" in file.parts
        or any(file.is_relative_to(home) for home in (HELPERS, PYTHON))
        or code.co_filename.startswith("<frozen ")
    )


def _code_parts(function: types.FunctionType, open_: list[int]) -> Iterator[str]:
    yield "function"
    uses: set[str] = set()
    imports: set[str] = set()
    for code in _all_code(function.__code__):
        yield code.co_code.hex() + code.co_exceptiontable.hex()
        # not repr: that of a set differs from day to day
        yield from _parts([c for c in code.co_consts if not isinstance(c, types.CodeType)], open_)
        yield repr(
            (
                code.co_names,
                code.co_varnames,
                code.co_argcount,
                code.co_posonlyargcount,
                code.co_kwonlyargcount,
                code.co_flags,
            )
        )
        steps = [(step.opname, step.argval) for step in dis.get_instructions(code)]
        uses |= {
            name
            for opname, name in steps
            if opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
        }
        imports |= {name for opname, name in steps if opname == "IMPORT_NAME"}
    for part in (function.__defaults__, function.__kwdefaults__):
        yield from _parts(part, open_)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name
        yield from _parts(_content(cell), open_)
    for name in sorted(uses):
        if name in function.__globals__:
            yield name
            yield from _parts(function.__globals__[name], open_)
    for name in sorted(imports):
        yield _installed(name)


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
