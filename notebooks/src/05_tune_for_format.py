# %% [markdown]
# # 05 · Do we need training for our format, or is a better prompt enough?
#
# **Why it matters.** Some features fail on *how* they answer: the answer must be one JSON record of a fixed schema,
# and the judgement in it must be *ours*. That is behaviour, and behaviour is what fine-tuning changes. But a better
# prompt changes it too, today and without training. So measure both.
#
# It is the desk captain's turn: her agents retype by hand whatever the sorter gets wrong. *"I do not need it to know anything,"* she says. *"I need it to do as it is told."*
#
# **On trial here:** *"Fine-tuning changes how a model behaves: strict formats, tone, fewer prompt tokens, narrow tasks with labels."*
#
# **Time:** 30 minutes to read · 5 minutes to run · 22 minutes of exercises. **Before:** 00.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *What is learned: the loss of one row, by hand*, exercises 05.1 and 05.2.
#
# **By the end you can**
# - tell *form* from *judgement*, and compare prompts, constrained decoding and a tuned model by both, on tickets and on a house style;
# - train an adapter on this machine and say what it was made from;
# - say after how many requests a shorter prompt has paid for labels and training.

# %%
import pandas as pd

from helpers import models, plots, systems, training
from helpers.data import load_tickets, parse_strict
from helpers.evaluation import TICKETS, compare, evaluate, share
from helpers.evaluation import summary, ticket_summary
from helpers.systems import TICKET_PROMPT
from helpers.training import LoraSettings, encode, finetune, with_adapter

generator, train = models.load_generator(), load_tickets("train")
tickets = load_tickets("dev")
print(f"{len(train)} labelled training tickets; we test on {len(tickets)} dev tickets")

# %% [markdown]
# ## The task
#
# A customer writes; the support desk's software wants four fields. The label rules are written down in
# [LABELS.md](../labs_data/tickets/LABELS.md); they are Brindlemark's own, so no model can know them in advance. A model can get them from the prompt
# or from labelled examples; here we compare examples in the prompt with examples in training.
#
# The desk's software accepts no deviations, so neither do we: one JSON object, exactly the four keys, only allowed values.

# %%
print(tickets[3].ask.input, "\n\n->", systems.written(tickets[3].gold))
rest = '"product": "gale", "priority": "high"'
replies = [
    '{"category": "fault", ' + rest + ', "needs_human": false}',
    'Sure! {"category": "fault", ' + rest + ', "needs_human": false}',
    '{"category": "broken", ' + rest + ', "needs_human": false}',
    '{"category": "fault", ' + rest + "}",
]
pd.DataFrame(
    [(r[:48], *parse_strict(r)[::2]) for r in replies],
    columns=["reply begins", "state", "reason"],
)

# %% [markdown]
# ## What the labels buy without a language model
#
# **Majority label** gives every ticket the most common value of each field: always valid, no skill. The [**nearest neighbour**](GLOSSARY.md) copies the record of the most similar labelled message;
# a **linear classifier** learns each field from the message's vector in a few seconds. Both read the message with the small embedder of notebook 02. Anyone who wants to tune a model has to
# beat these, not zero.


# %%
def judged(arm):
    return evaluate(arm, tickets, TICKETS)


majority = judged(systems.majority_label(train, by_field=True))
neighbour = judged(systems.nearest_neighbour(train))
linear = judged(systems.linear_classifier(train))
ticket_summary([majority, neighbour, linear]).round(2)

# %% [markdown]
# ## Without training: a better prompt
#
# **Zero-shot** describes the schema to the model in words. [**Few-shot**](GLOSSARY.md) adds eight labelled tickets to every prompt, the same ones each time; [**retrieved examples**](GLOSSARY.md) looks up the eight
# labelled tickets most like the message (retrieval again, now of examples instead of facts). **Constrained** decoding rules out, before every token, whatever would break the schema.
# **Predict:** for what share of the dev tickets will all four fields be right? (Answers are cut at 48 tokens; a record needs 27.)

# %%
from dataclasses import replace

from helpers.exercises import exercise
from helpers.labs import answer_guess, held, out_of, predict, record, record_all
from helpers.labs import the_climb, what_happened, what_we_found

