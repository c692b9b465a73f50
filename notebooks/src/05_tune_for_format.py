# %% [markdown]
# # 05 · Do examples teach our format, or does a better prompt do?
#
# **Why it matters.** Some features fail on *how* they answer: the answer must be one JSON record of a fixed schema,
# and it has to be *our* judgement that is in it. That is behaviour, and behaviour is what fine-tuning changes. But a better
# prompt changes it too, today and for free. So: measure both.
#
# **Time:** 20 minutes to read · 5 minutes to run · 20 minutes of exercises. **Before:** 00.
#
# **By the end you can**
# - tell *form* (valid JSON) from *judgement* (the right labels), and report both;
# - train an adapter on this machine and say what it was made from;
# - compare zero-shot, few-shot and tuned on the same tickets.

# %%
import pandas as pd

from helpers import arms, format_task, models, plots
from helpers.cases import pick
from helpers.evaluate import TICKETS, evaluate, share, summary
from helpers.finetune import Settings, finetune, with_adapter
from helpers.lora import encode
from helpers.tickets import FIELDS, load_tickets, parse_strict

train, tickets = load_tickets("train"), pick(load_tickets("dev"), 60)
generator = models.load_generator()
print(f"{len(train)} labelled training tickets; we play with {len(tickets)} dev tickets")

# %% [markdown]
# ## The task
#
# A customer writes; the support desk's software wants four fields. The label rules are written down in
# [LABELS.md](../labs_data/tickets/LABELS.md); they are Brindlemark's own, so no model can guess them all. A model can get them from the prompt
# or from labelled examples; here we compare examples in the prompt with examples in training.

# %%
case = tickets[3]
print(case.ask.input, "\n\n->", format_task.to_json(case.gold.output))

# %% [markdown]
# ## A strict parser
#
# Software downstream forgives nothing, so neither do we: one JSON object, exactly the four keys, only allowed values.

# %%
replies = [
    '{"category": "fault", "product": "gale", "priority": "high", "needs_human": false}',
    'Sure! {"category": "fault", "product": "gale", "priority": "high", "needs_human": false}',
    '{"category": "broken", "product": "gale", "priority": "high", "needs_human": false}',
    '{"category": "fault", "product": "gale", "priority": "high"}',
]
pd.DataFrame([(r[:48], *parse_strict(r)[::2]) for r in replies], columns=["reply begins", "state", "reason"])

# %% [markdown]
# ## The baseline without skill
#
# Before any model: give every ticket the commonest value of each field. Always valid; how right?

# %%
from collections import Counter

from helpers.cases import Arm, Prediction

commonest = {field: Counter(c.gold.output[field] for c in train).most_common(1)[0][0] for field in FIELDS}

def answer_commonest(asks):
    for ask in asks:
        yield Prediction(ask.id, format_task.to_json(commonest))

majority = evaluate(Arm("majority label", answer_commonest), tickets, TICKETS)
print(commonest, f"\nvalid: {plots.percent(majority['valid'].mean())}, all four right: {plots.percent(majority['right'].mean())}")

# %% [markdown]
# ## Without training: zero-shot and few-shot
#
# **Zero-shot** tells the model the schema in words. **Few-shot** adds eight labelled tickets to every prompt.
# **Predict:** for which share of 60 tickets will all four fields be right? (Answers are cut at 48 tokens; a record needs 27.)

# %%
from helpers.journal import guess_of, predict, record

predict("05.tickets", "For which share of 60 tickets will all four fields be right?", ["zero-shot", "few-shot", "tuned"])

# %%
zero = evaluate(arms.zero_shot(generator), tickets, TICKETS)
zero["answer"].head(3).to_list()

# %%
few = evaluate(arms.few_shot(generator, train[:8]), tickets, TICKETS)
few["answer"].head(3).to_list()

# %%
so_far = [majority, zero, few]
pd.DataFrame({t["arm"].iloc[0]: {"valid": t["valid"].mean(), "fields right": t["fields_right"].mean(), "all four right": t["right"].mean(),
                                 "prompt tokens": t["tokens_in"].mean()} for t in so_far}).round(2)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Compare *valid* with *fields right*, and each with the majority label, which has no skill at all. Form and judgement are two things, and form
# is the easy half: examples in a prompt can bring it. The last row is their price: every ticket pays for the eight examples.
# </details>

# %% [markdown]
# ## What is learnt: the loss of one row, by hand
#
# A training row is a prompt and a completion. The model reads both; the **loss** (how surprised it is, per token) is counted on the completion
# only, because the prompt will always be given.

# %%
rows = format_task.training_rows(generator, train[:320])
ids, prompt_tokens, _ = encode(generator.tokenizer, *rows[0])
print(f"{len(ids)} tokens: {prompt_tokens} of prompt, {len(ids) - prompt_tokens} to be learnt:")
print(repr(generator.tokenizer.decode(ids[prompt_tokens:])))

# %%
import math

import torch

row_ids = torch.tensor([ids])  # (1, tokens)
with torch.inference_mode():
    logits = generator.model(row_ids.to(generator.device)).logits[0].float().cpu()  # (tokens, vocabulary)
