# %% [markdown]
# # 02 · Can we let the model see what it does not know?
#
# **Why it matters.** Policies, prices and product facts live in documents, and they change. RAG leaves them there: cut the documents into
# pieces, find the pieces that match a question, and put them into the prompt. Every stage can fail on its own, so you build each one
# by hand before you trust a helper.
#
# The firmware engineer from Lindenrode has until Friday. *"If I have to run it, I want to have built it once."*
#
# **On trial here:** *"RAG changes what a model can see."* Seeing more should mean more right answers. Does it?
#
# **Time:** 20 minutes to read · 3 minutes to run · 30 minutes of exercises. **Before:** 00.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Do the citations lead to the evidence?*, exercise 02.3.
#
# **By the end you can**
# - build chunking, embedding search and a prompt in a few lines each;
# - keep access rights and dates inside the search, where they belong;
# - tell from numbers whether finding or reading is what goes wrong.

# %%
from helpers import models, plots, systems
from helpers.data import load_handbook, load_questions, may_see
from helpers.evaluation import QUESTIONS, compare, evaluate, share, summary, tokens

documents = load_handbook()
dev = load_questions("dev", documents)
questions = [c for c in dev if c.gold.answers]  # those that have an answer
words = sum(len(d.text.split()) for d in documents)
print(
    f"{len(documents)} document versions, {words:,} words; {len(questions)} questions"
)
plots.rag_pipeline()

# %% [markdown]
# The upper row runs when a document changes, the lower one for every question. You follow one question all the way through, a few lines of code for each part, before you measure all of them.
#
# ## Chunking by hand
#
# A document is too long for a prompt, and a search that compares whole documents blurs everything in them together. So we cut it into [**chunks**](GLOSSARY.md). The simplest chunker
# takes windows of characters, each sharing some overlap with the previous one. Here is the question, and the part of the handbook that answers it, in three such windows.


# %%
def cut(text, size, overlap):
    starts = range(0, len(text), size - overlap)
    return [(start, min(start + size, len(text))) for start in starts]


case = next(c for c in questions if c.fact == "parental-leave-uk.supporting-days")
ask = case.ask
print(f"{ask.input} (asked on {ask.as_of})")
document = next(d for d in documents if d.id == "parental-leave-uk-v2")
for start, end in cut(document.text, 100, 20)[17:20]:
    print(f"{start:>5}:{end:<5} {document.text[start:end]!r}")

# %% [markdown]
# Each piece keeps its [**span**](GLOSSARY.md): the characters it came from. Without it no citation could be checked later. Look at the edges: this chunker splits words
# and sentences, even the one with the answer. That is one of the costs of RAG; notebook 03 measures it.
#
# ## Embedding search by hand
#
# An embedder turns a text into an [**embedding**](GLOSSARY.md): a list of numbers, a vector, so that texts of similar meaning point in similar directions. Ours
# (all-MiniLM-L6-v2) makes 384 numbers, scaled to length 1, so the [**cosine similarity**](GLOSSARY.md) of two texts is a plain dot product: 1 is the same direction, 0 unrelated.
#
# The first table compares two sentences that mean nearly the same in different words, and a third one about something else. The second table shows that, with such numbers, searching is sorting: embed the
# pieces once, embed the question, take the k best. This is [**top-k**](GLOSSARY.md) retrieval. To keep it quick, only the pages on parental leave are searched.

# %%
import numpy as np
import pandas as pd

embedder = models.load_embedder()
texts = [
    "My laptop was stolen.",
    "Report a lost or missing computer at once.",
    "The canteen opens at noon.",
]
vectors = embedder.encode(texts, normalize_embeddings=True)  # (3, 384)
names = ["stolen", "report", "canteen"]
pd.DataFrame(vectors @ vectors.T, index=texts, columns=names).round(2)

