# %% [markdown]
# # 08 · What does each one buy, on the same cases?
#
# **Why it matters.** Two teams report two numbers from two scripts, and a decision is made. Here both techniques go through one function, with one
# definition of right, on cases that nobody has tuned on. The result is not a winner: the two tasks lack different things.
#
# **Time:** 15 minutes to read · 5 minutes to run · 15 minutes of exercises. **Before:** 02 and 05 (what is missing is made here, and said).
#
# **By the end you can**
# - read one table over both tasks, with n and intervals, and say what it cannot tell;
# - separate what retrieval lost from what reading lost;
# - spot a scorer that flatters.
#
# **The frozen test split is opened here, once.** In all other notebooks we play with the dev split.

# %%
import pandas as pd

from helpers import arms, format_task, models, plots, settings
from helpers.cases import load_questions, pick
from helpers.chunking import chunk_all
from helpers.corpus import load_handbook
from helpers.evaluate import QUESTIONS, TICKETS, evaluate, share, summary
from helpers.finetune import Settings, finetune, with_adapter
from helpers.index import build_index
from helpers.tickets import FIELDS, load_tickets

pd.set_option("display.max_colwidth", 110)
generator = models.load_generator()

# %%
documents = load_handbook()
questions = load_questions("test", documents)
answerable = pick([case for case in questions if case.gold.answers], 100)
to_refuse = [case for case in questions if not case.gold.answers]
print(f"{len(answerable)} questions with an answer, {len(to_refuse)} that should be refused")

# %% [markdown]
# ## Task one: questions about the handbook
#
# Three systems. **Closed book**: the model alone. **RAG**: with the passage that the search found. **Oracle context**: with the right passage put
# into its hand, so that only reading is left. **Predict** the three shares. (One passage of 64 tokens, because on the dev questions of notebook 02 three
# brought more evidence and no more right answers.)

# %%
my_guess = {"closed book": None, "RAG": None, "oracle context": None}  # for example 0.05, 0.30, 0.60

index = build_index(documents, chunk_size=64, overlap=16)
perfect = arms.evidence_contexts(answerable, chunk_all(documents, 64, 16))
closed = evaluate(arms.closed_book(generator), answerable, QUESTIONS)

# %%
with_rag = evaluate(arms.retrieval_augmented(generator, index, top_k=1), answerable, QUESTIONS)

# %%
oracle = evaluate(arms.oracle(generator, perfect), answerable, QUESTIONS)

# %%
table = summary([closed, with_rag, oracle])
a, b, c = (plots.percent(s) for s in table["share"])
plots.bars(table, f"From memory {a}, with search {b}, with the right passage {c}", guess=my_guess)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# From *closed book* to *RAG* is what seeing buys. From *RAG* to *oracle* is what better retrieval could still buy. From *oracle* to
# 100 % is mostly reading (and what a short passage or our scorer leaves out): no retrieval can win that back, and neither can more documents. For that
# gap one changes the reader: a larger model, or this one tuned to read (a second part of this notebook, to come).
# </details>

# %% [markdown]
# All three answered the same questions. For each pair, count where only one of the two is right: by luck alone that would be about even.

# %%
from scipy.stats import binomtest

def paired(a, b):
    only_a, only_b = int((a["right"] & ~b["right"]).sum()), int((b["right"] & ~a["right"]).sum())
    p = binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
    return {"only the first right": only_a, "only the second right": only_b, "p": round(p, 4), "verdict": "differ" if p < 0.05 else "cannot tell"}

pd.DataFrame({"closed book, RAG": paired(closed, with_rag), "RAG, oracle context": paired(with_rag, oracle)}).T

# %% [markdown]
# ## Where did RAG lose them?

# %%
lost = pd.crosstab(with_rag["evidence_seen"].map({True: "evidence found", False: "evidence not found"}),
                   with_rag["right"].map({True: "right", False: "wrong"}), margins=True, margins_name="all")
lost

# %%
by_kind = pd.DataFrame({kind: share(part, "evidence_seen") | {"right": part["right"].mean()} for kind, part in with_rag.groupby("kind")}).T
by_kind.rename(columns={"share": "evidence found"})[["n", "evidence found", "right"]].round(2)

# %% [markdown]
# ## And what should have been refused?
#
# Some questions have no answer in the handbook, and some are asked by people who may not know. There the right reply is a refusal.

