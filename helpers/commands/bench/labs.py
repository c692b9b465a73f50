"""How long from a slider to its picture? The chunking lab, the training-size lab and the canary
moved in a real kernel, a hundred times each; for `workbook.py bench lab`."""

from __future__ import annotations

import json

from helpers.core import settings

MOVES = 100
LOAD = """
import json, random, statistics, time
from helpers.experiments import chunking_grid
from helpers.labs.chunking import chunking_lab
from helpers.data import load_handbook, load_questions
documents = load_handbook()
fact = "parental-leave-uk.supporting-days"
case = next(c for c in load_questions("dev", documents) if c.fact == fact)
evidence = case.gold.evidence[0]
example = next(d for d in documents if d.id == evidence.doc)
lab = chunking_lab(chunking_grid.load_grid(), documents, [], example, evidence.quote)
names = ("strategy", "chunk-size", "overlap", "retriever", "top-k", "plot")
measured = {"chunk-size": chunking_grid.CHUNK_SIZES}
"""
LOAD_TRAINING = """
import json, random, statistics, time
from helpers.experiments import training_grid
from helpers.models import load_generator
from helpers.labs.training import training_lab
grid = training_grid.load_grid()
lab = training_lab(grid, load_generator())
names, measured = ("rows", "plot"), {"rows": [s.rows for s in grid.sizes()]}
"""
LOAD_CANARY = """
import json, random, statistics, time
from helpers.experiments import TrainingSetting, training_grid
from helpers.evaluation.bits import to_flags
from helpers.labs import canary_lab
grid = training_grid.load_grid()
rows = {"champion": 256, "fewer labels": 128, "more labels": grid.most}
lab = canary_lab({n: to_flags(grid.cells(TrainingSetting(r))[0]["right"]) for n, r in rows.items()})
names, measured = ("share", "loss", "tickets", "plot"), {}
"""
MOVE = """
part = {name: w for w in lab.children for name in names if f"t-{name}" in w._dom_classes}
dice, seconds, drawn = random.Random(0), [], set()
while len(seconds) < %d:
    name = dice.choice([n for n in part if n != "plot"])
    offered = [v for _, v in part[name]._options_full if v != part[name].value]
    values = [v for v in offered if v in measured.get(name, [v])]
    before, begun = part["plot"].value, time.perf_counter()
    part[name].value = dice.choice(values)
    seconds.append(time.perf_counter() - begun)
    assert part["plot"].value != before, "the picture did not follow the slider"
seconds.sort()
median, p95 = statistics.median(seconds), seconds[int(0.95 * len(seconds))]
said = {"median_ms": round(1000 * median, 1), "p95_ms": round(1000 * p95, 1)}
print(json.dumps({**said, "moves": len(seconds)}))
"""


def bench_lab() -> dict[str, object]:
    """Milliseconds from a changed slider to the new picture and sentence, from the reference grids
    (chunking, and under `training` and `canary` the others), in an IPython kernel (the browser
    comes on top)."""
    others = {"training": _moved(LOAD_TRAINING), "canary": _moved(LOAD_CANARY)}
    return {"bench": "lab", **_moved(LOAD), **others}


def _moved(load: str) -> dict[str, float]:
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(code) for code in (load, MOVE % MOVES)]
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        book,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(settings.ROOT)}},
    ).execute()
    said = "".join(output.get("text", "") for output in book.cells[1].outputs)
    return json.loads(said.strip().splitlines()[-1])
