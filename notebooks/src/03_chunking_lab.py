# %% [markdown]
# # 03 · Would better chunking fix it?
#
# **Why it matters.** When a RAG system misses, one person says "we need semantic chunking", another "hybrid search", a third "just pass more text". Each costs
# something: a rebuilt index, a second retriever, extra tokens in every prompt. Here you change one setting at a time, on the same questions, and see which
# of them make a measurable difference.
#
# At Brindlemark the engineer wants to rebuild the index. The Managing director asks why anyone would rebuild it, if the model is going to be trained anyway.
#
# **On trial here:** *"Fix retrieval and context first, then consider fine-tuning."* Can retrieval be fixed without training, and do right answers follow?
#
# **Time:** 20 minutes to read · 1 minute to run · 20 minutes of exercises. **Before:** 02.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Two ways to search, and both at once*, exercises 03.1 and 03.2.
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
from helpers.retrieval.sentences import sentence_spans

documents = load_handbook()
leave = next(d for d in documents if d.id == "parental-leave-uk-v2")
questions = chunking_grid.answerable(load_questions("dev", documents))
print(f"{len(documents)} document versions, {len(questions)} questions with evidence")

# %% [markdown]
# ## Before any search: does cutting break the evidence?
#
# A chunk is all that a search can find. If the sentence that proves the answer is cut in two, no retriever or model can put it back together unless both halves
# are found. So the first question needs no embedder: **for how many questions does one chunk contain the complete evidence of a document?**
#
# First by hand: whole sentences, packed until 64 tokens are full. Then the helper `cut`, which knows four strategies. **tokens** counts and cuts; **recursive** prefers paragraphs, then lines, sentences, words;
# **sentences** is what you build here; **headings** takes a section at a time. All of them give exact spans: `text[start:end]` *is* the chunk.


# %%
def pack_sentences(text, chunk_size):
    chunks, tokens = [], chunk_size
    for start, end in sentence_spans(text):
        length = len(token_spans(text[start:end]))
        if tokens + length > chunk_size:  # full: begin the next one
            chunks.append([start, end])
            tokens = 0
        chunks[-1][1], tokens = end, tokens + length
    return chunks


[leave.text[a:b] for a, b in pack_sentences(leave.text, 64)][3:6]


# %%
def is_whole(evidence, spans):
    return any(a <= evidence.start and evidence.end <= b for a, b in spans)


