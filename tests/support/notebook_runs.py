"""Each notebook is executed once in a run of the suite, whoever asks for it: nbval for the tracked
file and for the learner's copy (their code is the same, byte for byte), and the tests.

It is executed in an empty folder and with an empty my_work: what runs there leans neither on the
folder it lies in nor on what another notebook left in the journal, and it writes nothing beside
itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from nbval.plugin import IPyNbFile

from helpers.commands import notebooks


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def executed(book: nbformat.NotebookNode, shared: Path) -> nbformat.NotebookNode:
    """The notebook, executed past its errors; `shared` is the folder in which the processes of one
    run find what the others have executed."""
    code = "\0".join(cell.source for cell in code_cells(book))
    home = shared / "executed" / hashlib.sha256(code.encode()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    done = home / "executed.ipynb"
    with FileLock(home / "lock"):
        if not done.exists():
            assert not (home / "empty").exists(), "it was cut short; see who asked for it first"
            (home / "empty").mkdir()
            book = notebooks.execute(
                book,
                home / "empty",
                past_errors=True,
                WORKBOOK_MY_WORK=str(home / "my_work"),
                WORKBOOK_LIVE="",
            )
            left = [path.name for path in (home / "empty").iterdir()]
            assert left == [], f"the notebook wrote beside itself: {left}"
            nbformat.write(book, done)
    return nbformat.read(done, 4)


def shared_folder(config: pytest.Config) -> Path:
    """A folder that all processes of this run see, and no other run."""
    base = Path(config._tmp_path_factory.getbasetemp())
    return base.parent if hasattr(config, "workerinput") else base


class Recording:
    """What nbval asks of a kernel, answered from a notebook that was executed already."""

    def __init__(self, book: nbformat.NotebookNode):
        self.cells, self.messages = iter(code_cells(book)), deque()

    def execute_cell_input(self, source: str, allow_stdin: bool | None = None) -> str:
        cell = next(cell for cell in self.cells if cell.source == source)
        for output in cell.outputs:
            content = {key: value for key, value in output.items() if key != "output_type"}
            self._say(cell.id, output.output_type, content)
        self._say(cell.id, "status", {"execution_state": "idle"})
        return cell.id

    def _say(self, id: str, kind: str, content: dict) -> None:
        self.messages.append(
            {"parent_header": {"msg_id": id}, "msg_type": kind, "content": content}
        )

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        return self.messages.popleft()

    def await_reply(self, id: str, timeout: float | None = None) -> None:
        """It came when the notebook was executed."""

    def await_idle(self, id: str, timeout: float | None = None) -> None:
        self.messages.clear()

    def is_alive(self) -> bool:
        return True

    def stop(self) -> None:
        """Nothing runs."""


class ExecutedFile(IPyNbFile):
    """nbval's file of cells, over the one execution instead of a kernel of its own."""

    def setup(self) -> None:
        self.kernel = Recording(executed(self.nb, shared_folder(self.config)))
        self.setup_sanitize_files()


class NotebookRuns:
    """The pytest plugin: notebooks are executed once, and the tests are dealt out so that both
    processes are busy to the end."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector):
        found = yield
        return [
            ExecutedFile.from_parent(one.parent, path=one.path) if type(one) is IPyNbFile else one
            for one in found
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log):
        if config.getvalue("dist") != "loadfile":
            return None
        from xdist.scheduler import LoadScopeScheduling

        class ByGroup(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return group_of(nodeid)

        return ByGroup(config, log)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Group by group: first the notebooks, whose saved results others read, then what is slow;
        the quick files fill up the end."""
        turn: dict[str, int] = {}
        for item in items:
            group = group_of(item.nodeid)
            slow = any(item.get_closest_marker(name) for name in ("slow", "browser"))
            mine = 0 if EXECUTED.search(item.nodeid) else 1 if slow else 2
            turn[group] = min(mine, turn.get(group, 2))
        first = {group: place for place, group in enumerate(turn)}
        items.sort(key=lambda item: (turn[g := group_of(item.nodeid)], first[g]))


EXECUTED = re.compile(r"\d\d[a-z]?_\w+(?=\.ipynb::)|(?<=_when_run\[)\d\d[a-z]?_\w+(?=\])")


def group_of(nodeid: str) -> str:
    """What runs in one process, in order: a file of tests, or all that reads one notebook's
    results, so that they are computed once."""
    found = EXECUTED.search(nodeid)
    return found[0] if found else nodeid.partition("::")[0]
