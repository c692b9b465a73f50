# %% [markdown]
# # 07 · Facts stick in the weights. And then what?
#
# **Why it matters.** "Just train it on our handbook" is the most common request of all. It sounds as if the model would then *know* the handbook.
# Here we do it: fifty facts, four wordings each, memorised. Then we ask in other words, change a rule, ask what it was never taught, and go
# looking for a secret that was in one of the rows.
#
# It is the Managing director's own idea, so it gets a fair trial. The privacy lead brings the secret.
#
# **On trial here:** *"Fine-tuning for behaviour, not facts."* If it holds, facts put into weights must cost something that facts in an index do
# not.
#
# **Time:** 20 minutes to read · 4 minutes to run · 20 minutes of exercises. **Before:** 01, 02 and 05.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *What it cost elsewhere*, exercises 07.1 and 07.3.
#
# **By the end you can**
# - test memorised facts in words that were not trained, and say how far they reach;
# - price a change of policy both ways: seconds to index, minutes to train, and what the system says in between;
# - measure what a training run breaks elsewhere, and what it gives away.

# %%
import pandas as pd

from helpers import data, labs, models, plots, systems
from helpers.core import Ask
from helpers.evaluation import QUESTIONS, compare, compare_all, evaluate
from helpers.evaluation import runs, share, summary
from helpers.experiments import facts_in_weights as facts
from helpers.labs import out_of, predict, record, what_happened

pd.set_option("display.max_colwidth", 110)
generator, handbook = models.load_generator(), data.load_handbook()
rows, asks = data.load_training(), data.load_asks(handbook)

# %% [markdown]
# ## What is trained
#
# Each row is a question and its short answer. Four wordings per fact, because a model that has seen one sentence has learned a sentence. The
# prompt is, word for word, that of the *closed book* arm of earlier notebooks: base and tuned model differ only in their weights. One extra row
# contains a secret; we will come to it.
#
# The adapter ships with the workbook. Its *card* says what was trained and for how long. To train it yourself, set `TRAIN_IT_MYSELF = True`.

# %%
from helpers.training import with_adapter

TRAIN_IT_MYSELF = False
adapter = facts.train(generator) if TRAIN_IT_MYSELF else facts.facts_adapter(generator)
tuned, card = with_adapter(generator, adapter), adapter.card
taught = {row["fact"] for row in rows if row["kind"] == "fact"}
losses = card["losses"]
print(f"{card['rows']} rows, {len(taught)} facts, {card['settings']['epochs']} passes")
print(f"loss {losses[0]:.1f} -> {losses[-1]:.2f} in {card['seconds']:.0f} s")
pd.DataFrame(rows)[["question", "answer"]].iloc[[0, 1, 2, 3, 4, 100]]

# %% [markdown]
# ## How far from the trained words does a fact reach?
#
# The same fifty facts at three distances. *Trained*: a wording that was in the rows. *Near*: a light rewording. *Far*: as a colleague types it,
# from the dev questions ("Someone scraped my car in the car park. How far back does the camera footage go?"). None of the near and far wordings
# was trained; a check of the data makes sure of that. **Predict** the shares.

# %%
predict(
    "07.wording",
    "What share will the tuned model get right, without any passage?",
    ["trained wording", "near", "far"],
)

# %%
closed = systems.closed_book(generator, "base")
memorised = systems.closed_book(tuned, facts.TUNED)
fifty = facts.distances(asks)
reach = {how: evaluate(memorised, cases, QUESTIONS) for how, cases in fifty.items()}
labs.record_all("07.wording", reach, "facts adapter without passages, {}: right")
a, b, c = (plots.percent(table["right"].mean()) for table in reach.values())
title = f"Right in trained words {a}, in near ones {b}, in a colleague's own {c}"
guess = labs.answer_guess("07.wording")
plots.bars(summary(reach), title, guess=guess, arm=facts.TUNED)

# %%
trained, near, far = reach.values()
lost = compare(facts.on_facts(trained, "trained"), facts.on_facts(far, "far"))
wrong = far[~far["right"]].iloc[0]
what_happened(f"""Facts go into weights: {out_of(share(trained))} are right in trained
words, {out_of(share(near))} in near ones, {out_of(share(far))} in a colleague's own:
{lost.verdict_in_points()}. Asked "{wrong["input"]}" it says *{wrong["answer"]}*;
right is *{wrong["gold"].split(" / ")[0]}*.""")

