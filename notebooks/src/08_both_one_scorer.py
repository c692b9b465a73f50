# %% [markdown]
# # 08 · What does each one buy, on the same cases?
#
# **Why it matters.** Two teams report two numbers from two scripts, and a decision is made. Here both techniques go through one function, with one
# definition of right, on cases that were never used for tuning; and every wrong answer gets a cause, because *so many percent right* does not say what to build next.
#
# All four from the meeting sit in front of one table today. The director looks for the tallest bar, the engineer for the reason.
#
# **On trial here:** *"If retrieval recall is low, fine-tuning will not fix it."* And where the evidence is there, does a tuned reader help?
#
# **Time:** 30 minutes to read · 3 minutes to run · 25 minutes of exercises. **Before:** 01, 02 and 05 (anything missing is built here, and the notebook tells you so).
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *The same evidence, other words*, exercises 08.1, 08.2 and 08.4.
#
# **By the end you can**
# - read one table over both tasks, with n and intervals, and say what it cannot tell;
# - say for every wrong answer whether the search, the rest of the context, the reader, or search and reader together are to blame;
# - tell a system that is inconsistent from one that lacks evidence.
#
# **The frozen test split is opened here, once.** All other notebooks use the dev split.

# %%
import pandas as pd
from IPython.display import display

from helpers import models, plots, systems
from helpers.data import load_handbook, load_questions, pick
from helpers.evaluation import QUESTIONS, TICKETS, compare_all, evaluate, share, summary
from helpers.labs import (
    answer_guess,
    out_of,
    predict,
    predict_which,
    record,
    record_all,
)
from helpers.labs import held, settle, the_climb, what_happened, what_we_found
from helpers.retrieval import build_index, chunk_all

pd.set_option("display.max_colwidth", 110)
generator = models.load_generator()

# %%
documents = load_handbook()
questions = load_questions("test", documents)
answerable = pick([case for case in questions if case.gold.answers], 60)
to_refuse = [case for case in questions if not case.gold.answers]
print(f"{len(answerable)} questions with an answer, {len(to_refuse)} to refuse")

# %% [markdown]
# ## Task one: questions about the handbook
#
# Four systems. **Closed book**: the model alone. **RAG**: with the passage that the search found (64 tokens). **RAG, 3 passages**: with three. **Oracle context**: with the
# right passage supplied, so that only reading is tested. **Predict** the shares before you go on.

# %%
names = ["closed book", "RAG", "RAG, 3 passages", "oracle context"]
predict("08.questions", "What share of the questions will each get right?", names)

# %%
index = build_index(documents, chunk_size=64, overlap=16)
perfect = systems.evidence_contexts(answerable, chunk_all(documents, 64, 16))
one = systems.retrieval_augmented(generator, index, top_k=1)
three = systems.retrieval_augmented(generator, index, top_k=3, name="RAG, 3 passages")
closed = evaluate(systems.closed_book(generator), answerable, QUESTIONS)
with_rag = evaluate(one, answerable + to_refuse, QUESTIONS)
with_three = evaluate(three, answerable, QUESTIONS)
oracle = evaluate(systems.oracle(generator, perfect), answerable, QUESTIONS)


# %% tags=["picture-questions"]
def can_be_answered(table):
    return table[table["answerable"]].reset_index(drop=True)


tables = dict(
    zip(names, (closed, can_be_answered(with_rag), with_three, oracle), strict=True)
)
record_all("08.questions", tables, "{}: right on the frozen test questions")
questions_table = summary(tables)
a, b, c = (
    plots.percent(questions_table["share"][name])
    for name in ("closed book", "RAG", "oracle context")
)
plots.bars(
    questions_table,
    f"From memory {a}, with search {b}, with the right passage {c}",
    guess=answer_guess("08.questions"),
)

# %% [markdown]
# All four answered the same questions, so we compare them in pairs. Each difference is resampled by *fact*: several wordings of one question rise and fall
# together and count as one piece of evidence. Three comparisons at once, so each interval is wide enough for all three to hold at once.

