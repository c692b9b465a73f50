# %% [markdown]
# # 04b · How does RAG fail, and would we notice?
#
# **Why it matters.** RAG is a supply chain: files are read, cut, embedded, searched, filtered, put into a prompt, read and cited. Every link can
# break without an error message, and the answer still looks fluent. Failures are easier to recognise when you have made them yourself.
#
# The engineer has been told to make it bulletproof, and starts by breaking it.
#
# **On trial here:** *"You can fix content and indexing without retraining a model."* Below, each failure is caused on purpose, counted, fixed without
# training anything, and counted again on the same cases.
#
# **Time:** 15 minutes to read · 2 minutes to run · 25 minutes of exercises. **Before:** 04.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *Documents that attack*, exercise 04b.3.
#
# **By the end you can**
# - make a failure on purpose, detect it by a number, fix it, and show the number again;
# - say whether a fix helped, or whether the cases are too few to tell;
# - name what keeps a poisoned page out of an index, and what does not.

# %%
import json

import pandas as pd

from helpers import evaluation, models, plots, systems
from helpers.core import settings
from helpers.data import load_handbook, load_questions
from helpers.evaluation import share
from helpers.experiments import attacks, failure_gallery
from helpers.labs import answer_guess, out_of, predict, record, the_climb
from helpers.labs import Words, what_happened, what_we_found
from helpers.retrieval import build_index, embed_cached

# %%
pd.set_option("display.max_colwidth", 90)
handbook, questions = load_handbook(), load_questions("dev")
by_id = {d.id: d for d in handbook}
generator = models.load_generator()
index = build_index(handbook, chunk_size=64, overlap=16)

# %% [markdown]
# ## Two failures by hand
#
# **Two pages in force disagree.** The handbook really has such a pair: two departments each wrote down how often the test gardens are visited in
# winter. A system that passes one passage to the model will never notice. The right thing to do would be to refuse, or to name both numbers.

# %%
winter = next(c for c in questions if c.fact == "ambiguous.winter-garden-visits").ask
for p in index.search(winter.input, winter.groups, winter.as_of, 8):
    for sentence in p.text.replace("\n", " ").split(". "):
        if "visited every 24" in sentence or "once in 17" in sentence:
            owner = by_id[p.doc].meta.owner
            print(f"{p.doc:<28} {owner:<14} … {' '.join(sentence.split()[-10:])}")
[said] = systems.retrieval_augmented(generator, index, 1)([winter])
print(f"\nThe system: {said.text!r}")
print("refused:", evaluation.abstains(said.text))

# %% [markdown]
# **Three regions, three nearly identical documents.** Only the *title* tells them apart, and chunking drops it. Below, the same section of all three is
# compared with the question, first without the title, then with it. **Look for** the largest number in each line: does it belong
# to the right document, whose name stands after the question?

# %%
case = next(c for c in questions if c.kind == "regional" and c.gold.answers)
print(case.ask.input, case.gold.evidence[0].doc)
leave = [d for d in handbook if "parental-leave" in d.id]
leave = [d for d in leave if d.in_force(case.ask.as_of)]
for shown in ("", "{}\n"):
    starts = [d.text[d.text.index("## ", 300) :][:300] for d in leave]
    texts = [shown.format(d.title) + s for d, s in zip(leave, starts, strict=True)]
    vectors, _ = embed_cached([case.ask.input, *texts])
    near = vectors[1:] @ vectors[0]
    print({d.id: round(float(n), 3) for d, n in zip(leave, near, strict=True)})

# %% [markdown]
# **Checkpoint 04b.a** · Two documents in force disagree about a number. What should the assistant do?
#
# <details><summary>A · Take the better match.</summary>No. Which one matches better has nothing to do with which one is right.</details>
# <details><summary>B · Refuse, or name both.</summary>Yes. And tell the owners: this is a fault of the documents, which no model can repair.</details>
# <details><summary>C · Take the newer one.</summary>No. Both are in force, so the date does not decide.</details>
#
# ## The gallery
#
# Now all of them, from reading files to a poisoned page (`helpers/experiments/failure_gallery.py`). For each we count how often things go well,
# before and after its fix, on the same cases. **Predict:** for what share of the failures is everything fine after the fix?

# %%
predict(
    "04b.fixed",
    "What share of these failures does the fix remove completely?",
    ["failures"],
)

