# %% [markdown]
# # 09 · Hybrid on purpose: which part should be tuned?
#
# **Why it matters.** "We do both" is said of most assistants, and of most of them nobody can say what the tuned half is for. A hybrid is a chain of parts, and each can be tuned: the *router* that sends
# a request to the right part, the *search*, what *reranks* its hits, and the *reader*. Money goes into one of them first. Here you measure which one pays, on one kind of traffic, with one running score.
#
# **On trial here:** *"Hybrid patterns are common and should be intentional: fine-tune a classifier that decides when to retrieve, when to refuse, or which tool to call, then use RAG for grounded answers."*
#
# The firmware engineer has been asked for *one* budget line. Which part is it?
#
# **Time:** 30 minutes to read · 4 minutes to run · 30 minutes of exercises. **Before:** 02 and 08.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *May its probabilities be believed, and what may a mistake cost?*, exercises 09.1 to 09.4.
#
# **By the end you can**
# - train a router, price its mistakes, and say when it should ask back;
# - say of each part of a hybrid what tuning it gains, with an interval, and which part loses a request;
# - fill in *pattern → responsibility* for your own system, and tell the one thing that tuning cannot win back, with its one exception.

# %%
import pandas as pd
from IPython.display import display

from helpers import models, plots, systems
from helpers.data import load_handbook, load_questions, load_requests, load_users
from helpers.evaluation import evaluate, routing_summary, routing_task, share
from helpers.labs import guess_of, predict, record, what_happened

documents, generator = load_handbook(), models.load_generator()
train, dev = load_requests("train"), load_requests("dev")
print(f"{len(train)} requests to learn from, {len(dev)} to choose on:")
pd.Series([case.gold.answers[0] for case in train]).value_counts().to_dict()

# %% [markdown]
# ## Part one: the router
#
# People type more than questions into an assistant. *What may I claim for a hotel?* wants the handbook, *where is order 4711?* a **tool**, *how much does Ines earn?*
# a refusal, and *thanks!* none of these. A **router** is a small classifier in front. Ours is MiniLM, the small embedder of our search, tuned on pairs of requests:
# those of one route are pulled together, those of two routes pushed apart. A linear layer on top names the route. It learns in seconds. Below are some near misses: requests that look like another route than theirs.
#
# **Predict** what share of the dev requests each will send to the right part. *Majority label* says "retrieve" to everything, *keywords* is a list of patterns,
# *nearest neighbour* takes the route of the most similar request in train. (*Macro-F1*, which is printed as well, counts every route alike, however rare it is; 1 is
# perfect.)

# %%
pd.set_option("display.max_colwidth", 90)
near = [case for case in dev if case.kind.endswith("near miss")][:5]
display(pd.DataFrame({c.ask.input: c.gold.answers[0] for c in near}, index=["route"]).T)
names = ["majority label", "keywords", "nearest neighbour", "router"]
predict("09.router", "What share of requests goes to the right part?", names)

# %%
from helpers.experiments import hybrid

asks_back = systems.train_router(train, dev)
router = hybrid.always_decides(asks_back, dev)  # the likeliest route each time
arms = [systems.majority_label(train), systems.keyword_router()]
arms += [systems.nearest_neighbour(train), systems.router_arm(router)]
arms += [systems.router_arm(asks_back, "router, asks back")]
routed = {arm.name: evaluate(arm, dev, routing_task()) for arm in arms}
{body: f"macro-F1 {told['macro_f1']:.2f} on dev" for body, told in router.tried.items()}

# %%
shares = pd.DataFrame({name: share(routed[name]) for name in names}).T
what = "router: dev requests sent to the part that should answer them"
record("09.router/router", what, share(routed["router"]), routed["router"].attrs)
best = plots.percent(shares["share"]["router"])
title = f"The router sends {best} to the right part"
plots.bars(shares, title, "routed rightly", guess_of("09.router"))

# %% [markdown]
# Not every wrong route costs the same. Here a missed refusal is priced at 3, a wrong refusal at 2, asking *what do you mean?* at 0.6 (`COSTS`, a default to argue
# with). *Router, asks back* chooses the route that is expected to cost least, or asks back where even that is too expensive; *unsure* is how often it asks back. The
# first table is dev. The second is the **frozen test** of the requests: it was opened once, when router and costs were fixed; its figures come with the workbook
# ([datasheet](../labs_data/DATASHEET.md)), and nothing is measured on it here.

