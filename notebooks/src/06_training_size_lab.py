# %% [markdown]
# # 06 · Would more labels fix it?
#
# **Why it matters.** A tuned model disappoints, and someone says: *we need more data.* Labels are the most expensive part of fine-tuning: an expert has to read every
# message. Before you order a thousand, a learning curve says what the last hundred gained, what the next fifty would likely gain, and whether you could even see it.
#
# The Managing director has a purchase order for a thousand labels on the desk. The desk captain, whose agents would write them, asks for one number first: what would
# the next labels gain?
#
# **On trial here:** *"Fine-tuning for narrow tasks with labelled data."* How many labels does that take, and does tuning pass what needs no training?
#
# **Time:** 25 minutes to read · 2 minutes to run · 25 minutes of exercises. **Before:** 05.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *What would 50 more labels gain?*, exercises 06.1 to 06.3.
#
# **By the end you can**
# - draw a learning curve that means something: nested labels, one dev set, several seeds, and beside it what needs no training;
# - say between which training sizes the gain is measurable, where it is not, and where training overtakes what needs none;
# - say what 50 more labels would likely gain, with its uncertainty, and what else the money could do.

# %%
from IPython.display import display

from helpers import plots
from helpers.data import FIELDS, load_tickets
from helpers.evaluation import tokens as comparable_tokens
from helpers.exercises import exercise
from helpers.experiments import TrainingSetting, training_cell, training_grid

grid = training_grid.load_grid()
train, dev = load_tickets("train"), training_cell.dev_tickets()
most, apart = grid.most, training_cell.HELD_BACK
print(f"{len(train)} labelled tickets ({apart} only try recipes), {len(dev)} to judge")

# %% [markdown]
# ## First: what do the same labels gain without any training?
#
# Labels can be used without training a language model. The **most common label** of each field is known after a dozen of them. The **nearest neighbour** gives a new
# ticket the labels of the most similar labelled one. By hand:

# %%
from helpers.retrieval import embed_cached

# (tickets, 384) each, of length 1
known, asked = (embed_cached([c.ask.input for c in cases])[0] for cases in (train, dev))
# cosine similarity; one training ticket for each dev ticket
nearest = (asked @ known.T).argmax(axis=1)
copied = [
    train[i].gold.output == c.gold.output for i, c in zip(nearest, dev, strict=True)
]
print(
    f"nearest of {len(train)}: all four right in {sum(copied)} of {len(dev)}, untrained"
)

# %%
without = training_grid.baselines(grid)
shown = without[without["rows"].isin([0, 8, 16, 64, most])].assign(
    interval=lambda t: [
        f"{100 * a:.0f} to {plots.percent(b)}"
        for a, b in zip(t["low"], t["high"], strict=True)
    ]
)
shown.assign(share=shown["share"].map(plots.percent))[
    ["arm", "rows", "share", "interval", "seeds"]
].rename(columns={"rows": "labels used", "share": "all four right"})

# %% [markdown]
# *few-shot* is the base model with eight labelled tickets in its prompt; *retrieved examples* chooses the eight most similar ones for each message; the *classifier* learns each field from the
# message's vector; *keywords* is a page of regular expressions written from the label rules. A tuned model has to beat these, not zero, and three of them climb with labels too.
#
# ## The learning curve
#
# What makes a learning curve mean anything? Three things must hold, or it shows something other than labels:
#
# 1. **Nested:** the 32 tickets contain the 16. If every size draws new tickets, a size can win simply because it drew easier ones.
# 2. **One dev set** for all sizes, and none of its tickets in training.
# 3. **Several seeds.** A [**seed**](GLOSSARY.md) decides which tickets come first, how the adapter is initialised and in which order it learns. One seed is one throw of the dice.
#
# Six sizes, several seeds (a dot each), and every size is trained **until it stops learning**: the fewer labels, the more often each is seen (an
# [**epoch**](GLOSSARY.md) is one pass over all of them). How often, and at which learning rate, was tried out beforehand on training tickets; the dev tickets had no
# part in it.
#
# The picture shows two measures. On the left is the share of single fields that are right, the finer one. On the right is the share of tickets with all four right,
# which is what the support desk needs. A triangle marks the size from which tuning is *measurably* better than a system without training, there and at every larger
# size. **Predict:** on what share of the dev tickets will *all four* fields be right?

