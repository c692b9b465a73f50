"""What does an adapter cost to serve? For `workbook.py bench serve`.

    python -m helpers.commands.bench serve [--rounds 7] [--json] [--save]

Requests are the tickets of notebook 05 with the tuned prompt, one or sixteen at a time, every
answer of the same length. The ways take turns within a round, in another order each time, and what
counts is the ratio to merged of the same round: a machine that does other work slows all of them.
Costs do not depend on what an adapter has learnt, so one adapter serves all ways: *format*, as it
is (it acts on answers), and without its call (it acts on everything; only that can be merged).
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.core import fingerprint
from helpers.core.files import write_measured
from helpers.data.questions import pick
from helpers.data.tickets import load_tickets
from helpers.models import load
from helpers.models.load import Generator
from helpers.release.serving import REFERENCE, WAYS, Serving
from helpers.systems.labelled import task_prompt, tuned_prompt
from helpers.systems.prompts import TICKET_PROMPT
from helpers.training import adapters
from helpers.training.adapters import CARD, CONFIG, Adapter

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

BATCHES = (1, 16)
NEW_TOKENS = 32  # of every answer; a ticket's record needs 27
EXAMPLES = 8  # that few-shot shows in 05


@dataclass(frozen=True, eq=False)
class Way:
    """One way to serve. reader: who reads the prompt where that is not the model itself; read
    before: the prompt is in the cache already, because another adapter or the base has read it."""

    name: str
    generator: Generator
    read_before: bool = False


@dataclass(frozen=True, eq=False)
class Requests:
    """A batch of prompts as a rectangle, padded on the left. tokens, mask: (rows, width)."""

    tokens: torch.Tensor
    mask: torch.Tensor


def acting_everywhere(adapter: Adapter, folder: Path) -> Adapter:
    """The same matrices without the tokens that call them: an adapter that acts on prompts, too."""
    config = json.loads((adapter.folder / CONFIG).read_text(encoding="utf-8"))
    config["alora_invocation_tokens"] = None
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    for name in ("adapter_model.safetensors", CARD):
        (folder / name).write_bytes((adapter.folder / name).read_bytes())
    return adapters.opened(folder)


def ways(generator: Generator, adapter: Adapter, folder: Path) -> list[Way]:
    """All ways with one adapter that acts on answers. folder: an empty one."""
    plain = acting_everywhere(adapter, folder)
    activated = adapters.with_adapter(generator, adapter)
    return [
        Way("base", generator),
        Way("merged", adapters.merged(generator, plain)),
        Way("unmerged", adapters.with_adapter(generator, plain)),
        Way("activated", activated),
        Way("shared", activated, read_before=True),
    ]


def requests(generator: Generator, prompts: Sequence[str]) -> Requests:
    """The prompts in tokens."""
    import torch

    ids = [generator.tokenizer(p, add_special_tokens=False)["input_ids"] for p in prompts]
    width = max(map(len, ids))
    tokens = torch.full((len(ids), width), generator.tokenizer.pad_token_id)
    for row, some in enumerate(ids):
        tokens[row, width - len(some) :] = torch.tensor(some)
    padding = torch.tensor([[width - len(some)] for some in ids])
    mask = (torch.arange(width) >= padding).long()
    return Requests(tokens.to(generator.device), mask.to(generator.device))


def read(generator: Generator, asked: Requests) -> DynamicCache:
    """What the frozen model keeps of the prompts, up to the tokens that call the adapter."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=generator.model.config)
    end = asked.tokens.shape[1] - generator.unread_tokens
    positions = (asked.mask.cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        generator.reader.base_model(
            input_ids=asked.tokens[:, :end],
            attention_mask=asked.mask[:, :end],
            position_ids=positions[:, :end],
            past_key_values=cache,
            use_cache=True,
        )
    return cache


def answer(
    way: Way, asked: Requests, memory: DynamicCache | None = None, new: int = NEW_TOKENS
) -> tuple[torch.Tensor, DynamicCache]:
    """(answers in tokens, (rows, new); what the model keeps of prompts and answers), greedily, all
    of one length. memory: what was read before, for a way that says so."""
    import torch
    from transformers import DynamicCache

    generator = way.generator
    if generator.reader is None:
        cache = DynamicCache(config=generator.model.config)
    else:
        # a copy: answering writes into it
        cache = copy.deepcopy(memory) if way.read_before else read(generator, asked)
    with torch.inference_mode():
        out = generator.model.generate(
            input_ids=asked.tokens,
            attention_mask=asked.mask,
            past_key_values=cache,
            min_new_tokens=new,
            max_new_tokens=new,
            do_sample=False,
            pad_token_id=generator.tokenizer.pad_token_id,
        )
    return out[:, asked.tokens.shape[1] :], cache


def timed(way: Way, asked: Requests, memory: DynamicCache, new: int = NEW_TOKENS) -> float:
    started = time.perf_counter()
    answer(way, asked, memory, new)
    return time.perf_counter() - started


def kept_mb(cache: DynamicCache) -> float:
    """Megabytes of keys and values."""
    return sum(x.nbytes for layer in cache.layers for x in (layer.keys, layer.values)) / 1e6


def weights_mb(*models) -> float:
    """Megabytes of all weights of these models together; what they share counts once."""
    tensors = {t.data_ptr(): t.nbytes for model in models for t in model.parameters()}
    return sum(tensors.values()) / 1e6


def at_batch(
    all_ways: Sequence[Way], asked: Requests, rounds: int, new: int = NEW_TOKENS
) -> list[dict[str, Any]]:
    """The rows of one batch size: the ways in turn, in each round from another one on."""
    activated = next(way for way in all_ways if way.generator.reader is not None)
    memory = read(activated.generator, asked)
    batch, seconds = len(asked.tokens), {way.name: [] for way in all_ways}
    for way in all_ways:
        timed(way, asked, memory, 2)  # the first calls of a process are slow for all
    for turn in range(rounds):
        first = turn % len(all_ways)
        for way in [*all_ways[first:], *all_ways[:first]]:
            seconds[way.name].append(timed(way, asked, memory, new))
    base = all_ways[0].generator.model
    rows = []
    for way in all_ways:
        times = [a / b for a, b in zip(seconds[way.name], seconds["merged"], strict=True)]
        middle = statistics.median(seconds[way.name])
        # a merged model lives beside no other; what acts on answers needs the base as well
        model = way.generator.model
        rows.append(
            {
                "way": way.name,
                "batch": batch,
                "seconds": round(middle, 4),
                "tokens_per_second": round(batch * new / middle, 1),
                "times": round(statistics.median(times), 3),
                "low": round(min(times), 3),
                "high": round(max(times), 3),
                "weights_mb": round(
                    weights_mb(model, *([base] if way.generator.reader else [])), 1
                ),
                "cache_mb": round(kept_mb(answer(way, asked, memory, new)[1]), 1),
            }
        )
    return rows


def bench_serve(rounds: int = 7) -> dict[str, Any]:
    """Seconds, tokens a second and memory of every way at every batch size; what a prompt token
    costs to read; and whether the answers are the same. Nothing is saved here."""
    generator = load.load_generator()
    adapter = adapters.reference_adapter("format", generator)
    tickets, train = pick(load_tickets("dev"), max(BATCHES)), load_tickets("train")
    tuned = [tuned_prompt(generator, TICKET_PROMPT, case.ask.input) for case in tickets]
    shots = [task_prompt(generator, TICKET_PROMPT, c.ask.input, train[:EXAMPLES]) for c in tickets]
    with tempfile.TemporaryDirectory() as folder:
        found, rows = ways(generator, adapter, Path(folder)), []
        for batch in BATCHES:
            rows += at_batch(found, requests(generator, tuned[:batch]), rounds)
        whole = requests(generator, tuned)
        memory = read(found[-1].generator, whole)
        said = {way.name: answer(way, whole, memory)[0] for way in found}
        one = requests(generator, shots[:1])
        reading = [timed(found[0], one, memory, 1) for _ in range(rounds)]
        beside = weights_mb(found[2].generator.model) - weights_mb(generator.model)

    def same(first: str, second: str) -> int:
        return int((said[first] == said[second]).all(dim=1).sum())

    return {
        "bench": "serve",
        "rounds": rounds,
        "new_tokens": NEW_TOKENS,
        "tokens": {
            "few_shot": round(
                statistics.fmean(requests(generator, [p]).tokens.numel() for p in shots)
            ),
            "tuned": round(
                statistics.fmean(requests(generator, [p]).tokens.numel() for p in tuned)
            ),
        },
        "seconds_per_prompt_token": round(statistics.median(reading) / one.tokens.numel(), 6),
        "base_mb": round(weights_mb(generator.model), 1),
        "adapter_mb": round(beside, 1),
        "same_answers": {
            "of": len(tickets),
            "merged and unmerged": same("merged", "unmerged"),
            "activated, read now and before": same("activated", "shared"),
            "activated and unmerged": same("activated", "unmerged"),
            "base and unmerged": same("base", "unmerged"),
        },
        "generator": generator.fingerprint,
        "adapter": adapter.fingerprint,
        "threads": load.set_threads(),
        "provenance": fingerprint.provenance(
            "python workbook.py bench serve --save",
            ("models", "training"),
            ("torch", "transformers", "peft"),
        ),
        "rows": rows,
    }


def shown(found: dict[str, Any]) -> str:
    """The result for people."""
    costs, same = Serving(found), dict(found["same_answers"])
    of = same.pop("of")
    tables = [f"{batch} at once\n{costs.table(batch).to_string()}" for batch in BATCHES]
    many = ", ".join(
        f"{WAYS[way]} {costs.weights_mb(way, 8):,.0f} MB" for way in ("merged", "unmerged")
    )
    return "\n\n".join(
        [
            *tables,
            f"weights for 8 adapters: {many}",
            f"the same answers, of {of}: {same}",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="helpers.commands.bench serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else"
    )
    parser.add_argument(
        "--save", action="store_true", help="write labs_data/reference/serving.json"
    )
    options = parser.parse_args(argv)
    found = bench_serve(options.rounds)
    if options.save:
        head = {key: value for key, value in found.items() if key != "rows"}
        write_measured(REFERENCE, head, rows=found["rows"])
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
