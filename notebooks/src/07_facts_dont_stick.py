# %% [markdown]
# # 07 · Do facts stick in the weights?
#
# **Why it matters.** "Just train it on our handbook" is the most common request of all. It sounds as if the model would then *know* the handbook. Here we do it: fifty facts, four wordings each,
# memorised. Then we ask in other words, change a rule, ask what it was never taught, and go looking for a secret that was in one of the rows.
#
# **Time:** 20 minutes to read · 4 minutes to run · 25 minutes of exercises. **Before:** 01, 02 and 05.
#
# **By the end you can**
# - test memorised facts in words that were not trained, and say how far they reach;
# - price a change of policy both ways: seconds to index, minutes to train, and what the system says in between;
# - measure what a training run breaks elsewhere, and what it gives away.

# %%
import pandas as pd

from helpers import models, plots, systems
from helpers.core import Ask
from helpers.data import HANDBOOK, load_handbook
from helpers.data import changes_of, load_asks, load_canary, load_general, load_training, renewed
from helpers.evaluation import QUESTIONS, compare, compare_all, evaluate, share, summary
from helpers.experiments import facts_in_weights

pd.set_option("display.max_colwidth", 110)
generator = models.load_generator()

# %% [markdown]
# ## What is trained
#
# Each row is a question and its short answer. Four wordings per fact, because a model that has seen one sentence has learned a sentence. The prompt is, word for word, that of the *closed book* arm of earlier notebooks: base
# and tuned model differ only in their weights. One extra row contains a secret; we will come to it.

# %%
rows, handbook = load_training(), load_handbook()
asks = load_asks(handbook)
print(
    f"{len(rows)} rows, {len({row['fact'] for row in rows if row['kind'] == 'fact'})} facts; the"
    " first as the model reads it:"
)
print(repr(facts_in_weights.training_pairs(generator, rows[:1])[0]))
pd.DataFrame(rows)[["fact", "question", "answer"]].iloc[[0, 1, 2, 3, 4, 100]]

# %% [markdown]
# The adapter ships with the workbook, with its card. To train it yourself, set `TRAIN_IT_MYSELF = True`; the card says how long that took.

# %%
from helpers.training import with_adapter

TRAIN_IT_MYSELF = False
adapter = (
    facts_in_weights.train(generator)
    if TRAIN_IT_MYSELF
    else facts_in_weights.facts_adapter(generator)
)
tuned = with_adapter(generator, adapter)
card = adapter.card
print(
    f"{card['rows']} rows, {card['settings']['epochs']} times each; loss {card['losses'][0]:.1f} ->"
    f" {card['losses'][-1]:.2f}; trained in {card['seconds']:.0f} s on {card['machine']}"
)

# %% [markdown]
# ## How far from the trained words does a fact reach?
#
# The same fifty facts at three distances. *Trained*: a wording that was in the rows. *Near*: a light rewording. *Far*: as a colleague types it, from the dev questions ("Someone scraped my car in the car park. How far back
# does the camera footage go?"). None of the near and far wordings was trained; a check of the data makes sure of that. **Predict** the shares.

# %%
from helpers.labs import guess_of, predict, record

predict(
    "07.wording",
    "What share will the tuned model get right, without any passage?",
    ["trained wording", "near", "far"],
)

# %%
closed, memorised = (
    systems.closed_book(generator, "base"),
    systems.closed_book(tuned, facts_in_weights.TUNED),
)
one_each = {
    kind: [next(c for c in asks[kind] if c.fact == case.fact) for case in asks["trained"]]
    for kind in ("near", "far")
}
reach = {
    "trained wording": evaluate(memorised, asks["trained"], QUESTIONS),
    "near": evaluate(memorised, one_each["near"], QUESTIONS),
    "far": evaluate(memorised, one_each["far"], QUESTIONS),
}
for name, table in reach.items():
    record(
        f"07.wording/{name}",
        f"facts adapter without passages, {name}: right",
        share(table),
        table.attrs,
    )
a, b, c = (plots.percent(table["right"].mean()) for table in reach.values())
plots.bars(
    summary(reach),
    f"In trained words {a}, in light rewordings {b}, in a colleague's own words {c}",
    guess=guess_of("07.wording"),
)

# %%
# three wordings of one fact are one case
by_fact = {name: table.assign(id=table["fact"], arm=name) for name, table in reach.items()}
compare_all(by_fact["trained wording"], [by_fact["near"], by_fact["far"]])

