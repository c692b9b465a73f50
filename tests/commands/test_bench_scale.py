"""The bench of growing sizes measures what it says: made worlds that are always the same, sane
figures, nothing left behind. Times are reported, never tested."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from support.vectors import counted

from helpers.commands.bench import scale, speed, synthetic
from helpers.plots import retrieval
from helpers.retrieval import chroma_store


@pytest.fixture
def parts():
    """Every part in this process, where made vectors reach it."""
    return lambda part, n, *more: json.loads(json.dumps(scale.PARTS[part](n, *more)))


def test_three_hundred_chunks_from_end_to_end(fake, cache, parts, monkeypatch):
    monkeypatch.setattr(
        chroma_store, "GRAPH_UP_TO", 100
    )  # so that the larger one is searched whole
    found = scale.bench_scale([300, 60], with_server=False, run=parts)
    small, large = found["sizes"]
    assert (large["recall_at_10"], chroma_store.GRAPH_UP_TO) == (1, 100)
    assert (small["chunks"], large["chunks"]) == (60, 300)
    assert (
        small["real_chunks"],
        large["real_chunks"],
    ) == (30, 150)
    for row in found["sizes"]:
        assert 0.9 <= row["recall_at_5"] <= 1
        assert 0.9 <= row["recall_at_10"] <= 1
        assert 0.9 <= row["graph_recall_at_10"] <= 1
        assert row["too_few"] == 0
        assert 0 < row["allowed_share"] <= 1
        assert all(
            row[name] > 0
            for name in ("build_seconds", "open_seconds", "first_answer_seconds", "disk_mb")
        )
        assert set(row["nearest_cosine"]) == {"real", "made"}
        for name in (
            "dense_ms",
            "graph_ms",
            "graph_ms_without_condition",
            "bm25_ms",
            "exact_ms",
            "dense_ms_with_embedding",
        ):
            assert 0 < row[name]["p50"] <= row[name]["p95"]
            assert row[name]["n"] >= 30
    assert small["disk_mb"] < large["disk_mb"]
    assert not [path for path in (cache / "indexes").iterdir() if path.is_dir()], (
        "the indexes are removed again"
    )
    assert len(set(fake)) < len(fake) < 2000, "made chunks are never embedded"
    assert "recall_at_10" in scale.shown(found)
    assert found["code"]["sha256"] == scale.provenance()["code"]["sha256"]
    assert (
        scale.flat(
            {"sizes": [small, {k: v for k, v in large.items() if not k.startswith("graph")}]}
        )["graph_ms_p50"][1]
        is None
    )
    picture = retrieval.scale(pd.DataFrame(scale.flat(found)))
    assert picture.png.startswith(b"\x89PNG")
    assert picture.alt.startswith("At 300 chunks: ")
    assert "60 chunks: build" in picture.alt


def test_an_index_is_removed_even_when_its_search_fails(fake, cache, parts):
    def run(part, *more):
        if part == "ask":
            raise RuntimeError("no more memory")
        return parts(part, *more)

    with pytest.raises(RuntimeError, match="no more memory"):
        scale.bench_scale([60], run=run)
    assert not [path for path in (cache / "indexes").iterdir() if path.is_dir()]
    with pytest.raises(ValueError, match="--chunks 5: at least 20 chunks are needed"):
        scale.bench_scale([5, 60], run=run)


def test_a_made_world_is_the_same_each_time_and_like_the_real_one(fake, cache):
    chunks, vectors, kept = synthetic.world(2000)
    again, same, _ = synthetic.world(2000)
    true, true_vectors = synthetic.real()
    assert [c.text for c in chunks] == [c.text for c in again]
    assert (vectors == same).all()
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert kept == len(true)
    assert len(chunks) == len(vectors) == 2000
    assert all(c.document.text[c.start : c.end] == c.text for c in chunks)
    assert len({c.document.id for c in chunks[kept:]}) > 150
    length = np.mean([len(c.text) for c in true])
    assert length < np.mean([len(c.text) for c in chunks[kept:]]) < 1.4 * length
    real, made = (
        {
            who: n / len(some)
            for who, n in Counter(tuple(c.document.meta.audience) for c in some).items()
        }
        for some in (true, chunks[kept:])
    )
    assert all(abs(real[who] - made.get(who, 0)) < 0.09 for who in real)
    centre, cosine = true_vectors.mean(axis=0), []
    for row in vectors[kept : kept + 100]:
        cosine.append((true_vectors @ row).max())
    assert 0.7 < np.mean(cosine) < 0.95
    assert 0 < np.linalg.norm(centre) < 1


def test_known_questions_are_looked_up_and_others_are_not_embedded(fake, cache):
    look_up = scale.known(["a"])
    assert (look_up(["a", "a"]) == counted(["a", "a"])).all()
    with pytest.raises(KeyError):
        look_up(["never asked"])


def test_the_command_has_options_of_its_own(fake, capsys, monkeypatch, tmp_path, parts):
    monkeypatch.setattr(scale, "in_own_process", parts)
    monkeypatch.setattr(scale.bench_scale, "__defaults__", (scale.SIZES, False, parts))
    monkeypatch.setattr(scale, "REFERENCE", tmp_path / "scale.json")
    assert speed.main(["scale", "--chunks", "40", "--json", "--save"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sizes"][0]["chunks"] == 40
    assert json.loads((tmp_path / "scale.json").read_text()) == found
    assert speed.main(["scale", "--chunks", "5"]) == 2
    assert "at least 20 chunks" in capsys.readouterr().err
    monkeypatch.setenv("CHROMA_URL", "http://127.0.0.1:9")
    with pytest.raises(SystemExit):
        speed.main(["scale"])
    assert "unset it" in capsys.readouterr().err


def test_the_reference_figures_belong_to_the_index_as_it_is_configured():
    """A changed graph must be measured again: `python3 workbook.py bench scale --chunks 1000 3000
    10000 30000 100000 --server --save`."""
    found = json.loads(scale.REFERENCE.read_text(encoding="utf-8"))
    assert (found["configuration"], found["unasked"], found["graph_up_to"]) == (
        chroma_store.CONFIGURATION,
        chroma_store.UNASKED,
        chroma_store.GRAPH_UP_TO,
    )
    assert (found["seed"], found["noise"]) == (synthetic.SEED, synthetic.NOISE)
    sizes = [row["chunks"] for row in found["sizes"]]
    assert sizes == sorted(sizes)
    assert {1000, 10_000, 100_000} <= set(sizes)
    assert scale.REFERENCE.stat().st_size < 20_000
    for row in found["sizes"]:
        assert 0 <= row["recall_at_5"] <= 1
        assert 0 <= row["recall_at_10"] <= 1
        assert abs(row["nearest_cosine"]["real"] - row["nearest_cosine"]["made"]) < 0.03
    for one, two in zip(found["sizes"], found["sizes"][1:], strict=False):
        assert one["disk_mb"] < two["disk_mb"]
        assert one["build_memory_mb"] < two["build_memory_mb"]
    assert found["server"]["chunks"] == 10_000
    assert set(found["server"]["same_answers"]) == set(scale.index.RETRIEVERS)
