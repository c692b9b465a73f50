# %% [markdown]
# # 09 · Hybrid on purpose: which part should be tuned?
#
# **Why it matters.** "We do both" is said of most assistants, and of most of them nobody can say what the tuned half is for. A hybrid is a chain of parts, and each can be tuned: the *router* that sends
# a request to the right part, the *search*, what *reranks* its hits, and the *reader*. Money goes into one of them first. Here you measure which one pays, on one kind of traffic, with one running score.
#
# **Time:** 30 minutes to read · 4 minutes to run · 30 minutes of exercises. **Before:** 02 and 08.
#
# **By the end you can**
# - train a router, price its mistakes, and say when it should ask back;
# - say of each part of a hybrid what tuning it gains, with an interval, and which part loses a request;
# - fill in *pattern → responsibility* for your own system, and tell the one thing that tuning cannot win back, with its one exception.

# %%
import json

import pandas as pd
from IPython.display import display

from helpers import models, plots, systems
from helpers.core import settings
from helpers.data import load_handbook, load_questions, load_requests, load_users, pick
from helpers.evaluation import evaluate, routing_summary, routing_task, share
from helpers.labs import guess_of, predict, record

pd.set_option("display.max_colwidth", 90)
documents, generator = load_handbook(), models.load_generator()
train, dev = load_requests("train"), load_requests("dev")
print(f"{len(train)} requests to learn from, {len(dev)} to choose on; four routes:")
pd.Series([case.gold.answers[0] for case in train]).value_counts().to_dict()

# %% [markdown]
# ## Part one: the router
#
# People type more than questions into an assistant. *What may I claim for a hotel?* wants the handbook, *where is order 4711?* a **tool**, *how much does Ines earn?* a refusal, and *thanks!* none of these.
# A **router** is a small classifier in front. Ours is MiniLM, tuned in contrastive pairs, with a linear head; it learns in seconds. Below are some near misses.
#
# **Predict** what share of the dev requests each will send to the right part. *Majority label* says "retrieve" to everything, *keywords* is a list of patterns, *nearest neighbour* takes the route of
# the most similar request in train.

# %%
near = [case for case in dev if case.kind.endswith("near miss")][:5]
display(pd.DataFrame({c.ask.input: c.gold.answers[0] for c in near}, index=["route"]).T)
names = ["majority label", "keywords", "nearest neighbour", "router"]
predict("09.router", "What share of requests goes to the right part?", names)

# %%
from helpers.experiments.hybrid import always_decides

asks_back = systems.train_router(train, dev)
router = always_decides(asks_back, dev)  # the same, taking the likeliest route each time
print({body: f"macro-F1 {told['macro_f1']:.2f} on dev" for body, told in router.tried.items()})

# %%
arms = [
    systems.majority_label(train),
    systems.keyword_router(),
    systems.nearest_neighbour(train),
    systems.router_arm(router),
    systems.router_arm(asks_back, "router, asks back"),
]
routed = {arm.name: evaluate(arm, dev, routing_task()) for arm in arms}
shares = pd.DataFrame({name: share(routed[name]) for name in names}).T
record(
    "09.router/router",
    "router: dev requests sent to the part that should answer them",
    share(routed["router"]),
    routed["router"].attrs,
)
best = plots.percent(shares["share"]["router"])
plots.bars(
    shares, f"The router sends {best} to the right part", "routed rightly", guess_of("09.router")
)

# %% [markdown]
# Not every wrong route costs the same. Here a missed refusal is priced at 3, a wrong refusal at 2, asking *what do you mean?* at 0.6 (`COSTS`, a default to argue with). *Router, asks back* says the route that
# is expected to cost least, or asks back where even that is too dear:

# %%
columns = ["macro-F1", "cost", "wrong refusals", "missed refusals", "unsure", "n"]
routing_summary(routed)[columns].round(2)

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The router that asks back has fewer right routes than the one that always decides, and costs less: it gives the doubtful requests back, and with them most of the missed refusals. Which of the two is better is a question
# of prices, not of accuracy. Mind the baselines: a list of patterns is an honest baseline, and the nearest neighbour needs no training at all.
# </details>

# %% [markdown]
# **The frozen test** of the requests was opened once, when router and costs were fixed; its figures come with the workbook ([datasheet](../labs_data/DATASHEET.md)), and nothing is measured on it here.

# %%
kept = json.loads((settings.DATA / "reference" / "router.json").read_text(encoding="utf-8"))
test = kept["test"]
pd.DataFrame(
    {
        arm: {
            name: f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"
            for name, one in told.items()
        }
        for arm, told in test["arms"].items()
    }
).T[columns[:-1]]