# %%
against_rag = compare_all(
    tables["RAG"], [tables[name] for name in names if name != "RAG"]
)
found, more, ceiling = (one.verdict_in_points() for one in against_rag)
clear = [one.second for one in against_rag if one.verdict != "cannot tell"]
title = f"Against RAG with one passage, clear of zero: {', '.join(clear) or 'none'}"
display(plots.differences(against_rag, title))
what_happened(
    f"""Against RAG, the model alone: {found}. That is what retrieval adds. The right
    passage: {ceiling}: what better retrieval could still add. Three passages: {more}.
    From the right passage to 100 % no retrieval leads, nor more documents: for that
    you change the reader."""
)

# %% [markdown]
# **Checkpoint 08.a** · From RAG to the right passage the score rises. What could bring that much?
#
# <details><summary>A · At most a better search.</summary>Yes. It is the gain that perfect retrieval would bring, with this reader.</details>
# <details><summary>B · A tuned reader.</summary>No. The reader is the same on both bars; only the passage changed.</details>
# <details><summary>C · More documents.</summary>No. The passage is already in the handbook. It was not found.</details>
#
# ## Whose fault is it?
#
# Every wrong answer gets one cause, by swapping one part: the same model, the same question, the right passage instead of the found one. Two questions with yes or no, so four
# causes. *Distraction*: the other passages misled it. *Both*: neither a better search nor a better reader alone would help. **Predict** which costs most.

# %%
import inspect

from helpers.evaluation import attribute, blame, cause

print(inspect.getsource(cause))
display(plots.oracle_swap())
CAUSES = ["retrieval", "distraction", "reading", "both"]
predict_which("08.blame", "What are most wrong answers of RAG lost to?", CAUSES)

# %%
judged = {
    name: attribute(table, oracle)
    for name, table in (("RAG", with_rag), ("RAG, 3 passages", with_three))
}
parts = {
    name: can_be_answered(table).assign(system=name) for name, table in judged.items()
}
faults = pd.concat(parts.values())
lost = {
    (name, fault): share(part.assign(hit=part["cause"] == fault), "hit")
    for name, part in parts.items()
    for fault in CAUSES
}
for (name, fault), found in lost.items():
    says = f"{name}: share of questions lost to {fault}"
    record(f"08.faults/{name}/{fault}", says, found, parts[name].attrs)

# %% tags=["picture-blame"]
one_passage = {fault: lost["RAG", fault] for fault in CAUSES}
most = max(CAUSES, key=lambda fault: one_passage[fault]["share"])
settle("08.blame", most, CAUSES, len(parts["RAG"]))
a, b, c, d, e, f = (
    plots.percent(lost[name, fault]["share"])
    for fault in ("retrieval", "both", "distraction")
    for name in parts
)
plots.attribution(
    blame(faults, by="system"),
    f"One passage and three: the search alone loses {a} and {b},"
    f" search and reader together {c} and {d}, distraction {e} and {f}",
)

# %%
three_passages = {fault: lost["RAG, 3 passages", fault] for fault in CAUSES}
silent = share(with_rag[~with_rag["answerable"]])
says = "RAG: rightly refused on the frozen test questions"
record("08.refused/RAG", says, silent, with_rag.attrs)
what_happened(
    f"""With one passage most is lost to *{most}*: {out_of(one_passage[most])}. A
    perfect search alone would win back {out_of(one_passage["retrieval"])}; *both*
    needs the search first and then the reader. With three passages *both* is
    {out_of(three_passages["both"])}, and of what is there and still wrong, *reading*
    is {out_of(three_passages["reading"])} and *distraction*
    {out_of(three_passages["distraction"])}. Rightly refused, of what should be:
    {out_of(silent)}."""
)

# %% [markdown]
# *Right without evidence* means that the proving sentence was not shown whole: part of it was enough, or another place says the same, or it was chance.
#
# Now read some. Choose a cause, go through the cases, and ask yourself each time whether you would have judged the same. (One case is
# shown below for readers without widgets.)

