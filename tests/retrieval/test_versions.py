"""The shelf: sync touches what changed, readers see one version or the other, going back is a
pointer, and what is forgotten is gone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT, TODAY, write_document
from support.vectors import counted

from helpers.core.cases import Arm, Ask, Prediction
from helpers.evaluation import runs
from helpers.retrieval import chroma_store, embedding
from helpers.retrieval.index import IndexUnusableError
from helpers.retrieval.versions import VersionedIndex, traces

SECRET = "The walnut cabinet opens with the seventh key."


@pytest.fixture
def cheap(monkeypatch):
    """An embedder that counts what it is asked for."""
    asked = []
    monkeypatch.setattr(embedding, "embed", lambda texts: asked.extend(texts) or counted(texts))
    return asked


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "documents"
    for i in range(6):
        write_document(
            home,
            f"rule-{i}",
            f"# Rule {i}\n\nThing {i} lasts {i + 3} days. " + "Words about it follow here. " * 12,
            title=f"Rule {i}",
        )
    write_document(home, "cabinet", f"# Cabinet\n\n{SECRET}", title="Cabinet")
    return home


def found(shelf, question):
    return [p.text for p in shelf.index().search(question, ["staff"], TODAY, 3)]


def test_a_sync_embeds_only_what_changed_and_says_so(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    first = shelf.sync(folder)
    assert len(first.changes.added) == 7
    assert first.embedded == first.chunks == len(set(cheap))
    cheap.clear()
    path = folder / "rule-2.md"
    path.write_text(path.read_text().replace("lasts 5 days", "lasts 44 days"))
    second = shelf.sync(folder)
    assert second.changes.changed == ("rule-2.md",)
    assert len(second.changes.unchanged) == 6
    assert not second.changes.added
    assert second.embedded == 1, "only the chunk that changed may be embedded"
    assert len(cheap) == 1, "only the chunk that changed may be embedded"
    assert "44 days" in cheap[0], "only the chunk that changed may be embedded"
    assert "44 days" in "".join(found(shelf, "How long does thing 2 last?"))
    assert second.version == 2
    cheap.clear()
    third = shelf.sync(folder)
    assert third.version == 2
    assert third.embedded == 0
    assert cheap == []
    assert len(third.changes.unchanged) == 7
    path.unlink()
    assert shelf.sync(folder).changes.deleted == ("rule-2.md",)
    assert "44 days" not in "".join(found(shelf, "How long does thing 2 last?"))


def test_a_new_audience_counts_although_no_text_changed(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    shelf.sync(folder)
    path = folder / "cabinet.md"
    path.write_text(path.read_text().replace("audience: [staff]", "audience: [board]"))
    report = shelf.sync(folder)
    assert report.embedded == 0
    assert report.version == 2
    assert SECRET not in "".join(found(shelf, SECRET))
    assert shelf.index().search(SECRET, ["board"], TODAY, 1)[0].doc == "cabinet"


def test_unreadable_files_are_reported_and_stop_nothing(cache, cheap, folder):
    (folder / "broken.md").write_bytes(b"---\nid: x\n")
    (folder / "notes.txt").write_text("Nobody says who may read this.")
    report = VersionedIndex("s", 32, 0).sync(folder)
    assert {one.file for one in report.unreadable} == {"broken.md", "notes.txt"}
    assert len(report.changes.added) == 7
    assert "not read: notes.txt: does not say who may read it" in repr(report)
    assert "notes.txt" in VersionedIndex("s", 32, 0).sync(folder, audience=["staff"]).changes.added


def test_going_back_and_forth_is_a_pointer(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    shelf.sync(folder)
    held = shelf.index()
    path = folder / "rule-0.md"
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    shelf.sync(folder)
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))
    assert "99 days" not in "".join(
        p.text for p in held.search("thing 0 lasts days", ["staff"], TODAY, 3)
    ), "an index that somebody holds stays as it is"
    cheap.clear()
    assert shelf.rollback().number == 1
    assert "99 days" not in "".join(found(VersionedIndex("s"), "thing 0 lasts days"))
    assert shelf.rollback(2).number == 2
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))
    assert all("lasts" in text and len(text) < 30 for text in cheap), (
        "a rollback embeds nothing but the question"
    )
    shelf.rollback()
    with pytest.raises(IndexUnusableError, match=r"no version before 1; it has \[1, 2\]"):
        shelf.rollback()
    with pytest.raises(IndexUnusableError, match="no version 7"):
        shelf.rollback(7)
    with pytest.raises(IndexUnusableError, match="is empty; put a folder on it"):
        VersionedIndex("other").index()
    with pytest.raises(ValueError, match="a shelf's name"):
        VersionedIndex("../s")


def test_dropped_history_leaves_the_current_version_as_number_one(cache, cheap, folder):
    shelf, other = VersionedIndex("s", 32, 0), VersionedIndex("other", 32, 0)
    path = folder / "rule-0.md"
    shelf.sync(folder)
    other.sync(folder)
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    shelf.sync(folder)
    assert shelf.drop_history() == 1
    assert [v.number for v in shelf.versions] == [1]
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))
    assert "3 days" in "".join(found(other, "thing 0 lasts days")), "another shelf answers from it"


def test_what_only_earlier_versions_held_is_embedded_again(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    path, before = folder / "rule-0.md", (folder / "rule-0.md").read_text()
    shelf.sync(folder)
    path.write_text(before.replace("lasts 3 days", "lasts 99 days"))
    shelf.sync(folder)
    shelf.drop_history()
    path.write_text(before)
    assert shelf.sync(folder).embedded == 1


def test_what_is_forgotten_is_gone_from_every_file(cache, cheap, folder):
    shelf, other = VersionedIndex("s", 32, 0), VersionedIndex("other", 64, 0)
    shelf.sync(folder)
    other.sync(folder)
    shown = shelf.index().search(SECRET, ["staff"], TODAY, 1)
    arm = Arm(
        "answers",
        lambda asks: [Prediction(ask.id, f"It says: {SECRET}", tuple(shown)) for ask in asks],
        "fixed",
    )
    kept = Arm(
        "kept",
        lambda asks: [Prediction(ask.id, "nothing to do with it") for ask in asks],
        "another",
    )
    for one in (arm, kept):
        runs.run(one, [Ask("q", "cabinet?")])
    with pytest.raises(
        ValueError,
        match=r"in the current version of shelf 's'; delete its file and \.sync\(\) first",
    ):
        shelf.forget("cabinet")
    assert len({file.parent.parent.name for file in traces(SECRET)} & {"indexes", "results"}) == 2
    (folder / "cabinet.md").unlink()
    shelf.sync(folder)
    assert found(shelf, SECRET), "a sync alone leaves traces in yesterday's version"
    assert SECRET not in "".join(found(shelf, SECRET)), (
        "a sync alone leaves traces in yesterday's version"
    )
    assert traces(SECRET), "a sync alone leaves traces in yesterday's version"
    other.sync(folder)
    gone = shelf.forget("cabinet")
    assert gone["versions"] == 1
    assert gone["indexes"] >= 2
    assert gone["vectors"] >= 1
    assert gone["runs"] == 1
    assert traces(SECRET) == []
    assert traces("walnut cabinet opens") == []
    assert [v.number for v in shelf.versions] == [2]
    assert found(shelf, "thing 1")
    cheap.clear()
    assert runs.run(kept, [Ask("q", "cabinet?")])["q"].text.startswith("nothing")
    assert cheap == []
    write_document(folder, "cabinet", f"# Cabinet\n\n{SECRET}", title="Cabinet")
    assert shelf.sync(folder).embedded == 1, "its vector was forgotten, too"


def test_a_shelf_on_a_server_does_the_same(cheap, folder, tmp_path, server, on_server):
    """Sync, go back, forget. What the server's own database holds of what is deleted is not ours to
    clear: its vacuum does."""
    shelf, path = VersionedIndex("s", 32, 0), folder / "rule-0.md"
    assert shelf.sync(folder).embedded == len(set(cheap))
    assert found(shelf, SECRET)[0].endswith(SECRET)
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    assert (report := shelf.sync(folder)).version == 2
    assert report.embedded == 1
    assert shelf.rollback().number == 1
    assert "99 days" not in "".join(found(VersionedIndex("s"), "thing 0 lasts days"))
    assert shelf.rollback(2).number == 2
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))
    (folder / "cabinet.md").unlink()
    assert shelf.sync(folder).changes.deleted == ("cabinet.md",)
    assert len(list(chroma_store.names(on_server))) == 3
    gone = shelf.forget("cabinet")
    assert (gone["versions"], gone["indexes"], gone["vectors"]) == (2, 2, 1)
    assert [v.number for v in shelf.versions] == [3]
    assert traces(SECRET) == []
    assert SECRET not in "".join(found(shelf, SECRET))
    assert len(list(chroma_store.names(on_server))) == 1
    with pytest.raises(IndexUnusableError, match="no version before 3"):
        shelf.rollback()
    kept = shutil.copytree(server.folder, tmp_path / "kept")
    assert traces(SECRET, kept), "when Chroma clears its file itself, the advice in `forget` can go"
    subprocess.run(
        [Path(sys.executable).with_name("chroma"), "vacuum", "--path", kept, "--force"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    # what is left, if anything, is memory that the server wrote out as the empty room of a graph
    assert [file for file in traces(SECRET, kept) if file.suffix != ".bin"] == []


def test_traces_finds_a_planted_text(cache):
    (cache / "deep" / "er").mkdir(parents=True)
    (cache / "deep" / "er" / "file.bin").write_bytes(b"\x00\xff" + 'say "hällo"'.encode() + b"\x00")
    (cache / "deep" / "line.jsonl").write_text(json.dumps({"text": 'say "hällo"'}))
    assert [p.name for p in traces('say "hällo"')] == ["file.bin", "line.jsonl"]
    assert traces("never said") == []


def test_a_full_disk_leaves_the_old_version_answering(cache, cheap, folder, monkeypatch):
    shelf = VersionedIndex("s", 32, 0)
    shelf.sync(folder)
    path = folder / "rule-0.md"
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    with monkeypatch.context() as full:
        full.setattr(
            chroma_store,
            "_fill",
            lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
        )
        with pytest.raises(OSError, match="No space left"):
            shelf.sync(folder)
    assert shelf.current.number == 1
    assert "99 days" not in "".join(found(shelf, "thing 0 lasts days"))
    assert not list((cache / "indexes").glob("*.building"))
    assert shelf.sync(folder).version == 2


SYNC = """
import sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from support.vectors import counted
from helpers.models import weights
from helpers.retrieval import chroma_store, embedding
weights.cache_home = lambda: Path(sys.argv[2])
embedding.embed = counted
true = chroma_store._fill
def slow(target, rows):
    true(target, rows); print("filled", flush=True); time.sleep(float(sys.argv[3]))
