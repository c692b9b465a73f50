# %% [markdown]
# # 12 · The same decision, for your own data: what should we build?
#
# **Why it matters.** Everything so far was measured on Brindlemark's handbook and its customers' messages. Your documents are longer, your labels are messier and your users ask differently, so you have to measure
# yourself, and the decision follows from your numbers. One command does it: it reads a folder, runs every system that the folder allows within the minutes you give, and decides as notebook 11 does.
#
# **Time:** 20 minutes to read · 4 minutes to run · 45 minutes of exercises. **Before:** 01 and 11 help; nothing is required. Without a folder of your own you work on a filled example; one line changes that.
#
# **By the end you can**
# - put documents, questions and labelled examples into a folder, and get a decision with its reasons in minutes;
# - read the report: which differences are real, which part is to blame for a wrong answer, what was not measured;
# - write thirty questions in an hour that tell your options apart, and say how many more you need.

# %%
import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import FileLink, display

from helpers import plots
from helpers.commands.assess import assessed, default_out, plan, read_user_folder, write_example
from helpers.core import settings

pd.set_option("display.max_colwidth", 110)

# %% [markdown]
# ## A folder, and one line to change
#
# We write a filled example folder once: pages of the handbook, dev questions, training messages. To see your own data, set `FOLDER = Path("…")` to your folder and run the notebook again; the folder is only read.
# `MINUTES` is how long the models may work. A few minutes are enough to try everything once, not to measure everything: the report says what it left out and how long that would take.

# %%
EXAMPLE = settings.my_work() / "assess-example"
if not EXAMPLE.exists():
    write_example(EXAMPLE)

FOLDER = EXAMPLE  # the one line to change
MINUTES = 3
OUT = default_out(FOLDER)


def say(text):
    print(str(text).replace(str(settings.my_work()), "my_work"))


say(f"reads {FOLDER}, writes {OUT}")

# %% [markdown]
# Any part may be missing. What is there decides what can be measured:
#
# | what is in the folder | what it unlocks |
# | --- | --- |
# | `documents/` (Markdown, text, HTML, PDF) and `questions.jsonl` | closed book, RAG, whole documents in the prompt, what the search finds |
# | `evidence` in the questions: document and quote | the **oracle** (the right passage in the prompt), and with it the cause of each wrong answer |
# | `groups` and `as_of` in the questions | who asks, and on which day: passages that this user is not allowed to see are not shown (without `groups` the user may read everything) |
# | `examples.jsonl`: input and right output | few-shot, zero-shot, **tuned** on different numbers of examples |
# | `schema.json` | which outputs a program would accept; without it the form is taken from the training rows |
# | `assess.toml` | what the work requires, another model or endpoint, how to search |
#
# Below: what is there; then one line of each file as it is, and a quote with the text around it. That is the whole format: anyone who can fill in a spreadsheet can make such a file.

# %%
own = read_user_folder(FOLDER)
answerable = [case for case in own.questions if case.gold.answers]
there = {
    "documents": len(own.documents),
    "characters": own.characters,
    "questions": len(own.questions),
    "… that should be refused": len(own.questions) - len(answerable),
    "… with evidence": sum(bool(case.gold.evidence) for case in answerable),
    "labelled examples": len(own.examples),
    "a schema": own.schema is not None,
    "requirements stated": len(own.wishes.stated),
    "faults": len(own.faults),
}
pd.Series(there, dtype=object, name="there").to_frame()

# %%
for name in ("questions.jsonl", "examples.jsonl"):
    if (FOLDER / name).is_file():
        print(
            name,
            (FOLDER / name).read_text(encoding="utf-8", errors="replace").splitlines()[0],
            "",
            sep="\n",
        )

case = next((case for case in answerable if case.gold.evidence), None)
if case:
    quote = case.gold.evidence[0]
    text = next(document.text for document in own.documents if document.id == quote.doc)
    before, after = text[max(0, quote.start - 120) : quote.start], text[quote.end : quote.end + 60]
    print(f"{case.ask.input}\n… {before}[{quote.quote}]{after} …")

