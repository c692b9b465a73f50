"""How do the text sources become notebooks, do they run, and where does the learner work? Behind
`workbook.py build`, `run`, `lab` and `reset`.

A source (notebooks/src/NN_name.py, jupytext's percent format) holds lesson and solutions. `build`
makes two notebooks of it: the learner's, where each solution is replaced by a stub, and
notebooks/solutions/, where it stands. Both are executed, in float32 on every machine
(settings.reference_dtype): what they show can then be compared between machines. Both are tracked
by git. The learner works in a copy of the first, in my_work/notebooks/, so that running a notebook
changes no tracked file.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import nbformat

from helpers.core import settings
from helpers.core.files import write_whole

SOURCES = settings.NOTEBOOKS / "src"
SOLUTIONS = settings.NOTEBOOKS / "solutions"
CELL_SECONDS = 900
# nbgrader's markers, so that a school that grades can feed these sources to it
SOLUTION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION[^\n]*\n.*?^[ \t]*### END SOLUTION[^\n]*$",
    re.DOTALL | re.MULTILINE,
)
# a link of a lesson to another file of the course: no scheme, no anchor, not from the root
LINK = re.compile(r"(?<=\]\()(?![a-zA-Z]+:|[#/])[^)\s#]+")
PREDICT = re.compile(r"^predict(?:_which)?\(", re.MULTILINE)
NAME = re.compile(r"\d\d[a-z]?_\w+")
# What a notebook was called before: links to the old name lead on, and a learner's copy moves.
RENAMED = {"07_facts_dont_stick": "07_facts_stick_then_go_stale"}
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[^\n]*\n?", re.MULTILINE)


def number_of(source: Path) -> str:
    """The number of a notebook: "04" of 04_what_rag_controls, "04b" of 04b_failure_gallery."""
    return source.name.partition("_")[0]


def sources(numbers: Iterable[str] = ()) -> list[Path]:
    """The sources with these numbers ("02", "04b"), or all. Raises ValueError for a number that no
    notebook has."""
    found = {number_of(p): p for p in sorted(SOURCES.glob("[0-9]*.py")) if NAME.fullmatch(p.stem)}
    wanted = [re.sub(r"^(?=\d(?!\d))", "0", number) for number in numbers] or list(found)
    if unknown := [number for number in wanted if number not in found]:
        raise ValueError(f"there is no notebook {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[number] for number in wanted]


def learner_path(source: Path) -> Path:
    return settings.NOTEBOOKS / f"{source.stem}.ipynb"


def solution_path(source: Path) -> Path:
    return SOLUTIONS / f"{source.stem}.ipynb"


def copy_path(source: Path) -> Path:
    return settings.my_work() / "notebooks" / f"{source.stem}.ipynb"


def source_hash(source: Path) -> str:
    return hashlib.sha256(source.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def stale(source: Path) -> list[Path]:
    """Which products of this source are missing or were made from another text?"""
    products = learner_path(source), solution_path(source)
    return [path for path in products if _made_from(path) != source_hash(source)]


def _made_from(path: Path) -> str | None:
    """The hash of the source that this notebook was made from; None where that cannot be read."""
    try:
        return nbformat.read(path, 4).metadata["workbook"]["source_sha256"]
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def compose(source: Path, solutions: bool) -> nbformat.NotebookNode:
    """The notebook of a source, not yet executed; cell ids follow from number and position, so that
    builds can be compared."""
    import jupytext

    book = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for position, cell in enumerate(book.cells):
        cell.id = f"nb{number_of(source)}-{position:03d}"
        if cell.cell_type == "code":
            if "### BEGIN SOLUTION" in cell.source.replace("    ", ""):
                cell.source = (
                    MARKER.sub("", cell.source).rstrip()
                    if solutions
                    else SOLUTION.sub(_stub, cell.source)
                )
            if "### BEGIN SOLUTION" in cell.source:
                raise ValueError(
                    f"{source.name}: a solution is opened but not closed in cell {position}"
                )
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "name": "python3",
                "display_name": "Python 3 (workbook)",
                "language": "python",
            },
            "language_info": {"name": "python"},
            "workbook": {
                "source": f"notebooks/src/{source.name}",
                "source_sha256": source_hash(source),
            },
        }
    )
    return book


def _stub(solution: re.Match) -> str:
    """What stands in a solution's place: a body for a function, a mere comment at top level (where
    "..." would be printed)."""
    return (
        f"{solution['indent']}...  # your code here" if solution["indent"] else "# your code here"
    )


def execute(
    book: nbformat.NotebookNode,
    folder: Path | None = None,
    past_errors: bool = False,
    hooks: Mapping[str, Callable] | None = None,
    **more: str,
) -> nbformat.NotebookNode:
    """A copy of the notebook with every cell executed in this folder (default: notebooks/); `more`
    goes into its environment; hooks are nbclient's, such as on_cell_start. Raises nbclient's
    CellExecutionError, unless told to run past errors."""
    from nbclient import NotebookClient

    book = copy.deepcopy(book)
    client = NotebookClient(
        book,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        allow_errors=past_errors,
        resources={"metadata": {"path": str(folder or settings.NOTEBOOKS)}},
        extra_arguments=["--log-level=ERROR"],
        **(hooks or {}),
    )
    client.execute(env={**os.environ, **more})
    return book


def tidy(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep what a reader wants to see. Progress bars go, and so do live widgets, which are dead
    without a kernel."""
    book.metadata.pop("widgets", None)
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.outputs = [
            output
            for output in cell.outputs
            if output.get("name") != "stderr"
            and "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        ]
        cell.outputs = _as_by_default(cell.outputs)
        text = str(cell.outputs)
        if str(settings.ROOT) in text or str(Path.home()) + "/" in text:
            raise ValueError(
                f"cell {cell.id} shows a path of this machine; print settings.shown(path) instead"
            )
    return book


def _as_by_default(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The same outputs, naming a cache outside the workbook as they would name the one in it, so
    that where a notebook was built makes no difference."""
    home = settings.cache_folder()
    if home.is_relative_to(settings.ROOT):
        return outputs
    there = re.compile(re.escape(json.dumps(home.as_posix())[1:-1]) + r"(?![\w-])")
    return nbformat.from_dict(json.loads(there.sub(".cache", json.dumps(outputs))))


def as_text(book: nbformat.NotebookNode) -> str:
    """The notebook as it is written to a file."""
    return nbformat.writes(book, version=4, indent=1).rstrip() + "\n"


def write_notebook(book: nbformat.NotebookNode, path: Path) -> None:
    nbformat.validate(book)
    write_whole(path, as_text(book))


def build(numbers: list[str], check: bool = False) -> int:
    """Make the notebooks of these sources; without numbers, of those that changed. check: only say
    which are out of date."""
    wanted = sources(numbers)
    if check:
        late = [path for source in wanted for path in stale(source)]
        for path in late:
            print(f"{settings.shown(path)} is out of date; run: python3 workbook.py build")
        return 1 if late else 0
    for source in [s for s in wanted if numbers or stale(s)]:
        for solutions, path in ((False, learner_path(source)), (True, solution_path(source))):
            started = time.perf_counter()
            # An empty journal for each: neither does a build write in the learner's, nor does what
            # it makes depend on that.
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                book = execute(
                    compose(source, solutions),
                    WORKBOOK_MY_WORK=folder,
                    WORKBOOK_DTYPE=settings.reference_dtype(),
                )
            write_notebook(tidy(book), path)
            print(
                f"{settings.shown(path)}: made in {time.perf_counter() - started:.0f} s", flush=True
            )
    return 0


def rewrite(numbers: list[str]) -> int:
    """Bring new words and marks into notebooks whose code has not changed, and keep their outputs:
    seconds instead of minutes. 1 where the code of one has changed: that one is left as it is."""
    changed = []
    for source in [s for s in sources(numbers) if stale(s)]:
        made = {
            path: _with_kept_outputs(source, solutions, path)
            for solutions, path in ((False, learner_path(source)), (True, solution_path(source)))
        }
        if None in made.values():
            changed.append(number_of(source))
            continue
        for path, book in made.items():
            write_notebook(book, path)
            print(f"{settings.shown(path)}: words and marks renewed, outputs kept", flush=True)
    if changed:
        print(
            f"the code of {', '.join(changed)} has changed, too; run: python3 workbook.py build"
            f" {' '.join(changed)}",
            file=sys.stderr,
        )
    return 1 if changed else 0


def _with_kept_outputs(source: Path, solutions: bool, path: Path) -> nbformat.NotebookNode | None:
    """The notebook as its source has it now, with the saved outputs; None where its code is not
    that of the saved one."""
    book, saved = compose(source, solutions), nbformat.read(path, 4)
    fresh, old = _code_cells(book), _code_cells(saved)
    if [cell.source for cell in fresh] != [cell.source for cell in old]:
        return None
    for cell, kept in zip(fresh, old, strict=True):
        cell.outputs, cell.execution_count = kept.outputs, kept.execution_count
    book.metadata.language_info = saved.metadata.language_info
    return book


def _code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


# --- the learner's own copies ---------------------------------------------------------------------


def learner_copy(source: Path) -> nbformat.NotebookNode:
    """The notebook to work in: as it was built, without the outputs that answer a guess.

    From the first `predict` on, every output is cleared, because a later table may show the same
    number once more. What the exercises say about an untouched stub gives nothing away and stays.
    Links to files of the course are rewritten for the copy's folder; those to other notebooks
    lead to the copies beside it.
    """
    book, guessed = nbformat.read(learner_path(source), 4), False
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(_link_from_copy, cell.source)
        elif cell.cell_type == "code":
            guessed = guessed or bool(PREDICT.search(cell.source))
            if guessed and "nbval-check-output" not in cell.metadata.get("tags", []):
                cell.outputs, cell.execution_count = [], None
    return book


def solved_copy(source: Path) -> nbformat.NotebookNode:
    """The solved notebook with every output, its links as in the learner's copy."""
    book = nbformat.read(solution_path(source), 4)
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(_link_from_copy, cell.source)
    return book


def _link_from_copy(link: re.Match) -> str:
    stem, _, suffix = link[0].rpartition(".")
    if suffix == "ipynb" and NAME.fullmatch(stem):
        return f"{RENAMED.get(stem, stem)}.ipynb"
    try:
        there = os.path.relpath(settings.NOTEBOOKS / link[0], settings.my_work() / "notebooks")
    except ValueError:  # Windows: my_work is on another drive
        return link[0]
    return quote(Path(there).as_posix())


def make_copies() -> int:
    """Make the copies that are missing. Those that exist are the learner's and stay as they are;
    say which of them the course has changed since."""
    changed, was = [], {new: old for old, new in RENAMED.items()}
    for source in sources():
        path = copy_path(source)
        before = path.with_name(f"{was.get(source.stem, source.stem)}.ipynb")
        if before.is_file() and not os.path.lexists(path):
            before.rename(path)
        if not os.path.lexists(path):
            write_notebook(learner_copy(source), path)
        elif _made_from(path) != _made_from(learner_path(source)):
            changed.append(number_of(source))
    if changed:
        print(
            f"the course has a newer notebook than your copy of {', '.join(changed)}; to start"
            f" anew, with yours saved beside it: python3 workbook.py reset {' '.join(changed)}",
            file=sys.stderr,
        )
    return 0


def reset(numbers: list[str]) -> int:
    """Make the copies of these notebooks anew. What the learner wrote is never deleted: it is
    renamed to NN_name.before-reset-1.ipynb, -2, …"""
    for source in sources(numbers):
        path, book = copy_path(source), learner_copy(source)
        saved = set_aside(path, "before-reset", as_text(book))
        if saved is None:
            print(f"{settings.shown(path)}: is new already")
            continue
        write_notebook(book, path)
        print(f"{settings.shown(path)}: made anew" + (f"; yours is now {saved}" if saved else ""))
    return 0


def set_aside(path: Path, why: str, text: str) -> str | None:
    """Rename the learner's file to NN_name.WHY-1.ipynb, -2, … to make room for this text: the new
    name, "" where nothing was there, None where it holds this text already and stays."""
    if path.is_file() and path.read_bytes() == text.encode():
        return None
    if not os.path.lexists(path):
        return ""
    names = (f"{path.stem}.{why}-{n}.ipynb" for n in itertools.count(1))
    saved = next(name for name in names if not os.path.lexists(path.with_name(name)))
    path.rename(path.with_name(saved))
    return saved


def run(numbers: list[str]) -> int:
    """Execute the learners' notebooks headless and print a table; the files stay as they are. 1 on
    any error."""
    from nbclient.exceptions import CellExecutionError

    failed = []
    print(f"{'notebook':<28} {'cells':>5} {'seconds':>8}  ok", flush=True)
    for source in sources(numbers):
        book, started, problem = nbformat.read(learner_path(source), 4), time.perf_counter(), ""
        try:
            execute(book)
        except CellExecutionError as error:
            problem = str(error)
            failed.append(source)
        cells = sum(cell.cell_type == "code" for cell in book.cells)
        print(
            f"{source.stem:<28} {cells:>5} {time.perf_counter() - started:>8.1f} "
            f" {'no' if problem else 'yes'}",
            flush=True,
        )
        if problem:
            print(problem, file=sys.stderr)
    return 1 if failed else 0


def offline() -> int:
    """Prove on this machine that the whole line works while every connection beyond it is
    refused."""
    import socket

    true_connect = socket.socket.connect
    tried = []

    def connect(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and str(address[0]) not in (
            "127.0.0.1",
            "::1",
            "localhost",
        ):
            tried.append(address)
            raise OSError(f"no network: {address}")
        return true_connect(self, address)

    socket.socket.connect = connect
    from helpers.core.cases import Ask
    from helpers.data import handbook
    from helpers.models import load
    from helpers.retrieval import index
    from helpers.systems import questions

    generator = load.load_generator()
    document = next(d for d in handbook.load_handbook() if "staff" in d.meta.audience)
    ask = Ask("offline", "What is this about?", ("staff",), document.meta.effective_from)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        load.load_embedder()
        os.environ["WORKBOOK_WEIGHTS"] = str(load.cache_home())
        os.environ["WORKBOOK_CACHE"] = folder
        found = index.build_index([document], say=lambda _: None)
        next(iter(questions.retrieval_augmented(generator, found, 1)([ask])))
    print(f"embedded, indexed, retrieved and answered; connections tried: {len(tried)}")
    return 1 if tried else 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="helpers.commands.notebooks")
    parser.add_argument("what", choices=["build", "run", "copies", "reset", "offline"])
    parser.add_argument("numbers", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--words", action="store_true")
    options = parser.parse_args(argv)
    try:
        if options.what == "offline":
            return offline()
        if options.what == "copies":
            return make_copies()
        if options.what == "build" and options.words:
            return rewrite(options.numbers)
        if options.what == "build":
            return build(options.numbers, options.check)
        return {"run": run, "reset": reset}[options.what](options.numbers)
    except (ValueError, OSError) as error:
        print(f"workbook: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
