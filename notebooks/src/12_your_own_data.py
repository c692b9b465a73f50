# %% [markdown]
# # 12 · The same decision, for your own data: what should we build?
#
# **Why it matters.** Everything so far was measured on Brindlemark's handbook and its customers' messages. Your documents are longer, your labels are messier and your users ask differently, so you have to measure
# yourself, and the decision follows from your numbers. Your director, your privacy lead, your desk captain and your engineer sit at the table now. One command does it: it reads a folder, runs every system that the folder allows within the minutes you give, and decides as notebook 11 does.
#
# **On trial here:** *"Most of it is missing context, unclear boundaries or weak evaluation."* Here the evaluation has to say which, on your own questions.
#
# **Time:** 20 minutes to read · 5 minutes to run · 30 minutes of exercises. **Before:** 01 and 11 help; nothing is required. Without a folder of your own you work on a filled example; one line changes that.
#
# **Leaders:** this cell, the pictures, *What we found*. **Bonus** (all else is core): exercises 12.1 to 12.3.
#
# **By the end you can**
# - put documents, questions and labelled examples into a folder, in the files that you have, see whether your labels can be learnt from, and get a decision with its reasons in minutes;
# - read the report: which differences are real, which part is to blame for a wrong answer, what was not measured;
# - write thirty questions in an hour that tell your options apart, and say how many more you need.

# %%
import tempfile
from pathlib import Path

import pandas as pd
from IPython.display import FileLink, display

from helpers import plots
from helpers.commands.assess import assessed, default_out, plan, read_user_folder
from helpers.commands.assess import write_broken, write_example
from helpers.core import settings
from helpers.labs import what_happened

# %% [markdown]
# ## A folder, and one line to change
#
# Hardly anyone has files in the form that a tool dreams of. So this example looks like what a team finds in its drawers: pages of the handbook, a **test set written for ragas** (a common library that scores RAG; its rows have `user_input`, `reference` and `reference_contexts`), and a **CSV export of the help desk**, one message a row. We write it once from dev questions and training messages.
#
# To see your own data, set `FOLDER = Path("…")` to your folder and run the notebook again; the folder is only read. `MINUTES` is how long the models may work. A few minutes are enough to try everything once, not to measure everything: the report says what it left out and how long that would take.
#
# Any part may be missing. What is there decides what can be measured:
#
# | what is in the folder | what it unlocks |
# | --- | --- |
# | `documents/` (Markdown, text, HTML, PDF, Word, Excel) and `questions` | closed book, RAG, whole documents in the prompt, what the search finds |
# | evidence: a sentence from the documents beside the answer (in ragas `reference_contexts`) | the **oracle** (the right passage in the prompt), and with it the cause of each wrong answer |
# | `groups` and `as_of` in the questions | who asks, and on which day: passages that this user is not allowed to see are not shown (without `groups` the user may read everything) |
# | `examples`: input and right output | a classifier, few-shot, **tuned** on all of them |
# | `schema.json` | which outputs a program would accept; without it the form is taken from the training rows |
# | `assess.toml` | what the work requires, another model or endpoint, names of columns, how to search |
#
# `questions` and `examples` may be `.jsonl`, `.json`, `.csv` or `.xlsx`. For test sets the forms of SQuAD, ragas, deepeval and promptfoo are known, for training rows OpenAI's chats, Alpaca, and prompt and completion; `docs/formats.md` shows what each gave.
#
# Below: what is there, and which of the names in your files were taken for which of ours. A name that is not known would be a fault that says what to rename.

# %%
EXAMPLE = settings.my_work() / "assess-export"
EXAMPLE.exists() or write_example(EXAMPLE, exported=True)
FOLDER = EXAMPLE  # the one line to change
MINUTES = 5
OUT = default_out(FOLDER)


def say(text):
    print(str(text).replace(str(settings.my_work()), "my_work"))


say(f"reads {FOLDER}, writes {OUT}")

