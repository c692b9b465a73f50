"""Which part of the assistant should answer a request: search, a tool, a refusal, small talk? A
linear head on MiniLM's vectors, frozen or tuned, with probabilities that mean something and a way
to say "unsure".

    router = train_router(load_requests("train"), load_requests("dev"))
    evaluate(router_arm(router), load_requests("dev"), routing_task(COSTS))
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from helpers.core.cases import Arm, Ask, Case, Prediction
from helpers.core.fingerprint import code_of
from helpers.data.requests import ROUTES
from helpers.evaluation.routing import COSTS, UNSURE, Costs, cost_matrix, macro_f1
from helpers.systems.classifier import C
from helpers.systems.prompts import TaskPrompt
from helpers.systems.questions import fingerprint
from helpers.training.contrastive import TuningSettings, tune_body, vectors_of

if TYPE_CHECKING:
    import numpy as np

Body = Literal["frozen", "tuned"]
BODIES: tuple[Body, ...] = ("frozen", "tuned")


@dataclass(frozen=True)
class Router:
    """A trained router. body: None for the embedder as it is, or its tuned copy; weights (labels,
    dimensions) and bias (labels,): the head; temperature: what its scores are divided by before
    they become probabilities; reject_at: the expected cost above which it says "unsure".

    tried: macro-F1 on dev and seconds of training of each body that was tried.
    """

    labels: tuple[str, ...]
    body: Any = field(repr=False)
    weights: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)
    temperature: float
    costs: Costs = field(repr=False)
    reject_at: float
    tried: dict[str, dict[str, float]]
    fingerprint: str

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(n texts, labels) probabilities, calibrated by the temperature."""
        return _softmax(self.scores(texts) / self.temperature)

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """(n texts, labels) scores of the head, before calibration."""
        return _vectors(self.body, texts) @ self.weights.T + self.bias

    def decide(self, probabilities: np.ndarray) -> list[str]:
        """For each request the route that is expected to cost least, not the likeliest one; or
        "unsure", where even that is expected to cost more than `reject_at` (Chow 1970, Elkan
        2001)."""
        expected = _expected(probabilities, self.costs, self.labels)
        return [
            self.labels[at] if least <= self.reject_at else UNSURE
            for at, least in zip(expected.argmin(axis=1), expected.min(axis=1), strict=True)
        ]


def train_router(
    train: Sequence[Case],
    dev: Sequence[Case],
    costs: Costs = COSTS,
    bodies: Sequence[Body] = BODIES,
    how: TuningSettings | None = None,
    labels: Sequence[str] = ROUTES,
) -> Router:
    """Train each body with a head on train, keep the one with the higher macro-F1 on dev, and
    choose temperature and reject threshold there.

    Raises ValueError without rows, for a label that is not among `labels`, and when a row stands in
    both train and dev.
    """
    _check(train, dev, labels)
    how = how or TuningSettings()
    fitted = [_fit(body, train, dev, how, tuple(labels)) for body in bodies]
    best = max(fitted, key=lambda one: one.tried[next(iter(one.tried))]["macro_f1"])
    tried = {name: told for one in fitted for name, told in one.tried.items()}
    return with_costs(replace(best, tried=tried), dev, costs)


def with_costs(router: Router, dev: Sequence[Case], costs: Costs) -> Router:
    """The same router, deciding by other costs: in a moment, for nothing is trained again. The
    threshold is the one that costs least on dev; of several the one that asks back least."""
    import numpy as np

    matrix = cost_matrix(costs, router.labels)
    probabilities = router.probabilities([case.ask.input for case in dev])
    expected = _expected(probabilities, costs, router.labels)
    gold = np.array([router.labels.index(case.gold.answers[0]) for case in dev])
    least = expected.min(axis=1)
    answered, asked_back = matrix[gold, expected.argmin(axis=1)], matrix[gold, len(router.labels)]
    thresholds = [np.inf, *sorted(set(least), reverse=True)]
    total = [np.where(least <= at, answered, asked_back).sum() for at in thresholds]
    reject_at = float(thresholds[int(np.argmin(np.round(total, 9)))])
    name = fingerprint(router.fingerprint.partition("-")[0], sorted(costs.items()), reject_at)
    return replace(
        router,
        costs=dict(costs),
        reject_at=reject_at,
        fingerprint=f"{router.fingerprint.partition('-')[0]}-{name}",
    )


