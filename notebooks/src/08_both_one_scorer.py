# %% [markdown]
# # 08 · What does each one buy, on the same cases?
#
# **Why it matters.** Two teams report two numbers from two scripts, and a decision is made. Here both techniques go through one function, with one
# definition of right, on cases that were never used for tuning; and every wrong answer gets a cause, because *so many percent right* does not say what to build next.
#
# **Time:** 30 minutes to read · 9 minutes to run · 25 minutes of exercises. **Before:** 01, 02 and 05 (anything missing is built here, and the notebook tells you so).
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
from helpers.labs import guess_of, predict, record
from helpers.retrieval import build_index, chunk_all

pd.set_option("display.max_colwidth", 110)
generator = models.load_generator()

# %%
documents = load_handbook()
questions = load_questions("test", documents)
answerable = pick([case for case in questions if case.gold.answers], 60)
to_refuse = [case for case in questions if not case.gold.answers]
print(f"{len(answerable)} questions with an answer, {len(to_refuse)} that should be refused")

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


tables = dict(zip(names, (closed, can_be_answered(with_rag), with_three, oracle), strict=True))
for name, table in tables.items():
    record(
        f"08.questions/{name}",
        f"{name}: right on the frozen test questions",
        share(table),
        table.attrs,
    )
questions_table = summary(tables)
a, b, c = (
    plots.percent(questions_table["share"][name])
    for name in ("closed book", "RAG", "oracle context")
)
plots.bars(
    questions_table,
    f"From memory {a}, with search {b}, with the right passage {c}",
    guess=guess_of("08.questions"),
)

# %% [markdown]
# All four answered the same questions, so we compare them in pairs. Each difference is resampled by *fact*: several wordings of one question rise and fall
# together and count as one piece of evidence. Three comparisons at once, so each interval is wide enough for all three to hold at once.

# %%
against_rag = compare_all(tables["RAG"], [tables[name] for name in names if name != "RAG"])
plots.differences(against_rag, "Against RAG with one passage")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# From *closed book* to *RAG* is what retrieval adds. From *RAG* to *oracle* is what better retrieval could still add. The gap from *oracle* to 100 % cannot be closed by any retrieval,
# nor by more documents: for that you change the reader, with a larger model, or with this one tuned to read (below). Where the comparison of one passage and three says *cannot tell*, it also says how many questions would settle it.
# </details>

# %% [markdown]
# ## Whose fault is it?
#
# Every wrong answer gets one cause, by swapping one part: the same model, the same question, the right passage instead of the found one. Two questions with yes or no, so four
# causes. *Distraction*: the other passages misled it. *Both*: neither a better search nor a better reader alone would help.

# %%
import inspect

from helpers.evaluation import attribute, blame, cause

print(inspect.getsource(cause))
plots.oracle_swap()

# %% tags=["picture-blame"]
judged = {
    name: attribute(table, oracle)
    for name, table in (("RAG", with_rag), ("RAG, 3 passages", with_three))
}
faults = pd.concat([can_be_answered(table).assign(system=name) for name, table in judged.items()])


def lost(name, fault):
    return plots.percent((faults[faults["system"] == name]["cause"] == fault).mean())


for name, table in judged.items():
    part = can_be_answered(table)
    for fault in ("retrieval", "distraction", "reading", "both"):
        record(
            f"08.faults/{name}/{fault}",
            f"{name}: share of questions lost to {fault}",
            share(part.assign(hit=part["cause"] == fault), "hit"),
            table.attrs,
        )
