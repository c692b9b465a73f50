"""Where do things live, and what may be overridden? The only global state of the workbook, read
from the environment.

    WORKBOOK_CACHE     folder for weights, indexes, adapters, results (default: .cache here)
    WORKBOOK_WEIGHTS   folder for the weights alone (default: weights/ in the cache)
    WORKBOOK_MY_WORK   folder for what the learner made: the journal (default: my_work here)
    WORKBOOK_MODEL     another language model: folder, or owner/name of a hub (default: SmolLM2)
    WORKBOOK_EMBEDDER  another embedder: folder, or owner/name of a hub (default: MiniLM)
    WORKBOOK_RERANKER  a cross-encoder that reranks: folder, or owner/name of a hub (default: none)
    CHROMA_URL         a Chroma server for the indexes (default: none; in the cache)
    CHROMA_TOKEN       what a reverse proxy before that server wants to see (default: none)
    WORKBOOK_DEVICE    cpu, cuda, mps (default: the best one present)
    WORKBOOK_DTYPE     float32, bfloat16, float16 (default: see reference_dtype)
    WORKBOOK_THREADS   threads for torch (default: physical cores)
    WORKBOOK_LIVE      1: answer everything here, also what comes answered with the workbook
"""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "labs_data"
NOTEBOOKS = ROOT / "notebooks"


def cache_folder(*parts: str) -> Path:
    """Where does this kind of derived file go? Everything below it can be deleted and is made
    again."""
    base = Path(os.environ.get("WORKBOOK_CACHE") or ROOT / ".cache").expanduser().resolve()
    folder = base.joinpath(*parts)
    # they hold no one's data: many caches may share them
    if parts[:1] == ("weights",) and (apart := os.environ.get("WORKBOOK_WEIGHTS")):
        folder = Path(apart).expanduser().resolve().joinpath(*parts[1:])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"cannot write to {folder} ({error}); set WORKBOOK_CACHE to a folder you own"
        ) from error
    return folder


def my_work() -> Path:
    """Where does the learner's own work go? It cannot be made again, so the folder is made only
    when something is put there."""
    return Path(os.environ.get("WORKBOOK_MY_WORK") or ROOT / "my_work").expanduser().resolve()


def shown(path: Path) -> str:
    """A path as a learner should read it: relative to the workbook where possible, with forward
    slashes."""
    path = Path(path)
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return path.as_posix()


def on_hub(name: str) -> bool:
    """Is this a plain owner/name, which a hub may know? All else is a folder and stays here, there
    or not; so does what would lie in a folder that is here."""
    plain = re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name, re.ASCII)
    return plain is not None and not Path(name).parent.is_dir()


def model_override() -> str | None:
    """Which other language model was asked for, if any (a hub id or a folder)?"""
    return os.environ.get("WORKBOOK_MODEL") or None


def embedder_override() -> str | None:
    """Which other embedder was asked for, if any (a hub id or a folder)?"""
    return os.environ.get("WORKBOOK_EMBEDDER") or None


def reranker_override() -> str | None:
    """Which cross-encoder was asked for, if any (a hub id or a folder)?"""
    return os.environ.get("WORKBOOK_RERANKER") or None


def reference_dtype() -> str:
    """In which number format are references computed (labs_data/reference, the adapters there, the
    saved outputs of the notebooks)?

    In float32 on every machine, so that they can be made again anywhere; WORKBOOK_DTYPE has the
    last word.
    """
    return os.environ.get("WORKBOOK_DTYPE") or "float32"


def references_in_float32() -> None:
    """Call first in a script that makes references: from here on this process computes as
    `reference_dtype` says."""
    os.environ["WORKBOOK_DTYPE"] = reference_dtype()


def live() -> bool:
    """Shall everything be answered on this machine, also what was measured beforehand?"""
    return os.environ.get("WORKBOOK_LIVE", "") not in ("", "0")


def chroma_url() -> str | None:
    """Which Chroma server holds the indexes, if any, as http://127.0.0.1:8000, or with a
    cohort's database http://127.0.0.1:8000/may? It checks no passwords: keep it where only you can
    reach it."""
    return os.environ.get("CHROMA_URL") or None


def chroma_token() -> str | None:
    """Which token does the reverse proxy before the Chroma server want, if any?"""
    return os.environ.get("CHROMA_TOKEN") or None


def stay_offline() -> None:
    """Tell every library below us to ask no other machine for anything. Call before importing one
    of them.

    A hub id in WORKBOOK_MODEL, _EMBEDDER or _RERANKER is the one setting that needs a hub, so then
    (only) hub access is left as it was set.
    """
    # forked workers would otherwise warn on every use
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # onnxruntime comes with chromadb and would call home
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    named = (model_override(), embedder_override(), reranker_override())
    if not any(on_hub(name or "") for name in named):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