# %%
columns = ["macro-F1", "cost", "wrong refusals", "missed refusals", "unsure"]
told = routing_summary(routed)
display(told[[*columns, "n"]].round(2), hybrid.kept_routing()[columns])
sure, asks = told.loc["router"], told.loc["router, asks back"]
what_happened(
    f"""On dev asking back takes macro-F1 from {sure["macro-F1"]:.2f} to
    {asks["macro-F1"]:.2f} and the cost of a request from {sure["cost"]:.2f} to
    {asks["cost"]:.2f}: {asks["unsure"]:.0%} get a question back, and
    {asks["missed refusals"]:.0%} of the refusals missed, not
    {sure["missed refusals"]:.0%}."""
)

# %% [markdown]
# Which of the two is better is a question of prices, not of accuracy. Look at the baselines, too: a list of patterns is an honest one, and the nearest neighbour needs no training at all.
#
# ## May its probabilities be believed, and what may a mistake cost?
#
# A price can only be weighed with a probability that means something. A router is **calibrated** if it is right in 80 of 100 requests of which it says 80 %: that is
# the first picture below. It also says how large the error of a perfectly calibrated router would look on so few requests; an error of that size is no reason for
# distrust.
#
# In the lab under it you move the prices. Nothing is trained again: the probabilities stay, the decisions change. *Ask back about* forces a share; by default it is the one that costs least. Under the lab the same as a plain line of code, with a missed refusal at ten times a wrong answer. **Look for** the price at which asking back stops paying.

# %%
from helpers.evaluation import calibration_error, reliability

chances = asks_back.probabilities([case.ask.input for case in dev])
said = [router.labels[at] for at in chances.argmax(axis=1)]
right = [one == case.gold.answers[0] for one, case in zip(said, dev, strict=True)]
error = calibration_error(chances.max(axis=1), right)
says = f"It is off by {100 * error['value']:.0f} points on average"
plots.calibration(reliability(chances.max(axis=1), right), error, says)

# %%
from helpers.labs import routing_lab, routing_what_if

display(routing_lab(asks_back, dev))
routing_what_if(asks_back, dev, missed_refusal=10, wrong_refusal=2, asked_back=0.6)

# %% [markdown]
# **Checkpoint 09.a** · The router that asks back has fewer right routes and costs less. Which one do you ship?
#
# <details><summary>A · The one with more right routes.</summary>No. Routes are not what anybody pays for; a missed refusal costs more than a question back.</details>
# <details><summary>B · The one that costs less at our own prices, with those prices written down.</summary>Yes. The prices decide, and whoever disagrees can change them and see what follows.</details>
# <details><summary>C · Neither, before it has no wrong routes at all.</summary>No. The baselines are wrong more often, and without a router every mistake is still made, only elsewhere.</details>
#
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

tried = ["what is 17 % of 250", "how many days until 17 August", "9**9**9"]
tried += ["status of order 4711' OR '1'='1", "__import__('os').system('ls')"]
said = [systems.use_tool(Ask("", text, ("staff",), TODAY)) for text in tried]
called = hybrid.tool_calls(dev)
what = "tool requests that one call answers, without an error"
record("09.tools/query", what, share(called))
print(f"{what}: {called['right'].sum()} of {len(called)}")
pd.DataFrame([(a.tool, a.text) for a in said], tried, ["tool", "says"])

# %% [markdown]
# A tool that cannot do something says so, and the next request is served. Letting a model write the query or the sum would be the expensive way to get the same answer less often.
#
# ## Part three: the search, and the one exception
#
# **Low recall cannot be tuned away**: where the evidence was not found, the tuned reader of 08 recovered little. But the search is a model, too. Ours was tuned on
# questions: 313 written about facts of the handbook that no dev or test question asks, and 135 about other invented worlds, each with its passage and one lookalike
# (LoRA, 3 MB). Tuning moves the vectors of the passages, too, so the index must be embedded anew. *What did it break?* has to be asked of every tuned search: it was
# tuned for questions like ours, and on other people's questions it may be worse. The test for that is **SciFact** (claims from scientific papers); a line below says
# what came out, or that it is not measured yet. And there are two rivals: the same index with shared words counting, too (03), which needs no training; and a
# **reranker**, a second small model that reads the question together with each of the first ten passages and puts them into a new order (at *weight* 1 by its own
# judgement alone, at less mixed with the order of the search). Both were measured once, and the results come with the workbook.
#
# **Predict**: how often is the evidence among the first five passages?

# %%
from helpers.retrieval import build_index, chunk_all

predict("09.search", "Evidence among the first five", ["search", "tuned search"])
index = build_index(documents, chunk_size=64, overlap=16)
tuned = systems.tuned_search(chunk_all(documents, 64, 16))
questions = load_questions("dev", documents)
answerable = [case for case in questions if case.gold.answers]