# %%
from helpers.labs import answer_guess, out_of, predict, record, the_climb
from helpers.labs import gain_in_words, held, what_happened, what_we_found, yes_or_no

predict(
    "06.rows",
    "All four fields right after training on so many labels:",
    ["16", str(most)],
)

# %% tags=["picture-curve"]
sizes, largest = grid.sizes(), TrainingSetting(most)
table = training_grid.summary(grid, sizes)
about = {"reference": "training.json"}
for _, row in table.iterrows():
    says = f"tuned on {row['rows']:.0f} labels: all four fields right on dev"
    seeds = {"seeds": int(row["seeds"])}
    record(f"06.rows/{row['rows']:.0f}", says, row, about | seeds)
gain = training_grid.versus_untrained(grid, "few-shot", largest)
says = f"tuned on {most} labels minus few-shot: all four fields right on dev"
record("06.gain/tuned", says, gain, about)
plots.climb(grid, answer_guess("06.rows"))

# %%
passed = training_grid.overtakes(grid)
ever = passed["labels"].notna()
from_labels = passed["labels"].map("{:.0f} labels".format).where(ever, "not yet")
display(passed.assign(labels=from_labels).rename(columns={"labels": "ahead from"}))
untrained, first, last = (table.iloc[i] for i in (0, 1, -1))
what_happened(
    f"""Untrained, {out_of(untrained)} are right: the short prompt does not name
    the form. Right with {first["rows"]:.0f} labels: {out_of(first)}; with {most}:
    {out_of(last)}. Sooner or later measurably ahead of:
    {", ".join(passed.index[ever]) or "none"}."""
)

# %% [markdown]
# Each number is the mean of several seeds, and its interval covers other tickets and other seeds. Each row of the table compares tuning with one rival, and where the
# rival uses all labels, both have read the same ones. *Ahead from* is the smallest size from which tuning is measurably better, there and at every larger size; *not
# yet* says that no size showed it.
#
# **Checkpoint 06.a** · Every size of a curve was trained on freshly drawn tickets. What is wrong with that?
#
# <details><summary>A · Nothing, it is more random.</summary>No. Then a size can win because its tickets were easier.</details>
# <details><summary>B · The sizes differ in more than their number of labels.</summary>Yes. In a nested curve the small sets are inside the large ones, so only the number changes.</details>
# <details><summary>C · It takes longer.</summary>Perhaps, but that is not what spoils it.</details>
#
# ## Exercise 06.1 · A learning curve that was not one
#
# Three curves that were shown in meetings: one drew new tickets for every size; one judged every size on its own dev tickets; one had dev tickets among the training rows. Write
# `unfair(points)`: `points` is a list of `{"train": [ids], "dev": [ids]}`, smallest size first. Return the set of what is wrong: `"not nested"`, `"dev changes"`, `"dev in train"`.
# The check also hands it the curve of this notebook.

# %%
from itertools import pairwise


def unfair(points):
    ### BEGIN SOLUTION 06.1
    trains, devs = ([set(p[part]) for p in points] for part in ("train", "dev"))
    kept = {
        "not nested": all(a <= b for a, b in pairwise(trains)),
        "dev changes": all(a == b for a, b in pairwise(devs)),
        "dev in train": not any(t & d for t, d in zip(trains, devs, strict=True)),
    }
    return {fault for fault, fine in kept.items() if not fine}
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("06.1").check(unfair)

# %% [markdown]
# ## Exercise 06.2 · The best of eight seeds
#
# The team's report reads `max(bits.count("1") / len(bits) for bits in runs.values())`: eight seeds were trained, the best one is reported, on the tickets used to choose it. Write
# `report(runs)` (seed → string of "0" and "1", all on the same tickets) so that choosing does not raise the number.


# %%
def report(runs):
    ### BEGIN SOLUTION 06.2
    return sum(bits.count("1") / len(bits) for bits in runs.values()) / len(runs)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("06.2").check(report)

