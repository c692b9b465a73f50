"""How can a record that is begun be ended in few tokens? For `constrain`, where room gets short."""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

NEEDS_A_LOOK = frozenset(
    {
        "$ref",
        "allOf",
        "pattern",
        "format",
        "minProperties",
        "multipleOf",
        "not",
        "if",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
    }
)
# an escape or a number may be half written, and text cut elsewhere has some more tokens
SLACK_TOKENS = 16
MOST_TOKENS = 1_000  # longer ways to the end of a record are not looked for
MOST_REMEMBERED = 100_000  # beginnings of answers
FREE_TEXT = 1_000  # where more tokens than these are allowed, text is being written


class Endings:
    """How can a record that is begun be ended in few tokens? One for a grammar; what was found is
    remembered for all rows and batches."""

    def __init__(self, tokenizer: LLTokenizer, grammar: str, schema: dict):
        self.tokenizer, self.grammar = tokenizer, grammar
        # by what was written: a way to the end, the shortest known
        self.found: dict[tuple[int, ...], tuple[int, ...]] = {}
        # by what was written: within so many tokens, none was found
        self.missed: dict[tuple[int, ...], int] = {}
        self.shortest = self.of(self.matcher(), (), MOST_TOKENS)
        fullest = None if self.shortest is None else _fullest(schema)
        # no state needs more
        self.longest = (
            math.inf if fullest is None else len(tokenizer.tokenize_str(fullest)) + SLACK_TOKENS
        )

    def matcher(self) -> LLMatcher:
        from llguidance import LLMatcher

        return LLMatcher(self.tokenizer, self.grammar, log_level=0)

    def after(
        self, matcher: LLMatcher, written: tuple[int, ...], token: int, room: int
    ) -> tuple[int, ...] | None:
        """A way to the end from the state after this token, in at most `room` tokens; None where
        none is near at hand."""
        if token in self.tokenizer.eos_tokens:
            return ()  # allowed where the record is whole, and only there
        written = (*written, token)
        if (way := self.found.get(written)) is not None and len(way) <= room:
            return way
        if self.missed.get(written, -1) >= room:
            return None
        state = matcher.deep_copy()
        way = self._straight(state, room) if state.consume_token(token) else None
        if way is None:
            self.missed[written] = room
            return None
        return self._remembered(written, way)

    def of(self, matcher: LLMatcher, written: tuple[int, ...], room: int) -> tuple[int, ...] | None:
        """A way to the end from this state, in at most `room` tokens; None where a careful search
        finds none."""
        if (way := self.found.get(written)) is not None and len(way) <= room:
            return way
        way, within = None, 0
        while way is None and within < room:  # a search without an end in sight is a long one
            within = min(4 * within or 64, room)
            way = self._careful(matcher, within)
        return None if way is None else self._remembered(written, way)

    def _remembered(self, written: tuple[int, ...], way: tuple[int, ...]) -> tuple[int, ...]:
        if len(self.found) + len(self.missed) > MOST_REMEMBERED:
            self.found.clear()
            self.missed.clear()
        for done in range(len(way) + 1):  # whoever follows the way knows how it goes on
            self.found[(*written, *way[:done])] = way[done:]
        return way

    def _straight(self, matcher: LLMatcher, room: int) -> tuple[int, ...] | None:
        """The way on which every choice is the one that closes most, or writes most."""
        state, way = matcher.deep_copy(), []
        while not _is_over(state):
            step = state.compute_ff_tokens() or self._choices(state, 1)
            way += step
            if not step or len(way) > room or not state.consume_tokens(step):
                return None
        return tuple(way)

    def _careful(self, matcher: LLMatcher, room: int) -> tuple[int, ...] | None:
        """The shortest of the ways that are straight after one other choice, and so on from choice
        to choice."""
        state, way, best = matcher.deep_copy(), [], self._straight(matcher, room)
        while not _is_over(state):
            step = state.compute_ff_tokens()
            if not step:
                for token in self._choices(state):
                    other = state.deep_copy()
                    rest = (room if best is None else len(best) - 1) - len(way) - 1
                    if (
                        rest >= 0
                        and other.consume_token(token)
                        and (end := self._straight(other, rest)) is not None
                    ):
                        best = (*way, token, *end)
                step = [best[len(way)]] if best is not None else self._choices(state, 1)
            way += step
            if not step or len(way) > room or not state.consume_tokens(step):
                break
            if best is not None and tuple(way) != best[: len(way)]:
                break
        return best

    def _choices(self, state: LLMatcher, most: int = 24) -> list[int]:
        """Tokens that may come next, the most promising first: one that closes, a comma, the
        longest; of each first letter the longest and shortest."""
        import numpy as np

        order, firsts, ranks = _by_promise(self.tokenizer)
        bits = np.unpackbits(
            np.frombuffer(state.compute_bitmask(), dtype=np.uint8), bitorder="little"
        )
        allowed = bits[order].view(bool)
        if np.count_nonzero(allowed) > FREE_TEXT:  # within a string only a quote closes
            allowed &= (ranks == 0) | (ranks == 3)
        if most == 1:
            best = int(allowed.argmax())
            return [int(order[best])] if allowed[best] else []
        places = np.flatnonzero(allowed)
        _, longest = np.unique(firsts[places], return_index=True)
        _, shortest = np.unique(firsts[places[::-1]], return_index=True)
        picked = np.unique([*longest, *(len(places) - 1 - shortest)])
        return order[places[picked]][:most].tolist()


