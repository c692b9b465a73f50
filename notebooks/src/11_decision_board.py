# %% [markdown]
# # 11 · What do we decide, and what would change our mind?
#
# **Why it matters.** *Fine-tuning or RAG?* is asked in a meeting and answered by whoever speaks last. Here the answer follows from two lists that can be argued about one line at a time:
# what the work **requires** (stated by its owners) and what was **measured** (by you, in the earlier notebooks; where you have not, the reference is used and marked). It
# may come out as *not yet*, with what to measure next; and it always says which input would change the answer, and at what value.
#
# **Time:** 15 minutes to read · 1 minute to run · 30 minutes of exercises. **Before:** nothing is required; with your own findings from 05 to 08 the board is yours.
#
# **By the end you can**
# - say which requirement rules out what, and which number decides between the rest;
# - tell a decision from a guess: an interval that includes the line decides nothing;
# - say what would change your mind, and hand in a record that others can check.

# %%
import pandas as pd
from IPython.display import display

from helpers import plots
from helpers.decision import SCENARIOS, Requirements, decide, load_findings
from helpers.labs import board, calibration, guess_of, predict, record, what_if

pd.set_option("display.max_colwidth", 100)
evidence, guesses = load_findings(), calibration()

# %% [markdown] tags=["lesson"]
# ## What was measured
#
# Every line is one finding: a value, its 95 % CI, and the number of cases. *Whose* says whether it is **yours**, the **reference** of this workbook, or **not measured**. The
# framework never fills a gap with an opinion.

# %% tags=["lesson"]
evidence.table().drop(columns="finding").astype(
    {"value": float, "low": float, "high": float}
).round(2)

# %% [markdown] tags=["lesson"]
# One thing to know about these numbers: a small model answered (135 million weights), so they are low. The *differences* between the ways of using it are the lesson; for your own model,
# measure again. And each share is over its own cases: those of the *facts adapter* are other wordings of what it was trained on, the easiest questions it could get.
#
# ## What is required
#
# These are not measured; people state them, so each has a question in plain words, a unit and a plausible range. A request is either a *look-up* (it needs
# something from a document) or a *judgement* that examples teach (a label, a field, a form).

# %% tags=["lesson"]
policy = SCENARIOS["policy assistant"].requirements
policy.table()[["stated", "unit", "question"]]

# %% [markdown] tags=["lesson"]
# ## By hand: when does a search pay?
#
# Before any framework, the arithmetic behind it. A search costs upkeep; in return more answers are right. How many more must be right for it to pay?

# %% tags=["lesson"]
upkeep_a_year = 12 * policy.index_hours * policy.person_per_hour
upkeep_a_request = upkeep_a_year / (365 * policy.requests_per_day)
needed = upkeep_a_request / policy.cost_wrong
print(
    f"upkeep {upkeep_a_year:,.0f} EUR a year, {upkeep_a_request:.3f} EUR a request; a wrong answer"
    f" costs {policy.cost_wrong:g} EUR"
)
print(
    f"so the search pays when it makes {100 * needed:.2f} answers in 100 right that were wrong"
    " without it"
)

# %% [markdown] tags=["lesson"]
# That number is the **line**. The other side is what was measured: how much more often is RAG right than the model alone? It pays only if the *whole interval* lies above the line; if all of
# it lies below, it does not; if the line is inside the interval, it is not decided, and the honest answer is *measure more*.

# %% tags=["lesson"]
from helpers.decision import above, gain, span

known = gain(span(evidence["closed book"]), span(evidence["RAG"]))
print(f"gain {known.low:+.2f} to {known.high:+.2f}, line {needed:+.4f}")
print(
    "above the line:",
    {True: "yes, it pays", False: "no, it does not pay", None: "not decided"}[above(known, needed)],
)

# %% [markdown] tags=["lesson"]
# The framework does this calculation for every pair of options, with everything that comes with an option: tokens or machine time, labels, releases of new weights, upkeep. One of the options is always
# *a person answers*: every option must beat this one. It starts with the simplest (fix search and context, prompt and schema, fine-tune, both), and of two that are equally good it takes the simpler.
#
# ## What is out before any number
#
# Some requirements leave no choice. Each rule is one small function, and its docstring is the reason that a decision shows. You can read them all, change them, and add your own (exercise 11.3).

# %% tags=["lesson"]
import inspect

from helpers.decision import rules

print(inspect.getsource(rules.must_cite), inspect.getsource(rules.fresher_than_weights), sep="\n")
pd.Series(
    {name: rule.reason for name, rule in {**rules.HARD, **rules.MEASURED}.items()}, name="reason"
).to_frame()

