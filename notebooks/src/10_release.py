# %% [markdown]
# # 10 · Can we ship it like a release?
#
# **Why it matters.** A tuned model is software that nobody can read. It can be better on average and worse for the customers who matter; it can be right on the day it ships and wrong a month later,
# when there is a new product. So it is shipped like a product: pinned, gated, tried on a share of the traffic, watched, and rolled back in one call. What that takes is the governance burden of
# tuning, and here you count it, beside that of an index.
#
# **Time:** 25 minutes to read · 3 minutes to run · 30 minutes of exercises. **Before:** 06; 08 helps.
#
# **By the end you can**
# - say what a gate on your test set can stop, before a candidate exists, and why a slice needs a look of its own;
# - run a canary that may be looked at after every ticket, and know its power beforehand;
# - see drift on the day it begins, and go back to yesterday's answers, byte by byte, in one call.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from helpers import plots, release
from helpers.data import load_tickets
from helpers.evaluation.bits import to_flags
from helpers.experiments import TrainingSetting, training_grid

grid = training_grid.load_grid()
most = grid.most
dev = {case.id: case for case in load_tickets("dev")}
cases = [dev[i] for i in grid.dev_ids]
work = Path(tempfile.mkdtemp())  # the shop floor of this notebook; gone when the system cleans up

# %% [markdown]
# ## Four adapters
#
# **No model runs in this notebook.** Training takes minutes for each adapter, and what a gate needs is only *which tickets each one had right*. Those answers were measured for notebook 06
# (`labs_data/reference/training.json`), ticket by ticket, and are replayed here: the numbers are real, the answers are not new.
#
# The **champion** was tuned on 256 labels. Three people offer a successor: one trained on all labels there were (*better* by construction, if anything is), one on fewer than the champion because a
# customer had labels withdrawn, and one on 256 labels of which a hurried team got a part wrong. What counts is the whole record: are **all four fields** right, so that nobody has to touch the ticket? **Predict** it.

# %%
fewer = max(size.rows for size in grid.sizes() if size.rows < 256)
noise = max(row["label_noise"] for row in grid.rows if row["rows"] == 256)
offers = {
    "champion": TrainingSetting(256),
    "more labels": TrainingSetting(most),
    "fewer labels": TrainingSetting(fewer),
    "hurried labels": TrainingSetting(256, label_noise=noise),
}
print("; ".join(f"{name}: {setting}" for name, setting in offers.items()))
from helpers.labs import guess_of, predict

predict("10.desk", "The share of tickets with all four fields right", list(offers))

# %%
right = {name: to_flags(grid.cells(s)[0]["right"]) for name, s in offers.items()}
valid = {name: to_flags(grid.cells(s)[0]["valid"]) for name, s in offers.items()}
answers = {name: dict(zip(grid.dev_ids, flags, strict=True)) for name, flags in right.items()}
from helpers.evaluation import wilson

table = pd.DataFrame(
    [(np.mean(f), *wilson(sum(f), len(f)), len(f)) for f in right.values()],
    index=list(right),
    columns=["share", "low", "high", "n"],
)
best = table["share"].idxmax()
plots.bars(
    table,
    f"All four right: {plots.percent(table['share'].max())} at most ({best})",
    "tickets all right",
    guess=guess_of("10.desk"),
)

# %% [markdown]
# Read the intervals before you choose a winner: with this many tickets most of them overlap. Who decides by the longest bar ships noise sooner or later.
#
# ## Pin it
#
# First of all: *what* would be shipped? A **manifest** names eight parts with their SHA-256: data, labels, weights, adapter, index, prompt, code and evaluation. Here is one around the adapter that comes
# with this workbook.

# %%
from helpers.core import settings
from helpers.core.fingerprint import ANSWERING
from helpers.models import weights
from helpers.systems import TICKET_PROMPT

parts = {
    "data": settings.DATA / "tickets" / "train.jsonl",
    "labels": settings.DATA / "tickets" / "LABELS.md",
    "weights": weights.prepare(weights.SMOLLM2),
    "adapter": settings.DATA / "reference" / "adapters" / "format",
    "index": None,  # tickets need no search
    "prompt": TICKET_PROMPT.tuned,
    "code": ANSWERING,
    "evaluation": settings.DATA / "tickets" / "dev.jsonl",
}
manifest = release.pack(work / "pinned", parts, {"trained on": "610 tickets"})
pd.DataFrame(
    {name: (p.kind, p.bytes, p.sha256[:12]) for name, p in manifest.parts.items()},
    index=["kind", "bytes", "SHA-256"],
).T