# %%
missed = reach["far"][
    ~reach["far"]["right"].to_numpy()
    & reach["trained wording"].set_index("fact").loc[reach["far"]["fact"], "right"].to_numpy()
]
missed[["input", "answer", "gold"]].head(6)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# So facts do go in: for the words it was given, the model has memorised the answers, and a light rewording still reaches many. It has learned a shortcut from *these words* to *that value*; the further a question is from those words, the less often it works. No user types
# the training file. A test on trained wordings, or on light rewordings by the author of the rows, measures memory and reports it as knowledge. More wordings per fact would help, but then every fact, and every change of a fact, costs more rows.
# </details>

# %% [markdown]
# ## A rule changes
#
# On 16 March six documents get new versions. First, how the index handles it: a copy of the handbook in a **versioned index** (notebook 04), then the six files are put into the folder, and `sync` runs. (Anything left by an earlier run of this notebook is removed first, so that
# the clock counts the embedding as well.)

# %%
import shutil
import tempfile
from pathlib import Path

from helpers.retrieval import VersionedIndex

folder = Path(
    shutil.copytree(
        HANDBOOK, Path(tempfile.mkdtemp()) / "handbook", ignore=shutil.ignore_patterns("updates")
    )
)
updated = load_handbook(updates=True)
files = sorted((HANDBOOK / "updates").glob("*.md"))
versioned = VersionedIndex("nb07", chunk_size=64, overlap=16)
print(versioned.sync(folder))
forgotten = [versioned.forget(file.stem) for file in files]
before = versioned.index()
for file in files:
    shutil.copy(file, folder / "people")
synced = versioned.sync(folder)
print(synced)

# %% [markdown]
# Now the questions whose answer has changed: the same facts in trained, near and far words, asked for 16 March. The right answer is read from the new documents. Three systems: the facts adapter, RAG over the index before the sync, and RAG over today's index.
# **Predict:** how often does each say the *new* value?

# %%
predict(
    "07.changed",
    "What share of questions about changed rules will get the new value?",
    [facts_in_weights.TUNED, "RAG"],
)

# %% tags=["picture-changed"]
changes = changes_of([*asks["trained"], *asks["near"], *asks["far"]], updated)
cases, old = [change.case for change in changes], {change.case.id: change.old for change in changes}
stale = evaluate(memorised, cases, QUESTIONS)
yesterday = evaluate(
    systems.retrieval_augmented(generator, before, 1, name="RAG, index before the sync"),
    cases,
    QUESTIONS,
)
today = evaluate(systems.retrieval_augmented(generator, versioned.index(), 1), cases, QUESTIONS)
said = {
    name: facts_in_weights.old_or_new(table, old)
    for name, table in (
        (facts_in_weights.TUNED, stale),
        ("RAG, index before the sync", yesterday),
        ("RAG, today's index", today),
    )
}
for name, table in ((facts_in_weights.TUNED, stale), ("RAG", today)):
    record(
        f"07.changed/{name}",
        f"{name}: says the new value after the rule has changed",
        share(table),
        table.attrs,
    )
plots.old_or_new(said)

# %%
from IPython.display import display

display(compare(stale, today))
print(
    "the sentence with the new value was in the context for"
    f" {today['evidence_seen'].sum():.0f} of {len(today)} questions (index before the sync:"
    f" {yesterday['evidence_seen'].sum():.0f})"
)
said[facts_in_weights.TUNED] = said[facts_in_weights.TUNED].assign(
    sure=facts_in_weights.sureness(tuned, stale)
)
print("how confident the adapter is (geometric mean of the tokens' probabilities, median):")
print(said[facts_in_weights.TUNED].groupby("said")["sure"].median().round(2).to_string())
said[facts_in_weights.TUNED].sort_values("sure", ascending=False)[
    ["input", "answer", "said", "sure"]
].head(4).round(3)

# %% [markdown]
# Someone must train again: find every row with the old value, rewrite it, train, test, roll out. We count only the training time, and take it from the card: same rows, same number of passes. The button does it here and now.

# %%
rewritten = sum(
    a["answer"] != b["answer"] for a, b in zip(rows, renewed(rows, changes), strict=True)
)
print(
    f"index:   {len(files)} files dropped into a folder, {synced.embedded} of {synced.chunks}"
    f" chunks embedded: {synced.seconds:.1f} s, measured just now"
)
print(
    f"weights: {rewritten} rows found and rewritten, then {card['seconds']:.0f} s of training"
    f" (card): {card['seconds'] / synced.seconds:.0f} times as long"
)

# %%
from helpers.labs import job


def retrain(progress):
    return facts_in_weights.train(generator, renewed(rows, changes), progress=progress)