# %% [markdown] tags=["lesson"]
# ## A decision
#
# **Predict.** Stated numbers are guesses themselves. Vary every stated number of the policy assistant at random between a third and three times its value. In what share of the draws does the decision
# stay the same?

# %% tags=["lesson"]
predict("11.agreement", "Share of draws with the same answer", ["policy assistant"])

# %% tags=["lesson"]
case = what_if(policy, evidence)
agreed = pd.Series(
    {
        "share": case.agreement.share,
        "low": case.agreement.low,
        "high": case.agreement.high,
        "n": case.agreement.n,
    }
)
record(
    "11.agreement/policy assistant",
    "policy assistant: draws around the stated numbers with the same answer",
    agreed,
    {"answer": case.decision.answer},
)
case.decision

# %% tags=["lesson"]
title = (
    f"Policy assistant, {case.decision.answer}: {plots.percent(agreed['share'])} of the draws say"
    " the same"
)
plots.bars(
    pd.DataFrame({"policy assistant": agreed}).T,
    title,
    "same answer",
    guess=guess_of("11.agreement"),
)

# %% [markdown] tags=["lesson"]
# <details><summary><b>What happened</b></summary>
#
# The head is the answer, or *not yet* and what to measure. Then the reasons in order, each with the ids of the findings it rests on: first what is still open, then the pairs that are settled, then what
# is out and why, and last what loses the most answers now. Each of them can be challenged: by another requirement, another measurement, or another rule.
# </details>
#
# The same pairs as a table: *gain* is how much more often the second is right, *needed* how large the gain must be to pay for the extra cost. Below zero: it may be right less often, because it costs so much less.

# %% tags=["lesson"]
case.decision.table().round(4)

# %% [markdown] tags=["lesson"]
# ## What it costs, and what would change it
#
# For 1,000 requests, wrong answers included. On the right: the same over the number of requests. Yearly costs spread thinner as requests grow; where two lines cross, the cheaper option changes.

# %% tags=["lesson"]
case.costs()

# %% [markdown] tags=["lesson"]
# And every input varied alone over its plausible range. The colour is the answer, the mark is the stated value, the words on the right say where it **flips**: at that value the answer is
# different; just before it, it is not.

# %% tags=["lesson"]
case.flip_chart()

# %% [markdown]
# ## The board
#
# Choose a scenario or state your own; switch findings off and see what depends on them. The button saves a **decision record** in `my_work/decisions/`: answer, reasons, charts, what was stated and
# measured, and where each number comes from.

# %%
board(evidence, guesses=guesses)

# %% [markdown] tags=["lesson"]
# **Look for:** the cost of a wrong answer at which a person is cheaper; what happens to *fine-tune* when data change more than twelve times a year; which single finding, switched off, turns an
# answer into *not yet*.
#
# The same as a plain cell:

# %% tags=["lesson"]
fresher = what_if(policy.but(cost_wrong=1.0, can_train=False), evidence)
print(fresher.sentence())
fresher.flip_chart()

# %% [markdown]
# ## Six features, six discussions
#
# The same findings, different requirements. Read the last column first: what would you question?

# %%
found = {name: decide(one.requirements, evidence) for name, one in SCENARIOS.items()}
rows = [
    {
        "scenario": name,
        "answer": d.answer,
        "measure next": d.measure and str(d.measure),
        "cheapest by the numbers as they stand": d.leader.name,
        "discuss": SCENARIOS[name].discuss,
    }
    for name, d in found.items()
]
with pd.option_context("display.max_colwidth", 500):
    table = (
        pd.DataFrame(rows)
        .set_index("scenario")
        .fillna("")
        .style.set_uuid("six")
        .set_properties(**{"text-align": "left", "vertical-align": "top"})
    )
table

# %% [markdown]
# *Not yet* is not a failure of the method: it says that the numbers do not support a decision, and what would. Where *a person answers* is cheapest, the current model is wrong too often for what a wrong answer
# costs: you need a stronger model, a cheaper error (someone checks), or no system.
#
# ## How good were your guesses?
#
# Over the course you have made guesses before the results. *Error* is guess minus value: above zero means too optimistic. *Inside* says whether the guess was inside the interval.

# %%
if len(guesses):
    display(guesses.drop(columns=["low", "high"]).round(2))
    print(
        f"{len(guesses)} guesses; mean error {guesses['error'].mean():+.2f}, mean distance"
        f" {guesses['error'].abs().mean():.2f}; {guesses['inside'].sum()} of {len(guesses)} inside"
        " the interval"
    )
else:
    print(
        "No guess of yours has met its result yet: they are made in the notebooks before, and in"
        " the cell with the slider above."
    )