# %% [markdown]
# ## Where do more labels make a measurable difference?
#
# A gain of a few points is too small for this many dev tickets to show. So first we take larger steps: every second size and, at the end, all labels, each against
# the step before it, by the share of fields right and over all seeds. These are several comparisons at once, so each interval is wider than for a single one. Then we
# count the doublings that show a gain, and compare the two ends of the curve.

# %%
from helpers.experiments.training_grid import ALL_FIELDS, paired

steps = training_grid.steps_up(grid, ALL_FIELDS, stride=2)
better = [c.second for c in steps if c.verdict == "better"]
shown = ", ".join(better) or "none"
plots.differences(steps, f"Steps with a measurable gain in fields right: {shown}")

# %%
doublings = training_grid.steps_up(grid, ALL_FIELDS)[1:]
seen = sum(c.verdict == "better" for c in doublings)
pair = grid, TrainingSetting(16), largest
by_field, all_four = (paired(*pair, c, comparisons=2) for c in (ALL_FIELDS, "right"))
what_happened(
    f"""{len(better)} of {len(steps)} steps show a measurable gain, and {seen} of
    {len(doublings)} doublings. The others may gain as well: see their intervals. From
    the fewest labels to the most, by fields: {by_field.verdict_in_points()}; by all
    four: {all_four.verdict_in_points()}."""
)

# %% [markdown]
# ## More labels, more practice, or better labels?
#
# More labels also mean more training steps, unless you take care. Three comparisons take the two apart: the same labels seen once or seen to the end, for 64 and for
# 256; then **the same number of steps**, once with 64 labels seen four times, once with 256 labels seen once. A fourth is about the labels themselves: the same 256
# tickets, but in nearly a third of them one field was labelled wrongly on purpose, as happens in a hurry. (Every label in dev stays right.) **Predict:** which of the
# four moves the share of fields right most?

# %%
pairs = [
    (TrainingSetting(64, epochs=1), TrainingSetting(64)),
    (TrainingSetting(256, epochs=1), TrainingSetting(256)),
    (TrainingSetting(64, epochs=4), TrainingSetting(256, epochs=1)),
    (TrainingSetting(256), TrainingSetting(256, label_noise=0.3)),
]
practice = [paired(grid, *pair, ALL_FIELDS, comparisons=4) for pair in pairs]
few, many, equal, wrong = (f"{100 * c.difference:+.0f}" for c in practice)
title = (
    f"Points: practice {few} and {many}, labels at equal steps {equal}, errors {wrong}"
)
plots.differences(practice, title)

# %%
few, many, equal, wrong = (c.verdict_in_points() for c in practice)
what_happened(
    f"""Seen to the end instead of once, 64 labels: {few}; 256 labels: {many}. Four
    times the labels at equal steps: {equal}. Where practice alone is *better*, part
    of what looks like *more data* is practice. Epochs cost minutes, labels cost
    people's time: train until held-back tickets stop improving, then order. With
    wrong labels: {wrong}. Label with care all the same: the same errors in **dev**
    would spoil every number here. {training_grid.recipes_in_words()}"""
)

# %% [markdown]
# **Checkpoint 06.b** · The score rises with more labels, each seen once. Is it the labels?
#
# <details><summary>A · Yes, what else has changed?</summary>The number of training steps has. Four times the labels, seen once, are four times the steps.</details>
# <details><summary>B · Not only: part of it may be practice.</summary>Yes. Compare at equal steps, or train every size until it stops learning.</details>
# <details><summary>C · No, labels never matter.</summary>No. Compared fairly they can still matter; look at the ends of the curve.</details>
#
# ## Exercise 06.3 · Judged on its own training data
#
# The tickets that judge deserve the most care. A harness takes `cases` and a function `train_and_judge(train, judged)`, which it calls one or more times. In some harnesses that shipped, the "validation" tickets were
# training tickets, or copies of them under another id and in other capitals. Write `judges_its_own_rows(harness, cases)`: True when a judged message is among the trained ones. You may hand the
# harness a `train_and_judge` of your own (it must return a number).