# %%
asks = [case.ask for case in answerable]
found = {"search": index.search_all(asks, 10)}
found["tuned search"] = tuned.search_all(asks, 10)
display(hybrid.recall_table(answerable, found).round(3))
gains = hybrid.search_gains(answerable, found)
display(plots.differences(gains, f"In the first passage: {gains[0].verdict}"))
searched = hybrid.load_searches()
display(hybrid.ways_found(searched).rename_axis("found, k ="))
print(*hybrid.measured_once(searched), sep="\n")
one, five = (gains[at].verdict_in_points() for at in (0, -1))
what_happened(f"The first passage: {one}; the first five: {five}.")

# %% [markdown]
# <details><summary><b>How to read the table</b></summary>
#
# Read the rows against each other before you praise the tuning: *words* cost nothing. Then look at the differences above: an interval that covers zero means that these questions cannot tell. Half the step (the mean of base and tuned weights) is a cheap insurance against forgetting, and was tried as well; whichever found more at five on dev is what you search with here.
# </details>
#
# **Checkpoint 09.b** · Low recall cannot be tuned away. Why is the search the one exception?
#
# <details><summary>A · It is larger than the reader.</summary>No. It is smaller. Size has nothing to do with it.</details>
# <details><summary>B · It is the part that decides what is found, so tuning it changes recall itself.</summary>Yes. A reader only sees what was found; tuning it cannot bring back what was not.</details>
# <details><summary>C · It forgets nothing when it is tuned.</summary>No. It may get worse on other people's questions, and that has to be measured, too.</details>
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
# Now all parts together, on **mixed traffic**: all handbook questions of dev (some of which must be refused) and its requests that want a tool, a refusal or a word
# of thanks. One definition of right for all. The same systems were asked once on the frozen test; the section after the bars says what came out there. One passage is shown,
# because 02 found that this small reader gets worse with three. *+ tuned search* and *+ reader* differ from *router + RAG* in **one** part, the systems below them in
# several; *best search and reader* is the best search of 08 with its reader, in place of the passages of 64 tokens. (The reranker is too large to ship with the workbook. Systems that use it appear below only where its scores for these passages were kept:
# `labs_data/build/hybrid.py --reranker`.)
#
# **Predict** the share of requests that each gets right.

# %%
from helpers.data import load_askers

cases = hybrid.mixed_traffic(questions, dev)
askers, gate = load_askers("dev"), systems.router_arm(router)
asked = systems.who_asks([case.ask for case in questions], askers)
readers = {"base": generator, "reader": systems.window_reader(generator)}
searches = {"search": index, "tuned": tuned}
searches |= hybrid.kept_rerankers(index, tuned)
searches["windows"] = systems.sentence_windows(documents, askers)
arms = hybrid.hybrid_arms(gate, readers, searches, asked)
predict("09.hybrid", "What share is right?", list(arms))

# %% [markdown]
# Every wrong answer gets one part to blame. For that the same model is asked once more with the evidence alone, the **oracle** of 01: what it then gets right, a perfect search would have saved.
# *Router*: another part should have answered. *Search*: the evidence was not in the passage, and with it this model is right. *Both*: it was not there, and the model would not have
# read it either. *Distraction*: it was there, and the model is right only with the evidence alone. *Reading*: it was there, and the answer is wrong. *Refusing*: nothing answers it, and an answer was given.

# %%
from helpers.evaluation import QUESTIONS
from helpers.systems.hybrid import routes_of

results = {name: evaluate(arm, cases, hybrid.MIXED) for name, arm in arms.items()}
perfect = systems.evidence_contexts(answerable, chunk_all(documents, 64, 16))
reads = {
    name: evaluate(arm, answerable, QUESTIONS)
    for name, arm in hybrid.oracles(readers, perfect, asked).items()
}
routes = routes_of(gate, [case.ask for case in cases])
results = hybrid.judged(results, routes, reads)

# %%
table = hybrid.ablation(results)
display(table.round(2))
first, behind = map(plots.percent, table["share"].iloc[:2])
best = plots.percent(table["share"].max())
title = f"RAG alone {first}, behind a router {behind}, with tuned parts {best} at best"
display(plots.bars(table, title, "requests answered rightly", guess_of("09.hybrid")))
against = hybrid.against_router(results)
print(*hybrid.savings(results), sep="\n")
ahead = ", ".join(one.second for one in against if one.verdict == "better") or "none"
plots.differences(against, f"Ahead of router + RAG: {ahead}")

