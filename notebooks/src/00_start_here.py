# %% [markdown]
# # 00 · It underperforms. Should we fine-tune it?
#
# **Why it matters.** A team's assistant gives wrong answers, and someone says: *let's fine-tune.* Often that is weeks of work on
# the wrong part. [**RAG**](GLOSSARY.md) (retrieval-augmented generation: look something up, then answer) changes what a model can *see*.
# [**Fine-tuning**](GLOSSARY.md) (training it on examples) changes how it *behaves*. In this course you find out by measuring which one
# a problem needs, on your own machine, with real models, offline.
#
# **On trial here:** *"RAG changes what a model can see; fine-tuning changes how it behaves."* Every notebook puts a sentence of the decision
# framework on trial like this, and ends with a verdict on it: *held*, *held in part*, *could not be told*, or *contradicted here*.
#
# **Time:** 10 minutes to read · 1 minute to run · 10 minutes of exercises. **Before:** nothing.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Four nouns*, exercise 00.1.
#
# **By the end you can**
# - say what an *ask*, an *arm*, a *prediction* and a *case* are: the four nouns of this course;
# - show that a fluent answer can be made up from nothing;
# - measure any system, even a silly one, with one function.
#
# *Short of time? Read the first cell, the pictures and the last cell of every notebook.*

# %% [markdown]
# ## A meeting at Brindlemark
#
# Brindlemark makes garden controllers; its assistant answers questions about the handbook, badly. The **Managing director** has lost patience:
# *"Everyone fine-tunes. Let's fine-tune it."* The **privacy lead** in Legal, who handles every request to delete personal data,
# asks what the model would then know for ever.
# The **desk captain** of support does not care how it is done, as long as her tickets land in the right queue. The **firmware engineer** from Lindenrode,
# who will have to run it, says nothing and opens a notebook. You will have a decision by notebook 11, and the director will sign it.
#
# ### The course
#
# | notebook | the question it answers |
# | --- | --- |
# | **00 start here** | what are we measuring? |
# | **01 diagnose first** | is it knowledge, behaviour, boundaries, or the test? |
# | **02 build RAG** | can we let the model see what it does not know? |
# | **03 chunking lab** | would better chunking fix it? |
# | **04 what RAG controls** | who may see what, since when, and can we take it back? |
# | **04b the failure gallery** | how does RAG fail, and would we notice? |
# | **05 tune for a format** | do we need training for our format, or is a better prompt enough? |
# | **06 training-size lab** | would more labels fix it? |
# | **07 facts stick, then go stale** | can we train our facts into the model instead? |
# | **08 both through one scorer** | what does each one buy, on the same cases? |
# | **09 hybrid patterns** | which part should be tuned? |
# | **10 ship it like a release** | how do we live with a tuned model? |
# | **11 the decision board** | what do we decide, and what would change our mind? |
# | **12 your own data** | the same decision, for your own data: what should we build? |
#
# Every term is explained where it first appears, and in the [glossary](GLOSSARY.md). The two techniques change two different things
# (an *adapter* is a small file of trained weights that is added to the model; 05 makes one):

# %%
from helpers import plots

plots.see_or_behave()

# %% [markdown]
# So the questions have an order, and tuning does not come first. Read from top to bottom and go on until the answers are good enough; the number beside
# each question is the notebook that measures it:

# %%
plots.decision_path()

# %% [markdown]
# ## Your machine
#
# Everything below runs here. The next cell loads a small language model (SmolLM2, 135 million parameters). It is far weaker than
# the models you use at work. That helps here: it fails in the same ways, only more often, so you can count its failures in minutes.

# %%
from helpers import models

generator = models.load_generator()
print(generator.name, generator.device, generator.dtype)
print(f"{models.set_threads()} threads")

# %% [markdown]
# ## The company
#
# Brindlemark makes watering controllers, weather stations and drip kits. The company is invented, so no model can have
# read about it: every right answer came from our documents, or from a lucky guess. Its handbook is a folder of Markdown documents.

# %%
import pandas as pd

from helpers.data import load_handbook

documents = load_handbook()
columns = ["title", "in force from", "who may read"]
about = {d.id: (d.title, d.meta.effective_from, d.meta.audience) for d in documents}
table = pd.DataFrame.from_dict(about, orient="index", columns=columns)
table.sample(6, random_state=3)

# %% [markdown]
# Two columns make this harder than it looks. *In force from*: some rules exist in an old and a new version. *Who may read*:
# some documents are restricted. A system that ignores either will be fluent, and wrong.
#
# ## Four nouns
#
# An [**ask**](GLOSSARY.md) is everything a system is allowed to see: a text, the user's groups, and the day for which the answer must be right.
# (The questions come in two sets: *dev*, for trying things out, is used nearly everywhere; *test* is opened once, in 08.)

# %%
from helpers.data import load_questions

questions = load_questions("dev", documents)
questions[0].ask

