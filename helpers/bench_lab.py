"""How long from a slider to its picture? The chunking lab moved in a real kernel, a hundred times; for `workbook.py bench lab`."""

from __future__ import annotations

import json

from helpers import settings

MOVES = 100
LOAD = """
import json, random, statistics, time
from helpers import chunk_lab
from helpers.cases import load_questions
from helpers.chunk_widget import chunking_lab
from helpers.corpus import load_handbook
documents = load_handbook()
case = next(c for c in load_questions("dev", documents) if c.fact == "parental-leave-uk.supporting-days")
evidence = case.gold.evidence[0]
lab = chunking_lab(chunk_lab.load_grid(), documents, [], next(d for d in documents if d.id == evidence.doc), evidence.quote)
"""
MOVE = """
part = {name: w for w in lab.children for name in ("strategy", "chunk-size", "overlap", "retriever", "top-k", "plot") if f"t-{name}" in w._dom_classes}
dice, seconds, drawn = random.Random(0), [], set()
while len(seconds) < %d:
    name = dice.choice([n for n in part if n != "plot"])
    values = [v for _, v in part[name]._options_full if v != part[name].value and (name != "chunk-size" or v in chunk_lab.CHUNK_SIZES)]
    before, begun = part["plot"].value, time.perf_counter()
    part[name].value = dice.choice(values)
    seconds.append(time.perf_counter() - begun)
    assert part["plot"].value != before, "the picture did not follow the slider"
seconds.sort()
print(json.dumps({"median_ms": round(1000 * statistics.median(seconds), 1), "p95_ms": round(1000 * seconds[int(0.95 * len(seconds))], 1), "moves": len(seconds)}))
"""


def bench_lab() -> dict[str, object]:
    """Milliseconds from a changed slider to the new picture, chunks and sentence, from the reference grid, in an IPython kernel (the browser comes on top)."""
    import nbformat
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(code) for code in (LOAD, MOVE % MOVES)]
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(settings.ROOT)}}).execute()
    said = "".join(output.get("text", "") for output in book.cells[1].outputs)
    return {"bench": "lab", **json.loads(said.strip().splitlines()[-1])}
