# %% [markdown]
# # 10 · Can we ship it like a release?
#
# **Why it matters.** A tuned model is software that nobody can read. It can be better on average and worse for the customers who matter; it can be right on the day it ships and wrong a month later,
# when there is a new product. So it is shipped like a product: pinned, gated, tried on a share of the traffic, watched, and rolled back in one call. What that takes is the governance burden of
# tuning, and here you count it, beside that of an index.
#
# The desk captain wants to know who is woken when it goes wrong; the firmware engineer, how to go back.
#
# **On trial here:** *"Treat it like a product release, with evaluation gates and rollback paths."* Do gates and the way back do what they promise?
#
# **Time:** 25 minutes to read · 3 minutes to run · 30 minutes of exercises. **Before:** 06; 08 helps.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *The registry: one champion at every moment*, *The same for an index*, exercises 10.1 to 10.3.
#
# **By the end you can**
# - say what a gate on your test set can stop, before a candidate exists, and what no score can show;
# - run a canary that may be looked at after every ticket, and know beforehand what it can find;
# - see drift on the day it begins, and go back to yesterday's answers, byte for byte, in one call.
#
# ---
# **Four adapters, and no language model.** Training takes minutes for each adapter, and what a gate needs is only *which tickets each one had right*. Those answers were measured for notebook 06
# (`labs_data/reference/training.json`), ticket by ticket, and are replayed here: the numbers are real, the answers are not new.
#
# The **champion** (the release in use) was tuned on 256 labels. Three people offer a **candidate** for its place: one trained on all labels there were (*better* by
# construction, if anything is), one on fewer than the champion because a customer had labels withdrawn, and one on 256 labels of which a hurried team got a part
# wrong. What counts is the whole record: are **all four fields** right, so that nobody has to touch the ticket? **Predict** that share for each.

# %%
from helpers.experiments import TrainingSetting, training_grid
from helpers.labs import guess_of, out_of, predict, record, what_happened

grid = training_grid.load_grid()
fewer = max(size.rows for size in grid.sizes() if size.rows < 256)
noise = max(row["label_noise"] for row in grid.rows if row["rows"] == 256)
offers = {"champion": TrainingSetting(256), "more labels": TrainingSetting(grid.most)}
offers["fewer labels"] = TrainingSetting(fewer)
offers["hurried labels"] = TrainingSetting(256, label_noise=noise)
predict("10.desk", "The share of tickets with all four fields right", list(offers))

# %%
from IPython.display import Markdown, display

from helpers import plots
from helpers.evaluation.bits import to_flags
from helpers.experiments.releases import shares_right

rows = {name: grid.cells(setting)[0] for name, setting in offers.items()}
table = shares_right({name: row["right"] for name, row in rows.items()})
title = f"All four right: {plots.percent(table['share'].max())} at most"
display(plots.bars(table, title, "tickets all right", guess=guess_of("10.desk")))
said = ", ".join(f"{name} {out_of(row)}" for name, row in table.iterrows())
what_happened(f"All four right: {said}.")

# %% [markdown]
# Read the intervals before you choose a winner. Who decides by the longest bar ships noise sooner or later.
#
# ## Pin it
#
# First of all: *what* would be shipped? A **manifest** names eight parts, each with its SHA-256 (a fingerprint that changes with any byte): data, labels, weights,
# adapter, index, prompt, code and evaluation. Here is one around the adapter that comes with this workbook.
#
# **Predict:** one byte of the adapter gets lost in a copy, somebody improves a word of the prompt on the server, or a colleague hands you the weights as `adapter_model.bin`. Which of the three does
# loading notice?

# %%
import json
import tempfile
from pathlib import Path

from helpers import release
from helpers.experiments.releases import desk_parts

work = Path(tempfile.mkdtemp())  # the shop floor of this notebook
parts = desk_parts()  # what answers tickets, and what judged it
release.pack(work / "pinned", parts).table()

# %%
folder, say = work / "pinned", release.refusal
file, prompt = folder / "adapter/adapter_model.safetensors", folder / "prompt.txt"
whole, taken = file.read_bytes(), work / "adapter_model.bin"
file.write_bytes(whole[:-1])
tampered = {"a truncated adapter": say(release.verify, folder)}
file.write_bytes(whole)
prompt.write_text(prompt.read_text() + " Please.")
tampered["a kinder prompt"] = say(release.verify, folder)
taken.write_bytes(whole)
said = say(release.pack, work / "bin", parts | {"adapter": taken})
tampered["weights as a .bin"] = said
print(*map(": ".join, tampered.items()), sep="\n")

