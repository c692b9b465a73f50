"""Checks of notebook 03, the chunking lab."""

from __future__ import annotations

from collections.abc import Callable

from helpers.exercises import Exercise, attempted
from helpers.experiments.chunking_grid import ChunkingSetting, load_grid, row_of, versus


def _sound(text: str) -> list[tuple[int, int]]:
    return [(i, min(i + 40, len(text))) for i in range(0, len(text), 30)]


def _loses_tail(text: str) -> list[tuple[int, int]]:
    # the last window that does not fill up is never made
    return [(i, i + 40) for i in range(0, len(text) - 40, 30)]


def _loses_seams(text: str) -> list[tuple[int, int]]:
    # overlap with the wrong sign
    return [(i, min(i + 30, len(text))) for i in range(0, len(text), 40)]


def _drops_tables(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    for line in text.splitlines(keepends=True):
        if not line.startswith("|"):
            spans.append((at, at + len(line)))
        at += len(line)
    return spans


def keeps_text(answer: object) -> str:
    """03.1: a check that finds the chunker that loses text."""
    assert callable(answer), (
        "Expected a function lost_text(cutter, text) that returns the characters in no chunk;"
        f" got {type(answer).__name__}."
    )
    text = (
        "The pager rota is drawn up six weeks ahead. " * 3
        + "\n| grade | pay |\n| 7 | 41 |\n"
        + "Swaps are agreed in Trellis."
    )
    cutters: tuple[tuple[str, Callable, bool], ...] = (
        ("a correct chunker", _sound, False),
        ("a chunker that never makes the last, shorter window", _loses_tail, True),
        ("a chunker that leaves gaps where it should overlap", _loses_seams, True),
        ("a chunker that skips tables", _drops_tables, True),
    )
    for name, cutter, loses in cutters:
        got = attempted(answer(cutter, text))
        assert isinstance(got, str), (
            "Expected a string of the lost characters ('' when none are lost); got"
            f" {type(got).__name__}."
        )
        lost = "".join(
            c for at, c in enumerate(text) if not any(a <= at < b for a, b in cutter(text))
        )
        assert bool(got.strip()) is loses, (
            f"For {name} expected {'some lost text' if loses else 'nothing lost'};"
            f" got {got[:40]!r}."
        )
        assert got.split() == lost.split(), (
            f"For {name} the lost text is {lost[:50]!r}; got {got[:50]!r}."
        )
    return (
        "Each of these shipped: answers at the end of documents, between chunks, or in tables could"
        " never be found, and no score said why."
    )


def unread(answer: object) -> str:
    """03.2: the part of an index that the embedder never read."""
    assert callable(answer), (
        f"Expected a function unread_share(token_counts, limit); got {type(answer).__name__}."
    )
    for counts, limit, right in (
        ([100, 200], 256, 0.0),
        ([512, 256], 256, 1 / 3),
        ([300], 100, 2 / 3),
        ([], 256, 0.0),
    ):
        got = float(attempted(answer(counts, limit)))
        assert abs(got - right) < 1e-9, (
            f"For chunks of {counts} tokens and a limit of {limit}, expected {right:.3f}; got"
            f" {got:.3f}."
        )
    return (
        "Nothing warns you: the embedder truncates silently, and what it did not read can only be"
        " found by chance (or by BM25, which reads everything)."
    )


def choice(answer: object) -> str:
    """03.3: the best setting within a budget of tokens, and whether it is really better."""
    assert isinstance(answer, tuple | list) and len(answer) == 2, (
        f"Expected (setting, verdict); got {answer!r}."
    )
    setting, verdict = answer
    attempted(setting)
    assert isinstance(setting, ChunkingSetting), (
        "The first part must be a ChunkingSetting(strategy, chunk_size, overlap, retriever, top_k);"
        f" got {type(setting).__name__}."
    )
    grid = load_grid()
    try:
        row = row_of(grid, setting)
    except KeyError as error:
        raise AssertionError(str(error.args[0])) from None
    assert row["tokens"] <= 400, (
        f"{setting} makes the reader read {row['tokens']:.0f} tokens; the budget is 400."
    )
    within = grid[grid["tokens"] <= 400]
    best = within.loc[within["recall"].idxmax()]
    gap = (
        versus(
            best["found"], row["found"], tuple(grid.attrs["facts"]), ("best", "yours"), "evidence"
        )
        if best["found"] != row["found"]
        else None
    )
    assert gap is None or gap.verdict == "cannot tell", (
        f"{setting} finds {row['recall']:.0%}; another setting within the budget is clearly better"
        f" ({best['recall']:.0%})."
    )
    base = row_of(grid, ChunkingSetting(top_k=3))
    ours = (
        versus(
            row["found"], base["found"], tuple(grid.attrs["facts"]), ("yours", "first"), "evidence"
        ).verdict
        if row["found"] != base["found"]
        else "cannot tell"
    )
    assert verdict == ours, (
        f"Compare it with {ChunkingSetting(top_k=3)} by chunking_grid.what_if(grid, setting,"
        f" ChunkingSetting(top_k=3)).found.verdict: expected {ours!r}; got {verdict!r}."
    )
    tied = sum(
        r["found"] == best["found"]
        or versus(
            best["found"], r["found"], tuple(grid.attrs["facts"]), ("best", "other"), "evidence"
        ).verdict
        == "cannot tell"
        for _, r in within.nlargest(12, "recall").iterrows()
    )
    return (
        f"A defensible choice. Of the twelve best settings within the budget, {tied} do not"
        " differ measurably from the very best: choose among them by cost, not by the third digit."
    )


EXERCISES = {
    e.id: e
    for e in (
        Exercise(
            "03.1",
            keeps_text,
            (
                "Mark every character that is in some span; what is left over is lost.",
                (
                    "covered = set(); for start, end in cutter(text): covered.update(range(start,"
                    " end))"
                ),
                "''.join(c for at, c in enumerate(text) if at not in covered)",
            ),
        ),
        Exercise(
            "03.2",
            unread,
            (
                "Of a chunk with n tokens, max(0, n - limit) are not read.",
                "Divide by all tokens of all chunks; with no chunks at all the share is 0.",
                (
                    "sum(max(0, n - limit) for n in token_counts) / sum(token_counts) if"
                    " token_counts else 0.0"
                ),
            ),
        ),
        Exercise(
            "03.3",
            choice,
            (
                (
                    "Keep the rows of the grid with tokens <= 400 and look at those with the"
                    " highest recall."
                ),
                "within = grid[grid['tokens'] <= 400].nlargest(5, 'recall')",
                (
                    "The verdict: chunking_grid.what_if(grid, setting,"
                    " ChunkingSetting(top_k=3)).found.verdict"
                ),
            ),
        ),
    )
}