# %%
refusals = [evaluate(arm, to_refuse, QUESTIONS) for arm in (arms.closed_book(generator), arms.retrieval_augmented(generator, index, top_k=1))]
refused = summary(refusals)
a, b = (plots.percent(s) for s in refused["share"])
plots.bars(refused, f"Rightly refused: {a} from memory, {b} with RAG (silence would get 100 %)", axis="rightly refused")

# %%
refusals[1][["kind", "input", "answer"]].head(4)

# %% [markdown]
# Nothing secret was shown: the search returns only what the asker may read. But handed some *other* passage, a model may answer
# anyway. Knowing when not to answer is behaviour; it is a boundary that has to be built, not hoped for.

# %% [markdown]
# ## Task two: tickets into records
#
# The same function, the other task. **Zero-shot**: the schema in words. **Few-shot**: eight examples in the prompt. **Tuned**: the adapter of
# notebook 05 and a prompt of three words. (If you have not run 05, the adapter is trained now, which takes one to three minutes.)

# %%
train, tickets = load_tickets("train"), pick(load_tickets("test"), 60)
how = Settings(epochs=1, rank=8, learning_rate=1e-3, batch_rows=4, seed=0)
adapter = finetune(generator, format_task.training_rows(generator, train[:320]), how)

# %%
zero = evaluate(arms.zero_shot(generator), tickets, TICKETS)
few = evaluate(arms.few_shot(generator, train[:8]), tickets, TICKETS)

# %%
tuned = evaluate(arms.tuned(with_adapter(generator, adapter)), tickets, TICKETS)
ticket_table = summary([zero, few, tuned])
a, b = (plots.percent(ticket_table["share"][name]) for name in ("few-shot", "tuned"))
plots.bars(ticket_table, f"All four fields right: few-shot {a}, tuned {b}", axis="tickets all right")

# %%
pd.DataFrame({"few-shot, tuned": paired(few, tuned)}).T

# %% [markdown]
# Exact match wants all four fields at once. Field by field there is more to see, because every ticket gives four answers.

# %%
better = int((tuned["fields_right"] > few["fields_right"]).sum())
worse = int((tuned["fields_right"] < few["fields_right"]).sum())
print(f"tuned has more fields right than few-shot on {better} tickets, fewer on {worse} (p = {binomtest(better, better + worse).pvalue:.1g})")
pd.DataFrame({t["arm"].iloc[0]: [t[f"{field}_right"].mean() for field in FIELDS] for t in (few, tuned)}, index=FIELDS).round(2)

# %% [markdown]
# And the boring alternatives? The [datasheet](../labs_data/DATASHEET.md) has them on the whole test split: the commonest labels, a list of keywords, and the
# label of the most similar of 610 training tickets. A tuned model that does not beat these is no reason to tune.

# %%
import json

baselines = json.loads((settings.DATA / "reference" / "datasheet.json").read_text(encoding="utf-8"))["tickets"]["test"]
exact = pd.DataFrame({name: fields["exact"] for name, fields in baselines.items()}).T
plots.bars(pd.concat([exact, ticket_table.loc[["tuned"]]]), "What no training at all gets, and what ours got", axis="tickets all right")

# %% [markdown]
# ## One table

# %%
one_table = pd.concat({"questions": table, "tickets": ticket_table}, names=["task"])
one_table[["share", "low", "high", "n", "errors", "tokens_in", "tokens_out"]].round(3)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The questions lack **knowledge**: what helps is to show the passage. The tickets lack **behaviour**: the message is all there, and what is missing is our
# way of judging it; labelled examples carry some of that. Ask which of the two is missing *before* asking which technique is better. And to compare two
# systems on the same cases, look at the cases where they differ; whether two intervals overlap does not settle it.
# </details>

# %% [markdown]
# ## Exercise 08.1 · What could better retrieval buy?
#
# Write `by_evidence(table)`: the share right where the evidence was seen, and where it was not, as two numbers. Then call it on `with_rag`.

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
# ## What we found
#
# On the questions, what can be gained is in finding the passage and in reading it; on the tickets it is in form and judgement, which examples bring. One
# scorer, two tasks, two different things missing.
#
# **You have seen**
# - both techniques in one table, with n and intervals;
# - what was lost to retrieval, what to reading, and how often each refuses when it should;
# - how a careless scorer would have told another story.
#
# **Next:** the labs on chunking, training size and facts, and the decision board, are still to come. Until then: which of your own features lacks
# knowledge, and which lacks behaviour?
