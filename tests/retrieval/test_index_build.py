"""An index with real vectors: what it is named after, damage, and two processes or a kill while it
is built."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, TODAY

from helpers.models import weights
from helpers.retrieval import chunking, embedding, index
from helpers.retrieval.index import IndexUnusableError, build_index, open_index


def the_folder(cache, found):
    (folder,) = (cache / "indexes").glob(f"{found.name}-*")
    return folder


def test_search_respects_access_and_day_inside_the_query(cache, small):
    found = build_index(small, 32, 8)

    def docs(groups, day=TODAY, k=4):
        return {p.doc for p in found.search("days of leave", groups, day, k)}

    assert docs(["staff"]) == {"leave-v2", "visit"}
    assert docs(["staff"], TODAY.replace(year=2025, month=6)) == {"leave-v1", "visit"}
    assert docs(["staff", "board"]) == {"leave-v2", "visit", "salaries"}
    assert docs(["people-ops"]) == {"salaries"}
    assert docs(["people"]) == set()
    assert docs([]) == set()
    assert docs(["staff"], k=1) == {"leave-v2"}, "filtering must not starve the top k"
    for passage in found.search("leave", ["staff"], TODAY, 2):
        text = next(d.text for d in small if d.id == passage.doc)
        assert text[passage.start : passage.end] == passage.text
        assert -1 <= passage.score <= 1


def test_rebuilding_opens_what_is_there_and_a_change_is_another_index(cache, small, monkeypatch):
    one = build_index(small, 32, 8)
    monkeypatch.setattr(
        embedding, "embed", lambda texts: pytest.fail("an unchanged index was embedded again")
    )
    assert build_index(small, 32, 8).name == one.name
    monkeypatch.undo()
    names = {one.name, index.fingerprint(chunking.chunk_all(small, 8, 2))}
    secret = [
        (
            d
            if d.id != "salaries"
            else dataclasses.replace(d, meta=d.meta.model_copy(update={"audience": ["staff"]}))
        )
        for d in small
    ]
    names.add(index.fingerprint(chunking.chunk_all(secret, 32, 8)))
    edited = [
        d if d.id != "visit" else dataclasses.replace(d, text=d.text.replace("3", "4"))
        for d in small
    ]
    names.add(index.fingerprint(chunking.chunk_all(edited, 32, 8)))
    assert len(names) == 4


def test_another_embedders_vectors_are_refused(cache, small):
    one = build_index(small, 32, 8)
    folder = the_folder(cache, one)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"embedder": "other-embedder"}))
    with pytest.raises(IndexUnusableError, match="was built with other-embedder"):
        open_index(one.name).search("leave", ["staff"], TODAY)


def test_a_damaged_index_is_built_again(cache, small, capsys):
    one = build_index(small, 32, 8)
    (the_folder(cache, one) / "manifest.json").unlink()
    said = []
    again = build_index(small, 32, 8, say=said.append)
    assert again.name == one.name
    assert "building it again" in said[0]
    assert again.search("days of leave", ["staff"], TODAY, 1)[0].doc == "leave-v2"


BUILDER = """
import sys
from pathlib import Path
from helpers.data import handbook
from helpers.models import weights
from helpers.retrieval import embedding, index
weights.cache_home = lambda: Path(sys.argv[2])
true = embedding.embed
def slow(texts):
    vectors = true(texts)
    print("embedded", flush=True)
    if sys.argv[3] == "held":
        sys.stdin.readline()
    return vectors
embedding.embed = slow
documents = handbook.load_handbook(Path(sys.argv[1]))
found = index.build_index(documents, 32, 8, say=lambda text: print(text, flush=True))
print("ready", found.size, flush=True)
"""


def building(small, held=False):
    """A process that builds the index; held: only when it is told to does it go past embedding."""
    folder = str(small[0].path.parent)
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, folder, str(weights.cache_home()), "held" if held else ""],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_second_process_waits_and_both_have_the_index(cache, small):
    first = building(small, held=True)
    assert first.stdout.readline() == "embedded\n"
    second = building(small)
    waiting = second.stdout.readline()
    assert "another process is building this index; waiting for it" in waiting
    assert "ready 4" in first.communicate("go on\n", timeout=120)[0]
    said = second.communicate(timeout=120)[0]
    assert "ready 4" in said
    assert "embedded" not in said
    assert (
        build_index(small, 32, 8).search("days of leave", ["staff"], TODAY, 1)[0].doc == "leave-v2"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_build_killed_half_way_is_not_there_and_the_next_one_is_whole(cache, small):
    killed = building(small, held=True)
    assert killed.stdout.readline() == "embedded\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not [p for p in (cache / "indexes").iterdir() if (p / "manifest.json").exists()]
    assert build_index(small, 32, 8).size == 4
    assert not list((cache / "indexes").glob("*.building"))