# %%
pd.set_option("display.max_colwidth", 110)
own = read_user_folder(FOLDER)
answerable = [case for case in own.questions if case.gold.answers]
there = {"documents": len(own.documents), "questions": len(own.questions)}
there["… that should be refused"] = len(own.questions) - len(answerable)
there["… with evidence"] = sum(bool(case.gold.evidence) for case in answerable)
there |= {"labelled examples": len(own.examples), "faults": len(own.faults)}
there["requirements stated"] = len(own.wishes.stated)
display(pd.Series(there, dtype=object, name="there").to_frame())
print(*own.remarks[:8], sep="\n")

# %% [markdown]
# ## A folder with faults
#
# Real folders are never clean. In a copy of the example we leave out a comma, write a table where a text belongs, quote a text that no document has, and add half a PDF. A tool can react in three ways: stop, stay
# silent, or name each fault and continue with the rest. Only with the third do you know what your numbers are made of.

# %%
BROKEN = """{"user_input": "Parking?" "reference": "visitors"}
{"user_input": "Dogs?", "reference": {"dogs": "no"}}
{"user_input": "How long?", "reference": "9 h", "reference_contexts": ["For 9 h."]}
"""
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
    bad = write_broken(EXAMPLE, Path(home) / "bad", BROKEN)
    whole, found = read_user_folder(EXAMPLE), read_user_folder(bad)
display(pd.DataFrame(map(vars, found.faults)).astype({"line": "Int64"}))
new = len(found.questions) - len(whole.questions)
what_happened(f"{len(found.faults)} faults. Questions asked: {new} of 3.")

# %% [markdown]
# Each fault has its file, its line where there is one, and a reason that says what to do. A question of which only the evidence could not be found is asked anyway, but a wrong answer to it
# cannot be attributed. The report lists the same faults, so that its readers see what the numbers leave out.
#
# ## Can these labels be learnt from?
#
# Some things spoil a folder without any fault, for every row can be read: the same message with two labels, or one label in two spellings. A **label audit** finds them without any model, in a second. We write such a copy of the CSV file: twenty messages come a second time, as "billing", and ten labels are in capitals. Predict first: on what share of its rows can the best possible system be right?

# %%
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
    spoilt = write_broken(EXAMPLE, Path(home) / "spoilt")
    sheet = pd.read_csv(spoilt / "examples.csv", dtype=str)
    sheet.loc[60:69, "category"] = sheet.loc[60:69, "category"].str.upper()
    both = pd.concat([sheet, sheet.head(20).assign(category="billing")])
    both.to_csv(spoilt / "examples.csv", index=False)
    divided = read_user_folder(spoilt)
print(f"{len(divided.examples)} examples, {len(divided.faults)} faults")

# %%
from helpers.data import label_audit

for name, one in (("your folder", own), ("the spoilt copy", divided)):
    if one.examples:
        audit = label_audit(one.examples)
        best = plots.percent(audit.ceiling)
        display(audit.table()[["count", "of", "example", "what to do"]])
        told = f"In {name} ({audit.rows} rows) the best possible system is right in"
        display(what_happened(f"{told} {best}."))

# %% [markdown]
# <details><summary><b>Why</b></summary>
#
# Of two rows that contradict each other one is wrong for any system, so each pair lowers the **ceiling** by one row. Labels in capitals are labels of their own to every program, and cost rows on both sides. Training on all this would not fail: it would give a worse number, and nothing would say why. The report has the same table, with held-out rows that are nearly in training and with labels that a classifier doubts. Where
# more than one in twenty labels contradict each other, the decision says to settle them first: two people label twenty rows apart, and talk about each difference.
# </details>
#
# **Checkpoint 12.a** · Two colleagues label the same message differently. What does that do to the best possible score?
#
# <details><summary>A · Nothing: the model learns the average.</summary>No. Of two rows that contradict each other one is wrong, whatever the model says.</details>
# <details><summary>B · It lowers the ceiling for every system.</summary>Yes. And nothing in the training would say why it stopped rising.</details>
# <details><summary>C · It only matters for small models.</summary>No. It binds the best model as much.</details>
#
# ## What will be run, and in which order?
#
# Before anything is measured, the plan. First what needs no model: seconds. Then two cases of everything, which show how fast your machine is with your texts. Then
# the arms that can *decide*: RAG for questions; for examples, training on all rows by the recipe of notebook 06. Then what these are compared with, each on as many
# cases as the interval needs: a pair that is clear gets no more minutes while another is open, and an arm that was right on none of 32 cases is asked no further.
# Every arm sees *the same first cases*, so whenever time runs out, any two can be compared case by case.