# %% [markdown]
# ## May its probabilities be believed?
#
# A price can only be weighed with a probability that means something. Calibrated is a router that is right in 80 of 100 requests of which it says 80 %.

# %%
from helpers.evaluation import calibration_error, reliability

chances = asks_back.probabilities([case.ask.input for case in dev])
said = [router.labels[at] for at in chances.argmax(axis=1)]
right = [one == case.gold.answers[0] for one, case in zip(said, dev, strict=True)]
error = calibration_error(chances.max(axis=1), right)
says = f"It is off by {100 * error['value']:.0f} points on average"
plots.calibration(reliability(chances.max(axis=1), right), error, says)

# %% [markdown]
# ## What may a mistake cost?
#
# Move the prices and see what the router does then. Nothing is trained again: the probabilities stay, the decisions change. *Ask back about* forces a share; by default it is the one that costs least.

# %%
from helpers.labs import routing_lab, routing_what_if

routing_lab(asks_back, dev)

# %% [markdown]
# The same as a plain cell, with a missed refusal at ten times a wrong answer:

# %%
routing_what_if(asks_back, dev, missed_refusal=10, wrong_refusal=2, asked_back=0.6)

# %% [markdown]
# ## Exercise 09.1 · The cheapest route
#
# Write `cheapest(chances, costs)`. `chances`: route → probability that it is the right one. `costs`: (right route, said route) → what that mistake costs; a right route costs nothing and is not listed.
# Return the route that is expected to cost least.

# %%
from helpers.exercises import exercise


def cheapest(chances, costs):
    ### BEGIN SOLUTION 09.1
    def expected(said):
        return sum(p * costs.get((right, said), 0) for right, p in chances.items())

    return min(chances, key=expected)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("09.1").check(cheapest)

# %% [markdown]
# ## Exercise 09.2 · The router that is too good
#
# A colleague reports 99 % on test. This is the data code, and it shipped:
#
# ```python
# rows = load_log()                       # what people typed, newest last
# random.shuffle(rows)
# train, test = rows[:400], rows[400:]    # "split by chance, as one should"
# ```
#
# People type the same things again and again: *thanks!*, *Thanks*, *where is order 4711*. Write `seen(train, test)`: how many of the test texts are in train, if case, punctuation and blanks do not count?

# %%
import re


def seen(train, test):
    ### BEGIN SOLUTION 09.2
    def plain(text):
        return " ".join(re.findall(r"\w+", text.lower()))

    known = {plain(text) for text in train}
    return sum(plain(text) in known for text in test)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("09.2").check(seen)

# %% [markdown]
# ## Part two: tools that really run
#
# What can be looked up by a number or computed needs no model at all. Three tools: orders and tickets from a table (read-only, the user's rights are in the query), a calculator without `eval`, and the date.

# %%
from helpers.core.cases import Ask
from helpers.data.requests import TODAY

attempts = {
    "what is 17 % of 250": ("staff",),
    "how many days until 17 August": ("staff",),
    "status of order 4711' OR '1'='1": ("staff",),
    "9**9**9": ("staff",),
    "__import__('os').system('ls') + 1": ("staff",),
}
answers = [systems.use_tool(Ask("", text, groups, TODAY)) for text, groups in attempts.items()]
said = {"tool": [a.tool for a in answers], "says": [a.text for a in answers]}
pd.DataFrame(said, list(attempts))

# %%
from helpers.systems.tools import choose_tool

asked = [case for case in dev if case.gold.answers[0] == "tool"]
hit = [
    choose_tool(c.ask.input) == c.kind.split(",")[0] and systems.use_tool(c.ask).error is None
    for c in asked
]
called = pd.DataFrame({"right": hit})
record("09.tools/query", "tool requests that one call answers, without an error", share(called))

# %% [markdown]
# A tool that cannot do something says so, and the next request is served. Letting a model write the query or the sum would be the expensive way to get the same answer less often.
#
# ## Part three: the search, and the one exception
#
# **Low recall cannot be tuned away**: 08 took the evidence out, and the tuned reader fell as low as the base. But the search is a model, too. Ours was tuned on questions: 313 written about facts of the
# handbook that no dev or test question asks, and 135 about other invented worlds, each with its passage and one lookalike (LoRA, 3 MB). Passages move, too, so the index is embedded anew.
# **Predict**: how often is the evidence among the first five passages?

