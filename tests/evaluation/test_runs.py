"""Does a run survive a killed process, a full disk, a poisoned ask? And is a kept answer ever taken
for that of another system?"""

from __future__ import annotations

import dataclasses
import datetime as dt
import errno
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from helpers.core import settings
from helpers.core.cases import Arm, Ask, Case, Gold, Prediction
from helpers.core.fingerprint import key_of
from helpers.evaluation import runs
from helpers.evaluation.evaluator import QUESTIONS, evaluate


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of this test's own; no weights are needed here."""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def asks(n=200):
    return [
        Ask(f"q{i}", "How many? " * (1 + i % 7), ("staff",), dt.date(2026, 3, 2)) for i in range(n)
    ]


def echo(log, fingerprint="1", text=lambda ask: f"to {ask.id}"):
    """An arm that notes what it was asked."""

    def answer(batch):
        for ask in batch:
            log.append(ask.id)
            yield Prediction(ask.id, text(ask))

    return Arm("echo", answer, fingerprint)


def kept(cache):
    """Batch files by number: the ids in each."""
    files = sorted((cache / "results").glob("*/[0-9][0-9][0-9][0-9].jsonl"))
    return {
        file: [
            json.loads(line)["id"]
            for line in (
                file.read_text(encoding="utf-8", errors="surrogatepass")
                .removesuffix("\n")
                .split("\n")
            )
        ]
        for file in files
    }


# --- killed ---------------------------------------------------------------------------------------

SLOW = """
import os, sys, time
from helpers.evaluation import QUESTIONS, evaluate
from helpers.core.cases import Arm, Ask, Case, Citation, Evidence, Gold, Passage, Prediction

log, true_sync = open(sys.argv[1], "a", buffering=1), os.fsync
# a slow disk: a file is half-written for long enough to be killed in it
os.fsync = lambda handle: (time.sleep(0.05), true_sync(handle))

def slow(asks):
    started = time.perf_counter()
    for ask in asks:
        print(ask.id, file=log)
        time.sleep(0.003)
        number = int(ask.id[1:])
        context = (Passage("d", "T", 0, 7, f"{number} days\\u2028\\x85 “more” é", number / 7),)
        answer = f"{number - number % 3} days [1]"
        cited = (Citation(1, "d", f"{number} days", "model"),)
        seconds = time.perf_counter() - started
        yield Prediction(ask.id, answer, context, cited, number, 3, seconds)

def case(i):
    ask = Ask(f"q{i}", "How many? " * (1 + i % 7))
    gold = Gold((f"{i} days",), (Evidence("d", f"{i} days", 0, 6),))
    return Case(ask, gold, "single", f"f{i}", "dev")

cases = [case(i) for i in range(200)]
table = evaluate(Arm("slow", slow, "1"), cases, QUESTIONS)
sys.stdout.write(table.drop(columns="seconds").to_csv())
"""


