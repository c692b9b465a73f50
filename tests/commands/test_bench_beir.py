"""The benches on other people's sets: their forms read strictly, their measures to the letter,
nothing lost to approximate search."""

from __future__ import annotations

import csv
import itertools
import json
import random

import pytest

from helpers.commands.bench import beir as bench_beir
from helpers.commands.bench import chunking as bench_chunking
from helpers.commands.bench import speed
from helpers.commands.bench.chunking import Question, cl100k_spans
from helpers.evaluation.retrieval_metrics import ndcg_at_k
from helpers.retrieval import chunking as retrieval_chunking

ANIMALS = [
    "otter",
    "badger",
    "heron",
    "adder",
    "newt",
    "stoat",
    "lapwing",
    "marten",
    "plover",
    "tench",
]
DEEDS = [
    "sleeps under the old bridge",
    "eats frogs at night",
    "crosses the road in spring",
    "is counted every March",
    "shares its burrow",
    "fears the mink",
    "swims in winter",
]
ODD = [
    "",
    " ",
    "plain text",
    "héllo wörld",
    "a 👩‍👩‍👧 family",
    "👩‍👩‍👧" * 5,
    "日本語のテキスト、句読点。",
    "𝒳𝒴𝒵 𓀀𓀁",
    "<|endoftext|>",
    "e\u0301\u0301",
    "\u2028\n\n\n x",
    "नमस्ते दुनिया",
    "\ufeff",
]


# --- a set in BEIR's form -------------------------------------------------------------------------


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(
            (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n"
            for row in rows
        ),
        encoding="utf-8",
        newline="\n",
    )


@pytest.fixture
def beir(tmp_path):
    """72 passages, 7 queries: graded, one that is itself a passage, one for which nothing is
    relevant, one that nobody judged."""
    folder = tmp_path / "marsh"
    corpus = [
        {
            "_id": f"{animal}-{i}",
            "title": animal.title() if i % 2 else "",
            "text": f"The {animal} {deed}.",
            "metadata": {},
        }
        for animal in ANIMALS
        for i, deed in enumerate(DEEDS)
    ]
    corpus += [
        {"_id": "empty", "title": "", "text": ""},
        {"_id": "title only", "title": "Heron \u2028 and newt", "text": ""},
    ]
    queries = [{"_id": f"q{i}", "text": f"Which {ANIMALS[i]} {DEEDS[i]}?"} for i in range(4)]
    queries += [
        {"_id": "otter-3", "text": "The otter is counted every March."},
        {"_id": "hopeless", "text": "moon rocks"},
        {"_id": "unjudged", "text": "tench"},
    ]
    grades = [
        (f"q{i}", f"{ANIMALS[i]}-{j}", 2 if i == j else j % 2)
        for i in range(4)
        for j in range(len(DEEDS))
    ]
    grades += [
        ("otter-3", "otter-3", 2),
        ("otter-3", "otter-4", 1),
        ("otter-3", "newt-3", 1),
        ("q0", "not in the corpus", 1),
        ("hopeless", "newt-1", 0),
    ]
    write_lines(folder / "corpus.jsonl", corpus)
    write_lines(folder / "queries.jsonl", queries)
    write_lines(
        folder / "qrels" / "test.tsv",
        ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in grades)],
    )
    return folder


def test_a_beir_folder_is_read_as_beir_reads_it(beir):
    found = bench_beir.read_set(beir)
    assert found.name == "marsh"
    assert len(found.passages) == 72
    assert list(found.queries) == ["q0", "q1", "q2", "q3", "otter-3", "hopeless"]
    assert found.passages["otter-1"] == "Otter The otter eats frogs at night."
    assert found.passages["otter-0"] == "The otter sleeps under the old bridge."
    assert found.passages["empty"] == ""
    assert found.passages["title only"] == "Heron \u2028 and newt"
    assert found.judged["q1"]["badger-1"] == 2
    assert len(found.judged["q1"]) == 7
    assert list(bench_beir.read_set(beir, 2).judged) == ["q0", "q1"]
    assert bench_beir.ranking_of("otter-3", ["otter-3", "a", "b"]) == ["a", "b"], (
        "a hit that is the query itself does not count"
    )


