# %% [markdown] tags=["lesson"]
# # 11 · What do we decide, and what would change our mind?
#
# **Why it matters.** *Fine-tuning or RAG?* is asked in a meeting and answered by whoever speaks last. Here the answer follows from two lists that can be argued about one line at a time:
# what the work **requires** (stated by its owners) and what was **measured** (by you, in the earlier notebooks; where you have not, the reference is used and marked). It comes as three
# answers, not one: *what to build* for each kind of request, *whether this model is good enough*, and *what to do next*.
#
# The decision is due. The Managing director has a pen, the privacy lead her list, the desk captain her queue; the engineer has brought numbers.
#
# **On trial here:** *"Fix retrieval and context first, then consider fine-tuning where behaviour still needs improvement."* Do requirements and findings lead there?
#
# **Time:** 20 minutes to read · 1 minute to run · 40 minutes of exercises. **Before:** nothing is required; with your own findings from 03 to 08 the board is yours.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): *By hand: when does a step pay?*, exercises 11.1 to 11.5.
#
# **By the end you can**
# - say which requirement rules out what, and walk from the simplest option on, a further step only where it clearly pays;
# - tell *what to build* from *is it good enough*, and say how many cases a question is worth;
# - say what would change your mind, and hand in a record that others can check.

# %%
import pandas as pd
from IPython.display import display

from helpers import plots
from helpers.decision import SCENARIOS, Requirements, decide, load_findings
from helpers.labs import answer_guess, board, calibration, choices, out_of, predict
from helpers.labs import (
    predict_which,
    record,
    settle,
    the_climb,
    what_if,
    what_we_found,
)

pd.set_option("display.max_colwidth", 100)
evidence, guesses = load_findings(), calibration()

# %% [markdown] tags=["lesson"]
# ## First decide by hand
#
# Two features, and what was measured for them with the same small model (right answers, 95 % CI, n). No framework yet: what would you build, and would you let it answer alone?
#
# **A · policy assistant.** Staff ask about leave and travel; the answer must name its source, differs by country, and changes 50 times a year. Asking a colleague costs 6 EUR, a wrong answer 25 EUR.
#
# **B · support macros.** Each ticket gets a category, a product and a priority; 600 tickets are labelled; the rules for labels change four times a year. Sorting by hand costs 1.50 EUR, a wrong queue 4 EUR.

# %% tags=["lesson"]
seen = ["closed book", "RAG", "reader + RAG", "lost to the search"]
seen += ["prompt", "retrieved examples", "classifier", "tuned"]
evidence.table().loc[seen, ["about", "says", "value", "low", "high", "n"]].astype(
    {"value": float, "low": float, "high": float}
).round(2)

# %% tags=["lesson"]
BUILD = ["search only", "prompt + schema", "retrieved examples"]
BUILD += ["a classifier without a language model", "long context", "RAG"]
BUILD += ["RAG + tuned reader", "fine-tune"]
predict_which("11.policy", "A, policy assistant: what would you build?", BUILD)

# %% tags=["lesson"]
predict_which("11.macros", "B, support macros: what would you build?", BUILD)

# %% [markdown] tags=["lesson"]
# ## The walk, on the same two
#
# The framework asks three questions, each by itself. **1 · What to build:** what do the requirements rule out; then, for *each kind of request*, walk from the simplest option on, and take a further step only where it **clearly pays**. *Cannot
# tell* and *nobody has measured it* keep the simpler one, and are listed as open. **2 · Is it ready:** right today against right needed. **3 · What next:** first fix what loses most, then settle the one open pair that is worth it.

# %% tags=["lesson"]
for name, id in (("policy assistant", "11.policy"), ("support macros", "11.macros")):
    one = decide(SCENARIOS[name].requirements, evidence)
    print(name.upper())
    print(*one.paragraphs, sep="\n")
    settle(id, one.answer, [*dict.fromkeys([*BUILD, one.answer])])
    print()

# %% [markdown] tags=["lesson"]
# <details><summary><b>What happened</b></summary>
#
# For A the requirements leave RAG: a source must be named and not everybody may see everything. Whether a tuned reader is better, sixty questions cannot tell, so the simpler one stays. For B, showing the most similar labelled
# tickets clearly beats a fixed prompt. A classifier and fine-tuning may be better still; on so few test tickets nobody can tell, so they stand as open. The house style is a kind of its own, and there tuning clearly pays. And neither feature
# is good enough to answer alone: that is a statement about *this model*, not about RAG or fine-tuning. Mixing the two is how meetings end in "not yet".
# </details>
#
# ## By hand: when does a step pay?
#
# A further step costs more: upkeep of an index, labels, releases. In return more answers are right. How many more must be right for it to pay?

