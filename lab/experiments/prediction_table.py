"""A table of predictions, whatever its columns are called: by README, "What a run can leave behind"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from lab.dataclass import dataclass
from lab.errors import LabError

#: What columns are called, in small letters; the first that is there counts.
ROWS = ("row", "row_number", "row_index", "index", "idx", "", "unnamed: 0")
IDS = ("id", "sample_id", "sample", "example_id", "uid", "key", "name", "file", "path", "image")
LABELS = ("label", "target", "y_true", "truth", "actual", "ground_truth", "expected", "y")
PREDICTIONS = ("prediction", "predicted", "y_pred", "pred", "predicted_label", "y_hat", "yhat", "output")
SCORES = ("score", "confidence", "probability", "proba", "prob")
#: Of one column per class: `proba_7`.
PROBAS = ("proba_", "probability_", "prob_", "p_", "score_")


class NotPredictionsError(LabError):
    """The table is none of predictions; the message says what is missing."""

    code = "not_predictions"


@dataclass(frozen=True)
class Predictions:
    """One run's predictions: columns `id`, `label`, `prediction` (as they were), `score` (or null), and `row`, the
    number in the dataset (or null). `positional` tells that samples are told apart by their place in the file alone,
    `key` is the column that tells them apart otherwise, `dataset` the one that names the dataset, if any does."""

    frame: pl.DataFrame
    key: str = ""
    positional: bool = False
    dataset: str = ""
    notes: tuple[str, ...] = ()


def recognise(table: pl.DataFrame) -> Predictions:
    """Predictions by the names of the columns. Raises NotPredictionsError without a label or a prediction."""
    names = {name.lower(): name for name in reversed(table.columns)}
    label, prediction = _first(names, LABELS), _first(names, PREDICTIONS)
    if label is None or prediction is None:
        wanted = "label (or target, y_true)" if label is None else "prediction (or predicted, y_pred)"
        raise NotPredictionsError(f"it has no column {wanted}")
    row, key = _first(names, ROWS), _first(names, IDS)
    whole = row is not None and table[row].dtype.is_integer()
    row = row if whole else None
    told = key if key is not None else row
    notes = []
    columns = {
        "id": pl.int_range(pl.len()).cast(pl.String) if told is None else text_of(table[told]),
        "label": table[label],
        "prediction": table[prediction],
        "row": pl.lit(None, pl.Int64) if row is None else table[row].cast(pl.Int64, strict=False),
        "score": _scores(table, names, prediction),
    }
    frame = table.select(**columns).filter(pl.col("label").is_not_null() & pl.col("prediction").is_not_null())
    if frame.height < table.height:
        notes.append(f"{table.height - frame.height:,} rows without a label or a prediction are left out")
    once = frame.unique("id", keep="last", maintain_order=True)
    if once.height < frame.height:
        notes.append(f"{frame.height - once.height:,} rows come again later: the last one of a sample counts")
    dataset = names.get("dataset")
    where = str(table[dataset][0]) if dataset and table.height and table[dataset].n_unique() == 1 else ""
    return Predictions(once, told or "", told is None, where, tuple(notes))


def _first(names: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    return next((names[name] for name in wanted if name in names), None)


def _scores(table: pl.DataFrame, names: Mapping[str, str], prediction: str) -> pl.Expr | pl.Series:
    """The probability of what was predicted, from a column per class or from one column; null where there is none."""
    predicted = text_of(table[prediction])
    for prefix in PROBAS:
        classes = {name[len(prefix) :]: own for name, own in names.items() if name.startswith(prefix)}
        classes = {key: own for key, own in classes.items() if table[own].dtype.is_numeric()}
        if len(classes) >= 2:
            low = predicted.str.to_lowercase()
            found = pl.coalesce(
                *(pl.when(low == key).then(table[own].cast(pl.Float64)) for key, own in classes.items()),
                pl.lit(None, pl.Float64),
            )
            return found.fill_nan(None)
    column = _first(names, SCORES)
    if column is None or not table[column].dtype.is_numeric():
        return pl.lit(None, pl.Float64)
    return table[column].cast(pl.Float64).fill_nan(None)


def text_of(values: pl.Series) -> pl.Series:
    """Values as text that is the same for 3, 3.0 and "3"."""
    if values.dtype.is_float():
        whole = values.is_finite() & (values == values.round()) & (values.abs() < 2**53)
        as_whole = values.set(~whole, None).cast(pl.Int64, strict=False).cast(pl.String)
        return as_whole.fill_null(values.cast(pl.String))
    if values.dtype.is_nested() or values.dtype == pl.Binary:
        return pl.Series(values.name, [None if value is None else str(value) for value in values.to_list()], pl.String)
    return values.cast(pl.String)