# %% [markdown]
# ## A folder with faults
#
# Real folders are never clean. In a copy of the example we leave out a comma, write a table where a list belongs, name a document that is not there, and add half a PDF. A tool can react in three ways: stop, stay
# silent, or name each fault and continue with the rest. Only with the third do you know what your numbers are made of.

# %%
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
    broken = shutil.copytree(EXAMPLE, Path(home) / "broken")
    with (broken / "questions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question": "Who may park at the gate?" "answers": ["visitors"]}\n')
        file.write('{"question": "May dogs come along?", "answers": {"dogs": "no"}}\n')
        file.write(
            '{"question": "How long is a visit?", "answers": ["3 days"], "evidence": [{"doc":'
            ' "visits/guests.md", "quote": "3 days"}]}\n'
        )
    (broken / "documents" / "plan.pdf").write_bytes(b"%PDF-1.4 half a file")
    whole, found = read_user_folder(EXAMPLE), read_user_folder(broken)
print(
    f"{len(found.faults)} faults; questions that are asked: {len(found.questions)} (without the new"
    f" lines {len(whole.questions)})"
)
pd.DataFrame([vars(fault) for fault in found.faults]).astype({"line": "Int64"})

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# Each fault has its file, its line where there is one, and a reason that says what to do. The last of the three questions is asked anyway: only its evidence could not be found, so a wrong answer to it
# cannot be attributed. The report lists the same faults, so that its readers see what the numbers leave out.
# </details>
#
# ## What will be run, and in which order?
#
# Before anything is measured, the plan. First what needs no model, then questions and examples in turn, the most informative first. Anything that needs training waits until the other systems have seen a few cases.
#
# How fast your machine is with your texts is not known beforehand, so the arms go in **rounds**: each sees its first two cases (which show its pace), then the first eight, and so on. Every arm sees *the same
# first cases*, so whenever time runs out, any two can be compared case by case.

# %%
from helpers.commands.assess import KEEP_BACK, LARGEST_PREPARATION, rounds

steps = plan(FOLDER)
display(steps.dropna(axis="columns", how="all"))
print("rounds over the cases:", list(rounds(int(steps["cases"].max()))))
print(
    f"of the {MINUTES:g} minutes at least {plots.percent(KEEP_BACK)} is reserved for the report;"
    f" training is not started if it would take more than {plots.percent(LARGEST_PREPARATION)} of"
    " what is left"
)

# %% [markdown]
# ## Predict
#
# What share of *all* its cases does each get right? For questions that counts right refusals, too. And which option will the decision be?

# %%
from helpers.labs import guess_of, predict, record
from helpers.decision import OPTIONS

my_option = ...  # one of the names that this cell prints
print("my_option:", ", ".join(option.name for option in OPTIONS))
names = [name for name in ("RAG", "oracle context", "few-shot") if name in steps.index]
predict("12.right", "Share right on this folder", names)

# %% [markdown]
# ## Run it
#
# This cell takes the minutes you gave it, the report included. Stop it and run it again, or run it again when it is done: what was measured is saved, and it resumes from there, for at most that many more minutes. In a shell it is
# `python3 workbook.py assess FOLDER --minutes N`; both share their results.

# %%
from helpers.evaluation import share

results, report = assessed(FOLDER, OUT, MINUTES, say)
print(f"{report['minutes_used']:.1f} of {MINUTES:g} minutes used, with {report['model']}")
for name in names:
    if name in results.tables:
        display(
            record(
                f"12.right/{name}",
                f"{name}: right on this folder",
                share(results.tables[name]),
                results.tables[name].attrs,
            )
        )

