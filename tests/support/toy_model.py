"""A model without weights: its tokens are words, its window is small."""

from __future__ import annotations

import re
from types import SimpleNamespace

from helpers.models import load


class Words:
    """A tokenizer that needs no model: a token is a word with the space after it."""

    all_special_tokens = ("<|im_end|>",)

    def get_added_vocab(self):
        return {}

    def __call__(self, text, **_):
        spans = [found.span() for found in re.finditer(r"\S+\s*", text)]
        return {"input_ids": [text[a:b] for a, b in spans], "offset_mapping": spans}

    def apply_chat_template(self, messages, **_):
        return messages[-1]["content"]


WINDOW = 400


TOY = load.Generator(
    "toy",
    "toy@1",
    SimpleNamespace(config=SimpleNamespace(max_position_embeddings=WINDOW)),
    Words(),
    "cpu",
)