names = ["zero-shot", "few-shot", "retrieved examples", "tuned"]
predict("05.tickets", "For what share of tickets will all four fields be right?", names)

# %%
zero = judged(systems.zero_shot(generator, TICKET_PROMPT))
few = judged(systems.few_shot(generator, TICKET_PROMPT, train[:8]))
like = judged(systems.retrieved_examples(generator, TICKET_PROMPT, train))
forced = judged(systems.few_shot(generator, TICKET_PROMPT, train[:8], constrained=True))
untuned = [majority, neighbour, linear, zero, few, like, forced]
print(*zero["answer"].head(2), *few["answer"].head(2), sep="\n---\n")
ticket_summary(untuned).round(2)

# %%
fixed = compare(majority, few, column="fields_right").verdict_in_points()
looked_up = compare(few, like, column="fields_right").verdict_in_points()
what_happened(
    f"""Form is the easy half: {few["valid"].sum()} of {len(few)} records are valid
    with fixed examples, {forced["valid"].sum()} with the grammar. Valid is not right.
    By fields, fixed examples against the most common labels, which know nothing:
    {fixed}. Examples looked up instead of fixed: {looked_up}. Training has to beat
    the better of these prompts."""
)

# %% [markdown]
# **Checkpoint 05.a** · With the grammar every record is valid. What has been shown?
#
# <details><summary>A · That the form is solved, and nothing about the labels in it.</summary>Yes. Valid is not right; compare with the most common labels, which are always valid.</details>
# <details><summary>B · That the model now understands the tickets.</summary>No. A record of nonsense can be valid.</details>
# <details><summary>C · That no training is needed.</summary>Not yet. That depends on the labels, and they are counted separately.</details>
#
# ## What is learned: the loss of one row, by hand
#
# A training row is a prompt and a completion. The model reads both; the [**loss**](GLOSSARY.md) (how surprised it is, per token) is counted on the completion
# only, because at run time the prompt is always given; the model never has to produce it.

# %%
import torch
from torch.nn.functional import cross_entropy

rows = systems.training_rows(generator, TICKET_PROMPT, train)
encoded = [encode(generator.tokenizer, *row)[:2] for row in rows[:64]]
shortest = min(n for _, n in encoded)
ids, n = encoded[0]  # n tokens of prompt
print(f"{n} tokens of prompt; to learn: {generator.tokenizer.decode(ids[n:])}")
with torch.inference_mode():
    logits = generator.model(torch.tensor([ids]).to(generator.device)).logits[0]
loss = cross_entropy(logits[n - 1 : -1].float().cpu(), torch.tensor(ids[n:]))
print(f"loss before training: {loss:.2f} (0 = certain)")

# %% [markdown]
# ## Exercise 05.1 · A loss that looks fine
#
# A colleague's trainer reports a beautiful curve, and its model answers badly. The suspicion: the loss is counted on the prompt as well. A trainer marks the tokens
# that do not count with the label −100. Write `prompt_counted(labels_of, rows)`: the indices of the rows (ids, prompt_tokens) in which a prompt token counts.
# Then try it on the colleague's function below.


# %%
def colleagues_labels(ids, prompt_tokens):
    return [-100] * shortest + ids[shortest:]


def prompt_counted(labels_of, rows):
    ### BEGIN SOLUTION 05.1
    return [i for i, (ids, n) in enumerate(rows) if set(labels_of(ids, n)[:n]) - {-100}]
    ### END SOLUTION


found = prompt_counted(colleagues_labels, encoded)
found and f"{len(found)} of {len(encoded)} rows count prompt tokens"

# %% tags=["nbval-check-output"]
exercise("05.1").check(prompt_counted)

# %% [markdown]
# ## Train on 64 tickets, here and now
#
# Training nudges weights so that the loss falls. [**LoRA**](GLOSSARY.md) leaves the model's own weights frozen and trains small matrices beside
# them: an [**adapter**](GLOSSARY.md), a file of a few megabytes that can be versioned, compared and removed again.
#
# Eight passes (epochs) over 64 tickets. How long that takes depends on this machine, so the cell estimates it before it starts; the run saved below used the slower number format, float32, and took longer than
# the minutes in the first cell. (The trainer saves time: only the upper third of the layers learns, so what the layers below make of a ticket is the same in every
# pass, and is computed once. A finished adapter is reused when rows, settings and weights are the same.)
#
# With the weights comes a **card**: what the adapter was made from. Without it, no one can say in March why a model has behaved differently since
# January. The files are in the standard format of the library peft, so other tools can load them.

