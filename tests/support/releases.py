"""Small releases to promote, spoil and roll back."""

from __future__ import annotations

from pathlib import Path

from helpers.release.manifest import Manifest, What, pack


def parts_in(folder: Path, word: str = "one") -> dict[str, What]:
    """All eight parts, a few bytes each, in a folder; `word` is in the adapter and the index."""
    adapter, weights, index = (folder / name for name in ("adapter", "weights", "index"))
    for one in (adapter, weights, index):
        one.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(
        b"\x08\0\0\0\0\0\0\0{}      " + word.encode()
    )
    (adapter / "adapter_config.json").write_text('{"r": 8}')
    (weights / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    (index / "rows").write_text(word)
    for name in ("data", "labels", "evaluation"):
        (folder / f"{name}.jsonl").write_text('{"id": 1}\n')
    return {
        "data": folder / "data.jsonl",
        "labels": folder / "labels.jsonl",
        "weights": weights,
        "adapter": adapter,
        "index": index,
        "prompt": "Answer.",
        "code": ("core",),
        "evaluation": folder / "evaluation.jsonl",
    }


def make_release(folder: Path, **other: What) -> Manifest:
    """A release in folder/release, its parts beside it."""
    return pack(folder / "release", parts_in(folder / "parts") | other)