# %% tags=["lesson"]
policy = SCENARIOS["policy assistant"].requirements
upkeep_a_year = 12 * policy.index_hours * policy.person_per_hour
upkeep_a_request = upkeep_a_year / (365 * policy.requests_per_day)
needed = upkeep_a_request / policy.cost_wrong
print(f"upkeep {upkeep_a_year:,.0f} EUR a year, {upkeep_a_request:.3f} EUR a request")
print(f"a wrong answer costs {policy.cost_wrong:g} EUR")
print(f"so a search pays when it rights {100 * needed:.2f} wrong answers in 100")

# %% [markdown] tags=["lesson"]
# That number is the [**line**](GLOSSARY.md). The other side is what was measured: how much more often is RAG right than the model alone? It pays only if the *whole interval* lies above the line; if all of
# it lies below, it does not; if the line is inside the interval, nobody can tell.

# %% tags=["lesson"]
from helpers.decision import above, gain, span

known = gain(span(evidence["closed book"]), span(evidence["RAG"]))
print(f"gain {known.low:+.2f} to {known.high:+.2f}, line {needed:+.4f}")
print(
    {True: "it pays", False: "it does not pay", None: "nobody can tell"}[
        above(known, needed)
    ]
)

# %% [markdown] tags=["lesson"]
# (`decide(policy, evidence).table()` has every pair that was weighed, with all that an option brings along: tokens or machine time, labels, releases, upkeep.)
#
# **Checkpoint 11.a** · A further step gains between a little less than nothing and a lot. Its cost would need a small gain. What does the walk do?
#
# <details><summary>A · Takes it: the middle is above the line.</summary>No. Then every expensive option wins where nothing was measured well.</details>
# <details><summary>B · Keeps the simpler option, and lists the pair as open.</summary>Yes. Only where the whole interval lies above the line does a step pay for sure.</details>
# <details><summary>C · Stops without an answer.</summary>No. The simpler option is an answer.</details>
#
# ## What is out before any number
#
# Some requirements leave no choice. Each rule is one small function, and its docstring is the reason that a decision shows. You can read them all, change them, and add your own (exercise 11.4). Facts in weights are no option at all: they
# are shown with what 07 measured, and never recommended.

# %% tags=["lesson"]
import inspect

from helpers.decision import rules

print(
    inspect.getsource(rules.must_cite),
    inspect.getsource(rules.who_asks_matters),
    sep="\n",
)
pd.Series(
    {name: rule.reason for name, rule in {**rules.HARD, **rules.GATES}.items()},
    name="reason",
).to_frame()

# %% [markdown] tags=["lesson"]
# ## Is it good enough?
#
# Only here the person comes in. A system pays while serving it, its wrong answers and its refusals cost less than a person who answers. That gives a share of right answers that is **needed**; a stated floor may ask for more. Below 30 cases, or past a gate that
# failed, nothing may answer alone.

# %% tags=["picture-ready", "lesson"]
case = what_if(policy, evidence)
case.readiness()

# %% [markdown] tags=["lesson"]
# **Predict.** Stated numbers are guesses themselves. Vary every stated number of the policy assistant at random between a third and three times its value. In what share of the draws does the direction
# stay the same?

# %% tags=["lesson"]
predict("11.agreement", "Share of draws with the same direction", ["policy assistant"])

# %% tags=["lesson"]
agreed = pd.Series(
    {key: getattr(case.agreement, key) for key in ("share", "low", "high", "n")}
)
record(
    "11.agreement/policy assistant",
    "policy assistant: draws around the stated numbers with the same direction",
    agreed,
    {"answer": case.decision.answer},
)
title = f"{case.decision.answer}: {plots.percent(agreed['share'])} of the draws agree"
plots.bars(
    pd.DataFrame({"policy assistant": agreed}).T,
    title,
    "same direction",
    guess=answer_guess("11.agreement"),
)

# %% [markdown] tags=["lesson"]
# **Checkpoint 11.b** · The direction is RAG and the readiness says no. What do you report?
#
# <details><summary>A · Not yet.</summary>No. That hides the half that is decided.</details>
# <details><summary>B · That RAG does not work.</summary>No. It is the right place for these facts; this model is not good enough to answer alone.</details>
# <details><summary>C · Build RAG, a person answers meanwhile, and this is the next step.</summary>Yes. Three questions, three answers.</details>
#
# ## What it costs, and what would change it
#
# For 1,000 requests, wrong and refused answers included. Below it, every input that can change the direction, moved alone over its plausible range: the colour is the answer, the mark is what is stated.
# The last picture: what would change whether it is ready.

