"""The router against its baselines, on dev and on the frozen test: labs_data/reference/router.json.

    python labs_data/build/router.py                     train, choose on dev, open test once; about
                                                         a minute on an idle machine
    python labs_data/build/router.py --language-model    ask the language model, too, about 60
                                                         requests of dev (two minutes more)
    python labs_data/build/router.py --table             write the table of DATASHEET.md alone

Nothing is chosen here: bodies, costs and settings are the defaults of `train_router`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from helpers.core import settings
from helpers.core.cases import Arm, Case
from helpers.core.files import write_whole
from helpers.core.fingerprint import provenance
from helpers.data.questions import pick
from helpers.data.requests import NEAR_MISS, ROUTES, load_requests
from helpers.evaluation.evaluator import evaluate, wilson
from helpers.evaluation.numbers import percent
from helpers.evaluation.routing import (
    COSTS,
    calibration_error,
    equal_costs,
    routing_difference,
    routing_summary,
    routing_task,
)
from helpers.systems.baselines import majority_label, nearest_neighbour
from helpers.systems.router import (
    ROUTE_PROMPT,
    Router,
    keyword_router,
    router_arm,
    train_router,
    with_costs,
)
from helpers.systems.tools import choose_tool

RESULTS = settings.DATA / "reference" / "router.json"
SHEET = settings.DATA / "DATASHEET.md"
CODE = ("data/requests", "evaluation/routing", "systems/router", "training/contrastive")
LIKELIEST, BY_COST, ASKS_BACK = "router, likeliest route", "router, by cost", "router, asks back"
MEASURES = ("macro-F1", "cost", "wrong refusals", "missed refusals", "unsure")
N_MODEL, N_TIMED = 60, 40  # requests for the language model, and for the milliseconds


def arms(train: Sequence[Case], dev: Sequence[Case], router: Router) -> dict[str, Arm]:
    """The baselines, and the router in three ways to decide."""
    likeliest = replace(with_costs(router, dev, equal_costs(ROUTES)), reject_at=np.inf)
    ways = {LIKELIEST: likeliest, BY_COST: replace(router, reject_at=np.inf), ASKS_BACK: router}
    found = [majority_label(train), keyword_router(), nearest_neighbour(train)]
    # no fingerprint: a way to decide that differs in its threshold alone must not share a cache
    ways = [replace(router_arm(one, name), fingerprint=None) for name, one in ways.items()]
    return {arm.name: arm for arm in [*found, *ways]}


def measured(cases: Sequence[Case], systems: dict[str, Arm], router: Router) -> dict[str, Any]:
    """Every arm on these cases with intervals; the router against the nearest neighbour; its
    calibration; what near misses cost it; how often the tool was chosen rightly."""
    task = routing_task(COSTS)
    tables = {name: evaluate(arm, cases, task, keep=False) for name, arm in systems.items()}
    summary = routing_summary(tables)
    chances = router.probabilities([case.ask.input for case in cases])
    said = [router.labels[at] for at in chances.argmax(axis=1)]
    hits = [one == case.gold.answers[0] for one, case in zip(said, cases, strict=True)]
    near = tables[LIKELIEST]["kind"].str.endswith(NEAR_MISS)
    tools = [case for case in cases if case.gold.answers[0] == "tool"]
    chosen = sum(choose_tool(c.ask.input) == c.kind.removesuffix(NEAR_MISS) for c in tools)
    return {
        "n": len(cases),
        "arms": {name: shown(one) for name, one in summary.iterrows()},
        f"{ASKS_BACK} minus nearest neighbour": {
            measure: rounded(
                routing_difference(tables["nearest neighbour"], tables[ASKS_BACK], measure)
            )
            for measure in MEASURES[:3]
        },
        "calibration": {
            name: round(value, 4) for name, value in calibration_error(chances.max(1), hits).items()
        },
        "right": {
            "near misses": share(tables[LIKELIEST]["right"][near]),
            "others": share(tables[LIKELIEST]["right"][~near]),
        },
        "tool chosen": share([True] * chosen + [False] * (len(tools) - chosen)),
    }


def asked(dev: Sequence[Case], systems: dict[str, Arm]) -> dict[str, Any]:
    """The language model, constrained to the four routes, beside the router on the same rows."""
    from helpers.models.load import load_generator
    from helpers.systems.labelled import zero_shot

    some = pick(dev, N_MODEL)
    both = {
        "language model": zero_shot(load_generator(), ROUTE_PROMPT, constrained=True),
        LIKELIEST: systems[LIKELIEST],
    }
    tables = {
        name: evaluate(arm, some, routing_task(COSTS), keep=False) for name, arm in both.items()
    }
    return {
        "n": len(some),
        "arms": {name: shown(one) for name, one in routing_summary(tables).iterrows()},
    }


def milliseconds(router: Router, dev: Sequence[Case]) -> float:
    """CPU time of one request alone: vector, head, decision."""
    texts = [case.ask.input for case in dev[: N_TIMED + 1]]
    router.probabilities(texts[:1])
    started = time.process_time()
    for text in texts[1:]:
        router.decide(router.probabilities([text]))
    return round(1000 * (time.process_time() - started) / N_TIMED, 1)


def shown(one: Any) -> dict[str, dict[str, float]]:
    return {
        name: rounded((one[name], one[f"{name} low"], one[f"{name} high"])) for name in MEASURES
    }


def rounded(values: Sequence[float]) -> dict[str, float]:
    return {
        name: round(float(one), 4)
        for name, one in zip(("value", "low", "high"), values, strict=True)
    }


def share(right: Sequence[bool]) -> dict[str, float]:
    right = list(right)
    found = rounded((sum(right) / len(right), *wilson(sum(right), len(right))))
    return found | {"n": len(right)}


def with_table(sheet: str, found: dict[str, Any]) -> str:
    """The datasheet with its table of routers written anew, from the figures on test. Raises
    ValueError when its markers are not there."""
    first, last = "<!-- router -->\n", "\n<!-- end router -->"
    if sheet.count(first) != 1 or sheet.count(last) != 1:
        raise ValueError(f"the datasheet needs the markers {first!r} and {last!r}, once each")
    test = found["test"]
    lines = [
        [f"test, n = {test['n']}", "macro-F1", "cost", *MEASURES[2:]],
        ["---"] * (len(MEASURES) + 1),
        *([name, *(_cell(measure, one[measure]) for measure in MEASURES)]
          for name, one in test["arms"].items()),
    ]  # fmt: skip
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    before, rest = sheet.split(first)
    return before + first + table + last + rest.split(last, 1)[1]


def _cell(measure: str, one: dict[str, float]) -> str:
    if measure in MEASURES[:2]:
        return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
    return f"{percent(one['value'])} ({100 * one['low']:.0f} to {100 * one['high']:.0f})"


def main() -> None:
    settings.references_in_float32()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--language-model", action="store_true", help="ask it about 60 of dev")
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    if not options.table:
        write_whole(RESULTS, json.dumps(figures(options.language_model), indent=1) + "\n")
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    write_whole(SHEET, with_table(SHEET.read_text(encoding="utf-8"), found))
    print(f"{settings.shown(RESULTS)}: {found['kept']} body, {found['tried']}")


def figures(language_model: bool) -> dict[str, Any]:
    """Everything that is measured here, with where it comes from."""
    train, dev = load_requests("train"), load_requests("dev")
    router = train_router(train, dev)
    systems = arms(train, dev, router)
    return {
        "provenance": provenance(
            "python labs_data/build/router.py" + " --language-model" * language_model,
            CODE,
            ("torch", "sentence-transformers", "scikit-learn"),
        ),
        "tried": {
            # CPU time: the clock on the wall says as much about what else was running
            body: {name: round(told[name], 4) for name in ("macro_f1", "cpu_seconds")}
            for body, told in router.tried.items()
        },
        "kept": "frozen" if router.body is None else "tuned",
        "temperature": round(router.temperature, 4),
        "reject_at": round(router.reject_at, 4) if np.isfinite(router.reject_at) else None,
        "cpu_milliseconds": milliseconds(router, dev),
        "dev": measured(dev, systems, router),
        "test": measured(load_requests("test"), systems, router),
        **({"dev, language model": asked(dev, systems)} if language_model else {}),
    }


if __name__ == "__main__":
    main()
