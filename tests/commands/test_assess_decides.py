"""What an assessment may conclude: nothing from numbers of other people's data, from limits that
nobody stated, or from one slow moment; and it ends when it said."""

from __future__ import annotations

import math

import pytest
from conftest import Server
from support.towns import TOWNS, clever, lines, own_folder, quiet, write
from test_assess import cases_of, step

from helpers.commands.assess import assess, findings, practice, systems
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.schedule import ArmProgress, Clock, Step, measure
from helpers.core.cases import Arm, Prediction
from helpers.decision.findings import SHOWN
from helpers.decision.options import TUNE
from helpers.decision.readiness import NOT_YET
from helpers.evaluation.attribution import REASONS
from helpers.evaluation.evaluator import QUESTIONS
from helpers.training import time_estimate

# examples are compared by vectors: made ones do
pytestmark = pytest.mark.usefixtures("made_vectors")


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    return ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}, "pace": {}})


def wrong(body, n):
    return 200, "9,999 books", {}


def nothing(body, n):
    return 400, b"{}", {}


# --- what was not measured ------------------------------------------------------------------------


@pytest.mark.parametrize("replies", [wrong, nothing], ids=["always wrong", "broken down"])
def test_a_borrowed_number_never_meets_the_users_own(serve, tmp_path, replies):
    folder = own_folder(tmp_path / "own", serve(replies).url, examples=False)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    whose = {row["name"]: row["whose"] for row in held["evidence"]}
    assert {name for name, one in whose.items() if one == "reference"} <= set(SHOWN)


def test_facts_in_weights_are_never_an_answer(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(wrong).url, examples=False)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    assert TUNE.name not in {one["option"] for one in held["decision"]["direction"].values()}


def test_every_finding_names_its_model_and_folder(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(clever).url, examples=False)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    own = [row for row in held["evidence"] if row["whose"] == "yours"]
    assert {row["data"] for row in own} == {"own"}
    assert all(row["model"] for row in own if row["name"] not in findings.WITHOUT_MODEL)


def test_where_every_system_broke_down_nothing_is_said_of_it(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(nothing).url)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    assert held["decision"]["readiness"]["state"] in ("not with this model", NOT_YET)


def test_a_folder_that_fits_into_a_prompt_is_told_so(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(clever).url, examples=False)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    assert "fit into one prompt" in held["decision"]["in_words"]


def test_pairs_are_counted_on_the_cases_that_both_were_asked(serve, tmp_path):
    results, _ = assess.assessed(
        own_folder(tmp_path / "own", serve(clever).url), tmp_path / "out", 1, quiet
    )
    pairs = results.decision.evidence.pairs
    assert ("closed book", "RAG") in pairs
    assert all(-1 <= one.low <= one.value <= one.high <= 1 for one in pairs.values())


def test_labels_that_contradict_each_other_are_settled_before_anything_else(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(clever).url, questions=False)
    rows = [
        {"input": f"Message {i // 2}: the pump leaks", "output": "fault"} for i in range(0, 80, 2)
    ]
    twice = [rows[at] | {"output": "billing"} for at in range(8)]
    write(folder / "examples.jsonl", lines(*rows, *twice))
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    (found,) = [row for row in held["evidence"] if row["name"] == "contradicting labels"]
    assert (found["value"], found["n"], found["whose"]) == (16 / 48, 48, "yours")
    assert "Three in ten labels contradict each other" in held["decision"]["in_words"]


def test_labels_without_contradictions_are_not_mentioned(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(clever).url, questions=False)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    assert "contradict each other" not in held["decision"]["in_words"]


def test_more_cases_than_there_are_is_said(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(wrong).url, examples=False)
    (folder / "questions.jsonl").write_text(
        (folder / "questions.jsonl").read_text(encoding="utf-8").split("\n")[0] + "\n",
        encoding="utf-8",
    )
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    step, ready = held["decision"]["next"], held["decision"]["readiness"]
    asks = max(step["n_both"] or 0, ready["more_cases"] or 0) > 1
    assert ("write or label more" in held["decision"]["in_words"]) is asks


@pytest.fixture(scope="module")
def lost_and_unread(tmp_path_factory):
    """(report.json, report.md) where one question finds nothing of its evidence, and every answer
    is wrong."""
    home, server = tmp_path_factory.mktemp("both"), Server(wrong)
    folder = own_folder(home / "own", server.url, examples=False)
    # the names of three other towns: a search by words finds those
    row = {
        "id": "lost",
        "question": f"Which pool do {', '.join(TOWNS[:3])} share?",
        "answers": ["31"],
        "evidence": [{"doc": f"towns/{TOWNS[-1]}.md", "quote": "lends 31 books"}],
    }
    write(folder / "questions.jsonl", lines(row))
    held = assess.assess(folder, home / "out", 1, quiet)
    server.close()
    return held, (home / "out" / "report.md").read_text(encoding="utf-8")