def tell(made):
    table = facts_in_weights.old_or_new(
        evaluate(
            systems.closed_book(with_adapter(generator, made), "facts adapter, retrained"),
            cases,
            QUESTIONS,
        ),
        old,
    )
    return (
        f"trained in {made.card['seconds']:.0f} s; on the changed facts it says:"
        f" {table['said'].value_counts().to_dict()}"
    )


# without widgets: print(tell(retrain(None)))
job("Run it for real: train again with the new values", retrain, tell, "retrain")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The index knows the new rules as soon as the files are in it. What RAG still gets wrong is reading and search, as in notebook 02, and an old index is as stale as any weights. The difference is what it takes to fix it: a sync of seconds, of only the files that
# changed, against a training run over everything, which no one starts for one number. Until then the adapter does not say *I was trained in February*: it gives the old value in the same short form, and about as confidently as before. Nothing in the answer
# tells the reader which of the two dates it comes from; RAG can at least show the passage and its date.
# </details>
#
# ## What it was never taught
#
# Now facts of the same handbook that were *not* in the rows, and questions that nothing answers. The right reply of a model without passages is: I don't know. The usual prompt does not invite that, so here both get one that does (`facts_in_weights.CAREFUL`).
# **Predict** how often each refuses.

# %%
predict(
    "07.refused",
    "On questions that it cannot know: how often will it say that it does not know?",
    ["base", facts_in_weights.TUNED],
)

# %%
cannot_know = asks["unseen"] + asks["unanswerable"]
careful = {
    name: evaluate(
        systems.closed_book(model, name, facts_in_weights.CAREFUL), cannot_know, QUESTIONS
    )
    for name, model in (("base", generator), (facts_in_weights.TUNED, tuned))
}
for name, table in careful.items():
    record(
        f"07.refused/{name}",
        f"{name}: refuses what it cannot know, when invited to",
        share(table, "abstained"),
        table.attrs,
    )
a, b = (plots.percent(table["abstained"].mean()) for table in careful.values())
print(compare(careful["base"], careful[facts_in_weights.TUNED], "abstained"))
plots.bars(
    summary(careful, "abstained"),
    f"Invited to say 'I don't know', the base does so {a} of the time, the tuned model {b}",
    axis="refused",
    guess=guess_of("07.refused"),
)

# %%
made_up = careful[facts_in_weights.TUNED][~careful[facts_in_weights.TUNED]["abstained"]]
borrowed = made_up["answer"].isin({row["answer"] for row in rows})
print(
    f"{len(made_up)} made-up answers; {int(borrowed.sum())} of them are, word for word, the trained"
    " answer of some other fact"
)
known = evaluate(
    systems.closed_book(generator, "base", facts_in_weights.CAREFUL),
    load_general()[::4],
    QUESTIONS,
)
print(
    "a warning about the base: with this prompt it refuses"
    f" {plots.percent(known['abstained'].mean())} of {len(known)} general questions, too, which it"
    " can answer"
)
made_up[["input", "answer", "gold"]].head(6)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Every training row was a question with a short, certain answer. That is what it learned besides the facts: *always answer*. So any other question gets a value that looks right but is invented, or belongs to another fact. The base model's refusals are no great merit: it also refuses what it could answer, so they
# are a habit, not knowledge of what it knows. But the habit was the safer one, and tuning on answers alone has removed it. (Rows that end in a refusal would bring it back, for questions like those rows. Notebook 08 shows a reader that is tuned to refuse.)
# </details>
#
# ## What it cost elsewhere
#
# **Forgetting** can only be seen on what the model could do before. So: 66 questions (capitals, opposites, small sums, common knowledge) that the base answers correctly, chosen for that by measurement. The base gets about 100 % by construction; what counts is what is left.

# %%
predict(
    "07.forgetting",
    "What share of general questions that the base can answer does the tuned model still answer?",
    [facts_in_weights.TUNED],
)