# %% [markdown]
# The [**gold**](GLOSSARY.md) is what would have been right, with the exact sentence that proves it. Only the scorer sees it; the system never does.

# %%
questions[0].gold

# %% [markdown]
# Ask and gold together are a [**case**](GLOSSARY.md). Some cases have no answer: the handbook does not say, or this user is not allowed to know. Then the
# right reply is to refuse.

# %%
pd.Series([case.kind for case in questions]).value_counts().to_frame(
    "questions of this kind"
)

# %% [markdown]
# ## A fluent answer from nothing
#
# **Predict.** The model has never heard of Brindlemark. Asked four questions about it, how often will it say that it does not know?

# %%
from helpers.models import chat, complete
from helpers.evaluation import abstains, answer_correct

four = questions[2:34:8]
asked = [f"Answer in a few words. At Brindlemark: {c.ask.input}" for c in four]
prompts = [chat(generator, one) for one in asked]
answers = {one.index: one.text for one in complete(generator, prompts, 32)}
pd.set_option("display.max_colwidth", 110)
columns = ["asked", "said", "right would be"]
shown = [(c.ask.input, answers[i], c.gold.answers[0]) for i, c in enumerate(four)]
pd.DataFrame(shown, columns=columns)

# %%
from helpers.labs import what_happened

silent = sum(map(abstains, answers.values()))
what_happened(
    f"""It said that it does not know {silent} times in {len(four)}. A language model
    continues text plausibly. Nothing in it separates "I have read this" from "this is
    how such answers look"."""
)

# %% [markdown]
# Now we put the sentence from the handbook into each prompt. Same model, same questions. (An answer counts as right when it is short and contains an
# accepted wording. The last column shows what was counted.)

# %%
task = "Using only the context, answer in a few words."
asked = [
    f"{task}\n\nContext:\n{c.gold.evidence[0].quote}\n\nQuestion: {c.ask.input}"
    for c in four
]
prompts = [chat(generator, one) for one in asked]
said = {one.index: one.text for one in complete(generator, prompts, 32)}
right = [answer_correct(said[i], c.gold.answers) for i, c in enumerate(four)]
table = pd.DataFrame([(c.ask.input, said[i]) for i, c in enumerate(four)])
table = table.assign(gold=[c.gold.answers[0] for c in four], right=right)
table.set_axis([*columns, "counted as right"], axis=1)

# %%
import re

before = sum(answer_correct(answers[i], c.gold.answers) for i, c in enumerate(four))
numbers = [set(re.findall(r"\d+", said[i])) for i in range(len(four))]
rest = [n - {*c.gold.answers[0].split()} for n, c in zip(numbers, four, strict=True)]
odd = [f"*{said[i]}*" for i in range(len(four)) if right[i] and rest[i]]
what_happened(
    f"""Counted as right: {sum(right)} of {len(four)} with the sentence, {before}
    without. That is the idea of RAG, and the first win. Counted, though another
    number stands beside the right one: {len(odd)}. {" ".join(odd)}"""
)

# %% [markdown]
# The scorer looks for the right value in a short answer and does not read the sentence around it, so a clumsy sentence can count; 01 puts the scorer itself to the test.
# What the model still gets wrong with the sentence in front of it is a second problem. And the hard part is left out: finding that sentence, for this person, on this day.
#
# **Checkpoint 00.a** · The model answered about a company it has never read of. Why did it not say so?
#
# <details><summary>A · It was asked impolitely.</summary>No. Asking more politely, or in capitals, does not change what the model has seen.</details>
# <details><summary>B · Nothing in it separates what it has read from what only sounds right.</summary>Yes. It continues text plausibly, so a gap in its knowledge looks like any other answer.</details>
# <details><summary>C · It is broken and should be trained again.</summary>No. Every language model does this. More training would change how it answers, not what it has read of Brindlemark.</details>
#
# ## One function measures every system
#
# A system under test is an [**arm**](GLOSSARY.md): a function from asks to [**predictions**](GLOSSARY.md). Here is the simplest one possible.

# %%
from helpers.core import Arm, Prediction


def refuse(asks):
    for ask in asks:
        yield Prediction(ask.id, "I don't know.")


always_refuse = Arm("always refuse", refuse)

# %% [markdown]
# `evaluate` shows an arm the asks, judges each prediction by the rules in `QUESTIONS`, and returns a table: one row per case.
# **Predict:** what share of the dev questions does this trivial arm get right?
#
# Before results that matter you are asked for a guess. Set the slider and press the button *before* you run the next cell: in 11 you see how good
# your guesses were. The guess is saved in [your journal](JOURNAL.md), a file of your own, next to what was measured. (*Run All* skips it.)

# %%
from helpers.labs import answer_guess, predict, record

predict("00.lazy", "What share is right if you always refuse?", ["always refuse"])

# %%
from helpers.evaluation import QUESTIONS, evaluate, share, summary

