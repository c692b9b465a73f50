"""Train the reference adapters once and store them with the workbook:
`labs_data/reference/adapters/<name>/`, at most 6 MB each.

    python labs_data/build/adapters.py format reader       (about 6 minutes each on two cores
                                                           without bfloat16)

Every notebook finds them ready; retraining one of your own is one cell. The card beside each says
what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import sys

from helpers.core import settings
from helpers.data.reading import load_reading
from helpers.data.tickets import Ticket, load_tickets
from helpers.experiments import training_cell
from helpers.experiments.training_cell import TrainingSetting
from helpers.models import load
from helpers.systems import TICKET_PROMPT, reader, training_rows
from helpers.training import adapters
from helpers.training.trainer import finetune

# the recipe of the training-size lab, as often as its largest size is practised
FORMAT = training_cell.recipe(TrainingSetting(max(training_cell.ROWS)))


def format_adapter(generator: load.Generator) -> adapters.Adapter:
    """Tickets to JSON, from all training rows."""
    cases = load_tickets("train")
    schema = hashlib.sha256(
        json.dumps(Ticket.model_json_schema(), sort_keys=True).encode()
    ).hexdigest()[:16]
    about = {
        "task": "tickets",
        "file": "labs_data/tickets/train.jsonl",
        "schema_sha256": schema,
        "ids": [case.ask.id for case in cases],
    }
    return finetune(generator, training_rows(generator, TICKET_PROMPT, cases), FORMAT, about=about)


def reader_adapter(generator: load.Generator) -> adapters.Adapter:
    """Numbered passages to a short answer with its number, or a refusal; from worlds that have
    nothing to do with the handbook."""
    rows = load_reading("train")
    about = {
        "task": "reading",
        "file": "labs_data/reading/train.jsonl",
        "ids": [row.id for row in rows if len(row.passages) <= reader.MOST_PASSAGES],
    }
    return finetune(generator, reader.training_rows(generator, rows), reader.HOW, about=about)


def main(names: list[str]) -> int:
    settings.references_in_float32()
    makers = {"format": format_adapter, "reader": reader_adapter}
    if not names or set(names) - set(makers):
        print(f"which? {' '.join(makers)}", file=sys.stderr)
        return 2
    generator = load.load_generator()
    for name in names:
        adapter = makers[name](generator)
        folder = adapters.save_reference(adapter, name)
        print(
            f"{settings.shown(folder)}: {adapter.card['rows']} rows, {adapter.card['seconds']} s,"
            f" last losses {adapter.card['losses'][-5:]}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
