"""A folder in, a decision out: end to end against a model behind a local server, so that no weights
are needed."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pandas as pd
import pytest
from conftest import Server
from support.towns import clever, lines, own_folder, quiet, write

from helpers.commands.assess import assess, report, schedule, systems
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.schedule import (
    ArmProgress,
    Clock,
    OutOfTimeError,
    Step,
    measure,
    rounds,
    together,
)
from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.core.records import DataError
from helpers.data.json_schema import derived
from helpers.evaluation.evaluator import QUESTIONS

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")

SCRIPT = "<script>alert(1)</script>"


def snapshot(*folders: Path) -> dict[str, str]:
    return {
        str(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for folder in folders
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_questions_and_examples_become_a_report_and_a_decision(serve, tmp_path):
    server = serve()
    folder, out = own_folder(tmp_path / "own", server.url), tmp_path / "out"
    held = assess.assess(folder, out, 2, quiet)
    assert held == json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert held["title"] == "Towns"
    assert held["faults"] == []
    asked = {row["arm"]: row for row in held["arms"]["questions"]}
    assert set(asked) == {
        "always refuse",
        "best sentence",
        "RAG",
        "closed book",
        "oracle context",
        "long context",
    }
    assert asked["RAG"]["share"] == 1
    assert asked["RAG"]["n"] == 17
    assert asked["closed book"]["right, of answerable"] == 0
    assert asked["closed book"]["refused, of what should be"] == 1
    labelled = {row["arm"]: row for row in held["arms"]["examples"]}
    assert list(labelled) == [
        "majority label",
        "nearest neighbour",
        "classifier",
        "few-shot",
        "retrieved examples",
        "zero-shot",
    ]
    assert labelled["nearest neighbour"]["share"] == 1
    assert labelled["classifier"]["share"] == 1
    assert labelled["retrieved examples"]["share"] == 1
    assert "; no model: nearest neighbour 100 %" in (out / "report.md").read_text("utf-8")
    assert labelled["few-shot"]["share"] == 1
    assert labelled["zero-shot"]["share"] == 0
    assert held["folder"]["split"]["test"] == labelled["few-shot"]["n"]
    found = {row["name"]: row for row in held["evidence"]}
    assert found["RAG"]["whose"] == "yours"
    assert found["RAG"]["value"] == 1
    assert found["RAG"]["n"] == 12
    assert found["tuned"]["whose"] == "not measured"
    assert held["requirements"]["labelled_examples"] == {
        "value": 45.0,
        "source": "seen in the folder",
    }
    assert held["requirements"]["cost_wrong"]["source"] == "assumed"
    assert held["attribution"]["RAG"]
    assert held["search"][0]["search"] == "bm25"
    assert held["skipped"] == []
    assert held["decision"]["answer"]
    assert held["decision"]["flips"]
    assert held["minutes_used"] < 2
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "# Towns" in (out / "report.md").read_text(encoding="utf-8")


def test_one_kind_of_data_alone_is_enough(serve, tmp_path):
    server = serve()
    examples = assess.assess(
        own_folder(tmp_path / "a", server.url, questions=False), tmp_path / "a-out", 2, quiet
    )
    assert set(examples["arms"]) == {"examples"}
    assert examples["requirements"]["lookup_share"] == {
        "value": 0.0,
        "source": "seen in the folder",
    }
    questions = assess.assess(
        own_folder(tmp_path / "q", server.url, examples=False), tmp_path / "q-out", 2, quiet
    )
    assert set(questions["arms"]) == {"questions"}
    assert questions["requirements"]["lookup_share"]["value"] == 1.0


def test_nothing_outside_out_is_written_and_no_text_can_run(serve, tmp_path, monkeypatch):
    server = serve(lambda body, n: (200, f"{SCRIPT} ![x](http://evil)", {}))
    folder = own_folder(tmp_path / "own", server.url)
    write(folder / "documents" / "<img src=x onerror=alert(1)>.pdf", "no pdf")
    write(
        folder / "documents" / "evil.md",
        f"# {SCRIPT}\n\nThe library of Evil lends {SCRIPT} books.\n",
    )
    with (folder / "questions.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            lines(
                {
                    "id": SCRIPT,
                    "question": f"{SCRIPT} lends?",
                    "answers": ["x"],
                    "evidence": [{"doc": SCRIPT, "quote": SCRIPT}],
                },
                {"id": 7},
            )
        )
    (folder / "assess.toml").write_text(
        (folder / "assess.toml")
        .read_text(encoding="utf-8")
        .replace("Towns", "</title><script>1</script>"),
        encoding="utf-8",
    )
    home = tmp_path / "home"
    home.mkdir()
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home))
    before, out = snapshot(folder), tmp_path / "out"
    held = assess.assess(folder, out, 2, quiet)
    assert snapshot(folder) == before
    assert snapshot(home) == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "out", "own"]
    page, markdown = (
        (out / name).read_text(encoding="utf-8") for name in ("report.html", "report.md")
    )
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(http", markdown)
    assert r"\<script\>" in markdown
    assert {(f["file"], f["line"]) for f in held["faults"]} >= {
        ("documents/<img src=x onerror=alert(1)>.pdf", None),
        ("questions.jsonl", 18),
        ("questions.jsonl", 19),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(the result of a run that nothing stopped, how many times it asked)."""
    home, server = tmp_path_factory.mktemp("whole"), Server(clever)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_MY_WORK", str(home / "my_work"))
        expected = assess.assess(own_folder(home / "own", server.url), home / "out", 2, quiet)
    server.close()
    return expected, len(server.asked)