# %%
predict("09.search", "Evidence among the first five passages", ["search", "tuned search"])

# %%
from helpers.evaluation import compare, compare_all
from helpers.experiments.chunking_grid import answerable, judge
from helpers.experiments.hybrid import found_at, measured_once
from helpers.retrieval import build_index, chunk_all

index = build_index(documents, chunk_size=64, overlap=16)
tuned = systems.tuned_search(chunk_all(documents, 64, 16))
looked_up = answerable(load_questions("dev", documents))
found = {
    name: one.search_all([case.ask for case in looked_up], 10)
    for name, one in (("search", index), ("tuned search", tuned))
}
recall = pd.DataFrame(
    {name: {k: judge(looked_up, [p[:k] for p in ps])["recall"] for k in (1, 3, 5, 10)}
     for name, ps in found.items()}
)  # fmt: skip
display(recall.rename_axis("passages").round(3))
gains = [
    compare(*(found_at(f"{name}, first {k}", looked_up, ps, k) for name, ps in found.items()))
    for k in (1, 3, 5)
]
plots.differences(gains, "Evidence found: the tuned search against the search before")

# %% [markdown]
# *What it breaks* has to be asked of every tuned search: it was tuned for questions like ours. On other people's questions, **SciFact** (claims of scientific papers), it may have lost. And there is a rival
# without training: the same index, with shared words counting, too (03). All of this was measured once and comes with the workbook.

# %%
searched = json.loads((settings.DATA / "reference" / "retriever.json").read_text(encoding="utf-8"))
ways = {
    name: {row["k"]: round(row["recall"], 3) for row in rows}
    for name, rows in searched["tuned"]["ways"].items()
}
display(pd.DataFrame(ways).T.rename_axis("evidence found on dev, k ="))
print(*measured_once(searched), sep="\n")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Read the rows against each other before you praise the tuning: *words* cost nothing. Then look at the differences above: an interval that covers zero means that these questions cannot tell. The
# *mean of base and tuned* is half the step; it is a cheap insurance against forgetting, and was tried as well. Whichever of the two found more at five on dev is what you search with here.
# </details>
#
# ## Exercise 09.3 · Two ceilings
#
# Write `ceilings(table)` for a table with `evidence_seen` and `right`: the share that a **perfect reader** could get right with this search, and the share that this reader would get right with a **perfect search**.


# %%
def ceilings(table):
    ### BEGIN SOLUTION 09.3
    seen = table["evidence_seen"].astype(bool)
    return seen.mean(), table[seen]["right"].mean()
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("09.3").check(ceilings)

# %% [markdown]
# ## Part four: the hybrid, part by part
#
# Now all parts together, on **mixed traffic**: handbook questions of dev (some of which must be refused) and requests that want a tool, a refusal or a word of thanks. One definition of right for all. The
# sample is drawn once from dev; the frozen test stays closed here, so read this as a comparison of parts and not as a promise. One
# passage is shown, because 02 found that this small reader gets worse with three. Each system below differs from *router + RAG* in **one** part, the last in all of them.
#
# **Predict** the share of requests that each gets right.

# %%
from helpers.experiments.hybrid import MIXED, ablation, blamed, by_part, mixed_traffic, priced

some = pick(load_questions("dev", documents), 84)
others = pick([case for case in dev if case.gold.answers != ("retrieve",)], 36)
cases = mixed_traffic(some, others)
hybrids = ["RAG", "router + RAG", "+ tuned search", "+ reader", "+ both"]
predict("09.hybrid", "What share of all requests is answered rightly?", hybrids)

# %%
from helpers.systems.hybrid import router_and_rag, routes_of
from helpers.training import reference_or_train, with_adapter

reader = with_adapter(generator, reference_or_train("reader", generator, None))
gate = systems.router_arm(router)
rag = systems.retrieval_augmented(generator, index, top_k=1)
parts = {
    "router + RAG": rag,
    "+ tuned search": systems.retrieval_augmented(generator, tuned, top_k=1),
    "+ reader": systems.retrieval_augmented(reader, index, top_k=1),
    "+ both": systems.retrieval_augmented(reader, tuned, top_k=1),
}

# %%
systems_ = {"RAG": rag, **{n: router_and_rag(gate, one, name=n) for n, one in parts.items()}}
results = {name: evaluate(arm, cases, MIXED) for name, arm in systems_.items()}
routes = routes_of(gate, [case.ask for case in cases])
results = {
    name: priced(blamed(table, None if name == "RAG" else routes))
    for name, table in results.items()
}
table = ablation(results)
display(table.round(2))
a, b, c = (plots.percent(table["share"][name]) for name in ("RAG", "router + RAG", "+ both"))
plots.bars(
    table,
    f"RAG alone {a}, behind a router {b}, with tuned search and reader {c}",
    "requests answered rightly",
    guess_of("09.hybrid"),
)

