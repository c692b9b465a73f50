"""What is a language model to the rest of the course? Something that completes prompts: weights on
this machine (`Generator`) or a server that is asked over HTTP (`Endpoint`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Turns = Sequence[tuple[str, str]]  # (user, assistant) before the question


@dataclass(frozen=True)
class Completion:
    """The answer to prompt number `index`. seconds: from weights its share of the batch's time, not
    its latency alone; from a server the time that the caller waited."""

    index: int
    text: str
    tokens_in: int
    tokens_out: int
    seconds: float


class LanguageModel(Protocol):
    """`complete(prompts)` answers what `chat` made: a text for weights, messages for a server."""

    fingerprint: str  # names exactly what answers; cached answers are stored under it
    tokenizer: Any | None  # None: its tokens cannot be counted here
    window_tokens: int | None  # prompt and answer together; None: unknown

    def chat(self, user: str, system: str | None = None, turns: Turns = ()) -> Any: ...

    def complete(
        self, prompts: Sequence[Any], max_new_tokens: int = 48, schema: dict | None = None
    ) -> Iterator[Completion]: ...


def messages(user: str, system: str | None = None, turns: Turns = ()) -> list[dict[str, str]]:
    """A conversation up to the user's last message, as chat templates and servers take it."""
    found = [{"role": "system", "content": system}] if system else []
    for said, answered in turns:
        found += [{"role": "user", "content": said}, {"role": "assistant", "content": answered}]
    return [*found, {"role": "user", "content": user}]