@pytest.mark.usefixtures("real_vectors")
def test_stopped_anywhere_it_goes_on_and_asks_nothing_twice(serve, tmp_path, whole):
    expected, questions = whole
    stop_after = 25

    def stopping(body, n):
        if n == stop_after:
            raise_in_main.set()
        return clever(body, n)

    raise_in_main = threading.Event()
    server = serve(stopping)
    folder, out = own_folder(tmp_path / "own", server.url), tmp_path / "out"

    def said(text):
        if raise_in_main.is_set():
            raise_in_main.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assess.assess(folder, out, 2, said)
    assert not (out / "report.json").exists()
    assert (out / assess.MARK).exists()
    held = assess.assess(folder, out, 2, quiet)
    for kind in ("questions", "examples"):
        assert [(r["arm"], r["share"], r["n"]) for r in held["arms"][kind]] == [
            (r["arm"], r["share"], r["n"]) for r in expected["arms"][kind]
        ]
    assert len(server.asked) == questions, "what was answered before the stop is kept"
    assert held["decision"]["answer"] == expected["decision"]["answer"]
    asked = len(server.asked)
    again = assess.assess(folder, out, 2, quiet)
    assert len(server.asked) == asked
    assert again["arms"] == held["arms"]


@pytest.mark.usefixtures("real_vectors")
@pytest.mark.parametrize("after", [3, 30])
def test_killed_anywhere_it_ends_in_the_same_tables(serve, tmp_path, whole, after):
    expected, questions = whole
    reached = threading.Event()

    def dawdling(body, n):
        if n >= after:
            reached.set()
            time.sleep(0.3)
        return clever(body, n)

    server = serve(dawdling)
    folder, out = own_folder(tmp_path / "own", server.url), tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.commands.assess", str(folder), "--out", str(out)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert reached.wait(300)  # a hang, not a slow machine
    process.kill()
    process.wait()
    assert not (out / "report.json").exists()
    after = 10_000  # from here on it answers at once
    held = assess.assess(folder, out, 2, quiet)
    assert {
        kind: [(r["arm"], r["share"], r["n"]) for r in rows] for kind, rows in held["arms"].items()
    } == {
        kind: [(r["arm"], r["share"], r["n"]) for r in rows]
        for kind, rows in expected["arms"].items()
    }
    assert len(server.asked) <= questions + schedule.NEXT - schedule.FIRST[-1], (
        "at most the cases of one round of one arm are asked twice"
    )


