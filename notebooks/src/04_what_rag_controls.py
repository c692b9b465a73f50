# %% [markdown]
# # 04 · Who may see what, since when, and can we take it back?
#
# **Why it matters.** In a demo people ask whether the answers are fluent. Auditors ask: which version said so? Who was able to see it? Show me
# the sentence. Someone wants their data deleted: is it gone? RAG can answer all of these, *if* dates, rights and versions are part of the
# search. Here you test each promise on a running system, and then break it the way it gets broken in real projects.
#
# At Brindlemark it is the privacy lead in Legal who asks, and she has brought a list.
#
# **On trial here:** *"RAG when truth lives outside the model: freshness, citations, access control in retrieval, operational control."*
# Each of the four gets its own test.
#
# **Time:** 20 minutes to read · 2 minutes to run · 25 minutes of exercises. **Before:** 02.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Show me the sentence*, exercise 04.1.
#
# **By the end you can**
# - change, date, roll back and delete a document, and prove what the system says afterwards;
# - measure leaks instead of promising that there are none;
# - name three designs that leak or starve, and count what each does.

# %%
import datetime as dt

import pandas as pd

from helpers import data, models, plots, systems
from helpers.core import Ask, Case, Evidence, Gold
from helpers.evaluation import QUESTIONS, evaluate, share
from helpers.labs import out_of, what_happened, what_we_found

pd.set_option("display.max_colwidth", 90)
generator, today = models.load_generator(), dt.date(2026, 3, 2)

# %% [markdown]
# ## Since when? A folder, and an index that follows it
#
# We work on a copy of the handbook, plus one page that will cause trouble later: Odile Brandt runs the reception, and someone wrote down her
# private phone number. The page does not say who may read it, so we tell `sync` (here: all staff). Otherwise the page would stay out.
#
# A [**versioned index**](GLOSSARY.md) keeps several versions of one index. `sync` reads a folder, embeds what is new, and builds the next version while the old one still
# answers. Only when it is complete does it switch over.

# %%
from helpers.retrieval import RETRIEVERS, VersionedIndex, traces

folder = data.copy_handbook()
secret = "Nobody at the desk? Odile Brandt's private number is 01632 960418."
rota = folder / "facilities" / "reception-rota.md"
rota.write_text(f"# Reception rota\n\n{secret}\n", encoding="utf-8")
versioned = VersionedIndex("nb04", chunk_size=64, overlap=16)
first = versioned.sync(folder, ["staff"])
versioned.drop_history()  # an earlier run of this notebook may have left versions
print(f"{len(versioned.current.files)} files, {first.chunks:,} chunks")

# %% [markdown]
# ### A number changes
#
# Someone in People Operations edits one number in one file: 6 paid study days instead of 4.5. **Predict:** how many of the chunks must be
# embedded again? And what does the system say between the edit and the next sync?


# %%
def ask(when, question):
    rag = systems.retrieval_augmented(generator, versioned.index(), 1)
    [prediction] = rag([Ask("04", question, ("staff",), today)])
    source = ", ".join(p.doc for p in prediction.context) or "nothing"
    print(f"{when:<20} {prediction.text!r}  from {source}")
    return prediction


study = "How many paid study days do I have a year?"
before = ask("before", study)

# %%
budget = folder / "people" / "training-budget.md"
edited = budget.read_text(encoding="utf-8").replace("4.5 paid", "6 paid")
_ = budget.write_text(edited, encoding="utf-8")
stale = ask("edited, not synced", study)
synced = versioned.sync(folder, ["staff"])
fresh = ask("synced", study)
what_happened(f"""One file changed, so {synced.embedded} of {synced.chunks:,} chunks
were embedded in {synced.seconds:.0f} s, and no weights were touched. Until the sync
the system said *{stale.text}*, then *{fresh.text}* That gap is your *freshness*, and
you choose how long it is.""")

# %% [markdown]
# ### A rule with a date
#
# Editing in place has a cost: nobody can ask any more which rule was in force last month. The better way is a **new version with a date**. People
# Operations publish new rules for work abroad, in force from 16 March. Both versions are then in the same index, and the date of the question
# decides which one is used. It is also how you answer an auditor: ask as of the day in dispute.
#
# One question is an anecdote. So below we ask every dev question about a document with several versions: does each of the five passages come from
# a version that is in force on the day of the question?