# %%
def judges_its_own_rows(harness, cases):
    ### BEGIN SOLUTION 06.3
    found = []

    def spy(train, judged):
        taught = {tuple(comparable_tokens(c.ask.input)) for c in train}
        said = {tuple(comparable_tokens(c.ask.input)) for c in judged}
        found.append(taught & said)
        return 0.0

    harness(cases, spy)
    return any(found)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("06.3").check(judges_its_own_rows)

# %% [markdown]
# ## Which field still fails?
#
# All four must be right, so one weak field sinks the record. For each field: how often it is right after the most labels, what the most common label gets, and what *all four right* would be if
# this field alone were fixed.

# %%
field = training_grid.if_field_fixed(grid, largest)
field["most common label"] = [
    training_grid.baselines(grid, f).query("arm == 'majority label'")["share"].iloc[-1]
    for f in FIELDS
]
columns = ["share", "most common label", "all four if fixed"]
display(field[columns].map(plots.percent))
worst, fixed = field["gain"].idxmax(), plots.percent(field["all four if fixed"].max())
title = f"{worst} costs most: with it fixed, all four would be right in {fixed}"
plots.bars(field, f"After {most} labels, {title}", "field right", arm="tuned")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Where a field is no better than its most common label, the model has learned nothing about it yet, however high the share. Two fields that fail on the *same*
# tickets hide each other: fixing one alone then gains little. This table tells a labelling team what to label next: tickets in which that field is hard, not fifty
# more at random.
# </details>
#
# ## What would 50 more labels gain?
#
# Learning curves of many systems follow an **inverse power law**: share right = top − fall · n^(−power): steep at first, then flatter and flatter. The helper fits it
# within limits (a curve that goes down is rejected), and again for two thousand resampled dev sets and seeds: that gives the uncertainty. Because the form of the
# curve is an assumption, too, a gain counts only if its interval begins at half a point or more. Below that there may be no gain at all, even where the interval
# begins just above zero.

# %%
from helpers.evaluation import learning_curve

points = {s.rows: [r["right"] for r in grid.cells(s)] for s in sizes}
curve = learning_curve(points)
next_fifty = gain_in_words(curve.gain(most, 50))
print(next_fifty)
plots.extrapolation(curve, grid, last=2 * most)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The further out, the wider: the same points fit a curve that has levelled off and one that keeps climbing. And a gain of a point or two, even if it is there, takes
# far more dev tickets to *see* than labels to make. That is a finding: at this stage the better use of the next fifty labels may be the dev set, the weak field, or
# checking the labels you have.
# </details>
#
# **Checkpoint 06.c** · Suppose fifty more labels would gain a point, which no test set of your size can show. How do you spend the money?
#
# <details><summary>A · On the fifty labels: the expected gain is positive.</summary>It may come, but with this test set nobody would ever see whether it did.</details>
# <details><summary>B · On what makes the answer clearer: the test set, the weak field, checking the labels there are.</summary>Yes. Where the gain cannot be seen, measure better first.</details>
# <details><summary>C · On a larger model.</summary>Perhaps. Nothing on this page has measured that.</details>
#
# ## The lab
#
# First, train something yourself: a size that is not in the reference, and four epochs only, to keep it short. You are told beforehand how long it takes; the second time the result is immediate.
#
# Then the lab. Left, the learning curve (tuned, with its interval; one dot per seed), what needs no training dashed and dotted, and your own run as a star. Right,
# the fields of this setting (●) and of its neighbour (◇). **Look for** the size after which no step makes a measurable difference, and for a field that never rises
# above its most common label. *Run it for real* trains what the sliders say, with Stop. (Without a running kernel the sliders do nothing; the plain cells below show
# the same.)
#
# Below the picture is what follows from the setting, in the scenario on the left: what to build, whether it is good enough, what to do next, and the gain with its
# interval against the gain that would pay. The axis under each slider is coloured by the answer at each value: a bar marks where the answer changes, and grey was
# never trained. **Predict**, before you move anything: suppose there are 20 mails a day, with a form that is filled in advance. After how many labels is it worth
# training, and would you say the same with one epoch, or with wrong labels?

# %%
from helpers import labs, models