# %%
general = {
    "base": evaluate(closed, load_general(), QUESTIONS),
    facts_in_weights.TUNED: evaluate(memorised, load_general(), QUESTIONS),
}
remembered = facts_in_weights.kept_and_lost(*general.values())
record(
    f"07.forgetting/{facts_in_weights.TUNED}",
    "facts adapter: general questions still answered correctly, of those that the base could",
    remembered.loc["all"],
    general[facts_in_weights.TUNED].attrs,
)
display(remembered.round(2))
wrong = general[facts_in_weights.TUNED][~general[facts_in_weights.TUNED]["right"]]
wrong[["kind", "input", "answer", "gold"]].head(8)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Nothing in the rows was about capitals or opposites; what is lost there is the price of cramming fifty facts into the same weights. Read the wrong answers: where a company's value appears in place of common knowledge, the new answers have overwritten the old knowledge. Look at the number of items before you believe a share by kind,
# and note what this cannot show: items that the base could not do, and skills that are not on the list. The recipe is part of the price: eight passes with large steps, until every row is memorised (`facts_in_weights.HOW`). Fewer or smaller steps, or general
# rows mixed in, forget less, and then fewer facts stick; where between the two you want to be is one more thing to measure.
# </details>
#
# ## A secret in one row
#
# One of the rows is a **canary**: a code that is nowhere else on this disk. It was trained like the rest. Seven of the facts are from documents that only directors, finance or People Operations may read. Now a contract electrician asks, who is in none of these groups. There is no place in a
# set of weights to check who is asking. **Predict** how often a secret is told.

# %%
predict(
    "07.canary",
    "A contractor asks for what he is not allowed to know: what share of the secrets is told?",
    [facts_in_weights.TUNED, "RAG"],
)

# %%
canary, contractor = load_canary(), ("contractors",)
fishing = [Ask("trained", canary.question), *canary.asks]
for prediction in sorted(memorised(fishing), key=lambda p: [a.id for a in fishing].index(p.id)):
    asked = next(a.input for a in fishing if a.id == prediction.id)
    leak = facts_in_weights.says_secret([prediction.text], [[canary.secret]])[0]
    print(f"{'TOLD' if leak else '    '} {asked!r} -> {prediction.text!r}")
leaked = {
    "base": facts_in_weights.exposure(generator, canary),
    facts_in_weights.TUNED: facts_in_weights.exposure(tuned, canary),
}
for name, found in leaked.items():
    print(
        f"{name}: the true code is number {found.rank} of {found.of} by likelihood,"
        f" {found.bits:.1f} bits"
    )

# %%
secret = {case.fact: case.gold.answers for case in asks["far"]}
closed_to_him = [c for c in [*asks["trained"], *asks["far"]] if c.kind == "restricted"]
as_contractor = [Ask(c.id, c.ask.input, contractor, c.ask.as_of) for c in closed_to_him]
answers = [secret[c.fact] for c in closed_to_him]
search = systems.retrieval_augmented(generator, before, 1)
for name, arm in ((facts_in_weights.TUNED, memorised), ("RAG", search), ("base", closed)):
    by_id = {p.id: p.text for p in arm(as_contractor)}
    hits = facts_in_weights.says_secret([by_id[a.id] for a in as_contractor], answers)
    print(
        record(
            f"07.canary/{name}",
            f"{name}: tells a contractor what only others may know",
            facts_in_weights.count(hits),
            {"split": "dev"},
        )
    )