@functools.lru_cache(maxsize=2)
def _by_promise(tokenizer: LLTokenizer):
    """(all tokens, those that end a record soonest before others; the first byte of each; its
    rank).

    Ranks: 0 a quote and what closes behind it, 1 other brackets that close, 2 what begins with a
    comma, 3 the rest, the longest first.
    """
    import numpy as np

    found = []
    for token in range(tokenizer.vocab_size):
        text = tokenizer.decode_bytes([token])
        if text and not tokenizer.is_special_token(token):
            rank = (
                0
                if re.fullmatch(rb'"+[\]}]*', text)
                else (
                    1
                    if re.fullmatch(rb"\[\]|\{\}|[\]}]+", text)
                    else 2
                    if text.startswith(b",")
                    else 3
                )
            )
            found.append((rank, -len(text), token, text[0]))
    found.sort()
    ranks, _, order, firsts = zip(*found, strict=True)
    return np.array(order, dtype=np.intp), np.array(firsts), np.array(ranks)


def _is_over(matcher: LLMatcher) -> bool:
    return not matcher.is_error() and (matcher.is_accepting() or matcher.is_stopped())


def _fullest(schema: dict | bool) -> str | None:
    """A text about as long as the longest that a record may still need to be closed, wherever it
    stands; None where that cannot be told."""
    if isinstance(schema, bool):
        return ""
    if NEEDS_A_LOOK & schema.keys():
        return None
    if "const" in schema or "enum" in schema:
        return max(
            (
                json.dumps(value, ensure_ascii=False)
                for value in schema.get("enum", [schema.get("const")])
            ),
            key=len,
        )
    branches = [_fullest(part) for key in ("anyOf", "oneOf") for part in schema.get(key, ())]
    fields = [(name, _fullest(part)) for name, part in schema.get("properties", {}).items()]
    item = _fullest(schema["items"]) if "items" in schema else ""
    places = [_fullest(part) for part in schema.get("prefixItems", ())]
    if None in (*branches, *(value for _, value in fields), item, *places):
        return None
    letters = "\ue000 " * (schema.get("minLength", 0) // 2 + 1) if schema.get("minLength") else ""
    number = "-" + "0" * max(
        len(str(schema.get(key, 0)))
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    )
    return "".join(
        (
            "{",
            ", ".join(f'"{name}": {value}' for name, value in fields),
            "}",
            "[",
            ", ".join([*places, *[item] * (schema.get("minItems", 0) + 1)]),
            "]",
            max(branches, key=len, default=""),
            f'"{letters}"',
            number,
        )
    )
