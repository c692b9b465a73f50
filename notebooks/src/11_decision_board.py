# %% [markdown]
# # 11 · What do we decide, and what would change our mind?
#
# **Why it matters.** *Fine-tuning or RAG?* is asked in a meeting and answered by whoever speaks last. Here the answer follows from two lists that can be argued about one line at a time:
# what the work **requires** (stated by its owners) and what was **measured** (by you, in the notebooks before; where you have not, the reference stands in and is marked). It
# may come out as *not yet*, with what to measure next; and it always says which input would turn it round, and where.
#
# **Time:** 15 minutes to read · 1 minute to run · 30 minutes of exercises. **Before:** nothing must be done; with your own findings of 05 to 08 the board is yours.
#
# **By the end you can**
# - say which requirement rules out what, and which number decides between the rest;
# - tell a decision from a guess: an interval that straddles the line decides nothing;
# - say what would change your mind, and hand in a record that others can check.

# %%
import pandas as pd
from IPython.display import display

from helpers import plots
from helpers.labs import board, what_if
from helpers.decision import decide
from helpers.decision import load_findings
from helpers.labs import calibration, guess_of, predict, record
from helpers.decision import Requirements
from helpers.decision import SCENARIOS

pd.set_option("display.max_colwidth", 100)
evidence, guesses = load_findings(), calibration()

# %% [markdown] tags=["lesson"]
# ## What was measured
#
# Every line is one finding: a value, its 95 % interval, and over how many cases. *Whose* says whether it is **yours**, the **reference** of this workbook, or **not measured**. The
# framework never fills a gap with an opinion.

# %% tags=["lesson"]
evidence.table().drop(columns="finding").astype(
    {"value": float, "low": float, "high": float}
).round(2)

# %% [markdown] tags=["lesson"]
# One thing to know about these numbers: a small model answered (135 million weights), so they are low. The *differences* between the ways of using it are the lesson; for your own model,
# measure again. And each share is of its own cases: those of the *facts adapter* are other wordings of what it was trained on, the easiest questions it could get.
#
# ## What is required
#
# Nobody measures these; people state them, and so each has a question in plain words, a unit and a range in which it is plausible. A request is either a *look-up* (it needs
# something that stands in a document) or a *judgement* that examples teach (a label, a field, a form).

# %% tags=["lesson"]
policy = SCENARIOS["policy assistant"].requirements
policy.table()[["stated", "unit", "question"]]

# %% [markdown] tags=["lesson"]
# ## By hand: when does a search pay?
#
# Before any framework, the sum behind it. A search costs upkeep; in return more answers are right. How many more must be right, so that it pays?

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
# That number is the **line**. The other side is what was measured: how much more often is RAG right than the model alone? Only if the *whole interval* lies above the line, it pays; if all of
# it lies below, it does not; if it straddles the line, nobody can tell, and the honest answer is *measure more*.

# %% tags=["lesson"]
from helpers.decision import above, gain, span

known = gain(span(evidence["closed book"]), span(evidence["RAG"]))
print(f"gain {known.low:+.2f} to {known.high:+.2f}, line {needed:+.4f}")
print(
    "above the line:",
    {True: "yes, it pays", False: "no, it does not pay", None: "cannot tell"}[above(known, needed)],
)

# %% [markdown] tags=["lesson"]
# The framework does this sum for every pair of options, with everything that an option brings along: tokens or machine time, labels, releases of new weights, upkeep. One of the options is always
# *a person answers*: what everything must beat. It walks from the simplest on (fix search and context, prompt and schema, fine-tune, both), and of two that are as good it takes the simpler.
#
# ## What is out before any number
#
# Some requirements leave no choice. Each rule is one small function, and its docstring is the reason that a decision shows. You can read them all, change them, and add yours (exercise 11.3).

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
# **Predict.** Stated numbers are guesses themselves. Draw every number of the policy assistant anew, each from a third to three times what was stated. In which share of the draws will the answer
# be the same?

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
# The head is the answer, or *not yet* and what to measure. Then the reasons in order, each with the ids of the findings it points at: first what is still open, then the pairs that are settled, then what
# is out and why, and last what loses the most answers now. Every one of them can be attacked: by another requirement, another measurement, or another rule.
# </details>
#
# The same pairs as a table: *gain* is how much more often the second is right, *needed* what it must be to pay for what it costs more. Below zero: it may be right less often, because it costs so much less.