# %% [markdown]
# ## How often is each right?
#
# One picture for the questions, one for the examples. Look for the baselines first: none of *always refuse*, *best sentence* and *majority label* needs a language model. What does not beat them is worth nothing, however high its bar.
#
# One bar hides two things: answering and refusing. The decision counts the questions that have an answer; a system that refuses everything would shine in the other column. Look at `n`, too: an arm that started late has seen few cases.

# %%
from helpers.commands.assess import arms_table, by_kind, finding

measured = {kind: arms_table(tables) for kind, tables in by_kind(results).items()}
for kind, table in measured.items():
    guesses = {
        name: value for name, value in (guess_of("12.right") or {}).items() if name in table.index
    }
    display(plots.bars(table, finding(table), f"share of {kind} right", guesses))
    columns = [
        "share",
        "low",
        "high",
        "n",
        *(name for name in ("right, of answerable", "refused, of what should be") if name in table),
        "seconds",
    ]
    display(table[columns].round(2))

# %% [markdown]
# ## Which differences are real, and what was not measured?
#
# Two bars are compared on the cases that both were asked. An interval that covers zero says *cannot tell*; then it matters whether more minutes would help, or only more cases. And a report that hides what it left out is
# advertising: so here is also what the minutes did not reach, why, and how many more it would take.

# %%
clear = [pair for pair in results.compared if pair.verdict != "cannot tell"]
if results.compared:
    display(
        plots.differences(
            results.compared,
            f"{len(clear)} of {len(results.compared)} differences are clear of zero",
        )
    )
print(*(results.to_settle or ["Every difference is clear."]), sep="\n")
for one in results.skipped:
    print(f"{one.name}: {one.reason}; {one.cases_left} cases not asked")
more = report["more_minutes"]
print(
    f"Measuring all of it takes about {more:g} more minutes."
    if more
    else "Nothing was left out for lack of time."
)

# %% [markdown]
# ## What caused a wrong answer?
#
# For questions with evidence we know, by swapping one thing: the right passage in place of those the search found. **Retrieval**: it was not found, and with it the model is right. **Distraction**: it was found, and the
# other passages misled the model. **Reading**: it was found, and the model is wrong with the right passage alone, too. **Both**: it was not found, and with the right passage alone the model is wrong, too. Each
# has a different fix: for *retrieval* a better search is enough, for *both* it is only the first half.

# %%
from helpers.evaluation import blame

if results.causes:
    rows = pd.concat(
        [table.assign(system=name) for name, table in results.causes.items()], ignore_index=True
    )
    display(plots.attribution(blame(rows, by="system")))
if results.search is not None:
    display(results.search.round(2))

# %% [markdown]
# <details><summary><b>What happened</b></summary>
#
# The table under the picture is the search alone: for how many questions with evidence is all of it among the first passages? Apart from chance and memory, RAG cannot be right more often than that, whichever model reads. If the picture blames reading while the
# table is high, work on the search is wasted: a stronger model, another prompt or a tuned reader is next. If it blames retrieval, try chunks and retrievers (03) before any training. If it blames both, neither alone would help: the search first, then the reader, and measure after each. With few
# questions the intervals are wide; then the honest reading is "mostly reading", not a percentage.
# </details>
#
# ## The decision
#
# The same `decide` as in notebook 11: what to build for each kind of request, whether this model is good enough, what to do next. Every number is *yours*, with its model and folder; what facts trained into weights did at the example company is shown as a warning, and read by no rule.

# %%
decision = results.decision
print("your guess:", "none" if my_option is ... else my_option)
ruled_out = pd.DataFrame(report["decision"]["out"], columns=["kind", "option", "rule", "reason"])
display(ruled_out.groupby("reason", sort=False)["option"].agg(", ".join).to_frame())
decision

# %% [markdown]
# Some requirements are stated in `assess.toml`, some are seen in the folder, and the rest is *assumed*: no one has confirmed it. The picture shows which of them the answer depends on. Below it is what you hand in: one page with its
# pictures inside, the same as Markdown, and every number as JSON.

# %%
from helpers.labs import what_if

