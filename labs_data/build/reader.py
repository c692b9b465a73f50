"""Train the next reader: what it practises on, how long it takes, which recipe, and the run itself.

    python labs_data/build/reader.py search            which windows the search returns for each
                                                       question of the worlds (reading_found.json;
                                                       two minutes, no language model)
    python labs_data/build/reader.py rows              labs_data/reading/next_dev.jsonl, and counts
    python labs_data/build/reader.py probe             20 steps: minutes that each run would take
    python labs_data/build/reader.py pilot             600 rows for each recipe: the table
                                                       labs_data/reference/reader.json
    python labs_data/build/reader.py train             the run, kept as "window_reader"

Training rows are drawn while training: `--draws 2` sees every question twice, each time with other
numbers, codes and names. Dev rows are of worlds that no training row holds; they choose the recipe,
and questions about the handbook choose nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from helpers.core import fingerprint, settings
from helpers.core.cases import Ask
from helpers.core.files import write_measured, write_whole
from helpers.core.records import to_json_line
from helpers.data.reading import Reading, load_reading
from helpers.evaluation.evaluator import wilson
from helpers.evaluation.refusals import abstains
from helpers.evaluation.scores import answer_correct
from helpers.models import load
from helpers.retrieval import embedding
from helpers.retrieval.chunking import chunk_all
from helpers.retrieval.context import read_with
from helpers.retrieval.index import index_chunks
from helpers.retrieval.sentence_search import sentence_search
from helpers.systems import reader, reading_rows
from helpers.training import adapters
from helpers.training.trainer import LoraSettings, finetune

DEV = settings.DATA / "reading" / "next_dev.jsonl"
REFERENCE = settings.DATA / "reference" / "reader.json"
CODE = ("data/redraw", "models", "retrieval", "systems", "training")
CHUNKS = {"chunk_size": 200, "overlap": 50, "strategy": "sentences"}  # as the handbook is cut
TOP_K = 10
PILOT_ROWS, PILOT_DEV = 600, 120
PILOTS: list[LoraSettings] = [
    reader.READS,
    replace(reader.READS, learning_rate=3e-4),
    replace(reader.READS, learning_rate=1e-3),
    replace(reader.READS, batch_rows=16),
    replace(reader.READS, rank=16),
    replace(reader.READS, acts_on="answer", learning_rate=1e-3),
]


def search() -> None:
    """For every question the windows that the search returns, in the asker's own world."""
    pages = reading_rows.load_worlds()
    of_world: dict[str, list[int]] = {}
    for number, page in enumerate(pages):
        of_world.setdefault(page.world, []).append(number)
    found: dict[str, list[list[int]]] = {}
    for numbers in of_world.values():
        documents = [pages[number].document for number in numbers]
        chunks = chunk_all(documents, **CHUNKS)
        index = index_chunks(chunks, read_with("version"), lambda _: None).searched(True, 0.3)
        searcher = sentence_search(documents, index)
        place = {  # (document, start) -> page and unit
            (pages[number].document.id, unit.start): [number, at]
            for number in numbers
            for at, unit in enumerate(pages[number].units)
        }
        questions = [qa["question"] for number in numbers for qa in pages[number].questions]
        day = max(document.meta.effective_from for document in documents)
        vectors = embedding.embed_cached(questions)[0]
        for question, vector in zip(questions, vectors, strict=True):
            ranked = searcher.ranked(Ask("", question, ("staff",), day), vector, TOP_K)
            units = [searcher.units[unit] for _, unit, _ in ranked if unit is not None]
            here = [place[unit.document.id, unit.start] for unit in units]
            found[question] = [list(one) for one in dict.fromkeys(map(tuple, here))]
    write_whole(reading_rows.FOUND, json.dumps(found, ensure_ascii=False, separators=(",", ":")))
    print(f"{settings.shown(reading_rows.FOUND)}: {len(found)} questions")


def rows() -> None:
    """Write the dev rows, and tell what both splits hold."""
    pages, found = reading_rows.load_worlds(), reading_rows.load_found()
    for split in ("train", "dev"):
        drawn = reading_rows.draw_rows(pages, found, split)
        kinds = Counter(row.kind for row in drawn)
        share = {kind: f"{count / len(drawn):.0%}" for kind, count in kinds.most_common()}
        print(f"{split}: {len(drawn)} rows of {len({row.world for row in drawn})} worlds; {share}")
    lines = [to_json_line(row.as_json(f"next-dev-{i:04d}")) for i, row in enumerate(drawn, 1)]
    write_whole(DEV, "".join(lines))