# %%
from IPython.display import display

how = LoraSettings(epochs=8, rank=16, learning_rate=4e-3, batch_rows=4)
how = replace(how, acts_on="everything", from_layer=2 / 3)
display(plots.adapter_sketch(how.rank, generator.model.num_parameters()))
print(training.estimate_in_words(generator, rows[:64], how))
adapter = finetune(generator, rows[:64], how)
losses, card = adapter.card["losses"], ("base", "rows", "rows_sha256", "seconds")
display(plots.loss_curve(losses, steps_per_epoch=len(losses) // how.epochs))
{key: adapter.card[key] for key in (*card, "trained", "machine")}

# %% [markdown]
# ## Exercise 05.2 · Make the prompt better
#
# This one is open-ended. A tuned model is worth its labels only if it beats the best *prompt* that you can write, so write yours before you see its score. Return from
# `examples_for(message)` the labelled tickets (of `train`) that the prompt should show for this message. How many, which ones, and in which order? The last one stands
# next to the message. `nearest_rows([message], texts, k)` gives the `k` rows that are most like a message. The check asks the model 24 dev tickets with your prompt,
# which takes a minute or two, and puts your score beside those of fixed and of looked-up examples.

# %%
from helpers.systems.neighbours import nearest_rows

texts = [case.ask.input for case in train]


def examples_for(message):
    ### BEGIN SOLUTION 05.2
    [rows] = nearest_rows([message], texts, 3)
    return [train[row] for row in reversed(rows)]
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("05.2").check(examples_for)

# %% [markdown]
# ## With training
#
# The tuned model gets a three-word instruction and the message; what the examples taught is in its weights now. Besides the adapter you have just trained we use one
# trained on *all* labelled tickets, which comes with the workbook; to train it yourself, call `train_on_all()`.


# %%
def train_on_all():
    return finetune(generator, rows, replace(how, epochs=3))


full = training.reference_or_train("format", generator, train_on_all)
on_64, on_all = (with_adapter(generator, one) for one in (adapter, full))
few_rows = replace(systems.tuned(on_64, TICKET_PROMPT), name="tuned, 64 rows")
small = judged(few_rows)
tuned = judged(systems.tuned(on_all, TICKET_PROMPT))
sure = judged(systems.tuned(on_all, TICKET_PROMPT, constrained=True))

# %% tags=["picture-tuned"]
everything = [*untuned, small, tuned, sure]
named = {t.attrs["arm"]: t for t in everything[1:-1]}
record_all("05.tickets", named, "{}: all four fields right on dev tickets")
table = summary(everything)
best, most = table["share"].idxmax(), plots.percent(table["share"].max())
title = f"All four fields right: {best} leads with {most}"
display(ticket_summary(everything).round(2))
plots.bars(table, title, "tickets all right", answer_guess("05.tickets"))

# %%
for row in tuned[~tuned["right"]].head(2).itertuples():
    print(f"{row.input[:150]!r}\n  said:  {row.answer}\n  right: {row.gold}\n")
gain = compare(few, tuned)
says = "tuned on all labels against few-shot: all four fields right"
record("05.gain/tuned", says, gain)
rivals = [few, like, neighbour, linear]
gains = [compare(rival, tuned, comparisons=len(rivals)) for rival in rivals]
ahead = ", ".join(c.first for c in gains if c.verdict == "better") or "none"
plots.differences(gains, f"Tuned on all labels is measurably ahead of {ahead}")

# %%
mended = int((sure["right"] & ~tuned["right"]).sum())
lines = "; ".join(f"{one.first}: {one.verdict_in_points()}" for one in gains)
what_happened(
    f"""Trained on {full.card["rows"]} labels, {out_of(share(tuned))} have all four
    fields right (with 64 labels {out_of(share(small))}). Compared with the others,
    all intervals holding at once, {lines}. Where it cannot be told, take the cheaper
    one. {tuned["valid"].sum()} tuned records are valid; a grammar on top made {mended}
    more right: it cannot repair a wrong label."""
)

# %% [markdown]
# **Checkpoint 05.b** · Suppose, whatever came out here, the tuned model clearly beats eight fixed examples, but against looked-up examples the verdict is *cannot tell*. What do you build first?
#
# <details><summary>A · The tuned model: it has the highest bar.</summary>Not by the bar alone. Where the interval covers zero, the more expensive one has not shown that it is worth its price.</details>
# <details><summary>B · The prompt with looked-up examples.</summary>Yes. It needs no training and no releases. If more cases settle it, decide again.</details>
# <details><summary>C · Neither, the test is too small.</summary>No. Something has to be built; the simpler one stays until a further step clearly pays.</details>
#
# ## House style
#
# Not every format is JSON. Brindlemark answers its customers in its own style, written down as checkable rules in
# [GUIDE.md](../labs_data/style/GUIDE.md): the greeting, our words for our products, every fact used, no contractions, at most one apology. A **brief** says who
# asks what, and which facts the reply must use; so the model needs no knowledge, only style. The baseline without skill pastes the facts unchanged.
#
# **Predict:** what share of the replies will keep *all* rules? (Without an example this small model may repeat itself to the last token. That is the model, not a bug.)

# %%
from helpers.core import Arm, Prediction
from helpers.evaluation import house_style
from helpers.systems import TaskPrompt

briefs = house_style.load_style("dev")
replies = house_style.pairs(house_style.load_style("train"))
print(*replies[0], sep="\n\n->\n")
print(f"\nThe guide as a prompt:\n{house_style.GUIDE}")
names = ["zero-shot", "few-shot", "tuned"]
predict("05.style", "What share of replies keeps all style rules?", names)


# %%
def pasted(asks):
    for ask in asks:
        yield Prediction(ask.id, house_style.read_brief(ask.input).as_reply())


manner = TaskPrompt(house_style.GUIDE, max_new_tokens=72, tuned=house_style.TUNED)
paste = Arm("facts as they are", pasted, "paste")
guided = systems.zero_shot(generator, manner)
shown = systems.few_shot(generator, manner, replies[:6])
arms = (paste, guided, shown)
untrained = [evaluate(arm, briefs, house_style.STYLE) for arm in arms]
print(*(f"--- {t.attrs['arm']}\n{t['answer'].iloc[0]}\n" for t in untrained))

# %%
# all replies would take more than twice the time
taught = systems.training_rows(generator, manner, replies[:64])
recipe = LoraSettings(epochs=2, rank=8, learning_rate=1e-3, batch_rows=4)
in_style = with_adapter(generator, finetune(generator, taught, recipe))
trained = evaluate(systems.tuned(in_style, manner), briefs, house_style.STYLE)
print(trained["answer"].iloc[0])
named = {t.attrs["arm"]: t for t in (*untrained[1:], trained)}
record_all("05.style", named, "{}: replies that keep all rules")
answer_guess("05.style")
plots.rules_kept([*untrained, trained], list(house_style.RULES))

# %%
what_happened(
    f"""All rules are kept by {out_of(share(trained))} tuned replies and
    {out_of(share(untrained[2]))} with six examples. Rules that forbid (no exclamation
    mark, no form letter) are kept by almost anything; the others tell systems apart.
    Facts pasted unchanged keep nearly every rule, and no one would send them: to keep
    the rules is the least a reply must do. Compare the tuned reply above with the
    facts it had."""
)

# %% [markdown]
# ## Fewer prompt tokens: when does it pay?
#
# The tuned model needs no examples in the prompt, so each request is shorter. That saves a little each time, at a one-off cost: labels and training. Simple
# arithmetic says after how many requests the saving has paid for the cost. Some inputs are **measured** in this notebook, the prices are **assumed**: put in your own.
#
# First what is measured: prompt tokens, the seconds one user waits for a single answer, and the hours that a thousand requests take one after the other.

# %%
from helpers.decision import Given, Plan, inputs_table, payback_by_input
from helpers.evaluation import latency

waits = {
    "few-shot": systems.few_shot(generator, TICKET_PROMPT, train[:8]),
    "tuned": systems.tuned(on_all, TICKET_PROMPT),
}
seen = {name: latency(arm, tickets, n=4) for name, arm in waits.items()}
price = pd.DataFrame(seen).T
price["prompt tokens"] = [t["tokens_in"].mean() for t in (few, tuned)]
price["hours per 1,000"] = price["median_seconds"] * 1000 / 3600
price.round(2)

# %% tags=["picture-payback"]
plan = Plan(
    few_shot_tokens=Given(few["tokens_in"].mean(), "tokens", "measured"),
    tuned_tokens=Given(tuned["tokens_in"].mean(), "tokens", "measured"),
    examples=Given(8, "rows", "measured"),
    rows=Given(full.card["rows"], "rows", "measured"),
    training_seconds=Given(full.card["seconds"], "seconds", "measured"),
    cost_per_label=Given(0.40, "EUR a label", "assumed"),
    machine_per_hour=Given(0.10, "EUR an hour", "assumed"),
    price_per_1000_tokens=Given(0.0005, "EUR", "assumed"),
)
display(plots.payback(plan), inputs_table(plan))
payback_by_input(plan)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# With these prices labelling is nearly all of the cost; the training is small change. Each line of the second table halves and doubles one assumption, and shows how many requests
# it then takes. Services that charge less for the part of a prompt that never changes (`repeated_price`) need more: the examples are just such a part.
# And the sum leaves out the most important thing: it assumes that both are equally *good*. The charts above say whether they are.
# </details>
#
# **Checkpoint 05.c** · A shorter prompt saves tokens at each request. What decides whether it pays?
#
# <details><summary>A · The training time.</summary>Hardly. It is small change beside the labels.</details>
# <details><summary>B · The cost of the labels, and how many requests there are.</summary>Yes. And all of it only if both are equally good.</details>
# <details><summary>C · The size of the model.</summary>It changes the price of a token, not how the sum is done.</details>
#
# ## Exercise 05.3 · Break-even by hand
#
# Write `pays_after(once, tokens_saved, price_per_1000)`: after how many requests has a shorter prompt paid back the one-off cost? Think of the prompt that does
# not get shorter.


# %%
def pays_after(once, tokens_saved, price_per_1000):
    ### BEGIN SOLUTION 05.3
    saved = tokens_saved / 1000 * price_per_1000
    return once / saved if saved > 0 else float("inf")
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("05.3").check(pays_after)

# %% [markdown]
# ## What we found

# %%
answer = f"""**Do we need training for our format, or is a better prompt enough?**
For the form, examples in the prompt make {out_of(share(few, "valid"))} records valid.
For the judgement, the tuned model has all four fields right in
{out_of(share(tuned))}; against {lines}. Measure in the order of what it costs: a
better prompt, the labels without a language model, then training."""
form, styled = compare(zero, tuned, column="valid"), compare(untrained[2], trained)
saved = few["tokens_in"].mean() - tuned["tokens_in"].mean()
the_climb("05")

# %%
judged_by = (form, gains[1], gains[3], styled)
valid, prompt, plain, tone = (f"*{one.verdict_in_points()}*" for one in judged_by)
best = f"it is {prompt} against looked-up examples, {plain} against a classifier"
both = held(gains[1].verdict) and held(gains[3].verdict)
on_trial = {
    "strict formats": (held(form.verdict), f"it is {valid} against zero-shot"),
    "narrow tasks with labels": (both, best),
    "tone": (held(styled.verdict), f"it is {tone} against six examples"),
    "fewer prompt tokens": (bool(saved > 0), f"a request has {saved:.0f} fewer"),
}
what_we_found(answer, on_trial)

# %% [markdown]
# **You have seen**
# - form and judgement measured apart, by a strict parser, and a house style kept or broken rule by rule;
# - an adapter trained on this machine, with a card that says what it was made from;
# - after how many requests a shorter prompt pays, and which assumption that rests on.
#
# **For the decision:** the shares and the gain are in your journal. They come from dev; 11 decides by the frozen test (08), which has other tickets,
# and more of them, so what is *better* here may be *cannot tell* there. **Next:** [06 · would more labels fix it?](06_training_size_lab.ipynb)