def test_scores_are_those_of_trec_eval():
    import ir_measures
    from ir_measures import R, nDCG

    dice = random.Random(5)
    docs = [f"d{i}" for i in range(150)]
    judged = {
        f"q{i}": {
            doc: dice.choice((0, 0, 1, 1, 2, 3))
            for doc in dice.sample(docs, dice.choice((1, 3, 40)))
        }
        for i in range(300)
    }
    rankings = {query: dice.sample(docs, dice.choice((0, 1, 8, 100))) for query in judged}
    ours = bench_beir.scored(rankings, judged)
    run = {
        query: {doc: 1000.0 - place for place, doc in enumerate(ranked)}
        for query, ranked in rankings.items()
    }
    theirs = ir_measures.calc_aggregate([nDCG @ 10, R @ 10, R @ 100], judged, run)
    assert ours == {
        "ndcg_at_10": pytest.approx(theirs[nDCG @ 10], abs=1e-5),
        "recall_at_10": pytest.approx(theirs[R @ 10], abs=1e-5),
        "recall_at_100": pytest.approx(theirs[R @ 100], abs=1e-5),
    }
    assert (
        ndcg_at_k(["a", "b"], {"a": 1, "b": 3}, 2)
        < ndcg_at_k(["b", "a"], {"a": 1, "b": 3, "c": -1}, 2)
        == 1
    )


def test_dense_search_equals_exact_cosine_judged_by_another_tool(beir, cache):
    """Embedded by the library, compared by numpy, judged by ir_measures: nothing of ours but the
    figure that must come out."""
    import ir_measures
    from ir_measures import R, nDCG

    from helpers.models import load

    found = bench_beir.bench_retrieval(beir)
    ours = bench_beir.read_set(beir)
    encode = load.load_embedder().encode
    similar = (
        encode(list(ours.queries.values()), normalize_embeddings=True)
        @ encode(list(ours.passages.values()), normalize_embeddings=True).T
    )
    run = {
        q: {p: float(s) for p, s in zip(ours.passages, row, strict=True) if p != q}
        for q, row in zip(ours.queries, similar, strict=True)
    }
    theirs = ir_measures.calc_aggregate([nDCG @ 10, R @ 10, R @ 100], ours.judged, run)
    for way in ("dense", "exact"):
        assert found[way]["ndcg_at_10"] == pytest.approx(theirs[nDCG @ 10], abs=1e-4)
        assert found[way]["recall_at_10"] == pytest.approx(theirs[R @ 10], abs=1e-4)
        assert found[way]["recall_at_100"] == pytest.approx(theirs[R @ 100], abs=1e-4)
    assert found["dense_vs_exact_overlap_at_10"] == 1
    assert (
        found["n_queries"],
        found["n_passages"],
        found["judged_passages_missing"],
    ) == (6, 72, 1)
    assert 0 < found["dense"]["ndcg_at_10"] < 1
    assert found["bm25"]["ndcg_at_10"] > 0.3
    assert found["hybrid"]["ndcg_at_10"] > 0.3
    assert found["bm25_without_stems"]["ndcg_at_10"] > 0.3
    assert found["hybrid_weighted"]["ndcg_at_10"] > 0.3
    assert found["dense"]["build_seconds"] > 0
    assert found["dense"]["query_p95_ms"] >= found["dense"]["query_p50_ms"] > 0
    assert bench_beir.bench_retrieval(beir, 1)["dense"]["build_seconds"] is None, (
        "an index that was there is not a build"
    )