# %%
update = data.HANDBOOK / "updates" / "remote-work-v2.md"
(folder / "people" / update.name).write_bytes(update.read_bytes())
print(versioned.sync(folder, ["staff"]))
abroad = "For how many working days in a leave year may I work from another country?"
later = dt.date(2026, 3, 20)
for day in (today, later):
    [first] = versioned.index().search(abroad, ["staff"], day, 1)
    start = max(0, first.text.find("working days") - 20)
    print(f"asked for {day}: {first.doc:<16} … {first.text[start : start + 60]!r}")

# %%
documents, index = data.read_folder(folder, ["staff"]).documents, versioned.index()
by_id, questions = {d.id: d for d in documents}, data.load_questions("dev")
dated = [c for c in questions if c.kind == "versioned"]
contexts = index.search_all([c.ask for c in dated], 5)
valid = [
    all(by_id[p.doc].in_force(c.ask.as_of) for p in context)
    for c, context in zip(dated, contexts, strict=True)
]
in_force = share(pd.DataFrame({"right": valid}))
what_happened(f"""With the date in the search, all five passages were in force on the
day asked for in {out_of(in_force)} of the questions.""")

# %% [markdown]
# ## Exercise 04.1 · In force, and for me?
#
# Warm-up. Write `may_answer(document, groups, as_of)`: may this document be used for a user in these groups on that day? It has `.audience`
# (a list), `.effective_from`, and `.effective_until` (the first day on which it no longer holds, or None).

# %%
from helpers.exercises import exercise


def may_answer(document, groups, as_of):
    ### BEGIN SOLUTION 04.1
    begun = document.effective_from <= as_of
    ended = document.effective_until is not None and document.effective_until <= as_of
    return begun and not ended and bool(set(document.audience) & set(groups))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("04.1").check(may_answer)

# %% [markdown]
# **Checkpoint 04.a** · A number in a document was corrected this morning. When does the assistant say the new one?
#
# <details><summary>A · At once.</summary>No. Until the next sync the index still holds the old text.</details>
# <details><summary>B · After the next sync.</summary>Yes. How often you sync is your freshness, and it is yours to choose.</details>
# <details><summary>C · After the next training.</summary>No. No weight is touched. That is the point of keeping facts outside the model.</details>
#
# ## Who may see what?
#
# Now the promise that hurts most when it is broken. Every user in `users.json` asks for every restricted document by its exact title (the best possible
# query), with every way of searching. What reaches them?

# %% tags=["picture-access"]
from helpers.experiments import access

users = data.load_users()
counts, allowed = access.matrix(index, users, documents, today)
closed = int((~allowed).to_numpy().sum())
leaked = int(counts.where(~allowed, 0).to_numpy().sum())
plots.access(counts, allowed)

# %% [markdown]
# ### Three designs that look right
#
# 1. **The prompt keeps the secret.** Search everything, write into the prompt who is asking and who may read what, and tell the model to refuse.
# 2. **The answer cache.** Search correctly, and cache each answer under its question, because the same questions come again and again.
# 3. **Filter after the search.** Take the 3 best of everything, then drop what the user is not allowed to read.
#
# The dev questions contain seven pairs: the same words, asked once by a user who is allowed to know and once by one who is not. **Predict:** in
# what share of the pairs does a secret passage reach the one who is *not*?

# %%
from helpers.labs import answer_guess, predict, record, the_climb

predict(
    "04.leaks",
    "A secret passage reaches a user who is not allowed to see it:",
    ["rights in the search", "prompt keeps the secret", "answer cache"],
)

# %%
pairs = access.pairs_of(questions)
designs = {
    "rights in the search": access.rights_in_the_search(index, pairs, today),
    "prompt keeps the secret": access.prompt_keeps_the_secret(
        generator, index, pairs, documents, today
    ),
    "answer cache": access.cache_by_question(generator, index, pairs),
}
answers = designs["prompt keeps the secret"].answers
for pair, answer in zip(pairs[:3], answers, strict=False):
    print(f"{pair.question}\n  secret: {pair.secret[0]}; answer: {answer}")

# %% tags=["picture-leaks"]
reached = access.leaks(designs, pairs, documents)
for name, row in reached.iterrows():
    says = f"{name}: a secret passage reaches a user who may not see it"
    record(f"04.leaks/{name}", says, row, {"split": "dev", "index": index.name})
search, rule, cache = (out_of(row).split(" (")[0] for _, row in reached.iterrows())
plots.bars(
    reached,
    f"In the wrong prompt: search {search}, prompt rule {rule}, cache {cache}",
    "pairs with a leak",
    guess=answer_guess("04.leaks"),
    arm="RAG",
)

