"""How do we make a model write only what a schema allows? Before every token, all tokens that would break the schema are ruled out.

The form is then certain, the content is not: a valid record can still be wrong. The library llguidance turns a JSON Schema into a
grammar and follows the text token by token; `generate` asks it before every token. For greedy answers only: beams swap rows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from helpers.models import Generator

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher, LLTokenizer

# Spaces as json.dumps writes them, which is how labels are written, and no others: a model could fill its whole answer with blank lines.
SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
NARROWING = {"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"}  # a schema with none of these allows any value


class ConstraintError(ValueError):
    """Answers cannot be held to a schema; the message says why and what to do."""


class OnlyValid:
    """A logits processor, as model.generate calls it, for ONE batch: matcher i follows row i of the batch."""

    def __init__(self, matchers: list[LLMatcher]):
        self.matchers = matchers
        self.started = False

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """ids: (rows, tokens so far); scores: (rows, vocabulary). The scores, with -inf at every token that breaks the schema."""
        import llguidance.numpy as bits  # not llguidance.torch, which wants a C++ compiler
        import numpy as np
        import torch

        if len(ids) != len(self.matchers):
            raise ConstraintError(f"made for {len(self.matchers)} rows, got {len(ids)}; make a new one for every batch, and use no beams")
        if self.started:  # the first call comes before any answer token: all of ids is prompt and padding, which no schema binds
            for matcher, token in zip(self.matchers, ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():  # a finished row is padded until the longest one is done
                    matcher.consume_token(token)
        self.started = True
        mask = bits.allocate_token_bitmask(*scores.shape)  # (rows, vocabulary / 32): one bit a token
        for row, matcher in enumerate(self.matchers):
            bits.fill_next_token_bitmask(matcher, mask, row)
            if matcher.is_error():  # a matcher never raises, it must be asked
                raise ConstraintError(f"row {row} of the batch cannot go on within its schema: {_without_state(matcher.get_error())}")
        allowed = np.unpackbits(mask.view(np.uint8), axis=1, bitorder="little", count=scores.shape[1])  # (rows, vocabulary)
        return scores.masked_fill(torch.from_numpy(allowed == 0).to(scores.device), float("-inf"))


def only_valid(generator: Generator, schema: dict, rows: int) -> OnlyValid:
    """What holds one batch of `rows` answers to a JSON Schema, such as `Ticket.model_json_schema()`? Give it to model.generate.

    Raises ConstraintError when the schema leaves open which keys an object has, or says what llguidance cannot follow.
    An answer cut off by max_new_tokens is no JSON: leave room for the longest record, and bound its strings (maxLength).
    """
    from llguidance import LLMatcher

    for place in open_objects(schema):
        raise ConstraintError(
            f"{place} leaves open which keys it may have, and a model would go on inventing some: "
            'set extra="forbid" on the pydantic model, or "additionalProperties": false in the schema'
        )
    tokenizer = _tokenizer(generator.tokenizer, generator.model.config.vocab_size)
    grammar = _grammar(tokenizer, json.dumps(schema))  # unsorted: an answer names its fields in the schema's order
    return OnlyValid([LLMatcher(tokenizer, grammar, log_level=0) for _ in range(rows)])


def open_objects(schema: dict | bool, place: str = "the schema") -> Iterator[str]:
    """Where does a JSON Schema allow keys that it does not name? The places, outermost first; none in a closed schema."""
    if isinstance(schema, bool) or not NARROWING & schema.keys():
        if schema is not False:
            yield place
        return
    kinds = schema.get("type", ())  # one name or a list of them
    if "object" in kinds and schema.get("additionalProperties") is not False:
        yield place
    for group in ("properties", "$defs", "definitions"):
        for name, part in schema.get(group, {}).items():
            yield from open_objects(part, f"'{name}' in {place}")
    parts = [part for key in ("anyOf", "oneOf", "allOf", "prefixItems") for part in schema.get(key, ())]
    if "array" in kinds:
        parts.append(schema.get("items", True))
    for part in parts:
        yield from open_objects(part, f"a part of {place}")


@functools.lru_cache(maxsize=2)
def _tokenizer(tokenizer, vocabulary: int) -> LLTokenizer:
    """The vocabulary as llguidance wants it (0.4 s); kept by tokenizer, which tuned copies of a model share."""
    from llguidance.hf import from_tokenizer

    try:
        return from_tokenizer(tokenizer, n_vocab=vocabulary)
    except ValueError as error:
        raise ConstraintError(f"this model's tokenizer cannot be used here ({error}); choose another one for WORKBOOK_MODEL") from error


@functools.lru_cache(maxsize=8)
def _grammar(tokenizer: LLTokenizer, schema: str) -> str:
    """The grammar of a schema, checked."""
    from llguidance import LLMatcher

    grammar = LLMatcher.grammar_from_json_schema(schema, overrides=SPACING)
    if problem := LLMatcher.validate_grammar(grammar, tokenizer):
        raise ConstraintError(f"the schema asks for what cannot be followed; leave that out: {_without_state(problem)}")
    return grammar


def _without_state(problem: str) -> str:
    """What went wrong, without the dump of the parser's state that follows."""
    return problem.partition("\n<state>")[0]