def start(cache, log):
    env = {
        **os.environ,
        "WORKBOOK_CACHE": str(cache),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(log)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def finish(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert said.count(b"\n") >= 201
    return said


def asked(log):
    return log.read_text().split() if log.exists() else []


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return finish(start(folder / "cache", folder / "log"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_ten_kills_change_nothing_and_lose_no_finished_batch(tmp_path, uninterrupted):
    """Half of the kills come after a random number of asks, half while a batch is being written;
    the moments are seeded, not timed."""
    dice, cache, halves, finished = random.Random(1), tmp_path / "cache", 0, {}
    for number in range(11):
        log, before = tmp_path / f"log{number}", kept(cache)
        assert before.keys() >= finished.keys(), "a finished batch was lost"
        finished, process, patience = before, start(cache, log), time.monotonic() + 120
        if number == 10:
            table = finish(process)
        else:
            left = 200 - sum(map(len, before.values()))
            wanted, writing = dice.randrange(1, min(64, left // 2)), number % 2
            while process.poll() is None and time.monotonic() < patience:
                if len(asked(log)) >= wanted and (
                    not writing or any(cache.glob("results/*/.[0-9]*.jsonl.*"))
                ):
                    break
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            assert process.wait(60) == -signal.SIGKILL, "killed before it was done"
            process.stdout.close()
            half_written = list(cache.glob("results/*/.[0-9]*.jsonl.*"))
            halves += len(half_written)
            for file in half_written:
                # so that the next one is noticed; the content stays in the folder
                file.rename(file.with_name(f"litter-{number}-{file.name}"))
        again = set(asked(log)) & {id for ids in finished.values() for id in ids}
        assert not again, f"kept, and asked again: {sorted(again)}"
    assert table == uninterrupted, (halves, len(finished))
    assert halves >= 3, (halves, len(finished))
    assert len(finished) >= 3, (halves, len(finished))
    assert sorted(id for ids in kept(cache).values() for id in ids) == sorted(
        f"q{i}" for i in range(200)
    )


@pytest.mark.slow
def test_two_processes_at_once_give_the_same_table(tmp_path, uninterrupted):
    both = [start(tmp_path / "cache", tmp_path / f"log{i}") for i in range(2)]
    assert [finish(process) for process in both] == [uninterrupted] * 2
    assert finish(start(tmp_path / "cache", tmp_path / "log2")) == uninterrupted
    assert asked(tmp_path / "log2") == []
    assert not list(tmp_path.glob("cache/results/*/*.jsonl.*"))
    assert len(list(tmp_path.glob("cache/results/*"))) == 1


def test_an_interrupt_passes_and_finished_batches_stay(cache):
    log, pressed, whole = [], [], runs.run(echo([]), asks(), keep=False)

    def stops(batch):
        for ask in batch:
            if len(log) == 80 and not pressed:  # once: whoever swallows it goes on to the end
                pressed.append(True)
                raise KeyboardInterrupt
            log.append(ask.id)
            yield Prediction(ask.id, f"to {ask.id}")

    with pytest.raises(KeyboardInterrupt):
        runs.run(Arm("echo", stops, "1"), asks())
    assert sum(map(len, kept(cache).values())) == 64, "two batches of 32; nothing of the third"
    second = []
    assert runs.run(echo(second), asks()) == whole
    assert len(second) == 200 - 64
    assert not set(second) & set(log[:64])


# --- what is on disk ------------------------------------------------------------------------------

GARBLED = {
    "cut in a line": lambda b: b[: len(b) // 2],
    "cut at a line": lambda b: b[: b.rfind(b"\n", 0, -1) + 1],
    "first line gone": lambda b: b.split(b"\n", 1)[1],
    "empty": lambda b: b"",
    "a line end": lambda b: b"\n",
    "zeros, as after a power cut": lambda b: bytes(len(b)),
    "not UTF-8": lambda b: b.replace(b"to q", b"\xff\xfe\xff", 1),
    "a number": lambda b: b"3\n",
    "nothing": lambda b: b"null\n" * 32,
    "a list": lambda b: b"[]\n" * 32,
    "a text": lambda b: b'"q1"\n' * 32,
    "deep": lambda b: b"[" * 100_000,
    "no context": lambda b: b.replace(b'"context": [], ', b"", 1),
    "a wrong context": lambda b: b.replace(b'"context": []', b'"context": [3]', 1),
    "an unknown field": lambda b: b.replace(b'"context"', b'"colour": 1, "context"', 1),
    "another id": lambda b: b.replace(b'"id": "q', b'"id": "z', 1),
    "one twice, one gone": lambda b: b"\n".join([b.split(b"\n")[0], *b.split(b"\n")[:31]]) + b"\n",
    "somebody else's batch": lambda b: b.replace(b'"id": "q', b'"id": "p'),
}


@pytest.mark.parametrize("change", GARBLED.values(), ids=GARBLED)
def test_a_batch_that_is_not_whole_is_run_again(cache, change):
    whole = runs.run(echo([]), asks(64))
    spoilt = list(kept(cache))[1]
    ids, good = kept(cache)[spoilt], spoilt.read_bytes()
    spoilt.write_bytes(change(good))
    assert spoilt.read_bytes() != good
    log = []
    assert runs.run(echo(log), asks(64)) == whole
    assert log == ids, "asked again, that batch only, and kept whole"
    assert spoilt.read_bytes() == good, "asked again, that batch only, and kept whole"


def test_any_text_comes_back_as_it_was(cache):
    odd = [
        "",
        "\u2028\u2029\x85\x0b\x0c\x1c",
        "\r\n",
        "\r",
        '"\\',
        "\ud800",
        "a\udfff",
        "\x00",
        "😀",
        "NaN",
        "e\u0301",
        "\ufeff",
        " " * 3,
        "x" * 100_000,
    ]
    log, text = [], lambda ask: odd[int(ask.id[1:])]
    first = runs.run(echo(log, text=text), asks(len(odd)))
    again = runs.run(echo(log, text=text), asks(len(odd)))
    assert first == again
    assert [first[f"q{i}"].text for i in range(len(odd))] == odd
    assert len(log) == len(odd), "kept, even half a surrogate pair"


def test_another_system_or_another_question_never_reads_it(cache):
    runs.run(echo([]), asks(40))
    here = asks(40)
    others = {
        "fingerprint": (echo(log := [], "2"), here, log),
        "name": (dataclasses.replace(echo(log := []), name="other"), here, log),
        "text": (echo(log := []), [dataclasses.replace(here[0], input="How few?"), *here[1:]], log),
        "groups": (
            echo(log := []),
            [dataclasses.replace(here[0], groups=("guest",)), *here[1:]],
            log,
        ),
        "date": (
            echo(log := []),
            [dataclasses.replace(here[0], as_of=dt.date(2026, 3, 3)), *here[1:]],
            log,
        ),
        "fewer": (echo(log := []), here[:-1], log),
    }
    for what, (arm, these, log) in others.items():
        runs.run(arm, these)
        assert len(log) == len(these), what
    runs.run(echo(log := []), here[::-1])
    assert log == [], "the order of the asks is no difference"
    runs.run(echo(log := []), here, keep=False)
    assert len(log) == 40


def test_batches_follow_from_the_whole_list():
    plan = runs.plan(asks())
    assert [len(batch) for batch in plan] == [32] * 6 + [8]
    assert plan == runs.plan(asks()[::-1])
    lengths = [len(ask.input) for batch in plan for ask in batch]
    assert lengths == sorted(lengths, reverse=True), "longest first, like with like"


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name"), [(os, "fsync"), (Path, "replace"), (settings, "cache_folder")]
)
def test_a_full_disk_costs_the_keeping_not_the_run(cache, monkeypatch, module, name):
    cases = [Case(ask, Gold(("17",)), "single", ask.id, "dev") for ask in asks(70)]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, full)
        with pytest.warns(
            UserWarning, match=r"results cannot be saved .*No space left.*the run continues"
        ):
            table = evaluate(echo(log := []), cases, QUESTIONS)
    assert len(table) == 70 == len(log)
    assert table["error"].isna().all()
    assert table["answer"].iloc[3] == "to q3"
    assert kept(cache) == {}, "nothing half-written stays"
    assert not list(cache.glob("results/*/*.jsonl*")), "nothing half-written stays"
    assert evaluate(echo(log := []), cases, QUESTIONS).equals(table)
    assert len(log) == 70
    assert evaluate(echo(log := []), cases, QUESTIONS).equals(table)
    assert log == []


# --- what goes wrong in an arm --------------------------------------------------------------------


class CustomError(Exception):
    pass


def poisoned(log, bad):
    def answer(batch):
        log.extend(ask.id for ask in batch)
        for ask in batch:
            if ask.id in bad:
                raise CustomError(f"cannot read {ask.id}")
            yield Prediction(ask.id, f"to {ask.id}")

    return Arm("echo", answer, "1")


def test_one_poisoned_ask_fails_alone(cache):
    found = runs.run(poisoned(log := [], {"q7"}), asks())
    assert {id: p.error for id, p in found.items() if p.error} == {
        "q7": "CustomError: cannot read q7"
    }
    assert found["q7"].text == ""
    assert len(found) == 200
    assert all(p.text == f"to {id}" for id, p in found.items() if id != "q7")
    (its_batch,) = (
        [ask.id for ask in batch]
        for batch in runs.plan(asks())
        if any(ask.id == "q7" for ask in batch)
    )
    assert not any("q7" in ids for ids in kept(cache).values())
    assert len(kept(cache)) == 6
    second = runs.run(echo(log := []), asks())
    assert sorted(log) == sorted(its_batch), (
        "the batch of the failed one is tried again, and nothing else"
    )
    assert second["q7"].text == "to q7"
    assert len(kept(cache)) == 7


def test_an_arm_that_always_fails_raises_what_it_raised(cache):
    with pytest.raises(CustomError, match="cannot read"):
        runs.run(poisoned(log := [], {ask.id for ask in asks()}), asks())
    assert len(set(log)) == 32, "it is not asked 200 times before it says so"
    assert kept(cache) == {}, "it is not asked 200 times before it says so"
    runs.run(echo([]), asks())
    for file in list(kept(cache))[1:]:
        file.unlink()
    late = runs.run(poisoned([], {ask.id for ask in asks()}), asks())
    assert sum(bool(p.error) for p in late.values()) == 168, (
        "something was answered before: the table is shown, errors and all"
    )


def test_silence_is_an_error_in_the_row(cache):
    found = runs.run(Arm("mute", lambda batch: None, "1"), asks(3))
    assert [p.error for p in found.values()] == [runs.NO_PREDICTION] * 3
    assert kept(cache) == {}


def test_asks_must_differ_and_must_be_there(cache):
    with pytest.raises(
        ValueError, match=r"two of the 4 cases have the same id; every case needs its own"
    ):
        runs.run(echo([]), [*asks(3), asks(1)[0]])
    with pytest.raises(
        ValueError, match=r"there are no cases to ask 'echo'; look at the list of cases"
    ):
        evaluate(echo([]), [], QUESTIONS)
    assert runs.run(echo([]), []) == {}


# --- which system was it? -------------------------------------------------------------------------


def made(source, name="answer", module="__main__", **values):
    """A function as a learner would have written it in a notebook, with these globals."""
    values["__name__"] = module
    exec(compile(source, "<cell>", "exec", dont_inherit=True), values)
    return values[name]


PLAIN = (
    "def helper(x):\n    return x + 1\ndef answer(asks):\n    return [TEXT +"
    " str(helper(len(a.input))) for a in asks if a.id in {'q1', 'q2', 'q3', 'q4'}]"
)


def test_the_same_text_has_the_same_key():
    key = key_of(made(PLAIN, TEXT="a"))
    assert key, "wherever it stands"
    assert key == key_of(made(PLAIN, TEXT="a")) == key_of(made("\n\n" + PLAIN, TEXT="a")), (
        "wherever it stands"
    )
    used = made(PLAIN, TEXT="a")
    for _ in range(3_000):
        used(asks(2))
    assert key_of(used) == key, "Python rewrites a function that runs often; that is no change"


@pytest.mark.slow
def test_the_key_is_the_same_tomorrow():
    """Another process orders its sets in another way."""
    script = (
        "from helpers.core.fingerprint import key_of\nimport math\nspace ="
        f" dict(__name__='__main__', TEXT='a', math=math)\nexec({PLAIN!r},"
        " space)\nprint(key_of(space['answer']))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in "123"
    }
    assert keys == {key_of(made(PLAIN, TEXT="a")) + "\n"}


CHANGED = {
    "constant": (PLAIN.replace("'q4'", "'q5'"), {"TEXT": "a"}),
    "global": (PLAIN, {"TEXT": "b"}),
    "kind of a global": (PLAIN.replace("TEXT +", "str(TEXT) +"), {"TEXT": b"a"}),
    "helper": (PLAIN.replace("x + 1", "x + 2"), {"TEXT": "a"}),
    "operation of a helper": (PLAIN.replace("x + 1", "x - 1"), {"TEXT": "a"}),
    "attribute": (PLAIN.replace("a.input", "a.id"), {"TEXT": "a"}),
    "default": (PLAIN.replace("helper(x)", "helper(x, y=1)"), {"TEXT": "a"}),
    "another default": (PLAIN.replace("helper(x)", "helper(x, y=2)"), {"TEXT": "a"}),
    "keyword default": (PLAIN.replace("helper(x)", "helper(x, *, y=2)"), {"TEXT": "a"}),
    "import": (PLAIN.replace("    return x", "    import math\n    return x"), {"TEXT": "a"}),
    "another import": (
        PLAIN.replace("    return x", "    import cmath\n    return x"),
        {"TEXT": "a"},
    ),
}


def test_a_change_of_anything_it_uses_is_another_key():
    keys = {what: key_of(made(source, **values)) for what, (source, values) in CHANGED.items()} | {
        "as it was": key_of(made(PLAIN, TEXT="a"))
    }
    assert all(keys.values()), keys
    assert len(set(keys.values())) == len(keys), keys


@dataclasses.dataclass(frozen=True)
class Named:
    fingerprint: str


def closure(value):
    def answer(asks):
        return value

    return answer


def test_what_a_function_closes_over_shapes_it():
    values = [
        1,
        2,
        1.0,
        True,
        "1",
        b"1",
        None,
        (1,),
        [1],
        {1},
        {"a": 1},
        {"a": 2},
        {"b": 1},
        frozenset({1}),
        range(3),
        dt.date(2026, 3, 2),
        Named("x"),
        Named("y"),
        len,
        json,
        math_of("sqrt"),
        math_of("cos"),
        closure(1),
        closure(2),
        functools.partial(max, 1),
        functools.partial(max, 2),
        asks(1)[0],
        asks(2)[1],
        {"a": "17"}.get,
        {"a": "18"}.get,
        "a".join,
        "b".join,
        int,
        Ask,
    ]
    keys = [key_of(closure(value)) for value in values]
    assert None not in keys, [v for v, k in zip(values, keys, strict=True) if keys.count(k) > 1]
    assert len(set(keys)) == len(keys), [
        v for v, k in zip(values, keys, strict=True) if keys.count(k) > 1
    ]
    assert keys == [key_of(closure(value)) for value in values]


def math_of(name):
    import math

    return getattr(math, name)


def test_a_function_that_calls_itself_has_a_key():
    down = "def answer(x):\n    return x and answer(x - 1)"
    assert key_of(made(down)) == key_of(made(down)) != key_of(made(down.replace("- 1", "- 2")))
    assert key_of(
        made(
            "def even(x):\n    return not x or odd(x - 1)\ndef odd(x):\n    return x and even(x -"
            " 1)\nanswer = even"
        )
    )


def test_what_cannot_be_named_has_no_key(tmp_path, monkeypatch):
    own_class = (
        "class Mine:\n    def say(self): return 1\ndef answer(asks):\n    return Mine().say()"
    )
    own_record = (
        "import dataclasses\n@dataclasses.dataclass\nclass Mine:\n    x: int\n    def say(self):"
        " return self.x\nmine = Mine(1)\ndef answer(asks):\n    return mine.say()"
    )
    assert key_of(made(own_class)) is None
    assert key_of(made(own_record)) is None
    assert key_of(made(own_record.replace("return mine.say()", "return Mine(2)"))) is None, (
        "the class of a record, not only its values"
    )
    for value in (
        pd.DataFrame({"a": [1]}),
        np.zeros(3),
        random.choice,
        random.random,
        random.Random(1),
        open(os.devnull),  # noqa: SIM115, PTH123
        (x for x in ()),
        types.SimpleNamespace(x=1),
        object(),
        sys.modules["__main__"],
    ):
        assert key_of(closure(value)) is None, value
        assert key_of(closure([{"deep": (value,)}])) is None, value
    (tmp_path / "my_prompts.py").write_text("TEXT = 'a'\nclass Parser:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_prompts

    assert (
        key_of(made("def answer(asks):\n    return my_prompts.TEXT", my_prompts=my_prompts)) is None
    ), "a file of one's own can change at any time"
    assert key_of(made("def answer(asks):\n    return Parser()", Parser=my_prompts.Parser)) is None
    assert (
        key_of(made("def answer(asks):\n    from my_prompts import TEXT\n    return TEXT")) is None
    )
    assert (
        key_of(made("def answer(asks):\n    from my_prompts_gone import TEXT\n    return TEXT"))
        is None
    )
    assert key_of(made("def answer(asks):\n    from . import x\n    return x")) is None
    assert key_of(closure(types.ModuleType("by_hand"))) is None
    monkeypatch.setitem(sys.modules, "by_hand", types.ModuleType("by_hand"))
    assert key_of(closure(sys.modules["by_hand"])) is None


def test_a_borrowed_name_deceives_no_one():
    """functools.wraps gives a wrapper the name and module of what it wraps; the wrapper's own code
    counts all the same."""
    source = (
        "import functools\ndef loud(f):\n    @functools.wraps(f)\n    def wrapper(text):\n       "
        " return f(text) + ['!']\n    return wrapper\nsaid = loud(tokens)\ndef answer(asks):\n   "
        " return said('x')"
    )
    from helpers.evaluation.text import tokens

    one, two = (key_of(made(s, tokens=tokens)) for s in (source, source.replace("'!'", "'?'")))
    assert one
    assert two
    assert one != two


def test_code_of_the_workbook_is_part_of_the_key(monkeypatch):
    from helpers.core import fingerprint as core_fingerprint
    from helpers.evaluation import text as evaluation_text

    uses = made("def answer(asks):\n    return tokens('x')", tokens=evaluation_text.tokens)
    imports = made(
        "def answer(asks):\n    from helpers.evaluation.text import tokens\n    return tokens('x')"
    )
    before = key_of(uses), key_of(imports), key_of(made("def answer(asks):\n    return 1"))
    monkeypatch.setattr(core_fingerprint, "code_of", lambda *places: "changed")
    after = key_of(uses), key_of(imports), key_of(made("def answer(asks):\n    return 1"))
    assert None not in before
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


LEARNER = (
    "def answer(asks):\n    for ask in asks:\n        with LOG.open('a') as log:\n           "
    " log.write(ask.id + ' ')\n        yield Prediction(ask.id, TEXT + ask.id)"
)


def test_a_learners_arm_is_kept_under_its_code(cache, tmp_path):
    """No fingerprint is asked of a learner. Yesterday's answers come back for yesterday's code
    only."""
    log = tmp_path / "log"

    def ask_it(source=LEARNER, **values):
        log.write_text("")
        found = runs.run(
            Arm("mine", made(source, LOG=log, Prediction=Prediction, **({"TEXT": "to "} | values))),
            asks(40),
        )
        return found["q3"].text, len(log.read_text().split())

    assert ask_it() == ("to q3", 40), "the same cell, run again"
    assert ask_it() == ("to q3", 0), "the same cell, run again"
    assert ask_it(TEXT="for ") == ("for q3", 40)
    assert ask_it(LEARNER.replace("TEXT + ask.id", "ask.id + TEXT")) == ("q3to ", 40)
    assert ask_it() == ("to q3", 0), "back to the first version: its answers are still there"
    assert ask_it(TEXT=pd.Series(["no key "])[0]) == ("no key q3", 40)
    unnamed = LEARNER.replace("TEXT + ask.id", "str(TEXT.sum()) + ask.id")
    assert [ask_it(unnamed, TEXT=pd.Series([1])) for _ in range(2)] == [("1q3", 40)] * 2, (
        "what cannot be named is never kept"
    )