# %% tags=["lesson"]
display(case.costs(), case.flip_chart(), case.flip_chart("readiness"))

# %% [markdown]
# ## The decision board
#
# Choose a scenario or answer the questions yourself; switch a number off to see what depends on it, or type your own beside it. The button saves a [**decision record**](GLOSSARY.md) in `my_work/decisions/`: the answer, its reasons, the pictures, what was stated and
# measured, and where each number comes from.

# %%
board(evidence, guesses=guesses)

# %% [markdown] tags=["lesson"]
# **Look for:** the switch *Is it enough to show the place …?*; what happens to *fine-tune* when the rules for labels change more than twelve times a year; from which share of right answers on a good system of yours may answer alone (type `270 of 300` beside RAG);
# and that the cost of a person's answer moves what is needed, never what to build.
#
# ## Six features, six discussions
#
# The same numbers, different requirements.

# %%
found = {name: decide(one.requirements, evidence) for name, one in SCENARIOS.items()}
rows = [
    {
        "scenario": name,
        "what to build": d.answer,
        "ready?": d.readiness.state,
        "first": d.next.fix,
        "discuss": SCENARIOS[name].discuss,
    }
    for name, d in found.items()
]
with pd.option_context("display.max_colwidth", 500):
    table = (
        pd.DataFrame(rows)
        .set_index("scenario")
        .rename_axis(None)
        .style.set_uuid("six")
        .set_properties(**{"text-align": "left", "vertical-align": "top"})
        .set_table_styles(
            [{"selector": "th", "props": "text-align: left; vertical-align: top"}]
        )
    )
table

# %% [markdown] tags=["lesson"]
# In all six the requirements and what was measured give a direction, or name the pair that is still open; what is not good enough is this small model (where no model answers, none is to blame). So the first column would mostly survive a stronger model, the second would not: measure again
# with yours.
#
# ## How good were your guesses?
#
# Over the course you have made guesses before the results. *Error* is guess minus value: above zero means too optimistic. *Inside* says whether the guess was inside the interval.

# %% tags=["lesson"]
if len(guesses):
    display(guesses.drop(columns=["low", "high"]).round(2))
    print(
        f"{len(guesses)} guesses; mean error {guesses['error'].mean():+.2f},"
        f" mean distance {guesses['error'].abs().mean():.2f};"
        f" {guesses['inside'].sum()} inside the interval"
    )
else:
    print(
        "No guess of yours has met its result yet: they are made in the notebooks"
        " before, and in the cell with the slider above."
    )
if len(chosen := choices()):
    named = chosen["right"].sum()
    print(f"causes, levers and options: {named} of {len(chosen)} named rightly")
    display(chosen)

# %% [markdown] tags=["lesson"]
# <details><summary><b>What to make of it</b></summary>
#
# A mean error far from zero is a habit: most people are too optimistic about what a model knows from memory, and about what tuning teaches it. Take that habit into account for the inputs above that cannot be
# measured: the cost of a wrong answer is a guess, too.
# </details>
#
# **Checkpoint 11.c** · Your guesses were too hopeful throughout the course. What do you do with the cost of a wrong answer, which nobody can measure?
#
# <details><summary>A · Nothing, that is a different matter.</summary>It is a guess of the same person.</details>
# <details><summary>B · State a range, and look whether the answer flips inside it.</summary>Yes. Where it does not, the habit costs nothing; where it does, find that number out next.</details>
# <details><summary>C · Halve it.</summary>No. A wrong habit does not say by how much a single number is wrong.</details>
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
# ## Exercise 11.2 · The walk
#
# Write `walk(steps)`: `steps` is a list of `(name, gain)` from the simplest on; `gain` is the interval `(low, high)` of what the step wins over the option that you are at, less what would pay for it, or `None` where nobody has measured it. Return the name of the
# option to build.


# %% tags=["lesson"]
def walk(steps):
    ### BEGIN SOLUTION 11.2
    here = steps[0][0]
    for name, gained in steps[1:]:
        if gained is not None and gained[0] > 0:
            here = name
    return here
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.2").check(walk)

# %% [markdown] tags=["lesson"]
# ## Exercise 11.3 · A rule with a bug
#
# A colleague's rule, which shipped: `def colleague(found, needed): return "yes" if found.value > needed else "no"`. It lets a system answer alone on three cases as confidently as on three thousand. Write `fixed(found, needed)` that returns `"yes"` (the whole interval lies
# above, on 30 cases or more), `"no"` (all of it lies below) or `"pilot"`; and `exposing`: a `Finding` and a needed share for which the colleague says *yes* and your rule does not. (`found` has `value`, `low`, `high`, `n`; `counted(k, n)` makes one.)