@pytest.mark.parametrize(
    "name, lines, complaint",
    [
        ("corpus.jsonl", None, "corpus.jsonl: not found; a set is a folder with"),
        ("queries.jsonl", None, "queries.jsonl: not found"),
        ("qrels/test.tsv", None, "test.tsv: not found"),
        (
            "corpus.jsonl",
            ['{"_id": "a", "text": "x"}', '{"_id": "b",'],
            "corpus.jsonl line 2: is not JSON",
        ),
        ("corpus.jsonl", ["[1]"], "corpus.jsonl line 1: must be an object with an _id and a text"),
        ("corpus.jsonl", ['{"_id": "a", "text": null}'], "line 1: must be an object"),
        (
            "corpus.jsonl",
            ['{"_id": "a", "text": "x", "title": 3}'],
            "line 1: title must be a string",
        ),
        (
            "corpus.jsonl",
            ['{"_id": "a", "text": "x"}', "", '{"_id": "a", "text": "y"}'],
            "line 3: _id 'a' was already used in",
        ),
        ("corpus.jsonl", [], "corpus.jsonl: holds no passages"),
        ("queries.jsonl", ['{"id": "q0", "text": "x"}'], "queries.jsonl line 1: must be"),
        (
            "qrels/test.tsv",
            ["query-id\tcorpus-id\tscore", "q0\totter-1\thigh"],
            "test.tsv line 2: must be query-id, corpus-id and a whole number",
        ),
        (
            "qrels/test.tsv",
            ["query-id\tcorpus-id\tscore", "q0 otter-1 1"],
            "test.tsv line 2: must be",
        ),
        (
            "qrels/test.tsv",
            ["query-id\tcorpus-id\tscore", "q77\totter-1\t1"],
            "test.tsv line 2: query 'q77' is not in queries.jsonl",
        ),
        ("qrels/test.tsv", ["query-id\tcorpus-id\tscore"], "test.tsv: judges nothing"),
    ],
)
def test_a_bad_set_is_refused_with_file_and_line(beir, capsys, name, lines, complaint):
    (beir / name).unlink()
    if lines is not None:
        write_lines(beir / name, lines)
    assert speed.main(["retrieval", str(beir), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1
    assert err.startswith("workbook: ")


def test_a_set_that_is_not_utf8_and_a_limit_of_nothing(beir, capsys):
    assert speed.main(["retrieval", str(beir), "--limit-queries", "0"]) == 2
    assert "--limit-queries must be at least 1" in capsys.readouterr().err
    (beir / "queries.jsonl").write_bytes(
        b'{"_id": "q0", "text": "x"}\n{"_id": "q1", "text": "\xff"}\n'
    )
    assert speed.main(["retrieval", str(beir)]) == 2
    assert "queries.jsonl line 2: byte 23 is not UTF-8" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        speed.main(["retrieval"])


# --- cutting: tokens and LangChain's recursion ----------------------------------------------------


@pytest.mark.parametrize("text", [*ODD, " ".join(ODD)])
def test_spans_of_cl100k_tokens_hold_every_character(text):
    encoder = bench_chunking._cl100k()
    spans, tokens = cl100k_spans(text), encoder.encode(text)
    assert len(spans) == len(tokens)
    assert set().union(*(range(start, end) for start, end in spans)) == set(range(len(text)))
    for (start, end), token in zip(spans, tokens, strict=True):
        whole = encoder.decode([token])  # None where the token is a part of a character
        assert (
            whole == text[start:end]
            if whole
            else bench_chunking._bytes_of(token) in text[start:end].encode()
        )
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(spans))


def split_keeping(text, separator):
    """Pieces that begin with the separator, but for the first."""
    first, *rest = text.split(separator) if separator else ("", *text)
    return [piece for piece in (first, *(separator + one for one in rest)) if piece]


def put_together(pieces, size, overlap, count):
    chunks, held = [], []
    for piece in pieces:
        if held and sum(map(count, held)) + count(piece) > size:
            chunks.append("".join(held))
            while held and (
                sum(map(count, held)) > overlap or sum(map(count, held)) + count(piece) > size
            ):
                held = held[1:]
        held = [*held, piece]
    return [*chunks, "".join(held)] if held else chunks


def recursive_reference(
    text, size, overlap, count, separators=("\n\n", "\n", ".", "?", "!", " ", "")
):
    """LangChain's RecursiveCharacterTextSplitter on strings, said again: first separator met, small
    pieces merged, large ones split further."""
    at = next(i for i, separator in enumerate(separators) if separator in text)
    chunks, small = [], []
    for piece in split_keeping(text, separators[at]):
        if count(piece) < size:
            small.append(piece)
        else:
            chunks += put_together(small, size, overlap, count)
            small = []
            finer = separators[at + 1 :]
            chunks += recursive_reference(piece, size, overlap, count, finer) if finer else [piece]
    return [
        chunk.strip()
        for chunk in (*chunks, *put_together(small, size, overlap, count))
        if chunk.strip()
    ]


def random_page(dice):
    words = [
        "the",
        "otter",
        "crosses",
        "3.5",
        "km",
        "U.S.",
        "héron",
        "👩‍👩‍👧",
        "日本語",
        "a" * 30,
        "?",
        "!",
        "...",
        "# Head",
        "| a | b |",
        "",
        " ",
        "\t",
        "\u2028",
    ]
    return "".join(
        dice.choice(words)
        + dice.choice((" ", " ", " ", ". ", ".", "? ", "\n", "\n\n", "\n\n\n", ""))
        for _ in range(dice.randrange(120))
    )


@pytest.mark.parametrize("count", ["cl100k", "letters"])
def test_recursive_cutting_is_that_of_langchain_and_of_the_evaluation(count):
    spans = (
        cl100k_spans if count == "cl100k" else lambda text: [(i, i + 1) for i in range(len(text))]
    )
    dice, met = random.Random(7), 0
    for text in [*ODD, *(random_page(dice) for _ in range(150))]:
        for size, overlap in ((12, 0), (12, 6), (30, 15), (60, 0), (60, 45)):
            pieces = retrieval_chunking.cut(text, size, overlap, "recursive", spans)
            assert [text[start:end] for start, end in pieces] == recursive_reference(
                text, size, overlap, lambda one: len(spans(one))
            ), (text, size, overlap)
            met += len(pieces)
    assert met > 5_000


def test_token_windows_are_those_of_the_evaluation():
    """Windows of size tokens, each (size - overlap) after the one before; the first that reaches
    the end is the last."""
    encoder, dice = bench_chunking._cl100k(), random.Random(8)
    # no character of several tokens
    for text in [
        "",
        "a",
        *(random_page(dice).encode("latin-1", "ignore").decode("latin-1") for _ in range(60)),
    ]:
        tokens = encoder.encode(text)
        for size, overlap in ((12, 0), (12, 6), (50, 25)):
            windows, start = [], 0
            while start < len(tokens):
                windows.append(encoder.decode(tokens[start : start + size]))
                start = len(tokens) if start + size >= len(tokens) else start + size - overlap
            assert [
                text[a:b]
                for a, b in retrieval_chunking.cut(text, size, overlap, "tokens", cl100k_spans)
            ] == windows


# --- cutting: the measures ------------------------------------------------------------------------


def test_scores_on_characters_worked_out_by_hand():
    question = Question("?", "one", ((10, 20), (50, 60)))
    chunks = [(0, 15), (15, 30), (30, 48), (48, 70)]
    assert bench_chunking.retrieval_scores(question, [("one", (0, 15)), ("two", (0, 25))]) == {
        "recall": 5 / 20,
        "precision": 5 / 40,
        "iou": 5 / (40 + 15),
    }
    # The overlap 10:15 is found once and paid twice; 50:60 is missed.
    assert bench_chunking.retrieval_scores(question, [("one", (0, 15)), ("one", (10, 30))]) == {
        "recall": 10 / 20,
        "precision": 10 / 35,
        "iou": 10 / (35 + 10),
    }
    assert bench_chunking.retrieval_scores(question, [("two", (10, 20))]) == {
        "recall": 0,
        "precision": 0,
        "iou": 0,
    }
    assert bench_chunking.retrieval_scores(question, []) == {"recall": 0, "precision": 0, "iou": 0}
    # References that overlap: what was found counts once, what was needed twice.
    assert bench_chunking.retrieval_scores(
        Question("?", "one", ((0, 10), (5, 15))), [("one", (0, 10))]
    ) == {"recall": 10 / 20, "precision": 1, "iou": 10 / 15}
    assert bench_chunking.precision_omega(question, chunks) == 20 / (15 + 15 + 22)
    assert bench_chunking.precision_omega(question, [(0, 15), (60, 90)]) == 5 / (
        15 + 30 + 5 + 10
    ), "a chunk that only touches a reference is paid, too"
    assert bench_chunking.precision_omega(question, [(0, 15), (10, 30), (50, 60)]) == 20 / 40, (
        "overlapping chunks are paid once here"
    )
    assert bench_chunking.precision_omega(question, [(30, 45)]) == 0
    found = bench_chunking.scores([question, question], {"one": chunks}, [[("one", (0, 15))], []])
    assert found == {
        "recall": 0.125,
        "precision": pytest.approx(1 / 6, abs=1e-5),
        "iou": 0.08333,
        "precision_omega": round(20 / 52, 5),
    }


def test_measures_are_those_of_the_evaluation_said_with_sets():
    """Random spans; the same sums over sets of characters."""
    dice = random.Random(9)

    def some_spans(n):
        return [
            (start, start + dice.randrange(1, 30))
            for start in (dice.randrange(80) for _ in range(n))
        ]

    def letters(spans):
        return {at for start, end in spans for at in range(start, end)}

    for _ in range(500):
        references, retrieved, chunks = (
            some_spans(dice.choice((1, 2, 3))),
            some_spans(dice.randrange(6)),
            some_spans(8),
        )
        question, elsewhere = Question("?", "one", tuple(references)), some_spans(dice.randrange(3))
        found = bench_chunking.retrieval_scores(
            question, [("one", span) for span in retrieved] + [("two", span) for span in elsewhere]
        )
        both, paid = (
            len(letters(references) & letters(retrieved)),
            sum(end - start for start, end in retrieved + elsewhere),
        )
        missed = sum(len(letters([one]) - letters(retrieved)) for one in references)
        assert found["recall"] == both / sum(end - start for start, end in references)
        assert found["precision"] == (both / paid if paid else 0)
        assert found["iou"] == both / (paid + missed)
        useful = letters(
            [c for c in chunks if any(max(c[0], r[0]) <= min(c[1], r[1]) for r in references)]
        )
        assert bench_chunking.precision_omega(question, chunks) == len(
            letters(references) & useful
        ) / len(useful | letters(references))


# --- cutting: a run through, and bad folders ------------------------------------------------------


def write_questions(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "references", "corpus_id"])
        writer.writerows(rows)