def test_what_search_and_reader_lose_together_is_attributed_to_both(lost_and_unread):
    held, _ = lost_and_unread
    assert [(row["cause"], row["share"]) for row in held["attribution"]["RAG"]] == [("both", 1.0)]


def test_what_is_lost_to_both_is_a_finding_of_the_users_own(lost_and_unread):
    found = {row["name"]: row for row in lost_and_unread[0]["evidence"]}["lost to both"]
    assert (found["value"], found["whose"]) == (1.0, "yours")


def test_the_report_says_what_both_means(lost_and_unread):
    assert f"both: {REASONS['both']}" in lost_and_unread[1]


def test_the_picture_of_the_report_says_both(lost_and_unread):
    assert "both 100 % (21 to 100 %)" in lost_and_unread[1]


# --- limits that nobody stated, and slow moments --------------------------------------------------


def test_a_limit_that_nobody_stated_excludes_nothing(tmp_path):
    own = read_user_folder(own_folder(tmp_path / "own"))
    r, sources = findings.requirements_of(own)
    assert r.latency_seconds == r.window_tokens == math.inf
    assert sources["latency_seconds"] == sources["window_tokens"] == "assumed"


def test_the_window_of_a_model_that_is_here_counts(tmp_path):
    own = read_user_folder(own_folder(tmp_path / "own"))
    r, sources = findings.requirements_of(own, window_tokens=8192)
    assert r.window_tokens == 8192
    assert sources["window_tokens"] == "seen in the folder"


def test_without_a_limit_the_report_can_be_written(serve, tmp_path):
    folder = own_folder(tmp_path / "own", serve(clever).url)
    held = assess.assess(folder, tmp_path / "out", 1, quiet)
    assert held["requirements"]["latency_seconds"] == {"value": None, "source": "assumed"}
    assert "no limit" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_a_stated_limit_counts(tmp_path):
    folder = own_folder(tmp_path / "own")
    (folder / "assess.toml").write_text("[requirements]\nlatency_seconds = 2\n", encoding="utf-8")
    r, sources = findings.requirements_of(read_user_folder(folder))
    assert r.latency_seconds == 2
    assert sources["latency_seconds"] == "stated"


def timed(progress, monkeypatch, seconds):
    """The waits after starts at each of which an answer took so long."""
    from helpers.evaluation import evaluator

    arm = Arm("RAG", lambda asks: iter(()), "RAG")
    table, found = evaluator.pd.DataFrame({"seconds": [0.1]}), {}
    for one in seconds:
        monkeypatch.setattr(
            evaluator, "latency", lambda arm, cases, n, one=one: {"median_seconds": one, "n": n}
        )
        steps = [step("RAG", 20)]
        found = assess._timed({"RAG": table}, {"RAG": arm}, steps, Clock(10), progress)
    return found["RAG"]


def test_one_stalled_moment_is_outvoted_by_later_starts(progress, monkeypatch):
    assert timed(progress, monkeypatch, [60.0, 0.5, 0.4]) == 0.5


def test_after_a_few_starts_nothing_is_timed_again(progress, monkeypatch):
    assert timed(progress, monkeypatch, [0.5, 0.5, 0.5, 60.0, 60.0, 60.0, 60.0]) == 0.5


def test_a_wait_is_a_median_of_at_least_five_asks(progress, monkeypatch):
    from helpers.evaluation import evaluator

    asked = []
    monkeypatch.setattr(
        evaluator, "latency", lambda arm, cases, n: asked.append(n) or {"median_seconds": 1.0}
    )
    table = evaluator.pd.DataFrame({"seconds": [0.1]})
    arms = {"RAG": Arm("RAG", lambda asks: iter(()), "RAG")}
    assert assess._timed({"RAG": table}, arms, [step("RAG", 5)], Clock(10), progress) == {}
    assess._timed({"RAG": table}, arms, [step("RAG", 6)], Clock(10), progress)
    assert min(asked) >= 5


def test_training_that_seems_too_long_is_estimated_again(progress):
    estimates = iter([1000.0, 0.0])
    again = step("tuned", 8, trained=True, prepare_seconds=lambda: next(estimates))
    tables, _, skipped = measure([again], Clock(1), progress, quiet)
    assert skipped == []
    assert len(tables["tuned"]) == 8


