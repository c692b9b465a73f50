"""What is right in anybody's task? Objects: valid, and every field as labelled. Texts: the same but
for case, articles and punctuation; or one of a closed list, letter for letter. No model, no judge.
"""

from __future__ import annotations

from typing import Any

from helpers.core.cases import Gold, Prediction
from helpers.core.records import parse_json
from helpers.data.json_schema import Checked, SchemaError, checked
from helpers.evaluation import scores, text
from helpers.evaluation.evaluator import Task


def same(a: Any, b: Any) -> bool:
    """Are two JSON values equal? 1 and 1.0 are one number; true is no number; keys have no order,
    lists have."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return (
        type(a) is type(b) and a == b
        if not isinstance(a, int | float)
        else isinstance(b, int | float) and a == b
    )


def task_of(schema: dict | Checked | None = None, name: str = "own rows") -> Task:
    """The task that a schema describes, for `evaluate`. None: texts without a schema.

    Objects: columns valid_json, valid, state, said, gold_fields, one `<field>_right` a field, and
    fields_right, the share of fields. Texts: exact_match and token_f1 as SQuAD has them, valid when
    there is a schema.
    """
    held = checked(schema) if schema is not None else None
    if held is None or held.kind == "string":
        return Task(
            name,
            lambda p, gold: text_correct(p, gold, held),
            lambda p, gold: text_scores(p, gold, held),
        )
    if "fields" in held.fields:
        raise ValueError(
            "a field cannot be called 'fields', because the table has a column fields_right of its"
            " own; rename it in schema and rows"
        )
    return Task(
        name,
        lambda p, gold: object_scores(p, gold, held)["right"],
        lambda p, gold: {k: v for k, v in object_scores(p, gold, held).items() if k != "right"},
    )


def object_scores(prediction: Prediction, gold: Gold, schema: Checked) -> dict[str, object]:
    """Form and judgement apart. Nothing in an invalid answer counts as right; a field that neither
    has is right."""
    state, said = "invalid JSON", None
    if prediction.error is None:
        try:
            said, state = parse_json(prediction.text), "invalid schema"
        except ValueError:
            said = None
    if state == "invalid schema" and isinstance(said, dict) and _keeps(said, schema):
        state = "valid"
    said = said if state == "valid" else {}
    names = dict.fromkeys([*schema.fields, *gold.output])
    missing = object()
    fields = {
        f"{field}_right": (
            state == "valid"
            and _equal(said.get(field, missing), gold.output.get(field, missing), missing)
        )
        for field in names
    }
    return {
        **fields,
        "state": state,
        "valid_json": state != "invalid JSON",
        "valid": state == "valid",
        "right": state == "valid" and same(said, gold.output),
        "fields_right": sum(fields.values()) / len(fields),
        "said": said or None,
        "gold_fields": gold.output,
    }


def _keeps(value: Any, schema: Checked) -> bool:
    """Does an answer keep the schema? One that makes the schema run in circles (nested without end)
    does not, and stops no table."""
    try:
        return not schema.faults(value)
    except SchemaError:
        return False


def _equal(a: Any, b: Any, missing: object) -> bool:
    return a is b if a is missing or b is missing else same(a, b)


def text_correct(prediction: Prediction, gold: Gold, schema: Checked | None = None) -> bool:
    """One of a closed list: letter for letter. Other texts: equal when normalised as SQuAD does;
    where that leaves nothing, equal as they stand."""
    said, wanted = prediction.text.strip(), gold.answers[0].strip()
    if prediction.error is not None or (schema and not _keeps(said, schema)):
        return False
    closed = schema is not None and ("enum" in schema.top or "const" in schema.top)
    if closed or not text.squad_normalise(wanted):
        return said == wanted
    return scores.exact_match(said, [wanted]) == 1.0


def text_scores(
    prediction: Prediction, gold: Gold, schema: Checked | None = None
) -> dict[str, object]:
    """SQuAD's exact match and token F1, and whether the schema (a list of labels, a pattern, a
    length) is kept."""
    said = "" if prediction.error else prediction.text.strip()
    form = {"valid": prediction.error is None and _keeps(said, schema)} if schema else {}
    return form | {
        "exact_match": scores.exact_match(said, gold.answers),
        "token_f1": scores.token_f1(said, gold.answers),
    }