# %%
left = access.left_after_filter(index, questions, users, documents, today)
least = left.loc["contractor-de"]
full = share(pd.DataFrame({"right": [n == 3 for n in least.index.repeat(least)]}))
says = "filter after the search: questions for which a contractor keeps 3 passages of 3"
record("04.starved/contractor", says, full, {"split": "dev", "index": index.name})
left

# %%
aloud = reached["said aloud"].astype(int)
what_happened(f"""With rights in the search, {out_of(reached.iloc[0])} users got a
secret passage. With a rule in the prompt it was {out_of(reached.iloc[1])}: by
construction, since nothing kept the search from finding it. The answer said the
secret aloud in {aloud.iloc[1]} of {len(pairs)}; a weak model keeps secrets only by
accident. The cache passed on {out_of(reached.iloc[2])}, {aloud.iloc[2]} aloud. The
filter leaks nothing and starves the user with the fewest rights: all 3 passages for
{out_of(full)} questions, none at all for {least[0]}.""")

# %% [markdown]
# Once a secret is in the prompt, only the model's willingness to obey protects it, and it is in every log of prompts as well. The cache never
# searched at all for its second user, so a test suite with one user stays green. And the filter passes every security test, because the tests
# are run by administrators. Rights and date as *conditions of the search* have none of these problems: read `??index.search_all`. (Seven pairs are
# few, so their intervals are wide. That is why the picture of all users and restricted documents stands beside them.)
#
# ## Exercise 04.2 · Starved
#
# A search was filtered after taking the best k, and no one noticed for months. Write `starved(search, ask, k)` that is True if a search returns
# fewer passages than it could: `search(ask, k)` gives at most k passages. You cannot look inside, but you can ask the same search for more.
# (A user who may read only one passage at all is not starved.)


# %%
def starved(search, ask, k):
    ### BEGIN SOLUTION 04.2
    return len(search(ask, k)) < min(k, len(search(ask, 1000)))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("04.2").check(starved)

# %% [markdown]
# ## Exercise 04.3 · A safe cache
#
# Write `cache_key(ask)` for an answer cache. Users with the *same rights* on the same day should share answers (otherwise it saves nothing);
# others must not. An ask has `.id`, `.input`, `.groups` and `.as_of`. Groups come in any order.


# %%
def cache_key(ask):
    ### BEGIN SOLUTION 04.3
    return (ask.input, frozenset(ask.groups), ask.as_of)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("04.3").check(cache_key)

# %% [markdown]
# **Checkpoint 04.b** · An answer cache saves money. What must its key contain?
#
# <details><summary>A · The question.</summary>Not only. A second user would get what the first one was allowed to see.</details>
# <details><summary>B · The question and the user.</summary>Safe, but then nobody ever shares an answer, and the cache saves little.</details>
# <details><summary>C · The question, the rights and the day.</summary>Yes. Users with the same rights on the same day may share an answer, and nobody else.</details>
#
# ## Show me the sentence
#
# A citation is worth something if a reader can *open* it: file, page, sentence. So the code that reads files must keep track of positions. Here are
# two answers with what they cite: one from the handbook, one from a PDF in a folder like those on a shared drive. Marked is the sentence or
# line that shares the most words with the answer; in a PDF lines break anywhere, so the mark can be too short.
#
# Two citations prove nothing, so below we ask 16 questions: can each citation be opened, and does the cited document prove the
# answer?

# %%
from IPython.display import display

from helpers.core import settings
from helpers.labs import show_citation
from helpers.retrieval import build_index

inbox = data.read_folder(settings.DATA / "inbox", audience=["staff"]).documents
wind = "At what wind speed must ladders stay on the ground outdoors?"
rag = systems.retrieval_augmented(generator, build_index(inbox, 64, 16), 1)
[answer] = rag([Ask("wind", wind, ("staff",), today)])
display(show_citation(fresh, documents), show_citation(answer, inbox))

# %%
some = [c for c in questions if c.gold.answers and c.kind != "restricted"][::8]
rag = systems.retrieval_augmented(generator, versioned.index(), top_k=1)
answered = evaluate(rag, some[:16], QUESTIONS)
opens, proves = share(answered, "citations_valid"), share(answered, "cites_evidence")
correct = share(answered)
what_happened(f"""Of the answers that cite something, {out_of(opens)} can be opened:
that is a matter of code. {out_of(proves)} cite a document that proves the answer, and
{out_of(correct)} are right. A citation lets a person check; it does not check by
itself.""")