chroma_store._fill = slow
from helpers.retrieval.versions import VersionedIndex
print(VersionedIndex("s", 32, 0).sync(Path(sys.argv[1])), flush=True)
"""


def syncing(folder, seconds):
    from helpers.models import weights

    return subprocess.Popen(
        [sys.executable, "-c", SYNC, str(folder), str(weights.cache_home()), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_a_sync_killed_half_way_changes_nothing_and_the_next_is_whole(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    shelf.sync(folder)
    path = folder / "rule-0.md"
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    killed = syncing(folder, 60)
    assert killed.stdout.readline() == "filled\n"
    assert "99 days" not in "".join(found(shelf, "thing 0 lasts days")), (
        "a reader beside a writer sees the old version"
    )
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert shelf.current.number == 1
    assert shelf.sync(folder).version == 2
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))


@pytest.mark.slow
def test_two_writers_wait_for_each_other_and_a_reader_never_sees_half(cache, cheap, folder):
    shelf = VersionedIndex("s", 32, 0)
    shelf.sync(folder)
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add("99 days" in "".join(found(shelf, "thing 0 lasts days")))

    reader = threading.Thread(target=read)
    reader.start()
    path = folder / "rule-0.md"
    path.write_text(path.read_text().replace("lasts 3 days", "lasts 99 days"))
    writers = [syncing(folder, 1), syncing(folder, 0)]
    said = [writer.communicate(timeout=120)[0] for writer in writers]
    stop.set()
    reader.join(30)
    assert all("version 2" in one for one in said)
    assert [v.number for v in shelf.versions] == [1, 2]
    assert False in seen
    assert "99 days" in "".join(found(shelf, "thing 0 lasts days"))
