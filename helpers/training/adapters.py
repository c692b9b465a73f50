"""What is an adapter, and how does a model use one? A folder in peft's standard format with a card
that says what it was made from: trained here (`trainer`), or once and for all, as those that come
with the workbook.

    # the same weights, and a few megabytes beside them
    tuned = with_adapter(generator, reference_adapter("format", generator))
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.core import kept_answers, settings
from helpers.core.files import build_aside
from helpers.models import load
from helpers.models.load import Generator

CARD = "card.json"
CONFIG = "adapter_config.json"
REFERENCE = settings.DATA / "reference" / "adapters"
LIMIT_MB = 6.0


class AdapterError(RuntimeError):
    """An adapter cannot be used with this model, or not be saved; the message says why and what to
    do."""


@dataclass(frozen=True)
class Adapter:
    """A finished adapter: its folder, and the card that says what it was made from."""

    folder: Path
    fingerprint: str
    card: dict


def opened(folder: Path) -> Adapter:
    """The adapter in a folder. Raises AdapterError where none was finished."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return Adapter(folder, card["fingerprint"], card)
    except (OSError, ValueError, KeyError) as error:
        raise AdapterError(
            f"{settings.shown(folder)} holds no finished adapter ({type(error).__name__}: {error});"
            " train it again"
        ) from None


def reference_adapter(name: str, generator: Generator) -> Adapter:
    """An adapter that was trained once and comes with the workbook: "format", "facts" or
    "reader".

    It fits the weights that it was trained on, in any number format and on any device. Raises
    AdapterError for other weights.
    """
    adapter = opened(REFERENCE / name)
    if weights_of(adapter.card["base"]) != weights_of(generator.fingerprint):
        raise AdapterError(
            f"the adapter '{name}' was trained on {adapter.card['base']}, and this is"
            f" {generator.fingerprint}; train one of your own with finetune"
        )
    return adapter


def weights_of(fingerprint: str) -> str:
    """The weights in a generator's fingerprint, without number format, device and adapter."""
    return kept_answers.weights_of(fingerprint).partition("+")[0]


def save_reference(adapter: Adapter, name: str) -> Path:
    """Store an adapter with the workbook, in place of the one of that name. Raises AdapterError
    above 6 MB."""
    size_mb = sum(path.stat().st_size for path in adapter.folder.iterdir()) / 1e6
    if size_mb > LIMIT_MB:
        raise AdapterError(
            f"the adapter '{name}' has {size_mb:.1f} MB and may have {LIMIT_MB:.0f}; use a smaller"
            " rank"
        )
    with build_aside(REFERENCE / name) as aside:
        for file in (CONFIG, "adapter_model.safetensors", CARD):
            shutil.copyfile(adapter.folder / file, aside / file)
    return REFERENCE / name


def with_adapter(generator: Generator, adapter: Adapter) -> Generator:
    """The model with the adapter beside its weights, ready in milliseconds. The given generator
    stays as it is.

    Base and all adapters share one set of weights in memory. An adapter that acts on answers leaves
    the prompt to the base.
    """
    from peft import PeftConfig, PeftModel

    config = PeftConfig.from_pretrained(str(adapter.folder))
    # the reader reads up to the call; behind it the adapter acts plainly
    called, config.alora_invocation_tokens = config.alora_invocation_tokens or [], None
    with warnings.catch_warnings():
        # peft asks transformers in a way that it will drop
        warnings.simplefilter("ignore", FutureWarning)
        tuned = PeftModel.from_pretrained(
            load.same_weights(generator), str(adapter.folder), config=config
        ).eval()
    return replace(
        generator,
        name=f"{generator.name} + {adapter.fingerprint}",
        fingerprint=f"{generator.fingerprint}+{adapter.fingerprint}",
        model=tuned.get_base_model(),
        reader=generator.model if called else None,
        unread_tokens=len(called),
    )


def merged(generator: Generator, adapter: Adapter) -> Generator:
    """The model with the adapter added into a second set of its weights, W + B A: the answers of
    `with_adapter` at the speed of the bare model, for as much memory again.

    Raises AdapterError for an adapter that acts on answers only: in the weights it would act on
    prompts as well, and that is another function.
    """
    from peft import PeftModel

    if json.loads((adapter.folder / CONFIG).read_text("utf-8")).get("alora_invocation_tokens"):
        raise AdapterError(
            f"the adapter {adapter.fingerprint} acts on answers only and cannot be merged: in the"
            ' weights it would act on prompts as well; train it with acts_on="everything", or serve'
            " it with with_adapter"
        )
    with warnings.catch_warnings():
        # peft asks transformers in a way that it will drop
        warnings.simplefilter("ignore", FutureWarning)
        beside = PeftModel.from_pretrained(load.fresh_copy(generator), str(adapter.folder))
    return replace(
        generator,
        name=f"{generator.name} + {adapter.fingerprint}, merged",
        fingerprint=f"{generator.fingerprint}+{adapter.fingerprint}-merged",
        model=beside.merge_and_unload().eval(),
    )


def reference_or_train(
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