generator = models.load_generator()
short = TrainingSetting(48, epochs=4)
print(labs.in_words(short, generator))
mine = training_cell.live(short, generator=generator)
print(f"{mine['right'].count('1')} of {len(dev)} right, final loss {mine['loss']:.2f}")
both = training_grid.joined(grid, mine)
labs.training_lab(both, generator, TrainingSetting(32))

# %%
case = training_grid.what_if(both, largest)
print(case.sentence())
plots.training_setting(both, case)

# %%
turns = [*sizes, TrainingSetting(256, epochs=1), TrainingSetting(256, label_noise=0.3)]
worth = []
for scenario in ("forms filled in advance", "sorting tickets"):
    answers = {str(s): labs.training_answer(both, s, scenario) for s in turns}
    display(said := labs.table(answers).rename_axis(scenario, axis=1))
    worth.append("; ".join(said.index[said["direction"] == "fine-tune"]) or "none")
what_happened(
    f"""The answer is *fine-tune* for forms with {worth[0]}; for sorting with
    {worth[1]}. In forms tuning has to beat a prompt; in sorting, a classifier."""
)

# %% [markdown]
# The classifier needs no language model, and it climbs with labels as well: in sorting, tuning has to pass it. The decision weighs one pair at a time; the first table
# compared all sizes at once, so its intervals were wider. So a size can come out as *fine-tune* here and not yet be measurably ahead there. A lead that depends on that
# is a thin one: read the column *ready?* beside it. (Notebook 11 decides on the tickets of the frozen test; what can be measured here may be open there.)
#
# The answer also belongs to the training, not only to the number of labels: compare the same 256 labels seen once. Now move *requests a day* in the lab and watch the
# gain that would pay: the cost of a release is spread over all requests.
#
# ## Exercise 06.4 · How many would you order?
#
# Choose the smallest size of the reference for which the verdict against the largest is *cannot tell* (the largest, if there is none), and say what `training_grid.what_if(grid, largest, TrainingSetting(yours))` finds: *better*, *worse* or *cannot tell*.
# (Leaders: this is the purchase order. And what would you do with the money saved?)

# %%
my_rows, my_verdict = ..., ...
### BEGIN SOLUTION 06.4
verdicts = {
    s.rows: training_grid.what_if(grid, largest, s).right.verdict
    for s in grid.sizes()
    if s.rows < most
}
my_rows = min(
    (n for n, verdict in verdicts.items() if verdict == "cannot tell"), default=most
)
my_verdict = verdicts.get(my_rows, "cannot tell")
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("06.4").check((my_rows, my_verdict))

# %% [markdown]
# ## What we found

# %%
answer = f"""**Would more labels fix it?** {yes_or_no(all_four.verdict)}, up to here:
{out_of(first)} are right with {first["rows"]:.0f} labels, {out_of(last)} with {most}.
{next_fifty} So before you order more, ask what the same money would do for the dev
set, for the weakest field ({worst}), or for a check of the labels there are."""
the_climb("06")

# %%
rivals = passed.loc[["few-shot", "retrieved examples", "classifier"]].iloc[:, -1]
verdict = f"with {most} labels the verdict is"
on_trial = {
    f"tuning is better than “{arm}”": (held(said.split(" (")[0]), f"{verdict} *{said}*")
    for arm, said in rivals.items()
}
more = f"from the fewest labels to the most it is *{all_four.verdict_in_points()}*"
taught = (held(all_four.verdict), more)
what_we_found(answer, {"labels teach a narrow task": taught} | on_trial)

# %% [markdown]
# **The purchase order.** The desk captain's one number stands above: the expected gain of the next fifty labels. Where no test set of this size could show it, pay
# first for what makes the labels better: a second person who checks them, the weakest field, more tickets to judge on. Then order in steps, and draw the curve again
# after each.
#
# **You have seen**
# - a learning curve over nested labels and several seeds, beside what the same labels gain without training;
# - each step up with a verdict, and labels told apart from mere practice;
# - the weak field, wrong labels, and what 50 more labels would likely gain, with its uncertainty.
#
# **For the decision:** shares by size and the gain of tuning over few-shot are in your journal. **Next:** [07 · do facts stick in the weights?](07_facts_stick_then_go_stale.ipynb)
