"""What do the systems of the course answer? Writes reference/answers/NN.jsonl, the completions that
a notebook shows at once (see helpers/core/kept_answers.py).

    python labs_data/build/answers.py                  all notebooks: what is missing
    python labs_data/build/answers.py 05 08            these only
    python labs_data/build/answers.py --anew [NN …]    everything (two hours on two cores)

Each notebook is run as it is and with its solutions; what is kept already is kept on, the rest is
answered here in float32, and what the notebook no longer asks goes. Killed, it goes on where it
stopped: what is finished lies in the cache, in answers/ and results/. To begin anew, delete both;
one without the other loses answers.
Answers of adapters that a notebook trains are left out: they are another adapter on every machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time

from helpers.commands import notebooks
from helpers.core import fingerprint, kept_answers, settings
from helpers.core.files import write_whole
from helpers.training.adapters import CARD, REFERENCE


def measured(source, anew: bool) -> list[dict]:
    """Run the notebook twice, as it is and solved; what was said in it, once each."""
    said = settings.cache_folder("answers") / f"{notebooks.number_of(source)}.jsonl"
    for solutions in (False, True):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            notebooks.execute(
                notebooks.compose(source, solutions),
                WORKBOOK_MY_WORK=folder,
                WORKBOOK_DTYPE=settings.reference_dtype(),
                WORKBOOK_RECORD=str(said),
                WORKBOOK_LIVE="1" if anew else "",
            )
    if not said.exists():
        return []
    lines = said.read_text(encoding="utf-8").split("\n")[:-1]
    return list({row["key"]: row for row in map(json.loads, lines)}.values())


def comes_with_the_workbook(weights: str) -> bool:
    """Bare weights, or weights with one of the adapters in reference/."""
    cards = (json.loads(file.read_text("utf-8")) for file in REFERENCE.glob(f"*/{CARD}"))
    adapter = weights.partition("+")[2]
    return not adapter or adapter in {card["fingerprint"] for card in cards}


def main(arguments: list[str]) -> None:
    anew, numbers = "--anew" in arguments, [one for one in arguments if one != "--anew"]
    notebooks.CELL_SECONDS = None  # a busy machine must not end it
    for source in notebooks.sources(numbers):
        started = time.perf_counter()
        said = measured(source, anew)
        rows = [row for row in said if comes_with_the_workbook(row.pop("weights"))]
        for row in rows:
            row["seconds"] = round(row["seconds"], 3)
        about = fingerprint.provenance(
            f"python labs_data/build/answers.py {notebooks.number_of(source)}",
            packages=("torch", "transformers"),
        )
        about["dtype"] = settings.reference_dtype()
        path = kept_answers.FOLDER / f"{notebooks.number_of(source)}.jsonl"
        if rows:
            rows.sort(key=lambda row: row["key"])
            lines = (json.dumps(one, ensure_ascii=False) + "\n" for one in [about, *rows])
            write_whole(path, "".join(lines))
        took = time.perf_counter() - started
        print(f"{settings.shown(path)}: {len(rows)} answers, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
