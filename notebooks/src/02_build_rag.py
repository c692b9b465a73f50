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
import datetime as dt

import numpy as np
import pandas as pd
from IPython.display import display

from helpers import models, plots, systems
from helpers.data import load_handbook, load_questions, may_see
from helpers.evaluation import QUESTIONS, evaluate, share, summary

pd.set_option("display.max_colwidth", 110)
documents = load_handbook()
# those that have an answer
questions = [case for case in load_questions("dev", documents) if case.gold.answers]
words = sum(len(d.text.split()) for d in documents)
print(f"{len(documents)} document versions, {words:,} words")
print(f"{len(questions)} answerable questions")

plots.rag_pipeline()

# %% [markdown]
# The upper row runs when a document changes, the lower one at every question. You build each part below, in a few lines.
#
# ## The baseline: words in common
#
# Before anything clever: does it help to count shared words? For each question, take the document
# that shares the most words with it, among those this user may read on that day.

# %%
import re

words = {d.id: set(re.findall(r"\w+", d.text.lower())) for d in documents}


def most_shared_words(ask):
    asked = set(re.findall(r"\w+", ask.input.lower()))
    return max(
        (d.id for d in may_see(documents, ask.groups, ask.as_of)),
        key=lambda doc: len(asked & words[doc]),
    )


hits = [most_shared_words(c.ask) in {e.doc for e in c.gold.evidence} for c in questions]
print(f"right document by shared words: {plots.percent(np.mean(hits))} of {len(hits)}")

# %% [markdown]
# ## Chunking by hand
#
# A document is too long for a prompt, and a single vector for the whole document blurs everything together. So we cut it into [**chunks**](GLOSSARY.md). The simplest chunker
# takes windows of characters, each sharing some [**overlap**](GLOSSARY.md) with the previous one.


# %%
def cut(text, size, overlap):
    pieces, start = [], 0
    while start < len(text):
        pieces.append((start, min(start + size, len(text))))
        start += size - overlap
    return pieces


document = next(d for d in documents if d.id == "parental-leave-uk-v2")
for start, end in cut(document.text, 160, 40)[4:8]:
    print(f"{start:>5}:{end:<5} {document.text[start:end]!r}")

# %% [markdown]
# Each piece keeps its [**span**](GLOSSARY.md): the characters it came from. Without it no citation could be checked later. Look at the edges:
# this chunker splits words and sentences. That is one of the costs of RAG; notebook 03 measures it.
#
# ## Embedding search by hand
#
# An **embedder** turns a text into a list of numbers, a vector, so that texts of similar meaning point in similar directions. Ours
# (all-MiniLM-L6-v2) makes 384 numbers of length 1, so the [**cosine similarity**](GLOSSARY.md) of two texts is a plain dot product.

# %%
embedder = models.load_embedder()
texts = [
    "My laptop was stolen.",
    "Report a lost or missing computer at once.",
    "The canteen opens at noon.",
]
vectors = embedder.encode(texts, normalize_embeddings=True)  # (3, 384)
pd.DataFrame(
    vectors @ vectors.T, index=texts, columns=["stolen", "report", "canteen"]
).round(2)

# %% [markdown]
# The first two share no word, yet they are close. Searching is now sorting: embed the pieces once, embed the question, take the
# k best. This is **top-k retrieval**. To keep it quick, only twelve documents are searched here.

# %%
pieces = [(d, span) for d in documents[:12] for span in cut(d.text, 400, 80)]
# (pieces, 384)
matrix = embedder.encode(
    [d.text[a:b] for d, (a, b) in pieces], normalize_embeddings=True
)


def top_k(question, k=3):
    scores = matrix @ embedder.encode(question, normalize_embeddings=True)
    for i in np.argsort(-scores)[:k]:
        document, (start, end) = pieces[i]
        yield scores[i].round(2), document.title, document.text[start:end][:70]


pd.DataFrame(
    top_k("Do we get extra days off at Christmas?"),
    columns=["similarity", "document", "begins with"],
)