sources = pd.Series(results.sources, name="source")
print(
    sources.value_counts().to_string(),
    "stated or seen: " + ", ".join(sources[sources != "assumed"].index),
    sep="\n",
)
board = what_if(decision.requirements, decision.evidence)
print(board.sentence())
display(board.readiness(), board.flip_chart(), board.flip_chart("readiness"))
for name in ("report.html", "report.md", "report.json"):
    say(f"{OUT / name}: {(OUT / name).stat().st_size / 1000:,.0f} kB")
    if OUT.is_relative_to(settings.ROOT):
        display(FileLink(os.path.relpath(OUT / name)))

# %% [markdown]
# ## Change a requirement, not a measurement
#
# In the meeting someone says: *the auditors want the source of every answer, and a wrong answer costs twenty.* Nothing has to be measured again for that. The lines below are written as in `assess.toml`; a name that does not exist would be
# reported with its line.

# %%
from helpers.commands.assess import read_config
from helpers.decision import decide

wishes, wrong = read_config("""
[requirements]
citations = true                # an answer names its source
cost_wrong = 20                 # EUR
requests_per_day = 200
""")
meeting = decide(decision.requirements.but(**wishes.stated), decision.evidence)
print(f"faults in these lines: {wrong or 'none'}")
for when, one in (("before", decision), ("after", meeting)):
    print(f"{when}: {one.answer}; {one.readiness.state}, needed {one.readiness.needed:.0%}")
now, then = (
    {out.option.name for kind in one.direction.values() for out in kind.out}
    for one in (meeting, decision)
)
print("newly out:", ", ".join(sorted(now - then)) or "nothing")

# %%
# a change that does change it: the first of the pictures above, just before it and at it
for flip in list(board.flips)[:1]:
    for value in (flip.before, flip.at):
        one = decide(decision.requirements.but(**{flip.name: value}), decision.evidence)
        written = f"{value:.5g}" if type(value) is float else value
        said = one.answer if flip.about == "direction" else one.readiness.state
        print(f"{flip.name} = {written}: {said}")
if not len(board.flips):
    print("No single requirement changes this answer, over its whole plausible range.")

# %% [markdown]
# ## Thirty good questions in an hour
#
# The folder is only as good as its questions. Two people who know the work can write thirty in an hour, if they do not start from the documents:
#
# | minutes | what to do | why |
# | --- | --- | --- |
# | 0 to 10 | collect, do not invent: search logs, mails, chats, the last twenty tickets. Keep words, typos and half sentences | real users do not know the document's terms |
# | 10 to 35 | for each, find the answer in the documents and copy the sentence as `evidence`; into `answers` go all wordings that you would accept ("17 days", "17", "seventeen days") | the scorer is as strict as your list, and attribution needs the quote |
# | 35 to 45 | add a quarter that must be refused (`answers: []`): not in any document, a wrong premise, a competitor's product, or in a document that this user is not allowed to see (`groups`) | a test without them rewards a system that never says no |
# | 45 to 55 | ask five of them again as another person would: a newcomer, an angry customer, someone writing in a second language | the same fact, other words: does the answer hold? |
# | 55 to 60 | the other person answers ten without seeing your answers | where you two disagree, the question is at fault, not the model |
#
# ## How many are enough?
#
# Half the width of the 95 % CI, in points, for a number of questions and a share right:

# %%
from helpers.evaluation import wilson


def half_width(n, right):
    low, high = wilson(round(right * n), n)
    return (high - low) / 2


widths = {
    f"{plots.percent(right)} right": {
        n: 100 * half_width(n, right) for n in (5, 10, 30, 60, 100, 200, 400)
    }
    for right in (0.5, 0.8, 0.95)
}
enough = {
    points: next(n for n in range(2, 2_000, 2) if half_width(n, 0.5) <= points / 100)
    for points in (20, 10, 5)
}
print("; ".join(f"±{points} points at worst: {n} questions" for points, n in enough.items()))
pd.DataFrame(widths).rename_axis("questions").round(1)