a, b, c, d, e, f = (
    lost(name, fault) for fault in ("retrieval", "both", "distraction") for name in judged
)
plots.attribution(
    blame(faults, by="system"),
    f"One passage and three: the search alone loses {a} and {b}, search and reader together {c}"
    f" and {d}, distraction {e} and {f}",
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Two systems that are right about equally often can fail for different reasons. *Retrieval* is all that a perfect search alone would win; *both* is missing evidence that this model could not have
# read, so it needs the search first and then the reader. The two together are the wrong answers that lacked the evidence. With three passages the search misses less, but what it finds must also be read, among other passages: look
# where the share went, to *distraction* or to *reading*. If you see only the accuracy, you call the larger context useless; if you see the causes, you know that it would pay off with a better reader. *Right without evidence* means that the proving sentence was not shown whole: part of it was enough, or another place says the same, or it was chance. And what is *reading*, with one passage or with three, cannot be fixed by any change of chunks, embedder or k.
# </details>
#
# Now read some. Choose a cause, go through the cases, and ask yourself each time whether you would have judged the same. (One case is
# shown below for readers without widgets.)

# %%
from helpers.labs import explorer, show_case

display(explorer(judged["RAG"], answerable + to_refuse))
first = judged["RAG"].query("cause == 'retrieval'")["id"].iloc[0]
show_case(judged["RAG"], answerable + to_refuse, first)

# %% [markdown]
# ## And what should have been refused?
#
# Some questions have no answer in the handbook, and some are asked by users who are not allowed to know. There the right reply is a refusal.

# %%
refused = summary({"RAG": with_rag[~with_rag["answerable"]]})
record(
    "08.refused/RAG",
    "RAG: rightly refused on the frozen test questions",
    share(with_rag[~with_rag["answerable"]]),
    with_rag.attrs,
)
plots.bars(
    refused,
    f"Rightly refused: {plots.percent(refused['share'].iloc[0])} (always refusing would get 100 %)",
    axis="rightly refused",
)

# %% [markdown]
# Nothing secret was shown: the search returns only what this user may read. But given some *other* passage, a model may answer
# anyway. Knowing when not to answer is behaviour; it is a boundary that has to be built, not hoped for.
#
# ## What else the same predictions say
#
# The headline is one Boolean. The columns beside it come from the same run: what the search found (the share of evidence quotes complete in the context, how much of the context
# was evidence, one over the rank of the first hit), SQuAD's exact match and token F1, and whether the citations can be opened and contain the answer's words.

# %%
columns = [
    "right",
    "evidence_recall",
    "context_precision",
    "reciprocal_rank",
    "exact_match",
    "token_f1",
    "citations_valid",
    "citation_support",
    "tokens_in",
    "tokens_out",
]
pd.DataFrame({name: table[columns].astype(float).mean() for name, table in tables.items()}).T.round(
    2
)

# %% [markdown]
# Note how low token F1 is for a rambling model, even where the answer is right. And a citation can be valid (it opens, it says what it quotes) while the answer is wrong.
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
    lambda: finetune(generator, reader.training_rows(generator, load_reading("train")), reader.HOW),
)
tuned_reader = with_adapter(generator, trained)

# %% tags=["picture-reader"]
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
for name, table in two_by_two.items():
    record(
        f"08.reader/{name}",
        f"{name}: right on the frozen test questions",
        share(table),
        table.attrs,
    )
shares = summary(two_by_two)
a, b = (plots.percent(shares["share"][name]) for name in ("base + oracle", "reader + oracle"))
plots.bars(
    shares,
    f"With the right passage supplied: base {a}, tuned reader {b}",
    guess=guess_of("08.reader"),
)

# %%
from helpers.evaluation import compare