# %%
from helpers.labs import explorer, show_case

display(explorer(judged["RAG"], answerable + to_refuse))
first = judged["RAG"].query("cause == 'retrieval'")["id"].iloc[0]
show_case(judged["RAG"], answerable + to_refuse, first)

# %% [markdown]
# Nothing secret was shown: the search returns only what this user may read. But given some *other* passage, a model may answer
# anyway. Knowing when not to answer is behaviour; it is a boundary that has to be built, not hoped for.
#
# ## Would a tuned reader help?
#
# The *reading* share (and the reader's half of *both*) is behaviour: how to take an answer out of a passage, cite it, or say that it is not there. So it can be tuned, without a single fact of ours: the **reader**
# adapter was trained on passages of other, invented worlds (a chess club, a hospital, a ferry line). It therefore keeps working when our documents change.

# %%
from helpers.data import load_reading
from helpers.systems import reader
from helpers.training import finetune, reference_or_train, with_adapter

predict(
    "08.reader",
    "What share of the questions will each get right?",
    ["reader + RAG", "reader + oracle"],
)
trained = reference_or_train(
    "reader",
    generator,
    lambda: finetune(
        generator, reader.training_rows(generator, load_reading("train")), reader.HOW
    ),
)
tuned_reader = with_adapter(generator, trained)

# %%
read_three = evaluate(
    systems.retrieval_augmented(tuned_reader, index, top_k=3, name="reader + RAG"),
    answerable + to_refuse,
    QUESTIONS,
)
read_oracle = evaluate(
    systems.oracle(tuned_reader, perfect, name="reader + oracle"), answerable, QUESTIONS
)
two_by_two = {
    "base + RAG": with_three,
    "reader + RAG": can_be_answered(read_three),
    "base + oracle": oracle,
    "reader + oracle": read_oracle,
}

# %% tags=["picture-reader"]
record_all("08.reader", two_by_two, "{}: right on the frozen test questions")
shares = summary(two_by_two)
a, b = (
    plots.percent(shares["share"][name])
    for name in ("base + oracle", "reader + oracle")
)
plots.bars(
    shares,
    f"With the right passage supplied: base {a}, tuned reader {b}",
    guess=answer_guess("08.reader"),
)

# %%
from helpers.evaluation import compare

asked = two_by_two["reader + RAG"]
searched, read = compare(with_three, asked), compare(oracle, read_oracle)
must_refuse = read_three[~read_three["answerable"]]
had_it = asked["evidence_seen"].astype(bool)
rightly, wisely, wrongly = (
    out_of(share(part, column))
    for part, column in (
        (must_refuse, "right"),
        (asked[~had_it], "abstained"),
        (asked[had_it], "abstained"),
    )
)
what_happened(
    f"""Reading alone, with the right passage: {read.verdict_in_points()}. With the
    search: {searched.verdict_in_points()}; what was not found, no reader can read.
    The tuned reader refused {rightly} questions that nothing answers, {wisely} whose
    evidence the search lost (wise, though it counts as wrong), and {wrongly} whose
    evidence was there. Which of these is worse depends on your costs."""
)

# %% [markdown]
# **Checkpoint 08.b** · Suppose most wrong answers are *both*. You may change one thing. What happens?
#
# <details><summary>A · With a better search these become right.</summary>No. Then the evidence is there, and this reader still misreads it.</details>
# <details><summary>B · With a better reader these become right.</summary>No. It would read well, and the evidence is still missing.</details>
# <details><summary>C · Hardly anything, until both are changed; start with the search, because a reader without evidence has nothing to read.</summary>Yes. Judge a first step by evidence found, not only by right answers.</details>
#
# ## Can tuning recover what retrieval lost?
#
# An experiment: remove the evidence for a quarter, half and all of the questions, and replace it with irrelevant passages. (Each question is asked with and without; a mixture of the two is
# exactly what a search that fails so often would give.)

# %%
from helpers.evaluation import with_evidence_removed