surprise = torch.nn.functional.cross_entropy(logits[prompt_tokens - 1 : -1], row_ids[0, prompt_tokens:])
print(f"loss on this completion before training: {surprise:.2f} (0 = certain, {math.log(logits.shape[1]):.1f} = no idea)")

# %% [markdown]
# Training nudges weights so that this number falls. **LoRA** leaves the model's own 135 million weights frozen and trains small matrices beside
# them: an **adapter**, a file of a few megabytes that can be versioned, compared and taken away again.

# %% [markdown]
# ## Train on 320 tickets
#
# One pass over 320 tickets: about one minute on a CPU with bfloat16, about three without, seconds on a GPU. A finished adapter is reused when rows, settings and
# weights are the same.

# %%
how = Settings(epochs=1, rank=8, learning_rate=1e-3, batch_rows=4, seed=0)
adapter = finetune(generator, rows, how)

# %%
plots.loss_curve(adapter.card["losses"], steps_per_epoch=len(adapter.card["losses"]) // how.epochs)

# %% [markdown]
# Beside the weights lies a **card**: what the adapter was made from. Without it, nobody can say in March why a model behaves as it does since
# January. The format is peft's standard, so any peft can load the folder.

# %%
{key: value for key, value in adapter.card.items() if key not in ("losses", "seconds")}

# %%
sorted((path.name, f"{path.stat().st_size / 1e6:.1f} MB") for path in adapter.folder.iterdir())

# %% [markdown]
# ## With training
#
# The tuned model gets an instruction of three words and the message; what the examples taught is in its weights now.

# %%
tuned = evaluate(arms.tuned(with_adapter(generator, adapter)), tickets, TICKETS)
table = summary([majority, zero, few, tuned])
for t in (zero, few, tuned):
    record(f"05.tickets/{t.attrs['arm']}", f"{t.attrs['arm']}: all four fields right on dev tickets", share(t), t.attrs)
best = table["share"].idxmax()
plots.bars(table, f"All four fields right: {best} leads with {plots.percent(table['share'].max())}", axis="tickets all right", guess=guess_of("05.tickets"))

# %%
form = pd.DataFrame({t["arm"].iloc[0]: share(t, "valid") for t in (majority, zero, few, tuned)}).T
plots.bars(form, "Form alone (a check that the format was learnt, not a result)", axis="valid records")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Form can come from a prompt or from training. Judgement is the harder half: compare each field below with the majority row, for only what stands clearly
# above it is judgement. Whether more tickets, more passes or a larger model would close the rest is not shown here; notebook 06 (to come) asks that. Putting the
# written label rules into the prompt was tried in notebook 01, with this model; with a larger one it would be the first thing to do.
# </details>

# %% [markdown]
# ## Which field fails?

# %%
pd.DataFrame({t["arm"].iloc[0]: [t[f"{f}_right"].mean() for f in FIELDS] for t in (majority, few, tuned)}, index=FIELDS).round(2)

# %%
wrong = tuned[~tuned["right"]]
for _, row in wrong.head(3).iterrows():
    print(row["input"][:160].replace("\n", " "), "\n  said: ", row["answer"], "\n  right:", row["gold"], "\n")

# %% [markdown]
# ## Exercise 05.1 · Whose fault is a wrong ticket?
#
# Write `verdicts(table)`: the shares of tickets that are `"invalid"`, `"valid but wrong"` and `"right"`, as a dict. Then compare `few` and `tuned`.

# %%
from helpers.exercises import exercise

def verdicts(table):
    ### BEGIN SOLUTION 05.1
    valid_but_wrong = (table["valid"] & ~table["right"]).mean()
    return {"invalid": (~table["valid"]).mean(), "valid but wrong": valid_but_wrong, "right": table["right"].mean()}
    ### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("05.1").check(verdicts)

# %% [markdown]
# ## Exercise 05.2 · Test rows in the training set
#
# A colleague reports a jump in accuracy. It turns out that some test tickets had found their way into the training rows. Write
# `leaked(train, test)`: the ids of training cases whose message also stands in the test cases, whatever the capitals, spaces and punctuation. Then
# try it on our own rows: `leaked(train, tickets)`.

# %%
from helpers.scores import tokens as comparable_tokens

def leaked(train, test):
    ### BEGIN SOLUTION 05.2
    seen = {tuple(comparable_tokens(case.ask.input)) for case in test}
    return [case.ask.id for case in train if tuple(comparable_tokens(case.ask.input)) in seen]
    ### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("05.2").check(leaked)

# %% [markdown]
# ## What we found
#
# Form and judgement are two results: a prompt with examples can bring the first, training can bring both and makes the prompt short. The charts
# above say how far each got here, against a baseline without skill.
#
# **You have seen**
# - form and judgement measured apart, by a parser that forgives nothing;
# - an adapter trained on this machine, with a card that says what it was made from;
# - zero-shot, few-shot and tuned on the same tickets.
#
# **Next:** [08 · both through one scorer](08_both_one_scorer.ipynb), on cases that nobody has looked at yet.