# %% [markdown]
# Each refusal names its part, and what says *adapter* is repaired in minutes. The third would have loaded and worked, but a `.bin` is a pickle, and opening a pickle
# runs whatever code is inside. Safetensors hold numbers and nothing else.
#
# ### The offer that has seen its exam
#
# A vendor offers a fifth system: no tuning, only the nearest neighbour among "all labelled tickets that we found on your drive". You can train it yourself, in a second. 64 of the tickets on the drive are those on which
# the gate judges. **Predict:** the share that it has right. And what would a gate say that reads nothing but scores?

# %%
from helpers.data import load_tickets, pick
from helpers.experiments import releases

labelled, cases = load_tickets("train"), releases.exam(grid)
drive = [*labelled, *pick(cases, 64)]
card = work / "vendor.json"
card.write_text(json.dumps({"about": {"ids": [case.id for case in drive]}}))
leak = release.refusal(release.pack, work / "vendor", parts | {"adapter": card})
leaked, honest = (releases.nearest(known, cases) for known in (drive, labelled))
with_it, without = (plots.percent(flags.mean()) for flags in (leaked, honest))
print(f"{leak}\nright: {with_it}, without the leak {without}")

# %% [markdown]
# It knows half of the exam by heart, and no score can show that: the gate below is asked about it nevertheless.
# What shows it is a comparison of two lists of ids, the training rows on the card and the cases of the evaluation, *before any score*. So the card has to name its rows; copies with changed words are found by
# `workbook.py check-data`.
#
# ## Exercise 10.1 · What was tampered with?
#
# Write `differs(manifest, files)`: `manifest` is name -> SHA-256 (hex), `files` is name -> bytes. Return the sorted names that are not as approved: changed, missing, or never approved.

# %%
import hashlib

from helpers.exercises import exercise


def differs(manifest, files):
    ### BEGIN SOLUTION 10.1
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    names = set(manifest) | set(hashes)
    return sorted(name for name in names if manifest.get(name) != hashes.get(name))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.1").check(differs)

# %% [markdown]
# ## What can this gate stop at all?
#
# The gate compares candidate and champion on the same tickets. Asking "is it significantly worse?" would pass almost anything: with few tickets nothing is
# significant. So the burden of proof is turned round: the candidate has to show that it does **not** lose more than a **margin** that was set beforehand
# (*non-inferiority*). How small can the margin be? That depends on the number of tickets and on how often two *equally good* systems differ: several seeds of the
# champion's recipe show it.

# %% tags=["picture-gate"]
import numpy as np

seeds = [to_flags(row["right"]) for row in grid.cells(offers["champion"])]
differ = float(np.mean([np.not_equal(seeds[0], s).mean() for s in seeds[1:]]))
groups = releases.slices(cases)
plan = release.plan_gate(len(cases), differ, {n: len(ids) for n, ids in groups.items()})
display(plots.gate_power(plan))
apart = plots.percent(differ)
what_happened(f"Two seeds of one recipe differ on {apart} of tickets. Plan: {plan}.")

# %% [markdown]
# This is the most useful picture of the notebook, and it needs no candidate: it says what your test set is worth as a gate. A loss between zero and the margin passes sometimes, and no rule can change
# that; only more tickets can (how many would a margin of five points need? `release.plan_gate(n, differ)` says it for any n). A test repeats this with a thousand releases drawn from these tickets.
#
# ## The gate
#
# **Predict** which of the three passes, and whether the vendor would. Beside all tickets, each **slice** is looked at (does it lose more tickets than chance would?),
# and **hard stops** are counted: no average makes up for them. Here the form of an answer is one: an answer that is no valid record breaks the desk's software.

# %%
right = {name: to_flags(row["right"]) for name, row in rows.items()}
champion = releases.by_id(grid, right["champion"])
verdicts = {}
for name, flags in {**right, "vendor": leaked}.items():
    if name != "champion":
        broken = releases.invalid(rows.get(name))
        form = release.HardStop.counted("invalid records", broken, allowed=0.02)
        said = releases.by_id(grid, flags)
        verdict = verdicts[name] = release.gate(plan, champion, said, groups, [form])
        print(f"{name}: {verdict}\n")