some = answerable[:24]
with_two = systems.with_distractors(some, perfect, index, k=2)
without = {
    id: tuple(p for p in shown if p not in perfect[id])
    for id, shown in with_two.items()
}
removed = {
    name: [
        evaluate(systems.oracle(model, shown, name=f"{name}, {what}"), some, QUESTIONS)
        for what, shown in (("evidence", with_two), ("no evidence", without))
    ]
    for name, model in (("base", generator), ("reader", tuned_reader))
}
with_it, without_it = (share(removed["reader"][i]) for i in (0, 1))
plots.evidence_removed(
    with_evidence_removed(removed),
    f"Tuned reader: {plots.percent(with_it['share'])} right with the evidence,"
    f" {plots.percent(without_it['share'])} without it",
)

# %%
base_with, base_without = (share(removed["base"][i]) for i in (0, 1))
what_happened(
    f"""With the evidence: base {out_of(base_with)}, reader {out_of(with_it)}. Without
    it: base {out_of(base_without)}, reader {out_of(without_it)}. Tuning changed what
    the model does with evidence, not what it knows. (That an invented company cannot
    be known is how the data are made; what was measured is that the reader does not
    make it up rightly either.)"""
)

# %% [markdown]
# ## The same evidence, other words
#
# Some facts are asked in four wordings. With the same right passage in the context each time, does the model give the same answer? **Inconsistent despite strong evidence**
# is a failure of its own: neither search nor documents can fix it. We compare the base prompt, a longer prompt with rules, a schema, and the tuned reader, on the dev questions, which have more
# such facts.

# %%
dev = [case for case in load_questions("dev", documents) if case.gold.answers]
wordings = pd.Series([case.fact for case in dev]).value_counts()
families = [case for case in dev if wordings[case.fact] > 1]
known = systems.evidence_contexts(families, chunk_all(documents, 64, 16))
in_words = {
    "base prompt": systems.oracle(generator, known),
    "tuned reader": systems.oracle(tuned_reader, known, name="tuned reader"),
} | {
    style.name: systems.oracle(generator, known, name=style.name, style=style)
    for style in (systems.BETTER, systems.SCHEMA)
}
styled = {name: evaluate(arm, families, QUESTIONS) for name, arm in in_words.items()}

# %%
from helpers.evaluation import consistency

agreement = pd.DataFrame(
    {
        name: consistency(table) | {"right": table["right"].mean()}
        for name, table in styled.items()
    }
).T
for name in ("base prompt", "tuned reader"):
    alike = {**agreement.loc[name].rename({"agreement": "share"})}
    says = f"{name}: two wordings of one fact get the same answer"
    record(f"08.consistency/{name}", says, alike, styled[name].attrs)
