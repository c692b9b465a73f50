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

from helpers.decision import OPTIONS, SCENARIOS, Requirements, above, decide, gain
from helpers.decision import load_findings, span
from helpers.labs import answer_guess, board, calibration, choices, decided, predict
from helpers.labs import predict_which, record, settle, the_climb, what_happened
from helpers.labs import what_if, what_we_found

pd.set_option("display.max_colwidth", 100)
evidence, guesses = load_findings(), calibration()
found = {name: decide(one.requirements, evidence) for name, one in SCENARIOS.items()}

# %% [markdown] tags=["lesson"]
# ## First decide by hand
#
# Two features, and below them what was measured for such requests with the same small model (share of right answers, 95 % interval, n). No framework yet, only the table: what would you build, and would you let it answer alone?
#
# **A · policy assistant.** Staff ask about leave and travel; the answer must name its source, differs by country, and changes 50 times a year. Asking a colleague costs 6 EUR, a wrong answer 25 EUR.
#
# **B · support macros.** Each ticket gets a category, a product and a priority; 600 tickets are labelled; the rules for labels change four times a year. Sorting by hand costs 1.50 EUR, a wrong queue 4 EUR.
#
# (Right answers to B are counted on the tickets of the frozen test, which are fewer than the dev tickets of 06: what could be measured there may be open here. *Lost
# to the search* is what the search loses alone.)
#
# The costs are guesses of their owners. So guess a third thing: vary every stated number of A at random, between a third and three times its value. In what share of the draws will the answer to *what to build* stay the same?

# %% tags=["lesson"]
seen = ["closed book", "RAG", "reader + RAG", "lost to the search"]
seen += ["prompt", "retrieved examples", "classifier", "tuned"]
columns = ["about", "says", "value", "low", "high", "n"]
display(evidence.table().loc[seen, columns].infer_objects().round(2))
BUILD = [option.name for option in OPTIONS]
display(predict_which("11.policy", "A: what would you build?", BUILD))
display(predict_which("11.macros", "B: what would you build to label tickets?", BUILD))
predict("11.agreement", "A: in what share of draws the same?", ["policy assistant"])

# %% [markdown] tags=["lesson"]
# ## The walk, on the same two
#
# The framework asks three questions, each by itself, and answers each in one paragraph. **1 · What to build:** what do the requirements rule out; then, for *each kind of request*, walk from the simplest option on, and take a further step only where it **clearly pays**. *Cannot
# tell* and *nobody has measured it* keep the simpler one, and are listed as open. **2 · Is it ready:** right today against right needed. **3 · What next:** first fix what loses most, then settle the one open pair that is worth it.

# %% tags=["lesson"]
for name, id, kind in (
    ("policy assistant", "11.policy", "look-ups"),
    ("support macros", "11.macros", "judgements"),
):
    print(name.upper(), *found[name].paragraphs, sep="\n")
    settle(id, found[name].parts[kind].name, ["a person", *BUILD])
    print()
what_happened(decided.one_by_one(found, ("policy assistant", "support macros")))

# %% [markdown] tags=["lesson"]
# That nothing may answer alone yet is a statement about *this model*, not about RAG or fine-tuning. Mixing the two is how meetings end in "not yet".
#
# Two numbers need a word. In *First fix the search*, what is lost to the search has two parts: what it loses alone, which is the number in the table, and what
# search and reader lose together. A better search wins back the first part; for the second it is only the first half of the work. And what an open pair *can win* a year assumes that the gain measured so far is the true one, and
# that every answer it puts right would have cost its owner's full price. It ranks what to measure next; it is no budget.
#
# ## By hand: when does a step pay?
#
# A further step costs more: upkeep of an index, labels, releases. In return more answers are right. How many more must be right for it to pay? That number is the [**line**](GLOSSARY.md). The other side is what was
# measured: how much more often is RAG right than the model alone? The step pays only if the *whole interval* lies above the line. If all of it lies below, it does not pay; if the line is inside the interval, these cases cannot decide.