verdicts["fewer labels"].shown()

# %% [markdown]
# A candidate is stopped where a loss of the margin cannot be excluded, where a slice loses beyond chance, or by a hard stop. Compare the one with hurried labels to
# the picture above: its pass does not prove that its labels are fine. It is what the plan announced: losses below the margin get through sometimes. The remedy is in
# the plan (more tickets), not in being stricter on the day. And a gate that only reads scores has nothing against the vendor.
#
# ### The offer that forgot to refuse
#
# The question desk has a release, too: RAG that says "I don't know." where even its best passage is weak (the threshold of notebook 01, chosen on these questions).
# Users complained, so somebody offers it without the threshold. The plan assumes that two equally good systems differ on a tenth of the questions. **Predict:** is it
# better or worse on the questions that have an answer? And on those that should be refused, because no document answers them or this user may not read it?

# %%
from helpers.experiments.refusals import ARMS, load_refusals

desk = load_refusals()
old, new = (desk.right(arm, desk.answerable) for arm in ARMS)
wrongly, now = (desk.answered(arm, desk.to_refuse) for arm in ARMS)
# beforehand: no more often than the champion, give or take a tenth
allowed = np.mean(wrongly) + 0.1
stop = release.HardStop.counted("answered what it should refuse", now, allowed=allowed)
desk_plan = release.plan_gate(len(old), discordant=0.1)
lax, strict = (release.gate(desk_plan, old, new, {}, s) for s in ([], [stop]))
print("without hard stops:", lax, "\nwith them:", strict)

# %% [markdown]
# A system that never refuses is sometimes right where the other one was careful, so the average of the questions with an answer, which is what most dashboards show, would ship it. What it loses is
# in other cases, those with nothing to answer: they are counted apart, and no average makes up for them. Leaks and injections (notebook 04) belong to the same list. And what was *not measured* does not pass: `HardStop("leaks", 0, 0)` stops.
#
# **Checkpoint 10.a** · A candidate passes the gate. What do you know?
#
# <details><summary>A · It is at least as good as the champion.</summary>No. A loss smaller than the margin passes; the curve above says how often.</details>
# <details><summary>B · It does not lose the margin or more, and it broke no hard stop.</summary>Yes. That is all that so many cases can promise; the canary is for the rest.</details>
# <details><summary>C · It is surely better.</summary>No. The gate says so in words where it is, and a pass alone is not that.</details>
#
# ## Exercise 10.2 · The gate that averages a slice away
#
# This gate is in use, and billing complains: `return [] if sum(new - old over all cases) >= 0 else list(results)`. Write `stops(results)`: `results` is slice -> list of (champion right, candidate right); return the set of
# slices that lost more cases than chance would (one-sided sign test, 2.5 % shared among all slices).

# %%
from scipy.stats import binomtest


def stops(results):
    ### BEGIN SOLUTION 10.2
    stopped = set()
    for name, pairs in results.items():
        lost = sum(old and not new for old, new in pairs)
        gained = sum(new and not old for old, new in pairs)
        if lost + gained:
            p = binomtest(lost, lost + gained, alternative="greater").pvalue
            stopped |= {name} if p <= 0.025 / len(results) else set()
    return stopped
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.2").check(stops)

# %% [markdown]
# ## The registry: one champion at every moment
#
# Releases that passed become **candidate**, then **champion**, in one small file that is replaced in one step. In place of adapters (a few megabytes each) these
# releases hold their recipe: the trainer makes the same adapter from it, bit for bit.

# %%
registry, ids = release.Registry(work / "registry"), {}
for name in ("champion", "more labels"):
    recipe = work / f"{name}.json"
    recipe.write_text(json.dumps(vars(offers[name])))
    release.pack(work / name, parts | {"adapter": recipe}, {"name": name})
    ids[name] = registry.propose(work / name)
    if name == "champion":
        registry.promote(ids[name], None, "the first one")
try:
    registry.promote(ids["more labels"], "another champion", "an old gate")
except release.PromotionError as error:
    print("refused:", error)

