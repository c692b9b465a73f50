"""Do facts stick in the weights? A model tuned on question -> answer rows of the handbook, and what
can be asked of it afterwards.

It is asked with the prompt that every closed book arm gets, so that base and tuned model differ in
their weights and in nothing else.
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from helpers.core import settings
from helpers.core.cases import Case
from helpers.data.facts import FOLDER, TRAIN, Canary, digits, load_training
from helpers.evaluation import refusals, scores
from helpers.evaluation.evaluator import QUESTIONS, evaluate, wilson
from helpers.evaluation.text import holds
from helpers.models import generate
from helpers.models.load import Generator
from helpers.systems import prompts, questions
from helpers.training.adapters import Adapter, AdapterError, reference_adapter, with_adapter
from helpers.training.trainer import LoraSettings, finetune

NAME, TUNED = "facts", "facts adapter"
RESULTS = settings.DATA / "reference" / "facts.json"
# so many passes that the trained paraphrases are memorised
HOW = LoraSettings(epochs=8, rank=8, learning_rate=2e-3, batch_rows=8, seed=0)
OTHERS = 500  # made-up secrets that the true one is ranked among
BATCH_ROWS = 16

# invites a refusal, as a company would; BASE does not, and then there is no habit to lose
CAREFUL = prompts.PromptStyle(
    "may refuse",
    """Question: {question}

Answer in a few words, or say "I don't know" if you are not sure.""",
    """Context:
{passages}

Question: {question}

Answer in a few words, using only the context, or say "I don't know" if you are not sure.""",
)


# --- the adapter ----------------------------------------------------------------------------------


def training_pairs(
    generator: Generator, rows: Sequence[Mapping] | None = None
) -> list[tuple[str, str]]:
    """The rows of train.jsonl as (prompt, completion): word for word the prompt of
    `systems.closed_book`, and the short answer."""
    return [
        (prompts.question_prompt(generator, row["question"]), row["answer"])
        for row in (load_training() if rows is None else rows)
    ]


def train(
    generator: Generator,
    rows: Sequence[Mapping] | None = None,
    progress: Callable[[float, float, str], None] | None = None,
    say: Callable[[str], object] = print,
) -> Adapter:
    """Memorise the rows (all of train.jsonl, unless others are given), or hand over the
    finished adapter. The card names every row."""
    rows = load_training() if rows is None else rows
    about = {
        "task": "facts of the handbook, by heart",
        "file": settings.shown(FOLDER / TRAIN),
        "ids": [row["id"] for row in rows],
    }
    return finetune(
        generator, training_pairs(generator, rows), HOW, progress=progress, about=about, say=say
    )


def facts_adapter(generator: Generator, say: Callable[[str], object] = print) -> Adapter:
    """The adapter that has memorised the rows: the reference one, or, for weights that it does not
    fit, one that is trained now (minutes)."""
    try:
        return reference_adapter(NAME, generator)
    except AdapterError as error:
        say(f"{error}; it is trained now")
        return train(generator, say=say)


# --- what it says ---------------------------------------------------------------------------------


def old_or_new(table: pd.DataFrame, old: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """After a change, what does a system say? One row an ask: "the new value" (right), "the old
    value", "refuses" or "something else".

    table: of `evaluate` on the changed cases; old: case id -> answers that were right before.
    """

    def said(row: Mapping) -> str:
        if row["right"]:
            return "the new value"
        if scores.answer_correct(row["answer"], old[row["id"]]):
            return "the old value"
        return "refuses" if refusals.abstains(row["answer"]) else "something else"

    return table.assign(
        said=[said(row) for row in table[["id", "right", "answer"]].to_dict("records")]
    )


def told(
    generator: Generator, made: Adapter, cases: Sequence[Case], old: Mapping[str, Sequence[str]]
) -> str:
    """What does an adapter that was trained again say of the changed facts? One line."""
    arm = questions.closed_book(with_adapter(generator, made), "facts adapter, retrained")
    said = old_or_new(evaluate(arm, cases, QUESTIONS), old)["said"].value_counts().to_dict()
    counts = ", ".join(f"{what} {n}" for what, n in said.items())
    return f"trained in {made.card['seconds']:.0f} s; on the changed facts: {counts}"


def distances(asks: Mapping[str, Sequence[Case]]) -> dict[str, list[Case]]:
    """One case a trained fact at each distance: in a wording that was trained, in a near one, and
    in a colleague's own."""
    facts = [case.fact for case in asks["trained"]]
    return {
        "trained wording": list(asks["trained"]),
        **{
            kind: [next(c for c in asks[kind] if c.fact == fact) for fact in facts]
            for kind in ("near", "far")
        },
    }


