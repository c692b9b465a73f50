# %% [markdown]
# # 03 · Would better chunking fix it?
#
# **Why it matters.** When a RAG system misses, one person says "we need semantic chunking", another "hybrid search", a third "just pass more text". Each costs
# something: a rebuilt index, a second retriever, extra tokens in every prompt. Here each of these settings is changed alone, on the same questions, and you see which
# of them make a measurable difference.
#
# At Brindlemark the engineer wants to rebuild the index, and the Managing director wants to know what a rebuild is good for if the model gets trained anyway.
#
# **On trial here:** *"Fix retrieval and context first, then consider fine-tuning."* Can retrieval be fixed without training, and do right answers follow?
#
# **Time:** 20 minutes to read · 2 minutes to run · 30 minutes of exercises. **Before:** 02.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Run it for real*, exercises 03.1 to 03.3.
#
# **By the end you can**
# - say what a chunker breaks before any search has run, and show it in one document;
# - change strategy, size, overlap, k and retriever one at a time, and read *better*, *worse* or *cannot tell*;
# - tell evidence found from answers right, and name the cost of each in tokens.

# %%
import pandas as pd

from helpers import labs, plots
from helpers.data import load_handbook, load_questions
from helpers.experiments import ChunkingSetting, chunking_grid
from helpers.retrieval import STRATEGIES, cut, token_spans

pd.set_option("display.max_colwidth", 110)
documents = load_handbook()
by_id = {d.id: d for d in documents}
questions = chunking_grid.answerable(load_questions("dev", documents))
print(f"{len(documents)} document versions, {len(questions)} questions with evidence")
print(f"about {len({c.fact for c in questions})} facts")

# %% [markdown]
# ## Before any search: does cutting break the evidence?
#
# A chunk is all that a search can find. If the sentence that proves the answer is cut in two, no retriever or model can put it back together unless both halves
# are found. So the first question needs no embedder: **for how many questions does one chunk contain the complete evidence of a document?**
#
# First by hand. Whole sentences, packed until 64 tokens are full:

# %%
import re


def pack_sentences(text, chunk_size):
    ends = [m.end() for m in re.finditer(r"(?<=[.!?])\s+|\n+", text)]
    spans, start, here = [], 0, 0
    for end in [*ends, len(text)]:
        if len(token_spans(text[start:end])) > chunk_size and here > start:
            spans.append((start, here))
            start = here
        here = end
    return [*spans, (start, len(text))]


leave = by_id["parental-leave-uk-v2"]
[leave.text[a:b] for a, b in pack_sentences(leave.text, 64)][3:6]

# %% [markdown]
# The helper `cut` knows four strategies. **tokens** counts and cuts; **recursive** prefers paragraphs, then lines, sentences, words; **sentences** is what you just built;
# **headings** takes a section at a time. All of them give exact spans: `text[start:end]` *is* the chunk.