# %% [markdown]
# ## The helper does the same, plus the things you would forget
#
# `build_index` cuts by tokens, stores the vectors in **Chroma** (a vector database) on disk, and names the folder after everything that
# went into it. Run this cell twice: the second time it only opens what is already there.

# %%
from helpers.retrieval import build_index

index = build_index(documents, chunk_size=64, overlap=16)
first = [
    index.search(c.ask.input, c.ask.groups, c.ask.as_of, top_k=1)[0].doc
    for c in questions
]
right = [
    doc in {e.doc for e in c.gold.evidence}
    for doc, c in zip(first, questions, strict=True)
]
print(
    f"{index.size:,} chunks in index {index.name}; right document found by embeddings:"
    f" {plots.percent(np.mean(right))} of {len(right)} questions"
)

# %%
today = dt.date(2026, 3, 2)
question = "How many days off does the other parent get in the UK?"
passages = index.search(question, groups=["staff"], as_of=today, top_k=3)
pd.DataFrame(
    [
        {
            "similarity": round(p.score, 2),
            "document": p.doc,
            "characters": f"{p.start}:{p.end}",
            "text": p.text[:90],
        }
        for p in passages
    ]
)

# %% [markdown]
# ## The day and the person belong in the search
#
# The same question, asked about an earlier day, must find the version that was in force then. And a document that is not for you must not even be *found*: two people ask about pay.

# %%
before = index.search(question, groups=["staff"], as_of=dt.date(2025, 6, 1), top_k=1)
print(
    "asked for 2026-03-02:",
    passages[0].doc,
    "\nasked for 2025-06-01:",
    before[0].doc,
    "\n",
)
secret = "What's the top of the pay range for a desk captain?"
for groups in (["staff", "support"], ["staff", "people-ops", "managers"]):
    print(
        f"{', '.join(groups):<30}",
        [p.doc for p in index.search(secret, groups, today, top_k=3)],
    )

# %% [markdown]
# Both conditions are part of the query itself (have a look with `??index.search_all`). Filtering *after* the search would leave fewer than k passages, and telling the model in the prompt
# to keep a secret protects nothing. Notebook 04 measures both.
#
# ## Exercise 02.1 · Recall at k
#
# `ranks` holds, per question, the rank of the passage with the evidence (1 = first), or `None` when it was not found. Write the share of
# questions whose evidence is among the first k (0 for no questions). It is the measure of every search in this course.

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
# **Checkpoint 02.a** · Where do the rights of the user belong?
#
# <details><summary>A · In the prompt: tell the model whom it is talking to.</summary>No. Then the secret is in the prompt, and only the model's willingness to obey protects it.</details>
# <details><summary>B · In a filter after the search.</summary>No. It leaks nothing, but it leaves fewer passages than were asked for, most of all for those with the fewest rights.</details>
# <details><summary>C · In the query itself.</summary>Yes. What may not be seen is not found, and k passages are still k passages.</details>
#
# ## The prompt is the product
#
# What the model reads is a text, and we write it: an instruction, the passage with its number, the question. `chat` puts it between the marks on which this model was trained.

# %%
generator = models.load_generator()
[passage] = passages[:1]
by_hand = f"""Using only the context, answer in a few words.

Context:
[1] {passage.title}: {passage.text}

Question: {question}"""
whole = systems.question_prompt(generator, question, [passage])
print(whole, "\nthe helper's prompt is ours:", whole == models.chat(generator, by_hand))

# %% [markdown]
# Notice that the passage begins in mid-sentence: the cutter did that, by counting tokens. (The system line with its name is the default of the chat template.)
#
# ## Exercise 02.2 · The context that never arrived
#
# A bug that ships again and again: retrieval works, the prompt looks fine in the code, and the passages never reach the model. The demo
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
# ## Answer, and a citation that a reader can open
#
# `cite` points to a passage and a sentence in it. A model this small rarely writes `[1]` itself; then the passage that shares the most words with
# the answer is cited and marked `overlap`: it helps a person check the answer; it does not prove that the model used it.

