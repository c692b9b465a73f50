# %% [markdown]
# # 08 · What does each one buy, on the same cases?
#
# **Why it matters.** Two teams report two numbers from two scripts, and a decision is made. Here both techniques go through one function, with one
# definition of right, on cases that were never used for tuning; and every wrong answer gets a cause, because *so many percent right* does not say what to build next.
#
# All four from the meeting sit in front of one table today. The director looks for the tallest bar, the engineer for the reason.
#
# **On trial here:** *"If retrieval recall is low, fine-tuning will not fix it."* And which should come first, the better search or the tuned reader?
#
# **Time:** 30 minutes to read · 3 minutes to run · 15 minutes of exercises. **Before:** 01, 02 and 05 (anything missing is built here, and the notebook tells you so).
#
# **In the pictures** *base* is the model as it is, *reader* the same model trained to read a passage, and *best search* the best one that the course has.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *The same evidence, other words*, exercises 08.1 and 08.3.
#
# **By the end you can**
# - read one table over both tasks, with n and intervals, and say what it cannot tell;
# - say for every wrong answer whether the search, the rest of the context, the reader, or search and reader together are to blame;
# - try two repairs in both orders, and tell what the second one adds.
#
# **The frozen test split is opened here, all of it.** All other notebooks use the dev split. What was fixed before, and when, is in the [changelog](../CHANGELOG.md).

# %%
from IPython.display import display

from helpers import models, plots, systems
from helpers.data import load_askers, load_handbook, load_questions
from helpers.evaluation import QUESTIONS, compare, compare_all, evaluate, share, summary
from helpers.labs import record_all

documents, generator = load_handbook(), models.load_generator()
questions, askers = load_questions("test", documents), load_askers("test")
answerable = [case for case in questions if case.gold.answers]
to_refuse = [case for case in questions if not case.gold.answers]
len(answerable), len(to_refuse)

# %% [markdown]
# ## Task one: questions about the handbook
#
# Five systems around the same model. **Closed book**: the model alone. **RAG**: with the passage that the search of 02 found (64 tokens). **RAG, 3 passages**: with three. **RAG, best search**: with
# one passage of the best search that we have. It compares long chunks and single sentences, with headings and dates before them, and words by their stems; it puts pages of another region than the asker's lower; its embedder was tuned (09); and it hands out 80 tokens around the best sentence.
# **Oracle context**: with the right passage supplied, so that only reading is tested. **Predict** the shares before you go on.
#
# All answer the same questions, so we compare them in pairs (second picture). Each difference is resampled by *fact*: several wordings of one question rise and fall
# together and count as one piece of evidence. Four comparisons at once, so each interval is wide enough for all four to hold at once. Where the model is wrong even with the right passage, no search can help. Then another **reader** is needed: so we call the model in its job of answering from a passage.

# %%
from helpers.labs import predict
from helpers.retrieval import build_index, chunk_all

rag, index = systems.retrieval_augmented, build_index(documents, 64, 16)
best = systems.sentence_windows(documents, askers)
perfect = systems.evidence_contexts(answerable, chunk_all(documents, 64, 16))
one, three = rag(generator, index, 1), rag(generator, index, 3, "RAG, 3 passages")
arms = [systems.closed_book(generator), one, three]
arms += [rag(generator, best, 1, "RAG, best search")]
arms += [systems.oracle(generator, perfect)]
predict("08.questions", "What share is right?", [arm.name for arm in arms])

# %% tags=["picture-questions"]
from helpers.labs import answer_guess

with_rag = evaluate(one, answerable + to_refuse, QUESTIONS)
tables = {arm.name: evaluate(arm, answerable, QUESTIONS) for arm in arms}
closed, right, with_three, with_best, oracle = tables.values()
record_all("08.questions", tables, "{}: right on the frozen test questions")
rights = summary(tables)
a, b, _, c, d = rights["share"].map(plots.percent)
title = f"Memory {a}, search {b}, best search {c}, the right passage {d}"
plots.bars(rights, title, guess=answer_guess("08.questions"))

# %%
from helpers.labs import out_of, what_happened