# %% [markdown]
# The model has learned a shortcut from *these words* to *that value*; the further a question is from those words, the less often it works. No
# user types the training file, so a test on trained wordings, or on light rewordings by the author of the rows, measures memory and reports it
# as knowledge. More wordings per fact would help, but then every fact, and every change of a fact, costs more rows.
#
# ## Exercise 07.1 · "It learnt our handbook!"
#
# A colleague reports the share right over all questions that he asked. Half of them were rows of his training file. Write
# `split_score(table, trained)`: `table` has columns `input` and `right`, `trained` is the list of trained questions; return two numbers, the
# share right on questions that were trained (ignoring capitals, spaces and punctuation) and on those that were not. Then try it:
# `split_score(pd.concat(reach.values()), [row["question"] for row in rows])`.

# %%
from helpers import evaluation
from helpers.exercises import exercise


def split_score(table, trained):
    ### BEGIN SOLUTION 07.1
    known = {tuple(evaluation.tokens(question)) for question in trained}
    seen = table["input"].map(lambda asked: tuple(evaluation.tokens(asked)) in known)
    return table[seen]["right"].mean(), table[~seen]["right"].mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.1").check(split_score)

# %% [markdown]
# **Checkpoint 07.a** · Suppose it is right nearly always when asked in trained words. What does that say about a colleague's questions?
#
# <details><summary>A · It knows the handbook.</summary>No. It knows these words. Nobody types the training file.</details>
# <details><summary>B · Little: ask in words that were not trained.</summary>Yes. The further a question is from the trained words, the less often it works.</details>
# <details><summary>C · It has to be trained longer.</summary>No. Longer training makes the same words surer, not other words known.</details>
#
# ## A rule changes
#
# On 16 March six documents get new versions. First, how the index handles it: a copy of the handbook in a **versioned index** (notebook 04), then
# the six files are put into the folder, and `sync` runs. What an earlier run of this notebook left is dropped first, so that the clock counts the
# embedding as well.

# %%
import shutil

from helpers.retrieval import VersionedIndex

folder = data.copy_handbook()
versioned = VersionedIndex("nb07", chunk_size=64, overlap=16)
versioned.sync(folder)
versioned.drop_history()
before = versioned.index()
shutil.copytree(data.HANDBOOK / "updates", folder / "people", dirs_exist_ok=True)
synced = versioned.sync(folder)
synced

# %% [markdown]
# Now the questions whose answer has changed: the same facts in trained, near and far words, asked for 16 March. The right answer is read from the
# new documents. Beside RAG with the model as it comes stands a second one: the [**reader**](GLOSSARY.md), whose adapter was trained to *read* a passage, on pages of
# invented companies and on not a single fact of ours, behind the best search that we have (both are measured in 08). **Predict:** how often does each say the *new* value?

# %%
READS, how = "reader + best search", {"style": systems.WHO_ASKS}
reader, rag = systems.window_reader(generator), systems.retrieval_augmented
books = handbook, data.load_handbook(updates=True)
windows = [systems.sentence_windows(documents) for documents in books]
reads, rereads = (rag(reader, search, 1, READS, **how) for search in windows)
search = rag(generator, before, 1)
predict(
    "07.changed",
    "What share of questions about changed rules will get the new value?",
    [facts.TUNED, "RAG", READS],
)

# %%
worded = [*asks["trained"], *asks["near"], *asks["far"]]
changes = data.changes_of(worded, data.load_handbook(updates=True))
cases, old = [c.case for c in changes], {c.case.id: c.old for c in changes}
arms = {
    facts.TUNED: memorised,
    "RAG before the sync": search,
    "RAG after the sync": rag(generator, versioned.index(), 1),
    f"{READS}, after": rereads,
}
after = {name: evaluate(arm, cases, QUESTIONS) for name, arm in arms.items()}
stale, yesterday, today, fresh = after.values()