# %%
case = next(c for c in questions if c.fact == "parental-leave-uk.supporting-days")
prediction = next(
    iter(systems.retrieval_augmented(generator, index, top_k=1)([case.ask]))
)
print(
    "asked:",
    case.ask.input,
    "\nsaid: ",
    prediction.text,
    "\nright:",
    case.gold.answers[0],
)
for citation in prediction.cited:
    print(f"cites [{citation.number}] {citation.doc} (by {citation.by})")
    print(repr(citation.quote))

# %% [markdown]
# ## Does it help? Measure
#
# Every answerable dev question, twice: the model alone (**closed book**) and with one passage (**RAG**). **Predict** both shares before you go on.

# %%
from helpers.labs import answer_guess, out_of, predict, predict_which, record, settle
from helpers.labs import held, the_climb, what_happened, what_we_found, yes_or_no

predict(
    "02.rag", "What share of the questions will each get right?", ["closed book", "RAG"]
)

# %% tags=["picture-see"]
alone = evaluate(systems.closed_book(generator), questions, QUESTIONS)
with_rag = evaluate(
    systems.retrieval_augmented(generator, index, top_k=1), questions, QUESTIONS
)
table = summary([alone, with_rag])
for name, rows in (("closed book", alone), ("RAG", with_rag)):
    record(f"02.rag/{name}", f"{name}: right on dev", share(rows), rows.attrs)
memory, rag_share = (plots.percent(s) for s in table["share"])
plots.bars(
    table,
    f"Right answers: {memory} from memory, {rag_share} with one retrieved passage",
    guess=answer_guess("02.rag"),
)

# %% [markdown]
# Both systems answered the **same** questions, so what counts is where they differ. If neither were better, each would win about half of those. That is a
# *sign test*, by hand; `compare` does the same with an interval, and it treats several wordings of one fact as one piece of evidence.

# %%
from scipy.stats import binomtest

from helpers.evaluation import compare

only_rag, only_memory = (
    (with_rag["right"] & ~alone["right"]).sum(),
    (alone["right"] & ~with_rag["right"]).sum(),
)
p = (
    binomtest(int(only_rag), int(only_rag + only_memory)).pvalue
    if only_rag + only_memory
    else 1.0
)
verdict = "more than chance" if p < 0.05 else "cannot tell at this n"
print(f"only RAG right: {only_rag}, only memory right: {only_memory}")
print(f"this uneven by chance with p = {p:.3f}: {verdict}")
compare(alone, with_rag)

# %% [markdown]
# **Checkpoint 02.b** · Some questions are right only with RAG, fewer only from memory. Why are the many that both get wrong not counted?
#
# <details><summary>A · They are counted, in the share.</summary>They are in both shares, and there they say nothing about which system is better.</details>
# <details><summary>B · A pair is decided where the two differ; if neither were better, those cases would split about evenly.</summary>Yes. That is the sign test, and <code>compare</code> does the same with an interval.</details>
# <details><summary>C · Wrong answers are never evidence.</summary>No. A question that one system gets wrong and the other right is the best evidence there is.</details>
#
# ## Finding or reading?
#
# Most answers are still wrong. An answer can be lost on the way: the right *document* is not found; it is found, but not the piece with the sentence that proves the answer
# (`evidence_seen`); or the sentence is there and is *misread*. **Predict** where most are lost.

# %%
LOST = ["the document", "the sentence in it", "the reading"]
predict_which("02.lost", "Where are most answers lost?", LOST)

# %%
seen = with_rag["evidence_seen"].eq(True)  # None would mean: no evidence exists
way = with_rag.assign(document=right, sentence=seen, both=seen & with_rag["right"])
stations = {
    "right document found": "document",
    "right sentence found": "sentence",
    "and read rightly": "both",
    "right, by any way": "right",
}
on_the_way = pd.DataFrame(
    {name: share(way, column) for name, column in stations.items()}
).T
kept = {name: plots.percent(row["share"]) for name, row in on_the_way.iterrows()}
plots.bars(
    on_the_way,
    f"The right document comes for {kept['right document found']} of the questions,"
    f" the right sentence for {kept['right sentence found']}",
    axis="share of the questions",
)

# %%
from itertools import pairwise