display(agreement.round(2))
compare_all(
    styled["base prompt"],
    [styled[name] for name in ("better prompt", "schema", "tuned reader")],
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# *Agreement* is the share of pairs of wordings that get the same answer; *torn* counts the inconsistent facts, some wordings right and others wrong; *always_right* those that are right in every wording. Always being wrong
# in the same words would be consistent, too, so look at *right* beside it. A schema fixes the form of an answer, not which answer it is.
# </details>
#
# ## Task two: tickets into records
#
# The same function, the other task. **Constrained**: the schema in words, and only valid JSON can be written. **Few-shot**: eight examples in the prompt. **Tuned**: the
# *format* adapter of notebook 05 and a prompt of three words.

# %%
from helpers.systems import TICKET_PROMPT
from helpers.data import load_tickets
from helpers.training import LoraSettings

train, tickets = load_tickets("train"), pick(load_tickets("test"), 40)
rows = systems.training_rows(generator, TICKET_PROMPT, train)
tuned_model = with_adapter(
    generator,
    reference_or_train(
        "format",
        generator,
        lambda: finetune(
            generator, rows, LoraSettings(epochs=3, learning_rate=2e-3, batch_rows=4)
        ),
    ),
)
predict(
    "08.tickets",
    "Share of tickets with all four fields right",
    ["constrained", "few-shot", "retrieved examples", "tuned", "tuned + constrained"],
)

# %%
from helpers.evaluation import latency, ticket_summary

forced = evaluate(
    systems.zero_shot(generator, TICKET_PROMPT, constrained=True), tickets, TICKETS
)
few = evaluate(systems.few_shot(generator, TICKET_PROMPT, train[:8]), tickets, TICKETS)
like = evaluate(
    systems.retrieved_examples(generator, TICKET_PROMPT, train), tickets, TICKETS
)
tuned = evaluate(systems.tuned(tuned_model, TICKET_PROMPT), tickets, TICKETS)
tuned_forced = evaluate(
    systems.tuned(tuned_model, TICKET_PROMPT, constrained=True), tickets, TICKETS
)
without_model = [
    evaluate(arm, tickets, TICKETS)
    for arm in (
        systems.majority_label(train, by_field=True),
        systems.nearest_neighbour(train),
        systems.linear_classifier(train),
    )
]
ticket_tables = [forced, few, like, tuned, tuned_forced]
ticket_summary([*without_model, *ticket_tables]).round(2)

# %%
by_arm = {table.attrs["arm"]: table for table in (*without_model, *ticket_tables)}
record_all("08.tickets", by_arm, "{}: all four fields right on the frozen test tickets")
ticket_table = summary(ticket_tables)
all_shares = pd.concat([summary(without_model), ticket_table])
leader, top = all_shares["share"].idxmax(), plots.percent(all_shares["share"].max())
plots.bars(
    all_shares,
    f"All four right: {leader} leads with {top}",
    axis="tickets all right",
    guess=answer_guess("08.tickets"),
)

# %%
rivals = {table.attrs["arm"]: table for table in (few, like, *without_model[1:])}
against = [
    compare(table, tuned, column="fields_right", comparisons=len(rivals))
    for table in rivals.values()
]
ahead = [one.first for one in against if one.verdict == "better"]
plots.differences(
    against, f"Share of fields: tuned is ahead of {', '.join(ahead) or 'none'}"
)

# %% [markdown]
# The first three bars need no language model: the most common labels, the labels of the most similar of 610 training tickets, and a classifier on the message's vector
# (more of them in the [datasheet](../labs_data/DATASHEET.md)). If the tuned model does not beat these, there is no reason to tune. *All four at once* is a hard measure; field by field (second picture) there is more to see.
#
# ## One table
#
# Cost and benefit side by side. *Seconds* in the table are a share of a batch; how long one user waits is measured one question at a time.
#
# The last table answers a question that you may have asked yourself since 02: why has **the same system another number in every notebook**? Because it was asked other cases. Each number is right for its sample;
# the interval says how far another sample may lie from it. Compare two systems only on the same cases.

# %%
from helpers.labs import same_arm

one_table = pd.concat(
    {"questions": questions_table, "tickets": ticket_table}, names=["task"]
)
display(
    one_table[
        ["share", "low", "high", "n", "errors", "abstained", "tokens_in", "tokens_out"]
    ].round(3)
)
shot = systems.few_shot(generator, TICKET_PROMPT, train[:8])
waits = {
    "RAG": latency(one, answerable, 3),
    "few-shot": latency(shot, tickets, 3),
    "tuned": latency(systems.tuned(tuned_model, TICKET_PROMPT), tickets, 3),
}
display(pd.DataFrame(waits).T.round(1), same_arm())

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The questions lack **knowledge**: what helps is to show the passage. The tickets lack **behaviour**: the whole message is there, and what is missing is our
# way of judging it; labelled examples teach some of that. Ask which of the two is missing *before* asking which technique is better. And to compare two
# systems on the same cases, look at the cases where they differ; whether two intervals overlap does not settle it.
# </details>
#
# **Checkpoint 08.c** · Two systems have overlapping intervals. Are they equal?
#
# <details><summary>A · Yes.</summary>No. Two intervals can overlap although nearly all differing cases favour one system.</details>
# <details><summary>B · Look at the cases where they differ.</summary>Yes. The comparison is paired: same cases, one difference, its own interval.</details>
# <details><summary>C · No, the higher one is better.</summary>No. That is as wrong as the other way round.</details>
#
# ## Exercise 08.1 · What could better retrieval add?
#
# Write `by_evidence(table)`: the share right where the evidence was seen, and where it was not, as two numbers. Then call it on `can_be_answered(with_rag)`.

# %%
from helpers.exercises import exercise


def by_evidence(table):
    ### BEGIN SOLUTION 08.1
    seen = table[table["evidence_seen"] == True]  # noqa: E712
    unseen = table[table["evidence_seen"] == False]  # noqa: E712
    return seen["right"].mean(), unseen["right"].mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("08.1").check(by_evidence)

# %% [markdown]
# ## Exercise 08.2 · A scorer that flatters
#
# The right answer is "17 days". A colleague scores with `"17" in reply`. Write three different replies that this scorer calls right although they are wrong.

# %%
flattered = [..., ..., ...]
### BEGIN SOLUTION 08.2
flattered = ["It is 170 days.", "Extension 1700.", "I don't know, perhaps 17 days?"]
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("08.2").check(flattered)

# %% [markdown]
# ## Exercise 08.3 · Name the culprit
#
# Write `culprit(right, evidence_seen, right_with_oracle)` for a question that can be answered: `"none"`, `"retrieval"`, `"distraction"`, `"reading"` or `"both"`. (The ladder
# above shows one way; write yours without looking.)


# %%
def culprit(right, evidence_seen, right_with_oracle):
    ### BEGIN SOLUTION 08.3
    if right:
        return "none"
    if evidence_seen:
        return "distraction" if right_with_oracle else "reading"
    return "retrieval" if right_with_oracle else "both"
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("08.3").check(culprit)

# %% [markdown]
# ## Exercise 08.4 · The report that is too good
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
    ### BEGIN SOLUTION 08.4
    return table["right"].mean()
    ### END SOLUTION


exposing = ...
### BEGIN SOLUTION 08.4b
exposing = pd.DataFrame(
    {
        "right": [True, False, False],
        "abstained": [False, True, False],
        "error": [None, None, "timed out"],
    }
)
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("08.4").check((honest, exposing))

# %% [markdown]
# ## What we found

# %%
first = {
    "retrieval": "work on the search",
    "distraction": "show less, or rank better",
    "reading": "work on the prompt and the reader",
    "both": "the search first, then the reader",
}[most]
right_now, with_passage = out_of(share(tables["RAG"])), out_of(share(oracle))
best_read = out_of(share(read_oracle))
answer = f"""**What does each one buy, on the same cases?** Retrieval: {right_now}
right with what the search found, {with_passage} with the right passage. Tuning: with
the right passage {best_read}; for tickets, all four right in {out_of(share(tuned))}
instead of {out_of(share(few))}. Most wrong answers are lost to *{most}*: {first}."""
the_climb("08")

# %%
fields = {one.first: one for one in against}["few-shot"]
what_we_found(
    answer,
    {
        "low recall is not tuned away": (
            without_it["high"] < with_it["low"],
            f"without the evidence the tuned reader is right in {out_of(without_it)}",
        ),
        "with the evidence, tuning helps": (
            held(read.verdict),
            read.verdict_in_points(),
        ),
        "tuning helps a narrow task": (
            held(fields.verdict),
            fields.verdict_in_points(),
        ),
    },
)

# %% [markdown]
# **You have seen**
# - both techniques in one table, with n and intervals, and comparisons that may end in *cannot tell*;
# - what was lost to the search, to distraction, to reading, and to search and reader together, how much of that a tuned reader recovers, and what it cannot recover;
# - the same evidence, other wordings, and answers that do not agree.
#
# **For the decision:** shares, faults and consistency are in your journal (`my_work/journal.json`). Which of your own features lacks knowledge, and which lacks behaviour? **Next:** [11 · what do we decide?](11_decision_board.ipynb)