print(compare(with_three, two_by_two["reader + RAG"]), compare(oracle, read_oracle), sep="\n\n")
must_refuse = read_three[~read_three["answerable"]]
asked, had_it = two_by_two["reader + RAG"], two_by_two["reader + RAG"]["evidence_seen"].astype(bool)
print(
    f"refused: {plots.percent(must_refuse['right'].mean())} of the {len(must_refuse)} questions"
    f" that nothing answers, {plots.percent(asked[~had_it]['abstained'].mean())} of the"
    f" {(~had_it).sum()} whose evidence the search lost, and"
    f" {plots.percent(asked[had_it]['abstained'].mean())} of the {had_it.sum()} whose evidence was"
    " there"
)
read_three[["input", "answer", "gold"]].head(6)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Look first at the pair with the right passage: that is reading alone. Then at the pair with the search: what the search did not find, no reader can read. And look at the two refusal rates
# together: a reader that has learned to say *I don't know* says it too often as well as too rarely, and which of the two is worse depends on your costs. Refusing where the search lost the
# evidence is the right behaviour, though it counts as wrong above: what is missing is the evidence.
# </details>
#
# Is it reading, or does it know? In March some rules get new values. The same reader, not retrained, is asked about them: with the old passage, and with the new one.

# %%
from helpers.data import changes_of
from helpers.experiments import facts_in_weights

updated = load_handbook(updates=True)
changed = changes_of([case for case in questions if case.gold.answers], updated)
same = [case for case in questions if case.id in {one.case.id for one in changed}]
reading = {}
for when, cases, pages in (
    ("before", same, documents),
    ("after", [one.case for one in changed], updated),
):
    shown = systems.evidence_contexts(cases, chunk_all(pages, 64, 16))
    reading[when] = evaluate(
        systems.oracle(tuned_reader, shown, name=f"reader, {when} the change"),
        cases,
        QUESTIONS,
    )
print({when: f"{table['right'].sum()} of {len(table)} right" for when, table in reading.items()})
facts_in_weights.old_or_new(reading["after"], {one.case.id: one.old for one in changed})[
    "said"
].value_counts().to_dict()

# %% [markdown]
# Where it answers, it takes the value from the page in its context. (Notebook 07 asks the same of a model that memorised the values themselves.)
#
# ## Can tuning recover what retrieval lost?
#
# An experiment: remove the evidence for a quarter, half and all of the questions, and replace it with irrelevant passages. (Each question is asked with and without; a mixture of the two is
# exactly what a search that fails so often would give.)

# %%
from helpers.evaluation import with_evidence_removed

some = answerable[:24]
with_two = systems.with_distractors(some, perfect, index, k=2)
without = {id: tuple(p for p in shown if p not in perfect[id]) for id, shown in with_two.items()}
removed = {
    name: [
        evaluate(systems.oracle(model, shown, name=f"{name}, {what}"), some, QUESTIONS)
        for what, shown in (("evidence", with_two), ("no evidence", without))
    ]
    for name, model in (("base", generator), ("reader", tuned_reader))
}
plots.evidence_removed(
    with_evidence_removed(removed), "Without the evidence both end at the same place"
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The lines may start apart; they end together, near zero. Tuning changed what the model does with evidence, not what it knows: **low recall cannot be tuned away.** Fix retrieval first.
# </details>
#
# ## The same evidence, other words
#
# Some facts are asked in four wordings. With the same right passage in the context each time, does the model give the same answer? **Inconsistent despite strong evidence**
# is a failure of its own: neither search nor documents can fix it. We compare the base prompt, a longer prompt with rules, a schema, and the tuned reader, on the dev questions, which have more
# such facts.

# %%
from helpers.evaluation import consistency

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
agreement = pd.DataFrame(
    {name: consistency(table) | {"right": table["right"].mean()} for name, table in styled.items()}
).T
for name in ("base prompt", "tuned reader"):
    record(
        f"08.consistency/{name}",
        f"{name}: two wordings of one fact get the same answer",
        {**agreement.loc[name].rename({"agreement": "share"})},
        styled[name].attrs,
    )
display(agreement.round(2))
compare_all(
    styled["base prompt"], [styled[name] for name in ("better prompt", "schema", "tuned reader")]
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# *Agreement* is the share of pairs of wordings that get the same answer; *torn* counts the inconsistent facts, some wordings right and others wrong; *always_right* those that are right in every wording. Always being wrong
# in the same words would be consistent, too, so look at *right* beside it. A schema fixes the form of an answer, not which answer it is.
# </details>

# %% [markdown]
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
        lambda: finetune(generator, rows, LoraSettings(epochs=3, learning_rate=2e-3, batch_rows=4)),
    ),
)
predict(
    "08.tickets",
    "Share of tickets with all four fields right",
    ["constrained", "few-shot", "retrieved examples", "tuned", "tuned + constrained"],
)

