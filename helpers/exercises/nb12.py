"""Checks of notebook 12, the same decision for your own data."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from helpers.data.labelled_rows import plain
from helpers.evaluation.evaluator import wilson
from helpers.exercises import Exercise, NotAttemptedError, attempted

WRAPPED = "Staff get 11 days\nof leave a year.\nGuests get a badge (a)\n\tfor 3.50 a day."


def quotes(answer: object) -> str:
    """12.1: is the quote in the text, whatever its line breaks; and a pair for which a plain `in`
    fails."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (stands, exposing); got {answer!r}."
    )
    stands, exposing = answer
    assert callable(stands), (
        "Expected a function stands(quote, text) that returns True or False; got"
        f" {type(stands).__name__}."
    )
    for quote, text, right, why in (
        (
            "11 days of leave",
            "Staff get 11 days of leave.",
            True,
            "it is there letter for letter",
        ),
        ("11 days of leave", WRAPPED, True, "only a line break differs"),
        (
            "badge (a) for 3.50",
            WRAPPED,
            True,
            (
                "a tab and a line break, or characters with a meaning in a regular expression, are"
                " no reason to refuse"
            ),
        ),
        (" 11 days  of leave\n", WRAPPED, True, "spaces around and within the quote do not count"),
        (
            "11 days",
            "Staff get 11\u00a0days of leave.",
            True,
            "a non-breaking space is a space, too",
        ),
        ("12 days of leave", WRAPPED, False, "the number differs"),
        ("of leave 11 days", WRAPPED, False, "the words are there in another order"),
        (
            "11 days of leave",
            "Rule 1 1 days of leave",
            False,
            "11 is not 1 1: do not remove spaces, make them equal",
        ),
        ("for 3.50", "for 3x50", False, "a full stop is a full stop"),
        ("  ", WRAPPED, False, "an empty quote shows nothing"),
    ):
        got = attempted(stands(quote, text))
        assert bool(got) is right, (
            f"For the quote {quote!r} in {text!r} expected {right}, because {why}; got {got!r}."
        )
    if exposing is ... or exposing is None:
        raise NotAttemptedError
    assert (
        isinstance(exposing, tuple | list)
        and len(exposing) == 2
        and all(isinstance(one, str) for one in exposing)
    ), f"exposing is a pair of texts, (quote, text); got {exposing!r}."
    quote, text = exposing
    assert quote not in text, (
        f"The colleague finds {quote!r}, too: choose a text in which only a space or a line break"
        " differs."
    )
    assert stands(quote, text) and " ".join(quote.split()) in " ".join(text.split()), (
        f"{quote!r} is not in {text!r}, whatever its spaces; so the colleague is right to refuse"
        " it."
    )
    return (
        "A check that is too strict throws good questions away, and always the long quotes from"
        " wrapped files: what is left is easier than the real work. One that is too lenient accepts"
        " evidence that no one can find."
    )


def _times(right: int, n: int, line: float) -> int | None:
    if right / n == line:
        return None
    k = 1
    while True:
        low, high = wilson(k * right, k * n)
        if not low <= line <= high:
            return k * n
        k += 1


def slide(answer: object) -> str:
    """12.2: how many questions would support the headline?"""
    assert callable(answer), (
        "Expected a function settled_at(right, n, line) that returns a number of questions, or"
        f" None; got {type(answer).__name__}."
    )
    for right, n, line in (
        (4, 5, 0.5),
        (4, 5, 0.7),
        (1, 5, 0.5),
        (40, 50, 0.5),
        (30, 60, 0.45),
        (3, 5, 0.6),
    ):
        wanted, (low, high) = _times(right, n, line), wilson(right, n)
        got = answer(right, n, line)
        if wanted is None:
            assert got is None, (
                f"{right} of {n} equals the line of {line:g}: at that share no number of questions"
                f" excludes it; expected None, got {got!r}."
            )
            continue
        now = "already excludes the line" if wanted == n else "contains the line"
        assert attempted(got) == wanted, (
            f"{right} of {n} is {100 * low:.0f} to {100 * high:.0f} %, which {now} of"
            f" {100 * line:.0f} %; in steps of {n}, expected {wanted} questions; got {got!r}."
        )
    low, high = wilson(4, 5)
    return (
        f"“RAG: 80 %” on five questions is anything from {100 * low:.0f} to {100 * high:.0f} %. To"
        f" say that it is above 50 % takes {_times(4, 5, 0.5)} questions of that share, above 70 %"
        f" {_times(4, 5, 0.7)}: the nearer the line, the more."
    )


FROM_THE_CHUNK = (
    (
        "Which visitors must return their badge before leaving the building?",
        "All visitors must return their badge at the desk before leaving the building.",
    ),
    (
        "Within how many weeks are approved travel claims reimbursed?",
        "Approved travel claims are reimbursed within three weeks.",
    ),
    (
        "Who must countersign contracts above the threshold?",
        "Contracts above the threshold must be countersigned by the Finance Director.",
    ),
)
FROM_PEOPLE = (
    ("where do i leave the visitor thing when we're done", FROM_THE_CHUNK[0][1]),
    ("still waiting for my train money, how long is normal?", FROM_THE_CHUNK[1][1]),
    ("big supplier deal, who signs besides me", FROM_THE_CHUNK[2][1]),
)


