"""What does an adapter cost to serve? For `workbook.py bench serve`.

    python -m helpers.commands.bench serve [--rounds 7] [--json] [--save]

Requests are the tickets of notebook 05 with the tuned prompt, one or sixteen at a time. Four things
are timed in turn, round after round: reading the prompts and writing an answer, by the bare model
and with the adapter beside its weights (of long work a part is timed and counted up). The ways to
serve are made of these four (`MADE_OF`): merged weights do the work of the bare model; an adapter
that acts on answers leaves the reading to it.

What counts are ratios within a round. On a CPU the clock is that of the process (CPU seconds by
thread), so other work on the machine counts for little. Costs do not depend on what an adapter has
learnt; here it is *format*.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
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
# who reads the prompt and who writes the answer; None: it was read before, for another adapter
MADE_OF: dict[str, tuple[str | None, str]] = {
    "merged": ("bare", "bare"),
    "unmerged": ("beside", "beside"),
    "activated": ("bare", "beside"),
    "shared": (None, "beside"),
}
NEW_TOKENS = 27  # of every answer: as many as a ticket's record needs
# what is timed of it, and counted up: one token more costs what the one before did
TIMED_TOKENS = 6  # written of each answer
TIMED_READING = 128  # prompt tokens read of a batch, all rows together
EXAMPLES = 8  # that few-shot shows in 05


@dataclass(frozen=True, eq=False)
class Requests:
    """A batch of prompts as a rectangle, padded on the left. tokens, mask: (rows, width)."""

    tokens: torch.Tensor
    mask: torch.Tensor


def acting_everywhere(adapter: Adapter, folder: Path) -> Adapter:
    """The same matrices without the tokens that call them: an adapter that acts on prompts, too,
    and can be merged. folder: an empty one, for its files."""
    config = json.loads((adapter.folder / CONFIG).read_text(encoding="utf-8"))
    config["alora_invocation_tokens"] = None
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    for name in ("adapter_model.safetensors", CARD):
        (folder / name).write_bytes((adapter.folder / name).read_bytes())
    return adapters.opened(folder)


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


def shortened(asked: Requests, tokens: int = TIMED_READING) -> Requests:
    """The end of each prompt, so that all rows together have so many tokens at most."""
    width = max(2, tokens // len(asked.tokens))
    return Requests(asked.tokens[:, -width:], asked.mask[:, -width:])


def read(generator: Generator, asked: Requests) -> DynamicCache:
    """What the model keeps of the prompts but for their last token, with which the answer begins:
    keys and values, (rows, heads, width - 1, head size) in each layer."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=generator.model.config)
    positions = (asked.mask.cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        generator.model.base_model(
            input_ids=asked.tokens[:, :-1],
            attention_mask=asked.mask[:, :-1],
            position_ids=positions[:, :-1],
            past_key_values=cache,
            use_cache=True,
        )
    return cache


def write(
    generator: Generator, asked: Requests, memory: DynamicCache, new: int = NEW_TOKENS
) -> torch.Tensor:
    """So many tokens of each answer, greedily: (rows, new). memory: of `read`; it is written to."""
    import torch

    said, mask, token = [], asked.mask, asked.tokens[:, -1:]
    with torch.inference_mode():
        for _ in range(new):
            logits = generator.model(
                input_ids=token,
                attention_mask=mask,
                position_ids=mask.sum(dim=1, keepdim=True) - 1,
                past_key_values=memory,
                use_cache=True,
            ).logits[:, -1]
            token = logits.argmax(dim=-1, keepdim=True)
            said.append(token)
            mask = torch.cat([mask, torch.ones_like(token)], dim=1)
    return torch.cat(said, dim=1)


def kept_mb(generator: Generator, asked: Requests) -> float:
    """Megabytes of keys and values that prompts and answers of a batch take."""
    part = shortened(asked, 2 * len(asked.tokens))
    layers, tokens = read(generator, part).layers, part.tokens.shape[1] - 1
    one = sum(x.nbytes for layer in layers for x in (layer.keys, layer.values)) / tokens
    return one * (asked.tokens.shape[1] + NEW_TOKENS) / 1e6


def weights_mb(*models) -> float:
    """Megabytes of all weights of these models together; what they share counts once."""
    tensors = {t.data_ptr(): t.nbytes for model in models for t in model.parameters()}
    return sum(tensors.values()) / 1e6


def clock(generator: Generator) -> float:
    """Seconds: of the process, by thread, on a CPU; of the wall on an accelerator, when it has done
    all that it was given."""
    import torch

    if generator.device == "cpu":
        return time.process_time() / torch.get_num_threads()
    getattr(torch, generator.device.partition(":")[0]).synchronize()
    return time.perf_counter()


def one_round(
    bare: Generator, beside: Generator, asked: Requests, new: int = TIMED_TOKENS
) -> dict[str, float]:
    """Seconds of the four things: to read the prompts, and to write a token of each answer."""
    found, part = {}, shortened(asked)
    share = part.tokens.shape[1] / asked.tokens.shape[1]
    for name, generator in (("bare", bare), ("beside", beside)):
        started = clock(generator)
        memory = read(generator, part)
        between = clock(generator)
        write(generator, part, memory, new)
        found[f"read, {name}"] = (between - started) / share
        found[f"write, {name}"] = (clock(generator) - between) / new
    return found


def rows_of(
    batch: int, rounds: Sequence[Mapping[str, float]], cache_mb: float = 0.0
) -> list[dict[str, Any]]:
    """The ways to serve a batch, from the rounds: medians, and ratios to merged within a round."""
    made = {
        way: [
            (r[f"read, {reader}"] if reader else 0.0) + NEW_TOKENS * r[f"write, {writer}"]
            for r in rounds
        ]
        for way, (reader, writer) in MADE_OF.items()
    }
    rows = []
    for way, seconds in made.items():
        times = [a / b for a, b in zip(seconds, made["merged"], strict=True)]
        middle = statistics.median(seconds)
        rows.append(
            {
                "way": way,
                "batch": batch,
                "rounds": len(rounds),
                "seconds": round(middle, 4),
                "tokens_per_second": round(batch * NEW_TOKENS / middle, 1),
                "times": round(statistics.median(times), 3),
                "low": round(min(times), 3),
                "high": round(max(times), 3),
                "cache_mb": round(cache_mb, 1),
            }
        )
    return rows


def bench_serve(rounds: int = 7, done: Callable[[dict], object] = lambda found: None) -> dict:
    """Seconds, tokens a second and memory of every way at every batch size, and what a prompt token
    costs to read. done: is given the results after every round."""
    generator = load.load_generator()
    adapter = adapters.reference_adapter("format", generator)
    tickets, train = pick(load_tickets("dev"), max(BATCHES)), load_tickets("train")
    tuned = [tuned_prompt(generator, TICKET_PROMPT, case.ask.input) for case in tickets]
    shots = [task_prompt(generator, TICKET_PROMPT, c.ask.input, train[:EXAMPLES]) for c in tickets]

    def tokens(prompts: Sequence[str]) -> float:
        return statistics.fmean(requests(generator, [one]).tokens.numel() for one in prompts)

    with tempfile.TemporaryDirectory() as folder:
        beside = adapters.with_adapter(generator, acting_everywhere(adapter, Path(folder)))
    about = {
        "bench": "serve",
        "new_tokens": NEW_TOKENS,
        "tokens": {"few_shot": round(tokens(shots)), "tuned": round(tokens(tuned))},
        "base_mb": round(weights_mb(generator.model), 1),
        "adapter_mb": round(weights_mb(beside.model) - weights_mb(generator.model), 1),
        "generator": generator.fingerprint,
        "adapter": adapter.fingerprint,
        "threads": load.set_threads(),
        "provenance": fingerprint.provenance(
            "python workbook.py bench serve --save",
            ("models", "training"),
            ("torch", "transformers", "peft"),
        ),
    }
    asked = {batch: requests(generator, tuned[:batch]) for batch in BATCHES}
    kept = {batch: kept_mb(generator, some) for batch, some in asked.items()}
    timed: dict[int, list[dict[str, float]]] = {batch: [] for batch in BATCHES}
    for turn in range(rounds):
        for batch in BATCHES:
            timed[batch].append(one_round(generator, beside, asked[batch]))
            print(f"round {turn + 1}, {batch} at once: {timed[batch][-1]}", flush=True)
        first = statistics.median(r["read, bare"] for r in timed[1])
        about["seconds_per_prompt_token"] = round(first / asked[1].tokens.numel(), 6)
        rows = [row for batch in BATCHES for row in rows_of(batch, timed[batch], kept[batch])]
        done(found := {**about, "rows": rows})
    return found


def shown(found: dict[str, Any]) -> str:
    """The result for people."""
    costs = Serving(found)
    tables = [f"{batch} at once\n{costs.table(batch).to_string()}" for batch in costs.batches]
    many = ", ".join(
        f"{WAYS[way]} {costs.weights_mb(way, 8):,.0f} MB" for way in ("merged", "unmerged")
    )
    return "\n\n".join([*tables, f"weights for 8 adapters: {many}"])


def save(found: dict[str, Any]) -> None:
    head = {key: value for key, value in found.items() if key != "rows"}
    write_measured(REFERENCE, head, rows=found["rows"])


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
    # whatever is said on the way: stdout belongs to the result
    with contextlib.redirect_stdout(sys.stderr):
        found = bench_serve(options.rounds, save if options.save else lambda found: None)
    print(json.dumps(found, indent=2) if options.json else shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
