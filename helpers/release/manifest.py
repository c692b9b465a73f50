"""What exactly is this release? Eight parts, each pinned by its SHA-256: data, labels, weights,
adapter, index, prompt, code and evaluation.

    pack(folder, {"adapter": adapter.folder, "prompt": prompt, "index": None, ...})
    verify(folder)      # hashes everything again; a part that differs is refused by its name

Small parts that only this release has (adapter, prompt, evaluation) are copied into its folder, so
that a rollback finds them; the others are pinned where they are. Only safetensors are weights here:
a pickle can run code when it is opened, so one is refused unopened.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from helpers.core import settings
from helpers.core.files import build_aside, write_whole
from helpers.core.fingerprint import code_of, provenance
from helpers.core.records import parse_json
from helpers.release.leaks import leaked_ids, trained_on

PARTS = ("data", "labels", "weights", "adapter", "index", "prompt", "code", "evaluation")
COPIED = ("adapter", "prompt", "evaluation")
MANIFEST = "manifest.json"
LAYOUT = 1
# Formats that torch, joblib or numpy open by running what is inside, and the first bytes of the
# same under a harmless name: a pickle (protocol 2 and later) and a zip, which torch.save writes.
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npz", ".dill")
PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")

Kind = Literal["file", "folder", "text", "code", "none"]
# A path is hashed as a file or a folder; a text is hashed as it is; a tuple names folders of
# helpers/ (see `code_of`); None says that the release has no such part.
What = Path | str | tuple[str, ...] | None


class ReleaseError(RuntimeError):
    """A release is not what was approved; `part` says which part of it, the message what to do."""

    def __init__(self, part: str, message: str):
        super().__init__(f"{part}: {message}")
        self.part = part


@dataclass(frozen=True)
class Part:
    """One part of a release. where: a path (in the release's folder, the workbook's, or absolute),
    or names of folders of helpers/."""

    kind: Kind
    where: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What a release consists of. about: what people should know (who, why, from which labels)."""

    parts: dict[str, Part]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(_canonical(self).encode()).hexdigest()

    @property
    def id(self) -> str:
        """The name of the release: it changes with every part, and with every word about it."""
        return self.sha256[:12]

    def table(self) -> pd.DataFrame:
        """The parts: kind, bytes, and the beginning of the SHA-256."""
        return pd.DataFrame(
            {n: (p.kind, p.bytes, p.sha256[:12]) for n, p in self.parts.items()},
            index=["kind", "bytes", "SHA-256"],
        ).T

    def changed(self, other: Manifest) -> list[str]:
        """Which parts differ between two releases?"""
        return [name for name in PARTS if self.parts[name].sha256 != other.parts[name].sha256]


def refusal(load: Callable[..., object], *arguments: object) -> str:
    """What does `pack` or `verify` say to this? Its refusal, part first; "accepted" otherwise."""
    try:
        load(*arguments)
    except ReleaseError as error:
        return f"refused, {error}"
    return "accepted"


def pack(
    folder: Path, parts: Mapping[str, What], about: Mapping[str, Any] | None = None
) -> Manifest:
    """Make the folder of a release: all eight parts pinned, small ones copied; whole or not at all.

    Raises ReleaseError for a part that is not named, not there, or a pickle, and for an adapter
    whose card names cases of the evaluation among its training rows.
    """
    for name in PARTS:
        if name not in parts:
            raise ReleaseError(name, "is not named; give it, or None if the release has none")
    if odd := sorted(set(parts) - set(PARTS)):
        raise ReleaseError(odd[0], f"is no part of a release; there are {', '.join(PARTS)}")
    with build_aside(folder) as aside:
        found = {name: _pinned(name, parts[name], aside) for name in PARTS}
        _refuse_leaks(parts["adapter"], parts["evaluation"])
        made = Manifest(found, {**provenance(), **(about or {})})
        write_whole(aside / MANIFEST, _written(made))
    return made


