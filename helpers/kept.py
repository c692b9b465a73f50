"""Must I train it before I can go on? No: the adapters of the course are kept with it, and for
other weights one is trained."""

from __future__ import annotations

from collections.abc import Callable

from helpers.adapters import Adapter, AdapterError, reference_adapter
from helpers.models import Generator


def kept(
    name: str,
    generator: Generator,
    train: Callable[[], Adapter],
    say: Callable[[str], object] = print,
) -> Adapter:
    """The adapter "format", "facts" or "reader" that was trained once; where it does not fit these
    weights, `train()`, saying so."""
    try:
        adapter = reference_adapter(name, generator)
    except AdapterError as error:
        say(f"{error}; that is done now")
        return train()
    card = adapter.card
    say(
        f"the adapter '{name}' was trained on {card['trained'][:10]}: {card['rows']} rows,"
        f" {card['settings']['epochs']} epochs, {card['seconds']:.0f} s on {card['machine']}"
    )
    return adapter