# %%
against = compare_all(results["router + RAG"], [results[n] for n in hybrids if n != "router + RAG"])
plots.differences(against, "Each part, against router + RAG")

# %% [markdown]
# Whose fault is what is left? *Router*: another part should have answered. *Search*: the evidence was not in the passage. *Reading*: it was, and the answer is wrong. *Refusing*: nothing answers it, and an answer was given.

# %%
lost = by_part(results)
worst = lost.loc["router + RAG", ["router", "search", "reading", "refusing", "tool"]].idxmax()
display(plots.parts(lost, f"Behind the router most is lost to: {worst}"))
costly = compare_all(
    results["router + RAG"],
    [results[n] for n in hybrids if n != "router + RAG"],
    column="saved",
)
for one in costly:
    print(f"{one.second}: saves {one.difference:+.2f} a request ({one.verdict})")

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Follow one colour down the bars. What the router sent to the wrong place, no later part can save. What the search did not find stays lost under any reader: the blue piece is as long with the tuned reader as
# without; only the tuned *search* can shorten it. The reader shortens *reading* and *refusing*, and may lengthen the wrong refusals in the table. Where the differences say *cannot tell*, this traffic is too small for so small a gain, and
# money spent there would be a bet.
# </details>
#
# ## Does access hold through every part?
#
# Every user asks for every document that is closed to them, by its title and all of its headings. Whatever search is behind the router, the rights are in the query.

# %%
from helpers.experiments.hybrid import leaks

probed = {
    name: leaks(lambda asks, one=one: one.search_all(asks, 5), documents, load_users())
    for name, one in (("search", index), ("tuned search", tuned))
}
leaked = {name: f"{t['leaked'].sum()} of {t['passages shown'].sum()}" for name, t in probed.items()}
print("passages of closed documents that were shown:", leaked)
probed["tuned search"]

# %% [markdown]
# ## Exercise 09.4 · Asking as somebody else
#
# Many hybrids rewrite the question before they search: *"and in Canada?"* becomes a whole sentence. In one of them the rewritten question was asked by the service account, and everybody could read everything.
# Write `rewritten(ask, text)`: the same ask with another text.

# %%
import dataclasses


def rewritten(ask, text):
    ### BEGIN SOLUTION 09.4
    return dataclasses.replace(ask, input=text)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("09.4").check(rewritten)

# %% [markdown]
# ## Pattern → responsibility
#
# The table that a team needs before it tunes anything: which part is responsible for what, how much is lost there today, and what tuning it gained **here**. All numbers are yours, from above.

# %%
gain = {one.second: f"{100 * one.difference:+.0f} points: {one.verdict}" for one in against}
routing = results["router + RAG"]["right"].mean() - results["RAG"]["right"].mean()
rows = [
    ("router", "which part answers; when to refuse or ask back", "router",
     f"{100 * routing:+.0f} points (over RAG)"),
    ("retrieval (and its tuning)", "facts: current, permitted, cited", "search",
     gain["+ tuned search"]),
    ("reader (tuned)", "how to read, cite and say “I don't know”", "reading", gain["+ reader"]),
    ("tool", "what is exact: status, sums, dates", "tool", "needs none"),
]  # fmt: skip
now = lost.loc["router + RAG"]
pd.DataFrame(
    [(p, what, plots.percent(now[part]), won) for p, what, part, won in rows],
    columns=["pattern", "is responsible for", "lost there today", "what tuning it gained here"],
).set_index("pattern")

# %% [markdown]
# ## What we found
#
# Tune the part that loses most, if tuning moves it: the router first, because everything behind it depends on it and it is cheap, then the search, then the reader. **Low recall cannot be tuned away by any reader; the one exception is tuning the search itself**, and that pays only as far as your own recall, measured before and after, says so.
#
# **You have seen**
# - a router that learns in seconds, with prices for its mistakes and a threshold for asking back;
# - each part's gain with an interval on the same requests, and the part to blame for every loss;
# - which part is responsible for what, in your own numbers, and that no part opened a closed document.
#
# **For the decision:** how often the router and the tools are right is in your journal; *decide* weighs them where parts must be told apart. **Next:** [10 · can we ship it like a release?](10_release.ipynb)
