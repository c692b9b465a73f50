# %% [markdown]
# # 05 · Do examples teach our format, or does a better prompt do?
#
# **Why it matters.** Some features fail although the model knows everything it needs: the answer must be one JSON record of a fixed schema,
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
from helpers.finetune import Settings, encode, finetune, with_adapter
from helpers.tickets import FIELDS, load_tickets, parse_strict

train, tickets = load_tickets("train"), pick(load_tickets("dev"), 60)
generator = models.load_generator()
print(f"{len(train)} labelled training tickets; we play with {len(tickets)} dev tickets")

# %% [markdown]
# ## The task
#
# A customer writes; the support desk's software wants four fields. The label rules are written down in
# [LABELS.md](../labs_data/tickets/LABELS.md); they are Brindlemark's own, so no model can guess them all.

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
# ## Without training: zero-shot and few-shot
#
# **Zero-shot** tells the model the schema in words. **Few-shot** adds eight labelled tickets to every prompt.
# **Predict:** which share of 60 tickets will be *valid* for each, and which share *all right*?

# %%
my_guess = {"zero-shot": 0.20, "few-shot": 0.40, "tuned": 0.60}  # all four fields right; yours instead

zero = evaluate(arms.zero_shot(generator), tickets, TICKETS)
zero["answer"].head(3).to_list()

# %%
few = evaluate(arms.few_shot(generator, train[:8]), tickets, TICKETS)
few["answer"].head(3).to_list()

# %%
both = [zero, few]
pd.DataFrame({t["arm"].iloc[0]: {"valid": t["valid"].mean(), "fields right": t["fields_right"].mean(), "all four right": t["right"].mean(),
                                 "prompt tokens": t["tokens_in"].mean()} for t in both}).round(2)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Told the schema in words, this small model chats. Shown eight examples, it copies the *form* almost perfectly; look at the middle row to see
# how much *judgement* came with it. Validity is the easy half. And every ticket now pays for eight examples in prompt tokens.
# </details>

# %% [markdown]
# ## One training step by hand
#
# A training row is a prompt and a completion. The model reads both; the **loss** (how surprised it is, per token) is counted on the completion
# only, because the prompt will always be given.

# %%
rows = format_task.training_rows(generator, train[:320])
ids, prompt_tokens = encode(generator.tokenizer, *rows[0])
print(f"{len(ids)} tokens: {prompt_tokens} of prompt, {len(ids) - prompt_tokens} to be learnt:")
print(repr(generator.tokenizer.decode(ids[prompt_tokens:])))

# %%
import torch

tokens = torch.tensor([ids])  # (1, tokens)
with torch.inference_mode():
    logits = generator.model(tokens.to(generator.device)).logits[0].float().cpu()  # (tokens, vocabulary)
surprise = torch.nn.functional.cross_entropy(logits[prompt_tokens - 1 : -1], tokens[0, prompt_tokens:])
print(f"loss on this completion before training: {surprise:.2f} (0 = certain, {torch.tensor(float(logits.shape[1])).log():.1f} = no idea)")

# %% [markdown]
# Training nudges weights so that this number falls. **LoRA** leaves the model's own 135 million weights frozen and trains small matrices beside
# them: an **adapter**, a file of a few megabytes that can be versioned, compared and taken away again.

# %% [markdown]
# ## Train on 320 tickets
#
# One pass over 320 tickets: about one minute on a CPU with bfloat16, about three without. A finished adapter is reused when rows, settings and
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
# The tuned model gets a prompt of three words: the examples are in its weights now.

# %%
tuned = evaluate(arms.tuned(with_adapter(generator, adapter)), tickets, TICKETS)
table = summary([zero, few, tuned])
best = table["share"].idxmax()
plots.bars(table, f"All four fields right: {best} leads with {plots.percent(table['share'].max())}", axis="tickets all right", guess=my_guess)

# %%
form = pd.DataFrame({t["arm"].iloc[0]: share(t, "valid") for t in (zero, few, tuned)}).T
plots.bars(form, "Form alone (a check that the format was learnt, not a result)", axis="valid records")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Examples in the prompt already bought the form. Training bought judgement on top, and took the examples out of the prompt. It is still far from what
# the desk needs: 320 tickets do not carry all the rules. Notebook 06 (to come) asks how many would.
# </details>

# %% [markdown]
# ## Which field fails?

# %%
pd.DataFrame({t["arm"].iloc[0]: [t[f"{f}_right"].mean() for f in FIELDS] for t in (few, tuned)}, index=FIELDS).round(2)

# %%
wrong = tuned[~tuned["right"]]
for _, row in wrong.head(3).iterrows():
    print(row["input"][:160].replace("\n", " "), "\n  said: ", row["answer"], "\n  right:", row["gold"], "\n")

# %% [markdown]
# ## Exercise 05.1 · The baseline without skill
#
# Write an arm `majority` that gives every ticket the commonest value of each field in `train`. How valid is it, and how right?

# %%
from collections import Counter

from helpers.cases import Arm, Prediction
from helpers.exercises import exercise

def commonest(asks):
    ### BEGIN SOLUTION 05.1
    values = {field: Counter(case.gold.output[field] for case in train).most_common(1)[0][0] for field in FIELDS}
    for ask in asks:
        yield Prediction(ask.id, format_task.to_json(values))
    ### END SOLUTION

majority = Arm("majority label", "1", lambda asks: commonest(asks) or ())

# %% tags=["nbval-check-output"]
exercise("05.1").check(majority)

# %% [markdown]
# ## Exercise 05.2 · Test rows in the training set
#
# A colleague reports a jump in accuracy. It turns out that some test tickets had found their way into the training rows. Write
# `leaked(train, test)`: the ids of training cases whose message also stands in the test cases, whatever the capitals, spaces and punctuation.

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
# A prompt with examples taught the form; training taught part of the judgement and made the prompt short. Neither needed a new fact, which is why
# showing the model more documents would not have helped here.
#
# **You have seen**
# - form and judgement measured apart, by a parser that forgives nothing;
# - an adapter trained on this machine, with a card that says what it was made from;
# - zero-shot, few-shot and tuned on the same tickets.
#
# **Next:** [08 · both through one scorer](08_both_one_scorer.ipynb), on cases that nobody has looked at yet.
