"""How do we make a model write only what a schema allows? Before every token, all tokens that would
break the schema are ruled out.

The form is then certain, the content is not: a valid record can still be wrong. The library
llguidance turns a JSON Schema into a grammar and follows the text token by token; `generate` asks
it before every token. For greedy answers only: beams swap rows.

An answer must also end in time. When its room gets short, a token is allowed only if the record can
still be closed in the tokens that are left after it: the model chooses among such tokens, and where
it wants none of them, the shortest way to the end is taken.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.data.json_schema import closed
from helpers.models.endings import MOST_TOKENS, Endings
from helpers.models.load import Generator

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher, LLTokenizer

# Spaces as json.dumps writes them, which is how labels are written, and no others: a model could
# fill its whole answer with blank lines.
SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# a schema with none of these allows any value
NARROWING = {"type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf"}

# how many of the best-scored tokens are tried where room is short, before the shortest way is taken
TRIES = 8


class ConstraintError(ValueError):
    """Answers cannot be constrained by a schema; the message says why and what to do."""


class OnlyValid:
    """A logits processor, as model.generate calls it, for ONE batch: matcher i follows row i of the
    batch."""

    def __init__(self, matchers: list[LLMatcher], endings: Endings | _NoHurry, max_new_tokens: int):
        self.matchers, self.endings, self.left = matchers, endings, max_new_tokens
        self.written: list[tuple[int, ...]] = [()] * len(matchers)
        self.started = False

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """ids: (rows, tokens so far); scores: (rows, vocabulary). The scores, with -inf at every
        token that breaks the schema."""
        import llguidance.numpy as bits  # not llguidance.torch, which wants a C++ compiler
        import numpy as np
        import torch

        if len(ids) != len(self.matchers):
            raise ConstraintError(
                f"made for {len(self.matchers)} rows, got {len(ids)}; make a new one for every"
                " batch, and use no beams"
            )
        # the first call comes before any answer token: all of ids is prompt and padding, which no
        # schema binds
        if self.started:
            for row, (matcher, token) in enumerate(
                zip(self.matchers, ids[:, -1].tolist(), strict=True)
            ):
                # a finished row is padded until the longest one is done
                if not matcher.is_stopped():
                    matcher.consume_token(token)
                    self.written[row] += (token,)
        self.started = True
        self.left -= 1  # tokens that an answer may have after the one that is chosen now
        # (rows, vocabulary / 32): one bit a token
        mask = bits.allocate_token_bitmask(*scores.shape)
        for row, matcher in enumerate(self.matchers):
            bits.fill_next_token_bitmask(matcher, mask, row)
            if matcher.is_error():  # a matcher never raises, it must be asked
                raise ConstraintError(
                    f"row {row} of the batch cannot go on within its schema:"
                    f" {_without_state(matcher.get_error())}"
                )
        # (rows, vocabulary)
        allowed = np.unpackbits(
            mask.view(np.uint8), axis=1, bitorder="little", count=scores.shape[1]
        )
        scores = scores.masked_fill(torch.from_numpy(allowed == 0).to(scores.device), float("-inf"))
        if self.left < self.endings.longest:
            favourites = scores.argmax(dim=-1).tolist()
            for row, matcher in enumerate(self.matchers):
                if not matcher.is_stopped():
                    self._in_time(row, matcher, scores[row], favourites[row])
        return scores

    def _in_time(self, row: int, matcher: LLMatcher, scores: torch.Tensor, favourite: int) -> None:
        """Leaves the scores of a row as they are if its favourite token leaves room to end; else
        only one that does remains."""
        for tried in range(TRIES):
            if scores[favourite] == float("-inf"):  # nothing else is allowed
                break
            if self.endings.after(matcher, self.written[row], favourite, self.left) is not None:
                if tried:
                    _leave_only(scores, favourite)
                return
            scores[favourite] = float("-inf")
            favourite = int(scores.argmax())
        way = self.endings.of(matcher, self.written[row], self.left + 1)
        if way is None:
            raise ConstraintError(
                f"row {row} of the batch cannot end its record in {self.left + 1} more tokens; give"
                " a larger max_new_tokens"
            )
        _leave_only(scores, way[0] if way else self.endings.tokenizer.eos_token)


def _leave_only(scores: torch.Tensor, token: int) -> None:
    scores[:] = float("-inf")
    scores[token] = 0.0


def only_valid(generator: Generator, schema: dict, rows: int, max_new_tokens: int) -> OnlyValid:
    """What constrains one batch of `rows` answers by a JSON Schema, such as
    `Ticket.model_json_schema()`? Give it to model.generate.

    An answer is whole within max_new_tokens, the same number that model.generate is given: where
    room gets short, it is brought to its end. To be closed early is no good answer, so leave room
    for the longest record, and bound its strings (maxLength). Objects get no keys that the schema
    does not name (see `json_schema.closed`). Raises ConstraintError when it leaves open what a
    value is, says what llguidance cannot follow, or has no record so short.
    """
    schema = closed(schema)
    for place in open_objects(schema):
        raise ConstraintError(
            f"{place} leaves open what it may hold, and a model would go on inventing keys or"
            ' values: give it a "type" and "properties" (or "items"), with "additionalProperties":'
            " false"
        )
    tokenizer = _tokenizer(generator.tokenizer, generator.model.config.vocab_size)
    # unsorted: an answer names its fields in the schema's order
    endings = _endings(tokenizer, json.dumps(schema))
    if endings.shortest is None or len(endings.shortest) > max_new_tokens:
        needed = f"more than {MOST_TOKENS}" if endings.shortest is None else len(endings.shortest)
        raise ConstraintError(
            f"the shortest answer of this schema has {needed} tokens, and max_new_tokens is"
            f" {max_new_tokens}: give a larger max_new_tokens, or ask for less in the schema"
        )
    return OnlyValid([endings.matcher() for _ in range(rows)], endings, max_new_tokens)


@dataclass(frozen=True)
class _NoHurry:
    """In place of Endings, where an answer may end after any word."""

    longest: float = float("-inf")


def only_quotes(generator: Generator, texts: Sequence[str], refusal: str) -> OnlyValid:
    """What constrains one batch of answers to whole words that stand together in a text, one text
    a row, or to the refusal? Give it to model.generate.

    Where max_new_tokens ends an answer, its last word may be cut. Raises ConstraintError for an
    empty text.
    """
    from llguidance import LLMatcher

    tokenizer = _tokenizer(generator.tokenizer, generator.model.config.vocab_size)
    matchers = []
    for row, text in enumerate(texts):
        if not text.strip():
            raise ConstraintError(f"row {row} has nothing to quote from; refuse without asking")
        grammar = LLMatcher.grammar_from_lark(
            f"start: QUOTE | {json.dumps(refusal)}\n"
            f"QUOTE: %regex {json.dumps({'substring_words': text})}"
        )
        matchers.append(LLMatcher(tokenizer, grammar, log_level=0))
    return OnlyValid(matchers, _NoHurry(), 0)


def open_objects(schema: dict | bool, place: str = "the schema") -> Iterator[str]:
    """Where does a JSON Schema allow keys or values that it does not describe? The places,
    outermost first; none in a closed schema."""
    if isinstance(schema, bool) or not NARROWING & schema.keys():
        if schema is not False:
            yield place
        return
    if schema.keys() & {"enum", "const"}:
        return
    kinds = schema.get("type", ())  # one name or a list of them
    if "object" in kinds and schema.get("additionalProperties") is not False:
        yield place
    for group in ("properties", "$defs", "definitions"):
        for name, part in schema.get(group, {}).items():
            yield from open_objects(part, f"'{name}' in {place}")
    parts = [
        part for key in ("anyOf", "oneOf", "allOf", "prefixItems") for part in schema.get(key, ())
    ]
    if "array" in kinds and schema.get("maxItems") != 0:
        parts.append(schema.get("items", True))
    for part in parts:
        yield from open_objects(part, f"a part of {place}")


@functools.lru_cache(maxsize=2)
def _tokenizer(tokenizer, vocabulary: int) -> LLTokenizer:
    """The vocabulary as llguidance wants it (0.4 s); cached by tokenizer, which tuned copies of a
    model share."""
    from llguidance.hf import from_tokenizer

    try:
        return from_tokenizer(tokenizer, n_vocab=vocabulary)
    except ValueError as error:
        raise ConstraintError(
            f"this model's tokenizer cannot be used here ({error}); choose another one for"
            " WORKBOOK_MODEL"
        ) from error


@functools.lru_cache(maxsize=8)
def _endings(tokenizer: LLTokenizer, schema: str) -> Endings:
    """The grammar of a schema, checked, and how its records are ended."""
    from llguidance import LLMatcher

    grammar = LLMatcher.grammar_from_json_schema(schema, overrides=SPACING)
    if problem := LLMatcher.validate_grammar(grammar, tokenizer):
        raise ConstraintError(
            "the schema asks for what cannot be followed; leave that out:"
            f" {_without_state(problem)}"
        )
    return Endings(tokenizer, grammar, json.loads(schema))


def _without_state(problem: str) -> str:
    """What went wrong, without the dump of the parser's state that follows."""
    return problem.partition("\n<state>")[0]
