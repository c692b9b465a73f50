"""Which release answers today, which one wants to, and how do we get back? One JSON file, replaced
in one step.

There is one champion from the first promotion on, at every moment and after every crash: a write is
a new file moved over the old one, and writers take turns behind a lock that the system opens when a
process dies. Readers need no lock. (MLflow keeps aliases in a database, one transaction each: after
a kill two of them may point to one version.)
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from helpers.core import settings
from helpers.core.files import write_whole
from helpers.core.records import parse_json
from helpers.release.manifest import Manifest, ReleaseError, What, pack, verify

REGISTRY = "registry.json"
LAYOUT = 1
LOCK_SECONDS = 60.0


class PromotionError(RuntimeError):
    """A promotion or a rollback is not possible as things are; the message says why."""


@dataclass(frozen=True)
class State:
    """What the registry says. releases: id -> folder and SHA-256 of the manifest; past: the former
    champions, oldest first; log: one line for each change."""

    releases: dict[str, dict[str, str]] = field(default_factory=dict)
    champion: str | None = None
    candidate: str | None = None
    past: tuple[str, ...] = ()
    log: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did, and how long it took, every hash checked again."""

    left: str
    now: str
    seconds: float

    def __repr__(self) -> str:
        return f"rolled back from {self.left} to {self.now} in {self.seconds:.2f} s"


class Registry:
    """The releases of one system. Any number of processes may read; one at a time writes."""

    def __init__(self, folder: Path, places: Mapping[str, Path] | None = None):
        """places: where pinned parts are on this machine (see `verify`)."""
        self.folder, self.places = Path(folder), places
        self.file = self.folder / REGISTRY

    @property
    def state(self) -> State:
        """As it is now. Raises ReleaseError for a file that is no registry."""
        try:
            saved = parse_json(self.file.read_text(encoding="utf-8"))
            if saved.pop("layout") != LAYOUT:
                raise ValueError("another layout")
            saved["past"], saved["log"] = tuple(saved["past"]), tuple(saved["log"])
            return State(**saved)
        except FileNotFoundError:
            return State()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReleaseError(
                "registry", f"{settings.shown(self.file)} cannot be read ({error}); restore it"
            ) from None

    def propose(self, release: Path, why: str = "") -> str:
        """Make a packed release the candidate; its id. Raises ReleaseError when it is not whole."""
        made = verify(release, places=self.places)
        with self._writing() as now:
            releases = now.releases | {
                made.id: {"folder": str(release.resolve()), "sha256": made.sha256}
            }
            self._write(
                replace(now, releases=releases, candidate=made.id), "proposed", made.id, why
            )
        return made.id

    def promote(self, candidate: str, champion: str | None, why: str = "") -> None:
        """Make the candidate the champion, if both are still those that the gate compared.

        champion: who was champion when the gate looked. Of two promotions at once the second finds
        another champion or no candidate, and is refused: its comparison is out of date. Raises
        PromotionError, or ReleaseError for a release that is not what was proposed.
        """
        with self._writing() as now:
            if now.champion != champion or now.candidate != candidate:
                raise PromotionError(
                    f"champion is {now.champion} and candidate {now.candidate}, but the gate"
                    f" compared {candidate} with {champion}; run the gate again"
                )
            self._verified(now, candidate)
            past = (*now.past, champion) if champion else now.past
            then = replace(now, champion=candidate, candidate=None, past=past)
            self._write(then, "promoted", candidate, why)

    def withdraw(self, why: str = "") -> None:
        """Let the candidate go (the gate or the canary stopped it); the champion stays."""
        with self._writing() as now:
            if now.candidate:
                self._write(replace(now, candidate=None), "withdrawn", now.candidate, why)

    def rollback(self, why: str = "") -> RolledBack:
        """Make the champion before this one the champion again. Raises PromotionError where there
        was none, and ReleaseError, with nothing changed, when that one is not whole."""
        start = time.perf_counter()
        with self._writing() as now:
            if not now.past:
                raise PromotionError("there is no champion before this one to go back to")
            *past, before = now.past
            self._verified(now, before)
            then = replace(now, champion=before, candidate=None, past=tuple(past))
            self._write(then, "rolled back", before, why)
        return RolledBack(str(now.champion), before, time.perf_counter() - start)

    def champion(self) -> tuple[Path, Manifest]:
        """The folder and the manifest of the champion, every hash checked: load only from here."""
        now = self.state
        if now.champion is None:
            raise PromotionError("there is no champion yet; propose a release and promote it")
        return Path(now.releases[now.champion]["folder"]), self._verified(now, now.champion)

    def _verified(self, now: State, release: str) -> Manifest:
        about = now.releases[release]
        return verify(Path(about["folder"]), about["sha256"], self.places)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[State]:
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{REGISTRY}.lock", timeout=LOCK_SECONDS):
            yield self.state

    def _write(self, state: State, what: str, release: str, why: str) -> None:
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        line = {"at": at, "what": what, "release": release, "why": why}
        plain = {"layout": LAYOUT, **asdict(replace(state, log=(*state.log, line)))}
        # a fixed name beside it: killed writers leave one file, and the next one overwrites it
        write_whole(self.file, json.dumps(plain, indent=1) + "\n", self.file.with_suffix(".aside"))


def shelved(
    folder: Path, versions: Sequence[Mapping[str, What]]
) -> tuple[Registry, list[Manifest]]:
    """A registry of these versions of one system, each packed, proposed and promoted in turn: the
    last one is its champion. Raises ReleaseError for parts that `pack` refuses."""
    registry, packed = Registry(folder / "registry"), []
    for number, parts in enumerate(versions):
        packed.append(pack(folder / f"version {number}", parts))
        registry.promote(registry.propose(folder / f"version {number}"), registry.state.champion)
    return registry, packed