# %% tags=["lesson"]
policy = SCENARIOS["policy assistant"].requirements
a_year = 12 * policy.index_hours * policy.person_per_hour
a_request = a_year / (365 * policy.requests_per_day)
needed = a_request / policy.cost_wrong
known = gain(span(evidence["closed book"]), span(evidence["RAG"]))
pays = {True: "it pays", False: "it does not pay", None: "undecided"}
what_happened(f"""An index costs {a_year:,.0f} EUR a year, {a_request:.3f} a request.
So the line is {100 * needed:.2f} more right answers in 100; measured are
{100 * known.low:.0f} to {100 * known.high:.0f} more: {pays[above(known, needed)]}.""")

# %% [markdown] tags=["lesson"]
# (`found["policy assistant"].table()` has every pair that was weighed, with all that an option brings along: tokens or machine time, labels, releases, upkeep.)
#
# **Checkpoint 11.a** · A further step gains between a little less than nothing and a lot. Its cost would need a small gain. What does the walk do?
#
# <details><summary>A · Takes it: the middle is above the line.</summary>No. Then every expensive option wins where nothing was measured well.</details>
# <details><summary>B · Keeps the simpler option, and lists the pair as open.</summary>Yes. Only where the whole interval lies above the line does a step pay for sure.</details>
# <details><summary>C · Stops without an answer.</summary>No. The simpler option is an answer.</details>
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
# ## Is it good enough?
#
# The walk gives a direction. Only now does the person come in who would otherwise answer. A system pays as long as running it, its wrong answers and its refusals
# together cost less than that person. This gives a share of right answers that is **needed**; a stated floor may ask for more. On fewer than 30 cases, or where a
# gate has failed, nothing may answer alone.

# %% tags=["picture-ready", "lesson"]
case = what_if(policy, evidence)
case.readiness()

# %% [markdown] tags=["lesson"]
# **Checkpoint 11.b** · The direction is RAG and the readiness says no. What do you report?
#
# <details><summary>A · Not yet.</summary>No. That hides the half that is decided.</details>
# <details><summary>B · That RAG does not work.</summary>No. It is the right place for these facts; this model is not good enough to answer alone.</details>
# <details><summary>C · Build RAG, a person answers meanwhile, and this is the next step.</summary>Yes. Three questions, three answers.</details>
#
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
# ## What is out before any number
#
# Some requirements leave no choice, whatever was measured: what cannot name its source is out where sources must be named. Others are gates: an option may be built, and may not answer alone until something has been shown. Each rule is one small function, and its docstring is the reason that a decision shows. You can read them all, change
# them, and add your own. Facts in weights are no option at all: they are shown with what 07 measured, and never recommended.

# %% tags=["lesson"]
import inspect

from helpers.decision import Threshold, rules

print(inspect.getsource(rules.must_cite), inspect.getsource(rules.who_asks_matters))
kinds = {"rules out": rules.HARD, "gate": rules.GATES}
pd.DataFrame(
    [(name, kind, one.reason) for kind in kinds for name, one in kinds[kind].items()],
    columns=["rule", "what it does", "reason"],
).set_index("rule")

# %% [markdown] tags=["lesson"]
# ## Exercise 11.4 · A gate of yours
#
# Your company requires: *before any option with a search answers alone, it must refuse at least half of the questions that should be refused.* Write it as a gate: a function that returns a `Threshold` (what is known, and the line it must lie above), or `None` where the rule does
# not apply to the option. What has not been measured is not known: `span(None)`. (To make it count in this notebook: `rules.gate("rightly refused")(refuses_enough)`, and run the board again.)


# %% tags=["lesson"]
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
# ## What it costs, and what would change it
#
# Three pictures of the policy assistant. What 1,000 requests cost, wrong and refused answers included. Then every input that can change *what to build*, moved alone over its plausible range: the colour is the answer, the mark is what is stated. Then the same for *is it ready*. Under them the answer to your third guess.