def test_the_second_estimate_measures_the_pace_again(progress, monkeypatch, tmp_path):
    shop = systems.Systems(
        read_user_folder(own_folder(tmp_path / "own")), Clock(1), progress, quiet
    )
    cleared = []
    monkeypatch.setattr(time_estimate.read_per_second, "cache_clear", lambda: cleared.append(1))
    monkeypatch.setattr(time_estimate, "training_seconds", lambda *_: 5.0)
    monkeypatch.setattr(practice, "adapter_there", lambda *_: False)
    monkeypatch.setattr(systems.labelled, "training_rows", lambda *_: [])
    shop.__dict__ |= {"generator": None, "task": None}
    shop._training_seconds([("a", "b")])
    assert cleared == []
    shop._training_seconds([("a", "b")])
    assert cleared == [1]


# --- the search -----------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path, monkeypatch, progress):
    """Systems of a folder, at a start of so many minutes; embedding takes a second a passage."""
    from helpers.retrieval import embedding

    def of(minutes, chunks):
        class Slow(Clock):
            passed = 0.0

            @property
            def used(self):
                return self.passed

        clock = Slow(minutes)

        def embed(texts):
            clock.passed += len(texts)

        monkeypatch.setattr(embedding, "embed", embed)
        own = read_user_folder(own_folder(tmp_path / "own"))
        monkeypatch.setattr(
            type(own), "characters", property(lambda self: int(chunks * 4 * room_of(self)))
        )
        return systems.Systems(own, clock, progress, quiet)

    return of


def room_of(own):
    return own.wishes.search.chunk_tokens - systems.OVERLAP_TOKENS


def test_a_short_start_does_not_decide_the_search_for_good(shop):
    assert shop(1, 2000).retriever == "bm25"
    assert shop(1000, 2000).retriever == "hybrid"


def test_what_was_embedded_once_stays_embedded(shop):
    assert shop(1000, 2000).retriever == "hybrid"
    assert shop(1, 2000).retriever == "hybrid"


def test_a_few_passages_are_embedded_without_a_probe(shop):
    small = shop(1, 3)
    assert small.retriever == "hybrid"
    assert small.clock.passed == 0
    assert not [note for note in small.notes if "BM25" in note]


def test_another_search_takes_back_what_was_searched(shop, progress):
    assert shop(1, 2000).retriever == "bm25"
    for unit in ("RAG/0-2", "reader + RAG/0-2", "closed book/0-2", "tuned, 16 rows/0-2"):
        progress.finish(unit, 1.0)
    assert shop(1000, 2000).retriever == "hybrid"
    assert set(progress["done"]) == {"closed book/0-2", "tuned, 16 rows/0-2"}


# --- the minutes ----------------------------------------------------------------------------------


class Ticking(Clock):
    """A clock that moves only when somebody works."""

    passed = 0.0

    @property
    def used(self):
        return self.passed


def test_a_model_is_not_loaded_for_the_last_seconds(progress):
    clock, loaded = Ticking(1), []
    clock.passed = clock.left - 4

    def make():
        loaded.append(1)
        return step("x", 1).make()

    dear = Step("closed book", "", cases_of(2), QUESTIONS, make, loading_seconds=lambda: 5.0)
    _, _, skipped = measure([dear], clock, progress, quiet)
    assert loaded == []
    assert [one.name for one in skipped] == ["closed book"]


def test_nothing_is_begun_after_the_end_not_even_what_is_free(progress):
    clock = Ticking(1)
    clock.passed = 60.0
    free = step("best sentence", 4, free=True)
    tables, _, skipped = measure([free], clock, progress, quiet)
    assert tables == {}
    assert [one.name for one in skipped] == ["best sentence"]


@pytest.mark.parametrize("ask_seconds", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("minutes", [0.3, 1, 5])
def test_the_minutes_are_kept_within_a_tenth_and_one_ask(progress, minutes, ask_seconds):
    clock = Ticking(minutes)

    def working(name):
        def answer(asks):
            for ask in asks:
                clock.passed += ask_seconds
                yield Prediction(ask.id, "x")

        return Step(
            name,
            "",
            cases_of(400),
            QUESTIONS,
            lambda: Arm(name, answer, f"{name}{minutes}{ask_seconds}"),
        )

    measure([working("a"), working("b"), working("c")], clock, progress, quiet)
    assert clock.used <= 60 * minutes * 1.1 + ask_seconds