def quoted(text, quote):
    return {
        "content": quote,
        "start_index": text.index(quote),
        "end_index": text.index(quote) + len(quote),
    }


@pytest.fixture
def evaluation(tmp_path):
    """Two corpora, three questions, one with two references; a third corpus that no question is
    about."""
    folder, texts = tmp_path / "river", {}
    for name, animals in (("north", ANIMALS[:5]), ("south", ANIMALS[5:])):
        texts[name] = "\n\n".join(
            f"# {animal.title()}\n\n" + " ".join(f"The {animal} {deed}." for deed in DEEDS * 5)
            for animal in animals
        )
        write_lines(folder / "corpora" / f"{name}.md", [texts[name]])
    write_lines(folder / "corpora" / "ignored.md", ["Nobody asks about this."])
    write_questions(
        folder / "questions_df.csv",
        [
            (
                "What does the otter fear?",
                json.dumps([quoted(texts["north"], "The otter fears the mink.")]),
                "north",
            ),
            (
                "When is the newt counted, and where does it sleep?",
                json.dumps(
                    [
                        quoted(texts["north"], "The newt is counted every March."),
                        quoted(texts["north"], "The newt sleeps under the old bridge."),
                    ]
                ),
                "north",
            ),
            (
                "What does the tench\neat?",
                json.dumps([quoted(texts["south"], "The tench eats frogs at night.")]),
                "south",
            ),
        ],
    )
    return folder