against_rag = compare_all(right, [closed, with_three, with_best, oracle])
memory, more, better, passage = (pair.verdict_in_points() for pair in against_rag)
clear = ", ".join(c.second for c in against_rag if c.verdict != "cannot tell")
display(plots.differences(against_rag, f"Clear of RAG: {clear or 'none'}"))
what_happened(f"""Against RAG, the model alone: {memory}. That is what retrieval adds.
The best search: {better}. The right passage: {passage}: what better retrieval could
add at most. Three passages: {more}.""")

# %% [markdown]
# Did the better search move its bar? A bar of right answers does not say how often the evidence was there. Keep the question; *Search first, or the reader first?* puts the two numbers side by side.
#
# **Checkpoint 08.a** · From RAG to the right passage the bar rises. What does the difference measure?
#
# <details><summary>A · What a better search could win at most, with this model.</summary>Yes. Only the passage changed, and a perfect search would always bring the right one.</details>
# <details><summary>B · What a tuned reader would win.</summary>No. The reader is the same on both bars.</details>
# <details><summary>C · What more documents would win.</summary>No. The passage is already in the handbook. It was not found.</details>
#
# ## Exercise 08.1 · A scorer that flatters
#
# The right answer is "17 days". A colleague scores with `"17" in reply`. Write three different replies that this scorer calls right although they are wrong.

# %%
from helpers.exercises import exercise

flattered = [..., ..., ...]
### BEGIN SOLUTION 08.1
flattered = ["It is 170 days.", "Extension 1700.", "I don't know, perhaps 17 days?"]
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("08.1").check(flattered)

# %% [markdown]
# ## Whose fault is it?
#
# Every wrong answer gets one cause, by swapping one part: the same model, the same question, the right passage instead of the found one. Two yes-or-no questions (was the
# evidence in the context? is the model right with the right passage?), so four causes. *Distraction*: the text around the evidence, or other passages, misled it. *Both*: neither a better search nor a better reader alone would help. **Predict** which costs most.

# %%
import pandas as pd

from helpers.evaluation import attribute, blame
from helpers.labs import explorer, held, predict_which, record, settle, show_case
from helpers.labs import the_climb, what_we_found

display(plots.oracle_swap())
CAUSES = ["retrieval", "distraction", "reading", "both"]
predict_which("08.blame", "What are most wrong answers of RAG lost to?", CAUSES)

# %%
judged = {
    arm.attrs["arm"]: attribute(arm, oracle)
    for arm in (with_rag, with_three, with_best)
}
parts, lost = {}, {}
for name, table in judged.items():
    parts[name] = table[table["answerable"]].assign(system=name)
    for fault in CAUSES:
        hit = parts[name].assign(hit=parts[name]["cause"] == fault)
        lost[name, fault] = share(hit, "hit")
        says = f"{name}: share of questions lost to {fault}"
        record(f"08.faults/{name}/{fault}", says, lost[name, fault], hit.attrs)

# %% tags=["picture-blame"]
order = sorted(CAUSES, key=lambda f: -lost["RAG", f]["share"])
settle("08.blame", most := order[0], CAUSES, len(parts["RAG"]))
faults = blame(pd.concat(parts.values()), by="system")
a, b = (plots.percent(lost[n, most]["share"]) for n in ("RAG", "RAG, best search"))
title = f"Lost to {most}: {a} with RAG, {b} with the best search"
display(plots.attribution(faults, title))
all_lost, cured = (out_of(lost["RAG", fault]) for fault in (most, "retrieval"))
what_happened(
    f"""With the search of 02 most is lost to *{most}*: {all_lost}. A perfect search
    alone would win back {cured}."""
)

# %%
silent = share(with_rag[~with_rag["answerable"]])
says = "RAG: rightly refused on the frozen test questions"
record("08.refused/RAG", says, silent, with_rag.attrs)
print(f"RAG with one passage refused {out_of(silent)} that nothing answers.")
# choose a cause and read: would you have judged the same? (below: one case, unfolded)
display(explorer(judged["RAG"], answerable + to_refuse))
first = judged["RAG"].query("cause == 'retrieval'")["id"].iloc[0]
show_case(judged["RAG"], answerable + to_refuse, first)