lazy = evaluate(always_refuse, questions, QUESTIONS)
lazy[["kind", "input", "answer", "gold", "right"]].head(5)

# %% tags=["picture-lazy"]
silence = share(lazy)
record("00.lazy/always refuse", "Always refusing is right on dev", silence, lazy.attrs)
plots.bars(
    summary([lazy]),
    f"Saying nothing is already right {plots.percent(silence['share'])} of the time",
    guess=answer_guess("00.lazy"),
)

# %%
from helpers.labs import out_of

what_happened(
    f"""The trivial arm is right wherever refusing is right: {out_of(silence)}. A
    system that scores a little above this bar may have learned nothing but caution.
    So before you believe any number, ask what a system without skill would score. The
    thin line is the 95 % confidence interval: the true share is plausibly anywhere
    along it."""
)

# %% [markdown]
# **Checkpoint 00.b** · A new system scores a little above *always refuse*. What do you know?
#
# <details><summary>A · It works, and the rest is tuning.</summary>No. A system that refuses nearly everything would land there as well.</details>
# <details><summary>B · Nothing yet: ask what it does on the questions that have an answer.</summary>Yes. The baseline without skill is right wherever refusing is right, and on nothing else.</details>
# <details><summary>C · It is worse than a coin.</summary>No. A coin is not the baseline here; doing nothing is.</details>
#
# ## Exercise 00.1 · Who may read what?
#
# The user `contractor-de` asks on 2 March 2026. How many documents may a system show that person? Put the number into `count`.
# (`load_users()` knows the groups; a document can say `.readable_by(groups)` and `.in_force(day)`.)

# %%
import datetime as dt

from helpers.data import load_users
from helpers.exercises import exercise

count = ...
### BEGIN SOLUTION 00.1
groups = load_users()["contractor-de"]["groups"]
count = sum(
    d.readable_by(groups) and d.in_force(dt.date(2026, 3, 2)) for d in documents
)
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("00.1").check(count)

# %% [markdown]
# ## Exercise 00.2 · Your first arm
#
# Complete `repeat`, which answers every ask by repeating it. Then measure it: `evaluate(parrot, questions, QUESTIONS)`.
# Why does it score below always refusing, although neither knows anything?


# %%
def repeat(asks):
    ### BEGIN SOLUTION 00.2
    for ask in asks:
        yield Prediction(ask.id, ask.input)
    ### END SOLUTION


parrot = Arm("parrot", repeat)

# %% tags=["nbval-check-output"]
exercise("00.2").check(parrot)

# %% [markdown]
# **Checkpoint 00.c** · The thin line on a bar reaches from 10 to 22 %. How do you read it?
#
# <details><summary>A · The system is right in 10 % on bad days and in 22 % on good ones.</summary>No. It says nothing about days. It is about which cases happened to be asked.</details>
# <details><summary>B · With other questions of the same kind, the share could plausibly lie anywhere along it.</summary>Yes. More questions make the line shorter; a better system moves it.</details>
# <details><summary>C · The measurement was done badly.</summary>No. Every share from a sample has such a line. A share shown without one hides it.</details>
#
# ## What we found
#
# Four questions are an anecdote, so here are more: the same model, from memory and with the right passage put into its prompt. The picture is the course's
# **running score**, *the climb*: the same dev questions from here to 12, and one more line filled in each time you improve the system. It uses only some of
# the questions, to be quick. A notebook measures on more, so where the two differ, trust the notebook.

# %%
from helpers import systems
from helpers.evaluation import compare
from helpers.experiments import climb
from helpers.labs import held, the_climb, what_we_found
from helpers.retrieval import chunk_all

asked = climb.the_questions(questions)
passage = systems.evidence_contexts(asked, chunk_all(documents, 64, 16))
alone = evaluate(systems.closed_book(generator), asked, QUESTIONS)
shown = evaluate(systems.oracle(generator, passage), asked, QUESTIONS)
the_climb("00")

# %%
seen, refused = compare(alone, shown), out_of(share(alone, "abstained"))
against = f"the verdict against memory is *{seen.verdict_in_points()}*"
what_we_found(
    f"""**It underperforms. Should we fine-tune it?** Not before you know what is
    missing. From memory it is right in {out_of(share(alone))} and refuses in {refused};
    with the right passage it is right in {out_of(share(shown))}. Nothing was
    trained.""",
    {
        "RAG changes what it can see": (held(seen.verdict), against),
        "fine-tuning changes how it behaves": (None, "nothing was trained yet"),
    },
)

# %% [markdown]
# **You have seen**
# - the four nouns: an arm turns asks into predictions, and a case adds what would have been right;
# - a fluent answer made up from nothing;
# - one function that measures any system, and a trivial system that sets the bar.
#
# **Next:** [01 · diagnose first](01_diagnose_first.ipynb), before anyone builds anything.