# %% [markdown]
# **Predict:** one byte of the adapter gets lost in a copy, somebody improves a word of the prompt on the server, or a colleague hands you the weights as `adapter_model.bin`. Which of the three does
# loading notice?


# %%
def attempt(what, action):
    try:
        action()
    except release.ReleaseError as error:
        print(f"{what}: refused, {str(error)[:74]}…")


adapter = work / "pinned" / "adapter" / "adapter_model.safetensors"
whole = adapter.read_bytes()
adapter.write_bytes(whole[:-1])
attempt("a truncated adapter", lambda: release.verify(work / "pinned"))
adapter.write_bytes(whole)
prompt = work / "pinned" / "prompt.txt"
prompt.write_text(prompt.read_text() + " Please.")
attempt("an improved prompt", lambda: release.verify(work / "pinned"))
(work / "handed").mkdir()
(work / "handed" / "adapter_model.bin").write_bytes(whole)
attempt(
    "weights as a .bin",
    lambda: release.pack(work / "handed over", parts | {"adapter": work / "handed"}),
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# All three, each by its name: a refusal that says *adapter* is repaired in minutes. The third would have loaded and worked, but a `.bin` is a pickle, and opening a pickle runs whatever code is inside.
# Safetensors hold numbers and nothing else.
# </details>
#
# ## What can this gate stop at all?
#
# The gate compares candidate and champion on the same tickets. Asking "is it significantly worse?" would pass almost anything: with few tickets nothing is significant. So the burden of proof is turned
# round: the candidate has to show that it does **not** lose more than a **margin** that was set beforehand (*non-inferiority*). How small can the margin be? That depends on the number of tickets
# and on how often two *equally good* systems differ: two seeds of the champion's recipe tell.

# %%
seeds = [to_flags(row["right"]) for row in grid.cells(TrainingSetting(256))]
discordant = np.mean([np.not_equal(seeds[0], other).mean() for other in seeds[1:]])
groups = {
    "written by hand": [c.id for c in cases if c.kind == "written"],
    "generated": [c.id for c in cases if c.kind != "written"],
    "needs a human": [c.id for c in cases if c.gold.output["needs_human"]],
    "urgent or high": [c.id for c in cases if c.gold.output["priority"] in ("urgent", "high")],
}
sizes = {name: len(ids) for name, ids in groups.items()}
plan = release.plan_gate(len(cases), float(discordant), sizes)
print(f"two seeds of one recipe differ on {plots.percent(discordant)} of the tickets")
print(plan)

from helpers.release.gate import chance_of_passing

losses = np.linspace(0, min(0.3, 1.5 * plan.margin), 25)
# what is lost differs from the champion, too
passes = [chance_of_passing(plan.n, plan.margin, loss, max(discordant, loss)) for loss in losses]
plots.gate_power(
    pd.DataFrame({"loss": losses, "passes": passes}),
    plan.margin,
    f"A loss of {100 * plan.margin:.0f} points seldom passes {plan.n} tickets; half of it does in"
    f" {plots.percent(np.interp(plan.margin / 2, losses, passes))}",
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# This is the most useful picture of the notebook, and it needs no candidate: it says what your test set is worth as a gate. A loss between zero and the margin passes sometimes, and no rule can change
# that; only more tickets can (how many would a margin of five points need? `release.plan_gate(n, discordant)` says it for any n). A test repeats this with a thousand releases drawn from these tickets.
# </details>
#
# ## The gate
#
# **Predict** which of the three passes. Beside all tickets, each **slice** is looked at (does it lose more tickets than chance would?), and **hard stops** are counted: no average makes up for them. Here
# the form is one: an answer that is no valid record breaks the desk's software.

# %%
verdicts = {
    name: release.gate(
        plan,
        answers["champion"],
        answers[name],
        groups,
        [release.HardStop.counted("invalid records", [not v for v in valid[name]], allowed=0.02)],
    )
    for name in offers
    if name != "champion"
}
for name, verdict in verdicts.items():
    print(f"{name}: {verdict}\n  surely better: {verdict.surely_better}\n")
verdicts["fewer labels"].table.round(3)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# A candidate is stopped where a loss of the margin cannot be excluded, where a slice loses beyond chance, or by a hard stop. Compare the one with hurried labels to the picture above: if it
# passes, that is no proof that its labels are fine, but what the plan promised: losses below the margin get through sometimes. The remedy is in the plan (more tickets), not in a stricter mood on the day.
#
# What was *not measured* does not pass: `HardStop("leaks", 0, 0)` stops. For a system that reads documents, leaks, injections and answers to what should be refused belong here (notebook 04 measures
# them); these tickets have nothing to leak.
# </details>
#
# ## The registry: one champion at every moment
#
# Releases that passed become **candidate**, then **champion**, in one small file that is replaced in one step. In place of adapters (a few megabytes each) these releases hold their recipe: the trainer makes
# the same adapter from it, bit by bit.

# %%
import json

registry, ids = release.Registry(work / "registry"), {}


def packed(name):
    recipe = work / f"{name}.json"
    recipe.write_text(json.dumps(vars(offers[name])))
    release.pack(work / name, parts | {"adapter": recipe}, {"name": name})
    return work / name


ids["champion"] = registry.propose(packed("champion"))
registry.promote(ids["champion"], None, "the first one")
before = registry.champion()[1]
ids["more labels"] = registry.propose(packed("more labels"), "passed the gate")
try:
    registry.promote(ids["more labels"], "another champion", "a gate that is out of date")
except release.PromotionError as error:
    print("refused:", error)

# %% [markdown]
# Two teams may promote at the same second: each names the champion that its gate compared with, and the second one finds another. (Tests kill the process in the middle of a promotion forty times:
# there is exactly one champion each time.)
#
# ## The canary
#
# Now a fifth of the traffic, chosen by a hash of the customer. The test bets on every answer that it tells *who gave it*; while both systems are equally often wrong, such bets win nothing, however often
# one looks. The stop and the power are fixed beforehand.

# %%
wrong = 1 - np.mean(right["champion"])
trial = release.plan_canary(share=0.2, wrong=wrong, loss=min(0.15, 0.9 - wrong), tickets=1_500)
print(trial)
dice = np.random.default_rng(10)
drawn = dice.integers(0, len(cases), trial.tickets)  # tickets of dev, replayed as traffic
customers = [f"customer {i}" for i in range(trial.tickets)]
reports = {
    name: release.replay(
        trial,
        customers,
        np.array(right["champion"])[drawn],
        np.array(right[name])[drawn],
        salt=name,
    )
    for name in ("more labels", "fewer labels")
}
for name, report in reports.items():
    print(f"{name}: {report}")
ends = "; ".join(
    f"{name}: {'no harm shown' if r.passed else f'stopped at ticket {r.stopped_at}'}"
    for name, r in reports.items()
)
plots.canary_evidence({n: r.evidence for n, r in reports.items()}, 1 / trial.alpha, ends)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The candidate with fewer labels would not have come this far; it is here to show a stop. Its evidence climbs as soon as its wrong answers are more than its share of the traffic. A dashboard with an ordinary
# p-value, looked at after every ticket, would stop *harmless* canaries several times as often as it says (a test counts them); this one stops 5 in 100 at most, at any time, whatever the traffic does.
# </details>
#
# The one with more labels holds, and is promoted in the first line of the next cell.
#
# ## Then the world changes
#
# `labs_data/drift` holds fifteen days of tickets, written by hand: three ordinary days, then a **new product** (a soil probe, the Burrow), a **new complaint** (a plan called Household), and another **mix** (a strike at the depot).
# The monitor compares the last three days with tickets from the time of the gate. It needs no labels: *text* asks whether a classifier can tell the days apart; *labels* looks at what the system answers (here the linear
# classifier of notebook 06 answers, which costs no minutes). **Predict** the day of the first alarm, and which signal gives it.

# %%
registry.promote(ids["more labels"], ids["champion"], "gate and canary passed")

import datetime as dt

from helpers.data.drifted_tickets import CHANGES, load_drifted
from helpers.retrieval import embed_cached
from helpers.systems import linear_classifier

drifted = load_drifted()
known = [c for s in ("train", "dev") for c in load_tickets(s) if c.kind == "written"]
desk = linear_classifier(load_tickets("train"))


def window(some):
    said = [json.loads(p.text)["category"] for p in desk([c.ask for c in some])]
    return release.drift.Window(embed_cached([c.ask.input for c in some])[0], said)


monitor = release.Monitor(window([c for c in known if c.split == "dev"] + known[::2]))
rows = []
for day in sorted({d.day for d in drifted}):
    days = [d.case for d in drifted if day - dt.timedelta(days=2) <= d.day <= day]
    look = monitor.look(window(days))
    rows.append({"day": day, **look.p, "alarm": bool(look.alarms)})
looks = pd.DataFrame(rows)
begins = {change: min(d.day for d in drifted if d.change == change) for change in CHANGES[1:]}
delay = {change: release.first_alarm(looks, day) for change, day in begins.items()}
late = {None: "never", 0: "on its first day"}.get(
    delay["new product"], f"after {delay['new product']} days"
)
early = looks[looks["day"] < begins["new product"]]["alarm"].sum()
plots.drift_days(
    looks[["day", "text", "labels"]],
    monitor.alpha / 2,
    begins,
    f"The new product is noticed {late}; alarms before it: {early}",
)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# It takes no labels, and for the text not even answers, to see that people write about something new; the mix of answers moves when *what they want* changes, or when the system is at a loss for the new. An alarm does
# not say that the system is worse, only that it was tested on other traffic: the next step is to label some of the new tickets. (On 600 windows without drift the monitor cries in at most 5 of 100; a test counts.)
# </details>
#
# ## Roll back
#
# The probe's tickets are answered badly; until there are labels for them, yesterday's release shall answer. **Predict:** how many seconds does going back take, every hash checked again?

# %%
import hashlib


def served():
    """What the champion answers to the dev tickets: replayed from the recipe that it pins."""
    folder, _ = registry.champion()
    recipe = TrainingSetting(**json.loads((folder / "adapter.json").read_text()))
    return grid.cells(recipe)[0]["right"].encode()


now = hashlib.sha256(served()).hexdigest()[:12]
back = registry.rollback("drift: the Burrow")
again = hashlib.sha256(served()).hexdigest()[:12]
old = hashlib.sha256("".join("01"[b] for b in right["champion"]).encode()).hexdigest()[:12]
print(f"{back}; answers {now} -> {again}, as before: {again == old}")

# %% [markdown]
# ## What is signed
#
# A release note for those who sign, and a model card for those who use it: one page each, made from what was measured.

# %%
folder = Path(registry.state.releases[ids["more labels"]]["folder"])
shipped = release.verify(folder)
note = release.release_note(
    shipped, verdicts["more labels"], reports["more labels"], look, back, before
)
display(Markdown(note.replace("# Release", "### Release")))
card = release.model_card(
    shipped,
    {
        name: f"{plots.percent(r['share'])}, {100 * r['low']:.0f} to {plots.percent(r['high'])},"
        f" n = {r['n']:.0f}"
        for name, r in table.iloc[:2].iterrows()
    },
    [
        "English, with a few words of other languages; written by one hand.",
        f"Losses below {100 * plan.smallest:.0f} points pass the gate sometimes.",
        "Tickets about the Burrow were not in its training.",
    ],
)
display(Markdown(card.replace("# Model card", "### Model card")))

# %% [markdown]
# ## The same for an index
#
# A new chunker is a release, too. The gate is the same; only the cases differ: is the evidence found? One question of each fact, because paraphrases rise and fall together.

# %%
from helpers.experiments import chunking_grid

chunking = chunking_grid.load_grid()
facts = chunking.attrs["facts"]
first_of = [facts.index(fact) for fact in dict.fromkeys(facts)]


def found(**how):
    wanted = vars(chunking_grid.ChunkingSetting(**how).needed()).items()
    row = chunking[np.logical_and.reduce([chunking[k] == v for k, v in wanted])].iloc[0]
    return {facts[i]: row["found"][i] == "1" for i in first_of}


old_index, new_index = (found(strategy=s, chunk_size=128, top_k=3) for s in ("tokens", "headings"))
differ = np.mean([old_index[f] != new_index[f] for f in old_index])
index_plan = release.plan_gate(len(old_index), max(0.1, float(differ)), margin=0.1)
print(index_plan)
print(release.gate(index_plan, old_index, new_index, {}))

# %% [markdown]
# ## The burden, side by side
#
# Counted from what this notebook did: parts to version, parts that a release changes, minutes to make one, seconds to go back, who signs. The minutes of tuning are those of the grid; the index (chunks and
# vectors) is built here; vectors that an earlier run cached cost nothing.

# %%
import time

from helpers.data import load_handbook
from helpers.labs import record
from helpers.retrieval import cut

rag = []
for strategy in ("tokens", "headings"):
    begun, place = time.perf_counter(), work / f"index {strategy}"
    place.mkdir()
    spans = [(d.text, a, b) for d in load_handbook() for a, b in cut(d.text, 128, 32, strategy)]
    texts = [text[a:b] for text, a, b in spans]
    np.save(place / "vectors.npy", embed_cached(texts)[0])
    (place / "chunks.json").write_text(json.dumps(texts))
    reading = {**parts, "adapter": None, "labels": None, "data": settings.DATA / "handbook"}
    rag.append(release.pack(work / f"rag {strategy}", reading | {"index": place}))
    index_minutes = (time.perf_counter() - begun) / 60
minutes = {"tuned": grid.cells(offers["more labels"])[0]["seconds"] / 60, "RAG": index_minutes}
shelf = release.Registry(work / "rag registry")
for made in ("tokens", "headings"):
    shelf.promote(shelf.propose(work / f"rag {made}"), shelf.state.champion)
backs = {"tuned": back, "RAG": shelf.rollback("to show it")}
burden = release.burden({"tuned": [before, shipped], "RAG": rag}, minutes, backs)
for name, row in burden.iterrows():
    signs = len(row["who signs"].split(", "))
    counts = (row["parts to version"], row["minutes to make"], signs, row["seconds to roll back"])
    for what, count in zip(("parts", "minutes", "signatures", "seconds back"), counts, strict=True):
        record(f"10.burden/{name}/{what}", f"{name}: {what} of a release", {"count": count, "n": 1})
burden.T

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Both need a registry, a gate and a way back. The difference is who has to act when a *fact* changes: an index takes a new document at once, an adapter needs labels, training, a gate and a canary. And a tuned model cannot
# forget on request: there its burden is larger than any table shows (notebook 07).
# </details>
#
# ## Exercise 10.1 · Who goes to the canary?
#
# Write `goes_to_canary(key, share, salt)`: the same customer always gets the same answer, about `share` of them go, a larger share keeps those who were in, and another salt (the release) chooses others.

# %%
from helpers.exercises import exercise


def goes_to_canary(key, share, salt):
    ### BEGIN SOLUTION 10.1
    digest = hashlib.sha256(f"{salt}/{key}".encode()).hexdigest()
    return int(digest[:8], 16) / 16**8 < share
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.1").check(goes_to_canary)

# %% [markdown]
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
# ## Exercise 10.3 · What was tampered with?
#
# Write `differs(manifest, files)`: `manifest` is name -> SHA-256 (hex), `files` is name -> bytes. Return the sorted names that are not as approved: changed, missing, or never approved.


# %%
def differs(manifest, files):
    ### BEGIN SOLUTION 10.3
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    names = set(manifest) | set(hashes)
    return sorted(name for name in names if manifest.get(name) != hashes.get(name))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.3").check(differs)

# %% [markdown]
# ## Exercise 10.4 · Looking after every ticket
#
# Write `stopped_at(evidence, alpha)`: the number (from 1) of the first ticket at which the evidence reaches 1 / alpha, or `None`. The check then runs 600 harmless canaries through it.


# %%
def stopped_at(evidence, alpha):
    ### BEGIN SOLUTION 10.4
    return next((i for i, e in enumerate(evidence, start=1) if e >= 1 / alpha), None)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("10.4").check(stopped_at)

# %% [markdown]
# ## What we found
#
# Shipping a tuned model safely is mostly work around the model: a manifest that refuses what was not approved, a gate that knows what it can stop, a canary that may be watched, a monitor that needs no labels, and a way back that
# takes seconds. None of it is exotic; all of it has to be there before the first release.
#
# **You have seen**
# - a gate that states beforehand what it can stop, looks at every slice, and stops one candidate and passes another;
# - a canary with a stop rule and a power, looked at after every ticket;
# - drift noticed from the text alone, and a rollback to the same bytes, timed.
#
# **For the decision:** the table of the burden is what *governance* means on the board. **Next:** [11 · what do we decide?](11_decision_board.ipynb)
