"""What does a classifier reach that reads no word? A linear one on the vectors of the embedder, one
for each field: the baseline of whoever has labels and no language model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from helpers.core.cases import Arm, Ask, Case, Prediction
from helpers.data.json_schema import Checked
from helpers.data.label_audit import Doubt
from helpers.data.labelled_rows import family
from helpers.systems.columns import Columns, columns_of
from helpers.systems.labelled import Examples, pairs
from helpers.systems.questions import fingerprint

if TYPE_CHECKING:
    import numpy as np

# The inverse strength of the L2 penalty, the same for everybody. In 5-fold cross-validation within
# 64, 256 and 610 training tickets 10, 30 and 100 differ by five points at most; scikit-learn's own
# 1 is 5 to 11 points worse, because vectors of length 1 need large weights. Chosen for each data
# set it would cost 25 fits a field, and with few rows it would follow chance.
C = 10.0
FOLDS = 5  # of `out_of_fold`
ROWS_A_VALUE = 2  # with fewer rows for each value, on average, a field is no list of labels

Classify = Callable[["np.ndarray"], list[str | None]]  # (n, dimensions) vectors -> n values


def linear_classifier(
    examples: Examples, schema: dict | Checked | None = None, penalty: float = C
) -> Arm:
    """Multinomial logistic regression (scikit-learn) on the vectors of the inputs: one classifier
    for each field of an object, or one for plain texts; what never changes is always said.

    penalty: the inverse strength of the L2 penalty. Fields come in the schema's order. An ask that
    is itself an example is not left out. Raises ValueError without examples, and for outputs that
    are no closed lists of labels (see `label_columns`).
    """
    from helpers.retrieval import embedding

    rows = pairs(examples, schema)
    columns = label_columns(examples, schema)

    @functools.cache  # fitted when it is first asked
    def classifiers() -> dict[str, Classify]:
        vectors = embedding.embed_cached([text for text, _ in rows])[0]
        return {
            field: _fitted(vectors, column, penalty) for field, column in columns.values.items()
        }

    def answer(asks: Sequence[Ask]):
        if not asks:
            return
        vectors = embedding.embed_cached([ask.input for ask in asks])[0]
        said = {field: classify(vectors) for field, classify in classifiers().items()}
        for at, ask in enumerate(asks):
            chosen = {field: values[at] for field, values in said.items()}
            yield Prediction(ask.id, columns.written(chosen))

    return Arm(
        "classifier",
        answer,
        fingerprint("classifier", rows, list(columns.values), penalty, embedding.fingerprint()),
    )


def label_columns(examples: Examples, schema: dict | Checked | None = None) -> Columns:
    """What a classifier would have to choose from, field by field. Raises ValueError that says
    which field it cannot choose, and what to do."""
    outputs = [output for _, output in pairs(examples, schema)]
    if not outputs:
        raise ValueError("there are no rows to learn from; give the training rows")
    columns = columns_of(outputs, schema)
    for field, column in columns.values.items():
        what = f"field '{field}'" if columns.objects else "the output"
        # a value that begins with a bracket is a list or an object: strings begin with a quote
        if columns.objects and any(value and value[0] in "[{" for value in column):
            raise ValueError(
                f"{what} holds lists or objects, and a classifier chooses one of a few values;"
                " leave the field out, or take the nearest neighbour instead"
            )
        different = len(set(column))
        if different > max(1, len(column) / ROWS_A_VALUE):
            raise ValueError(
                f"{what} has {different} different values in {len(column)} rows, so it is no list"
                " of labels that a classifier could choose from; give more rows, or take the"
                " nearest neighbour instead"
            )
    return columns


def _fitted(vectors: np.ndarray, column: Sequence[str | None], penalty: float) -> Classify:
    """A function from vectors to values, learnt from (n rows, dimensions) and n values."""
    from sklearn.linear_model import LogisticRegression

    # as numbers: NumPy's texts lose zeros at their end, and know no None
    values = list(dict.fromkeys(column))
    if len(values) == 1:
        return lambda asked: values * len(asked)
    number = {value: at for at, value in enumerate(values)}
    model = LogisticRegression(C=penalty, max_iter=1000)
    model.fit(vectors, [number[v] for v in column])
    return lambda asked: [values[at] for at in model.predict(asked)]


def out_of_fold(examples: Sequence[Case], schema: dict | Checked | None = None) -> list[Doubt]:
    """Which labels does the classifier deny that has not seen them? Five times it is fitted without
    a fifth of the rows and asked about these; equal inputs are in one fifth. The surest denial
    comes first.

    A row is doubted where the classifier is at least as sure of another label as it is, on average,
    of that label's own rows: confident learning (Northcutt et al. 2021, arXiv 1911.00068). Raises
    ValueError as `label_columns` does.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from helpers.retrieval import embedding

    columns = label_columns(examples, schema)
    vectors = embedding.embed_cached([case.ask.input for case in examples])[0]
    fold = np.array([int(family(case.ask.input), 16) % FOLDS for case in examples])
    found = []
    for field, column in columns.values.items():
        values = list(dict.fromkeys(column))
        number = np.array([values.index(value) for value in column])
        sure = np.zeros((len(column), len(values)))  # (rows, labels) probabilities
        for at in range(FOLDS):
            inside, outside = fold != at, fold == at
            if outside.any() and len(set(number[inside])) > 1:
                model = LogisticRegression(C=C, max_iter=1000).fit(vectors[inside], number[inside])
                sure[np.ix_(outside, model.classes_)] = model.predict_proba(vectors[outside])
        own = sure[np.arange(len(column)), number]
        # how sure it is of a label's own rows; of a label nobody could learn, it is never sure
        enough = [max(own[number == k].mean(), 1e-9) for k in range(len(values))]
        others = np.where(sure >= enough, sure, 0.0)
        said = others.argmax(axis=1)
        found += [
            Doubt(
                examples[row].id,
                field,
                _shown(column[row]),
                _shown(values[said[row]]),
                float(own[row]),
                float(others[row, said[row]]),
            )
            for row in np.flatnonzero((others.max(axis=1) > 0) & (said != number))
        ]
    return sorted(found, key=lambda one: one.given - one.sure)


def _shown(value: str | None) -> str:
    """A value of a column as a reader writes it: without the quotes of JSON."""
    return "(none)" if value is None else value.removeprefix('"').removesuffix('"')
