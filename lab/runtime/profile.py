"""The reference that drift is measured against: `profile.json`, made of the example rows as a model is saved.

`{"v": 1, "rows": n, "source": …, "columns": [numeric | category | opaque], "outputs": …?, "score": …?}`. Counts
stand between edges as in Prometheus: `counts[i]` values are at most `edges[i]` and above the edge before; the last are
above all. Needs numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FILE = "profile.json"

NUMERIC, CATEGORY, OPAQUE = "numeric", "category", "opaque"
BINS = 20
MAX_CATEGORIES = 100


def build(
    inputs: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]], outputs: tuple[Any, Any]
) -> dict[str, Any]:
    """The profile of `rows` (n × columns, JSON values) under the signature's `inputs`, and of the model's `outputs`.

    `outputs` are the predictions for the rows, of shape (n,) or (n, k), and the probabilities of shape (n, classes) or
    None. The score is each row's highest probability.
    """
    predictions, probabilities = outputs
    about: dict[str, Any] = {
        "v": 1,
        "rows": len(rows),
        "source": "example",
        "columns": columns(inputs, list(zip(*rows, strict=True))),
        "outputs": _outputs(np.asarray(predictions)),
    }
    if probabilities is not None:
        about["score"] = numeric(np.asarray(probabilities, dtype=float).max(axis=1))
    return about


def columns(inputs: Sequence[Mapping[str, Any]], values: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """The profile's columns, from the signature's `inputs` and the values of each."""
    return [_column(given, column) for given, column in zip(inputs, values, strict=True)]


def _column(given: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """What a column's values are like; of a personal one only how many are missing."""
    present = [value for value in values if value is not None and value == value]
    about: dict[str, Any] = {"name": given["name"], "missing": len(values) - len(present)}
    if given.get("pii"):
        return about | {"kind": OPAQUE}
    if given["dtype"] in ("int64", "float64"):
        return about | numeric(np.array(present, dtype=float))
    return about | _categories(Counter(category(value) for value in present))


def category(value: Any) -> str:
    """How a text or truth value is called in a profile and in counters."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def numeric(values: Any) -> dict[str, Any]:
    """Counts between edges that share the finite `values` about equally: quantiles, or each value where few differ."""
    values = values[np.isfinite(values)]
    if not len(values):
        return {"kind": OPAQUE}
    distinct = np.unique(values)
    if len(distinct) <= BINS:
        edges = distinct[:-1]
    else:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return {
        "kind": NUMERIC,
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
    }


def _categories(counts: Counter[str]) -> dict[str, Any]:
    if len(counts) > MAX_CATEGORIES:
        return {"kind": OPAQUE}
    return {"kind": CATEGORY, "categories": dict(sorted(counts.items()))}


def _outputs(predictions: Any) -> dict[str, Any]:
    if predictions.ndim != 1:
        return {"kind": OPAQUE}
    if predictions.dtype.kind == "f":
        return numeric(predictions)
    return _categories(Counter(category(value) for value in predictions.tolist()))
