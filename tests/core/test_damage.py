"""The list of damage, walked once more and all at once: whatever lies in a folder, what can be read
answers and the rest is told; and a disk that is really full.

Each kind of damage alone: data/test_ingest.py (files, names, links, folders, ids, encodings),
retrieval/test_index.py (chunks of one character, damaged folders, simulated full disks),
retrieval/test_index_build.py and retrieval/test_versions.py (kill -9 while an index is built, and
before it is switched into place).
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT, TODAY, write_document
from support.files import pdf, put
from support.vectors import many

from helpers.data.ingest import read_folder
from helpers.models import weights
from helpers.retrieval import chunking
from helpers.retrieval.chunking import Chunk
from helpers.retrieval.index import RETRIEVERS, index_chunks
from helpers.retrieval.versions import VersionedIndex


@pytest.fixture
def ruin(tmp_path):
    """(a folder with every kind of damage and two documents that are whole, what must be told of
    each damaged one)."""
    home = tmp_path / "inbox"
    write_document(home, "beds", "# Beds\n\nWater the beds every 4 days.")
    put(home, "notes..md", "The pump key hangs behind door 9.")
    put(home, "cut.pdf", (whole := pdf("Some text " * 30, "More"))[: len(whole) // 2])
    with put(home, "huge.txt", "x").open("r+b") as huge:
        huge.truncate(50_000_000)
    put(home, "picture.md", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    put(home, "latin.txt", "Caf\u00e9 key door".encode("latin-1"))
    put(home, "empty.txt", "")
    put(home, "blank.md", " \n\n")
    write_document(home / "twin", "beds", "Water the beds never.")
    (home / "away.txt").symlink_to(ROOT / "pyproject.toml")
    (home / "self.txt").symlink_to(home / "self.txt")
    (home / "loop").symlink_to(home)
    put(home, "shut/a.txt", "Nobody may list this.").parent.chmod(0)
    yield (
        home,
        {
            "cut.pdf": "is cut off",
            "huge.txt": "is 50,000,000 bytes, more than max_bytes=20,000,000",
            "picture.md": "byte 0 is not UTF-8",
            "latin.txt": "byte 3 is not UTF-8",
            "empty.txt": "holds no text",
            "blank.md": "holds no text",
            "twin/beds.md": "id 'beds' is also used by",
            "away.txt": "link",
            "self.txt": "link",
        }
        | ({} if _root() else {"shut": "Permission denied"}),
    )
    (home / "shut").chmod(0o700)


def _root() -> bool:
    # who may open everything (or a system where such a folder cannot be made like this)
    return not hasattr(os, "geteuid") or os.geteuid() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links and closed folders are made as on POSIX")
def test_whatever_lies_in_a_folder_the_rest_answers_and_all_is_told(fake, cache, ruin):
    home, wanted = ruin
    shelf = VersionedIndex("ruin", 32, 8)
    report = shelf.sync(home, ["staff"], say=lambda text: None)
    told = {one.file: one.reason for one in report.unreadable}
    assert set(told) == set(wanted), sorted(set(told) ^ set(wanted))
    assert {path: said for path, said in wanted.items() if said not in told[path]} == {}
    assert (
        {"beds.md", "notes..md"}
        <= set(report.changes.added)
        <= {"beds.md", "notes..md", "shut/a.txt"}
    )
    for retriever in RETRIEVERS:
        assert [
            p.doc
            for p in shelf.index().search("Where is the pump key?", ["staff"], TODAY, 1, retriever)
        ] == ["notes"], retriever
        assert not [
            p
            for p in shelf.index().search("Café never fastened PNG", ["staff"], TODAY, 9, retriever)
            if p.doc not in ("notes", "beds", "shut-a")
        ], retriever
    again = shelf.sync(home, ["staff"], say=lambda text: None)
    assert (again.version, again.embedded, again.unreadable) == (1, 0, report.unreadable), (
        "and it stays so"
    )


@pytest.mark.parametrize("strategy", chunking.STRATEGIES)
def test_cut_to_single_characters_nothing_is_lost_or_leaks(fake, cache, ruin, strategy):
    documents = read_folder(ruin[0], ["staff"]).documents
    for document in documents:
        spans = {(c.start, c.end) for c in chunking.chunk(document, 1, 0, strategy)}
        assert "".join(document.text[a:b] for a, b in sorted(spans)).split()
        assert {i for a, b in spans for i in range(a, b)} >= {
            i for i, x in enumerate(document.text) if not x.isspace()
        }
    found = index_chunks(
        [Chunk(d, i, i + 1) for d in documents for i, x in enumerate(d.text) if not x.isspace()],
        say=lambda text: None,
    )
    for retriever in RETRIEVERS:
        assert found.search("9", ["board"], TODAY, 3, retriever) == []
        assert all(len(p.text) == 1 for p in found.search("9", ["staff"], TODAY, 3, retriever))


FILLER = """
import resource, sys
sys.path[:0] = [{root!r}, {tests!r}]
from pathlib import Path
from helpers.models import weights
from helpers.retrieval import embedding, index
from support.vectors import counted, many
weights.cache_home = lambda: Path(sys.argv[1])
embedding.embed = counted
embedding.embed_cached = lambda texts: (counted(texts), len(texts))
chunks = many()
index.fingerprint(chunks)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
print(index.index_chunks(chunks, say=lambda text: None).collection.count())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX")
@pytest.mark.parametrize(
    "room", [100_000, 700_000], ids=["no room for a database", "room for half of it"]
)
def test_where_the_system_refuses_to_write_more_nothing_half_made_stays(fake, cache, room):
    """Not simulated: the operating system itself lets no file grow beyond the limit, whoever writes
    it."""
    code = FILLER.format(root=str(ROOT), tests=str(ROOT / "tests"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(weights.cache_home()), str(room)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode, done.stdout
    assert "600" not in done.stdout.split(), done.stdout
    assert [path for path in (cache / "indexes").iterdir() if path.is_dir()] == [], done.stderr[
        -2000:
    ]
    found = index_chunks(many(), say=lambda text: None)
    assert found.search("Page 7 of many", ["staff"], TODAY, 600, "exact")
    assert found.size == found.collection.count() == 600