# %%
from helpers.commands.assess import DECIDING_PREPARATION, KEEP_BACK, rounds

steps = plan(FOLDER)
display(steps.dropna(axis="columns", how="all"))
print("rounds over the cases:", list(rounds(int(steps["cases"].max()))))
kept, most = plots.percent(KEEP_BACK), plots.percent(DECIDING_PREPARATION)
print(f"for the report at least {kept} of {MINUTES:g} minutes is kept;")
print(f"training may take {most} of what is left")

# %% [markdown]
# ## Run it
#
# **Predict** first: what share of *all* its cases does each get right? For questions that counts right refusals, too. And which option will the decision be?
#
# The cell after the guess takes the minutes you gave it, the report included. Stop it and run it again, or run it again when it is done: what was measured is saved, and it resumes from there, for at most that many more minutes. In a shell it is
# `python3 workbook.py assess FOLDER --minutes N`; both share their results.

# %%
from helpers.labs import answer_guess, guess_of, predict, record
from helpers.decision import OPTIONS

my_option = ...  # one of the names that this cell prints
print("my_option:", ", ".join(option.name for option in OPTIONS))
names = [name for name in ("RAG", "oracle context", "few-shot") if name in steps.index]
predict("12.right", "Share right on this folder", names)

# %%
from helpers.evaluation import share

results, report = assessed(FOLDER, OUT, MINUTES, say)
print(f"{report['minutes_used']:.1f} of {MINUTES:g} minutes, with {report['model']}")
for name in names:
    if name in results.tables:
        seen, title = results.tables[name], f"{name}: right on this folder"
        record(f"12.right/{name}", title, share(seen), seen.attrs)
_ = answer_guess("12.right")

# %% [markdown]
# ## How often is each right?
#
# One picture for the questions, one for the examples. Look for the baselines first: none of *always refuse*, *best sentence*, *majority label*, *nearest neighbour* and *classifier* needs a language model. What does not beat them is worth nothing, however high its bar.
#
# One bar hides two things: answering and refusing. The decision counts the questions that have an answer; a system that refuses everything would shine in the other column. Look at `n`, too: an arm that started late has seen few cases.

# %%
from helpers.commands.assess import arms_table, by_kind, finding

COLUMNS = ("share", "low", "high", "n", "seconds")
BESIDE = ("right, of answerable", "refused, of what should be")
for kind, tables in by_kind(results).items():
    table = arms_table(tables)
    guesses = guess_of("12.right") or {}
    guesses = {name: one for name, one in guesses.items() if name in table.index}
    display(plots.bars(table, finding(table), f"share of {kind} right", guesses))
    more = [name for name in BESIDE if name in table]
    display(table[[*COLUMNS, *more]].round(2))

# %% [markdown]
# ## Your own best system
#
# You have not come with empty hands: the climb has a best step, the system with the most right answers so far. Here it is asked the questions that RAG was asked above, by the same model, with the same rights and judged by the same rules. The report's RAG is built in another way (longer passages, three of
# them, meaning and words weighed together), so look which of the two does better on *these* documents, and whether the interval lets you say so. On the example it plays at home, for the course chose it on dev questions; on your folder it does not.

# %%
from helpers.commands.assess import climbed

yours = climbed(results, OUT)
columns = [name for name in (*COLUMNS, *BESIDE) if name in yours.beside()]
display(yours.beside()[columns].round(2))
what_happened(yours.sentence())