# %%
pd.set_option("display.max_colwidth", 110)
leave = [d for d in documents if d.id.startswith("parental-leave")]
pieces = [(d, span) for d in leave for span in cut(d.text, 400, 80)]
parts = [d.text[start:end] for d, (start, end) in pieces]
matrix = embedder.encode(parts, normalize_embeddings=True)  # (pieces, 384)
similarity = matrix @ embedder.encode(ask.input, normalize_embeddings=True)
found = [
    (similarity[i].round(2), pieces[i][0].id, case.gold.answers[0] in parts[i])
    for i in np.argsort(-similarity)[:5]
]
pd.DataFrame(found, columns=["similarity", "document", "has the answer"])

# %% [markdown]
# Look at the documents: the five pieces are almost equally similar, and only one holds the answer. Thornaby Wharf is in the UK, so two of the pages are for other countries, and by March 2026 version 1 of the UK page is out of date. No piece says
# which country it is for, or how long it is valid.
#
# ## The day and the person belong in the search
#
# The helper `build_index` does what you did, and a few things that are easily forgotten. It cuts by tokens (a token is about three quarters of a word), lets the search read the page's title before each piece, and stores the vectors on disk in Chroma, a vector database, in a folder named
# after everything that went into it (run the cell twice: the second time it only opens the folder). And `search` takes two more arguments: **who** asks, and for **which day**. An earlier day must
# find the version that was in force then. A document that is not for you must not even be *found*: somebody in support and somebody in People Operations ask about pay.

# %%
from datetime import date

from helpers.retrieval import build_index

index = build_index(documents, chunk_size=64, overlap=16)
pay = "What's the top of the pay range for a desk captain?"
who = ["our question", "in June 2025", "pay: support", "pay: People Ops"]
asked = [ask.input, ask.input, pay, pay]
groups = [ask.groups, ask.groups, ["staff", "support"], ["staff", "people-ops"]]
days = [ask.as_of, date(2025, 6, 1), ask.as_of, ask.as_of]
found = [index.search(*one, top_k=3) for one in zip(asked, groups, days, strict=True)]
pd.DataFrame([[p.doc for p in three] for three in found], index=who)

# %% [markdown]
# The first row begins with the version in force, the second finds version 1 alone. The page with the salary bands comes for People Operations and for nobody else.
#
# Both conditions are part of the query itself (have a look with `??index.search_all`). Filtering *after* the search would leave fewer than k passages, and telling the model in the prompt
# to keep a secret protects nothing. Notebook 04 measures both. (A country is not a right: everyone may read Canada's page, and so it can still be found. Only its title, and so the similarity, sets it apart.)
#
# **Checkpoint 02.a** · Where do the rights of the user belong?
#
# <details><summary>A · In the prompt: tell the model whom it is talking to.</summary>No. Then the secret is in the prompt, and only the model's willingness to obey protects it.</details>
# <details><summary>B · In a filter after the search.</summary>No. It leaks nothing, but it leaves fewer passages than were asked for, most of all for those with the fewest rights.</details>
# <details><summary>C · In the query itself.</summary>Yes. What may not be seen is not found, and k passages are still k passages.</details>
#
# ## Exercise 02.1 · Recall at k
#
# One question whose answer is found proves little; a search is judged on many. `ranks` holds, per question, the rank of the passage with the evidence (1 = first), or `None` when it was not found. Write the share of
# questions whose evidence is among the first k (0 for no questions). This is [**recall at k**](GLOSSARY.md), the measure of every search in this course.

# %%
from helpers.exercises import exercise