# %% [markdown]
# Of *both* a perfect search alone wins back nothing, and so does a perfect reader: there both have to change. *Right without evidence* means that the proving sentence was not shown whole: part of it was enough, or another place says the same, or it was chance.
#
# Nothing secret was shown: the search returns only what this user may read. But given some *other* passage, a model may answer
# anyway. Knowing when not to answer is behaviour; it is a boundary that has to be built, not hoped for.
#
# ## Exercise 08.2 · Name the culprit
#
# Turn the drawing into code. Write `culprit(right, evidence_seen, right_with_oracle)` for a question that can be answered: `"none"`, `"retrieval"`, `"distraction"`, `"reading"` or `"both"`.


# %%
def culprit(right, evidence_seen, right_with_oracle):
    ### BEGIN SOLUTION 08.2
    if right:
        return "none"
    if evidence_seen:
        return "distraction" if right_with_oracle else "reading"
    return "retrieval" if right_with_oracle else "both"
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("08.2").check(culprit)

# %% [markdown]
# ## Search first, or the reader first?
#
# The *reading* share (and the reader's half of *both*) is behaviour: how to take an answer out of a passage. So it can be tuned, without a single fact of ours: the **reader**
# adapter was trained on one passage at a time, from pages of other, invented worlds (a chess club, a hospital, a ferry line), in a prompt that also says who asks. It therefore keeps working when our documents change.
# Adapter and prompt belong together; *reader* in the tables and pictures below means both.
#
# Two repairs make four systems, the corners of a square: neither repair, the search alone, the reader alone, both. Two paths lead from the first corner to the last: first the search and then the reader, or first the reader and then the search. **Predict** the two corners in between.

# %%
reader = systems.window_reader(generator)
asked = systems.who_asks([case.ask for case in questions], askers)
how = {"style": systems.WHO_ASKS, "asked_by": asked}
windows = systems.right_windows(answerable, documents)
arms = [rag(reader, search, 1, **how) for search in (index, best)]
arms += [systems.oracle(reader, windows, **how)]
sides = "RAG", "best search"
cells = {f"{it} + {side}": (it, side) for it in ("base", "reader") for side in sides}
question = "What share of the questions will each get right?"
predict("08.reader", question, ["base + best search", "reader + RAG"])

# %% tags=["picture-reader"]
read, read_best, read_oracle = (evaluate(arm, answerable, QUESTIONS) for arm in arms)
corners = dict(zip(cells, (right, with_best, read, read_best), strict=True))
oracles = {"base + oracle": oracle, "reader + oracle": read_oracle}
record_all("08.reader", corners | oracles, "{}: right on the frozen test questions")
shares = summary(corners)
a, b, c, d = shares["share"].map(plots.percent)
title = f"From {a}: the search {b}, the reader {c}, both {d}"
plots.two_by_two(shares, cells, title, answer_guess("08.reader"), sides)

# %%
from helpers.experiments import repairs

orders = repairs.in_both_orders(corners)
display(plots.differences(orders, repairs.first_steps(orders)))
before, after = (out_of(share(t, "evidence_seen")) for t in (right, with_best))
what_happened(f"""{repairs.told(orders)} The evidence was in front of the model in
{before}, with the best search in {after}. {repairs.read_rightly(corners)} With the
right passage the base has {out_of(share(oracle))}, the reader
{out_of(share(read_oracle))}.""")