# %% [markdown]
# ## Which differences are real, and what was not measured?
#
# Two bars are compared on the cases that both were asked. An interval that covers zero says *cannot tell*; then it matters whether more minutes would help, or only more cases. And a report that hides what it left out is
# advertising: so here is also what the minutes did not reach, why, and how many more it would take.

# %%
clear = [pair for pair in results.compared if pair.verdict != "cannot tell"]
if results.compared:
    title = f"{len(clear)} of {len(results.compared)} differences are clear of zero"
    display(plots.differences(results.compared, title))
print(*(results.to_settle or ["Every difference is clear."]), sep="\n")
for one in results.skipped:
    print(f"{one.name}: {one.reason}; {one.cases_left} cases not asked")
more = report["more_minutes"]
print(f"To measure all of it: {more:g} more minutes." if more else "Nothing left out.")

# %% [markdown]
# **Checkpoint 12.b** · After five minutes an arm has seen eight cases and has the highest bar. What do you do?
#
# <details><summary>A · Report it as the winner.</summary>No. Look at n before you look at the bar.</details>
# <details><summary>B · Compare it on the cases both were asked, and give it more minutes if the pair is open and matters.</summary>Yes. The report names the pair that is worth settling.</details>
# <details><summary>C · Drop it: too few cases.</summary>No. Few cases are not a bad result, only an uncertain one.</details>
#
# ## What caused a wrong answer?
#
# For questions with evidence we know, by swapping one thing: the right passage in place of those the search found. [**Retrieval**](GLOSSARY.md): it was not found, and with it the model is right. [**Distraction**](GLOSSARY.md): it was found, and the
# other passages misled the model. **Reading**: it was found, and the model is wrong with the right passage alone, too. [**Both**](GLOSSARY.md): it was not found, and with the right passage alone the model is wrong, too. Each
# has a different fix: for *retrieval* a better search is enough, for *both* it is only the first half.

# %%
from helpers.commands.assess import lost_by
from helpers.evaluation import blame

most, lost = lost_by(results)
said = f"{most} loses " + ", ".join(f"{n} by {cause}" for cause, n in lost.items())
if results.causes:
    named = [table.assign(system=name) for name, table in results.causes.items()]
    display(plots.attribution(blame(pd.concat(named), by="system"), said))
if results.search is not None:
    display(results.search.round(2))
what_happened(f"{lost.sum()} wrong answers have a cause: {said}.")

# %% [markdown]
# The table under the picture is the search alone: for how many questions with evidence is all of it among the first passages? Apart from chance and memory, RAG cannot be right more often than that, whichever model reads. What to do next follows from what loses most:
#
# | loses most | do next |
# | --- | --- |
# | retrieval | chunks and retrievers (03), before any training |
# | distraction | fewer passages, or a better order (02, 09) |
# | reading | another prompt, a stronger model or a tuned reader (08); where the search already finds most, work on it is wasted |
# | both | neither alone would help: change search and reader, and measure after each step |
#
# With few questions the intervals are wide; then the honest reading is "mostly reading", not a percentage.
#
# ## The decision
#
# The same `decide` as in notebook 11: what to build for each kind of request, whether this model is good enough, what to do next. Every number is *yours*, with its model and folder; what facts trained into weights did at the example company is shown as a warning, and read by no rule.
#
# Some requirements are stated in `assess.toml`, some are seen in the folder, and the rest is *assumed*: no one has confirmed it. The picture in the second cell shows which of them the answer depends on. Below it is what you hand in: one page with its pictures inside, the same as Markdown, and every number as JSON; and every answer as JSON Lines and CSV, for other people's tools.

# %%
decision, sources = results.decision, pd.Series(results.sources, name="source")
print("your guess:", "none" if my_option is ... else my_option)
print("stated or seen:", ", ".join(sources[sources != "assumed"].index))
columns = ["kind", "option", "rule", "reason"]
ruled_out = pd.DataFrame(report["decision"]["out"], columns=columns)
display(ruled_out.groupby("reason", sort=False)["option"].agg(", ".join).to_frame())
decision

# %%
import os

