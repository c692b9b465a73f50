"""A language model of a hundredth of the size with random weights, always the same: it trains in a
blink."""

from __future__ import annotations

from helpers.core import settings
from helpers.models import generate, load
from helpers.models.weights import SMOLLM2, prepare
from helpers.training.trainer import LoraSettings

# 4 steps an epoch
HOW = LoraSettings(epochs=2, rank=2, batch_rows=2, learning_rate=4e-2)


def tiny_generator(dropout: float = 0.0) -> load.Generator:
    settings.stay_offline()
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        attention_dropout=dropout,
    )
    torch.manual_seed(1)
    return load.Generator(
        "tiny",
        f"tiny@{dropout}-float32-cpu",
        LlamaForCausalLM(config).eval(),
        AutoTokenizer.from_pretrained(prepare(SMOLLM2)),
        "cpu",
    )


def tiny_rows(generator: load.Generator, count: int = 8) -> list[tuple[str, str]]:
    """Prompts of different lengths, so that padding takes part."""
    return [
        (generate.chat(generator, "Say it. " * (1 + 5 * n % 7) + f"Number {n}?"), f"It is {n * n}.")
        for n in range(count)
    ]