def recall_at_k(ranks, k):
    ### BEGIN SOLUTION 02.1
    return (
        sum(rank is not None and rank <= k for rank in ranks) / len(ranks)
        if ranks
        else 0.0
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("02.1").check(recall_at_k)

# %% [markdown]
# ## The prompt is the product
#
# What the model reads is a text, and we write it: an instruction, the passage with its number, the question. `chat` puts it between the markers that this model was trained with. (The system line with its name is the
# default of the chat template.) Then the same model answers twice: from memory, and with this prompt.

# %%
generator = models.load_generator()
[passage] = index.search(ask.input, ask.groups, ask.as_of, top_k=1)
by_hand = f"""Using only the context, answer in a few words.

Context:
[1] {passage.title}: {passage.text}

Question: {ask.input}"""
whole = systems.question_prompt(generator, ask.input, [passage])
print(whole, "\nthe helper's prompt is ours:", whole == models.chat(generator, by_hand))

# %%
[guessed] = systems.closed_book(generator)([ask])
[informed] = systems.retrieval_augmented(generator, index, top_k=1)([ask])
print("from memory:", guessed.text)
print("with the passage:", informed.text)
print("right:", case.gold.answers[0])
for citation in informed.cited:
    print(f"cites [{citation.number}] {citation.doc} (by {citation.by})")
    print(repr(citation.quote))

# %% [markdown]
# Three things to notice:
#
# - The passage begins in mid-sentence, because the chunker counts tokens and cuts wherever the count is full.
# - Nothing was trained between the two answers. What changed is what the model saw. (An answer counts as right when it says what was asked, even if the words around it are silly.)
# - A model this small rarely writes `[1]` itself; then our code cites the passage that shares the most words with the answer and marks it `overlap`. That helps a person check the answer; it does not prove that the model used it.
#
# ## Exercise 02.2 · The context that never arrived
#
# A bug that reaches production again and again: retrieval works, the prompt looks fine in the code, and the passages never reach the model. The demo
# keeps giving fluent answers. Write `sees_context(build_prompt)`: given a function from (question, passages) to a prompt, return
# True only if **every** passage's text is in what it builds.

# %%
from helpers.core import Passage


def sees_context(build_prompt):
    ### BEGIN SOLUTION 02.2
    passages = [
        Passage("d1", "One", 0, 6, "zorvex"),
        Passage("d2", "Two", 0, 6, "quimbl"),
    ]
    prompt = build_prompt("How many?", passages)
    return all(passage.text in prompt for passage in passages)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("02.2").check(sees_context)

# %% [markdown]
# ## Exercise 02.3 · A citation that no one can open
#
# In one assistant in production every answer carried a footnote. Half of them led nowhere: the numbers counted from 0, or the "quote" was the model's own paraphrase. Write
# `opens(citation, context, documents)`: True only if passage [number] (counted from 1) was in the context, it comes from the named document, and the quote
# is in that document word for word. `documents` maps an id to a document with a `.text`.


# %%
def opens(citation, context, documents):
    ### BEGIN SOLUTION 02.3
    if not 1 <= citation.number <= len(context):
        return False
    passage = context[citation.number - 1]
    return (
        passage.doc == citation.doc and citation.quote in documents[citation.doc].text
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("02.3").check(opens)

# %% [markdown]
# ## Does it help? Measure
#
# One question proves nothing. So now every dev question that has an answer, twice: the model alone (**closed book**) and with one passage (**RAG**).
#
# A RAG answer can be lost in three places: the right *document* is not found; it is found, but not the piece with the *sentence* that proves the answer; or the sentence
# is there and is *misread*. **Predict**: where are most answers lost, and what share does each of the two get right?

# %%
from IPython.display import display

from helpers.labs import answer_guess, out_of, predict, predict_which, record, settle
from helpers.labs import held, the_climb, what_happened, what_we_found, yes_or_no

LOST = ["the document", "the sentence in it", "the reading"]
display(predict_which("02.lost", "Where are most answers lost?", LOST))
predict("02.rag", "What share will each get right?", ["closed book", "RAG"])

# %% tags=["picture-see"]
alone = evaluate(systems.closed_book(generator), questions, QUESTIONS)
one_passage = systems.retrieval_augmented(generator, index, top_k=1)
with_rag = evaluate(one_passage, questions, QUESTIONS)
table = summary([alone, with_rag])
for name, rows in (("closed book", alone), ("RAG", with_rag)):
    record(f"02.rag/{name}", f"{name}: right on dev", share(rows), rows.attrs)
memory, rag_share = (plots.percent(s) for s in table["share"])
title = f"Right answers: {memory} from memory, {rag_share} with one retrieved passage"
plots.bars(table, title, guess=answer_guess("02.rag"))

# %%
from math import comb

only_rag = int((with_rag["right"] & ~alone["right"]).sum())
only_memory = int((alone["right"] & ~with_rag["right"]).sum())
tosses, fewer = only_rag + only_memory, min(only_rag, only_memory)
p = min(1, 2 * sum(comb(tosses, k) for k in range(fewer + 1)) / 2**tosses)
print(f"only RAG right: {only_rag}, only memory right: {only_memory}")
print(f"{tosses} coins fall at least as unevenly 1 time in {1 / p:,.0f}")
gain = compare(alone, with_rag)
gain

# %% [markdown]
# Both systems answered the **same** questions, so what counts is where they differ. If neither were better, each of those questions would be the toss of a coin, and we can work out how rarely coins fall
# as unevenly. This is [**McNemar's test**](GLOSSARY.md), by hand and then as the p of `compare`. (The interval of `compare` also treats several wordings of one fact as one piece of evidence.
# Ends are rounded: one shown as +0 or -0 lies just on that side of zero.)
#
# **Checkpoint 02.b** · Some questions are right only with RAG, fewer only from memory. Why are the many that both get wrong not counted?
#
# <details><summary>A · They are counted, in the share.</summary>They are in both shares, and there they say nothing about which system is better.</details>
# <details><summary>B · A pair is decided where the two differ; if neither were better, those cases would split about evenly.</summary>Yes. Only where they differ does a question speak for one of them.</details>
# <details><summary>C · Wrong answers are never evidence.</summary>No. A question that one system gets wrong and the other right is the best evidence there is.</details>
#
# ## Finding or reading?
#
# Now we count the three places. First a baseline without any model: of the documents that this user may read on that day, take the one that shares the most words with the question. It is the
# top bar. The three bars below are our RAG, one stage after another: what one bar has lost, the next cannot win back.

# %%
words = {d.id: set(tokens(d.text)) for d in documents}


def by_words(ask):  # the baseline
    asked = set(tokens(ask.input))
    readable = [d.id for d in may_see(documents, ask.groups, ask.as_of)]
    return max(readable, key=lambda doc: len(asked & words[doc]))


docs = [{e.doc for e in c.gold.evidence} for c in questions]
basic = [by_words(c.ask) in right for c, right in zip(questions, docs, strict=True)]
print(f"right document by words in common: {plots.percent(np.mean(basic))}")

# %%
seen = with_rag["evidence_seen"].eq(True)  # None: there is no evidence
read = seen & with_rag["right"]
got = [p[0].doc in right for p, right in zip(with_rag["context"], docs, strict=True)]
names = ["document, by words", "document", LOST[1], "read rightly"]
way = with_rag.assign(**dict(zip(names, [basic, got, seen, read], strict=True)))
on_way = pd.DataFrame({name: share(way, name) for name in names}).T
a, b, c = on_way["share"].map(plots.percent).iloc[1:]
title = f"Right document found: {a}, its right sentence: {b}, read rightly: {c}"
plots.bars(on_way, title, axis="share of the questions")

# %%
lost = -np.diff([1.0, *on_way["share"].iloc[1:]])
settle("02.lost", LOST[lost.argmax()], LOST, len(way))
wrong = with_rag[~with_rag["right"]].sample(frac=1, random_state=1).head(10)
display(wrong[["input", "gold", "answer", "evidence_seen"]])
what_happened(
    f"""{(~seen).sum()} of {len(seen)} questions went to the model without the
    sentence that answers them: no training could have read it. Of the {seen.sum()}
    that had it, {read.sum()} were answered rightly. ({(way["right"] & ~seen).sum()}
    more were right without it: a part was enough, or chance.)"""
)

# %% [markdown]
# So *found* has two meanings. The right *document* may come often, but only one piece of it is passed on, and that need not be the piece with the sentence that proves the answer. From here on, *evidence found* is the second,
# stricter measure. The table shows ten of the wrong answers. For each: was the sentence not found, or not read? (`evidence_seen` tells.)
#
# **Checkpoint 02.c** · Suppose the right document comes for most questions, the right sentence for far fewer. What is the next thing to work on?
#
# <details><summary>A · Training the model to read better.</summary>Not first. Without the sentence in the prompt, no reader can find it.</details>
# <details><summary>B · Cutting and searching.</summary>Yes. Between the right document and the right sentence lies the way documents are cut and pieces are ranked: notebook 03.</details>
# <details><summary>C · A friendlier system prompt.</summary>No. A prompt cannot bring back a sentence that it does not contain.</details>
#
# ## Exercise 02.4 · Make it better
#
# Find more, still with one passage: return an index of `documents` that finds the evidence for more questions. The knobs are arguments of `build_index` (`??build_index`): size, overlap,
# `strategy` ("tokens", "sentences", "headings", "recursive"), and what stands before each chunk. The check searches all dev questions and tells you your score; every index takes
# half a minute. There is no best answer yet: notebook 03 looks for one.


# %%
def better(documents):
    ### BEGIN SOLUTION 02.4
    return build_index(documents, chunk_size=64, overlap=16, strategy="sentences")
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("02.4").check(better)

# %% [markdown]
# ## More passages?
#
# The other way to let the model see more: pass three passages instead of one. **Predict:** more evidence seen? More right answers?

# %%
arm = systems.retrieval_augmented(generator, index, 3, name="RAG, 3 passages")
with_three = evaluate(arm, questions, QUESTIONS)
more, arrived = compare(with_rag, with_three), share(with_three, "evidence_seen")
few, many = summary([with_rag, with_three])["tokens_in"]
what_happened(
    f"""The right sentence reaches the model for {out_of(arrived)} questions instead
    of {seen.sum()}, in {many:.0f} tokens instead of {few:.0f}. Right answers:
    {more.verdict_in_points()}. What stands beside it can distract a small model: we
    go on with one. Measure yours, too (`WORKBOOK_MODEL`)."""
)

# %% [markdown]
# ## Do the citations lead to the evidence?
#
# A citation that can be opened may still prove nothing. We know which sentence proves each answer, so it can be counted: **precision**, how many of the cited passages hold that sentence; **recall**, how
# many of the sentences the cited passages hold. With three passages there is something to choose from. *model*: it wrote the number itself; *overlap*: our code chose the passage; *none*: nothing was cited. *low* and *high* are the 95 % interval of the
# precision; *possible* is the recall of citing all that was shown.

# %%
from helpers.evaluation import citation_summary, cited_evidence

display(citation_summary(cited_evidence(with_three, questions)).round(2))
what_happened(
    f"""No footnote can point to a passage that was not found:
    {(~with_three["evidence_seen"].eq(True)).sum()} of {len(with_three)} questions
    lacked one. What is lost from *possible* to *recall* was there and was not cited. A
    footnote that our code added says where similar words stand, not what the model
    used."""
)

# %% [markdown]
# ## What we found
#
# The climb uses fewer questions than this notebook, so its intervals are wider: a step that is *better* above can still read *cannot tell* in the picture.

# %%
answer = f"""**Can we let the model see what it does not know?**
{yes_or_no(gain.verdict)}: {out_of(share(with_rag))} right with one passage,
{out_of(share(alone))} from memory, without training anything. It saw the right
sentence for {out_of(share(way, LOST[1]))} questions, so the search comes first."""
the_climb("02")

# %%
three = f"three passages instead of one: {more.verdict_in_points()}"
what_we_found(
    answer,
    {
        "what it sees changes its answers": (
            held(gain.verdict),
            gain.verdict_in_points(),
        ),
        "seeing more, it answers more": (held(more.verdict), three),
    },
)

# %% [markdown]
# **You have seen**
# - chunking, embedding search and a prompt, each by hand and then through a helper;
# - access and date as conditions of the search itself;
# - finding and reading measured apart.
#
# **Next:** [03 · the chunking lab](03_chunking_lab.ipynb): would better chunking fix it?
