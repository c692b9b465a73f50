"""What does a search find, at what price, and for whom? The figures of retrieval: the chunking lab,
access, rules at ingestion, and scale."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.evaluation.evaluator import wilson
from helpers.evaluation.numbers import percent, percents
from helpers.experiments import chunking_grid
from helpers.plots.canvas import (
    COLOURS,
    INK,
    PALE,
    WIDE,
    Picture,
    Stage,
    canvas,
    finish,
    greyed,
    half_shares,
    heading,
    styled,
)
from helpers.plots.results import VERDICT_COLOURS

if TYPE_CHECKING:
    from helpers.experiments.chunking_grid import ChunkingSetting, ChunkingWhatIf
    from helpers.experiments.failure_gallery import Failure

DOOR_COLOURS = {"attacks": "#D55E00", "look-alikes": "#56B4E9", "handbook": "#0072B2"}
RETRIEVER_COLOURS = {"dense": "#0072B2", "hybrid": "#CC79A7", "bm25": "#E69F00"}
CHOSEN, BASE = INK, "#777777"


@functools.lru_cache(maxsize=2)
def _stage(tokens: bytes, recall: bytes) -> Stage:
    """The stage of one grid, found by the bytes of its columns: a grid that grew has another."""

    def ground(price, scores) -> None:
        price.scatter(np.frombuffer(tokens), np.frombuffer(recall), s=5, color="#DDDDDD", zorder=1)
        price.set_xscale("log")
        price.set_xticks([30, 100, 300, 1000, 3000], ["30", "100", "300", "1,000", "3,000"])
        price.minorticks_off()
        price.set_xlim(15, 9000)
        price.set_xlabel("tokens of passages the reader must read")
        price.set_ylabel("evidence found")
        half_shares(price.yaxis, price.set_ylim)
        scores.set_yticks([2, 1, 0], ["evidence\nfound", "right,\nbase", "right,\ntuned"])
        scores.set_ylim(-0.5, 2.5)
        half_shares(scores.xaxis, scores.set_xlim)
        scores.set_title("◇ baseline   ● this setting", fontsize=9, fontweight="normal", color=INK)

    return Stage(ground, left=0.095, wspace=0.24)


@styled
def chunking_setting(grid: pd.DataFrame, case: ChunkingWhatIf) -> Picture:
    """What does a setting find, at what price in tokens, and what do answers make of it? The chosen
    setting, the baseline, and all that was measured."""
    s, row, base = case.setting, case.row.to_dict(), case.base.to_dict()
    title = (
        f"{str(s)[0].upper()}{str(s)[1:]}: evidence found {percent(row['recall'])},"
        f" {row['tokens']:,.0f} tokens to read"
    )
    table = pd.DataFrame({"this setting": row, "baseline": base}).drop(
        index=["found", *chunking_grid.READERS], errors="ignore"
    )
    answers = (
        "answers not measured"
        if pd.isna(row["accuracy"])
        else (
            f"answers right {percent(row['accuracy'])}"
            f" ({percents(row['accuracy_low'], row['accuracy_high'])}), n = {row['n_answers']:.0f}"
        )
    )
    if pd.notna(row["reader_accuracy"]):
        answers += f"; tuned reader {percent(row['reader_accuracy'])}"
    alt = (
        f"{title} ({percents(row['low'], row['high'])}, n = {row['n']:.0f}); {answers}."
        f" Against the baseline, {case.baseline}: {case.sentence()}"
    )
    column = {name: grid[name].to_numpy() for name in (*vars(case.setting), "tokens", "recall")}
    stage = _stage(*(column[name].astype(float).tobytes() for name in ("tokens", "recall")))

    def draw(price, scores) -> None:
        _on_price(price, column, case, row, base)
        _on_scores(scores, s, row, base)

    return Picture(stage.picture(title, draw), alt, table)


@styled
def unmeasured_setting(grid: pd.DataFrame, setting: ChunkingSetting) -> Picture:
    """What is known where nobody has measured? All that was, in grey."""
    title = f"{str(setting)[0].upper()}{str(setting)[1:]}: nobody has measured this yet"
    stage = _stage(
        *(grid[name].to_numpy().astype(float).tobytes() for name in ("tokens", "recall"))
    )

    def draw(price, scores) -> None:
        for axes in (price, scores):
            axes.text(0.5, 0.5, "not measured", fontsize=12, ha="center", transform=axes.transAxes)

    return Picture(greyed(stage.picture(title, draw)), f"{title}.", pd.DataFrame())


def _on_price(
    price, column: dict[str, np.ndarray], case: ChunkingWhatIf, row: dict, base: dict
) -> None:
    """Left: each retriever over the chunk sizes, the baseline, and the chosen setting with its
    interval."""
    s, ends = case.setting, []
    for retriever, colour in RETRIEVER_COLOURS.items():
        alike = vars(replace(s, retriever=retriever).needed())
        mine = np.flatnonzero(
            np.logical_and.reduce(
                [column[key] == value for key, value in alike.items() if key != "chunk_size"]
            )
        )
        if not len(mine):  # a grid may lack a retriever in this setting
            continue
        mine = mine[np.argsort(column["chunk_size"][mine])]
        tokens, recall, on = (
            column["tokens"][mine],
            column["recall"][mine],
            retriever == s.retriever,
        )
        price.plot(
            tokens,
            recall,
            color=colour,
            linewidth=2.2 if on else 1.1,
            marker="o",
            markersize=3.5,
            zorder=2,
        )
        ends.append((recall[-1], tokens[-1], retriever))
    free = 0.0
    # from below; a label that would lie on another moves up
    for recall, tokens, retriever in sorted(ends):
        free = max(recall, free)
        look = {
            "color": RETRIEVER_COLOURS[retriever],
            "fontweight": "bold" if retriever == s.retriever else "normal",
        }
        price.text(tokens * 1.12, free, retriever, va="center", fontsize=9, **look)
        free += 0.065
    if case.found is not None:
        price.plot(
            base["tokens"],
            base["recall"],
            "D",
            color="white",
            markeredgecolor=BASE,
            markersize=7,
            zorder=3,
        )
        price.annotate(
            "baseline",
            (base["tokens"], base["recall"]),
            xytext=(0, -13),
            textcoords="offset points",
            color=BASE,
            ha="center",
            fontsize=9,
        )
    price.plot(
        [row["tokens"]] * 2, [row["low"], row["high"]], color=CHOSEN, linewidth=1.6, zorder=4
    )
    price.plot(
        row["tokens"],
        row["recall"],
        "o",
        color=RETRIEVER_COLOURS[s.retriever],
        markeredgecolor=CHOSEN,
        markersize=9,
        zorder=5,
    )


def _on_scores(scores, s: ChunkingSetting, row: dict, base: dict) -> None:
    """Right: evidence found and answers right, of the model as it is and of the tuned reader, each
    for the baseline and the chosen setting, with intervals."""
    for y, (value, low, high) in (
        (2, ("recall", "low", "high")),
        (1, ("accuracy", "accuracy_low", "accuracy_high")),
        (0, ("reader_accuracy", "reader_accuracy_low", "reader_accuracy_high")),
    ):
        for one, colour, up, mark in ((base, BASE, 0.14, "D"), (row, CHOSEN, -0.14, "o")):
            if pd.isna(one[value]):
                scores.text(
                    0.02,
                    y + up,
                    "not measured: Run it for real",
                    fontsize=9,
                    color=colour,
                    va="center",
                )
                continue
            scores.plot([one[low], one[high]], [y + up] * 2, color=colour, linewidth=1.6)
            scores.plot(
                one[value],
                y + up,
                mark,
                color="white" if mark == "D" else RETRIEVER_COLOURS[s.retriever],
                markeredgecolor=colour,
                markersize=8,
            )
            scores.text(
                min(one[high] + 0.03, 0.98),
                y + up,
                percent(one[value]),
                va="center",
                fontsize=9,
                color=colour,
            )


# who answers -> (column of its share, its colour)
READING = {
    "base": ("accuracy", COLOURS["RAG"]),
    "tuned reader": ("reader_accuracy", COLOURS["reader + RAG"]),
}
SHORT = 64  # tokens to read: one passage of the baseline


@styled
def evidence_and_answers(answered: pd.DataFrame) -> Picture:
    """Do right answers follow found evidence? One dot a setting and model, with the interval of its
    answers: full for little to read, hollow for more; what lies on the diagonal was found and
    read."""
    figure, axes = canvas(WIDE, 4.2)
    axes.plot([0, 1], [0, 1], color="#DDDDDD", linewidth=1.2)
    axes.text(
        0.48, 0.5, "all that was found\nread rightly", color="#767676", fontsize=9, ha="right"
    )
    ranges: dict[bool, list[str]] = {True: [], False: []}
    for name, (share, colour) in READING.items():
        for short, parts in ranges.items():
            rows = answered[(answered["tokens"] <= SHORT) == short].dropna(subset=[share])
            if rows.empty:
                continue
            at = rows["recall"] + (0.003 if name == "base" else -0.003)  # beside each other
            limits = (rows[f"{share}_low"], rows[f"{share}_high"])
            axes.vlines(at, *limits, color=colour, linewidth=0.8, alpha=0.3)
            fill = colour if short else "white"
            axes.plot(at, rows[share], "o", color=fill, markeredgecolor=colour, markersize=6.5)
            parts.append(f"{name} {_range(rows[share])}")
    axes.set_xlim(0, 1)
    half_shares(axes.xaxis, axes.set_xlim)
    axes.set_ylim(0, 0.6)
    axes.set_yticks([0, 0.25, 0.5], ["0", "25 %", "50 %"])
    axes.set_xlabel("evidence found")
    axes.set_ylabel("answers right")
    for y, (name, (_, colour)) in zip((0.56, 0.52), READING.items(), strict=True):
        axes.text(0.70, y, f"● {name}", color=colour, fontweight="bold", fontsize=10)
    axes.text(
        0.70, 0.47, f"full: at most {SHORT} tokens to read\nhollow: more", fontsize=9, va="top"
    )
    title = f"Right answers from at most {SHORT} tokens: {', '.join(ranges[True])}"
    if ranges[False]:
        title += f"; from more: {', '.join(ranges[False])}"
    heading(figure, title)
    n = answered["n_answers"].iloc[0]
    alt = f"{title}. {len(answered)} settings, n = {n:.0f} questions each, over evidence found."
    return finish(figure, alt, answered)


def _range(shares: pd.Series) -> str:
    """As "8 to 20 %"."""
    low, high = shares.min(), shares.max()
    return percent(low) if low == high else percents(low, high)


@styled
def frontier(grid: pd.DataFrame, baseline: ChunkingSetting, chosen: ChunkingSetting) -> Picture:
    """Evidence found against the tokens that the reader must read: all that was measured, the
    frontier, the baseline (◇) and the setting that was chosen (●)."""
    figure, axes = canvas(8.6, 4.2)
    best = chunking_grid.frontier(grid)
    axes.plot(grid["tokens"], grid["recall"], ".", color="#CCCCCC", markersize=4)
    axes.step(best["tokens"], best["recall"], where="post", color=COLOURS["RAG"], linewidth=1.6)
    rows = {"baseline": baseline, "chosen": chosen}
    found = {name: chunking_grid.row_of(grid, setting) for name, setting in rows.items()}
    for (name, row), mark, fill in zip(found.items(), "Do", ("white", COLOURS["RAG"]), strict=True):
        axes.plot([row["tokens"]] * 2, [row["low"], row["high"]], color=INK, linewidth=1.4)
        axes.plot(row["tokens"], row["recall"], mark, color=fill, markeredgecolor=INK, markersize=9)
        axes.annotate(
            name,
            (row["tokens"], row["recall"]),
            xytext=(10, -12),
            textcoords="offset points",
            fontweight="bold",
        )
    axes.set_xscale("log")
    axes.set_xticks([30, 100, 300, 1000, 3000], ["30", "100", "300", "1,000", "3,000"])
    axes.minorticks_off()
    axes.set_xlabel("tokens of passages the reader must read")
    axes.set_ylabel("evidence found")
    half_shares(axes.yaxis, axes.set_ylim)
    title = (
        f"From {percent(found['baseline']['recall'])} of the evidence in"
        f" {found['baseline']['tokens']:,.0f} tokens to {percent(found['chosen']['recall'])} in"
        f" {found['chosen']['tokens']:,.0f}: {chosen}"
    )
    heading(figure, title, 92)
    said = "; ".join(
        f"{r['tokens']:,.0f} tokens {percent(r['recall'])}" for _, r in best.iterrows()
    )
    alt = f"{title}. The frontier: {said}; n = {found['chosen']['n']:.0f} questions."
    return finish(figure, alt, best)


@styled
def access(counts: pd.DataFrame, allowed: pd.DataFrame) -> Picture:
    """Who got to see what? A cell for each user and restricted document: passages found. Green: may
    read it; every number elsewhere is a leak."""
    leaks, shown = (
        int(counts.where(~allowed, 0).to_numpy().sum()),
        int(counts.where(allowed, 0).to_numpy().sum()),
    )
    figure, axes = canvas(9.2, 0.36 * len(counts) + 2.4)
    for y, who in enumerate(counts.index):
        for x, document in enumerate(counts.columns):
            count, may = counts.loc[who, document], allowed.loc[who, document]
            axes.barh(
                y,
                0.94,
                left=x - 0.47,
                height=0.9,
                color="#9ADBC5" if may else "#D55E00" if count else "#F0F0F0",
            )
            axes.text(
                x,
                y,
                str(count),
                ha="center",
                va="center",
                color=INK if may or count else "#777777",
                fontsize=9,
                fontweight="bold" if count else "normal",
            )
    axes.set(xlim=(-0.5, len(counts.columns) - 0.5), ylim=(len(counts) - 0.5, -0.5))
    axes.set_xticks(
        range(len(counts.columns)),
        [textwrap.fill(name.replace("-", " "), 13) for name in counts.columns],
        fontsize=8,
    )
    axes.set_yticks(range(len(counts)), counts.index)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    title = f"{leaks} passages reached users who may not read them; {shown} reached those who may"
    heading(figure, title, 200)
    axes.set_xlabel("passages found; green: this user may read the document", fontsize=9)
    return finish(figure, f"{title}. Users in rows, restricted documents in columns.", counts)


@styled
def doors(rules: dict[str, dict]) -> Picture:
    """What does each rule at the door keep out? Of `ingestion` in reference/attacks.json: attacks,
    look-alikes, the handbook, each with its interval."""
    rows = []
    for rule, found in rules.items():
        parts = {
            "attacks": [*found["poisoned"].values()],
            "look-alikes": [*found["look_alike"].values()],
            "handbook": [found["handbook"]],
        }
        for what, counts in parts.items():
            count, n = sum(c["count"] for c in counts), sum(c["n"] for c in counts)
            rows.append(
                {"rule": rule, "pages": what, "kept out": count, "n": n, "share": count / n}
                | dict(zip(("low", "high"), wilson(count, n), strict=True))
            )
    table = pd.DataFrame(rows)
    figure, axes = canvas(7.6, 0.95 * len(rules) + 1.5)
    for i, row in table.iterrows():
        y = i // 3 + 0.27 * (i % 3 - 1)
        axes.barh(y, row["share"], color=DOOR_COLOURS[row["pages"]], height=0.24)
        axes.plot([row["low"], row["high"]], [y, y], color=INK, linewidth=1.4)
        axes.text(
            row["high"] + 0.015,
            y,
            f"{row['pages']}: {row['kept out']} of {row['n']}",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(rules)), list(rules))
    axes.set_ylim(len(rules) - 0.5, -0.55)
    axes.tick_params(axis="y", length=0)
    half_shares(axes.xaxis, axes.set_xlim, high=1.3)
    axes.set_xlabel("pages kept out, with 95 % interval: attacks should be, the others should not")
    bad = table[table["pages"] == "attacks"]
    title = "No rule keeps all attacks out: " + ", ".join(
        f"{r['rule']} {r['kept out']} of {r['n']}" for _, r in bad.iterrows()
    )
    if (bad["kept out"] == bad["n"]).any():
        title = title.replace("No rule keeps all attacks out", "Attacks kept out")
    heading(figure, title, 72)
    harmless = "; ".join(
        f"{what}: "
        + ", ".join(f"{r['rule']} {r['kept out']} of {r['n']}" for _, r in found.iterrows())
        for what, found in table[table["pages"] != "attacks"].groupby("pages")
    )
    return finish(figure, f"{title}. Harmless pages kept out: {harmless}.", table)


@styled
def gallery(failures: Sequence[Failure], guess: Mapping[str, float] | None = None) -> Picture:
    """What did each fix do? A line a failure: the share of its cases that went well before (hollow)
    and after (full), each with its interval; coloured where the two intervals separate."""
    rows = [
        {"failure": f.name, "when": when, "good": count.good, "n": count.n, "improved": f.improved}
        | {"share": count.good / count.n}
        | dict(zip(("low", "high"), wilson(*count), strict=True))
        for f in failures
        for when, count in (("before", f.before), ("after", f.after))
    ]
    table = pd.DataFrame(rows)
    figure, axes = canvas(WIDE, 0.36 * len(failures) + 1.5)
    for i, row in table.iterrows():
        y, after = i // 2 + (0.13 if i % 2 else -0.13), bool(i % 2)
        colour = VERDICT_COLOURS["better" if row["improved"] else "cannot tell"]
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.4, alpha=0.6)
        axes.plot(
            row["share"],
            y,
            "o",
            markersize=7,
            markeredgecolor=colour,
            markerfacecolor=colour if after else "white",
            clip_on=False,
            zorder=3,
        )
    for y, f in enumerate(failures):
        said = f"{f.before.good} → {f.after}"
        axes.text(1.05, y, said, va="center", fontsize=9)
    whole = sum(f.after.good == f.after.n for f in failures)
    better = sum(f.improved for f in failures)
    title = (
        f"{whole} of {len(failures)} failures are gone on all of their cases; {better} improve by"
        " more than the intervals"
    )
    axes.set_yticks(range(len(failures)), [f.name for f in failures])
    axes.set_ylim(len(failures) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    half_shares(axes.xaxis, axes.set_xlim, -0.02, 1.3)
    guessed = f"; your guess {percent(guess['failures'])}" if guess else ""
    axes.set_xlabel(
        f"cases that go well, before (hollow) and after the fix, with 95 % interval;\n"
        f"green: the intervals separate, grey: too few cases to tell{guessed}"
    )
    heading(figure, title)
    left = sorted(failures, key=lambda f: f.after.good / f.after.n)[:3]
    worst = ", ".join(f"{f.name} {f.after}" for f in left if f.after.good < f.after.n)
    return finish(figure, f"{title}. Most is left of: {worst or 'none'}.", table)


SCALED = {  # panel -> (column of `bench.scale.flat`, what it is, colour)
    "seconds": [
        ("build_seconds", "build", INK),
        ("ready_seconds", "open, first answer", COLOURS["RAG"]),
        ("bm25_setup_seconds", "set up BM25", COLOURS["few-shot"]),
    ],
    "ms an answer (median)": [
        ("dense_ms_p50", "dense", COLOURS["RAG"]),
        ("graph_ms_p50", "by the graph", COLOURS["oracle context"]),
        ("graph_ms_without_condition_p50", "graph, no condition", "#56B4E9"),
        ("bm25_ms_p50", "BM25", COLOURS["few-shot"]),
    ],
    "recall in the top 10, against exact": [
        ("recall_at_10", "dense", COLOURS["RAG"]),
        ("graph_recall_at_10", "by the graph", COLOURS["oracle context"]),
    ],
}


@styled
def scale(table: pd.DataFrame) -> Picture:
    """What do more chunks cost, and does the search still find as much? `bench.scale.flat` as a
    table, drawn over the number of chunks (log scale)."""
    table = (
        table.sort_values("chunks")
        .assign(ready_seconds=lambda t: t["open_seconds"] + t["first_answer_seconds"])
        .reset_index(drop=True)
    )
    last = table.iloc[-1]
    title = (
        f"At {last['chunks']:,.0f} chunks: {last['build_seconds']:,.0f} s to build,"
        f" {last['dense_ms_p50']:,.0f} ms a dense answer, recall@10 {last['recall_at_10']:.3f}"
    )
    graphs = table[table["graph_ms_p50"].notna()]
    if len(graphs):
        most = graphs.iloc[-1]
        title += (
            f". Chroma's graph at {most['chunks']:,.0f}: {most['graph_ms_p50']:,.0f} ms with the"
            f" condition on access, {most['graph_ms_without_condition_p50']:,.0f} without"
        )
    figure, only = canvas(9.4, 3.7)
    only.remove()
    for axes, (panel, lines) in zip(figure.subplots(1, len(SCALED)), SCALED.items(), strict=True):
        for i, (column, name, colour) in enumerate(lines):
            axes.plot(
                table["chunks"],
                table[column],
                color=colour,
                marker="osD^"[i],
                markersize=5,
                linewidth=1.8,
                label=name,
            )
        recall = panel.startswith("recall")
        axes.set(xscale="log", yscale="linear" if recall else "log", xlabel="chunks")
        axes.set_xticks(
            [
                n
                for n in (1_000, 10_000, 100_000, 1_000_000)
                if table["chunks"].min() <= n <= last["chunks"]
            ]
        )
        axes.xaxis.set_major_formatter("{x:,.0f}")
        if recall:
            axes.set_ylim(min(0.9, table["recall_at_10"].min() - 0.02), 1.005)
        axes.set_title(panel, fontsize=10)
        axes.legend(frameon=False, fontsize=8.5, loc="lower left" if recall else "upper left")
        axes.margins(y=0.17 * len(lines))  # room for the legend
        axes.grid(color=PALE, linewidth=0.6)
    heading(figure, title, 92)
    said = "; ".join(
        f"{r['chunks']:,.0f} chunks: "
        + ", ".join(
            f"{name} {r[column]:,.4g}"
            for lines in SCALED.values()
            for column, name, _ in lines
            if pd.notna(r[column])
        )
        for _, r in table.iterrows()
    )
    return finish(figure, f"{title}. {'; '.join(SCALED)}. {said}.", table)
