"""How do the answers and scores of an assessment go into other people's tools? Every answer of
every arm, and every arm's scores, as JSON Lines and CSV; one log an arm in the form of inspect_ai.

    predictions.jsonl, predictions.csv     one line for each arm and case: what was said, and scores
    scores.jsonl, scores.csv               one line an arm
    logs/*.json                            for `inspect view --log-dir logs`
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.core.files import in_utf8, write_whole

# of a table of answers: what is no score
SAID = ("arm", "id", "kind", "input", "answer", "gold", "error")
NEITHER = ("fact", "cited", "context", "said", "gold_fields")
USED = ("tokens_in", "tokens_out", "seconds")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet runs what begins with these
LAYOUT = 2  # version of the logs of inspect_ai that are written


def write_exports(
    tables: Mapping[str, pd.DataFrame], summaries: pd.DataFrame, model: str, title: str, out: Path
) -> None:
    """Write all of them, each whole. tables: arm -> answers and scores, as `evaluate` gives them;
    summaries: one line an arm."""
    rows = [row | {"arm": name} for name, table in tables.items() for row in predictions(table)]
    scores = [plain(row) for row in summaries.reset_index().to_dict(orient="records")]
    for name, some in (("predictions", rows), ("scores", scores)):
        write_whole(out / f"{name}.jsonl", in_utf8("".join(map(_line, some))))
        write_whole(out / f"{name}.csv", in_utf8(as_csv(some)))
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    for old in (out / "logs").glob("*.json"):
        old.unlink()
    for name, table in tables.items():
        log = inspect_log(name, table, model, title, now)
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        file = f"{now:%Y-%m-%dT%H-%M-%S}+00-00_{slug}_{log['eval']['task_id']}.json"
        write_whole(out / "logs" / file, in_utf8(json.dumps(log, ensure_ascii=False) + "\n"))


def predictions(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a case: id, input, gold and answer, whether it is right, and every further score."""
    scores = [name for name in table if name not in (*SAID, *NEITHER, *USED)]
    columns = [name for name in (*SAID, *scores, *USED) if name in table]
    return [plain(row) for row in table[columns].to_dict(orient="records")]


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV. A text that a spreadsheet would run as a formula gets an apostrophe in
    front."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    made = io.StringIO(newline="")
    writer = csv.DictWriter(made, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return made.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def inspect_log(
    name: str, table: pd.DataFrame, model: str, title: str, now: dt.datetime
) -> dict[str, Any]:
    """One arm as an EvalLog of inspect_ai: its samples with C for right and I for wrong, and how
    often it is right. https://inspect.aisi.org.uk/eval-logs.html"""
    rows = predictions(table)
    kind = "questions" if "answerable" in table else "examples"
    mark = hashlib.sha256(f"{title} {name} {kind}".encode("utf-8", "surrogatepass")).hexdigest()[
        :22
    ]
    right, n = sum(bool(row["right"]) for row in rows), len(rows)
    share = right / n if n else 0.0
    # of a share, from n - 1, as inspect_ai has it
    spread = math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else 0.0
    return {
        "version": LAYOUT,
        "status": "success",
        "eval": {
            "eval_id": mark,
            "run_id": mark,
            "created": now.isoformat(),
            "task": f"{kind}: {name}",
            "task_id": mark,
            "task_version": 0,
            "dataset": {
                "name": f"{title}: {kind}",
                "samples": n,
                "sample_ids": [row["id"] for row in rows],
                "shuffled": False,
            },
            "model": model,
            "config": {"epochs": 1},
        },
        "plan": {"name": "plan", "steps": [{"solver": name, "params": {}}], "config": {}},
        "results": {
            "total_samples": n,
            "completed_samples": sum(row.get("error") is None for row in rows),
            "scores": [
                {
                    "name": "right",
                    "scorer": "right",
                    "params": {},
                    "metrics": {
                        "accuracy": {"name": "accuracy", "value": share, "params": {}},
                        "stderr": {"name": "stderr", "value": spread, "params": {}},
                    },
                }
            ],
        },
        "stats": {
            "started_at": now.isoformat(),
            "completed_at": now.isoformat(),
            "model_usage": {model: _usage(rows)},
        },
        "samples": [_sample(row, model) for row in rows],
    }


def _usage(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    read, written = (sum(int(row.get(name) or 0) for row in rows) for name in USED[:2])
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _sample(row: Mapping[str, Any], model: str) -> dict[str, Any]:
    answer = str(row.get("answer") or "")
    scores = {
        name: value
        for name, value in row.items()
        if name not in (*SAID, *USED, "right") and value is not None
    }
    return {
        "id": row["id"],
        "epoch": 1,
        "input": row["input"],
        "target": row["gold"],
        "messages": [
            {"role": "user", "content": row["input"]},
            {"role": "assistant", "content": answer},
        ],
        "output": {
            "model": model,
            "choices": [
                {
                    "message": {"role": "assistant", "content": answer},
                    "stop_reason": "stop" if row.get("error") is None else "unknown",
                }
            ],
            "usage": _usage([row]),
            "time": row.get("seconds"),
            "error": row.get("error"),
        },
        "scores": {
            "right": {"value": "C" if row["right"] else "I", "answer": answer, "metadata": scores}
        },
        "metadata": {"kind": row.get("kind")},
        "store": {},
    }


def plain(value: Any) -> Any:
    """The same with Python's own types, and null for what is no number."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
