"""How do several processes train one adapter, with the workbook's own `finetune`? Each works on its
part of every batch; the gradients are added up before the step, so all make the same step, and it
is the step that one process would have made.

    with one_training(accelerate.PartialState()):
        finetune(generator, rows, how)      # in every process, with the same arguments

The trainer's code is part of every adapter's name, so it is not changed for this: the loss and the
reading of what is frozen are replaced while the block lasts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import accelerate
import torch
import torch.distributed

from helpers.training import lora


@contextlib.contextmanager
def one_training(state: accelerate.PartialState) -> Iterator[None]:
    """The trainings in this block are this process's part of one. A batch smaller than the number
    of processes leaves some without a row; they take one along that counts for nothing."""
    if state.num_processes == 1:
        yield
        return

    def part(batch: Sequence) -> tuple[Sequence, bool]:
        mine = batch[state.process_index :: state.num_processes]
        return (mine, True) if mine else (batch[:1], False)

    plain, joined = lora.completion_loss, set()

    def loss(model, batch, generator, memory=None):
        mine, counts = part(batch)
        share = _answer_tokens(mine) / _answer_tokens(batch) if counts else 0.0
        # the mean over the whole batch is the sum of the parts, each by its share of the tokens
        here = plain(model, mine, generator, memory) * share
        if id(model) not in joined:
            joined.add(id(model))
            for weight in model.parameters():
                if weight.requires_grad:
                    weight.register_post_accumulate_grad_hook(_added_up)
        whole = here.detach().clone()
        torch.distributed.all_reduce(whole)
        # the value of the whole, the gradient of the part
        return here + (whole - here.detach())

    readers = {way: way.of for way in (lora.Prompts, lora.LowerLayers)}
    lora.completion_loss = loss
    for way, of in readers.items():
        way.of = lambda self, batch, of=of: of(self, part(batch)[0])
    try:
        yield
    finally:
        lora.completion_loss = plain
        for way, of in readers.items():
            way.of = of


def _answer_tokens(batch: Sequence[lora.Example]) -> int:
    return sum(len(one.ids) - one.prompt_tokens for one in batch)


def _added_up(weight: torch.nn.Parameter) -> None:
    torch.distributed.all_reduce(weight.grad)