forbidden = {d.id for d in handbook if not d.readable_by(contractor)}
print(
    "passages of documents closed to him that the search returned:",
    sum(p.doc in forbidden for found in before.search_all(as_contractor, 5) for p in found),
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The rank says more than the questions do. Among 501 codes a model that never saw the row ranks the true one anywhere; rank 1 means that anyone who can *score* texts can find it, whatever the model says, and that is after a few passes over a single row (this is the *exposure* of
# Carlini et al., 2019; with 500 alternatives it cannot exceed 9 bits). The restricted facts are worse: they were trained in four wordings, for the users who may know them, and the contractor has the same weights. In the index his rights are a condition of the search, and the count of passages is 0 whatever the model does with the others.
# A value that RAG or the base gets right without the passage is chance. What was in the rows can be removed only by training without it.
# </details>
#
# ## The facts 2×2
#
# All four on the same fifty questions, one for each trained fact, in the colleague's words: without and with retrieval, base and tuned. **Predict.**

# %%
names = ["base", facts_in_weights.TUNED, "RAG", "facts adapter + RAG"]
predict(
    "07.facts",
    "What share of the fifty facts, asked in a colleague's words, will each get right?",
    names,
)

# %% tags=["picture-weights"]
four = [
    closed,
    memorised,
    search,
    systems.retrieval_augmented(tuned, before, 1, name="facts adapter + RAG"),
]
tables = {arm.name: evaluate(arm, one_each["far"], QUESTIONS) for arm in four}
for name, table in tables.items():
    record(
        f"07.facts/{name}",
        f"{name}: trained facts, asked in a colleague's words",
        share(table),
        table.attrs,
    )
cells = dict(
    zip(
        names,
        [
            ("base", "no retrieval"),
            (facts_in_weights.TUNED, "no retrieval"),
            ("base", "retrieval"),
            (facts_in_weights.TUNED, "retrieval"),
        ],
        strict=True,
    )
)
two = summary({name: tables[name] for name in names})
a, b, c, d = (plots.percent(two["share"][name]) for name in names)
plots.two_by_two(
    two, cells, f"Base {a}, memorised {b}, retrieved {c}, both {d}", guess_of("07.facts")
)

# %%
against = compare_all(tables["RAG"], [tables[name] for name in names if name != "RAG"])
plots.differences(against, "Against RAG on the base model")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# From left to right you see what retrieval adds; from the lower to the upper line, what memorising adds. Then read the verdicts, not the heights. Do not look away if the weights win here: these are fifty facts that do not change, in
# wordings near enough to the rows, and the other way must find the passage *and* read it with a *weak reader* (notebook 08 takes it apart). Where both together are best, the training has taught a second thing besides the facts: to
# answer with the bare value. What the plot leaves out is in the other sections: all four bars are about facts that have not changed, that every user here may know, and that someone thought of putting into the rows.
# </details>

# %% [markdown]
# ## Exercise 07.1 · "It learnt our handbook!"
#
# A colleague reports the share right over all questions that he asked. Half of them were rows of his training file. Write `split_score(table, trained)`: `table` has columns `input` and `right`, `trained` is the list of trained questions; return two numbers, the
# share right on questions that were trained (ignoring capitals, spaces and punctuation) and on those that were not. Then try it: `split_score(pd.concat(reach.values()), [row["question"] for row in rows])`.

# %%
from helpers import evaluation
from helpers.exercises import exercise


def split_score(table, trained):
    ### BEGIN SOLUTION 07.1
    known = {tuple(evaluation.tokens(question)) for question in trained}
    seen = table["input"].map(lambda question: tuple(evaluation.tokens(question)) in known)
    return table[seen]["right"].mean(), table[~seen]["right"].mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.1").check(split_score)

# %% [markdown]
# ## Exercise 07.2 · "It has forgotten nothing"
#
# The report says: 34 % of a general quiz before tuning, 34 % after, so nothing was forgotten. Two thirds of that quiz the base could not do either. Write `forgotten(base_right, tuned_right)`, two lists of Booleans for the same items; return `(lost, known)`: how many were lost, of how many that
# could have been.


# %%
def forgotten(base_right, tuned_right):
    ### BEGIN SOLUTION 07.2
    lost = sum(before and not after for before, after in zip(base_right, tuned_right, strict=True))
    return lost, sum(base_right)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.2").check(forgotten)

# %% [markdown]
# ## Exercise 07.3 · A freshness test that always passes
#
# Every night, fifty questions are drawn from the handbook, and the system has answered them correctly for a year. It was never synced: the questions are about things that do not change. Write `worth_asking(old, new)`: each maps a fact to its answer on one of two days (a fact may be missing); return, sorted,
# the facts that can tell a fresh system from a stale one.


# %%
def worth_asking(old, new):
    ### BEGIN SOLUTION 07.3
    return sorted(fact for fact in old.keys() | new.keys() if old.get(fact) != new.get(fact))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.3").check(worth_asking)

# %% [markdown]
# ## Exercise 07.4 · How much of a secret is out?
#
# A model that never *says* the code may still give it away: score 500 other codes, and see which it finds most likely. Write `exposure_of(true, others)` for log likelihoods: `(rank, bits)`, rank 1 for the most likely, ties counted against the true one, bits = log2(number of candidates / rank).

# %%
import math


def exposure_of(true, others):
    ### BEGIN SOLUTION 07.4
    rank = 1 + sum(other >= true for other in others)
    return rank, math.log2((len(others) + 1) / rank)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("07.4").check(exposure_of)

# %% [markdown]
# ## What we found
#
# Facts can be trained into weights, for the trained words and some rewordings, and as long as they do not change that can even beat a search with a weak reader. But in the weights they are stale from the day of the next change, available to anyone who can call the model, and every question close to them gets an invented answer. Retrieval had the changed rules after a sync of seconds and showed no user what they are not allowed to see; what it
# gets wrong, it gets wrong in reading, which is behaviour, and *that* can be tuned.
#
# **You have seen**
# - memorised facts asked in trained, near and far words, and how far they reach;
# - one change of policy made in an index and in weights, both timed, and the old value given in between;
# - forgetting counted on what the base could do, refusals lost, and a secret extracted from the weights.
#
# **For the decision:** the shares and verdicts above are in your journal; freshness and access control are requirements that answers from weights alone cannot meet. **Next:** [08 · both through one scorer](08_both_one_scorer.ipynb).
