# %% [markdown]
# # 05 · Do examples teach our format, or does a better prompt do?
#
# **Why it matters.** Some features fail on *how* they answer: the answer must be one JSON record of a fixed schema,
# and the judgement in it must be *ours*. That is behaviour, and behaviour is what fine-tuning changes. But a better
# prompt changes it too, today and for free. So: measure both.
#
# The desk captain's turn: her agents retype by hand whatever the sorter gets wrong. *"I do not need it to know anything,"* she says. *"I need it to do as it is told."*
#
# **On trial here:** *"Fine-tuning changes how a model behaves: strict formats, tone, fewer prompt tokens, narrow tasks with labels."*
#
# **Time:** 30 minutes to read · 5 minutes to run · 25 minutes of exercises. **Before:** 00.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *What is learned: the loss of one row, by hand*, exercises 05.1 to 05.3.
#
# **By the end you can**
# - tell *form* from *judgement*, and compare zero-shot, few-shot, constrained and tuned by both, on tickets and on a house style;
# - train an adapter on this machine and say what it was made from;
# - say after how many requests a shorter prompt has paid for labels and training.

# %%
import pandas as pd
from IPython.display import display

from helpers import models, plots, systems, training
from helpers.core import Arm, Prediction
from helpers.data import load_tickets, parse_strict
from helpers.systems import TICKET_PROMPT, TaskPrompt
from helpers.evaluation import TICKETS, evaluate, share, summary, ticket_summary
from helpers.training import LoraSettings, finetune, reference_or_train, with_adapter

train, tickets = load_tickets("train"), load_tickets("dev")
generator = models.load_generator()
print(f"{len(train)} labelled training tickets; we test on {len(tickets)} dev tickets")

# %% [markdown]
# ## The task
#
# A customer writes; the support desk's software wants four fields. The label rules are written down in
# [LABELS.md](../labs_data/tickets/LABELS.md); they are Brindlemark's own, so no model can know them in advance. A model can get them from the prompt
# or from labelled examples; here we compare examples in the prompt with examples in training.

#
# Downstream software accepts no deviations, so neither do we: one JSON object, exactly the four keys, only allowed values.

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
# a **linear classifier** learns each field from the message's vector in a few seconds. Both read the message with the small embedder of notebook 02. Whoever wants to tune has to
# beat these, not zero.

# %%
majority, *without_model = (
    evaluate(arm, tickets, TICKETS)
    for arm in (
        systems.majority_label(train, by_field=True),
        systems.nearest_neighbour(train),
        systems.linear_classifier(train),
    )
)
ticket_summary([majority, *without_model]).round(2)

# %% [markdown]
# ## Without training: a better prompt
#
# **Zero-shot** describes the schema to the model in words. [**Few-shot**](GLOSSARY.md) adds eight labelled tickets to every prompt, the same ones each time; [**retrieved examples**](GLOSSARY.md) looks up the eight
# labelled tickets most like the message (retrieval again, now of examples instead of facts). **Constrained** decoding rules out, before every token, whatever would break the schema.
# **Predict:** for what share of the dev tickets will all four fields be right? (Answers are cut at 48 tokens; a record needs 27.)

# %%
from helpers.labs import answer_guess, out_of, predict, record, the_climb
from helpers.labs import held, what_happened, what_we_found

predict(
    "05.tickets",
    "For what share of the dev tickets will all four fields be right?",
    ["zero-shot", "few-shot", "retrieved examples", "tuned"],
)

# %%
zero = evaluate(systems.zero_shot(generator, TICKET_PROMPT), tickets, TICKETS)
few = evaluate(systems.few_shot(generator, TICKET_PROMPT, train[:8]), tickets, TICKETS)
like = evaluate(
    systems.retrieved_examples(generator, TICKET_PROMPT, train), tickets, TICKETS
)
forced = evaluate(
    systems.few_shot(generator, TICKET_PROMPT, train[:8], constrained=True),
    tickets,
    TICKETS,
)
print(*zero["answer"].head(2), *few["answer"].head(2), sep="\n---\n")
ticket_summary([majority, *without_model, zero, few, like, forced]).round(2)