# %% [markdown]
# Two teams may promote at the same second: each names the champion that its gate compared with, and the second one finds another. (Tests kill the process in the middle of a promotion forty times:
# there is exactly one champion each time.)
#
# ## The canary
#
# Now the candidate answers a fifth of the traffic, chosen by a hash of the customer: the **canary** (not the planted secret of 07, which only shares the name).
# Whenever an answer is wrong, the test bets that the canary gave it. While both systems are wrong equally often, such bets win nothing in the long run, however often
# one looks; what they have won is the *evidence*. How much of it stops the canary, and what loss that finds how often (its *power*), is fixed beforehand. The traffic
# is dev tickets, drawn again and again. The lab below does the same with other numbers: look for the share and the length at which the loss you care about is found
# in time, and what that costs in customers who get the worse answers.

# %%
from helpers.labs import canary_lab, shipped, the_climb, what_we_found

tried = [release.what_if(right, n, share=0.2) for n in ("more labels", "fewer labels")]
display(plots.canary_evidence(tried))
display(*(what_happened(case.sentence()) for case in tried))
canary_lab(right, "hurried labels")

# %% [markdown]
# <details><summary><b>Why a canary finds what a gate lets through</b></summary>
#
# A canary sees more tickets than the gate has, and so it can find losses that lie below the margin. The evidence against a candidate climbs as soon as its wrong answers are more than its share of the traffic. A dashboard with an ordinary
# p-value, looked at after every ticket, would stop *harmless* canaries several times as often as it says (a test counts them); this one stops 5 in 100 at most, at any time, whatever the traffic does.
# In the lab: a small canary is kind to customers and blind; a long one finds small losses late.
# </details>
#
# **Checkpoint 10.b** · Somebody looks at an ordinary p-value after every ticket and stops at the first one below .05. What happens?
#
# <details><summary>A · Harmless canaries are stopped far more often than 5 times in 100.</summary>Yes. Every look is another chance to be wrong; a test with a stop rule of its own pays for the looks beforehand.</details>
# <details><summary>B · Nothing, the level is the level.</summary>No. The level holds for one look. With hundreds of looks luck has hundreds of chances.</details>
# <details><summary>C · Bad canaries get through more often.</summary>No. The error goes the other way: too much is stopped.</details>
#
# ## Exercise 10.3 · Who goes to the canary, and when does it stop?
#
# Write `goes_to_canary(key, share, salt)`: the same customer always gets the same answer, about `share` of them go, a larger share keeps those who were in, and another salt (the release) chooses others.
#
# Then write `stopped_at(evidence, alpha)`: the number (from 1) of the first ticket at which the evidence reaches 1 / alpha, or `None`. The check runs 600 harmless canaries through it.


# %%
def goes_to_canary(key, share, salt):
    ### BEGIN SOLUTION 10.3a
    digest = hashlib.sha256(f"{salt}/{key}".encode()).hexdigest()
    return int(digest[:8], 16) / 16**8 < share
    ### END SOLUTION


def stopped_at(evidence, alpha):
    ### BEGIN SOLUTION 10.3b
    return next((i for i, e in enumerate(evidence, 1) if e >= 1 / alpha), None)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.3").check((goes_to_canary, stopped_at))

# %% [markdown]
# ## Then the world changes
#
# The candidate with more labels did no harm, and is promoted in the first line below. `labs_data/drift` holds fifteen days of tickets that came after, written by
# hand: three ordinary days, then a **new product** (a soil probe, the Burrow), a **new complaint** (a plan called Household), and another **mix** (a strike at the
# depot). The monitor compares the last three days with tickets from the time of the gate (**drift**: they differ). It needs no labels: *text* asks whether a
# classifier can tell the days apart; *labels* looks at what the system answers (here the linear classifier of notebook 06 answers, which costs no minutes).
# **Predict** the day of the first alarm, and which signal gives it.

# %%
from functools import partial

from helpers.data.drifted_tickets import changes_begin, load_drifted
from helpers.systems import linear_classifier

registry.promote(ids["more labels"], ids["champion"], "gate and canary passed")
days, begins = [(d.day, d.case) for d in load_drifted()], changes_begin()
window = partial(release.window_of, arm=linear_classifier(labelled), field="category")
before = [c for c in (*cases, *labelled[::2]) if c.kind == "written"]
monitor = release.Monitor(window(before))
looks = release.watch(monitor, days, window)
plots.drift_days(looks, monitor.alpha, begins)