# %% [markdown]
# Both paths end in the same corner, so what differs is what you hold after the first step, and what it cost. The search leaves the model that answers as it is, and whether it finds more is measured in minutes. Both have a trained part, the search its embedder (09) and the reader its adapter, and for both hundreds of questions had to be written first.
#
# **How can a better search win nothing with one model and much with another?** A right answer takes two things: the evidence is there, *and* it is read. Look above at how many were read rightly where it was there. A model that reads few of them turns little of the new evidence into answers. A model that reads most of them turns most of it into answers, and what it wins is capped by what was found. Besides, what a plain search finds may be easy to read as well, because question and sentence share their words, and what only a better search finds may be harder: compare the two figures of one model. So the second step can win more than it would have won as a first one.
#
# (*The right passage* is for each what its own search would bring if it were perfect: for the base a chunk of 64 tokens, for the reader a window of 80.)
#
# **Checkpoint 08.b** · Suppose most wrong answers are *both*. You may change one thing. What becomes of these answers?
#
# <details><summary>A · With a better search they become right.</summary>No. Then the evidence is there, and this reader still misreads it.</details>
# <details><summary>B · With a better reader they become right.</summary>No. It would read well, and the evidence is still missing.</details>
# <details><summary>C · Hardly one becomes right until both are changed.</summary>Yes. What a first step wins, it wins from the other causes. So judge it by what it repairs: a search by evidence found, a reader by answers with the right passage.</details>
#
# ## Can tuning recover what retrieval lost?
#
# Now only the questions whose evidence the search of 02 did *not* bring, all of them. The tuned reader is shown the same wrong passage as the base; after that the best search is asked instead.

# %%
unseen = ~right["evidence_seen"].astype(bool).to_numpy()
robbed = {name: table[unseen] for name, table in corners.items()}
base, found, alone, repaired = map(share, robbed.values())
pair = compare(robbed["base + RAG"], robbed["reader + RAG"])
a, b = (plots.percent(one["share"]) for one in (alone, repaired))
display(plots.bars(summary(robbed), f"Not found: reader alone {a}, with search {b}"))
what_happened(f"""Of {unseen.sum()} questions without evidence: base {out_of(base)},
reader {out_of(alone)}: {pair.verdict_in_points()}. With the best search:
{out_of(found)} and {out_of(repaired)}.""")

# %% [markdown]
# No model can know an invented company: that is how the data are made. What was measured here is what the tuned reader makes of passages that do not hold the answer. Training on other worlds can change what a model does
# with evidence, not what it knows. (*Right* without the evidence is possible: another passage may say the same.)
#
# ## When should it say nothing?
#
# This reader always answers, because every passage that it was trained on held the answer. So whether to answer is decided beside it: it is asked how probable each piece of the passage is as an answer (**by spans**: the numbers, dates and names that stand there), and where even
# the most probable one lies below a threshold, chosen on dev, the system refuses. Every answer is then a quote with its place.

# %%
quoted = systems.best_span(reader, best, 1, systems.CHOSEN, "by spans", asked_by=asked)
by_spans = evaluate(quoted, answerable + to_refuse, QUESTIONS)
spans = by_spans[by_spans["answerable"]].reset_index(drop=True)
nothing = by_spans[~by_spans["answerable"]]
wrongly, rightly = (out_of(share(t, "abstained")) for t in (spans, nothing))
freely = compare(read_best, spans).verdict_in_points()
what_happened(f"""By spans: {out_of(share(spans))}; against writing freely {freely}.
Wrongly refused: {wrongly}; rightly refused: {rightly}.""")

# %% [markdown]
# ## The same evidence, other words
#
# Some facts are asked in four wordings. With the same right passage in the context each time, does the model give the same answer? **Inconsistent despite strong evidence**
# is a failure of its own: neither search nor documents can fix it. We compare the base prompt, a longer prompt with rules, a schema, and the tuned reader, writing and by spans, on the dev questions, which have more
# such facts.

# %%
from helpers.evaluation import consistency