# %% [markdown]
# ## Taking it back
#
# There are two ways to take something back. First, suppose the rules for work abroad were published by mistake: **rolling back** moves a pointer to an
# earlier version, which is still complete. Nothing is rebuilt.

# %%
numbers = [version.number for version in versioned.versions]
served = []
for number in (numbers[-1], numbers[-2], numbers[-1]):
    versioned.rollback(number)
    [passage] = versioned.index().search(abroad, ["staff"], later, 1)
    served.append(passage.doc)
    print(f"version {number} answers from {passage.doc}")

# %% [markdown]
# Second, **deleting**. Odile asks for her number to be removed, and the privacy lead watches. A user has asked for the number before, and the answer was cached on disk with the passages it
# was given, as all answers are. Then someone deletes the file, syncs, and says: done. **Predict:** how many files still contain the sentence?

# %%
number = "What is Odile Brandt's private number?"
proof = Evidence("facilities-reception-rota", secret, 0, len(secret))
gold = Gold(("01632 960418",), (proof,))
case = Case(Ask("odile", number, ("staff",), today), gold, "single", "odile", "dev")
cached = evaluate(rag, [case], QUESTIONS)
print("asked first:", cached["answer"][0])
rota.unlink()
print(versioned.sync(folder, ["staff"]))
after = ask("asked again", number)
after_sync = len(traces(secret))
print(f"files that still contain the sentence: {after_sync}")

# %%
gone = versioned.forget("facilities-reception-rota")
after_forget = len(traces(secret))
what_happened(f"""The sync took the page out of the current version, which is all that
a user sees, and left the sentence in {after_sync} files: earlier versions, kept so
that you can roll back, and a cached answer. `forget` removed {gone["versions"]}
versions, {gone["vectors"]} vector and {gone["runs"]} cached run; now it is in
{after_forget} files. Rollback and deletion pull in opposite directions: deleting cost
the history.""")

# %% [markdown]
# What `forget` cannot reach: backups; logs and caches of other systems; what people copied; the files of a separate vector database server (what it
# keeps on disk is outside our control); and the weights of a model that was **tuned** on the page. For those there is no `forget`: notebook 07
# shows what is left.
#
# **Checkpoint 04.c** · The page is deleted, the index is synced, nobody finds the sentence any more. Is it gone?
#
# <details><summary>A · Yes, the search proves it.</summary>No. The search only sees today's version.</details>
# <details><summary>B · No: earlier versions and cached answers may still hold it.</summary>Yes. Rolling back needs the old versions and deleting must remove them, so someone has to decide.</details>
# <details><summary>C · Yes, once the model is restarted.</summary>No. It is a matter of files on a disk, not of a running process.</details>
#
# ## What we found

# %%
new = fresh.text != stale.text and in_force["share"] == 1
safe = leaked == 0 and reached["share"].iloc[0] == 0
controlled = served[0] == served[2] != served[1] and after_forget == 0 < after_sync
answer = f"""**Who may see what, since when, and can we take it back?** With rights
and dates in the search, {leaked} passages crossed {closed} closed pairs of user and
document in {len(RETRIEVERS)} retrievers, and only passages in force came for
{out_of(in_force)} questions. A page taken back was in {after_forget} files after
`forget`."""
the_climb("04")

# %%
prove = True if proves["low"] > 0.5 else False if proves["high"] < 0.5 else None
left_over = f"{after_forget} of {after_sync} files with the sentence are left"
what_we_found(
    answer,
    {
        "freshness": (new, f"only passages in force came for {out_of(in_force)}"),
        "access control in retrieval": (safe, f"{leaked} passages leaked"),
        "operational control": (controlled, left_over),
        "citations": (prove, f"{out_of(proves)} cite what proves the answer"),
    },
)

# %% [markdown]
# **You have seen**
# - a number changed, a rule dated and rolled back, and a page deleted, with the answers and the files to prove it;
# - leaks counted over every user, document and retriever;
# - three designs that look right, and how each of them leaks or starves.
#
# **For the decision:** the leak counts are in your journal. Where a feature needs freshness, citations, access rights or deletion, its facts belong in a
# search and not in weights. **Next:** [04b · the failure gallery](04b_failure_gallery.ipynb): how does RAG fail, and would we notice?