# %%
parts = failure_gallery.GalleryInputs(handbook, questions, index, generator)
failures = failure_gallery.gallery(parts)
whole = share(pd.DataFrame({"right": [f.after.good == f.after.n for f in failures]}))
says = "failures in the gallery that their fix removes on all of their cases"
_ = record("04b.fixed/failures", says, whole, {"split": "dev"})
plots.gallery(failures, answer_guess("04b.fixed"))

# %%
better, n = [f.name for f in failures if f.improved], len(failures)
partly = [f for f in failures if f.after.good < f.after.n]
worst = min(partly, key=lambda f: f.after.good / f.after.n)
what_happened(f"""Every fix changed files, chunks, the index or a prompt, and none the
weights. {out_of(whole)} failures are gone on all of their cases; {len(better)} of {n}
improved by more than the intervals can explain, {n - len(better)} have too few cases
to tell. Most is left of *{worst.name}*: {worst.after} are fine after its fix,
counting {worst.good}.""")

# %% [markdown]
# One case is enough to show that a failure *exists*; only a count over many cases can show how often it happens, and whether the fix helps. What
# is left after a fix may also be another fault: with *mixed embedders*, for example, an index repaired in full still misses what any search misses.
# Here is what was done wrong in each, how it would have shown, and what fixes it:

# %%
Words(failure_gallery.as_markdown(failures))

# %% [markdown]
# ## Exercise 04b.1 · Yesterday's index answers today's question
#
# The nightly sync had failed for three weeks. The check compared *names of files*, and those had not changed. Write
# `stale(folder_files, version_files)`: both map a path to the SHA-256 of its bytes; return the sorted paths for which the index does not match
# the folder: changed, missing in the index, or gone from the folder.


# %%
from helpers.exercises import exercise


def stale(folder_files, version_files):
    ### BEGIN SOLUTION 04b.1
    return sorted(
        path
        for path in folder_files.keys() | version_files.keys()
        if folder_files.get(path) != version_files.get(path)
    )
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("04b.1").check(stale)

# %% [markdown]
# ## Exercise 04b.2 · Is it fixed, or are we lucky?
#
# The picture compares two intervals and so wastes what we know: before and after were counted on the *same* cases. Write
# `judge(before, after)`: two lists of Booleans, one entry a case. Count the cases that only one of the two got right; if the fix did nothing,
# each of these is a coin toss. Return `"better"` or `"worse"`, or `"cannot tell"` if at least 5 % of all series of tosses would be
# this one-sided or more (two-sided, exact).

# %%
import math


def judge(before, after):
    ### BEGIN SOLUTION 04b.2
    fixed = sum(a and not b for b, a in zip(before, after, strict=True))
    broken = sum(b and not a for b, a in zip(before, after, strict=True))
    n, few = fixed + broken, min(fixed, broken)
    p = 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n
    return "cannot tell" if p >= 0.05 else "better" if fixed > broken else "worse"
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("04b.2").check(judge)

# %% [markdown]
# **Checkpoint 04b.b** · Before the fix 3 of 4 were fine, after it 4 of 4. Did the fix help?
#
# <details><summary>A · Yes, it is perfect now.</summary>No. One case of four may turn by chance.</details>
# <details><summary>B · Nobody can tell from four cases.</summary>Yes. The failure exists, and in that case it is gone; how often the fix works, only more cases can show.</details>
# <details><summary>C · No, it was fine before.</summary>No. One case was broken, and one case is enough to show that a failure exists.</details>
#
# ## Documents that attack
#
# Anyone who can write a page can write into your prompt. Here are two attacks, live: a page that gives the model orders, and a page that simply states a
# wrong number. Each is placed before the best passage of the handbook, as if it had been retrieved. Two defences: a prompt that says to ignore orders
# in passages, and a [**screen**](GLOSSARY.md) that inspects a page before it is indexed.

# %%
both = [a for a in attacks.load_attacks() if a.id in ("a-08", "a-14")]
for a in both:
    found = [finding.rule for finding in attacks.screen(a.document.text)]
    print(f"{a.kind}: the screen finds {', '.join(sorted(set(found))) or 'nothing'}")
attacks.tried(generator, index, both, (systems.BASE, attacks.GUARDED))