# %% [markdown] tags=["lesson"]
# <details><summary><b>What to make of it</b></summary>
#
# A mean error far from zero is a habit: most people are too optimistic about what a model knows from memory, and about what tuning teaches it. Take that habit into account for the inputs above that cannot be
# measured: the cost of a wrong answer is a guess, too.
# </details>
#
# ## Exercise 11.1 · The line
#
# Write `line(extra_a_year, extra_a_request, requests_a_day, cost_wrong)`: how much more often (as a share of requests) must the more expensive option be right to pay for itself? (A year has 365 days.)

# %% tags=["lesson"]
from helpers.exercises import exercise


def line(extra_a_year, extra_a_request, requests_a_day, cost_wrong):
    ### BEGIN SOLUTION 11.1
    return (extra_a_year / (365 * requests_a_day) + extra_a_request) / cost_wrong
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.1").check(line)

# %% [markdown] tags=["lesson"]
# ## Exercise 11.2 · The rule that always has an answer
#
# A colleague's rule, which shipped: `def tuning_pays(found, line): return found.value > line`. It decides on twelve cases as confidently as on twelve thousand. Write `honest(found, line)` that returns `"pays"`, `"does not pay"` or
# `"not yet"`, and `exposing`: a `Finding` and a line for which the colleague says *pays* and an honest rule does not. (`found` has `value`, `low`, `high`, `n`.)

# %% tags=["lesson"]
from helpers.decision import Finding


def honest(found, line):
    ### BEGIN SOLUTION 11.2
    if found.low > line:
        return "pays"
    return "does not pay" if found.high < line else "not yet"
    ### END SOLUTION


exposing = ...
### BEGIN SOLUTION 11.2b
exposing = Finding("mine", value=7 / 12, low=0.32, high=0.81, n=12), 0.5
### END SOLUTION

# %% tags=["nbval-check-output", "lesson"]
exercise("11.2").check((honest, exposing))

# %% [markdown] tags=["lesson"]
# ## Exercise 11.3 · A rule of yours
#
# Your company requires: *any option with a search must refuse at least half of the questions that should be refused.* Write it as a measured rule: a function that returns a `Threshold` (what is known, and the line it must lie above), or `None` where the rule does
# not apply to the option. What has not been measured is not known: `span(None)`.

# %% tags=["lesson"]
from helpers.decision import Threshold


def refuses_enough(option, requirements, evidence):
    """Any option with a search must refuse at least half of what should be refused."""
    ### BEGIN SOLUTION 11.3
    return Threshold(span(evidence["rightly refused"]), 0.5) if option.searches else None
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.3").check(refuses_enough)

# %% [markdown] tags=["lesson"]
# (To make it count in this notebook: `rules.measured("rightly refused")(refuses_enough)`, and run the board again.)
#
# ## Exercise 11.4 · Find the flip
#
# Write `flip(answer, low, high)`: `answer` is a function of one number, and its value at `high` differs from that at `low`. Return a number, to a thousandth of `high`, at which the answer is no longer that of `low`. Then use it: at what
# `cost_wrong` does the policy assistant's answer change?


# %% tags=["lesson"]
def flip(answer, low, high):
    ### BEGIN SOLUTION 11.4
    at_low, same, other = answer(low), low, high
    while other - same > high / 1000:
        middle = (same + other) / 2
        same, other = (middle, other) if answer(middle) == at_low else (same, middle)
    return other
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.4").check(flip)

# %% [markdown] tags=["lesson"]
# ## Exercise 11.5 · Your feature
#
# State a feature of your own: `mine = Requirements(…)`, at least six fields different from the defaults. The check says what follows, and what you should argue about first.

# %% tags=["lesson"]
mine = ...
### BEGIN SOLUTION 11.5
mine = Requirements(
    lookup_share=0.7,
    changes_per_year=26,
    citations=True,
    requests_per_day=300,
    cost_wrong=3,
    cost_refusal=6,
    labelled_examples=50,
)
### END SOLUTION

# %% tags=["nbval-check-output", "lesson"]
exercise("11.5").check(mine)

# %% [markdown]
# ## What we found
#
# The choice is not between two techniques: requirements rule options out, and among the rest a measured gain must lie clearly above a line set by the costs. Where it does not, the decision is what to measure next.
#
# **You have seen**
# - rules that leave no choice, each with its reason, and pairs that a number decides;
# - intervals that include the line, and the number of cases that would settle them;
# - where each answer flips, how robust it is, and a record of all of it.
#
# **For the decision:** keep the record for your own feature, and write down the two inputs you trust least among those that could change the answer: find those out next. **Next:** [12 · the same on your own documents and labels](12_your_own_data.ipynb)