# %% [markdown]
# <details><summary><b>What an alarm says</b></summary>
#
# It takes no labels, and for the text not even answers, to see that people write about something new; the mix of answers moves when *what they want* changes, or when the system is at a loss for the new. An alarm does
# not say that the system is worse, only that it was tested on other traffic: the next step is to label some of the new tickets. (On 600 windows without drift the monitor cries in at most 5 of 100; a test counts.)
# </details>
#
# **Checkpoint 10.c** · The drift alarm rings. Is the system worse?
#
# <details><summary>A · Yes, so roll back at once.</summary>No. It rings because the traffic is another; whether the answers are worse, nobody has counted yet.</details>
# <details><summary>B · That is not known yet: label some of the new tickets, and roll back meanwhile if they matter.</summary>Yes. An alarm is about what is asked; a score needs labels.</details>
# <details><summary>C · No, drift is normal.</summary>No. It may be harmless, and it may be the day on which half of the answers go wrong. Look.</details>
#
# ## Roll back, and sign
#
# Nobody knows yet how well the tickets about the probe are answered. Until some are labelled, the team wants the release that it knows to answer. **Predict:** how
# many seconds does going back take, every hash checked again? Then a release note for those who sign, and a model card for those who use it: one page each, made from
# what was measured.


# %%
def served(release):
    """A name for what a release answers, replayed from its recipe."""
    recipe = json.loads((release / "adapter.json").read_text())
    flags = grid.cells(TrainingSetting(**recipe))[0]["right"]
    return hashlib.sha256(flags.encode()).hexdigest()[:12]


yesterday, now = served(work / "champion"), served(registry.champion()[0])
back = registry.rollback("drift: the Burrow")
then = served(registry.champion()[0])
same = "the same bytes as before" if then == yesterday else "other bytes than before"
what_happened(f"{back}; answers {now} -> {then}: {same}.")

# %%
packed, first = (release.verify(work / n) for n in ("more labels", "champion"))
look = monitor.look(window([case for day, case in days if day >= begins["new mix"]]))
told = (verdicts["more labels"], tried[0].report, look, back, first)
scores = {n: f"{out_of(row)} tickets all right" for n, row in table[:2].iterrows()}
limit = ["It has seen no ticket about the Burrow."]
limit += [f"Losses below {100 * plan.smallest:.0f} points may pass."]
pages = release.release_note(packed, *told), release.model_card(packed, scores, limit)
display(*(Markdown(page.replace("# ", "### ", 1)) for page in pages))

# %% [markdown]
# ## The same for an index
#
# A new **chunker** and a new **embedder** are releases, too. The gate is the same; only the cases differ: is the evidence found? We take one question of each fact,
# because its paraphrases rise and fall together; the margin comes from two indexes that nobody would call different; and there is a hard stop: no passage is shown to
# a user who may not see it. The chunker's cases were measured for notebook 03. A second embedder would be a download, so here is the cheapest there is: the same
# vectors, cut from 384 numbers to 128 or 64, which saves two thirds or five sixths of the memory. **Predict** which of the three passes.

# %%
from helpers.data import load_handbook, load_questions
from helpers.experiments import embedders

documents = load_handbook()
asked = embedders.one_of_each_fact(load_questions("dev", documents))
usual = embedders.usual_difference(asked)
index_plan = release.plan_gate(len(asked), usual)
base, _ = embedders.measured(documents, asked)
offered = embedders.offers(documents, asked)
for name, (hits, seen) in offered.items():
    stop = [release.HardStop.counted("shown to the wrong user", seen)]
    print(f"{name}: {release.gate(index_plan, base, hits, {}, stop)}\n")

# %% [markdown]
# <details><summary><b>How to read the three</b></summary>
#
# Nothing about an index is special: manifest, gate, registry and rollback are the same code. Notebook 03 did not count what the chunker showed to users who may not
# see it, and what was *not measured* does not pass, however much more it finds. This gate has fewer cases than the other one, and says so in its margin: what the
# cheaper embedders lose is judged against that. One thing is harder than with an adapter: change the embedder and *every* vector changes, so old and new index stand
# side by side until the gate has spoken.
# </details>
#
# ## What the adapter costs to serve
#
# Notebook 05 asked when shorter prompts pay for the tuning, and took the tuned model to be as fast as the bare one. That holds if the adapter is **merged** into the
# weights: then every adapter needs a set of weights of its own. **Unmerged**, beside the weights, it takes a few megabytes, and two small matrix products more in
# every layer that it changes, for every token. **Activated** ones act on the answer alone and leave the prompt to the bare model; what it has read serves all adapters. **Predict:** how many
# times as long does a request take unmerged?