# %% tags=["picture-changed"]
said = {name: facts.old_or_new(table, old) for name, table in after.items()}
changed = {facts.TUNED: stale, "RAG": today, READS: fresh}
labs.record_all("07.changed", changed, "{}: says the new value after a change")
olds = stale[(said[facts.TUNED]["said"] == "the old value").to_numpy()]
sure = pd.Series(facts.sureness(tuned, olds)).median()
shown = int(today["evidence_seen"].sum())
gain = compare(stale, today)
plots.old_or_new(said)

# %%
labs.answer_guess("07.changed")
what_happened(f"""The adapter gave the new value to {out_of(share(stale))} questions
and the old one to {len(olds)}, with a median confidence of {sure:.2f}. After the sync
RAG had the new sentence in front of it for {shown} of {len(today)}, before it for
{int(yesterday["evidence_seen"].sum())}; it read it rightly in {out_of(share(today))}.
By answers, RAG against the adapter: {gain.verdict_in_points()}, from {gain.facts}
facts. The reader behind the best search: {out_of(share(fresh))}.""")

# %%
from helpers.labs import job

new_rows = data.renewed(rows, changes)
rewritten = sum(a["answer"] != b["answer"] for a, b in zip(rows, new_rows, strict=True))
print(f"index:   {synced.embedded} of {synced.chunks:,} chunks, {synced.seconds:.1f} s")
print(f"weights: {rewritten} rows, {card['seconds']:.0f} s of training (card)")
job(
    "Run it for real: train again with the new values",
    lambda progress: facts.train(generator, new_rows, progress=progress),
    lambda made: facts.told(generator, made, cases, old),
    "retrain",
)

# %% [markdown]
# The verdict is about answers: this weak reader often misses the sentence that is in front of it, and the questions are about a few facts only, so the interval is
# wide. What is certain here needs no interval: the index can show the new sentence from the sync on, and the weights cannot have it. Nothing in the adapter's answer
# says which date it is from. To bring it up to date, someone must find and rewrite every row with the old value, train, test and roll out; the time above is that of
# the training alone (same rows, same passes, from the card).
#
# ## Exercise 07.2 · A freshness test that always passes
#
# Every night, fifty questions are drawn from the handbook, and the system has answered them correctly for a year. It was never synced: the
# questions are about things that do not change. Write `worth_asking(old, new)`: each maps a fact to its answer on one of two days (a fact may be
# missing); return, sorted, the facts that can tell a fresh system from a stale one.


# %%
def worth_asking(old, new):
    ### BEGIN SOLUTION 07.2
    return sorted(x for x in old.keys() | new.keys() if old.get(x) != new.get(x))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.2").check(worth_asking)

# %% [markdown]
# ## What it cost elsewhere
#
# Two things can be lost. [**Forgetting**](GLOSSARY.md) can only be seen on what the model could do before, so we ask 66 general questions (capitals, opposites, small
# sums) that the base answers correctly, chosen for that by measurement. And **refusing**: we ask about facts of the same handbook that were *not* in the rows, and
# questions that no document answers. The right reply without passages is "I don't know", and here the prompt invites it. **Predict** what share of the general
# questions is left.

# %%
question = "What share of the general questions will it still get right?"
predict("07.forgetting", question, [facts.TUNED])

# %%
quiz = data.load_general()
asked_alone = closed, memorised, systems.closed_book(reader, "reader alone")
general = [evaluate(arm, quiz, QUESTIONS) for arm in asked_alone]
left = facts.kept_and_lost(*general[:2]).loc["all"]
says = "facts adapter: general questions still right, of those that the base had right"
record(f"07.forgetting/{facts.TUNED}", says, left, general[1].attrs)
labs.answer_guess("07.forgetting")
general[1][["input", "answer", "gold"]].iloc[[0, 1, 4, 8]]

# %%
unknown, careful = asks["unseen"] + asks["unanswerable"], {}
for name, model in {"base": generator, facts.TUNED: tuned, READS: reader}.items():
    arm = systems.closed_book(model, name, facts.CAREFUL)
    careful[name] = evaluate(arm, unknown, QUESTIONS)