def copied(answer: object) -> str:
    """12.3: how much of a question is copied from its evidence?"""
    assert callable(answer), (
        "Expected a function copied(question, quote) that returns a share; got"
        f" {type(answer).__name__}."
    )
    for question, quote, share, why in (
        (
            "Who returns the badge?",
            "Return the BADGE at the desk.",
            0.5,
            (
                "of returns and badge, only badge is there: capitals do not count, and returns is"
                " not return"
            ),
        ),
        (
            "badge, badge: Badge?",
            "A badge.",
            1.0,
            "a word that occurs three times is one word, and punctuation is not a word",
        ),
        (
            "Where is the key?",
            "The key is where it was.",
            1.0,
            "only where has more than three letters",
        ),
        (
            "How is it?",
            "It is so.",
            0.0,
            "no word has more than three letters, so nothing is copied",
        ),
        ("travel claims", "nothing alike", 0.0, "no word is shared"),
        ("sign", "the signature", 0.0, "sign is part of signature, but not a word there"),
    ):
        got = attempted(answer(question, quote))
        assert isinstance(got, int | float) and abs(float(got) - share) < 1e-9, (
            f"For {question!r} and {quote!r} expected {share:g}, because {why}; got {got!r}."
        )
    easy, hard = (
        statistics.fmean(float(answer(*pair)) for pair in pairs)
        for pairs in (FROM_THE_CHUNK, FROM_PEOPLE)
    )
    return (
        f"Three questions written with the passage on the screen: {100 * easy:.0f} % copied. The"
        f" same three as people ask them: {100 * hard:.0f} %. On the first any search looks"
        " perfect. Now sort your own questions by it, and rewrite the top ten."
    )


