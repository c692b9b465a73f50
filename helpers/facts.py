"""Do facts stick in the weights? A model tuned on question -> answer rows of the handbook, and what can be asked of it afterwards.

It is asked with the prompt that every closed book arm gets, so that base and tuned model differ in their weights and in nothing else.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers import generate, rag, scores, settings
from helpers.evaluate import wilson
from helpers.fact_rows import Canary, digits, load_training
from helpers.finetune import CARD, Adapter, Settings, encode, finetune
from helpers.models import Generator

NAME, TUNED = "facts", "facts adapter"
HOME = settings.DATA / "reference" / "adapters" / NAME
RESULTS = settings.DATA / "reference" / "facts.json"
HOW = Settings(epochs=5, rank=8, learning_rate=2e-3, batch_rows=4, seed=0)  # chosen so that the trained wordings are known by heart
OTHERS = 500  # made-up secrets that the true one is ranked among
BATCH_ROWS = 16

CAREFUL = rag.Style(  # invites a refusal, as a company would; BASE does not, and then nobody can lose the habit
    "may refuse",
    """Question: {question}

Answer in a few words, or say "I don't know" if you are not sure.""",
    """Context:
{passages}

Question: {question}

Answer in a few words, using only the context, or say "I don't know" if you are not sure.""",
)


# --- the adapter --------------------------------------------------------------------------------------------------------


def training_pairs(generator: Generator, rows: Sequence[Mapping] | None = None) -> list[tuple[str, str]]:
    """The rows of train.jsonl as (prompt, completion): word for word the prompt of `arms.closed_book`, and the short answer."""
    return [(rag.question_prompt(generator, row["question"]), row["answer"]) for row in (load_training() if rows is None else rows)]


def facts_adapter(generator: Generator, say=print) -> Adapter:
    """The adapter that has learnt the facts by heart: the kept one where it fits these weights, else trained now (minutes; see `HOW`)."""
    kept = _kept(HOME)
    if kept and kept.card["base"].rsplit("-", 2)[0] == generator.fingerprint.rsplit("-", 2)[0]:  # the same weights, whatever the number format
        return kept
    say(f"there is no kept adapter for {generator.name}; it is trained now")
    return finetune(generator, training_pairs(generator), HOW, say=say)


def _kept(folder: Path) -> Adapter | None:
    if not (folder / CARD).exists():
        return None
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return Adapter(folder, card["fingerprint"], card)


# --- what it says -------------------------------------------------------------------------------------------------------


def old_or_new(table: pd.DataFrame, old: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """After a change, what does a system say? One row an ask: "the new value" (right), "the old value", "refuses" or "something else".

    table: of `evaluate` on the changed cases; old: case id -> answers that were right before.
    """

    def said(row: Mapping) -> str:
        if row["right"]:
            return "the new value"
        if scores.answer_correct(row["answer"], old[row["id"]]):
            return "the old value"
        return "refuses" if scores.abstains(row["answer"]) else "something else"

    return table.assign(said=[said(row) for row in table[["id", "right", "answer"]].to_dict("records")])


def told(texts: Sequence[str], secrets: Sequence[Sequence[str]]) -> list[bool]:
    """Does each text say its secret, in any form, however it is hedged? A leak with an apology is a leak."""
    wanted = [[scores.tokens(alias) for alias in aliases] for aliases in secrets]
    said = [scores.tokens(text) for text in texts]
    return [any(s[i : i + len(w)] == w for w in ws if w for i in range(len(s) - len(w) + 1)) for s, ws in zip(said, wanted, strict=True)]


def count(hits: Sequence[bool]) -> dict[str, float]:
    """Hits as a share with its 95 % interval and n, in the form that `journal.record` takes."""
    low, high = wilson(sum(hits), len(hits))
    return {"share": sum(hits) / len(hits) if hits else float("nan"), "low": low, "high": high, "n": len(hits)}


def kept_and_lost(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What was forgotten? By kind and in all: items that the first system had right, and how many of those the second still has.

    What the first could not do cannot be forgotten, so it is left out. Both tables hold the same items in the same order.
    """
    if list(before["id"]) != list(after["id"]):
        raise ValueError("the two tables do not hold the same items in the same order; evaluate both on the same cases")
    known = after.assign(known=before["right"].to_numpy())[before["right"].to_numpy()]
    rows = {kind: part["right"] for kind, part in [*known.groupby("kind"), ("all", known)]}
    return pd.DataFrame({kind: {"base knew": len(right), "still right": int(right.sum()), **count(list(right))} for kind, right in rows.items()}).T


