"""Checks of notebook 05, tune for a strict format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from helpers.core.cases import Arm, Ask, Case, Prediction
from helpers.exercises import Exercise, attempted

if TYPE_CHECKING:
    import pandas as pd


ASKED = 24  # dev tickets: a minute or two with one prompt each
MOST_SHOWN = 16  # examples that fit into the window with room to spare


def better_prompt(answer: object) -> str:
    """05.2: which labelled tickets to show for a message, measured on dev tickets."""
    from helpers.data.questions import pick
    from helpers.data.tickets import load_tickets

    assert callable(answer), (
        "Expected a function examples_for(message) that returns labelled tickets; got"
        f" {type(answer).__name__}."
    )
    cases = pick(load_tickets("dev"), ASKED)
    known = {case.ask.id for case in load_tickets("train")}
    shown = {}
    for case in cases:
        got = attempted(answer(case.ask.input))
        assert isinstance(got, list | tuple) and all(isinstance(one, Case) for one in got), (
            f"Expected a list of cases of train; got {got!r:.80}."
        )
        assert len(got) <= MOST_SHOWN, (
            f"Expected at most {MOST_SHOWN} examples, which the model's window holds with room for"
            f" the message; got {len(got)}."
        )
        strangers = [one.ask.id for one in got if one.ask.id not in known]
        assert not strangers, (
            f"{strangers[0]} is no ticket of train. An example that is judged as well gives its"
            " answer away, and the score then says nothing."
        )
        shown[case.ask.id] = list(got)
    yours, fixed, looked_up = _with_prompts(cases, shown)
    return _compared(yours, fixed, looked_up)


def _with_prompts(cases: Sequence[Case], shown: Mapping[str, list[Case]]) -> list[pd.DataFrame]:
    """What the model answers with these examples, with eight fixed ones and with the eight most
    alike."""
    from helpers.data.tickets import load_tickets
    from helpers.evaluation.evaluator import TICKETS, evaluate
    from helpers.models.load import load_generator
    from helpers.systems import TICKET_PROMPT, few_shot, retrieved_examples, task_prompt

    generator, train = load_generator(), load_tickets("train")

    def answers(asks: Sequence[Ask]) -> Iterator[Prediction]:
        prompts = [task_prompt(generator, TICKET_PROMPT, a.input, shown[a.id]) for a in asks]
        for done in generator.complete(prompts, TICKET_PROMPT.max_new_tokens):
            yield Prediction(
                asks[done.index].id,
                done.text,
                tokens_in=done.tokens_in,
                tokens_out=done.tokens_out,
                seconds=done.seconds,
            )

    arms = (
        Arm("your prompt", answers),
        few_shot(generator, TICKET_PROMPT, train[:8]),
        retrieved_examples(generator, TICKET_PROMPT, train),
    )
    return [evaluate(arm, cases, TICKETS) for arm in arms]


def _compared(yours: pd.DataFrame, fixed: pd.DataFrame, looked_up: pd.DataFrame) -> str:
    """The score beside the two prompts of the notebook; better than the first is enough."""
    from helpers.evaluation.comparison import compare
    from helpers.evaluation.numbers import percent

    said = ", ".join(
        f"{name} {percent(table['fields_right'].mean())}"
        f" ({table['tokens_in'].mean():.0f} tokens a prompt)"
        for name, table in (
            ("your prompt", yours),
            ("eight fixed examples", fixed),
            ("the eight most alike", looked_up),
        )
    )
    said = f"Fields right on {len(yours)} dev tickets: {said}."
    assert yours["fields_right"].mean() > fixed["fields_right"].mean(), (
        f"{said} Expected more than with the fixed examples. Does the model see a ticket like the"
        " message, near the end of the prompt?"
    )
    verdict = compare(looked_up, yours, column="fields_right").verdict_in_points()
    return (
        f"{said} Yours against the eight most alike: {verdict}. So few tickets tell only large"
        " differences apart; and a prompt that was chosen on them does worse on new ones."
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
            better_prompt,
            (
                "Return a list of cases of train, for a start always the same: train[8:12].",
                (
                    "The eight fixed examples have nothing to do with the message. What would an"
                    " example show that has?"
                ),
                (
                    "[rows] = nearest_rows([message], texts, 3), then train[row] for each row, the"
                    " most similar last."
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
