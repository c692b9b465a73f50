"""How does a run survive a closed laptop? Predictions go to disk batch by batch, and a run resumes
where it stopped.

    results/<key>/run.json       what was run: arm, fingerprint, hash of the asks
    results/<key>/0003.jsonl     the predictions of batch 3, one a line; the file is there whole or
                                 not at all

The key is made of the arm's fingerprint and the asks, so two configurations can never meet in one
folder. The batches follow from the whole list of asks, and an interrupted one is run again whole: a
model's last digits depend on what else is in the batch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.core import kept_answers, settings
from helpers.core.cases import Arm, Ask, Citation, Passage, Prediction
from helpers.core.files import write_whole
from helpers.core.fingerprint import key_of

LAYOUT = 1  # raise when a saved prediction changes its meaning
BATCH_ASKS = 32
NO_PREDICTION = "the arm gave no prediction"


def plan(asks: Sequence[Ask]) -> list[list[Ask]]:
    """Which asks are handed to the arm together? Those of similar length, longest first, so that
    little of a batch is padding."""
    order = sorted(asks, key=lambda ask: (-len(ask.input), ask.id))
    return [order[i : i + BATCH_ASKS] for i in range(0, len(order), BATCH_ASKS)]


def data_hash(asks: Sequence[Ask]) -> str:
    """A name for exactly these asks (their order does not matter)."""
    return hashlib.sha256(
        repr(sorted(asks, key=lambda ask: ask.id)).encode("utf-8", "surrogatepass")
    ).hexdigest()[:16]


def fingerprint_of(arm: Arm) -> str | None:
    """The arm's own fingerprint, or one made from the code and values of its function; None:
    nothing of it may be saved."""
    return arm.fingerprint or key_of(arm.answer)


@dataclass(frozen=True)
class Store:
    """The folder of one run."""

    folder: Path

    @classmethod
    def of(cls, arm: Arm, asks: Sequence[Ask], kept: str | None = None) -> Store | None:
        """The store of this arm on these asks; None when nothing says what shapes its answers, or
        there is no place to keep them. kept: which kept answers count, if any do."""
        if (fingerprint := fingerprint_of(arm)) is None:
            return None
        about = {
            "layout": LAYOUT,
            "arm": arm.name,
            "fingerprint": fingerprint,
            "asks": data_hash(asks),
            "batch_asks": BATCH_ASKS,
        }
        if kept:
            about["kept"] = kept
        if kept_answers.recording():
            about["recorded"] = True  # what was answered before recording began is not written down
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        try:
            store = cls(settings.cache_folder("results", key))
        except OSError as error:
            warnings.warn(
                f"results cannot be saved ({error}); the run continues, but a restart begins again",
                stacklevel=3,
            )
            return None
        if not (store.folder / "run.json").exists():
            store.write("run.json", json.dumps(about | {"n": len(asks)}, indent=2) + "\n")
        return store

    def read(self, number: int, batch: Sequence[Ask]) -> dict[str, Prediction] | None:
        """The saved predictions of a batch; None when they are not there or not all there (a disk
        that lost power)."""
        try:
            # Not splitlines(): an answer may hold U+2028 and the like, which JSON leaves as they
            # are and splitlines() breaks at.
            text = (self.folder / f"{number:04d}.jsonl").read_text(
                encoding="utf-8", errors="surrogatepass"
            )
            found = {p.id: p for p in map(from_json, text.removesuffix("\n").split("\n"))}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return found if found.keys() == {ask.id for ask in batch} else None

    def keep(self, number: int, found: dict[str, Prediction]) -> None:
        self.write(f"{number:04d}.jsonl", "".join(to_json(p) + "\n" for p in found.values()))

    def write(self, name: str, text: str) -> None:
        """Write whole. A full disk costs the keeping, not the run."""
        try:
            write_whole(self.folder / name, text)
        except OSError as error:
            warnings.warn(
                f"results cannot be saved in {settings.shown(self.folder)} ({error}); the run"
                " continues, but a restart begins again",
                stacklevel=2,
            )


def run(
    arm: Arm, asks: Sequence[Ask], keep: bool = True, live: bool = False
) -> dict[str, Prediction]:
    """One prediction for every ask: read from disk where the batch is saved, else answered now and
    saved at once.

    What comes answered with the workbook is not computed, unless `live` or not `keep`: see
    `kept_answers`. A batch with a failed item is not saved, so the next run tries it again. Raises
    ValueError when asks share an id, or when the arm answers twice or unasked; raises what the arm
    raised when not a single ask could be answered.
    """
    from tqdm.auto import tqdm

    if len({ask.id for ask in asks}) < len(asks):
        raise ValueError(f"two of the {len(asks)} cases have the same id; every case needs its own")
    kept = kept_answers.in_use(live or not keep)
    store = Store.of(arm, asks, kept) if keep else None
    found: dict[str, Prediction] = {}
    late = [
        number
        for number, batch in enumerate(plan(asks))
        if not _read_into(found, store, number, batch)
    ]
    with tqdm(
        total=len(asks),
        initial=len(found),
        desc=arm.name,
        disable=not late,
        leave=False,
        unit="ask",
    ) as bar:
        for number in late:
            batch = plan(asks)[number]
            with kept_answers.wanted(kept is not None):
                answered = _answer(arm, batch, bar, broken_if_all_fail=not found)
            if store and not any(p.error for p in answered.values()):
                store.keep(number, answered)
            found |= answered
    return found


def _read_into(
    found: dict[str, Prediction], store: Store | None, number: int, batch: Sequence[Ask]
) -> bool:
    saved = store.read(number, batch) if store else None
    found.update(saved or {})
    return saved is not None


def _answer(arm: Arm, batch: Sequence[Ask], bar, broken_if_all_fail: bool) -> dict[str, Prediction]:
    """The arm on one batch. When it breaks down, each ask is tried alone, so that one bad item
    fails alone."""
    found: dict[str, Prediction] = {}
    try:
        _collect(arm, batch, found, bar)
    except Unasked:
        raise
    except Exception as broken:
        found.clear()
        for ask in batch:
            try:
                _collect(arm, [ask], found, bar)
            except Exception as error:
                found[ask.id] = Prediction(ask.id, "", error=f"{type(error).__name__}: {error}")
        if broken_if_all_fail and all(p.error for p in found.values()):
            raise broken
    return {
        ask.id: found.get(ask.id) or Prediction(ask.id, "", error=NO_PREDICTION) for ask in batch
    }


class Unasked(ValueError):  # noqa: N818 - it is a ValueError to everybody else
    """The arm answered an ask twice, or one that was not asked."""


def _collect(arm: Arm, batch: Sequence[Ask], found: dict[str, Prediction], bar) -> None:
    asked = {ask.id for ask in batch}
    for prediction in arm(batch):
        if prediction.id not in asked or prediction.id in found:
            raise Unasked(
                f"arm '{arm.name}' answered {prediction.id}, which was"
                f" {'answered already' if prediction.id in found else 'not asked'}"
            )
        found[prediction.id] = prediction
        bar.update(bar.n < bar.total)


def to_json(prediction: Prediction) -> str:
    return json.dumps(dataclasses.asdict(prediction), ensure_ascii=False)


def from_json(line: str) -> Prediction:
    fields = json.loads(line)
    context = tuple(Passage(**p) for p in fields.pop("context"))
    cited = tuple(Citation(**c) for c in fields.pop("cited"))
    return Prediction(**fields, context=context, cited=cited)


def forget(document: str) -> int:
    """Remove the saved runs in which this document was shown to a system, from the disk; how many
    there were. They can be run again."""
    needle = json.dumps({"doc": document}, ensure_ascii=False)[1:-1].encode(
        "utf-8", "surrogatepass"
    )
    doomed = {
        file.parent
        for file in settings.cache_folder("results").glob("*/*.jsonl*")
        if needle in file.read_bytes()
    }
    for folder in doomed:
        shutil.rmtree(folder)
    return len(doomed)
