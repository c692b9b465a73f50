"""Checks of notebook 12, the same decision for your own data."""

from __future__ import annotations

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


QUARRELS = (
    ("My pump leaks.", "fault"),
    ("my pump LEAKS", "billing"),
    ("My pump leaks!", "fault"),
    ("Where is it?", "delivery"),
    ("Where is it?", "return"),
    ("Thanks", "other"),
)


def ceiling(answer: object) -> str:
    """12.3: on how many rows can one label a message be right?"""
    assert callable(answer), (
        f"Expected a function ceiling(rows) that returns a share; got {type(answer).__name__}."
    )
    for rows, share, why in (
        (QUARRELS[3:], 2 / 3, "one of the two labels of 'Where is it?' is wrong, whichever"),
        ((("a b", "x"), ("a b", "x")), 1.0, "equal labels are no contradiction"),
        ((("a", "x"), ("b", "y"), ("c", "z")), 1.0, "messages that differ may have any label"),
        (QUARRELS[:3], 2 / 3, "but for capitals and marks it is one message: its commonest label"),
        ((("a", "x"), ("a", "y"), ("a", "z")), 1 / 3, "of three labels only one can be given"),
        (QUARRELS, 4 / 6, "what is best is counted message by message, over all rows"),
    ):
        got = attempted(answer(list(rows)))
        assert isinstance(got, int | float) and abs(float(got) - share) < 1e-9, (
            f"For {list(rows)} expected {share:.3g}, because {why}; got {got!r}."
        )
    return (
        f"Six rows, three messages, and nothing can be right on more than {4 / 6:.0%}. No model and"
        " no training goes past that line, so a team that is stuck just below it should talk about"
        " its labels."
    )


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
            ceiling,
            (
                "Collect the labels of each message under plain(message).",
                "Of one message's labels the commonest is the best that one can give.",
                "sum(max(map(some.count, some)) for some in labels.values()) / len(rows)",
            ),
        ),
    )
}