# %% [markdown]
# So thirty questions show the big problems: that the search fails, that the model cannot read, that it never refuses. For a difference of a few points you need hundreds, and *to settle* above says how many for your pairs.
# Halving the interval takes four times as many questions; writing better ones is cheaper.
#
# ## Three traps
#
# 1. **Questions written from the chunk.** With the passage on the screen you use its words, and then any search finds it (exercise 12.3).
# 2. **Answers that leak.** An example shown in the prompt, or in training, that answers a test question; a question that contains its answer ("Is it true that it is 17 days?").
# 3. **Test rows in train.** The same message twice, or the second mail of the same customer, on both sides (exercise 12.5). `assess` splits your examples so that equal messages stay together; it cannot know your customers.

# %%
from helpers.data import plain

texts = pd.Series([plain(case.ask.input) for case in own.examples], dtype=object)
print(
    f"{len(texts)} examples, {texts.nunique()} different messages; split:"
    f" {report['folder']['split'] or 'none'}"
)
holding = [
    q
    for q in answerable
    if any(f" {plain(answer)} " in f" {plain(q.ask.input)} " for answer in q.gold.answers)
]
print(f"{len(holding)} of {len(answerable)} questions contain one of their answers")
for q in holding[:5]:
    print(f"{q.ask.input} [{' / '.join(q.gold.answers)}]")

# %% [markdown]
# (A question that offers a choice, such as "A or B?", contains its answer and may be a fair question. Look before you delete it.)
#
# ## Exercise 12.1 · The quote that is not there
#
# A colleague's reader refused every evidence quote for which `quote in text` is false. It shipped, and every quote that crossed a line break was lost. Write `stands(quote, text)`: is the quote in the text, letter for
# letter, if any run of spaces and line breaks counts as the same? And `exposing`: a pair `(quote, text)` for which the colleague is wrong.

# %%
from helpers.exercises import exercise


def stands(quote, text):
    ### BEGIN SOLUTION 12.1
    words = " ".join(quote.split())
    return bool(words) and words in " ".join(text.split())
    ### END SOLUTION


exposing = ...
### BEGIN SOLUTION 12.1b
exposing = "within three weeks", "Claims are paid within\nthree weeks."
### END SOLUTION

# %% tags=["nbval-check-output"]
exercise("12.1").check((stands, exposing))

# %% [markdown]
# ## Exercise 12.2 · The slide
#
# A slide says *RAG: 80 %*. In small print: five questions. Write `settled_at(right, n, line)`: if you asked twice, three times, … as many and the share stayed the same, at how many questions would the interval (`wilson`) no longer contain the line?
# `n` itself where that is so already; `None` where the share equals the line.


# %%
def settled_at(right, n, line):
    ### BEGIN SOLUTION 12.2
    if right / n == line:
        return None
    times = 1
    while True:
        low, high = wilson(times * right, times * n)
        if not low <= line <= high:
            return times * n
        times += 1
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("12.2").check(settled_at)

# %% [markdown]
# ## Exercise 12.3 · Written from the chunk
#
# A team let a model write its test questions from the passages, and its search found everything. In production it did not. Write `copied(question, quote)`: of the distinct words of the question with more than three letters, what share is
# in the quote as a word (ignoring capitals)? 0 where there are no such words. Then sort your own questions by it.

# %%
import re


def copied(question, quote):
    ### BEGIN SOLUTION 12.3
    words = {word for word in re.findall(r"\w+", question.casefold()) if len(word) > 3}
    there = set(re.findall(r"\w+", quote.casefold()))
    return len(words & there) / len(words) if words else 0.0
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("12.3").check(copied)

# %% [markdown]
# ## Exercise 12.4 · The link that leads outside
#
# You receive a folder to assess, and its `documents/` contains a link to your salary list. The check that shipped was `str(path).startswith(str(folder))`. Write `inside(folder, path)`: does this path, once links are resolved, end inside
# the folder?