from helpers.labs import what_if

board = what_if(decision.requirements, decision.evidence)
print(board.sentence())
display(board.readiness(), board.flip_chart(), board.flip_chart("readiness"))
for name in ("report.html", "report.md", "report.json", "predictions.csv"):
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

wishes, wrong = read_config("""[requirements]
citations = true                # an answer names its source
cost_wrong = 20                 # EUR
requests_per_day = 200""")
meeting = decide(decision.requirements.but(**wishes.stated), decision.evidence)
print(f"faults in these lines: {wrong or 'none'}")
for when, one in (("before", decision), ("after", meeting)):
    ready = one.readiness
    print(f"{when}: {one.answer}; {ready.state}, needed {plots.percent(ready.needed)}")

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
# How many are enough? Thirty show the big problems: that the search fails, that the model cannot read, that it never refuses. For a difference of a few points you need hundreds, and *to settle* above says how many for your pairs.
# Halving the interval takes four times as many questions; writing better ones is cheaper.
#
# **Checkpoint 12.c** · You write the test questions with the passage on the screen. What will your numbers say?
#
# <details><summary>A · That any search finds it.</summary>Yes. The question carries the words of the passage; real users do not know them.</details>
# <details><summary>B · That the model reads badly.</summary>No. They will flatter every part of the system.</details>
# <details><summary>C · The truth, since the answers are right.</summary>The answers may be right, and the wording is still not that of your users.</details>
#
# ## Three traps
#
# 1. **Questions written from the chunk.** With the passage on the screen you use its words, and then any search finds it.
# 2. **Answers that leak.** An example shown in the prompt, or in training, that answers a test question; a question that contains its answer ("Is it true that it is 17 days?").
# 3. **Test rows in train.** The same message twice, or the second mail of the same customer, on both sides. `assess` splits your examples so that equal messages stay together, and the label audit names those that are nearly equal; neither can know your customers.
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
from helpers.evaluation import wilson


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
# ## Exercise 12.3 · The ceiling
#
# A team has trained for weeks and is stuck at 80 %. Its labels come from three people, and nobody has compared them. Write `ceiling(rows)`: `rows` are pairs `(message, label)`; on what share of them can a system be right at best, if it gives one label to each message? Two messages are the same where `plain` makes them so (capitals, spaces and punctuation do not count).

# %%
from helpers.data import plain


def ceiling(rows):
    ### BEGIN SOLUTION 12.3
    labels = {}
    for message, label in rows:
        labels.setdefault(plain(message), []).append(label)
    best = sum(max(map(some.count, some)) for some in labels.values())
    return best / len(rows)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
exercise("12.3").check(ceiling)

# %% [markdown]
# ## On Monday
#
# 1. `python3 workbook.py assess --example my_folder` writes the folder; replace what is in it. Start with the documents that hurt, not with all of them.
# 2. Thirty questions in an hour, with evidence and refusals; the labels that you have, even if they are few. Audit them before you train.
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
#
# ## What we found

# %%
from helpers.commands.assess import on_trial
from helpers.labs import decided, out_of, the_climb, what_we_found

display(the_climb("12"))
tables = {name: results.tables[name] for name in names if name in results.tables}
shares = ", ".join(f"{name} {out_of(share(t))}" for name, t in tables.items())
what_we_found(
    f"""**The same decision, for your own data: what should we build?**
    {decision.answer}; alone: {decision.readiness.state}. {decision.next.fix}
    {decided.would_change(board)} Right are: {shares or "0 of them asked"}.""",
    on_trial(results),
)

# %% [markdown]
# **You have seen**
# - a folder in other people's forms turned into baselines, systems, attribution and a decision, and labels that contradict each other, with the ceiling that they set;
# - which differences were real, what the minutes did not reach, and requirements that are changed without a new measurement;
# - what good questions are made of, and the three traps that make any number look good.
#
# **For the decision:** hand in `report.html` with the two inputs you trust least among those that could change the answer. This is the end of the course: the folder, the journal and the board are yours.
