"""What is cached is named after the code that shaped it: that code changes the name, and a comment,
a docstring or a plot does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.toy_model import TOY

from helpers.core import fingerprint
from helpers.core.fingerprint import HELPERS, code_of, key_of
from helpers.evaluation.text import tokens
from helpers.models import load
from helpers.retrieval import embedding, index
from helpers.retrieval.chunking import Chunk
from helpers.systems import closed_book


@pytest.fixture
def edited(monkeypatch):
    """As if a file of helpers/ said something else: `edited("plots/canvas", lambda text: …)`."""
    caches = (fingerprint.code_of, fingerprint._syntax)
    true, texts = Path.read_bytes, {}
    monkeypatch.setattr(Path, "read_bytes", lambda path: texts.get(path) or true(path))

    def edit(place, change):
        file = HELPERS / f"{place}.py"
        before = true(file).decode()
        texts[file] = change(before).encode()
        assert texts[file] != before.encode()
        for one in caches:
            one.cache_clear()

    yield edit
    for one in caches:
        one.cache_clear()


@pytest.fixture
def embedder(monkeypatch):
    monkeypatch.setattr(load, "embedder_fingerprint", lambda: "toy@1-float32")


def another_embed(text):
    return text.replace("batch_size=32", "batch_size=32, prompt='query: '")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\n# a comment\n",
        lambda text: text.replace('"""(n texts, dimensions)', '"""Shape: (n texts, dimensions)'),
        lambda text: text.replace("embedder = load", "embedder  =  load"),
        lambda text: text.replace("    import numpy as np\n", "\n\n    import numpy as np\n"),
    ],
    ids=["comment", "docstring", "spaces", "lines"],
)
def test_comments_docstrings_and_layout_are_no_code(edited, change):
    before = code_of("retrieval/embedding")
    edited("retrieval/embedding", change)
    assert code_of("retrieval/embedding") == before


def test_other_code_has_another_name(edited):
    before = code_of("retrieval")
    edited("retrieval/embedding", another_embed)
    assert code_of("retrieval") != before


def test_a_place_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no folder or module 'retrieval/embeding'"):
        code_of("retrieval/embeding")


def test_another_embed_gives_another_index(edited, embedder, documents):
    chunks = [Chunk(documents[0], 0, 80)]
    before = index.fingerprint(chunks)
    edited("retrieval/embedding", another_embed)
    assert index.fingerprint(chunks) != before


def test_another_embed_reads_another_table_of_vectors(edited, embedder, cache):
    def table():
        with embedding._kept() as there:
            return there.execute("PRAGMA database_list").fetchone()[2]

    before = table()
    edited("retrieval/embedding", another_embed)
    assert table() != before


def learner():
    """The key of an arm as a learner writes it in a notebook."""
    cell = {"__name__": "__main__", "tokens": tokens}
    exec(compile("def answer(asks): return tokens('x')", "<cell>", "exec"), cell)
    return key_of(cell["answer"])


def course():
    return closed_book(TOY).fingerprint


@pytest.mark.parametrize("key", [learner, course])
@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("plots/canvas", lambda text: text + "\n# a comment\n"),
        ("plots/canvas", lambda text: text + "\nNEW = 1\n"),
        ("systems/questions", lambda text: text + "\n# a comment\n"),
    ],
    ids=["comment in a plot", "code of a plot", "comment in a system"],
)
def test_answers_stay_cached_when_what_shapes_them_is_the_same(edited, key, place, change):
    before = key()
    edited(place, change)
    assert key() == before


@pytest.mark.parametrize("key", [learner, course])
def test_answers_are_given_anew_when_a_system_changes(edited, key):
    before = key()
    edited("systems/questions", lambda text: text.replace("NEAREST = 64", "NEAREST = 65"))
    assert key() != before