there = [1.0, *on_the_way["share"].iloc[:3]]
lost = {name: a - b for name, (a, b) in zip(LOST, pairwise(there), strict=True)}
settle("02.lost", max(lost, key=lost.get), LOST, len(way))
display(
    with_rag[["input", "gold", "answer", "evidence_seen", "right"]].sample(
        5, random_state=1
    )
)
read, by_luck = (seen & with_rag["right"]).sum(), (~seen & with_rag["right"]).sum()
what_happened(
    f"""{(~seen).sum()} of {len(seen)} questions went to the model without the
    sentence that answers them: no model and no training could have read it. Of the
    {seen.sum()} that had it, {read} were answered rightly. ({by_luck} were right
    without the whole sentence: a part was enough, or another passage said so.) What
    lies between the right document and the right sentence is a matter of cutting and
    searching: notebook 03."""
)

# %% [markdown]
# ## More passages?
#
# If the right passage is often missing, why not pass three? **Predict:** more evidence seen? More right answers?

# %%
with_three = evaluate(
    systems.retrieval_augmented(generator, index, top_k=3, name="RAG, 3 passages"),
    questions,
    QUESTIONS,
)
pd.DataFrame(
    {
        "evidence seen": summary([with_rag, with_three], "evidence_seen")["share"],
        "right": summary([with_rag, with_three])["share"],
        "prompt tokens": summary([with_rag, with_three])["tokens_in"],
    }
).round(2)

# %%
more, arrived = compare(with_rag, with_three), share(with_three, "evidence_seen")
what_happened(
    f"""More evidence reaches the model: {out_of(arrived)} questions now have it.
    Right answers: {more.verdict_in_points()}. A small model overlooks the right
    sentence among others, or is **distracted** by what stands beside it, so we
    continue with one passage. For another model the best choice may differ: measure
    it with yours (`WORKBOOK_MODEL`)."""
)

# %% [markdown]
# ## Do the citations lead to the evidence?
#
# A citation that opens is not yet one that proves anything. We know which sentence proves each answer, so it can be counted: **precision**, how many of the cited passages hold that sentence; **recall**, how
# many of the sentences the cited passages hold. With three passages there is something to choose from. *model*: it wrote the number itself; *overlap*: our code chose the passage.

# %%
from helpers.evaluation import citation_summary, cited_evidence

cited = cited_evidence(with_three, questions)
display(citation_summary(cited).round(2))
citation_summary(cited, "kind").round(2)

# %%
what_happened(
    f"""*possible* is the recall of citing all that was shown: no footnote can point
    to a passage that was not found, and
    {(~with_three["evidence_seen"].eq(True)).sum()} of {len(with_three)} lacked one.
    What is lost from *possible* to *recall* was there and was not cited. A footnote
    that our code added says where similar words stand, not what the model used."""
)

# %% [markdown]
# **Checkpoint 02.c** · Suppose the right document comes for most questions, the right sentence for far fewer. What is the next thing to work on?
#
# <details><summary>A · Training the model to read better.</summary>Not first. Without the sentence in the prompt, no reader can find it.</details>
# <details><summary>B · Cutting and searching.</summary>Yes. Between the right document and the right sentence lies the way documents are cut and pieces are ranked: notebook 03.</details>
# <details><summary>C · A friendlier system prompt.</summary>No. A prompt cannot bring back a sentence that it does not contain.</details>
#
# ## Exercise 02.3 · A citation that no one can open
#
# Every answer of a shipped assistant carried a footnote. Half of them led nowhere: the numbers counted from 0, or the "quote" was the model's own paraphrase. Write
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
# ## Exercise 02.4 · Make it better
#
# Find more, still with one passage: return another index of `documents` for which more questions get their evidence. The knobs are arguments of `build_index` (`??build_index`): size, overlap,
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
# ## What we found

# %%
gain = compare(alone, with_rag)
answer = f"""**Can we let the model see what it does not know?**
{yes_or_no(gain.verdict)}: {out_of(share(with_rag))} right with one passage,
{out_of(share(alone))} from memory, without training anything. It saw the right
sentence for {out_of(share(way, "sentence"))} questions, so the search comes first."""
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