# %%
def inside(folder, path):
    ### BEGIN SOLUTION 12.4
    return path.resolve().is_relative_to(folder.resolve())
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("12.4").check(inside)

# %% [markdown]
# ## Exercise 12.5 · A fair split
#
# Rows are dicts with `id`, `group` (the customer) and `input`. A colleague shuffles and splits them, so mails of one customer, and messages sent twice, end up on both sides. Write `straddling(train, test)`: the ids of training rows that share
# a customer or a message (`plain` normalises messages) with a test row. And `fair_split(rows)`, which returns `(train, test)` with nothing on both sides and 15 to 50 % of the rows to test.


# %%
def straddling(train, test):
    ### BEGIN SOLUTION 12.5
    groups, messages = {row["group"] for row in test}, {plain(row["input"]) for row in test}
    return sorted(
        row["id"] for row in train if row["group"] in groups or plain(row["input"]) in messages
    )
    ### END SOLUTION


def fair_split(rows):
    ### BEGIN SOLUTION 12.5b
    bundles = []  # (what its rows are known by, the rows)
    for row in rows:
        known, mine = {("group", row["group"]), ("message", plain(row["input"]))}, [row]
        for bundle in [bundle for bundle in bundles if bundle[0] & known]:  # this row joins them
            bundles.remove(bundle)
            known, mine = known | bundle[0], mine + bundle[1]
        bundles.append((known, mine))
    train, test = [], []
    for _, mine in sorted(bundles, key=lambda bundle: -len(bundle[1])):  # the largest first
        (train if len(train) + len(mine) <= 0.7 * len(rows) else test).extend(mine)
    return train, test
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("12.5").check((straddling, fair_split))

# %% [markdown]
# ## On Monday
#
# 1. `python3 workbook.py assess --example my_folder` writes the folder; replace what is in it. Start with the documents that hurt, not with all of them.
# 2. Thirty questions in an hour, with evidence and refusals; the labels that you have, even if they are few.
# 3. State in `assess.toml` what someone can answer today. Leave the rest assumed: the report says so.
# 4. Run it for ten minutes, read the faults first, then the wrong answers that the report shows. They say more than the share.
# 5. Do what the third paragraph says first, and measure only the pair that it names. Bring to the meeting the two inputs you trust least among those that could change the answer.
# 6. Keep the folder. It is the test for every model and index that comes after.
#
# The bundled small model shows differences, not realistic scores. For realistic scores, change one of these settings and run the same command again:
#
# | to use | set |
# | --- | --- |
# | another model from a hub, or a folder with one | `WORKBOOK_MODEL` (a folder's `assess.toml` can name one, but only your environment loads it); `WORKBOOK_DEVICE=cuda` where there is a card |
# | a model behind an OpenAI-compatible server | `[endpoint] url` and `model`; a host other than this machine must be named in `WORKBOOK_ENDPOINT_HOST`, its key in `WORKBOOK_ENDPOINT_KEY`. It cannot be tuned from here, and your texts leave the machine |
# | a Chroma server for the vectors | `CHROMA_URL=http://127.0.0.1:8000` |
# | more documents than can be embedded in the time | nothing: they are searched by their words (BM25), and the report says so; `[search] retriever = "dense"` insists |

# %% [markdown]
# ## What we found
#
# Build only what your own questions and labels support: the report says what to build, whether this model is good enough, and what to do first; where the intervals cannot tell, the simpler stays. Most of the work is not the model
# but the hour in which the questions are written.
#
# **You have seen**
# - a folder turned into baselines, systems, attribution and a decision, with its faults named and the rest used;
# - which differences were real, what the minutes did not reach, and a requirement that changes the answer without a new measurement;
# - how many questions an interval needs, and the three traps that make any number look good.
#
# **For the decision:** hand in `report.html` with the two inputs you trust least among those that could change the answer. This is the end of the course: the folder, the journal and the board are yours.