# %%
lost = hybrid.by_part(results)
worst = hybrid.worst_part(lost.loc["router + RAG"])
display(plots.parts(lost, f"Behind the router most is lost to {worst}"))
unseen, let = lost["search"] + lost["both"], lost["refusing"]
what_happened(
    f"""Behind the router {unseen["router + RAG"]:.0%} of the requests are lost because
    the evidence was not found, with the tuned reader {unseen["+ reader"]:.0%}: no
    reader reads what is not there. Lost to answers that should be refusals:
    {let["router + RAG"]:.0%} and {let["+ reader"]:.0%}."""
)

# %% [markdown]
# <details><summary><b>How to read the bars</b></summary>
#
# Follow one colour down the bars. What the router sent to the wrong place, no later part can save. The two dark pieces, *search* and *both*, are what was not found:
# together they are as long with the tuned reader as without; only another *search* can shorten them. What a better reader changes is how they are split: it would
# read more of what a perfect search brought. This reader never refuses: look at *missed refusals* in the table, and at the lines *saves …
# a request*, which weigh them at the prices above. Where the differences say *cannot tell*, this traffic is too small for so small a gain, and money spent there
# would be a bet.
# </details>
#
# ## On the frozen test, and does access hold through every part?
#
# Every user asks for every document that is closed to them, by its title and all of its headings. Whatever search is behind the router, the rights are in the query; a reranker only sees what it is given. Before it: the same systems on the frozen test, and what one request takes in each part.

# %%
print(*hybrid.kept_test(), *hybrid.kept_milliseconds(), sep="\n")
for name in ("search", "tuned", "windows"):
    probed = hybrid.leaks(searches[name].search_all, documents, load_users())
    leaked, shown = probed["leaked"].sum(), probed["passages shown"].sum()
    print(f"{name}: {leaked} of {shown} passages shown were of closed documents")
probed

# %% [markdown]
# **Checkpoint 09.c** · Two parts were tuned, and together they gain more than either alone seems to. What do you buy first?
#
# <details><summary>A · Both at once, since both together won.</summary>Not at once. Two parts cost twice the upkeep, and you would not know which one earns it.</details>
# <details><summary>B · The part whose own interval lies above zero; then the other is measured behind it.</summary>Yes. Where an interval covers zero, this traffic cannot tell the gain from chance. Behind the first part it may be another one: a better search shows only where its passages are read (08).</details>
# <details><summary>C · The part that was trained last.</summary>No. The order of training says nothing about what each one gains.</details>
#
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
# ## What we found
#
# First the table that a team needs before it tunes anything, *pattern → responsibility*: which part is responsible for what, how much is lost there today, and what
# tuning it gained **here**. All numbers are yours, from above. (*Lost there today* is what a part loses alone; what search and reader lose *both* is in neither row.)

# %%
won = {one.second: one.verdict_in_points() for one in against}
won["router"] = hybrid.over_rag(results).verdict_in_points("over RAG alone")
won["tool"] = "needs none"
pattern = {
    "router": ("which part answers, when to refuse", "router", "router"),
    "search": ("facts: current, permitted, cited", "search", "+ tuned search"),
    "reader": ("how to read what was found", "reading", "+ reader"),
    "tool": ("what is exact: status, sums, dates", "tool", "tool"),
}
hybrid.responsibilities(pattern, lost.loc["router + RAG"], won)

# %%
from helpers.labs import out_of, the_climb, tuned_parts, what_we_found

display(the_climb("09"))
steps = "RAG", "router + RAG", "+ reader", "best search and reader"
plain, front, read, both = (out_of(table.loc[name]) for name in steps)
what_we_found(
    f"""**Hybrid on purpose: which part should be tuned?** First the router: right are
    {front} with it, {plain} without. Behind it the tuned reader: {read}; with the best
    search before that reader {both}.""",
    tuned_parts.on_purpose(results),
)

# %% [markdown]
# **The one budget line** goes to the router: everything behind it depends on it, and it is cheap. Of search and reader, tune the one whose whole interval lies above
# zero, in right answers *and* in what a request costs: a reader that answers more and wrongly refuses more may save nothing at your prices. The other one is measured again behind it: a better search may win nothing with a weak reader, and much with a good one (08). Where neither clears
# both, fix what can be fixed without training first (cutting and headings, 03), and add cases before you tune more. **Low recall cannot be tuned away by any reader;
# the one exception is tuning the search itself**, and how far that pays, only your own recall before and after can say.
#
# **You have seen**
# - a router that learns in seconds, with prices for its mistakes and a threshold for asking back;
# - each part's gain with an interval on the same requests, and the part to blame for every loss;
# - which part is responsible for what, in your own numbers, and that no part opened a closed document.
#
# **For the decision:** how often the router and the tools are right is in your journal; *decide* weighs them where parts must be told apart. **Next:** [10 · can we ship it like a release?](10_release.ipynb)
