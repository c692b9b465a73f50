"""What does one training step do? Read the prompts, write the answers, be surprised, and nudge the
small matrices beside the frozen weights.

What makes it fast on a CPU is what it leaves out: whatever is frozen computes the same in every
epoch, so it computes it once. There are two ways to leave much frozen. Layers below `from_layer`
get no matrices: what they make of a row is kept, and every step begins above them (`LowerLayers`).
Or an adapter acts on answers only ("activated LoRA", Greenewald et al. 2025) and leaves the reading
of a prompt to the frozen model: every step works on answers alone, a third of the tokens of a
ticket and a twentieth of those of a page to be read (`Prompts`).

    prompt                       | <assistant> answer <end>
    -----------------------------+-----------------------------------
    x -> W x                     | x -> W x + 2 B A x        one layer: W frozen, A and B learn
    keys, values: read once,     | attends to the prompt's keys and values, and is the only part
    by the frozen model          | that is worked through in every epoch

    W: (out, in)    A: (rank, in)    B: (out, rank), zeros at first, so that training starts from
    the model as it is.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.models.generate import chat
from helpers.models.load import Generator

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

# of the memory that is free, so much may hold what was read of the prompts (see `room_for`)
KEPT_SHARE = 0.25


class Example(NamedTuple):
    """One row in tokens: prompt, completion and end of turn; and the position from which on the
    adapter acts."""

    ids: list[int]
    prompt_tokens: int
    acts_from: int


def encode(
    tokenizer, prompt: str, completion: str, invocation: Sequence[int] = (), everywhere: bool = True
) -> Example:
    """A row as the model sees it. Unless the adapter acts everywhere, it acts from the invocation
    on, with which the prompt ends."""
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(completion, add_special_tokens=False)["input_ids"]
    return Example(
        head + tail + [tokenizer.eos_token_id],
        len(head),
        0 if everywhere else len(head) - len(invocation),
    )


def invocation(generator: Generator) -> list[int]:
    """The tokens with which the assistant's turn begins, in this model's chat format: from them on
    an adapter acts on answers."""
    asked = [{"role": "user", "content": "?"}]
    before = generator.tokenizer.apply_chat_template(
        asked, tokenize=False, add_generation_prompt=False
    )
    begins = chat(generator, "?").removeprefix(before)
    return (
        generator.tokenizer(begins, add_special_tokens=False)["input_ids"]
        if begins != chat(generator, "?")
        else []
    )


def plan_epochs(lengths: Sequence[int], epochs: int, batch_rows: int, seed: int) -> list[list[int]]:
    """Which rows make up each step? Every epoch sees every row once; rows of similar length share a
    batch, batches in random order."""
    dice = random.Random(seed)
    plan = []
    for _ in range(epochs):
        order = sorted(range(len(lengths)), key=lambda i: (lengths[i] + dice.uniform(0, 16), i))
        batches = [order[i : i + batch_rows] for i in range(0, len(order), batch_rows)]
        dice.shuffle(batches)
        plan += batches
    return plan


def room_for(generator: Generator, numbers: int | None = None) -> int:
    """How many tokens may be kept between epochs, of so many numbers each (by default those of keys
    and values)? As many as KEPT_SHARE of the memory that is free now holds: 23 kB a token of the
    small model in bfloat16, and 1.2 kB where only what one layer says is kept."""
    import psutil
    import torch

    shape = generator.model.config
    heads = getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads
    size = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
    numbers = numbers or 2 * shape.num_hidden_layers * heads * size
    free = (
        torch.cuda.mem_get_info()[0]
        if generator.device.startswith("cuda")
        else psutil.virtual_memory().available
    )
    return int(KEPT_SHARE * free) // (numbers * generator.model.dtype.itemsize)


def read_once(generator: Generator, examples: Sequence[Example], from_layer: int = 0) -> ReadOnce:
    """What of these rows does the frozen part of the model read once, for all epochs? Where an
    adapter acts on everything, in every layer: nothing."""
    everywhere = all(one.acts_from == 0 for one in examples)
    if from_layer and everywhere and examples and LowerLayers.fits(generator, from_layer):
        return LowerLayers(generator, examples, from_layer)
    return Prompts(generator, examples)


class ReadOnce:
    """What the frozen part of the model makes of the rows: worked out when first needed, and cached
    while there is room."""

    def __init__(
        self, generator: Generator, examples: Sequence[Example], kept_tokens: int | None = None
    ):
        self.generator, self.examples = generator, examples
        self.room = self._room() if kept_tokens is None else kept_tokens
        self.kept: dict[int, Any] = {}  # row -> what was made of it

    def of(self, batch: Sequence[int]) -> DynamicCache | Below | None:
        """For a step on these rows; None where nothing is read before."""
        raise NotImplementedError

    def read_again(self, batches: Sequence[Sequence[int]]) -> None:
        """Cache again what these batches left in the cache of a training that was stopped: each
        row in its old company, for in another its last bits may be other ones."""
        for batch in batches:
            late = [i for i in batch if i not in self.kept]
            if any(0 < self._length(i) <= self.room for i in late):
                self._read(late)

    def _room(self) -> int:
        return room_for(self.generator)

    def _length(self, row: int) -> int:
        """How many tokens of a row are read."""
        raise NotImplementedError

    def _read(self, rows: Sequence[int]) -> dict[int, Any]:
        """row -> what is made of it; cached while there is room."""
        raise NotImplementedError

    def _rectangle(self, rows: Sequence[int]) -> torch.Tensor:
        """The tokens that are read, padded on the right, where causal attention never looks:
        (rows, longest)."""
        import torch

        lengths = [self._length(i) for i in rows]
        tokens = torch.full((len(rows), max(lengths)), self.generator.tokenizer.pad_token_id)
        for row, (i, length) in enumerate(zip(rows, lengths, strict=True)):
            tokens[row, :length] = torch.tensor(self.examples[i].ids[:length])
        return tokens.to(self.generator.device)

    def _keep(self, rows: Iterable[int], copy: Callable[[int], Any]) -> None:
        for i in rows:
            if self._length(i) <= self.room:
                self.room -= self._length(i)
                self.kept[i] = copy(i)


class Below(NamedTuple):
    """What the layers below `from_layer` make of a batch, padded on the right: (rows, width, size
    of the model)."""

    states: torch.Tensor
    from_layer: int


class LowerLayers(ReadOnce):
    """What the frozen layers below `from_layer` make of whole rows. They are read as they answer:
    without dropout, where the model has any."""

    def __init__(
        self,
        generator: Generator,
        examples: Sequence[Example],
        from_layer: int,
        kept_tokens: int | None = None,
    ):
        self.from_layer = from_layer
        super().__init__(generator, examples, kept_tokens)

    @classmethod
    def fits(cls, generator: Generator, from_layer: int) -> bool:
        """Is this a model of plain layers, one on top of the other and all of one kind, that can be
        parted there? Tried on a few tokens; what cannot be parted is worked through whole."""
        import torch

        body = generator.model.base_model
        if not hasattr(body, "layers") or not hasattr(body, "norm"):
            return False
        # which tokens a layer sees may depend on its number, which changes in a part
        if len(set(getattr(body.config, "layer_types", None) or ())) > 1:
            return False
        tokens = torch.arange(1, 9, device=generator.device)[None]
        try:
            with torch.no_grad():
                below = part_of(body, slice(0, from_layer), last=False)(
                    input_ids=tokens, use_cache=False
                ).last_hidden_state
                above = part_of(body, slice(from_layer, None))
                parted = above(inputs_embeds=below, use_cache=False)
                whole = body(input_ids=tokens, use_cache=False)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return False  # a body that cannot be fed from within
        return torch.allclose(parted.last_hidden_state, whole.last_hidden_state, rtol=1e-2)

    def of(self, batch: Sequence[int]) -> Below:
        import torch

        read = self.kept | self._read([i for i in batch if i not in self.kept])
        width = max(self._length(i) for i in batch)
        states = [torch.nn.functional.pad(read[i], (0, 0, 0, width - len(read[i]))) for i in batch]
        return Below(torch.stack(states), self.from_layer)

    def _room(self) -> int:
        return room_for(self.generator, self.generator.model.config.hidden_size)

    def _length(self, row: int) -> int:
        return len(self.examples[row].ids)

    def _read(self, rows: Sequence[int]) -> dict[int, torch.Tensor]:
        import torch

        if not rows:
            return {}
        below = part_of(self.generator.model.base_model, slice(0, self.from_layer), last=False)
        with torch.no_grad():
            states = below(input_ids=self._rectangle(rows), use_cache=False).last_hidden_state
        read = {i: states[row, : self._length(i)] for row, i in enumerate(rows)}
        self._keep(rows, lambda i: read[i].clone())
        return read


def part_of(body, layers: slice, last: bool = True):
    """A model's body with some of its layers, the weights shared; the norm at the end only where
    they are the last ones."""
    import torch

    part = copy.copy(body)
    part._modules = body._modules | {"layers": torch.nn.ModuleList(list(body.layers)[layers])}
    if not last:
        part._modules["norm"] = torch.nn.Identity()
    return part


class Prompts(ReadOnce):
    """The frozen model's memory (keys and values) of the prompts: for each layer of a row, two of
    (heads, tokens, size of a head)."""

    def of(self, batch: Sequence[int]) -> DynamicCache | None:
        """The memory of a batch, shorter prompts padded on the left. None where the adapter acts
        everywhere: then nothing is read before."""
        import torch
        from transformers import DynamicCache

        # the longest prompt of the batch, up to the point from which the adapter acts
        width = max(self.examples[i].acts_from for i in batch)
        if width == 0:
            return None
        read = self.kept | self._read([i for i in batch if i not in self.kept])
        # layer by layer: keys and values, each (rows, heads, width, head size)
        cache = DynamicCache(config=self.generator.model.config)
        for layer in range(len(read[batch[0]])):
            cache.update(
                *(
                    torch.stack(
                        [
                            torch.nn.functional.pad(
                                part := read[i][layer][side], (0, 0, width - part.shape[1], 0)
                            )
                            for i in batch
                        ]
                    )
                    for side in (0, 1)
                ),
                layer,
            )
        return cache

    def _length(self, row: int) -> int:
        return self.examples[row].acts_from

    def _read(self, rows: Sequence[int]) -> dict[int, list[tuple[torch.Tensor, torch.Tensor]]]:
        import torch
        from transformers import DynamicCache

        if not rows:
            return {}
        cache = DynamicCache(config=self.generator.model.config)
        with torch.no_grad():
            self.generator.model.base_model(
                input_ids=self._rectangle(rows), past_key_values=cache, use_cache=True
            )
        # a row's own part, without padding: (heads, its tokens, head size), keys and values
        read = {
            i: [
                (layer.keys[row, :, : self._length(i)], layer.values[row, :, : self._length(i)])
                for layer in cache.layers
            ]
            for row, i in enumerate(rows)
        }
        self._keep(rows, lambda i: [(keys.clone(), values.clone()) for keys, values in read[i]])
        return read


def completion_loss(
    model,
    batch: Sequence[Example],
    generator: Generator,
    memory: DynamicCache | Below | None = None,
) -> torch.Tensor:
    """Mean cross-entropy over the completion tokens of a batch; the prompt is given, not to be
    learnt.

    model: a causal language model with an adapter in it. memory: what was read before, see
    `read_once`. The vocabulary head is a fifth of the work of a small model, so it is applied only
    at the positions that predict completion tokens.
    """
    import torch

    # 1. What the adapter acts on, as a rectangle padded on the right, and which of it is completion
    lengths = [len(one.ids) - one.acts_from for one in batch]
    tokens = torch.full((len(batch), max(lengths)), generator.tokenizer.pad_token_id)
    wanted = torch.zeros(tokens.shape, dtype=torch.bool)
    for row, (one, length) in enumerate(zip(batch, lengths, strict=True)):
        tokens[row, :length] = torch.tensor(one.ids[one.acts_from :])
        wanted[row, one.prompt_tokens - one.acts_from : length] = True
    tokens, wanted = tokens.to(generator.device), wanted.to(generator.device)
    # 2. Through all layers, behind what was read before, or through those above what was read:
    #    (rows, width, size of the model)
    if isinstance(memory, Below):
        above = part_of(model.base_model, slice(memory.from_layer, None))
        hidden = above(inputs_embeds=memory.states, use_cache=False).last_hidden_state
    else:
        behind = _behind(memory, batch, tokens)
        hidden = model.base_model(input_ids=tokens, **behind).last_hidden_state
    predicts = wanted[:, 1:]  # position t predicts token t + 1
    # 3. Only where a completion token comes next, every word of the vocabulary gets a score:
    #    (completion tokens, vocabulary)
    logits = model.get_output_embeddings()(hidden[:, :-1][predicts])
    # 4. How improbable was the right token, on average?
    return torch.nn.functional.cross_entropy(logits.float(), tokens[:, 1:][predicts])


def _behind(memory: DynamicCache | None, batch: Sequence[Example], tokens: torch.Tensor) -> dict:
    """What the model must know to continue behind a memory that is padded on the left. Without
    memory: nothing, for causal attention never looks to the right, where the padding is.
    """
    import torch

    if memory is None:
        return {"use_cache": False}
    # (rows,): how many tokens each row has read; (width,): places behind them
    read = torch.tensor([one.acts_from for one in batch], device=tokens.device)
    behind = torch.arange(tokens.shape[1], device=tokens.device)
    # (rows, longest prompt): true where the memory holds a token, not padding
    before = torch.arange(int(read.max()), device=tokens.device) >= (read.max() - read)[:, None]
    # (rows, prompt + answer)
    mask = torch.cat([before, torch.ones_like(tokens, dtype=torch.bool)], dim=1).long()
    return {
        "past_key_values": memory,
        "attention_mask": mask,
        "position_ids": read[:, None] + behind,
        "use_cache": True,
    }