def broken(strategy, size):
    cuts = {d.id: cut(d.text, size, size // 4, strategy) for d in documents}
    whole = [all(is_whole(e, cuts[e.doc]) for e in c.gold.evidence) for c in questions]
    return plots.percent(1 - sum(whole) / len(whole))


shares = {n: {s: broken(s, n) for s in STRATEGIES} for n in (32, 64, 128, 256)}
pd.DataFrame(shares).rename_axis("evidence broken at chunk size", axis=1)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# At 32 tokens only the strategy that keeps sentences whole leaves most evidence intact: the others fall back to cutting anywhere when a piece is too long. At 128 tokens and above none of them breaks anything. That only sets
# an upper limit: evidence that is whole must still be *found*.
# </details>
#
# ## One document, cut in two ways

# %%
from IPython.display import HTML, display

asked = next(c for c in questions if c.fact == "parental-leave-uk.supporting-days")
quote = asked.gold.evidence[0].quote
by_tokens, by_headings = (
    labs.coloured_chunks(leave, ChunkingSetting(strategy, size, 0.0), quote)
    for strategy, size in (("tokens", 32), ("headings", 128))
)
HTML(by_tokens + by_headings)

# %% [markdown]
# **Checkpoint 03.a** · A sentence was cut in two. Which part of the system can repair that?
#
# <details><summary>A · A better embedder.</summary>No. It can rank the halves, and neither of them holds the whole sentence.</details>
# <details><summary>B · A larger model.</summary>Only if both halves happen to be found. Nothing makes sure of that.</details>
# <details><summary>C · Only the cutter.</summary>Yes. A chunk is all that a search can find, which is why this is measured before any search.</details>
#
# ## Exercise 03.1 · The text that no chunk contains
#
# Three chunkers from real projects: one never makes the last, shorter window; one has the sign of the overlap wrong; one skips tables. In all three the demo worked. Write the check
# that exposes them: `lost_text(cutter, text)` returns the characters (as one string) that are in none of the spans of `cutter(text)`.

# %%
from helpers.exercises import exercise


def lost_text(cutter, text):
    ### BEGIN SOLUTION 03.1
    covered = {at for start, end in cutter(text) for at in range(start, end)}
    return "".join(c for at, c in enumerate(text) if at not in covered)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("03.1").check(lost_text)

# %% [markdown]
# ## Two ways to search, and both at once
#
# **Dense** search compares meanings (vectors); [**BM25**](GLOSSARY.md) compares words, rare ones counting more. They fail on different questions, so people combine them (*hybrid* search):
# [**reciprocal rank fusion**](GLOSSARY.md) gives a passage 1 / (60 + rank) points in each list and adds them up. (The 60 comes from the paper; it keeps the first ranks from deciding alone.) By hand, for one question:

# %%
index = chunking_grid.index_of(documents, ChunkingSetting())
ask, lists, points = asked.ask, {}, {}
for r in ("dense", "bm25"):
    found = index.search(ask.input, ask.groups, ask.as_of, 20, r)
    lists[r] = [f"{passage.doc} {passage.start}" for passage in found]
    for rank, passage in enumerate(lists[r], start=1):
        points[passage] = points.get(passage, 0) + 1 / (60 + rank)
lists["fused"] = sorted(points, key=points.get, reverse=True)
print(ask.input)
pd.DataFrame({name: found[:4] for name, found in lists.items()})

# %% [markdown]
# Look at the country of the first fused passage: being in both lists counts for more than being right. Whether fusing helps has to be counted.
#
# ## The reference grid
#
# Every combination of four strategies, four sizes, overlap or none, three retrievers and four k was measured once on the dev questions, along with some better ways to search. The file says which weights, data
# and code it was measured with, and when; one command measures it again. **Predict** first: for what share of the questions will all the evidence be among the passages?

# %%
from helpers.labs import answer_guess, predict, predict_which, record, settle
from helpers.labs import held, out_of, the_climb
from helpers.labs import what_happened, what_we_found, yes_or_no

grid, about = chunking_grid.load_grid(), {"reference": "chunking.json"}
pairs = [("dense", 1), ("dense", 5), ("bm25", 5), ("hybrid", 5)]
names = [f"{retriever}, k = {k}" for retriever, k in pairs]
predict("03.recall", "Evidence found, 64 tokens:", names)

# %%
rows = {}
for name, (r, k) in zip(names, pairs, strict=True):
    row = chunking_grid.row_of(grid, ChunkingSetting(retriever=r, top_k=k))
    rows[name] = row.rename({"recall": "share"})[["share", "low", "high", "n"]]
    says = f"{name}: all evidence found on dev, tokens, 64"
    record(f"03.recall/{name}", says, rows[name], about)
table = pd.DataFrame(rows).T.astype(float)
dense, words, fused = table["share"].map(plots.percent).iloc[1:]
title = f"In five passages: dense {dense}, BM25 {words}, hybrid {fused}"
plots.bars(table, title, "evidence found", answer_guess("03.recall"))

# %% [markdown]
# Look at the bar of BM25 first. It is the baseline: no model, no vectors, an index in milliseconds. Then compare dense and hybrid: fusing a good list with a worse one need not improve it.
#
# ## The lab
#
# Move one slider at a time. On the left, evidence found against the tokens the *reader* (the model that answers from the passages) must read: grey dots are all settings measured. On the right, this setting (●) against the
# baseline of notebook 02 (◇), by evidence and by right answers of two models: *base*, the model you have met, and *tuned*, a reader that was trained to read (more of it below). The line above the picture states the verdict. **Look for** the setting that finds the most for the fewest tokens, and for a setting that makes no difference.
# A setting not measured yet (96 tokens, for example) is cut, embedded and searched on this machine by *Run it for real*; the second time the result is immediate. (Without a running kernel the sliders do nothing; the plain cell
# below shows the same. `python3 workbook.py bench scale` measures what access rights cost in an index of 100,000 chunks.)
#
# Below the picture you see what follows for the chosen scenario: what to build, whether it is good enough, and what to do next. The strip under each slider is coloured by the answer that each position would give, and a bar marks where
# the answer changes. **Predict**, before you move anything: in the scenario *find the page*, staff want a page and not an answer, and will use the search if it finds the right one six times in ten. How many passages must it show?

# %%
labs.chunking_lab(grid, documents, questions, leave, quote)

# %%
case = chunking_grid.what_if(grid, ChunkingSetting("sentences", 64, 0.25, "dense", 3))
print(case.sentence())
display(plots.chunking_setting(grid, case))
ends = {}
for r in ("bm25", "dense"):
    for k in chunking_grid.TOP_KS:
        one = ChunkingSetting(retriever=r, top_k=k)
        ends[f"{r}, k = {k}"] = labs.chunking_answer(grid, one, "find the page")
labs.table(ends)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The same documents, the same requirement, one slider: with few passages the search is not good enough, with many it may be used without a person checking, and in between these questions cannot settle it, so a person checks. With words alone (BM25, without
# stems) it does not get there. Now take the scenario *policy assistant*, where an answer is wanted and not a page: from one passage to three, the next step turns from the search to the reading,
# and the tuned reader, of which more below, is then ahead of the base. Neither is good enough. *At the counter* a customer is waiting and a long context takes too long to read, so with more and longer passages no system qualifies.
# </details>
#
# ## Which change makes a difference?
#
# Each change alone, from the same baseline. If you try enough things, one of them will look better by chance. So with seven comparisons the intervals are made wider than for one ([**Bonferroni**](GLOSSARY.md)).
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
base = ChunkingSetting()
moved = {
    name: chunking_grid.what_if(grid, replace(base, **change), comparisons=7)
    for name, change in levers.items()
}
cheap = {name: m for name, m in moved.items() if m.row["tokens"] <= m.base["tokens"]}
best = max(cheap, key=lambda name: cheap[name].found.difference)
settle("03.lever", best, list(levers), int(moved[best].row["n"]))
for name, m in moved.items():
    says = f"{name} against tokens, 64, dense, k = 1: evidence found"
    record(f"03.lever/{name}/found", says, m.found, about)
chunking_grid.verdicts(moved)

# %%
better = ", ".join(name for name, m in moved.items() if m.found.verdict == "better")
dear = ", ".join(name for name in moved if name not in cheap)
what_happened(
    f"""Two kinds of change. {dear}: they pass more text, look at the tokens. The
    others cost no more; of these {best} finds most,
    {cheap[best].found.verdict_in_points()}: whole thoughts instead of their middles.
    Clearly better, with all seven intervals holding at once: {better or "none"}. That
    one is clear and another is not does not make the two differ."""
)

# %% [markdown]
# **Checkpoint 03.b** · Two settings find more evidence. One passes four times the text, the other less text than before. How do you compare them?
#
# <details><summary>A · By evidence found alone.</summary>No. More text nearly always finds more, and every token is paid for at each request and has to be read.</details>
# <details><summary>B · At equal tokens.</summary>Yes. The line in the next picture draws exactly that.</details>
# <details><summary>C · By the verdict: the one that is called better wins.</summary>No. A clear result for one and an unclear one for the other do not show that the two differ.</details>
#
# ## Exercise 03.2 · What the embedder never read
#
# Large chunks meet a limit that no error message mentions. This embedder reads 256 tokens and silently drops the rest of a longer chunk, so a team that moved to chunks of 512 indexed only half of its handbook. Write
# `unread_share(token_counts, limit)`: the share of all tokens that were not read (0 when there are no chunks).


# %%
def unread_share(token_counts, limit):
    ### BEGIN SOLUTION 03.2
    return (
        sum(max(0, n - limit) for n in token_counts) / sum(token_counts)
        if token_counts
        else 0.0
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("03.2").check(unread_share)

# %% [markdown]
# ## What the search reads
#
# A chunk says "28 days' notice". Of what? For whom? Its own text does not say; the page's title does, or a heading above it, or the page's region. So something can be put **before each chunk** when it is embedded: nothing, the title
# (as notebook 02 did), or title, headings, section and region. (Only the search reads it: the passage that goes to the reader stays as it was.) BM25 can compare the [**stems**](GLOSSARY.md) of words, so that *returning* finds
# *returns*. And the two lists can be fused by their **scores**, with a weight, instead of by ranks. There are five comparisons, so the intervals are widened for five. **Predict** which of them is worth the effort. (The upper line in the picture is the
# [**frontier**](GLOSSARY.md): along it, no other setting finds as much evidence for fewer tokens.)

# %%
short = ChunkingSetting("sentences", 64, 0.25, "dense", 5)
long = replace(short, chunk_size=200, retriever="hybrid", stem=True)
words, weighed = replace(long, retriever="bm25"), replace(long, lexical_weight=0.3)
many, few = replace(short, top_k=10), replace(weighed, top_k=3)
ways = {
    "title before it, or not": (short, replace(short, context="none")),
    "headings, region as well": (replace(short, context="place"), short),
    "BM25 on stems, or words": (words, replace(words, stem=False)),
    "scores weighed, or ranks": (weighed, long),
    "10 of 64 tokens, or 3 of 200": (many, few),
}

# %% tags=["picture-frontier"]
measured = {
    name: chunking_grid.what_if(grid, *pair, comparisons=len(ways))
    for name, pair in ways.items()
}
display(chunking_grid.verdicts(measured))
plots.frontier(grid, ChunkingSetting(), short)

# %%
title, place, stems, weights, pieces = (m.found for m in measured.values())
what_happened(
    f"""The **title** is what a short chunk lacks: {title.verdict_in_points()}, and
    the reader pays nothing, because only the search reads it. Headings, section and
    region on top: {place.verdict_in_points()}. **Stems**:
    {stems.verdict_in_points()}; a weight: {weights.verdict_in_points()}. Many short
    passages or a few long ones: {pieces.verdict_in_points()}. (The upper line is the
    best of several hundred settings on these questions: expect less on new ones.)"""
)

# %%
deep = {}
for k in (1, 3, 5, 10, 20, 50):
    row = chunking_grid.row_of(grid, replace(short, top_k=k))
    found = out_of(row.rename({"recall": "share"}))
    deep[f"k = {k}"] = {"evidence found": found, "tokens": f"{row['tokens']:,.0f}"}
pd.DataFrame(deep).T

# %% [markdown]
# This table says what kind of problem is left. Evidence that is missing among 5 passages but present among 50 was **ranked too low**: a better ranking can bring it forward. Evidence that is missing among 50 was **not found** at all,
# and no ranking helps: the page and the question are too far apart in their wording.
#
# ## Exercise 03.3 · Choose, within a budget
#
# The reader may be given at most 400 tokens of passages per question. Choose a `ChunkingSetting` from the grid, and say how it compares with `ChunkingSetting(top_k=3)`:
# *better*, *worse* or *cannot tell*. (Leaders: whoever asks you for a rebuild should be able to say this sentence.)

# %%
my_setting, my_verdict = ..., ...
### BEGIN SOLUTION 03.3
best = grid[grid["tokens"] <= 400].nlargest(1, "recall").iloc[0]
my_setting = chunking_grid.setting_of(best)
my_verdict = chunking_grid.what_if(
    grid, my_setting, ChunkingSetting(top_k=3)
).found.verdict
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("03.3").check((my_setting, my_verdict))

# %% [markdown]
# ## Evidence found is not yet an answer
#
# Now two models read the passages: the one you have met (*base*), and a tuned [**reader**](GLOSSARY.md): the same model, trained to read **one** passage, on pages of other companies and on no fact of Brindlemark. (How such a training works is the subject of 05; what this one buys, of 08.)
# Each setting has a dot for each model: further to the right, more evidence was found; further up, more answers are right. Hollow dots pass more text than the baseline. **Look for** what they win to the right, and whether they win it upwards, too.
# Answers were measured on fewer questions than evidence, so what is clear there may read *cannot tell* here. And each pair in the table is compared alone, with a narrower interval than in the table of seven. Where the two disagree, believe the wider one: the winner was picked from all of them.

# %%
cuts = ("sentences", "headings", "recursive")
under_place = replace(moved["sentences"].setting, context="place")
changes = {name: moved[name].setting for name in cuts} | {
    "sentences, place": under_place,
    "hybrid, 200 tokens": replace(weighed, context="version", top_k=1),
    "k = 3": ChunkingSetting(top_k=3),
}
told = {name: chunking_grid.what_if(grid, one) for name, one in changes.items()}
display(chunking_grid.answer_verdicts(grid, told))
plots.evidence_and_answers(grid[grid["accuracy"].notna()])

# %%
*_, placed, longer, three = told.values()
best_cut = max(cuts, key=lambda name: told[name].reader_right.difference)
display(chunking_grid.read_rightly(grid, {"baseline": base, **changes}))
what_happened(
    f"""A better cut, *{best_cut}*, no longer than before: {told[best_cut].answers()}.
    **Longer text**: evidence {longer.found.verdict_in_points()}; right answers:
    {longer.answers()}. What is found has to be read, too. **Three** passages:
    {three.answers()}; this reader was trained on one."""
)

# %% [markdown]
# **Checkpoint 03.c** · Suppose three passages hold the evidence more often than one, and no more answers are right. What follows?
#
# <details><summary>A · Evidence does not matter.</summary>No. Without it hardly anything is right.</details>
# <details><summary>B · This reader does not use it: the bottleneck has moved from finding to reading.</summary>Yes. Notebook 08 separates the two, and a stronger model is where this picture changes most.</details>
# <details><summary>C · The measurement of the evidence is wrong.</summary>It was counted by exact spans, so this is the last thing to suspect.</details>
#
# ## What we found
#
# Two lines of the climb are new: the same search, cut at sentences, and then with headings and region before each chunk.

# %%
before, now = (
    out_of(one.rename({"recall": "share"})) for one in (placed.base, placed.row)
)
answer = f"""**Would better chunking fix it?** {yes_or_no(placed.right.verdict)}, by
right answers of the base. Cut at sentences, under headings and region, one passage
holds the evidence for {now} questions instead of {before}:
{placed.found.verdict_in_points()}, for fewer tokens; right: {placed.answers()}. It is
one of {len(told)} changes compared: ask new questions before you believe it."""
the_climb("03")

# %%
fixed, follow = title.verdict_in_points(), placed.right.verdict_in_points()
more = f"three passages: {three.right.verdict_in_points()}"
better_search = (held(placed.right.verdict), f"one passage, cut well: {follow}")
on_trial = {
    "retrieval can be fixed without training": (
        held(title.verdict),
        f"the title before each chunk: {fixed}",
    ),
    "more right answers follow a better search": better_search,
    "they follow more text": (held(three.right.verdict), more),
}
what_we_found(answer, on_trial)

# %% [markdown]
# **You have seen**
# - evidence broken by the chunker alone, before any search;
# - each setting changed alone, with an interval and a verdict;
# - evidence found and answers right as two different things, with their cost in tokens.
#
# **For the decision:** recall by retriever and by setting is in your journal. **Next:** [04 · what RAG controls](04_what_rag_controls.ipynb): who may see what, since when, and can we take it back?