# %% tags=["lesson"]
from helpers.decision import counted


def fixed(found, needed):
    ### BEGIN SOLUTION 11.3
    if found.high < needed:
        return "no"
    return "yes" if found.low > needed and found.n >= 30 else "pilot"
    ### END SOLUTION


exposing = ...
### BEGIN SOLUTION 11.3b
exposing = counted(3, 3), 0.5
### END SOLUTION

# %% tags=["nbval-check-output", "lesson"]
exercise("11.3").check((fixed, exposing))

# %% [markdown] tags=["lesson"]
# ## Exercise 11.4 · A gate of yours
#
# Your company requires: *before any option with a search answers alone, it must refuse at least half of the questions that should be refused.* Write it as a gate: a function that returns a `Threshold` (what is known, and the line it must lie above), or `None` where the rule does
# not apply to the option. What has not been measured is not known: `span(None)`.

# %% tags=["lesson"]
from helpers.decision import Threshold


def refuses_enough(option, kind, requirements, evidence):
    """Before a search answers alone, it refuses half of what should be refused."""
    ### BEGIN SOLUTION 11.4
    return (
        Threshold(span(evidence["rightly refused"]), 0.5) if option.searches else None
    )
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.4").check(refuses_enough)

# %% [markdown] tags=["lesson"]
# (To make it count in this notebook: `rules.gate("rightly refused")(refuses_enough)`, and run the board again.)
#
# ## Exercise 11.5 · Find the flip
#
# Write `flip(answer, low, high)`: `answer` is a function of one number, and its value at `high` differs from that at `low`. Return a number, to a thousandth of `high`, at which the answer is no longer that of `low`. Then use it: at what
# `requests_per_day` does the direction of the support macros change?


# %% tags=["lesson"]
def flip(answer, low, high):
    ### BEGIN SOLUTION 11.5
    at_low, same, other = answer(low), low, high
    while other - same > high / 1000:
        middle = (same + other) / 2
        same, other = (middle, other) if answer(middle) == at_low else (same, middle)
    return other
    ### END SOLUTION


# %% tags=["nbval-check-output", "lesson"]
exercise("11.5").check(flip)

# %% [markdown] tags=["lesson"]
# ## Exercise 11.6 · Your feature
#
# State a feature of your own: `mine = Requirements(…)`, at least six fields different from the defaults. The check says what follows, and what you should argue about first.

# %% tags=["lesson"]
mine = ...
### BEGIN SOLUTION 11.6
mine = Requirements(
    lookup_share=0.7,
    changes_per_year=26,
    citations=True,
    requests_per_day=300,
    cost_wrong=20,
    least_right=0.8,
    labelled_examples=50,
)
### END SOLUTION

# %% tags=["nbval-check-output", "lesson"]
exercise("11.6").check(mine)

# %% [markdown] tags=["lesson"]
# ## What we found

# %% tags=["lesson"]
policy_case, macros = found["policy assistant"], found["support macros"]
right = {
    name: out_of({**vars(evidence[name]), "share": evidence[name].value})
    for name in ("closed book", "RAG", "prompt", "tuned")
}
answer = f"""**What do we decide, and what would change our mind?** The Managing
director signs. Policy assistant: *{policy_case.answer}* ({right["RAG"]} right with a
search, {right["closed book"]} from memory), {policy_case.readiness.state}. Support
macros: *{macros.answer}* ({right["tuned"]} tuned, {right["prompt"]} by prompt),
{macros.readiness.state}. The privacy lead keeps the rights in the search, the
engineer gets the next step: {policy_case.next.fix}"""
the_climb("11")

# %% tags=["lesson"]
asked = [one for one in found.values() if "look-ups" in one.parts]
looked_up = sum(one.parts["look-ups"].searches for one in asked)
tuned = sum(any(part.trained for part in one.parts.values()) for one in found.values())
what_we_found(
    answer,
    {
        "retrieval first, for what is looked up": (
            looked_up == len(asked),
            f"{looked_up} of {len(asked)} features that look something up get a search",
        ),
        "fine-tuning where behaviour still needs it": (
            0 < tuned < len(found),
            f"{tuned} of {len(found)} features are tuned; else no measured gain pays",
        ),
    },
)

# %% [markdown] tags=["lesson"]
# **You have seen**
# - rules that leave no choice, each with its reason, and a walk that a number decides;
# - readiness apart from direction, and what a question is worth in cases, EUR and minutes;
# - where each answer flips, how robust it is, and a record of all of it.
#
# **For the decision:** keep the record for your own feature, and write down the two inputs you trust least among those that could change the answer: find those out next. **Next:** [12 · the same on your own documents and labels](12_your_own_data.ipynb)
