"""How does the model turn prompts into answers? Greedily, in batches of prompts of similar
length."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Iterator, Sequence

from helpers.models import constrain
from helpers.models.language_model import Completion, Turns, messages
from helpers.models.load import Generator

# prompt tokens read at once; bounds memory (about 1 GB here) whatever the prompt length
BATCH_TOKENS = 6_000
BATCH_ROWS = 32
# tokens that a batch may hold in memory, answers and shared beginnings included (about 1 GB here)
CACHE_TOKENS = 24_000
UNKNOWN = "I don't know"  # what may be said where only quotes are allowed


def chat(generator: Generator, user: str, system: str | None = None, turns: Turns = ()) -> str:
    """The prompt in the model's own chat format, ending where the assistant begins to speak. turns:
    (user, assistant) before.

    Nothing in the texts can end a turn or begin another: see `escape_control_tokens`.
    """
    safe = [
        one | {"content": escape_control_tokens(generator, one["content"])}
        for one in messages(user, system, turns)
    ]
    return generator.tokenizer.apply_chat_template(safe, tokenize=False, add_generation_prompt=True)


def escape_control_tokens(generator: Generator, text: str) -> str:
    """The text with the model's control tokens broken up: "<|im_end|>" in a document is then "<
    |im_end|>", and ends no turn."""
    return functools.reduce(
        lambda safe, token: safe.replace(token, f"{token[0]} {token[1:]}"),
        _control_tokens(generator.tokenizer),
        text,
    )