def test_a_slow_model_ends_in_time_and_the_report_says_what_is_missing(serve, tmp_path):
    def slow(body, n):
        time.sleep(0.4)
        return clever(body, n)

    server, begun = serve(slow), time.monotonic()
    # 9 seconds; all of it would take 30
    held = assess.assess(own_folder(tmp_path / "own", server.url), tmp_path / "out", 0.15, quiet)
    assert time.monotonic() - begun < 1.2 * 9 + 3, (
        "the report itself takes a second or two on a busy machine"
    )
    assert held["skipped"]
    assert held["more_minutes"] >= 1
    assert held["decision"]["answer"]
    first = [row["n"] for row in held["arms"]["questions"]]
    assert min(first) >= 2
    assert max(first) <= 17


@pytest.mark.parametrize(("asked", "told"), [(256, []), (1000, ["1,000"])])
def test_passages_that_the_embedder_does_not_read_whole_draw_a_line(
    tmp_path, monkeypatch, asked, told
):
    folder = own_folder(tmp_path / "own", "http://127.0.0.1:1")
    write(folder / "assess.toml", f'[search]\nretriever = "dense"\nchunk_tokens = {asked}\n')
    embedder = types.SimpleNamespace(max_seq_length=256)
    monkeypatch.setattr("helpers.models.load.load_embedder", lambda: embedder)
    monkeypatch.setattr("helpers.retrieval.embedding.embed_cached", lambda texts: None)
    index = types.SimpleNamespace(searched=lambda stem, weight: (stem, weight))
    monkeypatch.setattr("helpers.retrieval.index.index_chunks", lambda chunks, say: index)
    made = systems.Systems(
        read_user_folder(folder), Clock(1), ArmProgress(tmp_path / "p.json", {}), quiet
    )
    assert made.index == (True, systems.LEXICAL_WEIGHT), "meaning and stems, weighed together"
    assert [note.split()[2] for note in made.notes if "the embedder reads" in note] == told


def test_a_table_that_is_cut_keeps_the_names_of_its_columns(tmp_path):
    folder = own_folder(tmp_path / "own", "http://127.0.0.1:1")
    rows = "".join(f"| thing {i} | {100 + i} |\n" for i in range(80))
    write(folder / "documents" / "prices.md", f"| Item | Euros |\n| --- | --- |\n{rows}")
    made = systems.Systems(
        read_user_folder(folder), Clock(1), ArmProgress(tmp_path / "p.json", {}), quiet
    )
    made.__dict__["retriever"] = "bm25"
    (found,) = made.index.search("thing 79", ["everybody"], dt.date.today(), 1, "bm25")
    assert found.title == "prices (Item | Euros)"


def test_a_broken_arm_is_named_and_the_others_go_on(serve, tmp_path):
    server = serve(
        lambda body, n: (
            (404, b"no such model", {})
            if "Context:" in body["messages"][-1]["content"]
            else clever(body, n)
        )
    )
    held = assess.assess(own_folder(tmp_path / "own", server.url), tmp_path / "out", 2, quiet)
    broken = {one["name"]: one["reason"] for one in held["skipped"]}
    assert set(broken) == {"RAG", "oracle context", "long context"}
    assert "404" in broken["RAG"]
    assert {row["arm"] for row in held["arms"]["questions"]} == {
        "always refuse",
        "best sentence",
        "closed book",
    }
    assert held["more_minutes"] is None


def test_out_is_never_somebody_elses_folder(tmp_path):
    folder = own_folder(tmp_path / "own")
    write(tmp_path / "mine" / "thesis.txt", "years of work")
    for out in (folder, folder / "documents" / "x", tmp_path / "mine", tmp_path):
        with pytest.raises(DataError, match="--out"):
            assess.refuse_out(folder, out)
    assess.refuse_out(folder, tmp_path / "new")
    assert assess.default_out(folder) != assess.default_out(own_folder(tmp_path / "x" / "own"))