def read_manifest(folder: Path) -> Manifest:
    """The manifest as it was written. Raises ReleaseError when a character of it has changed."""
    try:
        saved = parse_json((folder / MANIFEST).read_text(encoding="utf-8"))
        found = Manifest({n: Part(**saved["parts"][n]) for n in PARTS}, saved["about"])
        said, layout = saved["sha256"], saved["layout"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(
            "manifest",
            f"{settings.shown(folder / MANIFEST)} cannot be read ({type(error).__name__}: {error});"
            " pack the release again",
        ) from None
    if layout != LAYOUT or set(saved["parts"]) != set(PARTS) or found.sha256 != said:
        raise ReleaseError(
            "manifest",
            f"{settings.shown(folder / MANIFEST)} was edited after the release was packed; restore"
            " it, or pack a new release",
        )
    return found


def verify(
    folder: Path, approved: str | None = None, places: Mapping[str, Path] | None = None
) -> Manifest:
    """Is everything what was packed? Hashes every part again and returns the manifest.

    approved: the SHA-256 of the manifest that was approved (a registry keeps it). places: where a
    pinned part is on this machine, if elsewhere. Raises ReleaseError that names the first part that
    differs.
    """
    found = read_manifest(folder)
    if approved and found.sha256 != approved:
        raise ReleaseError(
            "manifest",
            f"{settings.shown(folder / MANIFEST)} is not the one that was approved (SHA-256"
            f" {found.sha256[:12]}…, approved {approved[:12]}…); restore it, or approve the new"
            " one",
        )
    for name, part in found.parts.items():
        now = _hash_again(name, part, folder, (places or {}).get(name))
        if now.sha256 != part.sha256:
            raise ReleaseError(
                name,
                f"is not what release {found.id} was approved with ({part.where}: SHA-256"
                f" {now.sha256[:12]}…, approved {part.sha256[:12]}…); restore it, or gate a new"
                " release",
            )
    return found


def place_of(folder: Path, part: Part) -> Path:
    """Where a file or folder of a release is."""
    inside = folder / part.where
    return inside if inside.exists() else settings.ROOT / part.where


def _pinned(name: str, what: What, aside: Path) -> Part:
    if what is None:
        return Part("none", "", hashlib.sha256(b"").hexdigest(), 0)
    if isinstance(what, tuple):
        return Part("code", " ".join(what), code_of(*what), 0)
    if isinstance(what, str):
        (aside / f"{name}.txt").write_text(what, encoding="utf-8", newline="\n")
        return _hashed(name, aside / f"{name}.txt", f"{name}.txt", "text")
    if not what.exists():
        raise ReleaseError(name, f"there is nothing at {settings.shown(what)}")
    kind: Kind = "folder" if what.is_dir() else "file"
    if name not in COPIED:
        return _hashed(name, what, settings.shown(what), kind)
    where = name if kind == "folder" else f"{name}{what.suffix}"
    (shutil.copytree if kind == "folder" else shutil.copyfile)(what, aside / where)
    return _hashed(name, aside / where, where, kind)


def _hash_again(name: str, part: Part, folder: Path, place: Path | None) -> Part:
    if part.kind == "none":
        return part
    if part.kind == "code":
        return Part("code", part.where, code_of(*part.where.split()), 0)
    place = place or place_of(folder, part)
    if not place.exists():
        raise ReleaseError(
            name, f"there is nothing at {settings.shown(place)}; restore it, or say where it is"
        )
    return _hashed(name, place, part.where, part.kind)


def _hashed(name: str, path: Path, where: str, kind: Kind) -> Part:
    """A file by its bytes; a folder by the paths and bytes of all files in it."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    if not files:
        raise ReleaseError(name, f"{settings.shown(path)} is an empty folder")
    total, sizes = hashlib.sha256(), 0
    for file in files:
        if name in ("weights", "adapter"):
            _refuse_pickle(name, file)
        with file.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        sizes += file.stat().st_size
        total.update(f"{file.relative_to(path).as_posix()}\0{digest}\n".encode())
    return Part(kind, where, digest if path.is_file() else total.hexdigest(), sizes)


def _refuse_leaks(adapter: What, evaluation: What) -> None:
    if not (isinstance(adapter, Path) and isinstance(evaluation, Path)):
        return
    if seen := leaked_ids(adapter, evaluation):
        raise ReleaseError(
            "adapter",
            f"{len(seen)} of its {len(trained_on(adapter))} training rows are cases of the"
            f" evaluation ({', '.join(seen[:3])}{', …' if len(seen) > 3 else ''}); a score on them"
            " says nothing; train it again without them",
        )


def _refuse_pickle(name: str, file: Path) -> None:
    with file.open("rb") as data:
        start = data.read(4)
    if file.suffix.lower() in PICKLES or start.startswith(PICKLE_STARTS):
        raise ReleaseError(
            name,
            f"{file.name} is a pickle, which can run code when it is opened; save the weights as"
            " safetensors",
        )


def _canonical(manifest: Manifest) -> str:
    plain = {"parts": {n: asdict(p) for n, p in manifest.parts.items()}, "about": manifest.about}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False)


def _written(manifest: Manifest) -> str:
    plain = json.loads(_canonical(manifest))
    whole = {"layout": LAYOUT, "sha256": manifest.sha256, **plain}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