@functools.lru_cache(maxsize=8)
def _control_tokens(tokenizer) -> tuple[str, ...]:
    return tuple(
        sorted(
            (
                token
                for token in {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
                if len(token) > 1 and not token.isspace()
            ),
            key=len,
            reverse=True,
        )
    )


def plan_batches(
    lengths: Sequence[int], batch_tokens: int = BATCH_TOKENS, batch_rows: int = BATCH_ROWS
) -> list[list[int]]:
    """Which prompts are read together? Indices sorted by length, so that little of a batch is
    padding; longest first."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for i in order:
        full = (
            not batches
            or len(batches[-1]) == batch_rows
            or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > batch_tokens
        )
        if full:
            batches.append([])
        batches[-1].append(i)
    return batches


def complete(
    generator: Generator,
    prompts: Sequence[str],
    max_new_tokens: int = 48,
    schema: dict | None = None,
    quotes: Sequence[str] | None = None,
) -> Iterator[Completion]:
    """Answer every prompt greedily; yields Completions batch by batch, not in the order of the
    prompts.

    schema: a JSON Schema that constrains every answer (see `constrain`). Such an answer is valid
    and whole within max_new_tokens; constrain.ConstraintError where these are too few for any.
    quotes: a text a prompt; each answer is then a piece of its text or UNKNOWN. A beginning
    that all prompts share is read once (same answers, less work).
    """
    import torch
    from transformers import LogitsProcessorList

    tokenizer, model = generator.tokenizer, generator.model
    # 1. Texts become tokens: one list of ids a prompt, of different lengths.
    ids = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    # 2. What all prompts begin with is read once; its keys and values are copied for every batch.
    shared = _shared_beginning(ids, generator.shared_tokens, max(1, generator.unread_tokens))
    prefix = read_once(generator, tuple(ids[0][:shared])) if shared else None
    # 3. Prompts of similar length are read together, as many as memory holds.
    longest = max(map(len, ids), default=0) + max_new_tokens
    for batch in plan_batches(
        [len(i) - shared for i in ids], batch_rows=max(1, min(BATCH_ROWS, CACHE_TOKENS // longest))
    ):
        started = time.perf_counter()
        width = max(len(ids[i]) for i in batch)
        # 4. Lists become a rectangle, padded on the left, so that every answer starts in the same
        #    column, but after the shared beginning:  shared | pad | rest | answer
        tokens = torch.full((len(batch), width), tokenizer.pad_token_id)  # (rows, width)
        mask = torch.zeros_like(tokens)  # (rows, width): 1 where there is a token, 0 at padding
        for row, i in enumerate(batch):
            rest = len(ids[i]) - shared
            tokens[row, :shared] = torch.tensor(ids[i][:shared])
            tokens[row, width - rest :] = torch.tensor(ids[i][shared:])
            mask[row, :shared] = mask[row, width - rest :] = 1
        # 5. Each row gets the shared beginning. A copy: answering writes into it, and the next
        #    batch starts from the same one. Each layer: (1, heads, shared, head size) -> (rows, …)
        cache = copy.deepcopy(prefix)
        if cache is not None:
            cache.batch_repeat_interleave(len(batch))
        # 6. Where an adapter acts on answers only, the frozen model reads the prompt.
        if generator.reader is not None:
            cache = _read_on(generator, tokens, mask, cache, shared)
        only = []
        if schema is not None:
            only = [constrain.only_valid(generator, schema, len(batch), max_new_tokens)]
        if quotes is not None:
            only = [constrain.only_quotes(generator, [quotes[i] for i in batch], UNKNOWN)]
        # 7. Token by token, always the most likely one: (rows, width + new) -> the new ones
        with torch.inference_mode():
            out = model.generate(
                input_ids=tokens.to(generator.device),
                attention_mask=mask.to(generator.device),
                past_key_values=cache,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                logits_processor=LogitsProcessorList(only),
            )[:, width:].tolist()
        seconds = (time.perf_counter() - started) / len(batch)
        # 8. Tokens become text again, up to the end of the turn; what follows is padding.
        for i, answer in zip(batch, out, strict=True):
            answer = _until_end(answer, tokenizer)
            yield Completion(
                i,
                tokenizer.decode(answer, skip_special_tokens=True).strip(),
                len(ids[i]),
                len(answer),
                seconds,
            )


def _read_on(generator: Generator, tokens, mask, cache, shared: int):
    """The memory of a batch of prompts up to the tokens that call the adapter; what comes before
    them is the frozen model's to read."""
    import torch
    from transformers import DynamicCache

    cache = cache if cache is not None else DynamicCache(config=generator.model.config)
    end = tokens.shape[1] - generator.unread_tokens
    if end > shared:
        # (rows, width): padding does not count, so a token's position is that of its prompt alone
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        part = {
            "input_ids": tokens[:, shared:end],
            "attention_mask": mask[:, :end],
            "position_ids": positions[:, shared:end],
        }
        with torch.inference_mode():
            generator.reader.base_model(
                **{name: x.to(generator.device) for name, x in part.items()},
                past_key_values=cache,
                use_cache=True,
            )
    return cache


def _shared_beginning(ids: list[list[int]], at_least: int, leave: int) -> int:
    """How many tokens do all prompts begin with? 0 when fewer than `at_least`; `leave` tokens or
    more are left to each."""
    if len(ids) < 2:
        return 0
    first, last = min(ids), max(ids)  # in dictionary order: what these two share, all share
    differs = next(
        (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    shared = min(differs, min(len(i) for i in ids) - leave)
    return shared if shared >= at_least else 0


# a long list of asks comes in groups, and their prompts begin alike; one beginning is some 50 MB
@functools.lru_cache(maxsize=1)
def read_once(generator: Generator, ids: tuple[int, ...]):
    """The model's memory (key-value cache) after reading these tokens once. Cached for the next
    call, so: copy it, never write to it."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=generator.model.config)
    with torch.inference_mode():
        reader = generator.reader if generator.reader is not None else generator.model
        reader.base_model(
            input_ids=torch.tensor([ids], device=generator.device),
            past_key_values=cache,
            use_cache=True,
        )
    return cache


def _until_end(ids: list[int], tokenizer) -> list[int]:
    """The tokens before the end-of-turn token; what follows is padding."""
    return ids[: ids.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in ids else ids
