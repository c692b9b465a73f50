# %% [markdown]
# # 00 · It underperforms. Should we fine-tune it?
#
# **Why it matters.** A team's assistant gives wrong answers, and someone says: *let's fine-tune.* Often that is weeks of work on
# the wrong part. **RAG** (retrieval-augmented generation: look something up, then answer) changes what a model can *see*.
# **Fine-tuning** (training it on examples) changes how it *behaves*. In this course you find out by measuring which one
# a problem needs, on your own machine, with real models, offline.
#
# **Time:** 10 minutes to read · 1 minute to run · 10 minutes of exercises. **Before:** nothing.
#
# **By the end you can**
# - say what an *ask*, an *arm*, a *prediction* and a *case* are: the four nouns of this course;
# - show that a fluent answer can be made up from nothing;
# - measure any system, even a silly one, with one function.
#
# *Short of time? Read the first cell, the pictures and the last cell of every notebook.*

# %% [markdown]
# ## The course
#
# | notebook | the question it answers |
# | --- | --- |
# | **00 start here** | what are we measuring? |
# | **01 diagnose first** | is it knowledge, behaviour, boundaries, or the test? |
# | **02 build RAG** | can we let the model see what it does not know? |
# | **03 chunking lab** | would better chunking fix it? |
# | **04 what RAG controls** | who may see what, since when, and can we take it back? |
# | **04b the failure gallery** | how does RAG fail, and would we notice? |
# | **05 tune for a format** | do examples teach our format, or does a better prompt do? |
# | **06 training-size lab** | would more labels fix it? |
# | **07 facts stick, then go stale** | can we train our facts into the model instead? |
# | **08 both through one scorer** | what does each one buy, on the same cases? |
# | **09 hybrid patterns** | which part should be tuned? |
# | **10 ship it like a release** | how do we live with a tuned model? |
# | **11 the decision board** | what do we decide, and what would change our mind? |
# | **12 your own data** | the same decision, for your own data: what should we build? |
#
# Every term is explained where it first appears, and in the [glossary](GLOSSARY.md). The two techniques change two different things:

# %%
from helpers import plots

plots.see_or_behave()

# %% [markdown]
# So the questions have an order, and tuning does not come first. The numbers are the notebooks that measure each fork:

# %%
plots.decision_path()

# %% [markdown]
# ## Your machine
#
# Everything below runs here. The next cell loads a small language model (SmolLM2, 135 million parameters). It is far weaker than
# the models you use at work. That helps here: it fails in the same ways, only more often, so the failures can be counted in minutes.

# %%
from helpers import models

generator = models.load_generator()
print(f"{generator.name} on {generator.device}, {generator.dtype}, {models.set_threads()} threads")

# %% [markdown]
# ## The company
#
# **Brindlemark** makes watering controllers, weather stations and drip kits. The company is invented, so no model can have
# read about it: every right answer came from our documents, or by chance. Its handbook is a folder of Markdown documents.

# %%
import pandas as pd

from helpers.data import load_handbook

documents = load_handbook()
pd.DataFrame(
    [
        {
            "id": d.id,
            "title": d.title,
            "in force from": d.meta.effective_from,
            "who may read": ", ".join(d.meta.audience),
            "words": len(d.text.split()),
        }
        for d in documents
    ]
).sample(6, random_state=3)

# %% [markdown]
# Two columns make this harder than it looks. *In force from*: some rules exist in an old and a new version. *Who may read*:
# some documents are restricted. A system that ignores either will be fluent, and wrong.

# %% [markdown]
# ## Four nouns
#
# An **ask** is everything a system is allowed to see: a text, the user's groups, and the day for which the answer must be right.

# %%
from helpers.data import load_questions

questions = load_questions("dev", documents)
questions[0].ask

# %% [markdown]
# The **gold** is what would have been right, with the exact sentence that proves it. Only the scorer sees it; the system never does.

# %%
questions[0].gold

# %% [markdown]
# Ask and gold together are a **case**. Some cases have no answer: the handbook does not say, or this user is not allowed to know. Then the
# right reply is to refuse.

# %%
pd.Series([case.kind for case in questions]).value_counts().to_frame("questions of this kind")

# %% [markdown]
# ## A fluent answer from nothing
#
# **Predict.** The model has never heard of Brindlemark. Asked four questions about it, how often will it say that it does not know?