# %% tags=["lesson"]
case.decision.table().round(4)

# %% [markdown] tags=["lesson"]
# ## What it costs, and what would change it
#
# For 1,000 requests, wrong answers counted. On the right: the same over the number of requests. What costs once a year is thin where there are many; where two lines cross, one option overtakes the other.

# %% tags=["lesson"]
case.costs()

# %% [markdown] tags=["lesson"]
# And every input moved alone over its plausible range. The colour is the answer, the mark what is stated, the words on the right where it **flips**: decide again with that value, and the answer is
# another; just before it, it is not.

# %% tags=["lesson"]
case.flip_chart()

# %% [markdown]
# ## The board
#
# Choose a scenario or state your own; switch findings off and see what was resting on them. The button keeps a **decision record** in `my_work/decisions/`: answer, reasons, charts, what was stated and
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
# The same findings, other requirements. Read the last column first: what would you doubt?

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
# *Not yet* is no failure of the method: it says that the numbers cannot carry the decision, and what would. Where *a person answers* is cheapest, the model at hand is too often wrong for what a wrong answer
# costs: a stronger model, a cheaper error (somebody checks), or no system.
#
# ## How good were your guesses?
#
# Over the course you have committed guesses before the results. *Error* is guess minus value: above zero means too hopeful. *Inside* says whether the guess lay in the interval.

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
# A mean error far from zero is a habit: most people are too hopeful about what a model knows from memory, and about what tuning teaches it. Take that habit into account for the inputs above that nobody can
# measure: a cost of a wrong answer is a guess, too.
# </details>
#
# ## Exercise 11.1 · The line
#
# Write `line(extra_a_year, extra_a_request, requests_a_day, cost_wrong)`: by which share of all requests must the dearer option be right more often, so that it pays? (A year has 365 days.)

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
# A colleague's rule, which shipped: `def tuning_pays(found, line): return found.value > line`. It decides on twelve cases as boldly as on twelve thousand. Write `honest(found, line)` that returns `"pays"`, `"does not pay"` or
# `"not yet"`, and `exposing`: a `Found` and a line on which the colleague says *pays* and an honest rule does not. (`found` has `value`, `low`, `high`, `n`.)

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
# Your house says: *what searches must refuse at least half of what it should refuse.* Write it as a measured rule: a function that returns a `Line` (what is known, and the line it must lie above), or `None` where the rule does
# not concern the option. What nobody has measured is not known: `span(None)`.

# %% tags=["lesson"]
from helpers.decision import Threshold


def refuses_enough(option, requirements, evidence):
    """What searches must refuse at least half of what it should refuse."""
    ### BEGIN SOLUTION 11.3
    return Threshold(span(evidence["rightly refused"]), 0.5) if option.searches else None
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.3").check(refuses_enough)

# %% [markdown] tags=["lesson"]
# (To let it count in this notebook: `rules.measured("rightly refused")(refuses_enough)`, and run the board again.)
#
# ## Exercise 11.4 · Find the flip
#
# Write `flip(answer, low, high)`: `answer` is a function of one number, and its value at `high` is another than at `low`. Return a number, to a thousandth of `high`, at which the answer is no longer that of `low`. Then use it: from which
# `cost_wrong` on does the policy assistant get another answer?


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
# State a feature of your own: `mine = Requirements(…)`, at least six fields other than those that are set before you start. The check says what follows, and what you should argue about first.

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
# The choice is not between two techniques: requirements rule options out, and among the rest a measured gain must lie clear of a line that the costs draw. Where it does not, the decision is what to measure next.
#
# **You have seen**
# - rules that leave no choice, each with its reason, and pairs that a number decides;
# - intervals that straddle the line, and the number of cases that would settle them;
# - where each answer flips, how firm it is, and a record of all of it.
#
# **For the decision:** keep the record for your own feature, and write down the two flips you believe in least: those are what to find out next. **Next:** [12 · the same on your own documents and labels](12_your_own_data.ipynb)