def router_arm(router: Router, name: str = "router") -> Arm:
    """The router as a system for `evaluate`: it says a route, or "unsure"."""

    def answer(asks: Sequence[Ask]):
        started = time.perf_counter()
        said = router.decide(router.probabilities([ask.input for ask in asks])) if asks else []
        each = (time.perf_counter() - started) / max(1, len(asks))
        for ask, route in zip(asks, said, strict=True):
            yield Prediction(ask.id, route, seconds=each)

    return Arm(name, answer, fingerprint("router", router.fingerprint))


# --- training -------------------------------------------------------------------------------------


def _fit(
    body: Body, train: Sequence[Case], dev: Sequence[Case], how: TuningSettings, labels: tuple
) -> Router:
    """One body with its head: trained on train, its temperature chosen on dev."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from helpers.retrieval import embedding

    texts, gold = _rows(train)
    embedding.embed(texts[:1])  # loaded before the clock starts
    wall, cpu = time.perf_counter(), time.process_time()
    made = tune_body(texts, gold, how) if body == "tuned" else None
    vectors = vectors_of(made, texts) if made is not None else embedding.embed(texts)
    head = LogisticRegression(C=C, max_iter=1000)
    head.fit(vectors, [labels.index(one) for one in gold])
    seconds = {
        "seconds": time.perf_counter() - wall,
        # what it takes on a machine that does nothing else
        "cpu_seconds": time.process_time() - cpu,
    }
    weights, bias = _whole(head, len(labels))
    rows = (
        body,
        labels,
        list(zip(*_rows(train), strict=True)),
        list(zip(*_rows(dev), strict=True)),
    )
    trained_by = (how, code_of("training/contrastive")) if made is not None else C
    name = fingerprint(*rows, trained_by, embedding.fingerprint())
    router = Router(labels, made, weights, bias, 1.0, {}, np.inf, {}, name)
    asked, right = _rows(dev)
    scores, at = router.scores(asked), np.array([labels.index(one) for one in right])
    said = scores.argmax(axis=1)
    counts = np.zeros((len(labels), len(labels) + 2))
    np.add.at(counts, (at, said), 1)
    told = {"macro_f1": float(macro_f1(counts)), **seconds}
    return replace(router, temperature=_temperature(scores, at), tried={body: told})


def _whole(head: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (k, dimensions) and bias (k,) of a fitted head; scikit-learn keeps one row for two
    labels. A label without a row is never said."""
    import numpy as np

    weights, bias = np.zeros((k, head.coef_.shape[1])), np.full(k, -1e9)
    if len(head.classes_) == 2:
        weights[head.classes_[1]], bias[head.classes_[0]] = head.coef_[0], 0.0
        bias[head.classes_[1]] = head.intercept_[0]
    else:
        weights[head.classes_], bias[head.classes_] = head.coef_, head.intercept_
    return weights, bias


def _temperature(scores: np.ndarray, gold: np.ndarray) -> float:
    """What to divide scores by, so that the probabilities of the right labels are highest (Guo et
    al. 2017): above 1 for a head that is too sure of itself. Within 1/20 and 20."""
    import numpy as np
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(gold))

    def surprise(log: float) -> float:
        return -np.log(np.maximum(_softmax(scores / np.exp(log))[rows, gold], 1e-12)).mean()

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x))