# %%
from helpers.evaluation import compare

better_prompt = compare(few, like, column="fields_right")
what_happened(
    f"""Form is the easy half: {few["valid"].sum()} of {len(few)} records are valid
    with fixed examples, {forced["valid"].sum()} with the grammar. Valid is not right:
    constrained, {out_of(share(forced))} have all four fields right, by the most
    common labels {out_of(share(majority))}. Examples looked up instead of fixed: by
    fields {better_prompt.verdict_in_points()}. That is the better prompt to beat."""
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
from helpers.training import encode

ids, prompt_tokens, _ = encode(
    generator.tokenizer, *systems.training_rows(generator, TICKET_PROMPT, train[:1])[0]
)
learned = ids[prompt_tokens:]
print(f"{prompt_tokens} tokens of prompt, {len(learned)} to be learned:")
print(repr(generator.tokenizer.decode(learned)))

# %%
import math

import torch

row_ids = torch.tensor([ids])  # (1, tokens)
with torch.inference_mode():
    # (tokens, vocabulary)
    logits = generator.model(row_ids.to(generator.device)).logits[0].float().cpu()
surprise = torch.nn.functional.cross_entropy(
    logits[prompt_tokens - 1 : -1], row_ids[0, prompt_tokens:]
)
print(
    f"loss on this completion before training: {surprise:.2f} (0 = certain,"
    f" {math.log(logits.shape[1]):.1f} = no idea)"
)

# %% [markdown]
# ## Exercise 05.1 · A loss that looks fine
#
# A colleague's trainer reports a beautiful curve, and its model answers badly. The suspicion: the loss is counted on the prompt as well. A trainer marks the tokens
# that do not count with the label −100. Write `prompt_counted(labels_of, rows)`: the indices of the rows (ids, prompt_tokens) in which a prompt token counts.
# Then try it on the colleague's function below.

# %%
from helpers.exercises import exercise

training_pairs = systems.training_rows(generator, TICKET_PROMPT, train[:64])
encoded = [encode(generator.tokenizer, *row)[:2] for row in training_pairs]
shortest = min(prompt_tokens for _, prompt_tokens in encoded)


def colleagues_labels(ids, prompt_tokens):
    return [-100] * shortest + ids[shortest:]


def prompt_counted(labels_of, rows):
    ### BEGIN SOLUTION 05.1
    return [
        i
        for i, (ids, n) in enumerate(rows)
        if any(label != -100 for label in labels_of(ids, n)[:n])
    ]
    ### END SOLUTION


found = prompt_counted(colleagues_labels, encoded)
found and f"{len(found)} of {len(encoded)} rows count prompt tokens"

# %% tags=["nbval-check-output"]
exercise("05.1").check(prompt_counted)

# %% [markdown]
# Training nudges weights so that this number falls. [**LoRA**](GLOSSARY.md) leaves the model's own weights frozen and trains small matrices beside
# them: an [**adapter**](GLOSSARY.md), a file of a few megabytes that can be versioned, compared and removed again.

# %%
plots.adapter_sketch(rank=8, frozen=generator.model.num_parameters())

# %% [markdown]
# ## Train on 64 tickets, here and now
#
# Four passes (epochs) over 64 tickets. How long that takes depends on this machine, so ask before you start. The trainer leaves reading the message to the
# frozen model (each prompt is read once, whatever the number of epochs) and works on the answer alone. A finished adapter is reused when rows, settings and weights are the same.
#
# Beside the weights is a **card**: what the adapter was made from. Without it, no one can say in March why a model has behaved differently since
# January. The format is peft's standard, so any peft can load the folder.

# %%
rows = systems.training_rows(generator, TICKET_PROMPT, train)
how = LoraSettings(epochs=4, rank=8, learning_rate=2e-3, batch_rows=4, seed=0)
print(training.estimate_in_words(generator, rows[:64], how))
adapter = finetune(generator, rows[:64], how)

# %%
losses = adapter.card["losses"]
display(plots.loss_curve(losses, steps_per_epoch=len(losses) // how.epochs))
print(
    *(f"{f.name}: {f.stat().st_size / 1e6:.1f} MB" for f in adapter.folder.iterdir()),
    sep="\n",
)
{
    key: value
    for key, value in adapter.card.items()
    if key not in ("losses", "row_sha256", "about")
}

# %% [markdown]
# ## Exercise 05.2 · Test rows in the training set
#
# A colleague reports a jump in accuracy. It turns out that some test tickets had found their way into the training rows. Write
# `leaked(train, test)`: the ids of training cases whose message is also in the test cases, ignoring capitals, spaces and punctuation. Then
# try it on our own rows: `leaked(train, tickets)`.

# %%
from helpers.evaluation import tokens as comparable_tokens


def leaked(train, test):
    ### BEGIN SOLUTION 05.2
    seen = {tuple(comparable_tokens(case.ask.input)) for case in test}
    return [
        case.ask.id
        for case in train
        if tuple(comparable_tokens(case.ask.input)) in seen
    ]
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("05.2").check(leaked)

# %% [markdown]
# ## With training
#
# The tuned model gets a three-word instruction and the message; what the examples taught is in its weights now. Next to the adapter you have just trained we use one
# from *all* labelled tickets, which was trained once and ships with the workbook; to train it yourself, call the function inside `lambda:` in the next cell.

# %%
from dataclasses import replace

full = reference_or_train(
    "format", generator, lambda: finetune(generator, rows, replace(how, epochs=3))
)
tuned_model = with_adapter(generator, full)
small = evaluate(
    replace(
        systems.tuned(with_adapter(generator, adapter), TICKET_PROMPT),
        name="tuned, 64 rows",
    ),
    tickets,
    TICKETS,
)
tuned = evaluate(systems.tuned(tuned_model, TICKET_PROMPT), tickets, TICKETS)
sure = evaluate(
    systems.tuned(tuned_model, TICKET_PROMPT, constrained=True), tickets, TICKETS
)

# %% tags=["picture-tuned"]
everything = [majority, *without_model, zero, few, like, forced, small, tuned, sure]
table = summary(everything)
for t in (*without_model, zero, few, like, forced, small, tuned):
    record(
        f"05.tickets/{t.attrs['arm']}",
        f"{t.attrs['arm']}: all four fields right on dev tickets",
        share(t),
        t.attrs,
    )
best = table["share"].idxmax()
plots.bars(
    table,
    f"All four fields right: {best} leads with {plots.percent(table['share'].max())}",
    axis="tickets all right",
    guess=answer_guess("05.tickets"),
)

# %%
display(ticket_summary(everything).round(2))
for row in tuned[~tuned["right"]].head(2).itertuples():
    print(f"{row.input[:150]!r}\n  said:  {row.answer}\n  right: {row.gold}\n")
gain = compare(few, tuned)
record(
    "05.gain/tuned", "tuned on all labels against few-shot: all four fields right", gain
)
rivals = [few, like, *without_model]
gains = [compare(rival, tuned, comparisons=len(rivals)) for rival in rivals]
ahead = [one.first for one in gains if one.verdict == "better"]
plots.differences(
    gains, f"Tuned on all labels is measurably ahead of {', '.join(ahead) or 'none'}"
)

# %%
mended = int((sure["right"] & ~tuned["right"]).sum())
lines = "; ".join(f"{one.first} {one.verdict_in_points()}" for one in gains)
what_happened(
    f"""Trained on {full.card["rows"]} labels, {out_of(share(tuned))} have all four
    fields right (with 64 labels {out_of(share(small))}). Against the others, all
    intervals holding at once: {lines}. Where it cannot be told, take the cheaper one.
    {tuned["valid"].sum()} tuned records are valid; a grammar on top made {mended}
    more right: it cannot repair a wrong label."""
)

# %% [markdown]
# ## Exercise 05.3 · Whose fault is a wrong ticket?
#
# Write `verdicts(table)`: the shares of tickets that are `"invalid"`, `"valid but wrong"` and `"right"`, as a dict. Then compare `few` and `tuned`.


# %%
def verdicts(table):
    ### BEGIN SOLUTION 05.3
    valid_but_wrong = (table["valid"] & ~table["right"]).mean()
    return {
        "invalid": (~table["valid"]).mean(),
        "valid but wrong": valid_but_wrong,
        "right": table["right"].mean(),
    }
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("05.3").check(verdicts)

# %% [markdown]
# **Checkpoint 05.b** · Suppose tuned beats eight fixed examples clearly, and looked-up examples not measurably. What do you build first?
#
# <details><summary>A · The tuned model: it has the highest bar.</summary>Not by the bar alone. Where the interval covers zero, the more expensive one has not earned its price.</details>
# <details><summary>B · The prompt with looked-up examples.</summary>Yes. It costs no training and no releases. If more labels settle the pair, decide again.</details>
# <details><summary>C · Neither, the test is too small.</summary>No. Something has to be built; the simpler one stays until a further step clearly pays.</details>
#
# ## What does it cost?
#
# Prompt tokens, and the seconds one user waits for a single answer.

# %%
from helpers.evaluation import latency

waits = {
    "few-shot": systems.few_shot(generator, TICKET_PROMPT, train[:8]),
    "few-shot + constrained": systems.few_shot(
        generator, TICKET_PROMPT, train[:8], constrained=True
    ),
    "tuned": systems.tuned(tuned_model, TICKET_PROMPT),
}
price = pd.DataFrame(
    {name: latency(arm, tickets, n=4) for name, arm in waits.items()}
).T
price["prompt tokens"] = [t["tokens_in"].mean() for t in (few, forced, tuned)]
price["machine hours per 1,000"] = price["median_seconds"] / 3.6
price.round(2)

# %% [markdown]
# ## House style
#
# Not every format is JSON. Brindlemark answers its customers in its own style, written down as checkable rules in
# [GUIDE.md](../labs_data/style/GUIDE.md): the greeting, our words for our products, every fact used, no contractions, at most one apology. A **brief** says who
# asks what, and which facts the reply must use; so the model needs no knowledge, only style. The no-skill baseline: paste the facts unchanged.
#
# **Predict:** what share of 45 replies will keep *all* rules?

# %%
from helpers.evaluation import house_style

briefs, replies = (
    house_style.load_style("dev"),
    house_style.pairs(house_style.load_style("train")),
)
print(*replies[0], sep="\n\n->\n")
print(f"\nThe guide as a prompt:\n{house_style.GUIDE}")
predict(
    "05.style",
    "What share of replies keeps all style rules?",
    ["zero-shot", "few-shot", "tuned"],
)

# %%
paste = Arm(
    "facts as they are",
    lambda asks: (
        Prediction(a.id, house_style.read_brief(a.input).as_reply()) for a in asks
    ),
    "paste",
)
manner = TaskPrompt(house_style.GUIDE, max_new_tokens=72, tuned=house_style.TUNED)
guided = systems.zero_shot(generator, manner)
shown = systems.few_shot(generator, manner, replies[:6])
untrained = [evaluate(arm, briefs, house_style.STYLE) for arm in (paste, guided, shown)]
for t in untrained:
    print(f"--- {t['arm'].iloc[0]}\n{t['answer'].iloc[0]}\n")

# %%
# all replies would take more than twice the time
taught = systems.training_rows(generator, manner, replies[:64])
style_adapter = finetune(
    generator, taught, LoraSettings(epochs=2, rank=8, learning_rate=1e-3, batch_rows=4)
)
trained = evaluate(
    systems.tuned(with_adapter(generator, style_adapter), manner),
    briefs,
    house_style.STYLE,
)
print(trained["answer"].iloc[0])
for t in (*untrained[1:], trained):
    record(
        f"05.style/{t.attrs['arm']}",
        f"{t.attrs['arm']}: replies that keep all rules",
        share(t),
        t.attrs,
    )
answer_guess("05.style")
plots.rules_kept([*untrained, trained], list(house_style.RULES))

# %%
what_happened(
    f"""All rules are kept by {out_of(share(trained))} tuned replies and
    {out_of(share(untrained[2]))} with six examples. Rules that forbid (no exclamation
    mark, no form letter) are kept by almost anything; the others tell systems apart.
    The facts pasted unchanged keep nearly every rule, and no one would send them:
    rules are a floor, not a judge."""
)

# %% [markdown]
# ## Fewer prompt tokens: when does it pay?
#
# The tuned model needs no examples in the prompt, so each request is shorter. That saves a little each time, at a one-off cost: labels and training. Where the two
# lines cross is arithmetic; the inputs are partly **measured** in this notebook and partly **assumed**. The prices are assumptions: put in your own.

# %% tags=["picture-payback"]
from helpers.decision import Given, Plan, inputs_table, payback_by_input

plan = Plan(
    few_shot_tokens=Given(few["tokens_in"].mean(), "tokens a request", "measured"),
    tuned_tokens=Given(tuned["tokens_in"].mean(), "tokens a request", "measured"),
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
# Labelling is nearly all of the cost; the training is small change. Each line of the second table halves and doubles one assumption, and shows how far the answer
# moves. Services that charge less for a cached prefix (`repeated_price`) move it further away: the examples are just such a prefix.
# And this sum ignores the most important thing: it assumes both are equally *good*, and the charts above say whether they are.
# </details>
#
# **Checkpoint 05.c** · A shorter prompt saves tokens at each request. What decides whether it pays?
#
# <details><summary>A · The training time.</summary>Hardly. It is small change beside the labels.</details>
# <details><summary>B · The cost of the labels, and how many requests there are.</summary>Yes. And all of it only if both are equally good.</details>
# <details><summary>C · The size of the model.</summary>It changes the price of a token, not the form of the sum.</details>
#
# ## Exercise 05.4 · Break-even by hand
#
# Write `pays_after(once, tokens_saved, price_per_1000)`: after how many requests has a shorter prompt paid back the one-off cost? Think of the prompt that does
# not get shorter.


# %%
def pays_after(once, tokens_saved, price_per_1000):
    ### BEGIN SOLUTION 05.4
    saved = tokens_saved / 1000 * price_per_1000
    return once / saved if saved > 0 else float("inf")
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("05.4").check(pays_after)

# %% [markdown]
# ## What we found

# %%
against = {one.first: one for one in gains}
styled = compare(untrained[2], trained)
saved = few["tokens_in"].mean() - tuned["tokens_in"].mean()
answer = f"""**Do examples teach our format, or does a better prompt do?** The form: a
grammar or examples in a prompt are enough ({out_of(share(forced, "valid"))} valid).
The judgement: the tuned model, all four right in {out_of(share(tuned))}; against
{lines}. Measure in the order of what it costs: a better prompt, the labels without a
language model, then training."""
the_climb("05")

# %%
prompt, without = against["retrieved examples"], against["classifier"]
label_wins = held(prompt.verdict) and held(without.verdict)
what_we_found(
    answer,
    {
        "narrow tasks with labels": (
            label_wins,
            f"against the best prompt {prompt.verdict_in_points()}, against a"
            f" classifier without a language model {without.verdict_in_points()}",
        ),
        "tone": (held(styled.verdict), styled.verdict_in_points()),
        "fewer prompt tokens": (bool(saved > 0), f"{saved:.0f} fewer a request"),
    },
)

# %% [markdown]
# **You have seen**
# - form and judgement measured apart, by a strict parser, and a house style kept or broken rule by rule;
# - an adapter trained on this machine, with a card that says what it was made from;
# - after how many requests a shorter prompt pays, and which assumption that rests on.
#
# **Next:** [06 · would more labels fix it?](06_training_size_lab.ipynb)
