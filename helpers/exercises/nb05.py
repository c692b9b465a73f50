"""Checks of notebook 05, tune for a strict format."""

from __future__ import annotations

from helpers.core.cases import Ask, Case, Gold
from helpers.exercises import Exercise, attempted


def leak(answer: object) -> str:
    """05.2: find test rows that slipped into the training set."""
    assert callable(answer), (
        f"Expected a function leaked(train, test) that returns ids; got {type(answer).__name__}."
    )

    def case(id: str, text: str) -> Case:
        return Case(Ask(id, text), Gold(output={}), "written", id, "train")

    train = [
        case("a", "My Sprig leaks!"),
        case("b", "Where is my parcel?"),
        case("c", "  where IS my   INVOICE "),
        case("d", "Hello, thanks"),
    ]
    test = [
        case("t1", "My Sprig leaks!"),
        case("t2", "Where is my invoice"),
        case("t3", "Where is my refund?"),
    ]
    got = attempted(answer(train, test))
    got = sorted(getattr(x, "id", x) for x in got)
    assert "a" in got, f"Expected to find 'a', which is word for word the same as t1; got {got}."
    assert "c" in got, (
        "Expected to find 'c' as well: it is t2 with other capitals, spaces and punctuation; got"
        f" {got}."
    )
    assert got == ["a", "c"], (
        f"Expected ['a', 'c']; got {got}. Rows that are merely similar are not leaks."
    )
    return (
        "Run a check like this before every training run: a leak makes the score better and the"
        " system worse."
    )


IGNORED = -100  # the label that PyTorch's cross-entropy leaves out


def loss_on_prompt(answer: object) -> str:
    """05.1: find the rows in which a trainer counts the loss on prompt tokens."""
    assert callable(answer), (
        "Expected a function prompt_counted(labels_of, rows) that returns row numbers; got"
        f" {type(answer).__name__}."
    )
    # (token ids, number of prompt tokens)
    rows = [([5, 6, 7, 8, 9], 3), ([5, 6, 7, 8, 9, 10, 2], 5), ([5, 9, 2], 1)]

    def right(ids: list[int], prompt_tokens: int) -> list[int]:
        return [IGNORED] * prompt_tokens + ids[prompt_tokens:]

    def all_of_it(ids: list[int], prompt_tokens: int) -> list[int]:
        return list(ids)

    def one_short(ids: list[int], prompt_tokens: int) -> list[int]:
        return right(ids, prompt_tokens - 1)

    def as_in_the_first_row(ids: list[int], prompt_tokens: int) -> list[int]:
        return right(ids, min(3, len(ids)))

    attempted(answer(right, rows))
    for labels_of, wanted, what in (
        (all_of_it, [0, 1, 2], "A trainer that counts every token"),
        (right, [], "A trainer that counts the completions only"),
        (
            one_short,
            [0, 1, 2],
            "A trainer whose mask is one token short (the last token of every prompt counts)",
        ),
        (
            as_in_the_first_row,
            [1],
            (
                "A trainer that masks as many tokens as the first prompt has (only row 1 has a"
                " longer prompt)"
            ),
        ),
    ):
        got = answer(labels_of, rows)
        got = sorted(got) if isinstance(got, list | tuple | set) else got
        assert got == wanted, f"{what}: expected the row numbers {wanted}; got {got}."
    return (
        "Most of a row is prompt, so a loss that counts it looks fine and falls, while the answers"
        " are hardly learned."
    )


def break_even(answer: object) -> str:
    """05.3: after how many requests does a shorter prompt pay?"""
    assert callable(answer), (
        "Expected a function pays_after(once, tokens_saved, price_per_1000) that returns a number"
        f" of requests; got {type(answer).__name__}."
    )
    got = attempted(answer(120.0, 600, 0.5))
    assert isinstance(got, int | float), f"Expected a number; got {type(got).__name__}."
    assert abs(got - 400) < 1, (
        "120 to spend once, 600 tokens saved at 0.5 per 1,000 is 0.30 a request: expected 400"
        f" requests; got {got}."
    )
    assert abs(answer(120.0, 60, 0.5) - 4000) < 1, (
        "A tenth of the tokens saved takes ten times the requests: expected 4000; got"
        f" {answer(120.0, 60, 0.5)}."
    )
    try:
        nothing, longer = answer(120.0, 0, 0.5), answer(120.0, -50, 0.5)
    except ZeroDivisionError:
        raise AssertionError(
            "When no token is saved, your code divides by zero. A shorter prompt then never pays"
            " for tuning: return float('inf')."
        ) from None
    assert nothing == longer == float("inf"), (
        f"When no token is saved, or the prompt grows, it never pays: expected inf; got {nothing}"
        f" and {longer}."
    )
    return (
        "Proportional to the one-off cost of tuning, and inversely proportional to what a request"
        " saves: anyone who doubts a price can read off what it changes."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "05.2",
            leak,
            (
                (
                    "Compare case.ask.input of both sides, but not letter by letter: capitals,"
                    " spaces and punctuation can differ."
                ),
                "A helper does the normalising: comparable_tokens(text), imported above.",
                (
                    "seen = {tuple(comparable_tokens(c.ask.input)) for c in test}; then keep the"
                    " train ids whose tokens are in seen."
                ),
            ),
        ),
        Exercise(
            "05.1",
            loss_on_prompt,
            (
                (
                    "labels_of(ids, prompt_tokens) gives one label per token. A token counts when"
                    " its label is not -100."
                ),
                (
                    "The prompt is the first prompt_tokens tokens: labels_of(ids,"
                    " prompt_tokens)[:prompt_tokens] should all be -100. Look at every row, not"
                    " only the first."
                ),
                (
                    "[i for i, (ids, n) in enumerate(rows) if any(label != -100 for label in"
                    " labels_of(ids, n)[:n])]"
                ),
            ),
        ),
        Exercise(
            "05.3",
            break_even,
            (
                "What does one request save? tokens_saved / 1000 * price_per_1000.",
                (
                    "once / saved requests pay it back, unless nothing is saved: then return"
                    " float('inf')."
                ),
            ),
        ),
    )
}