often = repairs.asked_often(load_questions("dev", documents))
who = systems.who_asks([case.ask for case in often], load_askers("dev"))
ways = systems.ways_to_read(generator, reader, often, documents, who)
styled = {name: evaluate(arm, often, QUESTIONS) for name, arm in ways.items()}
same = pd.DataFrame({name: consistency(t) for name, t in styled.items()}).T
same["right"] = summary(styled)["share"]
display(same.convert_dtypes().round(2))
base, *rest = styled.values()
for pair in compare_all(base, rest):
    print(pair.second, pair.verdict_in_points())

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# *Agreement* is the share of pairs of wordings that get the same answer; *torn* counts the inconsistent facts, some wordings right and others wrong; *always_right* those that are right in every wording. Always being wrong
# in the same words would be consistent, too, so look at *right* beside it. The lines under the table compare *right* with the base prompt. A schema fixes the form of an answer, not which answer it is.
# </details>
#
# ## Task two: tickets into records
#
# The same function, the other task. **Constrained**: the schema in words, and only valid JSON can be written. **Few-shot**: eight examples in the prompt. **Retrieved examples**: the eight most similar ones. **Tuned**: the
# *format* adapter of notebook 05 and a prompt of three words.

# %%
from helpers.data import load_tickets
from helpers.systems import TICKET_PROMPT as FORM
from helpers.experiments import TrainingSetting, training_cell
from helpers.training import finetune, reference_or_train, with_adapter

train, tickets = load_tickets("train"), load_tickets("test")
rows = systems.training_rows(generator, FORM, train)
tune = training_cell.recipe(TrainingSetting(len(rows)))
done = reference_or_train("format", generator, lambda: finetune(generator, rows, tune))
names = ["constrained", "few-shot", "retrieved examples", "tuned"]
predict("08.tickets", "All four right", names)

# %%
from helpers.evaluation import TICKETS, ticket_summary

shot = systems.few_shot(generator, FORM, train[:8])
tuned = systems.tuned(with_adapter(generator, done), FORM)
arms = [systems.majority_label(train, by_field=True), systems.nearest_neighbour(train)]
arms += [systems.linear_classifier(train)]
arms += [systems.zero_shot(generator, FORM, constrained=True), shot]
arms += [systems.retrieved_examples(generator, FORM, train), tuned]
runs = {arm.name: evaluate(arm, tickets, TICKETS) for arm in arms}
ticket_summary(runs).round(2)

# %%
record_all("08.tickets", runs, "{}: all right on the frozen test tickets")
forms, guess = summary(runs), answer_guess("08.tickets")
rivals = "few-shot", "retrieved examples", "nearest neighbour", "classifier"
a, b = forms["share"][["tuned", "classifier"]].map(plots.percent)
display(plots.bars(forms, f"Tuned {a}, classifier {b}", "all right", guess))
against = [
    compare(runs[arm], runs["tuned"], "fields_right", comparisons=4) for arm in rivals
]
ahead = ", ".join(c.first for c in against if c.verdict == "better") or "none"
plots.differences(against, f"Fields: tuned is ahead of {ahead}")

# %% [markdown]
# The first three bars need no language model: the most common labels, the labels of the most similar of 610 training tickets, and a classifier on the message's vector
# (more of them in the [datasheet](../labs_data/DATASHEET.md)). If the tuned model does not beat these, there is no reason to tune. *All four at once* is a hard measure; field by field (second picture) there is more to see.
#
# ## One table
#
# Cost and benefit side by side, as shares and tokens. How long one user waits is measured one question at a time (last table).
#
# Two rows of the first table are new. **Exact sentence**: the reader is given the proving sentence and nothing else. [**Best sentence**](GLOSSARY.md) is a baseline without a model: of the passage that the best search found, the sentence that shares most words with the question is copied out. If it comes close to the tuned reader, there are two reasons. The search has done most of the work, and it is the same search. And a short reply is right if it *contains* the right value: a whole sentence may hold other values beside it, whereas the reader has to name the one. Whoever wants the value alone, in a form or in a sum, needs the reader; whoever reads the sentence may not.
#
# The second table answers a question that you may have asked yourself since 02: why has **the same system another number in every notebook**? Because it was asked other cases. Each number is right for its sample;
# the interval says how far another sample may lie from it. Compare two systems only on the same cases.

# %%
from helpers.evaluation import latency
from helpers.labs import same_arm

said = systems.quotes_alone(answerable, documents)
exact = systems.oracle(reader, said, "exact sentence", **how)
for arm in (exact, systems.best_sentence(best)):
    tables[arm.name] = evaluate(arm, answerable, QUESTIONS)