# %%
def whole_in_one_chunk(strategy, size):
    pieces = {d.id: cut(d.text, size, size // 4, strategy) for d in documents}
    return sum(
        all(
            any(a <= e.start and e.end <= b for a, b in pieces[e.doc])
            for e in c.gold.evidence
        )
        for c in questions
    ) / len(questions)


broken = pd.DataFrame(
    {
        size: {s: 1 - whole_in_one_chunk(s, size) for s in STRATEGIES}
        for size in (32, 64, 128, 256)
    }
)
broken.map(plots.percent).rename_axis("evidence broken at chunk size", axis=1)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# At 32 tokens only the strategy that keeps sentences whole leaves most evidence intact: the others fall back to cutting anywhere when a piece is too long. At 128 tokens and above none of them breaks anything. This is a ceiling
# for one-passage retrieval, nothing more: intact evidence must still be *found*.
# </details>
#
# ## One document, cut in two ways

# %%
from IPython.display import HTML

example = next(
    c for c in questions if c.fact == "parental-leave-uk.supporting-days"
).gold.evidence[0]
HTML(
    labs.coloured_chunks(leave, ChunkingSetting("tokens", 32, 0.0), example.quote)
    + labs.coloured_chunks(leave, ChunkingSetting("headings", 128, 0.0), example.quote)
)

# %% [markdown]
# **Checkpoint 03.a** · A sentence was cut in two. Which part of the system can repair that?
#
# <details><summary>A · A better embedder.</summary>No. It can rank the halves, and neither of them holds the whole sentence.</details>
# <details><summary>B · A larger model.</summary>Only if both halves happen to be found. Nothing makes sure of that.</details>
# <details><summary>C · Only the cutter.</summary>Yes. A chunk is all that a search can find, which is why this is measured before any search.</details>
#
# ## Two ways to search, and both at once
#
# **Dense** search compares meanings (vectors); [**BM25**](GLOSSARY.md) compares words, rare ones counting more. They fail on different questions, so people fuse them:
# [**reciprocal rank fusion**](GLOSSARY.md) gives a passage 1 / (60 + rank) points in each list and adds them up. By hand, for one question:

# %%
index = chunking_grid.index_of(documents, ChunkingSetting())
ask = next(c for c in questions if c.fact == "parental-leave-uk.supporting-days").ask
lists = {
    r: index.search(ask.input, ask.groups, ask.as_of, 20, r) for r in ("dense", "bm25")
}
points = {}
for found in lists.values():
    for rank, p in enumerate(found, start=1):
        points[p.doc, p.start] = points.get((p.doc, p.start), 0) + 1 / (60 + rank)
print(ask.input)
pd.DataFrame(
    {
        **{r: [f"{p.doc} {p.start}" for p in found[:4]] for r, found in lists.items()},
        "fused": [
            f"{d} {at}" for d, at in sorted(points, key=points.get, reverse=True)[:4]
        ],
    }
)

# %% [markdown]
# ## The reference grid
#
# Every combination of four strategies, four sizes, overlap or none, three retrievers and four k was measured once, on the dev questions, and with them some better ways to search. Its provenance (weights, data,
# code, date) is in the file; one command measures it again. **Predict** first: for what share of the questions will all the evidence be among the passages?

# %%
from helpers.labs import answer_guess, predict, predict_which, record, settle
from helpers.labs import held, out_of, the_climb
from helpers.labs import what_happened, what_we_found, yes_or_no

predict(
    "03.recall",
    "Evidence found, 64 tokens:",
    ["dense, k = 1", "dense, k = 5", "bm25, k = 5", "hybrid, k = 5"],
)

# %%
grid = chunking_grid.load_grid()
shown = {
    f"{r}, k = {k}": chunking_grid.row_of(grid, ChunkingSetting(retriever=r, top_k=k))
    for r, k in (("dense", 1), ("dense", 5), ("bm25", 5), ("hybrid", 5))
}
table = pd.DataFrame(
    {
        name: row[["recall", "low", "high", "n"]].rename({"recall": "share"})
        for name, row in shown.items()
    }
).T.astype(float)
for name, row in table.iterrows():
    says = f"{name}: all evidence found on dev, tokens, 64"
    record(f"03.recall/{name}", says, row, {"reference": "chunking.json"})
_, dense, words, fused = (plots.percent(found) for found in table["share"])
plots.bars(
    table,
    f"Dense finds {dense} in five passages, BM25 {words}, hybrid {fused}",
    "evidence found",
    guess=answer_guess("03.recall"),
)

# %% [markdown]
# Look at the bar of BM25 first. It is the baseline: no model, no vectors, an index in milliseconds. And note that fusing a good list with a worse one need not improve it.
#
# ## The lab
#
# Move one slider at a time. On the left, evidence found against the tokens the reader must read: grey dots are all settings measured. On the right, this setting (●) against the
# baseline of notebook 02 (◇). The line above the picture states the verdict. **Look for** the setting that finds the most for the fewest tokens, and for a setting that makes no difference.
# Sizes not measured yet (32, 96, …) can be **run for real**. (Without a running kernel the sliders do nothing; the plain cells below show the same.)
#
# Below the picture stands what follows: what to build, whether it is good enough, what to do next, for the scenario on the left. Under each slider its own axis is coloured by the answer that it would bring, and a bar marks where
# the answer turns round. **Predict**, before you move anything: staff look for the right page themselves, and use the search if it finds it six times in ten. How many passages must it show?

# %%
from helpers.labs import chunking_lab

chunking_lab(grid, documents, questions, leave, example.quote)

# %% [markdown]
# The same as a plain cell:

# %%
case = chunking_grid.what_if(grid, ChunkingSetting("sentences", 128, 0.25, "dense", 3))
print(case.sentence())
plots.chunking_setting(grid, case)

# %%
ends = {
    f"{r}, k = {k}": labs.chunking_answer(
        grid, ChunkingSetting(retriever=r, top_k=k), "find the page"
    )
    for r in ("bm25", "dense")
    for k in chunking_grid.TOP_KS
}
labs.table(ends)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The same documents, the same requirement, one slider: with few passages the search is not good enough, with more it may answer alone, and between the two nobody can tell on these questions. With words alone (BM25, without
# stems) it does not get there. Now take the scenario *policy assistant*, where an answer is wanted and not a page: there the slider hardly moves the share of right answers, and the next step turns from the search to the reading
# as soon as most of the evidence is found. *At the counter* a long context is read too slowly, so that more passages leave no system at all.
# </details>
#
# ## Which change makes a difference?
#
# Each change alone, from the same baseline. Seven comparisons at once, so the intervals are wider than for one (Bonferroni): try enough things and one of them will look better by chance.
# **Predict** which of them finds the most *for no more tokens*.

# %%
from dataclasses import replace

levers = {
    "sentences": {"strategy": "sentences"},
    "headings": {"strategy": "headings"},
    "recursive": {"strategy": "recursive"},
    "no overlap": {"overlap": 0.0},
    "256 tokens": {"chunk_size": 256},
    "hybrid": {"retriever": "hybrid"},
    "k = 3": {"top_k": 3},
}
predict_which("03.lever", "Which finds most for no more tokens?", levers)

# %%
moved = {
    name: chunking_grid.what_if(
        grid, replace(ChunkingSetting(), **change), comparisons=len(levers)
    )
    for name, change in levers.items()
}
chunking_grid.verdicts(moved)

# %%
cheap = {name: m for name, m in moved.items() if m.row["tokens"] <= m.base["tokens"]}
best = max(cheap, key=lambda name: cheap[name].found.difference)
settle("03.lever", best, list(levers), int(moved[best].row["n"]))
for name, m in moved.items():
    says = f"{name} against tokens, 64, dense, k = 1: evidence found"
    record(f"03.lever/{name}/found", says, m.found, {"reference": "chunking.json"})

# %%
better = ", ".join(name for name, m in moved.items() if m.found.verdict == "better")
dear = [name for name in moved if name not in cheap]
what_happened(
    f"""Two kinds of change. {", ".join(dear)}: they pass more text, look at the
    tokens. The others cost no more, because a passage no longer begins and ends in
    the middle of a thought; of these {best} finds most,
    {cheap[best].found.verdict_in_points()}. Clearly better, with all seven intervals
    holding at once: {better or "none"}. That one is clear and another is not does not
    make the two differ: compare at equal tokens, below."""
)

# %% [markdown]
# **Checkpoint 03.b** · Two settings find more evidence. One passes four times the text, the other less text than before. How do you compare them?
#
# <details><summary>A · By evidence found alone.</summary>No. More text nearly always finds more, and every token is paid for at each request and has to be read.</details>
# <details><summary>B · At equal tokens.</summary>Yes. That is what the frontier in the next section draws.</details>
# <details><summary>C · By the verdict: the one that is called better wins.</summary>No. That one is clear and the other is not does not say that the two differ.</details>
#
# ## What the search reads
#
# A chunk says "28 days' notice". Of what? For whom? Its own text does not say; the page's title does, or a heading above it, or the page's region. So something can be put **before each chunk** when it is embedded: nothing, the title
# (as notebook 02 did), or title, headings, section and region. (Only the search reads it: the passage that goes to the reader stays as it was.) BM25 can compare the [**stems**](GLOSSARY.md) of words, so that *returning* finds
# *returns*. And the two lists can be fused by their **scores**, with a weight, instead of by ranks. Five questions, so the intervals are wide enough for five. **Predict** which of them is worth its effort.

# %%
short = ChunkingSetting("sentences", 64, 0.25, "dense", 5)
long = replace(short, chunk_size=200, retriever="hybrid", stem=True)
weighed = replace(long, lexical_weight=0.3)
ways = {
    "the title before each chunk, or nothing": (short, replace(short, context="none")),
    "headings, section and region as well": (replace(short, context="place"), short),
    "BM25 on stems": (
        replace(long, retriever="bm25"),
        replace(long, retriever="bm25", stem=False),
    ),
    "scores with a weight, or ranks": (weighed, long),
    "10 passages of 64 tokens, or 3 of 200": (
        replace(short, top_k=10),
        replace(weighed, top_k=3),
    ),
}
measured = {
    name: chunking_grid.what_if(grid, *pair, comparisons=len(ways))
    for name, pair in ways.items()
}
chunking_grid.verdicts(measured)

# %% tags=["picture-frontier"]
plots.frontier(grid, ChunkingSetting(), short)

# %%
title, place, stems, weights, pieces = (m.found for m in measured.values())
what_happened(
    f"""The **title** is what a short chunk lacks: {title.verdict_in_points()} with
    it, and the reader pays nothing, because only the search reads it. Headings,
    section and region on top: {place.verdict_in_points()}. **Stems** for BM25:
    {stems.verdict_in_points()}; a weight for the fusion:
    {weights.verdict_in_points()}. Many short passages against a few long ones at
    equal tokens: {pieces.verdict_in_points()}. So compare settings along the lower
    axis. (Its upper line is the best of several hundred settings on these very
    questions: expect less on new ones.)"""
)

# %%
deep = {
    k: chunking_grid.row_of(grid, replace(short, top_k=k))
    for k in (1, 3, 5, 10, 20, 50)
}
pd.DataFrame(
    {
        f"k = {k}": {
            "evidence found": out_of(row.rename({"recall": "share"})),
            "tokens": f"{row['tokens']:,.0f}",
        }
        for k, row in deep.items()
    }
).T

# %% [markdown]
# This table says what kind of problem is left. What is missing among 5 passages but there among 50 was found and **ranked too low**: a better ranking can bring it forward. What is missing among 50 was **not found** at all,
# and no ranking helps: then the words of the page and of the question do not meet.
#
# ## Evidence found is not yet an answer
#
# The passages go to a reader. Here is what it made of the settings for which a model has answered 60 questions.

# %%
answered = grid[grid["accuracy"].notna()].sort_values("recall")
columns = [
    "strategy",
    "chunk_size",
    "retriever",
    "top_k",
    "recall",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "prompt_tokens",
]
answered[columns].iloc[
    [0, len(answered) // 4, len(answered) // 2, -len(answered) // 4, -1]
].round(2)

# %%
plots.evidence_and_answers(answered)

# %%
cut_well = chunking_grid.what_if(grid, moved["sentences"].setting)
three = chunking_grid.what_if(grid, ChunkingSetting(top_k=3))
what_happened(
    f"""Three passages instead of one: evidence {three.found.verdict_in_points()},
    right answers {three.right.verdict_in_points()}. One passage, cut at sentences:
    evidence {cut_well.found.verdict_in_points()}, right answers
    {cut_well.right.verdict_in_points()}. It is the search that this small reader can
    use: little text, and whole thoughts. Where more evidence brings no more right
    answers, the bottleneck is the reader: notebook 08 separates the two."""
)

# %% [markdown]
# ## Run it for real
#
# A setting that is not in the grid, on this machine: cut, embed, search for all questions. (The second time the result is immediate. Whether a vector database finds
# the true nearest neighbours, and what a condition on rights costs in an index of 100,000 chunks, `python3 workbook.py bench scale` measures.)

# %%
from helpers.core import Progress

mine = chunking_grid.live(
    documents,
    questions,
    ChunkingSetting("sentences", 96, 0.25),
    Progress(lambda share, what: None),
)
mine[mine["retriever"] == "dense"][
    [
        "strategy",
        "chunk_size",
        "top_k",
        "recall",
        "low",
        "high",
        "tokens",
        "precision",
        "iou",
        "chunks",
    ]
].round(2)

# %% [markdown]
# **Checkpoint 03.c** · Suppose three passages hold the evidence more often than one, and no more answers are right. What follows?
#
# <details><summary>A · Evidence does not matter.</summary>No. Without it hardly anything is right.</details>
# <details><summary>B · This reader does not use it: the bottleneck has moved from finding to reading.</summary>Yes. Notebook 08 separates the two, and a stronger model is where this picture changes most.</details>
# <details><summary>C · The measurement of the evidence is wrong.</summary>It was counted by exact spans, so this is the last thing to suspect.</details>
#
# ## Exercise 03.1 · Fuse two rankings
#
# Write reciprocal rank fusion: `rankings` is a list of lists of ids, best first. Return the ids, most points first.

# %%
from helpers.exercises import exercise


def fuse(rankings, k):
    ### BEGIN SOLUTION 03.1
    points = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, start=1):
            points[one] = points.get(one, 0) + 1 / (k + rank)
    return sorted(points, key=points.get, reverse=True)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("03.1").check(fuse)

# %% [markdown]
# ## Exercise 03.2 · The text that no chunk contains
#
# Three chunkers that shipped: one never makes the last, shorter window; one has the sign of the overlap wrong; one skips tables. In all three the demo worked. Write the check
# that exposes them: `lost_text(cutter, text)` returns the characters (as one string) that are in none of the spans of `cutter(text)`.


# %%
def lost_text(cutter, text):
    ### BEGIN SOLUTION 03.2
    covered = {at for start, end in cutter(text) for at in range(start, end)}
    return "".join(c for at, c in enumerate(text) if at not in covered)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("03.2").check(lost_text)

# %% [markdown]
# ## Exercise 03.3 · What the embedder never read
#
# This embedder reads 256 tokens and silently drops the rest of a longer chunk; a team that moved to chunks of 512 indexed half of its handbook. Write
# `unread_share(token_counts, limit)`: the share of all tokens that were not read (0 when there are no chunks).


# %%
def unread_share(token_counts, limit):
    ### BEGIN SOLUTION 03.3
    return (
        sum(max(0, n - limit) for n in token_counts) / sum(token_counts)
        if token_counts
        else 0.0
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("03.3").check(unread_share)

# %% [markdown]
# ## Exercise 03.4 · Choose, within a budget
#
# The reader may be given at most 400 tokens of passages per question. Choose a `ChunkingSetting` from the grid, and say how it compares with `ChunkingSetting(top_k=3)`:
# *better*, *worse* or *cannot tell*. (Leaders: this is the meeting. Anyone who asks for a rebuild should be able to state this sentence.)

# %%
my_setting, my_verdict = ..., ...
### BEGIN SOLUTION 03.4
best = grid[grid["tokens"] <= 400].nlargest(1, "recall").iloc[0]
my_setting = chunking_grid.setting_of(best)
my_verdict = chunking_grid.what_if(
    grid, my_setting, ChunkingSetting(top_k=3)
).found.verdict
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("03.4").check((my_setting, my_verdict))

# %% [markdown]
# ## What we found

# %%
before, now = (
    out_of(one.rename({"recall": "share"})) for one in (cut_well.base, cut_well.row)
)
answer = f"""**Would better chunking fix it?** {yes_or_no(cut_well.right.verdict)}, as
far as finding goes. Cut at sentences, one passage holds the evidence for {now}
questions instead of {before}, for fewer tokens; right answers:
{cut_well.right.verdict_in_points()}. What is found is not yet read."""
the_climb("03")

# %%
what_we_found(
    answer,
    {
        "retrieval can be fixed without training": (
            held(title.verdict),
            f"the title before each chunk: {title.verdict_in_points()}",
        ),
        "more right answers follow a better search": (
            held(cut_well.right.verdict),
            f"one passage, cut well: {cut_well.right.verdict_in_points()}",
        ),
        "they follow more text": (
            held(three.right.verdict),
            f"three passages: {three.right.verdict_in_points()}",
        ),
    },
)

# %% [markdown]
# **You have seen**
# - evidence broken by the chunker alone, before any search;
# - each setting changed alone, with an interval and a verdict;
# - evidence found and answers right as two different things, with their cost in tokens.
#
# **For the decision:** recall by retriever and by setting is in your journal. **Next:** [04 · what RAG controls](04_what_rag_controls.ipynb): who may see what, since when, and can we take it back?