# %% tags=["lesson"]
display(case.costs(), case.flip_chart(), case.flip_chart("readiness"))
told = "policy assistant: draws around the stated numbers with the same direction"
agreed = {name: getattr(case.agreement, name) for name in ("share", "low", "high", "n")}
about = {"answer": case.decision.answer}
record("11.agreement/policy assistant", told, agreed, about)
answer_guess("11.agreement")
what_happened(decided.how_firm(case))

# %% [markdown] tags=["lesson"]
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

# %% [markdown]
# ## The decision board
#
# The same numbers meet different requirements: first six features as a table (the two from above and four from other companies), each with what its owners should
# argue about; then the board itself. Choose a scenario or answer the questions yourself; switch a number off to see what depends on it, or type your own beside it.
# The button saves a [**decision record**](GLOSSARY.md) in `my_work/decisions/`: the answer, its reasons, the pictures, what was stated and measured, and where each
# number comes from.

# %%
display(decided.six(found))
what_happened(decided.in_all(found))

# %%
board(evidence, guesses=guesses)

# %% [markdown] tags=["lesson"]
# **Look for:** the switch *Is it enough to show the place …?*; what happens to *fine-tune* when the rules for labels change more than twelve times a year; from which share of right answers on a good system of yours may answer alone (type `270 of 300` beside RAG);
# and that the cost of a person's answer moves what is needed, never what to build.
#
# What to build would mostly survive a stronger model; whether it is ready would not: measure again with yours.
#
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
# ## How good were your guesses?
#
# Over the course you have made guesses before the results. *Error* is guess minus value: above zero means too optimistic. *Inside* says whether the guess was inside the interval. A mean error far from zero is a habit; take it into account for the inputs above that nobody can
# measure, for the cost of a wrong answer is a guess, too.

# %% tags=["lesson"]
guesses, chosen = calibration(), choices()
for table in (guesses.drop(columns=["low", "high"]).round(2), chosen):
    if len(table):
        display(table)
what_happened(decided.how_calibrated(guesses, chosen))

# %% [markdown] tags=["lesson"]
# **Checkpoint 11.c** · Your guesses were too hopeful throughout the course. What do you do with the cost of a wrong answer, which nobody can measure?
#
# <details><summary>A · Nothing, that is a different matter.</summary>No. It is a guess of the same person.</details>
# <details><summary>B · State a range, and look whether the answer flips inside it.</summary>Yes. Where it does not, the habit costs nothing; where it does, find that number out next.</details>
# <details><summary>C · Halve it.</summary>No. A wrong habit does not say by how much a single number is wrong.</details>
#
# ## What we found

# %% tags=["lesson"]
display(the_climb("11"))
a, b = found["policy assistant"], found["support macros"]
what_we_found(
    f"""**What do we decide, and what would change our mind?** The Managing director
    signs. Policy assistant: *{a.answer}*, alone: {a.readiness.state}; right are
    {decided.right_of(evidence, "RAG", "closed book")}. Support macros: *{b.answer}*,
    alone: {b.readiness.state}; right are
    {decided.right_of(evidence, "retrieved examples", "prompt")}. Next, for the
    engineer: *{a.next.fix}* {decided.would_change(case)}""",
    decided.retrieval_first(found),
)

# %% [markdown] tags=["lesson"]
# **On Monday**, with the course's own numbers: build the search and let it suggest while a person answers, and fix what it does not find before anything is trained
# for it. For the macros put similar labelled tickets into the prompt, have more of them labelled and checked by a second person, and tune for the house style alone.
# Nothing answers alone yet.
#
# **You have seen**
# - rules that leave no choice, each with its reason, and a walk that a number decides;
# - readiness apart from direction, and what a question is worth in cases, EUR and minutes;
# - where each answer flips, how robust it is, and a record of all of it.
#
# **For the decision:** keep the record for your own feature, and write down the two inputs you trust least among those that could change the answer: find those out next. **Next:** [12 · the same on your own documents and labels](12_your_own_data.ipynb)