def test_the_command_prints_json_and_nothing_else(serve, tmp_path, capsys):
    server = serve()
    folder = own_folder(tmp_path / "own", server.url, examples=False)
    assert (
        assess.main([str(folder), "--out", str(tmp_path / "out"), "--minutes", "1", "--json"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["decision"]["answer"]
    assert assess.main([str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert assess.main(["--example", str(tmp_path / "example")]) == 0
    assert read_user_folder(tmp_path / "example").faults == ()
    write(folder / "assess.toml", '[endpoint]\nurl = "https://example.com/v1"\nmodel = "m"\n')
    assert assess.main([str(folder), "--out", str(tmp_path / "out2")]) == 2
    assert "nothing was sent" in capsys.readouterr().err


def test_folders_at_the_edge_still_give_a_report(serve, tmp_path):
    server = serve()
    alone = own_folder(tmp_path / "alone", server.url, examples=False)
    shutil.rmtree(alone / "documents")
    held = assess.assess(alone, tmp_path / "alone-out", 1, quiet)
    assert {row["arm"] for row in held["arms"]["questions"]} == {"always refuse", "closed book"}
    assert len(held["faults"]) == 12
    assert held["search"] is None
    refused = own_folder(tmp_path / "refused", server.url)
    write(
        refused / "questions.jsonl", lines({"question": "Who is the mayor of Holt?", "answers": []})
    )
    write(
        refused / "examples.jsonl",
        lines(*({"input": f"text {i}", "output": {"fields": i}} for i in range(4))),
    )
    held = assess.assess(refused, tmp_path / "refused-out", 1, quiet)
    assert held["folder"]["questions"] == 1
    assert "examples" not in held["arms"]
    assert any("rename it" in note for note in held["folder"]["notes"])
    assert held["decision"]["answer"]
    few = own_folder(tmp_path / "few", server.url, questions=False)
    write(few / "examples.jsonl", lines({"input": "a", "output": "b"}))
    assert any(
        "too few" in note
        for note in assess.assess(few, tmp_path / "few-out", 1, quiet)["folder"]["notes"]
    )


def test_the_front_door_hands_over_whole_paths(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "door", Path(__file__).resolve().parents[2] / "workbook.py"
    )
    door = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(door)
    called = []
    monkeypatch.setattr(door, "set_up", lambda extra: Path("python"))
    monkeypatch.setattr(door, "call", lambda python, *words, **more: called.append(words) or 0)
    monkeypatch.chdir(tmp_path)
    assert door.main(["assess", "own", "--out", "report", "--minutes", "3", "--json"]) == 0
    assert door.main(["assess", "--example", "new"]) == 0
    assert called[0][2:] == (
        str(tmp_path / "own"),
        "--out",
        str(tmp_path / "report"),
        "--minutes",
        "3.0",
        "--json",
    )
    assert called[1][2:] == (str(tmp_path / "new"), "--example")


# --- the plan -------------------------------------------------------------------------------------


def cases_of(n: int) -> list[Case]:
    return [Case(Ask(f"c{i:03d}", "why?"), Gold(("x",)), "k", f"f{i}", "test") for i in range(n)]


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    return ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}, "pace": {}})


def step(name: str, n: int, seconds: float = 0.0, **more) -> Step:
    def answer(asks):
        for ask in asks:
            time.sleep(seconds)
            yield Prediction(ask.id, "x")

    return Step(name, "", cases_of(n), QUESTIONS, lambda: Arm(name, answer, name), **more)


def test_every_arm_sees_the_same_first_cases_before_any_sees_more(progress):
    told = []
    tables, _, skipped = measure(
        [step("a", 70), step("b", 70), step("c", 8)], Clock(1), progress, told.append
    )
    assert list(rounds(70)) == [(0, 2), (2, 8), (8, 32), (32, 64), (64, 70)]
    assert skipped == []
    assert [line.split("  ")[-1].split(":")[0] for line in told] == ["a", "b", "c"] * 2 + [
        "a",
        "b",
    ] * 3
    assert {name: len(table) for name, table in tables.items()} == {
        "a": 70,
        "b": 70,
        "c": 8,
    }
    assert list(together(tables["a"], tables["c"])[0]["id"]) == list(tables["c"]["id"])


def test_an_arm_that_must_be_trained_waits_until_the_others_have_shown_their_pace(progress):
    told = []
    tables, _, _ = measure(
        [step("tuned", 20, trained=True), step("a", 40)], Clock(1), progress, told.append
    )
    assert [line.split("  ")[-1].split(":")[0] for line in told] == [
        "a",
        "tuned",
        "tuned",
        "a",
        "tuned",
        "a",
        "a",
    ]
    assert len(tables["tuned"]) == 20


def test_training_that_takes_longer_than_its_part_is_stopped_and_the_others_go_on(progress):
    clock = Clock(0.1)

    def train():
        while True:
            time.sleep(0.01)
            clock.check_training(1, 2, "training")

    endless = Step(
        "tuned", "", cases_of(8), QUESTIONS, train, prepare_seconds=lambda: 0.1, trained=True
    )
    tables, _, skipped = measure([endless, step("a", 40)], clock, progress, print)
    assert len(tables["a"]) == 40
    assert [one.name for one in skipped] == ["tuned"]
    assert "part of the minutes" in skipped[0].reason
    assert clock.used < 3


def test_what_would_not_end_in_time_is_not_begun_and_cheaper_work_goes_on(progress):
    clock = Clock(0.05)  # 3 seconds
    begun = []
    dear = step("training", 8, prepare_seconds=lambda: 60.0)
    tables, _, skipped = measure(
        [dear, step("slow", 64, 0.1), step("quick", 64)], clock, progress, begun.append
    )
    missing = {one.name: one for one in skipped}
    assert "training" not in tables
    assert "takes about 1.2 minutes" in missing["training"].reason
    assert len(tables["slow"]) < 64
    assert len(tables["quick"]) == 64
    assert missing["slow"].seconds > 1
    assert clock.used < 3.3


def test_work_under_way_is_stopped_when_the_minutes_are_over(progress):
    clock = Clock(0.01)
    tables, _, skipped = measure([step("endless", 8, 0.5)], Clock(0.01), progress, print)
    assert tables == {}
    assert skipped[0].name == "endless"
    clock = Clock(0.02, time.monotonic() - 60)
    with pytest.raises(OutOfTimeError):
        clock.check(1, 2, "training")
    assert not issubclass(OutOfTimeError, Exception), (
        "else runs would take it for the failure of one answer"
    )


def test_progress_of_another_folder_counts_for_nothing(tmp_path):
    path = tmp_path / "progress.json"
    ArmProgress(path, {"fingerprint": "a", "done": {}}).finish("RAG/0-8", 3)
    assert ArmProgress(path, {"fingerprint": "a", "done": {}}).done("RAG/0-8")
    assert not ArmProgress(path, {"fingerprint": "b", "done": {}}).done("RAG/0-8")
    path.write_text("{half", encoding="utf-8")
    assert not ArmProgress(path, {"fingerprint": "a", "done": {}}).done("RAG/0-8")


def test_the_form_of_outputs_is_taken_from_rows():
    def case(output):
        return Case(
            Ask("i", "t"),
            Gold(answers=(output,)) if isinstance(output, str) else Gold(output=output),
            "k",
            "f",
            "train",
        )

    assert derived([case("a"), case("b")] * 3).schema == {"type": "string", "enum": ["a", "b"]}
    assert derived([case(f"text {i}") for i in range(9)]) is None
    held = derived(
        [case({"n": 1, "kind": "x", "free": f"t{i}"}) for i in range(4)]
        + [case({"n": 2.5, "kind": "y"}) for i in range(4)]
    )
    assert held.schema["properties"] == {
        "n": {"type": "number"},
        "kind": {"type": "string", "enum": ["x", "y"]},
        "free": {"type": "string"},
    }
    assert held.schema["required"] == ["n", "kind"]


# --- at scale, and on text that nobody here wrote -------------------------------------------------

HANDBOOK = (
    Path(__file__)
    .resolve()
    .parents[3]
    .joinpath("shared", "data", "handbook_sourcegraph", "content")
)
SENTENCE = re.compile(
    r"(?<=\n)([A-Z][^\n|*`\[\]<>#]{30,160}?)\b(\d{2,4})\b([^\n|*`\[\]<>#]{10,120}\.)(?=\n)"
)


def cloze(document: Path, home: Path) -> dict | None:
    """A question that a real page answers: one of its sentences with the number left out."""
    if found := SENTENCE.search(document.read_text(encoding="utf-8", errors="replace")):
        name = document.relative_to(home).as_posix()
        return {
            "id": name,
            "question": f"Which number is missing? {found[1]}___{found[3]}",
            "answers": [found[2]],
            "evidence": [{"doc": name, "quote": found[0]}],
        }
    return None


@pytest.mark.skipif(
    not HANDBOOK.is_dir(), reason="the real handbook is not beside this folder (../shared/data)"
)
def test_a_real_companys_handbook_is_assessed(serve, tmp_path):
    home = tmp_path / "own" / "documents"
    shutil.copytree(HANDBOOK, home)
    rows = [row for path in sorted(home.rglob("*.md")) if (row := cloze(path, home))][:40]
    write(tmp_path / "own" / "questions.jsonl", lines(*rows))
    server = serve(lambda body, n: (200, "12", {}))
    write(
        tmp_path / "own" / "assess.toml",
        f'[endpoint]\nurl = "{server.url}"\nmodel = "m"\n[search]\nretriever = "bm25"\n',
    )
    held = assess.assess(tmp_path / "own", tmp_path / "out", 3, quiet)
    assert held["folder"]["documents"] > 800
    assert held["folder"]["questions"] == len(rows) >= 20
    assert all(fault["message"] and fault["file"] for fault in held["faults"])
    assert held["search"][-1]["evidence found"] > 0.8, (
        "a sentence with one word left out is found by its words"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the peak of memory is asked of the system")
def test_twenty_thousand_documents_fit_into_four_gigabytes(serve, tmp_path):
    dice, home = random.Random(0), tmp_path / "own"
    vocabulary = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(20_000)]
    asked = []
    for i in range(20_000):
        words = dice.choices(vocabulary, k=400)
        write(
            home / "documents" / f"{i // 500:02d}" / f"d{i}.md",
            f"# Document {i}\n\n{' '.join(words)}\n",
        )
        if i % 1_000 == 0:
            asked.append(
                {
                    "question": f"What comes after {words[50]} {words[51]}?",
                    "answers": [words[52]],
                    "evidence": [
                        {"doc": f"{i // 500:02d}/d{i}.md", "quote": " ".join(words[50:53])}
                    ],
                }
            )
    write(home / "questions.jsonl", lines(*asked))
    server = serve(lambda body, n: (200, "unknown", {}))
    write(home / "assess.toml", f'[endpoint]\nurl = "{server.url}"\nmodel = "m"\n')
    code = (
        "import json, resource, sys; from helpers.commands.assess import assess;"
        " assess.main(sys.argv[1:]);"
        " print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home), "--out", str(tmp_path / "out"), "--minutes", "3"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    peak = int(done.stdout.splitlines()[-1]) * (1 if sys.platform == "darwin" else 1024)
    held = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert peak < 4e9
    assert held["folder"]["documents"] == 20_000
    assert held["search"][0]["search"] == "bm25"
    assert "BM25" in held["folder"]["notes"][0]


def test_the_headline_of_a_report_does_not_fall_for_two_lucky_cases():
    table = pd.DataFrame(
        {"share": [1.0, 0.6, 0.9, 0.25], "low": [0.34, 0.48, 0.8, 0.16], "n": [2, 60, 60, 60]},
        index=["reader + RAG", "RAG", "oracle context", "always refuse"],
    )
    assert report.finding(table) == "RAG 60 % of 60; no model: always refuse 25 % of 60"
    assert report.finding(table.loc[["reader + RAG"]]) == "reader + RAG 100 % of 2"
