"""How probable does the model find this answer? Log-probabilities of given answers to a prompt,
without writing a token.

All answers to one prompt are read in one pass, side by side. Each sees the prompt and itself, none
sees another, so the numbers are those that each would get alone:

    prompt | 29 days <end> | 13 weeks <end> | I don't know <end>
    0 … n  | n+1 …         | n+1 …          | n+1 …                 positions
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from helpers.core import kept_answers
from helpers.models.generate import read_once
from helpers.models.load import Generator


@dataclass(frozen=True)
class Likelihood:
    """The natural logarithm of an answer's probability: `total` of all its tokens and the end of
    the turn. seconds: its share of the time that all answers to the prompt took."""

    total: float
    tokens: int  # the end of the turn counts as one
    seconds: float = field(default=0.0, compare=False)

    @property
    def mean(self) -> float:
        """Per token, so that a long answer is not worse for being long."""
        return self.total / self.tokens


def likelihoods(
    generator: Generator, prompt: str, answers: Sequence[str], shared: str = ""
) -> list[Likelihood]:
    """How probable is each answer after this prompt, in the order given? Raises ValueError for an
    empty answer.

    shared: what this prompt begins with and the next one too; it is read once. An adapter that acts
    on answers leaves the prompt to the frozen model, as in `generate.complete`. What comes with the
    workbook is found, where that is wanted (see `kept_answers`).
    """
    if not all(answers):
        raise ValueError("an empty answer has no probability; leave it out")
    key = kept_answers.key_of(generator.fingerprint, prompt, 0, {"likelihoods": [*answers]})
    if (kept := kept_answers.find(key)) is None:
        started = time.perf_counter()
        found = _likelihoods(generator, prompt, answers, shared)
        logs = [[round(one.total, 3), one.tokens] for one in found]
        kept = {"likelihoods": logs, "seconds": time.perf_counter() - started}
    kept_answers.record(key, generator.fingerprint, kept)
    each = kept["seconds"] / max(1, len(answers))
    return [Likelihood(total, tokens, each) for total, tokens in kept["likelihoods"]]


def _likelihoods(
    generator: Generator, prompt: str, answers: Sequence[str], shared: str
) -> list[Likelihood]:
    import torch

    encode = generator.tokenizer
    ids = encode(prompt, add_special_tokens=False)["input_ids"]
    wanted = [encode(one, add_special_tokens=False)["input_ids"] for one in answers]
    cache = _read(generator, ids, shared)
    read = cache.get_seq_length()
    rest = ids[read:]
    row = rest + [token for one in wanted for token in one]
    # 1. Who sees whom? (new tokens, read + new tokens): 0 where a token may look, else -inf
    see = torch.full((len(row), read + len(row)), float("-inf"), dtype=generator.model.dtype)
    see[:, :read] = 0
    see[:, read : read + len(rest)] = torch.triu(see[:, read : read + len(rest)], diagonal=1)
    positions, at = [*range(read, read + len(rest))], len(rest)
    for one in wanted:
        block = slice(at, at + len(one))
        columns = slice(read + at, read + at + len(one))
        see[block, columns] = torch.triu(see[block, columns], diagonal=1)
        positions += range(len(ids), len(ids) + len(one))
        at += len(one)
    device = generator.device
    with torch.inference_mode():
        # 2. One pass through all layers: (1, new tokens, size of the model)
        hidden = generator.model.base_model(
            input_ids=torch.tensor([row], device=device),
            position_ids=torch.tensor([positions], device=device),
            attention_mask=see[None, None].to(device),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state[0]
        # 3. From the prompt's last token on: (1 + answer tokens, vocabulary)
        head = generator.model.get_output_embeddings()
        logs = torch.log_softmax(head(hidden[len(rest) - 1 :]).float(), dim=-1)
    # 4. Each token is predicted where the one before it was read; after the last comes the end.
    found, at = [], 1
    for one in wanted:
        before = [0, *range(at, at + len(one))]
        scores = logs[before, [*one, encode.eos_token_id]]
        found.append(Likelihood(float(scores.sum()), len(scores)))
        at += len(one)
    return found


def _read(generator: Generator, ids: Sequence[int], shared: str):
    """The memory of a prompt but for its last token, or for those that call an adapter."""
    import torch

    model = generator.reader if generator.reader is not None else generator.model
    end = len(ids) - max(1, generator.unread_tokens)
    common = generator.tokenizer(shared, add_special_tokens=False)["input_ids"] if shared else []
    # where a word is cut at the end of what is shared, its tokens may be others
    same = next((n for n, (a, b) in enumerate(zip(common, ids, strict=False)) if a != b), None)
    begins = min(len(common) if same is None else same, end)
    cache = copy.deepcopy(read_once(generator, tuple(ids[:begins]))) if begins else None
    if end > begins or cache is None:
        with torch.inference_mode():
            cache = model.base_model(
                input_ids=torch.tensor([ids[begins:end]], device=generator.device),
                past_key_values=cache,
                use_cache=True,
            ).past_key_values
    return cache