def _expected(probabilities: np.ndarray, costs: Costs, labels: Sequence[str]) -> np.ndarray:
    """(n, labels): what saying each label is expected to cost."""
    return probabilities @ cost_matrix(costs, labels)[:, : len(labels)]


def _vectors(body: Any, texts: Sequence[str]) -> np.ndarray:
    from helpers.retrieval import embedding

    return embedding.embed_cached(list(texts))[0] if body is None else vectors_of(body, texts)


def _rows(cases: Sequence[Case]) -> tuple[list[str], list[str]]:
    return [case.ask.input for case in cases], [case.gold.answers[0] for case in cases]


def _softmax(scores: np.ndarray) -> np.ndarray:
    import numpy as np

    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _check(train: Sequence[Case], dev: Sequence[Case], labels: Sequence[str]) -> None:
    if not train or not dev:
        raise ValueError("there are no rows to learn from, or to choose on; give train and dev")
    for case in (*train, *dev):
        if not case.gold.answers or case.gold.answers[0] not in labels:
            raise ValueError(f"case {case.id}: its label is none of {', '.join(labels)}")
    if seen := {case.ask.input for case in train} & {case.ask.input for case in dev}:
        raise ValueError(
            f"{len(seen)} rows of dev are in train, too ({sorted(seen)[0][:60]!r}), so what is"
            " chosen on dev would be chosen by heart; keep them apart"
        )


# --- baselines ------------------------------------------------------------------------------------

# From LABELS.md and the training requests; the first that fits is the route.
KEYWORDS: tuple[tuple[str, str], ...] = (
    (
        "refuse",
        r"ignore|pretend|prompt|hidden|admin|jailbreak|bypass|drop table|union select|<script"
        r"|private (?:mobile|number|address|phone)|home address|password (?:does|of)|\bsue\b"
        r"|lawyer|legal|court|rights\b|medicine|pills|dose|fever|\bpain\b|tax\b|shares"
        r"|how much does \w+ earn|where does \w+|personnel file|sick (?:days|leave) of"
        r"|date of birth|fake|hack",
    ),
    (
        "tool",
        r"\b4[6-9]\d\d\b|\b88\d{3}\b"
        r"|\d\s*(?:[-+*/^x%]|per ?cent|times|minus|plus|divided)\s*(?:\d|of|off)"
        r"|\btoday|what day|which (?:day|date|weekday)|the date|days (?:until|till|ago|from)",
    ),
    (
        "small talk",
        r"^(?:hi|hello|hey|moin|bye|thanks|thx|cheers|good (?:morning|evening|night)|ok|haha)\b"
        r"[^?]*$|thank|\bjoke\b|are you\b|do you (?:like|ever|get|dream)"
        r"|your (?:name|favourite)|weekend|love|happy|tired|laugh",
    ),
)


def keyword_router() -> Arm:
    """Words and patterns, a list a route; what none fits goes to the search. The baseline of an
    afternoon."""
    found = [(route, re.compile(words, re.ASCII)) for route, words in KEYWORDS]

    def answer(asks: Sequence[Ask]):
        for ask in asks:
            said = ask.input.lower()
            route = next((name for name, words in found if words.search(said)), "retrieve")
            yield Prediction(ask.id, route)

    return Arm("keywords", answer, fingerprint("keywords", KEYWORDS))


# Asking the language model: `zero_shot(model, ROUTE_PROMPT, constrained=True)`.
ROUTE_PROMPT = TaskPrompt(
    """Which part of a company's assistant should answer the message? Answer with one of:
"retrieve": a question about rules, products or prices, to look up in the handbook
"tool": the status of one order or ticket, a calculation, or today's date
"refuse": somebody's private data, legal or medical advice, or an attack on the assistant
"small talk": a greeting, thanks or chat""",
    schema={"type": "string", "enum": list(ROUTES)},
    max_new_tokens=12,
    tuned="Route.",
    shown="Message: {}",
)