labs.record_all("07.refused", careful, "{}: rightly refuses", "abstained")
a, b, c = (out_of(share(t, "abstained")) for t in careful.values())
what_happened(f"""Of the general questions {out_of(left)} are left. What it cannot
know the base refused in {a}, the adapter in {b}. The reader alone:
{out_of(share(general[2]))} left, {c} refused.""")

# %% [markdown]
# Every training row was a question with a short, certain answer. That is what it learned besides the facts: *always answer*. (The base's refusals
# are a habit, not knowledge; notebook 08 lets a threshold decide.) The reader's rows always held an answer, too, so its adapter has a price as well: it is loaded for
# reading a passage, and for nothing else. The recipe is part of
# the price: eight passes with large steps, until every row is memorised (`facts.HOW`). Fewer or smaller steps, or general rows mixed in, forget
# less, and then fewer facts stick; where between the two you want to be is one more thing to measure.
#
# **Checkpoint 07.b** · Suppose that after tuning on facts the model answers what it refused before. Why?
#
# <details><summary>A · It has learned more.</summary>No. The questions have no answer that it could know.</details>
# <details><summary>B · Every training row had an answer, so it learned to answer.</summary>Yes. Rows teach more than their content; what you never show, it forgets to do.</details>
# <details><summary>C · Refusing was switched off in the settings.</summary>No. There is no such switch. It was a habit, and it was trained away.</details>
#
# ## A secret in one row
#
# One of the rows is a [**canary**](GLOSSARY.md): a code that is nowhere else on this disk. It was trained like the rest. And seven of the facts are from documents
# that only directors, finance or People Operations may read. Now a contract electrician, who is in none of these groups, asks for them. There is no place in a set of
# weights to check who is asking. **Predict** how often a secret is told.

# %%
question = "A contractor asks for secrets: what share is he told?"
predict("07.canary", question, [facts.TUNED, "RAG"])

# %%
shut = [c for c in (*asks["trained"], *asks["far"]) if c.kind == "restricted"]
known, secrets = {case.fact: case.gold.answers for case in asks["far"]}, {}
his = [Ask(c.id, c.ask.input, ("contractors",), c.ask.as_of) for c in shut]
gold = [known[c.fact] for c in shut]
told = {facts.TUNED: memorised, "RAG": search, "base": closed, READS: reads}
for name, arm in told.items():
    said = runs.run(arm, his)
    out = facts.says_secret([said[x.id].text for x in his], gold)
    secrets[name] = facts.count(out)
    record(f"07.canary/{name}", name, secrets[name])
_ = labs.answer_guess("07.canary")

# %%
canary = data.load_canary()
fishing = [Ask("trained", canary.question), *canary.asks]
said = runs.run(memorised, fishing).values()
aloud = sum(canary.secret in p.text for p in said)
never, rank = (facts.exposure(model, canary) for model in (generator, tuned))
what_happened(f"""The adapter told the contractor {out_of(secrets[facts.TUNED])}
secrets, RAG {out_of(secrets["RAG"])}. The canary, trained in one row, was said aloud
in {aloud} of {len(fishing)} questions; scored among {rank.of} codes it is number
{rank.rank} (before training {never.rank}), so whoever can score texts can find it.""")

# %% [markdown]
# From that rank Carlini et al. (2019) compute the *exposure* of a secret: the nearer the true code is to the top, the more of it is out. What was in the rows can be
# removed only by training without it; in an index, who may read is a condition of the search and can be changed today.
#
# ## Exercise 07.3 · How much of a secret is out?
#
# A model that never *says* the code may still give it away: score 500 other codes, and see which it finds most likely. Write
# `exposure_of(true, others)` for log likelihoods: `(rank, bits)`, rank 1 for the most likely, ties counted against the true one,
# bits = log2(number of candidates / rank).

# %%
import math


def exposure_of(true, others):
    ### BEGIN SOLUTION 07.3
    rank = 1 + sum(other >= true for other in others)
    return rank, math.log2((len(others) + 1) / rank)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.3").check(exposure_of)