# %%

costs = release.load_serving()
made = json.loads((parts["adapter"] / "card.json").read_text())
for many in (1, 8):
    merged, beside = (costs.weights_mb(way, many) for way in ("merged", "unmerged"))
    print(f"{many} adapters: merged {merged:,.0f} MB, unmerged {beside:,.0f} MB")
display(plots.serving_costs(costs))
even = costs.break_even(costs.plan(made["rows"], made["seconds"]))
even.map("pays from {:,.0f} requests on".format).to_frame()

# %% [markdown]
# Measured once, as ratios within one run (`workbook.py bench serve` measures it on your machine), so a busy machine counts for all ways alike. The break-even moves
# by what the adapter costs at every request: cheap to keep and slower, or fast and one more set of weights for each. The table says from how many requests on the
# shorter prompt has paid for the tuning. Compare the last row of the picture at one and at sixteen requests: the more are answered at once, the more of the time is
# reading, and a prompt that is read once for all adapters then saves more than its adapter costs. It is a choice about how many adapters you serve and how many
# requests each of them gets; an estimate that forgets it comes out too early.
#
# ## What we found
#
# First the burden, side by side: parts to version (of the eight in a manifest, those that the system has: the tuned one has no index, RAG no adapter), parts that a
# release changes, minutes to make one, seconds to go back, who signs. It is counted from what this notebook did; the minutes of tuning are those of the grid, those
# of the index are timed here on 64 chunks and counted up, so that vectors in the cache make it no faster. Both need a registry, a gate and a way back. The difference
# is who has to act when a *fact* changes: an index takes a new document at once, an adapter needs labels, training, a gate and a canary.

# %%
indexes = [embedders.saved(work / f"index {n}", documents, n) for n in (None, 128)]
shelf, rag = release.shelved(work / "rag", [releases.index_parts(i) for i in indexes])
backs = {"tuned": back, "RAG": shelf.rollback("to show it")}
minutes = {"tuned": rows["more labels"]["seconds"] / 60}
minutes["RAG"] = embedders.minutes(documents)
took = release.burden({"tuned": [first, packed], "RAG": rag}, minutes, backs)
for (name, what), n in release.counts_of(took).items():
    says = f"{name}: {what} of a release"
    record(f"10.burden/{name}/{what}", says, {"count": n, "n": 1})
release.rounded(took)

# %%
display(the_climb("10"))
spoiled = {n: one for n, one in verdicts.items() if n != "more labels"}
refused, judged = [*tampered.values(), leak], (verdicts["more labels"], strict, spoiled)
ours, was = (out_of(table.loc[name]) for name in ("more labels", "champion"))
what_we_found(
    f"""**Can we ship it like a release?** Shipped was *more labels*: all right on
    {ours} tickets, the champion on {was}. Stopped by the gate:
    {shipped.names(verdicts, False)}; by a canary: {shipped.stopped(tried)}.""",
    shipped.like_a_release(refused, *judged, back, then == yesterday),
)

# %% [markdown]
# A gate is one guard of several. What passes it can still be refused by its card before any score, stopped by the canary, or taken back.
# The climb has no step of 10: a release makes no answer better, it keeps the better ones. Nothing of what it takes is exotic; all of it has to be there before the first release.
#
# **Who is woken when it goes wrong?** Whoever signs: for an adapter the owner of the model, for an index the owner of the search. **How do they go back?** One call,
# with every hash checked. And before the next offer comes: find out what loss your own test set can stop.
#
# **You have seen**
# - a gate that states beforehand what it can stop, looks at every slice, and counts what no average makes up for;
# - a canary with a stop rule and a power, looked at after every ticket;
# - drift noticed from the text alone, and a rollback to the same bytes, timed.
#
# **For the decision:** the table of the burden is what *governance* means on the board. **Next:** [11 · what do we decide?](11_decision_board.ipynb)