# %%
from helpers.evaluation import latency, ticket_summary

forced = evaluate(systems.zero_shot(generator, TICKET_PROMPT, constrained=True), tickets, TICKETS)
few = evaluate(systems.few_shot(generator, TICKET_PROMPT, train[:8]), tickets, TICKETS)
like = evaluate(systems.retrieved_examples(generator, TICKET_PROMPT, train), tickets, TICKETS)
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
for table in (*without_model, *ticket_tables):
    record(
        f"08.tickets/{table.attrs['arm']}",
        f"{table.attrs['arm']}: all four fields right on the frozen test tickets",
        share(table),
        table.attrs,
    )
ticket_table = summary(ticket_tables)
all_shares = pd.concat([summary(without_model), ticket_table])
display(
    plots.bars(
        all_shares,
        f"All four right: {all_shares['share'].idxmax()} leads with"
        f" {plots.percent(all_shares['share'].max())}",
        axis="tickets all right",
        guess=guess_of("08.tickets"),
    )
)
rivals = {table.attrs["arm"]: table for table in (few, like, *without_model[1:])}
against = [
    compare(table, tuned, column="fields_right", comparisons=len(rivals))
    for table in rivals.values()
]
ahead = [one.first for one in against if one.verdict == "better"]
plots.differences(against, f"Share of fields: tuned is ahead of {', '.join(ahead) or 'none'}")

# %% [markdown]
# The first three bars need no language model: the most common labels, the labels of the most similar of 610 training tickets, and a classifier on the message's vector
# (more of them in the [datasheet](../labs_data/DATASHEET.md)). If the tuned model does not beat these, there is no reason to tune. *All four at once* is a hard measure; field by field (second picture) there is more to see.
#
# ## One table
#
# Cost and benefit side by side. *Seconds* in the table are a share of a batch; how long one user waits is measured one question at a time.

# %%
one_table = pd.concat({"questions": questions_table, "tickets": ticket_table}, names=["task"])
display(
    one_table[
        ["share", "low", "high", "n", "errors", "abstained", "tokens_in", "tokens_out"]
    ].round(3)
)
pd.DataFrame(
    {
        "RAG": latency(one, answerable, 3),
        "few-shot": latency(systems.few_shot(generator, TICKET_PROMPT, train[:8]), tickets, 3),
        "tuned": latency(systems.tuned(tuned_model, TICKET_PROMPT), tickets, 3),
    }
).T.round(1)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The questions lack **knowledge**: what helps is to show the passage. The tickets lack **behaviour**: the whole message is there, and what is missing is our
# way of judging it; labelled examples teach some of that. Ask which of the two is missing *before* asking which technique is better. And to compare two
# systems on the same cases, look at the cases where they differ; whether two intervals overlap does not settle it.
# </details>

# %% [markdown]
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
#
# On the questions, there is something to gain in finding the passage and in reading it; on the tickets, in form and judgement, which examples teach. One
# scorer, two tasks, two different things missing, and a cause for every wrong answer.
#
# **You have seen**
# - both techniques in one table, with n and intervals, and comparisons that may end in *cannot tell*;
# - what was lost to the search, to distraction, to reading, and to search and reader together, how much of that a tuned reader recovers, and what it cannot recover;
# - the same evidence, other wordings, and answers that do not agree.
#
# **For the decision:** shares, faults and consistency are in your journal (`my_work/journal.json`). Which of your own features lacks knowledge, and which lacks behaviour? **Next:** [11 · what do we decide?](11_decision_board.ipynb)