def inside(answer: object) -> str:
    """12.4: does a path lead out of the folder?"""
    assert callable(answer), (
        "Expected a function inside(folder, path) that returns True or False; got"
        f" {type(answer).__name__}."
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        home = Path(name).resolve()
        own = home / "own"
        for folder in (own / "hr", home / "own-secret", home / "secret"):
            folder.mkdir(parents=True)
            (folder / "a.md").write_text("text\n", encoding="utf-8")
        tries = [
            (own, own / "hr" / "a.md", True, "a file in a folder of the folder"),
            (
                own,
                own / "hr" / ".." / "hr" / "a.md",
                True,
                "a path that goes up and down again, and stays inside",
            ),
            (own, own / ".." / "secret" / "a.md", False, "a path that goes up and out (..)"),
            (
                own,
                home / "own-secret" / "a.md",
                False,
                "a neighbour whose name begins with the same letters",
            ),
        ]
        try:
            (own / "link.md").symlink_to(home / "secret" / "a.md")
            (own / "links").symlink_to(home / "secret")
            (own / "inner.md").symlink_to(own / "hr" / "a.md")
            (home / "mine").symlink_to(own)
        except OSError:  # this system allows no links, so none can mislead here
            pass
        else:
            tries += [
                (own, own / "link.md", False, "a link to a file outside"),
                (own, own / "links" / "a.md", False, "a file in a linked folder outside"),
                (own, own / "inner.md", True, "a link that stays inside"),
                (
                    home / "mine",
                    home / "mine" / "hr" / "a.md",
                    True,
                    "the folder itself named by a link",
                ),
            ]
        for folder, path, right, what in tries:
            got = attempted(answer(folder, path))
            shown = [one.relative_to(home).as_posix() for one in (folder, path)]
            assert bool(got) is right, (
                f"inside({shown[0]!r}, {shown[1]!r}), {what}: expected {right}; got {got!r}."
            )
    return (
        "A path is text; only the system knows where it leads. When you read folders that others"
        " send, ask it before the first byte is read, not after."
    )


Row = Mapping[str, str]
TRAIN = (
    {"id": "a", "group": "g1", "input": "My pump leaks."},
    {"id": "b", "group": "g2", "input": "Where is it?"},
    {"id": "c", "group": "g3", "input": "  where IS it"},
    {"id": "d", "group": "g4", "input": "Thanks"},
)
TEST = (
    {"id": "t", "group": "g1", "input": "It leaks again."},
    {"id": "u", "group": "g9", "input": "Where is it"},
)


def _straddling(train: Sequence[Row], test: Sequence[Row]) -> list[str]:
    groups, texts = {row["group"] for row in test}, {plain(row["input"]) for row in test}
    return sorted(
        row["id"] for row in train if row["group"] in groups or plain(row["input"]) in texts
    )


# two customers, one message: rows that belong together form chains
SENT_TWICE = ((0, 1), (1, 2), (2, 13), (3, 17), (4, 11), (5, 18))


def _chained() -> list[Row]:
    """Forty rows: messages of twenty customers, and six messages that two of them sent in the same
    words."""
    rows = [{"group": f"customer {i % 20}", "input": f"Message number {i}"} for i in range(28)]
    for i, pair in enumerate(SENT_TWICE):
        rows += [
            {"group": f"customer {pair[0]}", "input": f"Where is parcel {i}?"},
            {"group": f"customer {pair[1]}", "input": f"where is  PARCEL {i}"},
        ]
    return [{"id": f"r{i:02d}", **row} for i, row in enumerate(rows)]


def fair(answer: object) -> str:
    """12.5: find what is on both sides, and a split in which nothing is."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (straddling, fair_split); got {answer!r}."
    )
    straddling, fair_split = answer
    assert callable(straddling) and callable(fair_split), (
        "Expected two functions: straddling(train, test) and fair_split(rows)."
    )
    got = sorted(attempted(straddling(list(TRAIN), list(TEST))))
    assert "a" in got, (
        f"Expected to find 'a': its customer g1 also wrote the test row t; got {got}."
    )
    assert {"b", "c"} <= set(got), (
        "Expected to find 'b' and 'c': apart from capitals, spaces and punctuation they are the"
        f" test row u; got {got}."
    )
    assert got == ["a", "b", "c"], (
        f"Expected ['a', 'b', 'c']; got {got}. Row d shares neither customer nor message."
    )
    assert list(straddling(list(TRAIN[3:]), list(TEST))) == [], (
        "Where nothing is shared, expected an empty list."
    )
    attempted(fair_split(_chained()))
    for seed in range(5):
        rows = random.Random(seed).sample(_chained(), 40)
        _judge_split(fair_split, rows)
    bad = _shuffled(_chained())
    return (
        f"The colleague's split, which shuffles rows, puts {len(_straddling(*bad))} of"
        f" {len(bad[0])} training rows on both sides. Its score is better, and it measures"
        " memory. (`helpers.data.split` keeps equal messages together; it cannot know your"
        " customers.)"
    )


def _judge_split(fair_split: Callable, rows: list[Row]) -> None:
    parts = fair_split([dict(row) for row in rows])
    assert isinstance(parts, tuple | list) and len(parts) == 2, (
        f"Expected fair_split to return (train, test); got {type(parts).__name__}."
    )
    train, test = map(list, parts)
    ids = sorted(row["id"] for row in (*train, *test))
    assert ids == sorted(row["id"] for row in rows), (
        f"Expected each of the {len(rows)} rows on exactly one side; got {len(ids)} rows,"
        f" {len(set(ids))} different."
    )
    found = _straddling(train, test)
    assert not found, (
        f"{len(found)} training rows share a customer or a message with a test row, as {found[0]}."
        " Mind chains: two customers who sent the same message belong together, with everything"
        " they wrote."
    )
    assert 0.15 <= len(test) / len(rows) <= 0.5, (
        f"Expected 15 to 50 % of the rows to test on; got {len(test)} of {len(rows)}."
    )


def _shuffled(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    mixed = random.Random(0).sample(rows, len(rows))
    return mixed[: len(rows) * 7 // 10], mixed[len(rows) * 7 // 10 :]


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "12.1",
            quotes,
            (
                "Make all spaces of both texts equal before you compare; do not remove them.",
                (
                    'text.split() splits at every kind of space, line breaks included; " ".join'
                    " puts the words back together with one."
                ),
                (
                    'words = " ".join(quote.split()); return bool(words) and words in "'
                    ' ".join(text.split())'
                ),
            ),
        ),
        Exercise(
            "12.2",
            slide,
            (
                (
                    "wilson(right, n) gives the interval as (low, high). When does it exclude the"
                    " line?"
                ),
                (
                    "Ask twice as many, three times as many, …: wilson(k * right, k * n) for k = 1,"
                    " 2, 3. Return k * n for the first that excludes it."
                ),
                (
                    "if right / n == line: return None; k = 1; while wilson(k * right, k * n)[0] <="
                    " line <= wilson(k * right, k * n)[1]: k += 1; return k * n"
                ),
            ),
        ),
        Exercise(
            "12.3",
            copied,
            (
                'Make a set of words of each text: re.findall(r"\\w+", text.casefold()).',
                (
                    "Keep the words of the question that have more than three letters; which of"
                    " them are in the set of the quote?"
                ),
                "len(words & there) / len(words) if words else 0.0",
            ),
        ),
        Exercise(
            "12.4",
            inside,
            (
                "The text of a path does not say where it leads: follow links and .. first.",
                "path.resolve() follows them; do it for the folder, too.",
                "return path.resolve().is_relative_to(folder.resolve())",
            ),
        ),
        Exercise(
            "12.5",
            fair,
            (
                (
                    'For straddling: a set of the groups of test, and a set of plain(row["input"])'
                    " of test."
                ),
                (
                    "For the split: bundle first, then distribute whole bundles. Rows belong to one"
                    " bundle when they share a group or a message, or when a chain of such rows"
                    " joins them."
                ),
                (
                    "Start with one bundle per row; as long as two bundles share a group or a"
                    " message, merge them. Then fill train with the largest bundles up to 70 %"
                    " of the rows; the rest is test."
                ),
            ),
        ),
    )
}