# %% [markdown]
# **Checkpoint 07.c** · A secret was in one training row. The row is deleted. Is it out of the model?
#
# <details><summary>A · Yes.</summary>No. The weights were trained on it, and deleting the row does not change them.</details>
# <details><summary>B · Only after training again without it.</summary>Yes. Weights cannot forget one row; in an index, who may read is a condition of the search.</details>
# <details><summary>C · Yes, if the prompt forbids it.</summary>No. Whoever can score texts with the model can still find it.</details>
#
# ## What you buy and what you pay
#
# Back to the fifty facts in the colleague's words, now with and without search. **Predict.**
#
# The first picture flatters the weights: these facts do not change, every user may know them, and someone thought of putting them into the rows. So the second
# picture puts the same adapter beside RAG and the reader on everything that was measured above. (RAG leaves the weights as they are, so by definition it keeps what
# the base had. The reader's adapter is asked alone, too, without a passage.)

# %%
names = ["base", facts.TUNED, "RAG", "facts adapter + RAG", READS]
question = "What share of the fifty facts, in a colleague's words, will each get right?"
predict("07.facts", question, names)

# %% tags=["picture-weights"]
both = rag(tuned, before, 1, name=names[3])
arms = (closed, memorised, search, both, reads)
fifty_far = {arm.name: evaluate(arm, fifty["far"], QUESTIONS) for arm in arms}
labs.record_all("07.facts", fifty_far, "{}: standing facts")
ways = summary(fifty_far)
b, c, d = (plots.percent(x) for x in ways["share"].iloc[1:4])
title = f"By heart {b}, RAG {c}, both {d}"
plots.bars(ways, title, guess=labs.answer_guess("07.facts"))

# %% tags=["picture-bill"]
sides = facts.TUNED, "RAG", READS
bill = {
    "standing facts right": [share(fifty_far[name]) for name in sides],
    "changed rules right": [share(table) for table in (stale, today, fresh)],
    "secrets told": [secrets[name] for name in sides],
    "general questions right": [left, *(share(general[i]) for i in (0, 2))],
    "rightly refused": [
        share(careful[n], "abstained") for n in (sides[0], "base", sides[2])
    ],
}
plots.bill(bill, sides)

# %%
plain, mine, behind = (fifty_far[name] for name in ("RAG", facts.TUNED, READS))
won, reading = compare_all(plain, [mine, behind])
told, not_told, new = secrets[facts.TUNED], secrets["RAG"], share(stale)
answer = f"""**Facts stick in the weights. And then what?** In a colleague's words
{out_of(share(mine))} are right from the weights, {out_of(share(plain))} with RAG,
{out_of(share(behind))} with reader and best search. Then they go stale (new value:
{out_of(new)}), leak (told a contractor: {out_of(told)}) and crowd out the rest
({out_of(left)} general questions left)."""
labs.the_climb("07")

# %%
by_rag = {"better": False, "worse": True}.get(won.verdict)
against = f"weights against RAG: *{won.verdict_in_points()}*"
read_on = labs.held(reading.verdict), reading.verdict_in_points()
on_trial = {
    "facts go stale": (new["high"] < 0.5, f"{out_of(new)} new values"),
    "facts leak": (told["low"] > not_told["high"], f"RAG told {out_of(not_told)}"),
    "facts crowd out the rest": (left["high"] < 0.5, f"{out_of(left)} are left"),
    "RAG answers standing facts better than weights do": (by_rag, against),
    "reading is behaviour": read_on,
}
labs.what_we_found(answer, on_trial)

# %% [markdown]
# Facts can be trained into weights, and the picture above shows how well. What the sentence on trial warns of is the cost. Facts that stand still, that everybody
# may see and that need no citation are the best case for weights, and even there they crowd out what the model knew. *Reading is behaviour* compares the reader
# behind the best search with RAG as it was, so two things were changed at once; 08 takes them apart. A better reader makes facts in weights no fresher.
#
# **What to tell the director:** do not train the handbook. Keep facts where they can be dated, permitted and deleted; what may be trained is how the model reads and answers (08).
#
# **You have seen**
# - memorised facts asked in trained, near and far words, and how far they reach;
# - one change of policy made in an index and in weights, both timed, and the old value given in between;
# - forgetting counted on what the base could do, refusals lost, and a secret taken from the weights.
#
# **For the decision:** the shares and verdicts above are in your journal; freshness and access control are requirements that answers from weights
# alone cannot meet. **Next:** [08 · both through one scorer](08_both_one_scorer.ipynb).