def probe(generator: load.Generator, steps: int = 20) -> None:
    """How many minutes would a run take? Measured on 20 steps of one row, in seconds of one
    processor core: what each token costs does not depend on the batch here."""
    pairs = reader.window_rows(generator, 1, None)
    lengths = [len(generator.tokenizer(p + c)["input_ids"]) for p, c in pairs]
    mean = sum(lengths) / len(lengths)
    print(f"{len(pairs)} rows an epoch, {mean:.0f} tokens each, the longest {max(lengths)}")
    few = random.Random(0).sample(range(len(pairs)), steps)
    tokens, how = sum(lengths[i] for i in few), replace(reader.READS, batch_rows=1)
    started = time.process_time()
    finetune(generator, [pairs[i] for i in few], how, about={"probe": time.time()})
    seconds = time.process_time() - started
    rate = tokens / seconds
    print(f"{steps} steps, {tokens} tokens: {seconds:.0f} s, {rate:.0f} tokens a second")
    for name, count in (("pilot", PILOT_ROWS), ("1 draw", len(pairs)), ("2 draws", 2 * len(pairs))):
        print(f"  {name}: {count} rows, {count * mean / rate / 60:.0f} minutes of one core")


def judged(generator: load.Generator, dev: Sequence[Reading]) -> dict[str, Any]:
    """What does a reader say to dev rows? Right of the answerable, refusals right and wrong, each
    for a passage alone and for several."""
    prompts = [prompt for prompt, _ in reader.serving_rows(generator, dev)]
    said = {done.index: done.text for done in generator.complete(prompts, 24)}
    found: dict[str, Any] = {"dev_rows": len(dev)}
    for name, alone in (("alone", True), ("several", False)):
        mine = [i for i, one in enumerate(dev) if (len(one.passages) == 1) == alone]
        can = [i for i in mine if dev[i].cite is not None]
        must = [i for i in mine if dev[i].cite is None]
        right = sum(answer_correct(said[i], [dev[i].answer]) for i in can)
        found[name] = {
            "n": len(can),
            "right": right / len(can),
            "interval": [round(edge, 3) for edge in wilson(right, len(can))],
            "wrongly_refused": sum(abstains(said[i]) for i in can) / len(can),
            "must_refuse": len(must),
            "rightly_refused": sum(abstains(said[i]) for i in must) / len(must),
            "cited": None if alone else sum(f"[{dev[i].cite}]" in said[i] for i in can) / len(can),
        }
    return found


def pilot(generator: load.Generator, only: int | None) -> None:
    """Each recipe on the same 600 rows, judged on the same dev rows; finished ones are cached."""
    pairs = reader.window_rows(generator, 1, PILOT_ROWS)
    dev = random.Random(0).sample(load_reading("dev", DEV), PILOT_DEV)
    known = json.loads(REFERENCE.read_text(encoding="utf-8"))["rows"] if REFERENCE.exists() else []
    done = {json.dumps(row["how"], sort_keys=True): row for row in known}
    for how in PILOTS if only is None else PILOTS[only : only + 1]:
        adapter = finetune(generator, pairs, how)
        row = {"how": asdict(how), "rows": len(pairs), "seconds": adapter.card["seconds"]}
        row |= judged(adapters.with_adapter(generator, adapter), dev)
        done[json.dumps(asdict(how), sort_keys=True)] = row
        print(json.dumps(row), flush=True)
        head = {
            "provenance": fingerprint.provenance("python labs_data/build/reader.py pilot", CODE)
        }
        write_measured(REFERENCE, head, rows=list(done.values()))


def train(generator: load.Generator, draws: int, most: int | None) -> None:
    """The run, with the recipe `reader.READS`."""
    pairs = reader.window_rows(generator, draws, most)
    about = {"task": "reading", "file": "labs_data/build/reader.py", "draws": draws}
    adapter = finetune(generator, pairs, reader.READS, about=about)
    print(json.dumps(judged(adapters.with_adapter(generator, adapter), load_reading("dev", DEV))))
    print(settings.shown(adapters.save_reference(adapter, "window_reader")))


def main() -> int:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("search", "rows", "probe", "pilot", "train"))
    parser.add_argument("--draws", type=int, default=2, help="epochs of `train`, each drawn anew")
    parser.add_argument("--most", type=int, default=reader.WINDOWS, help="rows of `train`")
    parser.add_argument("--only", type=int, help="the pilot of this number, from 0")
    options = parser.parse_args()
    if options.what in ("search", "rows"):
        {"search": search, "rows": rows}[options.what]()
        return 0
    generator = load.load_generator()
    if options.what == "probe":
        probe(generator)
    elif options.what == "pilot":
        pilot(generator, options.only)
    else:
        train(generator, options.draws, options.most)
    return 0


if __name__ == "__main__":
    sys.exit(main())