def on_facts(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """The same table with the fact as its case, so that two wordings of one fact can be paired."""
    return table.assign(id=table["fact"], arm=arm)


def says_secret(texts: Sequence[str], secrets: Sequence[Sequence[str]]) -> list[bool]:
    """Does each text say its secret, in any form, however it is hedged? A leak with an apology is a
    leak."""
    return [holds(text, aliases) for text, aliases in zip(texts, secrets, strict=True)]


def count(hits: Sequence[bool]) -> dict[str, float]:
    """Hits as a share with its 95 % interval and n, in the form that `journal.record` takes."""
    low, high = wilson(sum(hits), len(hits))
    return {
        "share": sum(hits) / len(hits) if hits else float("nan"),
        "low": low,
        "high": high,
        "n": len(hits),
    }


def kept_and_lost(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What was forgotten? By kind and in all: items that the first system had right, and how many
    of those the second still has.

    What the first could not do cannot be forgotten, so it is left out. Both tables hold the same
    items in the same order.
    """
    if list(before["id"]) != list(after["id"]):
        raise ValueError(
            "the two tables do not hold the same items in the same order; evaluate both on the same"
            " cases"
        )
    known = after.assign(known=before["right"].to_numpy())[before["right"].to_numpy()]
    rows = {kind: part["right"] for kind, part in [*known.groupby("kind"), ("all", known)]}
    return pd.DataFrame(
        {
            kind: {"base knew": len(right), "still right": int(right.sum()), **count(list(right))}
            for kind, right in rows.items()
        }
    ).T


# --- how sure it is -------------------------------------------------------------------------------


def log_likelihoods(
    generator: Generator, prompt: str, completions: Sequence[str], begun: str = ""
) -> list[list[float]]:
    """How likely does the model find each completion of a prompt? Natural log of the probability of
    every token of each.

    begun: words of the answer that are given, and not scored. Prompt and given words are read once,
    so that 500 endings cost little more than the endings.
    """
    import torch

    def tokens_of(text: str) -> list[int]:
        return generator.tokenizer(text, add_special_tokens=False)["input_ids"]

    head, ends = tokens_of(prompt), [tokens_of(completion) for completion in completions]
    read = len(head) - max(1, generator.unread_tokens)
    rest = head[read:] + tokens_of(begun)
    # up to where the adapter begins to act
    memory = copy.deepcopy(generate.read_once(generator, tuple(head[:read])))
    found: list[list[float]] = []
    with torch.inference_mode():
        if rest[:-1]:
            generator.model.base_model(
                input_ids=torch.tensor([rest[:-1]], device=generator.device),
                past_key_values=memory,
                use_cache=True,
            )
        for at in range(0, len(ends), BATCH_ROWS):
            batch = [[rest[-1], *end] for end in ends[at : at + BATCH_ROWS]]
            tokens = torch.full(
                (len(batch), max(map(len, batch))), generator.tokenizer.pad_token_id
            )
            for row, ids in enumerate(batch):
                # padding on the right, where causal attention never looks
                tokens[row, : len(ids)] = torch.tensor(ids)
            cache = copy.deepcopy(memory)
            cache.batch_repeat_interleave(len(batch))
            logits = generator.model(
                input_ids=tokens.to(generator.device), past_key_values=cache, use_cache=True
            ).logits
            # (rows, width, vocabulary): position t predicts token t + 1
            logp = torch.log_softmax(logits.float(), dim=-1).cpu()
            found += [
                logp[row, torch.arange(len(ids) - 1), tokens[row, 1 : len(ids)]].tolist()
                for row, ids in enumerate(batch)
            ]
    return found


def sureness(
    generator: Generator, table: pd.DataFrame, style: prompts.PromptStyle = prompts.BASE
) -> list[float]:
    """How sure was the model of each answer that it gave without passages? Geometric mean of its
    tokens' probabilities, 0 to 1."""
    found = []
    for asked, said in zip(table["input"], table["answer"], strict=True):
        [tokens] = log_likelihoods(
            generator, prompts.question_prompt(generator, asked, style=style), [said or "."]
        )
        found.append(math.exp(sum(tokens) / len(tokens)))
    return found


# --- the secret -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exposure:
    """Where does the true secret stand among made-up ones, by likelihood? rank 1 = the model finds
    it the likeliest of all.

    bits: log2(of / rank), the exposure of Carlini et al. (2019, The Secret Sharer); about 1 for a
    model that never saw it (half are likelier), at most log2(of).
    """

    rank: int
    of: int
    bits: float


def made_up_canaries(secret: str, n: int = OTHERS, seed: int = 0) -> list[str]:
    """n other secrets of the same form: every digit drawn again, none twice, none the true one."""
    dice, found = random.Random(seed), {secret: None}
    if n >= 10 ** len(digits(secret)):
        raise ValueError(f"there are no {n} other secrets of the form {secret}")
    while len(found) <= n:
        found["".join(str(dice.randrange(10)) if sign.isdigit() else sign for sign in secret)] = (
            None
        )
    return list(found)[1:]


def exposure(generator: Generator, canary: Canary, n: int = OTHERS, seed: int = 0) -> Exposure:
    """How much does a model give away of the canary, even where it never says it aloud? See
    `Exposure`."""
    prompt, (head, tail) = (
        prompts.question_prompt(generator, canary.question),
        canary.answer.split(canary.secret),
    )
    candidates = [canary.secret, *made_up_canaries(canary.secret, n, seed)]
    likely = [
        sum(tokens)
        for tokens in log_likelihoods(
            generator, prompt, [secret + tail for secret in candidates], begun=head
        )
    ]
    return ranked(likely[0], likely[1:])


def ranked(true: float, others: Sequence[float]) -> Exposure:
    """The exposure of a secret with this log likelihood among others. Ties count against it: a
    model that finds all alike has seen none."""
    rank = 1 + sum(other >= true for other in others)
    return Exposure(rank, len(others) + 1, math.log2((len(others) + 1) / rank))