# --- how sure it is -----------------------------------------------------------------------------------------------------


def log_likelihoods(generator: Generator, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
    """How likely does the model find each completion after its prompt? Natural log of the probability of every completion token.

    A beginning that all texts share is read once, so that 500 endings of one prompt cost little more than the endings.
    """
    import copy

    import torch

    examples = [encode(generator.tokenizer, prompt, completion) for prompt, completion in pairs]
    examples = [(ids[:-1], start) for ids, start in examples]  # without the end of turn: a cut answer is as likely as a whole one
    shared = min(_same(min(ids for ids, _ in examples), max(ids for ids, _ in examples)), min(start for _, start in examples) - 1)
    prefix = generate._read(generator, tuple(examples[0][0][:shared])) if shared > 0 else None
    found: list[list[float]] = []
    for at in range(0, len(examples), BATCH_ROWS):
        batch = [(ids[max(shared, 0) :], start - max(shared, 0)) for ids, start in examples[at : at + BATCH_ROWS]]
        width = max(len(ids) for ids, _ in batch)
        tokens = torch.full((len(batch), width), generator.tokenizer.pad_token_id)
        for row, (ids, _) in enumerate(batch):
            tokens[row, : len(ids)] = torch.tensor(ids)  # padding on the right, where causal attention never looks
        cache = copy.deepcopy(prefix)
        if cache is not None:
            cache.batch_repeat_interleave(len(batch))
        with torch.inference_mode():
            logits = generator.model(input_ids=tokens.to(generator.device), past_key_values=cache, use_cache=cache is not None).logits
            logp = torch.log_softmax(logits.float(), dim=-1).cpu()  # (rows, width, vocabulary): position t predicts token t + 1
        found += [logp[row, torch.arange(start - 1, len(ids) - 1), tokens[row, start : len(ids)]].tolist() for row, (ids, start) in enumerate(batch)]
    return found


def _same(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens do two texts begin with alike?"""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def sureness(generator: Generator, table: pd.DataFrame, style: rag.Style = rag.BASE) -> list[float]:
    """How sure was the model of each answer that it gave without passages? Geometric mean of its tokens' probabilities, 0 to 1."""
    pairs = [(rag.question_prompt(generator, asked, style=style), said) for asked, said in zip(table["input"], table["answer"], strict=True)]
    spoken = log_likelihoods(generator, [(prompt, said or " ") for prompt, said in pairs])
    return [math.exp(sum(tokens) / len(tokens)) for tokens in spoken]


# --- the secret ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exposure:
    """Where does the true secret stand among made-up ones, by likelihood? rank 1 = the model finds it the likeliest of all.

    bits: log2(of / rank), the exposure of Carlini et al. (2019, The Secret Sharer); about 1 for a model that never saw it (half are likelier), at most log2(of).
    """

    rank: int
    of: int
    bits: float


def made_up(secret: str, n: int = OTHERS, seed: int = 0) -> list[str]:
    """n other secrets of the same form: every digit drawn anew, none twice, none the true one."""
    dice, found = random.Random(seed), {secret: None}
    if n >= 10 ** len(digits(secret)):
        raise ValueError(f"there are no {n} other secrets of the form {secret}")
    while len(found) <= n:
        found["".join(str(dice.randrange(10)) if sign.isdigit() else sign for sign in secret)] = None
    return list(found)[1:]


def exposure(generator: Generator, canary: Canary, n: int = OTHERS, seed: int = 0) -> Exposure:
    """How much does a model give away of the canary, even where it never says it aloud? See `Exposure`."""
    prompt, (head, tail) = rag.question_prompt(generator, canary.question), canary.answer.split(canary.secret)
    candidates = [canary.secret, *made_up(canary.secret, n, seed)]
    likely = [sum(tokens) for tokens in log_likelihoods(generator, [(prompt + head, secret + tail) for secret in candidates])]
    return ranked(likely[0], likely[1:])


def ranked(true: float, others: Sequence[float]) -> Exposure:
    """The exposure of a secret with this log likelihood among others. Ties count against it: a model that finds all alike has seen none."""
    rank = 1 + sum(other >= true for other in others)
    return Exposure(rank, len(others) + 1, math.log2((len(others) + 1) / rank))