# %%
from helpers.models import chat, complete
from helpers.evaluation import abstains

four = questions[2:34:8]
prompts = [
    chat(generator, f"Answer in a few words. At Brindlemark: {case.ask.input}") for case in four
]
answers = {done.index: done.text for done in complete(generator, prompts, max_new_tokens=32)}
pd.set_option("display.max_colwidth", 110)
pd.DataFrame(
    [
        {
            "asked": c.ask.input,
            "said": answers[i],
            "right would be": c.gold.answers[0],
            "refused": abstains(answers[i]),
        }
        for i, c in enumerate(four)
    ]
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# A language model continues text plausibly. Nothing in it separates "I have read this" from "this is how such answers look", so it tends to
# answer anyway. Asking more politely, or in capitals, does not change what it has seen.
# </details>

# %% [markdown]
# Now we put the sentence from the handbook into each prompt. Same model, same questions.

# %%
with_evidence = [
    chat(
        generator,
        "Using only the context, answer in a few"
        f" words.\n\nContext:\n{c.gold.evidence[0].quote}\n\nQuestion: {c.ask.input}",
    )
    for c in four
]
said = {done.index: done.text for done in complete(generator, with_evidence, max_new_tokens=32)}
pd.DataFrame(
    [
        {"asked": c.ask.input, "said": said[i], "right would be": c.gold.answers[0]}
        for i, c in enumerate(four)
    ]
)

# %% [markdown]
# That is the whole idea of RAG. The hard part is finding that sentence among a hundred pages, for this person, on this day.

# %% [markdown]
# ## One function measures every system
#
# A system under test is an **arm**: a function from asks to **predictions**. Here is the simplest one possible.

# %%
from helpers.core import Arm, Prediction
from helpers.data import pick


def refuse(asks):
    for ask in asks:
        yield Prediction(ask.id, "I don't know.")


always_refuse = Arm("always refuse", refuse)

# %% [markdown]
# `evaluate` shows an arm the asks, judges each prediction, and returns a table: one row per case.
# **Predict:** what share of these 60 questions does this trivial arm get right?
#
# Before results that matter you are asked for a guess. Set the slider and press the button *before* you run the next cell: that is how you find out how well
# calibrated you are. The guess is saved in [your journal](JOURNAL.md), a file of your own, next to what was measured. (*Run All* skips it.)

# %%
from helpers.labs import guess_of, predict, record

predict("00.lazy", "What share of 60 questions is right if you always refuse?", ["always refuse"])

# %%
from helpers.evaluation import QUESTIONS, evaluate, share, summary

sixty = pick(questions, 60)
lazy = evaluate(always_refuse, sixty, QUESTIONS)
lazy[["kind", "input", "answer", "gold", "right"]].head(5)

# %% tags=["picture-lazy"]
from helpers import plots

table = summary([lazy])
record("00.lazy/always refuse", "Always refusing is right on dev", share(lazy), lazy.attrs)
plots.bars(
    table,
    f"Saying nothing is already right {plots.percent(table['share'].iloc[0])} of the time",
    guess=guess_of("00.lazy"),
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The trivial arm is right wherever refusing is right. A system that scores a little above this bar may have learned nothing but
# caution. So before you believe any number in this course, ask what a system without skill would score. The thin line is the
# 95 % confidence interval: with 60 questions, the true share is plausibly anywhere along it.
# </details>

# %% [markdown]
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
count = sum(d.readable_by(groups) and d.in_force(dt.date(2026, 3, 2)) for d in documents)
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("00.1").check(count)

# %% [markdown]
# ## Exercise 00.2 · Your first arm
#
# Complete `repeat`, which answers every ask by repeating it. Then measure it: `evaluate(parrot, sixty, QUESTIONS)`.
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
# ## What we found
#
# A model that has not seen a fact tends to make one up, fluently; given the right sentence, the same model can answer. How often it
# does has to be counted, and compared with a baseline that knows nothing.
#
# **You have seen**
# - the four nouns: an arm turns asks into predictions, and a case says what would have been right;
# - a fluent answer made up from nothing;
# - one function that measures any system, and a trivial system that sets the bar.
#
# **Next:** [01 · diagnose first](01_diagnose_first.ipynb), before anyone builds anything.