def test_a_run_through_the_chunking_bench(evaluation, cache, capsys, monkeypatch):
    monkeypatch.setattr(
        bench_chunking,
        "CHUNKERS",
        {
            name: bench_chunking.CHUNKERS[name]
            for name in ("tokens_250_125", "recursive_250_0", "sentences_250_0", "headings_250_0")
        },
    )
    assert speed.main(["chunking", str(evaluation), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["set"] == "river"
    assert found["n_questions"] == 3
    assert list(found["corpora"]) == ["north", "south"]
    assert found["top_k"] == 5
    assert set(found["chunkers"]) == set(bench_chunking.CHUNKERS)
    for name, row in found["chunkers"].items():
        assert 0 < row["recall"] <= 1, name
        assert 0 < row["iou"] <= row["precision"] <= 1, name
        assert row["n"] == 3, name
        assert row["chunks"] >= 10, name
        assert row["precision_omega"] > 0
        assert 20 < row["mean_tokens"] <= 250


def test_every_promised_way_of_cutting_is_there():
    wanted = {
        f"{way}_{size}"
        for way in ("tokens", "recursive")
        for size in ("250_125", "250_0", "400_200", "400_0")
    } | {"sentences_250_0", "headings_250_0"}
    assert wanted <= set(bench_chunking.CHUNKERS)
    for strategy, size, overlap in bench_chunking.CHUNKERS.values():
        assert retrieval_chunking.cut(
            "One. Two.\n\n# Three\n\nFour.", size, overlap, strategy, cl100k_spans
        )


@pytest.mark.parametrize(
    "rows, complaint",
    [
        (None, "questions_df.csv: not found; a set is a folder with corpora"),
        ([], "questions_df.csv: holds no questions"),
        ([("q", "not json", "north")], "questions_df.csv line 2: references must be a JSON list"),
        ([("q", '[{"start_index": 3}]', "north")], "line 2: references must be"),
        (
            [("q", '[{"start_index": 5, "end_index": 5}]', "north")],
            (
                "line 2: needs a question, a corpus_id, and references with 0 <= start_index <"
                " end_index"
            ),
        ),
        (
            [("a\nb", '[{"start_index": 0, "end_index": 5}]', "north"), ("q", "[]", "north")],
            "line 4: needs",
        ),
        (
            [("q", '[{"start_index": 0, "end_index": 5}]', "west")],
            "west.md: not found, and a question is about it",
        ),
        (
            [("q", '[{"start_index": 0, "end_index": 999999}]', "north")],
            "north.md: ends before character 999999",
        ),
    ],
)
def test_a_bad_chunking_set_is_refused(evaluation, capsys, rows, complaint):
    (evaluation / "questions_df.csv").unlink()
    if rows is not None:
        write_questions(evaluation / "questions_df.csv", rows)
    assert speed.main(["chunking", str(evaluation)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1


def test_a_questions_file_with_other_columns(evaluation, capsys):
    (evaluation / "questions_df.csv").write_text("question,corpus_id\nq,north\n")
    assert speed.main(["chunking", str(evaluation)]) == 2
    assert "line 1: lacks the columns references" in capsys.readouterr().err


# --- embedding ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_our_embedding_finds_as_much_as_the_plain_one(cache):
    found = speed.bench_embed(rounds=1, every=8)
    assert found["speedup"] > 0
    assert set(found["texts_per_second"]) == {
        "ours",
        "plain_list",
        "plain_one_by_one",
    }
    assert found["recall_at_3"]["ours"] == pytest.approx(
        found["recall_at_3"]["plain_list"], abs=0.01
    )
    assert bool(found["note"]) == (found["dtype"] == "float32")