# %% [markdown]
# Two cases are an anecdote. All 22 attacks and 16 harmless [**look-alikes**](GLOSSARY.md) (pages about code words, assistants and boilers that only sound like an
# attack) were measured once. First *at the door*, that is, before a page is indexed, where no model is needed: which pages does each rule keep out?
#
# - The *screen* stops pages that match one of seven patterns, tuned on the `dev` half of the attacks.
# - *Provenance* lets in only pages by owners that the handbook knows (so it can raise no alarm on the handbook itself).
# - *Near copy* stops a page that repeats one in force with other numbers.

# %%
reference = settings.DATA / "reference" / "attacks.json"
measured = json.loads(reference.read_text(encoding="utf-8"))
plots.doors(measured["ingestion"])

# %%
doors = measured["ingestion"]
out = {rule: attacks.kept_out(found) for rule, found in doors.items()}
halves = [doors["screen"]["orders"][half] for half in ("dev", "held_out")]
stops = [f"{half['count']} of {half['n']}" for half in halves]
what_happened(f"""At the door, provenance kept out {out["provenance"]} attacks, the
screen {out["screen"]}, near copy {out["near copy"]}. The screen stopped {stops[0]}
pages with orders of the half that it was tuned on, and {stops[1]} of the half that it
had never seen.""")

# %%
none = measured["defences"]["alone"]["none"]
hit, right = none["success"]["all"], none["right without attack"]
what_happened(f"""In the prompt, {hit["count"]} of {hit["n"]} attacks succeeded
without any defence; without any attack, the model answered {right["count"]} of
{right["n"]} of these questions correctly.""")

# %% [markdown]
# Read the two numbers together: a model that hardly follows any instruction will hardly follow an attacker's either, and that is not safety. A model
# that reads better may also follow injected orders better, so measure with yours (`WORKBOOK_MODEL`, then
# `python labs_data/build/attacks.py`; all defences are in its file). A rule that keeps harmless pages out has a cost too: someone must review
# them. And no pattern detects a wrong fact in plain words. The only defence against that is to know *who may publish*, and to compare new
# pages with those in force.
#
# **Checkpoint 04b.c** · A page in plain, friendly words states a wrong number. What keeps it out?
#
# <details><summary>A · A screen for suspicious patterns.</summary>No. There is nothing suspicious in it.</details>
# <details><summary>B · A warning in the prompt.</summary>No. It is not an order, it is a passage that looks like any other.</details>
# <details><summary>C · Knowing who may publish, and comparing new pages with those in force.</summary>Yes. The defence is at the door, and it rests on people.</details>
#
# ## Exercise 04b.3 · Make the screen better
#
# This one is open-ended. `attacks.RULES` are regular expressions, tuned on the attacks of the `dev` half. Write one more, `my_rule`, that catches a dev attack
# which the screen misses, without one false alarm on the handbook or on a look-alike of the dev half. Then the check reports your score on the
# half that you did not see: how many missed attacks can you catch there? The missed ones of the dev half: `attacks.missed("dev")`.

# %%
my_rule = ...
### BEGIN SOLUTION 04b.3
my_rule = r"\((?:\w+ )?copy\)|no longer holds|was dropped"
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("04b.3").check(my_rule)

# %% [markdown]
# ## What we found

# %%
the_climb("04b")

# %%
open_ = [f.name for f in failures if not f.improved]
answer = f"""**How does RAG fail, and would we notice?** Here in {n} ways, and a count
showed each of them. No fix touched the weights; {out_of(whole)} failures are gone on
all of their cases."""
clear = f"{len(better)} of {n} fixes moved the count by more than its intervals explain"
few = f"{len(open_)} of {n} have too few cases to tell: {', '.join(open_)}"
parts = {"content and indexing can be fixed without retraining": (bool(better), clear)}
if open_:
    parts["every single fix helps"] = (None, few)
what_we_found(answer, parts)

# %% [markdown]
# **You have seen**
# - failures made, detected by a number, fixed and measured again on the same cases;
# - fixes whose cases are too few to tell whether they helped;
# - what keeps poisoned pages out at the door, and that a pattern tuned on known attacks may miss the next one.
#
# **For the decision:** every link of the supply chain needs its own count, and someone who reads it. **Next:** [05 · tune for a format](05_tune_for_format.ipynb): what can
# training do that retrieval cannot?