tables |= dict([*corners.items()][2:]) | {"by spans": spans}
both = pd.concat({"questions": summary(tables), "tickets": forms})
display(both.drop(columns="seconds").round(3), same_arm())
timed = (one, answerable), (tuned, tickets)
pd.DataFrame({a.name: latency(a, of, 3) for a, of in timed}).T.round(1)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Two things can be missing. A passage that was not found is missing **knowledge**; a passage that was shown and not read is missing **behaviour**. The questions can lack either or
# both, which the picture of the causes counts. In a ticket the whole message is there, and what is missing is our way of judging it: behaviour; labelled examples teach some of that.
# Ask which of the two is missing *before* asking which technique is better.
# </details>
#
# **Checkpoint 08.c** · Two systems have overlapping intervals. Are they equal?
#
# <details><summary>A · Yes.</summary>No. Two intervals can overlap although nearly all differing cases favour one system.</details>
# <details><summary>B · Look at the cases where they differ.</summary>Yes. The comparison is paired: same cases, one difference, its own interval. Whether two intervals overlap does not settle it.</details>
# <details><summary>C · No, the higher one is better.</summary>No. That is as wrong as the other way round.</details>
#
# ## Exercise 08.3 · The report that is too good
#
# A report says 75 % right. This is how its number was made; it shipped in more than one company:
#
# ```python
# def accuracy(table):
#     answered = table[table["error"].isna() & ~table["abstained"]]
#     return answered["right"].mean()
# ```
#
# Write `honest(table)`, and `exposing`: a small table (columns `right`, `abstained`, `error`) on which the report says 100 % and an honest one says less than half.


# %%
def honest(table):
    ### BEGIN SOLUTION 08.3
    return table["right"].mean()
    ### END SOLUTION


exposing = ...
### BEGIN SOLUTION 08.3b
exposing = pd.DataFrame(
    {
        "right": [True, False, False],
        "abstained": [False, True, False],
        "error": [None, None, "timed out"],
    }
)
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("08.3").check((honest, exposing))

# %% [markdown]
# ## What we found

# %%
copied = tables["best sentence"]
counted = [right, with_best, read_best, read_oracle, copied]
counted += [runs["tuned"], runs["few-shot"]]
a, b, c, d, g, e, f = (out_of(share(table)) for table in counted)
answer = f"""**What does each one buy, on the same cases?** Retrieval: {a} right, with
the best search {b}; the tuned reader behind it {c}, with the right passage {d}. No
model at all, the best sentence of what was found: {g}. For tickets, tuning has all
four right in {e}, examples in the prompt in {f}. With the search of 02 most is lost to
*{most}*: {repairs.NEXT[most]}."""
the_climb("08")

# %%
told = f"reader alone {out_of(alone)}, with search {out_of(repaired)}"
on_trial = {"low recall is not tuned away": (alone["high"] < repaired["low"], told)}
parts = {
    "as a first step search beats reader": compare(read, with_best),
    "with the evidence, tuning helps": compare(oracle, read_oracle),
    "the reader beats the best sentence": compare(copied, read_best),
    "tickets: tuning beats examples": against[0],
    "tickets: tuning beats a classifier": against[3],
}
on_trial |= {it: (held(c.verdict), c.verdict_in_points()) for it, c in parts.items()}
what_we_found(answer, on_trial)

# %% [markdown]
# **You have seen**
# - both techniques in one table, with n and intervals, and comparisons that may end in *cannot tell*;
# - what was lost to the search, to distraction, to reading, and to search and reader together, how much of that a tuned reader recovers, and what it cannot recover;
# - the same evidence, other wordings, and answers that do not agree.
#
# **What to tell the director:** count the evidence before the answers. Where both search and reader fail, plan for both, begin with the one that wins something alone, and judge the second one behind the first.
#
# **For the decision:** shares, faults and consistency are in your journal (`my_work/journal.json`). Which of your own features lacks knowledge, and which lacks behaviour? **Next:** [11 · what do we decide?](11_decision_board.ipynb), or first, for engineers, [09 · which part should be tuned?](09_hybrid_patterns.ipynb)
